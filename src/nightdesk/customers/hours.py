"""Support hours: when somebody is there for a customer, as local rules, answered as instants.

The rules, which every function here follows:

- A window is a local opening and closing time. A closing time at or before the opening time is that of the next day, so
  00:00 to 00:00 is the whole day (24 hours, no minute lost at midnight) and 22:00 to 06:00 is a night.
- A window belongs to the day on which it opens. The night that began before a bank holiday runs to its end; the one
  that would begin on the holiday does not.
- For each day an exception comes before a bank holiday, and a bank holiday before the week.
- A local time stands for the first instant at which clocks there read it or later: one that clocks skip is the first
  instant after the gap, one that they show twice is its first occurrence. Closing times follow the same rule, so a
  window that closes when another opens always meets it, and a window that lies wholly in a gap is empty.
- Open time is real time: 00:00 to 00:00 is 23 hours on one night of the year and 25 on another.

Instants are timezone-aware; those that come back are in UTC. Spans are half-open: `[start, end)`.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as public_holidays

from nightdesk.base.refusals import Invalid

Window = tuple[time, time]
"""Local opening and closing time, whole minutes."""

Windows = tuple[Window, ...]
"""The windows that open on one day, in any order; they may overlap. Empty: closed."""

Week = tuple[Windows, Windows, Windows, Windows, Windows, Windows, Windows]
"""Monday to Sunday."""

Span = tuple[datetime, datetime]

WHOLE_DAY: Window = (time(0), time(0))
ROUND_THE_CLOCK: Week = ((WHOLE_DAY,),) * 7

HORIZON = timedelta(days=370)
"""How far ahead the questions look; long enough for hours that open on one day of the year."""

# A local day can be this far from where an instant's local date suggests: a window runs into the next day, and where
# the date line moved the clocks repeated or skipped a whole day.
_REACH = timedelta(days=2)

_WINDOW = re.compile(r"\s*(\d{1,2}):(\d{2})\s*[-\u2013]\s*(\d{1,2}):(\d{2})\s*")


class BadHours(Invalid):
    """Support hours that cannot be read or kept."""

    code = "hours-not-usable"
    title = "Those hours cannot be kept"


@lru_cache(maxsize=512)
def bank_holidays(nation: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The public holidays of one year, with the days observed in lieu, as the `holidays` package knows them.

    Raises BadHours for a nation or subdivision that it does not know.
    """
    try:
        return frozenset(public_holidays.country_holidays(nation, subdiv=subdivision, years=year))
    except NotImplementedError as unknown:
        raise BadHours(
            asked=f"Bank holidays of {nation}{f', {subdivision}' if subdivision else ''} were asked for.",
            so="No such nation or subdivision is known.",
            do="Give the ISO 3166 codes, for example GB with ENG, SCT, WLS or NIR.",
        ) from unknown


@dataclass(frozen=True)
class BankHolidays(Container[date]):
    """The bank holidays of a nation (ISO 3166-1) or a subdivision of it (ISO 3166-2, without the nation).

    Without a subdivision only the days that all of the nation shares count: GB alone has no Easter Monday, GB with ENG
    has. Raises BadHours for a nation or subdivision that is not known.
    """

    nation: str
    subdivision: str | None = None

    def __post_init__(self) -> None:
        bank_holidays(self.nation, self.subdivision, 2000)

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and day in bank_holidays(self.nation, self.subdivision, day.year)


@dataclass(frozen=True)
class SupportHours:
    """When somebody is there, by the clocks of `zone` (an IANA name).

    `holidays` answers `day in holidays`: a set of dates, or BankHolidays. On those days the windows are
    `on_holidays`, by default none. `exceptions` replace the windows of single days, holidays among them.

    Raises BadHours for an unknown zone, a week that has not seven days, or a time that is not a whole local minute.
    """

    zone: str
    week: Week
    holidays: Container[date] = frozenset()
    on_holidays: Windows = ()
    exceptions: Mapping[date, Windows] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _known_zone(self.zone)
        if len(self.week) != 7:
            raise BadHours(f"A week of {len(self.week)} days was given.", "A week has seven.", "Give Monday to Sunday.")
        for windows in (*self.week, self.on_holidays, *self.exceptions.values()):
            for moment in (moment for window in windows for moment in window):
                if moment.tzinfo or moment.second or moment.microsecond:
                    raise BadHours(
                        f"The time {moment.isoformat()} was given.",
                        "Hours are whole minutes by local clocks.",
                        f"Give {moment.strftime('%H:%M')}.",
                    )

    def windows_on(self, day: date) -> Windows:
        """The windows that open on `day`, in order, those that overlap or touch made one."""
        if day in self.exceptions:
            return _merged_windows(self.exceptions[day])
        if day in self.holidays:
            return _merged_windows(self.on_holidays)
        return _merged_windows(self.week[day.weekday()])


class DayRange(NamedTuple):
    """Weekdays (0 is Monday) from `first` to `last`, both included, with the same windows; it may pass Sunday."""

    first: int
    last: int
    windows: Windows


def parse_window(text: str) -> Window:
    """The window written as "09:00-17:30"; "00:00-24:00" is the whole day, "22:00-06:00" ends on the next.

    Raises BadHours, also for a window that ends at 23:59: that would leave a minute in which nobody is there.
    """
    match = _WINDOW.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        open_hour, open_minute, close_hour, close_minute = (int(digits) for digits in match.groups())
        at_end_of_day = (close_hour, close_minute) == (24, 0)
        window = time(open_hour, open_minute), time(0) if at_end_of_day else time(close_hour, close_minute)
    except ValueError as unreadable:
        raise BadHours(
            f"The hours {text!r} were given.",
            "They cannot be read.",
            "Write them as 09:00-17:30, or 00:00-24:00 for the whole day.",
        ) from unreadable
    if window[1] == time(23, 59):
        raise BadHours(
            f"The hours {text!r} were given.",
            "They would leave out the last minute of the day.",
            "Write 24:00 for its end.",
        )
    return window


def format_window(window: Window) -> str:
    """The window as "09:00-17:30", an end at midnight as 24:00; what `parse_window` reads."""
    opens, closes = window
    return f"{opens:%H:%M}-{'24:00' if closes == time(0) else f'{closes:%H:%M}'}"


@lru_cache(maxsize=4096)
def first_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which clocks in `zone` read `local` (naive, whole seconds) or later.

    Never decreases as `local` grows; this is what makes windows that meet on paper meet in time.
    """
    found = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _reading(found, zone) == local:
        return found
    # Clocks skipped `local`. Read with the later offset it lies before the gap, with the earlier one (`found`) not
    # before its end; the end is the whole second in between from which clocks read past `local`.
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while (seconds := int((found - before).total_seconds())) > 1:
        middle = before + timedelta(seconds=seconds // 2)
        if _reading(middle, zone) < local:
            before = middle
        else:
            found = middle
    return found


def in_utc(at: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for one without a zone: it would be read by this machine's clocks."""
    if at.tzinfo is None:
        raise ValueError(f"an instant needs a time zone, got {at.isoformat()}")
    return at.astimezone(UTC)


def is_open(hours: SupportHours, at: datetime) -> bool:
    """Whether somebody is there at `at`."""
    return any(opens <= at < closes for opens, closes in _spans(hours, at, at))


def next_change(hours: SupportHours, at: datetime) -> datetime | None:
    """The first instant after `at` at which it opens or closes; None when neither happens within HORIZON."""
    limit = in_utc(at) + HORIZON
    for opens, closes in _spans(hours, at, limit):
        change = opens if opens > at else closes
        if change > at:
            return change if change <= limit else None
    return None


def open_until(hours: SupportHours, at: datetime) -> datetime | None:
    """When it closes, if it is open at `at`; None when it is closed, or open and does not close within HORIZON."""
    return next_change(hours, at) if is_open(hours, at) else None


def next_opening(hours: SupportHours, at: datetime) -> datetime | None:
    """The first instant after `at` at which it opens, the present opening left out; None: not within HORIZON."""
    limit = in_utc(at) + HORIZON
    return next((opens for opens, _ in _spans(hours, at, limit) if at < opens <= limit), None)


def open_windows(hours: SupportHours, start: datetime, end: datetime) -> list[Span]:
    """The spans within `[start, end)` in which it is open, in order, none touching another."""
    return list(_clipped(hours, in_utc(start), in_utc(end)))


def open_time_between(hours: SupportHours, start: datetime, end: datetime) -> timedelta:
    """How much open time lies in `[start, end)`; none when `end` is not after `start`."""
    return sum((closes - opens for opens, closes in open_windows(hours, start, end)), timedelta())


def add_open_time(hours: SupportHours, start: datetime, duration: timedelta) -> datetime | None:
    """The first instant, not before `start`, by which `duration` of open time has passed; None: not within HORIZON.

    What is used up exactly at closing time ends at closing time, not at the next opening. Raises ValueError for a
    negative duration.
    """
    if duration < timedelta():
        raise ValueError(f"open time to add must not be negative, got {duration}")
    start = in_utc(start)
    if not duration:
        return start
    for opens, closes in _clipped(hours, start, start + HORIZON):
        if closes - opens >= duration:
            return opens + duration
        duration -= closes - opens
    return None


def describe_hours(hours: SupportHours) -> tuple[DayRange, ...]:
    """The week as ranges of days with the same windows, closed ones included.

    Bank holidays and exceptions are not in it: `unusual_days` tells them. Ranges pass Sunday where the days on both
    sides are alike (Sunday to Thursday is one range), and the first one is one that opens, if any does.
    """
    week = [_merged_windows(windows) for windows in hours.week]
    firsts = [day for day in range(7) if week[day] != week[day - 1]] or [0]
    ranges = [
        DayRange(first, (following - 1) % 7, week[first])
        for first, following in zip(firsts, [*firsts[1:], firsts[0]], strict=True)
    ]
    start = next((place for place, found in enumerate(ranges) if found.windows), 0)
    return (*ranges[start:], *ranges[:start])


def unusual_days(hours: SupportHours, first: date, last: date) -> tuple[tuple[date, Windows], ...]:
    """The days from `first` to `last`, both included, whose windows are not those of the week, with their windows."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    told = ((day, hours.windows_on(day)) for day in days)
    return tuple((day, windows) for day, windows in told if windows != _merged_windows(hours.week[day.weekday()]))


def _known_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise BadHours(
            f"The time zone {name!r} was given.",
            "There is no zone of this name.",
            "Give an IANA name, for example Europe/London.",
        ) from unknown


def _reading(at: datetime, zone: ZoneInfo) -> datetime:
    """What clocks in `zone` show at `at`."""
    return at.astimezone(zone).replace(tzinfo=None)


def _on_one_line(window: Window) -> tuple[int, int]:
    """The window in minutes from the start of its day; the end may be past 24 hours."""
    opens, closes = (moment.hour * 60 + moment.minute for moment in window)
    return opens, closes if closes > opens else closes + 24 * 60


@lru_cache(maxsize=1024)
def _merged_windows(windows: Windows) -> Windows:
    """The windows of one day, in order, those that overlap or touch made one where one window can say it."""
    merged: list[tuple[int, int]] = []
    for opens, closes in sorted(_on_one_line(window) for window in windows):
        # A window is at most 24 hours long; what is longer stays two windows, which the spans join.
        if merged and opens <= merged[-1][1] and max(closes, merged[-1][1]) - merged[-1][0] <= 24 * 60:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        else:
            merged.append((opens, closes))
    return tuple((_clock(opens), _clock(closes)) for opens, closes in merged)


def _clock(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans that come in order of their starts, those that overlap or touch made one, empty ones left out."""
    held: Span | None = None
    for opens, closes in spans:
        if opens == closes:
            continue
        if held is None:
            held = opens, closes
        elif opens <= held[1]:
            held = held[0], max(held[1], closes)
        else:
            yield held
            held = opens, closes
    if held is not None:
        yield held


def _local_spans(hours: SupportHours, first: date, last: date) -> Iterator[Span]:
    if hours.week == ROUND_THE_CLOCK and not hours.exceptions and hours.holidays == frozenset():
        # What it would come to anyway, without walking through a year of days for every question.
        yield datetime.combine(first, time()), datetime.combine(last + timedelta(days=1), time())
        return
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        midnight = datetime.combine(day, time())
        for window in hours.windows_on(day):
            opens, closes = _on_one_line(window)
            yield midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)


def _spans(hours: SupportHours, start: datetime, end: datetime) -> Iterator[Span]:
    """The open spans, in order and joined, that reach at least over `[start, end]`; more on both sides, not clipped.

    Joined on paper first, so that round the clock costs two conversions and not one a day, then again in time: two
    windows may meet only because clocks skipped what lay between them.
    """
    zone = ZoneInfo(hours.zone)
    first = in_utc(start).astimezone(zone).date() - _REACH
    last = in_utc(end).astimezone(zone).date() + _REACH
    on_paper = _joined(_local_spans(hours, first, last))
    return _joined((first_instant(opens, zone), first_instant(closes, zone)) for opens, closes in on_paper)


def _clipped(hours: SupportHours, start: datetime, end: datetime) -> Iterator[Span]:
    """The parts of the open spans that lie in `[start, end)`, both in UTC."""
    clipped = ((max(opens, start), min(closes, end)) for opens, closes in _spans(hours, start, end))
    return ((opens, closes) for opens, closes in clipped if opens < closes)
