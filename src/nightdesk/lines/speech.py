"""Words as WAV files that an exchange on this machine can play: the operator's recording, else spoken by espeak-ng.

Files are named by their content, made once, and lie in NIGHTDESK_SPEECH_DIR, which the exchange must be able to read. Making
one takes a tenth of a second, in programs of its own.
"""

import asyncio
import hashlib
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from nightdesk.base import env
from nightdesk.base.files import read_file
from nightdesk.lines import sound
from nightdesk.lines.exchange import Words

log = logging.getLogger(__name__)

PLACE = env.path(
    "NIGHTDESK_SPEECH_DIR",
    None,
    "Folder of what the phone line says, which Asterisk reads; not set: in the state folder.",
)
MUSIC = env.path(
    "NIGHTDESK_HOLD_MUSIC", None, "WAV file that callers hear while they are held; not set: some soft notes."
)
SPEED = env.integer("NIGHTDESK_SPEECH_SPEED", 150, "Words a minute that the phone line speaks.", least=80, most=260)
LONGEST_TEXT = 3000
"""Characters that are spoken at once; what comes after is left out."""
SPEAK_S = 15.0
LOOP_S = 45
"""Seconds of tone or music in one file, played again and again."""
VOICES: Mapping[str, str] = {"en-us": "en-us", "en": "en-gb"}
"""espeak-ng's voice for a language, where it is not simply the language's own."""


def folder() -> Path:
    """Where the files lie."""
    return PLACE or Path(settings.STATE_DIR) / "speech"


def missing_programs() -> list[str]:
    """What is not installed of the programs that speak."""
    return [name for name in ("espeak-ng", "sox") if shutil.which(name) is None]


class Speech:
    """Makes the files, each once, some at a time."""

    def __init__(self, place: Path | None = None, speed: int = SPEED) -> None:
        self._place, self._speed = place or folder(), speed
        self._making: dict[str, asyncio.Lock] = {}
        self._at_once = asyncio.Semaphore(2)
        self._told = False

    async def is_made(self, words: Words) -> bool:
        """Whether the file of the words lies ready."""
        return await asyncio.to_thread(self.place_of(words).exists)

    def place_of(self, words: Words) -> Path:
        """Where the file of the words lies once it is made."""
        if words.recording:
            return self._place / f"r-{words.recording}.wav"
        said = f"{words.language.lower()}\n{self._speed}\n{words.text[:LONGEST_TEXT]}"
        return self._place / f"t-{hashlib.sha256(said.encode()).hexdigest()}.wav"

    async def file_of(self, words: Words) -> Path:
        """The WAV file of the words. Where nothing can be spoken it holds the tones that stand before an announcement."""
        file = self.place_of(words)
        if await asyncio.to_thread(file.exists):
            return file
        async with self._making.setdefault(file.name, asyncio.Lock()), self._at_once:
            if not await asyncio.to_thread(file.exists):
                content = await self._recording(words.recording) if words.recording else b""
                content = content or await self._spoken(words)
                if not content:
                    return await self.trouble()
                await asyncio.to_thread(_put, file, content)
        self._making.pop(file.name, None)
        return file

    async def ringing(self) -> Path:
        """A ringing tone of `LOOP_S`."""
        return await self._tones("ringing", sound.RINGING, LOOP_S)

    async def music(self) -> Path:
        """What is heard on hold, of `LOOP_S` where it is ours."""
        if MUSIC is None:
            return await self._tones("music", sound.MUSIC, LOOP_S)
        given = await asyncio.to_thread(_read, MUSIC)
        file = self._place / f"music-{hashlib.sha256(given).hexdigest()[:16]}.wav"
        if given and not await asyncio.to_thread(file.exists):
            content = await _run(("sox", "-t", "wav", "-", *_TELEPHONE, "-"), given)
            if not content:
                return await self._tones("music", sound.MUSIC, LOOP_S)
            await asyncio.to_thread(_put, file, content)
        return file if given else await self._tones("music", sound.MUSIC, LOOP_S)

    async def trouble(self) -> Path:
        """Three rising tones, for words that cannot be spoken."""
        return await self._tones("trouble", sound.TROUBLE, 2)

    async def _tones(self, name: str, parts: object, seconds: float) -> Path:
        file = self._place / f"{name}-1.wav"
        if not await asyncio.to_thread(file.exists):
            await asyncio.to_thread(lambda: _put(file, sound.tones(parts, seconds)))  # type: ignore[arg-type]
        return file

    async def _recording(self, digest: str) -> bytes:
        """The operator's recording as the telephone carries it; nothing where it is not there, or is no sound."""
        try:
            content = await asyncio.to_thread(read_file, digest)
        except OSError:
            log.error("The recording %s is not there; its text is spoken instead.", digest[:12])
            return b""
        try:
            await asyncio.to_thread(sound.measure, content)
        except sound.NoSound:
            return await _run(("sox", "-t", "wav", "--ignore-length", "-", *_TELEPHONE, "-"), content)
        return content

    async def _spoken(self, words: Words) -> bytes:
        missing = await asyncio.to_thread(missing_programs)
        if missing:
            if not self._told:
                log.error("Nothing can be spoken on the phone line: %s not installed.", " and ".join(missing))
                self._told = True
            return b""
        text = words.text[:LONGEST_TEXT].encode()
        for voice in dict.fromkeys((_voice(words.language), _voice(words.language.split("-")[0]), "en-gb")):
            raw = await _run(("espeak-ng", "-v", voice, "-s", str(self._speed), "--stdin", "--stdout"), text)
            if raw:
                return await _run(
                    ("sox", "-t", "wav", "--ignore-length", "-", *_TELEPHONE, "-", "gain", "-n", "-3"), raw
                )
        return b""


_TELEPHONE = ("-t", "wav", "-r", str(sound.RATE), "-c", "1", "-b", "16")


def _voice(language: str) -> str:
    tag = language.lower().replace("_", "-")
    return VOICES.get(tag, tag)


async def _run(command: tuple[str, ...], given: bytes) -> bytes:
    """What the program writes when it is given that; nothing where it fails, which is logged."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as trouble:
        log.error("%s cannot be started: %s", command[0], trouble)
        return b""
    try:
        async with asyncio.timeout(SPEAK_S):
            written, complaint = await process.communicate(given)
    except TimeoutError:
        process.kill()
        await process.wait()
        log.error("%s did not end within %g s.", command[0], SPEAK_S)
        return b""
    if process.returncode:
        log.warning("%s: %s", command[0], complaint.decode(errors="replace").strip()[:200])
        return b""
    return written


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as trouble:
        log.error("%s cannot be read: %s", file, trouble)
        return b""


def _put(file: Path, content: bytes) -> None:
    """The file is there whole, for the exchange to read."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    draft = file.with_name(f".{uuid4().hex}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as new:
        new.write(content)
    draft.chmod(0o644)  # whatever the umask: Asterisk runs as somebody else
    draft.replace(file)
