"""What the failure of parts does to everything that needs them: a graph and the failed parts in, effects out.

Parts, services and subscriptions are numbers here. A need is met by `at_least` of its members; whatever has needs has the
worst effect of them, and a part that failed itself has at least that. Nothing here knows Django, the database or the time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Effect(IntEnum):
    """How something is, the worse the higher. REDUCED: it works, and the next failure takes it away."""

    WORKS = 0
    REDUCED = 1
    DEGRADED = 2
    DOWN = 3


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
    """What needs what. `bought`: subscription -> service. Built by `graph_of`."""

    needs_of_part: Mapping[int, Sequence[tuple[int, ...]]]
    """Part -> its needs, each (how many are needed, member, member, ...)."""
    needs_of_service: Mapping[int, Sequence[tuple[int, ...]]]
    needs_of_subscription: Mapping[int, Sequence[tuple[int, ...]]]
    owners_of: Mapping[int, Sequence[Owner]]
    """Part -> whatever has a need with it."""
    buyers: Mapping[int, Sequence[int]]
    """Service -> the subscriptions to it."""
    bought: Mapping[int, int]


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
    tables: dict[str, dict[int, list[tuple[int, ...]]]] = {
        PART: defaultdict(list),
        SERVICE: defaultdict(list),
        SUBSCRIPTION: defaultdict(list),
    }
    owners: dict[int, list[Owner]] = defaultdict(list)
    for need in needs:
        if not need.members:
            continue
        kind, number = need.owner
        threshold = len(need.members) if need.at_least is None else min(need.at_least, len(need.members))
        tables[kind][number].append((threshold, *need.members))
        for member in need.members:
            owners[member].append(need.owner)
    buyers: dict[int, list[int]] = defaultdict(list)
    for subscription, service in bought.items():
        buyers[service].append(subscription)
    return Graph(tables[PART], tables[SERVICE], tables[SUBSCRIPTION], owners, buyers, bought)


def effects(graph: Graph, failed: Mapping[int, Effect]) -> Effects:
    """What these failures do. Only what stands above them is looked at, each part once, after all that it needs.

    Raises Circular where parts above them need one another.
    """
    parts: dict[int, Effect] = {part: effect for part, effect in failed.items() if effect is not Effect.WORKS}
    for part in _in_order(graph, parts):
        worst = max((_of_need(need, parts) for need in graph.needs_of_part.get(part, ())), default=Effect.WORKS)
        worst = max(worst, failed.get(part, Effect.WORKS))
        if worst is not Effect.WORKS:
            parts[part] = worst
    above = {owner for part in parts for owner in graph.owners_of.get(part, ()) if owner[0] != PART}
    services: dict[int, Effect] = {}
    subscriptions: dict[int, Effect] = {}
    for kind, number in above:
        if kind == SERVICE:
            worst = max(_of_need(need, parts) for need in graph.needs_of_service[number])
            if worst is not Effect.WORKS:
                services[number] = worst
        else:
            worst = max(_of_need(need, parts) for need in graph.needs_of_subscription[number])
            if worst is not Effect.WORKS:
                subscriptions[number] = worst
    for service, effect in services.items():
        for subscription in graph.buyers.get(service, ()):
            if subscriptions.get(subscription, Effect.WORKS) < effect:
                subscriptions[subscription] = effect
    return Effects(parts, services, subscriptions)


def _of_need(need: tuple[int, ...], parts: Mapping[int, Effect]) -> Effect:
    """What the need's members, as they are, mean to whoever has it."""
    threshold, members = need[0], need[1:]
    if threshold == 1 and len(members) == 1:
        return parts.get(members[0], Effect.WORKS)
    states = [parts.get(member, Effect.WORKS) for member in members]
    if sum(state < Effect.DOWN for state in states) < threshold:
        return Effect.DOWN
    if sum(state < Effect.DEGRADED for state in states) < threshold:
        return Effect.DEGRADED
    return Effect.REDUCED if any(states) else Effect.WORKS


def _in_order(graph: Graph, failed: Iterable[int]) -> list[int]:
    """The parts above the failed ones, and these, so that each comes after all of those that it needs."""
    reached: set[int] = set()
    waiting = list(failed)
    while waiting:
        part = waiting.pop()
        if part not in reached:
            reached.add(part)
            waiting += [number for kind, number in graph.owners_of.get(part, ()) if kind == PART]
    missing = dict.fromkeys(reached, 0)
    for part in reached:
        for number in {number for kind, number in graph.owners_of.get(part, ()) if kind == PART}:
            missing[number] += 1
    ready = [part for part, count in missing.items() if count == 0]
    order: list[int] = []
    while ready:
        part = ready.pop()
        order.append(part)
        for number in {number for kind, number in graph.owners_of.get(part, ()) if kind == PART}:
            missing[number] -= 1
            if missing[number] == 0:
                ready.append(number)
    if len(order) < len(reached):
        raise Circular(_circle(graph, {part for part, count in missing.items() if count > 0}))
    return order


def _circle(graph: Graph, among: set[int]) -> list[int]:
    """One circle of parts among these. Some of them only stand above one, so that it is looked for downwards."""
    path: list[int] = []
    part = min(among)
    while part not in path:
        path.append(part)
        part = min(member for need in graph.needs_of_part[part] for member in need[1:] if member in among)
    return path[path.index(part) :]


def circle_in(graph: Graph) -> tuple[int, ...]:
    """Parts that need one another in a circle; () where there are none."""
    try:
        _in_order(graph, {member for needs in graph.needs_of_part.values() for need in needs for member in need[1:]})
    except Circular as circular:
        return circular.parts
    return ()
