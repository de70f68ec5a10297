"""The text format in which Curtois and Qu published their rostering instances, read as a problem for the same engine.

Source: T. Curtois, R. Qu, "Computational results on new staff scheduling benchmark instances" (2014). Days are counted from
0, the first is a Monday, and all that matters of a shift's hours is how long it is and what may not follow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from nightdesk.rota.planner.problem import (
    DAY,
    Barred,
    Limits,
    Person,
    Problem,
    Rules,
    Slot,
    Weights,
    Wish,
)

FIRST = date(2001, 1, 1).toordinal()
"""Day 0: a Monday, as all of these instances start on one."""

SECTIONS = (
    "SECTION_HORIZON",
    "SECTION_SHIFTS",
    "SECTION_STAFF",
    "SECTION_DAYS_OFF",
    "SECTION_SHIFT_ON_REQUESTS",
    "SECTION_SHIFT_OFF_REQUESTS",
    "SECTION_COVER",
)


class BadInstance(ValueError):
    """The text is no instance of this format; the words say in which line."""


def read_instance(text: str) -> Problem:
    """The instance as a problem: a slot `DAY/SHIFT` for each shift of each day. Raises BadInstance."""
    sections = _sections(text)
    if missing := [name for name in SECTIONS if name not in sections]:
        raise BadInstance(f"{missing[0]} is missing.")
    [days] = _numbers(*_only(sections["SECTION_HORIZON"], "SECTION_HORIZON"), count=1)
    shifts, never = _shifts(sections["SECTION_SHIFTS"])
    people = _people(sections, shifts, days)
    slots = _slots(sections["SECTION_COVER"], shifts, days, len(people))
    rules = Rules(
        rest_minutes=0,
        weekly_rest_minutes=0,
        days_running=None,
        nights_running=None,
        days_off_after_nights=0,
        average_minutes=None,
        never_next_day=never,
    )
    weights = Weights(
        gap=0, skill_gap=0, nights=0, weekends=0, holidays=0, hours=0, wish=1, split_weekend=0, lone_day_off=0
    )
    return Problem(FIRST, FIRST + days, people, slots, (), rules, weights)


Line = tuple[int, list[str]]
"""The number of a line in the file, and its fields."""


def _sections(text: str) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    current: list[Line] | None = None
    for number, written in enumerate(text.splitlines(), start=1):
        line = written.split("#")[0].strip()
        if line.startswith("SECTION_"):
            if line not in SECTIONS:
                raise BadInstance(f"Line {number}: there is no section {line}.")
            current = found.setdefault(line, [])
        elif line:
            if current is None:
                raise BadInstance(f"Line {number}: {line!r} stands before the first section.")
            current.append((number, [field.strip() for field in line.split(",")]))
    return found


def _only(lines: list[Line], name: str) -> Line:
    if len(lines) != 1:
        raise BadInstance(f"{name} has {len(lines)} lines; it has one.")
    return lines[0]


def _numbers(line: int, fields: list[str], *, count: int) -> list[int]:
    try:
        found = [int(field) for field in fields]
    except ValueError:
        raise BadInstance(f"Line {line}: {', '.join(fields)} should be whole numbers.") from None
    if len(found) != count:
        raise BadInstance(f"Line {line}: it has {len(found)} numbers and should have {count}.")
    if min(found) < 0:
        raise BadInstance(f"Line {line}: {min(found)} is below 0.")
    return found


def _shifts(lines: list[Line]) -> tuple[dict[str, int], tuple[tuple[str, str], ...]]:
    lengths: dict[str, int] = {}
    never = []
    for number, fields in lines:
        if len(fields) < 2:
            raise BadInstance(f"Line {number}: a shift has an id, a length and what cannot follow it.")
        [lengths[fields[0]]] = _numbers(number, fields[1:2], count=1)
        if not 0 < lengths[fields[0]] <= DAY:
            raise BadInstance(f"Line {number}: a shift of {fields[1]} minutes does not fit into a day.")
        never += [(fields[0], after.strip()) for after in "|".join(fields[2:]).split("|") if after.strip()]
    for _, after in never:
        if after not in lengths:
            raise BadInstance(f"There is no shift {after!r}, which should not follow another.")
    return lengths, tuple(never)


def _people(sections: dict[str, list[Line]], shifts: dict[str, int], days: int) -> tuple[Person, ...]:
    limits: dict[str, Limits] = {}
    for number, fields in sections["SECTION_STAFF"]:
        if len(fields) != 8:
            raise BadInstance(f"Line {number}: a line of staff has 8 fields, and this one {len(fields)}.")
        most, least, running, running_least, off_least, weekends = _numbers(number, fields[2:], count=6)
        limits[fields[0]] = Limits(
            minutes=most,
            minutes_at_least=least or None,
            days_running=running,
            days_running_at_least=running_least,
            days_off_running_at_least=off_least,
            weekends=weekends,
            of_kind=dict(_most(number, fields[1], shifts)),
        )
    barred: dict[str, list[Barred]] = {name: [] for name in limits}
    for number, fields in sections["SECTION_DAYS_OFF"]:
        _known(number, fields[0], limits)
        for day in _numbers(number, fields[1:], count=len(fields) - 1):
            barred[fields[0]].append(Barred(_minute(day), _minute(day + 1)))
    wishes: dict[str, list[Wish]] = {name: [] for name in limits}
    for section, wants in (("SECTION_SHIFT_ON_REQUESTS", "prefer"), ("SECTION_SHIFT_OFF_REQUESTS", "avoid")):
        for number, fields in sections[section]:
            if len(fields) != 4:
                raise BadInstance(f"Line {number}: a request has 4 fields, and this one {len(fields)}.")
            _known(number, fields[0], limits)
            _known(number, fields[2], shifts)
            day, weight = _numbers(number, [fields[1], fields[3]], count=2)
            _inside(number, day, days)
            wishes[fields[0]].append(Wish(_minute(day), _minute(day + 1), wants, weight, fields[2]))
    return tuple(
        Person(id=name, limits=limits[name], barred=tuple(barred[name]), wishes=tuple(wishes[name])) for name in limits
    )


def _most(number: int, field: str, shifts: dict[str, int]) -> Iterator[tuple[str, int]]:
    """ "D=14|N=3" as pairs."""
    for each in field.split("|"):
        shift, _, most = each.partition("=")
        _known(number, shift.strip(), shifts)
        [count] = _numbers(number, [most], count=1)
        yield shift.strip(), count


def _slots(lines: list[Line], shifts: dict[str, int], days: int, people: int) -> tuple[Slot, ...]:
    cover: dict[tuple[int, str], tuple[int, int, int]] = {}
    for number, fields in lines:
        if len(fields) != 5:
            raise BadInstance(f"Line {number}: a line of cover has 5 fields, and this one {len(fields)}.")
        _known(number, fields[1], shifts)
        day, need, under, over = _numbers(number, [fields[0], *fields[2:]], count=4)
        _inside(number, day, days)
        cover[day, fields[1]] = (need, under, over)
    slots = []
    for day in range(days):
        for shift, length in shifts.items():
            need, under, over = cover.get((day, shift), (0, 0, 0))
            slots.append(
                Slot(
                    id=f"{day}/{shift}",
                    seat=shift,
                    kind=shift,
                    start=_minute(day),
                    end=_minute(day) + length,
                    day=FIRST + day,
                    need=need,
                    most=max(people, need),
                    gap=under,
                    over=over,
                )
            )
    return tuple(slots)


def _minute(day: int) -> int:
    return (FIRST - date(1970, 1, 1).toordinal() + day) * DAY


def _known(number: int, name: str, among: dict[str, int] | dict[str, Limits]) -> None:
    if name not in among:
        raise BadInstance(f"Line {number}: {name!r} is not known.")


def _inside(number: int, day: int, days: int) -> None:
    if day >= days:
        raise BadInstance(f"Line {number}: day {day} lies behind the last, {days - 1}.")
