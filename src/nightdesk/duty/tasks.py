"""What the worker calls when a turn begins or the plan has changed, and what an answer to a message calls."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base import promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.duty import actions, coverage_actions, coverage_queries, queries
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


def check_coverage(promise: Promise, at: datetime) -> str:
    """Keep a `duty.coverage` promise: of a brand, or of something that may concern several, each of which is then looked at."""
    if promise.subject_kind == "brand":
        return coverage_actions.check_coverage(brand_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    brands = coverage_queries.brands_to_look_at()
    for brand_id in brands:
        subject = ("brand", brand_id)
        if not promises.move_promise(coverage_actions.CHECK, subject=subject, due_at=at):
            promises.promise(
                coverage_actions.CHECK,
                subject=subject,
                due_at=at,
                why=promise.why,
                at=at,
                cause=promise.cause,
                brand_id=brand_id,
            )
    return _("The coverage of %d brands is looked at.") % len(brands)


def accept_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Accept the turn that a message asked about ("<seat id>@<instant>"); the sentence to say back. Refuses as the verb."""
    seat_id, _sign, instant = subject_id.partition("@")
    seat = Seat.objects.filter(id=int(seat_id)).first()
    if seat is None:
        raise NotFound(_("A duty was accepted."), _("Its seat is gone."), _("Nothing has to be done."))
    actions.accept_duty(seat_key=seat.key, turn_at=datetime.fromisoformat(instant), by=by, via=via, at=at)
    return _("You are on duty as %s.") % seat.name
