"""Pages: calls for a person, and what is done about them."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import may
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Named, Note
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers.priority import Priority
from nightdesk.paging import actions, queries, silence_actions
from nightdesk.paging.models import Page

router = Router(tags=["pages"])


class PageOut(Schema):
    """`code` is the short word people text back. `rings_from` is later than `started_at` where it waits for the opening;
    `deferred_at`: somebody left it till then. `unreached`: nobody who was rung last can be woken. `everybody_at`: nobody took
    it, and everybody is rung since then. `shadow`: on paper only, nobody was told.
    """

    id: UUID
    code: str
    brand: Named
    state: Literal["triggered", "acknowledged", "resolved"]
    priority: Priority
    urgency: str
    title: str
    component: str
    service: Named | None
    customer: Named | None
    owner: Named | None
    integration: Named | None
    started_at: datetime
    rings_from: datetime
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    resolution: str
    folded_into_id: UUID | None
    alarm_count: int
    unreached: bool
    shadow: bool
    deferred_at: datetime | None
    everybody_at: datetime | None

    @staticmethod
    def resolve_priority(page: Page) -> str:
        """P1 to P5; the row keeps the number."""
        return f"P{page.priority}"


class LastTime(Schema):
    """An earlier page about the same part, and what helped."""

    id: UUID
    title: str
    started_at: datetime
    resolved_at: datetime | None
    resolution: str


class PageWhole(PageOut):
    """With what its sender told, and the last time that this part failed."""

    details: dict[str, Any]
    last_time: LastTime | None

    @staticmethod
    def resolve_last_time(page: Page) -> Page | None:
        """The last page about the same part."""
        return queries.last_time(page)


class PageState(StrEnum):
    """`open` is triggered or acknowledged."""

    OPEN = "open"
    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class PageFilter(Schema):
    """Fields that are not given leave the list whole; the span of `started_at` is half-open: [`since`, `until`)."""

    state: PageState | None = None
    priority: Priority | None = None
    code: str | None = Field(None, max_length=8)
    brand_id: Id | None = None
    owner_id: Id | None = None
    service_id: Id | None = None
    customer_id: Id | None = None
    shadow: bool | None = None
    since: Instant | None = None
    until: Instant | None = None


class PageIn(Schema):
    """A page by hand. Without `policy_id` the brand's first policy is taken."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"brand_id": 1, "title": "Core router is down", "priority": "P1"}]},
    )
    brand_id: Id
    title: str = Field(min_length=1, max_length=300)
    priority: Priority
    policy_id: Id | None = None
    service_id: Id | None = None
    customer_id: Id | None = None
    team_id: Id | None = None
    component: str = Field("", max_length=200)
    details: dict[str, Any] = {}


class Resolution(Schema):
    """What helped, for whoever sees this part fail next."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"resolution": "Restarted the daemon; a disk was full."}]}
    )
    resolution: str = Field("", max_length=4000)


class Reassignment(Schema):
    """Who is to be rung instead."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to_person_id": 7}]})
    to_person_id: Id


class Snooze(Schema):
    """Until when it is to be quiet; a day ahead at most."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"until": "2026-11-14T06:00:00Z"}]})
    until: Instant


class SilenceUntil(Schema):
    """Until when its alarms are to be kept quiet; a week ahead at most."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"until": "2026-11-14T06:00:00Z"}]})
    until: Instant
    reason: str = Field("", max_length=300)


class TryOut(Schema):
    """One attempt at one delivery."""

    at: datetime
    route: str
    outcome: str
    reason: str
    took_ms: int


class LineOut(Schema):
    """One line of a page's story. `what` is entry, delivery or promise; `future`: not yet happened, due at `at`."""

    at: datetime
    what: str
    kind: str
    text: str
    who: str
    future: bool
    via: str
    note: str
    state: str
    reason: str
    tries: list[TryOut]


class Story(Schema):
    """What is still to come first, then the newest first."""

    items: list[LineOut]


@router.get("", response=Listing[PageOut])
def list_pages(request: HttpRequest, cut: Query[Cut], only: Query[PageFilter]) -> Any:
    """Pages, the newest first."""
    rows = _readable(request).filter(**only.dict(exclude_none=True, exclude={"state", "priority", "since", "until"}))
    if only.state is PageState.OPEN:
        rows = rows.exclude(state=Page.State.RESOLVED)
    elif only.state:
        rows = rows.filter(state=only.state.value)
    if only.priority:
        rows = rows.filter(priority=int(only.priority.removeprefix("P")))
    if only.since:
        rows = rows.filter(started_at__gte=only.since)
    if only.until:
        rows = rows.filter(started_at__lt=only.until)
    return list_rows(request, rows, PageOut, cut, order=("started_at", "id"), newest_first=True)


@router.post("", response={201: PageWhole})
def trigger_page(request: HttpRequest, body: PageIn) -> Any:
    """Wake somebody: a new page, which rings at once."""
    return actions.trigger_page(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/{page_id}", response=PageWhole)
def read_page(request: HttpRequest, page_id: UUID) -> Any:
    """One page."""
    return one(_readable(request), id=page_id)


@router.get("/{page_id}/story", response=Story)
def read_story(request: HttpRequest, page_id: UUID) -> Any:
    """Everything that happened to the page, and everything that is promised. Addresses only for who may read deliveries."""
    page = one(_readable(request), id=page_id)
    lines = queries.story(page.id)
    if not may(actor_of(request), "read_deliveries", page.brand_id):
        lines = [replace(line, text="", reason="") if line.what == "delivery" else line for line in lines]
    return {"items": lines}


@router.post("/{page_id}/acknowledge", response=PageWhole)
def acknowledge_page(request: HttpRequest, page_id: UUID) -> Any:
    """You have it now: nobody else is rung. Only a person can, so a token must act for one."""
    return actions.acknowledge_page(page_id=page_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/{page_id}/resolve", response=PageWhole)
def resolve_page(request: HttpRequest, page_id: UUID, body: Resolution) -> Any:
    """It is over."""
    return actions.resolve_page(
        page_id=page_id, resolution=body.resolution, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.post("/{page_id}/escalate", response=PageWhole)
def escalate_page(request: HttpRequest, page_id: UUID) -> Any:
    """Wake the next now."""
    return actions.escalate_page(page_id=page_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/{page_id}/reassign", response=PageWhole)
def reassign_page(request: HttpRequest, page_id: UUID, body: Reassignment) -> Any:
    """Ring somebody else instead."""
    return actions.reassign_page(
        page_id=page_id, to_person_id=body.to_person_id, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.post("/{page_id}/silence", response=PageWhole)
def silence_page(request: HttpRequest, page_id: UUID, body: SilenceUntil) -> Any:
    """It rings no more, and what it is about is kept quiet; what still fires at the end pages anew."""
    _silence, page = silence_actions.silence_page(
        page_id=page_id, until_at=body.until, reason=body.reason, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return page


@router.post("/{page_id}/snooze", response=PageWhole)
def snooze_page(request: HttpRequest, page_id: UUID, body: Snooze) -> Any:
    """Quiet until then; it rings again after that."""
    return actions.snooze_page(page_id=page_id, until=body.until, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/{page_id}/defer", response=PageWhole)
def defer_page(request: HttpRequest, page_id: UUID) -> Any:
    """It can wait: it rings again at the opening, `rings_from`. Refused for a P1."""
    return actions.defer_page(page_id=page_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/{page_id}/notes", response={201: PageWhole})
def note_page(request: HttpRequest, page_id: UUID, body: Note) -> Any:
    """Write into the page's story; a sign of life too."""
    return actions.note_page(page_id=page_id, text=body.text, by=actor_of(request), via=Door.API, at=clock.now())


def _readable(request: HttpRequest) -> QuerySet[Page]:
    rows = Page.objects.select_related("brand", "service", "customer", "owner", "integration")
    return readable(request, "read_pages", rows)
