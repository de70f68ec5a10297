"""How a pace is learnt: against providers that count in each of the ways they do, on a clock of its own."""

from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.channels.pace import FORGET_ABOVE, SLOWEST, Pace

Allows = Callable[[float], bool]


def sliding(rate: int) -> Allows:
    taken: deque[float] = deque()

    def allows(at: float) -> bool:
        while taken and taken[0] <= at - 1:
            taken.popleft()
        if len(taken) >= rate:
            return False
        taken.append(at)
        return True

    return allows


def by_the_second(rate: int) -> Allows:
    counted: dict[int, int] = {}

    def allows(at: float) -> bool:
        counted[int(at)] = counted.get(int(at), 0) + 1
        return counted[int(at)] <= rate

    return allows


def bucket(rate: int) -> Allows:
    held = [float(rate), 0.0]

    def allows(at: float) -> bool:
        held[0] = min(rate, held[0] + (at - held[1]) * rate)
        held[1] = at
        if held[0] < 1:
            return False
        held[0] -= 1
        return True

    return allows


def run(pace: Pace, allows: Allows, messages: int, *, start: float = 0.3, trip: float = 0.02) -> tuple[float, int]:
    """(seconds until so many were taken, refusals), with ten at once, each on its way for `trip` seconds."""
    now, open_at, refusals, taken = start, start, 0, 0
    inside: deque[tuple[float, float, bool]] = deque()
    while taken < messages:
        if len(inside) < 10 and open_at <= (inside[0][1] if inside else open_at):
            now = max(now, open_at)
            inside.append((now, now + trip, allows(now)))
            open_at = now + pace.gap
            continue
        begun, now, was_taken = inside.popleft()
        if was_taken:
            taken += 1
            pace.taken(now)
        else:
            refusals += 1
            open_at = max(open_at, pace.refused(begun, now))
    return now - start, refusals


@pytest.mark.parametrize("counts", [sliding, by_the_second, bucket])
@pytest.mark.parametrize("rate", [5, 50, 200])
def test_the_rate_is_found_at_once_and_kept(counts: Callable[[int], Allows], rate: int) -> None:
    seconds, refusals = run(Pace(), counts(rate), 10 * rate)
    assert seconds <= 12
    assert refusals <= rate + 10  # those at once on their way when it first says no


@pytest.mark.parametrize("counts", [sliding, by_the_second, bucket])
def test_a_provider_that_allows_more_again_gets_more(counts: Callable[[int], Allows]) -> None:
    pace = Pace()
    run(pace, counts(10), 100)
    assert pace.rate is not None
    assert pace.rate <= 16
    seconds, _ = run(pace, lambda _: True, 2000, start=100.0)
    assert seconds <= 40
    assert pace.rate is None or pace.rate > 100


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3, allow_nan=False)), max_size=80), st.floats(1, 500))
@settings(max_examples=100)
def test_no_story_stops_it_or_lets_it_pass_its_limit(story: list[tuple[bool, float]], limit: float) -> None:
    pace, at = Pace(limit), 0.0
    for was_taken, passed in story:
        at += passed
        if was_taken:
            pace.taken(at)
        else:
            again = pace.refused(at - min(passed, 0.1), at)
            assert at < again <= at + max(1.0, 1 / SLOWEST)
        assert pace.gap >= 1 / limit - 1e-9
        assert pace.rate is None or SLOWEST <= pace.rate <= FORGET_ABOVE


@given(st.floats(1, 100), st.integers(2, 30))
def test_refusals_of_what_was_already_on_its_way_count_once(at: float, late: int) -> None:
    pace = Pace()
    for _ in range(20):
        pace.taken(at)
    pace.refused(at, at + 0.01)
    learnt = pace.rate
    for _ in range(late):
        pace.refused(at, at + 0.02)
    assert pace.rate == learnt
