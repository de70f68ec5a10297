"""The second site's thread: every few seconds it looks at the main site, and does what `decide` says. One process at a time."""

import http.client
import json
import logging
import ssl
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.worker import Runner, Shift, forever
from nightdesk.standby import following, handing_back, queries, sealing, watch_actions
from nightdesk.standby.decide import Effect, Event, Pulse, State, is_well
from nightdesk.standby.models import WatchRow
from nightdesk.standby.sections import shape

log = logging.getLogger(__name__)

CALL_S = 8.0
"""So long a call may take to be connected, and to say something more."""
HAND_BACK_S = 10.0
"""So long one look goes on handing back, letter after letter; what is left is for the next."""
MOST_ANSWER_BYTES = 256 * 1024 * 1024
LOCK = 7_310_050


class Unheard(Exception):
    """The main site did not answer, or not so that it could be believed."""


def look(shift: Shift) -> None:
    """One look, then a pause."""
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        (ours,) = cursor.fetchone()
    if ours:
        try:
            look_once()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    shift.stopping.wait(max(0.2, settings.STANDBY_EVERY.total_seconds() - (time.monotonic() - began)))


LOOK: Runner = forever(look)
"""For `wiring`."""


def look_once() -> State:
    """Pull, say what came of it, and do what follows; how the watch stands then."""
    do: dict[str, Any] = {"by": SCHEDULER, "via": Door.STANDBY}
    try:
        answer, size = _pull()
        event, problem = _event_of(answer)
    except Unheard as unheard:
        watch_actions.note_look(event=Event.SILENT, problem=str(unheard), **do, at=clock.now())
        return _state()
    effects = watch_actions.note_look(event=event, problem=problem, **do, at=clock.now())
    watch_actions.see_to_drill(wanted=answer["drill"], **do, at=clock.now())
    if Effect.HAND_BACK in effects:
        # A pull that was heard is no silence, whatever comes of the letters after it: it is tried again at the next look.
        try:
            handed, whole = _hand_back(let_go=event is Event.HEARD)
        except Unheard as unheard:
            watch_actions.note_untaken(problem=str(unheard), **do, at=clock.now())
            handed, whole = False, False
        if event is Event.HEARD and not whole:
            return _state()
        if event is Event.HEARD and _state() is State.RETURNING:
            effects = watch_actions.note_look(event=Event.HANDED_BACK, **do, at=clock.now())
        if handed and Effect.FOLLOW in effects:
            try:
                answer, size = _pull()  # the first answer knows nothing yet of what was handed back
            except Unheard as unheard:
                watch_actions.note_look(event=Event.SILENT, problem=str(unheard), **do, at=clock.now())
                return _state()
    try:
        if Effect.LET_GO in effects:
            watch_actions.let_go(**do, at=clock.now())
        if Effect.FOLLOW in effects:
            whole = Effect.LET_GO in effects
            watch_actions.follow_main(answer=answer, size_bytes=size, whole=whole, **do, at=clock.now())
        elif _state() is State.ALONE:
            watch_actions.meet_pages(answer=answer, size_bytes=size, **do, at=clock.now())
    except DatabaseError as error:
        problem = " ".join(str(error).split())
        log.warning("What the main site told does not fit; it is asked again: %s", problem)
        watch_actions.note_misfit(problem=problem, **do, at=clock.now())
    return _state()


def _event_of(answer: dict[str, Any]) -> tuple[Event, str]:
    told = answer["pulse"]
    tested_at = datetime.fromisoformat(told["tested_at"]) if told["tested_at"] else None
    pulse = Pulse(told["overdue_s"], tested_at, told["test_problem"])
    at = datetime.fromisoformat(answer["at"])  # by the main site's clock, as all that it tells is
    asked_since = datetime.fromisoformat(answer["tests_since"]) if answer["tests_since"] else None
    if is_well(pulse, asked_since, at):
        return Event.HEARD, pulse.test_problem
    return Event.FAINT, f"It answers, and does not page: {pulse.overdue_s:.0f} s late, last test page {tested_at}."


def _state() -> State:
    return State(WatchRow.objects.values_list("state", flat=True).get(id=1))


def _pull() -> tuple[dict[str, Any], int]:
    at = clock.now()
    row = queries.watch_row(at)
    age = (at - row.snapshot_at).total_seconds() if row.snapshot_at else None
    asked = {
        "have": following.marks(),
        "told": {"state": row.state, "since": row.since.isoformat(), "snapshot_age_s": age, "problem": row.problem},
        "test": watch_actions.note_test_asked(by=SCHEDULER, via=Door.STANDBY, at=at),
    }
    return _call("/standby/v1/pull", asked)


def _hand_back(*, let_go: bool) -> tuple[bool, bool]:
    """Whether there was anything to hand back, and whether all of it went. Raises Unheard; what went before counts."""
    began, after, handed = time.monotonic(), None, False
    while time.monotonic() - began < HAND_BACK_S:
        at = clock.now()
        part = handing_back.next_part(queries.watch_row(at), at, after=after)
        if part is None:
            return handed, True
        answer, _size = _call("/standby/v1/hand-back", {"batch": part.batch})
        for problem in answer["problems"]:
            log.warning("The main site could not take in all that was done here: %s", problem)
        pages = [page["row"]["id"] for page in part.batch["pages"]]
        # What rings goes on ringing here until the main site does it again.
        release = let_go and _state() is not State.ALONE
        watch_actions.note_handed_back(
            until_at=handing_back.handed_until(part, at),
            pages=pages,
            let_go=release,
            by=SCHEDULER,
            via=Door.STANDBY,
            at=clock.now(),
        )
        handed, after = True, part.until_at
        if not part.more:
            return True, True
    return handed, False


def _call(path: str, asked: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """What the main site answers, and how many bytes it took. Raises Unheard."""
    letter = sealing.seal(settings.STANDBY_KEY, "ask", asked | {"at": clock.now().isoformat(), "shape": shape()})
    to = urlsplit(settings.STANDBY_OF)
    kind = http.client.HTTPSConnection if to.scheme == "https" else http.client.HTTPConnection
    more: dict[str, Any] = {"context": ssl.create_default_context()} if to.scheme == "https" else {}
    calling = kind(to.hostname or "", to.port, timeout=CALL_S, **more)
    try:
        calling.request("POST", f"{to.path}{path}", letter, {"Content-Type": "application/octet-stream"})
        answer = calling.getresponse()
        body = answer.read(MOST_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Unheard(f"It cannot be reached: {' '.join(str(error).split()) or type(error).__name__}") from None
    finally:
        calling.close()
    if answer.status != 200:
        raise Unheard(f"It answered {answer.status}: {body[:100].decode(errors='replace').strip()}")
    try:
        told: dict[str, Any] = sealing.open_(settings.STANDBY_KEY, "answer", body, answers=letter)
    except (sealing.Forged, json.JSONDecodeError) as forged:
        raise Unheard(f"Whoever answered is not the main site: {forged}") from None
    return told, len(body)
