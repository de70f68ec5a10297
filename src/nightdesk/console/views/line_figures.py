"""How the phone lines did: answered in time, given up, told of an outage, called back, people woken, by hour of the week."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.console.views.lists import as_csv, asked_day, csv_url, day_box
from nightdesk.console.views.staff import StaffRequest, staff
from nightdesk.reports.figure_wording import floor, percent
from nightdesk.reports.phone import HourFigures, LineFigures
from nightdesk.reports.phone_queries import Reported, reports_of

LONGEST = timedelta(days=366)
MONTH = timedelta(days=30)
A_MONDAY = date(2024, 1, 1)
SHARES = (
    "in_time_share",
    "in_time_engineer_share",
    "abandoned_share",
    "call_backs_share",
    "woken_a_night",
    "woken_a_call",
)


@staff("read_line_figures")
def line_figures(request: StaffRequest) -> HttpResponse:
    """The lines side by side, and each one's week."""
    first, last = _span(request)
    reports = reports_of(request.brands, first, last, request.at)
    context = {
        "here": "line_figures",
        "heading": _("How the phone lines did"),
        "filters": [day_box("first", _("From"), first), day_box("last", _("To"), last)],
        "rows": [_row(report) for report in reports],
        "weeks": [_week(report) for report in reports if report.figures.calls],
        "csv_url": csv_url(request, reverse("console:line_figures_csv")),
        "hours_csv_url": csv_url(request, reverse("console:line_hours_csv")),
    }
    return render(request, "console/line_figures.html", context)


@staff("read_line_figures")
def line_figures_csv(request: StaffRequest) -> HttpResponse:
    """The same figures as a file; shares are of 1."""
    first, last = _span(request)
    counted = [field.name for field in fields(LineFigures)]

    def rows() -> Iterator[list[Any]]:
        for one in reports_of(request.brands, first, last, request.at):
            shares = [getattr(one.figures, name) for name in SHARES]
            yield [
                one.line.brand.slug,
                one.line.name,
                first,
                last,
                *(getattr(one.figures, name) for name in counted),
                *("" if share is None else floor(share, 4) for share in shares),
            ]

    return as_csv("line-figures", ["brand", "line", "first", "last", *counted, *SHARES], rows())


@staff("read_line_figures")
def line_hours_csv(request: StaffRequest) -> HttpResponse:
    """Each line's 168 hours of the week as a file."""
    first, last = _span(request)

    def rows() -> Iterator[list[Any]]:
        for one in reports_of(request.brands, first, last, request.at):
            for hour in one.hours:
                where = [one.line.brand.slug, one.line.name, hour.weekday, hour.hour]
                yield [*where, hour.calls, hour.asked, hour.in_time]

    return as_csv("line-hours", ["brand", "line", "weekday", "hour", "calls", "asked", "in_time"], rows())


def _span(request: StaffRequest) -> tuple[date, date]:
    """The first and the last day: as asked, else the last thirty days; a year at most."""
    today = localtime(request.at).date()
    last = asked_day(request, "last") or today
    first = asked_day(request, "first") or last - MONTH
    return first, min(max(last, first), first + LONGEST)


def _row(report: Reported) -> dict[str, Any]:
    line, figures = report.line, report.figures
    return {
        "name": line.name,
        "brand": line.brand.name,
        "calls": f"{figures.calls:,}",
        "in_time": percent(figures.in_time_share),
        "in_time_engineer": percent(figures.in_time_engineer_share),
        "abandoned": percent(figures.abandoned_share),
        "told": f"{figures.told_outage:,}",
        "told_rang_nobody": _("{nobody} rang nobody").format(nobody=f"{figures.told_rang_nobody:,}")
        if figures.told_outage
        else "",
        "not_covered": f"{figures.not_covered:,}",
        "call_backs": percent(figures.call_backs_share),
        "woken_a_night": _rate(figures.woken_a_night),
        "woken_a_call": _rate(figures.woken_a_call),
    }


def _week(report: Reported) -> dict[str, Any]:
    """A strip a weekday: a bar an hour as high as its calls, of which those in time stand below."""
    most = max(hour.calls for hour in report.hours)
    return {
        "name": report.line.name,
        "brand": report.line.brand.name,
        "most": ngettext("{count} call", "{count} calls", most).format(count=most),
        "ticks": [{"at_pct": round(hour * 100 / 24, 2), "text": f"{hour:02}"} for hour in range(0, 24, 4)],
        "rows": [_strip(report.hours[day * 24 : day * 24 + 24], most) for day in range(7)],
    }


def _strip(hours: Sequence[HourFigures], most: int) -> dict[str, Any]:
    calls, asked, in_time = (sum(getattr(hour, name) for hour in hours) for name in ("calls", "asked", "in_time"))
    said = _("{calls} calls; {in_time} of {asked} who asked for somebody were answered in time")
    return {
        "name": date_format(datetime.combine(A_MONDAY + timedelta(days=hours[0].weekday), datetime.min.time()), "D"),
        "said": said.format(calls=calls, in_time=in_time, asked=asked),
        "bars": [_bar(hour, most) for hour in hours if hour.calls],
    }


def _bar(hour: HourFigures, most: int) -> dict[str, Any]:
    late = hour.asked - hour.in_time
    text = _("{hour}:00: {calls} calls, {in_time} of {asked} in time")
    return {
        "from_pct": round(hour.hour * 100 / 24 + 0.3, 2),
        "top_pct": round(100 - 100 * hour.calls / most, 1),
        "calls_pct": round(100 * hour.calls / most, 1),
        "late_pct": round(100 * late / most, 1),
        "text": text.format(hour=f"{hour.hour:02}", calls=hour.calls, in_time=hour.in_time, asked=hour.asked),
    }


def _rate(rate: float | None) -> str:
    return "\u2013" if rate is None else f"{rate:.2f}"
