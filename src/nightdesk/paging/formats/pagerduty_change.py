"""PagerDuty's change events, `POST /v2/change/enqueue`: what somebody deployed. Kept as a note; it wakes nobody."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from .pagerduty_v2 import MAX_BYTES, OVERLOAD, TOO_LARGE, UNKNOWN_KEY, blank, key_errors, refusal
from .reading import SUMMARY_LENGTH, Fields, Unreadable, json_answer, read_object, with_notes
from .signal import Format, Malformed, Parsed, Signal

ACCEPTED = json_answer(202, {"status": "success", "message": "Change event processed"})


def parse(
    body: bytes,
    content_type: str = "",
    query: Mapping[str, str] = {},  # noqa: ARG001  # all formats are called alike
) -> Parsed:
    """One note, and a 202; raises Malformed. `query` is not used."""
    try:
        event = Fields(read_object(body, content_type))
    except Unreadable as why:
        raise Malformed(refusal(str(why)), str(why)) from None
    routing_key, payload = event.text("routing_key"), Fields(event.take("payload"), "payload.")
    summary = payload.line("summary", SUMMARY_LENGTH)
    errors = key_errors(routing_key) + ([] if summary else [blank("payload.summary")])
    if errors:
        raise Malformed(refusal(*errors), "; ".join(errors))
    custom = payload.take("custom_details")
    own = custom if isinstance(custom, dict) else {"custom_details": custom} if custom is not None else {}
    signal = Signal(
        action="note",
        dedup_key=uuid4().hex,  # it is about no alarm
        summary=summary,
        source=payload.line("source"),
        started_at=payload.instant("timestamp"),
        links=event.links("links"),
        images=event.images("images"),
        text=summary,
    )
    return Parsed((replace(signal, details=with_notes(own, event, payload)),), ACCEPTED, key=routing_key)


FORMAT = Format(
    "pagerduty_change",
    "PagerDuty change events",
    "/v2/change/enqueue",
    MAX_BYTES,
    OVERLOAD,
    TOO_LARGE,
    UNKNOWN_KEY,
    parse,
)
