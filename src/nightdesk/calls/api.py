"""Doors of telephony providers that speak Twilio's language, for calls of the phone line. A route of the channel voice is one.

    /providers/twilio/<route id>/line                             somebody rings a number of ours: what do they hear?
    /providers/twilio/<route id>/line/status                      how a call stands that rang us (the number's status address)
    /providers/twilio/<route id>/line/<call>/<leg>/<what>?n=      what a leg asks, or tells of itself; see `WHAT`
    /providers/twilio/<route id>/line/sound/<name>/<token>.wav    a recording or a tone that a leg is to hear (GET)
    /providers/twilio/<route id>/divert/<check>/<what>            what a ring of our own number from outside asks and tells

All but the sound take a signed form (POST) and answer a TwiML document after the commit. What could not be acted on is kept; a
leg then asks again in a moment, and a call that could not even begin is answered 503, so that the provider's own fall-back has
it. 403 where the signature or the token does not fit, 404 for a number that is no line's, 429 for too many requests. Keys are
not kept with the rest: they may be a PIN.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.files import read_file
from nightdesk.base.promises import lost_connection
from nightdesk.calls.divert_actions import note_check_ended, note_check_recorded
from nightdesk.calls.provider_links import is_sound_link
from nightdesk.calls.twiml_actions import hear_provider, hear_provider_status, take_provider_call
from nightdesk.channels.actions import FORGED, keep_inbound, note_inbound
from nightdesk.channels.driver import Heard, Key
from nightdesk.channels.drivers import twilio_voice
from nightdesk.channels.models import Inbound
from nightdesk.channels.provider_door import DOOR, Called, called_by
from nightdesk.lines.leg import HangUp, Pause, Record, Redirect, Step
from nightdesk.lines.speech import Speech
from nightdesk.lines.twiml.document import CONTENT_TYPE, document
from nightdesk.lines.twiml.events import read_event, read_numbers, read_recording
from nightdesk.lines.twiml.program import SOUNDS_HOLD, SOUNDS_RINGING, Hook

log = logging.getLogger(__name__)

WHAT = frozenset({"do", "key", "said", "left", "recorded", "kept", "announced", "status"})
"""What a leg asks or tells; see `lines.twiml.program.Hook`."""
SOUND_KEPT_S = 3600
ASK_AGAIN_S = 2
LISTENS_S = 50
"""How long a line that is rung from outside is listened to."""


@csrf_exempt
@require_POST
def line_rung(request: HttpRequest, route_id: int) -> HttpResponse:
    """Somebody rings one of our numbers."""

    def act(called: Called, at: datetime) -> HttpResponse:
        event, (number, to) = read_event(called.form), read_numbers(called.form)
        steps = take_provider_call(
            route=called.route, sid=event.leg_id, number=number, called=to, by=called.machine, via=Door.PHONE, at=at
        )
        if steps is None:
            return _plain("That is the number of no line.", 404)
        return _document(steps)

    return _taken(request, route_id, act, lambda: _plain("It could not be taken.", 503))


@csrf_exempt
@require_POST
def line_stood(request: HttpRequest, route_id: int) -> HttpResponse:
    """How a call stands that rang us."""

    def act(called: Called, at: datetime) -> HttpResponse:
        event = read_event(called.form)
        ours = hear_provider_status(
            route_id=route_id, sid=event.leg_id, event=event, by=called.machine, via=Door.HOOK, at=at
        )
        return _document([]) if ours else _plain("It is no call of ours.", 404)

    return _taken(request, route_id, act, lambda: _plain("It could not be taken.", 503))


@csrf_exempt
@require_POST
def leg_asked(request: HttpRequest, route_id: int, call_id: UUID, leg: str, what: str) -> HttpResponse:
    """A leg of a call asks what to do now, or tells something."""
    if what not in WHAT:
        raise Http404
    turn = request.GET.get("n", "")

    def act(called: Called, at: datetime) -> HttpResponse:
        recording, seconds, absent = read_recording(called.form)
        hook = Hook(
            what,
            int(turn) if turn.isascii() and turn.isdigit() and len(turn) < 9 else -1,
            read_event({"CallStatus": ["in-progress"], **called.form}),  # of a recording no state is told
            recording,
            seconds,
            absent,
        )
        return _document(hear_provider(call_id=call_id, leg=leg, hook=hook, by=called.machine, via=Door.PHONE, at=at))

    again = f"{settings.PUBLIC_URL}/providers/twilio/{route_id}/line/{call_id}/{leg}/do?n={turn}"
    return _taken(request, route_id, act, lambda: _document([Pause(ASK_AGAIN_S), Redirect(again)]))


@csrf_exempt
@require_POST
def divert_asked(request: HttpRequest, route_id: int, check_id: int, what: str) -> HttpResponse:
    """The second provider has rung a line of ours from outside: it listens, and tells what it has."""
    if what not in ("do", "recorded", "kept", "status"):
        raise Http404
    base = f"{settings.PUBLIC_URL}/providers/twilio/{route_id}/divert/{check_id}"

    def act(called: Called, at: datetime) -> HttpResponse:
        if what == "do":
            listen = Record(f"{base}/recorded", f"{base}/kept", LISTENS_S, LISTENS_S, tone=False)
            return _document([listen, HangUp()])
        if what == "status":
            event = read_event(called.form)
            note_check_ended(
                check_id=check_id, state=event.state, reason=event.reason, by=called.machine, via=Door.HOOK, at=at
            )
            return _document([])
        recording, _seconds, _absent = read_recording(called.form)
        note_check_recorded(check_id=check_id, recorded=recording, by=called.machine, via=Door.HOOK, at=at)
        return _document([HangUp()])

    return _taken(request, route_id, act, lambda: _document([HangUp()]))


@require_GET
def sound_asked(request: HttpRequest, route_id: int, name: str, token: str) -> HttpResponse:
    """What a leg is to hear, as a WAV file."""
    DOOR.let_in(request, clock.now(), route_id)
    if not is_sound_link(route_id, name, token):
        return _plain("The token does not fit.", 403)
    try:
        content = _sound(name)
    except FileNotFoundError:
        raise Http404 from None
    answer = HttpResponse(content, content_type="audio/wav")
    answer["Cache-Control"] = f"private, max-age={SOUND_KEPT_S}"
    return answer


def _sound(name: str) -> bytes:
    if name == SOUNDS_RINGING:
        return asyncio.run(Speech().ringing()).read_bytes()
    if name == SOUNDS_HOLD:
        return asyncio.run(Speech().music()).read_bytes()
    return read_file(name)


def _taken(
    request: HttpRequest,
    route_id: int,
    act: Callable[[Called, datetime], HttpResponse],
    otherwise: Callable[[], HttpResponse],
) -> HttpResponse:
    """The request is kept as it came, and acted on if it is genuine; what goes wrong in that undoes only the acting."""
    at = clock.now()
    called = called_by(request, route_id, twilio_voice.DRIVER.name)
    row = _kept(called, at)
    if row.outcome == FORGED:
        return _plain("The signature does not fit.", 403)
    try:
        with transaction.atomic():
            answer = act(called, at)
            note_inbound(
                inbound_id=row.id, outcome=f"line {answer.status_code}", by=called.machine, via=Door.HOOK, at=at
            )
            return answer
    except Exception as error:  # one poisonous request must not stop the door; it is kept with what was wrong
        if lost_connection():
            raise
        log.exception("What a provider told us of a call could not be acted on (inbound %s)", row.id)
        told = f"{type(error).__name__}: {error}"
        note_inbound(inbound_id=row.id, error=told, by=called.machine, via=Door.HOOK, at=at)
        return otherwise()


def _kept(called: Called, at: datetime) -> Inbound:
    raw = re.sub(rb"(^|&)Digits=[^&]*", rb"\1Digits=...", called.request.body)
    (row,) = keep_inbound(
        route_id=called.route.pk,
        channel=called.route.channel,
        heard=[Heard(raw, _nothing, called.headers)],
        genuine=called.is_genuine(),
        by=called.machine,
        via=Door.PHONE,
        at=at,
    )
    return row


def _nothing() -> Key:
    raise LookupError("What calls tell is read by this room.")


def _document(steps: list[Step]) -> HttpResponse:
    return HttpResponse(document(steps), content_type=CONTENT_TYPE)


def _plain(words: str, status: int) -> HttpResponse:
    return HttpResponse(f"{words}\n", status=status, content_type="text/plain")


_LINE = "providers/twilio/<int:route_id>/line"
urlpatterns = [
    path(_LINE, line_rung, name="twilio-line"),
    path(f"{_LINE}/status", line_stood, name="twilio-line-status"),
    path("providers/twilio/<int:route_id>/divert/<int:check_id>/<str:what>", divert_asked, name="twilio-divert"),
    path(f"{_LINE}/sound/<str:name>/<str:token>.wav", sound_asked, name="twilio-line-sound"),
    path(f"{_LINE}/<uuid:call_id>/<str:leg>/<str:what>", leg_asked, name="twilio-line-leg"),
]
