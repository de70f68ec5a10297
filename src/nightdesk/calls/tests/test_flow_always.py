"""What holds on the phone line whatever happens, and in whatever order.

Events are drawn as an exchange could report them, and as none ever should: twice, late, about legs that are long gone. Then
nothing comes any more but timers, and the call must end.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.calls import flow
from nightdesk.calls.flow import (
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
    OpenPage,
    State,
    Step,
    Timer,
    Write,
)
from nightdesk.calls.stored import as_json, event_from, state_as_json, state_from
from nightdesk.calls.talking import HELD_S
from nightdesk.calls.tests.walks import CAME, DAY, LINE, NIGHT, outage, waits
from nightdesk.calls.turn import LONGEST_TALK_S
from nightdesk.lines import exchange
from nightdesk.lines.exchange import Gone, Key, PickedUp, Recorded, Ringing, Said

candidates = st.lists(
    st.builds(
        Candidate,
        person_id=st.integers(1, 6),
        name=st.sampled_from(["Al", "Bo", "Cy"]),
        to=st.sampled_from(["al", "bo", "cy", "di", "+447700900104", "+447700900105"]),
        outside=st.booleans(),
        reachable=st.booleans() | st.just(True),
        awake=st.booleans(),
        fixing=st.booleans(),
        busy=st.sampled_from([False, False, False, True]),
    ),
    max_size=6,
    unique_by=(lambda one: one.to, lambda one: one.person_id),
)


@st.composite
def some_facts(draw: st.DrawFn, at: datetime | None = None, line: Any = None) -> Facts:
    """Any line, any caller, anybody to be rung, by day or night."""
    at = at or draw(st.sampled_from([DAY, NIGHT]))
    caller = draw(
        st.builds(
            CallerFacts,
            kind=st.sampled_from(["unknown", "unknown", "customer", "customer", "customer", "peer", "staff"]),
            name=st.sampled_from(["", "Ann of Cirrus"]),
            known_by=st.sampled_from(["", "number", "pin"]),
            person_id=st.sampled_from([None, 1]),
            covered=st.booleans(),
            may_wake=st.booleans(),
            live=st.booleans(),
            answer_from=st.sampled_from([None, at + timedelta(hours=5)]),
            workarounds=st.sampled_from([(), ("Use webmail.",)]),
            outages=st.sampled_from([(), (), (outage(at),), (outage(at, next_in_s=-600), outage(at))]),
            waiting=st.sampled_from([None, None, waits(at)]),
        )
    )
    line = line or draw(
        st.builds(
            lambda **some: replace(LINE, **some),
            open_now=st.booleans(),
            staff=st.sampled_from([False, False, False, True]),
            menu=st.sampled_from([(), ({"key": "4", "says": "the network", "skill": "network"},)]),
            night=st.sampled_from(["message", "live"]),
            joins_s=st.sampled_from([(), (4,), (4, 8)]),
            most_rung=st.integers(1, 3),
            longest_hunt_s=st.sampled_from([8, 60]),
            bureau_number=st.sampled_from(["", "+442000000099"]),
            desk_waits=st.booleans(),
            consent=st.sampled_from(["told", "may_decline", "asked"]),
            call_out_price=st.sampled_from(["", "120 pounds an hour"]),
        )
    )
    return Facts(
        at,
        "Europe/London",
        line,
        caller,
        draw(candidates),
        draw(st.integers(0, 2)),
        draw(st.integers(0, 1)),
        draw(st.sampled_from([(), (OpenPage("p1", "Core router down."), OpenPage("p2", "Disk full.", "Bo"))])),
        may_note=draw(st.booleans()),
        listeners=draw(st.sampled_from([(), (Candidate(9, "Newcomer", "nn", outside=False, awake=True),)])),
    )


@dataclass
class Exchange:
    """What is so at the exchange, by the orders that it got: nobody asks the flow's own memory."""

    ringing: dict[str, str] = field(default_factory=dict)
    up: set[str] = field(default_factory=set)
    hears: str = "tone"
    names: list[tuple[str, str]] = field(default_factory=list)
    stop: str = ""
    timers: dict[str, datetime] = field(default_factory=dict)
    written: list[Write] = field(default_factory=list)
    rung: list[str] = field(default_factory=list)
    looked: bool = False

    def heard(self, event: Event) -> None:
        match event:
            case PickedUp(leg) if leg in self.ringing:
                self.up.add(leg)
                del self.ringing[leg]
            case Gone(leg):
                self.ringing.pop(leg, None)
                self.up.discard(leg)
            case Said(leg, name) if self.hears == f"words {leg} {name}":
                self.hears = ""
            case Key(leg, digit) if self.hears.startswith(f"words {leg} ") and digit in self.stop:
                self.hears = ""
            case Recorded(_leg, name) if self.hears == f"recording {name}":
                self.hears = ""
            case Due(name):
                self.timers.pop(name, None)

    def ordered(self, step: Step, customer: str) -> None:
        for order in step.orders:
            match order:
                case exchange.Answer(leg):
                    self.up.add(leg)
                case exchange.Ring(leg, to):
                    self.ringing[leg] = to
                    self.rung.append(to)
                case exchange.HangUp(leg):
                    self.ringing.pop(leg, None)
                    self.up.discard(leg)
                case exchange.Say(leg, name, _words, stop):
                    self.names.append((leg, name))
                    if leg == customer and self.hears != "bridge":
                        self.hears, self.stop = f"words {leg} {name}", stop
                case exchange.Hold(leg) if leg == customer:
                    self.hears = "tone"
                case exchange.Join(legs):
                    if customer in legs:
                        self.hears = "bridge"
                    elif self.hears == "bridge":
                        self.hears = "tone"
                case exchange.Record(_leg, name):
                    self.hears = f"recording {name}"
                case exchange.StopRecording():
                    self.hears = ""
                case Timer(name, seconds):
                    self.timers[name] = AT[0] + timedelta(seconds=seconds)
                case Forget(name):
                    self.timers.pop(name, None)
                case Write():
                    self.written.append(order)


AT: list[datetime] = [DAY]
"""The instant of the step that is being looked at."""


class Call:
    """A call that is led event by event, and looked at after each."""

    def __init__(self, facts: Facts, begins: exchange.Came | CallBack) -> None:
        self.facts = facts
        self.at = facts.at
        self.line = Exchange()
        self.customer = "out" if isinstance(begins, CallBack) else begins.leg
        self.rings_for: dict[str, Candidate] = {}
        self.keyed = False
        AT[0] = self.at
        self.state = State()
        self._take(flow.begin(begins, facts), flow.begin(begins, facts))

    def hear(self, event: Event, passes_s: float = 0) -> None:
        self.at += timedelta(seconds=passes_s)
        AT[0] = self.at
        facts = replace(self.facts, at=self.at)
        self.keyed = self.keyed or (isinstance(event, Key) and event.leg == self.customer)
        self.line.heard(event)
        before = self.state
        self._take(flow.step(before, event, facts), flow.step(before, event, facts))
        assert state_from(json.loads(json.dumps(state_as_json(self.state)))) == self.state
        assert event_from(json.loads(json.dumps(as_json(event)))) == event

    def _take(self, step: Step, same: Step) -> None:
        assert step == same
        before = list(self.line.rung)
        self.state = step.state
        self.line.ordered(step, self.customer)
        self._look_at(self.line.rung[len(before) :])

    def _look_at(self, newly_rung: list[str]) -> None:
        state, line, caller = self.state, self.line, self.facts.caller
        assert dict(state.timers) == line.timers
        by_to = {one.to: one for one in self.facts.candidates}
        if state.stage == "over":
            assert not line.ringing, "a telephone rings for a call that is over"
            assert not line.up
            assert not line.timers
            assert next(write.about["as"] for write in line.written if write.what == "ended") in ENDINGS
            return
        assert line.timers, "nothing would ever happen again"
        if self.customer in line.up and not line.hears and state.stage != "talk":
            assert min(line.timers.values()) <= self.at + timedelta(seconds=21), f"silence in {state.stage}"
        ours = line.up - {self.customer}
        if state.stage == "talk" and self.customer in line.up and not ours:
            assert line.hears == "tone", "a caller whom nobody has hears nothing"
            assert "parked" in line.timers, "a caller whom nobody has is forgotten"
        if self.customer == "caller" and "caller" not in line.up:
            assert not line.ringing, "somebody is rung for nobody"
        sleepers = [to for to in line.ringing.values() if to in by_to and not by_to[to].awake]
        assert len(sleepers) <= 1, "two sleepers ring at once"
        for to in newly_rung:
            rung = by_to.get(to)
            if rung is None or self.customer == "out":
                continue
            heard = any(write.what == "heard_outage" for write in line.written)
            assert not (rung.fixing and (heard or caller.kind not in ("peer", "staff")))
            assert rung.awake or caller.kind != "unknown"
            assert rung.reachable
            assert not rung.busy

    def events(self) -> list[Event]:
        """What an exchange could report now, and some that it could not."""
        legs = [*self.line.ringing, *self.line.up, "caller", "e1", "e9"]
        some: list[Event] = [Due(name) for name in [*self.line.timers, "hunt", "wait"]]
        for leg in legs:
            some += [Ringing(leg), PickedUp(leg), Gone(leg, "hung_up"), Gone(leg, "no_answer"), Gone(leg, "failed")]
            some += [Key(leg, digit) for digit in "1234*#7"]
        some += [Said(leg, name) for leg, name in self.line.names[-3:]]
        for name in ("m1", "m2"):
            some += [Recorded("caller", name, "f", 9, 8, "key"), Recorded("caller", name, "", 0, 0, "gone")]
        some += [Known(True), Known(False, 2), Known(False, 0)]
        someone = {"person_id": 5, "to": "eve", "name": "Eve", "outside": False, "by_person_id": 1}
        some += [Asked(what, someone) for what in ("add", "listen", "transfer", "leave", "desk_takes", "take_parked")]
        some += [Asked(what) for what in ("hold", "off_hold", "park")]
        some += [Asked("pause_recording"), Asked("go_on_recording"), Asked("hang_up"), Asked("nonsense")]
        return some

    def likely(self) -> list[Event]:
        """What an exchange would most probably report next."""
        some: list[Event] = [Due(min(self.line.timers, key=lambda name: self.line.timers[name]))]
        for leg in self.line.ringing:
            some += [Ringing(leg), PickedUp(leg), PickedUp(leg), Gone(leg, "no_answer")]
        some += [Key(leg, "1") for leg in self.line.up]
        what, *about = [*self.line.hears.split(), ""]
        if what == "words":
            some += [Said(about[0], about[1]), *(Key(about[0], digit) for digit in self.line.stop)]
        if what == "recording":
            some += [Recorded(self.customer, about[0], "f", 9, 8, "key")]
        return some

    def drains(self) -> Iterator[str]:
        """Nothing comes but timers, each in its time."""
        while self.state.stage != "over":
            name, at = min(self.state.timers.items(), key=lambda one: one[1])
            yield name
            self.hear(Due(name), max((at - self.at).total_seconds(), 0))


MOST_STEPS = LONGEST_TALK_S // HELD_S + 400
"""Whoever has a caller on hold is reminded of it until the longest talk is over."""


def begun(data: st.DataObject) -> Call:
    """A call that comes, or now and then one that calls back."""
    facts = data.draw(some_facts())
    if data.draw(st.sampled_from([False, False, False, True])):
        engineer = Candidate(1, "Al", "al", outside=data.draw(st.booleans()), awake=True)
        return Call(facts, CallBack("m-1", "+447700900001", engineer, "Ann"))
    return Call(facts, replace(CAME, number=data.draw(st.sampled_from(["", CAME.number]))))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_order_of_events_ends_with_nobody_in_silence_and_nothing_ringing(data: st.DataObject) -> None:
    call = begun(data)
    for _nth in range(data.draw(st.integers(0, 30))):
        if call.state.stage == "over":
            break
        event = data.draw(st.sampled_from(call.likely()) | st.sampled_from(call.events()))
        if isinstance(event, Known) and data.draw(st.booleans()):
            fresh = data.draw(some_facts(at=call.facts.at, line=call.facts.line))
            call.facts = replace(fresh, candidates=call.facts.candidates)
        call.hear(event, data.draw(st.sampled_from([0, 0.1, 1, 5, 30])))
        if data.draw(st.sampled_from([False, False, True])):
            call.hear(event)
    for steps, _name in enumerate(call.drains()):
        assert steps < MOST_STEPS, "it never ends"
    written = [write.what for write in call.line.written]
    assert written.count("ended") == 1
    for once in ("message", "missed", "call_out", "texts_wanted", "reached", "heard_outage"):
        assert written.count(once) <= 1, once
    woken = [write.about["person_id"] for write in call.line.written if write.what == "woken"]
    assert len(set(woken)) == len(woken)
    assert len(woken) <= (call.facts.line.most_rung if call.facts.caller.live else 1)
    late = flow.step(call.state, PickedUp("e1"), replace(call.facts, at=call.at))
    assert late.orders == (exchange.HangUp("e1"),)
    assert late.state == call.state
