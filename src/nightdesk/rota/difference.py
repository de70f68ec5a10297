"""What a change of a plan changes: for whom, from when until when. Plans in, stretches of time out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from nightdesk.rota.resolve import MemberKey, Rota, Turn, turns


@dataclass(frozen=True, slots=True)
class Change:
    """Over `[start, end)` the seat was `was`'s and is `now`'s; None: nobody's."""

    seat_key: str
    start: datetime
    end: datetime
    was: MemberKey | None
    now: MemberKey | None


def changes(before: Rota, after: Rota, seat_key: str, start: datetime, end: datetime) -> list[Change]:
    """Where the two plans put different members on the seat in `[start, end)`, in order; changes that meet are one.

    A seat that one of the plans does not have is nobody's in it.
    """
    was, now = _tiles(before, seat_key, start, end), _tiles(after, seat_key, start, end)
    edges = sorted({start, end} | {turn.start for turn in (*was, *now)})
    found: list[Change] = []
    before_at, after_at = _Reader(was), _Reader(now)
    for opens, closes in pairwise(edges):
        change = Change(seat_key, opens, closes, before_at(opens), after_at(opens))
        if change.was == change.now:
            continue
        last = found[-1] if found else None
        if last is not None and last.end == opens and (last.was, last.now) == (change.was, change.now):
            found[-1] = replace(last, end=closes)
        else:
            found.append(change)
    return found


def _tiles(rota: Rota, seat_key: str, start: datetime, end: datetime) -> list[Turn]:
    return turns(rota, seat_key, start, end) if any(seat.key == seat_key for seat in rota.seats) else []


class _Reader:
    """Who has it, asked in the order of time."""

    def __init__(self, tiles: list[Turn]) -> None:
        self._ahead: Iterator[Turn] = iter(tiles)
        self._here: Turn | None = next(self._ahead, None)

    def __call__(self, at: datetime) -> MemberKey | None:
        while self._here is not None and self._here.end <= at:
            self._here = next(self._ahead, None)
        return self._here.member if self._here is not None and self._here.start <= at else None
