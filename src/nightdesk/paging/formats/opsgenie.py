"""Opsgenie's Alert API v2: alerts made, and what is done about them by their id, alias or tiny id.

The door puts what stands in the path into `query`: `verb` (`create`, or the last word of the path) and `alert`, the
identifier. What can be done is done; what Nightdesk lets no machine do (put a page off, give it to somebody) is refused in
words, and an acknowledgement is noted: a sender's word does not show that anybody is awake.

Opsgenie refuses a message over 130 characters and an alias over 512. Here nothing is refused for its length: longer
messages are kept to 1,024 and aliases of any length by their digest, as a page lost is worse than a long one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID, uuid4

from .alertmanager import COMPONENT_LABELS, SOURCE_LABELS
from .reading import (
    LINE_LENGTH,
    SUMMARY_LENGTH,
    Fields,
    Unreadable,
    clean_text,
    cut,
    json_answer,
    one_line,
    read_object,
    short_key,
    text_of,
    with_notes,
)
from .signal import Action, Answer, Format, Json, Malformed, Named, Parsed, Severity, Signal, Taken

MAX_BYTES = 512 * 1024
MESSAGE_LENGTH, ALIAS_LENGTH, DESCRIPTION_LENGTH = 130, 512, 15_000
PRIORITIES: Mapping[str, Severity] = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info", "P5": "info"}
LEVELS: Mapping[str, str] = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P4"}
MOST_NAMED = 100
IDENTIFIERS: Mapping[str, Named] = {"id": "id", "alias": "key", "tiny": "code"}

VERBS: Mapping[str, Action] = {
    "create": "trigger",
    "close": "resolve",
    "delete": "resolve",
    "acknowledge": "acknowledge",
    "unacknowledge": "note",
    "notes": "note",
    "escalate": "escalate",
    "message": "update",
    "description": "update",
    "priority": "update",
    "details": "update",
    "tags": "update",
    "details removed": "update",
    "tags removed": "update",
    "responders": "note",
    "teams": "note",
}
TRUTH: Mapping[str, str] = {
    "create": "Created alert",
    "close": "Closed",
    "delete": "Closed; what came in is never deleted",
    "acknowledge": "Noted; it is acknowledged here when a person of ours takes the page",
    "unacknowledge": "Noted",
    "responders": "Noted; who is rung says the integration's policy",
    "teams": "Noted; who is rung says the integration's policy",
}
"""What the status of a request says where "Done" would not be the whole truth."""
REFUSED: Mapping[str, str] = {
    "snooze": "Only a person of ours can put a page off, and has it then.",
    "assign": "Only a person of ours can pass a page to somebody.",
}
NO_ID = "00000000-0000-0000-0000-000000000000"
"""Stands for the request's id in an answer that was made before there was one; the door puts one in."""


UNPROCESSABLE = "Request body is not processable. Please check the errors."


def answer(status: int, body: dict[str, Json], request_id: str = NO_ID, *headers: tuple[str, str]) -> Answer:
    """`body` with the two fields that end each of Opsgenie's answers. What it took is not measured."""
    return json_answer(status, body | {"took": 0.001, "requestId": request_id}, ("X-Request-Id", request_id), *headers)


def refusal(status: int, said: str, /, *headers: tuple[str, str], **errors: str) -> Answer:
    body: dict[str, Json] = {"message": said}
    if errors:
        body["errors"] = dict(errors)
    return answer(status, body, NO_ID, *headers)


# Its clients, its own SDKs and Alertmanager among them, repeat 429 and 5xx.
OVERLOAD = refusal(429, "You are making too many requests!", ("Retry-After", "2"), ("X-RateLimit-State", "THROTTLED"))
TOO_LARGE = refusal(413, f"Request body is longer than {MAX_BYTES} bytes")
UNKNOWN_KEY = refusal(401, "Could not authenticate", ("WWW-Authenticate", "GenieKey"))
NO_ALERT = refusal(404, "Alert does not exist")
NOT_TOLD = refusal(404, "Nightdesk tells an alert's notes and log on its page, and not by this API.")
NO_HEARTBEAT = refusal(404, "Heartbeat does not exist")
PONG = answer(202, {"result": "PONG - Heartbeat received"})
NO_REQUEST = refusal(404, "Request not found. It might not be processed, yet.")


def parse(
    body: bytes,
    content_type: str = "",
    query: Mapping[str, str] = {},  # read only
    *,
    new_key: Callable[[], str] = lambda: str(uuid4()),
) -> Parsed:
    """One signal, and the 202 with the id of the request; raises Malformed.

    An alert made without an alias gets one from `new_key`: two of them are two alerts, as there.
    """
    verb = query.get("verb", "create")
    if verb in REFUSED:
        raise Malformed(refusal(403, REFUSED[verb]), REFUSED[verb])
    if verb not in VERBS:
        raise _unprocessable(f"Nightdesk does not know what '{one_line(verb)}' would do to an alert.")
    try:
        sent = read_object(body, content_type) if body.strip() or verb == "create" else {}
    except Unreadable as why:
        raise _unprocessable(UNPROCESSABLE, body=str(why)) from None
    fields = Fields(sent)
    signal = _created(fields, new_key) if verb == "create" else _changed(verb, fields, query)
    done = answer(202, {"result": "Request will be processed"})
    return Parsed((signal,), done, tell=_tell)


def _tell(taken: Taken) -> Answer:
    return answer(202, {"result": "Request will be processed"}, str(taken.id))


def _created(fields: Fields, new_key: Callable[[], str]) -> Signal:
    message = fields.line("message", SUMMARY_LENGTH)
    if not message:
        raise _unprocessable(UNPROCESSABLE, message="Message can not be empty.")
    alias = fields.text("alias").strip()
    given = fields.object("details")
    priority = fields.line("priority")
    severity = PRIORITIES.get(priority.upper())
    if priority and severity is None:
        fields.refuse("priority", priority)
    description, entity = fields.text("description"), fields.line("entity")
    told: dict[str, Json] = {
        "description": cut(description, DESCRIPTION_LENGTH),
        **{name: fields.take(name) for name in ("responders", "teams", "visibleTo", "tags", "actions", "user")},
        "priority": priority,
        "entity": entity,
    }
    if len(description) > DESCRIPTION_LENGTH:
        fields.refuse("description", f"cut, it had {len(description)} characters")
    source = fields.line("source")
    signal = Signal(
        action="trigger",
        dedup_key=short_key(alias) if alias else new_key(),
        summary=message,
        severity=severity,
        source=_labelled(given, SOURCE_LABELS) or source,
        component=entity or _labelled(given, COMPONENT_LABELS),
        class_=_labelled(given, ("alertname",)),
        client="Opsgenie API",
        text=fields.text("note").strip(),
    )
    kept = {**given, **{name: held for name, held in told.items() if held}}
    return replace(signal, details=with_notes(kept, fields))


def _labelled(details: Mapping[str, Json], names: tuple[str, ...]) -> str:
    """The first of these details that holds words: Alertmanager sends an alert's labels as its details."""
    lines = (one_line(text_of(details.get(name)) or "") for name in names)
    return next((cut(line, LINE_LENGTH) for line in lines if line), "")


def _changed(verb: str, fields: Fields, query: Mapping[str, str]) -> Signal:
    kind = IDENTIFIERS.get(query.get("identifierType", "id").casefold())
    identifier = clean_text(query.get("alert", "")).strip()
    if kind is None or not identifier:
        raise _unprocessable("identifierType should be id, alias or tiny, and the identifier not empty.")
    signal = Signal(action=VERBS[verb], dedup_key=short_key(identifier), named=kind)
    user, note = fields.line("user"), fields.text("note").strip()
    said = f"{user}: {note}" if user and note else note
    match verb:
        case "notes" if not note:
            raise _unprocessable(UNPROCESSABLE, note="Note is empty.")
        case "message":
            summary = fields.line("message", SUMMARY_LENGTH)
            if not summary:
                raise _unprocessable(UNPROCESSABLE, message="Message can not be empty.")
            signal = replace(signal, summary=summary)
        case "description":
            signal = replace(signal, details={"description": cut(fields.text("description"), DESCRIPTION_LENGTH)})
        case "priority":
            priority = fields.line("priority").upper()
            if priority not in PRIORITIES:
                raise _unprocessable(UNPROCESSABLE, priority="Priority is one of P1 to P5.")
            signal = replace(signal, severity=PRIORITIES[priority], details={"priority": priority})
        case "details":
            signal = replace(signal, details=fields.object("details"))
        case "tags":
            tags = fields.take("tags")
            signal = replace(signal, details={"tags": tags if isinstance(tags, list) else []})
        case "details removed":
            signal = replace(signal, removed=tuple((name, "") for name in _named(query, "keys")))
        case "tags removed":
            signal = replace(signal, removed=tuple(("tags", tag) for tag in _named(query, "tags") if tag))
        case "unacknowledge" | "responders" | "teams":
            who = text_of(fields.take("responder")) or text_of(fields.take("team")) or ""
            said = " ".join(part for part in (f"{verb}.", who, said) if part)
    return replace(signal, text=cut(said, DESCRIPTION_LENGTH))


def _named(query: Mapping[str, str], name: str) -> list[str]:
    """What stands in the query with commas between."""
    return [clean_text(part).strip() for part in query.get(name, "").split(",") if part.strip()][:MOST_NAMED]


def _unprocessable(said: str, /, **errors: str) -> Malformed:
    return Malformed(refusal(422, said, **errors), "; ".join([said, *errors.values()]))


# --- What its clients read back --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alert:
    """An alarm as the Alert API tells it; `code` is its page's. `details` are those of the signal."""

    id: UUID
    code: str
    alias: str
    message: str
    severity: str
    source: str
    count: int
    open: bool
    acknowledged: bool
    snoozed: bool
    owner: str
    created_at: datetime
    last_at: datetime
    updated_at: datetime
    details: Mapping[str, Json]
    integration_id: str
    integration_name: str


def alert_body(alert: Alert, *, whole: bool) -> dict[str, Json]:
    """The alert as an object of theirs; a list leaves description and details out, as there."""
    tags = alert.details.get("tags")
    told: dict[str, Json] = {
        "id": str(alert.id),
        "tinyId": alert.code,
        "alias": alert.alias,
        "message": alert.message,
        "status": "open" if alert.open else "closed",
        "acknowledged": alert.acknowledged,
        "isSeen": alert.acknowledged,
        "tags": tags if isinstance(tags, list) else [],
        "snoozed": alert.snoozed,
        "count": alert.count,
        "lastOccurredAt": _instant(alert.last_at),
        "createdAt": _instant(alert.created_at),
        "updatedAt": _instant(alert.updated_at),
        "source": alert.source,
        "owner": alert.owner,
        "priority": LEVELS.get(alert.severity, "P1"),
        "responders": [],
        "integration": {"id": alert.integration_id, "name": alert.integration_name, "type": "API"},
    }
    if whole:
        own = {name: text_of(held) for name, held in alert.details.items() if text_of(held) is not None}
        told |= {
            "entity": own.pop("entity", None) or "",
            "description": own.pop("description", None) or "",
            "details": cast("dict[str, Json]", own),
            "actions": [],
        }
    return told


def request_body(
    verb: str, *, success: bool, at: datetime, integration_id: str, why: str = "", alert_id: str = "", alias: str = ""
) -> dict[str, Json]:
    """How a request went, as `GET /v2/alerts/requests/ID` tells it."""
    return {
        "success": success,
        "isSuccess": success,
        "action": verb.capitalize(),
        "processedAt": _instant(at),
        "integrationId": integration_id,
        "status": why or TRUTH.get(verb, "Done"),
        "alertId": alert_id,
        "alias": alias,
    }


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


FORMAT = Format(
    "opsgenie", "Opsgenie Alert API", "/compat/opsgenie/v2/alerts", MAX_BYTES, OVERLOAD, TOO_LARGE, UNKNOWN_KEY, parse
)
