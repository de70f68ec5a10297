"""What the worker does when a ticket's promise falls due: each verb looks at the ticket again under its lock."""

from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.desk import actions


def pass_next_step(promise: Promise, at: datetime) -> str:
    """Say that a next step is late; returns what was done."""
    return actions.pass_next_step(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def close_ticket(promise: Promise, at: datetime) -> str:
    """Close what was resolved; returns what was done."""
    return actions.expire_ticket(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {
    actions.NEXT_STEP: Handler(pass_next_step, lane="follow"),
    actions.CLOSE: Handler(close_ticket),
}
