"""HTML of a stranger made safe to be drawn: an allow-list, nothing fetched from elsewhere, nothing that leaves its box. Pure.

What comes out has no style, script, form, frame, id or address that a browser would ask by itself. An image is marked and
not drawn: by the number of the attachment that it is (`data-part`), or by where it lies elsewhere (`data-remote`), so that
`with_images` can put it in for a reader who asks.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import unquote

import nh3

from nightdesk.mailroom.contents import Attachment
from nightdesk.mailroom.quotes import fold_quotes

IMAGES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
"""What is drawn; SVG is a document, and others are none of the web's."""

_PLAIN = (
    "abbr b big blockquote br caption center cite code col colgroup dd del details div dl dt em figcaption figure font hr i "
    "ins kbd li mark ol p pre q s samp small span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul var wbr"
)
_TAGS = frozenset((*_PLAIN.split(), "a", "img"))
_WITH_CONTENT = frozenset(
    (
        "script",
        "style",
        "title",
        "noscript",
        "template",
        "iframe",
        "object",
        "embed",
        "svg",
        "math",
        "applet",
        "noframes",
    )
)
_ATTRIBUTES = {
    "*": {"dir"},
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align"},
    "ol": {"start", "type"},
}
_LINK = re.compile(r"(https?://|mailto:|tel:)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"(https?:)?//", re.IGNORECASE)
_HEADING = re.compile(r"<(/?)h[1-6](?=[\s>/])", re.IGNORECASE)
_IMAGE = re.compile(r'<img((?: [a-z-]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')


def _allowed(tag: str, name: str, value: str) -> str | None:
    if tag == "a" and name == "href":
        return value if _LINK.match(value) else None
    if name in ("width", "height", "colspan", "rowspan", "start"):
        return value if value.isascii() and value.isdecimal() and len(value) < 5 else None
    return value


_CLEANED = nh3.Cleaner(
    tags=set(_TAGS),
    clean_content_tags=set(_WITH_CONTENT),
    attributes=_ATTRIBUTES,
    allowed_classes={"details": {"quoted"}},
    attribute_filter=_allowed,
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)
"""An image keeps its address; `safe_html` takes that away, and leaves a mark."""


@dataclass(frozen=True, slots=True)
class SafeHtml:
    """`html` as said above; `remote`: how many images lie elsewhere; `parts`: the attachments that stand in it as images."""

    html: str
    remote: int
    parts: frozenset[int]


def safe_html(html: str, attachments: Sequence[Attachment] = ()) -> SafeHtml:
    """`html` without whatever could do anything, its quotes folded. Headings become paragraphs: the page has its own."""
    seen: list[str] = []

    def marked(found: re.Match[str]) -> str:
        attributes = dict(_ATTRIBUTE.findall(found[1]))
        source = attributes.pop("src", "")
        number = _part_of(unescape(source), attachments)
        kind, where = ("part", str(number)) if number is not None else ("remote", source)
        if kind == "part" or _ELSEWHERE.match(source):
            seen.append(f"{kind}:{where}")
            attributes[f"data-{kind}"] = where
        attributes.setdefault("alt", "")
        return "<img" + "".join(f' {name}="{value}"' for name, value in attributes.items()) + ">"

    cleaned = _CLEANED.clean(_HEADING.sub(r"<\1p", fold_quotes(html)))
    safe = _IMAGE.sub(marked, cleaned)
    parts = frozenset(int(one[5:]) for one in seen if one.startswith("part:"))
    return SafeHtml(safe, sum(one.startswith("remote:") for one in seen), parts)


def with_images(html: str, part_url: Callable[[int], str], *, remote: bool = False, quoted: str = "…") -> str:
    """What `safe_html` made, with its images: attachments from where `part_url` says ("" for nowhere), those elsewhere only
    where `remote` is asked for. An image that is not drawn leaves its words. `quoted` is what a folded quote is called.
    """

    def drawn(found: re.Match[str]) -> str:
        attributes = dict(_ATTRIBUTE.findall(found[1]))
        part, elsewhere = attributes.pop("data-part", ""), attributes.pop("data-remote", "")
        source = escape(part_url(int(part))) if part.isdecimal() else elsewhere if remote and elsewhere else ""
        if not source:
            words = unescape(attributes.get("alt", "")).strip()
            return f"<em>[{escape(words)}]</em>" if words else ""
        rest = "".join(f' {name}="{value}"' for name, value in attributes.items())
        return f'<img src="{source}" loading="lazy" referrerpolicy="no-referrer"{rest}>'

    return _IMAGE.sub(drawn, html).replace("<summary>…</summary>", f"<summary>{escape(quoted)}</summary>")


def _part_of(source: str, attachments: Sequence[Attachment]) -> int | None:
    """The number of the attachment that an image's address means: by its id, by its location, or by its name alone."""
    is_id = source[:4].lower() == "cid:"
    wanted = unquote(source[4:] if is_id else source).strip()
    if not wanted or (not is_id and _ELSEWHERE.match(source) and not any(one.location for one in attachments)):
        return None
    drawable = [(number, one) for number, one in enumerate(attachments) if one.media_type in IMAGES]
    name = re.split(r"[\\/]", wanted)[-1].partition("@")[0]
    ways: list[Callable[[Attachment], bool]] = [
        lambda one: is_id and one.content_id == wanted,
        lambda one: bool(one.location) and one.location in (wanted, source),
        lambda one: not _ELSEWHERE.match(source) and one.name == name,
    ]
    for way in ways:
        for number, one in drawable:
            if way(one):
                return number
    return None
