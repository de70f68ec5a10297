"""What it costs to tell n people something: pagers that hear one message together, or a text to each; and from where which pays.

A line says what is paid for, how many, and the price of each; its amount is their product, rounded half up by itself, so that
whoever adds the lines has the sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from enum import StrEnum

CENT = Decimal("0.01")


class Way(StrEnum):
    """How a message goes out."""

    PAGER = "pager"
    """each pager has a subscription; one price for a message, whoever hears it"""
    TEXT = "text"
    """a text to each"""
    BUNDLE = "bundle"
    """texts of a subscription, so many in it, and a price for each beyond"""


@dataclass(frozen=True, slots=True)
class Line:
    """`how_many` of `what` at `price` each. `what` is a code that the pages have words for."""

    what: str
    how_many: Decimal
    price: Decimal

    @property
    def amount(self) -> Decimal:
        """What they cost together, to the cent."""
        return (self.how_many * self.price).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class MessagePrices:
    """What messages cost; subscriptions by the month, the pager's for each pager."""

    pager_month: Decimal = Decimal(0)
    pager_message: Decimal = Decimal(0)
    text_message: Decimal = Decimal(0)
    bundle_month: Decimal = Decimal(0)
    bundle_texts: int = 0
    bundle_message: Decimal = Decimal(0)


def line(what: str, how_many: Decimal | float, price: Decimal) -> Line:
    """A line whose number is as it is shown: to two digits."""
    return Line(what, Decimal(how_many).quantize(CENT, ROUND_HALF_UP), price)


def total(lines: Iterable[Line]) -> Decimal:
    """The sum of the amounts as they stand."""
    return sum((each.amount for each in lines), Decimal("0.00"))


def message_lines(way: Way, prices: MessagePrices, messages: Decimal, each_to: int, people: int) -> list[Line]:
    """A month of `messages`, each to `each_to` of the `people` who have to be reached; without a price there is no line."""
    texts = messages * each_to
    lines = {
        Way.PAGER: [
            line("pagers", people, prices.pager_month),
            line("pager_messages", messages, prices.pager_message),
        ],
        Way.TEXT: [line("texts", texts, prices.text_message)],
        Way.BUNDLE: [
            line("bundle", 1, prices.bundle_month),
            line("bundle_texts", max(texts - prices.bundle_texts, Decimal(0)), prices.bundle_message),
        ],
    }
    return [each for each in lines[way] if each.price]


def message_cost(way: Way, prices: MessagePrices, messages: Decimal, each_to: int, people: int) -> Decimal:
    """The sum of these lines."""
    return total(message_lines(way, prices, messages, each_to, people))


def break_even(way: Way, prices: MessagePrices, each_to: int, people: int) -> int | None:
    """From how many messages a month on pagers never cost more than texts by `way`; None: from nowhere on."""
    pagers = prices.pager_month * people
    free = prices.bundle_texts if way is Way.BUNDLE else 0
    fixed = prices.bundle_month if way is Way.BUNDLE else Decimal(0)
    price = prices.bundle_message if way is Way.BUNDLE else prices.text_message
    gained = price * each_to - prices.pager_message
    # While texts are free pagers lose, beyond they gain: where they stand worst, they must not cost more.
    worst = (free // each_to, math.ceil(free / each_to))
    if gained >= 0 and all(
        pagers + prices.pager_message * messages <= fixed + price * max(messages * each_to - free, 0)
        for messages in worst
    ):
        return 0
    if gained <= 0:
        return None
    least = (pagers - fixed + price * free) / gained
    return int(least.to_integral_value(ROUND_CEILING))
