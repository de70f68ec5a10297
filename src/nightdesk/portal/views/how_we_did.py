"""How we did for the company: their own figures, over a period and by month."""

import csv
from datetime import date
from io import StringIO
from typing import Any

from django.http import HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.base.clock import day_of
from nightdesk.base.months import is_whole
from nightdesk.portal.door import CustomerRequest, draw, page
from nightdesk.portal.views.people import as_file
from nightdesk.reports.definitions import Unit
from nightdesk.reports.figure_queries import Reading
from nightdesk.reports.figure_wording import NAMES, beside, in_file, value_of
from nightdesk.reports.service_report import ServiceReport, last_month, report_of


@page()
def service(request: CustomerRequest) -> HttpResponse:
    """The report: the month before, where the address says nothing else."""
    report = _report(request)
    context = {
        "heading": _("How we did"),
        "first": report.first.isoformat(),
        "last": report.last.isoformat(),
        "counted_at": report.counted_at,
        "span": _("{first} to {last}").format(first=date_format(report.first), last=date_format(report.last)),
        "rows": [
            {"name": NAMES[one.figure.key], "value": value_of(one), "beside": beside(one)} for one in report.figures
        ],
        "plots": [
            _plot(report, over) for over in report.over if over[0].figure.unit in (Unit.SHARE, Unit.UPTIME)
            and not over[0].figure.variant_of and any(one.value is not None for one in over)
        ],
        "query": f"?first={report.first}&last={report.last}",
    }  # fmt: skip
    return draw(request, "portal/service.html", context, here="service")


@page()
def service_csv(request: CustomerRequest) -> HttpResponse:
    """The same as a file: the period, then each month."""
    report = _report(request)
    text = StringIO()
    lines = csv.writer(text)
    lines.writerow(["figure", "first", "last", "unit", "value", "cases", "hits", "not_yet_known"])
    lines.writerows(_cells(report.first, report.last, one) for one in report.figures)
    for over in report.over:
        lines.writerows(_cells(first, last, one) for (first, last), one in zip(report.months, over, strict=True))
    return as_file(text.getvalue(), "service")


def _report(request: CustomerRequest) -> ServiceReport:
    first, last = last_month(request.customer.brand.zone, request.at)
    first = day_of(request.GET.get("first", "")) or first
    until = day_of(request.GET.get("last", "")) or max(last, first)
    return report_of(request.customer, first, until, request.at)


def _plot(report: ServiceReport, over: Any) -> dict[str, Any]:
    return {
        "name": NAMES[over[0].figure.key],
        "rows": [
            {
                "name": _month(first, last),
                "value": value_of(one),
                "width_pct": round(100 * one.value, 1) if one.value is not None else 0,
            }
            for (first, last), one in zip(report.months, over, strict=True)
        ],
    }


def _month(first: date, last: date) -> str:
    name = date_format(first, "F Y")
    return name if is_whole(first, last) else _("{month}, up to the {day}").format(month=name, day=last.day)


def _cells(first: Any, last: Any, one: Reading) -> list[Any]:
    return [
        one.figure.key, first, last, one.figure.unit.value, in_file(one),
        one.tally.cases, one.tally.hits, one.tally.waiting,
    ]  # fmt: skip
