"""The doors through which other people's systems send alarms. Limits first, then one transaction; 2xx after it.

| address | |
| --- | --- |
| `POST /v2/enqueue` | PagerDuty Events API v2; the key is `routing_key` in the body |
| `POST /hooks/alertmanager/KEY` | Alertmanager's and Grafana's webhook |
| `POST /hooks/generic/KEY` | a small JSON object, or a query string |

The key of the two hooks may instead come as `Authorization: Bearer KEY`, as the password of `Authorization: Basic`, or
in the header `X-Routing-Key`, which keeps it out of other people's access logs. A key opens every one of these doors: an
alarm at the wrong one is still an alarm.
"""

import base64
import binascii
import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.paging import actions, queries
from nightdesk.paging.actions import Raw
from nightdesk.paging.formats import FORMATS, Answer, Format, Malformed
from nightdesk.paging.models import Integration

log = logging.getLogger(__name__)

KEYS = Buckets(a_second=300, size=6_000)
"""Wide enough for a storm of thousands, which is folded into one page; a sender gone mad is held to its own pace."""
STRANGERS = Buckets(a_second=0.2, size=100)
"""How much is kept of what nobody's key came with; the rest is answered and forgotten."""
KEPT_OF_STRANGERS = 64 * 1024
"""Bytes of such a body that are kept."""
KEPT_HEADERS = ("Content-Type", "User-Agent", "X-Forwarded-For", "X-Request-Id")
KNOWN_FOR = timedelta(seconds=2)
"""So long an integration is taken as it was read: a revoked key, or an old policy, serves no longer than that."""
_known: dict[str, tuple[Integration, datetime]] = {}
STRANGER = Actor("machine", "", "an unknown sender", scopes=frozenset({"receive_alarm"}))


@csrf_exempt
@require_POST
def pagerduty(request: HttpRequest) -> HttpResponse:
    """PagerDuty Events v2."""
    return _receive(request, FORMATS["pagerduty_v2"], "")


@csrf_exempt
@require_POST
def alertmanager(request: HttpRequest, key: str = "") -> HttpResponse:
    """Alertmanager's webhook."""
    return _receive(request, FORMATS["alertmanager"], key)


@csrf_exempt
@require_POST
def generic(request: HttpRequest, key: str = "") -> HttpResponse:
    """Everything else."""
    return _receive(request, FORMATS["generic"], key)


urlpatterns = [
    path("v2/enqueue", pagerduty),
    path("v2/enqueue/", pagerduty),
    path("hooks/alertmanager", alertmanager),
    path("hooks/alertmanager/<str:key>", alertmanager),
    path("hooks/generic", generic),
    path("hooks/generic/<str:key>", generic),
]


def _receive(request: HttpRequest, dialect: Format, key: str) -> HttpResponse:
    key = key or _key_in_headers(request)
    try:
        if key and not KEYS.take(queries.digest_of(key), clock.now()):
            return _http(dialect.overload)
        # One more than may come is enough to know; Django's own reading would stop at less than Alertmanager sends.
        body = request.read(dialect.max_bytes + 1)
        if len(body) > dialect.max_bytes:
            return _http(dialect.too_large)
        return _http(_answer(request, dialect, key, body))
    except (DatabaseError, InterfaceError) as away:
        log.warning("An alarm came while the database was away (%s); its sender is asked to repeat it", away)
        return _http(replace(dialect.overload, status=503))


def _answer(request: HttpRequest, dialect: Format, key: str, body: bytes) -> Answer:
    raw = Raw(
        dialect.name,
        body,
        {name: value[:500] for name in KEPT_HEADERS if (value := request.headers.get(name))},
        {name: value[:2000] for name, value in request.GET.dict().items()},
    )
    at = clock.now()
    try:
        parsed = dialect.parse(body, request.content_type or "", request.GET.dict())
    except Malformed as malformed:
        integration = queries.integration_by_key(key) if key else None
        if integration is None and key:
            return _refuse(None, raw, dialect.unknown_key, "unknown key")
        return _refuse(integration, raw, malformed.answer, malformed.reason)
    except Exception as fault:
        # A fault of ours must not lose what was sent: it is kept, and the sender asked to repeat it.
        log.exception("A request in the format %s could not be read", dialect.name)
        integration = queries.integration_by_key(key) if key else None
        return _refuse(integration, raw, replace(dialect.overload, status=503), f"{type(fault).__name__}: {fault}")
    if parsed.key is not None:
        key = parsed.key
        if not KEYS.take(queries.digest_of(key), at):
            return dialect.overload
    integration = _integration(key, at) if key else None
    if integration is None:
        return _refuse(None, raw, dialect.unknown_key, "unknown key" if key else "no key")
    sender = _sender(integration)
    return actions.receive_alarm(integration=integration, raw=raw, parsed=parsed, by=sender, via=Door.HOOK, at=at)


def _integration(key: str, at: datetime) -> Integration | None:
    """The integration of that key, read at most `KNOWN_FOR` ago."""
    digest = queries.digest_of(key)
    known, read_at = _known.get(digest, (None, at))
    if known is not None and timedelta(0) <= at - read_at < KNOWN_FOR:
        return known
    found = queries.integration_by_key(key)
    if found is None:
        _known.pop(digest, None)
    else:
        _known[digest] = found, at
    return found


def _refuse(integration: Integration | None, raw: Raw, answer: Answer, reason: str) -> Answer:
    """`answer`, and the request kept with the reason, as far as there is room for it."""
    at = clock.now()
    if integration is None:
        raw = replace(raw, body=raw.body[:KEPT_OF_STRANGERS])
    if STRANGERS.take(str(integration.id) if integration else "", at):
        by = _sender(integration) if integration else STRANGER
        actions.keep_refused_alarm(
            integration=integration, raw=raw, answer=answer, reason=reason, by=by, via=Door.HOOK, at=at
        )
    return answer


def _sender(integration: Integration) -> Actor:
    here = frozenset({(integration.brand_id, "machine")})
    return Actor("machine", str(integration.id), integration.name, grants=here, scopes=frozenset({"receive_alarm"}))


def _key_in_headers(request: HttpRequest) -> str:
    if routing_key := request.headers.get("X-Routing-Key", "").strip():
        return routing_key
    scheme, _, value = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.casefold() == "bearer":
        return value.strip()
    if scheme.casefold() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""


def _http(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
