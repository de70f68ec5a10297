"""What somebody asks a search for: words, phrases and filters. Pure.

    fibre cut "patch panel" customer:acme from:cleo is:open tag:fibre queue:noc rout

Every word must stand somewhere in the ticket. The last one may be only begun, as people look while they type. Case,
accents and punctuation make no difference: `gw1.acme` is the two words after one another. `folded` says how, as the SQL
function `desk_folded` does for what is searched; a test holds the one against the other.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

LONGEST = 300
"""Characters of a question that are read."""
MOST_WORDS = 12
BEGUN = 3
"""Letters that a word must have for more than itself to be looked for: two would be half the dictionary."""

Is = Literal[
    "open", "new", "assigned", "pending", "resolved", "closed", "cancelled", "mine", "unassigned", "incident",
    "request", "major",
]  # fmt: skip
FILTERS = ("customer", "from", "is", "tag", "queue")

_TERM = re.compile(
    r'(?P<bare>[a-z]+):(?=\s|$)|(?:(?P<name>[a-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))', re.IGNORECASE
)
_REFERENCE = re.compile(r"\[?(?:(?P<slug>[a-z0-9-]*)#)?(?P<number>[0-9]{1,18})\]?", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]+")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"})
_PUNCTUATION = {code: " " for code in range(0x21, 0x7F) if not chr(code).isalnum()}


@dataclass(frozen=True, slots=True)
class Word:
    """Words that stand directly after one another; mostly one. `begun`: the last may go on."""

    parts: tuple[str, ...]
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """`number`, with `slug` where it was said: the whole question is a ticket's number. `whole`: what was asked, for old
    numbers. `wrong`: a filter that says nothing, as it was typed.
    """

    whole: str = ""
    words: tuple[Word, ...] = ()
    customers: tuple[str, ...] = ()
    senders: tuple[Word, ...] = ()
    tags: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    standing: frozenset[Is] = frozenset()
    number: int | None = None
    slug: str = ""
    wrong: str = ""

    def __bool__(self) -> bool:
        return bool(self.words or self.customers or self.senders or self.tags or self.queues or self.standing)


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a text; `marked`: one of the words that were asked for."""

    text: str
    marked: bool


def folded(text: str) -> str:
    """The text without case, accents and ASCII punctuation, which becomes spaces."""
    if not text.isascii():
        text = "".join(map(_letter, text))
    return text.translate(_PUNCTUATION).lower()


@cache
def _letter(letter: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", letter) if not "\u0300" <= c <= "\u036f")
    return plain.lower().translate(_LETTERS)


def word_of(text: str, *, begun: bool = False) -> Word | None:
    """What is typed, as words after one another; None where it has none."""
    parts = tuple(_TOKEN.findall(folded(text)))
    return Word(parts, begun and len(parts[-1]) >= BEGUN) if parts else None


def parse(asked: str, *, typing: bool = True) -> Asked:
    """What was typed, understood; whatever it is, it means something. `typing`: the last word may be only begun."""
    asked = asked.replace("\0", " ")[:LONGEST]
    whole = " ".join(asked.split())
    terms = list(_TERM.finditer(asked))
    found: dict[str, list[str]] = {name: [] for name in FILTERS}
    words: list[Word] = []
    for term in terms:
        name, value = (term["name"] or term["bare"] or "").lower(), term["plain"] or term["quoted"] or ""
        if name in found:
            found[name].append(value)
            continue
        open_ended = typing and term["plain"] is not None and term.end() == len(asked)
        word = word_of(f"{name} {value}", begun=open_ended)
        if word is not None:
            words.append(word)
    known = set(get_args(Is))
    standing = {value.lower() for value in found["is"]}
    wrong = [f"{name}:{value}" for name in FILTERS for value in found[name] if not value.strip()]
    wrong += [f"is:{value}" for value in sorted(standing - known) if value]
    reference = _REFERENCE.fullmatch(whole)
    return Asked(
        whole=whole,
        words=tuple(dict.fromkeys(words))[:MOST_WORDS],
        customers=tuple(value for value in found["customer"] if value.strip()),
        senders=tuple(word for value in found["from"] if (word := word_of(value, begun=True)) is not None),
        tags=tuple(" ".join(value.lower().split()) for value in found["tag"] if value.strip()),
        queues=tuple(value for value in found["queue"] if value.strip()),
        standing=frozenset(standing & known),  # type: ignore[arg-type]
        number=int(reference["number"]) if reference else None,
        slug=(reference["slug"] or "").lower() if reference else "",
        wrong=wrong[0] if wrong else "",
    )


def tsquery(word: Word, weights: str = "") -> str:
    """The word as PostgreSQL's `to_tsquery` takes it, looked for in lexemes of these weights alone ("": in any)."""
    last = len(word.parts) - 1
    marks = ["*" * (word.begun and place == last) + weights for place in range(len(word.parts))]
    return " <-> ".join(
        f"'{part}'" + (f":{mark}" if mark else "") for part, mark in zip(word.parts, marks, strict=True)
    )


def loosely(word: Word) -> str:
    """The same without their order: what an index of words alone can tell."""
    *first, last = word.parts
    return " & ".join([*(tsquery(Word((part,))) for part in first), tsquery(Word((last,), word.begun))])


def marked(text: str, words: Sequence[Word], width: int = 180) -> list[Piece]:
    """A piece of the text where the first of the words stands, cut to about `width` characters, the words marked.

    The beginning where none of them stands there. Joined, the pieces are that part of the text with its white space in
    single spaces, and "…" where something was left out.
    """
    text = " ".join(text.split())
    spans = _spans(text, words)
    start = 0
    if spans and spans[0][0] > width // 2:
        start = text.find(" ", spans[0][0] - width // 3) + 1 or spans[0][0]
        start = min(start, spans[0][0])
    end = len(text)
    if end - start > width:
        cut = text.rfind(" ", start + 1, start + width)
        end = cut if cut > start else start + width
    pieces, at = [Piece("…", False)] * (start > 0), start
    for first, last in spans:
        begin, stop = max(first, at), min(last, end)
        if begin < stop:
            pieces += [Piece(text[at:begin], False), Piece(text[begin:stop], True)]
            at = stop
    pieces += [Piece(text[at:end], False)] + [Piece("…", False)] * (end < len(text))
    return [piece for piece in pieces if piece.text]


def _spans(text: str, words: Iterable[Word]) -> list[tuple[int, int]]:
    """[start, end) of what the words match in the text, in order, without overlaps."""
    plain, origin = _with_places(text)
    tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(plain)]
    found = []
    for place in range(len(tokens)):
        for word in words:
            part = tokens[place : place + len(word.parts)]
            if len(part) == len(word.parts) and _fits([token for token, _start, _end in part], word):
                found.append((origin[part[0][1]], origin[part[-1][2] - 1] + 1))
    spans: list[tuple[int, int]] = []
    for begin, stop in sorted(found):
        if spans and begin < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((begin, stop))
    return spans


def _fits(tokens: Sequence[str], word: Word) -> bool:
    *first, last = tokens
    *wanted, end = word.parts
    return first == wanted and (last.startswith(end) if word.begun else last == end)


def _with_places(text: str) -> tuple[str, Sequence[int]]:
    """The text folded, and where in it each folded character comes from."""
    if text.isascii():
        return folded(text), range(len(text))
    letters, origin = [], []
    for place, letter in enumerate(text):
        plain = folded(letter)
        letters.append(plain)
        origin += [place] * len(plain)
    return "".join(letters), origin
