"""When we are there: a brand's public support hours, for everybody, also inside other pages and for machines."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from nightdesk.access.models import Brand
from nightdesk.base.buckets import Buckets
from nightdesk.customers.hours import (
    DayRange,
    SupportHours,
    Windows,
    describe_hours,
    format_window,
    is_open,
    next_change,
    unusual_days,
)
from nightdesk.customers.models import Hours
from nightdesk.customers.queries import hours_for_all, support_hours

DOOR = Buckets(a_second=5, size=200)
"""By the address that asks."""
UNUSUAL_AHEAD = timedelta(days=60)
MONDAY = date(2024, 1, 1)
"""Any Monday: only the names of the days are wanted."""


@require_safe
def public_hours(request: HttpRequest, slug: str) -> HttpResponse:
    """The page; with `?embed=1` without anything around it, and to be framed by any site."""
    DOOR.let_in(request, request.at)  # type: ignore[attr-defined]
    embedded = bool(request.GET.get("embed"))
    answer = _embedded(request, slug) if embedded else _drawn(request, slug, "console/public_hours.html")
    answer["Cache-Control"] = "public, max-age=60"
    return answer


def _drawn(request: HttpRequest, slug: str, template: str) -> HttpResponse:
    brand = get_object_or_404(Brand, slug=slug)
    at: datetime = request.at  # type: ignore[attr-defined]
    return render(
        request, template, {"brand": brand, "calendars": [_shown(row, at) for row in hours_for_all(brand.pk)], "at": at}
    )


@xframe_options_exempt
@csp_replace({"frame-ancestors": ["*"]})  # type: ignore[untyped-decorator]
def _embedded(request: HttpRequest, slug: str) -> HttpResponse:
    return _drawn(request, slug, "console/public_hours_embed.html")


@require_safe
def public_hours_json(request: HttpRequest, slug: str) -> HttpResponse:
    """The same for machines; instants in UTC."""
    at: datetime = request.at  # type: ignore[attr-defined]
    DOOR.let_in(request, at)
    brand = get_object_or_404(Brand, slug=slug)
    answer = JsonResponse({"brand": brand.name, "calendars": [_told(row, at) for row in hours_for_all(brand.pk)]})
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Cache-Control"] = "public, max-age=60"
    return answer


def _shown(row: Hours, at: datetime) -> dict[str, Any]:
    hours = support_hours(row)
    zone = ZoneInfo(hours.zone)
    today = at.astimezone(zone).date()
    change = next_change(hours, at)
    return {
        "name": row.name,
        "zone": hours.zone,
        "open": is_open(hours, at),
        "until": "" if change is None else _moment(change.astimezone(zone), today),
        "week": [(_days(each), _windows(each.windows)) for each in describe_hours(hours)],
        "unusual": [
            (date_format(day, "l j F"), _windows(windows))
            for day, windows in unusual_days(hours, today, today + UNUSUAL_AHEAD)
        ],
    }


def _moment(local: datetime, today: date) -> str:
    return f"{local:%H:%M}" if local.date() == today else date_format(local, "D j M H:i")


def _days(each: DayRange) -> str:
    first, last = (date_format(MONDAY + timedelta(days=day), "l") for day in (each.first, each.last))
    return first if each.first == each.last else f"{first}–{last}"


def _windows(windows: Windows) -> str:
    return ", ".join(format_window(window).replace("-", "–") for window in windows) or _("closed")


def _told(row: Hours, at: datetime) -> dict[str, Any]:
    hours: SupportHours = support_hours(row)
    change = next_change(hours, at)
    today = at.astimezone(ZoneInfo(hours.zone)).date()
    return {
        "name": row.name,
        "zone": hours.zone,
        "open": is_open(hours, at),
        "changes_at": change.isoformat() if change else None,
        "week": [[format_window(window) for window in hours.week[day]] for day in range(7)],
        "unusual": {
            day.isoformat(): [format_window(window) for window in windows]
            for day, windows in unusual_days(hours, today, today + UNUSUAL_AHEAD)
        },
    }
