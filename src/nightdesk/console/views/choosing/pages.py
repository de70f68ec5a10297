"""Approaches to out of hours: what is saved, one comparison side by side, and the form to change it."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.calls.models import Line
from nightdesk.console.views.choices import pairs
from nightdesk.console.views.choosing.forms import ComparisonForm, FromRecordsForm
from nightdesk.console.views.choosing.shown import details, months, pictures, price_rows, table
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import as_csv, asked, csv_url, one_page, search_box
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within
from nightdesk.reports.choosing_actions import (
    choose_approach,
    copy_comparison,
    delete_comparison,
    restore_comparison,
    save_comparison,
)
from nightdesk.reports.choosing_queries import afterwards, calls_on_record, comparisons, inputs_for, law_of
from nightdesk.reports.choosing_stored import as_plain, case_of
from nightdesk.reports.choosing_words import name_of, worst
from nightdesk.reports.figure_wording import floor
from nightdesk.reports.models import Comparison

UNDO_SHOWN = timedelta(minutes=5)
LOOKED_BACK = timedelta(days=90)


@staff("read_comparisons")
def choosing(request: StaffRequest) -> HttpResponse:
    """The comparisons, by name."""
    rows, pager = one_page(request, _listed(request))
    count = pager["text"] or ngettext("{count} comparison", "{count} comparisons", len(rows)).format(count=len(rows))
    context = {
        "here": "choosing",
        "heading": count if rows else _("Nothing is compared yet"),
        "filters": [search_box(asked(request, "q"), _("Name"))],
        "rows": [_row(row) for row in rows],
        "pager": pager,
        "csv_url": csv_url(request, reverse("console:choosing_csv")),
        "new_url": reverse("console:new_comparison"),
        "undo": _undo(request),
    }
    return page_or_part(request, "choosing", set(), context)


@staff("read_comparisons")
def choosing_csv(request: StaffRequest) -> HttpResponse:
    """The same list as a file."""
    names = ["brand", "name", "saved_at", "saved_by", "chosen", "chosen_on", "id"]
    rows = (
        [row.brand.slug, row.name, row.saved_at, row.saved_by, row.chosen, row.chosen_on, row.pk]
        for row in _listed(request)
    )
    return as_csv("comparisons", names, rows)


@staff("read_comparisons")
def comparison(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """Each approach side by side: what it costs, answers and wakes, and what the law says."""
    row = _one(request, comparison_id)
    case = case_of(row.inputs)
    held = law_of(case, row.brand, _monday(row))
    since = afterwards(row, request.at)
    context = {
        "here": "choosing",
        "heading": row.name,
        "row": row,
        "chosen": name_of(row.chosen, case.inputs.shift_people) if row.chosen else "",
        "needed": case.needed,
        "inputs": case.inputs,
        "table": table(case, held, row.chosen),
        "pictures": pictures(case),
        "details": details(case, held, row),
        "prices": price_rows(case),
        "months": months(since, case.inputs.currency),
        "may_save": may(request, "save_comparison", row.brand_id),
        "may_choose": may(request, "choose_approach", row.brand_id),
        "crumbs": _crumbs(),
    }
    return render(request, "console/comparison.html", context)


@staff("read_comparisons")
def comparison_csv(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """The approaches side by side as a file; shares are of 1."""
    row = _one(request, comparison_id)
    case = case_of(row.inputs)
    held = law_of(case, row.brand, _monday(row))
    names = [
        "approach", "calls_a_month", "in_time_share", "in_time_share_if_they_wait", "lost_share", "nights_woken_a_person",
        "cost", "currency", "law", "chosen",
    ]  # fmt: skip
    rows = (
        [
            each.name, each.calls, _rounded(each.in_time_share), _rounded(each.endless_share), _rounded(each.lost_share),
            round(each.woken, 2), each.cost, case.inputs.currency, worst(held[each.name]) or "", each.name == row.chosen,
        ]
        for each in case.outcomes
    )  # fmt: skip
    return as_csv("comparison", names, rows)


@staff("read_comparisons")
def comparison_lines_csv(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """What each approach costs, line by line, as a file."""
    row = _one(request, comparison_id)
    case = case_of(row.inputs)
    rows = (
        [each.name, line.what, line.how_many, line.price, line.amount, case.inputs.currency]
        for each in case.outcomes
        for line in each.lines
    )
    return as_csv("comparison-lines", ["approach", "what", "how_many", "price", "amount", "currency"], rows)


@staff("read_comparisons")
def comparison_after_csv(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """What happened since the choice beside what was expected, a month a row, as a file."""
    row = _one(request, comparison_id)
    names = [
        "first", "last", "calls", "calls_expected", "in_time_share", "in_time_share_expected", "lost_share",
        "lost_share_expected", "nights_woken_a_person", "nights_woken_a_person_expected", "messages_cost",
    ]  # fmt: skip
    rows = (
        [
            each.first, each.last, each.calls, each.calls_expected, _rounded(each.in_time_share),
            _rounded(each.expected.in_time_share), _rounded(each.lost_share), _rounded(each.expected.lost_share),
            "" if each.woken is None else round(each.woken, 2), round(each.woken_expected, 2),
            " ".join(f"{paid:.2f} {currency}" for currency, paid in each.messages.items()),
        ]
        for each in afterwards(row, request.at)
    )  # fmt: skip
    return as_csv("comparison-afterwards", names, rows)


@form_page("save_comparison")
def new_comparison(request: StaffRequest) -> HttpResponse:
    """A new one, with the calls of a line where it was asked for."""
    records = _records_form(request)
    brand = Brand.objects.filter(within(request.brands, "id")).order_by("name").first()
    initial: dict[str, Any] = {}
    if records.is_bound and records.is_valid():
        line = Line.objects.select_related("brand").get(pk=records.cleaned_data["line"])
        brand = line.brand
        initial["calls"] = calls_on_record(line, records.cleaned_data["first"], records.cleaned_data["last"])
    if brand is not None:
        initial = as_plain(inputs_for(brand)) | {"brand": str(brand.pk)} | initial
    form = ComparisonForm(request.POST or None, initial=initial, request=request)
    return _save(request, form, None, _("Compare approaches"), records)


@form_page("save_comparison")
def change_comparison(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """Its inputs, to be changed."""
    row = _one(request, comparison_id)
    records = _records_form(request, row.brand_id)
    initial = row.inputs | {"brand": str(row.brand_id), "name": row.name}
    if records.is_bound and records.is_valid():
        line = Line.objects.select_related("brand").get(pk=records.cleaned_data["line"])
        initial["calls"] = calls_on_record(line, records.cleaned_data["first"], records.cleaned_data["last"])
    form = ComparisonForm(request.POST or None, initial=initial, request=request, brand_id=row.brand_id)
    return _save(request, form, row, row.name, records)


@posting("save_comparison")
def copy_one(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """A copy, to be changed."""
    _one(request, comparison_id)
    row = copy_comparison(comparison_id=comparison_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is kept.").format(name=row.name), "console:change_comparison", row.pk)


@posting("delete_comparison")
def delete_one(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """Gone, with the way back on the list."""
    _one(request, comparison_id)
    delete_comparison(comparison_id=comparison_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, "", "console:choosing")


@posting("delete_comparison")
def restore_one(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """Back again."""
    found(Comparison.objects.filter(within(request.brands), pk=comparison_id), _("You asked for a comparison."))
    row = restore_comparison(comparison_id=comparison_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is back.").format(name=row.name), "console:choosing")


@posting("choose_approach")
def choose_one(request: StaffRequest, comparison_id: UUID) -> HttpResponse:
    """This is what we do."""
    row = _one(request, comparison_id)
    since = request.POST.get("since", "")
    try:
        day = date.fromisoformat(since) if since else localtime(request.at).date()
    except ValueError as bad:
        raise Invalid(
            _("An approach was chosen from a day on."), _("{day} is no day.").format(day=since[:20]), _("Give a date.")
        ) from bad
    approach = request.POST.get("approach", "")
    choose_approach(comparison_id=row.pk, approach=approach, since=day, by=request.actor, via=Door.WEB, at=request.at)
    said = _("{name} is what you do. What happens is held against it from now on.") if approach else _("Taken back.")
    return done(request, said.format(name=name_of(approach)), "console:comparison", row.pk)


def _save(
    request: StaffRequest, form: ComparisonForm, row: Comparison | None, heading: str, records: FromRecordsForm
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_comparison(
                brand_id=int(form.cleaned_data["brand"]),
                comparison_id=row.pk if row is not None else None,
                name=form.cleaned_data["name"],
                inputs=form.inputs(),
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
        except Invalid as refused:
            form.add_error("name", f"{refused.so} {refused.do}")
        else:
            return done(request, _("{name} is kept.").format(name=saved.name), "console:comparison", saved.pk)
    context = {
        "here": "choosing",
        "form": form,
        "heading": heading,
        "records": records if records.fields["line"].choices else None,  # type: ignore[attr-defined]
        "crumbs": _crumbs()
        + ([{"url": reverse("console:comparison", args=[row.pk]), "label": row.name}] if row else []),
        "cancel_url": reverse("console:comparison", args=[row.pk]) if row else reverse("console:choosing"),
    }
    return render(request, "console/comparison_form.html", context)


def _records_form(request: StaffRequest, brand_id: int | None = None) -> FromRecordsForm:
    today = localtime(request.at).date()
    asked_for = request.GET if "line" in request.GET else None
    form = FromRecordsForm(asked_for, initial={"first": today - LOOKED_BACK, "last": today}, auto_id="records_%s")
    lines = Line.objects.filter(within(request.brands)).select_related("brand").order_by("brand__name", "name")
    form.fields["line"].choices = pairs(lines if brand_id is None else lines.filter(brand=brand_id))  # type: ignore[attr-defined]
    return form


def _listed(request: StaffRequest) -> Any:
    rows = comparisons(request.brands)
    words = asked(request, "q")
    return rows.filter(name__icontains=words) if words else rows


def _row(row: Comparison) -> dict[str, Any]:
    chosen = (
        _("{name} since {day:%d %b %Y}").format(name=name_of(row.chosen), day=row.chosen_on) if row.chosen_on else ""
    )
    return {
        "title": row.name,
        "url": reverse("console:comparison", args=[row.pk]),
        "detail": f"{row.brand.name} \u00b7 " + _("saved by {name}").format(name=row.saved_by),
        "tags": [{"text": chosen, "tone": "calm"}] if chosen else [],
        "actions": [],
    }


def _undo(request: StaffRequest) -> dict[str, Any] | None:
    """The way back from the comparison that was deleted last, while it is fresh."""
    last = (
        Comparison.objects.filter(within(request.brands), deleted_at__gt=request.at - UNDO_SHOWN)
        .order_by("-deleted_at")
        .first()
    )
    if last is None or last.deleted_at is None or not may(request, "delete_comparison", last.brand_id):
        return None
    return {
        "text": _("{name} is deleted.").format(name=last.name),
        "url": reverse("console:restore_comparison", args=[last.pk]),
        "until_at": last.deleted_at + UNDO_SHOWN,
        "fields": {},
    }


def _one(request: StaffRequest, comparison_id: UUID) -> Comparison:
    return found(comparisons(request.brands).filter(pk=comparison_id), _("You asked for a comparison."))


def _monday(row: Comparison) -> date:
    day = row.saved_at.date()
    return day - timedelta(days=day.weekday())


def _crumbs() -> list[dict[str, str]]:
    return [{"url": reverse("console:choosing"), "label": _("Approaches")}]


def _rounded(share: float | None) -> float | str:
    return "" if share is None else floor(share, 4)
