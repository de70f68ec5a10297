"""What was worked for each customer, for invoices; and what customers thought afterwards."""

from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import as_csv, asked_day, csv_url, day_box, one_page
from nightdesk.console.views.staff import StaffRequest, may, staff, within
from nightdesk.customers.hours import first_instant
from nightdesk.desk.models import Survey
from nightdesk.desk.queries import Worked, satisfaction, worked_for


def _span(request: StaffRequest) -> tuple[date, date]:
    """The first day and the day after the last: as asked, else this month up to today."""
    today = localtime(request.at).date()
    first = asked_day(request, "first") or today.replace(day=1)
    last = asked_day(request, "last") or max(today, first)
    return first, max(last, first) + timedelta(days=1)


@staff("read_tickets")
def worked(request: StaffRequest) -> HttpResponse:
    """A row for each customer: minutes, what of them is prepaid, what is to be billed, call-outs."""
    first, until = _span(request)
    rows = worked_for(request.brands, first, until)
    minutes = sum(row.minutes for row in rows)
    heading = _("{hours} were worked for customers").format(hours=_hours(minutes)) if rows else _("No time is noted")
    context = {
        "here": "worked",
        "heading": heading,
        "filters": [day_box("first", _("From"), first), day_box("last", _("To"), until - timedelta(days=1))],
        "rows": [_shown(row) for row in rows],
        "csv_url": csv_url(request, reverse("console:worked_csv")),
        "empty_text": _("Time is noted on a ticket; it stands here by customer, and as a file for invoices."),
        "surveys_url": reverse("console:surveys"),
    }
    return page_or_part(request, "worked", set(), context)


def _shown(row: Worked) -> dict[str, Any]:
    call_outs = ngettext("{count} call-out", "{count} call-outs", row.call_outs).format(count=row.call_outs)
    tickets = ngettext("{count} ticket", "{count} tickets", row.tickets).format(count=row.tickets)
    return {
        "name": row.customer.name if row.customer else _("no customer"),
        "minutes": _hours(row.minutes),
        "paid": _hours(row.paid),
        "billed": _hours(row.billed),
        "detail": " · ".join([tickets, *([call_outs] if row.call_outs else [])]),
    }


def _hours(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d} h"


@staff("read_tickets")
def worked_csv(request: StaffRequest) -> HttpResponse:
    """The same in minutes."""
    first, until = _span(request)
    header = ["customer", "reference", "tickets", "minutes", "billable", "prepaid", "to_bill", "call_outs"]
    rows = worked_for(request.brands, first, until)
    return as_csv(
        f"worked-{first:%Y-%m-%d}",
        header,
        (
            (
                row.customer.name if row.customer else "",
                row.customer.ref if row.customer else "",
                row.tickets,
                row.minutes,
                row.billable,
                row.paid,
                row.billed,
                row.call_outs,
            )
            for row in rows
        ),
    )


def _surveys(request: StaffRequest) -> Any:
    first, until = _span(request)
    zone = localtime(request.at).tzinfo
    start, end = (first_instant(_midnight(day), zone) for day in (first, until))
    rows = Survey.objects.filter(within(request.brands), asked_at__gte=start, asked_at__lt=end)
    return rows.select_related("ticket", "team", "supplier"), start, end


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - local, and placed by first_instant


@staff("read_surveys")
def surveys(request: StaffRequest) -> HttpResponse:
    """How content customers were, by team and by supplier, and what each wrote."""
    found, start, end = _surveys(request)
    first, until = _span(request)
    here, pager = one_page(request, found.exclude(score=None).order_by("-asked_at", "-id"))
    teams = satisfaction(request.brands, start, end, "team")
    answered, content = sum(one.answered for one in teams), sum(one.content for one in teams)
    heading = (
        _("{percent} % of those who answered were content").format(percent=round(100 * content / answered))
        if answered
        else _("Nobody has answered")
    )
    context = {
        "here": "worked",
        "heading": heading,
        "filters": [day_box("first", _("From"), first), day_box("last", _("To"), until - timedelta(days=1))],
        "groups": [
            (_("By team"), teams),
            (_("By supplier"), satisfaction(request.brands, start, end, "supplier")),
        ],
        "rows": [
            {
                "at": one.answered_at,
                "title": f"#{one.ticket.number} {one.ticket.title}",
                "url": reverse("console:ticket", args=[one.ticket_id])
                if may(request, "read_tickets", one.brand_id)
                else "",
                "detail": " · ".join(
                    part
                    for part in (
                        f"“{one.words}”" if one.words else _("no words"),
                        one.team.name if one.team else "",
                        one.supplier.name if one.supplier else "",
                    )
                    if part
                ),
                "tags": [
                    {"text": f"{one.score} / 5", "tone": "calm" if one.score >= 4 else "fire" if one.score < 3 else ""}
                ],
            }
            for one in here
        ],
        "pager": pager,
        "csv_url": csv_url(request, reverse("console:surveys_csv")),
        "empty_text": _("Customers are asked once a ticket is closed, where the rules of the desk say so."),
    }
    return page_or_part(request, "surveys", set(), context)


@staff("read_surveys")
def surveys_csv(request: StaffRequest) -> HttpResponse:
    """All that were asked, answered or not."""
    found, _start, _end = _surveys(request)
    header = ["ticket", "asked_at", "answered_at", "score", "words", "team", "supplier"]
    rows = (
        (
            one.ticket.number,
            one.asked_at,
            one.answered_at,
            one.score,
            one.words,
            one.team.name if one.team else "",
            one.supplier.name if one.supplier else "",
        )
        for one in found.order_by("asked_at", "id").iterator()
    )
    return as_csv("surveys", header, rows)
