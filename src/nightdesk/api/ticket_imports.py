"""Tickets of another desk, from a file."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.desk import moving
from nightdesk.desk.import_actions import import_tickets

router = Router(tags=["tickets"])

CSV_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "TicketNo,Subject,Created,Status\n4711,Line down,2025-07-14T09:00:00Z,closed\n",
            }
        },
    }
}


class OldTicketsHow(Schema):
    """How a file of old tickets is read, and whether anything is written."""

    brand_id: Id
    dry_run: bool = False
    column: list[str] = Field(
        [],
        max_length=len(moving.COLUMNS),
        description="What a column means where its name does not say so: number=TicketNo. "
        f"Meanings are {', '.join(moving.COLUMNS)}.",
    )
    zone: str = Field("", max_length=50, description="Where times without an offset were written; the brand's.")


class LeftOut(Schema):
    """A line that cannot be taken over, and why."""

    place: str
    why: str


class OldTicketsTaken(Schema):
    """What was taken over, or would be. `there`: known by their old number already, and left as they are. `nobodys`: new, of a
    customer that is not known here. `mapping`: as which meaning each column was read.
    """

    dry_run: bool
    new: int
    there: int
    nobodys: int
    faults: list[LeftOut]
    mapping: dict[str, str]


@router.post("/tickets/import", response=OldTicketsTaken, openapi_extra=CSV_BODY)
def import_old_tickets(request: HttpRequest, how: Query[OldTicketsHow]) -> Any:
    """Take tickets of another desk over from a CSV file, one a row; a repeat takes nothing twice, and nobody is told."""
    brand = one(readable(request, "import_tickets", Brand.objects.all(), "id"), id=how.brand_id)
    mapping = moving.mapping_of(moving.read_header(request.body), how.column)
    read = moving.read_csv(request.body, mapping, moving.zone_named(how.zone or brand.zone))
    done = import_tickets(
        brand_id=brand.pk, tickets=read.tickets, dry_run=how.dry_run, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {
        "dry_run": how.dry_run,
        "new": done.new,
        "there": done.there,
        "nobodys": done.nobodys,
        "faults": [{"place": place, "why": why} for place, why in read.faults],
        "mapping": mapping,
    }
