"""Suppliers and their tickets inside ours, time spent and prepaid, and what customers think afterwards."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Id, Instant, Named, Words
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers.models import Customer
from nightdesk.desk import actions, queries, supplier_actions, time_actions
from nightdesk.desk.models import Prepaid, Supplier, SupplierTicket, Survey, TimeSpent

router = Router(tags=["tickets"])


class Care(Schema):
    """How soon a supplier responds and fixes, as ISO 8601 durations of hours and minutes."""

    model_config = ConfigDict(extra="forbid")
    respond: str | None = Field(None, max_length=20)
    fix: str | None = Field(None, max_length=20)


class RungIn(Schema):
    """Whom to chase there, how, and so many minutes after the one before."""

    model_config = ConfigDict(extra="forbid")
    who: str = Field(min_length=1, max_length=80)
    how: str = Field("", max_length=120)
    after_minutes: int = Field(60, ge=5, le=10080)


class SupplierIn(Schema):
    """Without `hours_id` a care level counts every minute."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "name": "Carrier",
                    "phone": "+442079460000",
                    "care_levels": {"4": {"respond": "PT1H", "fix": "PT6H"}},
                    "ladder": [{"who": "Their desk", "how": "+442079460000", "after_minutes": 60}],
                }
            ]
        },
    )
    brand_id: Id
    name: str = Field(min_length=1, max_length=120)
    email: str = Field("", max_length=254)
    phone: str = Field("", max_length=20)
    hours_id: Id | None = None
    care_levels: dict[str, Care] = {}
    ladder: list[RungIn] = Field([], max_length=20)
    active: bool = True


class SupplierOut(Schema):
    id: int
    brand_id: int
    name: str
    email: str
    phone: str
    hours_id: int | None
    care_levels: dict[str, Any]
    ladder: list[dict[str, Any]]
    active: bool


class SupplierTicketIn(Schema):
    """A ticket at a supplier; `care_level` is one that they have."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"supplier_id": 1, "ref": "CAS-44120", "care_level": "4"}]}
    )
    supplier_id: Id
    ref: str = Field("", max_length=80)
    care_level: str = Field("", max_length=60)


class SupplierTicketOut(Schema):
    """`step` is how far up the supplier's ladder we are; `next_chase_at` when we ask again."""

    id: int
    ticket_id: UUID
    supplier: Named
    ref: str
    care_level: str
    opened_at: datetime
    respond_by: datetime | None
    fix_by: datetime | None
    responded_at: datetime | None
    step: int
    chased: int
    next_chase_at: datetime | None
    closed_at: datetime | None


class SupplierSaid(Schema):
    """What they said; `next_chase_at` where they named a time."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "A splicing team is on its way.", "ref": "CAS-44120"}]}
    )
    text: Words
    ref: str = Field("", max_length=80)
    next_chase_at: Instant | None = None


class Chased(Schema):
    """That somebody chased them, and what came of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "Rang; nobody answered."}]})
    text: str = Field("", max_length=4000)
    next_chase_at: Instant | None = None


class SupplierEnd(Schema):
    """That they are done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "Spliced at 14:10."}]})
    text: str = Field("", max_length=4000)


class TimeIn(Schema):
    """Minutes of one day; without `person_id` your own. A call-out may have none."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"minutes": 25, "on": "2026-11-14", "note": "On the phone"}]}
    )
    minutes: int = Field(ge=0, le=1440)
    on: date
    call_out: bool = False
    billable: bool = True
    note: str = Field("", max_length=300)
    person_id: Id | None = None


class TimeOut(Schema):
    id: int
    ticket_id: UUID
    person: Named
    on: date
    minutes: int
    call_out: bool
    billable: bool
    note: str
    withdrawn_at: datetime | None


class WorkedOut(Schema):
    """`paid` minutes are prepaid, `billed` ones are to be invoiced."""

    customer: Named | None
    tickets: int
    minutes: int
    billable: int
    paid: int
    billed: int
    call_outs: int


class WorkedSpan(Schema):
    """Days of `[since, until)`."""

    since: date
    until: date


class PrepaidIn(Schema):
    """Minutes paid for beforehand, used from `valid_from` until before `valid_until`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"minutes": 600, "valid_from": "2026-11-01"}]}
    )
    minutes: int = Field(ge=1, le=1_000_000)
    valid_from: date
    valid_until: date | None = None
    note: str = Field("", max_length=120)


class PrepaidOut(Schema):
    id: int
    customer_id: int
    minutes: int
    valid_from: date
    valid_until: date | None
    note: str


class SurveyOut(Schema):
    """`score` 1 (bad) to 5; null until it is answered."""

    id: int
    ticket_id: UUID
    asked_at: datetime
    score: int | None
    words: str
    answered_at: datetime | None
    team: Named | None
    supplier: Named | None


class SatisfiedOut(Schema):
    """`percent` of those who answered gave 4 or 5."""

    name: str
    asked: int
    answered: int
    content: int
    percent: int | None


class SatisfiedAsk(Schema):
    """Surveys asked in `[since, until)`, for each team or supplier."""

    since: Instant
    until: Instant
    by: Literal["team", "supplier"] = "team"


@router.get("/suppliers", response=Listing[SupplierOut])
def list_suppliers(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Companies that we buy from, by name."""
    rows = readable(request, "read_tickets", Supplier.objects.all())
    return list_rows(request, rows, SupplierOut, cut, order=("name", "id"))


@router.post("/suppliers", response={201: SupplierOut})
def save_supplier(request: HttpRequest, body: SupplierIn) -> Any:
    """A new supplier."""
    return supplier_actions.save_supplier(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.put("/suppliers/{supplier_id}", response=SupplierOut)
def edit_supplier(request: HttpRequest, supplier_id: Id, body: SupplierIn) -> Any:
    """What is known of a supplier, as a whole."""
    return supplier_actions.save_supplier(
        supplier_id=supplier_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/supplier-tickets", response=Listing[SupplierTicketOut])
def list_supplier_tickets(request: HttpRequest, cut: Query[Cut], ticket_id: UUID | None = None) -> Any:
    """Tickets at suppliers, the oldest first; those that are closed too."""
    rows = _supplier_tickets(request)
    rows = rows.filter(ticket=ticket_id) if ticket_id else rows
    return list_rows(request, rows, SupplierTicketOut, cut, order=("opened_at", "id"))


@router.post("/tickets/{ticket_id}/suppliers", response={201: SupplierTicketOut})
def open_supplier_ticket(request: HttpRequest, ticket_id: UUID, body: SupplierTicketIn) -> Any:
    """A supplier has it now; ours waits for them, and chasing them is promised."""
    return supplier_actions.open_supplier_ticket(
        ticket_id=ticket_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.post("/supplier-tickets/{supplier_ticket_id}/answers", response={201: SupplierTicketOut})
def note_supplier_answer(request: HttpRequest, supplier_ticket_id: Id, body: SupplierSaid) -> Any:
    """They have spoken."""
    return supplier_actions.note_supplier_answer(
        supplier_ticket_id=supplier_ticket_id,
        words=actions.Words(body.text),
        ref=body.ref,
        next_chase_at=body.next_chase_at,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )


@router.post("/supplier-tickets/{supplier_ticket_id}/chases", response={201: SupplierTicketOut})
def chase_supplier(request: HttpRequest, supplier_ticket_id: Id, body: Chased) -> Any:
    """Somebody has chased them; next time it is the rung above."""
    return supplier_actions.chase_supplier(
        supplier_ticket_id=supplier_ticket_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.post("/supplier-tickets/{supplier_ticket_id}/close", response=SupplierTicketOut)
def close_supplier_ticket(request: HttpRequest, supplier_ticket_id: Id, body: SupplierEnd) -> Any:
    """They are done; ours goes on."""
    return supplier_actions.close_supplier_ticket(
        supplier_ticket_id=supplier_ticket_id, text=body.text, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/time", response=Listing[TimeOut])
def list_time(request: HttpRequest, cut: Query[Cut], ticket_id: UUID | None = None) -> Any:
    """Time spent, the newest day first; also what was taken back."""
    rows = readable(request, "read_tickets", TimeSpent.objects.select_related("person"), "ticket__brand_id")
    rows = rows.filter(ticket=ticket_id) if ticket_id else rows
    return list_rows(request, rows, TimeOut, cut, order=("on", "id"), newest_first=True)


@router.get("/time/customers", response=list[WorkedOut])
def read_worked(request: HttpRequest, span: Query[WorkedSpan]) -> Any:
    """What was worked for each customer, for invoices."""
    return queries.worked_for(readable_brands(request, "read_tickets"), span.since, span.until)


@router.post("/tickets/{ticket_id}/time", response={201: TimeOut})
def log_time(request: HttpRequest, ticket_id: UUID, body: TimeIn) -> Any:
    """Note time on a ticket."""
    return time_actions.log_time(ticket_id=ticket_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.delete("/time/{time_id}", response=TimeOut)
def withdraw_time(request: HttpRequest, time_id: Id) -> Any:
    """It counts no more."""
    return time_actions.withdraw_time(time_id=time_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/customers/{customer_id}/prepaid", response=list[PrepaidOut])
def list_prepaid(request: HttpRequest, customer_id: Id) -> Any:
    """What the customer has paid for beforehand."""
    customer = one(readable(request, "read_tickets", Customer.objects.all()), id=customer_id)
    return Prepaid.objects.filter(customer=customer)


@router.post("/customers/{customer_id}/prepaid", response={201: PrepaidOut})
def save_prepaid(request: HttpRequest, customer_id: Id, body: PrepaidIn) -> Any:
    """They have paid for so many minutes."""
    return time_actions.save_prepaid(
        customer_id=customer_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.delete("/prepaid/{prepaid_id}", response={204: None})
def remove_prepaid(request: HttpRequest, prepaid_id: Id) -> Any:
    """They have not."""
    time_actions.remove_prepaid(prepaid_id=prepaid_id, by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None


@router.get("/surveys", response=Listing[SurveyOut])
def list_surveys(request: HttpRequest, cut: Query[Cut]) -> Any:
    """What customers were asked and said, the newest first."""
    rows = readable(request, "read_surveys", Survey.objects.select_related("team", "supplier"))
    return list_rows(request, rows, SurveyOut, cut, order=("asked_at", "id"), newest_first=True)


@router.get("/surveys/figures", response=list[SatisfiedOut])
def read_satisfaction(request: HttpRequest, span: Query[SatisfiedAsk]) -> Any:
    """How content customers were, by team or by supplier."""
    return queries.satisfaction(readable_brands(request, "read_surveys"), span.since, span.until, span.by)


@router.get("/supplier-tickets/{supplier_ticket_id}", response=SupplierTicketOut)
def read_supplier_ticket(request: HttpRequest, supplier_ticket_id: Id) -> Any:
    """One ticket at a supplier."""
    return one(_supplier_tickets(request), id=supplier_ticket_id)


def _supplier_tickets(request: HttpRequest) -> QuerySet[SupplierTicket]:
    rows = SupplierTicket.objects.select_related("supplier")
    return readable(request, "read_tickets", rows, "ticket__brand_id")
