"""Who could be rung for a call, by which telephone, in which order. Reads only."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from django.db import connection
from django.db.models import Max, Q

from nightdesk.calls import flow
from nightdesk.calls.models import Call, Leg, Line, Telephone
from nightdesk.duty import decide
from nightdesk.duty.models import Hold
from nightdesk.duty.pairings import listeners
from nightdesk.duty.queries import away_at, behind, holder, who_rings
from nightdesk.outages.decide import OPEN
from nightdesk.outages.models import Outage
from nightdesk.people.models import Absence, ContactMethod, Person, PersonSkill, Team
from nightdesk.people.queries import cut_off
from nightdesk.people.skill_queries import newcomers
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import load_rotas

SIGNED_IN_FOR = timedelta(hours=8)
"""Whoever gave a sign of life so long ago is taken to be there."""
AWAKE_FOR = timedelta(minutes=15)
"""Out of hours, whoever gave one so long ago is awake."""
REMEMBERED_FOR = timedelta(days=30)
"""Who answered last, longest ago first, is looked for in so many days."""

Rank: TypeAlias = Literal["queue", "holder", "backup", "signed_in", "network"]
Reachable: TypeAlias = Callable[[Sequence[str]], Sequence[str]]


def everybody(telephones: Sequence[str]) -> Sequence[str]:
    """That every telephone is registered, where nobody can say."""
    return telephones


def candidates(
    line: Line,
    *,
    open_now: bool,
    skill: int | None,
    at: datetime,
    now: datetime,
    reachable: Reachable = everybody,
    call: Call | None = None,
) -> Sequence[flow.Candidate]:
    """Who could be rung at `at`, the first to ring first, each once. Who is out of reach, absent or new is not among them.

    In hours whoever answered longest ago comes first. Out of hours the holder of each night seat, whoever stands behind it, and
    then who is signed in. Those who know the `skill` come before all, for a network that of its line.
    """
    ranks: dict[int, Rank] = {}
    awake: set[int] = set()
    if skill is not None:
        knowing = PersonSkill.objects.filter(
            skill=skill, level__gte=2, person__active=True, person__teams__brand=line.brand_id
        )
        here = _signed_in(line, at, now)
        for person_id in sorted(knowing.values_list("person_id", flat=True), key=lambda one: (one not in here, one)):
            ranks.setdefault(person_id, "network")
    if open_now:
        queue = _by_day(line, at, now)
        for person_id in _longest_ago(queue, at):
            ranks.setdefault(person_id, "queue")
        awake = set(queue)
    else:
        for person_id, rank, is_awake in _by_night(line, at, now):
            ranks.setdefault(person_id, rank)
            awake |= {person_id} if is_awake else set()
    people = _who_may_be_rung(ranks, at)
    return _with_telephones(people, ranks, awake, at, reachable, call)


def listeners_of(
    person_ids: Collection[int], open_now: bool, at: datetime, reachable: Reachable = everybody
) -> Sequence[flow.Candidate]:
    """The newcomers who are brought into these people's calls, to listen; out of hours who shows no sign of life is asleep."""
    if not person_ids:
        return ()
    people = {person.pk: person for person in listeners(list(person_ids), at)}
    awake = {
        pk for pk, person in people.items() if open_now or (person.last_sign_at or at - AWAKE_FOR) > at - AWAKE_FOR
    }
    return _with_telephones(people, dict.fromkeys(people, "signed_in"), awake, at, reachable, None)


def candidate_for(person: Person, at: datetime, reachable: Reachable = everybody) -> flow.Candidate | None:
    """By which telephone this person is rung, whoever they are; None where there is none."""
    found = _with_telephones({person.pk: person}, {person.pk: "signed_in"}, {person.pk}, at, reachable, None)
    return found[0] if found else None


def _by_day(line: Line, at: datetime, now: datetime) -> list[int]:
    """The holders of the day's seats; of one that a team is planned for, its members who are signed in."""
    seats = {seat.key: seat for seat in Seat.objects.filter(key__in=line.day_seats, removed_at=None)}
    plans = load_rotas({seat.rota_id for seat in seats.values()}) if seats else {}
    held = _holders(list(seats), at, now)
    here: set[int] | None = None
    found: list[int] = []
    for key in line.day_seats:
        seat = seats.get(key)
        if seat is None:
            continue
        member = decide.planned(plans[seat.rota_id], key, at)
        person_id = held.get(key)
        if person_id is not None:
            found.append(person_id)
        if member is not None and member[0] == "team":
            here = _signed_in(line, at, now) if here is None else here
            found += sorted(
                set(Team.members.through.objects.filter(team=member[1]).values_list("person", flat=True)) & here
            )
    if not line.day_seats:
        found += sorted(_signed_in(line, at, now))
    return list(dict.fromkeys(found))


def _by_night(line: Line, at: datetime, now: datetime) -> Iterable[tuple[int, Rank, bool]]:
    backups: list[int] = []
    seats = {seat.key: seat for seat in Seat.objects.filter(key__in=line.night_seats, removed_at=None)}
    for key in line.night_seats:
        seat = seats.get(key)
        if seat is None:
            continue
        person_id = who_rings(key, at) if at == now else _holders([key], at, now).get(key)
        if person_id is not None:
            yield person_id, "holder", seat.fixed_place and seat.counts == Seat.Counts.ALL
        backups += behind(seat, at)
    for person_id in backups:
        yield person_id, "backup", False
    for person_id in sorted(_signed_in(line, at, now)):
        yield person_id, "signed_in", False


def _holders(keys: Sequence[str], at: datetime, now: datetime) -> Mapping[str, int]:
    """Seat -> who holds it at `at`, or is planned to."""
    if at > now:
        return {key: person_id for key in keys if (person_id := holder(key, at, now=now)) is not None}
    rows = Hold.objects.filter(seat__key__in=keys, from_at__lte=at).filter(Q(until_at=None) | Q(until_at__gt=at))
    return dict(rows.values_list("seat__key", "person_id"))


def _signed_in(line: Line, at: datetime, now: datetime) -> set[int]:
    """The people of the brand's teams who gave a sign of life not long before; at another time than now all count as here."""
    rows = Person.objects.filter(teams__brand=line.brand_id, active=True)
    if at == now:
        rows = rows.filter(last_sign_at__gt=at - SIGNED_IN_FOR)
    return set(rows.values_list("pk", flat=True))


def _longest_ago(person_ids: Sequence[int], at: datetime) -> list[int]:
    """Who has not answered for the longest time comes first; as they are where nobody has."""
    rows = Call.objects.filter(answered_person__in=person_ids, answered_at__gt=at - REMEMBERED_FOR, answered_at__lte=at)
    last = dict(rows.values("answered_person").annotate(last=Max("answered_at")).values_list("answered_person", "last"))
    return sorted(person_ids, key=lambda one: (one in last, last.get(one, at)))


def _who_may_be_rung(ranks: Mapping[int, Rank], at: datetime) -> dict[int, Person]:
    """Those who are here, want no quiet, and are not new."""
    people = {person.pk: person for person in Person.objects.filter(pk__in=ranks, active=True)}
    absent = Absence.objects.filter(person__in=people, cancelled_at=None, starts_at__lte=at, ends_at__gt=at)
    out = set(absent.values_list("person_id", flat=True)) | set(away_at(at, people)) | newcomers(people)
    return {
        one: people[one]
        for one in ranks
        if one in people and one not in out and not ((quiet := people[one].quiet_until) and quiet > at)
    }


BUSY = """
SELECT leg.person_id FROM calls_leg leg JOIN calls_call call ON call.id = leg.call_id
WHERE call.ended_at IS NULL AND leg.ended_at IS NULL AND leg.person_id = ANY(%s) AND call.id IS DISTINCT FROM %s
"""


def _with_telephones(
    people: Mapping[int, Person],
    ranks: Mapping[int, Rank],
    awake: Collection[int],
    at: datetime,
    reachable: Reachable,
    call: Call | None,
) -> list[flow.Candidate]:
    """Each with the telephone that would ring: one that is registered, else a number outside, else one that is not."""
    if not people:
        return []
    own: dict[int, list[str]] = {}
    for person_id, name in Telephone.objects.filter(person__in=people).order_by("pk").values_list("person_id", "name"):
        own.setdefault(person_id, []).append(name)
    registered = set(reachable([name for names in own.values() for name in names]))
    outside: dict[int, list[str]] = {}
    cut = cut_off(list(people), at)
    methods = ContactMethod.objects.filter(
        person__in=people, channel="voice", broken_at=None, verified_at__isnull=False
    )
    for pk, person_id, address in methods.order_by("pk").values_list("pk", "person_id", "address"):
        if pk not in cut:
            outside.setdefault(person_id, []).append(address)
    fixing = fixers()
    with connection.cursor() as cursor:
        cursor.execute(BUSY, [list(people), call.pk if call is not None else None])
        busy = {person_id for (person_id,) in cursor.fetchall()}
    found = []
    for person_id, person in people.items():
        rings = [name for name in own.get(person_id, ()) if name in registered]
        to = (rings or outside.get(person_id) or own.get(person_id) or [""])[0]
        if to:
            found.append(
                flow.Candidate(
                    person_id=person_id,
                    name=person.name,
                    to=to,
                    outside=not rings and person_id in outside,
                    reachable=bool(rings) or person_id in outside,
                    busy=person_id in busy,
                    awake=person_id in awake,
                    fixing=person_id in fixing,
                    rank=ranks[person_id],
                )
            )
    return found


def fixers() -> set[int]:
    """Who leads or fixes an open outage: nobody who asks how it goes rings them."""
    rows = Outage.objects.filter(state__in=OPEN).values_list("lead", "fixer")
    return {one for both in rows for one in both if one is not None}


def rung_now(call: Call) -> list[Leg]:
    """Whose telephones ring for the call at this moment."""
    return list(call.legs.filter(ended_at=None, picked_up_at=None).select_related("person"))
