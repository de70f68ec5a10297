"""The rota that an approach implies, and what the law says to it: who would have to be there when, for seventeen weeks.

On call: the team takes the weeks in turn, beside its work by day; calls come evenly spread, as often as is to be expected. A
shift: crews take up to three turns of the same hours running, then whoever has rested longest. A rota that is made better may
keep rules that this one does not; one that is made worse does not. What somebody else's people work is theirs, and unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from nightdesk.reports import week
from nightdesk.reports.approaches import Approach, Case, on_call_in
from nightdesk.rota import law
from nightdesk.rota.law import Finding, Pack, Severity, Span, Worker
from nightdesk.rota.resolve import instant_of

WEEKS = 17
RUNNING = 3
"""Turns of the same hours that a crew takes one after the other."""
USUAL_WEEK = 40
"""Hours, where those of the contract are not known."""
_HOUR = timedelta(hours=1)


class Group(StrEnum):
    """Whose rota it is."""

    ON_CALL = "on_call"
    SHIFT = "shift"
    THEIRS = "theirs"


class Verdict(StrEnum):
    """What can be said of a rota as a whole, the gravest first."""

    BREAKS = "breaks"
    UNKNOWN = "unknown"
    OWED = "owed"
    """it may be, and rest is owed for it"""
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Held:
    """What the law says to a group of `people`: the gravest finding of each rule, how often there is one, and what is doubtful.

    `doubts` are those of `law.doubts`: why standby may be working time all the same.
    """

    group: Group
    people: int
    findings: tuple[tuple[Finding, int], ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """As a whole; standby that may be working time makes it unknown, as what others work is."""
        found = {finding.severity for finding, _count in self.findings}
        if Severity.BLOCK in found:
            return Verdict.BREAKS
        if self.group is Group.THEIRS or self.doubts or Severity.UNKNOWN in found:
            return Verdict.UNKNOWN
        return Verdict.OWED if Severity.OWED in found else Verdict.KEPT


@dataclass(slots=True)
class _Crew:
    worked_until: datetime | None = None
    slot: int = -1
    running: int = 0
    spans: list[Span] = field(default_factory=list)


def held_against_law(case: Case, kinds: Sequence[str], monday: date, zone: str, pack: Pack) -> list[Held]:
    """The groups that an approach or combination needs, each with what the law says. Empty: nobody has to be there.

    `kinds` as in `Case.weeks`; the rota begins on that Monday.
    """
    used = {Approach(kind) for kind in kinds if kind}
    found = []
    if any(on_call_in(case.inputs, kind) for kind in used):
        found.append(_on_call(case, kinds, monday, zone, pack))
    if Approach.SHIFT in used:
        found.append(_shift(case, kinds, monday, zone, pack))
    if used & {Approach.BUREAU, Approach.OUTSOURCED}:
        found.append(Held(Group.THEIRS, 0))
    return found


def people_on_shift(case: Case, kinds: Sequence[str]) -> int:
    """How many the shift's rota has: as typed, else so many that each keeps to their contract; whole crews."""
    given = case.inputs
    hours = sum(kind == Approach.SHIFT for kind in kinds) * given.shift_people
    away = 1 + float(given.away_percent) / 100
    least = given.shift_rota or math.ceil(hours * away / float(given.weekly_hours or USUAL_WEEK))
    crews = max(least // given.shift_people if given.shift_rota else math.ceil(least / given.shift_people), 1)
    return crews * given.shift_people


def _on_call(case: Case, kinds: Sequence[str], monday: date, zone: str, pack: Pack) -> Held:
    given = case.inputs
    on_call = [bool(kind) and on_call_in(given, Approach(kind)) for kind in kinds]
    duties = list(_duties(on_call, monday, zone))
    by_day = list(_days_worked(case, monday, zone))
    rung = case.rung_for(kinds)
    worker = _worker(case, monday, zone, pack)
    spans: list[list[Span]] = [list(by_day) if given.day_job else [] for _person in range(given.team)]
    for start, end, nth in duties:
        for place in range(1 + given.backup):
            spans[(nth + place) % given.team].append(Span(start, end, counts=False, key="on call"))
    length = timedelta(seconds=given.handling_s)
    for place in range(1 + given.backup):
        for nth, at, calls in _calls([each[place] for each in rung], monday, zone):
            # One after the other; who has more of them than an hour holds works all of it.
            worked = max(length, min(calls * length, _HOUR))
            spans[(nth + place) % given.team].append(Span(at, at + worked, planned=False, key="call"))
    start, end = _edges(monday, zone)
    a_week = math.fsum(first for first, _second in rung)
    a_duty = a_week / max(len(duties) / WEEKS, 1 / WEEKS)
    doubts = law.doubts(
        counts_all=False,
        response_minutes=given.response_minutes or None,
        fixed_place=given.fixed_place,
        pages_a_duty=a_duty,
        worked_a_night=length * a_duty,
    )
    findings = [finding for each in spans for finding in law.check(worker, each, start, end)]
    return Held(Group.ON_CALL, given.team, _gravest(findings), doubts)


def _shift(case: Case, kinds: Sequence[str], monday: date, zone: str, pack: Pack) -> Held:
    given = case.inputs
    people = people_on_shift(case, kinds)
    crews = [_Crew() for _crew in range(people // given.shift_people)]
    for start, end, _nth in _duties([kind == Approach.SHIFT for kind in kinds], monday, zone, given.shift_hours):
        slot = start.astimezone(ZoneInfo(zone)).hour
        crew = _next_crew(crews, slot, start, pack)
        crew.running = crew.running + 1 if crew.slot == slot else 1
        crew.slot, crew.worked_until = slot, end
        crew.spans.append(Span(start, end, key="shift"))
    start, end = _edges(monday, zone)
    worker = _worker(case, monday, zone, pack)
    findings = [finding for crew in crews for finding in law.check(worker, crew.spans, start, end)]
    return Held(Group.SHIFT, people, _gravest(findings))


def _next_crew(crews: Sequence[_Crew], slot: int, start: datetime, pack: Pack) -> _Crew:
    for crew in crews:
        rested = (
            crew.worked_until is not None and timedelta(0) <= start - crew.worked_until - pack.daily_rest < 24 * _HOUR
        )
        if crew.slot == slot and crew.running < RUNNING and rested:
            return crew
    return min(crews, key=lambda crew: (crew.worked_until is not None, crew.worked_until or start))


def _worker(case: Case, monday: date, zone: str, pack: Pack) -> Worker:
    hours = float(case.inputs.weekly_hours)
    return Worker(zone, pack=pack, employed_on=monday, known_since=monday if hours else None, night_assessed_on=monday)


def _gravest(findings: Iterable[Finding]) -> tuple[tuple[Finding, int], ...]:
    """The first finding of each rule and severity, with how many there are, the gravest first."""
    found: dict[tuple[int, law.Rule], list[Finding]] = {}
    order = list(Severity)
    for finding in sorted(findings, key=lambda each: (each.start, each.end)):
        found.setdefault((order.index(finding.severity), finding.rule), []).append(finding)
    return tuple((found[key][0], len(found[key])) for key in sorted(found))


def _duties(
    wanted: Sequence[bool], monday: date, zone: str, longest: int = week.HOURS
) -> Iterator[tuple[datetime, datetime, int]]:
    """Each stretch of wanted hours as instants, in pieces of at most `longest` hours, with the number of the week it begins in.

    Nothing goes on over more than a week: where every hour is wanted the duty changes on Monday at 00:00.
    """
    hour, hours = 0, WEEKS * week.HOURS
    while hour < hours:
        if not wanted[hour % week.HOURS]:
            hour += 1
            continue
        end = hour
        while end < hours and wanted[end % week.HOURS] and end - hour < week.HOURS:
            end += 1
        pieces = math.ceil((end - hour) / longest)
        for piece in range(pieces):
            since, until = (hour + (end - hour) * each // pieces for each in (piece, piece + 1))
            yield _instant(monday, since, zone), _instant(monday, until, zone), since // week.HOURS
        hour = end


def _days_worked(case: Case, monday: date, zone: str) -> Iterator[Span]:
    """What the team works by day: from the beginning of each covered stretch, so long that the week comes to its hours."""
    covered = [hour in case.covered for hour in range(week.HOURS)]
    stretches = list(_duties(covered, monday, zone))
    each = float(case.inputs.weekly_hours or USUAL_WEEK) * WEEKS / max(len(stretches), 1)
    for start, end, _nth in stretches:
        yield Span(start, min(end, start + timedelta(hours=each)), key="by day")


def _calls(rates: Sequence[float], monday: date, zone: str) -> Iterator[tuple[int, datetime, int]]:
    """Calls evenly spread: in the middle of each hour in which their expected number becomes another whole one, and how many.

    First the number of the week whose turn has them: that of the night's evening.
    """
    due = 0.5
    turn = 0
    for hour in range(WEEKS * week.HOURS):
        if hour % week.HOURS == 12:
            turn = hour // week.HOURS
        before, due = due, due + rates[hour % week.HOURS]
        if calls := math.floor(due) - math.floor(before):
            yield turn, _instant(monday, hour, zone) + _HOUR / 2, calls


def _edges(monday: date, zone: str) -> tuple[datetime, datetime]:
    return _instant(monday, 0, zone), _instant(monday, WEEKS * week.HOURS, zone)


def _instant(monday: date, hour: int, zone: str) -> datetime:
    local = datetime.combine(monday, time(0)) + hour * _HOUR
    return instant_of(local, ZoneInfo(zone))
