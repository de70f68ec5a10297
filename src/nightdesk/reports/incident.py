"""What the report of an incident says, as values: the timeline as the record has it, how long things took, and what was lost.

Pure: no Django, clock or input and output. Instants are aware; what is reckoned by local clocks says by whose.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

STANDS_BY = time(8, 30)
"""The report of what ended before stands by then, by the brand's clocks."""
CLOSE_OF_BUSINESS = time(17, 0)
"""A promise in working days ends at this time of the last of them."""
MINUTE = timedelta(minutes=1)


class Source(StrEnum):
    """Where a line of a timeline comes from. Only TYPED ones have a time that a person gave."""

    ALARM = "alarm"
    RECORD = "record"
    TOLD = "told"
    TYPED = "typed"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a timeline. `key` names it within the report; `who` did it ("" for nobody in particular)."""

    key: str
    at: datetime
    words: str
    who: str
    source: Source


@dataclass(frozen=True, slots=True)
class Times:
    """When what happened, as far as the record knows; None for what did not, or is not known."""

    began_at: datetime
    ended_at: datetime
    alarm_at: datetime | None = None
    answered_at: datetime | None = None
    confirmed_at: datetime | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Spans:
    """How long it took from the alarm (without one, from the beginning) until somebody took it and customers first heard,
    and from the beginning until it was fixed. None for what never was; never negative.
    """

    until_answered: timedelta | None
    until_told: timedelta | None
    until_fixed: timedelta


@dataclass(frozen=True, slots=True)
class Loss:
    """What one subscription went without over [`since`, `until`); `users` are as many people as use it. `again`: it was down
    before, and its users are counted there.
    """

    service: str
    since: datetime
    until: datetime
    users: int = 1
    again: bool = False


def timeline(
    rows: Iterable[Row], *, words: Mapping[str, str], typed: Iterable[Row], hidden: Collection[str] = ()
) -> tuple[Row, ...]:
    """All rows in the order of time: drafted ones in the editor's `words` where there are some, and never at another time;
    without those that are `hidden`. What happened at one instant stays in the order in which it was given, typed rows last.
    """
    drafted = [replace(row, words=words.get(row.key, row.words)) for row in rows if row.key not in hidden]
    return tuple(sorted([*drafted, *typed], key=lambda row: row.at))


def spans(times: Times) -> Spans:
    """How long things took."""
    start = times.alarm_at or times.began_at
    return Spans(
        _since(start, times.answered_at),
        _since(start, times.told_at),
        max(times.ended_at - times.began_at, timedelta(0)),
    )


def user_hours(losses: Iterable[Loss]) -> Decimal:
    """Hours lost, each counted once for everybody who uses what was lost; to a tenth."""
    lost = sum((max(one.until - one.since, timedelta(0)) * one.users for one in losses), timedelta(0))
    return (Decimal(round(lost.total_seconds())) / 3600).quantize(Decimal("0.1"), ROUND_HALF_UP)


def users(losses: Iterable[Loss]) -> int:
    """How many people went without something, as far as is known: those of each subscription once."""
    return sum(one.users for one in losses if not one.again)


def stands_by(ended_at: datetime, zone: str) -> datetime:
    """The next STANDS_BY of the clocks of `zone` after `ended_at`."""
    local = ended_at.astimezone(ZoneInfo(zone))
    for day in (local.date(), local.date() + timedelta(days=1)):
        found = datetime.combine(day, STANDS_BY, tzinfo=ZoneInfo(zone))
        if found > ended_at:
            return found
    raise AssertionError("tomorrow's half past eight is always later")


def within_working_days(ended_at: datetime, days: int, zone: str, holidays: Collection[date]) -> datetime:
    """CLOSE_OF_BUSINESS of the `days`-th working day (Monday to Friday, no holiday) after the day of `ended_at`, by `zone`."""
    day = ended_at.astimezone(ZoneInfo(zone)).date()
    for _each in range(max(days, 1)):
        day += timedelta(days=1)
        while day.weekday() >= 5 or day in holidays:
            day += timedelta(days=1)
    return datetime.combine(day, CLOSE_OF_BUSINESS, tzinfo=ZoneInfo(zone))


def as_stored(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The rows as JSON keeps them."""
    return [
        {"key": row.key, "at": row.at.isoformat(), "words": row.words, "who": row.who, "source": row.source}
        for row in rows
    ]


def from_stored(rows: Iterable[Mapping[str, str]]) -> tuple[Row, ...]:
    """The rows that `as_stored` made. Raises KeyError and ValueError for anything else."""
    return tuple(
        Row(row["key"], datetime.fromisoformat(row["at"]), row["words"], row["who"], Source(row["source"]))
        for row in rows
    )


def said_span(span: timedelta | None) -> str:
    """A span as it is read, "1 h 05 min", "4 min" or "35 s"; "" for None."""
    if span is None:
        return ""
    if span < MINUTE:
        return f"{round(span.total_seconds())} s"
    hours, minutes = divmod(round(span / MINUTE), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _since(start: datetime, at: datetime | None) -> timedelta | None:
    return None if at is None else max(at - start, timedelta(0))
