"""PagerDuty Events API v2, `POST /v2/enqueue`: one event a request, its key in the body.

Taken and refused as PagerDuty does (required fields, statuses, the words of its errors), with one exception made
on purpose: PagerDuty refuses a summary over 1,024 characters or a key over 255, and outages went unnoticed for it
(Alertmanager #1700, livepeer/stream-tester #354). Here the summary is cut and the long key is kept by its digest, both
noted in the details. A severity or action outside the list is refused, as there: senders test against that.
An acknowledge or resolve needs only its key; a payload sent along (Alertmanager always does) is read, never judged.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast
from uuid import uuid4

from .reading import SUMMARY_LENGTH, Fields, Unreadable, json_answer, read_object, short_key, with_notes
from .signal import Action, Answer, Format, Json, Malformed, Parsed, Severity, Signal

KEY_LENGTH = 32
MAX_BYTES = 512 * 1024
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "warning", "error", "info")


def refusal(*errors: str, status: int = 400) -> Answer:
    """PagerDuty's "invalid event" with its list of errors."""
    return json_answer(
        status, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}
    )


# Its clients retry on 429 and on 5xx, and 429 is what they know for "too many".
OVERLOAD = json_answer(
    429, {"status": "throttle exceeded", "message": "Requests are arriving too quickly"}, ("Retry-After", "2")
)
TOO_LARGE = refusal(f"Event is too large (maximum is {MAX_BYTES} bytes)", status=413)
UNKNOWN_KEY = refusal("Invalid routing key")


def parse(
    body: bytes,
    content_type: str = "",
    query: Mapping[str, str] = {},  # noqa: ARG001  # all formats are called alike
    *,
    new_key: Callable[[], str] = lambda: uuid4().hex,
) -> Parsed:
    """One signal, and the 202 that carries its dedup_key; raises Malformed.

    A trigger without a key gets one from `new_key`, unique each time as the format promises: two such triggers are two
    alarms. `query` is not used.
    """
    try:
        event = Fields(read_object(body, content_type))
    except Unreadable as why:
        answer: dict[str, Json] = {
            "status": "Unrecognized object",
            "message": "Event object format is unrecognized",
            "errors": [str(why)],
        }
        raise Malformed(json_answer(400, answer), str(why)) from None
    payload_sent = event.take("payload")
    payload = Fields(payload_sent, "payload.")
    routing_key, action, given_key = event.text("routing_key"), event.text("event_action"), event.text("dedup_key")
    summary, source = payload.line("summary", SUMMARY_LENGTH), payload.line("source")
    severity = payload.text("severity")

    errors = key_errors(routing_key) + _one_of("event_action", action, ACTIONS)
    if action == "trigger" and not isinstance(payload_sent, dict):
        errors.append(blank("payload"))
    elif action == "trigger":
        errors += [blank(f"payload.{name}") for name, held in (("summary", summary), ("source", source)) if not held]
        errors += _one_of("payload.severity", severity, SEVERITIES)
    elif not given_key.strip():
        errors.append(blank("dedup_key"))
    if errors:
        raise Malformed(refusal(*errors), "; ".join(errors))
    if payload_sent is not None and not isinstance(payload_sent, dict):
        event.refuse("payload", payload_sent)

    dedup_key = short_key(given_key) if given_key.strip() else new_key()
    custom = payload.take("custom_details")
    signal = Signal(
        action=cast(Action, action),
        dedup_key=dedup_key,
        summary=summary,
        severity=cast(Severity, severity) if severity in SEVERITIES else None,
        source=source,
        component=payload.line("component"),
        group=payload.line("group"),
        class_=payload.line("class"),
        started_at=payload.instant("timestamp"),
        links=event.links("links"),
        images=event.images("images"),
        client=event.line("client"),
        client_url=event.web("client_url"),
    )
    own = custom if isinstance(custom, dict) else {"custom_details": custom} if custom is not None else {}
    # The notes are complete only now, when every field has been read.
    signal = replace(signal, details=with_notes(own, event, payload))
    accepted: dict[str, Json] = {"status": "success", "message": "Event processed", "dedup_key": dedup_key}
    return Parsed((signal,), json_answer(202, accepted), key=routing_key)


def blank(name: str) -> str:
    """What is said of a field that should say something."""
    return f"'{name}' is missing or blank"


def key_errors(routing_key: str) -> list[str]:
    """What is wrong with the key by its looks, in PagerDuty's words."""
    if not routing_key.strip():
        return [blank("routing_key")]
    if len(routing_key) != KEY_LENGTH:
        return [f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)"]
    return []


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> list[str]:
    if not value.strip():
        return [blank(name)]
    if value in allowed:
        return []
    *most, last = (f"'{word}'" for word in allowed)
    return [f"'{name}' is invalid (must be one of the following: {', '.join(most)} or {last})"]


FORMAT = Format(
    "pagerduty_v2", "PagerDuty Events v2", "/v2/enqueue", MAX_BYTES, OVERLOAD, TOO_LARGE, UNKNOWN_KEY, parse
)
