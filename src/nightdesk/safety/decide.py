"""What is due of a visit: to ask, to ring, to tell the watcher, to tell the duty manager. Facts and an instant in, values out.

Every instant is UTC, so no change of the clocks moves a step; nothing hangs on a message having arrived, so an empty battery is
silence like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

SHORTEST_EVERY, LONGEST_EVERY = timedelta(minutes=5), timedelta(hours=4)
SHORTEST_GRACE, LONGEST_GRACE = timedelta(minutes=1), timedelta(minutes=60)
SHORTEST_IN_DRILL = timedelta(minutes=1)
RING_FOR = timedelta(minutes=5)
"""From the visitor's telephone ringing until the watcher is told."""
WATCHER_FOR = timedelta(minutes=10)
"""From the watcher being told until the duty manager is, where nobody has taken it."""
TAKEN_FOR = timedelta(minutes=20)
"""From somebody having taken it until the duty manager is told all the same: they may be in trouble themselves."""
CATCH_UP = timedelta(minutes=2)
"""What was missed while we were down is done at once, but each step leaves this long, or its own wait if shorter, to answer."""


class State(StrEnum):
    PLANNED = "planned"
    OUT = "out"
    ENDED = "ended"
    CANCELLED = "cancelled"


class Verb(StrEnum):
    BEGIN = "begin"
    END = "end"
    CANCEL = "cancel"


TRANSITIONS: Mapping[tuple[State, Verb], State] = {
    (State.PLANNED, Verb.BEGIN): State.OUT,
    (State.PLANNED, Verb.CANCEL): State.CANCELLED,
    (State.OUT, Verb.END): State.ENDED,
}


class Step(StrEnum):
    """What is done about a visitor of whom nothing is heard, in this order."""

    ASK = "ask"
    RING = "ring"
    WATCHER = "watcher"
    MANAGER = "manager"


ORDER = tuple(Step)


class Sign(StrEnum):
    """What shows that somebody is awake and well. The first are their own word; the others only spare them a question."""

    CHECK_IN = "check_in"
    VOUCHED = "vouched"
    BEGAN = "began"
    PAGE = "page"
    SIGNED_IN = "signed_in"
    CALL = "call"
    DOOR = "door"
    TRACKER = "tracker"


DIRECT = frozenset({Sign.CHECK_IN, Sign.VOUCHED})
"""Only these end an alarm: anybody may hold a door card."""


class Due(NamedTuple):
    """A step, and when it is to be done."""

    step: Step
    at: datetime


@dataclass(frozen=True, slots=True)
class Watch:
    """A visit that is on. `sign_at`: the last sign of life; the others: when each step was done since then.

    `taken_at`: when somebody took the watcher's alarm. `alarmed`: the visitor asked for help or gave the duress word, so that
    watcher and duty manager are told at once and no sign of theirs ends it.
    """

    sign_at: datetime
    back_by_at: datetime
    every: timedelta
    grace: timedelta
    asked_at: datetime | None = None
    rang_at: datetime | None = None
    watcher_at: datetime | None = None
    manager_at: datetime | None = None
    taken_at: datetime | None = None
    alarmed: bool = False

    def done_at(self, step: Step) -> datetime | None:
        """When the step was done since the last sign; None: not yet."""
        return {
            Step.ASK: self.asked_at,
            Step.RING: self.rang_at,
            Step.WATCHER: self.watcher_at,
            Step.MANAGER: self.manager_at,
        }[step]


def ask_at(watch: Watch) -> datetime:
    """When the next sign of life is asked for: an interval after the last, and when they should be back if that is sooner."""
    by_interval = watch.sign_at + watch.every
    return min(by_interval, watch.back_by_at) if watch.sign_at < watch.back_by_at else by_interval


def next_due(watch: Watch) -> Due | None:
    """The one step that comes next; None once everybody is told."""
    step = next((step for step in ORDER if watch.done_at(step) is None and not _passed(watch, step)), None)
    return Due(step, _due_at(watch, step)) if step is not None else None


def ladder(watch: Watch) -> list[Due]:
    """Every step that is still to come if nothing is heard, each as if the one before were done in time."""
    coming = []
    while (due := next_due(watch)) is not None:
        coming.append(due)
        watch = done(watch, due.step, due.at)
    return coming


def done(watch: Watch, step: Step, at: datetime) -> Watch:
    """The watch once the step is done."""
    if step is Step.ASK:
        return replace(watch, asked_at=at)
    if step is Step.RING:
        return replace(watch, rang_at=at)
    if step is Step.WATCHER:
        return replace(watch, watcher_at=at)
    return replace(watch, manager_at=at)


def heard(watch: Watch, sign: Sign, sign_at: datetime) -> Watch:
    """The watch once there is a sign of life of `sign_at`, which may be older than now: what was asked before is answered.

    An alarm stands against what is not their own word, and one of help or duress against that too. The same instant told again,
    as by a tracker that nobody moves, is nothing new.
    """
    known = sign_at < watch.sign_at or (sign_at == watch.sign_at and sign not in DIRECT)
    if known or not answers(watch, sign):
        return watch
    return replace(watch, sign_at=sign_at, asked_at=None, rang_at=None, watcher_at=None, manager_at=None, taken_at=None)


def answers(watch: Watch, sign: Sign) -> bool:
    """Whether such a sign ends what is being done about a silence."""
    if watch.alarmed:
        return False
    return watch.watcher_at is None or sign in DIRECT


def _passed(watch: Watch, step: Step) -> bool:
    """Who has called for help is neither asked nor rung; where a later step is done an earlier one is not wanted."""
    if watch.alarmed and step in (Step.ASK, Step.RING):
        return True
    later = ORDER[ORDER.index(step) + 1 :]
    return any(watch.done_at(each) is not None for each in later)


def _due_at(watch: Watch, step: Step) -> datetime:
    if watch.alarmed:
        return watch.watcher_at or watch.sign_at
    asked = ask_at(watch)
    rung = asked + watch.grace
    if step is Step.ASK:
        return asked
    if step is Step.RING:
        return _after(watch.asked_at, watch.grace, rung)
    if step is Step.WATCHER:
        return _after(watch.rang_at, RING_FOR, rung + RING_FOR)
    if watch.taken_at is not None:
        return watch.taken_at + TAKEN_FOR
    return _after(watch.watcher_at, WATCHER_FOR, rung + RING_FOR + WATCHER_FOR)


def _after(before_at: datetime | None, wait: timedelta, planned_at: datetime) -> datetime:
    """When it was planned, but never so soon after the step before that nobody could answer that."""
    return planned_at if before_at is None else max(planned_at, before_at + min(wait, CATCH_UP))
