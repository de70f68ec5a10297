"""What a text costs, before it is sent and when it was.

A route has a price for each part. A route without one costs nobody knows what: None, and not nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nightdesk.channels import smpp_text, sms_text


@dataclass(frozen=True, slots=True)
class Cost:
    """`price` for all parts together, in `currency` (three letters)."""

    price: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{_shown(self.price)} {self.currency}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a text will be: `text` as it goes out, how it is cut, and its cost for all recipients; None: nobody knows."""

    text: str
    count: sms_text.Count
    cost: Cost | None


def cost_of(settings: Mapping[str, Any], parts: int) -> Cost | None:
    """What `parts` cost by a route with these settings; None without parts or without a price."""
    price = settings.get("price")
    if not price or not parts:
        return None
    return Cost(Decimal(str(price)) * parts, str(settings.get("currency") or "EUR")[:3].upper())


def estimate(text: str, settings: Mapping[str, Any], recipients: int = 1) -> Estimate:
    """What `text` will be by a route with these settings, before it is sent to so many."""
    count = sms_text.count(text, smpp_text.coding_in(settings.get("alphabet") or "gsm7"))
    return Estimate(text, count, cost_of(settings, count.parts * recipients))


def _shown(price: Decimal) -> str:
    """With two places, or as many as it needs: 0.08, 0.0065."""
    exact = price.normalize()
    places = max(2, -int(exact.as_tuple().exponent)) if exact else 2
    return f"{exact:.{places}f}"
