"""Shadow mode: a sender's alarms on paper, beside the pager that still wakes."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.customers.priority import Priority
from nightdesk.paging import comparison, queries
from nightdesk.paging import shadow_actions as actions
from nightdesk.paging.models import Integration, Page

router = Router(tags=["shadow mode"])

LONGEST = timedelta(days=31)


class ShadowIn(Schema):
    """The local hour at which the day before is compared."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"hour": 8}]})
    hour: int = Field(8, ge=0, le=23)


class ShadowOut(Schema):
    """`shadow_since` null: it is live, and its alarms wake people."""

    id: int
    name: str
    shadow_since: datetime | None
    shadow_hour: int


class WouldRing(Schema):
    """An open page."""

    id: UUID
    title: str
    priority: Priority
    started_at: datetime

    @staticmethod
    def resolve_priority(page: Page) -> str:
        """P1 to P5; the row keeps the number."""
        return f"P{page.priority}"


class GoingLive(Schema):
    """What would ring at once if the sender went live now; `rang` did."""

    items: list[WouldRing]


class OldPager(Schema):
    """The old pager's list as CSV: time, alarm (its key or title), person, acknowledged_at."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "time,alarm,person\n2026-11-14T03:00:00Z,Core is down,Bo\n"}]},
    )
    text: str = Field(min_length=1, max_length=1_500_000)


class Rows(Schema):
    """How many rows were read."""

    rows: int


class Told(Schema):
    """When, and who; nobody: that pager paged nobody."""

    at: datetime
    person: str


class RowOut(Schema):
    """One alarm in both pagers."""

    alarm: str
    at: datetime
    there: Told | None
    here: Told | None
    acknowledged_at: datetime | None
    difference: str
    later_by_seconds: float


class Comparison(Schema):
    """Each alarm once, in the order of time; `counts` by difference."""

    items: list[RowOut]
    counts: dict[str, int]


class Span(Schema):
    """`[since, until)`; by default the day until now."""

    since: Instant | None = None
    until: Instant | None = None


@router.put("/integrations/{integration_id}/shadow", response=ShadowOut)
def start_shadow(request: HttpRequest, integration_id: Id, body: ShadowIn) -> Any:
    """From now on its alarms wake nobody here; what would have happened is written down."""
    return actions.start_shadow(
        integration_id=integration_id, hour=body.hour, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/integrations/{integration_id}/shadow/preview", response=GoingLive)
def preview_live(request: HttpRequest, integration_id: Id) -> Any:
    """What would ring at once if it went live now."""
    return {"items": queries.would_ring_now(_one(request, integration_id).pk)}


@router.delete("/integrations/{integration_id}/shadow", response=GoingLive)
def end_shadow(request: HttpRequest, integration_id: Id) -> Any:
    """From now on its alarms wake people; the open pages in the answer rang."""
    rung = actions.end_shadow(integration_id=integration_id, by=actor_of(request), via=Door.API, at=clock.now())
    return {"items": rung}


@router.post("/integrations/{integration_id}/old-pager", response=Rows)
def import_old_pager(request: HttpRequest, integration_id: Id, body: OldPager) -> Any:
    """Read in what the old pager did; the same rows again change nothing."""
    rows = actions.import_old_pager(
        integration_id=integration_id, text=body.text, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {"rows": rows}


@router.get("/integrations/{integration_id}/comparison", response=Comparison)
def compare_pagers(request: HttpRequest, integration_id: Id, span: Query[Span]) -> Any:
    """Whom the old pager paged when, and whom Nightdesk would have."""
    row = _one(request, integration_id)
    until = span.until or clock.now()
    since = span.since or until - timedelta(days=1)
    if not timedelta(0) < until - since <= LONGEST:
        asked = "A comparison was asked for."
        raise Invalid(asked, "That is no span of up to 31 days.", "Give since before until.")
    rows = queries.compared(row.pk, since, until)
    return {"items": [_told(each) for each in rows], "counts": comparison.counts(rows)}


def _told(row: comparison.Row) -> dict[str, Any]:
    sides = {
        name: {"at": side[0], "person": side[1]} if side else None
        for name, side in (("there", row.there), ("here", row.here))
    }
    return {
        "alarm": row.alarm,
        "at": row.at,
        "acknowledged_at": row.acknowledged_at,
        "difference": row.difference,
        "later_by_seconds": row.by.total_seconds(),
        **sides,
    }


def _one(request: HttpRequest, integration_id: int) -> Integration:
    return one(readable(request, "read_shadow", Integration.objects.all()), id=integration_id)
