"""The delivery ledger: what was sent to whom, by which way, and what came of it."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable_brands
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.channels import actions
from nightdesk.channels.models import Attempt, Delivery, Message
from nightdesk.channels.queries import tries_of

router = Router(tags=["deliveries"])

State = Literal[
    "queued", "sending", "accepted", "delivered", "read", "expired", "failed_for_now", "failed", "superseded"
]


class DeliveryOut(Schema):
    """One message to one address by one channel. `due_at` is when it is, or was, to be sent.

    `goes_with`: the delivery in whose message its words go out as well, to the same reader; what becomes of that becomes of it.
    """

    id: UUID
    message_id: UUID
    subject_kind: str
    subject_id: str
    recipient_kind: str
    recipient_id: str
    channel: str
    address: str
    state: State
    due_at: datetime
    created_at: datetime
    accepted_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    attempts: int = Field(alias="attempt", description="How often it was tried.")
    provider_id: str
    reason: str
    goes_with: UUID | None = None


class AttemptOut(Schema):
    """One try: by which route, what came of it, and how long it took."""

    number: int
    at: datetime
    route_name: str
    took_ms: int
    outcome: str
    reason: str
    provider_id: str
    parts: int = Field(description="What was paid for; 0 where nothing is paid by the part.")
    price: Decimal | None = Field(description="For all parts; null where the route has no price.")
    currency: str


class DeliveryWithAttempts(DeliveryOut):
    """With every try at its message, the first one first; `goes_with` has another's tries."""

    tries: list[AttemptOut]

    @staticmethod
    def resolve_tries(row: Delivery) -> list[Attempt]:
        """Every try at its message."""
        return tries_of(row)


class DeliveryFilter(Schema):
    """Fields that are not given leave the list whole."""

    state: State | None = None
    channel: str | None = Field(None, max_length=20)
    subject_kind: str | None = Field(None, max_length=30)
    subject_id: str | None = Field(None, max_length=60)
    recipient_kind: str | None = Field(None, max_length=10)
    recipient_id: str | None = Field(None, max_length=40)
    message_id: UUID | None = None
    route_id: Id | None = Field(None, description="The provider that has it.")


class ResendIn(Schema):
    """Where to; without an address to the same one again."""

    channel: str = Field("", max_length=20)
    address: str = Field("", max_length=320)

    model_config = {"json_schema_extra": {"examples": [{"channel": "sms", "address": "+447700900123"}]}}


@router.get("", response=Listing[DeliveryOut])
def list_deliveries(request: HttpRequest, cut: Query[Cut], only: Query[DeliveryFilter]) -> Any:
    """Deliveries, the newest first."""
    rows = _readable(request).filter(**only.dict(exclude_none=True))
    return list_rows(request, rows, DeliveryOut, cut, newest_first=True)


@router.get("/{delivery_id}", response=DeliveryWithAttempts)
def read_delivery(request: HttpRequest, delivery_id: UUID) -> Any:
    """One delivery with every try."""
    return one(_readable(request), id=delivery_id)


@router.post("/{delivery_id}/resend", response={201: DeliveryOut})
def resend_message(request: HttpRequest, delivery_id: UUID, body: ResendIn) -> Any:
    """Send the same words once more: to the same address, or to another of the same person's."""
    row = one(_readable(request), id=delivery_id)
    again = actions.resend_message(
        delivery_id=row.id,
        month=row.month,
        channel=body.channel,
        address=body.address,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
    return Status(201, again)


def _readable(request: HttpRequest) -> QuerySet[Delivery]:
    brands = readable_brands(request, "read_deliveries")
    if brands is None:
        return Delivery.objects.all()
    return Delivery.objects.filter(message_id__in=Message.objects.filter(brand_id__in=brands).values("id"))
