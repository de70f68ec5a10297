"""Tickets of another desk from a file: what its columns mean, what that would do, and then the same once more for good."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.checked import checked
from nightdesk.console.views.desk.words import STATE_WORDS
from nightdesk.console.views.settings.carried import CarriedCsv, packed, unpacked
from nightdesk.console.views.settings.sections import form_in
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, posting, within
from nightdesk.desk.import_actions import Imported, import_tickets
from nightdesk.desk.moving import (
    COLUMNS,
    MUST_HAVE,
    NotReadable,
    OldTicket,
    Read,
    read_csv,
    read_header,
    suggest_mapping,
    zone_named,
)

FAULTS_SHOWN = 50
TICKETS_SHOWN = 5
MEANINGS = {
    "number": gettext_lazy("Its number there"),
    "title": gettext_lazy("Title"),
    "state": gettext_lazy("State"),
    "priority": gettext_lazy("Priority"),
    "kind": gettext_lazy("Incident or request"),
    "customer": gettext_lazy("Customer, by name or reference"),
    "email": gettext_lazy("Email of whoever asked"),
    "name": gettext_lazy("Name of whoever asked"),
    "cc": gettext_lazy("Email of those copied in"),
    "opened": gettext_lazy("When it was opened"),
    "closed": gettext_lazy("When it was closed"),
    "text": gettext_lazy("What they wrote"),
    "tags": gettext_lazy("Tags"),
}
ASKED = gettext_lazy("Tickets of another desk were to be taken over.")


class FileForm(CarriedCsv):
    verb = "import_tickets"
    command = "take_over"


class MappingForm(forms.Form):
    """Which column of the file means what, and where its times were written."""

    prefix = "means"
    zone = forms.CharField(
        label=gettext_lazy("Time zone of its times"),
        max_length=50,
        help_text=gettext_lazy("For those that do not say one themselves."),
    )

    def __init__(self, *args: Any, header: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = [("", _("Not in the file")), *((column, column) for column in header if column)]
        for meaning in COLUMNS:
            must = meaning in MUST_HAVE
            self.fields[meaning] = forms.ChoiceField(label=MEANINGS[meaning], choices=columns, required=must)
        self.order_fields([*COLUMNS, "zone"])

    def clean_zone(self) -> ZoneInfo:
        """One that there is."""
        try:
            return zone_named(self.cleaned_data["zone"])
        except NotReadable:
            raise forms.ValidationError(_("There is no such time zone. Write it as Europe/London.")) from None

    def mapping(self) -> dict[str, str]:
        """Meaning -> column."""
        return {meaning: self.cleaned_data[meaning] for meaning in COLUMNS if self.cleaned_data[meaning]}


@form_page("import_tickets")
def import_old_tickets(request: StaffRequest) -> HttpResponse:
    """A file; then what its columns seem to mean, and what would be taken over, as often as somebody says it otherwise."""
    if request.method == "POST" and "content" in request.POST:
        return _preview(request, _brand(request), unpacked(request.POST["content"], str(ASKED)), request.POST)
    form = FileForm(request.POST or None, request.FILES or None, request=request)
    if request.method == "POST" and form.is_valid():
        brand = Brand.objects.get(id=form.cleaned_data["brand"])
        return _preview(request, brand, form.cleaned_data["file"].read(), None)
    lead = _(
        "One ticket a row; the first line names the columns. Old numbers are still found, by mail and by search. Nobody is "
        "told of any, and what is here already is left as it is."
    )
    return form_in(
        request, "desk_settings", form, _("Take over another desk"), _("See what it would do"), upload=True, lead=lead
    )


def _brand(request: StaffRequest) -> Brand:
    given = request.POST.get("brand", "")
    number = int(given) if given.isascii() and given.isdecimal() and len(given) < 12 else 0
    return found(Brand.objects.filter(within(request.brands, "id"), id=number), str(ASKED))


def _preview(request: StaffRequest, brand: Brand, content: bytes, said: Mapping[str, Any] | None) -> HttpResponse:
    header = read_header(content)
    mapping: dict[str, str] | None = suggest_mapping(header)
    form = MappingForm(said, header=header, initial={**(mapping or {}), "zone": brand.zone})
    zone = ZoneInfo(brand.zone)
    if said is not None:
        mapping, zone = (form.mapping(), form.cleaned_data["zone"]) if form.is_valid() else (None, zone)
    read, result, problem = Read(()), Imported(0, 0, 0), None
    if mapping is not None:
        try:
            read = read_csv(content, mapping, zone)
            result = import_tickets(
                brand_id=brand.pk, tickets=read.tickets, dry_run=True, by=request.actor, via=Door.WEB, at=request.at
            )
        except (NotReadable, Invalid) as refusal:
            read, problem = Read(()), refusal
    context = {
        "here": "settings",
        "brand": brand,
        "form": form,
        "problem": problem,
        "heading": _heading(read, result, readable=problem is None and mapping is not None),
        "counts": [
            (_("New"), result.new),
            (_("Here already, and left as they are"), result.there),
            (_("New, of customers that are not known here"), result.nobodys),
        ],
        "first": [_shown(one) for one in read.tickets[:TICKETS_SHOWN]],
        "faults": read.faults[:FAULTS_SHOWN],
        "more_faults": max(0, len(read.faults) - FAULTS_SHOWN),
        "content": packed(content, str(ASKED), "take_over"),
        "ready": result.new,
    }
    return render(request, "console/tickets_import.html", context)


def _heading(read: Read, result: Imported, *, readable: bool) -> str:
    if not readable:
        return _("Say what its columns mean")
    if not result.new:
        return _("Nothing of it would be taken over")
    text = ngettext("{count} ticket would be taken over", "{count} tickets would be taken over", result.new).format(
        count=result.new
    )
    out = ngettext("{count} line left out", "{count} lines left out", len(read.faults)).format(count=len(read.faults))
    return f"{text}, {out}" if read.faults else text


def _shown(old: OldTicket) -> dict[str, Any]:
    """What parts/list_row.html draws."""
    state = str(STATE_WORDS[old.state])
    who = " · ".join(part for part in (state, f"P{old.priority}", old.customer_ref, old.name or old.email) if part)
    return {"at": old.opened_at, "title": f"{old.number} {old.title}", "detail": who, "tags": [], "url": ""}


@posting("import_tickets")
def apply_old_tickets(request: StaffRequest) -> HttpResponse:
    """What was shown is taken over."""
    content, brand = unpacked(request.POST.get("content", ""), str(ASKED)), _brand(request)
    form = MappingForm(request.POST, header=read_header(content))
    zone = checked(form, str(ASKED))["zone"]
    read = read_csv(content, form.mapping(), zone)
    result = import_tickets(brand_id=brand.pk, tickets=read.tickets, by=request.actor, via=Door.WEB, at=request.at)
    text = _("Taken over: {new} new, {there} were here already, {out} lines left out.")
    told = text.format(new=result.new, there=result.there, out=len(read.faults))
    return done(request, told, f"{reverse('console:tickets')}?view=all&tag=imported")
