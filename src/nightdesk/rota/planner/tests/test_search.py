"""Search counts by bits and differences; `score` counts plainly. They agree on everything, and no rule is ever broken."""

from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.rota_bound import months, proved
from bench.rota_cases import fourteen_people
from nightdesk.rota.planner import Budget, Given, Problem, Result, from_json, solve, to_json
from nightdesk.rota.planner.model import Model, _tight
from nightdesk.rota.planner.problem import Person, Rules, Weights
from nightdesk.rota.planner.score import make_bill
from nightdesk.rota.planner.search import HARD, Search, Standing, construct
from nightdesk.rota.planner.solve import Run, WrongRota
from nightdesk.rota.planner.tests.small_world import FIRST, make_pairs, problems, shift

QUICK = Budget(steps=600)
NUMBERS = st.integers(0, 1_000_000)


def rota_of(model: Model, masks: list[int]) -> tuple[Given, ...]:
    return model.given(masks)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_search_counts_is_what_it_costs(data):
    problem = data.draw(problems(least=data.draw(st.booleans())))
    model = Model(problem)
    rota = Standing(model, model.masks(make_pairs(problem, data.draw(NUMBERS))))
    bill = make_bill(problem, rota_of(model, rota.mask))
    assert bill.cost == rota.points
    assert bool(bill.breaches) == bool(rota.broken)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_move_of_the_search_is_weighed_as_a_new_count_would(data):
    problem = data.draw(problems(least=data.draw(st.booleans())))
    model = Model(problem)
    rota = construct(model, model.masks(()))
    search = Search(rota, Random(data.draw(st.integers(0, 9))), HARD)
    for _ in range(12):
        search.run(25, 50.0, 5.0, lambda _: 0.5)
        anew = Standing(model, rota.mask)
        assert (anew.broken, anew.points, anew.on, anew.made) == (rota.broken, rota.points, rota.on, rota.made)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_is_seen_early_to_cost_too_much_does_cost_too_much(data):
    problem = data.draw(problems(least=data.draw(st.booleans())))
    model = Model(problem)
    rota = construct(model, model.masks(()))
    search = Search(rota, Random(data.draw(st.integers(0, 9))), HARD)
    search.run(30, 50.0, 5.0, lambda _: 0.5)
    assume(search.movable and search.filled)
    for move in (search._exchange, search._hand, search._change) * 8:
        changes = move()
        if changes is not None:
            broken, points = rota.weigh(changes)
            cost = broken * HARD + points
            for most in (cost - 1, cost, cost + 1, 0, 30):
                assert rota.weigh_up_to(most, HARD, changes) == ((broken, points) if cost <= most else None)


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(0, 3))
def test_no_rule_is_broken_in_a_rota_that_is_given_out(problem, seed):
    result = solve(problem, QUICK, seed=seed)
    bill = make_bill(problem, result.given)
    assert not bill.breaches
    assert bill.cost == result.cost == sum(line.points for line in result.lines)
    assert bill.gaps == tuple(gap for gap in result.gaps if gap.kind != "rule")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_is_fixed_stays_whatever_rota_it_starts_from(data):
    problem = data.draw(problems())
    result = solve(problem, QUICK, start=make_pairs(problem, data.draw(NUMBERS)))
    held = {each.slot: each.person for each in result.given if each.slot}
    for slot in problem.slots:
        if slot.fixed:
            assert held.get(slot.id) == slot.holder


@settings(max_examples=15, deadline=None)
@given(problems(), st.integers(0, 5))
def test_the_same_question_has_the_same_answer_to_the_byte(problem, seed):
    one = to_json(solve(problem, QUICK, seed=seed))
    other = to_json(solve(from_json(Problem, to_json(problem)), QUICK, seed=seed))
    assert one == other
    assert to_json(from_json(Result, one)) == one


@settings(max_examples=30, deadline=None)
@given(problems())
def test_a_seat_stays_empty_only_when_nobody_can_simply_be_put_there(problem):
    """Whoever could take a gap without anything else changing does, since a gap costs more than all kindness."""
    assume(problem.weights.gap == 1000)
    result = solve(problem, QUICK)
    for gap in result.gaps:
        if gap.kind == "seat" and not next(slot for slot in problem.slots if slot.id == gap.slots[0]).fixed:
            for person in problem.people:
                if Given(gap.slots[0], person.id) not in result.given:
                    bill = make_bill(problem, [*result.given, Given(gap.slots[0], person.id)])
                    assert bill.breaches or bill.cost >= result.cost


def test_stopping_keeps_the_best_so_far_and_says_so():
    slots = tuple(shift(day) for day in range(14))
    problem = Problem(FIRST, FIRST + 14, tuple(Person(f"P{n}") for n in range(5)), slots, rules=Rules())
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    result = solve(problem, Budget(steps=10_000_000), should_stop=stop)
    assert result.stopped
    assert not result.reproducible
    assert len(result.given) == 14
    assert not make_bill(problem, result.given).breaches


def test_a_wall_clock_ends_it_and_the_result_says_that_it_cannot_be_had_again():
    slots = tuple(shift(day) for day in range(14))
    problem = Problem(FIRST, FIRST + 14, tuple(Person(f"P{n}") for n in range(5)), slots)
    late = solve(problem, Budget(steps=100_000_000, seconds=0.2))
    assert not late.reproducible
    assert not late.stopped
    assert solve(problem, Budget(steps=500, seconds=600)).reproducible


def test_nights_are_shared_in_proportion_to_contracts():
    slots = tuple(shift(day, counted=False) for day in range(28))
    people = (Person("whole"), Person("also"), Person("half", weekly_minutes=1200), Person("more", weekly_minutes=2400))
    rules = Rules(nights_running=None, days_off_after_nights=0, days_running=None, weekly_rest_minutes=0)
    problem = Problem(FIRST, FIRST + 28, people, slots, rules=rules, weights=Weights(weekends=0))
    held = [each.person for each in solve(problem, Budget(steps=20_000)).given]
    assert [held.count(each.id) for each in people] == [8, 8, 4, 8]


def test_a_rota_that_breaks_a_rule_is_not_given_out():
    """As if the search had lost its mind: the plain count stops what it made."""
    slots = tuple(shift(day) for day in range(7))
    run = Run(Problem(FIRST, FIRST + 7, (Person("P0"),), slots), Budget(), 1, None, None)
    with pytest.raises(WrongRota):
        run.result([0b1111111], "core", "1", None)


def test_a_limit_that_is_broken_already_hides_no_other_for_the_same_posts():
    """Two weeks that hold the same posts, of which what stands fixed breaks one alone."""
    assert _tight([(0b11, 900), (0b11, 100), (0b11, 500)], ((480, 0b11),), 0b01) == [(0b11, 100), (0b11, 500)]


def test_no_rota_of_fourteen_people_costs_less_than_the_benchmark_says():
    """Person by person its reading of a month costs what the plain one says, and what it proves lies below all of them."""
    problem = fourteen_people()
    rota = solve(problem, Budget(steps=8_000))
    everybody = months(problem)
    assert sum(month.cost_of(month.taken_of(rota.given)) for month in everybody) == rota.cost
    nothing = np.zeros((28, 3, 2))
    for month in everybody[::5]:
        least, cost, taken = month.cheapest(nothing)
        assert least == cost == month.cost_of(taken) <= month.cost_of(month.taken_of(rota.given))
    assert 0 < proved(problem) <= rota.cost
