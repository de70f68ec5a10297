"""What may follow what in planned work, what it clashes with, and where it takes both legs of a pair. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from nightdesk.outages.effect import Effect, Graph, effects
from nightdesk.outages.maintnote import Impact, Status


class State(StrEnum):
    """Where planned work stands. Of what is proposed nobody outside knows."""

    PROPOSED = "proposed"
    TENTATIVE = "tentative"
    ANNOUNCED = "announced"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DISMISSED = "dismissed"


class Step(StrEnum):
    """What is done to planned work."""

    HINT = "hint"
    ANNOUNCE = "announce"
    EDIT = "edit"
    REMIND = "remind"
    OPEN = "open"
    EXTEND = "extend"
    CLOSE = "close"
    CALL_OFF = "call_off"
    DISMISS = "dismiss"


S, V = State, Step
TRANSITIONS: Mapping[State, Mapping[Step, State]] = {
    S.PROPOSED: {V.EDIT: S.PROPOSED, V.HINT: S.TENTATIVE, V.ANNOUNCE: S.ANNOUNCED, V.DISMISS: S.DISMISSED},
    S.TENTATIVE: {V.EDIT: S.TENTATIVE, V.ANNOUNCE: S.ANNOUNCED, V.CALL_OFF: S.CANCELLED},
    S.ANNOUNCED: {
        V.EDIT: S.ANNOUNCED,
        V.REMIND: S.ANNOUNCED,
        V.OPEN: S.IN_PROGRESS,
        V.CALL_OFF: S.CANCELLED,
        V.CLOSE: S.COMPLETED,
    },
    S.IN_PROGRESS: {V.EXTEND: S.IN_PROGRESS, V.CLOSE: S.COMPLETED, V.CALL_OFF: S.CANCELLED},
    S.COMPLETED: {},
    S.CANCELLED: {},
    S.DISMISSED: {},
}
"""State -> what may be done in it, and where that leads."""

TOLD = frozenset({S.TENTATIVE, S.ANNOUNCED, S.IN_PROGRESS, S.COMPLETED, S.CANCELLED})
"""States of which customers have heard."""
OVER = frozenset({S.COMPLETED, S.CANCELLED, S.DISMISSED})

STATUS: Mapping[State, Status] = {
    S.TENTATIVE: Status.TENTATIVE,
    S.ANNOUNCED: Status.CONFIRMED,
    S.IN_PROGRESS: Status.IN_PROCESS,
    S.COMPLETED: Status.COMPLETED,
    S.CANCELLED: Status.CANCELLED,
}
"""How a MAINTNOTE calls it. A window that moved is CONFIRMED anew: the BCOP knows no other word, nor do most readers."""

IMPACT: Mapping[Effect, Impact] = {
    Effect.WORKS: Impact.NO_IMPACT,
    Effect.REDUCED: Impact.REDUCED_REDUNDANCY,
    Effect.DEGRADED: Impact.DEGRADED,
    Effect.DOWN: Impact.OUTAGE,
}
EFFECT: Mapping[Impact, Effect] = {impact: effect for effect, impact in IMPACT.items()}


def leads_to(state: State, step: Step) -> State | None:
    """The state after `step`; None where it may not be done."""
    return TRANSITIONS[state].get(step)


# --- What it clashes with --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frozen:
    """Nothing may be done in `[from_at, until_at)`, because of `name`."""

    name: str
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed with a customer: how long before they are told, and when nothing may be done."""

    customer: int
    notice: timedelta = timedelta(0)
    freezes: tuple[Frozen, ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """Why the window does not suit a customer: told too late ("notice", `until_at` is the earliest beginning), or in a freeze
    that lasts until `until_at`.
    """

    customer: int
    kind: Literal["notice", "freeze"]
    name: str
    until_at: datetime


def clashes(from_at: datetime, until_at: datetime, told_at: datetime, terms: Iterable[Terms]) -> list[Clash]:
    """What work in `[from_at, until_at)`, told at `told_at`, clashes with."""
    found = []
    for one in terms:
        if told_at + one.notice > from_at:
            found.append(Clash(one.customer, "notice", "", told_at + one.notice))
        found += [
            Clash(one.customer, "freeze", freeze.name, freeze.until_at)
            for freeze in one.freezes
            if freeze.from_at < until_at and from_at < freeze.until_at
        ]
    return found


def reminders(from_at: datetime, hours: Iterable[int], at: datetime) -> list[datetime]:
    """When to remind of work that begins at `from_at`: so many hours before, each once, as far as that is to come."""
    wanted = {from_at - timedelta(hours=before) for before in hours if before > 0}
    return sorted(instant for instant in wanted if instant > at)


# --- Both legs at once -----------------------------------------------------------------------------------------------


def both_legs(graph: Graph, failed: Mapping[int, Effect], beside: Mapping[int, Effect]) -> dict[int, tuple[int, ...]]:
    """Subscription -> the parts that together take it down, while no one of them alone would.

    `failed`: the parts of this work; `beside`: those of other work at the same time, and those that have failed.
    """
    together = {
        part: max(failed.get(part, Effect.WORKS), beside.get(part, Effect.WORKS)) for part in {*failed, *beside}
    }
    alone = [_down(graph, {part: effect}) for part, effect in together.items()]
    left = _down(graph, together).difference(_down(graph, beside), *alone)
    return {one: _needed(graph, one, together) for one in sorted(left)}


def _down(graph: Graph, failed: Mapping[int, Effect]) -> set[int]:
    found = effects(graph, failed).subscriptions
    return {subscription for subscription, effect in found.items() if effect is Effect.DOWN}


def _needed(graph: Graph, subscription: int, together: Mapping[int, Effect]) -> tuple[int, ...]:
    """Those of the parts without any of which it would not be down."""
    needed: Sequence[int] = sorted(together)
    for part in list(needed):
        without = {one: together[one] for one in needed if one != part}
        if subscription in _down(graph, without):
            needed = sorted(without)
    return tuple(needed)
