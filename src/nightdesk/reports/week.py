"""The hours of a week as they are typed, one line a rule, and read back: calls an hour, hours that are covered, combinations.

A line begins with days (`Mon-Fri`, `Sat, Sun`, `every day`) and hours (`18-08`: until 08:00 of the next day; whole hours, the
end not in it), or, for calls, with days and 24 numbers. A week is a tuple of 168 hours, Monday 00:00 first, by local clocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = 168
MOST_CALLS = Decimal(2000)
"""An hour."""
MOST_LINES = 200
_HOURS = re.compile(r"(\d{1,2})(?::00)?\s*(?:-|\u2013|to)\s*(\d{1,2})(?::00)?(?![\d.:])\s*(.*)", re.DOTALL)
_DAYS = re.compile(r"\s*(every day|[a-z]+(?:\s*[-,\u2013]\s*[a-z]+)*)\s*:?\s+(.*)", re.IGNORECASE | re.DOTALL)


class BadLine(ValueError):
    """A line that cannot be read; the text says which and why."""

    def __init__(self, number: int, line: str, why: str) -> None:
        super().__init__(f"Line {number}, “{line.strip()[:60]}”: {why}")


def read_hours(text: str) -> frozenset[int]:
    """The hours that some line names, such as `Mon-Fri 08-18`. Raises BadLine."""
    found: set[int] = set()
    for number, line in _lines(text):
        hours, rest = _hours_and_rest(number, line)
        if rest:
            raise BadLine(number, line, "give days and hours, and nothing after them.")
        found |= hours
    return frozenset(found)


def read_calls(text: str) -> tuple[Decimal, ...]:
    """Calls of each hour of the week; a later line is stronger, and what none names is nothing. Raises BadLine.

    `Mon-Fri 09-17 6` is six calls in each of these hours; `Mon 0 0 0.5 ...` gives all 24 hours of a day.
    """
    week = [Decimal(0)] * HOURS
    for number, line in _lines(text):
        days, rest = _days_and_rest(number, line)
        if _HOURS.fullmatch(rest) is None:
            values = [_number(number, line, word) for word in rest.split()]
            if len(values) != 24:
                raise BadLine(number, line, "give hours and a number, as in Mon-Fri 09-17 6, or 24 numbers.")
            for day in days:
                week[day * 24 : day * 24 + 24] = values
            continue
        hours, words = _hours_and_rest(number, line)
        calls = _number(number, line, words)
        for hour in hours:
            week[hour] = calls
    return tuple(week)


def write_calls(week: Sequence[Decimal]) -> str:
    """The same week in lines that `read_calls` reads, a day a line, days that are alike together."""
    lines: list[tuple[list[int], str]] = []
    for day in range(7):
        text = " ".join(f"{value.normalize():f}" for value in week[day * 24 : day * 24 + 24])
        if lines and lines[-1][1] == text:
            lines[-1][0].append(day)
        else:
            lines.append(([day], text))
    return "\n".join(f"{_span(days)} {text}" for days, text in lines)


def read_combinations(text: str, covered: frozenset[int], kinds: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What is done in each hour of the week, by name: one of `kinds`, "" where the hour is covered. Raises BadLine.

    `Cheap nights: Mon-Fri 18-23 shift; every day 23-08 bureau; else phone`. What no part names is the first of `kinds`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for number, line in _lines(text):
        name, colon, parts = line.partition(":")
        name = name.strip()
        if not colon or not name or len(name) > 60:
            raise BadLine(number, line, "begin with a name of at most 60 letters and a colon.")
        if name.lower() in {each.lower() for each in found} | set(kinds):
            raise BadLine(number, line, "there is one of this name; give another.")
        found[name] = _combined(number, line, parts, covered, kinds)
    return found


def _combined(number: int, line: str, parts: str, covered: frozenset[int], kinds: Sequence[str]) -> tuple[str, ...]:
    week: dict[int, str] = {}
    otherwise = kinds[0]
    for part in filter(None, (each.strip() for each in parts.split(";"))):
        if (words := part.lower().split())[0] == "else":
            hours, kind = None, " ".join(words[1:])
        else:
            hours, rest = _hours_and_rest(number, part)
            kind = rest.strip().lower()
        if kind not in kinds:
            raise BadLine(number, line, f"“{kind}” is no approach; give one of {', '.join(kinds)}.")
        if hours is None:
            otherwise = kind
        else:
            week |= dict.fromkeys(hours, kind)
    if not parts.strip():
        raise BadLine(number, line, "say what is done when, as in Mon-Fri 18-23 shift; else bureau.")
    return tuple("" if hour in covered else week.get(hour, otherwise) for hour in range(HOURS))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    rows = text.splitlines()
    if len(rows) > MOST_LINES:
        raise BadLine(MOST_LINES + 1, rows[MOST_LINES], f"more than {MOST_LINES} lines are not read.")
    yield from ((number, row) for number, row in enumerate(rows, 1) if row.strip())


def _hours_and_rest(number: int, line: str) -> tuple[set[int], str]:
    days, rest = _days_and_rest(number, line)
    match = _HOURS.fullmatch(rest)
    if match is None:
        raise BadLine(number, line, "give whole hours after the days, as in Mon-Fri 18-08.")
    since, until = int(match[1]), int(match[2])
    if since > 23 or until > 24:
        raise BadLine(number, line, "a day has the hours 0 to 24.")
    length = until - since if until > since else until + 24 - since
    return {(day * 24 + since + ahead) % HOURS for day in days for ahead in range(length)}, match[3].strip()


def _days_and_rest(number: int, line: str) -> tuple[list[int], str]:
    match = _DAYS.fullmatch(line)
    if match is None:
        raise BadLine(number, line, "begin with days, as in Mon-Fri, Sat, or every day.")
    if match[1].lower() == "every day":
        return list(range(7)), match[2]
    days: list[int] = []
    for part in match[1].split(","):
        first, _dash, last = (each.strip() for each in part.replace("\u2013", "-").partition("-"))
        start = _day(number, line, first)
        days += [(start + ahead) % 7 for ahead in range((_day(number, line, last or first) - start) % 7 + 1)]
    return days, match[2]


def _day(number: int, line: str, word: str) -> int:
    for index, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")):
        if len(word) >= 3 and name.startswith(word.lower()):
            return index
    raise BadLine(number, line, f"“{word}” is no day; write Mon, Tue, Wed, Thu, Fri, Sat or Sun.")


def _number(number: int, line: str, word: str) -> Decimal:
    try:
        value = Decimal(word)
    except InvalidOperation:
        raise BadLine(number, line, "give the calls of an hour as a number, as in 0.5.") from None
    if not value.is_finite() or not 0 <= value <= MOST_CALLS or len(word) > 12:
        raise BadLine(number, line, f"an hour has 0 to {MOST_CALLS} calls.")
    return value


def _span(days: list[int]) -> str:
    return DAYS[days[0]] if len(days) == 1 else f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
