"""Hours and what limits them: absences, what somebody cannot do, terms, work on record, rest owed, late starts."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import forbidden
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.people import readable_people
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.duty import rest_actions
from nightdesk.duty.called import log_call
from nightdesk.duty.models import LateStart
from nightdesk.people import hours_actions
from nightdesk.people.locking import knows
from nightdesk.people.models import Absence, Person, Restriction, Terms
from nightdesk.people.reading_actions import What, note_read
from nightdesk.rota import checking, law, law_wording, work_actions
from nightdesk.rota.models import Exemption, RestOwed, Seat, Worked

router = Router(tags=["hours"])

# Pydantic would call each of the models' own `Kind`, and there are several.
AbsenceKind = Literal["leave", "sickness", "other"]
RestrictionKind = Literal["no_nights", "no_weekends", "no_site_visits", "no_duty"]


class AbsenceOut(Schema):
    """When somebody is not available. `absence` and `note` are "" for whoever may not know why."""

    id: int
    starts_at: datetime
    ends_at: datetime
    absence: str
    note: str
    cancelled_at: datetime | None


class AbsenceIn(Schema):
    """`absence` is leave, sickness or other; only the person and their managers read it and the note."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"absence": "leave", "starts_at": "2026-12-21T00:00:00Z", "ends_at": "2026-12-28T00:00:00Z"}]
        },
    )
    absence: AbsenceKind
    starts_at: Instant
    ends_at: Instant
    note: str = Field("", max_length=200)


class RestrictionOut(Schema):
    """What somebody cannot do, both dates in it, by their own calendar; `ends_on` null: until further notice."""

    id: int
    kind: RestrictionKind
    starts_on: date
    ends_on: date | None
    note: str
    cancelled_at: datetime | None


class RestrictionIn(Schema):
    """No nights until 31 May; no site visits."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"restriction": "no_nights", "starts_on": "2026-03-01", "ends_on": "2026-05-31"}]
        },
    )
    restriction: RestrictionKind
    starts_on: date
    ends_on: date | None = None
    note: str = Field("", max_length=200)


class TermsOut(Schema):
    """What the law and their contract say of somebody's hours; dates are the first and last day, null: not said."""

    rule_pack: str
    weekly_hours: Decimal
    reference_weeks: int
    continuous_service: bool
    opted_out_from: date | None
    opted_out_until: date | None
    under_18_until: date | None
    night_assessed_on: date | None
    employed_on: date | None
    hours_known_since: date | None
    max_nights_a_month: int | None


class TermsIn(Schema):
    """What is not given stays; null takes a value away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"weekly_hours": "37.5"}]})
    rule_pack: str = Field("", max_length=8)
    weekly_hours: Decimal = Field(Decimal(0), max_digits=4, decimal_places=2)
    reference_weeks: int = 17
    continuous_service: bool = False
    opted_out_from: date | None = None
    opted_out_until: date | None = None
    under_18_until: date | None = None
    night_assessed_on: date | None = None
    employed_on: date | None = None
    hours_known_since: date | None = None
    max_nights_a_month: int | None = None


class FindingOut(Schema):
    """What a rule says of somebody's duties. `severity`: block, owed (rest), warn or unknown; `said` is a sentence.

    For whoever may not know why, `rule` is "not_available" and the sentence says no more.
    """

    rule: str
    severity: law.Severity
    starts_at: datetime
    ends_at: datetime
    seat_key: str
    owed_minutes: int
    owed_by: datetime | None
    source: str
    said: str


class Findings(Schema):
    """In the order of time. None: the rules are kept."""

    items: list[FindingOut]


class Ahead(Schema):
    """How far to look."""

    weeks: int = Field(8, ge=1, le=26)


class HoursWorkedOut(Schema):
    """Hours on record; `off_duty`: rung for help while somebody else had the duty. Struck hours count no more."""

    id: int
    kind: str
    starts_at: datetime
    ends_at: datetime
    seat_key: str
    off_duty: bool
    note: str
    noted_by: str
    struck_at: datetime | None

    @staticmethod
    def resolve_seat_key(row: Worked) -> str:
        """The seat's key, or ""."""
        return row.seat.key if row.seat is not None else ""


class WorkedIn(Schema):
    """Hours that are over."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"starts_at": "2026-11-02T09:00:00Z", "ends_at": "2026-11-02T17:00:00Z"}]},
    )
    starts_at: Instant
    ends_at: Instant
    note: str = Field("", max_length=200)


class CalledIn(Schema):
    """For how long somebody was rung for help, up to now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"minutes": 20, "note": "helped Bo"}]})
    minutes: int = Field(ge=1, le=960)
    note: str = Field("", max_length=200)


class StrikeReason(Schema):
    """The reason, which stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "noted twice"}]})
    why: str = Field(min_length=1, max_length=120)


class RestOwedOut(Schema):
    """Rest that was short, in minutes, and by when it is owed."""

    id: int
    rule: str
    starts_at: datetime
    ends_at: datetime
    minutes: int
    given_minutes: int
    due_at: datetime


class GivenIn(Schema):
    """How many minutes of it somebody had."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"minutes": 340}]})
    minutes: int = Field(ge=1, le=10_000)


class CountingOut(Schema):
    """How a seat's time counts, who said so, when and why. `doubts`: why standby may be working time all the same."""

    seat_key: str
    counts: Seat.Counts
    response_minutes: int | None
    fixed_place: bool
    counts_by: str
    counts_at: datetime | None
    counts_why: str
    doubts: list[str]


class CountingIn(Schema):
    """`counts`: all, or called_only; the reason is kept with your name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"counts": "called_only", "response_minutes": 30, "why": "agreed in May"}]},
    )
    counts: Seat.Counts
    response_minutes: int | None = Field(None, ge=1, le=1440)
    fixed_place: bool = False
    why: str = Field(min_length=1, max_length=200)


class ExemptionOut(Schema):
    """Somebody let stand what a rule blocks. `rules` as in FindingOut, for whoever may not know why."""

    id: int
    seat_key: str
    person: Named
    starts_at: datetime
    ends_at: datetime
    rules: list[str]
    reason: str
    made_by: str
    made_at: datetime

    @staticmethod
    def resolve_seat_key(row: Exemption) -> str:
        """The seat's key."""
        return row.seat.key

    @staticmethod
    def resolve_rules(row: Exemption) -> list[str]:
        """Without what is private."""
        return law_wording.public_rules(row.rules)


class LateStartOut(Schema):
    """After a bad night `person` begins at `not_before`; `cover` has their seat from `starts_at` until `ends_at`."""

    id: int
    person: Named
    seat_key: str
    not_before: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    cover: Named | None
    state: LateStart.State

    @staticmethod
    def resolve_seat_key(row: LateStart) -> str:
        """The seat's key, or ""."""
        return row.seat.key if row.seat is not None else ""


class LateRule(Schema):
    """Whether cover for a late start is put in the plan at once, or proposed to the manager."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by_rule": True}]})
    by_rule: bool


class PackOut(Schema):
    """The figures of one body of law, hours as numbers, and where each rule stands."""

    key: str
    name: str
    daily_rest_hours: float
    weekly_rest_hours: float
    fortnight_rest_hours: float
    week_hours: float
    reference_weeks: int
    opt_out: bool
    night_hours: float
    sources: dict[str, str]


class Packs(Schema):
    """All that there are."""

    items: list[PackOut]


@router.get("/people/{person_id}/absences", response=Listing[AbsenceOut])
def list_absences(request: HttpRequest, person_id: Id, cut: Query[Cut]) -> Any:
    """When somebody is not available, and was; why only for themselves and their managers."""
    person, known = _seen(request, person_id)
    rows = Absence.objects.filter(person=person)
    rows = rows if known else rows.filter(cancelled_at=None)
    return list_rows(request, rows, AbsenceOut, cut, prepare=lambda part: [_absence(row, known=known) for row in part])


@router.post("/people/{person_id}/absences", response={201: AbsenceOut})
def record_absence(request: HttpRequest, person_id: Id, body: AbsenceIn) -> Any:
    """Somebody cannot work then. Of yourself you may always say so."""
    row = hours_actions.record_absence(
        person_id=person_id,
        absence=body.absence,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        note=body.note,
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )
    return 201, _absence(row, known=True)


@router.post("/absences/{absence_id}/cancel", response=AbsenceOut)
def cancel_absence(request: HttpRequest, absence_id: Id) -> Any:
    """They are there after all, from now on where it has begun."""
    row = hours_actions.cancel_absence(absence_id=absence_id, by=actor_of(request), via=Door.API, at=clock.now())
    return _absence(row, known=True)


@router.get("/people/{person_id}/restrictions", response=Listing[RestrictionOut])
def list_restrictions(request: HttpRequest, person_id: Id, cut: Query[Cut]) -> Any:
    """What somebody cannot do; for themselves and their managers."""
    return list_rows(request, Restriction.objects.filter(person=_known(request, person_id)), RestrictionOut, cut)


@router.post("/people/{person_id}/restrictions", response={201: RestrictionOut})
def record_restriction(request: HttpRequest, person_id: Id, body: RestrictionIn) -> Any:
    """Somebody cannot do it for a while. Of yourself you may always say so."""
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    return 201, hours_actions.record_restriction(person_id=person_id, **body.dict(), **doing)


@router.post("/restrictions/{restriction_id}/cancel", response=RestrictionOut)
def cancel_restriction(request: HttpRequest, restriction_id: Id) -> Any:
    """It holds no longer."""
    return hours_actions.cancel_restriction(
        restriction_id=restriction_id, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/people/{person_id}/terms", response=TermsOut)
def read_terms(request: HttpRequest, person_id: Id) -> Any:
    """The terms that somebody works under; for themselves and their managers."""
    person = _known(request, person_id)
    return Terms.objects.filter(person=person).first() or Terms(person=person)


@router.patch("/people/{person_id}/terms", response=TermsOut)
def set_terms(request: HttpRequest, person_id: Id, body: TermsIn) -> Any:
    """Change the terms that somebody works under."""
    terms: Any = body.dict(exclude_unset=True)
    return hours_actions.set_terms(person_id=person_id, terms=terms, by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/people/{person_id}/findings", response=Findings)
def list_findings(request: HttpRequest, person_id: Id, ahead: Query[Ahead]) -> Any:
    """What the rules of working time say to somebody's duties of the weeks to come."""
    person, known = _seen(request, person_id)
    now = clock.now()
    found = checking.check_people([person.pk], now, now + timedelta(weeks=ahead.weeks), now)[person.pk]
    return {"items": [_finding(finding, person, known=known) for finding in found]}


@router.get("/people/{person_id}/hours", response=Listing[HoursWorkedOut])
def list_hours_worked(request: HttpRequest, person_id: Id, cut: Query[Cut]) -> Any:
    """What somebody worked, newest first; for themselves and their managers."""
    rows = Worked.objects.filter(person=_known(request, person_id)).select_related("seat")
    return list_rows(request, rows, HoursWorkedOut, cut, newest_first=True)


@router.post("/people/{person_id}/hours", response={201: HoursWorkedOut})
def note_hours(request: HttpRequest, person_id: Id, body: WorkedIn) -> Any:
    """Put hours on record that are over. Of yourself you may always do so."""
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    return 201, work_actions.note_hours(person_id=person_id, **body.dict(), **doing)


@router.post("/people/{person_id}/called", response={201: HoursWorkedOut})
def note_called(request: HttpRequest, person_id: Id, body: CalledIn) -> Any:
    """Somebody was rung for help, for so many minutes up to now."""
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    return 201, log_call(person_id=person_id, **body.dict(), **doing)


@router.post("/hours/{worked_id}/strike", response=HoursWorkedOut)
def strike_hours(request: HttpRequest, worked_id: Id, body: StrikeReason) -> Any:
    """Hours count no more; the record stays."""
    return work_actions.strike_hours(
        worked_id=worked_id, why=body.why, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/people/{person_id}/rest-owed", response=Listing[RestOwedOut])
def list_rest_owed(request: HttpRequest, person_id: Id, cut: Query[Cut]) -> Any:
    """Rest that somebody is owed, and was; for themselves and their managers."""
    return list_rows(request, RestOwed.objects.filter(person=_known(request, person_id)), RestOwedOut, cut)


@router.post("/rest-owed/{rest_id}/given", response=RestOwedOut)
def give_rest(request: HttpRequest, rest_id: Id, body: GivenIn) -> Any:
    """They had so much of it."""
    return work_actions.give_rest(
        rest_id=rest_id, minutes=body.minutes, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/seats/{seat_key}/counting", response=CountingOut)
def read_counting(request: HttpRequest, seat_key: str) -> Any:
    """How the seat's time counts."""
    seat_id = Seat.objects.filter(key=seat_key).values_list("id", flat=True).first()
    return _counting(one(readable(request, "read_rota", Seat.objects.all(), "rota__brand_id"), id=seat_id or 0))


@router.put("/seats/{seat_key}/counting", response=CountingOut)
def set_counting(request: HttpRequest, seat_key: str, body: CountingIn) -> Any:
    """Say how the seat's time counts."""
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    return _counting(work_actions.set_counting(seat_key=seat_key, **body.dict(), **doing))


@router.get("/exemptions", response=Listing[ExemptionOut])
def list_exemptions(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Where somebody let stand what a rule blocks, newest first."""
    rows = readable(request, "read_rota", Exemption.objects.select_related("seat", "person"), "seat__rota__brand_id")
    return list_rows(request, rows, ExemptionOut, cut, newest_first=True)


@router.get("/late-starts", response=Listing[LateStartOut])
def list_late_starts(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Who begins later on a seat after a bad night, and who covers, newest first."""
    rows = readable(
        request, "read_rota", LateStart.objects.select_related("seat", "person", "cover"), "seat__rota__brand_id"
    )
    return list_rows(request, rows, LateStartOut, cut, newest_first=True)


@router.post("/late-starts/{late_start_id}/confirm", response=LateStartOut)
def confirm_late_start(request: HttpRequest, late_start_id: Id) -> Any:
    """Put the proposed cover in the plan."""
    return rest_actions.confirm_late_start(
        late_start_id=late_start_id, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.post("/late-starts/{late_start_id}/decline", response=LateStartOut)
def decline_late_start(request: HttpRequest, late_start_id: Id) -> Any:
    """Have it otherwise; what is in the plan by it is taken back."""
    return rest_actions.decline_late_start(
        late_start_id=late_start_id, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.put("/brands/{brand_id}/late-start-rule", response=LateRule)
def set_late_start_rule(request: HttpRequest, brand_id: Id, body: LateRule) -> Any:
    """Say whether cover is put in the plan at once."""
    return rest_actions.set_late_start_rule(
        brand_id=brand_id, by_rule=body.by_rule, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/rule-packs", response=Packs)
def list_rule_packs(request: HttpRequest) -> Any:
    """The rules of working time that are kept, as data."""
    readable(request, "read_rota", Seat.objects.none(), "rota__brand_id")
    return {"items": [_pack(pack) for pack in law.PACKS.values()]}


def _known(request: HttpRequest, person_id: int) -> Person:
    """The person, whose records the caller may read. Raises NotFound, Forbidden."""
    person, known = _seen(request, person_id)
    if not known:
        raise forbidden(actor_of(request), "read_hours")
    return person


def _seen(request: HttpRequest, person_id: int) -> tuple[Person, bool]:
    """The person, and whether the caller may read their records, which is noted then. Raises NotFound."""
    person = one(readable_people(request), id=person_id)
    known = knows(person, actor_of(request))
    if known:
        note_read(person_ids=[person.pk], what=What.HOURS, by=actor_of(request), via=Door.API, at=clock.now())
    return person, known


def _absence(row: Absence, *, known: bool) -> dict[str, Any]:
    return {
        "id": row.pk,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "absence": row.kind if known else "",
        "note": row.note if known else "",
        "cancelled_at": row.cancelled_at,
    }


def _finding(finding: law.Finding, person: Person, *, known: bool) -> dict[str, Any]:
    return {
        "rule": finding.rule if known else law_wording.public(finding),
        "severity": finding.severity,
        "starts_at": finding.start,
        "ends_at": finding.end,
        "seat_key": finding.key,
        "owed_minutes": int(finding.owed / timedelta(minutes=1)),
        "owed_by": finding.owed_by,
        "source": finding.source if known or law_wording.public(finding) == finding.rule else "",
        "said": law_wording.say(finding, person.name, person.zone, knows=known),
    }


def _counting(seat: Seat) -> dict[str, Any]:
    doubts = law.doubts(
        counts_all=seat.counts == Seat.Counts.ALL,
        response_minutes=seat.response_minutes,
        fixed_place=seat.fixed_place,
    )
    return {
        "seat_key": seat.key,
        "counts": seat.counts,
        "response_minutes": seat.response_minutes,
        "fixed_place": seat.fixed_place,
        "counts_by": seat.counts_by,
        "counts_at": seat.counts_at,
        "counts_why": seat.counts_why,
        "doubts": list(doubts),
    }


def _pack(pack: law.Pack) -> dict[str, Any]:
    hour = timedelta(hours=1)
    return {
        "key": pack.key,
        "name": pack.name,
        "daily_rest_hours": pack.daily_rest / hour,
        "weekly_rest_hours": pack.weekly_rest / hour,
        "fortnight_rest_hours": pack.fortnight_rest / hour,
        "week_hours": pack.week_hours,
        "reference_weeks": pack.reference_weeks,
        "opt_out": pack.opt_out,
        "night_hours": pack.night_hours,
        "sources": {rule.value: source for rule, source in pack.sources.items()},
    }
