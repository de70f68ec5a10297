"""Pages: calls for a person, and what is done about them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Named, Note, Words
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers.priority import Priority
from nightdesk.paging import actions, queries
from nightdesk.paging.models import Page

router = Router(tags=["pages"])


class PageOut(Schema):
    """`code` is the short word people text back. `rings_from` is later than `started_at` where it waits for the opening;
    `unreached`: nobody who was rung last can be woken.
    """

    id: UUID
    code: str
    brand: Named
    state: Page.State
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

    @staticmethod
    def resolve_priority(page: Page) -> str:
        """P1 to P5; the row keeps the number."""
        return f"P{page.priority}"


class PageWhole(PageOut):
    """With what its sender told."""

    details: dict[str, Any]


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
    brand_id: Id | None = None
    owner_id: Id | None = None
    service_id: Id | None = None
    customer_id: Id | None = None
    since: Instant | None = None
    until: Instant | None = None
