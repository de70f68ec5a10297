"""A page's story as the rail shows it: what happened, each try of each message, and what is still to come."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.channels.models import Attempt, Delivery
from nightdesk.console.views.due import CHANNEL_WORDS, LATE_AFTER, WORDS
from nightdesk.paging.queries import Line, Try

State = Delivery.State

STATE_WORDS = {
    State.QUEUED: gettext_lazy("waiting"),
    State.SENDING: gettext_lazy("on its way"),
    State.ACCEPTED: gettext_lazy("accepted, no receipt yet"),
    State.DELIVERED: gettext_lazy("delivered"),
    State.READ: gettext_lazy("read"),
    State.EXPIRED: gettext_lazy("too late, not sent"),
    State.FAILED_FOR_NOW: gettext_lazy("failed, tried again"),
    State.FAILED: gettext_lazy("did not arrive"),
    State.SUPERSEDED: gettext_lazy("no longer needed"),
}
CALL_WORDS = {
    State.ACCEPTED: gettext_lazy("dialled"),
    State.DELIVERED: gettext_lazy("answered"),
    State.FAILED_FOR_NOW: gettext_lazy("not reached, rung again"),
    State.FAILED: gettext_lazy("not reached"),
}
"""The same of a telephone, where they differ."""
ARRIVED = {State.DELIVERED, State.READ}
LOST = {State.FAILED, State.FAILED_FOR_NOW, State.EXPIRED}

DOORS = {
    "web": gettext_lazy("on the web"),
    "api": gettext_lazy("by the API"),
    "sms": gettext_lazy("by text"),
    "email": gettext_lazy("by email"),
    "link": gettext_lazy("by the link"),
    "phone": gettext_lazy("by phone"),
    "push": gettext_lazy("on their phone"),
    "cli": gettext_lazy("on the command line"),
}
"""How somebody came in; a machine's doors go without saying."""

GOOD = ("acknowledged", "resolved")
BAD = ("rung", "asked", "woken")


def rail_events(lines: Iterable[Line], at: datetime) -> list[dict[str, Any]]:
    """What parts/rail.html draws: what is still to come first, then the newest first."""
    events: list[dict[str, Any]] = []
    for line in lines:
        events += _message(line, at) if line.what == "delivery" else [_happening(line, at)]
    events.sort(key=lambda event: (event["future"], event["at"]), reverse=True)
    return events


def _happening(line: Line, at: datetime) -> dict[str, Any]:
    ending = line.kind.rpartition(".")[2]
    details = [line.note, "" if line.future else str(DOORS.get(line.via, ""))]
    text = line.text
    if line.future:
        text = str(WORDS.get(line.kind, line.text))
        details = [line.text] if text != line.text else []
    return {
        "at": line.at,
        "text": text,
        "detail": " · ".join(part for part in details if part),
        "tone": "" if line.future else "calm" if ending in GOOD else "fire" if ending in BAD else "",
        "future": line.future,
        "late": line.future and line.at < at - LATE_AFTER,
    }


def _message(line: Line, at: datetime) -> list[dict[str, Any]]:
    """One event for each try; of a message that was never tried, one for what became of it, if that matters."""
    name = line.who or line.text
    what = str(CHANNEL_WORDS.get(line.kind, gettext_lazy("Send to {name}"))).format(name=name)
    if not line.tries:
        if line.state == State.SUPERSEDED:
            return []
        lost = line.state in LOST
        detail = " · ".join(
            part for part in ("" if line.future else str(STATE_WORDS.get(State(line.state), "")), line.reason) if part
        )
        late = line.future and line.at < at - LATE_AFTER
        tone = "fire" if lost else ""
        return [{"at": line.at, "text": what, "detail": detail, "tone": tone, "future": line.future, "late": late}]
    words = STATE_WORDS | CALL_WORDS if line.kind == "voice" else STATE_WORDS
    *earlier, last = line.tries
    events = [_tried(what, each, each.outcome, each.reason, words) for each in earlier]
    reason = line.reason if line.state in LOST else last.reason
    return [*events, _tried(what, last, line.state or last.outcome, reason, words)]


def attempt_event(attempt: Attempt) -> dict[str, Any]:
    """One try at a message, or one receipt, as the rail of that message shows it."""
    tried = Try(attempt.at, "", attempt.outcome, attempt.reason, attempt.took_ms)
    what = _("Receipt of {provider}") if attempt.is_receipt else _("Handed to {provider}")
    return _tried(what.format(provider=attempt.route_name), tried, attempt.outcome, attempt.reason, STATE_WORDS)


def _tried(what: str, each: Try, outcome: str, reason: str, words: Mapping[Any, Any]) -> dict[str, Any]:
    known = outcome in State.values
    word = str(words[State(outcome)]) if known else outcome
    if each.took_ms < 1000:
        took = _("{count} ms").format(count=each.took_ms)
    else:
        took = _("{seconds} s").format(seconds=f"{each.took_ms / 1000:.1f}")
    return {
        "at": each.at,
        "text": f"{what}: {word}",
        "detail": " · ".join(part for part in (each.route, took, reason) if part),
        "tone": "calm" if known and outcome in ARRIVED else "fire" if known and outcome in LOST else "",
        "future": False,
        "late": False,
    }
