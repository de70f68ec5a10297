"""PINs of callers: how long one must be, and which are too weak. Pure.

A PIN says who rings, without a name beside it. So a guess is tried against every PIN of the brand at once, and PINs get longer
with their number: one guess in a thousand hits somebody at the most.
"""

from itertools import pairwise

SHORTEST, LONGEST = 6, 10
ODDS = 1000


def length_for(known: int) -> int:
    """How many digits a PIN needs where there are `known` others, so that a guess hits one time in `ODDS` at the most."""
    return max(SHORTEST, len(str(max(0, known) * ODDS)))


def is_weak(pin: str) -> bool:
    """One that people guess first: few different digits, a row up or down, the same again and again, a day of birth."""
    if len(set(pin)) < 3:
        return True
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    repeats = any(pin[:size] * (len(pin) // size) == pin for size in range(1, len(pin) // 2 + 1))
    return steps in ({1}, {9}) or repeats or _is_date(pin)


def _is_date(pin: str) -> bool:
    """As people write it: 240584, 840524, 24051984, 19840524."""
    if len(pin) == 6:
        return _day(pin[:2], pin[2:4]) or _day(pin[4:], pin[2:4])
    if len(pin) == 8:
        return (_day(pin[:2], pin[2:4]) and _century(pin[4:6])) or (_day(pin[6:], pin[4:6]) and _century(pin[:2]))
    return False


def _day(day: str, month: str) -> bool:
    return 1 <= int(day) <= 31 and 1 <= int(month) <= 12


def _century(two: str) -> bool:
    return two in ("19", "20")
