"""What may follow what in planned work, what it clashes with, and where it takes both legs of a pair."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.outages.effect import SUBSCRIPTION, Effect, Need, effects, graph_of
from nightdesk.outages.work_flow import (
    EFFECT,
    IMPACT,
    OVER,
    STATUS,
    TOLD,
    Clash,
    Frozen,
    State,
    Step,
    Terms,
    both_legs,
    clashes,
    leads_to,
    reminders,
)

AT = datetime(2026, 12, 1, tzinfo=UTC)
MAY = {
    (State.PROPOSED, Step.EDIT): State.PROPOSED,
    (State.PROPOSED, Step.HINT): State.TENTATIVE,
    (State.PROPOSED, Step.ANNOUNCE): State.ANNOUNCED,
    (State.PROPOSED, Step.DISMISS): State.DISMISSED,
    (State.TENTATIVE, Step.EDIT): State.TENTATIVE,
    (State.TENTATIVE, Step.ANNOUNCE): State.ANNOUNCED,
    (State.TENTATIVE, Step.CALL_OFF): State.CANCELLED,
    (State.ANNOUNCED, Step.EDIT): State.ANNOUNCED,
    (State.ANNOUNCED, Step.REMIND): State.ANNOUNCED,
    (State.ANNOUNCED, Step.OPEN): State.IN_PROGRESS,
    (State.ANNOUNCED, Step.CLOSE): State.COMPLETED,
    (State.ANNOUNCED, Step.CALL_OFF): State.CANCELLED,
    (State.IN_PROGRESS, Step.EXTEND): State.IN_PROGRESS,
    (State.IN_PROGRESS, Step.CLOSE): State.COMPLETED,
    (State.IN_PROGRESS, Step.CALL_OFF): State.CANCELLED,
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("step", list(Step))
def test_every_pair_of_state_and_step_leads_where_it_should_or_nowhere(state: State, step: Step) -> None:
    assert leads_to(state, step) == MAY.get((state, step))


def test_what_is_over_stays_over_and_whoever_was_told_hears_of_the_end() -> None:
    assert all(leads_to(state, step) is None for state in OVER for step in Step)
    # Nothing that customers have heard of ends without a word that MAINTNOTE has for it.
    assert set(STATUS) == TOLD
    for state in TOLD - OVER:
        ends = {leads_to(state, step) for step in (Step.CLOSE, Step.CALL_OFF, Step.DISMISS)} - {None}
        assert ends
        assert ends <= TOLD & OVER


def test_each_effect_has_an_impact_and_back() -> None:
    assert [EFFECT[IMPACT[effect]] for effect in Effect] == list(Effect)


# --- Clashes ---------------------------------------------------------------------------------------------------------

days = st.integers(-20, 20)


@given(begins=days, lasts=st.integers(1, 5), notice=st.integers(0, 15), freeze=days, frozen=st.integers(1, 6))
def test_a_clash_is_what_a_calendar_would_show(begins: int, lasts: int, notice: int, freeze: int, frozen: int) -> None:
    def day(number: int) -> datetime:
        return AT + timedelta(days=number)

    terms = Terms(7, timedelta(days=notice), (Frozen("Trade", day(freeze), day(freeze + frozen)),))
    found = clashes(day(begins), day(begins + lasts), AT, [terms])
    common = set(range(begins, begins + lasts)) & set(range(freeze, freeze + frozen))
    assert (Clash(7, "freeze", "Trade", day(freeze + frozen)) in found) == bool(common)
    assert (Clash(7, "notice", "", day(notice)) in found) == (begins < notice)


def test_reminders_are_those_to_come_each_once() -> None:
    assert reminders(AT, [24, 1, 24, 0], AT - timedelta(hours=30)) == [
        AT - timedelta(hours=24),
        AT - timedelta(hours=1),
    ]
    assert reminders(AT, [24, 1], AT - timedelta(hours=2)) == [AT - timedelta(hours=1)]
    assert reminders(AT, [24], AT) == []


# --- Both legs -------------------------------------------------------------------------------------------------------

ONE, TWO = 1, 2
PAIR = graph_of([Need((SUBSCRIPTION, 10), (ONE, TWO), 1), Need((SUBSCRIPTION, 11), (ONE,))], {10: 100, 11: 100})


def test_both_legs_in_one_work_are_seen_and_one_leg_is_not() -> None:
    assert both_legs(PAIR, {ONE: Effect.DOWN, TWO: Effect.DOWN}, {}) == {10: (ONE, TWO)}
    assert both_legs(PAIR, {ONE: Effect.DOWN}, {}) == {}
    assert both_legs(PAIR, {ONE: Effect.DOWN, TWO: Effect.REDUCED}, {}) == {}


def test_the_other_leg_may_be_in_other_work_or_have_failed() -> None:
    assert both_legs(PAIR, {ONE: Effect.DOWN}, {TWO: Effect.DOWN}) == {10: (ONE, TWO)}
    # What is down already without this work is not the doing of this work.
    assert both_legs(PAIR, {ONE: Effect.DOWN}, {ONE: Effect.DOWN, TWO: Effect.DOWN}) == {}


worlds = st.lists(
    st.tuples(st.integers(10, 13), st.sets(st.integers(0, 4), min_size=1, max_size=3), st.none() | st.integers(1, 3)),
    min_size=1,
    max_size=5,
)
some = st.dictionaries(st.integers(0, 4), st.sampled_from(Effect), max_size=4)


@settings(max_examples=200, deadline=None)
@given(needs=worlds, failed=some, beside=some)
def test_a_warning_is_true_and_none_is_missing(
    needs: list[tuple[int, set[int], int | None]], failed: dict[int, Effect], beside: dict[int, Effect]
) -> None:
    graph = graph_of(
        [Need((SUBSCRIPTION, owner), tuple(sorted(members)), least) for owner, members, least in needs],
        dict.fromkeys(range(10, 14), 1),
    )

    def down(parts: dict[int, Effect]) -> set[int]:
        return {one for one, effect in effects(graph, parts).subscriptions.items() if effect is Effect.DOWN}

    together = {
        part: max(failed.get(part, Effect.WORKS), beside.get(part, Effect.WORKS)) for part in {*failed, *beside}
    }
    wanted = {
        one
        for one in down(together) - down(beside)
        if not any(one in down({part: effect}) for part, effect in together.items())
    }
    found = both_legs(graph, failed, beside)
    assert set(found) == wanted
    for one, legs in found.items():
        assert one in down({part: together[part] for part in legs})
        assert all(one not in down({part: together[part] for part in legs if part != left}) for left in legs)
