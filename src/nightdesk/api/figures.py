"""Figures of people's load, the lines of their on-call pay, and how phone lines did."""

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Day, Id, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.people.reading_actions import What, note_read
from nightdesk.reports import actions, phone_queries, queries
from nightdesk.reports.load import Figure

router = Router(tags=["load"])

LONGEST = timedelta(days=366)


class Period(Schema):
    """Both days are in it, by each person's clocks; a year at most."""

    brand_id: Id
    first: Day
    last: Day


class FigureOut(Schema):
    """One figure of a person; `share` is what would be theirs if all were shared by the days that each was there."""

    person: Named
    figure: Figure
    value: int
    share: float


class Figures(Schema):
    """By person. A figure that is switched off is not there."""

    items: list[FigureOut]


class PayLineOut(Schema):
    """`minutes` at `rate` an hour times `factor`, because of `why` ("", night, weekend, holiday)."""

    person: Named
    start: datetime
    end: datetime
    sort: str
    what: str
    minutes: int
    rate: Decimal
    factor: Decimal
    why: str
    amount: Decimal
    currency: str


class PayLines(Schema):
    """By person and time; their amounts make the sum."""

    items: list[PayLineOut]


class LineHourOut(Schema):
    """One hour of the week by the line's clocks, over all weeks of the period; weekday 0 is Monday."""

    weekday: int
    hour: int
    calls: int
    asked: int
    in_time: int


class LineFiguresOut(Schema):
    """How a line did. `in_time`: of those who asked for somebody, who had an engineer, a message taker or the recorder in 12 s.

    Who heard of an outage first (`told_outage`) or that nobody is there for them now (`not_covered`) did not ask. Shares
    are of 1, null where there is nothing to share; people woken are those of calls out of the line's hours.
    """

    line: Named
    calls: int
    asked: int
    answered: int
    in_time: int
    in_time_engineer: int
    abandoned: int
    told_outage: int
    told_rang_nobody: int
    not_covered: int
    call_backs: int
    call_backs_in_time: int
    nights: int
    out_of_hours: int
    woken: int
    most_woken: int
    in_time_share: float | None
    in_time_engineer_share: float | None
    abandoned_share: float | None
    call_backs_share: float | None
    woken_a_night: float | None
    woken_a_call: float | None
    hours: list[LineHourOut]


class LineReports(Schema):
    """By line. Hours in which nobody rang are left out."""

    items: list[LineFiguresOut]


class RatesIn(Schema):
    """Money for an hour, factors for hours worth more, and the least minutes of a call."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"standby_hour": "3.50", "call_hour": "40", "night_factor": "1.5"}]},
    )
    currency: str = Field("GBP", min_length=3, max_length=3)
    standby_hour: Decimal = Field(Decimal(0), ge=0, le=10_000)
    duty_hour: Decimal = Field(Decimal(0), ge=0, le=10_000)
    call_hour: Decimal = Field(Decimal(0), ge=0, le=10_000)
    called_off_hour: Decimal = Field(Decimal(0), ge=0, le=10_000)
    call_minimum: int = Field(0, ge=0, le=1440)
    night_factor: Decimal = Field(Decimal(1), ge=1, le=10)
    weekend_factor: Decimal = Field(Decimal(1), ge=1, le=10)
    holiday_factor: Decimal = Field(Decimal(1), ge=1, le=10)


class Switches(Schema):
    """The figures that are not reckoned: those of `list_load`, and pay."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"off": ["woken", "minutes_awake"]}]})
    off: list[str] = Field(max_length=20)


@router.get("/load", response=Figures)
def list_load(request: HttpRequest, asked: Query[Period]) -> Any:
    """Nights, weekends, holidays, times woken, minutes awake and calls off duty of a brand's people."""
    brand = _brand(request, asked, "read_load")
    _note(request, brand, What.LOAD)
    loads = queries.loads_of(brand, queries.people_of(brand), asked.first, asked.last, clock.now())
    return {
        "items": [
            {"person": load.person, "figure": figure, "value": value, "share": round(load.shares[figure], 2)}
            for load in loads
            for figure, value in load.figures.items()
        ]
    }


@router.get("/pay", response=PayLines)
def list_pay(request: HttpRequest, asked: Query[Period]) -> Any:
    """What on-call work of a brand's people is paid, line by line."""
    brand = _brand(request, asked, "read_load")
    if actions.PAY in queries.switched_off(brand):
        return {"items": []}
    _note(request, brand, What.PAY)
    currency = queries.rates_of(brand).currency
    return {
        "items": [
            {
                "person": person,
                "start": line.start,
                "end": line.end,
                "sort": line.sort,
                "what": line.what,
                "minutes": line.minutes,
                "rate": line.rate,
                "factor": line.factor,
                "why": line.why,
                "amount": line.amount,
                "currency": currency,
            }
            for person in queries.people_of(brand)
            for line in queries.pay_lines(brand, person, asked.first, asked.last, clock.now())
        ]
    }


def _note(request: HttpRequest, brand: Brand, what: What) -> None:
    people = [person.pk for person in queries.people_of(brand)]
    note_read(person_ids=people, what=what, by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/line-figures", response=LineReports)
def list_line_figures(request: HttpRequest, asked: Query[Period]) -> Any:
    """How each phone line of a brand did: answered in time, given up, told of an outage, called back, people woken."""
    brand = _brand(request, asked, "read_line_figures")
    reports = phone_queries.reports_of([brand.id], asked.first, asked.last, clock.now())
    shares = [name for name in LineFiguresOut.model_fields if name.endswith(("_share", "_a_night", "_a_call"))]
    return {
        "items": [
            {
                "line": one.line,
                **asdict(one.figures),
                **{name: getattr(one.figures, name) for name in shares},
                "hours": [asdict(hour) for hour in one.hours if hour.calls],
            }
            for one in reports
        ]
    }


@router.put("/brands/{brand_id}/pay-rates", response=RatesIn)
def save_pay_rates(request: HttpRequest, brand_id: Id, body: RatesIn) -> Any:
    """Say what on-call work is paid."""
    row = actions.save_pay_rates(
        brand_id=brand_id, rates=body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )
    return row.rates


@router.put("/brands/{brand_id}/figures", response=Switches)
def save_figures(request: HttpRequest, brand_id: Id, body: Switches) -> Any:
    """Say which figures about people are not reckoned."""
    return actions.save_figures(brand_id=brand_id, off=body.off, by=actor_of(request), via=Door.API, at=clock.now())


def _brand(request: HttpRequest, asked: Period, verb: str) -> Brand:
    require(actor_of(request), verb, asked.brand_id)
    if not asked.first <= asked.last <= asked.first + LONGEST:
        raise Invalid("A period was asked for.", "It ends before it begins, or is longer than a year.", "Ask for less.")
    return one(readable(request, verb, Brand.objects.all(), "id"), id=asked.brand_id)
