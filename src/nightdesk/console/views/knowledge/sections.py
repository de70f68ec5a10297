"""The sections of what is known, and what their pages share."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.refusals import Refusal
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.staff import StaffRequest, may_somewhere, within
from nightdesk.customers.models import Service
from nightdesk.knowledge.queries import call_kinds

SECTIONS = (
    ("procedures", "read_procedures", gettext_lazy("Procedures")),
    ("sayings", "read_sayings", gettext_lazy("What to say")),
    ("briefings", "read_briefings", gettext_lazy("Briefings")),
    ("spares", "read_spares", gettext_lazy("Spares")),
    ("templates", "read_templates", gettext_lazy("Templates")),
    ("phrases", "read_templates", gettext_lazy("Phrase book")),
)
"""URL name, the verb that opens it, its name."""


def tabs_of(request: StaffRequest, section: str) -> list[dict[str, Any]]:
    """The sections that the reader may open, for parts/tabs.html; they are in `section`."""
    return [
        {"url": reverse(f"console:{view}"), "label": str(name), "here": view == section, "count": None}
        for view, verb, name in SECTIONS
        if may_somewhere(request, verb)
    ]


def crumbs_of(section: str, *more: tuple[str, str]) -> list[dict[str, str]]:
    """The way back to the section's list; `more` are (address, label) below it."""
    name = next(str(name) for view, _verb, name in SECTIONS if view == section)
    below = [{"url": url, "label": label} for url, label in more]
    return [{"url": reverse(f"console:{section}"), "label": name}, *below]


def list_in(request: StaffRequest, section: str, heading: str, **more: Any) -> HttpResponse:
    """A list of what is known, drawn as the lists of the settings are; `more` as `settings.sections.section_page` says."""
    known = {
        "here": "procedures",
        "heading": heading,
        "tabs": tabs_of(request, section),
        "tabs_title": _("What is known"),
    }
    return render(request, "console/settings_list.html", known | more)


def form_in(
    request: StaffRequest, section: str, form: forms.Form, heading: str, label: str, **more: Any
) -> HttpResponse:
    """A form about what is known, with the way back to its list."""
    known = {"here": "procedures", "form": form, "heading": heading, "label": label, "crumbs": crumbs_of(section)}
    return render(request, "console/form.html", {"cancel_url": reverse(f"console:{section}"), **known, **more})


def refused(form: forms.Form, field: str | None, refusal: Refusal) -> None:
    """The refusal stands in the form, at the field, so that nothing that was typed is lost."""
    form.add_error(field, f"{refusal.so} {refusal.do}")


class FitForm(forms.Form):
    """Of which brand something is, and for which services and kinds of call."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    services = forms.TypedMultipleChoiceField(
        label=gettext_lazy("For these services"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: for every service."),
    )
    calls = forms.MultipleChoiceField(
        label=gettext_lazy("For these kinds of call"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: for every kind."),
    )

    def __init__(
        self, *args: Any, request: StaffRequest, verb: str, brand_id: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        brands = request.brands if brand_id is None else {brand_id}
        services = Service.objects.filter(within(brands)).select_related("brand")
        several = services.values("brand").distinct().count() > 1
        names = [(each.pk, f"{each.name} ({each.brand.name})" if several else each.name) for each in services]
        self.fields["services"].choices = names  # type: ignore[attr-defined]
        self.fields["calls"].choices = list(call_kinds(brands).items())  # type: ignore[attr-defined]
        if brand_id is not None:
            del self.fields["brand"]
        else:
            self.fields["brand"].choices = brand_choices(request.actor, verb)  # type: ignore[attr-defined]


def where(services: list[str], calls: list[str], kinds: dict[str, str], part: str = "") -> list[str]:
    """What something is for, in words; services and kinds of call by name."""
    return [
        ", ".join(services) or _("Every service"),
        ", ".join(kinds.get(call, call) for call in calls),
        _("part {name}").format(name=part) if part else "",
    ]


def joined(*parts: str) -> str:
    """The parts that are there, with dots between them."""
    return " · ".join(part for part in parts if part)
