"""What is ordered again for a call whose process died, how a call lies in JSON, and when whom is reminded of a call-back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.calls import decide, flow, stored
from nightdesk.calls.decide import TRANSITIONS, Verb
from nightdesk.calls.playing import part_of
from nightdesk.calls.standing_orders import Heard, standing_orders
from nightdesk.lines import exchange as line
from nightdesk.lines.exchange import Words

AT = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
SAY = line.Say("caller", "greeting", (Words("Welcome"),))
ASK = line.Say("caller", "keys", (Words("Press 1"),), stop="1")
RING = line.Ring("e1", "al-desk", "+442079460199")
RECORD = line.Record("caller", "m1")
CAME = line.Came("caller", "+442079460100", "+442079460777")

legs = st.sampled_from(["caller", "e1", "e2"])
orders = st.one_of(
    st.builds(line.Answer, legs),
    st.builds(line.Say, legs, st.sampled_from(["a", "b"]), st.just((Words("x"),))),
    st.builds(line.Hold, legs, st.booleans()),
    st.builds(line.Ring, legs, st.just("al-desk"), st.just("+442079460199")),
    st.builds(line.Join, st.lists(legs, max_size=2).map(tuple), st.just(())),
    st.builds(line.Record, legs, st.sampled_from(["m1"])),
    st.builds(line.StopRecording, legs, st.sampled_from(["m1"]), st.booleans()),
    st.builds(line.PauseRecording, legs, st.sampled_from(["m1"]), st.booleans()),
    st.builds(line.HangUp, legs, st.booleans()),
    st.builds(line.FallBack, legs),
    st.builds(flow.Timer, st.text(max_size=5), st.floats(0, 1000)),
    st.builds(flow.Forget, st.text(max_size=5)),
    st.builds(flow.Look, st.just(""), st.text(max_size=5)),
    st.builds(flow.Write, st.text(max_size=5), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
)
events = st.one_of(
    st.builds(line.Came, legs, st.text(max_size=5), st.text(max_size=5)),
    st.builds(line.Ringing, legs),
    st.builds(line.PickedUp, legs),
    st.builds(line.Key, legs, st.sampled_from("0123456789*#")),
    st.builds(line.Said, legs, st.sampled_from(["a", "b"])),
    st.builds(line.Gone, legs, st.sampled_from(["hung_up", "failed"]), st.text(max_size=5)),
    st.builds(flow.Due, st.text(max_size=5)),
    st.builds(flow.Known, st.booleans(), st.integers(0, 3)),
    st.builds(flow.Asked, st.text(max_size=5), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
)


@given(orders)
def test_an_order_is_the_same_after_json(order: Any) -> None:
    assert stored.order_from(stored.as_json(order)) == order or isinstance(order, line.Join)
    assert stored.as_json(stored.order_from(stored.as_json(order))) == stored.as_json(order)


@given(events)
def test_an_event_is_the_same_after_json(event: Any) -> None:
    assert stored.event_from(stored.as_json(event)) == event


def test_a_call_back_and_a_state_are_the_same_after_json() -> None:
    back = flow.CallBack("id", "+442079460777", flow.Candidate(1, "Al", "al-desk", outside=False), "Anna")
    assert stored.event_from(stored.as_json(back)) == back
    state = flow.State("hunt", {"caller": "up"}, {"who": {"e1": {"person_id": 1}}}, {"ring:e1": AT})
    assert stored.state_from(stored.state_as_json(state)) == state
    assert stored.state_from({}) == flow.State()


def test_a_pin_is_in_no_json() -> None:
    assert "271828" not in str(stored.as_json(flow.Look("271828")))
    assert stored.as_json(line.Key("caller", "7"), secret=True)["digit"] == "?"


@pytest.mark.parametrize(
    ("story", "again"),
    [
        ([Heard(CAME, [line.Answer("caller"), SAY])], [line.Answer("caller"), SAY]),
        # What was being said may have ended unheard; what is known to have ended is not said again.
        ([Heard(CAME, [SAY]), Heard(line.Ringing("e1"), [])], [SAY]),
        ([Heard(CAME, [SAY]), Heard(line.Said("caller", "greeting"), [])], []),
        ([Heard(CAME, [ASK]), Heard(line.Key("caller", "1"), [])], []),
        ([Heard(CAME, [ASK]), Heard(line.Key("caller", "7"), [])], [ASK]),
        # A telephone that was to ring may never have been rung; one that answered or is gone is not rung again.
        ([Heard(CAME, [RING]), Heard(line.Ringing("e1"), [])], [RING]),
        ([Heard(CAME, [RING]), Heard(line.PickedUp("e1"), [])], []),
        ([Heard(CAME, [RING]), Heard(line.Gone("e1", "busy"), [])], []),
        ([Heard(CAME, [RING]), Heard(flow.Due("x"), [line.HangUp("e1")])], [line.HangUp("e1")]),
        ([Heard(CAME, [RECORD]), Heard(flow.Due("x"), [])], [RECORD]),
        (
            [Heard(CAME, [RECORD]), Heard(line.Recorded("caller", "m1", "d", 1, 1, "key"), [SAY])],
            [SAY],
        ),
        # What is heard now takes the place of what was.
        ([Heard(CAME, [SAY]), Heard(flow.Due("x"), [RECORD])], [RECORD]),
    ],
)
def test_what_is_in_doubt_is_ordered_again(story: list[Heard], again: list[Any]) -> None:
    assert list(standing_orders(story, ["caller", "e1"])) == again


@given(st.lists(st.builds(Heard, events, st.lists(orders, max_size=3)), max_size=6), st.lists(legs, unique=True))
def test_the_last_orders_are_always_given_again_and_nothing_of_ours_is(story: list[Heard], alive: list[str]) -> None:
    again = list(standing_orders(story, alive))
    ours = (flow.Timer, flow.Forget, flow.Look, flow.Write)
    last = [order for order in (story[-1].orders if story else []) if not isinstance(order, ours)]
    assert again[len(again) - len(last) :] == last
    assert not any(isinstance(order, ours) for order in again)


@given(st.integers(60, 86_400), st.integers(0, 30))
def test_each_chase_comes_after_the_one_before_and_there_is_always_another(seconds: int, number: int) -> None:
    by = AT + timedelta(seconds=seconds)
    now, then = decide.next_chase(AT, by, number), decide.next_chase(AT, by, number + 1)
    assert AT < now.at < then.at
    assert (now.at < by) == (number == 0)
    assert now.who == {0: "engineer", 1: "backup"}.get(number, "manager")


def test_what_is_over_stays_over() -> None:
    assert {state for state, _verb in TRANSITIONS} == {"waiting", "calling", "reached"}
    for state in ("waiting", "calling", "reached"):
        assert TRANSITIONS[state, Verb.CANCEL] == "cancelled"
        assert TRANSITIONS[state, Verb.CLOSE] == "closed"


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_part_of_a_sound_lies_within_it(length: int, first: int, last: int) -> None:
    for wanted in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        part = part_of(wanted, length)
        assert part is not None
        begin, end = part
        assert begin >= 0
        assert end <= length or begin >= end
    assert part_of("bytes=0-", 9) == (0, 9)
    assert part_of("bytes=2-4", 9) == (2, 5)
    assert part_of("bytes=-4", 9) == (5, 9)
    for nonsense in ("", "bytes=", "bytes=-", "lines=1-2", "bytes=1-2,4-5", "bytes=a-b"):
        assert part_of(nonsense, 9) is None
