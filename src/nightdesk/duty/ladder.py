"""Who is asked to take a duty that nobody has taken, one after the other. The holder keeps it all the while: this only says
who is told, so that whatever happens here the duty stays with exactly one person.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

GRACE = timedelta(minutes=10)
"""After the hour, before anybody is asked again."""
STEP = timedelta(minutes=5)
"""From one rung to the next."""


class Rung(StrEnum):
    NEXT = "next"
    """whose turn it is"""
    BACKUP = "backup"
    """who holds a seat that stands behind this one"""
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Standing:
    """How things are when a rung falls due; people by id.

    `holder` keeps the duty. `candidates` are whose turn it is, `refused` those of all who said that they will not.
    `team` is everybody else who could be asked where no manager can. `reachable`: whom any way reaches at all.
    """

    holder: int | None
    candidates: tuple[int, ...] = ()
    backups: tuple[int, ...] = ()
    managers: tuple[int, ...] = ()
    team: tuple[int, ...] = ()
    refused: frozenset[int] = frozenset()
    reachable: frozenset[int] = frozenset()
    asked: frozenset[int] = field(default=frozenset())
    """Those whom an earlier rung has asked."""


@dataclass(frozen=True, slots=True)
class Asking:
    """`people` are asked now; nobody where nobody is left. `next_at` is when the next rung is due; None: this was the last.

    `tell_holder`: the holder is told now that it is still theirs.
    """

    rung: Rung
    people: tuple[int, ...]
    tell_holder: bool
    next_at: datetime | None


def first_at(turn_at: datetime, at: datetime) -> datetime:
    """When the first rung of a turn that nobody took is due; at once for a worker who comes later than that."""
    return max(turn_at + GRACE, at)


def ask(standing: Standing, after: Rung | None, at: datetime) -> Asking:
    """The first rung after `after` (None: the first of all) on which somebody can be asked.

    A rung without anybody costs no time. Where nobody is left the ladder ends; the holder is told so, unless somebody who
    was asked may still take it.
    """
    for rung in _above(after):
        people = _on(rung, standing)
        if people:
            more = any(_on(later, standing, people) for later in _above(rung))
            return Asking(rung, people, after is None, at + STEP if more else None)
    return Asking(Rung.MANAGER, (), not standing.asked - standing.refused, None)


def _above(after: Rung | None) -> Iterator[Rung]:
    rungs = tuple(Rung)
    yield from rungs if after is None else rungs[rungs.index(after) + 1 :]


def _on(rung: Rung, standing: Standing, besides: tuple[int, ...] = ()) -> tuple[int, ...]:
    def free(people: tuple[int, ...]) -> tuple[int, ...]:
        out = {standing.holder, *standing.refused, *standing.asked, *besides}
        return tuple(one for one in dict.fromkeys(people) if one not in out and one in standing.reachable)

    match rung:
        case Rung.NEXT:
            return free(standing.candidates)
        case Rung.BACKUP:
            return free(standing.backups)
        case Rung.MANAGER:
            managers = free(standing.managers)
            asked = standing.asked.union(besides)
            return managers or (() if asked.intersection(standing.managers) else free(standing.team))
