"""How each provider does: what waits for it, what it takes and how fast, what went wrong last."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from nightdesk.api.scope import readable_brands
from nightdesk.base import clock
from nightdesk.channels.models import Route
from nightdesk.channels.queries import RouteHealth, route_health

router = Router(tags=["deliveries"])


class CostOut(Schema):
    """An amount."""

    price: Decimal
    currency: str


class ProviderOut(Schema):
    """One route, with the figures of the last hour; null where there was nothing to go by."""

    route_id: int
    name: str
    channel: str
    driver: str
    enabled: bool
    rests: bool = Field(description="It failed several times in a row: others are tried first.")
    failures: int = Field(description="How often it failed in a row.")
    sent: int
    refused: int
    undelivered: int = Field(description="Taken, and then reported as not delivered.")
    success_rate: float | None = Field(description="Of 1.")
    median_ms: int | None = Field(description="How long a hand-over takes.")
    receipt_median_ms: int | None = Field(description="How long a receipt takes to come.")
    oldest_unsent_s: float | None = Field(description="How long the longest overdue message of its channel has waited.")
    trouble: str = Field(description="What went wrong last.")
    trouble_at: datetime | None
    parts: int = Field(description="Parts of texts that were paid for since the month began (UTC).")
    costs: list[CostOut] = Field(description="What they cost ex VAT, one a currency; empty where no price is set.")

    @staticmethod
    def resolve_oldest_unsent_s(how: RouteHealth) -> float | None:
        """The age in seconds."""
        return how.oldest_unsent / timedelta(seconds=1) if how.oldest_unsent is not None else None


@router.get("", response=list[ProviderOut])
def list_providers(request: HttpRequest) -> Any:
    """Every provider in the order of its channel's use, and how it does."""
    brands = readable_brands(request, "read_deliveries")
    mine = Route.objects.all() if brands is None else Route.objects.filter(Q(brand_id__in=brands) | Q(brand=None))
    known = set(mine.values_list("id", flat=True))
    return [how for how in route_health(clock.now()) if how.route_id in known]
