"""Erlang's formulas: published values, limits, order, and the formulas as they are written, in fractions."""

import heapq
import math
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.reports.approaches import Case, Inputs
from nightdesk.reports.erlang import Answered, answered, blocked, people_needed, waiting

PEOPLE = st.integers(0, 40)
LOADS = st.floats(0, 60)
CALLS = st.floats(0.01, 120)
"""An hour."""
HANDLING = st.floats(10, 1800)
PATIENCE = st.floats(5, 3600)
WITHIN = st.floats(0, 600)
CLOSE = 1e-9


@pytest.mark.parametrize(
    ("people", "load"),
    # The tables of the loss formula at 1 % (Telephone Traffic Theory: Tables and Charts, Siemens, 1970; Iversen, Teletraffic
    # Engineering and Network Planning, DTU), and 15 lines from the manual of erlang.com's calculator.
    [(1, 0.0101), (2, 0.153), (5, 1.36), (10, 4.46), (15, 8.108), (20, 12.0), (50, 37.9), (100, 84.1)],
)
def test_b_is_that_of_the_tables(people, load):
    assert blocked(people, load) == pytest.approx(0.01, rel=0.03)


def test_c_is_that_of_a_worked_example():
    # M. Tanner, The Erlang-C Formula: 360 calls in half an hour of 4 minutes each, 55 agents.
    load = 360 / 1800 * 240
    assert load == 48
    assert round(waiting(55, load), 3) == 0.239
    assert round(waiting(55, load) * 240 / (55 - load), 1) == 8.2


def test_a_and_c_are_those_of_garnett_mandelbaum_and_reiman():
    # Designing a Call Center with Impatient Customers, M&SOM 4(3), 2002, table 1: 50 agents, 48 calls a minute of one minute,
    # patience 2 minutes. C: a mean wait of 20.8 s. A: 3.1 % give up, a mean wait of 3.7 s.
    assert round(waiting(50, 48) / (50 - 48) * 60, 1) == 20.8
    with_patience = answered(50, 48 / 60, 60, 12.5, 120)
    assert round(with_patience.lost, 3) == 0.031
    assert round(with_patience.lost * 120, 1) == 3.7


def test_two_doctors_of_a_textbook():
    # M/M/2 at one erlang: one in three waits.
    assert waiting(2, 1) == pytest.approx(1 / 3)


@given(PEOPLE, LOADS)
def test_b_and_c_are_the_formulas_as_they_are_written(people, load):
    exact = Fraction(load)
    terms = [exact**k / math.factorial(k) for k in range(people + 1)]
    assert blocked(people, load) == pytest.approx(float(terms[-1] / sum(terms)), rel=CLOSE, abs=1e-300)
    if load < people:
        last = terms[-1] * people / (people - exact)
        assert waiting(people, load) == pytest.approx(float(last / (sum(terms[:-1]) + last)), rel=CLOSE, abs=1e-300)


@given(st.integers(1, 12), st.floats(0.5, 30), st.floats(60, 600), st.floats(20, 600), st.floats(0, 120))
def test_a_is_the_birth_and_death_process_and_its_waits(people, calls, handling, patience, within):
    found = answered(people, calls / 3600, handling, within, patience)
    weights, states = [1.0], 400
    for number in range(1, states):
        leaves = min(number, people) / handling + max(number - people, 0) / patience
        weights.append(weights[-1] * calls / 3600 / leaves)
    total = math.fsum(weights)
    queue = math.fsum((number - people) * weight for number, weight in enumerate(weights) if number > people)
    assert found.waits == pytest.approx(math.fsum(weights[people:]) / total, rel=1e-6, abs=1e-12)
    # Little's law: whoever leaves the queue by giving up does so at the rate of one in `patience` each.
    assert found.lost == pytest.approx(queue / total / patience / (calls / 3600), rel=1e-6, abs=1e-12)


@given(st.integers(1, 12), st.floats(0.5, 30), st.floats(60, 600), st.floats(60, 600), st.floats(0, 60))
def test_a_in_time_is_the_integral_of_the_wait_that_is_offered(people, calls, handling, patience, within):
    # Baccelli and Hebuterne, On Queues with Impatient Customers, 1981: whoever had patience without end waits v with the density
    # calls * P(one talks less than all) * exp(calls * patience * (1 - exp(-v / patience)) - people * v / handling).
    rate = calls / 3600
    weights = [1.0]
    for number in range(1, people):
        weights.append(weights[-1] * rate * handling / number)

    def area(until, share):
        steps = 2000
        each = until / steps
        values = [
            share(v) * math.exp(rate * patience * -math.expm1(-v / patience) - people * v / handling)
            for v in (index * each for index in range(steps + 1))
        ]
        return each / 3 * (values[0] + values[-1] + 4 * math.fsum(values[1:-1:2]) + 2 * math.fsum(values[2:-1:2]))

    total = math.fsum(weights) + rate * weights[-1] * area(40 * handling / people + 20 * patience, lambda _v: 1.0)
    in_time = math.fsum(weights) + rate * weights[-1] * area(within, lambda v: math.exp(-v / patience))
    assert answered(people, rate, handling, within, patience).within == pytest.approx(in_time / total, abs=1e-5)


@given(st.integers(1, 30), CALLS, HANDLING, WITHIN, PATIENCE)
def test_shares_are_shares_and_agree(people, calls, handling, within, patience):
    found = answered(people, calls / 3600, handling, within, patience)
    assert all(-CLOSE <= share <= 1 + CLOSE for share in (found.within, found.lost, found.waits))
    assert found.within + found.lost <= 1 + CLOSE
    assert found.within >= 1 - found.waits - CLOSE


@given(st.integers(1, 30), CALLS, HANDLING, WITHIN, st.none() | PATIENCE, st.floats(1.0, 3))
def test_more_people_longer_time_and_fewer_calls_answer_more(people, calls, handling, within, patience, more):
    rate = calls / 3600
    now = answered(people, rate, handling, within, patience).within
    assert answered(people + 1, rate, handling, within, patience).within >= now - CLOSE
    assert answered(people, rate, handling, within * more, patience).within >= now - CLOSE
    assert answered(people, rate / more, handling, within, patience).within >= now - CLOSE
    assert answered(people, rate, handling * more, within, patience).within <= now + CLOSE


@given(st.integers(2, 30), st.floats(0.1, 0.95), HANDLING, WITHIN)
def test_patience_without_end_is_c_and_none_at_all_is_b(people, busy, handling, within):
    rate = people * busy / handling
    endless, known = answered(people, rate, handling, within, 1e12), answered(people, rate, handling, within)
    assert endless.within == pytest.approx(known.within, abs=1e-6)
    assert endless.waits == pytest.approx(known.waits, abs=1e-6)
    gone = answered(people, rate, handling, within, 1e-9)
    assert gone.lost == pytest.approx(blocked(people, people * busy), abs=1e-6)
    assert gone.within == pytest.approx(1 - gone.lost, abs=1e-6)


@given(st.integers(1, 30), st.floats(0.01, 2), HANDLING, PATIENCE)
def test_time_without_end_answers_all_who_stay(people, busy, handling, patience):
    found = answered(people, people * busy / handling, handling, 1e7, patience)
    assert found.within == pytest.approx(1 - found.lost, abs=1e-7)


@given(CALLS, HANDLING, WITHIN, st.none() | PATIENCE, st.floats(0.01, 0.99))
def test_who_is_needed_is_the_fewest_that_do(calls, handling, within, patience, target):
    people = people_needed(calls / 3600, handling, within, target, patience)
    assert people is not None
    assert answered(people, calls / 3600, handling, within, patience).within >= target
    assert people == 1 or answered(people - 1, calls / 3600, handling, within, patience).within < target


@pytest.mark.parametrize(("people", "calls", "patience"), [(1, 8, 120), (3, 60, 120), (4, 40, None)])
def test_a_line_that_is_played_call_by_call_comes_to_the_same(people, calls, patience):
    """As the simulated month plays it: calls at random, each kept until somebody is free or the caller rings off."""
    chance, now, free, heard = random.Random(7), 0.0, [0.0] * people, Counter()
    count, handling, within = 40_000, 180, 12
    for _call in range(count):
        now += chance.expovariate(calls / 3600)
        wait = max(free[0] - now, 0.0)
        if patience is not None and chance.expovariate(1 / patience) < wait:
            heard["lost"] += 1
            continue
        heard["within"] += wait <= within
        heapq.heapreplace(free, now + wait + chance.expovariate(1 / handling))
    found = answered(people, calls / 3600, handling, within, patience)
    assert heard["within"] / count == pytest.approx(found.within, abs=0.015)
    assert heard["lost"] / count == pytest.approx(found.lost, abs=0.015)


def test_who_has_no_memory_gives_up_before_anybody_could_pick_up():
    """docs/simulated-month.md found 4 % of such callers gone within five seconds, at a patience of 120."""
    case = Case(replace(Inputs(), calls="Sat 10-11 1", bureau_percent=Decimal(100), bureau_seats=50))
    bureau = next(each for each in case.outcomes if each.name == "bureau")
    assert round(bureau.lost_share, 2) == 0.04
    assert bureau.in_time_share == pytest.approx(1 - bureau.lost_share)


def test_edges():
    assert answered(0, 1, 1, 1) == Answered(0.0, 0.0, 1.0)
    assert answered(0, 1, 1, 1, 5) == Answered(0.0, 1.0, 1.0)
    assert answered(1, 0, 1, 1, 5) == Answered(1.0, 0.0, 0.0)
    assert answered(2, 3, 1, 1).within == 0  # more load than people, and nobody gives up
    assert waiting(0, 0) == 1
    assert answered(2000, 1500 / 60, 60, 0, 600).within > 0.999  # nothing overflows
    assert answered(1, 5.0, 60.0, 30, 3600).lost > 0.99
    for bad in ((-1, 1, 1, 1, None), (1, -1, 1, 1, None), (1, 1, 0, 1, None), (1, 1, 1, -1, None), (1, 1, 1, 1, 0)):
        with pytest.raises(ValueError, match="ive"):
            answered(*bad)
