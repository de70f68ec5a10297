"""Telephones that register with the exchange, and PINs by which callers and staff say who they are."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.calls.line_actions import clear_pin, remove_telephone, save_telephone, set_pin
from nightdesk.calls.models import Telephone
from nightdesk.console.views.choices import brand_choices, people_within, person_field_choices
from nightdesk.console.views.lists import as_csv
from nightdesk.console.views.settings.sections import form_in, row, section_page, shown_once
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may_somewhere,
    posting,
    staff,
    within,
)
from nightdesk.customers.models import Contact
from nightdesk.people.models import Person


class TelephoneForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(
        label=gettext_lazy("Name in the exchange"),
        max_length=40,
        help_text=gettext_lazy("Small letters, digits and dashes, as the telephone registers: amara-desk."),
    )
    label = forms.CharField(label=gettext_lazy("What it is"), max_length=60, required=False)
    person = forms.ChoiceField(
        label=gettext_lazy("Whose it is"),
        required=False,
        help_text=gettext_lazy("It rings when they are to be rung. A mobile is entered on their own page instead."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brands = brand_choices(request.actor, "save_telephone")
        people = person_field_choices(int(brands[0][0]) if len(brands) == 1 else None)
        self.fields["brand"].choices = brands  # type: ignore[attr-defined]
        self.fields["person"].choices = people  # type: ignore[attr-defined]


def _telephones(request: StaffRequest) -> QuerySet[Telephone]:
    rows = Telephone.objects.filter(within(request.brands, or_none=True))
    return rows.select_related("person", "brand").order_by("name")


@staff("read_lines")
def telephones(request: StaffRequest) -> HttpResponse:
    """Every telephone that registers with the exchange."""
    changes = may_somewhere(request, "save_telephone")
    rows = [
        row(
            each.name,
            reverse("console:telephone", args=[each.pk]) if changes else "",
            " · ".join(part for part in (each.person.name if each.person else _("nobody’s"), each.label) if part),
            [],
            [
                {
                    "label": _("Remove"),
                    "url": reverse("console:remove_telephone", args=[each.pk]),
                }
            ]
            if may_somewhere(request, "remove_telephone")
            else (),
        )
        for each in _telephones(request)
    ]
    count = ngettext("{count} telephone is known", "{count} telephones are known", len(rows)).format(count=len(rows))
    return section_page(
        request,
        "lines",
        count if rows else _("No telephone is known"),
        rows=rows,
        new={"url": reverse("console:new_telephone"), "label": _("New telephone")} if changes else None,
        csv_url=reverse("console:telephones_csv"),
        note=_("These register with your exchange and ring without pressing 1. Mobiles are ways to reach a person."),
        empty_text=_(
            "Without one, people are rung on the confirmed numbers of their own pages, and press 1 to accept."
        ),
    )


@staff("read_lines")
def telephones_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    rows = ([each.pk, each.name, each.person or "", each.label, each.brand or ""] for each in _telephones(request))
    return as_csv("telephones", ["id", "name", "person", "label", "brand"], rows)


@form_page("save_telephone")
def new_telephone(request: StaffRequest) -> HttpResponse:
    """One more."""
    form = TelephoneForm(request.POST or None, request=request)
    return _save(request, form, None, _("New telephone"))


@form_page("save_telephone")
def telephone(request: StaffRequest, telephone_id: int) -> HttpResponse:
    """One of them, to be changed."""
    shown = _telephone(request, telephone_id)
    initial = {"brand": shown.brand_id, "name": shown.name, "label": shown.label, "person": shown.person_id or ""}
    return _save(request, TelephoneForm(request.POST or None, initial=initial, request=request), shown, shown.name)


def _save(request: StaffRequest, form: TelephoneForm, shown: Telephone | None, heading: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        kept = save_telephone(
            brand_id=int(values["brand"]),
            telephone_id=shown.pk if shown is not None else None,
            name=values["name"],
            label=values["label"],
            person_id=int(values["person"]) if values["person"] else None,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("{name} is kept.").format(name=kept.name), "console:telephones")
    return form_in(request, "lines", form, heading, _("Save"), cancel_url=reverse("console:telephones"))


@posting("remove_telephone")
def remove(request: StaffRequest, telephone_id: int) -> HttpResponse:
    """It is rung no more."""
    gone = _telephone(request, telephone_id)
    remove_telephone(telephone_id=gone.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is rung no more.").format(name=gone.name), "console:telephones")


def _telephone(request: StaffRequest, telephone_id: int) -> Telephone:
    return found(_telephones(request).filter(pk=telephone_id), _("You asked for a telephone."))


# ---- PINs -----------------------------------------------------------------------------------------------------------


class PinForm(forms.Form):
    """A PIN of one's choice, or none: then one is made."""

    pin = forms.CharField(
        label=gettext_lazy("PIN"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "At least 6 digits that nobody guesses. Left empty, one is made: that is the better way."
        ),
    )


def _pin_page(request: StaffRequest, whose: dict[str, int], name: str, back: str) -> HttpResponse:
    form = PinForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        _row, digits = set_pin(
            pin=form.cleaned_data["pin"],
            **whose,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        text = _("Whoever rings and keys it, then hash, is {name}. An earlier one is worth nothing any more.")
        heading = _("The PIN of {name}").format(name=name)
        return shown_once(request, "lines", heading, " ".join(_in_threes(digits)), text.format(name=name), back)
    lead = _("By it {name} says who rings, from any telephone. It is shown once, and kept so that nobody can read it.")
    crumb = {"url": back, "label": name}
    return form_in(
        request,
        "lines",
        form,
        _("A PIN for {name}").format(name=name),
        _("Set the PIN"),
        lead=lead.format(name=name),
        cancel_url=back,
        crumbs=[crumb],
    )


def _in_threes(digits: str) -> list[str]:
    return [digits[start : start + 3] for start in range(0, len(digits), 3)]


def _contact(request: StaffRequest, customer_id: int, contact_id: int) -> Contact:
    rows = Contact.objects.filter(within(request.brands, "customer__brand_id"), customer=customer_id, left_at=None)
    return found(rows.filter(pk=contact_id), _("You asked for a contact."))


@form_page("set_pin")
def contact_pin(request: StaffRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """A contact says by it who rings."""
    contact = _contact(request, customer_id, contact_id)
    return _pin_page(request, {"contact_id": contact.pk}, contact.name, reverse("console:customer", args=[customer_id]))


@posting("clear_pin")
def no_contact_pin(request: StaffRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """They have none any more."""
    contact = _contact(request, customer_id, contact_id)
    clear_pin(contact_id=contact.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} has no PIN any more.").format(name=contact.name), "console:customer", customer_id)


@form_page("edit_own_contacts")
def person_pin(request: StaffRequest, person_id: int) -> HttpResponse:
    """Somebody of staff rings in by it; the verb asks whether the reader may set that of others."""
    shown = _person(request, person_id)
    return _pin_page(request, {"person_id": shown.pk}, shown.name, _their_page(request, shown))


@posting("edit_own_contacts")
def no_person_pin(request: StaffRequest, person_id: int) -> HttpResponse:
    """They have none any more."""
    shown = _person(request, person_id)
    clear_pin(person_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} has no PIN any more.").format(name=shown.name), _their_page(request, shown))


def _person(request: StaffRequest, person_id: int) -> Person:
    """Themselves, or somebody of the reader's brands."""
    mine = request.person is not None and request.person.pk == person_id
    if mine:
        rows = Person.objects.all()
    else:
        rows = people_within(request.brands) if may_somewhere(request, "set_pin") else Person.objects.none()
    return found(rows.filter(pk=person_id), _("You asked for somebody's page."))


def _their_page(request: StaffRequest, shown: Person) -> str:
    mine = request.person is not None and request.person.pk == shown.pk
    return reverse("console:me") if mine else reverse("console:person", args=[shown.pk])
