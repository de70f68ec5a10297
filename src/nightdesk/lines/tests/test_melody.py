"""The sign that only one check of a divert knows: found again in what was heard, and in nothing else."""

import random
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.lines import melody, sound

SIGN, OTHER = "abacadaeafbcbdbe", "abacadaeafbcbdbf"


def heard(wav: bytes, before_s: float, loudness: float, noise: float, seed: int = 1) -> bytes:
    """The sound as it comes through a network: later, louder or fainter, among noise, by an exchange with another clock."""
    chance = np.random.default_rng(seed)
    samples = np.concatenate([np.zeros(round(before_s * sound.RATE)), np.array(sound.samples_of(wav), dtype=float)])
    places = np.arange(0, len(samples) - 1, 1.0002)
    skewed = np.interp(places, np.arange(len(samples)), samples) * loudness
    return sound.as_wav(np.clip(skewed + chance.normal(0, noise, len(skewed)), -32000, 32000).astype(int).tolist())


@given(st.floats(0, 2), st.floats(0.1, 3), st.floats(0, 100))
@settings(max_examples=15, deadline=None)
def test_the_sign_is_found_however_it_came(before_s: float, loudness: float, noise: float) -> None:
    came = heard(melody.play(SIGN), before_s, loudness, noise * min(loudness, 1))
    assert melody.is_heard(SIGN, came)
    assert not melody.is_heard(OTHER, came)


def test_the_sign_is_found_behind_a_greeting_and_by_a_mobile_network() -> None:
    chance = np.random.default_rng(3)
    greeting = chance.normal(0, 3000, 5 * sound.RATE).astype(int).tolist()
    whole = sound.as_wav([*greeting, *sound.samples_of(melody.play(SIGN))])
    assert melody.is_heard(SIGN, whole)
    coarse = [round(value / 512) * 512 for value in sound.samples_of(whole)]  # as few bits as the worst codec leaves
    assert melody.is_heard(SIGN, sound.as_wav(coarse))


@pytest.mark.parametrize("what", ["silence", "ringing", "music", "another sign", "a voice"])
def test_nothing_else_is_taken_for_the_sign(what: str) -> None:
    chance = random.Random(5)
    other = {
        "silence": sound.as_wav([0] * sound.RATE),
        "ringing": sound.tones(sound.RINGING, 10),
        "music": sound.tones(sound.MUSIC, 10),
        "another sign": melody.play(OTHER),
        "a voice": sound.as_wav(array("h", (chance.randrange(-9000, 9000) for _ in range(sound.RATE * 5)))),
    }[what]
    assert not melody.is_heard(SIGN, other)


def test_what_is_no_sign_is_not_played() -> None:
    assert melody.is_sign(SIGN)
    assert not any(map(melody.is_sign, ("", "abc", SIGN.upper(), "aacadaeafbcbdbea")))
