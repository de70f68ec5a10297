"""Who bears how much: nights, weekends, holidays, times woken, minutes awake, calls while off duty, against a fair share.

Hours of one period in, figures out. Nights are counted by the evening on which they began, by the person's clocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from nightdesk.rota.law import GB, Worker, night_minutes, nights_of


class Figure(StrEnum):
    """What is counted of a person; each can be switched off."""

    NIGHTS = "nights"
    WEEKENDS = "weekends"
    HOLIDAYS = "holidays"
    WOKEN = "woken"
    MINUTES_AWAKE = "minutes_awake"
    CALLED_OFF = "called_off"


class Sort(StrEnum):
    """What an hour on record was."""

    DUTY = "duty"
    STANDBY = "standby"
    CALL = "call"
    """a page, or a call while on duty"""
    CALLED_OFF = "called_off"
    """a call for help while somebody else had the duty"""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Stretch:
    """What somebody did over `[start, end)`."""

    start: datetime
    end: datetime
    sort: Sort
    what: str = ""


@dataclass(frozen=True, slots=True)
class Bearer:
    """One person in a period: their zone, how many of its days they were there, what they did, and when a page woke them."""

    id: int
    name: str
    zone: str
    days_there: int
    did: tuple[Stretch, ...] = ()
    woken_at: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """A person's figures, and what of each would be theirs if all were shared by the days that each was there."""

    person: Bearer
    figures: Mapping[Figure, int] = field(default_factory=dict)
    shares: Mapping[Figure, float] = field(default_factory=dict)


def loads(bearers: Iterable[Bearer], holidays: Collection[date], off: Collection[Figure] = frozenset()) -> list[Load]:
    """The load of each, by name; figures that are `off` are not reckoned at all."""
    wanted = [figure for figure in Figure if figure not in off]
    counted = [(bearer, _figures(bearer, holidays, wanted)) for bearer in sorted(bearers, key=lambda each: each.name)]
    days = sum(bearer.days_there for bearer, _figures in counted)
    totals = {figure: sum(figures[figure] for _bearer, figures in counted) for figure in wanted}
    return [
        Load(
            bearer,
            figures,
            {figure: totals[figure] * bearer.days_there / days if days else 0.0 for figure in wanted},
        )
        for bearer, figures in counted
    ]


def _figures(bearer: Bearer, holidays: Collection[date], wanted: Collection[Figure]) -> dict[Figure, int]:
    worker = Worker(bearer.zone)
    zone = ZoneInfo(bearer.zone)
    held = [each for each in bearer.did if each.sort in (Sort.DUTY, Sort.STANDBY)]
    called = [each for each in bearer.did if each.sort in (Sort.CALL, Sort.CALLED_OFF)]
    days = {day for each in held for day in _days(each, zone)}
    woken = {at for at in bearer.woken_at if night_minutes(at, at + timedelta(minutes=1), worker)}
    reckon = {
        Figure.NIGHTS: lambda: len({night for each in held for night in nights_of(each.start, each.end, worker)}),
        # Both days of one weekend are one.
        Figure.WEEKENDS: lambda: len({day - timedelta(days=day.weekday() - 5) for day in days if day.weekday() >= 5}),
        Figure.HOLIDAYS: lambda: len(days & set(holidays)),
        Figure.WOKEN: lambda: len(woken),
        Figure.MINUTES_AWAKE: lambda: sum(night_minutes(each.start, each.end, worker) for each in called),
        Figure.CALLED_OFF: lambda: sum(1 for each in called if each.sort is Sort.CALLED_OFF),
    }
    return {figure: reckon[figure]() for figure in wanted}


def _days(stretch: Stretch, zone: ZoneInfo) -> Iterable[date]:
    day = stretch.start.astimezone(zone).date()
    last = (stretch.end - timedelta.resolution).astimezone(zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


NIGHT = GB.night
"""23:00 to 06:00 by the person's clocks, as the law has it where nothing else is agreed."""
