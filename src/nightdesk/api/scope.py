"""Which brands' rows a caller may read."""

from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for, forbidden
from nightdesk.api.auth import actor_of
from nightdesk.base.refusals import NotFound

Row = TypeVar("Row", bound=Model)


def readable_brands(request: HttpRequest, verb: str) -> set[int] | None:
    """The brands in which the caller may do `verb`, a read; None: every one. Raises Forbidden where there is none."""
    actor = actor_of(request)
    brands = brands_for(actor, verb)
    if brands is not None and not brands:
        raise forbidden(actor, verb)
    return brands


def readable(
    request: HttpRequest, verb: str, rows: QuerySet[Row], column: str = "brand_id", *, shared: bool = False
) -> QuerySet[Row]:
    """Those of `rows` whose brand the caller may read; with `shared` also those of no brand. Raises Forbidden for none."""
    brands = readable_brands(request, verb)
    if brands is None:
        return rows
    mine = Q(**{f"{column}__in": brands})
    return rows.filter(mine | Q(**{f"{column}__isnull": True}) if shared else mine)


def one(rows: QuerySet[Row], **which: object) -> Row:
    """The one of `rows`, already cut to what the caller may read. Raises NotFound."""
    found = rows.filter(**which).first()
    if found is None:
        name, value = next(iter(which.items()))
        raise NotFound(
            _("%(name)s %(value)s was asked for.") % {"name": name, "value": value},
            _("There is none that you may see."),
            _("Look at the list."),
        )
    return found
