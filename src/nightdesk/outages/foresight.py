"""What would happen if: the parts whose loss alone takes something down. Pure, as `effect` is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nightdesk.outages.effect import Effect, Graph, effects


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """What goes down when `part` alone does: services, and how many subscriptions of how many customers."""

    part: int
    services: tuple[int, ...]
    subscriptions: int
    customers: int


def single_points(graph: Graph, parts: Iterable[int], customer_of: Mapping[int, int]) -> list[SinglePoint]:
    """Those of the parts whose loss alone takes a service or a subscription down, the most customers first.

    `customer_of`: subscription -> customer. Raises Circular as `effects` does.
    """
    found = []
    for part in parts:
        lost = effects(graph, {part: Effect.DOWN})
        services = tuple(sorted(one for one, effect in lost.services.items() if effect is Effect.DOWN))
        bought = [one for one, effect in lost.subscriptions.items() if effect is Effect.DOWN]
        if services or bought:
            customers = {customer_of[one] for one in bought if one in customer_of}
            found.append(SinglePoint(part, services, len(bought), len(customers)))
    return sorted(found, key=lambda one: (-one.customers, -one.subscriptions, -len(one.services), one.part))
