"""What happens on the phone line: facts and events in, a new state and orders out. Pure.

`begin` takes a call that came (or one that calls somebody back), `step` each event after it. Whoever runs it (`running`, the
simulator, the simulated month) keeps the state, carries out the orders that are of `lines.exchange` by a line driver, and
the others by the verbs of this room; it answers `Look` with `Known` and keeps the timers.

Every step says why (`Step.why`): that is what the simulator shows, and what stands in the call's story. The stages lie in
modules of their own (asking, hunting, talking, taking, calling_back, reading, noting); here is which leads where. An event that
means nothing where the call is changes nothing.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import assert_never

from nightdesk.calls import asking, calling_back, hunting, noting, reading, taking, talking
from nightdesk.calls.terms import (
    ENDINGS,
    Asked,
    CallBack,
    CallerFacts,
    Candidate,
    Due,
    Event,
    Facts,
    Forget,
    Known,
    KnownOutage,
    LineFacts,
    Look,
    OnDuty,
    OpenPage,
    Order,
    Stage,
    State,
    Step,
    Timer,
    WaitingMessage,
    Write,
)
from nightdesk.calls.turn import KEY_S, LONGEST_CALL_S, RINGS, Turn, person
from nightdesk.lines import exchange
from nightdesk.lines.exchange import Words

__all__ = [
    "ENDINGS",
    "Asked",
    "CallBack",
    "CallerFacts",
    "Candidate",
    "Due",
    "Event",
    "Facts",
    "Forget",
    "Known",
    "KnownOutage",
    "LineFacts",
    "Look",
    "OnDuty",
    "OpenPage",
    "Order",
    "Stage",
    "State",
    "Step",
    "Timer",
    "WaitingMessage",
    "Write",
    "begin",
    "keys_are_secret",
    "step",
]

EARLY_S = 0.5
"""A timer may come so much before its time."""
SAME_KEY_S = 0.3
"""A key that is reported again within that, after it was taken for what was asked, is the same press."""


def begin(event: exchange.Came | CallBack, facts: Facts) -> Step:
    """A call comes, or one of ours calls back."""
    turn = Turn(State(), facts)
    turn.wait("whole", LONGEST_CALL_S)
    match event:
        case CallBack():
            calling_back.begin(turn, event)
        case exchange.Came():
            turn.memory |= {"number": event.number, "customer": event.leg}
            turn.legs[event.leg] = "up"
            turn.order(exchange.Answer(event.leg))
            turn.heard("tone")
            if facts.sign:
                turn.why("It is our own check of the divert: it hears the greeting and a sign, and nobody is rung.")
                turn.write("divert_seen")
                turn.finish("checked", *turn.opening(), Words("", recording=facts.sign))
            else:
                turn.go("route")
    return _done(turn)


def step(state: State, event: Event, facts: Facts) -> Step:
    """What the event makes of the call."""
    turn = Turn(state, facts)
    if state.stage in ("new", "over"):
        _late(turn, event)
        return turn.step()
    _hear(turn, event)
    return _done(turn)


def keys_are_secret(state: State) -> bool:
    """The keys that the caller presses now are a PIN: whoever writes events down leaves the digit out."""
    return state.stage == "pin"


def _late(turn: Turn, event: Event) -> None:
    """The call is over: whatever still lives of it is ended."""
    leg = getattr(event, "leg", "")
    if leg and not isinstance(event, exchange.Gone | exchange.Recorded):
        turn.order(exchange.HangUp(leg))


# --- What leads where ------------------------------------------------------------------------------------------------


def route(turn: Turn) -> None:
    """Where a caller goes next, by who they are and what was said and keyed so far."""
    caller, line, memory = turn.facts.caller, turn.facts.line, turn.memory
    if caller.kind == "staff" or line.staff:
        _route_ours(turn)
    elif caller.kind == "peer":
        turn.go("hunt", "A peer is taken at once.")
    elif caller.outages and not memory.get("heard"):
        turn.go("status")
    elif caller.waiting is not None and not memory.get("told_of_message"):
        turn.go("waiting")
    elif caller.kind == "customer" and not caller.covered and not memory.get("call_out"):
        turn.go("not_covered")
    elif line.menu and not memory.get("chosen"):
        turn.go("menu")
    elif line.open_now:
        turn.go("hunt", "It is within the line's hours: the queue is rung.")
    elif hunting.may_wake(turn) or (caller.kind == "customer" and _somebody_is_awake(turn)):
        turn.go("hunt", "Their contract buys a live answer." if hunting.may_wake(turn) else "Somebody is awake.")
    else:
        turn.go("overflow", "Out of hours: a message first, so that nobody is woken to take it.")


def _route_ours(turn: Turn) -> None:
    """The staff number goes straight to the duty engineer, for whoever is one of ours."""
    if turn.facts.caller.kind != "staff":
        if turn.memory.get("asked_pin"):
            turn.go("overflow", "Whoever rings the staff number without a PIN leaves a message.")
        else:
            turn.go("pin", "The staff number asks who is not known for a PIN.")
    elif turn.memory.pop("reads_out", None) or not _somebody_else_is_on(turn):
        turn.go("read_out")
    else:
        turn.go("hunt", "One of ours: straight to the duty engineer.")


def _somebody_is_awake(turn: Turn) -> bool:
    return any(candidate.awake and hunting.may_be_rung(turn, candidate) for candidate in turn.facts.candidates)


def _somebody_else_is_on(turn: Turn) -> bool:
    return any(candidate.person_id != turn.facts.caller.person_id for candidate in turn.facts.candidates)


STARTS: Mapping[str, Callable[[Turn], None]] = {
    "route": route,
    "pin": asking.pin,
    "status": asking.status,
    "waiting": asking.waiting,
    "not_covered": asking.not_covered,
    "menu": asking.menu,
    "hunt": hunting.start,
    "hunt again": hunting.start_again,
    "overflow": hunting.overflow,
    "message": taking.message,
    "review": taking.review,
    "read_out": reading.read_out,
    "note": noting.note,
}
"""What begins a stage."""

KEYS: Mapping[Stage, Callable[[Turn, str], None]] = {
    "pin": asking.pin_key,
    "status": asking.status_key,
    "waiting": asking.waiting_key,
    "not_covered": asking.not_covered_key,
    "menu": asking.menu_key,
    "hunt": hunting.key,
    "bureau": hunting.key,
    "message": taking.message_key,
    "review": taking.review_key,
    "read_out": reading.key,
}
"""What a key of the caller's does in a stage."""

SILENT: Mapping[Stage, Callable[[Turn], None]] = {
    "pin": asking.pin_silent,
    "status": asking.status_silent,
    "waiting": asking.waiting_silent,
    "not_covered": asking.not_covered_silent,
    "menu": asking.menu_silent,
    "message": taking.message_silent,
    "review": taking.keep,
    "read_out": reading.silent,
}
"""What happens where no key comes."""


def _done(turn: Turn) -> Step:
    """Enter what is to be entered, until nothing is."""
    for _again in range(len(STARTS)):
        if not turn.begins:
            break
        begins, turn.begins = turn.begins, ""
        STARTS[begins](turn)
    return turn.step()


# --- Events ----------------------------------------------------------------------------------------------------------


def _hear(turn: Turn, event: Event) -> None:
    match event:
        case exchange.Came() | CallBack():
            pass  # it came before
        case exchange.Ringing(leg):
            if leg in turn.who:
                talking.rings(turn, leg)
                hunting.rang(turn)
        case exchange.PickedUp(leg):
            _picked_up(turn, leg)
        case exchange.Key(leg, digit):
            _key(turn, leg, digit)
        case exchange.Said(leg, name):
            _said(turn, leg, name)
        case exchange.Recorded():
            (noting if turn.stage == "note" else taking).recorded(turn, event)
        case exchange.Gone(leg, why):
            _gone(turn, leg, why)
        case Due(name):
            _due(turn, name)
        case Known(believed, tries_left):
            _known(turn, believed=believed, tries_left=tries_left)
        case Asked():
            _asked(turn, event)
        case _:
            assert_never(event)


def _calls_back(turn: Turn) -> bool:
    return turn.customer == "out"


def _picked_up(turn: Turn, leg: str) -> None:
    if turn.legs.get(leg) not in ("ordered", "ringing"):
        if leg not in turn.legs:
            turn.order(exchange.HangUp(leg))  # it was let go in the same moment
        return
    if _calls_back(turn) and leg == "out":
        calling_back.customer_picked_up(turn)
    elif _calls_back(turn) and turn.stage == "callback":
        calling_back.engineer_picked_up(turn)
    else:
        talking.picked_up(turn, leg)


def _key(turn: Turn, leg: str, digit: str) -> None:
    if leg == turn.customer:
        _customer_key(turn, digit)
    elif turn.stage == "callback":
        calling_back.key(turn, leg, digit)
    elif turn.legs.get(leg) == "asked" and digit == "1":
        talking.accept(turn, leg)
    elif turn.legs.get(leg) == "asked" and digit == "2":
        turn.drop(leg)
        _rang_in_vain(turn, leg, "declined")


def _customer_key(turn: Turn, digit: str) -> None:
    place = f"{turn.stage} {turn.memory.get('hears', {}).get('name', '')}"
    if turn.hears() == "words" and digit in turn.memory["hears"]["keys"]:
        turn.heard("", name=turn.memory["hears"]["name"])
        turn.wait("wait", KEY_S)
    if _same_press(turn, digit, place):
        return
    if turn.stage != "pin":
        turn.memory["key"] = {"digit": digit, "place": place, "at": turn.facts.at.isoformat()}
    if key := KEYS.get(turn.stage):
        key(turn, digit)


def _same_press(turn: Turn, digit: str, place: str) -> bool:
    last = turn.memory.get("key")
    if not last or last["digit"] != digit or last["place"] == place:
        return False
    since = turn.facts.at - type(turn.facts.at).fromisoformat(last["at"])
    return since < timedelta(seconds=SAME_KEY_S)


def _said(turn: Turn, leg: str, name: str) -> None:
    if turn.legs.get(leg) == "leaving":
        turn.drop(leg)
        return
    if turn.on_hold and [one for one, how in turn.legs.items() if how == "up" and one != turn.customer] == [leg]:
        turn.join()  # whoever waits alone hears music again
        return
    hears = turn.memory.get("hears", {})
    if hears.get("what") == "words" and hears["name"] == name and hears["leg"] == leg:
        _words_are_over(turn)


def _words_are_over(turn: Turn) -> None:
    hears = turn.memory["hears"]
    match hears["then"]:
        case "tone" | "music":
            turn.hold(ringing=hears["then"] == "tone")
        case "record":
            taking.record(turn)
        case "end":
            turn.over()
        case str(then) if then.startswith("go "):
            turn.go(then.removeprefix("go "))
        case _:
            turn.heard("", name=hears["name"])
            turn.wait("wait", KEY_S)


def _gone(turn: Turn, leg: str, why: str) -> None:
    was = turn.legs.get(leg, "")
    if not was:
        return
    turn.lost(leg)
    if leg == turn.customer:
        _customer_gone(turn, why)
    elif was == "leaving":
        pass
    elif _calls_back(turn) and turn.stage != "talk":
        calling_back.leg_gone(turn, leg, why)
    elif was in RINGS:
        _rang_in_vain(turn, leg, why)
    elif turn.stage == "talk":
        talking.left(turn, leg, why)


def _rang_in_vain(turn: Turn, leg: str, why: str) -> None:
    if turn.who[leg].get("added") or turn.stage == "talk":
        talking.did_not_come(turn, leg)
    else:
        hunting.ended(turn, leg, why)


def _customer_gone(turn: Turn, why: str) -> None:
    """The caller rings off, or is lost (`failed`). Nothing rings for somebody who is not there; what they said is not lost."""
    if _calls_back(turn):
        calling_back.customer_gone(turn, why)
        return
    turn.stop_ringing()
    turn.forget("wait")
    if turn.stage == "talk":
        turn.why("The caller rang off.")
        turn.finish("answered")
    elif turn.stage in ("message", "note") and turn.hears() == "recording":
        turn.why("The caller rang off; what they said comes still.")
        turn.wait("recorded", 20)
    elif turn.stage == "review" and "kept" in turn.memory:
        taking.keep(turn, "They rang off after speaking: the message is kept.")
    elif turn.stage == "ending":
        turn.finish(str(turn.memory["ends"]))
    else:
        ending = {"status": "heard_outage", "not_covered": "not_covered", "waiting": "message"}
        ending |= {"read_out": "read_out", "note": "read_out"}
        lost = why == "failed" and turn.facts.caller.kind != "staff"
        if turn.stage not in ending and lost:
            turn.write("missed", **taking.what_goes_with(turn))
        elif turn.stage not in ending:
            turn.write("rung_off")
        turn.why("The caller was lost." if lost else "The caller rang off.")
        turn.finish(ending.get(turn.stage, "failed" if why == "failed" else "abandoned"))


def _known(turn: Turn, *, believed: bool, tries_left: int) -> None:
    if not turn.memory.pop("looking", None):
        return
    turn.forget("look")
    if turn.stage == "pin":
        asking.pin_known(turn, believed=believed, tries_left=tries_left)
    else:
        turn.go("route")


# --- Timers ----------------------------------------------------------------------------------------------------------


def _due(turn: Turn, name: str) -> None:
    deadline = turn.timers.get(name)
    if deadline is None:
        return
    early = (deadline - turn.facts.at).total_seconds()
    if early > EARLY_S:
        turn.order(Timer(name, early))
        return
    del turn.timers[name]
    kind, _colon, leg = name.partition(":")
    match kind:
        case "wait":
            _wait_is_over(turn)
        case "whole":
            _too_long(turn)
        case "look":
            _known(turn, believed=False, tries_left=0)
        case "recorded":
            _never_came(turn)
        case "pause":
            taking.pause(turn, go_on=True)
        case "ring" | "accept" if leg in turn.legs:
            _no_answer(turn, leg, "not_accepted" if kind == "accept" else "")
        case "leave":
            turn.drop(leg)
        case "held":
            talking.held_due(turn)
        case "parked":
            talking.parked_due(turn)
        case "outcome":
            calling_back.due(turn)
        case _ if kind in HUNT_TIMERS and turn.stage in ("hunt", "bureau"):
            HUNT_TIMERS[kind](turn)


HUNT_TIMERS: Mapping[str, Callable[[Turn], None]] = {
    "hunt": hunting.hunt_due,
    "join": hunting.join_due,
    "again": hunting.again_due,
    "still": hunting.still_due,
    "desk": hunting.desk_due,
    "bureau": hunting.bureau_due,
}


def _wait_is_over(turn: Turn) -> None:
    """Words that should be over by now, a recording that should have ended, or a key that did not come."""
    match turn.hears():
        case "words":
            _words_are_over(turn)
        case "recording":
            _never_came(turn)
        case "":
            if silent := SILENT.get(turn.stage):
                silent(turn)


def _never_came(turn: Turn) -> None:
    (noting if turn.stage == "note" else taking).never_came(turn)


def _no_answer(turn: Turn, leg: str, why: str) -> None:
    """Their time is up, and the exchange has not said so."""
    why = why or ("no_answer" if turn.legs[leg] == "ringing" else "unreachable")
    turn.drop(leg)
    if leg == "out":
        calling_back.customer_gone(turn, why)
    elif _calls_back(turn) and turn.stage != "talk":
        calling_back.leg_gone(turn, leg, why)
    else:
        _rang_in_vain(turn, leg, why)


def _too_long(turn: Turn) -> None:
    """No call lasts for ever."""
    turn.why("The call has lasted too long.")
    if turn.memory.get("answered") or _calls_back(turn):
        turn.finish("answered" if turn.memory.get("answered") else "missed")
        return
    turn.write("missed")
    turn.finish("missed", turn.words("sorry"))


# --- What ours ask ---------------------------------------------------------------------------------------------------


HOLDS: Mapping[str, Callable[[Turn], None]] = {
    "hold": talking.hold,
    "off_hold": talking.off_hold,
    "park": talking.park,
}


def _asked(turn: Turn, event: Asked) -> None:
    candidate = person(event.about)
    person_id = event.about.get("person_id")
    match event.what:
        case "add" | "listen" | "transfer" if turn.stage == "talk" and candidate:
            goes = event.about.get("by_person_id") if event.what == "transfer" else None
            instead_of = goes if isinstance(goes, int) else None
            talking.bring(turn, candidate, listening=event.what == "listen", instead_of=instead_of)
        case "leave" if turn.stage == "talk" and isinstance(person_id, int):
            talking.leave(turn, person_id)
        case "take_parked" if turn.stage == "talk" and candidate:
            talking.take_parked(turn, candidate)
        case "hold" | "off_hold" | "park" if turn.stage == "talk" and not _calls_back(turn):
            HOLDS[event.what](turn)
        case "desk_takes" if candidate and (turn.stage in ("hunt", "bureau") or taking.has_not_begun(turn)):
            hunting.desk_takes(turn, candidate)
        case "pause_recording" | "go_on_recording":
            taking.pause(turn, go_on=event.what == "go_on_recording")
        case "hang_up":
            turn.why("One of ours ended the call.")
            turn.finish("answered" if turn.memory.get("answered") else "missed")
        case _:
            turn.why(f"Asked for what cannot be done now: {event.what[:40]}.")
