"""Notifications of a phone: what its page asks for when somebody presses the button, and what its worker says later.

The worker (templates/console/service-worker.js) has no log-in and needs none: what it says it proves by the token that
came with the push, or for a renewal by the one that it was given when it was added. Nothing here answers to GET.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from nightdesk.base.actors import Actor, Door
from nightdesk.base.browsers import device_name
from nightdesk.base.refusals import Invalid, NotFound, Refusal
from nightdesk.channels.actions import add_device, make_push_key, mark_delivery_seen, renew_device, take_answer
from nightdesk.channels.links import make_device_token, read_device_token, read_link
from nightdesk.channels.models import Device
from nightdesk.channels.queries import delivery_of, push_key, recipient_of
from nightdesk.console.contact_test import send_test
from nightdesk.console.views.pacing import pace
from nightdesk.console.views.staff import StaffRequest, posting
from nightdesk.people.actions import remove_contact_method
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_user

WORKERS_A_MINUTE = 300
"""From one address: an office may hold many phones, and each says of every push that it was shown."""
SUBSCRIPTION = ("endpoint", "p256dh", "auth")


def push_state() -> dict[str, str]:
    """What parts/push.html needs: the key that a browser subscribes with, "" before the first."""
    key = push_key()
    return {"key": key.public if key else ""}


def end_of_session(request: HttpRequest) -> None:
    """Whoever signs out of a browser is not notified in it any more."""
    device_id = request.session.pop("device", None)
    device = Device.objects.filter(id=device_id).first() if device_id else None
    if device is None or not request.user.is_authenticated:
        return
    at = request.at  # type: ignore[attr-defined]
    try:
        remove_contact_method(method_id=device.method_id, by=actor_of_user(request.user), via=Door.WEB, at=at)
    except Refusal:  # it is somebody else's by now, or the account is closed: signing out goes on
        return


# ---- The page --------------------------------------------------------------------------------------------------------


@posting("add_device")
def key(request: StaffRequest) -> HttpResponse:
    """The key that a browser subscribes with, made at first need."""
    return JsonResponse({"key": make_push_key(by=request.actor, via=Door.WEB, at=request.at).public})


@posting("add_device")
def look(request: StaffRequest) -> HttpResponse:
    """What we know of the reader's browser, by the endpoint of its subscription."""
    me = _me(request)
    device = Device.objects.filter(endpoint=_told(request, "endpoint")["endpoint"], method__person=me).first()
    if device is None or device.gone_at is not None:
        return JsonResponse({"known": False})
    request.session["device"] = str(device.id)
    return JsonResponse(_shown(me, device))


@posting("add_device")
def add(request: StaffRequest) -> HttpResponse:
    """Notify this browser; a test is on its way at once, whose button confirms it."""
    me = _me(request)
    device = add_device(
        person_id=me.id,
        label=device_name(request.headers.get("User-Agent", "")),
        **_told(request, *SUBSCRIPTION),
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    send_test(device.method, by=request.actor, via=Door.WEB, at=request.at)
    request.session["device"] = str(device.id)
    return JsonResponse(_shown(me, device), status=201)


def _me(request: StaffRequest) -> Person:
    if request.person is None:
        raise NotFound(
            _("This phone was to be notified."),
            _("You are not on the staff list."),
            _("Ask a manager to put you on it."),
        )
    return request.person


def _shown(me: Person, device: Device) -> dict[str, Any]:
    ids = [me.id, device.method_id]
    return {
        "known": True,
        "token": make_device_token(device.id),
        "test": reverse("console:test_contact", args=ids),
        "stop": reverse("console:remove_contact", args=ids),
    }


def _told(request: HttpRequest, *names: str) -> dict[str, str]:
    """These texts out of the JSON that the browser sent. Raises Invalid."""
    try:
        told = json.loads(request.body)
        return {name: _text(told[name]) for name in names}
    except (ValueError, KeyError, TypeError):
        raise Invalid(
            _("A browser told us about its notifications."),
            _("What it said cannot be read."),
            _("Load the page again."),
        ) from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value.replace("\0", "")


# ---- The worker ------------------------------------------------------------------------------------------------------


@csrf_exempt
@require_POST
def renew(request: HttpRequest) -> HttpResponse:
    """The browser has a new subscription in place of its old one."""
    pace(request, "push", WORKERS_A_MINUTE)
    told = _told(request, "token", *SUBSCRIPTION)
    device_id = read_device_token(told.pop("token"))
    at = request.at  # type: ignore[attr-defined]
    renew_device(device_id=device_id, **told, by=Actor("machine", str(device_id), _("A phone")), via=Door.PUSH, at=at)
    return _nothing_more()


@csrf_exempt
@require_POST
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """A button of a notification was pressed: the sentence to show in its place."""
    pace(request, "push", WORKERS_A_MINUTE)
    delivery_id, month = read_link(token)
    by = recipient_of(delivery_of(delivery_id, month)[0])
    at = request.at  # type: ignore[attr-defined]
    with translation.override(_language_of(by)):
        mark_delivery_seen(delivery_id=delivery_id, month=month, seen="read", by=by, via=Door.PUSH, at=at)
        verb = request.POST.get("verb", "")
        said = take_answer(delivery_id=delivery_id, month=month, verb=verb, by=by, via=Door.PUSH, at=at)
    shown = JsonResponse({"said": said})
    shown["Cache-Control"] = "no-store"
    return shown


@csrf_exempt
@require_POST
def seen(request: HttpRequest, token: str) -> HttpResponse:
    """A notification was shown ("delivered") or opened ("read")."""
    pace(request, "push", WORKERS_A_MINUTE)
    delivery_id, month = read_link(token)
    by = recipient_of(delivery_of(delivery_id, month)[0])
    what = "read" if request.POST.get("seen") == "read" else "delivered"
    at = request.at  # type: ignore[attr-defined]
    mark_delivery_seen(delivery_id=delivery_id, month=month, seen=what, by=by, via=Door.PUSH, at=at)  # type: ignore[arg-type]
    return _nothing_more()


def _language_of(by: Actor) -> str:
    person = Person.objects.filter(id=by.person_id).first() if by.person_id is not None else None
    return person.language if person is not None else translation.get_language() or "en-gb"


def _nothing_more() -> HttpResponse:
    shown = HttpResponse(status=204)
    shown["Cache-Control"] = "no-store"
    return shown
