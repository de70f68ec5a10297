"""The record as a feed: valid Atom, for one reader, with that reader's rights."""

from datetime import UTC, datetime
from xml.etree import ElementTree

import feedparser
import pytest
from django.http import Http404
from django.test import RequestFactory

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Forbidden
from nightdesk.journal import actions, api
from nightdesk.journal.kinds import KINDS, Kind

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_kind(monkeypatch):
    monkeypatch.setitem(KINDS, "test.taken", Kind("test.taken", 1, "{by} took {title}"))
    monkeypatch.setitem(api.RIGHTS, "user", lambda reader_id: {"all": None, "four": {4}, "none": set()}[reader_id])


def record(title="core1", *, by="Bo", **given):
    actor = Actor("person", "7", by)
    return actions.record(
        "test.taken", subject=("page", 1), by=actor, via=Door.SMS, at=AT, facts={"title": title}, **given
    )


def ask(reader="all", *, token=None, method="get", **headers):
    path = api.feed_path("user", reader)
    token = token or path.removeprefix("/feeds/journal/").removesuffix(".atom")
    return api.atom(getattr(RequestFactory(), method)(path, **headers), token)


def test_it_is_what_feed_readers_understand():
    record("first")
    newest = record("<core1> & “edge”")
    answer = ask()
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = feedparser.parse(answer.content)
    assert not feed.bozo
    assert feed.version == "atom10"
    assert [entry.title for entry in feed.entries] == ["Bo took <core1> & “edge”", "Bo took first"]
    entry = feed.entries[0]
    assert entry.id == f"urn:uuid:{newest}"
    assert (entry.updated, entry.author, entry.tags[0].term) == ("2026-11-22T03:00:00.000Z", "Bo", "test.taken")
    assert feed.feed.updated == entry.updated


def test_every_feed_and_entry_has_what_rfc_4287_demands():
    record()
    root = ElementTree.fromstring(ask().content)
    atom = "{http://www.w3.org/2005/Atom}"
    for element in [root, *root.findall(f"{atom}entry")]:
        for demanded in ("id", "title", "updated", "author"):
            assert len(element.findall(f"{atom}{demanded}")) == 1, demanded
    assert [link.get("rel") for link in root.findall(f"{atom}link")] == ["self", "alternate"]


def test_characters_that_no_xml_may_hold_do_not_break_it():
    record("\x1b[31m core1 \ufffe", by="Bo\x08")
    assert not feedparser.parse(ask().content).bozo


def test_what_a_person_wrote_does_not_leave_the_house():
    record(text="Ann is ill")
    assert b"Ann is ill" not in ask().content


def test_an_empty_journal_is_a_valid_feed():
    feed = feedparser.parse(ask("none").content)
    assert not feed.bozo
    assert feed.entries == []


def test_a_reader_sees_only_the_brands_that_are_theirs_at_the_moment():
    record("ours", brand_id=4)
    record("theirs", brand_id=5)
    assert [entry.title for entry in feedparser.parse(ask("four").content).entries] == ["Bo took ours"]


def test_one_who_has_lost_the_right_or_forges_an_address_finds_nothing(monkeypatch):
    good = api.feed_path("user", "all").removeprefix("/feeds/journal/").removesuffix(".atom")
    with pytest.raises(Http404):
        ask(token=good[:-1] + ("A" if good[-1] != "A" else "B"))
    with pytest.raises(Http404):
        ask(token=good.replace("user.all", "user.four"))
    with pytest.raises(Http404):
        ask(token=api.feed_path("stranger", "1").removeprefix("/feeds/journal/").removesuffix(".atom"))

    def refuses(reader_id):
        raise Forbidden("You asked for the journal.", "It is not yours.", "")

    monkeypatch.setitem(api.RIGHTS, "user", refuses)
    with pytest.raises(Http404):
        ask()


def test_a_reader_that_has_it_already_is_told_so_until_something_happens():
    record()
    etag = ask()["ETag"]
    assert ask(HTTP_IF_NONE_MATCH=etag).status_code == 304
    record()
    assert ask(HTTP_IF_NONE_MATCH=etag).status_code == 200


def test_it_is_only_read():
    assert ask(method="post").status_code == 405


def test_a_new_address_shuts_the_old_one():
    def token():
        return api.feed_path("user", "four").removeprefix("/feeds/journal/").removesuffix(".atom")

    def renew():
        by = Actor("person", "7", "Al")
        return actions.renew_journal_feed(reader=("user", "four"), by=by, via=Door.WEB, at=AT)

    first = token()
    renew()
    second = token()
    assert ask("four", token=second).status_code == 200
    with pytest.raises(Http404):
        ask("four", token=first)
    assert renew() == 3
    with pytest.raises(Http404):
        ask("four", token=second)
    assert ask("four", token=token()).status_code == 200
