"""What the dialplan recorded while nobody of ours was there: looked for after each connection and every few seconds."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import quote

from nightdesk.base.files import keep_file
from nightdesk.lines import sound
from nightdesk.lines.asterisk.client import Ari, Away, LegGone, Refused

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""Seconds between looks. A recording that has not grown between two of them is at its end."""
_NAME = re.compile(
    r"nightdesk-fallback-(?P<at>\d{9,11})-(?P<called>[0-9+*#s]{0,20})-(?P<number>[0-9+*#]{0,20})-[\w.-]+"
)
"""As `dialplan` writes it."""


@dataclass(frozen=True, slots=True)
class Fallen:
    """A call that the dialplan took while we were away, and what the caller said. `number` "" where it is withheld; `file` is a
    digest of `base.files`, "" where nothing was said. `name` is the same each time that it is told.
    """

    name: str
    called: str
    number: str
    at: datetime
    file: str
    seconds: float
    sound_s: float


TakeFallen: TypeAlias = Callable[[Fallen], Awaitable[None]]
"""Comes back once it is written down; then Asterisk forgets it."""


async def look_for_fallen(ari: Ari, read_number: Callable[[str], str], take: TakeFallen) -> None:
    """Look for ever. `read_number` gives E.164 for what was dialled."""
    seen: dict[str, str] = {}
    while True:
        if ari.connected:
            with suppress(Away, Refused, LegGone):
                names = {recording["name"] for recording in await ari.ask("GET", "recordings/stored")}
                seen = {name: mark for name, mark in seen.items() if name in names}
                for name in names:
                    await _look_at(ari, name, seen, read_number, take)
        await asyncio.sleep(LOOK_S)


async def _look_at(
    ari: Ari, name: str, seen: dict[str, str], read_number: Callable[[str], str], take: TakeFallen
) -> None:
    found = _NAME.fullmatch(name)
    if found is None:
        return
    content = sound.mended(await ari.fetch_recording(name))
    mark = hashlib.sha256(content).hexdigest()
    if seen.get(name) != mark:
        seen[name] = mark
        return
    try:
        length = await asyncio.to_thread(sound.measure, content)
    except sound.NoSound as trouble:
        log.warning("The fall-back's recording %s cannot be read: %s", name, trouble)
        length = sound.Length(0.0, 0.0)
    file = await asyncio.to_thread(keep_file, content) if length.seconds else ""
    fallen = Fallen(
        name,
        read_number(found["called"]),
        read_number(found["number"]),
        datetime.fromtimestamp(int(found["at"]), UTC),
        file,
        length.seconds,
        length.sound_s,
    )
    try:
        await take(fallen)
    except Exception:
        log.exception("What the fall-back recorded (%s) could not be taken; it stays at Asterisk.", name)
        return
    await ari.ask("DELETE", f"recordings/stored/{quote(name, safe='')}")
