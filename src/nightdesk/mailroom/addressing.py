"""Addresses of ours, and what stands behind the plus in them: `page+TOKEN@example.net`, `noc+alarm+KEY@example.net`. Pure.

Keys survive a server that makes small letters of everything before the @, as some do: whoever makes one must use none but
small letters, digits and hyphens. With its word and the address a key fits the 64 characters of RFC 5321.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

KEY = re.compile(r"[a-z0-9-]{1,54}")
_OURS = re.compile(r"(?P<local>[a-z0-9!#$%&'*/=?^_`{|}~.-]{1,40})?@(?P<domain>[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*)")


@dataclass(frozen=True, slots=True)
class Ours:
    """An address as `mailroom.Address` has it, in small letters: `noc@example.net`, or `@example.net` for all of it."""

    address: str
    brand_id: int | None = None

    @property
    def local(self) -> str:
        return self.address.partition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.partition("@")[2]


@dataclass(frozen=True, slots=True)
class Meant:
    """Whom a recipient of ours means: the word before the plus ("" for none) and its key, or the plain name and no word."""

    ours: Ours
    word: str
    key: str


def is_usable(address: str) -> bool:
    """Whether it can be an address of ours: small letters, no plus, room for a key."""
    return _OURS.fullmatch(address) is not None


def meant_by(recipient: str, ours: Iterable[Ours], words: Collection[str]) -> Meant | None:
    """What `recipient` means, None where it is none of ours. A whole address of ours goes before its domain."""
    local, _at, domain = recipient.strip().lower().rpartition("@")
    first, *rest = local.split("+")
    fits = [one for one in ours if one.domain == domain and one.local in (first, "")]
    if not local or not fits:
        return None
    one = max(fits, key=lambda each: bool(each.local))
    if not one.local and first in words and len(rest) == 1:
        return Meant(one, first, rest[0])
    if len(rest) >= 2 and rest[0] in words:
        return Meant(one, rest[0], "+".join(rest[1:]))
    return Meant(one, "", first)


def with_key(ours: Ours, word: str, key: str) -> str:
    """The address of ours under which a mail means `word` and `key`."""
    return f"{ours.local}+{word}+{key}@{ours.domain}" if ours.local else f"{word}+{key}@{ours.domain}"


def choose(ours: Iterable[Ours], brand_id: int | None) -> Ours | None:
    """The address to be written to about something of the brand: its own first, then every brand's; the first of several."""
    left = [one for one in ours if one.brand_id in (brand_id, None)]
    return min(left, key=lambda one: one.brand_id != brand_id, default=None)
