"""How the reader hears of outages: by which ways, how bad it must be, when texts may come; a browser and a program of theirs."""

import json
from datetime import time
from typing import Any

from django import forms
from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.browsers import device_name
from nightdesk.base.refusals import Invalid, Refusal
from nightdesk.channels import endpoint_actions
from nightdesk.channels.actions import make_push_key
from nightdesk.channels.drivers.webhook import LONGEST_URL
from nightdesk.outages import wish_actions
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Wish
from nightdesk.portal import belt
from nightdesk.portal.door import CustomerRequest, attempt, doing, draw, form_page, found, gone_to, posting
from nightdesk.portal.queries import endpoints_of, services_of, wishes_of

CHANNELS = {
    "email": gettext_lazy("Email"),
    "sms": gettext_lazy("Text messages"),
    "push": gettext_lazy("Notifications in my browser"),
    "webhook": gettext_lazy("Our program"),
}
LEAST = {
    Effect.REDUCED: gettext_lazy("Everything, also that something works without its reserve"),
    Effect.DEGRADED: gettext_lazy("What does not work as it should"),
    Effect.DOWN: gettext_lazy("Only what does not work at all"),
}


EVERYTHING = "all"


class WishForm(forms.Form):
    """One wish: of a service, or of everything that the company buys."""

    service = forms.ChoiceField(label=gettext_lazy("About"), initial=EVERYTHING)
    channels = forms.MultipleChoiceField(
        label=gettext_lazy("Tell me by"),
        choices=list(CHANNELS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None of them: never. The end of what you were told is told all the same."),
    )
    min_effect = forms.TypedChoiceField(
        label=gettext_lazy("Of what"),
        choices=[(int(effect), words) for effect, words in LEAST.items()],
        coerce=int,
        initial=int(Effect.REDUCED),
        widget=forms.RadioSelect,
    )
    texts_from = forms.TimeField(
        label=gettext_lazy("Texts from"), required=False, widget=forms.TimeInput(attrs={"type": "time"})
    )
    texts_until = forms.TimeField(
        label=gettext_lazy("Texts until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}),
        help_text=gettext_lazy(
            "Both empty: at night only where “texts at night” is on. Outside of these hours it is a mail."
        ),
    )

    def __init__(self, *args: Any, services: list[tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["service"].choices = [(EVERYTHING, _("Everything you buy")), *services]  # type: ignore[attr-defined]


@form_page()
def notices(request: CustomerRequest) -> HttpResponse:
    """What they have said, and a form for more."""
    services = {str(each.service_id): each.service.name for each in services_of(request.contact)}
    ends = {each.channel: each for each in endpoints_of(request.contact)}
    usual = {"channels": ["email", "sms", *ends]}
    form = WishForm(request.POST or None, services=list(services.items()), initial=usual)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        saved = attempt(
            form,
            wish_actions.save_wish,
            customer_id=request.customer.pk,
            contact_id=request.contact.pk,
            service_id=None if given["service"] == EVERYTHING else int(given["service"]),
            channels=given["channels"],
            min_effect=given["min_effect"],
            texts_from=_minute(given["texts_from"]),
            texts_until=_minute(given["texts_until"]),
            **doing(request),
        )
        if saved is not None:
            return gone_to(request, _("Saved."), "portal:notices")
    context = {
        "form": form,
        "wishes": [_shown(each, services) for each in wishes_of(request.contact).filter(contact=request.contact.pk)],
        "of_company": [_shown(each, services) for each in wishes_of(request.contact).filter(contact=None)],
        "browser": ends.get("push"),
        "program": ends.get("webhook"),
    }
    return draw(request, "portal/notices.html", context, here="you")


def _minute(given: time | None) -> int | None:
    return given.hour * 60 + given.minute if given is not None else None


def _shown(wish: Wish, services: dict[str, str]) -> dict[str, Any]:
    ways = ", ".join(str(CHANNELS[one]) for one in CHANNELS if one in wish.channels) or _("never")
    hours = ""
    if wish.texts_from is not None and wish.texts_until is not None and wish.texts_from != wish.texts_until:
        clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in (wish.texts_from, wish.texts_until)]
        hours = _("texts from {first} to {last}").format(first=clock[0], last=clock[1])
    about = services.get(str(wish.service_id), "") if wish.service_id else ""
    return {
        "id": wish.pk,
        "about": about or _("Everything you buy"),
        "ways": ways,
        "least": LEAST[Effect(wish.min_effect)],
        "hours": hours,
    }


@posting()
def remove_wish(request: CustomerRequest, wish_id: int) -> HttpResponse:
    """They hear again as everybody does who said nothing."""
    row = found(wishes_of(request.contact).filter(contact=request.contact.pk, pk=wish_id))
    belt.done(wish_actions.remove_wish, wish_id=row.pk, **doing(request))
    return gone_to(request, _("Taken back."), "portal:notices")


class ProgramForm(forms.Form):
    url = forms.CharField(
        label=gettext_lazy("Its address"),
        max_length=LONGEST_URL,
        widget=forms.TextInput(attrs={"type": "url", "placeholder": "https://"}),
    )


@form_page()
def program(request: CustomerRequest) -> HttpResponse:
    """Where a program of theirs is told; the secret that signs is shown once, here."""
    form = ProgramForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        verb = endpoint_actions.save_contact_hook
        made = attempt(form, verb, contact_id=request.contact.pk, url=form.cleaned_data["url"], **doing(request))
        if made is not None:
            return draw(request, "portal/program.html", {"program": made[0], "secret": made[1]}, here="you")
    context = {
        "heading": _("Tell a program of ours"),
        "form": form,
        "label": _("Tell it"),
        "back": "portal:notices",
        "help": _("It gets each notice as JSON, signed. The address is one on the Internet, by https."),
    }
    return draw(request, "portal/form.html", context, here="you")


@posting()
def no_endpoint(request: CustomerRequest, channel: str) -> HttpResponse:
    """Their browser, or their program, is told nothing any more."""
    verb = endpoint_actions.remove_contact_endpoint
    belt.done(verb, contact_id=request.contact.pk, channel="push" if channel == "push" else "webhook", **doing(request))
    return gone_to(request, _("Nothing goes there any more."), "portal:notices")


@posting()
def push_key(request: CustomerRequest) -> HttpResponse:
    """The key that a browser subscribes with."""
    return JsonResponse({"key": belt.done(make_push_key, by=SCHEDULER, via=Door.WEB, at=request.at).public})


@posting()
def add_browser(request: CustomerRequest) -> HttpResponse:
    """Notify this browser, in place of another of theirs."""
    try:
        told = json.loads(request.body)
        given: dict[str, Any] = {name: str(told[name]).replace("\0", "") for name in ("endpoint", "p256dh", "auth")}
    except (ValueError, KeyError, TypeError):
        return _refused(Invalid(_("A browser was to be notified."), _("What it said cannot be read."), _("Try again.")))
    try:
        made = belt.done(
            endpoint_actions.add_contact_browser,
            contact_id=request.contact.pk,
            label=device_name(request.headers.get("User-Agent", "")),
            **given,
            **doing(request),
        )
    except Refusal as refusal:
        return _refused(refusal)
    return JsonResponse({"id": str(made.pk)}, status=201)


def _refused(refusal: Refusal) -> HttpResponse:
    return JsonResponse({"so": str(refusal.so), "do": str(refusal.do)}, status=refusal.status)
