"""One request that changes one ticket or many, and the way back."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.tickets import Impact, Kind, PendingReason, example
from nightdesk.api.values import Id, Instant
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.desk import bulk_actions
from nightdesk.desk.models import Bulk

router = Router(tags=["tickets"])


class ChangedValues(Schema):
    """What the verb takes: `assign` a person and a team (null for nobody), `tag` what to `add` and `remove`, `wait` a reason
    and a next step, `next_step` that, `cancel` why, `edit` the others.
    """

    model_config = ConfigDict(extra="forbid")
    person_id: Id | None = None
    team_id: Id | None = None
    add: list[str] = Field([], max_length=30)
    remove: list[str] = Field([], max_length=30)
    reason: PendingReason = "awaiting_caller"
    next_step: str = Field("", max_length=300)
    next_step_at: Instant | None = Field(None, description="Without one it is in a day.")
    why: str = Field("", max_length=2000)
    impact: Impact = "medium"
    urgency: Impact = "medium"
    kind: Kind = "incident"
    queue_id: Id | None = None
    service_id: Id | None = None
    work_type: str = Field("", max_length=60)
    night_ok: bool = False
    night_why: str = Field("", max_length=200)


class TicketChangeIn(Schema):
    """What is done to each of the tickets; of the values only those that are given count."""

    model_config = example(ticket_ids=["0190c1f2-0000-7000-8000-000000000000"], verb="tag", values={"add": ["fibre"]})
    ticket_ids: list[UUID] = Field(min_length=1, max_length=bulk_actions.MOST)
    verb: Literal["take", "assign", "edit", "tag", "start", "wait", "next_step", "close", "cancel"]
    values: ChangedValues | None = None


class RefusedChange(Schema):
    """A ticket that stayed as it was, and why."""

    ticket: str
    number: int
    why: str


class TicketChangeOut(Schema):
    """What was done. `changed`: numbers of the tickets that are otherwise now. `undone_at`: when it was taken back;
    `left`: numbers of those that stayed then, as somebody had changed them since.
    """

    id: UUID
    at: datetime
    what: str
    changed: list[int]
    refused: list[RefusedChange]
    undone_at: datetime | None
    left: list[int] = []

    @staticmethod
    def resolve_changed(change: Bulk) -> list[int]:
        """In the order of their ids."""
        return [row["number"] for row in change.rows]


@router.post("/ticket-changes", response={201: TicketChangeOut})
def change_tickets(request: HttpRequest, body: TicketChangeIn) -> Any:
    """Do one thing to each of up to 500 tickets; one that refuses stays as it was."""
    values = body.values.dict(exclude_unset=True) if body.values is not None else {}
    fields: dict[str, Any] = {"ticket_ids": body.ticket_ids, "verb": body.verb, "values": values}
    return Status(201, bulk_actions.change_tickets(**fields, **_doing(request)))


@router.post("/ticket-changes/{ticket_change_id}/undo", response=TicketChangeOut)
def undo_change(request: HttpRequest, ticket_change_id: UUID) -> Any:
    """Take a change of your own back within half an hour, but for tickets that somebody has changed since."""
    change, left = bulk_actions.undo_change(bulk_id=ticket_change_id, **_doing(request))
    change.left = left  # type: ignore[attr-defined]
    return change


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}
