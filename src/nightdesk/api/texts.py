"""What a text will be and cost, before it is sent."""

from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from nightdesk.access.matrix import require
from nightdesk.api.auth import actor_of
from nightdesk.api.values import Id
from nightdesk.channels.cost import Estimate
from nightdesk.channels.queries import text_estimate

router = Router(tags=["deliveries"])


class TextIn(Schema):
    """What the text is to say, and to how many."""

    brand_id: Id
    title: str = Field(max_length=200)
    body: str = Field("", max_length=5000)
    answerable: bool = Field(True, description="It says how to answer, and has a link, as the text of a page.")
    recipients: int = Field(1, ge=1, le=1_000_000)


class EstimateOut(Schema):
    """As it would go out by the route that is tried first. `price` is null where that route has none."""

    text: str
    coding: str = Field(description="gsm7 or ucs2.")
    units: int
    parts: int = Field(description="To one recipient.")
    left: int = Field(description="Units that still fit into the last part.")
    price: Decimal | None = Field(description="For all recipients together.")
    currency: str


@router.get("/estimate", response=EstimateOut)
def estimate_text(request: HttpRequest, asked: Annotated[TextIn, Query()]) -> Any:
    """How a text would be cut, and what it would cost."""
    require(actor_of(request), "trigger_page", asked.brand_id)
    found: Estimate = text_estimate(
        title=asked.title,
        body=asked.body,
        brand_id=asked.brand_id,
        answerable=asked.answerable,
        recipients=asked.recipients,
    )
    return {
        "text": found.text,
        "coding": found.count.coding,
        "units": found.count.units,
        "parts": found.count.parts,
        "left": found.count.left,
        "price": found.cost.price if found.cost else None,
        "currency": found.cost.currency if found.cost else "",
    }
