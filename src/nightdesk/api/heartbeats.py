"""Heartbeats: what must be heard from again and again."""

from datetime import datetime, timedelta
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Name, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.paging import heartbeat_actions as actions
from nightdesk.paging.beats import Expectation
from nightdesk.paging.models import Beat, Heartbeat

router = Router(tags=["heartbeats"])

YEAR = 366 * 24 * 60 * 60


class HeartbeatIn(Schema):
    """Expected every `every_seconds`, or by the five fields of `cron` in `zone`; late `grace_seconds` after that. It pages
    as an alarm of `integration_id`; without one, by the policy (without one the brand's first) and for the team.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"brand_id": 1, "name": "Nightly backup", "cron": "30 2 * * *", "zone": "UTC", "grace_seconds": 1800}
            ]
        },
    )
    brand_id: Id
    name: Name
    every_seconds: int | None = Field(None, ge=20, le=YEAR)
    cron: str = Field("", max_length=100)
    zone: str = Field("UTC", max_length=50)
    grace_seconds: int = Field(300, ge=10, le=31 * 24 * 60 * 60)
    priority: Literal["P1", "P2", "P3", "P4"] = "P2"
    integration_id: Id | None = None
    policy_id: Id | None = None
    team_id: Id | None = None


class HeartbeatChange(Schema):
    """The whole of when it is expected, anew."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Nightly backup", "every_seconds": 86400, "grace_seconds": 3600}]},
    )
    name: Name
    every_seconds: int | None = Field(None, ge=20, le=YEAR)
    cron: str = Field("", max_length=100)
    zone: str = Field("UTC", max_length=50)
    grace_seconds: int = Field(300, ge=10, le=31 * 24 * 60 * 60)
    priority: Literal["P1", "P2", "P3", "P4"] = "P2"


class HeartbeatOut(Schema):
    """`hint` is how its key begins. `unheard_at`: a beat may have come while nobody could reach us."""

    id: int
    brand_id: int
    name: str
    state: Literal["new", "well", "late", "paused"]
    failed: bool
    priority: str
    every_seconds: int | None
    cron: str
    zone: str
    grace_seconds: int
    integration: Named
    hint: str
    beats: int
    last_beat_at: datetime | None
    expected_at: datetime | None
    late_at: datetime | None
    unheard_at: datetime | None
    paused_at: datetime | None


class HeartbeatMade(HeartbeatOut):
    """With the key, which is told only now; it is heard at `/beat/KEY`."""

    key: str


class BeatOut(Schema):
    """`took`: seconds since it said that it began."""

    at: datetime
    what: Literal["ok", "start", "fail"]
    via: str
    sender: str
    body: str
    took_seconds: float | None

    @staticmethod
    def resolve_took_seconds(row: Beat) -> float | None:
        """Seconds."""
        return row.took.total_seconds() if row.took is not None else None


class Beats(Schema):
    """The newest first."""

    items: list[BeatOut]


class BeatIn(Schema):
    """What is heard: it is well, it begins, or it failed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"what": "ok"}]})
    what: Literal["ok", "start", "fail"] = "ok"
    body: str = Field("", max_length=2000)


@router.get("/heartbeats", response=Listing[HeartbeatOut])
def list_heartbeats(
    request: HttpRequest, cut: Query[Cut], state: Literal["new", "well", "late", "paused"] | None = None
) -> Any:
    """Heartbeats of your brands."""
    rows = Heartbeat.objects.filter(removed_at=None).select_related("integration")
    rows = readable(request, "read_heartbeats", rows)
    return list_rows(
        request,
        rows.filter(state=state) if state else rows,
        HeartbeatOut,
        cut,
        prepare=lambda part: [_told(row) for row in part],
    )


@router.post("/heartbeats", response={201: HeartbeatMade})
def make_heartbeat(request: HttpRequest, body: HeartbeatIn) -> Any:
    """Expect something to be heard. Its key stands in the answer and is never shown again."""
    made, key = actions.make_heartbeat(
        brand_id=body.brand_id,
        name=body.name,
        expectation=_expectation(body),
        priority=body.priority,
        integration_id=body.integration_id,
        policy_id=body.policy_id,
        team_id=body.team_id,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
    return _told(made) | {"key": key}


@router.get("/heartbeats/{heartbeat_id}", response=HeartbeatOut)
def read_heartbeat(request: HttpRequest, heartbeat_id: Id) -> Any:
    """One heartbeat."""
    return _told(_one(request, heartbeat_id))


@router.get("/heartbeats/{heartbeat_id}/beats", response=Beats)
def list_beats(request: HttpRequest, heartbeat_id: Id) -> Any:
    """Its last beats, with what they said."""
    return {"items": _one(request, heartbeat_id).log.order_by("-at")}


@router.put("/heartbeats/{heartbeat_id}", response=HeartbeatOut)
def edit_heartbeat(request: HttpRequest, heartbeat_id: Id, body: HeartbeatChange) -> Any:
    """Expect it otherwise, from its last beat on."""
    return _told(
        actions.edit_heartbeat(
            heartbeat_id=heartbeat_id,
            name=body.name,
            expectation=_expectation(body),
            priority=body.priority,
            by=actor_of(request),
            via=Door.API,
            at=clock.now(),
        )
    )


@router.post("/heartbeats/{heartbeat_id}/beat", response=HeartbeatOut)
def note_beat(request: HttpRequest, heartbeat_id: Id, body: BeatIn) -> Any:
    """Say that it was heard, without its key."""
    by = actor_of(request)
    return _told(
        actions.note_beat(
            heartbeat_id=heartbeat_id,
            what=body.what,
            body=body.body,
            sender=by.name,
            by=by,
            via=Door.API,
            at=clock.now(),
        )
    )


@router.post("/heartbeats/{heartbeat_id}/rotate", response=HeartbeatMade)
def rotate_heartbeat(request: HttpRequest, heartbeat_id: Id) -> Any:
    """Another key, which stands in the answer; the old one opens nothing any more."""
    row, key = actions.rotate_heartbeat(heartbeat_id=heartbeat_id, by=actor_of(request), via=Door.API, at=clock.now())
    return _told(row) | {"key": key}


@router.post("/heartbeats/{heartbeat_id}/pause", response=HeartbeatOut)
def pause_heartbeat(request: HttpRequest, heartbeat_id: Id) -> Any:
    """Nothing is expected of it until it is resumed."""
    return _told(actions.pause_heartbeat(heartbeat_id=heartbeat_id, by=actor_of(request), via=Door.API, at=clock.now()))


@router.post("/heartbeats/{heartbeat_id}/resume", response=HeartbeatOut)
def resume_heartbeat(request: HttpRequest, heartbeat_id: Id) -> Any:
    """It is expected from now on."""
    return _told(
        actions.resume_heartbeat(heartbeat_id=heartbeat_id, by=actor_of(request), via=Door.API, at=clock.now())
    )


@router.delete("/heartbeats/{heartbeat_id}", response=HeartbeatOut)
def remove_heartbeat(request: HttpRequest, heartbeat_id: Id) -> Any:
    """It is expected no more, and its key opens nothing."""
    return _told(
        actions.remove_heartbeat(heartbeat_id=heartbeat_id, by=actor_of(request), via=Door.API, at=clock.now())
    )


def _expectation(body: HeartbeatIn | HeartbeatChange) -> Expectation:
    every = timedelta(seconds=body.every_seconds) if body.every_seconds is not None else None
    return Expectation(timedelta(seconds=body.grace_seconds), every, body.cron.strip(), body.zone)


def _one(request: HttpRequest, heartbeat_id: int) -> Heartbeat:
    rows = Heartbeat.objects.filter(removed_at=None).select_related("integration")
    return one(readable(request, "read_heartbeats", rows), id=heartbeat_id)


def _told(row: Heartbeat) -> dict[str, Any]:
    names = ("brand_id", "name", "state", "failed", "cron", "zone", "integration", "hint", "beats", "last_beat_at")
    more = ("expected_at", "late_at", "unheard_at", "paused_at")
    return {name: getattr(row, name) for name in (*names, *more)} | {
        "id": row.pk,
        "priority": f"P{row.priority}",
        "every_seconds": int(row.every.total_seconds()) if row.every is not None else None,
        "grace_seconds": int(row.grace.total_seconds()),
    }
