"""The main site's door for the second one: letters sealed with the pairing key, see `sealing`.

    POST /standby/v1/pull        what it has, and how it stands -> what has changed since, and how we do
    POST /standby/v1/hand-back   what was done there -> {"problems"}

403 for a letter that the key does not open, however it is wrong; 409 where the two run versions that cannot read each other's
rows; 413 for a letter that is too long; 429 for too many. A letter is a day's proof of nothing: its instant must be within two
minutes of ours.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from nightdesk.base import clock, vault
from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.standby import actions, queries, sealing, snapshot
from nightdesk.standby.models import SecondSite
from nightdesk.standby.sections import shape

log = logging.getLogger(__name__)

DOOR = Buckets(a_second=5, size=50)
"""By the address that asks."""
FRESH = timedelta(minutes=2)
LETTER = "application/octet-stream"
MOST_HANDED_BYTES = 32 * 1024 * 1024
"""Of a letter that hands back: what `handing_back` puts into one, a single great alarm included."""
MOST_ASKED_BYTES = 2 * 1024 * 1024


@csrf_exempt
@require_POST
def pull(request: HttpRequest) -> HttpResponse:
    """What has changed since the second site's last pull, and how we do."""
    return _answer(request, _pull, MOST_ASKED_BYTES)


@csrf_exempt
@require_POST
def hand_back(request: HttpRequest) -> HttpResponse:
    """What the second site did while it spoke for us."""
    return _answer(request, _hand_back, MOST_HANDED_BYTES)


def _answer(
    request: HttpRequest, do: Callable[[SecondSite, dict[str, Any], datetime], dict[str, Any]], most_bytes: int
) -> HttpResponse:
    at = clock.now()
    if not DOOR.take(str(request.META.get("REMOTE_ADDR", "")), at):
        return HttpResponse("Too many letters; wait a moment.\n", status=429, content_type="text/plain")
    # One more than may come is enough to know; Django's own reading would stop at less than is handed back.
    body = request.read(most_bytes + 1)
    if len(body) > most_bytes:
        return HttpResponse("This letter is too long.\n", status=413, content_type="text/plain")
    row = queries.pairing()
    try:
        if row is None:
            raise sealing.Forged("No second site is paired.")
        key = queries.key_of(row)
        asked = sealing.open_(key, "ask", body)
        if abs(datetime.fromisoformat(asked["at"]) - at) > FRESH:
            raise sealing.Forged("It is old, or its clock is wrong.")
    except (sealing.Forged, vault.Unreadable, ValueError, KeyError, TypeError) as problem:
        log.warning("A letter from a second site was refused: %s", problem)
        return HttpResponse("This letter was not understood.\n", status=403, content_type="text/plain")
    if asked.get("shape") != shape():
        log.warning("The second site runs another version; its tables differ from ours")
        return HttpResponse("The two sites run different versions.\n", status=409, content_type="text/plain")
    letter = sealing.seal(key, "answer", do(row, asked, at), answers=body)
    actions.note_answer(size_bytes=len(letter), by=_actor(row), via=Door.STANDBY, at=at)
    return HttpResponse(letter, content_type=LETTER, headers={"Cache-Control": "no-store"})


def _pull(row: SecondSite, asked: dict[str, Any], at: datetime) -> dict[str, Any]:
    row = actions.note_pull(told=asked["told"], test=bool(asked["test"]), by=_actor(row), via=Door.STANDBY, at=at)
    pulse = queries.pulse_of(row, at)
    return {
        "at": at.isoformat(),
        "pulse": asdict(pulse) | {"tested_at": pulse.tested_at.isoformat() if pulse.tested_at else None},
        "tests_since": row.tests_since.isoformat() if row.tests_since else None,
        "silent_after_s": row.silent_after_s,
        "drill": queries.wanted_drill(),
        **snapshot.whole(asked["have"]),
    }


def _hand_back(row: SecondSite, asked: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {"problems": actions.take_back(batch=asked["batch"], by=_actor(row), via=Door.STANDBY, at=at)}


def _actor(row: SecondSite) -> Actor:
    """Who has the key. It may nothing by itself: what is done in its name is done by whoever did it there."""
    return Actor("machine", f"second-site:{row.pk}", row.name)


urlpatterns = [
    path("standby/v1/pull", pull, name="standby-pull"),
    path("standby/v1/hand-back", hand_back, name="standby-hand-back"),
]
