"""Integrations: what watches the services and sends its alarms here, each with a secret key."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.choices import brand_choices, pairs
from nightdesk.console.views.settings.sections import form_in, row, section_page, shown_once
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, posting, staff, within
from nightdesk.customers.models import Hours, Service
from nightdesk.mailroom.queries import address_for
from nightdesk.paging.actions import make_integration, revoke_integration
from nightdesk.paging.models import Integration, Policy
from nightdesk.people.models import Team

FORMATS = {
    "alertmanager": ("Alertmanager", "/hooks/alertmanager/{key}"),
    "pagerduty": ("PagerDuty Events v2", "/v2/enqueue"),
    "generic": ("JSON", "/hooks/generic/{key}"),
    "email": ("E-mail", ""),
}
PRIORITIES = [(f"P{number}", f"P{number}") for number in range(1, 5)]


@staff("make_integration")
def integrations(request: StaffRequest) -> HttpResponse:
    """Who sends alarms, and when each was last heard."""
    rows = []
    live = 0
    known = Integration.objects.filter(within(request.brands)).select_related("brand", "policy")
    for each in known.order_by("revoked_at", "name"):
        live += each.revoked_at is None
        heard = (
            _("last heard {time}").format(time=clock(each.last_heard_at, request.at))
            if each.last_heard_at
            else _("never heard")
        )
        details = [each.format, each.brand.name, each.policy.name, _("key {hint}…").format(hint=each.hint), heard]
        tags = [{"text": _("revoked"), "tone": ""}] if each.revoked_at else []
        if each.shadow_since is not None:
            tags.append({"text": _("shadow"), "tone": "sky"})
        actions = []
        if each.revoked_at is None:
            url = reverse("console:revoke_integration", args=[each.id])
            rules = reverse("console:mail_rules", args=[each.id])
            actions.append({"label": _("Rules for mail"), "url": rules, "get": True})
            shadow_url = reverse("console:shadow", args=[each.id])
            actions.append({"label": _("Shadow"), "url": shadow_url, "get": True})
            actions.append({"label": _("Revoke its key"), "url": url, "tone": "fire"})
        rows.append(row(each.name, detail=" · ".join(details), tags=tags, actions=actions))
    heading = (
        ngettext("{count} system sends alarms", "{count} systems send alarms", live).format(count=live)
        if live
        else _("Nothing sends alarms yet")
    )
    new = {"url": reverse("console:new_integration"), "label": _("Connect something")}
    empty = _("Each system that watches your services gets a key of its own.")
    return section_page(request, "integrations", heading, rows=rows, new=new, empty_text=empty)


class IntegrationForm(forms.Form):
    """`brand_id` comes first: what else can be chosen belongs to the brand."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    format = forms.ChoiceField(
        label=gettext_lazy("What it speaks"), choices=[(name, label) for name, (label, _path) in FORMATS.items()]
    )
    policy = forms.ChoiceField(label=gettext_lazy("Who is rung"))
    team = forms.ChoiceField(label=gettext_lazy("Team"), required=False)
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    hours = forms.ChoiceField(
        label=gettext_lazy("Hours"),
        required=False,
        help_text=gettext_lazy("Outside them only the priorities below wake somebody. None: it may always."),
    )
    may_wake = forms.MultipleChoiceField(
        label=gettext_lazy("May wake"),
        choices=PRIORITIES,
        initial=["P1", "P2"],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    storm_limit = forms.IntegerField(
        label=gettext_lazy("Alarms of one service before they are folded into one page"),
        min_value=1,
        max_value=1000,
        initial=5,
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = within(request.brands)
        self._choose("brand", brand_choices(request.actor, "make_integration"))
        self._choose("policy", pairs(Policy.objects.filter(mine)))
        self._choose("team", pairs(Team.objects.filter(mine), _("None")))
        self._choose("service", pairs(Service.objects.filter(mine), _("What the alarm names")))
        self._choose("hours", pairs(Hours.objects.filter(mine), _("None")))

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """All that was chosen belongs to the brand."""
        values: dict[str, Any] = super().clean() or {}
        kinds: dict[str, Any] = {"policy": Policy, "team": Team, "service": Service, "hours": Hours}
        for name, model in kinds.items():
            chosen = values.get(name)
            if chosen and not model.objects.filter(id=chosen, brand_id=values.get("brand")).exists():
                self.add_error(name, _("It belongs to another brand."))
        return values


def _number(text: str) -> int | None:
    return int(text) if text else None


@form_page("make_integration")
def new_integration(request: StaffRequest) -> HttpResponse:
    """A new sender of alarms; its key is shown this once."""
    form = IntegrationForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        made, key = make_integration(
            brand_id=int(values["brand"]),
            name=values["name"],
            format=values["format"],
            policy_id=int(values["policy"]),
            team_id=_number(values["team"]),
            service_id=_number(values["service"]),
            hours_id=_number(values["hours"]),
            may_wake=values["may_wake"],
            storm_limit=values["storm_limit"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        by_mail = address_for("alarm", key, made.brand_id)
        path = FORMATS[made.format][1].format(key=key)
        text = _("Send its alarms to {url}").format(url=f"{settings.PUBLIC_URL}{path}" if path else by_mail)
        if not path and not by_mail:
            text = _("Its alarms go to alarm+KEY at an address of yours: set one under Mail in.")
        return shown_once(request, "integrations", _("{name} has a key").format(name=made.name), key, text)
    return form_in(request, "integrations", form, _("Connect something"), _("Make its key"))


@posting("revoke_integration")
def revoke(request: StaffRequest, integration_id: int) -> HttpResponse:
    """Its key opens nothing any more."""
    rows = Integration.objects.filter(within(request.brands), id=integration_id)
    row_ = found(rows, _("You asked for an integration."))
    revoke_integration(integration_id=row_.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The key of {name} is revoked.").format(name=row_.name), "console:integrations")
