"""What is quoted in a mail, for display: folded and never left out, with answers between and below it in sight. Pure.

`own_words` is strict, since its words are commands; this is kind, since a reader can open what is folded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise

from nightdesk.mailroom.html_text import tidy
from nightdesk.mailroom.own_words import before_introduction, introduces, separates

SHORT = 3
"""Lines of a quote that are not worth folding: an answer between them would lose its sense."""

_FORWARDED = re.compile(
    r"\W*(forwarded message|begin forwarded message|anfang der weitergeleiteten|weitergeleitete nachricht|"
    r"message transféré|début du message|mensaje reenviado|doorgestuurd bericht|messaggio inoltrato)",
    re.IGNORECASE,
)
_QUOTING = ("gmail_quote", "yahoo_quoted", "protonmail_quote", "zmail_extra", "tutanota_quote")
_TO_THE_END = ("divRplyFwdMsg", "OLK_SRC_BODY_SECTION", "mail-editor-reference-message-container")
_INDENTS = re.compile(r"border(-left)?\s*:\s*(none|0)\b", re.IGNORECASE)
_BREAKS = frozenset(
    (
        "p",
        "div",
        "br",
        "tr",
        "li",
        "ul",
        "ol",
        "table",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "pre",
        "blockquote",
        "body",
    )
)
_SILENT = frozenset(("script", "style", "head", "title", "template"))
_VOID = frozenset(("br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "wbr"))


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a text, and whether they are another's; put together again the pieces are the text."""

    text: str
    quoted: bool

    @property
    def folds(self) -> bool:
        """Whether it is quoted, and long enough to be folded."""
        return self.quoted and len(self.text.strip().splitlines()) > SHORT


def pieces(text: str) -> tuple[Piece, ...]:
    """The text in pieces. One that is nothing but a quote, or a forwarded mail, is one piece that is not quoted."""
    kept = text.splitlines(keepends=True)
    lines = [line.rstrip() for line in kept]
    quoted = _quoted_lines(lines)
    if not any(line.strip() and not other for line, other in zip(lines, quoted, strict=True)):
        return (Piece(text, False),) if text else ()
    starts = [0, *(number for number, (one, next_one) in enumerate(pairwise(quoted), 1) if one != next_one), len(kept)]
    return tuple(Piece("".join(kept[start:end]), quoted[start]) for start, end in pairwise(starts))


def _quoted_lines(lines: Sequence[str]) -> list[bool]:
    quoted = [line.lstrip().startswith(">") for line in lines]
    for number, line in enumerate(lines):
        if quoted[number] and not (number and quoted[number - 1]):
            start = before_introduction(lines, number)
            first = next((back for back in range(max(0, number - 4), number) if _leads(lines, back, number)), start)
            for each in range(min(start, first), number):
                quoted[each] = True
        elif not quoted[number] and separates(lines, number) and not _forwards(lines, number):
            quoted[number:] = [True] * (len(lines) - number)
            break
        elif line and not quoted[number] and _FORWARDED.match(line):
            break
    # What stands empty below a quoted line, and above another or nothing, belongs to it.
    follows = True
    for number in range(len(lines) - 1, 0, -1):
        if lines[number].strip():
            follows = quoted[number]
        else:
            above = next((each for each in range(number, max(-1, number - 40), -1) if lines[each].strip()), None)
            quoted[number] = follows and above is not None and quoted[above]
    return quoted


def _leads(lines: Sequence[str], first: int, quote: int) -> bool:
    """Whether "On Monday Bo wrote:" begins in line `first` and ends right above the quote."""
    told = [line for line in lines[first:quote] if line.strip()]
    return bool(lines[first].strip()) and 0 < len(told) <= 3 and introduces(told)


def _forwards(lines: Sequence[str], number: int) -> bool:
    return any(_FORWARDED.match(line) for line in lines[max(0, number - 2) : number + 1])


def fold_quotes(html: str) -> str:
    """`html`, tidied, with every quote inside `<details class="quoted">`, to be made safe afterwards. Nothing is taken away.

    A mail that says nothing outside its quotes, and a forwarded one, has none folded.
    """
    html = tidy(html)
    reader = _Finder(html)
    reader.feed(html)
    reader.close()
    reader.end_line()
    puts = reader.where()
    out, place = [], 0
    for at, words in sorted(puts, key=lambda put: put[0]):
        out += [html[place:at], words]
        place = at
    return "".join([*out, html[place:]])


_OPEN = '<details class="quoted"><summary>…</summary>'
_CLOSE = "</details>"


class _Finder(HTMLParser):
    """Where quotes begin and end."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self._starts = [0]
        for found in re.finditer("\n", html):
            self._starts.append(found.end())
        self._open: list[tuple[str, int | None, int]] = []
        self._silent: list[str] = []
        self._spans: list[list[int]] = []
        """[where it begins, where it ends or -1] of elements that are quotes, outermost only."""
        self._inside = 0
        self._words: list[str] = []
        self._begins: int | None = 0
        """Where the first block since the last line began: what is put there has all of them in it."""
        self._lines: list[tuple[str, int, bool]] = []
        self._first_words: dict[int, str] = {}

    def _at(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
            return
        if self._silent:
            return
        at = self._at()
        if tag in _BREAKS:
            self.end_line()
            self._begins = at if self._begins is None else self._begins
        told = {name: value or "" for name, value in attrs}
        marks = f"{told.get('class', '')} {told.get('id', '')} {told.get('name', '')}"
        cites = tag == "blockquote" and not _INDENTS.search(told.get("style", ""))
        quotes = cites or any(mark in marks for mark in _QUOTING)
        if not self._inside and any(mark in marks for mark in _TO_THE_END):
            self._spans.append([at, -1])
            self._inside += 1
        if tag in _VOID or len(self._open) >= 2000:
            return
        number = None
        if quotes:
            if not self._inside:
                number = len(self._spans)
                self._spans.append([at, -1])
            self._inside += number is not None
        self._open.append((tag, number, at))

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.pop()
            return
        if tag in _BREAKS:
            self.end_line()
        for place in range(len(self._open) - 1, max(-1, len(self._open) - 200), -1):
            if self._open[place][0] == tag:
                end = self._at() + len(tag) + 3
                if self._begins is not None and self._open[place][2] < self._begins:
                    self._begins = None
                for _tag, number, _start in self._open[place:]:
                    if number is not None:
                        self._spans[number][1] = end
                        self._inside -= 1
                del self._open[place:]
                break

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._words.append(data)

    def end_line(self) -> None:
        """What was said since the last one is a line."""
        words = " ".join("".join(self._words).split())
        self._words.clear()
        if words:
            begins = self._at() if self._begins is None else self._begins
            self._lines.append((words, begins, bool(self._inside)))
            self._begins = None
            if self._inside and self._spans:
                self._first_words.setdefault(len(self._spans) - 1, words)

    def where(self) -> list[tuple[int, str]]:
        """What is to be put where."""
        spans = [span for number, span in enumerate(self._spans)
                 if not _FORWARDED.match(self._first_words.get(number, ""))]  # fmt: skip
        own = [(words, at) for words, at, inside in self._lines if not inside]
        words = [one for one, _at in own]
        start = next((n for n in range(len(own)) if separates(words, n)), None)
        if start is not None and not _forwards(words, start):
            at = own[start][1]
            spans = [span for span in spans if span[0] < at and 0 <= span[1] <= at] + [[at, -1]]
            own = own[:start]
        if not own:
            return []
        puts = []
        for begins, ends in spans:
            puts.append((begins, _OPEN))
            if ends >= 0:
                puts.append((ends, _CLOSE))
        return puts
