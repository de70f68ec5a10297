"""How support hours and contracts lie in their rows, and what those rows mean.

| column | as stored |
| --- | --- |
| week | seven lists (Monday first) of `["HH:MM", "HH:MM"]` |
| exceptions | `{"2026-12-24": [["09:00", "12:00"]]}`; an empty list is a day closed |
| targets | `{"P1": {"respond": "PT30M", "fix": "PT4H", "clock": "open"}}`; clock "open" or "wall", each part may be missing |
| may_wake | `["P1", "P2"]` |

A closing time at or before the opening time is on the next day, and "24:00" is the end of this one. Durations are ISO 8601
of hours and minutes: a day is refused, since it may be meant as 24 hours or as a working day.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from nightdesk.base.refusals import Invalid
from nightdesk.customers.hours import BadHours, BankHolidays, SupportHours, Week, Windows, format_window, parse_window
from nightdesk.customers.priority import MAY_EVER_WAKE, Priority
from nightdesk.customers.promised import Clock, Target

Targets = Mapping[Priority, Target]

_DURATION = re.compile(r"PT(?=\d)(?:(\d{1,4})H)?(?:(\d{1,5})M)?")
_CLOCKS = {"open": Clock.COVERED_TIME, "wall": Clock.EVERY_MINUTE}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class BadTargets(Invalid):
    """Response and fix targets, or priorities that may wake, that cannot be kept."""

    code = "contract-targets-not-usable"
    title = "Those targets cannot be kept"


def hours_from(zone: str, week: Any, nation: str, subdivision: str, exceptions: Any) -> SupportHours:
    """The support hours that a row's columns mean; "" for no nation or no subdivision. Raises BadHours."""
    if not isinstance(week, list | tuple):
        raise BadHours("A week was given.", "It is no list of days.", "Give seven lists of windows, Monday first.")
    if not isinstance(exceptions, Mapping):
        raise BadHours("Exceptions were given.", "They are no table of dates.", 'Give {"2026-12-24": []}, for example.')
    if subdivision and not nation:
        raise BadHours(
            f"Bank holidays of {subdivision} were asked for.",
            "No nation is given.",
            "Give both, for example GB and ENG.",
        )
    days: list[Windows] = [
        _windows(day, _WEEKDAYS[place] if place < 7 else f"day {place + 1}") for place, day in enumerate(week)
    ]
    if len(days) != 7:
        raise BadHours(f"A week of {len(days)} days was given.", "A week has seven.", "Give Monday to Sunday.")
    return SupportHours(
        zone=zone,
        week=_as_week(days),
        holidays=BankHolidays(nation, subdivision or None) if nation else frozenset(),
        exceptions=MappingProxyType({_day(day): _windows(windows, str(day)) for day, windows in exceptions.items()}),
    )


def week_as_json(week: Week) -> list[list[list[str]]]:
    """The week as its column keeps it."""
    return [_as_json(windows) for windows in week]


def exceptions_as_json(exceptions: Mapping[date, Windows]) -> dict[str, list[list[str]]]:
    """The exceptions as their column keeps them, in order of the days."""
    return {day.isoformat(): _as_json(windows) for day, windows in sorted(exceptions.items())}


def targets_from(stored: Any) -> tuple[Targets, Targets]:
    """The response targets and the fix targets that the column means. Raises BadTargets."""
    if not isinstance(stored, Mapping):
        raise BadTargets(
            "Targets were given.", "They are no table of priorities.", 'Give {"P1": {"respond": "PT30M"}}, for example.'
        )
    respond: dict[Priority, Target] = {}
    fix: dict[Priority, Target] = {}
    for name, said in stored.items():
        if name not in set(Priority):
            raise BadTargets(f"A target for {name!r} was given.", "That is no priority.", "Give P1 to P5.")
        if not isinstance(said, Mapping) or not set(said) <= {"respond", "fix", "clock"}:
            raise BadTargets(
                f"A target for {name} was given.", "It says something unknown.", "Give respond, fix and clock only."
            )
        clock = said.get("clock", "open")
        if clock not in _CLOCKS:
            raise BadTargets(
                f"The clock {clock!r} was given for {name}.",
                "A target counts open hours or every minute.",
                "Give open or wall.",
            )
        for part, targets in (("respond", respond), ("fix", fix)):
            if part in said:
                targets[Priority(name)] = Target(duration_from(said[part], f"to {part} to {name}"), _CLOCKS[clock])
        priority = Priority(name)
        if priority in respond and priority in fix and fix[priority].duration < respond[priority].duration:
            raise BadTargets(
                f"For {name} a fix in {said['fix']} and a response in {said['respond']} were given.",
                "It would be fixed before it is answered.",
                "Make the fix no shorter than the response.",
            )
    return MappingProxyType(respond), MappingProxyType(fix)


def duration_from(text: Any, what: str) -> timedelta:
    """The ISO 8601 duration of hours and minutes ("PT4H", "PT1H30M"); `what` says whose it is. Raises BadTargets."""
    asked = f"The time {text!r} {what} was given."
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadTargets(asked, "It is no number of hours and minutes.", "Write it as PT30M, PT4H or PT1H30M.")
    hours, minutes = (int(digits or 0) for digits in match.groups())
    duration = timedelta(hours=hours, minutes=minutes)
    if not timedelta() < duration <= timedelta(days=366):
        raise BadTargets(asked, "It must be longer than nothing, and a year at most.", "Give another time.")
    return duration


def may_wake_from(stored: Iterable[str]) -> frozenset[Priority]:
    """The priorities that may wake somebody. Raises BadTargets for one that never may."""
    named = set(stored)
    if not named <= MAY_EVER_WAKE:
        wrong = ", ".join(sorted(named - MAY_EVER_WAKE))
        raise BadTargets(
            f"It was asked that {wrong} may wake somebody.",
            "Only P1 to P4 ever may: P5 is work to plan.",
            "Give some of P1 P2 P3 P4, or none.",
        )
    return frozenset(Priority(name) for name in named)


def _windows(stored: Any, where: str) -> Windows:
    if not isinstance(stored, list | tuple):
        raise BadHours(f"Hours for {where} were given.", "They are no list of windows.", 'Give [["09:00", "17:30"]].')
    windows = []
    for pair in stored:
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(end, str) for end in pair)):
            raise BadHours(
                f"The hours {pair!r} were given for {where}.",
                "A window has an opening and a closing time.",
                'Give them as ["09:00", "17:30"].',
            )
        windows.append(parse_window(f"{pair[0]}-{pair[1]}"))
    return tuple(windows)


def _as_week(days: Sequence[Windows]) -> Week:
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = days
    return monday, tuesday, wednesday, thursday, friday, saturday, sunday


def _as_json(windows: Windows) -> list[list[str]]:
    return [format_window(window).split("-") for window in sorted(windows)]


def _day(text: Any) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as unreadable:
        raise BadHours(
            f"An exception for {text!r} was given.", "That is no date.", "Write it as 2026-12-24."
        ) from unreadable
