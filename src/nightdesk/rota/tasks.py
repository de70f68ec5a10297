"""What the worker calls for the plan; its thread that makes drafts leases one at a time, and asks the planner's process."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.worker import Shift
from nightdesk.rota import drafts, engine, plan_actions, swap_actions
from nightdesk.rota.models import Drafting

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Seconds between looks when nobody wakes us."""
TRIES = 3
"""So often a plan is begun again whose process was killed, before it counts as failed."""
AGAIN_AFTER = timedelta(seconds=2)


def draft_plans(shift: Shift) -> None:
    """One step of the thread "drafts": the draft that has waited longest, or a pause."""
    seen = shift.bell(Drafting.LANE).rung
    rows = leases.claim(Drafting, Drafting.LANE, 1, at=clock.now(), worker=shift.worker)
    for row in rows:
        run_drafting(row, gives_up=shift.stopping.is_set)
    if not rows and not shift.stopping.is_set():
        shift.bell(Drafting.LANE).wait(seen, LOOK_S)


def run_drafting(row: Drafting, *, gives_up: Any = lambda: False) -> None:
    """Make the plan that the leased row is about. Whatever happens on the way, it is leased by nobody afterwards."""
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER}
    run: dict[str, Any] = {"drafting_id": row.id, "attempt": row.attempt}
    told = _Told(row)
    try:
        made = drafts.make(row, ask=lambda request: _ask(request, told, gives_up))
    except engine.EngineRefused as refused:
        plan_actions.fail_draft(**run, why=str(refused), **doing, at=clock.now())
    except engine.EngineLost as lost:
        log.warning("The planner's process for plan %s is lost: %s", row.plan_id, lost)
        if gives_up() or told.unwanted or row.attempt < TRIES:
            _put_back(row, later=not gives_up())
        else:
            why = _("Its process was lost %(times)s times. %(last)s") % {"times": TRIES, "last": lost}
            plan_actions.fail_draft(**run, why=why, **doing, at=clock.now())
    except ValueError as wrong:
        log.exception("What the planner answered for plan %s cannot be read", row.plan_id)
        plan_actions.fail_draft(**run, why=str(wrong), **doing, at=clock.now())
    else:
        plan_actions.finish_draft(**run, made=made, **doing, at=clock.now())


class _Told:
    """What the run is told of: it writes progress down, and knows whether the best so far, or nothing, is wanted."""

    def __init__(self, row: Drafting) -> None:
        self._mine = Drafting.objects.filter(id=row.id, attempt=row.attempt, ended_at=None)
        self.unwanted = False

    def progress(self, said: dict[str, Any]) -> None:
        self._mine.update(progress=said)

    def stop(self) -> bool:
        row = self._mine.values_list("stop_at", flat=True).first()
        self.unwanted = not self._mine.exists()
        return row is not None


def _ask(request: dict[str, Any], told: _Told, gives_up: Any) -> Any:
    return engine.ask(
        json.loads(json.dumps(request)),
        on_progress=told.progress,
        wants_stop=told.stop,
        gives_up=lambda: bool(gives_up()) or told.unwanted,
    )


def _put_back(row: Drafting, *, later: bool) -> None:
    """Whoever looks next has it; what it had come to is lost, and nothing else."""
    due_at = clock.now() + AGAIN_AFTER if later else row.due_at
    mine = Drafting.objects.filter(id=row.id, attempt=row.attempt, ended_at=None)
    mine.update(leased_by=None, leased_at=None, progress={}, due_at=due_at)


def lapse_swap(promise: Promise, at: datetime) -> str:
    """Keep a `rota.lapse_swap` promise."""
    return swap_actions.lapse_swap(swap_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {swap_actions.LAPSE: Handler(lapse_swap, lane="follow", give_up_after=None)}
