"""What the worker does for this room: reminding, by whatever way people are told."""

from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.journal.models import Entry
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


def tell_newcomers(promise: Promise, at: datetime) -> str:
    """Tell whoever joined a team of its open briefings; returns what was done."""
    joined = Entry.objects.get(id=UUID(promise.facts["entry"])).facts.get("joined", [])
    return briefing_actions.tell_newcomers(
        team_id=int(promise.subject_id), person_ids=joined, by=SCHEDULER, via=Door.WORKER, at=at
    )


HANDLERS = {
    actions.REVIEW: Handler(remind_of_review),
    actions.DECIDE: Handler(tell_of_proposal),
    briefing_actions.REMIND: Handler(tell_unconfirmed),
    briefing_actions.JOINED: Handler(tell_newcomers),
}
"""For `wiring`."""
