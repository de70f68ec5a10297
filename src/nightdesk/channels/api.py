"""Doors of the providers: replies and receipts in Twilio's dialect, one address for each route.

    /providers/twilio/<route id>/sms       what a handset texted
    /providers/twilio/<route id>/status    what became of a message of ours

Both take a signed form (POST) and answer an empty TwiML document, after the commit. A signature that does not fit is 403.
"""

from datetime import date
from functools import partial
from typing import Literal
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from nightdesk.base import clock, vault
from nightdesk.base.actors import Actor, Door
from nightdesk.channels.actions import FORGED, receive_inbound
from nightdesk.channels.drivers import twilio
from nightdesk.channels.models import Route
from nightdesk.channels.queries import settings_of

_EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
_KEPT_HEADERS = ("Content-Type", "User-Agent", "X-Twilio-Signature", "I-Twilio-Idempotency-Token")


@csrf_exempt
@require_POST
def twilio_called(request: HttpRequest, route_id: int, what: Literal["sms", "status"]) -> HttpResponse:
    """A reply or a receipt. 404 for a route that is none of Twilio's."""
    route = Route.objects.filter(id=route_id, driver="twilio").first()
    if route is None:
        raise Http404
    raw = request.body
    form = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
    try:
        opened = settings_of(route)
    except vault.Unreadable:
        opened = {}
    row = receive_inbound(
        route_id=route.id,
        channel=route.channel,
        raw=raw,
        headers={name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers},
        genuine=twilio.is_genuine(_called_at(request), form, request.headers.get("X-Twilio-Signature", ""), opened),
        read=partial(twilio.read_reply if what == "sms" else twilio.read_receipt, form),
        about=_about(request) if what == "status" else None,
        by=Actor("machine", str(route.id), route.name, scopes=frozenset()),
        via=Door.SMS if what == "sms" else Door.HOOK,
        at=clock.now(),
    )
    if row.outcome == FORGED:
        return HttpResponse("The signature does not fit.\n", status=403, content_type="text/plain")
    return HttpResponse(_EMPTY, content_type="text/xml")


def _called_at(request: HttpRequest) -> list[str]:
    """The addresses that the provider may have signed: by our public URL, and by the host that it asked for."""
    return [settings.PUBLIC_URL + request.get_full_path(), request.build_absolute_uri()]


def _about(request: HttpRequest) -> tuple[UUID, date, int] | None:
    """The delivery that our own callback address names; its signature was checked with it."""
    query = request.GET
    try:
        return UUID(query["d"]), date.fromisoformat(query["m"]), int(query["n"])
    except (KeyError, ValueError):
        return None


urlpatterns = [
    path("providers/twilio/<int:route_id>/sms", twilio_called, {"what": "sms"}, name="twilio-sms"),
    path("providers/twilio/<int:route_id>/status", twilio_called, {"what": "status"}, name="twilio-status"),
]
