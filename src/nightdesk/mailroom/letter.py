"""A mail read: who wrote, to whom, in which thread, and the words. Nothing is believed, and no bytes make it fail.

The header is read here and not by the `email` package, whose modern policy raises on real mails; its old policy takes
the body apart. Every text that comes out can be stored by PostgreSQL: no NUL, no lone surrogate.
"""

import binascii
import codecs
import email
import email.utils
import quopri
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.policy import compat32

from nightdesk.mailroom.html_text import text_of_html

LONGEST_TEXT = 200_000
MOST_HEADERS = 400
MOST_PARTS = 300
DEEPEST = 30
LONGEST_LINE = 4_000

_END_OF_HEAD = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:(.*)", re.DOTALL)
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,4000})\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(=\?)")
_IDS = re.compile(r"<([^<>\s]{3,300})>")
_COMMENT = re.compile(r"\([^()]*\)")
_ANGLED = re.compile(r"<([^<>]*)>")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NOT_FOR_TEXT = frozenset(("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7", "utf_7"))
_AS_WINDOWS = frozenset(("iso8859-1", "iso-8859-1", "latin-1", "latin1", "ascii", "us-ascii"))


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not the text. `size` is in bytes once decoded."""

    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says. Addresses are in small letters; ids are without their angle brackets, case kept.

    `text` is all of it, quotes included; `headers` are (name in small letters, value decoded), in their order. `when` is
    what the sender's clock said. `faults` is what could not be read, in words.
    """

    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    from_address: str = ""
    from_name: str = ""
    reply_to: str = ""
    to: tuple[str, ...] = ()
    title: str = ""
    when: datetime | None = None
    text: str = ""
    from_html: bool = False
    media_type: str = "text/plain"
    report_type: str = ""
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = field(default=())

    def header(self, name: str) -> str:
        """The first of that name, "" where there is none."""
        return next((value for held, value in self.headers if held == name), "")

    def all_of(self, name: str) -> list[str]:
        """Every value of that name."""
        return [value for held, value in self.headers if held == name]

    @property
    def thread(self) -> tuple[str, ...]:
        """Ids of what it answers, the nearest first."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))


def read_letter(raw: bytes) -> Letter:
    """`raw` as a letter; whatever is wrong with it stands in `faults`."""
    head = read_head(raw)
    faults: list[str] = []
    text, from_html, media_type, report_type = "", False, "text/plain", ""
    attachments: tuple[Attachment, ...] = ()
    try:
        message = email.message_from_bytes(raw, policy=compat32)
        media_type, report_type = _type_of(message), _parameter(message, "report-type")
        text, from_html, attachments = _body(message, faults)
    except Exception as fault:  # the email package raises whatever it likes on bytes that nobody thought of
        faults.append(f"The body could not be taken apart: {type(fault).__name__}: {fault}"[:300])
        text = decoded(raw[_end_of_head(raw) :][:LONGEST_TEXT], "")
    froms = _addresses([value for name, value in head if name == "from"])
    replies = _addresses([value for name, value in head if name == "reply-to"])
    recipients = _addresses([value for name, value in head if name in ("to", "cc", "delivered-to", "x-original-to")])
    name, address = froms[0] if froms else ("", "")
    return Letter(
        message_id=_first_id(_value(head, "message-id")),
        in_reply_to=tuple(_IDS.findall(_value(head, "in-reply-to"))[:20]),
        references=tuple(_IDS.findall(_value(head, "references"))[-100:]),
        from_address=address,
        from_name=one_line(name)[:200],
        reply_to=replies[0][1] if replies else "",
        to=tuple(dict.fromkeys(address for _name, address in recipients))[:200],
        title=one_line(decoded_words(_value(head, "subject")))[:1000],
        when=_instant(_value(head, "date")),
        text=clean(text)[:LONGEST_TEXT],
        from_html=from_html,
        media_type=media_type,
        report_type=report_type,
        attachments=attachments,
        headers=tuple((name, one_line(decoded_words(value))[:LONGEST_LINE]) for name, value in head),
        faults=tuple(clean(fault) for fault in faults),
    )


def read_head(raw: bytes) -> list[tuple[str, str]]:
    """The header's fields: (name in small letters, value unfolded and not yet decoded). Lines that are no field are left out."""
    block = raw[: _end_of_head(raw)][: 256 * 1024]
    fields: list[tuple[str, bytes]] = []
    for line in re.split(rb"\r\n|\n|\r", block):
        if line[:1] in (b" ", b"\t"):
            if fields and len(fields[-1][1]) < 64 * 1024:
                fields[-1] = (fields[-1][0], fields[-1][1] + b" " + line.strip())
        elif found := _FIELD.fullmatch(line):
            fields.append((found[1].decode("ascii").lower(), found[2].strip()))
        if len(fields) > MOST_HEADERS:
            break
    return [(name, clean(decoded(value, "utf-8"))) for name, value in fields]


def clean(text: str) -> str:
    """`text` with U+FFFD for what PostgreSQL cannot store."""
    return _UNSTORABLE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """`text` with line ends and control characters as single blanks, and none at its ends."""
    return " ".join(_CONTROL.sub(" ", clean(text)).split())


def decoded(content: bytes, charset: str) -> str:
    """Text from bytes: by the charset that they claim where that fits, else UTF-8, else Windows' western one."""
    name = charset.strip().strip("\"'").lower()
    try:
        known = codecs.lookup(name).name if name else ""
    except (LookupError, ValueError, UnicodeError):
        known = ""
    for choice in (known if known not in _NOT_FOR_TEXT | _AS_WINDOWS else "", "utf-8"):
        if choice:
            try:
                return content.decode(choice)
            except (UnicodeError, LookupError, ValueError):
                continue
    return content.decode("cp1252", errors="replace")


def decoded_words(value: str) -> str:
    """`value` with its encoded words (RFC 2047) decoded; what is none stays as it is."""

    def word(found: re.Match[str]) -> str:
        charset, how, content = found[1].partition("*")[0], found[2].lower(), found[3]
        try:
            if how == "b":
                plain = b64decode(content.encode("ascii", "replace") + b"=" * (-len(content) % 4))
            else:
                plain = quopri.decodestring(content.replace("_", " ").encode("utf-8", "replace"), header=False)
        except (binascii.Error, ValueError):
            return found[0]
        return decoded(plain, charset)

    return clean(_WORD.sub(word, _BETWEEN.sub(r"\1\2", value)))


def _end_of_head(raw: bytes) -> int:
    found = _END_OF_HEAD.search(raw)
    return found.start() if found else len(raw)


def _value(head: Sequence[tuple[str, str]], name: str) -> str:
    return next((value for held, value in head if held == name), "")


def _first_id(value: str) -> str:
    found = _IDS.search(value)
    return (found[1] if found else one_line(value))[:300]


def _addresses(values: Sequence[str]) -> list[tuple[str, str]]:
    """(name, address in small letters) of all that can be written to."""
    found = []
    for value in values:
        for entry in _entries(value[:20_000]):
            bare = _COMMENT.sub(" ", entry)
            angled = _ANGLED.search(bare)
            written = angled[1] if angled else next((word for word in bare.split() if "@" in word), "")
            address = one_line(written).lower()
            if 3 <= len(address) <= 320 and "@" in address[1:-1] and " " not in address:
                name = bare[: angled.start()].strip().strip('"') if angled else ""
                found.append((decoded_words(name.replace('\\"', '"')), address))
    return found


def _entries(value: str) -> Iterator[str]:
    """A list of addresses, cut at its commas and semicolons; those in quotes, in brackets and of a group's name are none."""
    quoted, start, depth = False, 0, 0
    for place, sign in enumerate(value):
        if sign == '"' and value[place - 1 : place] != "\\":
            quoted = not quoted
        elif quoted:
            continue
        elif sign in "(<":
            depth += 1
        elif sign in ")>":
            depth = max(0, depth - 1)
        elif sign in ",;" and not depth:
            yield value[start:place]
            start = place + 1
        elif sign == ":" and not depth and "@" not in value[start:place]:
            start = place + 1
    # A quote or bracket that never ends would hide all that follows.
    yield from re.split("[,;]", value[start:]) if quoted or depth else [value[start:]]


def _instant(value: str) -> datetime | None:
    try:
        when = email.utils.parsedate_to_datetime(value[:200])
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return when.astimezone(UTC) if 1970 <= when.year <= 2199 else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _type_of(part: Message) -> str:
    try:
        return clean(str(part.get_content_type()))[:100]
    except (ValueError, UnicodeError, TypeError, LookupError):
        return "application/octet-stream"


def _parameter(part: Message, name: str) -> str:
    try:
        value = part.get_param(name)
    except (ValueError, UnicodeError, TypeError, LookupError):
        return ""
    if isinstance(value, tuple):
        value = value[2]
    return str(value or "")[:300]


def _file_name(part: Message) -> str:
    try:
        name = part.get_filename()
    except (ValueError, UnicodeError, TypeError, LookupError):
        return ""
    return one_line(decoded_words(str(name)))[:200] if name else ""


def _content(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, UnicodeError, TypeError, LookupError, AssertionError):
        content = None
    if isinstance(content, bytes):
        return content
    held = part.get_payload()
    return held.encode("utf-8", "replace") if isinstance(held, str) else b""


def _leaves(part: Message, depth: int = 0) -> Iterator[Message]:
    """Parts that are no multipart; a mail within the mail is one leaf."""
    held = part.get_payload()
    if isinstance(held, list) and part.get_content_maintype() == "multipart" and depth < DEEPEST:
        for one in held:
            if isinstance(one, Message):
                yield from _leaves(one, depth + 1)
    else:
        yield part


def _body(message: Message, faults: list[str]) -> tuple[str, bool, tuple[Attachment, ...]]:
    """(text, whether it was HTML, attachments)."""
    plain: list[str] = []
    html: list[str] = []
    attachments: list[Attachment] = []
    for number, part in enumerate(_leaves(message)):
        if number >= MOST_PARTS:
            faults.append(f"It has more than {MOST_PARTS} parts; the rest was not looked at.")
            break
        media_type, name = _type_of(part), _file_name(part)
        disposition = str(part.get("content-disposition") or "").strip().lower()
        is_text = (
            media_type in ("text/plain", "text/html")
            and not disposition.startswith("attachment")
            and (not name or part is message)
        )
        if media_type.startswith("message/"):
            attachments.append(_enclosed(part, media_type, name))
            continue
        content = _content(part)
        if not is_text:
            attachments.append(Attachment(name, media_type, len(content)))
            continue
        text = decoded(content[: LONGEST_TEXT * 4], _parameter(part, "charset"))
        (plain if media_type == "text/plain" else html).append(text)
    text = "\n".join(plain).replace("\r\n", "\n").replace("\r", "\n")
    if text.strip() or not html:
        return text, False, tuple(attachments)
    return text_of_html("\n".join(html)), True, tuple(attachments)


def _enclosed(part: Message, media_type: str, name: str) -> Attachment:
    """A mail within the mail, under its own title."""
    held = part.get_payload()
    inner = held[0] if isinstance(held, list) and held and isinstance(held[0], Message) else None
    title = one_line(decoded_words(str(inner.get("subject") or "")))[:150] if inner is not None else ""
    return Attachment(name or title, media_type, 0)
