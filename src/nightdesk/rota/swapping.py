"""What becomes of a swap: its states, who has a say, what stands against it. Facts in, values out."""

from collections.abc import Collection, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a swap: `taker` has the seat over `[start, end)` in place of `giver`."""

    seat_key: str
    start: datetime
    end: datetime
    giver: int
    taker: int


def needs_manager(rule: str, worries: Collection[str]) -> bool:
    """Whether a manager approves what the two agreed on, by the rota's rule ("free", "warned", "approved")."""
    return rule == "approved" or (rule == "warned" and bool(worries))


def others_turn(rota: resolve.Rota, share: Share) -> resolve.Turn | None:
    """The first turn in the share that is not the giver's; None where it is wholly theirs."""
    for turn in resolve.turns(rota, share.seat_key, share.start, share.end):
        if turn.member != ("person", share.giver):
            return turn
    return None


def twice_on(rotas: Sequence[resolve.Rota], shares: Sequence[Share]) -> list[tuple[Share, str, datetime]]:
    """Where a taker would have two seats at once: the share, the name of the other seat, and from when.

    What a taker gives in the same swap is not theirs any more.
    """
    found = []
    for share in shares:
        for rota in rotas:
            for seat in rota.seats:
                if seat.key == share.seat_key:
                    continue
                for turn in resolve.turns(rota, seat.key, share.start, share.end):
                    if turn.member == ("person", share.taker) and not _given(shares, seat.key, turn, share.taker):
                        found.append((share, seat.name, turn.start))
                        break
    return found


def _given(shares: Sequence[Share], seat_key: str, turn: resolve.Turn, person: int) -> bool:
    return any(
        other.giver == person and other.seat_key == seat_key and other.start <= turn.start and turn.end <= other.end
        for other in shares
    )
