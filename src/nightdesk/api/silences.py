"""What is kept quiet: silences, and planned work with its own."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers.priority import Priority
from nightdesk.paging import queries
from nightdesk.paging import silence_actions as actions
from nightdesk.paging.models import PlannedWork, Silence
from nightdesk.paging.silencing import Matcher, priorities_named

router = Router(tags=["silences"])


class SilenceIn(Schema):
    """An alarm fits that fits all that is named. `part` is a machine or part, `summary` stands somewhere in its words, and
    `*` stands for anything. Whole systems at P1 or P2 need a manager, and a day is the longest.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"brand_id": 1, "part": "sw2*", "until": "2026-11-14T06:00:00Z", "reason": "New line card on Friday"}
            ]
        },
    )
    brand_id: Id
    integration_id: Id | None = None
    service_id: Id | None = None
    part: str = Field("", max_length=200)
    summary: str = Field("", max_length=200)
    priorities: list[Priority] = Field([], max_length=5)
    from_: Instant | None = Field(None, alias="from")
    until: Instant
    reason: str = Field(min_length=1, max_length=300)


class SilenceOut(Schema):
    """`alarms` fitted it and came `times` in all; of these `firing` still are, and page when it ends."""

    id: int
    brand_id: int
    what: str
    integration: Named | None
    service: Named | None
    part: str
    summary: str
    priorities: list[str]
    from_at: datetime
    until_at: datetime
    reason: str
    made_by: str
    work_id: UUID | None
    ended_at: datetime | None
    alarms: int
    times: int
    firing: int


class WorkIn(Schema):
    """Work on services and `parts` (machines, with `*` for anything), which are quiet meanwhile. If nobody says by
    `until` that it is done `person_id` is paged, then the policy; not where it is not `attended`.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "title": "Swap the core router",
                    "from": "2026-11-15T02:00:00Z",
                    "until": "2026-11-15T04:00:00Z",
                    "parts": ["core-1*"],
                }
            ]
        },
    )
    brand_id: Id
    title: str = Field(min_length=1, max_length=200)
    from_: Instant = Field(alias="from")
    until: Instant
    service_ids: list[Id] = Field([], max_length=50)
    parts: list[str] = Field([], max_length=50)
    person_id: Id | None = None
    policy_id: Id | None = None
    attended: bool = True
    weekly: bool = False
    zone: str = Field("UTC", max_length=50)


class WorkOut(Schema):
    """`overran_at`: when somebody was paged because it was not done by then."""

    id: UUID
    series: UUID
    brand_id: int
    title: str
    state: Literal["planned", "in_progress", "completed", "cancelled"]
    from_at: datetime
    until_at: datetime
    services: list[Named]
    parts: list[str]
    person: Named | None
    attended: bool
    weekly: bool
    zone: str
    extended: int
    overran_at: datetime | None
    page_id: UUID | None
    made_by: str
    ended_at: datetime | None


class Extension(Schema):
    """Until when it lasts now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"until": "2026-11-15T05:00:00Z"}]})
    until: Instant


class Cancellation(Schema):
    """`series`: the weeks after it as well."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"series": False}]})
    series: bool = False


@router.get("/silences", response=Listing[SilenceOut])
def list_silences(request: HttpRequest, cut: Query[Cut], state: Literal["open", "ended"] | None = None) -> Any:
    """Silences of your brands, planned work's too; `open` are those that hold or are to come."""
    rows = readable(request, "read_silences", Silence.objects.select_related("integration", "service"))
    if state:
        rows = rows.filter(ended_at__isnull=state == "open")
    return list_rows(request, rows, SilenceOut, cut, newest_first=True, prepare=told)


@router.post("/silences", response={201: SilenceOut})
def make_silence(request: HttpRequest, body: SilenceIn) -> Any:
    """Keep alarms quiet for a while: they are kept and counted, and those that still fire at the end page then."""
    levels = priorities_named(priority.value for priority in body.priorities)
    made = actions.make_silence(
        brand_id=body.brand_id,
        matcher=Matcher(body.integration_id, body.service_id, body.part.strip(), body.summary.strip(), levels),
        from_at=body.from_,
        until_at=body.until,
        reason=body.reason,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
    return told([made])[0]


@router.delete("/silences/{silence_id}", response=SilenceOut)
def end_silence(request: HttpRequest, silence_id: Id) -> Any:
    """End it now: what still fires under it pages at once."""
    row = actions.end_silence(silence_id=silence_id, by=actor_of(request), via=Door.API, at=clock.now())
    return told([row])[0]


@router.get("/planned-work", response=Listing[WorkOut])
def list_work(request: HttpRequest, cut: Query[Cut], state: Literal["open", "ended"] | None = None) -> Any:
    """Planned work of your brands, the latest first; `open` is planned or in progress."""
    rows = _work(request)
    if state:
        rows = rows.filter(ended_at__isnull=state == "open")
    return list_rows(request, rows, WorkOut, cut, order=("from_at", "id"), newest_first=True, prepare=_told_work)


@router.post("/planned-work", response={201: WorkOut})
def plan_work(request: HttpRequest, body: WorkIn) -> Any:
    """Plan work: its parts are quiet while it lasts, and it pages when it is not done by then."""
    work = actions.plan_work(
        **body.dict(exclude={"from_", "until"}),
        from_at=body.from_,
        until_at=body.until,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
    return _told_work([work])[0]


@router.get("/planned-work/{work_id}", response=WorkOut)
def read_work(request: HttpRequest, work_id: UUID) -> Any:
    """One piece of planned work."""
    return _told_work([one(_work(request), id=work_id)])[0]


@router.post("/planned-work/{work_id}/start", response=WorkOut)
def start_work(request: HttpRequest, work_id: UUID) -> Any:
    """It begins now, before its time too."""
    return _told_work([actions.start_work(work_id=work_id, by=actor_of(request), via=Door.API, at=clock.now())])[0]


@router.post("/planned-work/{work_id}/extend", response=WorkOut)
def extend_work(request: HttpRequest, work_id: UUID, body: Extension) -> Any:
    """It lasts longer, and its parts are quiet so long."""
    work = actions.extend_work(work_id=work_id, until_at=body.until, by=actor_of(request), via=Door.API, at=clock.now())
    return _told_work([work])[0]


@router.post("/planned-work/{work_id}/complete", response=WorkOut)
def complete_work(request: HttpRequest, work_id: UUID) -> Any:
    """It is done: its parts may ring from now on."""
    return _told_work([actions.complete_work(work_id=work_id, by=actor_of(request), via=Door.API, at=clock.now())])[0]


@router.post("/planned-work/{work_id}/cancel", response=WorkOut)
def cancel_work(request: HttpRequest, work_id: UUID, body: Cancellation) -> Any:
    """It is not done."""
    work = actions.cancel_work(work_id=work_id, series=body.series, by=actor_of(request), via=Door.API, at=clock.now())
    return _told_work([work])[0]


def _work(request: HttpRequest) -> Any:
    rows = PlannedWork.objects.select_related("person").prefetch_related("services")
    return readable(request, "read_silences", rows)


def _told_work(rows: list[PlannedWork]) -> list[dict[str, Any]]:
    names = ("id", "series", "brand_id", "title", "state", "from_at", "until_at", "parts", "person", "attended")
    more = ("weekly", "zone", "extended", "overran_at", "page_id", "made_by", "ended_at")
    return [
        {name: getattr(row, name) for name in (*names, *more)} | {"services": list(row.services.all())} for row in rows
    ]


def told(rows: list[Silence]) -> list[dict[str, Any]]:
    """Silences with what each has kept quiet."""
    kept = queries.kept_quiet([row.pk for row in rows])
    names = ("brand_id", "integration", "service", "part", "summary", "from_at", "until_at", "reason", "made_by")
    return [
        {name: getattr(row, name) for name in (*names, "work_id", "ended_at")}
        | {"id": row.pk, "what": queries.told_of(row), "priorities": [f"P{level}" for level in row.priorities]}
        | {name: getattr(kept[row.pk], name) for name in ("alarms", "times", "firing")}
        for row in rows
    ]
