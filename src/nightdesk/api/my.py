"""What a customer's contact does by a program: their own services, contract, people and tickets, inside the belt."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import translation
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import OWN_WAYS_IN, caller_of
from nightdesk.api.customers import StandingIn
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.outages import EFFECTS, Channel, UnsubscribeDecision, UnsubscribeRequestOut, WishOut
from nightdesk.api.scope import one
from nightdesk.api.service_figures import FigureReadingOut, reading_out
from nightdesk.api.values import BoughtOut, Day, Id, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound, NotSignedIn
from nightdesk.channels import endpoint_actions
from nightdesk.customers import actions as contacts
from nightdesk.customers import contact_actions
from nightdesk.customers.models import Contact
from nightdesk.customers.priority import Impact, Priority, Urgency
from nightdesk.customers.promised import Channels, Reason
from nightdesk.customers.queries import actor_of_contact, promised_now, require_for
from nightdesk.desk import actions, customer_actions
from nightdesk.desk.models import Ticket
from nightdesk.outages import link_actions, unsubscribe_actions, wish_actions
from nightdesk.outages.links import SHARED_FOR
from nightdesk.outages.published import OVER, is_late
from nightdesk.portal import belt, outage_queries, queries
from nightdesk.reports import service_report
from nightdesk.reports.incident_document import as_markdown
from nightdesk.reports.incident_writing import for_customer

router = Router(tags=["my"], auth=OWN_WAYS_IN)


class MyTicketIn(Schema):
    """`impact`: who is touched; `urgency`: whether work can go on. `kind`: incident where something does not work.

    `needs_proof`: it changes who gets in, so that we make sure first who asks. `subscription_id`: which of your services it is
    about (`/my/services`); `service_id` where you cannot say which of several.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"title": "Cards are refused", "text": "The till says no since nine.", "impact": "high"}]
        },
    )
    title: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=50_000)
    kind: Ticket.Kind = Ticket.Kind.INCIDENT
    service_id: Id | None = None
    subscription_id: Id | None = None
    impact: Impact = Impact.MEDIUM
    urgency: Urgency = Urgency.MEDIUM
    needs_proof: bool = False


class MyWords(Schema):
    """What a contact says."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "It is dark again."}]})
    text: str = Field(min_length=1, max_length=50_000)


class MyTicketOut(Schema):
    """A ticket of the company. `next_step` and its time are what was promised; null once it is over. How it ended is empty
    until they have been told.
    """

    id: UUID
    number: int
    kind: str
    state: str
    pending_reason: str
    title: str
    service: Named | None
    subscription: BoughtOut | None
    requester_name: str
    opened_at: datetime
    changed_at: datetime
    next_step: str
    next_step_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    what_was_wrong: str
    what_was_done: str
    what_to_do: str

    @staticmethod
    def resolve_what_was_wrong(row: Any) -> str:
        """As they were told."""
        return row.what_was_wrong if row.ending_told else ""

    @staticmethod
    def resolve_what_was_done(row: Any) -> str:
        """As they were told."""
        return row.what_was_done if row.ending_told else ""

    @staticmethod
    def resolve_what_to_do(row: Any) -> str:
        """As they were told."""
        return row.what_to_do if row.ending_told else ""


class MyEntryOut(Schema):
    """One thing that was said, by them or by us."""

    id: UUID
    at: datetime
    by_name: str
    ours: bool
    text: str


class MyEscalationOut(Schema):
    """Whom it was brought before, and by when they answer."""

    id: UUID
    at: datetime
    manager_name: str
    answer_by: datetime


class MyServiceOut(Schema):
    """A service that the company buys."""

    id: int
    service: Named
    label: str


class MyContactOut(Schema):
    """Who speaks for the company. `standing`: viewer, member, manager, or "" for one who does not sign in."""

    id: int
    name: str
    email: str
    phone: str
    mobile: str
    role: str
    standing: str
    may_call: bool
    may_authorise: bool
    texted_at_night: bool


class MyContactIn(Schema):
    """A colleague, who is mailed a link that lets them in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Kim Baker", "email": "kim@example.com", "standing": "viewer"}]},
    )
    name: str = Field(min_length=1, max_length=120)
    email: str = Field(min_length=3, max_length=254)
    standing: Literal["viewer", "member", "manager"] = "member"
    phone: str = Field("", max_length=40)
    role: str = Field("", max_length=40)


class MyContactChanges(StandingIn):
    """What is known of a colleague, and what they may do; what is not given stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"role": "Night baker", "may_call": False}]}
    )
    name: str | None = Field(None, min_length=1, max_length=120)
    phone: str | None = Field(None, max_length=40)
    role: str | None = Field(None, max_length=40)
    texted_at_night: bool | None = None


class MyTouchOut(Schema):
    """What an outage does to one service: `effect` now (its worst, once `until` says that it is over), in words."""

    subscription_id: int
    service: Named
    label: str
    effect: Literal["works", "reduced", "degraded", "down"]
    since: datetime
    until: datetime | None
    words: str


class MyUpdateOut(Schema):
    """One update, as it was told. `corrected`: a newer one stands in its place."""

    kind: str
    state: str
    text: str
    published_at: datetime
    next_update_at: datetime | None
    estimate_at: datetime | None
    corrected: bool


class MyOutageOut(Schema):
    """An outage that touches your company. `update_late`: what was promised for `next_update_at` has not come.

    `updates` are newest first.
    """

    id: UUID
    number: int
    title: str
    state: str
    severity: str
    began_at: datetime
    resolved_at: datetime | None
    estimate_at: datetime | None
    next_update_at: datetime | None
    update_late: bool
    ticket_number: int | None
    services: list[MyTouchOut]
    updates: list[MyUpdateOut]


class MyReportOut(Schema):
    """What we say of an outage afterwards, in Markdown: your services, what you were told, why it was and what we do."""

    outage_id: UUID
    published_at: datetime
    version: int
    markdown: str


class MyOutagesCut(Cut):
    """Only those that are going on, or all."""

    open: bool = False


class MyLinkOut(Schema):
    """An address that shows this outage alone, without signing in, until `ends_at`."""

    address: str
    ends_at: datetime


class MyWishIn(Schema):
    """As a staff's wish for you; see `/customers/{id}/wishes`. No channel at all: never."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channels": ["email", "webhook"], "min_effect": "down"}]}
    )
    service_id: Id | None = None
    channels: list[Channel]
    min_effect: Literal["reduced", "degraded", "down"] = "reduced"
    texts_from: int | None = Field(None, ge=0, lt=1440)
    texts_until: int | None = Field(None, ge=0, le=1440)


class MyEndpointOut(Schema):
    """Where you are told besides mail and text."""

    id: UUID
    channel: str
    url: str
    label: str
    made_at: datetime
    gone_at: datetime | None


class MyHookIn(Schema):
    """An https address in the public network."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"url": "https://monitoring.example.com/nightdesk"}]}
    )
    url: str = Field(min_length=1, max_length=1000)


class MyHookOut(Schema):
    """`secret`: the key of HMAC-SHA256 over "<seconds>.<body>" in X-Nightdesk-Signature."""

    id: UUID
    url: str
    secret: str


class MyPromiseOut(Schema):
    """What is promised for something of this priority that is told now."""

    reason: Reason
    open_now: bool
    channels: Channels
    answer_from: datetime | None
    respond_by: datetime | None
    fix_by: datetime | None


class MyPeriod(Schema):
    """Both days are in it, by our clocks; a year at most."""

    first: Day
    last: Day


class MyFigures(Schema):
    """`counted_at`: up to when; null where nothing was counted yet."""

    first: date
    last: date
    counted_at: datetime | None
    items: list[FigureReadingOut]


class MyPriority(Schema):
    """How bad it is; P3 is the usual."""

    priority: Priority = Priority.P3


@router.get("/my/services", response=Listing[MyServiceOut])
def list_my_services(request: HttpRequest, cut: Query[Cut]) -> Any:
    """What your company buys."""
    return list_rows(request, queries.services_of(_me(request)), MyServiceOut, cut)


@router.get("/my/outages", response=Listing[MyOutageOut])
def list_my_outages(request: HttpRequest, cut: Query[MyOutagesCut]) -> Any:
    """Outages that touch what your company buys, newest first."""
    me = _me(request)
    rows = outage_queries.outages_of(me.customer_id)
    if cut.open:
        rows = rows.exclude(state__in=OVER)
    return list_rows(request, rows, MyOutageOut, cut, newest_first=True, prepare=lambda part: _outages(me, part))


@router.get("/my/outages/{outage_id}", response=MyOutageOut)
def read_my_outage(request: HttpRequest, outage_id: UUID) -> Any:
    """One outage."""
    me = _me(request)
    return _outages(me, [one(outage_queries.outages_of(me.customer_id), id=outage_id)])[0]


@router.get("/my/outages/{outage_id}/report", response=MyReportOut)
def read_my_report(request: HttpRequest, outage_id: UUID) -> Any:
    """The report of an outage, once it is there."""
    me = _me(request)
    language = me.language or me.customer.language
    mine = outage_queries.told(
        [one(outage_queries.outages_of(me.customer_id), id=outage_id)], me.customer_id, language, clock.now()
    )[0]
    edition = outage_queries.edition_of(outage_id)
    if edition is None:
        raise NotFound("A report was asked for.", "There is none yet.", "Look at the outage itself.")
    document = for_customer(outage_queries.report_for(mine, edition, language), zone=me.zone or me.customer.zone)
    return {
        "outage_id": outage_id,
        "published_at": edition.published_at,
        "version": edition.version,
        "markdown": as_markdown(document),
    }


@router.post("/my/outages/{outage_id}/link", response={201: MyLinkOut})
def share_my_outage(request: HttpRequest, outage_id: UUID) -> Any:
    """A link that shows this outage alone to whoever has it, for a week."""
    me = _me(request)
    one(outage_queries.outages_of(me.customer_id), id=outage_id)
    doing = _doing(me)
    address = belt.done(link_actions.share_outage, outage_id=outage_id, customer_id=me.customer_id, **doing)
    return 201, {"address": address, "ends_at": doing["at"] + SHARED_FOR}


@router.get("/my/figures", response=MyFigures)
def list_my_figures(request: HttpRequest, asked: Query[MyPeriod]) -> Any:
    """How we did for your company, by the formulas of docs/figures.md."""
    report = service_report.report_of(_me(request).customer, asked.first, asked.last, clock.now())
    return {
        "first": report.first,
        "last": report.last,
        "counted_at": report.counted_at,
        "items": [reading_out(one) for one in report.figures],
    }


@router.get("/my/promised", response=MyPromiseOut)
def read_my_promise(request: HttpRequest, asked: Query[MyPriority]) -> Any:
    """What is promised to your company now."""
    return promised_now(_me(request).customer_id, asked.priority, clock.now())


@router.get("/my/contacts", response=Listing[MyContactOut])
def list_my_contacts(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Who speaks for your company."""
    return list_rows(request, queries.people_of(_me(request)), MyContactOut, cut)


@router.post("/my/contacts", response={201: MyContactOut})
def invite_my_contact(request: HttpRequest, body: MyContactIn) -> Any:
    """Add a colleague and mail them the link of an invitation."""
    me = _me(request)
    doing, fields = _doing(me), body.dict()
    standing = fields.pop("standing")
    made = belt.done(contacts.make_contact, customer_id=me.customer_id, **fields, **doing)
    return 201, belt.done(contact_actions.invite_contact, contact_id=made.pk, standing=standing, **doing)


@router.patch("/my/contacts/{contact_id}", response=MyContactOut)
def change_my_contact(request: HttpRequest, contact_id: Id, body: MyContactChanges) -> Any:
    """Change what is known of a colleague, and what they may do."""
    me = _me(request)
    one(queries.people_of(me), id=contact_id)
    given: Any = body.dict(exclude_none=True)
    known: Any = {name: given.pop(name) for name in ("name", "phone", "role", "texted_at_night") if name in given}
    changes = {"known": known, "may_do": given}
    return belt.done(contact_actions.change_contact, contact_id=contact_id, **changes, **_doing(me))


@router.post("/my/contacts/{contact_id}/confirm", response=MyContactOut)
def confirm_my_contact(request: HttpRequest, contact_id: Id) -> Any:
    """A colleague still belongs to you: a viewer reads for another year."""
    me = _me(request)
    one(queries.people_of(me), id=contact_id)
    return belt.done(contact_actions.confirm_contact, contact_id=contact_id, **_doing(me))


@router.post("/my/contacts/{contact_id}/leave", response=MyContactOut)
def mark_my_contact_left(request: HttpRequest, contact_id: Id) -> Any:
    """A colleague has left: nothing of theirs opens anything any more."""
    me = _me(request)
    one(queries.people_of(me), id=contact_id)
    return belt.done(contact_actions.mark_contact_left, contact_id=contact_id, **_doing(me))


@router.get("/my/wishes", response=Listing[WishOut])
def list_my_wishes(request: HttpRequest, cut: Query[Cut]) -> Any:
    """How you hear of outages, and what holds for all of your company (without `contact_id`)."""
    return list_rows(request, queries.wishes_of(_me(request)), WishOut, cut)


@router.put("/my/wishes", response=WishOut)
def save_my_wish(request: HttpRequest, body: MyWishIn) -> Any:
    """Say how you hear of outages; an earlier wish about the same is replaced."""
    me = _me(request)
    values = body.dict() | {"min_effect": EFFECTS.index(body.min_effect)}
    return belt.done(wish_actions.save_wish, customer_id=me.customer_id, contact_id=me.pk, **values, **_doing(me))


@router.delete("/my/wishes/{wish_id}", response={204: None})
def remove_my_wish(request: HttpRequest, wish_id: Id) -> Any:
    """Hear again as everybody does who said nothing."""
    me = _me(request)
    row = one(queries.wishes_of(me).filter(contact=me.pk), id=wish_id)
    belt.done(wish_actions.remove_wish, wish_id=row.pk, **_doing(me))
    return 204, None


@router.get("/my/endpoints", response=Listing[MyEndpointOut])
def list_my_endpoints(request: HttpRequest, cut: Query[Cut]) -> Any:
    """The browser and the program that you are told by. `gone_at`: it said that it takes no more."""
    return list_rows(request, queries.endpoints_of(_me(request)), MyEndpointOut, cut)


@router.put("/my/webhook", response=MyHookOut)
def save_my_hook(request: HttpRequest, body: MyHookIn) -> Any:
    """Have a program of yours told; the secret that signs what it gets is new each time, and is told here alone."""
    me = _me(request)
    made, secret = belt.done(endpoint_actions.save_contact_hook, contact_id=me.pk, url=body.url, **_doing(me))
    return {"id": made.pk, "url": made.url, "secret": secret}


@router.delete("/my/endpoints/{channel}", response={204: None})
def remove_my_endpoint(request: HttpRequest, channel: Literal["push", "webhook"]) -> Any:
    """Nothing goes there any more."""
    me = _me(request)
    belt.done(endpoint_actions.remove_contact_endpoint, contact_id=me.pk, channel=channel, **_doing(me))
    return 204, None


@router.get("/my/unsubscribe-requests", response=Listing[UnsubscribeRequestOut])
def list_my_unsubscribe_requests(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Which of your addresses readers asked to be left alone, and what was decided; newest first."""
    rows = queries.unsubscribe_requests_of(_me(request))
    return list_rows(request, rows, UnsubscribeRequestOut, cut, newest_first=True)


@router.post("/my/unsubscribe-requests/{unsubscribe_id}", response=UnsubscribeRequestOut)
def decide_my_unsubscribe(request: HttpRequest, unsubscribe_id: Id, body: UnsubscribeDecision) -> Any:
    """Let the address hear no more, or let it go on."""
    me = _me(request)
    row = one(queries.unsubscribe_requests_of(me), id=unsubscribe_id)
    return belt.done(unsubscribe_actions.decide_unsubscribe, request_id=row.pk, agreed=body.agreed, **_doing(me))


@router.get("/my/tickets", response=Listing[MyTicketOut])
def list_my_tickets(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Your tickets, and your colleagues' by your company's rule; newest first."""
    rows = queries.with_ending(queries.tickets_of(_me(request)).filter(merged_into=None))
    return list_rows(request, rows, MyTicketOut, cut, newest_first=True)


@router.post("/my/tickets", response={201: MyTicketOut})
def open_my_ticket(request: HttpRequest, body: MyTicketIn) -> Any:
    """Tell us something."""
    me = _me(request)
    belt.done(require_for, actor_of_contact(me), "open_ticket", me.customer)
    if body.subscription_id is not None:
        one(queries.services_of(me), id=body.subscription_id)
    elif body.service_id is not None:
        one(queries.services_of(me), service_id=body.service_id)
    made = belt.done(
        actions.open_ticket,
        brand_id=me.customer.brand_id,
        kind=body.kind.value,
        title=body.title,
        words=actions.Words(body.text),
        customer_id=me.customer_id,
        contact_id=me.pk,
        trust="verified",
        service_id=body.service_id,
        subscription_id=body.subscription_id,
        impact=body.impact.value,
        urgency=body.urgency.value,
        needs_proof=body.needs_proof,
        **_doing(me),
    )
    return 201, _ticket(me, made.pk)


@router.get("/my/tickets/{ticket_id}", response=MyTicketOut)
def read_my_ticket(request: HttpRequest, ticket_id: UUID) -> Any:
    """One ticket."""
    return _ticket(_me(request), ticket_id)


@router.get("/my/tickets/{ticket_id}/story", response=list[MyEntryOut])
def read_my_story(request: HttpRequest, ticket_id: UUID) -> Any:
    """What was said, oldest first."""
    entries = queries.story_of(_ticket(_me(request), ticket_id), clock.now())
    return [
        {"id": each.pk, "at": each.at, "by_name": each.by_name, "ours": each.by_kind != "contact", "text": each.text}
        for each in entries
    ]


@router.post("/my/tickets/{ticket_id}/reply", response=MyTicketOut)
def reply_to_my_ticket(request: HttpRequest, ticket_id: UUID, body: MyWords) -> Any:
    """Say something more; a ticket that was closed long ago is followed by a new one, which comes back."""
    me = _may(request, "take_message", ticket_id)
    words = actions.Words(body.text)
    went_to = belt.done(actions.take_message, ticket_id=ticket_id, words=words, **_doing(me))
    return _ticket(me, went_to.pk)


@router.post("/my/tickets/{ticket_id}/close", response=MyTicketOut)
def close_my_ticket(request: HttpRequest, ticket_id: UUID) -> Any:
    """It works: what was solved is over."""
    me = _may(request, "close_ticket", ticket_id)
    belt.done(actions.close_ticket, ticket_id=ticket_id, **_doing(me))
    return _ticket(me, ticket_id)


@router.post("/my/tickets/{ticket_id}/reopen", response=MyTicketOut)
def reopen_my_ticket(request: HttpRequest, ticket_id: UUID, body: MyWords) -> Any:
    """It is not solved."""
    me = _may(request, "reopen_ticket", ticket_id)
    belt.done(actions.reopen_ticket, ticket_id=ticket_id, why=body.text, **_doing(me))
    return _ticket(me, ticket_id)


@router.post("/my/tickets/{ticket_id}/escalate", response=MyEscalationOut)
def escalate_my_ticket(request: HttpRequest, ticket_id: UUID, body: MyWords) -> Any:
    """Bring it before your service manager, who answers by the time that comes back."""
    me = _may(request, "ask_for_manager", ticket_id)
    return belt.done(customer_actions.ask_for_manager, ticket_id=ticket_id, why=body.text, **_doing(me))


def _me(request: HttpRequest) -> Contact:
    """Whose request it is. Raises NotSignedIn, also where the belt is not on: nothing may be read without it."""
    contact = caller_of(request).contact
    if contact is None or not belt.is_worn():
        raise NotSignedIn("A customer's things were asked for.", "No contact is known.", "Send a contact's token.")
    return contact


def _may(request: HttpRequest, verb: str, ticket_id: UUID) -> Contact:
    """The contact, where they see the ticket and their standing lets them do the verb. Raises NotFound, Forbidden."""
    me = _me(request)
    _ticket(me, ticket_id)
    belt.done(require_for, actor_of_contact(me), verb, me.customer)
    return me


def _ticket(me: Contact, ticket_id: UUID) -> Ticket:
    return one(queries.with_ending(queries.tickets_of(me)), id=ticket_id)


def _outages(me: Contact, rows: Sequence[Any]) -> list[dict[str, Any]]:
    at = clock.now()
    language = me.language or me.customer.language
    with translation.override(language):
        found = outage_queries.told(rows, me.customer_id, language, at)
    return [_outage(each, at) for each in found]


def _outage(mine: outage_queries.MyOutage, at: datetime) -> dict[str, Any]:
    outage = mine.outage
    return {
        "id": mine.id,
        "number": outage.number,
        "title": outage.title,
        "state": outage.state,
        "severity": outage.severity,
        "began_at": outage.began_at,
        "resolved_at": outage.resolved_at,
        "estimate_at": outage.estimate_at,
        "next_update_at": outage.next_at,
        "update_late": is_late(outage, at),
        "ticket_number": mine.ticket_number,
        "services": [
            {
                "subscription_id": each.subscription.pk,
                "service": each.subscription.service,
                "label": each.subscription.label,
                "effect": each.effect.name.lower(),
                "since": each.since,
                "until": each.until,
                "words": each.words,
            }
            for each in mine.services
        ],
        "updates": [
            {
                "kind": each.kind,
                "state": each.state,
                "text": each.text,
                "published_at": each.published_at,
                "next_update_at": each.next_at,
                "estimate_at": each.estimate_at,
                "corrected": each.corrected,
            }
            for each in outage.updates
        ],
    }


def _doing(me: Contact) -> dict[str, Any]:
    return {"by": actor_of_contact(me), "via": Door.API, "at": clock.now()}
