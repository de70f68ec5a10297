"""Phone lines as they are set: numbers, hours, whom they ring; telephones, PINs, the operator's own recordings."""

from datetime import datetime, time
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Name
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.calls import line_actions
from nightdesk.calls.divert_actions import check_divert
from nightdesk.calls.models import DivertCheck, Line, Telephone

router = Router(tags=["phone line"])


class MenuIn(Schema):
    """A key of the menu, what is said of it, and the key of the skill that it leads to ("" none)."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=1, max_length=1)
    says: str = Field(min_length=1, max_length=120)
    skill: str = Field("", max_length=50)


class PhoneLineIn(Schema):
    """A line as a whole. Numbers in E.164, or as people of `country` dial them; times in seconds."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "name": "Support",
                    "numbers": ["+442079460100"],
                    "shown_number": "+442079460100",
                    "pager_number": "+442079460109",
                }
            ]
        },
    )
    brand_id: Id
    name: Name
    numbers: list[str] = Field(min_length=1, max_length=50)
    shown_number: str = Field(max_length=30)
    pager_number: str = Field(max_length=30)
    staff_number: str = Field("", max_length=30)
    country: str = Field("GB", max_length=2)
    language: str = Field("en-gb", max_length=10)
    hours_id: Id | None = None
    greeting: str = Field("", max_length=500)
    danger: str = Field("", max_length=200)
    menu: list[MenuIn] = Field([], max_length=9)
    day_seats: list[str] = Field([], max_length=20)
    night_seats: list[str] = Field([], max_length=20)
    night: Literal["message", "live"] = "message"
    joins_s: list[int] = Field([4, 8], max_length=6)
    ring_s: int = 25
    most_rung: int = 3
    longest_hunt_s: int | None = Field(None, ge=4, le=600)
    bureau_number: str = Field("", max_length=30)
    own_desk: bool = False
    consent: Literal["told", "may_decline", "asked"] = "may_decline"
    call_back_s: int = 1800
    call_out_price: str = Field("", max_length=60)
    peer_skill_id: Id | None = None
    keep_days: int = 90
    divert_check_at: time | None = None
    divert_from: str = Field("", max_length=30)


class PhoneLineOut(Schema):
    """`prompts`: name of a text -> the operator's own recording of it. An inactive line was retired."""

    id: int
    brand_id: int
    name: str
    active: bool
    numbers: list[str]
    shown_number: str
    pager_number: str
    staff_number: str
    country: str
    language: str
    hours_id: int | None
    greeting: str
    danger: str
    menu: list[dict[str, Any]]
    prompts: dict[str, UUID]
    day_seats: list[str]
    night_seats: list[str]
    night: str
    joins_s: list[int]
    ring_s: int
    most_rung: int
    longest_hunt_s: int
    bureau_number: str
    own_desk: bool
    consent: str
    call_back_s: int
    call_out_price: str
    peer_skill_id: int | None
    keep_days: int
    divert_check_at: time | None
    divert_from: str


class DivertCheckOut(Schema):
    """A ring of the line's number from outside. `heard`: our greeting came; null: it runs still. `trouble`: what came instead.

    `seen_at`: when the ring came to us, null where it never did.
    """

    id: int
    line_id: int
    at: datetime
    ended_at: datetime | None
    seen_at: datetime | None
    heard: bool | None
    trouble: str


class TelephoneIn(Schema):
    """A telephone by its name in the exchange; without `person_id` it belongs to whoever is in the room."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "name": "amara-desk", "label": "Her desk"}]}
    )
    brand_id: Id
    name: str = Field(min_length=1, max_length=40)
    label: str = Field("", max_length=60)
    person_id: Id | None = None


class TelephoneOut(Schema):
    id: int
    brand_id: int | None
    name: str
    label: str
    person_id: int | None


class PinIn(Schema):
    """A PIN of your choice; without one it is made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})
    pin: str = Field("", max_length=20)


class PinOut(Schema):
    """The digits, told this once and kept nowhere."""

    pin: str
    set_at: datetime


class RecordingOut(Schema):
    id: UUID
    seconds: float
    made_at: datetime


@router.get("/lines", response=Listing[PhoneLineOut])
def list_lines(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Phone lines, also those that were retired, by name."""
    return list_rows(
        request, readable(request, "read_lines", Line.objects.all()), PhoneLineOut, cut, order=("name", "id")
    )


@router.post("/lines", response={201: PhoneLineOut})
def save_line(request: HttpRequest, body: PhoneLineIn) -> Any:
    """A new phone line."""
    return _saved(request, body, None)


@router.get("/lines/{line_id}", response=PhoneLineOut)
def read_line(request: HttpRequest, line_id: Id) -> Any:
    """One phone line."""
    return one(readable(request, "read_lines", Line.objects.all()), id=line_id)


@router.put("/lines/{line_id}", response=PhoneLineOut)
def edit_line(request: HttpRequest, line_id: Id, body: PhoneLineIn) -> Any:
    """A phone line, as a whole; one that was retired is in use again."""
    return _saved(request, body, line_id)


@router.delete("/lines/{line_id}", response=PhoneLineOut)
def retire_line(request: HttpRequest, line_id: Id) -> Any:
    """It answers nobody any more; its calls stay."""
    return line_actions.retire_line(line_id=line_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/lines/{line_id}/divert-checks", response={202: DivertCheckOut})
def check_line_divert(request: HttpRequest, line_id: Id) -> Any:
    """A second provider rings the line's first number, which must answer with our greeting. Ask for them a minute later."""
    return 202, check_divert(line_id=line_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/lines/{line_id}/divert-checks", response=list[DivertCheckOut])
def list_divert_checks(request: HttpRequest, line_id: Id) -> Any:
    """How the line's number led to us: the last thirty rings from outside, the newest first."""
    of = one(readable(request, "read_lines", Line.objects.all()), id=line_id)
    return DivertCheck.objects.filter(line=of).order_by("-at", "-id")[:30]


@router.put(
    "/lines/{line_id}/prompts/{prompt}",
    response=RecordingOut,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def keep_prompt(request: HttpRequest, line_id: Id, prompt: str) -> Any:
    """Your own recording of what callers hear: any audio that sox reads, up to two minutes."""
    return line_actions.keep_prompt(
        line_id=line_id, prompt=prompt, content=request.body, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.delete("/lines/{line_id}/prompts/{prompt}", response=PhoneLineOut)
def remove_prompt(request: HttpRequest, line_id: Id, prompt: str) -> Any:
    """The text is spoken again."""
    return line_actions.remove_prompt(
        line_id=line_id, prompt=prompt, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/telephones", response=Listing[TelephoneOut])
def list_telephones(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Telephones that register with our exchange, by name."""
    rows = readable(request, "read_lines", Telephone.objects.all())
    return list_rows(request, rows, TelephoneOut, cut, order=("name", "id"))


@router.post("/telephones", response={201: TelephoneOut})
def save_telephone(request: HttpRequest, body: TelephoneIn) -> Any:
    """A new telephone."""
    return line_actions.save_telephone(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.put("/telephones/{telephone_id}", response=TelephoneOut)
def edit_telephone(request: HttpRequest, telephone_id: Id, body: TelephoneIn) -> Any:
    """A telephone, as a whole."""
    return line_actions.save_telephone(
        telephone_id=telephone_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.delete("/telephones/{telephone_id}", response={204: None})
def remove_telephone(request: HttpRequest, telephone_id: Id) -> Any:
    """It is rung no more."""
    line_actions.remove_telephone(telephone_id=telephone_id, by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None


@router.put("/contacts/{contact_id}/pin", response=PinOut)
def set_contact_pin(request: HttpRequest, contact_id: Id, body: PinIn) -> Any:
    """The contact says by it who rings; an earlier one is worth nothing."""
    row, pin = line_actions.set_pin(
        contact_id=contact_id, pin=body.pin, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {"pin": pin, "set_at": row.set_at}


@router.delete("/contacts/{contact_id}/pin", response={204: None})
def clear_contact_pin(request: HttpRequest, contact_id: Id) -> Any:
    """Nobody rings as them by a PIN any more."""
    line_actions.clear_pin(contact_id=contact_id, by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None


@router.put("/people/{person_id}/pin", response=PinOut)
def set_person_pin(request: HttpRequest, person_id: Id, body: PinIn) -> Any:
    """Somebody of staff rings in by it; everybody may set their own."""
    row, pin = line_actions.set_pin(
        person_id=person_id, pin=body.pin, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {"pin": pin, "set_at": row.set_at}


@router.delete("/people/{person_id}/pin", response={204: None})
def clear_person_pin(request: HttpRequest, person_id: Id) -> Any:
    """They ring in by no PIN any more."""
    line_actions.clear_pin(person_id=person_id, by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None


def _saved(request: HttpRequest, body: PhoneLineIn, line_id: int | None) -> Line:
    values = body.dict()
    brand_id = values.pop("brand_id")
    return line_actions.save_line(
        brand_id=brand_id,
        line_id=line_id,
        wanted=line_actions.LineWanted(**values),
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
