"""What the failure of parts does to everything that needs them: a graph and the failed parts in, effects out.

Parts, services and subscriptions are numbers here. A need is met by `at_least` of its members; whatever has needs has the
worst effect of them, and a part that failed itself has at least that. Nothing here knows Django, the database or the time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from itertools import chain


class Effect(IntEnum):
    """How something is, the worse the higher. REDUCED: it works, and the next failure takes it away."""

    WORKS = 0
    REDUCED = 1
    DEGRADED = 2
    DOWN = 3


def stretches_down(turns: Sequence[datetime], until: datetime) -> list[tuple[datetime, datetime]]:
    """[from, to) of each time that something was down before `until`; `turns`: when it went down and came up, by turns."""
    ends = [*turns[1::2], until]
    found = ((start, min(end, until)) for start, end in zip(turns[::2], ends, strict=False))
    return [(start, end) for start, end in found if start < end]


PART, SERVICE, SUBSCRIPTION = "part", "service", "subscription"
Owner = tuple[str, int]
"""(one of PART, SERVICE, SUBSCRIPTION; its number)."""


@dataclass(frozen=True, slots=True)
class Need:
    """`owner` needs `at_least` of `members` (parts); None for all of them."""

    owner: Owner
    members: tuple[int, ...]
    at_least: int | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """What needs what, turned round: whatever a part takes with it. `bought`: subscription -> service. Built by `graph_of`.

    An owner that needs all of some parts is as bad as the worst of them, so that an effect passes straight on to it. Where
    fewer are enough, the need counts how many of its members are no better.
    """

    parts_on: Mapping[int, Sequence[int]]
    """Part -> the parts that cannot do without it."""
    services_on: Mapping[int, Sequence[int]]
    subscriptions_on: Mapping[int, Sequence[int]]
    counts_of: Mapping[int, Sequence[int]]
    """Part -> the needs, by their place in `counted`, of which it is one of several."""
    counted: Sequence[tuple[str, int, int]]
    """(kind of owner, its number, how many members it can spare)."""
    buyers: Mapping[int, Sequence[int]]
    """Service -> the subscriptions to it."""
    bought: Mapping[int, int]
    circular: Mapping[int, Sequence[int]]
    """Parts that need one another in a circle, or stand above such, with what they need among these."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Only what does not work as it should; all else WORKS."""

    parts: Mapping[int, Effect] = field(default_factory=dict)
    services: Mapping[int, Effect] = field(default_factory=dict)
    subscriptions: Mapping[int, Effect] = field(default_factory=dict)


class Circular(ValueError):
    """Parts need one another in a circle, so that neither could be said to work. `parts` are the circle, in its order."""

    def __init__(self, parts: Sequence[int]) -> None:
        super().__init__(f"Parts {', '.join(map(str, parts))} need one another in a circle.")
        self.parts = tuple(parts)


def graph_of(needs: Iterable[Need], bought: Mapping[int, int]) -> Graph:
    """The graph of these needs; `bought` says of each subscription which service it is to. A need without members is met."""
    on: dict[str, dict[int, list[int]]] = {
        PART: defaultdict(list),
        SERVICE: defaultdict(list),
        SUBSCRIPTION: defaultdict(list),
    }
    counts_of: dict[int, list[int]] = defaultdict(list)
    counted: list[tuple[str, int, int]] = []
    below: dict[int, set[int]] = defaultdict(set)
    for need in needs:
        kind, number = need.owner
        spare = 0 if need.at_least is None else len(need.members) - need.at_least
        if spare > 0:
            for member in need.members:
                counts_of[member].append(len(counted))
            counted.append((kind, number, spare))
        else:
            for member in need.members:
                on[kind][member].append(number)
        if kind == PART:
            below[number].update(need.members)
    buyers: dict[int, list[int]] = defaultdict(list)
    for subscription, service in bought.items():
        buyers[service].append(subscription)
    return Graph(
        parts_on=_settled(on[PART]),
        services_on=_settled(on[SERVICE]),
        subscriptions_on=_settled(on[SUBSCRIPTION]),
        counts_of=_settled(counts_of),
        counted=counted,
        buyers=_settled(buyers),
        bought=bought,
        circular=_circular(below),
    )


def _settled(table: Mapping[int, Sequence[int]]) -> dict[int, Sequence[int]]:
    """The table as a plain one in little memory."""
    return {number: tuple(numbers) for number, numbers in table.items()}


def _circular(below: Mapping[int, set[int]]) -> dict[int, Sequence[int]]:
    """What is left when parts that need nothing, or only such as were taken away before, are taken away."""
    above: dict[int, list[int]] = defaultdict(list)
    for part, members in below.items():
        for member in members:
            above[member].append(part)
    missing = {part: len(members) for part, members in below.items()}
    ready = [part for part in above if not missing.get(part)]
    while ready:
        for part in above.get(ready.pop(), ()):
            missing[part] -= 1
            if missing[part] == 0:
                ready.append(part)
    left = {part for part, count in missing.items() if count > 0}
    return {part: sorted(below[part] & left) for part in left}


def effects(graph: Graph, failed: Mapping[int, Effect]) -> Effects:
    """What these failures do. Only what stands above them is looked at, the worst effect first, each part once.

    Raises Circular where parts above them need one another.
    """
    parts: dict[int, Effect] = {}
    services: dict[int, Effect] = {}
    subscriptions: dict[int, Effect] = {}
    found = {SERVICE: services, SUBSCRIPTION: subscriptions}
    no_better: dict[int, int] = {}
    """Of each need that counts, how many members are no better than the effect at hand."""
    for effect in (Effect.DOWN, Effect.DEGRADED, Effect.REDUCED):
        here = {part for part, own in failed.items() if own == effect}
        reached: dict[str, list[int]] = {PART: [], SERVICE: [], SUBSCRIPTION: []}
        if effect is Effect.REDUCED:
            # A need that lost a member and can still spare more is met, and its owner has less to spare.
            for place in no_better:
                kind, number, _spare = graph.counted[place]
                reached[kind].append(number)
            here.update(reached[PART])
        while here := here.difference(parts):
            parts.update(dict.fromkeys(here, effect))
            reached[SERVICE] += _all_of(graph.services_on, here)
            reached[SUBSCRIPTION] += _all_of(graph.subscriptions_on, here)
            reached[PART] = _all_of(graph.parts_on, here)
            for place in _all_of(graph.counts_of, here):
                kind, number, spare = graph.counted[place]
                no_better[place] = count = no_better.get(place, 0) + 1
                if count > spare or effect is Effect.REDUCED:
                    reached[kind].append(number)
            here = set(reached[PART])
        for kind, table in found.items():
            table.update(dict.fromkeys(set(reached[kind]).difference(table), effect))
    if graph.circular and (around := parts.keys() & graph.circular.keys()):
        raise Circular(_circle(graph.circular, min(around)))
    for service, effect in services.items():
        for subscription in graph.buyers.get(service, ()):
            if subscriptions.get(subscription, Effect.WORKS) < effect:
                subscriptions[subscription] = effect
    return Effects(parts, services, subscriptions)


def _all_of(table: Mapping[int, Sequence[int]], parts: Iterable[int]) -> list[int]:
    """What the table has for each of the parts, together."""
    return list(chain.from_iterable(filter(None, map(table.get, parts))))


def _circle(circular: Mapping[int, Sequence[int]], part: int) -> list[int]:
    """The circle below the part, itself among it or not."""
    path: list[int] = []
    while part not in path:
        path.append(part)
        part = circular[part][0]
    return path[path.index(part) :]


def circle_in(graph: Graph) -> tuple[int, ...]:
    """Parts that need one another in a circle; () where there are none."""
    return tuple(_circle(graph.circular, min(graph.circular))) if graph.circular else ()
