"""What the telephone reads out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.spoken import LONGEST, spoken, what_it_says, which_keys
from nightdesk.lines.leg import voice_language


def test_a_page_is_read_as_somebody_half_asleep_understands_it() -> None:
    said = what_it_says("P1 Core router at Mill Lane does not answer", "123", is_page=True)
    assert said == "Page 1 2 3 from Nightdesk. P1. Core router at Mill Lane does not answer."
    keys = which_keys({"acknowledge", "escalate", "morning", "note"}, is_page=True)
    assert keys == "Press 1 to take it, 2 to pass it on, 3 to leave it till morning."


def test_a_key_that_the_message_does_not_offer_is_not_named() -> None:
    assert which_keys({"acknowledge", "escalate"}, is_page=True) == "Press 1 to take it, 2 to pass it on."
    assert which_keys({"acknowledge"}, is_page=False) == "Press 1 to confirm."
    assert which_keys((), is_page=False) == "Press 1 to confirm that you heard it."


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("circuit LON-1187 is down", "circuit LON 1 1 8 7 is down."),
        ("10.20.0.1 does not answer", "1 0 dot 2 0 dot 0 dot 1 does not answer."),
        ("disk 97% full on db_main/3", "disk 97% full on db main 3."),
        ("look at https://x.example/a/b?c=1 now", "look at now."),
        ("<b>down</b> & out", "b down b & out."),
        ("Al took it at 04:12.", "Al took it at 04:12."),
        ("{link}", ""),
        ("", ""),
    ],
)
def test_words_that_a_voice_trips_over_are_made_easy(written: str, read: str) -> None:
    assert spoken(written) == read


@given(st.text(max_size=400))
def test_what_is_spoken_is_short_one_line_and_without_links(text: str) -> None:
    said = spoken(text)
    assert len(said) <= 3 * LONGEST
    assert "\n" not in said
    assert not re.search(r"[<>{}#/\\]", said)


def test_a_long_message_ends_at_a_word() -> None:
    said = spoken("router " * 100)
    assert len(said) <= LONGEST + 1
    assert said.endswith("router.")


def test_what_is_to_be_heard_whole_is() -> None:
    assert spoken("router " * 100, whole=True).split() == ["router"] * 99 + ["router."]


@pytest.mark.parametrize(
    ("code", "voice"), [("en-gb", "en-GB"), ("en", "en-GB"), ("de", "de-DE"), ("fr", "fr-FR"), ("pt-br", "pt-BR")]
)
def test_a_language_code_is_a_voices(code: str, voice: str) -> None:
    assert voice_language(code) == voice
