"""winmail.dat: text, HTML and files of a mail that Outlook wrapped for itself (MS-OXTNEF). Pure; nothing raises.

A reader of our own: the one that there is for Python copies the rest of the file at every attribute, and takes the zeros off
the end of files that are held as objects.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP

from nightdesk.mailroom.decoding import clean, decoded, one_line
from nightdesk.mailroom.rtf import read_rtf, unpacked

SIGNATURE = 0x223E9F78
DEEPEST = 5
MOST_FILES = 200
_ATT_SUBJECT, _ATT_BODY, _ATT_PROPS, _ATT_CODE_PAGE = 0x8004, 0x800C, 0x9003, 0x9007
_ATT_BEGINS, _ATT_TITLE, _ATT_CONTENT, _ATT_FILE_PROPS = 0x9002, 0x8010, 0x800F, 0x9005
_BODY, _HTML, _RTF, _SUBJECT, _CODE_PAGE = 0x1000, 0x1013, 0x1009, 0x0037, 0x3FDE
_SENDER_NAME, _SENDER_ADDRESS = 0x0C1A, 0x5D01
_CONTENT, _SHORT_NAME, _LONG_NAME, _DISPLAY_NAME = 0x3701, 0x3704, 0x3707, 0x3001
_TYPE, _CONTENT_ID, _LOCATION = 0x370E, 0x3712, 0x3713
_STRING, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
_SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16, 0x01: 0}
_A_MAIL = bytes.fromhex("0703020000000000c000000000000046")
"""IID_IMessage: what an embedded mail begins with."""


@dataclass(frozen=True, slots=True)
class File:
    """A file in it. Of an embedded mail, the mail as RFC 5322."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    content_id: str = ""
    location: str = ""


@dataclass(slots=True)
class Wrapped:
    """What was wrapped. `whole`: nothing in it was cut short or unknown."""

    subject: str = ""
    sender: str = ""
    text: str = ""
    html: str = ""
    files: list[File] = field(default_factory=list)
    whole: bool = True


def unwrap(content: bytes, depth: int = 0) -> Wrapped | None:
    """What `content` (application/ms-tnef) holds; None where it is none."""
    if len(content) < 6 or struct.unpack_from("<I", content)[0] != SIGNATURE:
        return None
    found = Wrapped()
    page = 1252
    held: dict[int, bytes | str | int] = {}
    open_file: dict[int, bytes | str | int] | None = None
    title, data = "", b""

    def end_file() -> None:
        if open_file is not None and len(found.files) < MOST_FILES:
            found.files.append(_file(open_file, title, data, depth))

    try:
        for name, value in _attributes(content, found):
            if name == _ATT_CODE_PAGE and len(value) >= 4:
                page = struct.unpack_from("<I", value)[0]
            elif name == _ATT_SUBJECT:
                held.setdefault(_SUBJECT, decoded(bytes(value).rstrip(b"\0"), f"cp{page}"))
            elif name == _ATT_BODY:
                held.setdefault(_BODY, decoded(bytes(value).rstrip(b"\0"), f"cp{page}"))
            elif name == _ATT_PROPS:
                held |= dict(_properties(value, page))
            elif name == _ATT_BEGINS:
                end_file()
                open_file, title, data = {}, "", b""
            elif name == _ATT_TITLE:
                title = decoded(bytes(value).rstrip(b"\0"), f"cp{page}")
            elif name == _ATT_CONTENT:
                data = bytes(value)
            elif name == _ATT_FILE_PROPS and open_file is not None:
                open_file |= dict(_properties(value, page))
    except (struct.error, IndexError, ValueError):
        found.whole = False
    end_file()
    _put_text(found, held)
    return found


def _put_text(found: Wrapped, held: dict[int, bytes | str | int]) -> None:
    page = held.get(_CODE_PAGE)
    charset = "utf-8" if page == 65001 else f"cp{page}" if isinstance(page, int) else ""
    found.subject = one_line(_text(held.get(_SUBJECT), charset))
    found.sender = one_line(_text(held.get(_SENDER_ADDRESS), charset) or _text(held.get(_SENDER_NAME), charset))
    found.text, found.html = _text(held.get(_BODY), charset), _text(held.get(_HTML), charset)
    packed = held.get(_RTF)
    if isinstance(packed, bytes) and not found.html and (rich := unpacked(packed).rstrip(b"\0")):
        text, is_html = read_rtf(rich)
        if is_html:
            found.html = clean(text)
        elif not found.text.strip():
            found.text = clean(text)


def _text(value: bytes | str | int | None, charset: str) -> str:
    if isinstance(value, bytes):
        return clean(decoded(value.rstrip(b"\0"), charset))
    return clean(value.rstrip("\0")) if isinstance(value, str) else ""


def _attributes(content: bytes, found: Wrapped) -> Iterator[tuple[int, memoryview]]:
    """(name, value); one that is cut short gives what is there."""
    view, place = memoryview(content), 6
    while place + 9 <= len(view):
        name = struct.unpack_from("<H", view, place + 1)[0]
        length = struct.unpack_from("<I", view, place + 5)[0]
        place += 9
        yield name, view[place : place + length]
        place += length + 2
    if place != len(view):
        found.whole = False


def _properties(view: memoryview, page: int) -> Iterator[tuple[int, bytes | str | int]]:
    """(id, value) of those that are a text, bytes or a number; of several values the first. Raises struct.error."""
    count, place = struct.unpack_from("<I", view)[0], 4
    for _number in range(min(count, len(view))):
        if place >= len(view):
            return
        kind, name = struct.unpack_from("<HH", view, place)
        place += 4
        if name >= 0x8000:
            is_text = struct.unpack_from("<I", view, place + 16)[0]
            length = struct.unpack_from("<I", view, place + 20)[0] if is_text else 0
            place += 24 + length + -length % 4
        several, kind = bool(kind & 0x1000), kind & 0x0FFF
        if kind in _SIZES:
            repeats = 1
            if several:
                repeats = struct.unpack_from("<I", view, place)[0]
                place += 4
            if kind in (0x02, 0x03, 0x0B) and not several:
                yield name, struct.unpack_from("<i", view, place)[0]
            place += _SIZES[kind] * repeats
            continue
        if kind not in (_STRING, _UNICODE, _OBJECT, _BINARY):
            raise ValueError("a kind of value that nobody knows")
        repeats = struct.unpack_from("<I", view, place)[0]
        place += 4
        for number in range(min(repeats, len(view))):
            length = struct.unpack_from("<I", view, place)[0]
            value = bytes(view[place + 4 : place + 4 + length])
            place += 4 + length + -length % 4
            if number == 0:
                yield name, _read(kind, value, page)
            if place > len(view):
                return


def _read(kind: int, value: bytes, page: int) -> bytes | str:
    if kind == _UNICODE:
        return value.decode("utf-16-le", "replace").rstrip("\0")
    return decoded(value.rstrip(b"\0"), f"cp{page}") if kind == _STRING else value


def _file(held: dict[int, bytes | str | int], title: str, data: bytes, depth: int) -> File:
    content = held.get(_CONTENT, b"")
    content = content if isinstance(content, bytes) and content else data
    names = [_text(held.get(name), "") for name in (_LONG_NAME, _SHORT_NAME)] + [
        title,
        _text(held.get(_DISPLAY_NAME), ""),
    ]
    name = one_line(next((one for one in names if one.strip()), ""))
    if content.startswith(_A_MAIL):
        inner = unwrap(content[16:], depth + 1) if depth < DEEPEST else None
        if inner is not None:
            return File(f"{inner.subject or name or 'mail'}.eml", "message/rfc822", as_mail(inner))
    told = [_text(held.get(one), "") for one in (_TYPE, _CONTENT_ID, _LOCATION)]
    return File(name, one_line(told[0]).lower(), content, one_line(told[1]).strip("<>"), one_line(told[2]))


def as_mail(wrapped: Wrapped) -> bytes:
    """As RFC 5322, so that it can be read like any other."""
    mail = EmailMessage(policy=SMTP)
    mail.set_content(wrapped.text or "")
    if wrapped.html:
        mail.add_alternative(wrapped.html, subtype="html")
    for one in wrapped.files:
        main, _slash, sub = (
            one.media_type if one.media_type.count("/") == 1 else "application/octet-stream"
        ).partition("/")
        if main in ("message", "multipart", "text"):
            main, sub = "application", "octet-stream"
        mail.add_attachment(one.content, maintype=main, subtype=sub, filename=one.name or "file")
    for number, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f"=={hashlib.sha256(wrapped.text.encode()).hexdigest()[:20]}=={number}==")
    # Its header is written here: the email package refuses addresses and signs that real ones have.
    head = [f"Subject: {wrapped.subject[:500]}"] + ([f"From: {wrapped.sender[:300]}"] if "@" in wrapped.sender else [])
    return "\r\n".join([*head, ""]).encode() + mail.as_bytes()
