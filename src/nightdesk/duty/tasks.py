"""What the worker calls when a turn begins or the plan has changed, and what an answer to a message calls."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base import promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.duty import actions, queries, rest_actions
from nightdesk.journal.models import Entry
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


def note_holds(promise: Promise, at: datetime) -> str:
    """Keep a `duty.note_holds` promise: what was worked on a seat goes on record."""
    return rest_actions.note_holds(seat_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def remind_cover(promise: Promise, at: datetime) -> str:
    """Keep a `duty.remind_cover` promise."""
    return rest_actions.remind_cover(late_start_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def confirm_cover_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Put the proposed cover in the plan; the sentence to say back. Refuses as the verb."""
    row = rest_actions.confirm_cover(late_start_id=int(subject_id), by=by, via=via, at=at)
    assert row.cover is not None  # what was proposed
    return _("%(cover)s covers for %(name)s.") % {"cover": row.cover.name, "name": row.person.name}


def accept_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Accept the turn that a message asked about ("<seat id>@<instant>"); the sentence to say back. Refuses as the verb."""
    seat_id, _sign, instant = subject_id.partition("@")
    seat = Seat.objects.filter(id=int(seat_id)).first()
    if seat is None:
        raise NotFound(_("A duty was accepted."), _("Its seat is gone."), _("Nothing has to be done."))
    actions.accept_duty(seat_key=seat.key, turn_at=datetime.fromisoformat(instant), by=by, via=via, at=at)
    return _("You are on duty as %s.") % seat.name
