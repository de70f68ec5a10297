"""What a line driver does for a call of several legs: the orders that it takes and the events that it reports.

A **call** is what one caller began; its **legs** are named within it: `caller`, `e1`, `e2` (engineers, in the order in which
they were rung), `l1` (who listens in), `out` (the customer who is called back). A driver makes every identifier of the
other side from the call's id and the leg's name, so that an order given twice does nothing twice, and a process that comes
back finds everything again. It has no idea why anything is ordered.

`flow.State` is written before its orders are carried out. An order about a leg that has gone does nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

CALLER = "caller"
"""The leg that rang us."""


# --- Orders ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """Something to be heard: the operator's recording where `recording` (a file's digest) is given, else `text` spoken."""

    text: str
    language: str = "en-GB"
    recording: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Pick up the leg that rings us. It hears a ringing tone until something else is ordered."""

    leg: str


@dataclass(frozen=True, slots=True)
class Say:
    """Let the leg hear the words, one after the other; then `Said(leg, name)` is reported. Ends what it hears now.

    Keys are reported at any time. A key among `stop` ends the words, and `Said` does not come. `digits`: how many keys are
    expected one soon after the other, as of a PIN.
    """

    leg: str
    name: str
    words: Sequence[Words]
    stop: str = "0123456789*#"
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Hold:
    """Let the leg hear that it is still connected: a ringing tone (`ringing`), or music."""

    leg: str
    ringing: bool = True


@dataclass(frozen=True, slots=True)
class Ring:
    """Make the leg: ring `to`, showing `show`. `to` is E.164, or the name of a telephone that registers with our exchange.

    It rings for `ring_s` seconds after its `Ringing`. `whispered` goes where a driver can show more than a number.
    """

    leg: str
    to: str
    show: str
    ring_s: int = 25
    whispered: str = ""


@dataclass(frozen=True, slots=True)
class Join:
    """The legs hear each other from now on; those of `listening` hear, and are not heard. Whoever was joined before and is not
    named hears a ringing tone again. One leg alone hears music.
    """

    legs: Sequence[str]
    listening: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A tone, then what the leg says is kept until `#`, `silence_s` of silence, `longest_s`, or its end: `Recorded` follows."""

    leg: str
    name: str
    longest_s: int = 180
    silence_s: int = 5


@dataclass(frozen=True, slots=True)
class StopRecording:
    """End it now. `keep`: or throw it away, and no `Recorded` comes."""

    leg: str
    name: str
    keep: bool = True


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """Keep nothing for now (a card number is being read out), or go on (`go_on`)."""

    leg: str
    name: str
    go_on: bool = False


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the leg; one that was never answered hears that the line is busy (`busy`) or that nobody is there."""

    leg: str
    busy: bool = False


@dataclass(frozen=True, slots=True)
class FallBack:
    """Nightdesk cannot take this call: hand the leg back to what the exchange does without us (rings everybody, records)."""

    leg: str


Order: TypeAlias = Answer | Say | Hold | Ring | Join | Record | StopRecording | PauseRecording | HangUp | FallBack


# --- Events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Came:
    """Somebody rings one of our numbers. Numbers are E.164 where the exchange knows; `number` is "" where it is withheld."""

    leg: str
    called: str
    number: str


@dataclass(frozen=True, slots=True)
class Ringing:
    """The leg's telephone rings: from now its time counts."""

    leg: str


@dataclass(frozen=True, slots=True)
class PickedUp:
    """Somebody, or something, answered the leg."""

    leg: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the leg's telephone."""

    leg: str
    digit: str


@dataclass(frozen=True, slots=True)
class Said:
    """The leg has heard all of it."""

    leg: str
    name: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the leg said is kept under the digest `file` ("" where there was nothing to keep).

    `seconds` of which `sound_s` were not silence. `ended`: by what.
    """

    leg: str
    name: str
    file: str
    seconds: float
    sound_s: float
    ended: Literal["key", "silence", "longest", "gone", "ordered"]


Why: TypeAlias = Literal["hung_up", "busy", "no_answer", "unreachable", "ordered", "failed"]


@dataclass(frozen=True, slots=True)
class Gone:
    """The leg has ended. `unreachable`: it never rang, its telephone is not registered or the number is nobody's."""

    leg: str
    why: Why
    reason: str = ""


Event: TypeAlias = Came | Ringing | PickedUp | Key | Said | Recorded | Gone

Heard: TypeAlias = Callable[[UUID, Event], Awaitable[None]]
"""What a driver calls for each event, in order for each call. It returns once the event is written down."""


@dataclass(frozen=True, slots=True)
class Alive:
    """A call that the exchange still has after we were away: the legs that it has, and which of them are joined."""

    call: UUID
    legs: Sequence[str]
    joined: Sequence[str]


class Exchange(Protocol):
    """A line driver, set up for one exchange or provider; lives in one event loop."""

    async def run(self, heard: Heard) -> None:
        """Report what happens until it is cancelled; connects again by itself."""
        ...

    async def carry_out(self, call: UUID, orders: Sequence[Order]) -> None:
        """Do the orders in their order. What cannot be done becomes an event (`Gone`), never an exception."""
        ...

    async def alive(self) -> Sequence[Alive]:
        """What the exchange has of ours right now: asked once after each connection, before the first event."""
        ...

    def reachable(self, telephones: Sequence[str]) -> Sequence[str]:
        """Which of the registering telephones would ring now, as last known; answers at once."""
        ...
