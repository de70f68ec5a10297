"""What each leg is told at the provider: whatever comes, in whatever order, however often."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.lines import exchange
from nightdesk.lines.exchange import CALLER, Words
from nightdesk.lines.leg import Event, HangUp, Redirect, Reject
from nightdesk.lines.twiml import program
from nightdesk.lines.twiml.document import document
from nightdesk.lines.twiml.program import Hook, Leg

BO = "+447700900123"
PIN = exchange.Say(CALLER, "pin", [Words("Your PIN, please.")], digits=8)
HELLO = exchange.Say(CALLER, "hello", [Words("Hello.")])


def caller() -> Leg:
    return Leg(CALLER, state="ringing", sid="CA1")


def ring(leg: str = "e1", to: str = BO) -> exchange.Ring:
    return exchange.Ring(leg, to, "+442071838750", 25)


def told(leg: Leg, *orders: exchange.Order) -> Leg:
    """The leg after the orders, and with its document at the provider."""
    now, _events = program.ordered({leg.leg: leg}, orders)
    return program.answered_with(now[leg.leg])


def hook(what: str, leg: Leg, turn: int | None = None, state: str = "answered", digits: str = "", **more) -> Hook:
    return Hook(what, leg.turn if turn is None else turn, Event(leg.sid or "CA9", state, digits=digits), **more)  # type: ignore[arg-type]


def ask(what: str, turn: int) -> str:
    return f"https://us.example/{what}?n={turn}"


def verbs(leg: Leg) -> list[str]:
    root = ElementTree.fromstring(document(program.steps(leg, "room", ask, lambda name: f"https://us.example/{name}")))
    return [verb.tag for verb in root]


def test_a_caller_is_picked_up_and_hears_ringing_until_something_is_said():
    leg = told(caller(), exchange.Answer(CALLER))
    assert (leg.doing, leg.ringing, verbs(leg)) == ("hold", True, ["Gather", "Redirect"])
    leg = told(leg, HELLO)
    leg, events = program.hear(leg, hook("said", leg))
    assert events == [exchange.Said(CALLER, "hello")]
    assert (leg.doing, program.to_do(program.answered_with(leg))) == ("wait", [])


def test_a_caller_who_is_never_picked_up_hears_that_it_is_busy():
    now, _events = program.ordered({CALLER: caller()}, [exchange.HangUp(CALLER, busy=True)])
    assert program.steps(now[CALLER], "room", ask, str) == [Reject(busy=True)]


def test_a_key_that_stops_the_words_ends_them_and_another_does_not():
    leg = told(caller(), replace(HELLO, stop="1"))
    other, events = program.hear(leg, hook("key", leg, digits="2"))
    assert (other.doing, events) == ("say", [exchange.Key(CALLER, "2")])
    ended, events = program.hear(leg, hook("key", leg, digits="1"))
    assert (ended.doing, events) == ("wait", [exchange.Key(CALLER, "1")])


def test_the_keys_of_a_pin_come_one_by_one_and_a_repeat_says_none():
    leg = told(caller(), PIN)
    pressed = hook("key", leg, digits="4711")
    leg, events = program.hear(leg, pressed)
    assert [event.digit for event in events if isinstance(event, exchange.Key)] == list("4711")
    assert program.hear(leg, pressed) == (leg, [])
    assert 'numDigits="8"' in document(program.steps(leg, "room", ask, str)), "the rest of it may still come"


def test_a_leg_is_placed_rings_is_picked_up_and_asks_for_its_steps():
    legs, events = program.ordered({}, [ring()])
    leg = legs["e1"]
    assert (events, program.to_do(leg)) == ([], ["place"])
    leg, events = program.hear(leg, hook("status", leg, state="ringing"))
    assert (events, program.to_do(leg), leg.sid) == ([exchange.Ringing("e1")], [], "CA9")
    leg, events = program.hear(leg, hook("status", leg, state="answered"))
    assert events == [], "it is picked up when it asks what to do"
    leg, events = program.hear(leg, hook("do", leg))
    assert (events, leg.state) == ([exchange.PickedUp("e1")], "answered")
    assert program.hear(leg, hook("do", leg))[1] == []


def test_the_same_ring_twice_places_one_call():
    legs, _events = program.ordered({}, [ring()])
    assert program.ordered(legs, [ring()]) == (legs, [])


def test_a_telephone_that_registers_nowhere_is_unreachable_at_once():
    legs, events = program.ordered({}, [ring(to="desk-bo")])
    assert [event.why for event in events if isinstance(event, exchange.Gone)] == ["unreachable"]
    assert not legs["e1"].lives
    legs, _events = program.ordered({}, [ring(to="desk-bo")], "night.sip.example")
    assert legs["e1"].to == "sip:desk-bo@night.sip.example"


def test_a_leg_taken_back_before_the_provider_had_it_is_gone_and_its_call_is_a_stray():
    legs, _events = program.ordered({}, [ring()])
    legs, events = program.ordered(legs, [exchange.HangUp("e1")])
    assert events == [exchange.Gone("e1", "ordered")]
    leg, events = program.hear(legs["e1"], hook("status", legs["e1"], state="ringing"))
    assert (events, program.to_do(leg), leg.strays) == ([], ["end_strays"], ("CA9",))


def test_a_ringing_leg_that_is_hung_up_is_ended_at_the_provider_and_gone_when_it_says_so():
    legs, _events = program.ordered({}, [ring()])
    leg = program.placed(legs["e1"], "CA9")
    legs, events = program.ordered({"e1": leg}, [exchange.HangUp("e1")])
    assert (events, program.to_do(legs["e1"])) == ([], ["end"])
    leg, events = program.hear(legs["e1"], hook("status", leg, state="cancelled"))
    assert (events, program.to_do(leg)) == ([exchange.Gone("e1", "ordered")], [])


@pytest.mark.parametrize(
    ("state", "before", "why"),
    [("busy", "ringing", "busy"), ("no_answer", "ringing", "no_answer"), ("failed", "dialling", "unreachable"),
     ("failed", "answered", "failed"), ("completed", "answered", "hung_up")],
)  # fmt: skip
def test_how_a_leg_ended(state, before, why):
    leg = Leg("e1", state=before, sid="CA9", to=BO, asked=before == "answered")
    _leg, events = program.hear(leg, hook("status", leg, state=state))
    assert [event.why for event in events if isinstance(event, exchange.Gone)] == [why]


def test_joined_legs_meet_the_listener_is_muted_and_whoever_is_left_out_hears_ringing():
    up = {name: Leg(name, state="answered", sid=name, asked=True, doing="wait") for name in (CALLER, "e1", "e2")}
    legs, _events = program.ordered(up, [exchange.Join([CALLER, "e1"], ["e2"])])
    assert {name: (leg.doing, leg.muted) for name, leg in legs.items()} == {
        CALLER: ("meet", False), "e1": ("meet", False), "e2": ("meet", True)}  # fmt: skip
    again, _events = program.ordered(legs, [exchange.Join([CALLER, "e1"], ["e2"])])
    assert again == legs
    legs, _events = program.ordered(legs, [exchange.Join([CALLER, "e2"])])
    assert {name: (leg.doing, leg.muted) for name, leg in legs.items()} == {
        CALLER: ("meet", False), "e1": ("hold", False), "e2": ("meet", False)}  # fmt: skip


RECORD = exchange.Record(CALLER, "message", 180, 5)
AT = "RE1"


def test_a_message_ends_by_key_is_fetched_and_handed_on_once():
    leg = told(caller(), RECORD)
    leg, events = program.hear(leg, hook("recorded", leg, digits="#", recording=AT, seconds=7))
    assert (events, program.to_do(program.answered_with(leg))) == ([], ["fetch"])
    leg = program.fetched(leg, leg.takes[0].turn, "d" * 64)
    assert program.complete(leg) == [("message", ["d" * 64], "key")]
    assert program.complete(program.handed_on(leg, "message")) == []


def test_that_a_piece_can_be_fetched_may_be_told_before_its_end():
    leg = told(caller(), RECORD)
    turn = leg.turn
    leg, _events = program.hear(leg, hook("kept", leg, turn, "completed", recording=AT, seconds=7))
    leg = program.fetched(leg, turn, "d" * 64)
    assert program.complete(leg) == [], "by what it ended is not known yet"
    leg, _events = program.hear(leg, hook("recorded", leg, digits="hangup", recording=AT, seconds=7))
    assert program.complete(leg) == [("message", ["d" * 64], "gone")]


def test_a_caller_who_hangs_up_while_recording_leaves_a_piece_that_is_waited_for():
    leg = told(caller(), RECORD)
    leg, events = program.hear(leg, hook("status", leg, state="completed"))
    assert (events, program.awaited(leg)) == ([], True)
    kept, _events = program.hear(leg, hook("kept", leg, leg.turn, "completed", recording=AT, seconds=3))
    assert program.to_do(kept) == ["fetch"]
    lost = program.given_up(leg)
    assert program.complete(lost) == [("message", [], "gone")]
    lost, events = program.let_go(program.handed_on(lost, "message"))
    assert events == [exchange.Gone(CALLER, "hung_up")], "that they left is told after what they left"
    assert program.let_go(lost) == (lost, [])


def test_a_paused_recording_is_kept_in_pieces_and_handed_on_as_one():
    leg = told(caller(), RECORD)
    first = leg.turn
    leg = told(leg, exchange.PauseRecording(CALLER, "message"))
    assert leg.doing == "wait"
    leg, _events = program.hear(leg, hook("kept", leg, first, "answered", recording=AT, seconds=3))
    leg = program.fetched(leg, first, "a" * 64)
    assert program.complete(leg) == []
    leg = told(leg, exchange.PauseRecording(CALLER, "message", go_on=True))
    assert (leg.doing, leg.tone) == ("record", False)
    second = leg.turn
    leg, _events = program.hear(leg, hook("recorded", leg, recording=AT + "2", seconds=4))
    leg = program.fetched(leg, second, "b" * 64)
    assert program.complete(leg) == [("message", ["a" * 64, "b" * 64], "silence")]


def test_what_is_thrown_away_is_never_handed_on_and_the_provider_forgets_it():
    leg = told(caller(), RECORD)
    turn = leg.turn
    leg = told(leg, exchange.StopRecording(CALLER, "message", keep=False))
    leg, _events = program.hear(leg, hook("kept", leg, turn, "answered", recording=AT, seconds=3))
    assert (program.complete(leg), program.to_do(leg)) == ([], ["forget"])
    assert program.to_do(program.forgotten(leg)) == []


def test_an_announcement_is_heard_over_the_talk_and_the_leg_stays():
    leg = Leg("e1", state="answered", sid="CA1", asked=True, doing="meet", turn=3, told=3)
    other = replace(leg, leg="e2", sid="CA2")
    legs, _events = program.ordered({"e1": leg, "e2": other}, [exchange.Say("e1", "joins", [Words("Al joins.")])])
    assert (legs["e1"].doing, program.to_do(legs["e1"])) == ("meet", ["announce"])
    leg, events = program.hear(legs["e1"], hook("announced", legs["e1"]))
    assert (events, program.to_do(leg)) == ([exchange.Said("e1", "joins")], [])


def test_whoever_is_left_alone_in_the_room_is_asked_outside_it_where_keys_are_heard():
    leg = Leg("e1", state="answered", sid="CA1", asked=True, doing="meet", turn=3, told=3)
    gone = replace(leg, leg="out", state="completed")
    asked = exchange.Say("e1", "outcome", [Words("Press 1 if it is solved.")], "123")
    legs, _events = program.ordered({"e1": leg, "out": gone}, [asked])
    assert (legs["e1"].doing, program.to_do(legs["e1"])) == ("say", ["push"])


def test_a_caller_whom_nightdesk_cannot_take_leaves_a_message():
    leg = told(caller(), exchange.FallBack(CALLER))
    assert verbs(leg) == ["Say", "Record", "Hangup"]
    leg, _events = program.hear(leg, hook("recorded", leg, digits="hangup", recording=AT, seconds=4))
    leg = program.fetched(leg, leg.takes[0].turn, "d" * 64)
    assert program.complete(leg) == [(program.FALLEN, ["d" * 64], "gone")]
    assert verbs(leg) == ["Hangup"]


# --- Whatever comes --------------------------------------------------------------------------------------------------

names = st.sampled_from([CALLER, "e1", "e2"])
some_orders = st.one_of(
    st.builds(exchange.Answer, names),
    st.builds(exchange.Say, names, st.sampled_from("ab"), st.just([Words("x")]), st.sampled_from(["", "1", "12#"]),
              st.sampled_from([1, 8])),
    st.builds(exchange.Hold, names, st.booleans()),
    st.builds(ring, st.sampled_from(["e1", "e2"]), st.sampled_from([BO, "desk"])),
    st.builds(exchange.Join, st.lists(names, unique=True), st.lists(names, unique=True, max_size=1)),
    st.builds(exchange.Record, names, st.sampled_from("ab")),
    st.builds(exchange.StopRecording, names, st.sampled_from("ab"), st.booleans()),
    st.builds(exchange.PauseRecording, names, st.sampled_from("ab"), st.booleans()),
    st.builds(exchange.HangUp, names, st.booleans()),
    st.builds(exchange.FallBack, names),
)  # fmt: skip
some_hooks = st.tuples(
    names,
    st.sampled_from(["do", "key", "said", "left", "recorded", "kept", "announced", "status"]),
    st.integers(-1, 12),
    st.sampled_from(["ringing", "answered", "completed", "busy", "failed", "queued"]),
    st.sampled_from(["", "1", "#", "471", "hangup"]),
    st.sampled_from(["", AT]),
)


@given(st.lists(st.one_of(some_orders, some_hooks), max_size=40))
def test_whatever_comes_in_whatever_order_a_leg_has_something_to_do_and_ends_once(happenings):
    legs = {CALLER: caller()}
    gone = []
    for one in happenings:
        if isinstance(one, tuple):
            name, what, turn, state, digits, recording = one
            if name not in legs:
                continue
            hook = Hook(what, turn, Event(legs[name].sid or "CA" + name, state, digits=digits), recording, 3.0)
            after, events = program.hear(legs[name], hook)
            assert program.hear(after, hook)[1] == [], "told twice it says nothing the second time"
            legs[name] = program.answered_with(after) if what not in ("status", "kept") and after.lives else after
        else:
            before = legs
            legs, events = program.ordered(legs, [one])
            assert all(legs[name].turn >= leg.turn for name, leg in before.items())
        gone += [event.leg for event in events if isinstance(event, exchange.Gone)]
    assert len(gone) == len(set(gone)), "a leg ends once"
    for leg in legs.values():
        assert verbs(leg), "nobody is left without a document"
        assert Leg.from_json(leg.as_json()) == leg
        assert leg.told <= leg.turn
        last = program.steps(leg, "room", ask, str)[-1]
        assert isinstance(last, Redirect | HangUp | Reject), "no document just ends"
