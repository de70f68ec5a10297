"""Our feeds as feedparser reads them, and by the rules of the W3C's validator: what must be there, ids that stay."""

from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as Xml

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.outages import feeds
from nightdesk.outages.published import changed_at
from nightdesk.outages.tests import feed_rules
from nightdesk.outages.tests.pages import minutes, outage, page, resolved, update

SELF = "https://status.quayside.example/history.atom"
SELF_RSS = "https://status.quayside.example/history.rss"


def atom(given=None, at=None):
    return feeds.atom(given or page(), at or minutes(20), self_url=SELF)


def rss(given=None, at=None):
    return feeds.rss(given or page(), at or minutes(20), self_url=SELF_RSS)


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


printable = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=40)
said = printable | st.sampled_from(
    ["<script>alert(1)</script>", "<a href='/x'>x</a>", "a ]]> b & c", "<!doctype html>"]
)


@given(
    told=st.lists(st.tuples(said, said, st.booleans()), max_size=4),
    name=said,
    late=st.booleans(),
    language=st.sampled_from(["en-gb", "de", "pt-br"]),
)
def test_the_w3cs_validator_would_find_nothing(told, name, late, language):
    outages = []
    for number, (title, text, over) in enumerate(told):
        one = resolved(id=f"o{number}") if over else outage(id=f"o{number}")
        outages.append(replace(one, title=title, updates=(update(1, minutes(16), text=text, next_at=minutes(45)),)))
    given_page, at = page(outages=tuple(outages), name=name, language=language), minutes(80 if late else 20)
    assert feed_rules.of_atom(atom(given_page, at), self_url=SELF, at=minutes(80)) == []
    assert feed_rules.of_rss(rss(given_page, at), self_url=SELF_RSS, at=minutes(80)) == []


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"<id>tag:", b"<id>x y:"), (b"</author>", b"</author><author/>"), (b'rel="self"', b'rel="via"'),
        (b"2026-11-25T", b"2027-11-25T"), (b'xml:lang="en-gb"', b'xml:lang="english people"'), (b"<content ", b"<body "),
        (b"&lt;p&gt;", b"&lt;script&gt;"), (b"<name>Quayside Networks</name>", b"<name> </name>"),
    ],
)  # fmt: skip
def test_it_would_find_what_is_wrong_with_atom(was, becomes):
    spoilt = atom().replace(was, becomes).replace(b"</content>", b"</body>" if was == b"<content " else b"</content>")
    assert spoilt != atom()
    assert feed_rules.of_atom(spoilt, self_url=SELF, at=minutes(80))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"Wed, 25 Nov", b"Mon, 25 Nov"), (b'isPermaLink="false"', b""), (b"<title>", b"<titel/><title>"),
        (b'"application/rss+xml"', b'"text/xml"'), (b"<language>en-gb", b"<language>of ours"),
        (b"<link>https:", b"<link>"), (b"<description>", b"<description/><description>"),
    ],
)  # fmt: skip
def test_it_would_find_what_is_wrong_with_rss(was, becomes):
    assert rss().count(was)
    assert feed_rules.of_rss(rss().replace(was, becomes), self_url=SELF_RSS, at=minutes(80))


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
