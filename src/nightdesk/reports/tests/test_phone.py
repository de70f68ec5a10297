"""Figures of a phone line, from calls alone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.reports.phone import LineCall, LineFigures, OwedCallBack, by_hour, figures

MONDAY = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")


def call(after: float | None = None, by: str = "engineer", **more) -> LineCall:
    answered = None if after is None else MONDAY + timedelta(seconds=after)
    return LineCall(MONDAY, answered, by if answered else "", **more)


def test_in_time_is_twelve_seconds_and_a_message_taker_counts_apart():
    found = figures([call(12), call(12.01), call(3, "recorder"), call(abandoned=True)], [], 1, MONDAY)
    assert (found.asked, found.in_time, found.in_time_engineer, found.abandoned) == (4, 2, 1, 1)
    assert (found.in_time_share, found.in_time_engineer_share, found.abandoned_share) == (0.5, 0.25, 0.25)


def test_whoever_takes_a_call_from_the_recorder_has_it_from_then_on():
    spoke = MONDAY + timedelta(seconds=4)
    found = figures([call(40, recorder_at=spoke), call(11, recorder_at=spoke), call(40, "bureau")], [], 1, MONDAY)
    assert (found.in_time, found.in_time_engineer) == (2, 1)


def test_who_was_told_first_did_not_ask_for_somebody():
    told = [call(told="outage"), call(20, "desk", told="outage", rung=1), call(told="not_covered")]
    found = figures([*told, call(1)], [], 1, MONDAY)
    assert (found.asked, found.in_time_share) == (1, 1.0)
    assert (found.told_outage, found.told_rang_nobody, found.not_covered) == (2, 1, 1)


def test_only_calls_out_of_hours_wake_anybody():
    calls = [call(out_of_hours=True, woken=2), call(out_of_hours=True), call(woken=3)]
    found = figures(calls, [], 4, MONDAY)
    assert (found.woken, found.woken_a_night, found.woken_a_call, found.most_woken) == (2, 0.5, 1.0, 2)


def test_a_call_back_counts_once_it_was_made_or_is_overdue():
    due, sooner, later = MONDAY, MONDAY - timedelta(minutes=1), MONDAY + timedelta(minutes=1)
    owed = [
        OwedCallBack(due, reached_at=due),
        OwedCallBack(due, reached_at=later),
        OwedCallBack(sooner),  # overdue
        OwedCallBack(later),  # not yet
        OwedCallBack(sooner, called_off_at=sooner - timedelta(minutes=1)),  # the caller found it themselves
        OwedCallBack(sooner, called_off_at=due),  # too late to be called off
    ]
    found = figures([], owed, 1, MONDAY)
    assert (found.call_backs, found.call_backs_in_time) == (4, 1)


def test_nothing_has_no_shares():
    none = figures([], [], 0, MONDAY)
    assert none == LineFigures()
    assert none.in_time_share is none.woken_a_night is none.woken_a_call is none.call_backs_share is None


def test_hours_are_those_of_the_line():
    (hour,) = [hour for hour in by_hour([call(5)], LONDON) if hour.calls]
    assert (hour.weekday, hour.hour, hour.in_time) == (0, 23, 1)  # 22:30 UTC in June


CALLS = st.builds(
    LineCall,
    st.integers(0, 365 * 24 * 60).map(lambda minutes: MONDAY + timedelta(minutes=minutes)),
    told=st.sampled_from(["", "outage", "not_covered"]),
    abandoned=st.booleans(),
    rung=st.integers(0, 4),
    out_of_hours=st.booleans(),
    woken=st.integers(0, 3),
).flatmap(
    lambda call: st.one_of(
        st.just(call),
        st.builds(
            lambda after, by: LineCall(
                call.came_at, call.came_at + timedelta(seconds=after), by, call.told, False, call.rung,
                call.out_of_hours, call.woken,
            ),
            st.floats(0, 60),
            st.sampled_from(["engineer", "bureau", "desk", "recorder"]),
        ),
    )
)  # fmt: skip


@given(st.lists(CALLS, max_size=20), st.randoms(use_true_random=False))
def test_figures_agree_with_each_other_whatever_the_order(calls, random):
    found = figures(calls, [], 30, MONDAY)
    assert found.in_time_engineer <= found.in_time <= found.asked <= found.calls
    assert found.asked + found.told_outage + found.not_covered == found.calls
    assert found.told_rang_nobody <= found.told_outage
    assert found.most_woken <= found.woken
    hours = by_hour(calls, LONDON)
    assert [sum(getattr(hour, name) for hour in hours) for name in ("calls", "asked", "in_time")] == [
        found.calls,
        found.asked,
        found.in_time,
    ]
    shuffled = random.sample(calls, len(calls))
    assert figures(shuffled, [], 30, MONDAY) == found
