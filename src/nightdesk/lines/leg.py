"""What a leg is, whoever carries it: how one is placed, the steps that it is told, and the events that it reports.

A **leg** is one telephone connection between us and one party. A line driver places it and takes it back; what is
said on it is a list of steps, and what happens to it comes as events. Neither knows why there is a leg.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

State: TypeAlias = Literal[
    "queued", "dialling", "ringing", "answered", "completed", "busy", "no_answer", "failed", "cancelled"
]
ENDED: frozenset[State] = frozenset({"completed", "busy", "no_answer", "failed", "cancelled"})
"""Nothing more happens on the leg. Whatever is reported afterwards is old news."""
AnsweredBy: TypeAlias = Literal["", "person", "machine", "unknown"]
"""Who picked up, where the driver listens for that; "" where it does not, or has not yet."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A leg to place. `to` and `caller` are E.164; the caller is the fixed number that telephones know us by.

    `ask_at` is the web address that is asked for the steps once somebody picks up, `report_at` the one that hears what
    happens. It rings for `ring_s` seconds, and lasts for `longest_s` at most.
    """

    to: str
    caller: str
    ask_at: str
    report_at: str
    ring_s: int = 25
    longest_s: int = 180
    detect_machine: bool = True


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a leg. `sequence` orders the reports of one leg, which come in any order; -1: unknown.

    `digits` are the keys pressed. `seconds`: how long the connection lasted. `reason`: the driver's own words for why
    it failed; `no_such_number`: the network says that nobody has that number.
    """

    leg_id: str
    state: State
    sequence: int = -1
    digits: str = ""
    answered_by: AnsweredBy = ""
    seconds: int = 0
    reason: str = ""
    no_such_number: bool = False


class NotPlaced(Exception):
    """The leg was not placed.

    `fault`: "number" (nobody can ring that), "request" (this provider will never ring it), "pace" (not so fast), or
    "provider". `retry_after` seconds were asked for.
    """

    def __init__(
        self,
        reason: str,
        fault: Literal["number", "request", "pace", "provider"],
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.fault, self.retry_after = reason, fault, retry_after


class Legs(Protocol):
    """A line driver, set up for one provider or exchange; lives in one event loop."""

    async def place(self, wanted: Wanted) -> str:
        """Let it ring; the leg's id. Raises NotPlaced."""
        ...

    async def cancel(self, leg_id: str) -> bool:
        """Stop the ringing; a leg that was picked up goes on. False where there was nothing to stop. Raises NotPlaced."""
        ...

    async def close(self) -> None:
        """Give up what is kept open."""
        ...


# The steps

_USUAL_COUNTRY = {"en": "GB"}


def voice_language(code: str) -> str:
    """A language code as voices are named by: "en-gb" is en-GB, "de" is de-DE."""
    language, _dash, country = code.partition("-")
    return f"{language.lower()}-{country.upper() or _USUAL_COUNTRY.get(language.lower(), language.upper())}"


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `text`. `language` is a tag ("en-GB"); `voice` the driver's own name of one, "" for its usual."""

    text: str
    language: str = "en-GB"
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Play:
    """Play the recording at a web address, so many `times`; 0: until something else is told."""

    url: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    """Say nothing for so long."""

    seconds: int = 1


@dataclass(frozen=True, slots=True)
class Gather:
    """Take up to `digits` keys, while `inside` is heard and `wait_s` afterwards; then ask `ask_at` for the steps.

    Without a key the steps behind this one follow. `any_key`: `#` is a key like the others, else it ends them.
    """

    ask_at: str
    inside: Sequence[Say | Play | Pause] = ()
    digits: int = 1
    wait_s: int = 5
    any_key: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """Ask `ask_at` for the steps instead."""

    ask_at: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the leg."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not even pick up: it is busy, or nobody is there. The first step, or none."""

    busy: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Keep what the leg says until `#`, `silence_s` of silence or `longest_s`; then ask `ask_at` for the steps.

    `kept_at` hears when the recording can be fetched. `tone`: a short one comes first.
    """

    ask_at: str
    kept_at: str
    longest_s: int = 180
    silence_s: int = 5
    tone: bool = True


@dataclass(frozen=True, slots=True)
class Meet:
    """Let it hear, and be heard by (not so `muted`), the others in the `room`; alone it hears what is at `alone_at`.

    `*` leaves, and `ask_at` is asked for the steps.
    """

    room: str
    ask_at: str
    alone_at: str
    muted: bool = False


Step: TypeAlias = Say | Play | Pause | Gather | Redirect | HangUp | Reject | Record | Meet
