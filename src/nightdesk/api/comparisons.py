"""Approaches to out of hours held side by side: saved, reckoned, chosen, and what happened since."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field, create_model

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Day, Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.reports import choosing_actions, choosing_words
from nightdesk.reports.approaches import Case, Inputs
from nightdesk.reports.choosing_queries import afterwards, comparisons, law_of
from nightdesk.reports.choosing_stored import DEFAULTS, KINDS, LONGEST_TEXT, BadInputs, case_of, limits_of, read_inputs
from nightdesk.reports.models import Comparison

router = Router(tags=["approaches"])


def _kind_of(name: str) -> Any:
    kind, default = KINDS[name], getattr(DEFAULTS, name)
    if kind is bool or issubclass(kind, StrEnum):
        return (kind, default)
    if kind is str:
        return (Annotated[str, Field(max_length=LONGEST_TEXT)], default)
    least, most = limits_of(name)
    return (Annotated[kind, Field(ge=least, le=most)], default)


class _Closed(Schema):
    """Inputs as the page of a comparison has them; docs/choosing.md says what each is. What is left out is as usual."""

    model_config = ConfigDict(extra="forbid")


ComparisonInputs = create_model(
    "ComparisonInputs",
    __base__=_Closed,
    __doc__=_Closed.__doc__,
    **{each.name: _kind_of(each.name) for each in fields(Inputs)},
)
EXAMPLE: dict[str, Any] = {
    "calls": "Mon-Fri 18-22 0.5\nSat, Sun 09-18 0.3",
    "covered": "Mon-Fri 08-18",
    "team": 6,
    "wage_hour": "18.50",
}


class ComparisonIn(Schema):
    """A comparison of a brand; names are unique in it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"brand_id": 1, "name": "Next winter", "inputs": EXAMPLE}]},
    )
    brand_id: Id
    name: str = Field(min_length=1, max_length=120)
    inputs: ComparisonInputs = ComparisonInputs()  # type: ignore[valid-type]


class ComparisonChange(Schema):
    """Its name and all its inputs: what is left out becomes as usual again."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Next winter", "inputs": EXAMPLE}]}
    )
    name: str = Field(min_length=1, max_length=120)
    inputs: ComparisonInputs = ComparisonInputs()  # type: ignore[valid-type]


class ComparisonChoice(Schema):
    """Which approach or combination is what you do, and from which day on (today); "" takes it back."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"approach": "bureau", "since": "2026-11-01"}]}
    )
    approach: str = Field("", max_length=60)
    since: Day | None = None


class ReckonedFrom(Schema):
    """Inputs that are reckoned, and kept nowhere. The brand says whose clocks and which law."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "inputs": EXAMPLE}]})
    brand_id: Id
    inputs: ComparisonInputs = ComparisonInputs()  # type: ignore[valid-type]


class ComparisonOut(Schema):
    id: UUID
    brand_id: int
    name: str
    saved_at: datetime
    saved_by: str
    chosen: str
    chosen_on: date | None
    inputs: dict[str, Any]


class CostLineOut(Schema):
    """`amount` is `how_many` times `price`, rounded half up."""

    what: str
    how_many: Decimal
    price: Decimal
    amount: Decimal


class RuleFoundOut(Schema):
    """The first finding of a rule, and how many there are of it in the seventeen weeks of the rota."""

    rule: str
    severity: str
    times: int
    first_at: datetime
    source: str


class LawfulOut(Schema):
    """What working-time law says to the rota of a group: on_call, shift, or theirs, of whom it is unknown."""

    group: str
    people: int
    verdict: str
    doubts: list[str]
    findings: list[RuleFoundOut]


class OutcomeOut(Schema):
    """What comes of one approach or combination a month. Shares are of 1, null where nobody rings.

    `endless_share` is `in_time_share` if callers waited for ever; `woken` are nights, by each of the team.
    """

    approach: str
    calls: Decimal
    in_time_share: float | None
    endless_share: float | None
    lost_share: float | None
    woken: float
    cost: Decimal
    currency: str
    lines: list[CostLineOut]
    law: list[LawfulOut]


class OutcomesOut(Schema):
    """Side by side; and how many own people the busiest hour needs for the promise, null where no number does."""

    items: list[OutcomeOut]
    busiest_calls: Decimal
    people_needed: int | None
    people_needed_if_they_wait: int | None


class MonthAfterOut(Schema):
    """One month since the choice, `first` to `last`, beside what was expected of these days."""

    first: date
    last: date
    calls: int
    calls_expected: Decimal
    in_time_share: float | None
    in_time_share_expected: float | None
    lost_share: float | None
    lost_share_expected: float | None
    woken: float | None
    woken_expected: float
    messages_cost: dict[str, Decimal]


class MonthsAfter(Schema):
    """The months since the choice, the newest last."""

    items: list[MonthAfterOut]


class ComparisonsOf(Cut):
    brand_id: Id | None = None


@router.get("/comparisons", response=Listing[ComparisonOut])
def list_comparisons(request: HttpRequest, asked: Query[ComparisonsOf]) -> Any:
    """The comparisons that are not deleted."""
    rows = comparisons(readable_brands(request, "read_comparisons"))
    if asked.brand_id is not None:
        rows = rows.filter(brand=asked.brand_id)
    return list_rows(request, rows, ComparisonOut, asked)


@router.post("/comparisons", response={201: ComparisonOut})
def make_comparison(request: HttpRequest, body: ComparisonIn) -> Any:
    """Keep a comparison."""
    return 201, choosing_actions.save_comparison(
        brand_id=body.brand_id, name=body.name, inputs=_given(body.inputs), **_doing(request)
    )


@router.post("/comparisons/reckon", response=OutcomesOut)
def reckon_comparison(request: HttpRequest, body: ReckonedFrom) -> Any:
    """Reckon inputs, and keep nothing."""
    require(actor_of(request), "read_comparisons", body.brand_id)
    brand = one(readable(request, "read_comparisons", Brand.objects.all(), "id"), id=body.brand_id)
    try:
        case = Case(read_inputs(_given(body.inputs)))
    except BadInputs as bad:
        raise choosing_words.refusal_of(bad) from bad
    return _outcomes(case, brand, clock.now().date())


@router.get("/comparisons/{comparison_id}", response=ComparisonOut)
def read_comparison(request: HttpRequest, comparison_id: UUID) -> Any:
    """One comparison, with its inputs."""
    return _one(request, comparison_id)


@router.put("/comparisons/{comparison_id}", response=ComparisonOut)
def edit_comparison(request: HttpRequest, comparison_id: UUID, body: ComparisonChange) -> Any:
    """Change its name and inputs."""
    row = _one(request, comparison_id)
    return choosing_actions.save_comparison(
        brand_id=row.brand_id, comparison_id=row.pk, name=body.name, inputs=_given(body.inputs), **_doing(request)
    )


@router.delete("/comparisons/{comparison_id}", response=ComparisonOut)
def delete_comparison(request: HttpRequest, comparison_id: UUID) -> Any:
    """Delete it; it can be had back."""
    _one(request, comparison_id)
    return choosing_actions.delete_comparison(comparison_id=comparison_id, **_doing(request))


@router.post("/comparisons/{comparison_id}/restore", response=ComparisonOut)
def restore_comparison(request: HttpRequest, comparison_id: UUID) -> Any:
    """Have a deleted one back."""
    one(readable(request, "read_comparisons", Comparison.objects.all()), id=comparison_id)
    return choosing_actions.restore_comparison(comparison_id=comparison_id, **_doing(request))


@router.post("/comparisons/{comparison_id}/copy", response={201: ComparisonOut})
def copy_comparison(request: HttpRequest, comparison_id: UUID) -> Any:
    """Copy it."""
    _one(request, comparison_id)
    return 201, choosing_actions.copy_comparison(comparison_id=comparison_id, **_doing(request))


@router.post("/comparisons/{comparison_id}/choose", response=ComparisonOut)
def choose_approach(request: HttpRequest, comparison_id: UUID, body: ComparisonChoice) -> Any:
    """Say which approach is what you do."""
    _one(request, comparison_id)
    return choosing_actions.choose_approach(
        comparison_id=comparison_id, approach=body.approach, since=body.since, **_doing(request)
    )


@router.get("/comparisons/{comparison_id}/outcomes", response=OutcomesOut)
def read_outcomes(request: HttpRequest, comparison_id: UUID) -> Any:
    """What each approach costs, answers and wakes, and what the law says to its rota."""
    row = _one(request, comparison_id)
    return _outcomes(case_of(row.inputs), row.brand, row.saved_at.date())


@router.get("/comparisons/{comparison_id}/afterwards", response=MonthsAfter)
def read_afterwards(request: HttpRequest, comparison_id: UUID) -> Any:
    """What happened since an approach was chosen, a month at a time."""
    return {
        "items": [
            {
                "first": each.first,
                "last": each.last,
                "calls": each.calls,
                "calls_expected": each.calls_expected,
                "in_time_share": each.in_time_share,
                "in_time_share_expected": each.expected.in_time_share,
                "lost_share": each.lost_share,
                "lost_share_expected": each.expected.lost_share,
                "woken": each.woken,
                "woken_expected": each.woken_expected,
                "messages_cost": each.messages,
            }
            for each in afterwards(_one(request, comparison_id), clock.now())
        ]
    }


def _outcomes(case: Case, brand: Brand, day: date) -> dict[str, Any]:
    held = law_of(case, brand, day - timedelta(days=day.weekday()))
    return {
        "items": [
            {
                "approach": each.name,
                "calls": each.calls,
                "in_time_share": each.in_time_share,
                "endless_share": each.endless_share,
                "lost_share": each.lost_share,
                "woken": each.woken,
                "cost": each.cost,
                "currency": case.inputs.currency,
                "lines": each.lines,
                "law": [_law(group) for group in held[each.name]],
            }
            for each in case.outcomes
        ],
        "busiest_calls": case.needed.calls,
        "people_needed": case.needed.with_patience,
        "people_needed_if_they_wait": case.needed.endless,
    }


def _law(group: Any) -> dict[str, Any]:
    return {
        "group": group.group,
        "people": group.people,
        "verdict": group.verdict,
        "doubts": list(group.doubts),
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity,
                "times": times,
                "first_at": finding.start,
                "source": finding.source,
            }
            for finding, times in group.findings
        ],
    }


def _given(inputs: Any) -> Mapping[str, Any]:
    """Those that were sent."""
    sent: Iterable[str] = inputs.model_fields_set
    return {name: getattr(inputs, name) for name in sent}


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


def _one(request: HttpRequest, comparison_id: UUID) -> Comparison:
    return one(comparisons(readable_brands(request, "read_comparisons")), id=comparison_id)
