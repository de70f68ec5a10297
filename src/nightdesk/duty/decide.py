"""What becomes of a seat's token when a turn begins, and to whom it goes next. Facts in, values out."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import cast
from zoneinfo import ZoneInfo

from nightdesk.rota import resolve

Member = tuple[str, int]
"""("person", id) or ("team", id), as in `rota`."""

GAPS_LOOKED_THROUGH = 16
"""Changes of the plan that `next_handover` looks through: more than a fortnight of shifts with a gap after each."""


class Outcome(StrEnum):
    PASSES = "passes"
    HAS_IT = "has_it"
    """the holder is whom the plan wants"""
    GAP = "gap"
    """nobody is planned: the holder keeps it"""
    NOT_TAKEN = "not_taken"
    """nobody who is planned has accepted: the holder keeps it"""
    STANDS = "stands"
    """somebody took it, or was given it, when the turn had begun: what a person did is not undone"""


@dataclass(frozen=True, slots=True)
class Start:
    """A turn of `member` begins at `at`.

    `candidates` are the active people who may have it: the person, or the team's members. `accepted_by` accepted this
    turn. `holder` has the token since `held_from`, `by_hand` where a person said so and not the plan; None while nobody
    has.
    """

    at: datetime
    member: Member | None
    candidates: frozenset[int]
    accepted_by: int | None
    acceptance_required: bool
    holder: int | None
    held_from: datetime | None
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """`to` is whom the token passes to, from `Start.at` on; None unless it passes. `accepted`: because they had said so."""

    outcome: Outcome
    to: int | None = None
    accepted: bool = False


def begin(start: Start) -> Decision:
    """What becomes of the token. Where acceptance is not needed it passes by itself, if it is clear to whom."""
    if start.held_from is not None:
        # What the plan did at this very instant, a plan changed at this instant may do otherwise.
        latest = start.at if start.by_hand else start.at + datetime.resolution
        if start.held_from >= latest:
            return Decision(Outcome.STANDS)
    if start.member is None:
        return Decision(Outcome.GAP)
    if start.accepted_by in start.candidates:
        if start.accepted_by == start.holder:
            return Decision(Outcome.HAS_IT)
        return Decision(Outcome.PASSES, start.accepted_by, accepted=True)
    if start.holder in start.candidates:
        return Decision(Outcome.HAS_IT)
    if not start.acceptance_required and len(start.candidates) == 1:
        (only,) = start.candidates
        return Decision(Outcome.PASSES, only)
    return Decision(Outcome.NOT_TAKEN)


@dataclass(frozen=True, slots=True)
class Handover:
    """From `at` on the plan wants `member`, who is not the holder."""

    at: datetime
    member: Member


def planned(rota: resolve.Rota, seat_key: str, at: datetime) -> Member | None:
    """Who should hold the seat at `at`."""
    return cast("Member | None", resolve.scheduled(rota, at)[seat_key])


def begins(rota: resolve.Rota, seat_key: str, at: datetime) -> bool:
    """Whether somebody's turn begins exactly at `at`."""
    around = resolve.turns(rota, seat_key, at - datetime.resolution, at + datetime.resolution)
    return around[-1].start == at and around[-1].member is not None


def changes(rota: resolve.Rota, seat_key: str, at: datetime) -> bool:
    """Whether the plan wants somebody else from `at` on than before, or nobody, or somebody again."""
    return resolve.next_change(rota, seat_key, at - datetime.resolution) == at


def same_turn(rota: resolve.Rota, seat_key: str, start: datetime, at: datetime) -> bool:
    """Whether the plan does not change over (`start`, `at`]."""
    change = resolve.next_change(rota, seat_key, start)
    return change is None or change > at


def next_handover(
    rota: resolve.Rota, seat_key: str, after: datetime, is_holder: Callable[[Member], bool]
) -> Handover | None:
    """When the plan next wants somebody for whom `is_holder` is false; in gaps the holder keeps the token.

    None when nobody else comes within `GAPS_LOOKED_THROUGH` changes.
    """
    for _ in range(GAPS_LOOKED_THROUGH):
        change = resolve.next_change(rota, seat_key, after)
        if change is None:
            return None
        member = planned(rota, seat_key, change)
        if member is not None and not is_holder(member):
            return Handover(change, member)
        after = change
    return None


def stretches(
    rota: resolve.Rota, seat_key: str, start: datetime, end: datetime
) -> list[tuple[Member, datetime, datetime]]:
    """Whose turn it is over `[start, end)`, in order, without the gaps; turns of one member that meet are one."""
    found: list[tuple[Member, datetime, datetime]] = []
    for turn in resolve.turns(rota, seat_key, start, end):
        if turn.member is None:
            continue
        if found and found[-1][0] == turn.member and found[-1][2] == turn.start:
            found[-1] = (found[-1][0], found[-1][1], turn.end)
        else:
            found.append((cast("Member", turn.member), turn.start, turn.end))
    return found


# --- Whether somebody can be woken -----------------------------------------------------------------------------------

STAGES = (timedelta(hours=24), timedelta(hours=2), timedelta(0))
"""How long before a turn it is looked whether its people can be woken, the longest first; also while it is on."""


def stage(turn_at: datetime | None, at: datetime) -> timedelta | None:
    """The last of STAGES that has come for a turn that begins at `turn_at` (None: it is on); None while it is far off."""
    left = timedelta(0) if turn_at is None else max(turn_at - at, timedelta(0))
    return min((each for each in STAGES if left <= each), default=None)


def next_look(turns: Iterable[datetime], proofs_end: Iterable[datetime], at: datetime) -> datetime | None:
    """When to look again: at the next stage of one of the turns, or when the last proof that a number works grows old."""
    looks = [*(turn_at - each for turn_at in turns for each in STAGES), *proofs_end]
    return min((look for look in looks if look > at), default=None)


# --- Out of reach ----------------------------------------------------------------------------------------------------

LONGEST_AWAY = timedelta(hours=12)
"""Whoever is out of reach for longer passes the duty."""
_CLOCK = re.compile(r"(\d{1,2})[:.h]?(\d{2})|(\d{1,2})h?")


def who_rings(holder: int | None, behind: Sequence[int], away: Collection[int]) -> int | None:
    """Whom pages of a seat ring: its holder; while they are out of reach the first of those `behind` who is not.

    Where all of them are out of reach it is the holder all the same: a page rings somebody. None where nobody holds it.
    """
    if holder is None or holder not in away:
        return holder
    return next((one for one in behind if one not in away and one != holder), holder)


def when_back(text: str, zone: ZoneInfo, at: datetime) -> datetime | None:
    """The instant that "18:40", "1840" or "18.40" means: the next at which clocks in `zone` show it. None: no such time.

    A time that the clocks skip is the first instant after the gap; one that they show twice and that has gone by once is
    the second.
    """
    match = _CLOCK.fullmatch(text.strip().lower())
    if match is None:
        return None
    hour, minute = int(match[1] or match[3]), int(match[2] or 0)
    if hour > 23 or minute > 59:
        return None
    today = at.astimezone(zone).date()
    for day in (today, today + timedelta(days=1)):
        local = datetime.combine(day, time(hour, minute))
        again = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
        for instant in (resolve.instant_of(local, zone), again):
            if instant > at and instant.astimezone(zone).replace(tzinfo=None, fold=0) >= local:
                return instant
    return None
