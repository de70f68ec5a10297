"""When a heartbeat is expected, and when it is late: every so often, or by a schedule of local times.

A schedule has cron's five fields: minute, hour, day of the month, month, weekday (0 and 7 are Sunday). In each `*`,
lists, ranges and steps (`1-5`, `*/15`), names of months and weekdays; `L` is the last day of the month. Where day of the
month and weekday are both given a day needs only one of them, as cron has it.

On nights when clocks change: a schedule with fixed hours comes once on each day that it names. A time that clocks skip
stands for the first instant after the gap, one that they show twice for its first (as support hours have it). Where the
hour begins with `*` it follows the minutes as they pass: twice in an hour that comes twice, and not in one that is skipped.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nightdesk.base.refusals import Invalid
from nightdesk.customers.hours import first_instant, in_utc

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
SHORTEST_PERIOD, LONGEST_PERIOD = timedelta(seconds=20), timedelta(days=366)
SHORTEST_GRACE, LONGEST_GRACE = timedelta(seconds=10), timedelta(days=31)
EARLY = timedelta(minutes=1)
"""A beat may come this much before its time: clocks differ."""
_DAYS_AHEAD = 41 * 366
"""The longest wait: from 29 February on one weekday to the next, across a year like 2100 that has none."""
_BEFORE = timedelta(days=2)
_ENTRY = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d{1,3}))?", re.ASCII)


class BadSchedule(Invalid):
    """A time at which a heartbeat is expected that cannot be read, or never comes."""

    code: ClassVar[str] = "schedule-not-usable"
    title: ClassVar[str] = "That schedule cannot be kept"


@dataclass(frozen=True)
class Cron:
    """A schedule that was read. `weekdays`: 0 is Sunday. `either`: a day of the month or a weekday is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    every_hour: bool

    def comes_on(self, day: date) -> bool:
        """Whether it comes at all on that day."""
        if day.month not in self.months:
            return False
        in_month = day.day in self.days or (self.last_day and (day + timedelta(days=1)).day == 1)
        in_week = day.isoweekday() % 7 in self.weekdays
        return (in_month or in_week) if self.either else (in_month and in_week)


@lru_cache(maxsize=2048)
def parse_cron(text: str) -> Cron:
    """The schedule that `text` stands for. Raises BadSchedule, also for one that never comes (30 February)."""
    fields = text.lower().split()
    if len(fields) != 5:
        raise _bad(text, "It has not five fields.")
    minute, hour, day, month, weekday = fields
    days = [entry for entry in day.split(",") if entry != "l"]
    cron = Cron(
        minutes=_field(text, minute, 0, 59),
        hours=_field(text, hour, 0, 23),
        days=_field(text, ",".join(days), 1, 31) if days else frozenset(),
        last_day="l" in day.split(","),
        months=_field(text, month, 1, 12, MONTHS),
        weekdays=frozenset(number % 7 for number in _field(text, weekday, 0, 7, WEEKDAYS)),
        either=not day.startswith("*") and not weekday.startswith("*"),
        every_hour=hour.startswith("*"),
    )
    possible = cron.last_day or any(number <= LONGEST_MONTH[month - 1] for month in cron.months for number in cron.days)
    if not (possible or cron.either):
        raise _bad(text, "No month of it has such a day.")
    return cron


def _field(text: str, field: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    found: set[int] = set()
    for entry in field.split(","):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise _bad(text, f"{entry!r} cannot be read.")
        star, first, last, step = match.groups()
        begin = low if star else _number(text, first, low, high, names)
        end = high if star or (step and not last) else _number(text, last or first, low, high, names)
        if end < begin or step == "0" or (step and not int(step)):
            raise _bad(text, f"{entry!r} goes nowhere.")
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, word: str, low: int, high: int, names: tuple[str, ...]) -> int:
    number = names.index(word) + low if word in names else int(word) if word.isdecimal() and len(word) < 4 else -1
    if not low <= number <= high:
        raise _bad(text, f"{word!r} is not from {low} to {high}.")
    return number


def _bad(text: str, so: str) -> BadSchedule:
    do = "Give minute, hour, day, month and weekday, such as 30 2 * * 1-5 for 02:30 on working days."
    return BadSchedule(f"The schedule {text[:100]!r} was given.", so, do)


def zone_named(name: str) -> ZoneInfo:
    """Raises BadSchedule for a zone that nobody knows."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise BadSchedule(
            f"The time zone {name[:60]!r} was given.",
            "There is no zone of this name.",
            "Give an IANA name, for example Europe/London.",
        ) from unknown


def next_time(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime:
    """The first instant later than `after` at which the schedule comes, in UTC."""
    after = in_utc(after)
    first = after.astimezone(zone).date() - _BEFORE
    for number in range(_DAYS_AHEAD):
        day = first + timedelta(days=number)
        if cron.comes_on(day):
            found = min((at for at in _instants(cron, zone, day) if at > after), default=None)
            if found is not None:
                return found
    raise AssertionError("parse_cron lets through only what comes within forty years")


def _instants(cron: Cron, zone: ZoneInfo, day: date) -> Iterator[datetime]:
    for hour in cron.hours:
        for minute in cron.minutes:
            local = datetime.combine(day, time(hour, minute))
            if not cron.every_hour:
                yield first_instant(local, zone)
                continue
            for fold in (0, 1):
                at = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
                if at.astimezone(zone).replace(tzinfo=None) == local:
                    yield at


@dataclass(frozen=True)
class Expectation:
    """When a beat is expected after the one before: `every` so often, or by `cron` in `zone`; and how late it may be."""

    grace: timedelta
    every: timedelta | None = None
    cron: str = ""
    zone: str = "UTC"

    def __post_init__(self) -> None:
        """Raises BadSchedule."""
        if not SHORTEST_GRACE <= self.grace <= LONGEST_GRACE:
            raise _out_of_range("grace", self.grace, SHORTEST_GRACE, LONGEST_GRACE)
        if (self.every is None) == (not self.cron):
            asked = "A heartbeat was to be expected."
            raise BadSchedule(asked, "It needs a period or a schedule, and not both.", "Give one of them.")
        if self.every is not None and not SHORTEST_PERIOD <= self.every <= LONGEST_PERIOD:
            raise _out_of_range("period", self.every, SHORTEST_PERIOD, LONGEST_PERIOD)
        if self.cron:
            parse_cron(self.cron)
        zone_named(self.zone)

    def after(self, at: datetime) -> datetime:
        """When the first beat later than `at` is expected."""
        if self.every is not None:
            return in_utc(at) + self.every
        return next_time(parse_cron(self.cron), zone_named(self.zone), at)


def _out_of_range(what: str, given: timedelta, least: timedelta, most: timedelta) -> BadSchedule:
    return BadSchedule(f"A {what} of {given} was given.", f"It is from {least} to {most}.", "Give one in between.")


@dataclass(frozen=True)
class Away:
    """A time `[began_at, ended_at)` during which nobody could reach us."""

    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True)
class Due:
    """`late_at`: a heartbeat not heard by then is late. `excused`: a beat fell into an absence of ours before that."""

    expected_at: datetime
    late_at: datetime
    excused: bool = False


def when_late(
    wanted: Expectation, heard_at: datetime, away: Iterable[Away] = (), *, started_at: datetime | None = None
) -> Due:
    """When the beat after `heard_at` is due.

    A beat that may have been sent while we were away is not held against its sender: the next one counts, from our return
    on. `started_at`: a run that began then must end within the grace.
    """
    expected_at, excused = wanted.after(heard_at), False
    gaps = sorted(away, key=lambda one: one.began_at)
    for gap in gaps:
        early = min(EARLY, wanted.grace)
        if gap.ended_at > heard_at and gap.began_at < expected_at + wanted.grace and gap.ended_at > expected_at - early:
            expected_at, excused = wanted.after(max(gap.ended_at, expected_at - early)), True
    late_at = expected_at + wanted.grace
    if started_at is not None and started_at > heard_at:
        ends_at = started_at + wanted.grace
        for gap in gaps:
            if gap.began_at < ends_at and gap.ended_at > started_at:
                ends_at = max(ends_at, gap.ended_at + wanted.grace)
        late_at = min(late_at, ends_at)
    return Due(expected_at, late_at, excused)
