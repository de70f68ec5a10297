"""What the worker does for this room: reminding, by whatever way people are told."""

from datetime import datetime

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.knowledge import actions, briefing_actions


def remind_of_review(promise: Promise, at: datetime) -> str:
    """Its owner is to look through a procedure; returns what was done."""
    return actions.remind_of_review(procedure_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def tell_of_proposal(promise: Promise, at: datetime) -> str:
    """Tell of a change that was proposed or decided; returns what was done."""
    proposal_id = int(promise.facts["proposal"])
    return actions.tell_of_proposal(proposal_id=proposal_id, by=SCHEDULER, via=Door.WORKER, at=at)


def tell_unconfirmed(promise: Promise, at: datetime) -> str:
    """Tell those who have not confirmed a briefing; returns what was done."""
    return briefing_actions.tell_unconfirmed(briefing_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {
    actions.REVIEW: Handler(remind_of_review),
    actions.DECIDE: Handler(tell_of_proposal),
    briefing_actions.REMIND: Handler(tell_unconfirmed),
}
"""For `wiring`."""
