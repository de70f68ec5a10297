"""What is known: procedures and their runs, what to say, templates, spares, briefings."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import F, Prefetch, QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import brands_for
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Id, Instant, Named
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.knowledge import actions, briefing_actions, phrases, queries, run_actions, spare_actions, wording_actions
from nightdesk.knowledge.markdown import as_html, steps_of
from nightdesk.knowledge.models import (
    Briefing,
    Confirmation,
    Procedure,
    Proposal,
    Reading,
    Run,
    Saying,
    Spare,
    Template,
    Version,
)

router = Router(tags=["knowledge"])

Body = Field(min_length=1, max_length=100_000)
Number = Field(ge=1, le=10**9)


def _doing(request: HttpRequest) -> dict[str, Any]:
    by: Actor = actor_of(request)
    return {"by": by, "via": Door.API, "at": clock.now()}


# --- Procedures ------------------------------------------------------------------------------------------------------


class ProcedureIn(Schema):
    """A draft. `services` and `calls` none: for every one; `part` is a machine as alarms name it, with `*`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "title": "A line is down",
                    "body": "Look first.\n\n- [ ] Ring the carrier\n- [ ] Note their reference",
                    "service_ids": [1],
                    "calls": ["alarm", "call"],
                }
            ]
        },
    )
    brand_id: Id
    title: str = Field(min_length=1, max_length=200)
    body: str = Body
    why: str = Field("", max_length=300)
    service_ids: list[Id] = Field([], max_length=100)
    calls: list[str] = Field([], max_length=50)
    part: str = Field("", max_length=200)
    owner_id: Id | None = None
    review_days: int = Field(180, ge=0, le=actions.LONGEST_REVIEW)


class VersionIn(Schema):
    """`over` is the number of the latest version that the writer had before them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"title": "A line is down", "body": "Ring first.", "why": "Quicker", "over": 1}]
        },
    )
    title: str = Field(min_length=1, max_length=200)
    body: str = Body
    why: str = Field("", max_length=300)
    over: int = Number


class ProcedureFit(Schema):
    """Where it fits and who keeps it; what is not given stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"calls": ["alarm"], "part": "sw2*"}]})
    service_ids: list[Id] = Field([], max_length=100)
    calls: list[str] = Field([], max_length=50)
    part: str = Field("", max_length=200)
    owner_id: Id | None = None
    review_days: int = Field(180, ge=0, le=actions.LONGEST_REVIEW)


class VersionNumber(Schema):
    """Which version is meant."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"number": 1}]})
    number: int = Number


class ProcedureOut(Schema):
    """`published` is the number of the version that is shown (null: none yet); `latest` may be a draft beyond it."""

    id: int
    brand_id: int
    title: str
    services: list[Named]
    calls: list[str]
    part: str
    owner: Named | None
    published: int | None
    latest: int
    review_days: int
    review_at: datetime | None
    retired_at: datetime | None


class ReadingOut(Schema):
    """Who has read a version, and when they said so."""

    person: Named
    at: datetime


class VersionOut(Schema):
    """`html` is cleaned; `steps` are the check-steps, counted from 1."""

    procedure_id: int
    number: int
    title: str
    body: str
    html: str
    steps: list[str]
    why: str
    by_name: str
    at: datetime
    restored_from: int | None
    read_by: list[ReadingOut]


class ProcedureFound(Schema):
    """A procedure that fits, with its words."""

    id: int
    title: str
    version: int
    body: str
    html: str
    steps: list[str]


class SayingFound(Schema):
    """What the desk may say."""

    id: int
    title: str
    text: str


class Fitting(Schema):
    """What fits, the closest first."""

    procedures: list[ProcedureFound]
    sayings: list[SayingFound]


class CallKindIn(Schema):
    """A kind of call of the brand's own."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "key": "field_visit", "name": "Field visit"}]}
    )
    brand_id: Id
    key: str = Field(min_length=1, max_length=20)
    name: str = Field(min_length=1, max_length=60)


class CallKindOut(Schema):
    key: str
    name: str


@router.get("/procedures", response=Listing[ProcedureOut])
def list_procedures(
    request: HttpRequest,
    cut: Query[Cut],
    q: str = "",
    state: Literal["published", "draft", "due", "retired"] | None = None,
) -> Any:
    """Procedures of your brands; `q`: each of its words begins some word of theirs. Retired ones only where asked for."""
    rows = queries.find_procedures(_procedures(request), q).filter(retired_at__isnull=state != "retired")
    if state == "published":
        rows = rows.filter(published__isnull=False)
    elif state == "draft":
        rows = rows.exclude(latest=F("published__number"))
    elif state == "due":
        rows = rows.filter(review_at__lte=clock.now())
    return list_rows(request, rows, ProcedureOut, cut, prepare=_told_procedures)


@router.post("/procedures", response={201: ProcedureOut})
def make_procedure(request: HttpRequest, body: ProcedureIn) -> Any:
    """Write a procedure; it is a draft until it is published. Without `owner_id` it is yours."""
    where: Any = body.dict(include={"service_ids", "calls", "part", "owner_id", "review_days"}, exclude_unset=True)
    made = actions.make_procedure(
        brand_id=body.brand_id, title=body.title, body=body.body, why=body.why, where=where, **_doing(request)
    )
    return _told_procedures([made])[0]


@router.get("/procedures/fitting", response=Fitting)
def find_fitting(
    request: HttpRequest,
    brand_id: Id,
    service_id: Id | None = None,
    call: str = "",
    part: str = "",
) -> Any:
    """What to do and what to say for a service, a kind of call and a part: published and approved only."""
    brands = readable_brands(request, "read_procedures")
    if brands is not None and brand_id not in brands:
        raise NotFound(f"Procedures of brand {brand_id} were asked for.", "There is none that you may see.", "")
    calls = [call] if call else []
    fits = queries.procedures_for(service_id, calls, brand_id, part)
    return {
        "procedures": [
            {
                "id": row.pk,
                "title": row.title,
                "version": version.number,
                **_words_of(version),
            }
            for row in fits
            if (version := row.published) is not None
        ],
        "sayings": queries.sayings_for(service_id, calls, brand_id),
    }


@router.get("/procedures/{procedure_id}", response=ProcedureOut)
def read_procedure(request: HttpRequest, procedure_id: Id) -> Any:
    """One procedure; its words stand in its versions."""
    return _told_procedures([one(_procedures(request), id=procedure_id)])[0]


@router.patch("/procedures/{procedure_id}", response=ProcedureOut)
def edit_procedure(request: HttpRequest, procedure_id: Id, body: ProcedureFit) -> Any:
    """Where it fits, and who keeps it."""
    changes: Any = body.dict(exclude_unset=True)
    row = actions.edit_procedure(procedure_id=procedure_id, changes=changes, **_doing(request))
    return _told_procedures([row])[0]


@router.get("/procedures/{procedure_id}/versions", response=Listing[VersionOut])
def list_versions(request: HttpRequest, procedure_id: Id, cut: Query[Cut]) -> Any:
    """Its versions, the newest first, with who has read each."""
    row = one(_procedures(request), id=procedure_id)
    rows = _versions(row.versions.all())
    return list_rows(request, rows, VersionOut, cut, order=("number",), newest_first=True, prepare=_told_versions)


@router.post("/procedures/{procedure_id}/versions", response={201: VersionOut})
def save_procedure(request: HttpRequest, procedure_id: Id, body: VersionIn) -> Any:
    """Save its words as a new version, a draft."""
    made = actions.save_procedure(procedure_id=procedure_id, **body.dict(), **_doing(request))
    return _told_versions([made])[0]


@router.post("/procedures/{procedure_id}/restore", response=VersionOut)
def restore_procedure(request: HttpRequest, procedure_id: Id, body: VersionNumber) -> Any:
    """Take an older version up again, as a new draft."""
    made = actions.restore_procedure(procedure_id=procedure_id, number=body.number, **_doing(request))
    return _told_versions([made])[0]


@router.post("/procedures/{procedure_id}/publish", response=ProcedureOut)
def publish_procedure(request: HttpRequest, procedure_id: Id, body: VersionNumber) -> Any:
    """Show that version from now on."""
    row = actions.publish_procedure(procedure_id=procedure_id, number=body.number, **_doing(request))
    return _told_procedures([row])[0]


@router.post("/procedures/{procedure_id}/review", response=ProcedureOut)
def review_procedure(request: HttpRequest, procedure_id: Id) -> Any:
    """It was looked through, and is right."""
    return _told_procedures([actions.review_procedure(procedure_id=procedure_id, **_doing(request))])[0]


@router.post("/procedures/{procedure_id}/retire", response=ProcedureOut)
def retire_procedure(request: HttpRequest, procedure_id: Id) -> Any:
    """Take it out of use."""
    return _told_procedures([actions.retire_procedure(procedure_id=procedure_id, **_doing(request))])[0]


@router.post("/procedures/{procedure_id}/read", response=ReadingOut)
def confirm_reading(request: HttpRequest, procedure_id: Id, body: VersionNumber) -> Any:
    """You have read that version."""
    return actions.confirm_reading(procedure_id=procedure_id, number=body.number, **_doing(request))


@router.get("/call-kinds", response=list[CallKindOut])
def list_call_kinds(request: HttpRequest) -> Any:
    """The kinds of call that procedures and what to say may be for."""
    found = queries.call_kinds(readable_brands(request, "read_procedures"))
    return [{"key": key, "name": name} for key, name in found.items()]


@router.post("/call-kinds", response={201: CallKindOut})
def add_call_kind(request: HttpRequest, body: CallKindIn) -> Any:
    """A kind of call that the brand has beside those of everybody."""
    return actions.add_call_kind(**body.dict(), **_doing(request))


def _procedures(request: HttpRequest) -> QuerySet[Procedure]:
    rows = Procedure.objects.select_related("owner", "published").prefetch_related("services")
    return readable(request, "read_procedures", rows)


def _told_procedures(rows: list[Procedure]) -> list[dict[str, Any]]:
    names = ("brand_id", "title", "calls", "part", "owner", "latest", "review_days", "review_at", "retired_at")
    return [
        {name: getattr(row, name) for name in names}
        | {
            "id": row.pk,
            "services": list(row.services.all()),
            "published": row.published.number if row.published else None,
        }
        for row in rows
    ]


def _versions(rows: QuerySet[Version]) -> QuerySet[Version]:
    return rows.prefetch_related(Prefetch("readings", Reading.objects.select_related("person")))


def _words_of(version: Version) -> dict[str, Any]:
    steps = [step.text for step in steps_of(version.body)]
    return {"body": version.body, "html": as_html(version.body), "steps": steps}


def _told_versions(rows: list[Version]) -> list[dict[str, Any]]:
    names = ("procedure_id", "number", "title", "why", "by_name", "at", "restored_from")
    return [
        {name: getattr(row, name) for name in names} | _words_of(row) | {"read_by": list(row.readings.all())}
        for row in rows
    ]


# --- Proposals -------------------------------------------------------------------------------------------------------


class ProposalIn(Schema):
    """Other words for version `over`; `subject_kind` and `subject_id` are the page or ticket that it came from."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"body": "Ring the carrier first.", "why": "They knew before us", "over": 1}]},
    )
    body: str = Body
    why: str = Field(min_length=1, max_length=300)
    over: int = Number
    subject_kind: str = Field("", max_length=30)
    subject_id: str = Field("", max_length=60)


class Acceptance(Schema):
    """`body` and `over`: where it was changed since, both put together, and the latest version that was seen."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"word": "Well seen"}]})
    word: str = Field("", max_length=300)
    body: str | None = Field(None, min_length=1, max_length=100_000)
    over: int | None = Field(None, ge=1, le=10**9)


class Refusing(Schema):
    """Why not, for whoever proposed it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"word": "The carrier asks us not to"}]})
    word: str = Field(min_length=1, max_length=300)


class ProposalOut(Schema):
    """`accepted` null: nobody has said yet; `became`: the version that it became."""

    id: int
    procedure_id: int
    over: int
    body: str
    why: str
    by_name: str
    at: datetime
    subject_kind: str
    subject_id: str
    accepted: bool | None
    decided_at: datetime | None
    decided_by: str
    word: str
    became: int | None


@router.get("/proposals", response=Listing[ProposalOut])
def list_proposals(request: HttpRequest, cut: Query[Cut], open: bool | None = None) -> Any:
    """Changes that were proposed, the latest first."""
    rows = Proposal.objects.select_related("version", "became")
    rows = readable(request, "read_procedures", rows, "procedure__brand_id")
    if open is not None:
        rows = rows.filter(accepted__isnull=open)
    return list_rows(request, rows, ProposalOut, cut, newest_first=True, prepare=_told_proposals)


@router.post("/procedures/{procedure_id}/proposals", response={201: ProposalOut})
def propose_change(request: HttpRequest, procedure_id: Id, body: ProposalIn) -> Any:
    """Propose other words; its owner is told."""
    subject = (body.subject_kind, body.subject_id) if body.subject_kind or body.subject_id else None
    made = actions.propose_change(
        procedure_id=procedure_id, body=body.body, why=body.why, over=body.over, subject=subject, **_doing(request)
    )
    return _told_proposals([made])[0]


@router.post("/proposals/{proposal_id}/accept", response=ProposalOut)
def accept_proposal(request: HttpRequest, proposal_id: Id, body: Acceptance) -> Any:
    """It becomes the version that is shown."""
    row = actions.accept_proposal(proposal_id=proposal_id, **body.dict(), **_doing(request))
    return _told_proposals([row])[0]


@router.post("/proposals/{proposal_id}/decline", response=ProposalOut)
def decline_proposal(request: HttpRequest, proposal_id: Id, body: Refusing) -> Any:
    """The procedure stays as it is."""
    return _told_proposals([actions.decline_proposal(proposal_id=proposal_id, word=body.word, **_doing(request))])[0]


def _told_proposals(rows: list[Proposal]) -> list[dict[str, Any]]:
    names = (
        "procedure_id", "body", "why", "by_name", "at", "subject_kind", "subject_id", "accepted", "decided_at",
        "decided_by", "word",
    )  # fmt: skip
    return [
        {name: getattr(row, name) for name in names}
        | {"id": row.pk, "over": row.version.number, "became": row.became.number if row.became else None}
        for row in rows
    ]


# --- Runs ------------------------------------------------------------------------------------------------------------


class RunIn(Schema):
    """For which page or ticket it is worked through."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"subject_kind": "page", "subject_id": "0198c1f2-0000-7000-8000-000000000000"}]
        },
    )
    subject_kind: str = Field(min_length=1, max_length=30)
    subject_id: str = Field(min_length=1, max_length=60)


class StepIn(Schema):
    """`skipped` needs a note; `open`: not done after all."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"outcome": "done", "note": "Reference 4711"}]}
    )
    outcome: Literal["done", "skipped", "open"]
    note: str = Field("", max_length=1000)


class RunStepOut(Schema):
    """A check-step; `outcome` open: nobody has settled it."""

    number: int
    text: str
    outcome: Literal["done", "skipped", "open"]
    note: str
    by_name: str
    at: datetime | None


class RunOut(Schema):
    """A procedure that is worked through; `finished_at`: when its last step was settled."""

    id: UUID
    procedure_id: int
    version: int
    title: str
    subject_kind: str
    subject_id: str
    by_name: str
    at: datetime
    finished_at: datetime | None
    steps: list[RunStepOut]


@router.get("/runs", response=Listing[RunOut])
def list_runs(
    request: HttpRequest,
    cut: Query[Cut],
    subject_kind: str = "",
    subject_id: str = "",
) -> Any:
    """Procedures that were worked through, the latest first; of one page or ticket where that is named."""
    rows = _runs(request)
    if subject_kind or subject_id:
        rows = rows.filter(subject_kind=subject_kind, subject_id=subject_id)
    return list_rows(request, rows, RunOut, cut, newest_first=True, prepare=_told_runs)


@router.post("/procedures/{procedure_id}/runs", response=RunOut)
def open_procedure(request: HttpRequest, procedure_id: Id, body: RunIn) -> Any:
    """Work through its published version for a page or a ticket; one that is open goes on."""
    subject = (body.subject_kind, body.subject_id)
    run = run_actions.open_procedure(procedure_id=procedure_id, subject=subject, **_doing(request))
    return _told_runs([run])[0]


@router.post("/runs/{run_id}/steps/{number}", response=RunOut)
def settle_step(request: HttpRequest, run_id: UUID, number: int, body: StepIn) -> Any:
    """A check-step is done, left out, or open again."""
    run = run_actions.settle_step(run_id=run_id, number=number, outcome=body.outcome, note=body.note, **_doing(request))
    return _told_runs([run])[0]


def _runs(request: HttpRequest) -> QuerySet[Run]:
    rows = Run.objects.select_related("version").prefetch_related("settled")
    return readable(request, "read_procedures", rows, "procedure__brand_id")


def _told_runs(rows: list[Run]) -> list[dict[str, Any]]:
    names = ("id", "procedure_id", "subject_kind", "subject_id", "by_name", "at", "finished_at")
    return [
        {name: getattr(row, name) for name in names}
        | {
            "version": row.version.number,
            "title": row.version.title,
            "steps": [
                {
                    "number": each.step.number,
                    "text": each.step.text,
                    "outcome": each.settled.outcome if each.settled else "open",
                    "note": each.settled.note if each.settled else "",
                    "by_name": each.settled.by_name if each.settled else "",
                    "at": each.settled.at if each.settled else None,
                }
                for each in queries.run_now(row).steps
            ],
        }
        for row in rows
    ]


# --- What is said and written ----------------------------------------------------------------------------------------


class SayingIn(Schema):
    """Words for the desk, which are shown once they are approved."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"brand_id": 1, "title": "Lines", "text": "We know of it, and are on it.", "calls": ["call"]}]
        },
    )
    brand_id: Id
    title: str = Field(min_length=1, max_length=120)
    text: str = Field(min_length=1, max_length=wording_actions.LONGEST_SAYING)
    service_ids: list[Id] = Field([], max_length=100)
    calls: list[str] = Field([], max_length=50)


class SayingOut(Schema):
    """`approved_at` null: nobody is shown it yet."""

    id: int
    brand_id: int
    title: str
    text: str
    services: list[Named]
    calls: list[str]
    written_by: str
    written_at: datetime
    approved_by: str
    approved_at: datetime | None


class TemplateIn(Schema):
    """A text with placeholders such as `{{ contact }}`; those that are known stand in docs/knowledge.md."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "use": "reply",
                    "name": "Hello",
                    "language": "en-gb",
                    "subject": "Your ticket {{ ticket }}",
                    "body": "Dear {{ contact }},",
                }
            ]
        },
    )
    brand_id: Id
    use: Literal["reply", "auto_reply", "closing"]
    name: str = Field(min_length=1, max_length=80)
    language: str = Field("en-gb", min_length=2, max_length=10)
    subject: str = Field("", max_length=200)
    body: str = Field(min_length=1, max_length=20_000)


class TemplateOut(Schema):
    """`placeholders`: what has to be filled in."""

    id: int
    brand_id: int
    use: str
    name: str
    language: str
    subject: str
    body: str
    placeholders: list[str]
    edited_by: str
    edited_at: datetime


@router.get("/sayings", response=Listing[SayingOut])
def list_sayings(request: HttpRequest, cut: Query[Cut]) -> Any:
    """What the desk may say, by its number; words that nobody approved only for those who may write them."""
    rows = readable(request, "read_sayings", Saying.objects.filter(removed_at=None).prefetch_related("services"))
    if not _may_write_sayings(request):
        rows = rows.filter(approved_at__isnull=False)
    return list_rows(request, rows, SayingOut, cut, prepare=_told_sayings)


@router.post("/sayings", response={201: SayingOut})
def make_saying(request: HttpRequest, body: SayingIn) -> Any:
    """Write what to say; somebody else approves it."""
    return _told_sayings([wording_actions.save_saying(**body.dict(), **_doing(request))])[0]


@router.put("/sayings/{saying_id}", response=SayingOut)
def save_saying(request: HttpRequest, saying_id: Id, body: SayingIn) -> Any:
    """Other words, which have to be approved again; its brand stays."""
    return _told_sayings([wording_actions.save_saying(**body.dict(), saying_id=saying_id, **_doing(request))])[0]


@router.post("/sayings/{saying_id}/approve", response=SayingOut)
def approve_saying(request: HttpRequest, saying_id: Id) -> Any:
    """The desk is shown it from now on."""
    return _told_sayings([wording_actions.approve_saying(saying_id=saying_id, **_doing(request))])[0]


@router.delete("/sayings/{saying_id}", response={204: None})
def remove_saying(request: HttpRequest, saying_id: Id) -> Any:
    """Nobody is shown it any more."""
    wording_actions.remove_saying(saying_id=saying_id, **_doing(request))
    return 204, None


def _may_write_sayings(request: HttpRequest) -> bool:
    """Whether the caller sees words that wait to be approved."""
    return brands_for(actor_of(request), "save_saying") != set()


def _told_sayings(rows: list[Saying]) -> list[dict[str, Any]]:
    names = ("brand_id", "title", "text", "calls", "written_by", "written_at", "approved_by", "approved_at")
    return [
        {name: getattr(row, name) for name in names} | {"id": row.pk, "services": list(row.services.all())}
        for row in rows
    ]


@router.get("/templates", response=Listing[TemplateOut])
def list_templates(
    request: HttpRequest,
    cut: Query[Cut],
    use: Literal["reply", "macro", "auto_reply", "closing", "ack"] | None = None,
    language: str = "",
) -> Any:
    """What customers are written."""
    rows = readable(request, "read_templates", Template.objects.all())
    rows = rows.filter(**{name: value for name, value in (("use", use), ("language", language)) if value})
    return list_rows(request, rows, TemplateOut, cut, prepare=_told_templates)


@router.post("/templates", response={201: TemplateOut})
def make_template(request: HttpRequest, body: TemplateIn) -> Any:
    """A text with placeholders; one that nobody could fill in is refused."""
    return _told_templates([wording_actions.save_template(**body.dict(), **_doing(request))])[0]


@router.put("/templates/{template_id}", response=TemplateOut)
def save_template(request: HttpRequest, template_id: Id, body: TemplateIn) -> Any:
    """Another text in its place; its brand stays."""
    row = wording_actions.save_template(**body.dict(), template_id=template_id, **_doing(request))
    return _told_templates([row])[0]


@router.delete("/templates/{template_id}", response={204: None})
def remove_template(request: HttpRequest, template_id: Id) -> Any:
    """It is used no more."""
    wording_actions.remove_template(template_id=template_id, **_doing(request))
    return 204, None


def _told_templates(rows: list[Template]) -> list[dict[str, Any]]:
    names = ("brand_id", "use", "name", "language", "subject", "body", "edited_by", "edited_at")
    return [
        {name: getattr(row, name) for name in names}
        | {"id": row.pk, "placeholders": sorted(phrases.placeholders_in(f"{row.subject} {row.body}"))}
        for row in rows
    ]


# --- Spares ----------------------------------------------------------------------------------------------------------


class SpareIn(Schema):
    """What lies ready where. `count` counts for a new one only; `low_at` 0: never too few."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "site": "Dock Street",
                    "what": "SFP+ LR",
                    "place": "Cage 2, shelf 3",
                    "count": 4,
                    "low_at": 1,
                }
            ]
        },
    )
    brand_id: Id
    site: str = Field(min_length=1, max_length=120)
    what: str = Field(min_length=1, max_length=160)
    place: str = Field("", max_length=160)
    contact: str = Field("", max_length=200)
    count: int = Field(0, ge=0, le=spare_actions.MOST)
    low_at: int = Field(0, ge=0, le=spare_actions.MOST)


class SpareMove(Schema):
    """How many, and what for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"number": 1, "why": "for sw2"}]})
    number: int = Field(1, ge=1, le=spare_actions.MOST)
    why: str = Field("", max_length=300)


class SpareCount(Schema):
    """How many lie there."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"count": 3}]})
    count: int = Field(ge=0, le=spare_actions.MOST)


class SpareOut(Schema):
    """`is_low`: somebody should get more."""

    id: int
    brand_id: int
    site: str
    what: str
    place: str
    contact: str
    count: int
    low_at: int
    is_low: bool
    counted_at: datetime | None
    counted_by: str


@router.get("/spares", response=Listing[SpareOut])
def list_spares(request: HttpRequest, cut: Query[Cut], low: bool = False) -> Any:
    """What lies ready at which site; `low`: only what is running out."""
    rows = readable(request, "read_spares", Spare.objects.all())
    return list_rows(request, queries.low_spares(rows) if low else rows, SpareOut, cut)


@router.post("/spares", response={201: SpareOut})
def make_spare(request: HttpRequest, body: SpareIn) -> Any:
    """Put a spare on the list."""
    return spare_actions.save_spare(**body.dict(), **_doing(request))


@router.put("/spares/{spare_id}", response=SpareOut)
def save_spare(request: HttpRequest, spare_id: Id, body: SpareIn) -> Any:
    """Where it lies and who opens the door; how many there are stays, and so does its brand."""
    return spare_actions.save_spare(**body.dict(), spare_id=spare_id, **_doing(request))


@router.post("/spares/{spare_id}/take", response=SpareOut)
def take_spare(request: HttpRequest, spare_id: Id, body: SpareMove) -> Any:
    """Some were taken out."""
    return spare_actions.take_spare(spare_id=spare_id, **body.dict(), **_doing(request))


@router.post("/spares/{spare_id}/return", response=SpareOut)
def return_spare(request: HttpRequest, spare_id: Id, body: SpareMove) -> Any:
    """Some were put back, or are new."""
    return spare_actions.return_spare(spare_id=spare_id, **body.dict(), **_doing(request))


@router.post("/spares/{spare_id}/count", response=SpareOut)
def count_spare(request: HttpRequest, spare_id: Id, body: SpareCount) -> Any:
    """Somebody looked how many there are."""
    return spare_actions.count_spare(spare_id=spare_id, count=body.count, **_doing(request))


@router.delete("/spares/{spare_id}", response={204: None})
def remove_spare(request: HttpRequest, spare_id: Id) -> Any:
    """Take it off the list."""
    spare_actions.remove_spare(spare_id=spare_id, **_doing(request))
    return 204, None


# --- Briefings -------------------------------------------------------------------------------------------------------


class BriefingIn(Schema):
    """Everybody of the teams and these persons must read it by `due_at`; reminders come every `remind_days` (0: never)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "title": "New voice platform",
                    "body": "From Monday on ...",
                    "due_at": "2026-11-20T18:00:00Z",
                    "team_ids": [1],
                }
            ]
        },
    )
    brand_id: Id
    title: str = Field(min_length=1, max_length=160)
    body: str = Body
    due_at: Instant
    team_ids: list[Id] = Field([], max_length=100)
    person_ids: list[Id] = Field([], max_length=500)
    service_id: Id | None = None
    remind_days: int = Field(2, ge=0, le=90)


class ConfirmationOut(Schema):
    """Who said that they have read it, and when."""

    person: Named
    at: datetime
    via: str


class BriefingOut(Schema):
    """`missing`: those who must confirm it and have not."""

    id: int
    brand_id: int
    title: str
    body: str
    html: str
    service: Named | None
    made_by: str
    made_at: datetime
    due_at: datetime
    remind_days: int
    closed_at: datetime | None
    missing: list[Named]
    confirmed: list[ConfirmationOut]


@router.get("/briefings", response=Listing[BriefingOut])
def list_briefings(request: HttpRequest, cut: Query[Cut], state: Literal["open", "closed"] | None = None) -> Any:
    """Briefings of your brands, the newest first; a bureau's people see those that name them."""
    rows = _briefings(request)
    if state:
        rows = rows.filter(closed_at__isnull=state == "open")
    return list_rows(request, rows, BriefingOut, cut, newest_first=True, prepare=_told_briefings)


@router.post("/briefings", response={201: BriefingOut})
def make_briefing(request: HttpRequest, body: BriefingIn) -> Any:
    """Write it; those who must read it are told."""
    return _told_briefings([briefing_actions.make_briefing(**body.dict(), **_doing(request))])[0]


@router.get("/briefings/{briefing_id}", response=BriefingOut)
def read_briefing(request: HttpRequest, briefing_id: Id) -> Any:
    """One briefing, who has read it and who has not."""
    return _told_briefings([one(_briefings(request), id=briefing_id)])[0]


@router.post("/briefings/{briefing_id}/confirm", response=BriefingOut)
def confirm_briefing(request: HttpRequest, briefing_id: Id) -> Any:
    """You have read it."""
    one(_briefings(request), id=briefing_id)
    return _told_briefings([briefing_actions.confirm_briefing(briefing_id=briefing_id, **_doing(request))])[0]


@router.post("/briefings/{briefing_id}/remind", response=BriefingOut)
def remind_briefing(request: HttpRequest, briefing_id: Id) -> Any:
    """Remind those who have not confirmed it, now."""
    return _told_briefings([briefing_actions.remind_briefing(briefing_id=briefing_id, **_doing(request))])[0]


@router.post("/briefings/{briefing_id}/close", response=BriefingOut)
def close_briefing(request: HttpRequest, briefing_id: Id) -> Any:
    """Nobody is asked any more."""
    return _told_briefings([briefing_actions.close_briefing(briefing_id=briefing_id, **_doing(request))])[0]


def _briefings(request: HttpRequest) -> QuerySet[Briefing]:
    rows = Briefing.objects.select_related("service")
    rows = rows.prefetch_related(Prefetch("confirmations", Confirmation.objects.select_related("person")))
    rows = readable(request, "read_briefings", rows)
    if brands_for(actor_of(request), "read_procedures") == set():
        rows = queries.briefings_naming(rows, actor_of(request).person_id)
    return rows


def _told_briefings(rows: list[Briefing]) -> list[dict[str, Any]]:
    missing = queries.unconfirmed(rows)
    names = ("brand_id", "title", "body", "service", "made_by", "made_at", "due_at", "remind_days", "closed_at")
    return [
        {name: getattr(row, name) for name in names}
        | {
            "id": row.pk,
            "html": as_html(row.body),
            "missing": missing[row.pk],
            "confirmed": list(row.confirmations.all()),
        }
        for row in rows
    ]
