"""Kinds of entries. A room declares the kinds it writes beside its verbs; nothing else can be recorded."""

from dataclasses import dataclass

from django.utils.functional import Promise as LazyText


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can happen. `sentence` is shown to people, with the entry's facts put in: "{by} took {title}"."""

    name: str
    version: int
    sentence: str | LazyText


KINDS: dict[str, Kind] = {}


def kind(name: str, sentence: str | LazyText, version: int = 1) -> str:
    """Declare a kind and give its name back. ValueError where another place has declared the same name."""
    if name in KINDS:
        raise ValueError(f"The journal kind {name!r} is declared twice.")
    KINDS[name] = Kind(name, version, sentence)
    return name
