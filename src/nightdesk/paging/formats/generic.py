"""The hook for everything else: a small JSON object, or no body and the same fields in the query string.

| field | |
| --- | --- |
| `summary` | what is wrong, one line; required to trigger |
| `action` | trigger (default), acknowledge or resolve; the words of monitors are understood (PROBLEM, RECOVERY, ok) |
| `dedup_key` | what makes two calls the same alarm; without it, the same `summary` about the same `source` is |
| `severity` | critical, error, warning or info, or a word that means one of them |
| `source` `component` `group` `class` `started_at` `links` `images` `client` `client_url` | as in PagerDuty's payload |
| `details` | anything |

A field of the query string counts where the body has none, so that a device with a fixed body can still say who it is.
A severity that nobody knows is noted and pages; only a body that cannot be an alarm is refused, as problem+json
(RFC 9457).
"""

from collections.abc import Mapping
from dataclasses import replace

from .reading import (
    SUMMARY_LENGTH,
    Fields,
    Unreadable,
    clean_text,
    digest_key,
    json_answer,
    read_object,
    severity_of,
    short_key,
    with_notes,
)
from .signal import Action, Answer, Format, Json, Malformed, Parsed, Signal

MAX_BYTES = 512 * 1024

ACTIONS: Mapping[str, Action] = {
    "trigger": "trigger",
    "problem": "trigger",
    "firing": "trigger",
    "alerting": "trigger",
    "down": "trigger",
    "acknowledge": "acknowledge",
    "acknowledgement": "acknowledge",
    "ack": "acknowledge",
    "resolve": "resolve",
    "resolved": "resolve",
    "recovery": "resolve",
    "close": "resolve",
    "ok": "resolve",
    "up": "resolve",
}
IN_QUERY = ("summary", "action", "dedup_key", "severity", "source", "component", "group", "class", "client")
EXAMPLE: Json = {"summary": "core-1: no BGP session to transit", "source": "core-1", "severity": "critical"}


def problem(status: int, code: str, title: str, detail: str, *headers: tuple[str, str]) -> Answer:
    """A problem+json body with a stable `code`, and an example of what would have been right."""
    body: Json = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "example": EXAMPLE,
    }
    return json_answer(status, body, *headers, media_type="application/problem+json")


OVERLOAD = problem(503, "overloaded", "Too much at once", "Send the same request again.", ("Retry-After", "2"))
TOO_LARGE = problem(413, "alarm_too_large", "The alarm is too large", f"At most {MAX_BYTES} bytes are read.")
UNKNOWN_KEY = problem(
    401,
    "unknown_integration_key",
    "No integration has this key",
    "Check the key in the address against the integration's page.",
    ("WWW-Authenticate", "Bearer"),
)


def parse(
    body: bytes,
    content_type: str = "",
    query: Mapping[str, str] = {},  # read only
) -> Parsed:
    """One signal, and a 202 that carries its dedup_key; raises Malformed."""
    asked: dict[str, Json] = {name: clean_text(query[name]) for name in IN_QUERY if query.get(name)}
    try:
        sent = read_object(body, content_type) if body.strip() or not asked else {}
    except Unreadable as why:
        raise _malformed(f"The body should be one JSON object, and it is not: {why}.") from None
    given = {name: value for name, value in sent.items() if value not in (None, "")}
    fields = Fields({**asked, **given})
    word = fields.line("action") or "trigger"
    action = ACTIONS.get(word.casefold())
    summary, source = fields.line("summary", SUMMARY_LENGTH), fields.line("source")
    named = fields.text("dedup_key").strip()
    if action is None:
        raise _malformed("'action' should be trigger, acknowledge or resolve, and it is another word.")
    if action == "trigger" and not summary:
        raise _malformed("'summary' should say in one line what is wrong, and it is missing, blank or not a text.")
    if not named and not summary:
        raise _malformed(f"To {action} an alarm, give its 'dedup_key', or the 'summary' and 'source' it came with.")
    dedup_key = short_key(named) if named else digest_key(source, summary)
    severity_word = fields.line("severity")
    severity = severity_of(severity_word)
    if severity_word and severity is None:
        fields.refuse("severity", severity_word)
    details = fields.take("details")
    signal = Signal(
        action=action,
        dedup_key=dedup_key,
        summary=summary,
        severity=severity,
        source=source,
        component=fields.line("component"),
        group=fields.line("group"),
        class_=fields.line("class"),
        started_at=fields.instant("started_at"),
        links=fields.links("links"),
        images=fields.images("images"),
        client=fields.line("client"),
        client_url=fields.web("client_url"),
    )
    own = details if isinstance(details, dict) else {"details": details} if details is not None else {}
    signal = replace(signal, details=with_notes(own, fields))
    return Parsed((signal,), json_answer(202, {"status": "accepted", "dedup_key": dedup_key}))


def _malformed(detail: str) -> Malformed:
    return Malformed(problem(400, "malformed_alarm", "The alarm could not be read", detail), detail)


FORMAT = Format("generic", "JSON", "/hooks/generic/KEY", MAX_BYTES, OVERLOAD, TOO_LARGE, UNKNOWN_KEY, parse)
