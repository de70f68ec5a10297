"""Lists in pages that a cursor leads through: whole, without doubles, in one order, while rows come and go."""

import csv
import json
import re
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import Field

from nightdesk.base.refusals import Invalid

Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class Listing(Schema, Generic[Item]):
    """Some of a list. `next` is the address of what comes after it; null: that was all."""

    items: list[Item]
    next: str | None = None


class Cut(Schema):
    """Which part of a list is wanted."""

    cursor: str | None = Field(None, max_length=1000, description="From `next` of the answer before; nothing to begin.")
    limit: int = Field(50, ge=1, le=200, description="How many at most.")


def list_rows(
    request: HttpRequest,
    rows: QuerySet[Row],
    shape: type[Schema],
    cut: Cut,
    *,
    order: Sequence[str] = ("id",),
    newest_first: bool = False,
    prepare: Callable[[list[Row]], Sequence[object]] | None = None,
) -> Any:
    """The part of `rows` that `cut` asks for, as `Listing[shape]`, or as CSV where the caller would rather have that.

    `order` names columns that together are unique and never null. `prepare` turns a part's rows into what `shape` reads,
    one for one. Raises Invalid for a cursor that is not from this list with these filters.
    """
    salt = _salt(request)
    sign = "-" if newest_first else ""
    rows = rows.order_by(*(sign + column for column in order))
    if cut.cursor:
        rows = rows.filter(_beyond(rows.model, order, _read(cut.cursor, salt), newest_first=newest_first))
    found = list(rows[: cut.limit + 1])
    part, more = found[: cut.limit], len(found) > cut.limit
    next_address = None
    if more:
        last = [str(getattr(part[-1], column)) for column in order]
        following = request.GET.copy()
        following["cursor"] = signing.dumps(last, salt=salt)
        next_address = f"{request.build_absolute_uri(request.path)}?{following.urlencode()}"
    items = prepare(part) if prepare else part
    if request.get_preferred_type(["application/json", "text/csv"]) == "text/csv":
        return _as_csv(shape, items, next_address)
    return {"items": items, "next": next_address}


def _salt(request: HttpRequest) -> str:
    """Ties a cursor to its list and filters."""
    filters = sorted((name, value) for name, values in request.GET.lists() for value in values)
    return f"{request.path}?{urlencode([pair for pair in filters if pair[0] not in ('cursor', 'limit')])}"


def _read(cursor: str, salt: str) -> list[str]:
    try:
        return list(signing.loads(cursor, salt=salt))
    except signing.BadSignature:
        raise _bad_cursor() from None


def _bad_cursor() -> Invalid:
    return Invalid(
        _("A list was asked from a cursor on."),
        _("The cursor is not from this list with these filters."),
        _("Begin without one, and then follow `next`."),
    )


def _beyond(model: type[Model], order: Sequence[str], last: Sequence[str], *, newest_first: bool) -> Q:
    """Rows that come after the one whose columns in `order` hold `last`."""
    after = "lt" if newest_first else "gt"
    try:
        values = [model._meta.get_field(column).to_python(text) for column, text in zip(order, last, strict=True)]  # type: ignore[union-attr]
    except (ValidationError, ValueError):
        raise _bad_cursor() from None
    beyond = Q()
    for place, column in enumerate(order):
        same = dict(zip(order[:place], values[:place], strict=True))
        beyond |= Q(**same, **{f"{column}__{after}": values[place]})
    # Says nothing new, but from this the database knows where in an index of `order` to begin.
    return Q(**{f"{order[0]}__{after}e": values[0]}) & beyond


def _as_csv(shape: type[Schema], items: Sequence[object], next_address: str | None) -> HttpResponse:
    """One line an item under a line of names. What comes after it stands in the Link header (RFC 8288)."""
    text = StringIO()
    lines = csv.writer(text)
    lines.writerow(shape.model_fields)
    for item in items:
        values = shape.model_validate(item).model_dump(mode="json")
        lines.writerow(_cell(values[name]) for name in shape.model_fields)
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    if next_address:
        response["Link"] = f'<{next_address}>; rel="next"'
    return response


def _cell(value: object) -> object:
    """A field; lists and objects as JSON. Text that a spreadsheet would calculate gets an apostrophe before it."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
