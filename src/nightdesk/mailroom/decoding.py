"""Bytes and encoded words as text that PostgreSQL can store, whatever they claim to be. Pure."""

import binascii
import codecs
import quopri
import re
from base64 import b64decode

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,4000})\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(=\?)")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NOT_FOR_TEXT = frozenset(("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7", "utf_7"))
_AS_WINDOWS = frozenset(("iso8859-1", "iso-8859-1", "latin-1", "latin1", "ascii", "us-ascii"))
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "iso2022_jp": "iso2022_jp_ext",
}
"""Charsets whose name is written where the wider one is meant, as browsers know (WHATWG Encoding 4.2)."""
_OTHER_NAMES = {"windows-31j": "cp932", "iso-8859-8-i": "iso8859-8", "x-sjis": "cp932", "unicode-1-1-utf-8": "utf-8"}
BAD_AT_MOST = 100
"""Of so many characters one may be broken; where more are, the charset that was named is not the one that was used."""


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
        known = codecs.lookup(_OTHER_NAMES.get(name, name)).name if name else ""
    except (LookupError, ValueError, UnicodeError):
        known = ""
    claimed = "" if known in _NOT_FOR_TEXT | _AS_WINDOWS else known
    for choice in (claimed, _WIDER.get(claimed, ""), "utf-8"):
        if choice:
            try:
                return content.decode(choice)
            except (UnicodeError, LookupError, ValueError):
                continue
    # One broken character, or a cut in the middle of one, must not spoil all the others.
    for choice in dict.fromkeys((claimed, "utf-8")):
        if choice:
            try:
                text = content.decode(choice, errors="replace")
            except (UnicodeError, LookupError, ValueError):
                continue
            if text.count("\ufffd") * BAD_AT_MOST <= len(text) and len(text) >= BAD_AT_MOST:
                return text
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
