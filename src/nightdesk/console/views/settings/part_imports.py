"""Parts from a file and from NetBox: first what it would do, then the same once more for good."""

import json
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, Refusal
from nightdesk.console.views.checked import lines_of
from nightdesk.console.views.settings.carried import CarriedCsv, CarriedFile, packed, unpacked
from nightdesk.console.views.settings.sections import form_in
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, posting, within
from nightdesk.outages.netbox import Wiring, plan_netbox, read_lists
from nightdesk.outages.netbox_door import fetch_lists
from nightdesk.outages.part_import_actions import PartsImport, apply_parts_import
from nightdesk.outages.part_list import COLUMNS, PartsPlan, Problem, plan_parts

SHOWN = 50


class FileForm(CarriedCsv):
    verb = "apply_parts_import"
    command = "parts"
    mapping = forms.CharField(
        label=gettext_lazy("Columns that it calls otherwise"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "Hostname = key"}),
        help_text=gettext_lazy("One a line: its name for the column = ours."),
    )
    whole = forms.BooleanField(label=gettext_lazy("It is the whole list: retire what is not in it"), required=False)

    def clean_mapping(self) -> dict[str, str]:
        """Header of theirs -> column of ours."""
        found: dict[str, str] = {}
        for line in lines_of(self.cleaned_data["mapping"]):
            name, sign, column = line.rpartition("=")
            if not sign or not name.strip():
                raise forms.ValidationError(_("“%s” says nothing: write “their name = ours”.") % line[:60])
            found[name.strip()] = column.strip()
        return found


class NetBoxForm(CarriedFile):
    verb = "apply_parts_import"
    command = "parts"
    url = forms.CharField(
        label=gettext_lazy("Address of your NetBox"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("Such as https://netbox.example.net. It is asked now, once; nothing is kept."),
    )
    token = forms.CharField(
        label=gettext_lazy("Token that may only read"),
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    site = forms.CharField(
        label=gettext_lazy("One site alone"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Its slug. Empty: all."),
    )
    file = forms.FileField(
        label=gettext_lazy("Or its lists as a file"),
        required=False,
        help_text=gettext_lazy("JSON with sites, racks, devices, circuits, circuit_terminations and cables."),
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )
    roles = forms.CharField(
        label=gettext_lazy("Roles, nearest to the core first"),
        required=False,
        max_length=500,
        initial=" ".join(Wiring().roles),
        help_text=gettext_lazy(
            "Beginnings of their slugs. A device needs one of those of an earlier role that it is cabled to."
        ),
    )
    upstream_types = forms.CharField(
        label=gettext_lazy("Types of circuits that are upstreams"),
        required=False,
        max_length=500,
        initial=" ".join(Wiring().upstream_types),
    )

    def clean(self) -> dict[str, Any]:
        """By address, or by file."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("url") and not cleaned.get("file") and not self.errors:
            raise forms.ValidationError(_("Give the address of a NetBox, or a file."))
        return cleaned


@form_page("apply_parts_import")
def import_parts(request: StaffRequest) -> HttpResponse:
    """A file of parts and needs, and then what it would do."""
    form = FileForm(request.POST or None, request.FILES or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        how = {"kind": "csv", "mapping": values["mapping"], "whole": values["whole"]}
        return _preview(request, int(values["brand"]), values["file"].read(), how)
    lead = _(
        "A line is about a part (key), a service, or what a customer buys (customer, service, label); needs says what it needs. "
        "The first line names the columns: {columns}."
    ).format(columns=", ".join(COLUMNS))
    return form_in(request, "parts", form, _("Import parts"), _("See what it would do"), upload=True, lead=lead)


@form_page("apply_parts_import")
def import_netbox(request: StaffRequest) -> HttpResponse:
    """A NetBox is asked, or its lists are given; then what they would do."""
    form = NetBoxForm(request.POST or None, request.FILES or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        usual = Wiring()
        how = {
            "kind": "netbox",
            "roles": values["roles"].lower().split() or list(usual.roles),
            "upstream_types": values["upstream_types"].lower().split() or list(usual.upstream_types),
        }
        try:
            content = values["file"].read() if values["file"] else _asked(values)
            return _preview(request, int(values["brand"]), content, how)
        except Refusal as refusal:
            form.add_error(None, f"{refusal.so} {refusal.do}")
    lead = _(
        "Sites, racks, devices, circuits and the cables between them. Parts that are gone from NetBox are retired."
    )
    return form_in(request, "parts", form, _("Parts from NetBox"), _("See what it would do"), upload=True, lead=lead)


def _asked(values: dict[str, Any]) -> bytes:
    return json.dumps(fetch_lists(url=values["url"], token=values["token"], site=values["site"])).encode()


def _plan(content: bytes, how: dict[str, Any]) -> PartsPlan:
    if how["kind"] == "csv":
        return plan_parts(content, how["mapping"], whole=bool(how["whole"]))
    lists = read_lists(content)
    if isinstance(lists, Problem):
        return PartsPlan(problems=(lists,))
    return plan_netbox(lists, Wiring(tuple(how["roles"]), tuple(how["upstream_types"])))


def _preview(request: StaffRequest, brand_id: int, content: bytes, how: dict[str, Any]) -> HttpResponse:
    brand = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), _("You asked for a brand."))
    result = apply_parts_import(
        brand_id=brand.pk, plan=_plan(content, how), dry_run=True, by=request.actor, via=Door.WEB, at=request.at
    )
    lists = (
        (_("New"), result.made),
        (_("Changed"), result.changed),
        (_("Retired"), result.retired),
        (_("Whose needs are new"), result.needs),
    )
    context = {
        "here": "settings",
        "brand": brand,
        "heading": _heading(result),
        "counts": [(label, len(names)) for label, names in lists] + [(_("As they are"), result.same)],
        "lists": [(label, names[:SHOWN], max(0, len(names) - SHOWN)) for label, names in lists if names],
        "problems": result.problems[:SHOWN],
        "more_problems": max(0, len(result.problems) - SHOWN),
        "ignored": ", ".join(result.ignored),
        "notes": result.notes,
        "content": packed(content, _("A list of parts was given."), "parts"),
        "how": json.dumps(how),
        "ready": result.does_something and not result.problems,
        "again_url": reverse("console:import_parts" if how["kind"] == "csv" else "console:import_netbox"),
    }
    return render(request, "console/parts_preview.html", context)


def _heading(result: PartsImport) -> str:
    if result.problems:
        text = ngettext("{count} thing in it does not fit", "{count} things in it do not fit", len(result.problems))
        return text.format(count=len(result.problems))
    return _("All of it fits") if result.does_something else _("Everything is so already")


@posting("apply_parts_import")
def apply_parts(request: StaffRequest) -> HttpResponse:
    """The list that was shown is taken."""
    asked_for = _("You wanted to import parts.")
    content = unpacked(request.POST.get("content", ""), asked_for)
    try:
        brand_id = int(request.POST.get("brand", ""))
        plan = _plan(content, json.loads(request.POST.get("how", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid(asked_for, _("The file did not come with it."), _("Choose the file once more.")) from None
    brand = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), asked_for)
    result = apply_parts_import(brand_id=brand.pk, plan=plan, by=request.actor, via=Door.WEB, at=request.at)
    text = _("Imported: {new} new, {changed} changed, {retired} retired, new needs of {needs}.")
    counts = {
        "new": len(result.made),
        "changed": len(result.changed),
        "retired": len(result.retired),
        "needs": len(result.needs),
    }
    return done(request, text.format(**counts), "console:parts")
