"""Planned work that customers hear of, what is agreed about it, and the carriers that announce theirs."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.files import read_file
from nightdesk.base.refusals import Invalid
from nightdesk.outages import carrier_actions, work_actions, work_rule_actions
from nightdesk.outages import work_queries as queries
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Carrier, CarrierNote, Freeze, Objection, Part, Work, WorkNotice

router = Router(tags=["maintenance"])
How = Literal["reduced", "degraded", "down"]
State = Literal["proposed", "tentative", "announced", "in_progress", "completed", "cancelled", "dismissed"]


class MaintenancePartIn(Schema):
    """A part by its key, and what becomes of it meanwhile."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=1, max_length=120)
    effect: How = "down"


class MaintenanceIn(Schema):
    """`texts`: language -> what customers read of it beside what it does to them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "title": "Move the fibre in Dock Street",
                    "from": "2026-12-03T02:00:00Z",
                    "until": "2026-12-03T04:00:00Z",
                    "parts": [{"key": "fibre-1", "effect": "down"}],
                    "texts": {"en-gb": "The fibre in Dock Street is moved."},
                }
            ]
        },
    )
    brand_id: Id
    title: str = Field(min_length=1, max_length=200)
    from_: Instant = Field(alias="from")
    until: Instant
    parts: list[MaintenancePartIn] = Field(min_length=1, max_length=500)
    texts: dict[str, str] = {}
    person_id: Id | None = None
    policy_id: Id | None = None
    attended: bool = True
    public_title: str = Field("", max_length=200)


class MaintenanceChange(Schema):
    """What is left out stays. `note` is told to those who have heard of it; `despite` says why, where it clashes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"until": "2026-12-03T05:00:00Z"}]})
    title: str | None = Field(None, min_length=1, max_length=200)
    from_: Instant | None = Field(None, alias="from")
    until: Instant | None = None
    parts: list[MaintenancePartIn] | None = Field(None, min_length=1, max_length=500)
    texts: dict[str, str] | None = None
    person_id: Id | None = None
    public_title: str | None = Field(None, max_length=200)
    note: str = Field("", max_length=2000)
    despite: str = Field("", max_length=300)


class MaintenanceAnnouncement(Schema):
    """`tentative`: it is not certain yet. `despite`: why it is announced although it clashes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"tentative": False}]})
    tentative: bool = False
    note: str = Field("", max_length=2000)
    despite: str = Field("", max_length=300)


class MaintenanceNote(Schema):
    """What those who have heard of it are told besides."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "It went well."}]})
    note: str = Field("", max_length=2000)


class MaintenanceExtension(Schema):
    """Until when it lasts now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"until": "2026-12-03T05:00:00Z"}]})
    until: Instant
    note: str = Field("", max_length=2000)


class MaintenanceDismissal(Schema):
    """The reason, for whoever looks at it later."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "It is another carrier's."}]})
    why: str = Field(min_length=1, max_length=300)


class MaintenancePartOut(Schema):
    key: str
    name: str
    effect: str


class MaintenanceOut(Schema):
    """`name` is how people call it. `change`: what its carrier has said since, and nobody has taken yet."""

    id: UUID
    brand_id: int
    name: str
    title: str
    state: State
    from_at: datetime
    until_at: datetime
    texts: dict[str, str]
    parts: list[MaintenancePartOut]
    person: Named | None
    public_title: str
    customers: int
    carrier: Named | None
    carrier_ref: str
    problems: list[str]
    change: dict[str, Any] | None
    made_by: str
    announced_at: datetime | None
    begun_at: datetime | None
    ended_at: datetime | None


class OneMaintenanceOut(MaintenanceOut):
    """`warnings`: what speaks against it, in sentences. `objections`: customers who say that it clashes."""

    warnings: list[str]
    objections: list[dict[str, Any]]


class MaintenanceNoticeOut(Schema):
    """What one customer was told. `sequence` is that of their MAINTNOTE, which `file` gives where it was sent."""

    id: UUID
    customer: Named
    kind: str
    status: str
    sequence: int
    from_at: datetime
    until_at: datetime
    objects: list[str]
    people: int
    at: datetime
    file: str | None


class CarrierIn(Schema):
    """`senders`: addresses, or `@domain`. `parser`: who reads its own format; none where it writes MAINTNOTE."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"brand_id": 1, "name": "Northline", "senders": ["@northline.example"]}]},
    )
    brand_id: Id
    name: str = Field(min_length=1, max_length=120)
    names: list[str] = Field([], max_length=20)
    senders: list[str] = Field([], max_length=20)
    parser: str = Field("", max_length=40)


class CarrierOut(Schema):
    id: int
    brand_id: int
    name: str
    names: list[str]
    senders: list[str]
    parser: str


class CarrierNoteOut(Schema):
    """What a carrier said, as it was read, and what became of it. `unknown`: objects that are no part of ours."""

    id: int
    brand_id: int
    carrier: Named | None
    at: datetime
    provider: str
    ref: str
    status: str
    became: str
    outcome: str
    problems: list[str]
    unknown: list[str]
    work_id: UUID | None
    mail_id: UUID | None


class MaintenanceRulesIn(Schema):
    """See the settings page of planned work. `planners_id` is a team."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"notice_days": 10, "remind_hours": [24]}]}
    )
    provider: str = Field("", max_length=120)
    organizer: str = Field("", max_length=254)
    notice_days: int = Field(10, ge=0, le=365)
    remind_hours: list[int] = Field([24], max_length=5)
    planners_id: Id | None = None


class MaintenanceRulesOut(Schema):
    provider: str
    organizer: str
    notice_days: int
    remind_hours: list[int]
    planners_id: int | None


class FreezeIn(Schema):
    """Both days are included. Without `customer_id` it holds for the whole brand."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"brand_id": 1, "name": "Christmas trade", "first_day": "2026-12-15", "last_day": "2026-12-31"}
            ]
        },
    )
    brand_id: Id
    name: str = Field(min_length=1, max_length=120)
    first_day: date
    last_day: date
    customer_id: Id | None = None


class FreezeOut(Schema):
    id: int
    brand_id: int
    customer: Named | None
    name: str
    first_day: date
    last_day: date


class WorkNoticeTerms(Schema):
    """Days before; null: as the brand's rules say."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"notice_days": 14}]})
    notice_days: int | None = Field(ge=0, le=365)


class MaintnoteWanted(Schema):
    """Whether notices come with a MAINTNOTE file. `method` is its calendar's; most programs want none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"wanted": True}]})
    wanted: bool
    method: Literal["", "PUBLISH", "REQUEST"] = ""


@router.get("/maintenance", response=Listing[MaintenanceOut])
def list_maintenance(
    request: HttpRequest, cut: Query[Cut], state: Literal["proposed", "open", "ended"] | None = None
) -> Any:
    """Planned work of your brands, the latest first; `open` is what has not ended, proposals among it."""
    rows = _work(request)
    if state:
        rows = rows.filter(state="proposed") if state == "proposed" else rows.filter(ended_at__isnull=state == "open")
    return list_rows(request, rows, MaintenanceOut, cut, order=("from_at", "id"), newest_first=True, prepare=_told)


@router.post("/maintenance", response={201: OneMaintenanceOut})
def draft_work(request: HttpRequest, body: MaintenanceIn) -> Any:
    """Put work down: whom it touches is worked out, and nobody outside hears before it is announced."""
    work = work_actions.draft_work(
        **body.dict(exclude={"from_", "until", "parts"}),
        from_at=body.from_,
        until_at=body.until,
        parts=_parts(body.brand_id, body.parts),
        **_by(request),
    )
    return _one(request, work.pk)


@router.get("/maintenance/{maintenance_id}", response=OneMaintenanceOut)
def read_maintenance(request: HttpRequest, maintenance_id: UUID) -> Any:
    """One piece of planned work, with what speaks against it."""
    return _one(request, maintenance_id)


@router.patch("/maintenance/{maintenance_id}", response=OneMaintenanceOut)
def edit_work(request: HttpRequest, maintenance_id: UUID, body: MaintenanceChange) -> Any:
    """Change it; whoever has heard of it is told of another window, other parts or other words."""
    given = body.dict(exclude={"from_", "until", "parts"}, exclude_unset=True)
    parts = None
    if body.parts is not None:
        parts = _parts(one(_work(request), id=maintenance_id).brand_id, body.parts)
    work_actions.edit_work(
        work_id=maintenance_id, from_at=body.from_, until_at=body.until, parts=parts, **given, **_by(request)
    )
    return _one(request, maintenance_id)


@router.post("/maintenance/{maintenance_id}/announce", response=OneMaintenanceOut)
def announce_work(request: HttpRequest, maintenance_id: UUID, body: MaintenanceAnnouncement) -> Any:
    """Tell those touched. 409 with the code work-clashes where a contract's notice or a freeze is against it."""
    work_actions.announce_work(work_id=maintenance_id, **body.dict(), **_by(request))
    return _one(request, maintenance_id)


@router.post("/maintenance/{maintenance_id}/open", response=OneMaintenanceOut)
def open_work(request: HttpRequest, maintenance_id: UUID, body: MaintenanceNote) -> Any:
    """It has begun, before its time too."""
    work_actions.open_work(work_id=maintenance_id, note=body.note, **_by(request))
    return _one(request, maintenance_id)


@router.post("/maintenance/{maintenance_id}/prolong", response=OneMaintenanceOut)
def prolong_work(request: HttpRequest, maintenance_id: UUID, body: MaintenanceExtension) -> Any:
    """It takes longer."""
    work_actions.prolong_work(work_id=maintenance_id, until_at=body.until, note=body.note, **_by(request))
    return _one(request, maintenance_id)


@router.post("/maintenance/{maintenance_id}/close", response=OneMaintenanceOut)
def close_work(request: HttpRequest, maintenance_id: UUID, body: MaintenanceNote) -> Any:
    """It is done."""
    work_actions.close_work(work_id=maintenance_id, note=body.note, **_by(request))
    return _one(request, maintenance_id)


@router.post("/maintenance/{maintenance_id}/call-off", response=OneMaintenanceOut)
def call_off_work(request: HttpRequest, maintenance_id: UUID, body: MaintenanceNote) -> Any:
    """It does not take place, or is broken off."""
    work_actions.call_off_work(work_id=maintenance_id, note=body.note, **_by(request))
    return _one(request, maintenance_id)


@router.post("/maintenance/{maintenance_id}/dismiss", response=OneMaintenanceOut)
def dismiss_work(request: HttpRequest, maintenance_id: UUID, body: MaintenanceDismissal) -> Any:
    """What was only proposed is no work of ours."""
    work_actions.dismiss_work(work_id=maintenance_id, why=body.why, **_by(request))
    return _one(request, maintenance_id)


@router.post("/maintenance/{maintenance_id}/take-change", response=OneMaintenanceOut)
def take_carrier_change(request: HttpRequest, maintenance_id: UUID, body: MaintenanceAnnouncement) -> Any:
    """What the carrier says since is so, and customers are told."""
    carrier_actions.take_carrier_change(work_id=maintenance_id, note=body.note, despite=body.despite, **_by(request))
    return _one(request, maintenance_id)


@router.post("/maintenance/{maintenance_id}/drop-change", response=OneMaintenanceOut)
def drop_carrier_change(request: HttpRequest, maintenance_id: UUID) -> Any:
    """It stays as it is, whatever the carrier says."""
    carrier_actions.drop_carrier_change(work_id=maintenance_id, **_by(request))
    return _one(request, maintenance_id)


@router.get("/maintenance/{maintenance_id}/notices", response=Listing[MaintenanceNoticeOut])
def list_notices(request: HttpRequest, maintenance_id: UUID, cut: Query[Cut]) -> Any:
    """What each customer was told of it, the latest first."""
    work = one(_work(request), id=maintenance_id)
    rows = WorkNotice.objects.filter(work=work).select_related("customer")
    return list_rows(
        request, rows, MaintenanceNoticeOut, cut, order=("at", "id"), newest_first=True, prepare=_told_notices
    )


@router.get("/maintenance/{maintenance_id}/notices/{notice_id}/file")
def read_maintnote(request: HttpRequest, maintenance_id: UUID, notice_id: UUID) -> HttpResponse:
    """The MAINTNOTE that went to the customer, as it was sent."""
    work = one(_work(request), id=maintenance_id)
    notice = one(WorkNotice.objects.filter(work=work).exclude(digest=""), id=notice_id)
    name = f"{work.name}-{notice.sequence}.ics"
    return HttpResponse(
        read_file(notice.digest),
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post("/maintenance/objections/{objection_id}/settle", response={204: None})
def settle_objection(request: HttpRequest, objection_id: Id) -> Any:
    """What a customer said was seen to."""
    one(readable(request, "read_work", Objection.objects.all(), "work__brand_id"), id=objection_id)
    work_actions.settle_objection(objection_id=objection_id, **_by(request))
    return 204, None


@router.get("/carriers", response=Listing[CarrierOut])
def list_carriers(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Carriers whose notices are read."""
    return list_rows(request, readable(request, "read_carriers", Carrier.objects.all()), CarrierOut, cut)


@router.post("/carriers", response={201: CarrierOut})
def save_carrier(request: HttpRequest, body: CarrierIn) -> Any:
    """Set up a carrier."""
    return carrier_actions.save_carrier(**body.dict(), **_by(request))


@router.put("/carriers/{carrier_id}", response=CarrierOut)
def edit_carrier(request: HttpRequest, carrier_id: Id, body: CarrierIn) -> Any:
    """Change it."""
    return carrier_actions.save_carrier(carrier_id=carrier_id, **body.dict(), **_by(request))


@router.delete("/carriers/{carrier_id}", response={204: None})
def remove_carrier(request: HttpRequest, carrier_id: Id) -> Any:
    """Its mails are as anybody's from now on."""
    one(readable(request, "read_carriers", Carrier.objects.all()), id=carrier_id)
    carrier_actions.remove_carrier(carrier_id=carrier_id, **_by(request))
    return 204, None


@router.get("/carrier-notes", response=Listing[CarrierNoteOut])
def list_carrier_notes(request: HttpRequest, cut: Query[Cut]) -> Any:
    """What carriers have said, the latest first, and what became of it."""
    rows = readable(request, "read_carriers", CarrierNote.objects.select_related("carrier"))
    return list_rows(request, rows, CarrierNoteOut, cut, order=("at", "id"), newest_first=True)


@router.get("/brands/{brand_id}/maintenance-rules", response=MaintenanceRulesOut)
def read_work_rules(request: HttpRequest, brand_id: Id) -> Any:
    """How the brand tells of planned work."""
    brand = one(readable(request, "read_work", Brand.objects.all(), "id"), id=brand_id)
    return queries.work_rules_of(brand.pk)


@router.put("/brands/{brand_id}/maintenance-rules", response=MaintenanceRulesOut)
def save_work_rules(request: HttpRequest, brand_id: Id, body: MaintenanceRulesIn) -> Any:
    """Set how the brand tells of planned work."""
    return work_rule_actions.save_work_rules(brand_id=brand_id, **body.dict(), **_by(request))


@router.get("/freezes", response=Listing[FreezeOut])
def list_freezes(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Days on which no work is done."""
    return list_rows(request, readable(request, "read_work", Freeze.objects.select_related("customer")), FreezeOut, cut)


@router.post("/freezes", response={201: FreezeOut})
def save_freeze(request: HttpRequest, body: FreezeIn) -> Any:
    """No work on these days."""
    return work_rule_actions.save_freeze(**body.dict(), **_by(request))


@router.delete("/freezes/{freeze_id}", response={204: None})
def remove_freeze(request: HttpRequest, freeze_id: Id) -> Any:
    """It is no more."""
    one(readable(request, "read_work", Freeze.objects.all()), id=freeze_id)
    work_rule_actions.remove_freeze(freeze_id=freeze_id, **_by(request))
    return 204, None


@router.put("/contracts/{contract_id}/work-notice", response={204: None})
def save_work_terms(request: HttpRequest, contract_id: Id, body: WorkNoticeTerms) -> Any:
    """How long before planned work the contract wants its customer to be told."""
    work_rule_actions.save_work_terms(contract_id=contract_id, notice_days=body.notice_days, **_by(request))
    return 204, None


@router.put("/contacts/{contact_id}/maintnote", response={204: None})
def set_maintnote_wish(request: HttpRequest, contact_id: Id, body: MaintnoteWanted) -> Any:
    """Whether notices come to the contact with a MAINTNOTE file."""
    work_rule_actions.set_maintnote_wish(contact_id=contact_id, **body.dict(), **_by(request))
    return 204, None


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


def _work(request: HttpRequest) -> QuerySet[Work]:
    return readable(request, "read_work", queries.all_work())


def _parts(brand_id: int, wanted: list[MaintenancePartIn]) -> dict[int, Effect]:
    """Part -> effect, of the brand's parts by their keys. Raises Invalid for one that it has not."""
    keys = {one_.key.strip().lower(): Effect[one_.effect.upper()] for one_ in wanted}
    known = dict(Part.objects.filter(brand=brand_id, key__in=keys, retired_at=None).values_list("key", "id"))
    if missing := sorted(keys.keys() - known.keys()):
        raise Invalid("Planned work was to be put down.", f"The brand has no part {missing[0]}.", "Look at its parts.")
    return {known[key]: effect for key, effect in keys.items()}


def _one(request: HttpRequest, work_id: UUID) -> dict[str, Any]:
    work = one(_work(request), id=work_id)
    objections = [
        {
            "id": row.pk,
            "customer": row.customer.name,
            "by": row.by_name,
            "words": row.words,
            "settled_at": row.settled_at,
        }
        for row in work.objections.select_related("customer")
    ]
    return _told([work])[0] | {"warnings": queries.warnings_of(work, clock.now()), "objections": objections}


def _told(rows: list[Work]) -> list[dict[str, Any]]:
    names = (
        "id", "brand_id", "name", "title", "state", "from_at", "until_at", "texts", "person", "public_title", "carrier",
        "carrier_ref", "problems", "change", "made_by", "announced_at", "begun_at", "ended_at",
    )  # fmt: skip
    ids = [row.pk for row in rows]
    counted = dict(
        Work.objects.filter(id__in=ids).values_list("id").annotate(n=Count("touched__customer", distinct=True))
    )
    parts: dict[UUID, list[dict[str, Any]]] = {}
    for part in queries.work_parts(ids):
        told = {"key": part.part.key, "name": part.part.name, "effect": Effect(part.effect).name.lower()}
        parts.setdefault(part.work_id, []).append(told)
    return [
        {name: getattr(row, name) for name in names}
        | {"customers": counted.get(row.pk, 0), "parts": parts.get(row.pk, [])}
        for row in rows
    ]


def _told_notices(rows: list[WorkNotice]) -> list[dict[str, Any]]:
    names = ("id", "customer", "kind", "status", "sequence", "from_at", "until_at", "people", "at")
    return [
        {name: getattr(row, name) for name in names}
        | {
            "objects": [told["name"] for told in row.objects_told],
            "file": f"/api/v1/maintenance/{row.work_id}/notices/{row.pk}/file" if row.digest else None,
        }
        for row in rows
    ]
