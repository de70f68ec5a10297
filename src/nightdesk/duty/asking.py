"""Whom to ask next when a duty needs somebody to stand in, and when nobody will. Facts and an instant in, values out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Answer(StrEnum):
    """What somebody who was asked said. `LATE`: yes, when somebody else had it."""

    YES = "yes"
    NO = "no"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Ask:
    """One person of a search, in the order in which they are asked. `asked_at` None: not yet."""

    person_id: int
    asked_at: datetime | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Ask these now, and look again at `look_at` (None: there is nothing to wait for).

    `nobody`: it is over, as everybody declined or the time is up.
    """

    ask: tuple[int, ...] = ()
    look_at: datetime | None = None
    nobody: bool = False


def next_step(asks: Sequence[Ask], *, together: bool, patience: timedelta, deadline_at: datetime, at: datetime) -> Step:
    """What a search does at `at`, as long as nobody has said yes.

    Together: everybody at once. In order: the next one when the one before has declined, or has said nothing for
    `patience`; whoever was asked may still say yes until the deadline.
    """
    if at >= deadline_at or all(each.answer is not None for each in asks):
        return Step(nobody=True)
    unasked = [each for each in asks if each.asked_at is None and each.answer is None]
    if together:
        return Step(tuple(each.person_id for each in unasked), deadline_at)
    waits_until = max(
        (each.asked_at + patience for each in asks if each.asked_at is not None and each.answer is None), default=at
    )
    if waits_until > at or not unasked:
        return Step((), min(waits_until, deadline_at) if unasked else deadline_at)
    look_at = min(at + patience, deadline_at) if len(unasked) > 1 else deadline_at
    return Step((unasked[0].person_id,), look_at)
