"""What may follow what in an outage, who may approve a statement, and when somebody is told that an update is late.

Pure: no Django, clock or input and output.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """Where an outage stands; the words are those of status pages everywhere."""

    PROPOSED = "proposed"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


S = State

TOLD: Mapping[State, frozenset[State]] = {
    S.PROPOSED: frozenset({S.INVESTIGATING, S.IDENTIFIED, S.MONITORING, S.WITHDRAWN}),
    S.INVESTIGATING: frozenset({S.INVESTIGATING, S.IDENTIFIED, S.MONITORING, S.RESOLVED, S.WITHDRAWN}),
    S.IDENTIFIED: frozenset({S.INVESTIGATING, S.IDENTIFIED, S.MONITORING, S.RESOLVED, S.WITHDRAWN}),
    S.MONITORING: frozenset({S.INVESTIGATING, S.IDENTIFIED, S.MONITORING, S.RESOLVED, S.WITHDRAWN}),
    # It came back: the same outage goes on, and those who heard of its end hear that it was none.
    S.RESOLVED: frozenset({S.INVESTIGATING, S.IDENTIFIED, S.MONITORING, S.RESOLVED}),
    S.WITHDRAWN: frozenset(),
}
"""Which states an update may lead to, from each. A proposed one becomes an outage by its first update, or by none at all."""

OVER = frozenset({S.RESOLVED, S.WITHDRAWN})
EVERY = frozenset(S)
OPEN = EVERY - OVER
"""States of what is not over, a proposed outage among them."""


def may_lead(state: State, to: State) -> bool:
    """Whether an update may take an outage from `state` to `to`."""
    return to in TOLD[state]


class Approver(StrEnum):
    """Who may approve a statement: whoever may write one, the desk, or a manager."""

    ANYBODY = "anybody"
    DESK = "desk"
    MANAGER = "manager"


APPROVERS: Mapping[str, Approver] = {
    "minor": Approver.ANYBODY,
    "major": Approver.DESK,
    "critical": Approver.MANAGER,
}
"""Severity -> who may approve a statement about it, where a brand says nothing else."""

APPROVE_VERB: Mapping[Approver, str] = {
    Approver.ANYBODY: "write_update",
    Approver.DESK: "approve_update",
    Approver.MANAGER: "approve_critical_update",
}
"""The verb of the matrix that stands for each."""

SILENT_FOR = timedelta(minutes=5)
"""How long a statement waits for its approver before the holding statement goes in its place."""


def approver_of(severity: str, own: Mapping[str, str]) -> Approver:
    """Who may approve a statement about an outage of that severity; `own` is what the brand says itself."""
    return Approver(own.get(severity) or APPROVERS[severity])


def next_mark(at: datetime, after: timedelta) -> datetime:
    """The first five-minute mark at or after `at` + `after`: when people say that the next word comes."""
    due = at + after
    extra = timedelta(minutes=due.minute % 5, seconds=due.second, microseconds=due.microsecond)
    return due if not extra else due - extra + timedelta(minutes=5)


class Chased(StrEnum):
    """Who is told that an update is late; never whoever is fixing it."""

    VOICE = "voice"
    DESK = "desk"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Chase:
    """`who` is chased at `at`."""

    who: Chased
    at: datetime


AHEAD = timedelta(minutes=5)
CHASES: tuple[tuple[timedelta, Chased], ...] = (
    (-AHEAD, Chased.VOICE),
    (timedelta(0), Chased.VOICE),
    (timedelta(minutes=5), Chased.DESK),
    (timedelta(minutes=10), Chased.MANAGER),
)
"""When who is chased, counted from when the update was due; then the manager every ten minutes."""
AGAIN = timedelta(minutes=10)


def next_chase(due_at: datetime, number: int) -> Chase:
    """The chase number `number` (from 0) of an update that was due at `due_at`. There is always another."""
    if number < len(CHASES):
        after, who = CHASES[number]
        return Chase(who, due_at + after)
    return Chase(Chased.MANAGER, due_at + CHASES[-1][0] + AGAIN * (number - len(CHASES) + 1))


GATHER = timedelta(minutes=3)
"""How long a word may wait for that of another outage, so that whoever is touched by both reads one message."""
IN_TIME = timedelta(seconds=30)
"""How long before it was promised a word that waited sets out."""


def waits_until(at: datetime, *, owed_at: datetime | None, other_owed_at: datetime | None) -> datetime | None:
    """Until when a word that comes at `at` may wait for that of another outage, to whoever hears of both; None: it goes at once.

    It waits only for a word that is promised within GATHER, and never beyond what was promised itself (`owed_at`; a first word
    never was).
    """
    if owed_at is None or other_owed_at is None:
        return None
    until = other_owed_at - IN_TIME
    return until if at < until <= min(owed_at - IN_TIME, at + GATHER) else None
