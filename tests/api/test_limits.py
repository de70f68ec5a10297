"""The bucket: what it lets in, and for how long it says no."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.api.limits import Bucket, Limit
from nightdesk.base.refusals import TooMany


def test_a_burst_is_let_in_and_then_one_each_interval() -> None:
    now = 0.0
    bucket = Bucket(Limit(per_second=2, burst=3), seconds=lambda: now)
    assert [bucket.wait("a") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    now = 0.5
    assert bucket.wait("a") == 0
    assert bucket.wait("a") == pytest.approx(0.5)


def test_callers_do_not_use_up_each_others_share() -> None:
    bucket = Bucket(Limit(per_second=1, burst=1), seconds=lambda: 0.0)
    assert bucket.wait("a") == 0
    assert bucket.wait("b") == 0


def test_a_refusal_says_in_whole_seconds_when_to_come_back() -> None:
    bucket = Bucket(Limit(per_second=0.4, burst=1), seconds=lambda: 0.0)
    bucket.take("a")
    with pytest.raises(TooMany) as refused:
        bucket.take("a")
    assert refused.value.extra["retry_after"] == 3


def test_memory_is_bounded_whoever_comes() -> None:
    now = 0.0
    bucket = Bucket(Limit(per_second=1, burst=1), most_callers=10, seconds=lambda: now)
    for number in range(1000):
        now += 0.01
        bucket.wait(str(number))
        assert len(bucket._full_again) <= 10


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_never_more_than_the_burst_and_the_rate_together_come_in(gaps: list[float]) -> None:
    now, let_in = 0.0, []
    bucket = Bucket(Limit(per_second=2, burst=4), seconds=lambda: now)
    for gap in gaps:
        now += gap
        wait = bucket.wait("a")
        if wait == 0:
            let_in.append(now)
        else:
            now += wait
            assert bucket.wait("a") == 0  # whoever waits as long as they were told comes in
            let_in.append(now)
    for first in range(len(let_in)):
        for last in range(first, len(let_in)):
            assert last - first + 1 <= 4 + 2 * (let_in[last] - let_in[first]) + 1e-6
