"""The door behind List-Unsubscribe: a click ends it, a look never does, and nobody can make a click up."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.core.cache import cache
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.channels.answering import UNSUBSCRIBE, Unsubscriber
from nightdesk.channels.links import make_unsubscribe_link, read_unsubscribe
from nightdesk.console.views import unsubscribe as door

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended() -> Iterator[list[tuple[str, str, Door]]]:
    """A kind of thing whose ends are noted."""
    seen: list[tuple[str, str, Door]] = []

    def end(thing_id: str, by: Actor, via: Door, at: datetime) -> str:
        assert at.tzinfo is not None
        seen.append((thing_id, by.kind, via))
        return "Al gets no more of these. Notices that your contract promises still come."

    cache.clear()
    UNSUBSCRIBE["list"] = Unsubscriber(lambda thing_id: f"Outages of Quayside, reader {thing_id}.", end)
    yield seen
    del UNSUBSCRIBE["list"]


def url(thing: str = "list:7") -> str:
    return "/u/" + make_unsubscribe_link(thing).rpartition("/u/")[2]


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_it_never_unsubscribes(ended, method):
    answer = getattr(Client(), method)(url())
    assert answer.status_code == 200
    assert ended == []
    assert not answer.cookies
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Robots-Tag"] == "noindex, nofollow"


def test_the_page_says_what_would_end_and_has_one_button(ended):
    page = Client().get(url()).content.decode()
    assert "Outages of Quayside, reader 7." in page
    assert page.count("<button") == 1
    assert 'method="post"' in page


def test_a_mail_programs_one_click_ends_it_without_a_session(ended):
    mail_program = Client(enforce_csrf_checks=True)
    answer = mail_program.post(url(), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert b"no more of these" in answer.content
    assert ended == [("7", "caller", Door.LINK)]
    assert not answer.cookies


def test_the_button_ends_it_and_says_what_goes_on(ended):
    page = Client(enforce_csrf_checks=True).post(url()).content.decode()
    assert "your contract promises still come" in page
    assert "<button" not in page
    assert len(ended) == 1


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_nothing_else_is_understood(ended, method):
    assert getattr(Client(), method)(url()).status_code == 405
    assert ended == []


def test_a_token_that_was_changed_ends_nothing(ended):
    token = url()
    for changed in (
        token[:-1],
        token + "A",
        token.replace("/u/", "/u/A"),
        "/u/x",
        "/u/é",
        url("list:8")[:10] + token[10:],
    ):
        assert Client().post(changed).status_code == 404, changed
    assert ended == []


def test_what_no_room_knows_any_more_is_refused_in_words(ended):
    answer = Client().post(url("gone:7"))
    assert answer.status_code == 404
    assert "does not exist any more" in answer.content.decode()


def test_nobody_tries_tokens_at_leisure(ended):
    statuses = [Client().get("/u/guess").status_code for _ in range(door.TRIES_A_MINUTE + 1)]
    assert statuses[:-1] == [404] * door.TRIES_A_MINUTE
    last = Client().post(url())
    assert (statuses[-1], last.status_code, last["Retry-After"]) == (429, 429, "60")
    assert ended == []


@given(kind=st.from_regex(r"\A[a-z_]{1,12}\Z"), thing=st.text(st.characters(exclude_categories=("Cs",)), max_size=60))
def test_the_token_says_which_thing_it_is_about(kind, thing):
    token = make_unsubscribe_link(f"{kind}:{thing}").rpartition("/")[2]
    assert read_unsubscribe(token) == (kind, thing)
    with pytest.raises(NotFound):
        read_unsubscribe(token[:-2])
