"""The token of each seat: who gets it, when, and by whose word. Every verb holds the seat's lock, so that they come one
after the other; the database refuses two holders of one seat whatever happens here.

A person's word takes effect at once, a turn's beginning at the turn's own instant, however late the worker is. Between
them what a person did later stands.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import forbidden, may, require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.channels.actions import Recipient, queue_message, supersede_deliveries
from nightdesk.duty import decide, ladder, pairings, queries, sections
from nightdesk.duty import note as note_words
from nightdesk.duty.decide import Outcome
from nightdesk.duty.models import Acceptance, Hold, Note, NotTaken, Offer, ReachWarning, TurnRefused
from nightdesk.duty.reaching import all_ways, local, managers_of, recipients, ways
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person
from nightdesk.rota import resolve
from nightdesk.rota.models import Rota, Seat
from nightdesk.rota.queries import load_rota, load_seat, no_seat

HOLDER_SET = kind("duty.set", gettext_lazy("{by} put {person} on duty as {seat}"))
ACCEPTED = kind("duty.accepted", gettext_lazy("{person} accepted the duty as {seat}"))
BEGAN = kind("duty.began", gettext_lazy("{person} went on duty as {seat}"))
NOT_TAKEN = kind("duty.not_taken", gettext_lazy("Nobody took the duty as {seat}; {holder} keeps it"))
GAP = kind("duty.gap", gettext_lazy("Nobody is planned as {seat}; {holder} keeps the duty"))
PASSED = kind("duty.passed", gettext_lazy("{by} passed the duty as {seat} to {person}"))
TAKEN = kind("duty.taken", gettext_lazy("{by} took the duty as {seat}"))
OFFERED = kind("duty.offered", gettext_lazy("{by} asked {person} to take the duty as {seat}"))
NOTE_READ = kind("duty.note_read", gettext_lazy("{person} read the note of {seat} as it is now"))

SILENT = kind("duty.silent", gettext_lazy("Nothing loud is known to wake {person}, {seat} {when}"))
SILENT_NO_MORE = kind("duty.silent_no_more", gettext_lazy("The warning about {person}, {seat}, is withdrawn: {why}"))

REACH = "duty.reach"
"""Promise to look whether whoever has a seat, or is about to, can be woken. Its subject is the seat, or a person."""

AHEAD = timedelta(hours=24)
"""How long before a turn it may be accepted."""

TURN = "duty.turn"
"""Promise to see to the token when a turn begins; `facts` holds `turn_at`, the plan's `version`, and whether it was the
plan's change that began the turn."""

ACCEPT, REFUSE = "duty.accept", "duty.refuse"
"""The answers that accept and refuse a turn; their subject is "<seat id>@<instant>@<id of the contact method asked>"."""
ACCEPT_OFFER, REFUSE_OFFER = "duty.accept_offer", "duty.refuse_offer"
"""The answers to a duty that is passed by hand; subjects alike, with the instant of the offer."""

DRAFT = "duty.draft"
"""Promise to draft the note of a turn that comes, at `facts["turn_at"]`."""
CHASE = "duty.chase"
"""Promise of the next rung of a turn that nobody took; see `ladder`."""
LAPSE = "duty.lapse"
"""Promise to say so where nobody has accepted a duty that was passed to them."""

OFFER_LASTS = timedelta(minutes=15)
HANDOVER_PATH = "/handover/{seat_key}/"
"""Where the note of a seat stands; the page is console's."""


@transaction.atomic
def set_first_holder(*, seat_key: str, person_id: int, by: Actor, via: Door, at: datetime) -> Hold:
    """The person holds the seat that nobody held. Repeating it changes nothing.

    Raises NotFound, Forbidden, Invalid for somebody who is not active, IllegalTransition when somebody else holds it; and,
    as every verb here by which somebody comes on, `NewcomerAlone` for a newcomer without anybody experienced.
    """
    seat, current = _lock_seat(seat_key)
    require(by, "set_first_holder", seat.rota.brand_id)
    person = _lock_person(person_id)
    if current is not None:
        if current.person_id == person.id:
            return current
        raise _held_already(
            _("%(person)s was to hold %(seat)s first.") % {"person": person.name, "seat": seat.name}, seat, current
        )
    pairings.refuse_alone(seat, person, at, at)
    hold = _move_token(seat, None, person, Hold.How.SET, at)
    record(HOLDER_SET, by=by, via=via, at=at, **_about(seat, person=person))
    return hold


@transaction.atomic
def accept_duty(
    *, seat_key: str, turn_at: datetime, person_id: int | None = None, by: Actor, via: Door, at: datetime
) -> Acceptance:
    """The person (None: `by`) takes the turn that begins, or was on, at `turn_at`. Repeating it changes nothing.

    Before the turn: the token passes when it begins. During it: the token passes at once. Only the person whose turn it
    is may, or a member of the team; for another person, only who may set a holder.

    Raises NotFound, Forbidden; Invalid for an instant at which no turn begins; IllegalTransition when another member
    has accepted it, when it is over, or when it is more than `AHEAD` away.
    """
    seat, current = _lock_seat(seat_key)
    require(by, "accept_duty", seat.rota.brand_id)
    for_whom = by.person_id if person_id is None else person_id
    if for_whom is None:
        raise Invalid(
            _("The duty as %s was accepted.") % seat.name, _("It is not said for whom."), _("Name the person.")
        )
    person = _lock_person(for_whom)
    if person.id != by.person_id and not may(by, "set_first_holder", seat.rota.brand_id):
        raise forbidden(by, "set_first_holder")
    rota = load_rota(seat.rota_id)
    asked = _("%(person)s accepted the duty as %(seat)s from %(turn)s.") % {
        "person": person.name,
        "seat": seat.name,
        "turn": local(turn_at, person),
    }
    _check_turn(rota, seat, turn_at, at, asked)
    candidates = {each.id: each for each in queries.people_of(decide.planned(rota, seat.key, turn_at))}
    accepted = queries.acceptance_of(seat, rota, turn_at, at)
    if accepted is not None and accepted.person_id == person.id:
        _read_again(seat, current, person, turn_at, by, via, at)
        return accepted
    if person.id not in candidates:
        names = ", ".join(each.name for each in candidates.values()) or _("nobody who is still here")
        raise IllegalTransition(asked, _("It is the turn of %s.") % names, _("Have the plan changed, or take it over."))
    if accepted is not None and accepted.person_id in candidates:
        raise IllegalTransition(
            asked,
            _("%s has accepted it already.") % accepted.person.name,
            _("Nothing has to be done; ask them to pass it if you want it."),
            holder=accepted.person_id,
        )
    pairings.refuse_alone(seat, person, max(turn_at, at), at)
    accepted, _new = Acceptance.objects.update_or_create(
        seat=seat, turn_at=turn_at, defaults={"person": person, "accepted_at": at, "via": via}
    )
    TurnRefused.objects.filter(seat=seat, turn_at=turn_at, person=person).delete()
    note = _note_of(seat, at)
    text = sections.copied(seat, note, current, at)
    if turn_at <= at and (current is None or current.person_id != person.id):
        _move_token(seat, current, person, Hold.How.ACCEPTED, at)
    elif turn_at > at:
        _see_to_turn(seat, rota, turn_at, at)
    else:
        _end_ladder(seat, at)
    supersede_deliveries(subject=("seat", seat.id), by=by, via=via, at=at)
    facts = {"turn_at": turn_at.isoformat()}
    about = _about(seat, person=person, before=current, facts=facts)
    _keep_copy(note, record(ACCEPTED, by=by, via=via, at=at, text=text, **about), at)
    return accepted


@transaction.atomic
def pass_duty(*, seat_key: str, to_person_id: int, by: Actor, via: Door, at: datetime) -> Hold:
    """The person holds the seat from now on, and is told; where a turn must be accepted they are asked, and the holder has
    it until they accept. The hold comes back as it is then. Only the holder may, or who may set a holder.

    Repeating it changes nothing. Raises NotFound, Forbidden, Invalid for somebody who is not active, IllegalTransition
    when it is somebody else's to pass or nobody's yet.
    """
    seat, current = _lock_seat(seat_key)
    require(by, "pass_duty", seat.rota.brand_id)
    person = _lock_person(to_person_id)
    asked = _("The duty as %(seat)s was to pass to %(person)s.") % {"seat": seat.name, "person": person.name}
    if current is None:
        raise IllegalTransition(asked, _("Nobody has it yet."), _("Have a manager set the first holder."))
    if current.person_id == person.id:
        return current
    if current.person_id != by.person_id and not may(by, "set_first_holder", seat.rota.brand_id):
        raise _held_already(asked, seat, current)
    pairings.refuse_alone(seat, person, at, at)
    if seat.acceptance_required and person.id != by.person_id:
        _offer(seat, current, person, by, via, at)
        return current
    note = _note_of(seat, at)
    text = sections.copied(seat, note, current, at)
    hold = _move_token(seat, current, person, Hold.How.PASSED, at)
    supersede_deliveries(subject=("seat", seat.id), by=by, via=via, at=at)
    _keep_copy(
        note, record(PASSED, by=by, via=via, at=at, text=text, **_about(seat, person=person, before=current)), at
    )
    if person.id != by.person_id:
        _tell(seat, person, _Word.GIVEN, by.name, at, at)
    return hold


@transaction.atomic
def take_duty(*, seat_key: str, by: Actor, via: Door, at: datetime) -> Hold:
    """`by` holds the seat from now on: somebody whose turn it is, who was asked because nobody took it, or who may set a
    holder. The old holder is told.

    Repeating it changes nothing. Raises NotFound, Forbidden, and Invalid where `by` is no active person.
    """
    seat, current = _lock_seat(seat_key)
    require(by, "take_duty", seat.rota.brand_id)
    if by.person_id is None:
        raise Invalid(
            _("%(by)s was to take the duty as %(seat)s.") % {"by": by.name, "seat": seat.name},
            _("Only a person can be on duty."),
            _("Pass it to somebody by name."),
        )
    person = _lock_person(by.person_id)
    if current is not None and current.person_id == person.id:
        return current
    candidates = queries.people_of(decide.planned(load_rota(seat.rota_id), seat.key, at))
    asked = person.id in queries.asked_to_take(seat.id)
    if person not in candidates and not asked and not may(by, "set_first_holder", seat.rota.brand_id):
        raise IllegalTransition(
            _("%(person)s was to take the duty as %(seat)s.") % {"person": person.name, "seat": seat.name},
            _("It is not their turn; %s has it.") % (current.person.name if current else _("nobody")),
            _("Ask the holder to pass it, or a manager."),
            holder=current.person_id if current else None,
        )
    pairings.refuse_alone(seat, person, at, at)
    note = _note_of(seat, at)
    text = sections.copied(seat, note, current, at)
    hold = _move_token(seat, current, person, Hold.How.TAKEN, at)
    supersede_deliveries(subject=("seat", seat.id), by=by, via=via, at=at)
    _keep_copy(note, record(TAKEN, by=by, via=via, at=at, text=text, **_about(seat, person=person, before=current)), at)
    if current is not None:
        _tell(seat, current.person, _Word.TAKEN_OVER, person.name, at, at)
    return hold


@transaction.atomic
def begin_turn(
    *,
    seat_id: int,
    turn_at: datetime,
    plan_changed: bool = False,
    cause: UUID | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> str:
    """See to the token for the turn that begins at `turn_at`, and promise to see to the next. Says what came of it.

    The worker's part of a handover; it goes by the plan as it is now. `plan_changed`: the turn begins then because the
    plan was changed at that instant. Repeating it changes nothing.
    """
    seat, current = _lock_seat_by_id(seat_id)
    if seat is None:
        return _("The seat is gone.")
    rota = load_rota(seat.rota_id)
    member = decide.planned(rota, seat.key, turn_at)
    # Locked, so that nobody of them is deactivated between the look and the token's passing.
    people = {each.id: each for each in _lock_people(queries.people_of(member))}
    for person_id in pairings.alone(seat, people, at, at):  # nobody new is on alone, whatever is planned
        del people[person_id]
    refused = set(TurnRefused.objects.filter(seat=seat, turn_at=turn_at).values_list("person_id", flat=True))
    willing = {id_: person for id_, person in people.items() if id_ not in refused}
    acceptance = Acceptance.objects.filter(seat=seat, turn_at=turn_at).first()
    next_at = resolve.next_change(rota, seat.key, turn_at)
    if next_at is None:
        void_promises(("seat", seat.id), at=at, kinds=[TURN, DRAFT])
    else:
        _promise_turn(seat, rota, next_at, at)
    if not (plan_changed or acceptance or decide.changes(rota, seat.key, turn_at)):
        return _("The plan has changed: no turn begins then.")
    decision = decide.begin(
        decide.Start(
            at=turn_at,
            member=member,
            candidates=frozenset(willing),
            accepted_by=acceptance.person_id if acceptance else None,
            acceptance_required=seat.acceptance_required,
            holder=current.person_id if current else None,
            held_from=current.from_at if current else None,
            by_hand=current is not None and current.how in (Hold.How.SET, Hold.How.PASSED, Hold.How.TAKEN),
        )
    )
    facts = {"turn_at": turn_at.isoformat()}
    match decision.outcome:
        case Outcome.PASSES:
            assert decision.to is not None
            person = people[decision.to]
            how = Hold.How.ACCEPTED if decision.accepted else Hold.How.AUTOMATIC
            note = _note_of(seat, at)
            news = not (decision.accepted and _is_copied(note))
            text = sections.copied(seat, note, current, at) if news else ""
            _move_token(seat, current, person, how, turn_at)
            about = _about(seat, person=person, before=current, facts=facts | {"accepted": decision.accepted})
            entry = record(BEGAN, by=by, via=via, at=at, cause=cause, text=text, **about)
            if news:
                _keep_copy(note, entry, at)
        case Outcome.NOT_TAKEN:
            about = _about(seat, before=current, facts=facts | {"planned": sorted(people)})
            entry = record(NOT_TAKEN, by=by, via=via, at=at, cause=cause, **about)
            _end_ladder(seat, at)  # of the turn before, which is over
            if next_at is None or next_at > at:  # nobody is asked to take what is over
                _begin_ladder(seat, turn_at, entry, at)
                note = _note_of(seat, at)
                if note.turn_at != turn_at:  # there was no time to draft it, and so nobody was asked
                    for person in willing.values():
                        _ask(seat, person, turn_at, next_at, at)
        case Outcome.GAP:
            _end_ladder(seat, at)
            record(GAP, by=by, via=via, at=at, cause=cause, **_about(seat, before=current, facts=facts))
    return _outcome(decision, people)


@transaction.atomic
def replan_seat(
    *,
    seat_id: int,
    changed_at: datetime,
    at_once: bool,
    cause: UUID | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> str:
    """See that the next turn of the plan, which changed at `changed_at`, is promised. Says what came of it.

    `at_once`: the change itself brought somebody else on, so it begins a turn. Repeating it changes nothing.
    """
    del by, via
    seat, _current = _lock_seat_by_id(seat_id)
    if seat is None:
        return _("The seat is gone.")
    open_turn = _open_turn(seat)
    if open_turn is not None and open_turn.facts["version"] == str(seat.rota.version):
        return _("The plan is promised already.")
    if open_turn is not None and datetime.fromisoformat(open_turn.facts["turn_at"]) <= at:
        return _("A turn that has begun is seen to first, by the new plan.")
    rota = load_rota(seat.rota_id)
    next_at = changed_at if at_once else resolve.next_change(rota, seat.key, changed_at)
    if next_at is None:
        void_promises(("seat", seat.id), at=at, kinds=[TURN, DRAFT])
        return _("The plan has no further handover.")
    _promise_turn(seat, rota, next_at, at, plan_changed=at_once, cause=cause)
    return _("The next handover is promised for %s.") % next_at.isoformat(timespec="minutes")


@transaction.atomic
def check_reach(*, seat_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Warn of whoever has the seat, or has a turn within a day, and whom nothing loud is known to wake; withdraw what was
    mended; promise to look again. Says what came of it.

    They are told by whatever works, and so are their managers: when the warning is first raised, and again as the turn
    comes nearer (`decide.STAGES`). Repeating it tells nobody again.
    """
    seat, current = _lock_seat_by_id(seat_id)
    if seat is None:
        return _("The seat is gone.")
    rota = load_rota(seat.rota_id)
    people = _who_comes(seat, current, rota, at)
    proofs: dict[int, datetime | None] = {}
    for turn_at in set(people.values()):
        proofs |= queries.proofs([each for each in people if people[each] == turn_at], turn_at or at)
    silent = {person_id for person_id, until in proofs.items() if until is None or until <= at}
    known = {row.person_id: row for row in ReachWarning.objects.filter(seat=seat, withdrawn_at=None)}
    for person_id, row in known.items():
        if person_id not in silent:
            why = _("they can be woken") if person_id in people else _("they are not on any more")
            _withdraw(row, seat, why, by, via, at)
    named = {person.id: person for person in Person.objects.filter(id__in=silent)}
    told = [
        named[person_id]
        for person_id in sorted(silent)
        if _warn(seat, named[person_id], people[person_id], known.get(person_id), by, via, at)
    ]
    turns = [turn.start for turn in resolve.next_turns(rota, seat.key, at, 8)]
    void_promises(("seat", seat.id), at=at, kinds=[REACH])
    look_at = decide.next_look(turns, [until for until in proofs.values() if until is not None], at)
    if look_at is not None:
        why = _("%s: a turn is near then, or a last test grows old") % seat.name
        promise(REACH, subject=("seat", seat.id), due_at=look_at, why=why, at=at, brand_id=seat.rota.brand_id)
    if not silent:
        return _("Everybody can be woken.")
    return _("Warned of %(told)d; %(silent)d cannot be woken for sure.") % {"told": len(told), "silent": len(silent)}


def _who_comes(seat: Seat, current: Hold | None, rota: resolve.Rota, at: datetime) -> dict[int, datetime | None]:
    """Who has the seat (None) or may have it within a day, and when their turn begins."""
    people: dict[int, datetime | None] = {}
    for member, start, _end in decide.stretches(rota, seat.key, at, at + decide.STAGES[0] + datetime.resolution):
        if start > at:
            for person in queries.people_of(member):
                people.setdefault(person.id, start)
    if current is not None:
        people[current.person_id] = None
    return people


def _warn(
    seat: Seat,
    person: Person,
    turn_at: datetime | None,
    row: ReachWarning | None,
    by: Actor,
    via: Door,
    at: datetime,
) -> bool:
    """Raise the warning, or say it again where their turn has come nearer; whether somebody was told."""
    stage = decide.stage(turn_at, at)
    assert stage is not None  # `_who_comes` looks no farther than the first
    minutes = int(stage.total_seconds() // 60)
    if row is not None and row.stage <= minutes:
        return False
    ReachWarning.objects.update_or_create(
        seat=seat,
        person=person,
        withdrawn_at=None,
        defaults={"turn_at": turn_at, "stage": minutes},
        create_defaults={"turn_at": turn_at, "stage": minutes, "raised_at": at},
    )
    when = _("now") if turn_at is None else _("from %s on") % local(turn_at, person)
    record(SILENT, by=by, via=via, at=at, **_about(seat, person=person, facts={"when": when, "stage": minutes}))
    _tell_of_silence(seat, person, turn_at, at)
    return True


def _withdraw(row: ReachWarning, seat: Seat, why: str, by: Actor, via: Door, at: datetime) -> None:
    row.withdrawn_at = at
    row.save(update_fields=["withdrawn_at"])
    supersede_deliveries(subject=("reach", row.person_id), by=by, via=via, at=at)
    record(SILENT_NO_MORE, by=by, via=via, at=at, **_about(seat, person=row.person, facts={"why": why}))


def _tell_of_silence(seat: Seat, person: Person, turn_at: datetime | None, at: datetime) -> None:
    """Tell the person by all that is not broken, and their managers: loudly only once the duty is on."""
    for each in [person, *managers_of(person, seat.rota.brand_id)]:
        with translation.override(each.language):
            facts = {"name": person.name, "seat": seat.name}
            facts["when"] = _("now") if turn_at is None else _("from %s on") % local(turn_at, each)
            if each is person:
                title = _("Nothing is known to wake you, and you are %(seat)s %(when)s") % facts
                body = _("Add a number for texts or calls on your own page, or send it a test and answer that.")
            else:
                title = _("Nothing is known to wake %(name)s, %(seat)s %(when)s") % facts
                body = _("Have a number of theirs tested or added, or put somebody else on.")
            loud = each is person or turn_at is None
            to = recipients(each, at) if loud and each is not person else all_ways(each, at, loud=loud)
            if to:
                queue_message(
                    kind="duty.silent",
                    subject=("reach", person.id),
                    title=title,
                    body=body,
                    to=to,
                    brand_id=seat.rota.brand_id,
                    lane="urgent" if turn_at is None else "bulk",
                    by=SCHEDULER,
                    via=Door.WORKER,
                    at=at,
                )


def _lock_seat(seat_key: str) -> tuple[Seat, Hold | None]:
    """The seat, locked, and who holds it."""
    seat, current = _lock_seat_by_id(load_seat(seat_key).id)
    if seat is None:
        raise no_seat(seat_key)
    return seat, current


def _lock_seat_by_id(seat_id: int) -> tuple[Seat | None, Hold | None]:
    seat = Seat.objects.select_for_update(no_key=True).filter(id=seat_id, removed_at=None).first()
    if seat is None:
        return None, None
    # Only now: while we waited for the lock, both may have changed.
    seat.rota = Rota.objects.get(id=seat.rota_id)
    return seat, Hold.objects.filter(seat=seat, until_at=None).select_related("person").first()


def _lock_person(person_id: int) -> Person:
    """The person, locked against being deactivated. Raises NotFound, and Invalid for one who is not active."""
    person = Person.objects.select_for_update(no_key=True).filter(id=person_id).first()
    if person is None:
        raise NotFound(_("The person %s was named.") % person_id, _("There is none."), _("Name one of the staff."))
    if not person.active:
        raise Invalid(
            _("%s was to be on duty.") % person.name, _("They no longer work here."), _("Name somebody who does.")
        )
    return person


def _lock_people(people: Iterable[Person]) -> list[Person]:
    ids = [person.id for person in people]
    return list(Person.objects.select_for_update(no_key=True).filter(id__in=ids, active=True).order_by("id"))


def _move_token(seat: Seat, current: Hold | None, person: Person, how: str, from_at: datetime) -> Hold:
    """The one place where a token moves; the caller holds the seat's lock."""
    if current is not None:
        # The clock may have been read before somebody else's turn at this lock.
        from_at = max(from_at, current.from_at)
        current.until_at = from_at
        current.save(update_fields=["until_at"])
    hold = Hold.objects.create(seat=seat, person=person, from_at=from_at, how=how)
    Note.objects.filter(seat=seat, closed_at=None).update(closed_at=from_at, hold=hold, words="", left_out=[])
    _end_ladder(seat, from_at)
    _end_offer(seat, Offer.Outcome.WITHDRAWN, from_at)
    return hold


def _end_ladder(seat: Seat, at: datetime) -> None:
    """Nobody is asked any more to take what somebody has, or what is over."""
    if NotTaken.objects.filter(seat=seat, ended_at=None).update(ended_at=at):
        void_promises(("seat", seat.id), at=at, kinds=[CHASE])


def _begin_ladder(seat: Seat, turn_at: datetime, cause: UUID, at: datetime) -> None:
    NotTaken.objects.create(seat=seat, turn_at=turn_at)
    why = _("%(seat)s: nobody has accepted the turn of %(turn)s; who should is asked again, then others") % {
        "seat": seat.name,
        "turn": date_format(turn_at.astimezone(ZoneInfo(seat.rota.zone)), "D H:i"),
    }
    _promise_rung(seat, turn_at, ladder.first_at(turn_at, at), why, cause, at)


def _promise_rung(seat: Seat, turn_at: datetime, due_at: datetime, why: str, cause: UUID | None, at: datetime) -> None:
    """The next rung of the turn's ladder is due then."""
    promise(
        CHASE,
        subject=("seat", seat.id),
        due_at=due_at,
        why=why,
        at=at,
        facts={"turn_at": turn_at.isoformat()},
        cause=cause,
        brand_id=seat.rota.brand_id,
    )


def _end_offer(seat: Seat, outcome: str, at: datetime) -> None:
    if Offer.objects.filter(seat=seat, ended_at=None).update(ended_at=at, outcome=outcome):
        void_promises(("seat", seat.id), at=at, kinds=[LAPSE])


def _offer(seat: Seat, current: Hold, person: Person, by: Actor, via: Door, at: datetime) -> None:
    """Ask the person to take what the holder passes; repeating it asks nobody again."""
    if Offer.objects.filter(seat=seat, ended_at=None, to=person).exists():
        return
    _end_offer(seat, Offer.Outcome.WITHDRAWN, at)
    offer = Offer.objects.create(seat=seat, giver=current.person, to=person, offered_at=at, lapses_at=at + OFFER_LASTS)
    supersede_deliveries(subject=("seat", seat.id), by=by, via=via, at=at)
    entry = record(OFFERED, by=by, via=via, at=at, **_about(seat, person=person, before=current))
    why = _("%(seat)s: %(giver)s passes it to %(person)s, who has not accepted") % {
        "seat": seat.name,
        "giver": current.person.name,
        "person": person.name,
    }
    promise(
        LAPSE,
        subject=("seat", seat.id),
        due_at=offer.lapses_at,
        why=why,
        at=at,
        facts={"offered_at": at.isoformat()},
        cause=entry,
        brand_id=seat.rota.brand_id,
    )
    with translation.override(person.language):
        title = _("%(giver)s passes you the duty as %(seat)s") % {"giver": by.name, "seat": seat.name}
        body = _("Accept it, and you are on duty from then on. Until then %s has it.") % current.person.name
        _send_asking(seat, person, title, body, (ACCEPT_OFFER, REFUSE_OFFER), at, offer.lapses_at, at)


def _note_of(seat: Seat, at: datetime) -> Note:
    """The seat's open note; a new one where there is none. The caller holds the seat's lock."""
    note = Note.objects.filter(seat=seat, closed_at=None).first()
    return note or Note.objects.create(seat=seat, opened_at=at)


def _keep_copy(note: Note, entry: UUID, at: datetime) -> None:
    """The entry holds the note as it was handed over."""
    note.copies, note.copied_at = [*note.copies, str(entry)], at
    note.save(update_fields=["copies", "copied_at"])


def _is_copied(note: Note) -> bool:
    """Whether whoever accepted saw the note as it is now, but for what is read afresh."""
    news = [at for at in (note.drafted_at, note.edited_at) if at is not None]
    return note.copied_at is not None and all(at <= note.copied_at for at in news)


def _read_again(
    seat: Seat, current: Hold | None, person: Person, turn_at: datetime, by: Actor, via: Door, at: datetime
) -> None:
    """Whoever has accepted a turn that comes has read the note that was drafted or written on since."""
    note = Note.objects.filter(seat=seat, closed_at=None).first()
    if note is None or turn_at <= at or _is_copied(note):
        return
    text = sections.copied(seat, note, current, at)
    about = _about(seat, person=person, before=current, facts={"turn_at": turn_at.isoformat()})
    _keep_copy(note, record(NOTE_READ, by=by, via=via, at=at, text=text, **about), at)


def _check_turn(rota: resolve.Rota, seat: Seat, turn_at: datetime, at: datetime, asked: str) -> None:
    if turn_at <= at:
        if not decide.same_turn(rota, seat.key, turn_at, at):
            raise IllegalTransition(asked, _("That turn is over."), _("Take the turn that is on now, or the next."))
        return
    if turn_at - at > AHEAD:
        opens_at = (turn_at - AHEAD).isoformat(timespec="minutes")
        raise IllegalTransition(asked, _("That is more than a day ahead."), _("Accept it from %s on.") % opens_at)
    if not decide.begins(rota, seat.key, turn_at):
        coming = [turn.start.isoformat(timespec="minutes") for turn in resolve.next_turns(rota, seat.key, at, 2)]
        raise Invalid(
            asked, _("No turn begins then."), _("Turns begin at %s.") % (", ".join(coming) or _("no time to come"))
        )


def _open_turn(seat: Seat) -> Promise | None:
    open_ = Promise.objects.filter(kind=TURN, subject_kind="seat", subject_id=str(seat.id), ended_at=None)
    return open_.order_by("due_at").first()


def _promise_turn(
    seat: Seat,
    rota: resolve.Rota,
    turn_at: datetime,
    at: datetime,
    *,
    plan_changed: bool = False,
    cause: UUID | None = None,
) -> None:
    """See to this turn next, instead of any other of the seat: there is one chain of promises a seat."""
    void_promises(("seat", seat.id), at=at, kinds=[TURN])
    people = ", ".join(person.name for person in queries.people_of(decide.planned(rota, seat.key, turn_at)))
    promise(
        TURN,
        subject=("seat", seat.id),
        due_at=turn_at,
        why=_("%(seat)s: the turn of %(people)s begins") % {"seat": seat.name, "people": people or _("nobody")},
        at=at,
        facts={
            "turn_at": turn_at.isoformat(),
            "version": str(seat.rota.version),
            "plan_changed": plan_changed,
        },
        cause=cause,
        brand_id=seat.rota.brand_id,
    )
    _promise_draft(seat, turn_at, people, at)


def _promise_draft(seat: Seat, turn_at: datetime, people: str, at: datetime) -> None:
    """The note of that turn is drafted in time, once."""
    void_promises(("seat", seat.id), at=at, kinds=[DRAFT])
    note = Note.objects.filter(seat=seat, closed_at=None).first()
    if turn_at <= at or not people or (note is not None and note.turn_at == turn_at):
        return
    promise(
        DRAFT,
        subject=("seat", seat.id),
        due_at=max(at, turn_at - queries.note_before(seat)),
        why=_("%(seat)s: %(people)s take it next, and read the note") % {"seat": seat.name, "people": people},
        at=at,
        facts={"turn_at": turn_at.isoformat()},
        brand_id=seat.rota.brand_id,
    )


def _see_to_turn(seat: Seat, rota: resolve.Rota, turn_at: datetime, at: datetime) -> None:
    """Make sure that `turn_at` is still to be seen to: the worker may have done so while the caller waited for the lock."""
    open_turn = _open_turn(seat)
    if open_turn is None or datetime.fromisoformat(open_turn.facts["turn_at"]) > turn_at:
        _promise_turn(seat, rota, turn_at, at)


def _about(
    seat: Seat, *, person: Person | None = None, before: Hold | None = None, facts: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Subject, brand and facts of an entry. `before` is who held the seat until this."""
    named: dict[str, Any] = {"seat": seat.name, "seat_key": seat.key, "rota": seat.rota.name}
    if person is not None:
        named |= {"person": person.name, "person_id": person.id}
    named |= {
        "holder": before.person.name if before else _("nobody"),
        "holder_id": before.person_id if before else None,
    }
    return {"subject": ("seat", seat.id), "brand_id": seat.rota.brand_id, "facts": named | (facts or {})}


def _outcome(decision: decide.Decision, people: dict[int, Person]) -> str:
    match decision.outcome:
        case Outcome.PASSES:
            assert decision.to is not None
            return _("%s went on duty.") % people[decision.to].name
        case Outcome.HAS_IT:
            return _("The holder is whom the plan wants.")
        case Outcome.GAP:
            return _("Nobody is planned: the holder keeps it.")
        case Outcome.NOT_TAKEN:
            return _("Nobody has accepted: the holder keeps it.")
        case Outcome.STANDS:
            return _("Somebody has it since by their own word.")


def _ask(seat: Seat, person: Person, turn_at: datetime, over_at: datetime | None, at: datetime) -> None:
    """Ask one person to accept their turn; all that `person` wants used for an urgent page is used, so that the answer
    shows that they can be woken.
    """
    with translation.override(person.language):
        facts = {"seat": seat.name, "turn": local(turn_at, person)}
        if turn_at <= at:
            title = _("Your duty as %(seat)s has begun") % facts
            body = _("It is your turn since %(turn)s, and you have not accepted. Accept it, so that it passes to you.")
        else:
            title = _("Your duty as %(seat)s begins %(turn)s") % facts
            body = _("Read the note, and accept it, so that it passes to you at %(turn)s.")
        _send_asking(seat, person, title, body % facts, (ACCEPT, REFUSE), turn_at, over_at, at)


def _send_asking(
    seat: Seat,
    person: Person,
    title: str,
    body: str,
    verbs: tuple[str, str],
    about_at: datetime,
    valid_until: datetime | None,
    at: datetime,
) -> None:
    """A message for each way to the person, so that an answer says which of them woke them."""
    note = Note.objects.filter(seat=seat, closed_at=None).first()
    hold = Hold.objects.filter(seat=seat, until_at=None).select_related("person").first()
    counted = note_words.counted(sections.written(seat, note, hold, at))
    body = "\n".join(line for line in (body, counted) if line)
    for method, recipient in ways(person, at):
        subject_id = f"{seat.id}@{about_at.isoformat()}@{method.id}"
        answers = {"acknowledge": [verbs[0], "seat", subject_id], "escalate": [verbs[1], "seat", subject_id]}
        _queue("duty.ask", seat, title, body, [recipient], answers, valid_until, at)


class _Word(Enum):
    """What a person is told of a token that was theirs, or is now."""

    STILL_YOURS = auto()
    TAKEN_OVER = auto()
    GIVEN = auto()
    NOT_ACCEPTED = auto()
    REFUSED = auto()


def _tell(
    seat: Seat, person: Person, word: _Word, other: str, since: datetime, at: datetime, *, said: str = ""
) -> None:
    """Tell one person about their duty; `other` is the name of whoever else it is about, `said` what that one said."""
    with translation.override(person.language):
        facts = {"seat": seat.name, "other": other, "since": local(since, person)}
        match word:
            case _Word.STILL_YOURS:
                title = _("You are still on duty as %(seat)s") % facts
                body = _("%(other)s should have taken over at %(since)s and has not. You keep it until then.") % facts
            case _Word.TAKEN_OVER:
                title = _("%(other)s has taken the duty as %(seat)s") % facts
                body = _("You are off duty as %(seat)s since %(since)s.") % facts
            case _Word.GIVEN:
                title = _("You are on duty as %(seat)s") % facts
                body = _("%(other)s passed it to you at %(since)s.") % facts
            case _Word.NOT_ACCEPTED:
                title = _("%(other)s has not accepted the duty as %(seat)s") % facts
                body = _("You passed it at %(since)s, and still have it. Ask somebody else, or ring them.") % facts
            case _Word.REFUSED:
                title = _("%(other)s does not take the duty as %(seat)s") % facts
                body = _("You still have it, and keep it until somebody takes it.")
        if said:
            body = f"“{said}” {body}"
        _send("duty.told", seat, person, title, body, at)


def _send(kind_: str, seat: Seat, person: Person, title: str, body: str, at: datetime) -> None:
    if to := recipients(person, at):
        _queue(kind_, seat, title, body, to, {}, None, at)


def _queue(
    kind_: str,
    seat: Seat,
    title: str,
    body: str,
    to: list[Recipient],
    answers: dict[str, list[str]],
    valid_until: datetime | None,
    at: datetime,
) -> None:
    queue_message(
        kind=kind_,
        subject=("seat", seat.id),
        title=title,
        body=body,
        to=to,
        brand_id=seat.rota.brand_id,
        answers=answers,
        valid_until=valid_until,
        # Whoever may move a token may not therefore write to people: these words are ours.
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def _held_already(asked: str, seat: Seat, current: Hold) -> IllegalTransition:
    return IllegalTransition(
        asked,
        _("%(person)s has %(seat)s since %(since)s.")
        % {
            "person": current.person.name,
            "seat": seat.name,
            "since": current.from_at.astimezone(ZoneInfo(seat.rota.zone)).isoformat(timespec="minutes"),
        },
        _("Ask them to pass it, or take it if it is your turn."),
        holder=current.person_id,
    )
