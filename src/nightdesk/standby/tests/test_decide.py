"""Every state that can be reached, with every event in it, at instants around the set time."""

from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.standby.decide import TEST_LATE, Effect, Event, Pulse, State, Watch, after, is_well

START = datetime(2026, 8, 15, 3, 0, tzinfo=UTC)
SILENT_AFTER = timedelta(seconds=60)
STEPS = [timedelta(seconds=s) for s in (0, 3, 57, 60, 3600)]


def explored() -> list[tuple[Watch, Event, timedelta, Watch, tuple[Effect, ...]]]:
    """Every transition from the start, with states that differ only in how long ago taken as one."""
    first = Watch(State.FOLLOWING, START, START)
    seen, found = set(), []
    waiting = deque([(first, START)])
    while waiting:
        watch, at = waiting.popleft()
        key = (watch.state, min(at - watch.heard_at, SILENT_AFTER))
        if key in seen:
            continue
        seen.add(key)
        for event in Event:
            for step in STEPS:
                now = at + step
                then, effects = after(watch, event, now, SILENT_AFTER)
                found.append((watch, event, now - watch.heard_at, then, effects))
                waiting.append((then, now))
    return found


ALL = explored()


def test_every_state_is_reached_and_takes_every_event() -> None:
    assert {watch.state for watch, *_ in ALL} == set(State)
    assert {(watch.state, event) for watch, event, *_ in ALL} == {(state, event) for state in State for event in Event}


def test_silence_is_never_longer_than_the_set_time() -> None:
    for watch, event, silent_for, then, effects in ALL:
        if event in (Event.SILENT, Event.FAINT) and silent_for >= SILENT_AFTER:
            assert then.state is State.ALONE, (watch, event)
            assert (Effect.TAKE_OVER in effects) == (watch.state is not State.ALONE)


def test_it_takes_over_when_it_goes_alone_and_then_only() -> None:
    for watch, event, _silent_for, then, effects in ALL:
        goes_alone = then.state is State.ALONE and watch.state is not State.ALONE
        assert (Effect.TAKE_OVER in effects) == goes_alone, (watch, event)


def test_it_follows_no_rows_and_lets_nothing_go_before_the_main_site_has_what_was_done() -> None:
    for watch, event, _silent_for, then, effects in ALL:
        if watch.state in (State.ALONE, State.RETURNING) and {Effect.LET_GO, Effect.FOLLOW} & set(effects):
            assert (watch.state, event, then.state) == (State.RETURNING, Event.HANDED_BACK, State.FOLLOWING)
            assert effects == (Effect.LET_GO, Effect.FOLLOW)


def test_whoever_opens_its_door_is_told_what_was_done() -> None:
    for watch, event, _silent_for, then, effects in ALL:
        if event is Event.HEARD or (event is Event.FAINT and then.state is State.ALONE):
            assert Effect.HAND_BACK in effects, (watch, event)
        if event is Event.SILENT:
            assert Effect.HAND_BACK not in effects


def test_well_again_it_always_comes_home() -> None:
    for watch, *_ in ALL:
        then, at = watch, watch.heard_at + SILENT_AFTER
        for event in (Event.HEARD, Event.HANDED_BACK):
            then, _effects = after(then, event, at, SILENT_AFTER)
        assert then.state is State.FOLLOWING


def test_heard_without_having_taken_what_was_done_it_waits_and_takes_nothing_over() -> None:
    for watch, event, _silent_for, then, effects in ALL:
        if watch.state is State.RETURNING and event is Event.HEARD:
            assert (then.state, effects) == (State.RETURNING, (Effect.HAND_BACK,))


@given(events=st.lists(st.tuples(st.sampled_from(Event), st.integers(0, 90))))
def test_whoever_was_heard_is_never_given_up_before_the_set_time(events: list[tuple[Event, int]]) -> None:
    watch, at = Watch(State.FOLLOWING, START, START), START
    for event, seconds in events:
        at += timedelta(seconds=seconds)
        before = watch
        watch, _effects = after(watch, event, at, SILENT_AFTER)
        if watch.state is State.ALONE and before.state in (State.FOLLOWING, State.SUSPICIOUS):
            assert at - before.heard_at >= SILENT_AFTER
        assert watch.since <= at
        assert watch.heard_at <= at


@pytest.mark.parametrize(
    ("overdue_s", "asked_s", "tested_s", "well"),
    [
        (0, None, None, True),
        (0, 60, None, True),  # the first test page may be on its way
        (0, 120, None, False),
        (0, 3600, 119, True),
        (0, 3600, 121, False),
        (31, 3600, 10, False),
        (30, 3600, 10, True),
    ],
)
def test_a_site_is_well_while_its_pages_go_out(
    overdue_s: float, asked_s: int | None, tested_s: int | None, well: bool
) -> None:
    asked = None if asked_s is None else START - timedelta(seconds=asked_s)
    tested = None if tested_s is None else START - timedelta(seconds=tested_s)
    assert is_well(Pulse(overdue_s, tested), asked, START) is well
    assert timedelta(seconds=120) == TEST_LATE
