"""Support hours: the week, bank holidays, single days, and which of them everybody may see."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.checked import lines_of
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.settings.sections import form_in, row, section_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may_somewhere, staff, within
from nightdesk.customers.actions import edit_hours, make_hours
from nightdesk.customers.hours import is_open, next_change
from nightdesk.customers.models import Hours
from nightdesk.customers.queries import support_hours

DAYS = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
_WINDOW = re.compile(r"\s*(\d{1,2}:\d{2})\s*[-–]\s*(\d{1,2}:\d{2})\s*")


@staff("edit_hours")
def all_hours(request: StaffRequest) -> HttpResponse:
    """Every calendar, and whether somebody is there now."""
    rows = []
    for each in Hours.objects.filter(within(request.brands)).select_related("brand").order_by("brand", "name"):
        hours = support_hours(each)
        change = next_change(hours, request.at)
        when = clock(change, request.at) if change else ""
        if is_open(hours, request.at):
            tag = {"text": _("open until {time}").format(time=when) if when else _("always open"), "tone": "calm"}
        else:
            tag = {"text": _("opens {time}").format(time=when) if when else _("closed"), "tone": ""}
        shown = _("everybody may see it") if each.public else ""
        details = [each.brand.name, each.zone, shown]
        url = reverse("console:hours", args=[each.id])
        rows.append(row(each.name, url, " · ".join(text for text in details if text), [tag]))
    heading = (
        ngettext(
            "{count} calendar says when you are there", "{count} calendars say when you are there", len(rows)
        ).format(count=len(rows))
        if rows
        else _("No hours are set")
    )
    new = (
        {"url": reverse("console:new_hours"), "label": _("New calendar")}
        if may_somewhere(request, "make_hours")
        else None
    )
    empty = _("Contracts and alarms go by them: outside the hours only what may wake somebody does.")
    return section_page(request, "all_hours", heading, rows=rows, new=new, empty_text=empty)


class WindowsField(forms.CharField):
    """Windows such as "09:00-12:30, 13:30-17:30"; empty: closed."""

    def clean(self, value: Any) -> list[list[str]]:
        """As `customers.stored` keeps a day's windows."""
        return _windows(super().clean(value))


def _windows(text: str) -> list[list[str]]:
    found_ = []
    for part in filter(None, (part.strip() for part in re.split(r"[,;]", text))):
        match = _WINDOW.fullmatch(part)
        if match is None:
            raise forms.ValidationError(_("Write it as 09:00-17:30; several with commas; nothing where it is closed."))
        found_.append([match[1], match[2]])
    return found_


def _as_text(windows: Sequence[Sequence[str]]) -> str:
    return ", ".join(f"{opens}-{closes}" for opens, closes in windows)


class HoursForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    zone = forms.CharField(label=gettext_lazy("Time zone"), max_length=50, initial="Europe/London")
    nation = forms.CharField(
        label=gettext_lazy("Bank holidays of"),
        max_length=2,
        required=False,
        help_text=gettext_lazy("Two letters, such as GB; empty: there are none."),
    )
    subdivision = forms.CharField(
        label=gettext_lazy("Part of it"),
        max_length=10,
        required=False,
        help_text=gettext_lazy("Such as ENG, SCT, WLS or NIR."),
    )
    exceptions = forms.CharField(
        label=gettext_lazy("Single days"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One a line: 2026-12-24 09:00-12:00, or a date alone for a day closed."),
    )
    public = forms.BooleanField(label=gettext_lazy("Everybody may see them"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        last = {name: self.fields.pop(name) for name in ("nation", "subdivision", "exceptions", "public")}
        for number, day in enumerate(DAYS):
            initial = "09:00-17:30" if number < 5 else ""
            self.fields[f"day-{number}"] = WindowsField(label=day, required=False, initial=initial, max_length=200)
        self.fields.update(last)

    def clean_exceptions(self) -> Mapping[str, list[list[str]]]:
        """ISO date -> windows."""
        found_ = {}
        for line in lines_of(self.cleaned_data["exceptions"]):
            day, _space, windows = line.partition(" ")
            try:
                date.fromisoformat(day)
            except ValueError:
                raise forms.ValidationError(_("“{line}” does not begin with a date.").format(line=line[:40])) from None
            found_[day] = _windows(windows)
        return found_

    def given(self) -> dict[str, Any]:
        """As the verbs take it."""
        values = self.cleaned_data
        return {
            "name": values["name"],
            "zone": values["zone"],
            "week": [values[f"day-{number}"] for number in range(7)],
            "nation": values["nation"].upper(),
            "subdivision": values["subdivision"].upper(),
            "exceptions": values["exceptions"],
            "public": values["public"],
        }


class NewHoursForm(HoursForm):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "make_hours")  # type: ignore[attr-defined]


@form_page("make_hours")
def new_hours(request: StaffRequest) -> HttpResponse:
    """One more calendar."""
    form = NewHoursForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        fields: Any = form.given()
        brand_id = int(form.cleaned_data["brand"])
        made = make_hours(brand_id=brand_id, fields=fields, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("{name} is set.").format(name=made.name), "console:all_hours")
    return form_in(request, "all_hours", form, _("New calendar"), _("Save"))


@form_page("edit_hours")
def hours(request: StaffRequest, hours_id: int) -> HttpResponse:
    """Change a calendar, for every contract that goes by it."""
    shown = found(Hours.objects.filter(within(request.brands), id=hours_id), _("You asked for support hours."))
    initial: dict[str, Any] = {
        "name": shown.name,
        "zone": shown.zone,
        "nation": shown.nation,
        "subdivision": shown.subdivision,
        "exceptions": "\n".join(
            f"{day} {_as_text(windows)}".strip() for day, windows in sorted(shown.exceptions.items())
        ),
        "public": shown.public,
        **{f"day-{number}": _as_text(windows) for number, windows in enumerate(shown.week)},
    }
    form = HoursForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        changes: Any = form.given()
        edit_hours(hours_id=shown.id, changes=changes, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:all_hours")
    return form_in(request, "all_hours", form, shown.name, _("Save"))
