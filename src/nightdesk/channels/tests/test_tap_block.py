"""TAP's blocks: the published vector, and that a terminal written apart from us puts every page together again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.tap_block import Answer, blocks, checksum, escaped, read_answer
from tests.peers.tap_terminal import checksum_of, read_blocks

ASCII = st.text(st.characters(max_codepoint=127))
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126))


def test_the_published_vector() -> None:
    assert checksum("\x02123\rABC\r\x03") == "17;"
    assert blocks(["123", "ABC"]) == ["\x02123\rABC\r\x0317;\r"]
    assert checksum_of(b"\x02123\rABC\r\x03") == b"17;"


@given(ASCII)
def test_two_ways_to_the_checksum_agree(block: str) -> None:
    assert checksum(block).encode() == checksum_of(block.encode())


@given(st.lists(st.text(st.characters(max_codepoint=126)), min_size=1, max_size=4), st.integers(3, 250))
def test_a_terminal_puts_together_what_was_cut(fields: list[str], room: int) -> None:
    cut = blocks([escaped(field) for field in fields], room)
    assert read_blocks([block.encode() for block in cut]) == fields
    assert all(len(block) <= room + 6 for block in cut)


def test_a_long_page_splits_inside_its_text_and_a_full_block_after_it() -> None:
    ends = [block[-5] for block in blocks(["5551212", "x" * 300])]
    assert ends == ["\x1f", "\x03"]
    ends = [block[-5] for block in blocks(["5551212", "x" * 241, "y"])]
    assert ends == ["\x17", "\x03"]


def test_a_block_needs_room() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        blocks(["1"], 2)


@pytest.mark.parametrize(
    ("heard", "answer", "rest"),
    [
        ("\r\nID=", Answer("id"), ""),
        ("110 1.8\r\x06\r\x1b[p\r", Answer("ack", ("110 1.8",)), "\r\x1b[p\r"),
        ("\r\x1b[p\r", Answer("go"), "\r"),
        ("514 Checksum\r\x15\r", Answer("nak", ("514 Checksum",)), "\r"),
        ("511 No such subscriber\n512 x\r\x1e\r", Answer("rs", ("511 No such subscriber", "512 x")), "\r"),
        ("\r\x1b\x04\r", Answer("drop"), "\r"),
        ("211 Page acc", None, "211 Page acc"),
        ("\x1b", None, "\x1b"),
    ],
)
def test_an_answer_is_read_when_it_is_whole(heard: str, answer: Answer | None, rest: str) -> None:
    assert read_answer(heard) == (answer, rest)


@given(
    st.lists(PLAIN.filter(lambda text: "ID=" not in text)),
    st.sampled_from(["\x06", "\x15", "\x1e", "\x1b\x04", "\x1b[p"]),
    ASCII,
)
def test_however_it_comes_in_pieces_the_answer_is_the_same(lines: list[str], sign: str, behind: str) -> None:
    whole = "\r".join([*lines, sign]) + behind
    for cut in range(len(whole) - len(behind)):
        assert read_answer(whole[:cut])[0] is None
    answer, rest = read_answer(whole)
    assert answer is not None
    assert rest == behind
    assert answer.lines == tuple(line.strip() for line in lines if line.strip())


def test_codes_are_the_numbers_that_begin_a_line() -> None:
    assert Answer("rs", ("511 No such subscriber", "call 512", "5120 x", "099 x", "213")).codes == (511, 213)
