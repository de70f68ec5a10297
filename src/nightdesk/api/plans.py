"""Plans of a rota, what a seat needs filled, people's wishes, and cover for who drops out."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import forbidden
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Id, Instant, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.duty import cover_actions
from nightdesk.duty.models import CoverSearch
from nightdesk.people.models import Person
from nightdesk.people.reading_actions import What, note_read
from nightdesk.rota import comparing, drafts, plan_actions, planning, queries
from nightdesk.rota.models import Plan, PlanWish

router = Router(tags=["plans"])


class ShiftIn(Schema):
    """A shift that begins on each of `weekdays` (0 is Monday), by the rota's clocks; it may close on the next day."""

    model_config = ConfigDict(extra="forbid")
    weekdays: list[int] = Field(min_length=1, max_length=7)
    opens: str = Field(max_length=5)
    closes: str = Field(max_length=5)


class ShiftsIn(Schema):
    """What the planner fills of a seat, one person of the team each; no shifts: it is planned by turns alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"team_id": 1, "shifts": [{"weekdays": [0, 1, 2, 3, 4, 5, 6], "opens": "20:00", "closes": "08:00"}]}
            ]
        },
    )
    team_id: Id | None = None
    shifts: list[ShiftIn] = Field([], max_length=12)


class ShiftsOut(Schema):
    """A seat with its shifts."""

    seat_key: str
    team_id: int | None
    shifts: list[dict[str, Any]]


class DraftIn(Schema):
    """A plan of the days from `starts_on` until `ends_on` (not included). With `steps` alone the same rows, seed and version
    give the same plan again; `seconds` by the clock do not.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"starts_on": "2026-12-01", "ends_on": "2027-01-01", "seed": 1}]},
    )
    starts_on: date
    ends_on: date
    seed: int = Field(1, ge=0, le=2**31 - 1)
    steps: int = Field(200_000, ge=1, le=plan_actions.MOST_STEPS)
    seconds: float | None = Field(None, ge=1, le=plan_actions.MOST_SECONDS)
    solver: bool = False


class RepairIn(Schema):
    """A plan with as few changes as can be, for somebody who cannot work in that time."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"person_id": 7, "since": "2026-12-09T18:00:00Z", "until": "2026-12-13T18:00:00Z"}]
        },
    )
    person_id: Id
    since: Instant
    until: Instant
    seed: int = Field(1, ge=0, le=2**31 - 1)


class ShiftEdit(Schema):
    """Who has the shift of the seat that starts then, in the draft; null: nobody."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"seat_key": "night", "starts_at": "2026-12-09T20:00:00Z", "person_id": 7}]},
    )
    seat_key: str = Field(max_length=50)
    starts_at: Instant
    person_id: Id | None = None


class PublishIn(Schema):
    """`override_reason`: why it holds against a rule that blocks it; kept with the name of whoever gave it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"override_reason": ""}]})
    override_reason: str = Field("", max_length=200)


class PlanOut(Schema):
    """A plan. `made_with` is the engine, its version, seed and budget; `bound`: no plan costs less; `progress` while it is
    being made. `gaps` and `lines` are docs/rota.md's.
    """

    id: UUID
    rota_id: int
    number: int
    starts_on: date
    ends_on: date
    state: str
    made_at: datetime
    made_by: str
    made_with: dict[str, Any]
    reproducible: bool
    cost: int | None
    bound: int | None
    gaps: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    progress: dict[str, Any]
    failure: str
    published_at: datetime | None
    published_by: str


class PlannedShiftOut(Schema):
    """One shift. `published`: it is in force."""

    id: int
    seat_key: str
    person_id: int
    person_name: str
    starts_at: datetime
    ends_at: datetime
    published: bool


class PlanChangeOut(Schema):
    """Over that time the seat would be `now`'s where it was another's: ["person", id], ["team", id], or null for nobody."""

    seat: str
    starts_at: datetime
    ends_at: datetime
    was: list[Any] | None
    now: list[Any] | None


class RuleOut(Schema):
    """What the rules say of somebody in the plan. `blocks`: it is published only with a reason."""

    person_id: int
    start: datetime
    text: str
    blocks: bool


class PlanComparison(Schema):
    """What publishing the draft now would change, and what the rules say of it."""

    changes: list[PlanChangeOut]
    rules: list[RuleOut]


class PlanWishIn(Schema):
    """What somebody would like of the next plan."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"starts_at": "2026-12-24T12:00:00Z", "ends_at": "2026-12-27T08:00:00Z", "wants": "avoid", "weight": 9}
            ]
        },
    )
    starts_at: Instant
    ends_at: Instant
    wants: Literal["prefer", "avoid"]
    weight: int = Field(3, ge=1, le=9)
    note: str = Field("", max_length=200)


class PlanWishOut(Schema):
    """A wish; only the person and whoever plans for them read it."""

    id: int
    person_id: int
    starts_at: datetime
    ends_at: datetime
    wants: str
    weight: int
    note: str


class CoverIn(Schema):
    """Somebody drops out: who may is asked, in order or together. Without `until` for the rest of that turn."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"from": "2026-12-09T18:00:00Z", "together": True}]}
    )
    from_: Instant | None = Field(None, alias="from")
    until: Instant | None = None
    instead_of_id: Id | None = None
    together: bool = False


class AskOut(Schema):
    """Somebody of a search; `answer` is yes, no, or late: yes, when somebody else had it."""

    person: Named
    asked_at: datetime | None
    answered_at: datetime | None
    answer: str | None


class CoverOut(Schema):
    """A search for cover: `state` is asking, taken, nobody or called_off."""

    id: int
    seat_key: str
    starts_at: datetime
    ends_at: datetime
    instead_of: Named | None
    state: str
    taken_by: Named | None
    together: bool
    deadline_at: datetime
    made_at: datetime
    made_by: str
    asks: list[AskOut]


class Answering(Schema):
    """For whom; nothing: for yourself."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})
    person_id: Id | None = None


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


def _plans(request: HttpRequest) -> Any:
    rows = Plan.objects.select_related("rota__brand", "drafting")
    return readable(request, "read_plans", rows, "rota__brand_id")


def told(rows: list[Plan]) -> list[dict[str, Any]]:
    """Plans as PlanOut reads them."""
    return [_told(row) for row in rows]


def _told(row: Plan) -> dict[str, Any]:
    run = getattr(row, "drafting", None)
    names = set(PlanOut.model_fields) - {"progress", "failure"}
    return {name: getattr(row, name) for name in names} | {
        "progress": run.progress if run is not None and row.state == Plan.State.MAKING else {},
        "failure": run.failure if run is not None else "",
    }


@router.put("/seats/{seat_key}/shifts", response=ShiftsOut)
def set_shifts(request: HttpRequest, seat_key: str, body: ShiftsIn) -> Any:
    """Say which shifts a seat has, and whose people may have them."""
    shifts = [each.dict() for each in body.shifts]
    seat = plan_actions.set_shifts(seat_key=seat_key, team_id=body.team_id, shifts=shifts, **_doing(request))
    return {"seat_key": seat.key, "team_id": seat.team_id, "shifts": seat.shifts}


@router.get("/plans", response=Listing[PlanOut])
def list_plans(request: HttpRequest, cut: Query[Cut], rota_id: Id | None = None) -> Any:
    """Plans, the newest first."""
    rows = _plans(request)
    if rota_id is not None:
        rows = rows.filter(rota=rota_id)
    return list_rows(request, rows, PlanOut, cut, newest_first=True, prepare=told)


@router.post("/rotas/{rota_id}/plans", response={201: PlanOut})
def make_draft(request: HttpRequest, rota_id: Id, body: DraftIn) -> Any:
    """Have a draft made; ask for it again to see how far it is."""
    effort = plan_actions.Effort(body.steps, body.seconds, body.solver)
    made = plan_actions.make_draft(
        rota_id=rota_id,
        starts_on=body.starts_on,
        ends_on=body.ends_on,
        effort=effort,
        seed=body.seed,
        **_doing(request),
    )
    return 201, _told(made)


@router.post("/rotas/{rota_id}/repairs", response={201: PlanOut})
def draft_repair(request: HttpRequest, rota_id: Id, body: RepairIn) -> Any:
    """Have a draft made that changes as little as can be, for somebody who cannot work."""
    made = plan_actions.draft_repair(
        rota_id=rota_id,
        person_id=body.person_id,
        since_at=body.since,
        until_at=body.until,
        seed=body.seed,
        **_doing(request),
    )
    return 201, _told(made)


@router.get("/plans/{plan_id}", response=PlanOut)
def read_plan(request: HttpRequest, plan_id: UUID) -> Any:
    """One plan, and how far it is while it is being made."""
    return _told(one(_plans(request), id=plan_id))


@router.get("/plans/{plan_id}/shifts", response=Listing[PlannedShiftOut])
def list_plan_shifts(request: HttpRequest, plan_id: UUID, cut: Query[Cut]) -> Any:
    """Every shift of a plan, by start."""
    row = one(_plans(request), id=plan_id)
    rows = row.shifts.select_related("seat", "person")

    def prepare(shifts: list[Any]) -> list[dict[str, Any]]:
        return [
            {
                "id": each.id,
                "seat_key": each.seat.key,
                "person_id": each.person_id,
                "person_name": each.person.name,
                "starts_at": each.starts_at,
                "ends_at": each.ends_at,
                "published": each.published,
            }
            for each in shifts
        ]

    return list_rows(request, rows, PlannedShiftOut, cut, order=("starts_at", "id"), prepare=prepare)


@router.get("/plans/{plan_id}/comparison", response=PlanComparison)
def compare_plan(request: HttpRequest, plan_id: UUID) -> Any:
    """What publishing the draft now would change for whom, and what the rules say."""
    row, at = one(_plans(request), id=plan_id), clock.now()
    start, end = drafts.span_of(row)
    start = max(start, at)
    found: list[comparing.Change] = []
    if row.state == Plan.State.DRAFT and start < end:
        after = planning.spans_with(row.rota, row.shifts.order_by("starts_at"), start, end)
        found = comparing.changes(planning.spans_of(row.rota, start, end), after)
    rules = drafts.findings(row, at) if row.state == Plan.State.DRAFT else []
    return {"changes": [each.as_facts() for each in found], "rules": rules}


@router.put("/plans/{plan_id}/shifts", response=PlanOut)
def set_draft_shift(request: HttpRequest, plan_id: UUID, body: ShiftEdit) -> Any:
    """Give one shift of a draft to somebody, or to nobody."""
    return _told(plan_actions.set_draft_shift(plan_id=plan_id, **body.dict(), **_doing(request)))


@router.post("/plans/{plan_id}/stop", response=PlanOut)
def stop_draft(request: HttpRequest, plan_id: UUID) -> Any:
    """Stop making it, and keep the best so far."""
    return _told(plan_actions.stop_draft(plan_id=plan_id, **_doing(request)))


@router.post("/plans/{plan_id}/discard", response=PlanOut)
def discard_draft(request: HttpRequest, plan_id: UUID) -> Any:
    """Nobody wants it any more."""
    return _told(plan_actions.discard_draft(plan_id=plan_id, **_doing(request)))


@router.post("/plans/{plan_id}/copy", response={201: PlanOut})
def copy_plan(request: HttpRequest, plan_id: UUID) -> Any:
    """Take an earlier plan as a draft again."""
    return 201, _told(plan_actions.copy_plan(plan_id=plan_id, **_doing(request)))


@router.post("/plans/{plan_id}/publish", response=PlanOut)
def publish_plan(request: HttpRequest, plan_id: UUID, body: PublishIn) -> Any:
    """It holds from now; whoever it touches is told."""
    return _told(plan_actions.publish_plan(plan_id=plan_id, override_reason=body.override_reason, **_doing(request)))


@router.get("/people/{person_id}/plan-wishes", response=Listing[PlanWishOut])
def list_plan_wishes(request: HttpRequest, person_id: Id, cut: Query[Cut]) -> Any:
    """Somebody's wishes for the next plan: your own, or of whom you plan for."""
    _wisher(request, person_id)
    note_read(person_ids=[person_id], what=What.HOURS, by=actor_of(request), via=Door.API, at=clock.now())
    return list_rows(request, PlanWish.objects.filter(person=person_id), PlanWishOut, cut)


@router.post("/people/{person_id}/plan-wishes", response={201: PlanWishOut})
def note_wish(request: HttpRequest, person_id: Id, body: PlanWishIn) -> Any:
    """Note a wish for the next plan."""
    return 201, plan_actions.note_wish(person_id=person_id, **body.dict(), **_doing(request))


@router.delete("/plan-wishes/{plan_wish_id}", response={204: None})
def drop_wish(request: HttpRequest, plan_wish_id: Id) -> Any:
    """Take a wish back."""
    plan_actions.drop_wish(wish_id=plan_wish_id, **_doing(request))
    return 204, None


def _wisher(request: HttpRequest, person_id: int) -> None:
    readable_brands(request, "note_wish")
    person = Person.objects.filter(id=person_id).first()
    if person is None:
        raise NotFound(
            _("Somebody's wishes were asked for."), _("There is no such person."), _("Name one of the staff.")
        )
    if not queries.may_wish_for(actor_of(request), person):
        raise forbidden(actor_of(request), "note_wish")


def _covers(request: HttpRequest) -> Any:
    rows = CoverSearch.objects.select_related("seat__rota", "instead_of", "taken_by")
    return readable(request, "read_cover", rows, "seat__rota__brand_id")


def _cover(row: CoverSearch) -> dict[str, Any]:
    names = set(CoverOut.model_fields) - {"seat_key", "asks"}
    return {name: getattr(row, name) for name in names} | {
        "seat_key": row.seat.key,
        "asks": list(row.asks.select_related("person")),
    }


def covers_told(rows: list[CoverSearch]) -> list[dict[str, Any]]:
    """Searches as CoverOut reads them."""
    return [_cover(row) for row in rows]


@router.get("/cover", response=Listing[CoverOut])
def list_cover(request: HttpRequest, cut: Query[Cut], state: str | None = None) -> Any:
    """Searches for cover, the newest first."""
    rows = _covers(request)
    if state:
        rows = rows.filter(state=state)
    return list_rows(request, rows, CoverOut, cut, newest_first=True, prepare=covers_told)


@router.post("/seats/{seat_key}/cover", response={201: CoverOut})
def seek_cover(request: HttpRequest, seat_key: str, body: CoverIn) -> Any:
    """Have people asked to stand in; the first yes has it, and the rest are told."""
    doing = _doing(request)
    made = cover_actions.seek_cover(
        seat_key=seat_key,
        starts_at=body.from_ or doing["at"],
        ends_at=body.until,
        instead_of_id=body.instead_of_id,
        together=body.together,
        **doing,
    )
    return 201, _cover(made)


@router.get("/cover/{search_id}", response=CoverOut)
def read_cover(request: HttpRequest, search_id: Id) -> Any:
    """One search: who was asked, and what they said."""
    return _cover(one(_covers(request), id=search_id))


@router.post("/cover/{search_id}/take", response=CoverOut)
def take_cover(request: HttpRequest, search_id: Id, body: Answering) -> Any:
    """Yes: the first has it."""
    return _cover(cover_actions.take_cover(search_id=search_id, **body.dict(), **_doing(request)).search)


@router.post("/cover/{search_id}/decline", response=CoverOut)
def turn_down_cover(request: HttpRequest, search_id: Id, body: Answering) -> Any:
    """No: the next one is asked."""
    return _cover(cover_actions.turn_down_cover(search_id=search_id, **body.dict(), **_doing(request)).search)


@router.post("/cover/{search_id}/call-off", response=CoverOut)
def call_off_cover(request: HttpRequest, search_id: Id) -> Any:
    """Nobody need stand in any more."""
    return _cover(cover_actions.call_off_cover(search_id=search_id, **_doing(request)))
