"""What working-time law and good sense say to somebody's duties. It warns; it is no legal advice.

One checker stands behind drafts of the planner, edits by hand, imports, swaps and re-plans. A rule pack is data: its
figures, what they are averaged over, whether a person may opt out, and where each rule stands. Facts and spans of time
in, findings out.

Everything is reckoned on instants, so that the night on which clocks go back is an hour longer; local dates, nights and
weekends are those of the person's zone. Instants taken must be aware, every interval is half-open `[start, end)`, and dates
that end something are the last day on which it holds, unless a name says otherwise.

What this leaves out: breaks within a day (reg 12), which nobody records, and night work with special hazards.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from zoneinfo import ZoneInfo

from nightdesk.rota.resolve import instant_of

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_FIRST_MONDAY = date(1970, 1, 5)
"""Fortnights are counted from here, so that an answer does not depend on the window asked for."""


class Severity(StrEnum):
    """What a finding asks for, the gravest first."""

    BLOCK = "block"
    """must not be, unless somebody with the right says why, by name"""
    OWED = "owed"
    """may be, and the person is owed rest for it"""
    WARN = "warn"
    UNKNOWN = "unknown"
    """cannot be said, because history is missing; never to be shown as fine"""


class Rule(StrEnum):
    """What is looked at; the value is stored and stands in the API."""

    OVERLAP = "overlap"
    ABSENT = "absent"
    RESTRICTED = "restricted"
    OWN_LIMIT = "own_limit"
    SKILL = "skill"
    YOUNG_NIGHT = "young_night"
    YOUNG_HOURS = "young_hours"
    WEEK_AVERAGE = "week_average"
    NIGHT_AVERAGE = "night_average"
    DAILY_REST = "daily_rest"
    WEEKLY_REST = "weekly_rest"
    NIGHTS_RUNNING = "nights_running"
    LONG_DUTY = "long_duty"
    BACKWARD = "backward"
    RECOVERY = "recovery"
    ASSESSMENT = "assessment"
    OPT_OUT_ENDS = "opt_out_ends"


@dataclass(frozen=True, slots=True)
class Pack:
    """The figures of one body of law. `sources` says for each rule where it stands; a rule without one is advice."""

    key: str
    name: str
    daily_rest: timedelta
    weekly_rest: timedelta
    """Once in 7 days, or twice in 14; the daily rest is in it."""
    fortnight_rest: timedelta
    """Or this once in 14 days; the daily rest is in it."""
    week_hours: float
    reference_weeks: int
    longest_reference_weeks: int
    """By an agreement with the workforce."""
    opt_out: bool
    opt_out_notice: timedelta
    night: tuple[time, time]
    night_share: timedelta
    """Who works so much of it on a day has worked that night."""
    night_hours: float
    """The average of a night worker for each day that is no weekly rest."""
    rest_owed_within: timedelta
    young_daily_rest: timedelta
    young_day_hours: float
    young_week_hours: float
    young_night: tuple[time, time]
    records_kept: timedelta
    day_record: bool
    """Whether the law wants each day's hours of each person on record."""
    sources: Mapping[Rule, str] = field(default_factory=dict)


GB = Pack(
    key="GB",
    name="Great Britain, Working Time Regulations 1998",
    daily_rest=timedelta(hours=11),
    weekly_rest=timedelta(hours=24 + 11),
    fortnight_rest=timedelta(hours=48 + 11),
    week_hours=48,
    reference_weeks=17,
    longest_reference_weeks=52,
    opt_out=True,
    opt_out_notice=timedelta(days=7),
    night=(time(23), time(6)),
    night_share=timedelta(hours=3),
    night_hours=8,
    rest_owed_within=timedelta(days=14),
    young_daily_rest=timedelta(hours=12),
    young_day_hours=8,
    young_week_hours=40,
    young_night=(time(22), time(6)),
    records_kept=timedelta(days=731),
    day_record=False,
    sources=MappingProxyType(
        {
            Rule.WEEK_AVERAGE: "SI 1998/1833, regulations 4 and 5",
            Rule.NIGHT_AVERAGE: "SI 1998/1833, regulation 6",
            Rule.ASSESSMENT: "SI 1998/1833, regulation 7",
            Rule.DAILY_REST: "SI 1998/1833, regulations 10 and 24",
            Rule.WEEKLY_REST: "SI 1998/1833, regulations 11 and 24",
            Rule.YOUNG_HOURS: "SI 1998/1833, regulation 5A",
            Rule.YOUNG_NIGHT: "SI 1998/1833, regulation 6A",
        }
    ),
)

EU = Pack(
    key="EU",
    name="European Union, Directive 2003/88/EC",
    daily_rest=timedelta(hours=11),
    weekly_rest=timedelta(hours=24 + 11),
    fortnight_rest=timedelta(hours=48 + 11),
    week_hours=48,
    reference_weeks=17,
    longest_reference_weeks=52,
    opt_out=False,
    opt_out_notice=timedelta(days=7),
    night=(time(23), time(6)),
    night_share=timedelta(hours=3),
    night_hours=8,
    # Jaeger: it must follow at once. A day leaves room for the turn to be covered.
    rest_owed_within=timedelta(days=1),
    young_daily_rest=timedelta(hours=12),
    young_day_hours=8,
    young_week_hours=40,
    young_night=(time(22), time(6)),
    records_kept=timedelta(days=731),
    day_record=True,
    sources=MappingProxyType(
        {
            Rule.WEEK_AVERAGE: "Directive 2003/88/EC, articles 6, 16 and 22",
            Rule.NIGHT_AVERAGE: "Directive 2003/88/EC, article 8",
            Rule.ASSESSMENT: "Directive 2003/88/EC, article 9",
            Rule.DAILY_REST: "Directive 2003/88/EC, article 3; Jaeger, C-151/02",
            Rule.WEEKLY_REST: "Directive 2003/88/EC, articles 5 and 16",
            Rule.YOUNG_HOURS: "Directive 94/33/EC, article 8",
            Rule.YOUNG_NIGHT: "Directive 94/33/EC, article 9",
        }
    ),
)

PACKS: Mapping[str, Pack] = MappingProxyType({pack.key: pack for pack in (GB, EU)})

REFERENCE_WEEKS = (17, 26, 52)
"""What the 48 hours may be averaged over: the rule, regulation 21 workers, an agreement with the workforce."""

MOST_NIGHTS_RUNNING = 3
LONGEST_DUTY = timedelta(hours=12)
NIGHTS_TO_RECOVER = 2
"""HSE HSG256: advice, no law."""
BACKWARD_BY = timedelta(hours=2)
"""A duty that begins so much earlier in the day than the last, on the next day, turns the clock backward."""
ASSESSED_WITHIN = timedelta(days=365)
OPT_OUT_WARNING = timedelta(days=28)
NIGHT_WEEKS_SHARE = 1 / 3
"""Nights in one week of three are worked "as a normal course"."""


@dataclass(frozen=True, slots=True)
class Away:
    """Not there over `[start, end)`. `excluded`: leave and sickness, which regulation 4(6) makes up for."""

    start: datetime
    end: datetime
    excluded: bool = True


class Cannot(StrEnum):
    """What a person cannot do for a while."""

    NO_NIGHTS = "no_nights"
    NO_WEEKENDS = "no_weekends"
    NO_SITE_VISITS = "no_site_visits"
    NO_DUTY = "no_duty"


@dataclass(frozen=True, slots=True)
class Limit:
    """What somebody cannot do from `starts_on` to `ends_on`, both days in it; None: until further notice."""

    cannot: Cannot
    starts_on: date
    ends_on: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it holds on that local date."""
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True)
class Worker:
    """What must be known of one person.

    `known_since` is the first day from which every hour that they worked is among the spans; None: nothing is known.
    `employed_on`: whoever began later than the reference period is averaged from then. `weekly_hours` are those of the
    contract: in a week whose duties come to less, the rest counts as worked on Monday to Friday. `opted_out` is the first
    and the last day of a written opt-out (None: no end). `young_until` is the first day of being 18. `modified_nights`: an
    agreement, or regulation 21, takes the limit of night work away. `skills` are levels by key.
    """

    zone: str
    pack: Pack = GB
    employed_on: date | None = None
    known_since: date | None = None
    reference_weeks: int = 17
    weekly_hours: float = 0
    opted_out: tuple[date, date | None] | None = None
    young_until: date | None = None
    night_assessed_on: date | None = None
    modified_nights: bool = False
    most_nights_a_month: int | None = None
    away: tuple[Away, ...] = ()
    limits: tuple[Limit, ...] = ()
    skills: Mapping[str, int] = field(default_factory=dict)

    def opted_out_on(self, day: date) -> bool:
        """Whether a written opt-out holds on that day, where the pack allows one."""
        if self.opted_out is None or not self.pack.opt_out:
            return False
        first, last = self.opted_out
        return first <= day and (last is None or day <= last)


@dataclass(frozen=True, slots=True)
class Span:
    """Time of one person: a duty that is or was planned, or work that was not (`planned` False: a page, a call).

    `counts`: all of it is working time. A duty that does not is standby: it can be in nobody's leave and beside no other
    duty, and breaks no rest. `said` is False where nobody has decided how it counts: it is then taken to count, but an
    average that only it brings over the limit is unknown, and no block. `key` says what it is, for who reads the finding;
    a seat's key. `place` is what is planned together: two duties at once in one place block, in two of them only where
    it is said of both how they count. `needs` are the skills, with the least level, without which nobody may have it.
    """

    start: datetime
    end: datetime
    counts: bool = True
    planned: bool = True
    said: bool = True
    key: str = ""
    needs: tuple[tuple[str, int], ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found about `[start, end)`. `is_so` and `should_be` are minutes, nights or days, as the rule counts.

    `owed` is rest to be given in place of working time, by `owed_by`; both only where the severity is OWED. `what` is the
    restriction, the skill or the key of the other duty, `key` that of the duty.
    """

    rule: Rule
    severity: Severity
    start: datetime
    end: datetime
    key: str = ""
    is_so: int = 0
    should_be: int = 0
    owed: timedelta = timedelta(0)
    owed_by: datetime | None = None
    what: str = ""
    source: str = ""


def check(worker: Worker, spans: Iterable[Span], start: datetime, end: datetime) -> list[Finding]:
    """What there is to say of somebody's duties in `[start, end)`, in the order of time.

    `spans` are all of theirs, history included: as far back as the reference period for the averages. Only findings that
    touch a planned span in the window are given. None means that the rules are kept, as far as `worker.known_since` lets
    it be said; where it does not, a finding of severity UNKNOWN stands for each average. Raises ValueError for spans or
    windows that end before they begin.
    """
    if end < start:
        raise ValueError(f"A check from {start} until {end} was asked for; the end must not be before the start.")
    time_ = _Time(worker, spans, start, end)
    if not time_.judged:
        return []
    found: list[Finding] = []
    for rule in _RULES:
        found.extend(rule(worker, time_))
    return sorted(found, key=lambda finding: (finding.start, finding.end, finding.rule, finding.key))


def new_findings(before: Iterable[Finding], after: Iterable[Finding]) -> list[Finding]:
    """Those of `after` that a change brought: what was so before is not held against it, unless it became worse."""
    was: dict[tuple[Rule, Severity, str, str], list[Finding]] = {}
    for finding in before:
        was.setdefault((finding.rule, finding.severity, finding.key, finding.what), []).append(finding)

    def is_old(finding: Finding) -> bool:
        return any(
            old.start < finding.end and finding.start < old.end and not _is_worse(finding, old)
            for old in was.get((finding.rule, finding.severity, finding.key, finding.what), ())
        )

    return [finding for finding in after if not is_old(finding)]


def earliest_start(worked_until: datetime, pack: Pack) -> datetime:
    """When somebody may begin who worked until then: their rest starts again with the end of the last call."""
    return worked_until + pack.daily_rest


def doubts(
    *,
    counts_all: bool,
    response_minutes: int | None,
    fixed_place: bool,
    pages_a_duty: float | None = None,
    worked_a_night: timedelta | None = None,
) -> tuple[str, ...]:
    """Why a duty whose standby is not counted may be working time all the same; empty: no reason is known.

    The reasons are "response" (under 15 minutes; Matzak, C-518/15), "place" (a place is prescribed; Matzak), and "pages" and
    "work" (called often, or for long; D.J. v Radiotelevizija Slovenija, C-344/19): over one page a duty, over an hour's work a
    night on average. None: not known, and no reason.
    """
    if counts_all:
        return ()
    asked = {
        "response": response_minutes is not None and response_minutes < SHORT_RESPONSE_MINUTES,
        "place": fixed_place,
        "pages": pages_a_duty is not None and pages_a_duty > 1,
        "work": worked_a_night is not None and worked_a_night > _HOUR,
    }
    return tuple(reason for reason, holds in asked.items() if holds)


SHORT_RESPONSE_MINUTES = 15


def nights_of(start: datetime, end: datetime, worker: Worker) -> list[date]:
    """The local dates on whose evenings a night began that `[start, end)` has its share of."""
    return [
        day for day, much in _in_nights(start, end, worker.zone, worker.pack.night) if much >= worker.pack.night_share
    ]


def night_minutes(start: datetime, end: datetime, worker: Worker) -> int:
    """How many minutes of `[start, end)` are night time."""
    return sum(
        int(much / timedelta(minutes=1)) for _day, much in _in_nights(start, end, worker.zone, worker.pack.night)
    )


# --- One person's time ------------------------------------------------------------------------------------------------


class _Time:
    """One person's spans, sorted and joined once for all rules."""

    def __init__(self, worker: Worker, spans: Iterable[Span], start: datetime, end: datetime) -> None:
        self._worker = worker
        self.spans = sorted((_as_utc(span) for span in spans), key=lambda span: (span.start, span.end, span.key))
        self.start, self.end = start.astimezone(UTC), end.astimezone(UTC)
        self.zone = ZoneInfo(worker.zone)
        self.planned = [span for span in self.spans if span.planned]
        self.judged = [span for span in self.planned if span.start < self.end and span.end > self.start]
        self.duties = _joined((span.start, span.end) for span in self.planned if span.counts)
        """What was planned to be working time."""
        self.calls = _without(_joined((span.start, span.end) for span in self.spans if not span.planned), self.duties)
        """Work beside that."""
        self.worked = _joined([*self.duties, *self.calls])

    def said(self) -> _Time:
        """The same time without the duties of which nobody has said how they count; the days judged stay."""
        only = _Time(self._worker, [span for span in self.spans if span.said], self.start, self.end)
        only.judged = self.judged
        return only

    def touches(self, start: datetime, end: datetime) -> bool:
        """Whether one of the judged spans is in `[start, end)`."""
        return any(span.start < end and span.end > start for span in self.judged)

    def key_at(self, at: datetime) -> str:
        """What is planned at `at`."""
        return next((span.key for span in self.planned if span.start <= at < span.end), "")

    def local(self, at: datetime) -> datetime:
        """What their clocks show."""
        return at.astimezone(self.zone)

    def midnight(self, day: date) -> datetime:
        """The instant at which the local date begins."""
        return instant_of(datetime.combine(day, time(0)), self.zone)

    def days(self) -> tuple[date, date]:
        """The first and the last local date of what is judged."""
        first = min(span.start for span in self.judged)
        last = max(span.end for span in self.judged)
        return self.local(first).date(), self.local(last - timedelta.resolution).date()


def _as_utc(span: Span) -> Span:
    if span.start.tzinfo is None or span.end.tzinfo is None or span.end <= span.start:
        raise ValueError(f"A span from {span.start} until {span.end} was given; give aware instants, the end later.")
    return replace(span, start=span.start.astimezone(UTC), end=span.end.astimezone(UTC))


def _joined(intervals: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same time without overlaps, in order; what meets is one."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _without(
    intervals: Iterable[tuple[datetime, datetime]], others: Sequence[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """What of the intervals lies in none of the others; both are joined."""
    found: list[tuple[datetime, datetime]] = []
    for begin, end in intervals:
        start = begin
        for other_start, other_end in others:
            if other_end <= start or other_start >= end:
                continue
            if start < other_start:
                found.append((start, other_start))
            start = max(start, other_end)
        if start < end:
            found.append((start, end))
    return found


def _in_nights(start: datetime, end: datetime, zone: str, night: tuple[time, time]) -> Iterator[tuple[date, timedelta]]:
    """Each night that the interval reaches into, by the local date on which it began, and how much of it."""
    local = ZoneInfo(zone)
    day = start.astimezone(local).date() - _DAY
    while True:
        opens = instant_of(datetime.combine(day, night[0]), local)
        closes = instant_of(datetime.combine(day + _DAY, night[1]), local)
        if opens >= end:
            return
        if (much := min(end, closes) - max(start, opens)) > timedelta(0):
            yield day, much
        day += _DAY


def _minutes(length: timedelta) -> int:
    return round(length / timedelta(minutes=1))


def _is_worse(finding: Finding, old: Finding) -> bool:
    return finding.owed > old.owed or abs(finding.is_so - finding.should_be) > abs(old.is_so - old.should_be)


def _of_span(rule: Rule, severity: Severity, span: Span, worker: Worker, what: str = "") -> Finding:
    return Finding(rule, severity, span.start, span.end, span.key, what=what, source=worker.pack.sources.get(rule, ""))


# --- What blocks a single duty ----------------------------------------------------------------------------------------


def _check_overlaps(worker: Worker, time_: _Time) -> Iterator[Finding]:  # noqa: ARG001 - the table's shape
    for number, span in enumerate(time_.planned):
        for other in time_.planned[number + 1 :]:
            if other.start >= span.end:
                break
            start, end = other.start, min(span.end, other.end)
            if time_.start < end and start < time_.end:
                surely = span.place == other.place or (span.said and other.said)
                severity = Severity.BLOCK if surely else Severity.WARN
                yield Finding(Rule.OVERLAP, severity, start, end, span.key, what=other.key)


def _check_absences(worker: Worker, time_: _Time) -> Iterator[Finding]:
    for span in time_.judged:
        for away in worker.away:
            start, end = max(span.start, away.start), min(span.end, away.end)
            if start < end:
                yield Finding(Rule.ABSENT, Severity.BLOCK, start.astimezone(UTC), end.astimezone(UTC), span.key)


def _check_limits(worker: Worker, time_: _Time) -> Iterator[Finding]:
    for span in time_.judged:
        days = list(_days(time_.local(span.start).date(), time_.local(span.end - timedelta.resolution).date()))
        nights = [day for day, _much in _in_nights(span.start, span.end, worker.zone, worker.pack.night)]
        asked = {
            Cannot.NO_DUTY: days,
            Cannot.NO_WEEKENDS: [day for day in days if day.weekday() >= 5],
            Cannot.NO_NIGHTS: nights,
        }
        for limit in worker.limits:
            if any(limit.holds_on(day) for day in asked.get(limit.cannot, ())):
                yield _of_span(Rule.RESTRICTED, Severity.BLOCK, span, worker, limit.cannot)


def _check_own_limit(worker: Worker, time_: _Time) -> Iterator[Finding]:
    most = worker.most_nights_a_month
    if most is None:
        return
    nights: dict[tuple[int, int], set[date]] = {}
    for span in time_.planned:
        for night in nights_of(span.start, span.end, worker):
            nights.setdefault((night.year, night.month), set()).add(night)
    for of_month in nights.values():
        start, end = time_.midnight(min(of_month)), time_.midnight(max(of_month) + 2 * _DAY)
        if len(of_month) > most and time_.touches(start, end):
            yield Finding(Rule.OWN_LIMIT, Severity.BLOCK, start, end, is_so=len(of_month), should_be=most)


def _check_skills(worker: Worker, time_: _Time) -> Iterator[Finding]:
    for span in time_.judged:
        for skill, level in span.needs:
            if worker.skills.get(skill, 0) < level:
                yield Finding(
                    Rule.SKILL,
                    Severity.BLOCK,
                    span.start,
                    span.end,
                    span.key,
                    is_so=worker.skills.get(skill, 0),
                    should_be=level,
                    what=skill,
                )


def _check_young(worker: Worker, time_: _Time) -> Iterator[Finding]:
    until, pack = worker.young_until, worker.pack
    if until is None:
        return
    for span in time_.judged:
        nights = _in_nights(span.start, span.end, worker.zone, pack.young_night)
        if any(day < until for day, _much in nights):
            yield _of_span(Rule.YOUNG_NIGHT, Severity.BLOCK, span, worker)
    days = _hours_by_day(time_.worked, time_)
    weeks: dict[date, timedelta] = {}
    for day, hours in days.items():
        if day < until:
            weeks[_monday(day)] = weeks.get(_monday(day), timedelta(0)) + hours
    lengths = [(day, day + _DAY, hours, pack.young_day_hours) for day, hours in days.items() if day < until]
    lengths += [(monday, monday + _WEEK, hours, pack.young_week_hours) for monday, hours in weeks.items()]
    for first, after, hours, most in lengths:
        start, end = time_.midnight(first), time_.midnight(after)
        if hours > most * _HOUR and time_.touches(start, end):
            yield Finding(
                Rule.YOUNG_HOURS,
                Severity.BLOCK,
                start,
                end,
                is_so=_minutes(hours),
                should_be=_minutes(most * _HOUR),
                source=pack.sources.get(Rule.YOUNG_HOURS, ""),
            )


# --- Rest -------------------------------------------------------------------------------------------------------------


def _check_daily_rest(worker: Worker, time_: _Time) -> Iterator[Finding]:
    """Eleven hours in each 24 before a planned start.

    A call interrupts the rest, which then starts again; the shortfall shows at the next duty. What is planned within
    13 hours of the day's first start is the same working day, with a break in it.
    """
    pack = worker.pack
    day_start: datetime | None = None
    worked_until: datetime | None = None
    for start, end, is_duty in sorted(
        [*((start, end, True) for start, end in time_.duties), *((start, end, False) for start, end in time_.calls)]
    ):
        is_young = worker.young_until is not None and time_.local(start).date() < worker.young_until
        rest = pack.young_daily_rest if is_young else pack.daily_rest
        longest_day = _DAY - rest
        had = None if worked_until is None else start - worked_until
        if had is None or had >= rest:
            day_start, short = None, timedelta(0)
        else:
            short = rest - had
        if is_duty:
            if short and day_start is not None and end - day_start <= longest_day:
                short = timedelta(0)
            else:
                day_start = start
            if short and worked_until is not None and time_.touches(start, end):
                yield _owed(Rule.DAILY_REST, worked_until, start, had, rest, short, time_.key_at(start), worker)
            if (over := end - start - longest_day) > timedelta(0) and time_.touches(start, end):
                over = min(over, rest)
                yield _owed(Rule.DAILY_REST, start, end, rest - over, rest, over, time_.key_at(start), worker)
        worked_until = end if worked_until is None else max(worked_until, end)


def _check_weekly_rest(worker: Worker, time_: _Time) -> Iterator[Finding]:
    """In each fortnight two rests of 35 hours, or one of 59; fortnights begin on a Monday at 00:00 local time."""
    pack = worker.pack
    first, last = time_.days()
    monday = _FIRST_MONDAY + ((first - _FIRST_MONDAY) // (2 * _WEEK)) * 2 * _WEEK
    for fortnight in _days(monday, last, 2 * _WEEK):
        start, end = time_.midnight(fortnight), time_.midnight(fortnight + 2 * _WEEK)
        if not time_.touches(start, end):
            continue
        free = sorted((until - since for since, until in _without([(start, end)], time_.worked)), reverse=True)
        rests = sum(length // pack.weekly_rest for length in free)
        longest, second = [*free, timedelta(0), timedelta(0)][:2]
        if rests >= 2 or longest >= pack.fortnight_rest:
            continue
        short = min(
            max(pack.weekly_rest - longest, timedelta(0)) + max(pack.weekly_rest - second, timedelta(0)),
            pack.fortnight_rest - longest,
        )
        yield _owed(Rule.WEEKLY_REST, start, end, longest, pack.fortnight_rest, short, "", worker)


def _owed(
    rule: Rule,
    start: datetime,
    end: datetime,
    had: timedelta | None,
    should_be: timedelta,
    short: timedelta,
    key: str,
    worker: Worker,
) -> Finding:
    return Finding(
        rule,
        Severity.OWED,
        start,
        end,
        key,
        is_so=_minutes(had or timedelta(0)),
        should_be=_minutes(should_be),
        owed=short,
        owed_by=end + worker.pack.rest_owed_within,
        source=worker.pack.sources.get(rule, ""),
    )


# --- Averages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Average:
    """Hours a week over the reference period whose last day is `last`; None while that cannot be said.

    `at_least` is what the known hours alone come to, `known_weeks` of the `weeks`.
    """

    first: date
    last: date
    weeks: float
    known_weeks: float
    hours: float | None
    at_least: float


def week_averages(worker: Worker, spans: Iterable[Span], first: date, last: date) -> list[Average]:
    """The weekly average as of each local date from `first` to `last`, as regulation 4(6) has it: (A + B) / C.

    A are the hours in the period, less those of an opt-out; B those right after it, on as many worked days as there were
    working days of leave, sickness or opt-out in it; C its weeks. Where the days after it are not known yet, days like
    those in it are taken.
    """
    start = datetime.combine(first, time(0), ZoneInfo(worker.zone))
    return _averages(worker, _Time(worker, spans, start, start), first, last)


def _averages(worker: Worker, time_: _Time, first: date, last: date) -> list[Average]:
    weeks = max(worker.reference_weeks, 1)
    begins = first - weeks * _WEEK
    hours = _contract_filled(worker, time_, begins, last)
    excluded = {
        day
        for day in _days(begins, last)
        if day.weekday() < 5 and (_is_away(worker, time_, day) or worker.opted_out_on(day))
    }
    left_out = {day for day in hours if worker.opted_out_on(day)}
    worked_days = sorted(day for day, length in hours.items() if length and day not in left_out)
    found = []
    for end in _days(first, last):
        period = end - weeks * _WEEK + _DAY
        if worker.employed_on is not None and worker.employed_on > period:
            period = worker.employed_on
        length = max((end - period + _DAY) / _WEEK, 1.0)
        known_from = worker.known_since
        is_known = known_from is not None and known_from <= period
        known = 0.0 if known_from is None else max((end - max(known_from, period) + _DAY) / _WEEK, 0.0)
        within = worked_days[bisect_left(worked_days, period) : bisect_left(worked_days, end + _DAY)]
        a = sum((hours[day] for day in within), timedelta(0))
        away = sum(1 for day in excluded if period <= day <= end)
        after = worked_days[bisect_left(worked_days, end + _DAY) :][:away]
        b = sum((hours[day] for day in after), timedelta(0))
        if within and len(after) < away:
            b += a / len(within) * (away - len(after))
        found.append(
            Average(
                first=period,
                last=end,
                weeks=length,
                known_weeks=min(known, length),
                hours=(a + b) / _HOUR / length if is_known else None,
                at_least=a / _HOUR / length,
            )
        )
    return found


def _check_week_average(worker: Worker, time_: _Time) -> Iterator[Finding]:
    most = worker.pack.week_hours
    averages = _limited_averages(worker, time_)
    if not averages:
        return
    worst = max(averages, key=_hours_known)
    if _hours_known(worst) > most:
        # What counts only because nobody has said how it does can block nothing.
        sure = max((_hours_known(each) for each in _limited_averages(worker, time_.said())), default=0.0)
        severity = Severity.BLOCK if sure > most else Severity.UNKNOWN
        yield _averaged(Rule.WEEK_AVERAGE, severity, worst, _hours_known(worst), most, worker, time_)
    elif unknown := next((each for each in reversed(averages) if each.hours is None), None):
        yield _averaged(Rule.WEEK_AVERAGE, Severity.UNKNOWN, unknown, unknown.at_least, most, worker, time_)


def _limited_averages(worker: Worker, time_: _Time) -> list[Average]:
    """The averages as of each day that is judged and on which the limit holds for this person."""
    return [
        each
        for each in _averages(worker, time_, *time_.days())
        if not worker.opted_out_on(each.last) and not _is_young(worker, each.last)
    ]


def _hours_known(average: Average) -> float:
    return average.at_least if average.hours is None else average.hours


def _check_night_average(worker: Worker, time_: _Time) -> Iterator[Finding]:
    """Whether a night worker keeps to 8 hours a day that is no weekly rest, and is assessed."""
    judged_nights = [night for span in time_.judged if span.counts for night in nights_of(span.start, span.end, worker)]
    if not judged_nights:
        return
    _first, last = time_.days()
    weeks = max(worker.reference_weeks, 1)
    first = last - weeks * _WEEK + _DAY
    if worker.employed_on is not None and worker.employed_on > first:
        first = worker.employed_on
        weeks = max(-(-(last - first + _DAY) // _WEEK), 1)
    nights = {night for start, end in time_.worked for night in nights_of(start, end, worker) if first <= night <= last}
    if len({_monday(night) for night in nights}) < weeks * NIGHT_WEEKS_SHARE:
        if worker.known_since is None or worker.known_since > first:
            unknown = Average(first, last, weeks, 0, None, 0)
            yield _averaged(Rule.NIGHT_AVERAGE, Severity.UNKNOWN, unknown, 0, worker.pack.night_hours, worker, time_)
        return
    hours = _contract_filled(worker, time_, first, last)
    total = sum((length for day, length in hours.items() if first <= day <= last), timedelta(0)) / _HOUR
    average = Average(first, last, weeks, weeks, None, total / ((last - first + _DAY).days - weeks))
    if average.at_least > worker.pack.night_hours and not worker.modified_nights:
        most = worker.pack.night_hours
        severity = Severity.BLOCK if all(span.said for span in time_.judged) else Severity.UNKNOWN
        yield _averaged(Rule.NIGHT_AVERAGE, severity, average, average.at_least, most, worker, time_)
    assessed = worker.night_assessed_on
    if assessed is None or assessed + ASSESSED_WITHIN < max(judged_nights):
        yield Finding(
            Rule.ASSESSMENT,
            Severity.WARN,
            time_.midnight(min(judged_nights)),
            time_.midnight(max(judged_nights) + _DAY),
            source=worker.pack.sources.get(Rule.ASSESSMENT, ""),
        )


def _averaged(
    rule: Rule, severity: Severity, of: Average, is_so: float, most: float, worker: Worker, time_: _Time
) -> Finding:
    return Finding(
        rule,
        severity,
        time_.midnight(of.first),
        time_.midnight(of.last + _DAY),
        is_so=_minutes(is_so * _HOUR),
        should_be=_minutes(most * _HOUR),
        what=f"{int(of.known_weeks)}/{of.weeks:.0f}" if severity is Severity.UNKNOWN else "",
        source=worker.pack.sources.get(rule, ""),
    )


def _check_opt_out(worker: Worker, time_: _Time) -> Iterator[Finding]:
    if worker.opted_out is None or worker.opted_out[1] is None or not worker.pack.opt_out:
        return
    ends_on = worker.opted_out[1]
    first, last = time_.days()
    if first <= ends_on and last + OPT_OUT_WARNING >= ends_on:
        start = time_.midnight(ends_on)
        yield Finding(Rule.OPT_OUT_ENDS, Severity.WARN, start, time_.midnight(ends_on + _DAY))


def _is_young(worker: Worker, day: date) -> bool:
    return worker.young_until is not None and day < worker.young_until


def _is_away(worker: Worker, time_: _Time, day: date) -> bool:
    noon = instant_of(datetime.combine(day, time(12)), time_.zone)
    return any(away.excluded and away.start <= noon < away.end for away in worker.away)


def _hours_by_day(worked: Iterable[tuple[datetime, datetime]], time_: _Time) -> dict[date, timedelta]:
    """How long was or will be worked on each local date on which something is."""
    found: dict[date, timedelta] = {}
    for start, end in worked:
        for day in _days(time_.local(start).date(), time_.local(end - timedelta.resolution).date()):
            much = min(end, time_.midnight(day + _DAY)) - max(start, time_.midnight(day))
            if much > timedelta(0):
                found[day] = found.get(day, timedelta(0)) + much
    return found


def _contract_filled(worker: Worker, time_: _Time, first: date, last: date) -> dict[date, timedelta]:
    """Hours by day, with those of the contract that no duty stands for."""
    days = _hours_by_day(time_.worked, time_)
    if not worker.weekly_hours:
        return days
    planned = _hours_by_day(time_.duties, time_)
    # Of the time before, nothing is known: it is not made up.
    known_from = (
        worker.known_since or time_.local(min((span.start for span in time_.spans), default=time_.start)).date()
    )
    for monday in _days(_monday(max(first, known_from)), last, _WEEK):
        week = [monday + number * _DAY for number in range(7)]
        due = [
            day
            for day in week[:5]
            if day >= known_from
            and not _is_away(worker, time_, day)
            and (worker.employed_on is None or worker.employed_on <= day)
        ]
        has = sum((planned.get(day, timedelta(0)) for day in week), timedelta(0))
        missing = worker.weekly_hours * _HOUR * len(due) / 5 - has
        if due and missing > timedelta(0):
            for day in due:
                days[day] = days.get(day, timedelta(0)) + missing / len(due)
    return days


# --- Advice -----------------------------------------------------------------------------------------------------------


def _check_advice(worker: Worker, time_: _Time) -> Iterator[Finding]:
    duties = [
        (start, end, nights_of(start, end, worker))
        for start, end in _joined((span.start, span.end) for span in time_.planned if span.counts)
    ]
    for start, end, _nights in duties:
        if end - start > LONGEST_DUTY and time_.touches(start, end):
            yield _advice(
                Rule.LONG_DUTY, start, end, _minutes(end - start), _minutes(LONGEST_DUTY), time_.key_at(start)
            )
    nights = sorted({night for _start, _end, of in duties for night in of})
    for run in _runs(nights):
        start, end = time_.midnight(run[0]), time_.midnight(run[-1] + 2 * _DAY)
        if len(run) > MOST_NIGHTS_RUNNING and time_.touches(start, end):
            yield _advice(Rule.NIGHTS_RUNNING, start, end, len(run), MOST_NIGHTS_RUNNING)
    for (start, end, before), (next_start, next_end, after) in pairwise(duties):
        if not time_.touches(next_start, next_end):
            continue
        key = time_.key_at(next_start)
        days = time_.local(next_start).date() - time_.local(start).date()
        if days == _DAY and next_start - start < _DAY - BACKWARD_BY:
            yield _advice(Rule.BACKWARD, end, next_start, _minutes(next_start - start), _minutes(_DAY), key)
        if before and not after:
            slept = sum(
                1
                for day in _days(time_.local(end).date(), time_.local(next_start).date())
                if _night_is_free(day, end, next_start, worker)
            )
            if slept < NIGHTS_TO_RECOVER:
                yield _advice(Rule.RECOVERY, end, next_start, slept, NIGHTS_TO_RECOVER, key)


def _advice(rule: Rule, start: datetime, end: datetime, is_so: int, should_be: int, key: str = "") -> Finding:
    return Finding(rule, Severity.WARN, start, end, key, is_so=is_so, should_be=should_be)


def _night_is_free(day: date, since: datetime, until: datetime, worker: Worker) -> bool:
    zone = ZoneInfo(worker.zone)
    opens = instant_of(datetime.combine(day, worker.pack.night[0]), zone)
    closes = instant_of(datetime.combine(day + _DAY, worker.pack.night[1]), zone)
    return since <= opens and closes <= until


def _runs(days: Sequence[date]) -> Iterator[list[date]]:
    """Dates that follow on each other, together."""
    run: list[date] = []
    for day in days:
        if run and day != run[-1] + _DAY:
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _days(first: date, last: date, step: timedelta = _DAY) -> Iterator[date]:
    """Each date from `first` to `last`, both in it."""
    day = first
    while day <= last:
        yield day
        day += step


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY


_RULES: tuple[Callable[[Worker, _Time], Iterator[Finding]], ...] = (
    _check_overlaps,
    _check_absences,
    _check_limits,
    _check_own_limit,
    _check_skills,
    _check_young,
    _check_daily_rest,
    _check_weekly_rest,
    _check_week_average,
    _check_night_average,
    _check_advice,
    _check_opt_out,
)
