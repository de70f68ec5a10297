"""The facts of the coverage check as they stand in the database."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from nightdesk.customers.need_queries import needs_of_brand
from nightdesk.people.models import Absence, Person, Restriction, Skill, Team
from nightdesk.people.skill_queries import levels_that_count, skills_of
from nightdesk.rota import coverage, resolve
from nightdesk.rota.coverage import Need, Shift, Span
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import load_rotas

DAY = timedelta(days=1)


def seats_answering(brand_id: int) -> list[Seat]:
    """The seats whose holders answer for the brand, and those that stand behind them, of whatever brand."""
    mine = Seat.objects.filter(Q(rota__brand=brand_id) | Q(also_for__brand=brand_id))
    found = {seat.pk: seat for seat in mine.select_related("rota").distinct()}
    fresh = set(found)
    while fresh:
        behind = Seat.objects.filter(behind__in=fresh).exclude(pk__in=found).select_related("rota")
        fresh = {seat.pk for seat in behind}
        found |= {seat.pk: seat for seat in behind}
    return sorted(found.values(), key=lambda seat: (seat.rota.name, seat.position, seat.pk))


def facts_of(brand_id: int, start: datetime, end: datetime, holders: Mapping[str, int]) -> coverage.Facts:
    """All that the check of the brand over [start, end) goes by.

    `holders`: seat key -> who has its token at `start`; they keep it until the plan's next change, whatever is planned.
    """
    return coverage.Facts(
        shifts=_shifts(seats_answering(brand_id), start, end, holders),
        needs=_needs(brand_id),
        levels=levels_that_count(),
        away=absences(start, end),
    )


def absences(start: datetime, end: datetime, person_ids: Collection[int] | None = None) -> dict[int, list[Span]]:
    """Person -> when they are not available within [start, end): absent, or not to be on duty at all."""
    rows = Absence.objects.filter(starts_at__lt=end, ends_at__gt=start, cancelled_at=None)
    rows = rows if person_ids is None else rows.filter(person__in=person_ids)
    found: dict[int, list[Span]] = defaultdict(list)
    for person_id, starts_at, ends_at in rows.order_by("starts_at").values_list("person_id", "starts_at", "ends_at"):
        found[person_id].append((starts_at, ends_at))
    never = Restriction.objects.filter(kind=Restriction.Kind.NO_DUTY, cancelled_at=None).select_related("person")
    for row in never if person_ids is None else never.filter(person__in=person_ids):
        zone = ZoneInfo(row.person.zone)
        begins = resolve.instant_of(datetime.combine(row.starts_on, time()), zone)
        ends = end if row.ends_on is None else resolve.instant_of(datetime.combine(row.ends_on + DAY, time()), zone)
        if begins < end and start < ends:
            found[row.person_id].append((begins, ends))
    return dict(found)


def scarce_skills(brand_id: int) -> list[coverage.Scarce]:
    """The brand's skills that one person alone has, or that are needed and nobody has; see `coverage.scarce`."""
    return coverage.scarce([skill.pk for skill in skills_of([brand_id])], _needs(brand_id), levels_that_count())


def names_of_skills(skill_ids: Collection[int]) -> Mapping[int, str]:
    """What people call them."""
    return dict(Skill.objects.filter(pk__in=skill_ids).values_list("pk", "name"))


def _needs(brand_id: int) -> list[Need]:
    return [
        Need(subject, skill_id, level)
        for subject, wanted in needs_of_brand(brand_id).items()
        for skill_id, level in wanted.items()
    ]


def _shifts(seats: Collection[Seat], start: datetime, end: datetime, holders: Mapping[str, int]) -> list[Shift]:
    plans = load_rotas({seat.rota_id for seat in seats})
    active = set(Person.objects.filter(active=True).values_list("id", flat=True))
    teams: dict[int, set[int]] = defaultdict(set)
    for team_id, person_id in Team.members.through.objects.values_list("team_id", "person_id"):
        teams[team_id].add(person_id)
    found = []
    for seat in seats:
        plan = plans[seat.rota_id]
        kept_until = start
        if seat.key in holders:
            change = resolve.next_change(plan, seat.key, start)
            kept_until = end if change is None else min(change, end)
            found.append(Shift(start, kept_until, frozenset({holders[seat.key]} & active)))
        if kept_until >= end:
            continue
        has_hours = _has_hours(plan, seat.key)
        for turn in resolve.turns(plan, seat.key, kept_until, end):
            if turn.member is None and has_hours and turn.override is None:
                continue
            found.append(Shift(turn.start, turn.end, frozenset(_people(turn.member, teams) & active)))
    return found


def _has_hours(plan: resolve.Rota, seat_key: str) -> bool:
    """Whether the seat has hours of its own, or no turns by layers at all, so that nobody there may be as it should be."""
    seat = next(each for each in plan.seats if each.key == seat_key)
    return not seat.layers or any(layer.restrict or layer.turn is resolve.TurnKind.WORKING_DAY for layer in seat.layers)


def _people(member: resolve.MemberKey | None, teams: Mapping[int, set[int]]) -> set[int]:
    match member:
        case ("person", int(person_id)):
            return {person_id}
        case ("team", int(team_id)):
            return set(teams.get(team_id, ()))
    return set()
