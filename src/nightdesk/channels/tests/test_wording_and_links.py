"""What a text says when there is little room, and what a link can be trusted for."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.refusals import NotFound
from nightdesk.channels import links, sms_text, wording
from nightdesk.channels.answering import offered
from nightdesk.channels.driver import Said

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
LINK = "https://pager.example/a/" + "x" * 38


def said(title: str, body: str = "", code: str = "12", verbs: tuple[str, ...] = ("acknowledge",)) -> Said:
    return Said(UUID(int=1), AT, "page.rung", "page", "1", title, body, code, verbs)


@given(st.text(max_size=600), st.text(max_size=600), st.integers(2, 4))
def test_however_long_the_words_the_way_to_answer_is_whole(title: str, body: str, parts: int) -> None:
    text = wording.text_of(said(title, body.replace(wording.LINK, "")), LINK, parts)
    assert text.endswith(f"Reply 12 to take it.\n{LINK}")
    assert sms_text.count(text).parts <= parts


def test_a_body_with_a_place_for_the_link_is_the_whole_text() -> None:
    text = wording.text_of(said("P1 db down", "P1 db down. Reply ok 12, or open {link}"), LINK, 2)
    assert text == f"P1 db down. Reply ok 12, or open {LINK}"


def test_a_text_without_answers_holds_nothing_but_its_words() -> None:
    assert wording.text_of(said("You are off duty", "Sleep well.", "", ()), "", 3) == "You are off duty\nSleep well."


@given(st.uuids(), st.dates(date(2020, 1, 1), date(2200, 1, 1)))
def test_a_link_gives_back_what_it_was_made_of(delivery: UUID, day: date) -> None:
    month = day.replace(day=1)
    assert links.read_link(links.make_token(delivery, month)) == (delivery, month)


@given(st.integers(0, 37), st.sampled_from("abcXYZ019-_"))
def test_a_changed_link_is_none_of_ours(place: int, sign: str) -> None:
    token = links.make_token(UUID(int=77), date(2026, 11, 1))
    changed = token[:place] + sign + token[place + 1 :]
    if links.base64.urlsafe_b64decode(changed + "==") != links.base64.urlsafe_b64decode(token + "=="):
        with pytest.raises(NotFound):
            links.read_link(changed)


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 38, "%00", "a b"])
def test_rubbish_is_no_link(token: str) -> None:
    with pytest.raises(NotFound):
        links.read_link(token)


def test_a_link_of_another_installation_is_none_of_ours(settings: object) -> None:
    token = links.make_token(uuid4(), date(2026, 11, 1))
    settings.SECRET_KEY = "somebody else's"  # type: ignore[attr-defined]
    with pytest.raises(NotFound):
        links.read_link(token)


def test_a_word_and_the_verb_it_means_offer_the_same() -> None:
    entry = ["page.acknowledge", "page", "7"]
    expected = {"acknowledge": ("page.acknowledge", "7")}
    assert offered({"ok": entry}) == offered({"acknowledge": entry}) == expected
    assert offered({"xyzzy": entry}) == {}
