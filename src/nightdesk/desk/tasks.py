"""What the worker does when a ticket's promise falls due: each verb looks at the ticket again under its lock."""

from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.desk import actions, attaching, attachment_actions


def pass_next_step(promise: Promise, at: datetime) -> str:
    """Say that a next step is late; returns what was done."""
    return actions.pass_next_step(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def close_ticket(promise: Promise, at: datetime) -> str:
    """Close what was resolved; returns what was done."""
    return actions.expire_ticket(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def scan_attachment(promise: Promise, at: datetime) -> str:
    """Have the scanner look at a file; returns what it said."""
    return attachment_actions.scan_attachment(
        attachment_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at
    )


def read_attachment(promise: Promise, at: datetime) -> str:
    """Read the words of a file; returns what was done."""
    return attachment_actions.read_attachment(
        attachment_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at
    )


HANDLERS = {
    actions.NEXT_STEP: Handler(pass_next_step, lane="follow"),
    actions.CLOSE: Handler(close_ticket),
    attaching.SCAN: Handler(scan_attachment, give_up_after=None),
    attaching.READ: Handler(read_attachment),
}
