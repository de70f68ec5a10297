"""What may become of a message that a caller left, and who is told when the call-back is late. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, TypeAlias


class Verb(StrEnum):
    """What is done to a message."""

    CALL = "call"
    FAIL = "fail"
    """the call-back reached nobody"""
    REACH = "reach"
    CANCEL = "cancel"
    CLOSE = "close"


State: TypeAlias = Literal["waiting", "calling", "reached", "cancelled", "closed"]

TRANSITIONS: Mapping[tuple[State, Verb], State] = MappingProxyType(
    {
        ("waiting", Verb.CALL): "calling",
        ("reached", Verb.CALL): "calling",
        # An engineer who rings while a colleague does: the second is refused by the exchange's busy line, not here.
        ("calling", Verb.CALL): "calling",
        ("calling", Verb.FAIL): "waiting",
        ("waiting", Verb.REACH): "reached",
        ("calling", Verb.REACH): "reached",
        ("reached", Verb.REACH): "reached",
        ("waiting", Verb.CANCEL): "cancelled",
        ("calling", Verb.CANCEL): "cancelled",
        ("reached", Verb.CANCEL): "cancelled",
        ("waiting", Verb.CLOSE): "closed",
        ("calling", Verb.CLOSE): "closed",
        ("reached", Verb.CLOSE): "closed",
    }
)
"""(state, verb) -> state; what is not here cannot be done."""

Chased: TypeAlias = Literal["engineer", "backup", "manager"]


@dataclass(frozen=True, slots=True)
class Chase:
    """Who is told that a call-back is owed, and when."""

    who: Chased
    at: datetime


REMIND_AT = 2 / 3
"""This part of the time that was promised may pass before whoever has it is reminded."""
MANAGER_AFTER = timedelta(minutes=10)
MANAGER_EVERY = timedelta(minutes=30)


def next_chase(taken_at: datetime, call_back_by: datetime, number: int) -> Chase:
    """Chase number `number` (from 0): whoever has it before it is late, the backup once it is, then the manager, again and again.

    There is no last one: it ends when somebody has reached the caller, or the message is over.
    """
    if number == 0:
        return Chase("engineer", taken_at + (call_back_by - taken_at) * REMIND_AT)
    if number == 1:
        return Chase("backup", call_back_by)
    return Chase("manager", call_back_by + MANAGER_AFTER + MANAGER_EVERY * (number - 2))


def first_of(names: Sequence[str]) -> str:
    """The first that says anything; "" for none."""
    return next((name for name in names if name), "")
