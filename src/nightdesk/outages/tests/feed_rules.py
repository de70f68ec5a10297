"""What the W3C's feed validator holds a feed to, of all that ours use: RFC 4287, RSS 2.0, and what it asks for beyond them.

Its source (an older copy, rubys/feedvalidator: feed, entry, channel, item, link, validators) was read for what is an error
there; the same is refused here, and a future date as well, of which it only warns.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as Xml

ATOM = "{http://www.w3.org/2005/Atom}"
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
FULL_URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
MIME = re.compile(r"[\w.+-]+/[\w.+-]+")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
IN_A_FEED = {"id", "title", "updated", "author", "link", "generator", "category", "subtitle", "rights", "entry"}
IN_AN_ENTRY = {"id", "title", "updated", "published", "author", "link", "category", "content", "summary"}
IN_A_CHANNEL = {
    "title",
    "link",
    "description",
    "language",
    "lastBuildDate",
    "pubDate",
    "generator",
    f"{ATOM}link",
    "item",
}
IN_AN_ITEM = {"title", "link", "description", "guid", "pubDate", "category"}
MAY_BE_MANY = {"link", "category", "entry", "item"}
SAFE_HTML = {"p", "br", "b", "i", "strong", "em", "small", "ul", "ol", "li", "a"}


def of_atom(feed: bytes, *, self_url: str, at: datetime) -> list[str]:
    """What is wrong with an Atom feed that is found at `self_url` and read at `at`."""
    root = Xml.fromstring(feed)
    problems = [] if root.tag == f"{ATOM}feed" else [f"{root.tag} is no feed"]
    language = root.get("{http://www.w3.org/XML/1998/namespace}lang", "")
    problems += [] if LANGUAGE.fullmatch(language) else [f"{language!r} is no language"]
    names = [child.tag.removeprefix(ATOM) for child in root]
    if "entry" in names and set(names[names.index("entry") :]) != {"entry"}:
        problems.append("what is about the feed stands before its entries")
    entries = root.findall(f"{ATOM}entry")
    problems += _atom_of(root, IN_A_FEED, at)
    problems += [
        f"entry {place}: {one}" for place, each in enumerate(entries) for one in _atom_of(each, IN_AN_ENTRY, at)
    ]
    problems += _twice([each.findtext(f"{ATOM}id") for each in entries], "id")
    author = root.findtext(f"{ATOM}author/{ATOM}name", "")
    problems += [] if author.strip() else ["nobody is its author"]
    own = [link.get("href") for link in root.findall(f"{ATOM}link") if link.get("rel") == "self"]
    problems += [] if own == [self_url] else [f"{own} is not where it is found"]
    for each in entries:
        content = each.find(f"{ATOM}content")
        if content is None or content.get("type") != "html":
            problems.append("an entry has no content that is HTML")
        else:
            problems += _unsafe(content.text or "")
    return problems


def _atom_of(parent: Xml.Element, known: set[str], at: datetime) -> Iterator[str]:
    """What is wrong with the parts that feeds and entries have both."""
    yield from _parts(parent, {f"{ATOM}{name}" for name in known}, {f"{ATOM}{name}" for name in MAY_BE_MANY})
    for name in ("id", "title", "updated"):
        if not (parent.findtext(f"{ATOM}{name}") or "").strip():
            yield f"it has no {name}"
    if not FULL_URI.fullmatch(parent.findtext(f"{ATOM}id", "")):
        yield "its id is no full URI"
    for name in ("updated", "published"):
        for date in parent.findall(f"{ATOM}{name}"):
            if not RFC_3339.fullmatch(date.text or "") or datetime.fromisoformat(date.text or "") > at:
                yield f"{date.text} is no time by RFC 3339, or is to come"
    links = [(link.get("rel"), link.get("type"), link.get("hreflang")) for link in parent.findall(f"{ATOM}link")]
    yield from _twice(links, "link")
    for link in parent.findall(f"{ATOM}link"):
        if link.text or not FULL_URI.fullmatch(link.get("href", "")) or not MIME.fullmatch(link.get("type", "")):
            yield f"{link.attrib} is no link"
    if not all(each.get("term") for each in parent.findall(f"{ATOM}category")):
        yield "a category without a term"


def of_rss(feed: bytes, *, self_url: str, at: datetime) -> list[str]:
    """What is wrong with an RSS feed that is found at `self_url` and read at `at`."""
    root = Xml.fromstring(feed)
    channels = root.findall("channel")
    if (root.tag, root.get("version"), len(channels)) != ("rss", "2.0", 1):
        return ["it is no RSS 2.0 with one channel"]
    (channel,) = channels
    problems = list(_parts(channel, IN_A_CHANNEL, MAY_BE_MANY - {"link"}))
    problems += [f"it has no {name}" for name in ("title", "link", "description") if not channel.findtext(name)]
    problems += [] if LANGUAGE.fullmatch(channel.findtext("language", "")) else ["its language is none"]
    own = [(link.get("rel"), link.get("type"), link.get("href")) for link in channel.findall(f"{ATOM}link")]
    problems += [] if own == [("self", "application/rss+xml", self_url)] else [f"{own} is not where it is found"]
    items = channel.findall("item")
    problems += _twice([item.findtext("guid") for item in items], "guid")
    for holder in (channel, *items):
        if not FULL_URI.fullmatch(holder.findtext("link", "")):
            problems.append("its link is no full URI")
        for date in (*holder.findall("pubDate"), *holder.findall("lastBuildDate")):
            when = parsedate_to_datetime(date.text or "")
            if when > at or format_datetime(when.astimezone(UTC), usegmt=True) != date.text:
                problems.append(f"{date.text} is no date by RFC 822 with its own day of the week, or is to come")
    for item in items:
        problems += _parts(item, IN_AN_ITEM, MAY_BE_MANY - {"link"})
        problems += [] if (item.findtext("title") or "").strip() else ["an item has no title"]
        guid = item.find("guid")
        if guid is None or guid.get("isPermaLink") != "false" or len(guid.text or "") < 9:
            problems.append("a guid that is no link says so, and is long enough to be the only one")
        problems += _unsafe(item.findtext("description", ""))
    return problems


def _parts(parent: Xml.Element, known: set[str], many: set[str]) -> Iterator[str]:
    counted = Counter(child.tag for child in parent)
    yield from (f"{tag} is not known there" for tag in counted.keys() - known)
    yield from (f"{tag} stands there {count} times" for tag, count in counted.items() if count > 1 and tag not in many)


def _twice(values: Sequence[object], what: str) -> Iterator[str]:
    yield from (f"the {what} {value} is there twice" for value, count in Counter(values).items() if count > 1)


def _unsafe(html: str) -> list[str]:
    """Tags that readers take out, attributes that do something, and links that lead nowhere from elsewhere."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in SAFE_HTML:
                found.append(f"<{tag}> is not safe")
            found.extend(
                f"{name}={value!r} is not safe"
                for name, value in attrs
                if (tag, name) != ("a", "href") or not FULL_URI.fullmatch(value or "")
            )

        def handle_decl(self, decl: str) -> None:
            found.append(f"<!{decl}> does not belong there")

    reader = Reader()
    reader.feed(html)
    reader.close()
    return found
