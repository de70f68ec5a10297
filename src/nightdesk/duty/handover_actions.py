"""The verbs of a handover beside the token's own: the note, what is watched, who is asked when nobody takes a turn."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import may, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.promises import void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.channels.actions import supersede_deliveries
from nightdesk.duty import decide, ladder, pairings, queries, sections
from nightdesk.duty.actions import (
    CHASE,
    HANDOVER_PATH,
    REFUSE,
    _about,
    _ask,
    _check_turn,
    _end_ladder,
    _end_offer,
    _keep_copy,
    _lock_person,
    _lock_seat,
    _lock_seat_by_id,
    _move_token,
    _note_of,
    _promise_rung,
    _promise_turn,
    _queue,
    _send_asking,
    _tell,
    _Word,
)
from nightdesk.duty.models import (
    Acceptance,
    HandoverRules,
    Hold,
    Note,
    NotTaken,
    Offer,
    TurnRefused,
    WatchItem,
)
from nightdesk.duty.reaching import all_ways, local, managers_of, quiet_ways
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import contacts_and_rules
from nightdesk.rota import resolve
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import load_rota

NOTE_DRAFTED = kind("duty.note_drafted", gettext_lazy("The note of {seat} is drafted; {people} take it next"))
NOTE_WRITTEN = kind("duty.note_written", gettext_lazy("{by} wrote on the note of {seat}"))
WATCH_ADDED = kind("duty.watch_added", gettext_lazy("{by} asks to keep an eye on something as {seat}"))
WATCH_TICKED = kind("duty.watch_ticked", gettext_lazy("{by} ticked off something that {seat} kept an eye on"))
ASKED = kind("duty.asked", gettext_lazy("Nobody has taken {seat}: {people} asked to"))
REFUSED = kind("duty.refused", gettext_lazy("{person} will not take the duty as {seat}"))
OFFER_ACCEPTED = kind("duty.offer_accepted", gettext_lazy("{person} took the duty as {seat} that {holder} passed"))
OFFER_REFUSED = kind("duty.offer_refused", gettext_lazy("{person} did not take the duty as {seat} that was passed"))
OFFER_LAPSED = kind(
    "duty.offer_lapsed", gettext_lazy("{person} did not answer to the duty as {seat}; {holder} keeps it")
)
RULES_SAVED = kind(
    "duty.handover_rules", gettext_lazy("{by} set when the note of {seat} is drafted: {minutes} min before")
)

LONGEST_WORDS = 4_000
STAND_IN = "duty.stand_in"
"""The answer of somebody who is asked because nobody took a turn; its subject as that of ACCEPT."""


# --- The note ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def draft_note(*, seat_id: int, turn_at: datetime, by: Actor, via: Door, at: datetime) -> str:
    """The note of the turn that comes is there to be read: the holder is told, and who is next is asked to accept.

    A seat that passes by itself rings nobody for it: both are told by what makes no noise. Repeating it changes nothing.
    Says what came of it.
    """
    seat, current = _lock_seat_by_id(seat_id)
    if seat is None:
        return _("The seat is gone.")
    rota = load_rota(seat.rota_id)
    people = queries.people_of(decide.planned(rota, seat.key, turn_at))
    note = _note_of(seat, at)
    if turn_at <= at or not decide.changes(rota, seat.key, turn_at):
        return _("No turn begins then any more.")
    if note.turn_at == turn_at:
        return _("It is drafted already.")
    if current is not None and current.person_id in {person.id for person in people}:
        return _("Whoever has it keeps it.")
    note.turn_at, note.drafted_at = turn_at, at
    note.save(update_fields=["turn_at", "drafted_at"])
    names = ", ".join(person.name for person in people) or _("nobody")
    facts = {"turn_at": turn_at.isoformat(), "people": names}
    record(NOTE_DRAFTED, by=by, via=via, at=at, **_about(seat, before=current, facts=facts))
    if current is not None:
        _tell_of_note(seat, current.person, turn_at, names, at)
    acceptance = Acceptance.objects.filter(seat=seat, turn_at=turn_at).first()
    refused = set(TurnRefused.objects.filter(seat=seat, turn_at=turn_at).values_list("person_id", flat=True))
    accepted = acceptance.person_id if acceptance is not None else None
    alone = pairings.alone(seat, [person.id for person in people], turn_at, at)
    asked = [person for person in people if person.id not in refused and person.id not in alone]
    if accepted in {person.id for person in people}:
        asked = [person for person in people if person.id == accepted]
    over_at = resolve.next_change(rota, seat.key, turn_at)
    by_itself = not seat.acceptance_required and len(asked) == 1
    for person in asked:
        if not by_itself and accepted is None:
            _ask(seat, person, turn_at, over_at, at)
        else:
            _tell_of_note(seat, person, turn_at, person.name, at)
    return _("The note is drafted; %s are told.") % names


def _tell_of_note(seat: Seat, person: Person, turn_at: datetime, names: str, at: datetime) -> None:
    """Tell one person, by what makes no noise, that the note is there; the holder of a seat that must be accepted by any
    way where they have no such.
    """
    to = quiet_ways(person, at) or (all_ways(person, at, loud=True) if seat.acceptance_required else [])
    if not to:
        return
    with translation.override(person.language):
        facts = {"seat": seat.name, "turn": local(turn_at, person), "people": names}
        title = _("The note of %(seat)s for %(turn)s") % facts
        url = settings.PUBLIC_URL + HANDOVER_PATH.format(seat_key=seat.key)
        if names == person.name:
            body = _("You have it from then on. Read the note: {url}").format(url=url)
        else:
            body = _("{people} take it then. Write on it what they must know: {url}").format(people=names, url=url)
        _queue("duty.note", seat, title, body, to, {}, turn_at, at)


@transaction.atomic
def write_note(*, seat_key: str, words: str, left_out: list[str], by: Actor, via: Door, at: datetime) -> Note:
    """The note says so from now on, besides what is read afresh; `left_out` names lines that are not handed on.

    Only the holder may, or who may set a holder. Whoever has accepted the turn already is told. Repeating it changes
    nothing. Raises NotFound, Forbidden, Invalid for too many words, IllegalTransition where nobody holds the seat.
    """
    seat, current = _lock_seat(seat_key)
    require(by, "write_note", seat.rota.brand_id)
    _check_holder(seat, current, by, _("The note of %s was to be written on.") % seat.name)
    words = "\n".join(line.rstrip() for line in words.replace("\r\n", "\n").strip().splitlines())
    if len(words) > LONGEST_WORDS:
        raise Invalid(
            _("You wrote on a note."),
            _("It has %(count)d characters; %(most)d are the most.") % {"count": len(words), "most": LONGEST_WORDS},
            _("Say it in fewer words, or write a procedure and name it here."),
            field="words",
        )
    note = _note_of(seat, at)
    known = {each for each in left_out if len(each) <= 120}
    if note.words == words and set(note.left_out) == known:
        return note
    note.words, note.left_out, note.edited_at = words, sorted(known)[:200], at
    note.save(update_fields=["words", "left_out", "edited_at"])
    record(NOTE_WRITTEN, by=by, via=via, at=at, text=words, **_about(seat, before=current))
    if note.copied_at is not None and note.turn_at is not None and note.turn_at > at:
        acceptance = Acceptance.objects.filter(seat=seat, turn_at=note.turn_at).select_related("person").first()
        if acceptance is not None and acceptance.person_id != by.person_id:
            _tell_of_note(seat, acceptance.person, note.turn_at, acceptance.person.name, at)
    return note


@transaction.atomic
def add_watch_item(*, seat_key: str, words: str, by: Actor, via: Door, at: datetime) -> WatchItem:
    """Whoever has the seat keeps an eye on it until it is ticked off. Raises NotFound, Forbidden, Invalid (no words)."""
    seat, current = _lock_seat(seat_key)
    require(by, "add_watch_item", seat.rota.brand_id)
    kept = one_line(words, 300, _("what to watch"))
    item = WatchItem.objects.create(seat=seat, words=kept, added_at=at, added_by=by.name[:120])
    record(WATCH_ADDED, by=by, via=via, at=at, text=kept, **_about(seat, before=current, facts={"item": item.pk}))
    return item


@transaction.atomic
def tick_watch_item(*, item_id: int, by: Actor, via: Door, at: datetime) -> WatchItem:
    """Nobody need watch it any more. Repeating it changes nothing. Raises NotFound, Forbidden."""
    item = WatchItem.objects.select_for_update(no_key=True).filter(id=item_id).first()
    if item is None:
        raise NotFound(_("Something to watch was ticked off."), _("There is none with this number."), "")
    seat = Seat.objects.select_related("rota").get(id=item.seat_id)
    require(by, "tick_watch_item", seat.rota.brand_id)
    if item.ticked_at is None:
        item.ticked_at, item.ticked_by = at, by.name[:120]
        item.save(update_fields=["ticked_at", "ticked_by"])
        record(WATCH_TICKED, by=by, via=via, at=at, **_about(seat, facts={"item": item.pk}))
    return item


@transaction.atomic
def save_handover_rules(*, seat_key: str, note_minutes: int | None, by: Actor, via: Door, at: datetime) -> timedelta:
    """The note of the seat is drafted so long before a turn; None: as the installation says. How long comes back.

    Raises NotFound, Forbidden, Invalid for fewer than 1 or more than 720 minutes.
    """
    seat, current = _lock_seat(seat_key)
    require(by, "save_handover_rules", seat.rota.brand_id)
    if note_minutes is None:
        HandoverRules.objects.filter(seat=seat).delete()
    elif 1 <= note_minutes <= 720:
        HandoverRules.objects.update_or_create(seat=seat, defaults={"note_minutes": note_minutes})
    else:
        raise Invalid(
            _("The note of %s was to be drafted.") % seat.name,
            _("%d minutes before a turn is too soon or too late.") % note_minutes,
            _("Give 1 to 720 minutes."),
            field="note_minutes",
        )
    before = queries.note_before(seat)
    minutes = int(before.total_seconds() // 60)
    record(RULES_SAVED, by=by, via=via, at=at, **_about(seat, before=current, facts={"minutes": minutes}))
    rota = load_rota(seat.rota_id)
    if (next_at := resolve.next_change(rota, seat.key, at)) is not None:
        _promise_turn(seat, rota, next_at, at)
    return before


# --- When nobody takes it ---------------------------------------------------------------------------------------------


@transaction.atomic
def chase_turn(*, seat_id: int, turn_at: datetime, by: Actor, via: Door, at: datetime) -> str:
    """The next rung of a turn that nobody took: who is on it is asked, and the one after is promised. Says what came of it.

    The holder keeps the duty, and is told at the first rung; at the last too, where nobody could be asked at all. Somebody
    who has taken it meanwhile, or a turn that is over, ends it.
    """
    seat, current = _lock_seat_by_id(seat_id)
    row = NotTaken.objects.filter(seat=seat_id, turn_at=turn_at, ended_at=None).first()
    if seat is None or row is None:
        return _("It is taken, or over.")
    rota = load_rota(seat.rota_id)
    people = queries.people_of(decide.planned(rota, seat.key, at))
    holder = current.person_id if current is not None else None
    if not decide.same_turn(rota, seat.key, turn_at, at) or holder in {person.id for person in people}:
        _end_ladder(seat, at)
        return _("Whoever has it is whom the plan wants, or the turn is over.")
    standing = _standing(seat, current, people, row, at)
    asking = ladder.ask(standing, ladder.Rung(row.rung) if row.rung else None, at)
    if not asking.people and not asking.tell_holder:
        return _("Everybody who could take it was asked.")
    row.rung, row.asked_at = asking.rung, at
    row.asked = [*dict.fromkeys([*row.asked, *asking.people])]
    row.save(update_fields=["rung", "asked", "asked_at"])
    named = {person.id: person for person in Person.objects.filter(id__in=asking.people)}
    names = ", ".join(named[id_].name for id_ in asking.people) or _("nobody, as nobody can be reached,")
    facts = {"turn_at": turn_at.isoformat(), "rung": asking.rung, "people": names, "asked": list(asking.people)}
    entry = record(ASKED, by=by, via=via, at=at, **_about(seat, before=current, facts=facts))
    over_at = resolve.next_change(rota, seat.key, at)
    waited_for = ", ".join(person.name for person in people) or _("Nobody who is still here")
    for id_ in asking.people:
        if asking.rung is ladder.Rung.NEXT:
            _ask(seat, named[id_], turn_at, over_at, at)
        else:
            _ask_to_stand_in(seat, named[id_], current, waited_for, turn_at, over_at, at)
    if asking.tell_holder and current is not None:
        _tell(seat, current.person, _Word.STILL_YOURS, waited_for, turn_at, at)
    if asking.next_at is not None:
        why = _("%(seat)s: %(people)s asked to take it; if they do not, others are asked") % {
            "seat": seat.name,
            "people": names,
        }
        _promise_rung(seat, turn_at, asking.next_at, why, entry, at)
    return _("Asked: %s.") % names


def _standing(seat: Seat, current: Hold | None, people: list[Person], row: NotTaken, at: datetime) -> ladder.Standing:
    """Whom the ladder can ask, as things are now."""
    first = people[0] if people else current.person if current is not None else None
    managers = managers_of(first, seat.rota.brand_id) if first is not None else []
    teams = Team.objects.filter(id=seat.team_id) if seat.team_id else Team.objects.filter(brand=seat.rota.brand_id)
    team = list(Person.objects.filter(teams__in=teams, active=True).distinct().order_by("id"))
    backups = queries.behind(seat, at)
    everybody = {person.id for person in (*people, *managers, *team)} | set(backups)
    known = contacts_and_rules(everybody)
    refused = TurnRefused.objects.filter(seat=seat, turn_at=row.turn_at).values_list("person_id", flat=True)
    return ladder.Standing(
        holder=current.person_id if current is not None else None,
        candidates=tuple(person.id for person in people),
        backups=tuple(backups[:1]),
        managers=tuple(person.id for person in managers),
        team=tuple(person.id for person in team),
        # Nobody new is asked to be on alone.
        refused=frozenset(refused) | pairings.alone(seat, everybody, at, at),
        reachable=frozenset(
            id_ for id_, (methods, _rules) in known.items() if any(method.broken_at is None for method in methods)
        ),
        asked=frozenset(row.asked),
    )


def _ask_to_stand_in(
    seat: Seat,
    person: Person,
    current: Hold | None,
    waited_for: str,
    turn_at: datetime,
    over_at: datetime | None,
    at: datetime,
) -> None:
    with translation.override(person.language):
        facts = {
            "seat": seat.name,
            "people": waited_for,
            "holder": current.person.name if current is not None else _("nobody"),
            "turn": local(turn_at, person),
        }
        title = _("Nobody has taken the duty as %(seat)s") % facts
        body = _("%(people)s should have it since %(turn)s; %(holder)s still has it. Take it, if you can.") % facts
        _send_asking(seat, person, title, body, (STAND_IN, REFUSE), turn_at, over_at, at)


@transaction.atomic
def refuse_turn(
    *, seat_key: str, turn_at: datetime, reason: str = "", by: Actor, via: Door, at: datetime
) -> TurnRefused:
    """`by` will not take the turn that begins, or was on, at `turn_at`. Who has the seat keeps it, and is told.

    Before the turn their managers are told, so that somebody else can be planned; once it has begun, the next rung is
    asked at once. Whoever was asked to stand in says so too. Repeating it changes nothing. Raises NotFound, Forbidden,
    Invalid where no turn begins then, IllegalTransition where it is not theirs, or is theirs already.
    """
    seat, current = _lock_seat(seat_key)
    require(by, "refuse_turn", seat.rota.brand_id)
    if by.person_id is None:
        raise Invalid(_("A turn was refused."), _("Only a person can."), _("Sign in as yourself."))
    person = _lock_person(by.person_id)
    rota = load_rota(seat.rota_id)
    asked = _("%(person)s will not take the duty as %(seat)s.") % {"person": person.name, "seat": seat.name}
    _check_turn(rota, seat, turn_at, at, asked)
    own = person in queries.people_of(decide.planned(rota, seat.key, turn_at))
    if not own and person.id not in queries.asked_to_take(seat.id):
        raise IllegalTransition(asked, _("It is not their turn."), _("Nothing has to be done."))
    if turn_at <= at and current is not None and current.person_id == person.id:
        raise IllegalTransition(asked, _("They have it already."), _("Pass it to somebody instead."))
    row, is_new = TurnRefused.objects.get_or_create(
        seat=seat, turn_at=turn_at, person=person, defaults={"refused_at": at}
    )
    if not is_new:
        return row
    Acceptance.objects.filter(seat=seat, turn_at=turn_at, person=person).delete()
    kept = reason.strip()[:1000]
    facts = {"turn_at": turn_at.isoformat()}
    entry = record(
        REFUSED, by=by, via=via, at=at, text=kept, **_about(seat, person=person, before=current, facts=facts)
    )
    if turn_at <= at:
        _press_on(seat, turn_at, entry, at)
    told = [] if current is None else [current.person]
    if turn_at > at:
        told += [each for each in managers_of(person, seat.rota.brand_id) if each not in told]
    for each in told:
        if each.id != person.id:
            _tell_of_refusal(seat, each, person, current, turn_at, kept, at)
    return row


def _press_on(seat: Seat, turn_at: datetime, cause: UUID, at: datetime) -> None:
    """Nobody waits for somebody who has said no."""
    if NotTaken.objects.filter(seat=seat, turn_at=turn_at, ended_at=None).exists():
        void_promises(("seat", seat.id), at=at, kinds=[CHASE])
        why = _("%s: whoever was asked will not take it") % seat.name
        _promise_rung(seat, turn_at, at, why, cause, at)


def _tell_of_refusal(
    seat: Seat, person: Person, who: Person, current: Hold | None, turn_at: datetime, reason: str, at: datetime
) -> None:
    with translation.override(person.language):
        facts = {"who": who.name, "seat": seat.name, "turn": local(turn_at, person)}
        title = _("%(who)s will not take the duty as %(seat)s, %(turn)s") % facts
        if current is not None and person.id == current.person_id:
            body = _("You have it until somebody takes it.")
        else:
            body = _("Have somebody else planned, or take it yourself.")
        body = "\n".join(line for line in (reason and f"“{reason}”", body) if line)
        if to := all_ways(person, at, loud=True):
            _queue("duty.told", seat, title, body, to, {}, None, at)


# --- Passed by hand ---------------------------------------------------------------------------------------------------


@transaction.atomic
def accept_offer(*, seat_key: str, by: Actor, via: Door, at: datetime) -> Hold:
    """`by`, to whom the holder passed the seat, has it from now on. Raises NotFound, Forbidden, IllegalTransition."""
    seat, current = _lock_seat(seat_key)
    require(by, "accept_duty", seat.rota.brand_id)
    if current is not None and current.person_id == by.person_id:
        return current
    offer = _offer_to(seat, by)
    assert current is not None  # whoever offers holds
    person = _lock_person(offer.to_id)
    pairings.refuse_alone(seat, person, at, at)
    note = _note_of(seat, at)
    text = sections.copied(seat, note, current, at)
    _end_offer(seat, Offer.Outcome.ACCEPTED, at)
    hold = _move_token(seat, current, person, Hold.How.PASSED, at)
    supersede_deliveries(subject=("seat", seat.id), by=by, via=via, at=at)
    about = _about(seat, person=person, before=current)
    _keep_copy(note, record(OFFER_ACCEPTED, by=by, via=via, at=at, text=text, **about), at)
    _tell(seat, current.person, _Word.TAKEN_OVER, person.name, at, at)
    return hold


@transaction.atomic
def refuse_offer(*, seat_key: str, reason: str = "", by: Actor, via: Door, at: datetime) -> Offer:
    """`by` does not take what the holder passed; the holder has it still, and is told why. Raises as `accept_offer`."""
    seat, current = _lock_seat(seat_key)
    require(by, "refuse_turn", seat.rota.brand_id)
    offer = _offer_to(seat, by)
    _end_offer(seat, Offer.Outcome.REFUSED, at)
    offer.refresh_from_db()
    supersede_deliveries(subject=("seat", seat.id), by=by, via=via, at=at)
    kept = reason.strip()[:1000]
    record(OFFER_REFUSED, by=by, via=via, at=at, text=kept, **_about(seat, person=offer.to, before=current))
    _tell(seat, offer.giver, _Word.REFUSED, offer.to.name, at, at, said=kept)
    return offer


@transaction.atomic
def lapse_offer(*, seat_id: int, offered_at: datetime, by: Actor, via: Door, at: datetime) -> str:
    """Nobody waits any longer for who has not answered; the holder is told. Says what came of it."""
    seat, current = _lock_seat_by_id(seat_id)
    offer = Offer.objects.filter(seat=seat_id, offered_at=offered_at, ended_at=None).select_related("to", "giver")
    row = offer.first()
    if seat is None or row is None:
        return _("It was answered.")
    _end_offer(seat, Offer.Outcome.LAPSED, at)
    supersede_deliveries(subject=("seat", seat.id), by=by, via=via, at=at)
    record(OFFER_LAPSED, by=by, via=via, at=at, **_about(seat, person=row.to, before=current))
    _tell(seat, row.giver, _Word.NOT_ACCEPTED, row.to.name, row.offered_at, at)
    return _("%s has not answered.") % row.to.name


def _offer_to(seat: Seat, by: Actor) -> Offer:
    offer = Offer.objects.filter(seat=seat, ended_at=None).select_related("to", "giver").first()
    if offer is None or offer.to_id != by.person_id:
        raise IllegalTransition(
            _("A duty that was passed was answered: %s.") % seat.name,
            _("It is not passed to %s, or not any more.") % by.name,
            _("Nothing has to be done; look at who is on."),
        )
    return offer


def _check_holder(seat: Seat, current: Hold | None, by: Actor, asked: str) -> None:
    if current is None:
        raise IllegalTransition(asked, _("Nobody has the duty yet."), _("Have a manager set the first holder."))
    if current.person_id != by.person_id and not may(by, "set_first_holder", seat.rota.brand_id):
        raise IllegalTransition(
            asked,
            _("%s has the duty.") % current.person.name,
            _("Add something to watch instead; they will see it."),
        )
