"""The planner's problem, read from the rows; and what came of it, in the words of the rows again.

A slot of the planner is "<seat id>@<minute of its start>", a person is their id as text. Days, nights, weekends and bank
holidays are those of the rota's zone and of its brand's region.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from django.db.models import Q

from nightdesk.customers.hours import bank_holidays
from nightdesk.customers.models import SkillNeed as NeededSkill
from nightdesk.people.models import Absence, Person, PersonSkill, Restriction, Team, Terms
from nightdesk.rota import comparing, planner, queries, registries, resolve
from nightdesk.rota.models import LayerMember, PlannedShift, PlanWish, Rota, Seat, SeatSkill

NIGHT_CORE = (time(0, 0), time(5, 0))
"""The hours of the clock that make a duty a night."""
FAIR_OVER = timedelta(days=182)
"""The span over which nights, weekends and holidays are shared fairly."""
HISTORY = timedelta(weeks=17)
"""The least that is looked back for hours worked; longer for whoever has a longer reference period."""
_WHOLE = timedelta(days=2)
"""How far beyond an end a turn is followed, so that the last one is whole."""
BARS = {
    Restriction.Kind.NO_NIGHTS: "nights",
    Restriction.Kind.NO_WEEKENDS: "weekends",
    Restriction.Kind.NO_SITE_VISITS: "visits",
    Restriction.Kind.NO_DUTY: "all",
}


class Shift(NamedTuple):
    """A stretch of a seat that one person is to have, `[start, end)`, which begins on the local `day`."""

    start: datetime
    end: datetime
    day: date


@dataclass(frozen=True, slots=True)
class Place:
    """What a slot of the problem is: the seat, its stretch, and how it counts."""

    id: str
    seat_id: int
    shift: Shift
    night: bool
    weekend: bool
    holiday: bool


def shifts_of(plain: Sequence[Mapping[str, Any]], zone: ZoneInfo, first: date, end: date) -> list[Shift]:
    """The shifts that begin on the days `[first, end)`, in order. `plain` as in `models.Seat.shifts`.

    Two that overlap are both there; `plan_actions.set_shifts` lets none in.
    """
    found = []
    day = first
    while day < end:
        for each in plain:
            if day.weekday() not in each["weekdays"]:
                continue
            opens, closes = time.fromisoformat(each["opens"]), time.fromisoformat(each["closes"])
            last = day if closes > opens else day + timedelta(days=1)
            start = resolve.instant_of(datetime.combine(day, opens), zone)
            stop = resolve.instant_of(datetime.combine(last, closes), zone)
            if start < stop:
                found.append(Shift(start, stop, day))
        day += timedelta(days=1)
    return sorted(found)


def slot_id(seat_id: int, start: datetime) -> str:
    """The planner's name of the seat's shift that starts then."""
    return f"{seat_id}@{minute(start)}"


def read_slot_id(slot: str) -> tuple[int, datetime]:
    """The seat and the start of a slot; a split one ("...+") starts where it was split, which is not said here."""
    seat, _sign, start = slot.rstrip("+").partition("@")
    return int(seat), instant(int(start))


def minute(at: datetime) -> int:
    """The planner's instant."""
    return int(at.timestamp()) // 60


def instant(minutes: int) -> datetime:
    """And back."""
    return datetime.fromtimestamp(minutes * 60, UTC)


def places_of(rota: Rota, seats: Iterable[Seat], first: date, end: date) -> list[Place]:
    """Every shift of the seats that begins on the days `[first, end)`, by start and seat."""
    zone = ZoneInfo(rota.zone)
    nation = _nation(rota)
    found = [
        Place(
            slot_id(seat.id, shift.start),
            seat.id,
            shift,
            is_night(shift.start, shift.end, zone),
            is_weekend(shift.start, shift.end, zone),
            _is_holiday(shift.start, shift.end, zone, nation),
        )
        for seat in seats
        for shift in shifts_of(seat.shifts, zone, first, end)
    ]
    return sorted(found, key=lambda place: (place.shift.start, place.seat_id))


def is_night(start: datetime, end: datetime, zone: ZoneInfo) -> bool:
    """Whether it lies in the small hours for an hour or more."""
    day = start.astimezone(zone).date()
    inside = timedelta(0)
    while (opens := resolve.instant_of(datetime.combine(day, NIGHT_CORE[0]), zone)) < end:
        closes = resolve.instant_of(datetime.combine(day, NIGHT_CORE[1]), zone)
        inside += max(timedelta(0), min(end, closes) - max(start, opens))
        day += timedelta(days=1)
    return inside >= timedelta(hours=1)


def is_weekend(start: datetime, end: datetime, zone: ZoneInfo) -> bool:
    """Whether most of it lies on a Saturday or Sunday."""
    middle = (start + (end - start) / 2).astimezone(zone)
    return middle.weekday() >= 5


def planned_seats(rota: Rota) -> list[Seat]:
    """The rota's seats that have shifts and a team, in order."""
    rows = Seat.objects.filter(rota=rota, removed_at=None).exclude(team=None).order_by("position", "id")
    return [seat for seat in rows if seat.shifts]


def build(
    rota: Rota,
    first: date,
    end: date,
    at: datetime,
    *,
    holders: Mapping[str, int] | None = None,
) -> planner.Problem:
    """The problem of the days `[first, end)` of the rota, as the rows say at `at`.

    What has started by `at` is fixed with whoever `holders` (slot to person) names, None for nobody; the others of them
    are the slots' present holders.
    """
    seats = planned_seats(rota)
    zone = ZoneInfo(rota.zone)
    places = places_of(rota, seats, first, end)
    members = _members({seat.team_id for seat in seats if seat.team_id is not None})
    known = {person_id for team in members.values() for person_id in team}
    held = {slot: person for slot, person in (holders or {}).items() if person in known}
    by_id = {seat.id: seat for seat in seats}
    needs = _needs_of_seats(by_id)
    slots = tuple(
        planner.Slot(
            id=place.id,
            seat=by_id[place.seat_id].key,
            start=minute(place.shift.start),
            end=minute(place.shift.end),
            day=place.shift.day.toordinal(),
            kind="night" if place.night else "day",
            night=place.night,
            weekend=place.weekend,
            holiday=place.holiday,
            counted=by_id[place.seat_id].counts == Seat.Counts.ALL,
            visit=by_id[place.seat_id].fixed_place,
            needs=needs.get(place.seat_id, ()),
            may=tuple(str(one) for one in sorted(members[by_id[place.seat_id].team_id or 0] & known)),
            holder=str(held[place.id]) if place.id in held else None,
            fixed=place.shift.start <= at,
        )
        for place in places
    )
    span = (
        resolve.instant_of(datetime.combine(first, time()), zone),
        resolve.instant_of(datetime.combine(end, time()), zone),
    )
    return planner.Problem(
        first_day=first.toordinal(),
        end_day=end.toordinal(),
        people=tuple(_people(rota, known, seats, first, end, span, at)),
        slots=slots,
        companies=tuple(_companies(rota, seats, places, known)),
        rules=_rules(zone, first, end),
    )


def _rules(zone: ZoneInfo, first: date, end: date) -> planner.Rules:
    monday = first - timedelta(days=first.weekday())
    weeks = []
    while monday < end:
        following = monday + timedelta(days=7)
        weeks.append(
            planner.Span(
                minute(resolve.instant_of(datetime.combine(monday, time()), zone)),
                minute(resolve.instant_of(datetime.combine(following, time()), zone)),
            )
        )
        monday = following
    return planner.Rules(rest_windows=tuple(weeks))


def _people(
    rota: Rota,
    known: Collection[int],
    seats: Sequence[Seat],
    first: date,
    end: date,
    span: tuple[datetime, datetime],
    at: datetime,
) -> Iterable[planner.Person]:
    rows = Person.objects.filter(id__in=known).order_by("id")
    terms = {each.person_id: each for each in Terms.objects.filter(person__in=known)}
    skills: dict[int, list[planner.Knows]] = defaultdict(list)
    for skill in PersonSkill.objects.filter(person__in=known).order_by("skill_id"):
        skills[skill.person_id].append(planner.Knows(str(skill.skill_id), skill.level))
    barred = _barred(known, rows, span)
    wishes: dict[int, list[planner.Wish]] = defaultdict(list)
    for wish in PlanWish.objects.filter(person__in=known, starts_at__lt=span[1], ends_at__gt=span[0]):
        one = planner.Wish(minute(wish.starts_at), minute(wish.ends_at), wish.wants, wish.weight)
        wishes[wish.person_id].append(one)
    since = min(at, span[0]) - max(
        FAIR_OVER, *(timedelta(weeks=each.reference_weeks) for each in terms.values()), HISTORY
    )
    stints = _stints(known, {seat.id for seat in seats}, since, span, at)
    zone, nation = ZoneInfo(rota.zone), _nation(rota)
    months = max(1, ceil((end - first).days / 31))
    for person in rows:
        own = terms.get(person.id) or Terms(person=person)
        worked = sorted(stints.get(person.id, ()))
        counted_from = span[0] - timedelta(weeks=own.reference_weeks)
        limits = planner.Limits(nights=None if own.max_nights_a_month is None else own.max_nights_a_month * months)
        yield planner.Person(
            id=str(person.id),
            skills=tuple(skills[person.id]),
            newcomer=own.newcomer and own.signed_off_at is None,
            weekly_minutes=int(own.weekly_hours * 60),
            limits=limits,
            barred=tuple(barred[person.id]),
            wishes=tuple(wishes[person.id]),
            worked=tuple(
                planner.Worked(
                    minute(start),
                    minute(stop),
                    start.astimezone(zone).date().toordinal(),
                    is_night(start, stop, zone),
                    counted,
                )
                for start, stop, counted in worked
                if stop > counted_from
            ),
            load=_load([each for each in worked if each[0] < span[0]], span[0] - FAIR_OVER, zone, nation),
            under_18=own.under_18_until is not None and own.under_18_until > first,
            opted_out=_opted_out(own, first),
            reference_weeks=own.reference_weeks,
        )


def _opted_out(terms: Terms, day: date) -> bool:
    if terms.opted_out_from is None or terms.opted_out_from > day:
        return False
    return terms.opted_out_until is None or day <= terms.opted_out_until


def _load(
    stints: Sequence[tuple[datetime, datetime, bool]], since: datetime, zone: ZoneInfo, nation: str
) -> planner.Load:
    lately = [(start, end) for start, end, _counted in stints if end > since]
    return planner.Load(
        nights=sum(is_night(start, end, zone) for start, end in lately),
        weekends=sum(is_weekend(start, end, zone) for start, end in lately),
        holidays=sum(_is_holiday(start, end, zone, nation) for start, end in lately),
        minutes=sum(int((end - start).total_seconds()) // 60 for start, end in lately),
    )


def _stints(
    known: Collection[int], planned_here: set[int], since: datetime, span: tuple[datetime, datetime], at: datetime
) -> dict[int, list[tuple[datetime, datetime, bool]]]:
    """Duties of the people outside the problem's slots, as (start, end, whether it is working time): what they really held
    until `at`, and what is planned from then on. Of the seats that are planned here nothing in the period.
    """
    found: dict[int, list[tuple[datetime, datetime, bool]]] = defaultdict(list)
    counted = dict(Seat.objects.values_list("id", "counts"))
    keys = dict(Seat.objects.values_list("key", "id"))
    for held in registries.HELD:
        for stint in held(known, since, min(at, span[0])):
            found[stint.person_id].append((stint.start, stint.end, counted.get(stint.seat_id) == Seat.Counts.ALL))
    for rota in queries.load_rotas().values():
        for seat in rota.seats:
            seat_id = keys.get(seat.key)
            until = span[0] if seat_id in planned_here else span[1]
            if seat_id is None or until <= at:
                continue
            for turn in resolve.turns(rota, seat.key, at, until + _WHOLE):
                if turn.start >= until:
                    break
                if isinstance(turn.member, tuple) and turn.member[0] == "person" and turn.member[1] in known:
                    found[turn.member[1]].append((turn.start, turn.end, counted[seat_id] == Seat.Counts.ALL))
    return found


def _barred(
    known: Collection[int], people: Iterable[Person], span: tuple[datetime, datetime]
) -> dict[int, list[planner.Barred]]:
    found: dict[int, list[planner.Barred]] = defaultdict(list)
    away = Absence.objects.filter(person__in=known, cancelled_at=None, starts_at__lt=span[1], ends_at__gt=span[0])
    for absence in away:
        what = "all" if absence.kind == Absence.Kind.OTHER else "leave"
        found[absence.person_id].append(planner.Barred(minute(absence.starts_at), minute(absence.ends_at), what))
    zones = {person.id: ZoneInfo(person.zone) for person in people}
    day = timedelta(days=1)
    first, last = (span[0] - day).date(), (span[1] + day).date()
    limited = Restriction.objects.filter(person__in=known, cancelled_at=None, starts_on__lte=last)
    for row in limited.filter(Q(ends_on=None) | Q(ends_on__gte=first)):
        zone = zones[row.person_id]
        ends = last if row.ends_on is None else row.ends_on
        start = resolve.instant_of(datetime.combine(row.starts_on, time()), zone)
        end = resolve.instant_of(datetime.combine(ends + day, time()), zone)
        found[row.person_id].append(planner.Barred(minute(start), minute(end), BARS[Restriction.Kind(row.kind)]))
    return found


def people_of(seats: Iterable[Seat]) -> set[int]:
    """Everybody who may have one of the seats."""
    return set().union(*_members({seat.team_id for seat in seats if seat.team_id is not None}).values())


def _members(team_ids: Collection[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {team_id: set() for team_id in team_ids}
    rows = Team.members.through.objects.filter(team__in=team_ids, person__active=True)
    for team_id, person_id in rows.values_list("team", "person"):
        found[team_id].add(person_id)
    return found


def _needs_of_seats(seats: Mapping[int, Seat]) -> dict[int, tuple[planner.SkillNeed, ...]]:
    found: dict[int, list[planner.SkillNeed]] = defaultdict(list)
    for row in SeatSkill.objects.filter(seat__in=seats).order_by("skill_id"):
        found[row.seat_id].append(planner.SkillNeed(str(row.skill_id), row.level, row.hard))
    return {seat_id: tuple(needs) for seat_id, needs in found.items()}


def _companies(
    rota: Rota, seats: Sequence[Seat], places: Sequence[Place], known: Collection[int]
) -> Iterable[planner.Company]:
    """Who stands together: the seats with the same hours, and whoever stands behind one of them meanwhile.

    Between them they must know what the brand's services and customers need, as far as anybody here knows it at all:
    what nobody knows is for the coverage check to say, once, and no gap of every shift.
    """
    needs = _needs_of_brand(rota.brand_id, known)
    behind = {seat.id: seat.behind_id for seat in seats}
    together: dict[tuple[datetime, datetime], list[Place]] = defaultdict(list)
    for place in places:
        if behind[place.seat_id] not in behind:
            together[(place.shift.start, place.shift.end)].append(place)
    for (start, end), firsts in together.items():
        own = {place.seat_id for place in firsts}
        backups = [
            place
            for place in places
            if behind[place.seat_id] in own and place.shift.start < end and start < place.shift.end
        ]
        slots = tuple(dict.fromkeys(place.id for place in [*firsts, *backups]))
        if needs or len(slots) > 1 or firsts:
            yield planner.Company(slots, needs)


def _needs_of_brand(brand_id: int, known: Collection[int]) -> tuple[planner.SkillNeed, ...]:
    rows = NeededSkill.objects.filter(Q(brand=brand_id) | Q(customer__brand=brand_id) | Q(service__brand=brand_id))
    wanted: dict[int, int] = {}
    for skill_id, level in rows.values_list("skill_id", "level"):
        wanted[skill_id] = max(level, wanted.get(skill_id, 0))
    best: dict[int, int] = {}
    for skill_id, level in PersonSkill.objects.filter(person__in=known).values_list("skill_id", "level"):
        best[skill_id] = max(level, best.get(skill_id, 0))
    return tuple(
        planner.SkillNeed(str(skill_id), level)
        for skill_id, level in sorted(wanted.items())
        if best.get(skill_id, 0) >= level
    )


def _nation(rota: Rota) -> str:
    """Whose bank holidays count: those where the brand is at home."""
    return rota.brand.region


def _is_holiday(start: datetime, end: datetime, zone: ZoneInfo, nation: str) -> bool:
    if not nation:
        return False
    middle = (start + (end - start) / 2).astimezone(zone).date()
    return middle in _holidays(nation, middle.year)


@lru_cache(maxsize=64)
def _holidays(nation: str, year: int) -> frozenset[date]:
    return frozenset(bank_holidays(nation, None, year))


def cover_problem(
    seat: Seat, start: datetime, end: datetime, at: datetime
) -> tuple[planner.Problem, tuple[planner.Given, ...], str]:
    """Who could stand in for the seat over [`start`, `end`): the days around as they stand, all fixed, and that one slot open.

    The problem, who is on what in it, and the open slot's id. It may be a seat without shifts: then its people are those of
    its team, or of its layers.
    """
    rota, zone = seat.rota, ZoneInfo(seat.rota.zone)
    first = start.astimezone(zone).date() - timedelta(days=7)
    stop = end.astimezone(zone).date() + timedelta(days=8)
    around = planned_seats(rota)
    holders = present_holders(rota, places_of(rota, around, first, stop))
    problem = build(rota, first, stop, at, holders=holders)
    able = people_of([seat]) if seat.team_id is not None else _people_of_layers(seat)
    known = {person.id for person in problem.people}
    span = (
        resolve.instant_of(datetime.combine(first, time()), zone),
        resolve.instant_of(datetime.combine(stop, time()), zone),
    )
    more = _people(rota, able - {int(person) for person in known}, around, first, stop, span, at)
    opened = planner.Slot(
        id=slot_id(seat.id, start),
        seat=seat.key,
        start=minute(start),
        end=minute(end),
        day=start.astimezone(zone).date().toordinal(),
        kind="night" if is_night(start, end, zone) else "day",
        night=is_night(start, end, zone),
        weekend=is_weekend(start, end, zone),
        holiday=_is_holiday(start, end, zone, _nation(rota)),
        counted=seat.counts == Seat.Counts.ALL,
        visit=seat.fixed_place,
        needs=_needs_of_seats({seat.id: seat}).get(seat.id, ()),
        may=tuple(str(one) for one in sorted(able)),
    )
    rest = tuple(
        replace(slot, fixed=True)
        for slot in problem.slots
        if slot.seat != seat.key or slot.end <= opened.start or opened.end <= slot.start
    )
    slots = tuple(sorted((*rest, opened), key=lambda slot: (slot.start, slot.id)))
    kept = {slot.id for slot in slots}
    replaced = {slot.id for slot in problem.slots} - kept
    companies = []
    for company in problem.companies:
        own = tuple(dict.fromkeys(opened.id if one in replaced else one for one in company.slots))
        companies.append(replace(company, slots=own))
    problem = replace(problem, people=(*problem.people, *more), slots=slots, companies=tuple(companies))
    holders.pop(opened.id, None)
    return problem, as_given(holders, problem), opened.id


def _people_of_layers(seat: Seat) -> set[int]:
    members = LayerMember.objects.filter(layer__seat=seat)
    return set(
        Person.objects.filter(
            Q(id__in=members.values("person")) | Q(teams__in=members.values("team")), active=True
        ).values_list("id", flat=True)
    )


# ---- What stands now -------------------------------------------------------------------------------------------------


def present_holders(rota: Rota, places: Sequence[Place]) -> dict[str, int]:
    """Who the rota has now on the slots, by their id: the person who has most of each. Teams are nobody."""
    if not places:
        return {}
    plan = queries.load_rota(rota.id)
    keys = dict(Seat.objects.filter(rota=rota).values_list("id", "key"))
    found = {}
    for place in places:
        share: dict[int, timedelta] = defaultdict(timedelta)
        for turn in resolve.turns(plan, keys[place.seat_id], place.shift.start, place.shift.end):
            if isinstance(turn.member, tuple) and turn.member[0] == "person":
                share[turn.member[1]] += turn.end - turn.start
        if share:
            found[place.id] = max(share, key=lambda person: (share[person], -person))
    return found


def shifts_in(plan_id: Any) -> dict[str, int]:
    """The persons of a plan's shifts, by slot."""
    rows = PlannedShift.objects.filter(plan=plan_id).values_list("seat_id", "starts_at", "person_id")
    return {slot_id(seat_id, starts_at): person_id for seat_id, starts_at, person_id in rows}


def as_given(holders: Mapping[str, int], problem: planner.Problem) -> tuple[planner.Given, ...]:
    """Who is on what, for the planner, in the order of its slots."""
    return tuple(
        planner.Given(slot.id, str(holders[slot.id])) for slot in problem.slots if holders.get(slot.id) is not None
    )


def with_holders(problem: planner.Problem, holders: Mapping[str, int]) -> planner.Problem:
    """The problem where these have the slots now."""
    slots = tuple(replace(slot, holder=str(holders[slot.id]) if slot.id in holders else None) for slot in problem.slots)
    return replace(problem, slots=slots)


def spans_of(rota: Rota, start: datetime, end: datetime) -> list[comparing.Held]:
    """Who the rota as it is has on each of its seats over `[start, end)`; turns of one member that meet stay apart."""
    if end <= start:
        return []
    plan = queries.load_rota(rota.id)
    return [
        comparing.Held(seat.key, turn.start, turn.end, cast("comparing.Member | None", turn.member))
        for seat in plan.seats
        for turn in resolve.turns(plan, seat.key, start, end)
    ]


def spans_with(rota: Rota, plan_shifts: Iterable[PlannedShift], start: datetime, end: datetime) -> list[comparing.Held]:
    """What the rota would have on each seat if these shifts were published for `[start, end)` in place of what is."""
    loaded = queries.load_rota(rota.id)
    keys = dict(Seat.objects.filter(rota=rota).values_list("id", "key"))
    fresh: dict[str, list[resolve.Shift]] = defaultdict(list)
    for row in plan_shifts:
        if row.starts_at >= start:
            fresh[keys[row.seat_id]].append(resolve.Shift(row.starts_at, row.ends_at, ("person", row.person_id)))
    seats = []
    for seat in loaded.seats:
        stay = [one for one in seat.shifts if not start <= one.start < end]
        running = max((one.end for one in stay if one.start < start), default=start)
        new = [one for one in fresh[seat.key] if one.start >= running]
        last = max((one.end for one in new), default=start)
        stay = [one for one in stay if one.start < start or one.start >= last]
        seats.append(replace(seat, shifts=(*stay, *new)))
    would = resolve.Rota(loaded.zone, tuple(seats), loaded.overrides)
    return [
        comparing.Held(seat.key, turn.start, turn.end, cast("comparing.Member | None", turn.member))
        for seat in would.seats
        for turn in resolve.turns(would, seat.key, start, end)
    ]
