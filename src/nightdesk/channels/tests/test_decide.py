"""Which route next, when again, and what a receipt may change."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels import decide
from nightdesk.channels.decide import Came, Health, State, Way

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
STATES = st.sampled_from(list(decide.RANK))
CAME = st.sampled_from(["accepted", "permanent", "temporary"])
WAYS = st.lists(
    st.builds(Way, st.integers(1, 5), st.sampled_from([None, 1, 2]), st.integers(0, 3), st.booleans()),
    unique_by=lambda way: way.route_id,
)
TRIED = st.dictionaries(st.integers(1, 5), CAME)
BRANDS = st.sampled_from([None, 1, 2])


@given(WAYS, TRIED, BRANDS)
def test_a_route_that_was_tried_is_never_chosen_again(
    ways: list[Way], tried: dict[int, Came], brand: int | None
) -> None:
    way = decide.choose_way(ways, tried, brand)
    assert way is None or way.route_id not in tried


@given(WAYS, TRIED, BRANDS)
def test_no_way_is_found_only_when_all_that_serve_the_brand_were_tried(
    ways: list[Way], tried: dict[int, Came], brand: int | None
) -> None:
    left = [way for way in ways if way.route_id not in tried and decide.serves(way.brand_id, brand)]
    assert (decide.choose_way(ways, tried, brand) is None) == (not left)


@given(WAYS, BRANDS)
def test_a_doubtful_route_comes_after_every_sound_one(ways: list[Way], brand: int | None) -> None:
    way = decide.choose_way(ways, {}, brand)
    if way is not None and way.doubtful:
        assert all(other.doubtful for other in ways if decide.serves(other.brand_id, brand))


@given(WAYS)
def test_another_brands_route_is_never_used(ways: list[Way]) -> None:
    way = decide.choose_way(ways, {}, 1)
    assert way is None or way.brand_id in (None, 1)


def test_the_brands_own_route_comes_first_and_then_the_position() -> None:
    shared, own = Way(1, None, 0), Way(2, 7, 5)
    assert decide.choose_way([shared, own], {}, 7) == own
    assert decide.choose_way([Way(1, None, 2), Way(2, None, 1)], {}, 7) == Way(2, None, 1)


def test_the_pauses_grow_from_two_seconds_to_thirty_for_what_is_urgent() -> None:
    pauses = [decide.back_off(attempt, "urgent").total_seconds() for attempt in range(1, 8)]
    assert pauses == [2, 4, 8, 16, 30, 30, 30]
    assert decide.back_off(50, "bulk") == timedelta(minutes=15)


@given(TRIED, st.integers(1, 40), st.integers(1, 100))
def test_another_round_never_begins_after_it_expires_and_forgets_only_what_was_temporary(
    tried: dict[int, Came], attempt: int, valid_s: int
) -> None:
    valid_until = AT + timedelta(seconds=valid_s)
    turn = decide.when_no_way_is_left(tried, attempt=attempt, lane="urgent", at=AT, valid_until=valid_until)
    if turn.due_at is None:
        assert turn.state in ("accepted", "failed")
        assert "temporary" not in tried.values()
    else:
        assert AT < turn.due_at <= valid_until
        assert turn.tried == {route: came for route, came in tried.items() if came != "temporary"}


def test_what_somebody_accepted_without_a_receipt_does_not_end_as_failed() -> None:
    turn = decide.when_no_way_is_left(
        {1: "accepted", 2: "permanent"}, attempt=2, lane="urgent", at=AT, valid_until=None
    )
    assert (turn.state, turn.due_at) == ("accepted", None)
    assert decide.when_it_expires({1: "accepted"}) == "accepted"
    assert decide.when_it_expires({1: "temporary"}) == "expired"


def test_receipts_in_any_order_end_at_the_same_state() -> None:
    said: list[State] = ["accepted", "delivered", "read"]
    for order in permutations([*said, "delivered"]):
        state: State = "sending"
        for news in order:
            state = news if decide.is_news(state, news) else state
        assert state == "read"


@given(STATES, STATES)
def test_news_never_goes_backwards(state: State, said: State) -> None:
    assert not (decide.is_news(state, said) and decide.is_news(said, state))


def test_a_route_rests_for_thirty_seconds_after_three_failures_in_a_row() -> None:
    health = Health()
    for _ in range(2):
        health = health.after(False, AT)
        assert not health.rests(AT)
    health = health.after(False, AT)
    assert health.rests(AT)
    assert health.rests(AT + timedelta(seconds=29))
    assert not health.rests(AT + timedelta(seconds=30))
    assert health.needs_probe
    assert health.after(True, AT) == Health()


def test_a_failed_probe_sends_the_route_to_rest_again() -> None:
    tired = Health(3, AT)
    assert tired.after(False, AT + timedelta(seconds=31)).resting_until == AT + timedelta(seconds=61)
