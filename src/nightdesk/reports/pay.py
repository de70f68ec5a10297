"""What on-call work is paid, line by line, by rates that are data: standby, duty, calls, and what makes an hour worth more.

A stretch is cut where its factor changes: at the ends of night time and at local midnight. Of several factors that hold the
highest counts. A call is paid for a least time, by the factor of its start. Amounts are rounded half up, each line by itself, so
that the lines make the sum.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from nightdesk.reports.load import NIGHT, Sort, Stretch
from nightdesk.rota.resolve import instant_of

_CENT = Decimal("0.01")
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rates:
    """Money for an hour, by sort; factors for the hours that are worth more; the least time of a call, in minutes."""

    currency: str = "GBP"
    standby_hour: Decimal = Decimal(0)
    duty_hour: Decimal = Decimal(0)
    call_hour: Decimal = Decimal(0)
    called_off_hour: Decimal = Decimal(0)
    call_minimum: int = 0
    night_factor: Decimal = Decimal(1)
    weekend_factor: Decimal = Decimal(1)
    holiday_factor: Decimal = Decimal(1)

    def hour(self, sort: Sort) -> Decimal:
        """Money for an hour of it."""
        return {
            Sort.STANDBY: self.standby_hour,
            Sort.DUTY: self.duty_hour,
            Sort.CALL: self.call_hour,
            Sort.CALLED_OFF: self.called_off_hour,
        }.get(sort, Decimal(0))


@dataclass(frozen=True, slots=True)
class Line:
    """`minutes` from `start` to `end` at `rate` an hour times `factor`, because of `why` ("", night, weekend, holiday)."""

    start: datetime
    end: datetime
    sort: Sort
    what: str
    minutes: int
    rate: Decimal
    factor: Decimal
    why: str
    amount: Decimal


def lines(did: Iterable[Stretch], rates: Rates, zone: str, holidays: Collection[date]) -> list[Line]:
    """The lines for what somebody did, in the order of time; what has no rate has none."""
    found: list[Line] = []
    for stretch in sorted(did, key=lambda each: (each.start, each.end)):
        rate = rates.hour(stretch.sort)
        if not rate:
            continue
        if stretch.sort in (Sort.CALL, Sort.CALLED_OFF):
            minutes = max(round((stretch.end - stretch.start) / _MINUTE), rates.call_minimum)
            factor, why = _factor(stretch.start, rates, zone, holidays)
            found.append(_line(stretch, stretch.start, stretch.end, minutes, rate, factor, why))
            continue
        for start, end in _pieces(stretch, zone):
            factor, why = _factor(start, rates, zone, holidays)
            if found and found[-1].end == start and found[-1].what == stretch.what and found[-1].why == why:
                start = found.pop().start  # noqa: PLW2901 - the piece before goes on
            found.append(_line(stretch, start, end, round((end - start) / _MINUTE), rate, factor, why))
    return found


def read_rates(plain: Mapping[str, Any]) -> Rates:
    """Rates from plain values, as rows keep them. Raises ValueError for what is no amount, no factor or no time."""
    known = {name: plain[name] for name in Rates.__dataclass_fields__ if name in plain}
    currency = str(known.pop("currency", "GBP")).upper()
    minimum = int(known.pop("call_minimum", 0))
    numbers = {name: Decimal(str(value)) for name, value in known.items()}
    if len(currency) != 3 or not currency.isalpha() or not 0 <= minimum <= 1440:
        raise ValueError("The currency has three letters, and a call is paid for at most a day.")
    for name, value in numbers.items():
        least, most = (Decimal(1), Decimal(10)) if name.endswith("_factor") else (Decimal(0), Decimal(10_000))
        if not value.is_finite() or not least <= value <= most:
            raise ValueError(f"{name} is {value}; give {least} to {most}.")
    return Rates(currency=currency, call_minimum=minimum, **numbers)


def as_plain(rates: Rates) -> dict[str, Any]:
    """The rates as rows keep them."""
    return {
        name: value if isinstance(value := getattr(rates, name), str | int) else str(value)
        for name in Rates.__dataclass_fields__
    }


def _line(
    stretch: Stretch, start: datetime, end: datetime, minutes: int, rate: Decimal, factor: Decimal, why: str
) -> Line:
    amount = (rate * factor * minutes / 60).quantize(_CENT, ROUND_HALF_UP)
    return Line(start, end, stretch.sort, stretch.what, minutes, rate, factor, why, amount)


def _pieces(stretch: Stretch, zone_name: str) -> Iterator[tuple[datetime, datetime]]:
    zone = ZoneInfo(zone_name)
    day = stretch.start.astimezone(zone).date()
    last = stretch.end.astimezone(zone).date()
    cuts = []
    while day <= last:
        cuts += [instant_of(datetime.combine(day, cut), zone) for cut in (time(0), NIGHT[1], NIGHT[0])]
        day += timedelta(days=1)
    edges = [stretch.start, *(cut for cut in sorted(set(cuts)) if stretch.start < cut < stretch.end), stretch.end]
    yield from pairwise(edges)


def _factor(at: datetime, rates: Rates, zone: str, holidays: Collection[date]) -> tuple[Decimal, str]:
    local = at.astimezone(ZoneInfo(zone))
    holds = [(Decimal(1), "")]
    if local.time() >= NIGHT[0] or local.time() < NIGHT[1]:
        holds.append((rates.night_factor, "night"))
    if local.weekday() >= 5:
        holds.append((rates.weekend_factor, "weekend"))
    if local.date() in holidays:
        holds.append((rates.holiday_factor, "holiday"))
    return max(holds, key=lambda each: each[0])
