"""Lone working: sites, visits to them, and signs of life that doors and trackers send."""

from datetime import date, datetime, timedelta
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
from nightdesk.safety import actions, queries, site_actions
from nightdesk.safety.models import Site, Visit

router = Router(tags=["lone working"])

SITE = {
    "name": "Mill Lane",
    "address": "1 Mill Lane, Leeds LS1 1AA",
    "map_url": "https://www.openstreetmap.org/#map=18/53.8/-1.55",
    "security_name": "Gatehouse",
    "security_number": "020 7946 0123",
    "assessed_on": "2026-03-01",
    "review_on": "2027-03-01",
}
Text = Field("", max_length=4000)


class SiteChange(Schema):
    """What is given is so from now on; the rest stays. `security_number` is rung first. `needs_two`: nobody goes alone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"review_on": "2027-03-01"}]})
    name: str = Field("", max_length=120)
    address: str = Text
    map_url: str = Field("", max_length=500)
    know: str = Text
    access_notes: str = Text
    assessment: str = Text
    assessed_on: date | None = None
    review_on: date | None = None
    insurance: str = Text
    security_name: str = Field("", max_length=120)
    security_number: str = Field("", max_length=30)
    needs_two: bool = False


class SiteIn(SiteChange):
    """A place that can be visited."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, **SITE}]})
    brand_id: Id


class SiteOut(Schema):
    """`warning`: what is wrong with its risk assessment today; "" for nothing."""

    id: int
    brand_id: int
    name: str
    address: str
    map_url: str
    know: str
    access_notes: str
    assessment: str
    assessed_on: date | None
    review_on: date | None
    insurance: str
    security_name: str
    security_number: str
    needs_two: bool
    warning: str
    retired_at: datetime | None


class VisitIn(Schema):
    """Who goes where and why, and who watches. It begins at `leaves_at`, without one now. `travel_minutes` are each way."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "site_id": 1,
                    "person_id": 2,
                    "watcher_id": 3,
                    "why": "Swap a line card",
                    "travel_minutes": 30,
                    "work_minutes": 90,
                }
            ]
        },
    )
    site_id: Id
    person_id: Id
    watcher_id: Id
    companion_id: Id | None = None
    ticket_id: UUID | None = None
    why: str = Field(min_length=1, max_length=300)
    travel_minutes: int = Field(ge=0, le=720)
    work_minutes: int = Field(ge=1, le=1440)
    leaves_at: Instant | None = None
    every_minutes: int = Field(30, ge=1, le=240)
    grace_minutes: int = Field(10, ge=1, le=60)
    drill: bool = False


class VisitChange(Schema):
    """What is given is so from now on; the rest stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"back_by_at": "2026-11-14T08:00:00Z"}]})
    watcher_id: Id | None = None
    back_by_at: Instant | None = None
    every_minutes: int | None = Field(None, ge=1, le=240)


class VisitStep(Schema):
    """What is done if nothing is heard."""

    step: Literal["ask", "ring", "watcher", "manager"]
    at: datetime


class VisitOut(Schema):
    """`sign` is what the last sign of life was, `next` what happens if there is none. `warnings` are sentences."""

    id: UUID
    brand_id: int
    site: Named
    person: Named
    companion: Named | None
    watcher: Named
    ticket_id: UUID | None
    why: str
    state: Literal["planned", "out", "ended", "cancelled"]
    drill: bool
    leaves_at: datetime
    back_by_at: datetime
    every_minutes: int
    grace_minutes: int
    sign_at: datetime | None
    sign: str
    alarm: Literal["", "help", "duress"]
    asked_at: datetime | None
    rang_at: datetime | None
    watcher_at: datetime | None
    manager_at: datetime | None
    taken_at: datetime | None
    taken_by: str
    ended_at: datetime | None
    ended_by: str
    next: list[VisitStep]
    warnings: list[str]


class VisitEventOut(Schema):
    """`counted` false: a sign of life that did not end what was being done. `sign_at`: when it was, where that was earlier."""

    at: datetime
    kind: str
    words: str
    by: str
    via: str
    sign_at: datetime | None
    counted: bool


class VisitEvents(Schema):
    """The oldest first."""

    items: list[VisitEventOut]


class VisitWords(Schema):
    """What is said with it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"words": "Spoke to Bo by telephone"}]})
    words: str = Field("", max_length=300)


class SignIn(Schema):
    """A door card, or a tracker. Whose it is, by `person_id` or by `badge`; `what` says where; `at` when, without it now."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"badge": "04A1B2C3", "sign": "door", "what": "Mill Lane, north door"}]},
    )
    person_id: Id | None = None
    badge: str = Field("", max_length=80)
    sign: Literal["door", "tracker"] = "door"
    what: str = Field("", max_length=300)
    at: Instant | None = None


class SignTaken(Schema):
    """`visit_id`: the visit on which they are; null where they are on none, and nothing is kept."""

    visit_id: UUID | None


class DuressWord(Schema):
    """One to three words; "" takes it away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"word": "jonquil"}]})
    word: str = Field(max_length=80)


class Badge(Schema):
    """What doors and trackers call the person; "" for nothing."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"badge": "04A1B2C3"}]})
    badge: str = Field(max_length=80)


class CardOut(Schema):
    """The duress word itself is told to nobody."""

    person_id: int
    duress_set_at: datetime | None
    badge: str


# --- Sites -----------------------------------------------------------------------------------------------------------


@router.get("/sites", response=Listing[SiteOut])
def list_sites(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Sites of your brands that are visited."""
    rows = readable(request, "read_sites", queries.sites(None))
    return list_rows(request, rows, SiteOut, cut, prepare=lambda part: [_site(row) for row in part])


@router.post("/sites", response={201: SiteOut})
def add_site(request: HttpRequest, body: SiteIn) -> Any:
    """Enter a site."""
    fields: Any = body.dict(exclude_unset=True, exclude={"brand_id"})
    return _site(site_actions.add_site(brand_id=body.brand_id, fields=fields, **_doing(request)))


@router.get("/sites/{site_id}", response=SiteOut)
def read_site(request: HttpRequest, site_id: Id) -> Any:
    """One site."""
    return _site(one(readable(request, "read_sites", Site.objects.select_related("brand")), id=site_id))


@router.patch("/sites/{site_id}", response=SiteOut)
def edit_site(request: HttpRequest, site_id: Id, body: SiteChange) -> Any:
    """Change what is said of a site."""
    fields: Any = body.dict(exclude_unset=True)
    return _site(site_actions.edit_site(site_id=site_id, fields=fields, **_doing(request)))


@router.delete("/sites/{site_id}", response=SiteOut)
def retire_site(request: HttpRequest, site_id: Id) -> Any:
    """Send nobody there any more; past visits keep it."""
    return _site(site_actions.retire_site(site_id=site_id, **_doing(request)))


# --- Visits ----------------------------------------------------------------------------------------------------------


@router.get("/visits", response=Listing[VisitOut])
def list_visits(
    request: HttpRequest, cut: Query[Cut], state: Literal["open", "planned", "out", "ended", "cancelled"] | None = None
) -> Any:
    """Site visits of your brands, the newest first; `open` are those that nobody has said to be over."""
    rows = readable(request, "read_visits", queries.visits())
    if state == "open":
        rows = rows.filter(queries.NOT_OVER)
    elif state:
        rows = rows.filter(state=state)
    return list_rows(
        request, rows, VisitOut, cut, newest_first=True, prepare=lambda part: [_told(request, row) for row in part]
    )


@router.post("/visits", response={201: VisitOut})
def declare_visit(request: HttpRequest, body: VisitIn) -> Any:
    """Declare a visit, or a drill. It begins by itself, and whoever goes is asked from then on."""
    row = actions.declare_visit(
        site_id=body.site_id,
        person_id=body.person_id,
        watcher_id=body.watcher_id,
        companion_id=body.companion_id,
        ticket_id=body.ticket_id,
        why=body.why,
        travel_minutes=body.travel_minutes,
        work_minutes=body.work_minutes,
        leaves_at=body.leaves_at,
        every=timedelta(minutes=body.every_minutes),
        grace=timedelta(minutes=body.grace_minutes),
        drill=body.drill,
        **_doing(request),
    )
    return _told(request, row)


@router.post("/visits/signs", response=SignTaken)
def note_visit_sign(request: HttpRequest, body: SignIn) -> Any:
    """Tell that somebody used a door card or was seen by a tracker, so that they are not asked so soon."""
    row = actions.note_visit_sign(
        person_id=body.person_id, badge=body.badge, sign=body.sign, what=body.what, sign_at=body.at, **_doing(request)
    )
    return {"visit_id": row.pk if row is not None else None}


@router.get("/visits/{visit_id}", response=VisitOut)
def read_visit(request: HttpRequest, visit_id: UUID) -> Any:
    """One visit."""
    return _told(request, _one(request, visit_id))


@router.get("/visits/{visit_id}/events", response=VisitEvents)
def list_visit_events(request: HttpRequest, visit_id: UUID) -> Any:
    """What happened on it: signs of life, and what was done; of a drill its record."""
    return {"items": queries.story(_one(request, visit_id), actor_of(request).person_id)}


@router.patch("/visits/{visit_id}", response=VisitOut)
def edit_visit(request: HttpRequest, visit_id: UUID, body: VisitChange) -> Any:
    """Another watcher, another time of return, or another interval."""
    every = timedelta(minutes=body.every_minutes) if body.every_minutes is not None else None
    row = actions.edit_visit(
        visit_id=visit_id, watcher_id=body.watcher_id, back_by_at=body.back_by_at, every=every, **_doing(request)
    )
    return _told(request, row)


@router.post("/visits/{visit_id}/check-in", response=VisitOut)
def check_in_visit(request: HttpRequest, visit_id: UUID, body: VisitWords) -> Any:
    """Say that you are well. Only who is there can."""
    return _told(request, actions.check_in_visit(visit_id=visit_id, words=body.words, **_doing(request)))


@router.post("/visits/{visit_id}/help", response=VisitOut)
def call_for_help(request: HttpRequest, visit_id: UUID, body: VisitWords) -> Any:
    """Tell the watcher and the duty manager at once. It rings neither 999 nor 112."""
    return _told(request, actions.call_for_help(visit_id=visit_id, words=body.words, **_doing(request)))


@router.post("/visits/{visit_id}/vouch", response=VisitOut)
def vouch_for_visitor(request: HttpRequest, visit_id: UUID, body: VisitWords) -> Any:
    """Say, as somebody who is not there, that they are well and how you know."""
    return _told(request, actions.vouch_for_visitor(visit_id=visit_id, words=body.words, **_doing(request)))


@router.post("/visits/{visit_id}/end", response=VisitOut)
def end_visit(request: HttpRequest, visit_id: UUID, body: VisitWords) -> Any:
    """They are back safe; who is not one of them says how they know."""
    return _told(request, actions.end_visit(visit_id=visit_id, words=body.words, **_doing(request)))


@router.delete("/visits/{visit_id}", response=VisitOut)
def cancel_visit(request: HttpRequest, visit_id: UUID) -> Any:
    """Call off a visit that has not begun."""
    return _told(request, actions.cancel_visit(visit_id=visit_id, **_doing(request)))


# --- Of a person -----------------------------------------------------------------------------------------------------


@router.put("/people/{person_id}/duress-word", response=CardOut)
def set_duress_word(request: HttpRequest, person_id: Id, body: DuressWord) -> Any:
    """Set your own duress word: an answer with it in it alarms others in silence."""
    return site_actions.set_duress_word(person_id=person_id, word=body.word, **_doing(request))


@router.put("/people/{person_id}/badge", response=CardOut)
def set_badge(request: HttpRequest, person_id: Id, body: Badge) -> Any:
    """Say what doors and trackers call somebody."""
    return site_actions.set_badge(person_id=person_id, badge=body.badge, **_doing(request))


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


def _one(request: HttpRequest, visit_id: UUID) -> Visit:
    return one(readable(request, "read_visits", queries.visits()), id=visit_id)


def _site(row: Site) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SiteOut.model_fields if name != "warning"} | {
        "warning": queries.assessment_warning(row, clock.now().date()),
    }


def _told(request: HttpRequest, visit: Visit) -> dict[str, Any]:
    """The visit as the caller may see it: a visitor's own telephone must not show that the duress word was given."""
    row, at = queries.as_seen_by(visit, actor_of(request).person_id), clock.now()
    more = {"every_minutes": row.every, "grace_minutes": row.grace}
    apart = {"next", "warnings", *more}
    told = {name: getattr(row, name) for name in VisitOut.model_fields if name not in apart}
    return (
        told
        | {name: int(span.total_seconds() // 60) for name, span in more.items()}
        | {
            "next": [{"step": due.step, "at": due.at} for due in queries.what_comes(row, at)],
            "warnings": queries.warnings_of(row, at),
        }
    )
