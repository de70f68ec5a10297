"""Outages: what has failed, whom that touches, what they are told, and how a brand speaks of it all."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import may
from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Name, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.calls.line_preview import outage_heard
from nightdesk.channels.models import Delivery
from nightdesk.customers.models import Customer
from nightdesk.outages import actions, queries, report, unsubscribe_actions, wish_actions
from nightdesk.outages.decide import OPEN, State
from nightdesk.outages.models import (
    Affected,
    ConfirmRule,
    FailedPart,
    Outage,
    StatementTemplate,
    UnsubscribeRequest,
    Update,
    Wish,
)
from nightdesk.outages.preview import Draft, Preview, preview_of

router = Router(tags=["outages"])

Severity = Literal["minor", "major", "critical"]
StateWord = Literal["proposed", "investigating", "identified", "monitoring", "resolved", "withdrawn"]
EffectWord = Literal["works", "reduced", "degraded", "down"]
EFFECTS: tuple[EffectWord, ...] = ("works", "reduced", "degraded", "down")
Text = dict[str, str]
Approver = Literal["anybody", "desk", "manager"]
Channel = Literal["email", "sms", "push", "webhook"]


class FailedOut(Schema):
    """A part that fails, and how badly."""

    part: Named
    key: str
    effect: EffectWord


class UpdateOut(Schema):
    """What is told. `texts`: language -> statement. Without `published_at` it waits for an approver until `hold_at`, when the
    holding statement goes; `dropped_at`: it is not told. `people`: to how many it was sent.
    """

    id: UUID
    number: int
    kind: str
    state: StateWord
    texts: Text
    quiet: bool
    next_at: datetime | None
    estimate_at: datetime | None
    corrects_id: UUID | None
    written_by: str
    written_at: datetime
    approved_by: str
    approved_at: datetime | None
    hold_at: datetime | None
    published_at: datetime | None
    dropped_at: datetime | None
    people: int


class OutageOut(Schema):
    """`name` is what people call it, O-1042. Who may not `read_outage_room` gets no cause, no title of ours, no persons and no
    numbers: only what was published.
    """

    id: UUID
    name: str
    brand: Named
    state: StateWord
    severity: Severity | None
    title: str
    cause: str
    public: bool
    public_title: str
    origin: str
    page_id: UUID | None
    began_at: datetime
    confirmed_at: datetime | None
    resolved_at: datetime | None
    estimate_at: datetime | None
    next_update_at: datetime | None
    lead: Named | None
    fixer: Named | None
    voice: Named | None
    customers: int | None
    latest: Text


class OutageWhole(OutageOut):
    """With what fails, and everything that was told; what waits or was dropped only for who may `read_outage_room`."""

    failed: list[FailedOut]
    updates: list[UpdateOut]


class OutageState(StrEnum):
    """`open` is whatever is not over."""

    OPEN = "open"
    PROPOSED = "proposed"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class OutageFilter(Schema):
    """Fields that are not given leave the list whole; the span of `began_at` is half-open: [`since`, `until`)."""

    state: OutageState | None = None
    severity: Severity | None = None
    brand_id: Id | None = None
    since: Instant | None = None
    until: Instant | None = None


class FailedIn(Schema):
    model_config = ConfigDict(extra="forbid")
    part_id: Id
    effect: Literal["reduced", "degraded", "down"] = "down"


class PartsIn(Schema):
    """These parts fail, and no others."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"parts": []}]})
    parts: list[FailedIn] = Field(max_length=1000)


class OutageIn(PartsIn):
    """It may be an outage."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "title": "Core is dark", "parts": []}]}
    )
    brand_id: Id
    title: str = Field(min_length=1, max_length=200)
    severity: Severity = "major"
    began_at: Instant | None = None


class RolesIn(Schema):
    """Who leads, fixes and speaks; where nobody is named, whoever confirms it leads and speaks."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})
    lead_id: Id | None = None
    fixer_id: Id | None = None
    voice_id: Id | None = None


class OutageFields(Schema):
    """Only what is given changes."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"cause": "A fuse", "severity": "minor"}]}
    )
    title: str | None = Field(None, min_length=1, max_length=200)
    cause: str | None = Field(None, max_length=5000)
    severity: Severity | None = None
    began_at: Instant | None = None
    public: bool | None = None
    public_title: str | None = Field(None, max_length=200)
    lead_id: Id | None = None
    fixer_id: Id | None = None
    voice_id: Id | None = None


class UpdateIn(Schema):
    """The next word. Without `texts` those of the template; without `next_at` the next is due as the brand's rules say."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "identified", "texts": {"en-gb": "It is a part of ours."}}]},
    )
    state: StateWord
    texts: Text = {}
    next_at: Instant | None = None
    estimate_at: Instant | None = None
    quiet: bool = False
    template_id: Id | None = None
    corrects_id: UUID | None = None
    vouched: bool = Field(False, description="What it says of people and causes, and the record does not, is so.")


class Withdrawal(Schema):
    """What is said to those who were told; without texts what is built in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"texts": {}}]})
    texts: Text = {}


class NoChange(Schema):
    """`due_at`: the update that is due then; where something was told since, nothing is done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})
    due_at: Instant | None = None


class SampleOut(Schema):
    """One of the messages that it becomes, as the first of its `count` readers gets it. Without `effect`: the public's."""

    language: str
    effect: EffectWord | None
    channel: str
    count: int
    reader: str
    title: str
    text: str
    parts: int
    is_cut: bool


class PreviewOut(Schema):
    """What sending would do; `browsers` and `programs` are told besides mails and texts. `cost` without VAT; null where nobody
    knows a price. `seconds` that providers take. `spoken`: what whoever is hit worst hears on the phone line.
    """

    people: int
    customers: int
    mails: int
    texts: int
    browsers: int
    programs: int
    text_parts: int
    is_counted: bool
    cost: str | None
    currency: str | None
    seconds: int | None
    diverted: int
    untold_customers: int
    spoken: str
    warnings: list[str]
    samples: list[SampleOut]


class AffectedOut(Schema):
    """A customer that it touches, or touched: `effect` now, `worst` ever, `effect_told` last."""

    customer: Named
    effect: EffectWord
    worst: EffectWord
    services: int
    since: datetime
    effect_told: EffectWord | None
    ticket_number: int | None


class ToldOut(Schema):
    """Who was told what, when, by which route, and what became of it."""

    delivery_id: UUID
    update: int
    kind: str
    customer: str
    recipient: str
    channel: str
    address: str
    state: str
    route: str
    reason: str
    said_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None


class StatementFields(Schema):
    """Words for 4 AM; `holding`: it may go by itself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Found", "goes_to": "identified", "texts": {"en-gb": "It is a part of ours."}}]
        },
    )
    name: Name
    goes_to: StateWord
    texts: Text
    holding: bool = False
    position: int = Field(0, ge=0, le=999)


class StatementIn(StatementFields):
    """A new one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"brand_id": 1, "name": "Found", "goes_to": "identified", "texts": {"en-gb": "It is a part of ours."}}
            ]
        },
    )
    brand_id: Id


class StatementOut(StatementFields):
    id: int
    brand_id: int
    edited_by: str
    edited_at: datetime


class ConfirmRuleIn(Schema):
    """Alarms about these parts confirm an outage by themselves."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "part_ids": [1], "template_id": 1}]}
    )
    brand_id: Id
    part_ids: list[Id] = Field(max_length=1000)
    template_id: Id
    severity: Severity = "major"
    after_s: int = Field(15, ge=0, le=3600)
    public: bool = False
    public_title: str = Field("", max_length=200)


class ConfirmRuleOut(Schema):
    """As it is kept."""

    id: int
    brand_id: int
    part_ids: list[int]
    template_id: int
    severity: Severity
    after_s: int
    public: bool
    public_title: str
    made_by: str
    made_at: datetime

    @staticmethod
    def resolve_part_ids(rule: ConfirmRule) -> list[int]:
        """The parts that it is about."""
        return sorted(rule.parts.values_list("id", flat=True))


class OutageRulesIn(Schema):
    """Only what is given changes. `approvers`: severity -> who approves a statement about it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"approvers": {"major": "anybody"}, "update_every_minutes": 30}]},
    )
    approvers: dict[Severity, Approver] | None = None
    desk_id: Id | None = None
    policy_id: Id | None = None
    update_every_minutes: int | None = Field(None, ge=5, le=1440)
    preview_people: int | None = Field(None, ge=0, le=10_000_000)
    status_hosts: list[str] | None = None


class OutageRulesOut(Schema):
    """`desk_id`: who is asked after the voice when an update is late; `policy_id`: who is paged where there is none."""

    brand_id: int
    approvers: dict[str, str]
    desk_id: int | None
    policy_id: int | None
    update_every_minutes: int
    preview_people: int
    status_hosts: list[str]


class WishIn(Schema):
    """How somebody wants to hear: a contact, or the whole customer. No channel: never. Texts between minutes of their day."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channels": ["email"], "min_effect": "down"}]}
    )
    contact_id: Id | None = None
    service_id: Id | None = None
    channels: list[Channel]
    min_effect: Literal["reduced", "degraded", "down"] = "reduced"
    texts_from: int | None = Field(None, ge=0, le=1439)
    texts_until: int | None = Field(None, ge=0, le=1440)


class UnsubscribeDecision(Schema):
    """Whether the address gets no more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"agreed": False}]})
    agreed: bool


class UnsubscribeRequestOut(Schema):
    """A reader of the contact's address wants no more there. Until `decided_at` it is told as before."""

    id: int
    contact_id: int
    address: str
    asked_at: datetime
    decided_at: datetime | None
    decided_by: str
    agreed: bool | None


class WishOut(Schema):
    """As it is kept."""

    id: int
    customer_id: int
    contact_id: int | None
    service_id: int | None
    channels: list[str]
    min_effect: EffectWord
    texts_from: int | None
    texts_until: int | None
    changed_at: datetime

    @staticmethod
    def resolve_min_effect(wish: Wish) -> str:
        """The mildest that is told."""
        return EFFECTS[wish.min_effect]


# ---- Outages --------------------------------------------------------------------------------------------------------


@router.get("/outages", response=Listing[OutageOut])
def list_outages(request: HttpRequest, cut: Query[Cut], only: Query[OutageFilter]) -> Any:
    """Outages, the newest first."""
    rows = _readable(request)
    if only.brand_id:
        rows = rows.filter(brand=only.brand_id)
    if only.state is OutageState.OPEN:
        rows = rows.filter(state__in=OPEN)
    elif only.state:
        rows = rows.filter(state=only.state.value)
    if only.severity:
        rows = rows.filter(severity=only.severity)
    if only.since:
        rows = rows.filter(began_at__gte=only.since)
    if only.until:
        rows = rows.filter(began_at__lt=only.until)
    return list_rows(
        request,
        rows,
        OutageOut,
        cut,
        order=("began_at", "id"),
        newest_first=True,
        prepare=lambda part: _shown(request, part),
    )


@router.post("/outages", response={201: OutageWhole})
def propose_outage(request: HttpRequest, body: OutageIn) -> Any:
    """It may be an outage; nobody is told before it is confirmed."""
    made = actions.propose_outage(
        brand_id=body.brand_id,
        title=body.title,
        parts=_parts(body),
        severity=body.severity,
        began_at=body.began_at,
        **_doing(request),
    )
    return Status(201, _whole(request, made.pk))


@router.get("/outages/{outage_id}", response=OutageWhole)
def read_outage(request: HttpRequest, outage_id: UUID) -> Any:
    """One outage with what was told of it."""
    one(_readable(request), id=outage_id)
    return _whole(request, outage_id)


@router.patch("/outages/{outage_id}", response=OutageWhole)
def edit_outage(request: HttpRequest, outage_id: UUID, body: OutageFields) -> Any:
    """Change what is noted of it, and who has which role."""
    actions.edit_outage(outage_id=outage_id, fields=body.dict(exclude_unset=True), **_doing(request))
    return _whole(request, outage_id)


@router.post("/outages/{outage_id}/confirm", response=OutageWhole)
def confirm_outage(request: HttpRequest, outage_id: UUID, body: RolesIn) -> Any:
    """It is one. The first update is due within ten minutes."""
    actions.confirm_outage(outage_id=outage_id, **body.dict(), **_doing(request))
    return _whole(request, outage_id)


@router.post("/outages/{outage_id}/withdraw", response=OutageWhole)
def withdraw_outage(request: HttpRequest, outage_id: UUID, body: Withdrawal) -> Any:
    """There was no fault; whoever was told of one is told so."""
    actions.withdraw_outage(outage_id=outage_id, texts=body.texts or None, **_doing(request))
    return _whole(request, outage_id)


@router.put("/outages/{outage_id}/parts", response=OutageWhole)
def set_failed_parts(request: HttpRequest, outage_id: UUID, body: PartsIn) -> Any:
    """Say what fails; whom that touches is worked out anew, and nobody is told by it."""
    actions.set_failed_parts(outage_id=outage_id, parts=_parts(body), **_doing(request))
    return _whole(request, outage_id)


@router.get("/outages/{outage_id}/customers", response=Listing[AffectedOut])
def list_affected(request: HttpRequest, outage_id: UUID, cut: Query[Cut]) -> Any:
    """Customers that it touches, or touched."""
    outage = one(_inside(request), id=outage_id)
    rows = Affected.objects.filter(outage=outage).select_related("customer")
    return list_rows(request, rows, AffectedOut, cut, prepare=lambda part: [_affected(row) for row in part])


@router.get("/outages/{outage_id}/told", response=Listing[ToldOut])
def list_told(request: HttpRequest, outage_id: UUID, cut: Query[Cut]) -> Any:
    """The report: each message to each contact about each update, with its route and what became of it; also as CSV."""
    outage = one(_inside(request), id=outage_id)
    rows = Delivery.objects.filter(
        subject_kind="outage", subject_id=str(outage.pk), recipient_kind__in=("contact", "subscriber")
    )

    def prepare(part: list[Delivery]) -> Sequence[object]:
        known = {line.delivery_id: line for line in report.told(outage.pk, ids=[row.id for row in part])}
        return [known[row.id] for row in part if row.id in known]

    return list_rows(request, rows, ToldOut, cut, prepare=prepare)


# ---- What is told ---------------------------------------------------------------------------------------------------


@router.post("/outages/{outage_id}/updates", response={201: UpdateOut})
def write_update(request: HttpRequest, outage_id: UUID, body: UpdateIn) -> Any:
    """The next word. It is published at once where the caller may approve it, or where it is a template's words as they stand."""
    return Status(201, actions.write_update(outage_id=outage_id, **body.dict(), **_doing(request)))


@router.post("/outages/{outage_id}/preview", response=PreviewOut)
def preview_update(request: HttpRequest, outage_id: UUID, body: UpdateIn) -> Any:
    """What writing that would become: who reads what, how many they are, how long it takes, what it costs. Nothing is kept."""
    outage = one(readable(request, "write_update", _rows()), id=outage_id)
    texts = body.texts
    if not texts and body.template_id is not None:
        rows = StatementTemplate.objects.filter(brand=outage.brand, removed_at=None)
        texts = one(rows, id=body.template_id).texts
    at = clock.now()
    draft = Draft(
        body.state,
        texts,
        body.next_at or queries.usual_next(outage, at),
        body.estimate_at,
        quiet=body.quiet,
        corrects=body.corrects_id is not None,
    )
    return _previewed(preview_of(outage, draft, at), at)


@router.post("/outages/{outage_id}/no-change", response=OutageWhole)
def say_no_change(request: HttpRequest, outage_id: UUID, body: NoChange) -> Any:
    """Nothing has changed: the shortest update."""
    actions.say_no_change(outage_id=outage_id, due_at=body.due_at, **_doing(request))
    return _whole(request, outage_id)


@router.post("/outage-updates/{update_id}/approve", response=UpdateOut)
def approve_update(request: HttpRequest, update_id: UUID) -> Any:
    """What waited is published. Who may hangs on the outage's severity."""
    return actions.approve_update(update_id=update_id, **_doing(request))


@router.post("/outage-updates/{update_id}/drop", response=UpdateOut)
def drop_update(request: HttpRequest, update_id: UUID) -> Any:
    """What waits is not published."""
    return actions.drop_update(update_id=update_id, **_doing(request))


# ---- Words, rules, wishes -------------------------------------------------------------------------------------------


@router.get("/statements", response=Listing[StatementOut])
def list_statements(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Words for 4 AM."""
    rows = readable(request, "read_outage_room", StatementTemplate.objects.filter(removed_at=None))
    return list_rows(request, rows, StatementOut, cut)


@router.post("/statements", response={201: StatementOut})
def make_statement(request: HttpRequest, body: StatementIn) -> Any:
    """Keep one."""
    return Status(201, actions.save_statement_template(**body.dict(), **_doing(request)))


@router.put("/statements/{statement_id}", response=StatementOut)
def save_statement(request: HttpRequest, statement_id: Id, body: StatementFields) -> Any:
    """Change one."""
    rows = StatementTemplate.objects.filter(removed_at=None)
    row = one(readable(request, "save_statement_template", rows), id=statement_id)
    return actions.save_statement_template(brand_id=row.brand_id, template_id=row.pk, **body.dict(), **_doing(request))


@router.delete("/statements/{statement_id}", response={204: None})
def remove_statement(request: HttpRequest, statement_id: Id) -> Any:
    """Offer it no more; refused while a rule sends it."""
    actions.remove_statement_template(template_id=statement_id, **_doing(request))
    return Status(204, None)


@router.get("/confirm-rules", response=Listing[ConfirmRuleOut])
def list_confirm_rules(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Alarms that confirm an outage by themselves."""
    rows = readable(request, "read_outage_room", ConfirmRule.objects.filter(removed_at=None))
    return list_rows(request, rows, ConfirmRuleOut, cut)


@router.post("/confirm-rules", response={201: ConfirmRuleOut})
def make_confirm_rule(request: HttpRequest, body: ConfirmRuleIn) -> Any:
    """Let alarms about some parts confirm an outage; its holding statement goes out at once."""
    return Status(201, actions.save_confirm_rule(**body.dict(), **_doing(request)))


@router.delete("/confirm-rules/{rule_id}", response={204: None})
def remove_confirm_rule(request: HttpRequest, rule_id: Id) -> Any:
    """A person confirms these again."""
    actions.remove_confirm_rule(rule_id=rule_id, **_doing(request))
    return Status(204, None)


@router.get("/brands/{brand_id}/outage-rules", response=OutageRulesOut)
def read_outage_rules(request: HttpRequest, brand_id: Id) -> Any:
    """How a brand tells of outages."""
    brand = one(readable(request, "read_outage_room", Brand.objects.all(), "id"), id=brand_id)
    return queries.rules_of(brand.pk)


@router.put("/brands/{brand_id}/outage-rules", response=OutageRulesOut)
def save_outage_rules(request: HttpRequest, brand_id: Id, body: OutageRulesIn) -> Any:
    """Change who approves, who is asked when it is late, and how often the next word is due."""
    return actions.save_outage_rules(brand_id=brand_id, fields=body.dict(exclude_unset=True), **_doing(request))


@router.get("/customers/{customer_id}/wishes", response=Listing[WishOut])
def list_wishes(request: HttpRequest, customer_id: Id, cut: Query[Cut]) -> Any:
    """How the customer and its contacts want to hear of outages."""
    customer = one(readable(request, "read_customers", Customer.objects.all()), id=customer_id)
    return list_rows(request, Wish.objects.filter(customer=customer), WishOut, cut)


@router.put("/customers/{customer_id}/wishes", response=WishOut)
def save_wish(request: HttpRequest, customer_id: Id, body: WishIn) -> Any:
    """Say how a contact, or everybody of the customer, hears of outages; an earlier wish of the same is replaced."""
    values = body.dict() | {"min_effect": EFFECTS.index(body.min_effect)}
    return wish_actions.save_wish(customer_id=customer_id, **values, **_doing(request))


@router.delete("/wishes/{wish_id}", response={204: None})
def remove_wish(request: HttpRequest, wish_id: Id) -> Any:
    """They hear again as everybody does who said nothing."""
    wish_actions.remove_wish(wish_id=wish_id, **_doing(request))
    return Status(204, None)


@router.get("/customers/{customer_id}/unsubscribe-requests", response=Listing[UnsubscribeRequestOut])
def list_unsubscribe_requests(request: HttpRequest, customer_id: Id, cut: Query[Cut]) -> Any:
    """Which of the customer's addresses readers asked to be left alone, newest first, and what was decided."""
    customer = one(readable(request, "read_customers", Customer.objects.all()), id=customer_id)
    rows = UnsubscribeRequest.objects.filter(contact__customer=customer).order_by("-asked_at", "-id")
    return list_rows(request, rows, UnsubscribeRequestOut, cut, newest_first=True)


@router.post("/unsubscribe-requests/{unsubscribe_id}", response=UnsubscribeRequestOut)
def decide_unsubscribe(request: HttpRequest, unsubscribe_id: Id, body: UnsubscribeDecision) -> Any:
    """Say what the owner of the address says: it gets no more notices, or goes on getting them."""
    return unsubscribe_actions.decide_unsubscribe(request_id=unsubscribe_id, agreed=body.agreed, **_doing(request))


# ---- Beneath --------------------------------------------------------------------------------------------------------


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


def _rows() -> QuerySet[Outage]:
    return Outage.objects.select_related("brand", "lead", "fixer", "voice")


def _readable(request: HttpRequest) -> QuerySet[Outage]:
    """Those that the caller may see; a proposal is nothing that was published."""
    rows = readable(request, "read_outages", _rows())
    proposed = [
        brand
        for brand in rows.filter(state=State.PROPOSED).order_by().values_list("brand", flat=True).distinct()
        if not may(actor_of(request), "read_outage_room", brand)
    ]
    return rows.exclude(state=State.PROPOSED, brand__in=proposed) if proposed else rows


def _inside(request: HttpRequest) -> QuerySet[Outage]:
    return readable(request, "read_outage_room", _rows())


def _parts(body: PartsIn) -> dict[int, int]:
    return {part.part_id: EFFECTS.index(part.effect) for part in body.parts}


def _affected(row: Affected) -> dict[str, Any]:
    told = row.effect_told
    return {
        "customer": row.customer,
        "effect": EFFECTS[row.effect],
        "worst": EFFECTS[row.worst],
        "services": row.services,
        "since": row.since,
        "effect_told": EFFECTS[told] if told is not None else None,
        "ticket_number": row.ticket_number,
    }


def _previewed(seen: Preview, at: datetime) -> dict[str, Any]:
    return {
        **{
            name: getattr(seen, name)
            for name in (
                "people", "customers", "mails", "texts", "browsers", "programs", "text_parts", "is_counted", "seconds",
                "diverted", "untold_customers",
            )
        },
        "cost": str(seen.cost.price) if seen.cost else None,
        "currency": seen.cost.currency if seen.cost else None,
        "spoken": outage_heard(seen.update, at),
        "warnings": list(seen.unsupported),
        "samples": [
            {
                **{
                    name: getattr(each, name)
                    for name in ("language", "channel", "count", "reader", "title", "text", "parts", "is_cut")
                },
                "effect": EFFECTS[each.effect] if each.effect is not None else None,
            }
            for each in seen.samples
        ],
    }  # fmt: skip


def _shown(request: HttpRequest, part: list[Outage]) -> list[dict[str, Any]]:
    """As the caller may see them."""
    latest = queries.latest_updates([row.pk for row in part])
    found = []
    for row in part:
        inside = may(actor_of(request), "read_outage_room", row.brand_id)
        common = (
            "id", "name", "brand", "state", "public", "public_title", "began_at", "confirmed_at", "resolved_at",
            "estimate_at", "next_update_at",
        )  # fmt: skip
        ours = ("severity", "title", "cause", "origin", "page_id", "lead", "fixer", "voice")
        hidden = {"severity": None, "page_id": None, "lead": None, "fixer": None, "voice": None}
        told = latest.get(row.pk)
        found.append(
            {name: getattr(row, name) for name in common}
            | {name: getattr(row, name) if inside else hidden.get(name, "") for name in ours}
            | {"customers": queries.affected_count(row.pk) if inside else None, "latest": told.texts if told else {}}
        )
    return found


def _whole(request: HttpRequest, outage_id: UUID) -> dict[str, Any]:
    row = queries.outage(outage_id)
    inside = may(actor_of(request), "read_outage_room", row.brand_id)
    updates: list[Any] = list(queries.updates_of(row.pk))
    if not inside:
        updates = [_published(each) for each in updates if each.published_at is not None]
    failed = FailedPart.objects.filter(outage=row).select_related("part") if inside else ()
    return _shown(request, [row])[0] | {
        "failed": [{"part": each.part, "key": each.part.key, "effect": EFFECTS[each.effect]} for each in failed],
        "updates": updates,
    }


def _published(update: Update) -> dict[str, Any]:
    """What was published, without who wrote and approved it."""
    names = ("id", "number", "kind", "state", "texts", "quiet", "next_at", "estimate_at", "corrects_id", "published_at")
    return {name: getattr(update, name) for name in names} | {
        "written_by": "", "written_at": update.published_at, "approved_by": "", "approved_at": None, "hold_at": None,
        "dropped_at": None, "people": 0,
    }  # fmt: skip
