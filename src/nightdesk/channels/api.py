"""Doors of the providers, one address for each route and thing that is told.

    /providers/twilio/<route id>/sms            what a handset texted
    /providers/twilio/<route id>/status         what became of a text of ours
    /providers/twilio/<route id>/voice          somebody picked up: what is to be said?
    /providers/twilio/<route id>/voice/key      a key was pressed
    /providers/twilio/<route id>/voice/status   what became of a call of ours

Each takes a signed form (POST), or JSON whose digest the signed address names, and answers a TwiML document, after the
commit. A signature that does not fit is 403.

    /providers/http/<route id>/status/<token>   what became of a text of ours; the token is our own signature
    /providers/http/<route id>/sms              what a handset texted, with the route's secret

These are for gateways that sign nothing (Kannel): GET or POST, answered empty after the commit, 403 where token or secret
do not fit. An address that asks too often is answered 429 by all of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Literal
from urllib.parse import unquote_to_bytes, urlencode
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Refusal
from nightdesk.channels import spoken
from nightdesk.channels.actions import FORGED, receive_inbound
from nightdesk.channels.answering import SAYS, how_it_stands, offered
from nightdesk.channels.driver import Heard, Key, Receipt, Reply
from nightdesk.channels.drivers import http_sms, twilio, twilio_voice
from nightdesk.channels.links import read_receipt_token
from nightdesk.channels.models import Delivery, Inbound, Message, Route
from nightdesk.channels.provider_door import DOOR, Called, called_by, opened
from nightdesk.channels.queries import delivery_of, language_of, recipient_of, words_to
from nightdesk.lines.leg import HangUp, Step, voice_language
from nightdesk.lines.twiml.document import CONTENT_TYPE, document


def _kept(called: Called, read: Callable[[], Reply | Receipt | Key], *, via: Door, about: bool = True) -> Inbound:
    """The request is kept as it came, and acted on if it is genuine."""
    (row,) = receive_inbound(
        route_id=called.route.id,
        channel=called.route.channel,
        heard=[Heard(called.request.body, read, called.headers, _about(called.request) if about else None)],
        genuine=called.is_genuine(),
        by=called.machine,
        via=via,
        at=clock.now(),
    )
    return row


@csrf_exempt
@require_POST
def twilio_called(request: HttpRequest, route_id: int, what: Literal["sms", "status"]) -> HttpResponse:
    """A reply or a receipt. 404 for a route that is none of Twilio's."""
    called = called_by(request, route_id, twilio.DRIVER.name)
    if what == "sms":
        row = _kept(called, partial(twilio.read_reply, called.form), via=Door.SMS, about=False)
    else:
        row = _kept(called, partial(twilio.read_receipt, called.form), via=Door.HOOK)
    return _answer(row, [])


@csrf_exempt
@require_POST
def voice_reported(request: HttpRequest, route_id: int) -> HttpResponse:
    """What became of a call."""
    called = called_by(request, route_id, twilio_voice.DRIVER.name)
    row = _kept(called, partial(twilio_voice.read_progress, called.form, called.settings), via=Door.HOOK)
    return _answer(row, [])


@csrf_exempt
@require_POST
def voice_asked(request: HttpRequest, route_id: int) -> HttpResponse:
    """Somebody picked up, or let the first reading go by: what is to be said now."""
    called = called_by(request, route_id, twilio_voice.DRIVER.name)
    row = _kept(called, partial(twilio_voice.read_progress, called.form, called.settings), via=Door.PHONE)
    if row.outcome == FORGED:
        return _answer(row, [])
    call = _Call.of(called)
    if call is None or row.outcome == "failed":  # a mailbox hears nothing
        return _answer(row, [HangUp()])
    with translation.override(call.language):
        return _answer(row, call.over() or call.reading())


@csrf_exempt
@require_POST
def voice_key(request: HttpRequest, route_id: int) -> HttpResponse:
    """A key was pressed: it is done at once, and what came of it is said."""
    called = called_by(request, route_id, twilio_voice.DRIVER.name)
    call = _Call.of(called)
    turn = call.turn if call else 0
    with translation.override(call.language if call else settings.LANGUAGE_CODE):
        row = _kept(called, partial(twilio_voice.read_key, called.form, turn), via=Door.PHONE)
        if row.outcome == FORGED or call is None:
            return _answer(row, [HangUp()])
        if row.error:
            return _answer(row, twilio_voice.parting(_("That did not work. You are rung again."), call.say))
        if row.outcome:
            return _answer(row, twilio_voice.parting(spoken.spoken(row.outcome), call.say))
        return _answer(row, call.over() or call.wrong_key())


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that reads one delivery out. `turn` counts its readings from 1."""

    delivery: Delivery
    message: Message
    turn: int
    language: str
    say: Mapping[str, str]
    base: str
    query: Mapping[str, str]

    @classmethod
    def of(cls, called: Called) -> "_Call | None":
        """None where our own address does not name a delivery that is still in the ledger."""
        try:
            about = _about(called.request)
            delivery, message = delivery_of(*about[:2]) if about else (None, None)
        except Refusal:
            return None
        if delivery is None or message is None:
            return None
        language = language_of(delivery)
        say = {
            "language": called.settings.get("language") or voice_language(language),
            "voice": called.settings.get("voice") or "",
        }
        turn, query = called.request.GET.get("t", ""), called.request.GET
        return cls(
            delivery=delivery,
            message=message,
            turn=int(turn) if turn in ("2", "3") else 1,
            language=language,
            say=say,
            base=f"{settings.PUBLIC_URL}/providers/twilio/{called.route.id}/voice",
            query={name: query[name] for name in ("d", "m", "n") if name in query},
        )

    @property
    def keys(self) -> str:
        return spoken.which_keys(offered(self.message.answers), is_page=self.is_page, says=SAYS.get(self.message.kind))

    @property
    def is_page(self) -> bool:
        return self.message.subject_kind == "page"

    def over(self) -> list[Step]:
        """Who has it, and good night: the call came too late. [] where it is still wanted."""
        if self.delivery.ended_at is None:
            return []
        sentence = how_it_stands(self.message.answers, recipient_of(self.delivery), Door.PHONE, clock.now())
        return twilio_voice.parting(spoken.spoken(sentence) or _("Nothing is left to be done."), self.say)

    def reading(self) -> list[Step]:
        what = spoken.what_it_says(words_to(self.delivery, self.message)[0], self.message.code, is_page=self.is_page)
        key_at, again_at = self._address("/key", self.turn), self._address("", self.turn + 1)
        return twilio_voice.reading(what, self.keys, turn=self.turn, key_at=key_at, again_at=again_at, say=self.say)

    def wrong_key(self) -> list[Step]:
        key_at, again_at = self._address("/key", self.turn + 1), self._address("", self.turn + 1)
        return twilio_voice.wrong_key(self.keys, turn=self.turn, key_at=key_at, again_at=again_at, say=self.say)

    def _address(self, path: str, turn: int) -> str:
        return f"{self.base}{path}?{urlencode({**self.query, 't': str(turn)})}"


@csrf_exempt
@require_http_methods(["GET", "POST"])
def http_called(request: HttpRequest, route_id: int, what: Literal["sms", "status"], token: str = "") -> HttpResponse:
    """A reply, or a receipt at the address that we gave with the text. 404 for a route that is no such gateway's."""
    at = clock.now()
    DOOR.let_in(request, at, route_id)
    route = Route.objects.filter(id=route_id, driver=http_sms.DRIVER.name).first()
    if route is None:
        raise Http404
    raw = b"&".join(part for part in (request.META["QUERY_STRING"].encode(), request.body) if part)
    told, settings_ = http_sms.decoded(_pairs(raw)), opened(route)
    about = read_receipt_token(token, route_id) if what == "status" else None
    read: Callable[[], Reply | Receipt]
    if what == "status":
        genuine, read = about is not None, partial(http_sms.read_receipt, told, settings_)
    else:
        genuine, read = http_sms.knows_secret(told.get("secret", ""), settings_), partial(http_sms.read_reply, told)
    headers = {name: request.headers[name] for name in ("Content-Type", "User-Agent") if name in request.headers}
    (row,) = receive_inbound(
        route_id=route.id,
        channel=route.channel,
        heard=[Heard(re.sub(rb"(^|&)secret=[^&]*", rb"\1secret=...", raw), read, headers, about)],
        genuine=genuine,
        by=Actor("machine", str(route.id), route.name, scopes=frozenset()),
        via=Door.SMS if what == "sms" else Door.HOOK,
        at=at,
    )
    if row.outcome == FORGED:
        return HttpResponse("Token or secret do not fit.\n", status=403, content_type="text/plain")
    return HttpResponse("", content_type="text/plain")


def _pairs(raw: bytes) -> list[tuple[bytes, bytes]]:
    """A query or form, decoded into bytes: only its own parameters know which charset it has."""
    pairs = [part.partition(b"=") for part in raw.replace(b"+", b" ").split(b"&") if part]
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _is, value in pairs]


def _answer(row: Inbound, steps: list[Step]) -> HttpResponse:
    if row.outcome == FORGED:
        return HttpResponse("The signature does not fit.\n", status=403, content_type="text/plain")
    return HttpResponse(document(steps), content_type=CONTENT_TYPE)


def _about(request: HttpRequest) -> tuple[UUID, date, int] | None:
    """The delivery that our own callback address names; its signature was checked with it."""
    query: Any = request.GET
    try:
        return UUID(query["d"]), date.fromisoformat(query["m"]), int(query["n"])
    except (KeyError, ValueError):
        return None


urlpatterns = [
    path("providers/twilio/<int:route_id>/sms", twilio_called, {"what": "sms"}, name="twilio-sms"),
    path("providers/twilio/<int:route_id>/status", twilio_called, {"what": "status"}, name="twilio-status"),
    path("providers/twilio/<int:route_id>/voice", voice_asked, name="twilio-voice"),
    path("providers/twilio/<int:route_id>/voice/key", voice_key, name="twilio-voice-key"),
    path("providers/twilio/<int:route_id>/voice/status", voice_reported, name="twilio-voice-status"),
    path("providers/http/<int:route_id>/status/<str:token>", http_called, {"what": "status"}, name="http-status"),
    path("providers/http/<int:route_id>/sms", http_called, {"what": "sms"}, name="http-sms"),
]
