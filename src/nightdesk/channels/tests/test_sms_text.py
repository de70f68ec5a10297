"""What a text costs is what the carrier bills, and no character arrives broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.sms_text import BASIC, EXTENSION, Count, coding_of, count, fit, parts


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("", Count("gsm7", 0, 1, 160)),
        ("a" * 160, Count("gsm7", 160, 1, 0)),
        ("a" * 161, Count("gsm7", 161, 2, 145)),
        ("a" * 306, Count("gsm7", 306, 2, 0)),
        ("a" * 307, Count("gsm7", 307, 3, 152)),
        ("€" * 80, Count("gsm7", 160, 1, 0)),
        ("€" * 81, Count("gsm7", 162, 2, 143)),
        ("ж" * 70, Count("ucs2", 70, 1, 0)),
        ("ж" * 71, Count("ucs2", 71, 2, 63)),
        ("ж" * 134, Count("ucs2", 134, 2, 0)),
        ("😀" * 35, Count("ucs2", 70, 1, 0)),
        ("😀" * 36, Count("ucs2", 72, 2, 61)),
        ("a" * 70 + "’", Count("ucs2", 71, 2, 63)),
    ],
)
def test_parts_are_counted_as_the_carrier_bills_them(text, counted):
    assert count(text) == counted


def test_the_gsm_alphabet_is_whole():
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION
    assert coding_of("Größe: 5 € [ok] é à Ñ") == "gsm7"
    assert {sign: coding_of(sign) for sign in "çá`–“\t"} == dict.fromkeys("çá`–“\t", "ucs2")


def test_neither_an_escape_pair_nor_a_surrogate_pair_is_split():
    assert [len(part) for part in parts("a" * 152 + "€" * 10)] == [152, 10]
    assert [len(part) for part in parts("ж" * 66 + "😀" * 4)] == [66, 4]


def test_half_of_a_pair_is_replaced_rather_than_refused():
    assert parts("a\ud83d") == ("a\ufffd",)
    assert parts("\ud83d\ude00") == ("😀",)


signs = st.one_of(st.sampled_from("a€\n ж😀"), st.characters(exclude_categories=("Cs",)))


@given(st.text(signs, max_size=400))
def test_the_parts_are_the_text_and_each_fits(text):
    cut = parts(text)
    assert "".join(cut) == text
    assert count(text).parts == len(cut)
    assert count(text).left >= 0
    gsm = all(sign in BASIC | EXTENSION for sign in text)
    for part in cut:
        units = len(part) + sum(sign in EXTENSION for sign in part) if gsm else len(part.encode("utf-16-le")) // 2
        assert units <= ((160 if gsm else 70) if len(cut) == 1 else (153 if gsm else 67))
    assert len(cut) == 1 or all(cut)


@given(st.text(st.one_of(st.sampled_from("aaaa€  ж😀"), st.characters()), max_size=500), st.integers(1, 3))
def test_a_shortened_text_fits_and_begins_like_the_whole(text, most):
    short = fit(text, most)
    assert count(short).parts <= most
    assert count(text).parts > most or short == "".join(parts(text))
    if count(text).parts > most:
        whole = "".join(parts(text))
        kept = short.removesuffix("…").removesuffix("...")
        assert short != kept
        assert whole.startswith(kept)
        assert fit(short, most) == short


def test_a_text_is_shortened_at_a_word_and_uses_its_room():
    assert fit("disk " * 40) == ("disk " * 31).rstrip() + "..."
    assert fit("x" * 200) == "x" * 157 + "..."
    assert fit("ж" * 90) == "ж" * 69 + "…"
    assert fit("a" * 150 + "b" * 50) == "a" * 150 + "b" * 7 + "..."
    assert fit("router " + "x" * 300).startswith("router xxx")


def test_a_costly_character_that_is_cut_away_makes_the_rest_cheap():
    assert fit("a" * 155 + " " + "b" * 50 + "ж") == "a" * 155 + "..."


def test_a_text_of_no_parts_is_refused():
    with pytest.raises(ValueError, match="at least one part"):
        fit("x", 0)
