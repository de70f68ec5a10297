"""What the worker calls when a turn begins or the plan has changed, and what an answer to a message calls."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.base import promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.duty import (
    actions,
    asking,
    away_actions,
    called,
    cover_actions,
    cover_queries,
    coverage_actions,
    coverage_queries,
    decide,
    diary_actions,
    handover_actions,
    plan_actions,
    plan_telling,
    queries,
    rest_actions,
)
from nightdesk.journal.models import Entry
from nightdesk.people.actions import confirm_contact_method
from nightdesk.people.models import Absence, ContactMethod, Person
from nightdesk.rota import swap_actions
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
    if ask.answer == asking.Answer.LATE:
        name = search.taken_by.name if search.taken_by else _("Somebody")
        return _("{name} was first and covers {seat}. Thank you; nothing is left to do.").format(
            name=name, seat=search.seat.name
        )
    return _("Thank you. You cover {seat} until {until}.").format(
        seat=search.seat.name, until=date_format(search.ends_at.astimezone(ZoneInfo(ask.person.zone)), "D H:i")
    )


def turn_down_cover_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """No to cover; the sentence to say back."""
    cover_actions.turn_down_cover(search_id=int(subject_id), by=by, via=via, at=at)
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


def note_holds(promise: Promise, at: datetime) -> str:
    """Keep a `duty.note_holds` promise: what was worked on a seat goes on record."""
    return rest_actions.note_holds(seat_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def remind_cover(promise: Promise, at: datetime) -> str:
    """Keep a `duty.remind_cover` promise."""
    return rest_actions.remind_cover(late_start_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def confirm_cover_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Put the proposed cover in the plan; the sentence to say back. Refuses as the verb."""
    row = rest_actions.confirm_late_start(late_start_id=int(subject_id), by=by, via=via, at=at)
    assert row.cover is not None  # what was proposed
    return _("%(cover)s covers for %(name)s.") % {"cover": row.cover.name, "name": row.person.name}


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


def draft_note(promise: Promise, at: datetime) -> str:
    """Keep a `duty.draft` promise."""
    return handover_actions.draft_note(
        seat_id=int(promise.subject_id), turn_at=_instant(promise, "turn_at"), by=SCHEDULER, via=Door.WORKER, at=at
    )


def chase_turn(promise: Promise, at: datetime) -> str:
    """Keep a `duty.chase` promise."""
    return handover_actions.chase_turn(
        seat_id=int(promise.subject_id), turn_at=_instant(promise, "turn_at"), by=SCHEDULER, via=Door.WORKER, at=at
    )


def lapse_offer(promise: Promise, at: datetime) -> str:
    """Keep a `duty.lapse` promise."""
    return handover_actions.lapse_offer(
        seat_id=int(promise.subject_id),
        offered_at=_instant(promise, "offered_at"),
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def end_away(promise: Promise, at: datetime) -> str:
    """Keep a `duty.back` promise."""
    return away_actions.end_away(away_id=int(promise.facts["away"]), by=SCHEDULER, via=Door.WORKER, at=at)


def tell_of_change(promise: Promise, at: datetime) -> str:
    """Keep a `duty.tell_change` promise, which follows from an entry that changed the plan of the seat."""
    return plan_actions.tell_of_change(entry_id=UUID(promise.facts["entry"]), by=SCHEDULER, via=Door.WORKER, at=at)


def tell_of_swap(promise: Promise, at: datetime) -> str:
    """Keep a `duty.tell_swap` promise, which follows from a swap's entry."""
    return plan_actions.tell_of_swap(entry_id=UUID(promise.facts["entry"]), by=SCHEDULER, via=Door.WORKER, at=at)


def _instant(promise: Promise, name: str) -> datetime:
    return datetime.fromisoformat(promise.facts[name])


HANDLERS = {
    actions.TURN: promises.Handler(begin_turn, lane="page", give_up_after=None),
    actions.DRAFT: promises.Handler(draft_note, lane="page", give_up_after=None),
    actions.CHASE: promises.Handler(chase_turn, lane="page", give_up_after=None),
    actions.LAPSE: promises.Handler(lapse_offer, lane="follow", give_up_after=None),
    actions.REACH: promises.Handler(check_reach, lane="follow", give_up_after=None),
    coverage_actions.CHECK: promises.Handler(check_coverage, lane="follow", give_up_after=None),
    plan_actions.CHANGED: promises.Handler(tell_of_change, lane="follow", give_up_after=5),
    plan_actions.SWAPS: promises.Handler(tell_of_swap, lane="follow", give_up_after=5),
    away_actions.BACK: promises.Handler(end_away, lane="page", give_up_after=None),
    rest_actions.NOTE_HOLDS: promises.Handler(note_holds, lane="follow"),
    rest_actions.REMIND_COVER: promises.Handler(remind_cover),
    REPLAN: promises.Handler(replan_seat, lane="page", give_up_after=None),
    "duty.follow_plan": promises.Handler(follow_plan, lane="page", give_up_after=None),
    "duty.tell_plan": promises.Handler(tell_plan),
    "duty.seek_cover_for": promises.Handler(seek_cover_for, lane="page", give_up_after=None),
    cover_actions.STEP: promises.Handler(ask_for_cover, lane="page", give_up_after=None),
}


# --- Answers ---------------------------------------------------------------------------------------------------------


def accept_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Accept the turn that a message asked about; the sentence to say back. Refuses as the verb.

    Whichever way brought the question has woken them: it counts as tested.
    """
    seat, instant, method_id = _asked_about(subject_id)
    actions.accept_duty(seat_key=seat.key, turn_at=instant, by=by, via=via, at=at)
    _prove(method_id, by, via, at)
    if instant > at:
        return _("You have {seat} from {time} on.").format(seat=seat.name, time=_clock(instant, by))
    return _("You are on duty as %s.") % seat.name


def refuse_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """The turn that a message asked about is refused; the sentence to say back."""
    seat, instant, method_id = _asked_about(subject_id)
    handover_actions.refuse_turn(seat_key=seat.key, turn_at=instant, reason=text, by=by, via=via, at=at)
    _prove(method_id, by, via, at)
    return _("Noted: you do not take %s. Others are told.") % seat.name


def stand_in_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Somebody takes what nobody took; the sentence to say back."""
    seat, _at, method_id = _asked_about(subject_id)
    actions.take_duty(seat_key=seat.key, by=by, via=via, at=at)
    _prove(method_id, by, via, at)
    return _("You are on duty as %s.") % seat.name


def accept_offer_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """What was passed by hand is taken; the sentence to say back."""
    seat, _at, method_id = _asked_about(subject_id)
    handover_actions.accept_offer(seat_key=seat.key, by=by, via=via, at=at)
    _prove(method_id, by, via, at)
    return _("You are on duty as %s.") % seat.name


def refuse_offer_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """What was passed by hand is not taken; the sentence to say back."""
    seat, _at, method_id = _asked_about(subject_id)
    handover_actions.refuse_offer(seat_key=seat.key, reason=text, by=by, via=via, at=at)
    _prove(method_id, by, via, at)
    return _("Noted: you do not take %s.") % seat.name


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


ANSWERS = {
    actions.ACCEPT: accept_by_answer,
    actions.REFUSE: refuse_by_answer,
    handover_actions.STAND_IN: stand_in_by_answer,
    actions.ACCEPT_OFFER: accept_offer_by_answer,
    actions.REFUSE_OFFER: refuse_offer_by_answer,
    cover_actions.TAKE: take_cover_by_answer,
    cover_actions.DECLINE: turn_down_cover_by_answer,
    plan_actions.ACCEPT_SWAP: accept_swap_by_answer,
    plan_actions.DECLINE_SWAP: decline_swap_by_answer,
    plan_actions.APPROVE_SWAP: approve_swap_by_answer,
    plan_actions.REFUSE_SWAP: refuse_swap_by_answer,
    plan_actions.SWAP_STANDS: swap_stands,
    rest_actions.COVER: confirm_cover_by_answer,
}


def _asked_about(subject_id: str) -> tuple[Seat, datetime, int | None]:
    """The seat, the instant and the contact method of an answer's subject. Raises NotFound."""
    seat_id, instant, method_id = [*subject_id.split("@"), ""][:3]
    seat = Seat.objects.filter(id=int(seat_id)).first()
    if seat is None:
        raise NotFound(_("A duty was answered."), _("Its seat is gone."), _("Nothing has to be done."))
    return seat, datetime.fromisoformat(instant), int(method_id) if method_id else None


def _prove(method_id: int | None, by: Actor, via: Door, at: datetime) -> None:
    """The way that brought the question works. One that was removed meanwhile proves nothing, nor does who signed in."""
    if method_id is not None and ContactMethod.objects.filter(id=method_id, person=by.person_id).exists():
        with suppress(Forbidden):
            confirm_contact_method(method_id=method_id, by=by, via=via, at=at)


def _clock(instant: datetime, by: Actor) -> str:
    person = Person.objects.filter(id=by.person_id or 0).first()
    return date_format(instant.astimezone(ZoneInfo(person.zone if person else "UTC")), "D H:i")


# --- What is texted without being asked ------------------------------------------------------------------------------


def away_by_text(rest: str, by: Actor, via: Door, at: datetime) -> str:
    """`away 18:40`: out of reach until then; the sentence to say back."""
    person = Person.objects.get(id=by.person_id or 0)
    until_at = decide.when_back(rest, ZoneInfo(person.zone), at)
    if until_at is None:
        raise Invalid(
            _("You are out of reach: {words}").format(words=rest[:40]),
            _("It is not said until when."),
            _("Text AWAY and a time, such as AWAY 18:40."),
        )
    row = away_actions.go_out_of_reach(until_at=until_at, by=by, via=via, at=at)
    return _("Out of reach until {time}. Others are rung. Text BACK when you are back.").format(
        time=_clock(row.until_at, by)
    )


def back_by_text(rest: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """`back`: in reach again; the sentence to say back."""
    row = away_actions.come_back(by=by, via=via, at=at)
    return _("You are back, and rung again.") if row is not None else _("You are in reach already.")


SAID = {"away": away_by_text, "back": back_by_text, "called": called.called_by_text}


def note_by_text(words: str, by: Actor, via: Door, at: datetime) -> str:
    """`note the fan is loud`, texted without having been asked about anything; the sentence to say back."""
    diary_actions.write_journal_note(words=words, by=by, via=via, at=at)
    return _("Noted in the journal.")
