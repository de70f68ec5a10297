"""HTML as the text that a reader would see; what is quoted comes out as quoted lines, and nothing is ever run or fetched."""

from html.parser import HTMLParser

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


def text_of_html(html: str) -> str:
    """The text in lines; a `blockquote` (or a mail program's own mark of one) begins its lines with "> "."""
    reader = _Reader()
    reader.feed(html[:LONGEST])
    reader.close()
    return reader.text()


class Lenient(HTMLParser):
    """A parser that raises on nothing: what looks like a marked section of SGML is a comment, as browsers have it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def parse_html_declaration(self, i: int) -> int:
        """As it is, but for "<!["."""
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)


class _Reader(Lenient):
    def __init__(self) -> None:
        super().__init__()
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
