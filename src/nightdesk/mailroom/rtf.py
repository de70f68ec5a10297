"""Rich text as Outlook packs it (MS-OXRTFCP), as the HTML that it was made from (MS-OXRTFEX) or as plain text. Pure."""

import re
import struct

from nightdesk.mailroom.decoding import decoded

LONGEST = 20_000_000
"""Bytes that a packed text may unfold to."""
_PACKED, _PLAIN = b"LZFu", b"MELA"
_KNOWN = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbol"
    rb"ArialTimes New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n" + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What the dictionary begins with (MS-OXRTFCP 2.1.2.1)."""

_TOKEN = re.compile(
    r"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_CODE_PAGES = {0: 1252, 77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255,
               178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250}  # fmt: skip
"""\\fcharsetN -> code page."""
_SIGNS = {"par": "\n", "line": "\n", "row": "\n", "sect": "\n", "page": "\n", "tab": "\t", "cell": "\t", "emdash": "—",
          "endash": "–", "emspace": " ", "enspace": " ", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“",
          "rdblquote": "”"}  # fmt: skip
_SILENT = frozenset(
    ("fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "headerl", "headerr", "footerl",
     "footerr", "listtable", "listoverridetable", "rsidtbl", "generator", "datastore", "themedata", "xmlnstbl", "fldinst")
)  # fmt: skip


def unpacked(content: bytes) -> bytes:
    """The RTF in a PidTagRtfCompressed; b"" where it is none. What is cut short gives what is there."""
    if len(content) < 16:
        return b""
    raw_size = struct.unpack_from("<I", content, 4)[0]
    kind = content[8:12]
    if kind == _PLAIN:
        return content[16 : 16 + raw_size]
    if kind != _PACKED or raw_size > LONGEST:
        return b""
    book = bytearray(_KNOWN.ljust(4096, b"\0"))
    write, place, out = len(_KNOWN), 16, bytearray()
    while place < len(content) and len(out) < raw_size:
        flags = content[place]
        place += 1
        for bit in range(8):
            if flags >> bit & 1:
                if place + 1 >= len(content):
                    return bytes(out)
                token = content[place] << 8 | content[place + 1]
                place += 2
                read, length = token >> 4, (token & 15) + 2
                if read == write % 4096:
                    return bytes(out[:raw_size])
                for _count in range(length):
                    sign = book[read % 4096]
                    out.append(sign)
                    book[write % 4096] = sign
                    read, write = read + 1, write + 1
            else:
                if place >= len(content):
                    return bytes(out)
                out.append(content[place])
                book[write % 4096] = content[place]
                place, write = place + 1, write + 1
    return bytes(out[:raw_size])


def read_rtf(content: bytes) -> tuple[str, bool]:
    """(text, whether it is HTML). HTML where it says that it was made from that."""
    reader = _Reader(content.decode("latin-1"))
    return reader.read(), reader.from_html


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self.from_html = bool(re.search(r"\\fromhtml1\b", source[:2000]))
        self._out: list[str] = []
        self._bytes = bytearray()
        found = re.search(r"\\ansicpg(\d{1,5})", source[:2000])
        self._default = int(found[1]) if found else 1252
        self._fonts: dict[int, int] = {}

    def read(self) -> str:
        # Of a group: (silent, in the RTF that only stands for HTML, an HTML tag, characters behind \u, code page).
        silent, in_rtf, in_tag, skipped, page = False, False, False, 1, self._default
        groups: list[tuple[bool, bool, bool, int, int]] = []
        may_be_unknown, in_fonts, font, skip = False, 0, 0, 0
        for word, number, hexadecimal, sign, brace, plain in _TOKEN.findall(self._source):
            if brace == "{":
                self._flush(page)
                groups.append((silent, in_rtf, in_tag, skipped, page))
                skip, may_be_unknown = 0, False
                continue
            if brace == "}":
                self._flush(page)
                in_fonts = 0 if len(groups) <= in_fonts else in_fonts
                if groups:
                    silent, in_rtf, in_tag, skipped, page = groups.pop()
                skip = 0
                continue
            shown = not silent and not (self.from_html and in_rtf and not in_tag)
            if word:
                given = int(number) if number else None
                if word in _SILENT:
                    silent = True
                    in_fonts = len(groups) if word == "fonttbl" else in_fonts
                elif word == "htmltag" and self.from_html:
                    silent, in_tag = False, True
                elif word == "mhtmltag" or may_be_unknown:
                    silent = True
                elif word == "htmlrtf":
                    self._flush(page)
                    in_rtf = given != 0
                elif word == "f" and given is not None:
                    self._flush(page)
                    font, page = given, page if in_fonts else self._fonts.get(given, self._default)
                elif word == "fcharset" and in_fonts:
                    self._fonts[font] = _CODE_PAGES.get(given or 0, self._default)
                elif word == "uc":
                    skipped = given if given is not None and 0 <= given < 20 else 1
                elif word == "u" and given is not None and shown:
                    self._flush(page)
                    self._put(chr(given % 65536))
                    skip = skipped
                elif word in _SIGNS and shown:
                    self._flush(page)
                    self._put("\r\n" if self.from_html and word in ("par", "line") else _SIGNS[word])
                may_be_unknown = False
            elif hexadecimal:
                if skip:
                    skip -= 1
                elif shown:
                    self._bytes.append(int(hexadecimal, 16))
            elif sign:
                may_be_unknown = sign == "*"
                if shown and sign in "\\{}~_-":
                    self._flush(page)
                    self._put({"~": "\u00a0", "_": "-", "-": ""}.get(sign, sign))
            elif plain:
                kept = plain[skip:]
                skip = max(0, skip - len(plain))
                if shown and kept:
                    self._bytes += kept.encode("latin-1")
        self._flush(self._default)
        return "".join(self._out).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _put(self, text: str) -> None:
        self._out.append(text)

    def _flush(self, page: int) -> None:
        """Bytes belong together, since a character may have two."""
        if self._bytes:
            self._out.append(decoded(bytes(self._bytes), f"cp{page}"))
            self._bytes.clear()
