"""Texts as SMPP carries them: the alphabets' octets, the parts of a long text, and receipts written as text.

Sources: 3GPP TS 23.038 (alphabet) and 23.040 (user data header); SMPP 3.4, appendix B and section 5.2 (receipts, data_coding).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple, TypeAlias

from nightdesk.channels import sms_text
from nightdesk.channels.smpp_pdu import (
    MESSAGE_STATE,
    RECEIPTED_MESSAGE_ID,
    SAR_NUMBER,
    SAR_REFERENCE,
    SAR_TOTAL,
    UDH,
    Sm,
)

Alphabet: TypeAlias = Literal["gsm7", "latin1", "ucs2"]
"""What the provider's data_coding 0 stands for."""

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet in the order of its codes, 0 to 127."""
_ESCAPE = 0x1B
_EXTENSION = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
_CODES = {sign: bytes((code,)) for code, sign in enumerate(_BASIC) if code != _ESCAPE}
_CODES |= {sign: bytes((_ESCAPE, code)) for code, sign in _EXTENSION.items()}

DEFAULT, UCS_2 = 0, 8


class Coded(NamedTuple):
    """A part's octets and the data_coding that says how to read them."""

    octets: bytes
    data_coding: int


def gsm_octets(text: str) -> bytes:
    """One octet a septet, unpacked; what the alphabet has not becomes a question mark."""
    return b"".join(_CODES.get(sign, b"?") for sign in text)


def gsm_text(octets: bytes) -> str:
    """The text of unpacked septets. An escape before something unknown is a blank (TS 23.038), one at the end nothing."""
    signs: list[str] = []
    escaped = False
    for octet in octets:
        code = octet & 0x7F
        if escaped:
            signs.append(_EXTENSION.get(code, _BASIC[code] if code != _ESCAPE else " "))
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            signs.append(_BASIC[code])
    return "".join(signs)


def code(text: str, coding: sms_text.Coding, alphabet: Alphabet) -> Coded:
    """The octets of one part; `coding` is what `coding_in` gave for the whole text."""
    if coding == "ucs2":
        return Coded(text.encode("utf-16-be", "replace"), DEFAULT if alphabet == "ucs2" else UCS_2)
    return Coded(text.encode("latin-1") if alphabet == "latin1" else gsm_octets(text), DEFAULT)


def coding_in(alphabet: Alphabet) -> Callable[[str], sms_text.Coding]:
    """How a whole text goes out by a provider with that default alphabet, and is counted: all its parts alike.

    Latin-1 is put into the GSM alphabet by the provider; what either of them lacks makes the text UCS-2.
    """

    def coding_of(text: str) -> sms_text.Coding:
        lacking = alphabet == "ucs2" or (alphabet == "latin1" and any(ord(sign) > 0xFF for sign in text))
        return "ucs2" if lacking else sms_text.coding_of(text)

    return coding_of


def read_text(octets: bytes, data_coding: int, alphabet: Alphabet) -> str:
    """What a part from a handset says; octets that make no sense become U+FFFD, and never an error."""
    if data_coding in (DEFAULT, 1) or (data_coding & 0xF0 == 0xF0 and not data_coding & 0x04):
        if data_coding == 1:
            return octets.decode("ascii", "replace")
        if alphabet == "gsm7":
            return gsm_text(octets)
        return octets.decode("latin-1" if alphabet == "latin1" else "utf-16-be", "replace")
    if data_coding == UCS_2 or data_coding & 0xEC == 0x08:
        return octets.decode("utf-16-be", "replace")
    if data_coding == 6:
        return octets.decode("iso8859-5", "replace")
    if data_coding == 7:
        return octets.decode("iso8859-8", "replace")
    return octets.decode("latin-1")


# Parts


class Joined(NamedTuple):
    """Where a part belongs: `number` from 1 of `total`, under one `reference`."""

    reference: int
    number: int
    total: int


def header(reference: int, number: int, total: int) -> bytes:
    """The user data header before a part: an 8-bit reference, as the 153 and 67 units of a part reckon with."""
    return bytes((5, 0, 3, reference & 0xFF, total, number))


def split_header(octets: bytes) -> tuple[Joined | None, bytes]:
    """(where the part belongs, its text) of octets that begin with a user data header; other elements are left out."""
    if not octets or len(octets) < octets[0] + 1:
        return None, octets
    elements, text = octets[1 : octets[0] + 1], octets[octets[0] + 1 :]
    found, at = None, 0
    while at + 2 <= len(elements):
        kind, length = elements[at], elements[at + 1]
        value = elements[at + 2 : at + 2 + length]
        if (kind, len(value)) == (0, 3):
            found = Joined(value[0], value[2], value[1])
        elif (kind, len(value)) == (8, 4):
            found = Joined(int.from_bytes(value[:2]), value[3], value[2])
        at += 2 + length
    return found if found and 1 <= found.number <= found.total and found.total > 1 else None, text


def where_it_belongs(sm: Sm) -> tuple[Joined | None, bytes]:
    """(where this part belongs, its octets), by its header or its sar parameters; None for a text of one part."""
    if sm.esm_class & UDH:
        return split_header(sm.text)
    reference, total, number = (sm.tlvs.get(tag, b"") for tag in (SAR_REFERENCE, SAR_TOTAL, SAR_NUMBER))
    if len(reference) == 2 and len(total) == len(number) == 1 and 1 <= number[0] <= total[0] and total[0] > 1:
        return Joined(int.from_bytes(reference), number[0], total[0]), sm.text
    return None, sm.text


# How long it is worth sending


def validity_period(left: timedelta) -> str:
    """SMPP's relative time, rounded up to a second: 15 minutes are "000000001500000R". At most 63 days are written."""
    seconds = min(max(1, -int(-left.total_seconds() // 1)), 63 * 86_400)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    months, day = divmod(days, 30)
    return f"00{months:02}{day:02}{hour:02}{minute:02}{second:02}000R"


# Receipts

ReceiptState: TypeAlias = Literal["accepted", "delivered", "failed", "expired"]

STATES: Mapping[str, ReceiptState] = {
    "SCHEDLD": "accepted",
    "ENROUTE": "accepted",
    "DELIVRD": "delivered",
    "EXPIRED": "expired",
    "DELETED": "failed",
    "UNDELIV": "failed",
    "ACCEPTD": "accepted",
    "UNKNOWN": "accepted",
    "REJECTD": "failed",
    "SKIPPED": "failed",
}
"""`stat:` in order of the numbers of message_state. Of a message whose state is unknown nothing new is known."""
_NUMBERED = tuple(STATES)


@dataclass(frozen=True, slots=True)
class Told:
    """A receipt. `stat` is the provider's word, `error` its number, "" where it gives none."""

    message_id: str
    state: ReceiptState
    stat: str
    error: str = ""


_FIELD = re.compile(
    r"(?P<name>id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text)\s*:\s*(?P<value>[^\s:]*)", re.IGNORECASE
)


def is_receipt(sm: Sm) -> bool:
    """Whether a deliver_sm tells of one of our messages: by its type, or by parameters that only receipts have."""
    return bool(sm.esm_class & 0x3C) or RECEIPTED_MESSAGE_ID in sm.tlvs


def read_receipt(sm: Sm) -> Told | None:
    """What a receipt says, by its parameters where there are any, else by its text; None where it says nothing that counts."""
    fields = _fields(sm.text.decode("latin-1"))
    named = sm.tlvs.get(RECEIPTED_MESSAGE_ID, b"").partition(b"\0")[0].decode("latin-1").strip()
    state = sm.tlvs.get(MESSAGE_STATE, b"")
    stat = fields.get("stat", "").upper()
    if len(state) == 1 and state[0] < len(_NUMBERED):
        stat = _NUMBERED[state[0]]
    meaning = next((STATES[word] for word in STATES if stat and word.startswith(stat[:7])), None)
    message_id = named or fields.get("id", "")
    if not message_id or meaning is None:
        return None
    error = fields.get("err", "")
    return Told(message_id[:65], meaning, stat[:7], "" if error.strip("0") == "" else error[:12])


def _fields(text: str) -> dict[str, str]:
    """`id:... stat:...` as fields by their small names; the first of a name counts, and what follows "text:" is none."""
    found: dict[str, str] = {}
    for match in _FIELD.finditer(text):
        name = match["name"].lower().replace("_", " ")
        if name == "text":
            break
        found.setdefault(name, match["value"])
    return found


def spellings(message_id: str) -> tuple[str, ...]:
    """Other ways to write the same id: without zeros in front, in the other case, from hex to decimal and back.

    Providers name a message in hex when they take it and in decimal when they report, or the other way round.
    """
    plain = message_id.strip()
    found: list[str] = [plain.lower(), plain.upper(), plain.lstrip("0")]
    bare = plain.lower().removeprefix("0x")
    if re.fullmatch(r"[0-9]{1,40}", bare):
        found += [f"{int(bare):x}", f"{int(bare):X}"]
    if re.fullmatch(r"[0-9a-f]{1,32}", bare):
        found += [str(int(bare, 16)), bare.lstrip("0"), bare.lstrip("0").upper()]
    padded = [f"{one:0>{width}}" for one in found for width in (8, 10) if one and len(one) < width]
    return tuple(one for one in dict.fromkeys(found + padded) if one and one != message_id)
