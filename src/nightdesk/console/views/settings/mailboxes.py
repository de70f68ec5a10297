"""Where mail comes from: the mailboxes that are read, and the addresses that are ours."""

import secrets
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.settings.sections import form_in, row, section_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within
from nightdesk.mailroom.actions import (
    add_address,
    remove_address,
    remove_mailbox,
    save_front,
    save_mailbox,
    sign_in_mailbox,
)
from nightdesk.mailroom.models import Address, Mailbox
from nightdesk.mailroom.oauth import SERVICES, NoToken, exchange_code, make_verifier, sign_in_url
from nightdesk.mailroom.queries import client_of, fronts, how_it_does


@staff("save_mailbox")
def mailboxes(request: StaffRequest) -> HttpResponse:
    """Addresses of ours, and mailboxes with how each does."""
    rows = []
    for one in Address.objects.filter(within(request.brands)).select_related("brand"):
        whole = one.address.startswith("@")
        told = [
            _("all mail to this domain") if whole else _("mail to this address"),
            one.brand.name if one.brand else _("every brand"),
        ]
        remove = {
            "label": _("Not ours any more"),
            "url": reverse("console:remove_address", args=[one.id]),
            "tone": "fire",
        }
        rows.append(row(one.address, detail=" · ".join(told), actions=[remove]))
    if may(request, "save_front", None):
        rows += [_front_row(way, name) for way, name in fronts().items()]
    down = 0
    for each in Mailbox.objects.filter(within(request.brands)).select_related("brand"):
        tone, words = how_it_does(each, request.at)
        down += tone == "fire"
        told = [f"{each.user} · {each.host}", each.folder, each.brand.name if each.brand else _("every brand")]
        told += [words] if tone == "fire" else []
        tags = [{"text": _("not read") if tone == "fire" else words, "tone": tone}]
        rows.append(row(each.name, reverse("console:mailbox", args=[each.id]), " · ".join(told), tags))
    heading = (
        ngettext("{count} mailbox is not being read", "{count} mailboxes are not being read", down).format(count=down)
        if down
        else (_("Mail comes in by these") if rows else _("No mail comes in"))
    )
    news = [
        {"url": reverse("console:new_mailbox"), "label": _("Read a mailbox")},
        {"url": reverse("console:new_address"), "label": _("Add an address")},
    ]
    note = _(
        "Pages sent by mail ask for their answer at an address of yours, such as page+…@example.net; alarms come to "
        "alarm+KEY@example.net. How their mail gets here: by a mailbox that is read, or by your mail server."
    )
    empty = _("Until then nobody can answer a page by mail, and bounces are not seen.")
    return section_page(request, "mailboxes", heading, rows=rows, news=news, note=note, empty_text=empty)


SECRETS = ("password", "client_secret", "refresh_token")
WAYS = {"smtp": "SMTP", "lmtp": "LMTP", "pipe": "nightdesk mail read"}
SIGNING_IN = "mailbox-sign-in"
"""In the session: whose sign-in is under way."""


def _secret(label: Any, help_text: Any = "") -> forms.CharField:
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
    return forms.CharField(label=label, required=False, max_length=4000, widget=widget, help_text=help_text)


def _front_row(way: str, name: str) -> dict[str, Any]:
    told = (
        _("checks of {name} are believed").format(name=name) if name else _("nobody's checks of senders are believed")
    )
    title = _("The mail server in front of {way}").format(way=WAYS[way])
    return row(title, reverse("console:front", args=[way]), told)


class MailboxForm(forms.Form):
    """Secrets are never shown; left empty they stay."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    brand = forms.ChoiceField(label=gettext_lazy("Brand"), required=False)
    host = forms.CharField(label=gettext_lazy("IMAP server"), max_length=200)
    security = forms.ChoiceField(
        label=gettext_lazy("Security"),
        choices=[("tls", "TLS"), ("starttls", "STARTTLS"), ("none", gettext_lazy("none"))],
        initial="tls",
    )
    port = forms.IntegerField(
        label=gettext_lazy("Port"),
        required=False,
        min_value=1,
        max_value=65535,
        help_text=gettext_lazy("Empty: 993, or 143 without TLS."),
    )
    user = forms.CharField(label=gettext_lazy("User"), max_length=200)
    auth = forms.ChoiceField(
        label=gettext_lazy("Log-in"),
        choices=[
            ("password", gettext_lazy("password")),
            ("microsoft", "Microsoft 365"),
            ("google", "Google"),
            ("oauth", gettext_lazy("another service (OAuth 2.0)")),
        ],
        initial="password",
        required=False,
        help_text=gettext_lazy("Microsoft 365 and Google take no passwords: fill in what stands below at “client id”."),
    )
    password = _secret(gettext_lazy("Password"))
    client_id = forms.CharField(
        label=gettext_lazy("Client id"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("Of the application that you registered at the service. Not for a log-in by password."),
    )
    client_secret = _secret(gettext_lazy("Client secret"))
    tenant = forms.CharField(
        label=gettext_lazy("Tenant"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Microsoft 365 only: the directory (tenant) id, or a domain of yours there."),
    )
    token_url = forms.CharField(
        label=gettext_lazy("Token address"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("Another service only: its token endpoint, https://…"),
    )
    scope = forms.CharField(
        label=gettext_lazy("Scope"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("Empty: what the service wants for IMAP."),
    )
    refresh_token = _secret(
        gettext_lazy("Refresh token"),
        gettext_lazy(
            "Empty: sign in once the mailbox is saved. A Microsoft application that may read by itself needs none."
        ),
    )
    folder = forms.CharField(label=gettext_lazy("Folder"), max_length=200, initial="INBOX")
    after = forms.ChoiceField(
        label=gettext_lazy("What becomes of a mail there, once it is kept here"),
        choices=[
            ("seen", gettext_lazy("it is marked as read")),
            ("move", gettext_lazy("it is moved")),
            ("leave", gettext_lazy("nothing")),
        ],
        initial="seen",
    )
    move_to = forms.CharField(label=gettext_lazy("Folder to move it to"), required=False, max_length=200)
    authserv_id = forms.CharField(
        label=gettext_lazy("Whose checks of senders are believed"),
        required=False,
        max_length=200,
        help_text=gettext_lazy(
            "What stands first behind “Authentication-Results:” in mails there, such as mx.google.com; for Microsoft 365, "
            "which names nothing, write microsoft365. Empty: nobody's, and every sender counts as not proven."
        ),
    )
    read_old = forms.BooleanField(label=gettext_lazy("Also read what lies there already"), required=False)
    enabled = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)
    certificate = forms.CharField(
        label=gettext_lazy("Certificate to trust"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("PEM; for a server of your own whose certificate nobody else has signed."),
    )

    def __init__(self, *args: Any, request: StaffRequest, kept: Mailbox | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = _brands(request, "save_mailbox")  # type: ignore[attr-defined]
        for name in SECRETS:
            if kept is not None and getattr(kept, name):
                self.fields[name].help_text = _("Set. Leave it empty to keep it.")


def _brands(request: StaffRequest, verb: str) -> list[tuple[str, str]]:
    brands = brand_choices(request.actor, verb)
    return [("", _("Every brand")), *brands] if may(request, verb, None) else brands


def _number(text: str) -> int | None:
    return int(text) if text else None


@form_page("save_mailbox")
def new_mailbox(request: StaffRequest) -> HttpResponse:
    """Have a mailbox read."""
    form = MailboxForm(request.POST or None, request=request, kept=None)
    return _save(request, form, None, _("Read a mailbox"))


@form_page("save_mailbox")
def mailbox(request: StaffRequest, mailbox_id: int) -> HttpResponse:
    """One mailbox: change it, remove it, see why it is not read."""
    shown = found(Mailbox.objects.filter(within(request.brands), id=mailbox_id), _("You asked for a mailbox."))
    names = (
        "name",
        "host",
        "security",
        "port",
        "user",
        "auth",
        "client_id",
        "tenant",
        "token_url",
        "scope",
        "authserv_id",
        "folder",
        "after",
        "move_to",
        "read_old",
        "enabled",
        "certificate",
    )
    initial = {name: getattr(shown, name) for name in names} | {"brand": str(shown.brand_id or "")}
    form = MailboxForm(request.POST or None, initial=initial, request=request, kept=shown)
    return _save(request, form, shown, shown.name)


def _save(request: StaffRequest, form: MailboxForm, shown: Mailbox | None, heading: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        brand_id = _number(values.pop("brand"))
        values["auth"] = values["auth"] or Mailbox.Auth.PASSWORD
        saved = save_mailbox(
            **values,
            mailbox_id=shown.id if shown else None,
            brand_id=brand_id,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        if saved.auth in SERVICES and not saved.refresh_token and saved.auth != Mailbox.Auth.MICROSOFT:
            return done(
                request, _("{name} is set up. Now sign in for it.").format(name=saved.name), "console:mailbox", saved.id
            )
        return done(
            request, _("{name} is set up, and looked at within seconds.").format(name=saved.name), "console:mailboxes"
        )
    tone, words = how_it_does(shown, request.at) if shown else ("", "")
    more: dict[str, Any] = {"lead": words if tone == "fire" else None}
    if shown:
        more |= {
            "extra": "console/mailbox_extra.html",
            "remove_url": reverse("console:remove_mailbox", args=[shown.id]),
            "sign_in_url": reverse("console:sign_in_mailbox", args=[shown.id]) if shown.auth in SERVICES else "",
            "signed_in": bool(shown.refresh_token),
            "redirect_uri": _redirect_uri(),
        }
    return form_in(request, "mailboxes", form, heading, _("Save"), **more)


@posting("remove_mailbox")
def no_mailbox(request: StaffRequest, mailbox_id: int) -> HttpResponse:
    """It is not read any more, and its password is gone."""
    shown = found(Mailbox.objects.filter(within(request.brands), id=mailbox_id), _("You asked for a mailbox."))
    remove_mailbox(mailbox_id=shown.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is not read any more.").format(name=shown.name), "console:mailboxes")


def _redirect_uri() -> str:
    """Where the service sends people back to; it must be registered there."""
    return settings.PUBLIC_URL + reverse("console:signed_in_mailbox")


@staff("sign_in_mailbox")
def sign_in(request: StaffRequest, mailbox_id: int) -> HttpResponse:
    """To the service, which asks whoever is there whether we may read the mailbox."""
    asked = _("You wanted to sign in for a mailbox.")
    shown = found(Mailbox.objects.filter(within(request.brands), id=mailbox_id), asked)
    state, verifier = secrets.token_urlsafe(24), make_verifier()
    request.session[SIGNING_IN] = {"mailbox_id": shown.id, "state": state, "verifier": verifier}
    url = sign_in_url(
        shown.auth,
        tenant=shown.tenant,
        client_id=shown.client_id,
        scope=shown.scope,
        login=shown.user,
        redirect_uri=_redirect_uri(),
        state=state,
        verifier=verifier,
    )
    if not url:
        raise Invalid(
            asked, _("Nobody told us where that service signs people in."), _("Give a refresh token instead.")
        )
    return HttpResponseRedirect(url)


@staff("sign_in_mailbox")
def signed_in(request: StaffRequest) -> HttpResponse:
    """Back from the service, with a code that is exchanged for what lasts."""
    asked = _("You came back from signing in for a mailbox.")
    begun = request.session.pop(SIGNING_IN, None)
    told = request.GET
    if begun is None or not constant_time_compare(told.get("state", ""), begun["state"]):
        raise Invalid(asked, _("No sign-in of yours is under way here."), _("Begin it anew at the mailbox."))
    shown = found(Mailbox.objects.filter(within(request.brands), id=begun["mailbox_id"]), asked)
    if not told.get("code"):
        said = told.get("error_description") or told.get("error") or ""
        raise Invalid(
            asked, _("The service said no: {said}").format(said=said[:300]), _("Begin it anew at the mailbox.")
        )
    try:
        token = exchange_code(
            client_of(shown), code=told["code"], verifier=begun["verifier"], redirect_uri=_redirect_uri(), at=request.at
        )
    except NoToken as problem:
        raise Invalid(asked, str(problem), _("Begin it anew at the mailbox.")) from None
    sign_in_mailbox(
        mailbox_id=shown.id, refresh_token=token.refresh_token, by=request.actor, via=Door.WEB, at=request.at
    )
    return done(
        request, _("Signed in. {name} is looked at within seconds.").format(name=shown.name), "console:mailboxes"
    )


class FrontForm(forms.Form):
    authserv_id = forms.CharField(
        label=gettext_lazy("Whose checks of senders are believed"),
        required=False,
        max_length=200,
        help_text=gettext_lazy(
            "The name that your mail server writes first behind “Authentication-Results:”, such as mx.example.net. It must "
            "take away such lines of others that bear its name. Empty: nobody's, and every sender counts as not proven."
        ),
    )


@form_page("save_front", every_brand=True)
def front(request: StaffRequest, way: str) -> HttpResponse:
    """The mail server in front of a way in, and whether it is believed."""
    if way not in WAYS:
        raise NotFound(_("You asked for a way in for mail."), _("There is none of that name."), _("Go back."))
    form = FrontForm(request.POST or None, initial={"authserv_id": fronts()[way]})
    if request.method == "POST" and form.is_valid():
        save_front(way=way, authserv_id=form.cleaned_data["authserv_id"], by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved. It counts for mail that is read from now on."), "console:mailboxes")
    heading = _("The mail server in front of {way}").format(way=WAYS[way])
    return form_in(request, "mailboxes", form, heading, _("Save"))


class AddressForm(forms.Form):
    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=200,
        help_text=gettext_lazy(
            "noc@example.net where that mailbox keeps what stands behind a plus, or @example.net for a domain whose mail "
            "all comes here."
        ),
    )
    brand = forms.ChoiceField(label=gettext_lazy("Brand"), required=False)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = _brands(request, "add_address")  # type: ignore[attr-defined]


@form_page("add_address")
def new_address(request: StaffRequest) -> HttpResponse:
    """Mail to it is ours."""
    form = AddressForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        made = add_address(
            address=values["address"], brand_id=_number(values["brand"]), by=request.actor, via=Door.WEB, at=request.at
        )
        return done(request, _("Mail to {address} is ours.").format(address=made.address), "console:mailboxes")
    return form_in(request, "mailboxes", form, _("Add an address"), _("It is ours"))


@posting("remove_address")
def no_address(request: StaffRequest, address_id: int) -> HttpResponse:
    """Mail to it is not ours any more."""
    shown = found(Address.objects.filter(within(request.brands), id=address_id), _("You asked for an address."))
    remove_address(address_id=shown.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(
        request, _("Mail to {address} is not ours any more.").format(address=shown.address), "console:mailboxes"
    )
