"""Who could stand in, which searches there are, and who is told when nobody will."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.duty.models import CoverSearch, Hold
from nightdesk.people.models import Absence, Person, Team
from nightdesk.rota import planner, planning, resolve
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import load_rotas

SOON = timedelta(hours=24)
"""Turns that begin within this are sought cover for at once when somebody falls ill; the later ones are planned anew."""
LONGEST = timedelta(days=7)
"""The longest stretch that one search for cover is for."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be asked; `cost` is what it costs the plan, None where that is not known; `why` says it in words."""

    person_id: int
    cost: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """A duty that somebody drops out of, as far as it lies in their absence."""

    seat: Seat
    start: datetime
    end: datetime


def candidates(seat: Seat, start: datetime, end: datetime, instead_of_id: int | None, at: datetime) -> list[Candidate]:
    """Who may stand in for the seat over [`start`, `end`), the one it costs the plan least first; after them those whose rest
    would be too short, and is then owed. Never who is not available, on elsewhere, or does not know what the seat needs.
    """
    problem, given, slot = planning.cover_problem(seat, start, end, at)
    restless = replace(
        problem.rules,
        rest_minutes=0,
        rest_windows=(),
        days_running=None,
        nights_running=None,
        days_off_after_nights=0,
        one_a_day=False,
    )
    found: dict[int, Candidate] = {}
    for rules, why in ((problem.rules, ""), (restless, _("rest is then owed"))):
        for one in planner.rank_people(replace(problem, rules=rules), given, slot):
            # Whoever would have to be relieved elsewhere first is no help tonight.
            if int(one.person) != instead_of_id and not one.moved:
                found.setdefault(int(one.person), Candidate(int(one.person), one.points, why))
    return list(found.values())


def openings(absence: Absence, at: datetime) -> list[Opening]:
    """What the absence leaves open soon: what the person has now, and their turns that begin within SOON."""
    person = ("person", absence.person_id)
    since = max(absence.starts_at, at)
    until = min(absence.ends_at, at + SOON)
    if until <= since:
        return []
    held = set(Hold.objects.filter(person=absence.person_id, until_at=None).values_list("seat__key", flat=True))
    seats = {seat.key: seat for seat in Seat.objects.select_related("rota__brand")}
    found = []
    for plan in load_rotas().values():
        for seat in plan.seats:
            for turn in resolve.turns(plan, seat.key, since, until) if seat.key in seats else ():
                running = turn.start <= at
                # What runs is theirs by the token, whoever is planned; what comes by the plan.
                if (seat.key in held) if running else turn.member == person:
                    end = resolve.next_change(plan, seat.key, turn.start) or absence.ends_at
                    # A duty may have no end; somebody needs it now all the same.
                    longest = max(turn.start, since) + LONGEST
                    found.append(Opening(seats[seat.key], turn.start, min(end, absence.ends_at, longest)))
    return found


def searches(brand_ids: Collection[int] | None = None) -> QuerySet[CoverSearch]:
    """Searches for cover of the brands (None: all), the newest first."""
    rows = CoverSearch.objects.select_related("seat__rota__brand", "instead_of", "taken_by")
    rows = rows if brand_ids is None else rows.filter(seat__rota__brand__in=brand_ids)
    return rows.order_by("-made_at", "-id")


def managers(seat: Seat) -> list[Person]:
    """Who hears of it when nobody has the seat: the manager of its team, else those of the brand's teams."""
    active = Person.objects.filter(active=True)
    own = active.filter(id__in=Team.objects.filter(id=seat.team_id).values("manager")) if seat.team_id else None
    if own:
        return list(own)
    teams = Team.objects.filter(~Q(manager=None), brand=seat.rota.brand_id)
    return list(active.filter(id__in=teams.values("manager")).order_by("id"))
