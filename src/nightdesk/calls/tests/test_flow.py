"""What happens on the phone line, path by path."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from nightdesk.calls import flow
from nightdesk.calls.flow import Asked, CallBack, Candidate, Facts, Known, Look, OpenPage
from nightdesk.calls.simulate import Telephone
from nightdesk.calls.tests.walks import (
    AL,
    ANN,
    AWAY,
    BO,
    BUSY,
    CAME,
    CY,
    DAY,
    MO,
    NIGHT,
    NOBODY,
    OURS,
    PEER,
    SILENT,
    Walked,
    by_day,
    by_night,
    called,
    outage,
    waits,
)
from nightdesk.lines import exchange
from nightdesk.lines.exchange import Gone, Join, Ring

BUREAU = "+442000000099"
LIVE = replace(ANN, live=True)
DESK_TAKES = Asked("desk_takes", {"person_id": 50, "name": "Dee", "to": "dee", "outside": False})


def joins(call: Walked) -> list[tuple[set[str], set[str]]]:
    """Who spoke and who listened, each time that it changed."""
    orders = [order for moment in call.moments for order in moment.orders if isinstance(order, Join)]
    return [(set(order.legs), set(order.listening)) for order in orders]


def shown(call: Walked) -> list[str]:
    """Which number each telephone that was rung showed."""
    return [order.show for moment in call.moments for order in moment.orders if isinstance(order, Ring)]


def ring_seconds(call: Walked) -> list[int]:
    return [order.ring_s for moment in call.moments for order in moment.orders if isinstance(order, Ring)]


# --- In hours --------------------------------------------------------------------------------------------------------


def test_in_hours_the_next_in_the_queue_rings_while_the_greeting_is_spoken() -> None:
    call = called(by_day(), {"al": Telephone(3)})
    assert call.rung == ["al"]
    assert "Welcome to Acme. If anybody is in danger, ring 9 9 9 or 1 1 2." in call.heard_by("caller")
    assert call.wrote("answered") == [{"by": "engineer", "person_id": 1}]
    assert call.ended == "answered"


def test_the_second_telephone_joins_after_four_seconds_and_all_after_eight() -> None:
    call = called(by_day(), {"al": SILENT, "bo": SILENT, "cy": Telephone(2)})
    assert call.rung == ["al", "bo", "cy"]
    assert 4 <= call.rung_at("bo") < 4.5
    assert 8 <= call.rung_at("cy") < 8.5
    assert call.wrote("answered") == [{"by": "engineer", "person_id": 3}]


def test_the_time_of_a_telephone_counts_from_its_ringing_not_from_the_order() -> None:
    slow = Telephone(answers_after_s=None, rings_after_s=3)
    call = called(by_day(), {"al": slow, "bo": Telephone(1)})
    assert 7 <= call.rung_at("bo") < 7.5
    one = called(by_day(ANN, AL), {"al": Telephone(24, rings_after_s=6)})
    assert one.when("answered") >= 30


def test_never_more_ring_at_once_than_the_line_allows() -> None:
    people = [replace(AL, person_id=number, name=f"P{number}", to=f"p{number}") for number in range(1, 7)]
    call = called(
        by_day(ANN, *people, most_rung=2, longest_hunt_s=20), dict.fromkeys((f"p{n}" for n in range(1, 7)), SILENT)
    )
    ringing: set[str] = set()
    for moment in call.moments:
        if isinstance(moment.event, Gone):
            ringing.discard(moment.event.leg)
        ringing |= {words.split(":")[0] for words in moment.rung}
        assert len([leg for leg in ringing if moment.state.legs.get(leg) in ("ordered", "ringing")]) <= 2


def test_without_joins_they_ring_one_after_the_other() -> None:
    call = called(by_day(ANN, joins_s=(), ring_s=10), {"al": SILENT, "bo": Telephone(2)})
    assert call.rung == ["al", "bo"]
    assert call.rung_at("bo") > 10


def test_an_unregistered_telephone_is_skipped_at_once() -> None:
    call = called(by_day(ANN, replace(AL, reachable=False), BO), {"bo": Telephone(1)})
    assert call.rung == ["bo"]
    assert called(by_day(), {"al": AWAY, "bo": Telephone(1)}).rung_at("bo") < 1


def test_whoever_is_busy_is_not_rung_and_tried_again_when_free() -> None:
    call = called(by_day(ANN, replace(AL, busy=True)), rings_off_after_s=20)
    assert call.rung == []
    assert call.ended == "abandoned"
    busy_then_free = called(by_day(ANN, AL), {"al": BUSY}, rings_off_after_s=10)
    assert busy_then_free.rung.count("al") == 4, "busy, and tried again every three seconds"


def test_a_queue_says_its_position_and_later_that_it_still_rings() -> None:
    call = called(replace(by_day(), ahead=2), {"al": SILENT, "bo": SILENT, "cy": SILENT}, rings_off_after_s=70)
    assert "You are number 3 in the queue." in call.heard_by("caller")
    assert call.heard_by("caller").count("We are still ringing. You may press 3") == 2


def test_while_it_rings_the_caller_may_sooner_leave_a_message() -> None:
    quiet = {"al": SILENT, "bo": SILENT, "cy": SILENT}
    pressed = [(10.0, exchange.Key("caller", "3"))]
    call = called(by_day(), quiet, ("review", "1"), asked=pressed)
    assert call.ended == "message"
    assert next(moment for moment in call.moments if moment.stage == "message").after_s == 10


def test_outside_only_a_key_takes_the_call_so_that_voicemail_never_does() -> None:
    voicemail = Telephone(2, presses="")
    call = called(by_day(ANN, MO, BO), {MO.to: voicemail, "bo": Telephone(15)})
    assert call.wrote("answered") == [{"by": "engineer", "person_id": BO.person_id}]
    taken = called(by_day(ANN, MO), {MO.to: Telephone(2)})
    assert taken.wrote("answered") == [{"by": "engineer", "person_id": MO.person_id}]
    assert "Ann of Cirrus, for Acme. Press 1 to take the call" in taken.heard_by("e1")


def test_outside_2_declines_and_the_next_is_rung_at_once() -> None:
    call = called(by_day(ANN, MO, BO, joins_s=(40,)), {MO.to: Telephone(2, presses="2"), "bo": Telephone(1)})
    assert call.wrote("answered") == [{"by": "engineer", "person_id": BO.person_id}]
    assert call.rung_at("bo") < 9


def test_who_calls_is_shown_and_whispered_and_the_pager_s_number_stands_on_the_telephone() -> None:
    call = called(by_day(), {"al": Telephone(1)})
    assert shown(call) == [by_day().line.pager_number]
    assert call.wrote("told") == [{"leg": "e1", "person_id": 1, "text": "Ann of Cirrus"}]
    unknown = called(by_day(NOBODY), {"al": Telephone(1)})
    assert unknown.wrote("told")[0]["text"] == "An unknown caller, 4 4 7 7 0 0 9 0 0 0 0 1"


def test_nobody_answers_and_the_outside_bureau_takes_it_by_key() -> None:
    quiet = {"al": SILENT, "bo": SILENT, "cy": SILENT}
    call = called(by_day(bureau_number=BUREAU, longest_hunt_s=30), {**quiet, BUREAU: Telephone(3)})
    assert "Call for Acme. Ann of Cirrus. Press 1 to take it." in call.heard_by("b1")
    assert call.wrote("answered") == [{"by": "bureau", "person_id": None}]
    assert "al" in call.rung


def test_further_engineers_join_the_ringing_beside_the_bureau() -> None:
    quiet = {"al": SILENT, "bo": SILENT, BUREAU: SILENT}
    call = called(by_day(bureau_number=BUREAU, longest_hunt_s=2), {**quiet, "cy": Telephone(1)})
    assert call.rung == ["al", BUREAU, "bo", "cy"]
    assert call.wrote("answered") == [{"by": "engineer", "person_id": 3}]


def test_our_own_desk_is_asked_before_the_outside_bureau() -> None:
    facts = replace(by_day(ANN, AL, desk_waits=True, bureau_number=BUREAU, longest_hunt_s=10), free_message_takers=1)
    call = called(facts, {"al": SILENT, "dee": Telephone(0.5)}, asked=[(12.0, DESK_TAKES)])
    assert call.wrote("to_desk") == [{}]
    assert BUREAU not in call.rung
    assert call.wrote("answered") == [{"by": "desk", "person_id": 50}]
    nobody_takes = called(facts, {"al": SILENT, BUREAU: Telephone(1)})
    assert nobody_takes.wrote("answered") == [{"by": "bureau", "person_id": None}]


def test_nobody_at_all_takes_it_and_the_recorder_does() -> None:
    quiet = {"al": SILENT, "bo": SILENT, "cy": SILENT}
    call = called(by_day(longest_hunt_s=40), quiet, ("review", "1"))
    assert call.wrote("answered") == [{"by": "recorder", "person_id": None}]
    assert "Nobody can take your call at this moment." in call.heard_by("caller")
    assert call.ended == "message"


def test_the_greeting_is_heard_out_before_the_recorder_begins() -> None:
    call = called(by_day(ANN, replace(AL, reachable=False)), None, ("review", "1"))
    said = call.heard_by("caller")
    assert said.startswith("Welcome to Acme. If anybody is in danger")
    assert call.when("answered") > 3, "after the greeting"
    assert call.ended == "message"


def test_the_caller_who_rings_off_leaves_nothing_ringing() -> None:
    call = called(by_day(), {"al": SILENT, "bo": SILENT}, rings_off_after_s=5)
    assert call.ended == "abandoned"
    assert call.wrote("rung_off") == [{}]


def test_who_waited_and_was_lost_without_ringing_off_is_rung_back() -> None:
    lost = [(5.0, Gone("caller", "failed"))]
    call = called(by_day(), {"al": SILENT, "bo": SILENT}, asked=lost)
    assert (call.ended, call.wrote("missed"), call.wrote("rung_off")) == ("failed", [{}], [])
    assert called(by_day(OURS), {"al": SILENT}, asked=lost).wrote("missed") == [], (
        "one of ours rings again by themselves"
    )
    hung_up = [order.leg for order in call.moments[-1].orders if isinstance(order, exchange.HangUp)]
    assert hung_up == ["e1", "e2"]


def test_whoever_picks_up_a_moment_too_late_is_let_go() -> None:
    call = called(by_day(ANN, MO, BO), {MO.to: Telephone(4, presses=""), "bo": Telephone(2)})
    assert call.wrote("answered") == [{"by": "engineer", "person_id": BO.person_id}]
    assert "Somebody else has taken the call." in call.heard_by("e1")


def test_a_menu_has_one_level_and_its_choice_says_which_skill_is_rung() -> None:
    menu = ({"key": "1", "says": "the network", "skill": "network"}, {"key": "2", "says": "mail", "skill": "mail"})

    def who(facts: Facts, look: Look) -> tuple[Known, Facts]:
        return Known(True), replace(facts, candidates=[CY] if look.skill == "mail" else facts.candidates)

    call = called(by_day(menu=menu), {"cy": Telephone(1)}, ("menu", "2"), who_is_it=who)
    assert "For the network, press 1. For mail, press 2." in call.heard_by("caller")
    assert call.rung == ["cy"]
    nothing = called(by_day(menu=menu), {"al": Telephone(1)})
    assert nothing.rung == ["al"], "who chooses nothing is taken as everybody is"


def test_the_line_to_an_engineer_that_breaks_is_rung_again_once() -> None:
    broke = [(30.0, Gone("e1", "failed"))]
    call = called(by_day(), {"al": Telephone(2)}, asked=broke)
    assert call.rung == ["al", "al"]
    assert "The line to the engineer broke." in call.heard_by("caller")
    assert call.ended == "answered"


# --- Who is it -------------------------------------------------------------------------------------------------------


def known_by_pin(right: str = "471100", becomes: flow.CallerFacts = LIVE) -> Any:
    """A PIN that is believed, three tries."""
    tries: list[str] = []

    def who(facts: Facts, look: Look) -> tuple[Known, Facts]:
        tries.append(look.pin)
        if look.pin == right:
            return Known(True), replace(facts, caller=replace(becomes, known_by="pin"))
        return Known(False, 3 - len(tries)), facts

    return who


def test_at_night_whom_nobody_knows_wakes_nobody_and_leaves_a_message() -> None:
    call = called(by_night(NOBODY), None, ("review", "1"))
    assert call.rung == []
    assert call.wrote("message")
    assert call.ended == "message"


def test_at_night_a_pin_says_who_it_is_and_their_contract_counts() -> None:
    pressed = [(3.0, exchange.Key("caller", "*"))]
    facts = by_night(NOBODY)
    call = called(facts, {"al": Telephone(10)}, ("pin", "471100#"), who_is_it=known_by_pin(), asked=pressed)
    assert call.rung == ["al"]
    assert call.wrote("answered")[-1] == {"by": "engineer", "person_id": 1}


def test_a_wrong_pin_may_be_tried_three_times() -> None:
    pressed = [(3.0, exchange.Key("caller", "*"))]
    keys = [("pin", "111111#"), ("pin", "222222#"), ("pin", "333333#"), ("pin", "471100#"), ("review", "1")]
    call = called(by_night(NOBODY), None, *keys, who_is_it=known_by_pin(), asked=pressed)
    looks = [order.pin for moment in call.moments for order in moment.orders if isinstance(order, Look)]
    assert looks == ["111111", "222222", "333333"]
    assert call.rung == []
    assert call.ended == "message"


def test_a_pin_without_hash_ends_by_a_pause_and_is_nowhere_kept() -> None:
    pressed = [(3.0, exchange.Key("caller", "*"))]
    call = called(by_night(NOBODY), None, ("pin", "471100"), who_is_it=known_by_pin(), asked=pressed)
    assert call.rung == ["al"]
    asked = [moment for moment in call.moments if moment.stage == "pin"]
    assert all(flow.keys_are_secret(moment.state) for moment in asked)
    after = [moment.state for moment in call.moments if moment.after_s > asked[-1].after_s]
    assert not any("471100" in str(state.memory) for state in after)


def test_a_network_is_taken_at_once_by_day_and_night_and_asked_nothing() -> None:
    net = Candidate(9, "Nell", "nell", outside=False, awake=False, rank="network")
    for facts in (by_day(PEER, replace(net, awake=True)), replace(by_night(PEER), candidates=[net])):
        call = called(facts, {"nell": Telephone(4)})
        assert call.rung_at("nell") == 0
        assert call.wrote("answered") == [{"by": "engineer", "person_id": 9}]


# --- Is it known -----------------------------------------------------------------------------------------------------


def in_outage(facts: Facts, **said: Any) -> Facts:
    return replace(facts, caller=replace(facts.caller, outages=[outage(facts.at, **said)]))


FIXER = replace(AL, fixing=True)


@pytest.mark.parametrize("facts", [by_day(ANN, FIXER, BO), by_night(LIVE, FIXER, BO)], ids=["day", "night"])
def test_a_known_outage_is_heard_first_and_rings_nobody(facts: Facts) -> None:
    call = called(in_outage(facts))
    said = call.heard_by("caller")
    assert said.startswith("This is Acme. Your web hosting at Mill Lane does not answer. This was said at 0")
    or_day = "We will say more by"
    assert or_day in said
    assert call.rung == []
    assert call.wrote("heard_outage") == [{"outage_ids": ["o1"]}]
    assert call.ended == "heard_outage"


def test_the_status_starts_within_five_seconds() -> None:
    call = called(in_outage(by_day()))
    before = call.moments[0].heard[0].removeprefix("caller: ")
    assert before == "This is Acme."
    assert len(before) / 9 < 5


def test_1_sends_texts_about_it() -> None:
    call = called(in_outage(by_day()), None, ("status", "1"))
    assert call.wrote("texts_wanted") == [{"outage_ids": ["o1"]}]
    assert (call.rung, call.ended) == ([], "heard_outage")


def test_2_goes_to_who_is_at_the_desk_and_never_to_who_fixes() -> None:
    call = called(in_outage(by_day(ANN, FIXER, BO)), {"bo": Telephone(2)}, ("status", "2"))
    assert call.rung == ["bo"]
    alone = called(in_outage(by_day(ANN, FIXER)), None, ("status", "2"), ("review", "1"))
    assert (alone.rung, alone.ended) == ([], "message")


def test_2_and_3_wake_nobody_at_night_whatever_the_contract_buys() -> None:
    for key in "23":
        call = called(in_outage(by_night(LIVE, FIXER, BO)), None, ("status", key), ("review", "1"))
        assert (call.rung, call.ended) == ([], "message")
        assert call.wrote("message")[0]["heard"] is True


def test_3_is_taken_by_the_bureau_else_by_the_recorder() -> None:
    facts = in_outage(by_night(ANN, bureau_number=BUREAU))
    call = called(facts, {BUREAU: Telephone(2)}, ("status", "3"))
    assert call.wrote("answered") == [{"by": "bureau", "person_id": None}]
    late = called(facts, {BUREAU: SILENT}, ("status", "3"), ("review", "1"))
    assert late.ended == "message"


def test_a_stale_status_says_its_age_and_its_voice_is_chased() -> None:
    call = called(in_outage(by_day(), said_ago_s=2400, next_in_s=-900))
    said = call.heard_by("caller")
    assert "This is 40 minutes old. Newer words were due at 09:45, and we are asking for them." in said
    assert "This was said" not in said
    assert call.wrote("chase_update") == [{"outage_id": "o1"}]


def test_whoever_fixes_is_rung_by_no_customer_even_of_something_else() -> None:
    call = called(by_day(ANN, FIXER, BO), {"bo": SILENT}, rings_off_after_s=60)
    assert "al" not in call.rung


def test_an_outage_that_becomes_known_while_they_wait_ends_the_ringing() -> None:
    begun = flow.begin(CAME, by_day())
    assert "e1" in begun.state.legs
    facts = in_outage(replace(by_day(), at=begun.state.timers["join"]))
    told = flow.step(begun.state, flow.Due("join"), facts)
    assert told.state.stage == "status"
    assert exchange.HangUp("e1") in told.orders


# --- At night --------------------------------------------------------------------------------------------------------


def test_at_night_a_message_comes_first_and_nobody_is_rung() -> None:
    call = called(by_night(), None, ("review", "1"))
    assert (call.rung, call.ended) == ([], "message")
    assert "It is outside our working hours." in call.heard_by("caller")
    assert "We ring you back by 03:30." in call.heard_by("caller")


def test_at_night_whoever_is_awake_takes_it() -> None:
    facts = replace(by_night(), candidates=[replace(AL, awake=True, rank="holder"), *by_night().candidates[1:]])
    call = called(facts, {"al": Telephone(3)})
    assert call.rung == ["al"]
    assert call.wrote("woken") == []


def test_at_night_the_bureau_takes_it_and_the_recorder_speaks_while_it_still_rings() -> None:
    facts = by_night(bureau_number=BUREAU)
    assert called(facts, {BUREAU: Telephone(4)}).wrote("answered") == [{"by": "bureau", "person_id": None}]
    slow = called(facts, {BUREAU: Telephone(15)})
    assert slow.when("answered") < 12
    assert slow.wrote("answered") == [{"by": "recorder", "person_id": None}, {"by": "bureau", "person_id": None}]
    spoke_at = datetime.fromisoformat(slow.moments[-1].state.memory["recorder_at"])
    assert (spoke_at - facts.at).total_seconds() == slow.when("answered")
    never = called(facts, {BUREAU: SILENT}, ("review", "1"))
    assert never.ended == "message"


def test_a_live_answer_that_was_bought_wakes_one_sleeper_at_a_time_each_long_enough() -> None:
    quiet = {"al": SILENT, "bo": SILENT}
    call = called(by_night(LIVE, ring_s=10), {**quiet, "cy": Telephone(20)})
    assert call.rung == ["al", "bo", "cy"], "holder, backup, whoever is signed in"
    assert set(ring_seconds(call)) == {25}
    assert call.rung_at("bo") >= 25
    assert call.rung_at("cy") >= 50
    assert [one["person_id"] for one in call.wrote("woken")] == [1, 2, 3]
    assert call.wrote("answered")[-1] == {"by": "engineer", "person_id": 3}


def test_where_the_line_and_not_the_contract_buys_it_one_sleeper_is_woken_at_most() -> None:
    quiet = {"al": SILENT, "bo": SILENT}
    call = called(by_night(ANN, night="live"), quiet, ("review", "1"))
    assert call.rung == ["al"]
    assert call.ended == "message"


def test_a_sleeper_who_cannot_be_reached_is_skipped_and_was_not_woken() -> None:
    call = called(by_night(ANN, night="live"), {"al": AWAY, "bo": Telephone(20)})
    assert call.rung == ["al", "bo"]
    assert call.rung_at("bo") < 1
    assert [one["person_id"] for one in call.wrote("woken")] == [2]


# --- Not covered -----------------------------------------------------------------------------------------------------

UNCOVERED = replace(
    ANN,
    covered=False,
    may_wake=True,
    answer_from=NIGHT + timedelta(hours=6),
    hours_in_words="We answer from nine to five.",
    workarounds=("Use webmail while the mail client fails.",),
)
PRICE = "180 pounds an hour"


def test_who_is_not_covered_hears_hours_workarounds_and_the_price() -> None:
    call = called(by_night(UNCOVERED, call_out_price=PRICE))
    said = call.heard_by("caller")
    assert "Your contract does not cover this hour. We answer from nine to five. We look at it at 09:00" in said
    assert "Until then: Use webmail while the mail client fails." in said
    assert "If this stops your work, press 1: an engineer is called out, charged at 180 pounds an hour." in said
    assert (call.rung, call.ended, call.wrote("call_out")) == ([], "not_covered", [])


def test_1_is_the_recorded_consent_to_a_call_out_in_the_words_that_were_heard() -> None:
    call = called(by_night(UNCOVERED, call_out_price=PRICE), None, ("not_covered", "1"), ("review", "1"))
    consent = "If this stops your work, press 1: an engineer is called out, charged at 180 pounds an hour."
    assert call.wrote("call_out") == [{"said": consent, "price": PRICE}]
    assert "The call-out is noted." in call.heard_by("caller")
    assert call.ended == "message"


def test_without_a_price_no_call_out_is_offered_and_1_buys_nothing() -> None:
    call = called(by_night(UNCOVERED), None, ("not_covered", "1"))
    assert call.wrote("call_out") == []
    assert "press 1" not in call.heard_by("caller")


def test_who_may_not_call_at_night_is_offered_no_call_out() -> None:
    call = called(by_night(replace(UNCOVERED, may_call=False), call_out_price=PRICE), None, ("not_covered", "1"))
    assert call.wrote("call_out") == []
    assert "press 1" not in call.heard_by("caller")


def test_2_leaves_a_message_for_the_hours_that_are_covered() -> None:
    call = called(by_night(UNCOVERED), None, ("not_covered", "2"), ("review", "1"))
    assert call.wrote("message")[0]["for_later"] is True
    assert "We look at it at 09:00." in call.heard_by("caller")


# --- Messages --------------------------------------------------------------------------------------------------------


def test_a_message_is_told_of_recorded_played_back_and_kept() -> None:
    call = called(by_night(), None, ("review", "1"), speaks_s=12)
    said = call.heard_by("caller")
    assert "What you say is recorded. If you do not want that, press 2." in said
    assert said.index("You said: (recording) Press 1 to keep it") > said.index("After the tone")
    (message,) = call.wrote("message")
    assert message["seconds"] >= 12


def test_a_message_may_be_said_again_and_cancelled() -> None:
    again = called(by_night(), None, ("review", "2"), ("review", "1"))
    assert len(again.wrote("thrown_away")) == 1
    assert len(again.wrote("message")) == 1
    cancelled = called(by_night(), None, ("review", "3"))
    assert (cancelled.wrote("message"), cancelled.ended) == ([], "cancelled")


def test_who_presses_nothing_after_it_keeps_it() -> None:
    assert called(by_night()).ended == "message"


def test_who_rings_off_while_speaking_has_left_a_message() -> None:
    call = called(by_night(), speaks_s=30, asked=[(40.0, Gone("caller", "hung_up"))])
    assert len(call.wrote("message")) == 1
    assert call.ended == "message"


def test_a_silent_recording_is_asked_for_again_and_then_a_missed_call() -> None:
    call = called(by_night(), speaks_s=0)
    assert "We heard nothing." in call.heard_by("caller")
    assert (call.wrote("message"), len(call.wrote("missed")), call.ended) == ([], 1, "missed")
    began = next(one.after_s for one in call.moments if isinstance(one.event, exchange.Said))
    gone = called(by_night(), speaks_s=0, asked=[(began + 2, Gone("caller", "hung_up"))])
    assert (len(gone.wrote("missed")), gone.ended) == (1, "missed")


def test_a_recording_that_ended_by_ringing_off_ends_the_call_before_the_exchange_says_so() -> None:
    call = called(by_night())
    recording = next(one.state for one in call.moments if one.state.memory.get("hears", {}).get("what") == "recording")
    gone = exchange.Recorded("caller", "m1", "", 0, 0, "gone")
    step = flow.step(recording, gone, replace(by_night(), at=NIGHT + timedelta(minutes=1)))
    assert step.state.stage == "over"
    assert exchange.HangUp("caller") in step.orders
    assert [order.about["as"] for order in step.orders if isinstance(order, flow.Write) and order.what == "ended"] == [
        "missed"
    ]


@pytest.mark.parametrize(("sound_s", "ended_as"), [(0.4, "missed"), (2.0, "message")])
def test_a_recording_that_is_cut_before_a_word_is_a_missed_call(sound_s: float, ended_as: str) -> None:
    call = called(by_night())
    recording = next(one.state for one in call.moments if one.state.memory.get("hears", {}).get("what") == "recording")
    cut = exchange.Recorded("caller", "m1", "f" * 64, 5, sound_s, "gone")
    step = flow.step(recording, cut, replace(by_night(), at=NIGHT + timedelta(minutes=1)))
    assert [order.what for order in step.orders if isinstance(order, flow.Write)] == [ended_as, "ended"]


def test_who_declines_to_be_recorded_is_rung_back_all_the_same() -> None:
    call = called(by_night(), None, ("message", "2"))
    assert call.wrote("declined_recording") == [{}]
    assert call.wrote("missed") == [{"declined": True}]
    records = [order for moment in call.moments for order in moment.orders if isinstance(order, exchange.Record)]
    assert records == []
    withheld = replace(CAME, number="")
    keyed = called(by_night(), None, ("message", "2"), ("message", "07700900123#"), begins=withheld)
    assert keyed.wrote("missed") == [{"number": "07700900123", "declined": True}]


def test_where_consent_must_be_asked_nothing_is_recorded_without_it() -> None:
    assert called(by_night(ANN, consent="asked")).wrote("missed") == [{"declined": True}]
    yes = called(by_night(ANN, consent="asked"), None, ("message", "1"), ("review", "1"))
    assert yes.ended == "message"


def test_a_card_number_pauses_the_recording_and_it_goes_on_by_itself() -> None:
    paused = [(26.0, Asked("pause_recording"))]
    call = called(by_night(), None, ("review", "1"), speaks_s=170, asked=paused)
    pauses = [
        order.go_on for moment in call.moments for order in moment.orders if isinstance(order, exchange.PauseRecording)
    ]
    assert pauses == [False, True]


def test_who_rings_again_hears_where_it_stands_and_joins_the_same_message() -> None:
    facts = by_night(replace(ANN, waiting=waits(NIGHT)))
    call = called(facts, None, ("waiting", "1"), ("review", "1"))
    said = call.heard_by("caller")
    assert "You left a message at 02:00. An engineer was paged. We ring you back by 03:10." in said
    assert call.wrote("again") == [{"message_id": "m-1"}]
    assert call.wrote("message")[0]["message_id"] == "m-1"
    assert called(facts).ended == "message"


def test_who_found_it_themselves_cancels_the_call_back() -> None:
    call = called(by_night(replace(ANN, waiting=waits(NIGHT))), None, ("waiting", "2"))
    assert call.wrote("cancel_message") == [{"message_id": "m-1"}]
    assert call.ended == "cancelled"


def test_in_hours_who_left_a_message_gets_through_after_hearing_of_it() -> None:
    call = called(by_day(replace(ANN, waiting=waits(DAY))), {"al": Telephone(2)})
    assert call.rung == ["al"]


# --- Calling back ----------------------------------------------------------------------------------------------------

BACK = CallBack("m-1", "+447700900001", AL, "Ann")


def test_a_call_back_rings_the_engineer_then_the_caller_and_asks_how_it_ended() -> None:
    phones = {"al": Telephone(2, presses="1"), "+447700900001": Telephone(5, talks_s=60)}
    call = called(by_night(), phones, begins=BACK)
    assert call.rung == ["al", "+447700900001"]
    assert shown(call) == [by_day().line.pager_number, by_day().line.shown_number]
    assert call.wrote("reached") == [{"message_id": "m-1", "person_id": 1}]
    assert call.wrote("outcome") == [{"message_id": "m-1", "outcome": "solved"}]
    assert call.ended == "answered"


def test_outside_the_engineer_presses_1_before_the_customer_is_rung() -> None:
    back = replace(BACK, engineer=MO)
    machine = called(by_night(), {MO.to: Telephone(2, presses="")}, begins=back)
    assert machine.rung == [MO.to]
    person = called(by_night(), {MO.to: Telephone(2), "+447700900001": Telephone(5)}, begins=back)
    assert person.wrote("reached")


def test_a_customer_who_does_not_answer_is_rung_again_or_left_for_later() -> None:
    phones = {"al": Telephone(2, presses="2"), "+447700900001": SILENT}
    call = called(by_night(), phones, begins=BACK)
    assert "Ann does not answer. Press 1 to ring again" in call.heard_by("e1")
    assert call.wrote("outcome") == [{"message_id": "m-1", "outcome": "not_reached"}]
    again = called(by_night(), {**phones, "al": Telephone(2, presses="1")}, begins=BACK)
    assert again.rung.count("+447700900001") == 3


def test_the_engineer_who_rings_off_leaves_no_customer_ringing() -> None:
    call = called(by_night(), {"al": Telephone(2)}, begins=BACK, asked=[(5.0, Gone("e1", "hung_up"))])
    assert call.moments[-1].stage == "over"
    assert exchange.HangUp("out") in call.moments[-1].orders


# --- Several in a call -----------------------------------------------------------------------------------------------

BO_COMES = {"person_id": 2, "name": "Bo", "to": "bo", "outside": False}


def test_a_colleague_who_is_added_is_announced_to_all() -> None:
    call = called(by_day(), {"al": Telephone(2), "bo": Telephone(2)}, asked=[(30.0, Asked("add", BO_COMES))])
    assert joins(call)[1] == ({"caller", "e1", "e2"}, set())
    assert all("Bo joins the call." in call.heard_by(leg) for leg in ("caller", "e1", "e2"))


def test_a_newcomer_listens_and_is_announced_too() -> None:
    ada = Candidate(9, "Ada", "ada", outside=False, awake=True)
    call = called(replace(by_day(), listeners=[ada]), {"al": Telephone(2), "ada": Telephone(2)})
    assert joins(call)[1] == ({"caller", "e1"}, {"l1"})
    assert "Ada listens in." in call.heard_by("caller")
    assert call.wrote("answered") == [{"by": "engineer", "person_id": 1}]


def holds(call: Walked) -> list[float]:
    """When the caller began to hear music in the talk."""
    return [
        moment.after_s
        for moment in call.moments
        for order in moment.orders
        if isinstance(order, exchange.Hold) and order.leg == "caller" and not order.ringing
    ]


def test_a_caller_on_hold_hears_music_and_not_what_ours_say_among_themselves() -> None:
    asked = [(30.0, Asked("hold")), (40.0, Asked("add", BO_COMES)), (60.0, Asked("off_hold"))]
    call = called(by_day(), {"al": Telephone(2), "bo": Telephone(2)}, asked=asked)
    assert holds(call) == [30.0]
    alone, both, all_three = joins(call)[1:4]
    assert (alone, both, all_three) == (({"e1"}, set()), ({"e1", "e2"}, set()), ({"caller", "e1", "e2"}, set()))
    told = [
        moment.after_s
        for moment in call.moments
        for order in moment.orders
        if isinstance(order, exchange.Say) and order.leg == "caller" and "Bo joins the call." in str(order.words)
    ]
    assert told == [60.0], "music went on until then"
    assert call.ended == "answered"


def test_whoever_holds_a_caller_for_long_is_told_that_they_wait() -> None:
    call = called(by_day(), {"al": Telephone(2)}, asked=[(30.0, Asked("hold")), (200.0, Asked("off_hold"))])
    assert call.heard_by("e1").count("The caller is still on hold.") == 2


def test_a_parked_caller_is_taken_by_whoever_is_free() -> None:
    asked = [(30.0, Asked("park")), (60.0, Asked("take_parked", BO_COMES))]
    call = called(by_day(), {"al": Telephone(2), "bo": Telephone(2)}, asked=asked)
    assert holds(call) == [30.0]
    assert joins(call)[-1] == ({"caller", "e2"}, set())
    assert call.rung == ["al", "bo"]
    assert call.ended == "answered"


def test_a_parked_caller_whom_nobody_takes_is_hunted_for_anew() -> None:
    call = called(by_day(), {"al": Telephone(2)}, asked=[(30.0, Asked("park"))], rings_off_after_s=200)
    assert call.rung == ["al", "al"]
    assert "Thank you for waiting. We are ringing again." in call.heard_by("caller")
    assert joins(call)[-1] == ({"caller", "e2"}, set())


def test_whoever_puts_down_the_telephone_with_a_caller_on_hold_has_parked_them() -> None:
    asked = [(30.0, Asked("hold")), (35.0, Gone("e1", "hung_up")), (60.0, Asked("take_parked", BO_COMES))]
    call = called(by_day(), {"al": Telephone(2), "bo": Telephone(2)}, asked=asked)
    assert joins(call)[-1] == ({"caller", "e2"}, set())
    assert call.ended == "answered"


def test_whoever_came_while_the_caller_was_on_hold_is_announced_once_they_are_back() -> None:
    ada = {"person_id": 9, "name": "Ada", "to": "ada", "outside": False}
    asked = [(30.0, Asked("hold")), (40.0, Asked("listen", ada)), (60.0, Asked("off_hold"))]
    call = called(by_day(), {"al": Telephone(2), "ada": Telephone(2)}, asked=asked)
    said = [
        (moment.after_s, order)
        for moment in call.moments
        for order in moment.orders
        if isinstance(order, exchange.Say) and order.leg == "caller" and "Ada listens in." in str(order.words)
    ]
    assert [after_s for after_s, _order in said] == [60.0]
    parked = called(
        by_day(),
        {"al": Telephone(2), "ada": Telephone(2), "bo": Telephone(2)},
        asked=[(30.0, Asked("park")), (40.0, Asked("listen", ada)), (60.0, Asked("take_parked", BO_COMES))],
    )
    assert "Ada listens in." in parked.heard_by("caller")


def test_passed_on_while_on_hold_the_caller_is_with_the_colleague_who_picks_up() -> None:
    passes = (40.0, Asked("transfer", BO_COMES | {"by_person_id": 1}))
    call = called(by_day(), {"al": Telephone(2), "bo": Telephone(2)}, asked=[(30.0, Asked("hold")), passes])
    assert joins(call)[-1] == ({"caller", "e2"}, set())
    assert call.ended == "answered"


def test_who_passes_a_caller_on_and_puts_down_the_telephone_leaves_the_colleagues_ringing() -> None:
    passes = (40.0, Asked("transfer", BO_COMES | {"by_person_id": 1}))
    asked = [(30.0, Asked("hold")), passes, (41.0, Gone("e1", "hung_up"))]
    call = called(by_day(), {"al": Telephone(2), "bo": Telephone(8)}, asked=asked)
    assert call.rung == ["al", "bo"]
    assert joins(call)[-1] == ({"caller", "e2"}, set())


def test_a_parked_caller_whom_somebody_is_about_to_take_is_not_hunted_for() -> None:
    comes = {"person_id": 4, "name": "Mo", "to": MO.to, "outside": True}
    asked = [(30.0, Asked("park")), (145.0, Asked("take_parked", comes))]
    call = called(by_day(ANN, AL, MO), {"al": Telephone(2), MO.to: Telephone(8)}, asked=asked)
    assert call.rung == ["al", MO.to]
    assert joins(call)[-1][0] == {"caller", "e2"}


def test_whoever_holds_a_caller_alone_hears_music_again_after_they_were_reminded() -> None:
    call = called(by_day(), {"al": Telephone(2)}, asked=[(30.0, Asked("hold")), (100.0, Asked("off_hold"))])
    alone = [
        moment.after_s
        for moment in call.moments
        for order in moment.orders
        if isinstance(order, Join) and order.legs == ["e1"]
    ]
    assert len(alone) == 2, "once at the beginning, once after the words"


def test_off_hold_means_nothing_to_a_parked_caller_nor_take_to_one_who_is_talked_with() -> None:
    off = called(by_day(), {"al": Telephone(2)}, asked=[(30.0, Asked("park")), (40.0, Asked("off_hold"))])
    assert ({"caller"}, set()) not in joins(off)
    taken = called(by_day(), {"al": Telephone(2), "bo": SILENT}, asked=[(30.0, Asked("take_parked", BO_COMES))])
    assert taken.rung == ["al"]


def test_a_newcomer_who_sleeps_is_not_woken_to_listen() -> None:
    ada = Candidate(9, "Ada", "ada", outside=False, awake=False)
    assert called(replace(by_day(), listeners=[ada]), {"al": Telephone(2)}).rung == ["al"]


def test_a_warm_transfer_lets_the_first_go_once_the_second_is_there() -> None:
    asked = [(30.0, Asked("transfer", {**BO_COMES, "by_person_id": 1}))]
    call = called(by_day(), {"al": Telephone(2), "bo": Telephone(2)}, asked=asked)
    assert joins(call)[-1] == ({"caller", "e2"}, set())
    nobody = called(by_day(), {"al": Telephone(2), "bo": SILENT}, asked=asked)
    assert "Bo does not answer." in nobody.heard_by("e1")
    assert joins(nobody)[-1] == ({"caller", "e1"}, set())


def test_the_last_one_cannot_leave_the_caller_alone() -> None:
    call = called(by_day(), {"al": Telephone(2)}, asked=[(30.0, Asked("leave", {"person_id": 1}))])
    assert joins(call) == [({"caller", "e1"}, set())]
    assert "They are the last one with the caller, and stay." in [why for one in call.moments for why in one.why]


# --- Our own people --------------------------------------------------------------------------------------------------

PAGES = (OpenPage("p-1", "P1. Core router at Mill Lane does not answer."), OpenPage("p-2", "P3. Disk full.", "Bo"))


def test_the_staff_number_goes_straight_to_the_duty_engineer_by_night_too() -> None:
    call = called(by_night(OURS, staff=True), {"al": Telephone(10)})
    assert call.rung == ["al"]
    assert call.rung_at("al") == 0
    assert call.wrote("answered") == [{"by": "engineer", "person_id": 1}]


def test_the_staff_number_asks_a_stranger_for_a_pin_and_wakes_nobody_without() -> None:
    call = called(by_night(NOBODY, staff=True), None, ("pin", "*"), ("review", "1"))
    assert (call.rung, call.ended) == ([], "message")


def read_out(*keys: tuple[str, str], facts: Facts | None = None) -> Walked:
    facts = replace(facts or by_night(OURS, staff=True), pages=PAGES)
    becomes = replace(OURS, known_by="pin")
    star = [(2.0, exchange.Key("caller", "*"))]
    return called(facts, {"al": SILENT}, ("pin", "471100#"), *keys, who_is_it=known_by_pin(becomes=becomes), asked=star)


def test_open_pages_are_read_out_to_whoever_has_a_pin_and_taken_by_key() -> None:
    call = read_out(("read_out", "1"), ("read_out", "2"))
    said = call.heard_by("caller")
    assert "Page 1 of 2. P1. Core router at Mill Lane does not answer. Press 1 to take it" in said
    assert "Page 2 of 2. P3. Disk full. Bo has it." in said
    assert call.wrote("acknowledge") == [{"page_id": "p-1"}]
    assert call.ended == "read_out"


def test_a_number_alone_opens_no_page_as_it_can_be_feigned() -> None:
    call = called(
        replace(by_night(OURS, staff=True), pages=PAGES), {"al": SILENT}, ("pin", "*"),
        asked=[(2.0, exchange.Key("caller", "*"))],
    )  # fmt: skip
    assert "Core router" not in call.heard_by("caller")
    assert call.wrote("acknowledge") == []


def noted(*keys: tuple[str, str], may: bool = True, **does: Any) -> Walked:
    """Sam rings in, has no page, and presses so."""
    sam = replace(by_night(replace(OURS, known_by="pin"), staff=True), candidates=(), may_note=may)
    return called(sam, None, *keys, **does)


def test_who_has_proved_who_they_are_speaks_a_note_by_key_4_and_another_and_what_is_silent_is_none() -> None:
    two = noted(("read_out", "4"), ("read_out", "4"))
    assert [one["seconds"] > 2 for one in two.wrote("journal_note")] == [True, True]
    assert "To leave a note for the journal, press 4." in two.heard_by("caller")
    assert two.heard_by("caller").count("It is in the journal.") == 2
    assert (two.wrote("message"), two.wrote("missed"), two.rung, two.ended) == ([], [], [], "read_out")
    silent = noted(("read_out", "4"), speaks_s=0)
    assert (silent.wrote("journal_note"), silent.wrote("missed")) == ([], [])
    assert "Nothing was noted." in silent.heard_by("caller")
    assert "press 4" not in noted(("read_out", "4"), may=False).heard_by("caller")
    assert "note" not in noted(("read_out", "4"), may=False).stages
    assert "note" not in called(replace(by_night(OURS, AL, staff=True), may_note=True), None, ("hunt", "4")).stages


def test_between_two_pages_a_note_is_left_and_the_page_is_read_again() -> None:
    facts = replace(by_night(OURS, staff=True), may_note=True)
    call = read_out(("read_out", "4"), ("read_out", "1"), facts=facts)
    assert call.wrote("acknowledge") == [{"page_id": "p-1"}]
    assert [one for one in call.stages if one in ("read_out", "note")] == ["read_out", "note"]
    assert call.heard_by("caller").count("Page 1 of 2. P1. Core router") == 2
    assert len(call.wrote("journal_note")) == 1


def test_who_rings_off_after_speaking_has_noted_it() -> None:
    call = noted(("read_out", "4"), rings_off_after_s=14, speaks_s=60)
    assert (len(call.wrote("journal_note")), call.ended) == (1, "read_out")


def test_whoever_is_alone_on_duty_and_rings_in_hears_the_pages() -> None:
    me = replace(OURS, person_id=1)
    call = called(by_night(me, AL, staff=True), None, ("pin", "*"))
    assert call.rung == []


# --- Whatever happens ------------------------------------------------------------------------------------------------


def test_a_recording_that_never_comes_is_a_missed_call() -> None:
    call = called(by_night())
    recording = next(one.state for one in call.moments if one.state.memory.get("hears", {}).get("what") == "recording")
    at = recording.timers["wait"]
    facts = replace(by_night(), at=at)
    stopped = flow.step(recording, flow.Due("wait"), facts)
    assert any(isinstance(order, exchange.StopRecording) for order in stopped.orders)
    facts = replace(facts, at=stopped.state.timers["recorded"])
    missed = flow.step(stopped.state, flow.Due("recorded"), facts)
    assert missed.state.memory["ends"] == "missed"


def test_a_timer_that_comes_early_is_set_again() -> None:
    begun = flow.begin(CAME, by_day())
    early = flow.step(begun.state, flow.Due("join"), by_day())
    assert early.state == begun.state
    assert [type(order).__name__ for order in early.orders] == ["Timer"]
