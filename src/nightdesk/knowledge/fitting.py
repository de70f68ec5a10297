"""Whether something written for services, kinds of call and a part fits what is asked about, and how closely."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Written:
    """What it was written for; an empty one stands for any. `part` is a machine as alarms name it, `*` for anything."""

    services: frozenset[int] = frozenset()
    calls: frozenset[str] = frozenset()
    part: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What it is asked for: a service or None, kinds of call of which each will do (none: all), a part or ""."""

    service: int | None = None
    calls: frozenset[str] = frozenset()
    part: str = ""


def closeness(written: Written, asked: Asked) -> int | None:
    """None where it does not fit; else the more the closer: a part counts before a service, that before a kind of call.

    What was written for a service does not fit where none is known. Where no kind of call is asked for, each one fits.
    """
    if written.services and asked.service not in written.services:
        return None
    if written.calls and asked.calls and not asked.calls & written.calls:
        return None
    if written.part and not fits_part(written.part, asked.part):
        return None
    return 4 * bool(written.part) + 2 * bool(written.services) + bool(written.calls and asked.calls)


def fits_part(pattern: str, part: str) -> bool:
    """Whether the part's name fits the pattern, whatever the case of both."""
    return bool(part) and fnmatchcase(part.casefold(), pattern.replace("[", "[[]").casefold())


def names_nothing(pattern: str) -> bool:
    """Whether the pattern stands for any part at all, so that it narrows nothing."""
    return bool(pattern) and not pattern.strip("*? ")
