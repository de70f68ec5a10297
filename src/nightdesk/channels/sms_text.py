"""How a text is coded, cut and paid for (3GPP TS 23.038 and 23.040).

A text of nothing but the GSM 7-bit alphabet costs one part up to 160 units, then one each 153; ten characters of its
extension table count two units. One character outside makes all of it UCS-2: 70, then 67, and what lies beyond the
basic plane (most emoji) counts two. National shift tables are not used: few providers pass them on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Coding: TypeAlias = Literal["gsm7", "ucs2"]

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("^{}\\[~]|€\f")

# Units in a text of one part, and in each part of a longer one: the rest of it is the header that joins them.
ROOM: dict[Coding, tuple[int, int]] = {"gsm7": (160, 153), "ucs2": (70, 67)}


@dataclass(frozen=True)
class Count:
    """What a text costs: `parts` are billed; `units` of `coding` are used, and `left` still fit in the last part."""

    coding: Coding
    units: int
    parts: int
    left: int


def coding_of(text: str) -> Coding:
    """The cheapest coding that holds all of `text`."""
    return "gsm7" if all(sign in BASIC or sign in EXTENSION for sign in text) else "ucs2"


CodingOf: TypeAlias = Callable[[str], Coding]


def parts(text: str, coding: CodingOf = coding_of) -> tuple[str, ...]:
    """`text` as the texts that carry it; joined they are `text` again. An empty text is one empty part.

    `coding`: how a provider would code a text, where it does not do it in the cheapest way.

    Neither an escape pair nor a surrogate pair is split, so a part may have a unit to spare. Halves of surrogate pairs,
    which no text can carry, become U+FFFD.
    """
    text = _sendable(text)
    units = _UNITS[coding(text)]
    alone, joined = ROOM[coding(text)]
    if sum(map(units, text)) <= alone:
        return (text,)
    cut: list[str] = []
    start, used = 0, 0
    for position, sign in enumerate(text):
        if used + units(sign) > joined:
            cut.append(text[start:position])
            start, used = position, 0
        used += units(sign)
    return (*cut, text[start:])


def count(text: str, coding: CodingOf = coding_of) -> Count:
    """What `text` costs, by how it is really cut."""
    cut = parts(text, coding)
    used = coding("".join(cut))
    units = [sum(map(_UNITS[used], part)) for part in cut]
    return Count(used, sum(units), len(cut), ROOM[used][len(cut) > 1] - units[-1])


def fit(text: str, max_parts: int = 1, coding: CodingOf = coding_of) -> str:
    """`text` if it fits in `max_parts`, else as much of its beginning as does, ended at a word, and an ellipsis.

    The ellipsis is three dots where those are cheaper. A word that fills more than half of the room is cut itself.
    Raises ValueError for less than one part.
    """
    if max_parts < 1:
        raise ValueError(f"a text has at least one part, not {max_parts}")
    text = _sendable(text)
    if count(text, coding).parts <= max_parts:
        return text
    shortest, longest = 0, len(text)
    while longest - shortest > 1:
        middle = (shortest + longest) // 2
        if count(_ended(text[:middle], coding), coding).parts <= max_parts:
            shortest = middle
        else:
            longest = middle
    whole = text[:shortest]
    if not text[shortest].isspace():
        words = whole.rsplit(maxsplit=1)
        if len(words) == 2 and len(words[0]) >= shortest // 2:
            whole = words[0]
    return _ended(whole, coding)


def _ended(text: str, coding: CodingOf) -> str:
    return text.rstrip() + ("..." if coding(text) == "gsm7" else "…")


def _sendable(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _septets(sign: str) -> int:
    return 2 if sign in EXTENSION else 1


def _utf16(sign: str) -> int:
    return 2 if ord(sign) > 0xFFFF else 1


_UNITS: dict[Coding, Callable[[str], int]] = {"gsm7": _septets, "ucs2": _utf16}
