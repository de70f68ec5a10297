"""Customers, their contacts and contracts, what they buy, and what is promised to them at an instant."""

from datetime import date, datetime
from typing import Any, Literal, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Name, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers import actions, contact_actions, queries
from nightdesk.customers.contact_actions import StandingChanges
from nightdesk.customers.csv_import import plan_import
from nightdesk.customers.models import Contact, Contract, Customer, Hours, Peer, Service, Subscription
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Channels, Reason

router = Router(tags=["customers"])

OFFICE_WEEK: list[Any] = [*[[["09:00", "17:30"]]] * 5, [], []]


class CustomerIn(Schema):
    """`ref` is the number that you and they call it by. Without a language or zone they have the brand's."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "name": "Harbour Bakery", "ref": "C-1001"}]}
    )
    brand_id: Id
    name: str = Field(min_length=1, max_length=160)
    ref: str = Field(min_length=1, max_length=40)
    language: str = Field("", max_length=10)
    zone: str = Field("", max_length=50)


class CustomerChanges(Schema):
    """What is not given stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"active": False}]})
    name: str = Field("", min_length=1, max_length=160)
    ref: str = Field("", min_length=1, max_length=40)
    language: str = Field("", max_length=10)
    zone: str = Field("", max_length=50)
    active: bool = True


class CustomerOut(Schema):
    """`zone` is an IANA name."""

    id: int
    brand_id: int
    name: str
    ref: str
    language: str
    zone: str
    active: bool


class CustomerFilter(Schema):
    """Fields that are not given leave the list whole; `name` is found anywhere in it, whatever its case."""

    brand_id: Id | None = None
    ref: str | None = Field(None, max_length=40)
    name: str | None = Field(None, max_length=160)
    active: bool | None = None


class ContactIn(Schema):
    """A phone number without a country code is one of the brand's region."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Kim Baker", "phone": "+442079460123"}]}
    )
    name: str = Field(min_length=1, max_length=120)
    email: str = Field("", max_length=254)
    phone: str = Field("", max_length=40)
    role: str = Field("", max_length=40)
    language: str = Field("", max_length=10)
    zone: str = Field("", max_length=50)


class ContactChanges(ContactIn):
    """What is not given stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "Owner"}]})
    name: str = Field("", min_length=1, max_length=120)


class ContactOut(Schema):
    """Somebody at the customer. `phone` and `mobile`, where they are texted, are E.164; an empty `language` or `zone` is the
    customer's.

    `standing` "": they do not sign in. `confirmed_at`: when somebody last said that they still belong there.
    """

    id: int
    customer_id: int
    name: str
    email: str
    phone: str
    role: str
    language: str
    zone: str
    mobile: str
    standing: Literal["", "viewer", "member", "manager"]
    may_call: bool
    may_authorise: bool
    confirmed_at: datetime | None
    left_at: datetime | None


class StandingIn(Schema):
    """What a contact may do; what is not given stays. `may_call`: an engineer may be woken for them, where the contract has it;
    `may_authorise`: they say yes to what changes who gets in.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"may_call": False}]})
    standing: Literal["viewer", "member", "manager"] | None = None
    may_call: bool | None = None
    may_authorise: bool | None = None

    def changes(self) -> StandingChanges:
        """What was given."""
        return cast(StandingChanges, self.dict(exclude_none=True))


class Aim(Schema):
    """ISO 8601 durations such as PT30M, counted over `open` hours or on the `wall` clock."""

    model_config = ConfigDict(extra="forbid")
    respond: str | None = Field(None, max_length=20)
    fix: str | None = Field(None, max_length=20)
    clock: str | None = Field(None, pattern="^(open|wall)$")


class ContractIn(Schema):
    """In force over [`valid_from`, `valid_until`), local days of the hours' zone; null: without end."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Gold",
                    "hours_id": 1,
                    "out_of_hours": "full",
                    "may_wake": ["P1"],
                    "targets": {"P1": {"respond": "PT30M", "fix": "PT4H", "clock": "wall"}},
                    "valid_from": "2026-01-01",
                }
            ]
        },
    )
    name: Name
    hours_id: Id
    out_of_hours: Contract.OutOfHours = Contract.OutOfHours.NOTHING
    may_wake: list[Priority] = Field([], max_length=5)
    targets: dict[Priority, Aim] = {}
    not_at_night: list[str] = Field([], max_length=50)
    live_answer: bool = False
    valid_from: date
    valid_until: date | None = None


class ContractOut(Schema):
    """What was promised to a customer."""

    id: int
    customer_id: int
    name: str
    hours: Named
    out_of_hours: str
    may_wake: list[str]
    targets: dict[str, dict[str, str]]
    not_at_night: list[str]
    live_answer: bool
    valid_from: date
    valid_until: date | None


class SubscriptionIn(Schema):
    """`label` is what the customer knows it as: a circuit number, an address."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"service_id": 1, "label": "LON-0042"}]})
    service_id: Id
    label: str = Field("", max_length=120)


class SubscriptionOut(Schema):
    """A service that the customer buys."""

    id: int
    service: Named
    label: str


class HoursIn(Schema):
    """`week` is seven lists, Monday first, of windows such as ["09:00", "17:30"]; `exceptions` maps a date to its windows.

    Bank holidays are those of `nation` (ISO 3166) and `subdivision`; without a nation there are none.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "name": "Office",
                    "zone": "Europe/London",
                    "week": OFFICE_WEEK,
                    "nation": "GB",
                    "subdivision": "ENG",
                }
            ]
        },
    )
    brand_id: Id
    name: Name
    zone: str = Field(min_length=1, max_length=50)
    week: list[list[list[str]]] = Field(min_length=7, max_length=7)
    nation: str = Field("", max_length=2)
    subdivision: str = Field("", max_length=10)
    exceptions: dict[str, list[list[str]]] = Field({}, max_length=1000)
    public: bool = False


class HoursOut(Schema):
    """Support hours as a calendar."""

    id: int
    brand_id: int
    name: str
    zone: str
    week: list[list[list[str]]]
    nation: str
    subdivision: str
    exceptions: dict[str, list[list[str]]]
    public: bool


class ServiceIn(Schema):
    """Alarms name it by `key`, which stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "key": "mail", "name": "Mail hosting"}]}
    )
    brand_id: Id
    key: str = Field(min_length=1, max_length=50)
    name: str = Field(min_length=1, max_length=120)


class ServiceOut(Schema):
    """Something that a brand sells or runs."""

    id: int
    brand_id: int
    key: str
    name: str


class PeerIn(Schema):
    """A network that you exchange traffic with."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"brand_id": 1, "name": "Transit Oy", "as_number": 64500}]},
    )
    brand_id: Id
    name: str = Field(min_length=1, max_length=120)
    as_number: int = Field(ge=1, le=4294967295)
    noc_email: str = Field("", max_length=254)
    noc_phones: list[str] = Field([], max_length=10)


class PeerOut(Schema):
    """A network reached at once about faults, without a contract."""

    id: int
    brand_id: int
    name: str
    as_number: int
    noc_email: str
    noc_phones: list[str]


class Promised(Schema):
    """What is promised at one instant. `answer_from`: when somebody will look at it; null where nobody is promised to.

    `holds_until`: when the answer becomes another one; null when that is far off.
    """

    reason: Reason
    open_now: bool
    covered_now: bool
    may_page_now: bool
    channels: Channels
    holds_until: datetime | None
    answer_from: datetime | None
    respond_by: datetime | None
    fix_by: datetime | None


class Counted(Schema):
    """How many were made, changed, and found as the file says."""

    new: int
    changed: int
    same: int


class BadLine(Schema):
    """A line that was left out: what it gave, what is wrong with that, what to do."""

    line: int
    column: str | None
    what: str
    so: str
    do: str


class Imported(Schema):
    """What an import did, or would do in a dry run, by kind; and how the file was read."""

    dry_run: bool
    counts: dict[str, Counted]
    errors: list[BadLine]
    encoding: str
    delimiter: str
    ignored_columns: list[str]


@router.get("/customers", response=Listing[CustomerOut])
def list_customers(request: HttpRequest, cut: Query[Cut], only: Query[CustomerFilter]) -> Any:
    """Customers of your brands."""
    rows = readable(request, "read_customers", Customer.objects.all())
    exact = only.dict(exclude_none=True, exclude={"name", "ref"})
    if only.name:
        exact["name__icontains"] = only.name
    if only.ref:
        exact["ref__iexact"] = only.ref
    return list_rows(request, rows.filter(**exact), CustomerOut, cut)


@router.post("/customers", response={201: CustomerOut})
def make_customer(request: HttpRequest, body: CustomerIn) -> Any:
    """A new customer."""
    return actions.make_customer(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.post(
    "/customers/import",
    response=Imported,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "customer,customer_ref,contact_name,contact_email\nHarbour Bakery,C-1001,Kim,k@example.net\n",
                }
            },
        }
    },
)
def import_customers(request: HttpRequest, brand_id: Id, dry_run: bool = False) -> Any:
    """Read a CSV file of customers, contacts, contracts and services; rows add and change, and never take away."""
    brand = one(readable(request, "apply_import", Brand.objects.all(), "id"), id=brand_id)
    plan = plan_import(request.body, brand.region)
    result = actions.apply_import(
        brand_id=brand.pk, plan=plan, dry_run=dry_run, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {
        "dry_run": result.dry_run,
        "counts": result.counts,
        "errors": result.errors,
        "encoding": plan.encoding,
        "delimiter": plan.delimiter,
        "ignored_columns": plan.ignored_columns,
    }


@router.get("/customers/{customer_id}", response=CustomerOut)
def read_customer(request: HttpRequest, customer_id: Id) -> Any:
    """One customer."""
    return _customer(request, customer_id)


@router.patch("/customers/{customer_id}", response=CustomerOut)
def edit_customer(request: HttpRequest, customer_id: Id, body: CustomerChanges) -> Any:
    """Change what is known of a customer."""
    changes = cast(actions.CustomerChanges, body.dict(exclude_unset=True))
    return actions.edit_customer(
        customer_id=customer_id, changes=changes, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/customers/{customer_id}/promised", response=Promised)
def read_promised(
    request: HttpRequest,
    customer_id: Id,
    priority: Priority,
    at: Instant | None = None,
    work_type: str | None = Query(None, max_length=60),  # type: ignore[type-arg]
) -> Any:
    """What is promised to the customer for something of this priority that arrives now, or `at` that instant."""
    customer = _customer(request, customer_id)
    return queries.promised_now(customer.pk, priority, at or clock.now(), work_type)


@router.get("/customers/{customer_id}/contacts", response=Listing[ContactOut])
def list_contacts(request: HttpRequest, customer_id: Id, cut: Query[Cut]) -> Any:
    """Who speaks for the customer."""
    return list_rows(request, Contact.objects.filter(customer=_customer(request, customer_id)), ContactOut, cut)


@router.post("/customers/{customer_id}/contacts", response={201: ContactOut})
def make_contact(request: HttpRequest, customer_id: Id, body: ContactIn) -> Any:
    """Somebody who speaks for the customer."""
    return actions.make_contact(
        customer_id=customer_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.patch("/contacts/{contact_id}", response=ContactOut)
def edit_contact(request: HttpRequest, contact_id: Id, body: ContactChanges) -> Any:
    """Change what is known of a contact."""
    changes = cast(actions.ContactChanges, body.dict(exclude_unset=True))
    return actions.edit_contact(
        contact_id=contact_id, changes=changes, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.patch("/contacts/{contact_id}/standing", response=ContactOut)
def set_contact_standing(request: HttpRequest, contact_id: Id, body: StandingIn) -> Any:
    """Say what a contact may do."""
    changes = body.changes()
    return contact_actions.set_contact_standing(
        contact_id=contact_id, changes=changes, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.post("/contacts/{contact_id}/confirm", response=ContactOut)
def confirm_contact(request: HttpRequest, contact_id: Id) -> Any:
    """Somebody told us that they still belong there: a viewer reads for another year."""
    return contact_actions.confirm_contact(contact_id=contact_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.delete("/contacts/{contact_id}/mobile", response=ContactOut)
def remove_mobile(request: HttpRequest, contact_id: Id) -> Any:
    """Nothing is texted to their mobile any more."""
    return contact_actions.remove_mobile(contact_id=contact_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.delete("/contacts/{contact_id}", response={204: None})
def remove_contact(request: HttpRequest, contact_id: Id) -> None:
    """They no longer speak for the customer, and what was known of them is gone."""
    actions.remove_contact(contact_id=contact_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/customers/{customer_id}/contracts", response=Listing[ContractOut])
def list_contracts(request: HttpRequest, customer_id: Id, cut: Query[Cut]) -> Any:
    """What was promised to the customer, past and present."""
    rows = Contract.objects.filter(customer=_customer(request, customer_id)).select_related("hours")
    return list_rows(request, rows, ContractOut, cut)


@router.post("/customers/{customer_id}/contracts", response={201: ContractOut})
def make_contract(request: HttpRequest, customer_id: Id, body: ContractIn) -> Any:
    """Promise something to the customer; one contract at a time."""
    fields = body.dict() | {
        "out_of_hours": body.out_of_hours.value,
        "may_wake": [priority.value for priority in body.may_wake],
        "targets": {priority.value: aim.dict(exclude_none=True) for priority, aim in body.targets.items()},
    }
    return actions.make_contract(customer_id=customer_id, **fields, by=actor_of(request), via=Door.API, at=clock.now())


class SubscriptionEnd(Schema):
    """Since when it is bought no more; without it now."""

    model_config = ConfigDict(extra="forbid")
    ended_at: Instant | None = None


@router.get("/customers/{customer_id}/services", response=Listing[SubscriptionOut])
def list_subscriptions(request: HttpRequest, customer_id: Id, cut: Query[Cut]) -> Any:
    """What the customer buys."""
    rows = Subscription.objects.filter(customer=_customer(request, customer_id)).select_related("service")
    return list_rows(request, rows, SubscriptionOut, cut)


@router.post("/customers/{customer_id}/services", response={201: SubscriptionOut})
def make_subscription(request: HttpRequest, customer_id: Id, body: SubscriptionIn) -> Any:
    """The customer buys a service."""
    return actions.make_subscription(
        customer_id=customer_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.delete("/subscriptions/{subscription_id}", response={204: None})
def end_subscription(request: HttpRequest, subscription_id: Id, asked: Query[SubscriptionEnd]) -> None:
    """The customer no longer buys it, now or since an earlier instant."""
    actions.end_subscription(
        subscription_id=subscription_id, ended_at=asked.ended_at, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/hours", response=Listing[HoursOut])
def list_hours(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Support hours that contracts and integrations use."""
    return list_rows(request, readable(request, "read_customers", Hours.objects.all()), HoursOut, cut)


@router.post("/hours", response={201: HoursOut})
def make_hours(request: HttpRequest, body: HoursIn) -> Any:
    """New support hours."""
    fields = cast(actions.HoursFields, body.dict(exclude={"brand_id"}))
    return actions.make_hours(brand_id=body.brand_id, fields=fields, by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/services", response=Listing[ServiceOut])
def list_services(request: HttpRequest, cut: Query[Cut]) -> Any:
    """What your brands sell or run."""
    return list_rows(request, readable(request, "read_customers", Service.objects.all()), ServiceOut, cut)


@router.post("/services", response={201: ServiceOut})
def make_service(request: HttpRequest, body: ServiceIn) -> Any:
    """Something new that the brand sells or runs."""
    return actions.make_service(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/peers", response=Listing[PeerOut])
def list_peers(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Networks that your brands exchange traffic with."""
    return list_rows(request, readable(request, "read_customers", Peer.objects.all()), PeerOut, cut)


@router.post("/peers", response={201: PeerOut})
def make_peer(request: HttpRequest, body: PeerIn) -> Any:
    """A network to exchange traffic with."""
    return actions.make_peer(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


def _customer(request: HttpRequest, customer_id: int) -> Customer:
    return one(readable(request, "read_customers", Customer.objects.all()), id=customer_id)
