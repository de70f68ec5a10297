"""What the worker calls when a turn begins or the plan has changed, and what an answer to a message calls."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base import promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.duty import actions, plan_actions, queries
from nightdesk.journal.models import Entry
from nightdesk.rota import swap_actions
from nightdesk.rota.models import Seat


def begin_turn(promise: Promise, at: datetime) -> str:
    """Keep a `duty.turn` promise."""
    return actions.begin_turn(
        seat_id=int(promise.subject_id),
        turn_at=datetime.fromisoformat(promise.facts["turn_at"]),
        plan_changed=promise.facts["plan_changed"],
        cause=promise.cause,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def replan_seat(promise: Promise, at: datetime) -> str:
    """Keep a `duty.replan` promise, which follows from an entry that changed the plan of the seat."""
    entry = Entry.objects.get(id=UUID(promise.facts["entry"]))
    return actions.replan_seat(
        seat_id=int(promise.subject_id),
        changed_at=entry.at,
        at_once=entry.facts["was"] != entry.facts["now"],
        cause=entry.id,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def check_reach(promise: Promise, at: datetime) -> str:
    """Keep a `duty.reach` promise: of a seat, or of a person, whose seats are then looked at each by itself.

    Several seats' locks in one transaction would meet those of a handover in a deadlock.
    """
    if promise.subject_kind == "seat":
        return actions.check_reach(seat_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    seats = queries.seats_of(int(promise.subject_id))
    for seat in seats:
        promises.promise(
            actions.REACH,
            subject=("seat", seat.id),
            due_at=at,
            why=promise.why,
            at=at,
            cause=promise.cause,
            brand_id=seat.rota.brand_id,
        )
    return _("%d seats are looked at.") % len(seats)


def accept_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Accept the turn that a message asked about ("<seat id>@<instant>"); the sentence to say back. Refuses as the verb."""
    seat_id, _sign, instant = subject_id.partition("@")
    seat = Seat.objects.filter(id=int(seat_id)).first()
    if seat is None:
        raise NotFound(_("A duty was accepted."), _("Its seat is gone."), _("Nothing has to be done."))
    actions.accept_duty(seat_key=seat.key, turn_at=datetime.fromisoformat(instant), by=by, via=via, at=at)
    return _("You are on duty as %s.") % seat.name


def tell_of_change(promise: Promise, at: datetime) -> str:
    """Keep a `duty.tell_change` promise, which follows from an entry that changed the plan of the seat."""
    return plan_actions.tell_of_change(entry_id=UUID(promise.facts["entry"]), by=SCHEDULER, via=Door.WORKER, at=at)


def tell_of_swap(promise: Promise, at: datetime) -> str:
    """Keep a `duty.tell_swap` promise, which follows from a swap's entry."""
    return plan_actions.tell_of_swap(entry_id=UUID(promise.facts["entry"]), by=SCHEDULER, via=Door.WORKER, at=at)


def accept_swap_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Yes to a swap; the sentence to say back. Refuses as the verb."""
    swap_actions.accept_swap(swap_id=int(subject_id), by=by, via=via, at=at)
    return queries.swap_in_words(int(subject_id))


def decline_swap_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """No to a swap."""
    swap_actions.decline_swap(swap_id=int(subject_id), by=by, via=via, at=at)
    return _("You have declined; everything stays as it was.")


def approve_swap_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """A manager's yes."""
    swap_actions.approve_swap(swap_id=int(subject_id), by=by, via=via, at=at)
    return queries.swap_in_words(int(subject_id))


def refuse_swap_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """A manager's no, with what they wrote as the reason."""
    swap_actions.refuse_swap(swap_id=int(subject_id), why=text, by=by, via=via, at=at)
    return queries.swap_in_words(int(subject_id))


def swap_stands(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """How it stands."""
    return queries.swap_in_words(int(subject_id))


SWAP_ANSWERS = {
    plan_actions.ACCEPT_SWAP: accept_swap_by_answer,
    plan_actions.DECLINE_SWAP: decline_swap_by_answer,
    plan_actions.APPROVE_SWAP: approve_swap_by_answer,
    plan_actions.REFUSE_SWAP: refuse_swap_by_answer,
    plan_actions.SWAP_STANDS: swap_stands,
}
