"""What a failure does, against a slow naive reading of the rule on small random graphs."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.outages.effect import (
    PART,
    SERVICE,
    SUBSCRIPTION,
    Circular,
    Effect,
    Effects,
    Need,
    circle_in,
    effects,
    graph_of,
)
from nightdesk.outages.foresight import single_points

PARTS = range(6)
SERVICES = range(3)
BOUGHT = {0: 0, 1: 0, 2: 1, 3: 2}


def members(below: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.sampled_from(range(below)), min_size=1, max_size=4, unique=True).map(tuple)


def need(owner: tuple[str, int], below: int) -> st.SearchStrategy[Need]:
    return st.builds(Need, st.just(owner), members(below), st.none() | st.integers(1, 5))


@st.composite
def some_needs(draw: st.DrawFn) -> list[Need]:
    """A part needs parts of smaller numbers only, so that there is no circle."""
    owners = [(PART, part) for part in PARTS if part] + [(SERVICE, one) for one in SERVICES]
    owners += [(SUBSCRIPTION, one) for one in BOUGHT]
    found = []
    for owner in draw(st.lists(st.sampled_from(owners), max_size=9)):
        found.append(draw(need(owner, owner[1] if owner[0] == PART else len(PARTS))))
    return found


failures = st.dictionaries(st.sampled_from(PARTS), st.sampled_from(Effect), max_size=4)


def naive(needs: list[Need], failed: dict[int, Effect]) -> Effects:
    """As the rule says it, asked from the top each time."""

    def of_part(part: int) -> Effect:
        return max([failed.get(part, Effect.WORKS), *(of_need(one) for one in needs if one.owner == (PART, part))])

    def of_need(one: Need) -> Effect:
        wanted = len(one.members) if one.at_least is None else min(one.at_least, len(one.members))
        states = [of_part(part) for part in one.members]
        for effect in (Effect.DOWN, Effect.DEGRADED):
            if len([state for state in states if state < effect]) < wanted:
                return effect
        return Effect.WORKS if all(state is Effect.WORKS for state in states) else Effect.REDUCED

    def of(kind: str, number: int) -> Effect:
        return max((of_need(one) for one in needs if one.owner == (kind, number)), default=Effect.WORKS)

    services = {one: of(SERVICE, one) for one in SERVICES}
    bought = {one: max(of(SUBSCRIPTION, one), services[service]) for one, service in BOUGHT.items()}

    def broken(all_of_them: dict[int, Effect]) -> dict[int, Effect]:
        return {number: effect for number, effect in all_of_them.items() if effect is not Effect.WORKS}

    return Effects(broken({part: of_part(part) for part in PARTS}), broken(services), broken(bought))


@given(some_needs(), failures)
def test_the_graph_says_what_the_rule_says(needs: list[Need], failed: dict[int, Effect]) -> None:
    assert effects(graph_of(needs, BOUGHT), failed) == naive(needs, failed)


@given(some_needs(), failures, st.sampled_from(PARTS))
def test_a_further_failure_makes_nothing_better(needs: list[Need], failed: dict[int, Effect], part: int) -> None:
    graph = graph_of(needs, BOUGHT)
    before, after = effects(graph, failed), effects(graph, {**failed, part: Effect.DOWN})
    assert all(after.subscriptions.get(one, Effect.WORKS) >= effect for one, effect in before.subscriptions.items())


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("down", "works", "reduced"),
        ("down", "down", "down"),
        ("degraded", "works", "reduced"),
        ("degraded", "down", "degraded"),
        ("reduced", "works", "reduced"),
    ],
)
def test_the_loss_of_one_of_two_links_is_reduced_redundancy(first: str, second: str, told: str) -> None:
    graph = graph_of([Need((SUBSCRIPTION, 0), (0, 1), 1)], {0: 0})
    failed = {0: Effect[first.upper()], 1: Effect[second.upper()]}
    assert effects(graph, failed).subscriptions == {0: Effect[told.upper()]}


def test_two_of_three_are_enough() -> None:
    graph = graph_of([Need((SERVICE, 0), (0, 1, 2), 2)], {7: 0})
    one, two = {0: Effect.DOWN}, {0: Effect.DOWN, 2: Effect.DOWN}
    assert effects(graph, one).subscriptions == {7: Effect.REDUCED}
    assert effects(graph, two).subscriptions == {7: Effect.DOWN}


def test_what_nothing_needs_touches_nobody() -> None:
    graph = graph_of([Need((SUBSCRIPTION, 0), (0,))], {0: 0})
    assert effects(graph, {5: Effect.DOWN}) == Effects({5: Effect.DOWN})


@pytest.mark.parametrize("length", [1, 2, 3])
def test_parts_in_a_circle_are_named(length: int) -> None:
    ring = [Need((PART, part), ((part + 1) % length,)) for part in range(length)]
    graph = graph_of([*ring, Need((PART, 9), (0,)), Need((SUBSCRIPTION, 0), (9,))], {0: 0})
    assert set(circle_in(graph)) == set(range(length))
    with pytest.raises(Circular) as refused:
        effects(graph, {0: Effect.DOWN})
    assert set(refused.value.parts) == set(range(length))


def test_depth_is_no_matter() -> None:
    chain = [Need((PART, part), (part - 1,)) for part in range(1, 5000)]
    graph = graph_of([*chain, Need((SUBSCRIPTION, 0), (4999,))], {0: 0})
    assert effects(graph, {0: Effect.DEGRADED}).subscriptions == {0: Effect.DEGRADED}


def test_the_order_of_needs_is_no_matter() -> None:
    needs = [Need((PART, 1), (0,)), Need((PART, 2), (0, 1), 1), Need((SUBSCRIPTION, 0), (2, 1), 1)]
    found = [effects(graph_of(some, BOUGHT), {0: Effect.DOWN}) for some in itertools.permutations(needs)]
    assert all(one == found[0] for one in found)


@given(some_needs(), st.integers(1, 3))
def test_a_weak_point_is_a_part_whose_loss_alone_takes_something_down(needs: list[Need], customers: int) -> None:
    customer_of = {one: one % customers for one in BOUGHT}
    found = {one.part: one for one in single_points(graph_of(needs, BOUGHT), PARTS, customer_of)}
    for part in PARTS:
        lost = naive(needs, {part: Effect.DOWN})
        down = {one for one, effect in lost.subscriptions.items() if effect is Effect.DOWN}
        services = tuple(one for one, effect in sorted(lost.services.items()) if effect is Effect.DOWN)
        told = found.get(part)
        assert (told is None) == (not down and not services)
        if told is not None:
            hit = {customer_of[one] for one in down}
            assert (told.subscriptions, told.customers, told.services) == (len(down), len(hit), services)
