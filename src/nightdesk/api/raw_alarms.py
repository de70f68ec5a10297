"""What came in at the doors of alarms, what was answered, and what became of it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.paging import actions, queries
from nightdesk.paging.models import RawAlarm

router = Router(tags=["raw-alarms"])


class EffectOut(Schema):
    """What became of one alarm of the request; `page` null: it touched none."""

    action: str
    dedup_key: str
    page: UUID | None
    code: str
    is_new: bool


class RawAlarmOut(Schema):
    """`status` is what the sender was answered. `effects` are those of the first 50 of `signal_count` alarms; `marks`: what
    a mapping could not read. `retried_at`: it had failed, and was taken in by hand then.
    """

    id: UUID
    at: datetime
    integration_id: int
    format: str
    status: int
    error: str
    signal_count: int
    effects: list[EffectOut]
    marks: list[str]
    retried_at: datetime | None


class RawAlarmWhole(RawAlarmOut):
    """With the request as it came, as text; the key of its integration is masked."""

    headers: dict[str, str]
    query: dict[str, str]
    body: str

    @staticmethod
    def resolve_body(row: RawAlarm) -> str:
        """The body as text."""
        return queries.shown(row)


class RawAlarmFilter(Schema):
    """Fields that are not given leave the list whole."""

    integration_id: Id | None = None
    state: Literal["taken", "not-taken", "marked"] | None = None


@router.get("", response=Listing[RawAlarmOut])
def list_raw_alarms(request: HttpRequest, cut: Query[Cut], only: Query[RawAlarmFilter]) -> Any:
    """Requests of your brands' integrations, the newest first."""
    rows = queries.raw_alarms_in(only.state or "", _readable(request))
    if only.integration_id is not None:
        rows = rows.filter(integration_id=only.integration_id)
    return list_rows(request, rows, RawAlarmOut, cut, order=("at", "id"), newest_first=True)


@router.get("/{raw_id}", response=RawAlarmWhole)
def read_raw_alarm(request: HttpRequest, raw_id: UUID) -> Any:
    """One request, whole."""
    return one(_readable(request).select_related("integration"), id=raw_id)


@router.post("/{raw_id}/retry", response=RawAlarmOut)
def retry_alarm(request: HttpRequest, raw_id: UUID) -> Any:
    """Have a request taken in again that had failed, as its format and mapping are read now."""
    return actions.retry_alarm(raw_id=raw_id, by=actor_of(request), via=Door.API, at=clock.now())


def _readable(request: HttpRequest) -> Any:
    rows = RawAlarm.objects.exclude(integration=None)
    return readable(request, "read_alarms", rows, "integration__brand_id")
