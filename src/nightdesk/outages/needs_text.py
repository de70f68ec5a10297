"""What something needs, as people write it: `sw2; any of up1 up2; 2 of mx1 mx2 mx3`.

Needs are parted by semicolons or lines. Parts in one need are parted by spaces, commas or bars; without a number before them
all are needed. `none` says that nothing is needed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NONE = "none"
LONGEST_KEY = 120
MOST_NEEDS = 50
MOST_MEMBERS = 200

_KEY = re.compile(r"[a-z0-9][a-z0-9._:/+-]{0,119}")
_COUNTED = re.compile(r"(any|all|both|one|either|[0-9]{1,4})\s+of\b(.*)", re.IGNORECASE | re.DOTALL)
_AT_LEAST = {"any": 1, "one": 1, "either": 1, "all": None, "both": None}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One need: `at_least` of the parts with these keys; None for all of them."""

    keys: tuple[str, ...]
    at_least: int | None = None


class Unreadable(ValueError):
    """What stands there says no need. `what` is the place, `so` what is wrong with it, `do` the remedy."""

    def __init__(self, what: str, so: str, do: str) -> None:
        super().__init__(f"{what}: {so} {do}")
        self.what, self.so, self.do = what, so, do


def key_of(text: str) -> str:
    """The key as it is kept, in small letters. Raises Unreadable for what can be none."""
    key = text.strip().lower()
    if not _KEY.fullmatch(key) or key in (NONE, "of"):
        raise Unreadable(
            text[:40] or "an empty key",
            "It cannot be the key of a part.",
            "Begin with a letter or digit; letters, digits and . _ : / + - may follow, 120 at most.",
        )
    return key


def key_from(text: str) -> str:
    """A key made of any text, "" where it has nothing to make one of: `Dock Street 2` is `dock-street-2`."""
    return re.sub(r"[^a-z0-9._:/+]+", "-", text.lower()).strip("-._:/+")[:LONGEST_KEY]


def read_needs(text: str) -> tuple[Wanted, ...]:
    """The needs that the text says, each once; () for `none` and for nothing. Raises Unreadable."""
    if text.strip().lower() in ("", NONE):
        return ()
    found = [_read(piece) for piece in re.split(r"[;\n]", text) if piece.strip()]
    if len(found) > MOST_NEEDS:
        raise Unreadable(
            f"{len(found)} needs", f"{MOST_NEEDS} are the most.", "Put a part between that needs some of them."
        )
    return together(found)


def _read(piece: str) -> Wanted:
    at_least: int | None = None
    named = piece.strip()
    if counted := _COUNTED.fullmatch(named):
        word, named = counted[1].lower(), counted[2]
        at_least = int(word) if word.isdecimal() else _AT_LEAST[word]
    keys = tuple(dict.fromkeys(key_of(word) for word in re.split(r"[\s,|()]+", named) if word))
    shown = " ".join(piece.split())[:80]
    if not keys:
        raise Unreadable(shown, "It names no part.", "Give the keys of parts, for example “any of up1 up2”.")
    if len(keys) > MOST_MEMBERS:
        raise Unreadable(
            shown, f"It names more than {MOST_MEMBERS} parts.", "Put a part between that needs some of them."
        )
    if at_least == 0:
        raise Unreadable(shown, "None of them would be needed.", "Ask for 1 or more, or leave it out.")
    if at_least is not None and at_least > len(keys):
        raise Unreadable(
            shown, f"It asks for {at_least} of {len(keys)}.", "Ask for no more than there are, or name more parts."
        )
    return Wanted(keys, at_least if at_least != len(keys) else None)


def together(needs: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """The same needs, each said once and in the shortest way: what is needed in any case stands in one need, the first."""
    needs = tuple(needs)
    always = dict.fromkeys(key for need in needs if need.at_least is None for key in need.keys)
    some = dict.fromkeys(Wanted(tuple(sorted(need.keys)), need.at_least) for need in needs if need.at_least is not None)
    first = [Wanted(tuple(sorted(always)))] if always else []
    return (*first, *sorted(some, key=lambda need: (need.keys, need.at_least or 0)))


def write_needs(needs: Sequence[Wanted], between: str = "; ") -> str:
    """The text that `read_needs` reads as these; `none` for no needs."""
    return between.join(_written(need) for need in needs) or NONE


def _written(need: Wanted) -> str:
    keys = " ".join(need.keys)
    if need.at_least is None:
        return keys
    return f"any of {keys}" if need.at_least == 1 else f"{need.at_least} of {keys}"
