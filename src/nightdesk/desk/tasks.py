"""What the worker does when a ticket's promise falls due: each verb looks at the ticket again under its lock."""

from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.desk import actions, linking_actions


def pass_next_step(promise: Promise, at: datetime) -> str:
    """Say that a next step is late; returns what was done."""
    return actions.pass_next_step(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def close_ticket(promise: Promise, at: datetime) -> str:
    """Close what was resolved; returns what was done."""
    return actions.expire_ticket(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def take_page(promise: Promise, at: datetime) -> str:
    """Find or open the ticket of a page that began; returns what was done."""
    return linking_actions.take_page(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def note_page_taken(promise: Promise, at: datetime) -> str:
    """Let a page's ticket know who has it; returns what was done."""
    return linking_actions.note_page_taken(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def note_page_over(promise: Promise, at: datetime) -> str:
    """Let a page's ticket know that it is over; returns what was done."""
    return linking_actions.note_page_over(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def gather_surge(promise: Promise, at: datetime) -> str:
    """See whether several customers ask about one thing; returns what was done."""
    return linking_actions.gather_surge(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {
    actions.NEXT_STEP: Handler(pass_next_step, lane="follow"),
    actions.CLOSE: Handler(close_ticket),
    linking_actions.FROM_PAGE: Handler(take_page),
    linking_actions.PAGE_TAKEN: Handler(note_page_taken),
    linking_actions.PAGE_OVER: Handler(note_page_over),
    linking_actions.LOOK_FOR_SURGE: Handler(gather_surge, lane="follow"),
}
