"""What rooms above know of people's time and the planner must: filled by `nightdesk.wiring`."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple


class Stint(NamedTuple):
    """`person_id` really had the seat over [`start`, `end`)."""

    person_id: int
    seat_id: int
    start: datetime
    end: datetime


HELD: list[Callable[[Collection[int], datetime, datetime], Iterable[Stint]]] = []
"""(person ids, start, end) -> what they really held in that time, cut by it. Duty's record; there is no second one."""

HOLDERS: list[Callable[[Collection[int]], Mapping[int, int]]] = []
"""(seat ids) -> who has each of them now, by seat id; from duty's record as well."""
