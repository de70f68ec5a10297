"""The bureau: clients, scripts, who is on call for them, messages with their proof, and counts by month."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import may
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Id, Instant, Named
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.calls import bureau_actions as actions
from nightdesk.calls import bureau_queries as queries
from nightdesk.calls import client_actions as clients
from nightdesk.calls import scripts
from nightdesk.calls.bureau_models import BureauClient, BureauMessage, ScriptVersion

router = Router(tags=["bureau"])

Seconds = Field(ge=30, le=86_400)
Key = Field(min_length=1, max_length=40)


def _doing(request: HttpRequest) -> dict[str, Any]:
    by: Actor = actor_of(request)
    return {"by": by, "via": Door.API, "at": clock.now()}


def _client(request: HttpRequest, client_id: int) -> BureauClient:
    rows = readable(request, "read_bureau", BureauClient.objects.select_related("brand"))
    return one(rows, id=client_id)


def _message(request: HttpRequest, message_id: UUID) -> BureauMessage:
    readable_brands(request, "read_bureau")
    return one(readable(request, "read_bureau", queries.messages(None), "client__brand_id"), id=message_id)


# --- Clients ---------------------------------------------------------------------------------------------------------


class ClientIn(Schema):
    """How a brand is answered for. `like_client_id`: a new one begins with that client's scripts, which are copied."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "relay": "page"}]})
    brand_id: Id
    relay: Literal["page", "own"] = "page"
    confirm: bool = True
    again_s: int = Field(900, ge=60, le=86_400)
    mind_s: int = Field(300, ge=30, le=86_400)
    active: bool = True
    like_client_id: Id | None = None


class ClientOut(Schema):
    """`note` is the note of the day, as it holds now."""

    id: int
    brand: Named
    active: bool
    relay: str
    confirm: bool
    again_s: int
    mind_s: int
    note: str
    note_until: datetime | None

    @staticmethod
    def resolve_note(row: BureauClient) -> str:
        return queries.note_now(row, clock.now())


class BureauNoteIn(Schema):
    """What operators must know just now; `until` null: until it is changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "The office moves today"}]})
    text: str = Field(max_length=600)
    until: Instant | None = None


class OnCallOut(Schema):
    """`addresses` are shown to the client's own people alone."""

    key: str
    name: str
    place: str
    channels: list[str]
    addresses: list[str]
    until: datetime | None


class BureauRungIn(Schema):
    """One way of a client's own ladder: a proved way of one of its people (`method_id`), or an address."""

    model_config = ConfigDict(extra="forbid")
    method_id: Id | None = None
    name: str = Field("", max_length=120)
    channel: str = Field("", max_length=20)
    address: str = Field("", max_length=320)
    wait_s: int = Field(300, ge=30, le=86_400)
    urgent_only: bool = False
    first_at: Instant | None = None
    last_at: Instant | None = None


class LadderIn(Schema):
    """The whole ladder, in its order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"rungs": [{"name": "Front desk", "channel": "email", "address": "desk@pier.example"}]}]
        },
    )
    rungs: list[BureauRungIn] = Field(max_length=clients.MOST_RUNGS)


@router.get("/bureau/clients", response=Listing[ClientOut])
def list_bureau_clients(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Whose calls are answered here."""
    rows = readable(request, "read_bureau", BureauClient.objects.select_related("brand"))
    return list_rows(request, rows, ClientOut, cut)


@router.put("/bureau/clients", response=ClientOut)
def save_bureau_client(request: HttpRequest, body: ClientIn) -> Any:
    """Make the brand a client, or change how it is answered for."""
    return clients.save_bureau_client(**body.model_dump(), **_doing(request))


@router.get("/bureau/clients/{bureau_client_id}", response=ClientOut)
def read_bureau_client(request: HttpRequest, bureau_client_id: int) -> Any:
    """One client."""
    return _client(request, bureau_client_id)


@router.put("/bureau/clients/{bureau_client_id}/note", response=ClientOut)
def set_note_of_the_day(request: HttpRequest, bureau_client_id: int, body: BureauNoteIn) -> Any:
    """Set the note of the day; an empty text takes it away."""
    return clients.set_note_of_the_day(client_id=bureau_client_id, **body.model_dump(), **_doing(request))


@router.get("/bureau/clients/{bureau_client_id}/on-call", response=list[OnCallOut])
def list_bureau_on_call(request: HttpRequest, bureau_client_id: int) -> Any:
    """Who is told of the client's messages now, in their order."""
    client = _client(request, bureau_client_id)
    sees = may(actor_of(request), "read_people", client.brand_id)
    return [
        {
            "key": each.key,
            "name": each.name,
            "place": each.place,
            "channels": [channel for channel, _address in each.ways],
            "addresses": [address for _channel, address in each.ways] if sees else [],
            "until": each.until,
        }
        for each in queries.on_call_list(client, clock.now())
    ]


@router.put("/bureau/clients/{bureau_client_id}/ladder", response=list[OnCallOut])
def set_bureau_ladder(request: HttpRequest, bureau_client_id: int, body: LadderIn) -> Any:
    """Set the client's own ladder."""
    told = [rung.model_dump() for rung in body.rungs]
    clients.set_bureau_ladder(client_id=bureau_client_id, rungs=told, **_doing(request))
    return list_bureau_on_call(request, bureau_client_id)


# --- Scripts ---------------------------------------------------------------------------------------------------------


class BureauStepIn(Schema):
    """One thing to say or to ask; `only_if` [key, value]: only where that earlier step was answered so."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=1, max_length=30)
    kind: Literal["say", "name", "number", "account", "text", "choice", "urgency"]
    label: str = Field(min_length=1, max_length=80)
    says: str = Field("", max_length=1000)
    required: bool = True
    choices: list[str] = Field([], max_length=20)
    only_if: list[str] | None = Field(None, min_length=2, max_length=2)


class WhenIn(Schema):
    """Local times at which it is read; weekday 0 is Monday; the same `opens` and `closes` is the whole day."""

    model_config = ConfigDict(extra="forbid")
    weekdays: list[int] = Field(default_factory=lambda: list(range(7)), max_length=7)
    opens: str = "00:00"
    closes: str = "00:00"
    first_day: str | None = None
    last_day: str | None = None


class ScriptIn(Schema):
    """A new version of a script; `script_id` null: of a new script."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Nights",
                    "greeting": "Good evening, Acme.",
                    "steps": [{"key": "name", "kind": "name", "label": "Name"}],
                    "when": {"opens": "18:00", "closes": "08:00"},
                }
            ]
        },
    )
    name: str = Field(min_length=1, max_length=80)
    greeting: str = Field(min_length=1, max_length=400)
    steps: list[BureauStepIn] = Field(max_length=scripts.MOST_STEPS)
    when: WhenIn = Field(default_factory=WhenIn)
    may_say: str = Field("", max_length=clients.LONGEST_TEXT)
    instructions: str = Field("", max_length=clients.LONGEST_TEXT)
    why: str = Field("", max_length=300)
    starts_at: Instant | None = None
    script_id: Id | None = None


class ScriptVersionOut(Schema):
    """A version's words, and who tried and approved it."""

    id: int
    script_id: int
    number: int
    name: str
    greeting: str
    may_say: str
    instructions: str
    steps: list[dict[str, Any]]
    when: dict[str, Any]
    why: str
    starts_at: datetime
    made_by: str
    tested_at: datetime | None
    tested_by: str
    approved_at: datetime | None
    approved_by: str

    @staticmethod
    def resolve_name(row: ScriptVersion) -> str:
        return row.script.name


class BureauVersionNumber(Schema):
    """Which version is meant."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"number": 1}]})
    number: int = Field(ge=1, le=10**9)


@router.get("/bureau/clients/{bureau_client_id}/scripts", response=Listing[ScriptVersionOut])
def list_script_versions(request: HttpRequest, bureau_client_id: int, cut: Query[Cut]) -> Any:
    """Every version of the client's scripts."""
    client = _client(request, bureau_client_id)
    rows = ScriptVersion.objects.filter(script__client=client).select_related("script")
    return list_rows(request, rows, ScriptVersionOut, cut)


@router.post("/bureau/clients/{bureau_client_id}/scripts", response={201: ScriptVersionOut})
def save_script(request: HttpRequest, bureau_client_id: int, body: ScriptIn) -> Any:
    """Save a version; it is read once it was tried in a test call and approved."""
    return 201, clients.save_script(client_id=bureau_client_id, **body.model_dump(), **_doing(request))


@router.post("/bureau/scripts/{script_id}/approve", response=ScriptVersionOut)
def approve_script(request: HttpRequest, script_id: int, body: BureauVersionNumber) -> Any:
    """Approve a version that was tried."""
    return clients.approve_script(script_id=script_id, number=body.number, **_doing(request))


@router.delete("/bureau/scripts/{script_id}", response={204: None})
def retire_script(request: HttpRequest, script_id: int) -> Any:
    """It is read no more."""
    clients.retire_script(script_id=script_id, **_doing(request))
    return 204, None


# --- Operators -------------------------------------------------------------------------------------------------------


class SessionOut(Schema):
    """Since when somebody takes messages, and whether they pause."""

    began_at: datetime
    paused_at: datetime | None


class WaitingOut(Schema):
    """A caller who waits for somebody to take their message, and the greeting that they will hear."""

    id: UUID
    client: Named
    number: str
    came_at: datetime
    greeting: str


@router.post("/bureau/session", response=SessionOut)
def sign_in_taker(request: HttpRequest) -> Any:
    """Take calls from now on, or go on after a pause."""
    return actions.sign_in_taker(**_doing(request))


@router.post("/bureau/session/pause", response=SessionOut)
def pause_taker(request: HttpRequest) -> Any:
    """Get no new call for now."""
    return actions.pause_taker(**_doing(request))


@router.delete("/bureau/session", response={204: None})
def sign_out_taker(request: HttpRequest) -> Any:
    """Take no more messages."""
    actions.sign_out_taker(**_doing(request))
    return 204, None


@router.get("/bureau/waiting", response=list[WaitingOut])
def list_bureau_waiting(request: HttpRequest) -> Any:
    """Callers who wait for a message taker, the longest first."""
    at = clock.now()
    waiting = []
    for call in queries.waiting_calls(readable_brands(request, "read_bureau")):
        client = call.line.brand.bureau_client
        version = queries.version_at(client, at)
        waiting.append(
            {
                "id": call.pk,
                "client": {"id": client.pk, "name": client.brand.name},
                "number": call.number,
                "came_at": call.came_at,
                "greeting": version.greeting if version else "",
            }
        )
    return waiting


# --- Messages --------------------------------------------------------------------------------------------------------


class BeginIn(Schema):
    """A call of another exchange; with `version_id` a test call."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"client_id": 1}]})
    client_id: Id
    caller_number: str = Field("", max_length=30)
    version_id: Id | None = None


class AnswerIn(Schema):
    """What the caller said to a step. `sure`: it was read back; for something to say: it was said."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": "Kim Lee"}]})
    value: str = Field("", max_length=2000)
    sure: bool = False
    skipped: bool = False


class TypedIn(Schema):
    """The whole reference, name or number that the caller gives."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"typed": "HF-100"}]})
    typed: str = Field(min_length=1, max_length=160)


class BureauSeenOut(Schema):
    """All that an operator is shown of a customer."""

    customer_id: int
    name: str
    ref: str
    statements: list[str]
    covered: bool


class ToIn(Schema):
    """Somebody of the client's list, by their key there."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "person:1"}]})
    to: str = Key


class CodeIn(Schema):
    """The six digits that were sent to whoever rings."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "123456"}]})
    code: str = Field(min_length=1, max_length=10)


class CodeOut(Schema):
    """Whether the code was right: only then may the message be read out."""

    right: bool


class NameIn(Schema):
    """Whom an operator spoke to; nothing: the caller of this API has it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Dee"}]})
    name: str = Field("", max_length=120)


class BureauWhyIn(Schema):
    """Why it has to go again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "The number is wrong"}]})
    why: str = Field(min_length=1, max_length=300)


class BureauOutcomeIn(Schema):
    """How the call ended."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"outcome": "told"}]})
    outcome: Literal["message", "told", "patched", "wrong_number", "hung_up", "nuisance"]
    remark: str = Field("", max_length=300)


class RemarkIn(Schema):
    """A last word."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"remark": "Rung back"}]})
    remark: str = Field("", max_length=300)


class MessageOut(Schema):
    """A message, and whether it has arrived; `next_step` is what is asked now, null when nothing is."""

    id: UUID
    client: Named
    number: int
    test: bool
    state: str
    taken_by: str
    began_at: datetime
    saved_at: datetime | None
    caller_number: str
    account: str
    urgent: bool
    greeting: str
    answers: dict[str, Any]
    next_step: str | None
    text: str
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    outcome: str
    corrected: int
    ended_at: datetime | None


class BureauToldOut(Schema):
    """One hand-over. `address` is for the client's own people."""

    at: datetime
    name: str
    channel: str
    address: str
    state: str
    reason: str
    delivered_at: datetime | None


def _shown(rows: list[BureauMessage]) -> list[dict[str, Any]]:
    proofs = queries.proofs(rows)
    shown = []
    for row in rows:
        following = scripts.next_step(queries.steps_of(row), queries.answers_of(row))
        plain = {
            name: getattr(row, name)
            for name in (
                "id", "number", "test", "state", "began_at", "saved_at", "caller_number", "urgent", "answers", "text",
                "acknowledged_at", "acknowledged_by", "outcome", "corrected", "ended_at",
            )
        }  # fmt: skip
        shown.append(
            plain
            | {
                "client": {"id": row.client_id, "name": row.client.brand.name},
                "taken_by": row.taker.name,
                "account": row.customer.name if row.customer else "",
                "greeting": row.version.greeting,
                "next_step": following.key if following else None,
                "delivered_at": proofs[row.pk].delivered_at,
            }
        )
    return shown


def _one(request: HttpRequest, message_id: UUID) -> Any:
    return _shown([_message(request, message_id)])[0]


@router.get("/bureau/messages", response=Listing[MessageOut])
def list_bureau_messages(
    request: HttpRequest, cut: Query[Cut], client_id: Id | None = None, undelivered: bool = False
) -> Any:
    """What was taken, the newest first; `undelivered`: what operators mind just now."""
    rows = readable(request, "read_bureau", queries.messages(None), "client__brand_id")
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    if undelivered:
        minded = queries.minders(readable_brands(request, "read_bureau"), clock.now())
        rows = rows.filter(id__in=[row.pk for row, _proof in minded])
    return list_rows(request, rows, MessageOut, cut, order=("began_at", "id"), newest_first=True, prepare=_shown)


@router.post("/bureau/messages", response={201: MessageOut})
def open_bureau_message(request: HttpRequest, body: BeginIn) -> Any:
    """Begin to take down a call of another exchange, or a test call."""
    row = actions.open_bureau_message(**body.model_dump(), **_doing(request))
    return 201, _one(request, row.pk)


@router.post("/bureau/calls/{call_id}/take", response={201: MessageOut})
def take_desk_call(request: HttpRequest, call_id: UUID) -> Any:
    """Take a caller who waits: your telephone rings."""
    row = actions.take_desk_call(call_id=call_id, **_doing(request))
    return 201, _one(request, row.pk)


@router.get("/bureau/messages/{bureau_message_id}", response=MessageOut)
def read_bureau_message(request: HttpRequest, bureau_message_id: UUID) -> Any:
    """One message."""
    return _one(request, bureau_message_id)


@router.get("/bureau/messages/{bureau_message_id}/proof", response=list[BureauToldOut])
def list_bureau_proof(request: HttpRequest, bureau_message_id: UUID) -> Any:
    """To whom it went, and what came of each."""
    row = _message(request, bureau_message_id)
    sees = may(actor_of(request), "read_people", row.client.brand_id)
    return [
        {
            "at": each.at, "name": each.name, "channel": each.channel, "address": each.address if sees else "",
            "state": each.state, "reason": each.reason, "delivered_at": each.delivered_at,
        }
        for each in queries.proof_of(row).told
    ]  # fmt: skip


@router.put("/bureau/messages/{bureau_message_id}/steps/{step_key}", response=MessageOut)
def answer_step(request: HttpRequest, bureau_message_id: UUID, step_key: str, body: AnswerIn) -> Any:
    """Take down what the caller said to a step."""
    actions.answer_step(message_id=bureau_message_id, key=step_key, **body.model_dump(), **_doing(request))
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/check", response=BureauSeenOut | None)
def check_caller(request: HttpRequest, bureau_message_id: UUID, body: TypedIn) -> Any:
    """The one account that the caller names whole; null for none. What was typed stands in the journal."""
    return actions.check_caller(message_id=bureau_message_id, typed=body.typed, **_doing(request))


@router.post("/bureau/messages/{bureau_message_id}/save", response=MessageOut)
def save_bureau_message(request: HttpRequest, bureau_message_id: UUID) -> Any:
    """Keep the message, and hand it on."""
    actions.save_bureau_message(message_id=bureau_message_id, **_doing(request))
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/put-through", response=MessageOut)
def put_caller_through(request: HttpRequest, bureau_message_id: UUID, body: ToIn) -> Any:
    """Ring somebody of the list, who then has the caller."""
    actions.put_caller_through(message_id=bureau_message_id, to=body.to, **_doing(request))
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/relay", response=MessageOut)
def relay_bureau_message(request: HttpRequest, bureau_message_id: UUID) -> Any:
    """Hand an undelivered message on once more, from the beginning."""
    actions.relay_bureau_message(message_id=bureau_message_id, **_doing(request))
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/resend", response=MessageOut)
def resend_bureau_message(request: HttpRequest, bureau_message_id: UUID, body: ToIn) -> Any:
    """Send it once more to somebody of the list, by their own proved ways."""
    actions.resend_bureau_message(message_id=bureau_message_id, to=body.to, **_doing(request))
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/code", response=MessageOut)
def ask_engineers_code(request: HttpRequest, bureau_message_id: UUID, body: ToIn) -> Any:
    """Send a code to somebody of the list who rings and wants to hear the message."""
    actions.ask_engineers_code(message_id=bureau_message_id, to=body.to, **_doing(request))
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/read-out", response=CodeOut)
def read_out_bureau_message(request: HttpRequest, bureau_message_id: UUID, body: CodeIn) -> Any:
    """Whether the code is right, so that the message may be read out."""
    return {"right": actions.read_out_bureau_message(message_id=bureau_message_id, code=body.code, **_doing(request))}


@router.post("/bureau/messages/{bureau_message_id}/acknowledge", response=MessageOut)
def acknowledge_bureau_message(request: HttpRequest, bureau_message_id: UUID, body: NameIn) -> Any:
    """Somebody has it."""
    actions.acknowledge_bureau_message(message_id=bureau_message_id, name=body.name, **_doing(request))
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/set-back", response=MessageOut)
def set_back_bureau_message(request: HttpRequest, bureau_message_id: UUID, body: BureauWhyIn) -> Any:
    """Back to undelivered, so that its words can be put right."""
    actions.set_back_bureau_message(message_id=bureau_message_id, why=body.why, **_doing(request))
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/wrap-up", response=MessageOut)
def wrap_up_bureau_message(request: HttpRequest, bureau_message_id: UUID, body: BureauOutcomeIn) -> Any:
    """End the call."""
    actions.wrap_up_bureau_message(
        message_id=bureau_message_id, outcome=body.outcome, remark=body.remark, **_doing(request)
    )
    return _one(request, bureau_message_id)


@router.post("/bureau/messages/{bureau_message_id}/close", response=MessageOut)
def close_bureau_message(request: HttpRequest, bureau_message_id: UUID, body: RemarkIn) -> Any:
    """Nothing more is owed on it."""
    actions.close_bureau_message(message_id=bureau_message_id, remark=body.remark, **_doing(request))
    return _one(request, bureau_message_id)


# --- By month --------------------------------------------------------------------------------------------------------


class CountsOut(Schema):
    """What was taken for a client in a month, test calls left out; `seconds` is the time that operators spent."""

    month: str
    client: str
    calls: int
    messages: int
    urgent: int
    told: int
    patched: int
    fruitless: int
    acknowledged: int
    within_half_an_hour: int
    corrected: int
    seconds: int


class Month(Schema):
    """A month by the calendar."""

    month: str = Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", examples=["2026-11"])


@router.get("/bureau/counts", response=Listing[CountsOut])
def list_bureau_counts(request: HttpRequest, cut: Query[Cut], asked: Query[Month]) -> Any:
    """What was taken for each client in a month ("2026-11"), by the clocks of each; as CSV where that is asked for."""

    def counted(rows: list[BureauClient]) -> list[dict[str, Any]]:
        found = []
        for client in rows:
            since, until = _month_of(asked.month, client.brand.zone)
            (told,) = queries.counts({client.brand_id}, since, until)
            found.append({"month": asked.month} | {name: getattr(told, name) for name in queries.COUNTED})
        return found

    rows = readable(request, "read_bureau", BureauClient.objects.select_related("brand"))
    return list_rows(request, rows, CountsOut, cut, prepare=counted)


def _month_of(month: str, zone: str) -> tuple[datetime, datetime]:
    year, number = (int(part) for part in month.split("-"))
    first = datetime(year, number, 1, tzinfo=ZoneInfo(zone))
    return first, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=ZoneInfo(zone))
