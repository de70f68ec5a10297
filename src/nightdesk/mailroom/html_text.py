"""HTML as the text that a reader would see; what is quoted comes out as quoted lines, and nothing is ever run or fetched."""

import re
from html import escape, unescape
from html.parser import HTMLParser

import nh3

LONGEST = 500_000
"""Characters of HTML that are read; what comes after is left out."""
ORIGINAL = "-----Original Message-----"
_BREAKS = frozenset(
    ("p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "blockquote")
)
_SILENT = frozenset(("script", "style", "head", "title", "template", "noscript", "svg", "object"))
_QUOTES = ("gmail_quote", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote")
_ORIGINALS = ("divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION")
_VOID = frozenset(("br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "wbr"))


_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})")
_ANY_TAG = re.compile(r"<[^<>]*>")
_ENDS_BY_ITSELF = _VOID | frozenset(("p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "dt", "dd", "option"))
DEEPEST = 500
MOST_TAGS = 15_000
"""Tags that may hold others. Every parser takes time by the square of the depth, and a mail must not hold up the next."""
_KEPT = frozenset(
    """a abbr b big blockquote br caption center cite code col colgroup dd del details div dl dt em figcaption figure font h1 h2
    h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub summary sup table tbody td tfoot th
    thead tr tt u ul var wbr""".split()  # noqa: SIM905
)
_MARKS = {"class", "id", "name", "style", "dir"}
_OWN = {
    "a": {"href", "title"}, "img": {"src", "alt", "width", "height"}, "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align"}, "ol": {"start", "type"},
}  # fmt: skip
_TIDIED = nh3.Cleaner(
    tags=set(_KEPT),
    clean_content_tags=_SILENT | {"iframe", "math", "embed"},
    attributes={"*": _MARKS} | _OWN,
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    link_rel=None,
)


def is_tangled(html: str) -> bool:
    """Whether its tags are too many, or too deep in each other, to be worth the time."""
    open_tags: dict[str, int] = {}
    depth = count = 0
    for closes, name in _TAG.findall(html):
        tag = name.lower()
        if tag in _ENDS_BY_ITSELF:
            continue
        if not closes:
            open_tags[tag] = open_tags.get(tag, 0) + 1
            depth, count = depth + 1, count + 1
        elif open_tags.get(tag):
            open_tags[tag] -= 1
            depth -= 1
        if depth > DEEPEST or count > MOST_TAGS:
            return True
    return False


def tidy(html: str) -> str:
    """`html` with every tag closed and in its place, as browsers have it, and none of those that are never looked at.

    Not safe to be shown. HTML that is tangled comes back as its words. Python's own parser must see nothing but this: of
    some broken tags it takes time by the square of their number.
    """
    if is_tangled(html):
        return escape(unescape(_ANY_TAG.sub(" ", html)))
    return _TIDIED.clean(html)


def text_of_html(html: str) -> str:
    """The text in lines; a `blockquote` (or a mail program's own mark of one) begins its lines with "> "."""
    reader = _Reader()
    reader.feed(tidy(html[:LONGEST]))
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quoted = 0
        self._silent: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
            return
        if self._silent:
            return
        if tag in _BREAKS:
            self._end_line()
        told = " ".join(value or "" for name, value in attrs if name in ("class", "id", "name"))
        if any(mark in told for mark in _ORIGINALS):
            self._end_line()
            self._lines.append(ORIGINAL)
        quotes = tag == "blockquote" or any(mark in told for mark in _QUOTES)
        if tag not in _VOID and len(self._open) < 2000:
            self._open.append((tag, quotes))
            self._quoted += quotes

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.pop()
            return
        if tag in _BREAKS:
            self._end_line()
        # What was left open inside it ends with it.
        for place in range(len(self._open) - 1, max(-1, len(self._open) - 200), -1):
            if self._open[place][0] == tag:
                for _tag, quotes in self._open[place:]:
                    self._quoted -= quotes
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._line.append(data)

    def _end_line(self) -> None:
        words = " ".join("".join(self._line).split())
        self._line.clear()
        if words or (self._lines and self._lines[-1].strip("> ")):
            self._lines.append(f"{'> ' * min(self._quoted, 5)}{words}".rstrip() if self._quoted else words)

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._lines).strip("\n")
