"""Who is on. What was and is comes from the holds alone, so that no later change of the plan changes what is told of a
night that is over. What will be comes from the plan; until its next change, from the holds.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.base import clock
from nightdesk.channels.registry import LOUD
from nightdesk.duty import decide
from nightdesk.duty.decide import Member
from nightdesk.duty.feed import FeedTurn, Whose, feed_token
from nightdesk.duty.models import (
    Acceptance,
    Away,
    FeedLink,
    HandoverRules,
    Hold,
    Note,
    NotTaken,
    Offer,
    ReachWarning,
    TurnRefused,
)
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import contacts_and_rules, cut_off
from nightdesk.rota import resolve
from nightdesk.rota.models import Rota, Seat, Swap
from nightdesk.rota.queries import load_rota, load_rotas, load_seat
from nightdesk.rota.registries import Stint

FEED_BEHIND = timedelta(days=31)
FEED_AHEAD = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who has a seat at an instant, and who comes next.

    `held`: it is or was so; otherwise it is only planned. `person_id` is None where nobody has it, and where a team is
    planned, whose name is then `person_name` ("" for nobody). They have it from `since` until `until`; while they still
    hold what the next person should have accepted by now, `until` is None. It is also None when nobody else is planned.
    """

    seat_key: str
    seat_name: str
    rota_name: str
    brand_id: int
    person_id: int | None
    person_name: str
    since: datetime | None
    until: datetime | None
    next_person_id: int | None
    next_person_name: str
    next_accepted: bool
    held: bool
    accepted: bool = False
    """A planned turn that has been accepted ahead; what is held needs no more words."""


def who_is_on(at: datetime, brand_ids: Collection[int] | None = None, *, now: datetime | None = None) -> list[OnDuty]:
    """Every seat of the brands (None: of all) at `at`, by rota and place; `now` (the clock's) parts past from future.

    The number of queries does not grow with the seats.
    """
    now = now or clock.now()
    if at > now:
        return _planned(at, now, _seats(brand_ids, at))
    return _held(at, _seats(brand_ids, at))


# Every alarm asks: SQL by hand, as Django needs several times as long to put it together as PostgreSQL to answer it.
HOLDER = """
SELECT hold.person_id FROM duty_hold hold JOIN rota_seat seat ON seat.id = hold.seat_id
WHERE seat.key = %(seat)s AND hold.from_at <= %(at)s AND (hold.until_at IS NULL OR hold.until_at > %(at)s)
ORDER BY hold.id LIMIT 1
"""


def holder(seat_key: str, at: datetime, *, now: datetime | None = None) -> int | None:
    """The person who holds the seat at `at`, or will; None for nobody, or for a team. Raises NotFound."""
    now = now or clock.now()
    if at > now:
        seat = load_seat(seat_key)
        rota = load_rota(seat.rota_id)
        if not decide.same_turn(rota, seat_key, now, at):
            member = decide.planned(rota, seat_key, at)
            return member[1] if member is not None and member[0] == "person" else None
    with connection.cursor() as cursor:
        cursor.execute(HOLDER, {"seat": seat_key, "at": min(at, now)})
        row: tuple[int] | None = cursor.fetchone()
    if row is None:
        load_seat(seat_key)
        return None
    return row[0]


STANDS_BEHIND: list[Callable[[Seat, datetime], list[int]]] = []
"""What else says who stands behind a seat, by id, after the seats that do; filled by `nightdesk.wiring`."""

RINGS = """
SELECT hold.person_id, hold.seat_id, EXISTS (
    SELECT 1 FROM duty_away away WHERE away.person_id = hold.person_id AND away.ended_at IS NULL
    AND away.from_at <= %(at)s AND away.until_at > %(at)s)
FROM duty_hold hold JOIN rota_seat seat ON seat.id = hold.seat_id
WHERE seat.key = %(seat)s AND hold.from_at <= %(at)s AND (hold.until_at IS NULL OR hold.until_at > %(at)s)
ORDER BY hold.id LIMIT 1
"""


def who_rings(seat_key: str, at: datetime) -> int | None:
    """Whom pages of the seat ring at `at`: its holder, or while they are out of reach whoever stands behind it.

    None where nobody holds it. Raises NotFound.
    """
    with connection.cursor() as cursor:
        cursor.execute(RINGS, {"seat": seat_key, "at": at})
        row: tuple[int, int, bool] | None = cursor.fetchone()
    if row is None:
        load_seat(seat_key)
        return None
    person_id, seat_id, is_away = row
    if not is_away:
        return person_id
    seat = Seat.objects.select_related("rota").get(id=seat_id)
    people = behind(seat, at)
    return decide.who_rings(person_id, people, away_at(at, [person_id, *people]))


def behind(seat: Seat, at: datetime) -> list[int]:
    """Who stands behind the seat, the first to ring first: the holders of its standby seats, then who else is known to.

    Each of them once, active, and not the seat's own holder.
    """
    standbys = Hold.objects.filter(seat__behind=seat, until_at=None).order_by("seat__position", "seat_id")
    found = list(standbys.values_list("person_id", flat=True))
    for source in STANDS_BEHIND:
        found += source(seat, at)
    own = Hold.objects.filter(seat=seat, until_at=None).values_list("person_id", flat=True).first()
    active = set(Person.objects.filter(id__in=found, active=True).values_list("id", flat=True))
    return [person_id for person_id in dict.fromkeys(found) if person_id in active and person_id != own]


def away_at(at: datetime, person_ids: Collection[int] | None = None) -> dict[int, Away]:
    """Who of them (None: of all) is out of reach at `at`."""
    rows = Away.objects.filter(ended_at=None, from_at__lte=at, until_at__gt=at)
    rows = rows if person_ids is None else rows.filter(person__in=person_ids)
    return {row.person_id: row for row in rows}


def note_before(seat: Seat) -> timedelta:
    """How long before a turn of the seat its note is drafted."""
    rules = HandoverRules.objects.filter(seat=seat).first()
    return timedelta(minutes=rules.note_minutes) if rules is not None else settings.HANDOVER_NOTE_BEFORE


def asked_to_take(seat_id: int) -> list[int]:
    """Whom the ladder of the turn that nobody took has asked."""
    row = NotTaken.objects.filter(seat=seat_id, ended_at=None).first()
    return list(row.asked) if row is not None else []


@dataclass(frozen=True, slots=True)
class Handing:
    """How the handover of a seat stands. `hold` is who has it; `turn_at` when the turn begins that comes next or that
    nobody has taken, `people` whose it is, `accepted` who of them has said that they take it.
    """

    seat: Seat
    hold: Hold | None
    turn_at: datetime | None
    people: list[Person]
    accepted: Person | None
    refused: list[Person]
    note: Note | None
    not_taken: NotTaken | None
    asked: list[Person]
    offer: Offer | None
    away: Away | None
    rings: Person | None
    """Whom pages ring instead, while `away`."""


def handing(seat: Seat, at: datetime) -> Handing:
    """How the handover of the seat stands at `at`, which is now."""
    rota = load_rota(seat.rota_id)
    hold = Hold.objects.filter(seat=seat, until_at=None).select_related("person").first()
    note = Note.objects.filter(seat=seat, closed_at=None).first()
    not_taken = NotTaken.objects.filter(seat=seat, ended_at=None).first()
    mine = set() if hold is None else _keys_of(hold.person_id, _teams_of([hold.person_id]))
    turn_at: datetime | None
    if not_taken is not None:
        turn_at, member = not_taken.turn_at, decide.planned(rota, seat.key, at)
    else:
        coming = decide.next_handover(rota, seat.key, at, mine.__contains__)
        turn_at, member = (None, None) if coming is None else (coming.at, coming.member)
    accepted = acceptance_of(seat, rota, turn_at, at) if turn_at is not None else None
    people = people_of(member)
    refused = TurnRefused.objects.filter(seat=seat, turn_at=turn_at).select_related("person") if turn_at else ()
    away = away_at(at, [hold.person_id]).get(hold.person_id) if hold is not None else None
    rung = who_rings(seat.key, at) if away is not None else None
    rings = Person.objects.filter(id=rung).first() if rung is not None else None
    return Handing(
        seat=seat,
        hold=hold,
        turn_at=turn_at,
        people=people,
        accepted=accepted.person if accepted is not None and accepted.person in people else None,
        refused=[row.person for row in refused],
        note=note,
        not_taken=not_taken,
        asked=list(Person.objects.filter(id__in=not_taken.asked)) if not_taken is not None else [],
        offer=Offer.objects.filter(seat=seat, ended_at=None).select_related("giver", "to").first(),
        away=away,
        rings=rings if rings is not None and hold is not None and rings.id != hold.person_id else None,
    )


@dataclass(frozen=True, slots=True)
class Copy:
    """The note as somebody took it: `text` as `note.as_text` made it, "" where nothing stood in it or it was erased."""

    at: datetime
    by: str
    via: str
    kind: str
    text: str


def past_notes(seat: Seat) -> QuerySet[Note]:
    """The notes that were handed over, the newest first."""
    rows = Note.objects.filter(seat=seat, closed_at__isnull=False).select_related("hold__person", "seat__rota")
    return rows.order_by("-closed_at", "-id")


def copies_of(note: Note) -> list[Copy]:
    """The note as it was accepted, each time that somebody did, the oldest first."""
    ids = [UUID(each) for each in note.copies]
    texts = dict(PersonalText.objects.filter(entry_id__in=ids).values_list("entry_id", "text"))
    rows = Entry.objects.filter(id__in=ids).order_by("at", "id")
    return [Copy(row.at, row.by_name, row.via, row.kind, texts.get(row.id, "")) for row in rows]


def needing_a_look(brand_ids: Collection[int] | None) -> list[Seat]:
    """The seats of the brands (None: of all) about whose handover there is something to say now."""
    drafted = Note.objects.filter(closed_at=None, drafted_at__isnull=False)
    wanted = Q(id__in=NotTaken.objects.filter(ended_at=None).values("seat"))
    wanted |= Q(id__in=Offer.objects.filter(ended_at=None).values("seat")) | Q(id__in=drafted.values("seat"))
    away = Away.objects.filter(ended_at=None).values("person")
    wanted |= Q(id__in=Hold.objects.filter(until_at=None, person__in=away).values("seat"))
    rows = Seat.objects.filter(wanted).select_related("rota").order_by("rota__name", "position", "id")
    return list(rows if brand_ids is None else rows.filter(rota__brand__in=brand_ids))


def handings(brand_ids: Collection[int] | None, at: datetime) -> list[Handing]:
    """How the handover of every seat of the brands (None: of all) stands."""
    return [handing(seat, at) for seat in _seats(brand_ids, at)]


def held_by(person_id: int) -> list[Seat]:
    """The seats whose token the person has now."""
    return list(Seat.objects.filter(holds__person=person_id, holds__until_at=None).select_related("rota"))


def stints(person_ids: Collection[int], start: datetime, end: datetime) -> list[Stint]:
    """What each of them really held in [`start`, `end`), cut by it: for the planner, which must know who carried what."""
    rows = Hold.objects.filter(Q(until_at=None) | Q(until_at__gt=start), person__in=person_ids, from_at__lt=end)
    return [
        Stint(row.person_id, row.seat_id, max(row.from_at, start), min(row.until_at or end, end))
        for row in rows.exclude(until_at=F("from_at")).order_by("from_at", "id")
    ]


def holders(seat_ids: Collection[int]) -> dict[int, int]:
    """Who has the token of each of the seats now, by seat id."""
    return dict(Hold.objects.filter(until_at=None, seat__in=seat_ids).values_list("seat_id", "person_id"))


def may_deactivate(person_id: int, at: datetime) -> str:
    """A sentence that says which duty the person holds, or "": nobody is deactivated while a token is theirs.

    For `people`'s hook, which asks with the person's row locked; duty locks it too before a token passes to them.
    """
    del at
    seats = held_by(person_id)
    return _("They are on duty: %s.") % ", ".join(seat.name for seat in seats) if seats else ""


def people_of(member: Member | None) -> list[Person]:
    """The active people who may have the turn of `member`, by id: the person, or the team's members."""
    if member is None:
        return []
    kind, id_ = member
    wanted = Q(id=id_) if kind == "person" else Q(id__in=Team.objects.filter(id=id_).values("members"))
    return list(Person.objects.filter(wanted, active=True).order_by("id"))


def proofs(person_ids: Collection[int], at: datetime) -> dict[int, datetime | None]:
    """Until when each can be woken for all we know: something loud that is not broken, and that no known fault cuts off at
    `at`, was proved to work, and that is not older than TESTED_WITHIN then. None for one whom nothing loud is known to reach.
    """
    known = contacts_and_rules(person_ids)
    cut = cut_off(person_ids, at)
    found: dict[int, datetime | None] = {}
    for person_id, (methods, _rules) in known.items():
        loud = [
            method for method in methods if method.channel in LOUD and method.broken_at is None and method.pk not in cut
        ]
        proved = [proof for method in loud if (proof := method.proved_at or method.verified_at) is not None]
        found[person_id] = max(proved) + settings.TESTED_WITHIN if proved else None
    return found


def silent(person_ids: Collection[int], at: datetime) -> set[int]:
    """Those of them whom nothing loud is known to wake at `at`."""
    return {person_id for person_id, until in proofs(person_ids, at).items() if until is None or until <= at}


def open_warnings(brand_ids: Collection[int] | None = None) -> list[ReachWarning]:
    """Whom nothing loud is known to wake though they have a seat or are about to, the nearest first."""
    rows = ReachWarning.objects.filter(withdrawn_at=None).select_related("person", "seat__rota")
    rows = rows if brand_ids is None else rows.filter(seat__rota__brand__in=brand_ids)
    return sorted(rows, key=lambda row: (row.turn_at is not None, row.turn_at or row.raised_at))


def on_between(start: datetime, end: datetime) -> dict[int, list[tuple[Seat, datetime, datetime]]]:
    """Person -> the seats that they have, or should have, within [start, end), and from when until when.

    `start` is the present: who has a seat then keeps it until the plan's next change. Of a team's turn everybody is told.
    """
    seats = _seats(None, start)
    plans = load_rotas({seat.rota_id for seat in seats})
    holds = dict(Hold.objects.filter(until_at=None, from_at__lte=start).values_list("seat_id", "person_id"))
    found: dict[int, list[tuple[Seat, datetime, datetime]]] = defaultdict(list)
    for seat in seats:
        kept_until = start
        if seat.pk in holds:
            kept_until = min(resolve.next_change(plans[seat.rota_id], seat.key, start) or end, end)
            found[holds[seat.pk]].append((seat, start, kept_until))
        if kept_until < end:
            for member, begins, ends in decide.stretches(plans[seat.rota_id], seat.key, kept_until, end):
                for person in people_of(member):
                    found[person.pk].append((seat, begins, ends))
    return dict(found)


def feed_address(whose: Whose, id_: int) -> str:
    """The secret part of the calendar's address, as it is now."""
    serial = FeedLink.objects.filter(**{f"{whose}_id": id_}).values_list("serial", flat=True).first()
    return feed_token(whose, id_, serial or 1)


def swap_in_words(swap_id: int) -> str:
    """How it stands with a swap, in one sentence."""
    swap = Swap.objects.select_related("seat", "asked_by", "asked").filter(pk=swap_id).first()
    if swap is None:
        return _("There is no such swap.")
    facts = {"by": swap.asked_by.name, "asked": swap.asked.name, "seat": swap.seat.name}
    match swap.state:
        case Swap.State.ASKED:
            return _("%(by)s asks %(asked)s to take %(seat)s.") % facts
        case Swap.State.ACCEPTED:
            return _("%(asked)s will take %(seat)s if a manager approves.") % facts
        case Swap.State.DONE:
            return _("%(asked)s takes %(seat)s from %(by)s.") % facts
    return _("It is off: everything stays as it was.")


def swap_waits_for(swap_id: int, person_id: int | None) -> bool:
    """Whether the swap wants the word of the person: of who was asked, or then of a manager."""
    swap = Swap.objects.filter(pk=swap_id).first()
    if swap is None:
        return False
    return swap.state == (Swap.State.ASKED if person_id == swap.asked_id else Swap.State.ACCEPTED)


def seats_of(person_id: int) -> list[Seat]:
    """The seats that the person has had or is planned for."""
    return list(_seats_of_feed("person", person_id).filter(removed_at=None))


def acceptance_of(seat: Seat, rota: resolve.Rota, turn_at: datetime, at: datetime) -> Acceptance | None:
    """What was accepted of the turn that is on at `turn_at`: of one to come, exactly that; of one begun, any part of it."""
    if turn_at > at:
        return Acceptance.objects.filter(seat=seat, turn_at=turn_at).select_related("person").first()
    last = Acceptance.objects.filter(seat=seat, turn_at__lte=at).select_related("person").order_by("-turn_at").first()
    if last is None or not decide.same_turn(rota, seat.key, min(last.turn_at, turn_at), at):
        return None
    return last


def _seats(brand_ids: Collection[int] | None, at: datetime) -> list[Seat]:
    """The seats as they were at `at`: one that was removed later was there."""
    seats = Seat.objects.filter(Q(removed_at=None) | Q(removed_at__gt=at))
    seats = seats.select_related("rota").order_by("rota__name", "rota_id", "position", "id")
    return list(seats if brand_ids is None else seats.filter(rota__brand__in=brand_ids))


def _holds_at(at: datetime) -> QuerySet[Hold]:
    return Hold.objects.filter(Q(until_at=None) | Q(until_at__gt=at), from_at__lte=at)


@dataclass(frozen=True, slots=True)
class _Row:
    """One seat's answer before anybody is named. `next_turn_at`: the turn that the next one may have accepted already."""

    seat: Seat
    member: Member | None
    since: datetime | None
    until: datetime | None
    next: Member | None
    next_turn_at: datetime | None
    held: bool


def _held(at: datetime, seats: list[Seat]) -> list[OnDuty]:
    plans = load_rotas({seat.rota_id for seat in seats})
    holds = {hold.seat_id: hold for hold in _holds_at(at).filter(seat__in=seats)}
    followers = _followers(holds.values())
    teams_of = _teams_of(hold.person_id for hold in holds.values())
    rows = []
    for seat in seats:
        hold = holds.get(seat.id)
        person = None if hold is None else ("person", hold.person_id)
        if hold is not None and hold.until_at is not None:
            row = _Row(seat, person, hold.from_at, hold.until_at, followers.get((seat.id, hold.until_at)), None, True)
        elif seat.removed_at is not None:
            row = _Row(seat, None, None, seat.removed_at, None, None, False)
        else:
            until, next_turn_at, member = _what_comes(plans[seat.rota_id], seat.key, hold, teams_of, at)
            row = _Row(seat, person, hold.from_at if hold else None, until, member, next_turn_at, hold is not None)
        rows.append(row)
    return _named(rows, {})


def _planned(at: datetime, now: datetime, seats: list[Seat]) -> list[OnDuty]:
    plans = load_rotas({seat.rota_id for seat in seats})
    holds = {hold.seat_id: hold for hold in _holds_at(now).filter(seat__in=seats)}
    coming = Acceptance.objects.filter(seat__in=seats, turn_at__gt=now, turn_at__lte=at).order_by("turn_at")
    last = {acceptance.seat_id: acceptance for acceptance in coming}
    rows, accepted = [], {}
    for seat in seats:
        rota = plans[seat.rota_id]
        until = resolve.next_change(rota, seat.key, at)
        after = None if until is None else decide.planned(rota, seat.key, until)
        member = decide.planned(rota, seat.key, at)
        if seat.id in holds and decide.same_turn(rota, seat.key, now, at):
            member = ("person", holds[seat.id].person_id)
        rows.append(_Row(seat, member, None, until, after, until, False))
        acceptance = last.get(seat.id)
        if acceptance is not None and decide.same_turn(rota, seat.key, acceptance.turn_at, at):
            accepted[seat.id] = acceptance.person_id
    return _named(rows, accepted)


def _what_comes(
    rota: resolve.Rota, seat_key: str, hold: Hold | None, teams_of: dict[int, set[int]], at: datetime
) -> tuple[datetime | None, datetime | None, Member | None]:
    """Until when the holder has it, the turn that is then, or already, due, and whose that is."""
    mine: set[Member] = set()
    if hold is not None:
        mine = _keys_of(hold.person_id, teams_of)
        member = decide.planned(rota, seat_key, at)
        overdue = member is not None and member not in mine
        if overdue and not decide.same_turn(rota, seat_key, hold.from_at, at):
            return None, None, member
    coming = decide.next_handover(rota, seat_key, at, mine.__contains__)
    return (None, None, None) if coming is None else (coming.at, coming.at, coming.member)


def _named(rows: list[_Row], accepted: dict[int, int]) -> list[OnDuty]:
    """Put names to the rows. `accepted`: who has accepted the turn that a row is about, by seat id."""
    turns = {(row.seat.id, row.next_turn_at) for row in rows if row.next is not None and row.next_turn_at is not None}
    wanted = Acceptance.objects.filter(seat__in={seat for seat, _ in turns}, turn_at__in={turn for _, turn in turns})
    ahead = {
        (seat_id, turn_at): person_id
        for seat_id, turn_at, person_id in (wanted.values_list("seat_id", "turn_at", "person_id") if turns else ())
    }
    teams_of = _teams_of([*ahead.values(), *accepted.values()])
    members = {member for row in rows for member in (row.member, row.next) if member is not None}
    names = _names_of(members | {("person", id_) for id_ in (*ahead.values(), *accepted.values())})

    def who(member: Member | None, accepted_by: int | None) -> tuple[int | None, str, bool]:
        if member is None:
            return None, "", False
        if accepted_by is not None and (
            member == ("person", accepted_by) or (member[0] == "team" and member[1] in teams_of[accepted_by])
        ):
            return accepted_by, names[("person", accepted_by)], True
        return member[1] if member[0] == "person" else None, names.get(member, ""), False

    found = []
    for row in rows:
        person_id, person_name, by_word = who(row.member, accepted.get(row.seat.id))
        by = ahead.get((row.seat.id, row.next_turn_at)) if row.next_turn_at is not None else None
        next_id, next_name, next_accepted = who(row.next, by)
        found.append(
            OnDuty(
                seat_key=row.seat.key,
                seat_name=row.seat.name,
                rota_name=row.seat.rota.name,
                brand_id=row.seat.rota.brand_id,
                person_id=person_id,
                person_name=person_name,
                since=row.since,
                until=row.until,
                next_person_id=next_id,
                next_person_name=next_name,
                next_accepted=next_accepted,
                held=row.held,
                accepted=by_word,
            )
        )
    return found


def _followers(holds: Iterable[Hold]) -> dict[tuple[int, datetime], Member]:
    """Who had a seat from the instant on at which one of the holds ended."""
    ended = [hold for hold in holds if hold.until_at is not None]
    if not ended:
        return {}
    after = Hold.objects.filter(
        seat__in=[hold.seat_id for hold in ended], from_at__in=[hold.until_at for hold in ended]
    ).exclude(until_at=F("from_at"))
    return {(hold.seat_id, hold.from_at): ("person", hold.person_id) for hold in after}


def _teams_of(person_ids: Iterable[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    ids = set(person_ids)
    if ids:
        for person_id, team_id in Team.members.through.objects.filter(person__in=ids).values_list("person", "team"):
            found[person_id].add(team_id)
    return found


def _names(model: type[Person] | type[Team], ids: set[int]) -> Iterable[tuple[int, str]]:
    return model._default_manager.filter(id__in=ids).values_list("id", "name") if ids else ()


def feed_turns(whose: Whose, id_: int, at: datetime) -> tuple[str, list[FeedTurn]] | None:
    """Title and turns for the calendar of a person or a rota, by start; None where there is none, or nobody any more.

    What was held in the past month, what is held until the plan's next change, and what is planned for a year. Turns
    of one member that follow each other are one. The far end is the first of a month, so that asking again a little
    later says the same.
    """
    people = Person.objects.filter(active=True)
    owner = Rota.objects.filter(id=id_).first() if whose == "rota" else people.filter(id=id_).first()
    if owner is None:
        return None
    seats = list(_seats_of_feed(whose, id_))
    plans = load_rotas({seat.rota_id for seat in seats})
    holds: dict[int, list[Hold]] = defaultdict(list)
    lately = Hold.objects.filter(Q(until_at=None) | Q(until_at__gt=at - FEED_BEHIND), seat__in=seats)
    for hold in lately.exclude(until_at=F("from_at")).order_by("from_at"):
        holds[hold.seat_id].append(hold)
    teams_of = _teams_of(hold.person_id for each in holds.values() for hold in each if hold.until_at is None)
    till = _first_of_next_month(at + FEED_AHEAD)
    spans = [
        (seat, span)
        for seat in seats
        for span in _spans(plans[seat.rota_id], seat.key, holds[seat.id], teams_of, at, till)
    ]
    after = {(seat.id, span.start): span.member for seat, span in spans}
    if whose == "person":
        mine = {("person", id_)} | {("team", team) for team in _teams_of([id_])[id_]}
        spans = [
            (seat, span) for seat, span in spans if span.member in mine and (not span.held or span.member[1] == id_)
        ]
    names = _names_of({span.member for _seat, span in spans} | set(after.values()))
    turns = [
        FeedTurn(
            seat.key,
            seat.name,
            seat.rota.name,
            names.get(span.member, ""),
            span.start,
            span.end,
            held=span.held,
            after=names.get(after.get((seat.id, span.end), span.member), "") if (seat.id, span.end) in after else "",
        )
        for seat, span in spans
    ]
    return owner.name, sorted(turns, key=lambda turn: (turn.start, turn.seat_key))


class _Span(NamedTuple):
    member: Member
    start: datetime
    end: datetime
    held: bool


def _spans(
    rota: resolve.Rota, seat_key: str, holds: list[Hold], teams_of: dict[int, set[int]], at: datetime, till: datetime
) -> Iterator[_Span]:
    """What a seat's calendar shows, in order: holds, then the plan after whatever the holder has until then."""
    planned_from = at
    removed = all(seat.key != seat_key for seat in rota.seats)
    for hold in holds:
        end = hold.until_at
        if end is None:
            mine = _keys_of(hold.person_id, teams_of)
            if decide.planned(rota, seat_key, at) in (None, *mine):
                change = resolve.next_change(rota, seat_key, at)
            else:
                coming = decide.next_handover(rota, seat_key, at, mine.__contains__)
                change = None if coming is None else coming.at
            end = planned_from = till if change is None else min(change, till)
        yield _Span(("person", hold.person_id), hold.from_at, end, held=True)
    if removed or planned_from >= till:
        return
    for member, start, end in decide.stretches(rota, seat_key, planned_from, till):
        # What has begun and nobody has taken is nobody's, and where it began is not known here.
        if start > at:
            yield _Span(member, start, end, held=False)


def _seats_of_feed(whose: Whose, id_: int) -> QuerySet[Seat]:
    seats = Seat.objects.select_related("rota").order_by("id")
    if whose == "rota":
        return seats.filter(rota=id_)
    planned = (
        Q(layers__members__person=id_)
        | Q(layers__members__team__members=id_)
        | Q(overrides__member=id_)
        | Q(planned__person=id_, planned__published=True)
    )
    wanted = Seat.objects.filter(planned | Q(holds__person=id_)).values("id")
    return seats.filter(id__in=wanted)


def _first_of_next_month(at: datetime) -> datetime:
    year, month = divmod(at.year * 12 + at.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def _keys_of(person_id: int, teams_of: Mapping[int, set[int]]) -> set[Member]:
    """The members of a plan that the person is."""
    return {("person", person_id)} | {("team", team) for team in teams_of.get(person_id, ())}


def _names_of(members: Iterable[Member]) -> dict[Member, str]:
    ids: dict[str, set[int]] = {"person": set(), "team": set()}
    for kind, id_ in members:
        ids[kind].add(id_)
    names: dict[Member, str] = {("person", id_): name for id_, name in _names(Person, ids["person"])}
    return names | {("team", id_): name for id_, name in _names(Team, ids["team"])}
