"""What a network says of a two-way page (RFC 1861, 4.6): tags, how it stands, what was pressed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.answers import parse_answer
from nightdesk.channels.snpp_reply import CHOICES, Status, is_tag, offered_choices, read_status, tag_of


@pytest.mark.parametrize(
    ("code", "text", "state", "reply"),
    [
        (960, "0001 950925143501+6 OK, Queued for delivery", "queued", ""),
        (860, "0002 950925143501+6 Delivered, Awaiting Read Confirmation", "delivered", ""),
        (861, "0002 950925143501+6 Delivered, Awaiting Reply", "delivered", ""),
        (880, "0003 950925143501+6 Message Delivered", "delivered", ""),
        (870, "0004 950925143501 Delivered, Read, Awaiting Reply", "read", ""),
        (881, "0005 950925143501+0000 Delivered and Read", "read", ""),
        (888, "0006 950925143501+6 01", "replied", "OK"),
        (888, "A7 950925143501+6 2 MCR Reply Received", "replied", "NEXT"),
        (888, "0006 950925143501+6 done", "replied", "DONE"),
        (888, "05", "replied", "DONE"),
        (888, "0006 950925143501+6 44", "replied", "44"),
        (889, "0006 950925143501+6 on my way, 10 min", "replied", "on my way, 10 min"),
        (889, "12 ok", "replied", "12 ok"),
        (780, "0006 950925143501+6 Message Expired Before Delivery", "expired", ""),
        (750, "Unit not online", "expired", ""),
        (550, "Unknown or Illegal Message_Tag or Pass_Code", "unknown", ""),
    ],
)
def test_how_a_page_stands(code: int, text: str, state: str, reply: str) -> None:
    status = read_status(code, text)
    assert (status.state, status.reply) == (state, reply)


@given(st.integers(0, 999), st.text())
def test_nothing_that_a_network_says_is_too_strange(code: int, text: str) -> None:
    assert isinstance(read_status(code, text), Status)


@pytest.mark.parametrize("verb", CHOICES)
def test_what_is_pressed_is_a_word_that_means_the_verb(verb: str) -> None:
    code, words = CHOICES[verb]
    assert len(code) == 2
    assert 1 <= len(words) <= 15
    answer = parse_answer(read_status(888, f"1 950925143501+6 {code}").reply)
    assert answer is not None
    assert answer.verb == verb


def test_choices_are_those_of_the_message() -> None:
    assert offered_choices(("status", "acknowledge", "note")) == [("01", "OK I take it"), ("06", "STATUS")]
    assert len({code for code, _ in CHOICES.values()}) == len(CHOICES)


def test_a_tag_is_told_from_other_ids() -> None:
    assert tag_of("1234 5678 OK, Message QUEUED for Delivery") == "1234 5678"
    assert is_tag("1234 5678")
    assert tag_of("Sent") == ""
    assert not is_tag("00000000-0000-0000-0000-000000000001")
