"""Sites that our people go to: the list, one to read, and what is said of it."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may,
    may_somewhere,
    posting,
    staff,
    within,
)
from nightdesk.people.numbers import display
from nightdesk.safety import queries, site_actions
from nightdesk.safety.models import Site

FIELDS = ("name", "address", "map_url", "know", "access_notes", "assessment", "assessed_on", "review_on", "insurance",
          "security_name", "security_number", "needs_two")  # fmt: skip


@staff("read_sites")
def sites(request: StaffRequest) -> HttpResponse:
    """Every site, with what is wrong with its risk assessment."""
    rows = _chosen(request)
    today = localtime(request.at).date()
    stale = sum(bool(queries.assessment_warning(each, today)) for each in queries.sites(request.brands))
    heading = _("Every site's risk assessment is in date") if rows.exists() else _("No site is entered yet")
    if stale:
        heading = ngettext(
            "{count} site needs its risk assessment looked at",
            "{count} sites need their risk assessment looked at",
            stale,
        ).format(count=stale)
    here, pager = one_page(request, rows)
    context = {
        "here": "visits",
        "heading": heading,
        "crumbs": [{"url": reverse("console:visits"), "label": _("Site visits")}],
        "rows": [_row(each, today) for each in here],
        "pager": pager,
        "filters": [search_box(asked(request, "q"), _("Name or address"))],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:sites_csv")),
        "new_url": reverse("console:new_site") if may_somewhere(request, "add_site") else "",
    }
    return render(request, "console/sites.html", context)


def _chosen(request: StaffRequest) -> QuerySet[Site]:
    rows = queries.sites(request.brands)
    if words := asked(request, "q"):
        rows = rows.filter(Q(name__icontains=words) | Q(address__icontains=words))
    return rows


def _row(site: Site, today: Any) -> dict[str, Any]:
    tags = [{"text": _("two people"), "tone": "sky"}] if site.needs_two else []
    if queries.assessment_warning(site, today):
        tags.append({"text": _("assessment out of date"), "tone": "accent"})
    return {
        "title": site.name,
        "url": reverse("console:site", args=[site.pk]),
        "detail": " ".join(site.address.split()),
        "tags": tags,
    }


@staff("read_sites")
def sites_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    return as_csv("sites", FIELDS, ([getattr(each, name) for name in FIELDS] for each in _chosen(request)[:EXPORTED]))


@staff("read_sites")
def site(request: StaffRequest, site_id: int) -> HttpResponse:
    """What to know of it before one goes."""
    row = _one(request, site_id)
    warning = queries.assessment_warning(row, localtime(request.at).date())
    number = display(row.security_number, row.brand.region) if row.security_number else ""
    facts = [
        (_("Ring first"), f"{row.security_name} {number}".strip() if number else ""),
        (_("Where"), row.address),
        (_("To know"), row.know),
        (_("Way in"), row.access_notes),
        (_("Two people"), _("nobody goes alone") if row.needs_two else ""),
        (_("Risk assessment"), row.assessment),
        (_("Assessed on"), f"{row.assessed_on:%d %b %Y}" if row.assessed_on else ""),
        (_("To be looked at by"), f"{row.review_on:%d %b %Y}" if row.review_on else ""),
        (_("Insurance"), row.insurance),
        (_("Brand"), row.brand.name),
    ]
    buttons: list[dict[str, Any]] = []
    if row.retired_at is None and may(request, "edit_site", row.brand_id):
        buttons.append({"label": _("Change"), "url": reverse("console:edit_site", args=[row.pk]), "get": True})
    if row.retired_at is None and may(request, "retire_site", row.brand_id):
        buttons.append({"label": _("Retire it"), "url": reverse("console:retire_site", args=[row.pk]), "tone": "fire"})
    context = {
        "here": "visits",
        "heading": row.name,
        "crumbs": [
            {"url": reverse("console:visits"), "label": _("Site visits")},
            {"url": reverse("console:sites"), "label": _("Sites")},
        ],
        "warnings": [{"tone": "accent", "text": warning}] if warning else [],
        "danger": queries.WE_NEVER_RING,
        "facts": [(label, value) for label, value in facts if value],
        "map_url": row.map_url,
        "buttons": buttons,
    }
    return render(request, "console/site.html", context)


def _one(request: StaffRequest, site_id: int) -> Site:
    rows = Site.objects.select_related("brand").filter(within(request.brands), id=site_id)
    return found(rows, _("You asked for a site."))


def _text(label: Any, help_text: Any = "", *, required: bool = False) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(label=label, max_length=4000, required=required, widget=area, help_text=help_text)


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget)


class SiteForm(forms.Form):
    """What is said of a site."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    address = _text(gettext_lazy("Address"), required=True)
    map_url = forms.URLField(label=gettext_lazy("Map link"), max_length=500, required=False, assume_scheme="https")
    security_name = forms.CharField(label=gettext_lazy("Security desk"), max_length=120, required=False)
    security_number = forms.CharField(
        label=gettext_lazy("Its number"),
        max_length=30,
        required=False,
        help_text=gettext_lazy("Rung first when somebody there falls silent."),
    )
    know = _text(gettext_lazy("To know before one goes"), gettext_lazy("Hazards, dogs, whom to ask for."))
    access_notes = _text(gettext_lazy("Way in"), gettext_lazy("No codes or keys: say who has them."))
    assessment = _text(gettext_lazy("Risk assessment"), gettext_lazy("Its words, or where it lies."))
    assessed_on = _day(gettext_lazy("Assessed on"))
    review_on = _day(gettext_lazy("To be looked at anew by"))
    insurance = _text(gettext_lazy("Insurance"))
    needs_two = forms.BooleanField(label=gettext_lazy("Nobody goes there alone"), required=False)


class NewSiteForm(SiteForm):
    """And whose it is."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "add_site")  # type: ignore[attr-defined]


@form_page("add_site")
def new_site(request: StaffRequest) -> HttpResponse:
    """Enter a site."""
    form = NewSiteForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        fields: Any = dict(form.cleaned_data)
        brand_id = int(fields.pop("brand"))
        row = site_actions.add_site(brand_id=brand_id, fields=fields, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("{name} is entered.").format(name=row.name), "console:site", row.pk)
    return _form(request, form, _("Enter a site"), _("Enter it"), reverse("console:sites"))


@form_page("edit_site")
def edit_site(request: StaffRequest, site_id: int) -> HttpResponse:
    """What is said of it is otherwise."""
    row = _one(request, site_id)
    form = SiteForm(request.POST or None, initial={name: getattr(row, name) for name in FIELDS})
    if request.method == "POST" and form.is_valid():
        fields: Any = form.cleaned_data
        site_actions.edit_site(site_id=row.pk, fields=fields, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Changed."), "console:site", row.pk)
    return _form(request, form, row.name, _("Change it"), reverse("console:site", args=[row.pk]))


def _form(request: StaffRequest, form: forms.Form, heading: str, label: str, back: str) -> HttpResponse:
    context = {
        "here": "visits",
        "heading": heading,
        "crumbs": [
            {"url": reverse("console:visits"), "label": _("Site visits")},
            {"url": reverse("console:sites"), "label": _("Sites")},
        ],
        "form": form,
        "label": label,
        "cancel_url": back,
    }
    return render(request, "console/form.html", context)


@posting("retire_site")
def retire_site(request: StaffRequest, site_id: int) -> HttpResponse:
    """Nobody is sent there any more."""
    _one(request, site_id)
    row = site_actions.retire_site(site_id=site_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is retired.").format(name=row.name), "console:sites")
