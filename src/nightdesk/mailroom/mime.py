"""A mail taken apart by its bytes (RFC 2045, 2046, 2231), and whatever else mail programs write. Pure; nothing raises.

The `email` package is not asked: its modern policy raises on real mails, its old one loses names, and neither gives back a
mail within a mail byte for byte.
"""

import binascii
import quopri
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote_to_bytes

from nightdesk.mailroom.decoding import clean, decoded, decoded_words, one_line

MOST_FIELDS = 400
LONGEST_HEAD = 256 * 1024
MOST_PARTS = 600
"""Parts of one mail that are told apart; what comes behind them stays one piece."""
DEEPEST = 30
MOST_PIECES = 10_000
"""Of base64 that ends and begins anew."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_END_OF_HEAD = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:(.*)", re.DOTALL)
_TYPE = re.compile(r"\s*([\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,80})")
_PARAMETER = re.compile(r"\s*([^\s=;\"*]{1,60})(?:\*(\d{1,3}))?(\*)?\s*=\s*(.*)", re.DOTALL)
_SIGN = re.compile(r'[";\\]')
_AFTER_MARK = re.compile(rb"(--)?[ \t]*(?=\r\n|\n|\r|\Z)")
_NOT_BASE64 = bytes(
    code for code in range(256) if not (chr(code).isascii() and chr(code).isalnum()) and code not in b"+/"
)


@dataclass(frozen=True)
class Entity:
    """A part: its header's fields as (name in small letters, value unfolded), its body as it came, and what it is made of.

    Only a multipart has `children`; a mail within the mail is one part, with that mail as its body. `media_type` is what it
    is read as, `claimed_type` what its header says.
    """

    fields: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    children: tuple["Entity", ...] = ()
    media_type: str = "text/plain"
    claimed_type: str = "text/plain"

    def header(self, name: str) -> str:
        """The first of that name, not decoded; "" where there is none."""
        return next((value for held, value in self.fields if held == name), "")

    def parameter(self, of: str, name: str) -> str:
        """The parameter `name` of the field `of`, decoded; "" where there is none."""
        return (self._of_type if of == "content-type" else parameters(self.header(of))).get(name, "")

    @cached_property
    def _of_type(self) -> dict[str, str]:
        return parameters(self.header("content-type"))

    @cached_property
    def disposition(self) -> str:
        """`attachment`, `inline`, another word, or "" where it says nothing."""
        return one_line(self.header("content-disposition").partition(";")[0]).lower()[:40]

    @cached_property
    def charset(self) -> str:
        return self.parameter("content-type", "charset")[:60]

    @cached_property
    def name(self) -> str:
        """The file name that it claims, on one line, without a path; "" for none."""
        told = self.parameter("content-disposition", "filename") or self.parameter("content-type", "name")
        told = re.split(r"[\\/]", one_line(decoded_words(told)))[-1].strip()
        return told[:200] if told.strip(". ") else ""

    @cached_property
    def content(self) -> bytes:
        """The body without its transfer encoding; one that nobody knows leaves it as it came."""
        return without_encoding(self.body, one_line(self.header("content-transfer-encoding")).lower())

    @property
    def text(self) -> str:
        """The content as text."""
        return as_text(self.content, self.charset)


def as_text(content: bytes, charset: str) -> str:
    """Bytes of a part as text, its line ends as newlines."""
    return clean(decoded(content, charset)).replace("\r\n", "\n").replace("\r", "\n")


def take_apart(raw: bytes) -> Entity:
    """`raw` as a tree of parts."""
    return _taken_apart(raw, "text/plain", 0, [MOST_PARTS])


def _taken_apart(raw: bytes, otherwise: str, depth: int, left: list[int]) -> Entity:
    """`otherwise`: what it is where it says nothing of its type. `left`: how many parts there may still be."""
    end, body_starts = end_of_head(raw)
    fields = tuple(read_head(raw[:end]))
    body = raw[body_starts:]
    told = next((value for held, value in fields if held == "content-type"), "")
    found = _TYPE.match(told)
    media_type = found[1].lower() if found else otherwise
    if not media_type.startswith("multipart/") or depth >= DEEPEST or left[0] <= 0:
        return Entity(fields, body, (), media_type, media_type)
    pieces = _pieces(body, parameters(told).get("boundary", ""), left[0])
    if not pieces:
        # It says that it has parts and has none: what it has is its text.
        return Entity(fields, body, (), "text/plain", media_type)
    inside = "message/rfc822" if media_type == "multipart/digest" else "text/plain"
    left[0] -= len(pieces)
    children = tuple(_taken_apart(piece, inside, depth + 1, left) for piece in pieces)
    return Entity(fields, body, children, media_type, media_type)


def _pieces(body: bytes, boundary: str, most: int) -> list[bytes]:
    """What stands between the boundaries' lines; a last one that was never closed counts, and the last of `most` has the rest."""
    mark = boundary.encode("utf-8", "surrogateescape").strip()
    if not mark:
        return []
    pieces: list[bytes] = []
    start = None
    for begins, ends, is_last in _boundaries(body, b"--" + mark):
        if start is not None:
            pieces.append(body[start:begins])
        if is_last:
            return pieces
        line_end = _LINE_END.match(body, ends)
        start = line_end.end() if line_end else ends
        if len(pieces) + 1 >= most:
            break
    if start is not None:
        pieces.append(body[start:])
    return pieces


def _boundaries(body: bytes, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Lines that are nothing but the mark: (where one begins, with the end of the line before, where it ends, is it the last).

    No regular expression of the mark: each mail has a mark of its own, and making one takes longer than reading with it.
    """
    at = body.find(mark)
    while at >= 0:
        before = body[max(at - 2, 0) : at]
        rest = _AFTER_MARK.match(body, at + len(mark)) if not before or before[-1:] in (b"\r", b"\n") else None
        if rest is not None:
            yield at - (2 if before == b"\r\n" else len(before[-1:])), rest.end(), rest[1] is not None
        at = body.find(mark, rest.end() if rest is not None else at + 1)


def end_of_head(raw: bytes) -> tuple[int, int]:
    """(where the header ends, where the body begins). A part may begin with its blank line: then it has no header."""
    first = _LINE_END.match(raw)
    if first:
        return 0, first.end()
    found = _END_OF_HEAD.search(raw)
    return (found.start(), found.end()) if found else (len(raw), len(raw))


def read_head(block: bytes) -> list[tuple[str, str]]:
    """The header's fields: (name in small letters, value unfolded and not yet decoded). Lines that are no field are left out."""
    fields: list[tuple[str, bytes]] = []
    for line in _LINE_END.split(block[:LONGEST_HEAD]):
        if line[:1] in (b" ", b"\t"):
            if fields and len(fields[-1][1]) < 64 * 1024:
                fields[-1] = (fields[-1][0], fields[-1][1] + b" " + line.strip())
        elif found := _FIELD.fullmatch(line):
            fields.append((found[1].decode("ascii").lower(), found[2].strip()))
        elif fields and fields[-1][0].startswith("content-") and fields[-1][1].count(b'"') % 2:
            fields[-1] = (fields[-1][0], fields[-1][1] + b" " + line)  # a line end within a name
        if len(fields) > MOST_FIELDS:
            break
    return [(name, clean(decoded(value, "utf-8"))) for name, value in fields]


def parameters(value: str) -> dict[str, str]:
    """What stands behind the first semicolon of a field: name in small letters -> value (RFC 2231 and its variants).

    A value without quotes reaches to the next semicolon, blanks and all, as some programs write it.
    """
    if ";" not in value:
        return {}
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for told in _at_semicolons(value[:20_000])[1:60]:
        found = _PARAMETER.match(told)
        if not found:
            continue
        name, number, encoded, given = found[1].lower(), found[2], bool(found[3]), _unquoted(found[4])
        if number is not None or encoded:
            pieces.setdefault(name, {}).setdefault(int(number or 0), (given, encoded))
        else:
            plain.setdefault(name, given)
    for name, numbered in pieces.items():
        plain[name] = _joined([numbered[number] for number in sorted(numbered)])
    return {name: clean(given) for name, given in plain.items()}


def _at_semicolons(value: str) -> list[str]:
    if '"' not in value:
        return value.split(";")
    found, start, quoted, escaped = [], 0, False, -1
    for sign in _SIGN.finditer(value):
        place = sign.start()
        if place == escaped:
            continue
        if sign[0] == '"':
            quoted = not quoted
        elif sign[0] == "\\":
            escaped = place + 1 if quoted else -1
        elif not quoted:
            found.append(value[start:place])
            start = place + 1
    rest = value[start:]
    # A quote that never ends would hide all that follows.
    return [*found, *rest.split(";")] if quoted else [*found, rest]


def _unquoted(value: str) -> str:
    value = value.strip()
    if not value.startswith('"'):
        return value
    found = re.match(r'"((?:[^"\\]|\\.)*)"', value, re.DOTALL)
    inside = found[1] if found else value.strip('"')
    return re.sub(r'\\(["\\])', r"\1", inside)


def _joined(pieces: Sequence[tuple[str, bool]]) -> str:
    """RFC 2231: charset and language stand before the first piece, where that is encoded."""
    charset = ""
    content = b""
    for number, (given, encoded) in enumerate(pieces):
        rest = given
        if number == 0 and encoded and given.count("'") >= 2:
            charset, _language, rest = given.split("'", 2)
        content += unquote_to_bytes(rest) if encoded else rest.encode("utf-8", "replace")
    return decoded(content, charset or "utf-8")


def without_encoding(body: bytes, encoding: str) -> bytes:
    """`body` decoded by its Content-Transfer-Encoding, as far as it can be."""
    encoding = encoding.strip("\"'; ").split(" ")[0]
    if encoding == "base64":
        return from_base64(body)
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
        found = uuencoded(body)
        return found[0][2] if found else body
    return body


def from_base64(body: bytes) -> bytes:
    """Lenient: what is no base64 is left out, and padding in its middle ends a piece and not the whole."""
    found = []
    pieces = re.split(rb"=+", body) if b"=" in body.rstrip(b"= \t\r\n") else [body]
    for piece in pieces if len(pieces) < MOST_PIECES else [b"".join(pieces)]:
        signs = piece.translate(None, _NOT_BASE64)
        if len(signs) % 4 == 1:
            signs = signs[:-1]
        found.append(binascii.a2b_base64(signs + b"=" * (-len(signs) % 4)))
    return b"".join(found)


_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,200})(?:\r\n|\n|\r)", re.MULTILINE)


def uuencoded(text: bytes) -> list[tuple[slice, str, bytes]]:
    """Files that stand in a text by uuencode: (where, name, content). What begins as one and is none stays text."""
    found: list[tuple[slice, str, bytes]] = []
    place = 0
    while (begin := _BEGIN.search(text, place)) and len(found) < MOST_PARTS:
        place = begin.end()
        content: list[bytes] = []
        for line in re.compile(rb"([^\r\n]*)(?:\r\n|\n|\r|\Z)").finditer(text, begin.end()):
            place = line.end()
            if line[1].strip() == b"end":
                name = one_line(decoded(begin[1], "utf-8"))
                found.append((slice(begin.start(), line.end(1)), name, b"".join(content)))
                break
            try:
                content.append(_uu_line(line[1]))
            except (binascii.Error, ValueError):
                break
            if line.end() == len(text):
                break
    return found


def _uu_line(line: bytes) -> bytes:
    if not line or line in (b"`", b" "):
        return b""
    length = (line[0] - 32) & 63
    needed = (length + 2) // 3 * 4
    if not 32 <= line[0] <= 96 or len(line) - 1 > needed + 2 or length == 0:
        raise ValueError("no line of uuencode")
    return binascii.a2b_uu(line[:1] + line[1 : 1 + needed].ljust(needed))
