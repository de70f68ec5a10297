"""Service figures: all of a period at a glance, one figure over time and by whose it was, desks side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.console.views.lists import as_csv, asked, asked_day, csv_url, day_box, select
from nightdesk.console.views.staff import StaffRequest, may, may_somewhere, staff, within
from nightdesk.people.reading_actions import What, note_read
from nightdesk.reports import figure_queries
from nightdesk.reports.definitions import FIGURES, PERSONAL, Definition, Unit
from nightdesk.reports.figure_queries import SHOWN, Desk, Part, Reading, overview, parts, pieces_of, readings, trends
from nightdesk.reports.figure_wording import NAMES, beside, duration, in_file, value_of
from nightdesk.reports.load import Figure
from nightdesk.reports.queries import switched_off

LONGEST = timedelta(days=5 * 366)
USUAL = timedelta(days=29)
GROUPS = (
    (gettext_lazy("On the phone"), ("answered_12s", "answered_12s_recorder", "answered_12s_engineer", "answered_12s_patient",
        "time_to_answer", "gave_up", "repeat_callers", "call_backs_on_time", "messages_corrected")),
    (gettext_lazy("At the desk"), ("time_to_respond", "time_to_resolve", "first_contact", "escalated_functional",
        "escalated_hierarchic", "reopened", "satisfaction", "satisfied")),
    (gettext_lazy("Pages"), ("time_to_acknowledge", "woken")),
    (gettext_lazy("Outages"), ("first_word", "updates_on_time", "told_before_asking", "availability", "availability_with_work")),
    (gettext_lazy("Messages out"), ("delivery_taken", "delivery_arrived", "delivery_cost")),
)  # fmt: skip
COMPARED = (
    "answered_12s", "time_to_answer", "messages_corrected", "time_to_respond", "time_to_resolve", "first_contact",
    "escalated_functional", "reopened", "satisfaction",
)  # fmt: skip
NARROWED_BY = ("team", "shift", "supplier")
DIMENSION_NAMES = {
    "brand": gettext_lazy("By brand"),
    "team": gettext_lazy("By team"),
    "shift": gettext_lazy("By shift"),
    "customer": gettext_lazy("By customer"),
    "supplier": gettext_lazy("By supplier"),
    "provider": gettext_lazy("By provider"),
    "person": gettext_lazy("By person"),
}


@dataclass(frozen=True)
class Asked:
    """What the address asks for: days, both in it, brands, and one value of a dimension ("" and "": all)."""

    first: date
    last: date
    brands: list[Brand]
    dimension: str
    value: str

    @property
    def ids(self) -> list[int]:
        """Of the brands."""
        return [brand.pk for brand in self.brands]

    @property
    def before(self) -> tuple[date, date]:
        """As many days before."""
        length = self.last - self.first + timedelta(days=1)
        return self.first - length, self.last - length

    @property
    def kept(self) -> dict[str, str]:
        """How it is narrowed, for queries."""
        return {"dimension": self.dimension, "value": self.value}


@staff("read_figures")
def service_figures(request: StaffRequest) -> HttpResponse:
    """Every figure of the period, beside the one before, with its trend."""
    what = _asked(request)
    starts = _pieces(what.first, what.last)
    now, over_time = overview(what.ids, starts, what.last, request.at, **what.kept)
    first_before, last_before = what.before
    then = readings(what.ids, first_before, last_before, request.at, **what.kept)
    context = {
        **_around(request, what, "service_figures", _("Figures")),
        "groups": [
            {
                "name": name,
                "rows": [_row(what, now[key], then[key], over_time[key], starts) for key in keys if key in now]
                + [_by_provider(what, key) for key in keys if key not in now and not what.dimension],
            }
            for name, keys in GROUPS
            if any(key in now for key in keys)
        ],
        "csv_url": csv_url(request, reverse("console:service_figures_csv")),
    }
    return render(request, "console/service_figures.html", context)


@staff("read_figures")
def service_figures_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file: shares of 1, times in milliseconds."""
    what = _asked(request)
    found = readings(what.ids, what.first, what.last, request.at, **what.kept)
    rows = (
        [key, what.first, what.last, what.dimension, what.value, *_cells(reading)] for key, reading in found.items()
    )
    return as_csv("figures", ["figure", "first", "last", "dimension", "of", *CELLS], rows)


@staff("read_figures")
def service_figure(request: StaffRequest, figure: str) -> HttpResponse:
    """One figure: over time as a plot with its table, and by team, shift, customer and so on."""
    known, what, key = _figure(figure), _asked(request), figure
    starts = _pieces(what.first, what.last)
    pieces = trends(what.ids, [key], starts, what.last, request.at, **what.kept)[key]
    whole = readings(what.ids, what.first, what.last, request.at, **what.kept).get(key)
    context = {
        **_around(request, what, "service_figures", str(NAMES[key])),
        "crumbs": [{"url": _url("service_figures", what), "label": _("Figures")}],
        "value": value_of(whole) if whole else "",
        "beside": beside(whole) if whole else "",
        "formula": known.formula,
        "source": known.source,
        "plot": _plot(pieces, starts, what.last) if known.unit is not Unit.MONEY else None,
        "tables": [_table(request, what, key, dimension) for dimension in _dimensions(request, what, known)],
        "csv_url": csv_url(request, reverse("console:service_figure_csv", args=[key])),
    }
    return render(request, "console/service_figure.html", context)


@staff("read_figures")
def service_figure_csv(request: StaffRequest, figure: str) -> HttpResponse:
    """One figure by piece of the period, then by every dimension that the reader may see."""
    known, what, key = _figure(figure), _asked(request), figure

    def rows() -> Iterator[list[Any]]:
        starts = _pieces(what.first, what.last)
        if known.unit is not Unit.MONEY:
            pieces = trends(what.ids, [key], starts, what.last, request.at, **what.kept)[key]
            for (first, last), reading in zip(pieces_of(starts, what.last), pieces, strict=True):
                yield [key, first, last, what.dimension, what.value, *_cells(reading)]
        for dimension in _dimensions(request, what, known):
            for part in _parts(request, what, key, dimension, most=None):
                yield [key, what.first, what.last, dimension, part.name, *_cells(part.reading)]

    return as_csv(f"figure-{key}", ["figure", "first", "last", "dimension", "of", *CELLS], rows())


@staff("read_figures")
def desks_compared(request: StaffRequest) -> HttpResponse:
    """Our own desks and those of suppliers, on the same terms, and how many there know our processes."""
    what = _asked(request)
    desks = figure_queries.desks(what.ids, what.first, what.last, request.at)
    context = {
        **_around(request, what, "desks_compared", _("Desks side by side"), narrow=False),
        "desks": [_desk(request, desk) for desk in desks],
        "plots": [_bars(key, desks) for key in ("answered_12s", "first_contact", "satisfaction")],
        "csv_url": csv_url(request, reverse("console:desks_compared_csv")),
    }
    return render(request, "console/desks_compared.html", context)


@staff("read_figures")
def desks_compared_csv(request: StaffRequest) -> HttpResponse:
    """The same desks with every figure that is kept by team."""
    what = _asked(request)

    def rows() -> Iterator[list[Any]]:
        for desk in figure_queries.desks(what.ids, what.first, what.last, request.at):
            head = [desk.team.brand.slug, desk.team.name, desk.supplier, desk.people, desk.familiar, desk.on]
            for key, reading in desk.readings.items():
                yield [*head, key, *_cells(reading)]

    return as_csv("desks", ["brand", "team", "supplier", "people", "familiar", "familiar_on", "figure", *CELLS], rows())


# --- What is asked for -----------------------------------------------------------------------------------------------


def _asked(request: StaffRequest) -> Asked:
    """The last thirty days of all that the reader may see, where the address says nothing else."""
    today = localtime(request.at).date()
    last = asked_day(request, "last") or today
    first = asked_day(request, "first") or last - USUAL
    last = min(max(last, first), first + LONGEST)
    mine = list(Brand.objects.filter(within(request.brands, "id")).order_by("name"))
    slug = asked(request, "brand", [brand.slug for brand in mine])
    brands = [brand for brand in mine if brand.slug == slug] or mine
    of = asked(request, "of", _narrowing(brands))
    dimension, _colon, value = of.partition(":")
    return Asked(first, last, brands, dimension, value)


def _narrowing(brands: Sequence[Brand]) -> dict[str, str]:
    """{"dimension:value": name} of all that it can be narrowed to."""
    ids = [brand.pk for brand in brands]
    return {
        f"{dimension}:{value}": name
        for dimension in NARROWED_BY
        for value, name in figure_queries.choices(ids, dimension).items()
    }


def _around(request: StaffRequest, what: Asked, here: str, heading: str, *, narrow: bool = True) -> dict[str, Any]:
    mine = Brand.objects.filter(within(request.brands, "id")).order_by("name")
    filters = [day_box("first", _("From"), what.first), day_box("last", _("To"), what.last)]
    if len(mine) > 1:
        chosen = asked(request, "brand", [brand.slug for brand in mine])
        filters.append(
            select("brand", _("Brand"), chosen, {brand.slug: brand.name for brand in mine}, _("All of them"))
        )
    if narrow:
        of = f"{what.dimension}:{what.value}" if what.dimension else ""
        filters.append(select("of", _("Only"), of, _narrowing(what.brands), _("Everything")))
    tabs = tabs_of(request, here, what)
    return {
        "here": "service_figures",
        "heading": heading,
        "filters": filters,
        "tabs": tabs,
        "counted_at": figure_queries.rolled_at(what.ids),
        "span": _("{first} to {last}").format(first=date_format(what.first), last=date_format(what.last)),
    }


def tabs_of(request: StaffRequest, here: str, what: Asked | None = None) -> list[dict[str, Any]]:
    """The pages of figures, for parts/tabs.html."""
    views = [("service_figures", _("Overview")), ("desks_compared", _("Desks side by side"))]
    if may_somewhere(request, "save_figure_mail"):
        views.append(("figure_mails", _("By mail")))
    return [
        {
            "url": _url(view, what) if what else reverse(f"console:{view}"),
            "label": name,
            "here": view == here,
            "count": None,
        }
        for view, name in views
    ]


def _url(view: str, what: Asked, *args: str) -> str:
    given = {"first": what.first.isoformat(), "last": what.last.isoformat()}
    if len(what.brands) == 1:
        given["brand"] = what.brands[0].slug
    if what.dimension:
        given["of"] = f"{what.dimension}:{what.value}"
    return f"{reverse(f'console:{view}', args=args)}?{urlencode(given)}"


def _figure(key: str) -> Definition:
    if key not in FIGURES:
        raise NotFound(
            _("You asked for a figure."), _("There is none of that name."), _("Look at the list of figures.")
        )
    return FIGURES[key]


def _dimensions(request: StaffRequest, what: Asked, figure: Definition) -> list[str]:
    """By what it is shown: all that is kept of everything; by person only to who may read everybody's load."""
    if what.dimension:
        return []
    brands = ["brand"] if len(what.brands) > 1 and figure.unit is not Unit.MONEY else []
    return brands + [name for name in figure.by if name not in PERSONAL or _may_see_people(request, what)]


def _parts(request: StaffRequest, what: Asked, key: str, dimension: str, *, most: int | None = SHOWN) -> list[Part]:
    """The figure by that dimension; of people it is noted who reads it."""
    found = parts(what.ids, key, dimension, what.first, what.last, request.at, most=most)
    if dimension in PERSONAL:
        people = [int(part.value) for part in found]
        note_read(person_ids=people, what=What.LOAD, by=request.actor, via=Door.WEB, at=request.at)
    return found


def _may_see_people(request: StaffRequest, what: Asked) -> bool:
    return all(may(request, "read_load", brand.pk) and Figure.WOKEN not in switched_off(brand) for brand in what.brands)


def _pieces(first: date, last: date) -> list[date]:
    """Where the pieces of a plot begin: days up to five weeks, weeks from Monday up to a year, else months."""
    length = (last - first).days + 1
    days = [first + timedelta(days=n) for n in range(length)]
    if length <= 35:
        return days
    if length <= 366:
        return [day for day in days if day == first or day.weekday() == 0]
    return [day for day in days if day == first or day.day == 1]


# --- How it is drawn -------------------------------------------------------------------------------------------------


def _row(what: Asked, now: Reading, then: Reading, pieces: Sequence[Reading], starts: Sequence[date]) -> dict[str, Any]:
    return {
        "url": _url("service_figure", what, now.figure.key),
        "name": NAMES[now.figure.key],
        "variant": bool(now.figure.variant_of),
        "value": value_of(now),
        "beside": beside(now),
        "before": value_of(then),
        "bars": _plot(pieces, starts, what.last)["bars"],
    }


def _by_provider(what: Asked, key: str) -> dict[str, Any]:
    """Money, which is added up over no two currencies."""
    return {
        "url": _url("service_figure", what, key),
        "name": NAMES[key],
        "value": _("by provider and currency"),
        "before": "–",
    }


def _plot(pieces: Sequence[Reading], starts: Sequence[date], last: date) -> dict[str, Any]:
    """A bar a piece, as high as its value; of times a mark where nine of ten are. What had nothing to count has none."""
    top = _top(pieces)
    wide = 100 / len(pieces)
    bars, rows = [], []
    for place, ((first, until), reading) in enumerate(zip(pieces_of(starts, last), pieces, strict=True)):
        name = (
            date_format(first, "j M")
            if first == until
            else f"{date_format(first, 'j M')} – {date_format(until, 'j M Y')}"
        )
        value, high = reading.value, reading.high
        rows.append({"name": name, "value": value_of(reading), "beside": beside(reading)})
        if value is None:
            continue
        share = min(value / top, 1) if top else 0
        bars.append(
            {
                "at_pct": round(place * wide + wide * 0.12, 2),
                "width_pct": round(wide * 0.76, 2),
                "top_pct": round(min(100 - 100 * share, 97), 1),
                "height_pct": max(round(100 * share, 1), 3),
                "high_pct": round(98 - 98 * min(high / top, 1), 1) if high is not None and top else None,
                "text": f"{name}: {value_of(reading)}",
            }
        )
    step = max(-(-len(starts) // 6), 1)
    ticks = [
        {"at_pct": round(place * wide, 2), "text": date_format(starts[place], "j M")}
        for place in range(0, len(starts), step)
    ]
    unit = pieces[0].figure.unit
    return {"bars": bars, "rows": rows, "ticks": ticks, "top": _top_text(unit, top), "times": unit is Unit.TIME}


def _top(pieces: Sequence[Reading]) -> float:
    """The value at the upper edge: all, of shares; five, of scores; else the highest there is."""
    unit = pieces[0].figure.unit
    if unit in (Unit.SHARE, Unit.UPTIME):
        return 1.0
    if unit is Unit.SCORE:
        return 5.0
    return max([0.0, *(float(each.high if each.high is not None else each.value or 0) for each in pieces)])


def _top_text(unit: Unit, top: float) -> str:
    if unit in (Unit.SHARE, Unit.UPTIME):
        return "100 %"
    return duration(top) if unit is Unit.TIME else f"{top:.1f}"


def _table(request: StaffRequest, what: Asked, key: str, dimension: str) -> dict[str, Any]:
    found = _parts(request, what, key, dimension)
    return {
        "name": DIMENSION_NAMES[dimension],
        "cut": len(found) == figure_queries.SHOWN,
        "rows": [
            {
                "name": part.name,
                "value": value_of(part.reading),
                "beside": beside(part.reading),
                "width_pct": _width(part.reading, [one.reading for one in found]),
            }
            for part in found
        ],
    }


def _width(reading: Reading, among: Sequence[Reading]) -> float:
    """How long its bar is, in per cent of the longest that there could be."""
    most = max(float(each.value or 0) for each in among)
    top = _top(among) if reading.figure.unit in (Unit.SHARE, Unit.UPTIME, Unit.SCORE) else most
    return round(100 * min((reading.value or 0) / top, 1), 1) if top else 0


def _desk(request: StaffRequest, desk: Desk) -> dict[str, Any]:
    return {
        "name": desk.team.name,
        "brand": desk.team.brand.name,
        "supplier": desk.supplier,
        "people": desk.people,
        "familiar": desk.familiar,
        "on": desk.on,
        "figures": [
            {"name": NAMES[key], "value": value_of(desk.readings[key]), "beside": beside(desk.readings[key])}
            for key in COMPARED
        ],
        "url": reverse("console:desk_supplier", args=[desk.team.pk])
        if may(request, "save_desk_supplier", desk.team.brand_id)
        else "",
    }


def _bars(key: str, desks: Sequence[Desk]) -> dict[str, Any]:
    """A bar a desk, the outsourced hatched."""
    among = [desk.readings[key] for desk in desks]
    return {
        "key": key,
        "name": NAMES[key],
        "rows": [
            {
                "name": desk.team.name,
                "outside": bool(desk.supplier),
                "value": value_of(desk.readings[key]),
                "beside": beside(desk.readings[key]),
                "width_pct": _width(desk.readings[key], among),
            }
            for desk in desks
        ],
    }


CELLS = ("unit", "value", "p90_ms", "mean_ms", "cases", "hits", "not_yet_known")


def _cells(reading: Reading) -> list[Any]:
    """As files have it: empty where there is nothing to count."""
    return [
        reading.figure.unit.value,
        in_file(reading),
        reading.high,
        "" if reading.mean is None else round(reading.mean),
        reading.tally.cases,
        reading.tally.hits,
        reading.tally.waiting,
    ]
