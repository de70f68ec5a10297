"""Our pager numbers as a contact for the telephone, so that one contact is what is let through silent mode."""

from collections.abc import Sequence

_WIDTH = 75
"""Octets in a line of a vCard (RFC 2426)."""


def contact_card(name: str, numbers: Sequence[str], note: str = "") -> str:
    """A vCard 3.0, which every telephone of today reads, with all `numbers` (E.164, or short codes)."""
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"N:{_escaped(name)};;;;",
        f"FN:{_escaped(name)}",
        *(f"TEL;TYPE=CELL:{number}" for number in numbers),
        *([f"NOTE:{_escaped(note)}"] if note else []),
        "END:VCARD",
    ]
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _escaped(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")


def _folded(line: str) -> list[str]:
    """The line in pieces of at most _WIDTH octets; all but the first begin with a blank. No sign is split."""
    pieces, piece = [], ""
    for sign in line:
        if len((piece + sign).encode()) > _WIDTH:
            pieces.append(piece)
            piece = " "
        piece += sign
    return [*pieces, piece]
