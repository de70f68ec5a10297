"""Which ticket a mail belongs to. Pure.

In this order: the address that only a mail of ours has told, or the id of a mail of ours; then, for somebody who has to do
with the ticket or who works on it as our supplier, an id that they have used, the number in the subject and the supplier's
own reference. A number can be guessed and copied, so it opens no ticket to a stranger. Ids are compared as they are, case and
all; what a mail says of itself, twice or in a circle, does no harm, as each is only looked up.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

MOST_IDS = 100
MOST_TAGS = 5
MOST_WORDS = 40
LONGEST_REF = 80

_TAG = re.compile(r"\[\s*([a-z0-9][a-z0-9_-]{0,49})\s*#\s*(\d{1,15})\s*\]", re.IGNORECASE)
_BRACKETED = re.compile(r"\[\s*([^\[\]]{1,60}?)\s*\]")
_NUMBERED = re.compile(r"(?:ticket|case|request|incident|call|ref|id)?\s*#?:?\s*(\S*\d\S*)", re.IGNORECASE)
_WORD = re.compile(r"\w(?:[\w./#:-]*\w)?")
_PARTS = re.compile(r"[#:]+")
_ANSWERS = re.compile(
    r"^(?:\s*(?:re|aw|sv|antw|antwort|ref|rif|odp|vs|ynt|res|réf)\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*:)+\s*",
    re.IGNORECASE,
)


class How(StrEnum):
    """By what a ticket was found; the first three of a mail that may be anybody's, and the rest with trust."""

    KEY = "key"
    """The address that it came to was made for this ticket alone."""
    OUR_ID = "our_id"
    """It answers a mail that we sent, or answers an answer to it."""
    THEIR_ID = "their_id"
    """It answers a mail that came to us, or one that such a mail answered."""
    TAG = "tag"
    """The number stands in its subject."""
    REF = "ref"
    """A supplier's own reference for it stands in its subject."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote, as far as it is known. `failed`: the owner of the domain says that the mail is none of theirs. `suppliers`:
    ids of those of ours that it surely is from.
    """

    address: str
    customer_id: int | None = None
    staff: bool = False
    failed: bool = False
    suppliers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ticket that a mail may mean. `parties` are the addresses that are written to about it, `suppliers` the ids of those
    that have a ticket of their own for it.
    """

    number: int
    customer_id: int | None = None
    parties: frozenset[str] = frozenset()
    suppliers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Pointers:
    """To which tickets the mail points, the nearest first in each."""

    key: UUID | None = None
    our_ids: Sequence[UUID] = ()
    their_ids: Sequence[UUID] = ()
    tags: Sequence[UUID] = ()
    refs: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Belongs:
    """The ticket and by what it was found; None for a new one, with the number that it `looks_like`, if it quotes one."""

    ticket_id: UUID | None = None
    how: How | None = None
    looks_like: int | None = None


def belongs(pointers: Pointers, candidates: Mapping[UUID, Candidate], sender: Sender) -> Belongs:
    """Which ticket the mail is about. Only tickets among `candidates` exist."""
    surely = [(pointers.key, How.KEY)] if pointers.key is not None else []
    surely += [(one, How.OUR_ID) for one in pointers.our_ids]
    for ticket_id, how in surely:
        if ticket_id in candidates:
            return Belongs(ticket_id, how)
    perhaps = [(one, How.THEIR_ID) for one in pointers.their_ids] + [(one, How.TAG) for one in pointers.tags]
    perhaps += [(one, How.REF) for one in pointers.refs]
    looks_like = None
    for ticket_id, how in perhaps:
        candidate = candidates.get(ticket_id)
        if candidate is None:
            continue
        if has_to_do_with(sender, candidate) or works_on(sender, candidate):
            return Belongs(ticket_id, how)
        looks_like = candidate.number if looks_like is None else looks_like
    return Belongs(looks_like=looks_like)


def has_to_do_with(sender: Sender, candidate: Candidate) -> bool:
    """Whether the sender is of ours, of the ticket's customer, or written to about it; never who is not who they say."""
    if sender.failed:
        return False
    own = sender.customer_id is not None and sender.customer_id == candidate.customer_id
    return own or sender.staff or (bool(sender.address) and sender.address in candidate.parties)


def works_on(sender: Sender, candidate: Candidate) -> bool:
    """Whether the sender is a supplier of ours with a ticket of their own for this one: their words are not for its customer."""
    return not has_to_do_with(sender, candidate) and not sender.failed and bool(sender.suppliers & candidate.suppliers)


def ids_of(message_id: str, in_reply_to: Sequence[str], references: Sequence[str]) -> tuple[str, ...]:
    """Ids that may lead to a ticket, the nearest first, the mail's own last: another may have answered it before it came."""
    nearest = dict.fromkeys((*in_reply_to, *reversed(references)))
    found = [one for one in nearest if one and one != message_id][: MOST_IDS - 1]
    return (*found, message_id) if message_id else tuple(found)


def own_numbers(title: str, slug: str) -> tuple[int, ...]:
    """The numbers of tickets of the brand that stand in a subject as we write them: `[quayside#1042]`, in their order."""
    numbers = [int(number) for word, number in _TAG.findall(title[:2000]) if word.lower() == slug.lower()]
    return tuple(dict.fromkeys(numbers))[:MOST_TAGS]


def old_numbers(title: str, slug: str) -> tuple[str, ...]:
    """What may be a number that a ticket had elsewhere, in small letters: `[Ticket#2019-17]` is "ticket#2019-17" and
    "2019-17"; of `[remote.example #79]` the 79 alone is not, as it is somebody else's.
    """
    found: list[str] = []
    for inside in _BRACKETED.findall(title[:2000])[:MOST_TAGS]:
        if (own := _TAG.fullmatch(f"[{inside}]")) and own[1].lower() == slug.lower():
            continue
        found.append(inside.lower())
        if number := _NUMBERED.fullmatch(inside):
            found.append(number[1].lower())
    return tuple(dict.fromkeys(one for one in found if any(sign.isdigit() for sign in one)))


def refs_in(title: str) -> tuple[str, ...]:
    """What may be a supplier's reference in a subject, in small letters: its words with a digit, alone and with the word before
    ("inc 0012345"), whole and in their parts ("ticket#0012345" is "0012345" too).
    """
    words = [one.lower() for one in _WORD.findall(title[:2000])[:MOST_WORDS]]
    found = []
    for before, word in zip(["", *words], words, strict=False):
        if any(sign.isdigit() for sign in word):
            found += [f"{before} {word}".strip(), word, *(one for one in _PARTS.split(word) if one)]
    return tuple(dict.fromkeys(one for one in found if len(one) <= LONGEST_REF and any(sign.isdigit() for sign in one)))


def title_of(title: str, slug: str) -> str:
    """A subject as a ticket's title: without our tags and "Re:"; the tags of others stay, as their answers need them."""

    def unless_ours(found: re.Match[str]) -> str:
        return " " if found[1].lower() == slug.lower() else found[0]

    kept = " ".join(_TAG.sub(unless_ours, title[:2000]).split())
    return _ANSWERS.sub("", kept).strip()
