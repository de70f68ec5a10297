"""What a number of ours costs that is diverted: by its kind and where it leads, as the carrier's price list has it.

One a line: `070 | mobile | 0.35 | 0.10` is 35 pence a minute and 10 pence a call for a personal number that leads to a
mobile. What is not on the list costs nothing: of some numbers the carrier has its money from whoever rings.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

MOST = Decimal(1000)
MOST_LINES = 100


class Target(StrEnum):
    """Where a number leads: to whoever is on call, to a bureau that pages, to somebody's desk."""

    MOBILE = "mobile"
    PAGER = "pager"
    LANDLINE = "landline"


@dataclass(frozen=True, slots=True)
class DivertPrice:
    """For each call, and for each minute of it."""

    call: Decimal = Decimal(0)
    minute: Decimal = Decimal(0)


class BadDivert(ValueError):
    """A line of the price list that cannot be read; the text says which and why."""


def divert_price(text: str, kind: str, target: Target) -> DivertPrice:
    """What a number of that kind costs to that target; the last line that says so counts. Raises BadDivert."""
    return read_diverts(text).get((kind.strip().lower(), target), DivertPrice())


def read_diverts(text: str) -> dict[tuple[str, Target], DivertPrice]:
    """The list, by kind of number and target. Raises BadDivert."""
    found = {}
    rows = text.splitlines()
    if len(rows) > MOST_LINES:
        raise BadDivert(f"There are more than {MOST_LINES} lines; leave some out.")
    for number, row in enumerate(rows, 1):
        if not row.strip():
            continue
        parts = [part.strip() for part in row.split("|")]
        if len(parts) not in (3, 4) or not parts[0]:
            raise BadDivert(
                f"Line {number}: write number | target | a minute | a call, as in 070 | mobile | 0.35 | 0.10."
            )
        if parts[1].lower() not in list(Target):
            raise BadDivert(f"Line {number}: “{parts[1][:40]}” is no target; give one of {', '.join(Target)}.")
        minute, call = (_price(number, part) for part in [*parts[2:], "0"][:2])
        found[parts[0].lower(), Target(parts[1].lower())] = DivertPrice(call, minute)
    return found


def _price(number: int, text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise BadDivert(f"Line {number}: “{text[:40]}” is no price; write it as in 0.35.") from None
    if not price.is_finite() or not 0 <= price <= MOST or len(text) > 12:
        raise BadDivert(f"Line {number}: a price is 0 to {MOST}.")
    return price
