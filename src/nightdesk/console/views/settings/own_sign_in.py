"""Where a customer's contacts sign in with accounts that their own company keeps."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.console.views.settings.sections import form_in
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, posting, within
from nightdesk.customers.identity_actions import remove_identity_provider, set_identity_provider
from nightdesk.customers.models import Customer, IdentityProvider


class ProviderForm(forms.Form):
    issuer = forms.CharField(
        label=gettext_lazy("Issuer"),
        max_length=300,
        help_text=gettext_lazy("What the provider calls itself: https://login.acme.example."),
    )
    client_id = forms.CharField(label=gettext_lazy("Client id"), max_length=255)
    client_secret = forms.CharField(
        label=gettext_lazy("Client secret"),
        max_length=1000,
        required=False,
        help_text=gettext_lazy("Never shown again; empty: it stays as it is."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    domains = forms.CharField(
        label=gettext_lazy("E-mail domains"),
        max_length=2000,
        help_text=gettext_lazy("For which addresses it speaks, with spaces or commas between: acme.example."),
    )
    allow_private = forms.BooleanField(
        label=gettext_lazy("It may stand in a private network"),
        required=False,
        help_text=gettext_lazy("Only for a provider that you reach by a network of your own."),
    )


@form_page("set_identity_provider")
def own_sign_in(request: StaffRequest, customer_id: int) -> HttpResponse:
    """Set it, or change it."""
    shown = _customer(request, customer_id)
    known = IdentityProvider.objects.filter(customer=shown).first()
    form = ProviderForm(request.POST or None, initial=_initial(known))
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        values["domains"] = values["domains"].replace(",", " ").split()
        row = set_identity_provider(customer_id=shown.id, **values, by=request.actor, via=Door.WEB, at=request.at)
        if known is None:
            said = _("Now tell the provider where people come back to: {url}").format(url=back_url(row))
            return done(request, said, "console:customer", shown.id)
        return done(request, _("Saved."), "console:customer", shown.id)
    lead = (
        _("OpenID Connect with a code and PKCE. The provider must know where people come back to: {url}").format(
            url=back_url(known)
        )
        if known
        else _("OpenID Connect with a code and PKCE. Where people come back to is told once this is saved.")
    )
    return form_in(
        request,
        "customers",
        form,
        _("Sign-in of {name}").format(name=shown.name),
        _("Save"),
        lead=lead,
        cancel_url=reverse("console:customer", args=[shown.id]),
    )


@posting("remove_identity_provider")
def no_own_sign_in(request: StaffRequest, customer_id: int) -> HttpResponse:
    """They have none any more."""
    shown = _customer(request, customer_id)
    remove_identity_provider(customer_id=shown.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Nobody signs in there any more."), "console:customer", shown.id)


def back_url(provider: IdentityProvider) -> str:
    """Where the provider sends people back to: it must know that address."""
    return settings.PUBLIC_URL + reverse("portal:own_sign_in_back", args=[provider.pk])


def _initial(known: IdentityProvider | None) -> dict[str, Any]:
    if known is None:
        return {}
    return {
        "issuer": known.issuer,
        "client_id": known.client_id,
        "domains": " ".join(known.domains),
        "allow_private": known.allow_private,
    }


def _customer(request: StaffRequest, customer_id: int) -> Customer:
    return found(Customer.objects.filter(within(request.brands), id=customer_id), _("You asked for a customer."))
