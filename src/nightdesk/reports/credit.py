"""What is due to customers for what they went without: service credits and compensation by rates that are data. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

PENNY = Decimal("0.01")
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Rates:
    """`steps`: from so many minutes without it on, that percentage of a month's price; the longest that was reached counts.
    `prices`: service key -> a month's price, ex VAT. `per_day`: that much for each whole day after the first `after`.
    Of one incident no more than `cap_percent` of the month's price is a credit; what is due per day has no cap.
    """

    currency: str = "GBP"
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    steps: tuple[tuple[timedelta, Decimal], ...] = ()
    cap_percent: Decimal = HUNDRED
    per_day: Decimal = Decimal(0)
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Lost:
    """A subscription that was down for `lasted`."""

    customer: str
    customer_ref: str
    service_key: str
    service: str
    lasted: timedelta


@dataclass(frozen=True, slots=True)
class Credit:
    """What is due for it, and why in figures: `percent` of `price`, and `days` whole days at so much a day."""

    lost: Lost
    minutes: int
    price: Decimal
    percent: Decimal
    days: int
    amount: Decimal
    currency: str


def credits_for(rates: Rates, lost: Iterable[Lost]) -> list[Credit]:
    """What is due for each, in the given order; nothing for what is due nothing."""
    return [found for each in lost if (found := credit_for(rates, each)).amount > 0]


def credit_for(rates: Rates, lost: Lost) -> Credit:
    """What is due for one; to the penny, halves up."""
    price = rates.prices.get(lost.service_key, Decimal(0))
    reached = [percent for from_, percent in rates.steps if lost.lasted >= from_]
    percent = min(max(reached, default=Decimal(0)), rates.cap_percent)
    over = lost.lasted - rates.after
    days = max(over // timedelta(days=1), 0) if rates.per_day else 0
    amount = (price * percent / HUNDRED + days * rates.per_day).quantize(PENNY, ROUND_HALF_UP)
    return Credit(lost, int(lost.lasted / timedelta(minutes=1)), price, percent, days, amount, rates.currency)


def read_rates(given: Mapping[str, Any]) -> Rates:
    """Rates from their plain values: currency, prices, steps [{minutes, percent}], cap_percent, per_day, after_hours.

    Raises ValueError, which says what is wrong.
    """
    if unknown := sorted(set(given) - {"currency", "prices", "steps", "cap_percent", "per_day", "after_hours"}):
        raise ValueError(f"There is no rate {unknown[0]!r}.")
    try:
        steps = tuple(
            sorted(
                (timedelta(minutes=float(one["minutes"])), _number(one["percent"], 100))
                for one in given.get("steps", ())
            )
        )
        currency = str(given.get("currency", "GBP")).upper()
        if len(currency) != 3 or not currency.isalpha():
            raise ValueError("A currency has three letters, as GBP.")
        return Rates(
            currency=currency,
            prices={str(key): _number(price) for key, price in dict(given.get("prices", {})).items()},
            steps=steps,
            cap_percent=_number(given.get("cap_percent", 100), 1000),
            per_day=_number(given.get("per_day", 0)),
            after=timedelta(hours=float(_number(given.get("after_hours", 0), 10_000))),
        )
    except (KeyError, TypeError, InvalidOperation, OverflowError) as bad:
        raise ValueError("Rates of credits are not written as such: steps have minutes and percent.") from bad


def _number(given: Any, most: int = 1_000_000) -> Decimal:
    number = Decimal(str(given))
    if not 0 <= number <= most:
        raise ValueError(f"{given} is no amount from 0 to {most}.")
    return number
