"""Tallies add up in any order, and a percentile is never too low and at most 1/32 too high."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.reports.tally import NOTHING, Tally, bucket_of, hit, measured, merged, most_of

VALUES = st.integers(0, 10**10)
TALLIES = st.one_of(st.builds(hit, st.booleans()), st.builds(measured, VALUES), st.just(Tally(waiting=1)))


@given(VALUES)
def test_a_bucket_holds_its_value_and_little_more(value):
    most = most_of(bucket_of(value))
    assert value <= most <= value + value // 32
    assert bucket_of(most) == bucket_of(value) == bucket_of(most + 1) - 1


@given(st.lists(TALLIES, max_size=30), st.randoms(use_true_random=False), st.integers(0, 30))
def test_parts_add_up_to_the_whole_in_any_order(tallies, random, cut):
    whole = merged(tallies)
    shuffled = random.sample(tallies, len(tallies))
    assert merged([merged(shuffled[:cut]), merged(shuffled[cut:])]) == whole
    assert merged(shuffled[:cut]) + merged(shuffled[cut:]) == whole
    assert sum(shuffled, NOTHING) == whole


@given(st.lists(VALUES, min_size=1, max_size=60), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_the_nearest_rank_of_what_was_measured(values, share):
    told = merged(map(measured, values)).quantile(share)
    rank = max(1, -int(-share * len(values) // 1))
    true = sorted(values)[rank - 1]
    assert true <= told <= true + true // 32


def test_nothing_has_no_share_no_mean_and_no_percentile():
    assert NOTHING.share is NOTHING.mean is NOTHING.quantile(0.5) is None
