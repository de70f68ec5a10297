"""What a pager can show: seven bits, so many characters, and the end of it whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.pager_text import fitted, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich → Genève: 40°", "Zurich -> Geneve: 40 deg"),
        ("£5 – “now”…", 'GBP 5 - "now"...'),
        ("Straße\r\n\r\n  zwei\tdrei ", "Strasse\nzwei drei"),
        ("日本 down", "?? down"),
        ("a\x00b\x1bc", "a b c"),
        ("", ""),
    ],
)
def test_signs_that_a_pager_lacks_are_spelled(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_everything_becomes_lines_of_printable_ascii_and_stays_so(text: str) -> None:
    shown = plain(text)
    assert all(sign == "\n" or " " <= sign <= "~" for sign in shown)
    assert all(line and line == line.strip() for line in shown.split("\n")) or shown == ""
    assert plain(shown) == shown


@given(st.text("ab \n", max_size=40), st.text("xy", max_size=12), st.integers(0, 60))
def test_a_text_is_never_too_long_and_keeps_its_foot_where_there_is_room(head: str, foot: str, length: int) -> None:
    text = fitted(head, foot, length)
    assert len(text) <= length
    if len(head) + len(foot) + 1 <= length:
        assert text == "\n".join(part for part in (head, foot) if part)
    elif length >= len(foot) + 5:
        assert text.endswith(foot)
        assert head.startswith(text.removesuffix(foot).removesuffix("\n").removesuffix("...")) or not head
