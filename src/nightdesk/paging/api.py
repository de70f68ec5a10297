"""The doors through which other people's systems send alarms. Limits first, then one transaction; 2xx after it.

| address | |
| --- | --- |
| `POST /v2/enqueue` | PagerDuty Events API v2; the key is `routing_key` in the body |
| `POST /hooks/alertmanager/KEY` | Alertmanager's and Grafana's webhook |
| `POST /hooks/generic/KEY` | a small JSON object, or a query string; or anything, as the integration's mapping reads it |
| `/v2/alerts...` | Opsgenie's Alert API; also below `/compat/opsgenie` |
| `/v2/heartbeats/NAME/ping` | Opsgenie's heartbeats, by their name here; likewise |
| `POST /generic/2010-04-15/create_event.json` | PagerDuty Events API v1; the key is `service_key` in the body |
| `POST /v2/change/enqueue` | PagerDuty's change events |
| `POST /hooks/grafana/KEY` | Grafana's webhook, of old and new alerting |
| `POST /api/v2/generic/incoming?token=KEY` | GoAlert's generic API |
| `POST /hooks/nagios/KEY` | what `nightdesk-notify` sends |

The key of the hooks may instead come as `Authorization: Bearer KEY`, as the password of `Authorization: Basic`, or
in the header `X-Routing-Key`, which keeps it out of other people's access logs. A key opens every one of these doors: an
alarm at the wrong one is still an alarm.
"""

import base64
import binascii
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import NotFound
from nightdesk.paging import actions, heartbeat_actions, opsgenie, queries
from nightdesk.paging.actions import Raw
from nightdesk.paging.formats import FORMATS, Answer, Format, Malformed
from nightdesk.paging.formats.mapping import parser_of
from nightdesk.paging.formats.opsgenie import NO_HEARTBEAT, NO_ID, NOT_TOLD, PONG
from nightdesk.paging.formats.reading import clean_text
from nightdesk.paging.models import Integration

log = logging.getLogger(__name__)

KEYS = Buckets(a_second=300, size=6_000)
"""Wide enough for a storm of thousands, which is folded into one page; a sender gone mad is held to its own pace."""
STRANGERS = Buckets(a_second=0.2, size=100)
"""How much is kept of what nobody's key came with; the rest is answered and forgotten."""
GUESSES = Buckets(a_second=5, size=500)
"""How often one address is told what is wrong with what nobody's key came with; with a right one it is let in all the same."""
KEPT_OF_STRANGERS = 64 * 1024
"""Bytes of such a body that are kept."""
KEPT_HEADERS = ("Content-Type", "User-Agent", "X-Forwarded-For", "X-Request-Id")
SECRET_WORDS = frozenset({"token", "key", "apikey"})
"""Names of a query string under which a key may come; what stands there is not kept."""
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
def pagerduty_v1(request: HttpRequest) -> HttpResponse:
    """PagerDuty Events v1."""
    return _receive(request, FORMATS["pagerduty_v1"], "")


@csrf_exempt
@require_POST
def pagerduty_change(request: HttpRequest) -> HttpResponse:
    """PagerDuty's change events."""
    return _receive(request, FORMATS["pagerduty_change"], "")


@csrf_exempt
@require_http_methods(["POST", "PUT"])
def alertmanager(request: HttpRequest, key: str = "") -> HttpResponse:
    """Alertmanager's webhook."""
    return _receive(request, FORMATS["alertmanager"], key)


@csrf_exempt
@require_http_methods(["POST", "PUT"])
def grafana(request: HttpRequest, key: str = "") -> HttpResponse:
    """Grafana's webhook, which may be set to PUT."""
    return _receive(request, FORMATS["grafana"], key)


@csrf_exempt
@require_POST
def goalert(request: HttpRequest) -> HttpResponse:
    """GoAlert's generic API."""
    key = request.GET.get("token", "")
    return _receive(request, FORMATS["goalert"], key, accept=request.headers.get("Accept", ""))


@csrf_exempt
@require_POST
def nagios(request: HttpRequest, key: str = "") -> HttpResponse:
    """Notifications of Nagios and Icinga, by `nightdesk-notify`."""
    return _receive(request, FORMATS["nagios"], key)


@csrf_exempt
@require_POST
def generic(request: HttpRequest, key: str = "") -> HttpResponse:
    """Everything else."""
    return _receive(request, FORMATS["generic"], key)


# --- Opsgenie's Alert API --------------------------------------------------------------------------------------------


@csrf_exempt
@require_http_methods(["GET", "POST"])
def opsgenie_alerts(request: HttpRequest) -> HttpResponse:
    """The list of alerts, and new ones."""
    if request.method == "GET":
        return _read(request, opsgenie.list_alerts)
    return _with_id(_receive(request, FORMATS["opsgenie"], "", verb="create"))


@csrf_exempt
@require_GET
def opsgenie_count(request: HttpRequest) -> HttpResponse:
    """How many alerts there are."""
    return _read(request, opsgenie.count_alerts)


@csrf_exempt
@require_GET
def opsgenie_request(request: HttpRequest, request_id: str) -> HttpResponse:
    """How a request went."""
    return _read(request, opsgenie.request_status, request=request_id)


@csrf_exempt
@require_http_methods(["GET", "DELETE"])
def opsgenie_alert(request: HttpRequest, alert: str) -> HttpResponse:
    """One alert."""
    if request.method == "GET":
        return _read(request, opsgenie.one_alert, alert=alert)
    return _with_id(_receive(request, FORMATS["opsgenie"], "", verb="delete", alert=alert))


@csrf_exempt
@require_http_methods(["GET", "POST", "PUT", "PATCH", "DELETE"])
def opsgenie_verb(request: HttpRequest, alert: str, verb: str) -> HttpResponse:
    """What is done about one alert. An alias may hold a slash, so what is asked for may be an alert itself."""
    if request.method == "GET":
        if verb in ("notes", "logs", "recipients", "attachments"):
            return _with_id(_http(NOT_TOLD))
        return _read(request, opsgenie.one_alert, alert=f"{alert}/{verb}")
    if request.method == "DELETE":
        verb = f"{verb} removed"
    return _with_id(_receive(request, FORMATS["opsgenie"], "", verb=verb, alert=alert))


@csrf_exempt
@require_http_methods(["GET", "POST", "PUT", "PATCH"])
def opsgenie_ping(request: HttpRequest, name: str) -> HttpResponse:
    """A beat of the heartbeat of that name in the integration's brand."""
    return _read(request, _note_beat, name=name)


def _note_beat(integration: Integration, asked: Mapping[str, str]) -> Answer:
    try:
        heartbeat = queries.heartbeat_named(asked["name"], integration.brand_id)
    except NotFound:
        return NO_HEARTBEAT
    sender = replace(_sender(integration), scopes=frozenset({"note_beat"}))
    heartbeat_actions.note_beat(heartbeat_id=heartbeat.id, by=sender, via=Door.HOOK, at=clock.now())
    return PONG


def _read(request: HttpRequest, what: opsgenie.Read, /, **asked: str) -> HttpResponse:
    """What the key's integration may have answered at once."""
    key, at = _key_in_headers(request), clock.now()
    dialect = FORMATS["opsgenie"]
    try:
        if key and not KEYS.take(queries.digest_of(key), at):
            return _with_id(_http(dialect.overload))
        integration = _integration(key, at) if key else None
        if integration is None:
            return _with_id(_http(dialect.unknown_key if _may_guess(request, at) else dialect.overload))
        return _with_id(_http(what(integration, request.GET.dict() | asked)))
    except (DatabaseError, InterfaceError) as away:
        log.warning("Opsgenie's API was asked while the database was away (%s)", away)
        return _with_id(_http(replace(dialect.overload, status=503)))


def _with_id(response: HttpResponse) -> HttpResponse:
    """The answer with an id of its own where it has none yet."""
    if response.headers.get("X-Request-Id") == NO_ID:
        number = str(uuid4())
        response["X-Request-Id"] = number
        response.content = response.content.replace(NO_ID.encode(), number.encode())
    return response


opsgenie_patterns: list[URLPattern] = [
    path("v2/alerts", opsgenie_alerts),
    path("v2/alerts/count", opsgenie_count),
    path("v2/alerts/requests/<str:request_id>", opsgenie_request),
    path("v2/alerts/<path:alert>/<slug:verb>", opsgenie_verb),
    path("v2/alerts/<path:alert>", opsgenie_alert),
    path("v2/heartbeats/<str:name>/ping", opsgenie_ping),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("v2/enqueue", pagerduty),
    path("v2/enqueue/", pagerduty),
    path("v2/change/enqueue", pagerduty_change),
    path("generic/2010-04-15/create_event.json", pagerduty_v1),
    path("hooks/alertmanager", alertmanager),
    path("hooks/alertmanager/<str:key>", alertmanager),
    path("hooks/grafana", grafana),
    path("hooks/grafana/<str:key>", grafana),
    path("hooks/nagios", nagios),
    path("hooks/nagios/<str:key>", nagios),
    path("hooks/generic", generic),
    path("hooks/generic/<str:key>", generic),
    path("api/v2/generic/incoming", goalert),
    *opsgenie_patterns,
    path("compat/opsgenie/", include(opsgenie_patterns)),
]


def _receive(request: HttpRequest, dialect: Format, key: str, /, **said: str) -> HttpResponse:
    """Take the request in; `said` is what the address says besides, which the parser finds in the query."""
    key = key or _key_in_headers(request)
    try:
        if key and not KEYS.take(queries.digest_of(key), clock.now()):
            return _http(dialect.overload)
        # One more than may come is enough to know; Django's own reading would stop at less than Alertmanager sends.
        body = request.read(dialect.max_bytes + 1)
        if len(body) > dialect.max_bytes:
            return _http(dialect.too_large)
        return _http(_answer(request, dialect, key, body, said))
    except (DatabaseError, InterfaceError) as away:
        log.warning("An alarm came while the database was away (%s); its sender is asked to repeat it", away)
        return _http(replace(dialect.overload, status=503))


def _answer(request: HttpRequest, dialect: Format, key: str, body: bytes, said: Mapping[str, str]) -> Answer:
    asked = {name: value for name, value in request.GET.dict().items() if name.casefold() not in SECRET_WORDS}
    asked |= said
    raw = Raw(
        dialect.name,
        body,
        {name: value[:500] for name in KEPT_HEADERS if (value := request.headers.get(name))},
        {clean_text(name[:200]): clean_text(value[:2000]) for name, value in asked.items()},
    )
    at = clock.now()
    parse = dialect.parse
    refused = partial(_refuse, request, dialect, raw)
    try:
        if dialect.name == "generic" and key and (mapped := _integration(key, at)) is not None:
            parse = parser_of(dialect, mapped.mapping)
        # The header as it came: Django takes a charset out of it that the parser wants to know.
        parsed = parse(body, request.headers.get("Content-Type", ""), asked)
    except Malformed as malformed:
        integration = queries.integration_by_key(key) if key else None
        if integration is None and key:
            return refused(None, dialect.unknown_key, "unknown key")
        return refused(integration, malformed.answer, malformed.reason)
    except (DatabaseError, InterfaceError):
        raise
    except Exception as fault:
        # A fault of ours must not lose what was sent: it is kept, and the sender asked to repeat it.
        log.exception("A request in the format %s could not be read", dialect.name)
        integration = queries.integration_by_key(key) if key else None
        return refused(integration, replace(dialect.overload, status=503), f"{type(fault).__name__}: {fault}")
    if parsed.key is not None:
        key = parsed.key
        if not KEYS.take(queries.digest_of(key), at):
            return dialect.overload
    integration = _integration(key, at) if key else None
    if integration is None:
        return refused(None, dialect.unknown_key, "unknown key" if key else "no key")
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


def _refuse(
    request: HttpRequest, dialect: Format, raw: Raw, integration: Integration | None, answer: Answer, reason: str
) -> Answer:
    """`answer`, and the request kept with the reason, as far as there is room for it."""
    at = clock.now()
    if integration is None:
        if not _may_guess(request, at):
            return dialect.overload
        raw = replace(raw, body=raw.body[:KEPT_OF_STRANGERS])
    if STRANGERS.take(str(integration.id) if integration else "", at):
        by = _sender(integration) if integration else STRANGER
        actions.keep_refused_alarm(
            integration=integration, raw=raw, answer=answer, reason=reason, by=by, via=Door.HOOK, at=at
        )
    return answer


def _may_guess(request: HttpRequest, at: datetime) -> bool:
    return GUESSES.take(request.META.get("REMOTE_ADDR", ""), at)


def _sender(integration: Integration) -> Actor:
    here = frozenset({(integration.brand_id, "machine")})
    return Actor("machine", str(integration.id), integration.name, grants=here, scopes=frozenset({"receive_alarm"}))


def _key_in_headers(request: HttpRequest) -> str:
    if routing_key := request.headers.get("X-Routing-Key", "").strip():
        return routing_key
    scheme, _, value = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.casefold() in ("bearer", "geniekey"):
        return value.strip()
    if scheme.casefold() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""


def _http(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
