"""Where mail comes from: the mailboxes that are read, and the addresses that are ours."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.settings.sections import form_in, row, section_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within
from nightdesk.mailroom.actions import add_address, remove_address, remove_mailbox, save_mailbox
from nightdesk.mailroom.models import Address, Mailbox
from nightdesk.mailroom.queries import how_it_does


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


class MailboxForm(forms.Form):
    """The password is never shown; left empty it stays."""

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
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
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
    read_old = forms.BooleanField(label=gettext_lazy("Also read what lies there already"), required=False)
    enabled = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)
    certificate = forms.CharField(
        label=gettext_lazy("Certificate to trust"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("PEM; for a server of your own whose certificate nobody else has signed."),
    )

    def __init__(self, *args: Any, request: StaffRequest, kept: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = _brands(request, "save_mailbox")  # type: ignore[attr-defined]
        if kept:
            self.fields["password"].help_text = _("Set. Leave it empty to keep it.")


def _brands(request: StaffRequest, verb: str) -> list[tuple[str, str]]:
    brands = brand_choices(request.actor, verb)
    return [("", _("Every brand")), *brands] if may(request, verb, None) else brands


def _number(text: str) -> int | None:
    return int(text) if text else None


@form_page("save_mailbox")
def new_mailbox(request: StaffRequest) -> HttpResponse:
    """Have a mailbox read."""
    form = MailboxForm(request.POST or None, request=request, kept=False)
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
        "folder",
        "after",
        "move_to",
        "read_old",
        "enabled",
        "certificate",
    )
    initial = {name: getattr(shown, name) for name in names} | {"brand": str(shown.brand_id or "")}
    form = MailboxForm(request.POST or None, initial=initial, request=request, kept=bool(shown.password))
    return _save(request, form, shown, shown.name)


def _save(request: StaffRequest, form: MailboxForm, shown: Mailbox | None, heading: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        brand_id = _number(values.pop("brand"))
        saved = save_mailbox(
            **values,
            mailbox_id=shown.id if shown else None,
            brand_id=brand_id,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
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
        }
    return form_in(request, "mailboxes", form, heading, _("Save"), **more)


@posting("remove_mailbox")
def no_mailbox(request: StaffRequest, mailbox_id: int) -> HttpResponse:
    """It is not read any more, and its password is gone."""
    shown = found(Mailbox.objects.filter(within(request.brands), id=mailbox_id), _("You asked for a mailbox."))
    remove_mailbox(mailbox_id=shown.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is not read any more.").format(name=shown.name), "console:mailboxes")


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
