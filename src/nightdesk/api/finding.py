"""Search: tickets by their words, whoever said them, and by number."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from nightdesk.api.auth import actor_of
from nightdesk.api.scope import readable_brands
from nightdesk.api.tickets import TicketOut
from nightdesk.api.values import Named
from nightdesk.base.refusals import Invalid
from nightdesk.desk import finding

router = Router(tags=["tickets"])

_SALT = "search"


class PieceOut(Schema):
    """Part of a text; `marked`: one of the words that were asked for."""

    text: str
    marked: bool


class HitOut(Schema):
    """A ticket that was found; `pieces` are of the entry `entry_id`, or where that is null of an attached file."""

    ticket: TicketOut
    by_number: bool
    title: list[PieceOut]
    pieces: list[PieceOut]
    entry_id: UUID | None


class SearchOut(Schema):
    """`count`: how many there are, where that was asked for; 10001 stands for more than 10,000, null for a phrase of words
    in order. `next`: the address of what comes after it. `cut`: nothing older than that was looked at; `next` goes on there.
    """

    items: list[HitOut]
    customers: list[Named]
    count: int | None
    next: str | None
    cut: datetime | None


class SearchFilter(Schema):
    """What is looked for."""

    q: str = Field(
        "",
        max_length=300,
        description='Words, "phrases", a number; customer: from: queue: tag: is:open and the like narrow it.',
        examples=["fibre customer:acme is:open"],
    )
    limit: int = Field(20, ge=1, le=100, description="How many at most.")
    count: bool = Field(False, description="Whether to say how many there are.")
    after: str | None = Field(None, max_length=300, description="From `next` of the answer before.")


@router.get("/search", response=SearchOut)
def search_tickets(request: HttpRequest, only: Query[SearchFilter]) -> Any:
    """Tickets in whose story all the words stand: an exact number first, then the newest."""
    actor = actor_of(request)
    reader = finding.Reader(readable_brands(request, "read_tickets"), actor.person_id)
    told = finding.find_tickets(only.q, reader, limit=only.limit, after=_read(only), typing=False, count=only.count)
    address = None
    if told.after is not None:
        mark = signing.dumps([only.q, told.after[0].isoformat(), str(told.after[1])], salt=_SALT)
        asked = urlencode({"q": only.q, "limit": only.limit, "after": mark})
        address = f"{request.build_absolute_uri(request.path)}?{asked}"
    return {"items": told.hits, "customers": told.customers, "count": told.count, "next": address, "cut": told.cut}


def _read(only: SearchFilter) -> tuple[datetime, UUID] | None:
    if only.after is None:
        return None
    try:
        asked, at, ticket_id = signing.loads(only.after, salt=_SALT)
    except signing.BadSignature:
        asked = None
    if asked != only.q:
        raise Invalid(
            _("A search was to go on."), _("`after` is not from this search."), _("Begin without, and follow `next`.")
        )
    return datetime.fromisoformat(at), UUID(ticket_id)
