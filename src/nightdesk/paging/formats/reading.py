"""Bytes from a stranger to clean fields, for every format alike.

The rule is that a page lost is worse than a page that looks odd: what can be healed is healed and noted, and only a
body that says nothing at all is refused.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from .signal import Answer, Image, Json, Link, Severity

KEY_LENGTH = 255
SUMMARY_LENGTH = 1024
LINE_LENGTH = 1024
MOST_LINKS = 50
DEEPEST = 32
TOO_DEEP = "(nested too deeply to keep)"
NOTES = "nightdesk"

# An instant outside these years is a zero value (Go's 0001-01-01) or a broken clock, and breaks zone arithmetic later.
FIRST_YEAR, LAST_YEAR = 1970, 2199

SEVERITY_WORDS: Mapping[Severity, tuple[str, ...]] = {
    "critical": ("critical", "crit", "page", "emergency", "alert", "fatal", "disaster", "sev1", "p1"),
    "error": ("error", "err", "major", "high", "severe", "sev2", "p2"),
    "warning": ("warning", "warn", "minor", "average", "medium", "sev3", "p3"),
    "info": ("info", "information", "informational", "notice", "none", "low", "debug", "sev4", "p4"),
}
_SEVERITIES = {word: severity for severity, words in SEVERITY_WORDS.items() for word in words}

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_WEB = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
_LATIN = re.compile(r"charset\s*=\s*\"?(iso-?8859-1\b|iso-?8859-15|windows-1252|cp1252|latin-?1)", re.IGNORECASE)


class Unreadable(Exception):
    """The body is not a JSON object; the text says why, for a machine's log."""


def read_object(body: bytes, content_type: str = "") -> dict[str, Json]:
    """The JSON object in `body`, as `read_json` reads it; raises Unreadable, also for JSON that is no object."""
    sent = read_json(body, content_type)
    if not isinstance(sent, dict):
        raise Unreadable("not a JSON object")
    return sent


def read_json(body: bytes, content_type: str = "") -> Json:
    """The JSON in `body`, cleaned for storage; raises Unreadable.

    Accepts what careless senders write and strict readers refuse: a byte order mark, UTF-16, wrong bytes in texts
    (U+FFFD), raw line ends inside strings, NaN and infinity (kept as their words), endless numbers (kept as text). Of
    a name given twice the last counts, as in most readers.
    """
    if not body.strip():
        raise Unreadable("empty body")
    try:
        sent = json.loads(
            _decode(body, content_type), parse_int=_whole, parse_float=_decimal, parse_constant=str, strict=False
        )
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except ValueError:
        raise Unreadable("JSON parse error") from None
    return clean(cast(Json, sent))


def clean(value: Json, depth: int = 0) -> Json:
    """`value` with every text and name storable, and nothing nested deeper than `DEEPEST` levels."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict | list) and depth == DEEPEST:
        return TOO_DEEP
    if isinstance(value, dict):
        return {clean_text(name): clean(held, depth + 1) for name, held in value.items()}
    if isinstance(value, list):
        return [clean(held, depth + 1) for held in value]
    return value


def clean_text(text: str) -> str:
    """`text` with U+FFFD for what PostgreSQL cannot store: NUL and halves of surrogate pairs."""
    return _UNSTORABLE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """`text` with line ends, tabs and control characters as single blanks, and none at its ends."""
    return _CONTROL.sub(" ", text).strip()


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of `text`; an ellipsis shows that there was more."""
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"


def short_key(key: str) -> str:
    """`key` in at most 255 characters: itself, or its beginning and a digest, so that two long keys stay two."""
    if len(key) <= KEY_LENGTH:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key[: KEY_LENGTH - len(digest) - 1] + "~" + digest


def digest_key(*parts: str) -> str:
    """64 hex digits that stand for `parts`, and for no other way to cut the same characters."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def text_of(value: Json) -> str | None:
    """A text or number as text; None for every other kind."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def severity_of(text: str) -> Severity | None:
    """The severity that a sender's word stands for, None for a word nobody knows."""
    return _SEVERITIES.get(text.casefold())


def instant_of(text: str) -> datetime | None:
    """An ISO 8601 instant in UTC; None where it is none, or absurd. Without a zone it is taken as UTC."""
    try:
        read = datetime.fromisoformat(text.strip())
        at = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if FIRST_YEAR <= at.year <= LAST_YEAR else None


def is_web(address: str) -> bool:
    """Whether `address` may be printed as a link: http and https only, never javascript: and its kin."""
    return _WEB.fullmatch(address) is not None


def is_form(body: bytes, content_type: str) -> bool:
    """Whether the body is a form, and not JSON that was only sent as one: `curl -d` calls whatever it sends so."""
    said = content_type.partition(";")[0].strip().casefold() == "application/x-www-form-urlencoded"
    return said and not body.lstrip().startswith((b"{", b"["))


def json_answer(status: int, body: Json, *headers: tuple[str, str], media_type: str = "application/json") -> Answer:
    """`body` as compact JSON, with its type and then `headers`."""
    return Answer(status, (("Content-Type", media_type), *headers), json.dumps(body, separators=(",", ":")).encode())


class Fields:
    """The fields of one object, each read once by name; remembers what was cut, what was of the wrong kind, and what
    nobody asked for. `prefix` stands before the names in those notes.
    """

    def __init__(self, sent: Json, prefix: str = "") -> None:
        self._left: dict[str, Json] = dict(sent) if isinstance(sent, dict) else {}
        self._prefix = prefix
        self._cut: dict[str, Json] = {}
        self._unread: dict[str, Json] = {}

    def take(self, name: str) -> Json:
        """The value as sent, None where there is none."""
        return self._left.pop(name, None)

    def refuse(self, name: str, value: Json) -> None:
        """Notes that `value` of `name` could not be used."""
        self._unread[self._prefix + name] = value

    def line(self, name: str, limit: int = LINE_LENGTH) -> str:
        """One line of text, cut to `limit` characters; "" where there is none."""
        text = self.text(name)
        line = one_line(text)
        if len(line) > limit:
            self._cut[self._prefix + name] = len(line)
        return cut(line, limit)

    def text(self, name: str) -> str:
        """A text or number as it was sent; "" where there is none."""
        value = self.take(name)
        text = text_of(value)
        if text is None and value is not None:
            self.refuse(name, value)
        return text or ""

    def object(self, name: str) -> dict[str, Json]:
        value = self.take(name)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.refuse(name, value)
        return {}

    def instant(self, name: str) -> datetime | None:
        value = self.take(name)
        at = instant_of(value) if isinstance(value, str) else None
        if at is None and value not in (None, "") and not (isinstance(value, str) and value.startswith("0001-")):
            self.refuse(name, value)
        return at

    def web(self, name: str) -> str:
        """A web address, "" where there is none that is safe to print as a link."""
        address = self.text(name).strip()
        if address and not is_web(address):
            self.refuse(name, address)
            return ""
        return address

    def links(self, name: str) -> tuple[Link, ...]:
        found: list[Link] = []
        odd: list[Json] = []
        for entry in self._entries(name):
            one = Fields(entry)
            href, text = one.text("href").strip(), one.line("text")
            if is_web(href) and len(found) < MOST_LINKS:
                found.append(Link(href, text))
            else:
                odd.append(entry)
        if odd:
            self.refuse(name, odd)
        return tuple(found)

    def images(self, name: str) -> tuple[Image, ...]:
        found: list[Image] = []
        odd: list[Json] = []
        for entry in self._entries(name):
            one = Fields(entry)
            src, href, alt = one.text("src").strip(), one.text("href").strip(), one.line("alt")
            if is_web(src) and src.lower().startswith("https:") and len(found) < MOST_LINKS:
                found.append(Image(src, href if is_web(href) else "", alt))
            else:
                odd.append(entry)
        if odd:
            self.refuse(name, odd)
        return tuple(found)

    def _entries(self, name: str) -> list[Json]:
        value = self.take(name)
        if isinstance(value, list):
            return value
        if value is not None:
            self.refuse(name, value)
        return []

    def rest(self) -> dict[str, Json]:
        """All that nobody has taken yet, taken as it was sent."""
        left, self._left = self._left, {}
        return left

    def notes(self) -> dict[str, dict[str, Json]]:
        """What there is to say about the reading so far; fields that nobody took are `extra`."""
        extra = {self._prefix + name: value for name, value in self._left.items()}
        kinds = {"cut": self._cut, "unread": self._unread, "extra": extra}
        return {kind: noted for kind, noted in kinds.items() if noted}


def with_notes(details: Mapping[str, Json], *read: Fields) -> dict[str, Json]:
    """`details` and, under one reserved name, the notes of all `read`; a sender's own value of it moves there."""
    merged: dict[str, Json] = {}
    for kind in ("cut", "unread", "extra"):
        noted: dict[str, Json] = {}
        for fields in read:
            noted |= fields.notes().get(kind, {})
        if noted:
            merged[kind] = noted
    kept = dict(details)
    if NOTES in kept:
        merged["sent"] = kept.pop(NOTES)
    return kept | {NOTES: merged} if merged else kept


def _decode(body: bytes, content_type: str) -> str:
    encoding = json.detect_encoding(body)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        text = body.decode("cp1252" if _LATIN.search(content_type) else encoding, errors="replace")
    return text.removeprefix("\ufeff")


def _whole(digits: str) -> int | str:
    # Python refuses to print more than 4,300 digits, and no reader of a page wants more than these.
    return int(digits) if len(digits) <= 30 else digits


def _decimal(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits
