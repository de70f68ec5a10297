"""Who bears how much, and what it is paid: a person sees their own, a manager their people's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for
from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.console.views.lists import as_csv, asked_day, csv_url, day_box
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, staff, within
from nightdesk.people.models import Person, Team
from nightdesk.people.reading_actions import What, note_read
from nightdesk.reports.actions import PAY, SWITCHES, save_figures, save_pay_rates
from nightdesk.reports.load import Figure, Load
from nightdesk.reports.pay import Line, Rates
from nightdesk.reports.queries import loads_of, pay_lines, people_of, rates_of, switched_off

LONGEST = timedelta(days=366)
FIGURES = {
    Figure.NIGHTS: gettext_lazy("Nights"),
    Figure.WEEKENDS: gettext_lazy("Weekends"),
    Figure.HOLIDAYS: gettext_lazy("Bank holidays"),
    Figure.WOKEN: gettext_lazy("Times woken"),
    Figure.MINUTES_AWAKE: gettext_lazy("Minutes awake"),
    Figure.CALLED_OFF: gettext_lazy("Called while off duty"),
}
SWITCH_NAMES = {**{figure.value: name for figure, name in FIGURES.items()}, PAY: gettext_lazy("Pay")}


@dataclass(frozen=True)
class Part:
    """What a reader may see of a brand: everybody's figures, or their own alone."""

    brand: Brand
    people: list[Person]
    shown: list[Person]


@staff("edit_own_contacts")
def load(request: StaffRequest) -> HttpResponse:
    """Nights, weekends, holidays, times woken, minutes awake, calls off duty: of each person, against their share."""
    first, last = _span(request)
    _note(request, What.LOAD)
    parts = [
        {
            "brand": part.brand.name,
            "plots": _plots(part, loads_of(part.brand, part.people, first, last, request.at)),
            "figures_url": reverse("console:figures", args=[part.brand.id])
            if may(request, "save_figures", part.brand.id)
            else "",
        }
        for part in _parts(request)
    ]
    context = {
        "here": "load",
        "heading": _("Who bears how much"),
        "filters": [day_box("first", _("From"), first), day_box("last", _("To"), last)],
        "parts": parts,
        "csv_url": csv_url(request, reverse("console:load_csv")),
        "pay_url": reverse("console:pay"),
    }
    return render(request, "console/load.html", context)


@staff("edit_own_contacts")
def load_csv(request: StaffRequest) -> HttpResponse:
    """The same figures as a file."""
    first, last = _span(request)
    _note(request, What.LOAD)

    def rows() -> Iterator[list[Any]]:
        for part in _parts(request):
            shown = {person.pk for person in part.shown}
            for one in loads_of(part.brand, part.people, first, last, request.at):
                if one.person.id in shown:
                    for figure, value in one.figures.items():
                        yield [part.brand.slug, one.person.name, figure.value, value, round(one.shares[figure], 2)]

    return as_csv("load", ["brand", "person", "figure", "value", "share"], rows())


@staff("edit_own_contacts")
def pay(request: StaffRequest) -> HttpResponse:
    """What on-call work is paid, by person, with the sum of the lines."""
    first, last = _span(request)
    _note(request, What.PAY)
    parts = []
    for part in _parts(request):
        if PAY in switched_off(part.brand):
            continue
        currency = rates_of(part.brand).currency
        rows = [_sum_row(part.brand, person, currency, first, last, request) for person in part.shown]
        url = (
            reverse("console:pay_rates", args=[part.brand.id]) if may(request, "save_pay_rates", part.brand.id) else ""
        )
        parts.append({"brand": part.brand.name, "rows": rows, "rates_url": url})
    context = {
        "here": "load",
        "heading": _("On-call pay"),
        "filters": [day_box("first", _("From"), first), day_box("last", _("To"), last)],
        "parts": parts,
        "csv_url": csv_url(request, reverse("console:pay_csv")),
        "load_url": reverse("console:load"),
    }
    return render(request, "console/pay.html", context)


@staff("edit_own_contacts")
def pay_csv(request: StaffRequest) -> HttpResponse:
    """The lines that the pay is made of."""
    first, last = _span(request)
    _note(request, What.PAY)

    def rows() -> Iterator[list[Any]]:
        for part in _parts(request):
            if PAY in switched_off(part.brand):
                continue
            currency = rates_of(part.brand).currency
            for person in part.shown:
                for line in pay_lines(part.brand, person, first, last, request.at):
                    yield [part.brand.slug, person.name, *_cells(line), currency]

    columns = [
        "brand",
        "person",
        "start",
        "end",
        "sort",
        "what",
        "minutes",
        "rate",
        "factor",
        "why",
        "amount",
        "currency",
    ]
    return as_csv("pay", columns, rows())


class RatesForm(forms.Form):
    currency = forms.CharField(label=gettext_lazy("Currency"), min_length=3, max_length=3, initial="GBP")
    standby_hour = forms.DecimalField(label=gettext_lazy("An hour of standby"), min_value=0, decimal_places=2)
    duty_hour = forms.DecimalField(label=gettext_lazy("An hour of duty that counts"), min_value=0, decimal_places=2)
    call_hour = forms.DecimalField(
        label=gettext_lazy("An hour of work on a page or call"), min_value=0, decimal_places=2
    )
    called_off_hour = forms.DecimalField(
        label=gettext_lazy("An hour of help while off duty"), min_value=0, decimal_places=2
    )
    call_minimum = forms.IntegerField(
        label=gettext_lazy("Minutes that a call is paid for at least"), min_value=0, max_value=1440
    )
    night_factor = forms.DecimalField(
        label=gettext_lazy("Times, at night"), min_value=1, max_value=10, decimal_places=2
    )
    weekend_factor = forms.DecimalField(
        label=gettext_lazy("Times, at weekends"), min_value=1, max_value=10, decimal_places=2
    )
    holiday_factor = forms.DecimalField(
        label=gettext_lazy("Times, on bank holidays"),
        min_value=1,
        max_value=10,
        decimal_places=2,
        help_text=gettext_lazy("Where several hold, the highest counts; they are not multiplied."),
    )


@form_page("save_pay_rates")
def pay_rates(request: StaffRequest, brand_id: int) -> HttpResponse:
    """What an hour is paid."""
    brand = _brand(request, brand_id)
    rates = rates_of(brand)
    form = RatesForm(request.POST or None, initial={name: getattr(rates, name) for name in Rates.__dataclass_fields__})
    if request.method == "POST" and form.is_valid():
        save_pay_rates(brand_id=brand.id, rates=form.cleaned_data, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:pay")
    context = {
        "here": "load",
        "form": form,
        "heading": _("What on-call work is paid at {brand}").format(brand=brand.name),
        "label": _("Save"),
        "crumbs": [{"url": reverse("console:pay"), "label": _("On-call pay")}],
    }
    return render(request, "console/form.html", context)


class FiguresForm(forms.Form):
    off = forms.MultipleChoiceField(
        label=gettext_lazy("Not reckoned"),
        choices=list(SWITCH_NAMES.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "What is switched off is shown to nobody and stands in no file; the hours themselves stay."
        ),
    )


@form_page("save_figures")
def figures(request: StaffRequest, brand_id: int) -> HttpResponse:
    """Which figures about people are reckoned, as agreed with the works council."""
    brand = _brand(request, brand_id)
    form = FiguresForm(request.POST or None, initial={"off": switched_off(brand)})
    if request.method == "POST" and form.is_valid():
        save_figures(brand_id=brand.id, off=form.cleaned_data["off"], by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:load")
    context = {
        "here": "load",
        "form": form,
        "heading": _("Figures about people at {brand}").format(brand=brand.name),
        "label": _("Save"),
        "crumbs": [{"url": reverse("console:load"), "label": _("Who bears how much")}],
    }
    return render(request, "console/form.html", context)


def _span(request: StaffRequest) -> tuple[date, date]:
    """The first and the last day: as asked, else this month; a year at most."""
    today = localtime(request.at).date()
    first = asked_day(request, "first") or today.replace(day=1)
    last = asked_day(request, "last") or max(today, first)
    return first, min(max(last, first), first + LONGEST)


def _note(request: StaffRequest, what: What) -> None:
    shown = {person.pk for part in _parts(request) for person in part.shown}
    note_read(person_ids=shown, what=what, by=request.actor, via=Door.WEB, at=request.at)


def _parts(request: StaffRequest) -> list[Part]:
    manages = brands_for(request.actor, "read_load")
    parts = []
    mine = (
        set(Team.objects.filter(members=request.person).values_list("brand_id", flat=True)) if request.person else set()
    )
    for brand in Brand.objects.order_by("name"):
        if manages is None or brand.id in manages:
            people = people_of(brand)
            parts.append(Part(brand, people, people))
        elif brand.id in mine and request.person is not None:
            parts.append(Part(brand, people_of(brand), [request.person]))
    return parts


def _plots(part: Part, all_loads: list[Load]) -> list[dict[str, Any]]:
    """A plot for each figure: a bar a person, and a mark where their share is."""
    shown = {person.pk for person in part.shown}
    loads = [one for one in all_loads if one.person.id in shown]
    plots = []
    for figure, name in FIGURES.items():
        if not loads or figure not in loads[0].figures:
            continue
        most = max([1.0, *(float(one.figures[figure]) for one in loads), *(one.shares[figure] for one in loads)])
        plots.append(
            {
                "name": name,
                "rows": [
                    {
                        "name": one.person.name,
                        "value": one.figures[figure],
                        "share": f"{one.shares[figure]:.1f}",
                        "width_pct": round(100 * one.figures[figure] / most, 1),
                        "share_pct": round(99 * one.shares[figure] / most, 1),
                    }
                    for one in loads
                ],
            }
        )
    return plots


def _sum_row(
    brand: Brand, person: Person, currency: str, first: date, last: date, request: StaffRequest
) -> dict[str, Any]:
    lines = pay_lines(brand, person, first, last, request.at)
    return {
        "name": person.name,
        "lines": len(lines),
        "hours": f"{sum(line.minutes for line in lines) / 60:.1f}",
        "amount": f"{sum((line.amount for line in lines), Decimal(0)):,.2f} {currency}",
    }


def _cells(line: Line) -> list[Any]:
    return [
        line.start,
        line.end,
        line.sort.value,
        line.what,
        line.minutes,
        line.rate,
        line.factor,
        line.why,
        line.amount,
    ]


def _brand(request: StaffRequest, brand_id: int) -> Brand:
    return found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), _("You asked for a brand."))


assert set(SWITCH_NAMES) == set(SWITCHES)
