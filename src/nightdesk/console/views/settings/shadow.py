"""Shadow mode of one sender of alarms: the comparison with the old pager, and the step to live and back."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.cards import page_row
from nightdesk.console.views.checked import checked
from nightdesk.console.views.lists import as_csv, asked, asked_day, day_box, select
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, staff, within
from nightdesk.customers.hours import first_instant
from nightdesk.paging import comparison
from nightdesk.paging import shadow_actions as actions
from nightdesk.paging.beats import zone_named
from nightdesk.paging.models import Integration
from nightdesk.paging.queries import compared, would_ring_now

WORDS = {
    "missed here": gettext_lazy("Missed here"),
    "later here": gettext_lazy("Later here"),
    "other person": gettext_lazy("Somebody else"),
    "missed there": gettext_lazy("Missed there"),
    "sooner here": gettext_lazy("Sooner here"),
    "same": gettext_lazy("The same"),
}
TONES = {"missed here": "fire", "later here": "accent", "other person": "accent", "same": "calm"}
LARGEST = 1_500_000


class OldPagerForm(forms.Form):
    """The old pager's list."""

    file = forms.FileField(
        label=gettext_lazy("The old pager’s list, as CSV"),
        help_text=gettext_lazy("Columns: time, alarm (its key or title), person, acknowledged_at."),
    )


def _one(request: StaffRequest, integration_id: int) -> Integration:
    rows = Integration.objects.filter(within(request.brands), id=integration_id).select_related("brand")
    return found(rows, _("You asked for a sender of alarms."))


def _rows(request: StaffRequest, row: Integration) -> tuple[list[comparison.Row], Any]:
    """The comparison of the day that the address asks for, by the brand's clocks; by default of the last 24 hours."""
    day = asked_day(request, "day")
    if day is None:
        since, until = request.at - timedelta(days=1), request.at
    else:
        zone = zone_named(row.brand.zone)
        midnight = datetime.combine(day, time())
        since, until = first_instant(midnight, zone), first_instant(midnight + timedelta(days=1), zone)
    rows = compared(row.pk, since, until)
    if wanted := asked(request, "difference", WORDS):
        rows = [each for each in rows if each.difference == wanted]
    return rows, day


@staff("read_shadow")
def shadow(request: StaffRequest, integration_id: int) -> HttpResponse:
    """The old pager beside this one, and what going live would do."""
    row = _one(request, integration_id)
    rows, day = _rows(request, row)
    open_now = would_ring_now(row.pk)
    counted = [(str(WORDS[name]), count) for name, count in comparison.counts(rows).items()]
    mine = may(request, "start_shadow", row.brand_id)
    context = {
        "here": "settings",
        "row": row,
        "heading": _("{name} wakes nobody here").format(name=row.name)
        if row.shadow_since
        else _("{name} wakes people").format(name=row.name),
        "counts": counted,
        "rows": [_row(each) for each in rows],
        "filters": [
            day_box("day", _("Day"), day),
            select(
                "difference", _("Which"), asked(request, "difference"), {k: str(v) for k, v in WORDS.items()}, _("All")
            ),
        ],
        "clear_url": request.path if request.GET else "",
        "csv_url": f"{reverse('console:shadow_csv', args=[row.pk])}?{request.GET.urlencode()}",
        "open_now": [page_row(request, each) for each in open_now],
        "preview": ngettext(
            "From then on this wakes people: {count} open alarm would ring now.",
            "From then on this wakes people: {count} open alarms would ring now.",
            len(open_now),
        ).format(count=len(open_now)),
        "may_switch": mine,
        "form": OldPagerForm() if mine else None,
    }
    return render(request, "console/shadow.html", context)


def _row(each: comparison.Row) -> dict[str, Any]:
    def side(told: Any) -> str:
        return f"{localtime(told[0]):%H:%M:%S} {told[1]}".strip() if told else _("nobody")

    detail = [
        _("old pager: {told}").format(told=side(each.there)),
        _("Nightdesk: {told}").format(told=side(each.here)),
        _("taken there at {time}").format(time=f"{localtime(each.acknowledged_at):%H:%M}")
        if each.acknowledged_at
        else "",
    ]
    return {
        "at": each.at,
        "title": each.alarm,
        "detail": " · ".join(text for text in detail if text),
        "tags": [{"text": str(WORDS[each.difference]), "tone": TONES.get(each.difference, "")}],
    }


@staff("read_shadow")
def shadow_csv(request: StaffRequest, integration_id: int) -> HttpResponse:
    """The same comparison as a file."""
    rows, _day = _rows(request, _one(request, integration_id))
    header = [
        "alarm",
        "at",
        "old_at",
        "old_person",
        "acknowledged_at",
        "new_at",
        "new_person",
        "difference",
        "later_by_s",
    ]
    cells = (
        [
            each.alarm, each.at, *(each.there or ("", "")), each.acknowledged_at, *(each.here or ("", "")),
            each.difference, round(each.by.total_seconds()),
        ]
        for each in rows
    )  # fmt: skip
    return as_csv("shadow", header, cells)


@posting("start_shadow")
def start_shadow(request: StaffRequest, integration_id: int) -> HttpResponse:
    """Its alarms wake nobody here."""
    row = _one(request, integration_id)
    actions.start_shadow(integration_id=row.pk, hour=row.shadow_hour, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} wakes nobody here from now on.").format(name=row.name), "console:shadow", row.pk)


@posting("end_shadow")
def end_shadow(request: StaffRequest, integration_id: int) -> HttpResponse:
    """Its alarms wake people."""
    row = _one(request, integration_id)
    rung = actions.end_shadow(integration_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    text = ngettext(
        "{name} wakes people now: {count} page rang.", "{name} wakes people now: {count} pages rang.", len(rung)
    )
    return done(request, text.format(name=row.name, count=len(rung)), "console:shadow", row.pk)


@posting("import_old_pager")
def import_old_pager(request: StaffRequest, integration_id: int) -> HttpResponse:
    """Read in what the old pager did."""
    row = _one(request, integration_id)
    asked_for = _("You wanted to read in the old pager's list.")
    values = checked(OldPagerForm(request.POST, request.FILES), asked_for)
    try:
        text = values["file"].read(LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(asked_for, _("It is not UTF-8."), _("Save it as CSV in UTF-8.")) from error
    count = actions.import_old_pager(integration_id=row.pk, text=text, by=request.actor, via=Door.WEB, at=request.at)
    text = ngettext("{count} row was read in.", "{count} rows were read in.", count).format(count=count)
    return done(request, text, "console:shadow", row.pk)
