"""PagerDuty's Events API v1, `POST /generic/2010-04-15/create_event.json`, as old Nagios and Zabbix scripts still speak it.

It has no severity, so that each event counts as the worst. Over a limit it answers 403: that is what its clients repeat.
A description over 1,024 characters is cut and a long key kept by its digest, as in `pagerduty_v2`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast
from uuid import uuid4

from .reading import SUMMARY_LENGTH, Fields, Unreadable, json_answer, read_object, short_key, with_notes
from .signal import Action, Answer, Format, Json, Malformed, Parsed, Signal

MAX_BYTES = 512 * 1024
ACTIONS = ("trigger", "acknowledge", "resolve")


def refusal(*errors: str, status: int = 400) -> Answer:
    """PagerDuty's "invalid event" with its list of errors."""
    return json_answer(
        status, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}
    )


OVERLOAD = json_answer(
    403, {"status": "throttle exceeded", "message": "Event creation rate is too high"}, ("Retry-After", "2")
)
TOO_LARGE = refusal(f"Event is too large (maximum is {MAX_BYTES} bytes)", status=413)
UNKNOWN_KEY = refusal("Invalid service key")


def parse(
    body: bytes,
    content_type: str = "",
    query: Mapping[str, str] = {},  # noqa: ARG001  # all formats are called alike
    *,
    new_key: Callable[[], str] = lambda: uuid4().hex,
) -> Parsed:
    """One signal, and the 200 that carries its incident_key; raises Malformed. `query` is not used."""
    try:
        event = Fields(read_object(body, content_type))
    except Unreadable as why:
        raise Malformed(refusal(str(why)), str(why)) from None
    service_key, action, given_key = (
        event.text("service_key").strip(),
        event.text("event_type"),
        event.text("incident_key"),
    )
    summary = event.line("description", SUMMARY_LENGTH)
    errors = [] if service_key else ["Service key is missing or blank"]
    if action not in ACTIONS:
        errors.append("Event type must be trigger, acknowledge or resolve")
    elif action == "trigger" and not summary:
        errors.append("Description is missing or blank")
    elif action != "trigger" and not given_key.strip():
        errors.append("Incident key is missing or blank")
    if errors:
        raise Malformed(refusal(*errors), "; ".join(errors))
    dedup_key = short_key(given_key) if given_key.strip() else new_key()
    details, contexts = event.take("details"), event.take("contexts")
    own = dict(details) if isinstance(details, dict) else {"details": details} if details is not None else {}
    links = Fields({"links": [one for one in contexts if isinstance(one, dict)] if isinstance(contexts, list) else []})
    signal = Signal(
        action=cast(Action, action),
        dedup_key=dedup_key,
        summary=summary,
        source=_source(own),
        links=links.links("links"),
        client=event.line("client"),
        client_url=event.web("client_url"),
    )
    accepted: dict[str, Json] = {"status": "success", "message": "Event processed", "incident_key": dedup_key}
    return Parsed((replace(signal, details=with_notes(own, event)),), json_answer(200, accepted), key=service_key)


def _source(details: Mapping[str, Json]) -> str:
    """Which machine it is about, where the details say so in one of the usual names."""
    said = Fields(dict(details))
    return next((line for name in ("HOSTNAME", "hostname", "host", "source") if (line := said.line(name))), "")


FORMAT = Format(
    "pagerduty_v1",
    "PagerDuty Events v1",
    "/generic/2010-04-15/create_event.json",
    MAX_BYTES,
    OVERLOAD,
    TOO_LARGE,
    UNKNOWN_KEY,
    parse,
)
