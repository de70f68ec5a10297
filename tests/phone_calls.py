"""An exchange for tests: it takes the orders of `lines.exchange` and reports its events, at the world's instants.

Callers hear, press, speak and ring off; telephones ring as they were told to. Time is the world's: words take as long as they
have letters, timers fall due when it is time. No driver and no sound is in it; those are tested with the real exchange.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from nightdesk.base import clock, files
from nightdesk.base.ids import uuid7
from nightdesk.calls import adopting, flow, running
from nightdesk.calls.models import Call
from nightdesk.lines import exchange as line
from nightdesk.lines.exchange import Came, Gone, Key, PickedUp, Recorded, Ringing, Said
from tests.world import World

LETTERS_A_SECOND = 15


@dataclass
class Telephone:
    """What rings. `answers_after` its ringing, in seconds; None: never. Outside it presses `presses` once it was asked to."""

    answers_after: float | None = None
    presses: str = "1"
    unreachable: bool = False
    rang: list[tuple[UUID, str]] = field(default_factory=list)


@dataclass
class Caller:
    """Somebody who rings, or is rung back: what they heard, in order, and whether they are still there."""

    call_id: UUID
    heard: list[str] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    here: bool = True
    fell_back: bool = False

    def heard_that(self, words: str) -> bool:
        """Something that they heard says so."""
        return any(words in each for each in self.heard)


class Exchange:
    """See the module."""

    name = "test"

    def __init__(self, world: World) -> None:
        self.world = world
        self.telephones: dict[str, Telephone] = {}
        self.callers: dict[UUID, Caller] = {}
        self.says: dict[UUID, tuple[float, str]] = {}
        self.joined: dict[UUID, tuple[Sequence[str], Sequence[str]]] = {}
        self.shown: dict[str, list[str]] = {}
        self._to: dict[tuple[UUID, str], str] = {}
        self._hears: dict[tuple[UUID, str], object] = {}
        self._due: set[tuple[UUID, str, Any]] = set()

    # --- What people do ---

    def telephone(self, to: str, answers_after: float | None = None, **more: Any) -> Telephone:
        """A telephone by its number or name, from now on."""
        self.telephones[to] = Telephone(answers_after, **more)
        return self.telephones[to]

    def rings(self, number: str, called: str) -> Caller:
        """Somebody rings one of our numbers."""
        caller = Caller(uuid7(self.world.at))
        self.callers[caller.call_id] = caller
        with clock.replaced_by(lambda: self.world.at):
            came = Came("caller", called, number)
            done = running.take_call(
                exchange=self.name, came=came, at=self.world.at, call_id=caller.call_id, reachable=self.reachable
            )
        self._do(done)
        return caller

    def presses(self, caller: Caller, digits: str, leg: str = "caller") -> None:
        """The keys, half a second apart."""
        for digit in digits:
            self.seconds(0.5)
            self._hears.pop((caller.call_id, leg), None)
            self.hear(caller.call_id, Key(leg, digit))

    def will_say(self, caller: Caller, seconds: float, words: str = "help") -> None:
        """So long they speak once they are recorded, and then press hash."""
        self.says[caller.call_id] = (seconds, words)

    def rings_off(self, caller: Caller, leg: str = "caller") -> None:
        """They hang up."""
        caller.here = caller.here and leg != "caller"
        self._hears.pop((caller.call_id, leg), None)
        self.hear(caller.call_id, Gone(leg, "hung_up"))

    def seconds(self, count: float) -> None:
        """Time goes by."""
        self.world.minutes(count / 60)

    def call(self, caller: Caller) -> Call:
        """The call's row as it stands."""
        return Call.objects.get(pk=caller.call_id)

    def key(self, call_id: UUID, leg: str, digit: str) -> None:
        """A key of one of the call's telephones."""
        self._hears.pop((call_id, leg), None)
        self.hear(call_id, Key(leg, digit))

    def rings_off_leg(self, call_id: UUID, leg: str) -> None:
        """Whoever has that telephone hangs up."""
        self._gone(call_id, leg, "hung_up")

    def heeds_askings(self) -> None:
        """What the web asks of calls is heard, as by the process that runs them."""
        for asked in adopting.asked_of(self.name):
            self.hear(asked.call_id, asked.event, once=f"asked:{asked.asking_id}")
            with clock.replaced_by(lambda: self.world.at):
                adopting.note_heard(asked.asking_id)

    # --- What the exchange does ---

    def reachable(self, telephones: Sequence[str]) -> Sequence[str]:
        """Which of them are registered."""
        return [one for one in telephones if one in self.telephones and not self.telephones[one].unreachable]

    def hear(self, call_id: UUID, event: flow.Event, once: str = "") -> running.Done:
        """The event is heard, and its orders are carried out."""
        with clock.replaced_by(lambda: self.world.at):
            done = running.hear_event(
                call_id=call_id, event=event, at=self.world.at, once=once, reachable=self.reachable
            )
        self._do(done)
        return done

    def _do(self, done: running.Done) -> None:
        self.carry_out(done.call_id, done.orders)
        for name, due_at in done.timers.items():
            key = (done.call_id, name, due_at)
            if key not in self._due:
                self._due.add(key)
                self.world.later(due_at - self.world.at, lambda name=name: self.hear(done.call_id, flow.Due(name)))

    def carry_out(self, call_id: UUID, orders: Sequence[line.Order]) -> None:
        """Do as a driver does."""
        for order in orders:
            match order:
                case line.Say(leg, name, words):
                    self._say(call_id, leg, name, words)
                case line.Hold(leg) | line.PauseRecording(leg):
                    self._hears[call_id, leg] = order
                case line.Ring():
                    self._ring(call_id, order)
                case line.Join(legs, listening):
                    self.joined[call_id] = (tuple(legs), tuple(listening))
                    for leg in [*legs, *listening]:
                        self._hears[call_id, leg] = order
                case line.Record():
                    self._record(call_id, order)
                case line.StopRecording(leg, name, keep):
                    if self._hears.pop((call_id, leg), None) is not None and keep:
                        self.hear(call_id, Recorded(leg, name, "", 0, 0, "ordered"))
                case line.HangUp(leg):
                    self._hang_up(call_id, leg)
                case line.FallBack():
                    self.callers[call_id].fell_back = True
                case _:
                    pass

    def _say(self, call_id: UUID, leg: str, name: str, words: Sequence[line.Words]) -> None:
        caller = self.callers.get(call_id)
        if caller is not None and leg in ("caller", "out"):
            caller.heard += [each.text for each in words if each.text]
            caller.played += [each.recording for each in words if each.recording]
        token = self._hears[call_id, leg] = object()
        length = 0.5 + sum(len(each.text) for each in words) / LETTERS_A_SECOND

        def said() -> None:
            if self._hears.get((call_id, leg)) is token:
                self.hear(call_id, Said(leg, name))
            telephone = self.telephones.get(self._to.get((call_id, leg), ""))
            if telephone is not None and telephone.presses and self._hears.get((call_id, leg)) is token:
                self.hear(call_id, Key(leg, telephone.presses))

        self.world.later(timedelta(seconds=length), said)

    def _ring(self, call_id: UUID, order: line.Ring) -> None:
        telephone = self.telephones.setdefault(order.to, Telephone())
        self._to[call_id, order.leg] = order.to
        self.shown.setdefault(order.to, []).append(order.show)
        if telephone.unreachable:
            self.world.later(timedelta(seconds=0.1), lambda: self._gone(call_id, order.leg, "unreachable"))
            return
        telephone.rang.append((call_id, order.whispered))
        self.world.later(timedelta(seconds=1), lambda: self._event(call_id, order.leg, Ringing(order.leg)))
        if telephone.answers_after is not None:
            after = timedelta(seconds=1 + telephone.answers_after)
            self.world.later(after, lambda: self._event(call_id, order.leg, PickedUp(order.leg)))
        self.world.later(
            timedelta(seconds=1 + order.ring_s), lambda: self._rang_out(call_id, order.leg, telephone, order.ring_s)
        )

    def _rang_out(self, call_id: UUID, leg: str, telephone: Telephone, ring_s: float) -> None:
        if telephone.answers_after is None or telephone.answers_after > ring_s:
            self._gone(call_id, leg, "no_answer")

    def _record(self, call_id: UUID, order: line.Record) -> None:
        token = self._hears[call_id, order.leg] = object()
        seconds, words = self.says.pop(call_id, (0.0, ""))

        def recorded() -> None:
            if self._hears.get((call_id, order.leg)) is token:
                del self._hears[call_id, order.leg]
                file = files.keep_file(f"RIFF {words} {seconds}".encode()) if seconds else ""
                ended: Any = "key" if seconds else "silence"
                self.hear(call_id, Recorded(order.leg, order.name, file, seconds, seconds, ended))

        self.world.later(timedelta(seconds=seconds or order.silence_s), recorded)

    def _hang_up(self, call_id: UUID, leg: str) -> None:
        self._hears.pop((call_id, leg), None)
        if leg == "caller" and call_id in self.callers:
            self.callers[call_id].here = False
        self._gone(call_id, leg, "ordered")

    def _event(self, call_id: UUID, leg: str, event: flow.Event) -> None:
        """Of a leg that is still there."""
        if (call_id, leg) in self._to:
            self.hear(call_id, event)

    def _gone(self, call_id: UUID, leg: str, why: Any) -> None:
        if self._to.pop((call_id, leg), None) is not None or leg == "caller":
            self.hear(call_id, Gone(leg, why))
