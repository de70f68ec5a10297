"""A customer's own service report: how we did for them, and for nobody else. Also asked inside the portal's belt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from nightdesk.customers.models import Customer
from nightdesk.reports.figure_queries import Reading, pieces_of, readings, rolled_at, trends

FIGURES = (
    "availability",
    "availability_with_work",
    "told_before_asking",
    "first_word",
    "updates_on_time",
    "answered_12s",
    "time_to_answer",
    "call_backs_on_time",
    "time_to_respond",
    "time_to_resolve",
    "first_contact",
    "reopened",
)
"""What a customer is told, in this order."""
MONTHS = 6
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """The figures of days from `first` to `last`; `months`: the first and the last day of each of the last ones, of one that is
    not over as far as it has come, and `over` each figure of each."""

    first: date
    last: date
    counted_at: datetime | None
    figures: Sequence[Reading]
    months: Sequence[tuple[date, date]]
    over: Sequence[Sequence[Reading]]


def report_of(customer: Customer, first: date, last: date, at: datetime) -> ServiceReport:
    """The customer's figures; a year at most."""
    last = min(max(first, last), first + LONGEST)
    brands, value = [customer.brand_id], str(customer.pk)
    found = readings(brands, first, last, at, dimension="customer", value=value)
    months = [last.replace(day=1)]
    while len(months) < MONTHS:
        months.insert(0, (months[0] - timedelta(days=1)).replace(day=1))
    end = (months[-1] + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    today = at.astimezone(ZoneInfo(customer.brand.zone)).date()
    if months[-1] <= today:
        end = min(end, today)
    over = trends(brands, FIGURES, months, end, at, dimension="customer", value=value)
    return ServiceReport(
        first,
        last,
        rolled_at(brands),
        [found[key] for key in FIGURES],
        pieces_of(months, end),
        [over[key] for key in FIGURES],
    )


def last_month(zone: str, at: datetime) -> tuple[date, date]:
    """The first and the last day of the month before."""
    last = at.astimezone(ZoneInfo(zone)).date().replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last
