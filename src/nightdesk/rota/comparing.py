"""Two rotas held against each other: what changes on which seat, and for whom. Facts in, values out.

A holder is a member of a plan, ("person", id) or ("team", id); None is nobody. Every stretch is half-open.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias, cast

from nightdesk.rota.resolve import Rota, turns

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


def changes(before: Iterable[Held], after: Iterable[Held], *, by_shift: bool = True) -> list[Change]:
    """Where the two differ, by start and seat; neighbours with the same two holders are one, `by_shift` only if no shift
    ends between.

    Stretches of one seat do not overlap within `before`, nor within `after`; what neither names is nobody's in both.
    """
    sides: tuple[dict[str, list[Held]], dict[str, list[Held]]] = (defaultdict(list), defaultdict(list))
    for side, rows in zip(sides, (before, after), strict=True):
        for row in sorted(rows, key=lambda row: row.start):
            side[row.seat].append(row)
    found = []
    for seat in sides[0].keys() | sides[1].keys():
        found += _of_seat(seat, sides[0][seat], sides[1][seat], by_shift)
    return sorted(found, key=lambda change: (change.start, change.seat))


def changes_of_plan(before: Rota, after: Rota, seat_key: str, start: datetime, end: datetime) -> list[Change]:
    """Where the two plans put different members on the seat in `[start, end)`, in order; changes that meet are one.

    A seat that one of the plans does not have is nobody's in it.
    """
    return changes(_held(before, seat_key, start, end), _held(after, seat_key, start, end), by_shift=False)


def _held(rota: Rota, seat_key: str, start: datetime, end: datetime) -> list[Held]:
    if all(seat.key != seat_key for seat in rota.seats):
        return []
    found = turns(rota, seat_key, start, end)
    return [Held(seat_key, turn.start, turn.end, cast("Member | None", turn.member)) for turn in found]


def _of_seat(seat: str, before: Sequence[Held], after: Sequence[Held], by_shift: bool) -> list[Change]:
    edges = sorted({edge for row in (*before, *after) for edge in (row.start, row.end)})
    held = [row for row in (*before, *after) if row.who is not None] if by_shift else []
    kept = {edge for row in held for edge in (row.start, row.end)}
    was_at, now_at = _Reader(before), _Reader(after)
    found: list[Change] = []
    for start, end in pairwise(edges):
        was, now = was_at(start), now_at(start)
        if was == now:
            continue
        last = found[-1] if found else None
        if last is not None and last.end == start and (last.was, last.now) == (was, now) and start not in kept:
            found[-1] = Change(seat, last.start, end, was, now)
        else:
            found.append(Change(seat, start, end, was, now))
    return found


class _Reader:
    """Who has it, asked in the order of time."""

    def __init__(self, rows: Sequence[Held]) -> None:
        self._ahead = iter(rows)
        self._here = next(self._ahead, None)

    def __call__(self, at: datetime) -> Member | None:
        while self._here is not None and self._here.end <= at:
            self._here = next(self._ahead, None)
        return self._here.who if self._here is not None and self._here.start <= at else None


def by_person(found: Iterable[Change]) -> dict[int, ForOne]:
    """The changes for each person whom they touch."""
    people: dict[int, ForOne] = defaultdict(ForOne)
    for change in found:
        if change.was is not None and change.was[0] == "person":
            people[change.was[1]].loses.append(change)
        if change.now is not None and change.now[0] == "person":
            people[change.now[1]].gets.append(change)
    return dict(people)
