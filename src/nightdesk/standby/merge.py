"""One page as two sites know it. Which of two versions holds is a total order, so that merging is idempotent, commutative and
associative: whatever comes, in whatever order and however often, both sites end with the same.

Resolved is final. Else the later change of state holds: who fell asleep over a page that they had taken at 03:00 has not got
it any more at 03:20, whatever another site says. Changed at one instant, taken holds over open. How far the ladder has been
rung is the farther of the two, within the same change: nobody is rung twice for one rung.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

StateName = Literal["triggered", "acknowledged", "resolved"]
_RANK = {"triggered": 0, "acknowledged": 1, "resolved": 2}


@dataclass(frozen=True, slots=True)
class Held:
    """How a page stands at a site: `changed_at` is when its state last changed there; `owner` whoever has it."""

    state: StateName
    changed_at: datetime
    owner: int | None = None
    rung: int = 0
    rings: int = 0
    resolution: str = ""


def merged(one: Held, other: Held) -> Held:
    """The version of the two that holds."""
    return max(one, other, key=_order)


def _order(held: Held) -> tuple[bool, float, int, int, int, int, str]:
    # Of two that resolved it the first one counts, as of two that took it at one instant the lower number.
    over = held.state == "resolved"
    stamp = held.changed_at.timestamp()
    return (
        over, -stamp if over else stamp, _RANK[held.state], -(held.owner or 0), held.rung, held.rings, held.resolution,
    )  # fmt: skip


Move = Literal["nothing", "insert", "acknowledge", "resolve", "ring_on", "wake"]


def move(mine: Held | None, theirs: Held) -> Move:
    """What has to be done to my page so that it stands as the merger of both; None: I have no such page.

    `ring_on`: it is open at both, and the other has rung farther; `wake`: I think that somebody has it, and they have not.
    """
    if mine is None:
        return "insert"
    if merged(mine, theirs) == mine:
        return "nothing"
    if theirs.state == mine.state:
        # Two took it: whoever has it at the main site keeps it, which the second one then follows.
        return "ring_on" if theirs.state == "triggered" else "nothing"
    return {"resolved": "resolve", "acknowledged": "acknowledge", "triggered": "wake"}[theirs.state]  # type: ignore[return-value]
