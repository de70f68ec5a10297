"""API tokens: secrets for programs, each with the verbs that it may."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.actions import make_token, revoke_token
from nightdesk.access.matrix import SCOPES
from nightdesk.access.models import Token
from nightdesk.base.actors import Door
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.settings.sections import form_in, row, section_page, shown_once
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within


@staff("make_token")
def tokens(request: StaffRequest) -> HttpResponse:
    """Every token, and when it was last used."""
    rows = []
    live = 0
    for each in Token.objects.filter(within(request.brands)).select_related("brand", "user").order_by("-created_at"):
        over = each.revoked_at is not None or (each.expires_at is not None and each.expires_at <= request.at)
        live += not over
        used = (
            _("last used {time}").format(time=clock(each.last_used_at, request.at))
            if each.last_used_at
            else _("never used")
        )
        brand = each.brand.name if each.brand else _("every brand")
        details = [
            f"{each.hint}…",
            ", ".join(each.scopes),
            each.user.name if each.user else _("a machine"),
            brand,
            used,
        ]
        tags = [{"text": _("over"), "tone": ""}] if over else []
        actions = []
        if not over:
            url = reverse("console:revoke_token", args=[each.id])
            actions.append({"label": _("Revoke"), "url": url, "tone": "fire"})
        rows.append(row(each.name, detail=" · ".join(details), tags=tags, actions=actions))
    heading = (
        ngettext("{count} token opens the API", "{count} tokens open the API", live).format(count=live)
        if live
        else _("No token opens the API")
    )
    new = {"url": reverse("console:new_token"), "label": _("New token")}
    return section_page(
        request, "tokens", heading, rows=rows, new=new, empty_text=_("A program needs one to ask or tell us anything.")
    )


class TokenForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What it is for"), max_length=80)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may"),
        choices=[(name, name) for name in SCOPES],
        initial=["read"],
        widget=forms.CheckboxSelectMultiple,
    )
    brand = forms.ChoiceField(label=gettext_lazy("Brand"), required=False)
    days = forms.IntegerField(
        label=gettext_lazy("How many days it lasts"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=gettext_lazy("Empty: until it is revoked."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brands = brand_choices(request.actor, "make_token")
        if may(request, "make_token", None):
            brands = [("", _("Every brand")), *brands]
        self.fields["brand"].choices = brands  # type: ignore[attr-defined]


@form_page("make_token")
def new_token(request: StaffRequest) -> HttpResponse:
    """A new token; its secret is shown this once."""
    form = TokenForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        made, secret = make_token(
            name=values["name"],
            scopes=values["scopes"],
            brand_id=int(values["brand"]) if values["brand"] else None,
            expires_at=request.at + timedelta(days=values["days"]) if values["days"] else None,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        text = _("Send it with each request as “Authorization: Bearer …”.")
        return shown_once(request, "tokens", _("The token {name} is made").format(name=made.name), secret, text)
    return form_in(request, "tokens", form, _("New token"), _("Make it"))


@posting("revoke_token")
def no_token(request: StaffRequest, token_id: int) -> HttpResponse:
    """It opens nothing any more."""
    shown = found(Token.objects.filter(within(request.brands), id=token_id), _("You asked for a token."))
    revoke_token(token_id=shown.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is revoked.").format(name=shown.name), "console:tokens")
