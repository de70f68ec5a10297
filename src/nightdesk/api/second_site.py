"""The second site: who may pull what we know, how the two stand to each other, and drills."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import brands_for, forbidden
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.standby import actions, queries
from nightdesk.standby.models import Drill

router = Router(tags=["second site"])


class SecondSiteOut(Schema):
    """`role` is "main" or "standby", and says which of the two answers. Of the second site as the main one knows it: `state`
    (following, suspicious, alone, returning), how old what it knows is, and when the last test page came to its end.
    """

    role: str
    second_site: str | None = None
    main_site: str | None = None
    state: str | None = None
    pulled_at: datetime | None = None
    last_heard_at: datetime | None = None
    snapshot_at: datetime | None = None
    snapshot_age_s: float | None = None
    alone_since: datetime | None = None
    silent_after_s: int | None = None
    tested_at: datetime | None = None
    test_ms: int | None = None
    test_problem: str = ""
    problem: str = ""


class SecondSiteIn(Schema):
    """What the second site is called."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Leeds"}]})
    name: str = Field(min_length=1, max_length=80)


class SecondSiteChange(Schema):
    """After how many seconds of silence it speaks for us."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"silent_after_s": 60}]})
    silent_after_s: int = Field(ge=actions.SILENT_LEAST_S, le=actions.SILENT_MOST_S)


class SecondSiteMade(Schema):
    """`key` is told this once."""

    name: str
    key: str


class DrillOut(Schema):
    """`report`: by which ways the second site tried, and after how many milliseconds it was answered."""

    id: str
    person: str
    agreed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    report: dict[str, Any]

    @staticmethod
    def resolve_id(row: Drill) -> str:
        return str(row.pk)

    @staticmethod
    def resolve_person(row: Drill) -> str:
        return row.person.name


@router.get("/second-site", response=SecondSiteOut)
def read_second_site(request: HttpRequest) -> Any:
    """How the two sites stand to each other."""
    _check(request)
    return queries.standing(clock.now())


@router.post("/second-site", response={201: SecondSiteMade})
def pair_second_site(request: HttpRequest, body: SecondSiteIn) -> Any:
    """Pair a second site; its key is told once. A role in every brand is needed."""
    row, key = actions.pair_second_site(name=body.name, by=actor_of(request), via=Door.API, at=clock.now())
    return 201, {"name": row.name, "key": key}


@router.patch("/second-site", response=SecondSiteOut)
def edit_second_site(request: HttpRequest, body: SecondSiteChange) -> Any:
    """How long it waits. A role in every brand is needed."""
    at = clock.now()
    actions.edit_second_site(silent_after_s=body.silent_after_s, by=actor_of(request), via=Door.API, at=at)
    return queries.standing(at)


@router.delete("/second-site", response={204: None})
def revoke_second_site(request: HttpRequest) -> Any:
    """End the pairing: its key opens nothing any more. A role in every brand is needed."""
    actions.revoke_second_site(by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None


@router.get("/second-site/drills", response=Listing[DrillOut])
def list_drills(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Every drill with its report, the newest first."""
    _check(request)
    return list_rows(request, Drill.objects.select_related("person"), DrillOut, cut)


@router.post("/second-site/drills/agree", response=DrillOut)
def agree_to_drill(request: HttpRequest) -> Any:
    """You agree to be paged by the second site, once, within a day."""
    by = actor_of(request)
    return actions.agree_to_drill(person_id=by.person_id or 0, by=by, via=Door.API, at=clock.now())


@router.post("/second-site/drills/start", response=DrillOut)
def start_drill(request: HttpRequest) -> Any:
    """The second site pages whoever agreed, at its next pull."""
    return actions.start_drill(by=actor_of(request), via=Door.API, at=clock.now())


def _check(request: HttpRequest) -> None:
    if brands_for(actor_of(request), "read_second_site") == set():
        raise forbidden(actor_of(request), "read_second_site")
