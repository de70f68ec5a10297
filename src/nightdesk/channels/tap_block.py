"""TAP 1.8 (Telocator Alphanumeric Protocol, also IXO): how a page is cut into blocks, and what a terminal's answer says.

Everything here is text of characters 0 to 127; how they become bytes (even parity or eight bits) is the line's affair.
A block is at most 256 characters: its own frame, and up to 250 of the fields that make the page. A field ends with CR.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

STX, ETX, EOT, ACK, NAK, CR = "\x02", "\x03", "\x04", "\x06", "\x15", "\r"
ETB, SUB, ESC, RS, US = "\x17", "\x1a", "\x1b", "\x1e", "\x1f"
ROOM = 250

Kind: TypeAlias = Literal["id", "ack", "nak", "rs", "drop", "go"]
"""`ID=` · ACK · NAK · RS (this page is not taken) · ESC EOT (it hangs up) · ESC [p (go ahead)."""

_ANSWER = re.compile(r"(?:(?P<id>ID=)|(?P<ack>\x06)|(?P<nak>\x15)|(?P<rs>\x1e)|(?P<drop>\x1b\x04)|(?P<go>\x1b\[p))")
_CODE = re.compile(r"\s*([1-9]\d\d)\b")


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that the terminal said, and the lines of text before it, blank ones left out."""

    kind: Kind
    lines: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[int, ...]:
        """The three-digit codes that begin its lines (TAP 1.6 and later); older terminals give none."""
        return tuple(int(found[1]) for line in self.lines if (found := _CODE.match(line)))

    @property
    def text(self) -> str:
        return " ".join(self.lines)


def checksum(block: str) -> str:
    """Three characters for `block` (STX to ETX, ETB or US): the sum's low twelve bits, four to a character from "0" on."""
    total = sum(ord(sign) & 0x7F for sign in block)
    return "".join(chr(0x30 + (total >> shift & 0xF)) for shift in (8, 4, 0))


def escaped(field: str) -> str:
    """The field with its control characters as SUB and the character 0x40 higher."""
    return "".join(f"{SUB}{chr(ord(sign) + 0x40)}" if ord(sign) < 0x20 else sign for sign in field)


def blocks(fields: Sequence[str], room: int = ROOM) -> list[str]:
    """The page of these fields, escaped already, as blocks ready to send: STX to checksum and CR.

    ETX ends the last one; ETB a block that ends with a whole field; US one whose last field goes on in the next. A SUB and
    the character behind it stay together. Raises ValueError for room below 3.
    """
    if room < 3:
        raise ValueError(f"a block holds at least 3 characters, not {room}")
    filled: list[str] = [""]
    ends: list[str] = []
    for field in fields:
        for sign in (*_signs(field), CR):
            if len(filled[-1]) + len(sign) > room:
                ends.append(ETB if filled[-1].endswith(CR) else US)
                filled.append("")
            filled[-1] += sign
    ends.append(ETX)
    framed = (f"{STX}{text}{end}" for text, end in zip(filled, ends, strict=True))
    return [f"{block}{checksum(block)}{CR}" for block in framed]


def read_answer(heard: str) -> tuple[Answer | None, str]:
    """The first whole answer in what was `heard`, and what came behind it; None where it is not whole yet.

    Terminals differ in what ends a line: CR, LF and blank lines all only part.
    """
    found = _ANSWER.search(heard)
    if found is None:
        return None, heard
    lines = tuple(line.strip() for line in re.split(r"[\r\n]+", heard[: found.start()]) if line.strip())
    return Answer(found.lastgroup, lines), heard[found.end() :]  # type: ignore[arg-type]


def _signs(field: str) -> Iterator[str]:
    position = 0
    while position < len(field):
        width = 2 if field[position] == SUB else 1
        yield field[position : position + width]
        position += width
