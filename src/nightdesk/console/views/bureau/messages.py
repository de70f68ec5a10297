"""The bureau's messages in a list, and what was taken for each client by month."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.calls import bureau_queries as queries
from nightdesk.calls.bureau_models import BureauMessage
from nightdesk.console.views.bureau.shown import message_row, messages_of, tabs
from nightdesk.console.views.lists import (
    EXPORTED,
    as_csv,
    asked,
    asked_day,
    clear_url,
    csv_url,
    day_box,
    one_page,
    search_box,
    select,
)
from nightdesk.console.views.staff import StaffRequest, staff

STATES = {
    "open": gettext_lazy("Being taken down"),
    "relayed": gettext_lazy("On its way"),
    "undelivered": gettext_lazy("Undelivered"),
    "acknowledged": gettext_lazy("Somebody has it"),
    "closed": gettext_lazy("Closed"),
}
EXPORT_SLICE = 500
MONTHS = 12


def _chosen(request: StaffRequest) -> QuerySet[BureauMessage]:
    rows = messages_of(request)
    if text := asked(request, "q"):
        wanted = Q(text__icontains=text) | Q(caller_number__icontains=text.replace(" ", "").removeprefix("0"))
        if text.isdecimal():
            wanted |= Q(number=int(text[:9]))
        rows = rows.filter(wanted)
    if client := asked(request, "client"):
        rows = rows.filter(client_id=int(client) if client.isdecimal() else 0)
    if state := asked(request, "state", STATES):
        rows = rows.filter(state=state)
    if (first := asked_day(request, "first")) is not None:
        rows = rows.filter(began_at__gte=datetime(first.year, first.month, first.day, tzinfo=get_current_timezone()))
    if (last := asked_day(request, "last")) is not None:
        until = datetime(last.year, last.month, last.day, tzinfo=get_current_timezone()) + timedelta(days=1)
        rows = rows.filter(began_at__lt=until)
    return rows


@staff("read_bureau")
def messages(request: StaffRequest) -> HttpResponse:
    """What was taken, the newest first."""
    here, pager = one_page(request, _chosen(request))
    proofs = queries.proofs(here)
    filtered = clear_url(request)
    count = messages_of(request).count()
    heading = ngettext("{count} message", "{count} messages", count).format(count=count)
    if not here:
        heading = _("No message is like that") if filtered else _("No message has been taken yet")
    names = {str(one.pk): one.brand.name for one in queries.clients(request.brands)}
    context = {
        "here": "bureau",
        "tabs": tabs(request, "bureau_messages"),
        "heading": heading,
        "rows": [message_row(row, proofs[row.pk]) for row in here],
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Words, or a number")),
            select("client", _("Client"), asked(request, "client"), names, _("Every client")),
            select(
                "state", _("State"), asked(request, "state"), {key: str(text) for key, text in STATES.items()}, _("Any")
            ),
            day_box("first", _("From"), asked_day(request, "first")),
            day_box("last", _("To"), asked_day(request, "last")),
        ],
        "clear_url": filtered,
        "csv_url": csv_url(request, reverse("console:bureau_messages_csv")),
        "empty_text": _("Whatever is taken down at the desk stands here, with its proof of delivery."),
    }
    return render(request, "console/bureau_messages.html", context)


@staff("read_bureau")
def messages_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = [
        "id", "client", "number", "test", "state", "began_at", "saved_at", "taken_by", "caller_number", "account", "urgent",
        "text", "delivered_at", "acknowledged_at", "acknowledged_by", "outcome", "corrected", "ended_at",
    ]  # fmt: skip

    def lines() -> Iterator[list[object]]:
        rows = _chosen(request)
        for first in range(0, EXPORTED, EXPORT_SLICE):
            some = list(rows[first : first + EXPORT_SLICE])
            proofs = queries.proofs(some)
            for row in some:
                yield [
                    row.pk, row.client.brand.name, row.number, row.test, row.state, row.began_at, row.saved_at, row.taker.name,
                    row.caller_number, row.customer.name if row.customer else "", row.urgent, row.text,
                    proofs[row.pk].delivered_at, row.acknowledged_at, row.acknowledged_by, row.outcome, row.corrected,
                    row.ended_at,
                ]  # fmt: skip
            if len(some) < EXPORT_SLICE:
                return

    return as_csv("bureau-messages", header, lines())


# --- By month --------------------------------------------------------------------------------------------------------


def _months(request: StaffRequest) -> list[str]:
    """The last months as "2026-11", the newest first."""
    local = localtime(request.at)
    found = []
    year, month = local.year, local.month
    for _each in range(MONTHS):
        found.append(f"{year}-{month:02d}")
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    return found


def month_span(month: str, zone: Any) -> tuple[datetime, datetime]:
    """[the first instant, the first of the month after) of "2026-11" by the zone's clocks."""
    year, number = (int(part) for part in month.split("-"))
    since = datetime(year, number, 1, tzinfo=zone)
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    return since.astimezone(UTC), datetime(*after, 1, tzinfo=zone).astimezone(UTC)


def _columns() -> list[str]:
    return [
        _("Calls"), _("Messages"), _("Urgent"), _("Told"), _("Put through"), _("Fruitless"), _("Taken on"), _("In 30 min"),
        _("Corrected"), _("Minutes"),
    ]  # fmt: skip


def _numbers(row: queries.Counted) -> list[int]:
    return [
        row.calls, row.messages, row.urgent, row.told, row.patched, row.fruitless, row.acknowledged, row.within_half_an_hour,
        row.corrected, row.seconds // 60,
    ]  # fmt: skip


@staff("read_bureau")
def counts(request: StaffRequest) -> HttpResponse:
    """What was taken for each client in a month."""
    months = _months(request)
    month = asked(request, "month", months) or months[0]
    rows = queries.counts(request.brands, *month_span(month, get_current_timezone()))
    calls = sum(row.calls for row in rows)
    context = {
        "here": "bureau",
        "tabs": tabs(request, "bureau_counts"),
        "heading": ngettext("{count} call in {month}", "{count} calls in {month}", calls).format(
            count=calls, month=month
        ),
        "rows": [{"client": row.client, "numbers": list(zip(_columns(), _numbers(row), strict=True))} for row in rows],
        "columns": _columns(),
        "filters": [select("month", _("Month"), month, {each: each for each in months[1:]}, months[0])],
        "csv_url": f"{reverse('console:bureau_counts_csv')}?month={month}",
    }  # fmt: skip
    return render(request, "console/bureau_counts.html", context)


@staff("read_bureau")
def counts_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    months = _months(request)
    month = asked(request, "month", months) or months[0]
    rows = queries.counts(request.brands, *month_span(month, get_current_timezone()))
    header = ["month", *queries.COUNTED]
    return as_csv(
        f"bureau-{month}", header, [[month, *(getattr(row, name) for name in queries.COUNTED)] for row in rows]
    )
