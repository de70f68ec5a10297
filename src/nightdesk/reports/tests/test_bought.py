"""How long what was bought ran, against adding up each stretch by itself."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.reports.bought import Bought, Stretch

START = datetime(2026, 10, 23, tzinfo=UTC)
instants = st.integers(0, 4 * 48).map(lambda slot: START + timedelta(minutes=30 * slot))
stretches = st.lists(
    st.builds(Stretch, st.none() | instants, st.none() | instants, st.integers(1, 3)),
    max_size=8,
)


def by_hand(bought: list[Stretch], start: datetime, end: datetime) -> int:
    slots = 0
    at = start
    while at < end:
        slots += sum(
            one.many
            for one in bought
            if (one.since is None or one.since <= at) and (one.until is None or at < one.until)
        )
        at += timedelta(minutes=30)
    return slots * 30 * 60_000


@given(stretches, instants, instants)
def test_it_is_each_stretch_cut_to_the_period_and_added_up(
    bought: list[Stretch], start: datetime, end: datetime
) -> None:
    assert Bought(bought).ms(start, end) == by_hand(bought, start, end)


@given(stretches, instants, instants, instants)
def test_periods_that_meet_add_up(bought: list[Stretch], one: datetime, two: datetime, three: datetime) -> None:
    first, middle, last = sorted((one, two, three))
    whole = Bought(bought)
    assert whole.ms(first, middle) + whole.ms(middle, last) == whole.ms(first, last)


def test_nothing_bought_is_no_time() -> None:
    assert Bought([]).ms(START, START + timedelta(days=1)) == 0
