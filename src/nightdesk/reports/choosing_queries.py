"""What is saved of comparisons, calls by hour as they are on record, and what really happened since an approach was chosen."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import QuerySet, Sum

from nightdesk.access.models import Brand
from nightdesk.base.months import is_whole, month_of
from nightdesk.calls.models import Leg, Line
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.channels.registry import LOUD
from nightdesk.reports import week
from nightdesk.reports.approaches import WEEKS, Case, Inputs, Outcome
from nightdesk.reports.choosing_stored import case_of
from nightdesk.reports.implied_rota import Held, held_against_law
from nightdesk.reports.load import NIGHT, Figure
from nightdesk.reports.models import Comparison
from nightdesk.reports.phone import LineCall
from nightdesk.reports.phone_queries import line_calls
from nightdesk.reports.queries import rates_of, switched_off
from nightdesk.rota import law

MOST_MONTHS = 24
USUAL_MONTH = Decimal("30.4375")
_DIGITS = Decimal("0.001")
_EU = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Month:
    """One month since the choice, or as much of it as is over: `first` to `last`, both in it, by the brand's clocks.

    Only calls in the hours that the comparison asks about are counted. Shares are None where nobody rang; `messages` is what
    messages to the brand's people cost, by currency; `woken` are nights on which somebody was, by each of the team, None
    where that is not reckoned. `expected` is what the comparison said of a whole month, the others of these days.
    """

    first: date
    last: date
    calls: int
    in_time: int
    lost: int
    messages: Mapping[str, Decimal]
    woken: float | None
    calls_expected: Decimal
    expected: Outcome

    @property
    def in_time_share(self) -> float | None:
        """Of those who rang: who had somebody within the promise."""
        return self.in_time / self.calls if self.calls else None

    @property
    def lost_share(self) -> float | None:
        """Of those who rang: whom nobody ever had."""
        return self.lost / self.calls if self.calls else None

    @property
    def part(self) -> Decimal:
        """How much of a month these days are, 1 of one that is whole."""
        days = (self.last - self.first).days + 1
        return Decimal(1) if is_whole(self.first, self.last) else days / USUAL_MONTH

    @property
    def woken_expected(self) -> float:
        """The nights that were expected of these days, by each of the team."""
        return self.expected.woken * float(self.part)


def comparisons(brands: Collection[int] | None) -> QuerySet[Comparison]:
    """Those of these brands (None: of all) that are not deleted, by name."""
    rows = Comparison.objects.select_related("brand").filter(deleted_at=None).order_by("name", "id")
    return rows if brands is None else rows.filter(brand__in=brands)


def inputs_for(brand: Brand) -> Inputs:
    """The usual inputs, with what the brand pays for on-call work where that is on record."""
    rates = rates_of(brand)
    if not (rates.standby_hour or rates.call_hour):
        return Inputs()
    return Inputs(
        currency=rates.currency,
        standby_hour=rates.standby_hour,
        call_hour=rates.call_hour,
        call_minimum=rates.call_minimum,
    )


def law_of(case: Case, brand: Brand, monday: date) -> dict[str, list[Held]]:
    """What the law of the brand's nation says to the rota of each approach and combination, by its name."""
    pack = law.PACKS.get(brand.region, law.EU if brand.region in _EU else law.GB)
    return {name: held_against_law(case, kinds, monday, brand.zone, pack) for name, kinds in case.weeks.items()}


def calls_on_record(line: Line, first: date, last: date) -> str:
    """Calls an hour of the week from `first` to `last`, both in it, by the brand's clocks, in lines of `week`."""
    zone = ZoneInfo(line.brand.zone)
    counted = [0] * week.HOURS
    for call in _calls(line, first, last, zone):
        counted[_hour(call.came_at, zone)] += 1
    days = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    times = [sum(day.weekday() == weekday for day in days) for weekday in range(7)]
    return week.write_calls(
        [
            (Decimal(count) / times[hour // 24]).quantize(_DIGITS) if times[hour // 24] else Decimal(0)
            for hour, count in enumerate(counted)
        ]
    )


def afterwards(row: Comparison, at: datetime) -> Sequence[Month]:
    """The months since the choice, the newest last, at most `MOST_MONTHS`; none where nothing is chosen, or only from now on."""
    if row.chosen_on is None:
        return []
    case = case_of(row.inputs)
    expected = next(each for each in case.outcomes if each.name == row.chosen)
    spans = list(_months(row.chosen_on, at.astimezone(ZoneInfo(row.brand.zone)).date()))[-MOST_MONTHS:]
    return [_month(row, case, expected, first, last) for first, last in spans]


def _month(row: Comparison, case: Case, expected: Outcome, first: date, last: date) -> Month:
    zone = ZoneInfo(row.brand.zone)
    promised = timedelta(seconds=case.inputs.promised_s)
    asked = [
        call
        for line in Line.objects.filter(brand=row.brand)
        for call in _calls(line, first, last, zone)
        if _hour(call.came_at, zone) not in case.covered
    ]
    days = Decimal((last - first).days + 1)
    return Month(
        first,
        last,
        len(asked),
        sum(call.answered_at is not None and call.answered_at - call.came_at <= promised for call in asked),
        sum(call.answered_at is None for call in asked),
        _paid_for_messages(row.brand, first, last, zone),
        None
        if Figure.WOKEN in switched_off(row.brand)
        else _nights_woken(row.brand, first, last, zone) / case.inputs.team,
        (expected.calls * days / 7 / WEEKS).quantize(Decimal("0.1")),
        expected,
    )


def _calls(line: Line, first: date, last: date, zone: ZoneInfo) -> list[LineCall]:
    return line_calls(line, *_edges(first, last, zone))


def _edges(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return datetime.combine(first, time(), zone), datetime.combine(last + timedelta(days=1), time(), zone)


def _hour(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


def _months(since: date, today: date) -> Iterator[tuple[date, date]]:
    """Each month from the day on, up to yesterday, which is the last day that is over."""
    first, yesterday = since, today - timedelta(days=1)
    while first <= yesterday:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield first, min(following - timedelta(days=1), yesterday)
        first = following


def _paid_for_messages(brand: Brand, first: date, last: date, zone: ZoneInfo) -> dict[str, Decimal]:
    since, until = _edges(first, last, zone)
    ours = Delivery.objects.filter(
        brand_id=brand.pk,
        recipient_kind="person",
        accepted_at__gte=since,
        accepted_at__lt=until,
        **_made_by(since, until),
    )
    months = set(ours.values_list("month", flat=True).distinct())
    paid = (
        Attempt.objects.filter(month__in=months, delivery_id__in=ours.values("id"), price__isnull=False)
        .values("currency")
        .annotate(paid=Sum("price"))
    )
    return {each["currency"]: each["paid"] for each in paid.order_by("currency")}


def _made_by(since: datetime, until: datetime) -> dict[str, date]:
    """Of the ledger the months that hold what was accepted in the period: it was made then, or in the month before."""
    return {"month__gte": month_of(since - timedelta(days=31)), "month__lte": month_of(until)}


def _nights_woken(brand: Brand, first: date, last: date, zone: ZoneInfo) -> int:
    """On how many nights each person was rung, or had a loud message of a page; summed over people."""
    since, until = _edges(first, last, zone)
    told = Delivery.objects.filter(
        brand_id=brand.pk,
        recipient_kind="person",
        subject_kind="page",
        channel__in=LOUD,
        accepted_at__gte=since,
        accepted_at__lt=until,
        **_made_by(since, until),
    )
    rung = Leg.objects.filter(
        call__line__brand=brand, person__isnull=False, ordered_at__gte=since, ordered_at__lt=until
    )
    rings = [
        *((person, at) for person, at in told.values_list("recipient_id", "accepted_at") if at is not None),
        *((str(person), at) for person, at in rung.values_list("person_id", "ordered_at")),
    ]
    nights = {(person, night) for person, at in rings if (night := _night(at.astimezone(zone))) is not None}
    return len(nights)


def _night(local: datetime) -> date | None:
    if local.time() >= NIGHT[0]:
        return local.date()
    return local.date() - timedelta(days=1) if local.time() < NIGHT[1] else None
