"""Two rotas held against each other: what changes on which seat, and for whom. Facts in, values out.

A holder is a member of a plan, ("person", id) or ("team", id); None is nobody. Every stretch is half-open.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

Member: TypeAlias = tuple[str, int]

MOST_TOLD = 2000
"""Changes that one entry of the journal lists."""


@dataclass(frozen=True, slots=True)
class Held:
    """`who` is to have the seat over `[start, end)`."""

    seat: str
    start: datetime
    end: datetime
    who: Member | None


@dataclass(frozen=True, slots=True)
class Change:
    """Over `[start, end)` the seat is `now`'s, where it `was` another's."""

    seat: str
    start: datetime
    end: datetime
    was: Member | None
    now: Member | None

    def as_facts(self) -> dict[str, Any]:
        """The change for the journal, as JSON."""
        return {
            "seat": self.seat,
            "starts_at": self.start.isoformat(),
            "ends_at": self.end.isoformat(),
            "was": list(self.was) if self.was else None,
            "now": list(self.now) if self.now else None,
        }


@dataclass(slots=True)
class ForOne:
    """What changes for one person: the stretches that they get, and those that they lose, by start."""

    gets: list[Change] = field(default_factory=list)
    loses: list[Change] = field(default_factory=list)

    def hours(self) -> float:
        """Hours more, or fewer, than before."""
        span = sum((one.end - one.start for one in self.gets), timedelta(0))
        span -= sum((one.end - one.start for one in self.loses), timedelta(0))
        return span / timedelta(hours=1)


def changes(before: Iterable[Held], after: Iterable[Held]) -> list[Change]:
    """Where the two differ, by start and seat; neighbours with the same two holders are one, if no shift ends between.

    Stretches of one seat do not overlap within `before`, nor within `after`; what neither names is nobody's in both.
    """
    sides: tuple[dict[str, list[Held]], dict[str, list[Held]]] = (defaultdict(list), defaultdict(list))
    for side, rows in zip(sides, (before, after), strict=True):
        for row in rows:
            side[row.seat].append(row)
    found = []
    for seat in sides[0].keys() | sides[1].keys():
        found += _of_seat(seat, sides[0][seat], sides[1][seat])
    return sorted(found, key=lambda change: (change.start, change.seat))


def _of_seat(seat: str, before: Sequence[Held], after: Sequence[Held]) -> list[Change]:
    edges = sorted({edge for row in (*before, *after) for edge in (row.start, row.end)})
    kept = {edge for row in (*before, *after) if row.who is not None for edge in (row.start, row.end)}
    found: list[Change] = []
    for start, end in pairwise(edges):
        was, now = _who(before, start), _who(after, start)
        if was == now:
            continue
        last = found[-1] if found else None
        if last is not None and last.end == start and (last.was, last.now) == (was, now) and start not in kept:
            found[-1] = Change(seat, last.start, end, was, now)
        else:
            found.append(Change(seat, start, end, was, now))
    return found


def _who(rows: Sequence[Held], at: datetime) -> Member | None:
    return next((row.who for row in rows if row.start <= at < row.end), None)


def by_person(found: Iterable[Change]) -> dict[int, ForOne]:
    """The changes for each person whom they touch."""
    people: dict[int, ForOne] = defaultdict(ForOne)
    for change in found:
        if change.was is not None and change.was[0] == "person":
            people[change.was[1]].loses.append(change)
        if change.now is not None and change.now[0] == "person":
            people[change.now[1]].gets.append(change)
    return dict(people)
