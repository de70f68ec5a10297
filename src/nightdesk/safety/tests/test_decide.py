"""Properties of what is due of a visit, in a small world of minutes around the night in which the clocks go back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.safety import decide
from nightdesk.safety.decide import DIRECT, ORDER, Sign, Step, Watch

NIGHT = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
"""An hour and two before the clocks of the United Kingdom go back."""
MINUTE = timedelta(minutes=1)

minutes = st.integers(0, 240).map(lambda count: NIGHT + count * MINUTE)
waits = st.integers(1, 60).map(lambda count: count * MINUTE)
watches = st.builds(Watch, sign_at=minutes, back_by_at=minutes, every=waits, grace=waits)


def played(watch: Watch, until: datetime, down: range = range(0)) -> list[tuple[Step, datetime]]:
    """What a worker does, minute by minute, that is away in the minutes of `down`."""
    found, at, minute = [], watch.sign_at, 0
    while at <= until:
        while minute not in down and (due := decide.next_due(watch)) is not None and due.at <= at:
            found.append((due.step, at))
            watch = decide.done(watch, due.step, at)
        at, minute = at + MINUTE, minute + 1
    return found


@given(watches)
def test_whoever_stays_silent_is_asked_rung_and_then_others_are_told_each_in_its_time(watch: Watch) -> None:
    steps = played(watch, watch.sign_at + timedelta(hours=8))
    assert [step for step, _at in steps] == list(ORDER)
    instants = [at for _step, at in steps]
    assert instants == [due.at for due in decide.ladder(watch)]
    assert instants[0] <= watch.sign_at + watch.every
    assert [b - a for a, b in pairwise(instants)] == [watch.grace, decide.RING_FOR, decide.WATCHER_FOR]


@given(watches, st.integers(0, 120), st.integers(0, 120))
def test_a_worker_that_was_away_skips_nothing_and_leaves_time_to_answer(watch: Watch, start: int, length: int) -> None:
    away = range(start, start + length)
    steps = played(watch, watch.sign_at + timedelta(hours=12), away)
    assert [step for step, _at in steps] == list(ORDER)
    waits = (watch.grace, decide.RING_FOR, decide.WATCHER_FOR)
    for (_, a), (_, b), wait in zip(steps, steps[1:], waits, strict=False):
        assert b - a >= min(wait, decide.CATCH_UP)
    # It is never later than the plan by more than it was away, and the catching up after that.
    planned = decide.ladder(watch)
    late = max(at - due.at for (_step, at), due in zip(steps, planned, strict=True))
    assert late <= length * MINUTE + 3 * decide.CATCH_UP


@given(watches, st.sampled_from(Sign), st.integers(0, 400))
def test_a_sign_of_life_spares_them_the_next_question_unless_others_are_told_already(
    watch: Watch, sign: Sign, after: int
) -> None:
    at = watch.sign_at + after * MINUTE
    for due in decide.ladder(watch):
        if due.at <= at:
            watch = decide.done(watch, due.step, due.at)
    told = watch.watcher_at is not None
    now = decide.heard(watch, sign, at)
    if (told and sign not in DIRECT) or after == 0:
        assert now == watch
        return
    due = decide.next_due(now)
    assert due is not None
    assert due.step is Step.ASK
    assert due.at == min(at + watch.every, watch.back_by_at if at < watch.back_by_at else at + watch.every)
    assert due.at > at


@given(watches, st.sampled_from(Sign), st.integers(1, 400))
def test_help_and_duress_tell_both_at_once_and_no_sign_of_theirs_ends_it(watch: Watch, sign: Sign, after: int) -> None:
    alarmed = replace(watch, alarmed=True)
    assert decide.heard(alarmed, sign, watch.sign_at + after * MINUTE) == alarmed
    assert decide.ladder(alarmed) == [(Step.WATCHER, watch.sign_at), (Step.MANAGER, watch.sign_at)]


@given(watches, st.integers(0, 60))
def test_who_takes_the_alarm_has_longer_and_the_duty_manager_is_told_all_the_same(watch: Watch, after: int) -> None:
    for step in (Step.ASK, Step.RING, Step.WATCHER):
        due = decide.next_due(watch)
        assert due is not None
        assert due.step is step
        watch = decide.done(watch, step, due.at)
    assert watch.watcher_at is not None
    taken_at = watch.watcher_at + after * MINUTE
    assert decide.ladder(replace(watch, taken_at=taken_at)) == [(Step.MANAGER, taken_at + decide.TAKEN_FOR)]


@given(watches, st.integers(1, 200))
def test_an_older_sign_than_the_last_changes_nothing(watch: Watch, before: int) -> None:
    assert decide.heard(watch, Sign.TRACKER, watch.sign_at - before * MINUTE) == watch


@given(watches, st.sampled_from(sorted(set(Sign) - DIRECT)), st.integers(1, 4))
def test_once_a_step_is_done_the_same_instant_told_again_changes_nothing(watch: Watch, sign: Sign, steps: int) -> None:
    for due in decide.ladder(watch)[:steps]:
        watch = decide.done(watch, due.step, due.at)
        assert decide.heard(watch, sign, watch.sign_at) == watch
