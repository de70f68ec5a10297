"""`nightdesk bench rostering`: a published rostering instance, solved by the planner of this program."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid
from nightdesk.rota.planner import Budget, Problem, solve
from nightdesk.rota.planner.child import solver_version
from nightdesk.rota.planner.curtois import BadInstance, read_instance
from nightdesk.rota.planner.score import Breach, make_bill

TRIAL = 20_000
"""Steps that tell how many fit into a second here."""


class Command(BaseCommand):
    help = "Hold the planner against published instances: `bench rostering FILE --seconds 60`."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["rostering"])
        parser.add_argument("file", type=Path, help="an instance in the text format of Curtois and Qu")
        parser.add_argument("--seconds", type=float, default=60.0, help="how long it may take; default: 60")
        parser.add_argument("--core", action="store_true", help="without the solver, also where it is installed")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *_args: Any, **options: Any) -> None:
        problem = _read(options["file"])
        seconds, began = options["seconds"], time.monotonic()
        with_solver = solver_version() is not None and not options["core"]
        solve(problem, Budget(steps=TRIAL), seed=options["seed"])
        a_second = TRIAL / (time.monotonic() - began)
        left = seconds - (time.monotonic() - began)
        steps = int(a_second * left * (0.3 if with_solver else 0.9))
        budget = Budget(steps=max(steps, TRIAL), seconds=left, solver=with_solver, units=max(left, 1.0))
        result = solve(problem, budget, seed=options["seed"])
        breaches = make_bill(problem, result.given).breaches
        took = time.monotonic() - began
        self.stdout.write(f"engine      {result.engine} ({result.version}), {result.steps} steps, {took:.1f} s")
        self.stdout.write(f"cost        {result.cost}")
        self.stdout.write(f"bound       {_bound(result.cost, result.bound)}")
        self.stdout.write(f"violations  {len(breaches)}")
        for breach in breaches:
            self.stdout.write(f"  {_line(breach)}")


def _read(file: Path) -> Problem:
    asked = _("The instance %r was asked for.") % str(file)
    try:
        return read_instance(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(asked, _("It cannot be opened: %s.") % error.strerror, _("Name another file.")) from error
    except (BadInstance, UnicodeDecodeError) as wrong:
        raise Invalid(asked, str(wrong), _("Give an instance in the text format of Curtois and Qu.")) from wrong


def _bound(cost: int, bound: int | None) -> str:
    if bound is None:
        return _("none was proved")
    if bound >= cost:
        return _("%d, so there is no better one") % bound
    return _("%(bound)d, so at most %(share).1f %% could be better") % {
        "bound": bound,
        "share": (cost - bound) * 100 / max(bound, 1),
    }


def _line(breach: Breach) -> str:
    return f"{breach.person}: {breach.rule} {' '.join(breach.slots)}".rstrip()
