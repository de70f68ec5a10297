"""The link of an invitation: it shows a page, and only its button lets somebody in, as mail scanners open links too."""

from datetime import datetime
from typing import Any, cast

from allauth.account.utils import perform_login
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import translation
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import NotFound, Refusal, TooMany
from nightdesk.base.words import in_our_language
from nightdesk.customers.contact_actions import INVITED_FOR, join_portal
from nightdesk.customers.models import Contact
from nightdesk.portal.door import alone

TRIES = Buckets(a_second=1 / 6, size=20)
"""Of one address: links are long, and whoever tries this many is not reading mail."""


class JoinForm(forms.Form):
    password = forms.CharField(
        label=gettext_lazy("A password"),
        required=False,
        help_text=gettext_lazy("Ten characters or more. Without one we mail you a code each time."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, contact_id: int, invite: str) -> HttpResponse:
    """Shows who is invited to what; the button signs them in, once."""
    at: datetime = request.at  # type: ignore[attr-defined]
    if not TRIES.take(request.META.get("REMOTE_ADDR", ""), at):
        too_many = TooMany(
            _("You followed an invitation."),
            _("Too many were tried from where you are."),
            _("Wait a minute."),
            retry_after=60,
        )
        return alone(request, "portal/refusal_alone.html", {"problem": too_many}, status=429)
    contact = _invited(contact_id, invite, at)
    if contact is None:
        return alone(request, "portal/refusal_alone.html", {"problem": _gone()}, status=404)
    form = JoinForm(request.POST if request.method == "POST" else None)
    with translation.override(contact.language or contact.customer.language):
        if request.method == "POST" and form.is_valid():
            try:
                joined = in_our_language(
                    join_portal,
                    contact_id=contact.pk,
                    invite=invite,
                    password=form.cleaned_data["password"] or None,
                    by=Actor("contact", str(contact.pk), contact.name),
                    via=Door.LINK,
                    at=at,
                )
            except Refusal as refusal:
                form.add_error(None, f"{refusal.so} {refusal.do}")
            else:
                return cast(HttpResponse, perform_login(request, joined.user, redirect_url=resolve_url("portal:home")))
        context: dict[str, Any] = {"contact": contact, "company": contact.customer, "form": form}
        return alone(request, "portal/join.html", context | {"brand": contact.customer.brand})


def _invited(contact_id: int, invite: str, at: datetime) -> Contact | None:
    rows = Contact.objects.filter(pk=contact_id, left_at=None, customer__active=True).exclude(invite="")
    contact = rows.select_related("customer__brand").first()
    if contact is None or contact.invited_at is None or at >= contact.invited_at + INVITED_FOR:
        return None
    return contact if constant_time_compare(contact.invite, invite) else None


def _gone() -> NotFound:
    return NotFound(
        _("You followed an invitation."),
        _("Its link was used already, or is older than a week."),
        _("If you have signed in before, sign in. Else ask whoever invited you for a new one."),
    )
