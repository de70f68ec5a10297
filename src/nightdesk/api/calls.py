"""Calls, what callers left, and what is done about both."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Id, Named, Words
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.calls import actions, asking_actions, queries
from nightdesk.calls.models import Call, CallEvent, Message
from nightdesk.calls.playing import answer_with_sound

router = Router(tags=["phone line"])


class CallFilters(Schema):
    """`running`: those that go on now, or those that are over. `number` is E.164."""

    running: bool | None = None
    line_id: Id | None = None
    customer_id: Id | None = None
    number: str | None = Field(None, max_length=20)
    ended_as: str | None = Field(None, max_length=16)


class OneCall(Schema):
    """One call. `known_by` says how we know who rang: "number", "pin", or "" for not at all."""

    id: UUID
    line: Named
    number: str
    called: str
    came_at: datetime
    customer: Named | None
    contact: Named | None
    peer: Named | None
    known_by: str
    answered_at: datetime | None
    answered_by: str
    answered_person: Named | None
    heard_outage_at: datetime | None
    outage_id: UUID | None
    ticket_id: UUID | None
    woken: int
    ended_at: datetime | None
    ended_as: str
    calls_back_id: UUID | None
    """The message for which it rings somebody back."""


class LegOut(Schema):
    """A telephone that was rung for the call."""

    name: str
    to: str
    person: Named | None
    ordered_at: datetime
    ringing_at: datetime | None
    picked_up_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime | None
    why: str


class CallEventOut(Schema):
    """Something that happened in the call, and why what followed did. `trouble`: it could not be acted on."""

    number: int
    at: datetime
    event: dict[str, Any]
    orders: list[dict[str, Any]]
    why: list[str]
    trouble: str


class MessageFilters(Schema):
    """`open`: those that still wait, or those that are over."""

    open: bool | None = None
    customer_id: Id | None = None
    number: str | None = Field(None, max_length=20)


class CallerMessageOut(Schema):
    """What a caller left. `call_back_by`: when they are rung at the latest, as they were told."""

    id: UUID
    brand_id: int
    kind: str
    state: str
    number: str
    customer: Named | None
    contact: Named | None
    peer: Named | None
    text: str
    taken_at: datetime
    taken_by: str
    call_back_by: datetime | None
    again: int
    call_id: UUID | None
    ticket_id: UUID | None
    page_id: UUID | None
    outage_id: UUID | None
    recording_id: UUID | None
    reached_at: datetime | None
    reached_by: Named | None
    ended_at: datetime | None
    outcome: str


class CallerMessageIn(Schema):
    """A message that somebody took down; without `wakes` nobody is paged for it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"brand_id": 1, "number": "+442079460555", "text": "Their line is down.", "wakes": True}]
        },
    )
    brand_id: Id
    number: str = Field("", max_length=20)
    text: Words
    name: str = Field("", max_length=120)
    line_id: Id | None = None
    customer_id: Id | None = None
    contact_id: Id | None = None
    wakes: bool = True


class OutcomeIn(Schema):
    """How a call-back ended."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"outcome": "Router swapped."}]})
    outcome: str = Field(min_length=1, max_length=300)


class WhyClosed(Schema):
    """Why nobody rings back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "They wrote meanwhile."}]})
    why: str = Field(min_length=1, max_length=300)


class WhoJoins(Schema):
    """Which colleague."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"person_id": 2}]})
    person_id: Id


class PauseIn(Schema):
    """Nothing is kept for now, or what is said is kept again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"go_on": False}]})
    go_on: bool = False


class CallOutOrdered(Schema):
    """A caller's consent to be charged: what they had heard before they pressed the key.

    From `logged_at` on it is in the time of their ticket.
    """

    id: int
    call_id: UUID
    customer: Named | None
    number: str
    at: datetime
    said: str
    price: str
    person: Named | None
    logged_at: datetime | None


@router.get("/calls", response=Listing[OneCall])
def list_calls(request: HttpRequest, asked: Query[CallFilters], cut: Query[Cut]) -> Any:
    """Calls to the lines, and those by which we rang back, the newest first."""
    rows = _calls(request)
    for name in ("line_id", "customer_id", "number", "ended_as"):
        if (value := getattr(asked, name)) is not None:
            rows = rows.filter(**{name: value})
    if asked.running is not None:
        rows = rows.filter(ended_at__isnull=asked.running)
    return list_rows(request, rows, OneCall, cut, order=("came_at", "id"), newest_first=True)


@router.get("/calls/{call_id}", response=OneCall)
def read_call(request: HttpRequest, call_id: UUID) -> Any:
    """One call."""
    return one(_calls(request), id=call_id)


@router.get("/calls/{call_id}/story", response=Listing[CallEventOut])
def read_call_story(request: HttpRequest, call_id: UUID, cut: Query[Cut]) -> Any:
    """What happened in it, the first thing first, with what was ordered and why."""
    call = one(_calls(request), id=call_id)
    return list_rows(request, CallEvent.objects.filter(call=call), CallEventOut, cut, order=("number",))


@router.get("/calls/{call_id}/legs", response=list[LegOut])
def read_call_legs(request: HttpRequest, call_id: UUID) -> Any:
    """The telephones that were rung for it."""
    return queries.legs_of(one(_calls(request), id=call_id).pk)


@router.get("/rung-now", response=list[LegOut])
def list_rung_now(request: HttpRequest) -> Any:
    """Whose telephones ring at this moment."""
    return queries.ringing_now(readable_brands(request, "read_calls"))


@router.post("/calls/{call_id}/add", response={202: OneCall})
def add_to_call(request: HttpRequest, call_id: UUID, body: WhoJoins) -> Any:
    """Ring a colleague, who joins the call."""
    return 202, asking_actions.add_to_call(call_id=call_id, person_id=body.person_id, **_doing(request))


@router.post("/calls/{call_id}/listen", response={202: OneCall})
def let_listen(request: HttpRequest, call_id: UUID, body: WhoJoins) -> Any:
    """Ring a colleague, who hears the call and is not heard; everybody in it is told."""
    return 202, asking_actions.let_listen(call_id=call_id, person_id=body.person_id, **_doing(request))


@router.post("/calls/{call_id}/transfer", response={202: OneCall})
def transfer_call(request: HttpRequest, call_id: UUID, body: WhoJoins) -> Any:
    """Ring a colleague; once they have the caller you are out of the call."""
    return 202, asking_actions.transfer_call(call_id=call_id, person_id=body.person_id, **_doing(request))


@router.post("/calls/{call_id}/leave", response={202: OneCall})
def leave_call(request: HttpRequest, call_id: UUID) -> Any:
    """You are out of it; the others talk on."""
    return 202, asking_actions.leave_call(call_id=call_id, **_doing(request))


@router.post("/calls/{call_id}/hold", response={202: OneCall})
def hold_call(request: HttpRequest, call_id: UUID) -> Any:
    """The caller hears music, and not what you say among yourselves."""
    return 202, asking_actions.hold_call(call_id=call_id, **_doing(request))


@router.post("/calls/{call_id}/off-hold", response={202: OneCall})
def take_off_hold(request: HttpRequest, call_id: UUID) -> Any:
    """The caller is back in the talk."""
    return 202, asking_actions.take_off_hold(call_id=call_id, **_doing(request))


@router.post("/calls/{call_id}/park", response={202: OneCall})
def park_call(request: HttpRequest, call_id: UUID) -> Any:
    """The caller hears music until somebody takes them; after two minutes telephones ring again."""
    return 202, asking_actions.park_call(call_id=call_id, **_doing(request))


@router.post("/calls/{call_id}/take-parked", response={202: OneCall})
def take_parked_call(request: HttpRequest, call_id: UUID) -> Any:
    """Your telephone rings, and you have the parked caller."""
    return 202, asking_actions.take_parked_call(call_id=call_id, **_doing(request))


@router.post("/calls/{call_id}/pause-recording", response={202: OneCall})
def pause_recording(request: HttpRequest, call_id: UUID, body: PauseIn) -> Any:
    """Keep nothing of what is said now, as while a card number is read out; or go on."""
    return 202, asking_actions.pause_recording(call_id=call_id, go_on=body.go_on, **_doing(request))


@router.post("/calls/{call_id}/hang-up", response={202: OneCall})
def hang_up_call(request: HttpRequest, call_id: UUID) -> Any:
    """End it for everybody."""
    return 202, asking_actions.hang_up_call(call_id=call_id, **_doing(request))


@router.get("/caller-messages", response=Listing[CallerMessageOut])
def list_caller_messages(request: HttpRequest, asked: Query[MessageFilters], cut: Query[Cut]) -> Any:
    """What callers left, the newest first; missed calls are among them."""
    rows = _messages(request)
    if asked.open is not None:
        rows = rows.filter(ended_at__isnull=asked.open)
    if asked.customer_id is not None:
        rows = rows.filter(customer_id=asked.customer_id)
    if asked.number is not None:
        rows = rows.filter(number=asked.number)
    return list_rows(request, rows, CallerMessageOut, cut, order=("taken_at", "id"), newest_first=True)


@router.post("/caller-messages", response={201: CallerMessageOut})
def leave_message(request: HttpRequest, body: CallerMessageIn) -> Any:
    """Keep what somebody took down for a caller: in their ticket, paged where it wakes, and a call-back is promised."""
    actor = actor_of(request)
    return 201, actions.leave_message(**body.dict(), taken_by=actor.name, **_doing(request))


@router.get("/caller-messages/{message_id}", response=CallerMessageOut)
def read_caller_message(request: HttpRequest, message_id: UUID) -> Any:
    """One of them."""
    return one(_messages(request), id=message_id)


@router.post("/caller-messages/{message_id}/call-back", response={202: OneCall})
def call_back(request: HttpRequest, message_id: UUID) -> Any:
    """Your telephone rings, then the caller's; the two are joined. The answer is the call."""
    return 202, asking_actions.call_back(message_id=message_id, **_doing(request))


@router.post("/caller-messages/{message_id}/outcome", response=CallerMessageOut)
def note_outcome(request: HttpRequest, message_id: UUID, body: OutcomeIn) -> Any:
    """Say how the call-back ended; the message is over, and its page resolved."""
    return actions.note_outcome(message_id=message_id, outcome=body.outcome, **_doing(request))


@router.post("/caller-messages/{message_id}/cancel", response=CallerMessageOut)
def cancel_message(request: HttpRequest, message_id: UUID) -> Any:
    """The caller wants no call-back any more."""
    return actions.cancel_message(message_id=message_id, **_doing(request))


@router.post("/caller-messages/{message_id}/close", response=CallerMessageOut)
def close_message(request: HttpRequest, message_id: UUID, body: WhyClosed) -> Any:
    """Nobody rings back, and says why."""
    return actions.close_message(message_id=message_id, why=body.why, **_doing(request))


@router.get(
    "/recordings/{recording_id}/sound",
    openapi_extra={
        "responses": {
            200: {
                "description": "The sound as WAV; 206 with a part of it, where a Range asks for one",
                "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def hear_recording(request: HttpRequest, recording_id: UUID) -> HttpResponse:
    """Listen to a recording. That you did stands in the journal."""
    return answer_with_sound(
        actions.hear_recording(recording_id=recording_id, **_doing(request)), request.headers.get("Range", "")
    )


@router.delete("/recordings/{recording_id}", response={204: None})
def delete_recording(request: HttpRequest, recording_id: UUID) -> Any:
    """Throw it away before its time."""
    actions.delete_recording(recording_id=recording_id, **_doing(request))
    return 204, None


@router.get("/call-outs", response=Listing[CallOutOrdered])
def list_call_outs(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Call-outs that callers ordered by a key, the newest first."""
    rows = readable(request, "read_calls", queries.call_outs(None), "call__line__brand_id")
    return list_rows(request, rows, CallOutOrdered, cut, order=("at", "id"), newest_first=True)


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


def _calls(request: HttpRequest) -> QuerySet[Call]:
    return readable(request, "read_calls", queries.calls(None), "line__brand_id")


def _messages(request: HttpRequest) -> QuerySet[Message]:
    return readable(request, "read_calls", queries.messages(None))
