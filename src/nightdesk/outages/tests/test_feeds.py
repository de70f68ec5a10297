"""Our feeds as feedparser reads them, and by the rules of the W3C's validator: what must be there, ids that stay."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as Xml

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.outages import feeds
from nightdesk.outages.feeds import ATOM
from nightdesk.outages.published import changed_at
from nightdesk.outages.tests.pages import minutes, outage, page, resolved

SELF = "https://status.quayside.example/history.atom"
A = f"{{{ATOM}}}"


def atom(given=None, at=None):
    return feeds.atom(given or page(), at or minutes(20), self_url=SELF)


def rss(given=None, at=None):
    return feeds.rss(given or page(), at or minutes(20), self_url="https://status.quayside.example/history.rss")


@pytest.mark.parametrize("make", [atom, rss])
def test_a_reader_reads_it(make):
    read = feedparser.parse(make(page(outages=(outage(), resolved(id="o0", title="Old"))), minutes(80)))
    assert not read.bozo
    assert read.feed.title == "Quayside Networks"
    assert [each.title for each in read.entries] == ["Fault at Dock Street", "Old"]
    assert "Sorry: internet lines at Dock Street are down." in read.entries[0].summary
    assert "An update was due at 04:45 GMT" in read.entries[0].summary
    assert "Update 1" in read.entries[1].summary
    assert "It works again." in read.entries[1].summary
    assert read.entries[0].link.startswith("https://status.quayside.example/outages/")


@pytest.mark.parametrize("make", [atom, rss])
def test_text_stays_text(make):
    (entry,) = feedparser.parse(make()).entries
    assert "&lt;b&gt;&amp;" in entry.summary


def test_atom_keeps_the_rules_of_rfc_4287():
    feed = Xml.fromstring(atom(page(outages=(outage(), resolved(id="o0")))))
    assert feed.tag == f"{A}feed"
    for holder in (feed, *feed.findall(f"{A}entry")):
        for name in ("id", "title", "updated"):
            assert len(holder.findall(f"{A}{name}")) == 1, name
            assert holder.findtext(f"{A}{name}")
    assert feed.find(f"{A}author/{A}name").text
    links = {link.get("rel"): link for link in feed.findall(f"{A}link")}
    assert links["self"].get("href") == SELF
    assert links["self"].get("type") == "application/atom+xml"
    ids = [each.findtext(f"{A}id") for each in feed.findall(f"{A}entry")]
    assert len(set(ids)) == 2
    for each in feed.findall(f"{A}entry"):
        assert each.find(f"{A}content").get("type") == "html"
        assert each.find(f"{A}link").get("rel") == "alternate"


def test_rss_keeps_the_rules_of_rss_2_0():
    root = Xml.fromstring(rss())
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    (channel,) = root
    for name in ("title", "link", "description"):
        assert channel.findtext(name)
    own = channel.find(f"{A}link")
    assert (own.get("rel"), own.get("type")) == ("self", "application/rss+xml")
    parsedate_to_datetime(channel.findtext("lastBuildDate"))
    for item in channel.findall("item"):
        assert item.find("guid").get("isPermaLink") == "false"
        assert parsedate_to_datetime(item.findtext("pubDate")).tzinfo is not None


def entry_of(given, at):
    (entry,) = feedparser.parse(atom(given, at)).entries
    return entry.id, entry.updated


def test_an_id_never_changes_and_updated_moves_with_each_update_and_when_it_is_late():
    told = [
        entry_of(page(), minutes(20)),
        entry_of(page(), minutes(50)),
        entry_of(page(outages=(resolved(),)), minutes(80)),
    ]
    assert len({id_ for id_, _ in told}) == 1
    assert [updated for _, updated in told] == sorted({updated for _, updated in told})


def test_nothing_moves_while_nothing_is_said():
    assert atom(at=minutes(20)) == atom(at=minutes(30))
    assert rss(at=minutes(46)) == rss(at=minutes(70))


@given(st.text(max_size=40))
def test_whatever_a_text_holds_the_feed_stays_well_formed(text):
    one = outage(title=text)
    for make in (atom, rss):
        Xml.fromstring(make(page(outages=(one,))))


def test_an_empty_feed_is_whole():
    empty = page(outages=())
    assert not feedparser.parse(atom(empty)).bozo
    assert not feedparser.parse(rss(empty)).bozo
    assert changed_at(outage(), minutes(20)) - minutes(16) == timedelta()
