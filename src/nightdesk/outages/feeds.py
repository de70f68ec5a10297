"""Outages as feeds that readers subscribe to: Atom (RFC 4287) and RSS 2.0. One entry an outage, with all its updates.

An entry's id never changes; its `updated` moves with each update, and once more at the instant an update is late, so that
readers show it again.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import TypeAlias
from xml.etree import ElementTree as Xml
from zoneinfo import ZoneInfo

from nightdesk.outages import saying, wording
from nightdesk.outages.published import PublishedOutage, PublishedPage, changed_at, short_id

ATOM = "http://www.w3.org/2005/Atom"
MOST_ENTRIES = 50
Where: TypeAlias = Callable[[PublishedOutage], str]

Xml.register_namespace("atom", ATOM)


def atom(page: PublishedPage, at: datetime, *, self_url: str, where: Where | None = None) -> bytes:
    """The feed as it is at `at`, found at `self_url`; `where` an outage has a page of its own, else on the public one."""
    outages = page.outages[:MOST_ENTRIES]
    feed = Xml.Element("feed", {"xmlns": ATOM, "xml:lang": page.language})
    _add(feed, "id", f"tag:{_host(page.url)},2026:{short_id('page', page.id)}")
    _add(feed, "title", page.name)
    _add(feed, "updated", _atom_time(feed_changed_at(outages, at)))
    _add(_add(feed, "author"), "name", page.name)
    _add(feed, "link", rel="self", type="application/atom+xml", href=self_url)
    _add(feed, "link", rel="alternate", type="text/html", href=page.url)
    _add(feed, "generator", "Nightdesk")
    for outage in outages:
        entry = _add(feed, "entry")
        _add(entry, "id", entry_id(page, outage))
        _add(entry, "title", outage.title)
        _add(entry, "published", _atom_time(outage.told_at))
        _add(entry, "updated", _atom_time(changed_at(outage, at)))
        _add(
            entry, "link", rel="alternate", type="text/html", href=where(outage) if where else outage_url(page, outage)
        )
        _add(entry, "category", term=outage.state)
        _add(entry, "content", _content(page, outage, at), type="html")
    return _bytes(feed)


def rss(page: PublishedPage, at: datetime, *, self_url: str) -> bytes:
    """The same as RSS 2.0."""
    outages = page.outages[:MOST_ENTRIES]
    root = Xml.Element("rss", {"version": "2.0"})
    channel = _add(root, "channel")
    _add(channel, "title", page.name)
    _add(channel, "link", page.url)
    _add(channel, "description", saying.head_text(page, at))
    _add(channel, "language", page.language)
    _add(channel, "lastBuildDate", _rss_time(feed_changed_at(outages, at)))
    _add(channel, f"{{{ATOM}}}link", rel="self", type="application/rss+xml", href=self_url)
    for outage in outages:
        item = _add(channel, "item")
        _add(item, "title", outage.title)
        _add(item, "link", outage_url(page, outage))
        _add(item, "guid", entry_id(page, outage), isPermaLink="false")
        _add(item, "pubDate", _rss_time(changed_at(outage, at)))
        _add(item, "description", _content(page, outage, at))
    return _bytes(root)


def feed_changed_at(outages: Sequence[PublishedOutage], at: datetime) -> datetime:
    """When the feed last said something new; the beginning of time where it never did."""
    return max((changed_at(each, at) for each in outages), default=datetime(2026, 1, 1, tzinfo=UTC))


def entry_id(page: PublishedPage, outage: PublishedOutage) -> str:
    """The same for ever for this outage on this page."""
    return f"tag:{_host(page.url)},2026:{short_id('page', page.id)}/{short_id('outage', outage.id)}"


def outage_url(page: PublishedPage, outage: PublishedOutage) -> str:
    """Where the outage has a page of its own."""
    return f"{page.url}outages/{short_id('outage', outage.id)}/"


def _content(page: PublishedPage, outage: PublishedOutage, at: datetime) -> str:
    """All that was said, newest first, as a little HTML."""
    zone = ZoneInfo(page.zone)
    parts = [saying.due_text(outage, zone, at), saying.estimate_text(outage, zone, at)]
    html = [f"<p>{escape(words)}</p>" for words in outage.words]
    html += [f"<p><strong>{escape(part)}</strong></p>" for part in parts if part]
    for update in outage.updates:
        head = f"{wording.when(update.published_at, at, page.zone)} {saying.state_text(update)}"
        text = escape(update.text).replace("\n", "<br>")
        html.append(f"<p><small>{escape(head)}</small><br>{text}</p>")
    return "".join(html)


def _add(parent: Xml.Element, name: str, text: str = "", **attributes: str) -> Xml.Element:
    child = Xml.SubElement(parent, name, attributes)
    child.text = _xml_text(text) or None
    return child


def _xml_text(text: str) -> str:
    """Without what no XML 1.0 document may hold (section 2.2)."""
    return "".join(
        char
        for char in text
        if char in "\t\n\r" or " " <= char < "\ud800" or "\ue000" <= char < "\ufffe" or char > "\uffff"
    )


def _bytes(root: Xml.Element) -> bytes:
    body: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + body


def _atom_time(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rss_time(instant: datetime) -> str:
    return format_datetime(instant.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _host(url: str) -> str:
    """The host of a tag's name, without a port, which a tag: URI must not have (RFC 4151)."""
    return url.partition("//")[2].partition("/")[0].rpartition("@")[2].partition(":")[0] or "localhost"
