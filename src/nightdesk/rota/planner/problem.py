"""What is to be planned, and what came of it, as plain facts: the planner knows of no database, zone or clock.

Instants are whole minutes since 1 January 1970 UTC, spans are half-open `[start, end)`, and a day is the ordinal of a
local date (`date.toordinal()`), worked out by whoever builds the problem: clock changes are over before planning starts.

`to_json` and `from_json` go both ways without loss, so that a child process can be asked, and a plan kept with its facts.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

DAY = 1440
"""Minutes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Barred:
    """When somebody cannot: on leave or ill ("leave"), or for whatever reason nobody else is told ("all").

    `what` narrows it to nights, weekends or site visits ("nights", "weekends", "visits"); a slot is met when it overlaps.
    """

    start: int
    end: int
    what: str = "all"


@dataclass(frozen=True, slots=True)
class Wish:
    """`wants`: "prefer", "avoid" or "never" to work in this span; never counts like a bar. `weight` is 1 to 9.

    With a `kind` only slots of this kind are meant.
    """

    start: int
    end: int
    wants: str = "avoid"
    weight: int = 1
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Worked:
    """A duty outside the slots: done in the reference period, or promised to another rota. `day` is where it starts."""

    start: int
    end: int
    day: int
    night: bool = False
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """What somebody has carried so far, in the span over which load is to be fair."""

    nights: int = 0
    weekends: int = 0
    holidays: int = 0
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Knows:
    """Level 1 learns it, 2 can do it alone, 3 is expert."""

    skill: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What one person may do at most or must do at least in the period; None where the rules for all hold, or nothing."""

    nights: int | None = None
    nights_running: int | None = None
    days_running: int | None = None
    days_running_at_least: int | None = None
    days_off_running_at_least: int | None = None
    weekends: int | None = None
    minutes: int | None = None
    minutes_at_least: int | None = None
    minutes_in_7_days: int | None = None
    of_kind: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """`weekly_minutes` is the contract: load is shared in proportion to it. `sites` empty: every site.

    `reference_weeks` and `opted_out` belong to the average of 48 hours; without any `worked` from before the period the
    average counts from the period's start. A newcomer never stands alone in a company, and an under-18 works no nights.
    """

    id: str
    skills: tuple[Knows, ...] = ()
    newcomer: bool = False
    weekly_minutes: int = 2400
    limits: Limits = Limits()
    barred: tuple[Barred, ...] = ()
    wishes: tuple[Wish, ...] = ()
    worked: tuple[Worked, ...] = ()
    load: Load = Load()
    under_18: bool = False
    opted_out: bool = False
    reference_weeks: int = 17
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SkillNeed:
    """`hard`: nobody below `level` will do. Otherwise `weight` is paid where the need is not met."""

    skill: str
    level: int = 2
    hard: bool = True
    weight: int = 20


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of one seat that one person is to hold; several seats at one time are several slots.

    `holder` has it now: another one costs `Weights.change`. With `fixed` it stays as it is (started, or frozen), also
    where nobody holds it. `counted` False is standby that is no working time until somebody calls: it breaks no rest.
    `may` None: everybody. `kind` names the sort of shift for rules about what may follow what. `visit`: on site, for
    those who cannot make visits. `need` people, and up to `most` (None: as many as needed), each beyond costing `over`;
    `gap` is the cost of each that is missing, None for `Weights.gap`.
    """

    id: str
    seat: str
    start: int
    end: int
    day: int
    site: str = ""
    kind: str = ""
    night: bool = False
    weekend: bool = False
    holiday: bool = False
    counted: bool = True
    visit: bool = False
    needs: tuple[SkillNeed, ...] = ()
    may: tuple[str, ...] | None = None
    holder: str | None = None
    fixed: bool = False
    need: int = 1
    most: int | None = None
    gap: int | None = None
    over: int = 0


@dataclass(frozen=True, slots=True)
class Company:
    """Slots whose people stand together: between them they know `needs`, and no newcomer is without somebody who is none.

    A hard need that is not met is a gap; one that nobody on any of the slots can meet because all are empty is as well.
    """

    slots: tuple[str, ...]
    needs: tuple[SkillNeed, ...] = ()
    newcomers: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for everybody. None or 0 switches a rule off.

    `rest_minutes` lie between two counted duties; in each of `rest_windows` (the weeks, as the law counts them) lies one
    uninterrupted rest of `weekly_rest_minutes`; after a run of nights no duty starts on the next `days_off_after_nights`
    days. `average_minutes` are counted duties in 7 days on average over each person's reference period, at each day's
    end; days of leave are taken out of both sides. `never_next_day` are pairs of kinds: the second does not start on
    the day after the first. `one_a_day`: no two duties start on one day.
    """

    rest_minutes: int = 660
    rest_windows: tuple[Span, ...] = ()
    weekly_rest_minutes: int = 2100
    days_running: int | None = 6
    nights_running: int | None = 3
    days_off_after_nights: int = 2
    average_minutes: int | None = 2880
    minutes_in_7_days: int | None = None
    never_next_day: tuple[tuple[str, str], ...] = ()
    one_a_day: bool = True


@dataclass(frozen=True, slots=True)
class Weights:
    """Points. A gap weighs more than all kindness together; the rest is what one step away from a fair share costs."""

    gap: int = 1000
    skill_gap: int = 500
    nights: int = 6
    weekends: int = 6
    holidays: int = 6
    hours: int = 4
    wish: int = 3
    change: int = 0
    split_weekend: int = 2
    lone_day_off: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """`first_day` up to `end_day` (exclusive) are planned. Slots outside them may be given, fixed, for what they hold up."""

    first_day: int
    end_day: int
    people: tuple[Person, ...]
    slots: tuple[Slot, ...]
    companies: tuple[Company, ...] = ()
    rules: Rules = Rules()
    weights: Weights = Weights()


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to search. `steps` are the engine's own and always take the same way; `seconds` by the wall end it sooner,
    and mark the result as not reproducible when they did. `solver`: also use OR-Tools where it is installed.

    `units` is the deterministic time that the solver may take in all.
    """

    steps: int = 200_000
    seconds: float | None = None
    solver: bool = False
    units: float = 5.0


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing: `kind` "seat" (nobody holds the slot; `missing` people), "skill" (`skill` is known by nobody in the
    company), or "rule" (what stands fixed already breaks a rule of `person`; the planner adds nothing to it)."""

    kind: str
    slots: tuple[str, ...] = ()
    missing: int = 1
    skill: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of the bill: `kind` is the field of Weights, `whom` a person or a slot, `amount` how much of it."""

    kind: str
    whom: str
    amount: int
    points: int


@dataclass(frozen=True, slots=True)
class Given:
    slot: str
    person: str


@dataclass(frozen=True, slots=True)
class Result:
    """`given` is in the order of the problem's slots. `bound`: no rota costs less, where that was proved; equal to `cost`
    it is the best there is. `engine` is "core" or "solver"; `version` names what could change the outcome."""

    given: tuple[Given, ...]
    cost: int
    gaps: tuple[Gap, ...]
    lines: tuple[CostLine, ...]
    reproducible: bool
    engine: str
    version: str
    seed: int
    steps: int
    stopped: bool = False
    bound: int | None = None


def to_json(value: Any) -> str:
    """Any dataclass of the planner as JSON; the same value gives the same text. Fields at their default are left out."""
    return json.dumps(_plain(value), separators=(",", ":"), sort_keys=True)


def from_json(kind: type[T], text: str) -> T:
    """Read what `to_json` wrote of a `kind`. Raises ValueError for text that is no such value."""
    try:
        read: T = _read(kind, json.loads(text))
    except (TypeError, KeyError, AttributeError) as wrong:
        raise ValueError(f"This is no {kind.__name__} of the planner: {wrong}") from wrong
    return read


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        blank = _blank(type(value))
        return {
            each.name: _plain(held)
            for each in fields(value)
            if (held := getattr(value, each.name)) != blank.get(each.name, _NOTHING)
        }
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value


_NOTHING = object()


@cache
def _blank(kind: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields(kind):
        if callable(each.default_factory):
            found[each.name] = each.default_factory()
        else:
            found[each.name] = each.default
    return found


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, plain: Any) -> Any:
    if is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        if not isinstance(plain, dict) or (unknown := plain.keys() - hints.keys()):
            raise TypeError(f"{plain!r} does not fit {kind}" if not isinstance(plain, dict) else f"unknown {unknown}")
        return kind(**{name: _read(hints[name], value) for name, value in plain.items()})  # type: ignore[operator]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return tuple(_read(inner[0], each) for each in plain)
        return tuple(_read(of, each) for of, each in zip(inner, plain, strict=True))
    if origin in (Union, types.UnionType):
        return None if plain is None else _read(next(each for each in inner if each is not type(None)), plain)
    if origin is not None and issubclass(origin, Mapping):
        return {key: _read(inner[1], value) for key, value in plain.items()}
    if kind is float and isinstance(plain, int):
        return float(plain)
    if kind is not Any and (not isinstance(plain, kind) or (kind is int and isinstance(plain, bool))):
        raise TypeError(f"{plain!r} is no {kind.__name__}")
    return plain
