"""What is on record of a line's calls in a period, as `phone` takes it."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q

from nightdesk.calls.models import Call, Leg, Line, Message
from nightdesk.channels.models import Delivery
from nightdesk.channels.registry import LOUD
from nightdesk.customers.hours import is_open
from nightdesk.customers.queries import support_hours
from nightdesk.reports import phone
from nightdesk.reports.phone import HourFigures, LineCall, LineFigures, OwedCallBack

TOLD_NOBODY = "state__memory__times_said_cover"
"""How often the flow told the caller that nobody is there for them."""
RECORDER_AT = "state__memory__recorder_at"
"""When it began to speak, as ISO 8601."""
READS = (
    "id",
    "came_at",
    "answered_at",
    "answered_by",
    "heard_outage_at",
    "told_nobody",
    "ended_as",
    "woken",
    "rung",
    "recorder_at",
)


@dataclass(frozen=True, slots=True)
class Reported:
    """A line's figures from one day to another, and those of each hour of the week."""

    line: Line
    figures: LineFigures
    hours: Sequence[HourFigures]


def reports_of(brands: Collection[int] | None, first: date, last: date, at: datetime) -> list[Reported]:
    """The figures of each line of these brands (None: of all) from `first` to `last`, by its own clocks; both days are in it."""
    lines = Line.objects.select_related("brand", "hours").order_by("brand__name", "name")
    if brands is not None:
        lines = lines.filter(brand__in=brands)
    return [_report(line, first, last, at) for line in lines]


def zone_of(line: Line) -> ZoneInfo:
    """By which clocks the line's hours are."""
    return ZoneInfo(line.hours.zone if line.hours is not None else line.brand.zone)


def _report(line: Line, first: date, last: date, at: datetime) -> Reported:
    zone = zone_of(line)
    since = datetime.combine(first, time(), zone)
    until = datetime.combine(last + timedelta(days=1), time(), zone)
    calls = line_calls(line, since, until)
    owed = [
        OwedCallBack(due, reached, ended)
        for due, reached, ended in Message.objects.filter(
            line=line, call_back_by__gte=since, call_back_by__lt=until
        ).values_list("call_back_by", "reached_at", "ended_at")
        if due is not None
    ]
    nights = max((min(last, at.astimezone(zone).date()) - first).days + 1, 0)
    return Reported(line, phone.figures(calls, owed, nights, at), phone.by_hour(calls, zone))


def line_calls(line: Line, since: datetime, until: datetime) -> list[LineCall]:
    """Those of people from outside that somebody had or that have ended: no call of our own staff's, and no call-back."""
    rows = (
        Call.objects.filter(line=line, came_at__gte=since, came_at__lt=until, person=None, calls_back=None)
        .filter(Q(ended_at__isnull=False) | Q(answered_at__isnull=False))
        .annotate(
            rung=Count("legs", filter=Q(legs__person__isnull=False)),
            told_nobody=F(TOLD_NOBODY),
            recorder_at=F(RECORDER_AT),
        )
        .values_list(*READS, named=True)
    )
    open_hours = support_hours(line.hours) if line.hours is not None else None
    paged = _paged(line, since, until)
    return [
        LineCall(
            row.came_at,
            row.answered_at,
            row.answered_by,
            "outage" if row.heard_outage_at else "not_covered" if row.told_nobody else "",
            row.ended_as == "abandoned",
            row.rung,
            open_hours is not None and not is_open(open_hours, row.came_at),
            row.woken + paged[row.id],
            recorded_at(row.recorder_at),
        )
        for row in rows
    ]


def recorded_at(text: str | None) -> datetime | None:
    """The instant that the flow noted, where it did."""
    return datetime.fromisoformat(text) if text else None


def _paged(line: Line, since: datetime, until: datetime) -> Counter[UUID]:
    """How many people a loud message told of what a call left, by call; whom the call itself had rung is not counted again."""
    calls = {
        str(page_id): call_id
        for call_id, page_id in Message.objects.filter(
            line=line, call__came_at__gte=since, call__came_at__lt=until, page_id__isnull=False
        ).values_list("call_id", "page_id")
    }
    told = Delivery.objects.filter(
        recipient_kind="person",
        subject_kind="page",
        subject_id__in=calls,
        channel__in=LOUD,
        accepted_at__isnull=False,
    )
    people = {(calls[page], person) for page, person in told.values_list("subject_id", "recipient_id")}
    rung = Leg.objects.filter(call__in=set(calls.values()), person__isnull=False).values_list("call_id", "person_id")
    return Counter(call for call, _person in people - {(call, str(person)) for call, person in rung})
