"""A letter opens for whoever has the key, once in its direction, and for nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.standby.sealing import Forged, open_, seal

KEY = "nsb_one"


@given(content=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.none()))
def test_what_is_sealed_opens(content: dict[str, object]) -> None:
    ask = seal(KEY, "ask", content)
    assert open_(KEY, "ask", ask) == content
    assert open_(KEY, "answer", seal(KEY, "answer", content, answers=ask), answers=ask) == content


@given(place=st.integers(0, 40), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(place: int, bit: int) -> None:
    letter = bytearray(seal(KEY, "ask", {"a": 1}))
    letter[place % len(letter)] ^= 1 << bit
    with pytest.raises(Forged):
        open_(KEY, "ask", bytes(letter))


def test_it_opens_with_no_other_key_nor_backwards_nor_as_the_answer_to_another_letter() -> None:
    ask, other = seal(KEY, "ask", {}), seal(KEY, "ask", {})
    answer = seal(KEY, "answer", {}, answers=ask)
    for key, direction, letter, answers in (
        ("nsb_two", "ask", ask, b""),
        (KEY, "answer", ask, b""),
        (KEY, "answer", answer, other),
        (KEY, "answer", b"", ask),
    ):
        with pytest.raises(Forged):
            open_(key, direction, letter, answers=answers)  # type: ignore[arg-type]
