"""What falls due of planned work, as the worker keeps it: see `base.promises`."""

from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.outages import carrier_actions, work_actions


def tell_touched(promise: Promise, at: datetime) -> str:
    """Tell some more of those touched; returns what was done."""
    return work_actions.tell_touched(
        work_id=UUID(promise.subject_id),
        round_=int(promise.facts["round"]),
        kind_=str(promise.facts["kind"]),
        note=str(promise.facts["note"]),
        entry=promise.cause or promise.id,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def remind_touched(promise: Promise, at: datetime) -> str:
    """Remind those touched; returns what was done."""
    return work_actions.remind_touched(work_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def press_for_decision(promise: Promise, at: datetime) -> str:
    """Nobody has decided; returns what was done."""
    return work_actions.press_for_decision(work_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def follow_planned(promise: Promise, at: datetime) -> str:
    """What was done to the planned work of paging reaches customers; returns what was done."""
    return work_actions.follow_planned(planned_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def parse_carrier_mail(promise: Promise, at: datetime) -> str:
    """Have a carrier's own format read; returns what came of it."""
    return carrier_actions.parse_carrier_mail(mail_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {
    work_actions.TELL: Handler(tell_touched, lane="follow", give_up_after=None),
    work_actions.REMIND: Handler(remind_touched, give_up_after=None),
    work_actions.UNDECIDED: Handler(press_for_decision),
    work_actions.FOLLOW: Handler(follow_planned, lane="follow", give_up_after=None),
    carrier_actions.PARSE: Handler(parse_carrier_mail, give_up_after=3),
}
"""For `wiring`. What customers are owed is never given up."""
