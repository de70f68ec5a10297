"""`nightdesk plan list`, `make ROTA --from --until`, `repair ROTA --without`, `show`, `stop`, `publish`, `copy`, `discard`."""

import json
import time
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from nightdesk.access.matrix import require
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.people.models import Person
from nightdesk.rota import plan_actions
from nightdesk.rota.models import Drafting, Plan, Rota

POLL_S = 0.5


class Command(BaseCommand):
    help = "Plans of a rota: have one made, look at it, publish it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        listed = what.add_parser("list", help="the plans of a rota, the newest first")
        made = what.add_parser("make", help="have a draft made; a worker does it")
        made.add_argument("--from", dest="first", help="first day, such as 2026-12-01; default: that of next month")
        made.add_argument("--until", dest="last", help="last day, included; default: the end of that month")
        made.add_argument("--steps", type=int, default=200_000)
        made.add_argument("--seconds", type=float, help="by the clock; the plan then cannot be made again")
        made.add_argument("--solver", action="store_true", help="with OR-Tools too, where it is installed")
        repaired = what.add_parser("repair", help="a draft with few changes, without somebody who cannot work")
        repaired.add_argument("--without", required=True, help="the name of whoever cannot")
        repaired.add_argument("--since", help="an instant with its offset; default: now")
        repaired.add_argument("--until", required=True, help="likewise")
        for each in (listed, made, repaired):
            each.add_argument("rota", help="the name of the rota")
        for each in (made, repaired):
            each.add_argument("--seed", type=int, default=1)
            each.add_argument("--wait", action="store_true", help="show how far it is, and end when it is there")
        numbered = {
            "show": "one plan, with its gaps",
            "stop": "stop making it, and keep the best",
            "publish": "it holds from now",
            "copy": "an earlier one as a draft again",
            "discard": "nobody wants it",
        }
        parsers = {name: what.add_parser(name, help=text) for name, text in numbered.items()}
        for each in parsers.values():
            each.add_argument("rota", help="the name of the rota")
            each.add_argument("number", type=int)
        parsers["publish"].add_argument("--reason", default="", help="why it holds against a rule that blocks it")
        for each in (listed, made, repaired, *parsers.values()):
            each.add_argument("--as", dest="email", help="e-mail address of who does it")
            each.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now()}
        rota = _rota(options["rota"])
        require(by, "read_plans", rota.brand_id)
        match options["what"]:
            case "list":
                self._tell(list(Plan.objects.filter(rota=rota).order_by("-number")[:50]), options)
            case "make":
                first, last = _days(options, rota)
                effort = plan_actions.Effort(options["steps"], options["seconds"], options["solver"])
                plan = plan_actions.make_draft(
                    rota_id=rota.pk,
                    starts_on=first,
                    ends_on=last + timedelta(days=1),
                    effort=effort,
                    seed=options["seed"],
                    **doing,
                )
                self._follow(plan, options)
            case "repair":
                person = Person.objects.filter(name=options["without"], active=True).first()
                if person is None:
                    raise NotFound(
                        _("%s cannot work.") % options["without"],
                        _("Nobody has that name."),
                        _("Name one of the staff."),
                    )
                plan = plan_actions.draft_repair(
                    rota_id=rota.pk,
                    person_id=person.pk,
                    since_at=instant_of(options["since"]) if options["since"] else doing["at"],
                    until_at=instant_of(options["until"]),
                    seed=options["seed"],
                    **doing,
                )
                self._follow(plan, options)
            case verb:
                self._one(verb, _plan(rota, options["number"]), options, doing)

    def _one(self, verb: str, plan: Plan, options: dict[str, Any], doing: dict[str, Any]) -> None:
        match verb:
            case "stop":
                plan = plan_actions.stop_draft(plan_id=plan.pk, **doing)
            case "publish":
                plan = plan_actions.publish_plan(plan_id=plan.pk, override_reason=options["reason"], **doing)
            case "copy":
                plan = plan_actions.copy_plan(plan_id=plan.pk, **doing)
            case "discard":
                plan = plan_actions.discard_draft(plan_id=plan.pk, **doing)
        self._tell([plan], options)
        if verb == "show" and not options["json"]:
            for gap in plan.gaps:
                self.stdout.write(f"  gap: {gap['kind']} {gap['starts_at'] or ''} {gap['skill']}".rstrip())

    def _follow(self, plan: Plan, options: dict[str, Any]) -> None:
        """With --wait say how far it is until it is there; else only that it was asked for."""
        said = ""
        while options["wait"] and plan.state == Plan.State.MAKING:
            run = Drafting.objects.get(plan=plan)
            text = (
                f"{run.progress.get('steps', 0)}/{run.progress.get('of', 0)}"
                if run.progress
                else _("waits for a worker")
            )
            if text != said and not options["json"]:
                self.stderr.write(text)
            said = text
            time.sleep(POLL_S)
            plan.refresh_from_db()
        self._tell([plan], options)

    def _tell(self, plans: list[Plan], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps([_fields(plan) for plan in plans], ensure_ascii=False))
            return
        for plan in plans:
            cost = f", {plan.cost} points" if plan.cost is not None else ""
            self.stdout.write(
                f"{plan.number}  {plan.state}  {plan.starts_on} to {plan.ends_on - timedelta(days=1)}: "
                f"{len(plan.gaps)} gaps{cost}"
            )
        if not plans:
            self.stdout.write(_("There are none."))


def _fields(plan: Plan) -> dict[str, Any]:
    return {
        "id": str(plan.pk),
        "number": plan.number,
        "state": plan.state,
        "starts_on": plan.starts_on.isoformat(),
        "ends_on": plan.ends_on.isoformat(),
        "gaps": plan.gaps,
        "cost": plan.cost,
        "bound": plan.bound,
        "reproducible": plan.reproducible,
        "made_with": plan.made_with,
    }


def _rota(name: str) -> Rota:
    rows = list(Rota.objects.filter(name=name).select_related("brand")[:2])
    if len(rows) != 1:
        so = _("Several have that name.") if rows else _("There is none.")
        raise NotFound(_("The rota %s was named.") % name, so, _("Give the name of one rota."))
    return rows[0]


def _plan(rota: Rota, number: int) -> Plan:
    plan = Plan.objects.filter(rota=rota, number=number).first()
    if plan is None:
        raise NotFound(_("Plan %s was named.") % number, _("The rota has none."), _("Look at `nightdesk plan list`."))
    return plan


def _days(options: dict[str, Any], rota: Rota) -> tuple[date, date]:
    today = clock.now().astimezone(ZoneInfo(rota.zone)).date()
    first = _day(options["first"]) if options["first"] else (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first, _day(options["last"]) if options["last"] else following - timedelta(days=1)


def _day(text: str) -> date:
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise Invalid(_("The day %s was given.") % text, _("It cannot be read."), _("Write it as 2026-12-01."))
    return day


def instant_of(text: str) -> Any:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid(
            _("The time %s was given.") % text,
            _("It cannot be read, or has no offset."),
            _("Write it as 2026-12-01T18:00Z."),
        )
    return at
