"""Any audio as telephones carry it: WAV, 8,000 samples a second, 16 bits, one channel. By sox, in a process of its own."""

import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

RATE = 8000
MOST_BYTES = 8 * 1024 * 1024
"""Of what is given: a minute and a half of a recording as studios make them."""
LONGEST_S = 120
TIMEOUT_S = 20


class NotAudio(Exception):
    """What was given cannot be made into such a WAV; the text says why, for whoever gave it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """`wav` is the whole file."""

    wav: bytes
    seconds: float


def as_telephone_sound(content: bytes, *, longest_s: int = LONGEST_S) -> Sound:
    """The audio as telephones carry it, a little below full level. Raises NotAudio: unreadable, empty, too large, too long."""
    if len(content) > MOST_BYTES:
        raise NotAudio(f"It has more than {MOST_BYTES // 1024 // 1024} MB.")
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given"), Path(folder, "made.wav")
        given.write_bytes(content)
        # Named without an ending, sox goes by what the file says of itself: never a playlist, nor a device.
        order = ["sox", "-V1", "given", "-r", str(RATE), "-c", "1", "-b", "16", "-e", "signed-integer", "made.wav"]
        order += ["trim", "0", str(longest_s + 1), "gain", "-n", "-3"]
        try:
            subprocess.run(order, cwd=folder, check=True, capture_output=True, timeout=TIMEOUT_S)  # noqa: S603
            wav = made.read_bytes()
        except FileNotFoundError as missing:
            raise NotAudio("The program sox is not installed on the server.") from missing
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as unread:
            raise NotAudio("It is no audio that can be read here; WAV, FLAC and Ogg can.") from unread
        with wave.open(str(made)) as read:
            seconds = read.getnframes() / RATE
    if seconds < 0.2:
        raise NotAudio("There is nothing to be heard in it.")
    if seconds > longest_s:
        raise NotAudio(f"It is longer than {longest_s} seconds.")
    return Sound(wav, seconds)
