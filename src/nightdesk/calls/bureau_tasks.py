"""What the worker calls for the bureau, and what an answer to one of its messages does."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import Refusal
from nightdesk.calls import bureau_actions as actions
from nightdesk.channels.answering import Verb


def tell_next(promise: Promise, at: datetime) -> str:
    """Tell the next one on a client's ladder; returns what was done."""
    return actions.tell_next(message_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def note_page_acknowledged(promise: Promise, at: datetime) -> str:
    """Whoever took the page has the message; returns what was done."""
    return actions.note_page_acknowledged(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def answer_acknowledge(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """`by` has the message, or is told who has."""
    try:
        row = actions.acknowledge_bureau_message(message_id=UUID(subject_id), by=by, via=via, at=at)
    except Refusal as refusal:
        return f"{refusal.so} {refusal.do}"
    if row.acknowledged_by != by.name:
        return _("{name} has it already.").format(name=row.acknowledged_by)
    return _("You have message {number}. The bureau sees it.").format(number=row.number)


HANDLERS = {
    actions.RELAY: Handler(tell_next, lane="page", give_up_after=None),
    actions.PAGE_TAKEN: Handler(note_page_acknowledged, lane="follow"),
}
ANSWERS: Mapping[str, Verb] = {actions.ACKNOWLEDGE: answer_acknowledge}
