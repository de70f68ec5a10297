"""Rotas to start from: seats and layers as most teams have them, to be changed afterwards. People in, plain layers out.

Turns begin on the first day that is given, in the order in which the people are named.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext_lazy

WEEKDAYS, WEEKEND, EVERY_DAY = [0, 1, 2, 3, 4], [5, 6], [0, 1, 2, 3, 4, 5, 6]


@dataclass(frozen=True, slots=True)
class StartingSeat:
    """A seat to make; `layers` as `decide` reads them, lowest first."""

    key: str
    name: str
    layers: list[dict[str, Any]] = field(default_factory=list)
    acceptance_required: bool = False


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """`seats` lays it out for people (ids, in order), a team's id, and the first day."""

    label: Any
    words: Any
    seats: Callable[[list[int], int | None, date], list[StartingSeat]]
    least_people: int = 1
    needs_team: bool = False


def slug(text: str) -> str:
    """Small letters, digits and single dashes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _layer(members: list[dict[str, int]], first: date, at: str, turn: str, **more: Any) -> dict[str, Any]:
    return {"members": members, "anchor": f"{first}T{at}", "turn": turn, **more}


def _people(ids: list[int], ahead: int = 0) -> list[dict[str, int]]:
    """In turn, `ahead` places further on."""
    turned = ahead % len(ids)
    return [{"person": id_} for id_ in [*ids[turned:], *ids[:turned]]]


def _window(weekdays: list[int], opens: str, closes: str) -> dict[str, Any]:
    return {"weekdays": weekdays, "opens": opens, "closes": closes}


OUT_OF_HOURS = [_window(WEEKDAYS, "17:30", "09:00"), _window(WEEKEND, "09:00", "09:00")]
OFFICE = [_window(WEEKDAYS, "09:00", "17:30")]


def _blank(_ids: list[int], _team: int | None, _first: date) -> list[StartingSeat]:
    return [StartingSeat("on-duty", "On duty")]


def _office(ids: list[int], _team: int | None, first: date) -> list[StartingSeat]:
    layer = _layer(_people(ids), first, "09:00", "working_day", restrict=OFFICE)
    return [StartingSeat("desk", "Office hours", [layer])]


def _nights(ids: list[int], _team: int | None, first: date) -> list[StartingSeat]:
    monday = first - timedelta(days=first.weekday())
    on = _layer(_people(ids), monday, "09:00", "week", restrict=OUT_OF_HOURS)
    behind = _layer(_people(ids, 1), monday, "09:00", "week", restrict=OUT_OF_HOURS)
    return [StartingSeat("night", "Night duty", [on], True), StartingSeat("backup", "Backup", [behind])]


def _round_the_clock(ids: list[int], _team: int | None, first: date) -> list[StartingSeat]:
    monday = first - timedelta(days=first.weekday())
    nights = _layer(_people(ids), monday, "09:00", "week")
    days = _layer(_people(ids, 1), first, "09:00", "working_day", restrict=OFFICE)
    return [StartingSeat("on-duty", "On duty", [nights, days], True)]


def _standby(ids: list[int], _team: int | None, first: date) -> list[StartingSeat]:
    monday = first - timedelta(days=first.weekday())
    return [StartingSeat("standby", "Standby expert", [_layer(_people(ids), monday, "09:00", "week")])]


SHIFTS = (("06:00", "14:00"), ("14:00", "22:00"), ("22:00", "06:00"))


def _noc(ids: list[int], _team: int | None, first: date) -> list[StartingSeat]:
    """Everybody goes through the shifts forwards, early, late, night, a week in each place."""
    monday = first - timedelta(days=first.weekday())
    seats = []
    for place, name in enumerate(("Front line 1", "Front line 2")):
        layers = []
        for number, (opens, closes) in enumerate(SHIFTS):
            behind = -(2 * number + place)
            hours = [_window(EVERY_DAY, opens, closes)]
            layers.append(_layer(_people(ids, behind), monday, "06:00", "week", restrict=hours))
        seats.append(StartingSeat(f"front-{place + 1}", name, layers, True))
    return seats


def _team_seat(_ids: list[int], team: int | None, first: date) -> list[StartingSeat]:
    monday = first - timedelta(days=first.weekday())
    layer = _layer([{"team": team or 0}], monday, "09:00", "week", restrict=OFFICE)
    return [StartingSeat("team", "The team's seat", [layer], True)]


STARTING_POINTS: Mapping[str, StartingPoint] = {
    "nights": StartingPoint(
        gettext_lazy("Night duty and its backup"),
        gettext_lazy("Out of office hours, by the week; the backup is whoever comes next."),
        _nights,
        least_people=2,
    ),
    "round_the_clock": StartingPoint(
        gettext_lazy("Round the clock in one seat"),
        gettext_lazy("Nights and weekends by the week, office hours by the working day."),
        _round_the_clock,
        least_people=2,
    ),
    "office": StartingPoint(
        gettext_lazy("Office hours"), gettext_lazy("Somebody else each working day, 09:00 to 17:30."), _office
    ),
    "standby": StartingPoint(
        gettext_lazy("Standby expert"), gettext_lazy("One who can be rung at any hour, by the week."), _standby
    ),
    "noc": StartingPoint(
        gettext_lazy("NOC shifts of two"),
        gettext_lazy("Early, late and night, two people each; everybody moves on by the week."),
        _noc,
        least_people=6,
    ),
    "team": StartingPoint(
        gettext_lazy("A team's seat"),
        gettext_lazy("Whichever member of the team is signed in accepts it, in office hours."),
        _team_seat,
        least_people=0,
        needs_team=True,
    ),
    "blank": StartingPoint(
        gettext_lazy("One empty seat"), gettext_lazy("You lay out its turns yourself."), _blank, least_people=0
    ),
}
