"""The reader's own things: name, language and zone, mobile, how they sign in, their tokens."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import User
from nightdesk.access.session_actions import end_own_session, end_sessions
from nightdesk.customers import actions, contact_actions
from nightdesk.portal import belt, wording
from nightdesk.portal.door import LINK, CustomerRequest, attempt, doing, draw, form_page, gone_to, page, posting
from nightdesk.portal.queries import signed_in, tokens_of


@page()
def you(request: CustomerRequest) -> HttpResponse:
    """Everything that is yours to set."""
    reader = request.contact
    context = {
        "standing": wording.STANDINGS[reader.standing],
        "tokens": list(tokens_of(reader)),
        "sessions": belt.done(signed_in, _account(request), request.at) if LINK not in request.session else [],
        "this_key": request.session.session_key,
        "zone": reader.zone or request.customer.zone,
        "has_password": isinstance(request.user, User) and request.user.has_usable_password(),
        "by_own_sign_in": LINK in request.session,
        "code_waits": bool(reader.mobile_check)
        and reader.mobile_check_until is not None
        and request.at < reader.mobile_check_until,
    }
    return draw(request, "portal/you.html", context, here="you")


class YouForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=30, required=False)
    role = forms.CharField(label=gettext_lazy("What you do"), max_length=40, required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False)
    texted_at_night = forms.BooleanField(
        label=gettext_lazy("Text me at night"),
        required=False,
        help_text=gettext_lazy("When something of yours stops working. Needs a verified mobile."),
    )

    def __init__(self, *args: Any, company: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        of_company = _("As your company: {what}")
        self.fields["zone"].choices = [  # type: ignore[attr-defined]
            ("", of_company.format(what=company.zone)),
            *((zone, zone) for zone in zones),
        ]
        self.fields["language"].choices = [  # type: ignore[attr-defined]
            ("", of_company.format(what=dict(settings.LANGUAGES).get(company.language, company.language))),
            *settings.LANGUAGES,
        ]


@form_page()
def change(request: CustomerRequest) -> HttpResponse:
    """Change what is known of yourself."""
    names = ("name", "phone", "role", "language", "zone", "texted_at_night")
    initial = {name: getattr(request.contact, name) for name in names}
    form = YouForm(request.POST or None, initial=initial, company=request.customer)
    if request.method == "POST" and form.is_valid():
        given: Any = {name: form.cleaned_data[name] for name in names}
        saved = attempt(form, actions.edit_contact, contact_id=request.contact.pk, changes=given, **doing(request))
        if saved is not None:
            return gone_to(request, _("Saved."), "portal:you")
    context = {"heading": _("About you"), "form": form, "label": _("Save"), "back": "portal:you"}
    return draw(request, "portal/form.html", context, here="you")


class MobileForm(forms.Form):
    mobile = forms.CharField(
        label=gettext_lazy("Mobile number"),
        max_length=30,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )


@form_page()
def mobile(request: CustomerRequest) -> HttpResponse:
    """A number, to which a code is texted."""
    form = MobileForm(request.POST or None, initial={"mobile": request.contact.mobile})
    if request.method == "POST" and form.is_valid():
        number = form.cleaned_data["mobile"]
        verb = contact_actions.ask_mobile_code
        sent = attempt(form, verb, contact_id=request.contact.pk, mobile=number, **doing(request))
        if sent is not None:
            return gone_to(request, _("A code is on its way to you, by text."), "portal:mobile_code")
    context = {"heading": _("Your mobile"), "form": form, "label": _("Text me a code"), "back": "portal:you"}
    return draw(request, "portal/form.html", context, here="you")


@posting()
def no_mobile(request: CustomerRequest) -> HttpResponse:
    """The number is theirs no more."""
    belt.done(contact_actions.remove_mobile, contact_id=request.contact.pk, **doing(request))
    return gone_to(request, _("We text you there no more."), "portal:you")


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("The six digits from the text"),
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


@form_page()
def mobile_code(request: CustomerRequest) -> HttpResponse:
    """The code comes back, and the number is verified."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        right = attempt(
            form,
            contact_actions.verify_mobile,
            contact_id=request.contact.pk,
            code=form.cleaned_data["code"],
            **doing(request),
        )
        if right:
            return gone_to(request, _("Thank you. We can text you now."), "portal:you")
        if right is False:
            form.add_error("code", _("That is not the code. Look at the newest text, and type it again."))
    context = {
        "heading": _("Enter the code"),
        "form": form,
        "label": _("This is it"),
        "back": "portal:you",
        "help": _("It was texted to {number}, and is good for ten minutes.").format(number=request.contact.mobile_asked)
        if request.contact.mobile_asked
        else "",
    }
    return draw(request, "portal/form.html", context, here="you")


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What it is for"), max_length=80, help_text=gettext_lazy("Such as: our monitoring.")
    )


@form_page()
def new_token(request: CustomerRequest) -> HttpResponse:
    """A token for a program of theirs; its secret is shown once, here."""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = attempt(
            form,
            contact_actions.make_contact_token,
            contact_id=request.contact.pk,
            name=form.cleaned_data["name"],
            **doing(request),
        )
        if made is not None:
            token, secret = made
            return draw(request, "portal/token.html", {"token": token, "secret": secret}, here="you")
    context = {
        "heading": _("A token for a program"),
        "form": form,
        "label": _("Make it"),
        "back": "portal:you",
        "help": _("A program with it reads and does what you may. It is shown once."),
    }
    return draw(request, "portal/form.html", context, here="you")


@posting()
def no_token(request: CustomerRequest, token_id: int) -> HttpResponse:
    """The token opens nothing any more."""
    belt.done(contact_actions.revoke_contact_token, contact_id=request.contact.pk, token_id=token_id, **doing(request))
    return gone_to(request, _("That token opens nothing any more."), "portal:you")


@posting()
def end_session(request: CustomerRequest, session_id: int) -> HttpResponse:
    """That browser is signed out."""
    belt.done(end_own_session, user_id=_account(request), session_id=session_id, **doing(request))
    return gone_to(request, _("That browser is signed out."), "portal:you")


@posting()
def end_others(request: CustomerRequest) -> HttpResponse:
    """Every browser but this one is signed out."""
    key = request.session.session_key or ""
    ended = belt.done(end_sessions, user_id=_account(request), but_key=key, **doing(request))
    told = ngettext("{count} other browser is signed out.", "{count} other browsers are signed out.", ended)
    return gone_to(request, told.format(count=ended), "portal:you")


def _account(request: CustomerRequest) -> int:
    if LINK in request.session:  # the account's other companies, and where it is used, are none of this one's affair
        raise Http404
    return int(request.user.pk or 0)  # the door has seen that somebody is signed in
