"""One step of a call in the making: what is so, what is ordered, and why. Pure; only `flow` begins and ends one."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import timedelta
from typing import Any

from nightdesk.calls import wording
from nightdesk.calls.terms import Candidate, Facts, Forget, Look, Order, Stage, State, Step, Timer, Write
from nightdesk.lines import exchange
from nightdesk.lines.exchange import Words

KEY_S = 6
"""How long somebody may think before a key."""
LETTERS_A_SECOND = 9
"""The slowest voice."""
LONGEST_RECORDING_S = 180
LONGEST_CALL_S = 1800
"""A call in which nobody of ours talks with the caller."""
LONGEST_TALK_S = 12 * 3600

RINGS = ("ordered", "ringing", "asked")
"""States of a leg that has not joined yet, and would if somebody picked up."""


class Turn:
    """A step in the making. `begins` names the stage that is to be entered next; `flow` enters it."""

    def __init__(self, state: State, facts: Facts) -> None:
        self.facts = facts
        self.stage: Stage = state.stage
        self.legs: dict[str, str] = dict(state.legs)
        self.memory: dict[str, Any] = deepcopy(dict(state.memory))
        self.timers = dict(state.timers)
        self.begins: str = ""
        self._orders: list[Order] = []
        self._why: list[str] = []

    def step(self) -> Step:
        """What came of it."""
        return Step(State(self.stage, self.legs, self.memory, self.timers), tuple(self._orders), tuple(self._why))

    def order(self, *orders: Order) -> None:
        self._orders.extend(orders)

    def why(self, sentence: str) -> None:
        self._why.append(sentence)

    def write(self, what: str, **about: Any) -> None:
        self.order(Write(what, about))

    def go(self, stage: str, why: str = "") -> None:
        """Enter the stage after this."""
        self.begins = stage
        if why:
            self.why(why)

    # --- Timers ------------------------------------------------------------------------------------------------------

    def wait(self, name: str, seconds: float) -> None:
        """`Due(name)` comes in so many seconds."""
        self.timers[name] = self.facts.at + timedelta(seconds=seconds)
        self.order(Timer(name, seconds))

    def wait_at_most(self, name: str, seconds: float) -> None:
        """`Due(name)` comes then, or earlier if that was so before."""
        if name not in self.timers or self.timers[name] > self.facts.at + timedelta(seconds=seconds):
            self.wait(name, seconds)

    def forget(self, *names: str) -> None:
        for name in names:
            if self.timers.pop(name, None):
                self.order(Forget(name))

    # --- What the caller hears ---------------------------------------------------------------------------------------

    @property
    def customer(self) -> str:
        """The leg of whom we talk with: the caller's, or the one that is called back."""
        return str(self.memory.get("customer", exchange.CALLER))

    @property
    def customer_is_here(self) -> bool:
        return self.legs.get(self.customer) == "up"

    def counted(self, what: str) -> int:
        """The next number of a leg, recording or saying of that kind, from 1."""
        counts = self.memory.setdefault("counts", {})
        counts[what] = counts.get(what, 0) + 1
        return int(counts[what])

    def say(self, words: Sequence[Words], *, then: str, keys: str = "", leg: str = "", digits: int = 1) -> None:
        """Let the caller (or `leg`) hear it, and then: wait for a `key`, a `tone`, `music`, `record`, `end` the call.

        `keys` are understood in it, and end it.
        """
        leg = leg or self.customer
        name = f"s{self.counted('say')}"
        heard = list(words)
        self.order(exchange.Say(leg, name, heard, keys, digits))
        self.memory["hears"] = {"what": "words", "name": name, "leg": leg, "then": then, "keys": keys}
        self.wait("wait", 10 + sum(_longest(one) for one in heard))

    def go_after_words(self, stage: str, why: str) -> None:
        """Enter the stage once the caller has heard what they hear now: a greeting, what to do in danger."""
        hears = self.memory.get("hears", {})
        if hears.get("what") == "words" and hears["then"] in ("tone", "music"):
            hears["then"] = f"go {stage}"
            self.why(why)
        else:
            self.go(stage, why)

    def hears(self) -> str:
        """words, tone, music, bridge, recording; "" while we wait for a key."""
        return str(self.memory.get("hears", {}).get("what", ""))

    def heard(self, what: str, **more: Any) -> None:
        self.memory["hears"] = {"what": what, **more}

    def hold(self, *, ringing: bool = True) -> None:
        """The caller hears that they are still connected."""
        if self.customer_is_here:
            self.forget("wait")
            self.order(exchange.Hold(self.customer, ringing))
            self.heard("tone" if ringing else "music")

    def opening(self) -> list[Words]:
        """The greeting, and what to do in danger; once in a call."""
        if self.memory.get("greeted"):
            return []
        self.memory["greeted"] = True
        line = self.facts.line
        said = [
            wording.own_words("greeting", line.greeting, self.facts),
            wording.own_words("danger", line.danger, self.facts),
        ]
        return [*said, self.words("pin_offer")] if self.may_key_pin() else said

    def may_key_pin(self) -> bool:
        """Star asks for the PIN, of whom nobody knows."""
        return self.facts.caller.kind == "unknown" and not self.memory.get("asked_pin")

    def words(self, name: str, /, **filled: object) -> Words:
        return wording.words(name, self.facts, **filled)

    def tell(self, leg: str, *words: Words, keys: str = "") -> None:
        """Let somebody who is in it hear it, over the talk; `keys` end it."""
        self.order(exchange.Say(leg, f"t{self.counted('telling')}", list(words), keys))

    def tell_unheard(self) -> None:
        """The caller hears who has joined and left while they were on hold."""
        if unheard := self.memory.pop("unheard", []):
            self.tell(self.customer, *(self.words(name, **filled) for name, filled in unheard))

    def announce(self, name: str, /, **filled: object) -> None:
        """Everybody who is in the talk hears it, over the talk; a caller on hold, whose music goes on, once they are back."""
        if self.on_hold and self.customer_is_here:
            self.memory.setdefault("unheard", []).append([name, filled])
        for leg, state in self.legs.items():
            if state == "up" and not (self.on_hold and leg == self.customer):
                self.tell(leg, self.words(name, **filled))

    def ask_who(self, pin: str, skill: str) -> None:
        """`Known` follows."""
        self.order(Look(pin, skill))

    # --- Legs --------------------------------------------------------------------------------------------------------

    @property
    def who(self) -> dict[str, dict[str, Any]]:
        """What is known of each leg that was rung."""
        found: dict[str, dict[str, Any]] = self.memory.setdefault("who", {})
        return found

    def name_of(self, leg: str) -> str:
        return str(self.who.get(leg, {}).get("name") or wording.text("somebody", self.facts))

    def legs_as(self, *parts: str, states: Sequence[str] = (*RINGS, "up")) -> list[str]:
        """The legs that were rung as one of those, and are in one of the states."""
        return [leg for leg, state in self.legs.items() if state in states and self.who.get(leg, {}).get("as") in parts]

    def ring(
        self, kind: str, candidate: Candidate, part: str, *, show: str = "", ring_s: int = 0, whispered: str
    ) -> str:
        """Ring them as that part of the call; gives the leg."""
        leg = f"{kind}{self.counted(kind)}" if kind != "out" else "out"
        self.legs[leg] = "ordered"
        self.who[leg] = {
            "person_id": candidate.person_id,
            "name": candidate.name,
            "to": candidate.to,
            "outside": candidate.outside,
            "awake": candidate.awake,
            "rank": candidate.rank,
            "as": part,
        }
        ring_s = ring_s or self.facts.line.ring_s
        if part != "customer":
            self.write("told", leg=leg, person_id=candidate.person_id, text=whispered)
        self.order(exchange.Ring(leg, candidate.to, show or self.facts.line.pager_number, ring_s, whispered))
        self.who[leg]["ring_s"] = ring_s
        self.wait(f"ring:{leg}", NEVER_RINGS_S)
        return leg

    def drop(self, leg: str, *, busy: bool = False) -> None:
        """End the leg."""
        if self.legs.pop(leg, None):
            self.forget(f"ring:{leg}", f"accept:{leg}", f"leave:{leg}")
            self.order(exchange.HangUp(leg, busy))

    def lost(self, leg: str) -> None:
        """The leg has ended by itself."""
        self.legs.pop(leg, None)
        self.forget(f"ring:{leg}", f"accept:{leg}", f"leave:{leg}")

    def join(self) -> None:
        """All who are up hear each other; who only listens is not heard, nor is a caller on hold among them.

        Everything that hunted is forgotten.
        """
        here = [
            leg for leg, state in self.legs.items() if state == "up" and not (self.on_hold and leg == self.customer)
        ]
        speaking = [leg for leg in here if not self._listens(leg)]
        if here:
            self.order(exchange.Join(speaking, [leg for leg in here if leg not in speaking]))
        if not self.on_hold:
            self.heard("bridge")
        self.forget("wait")

    @property
    def on_hold(self) -> bool:
        """The caller hears music, and what is said meanwhile is not for them."""
        return bool(self.memory.get("on_hold"))

    def _listens(self, leg: str) -> bool:
        return self.who.get(leg, {}).get("as") == "listener"

    # --- The end -----------------------------------------------------------------------------------------------------

    def finish(self, ending: str, *last_words: Words) -> None:
        """The call ends so, after the last words if somebody is there to hear them."""
        self.memory["ends"] = ending
        if last_words and self.customer_is_here:
            self.stage = "ending"
            self.stop_ringing()
            self.say(last_words, then="end")
        else:
            self.over()

    def stop_ringing(self, *, but: str = "") -> None:
        """Nobody who was rung for this call is rung any longer."""
        for leg in [leg for leg, state in self.legs.items() if state in RINGS and leg != but]:
            self.drop(leg)
        self.forget(*HUNT_TIMERS)

    def over(self) -> None:
        """Nothing of the call is left."""
        for leg in list(self.legs):
            self.drop(leg)
        self.forget(*list(self.timers))
        self.memory.pop("hears", None)
        self.memory.pop("pin", None)
        self.stage = "over"
        self.write("ended", **{"as": str(self.memory.get("ends", "failed"))})


HUNT_TIMERS = ("hunt", "join", "again", "still", "desk", "bureau")
NEVER_RINGS_S = 20
"""How long a telephone may take to ring."""


def _longest(words: Words) -> float:
    return (LONGEST_RECORDING_S if words.recording else 2) + len(words.text) / LETTERS_A_SECOND


def person(about: Mapping[str, Any]) -> Candidate | None:
    """Whom one of ours named, as somebody who can be rung; None where that cannot be read."""
    to, person_id = about.get("to"), about.get("person_id")
    if not (isinstance(to, str) and to and isinstance(person_id, int)):
        return None
    return Candidate(person_id, str(about.get("name", "")), to, outside=bool(about.get("outside")), awake=True)
