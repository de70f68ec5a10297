"""A switch without an exchange (`tests.peers.twiml_peer.Switch`): people ring a line, hear at once, and keep what they said.

No sound is heard; what the line says comes as its text. Nobody can be rung here.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.peers.twiml_peer import Connection, NotAnswered, TwimlPeer

SOUND_S, SPEAKS_S = 0.05, 0.5
KEEPS = ("Press 1 to keep it", "1")
KEPT = "Thank you. We ring you back"


@dataclass
class Handset:
    """One caller; see `Connection`."""

    says: bytes
    digits: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self) -> None: ...

    async def play(self, wav: bytes) -> None:
        """Here it is the text; the caller presses what it asks for."""
        await asyncio.sleep(SOUND_S)
        asked, digit = KEEPS
        if asked.encode() in wav:
            self.digits.put_nowait(digit)

    async def record(self, longest_s: int, silence_s: int, *, tone: bool) -> tuple[bytes, str]:
        del longest_s, silence_s, tone
        await asyncio.sleep(SPEAKS_S)
        return self.says, "key"

    async def meet(self, room: str, *, muted: bool) -> None: ...

    async def part(self) -> None: ...

    async def hang_up(self, *, busy: bool = False) -> None:
        del busy
        self.ended.set()


class Handsets:
    """Everybody who rings says `says`, a WAV."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._came: Callable[[Connection, str, str], None] | None = None

    async def open(self, came: Callable[[Connection, str, str], None]) -> None:
        self._came = came

    async def dial(self, to: str, shown: str, ringing: Callable[[], None]) -> Connection:
        del to, shown, ringing
        raise NotAnswered("no-answer")

    async def speak(self, text: str, language: str) -> bytes:
        del language
        return text.encode()

    async def close(self) -> None: ...

    async def rings(self, caller: str, called: str) -> Handset:
        """Somebody rings `called`."""
        assert self._came is not None
        handset = Handset(self._says)
        self._came(handset, caller, called)
        return handset


def leaves_message(peer: TwimlPeer, callers: Handsets, caller: str, called: str, within_s: float) -> bool:
    """Whether the caller was told that what they said is kept; they hang up after `within_s`."""
    handset = peer.do(callers.rings(caller, called))
    end = time.monotonic() + within_s
    try:
        while time.monotonic() < end:
            is_over = handset.ended.is_set()
            heard = [words for call in list(peer.calls.values()) if call.from_ == caller for words in call.heard]
            if any(KEPT in words for words in heard):
                return True
            if is_over:
                return False
            time.sleep(0.05)
        return False
    finally:
        peer.do(handset.hang_up())
