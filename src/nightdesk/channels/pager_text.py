"""How a text is made fit for a pager: printable seven-bit characters, so many of them, the end kept whole."""

import unicodedata

_SPELLED = str.maketrans(
    {
        "£": "GBP ", "€": "EUR ", "°": " deg", "µ": "u", "×": "x", "→": "->", "…": "...",
        "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"',
        "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    }
)  # fmt: skip


def plain(text: str) -> str:
    """`text` in printable ASCII: accents fall off, a few signs are spelled, what is left is "?". Lines stay, blank ones go."""
    bare = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    signs = (sign for sign in bare if not unicodedata.combining(sign))
    ascii_only = "".join(sign if sign.isascii() or sign.isspace() else "?" for sign in signs)
    lines = (" ".join("".join(s if s.isprintable() else " " for s in line).split()) for line in ascii_only.splitlines())
    return "\n".join(line for line in lines if line)


def fitted(head: str, foot: str, length: int) -> str:
    """At most `length` characters: as much of `head` as fits, then all of `foot` on a line of its own.

    A foot that is longer than that by itself is cut: there is no room for anything else.
    """
    whole = "\n".join(part for part in (head, foot) if part)
    if len(whole) <= length:
        return whole
    behind = f"...\n{foot}" if foot else "..."
    room = length - len(behind)
    return f"{head[:room].rstrip()}{behind}" if room > 0 else foot[:length]
