"""Service figures of a period: all of them, one by whose it was, over time, desks side by side, and reports by mail."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal

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
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.people.models import Team
from nightdesk.people.reading_actions import What, note_read
from nightdesk.reports import figure_actions, figure_queries
from nightdesk.reports.definitions import FIGURES, PERSONAL
from nightdesk.reports.figure_queries import Reading, next_mail
from nightdesk.reports.load import Figure
from nightdesk.reports.models import DeskSupplier, FigureMail
from nightdesk.reports.queries import switched_off

router = Router(tags=["figures"])

LONGEST = timedelta(days=5 * 366)
MOST_PIECES = 400
NUMBER = re.compile("[0-9]{1,18}")
Dimension = Literal["team", "shift", "customer", "supplier", "provider", "person"]


class FigurePeriod(Schema):
    """Both days are in it, by the brand's clocks; five years at most."""

    brand_id: Id
    first: Day
    last: Day


class FigurePart(FigurePeriod):
    """One value of a dimension (a team's id, a shift's name); neither: all of the brand."""

    dimension: Literal["", "team", "shift", "customer", "supplier", "provider"] = ""
    of: str = Field("", max_length=70)


class FigureTrend(FigurePart):
    """Every `days` of the period are one piece."""

    days: int = Field(7, ge=1, le=366)


class FigureBy(FigurePeriod):
    """By what the figure is told apart."""

    dimension: Dimension


class FigureReadingOut(Schema):
    """`value`: shares of 1, times in ms (the median), scores of 5, money in whole currency; null where there is nothing to count.

    `hits` of `cases` make a share. `waiting`: how many cannot be counted yet.
    """

    figure: str
    unit: str
    value: float | None
    p90_ms: int | None
    mean_ms: float | None
    cases: int
    hits: int
    waiting: int


class FigureReadings(Schema):
    """`counted_at`: up to when; null where nothing was counted yet."""

    counted_at: datetime | None
    items: list[FigureReadingOut]


class FigurePartOut(Schema):
    """The reading of one team, customer and so on; `of` is its id."""

    of: str
    name: str
    reading: FigureReadingOut


class FigureParts(Schema):
    """Those with the most to count first."""

    items: list[FigurePartOut]


class FigurePiece(Schema):
    """The reading of the days from `first` to `last`."""

    first: date
    last: date
    reading: FigureReadingOut


class FigurePieces(Schema):
    """In the order of time."""

    items: list[FigurePiece]


class DeskOut(Schema):
    """A team, and the supplier that runs it ("" ourselves). Of its `people` who is `familiar` has confirmed every briefing, and
    `familiar_on` of them are on now; both null where nobody was asked to.
    """

    team: Named
    supplier: str
    people: int
    familiar: int | None
    familiar_on: int | None
    items: list[FigureReadingOut]


class DesksOut(Schema):
    """By name."""

    items: list[DeskOut]


class DeskSupplierIn(Schema):
    """null: the team is our own. `line_id`: whose calls to an outside answering service are this team's."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"supplier_id": 3, "line_id": None}]})
    supplier_id: Id | None = None
    line_id: Id | None = None


class FigureMailIn(Schema):
    """`at_minute` of the day by the brand's clocks; `figures` empty: all of them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Week in figures", "every": "week", "at_minute": 480, "people": [1]}]},
    )
    name: str = Field(min_length=1, max_length=80)
    every: FigureMail.Every
    at_minute: int = Field(480, ge=0, lt=1440)
    people: list[Id] = Field(min_length=1, max_length=100)
    figures: list[str] = Field(default_factory=list, max_length=100)
    active: bool = True


class FigureMailOut(Schema):
    """`next_at`: when it goes out next, null where it does not."""

    id: int
    name: str
    every: str
    at_minute: int
    people: list[Named]
    figures: list[str]
    active: bool
    next_at: datetime | None


class FigureMails(Schema):
    """By name."""

    items: list[FigureMailOut]


class MailSent(Schema):
    """What was done."""

    told: str


@router.get("/service-figures", response=FigureReadings)
def list_service_figures(request: HttpRequest, asked: Query[FigurePart]) -> Any:
    """Every figure of a brand, or of a team, a shift, a customer, a supplier or a provider of it."""
    brand = _brand(request, asked)
    _check_part(asked)
    found = figure_queries.readings(
        [brand.pk], asked.first, asked.last, clock.now(), dimension=asked.dimension, value=asked.of
    )
    return {
        "counted_at": figure_queries.rolled_at([brand.pk]),
        "items": [reading_out(each) for each in found.values()],
    }


@router.get("/service-figures/{figure}/parts", response=FigureParts)
def list_figure_parts(request: HttpRequest, figure: str, asked: Query[FigureBy]) -> Any:
    """One figure by team, shift, customer, supplier, provider or person; by person only to who may read the load of people."""
    brand = _brand(request, asked)
    known = _known(figure)
    if asked.dimension in PERSONAL:
        require(actor_of(request), "read_load", brand.pk)
    if asked.dimension not in known.by or (asked.dimension in PERSONAL and Figure.WOKEN in switched_off(brand)):
        raise Invalid(
            f"A figure was asked for by {asked.dimension}.", "It is not kept so.", f"Ask by {', '.join(known.by)}."
        )
    found = figure_queries.parts([brand.pk], figure, asked.dimension, asked.first, asked.last, clock.now(), most=10_000)
    if asked.dimension in PERSONAL:
        people = [int(one.value) for one in found]
        note_read(person_ids=people, what=What.LOAD, by=actor_of(request), via=Door.API, at=clock.now())
    return {"items": [{"of": one.value, "name": one.name, "reading": reading_out(one.reading)} for one in found]}


@router.get("/service-figures/{figure}/trend", response=FigurePieces)
def list_figure_trend(request: HttpRequest, figure: str, asked: Query[FigureTrend]) -> Any:
    """One figure over time."""
    brand = _brand(request, asked)
    _known(figure)
    _check_part(asked)
    begin_at = _pieces(asked)
    found = figure_queries.trends(
        [brand.pk], [figure], begin_at, asked.last, clock.now(), dimension=asked.dimension, value=asked.of
    )[figure]
    return {
        "items": [
            {"first": first, "last": last, "reading": reading_out(each)}
            for (first, last), each in zip(figure_queries.pieces_of(begin_at, asked.last), found, strict=True)
        ]
    }


@router.get("/desks", response=DesksOut)
def list_desks(request: HttpRequest, asked: Query[FigurePeriod]) -> Any:
    """Our own desks and those of suppliers on the same terms, with how many people there know our processes."""
    brand = _brand(request, asked)
    return {
        "items": [
            {
                "team": desk.team,
                "supplier": desk.supplier,
                "people": desk.people,
                "familiar": desk.familiar,
                "familiar_on": desk.on,
                "items": [reading_out(each) for each in desk.readings.values()],
            }
            for desk in figure_queries.desks([brand.pk], asked.first, asked.last, clock.now())
        ]
    }


@router.put("/teams/{team_id}/desk-supplier", response=DeskSupplierIn)
def save_desk_supplier(request: HttpRequest, team_id: Id, body: DeskSupplierIn) -> Any:
    """Say who runs a team's desk."""
    team = one(readable(request, "save_desk_supplier", Team.objects.all()), id=team_id)
    row: DeskSupplier | None = figure_actions.save_desk_supplier(
        team_id=team.pk, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {"supplier_id": row.supplier_id if row else None, "line_id": row.line_id if row else None}


@router.get("/brands/{brand_id}/figure-mails", response=FigureMails)
def list_figure_mails(request: HttpRequest, brand_id: Id) -> Any:
    """The reports of figures that go out by mail."""
    require(actor_of(request), "save_figure_mail", brand_id)
    rows = FigureMail.objects.filter(brand=brand_id).select_related("brand").prefetch_related("people")
    return {"items": [_mail(row) for row in rows]}


@router.post("/brands/{brand_id}/figure-mails", response={201: FigureMailOut})
def make_figure_mail(request: HttpRequest, brand_id: Id, body: FigureMailIn) -> Any:
    """A report of figures goes out from now on."""
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    return 201, _mail(figure_actions.save_figure_mail(brand_id=brand_id, **body.dict(), **doing))


@router.put("/figure-mails/{figure_mail_id}", response=FigureMailOut)
def change_figure_mail(request: HttpRequest, figure_mail_id: Id, body: FigureMailIn) -> Any:
    """Change a report, or switch it off."""
    row = one(readable(request, "save_figure_mail", FigureMail.objects.all()), id=figure_mail_id)
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    return _mail(figure_actions.save_figure_mail(brand_id=row.brand_id, mail_id=row.pk, **body.dict(), **doing))


@router.post("/figure-mails/{figure_mail_id}/send", response=MailSent)
def send_figure_mail(request: HttpRequest, figure_mail_id: Id) -> Any:
    """Send a report now, beside its usual time."""
    row = one(readable(request, "send_figure_mail", FigureMail.objects.all()), id=figure_mail_id)
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    return {"told": figure_actions.send_figure_mail(mail_id=row.pk, **doing)}


def reading_out(reading: Reading) -> dict[str, Any]:
    """A reading as `FigureReadingOut` has it."""
    return {
        "figure": reading.figure.key,
        "unit": reading.figure.unit.value,
        "value": reading.value,
        "p90_ms": reading.high,
        "mean_ms": reading.mean,
        "cases": reading.tally.cases,
        "hits": reading.tally.hits,
        "waiting": reading.tally.waiting,
    }


def _mail(row: FigureMail) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "every": row.every,
        "at_minute": row.at_minute,
        "people": list(row.people.all()),
        "figures": row.figures,
        "active": row.active,
        "next_at": next_mail(row, clock.now()) if row.active else None,
    }


def _known(figure: str) -> Any:
    if figure not in FIGURES:
        raise NotFound("A figure was asked for.", "There is none of that name.", "docs/figures.md has them all.")
    return FIGURES[figure]


def _check_part(asked: FigurePart) -> None:
    if asked.dimension in ("team", "customer", "supplier") and not NUMBER.fullmatch(asked.of):
        raise Invalid(
            f"Figures were asked for by {asked.dimension}.", "`of` is no number of one.", "Give one of the parts' `of`."
        )


def _pieces(asked: FigureTrend) -> Sequence[date]:
    length = (asked.last - asked.first).days + 1
    if length > MOST_PIECES * asked.days:
        raise Invalid("A figure was asked for over time.", "That makes too many pieces.", "Ask for longer ones.")
    return [asked.first + timedelta(days=n) for n in range(0, length, asked.days)]


def _brand(request: HttpRequest, asked: FigurePeriod) -> Brand:
    require(actor_of(request), "read_figures", asked.brand_id)
    if not asked.first <= asked.last <= asked.first + LONGEST:
        raise Invalid("A period was asked for.", "It ends before it begins, or is longer than that.", "Ask for less.")
    return one(readable(request, "read_figures", Brand.objects.all(), "id"), id=asked.brand_id)
