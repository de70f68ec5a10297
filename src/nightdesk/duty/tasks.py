"""What the worker calls when a turn begins or the plan has changed, and what an answer to a message calls."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base import promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.duty import actions, cover, cover_actions, cover_queries, plan_telling, queries
from nightdesk.duty.telling import local
from nightdesk.journal.models import Entry
from nightdesk.people.models import Absence
from nightdesk.rota.models import Seat

REPLAN = "duty.replan"
"""Promise to follow a changed rota at one seat; `facts` holds the entry that says so."""


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
    change = entry.facts["seats"][promise.subject_id] if "seats" in entry.facts else entry.facts
    return actions.replan_seat(
        seat_id=int(promise.subject_id),
        changed_at=entry.at,
        at_once=change["was"] != change["now"],
        cause=entry.id,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def follow_plan(promise: Promise, at: datetime) -> str:
    """Keep a `duty.follow_plan` promise: a plan was published, and each seat of its rota is looked after by itself."""
    entry = Entry.objects.get(id=UUID(promise.facts["entry"]))
    for seat_id in entry.facts["seats"]:
        for kind in (REPLAN, actions.REACH):
            promises.promise(
                kind,
                subject=("seat", seat_id),
                due_at=at,
                why=promise.why,
                at=at,
                facts={"entry": str(entry.id)},
                occurrence=f"{entry.id}:{seat_id}:{kind}",
                cause=entry.id,
                brand_id=entry.brand_id,
            )
    return _("%d seats are looked at.") % len(entry.facts["seats"])


def tell_plan(promise: Promise, at: datetime) -> str:
    """Keep a `duty.tell_plan` promise: whoever a published plan touches reads what changes for them."""
    entry = Entry.objects.get(id=UUID(promise.facts["entry"]))
    told = plan_telling.tell_of_plan(entry_id=entry.id, by=SCHEDULER, via=Door.WORKER, at=at)
    return _("%d people are told.") % told


def seek_cover_for(promise: Promise, at: datetime) -> str:
    """Keep a `duty.seek_cover_for` promise: somebody is absent, and what they would be on soon is sought cover for."""
    entry = Entry.objects.get(id=UUID(promise.facts["entry"]))
    absence = Absence.objects.filter(id=entry.facts["absence"], cancelled_at=None).first()
    if absence is None:
        return _("The absence is taken back.")
    openings = cover_queries.openings(absence, at)
    for opening in openings:
        cover_actions.seek_cover(
            seat_key=opening.seat.key,
            starts_at=opening.start,
            ends_at=opening.end,
            instead_of_id=absence.person_id,
            by=SCHEDULER,
            via=Door.WORKER,
            at=at,
        )
    return _("Cover is sought for %d duties.") % len(openings)


def ask_for_cover(promise: Promise, at: datetime) -> str:
    """Keep a `cover.step` promise."""
    return cover_actions.ask_for_cover(search_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def take_cover_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Yes to cover; the sentence to say back. Refuses as the verb."""
    ask = cover_actions.take_cover(search_id=int(subject_id), by=by, via=via, at=at)
    search = ask.search
    if ask.answer == cover.Answer.LATE:
        name = search.taken_by.name if search.taken_by else _("Somebody")
        return _("{name} was first and covers {seat}. Thank you; nothing is left to do.").format(
            name=name, seat=search.seat.name
        )
    return _("Thank you. You cover {seat} until {until}.").format(
        seat=search.seat.name, until=local(search.ends_at, ask.person)
    )


def decline_cover_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """No to cover; the sentence to say back."""
    cover_actions.decline_cover(search_id=int(subject_id), by=by, via=via, at=at)
    return _("Thank you. Somebody else is asked.")


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
