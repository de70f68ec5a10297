"""Reports of incidents: drafted from the record, written by people, given to customers and regulators."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import require
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Named
from nightdesk.base import clock, fields
from nightdesk.base.actors import Door
from nightdesk.outages.models import Outage
from nightdesk.reports import incident_actions as actions
from nightdesk.reports import incident_queries as queries
from nightdesk.reports.incident import spans
from nightdesk.reports.incident_models import IncidentReport, RegulatorDuty
from nightdesk.reports.incident_writing import FORMS, staff_document

router = Router(tags=["incident reports"])


class IncidentReportOut(Schema):
    """A report as a list shows it. It was promised by `stands_by`; `state`: gathering (the outage goes on), draft, approved."""

    id: UUID
    brand_id: int
    outage_id: UUID
    outage: str
    title: str
    state: str
    version: int
    ended_at: datetime | None
    stands_by: datetime | None
    drafted_at: datetime | None
    approved_at: datetime | None
    approved_by: str


class IncidentRowOut(Schema):
    """A line of the timeline. Those from the alarm, the record and what was told have times that nobody typed."""

    key: str
    at: datetime
    words: str
    who: str
    source: str


class IncidentToldOut(Schema):
    """An update, and how far its messages came."""

    number: int
    at: datetime
    state: str
    text: str
    people: int
    sent: int
    arrived: int
    accepted: int
    lost: int
    waiting: int


class IncidentFollowUpOut(Schema):
    """A ticket that was opened because of it."""

    ticket_number: int
    title: str
    state: str
    owner: Named
    due_on: date


class RegulatorDutyOut(Schema):
    """What a rule pack wants told: owed, told (`done_at`), or not owed after all (`waived_why`)."""

    id: int
    pack: str
    name: str
    to: str
    law: str
    why: str
    due_at: datetime
    done_at: datetime | None
    done_by: str
    reference: str
    waived_why: str


class IncidentReportWhole(IncidentReportOut):
    """The report with all that stands in it. Spans are in seconds, null where there is nothing on record."""

    words: dict[str, str]
    rows: list[IncidentRowOut]
    told: list[IncidentToldOut]
    user_hours: Decimal
    users: int
    customers: int
    answered_after_s: float | None
    told_after_s: float | None
    fixed_after_s: float | None
    follow_ups: list[IncidentFollowUpOut]
    duties: list[RegulatorDutyOut]
    owed_to: int


class IncidentDocumentAsked(Schema):
    """`zone`: by whose clocks, an IANA name; else the brand's."""

    form: Literal["markdown", "html", "pdf"] = "markdown"
    zone: str = Field("", max_length=50)


class TypedRowIn(Schema):
    """A line with a time that somebody gives."""

    model_config = ConfigDict(extra="forbid")
    at: Instant
    words: str = Field(min_length=1, max_length=500)


class IncidentReportIn(Schema):
    """A new version, made from version `seen`. What is null stays as it was."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"seen": 1, "words": {"cause": "A fan had failed."}}]}
    )
    seen: int = Field(ge=0)
    words: dict[str, str] | None = None
    rows: dict[str, str] | None = None
    hidden: list[str] | None = Field(None, max_length=500)
    typed: list[TypedRowIn] | None = Field(None, max_length=200)


class SeenVersion(Schema):
    """The version that was read."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"seen": 2}]})
    seen: int = Field(ge=0)


class IncidentFollowUpIn(Schema):
    """What is to be done, by whom, until when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "Replace the fan", "owner_id": 1, "due_on": "2026-12-11"}]},
    )
    title: str = Field(min_length=1, max_length=200)
    owner_id: Id
    due_on: date


class AssessmentIn(Schema):
    """The answer to the question that a rule pack asks."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"pack": "data-protection", "answer": True}]}
    )
    pack: str = Field(max_length=40)
    answer: bool


class RegulatorToldIn(Schema):
    """Under what reference they keep it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reference": "R-2026-11"}]})
    reference: str = Field("", max_length=200)


class RegulatorWaiverIn(Schema):
    """Why it is not owed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"why": "Below the threshold after all"}]}
    )
    why: str = Field(min_length=1, max_length=300)


class IncidentRulesIn(Schema):
    """How a brand reports incidents; what is left out stays as it was. See docs/incident-reports.md."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"customer_days": 5, "packs": ["gb-telecoms"]}]}
    )
    customer_days: int | None = Field(None, ge=1, le=90)
    packs: list[str] = Field([], max_length=20)
    own_packs: list[dict[str, Any]] = Field([], max_length=20)
    credits: dict[str, Any] = {}
    users: dict[str, int] = {}


class ReportTermIn(Schema):
    """Within how many working days the contract promises reports; null: it says nothing of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"working_days": 5}]})
    working_days: int | None = Field(None, ge=1, le=90)


class CreditOut(Schema):
    """What is due for one subscription that was down."""

    customer: str
    customer_ref: str
    service: str
    minutes: int
    price: Decimal
    percent: Decimal
    days: int
    amount: Decimal
    currency: str


class Credits(Schema):
    """By customer."""

    items: list[CreditOut]


@router.get("/incident-reports", response=Listing[IncidentReportOut])
def list_incident_reports(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Reports, the newest first."""
    rows = readable(request, "read_incident_reports", queries.reports(None))
    return list_rows(
        request, rows, IncidentReportOut, cut, order=("made_at", "id"), newest_first=True,
        prepare=lambda part: [_listed(each) for each in part],
    )  # fmt: skip


@router.get("/incident-reports/{report_id}", response=IncidentReportWhole)
def read_incident_report(request: HttpRequest, report_id: UUID) -> Any:
    """One report, with its timeline, what was told, follow-ups and deadlines."""
    return _whole(_report(request, report_id))


@router.get(
    "/incident-reports/{report_id}/document",
    openapi_extra={
        "responses": {
            200: {
                "description": "The report, as the form says",
                "content": {
                    "text/markdown": {"schema": {"type": "string"}},
                    "text/html": {"schema": {"type": "string"}},
                    "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                },
            }
        }
    },
)
def read_incident_document(request: HttpRequest, report_id: UUID, asked: Query[IncidentDocumentAsked]) -> HttpResponse:
    """The report as a file: Markdown, HTML or PDF."""
    report = _report(request, report_id)
    zone = fields.zone(asked.zone) if asked.zone else report.brand.zone
    make, kind, ending = FORMS[asked.form]
    answer = HttpResponse(make(staff_document(report, zone)), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{report.outage.name}.{ending}"'
    return answer


@router.get("/incident-reports/{report_id}/credits", response=Credits)
def list_credits(request: HttpRequest, report_id: UUID) -> Any:
    """Service credits and compensation that are due to customers, by the brand's rates."""
    found = queries.credits_of(_report(request, report_id))
    return {"items": [_credit(each) for each in found]}


@router.post("/outages/{outage_id}/incident-report", response={200: IncidentReportWhole | None})
def draft_incident_report(request: HttpRequest, outage_id: UUID) -> Any:
    """Draw the report up from the record, of an outage that is over; null of one that is not."""
    report = actions.draft_incident_report(outage_id=outage_id, **_doing(request))
    return None if report is None else _whole(queries.reports(None).get(pk=report.pk))


@router.put("/incident-reports/{report_id}", response=IncidentReportWhole)
def edit_incident_report(request: HttpRequest, report_id: UUID, body: IncidentReportIn) -> Any:
    """Write a new version."""
    typed = None if body.typed is None else [each.dict() for each in body.typed]
    actions.edit_incident_report(
        report_id=report_id, seen=body.seen, words=body.words, rows=body.rows, hidden=body.hidden, typed=typed,
        **_doing(request),
    )  # fmt: skip
    return read_incident_report(request, report_id)


@router.post("/incident-reports/{report_id}/approve", response=IncidentReportWhole)
def approve_incident_report(request: HttpRequest, report_id: UUID, body: SeenVersion) -> Any:
    """Approve what was read."""
    actions.approve_incident_report(report_id=report_id, seen=body.seen, **_doing(request))
    return read_incident_report(request, report_id)


@router.post("/incident-reports/{report_id}/publish", response=IncidentReportWhole)
def publish_incident_report(request: HttpRequest, report_id: UUID) -> Any:
    """Give customers their version."""
    actions.publish_incident_report(report_id=report_id, **_doing(request))
    return read_incident_report(request, report_id)


@router.post("/incident-reports/{report_id}/follow-ups", response={201: IncidentReportWhole})
def add_follow_up(request: HttpRequest, report_id: UUID, body: IncidentFollowUpIn) -> Any:
    """Open a ticket for something that is to be done because of it."""
    actions.add_follow_up(report_id=report_id, **body.dict(), **_doing(request))
    return 201, read_incident_report(request, report_id)


@router.post("/incident-reports/{report_id}/assess", response=IncidentReportWhole)
def assess_incident(request: HttpRequest, report_id: UUID, body: AssessmentIn) -> Any:
    """Answer the question that a rule pack asks."""
    actions.assess_incident(report_id=report_id, pack=body.pack, answer=body.answer, **_doing(request))
    return read_incident_report(request, report_id)


@router.post("/regulator-duties/{duty_id}/told", response=RegulatorDutyOut)
def note_regulator_told(request: HttpRequest, duty_id: Id, body: RegulatorToldIn) -> Any:
    """Say that they were told."""
    return actions.note_regulator_told(duty_id=duty_id, reference=body.reference, **_doing(request))


@router.post("/regulator-duties/{duty_id}/waive", response=RegulatorDutyOut)
def waive_regulator_duty(request: HttpRequest, duty_id: Id, body: RegulatorWaiverIn) -> Any:
    """Say why they need not be told."""
    return actions.waive_regulator_duty(duty_id=duty_id, why=body.why, **_doing(request))


@router.get("/brands/{brand_id}/incident-rules", response=IncidentRulesIn)
def read_incident_rules(request: HttpRequest, brand_id: Id) -> Any:
    """How the brand reports incidents."""
    require(actor_of(request), "read_incident_reports", brand_id)
    return queries.rules_of(brand_id)


@router.put("/brands/{brand_id}/incident-rules", response=IncidentRulesIn)
def save_incident_rules(request: HttpRequest, brand_id: Id, body: IncidentRulesIn) -> Any:
    """Say how the brand reports incidents."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    return actions.save_incident_rules(brand_id=brand_id, fields=given, **_doing(request))


@router.put("/contracts/{contract_id}/report-term", response=ReportTermIn)
def save_report_term(request: HttpRequest, contract_id: Id, body: ReportTermIn) -> Any:
    """Say within how many working days the contract promises reports."""
    actions.save_report_term(contract_id=contract_id, working_days=body.working_days, **_doing(request))
    return body


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


def _report(request: HttpRequest, report_id: UUID) -> IncidentReport:
    found = one(readable(request, "read_incident_reports", queries.reports(None)), id=report_id)
    if found.drafted:
        return found
    # While the outage goes on nothing is drafted: what is on record by now is shown, and not kept.
    found.drafted = queries.record_of(
        Outage.objects.select_related("brand", "page").get(pk=found.outage_id), clock.now()
    )
    return found


def _listed(report: IncidentReport) -> dict[str, Any]:
    own = {name: getattr(report, name) for name in IncidentReportOut.model_fields if name not in ("outage", "title")}
    return {**own, "outage": report.outage.name, "title": report.outage.title}


def _whole(report: IncidentReport) -> dict[str, Any]:
    version = queries.latest(report)
    lost = report.drafted["lost"]
    took = spans(queries.times_in(report.drafted))
    return {
        **_listed(report),
        "words": version.words,
        "rows": [{name: getattr(row, name) for name in IncidentRowOut.model_fields} for row in queries.rows_in(report, version)],
        "told": report.drafted["told"],
        "user_hours": lost["user_hours"],
        "users": lost["users"],
        "customers": lost["customers"],
        "answered_after_s": took.until_answered.total_seconds() if took.until_answered is not None else None,
        "told_after_s": took.until_told.total_seconds() if took.until_told is not None else None,
        "fixed_after_s": took.until_fixed.total_seconds(),
        "follow_ups": [
            {
                "ticket_number": each.ticket.number,
                "title": each.ticket.title,
                "state": each.ticket.state,
                "owner": each.owner,
                "due_on": each.due_on,
            }
            for each in report.follow_ups.select_related("ticket", "owner")
        ],
        "duties": list(RegulatorDuty.objects.filter(report=report)),
        "owed_to": queries.still_owed(report).count(),
    }  # fmt: skip


def _credit(each: Any) -> dict[str, Any]:
    return {
        "customer": each.lost.customer,
        "customer_ref": each.lost.customer_ref,
        "service": each.lost.service,
        **{name: getattr(each, name) for name in ("minutes", "price", "percent", "days", "amount", "currency")},
    }
