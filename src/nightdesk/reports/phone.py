"""How a phone line did: answered in time, given up, told of an outage, called back, and how many people it woke.

Calls and call-backs of one line and one period in, figures out. The simulated month is counted by the same functions. In time
is counted for calls that asked for somebody: who heard of an outage first, or that nobody is there for them now, was spoken to at
once and is a figure of their own. Shares are of 1, and None where there is nothing to share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

IN_TIME = timedelta(seconds=12)
"""Within so long of ringing in a caller should have somebody."""

AnsweredBy: TypeAlias = Literal["", "engineer", "bureau", "desk", "recorder"]


@dataclass(frozen=True, slots=True)
class LineCall:
    """One call that has ended, or was answered. `answered_by`: an engineer, else a message taker, else the recorder, else nobody.

    `recorder_at`: the recorder began to speak, where it is known; somebody may have had the call after that.

    `told`: it heard of an outage first, or that nobody is there for it now. `rung`: how many telephones rang for it.
    `out_of_hours`: of the line; `woken`: people whom it then rang, or who were paged for its message.
    """

    came_at: datetime
    answered_at: datetime | None = None
    answered_by: AnsweredBy = ""
    told: Literal["", "outage", "not_covered"] = ""
    abandoned: bool = False
    rung: int = 0
    out_of_hours: bool = False
    woken: int = 0
    recorder_at: datetime | None = None

    @property
    def asked(self) -> bool:
        """It asked for somebody."""
        return not self.told

    @property
    def in_time(self) -> bool:
        """An engineer, a message taker or the recorder had it in time: who only heard the recorder counts as well."""
        return self.answered_in_time or (self.asked and self._in_time(self.recorder_at))

    @property
    def answered_in_time(self) -> bool:
        """Whoever `answered_by` names had it in time, whatever the recorder had said before."""
        return self.asked and self._in_time(self.answered_at)

    def _in_time(self, at: datetime | None) -> bool:
        return at is not None and at - self.came_at <= IN_TIME


@dataclass(frozen=True, slots=True)
class OwedCallBack:
    """A call-back that was promised by `due_at`; `reached_at`: they were; `called_off_at`: nobody needs it any more."""

    due_at: datetime
    reached_at: datetime | None = None
    called_off_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LineFigures:
    """What is counted of a line in a period. `in_time` counts a message taker and the recorder as an answer, `in_time_engineer`
    neither. `told_rang_nobody`: callers who heard of an outage first and for whom no telephone rang. `woken`: by calls out of
    hours, over `nights`; `most_woken`: by one of them.
    """

    calls: int = 0
    asked: int = 0
    answered: int = 0
    in_time: int = 0
    in_time_engineer: int = 0
    abandoned: int = 0
    told_outage: int = 0
    told_rang_nobody: int = 0
    not_covered: int = 0
    call_backs: int = 0
    call_backs_in_time: int = 0
    nights: int = 0
    out_of_hours: int = 0
    woken: int = 0
    most_woken: int = 0

    @property
    def in_time_share(self) -> float | None:
        """Of those who asked for somebody: who had an engineer, a message taker or the recorder in time."""
        return _share(self.in_time, self.asked)

    @property
    def in_time_engineer_share(self) -> float | None:
        """Of those who asked for somebody: who had an engineer in time."""
        return _share(self.in_time_engineer, self.asked)

    @property
    def abandoned_share(self) -> float | None:
        """Of all who rang: who gave up before anybody had them."""
        return _share(self.abandoned, self.calls)

    @property
    def call_backs_share(self) -> float | None:
        """Of the call-backs that were due: those that came in time."""
        return _share(self.call_backs_in_time, self.call_backs)

    @property
    def woken_a_night(self) -> float | None:
        """People woken, by night of the period."""
        return _share(self.woken, self.nights)

    @property
    def woken_a_call(self) -> float | None:
        """People woken, by call out of hours."""
        return _share(self.woken, self.out_of_hours)


@dataclass(frozen=True, slots=True)
class HourFigures:
    """What is counted of one hour of the week, over all weeks of the period. `weekday`: 0 is Monday."""

    weekday: int
    hour: int
    calls: int
    asked: int
    in_time: int


def figures(calls: Iterable[LineCall], owed: Iterable[OwedCallBack], nights: int, at: datetime) -> LineFigures:
    """The figures of these calls and call-backs. A call-back counts once it was made, or is overdue at `at`."""
    rows = list(calls)
    asked = [call for call in rows if call.asked]
    outage = [call for call in rows if call.told == "outage"]
    dark = [call for call in rows if call.out_of_hours]
    due = [one for one in owed if counts(one, at)]
    return LineFigures(
        calls=len(rows),
        asked=len(asked),
        answered=sum(call.answered_at is not None for call in rows),
        in_time=sum(call.in_time for call in asked),
        in_time_engineer=sum(call.answered_in_time and call.answered_by == "engineer" for call in asked),
        abandoned=sum(call.abandoned for call in rows),
        told_outage=len(outage),
        told_rang_nobody=sum(call.rung == 0 for call in outage),
        not_covered=sum(call.told == "not_covered" for call in rows),
        call_backs=len(due),
        call_backs_in_time=sum(kept(one) for one in due),
        nights=nights,
        out_of_hours=len(dark),
        woken=sum(call.woken for call in dark),
        most_woken=max((call.woken for call in dark), default=0),
    )


def by_hour(calls: Iterable[LineCall], zone: ZoneInfo) -> Sequence[HourFigures]:
    """The 168 hours of a week, Monday 00:00 first, by the clocks of `zone`."""
    rang: Counter[tuple[int, int]] = Counter()
    asked: Counter[tuple[int, int]] = Counter()
    in_time: Counter[tuple[int, int]] = Counter()
    for call in calls:
        local = call.came_at.astimezone(zone)
        hour = (local.weekday(), local.hour)
        rang[hour] += 1
        asked[hour] += call.asked
        in_time[hour] += call.in_time
    hours = [(weekday, hour) for weekday in range(7) for hour in range(24)]
    return [HourFigures(*hour, rang[hour], asked[hour], in_time[hour]) for hour in hours]


def counts(one: OwedCallBack, at: datetime) -> bool:
    """Whether it was made, or is overdue at `at`; one that was called off in time does not count."""
    if one.reached_at is not None:
        return True
    return one.due_at < at and (one.called_off_at is None or one.called_off_at > one.due_at)


def kept(one: OwedCallBack) -> bool:
    """Whether they were reached by then."""
    return one.reached_at is not None and one.reached_at <= one.due_at


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
