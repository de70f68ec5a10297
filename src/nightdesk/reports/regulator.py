"""Whom the law wants told of an incident, by when, and why: rule packs are data, this reads and applies them. Pure.

A pack says at what size an incident must be told (`any` of its thresholds, each of which is met when all that it names
is reached), or that a person has to say so (`asks`), and in which steps. See `regulator_packs` for the built-in ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

MOST = 1_000_000_000
"""The largest number that a threshold may have."""


class From(StrEnum):
    """What a deadline runs from: when it began, when we knew of it, or when it was over."""

    BEGAN = "began"
    KNOWN = "known"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Met where all that is given is reached; nothing given is always met. `source`: where it is from; "" set by the brand.

    `percent`: of all who use the services that were touched.
    """

    user_hours: Decimal = Decimal(0)
    users: int = 0
    percent: Decimal = Decimal(0)
    hours: Decimal = Decimal(0)
    severities: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be told within `within` of `after`. `source`: where that is from; "" set by the brand."""

    key: str
    name: str
    within: timedelta
    after: From = From.KNOWN
    source: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """A law's rules. `asks`: the question that a person answers with yes first; "" where size alone decides. `checked`: when its
    numbers were held against what; "" for never.
    """

    key: str
    name: str
    to: str
    law: str
    thresholds: tuple[Threshold, ...]
    steps: tuple[Step, ...]
    asks: str = ""
    checked: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """How big an incident was, or is known to be; `users` are `percent` of all who use what was touched. `said_yes`: keys of the
    packs whose question was answered with yes.
    """

    user_hours: Decimal
    users: int
    lasted: timedelta
    severity: str
    began_at: datetime
    known_at: datetime
    ended_at: datetime
    said_yes: frozenset[str] = frozenset()
    percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Owed:
    """A step of a pack that is owed by `due_at`, because of `why`."""

    pack: Pack
    step: Step
    due_at: datetime
    why: str


def owed(pack: Pack, size: Size) -> tuple[Owed, ...]:
    """What the pack wants told of an incident of that size, in the order of deadlines; nothing where it wants nothing."""
    if pack.asks and pack.key not in size.said_yes:
        return ()
    met = next((one for one in pack.thresholds if is_met(one, size)), None)
    if met is None:
        return ()
    starts = {From.BEGAN: size.began_at, From.KNOWN: size.known_at, From.ENDED: size.ended_at}
    found = [Owed(pack, step, starts[step.after] + step.within, why(met, step, pack)) for step in pack.steps]
    return tuple(sorted(found, key=lambda one: one.due_at))


def is_met(threshold: Threshold, size: Size) -> bool:
    """Whether the incident reaches all that the threshold names."""
    return (
        size.user_hours >= threshold.user_hours
        and size.users >= threshold.users
        and size.percent >= threshold.percent
        and size.lasted >= timedelta(hours=float(threshold.hours))
        and (not threshold.severities or size.severity in threshold.severities)
    )


def said(threshold: Threshold, pack: Pack) -> str:
    """The threshold in words: "10,000 users, 8 hours"."""
    parts = [
        f"{threshold.users:,} users" if threshold.users else "",
        f"{threshold.percent.normalize():f} % of users" if threshold.percent else "",
        f"{threshold.hours.normalize():f} hours" if threshold.hours else "",
        f"{threshold.user_hours.normalize():,f} user-hours" if threshold.user_hours else "",
        f"severity {' or '.join(threshold.severities)}" if threshold.severities else "",
    ]
    return ", ".join(filter(None, parts)) or pack.asks or pack.name


SET_BY_YOU = "set by you"
"""What stands for the source of a number that no law and no guidance names."""


def why(threshold: Threshold, step: Step, pack: Pack) -> str:
    """Why it is owed by then, each number with its source: "10,000 users, 8 hours (set by you); 72 hours (art. 33(1))"."""
    hours = f"{step.within / timedelta(hours=1):g} hours"
    if not pack.asks:
        return f"{said(threshold, pack)} ({threshold.source or SET_BY_YOU}); {hours} ({step.source or SET_BY_YOU})"
    return f"{said(threshold, pack)} {hours} ({step.source or SET_BY_YOU})"


def sources(pack: Pack) -> list[tuple[str, str]]:
    """(what, where it is from) of every threshold and every step."""
    sizes = [] if pack.asks else [(said(one, pack), one.source or SET_BY_YOU) for one in pack.thresholds]
    return sizes + [
        (
            f"{step.name}: {step.within / timedelta(hours=1):g} hours from when it {AFTER[step.after]}",
            step.source or SET_BY_YOU,
        )
        for step in pack.steps
    ]


AFTER = {From.BEGAN: "began", From.KNOWN: "was known", From.ENDED: "ended"}


def read_pack(given: Mapping[str, Any]) -> Pack:
    """A pack from its plain values. Raises ValueError, which says what is wrong."""
    try:
        steps = tuple(_step(one) for one in given["steps"])
        pack = Pack(
            key=_text(given["key"], 40),
            name=_text(given["name"], 80),
            to=_text(given["to"], 80),
            law=_text(given["law"], 200),
            thresholds=tuple(_threshold(one) for one in given.get("any", [{}])),
            steps=steps,
            asks=str(given.get("asks", ""))[:200],
            checked=str(given.get("checked", ""))[:LONGEST_CHECKED],
        )
    except KeyError as missing:
        raise ValueError(f"A rule pack lacks {missing.args[0]!r}.") from missing
    except (TypeError, AttributeError, InvalidOperation) as bad:
        raise ValueError("A rule pack is not written as one.") from bad
    if not steps or len({step.key for step in steps}) != len(steps):
        raise ValueError(f"The pack {pack.key} needs steps, each with a key of its own.")
    return pack


def read_packs(given: Sequence[Mapping[str, Any]]) -> dict[str, Pack]:
    """Packs by key. Raises ValueError, also for two with one key."""
    packs = [read_pack(one) for one in given]
    if len({pack.key for pack in packs}) != len(packs):
        raise ValueError("Two packs have the same key.")
    return {pack.key: pack for pack in packs}


LONGEST_SOURCE, LONGEST_CHECKED = 90, 200


def _step(given: Mapping[str, Any]) -> Step:
    hours = Decimal(str(given.get("hours", 0))) + 24 * Decimal(str(given.get("days", 0)))
    if not 0 < hours <= 24 * 366:
        raise ValueError("A step of a pack is due within hours or days, a year at most.")
    return Step(
        _text(given["key"], 40),
        _text(given["name"], 80),
        timedelta(hours=float(hours)),
        From(given.get("after", "known")),
        str(given.get("source", ""))[:LONGEST_SOURCE],
    )


def _threshold(given: Mapping[str, Any]) -> Threshold:
    if unknown := sorted(set(given) - {"user_hours", "users", "percent", "hours", "severities", "source"}):
        raise ValueError(f"A threshold of a pack names {unknown[0]!r}, which nothing measures.")
    measures = [Decimal(str(given.get(name, 0))) for name in ("user_hours", "users", "percent", "hours")]
    if not all(one.is_finite() and 0 <= one <= MOST for one in measures):
        raise ValueError("A threshold of a pack is a number from 0 to a thousand million.")
    user_hours, users, percent, hours = measures
    if percent > 100:
        raise ValueError("A threshold of a pack is at most 100 percent of users.")
    return Threshold(
        user_hours,
        int(users),
        percent,
        hours,
        tuple(map(str, given.get("severities", ()))),
        str(given.get("source", ""))[:LONGEST_SOURCE],
    )


def _text(given: Any, most: int) -> str:
    text = str(given).strip()
    if not text or len(text) > most:
        raise ValueError(f"A name in a pack is empty, or longer than {most} characters.")
    return text
