"""How many callers find somebody: Erlang's formulas B and C, and A for callers who give up. Exact, and with no library.

Calls come at random (Poisson) and each takes a random time (exponential); `load` is what they offer in erlangs, that is calls an
hour times hours a call. B: who finds everybody talking is gone. C: they wait for ever. A (Palm): they wait, and give up after an
exponential time of `patience`. All times are in one unit, whichever. Shares are of 1, and of all calls.

Every sum here has only positive terms, and none that can overflow is formed, so that nothing cancels: the recursion of B is the
usual one, C follows from B, and A adds the queue's states, in logarithms. In A a caller who finds `q` waiting is next after
q + 1 departures at rates n/h, n/h + 1/p, ..., n/h + q/p; with c = np/h, exp(-wait/p) then has the distribution Beta(c, q + 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_PEOPLE = 2000
"""Nobody is told that they need more."""
_SMALLEST = -60.0
"""Logarithm of a state's weight, next to the likeliest, below which it is nothing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Shares of all calls: had somebody within the time, gave up or were lost, had to wait at all; and their mean wait."""

    within: float
    lost: float
    waits: float


def blocked(people: int, load: float) -> float:
    """Erlang B: the share that finds all `people` talking. Raises ValueError for less than nothing of either."""
    _check(people, load)
    share = 1.0
    for busy in range(1, people + 1):
        share = load * share / (busy + load * share)
    return share


def waiting(people: int, load: float) -> float:
    """Erlang C: the share that has to wait; all of them where people are no more than the load."""
    if load >= people:
        _check(people, load)
        return 1.0 if load or not people else 0.0
    b = blocked(people, load)
    return b / (1 - load / people * (1 - b))


def answered(people: int, calls: float, handling: float, within: float, patience: float | None = None) -> Answered:
    """How `calls` a unit of time do with `people`; `within` is the time promised. `patience` None: they wait for ever.

    Without patience and with no more people than load, the queue grows for ever: nobody is in time. Raises ValueError for a
    handling time or patience that is not above nothing.
    """
    load = calls * handling
    _check(people, load)
    if handling <= 0 or within < 0 or (patience is not None and patience <= 0):
        raise ValueError("Give a handling time and a patience above nothing, and a promise that is not below it.")
    if not people:
        return Answered(0.0, 0.0 if patience is None else 1.0, 1.0)
    if not calls:
        return Answered(1.0, 0.0, 0.0)
    if patience is None:
        late = waiting(people, load)
        in_time = 1 - late * math.exp(-(people - load) * within / handling) if people > load else 0.0
        return Answered(in_time, 0.0, late)
    return _with_patience(people, calls, handling, within, patience)


def people_needed(
    calls: float, handling: float, within: float, target: float, patience: float | None = None, least: int = 1
) -> int | None:
    """The fewest, `least` or more, with whom `target` of the calls are in time; None where even `MOST_PEOPLE` are too few."""
    low, high = least - 1, least
    while answered(high, calls, handling, within, patience).within < target:
        low, high = high, high * 2
        if low >= MOST_PEOPLE:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if answered(middle, calls, handling, within, patience).within < target:
            low = middle
        else:
            high = middle
    return high


def _with_patience(people: int, calls: float, handling: float, within: float, patience: float) -> Answered:
    serves, leaves = people / handling, 1 / patience
    queue = _queue(calls, serves, leaves)
    scale = max(queue)
    b = blocked(people, calls * handling)
    # Weights next to that of "all talk, nobody waits"; the states before it are (1 - b) / b of that one.
    free = (1 - b) * math.exp(-scale)
    weights = [b * math.exp(each - scale) for each in queue]
    total = free + math.fsum(weights)
    c = serves / leaves
    late = _late(c, within * leaves, len(queue))
    had = (weight * c / (c + q + 1) * (1 - late[q]) for q, weight in enumerate(weights))
    gave_up = (weight * (q + 1) / (c + q + 1) for q, weight in enumerate(weights))
    return Answered(min((free + math.fsum(had)) / total, 1.0), math.fsum(gave_up) / total, math.fsum(weights) / total)


def _queue(calls: float, serves: float, leaves: float) -> list[float]:
    """Logarithms of the weights of 0, 1, 2, ... callers waiting, next to that of none, up to where they are nothing."""
    found, most = [0.0], 0.0
    while found[-1] > most + _SMALLEST:
        found.append(found[-1] + math.log(calls) - math.log(serves + len(found) * leaves))
        most = max(most, found[-1])
    return found


def _late(c: float, promised: float, states: int) -> list[float]:
    """For each number that wait already: the share whose turn comes after `promised` patiences, of those who stay for it.

    The regularised incomplete beta function I(exp(-promised); c + 1, q + 1), summed for whole q.
    """
    if not promised:
        return [1.0] * states
    log_x, log_rest = -promised, math.log(-math.expm1(-promised))
    term, total = (c + 1) * log_x, 0.0
    found = []
    for q in range(states):
        total += math.exp(term)
        found.append(min(total, 1.0))
        term += math.log(c + 1 + q) - math.log(q + 1) + log_rest
    return found


def _check(people: int, load: float) -> None:
    if people < 0 or not load >= 0 or math.isinf(load):
        raise ValueError(f"{people} people and a load of {load} erlangs were given; give neither below nothing.")
