"""Signing in with an account that one's own company keeps: the address first, then there, then back here."""

from datetime import datetime, timedelta
from typing import cast

from allauth.account.utils import perform_login
from django import forms
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from nightdesk.base import vault
from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import Refusal, TooMany
from nightdesk.base.words import in_our_language
from nightdesk.customers.identity import domain_of
from nightdesk.customers.identity_actions import NotAdmitted, admit_contact, note_not_admitted
from nightdesk.customers.models import IdentityProvider
from nightdesk.customers.queries import provider_of, providers_of_domain
from nightdesk.outages.published_queries import address_at, brand_at
from nightdesk.portal.door import LINK, alone
from nightdesk.portal.oidc import Begun, Client, NoSignIn, sign_in_url, who_signed_in

TRIES = Buckets(a_second=1 / 6, size=20)
"""Of one address: each begun sign-in makes us ask the provider."""
BEGUN = "own_sign_in"
BEGUN_FOR = timedelta(minutes=10)
SESSION_LASTS = timedelta(hours=12)
"""Whoever leaves the company is out by then at the latest, even if nobody says so here."""


class AddressForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("Your email address at work"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


@require_http_methods(["GET", "HEAD", "POST"])
def address(request: HttpRequest) -> HttpResponse:
    """Which companies sign people of this address in themselves; told by the domain alone, so that nobody is named."""
    refused = _too_many(request) if request.method == "POST" else None
    if refused is not None:
        return refused
    form = AddressForm(request.POST if request.method == "POST" else None)
    found: list[IdentityProvider] | None = None
    if request.method == "POST" and form.is_valid():
        found = providers_of_domain(domain_of(form.cleaned_data["email"]), brand_at(request.get_host()))
    return alone(request, "portal/own_sign_in.html", {"form": form, "found": found})


@require_safe
def begin(request: HttpRequest, provider_id: int) -> HttpResponse:
    """Off to the company's own sign-in."""
    refused = _too_many(request)
    if refused is not None:
        return refused
    try:
        provider = provider_of(provider_id)
        begun = Begun()
        where = sign_in_url(_client(request, provider), begun)
    except Refusal as refusal:
        return _refused(request, refusal)
    except NoSignIn as none:
        return _nobody(request, provider, none)
    # One a browser: what was begun before comes to nothing.
    request.session[BEGUN] = {
        "provider": provider.pk,
        "until": (_at(request) + BEGUN_FOR).timestamp(),
        "state": begun.state,
        "nonce": begun.nonce,
        "verifier": begun.verifier,
    }
    return HttpResponseRedirect(where)


@require_safe
def back(request: HttpRequest, provider_id: int) -> HttpResponse:
    """Back from there: whoever the provider vouches for is signed in, where that is somebody of its own company."""
    refused = _too_many(request)
    if refused is not None:
        return refused
    begun = request.session.pop(BEGUN, None)  # once, whatever comes of it
    try:
        provider = provider_of(provider_id)
    except Refusal as refusal:
        return _refused(request, refusal)
    try:
        if begun is None or begun["provider"] != provider.pk or _at(request).timestamp() >= begun["until"]:
            raise NoSignIn("state", _("No sign-in was begun in this browser, or it took too long."))
        known = Begun(begun["state"], begun["nonce"], begun["verifier"])
        came_back = {name: request.GET.get(name, "") for name in request.GET}
        who = who_signed_in(_client(request, provider), known, came_back, _at(request))
    except NoSignIn as none:
        return _nobody(request, provider, none)
    try:
        link = in_our_language(
            admit_contact, provider_id=provider.pk, who=who, by=_by(provider), via=Door.WEB, at=_at(request)
        )
    except Refusal as refusal:
        _note(request, provider, str(refusal.extra.get("why", refusal.code)))
        return _refused(request, refusal)
    # Whatever this browser was signed in as is over before; what is kept below belongs to the new session alone.
    logout(request)
    request.session[LINK] = link.pk
    request.session.set_expiry(SESSION_LASTS)
    return cast(HttpResponse, perform_login(request, link.contact.user, redirect_url=resolve_url("portal:home")))


def _client(request: HttpRequest, provider: IdentityProvider) -> Client:
    """The address to come back to is one of ours that the provider knows; under a brand's own name it is there.

    Raises NoSignIn where the secret was sealed with a key that is lost.
    """
    try:
        secret = vault.open_(bytes(provider.client_secret)).decode()
    except vault.Unreadable:
        raise NoSignIn(
            "secret", _("We have lost the key to your company's sign-in. Tell us, so that it is entered anew.")
        ) from None
    return Client(
        issuer=provider.issuer,
        client_id=provider.client_id,
        client_secret=secret,
        redirect_uri=address_at(request.get_host()) + reverse("portal:own_sign_in_back", args=[provider.pk]),
        anywhere=provider.allow_private,
    )


def _nobody(request: HttpRequest, provider: IdentityProvider, none: NoSignIn) -> HttpResponse:
    _note(request, provider, none.why)
    return _refused(
        request,
        NotAdmitted(
            _("You came by the sign-in of %s.") % provider.customer.name,
            str(none),
            _("Try once more. If it goes on, tell whoever keeps your company's sign-in, or come in by another way."),
        ),
    )


def _note(request: HttpRequest, provider: IdentityProvider, why: str) -> None:
    note_not_admitted(provider_id=provider.pk, why=why, by=_by(provider), via=Door.WEB, at=_at(request))


def _by(provider: IdentityProvider) -> Actor:
    return Actor("machine", f"identity_provider:{provider.pk}", _("The sign-in of %s") % provider.customer.name)


def _too_many(request: HttpRequest) -> HttpResponse | None:
    if TRIES.take(request.META.get("REMOTE_ADDR", ""), _at(request)):
        return None
    too_many = TooMany(
        _("You wanted to sign in."), _("Too many tried from where you are."), _("Wait a minute."), retry_after=60
    )
    return _refused(request, too_many)


def _refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    return alone(request, "portal/refusal_alone.html", {"problem": refusal}, status=refusal.status)


def _at(request: HttpRequest) -> datetime:
    at: datetime = request.at  # type: ignore[attr-defined]
    return at
