"""Routes: the providers by which each channel's messages leave. Their forms are made of what the drivers declare."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.channels.actions import Recipient, queue_message, remove_route, replace_push_key, save_route
from nightdesk.channels.driver import Driver, Field
from nightdesk.channels.models import Device, Route
from nightdesk.channels.queries import RouteHealth, push_key, route_health, text_estimate
from nightdesk.channels.registry import CHANNELS, NEED_NO_ROUTE
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.people import CHANNEL_NAMES, NO_ADDRESS
from nightdesk.console.views.settings.sections import form_in, row, section_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within


def _routes(request: StaffRequest) -> Any:
    return Route.objects.filter(within(request.brands)).select_related("brand")


@staff("save_route")
def routes(request: StaffRequest) -> HttpResponse:
    """Each channel's providers in the order in which they are tried, and how each does."""
    health = {each.route_id: each for each in route_health(request.at)}
    rows = []
    resting = 0
    for each in _routes(request):
        how = health.get(each.id)
        rests = how is not None and how.rests
        resting += rests
        tags = []
        if not each.enabled:
            tags.append({"text": _("off"), "tone": ""})
        elif rests:
            tags.append(
                {"text": _("rests until {time}").format(time=f"{localtime(each.resting_until):%H:%M}"), "tone": "fire"}
            )
        else:
            tags.append({"text": _("in use"), "tone": "calm"})
        brand = each.brand.name if each.brand else _("every brand")
        channel = str(CHANNEL_NAMES.get(each.channel, each.channel))
        details = [channel, each.driver, brand, _figures(how)]
        url = reverse("console:route", args=[each.id])
        rows.append(row(each.name, url, " · ".join(text for text in details if text), tags))
    heading = (
        ngettext("{count} provider rests", "{count} providers rest", resting).format(count=resting)
        if resting
        else (_("Messages leave by these") if rows else _("No provider is set"))
    )
    note = _("Set one up: {names}").format(names="")
    news = [
        {"url": reverse("console:new_route", args=[driver.name]), "label": str(driver.label)}
        for driver in CHANNELS.values()
        if driver.channel != "pocket"
    ]
    empty = _("Until then every message stays in the outbox, where you can read it.")
    return section_page(request, "routes", heading, rows=rows, news=news, note=note, empty_text=empty)


def _figures(how: RouteHealth | None) -> str:
    if how is None or how.success_rate is None:
        return ""
    return _("{percent} % taken in the last hour, {ms} ms").format(
        percent=round(100 * how.success_rate), ms=how.median_ms if how.median_ms is not None else "–"
    )


class RouteForm(forms.Form):
    """What every route has, and then the driver's own fields. A secret is never shown; left empty it stays."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    channel = forms.ChoiceField(label=gettext_lazy("For"))
    brand = forms.ChoiceField(label=gettext_lazy("Brand"), required=False)
    position = forms.IntegerField(
        label=gettext_lazy("Place in the order"),
        min_value=0,
        max_value=99,
        initial=0,
        help_text=gettext_lazy("The lowest is tried first."),
    )
    enabled = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)

    def __init__(self, *args: Any, request: StaffRequest, driver: Driver, route: Route | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.driver = driver
        channels = [driver.channel] if driver.channel else [name for name in CHANNEL_NAMES if name not in NEED_NO_ROUTE]
        self.fields["channel"].choices = [  # type: ignore[attr-defined]
            (name, str(CHANNEL_NAMES.get(name, name))) for name in channels
        ]
        brands = brand_choices(request.actor, "save_route")
        if may(request, "save_route", None):
            brands = [("", _("Every brand")), *brands]
        self.fields["brand"].choices = brands  # type: ignore[attr-defined]
        for field in driver.fields:
            known = route is not None and field.secret
            self.fields[f"set-{field.name}"] = _form_field(field, kept=known)

    def given(self, *, secret: bool) -> dict[str, Any]:
        """The driver's fields as they were given, the secret ones or the others."""
        fields = [field for field in self.driver.fields if field.secret is secret]
        return {field.name: self.cleaned_data.get(f"set-{field.name}") for field in fields}


def _form_field(field: Field, *, kept: bool) -> forms.Field:
    """The form's field for one of a driver; `kept`: a secret that is set already."""
    told: dict[str, Any] = {
        "label": field.label,
        "help_text": field.help,
        "required": field.required and not kept,
        "initial": field.default,
    }
    if field.secret:
        told["help_text"] = _("Set. Leave it empty to keep it.") if kept else field.help
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
        return forms.CharField(widget=widget, max_length=20_000, **told)
    match field.kind:
        case "integer":
            return forms.IntegerField(min_value=0, **told)
        case "flag":
            return forms.BooleanField(**{**told, "required": False})
        case "choice":
            return forms.ChoiceField(choices=[(name, name) for name in field.choices], **told)
        case "long":
            return forms.CharField(widget=forms.Textarea(attrs={"rows": 4}), max_length=20_000, **told)
    return forms.CharField(max_length=2000, **told)


@form_page("save_route")
def new_route(request: StaffRequest, driver: str) -> HttpResponse:
    """Set up a provider."""
    known = CHANNELS.get(driver)
    if known is None:
        raise NotFound(
            _("You asked for a kind of provider."), _("There is none of that name."), _("Choose one of the list.")
        )
    form = RouteForm(request.POST or None, request=request, driver=known, route=None)
    return _save(request, form, None, _("New provider: {name}").format(name=known.label))


@form_page("save_route")
def route(request: StaffRequest, route_id: int) -> HttpResponse:
    """One provider: change it, try it, remove it."""
    shown = found(_routes(request).filter(id=route_id), _("You asked for a provider."))
    known = CHANNELS.get(shown.driver)
    if known is None:
        raise NotFound(_("You asked for a provider."), _("Its driver is not here any more."), _("Remove it."))
    initial: dict[str, Any] = {
        "name": shown.name,
        "channel": shown.channel,
        "brand": str(shown.brand_id or ""),
        "position": shown.position,
        "enabled": shown.enabled,
        **{f"set-{name}": value for name, value in shown.config.items()},
    }
    form = RouteForm(request.POST or None, initial=initial, request=request, driver=known, route=shown)
    return _save(request, form, shown, shown.name)


def _save(request: StaffRequest, form: RouteForm, shown: Route | None, heading: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        saved = save_route(
            route_id=shown.id if shown else None,
            channel=values["channel"],
            driver=form.driver.name,
            name=values["name"],
            config=form.given(secret=False),
            secrets=form.given(secret=True),
            brand_id=int(values["brand"]) if values["brand"] else None,
            position=values["position"],
            enabled=values["enabled"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("{name} is set up. Send a test.").format(name=saved.name), "console:route", saved.id)
    takes_addresses = shown is not None and shown.channel not in NO_ADDRESS
    more: dict[str, Any] = {
        "route": shown,
        "test_form": TestForm(prefix="test") if takes_addresses else None,
        "key": _key_of(request, shown),
    }
    if shown is not None and shown.channel == "sms":
        title, body = _test_words(shown)
        more["estimate"] = text_estimate(title=title, body=body, brand_id=shown.brand_id, route=shown)
    return form_in(request, "routes", form, heading, _("Save"), extra="console/route_extra.html", **more)


def _key_of(request: StaffRequest, shown: Route | None) -> dict[str, Any] | None:
    """Of web push, for whoever may replace it: since when its key signs, and how many phones hang on it."""
    is_push = shown is not None and shown.driver == "push" and may(request, "replace_push_key", None)
    key = push_key() if is_push else None
    return {"made_at": key.made_at, "phones": Device.objects.filter(gone_at=None).count()} if key else None


class TestForm(forms.Form):
    address = forms.CharField(label=gettext_lazy("Number or address"), max_length=320)


def _test_words(shown: Route) -> tuple[str, str]:
    """(title, body) of the test message."""
    return _("Nightdesk test of {name}").format(name=shown.name), _("If you can read this, it works.")


@posting("save_route")
def test_route(request: StaffRequest, route_id: int) -> HttpResponse:
    """A test message by the route's channel; the story of it stands in what happens next and in the outbox."""
    shown = found(_routes(request).filter(id=route_id), _("You asked for a provider."))
    address = checked(TestForm(request.POST, prefix="test"), _("You wanted to send a test."))["address"]
    title, body = _test_words(shown)
    queue_message(
        kind="route.test",
        subject=("route", shown.id),
        title=title,
        body=body,
        to=[Recipient("account", 0, shown.channel, address, request.at)],
        brand_id=shown.brand_id,
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("A test is on its way to {address}.").format(address=address), "console:route", shown.id)


@staff("replace_push_key", methods=("POST",), every_brand=True)
def replace_key(request: StaffRequest) -> HttpResponse:
    """Notifications are signed by a new key from now on."""
    replace_push_key(by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The key is a new one. Everybody adds their phone once more."), "console:routes")


@posting("remove_route")
def no_route(request: StaffRequest, route_id: int) -> HttpResponse:
    """The provider is gone, its secrets with it."""
    shown = found(_routes(request).filter(id=route_id), _("You asked for a provider."))
    remove_route(route_id=shown.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is removed.").format(name=shown.name), "console:routes")
