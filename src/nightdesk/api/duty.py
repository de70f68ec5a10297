"""Who is on, and handing over."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict

from nightdesk.api.auth import actor_of
from nightdesk.api.scope import readable_brands
from nightdesk.api.values import Id, Instant
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.duty import actions, queries
from nightdesk.duty.queries import OnDuty
from nightdesk.rota.queries import load_seat

router = Router(tags=["duty"])


class SeatOut(Schema):
    """Who has a seat at an instant and who comes next. `held`: it is or was so; otherwise it is only planned.

    `person_id` is null where nobody has it, and where a team is planned, whose name is then `person_name`. `until` is
    null while the holder keeps what the next person should have accepted by now, and where nobody else is planned.
    """

    seat_key: str
    seat_name: str
    rota_name: str
    brand_id: int
    person_id: int | None
    person_name: str
    since: datetime | None
    until: datetime | None
    next_person_id: int | None
    next_person_name: str
    next_accepted: bool
    held: bool
    accepted: bool


class WhoIsOn(Schema):
    """Every seat that you may see, as it is, was or will be `at` that instant."""

    at: datetime
    items: list[SeatOut]


class Turn(Schema):
    """The turn that begins, or was on, at `turn_at`; `person_id` only where you accept for somebody else."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"turn_at": "2026-11-14T17:00:00Z"}]})
    turn_at: Instant
    person_id: Id | None = None


class ToPerson(Schema):
    """Who is to have it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"person_id": 7}]})
    person_id: Id


@router.get("/who-is-on", response=WhoIsOn)
def who_is_on(request: HttpRequest, at: Instant | None = None, brand_id: Id | None = None) -> Any:
    """Who is on duty now, was at an instant past, or will be."""
    brands = readable_brands(request, "read_rota")
    if brand_id is not None:
        brands = {brand_id} if brands is None else brands & {brand_id}
    now = clock.now()
    return {"at": at or now, "items": queries.who_is_on(at or now, brands, now=now)}


@router.post("/seats/{seat_key}/accept", response=SeatOut)
def accept_duty(request: HttpRequest, seat_key: str, body: Turn) -> Any:
    """Take a turn: one to come, which then passes at its hour, or the one that is on, which passes at once."""
    now = clock.now()
    actions.accept_duty(seat_key=seat_key, **body.dict(), by=actor_of(request), via=Door.API, at=now)
    return _seat(seat_key, now)


@router.post("/seats/{seat_key}/pass", response=SeatOut)
def pass_duty(request: HttpRequest, seat_key: str, body: ToPerson) -> Any:
    """Pass the duty to somebody: they have it from now on, or once they accept where turns must be accepted."""
    now = clock.now()
    actions.pass_duty(seat_key=seat_key, to_person_id=body.person_id, by=actor_of(request), via=Door.API, at=now)
    return _seat(seat_key, now)


@router.post("/seats/{seat_key}/take", response=SeatOut)
def take_duty(request: HttpRequest, seat_key: str) -> Any:
    """Have the duty yourself from now on."""
    now = clock.now()
    actions.take_duty(seat_key=seat_key, by=actor_of(request), via=Door.API, at=now)
    return _seat(seat_key, now)


@router.post("/seats/{seat_key}/first-holder", response=SeatOut)
def set_first_holder(request: HttpRequest, seat_key: str, body: ToPerson) -> Any:
    """Say who holds a seat that nobody has held yet."""
    now = clock.now()
    actions.set_first_holder(seat_key=seat_key, person_id=body.person_id, by=actor_of(request), via=Door.API, at=now)
    return _seat(seat_key, now)


def _seat(seat_key: str, now: datetime) -> OnDuty:
    brand_id = load_seat(seat_key).rota.brand_id
    return next(seat for seat in queries.who_is_on(now, {brand_id}, now=now) if seat.seat_key == seat_key)
