"""Newcomers: beside whom each is on, that none is alone, and what they have seen. Reads only; the verbs are `pairing_actions`."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from nightdesk.duty.models import Hold, Pairing
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person
from nightdesk.people.skill_queries import newcomers
from nightdesk.rota.coverage_queries import absences
from nightdesk.rota.models import Seat
from nightdesk.rota.newcomers import alone_by_plan, newcomer_alone, seats_beside

HANDED_ON = ("duty.accepted", "duty.began", "duty.passed", "duty.taken", "duty.offer_accepted")
"""Entries of handovers; their subject is the seat."""
COPIED = "page.copied"
"""An entry of a page's, whose facts list `people`, the ids of those who were sent a copy."""


def open_pairings(at: datetime) -> QuerySet[Pairing]:
    """Those that hold at `at`, of newcomers who are here and not signed off."""
    return Pairing.objects.filter(
        starts_at__lte=at, ends_at__gt=at, ended_at=None, newcomer__active=True, newcomer__terms__newcomer=True
    )


def has_pairings(brand_id: int | None) -> bool:
    """Whether anybody may be beside somebody at all, so that pages are copied."""
    del brand_id  # whoever is on for one brand answers for others too
    return Pairing.objects.filter(ended_at=None).exists()


def beside(person_ids: Collection[int], at: datetime) -> dict[int, set[int]]:
    """Newcomer -> beside which of the people they are at `at`: by name, or because that one has the seat."""
    found: dict[int, set[int]] = defaultdict(set)
    rows = open_pairings(at).filter(
        Q(person__in=person_ids) | Q(seat__holds__person__in=person_ids, seat__holds__until_at=None)
    )
    holders = dict(Hold.objects.filter(until_at=None, person__in=person_ids).values_list("seat_id", "person_id"))
    for newcomer_id, person_id, seat_id in rows.values_list("newcomer_id", "person_id", "seat_id").distinct():
        found[newcomer_id].add(person_id if person_id is not None else holders[seat_id])
    return {newcomer: known for newcomer, beside_ in found.items() if (known := beside_ - {newcomer})}


def only_watches(person_id: int) -> bool:
    """Whether the person is new and holds no seat: then no page is theirs to answer."""
    return bool(newcomers([person_id])) and not Hold.objects.filter(person=person_id, until_at=None).exists()


def listeners(person_ids: Collection[int], at: datetime) -> list[Person]:
    """The newcomers who are brought into the calls of these people to listen."""
    return list(Person.objects.filter(id__in=beside(person_ids, at)).order_by("name", "id"))


def alone(seat: Seat, person_ids: Collection[int], at: datetime, now: datetime) -> set[int]:
    """Those of the people who are new and would be alone in the seat at `at`.

    They are not where somebody experienced, who is not away, has another seat of the rota, or one that stands behind this
    one or before it: holds it, or from `now` on is planned for it.
    """
    if at > now:
        return alone_by_plan(seat, person_ids, at, at + datetime.resolution, now)
    new = newcomers(person_ids)
    if not new:
        return set()
    holding = Hold.objects.filter(Q(until_at=None) | Q(until_at__gt=at), seat__in=seats_beside(seat), from_at__lte=at)
    others = set(holding.values_list("person_id", flat=True))
    experienced = set(
        Person.objects.filter(id__in=others - newcomers(others), active=True).values_list("id", flat=True)
    )
    experienced -= absences(at, at + datetime.resolution, experienced).keys()
    return {person_id for person_id in new if not experienced - {person_id}}


def refuse_alone(seat: Seat, person: Person, at: datetime, now: datetime) -> None:
    """Raise NewcomerAlone where the person is new and would be alone in the seat at `at`."""
    if alone(seat, [person.pk], at, now):
        raise newcomer_alone(seat, person, at)


def first_day(person_id: int, at: datetime) -> datetime:
    """Since when they have been beside anybody; `at` where never."""
    return Pairing.objects.filter(newcomer=person_id).values_list("starts_at", flat=True).first() or at


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a newcomer has seen: a page (a copy of it), a ticket (they did something there) or a handover."""

    at: datetime
    what: str
    kind: str
    subject: tuple[str, str]
    entry: Entry


def seen_by(person_id: int, since: datetime, until: datetime, most: int = 500) -> list[Seen]:
    """What they have seen in [since, until), newest first, from the journal: each page, ticket and handover once."""
    pairs = list(Pairing.objects.filter(newcomer=person_id))
    pages = Q(kind=COPIED, facts__people__contains=person_id)
    tickets = Q(by_kind="person", by_id=str(person_id), subject_kind="ticket")
    handovers = Q(pk=None)
    for each in pairs:
        ends_at = min(filter(None, (each.ends_at, each.ended_at)))
        during = Q(kind__in=HANDED_ON, at__gte=each.starts_at, at__lt=ends_at)
        if each.seat_id is not None:
            handovers |= during & Q(subject_kind="seat", subject_id=str(each.seat_id))
        else:
            handovers |= during & (Q(facts__person_id=each.person_id) | Q(facts__holder_id=each.person_id))
    rows = Entry.objects.filter(pages | tickets | handovers, at__gte=since, at__lt=until).order_by("-at", "-id")
    return _once(rows[: most * 4], most)


def _once(rows: Iterable[Entry], most: int) -> list[Seen]:
    found: dict[object, Seen] = {}
    for row in rows:
        subject = (row.subject_kind, row.subject_id)
        what = {"page": "page", "ticket": "ticket"}.get(row.subject_kind, "handover")
        key: object = subject if what != "handover" else (subject, row.at)
        found.setdefault(key, Seen(row.at, what, row.kind, subject, row))
    return list(found.values())[:most]
