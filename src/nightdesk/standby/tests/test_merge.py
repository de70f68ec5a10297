"""Two sites that know a page differently end with the same, whatever came first and however often."""

from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.standby.merge import Held, merged, move

START = datetime(2026, 8, 15, 3, 0, tzinfo=UTC)


@st.composite
def versions(draw: st.DrawFn) -> Held:
    state = draw(st.sampled_from(["triggered", "acknowledged", "resolved"]))
    return Held(
        state,  # type: ignore[arg-type]
        START + timedelta(minutes=draw(st.integers(0, 3))),
        owner=draw(st.integers(1, 2)) if state == "acknowledged" else None,
        rung=draw(st.integers(0, 2)),
        rings=draw(st.integers(0, 2)),
    )


@given(one=versions(), other=versions(), third=versions())
def test_merging_is_idempotent_commutative_and_associative(one: Held, other: Held, third: Held) -> None:
    assert merged(one, one) == one
    assert merged(one, other) == merged(other, one)
    assert merged(merged(one, other), third) == merged(one, merged(other, third))


@given(told=st.lists(versions(), min_size=1, max_size=6), order=st.randoms())
def test_the_order_in_which_things_come_does_not_matter(told: list[Held], order: object) -> None:
    shuffled = told * 2
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reduce(merged, shuffled) == reduce(merged, told)


@given(mine=versions(), theirs=versions())
def test_resolved_is_final_and_what_holds_is_done_and_nothing_else(mine: Held, theirs: Held) -> None:
    holds, step = merged(mine, theirs), move(mine, theirs)
    if mine.state == "resolved":
        assert step == "nothing"
    if holds == mine:
        assert step == "nothing"
    elif holds.state != mine.state:
        assert step == {"resolved": "resolve", "acknowledged": "acknowledge", "triggered": "wake"}[holds.state]
    assert move(None, theirs) == "insert"


def test_who_fell_asleep_over_a_page_has_it_no_more() -> None:
    taken = Held("acknowledged", START, owner=1)
    woken = Held("triggered", START + timedelta(minutes=20), rung=2, rings=4)
    assert merged(taken, woken) == woken
    assert move(taken, woken) == "wake"
    assert move(woken, taken) == "nothing"


def test_the_farther_rung_holds_so_that_nobody_is_rung_twice() -> None:
    near, far = Held("triggered", START, rung=1, rings=1), Held("triggered", START, rung=2, rings=2)
    assert move(near, far) == "ring_on"
    assert move(far, near) == "nothing"
