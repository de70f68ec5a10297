"""Macros: several things done to a ticket in one press, kept under a name."""

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.ticket_changes import ChangedValues, TicketChangeOut
from nightdesk.api.tickets import ContactKind, example
from nightdesk.api.values import Id, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.desk import bulk_actions
from nightdesk.desk.models import Macro

router = Router(tags=["tickets"])

STEPS = [
    {"verb": "tag", "values": {"add": ["speed"]}},
    {"verb": "reply", "values": {"text": "Hello {name}", "then": "wait"}},
]


class MacroValues(ChangedValues):
    """What a step's verb takes: as of a change of tickets, and `note` a text, `reply` a text, whether it `then` waits for the
    customer, and for level 2 and 3 why they write. Times are hours from when it is applied.
    """

    next_step_at: None = None
    hours: float = Field(24, gt=0, le=24 * 365)
    text: str = Field("", max_length=20_000, description="{name}, {number}, {title} and {me} stand for the ticket's.")
    then: Literal["", "wait"] = ""
    contact_kind: ContactKind | Literal[""] = ""


class MacroStep(Schema):
    """One thing that a macro does; of the values only those that are given count."""

    model_config = example(**STEPS[0])
    verb: Literal["take", "assign", "edit", "tag", "start", "wait", "next_step", "close", "cancel", "note", "reply"]
    values: MacroValues | None = None


class MacroOut(Schema):
    """`team`: only its members are offered it; null: everybody is. `steps` are done in this order, all of them or none."""

    id: int
    brand_id: int
    name: str
    team: Named | None
    steps: list[dict[str, Any]]


class MacroFields(Schema):
    """What a macro is."""

    model_config = example(name="Ask for a test", steps=STEPS)
    name: str = Field(min_length=1, max_length=60)
    team_id: Id | None = None
    steps: list[MacroStep] = Field(min_length=1, max_length=bulk_actions.MOST_STEPS)

    def kept(self) -> dict[str, Any]:
        """As `save_macro` takes it."""
        steps = [
            {"verb": each.verb, "values": each.values.dict(exclude_unset=True) if each.values else {}}
            for each in self.steps
        ]
        return {"name": self.name, "team_id": self.team_id, "steps": steps}


class MacroIn(MacroFields):
    """A new macro."""

    model_config = example(brand_id=1, name="Ask for a test", steps=STEPS)
    brand_id: Id


class MacroTickets(Schema):
    """The tickets to which a macro is applied."""

    model_config = example(ticket_ids=["0190c1f2-0000-7000-8000-000000000000"])
    ticket_ids: list[UUID] = Field(min_length=1, max_length=bulk_actions.MOST)


@router.get("/macros", response=Listing[MacroOut])
def list_macros(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Macros."""
    return list_rows(request, readable(request, "read_tickets", Macro.objects.select_related("team")), MacroOut, cut)


@router.post("/macros", response={201: MacroOut})
def make_macro(request: HttpRequest, body: MacroIn) -> Any:
    """Make a macro."""
    return Status(201, bulk_actions.save_macro(brand_id=body.brand_id, **body.kept(), **_doing(request)))


@router.put("/macros/{macro_id}", response=MacroOut)
def save_macro(request: HttpRequest, macro_id: Id, body: MacroFields) -> Any:
    """Change a macro."""
    macro = one(readable(request, "save_macro", Macro.objects.all()), id=macro_id)
    return bulk_actions.save_macro(brand_id=macro.brand_id, macro_id=macro.pk, **body.kept(), **_doing(request))


@router.delete("/macros/{macro_id}", response={204: None})
def remove_macro(request: HttpRequest, macro_id: Id) -> Any:
    """Remove a macro; what it did stays."""
    bulk_actions.remove_macro(macro_id=macro_id, **_doing(request))
    return Status(204, None)


@router.post("/macros/{macro_id}/apply", response={201: TicketChangeOut})
def apply_macro(request: HttpRequest, macro_id: Id, body: MacroTickets) -> Any:
    """Do its steps to each ticket, all of them or none; it is taken back as any change of tickets, but for what was sent."""
    return Status(201, bulk_actions.apply_macro(ticket_ids=body.ticket_ids, macro_id=macro_id, **_doing(request)))


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}
