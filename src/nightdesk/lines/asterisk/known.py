"""What the driver knows of each call at Asterisk, and how it names what Asterisk holds of it."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from uuid import UUID

from nightdesk.lines import exchange

_CHANNEL = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([a-z][a-z0-9_]{0,15})")
_RECORDING = re.compile(_CHANNEL.pattern + r"\.([\w-]{1,40})")
PLAYS = 4
"""Playbacks of one leg take their ids in turn, so that a process that comes back can end what it finds."""

WHY: Mapping[int, exchange.Why] = {
    **dict.fromkeys((1, 2, 3, 20, 22, 27, 28), "unreachable"),
    **dict.fromkeys((17, 21), "busy"),
    **dict.fromkeys((18, 19), "no_answer"),
    16: "hung_up",
}
"""What the causes of Q.850 mean for us; any other is `failed`."""

Ended: TypeAlias = Literal["key", "silence", "longest", "gone", "ordered"]


@dataclass
class Leg:
    """A channel of ours.

    `playing` is the playback that it hears, `say` the name of the words ("" for a tone of ours), `stop` the keys that end them;
    `awaits` are words that are being made; `tone` goes on until it is to hear something else. `found`: it was there before us,
    and may hear what we do not know of. `ours`: we have ordered its end.
    """

    name: str
    channel: str
    up: bool = False
    rang: bool = False
    ring_s: int = 0
    found: bool = False
    ours: bool = False
    playing: str = ""
    plays: int = 0
    say: str = ""
    stop: str = ""
    awaits: exchange.Say | None = None
    tone: Literal["", "ringing", "music"] = ""
    joined: bool = False
    listening: bool = False
    recording: str = ""
    longest_s: int = 0
    stopped: bool = False
    last_key: str = ""
    timer: asyncio.TimerHandle | None = None
    all_recorded: asyncio.Event = field(default_factory=asyncio.Event)

    def next_playback(self) -> str:
        """The id of what it is to hear now."""
        self.plays = (self.plays + 1) % PLAYS
        return f"{self.channel}.{self.plays}"

    def possible_playbacks(self) -> list[str]:
        """Every id that something that it hears may have."""
        return [f"{self.channel}.{number}" for number in range(PLAYS)]

    def why_recording_ended(self, recording: Mapping[str, Any], gone: bool) -> Ended:
        """Asterisk does not say by what."""
        if self.stopped:
            return "ordered"
        if gone:
            return "gone"
        if self.last_key == "#":
            return "key"
        if self.longest_s and float(recording.get("duration") or 0) >= self.longest_s - 1:
            return "longest"
        return "silence"

    def why_gone(self, cause: int) -> exchange.Why:
        """What its end with a cause of Q.850 means."""
        why = WHY.get(cause, "failed")
        if self.ours:
            return "ordered"
        if self.up or self.name == exchange.CALLER:
            return "hung_up"
        if why == "hung_up":  # it rang to the end of the time that Asterisk was given
            return "no_answer" if self.rang else "unreachable"
        if why in ("failed", "no_answer") and not self.rang:
            return "unreachable"
        return why


@dataclass
class Call:
    """`wanted` is who is to be joined, and whether they only listen; `bridge` where they are, "" nowhere.

    `queue` holds what is to be reported, in its order.
    """

    id: UUID
    legs: dict[str, Leg] = field(default_factory=dict)
    wanted: dict[str, bool] = field(default_factory=dict)
    bridge: str = ""
    came: exchange.Came | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    queue: "asyncio.Queue[tuple[exchange.Event, str]]" = field(default_factory=asyncio.Queue)
    reporting: "asyncio.Task[None] | None" = None

    @property
    def bridges(self) -> tuple[str, str]:
        """The ids of the bridge of two, and of the one of more."""
        return str(self.id), f"{self.id}.more"

    def channel_of(self, leg: str) -> str:
        """The id that the channel of a leg of ours has."""
        return f"{self.id}.{leg}"

    def recording_of(self, leg: str, name: str) -> str:
        """The name that a recording has at Asterisk."""
        return f"{self.id}.{leg}.{name}"


def read_channel(channel: str) -> tuple[UUID, str] | None:
    """(call, leg) of a channel that we made; None for any other."""
    found = _CHANNEL.fullmatch(channel)
    return (UUID(found[1]), found[2]) if found else None


def read_recording(recording: str) -> tuple[UUID, str, str] | None:
    """(call, leg, name) of a recording that we ordered; None for any other."""
    found = _RECORDING.fullmatch(recording)
    return (UUID(found[1]), found[2], found[3]) if found else None
