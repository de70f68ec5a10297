"""A sealed stream gives back what was written, or nothing: a changed bit, a cut and another order are all noticed."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import sealed_stream
from nightdesk.base.sealed_stream import Broken, Opener, Sealer

KEY = b"a key for tests"
HEAD, TAG, SMALL = 49, 16, 64


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """So that a few hundred bytes are several pieces."""
    monkeypatch.setattr(sealed_stream, "PIECE", SMALL)


def sealed(*parts: bytes) -> bytes:
    into = io.BytesIO()
    stream = Sealer(into, KEY)
    for part in parts:
        stream.write(part)
    stream.finish()
    return into.getvalue()


def opened(content: bytes, key: bytes = KEY) -> bytes:
    return io.BufferedReader(Opener(io.BytesIO(content), key)).read()


@given(st.lists(st.binary(max_size=3 * SMALL), max_size=5))
def test_what_was_written_comes_back(parts):
    assert opened(sealed(*parts)) == b"".join(parts)


@given(st.integers(0, 4 * SMALL), st.data())
def test_a_flipped_bit_is_noticed_wherever_it_is(size, data):
    good = bytearray(sealed(b"x" * size))
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Broken):
        opened(bytes(good))


@given(st.integers(0, 4 * SMALL), st.data())
def test_a_cut_is_noticed_wherever_it_is(size, data):
    good = sealed(b"x" * size)
    with pytest.raises(Broken):
        opened(good[: data.draw(st.integers(0, len(good) - 1))])


@given(st.permutations(range(5)), st.integers(0, 5))
def test_pieces_in_another_order_or_fewer_do_not_open(order, count):
    good = sealed(bytes(range(256)) + bytes(64))  # five whole pieces
    pieces = [good[HEAD + (SMALL + TAG) * n : HEAD + (SMALL + TAG) * (n + 1)] for n in range(5)]
    mixed = [pieces[n] for n in order][:count]
    if mixed == pieces:
        return
    with pytest.raises(Broken):
        opened(good[:HEAD] + b"".join(mixed))


def test_a_piece_of_another_stream_does_not_open():
    one, other = sealed(b"x" * 3 * SMALL), sealed(b"x" * 3 * SMALL)
    with pytest.raises(Broken):
        opened(one[: HEAD + SMALL + TAG] + other[HEAD + SMALL + TAG :])


def test_something_more_at_the_end_is_noticed():
    with pytest.raises(Broken):
        opened(sealed(b"x" * 100) + b"more")


def test_another_key_opens_nothing():
    with pytest.raises(Broken):
        opened(sealed(b"secret"), b"another key")
