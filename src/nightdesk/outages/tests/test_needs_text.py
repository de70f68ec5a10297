"""What something needs, as people write it and as it is written back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.outages.needs_text import Unreadable, Wanted, key_from, key_of, read_needs, together, write_needs

keys = st.from_regex(r"[a-z0-9][a-z0-9._:/+-]{0,6}", fullmatch=True).filter(lambda key: key not in ("none", "of"))


@st.composite
def wanted(draw: st.DrawFn) -> Wanted:
    some = tuple(draw(st.lists(keys, min_size=1, max_size=5, unique=True)))
    at_least = draw(st.none() | st.integers(1, len(some)))
    return Wanted(some, None if at_least == len(some) else at_least)


@given(st.lists(wanted(), max_size=6))
def test_what_is_written_is_read_as_the_same(needs: list[Wanted]) -> None:
    said = together(needs)
    assert read_needs(write_needs(said)) == said
    assert read_needs(write_needs(said, "\n")) == said
    assert together(said) == said


@given(st.text(alphabet="ab12 of;,\n|()any2ll-_none", max_size=40))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        needs = read_needs(text)
    except Unreadable as refused:
        told = (refused.what, refused.so, refused.do)
    else:
        told = ("read", "as the same", str(read_needs(write_needs(needs)) == needs or ""))
    assert all(told)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", ()),
        ("None", ()),
        ("SW2", (Wanted(("sw2",)),)),
        ("sw2, sw1", (Wanted(("sw1", "sw2")),)),
        ("sw2; sw1", (Wanted(("sw1", "sw2")),)),
        ("any of up1|up2", (Wanted(("up1", "up2"), 1),)),
        ("2 of mx1 mx2 mx3\nsw1", (Wanted(("sw1",)), Wanted(("mx1", "mx2", "mx3"), 2))),
        ("all of (a b)", (Wanted(("a", "b")),)),
        ("2 of a b", (Wanted(("a", "b")),)),
        ("any of a a", (Wanted(("a",)),)),
    ],
)
def test_it_is_read_as_people_mean_it(text: str, meant: tuple[Wanted, ...]) -> None:
    assert read_needs(text) == meant


@pytest.mark.parametrize("text", ["3 of a b", "0 of a b", "any of", "-a", "a!b", "any of ;", "x" * 121, "none; a none"])
def test_what_says_no_need_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_needs(text)


def test_a_key_is_made_of_any_name() -> None:
    assert key_from("Dock Street, cage 2") == "dock-street-cage-2"
    assert key_of(key_from("Ärger (neu)")) == "rger-neu"
    assert key_from("!!") == ""
