"""Which of our circuits a carrier means, whatever the case, blanks and signs; and whether a note is newer. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from nightdesk.outages.maintnote import Maintnote, NoteObject

TELLING = 6
"""Letters and digits that a circuit's number must have to say by itself, without its carrier, which it is."""
_LEGAL_FORMS = frozenset(
    {"ltd", "limited", "inc", "llc", "gmbh", "ag", "ab", "as", "bv", "nv", "sa", "sas", "plc", "co"}
)


@dataclass(frozen=True, slots=True)
class Known:
    """A circuit of ours, with its carrier and the carrier's number for it, as somebody once wrote them."""

    part: int
    provider: str
    ref: str


@dataclass(frozen=True, slots=True)
class Match:
    """An object of a note and the parts that it may be: none, one, or several that nobody can tell apart."""

    touched: NoteObject
    parts: tuple[int, ...]


def folded(text: str) -> str:
    """Only letters and digits, small, without accents: "IC-33 44/a" and "ic3344A" are the same."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in plain if sign.isalnum())


def names_of(text: str) -> frozenset[str]:
    """What a carrier's name may be written as: "Arelion Ltd." and "arelion.com" share "arelion"."""
    words = re.findall(r"[\w.-]+", text.casefold())
    found = {folded(text), folded("".join(word for word in words if folded(word) not in _LEGAL_FORMS))}
    found |= {folded(word.rsplit(".", 1)[0].rsplit(".", 1)[-1]) for word in words if "." in word.strip(".")}
    return frozenset(name for name in found if name)


def match_objects(note: Maintnote, carrier_names: Iterable[str], known: Iterable[Known]) -> list[Match]:
    """Each object of the note with the parts that it is.

    The carrier's own come first. A part of no carrier is meant where its number is long enough to be nobody else's.
    """
    ours = frozenset().union(*(names_of(name) for name in (*carrier_names, note.provider)))
    by_ref: dict[str, list[Known]] = {}
    for one in known:
        if ref := folded(one.ref):
            by_ref.setdefault(ref, []).append(one)
    found = []
    for touched in note.objects:
        ref = folded(touched.id)
        same = by_ref.get(ref, [])
        theirs = [one.part for one in same if names_of(one.provider) & ours]
        nobodys = [one.part for one in same if not one.provider.strip() and len(ref) >= TELLING]
        found.append(Match(touched, tuple(dict.fromkeys(theirs or nobodys))))
    return found


def is_newer(
    note: Maintnote, sequence: int | None, stamped_at: datetime | None, status: str, starts_at: datetime | None,
    ends_at: datetime | None,
) -> bool:  # fmt: skip
    """Whether the note says something later than the last one (its number, instant, status and window).

    The standard's own examples give two messages one number, so of the same number the later instant counts, and of the same
    instant what says something else.
    """
    if note.sequence is not None and sequence is not None and note.sequence != sequence:
        return note.sequence > sequence
    if note.stamped_at is not None and stamped_at is not None and note.stamped_at != stamped_at:
        return note.stamped_at > stamped_at
    return (note.status or "", note.starts_at, note.ends_at) != (status, starts_at, ends_at)
