"""What a paging network says in SNPP level 3 (RFC 1861): how a two-way page stands, and what was pressed on the pager.

A two-way page is known by its tag and passcode; both together, with a blank, are the provider's id of the message. The
choices that a pager shows have two-digit codes, always the same ones, so that an answer needs no memory of what was asked.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["queued", "delivered", "read", "replied", "expired", "unknown"]

CHOICES: dict[str, tuple[str, str]] = {
    "acknowledge": ("01", "OK I take it"),
    "escalate": ("02", "NEXT wake other"),
    "morning": ("03", "AM can wait"),
    "later": ("04", "LATER"),
    "resolve": ("05", "DONE"),
    "status": ("06", "STATUS"),
    "decline": ("07", "NO decline"),
}
"""Verb -> its code, and the words on the pager, at most 15 characters, of which the first is one of `answers.PHRASES`."""

_WORDS = {code: words.split()[0] for code, words in CHOICES.values()}
_TAG = re.compile(r"\s*(\S{1,60})\s+(\S{1,60})(?=\s|$)")
_PROVIDER_ID = re.compile(r"\S+ \S+")
_STATUS = re.compile(r"\s*(?:(?P<sequence>\S+)\s+\d{10,14}(?:\s*[+-]\d{1,4})?(?:\s+|$))?(?P<text>.*)", re.DOTALL)

_STATES: dict[int, State] = {
    860: "delivered",
    861: "delivered",
    870: "read",
    880: "delivered",
    881: "read",
    888: "replied",
    889: "replied",
    780: "expired",
}


@dataclass(frozen=True, slots=True)
class Status:
    """How a page stands. `reply`: the word for the choice that was pressed, or the text that was typed."""

    state: State
    reply: str = ""
    sequence: str = ""

    @property
    def is_last(self) -> bool:
        """Whether nothing more will be heard of it."""
        return self.state in ("replied", "expired", "unknown")


def offered_choices(verbs: Collection[str]) -> list[tuple[str, str]]:
    """(code, words) for each of a message's verbs that a pager can show, the most wanted first."""
    return [choice for verb, choice in CHOICES.items() if verb in verbs]


def tag_of(text: str) -> str:
    """The provider's id in the answer to SEND, "" where it has none: "<tag> <passcode> Delivered, ..."."""
    found = _TAG.match(text)
    return f"{found[1]} {found[2]}" if found else ""


def is_tag(provider_id: str) -> bool:
    """Whether the id is a tag and a passcode: that of a two-way page."""
    return _PROVIDER_ID.fullmatch(provider_id) is not None


def read_status(code: int, text: str) -> Status:
    """What the answer to MSTA means: "<sequence> <time> <words>", or the words alone."""
    if code == 550:
        return Status("unknown")
    state = _STATES.get(code, "expired" if code // 100 == 7 else "queued")
    found = _STATUS.fullmatch(text)
    said = found["text"].strip() if found else text.strip()
    sequence = (found["sequence"] if found else None) or ""
    if code == 888:
        return Status(state, _word_of(said), sequence)
    return Status(state, said if code == 889 else "", sequence)


def _word_of(said: str) -> str:
    """The word for the code; networks that send the choice's own words, or both, are understood too."""
    first = said.split(maxsplit=1)[0] if said else ""
    code = first.zfill(2) if first.isdigit() else ""
    if code in _WORDS:
        return _WORDS[code]
    return next((word for word in _WORDS.values() if first.casefold() == word.casefold()), said)
