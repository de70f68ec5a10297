"""A sign that can be heard: some notes at random, played at the end of a greeting, and found again in what was heard of it.

Notes, and not the tones of keys, which exchanges swallow and make anew; their pitch alone is looked at, which neither a mobile
network's codec nor another loudness changes. Pure.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from nightdesk.lines import sound

PITCHES_HZ = (440, 554, 698, 880, 1109, 1397)
"""Each a third above the one before, within what every telephone carries; none is a multiple of the one before."""
LENGTH = 16
"""Notes of a sign: there are 6 * 5 to the 15th of them, since none comes twice in a row."""
NOTE_S, GAP_S, BEFORE_S = 0.2, 0.05, 1.0
LETTERS = "abcdef"
_STEP = sound.RATE // 50
_LOUDER = 4.0
"""How much of the sound a note must be, against all else that there is at that moment."""


def is_sign(notes: str) -> bool:
    """Whether these are notes as `play` plays them."""
    return (
        len(notes) == LENGTH
        and set(notes) <= set(LETTERS)
        and all(before != after for before, after in pairwise(notes))
    )


def play(notes: str) -> bytes:
    """The notes as a WAV, with a moment of silence before and after."""
    parts: list[tuple[Sequence[int], float]] = [((), BEFORE_S)]
    for note in notes:
        parts += [((PITCHES_HZ[LETTERS.index(note)],), NOTE_S), ((), GAP_S)]
    parts.append(((), BEFORE_S))
    return sound.tones(parts, sum(length for _pitches, length in parts))


def is_heard(notes: str, wav: bytes) -> bool:
    """Whether the notes come in the WAV, one after the other. Raises sound.NoSound."""
    samples = sound.samples_of(wav)
    heard = [_pitch(samples[begin : begin + _STEP]) for begin in range(0, len(samples) - _STEP + 1, _STEP)]
    return notes in _sung(heard)


def _sung(heard: Sequence[str]) -> str:
    """The notes that lasted for a while, each once."""
    least = round(NOTE_S * sound.RATE / _STEP / 2)
    sung, at = "", 0
    while at < len(heard):
        until = at
        while until < len(heard) and heard[until] == heard[at]:
            until += 1
        if heard[at] and until - at >= least:
            sung += heard[at]
        at = until
    return sung


def _pitch(moment: Sequence[int]) -> str:
    """The note that the moment is made of; "" for silence, and for anything else."""
    energy = sum(value * value for value in moment) / len(moment)
    if energy < 50 * 50:
        return ""
    powers = [_power(moment, pitch) for pitch in PITCHES_HZ]
    loudest = max(range(len(powers)), key=powers.__getitem__)
    rest = max(energy - powers[loudest], 1.0)
    return LETTERS[loudest] if powers[loudest] > rest * _LOUDER else ""


def _power(moment: Sequence[int], pitch_hz: float) -> float:
    """How much energy the moment has at the pitch (Goertzel), so that a pure note has all of it."""
    turn = 2 * math.cos(2 * math.pi * pitch_hz / sound.RATE)
    before = last = 0.0
    for value in moment:
        before, last = last, value + turn * last - before
    square = before * before + last * last - turn * before * last
    return 2 * square / (len(moment) * len(moment))
