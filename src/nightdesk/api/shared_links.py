"""Links that need no signing in: to one outage, and to how punctual a brand is."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.outages import link_actions
from nightdesk.outages.links import ARCHIVE_FOR, SHARED_FOR, read_archive_token, read_outage_token

router = Router(tags=["outages"])


class OutageLinkIn(Schema):
    """As it touches `customer_id`; without one as it stands on the public page. `days`: how long the link is good."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"customer_id": 1, "days": 7}]})
    customer_id: Id | None = None
    days: int = Field(SHARED_FOR.days, ge=1, le=90)


class ArchiveLinkIn(Schema):
    """`days`: how long the link is good."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"days": 30}]})
    days: int = Field(ARCHIVE_FOR.days, ge=1, le=90)


class LinkOut(Schema):
    """The address; whoever has it reads what it shows until `ends_at`."""

    address: str
    ends_at: datetime


@router.post("/outages/{outage_id}/link", response={201: LinkOut})
def share_outage(request: HttpRequest, outage_id: UUID, body: OutageLinkIn) -> Any:
    """A link that shows this outage alone, without signing in."""
    address = link_actions.share_outage(
        outage_id=outage_id,
        customer_id=body.customer_id,
        days=body.days,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
    shared = read_outage_token(_token(address))
    return 201, {"address": address, "ends_at": shared.until if shared else None}


@router.post("/brands/{brand_id}/punctuality-link", response={201: LinkOut})
def share_archive(request: HttpRequest, brand_id: Id, body: ArchiveLinkIn) -> Any:
    """A link for a prospect: when each outage was told and updated, and whether on time; never what it was about."""
    address = link_actions.share_archive(
        brand_id=brand_id, days=body.days, by=actor_of(request), via=Door.API, at=clock.now()
    )
    shared = read_archive_token(_token(address))
    return 201, {"address": address, "ends_at": shared.until if shared else None}


def _token(address: str) -> str:
    return address.rpartition("/")[2]
