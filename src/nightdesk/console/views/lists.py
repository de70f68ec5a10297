"""Long lists: what is asked for in the address, one page of it, and the same rows as CSV."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _

from nightdesk.base.clock import day_of

PAGE_ROWS = 50
COUNTED = 10_000
"""Beyond this nobody counts: "10,000+"."""
EXPORTED = 100_000


def asked(request: HttpRequest, name: str, choices: Iterable[str] | None = None) -> str:
    """What the address asks for under `name`; "" where that is nothing, or none of `choices`."""
    value = request.GET.get(name, "").strip()[:200]
    return value if choices is None or value in choices else ""


def asked_day(request: HttpRequest, name: str) -> date | None:
    """The ISO date under `name`; None where there is none that can be read, or it is out of reach."""
    return day_of(request.GET.get(name, ""))


def select(name: str, label: str, value: str, options: Mapping[str, str], anything: str) -> dict[str, Any]:
    """A filter to choose from; see parts/filters.html. `anything` is the text of no choice."""
    choices = [{"value": "", "label": anything}, *({"value": v, "label": text} for v, text in options.items())]
    return {"name": name, "label": label, "value": value, "kind": "select", "options": choices}


def search_box(value: str, label: str) -> dict[str, Any]:
    """A filter to type in."""
    return {"name": "q", "label": label, "value": value, "kind": "search"}


def day_box(name: str, label: str, value: date | None) -> dict[str, Any]:
    """A filter by day."""
    return {"name": name, "label": label, "value": value.isoformat() if value else "", "kind": "date"}


def page_number(request: HttpRequest, size: int = PAGE_ROWS) -> int:
    """The page that `?page=` names, from 1; the first where it names none."""
    text = asked(request, "page")
    number = int(text) if text.isascii() and text.isdecimal() else 1
    return max(1, min(number, COUNTED // size))


def one_page(
    request: HttpRequest, rows: QuerySet[Any] | Sequence[Any], *, total: int | None = None, size: int = PAGE_ROWS
) -> tuple[list[Any], dict[str, Any]]:
    """The rows of the page that `?page=` names, and what parts/pager.html needs.

    `total`: how many there are, where `rows` are only as many as this page needs (one more than it shows).
    """
    number = page_number(request, size)
    start = (number - 1) * size
    here = list(rows[start : start + size + 1])
    more, here = len(here) > size, here[:size]
    if total is None:
        total = len(rows) if isinstance(rows, Sequence) else rows[: COUNTED + 1].count()
    counted = counted_text(total)
    text = ""
    if total > size:
        text = _("{first} to {last} of {total}").format(first=start + 1, last=start + len(here), total=counted)
    pager = {
        "newer_url": _at_page(request, number - 1) if number > 1 else "",
        "older_url": _at_page(request, number + 1) if more and number < COUNTED // size else "",
        "text": text,
    }
    return here, pager


def _at_page(request: HttpRequest, number: int) -> str:
    asked_for = request.GET.copy()
    asked_for["page"] = str(number)
    asked_for.pop("part", None)
    return f"?{asked_for.urlencode()}"


def counted_text(count: int) -> str:
    """The number as it is shown: "4,321", and "10,000+" beyond what is counted."""
    return f"{COUNTED:,}+" if count > COUNTED else f"{count:,}"


def clear_url(request: HttpRequest) -> str:
    """The list without any filter, where one is set."""
    return request.path if any(value for name, value in request.GET.items() if name != "page") else ""


def csv_url(request: HttpRequest, path: str) -> str:
    """The same choice of rows as a file."""
    asked_for = request.GET.copy()
    for name in ("page", "part"):
        asked_for.pop(name, None)
    return f"{path}?{asked_for.urlencode()}" if asked_for else path


def as_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A download in UTF-8 with a mark that spreadsheets know, row by row; instants in ISO 8601."""

    class Echo:
        def write(self, text: str) -> str:
            return text

    writer = csv.writer(Echo())

    def lines() -> Iterator[str]:
        yield "\ufeff" + writer.writerow(header)
        for row in rows:
            yield writer.writerow([_cell(value) for value in row])

    answer = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer  # type: ignore[return-value]


def cells(rows: Iterable[object], names: Sequence[str], zone: tzinfo) -> Iterator[list[object]]:
    """What `as_csv` takes, of rows whose attributes have the columns' names; instants by the zone's clocks."""
    for row in rows:
        values = [getattr(row, name) for name in names]
        yield [value.astimezone(zone) if isinstance(value, datetime) else value for value in values]


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    text = "" if value is None else str(value)
    # What a spreadsheet would calculate is written as text: alarms come from outside.
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
