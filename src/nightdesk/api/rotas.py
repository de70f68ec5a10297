"""Rotas: seats, whose turns they are, changes for a while, swaps, turns from files, calendars."""

from datetime import date, datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Name
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.duty import feed_actions, seat_actions
from nightdesk.duty.queries import feed_address
from nightdesk.people.models import Person, Team
from nightdesk.rota import actions, import_actions, queries, resolve, swap_actions
from nightdesk.rota import seat_actions as rotas
from nightdesk.rota.models import Override, Rota, Seat, Swap

router = Router(tags=["rotas"])

TURNS_AT_MOST = timedelta(days=731)


class SeatIn(Schema):
    """A seat; without a `key` it gets one from its name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Backup"}]})
    name: Name
    key: str = Field("", max_length=50)
    acceptance_required: bool = False


class RotaIn(Schema):
    """`zone` is an IANA name, in which every turn is written. Give `seats`, or `begin_with` a starting point and who takes
    turns in it, in order.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "name": "Out of hours",
                    "zone": "Europe/London",
                    "seats": [{"key": "night", "name": "Night duty", "acceptance_required": True}],
                }
            ]
        },
    )
    brand_id: Id
    name: Name
    zone: str = Field(max_length=50)
    seats: list[SeatIn] = Field([], max_length=50)
    begin_with: str = Field("", max_length=40)
    person_ids: list[Id] = Field([], max_length=100)
    team_id: Id | None = None
    first_day: date | None = None


class RotaChanges(Schema):
    """What is left out stays. `swaps`: which a manager approves."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"swaps": "approved"}]})
    name: Name | None = None
    swaps: Literal["free", "warned", "approved"] | None = None


class SeatSkillNeed(Schema):
    """Whoever has the seat must know it at this level or better; without `hard` they should."""

    skill_id: Id
    level: int = Field(2, ge=1, le=3)
    hard: bool = True


class SeatChanges(Schema):
    """What is left out stays. `position` counts the rota's seats from 0; `skills` are all that it needs from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "First line", "position": 0}]})
    name: Name | None = None
    acceptance_required: bool | None = None
    position: int | None = Field(None, ge=0, le=1000)
    skills: list[SeatSkillNeed] | None = Field(None, max_length=50)


class RotaSeatOut(Schema):
    """`mark` tells these layers from others: give it as `seen` when you set new ones."""

    key: str
    name: str
    acceptance_required: bool
    layers: list[dict[str, Any]]
    skills: list[SeatSkillNeed]
    mark: str


class RotaOut(Schema):
    """A rota with its seats, in order."""

    id: int
    brand_id: int
    name: str
    zone: str
    swaps: str
    seats: list[RotaSeatOut]


class Rotas(Schema):
    """The rotas of your brands, by name."""

    items: list[RotaOut]


class LayersIn(Schema):
    """Lowest first, in the form that docs/rota.md gives. `seen` is the mark of what you had read: where the seat has other
    layers by now, nothing is done. `override_reason`: why it holds against a rule of working time that blocks it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"layers": [{"members": [{"person": 7}], "anchor": "2026-11-02T18:00", "turn": "week"}]}]
        },
    )
    layers: list[dict[str, Any]] = Field(max_length=20)
    seen: str | None = Field(None, max_length=64)
    override_reason: str = Field("", max_length=200)


class TurnOut(Schema):
    """`member` is {"person": id} or {"team": id}, null where nobody is planned."""

    start: datetime
    end: datetime
    member: dict[str, int] | None
    name: str


class Turns(Schema):
    """What is planned for a seat, gaps among it."""

    items: list[TurnOut]


class OverrideIn(Schema):
    """Over [`starts_at`, `ends_at`) a person comes on (add), goes off (remove), or takes another's place (replace).

    `override_reason`: why it holds against a rule of working time that blocks it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "add",
                    "starts_at": "2026-11-14T18:00:00Z",
                    "ends_at": "2026-11-15T08:00:00Z",
                    "member_id": 7,
                }
            ]
        },
    )
    kind: Literal["add", "remove", "replace"]
    starts_at: Instant
    ends_at: Instant
    member_id: Id | None = None
    instead_of_id: Id | None = None
    override_reason: str = Field("", max_length=200)


class OverrideOut(Schema):
    """A change for a while."""

    id: int
    seat_key: str
    kind: str
    starts_at: datetime
    ends_at: datetime
    member_id: int | None
    instead_of_id: int | None
    cancelled_at: datetime | None


class SwapIn(Schema):
    """You ask `asked_id` to take your seat over [`starts_at`, `ends_at`), and take theirs in return, or nothing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "seat_key": "night",
                    "starts_at": "2026-11-16T08:00:00Z",
                    "ends_at": "2026-11-23T08:00:00Z",
                    "asked_id": 7,
                }
            ]
        },
    )
    seat_key: str = Field(max_length=50)
    starts_at: Instant
    ends_at: Instant
    asked_id: Id
    back_seat_key: str = Field("", max_length=50)
    back_starts_at: Instant | None = None
    back_ends_at: Instant | None = None
    asked_by_id: Id | None = None


class SwapOut(Schema):
    """`state`: asked, accepted (a manager has still to approve), done, declined, refused or cancelled."""

    id: int
    seat_key: str
    starts_at: datetime
    ends_at: datetime
    back_seat_key: str | None
    back_starts_at: datetime | None
    back_ends_at: datetime | None
    asked_by_id: int
    asked_id: int
    state: str
    why: str
    asked_at: datetime
    settled_at: datetime | None


class Swaps(Schema):
    """Swaps of your brands that wait for somebody's word."""

    items: list[SwapOut]


class SwapApproval(Schema):
    """`override_reason`: why it holds against a rule of working time that blocks it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"override_reason": ""}]})
    override_reason: str = Field("", max_length=200)


class SwapRefusal(Schema):
    """`why` is told to both."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "Nobody else knows that ring."}]})
    why: str = Field("", max_length=200)


class TurnFileIn(Schema):
    """`content` is the text of an iCalendar file or a CSV; `aliases` are its words for people -> their id.

    `override_reason`: why it holds against a rule of working time that blocks it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "content": "seat,person,starts_at,ends_at\nnight,Bo,2026-11-14 18:00,2026-11-15 08:00\n",
                    "dry_run": True,
                }
            ]
        },
    )
    content: str = Field(max_length=4 * 1024 * 1024)
    seat_key: str = Field("", max_length=50)
    aliases: dict[str, Id] = Field({}, max_length=500)
    dry_run: bool = False
    skip_problems: bool = False
    override_reason: str = Field("", max_length=200)


class Line(Schema):
    """A line that cannot be used."""

    line: int
    what: str
    so: str
    do: str


class TurnChangeOut(Schema):
    """Over [`start`, `end`) the seat was one's and is another's; null: nobody's."""

    seat_key: str
    start: datetime
    end: datetime
    was: dict[str, int] | None
    now: dict[str, int] | None


class FileOut(Schema):
    """`written`: whether anything was; not in a dry run, nor where a line does not fit and was not to be left out."""

    written: bool
    read_as: str
    turns: int
    over: int
    changes: list[TurnChangeOut]
    problems: list[Line]


class CalendarOut(Schema):
    """The path of the calendar, which is its secret."""

    path: str


@router.get("/rotas", response=Rotas)
def list_rotas(request: HttpRequest) -> Any:
    """The rotas of your brands, their seats and layers."""
    return {"items": [_rota(row) for row in readable(request, "read_rota", Rota.objects.order_by("name", "id"))]}


@router.post("/rotas", response={201: RotaOut})
def make_rota(request: HttpRequest, body: RotaIn) -> Any:
    """Make a rota with its seats, or from a starting point."""
    now = clock.now()
    how: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": now}
    common: dict[str, Any] = {"brand_id": body.brand_id, "name": body.name, "zone": body.zone, **how}
    if body.begin_with:
        made = rotas.start_rota(
            begin_with=body.begin_with,
            person_ids=body.person_ids,
            team_id=body.team_id,
            first_day=body.first_day or now.date(),
            **common,
        )
    else:
        made = actions.make_rota(seats=[cast("actions.NewSeat", seat.dict()) for seat in body.seats], **common)
    return _rota(made)


@router.get("/rotas/{rota_id}", response=RotaOut)
def read_rota(request: HttpRequest, rota_id: Id) -> Any:
    """One rota."""
    return _rota(one(readable(request, "read_rota", Rota.objects.all()), id=rota_id))


@router.patch("/rotas/{rota_id}", response=RotaOut)
def edit_rota(request: HttpRequest, rota_id: Id, body: RotaChanges) -> Any:
    """Change its name, or which swaps a manager approves."""
    changes = body.dict(exclude_none=True)
    return _rota(rotas.edit_rota(rota_id=rota_id, changes=changes, by=actor_of(request), via=Door.API, at=clock.now()))


@router.post("/rotas/{rota_id}/seats", response={201: RotaSeatOut})
def add_seat(request: HttpRequest, rota_id: Id, body: SeatIn) -> Any:
    """One more seat."""
    seat = rotas.add_seat(rota_id=rota_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now())
    return _seat(seat)


@router.patch("/seats/{seat_key}", response=RotaSeatOut)
def edit_seat(request: HttpRequest, seat_key: str, body: SeatChanges) -> Any:
    """Change what a seat is called, its place, or how its duty passes."""
    changes = body.dict(exclude_none=True)
    if body.skills is not None:
        changes["skills"] = {each.skill_id: (each.level, each.hard) for each in body.skills}
    seat = rotas.edit_seat(seat_key=seat_key, changes=changes, by=actor_of(request), via=Door.API, at=clock.now())
    return _seat(seat)


@router.delete("/seats/{seat_key}", response={204: None})
def remove_seat(request: HttpRequest, seat_key: str) -> Any:
    """Remove a seat: its duty ends, its record stays."""
    seat_actions.remove_seat(seat_key=seat_key, by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None


@router.put("/seats/{seat_key}/layers", response=RotaSeatOut)
def set_layers(request: HttpRequest, seat_key: str, body: LayersIn) -> Any:
    """Say whose turns it has, in place of those it had."""
    seat = actions.set_layers(
        seat_key=seat_key,
        layers=body.layers,
        seen=body.seen,
        override_reason=body.override_reason,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
    return _seat(seat)


@router.post("/rota-changes/{change_id}/undo", response=RotaSeatOut)
def undo_layers(request: HttpRequest, change_id: UUID) -> Any:
    """Give a seat the layers back that the change in this journal entry took away."""
    return _seat(actions.undo_layers(entry_id=change_id, by=actor_of(request), via=Door.API, at=clock.now()))


@router.get("/seats/{seat_key}/turns", response=Turns)
def list_turns(request: HttpRequest, seat_key: str, start: Instant, end: Instant) -> Any:
    """What is planned for a seat over [`start`, `end`), two years at most."""
    seat = _readable_seat(request, seat_key)
    end = min(max(end, start), start + TURNS_AT_MOST)
    return {"items": _turns(queries.turns(seat.key, start, end))}


@router.post("/seats/{seat_key}/preview", response=Turns)
def preview_layers(request: HttpRequest, seat_key: str, body: LayersIn) -> Any:
    """The next eight turns that these layers would give the seat; nothing is changed."""
    seat = _readable_seat(request, seat_key)
    plan = queries.drafted(seat.key, body.layers)
    return {"items": _turns(resolve.next_turns(plan, seat.key, clock.now(), 8))}


@router.post("/seats/{seat_key}/overrides", response={201: OverrideOut})
def add_override(request: HttpRequest, seat_key: str, body: OverrideIn) -> Any:
    """Change who is on for a while."""
    return _override(
        actions.add_override(seat_key=seat_key, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now())
    )


@router.delete("/overrides/{override_id}", response=OverrideOut)
def cancel_override(request: HttpRequest, override_id: Id) -> Any:
    """Take a change back: the rest of it does not happen."""
    return _override(
        actions.cancel_override(override_id=override_id, by=actor_of(request), via=Door.API, at=clock.now())
    )


@router.get("/swaps", response=Swaps)
def list_swaps(request: HttpRequest) -> Any:
    """Swaps that wait for somebody's word, by their beginning."""
    rows = readable(request, "read_rota", Rota.objects.all())
    now = clock.now()
    return {"items": [_swap(swap) for rota in rows for swap in queries.open_swaps(rota.id, now)]}


@router.post("/swaps", response={201: SwapOut})
def ask_swap(request: HttpRequest, body: SwapIn) -> Any:
    """Ask somebody to take a turn of yours."""
    return _swap(swap_actions.ask_swap(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now()))


@router.post("/swaps/{swap_id}/accept", response=SwapOut)
def accept_swap(request: HttpRequest, swap_id: Id) -> Any:
    """Take the turn that you are asked to take."""
    return _swap(swap_actions.accept_swap(swap_id=swap_id, by=actor_of(request), via=Door.API, at=clock.now()))


@router.post("/swaps/{swap_id}/decline", response=SwapOut)
def decline_swap(request: HttpRequest, swap_id: Id) -> Any:
    """Do not take it."""
    return _swap(swap_actions.decline_swap(swap_id=swap_id, by=actor_of(request), via=Door.API, at=clock.now()))


@router.post("/swaps/{swap_id}/approve", response=SwapOut)
def approve_swap(request: HttpRequest, swap_id: Id, body: SwapApproval) -> Any:
    """Let happen what both agreed on."""
    reason = body.override_reason
    return _swap(
        swap_actions.approve_swap(
            swap_id=swap_id, override_reason=reason, by=actor_of(request), via=Door.API, at=clock.now()
        )
    )


@router.post("/swaps/{swap_id}/refuse", response=SwapOut)
def refuse_swap(request: HttpRequest, swap_id: Id, body: SwapRefusal) -> Any:
    """Do not let it happen."""
    return _swap(
        swap_actions.refuse_swap(swap_id=swap_id, why=body.why, by=actor_of(request), via=Door.API, at=clock.now())
    )


@router.post("/swaps/{swap_id}/cancel", response=SwapOut)
def cancel_swap(request: HttpRequest, swap_id: Id) -> Any:
    """Do not ask any more."""
    return _swap(swap_actions.cancel_swap(swap_id=swap_id, by=actor_of(request), via=Door.API, at=clock.now()))


@router.post("/rotas/{rota_id}/import", response=FileOut)
def import_turns(request: HttpRequest, rota_id: Id, body: TurnFileIn) -> Any:
    """Take turns from a calendar or a table, or see what it would do."""
    result = import_actions.import_turns(
        rota_id=rota_id,
        content=body.content.encode(),
        only_seat=body.seat_key,
        aliases=body.aliases,
        dry_run=body.dry_run,
        skip_problems=body.skip_problems,
        override_reason=body.override_reason,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
    written = bool(result.turns) and not body.dry_run and (body.skip_problems or not result.problems)
    return {
        "written": written,
        "read_as": result.read_as,
        "turns": result.turns,
        "over": result.over,
        "changes": [
            {
                "seat_key": each.seat,
                "start": each.start,
                "end": each.end,
                "was": _plain(each.was),
                "now": _plain(each.now),
            }
            for each in result.changes
        ],
        "problems": [{"line": each.line, "what": each.what, "so": each.so, "do": each.do} for each in result.problems],
    }


@router.post("/rotas/{rota_id}/calendar", response=CalendarOut)
def renew_feed(request: HttpRequest, rota_id: Id) -> Any:
    """Give the rota's calendar a new address: the one before is good no more."""
    feed_actions.renew_feed(whose="rota", id_=rota_id, by=actor_of(request), via=Door.API, at=clock.now())
    return {"path": reverse("duty_feed", args=[feed_address("rota", rota_id)])}


@router.post("/people/{person_id}/calendar", response=CalendarOut)
def renew_persons_feed(request: HttpRequest, person_id: Id) -> Any:
    """Give a person's calendar a new address: your own, or as who may in every brand."""
    feed_actions.renew_feed(whose="person", id_=person_id, by=actor_of(request), via=Door.API, at=clock.now())
    return {"path": reverse("duty_feed", args=[feed_address("person", person_id)])}


def _readable_seat(request: HttpRequest, seat_key: str) -> Seat:
    rows = readable(request, "read_rota", Seat.objects.filter(key=seat_key, removed_at=None), "rota__brand_id")
    seat = rows.first()
    if seat is None:
        raise NotFound(
            _("A seat was asked for."), _("There is none of that key that you may see."), _("Look at the rotas.")
        )
    return seat


def _rota(row: Rota) -> dict[str, Any]:
    names = ("id", "brand_id", "name", "zone", "swaps")
    return {name: getattr(row, name) for name in names} | {"seats": [_seat(seat) for seat in queries.seats_on(row.id)]}


def _seat(seat: Seat) -> dict[str, Any]:
    layers = queries.plain_layers(seat.key)
    names = ("key", "name", "acceptance_required")
    skills = [
        {"skill_id": id_, "level": level, "hard": hard} for id_, (level, hard) in queries.skills_of_seat(seat).items()
    ]
    return {name: getattr(seat, name) for name in names} | {
        "layers": layers,
        "skills": skills,
        "mark": queries.layers_mark(seat.key),
    }


def _plain(member: Any) -> dict[str, int] | None:
    return {member[0]: member[1]} if member is not None else None


def _turns(turns: list[resolve.Turn]) -> list[dict[str, Any]]:
    members: set[Any] = {turn.member for turn in turns}
    people = {member[1] for member in members if member and member[0] == "person"}
    teams = {member[1] for member in members if member and member[0] == "team"}
    names: dict[Any, str] = {
        ("person", id_): name for id_, name in Person.objects.filter(id__in=people).values_list("id", "name")
    }
    names |= {("team", id_): name for id_, name in Team.objects.filter(id__in=teams).values_list("id", "name")}
    return [
        {"start": turn.start, "end": turn.end, "member": _plain(turn.member), "name": names.get(turn.member, "")}
        for turn in turns
    ]


def _swap(swap: Swap) -> dict[str, Any]:
    names = ("starts_at", "ends_at", "back_starts_at", "back_ends_at", "asked_by_id", "asked_id", "state", "why")
    return {name: getattr(swap, name) for name in (*names, "asked_at", "settled_at")} | {
        "id": swap.pk,
        "seat_key": swap.seat.key,
        "back_seat_key": swap.back_seat.key if swap.back_seat is not None else None,
    }


def _override(row: Override) -> dict[str, Any]:
    names = ("id", "kind", "starts_at", "ends_at", "member_id", "instead_of_id", "cancelled_at")
    return {name: getattr(row, name) for name in names} | {"seat_key": row.seat.key}
