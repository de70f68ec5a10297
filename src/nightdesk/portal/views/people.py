"""Who speaks for the company: the list for everybody, keeping it for those who may."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

from django import forms
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.customers import actions, contact_actions
from nightdesk.customers.models import Contact
from nightdesk.customers.standing import Standing
from nightdesk.outages import unsubscribe_actions
from nightdesk.portal import belt, wording
from nightdesk.portal.door import (
    CustomerRequest,
    attempt,
    doing,
    draw,
    form_page,
    found,
    gone_to,
    may,
    page,
    posting,
)
from nightdesk.portal.queries import people_of, unsubscribe_requests_of

SOON = timedelta(days=60)


@page()
def people(request: CustomerRequest) -> HttpResponse:
    """Everybody who speaks for the company."""
    rows = list(people_of(request.contact))
    keeps = may(request, "set_contact_standing")
    context = {
        "heading": ngettext("{count} of you speaks with us", "{count} of you speak with us", len(rows)).format(
            count=len(rows)
        ),
        "people": [_shown(each, request) for each in rows],
        "keeps": keeps,
        "rule": wording.RULES[request.customer.sees],
        "rules": wording.choices(wording.RULES),
        "sees": request.customer.sees,
        "unsubscribing": list(unsubscribe_requests_of(request.contact).filter(decided_at=None)) if keeps else [],
    }
    return draw(request, "portal/people.html", context, here="people")


def _shown(each: Contact, request: CustomerRequest) -> dict[str, Any]:
    confirm_by = None
    if each.standing == Standing.VIEWER and each.confirmed_at is not None:
        ends_at = each.confirmed_at + contact_actions.CONFIRMED_FOR
        confirm_by = ends_at if ends_at - request.at <= SOON else None
    return {
        "each": each,
        "me": each.pk == request.contact.pk,
        "standing": wording.STANDINGS[each.standing],
        "waiting": bool(each.standing) and each.joined_at is None,
        "confirm_by": confirm_by,
    }


@page()
def people_csv(request: CustomerRequest) -> HttpResponse:
    """The same as a file."""
    text = StringIO()
    lines = csv.writer(text)
    lines.writerow(["name", "email", "phone", "mobile", "role", "standing", "may_call", "may_authorise"])
    for each in people_of(request.contact):
        cells = (each.name, each.email, each.phone, each.mobile, each.role, each.standing)
        lines.writerow([*map(cell, cells), each.may_call, each.may_authorise])
    return as_file(text.getvalue(), "people")


def as_file(text: str, name: str) -> HttpResponse:
    """A download in UTF-8 with a mark that spreadsheets know; whole, so that nothing is read behind the belt."""
    answer = HttpResponse("\ufeff" + text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def cell(value: object) -> str:
    """Text that a spreadsheet would calculate gets an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not text[1:].isdigit() else text


class PersonForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=30, required=False)
    role = forms.CharField(label=gettext_lazy("What they do"), max_length=40, required=False)


class NewPersonForm(PersonForm):
    email = forms.EmailField(
        label=gettext_lazy("Email"), help_text=gettext_lazy("A link goes there with which they sign in first.")
    )
    standing = forms.ChoiceField(
        label=gettext_lazy("What they may do here"), widget=forms.RadioSelect, initial=Standing.MEMBER.value
    )
    field_order = ("name", "email", "standing", "phone", "role")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["standing"].choices = wording.choices(wording.STANDINGS, without="")  # type: ignore[attr-defined]


@form_page("invite_contact")
def new_person(request: CustomerRequest) -> HttpResponse:
    """Add a colleague, and invite them in the same step."""
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        standing = values.pop("standing")
        made = attempt(form, actions.make_contact, customer_id=request.customer.pk, **values, **doing(request))
        if made is not None:
            belt.done(contact_actions.invite_contact, contact_id=made.pk, standing=standing, **doing(request))
            return gone_to(request, _("{name} is invited.").format(name=made.name), "portal:people")
    context = {
        "heading": _("Add a colleague"),
        "form": form,
        "label": _("Add and invite"),
        "back": "portal:people",
        "help": _("Somebody who only reads is confirmed by one of you each year, or reads no longer."),
    }
    return draw(request, "portal/form.html", context, here="people")


@page()
def person(request: CustomerRequest, contact_id: int) -> HttpResponse:
    """One colleague, and for those who keep the list what can be done."""
    shown = _one(request, contact_id)
    keeps = may(request, "set_contact_standing")
    heirs = [each for each in people_of(request.contact) if each.pk != shown.pk]
    context = {
        "shown": _shown(shown, request),
        "person": shown,
        "keeps": keeps,
        "heirs": heirs,
        "waiting": bool(shown.standing) and shown.joined_at is None,
        "can_be_invited": bool(shown.email) and shown.joined_at is None,
        "form": _change_form(shown) if keeps else None,
        "confirm_until": shown.confirmed_at + contact_actions.CONFIRMED_FOR
        if shown.standing == Standing.VIEWER and shown.confirmed_at
        else None,
    }
    return draw(request, "portal/person.html", context, here="people")


def _one(request: CustomerRequest, contact_id: int) -> Contact:
    return found(people_of(request.contact).filter(pk=contact_id))


class ChangeForm(PersonForm):
    standing = forms.ChoiceField(label=gettext_lazy("What they may do here"), widget=forms.RadioSelect, required=False)
    may_call = forms.BooleanField(
        label=gettext_lazy("May call at night"),
        required=False,
        help_text=gettext_lazy("Where your contract has an engineer woken for it."),
    )
    may_authorise = forms.BooleanField(
        label=gettext_lazy("May approve who gets access"),
        required=False,
        help_text=gettext_lazy("Passwords and the like are reset only with a yes from one of these."),
    )
    texted_at_night = forms.BooleanField(
        label=gettext_lazy("Gets texts at night"), required=False, help_text=gettext_lazy("Needs a verified mobile.")
    )

    def __init__(self, *args: Any, joins: bool = True, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["standing"].choices = wording.choices(  # type: ignore[attr-defined]
            wording.STANDINGS, without="" if joins else None
        )


FIELDS = ("name", "phone", "role", "texted_at_night")
RIGHTS = ("standing", "may_call", "may_authorise")


def _change_form(shown: Contact, data: Any = None) -> ChangeForm:
    initial = {name: getattr(shown, name) for name in (*FIELDS, *RIGHTS)}
    return ChangeForm(data, initial=initial, joins=bool(shown.standing))


@form_page("set_contact_standing")
def change_person(request: CustomerRequest, contact_id: int) -> HttpResponse:
    """Change what is known of a colleague, and what they may do."""
    shown = _one(request, contact_id)
    form = _change_form(shown, request.POST or None)
    if request.method == "POST" and form.is_valid():
        fields: Any = {name: form.cleaned_data[name] for name in FIELDS}
        rights: Any = {name: form.cleaned_data[name] for name in RIGHTS}
        if not rights["standing"]:
            del rights["standing"]
        changes: Any = {"known": fields, "may_do": rights}
        if attempt(form, contact_actions.change_contact, contact_id=shown.pk, **changes, **doing(request)) is not None:
            return gone_to(request, _("Saved."), "portal:person", shown.pk)
    context = {
        "heading": shown.name,
        "form": form,
        "label": _("Save"),
        "back": "portal:person",
        "back_id": shown.pk,
    }
    return draw(request, "portal/form.html", context, here="people")


@posting("invite_contact")
def invite(request: CustomerRequest, contact_id: int) -> HttpResponse:
    """Send a colleague the link to sign in with, or once more."""
    shown = _one(request, contact_id)
    standing = shown.standing or request.POST.get("standing", "") or Standing.MEMBER
    belt.done(contact_actions.invite_contact, contact_id=shown.pk, standing=standing, **doing(request))
    return gone_to(request, _("A link is on its way to {email}.").format(email=shown.email), "portal:person", shown.pk)


@posting("confirm_contact")
def confirm(request: CustomerRequest, contact_id: int) -> HttpResponse:
    """A colleague still belongs here."""
    shown = _one(request, contact_id)
    belt.done(contact_actions.confirm_contact, contact_id=shown.pk, **doing(request))
    return gone_to(request, _("{name} is confirmed for a year.").format(name=shown.name), "portal:people")


@posting("mark_contact_left")
def leave(request: CustomerRequest, contact_id: int) -> HttpResponse:
    """A colleague has left: one step, and nothing of theirs opens anything any more."""
    shown = _one(request, contact_id)
    heir = request.POST.get("hand_to", "")
    belt.done(
        contact_actions.mark_contact_left,
        contact_id=shown.pk,
        hand_to_id=int(heir) if heir.isascii() and heir.isdecimal() and len(heir) < 19 else None,
        **doing(request),
    )
    if shown.pk == request.contact.pk:
        return gone_to(request, _("You are signed out for good."), "account_login")
    return gone_to(request, _("{name} is let in no more, from now on.").format(name=shown.name), "portal:people")


@posting("set_company_rule")
def set_rule(request: CustomerRequest) -> HttpResponse:
    """Whose reports each of you sees."""
    belt.done(
        contact_actions.set_company_rule,
        customer_id=request.customer.pk,
        sees=request.POST.get("sees", ""),
        **doing(request),
    )
    return gone_to(request, _("Saved."), "portal:people")


@posting("decide_unsubscribe")
def decide_unsubscribe(request: CustomerRequest, request_id: int) -> HttpResponse:
    """A reader of an address wants no more notices there: it stops, or it goes on."""
    row = found(unsubscribe_requests_of(request.contact).filter(pk=request_id))
    agreed = request.POST.get("agreed") == "yes"
    belt.done(unsubscribe_actions.decide_unsubscribe, request_id=row.pk, agreed=agreed, **doing(request))
    said = _("No more notices go to {address}.") if agreed else _("{address} goes on getting notices.")
    return gone_to(request, said.format(address=row.address), "portal:people")
