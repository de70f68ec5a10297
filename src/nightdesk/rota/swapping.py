"""What becomes of a swap: its states, who has a say, what stands against it. Facts in, values out."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from nightdesk.rota import resolve

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "asked": frozenset({"accepted", "done", "declined", "refused", "cancelled"}),
    "accepted": frozenset({"done", "refused", "cancelled"}),
    "done": frozenset(),
    "declined": frozenset(),
    "refused": frozenset(),
    "cancelled": frozenset(),
}
"""State -> what it may become."""


NEEDS_MANAGER: Mapping[str, Callable[[Collection[str]], bool]] = {
    "free": lambda _worries: False,
    "warned": bool,
    "approved": lambda _worries: True,
}
"""A rota's rule -> whether a manager approves what the two agreed on, by what the law has to say of it."""


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a swap: `taker` has the seat over `[start, end)` in place of `giver`."""

    seat_key: str
    start: datetime
    end: datetime
    giver: int
    taker: int


def others_turn(rota: resolve.Rota, share: Share) -> resolve.Turn | None:
    """The first turn in the share that is not the giver's; None where it is wholly theirs."""
    for turn in resolve.turns(rota, share.seat_key, share.start, share.end):
        if turn.member != ("person", share.giver):
            return turn
    return None
