"""The way in for beats, and the signature of the web process that it can be reached.

| address | |
| --- | --- |
| `/beat/KEY` | it is well |
| `/beat/KEY/start` | it begins |
| `/beat/KEY/fail` | it failed |
| `/beat/KEY/STATUS` | it ended with this exit status: 0 is well, 1 to 255 failed |

GET, HEAD or POST; the first 2,000 characters of a body are kept. `ok` after the commit.
"""

import asyncio
import logging

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.front import Front
from nightdesk.base.refusals import NotFound
from nightdesk.paging import heartbeat_actions, queries

log = logging.getLogger(__name__)

KEYS = Buckets(a_second=1, size=60)
"""A heartbeat that beats faster says nothing more by it."""
STRANGERS = Buckets(a_second=5, size=200)
"""How many wrong keys are looked up."""
BODY_READ = 16 * 1024
SIGN_EVERY_S = 5.0
_SENDER = Actor("machine", "", "a heartbeat")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def beat(request: HttpRequest, key: str, what: str = "ok") -> HttpResponse:
    """Take a beat in."""
    if what.isascii() and what.isdecimal() and len(what) <= 3 and int(what) <= 255:
        status, what = what, "fail" if int(what) else "ok"
    else:
        status = ""
    if what not in ("ok", "start", "fail"):
        return _said(404, "There is only /start, /fail, or an exit status from 0 to 255.")
    at = clock.now()
    if not KEYS.take(queries.digest_of(key), at):
        return _said(429, "Too many. Once a second is enough.", wait=1)
    body = request.read(BODY_READ).decode(errors="replace") if request.method == "POST" else ""
    if status not in ("", "0"):
        body = f"exit status {status}\n{body}".strip()
    sender = request.headers.get("User-Agent", "")
    try:
        heartbeat_actions.note_beat(key=key, what=what, body=body, sender=sender, by=_SENDER, via=Door.HOOK, at=at)
    except NotFound:
        if not STRANGERS.take("", at):
            return _said(429, "Too many wrong keys.", wait=5)
        return _said(404, "No heartbeat has this key.")
    except (DatabaseError, InterfaceError) as away:
        log.warning("A beat came while the database was away (%s); its sender is asked to repeat it", away)
        return _said(503, "Not now; send it again.", wait=2)
    return _said(200, "ok")


def _said(status: int, words: str, wait: int = 0) -> HttpResponse:
    answer = HttpResponse(f"{words}\n", status=status, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    if wait:
        answer["Retry-After"] = str(wait)
    return answer


urlpatterns = [
    path("beat/<str:key>", beat),
    path("beat/<str:key>/<str:what>", beat),
]


async def sign_door(front: Front) -> None:  # noqa: ARG001 - the shape of background work
    """Sign for as long as the process runs: a gap in it is a time in which no beat could come."""
    while True:
        await asyncio.to_thread(sign)
        await asyncio.sleep(SIGN_EVERY_S)


def sign() -> None:
    """Sign once; nothing is signed while the database is away, and that is the truth too."""
    try:
        heartbeat_actions.sign_door(by=SCHEDULER, via=Door.WORKER, at=clock.now())
    except (DatabaseError, InterfaceError) as away:
        log.warning("The door could not be signed: %s", " ".join(str(away).split()))
    finally:
        connection.close()
