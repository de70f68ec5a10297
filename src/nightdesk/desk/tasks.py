"""What the worker does when a ticket's promise falls due: each verb looks at the ticket again under its lock."""

from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import NotFound
from nightdesk.desk import actions, queries


def pass_next_step(promise: Promise, at: datetime) -> str:
    """Say that a next step is late; returns what was done."""
    return actions.pass_next_step(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def close_ticket(promise: Promise, at: datetime) -> str:
    """Close what was resolved; returns what was done."""
    return actions.expire_ticket(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def tell_clocks(promise: Promise, at: datetime) -> str:
    """Tell what is nearly due or late; returns what was done."""
    try:
        return actions.tell_clocks(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    except NotFound:
        return "It is gone."


def recount_clocks(promise: Promise, at: datetime) -> str:
    """Let what is promised about clocks follow a contract or hours that changed; returns what was done."""
    after = promise.facts.get("after")
    counted = actions.recount_clocks(
        subject=(promise.subject_kind, promise.subject_id),
        after=UUID(after) if after else None,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
    return f"{counted} tickets were looked at."


HANDLERS = {
    actions.NEXT_STEP: Handler(pass_next_step, lane="follow"),
    actions.CLOSE: Handler(close_ticket),
    actions.RECOUNT: Handler(recount_clocks, lane="follow"),
    # Either may page somebody.
    queries.WARN: Handler(tell_clocks, lane="page", give_up_after=None),
    queries.BREACH: Handler(tell_clocks, lane="page", give_up_after=None),
}
