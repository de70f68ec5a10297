"""The simulated month is played by the flow itself, and its document says what comes out of it."""

from dataclasses import replace

import pytest

from bench import simulated_month
from bench.month import telling
from bench.month.inputs import ONE_PHONE, POLICIES, RECOMMENDED
from bench.month.world import Month, play

WEEK = replace(simulated_month.SMALL, peak=4)


@pytest.fixture(scope="module")
def week() -> Month:
    return play(WEEK, RECOMMENDED, 7)


def test_the_document_says_what_a_small_variant_gives():
    said = telling.made(simulated_month.DOCUMENT.read_text(), "small")
    assert said == telling.table(simulated_month.small()), "Look, then: python -m bench.simulated_month --small"


def test_a_seed_is_one_month_whoever_plays_it(week):
    again = play(WEEK, RECOMMENDED, 7)
    assert (again.calls, again.owed, again.slow) == (week.calls, week.owed, week.slow)
    assert play(WEEK, RECOMMENDED, 8).calls != week.calls


def test_every_policy_meets_the_same_callers(week):
    came = sorted(call.came_at for call in week.calls)
    assert all(sorted(call.came_at for call in play(WEEK, policy, 7).calls) == came for policy in POLICIES)


def test_every_call_ends_and_every_call_back_that_is_owed_is_made(week):
    assert all(call.answered_at or call.abandoned or call.told for call in week.calls)
    assert week.owed
    assert all(one.reached_at is not None for one in week.owed)


def test_who_is_fixing_is_rung_only_by_a_line_that_knows_nothing(week):
    assert week.figures.told_outage > 5
    assert week.rung_while_fixing == 0
    assert play(WEEK, ONE_PHONE, 7).rung_while_fixing > 0


def test_the_document_has_a_place_for_each_table():
    text = simulated_month.DOCUMENT.read_text()
    for name in ("policies", "sensitivity", "small"):
        assert telling.made(telling.put(text, name, "| x |"), name) == "| x |"
    with pytest.raises(ValueError, match="no marks"):
        telling.put(text, "what is not there", "")


def test_the_mean_and_its_interval():
    mean, half = telling.spread([1.0, 2.0, 3.0])
    assert (mean, round(half, 2)) == (2.0, 2.48)
