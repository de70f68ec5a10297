"""A call walked through without a telephone: what would be heard and rung, and why, if people did such and such. Pure.

It plays an exchange: telephones ring, are answered or not, words take their time, keys are pressed. What is decided comes
from `flow` alone, so that what is shown is what would happen.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Literal

from nightdesk.calls import flow
from nightdesk.calls.terms import CallBack, Due, Event, Facts, Forget, Known, Look, State, Step, Timer, Write
from nightdesk.lines import exchange

LETTERS_A_SECOND = 15
RECORDING_S = 8
LONGEST_S = 6 * 3600
MOST_EVENTS = 2000


@dataclass(frozen=True, slots=True)
class Telephone:
    """What happens where we ring. Seconds count from the ringing.

    `answers_after_s` None: nobody does. `presses`: the keys after what they hear. `talks_s`: then they ring off.
    """

    answers_after_s: float | None = 3
    rings_after_s: float = 0.1
    presses: str = "1"
    talks_s: float = 240
    state: Literal["free", "busy", "unreachable"] = "free"


@dataclass(frozen=True, slots=True)
class CallerDoes:
    """What the caller does: keys by stage, in this order, each once; `speaks_s` into the recorder (0: nothing).

    `rings_off_after_s`: their patience, counted until somebody talks with them. None: they wait.
    """

    keys: Sequence[tuple[str, str]] = ()
    speaks_s: float = 8
    rings_off_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One event and what came of it, in words for somebody who reads it."""

    after_s: float
    event: Event
    stage: str
    heard: Sequence[str] = ()
    rung: Sequence[str] = ()
    written: Sequence[Write] = ()
    orders: Sequence[flow.Order] = ()
    why: Sequence[str] = ()
    state: State = field(default_factory=State)


WhoIsIt = Callable[[Facts, Look], tuple[Known, Facts]]
"""What a `Look` finds."""


def nobody_else(facts: Facts, look: Look) -> tuple[Known, Facts]:
    """A PIN is not believed, and nothing else changes."""
    return Known(believed=not look.pin, tries_left=2), facts


def walk(
    begins: exchange.Came | CallBack,
    facts: Facts,
    *,
    telephones: Mapping[str, Telephone] | None = None,
    caller: CallerDoes | None = None,
    who_is_it: WhoIsIt = nobody_else,
    asked: Sequence[tuple[float, Event]] = (),
) -> list[Moment]:
    """The call from its first ring to its end; `facts.at` is when it comes. `telephones`: by whom we ring (`Ring.to`).

    `asked`: what else happens so many seconds after it came. Ends after six hours or 2,000 events at the latest.
    """
    walked = _Walk(facts, telephones or {}, caller or CallerDoes(), who_is_it)
    walked.happens(0, begins)
    for after_s, event in asked:
        walked.happens(after_s, event)
    if walked.caller.rings_off_after_s is not None and isinstance(begins, exchange.Came):
        walked.happens(walked.caller.rings_off_after_s, exchange.Gone(begins.leg, "hung_up"), patience=True)
    return walked.run()


@dataclass(order=True, slots=True)
class _Coming:
    at: datetime
    number: int
    event: Event = field(compare=False)
    leg: str = field(compare=False, default="")
    words: str = field(compare=False, default="")
    patience: bool = field(compare=False, default=False)


class _Walk:
    """An exchange that is played, and the clock of the call."""

    def __init__(self, facts: Facts, telephones: Mapping[str, Telephone], caller: CallerDoes, who: WhoIsIt) -> None:
        self.came_at = facts.at
        self.facts = facts
        self.telephones = telephones
        self.caller = caller
        self.who_is_it = who
        self.now = State()
        self.keys = list(caller.keys)
        self.coming: list[_Coming] = []
        self.numbers = count()
        self.saying: dict[str, str] = {}
        self.stops: dict[str, str] = {}
        self.timers: dict[str, int] = {}
        self.recording: dict[str, tuple[str, datetime]] = {}
        self.rung: dict[str, Telephone] = {}
        self.alive: set[str] = set()
        self.talked: set[str] = set()

    def happens(self, after_s: float, event: Event, *, words: str = "", patience: bool = False) -> None:
        leg = getattr(event, "leg", "")
        at = self.facts.at + timedelta(seconds=after_s)
        heapq.heappush(self.coming, _Coming(at, next(self.numbers), event, leg, words, patience))

    def run(self) -> list[Moment]:
        moments: list[Moment] = []
        while self.coming and len(moments) < MOST_EVENTS:
            one = heapq.heappop(self.coming)
            if (one.at - self.came_at).total_seconds() > LONGEST_S:
                break
            if self._is_stale(one):
                continue
            self.facts = replace(self.facts, at=max(one.at, self.facts.at))
            moments.append(self._take(one.event))
            if self.now.stage == "over" and not self.alive:
                break
        return moments

    def _is_stale(self, one: _Coming) -> bool:
        match one.event:
            case Due(name):
                return self.timers.get(name) != one.number
            case exchange.Came() | CallBack() | Known() | flow.Asked():
                return False
            case exchange.Said(leg, name):
                return leg not in self.alive or self.saying.get(leg) != name
            case exchange.Recorded(leg, name):
                return self.recording.get(leg, ("", None))[0] != name
        if one.patience and self.talked:
            return True
        return one.leg not in self.alive or bool(one.words and self.saying.get(one.leg) != one.words)

    def _take(self, event: Event) -> Moment:
        self._before(event)
        if isinstance(event, exchange.Came | CallBack):
            step = flow.begin(event, self.facts)
        else:
            step = flow.step(self.now, event, self.facts)
        self.now = step.state
        heard, rung, written = [], [], []
        for order in step.orders:
            self._carry_out(order)
            match order:
                case exchange.Say(leg, _name, words):
                    heard += [f"{leg}: {one.text or '(recording)'}" for one in words]
                case exchange.Ring(leg, to):
                    rung.append(f"{leg}: {to}")
                case Write():
                    written.append(order)
        return self._moment(event, step, heard, rung, written)

    def _moment(self, event: Event, step: Step, heard: list[str], rung: list[str], written: list[Write]) -> Moment:
        after_s = (self.facts.at - self.came_at).total_seconds()
        return Moment(after_s, event, step.state.stage, heard, rung, written, step.orders, step.why, step.state)

    def _before(self, event: Event) -> None:
        """What the event changes at the exchange."""
        match event:
            case exchange.Came(leg):
                self.alive.add(leg)
            case exchange.Gone(leg):
                self._leg_ends(leg)
            case exchange.Key(leg, digit):
                if digit in self.stops.get(leg, ""):
                    self.saying.pop(leg, None)
                if digit == "#" and leg in self.recording:
                    self._recorded(leg, "key")
            case exchange.Recorded(leg):
                self.recording.pop(leg, None)
            case exchange.Said(leg):
                self.saying.pop(leg, None)
            case Due(name):
                self.timers.pop(name, None)

    def _leg_ends(self, leg: str) -> None:
        self.alive.discard(leg)
        self.saying.pop(leg, None)
        if leg in self.recording:
            self._recorded(leg, "gone")

    def _recorded(self, leg: str, ended: Literal["key", "gone", "ordered", "silence"]) -> None:
        name, since = self.recording[leg]
        seconds = (self.facts.at - since).total_seconds()
        sound = min(seconds, self.caller.speaks_s)
        file = "0" * 64 if sound else ""
        self.happens(0.1, exchange.Recorded(leg, name, file, seconds, sound, ended))

    def _carry_out(self, order: flow.Order) -> None:
        match order:
            case Timer(name, seconds):
                self.happens(seconds, Due(name))
                self.timers[name] = max(one.number for one in self.coming if one.event == Due(name))
            case Forget(name):
                self.timers.pop(name, None)
            case Look():
                known, self.facts = self.who_is_it(self.facts, order)
                self.happens(0.1, known)
            case exchange.Say():
                self._say(order)
            case exchange.Ring():
                self._ring(order)
            case exchange.Record(leg, name):
                self.recording[leg] = (name, self.facts.at)
                if self.caller.speaks_s:
                    self.happens(self.caller.speaks_s + 1, exchange.Key(leg, "#"))
                else:
                    self.happens(order.silence_s, exchange.Recorded(leg, name, "", 0, 0, "silence"))
            case exchange.StopRecording(leg):
                if leg in self.recording:
                    self._recorded(leg, "ordered")
            case exchange.Join(legs):
                self._join(legs)
            case exchange.HangUp(leg):
                if leg in self.alive:
                    self._leg_ends(leg)
            case exchange.Hold(leg):
                self.saying.pop(leg, None)

    def _say(self, order: exchange.Say) -> None:
        if order.leg not in self.alive:
            return
        self.saying[order.leg] = order.name
        self.stops[order.leg] = order.stop
        lasts = sum(RECORDING_S if one.recording else len(one.text) / LETTERS_A_SECOND for one in order.words)
        self.happens(lasts, exchange.Said(order.leg, order.name))
        keys = ""
        if telephone := self.rung.get(order.leg):
            keys = telephone.presses[:1] if order.stop else ""
        elif order.stop or self.now.stage == "hunt":
            keys = self._keys_for(self.now.stage)
        first = lasts + 1 if order.leg in self.rung else lasts * 0.95
        for nth, key in enumerate(keys):
            self.happens(first + nth / 2, exchange.Key(order.leg, key))

    def _keys_for(self, stage: str) -> str:
        """What the caller keys next where they are."""
        place = next((place for place, (where, _keys) in enumerate(self.keys) if where == stage), None)
        return "" if place is None else self.keys.pop(place)[1]

    def _ring(self, order: exchange.Ring) -> None:
        telephone = self.telephones.get(order.to, Telephone())
        self.alive.add(order.leg)
        self.rung[order.leg] = telephone
        if telephone.state != "free":
            self.happens(0.1, exchange.Gone(order.leg, telephone.state))
            return
        self.happens(telephone.rings_after_s, exchange.Ringing(order.leg))
        if telephone.answers_after_s is None or telephone.answers_after_s >= order.ring_s:
            self.happens(telephone.rings_after_s + order.ring_s, exchange.Gone(order.leg, "no_answer"))
        else:
            self.happens(telephone.rings_after_s + telephone.answers_after_s, exchange.PickedUp(order.leg))

    def _join(self, legs: Sequence[str]) -> None:
        for leg in legs:
            self.saying.pop(leg, None)
        talkers = [leg for leg in legs if leg in self.rung]
        if len(legs) > 1 and talkers:
            first = "out" if "out" in talkers else talkers[0]
            if first not in self.talked:
                self.talked.add(first)
                self.happens(self.rung[first].talks_s, exchange.Gone(first, "hung_up"))
