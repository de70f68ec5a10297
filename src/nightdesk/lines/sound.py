"""Sound as the telephone carries it: WAV, 8,000 samples a second, 16 bits, one channel; and tones, made without any program."""

import io
import math
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

RATE = 8000
QUIET = 200
"""Mean amplitude, of 32,767, up to which a moment counts as silent: what a line hums, and nobody's voice."""
MOMENT = RATE // 50


class NoSound(ValueError):
    """That is no WAV file of the telephone's kind."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long something is, in seconds, and how much of it is not silence."""

    seconds: float
    sound_s: float


def measure(content: bytes) -> Length:
    """How long a WAV is. Raises NoSound."""
    samples = samples_of(content)
    loud = 0
    for begin in range(0, len(samples), MOMENT):
        moment = samples[begin : begin + MOMENT]
        if sum(map(abs, moment)) > QUIET * len(moment):
            loud += len(moment)
    return Length(len(samples) / RATE, loud / RATE)


def samples_of(content: bytes) -> "array[int]":
    """The WAV's samples. Raises NoSound."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
                raise NoSound("It is not of 8,000 samples a second, 16 bits, one channel.")
            samples = array("h")
            frames = file.readframes(file.getnframes())
            samples.frombytes(frames[: len(frames) // 2 * 2])
    except (wave.Error, EOFError) as broken:
        raise NoSound(str(broken) or "It ends too soon.") from None
    return samples


def mended(content: bytes) -> bytes:
    """The WAV, with its true length in its head: whoever recorded it may have been killed before that was written."""
    said = int.from_bytes(content[40:44], "little")
    if content[:4] != b"RIFF" or content[36:40] != b"data" or said or len(content) <= 44:
        return content
    length = len(content) - 44
    return (
        content[:4] + (length + 36).to_bytes(4, "little") + content[8:40] + length.to_bytes(4, "little") + content[44:]
    )


def as_wav(samples: Sequence[int]) -> bytes:
    """The samples as a WAV file."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(array("h", samples).tobytes())
    return made.getvalue()


def joined(pieces: Sequence[bytes]) -> bytes:
    """The WAVs as one, in their order. Raises NoSound."""
    samples = array("h")
    for piece in pieces:
        samples += samples_of(piece)
    return as_wav(samples)


def tones(parts: Sequence[tuple[Sequence[int], float]], seconds: float) -> bytes:
    """A WAV of so many seconds in which the parts follow each other again and again: (frequencies in Hz, seconds) each."""
    once: list[int] = []
    for frequencies, length_s in parts:
        count = round(length_s * RATE)
        for number in range(count):
            edge = min(1.0, number / 80, (count - number) / 80)  # 10 ms, or it clicks
            value = sum(math.sin(2 * math.pi * frequency * number / RATE) for frequency in frequencies)
            once.append(round(5000 * edge * value / max(1, len(frequencies))))
    wanted = round(seconds * RATE)
    return as_wav((once * (wanted // len(once) + 1))[:wanted])


RINGING = (((400, 450), 0.4), ((), 0.2), ((400, 450), 0.4), ((), 2.0))
"""The ringing tone of the United Kingdom, which nobody mistakes elsewhere (ITU-T E.180)."""
MUSIC = (((392,), 0.5), ((494,), 0.5), ((587,), 0.5), ((494,), 0.5), ((440,), 0.5), ((523,), 0.5), ((), 3.0))
"""Some soft notes: enough to know that the line is alive. An operator's own takes their place (NIGHTDESK_HOLD_MUSIC)."""
TROUBLE = (((950,), 0.33), ((1400,), 0.33), ((1800,), 0.33), ((), 1.0))
"""The tones before a network's announcement (ITU-T E.180), where words cannot be spoken."""
