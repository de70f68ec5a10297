"""The record as an Atom feed (RFC 4287), for feed readers and for anything that wants to follow along.

It carries sentences and no personal text: what has left the house in a feed cannot be erased any more.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from nightdesk.journal.queries import Line

CONTENT_TYPE = "application/atom+xml; charset=utf-8"
_ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_atom(lines: Sequence[Line], *, title: str, address: str, home: str, at: datetime) -> bytes:
    """The feed of `lines` (newest first) that is found at `address`; `home` is the page of the journal, beneath which each
    entry has its own.

    `at` is its date where there are no lines.
    """
    feed = ElementTree.Element("feed", {"xmlns": _ATOM})
    _add(feed, "id", address)
    _add(feed, "title", title)
    _add(feed, "updated", _instant(lines[0].at if lines else at))
    _add(feed, "link", rel="self", href=address, type="application/atom+xml")
    _add(feed, "link", rel="alternate", href=home, type="text/html")
    _add(_add(feed, "author"), "name", "Nightdesk")
    for line in lines:
        entry = _add(feed, "entry")
        _add(entry, "id", f"urn:uuid:{line.id}")
        _add(entry, "title", line.sentence)
        _add(entry, "updated", _instant(line.at))
        _add(_add(entry, "author"), "name", line.by_name or line.by[0])
        _add(entry, "category", term=line.kind)
        _add(entry, "link", rel="alternate", href=f"{home}{line.id}", type="text/html")
        _add(entry, "summary", f"{line.subject[0]} {line.subject[1]}, {line.via}")
    document: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return document


def _add(parent: ElementTree.Element, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag, {name: _clean(value) for name, value in attributes.items()})
    child.text = _clean(text) or None
    return child


def _clean(text: str) -> str:
    """Without the characters that no XML document may hold, escaped or not."""
    return _NOT_XML.sub("\ufffd", text)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
