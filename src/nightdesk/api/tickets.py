"""Tickets: what customers came with, what was said, and who works on it."""

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import BoughtOut, Id, Instant, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.customers.priority import Priority
from nightdesk.desk import actions, queries
from nightdesk.desk.decide import OPEN
from nightdesk.desk.models import Attachment, Entry, Ticket

router = Router(tags=["tickets"])

Impact = Literal["high", "medium", "low"]
Kind = Literal["incident", "request"]
ContactKind = Literal["first_response", "question", "site_visit", "resolution"]
PendingReason = Literal["awaiting_caller", "awaiting_change", "awaiting_problem", "awaiting_supplier"]


def example(**fields: Any) -> ConfigDict:
    """The configuration of a body that takes no more than it names, with what it may look like."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


# --- Out -------------------------------------------------------------------------------------------------------------


class TicketOut(Schema):
    """`tag` stands in the subject of its mails. `owner` is the desk, whoever works on it (`level`, `team`, `assignee`).

    While it is open, `next_step` happens by `next_step_at`; the customer sees both. `merged_into_id`: where its story goes
    on. `trust`: how sure it is that who seems to have asked did ask. `needs_proof`: it is not done before `proved_at`.
    """

    id: UUID
    brand: Named
    number: int
    tag: str
    kind: Kind
    state: Literal["new", "assigned", "in_progress", "pending", "resolved", "closed", "cancelled"]
    pending_reason: str
    title: str
    customer: Named | None
    contact: Named | None
    requester_name: str
    requester_address: str
    trust: Literal["verified", "unverified", "staff", "machine"]
    service: Named | None
    subscription: BoughtOut | None
    work_type: str
    impact: Impact
    urgency: Impact
    priority: Priority
    owner: Named | None
    level: Literal["1", "2", "3", "supplier"]
    team: Named | None
    assignee: Named | None
    queue: Named | None
    tags: list[str]
    major: bool
    parent_id: UUID | None
    merged_into_id: UUID | None
    next_step: str
    next_step_at: datetime | None
    needs_proof: bool
    proved_at: datetime | None
    came_by: str
    opened_at: datetime
    changed_at: datetime
    first_response_at: datetime | None
    customer_wrote_at: datetime | None
    we_wrote_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    reopened: int
    what_was_wrong: str
    what_was_done: str
    what_to_do: str

    @staticmethod
    def resolve_priority(ticket: Ticket) -> str:
        """P1 to P5; the row keeps the number."""
        return f"P{ticket.priority}"


class PartyOut(Schema):
    """Who is written to; one who was `removed` is not, whatever mails say."""

    address: str
    name: str
    role: Literal["requester", "cc", "removed"]


class TicketWhole(TicketOut):
    """With who is written to, who watches it, and the story so far in plain text, so that nothing is asked twice."""

    parties: list[PartyOut]
    watchers: list[Named]
    old_numbers: list[str]
    story_so_far: str

    @staticmethod
    def resolve_watchers(ticket: Ticket) -> list[Any]:
        """Persons."""
        return [watch.person for watch in ticket.watches.select_related("person").order_by("person__name")]

    @staticmethod
    def resolve_old_numbers(ticket: Ticket) -> list[str]:
        """Where it was imported from."""
        return list(ticket.old_numbers.order_by("text").values_list("text", flat=True))

    @staticmethod
    def resolve_story_so_far(ticket: Ticket) -> str:
        """For whoever takes it over."""
        return queries.story_so_far(ticket)


class AttachmentOut(Schema):
    """`scan`: what the virus scanner said; one that is `waiting` or `refused` cannot be downloaded."""

    id: UUID
    name: str
    media_type: str
    size: int
    inline: bool
    scan: Literal["unscanned", "waiting", "clean", "refused"]
    scanned_as: str


class TicketEntryOut(Schema):
    """One thing that was said or happened. `public`: the customer may see it. `facts`: what became of state and the like."""

    id: UUID
    ticket_id: UUID
    at: datetime
    kind: Literal["message_in", "message_out", "note", "call", "moved", "changed", "linked", "system"]
    public: bool
    by_kind: str
    by_name: str
    via: str
    text: str
    html: str
    mail_id: UUID | None
    contact_kind: str
    automatic: bool
    facts: dict[str, Any]
    attachments: list[AttachmentOut]

    @staticmethod
    def resolve_attachments(entry: Entry) -> list[Attachment]:
        """In the order in which they came."""
        return list(entry.attachments.all())


# --- In --------------------------------------------------------------------------------------------------------------


class TicketState(StrEnum):
    """`open` is new, assigned, in progress or pending."""

    OPEN = "open"
    NEW = "new"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class TicketFilter(Schema):
    """Fields that are not given leave the list whole; the span of `opened_at` is half-open: [`since`, `until`)."""

    state: TicketState | None = None
    kind: Kind | None = None
    priority: Priority | None = None
    number: Id | None = None
    tag: str | None = Field(None, max_length=40)
    brand_id: Id | None = None
    customer_id: Id | None = None
    contact_id: Id | None = None
    service_id: Id | None = None
    queue_id: Id | None = None
    team_id: Id | None = None
    assignee_id: Id | None = None
    unassigned: bool | None = Field(None, description="Whether nobody has it.")
    parent_id: UUID | None = Field(None, description="Children of this major incident.")
    since: Instant | None = None
    until: Instant | None = None


class FileIn(Schema):
    """A file to attach; a body may have 2 MB at most."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200)
    media_type: str = Field("application/octet-stream", max_length=127)
    content: str = Field(description="The bytes in base64 (RFC 4648).")


class Said(Schema):
    """What somebody says."""

    text: str = Field("", max_length=actions.LONGEST_TEXT)
    files: list[FileIn] = Field([], max_length=actions.MOST_FILES)

    def words(self) -> actions.Words:
        """As the verbs take them. Raises Invalid for a file that is not base64."""
        return actions.Words(self.text, files=[_file(one) for one in self.files])


class TicketIn(Said):
    """A ticket that somebody came with. `text`: what they said. Without a next step somebody looks at it in the time that
    the contract promises. `wakes` false: nobody is paged for it, whatever the contract lets wake.
    """

    model_config = example(
        brand_id=1,
        title="The line is slow",
        text="It crawls since nine.",
        customer_id=1,
        impact="medium",
        urgency="high",
    )
    brand_id: Id
    kind: Kind = "incident"
    title: str = Field(min_length=1, max_length=300)
    customer_id: Id | None = None
    contact_id: Id | None = None
    requester_address: str = Field("", max_length=320)
    requester_name: str = Field("", max_length=200)
    service_id: Id | None = None
    subscription_id: Id | None = None
    work_type: str = Field("", max_length=60)
    impact: Impact = "medium"
    urgency: Impact = "medium"
    queue_id: Id | None = None
    tags: list[str] = Field([], max_length=30)
    needs_proof: bool = False
    next_step: str = Field("", max_length=300)
    next_step_at: Instant | None = None
    follows_id: UUID | None = None
    wakes: bool = True


class TicketEdit(Schema):
    """Only what is given changes; the priority follows impact and urgency, the service which of theirs it is about
    (`subscription_id`).
    """

    model_config = example(impact="high", tags=["fibre"])
    title: str | None = Field(None, min_length=1, max_length=300)
    kind: Kind | None = None
    impact: Impact | None = None
    urgency: Impact | None = None
    service_id: Id | None = None
    subscription_id: Id | None = None
    customer_id: Id | None = None
    contact_id: Id | None = None
    queue_id: Id | None = None
    tags: list[str] | None = Field(None, max_length=30)
    work_type: str | None = Field(None, max_length=60)
    needs_proof: bool | None = None


class MessageIn(Said):
    """What the customer's side said, taken down. `address` and `name` are the speaker's, where they are no contact."""

    model_config = example(text="It works again, but slowly.", name="Kim Baker")
    address: str = Field("", max_length=320)
    name: str = Field("", max_length=200)


class ReplyIn(Said):
    """What is written to the customer. `then` "wait": it waits for their answer. `contact_kind`: level 2 and 3 say why
    they write themselves. `by_phone`: they have heard it, and nothing is sent. `why_now`: why it is not held till the opening.
    `seen_id`: the last entry that you have seen; where somebody has written since, it is refused.
    """

    model_config = example(text="Since when?", then="wait")
    contact_kind: ContactKind | Literal[""] = ""
    by_phone: bool = False
    then: Literal["", "wait"] = ""
    why_now: str = Field("", max_length=300)
    seen_id: UUID | None = None
    next_step: str = Field("", max_length=300)
    next_step_at: Instant | None = None


class TicketNote(Said):
    """Words among ourselves. Whoever is mentioned is told, and watches the ticket."""

    model_config = example(text="The optic was swapped last year.", mentions=[7])
    mentions: list[Id] = Field([], max_length=50)


class AssignIn(Schema):
    """Who is to work on it; with neither it lies in its queue again."""

    model_config = example(person_id=7)
    person_id: Id | None = None
    team_id: Id | None = None


class EscalateIn(Schema):
    """The team that knows more, and why."""

    model_config = example(team_id=2, why="The router has to be looked at.")
    team_id: Id
    person_id: Id | None = None
    why: str = Field(min_length=1, max_length=2000)
    next_step: str = Field("", max_length=300)
    next_step_at: Instant | None = None


class RaiseIn(Schema):
    """Why somebody with more authority should know; without a person it is the team's manager."""

    model_config = example(why="They ask for the third time.")
    why: str = Field(min_length=1, max_length=2000)
    person_id: Id | None = None


class WaitIn(Schema):
    """For whom it waits, and when that is looked at."""

    model_config = example(
        reason="awaiting_supplier", next_step="Ask the carrier again", next_step_at="2026-11-15T09:00:00Z"
    )
    reason: PendingReason
    next_step: str = Field(min_length=1, max_length=300)
    next_step_at: Instant


class ResolveIn(Schema):
    """What the customer is told; `tell` false: they are not. `contact_kind`, `why_now` and `seen_id` as in a reply."""

    model_config = example(
        what_was_wrong="A bent fibre.",
        what_was_done="We straightened it.",
        what_to_do="Nothing; write if it comes back.",
    )
    what_was_wrong: str = Field(min_length=1, max_length=4000)
    what_was_done: str = Field(min_length=1, max_length=4000)
    what_to_do: str = Field(min_length=1, max_length=4000)
    contact_kind: ContactKind | Literal[""] = ""
    why_now: str = Field("", max_length=300)
    seen_id: UUID | None = None
    tell: bool = True


class WhyIn(Schema):
    """The reason."""

    model_config = example(why="It is down again.")
    why: str = Field(min_length=1, max_length=2000)


class NextStepIn(Schema):
    """What happens next, and by when; the customer sees both."""

    model_config = example(next_step="Swap the optic", next_step_at="2026-11-14T09:00:00Z")
    next_step: str = Field(min_length=1, max_length=300)
    next_step_at: Instant


class ProofIn(Schema):
    """How it is known that whoever asked may ask; `approver_id` is a contact of theirs who may approve."""

    model_config = example(how="call_back", said="On the number on record")
    how: Literal["call_back", "approver"]
    approver_id: Id | None = None
    said: str = Field("", max_length=300)


class WatcherIn(Schema):
    """Who is to hear of it."""

    model_config = example(person_id=7)
    person_id: Id


class PartyIn(Schema):
    """Who is to be written to, or with "removed" no more."""

    model_config = example(address="rod@example.net", name="Rod", role="cc")
    address: str = Field(min_length=3, max_length=320)
    name: str = Field("", max_length=200)
    role: Literal["requester", "cc", "removed"]


# --- Operations ------------------------------------------------------------------------------------------------------


@router.get("/tickets", response=Listing[TicketOut])
def list_tickets(request: HttpRequest, cut: Query[Cut], only: Query[TicketFilter]) -> Any:
    """Tickets, the newest first."""
    more = {"state", "priority", "tag", "unassigned", "since", "until"}
    rows = _readable(request).filter(**only.dict(exclude_none=True, exclude=more))
    if only.state is TicketState.OPEN:
        rows = rows.filter(state__one_of=OPEN, merged_into=None)
    elif only.state:
        rows = rows.filter(state=only.state.value)
    if only.priority:
        rows = rows.filter(priority=int(only.priority.removeprefix("P")))
    if only.tag:
        rows = rows.filter(tags__contains=[only.tag.lower()])
    if only.unassigned is not None:
        rows = rows.filter(assignee__isnull=only.unassigned)
    if only.since:
        rows = rows.filter(opened_at__gte=only.since)
    if only.until:
        rows = rows.filter(opened_at__lt=only.until)
    return list_rows(request, rows, TicketOut, cut, order=("opened_at", "id"), newest_first=True)


@router.post("/tickets", response={201: TicketWhole})
def open_ticket(request: HttpRequest, body: TicketIn) -> Any:
    """Open a ticket for what somebody came with. Where the contract lets this priority wake somebody, it does."""
    words = body.words() if body.text.strip() or body.files else None
    fields = body.dict(exclude={"text", "files"})
    return Status(201, actions.open_ticket(words=words, **fields, **_doing(request)))


@router.get("/tickets/{ticket_id}", response=TicketWhole)
def read_ticket(request: HttpRequest, ticket_id: UUID) -> Any:
    """One ticket, with who is written to and the story so far."""
    return one(_readable(request), id=ticket_id)


@router.patch("/tickets/{ticket_id}", response=TicketWhole)
def edit_ticket(request: HttpRequest, ticket_id: UUID, body: TicketEdit) -> Any:
    """Change what is given; null takes a service, customer, contact or queue away."""
    fields = body.dict(exclude_unset=True)
    missing = next((name for name, value in fields.items() if value is None and not name.endswith("_id")), None)
    if missing is not None:
        raise Invalid(
            _("A ticket was to change."),
            _("Its {name} cannot be nothing.").format(name=missing),
            _("Leave it out."),
            field=missing,
        )
    return actions.edit_ticket(ticket_id=ticket_id, fields=fields, **_doing(request))


@router.get("/tickets/{ticket_id}/story", response=Listing[TicketEntryOut])
def read_ticket_story(request: HttpRequest, ticket_id: UUID, cut: Query[Cut]) -> Any:
    """All that was said and done, the first thing first; also on tickets that were merged into it."""
    ticket = one(_readable(request), id=ticket_id)
    return list_rows(request, queries.story_of(ticket), TicketEntryOut, cut, order=("at", "id"))


@router.get(
    "/attachments/{attachment_id}",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file's bytes, as what it says it is",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def read_attachment_file(request: HttpRequest, attachment_id: UUID) -> HttpResponse:
    """Download an attached file. One that the virus scanner has not passed is refused."""
    rows = Attachment.objects.select_related("entry")
    file = one(readable(request, "read_tickets", rows, "entry__ticket__brand_id"), id=attachment_id)
    answer = HttpResponse(queries.file_of(file), content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@router.post("/tickets/{ticket_id}/messages", response={201: TicketWhole})
def take_message(request: HttpRequest, ticket_id: UUID, body: MessageIn) -> Any:
    """Take down what the customer said. It goes on where it waited for them, and is open again where it was resolved;
    what was closed long ago stays, and the answer is a new ticket that follows it.
    """
    fields = {"address": body.address, "name": body.name, **_doing(request)}
    return Status(201, actions.take_message(ticket_id=ticket_id, words=body.words(), **fields))


@router.post("/tickets/{ticket_id}/reply", response={201: TicketEntryOut})
def reply_to_customer(request: HttpRequest, ticket_id: UUID, body: ReplyIn) -> Any:
    """Write to the customer. Out of hours it is held till the opening where their contract answers nothing then."""
    fields = body.dict(exclude={"text", "files"})
    return Status(201, actions.reply_to_customer(ticket_id=ticket_id, words=body.words(), **fields, **_doing(request)))


@router.post("/tickets/{ticket_id}/notes", response={201: TicketEntryOut})
def note_ticket(request: HttpRequest, ticket_id: UUID, body: TicketNote) -> Any:
    """Write a note among ourselves; it never leaves."""
    words = body.words()
    return Status(201, actions.note_ticket(ticket_id=ticket_id, words=words, mentions=body.mentions, **_doing(request)))


@router.post("/tickets/{ticket_id}/assign", response=TicketWhole)
def assign_ticket(request: HttpRequest, ticket_id: UUID, body: AssignIn) -> Any:
    """Give it to a person, a team or both; the desk stays its owner."""
    return actions.assign_ticket(ticket_id=ticket_id, **body.dict(), **_doing(request))


@router.post("/tickets/{ticket_id}/escalate", response=TicketWhole)
def escalate_functionally(request: HttpRequest, ticket_id: UUID, body: EscalateIn) -> Any:
    """Have a team that knows more work on it. It is told the story so far."""
    return actions.escalate_functionally(ticket_id=ticket_id, **body.dict(), **_doing(request))


@router.post("/tickets/{ticket_id}/raise", response=TicketWhole)
def escalate_hierarchically(request: HttpRequest, ticket_id: UUID, body: RaiseIn) -> Any:
    """Bring it before a manager. Who works on it does not change."""
    return actions.escalate_hierarchically(ticket_id=ticket_id, **body.dict(), **_doing(request))


@router.post("/tickets/{ticket_id}/start", response=TicketWhole)
def start_ticket(request: HttpRequest, ticket_id: UUID) -> Any:
    """Work on it begins, or goes on."""
    return actions.start_ticket(ticket_id=ticket_id, **_doing(request))


@router.post("/tickets/{ticket_id}/wait", response=TicketWhole)
def wait_ticket(request: HttpRequest, ticket_id: UUID, body: WaitIn) -> Any:
    """Wait for somebody."""
    return actions.wait_ticket(ticket_id=ticket_id, **body.dict(), **_doing(request))


@router.post("/tickets/{ticket_id}/resolve", response=TicketWhole)
def resolve_ticket(request: HttpRequest, ticket_id: UUID, body: ResolveIn) -> Any:
    """It is solved; the customer is told what was wrong, what was done and what to do."""
    return actions.resolve_ticket(ticket_id=ticket_id, **body.dict(), **_doing(request))


@router.post("/tickets/{ticket_id}/close", response=TicketWhole)
def close_ticket(request: HttpRequest, ticket_id: UUID) -> Any:
    """What was resolved is over."""
    return actions.close_ticket(ticket_id=ticket_id, **_doing(request))


@router.post("/tickets/{ticket_id}/cancel", response=TicketWhole)
def cancel_ticket(request: HttpRequest, ticket_id: UUID, body: WhyIn) -> Any:
    """It was none: a mistake, spam, or withdrawn before anybody began."""
    return actions.cancel_ticket(ticket_id=ticket_id, why=body.why, **_doing(request))


@router.post("/tickets/{ticket_id}/reopen", response=TicketWhole)
def reopen_ticket(request: HttpRequest, ticket_id: UUID, body: WhyIn) -> Any:
    """It is in progress again; what was closed for too long is followed by a new one instead."""
    return actions.reopen_ticket(ticket_id=ticket_id, why=body.why, **_doing(request))


@router.put("/tickets/{ticket_id}/next-step", response=TicketWhole)
def set_next_step(request: HttpRequest, ticket_id: UUID, body: NextStepIn) -> Any:
    """Say what happens next, and by when."""
    return actions.set_next_step(ticket_id=ticket_id, **body.dict(), **_doing(request))


@router.post("/tickets/{ticket_id}/proof", response=TicketWhole)
def prove_identity(request: HttpRequest, ticket_id: UUID, body: ProofIn) -> Any:
    """Say that somebody of ours made sure who asked."""
    return actions.prove_identity(ticket_id=ticket_id, **body.dict(), **_doing(request))


@router.post("/tickets/{ticket_id}/watchers", response={204: None})
def watch_ticket(request: HttpRequest, ticket_id: UUID, body: WatcherIn) -> Any:
    """Somebody hears of what happens to it."""
    actions.watch_ticket(ticket_id=ticket_id, person_id=body.person_id, **_doing(request))
    return Status(204, None)


@router.delete("/tickets/{ticket_id}/watchers/{person_id}", response={204: None})
def unwatch_ticket(request: HttpRequest, ticket_id: UUID, person_id: Id) -> Any:
    """They hear of it no more."""
    actions.unwatch_ticket(ticket_id=ticket_id, person_id=person_id, **_doing(request))
    return Status(204, None)


@router.put("/tickets/{ticket_id}/parties", response=PartyOut)
def set_party(request: HttpRequest, ticket_id: UUID, body: PartyIn) -> Any:
    """Write to somebody about it as well, or no more."""
    return actions.set_party(ticket_id=ticket_id, **body.dict(), **_doing(request))


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


def _file(given: FileIn) -> actions.File:
    try:
        content = base64.b64decode(given.content, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(
            _("A file {name} was to be attached.").format(name=given.name), _("Its content is not base64."),
            _("Encode the bytes as RFC 4648 has it."), field="files",
        ) from None  # fmt: skip
    return actions.File(given.name, given.media_type, content)


def _readable(request: HttpRequest) -> QuerySet[Ticket]:
    related = ("brand", "customer", "contact", "service", "subscription", "owner", "team", "assignee", "queue")
    rows = Ticket.objects.select_related(*related).prefetch_related("parties")
    return readable(request, "read_tickets", rows)
