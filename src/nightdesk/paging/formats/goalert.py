"""GoAlert's generic API, `POST /api/v2/generic/incoming?token=KEY`, for those who move from there.

Fields come in the query, in a form or as JSON, the body before the query: `summary`, `details`, `action=close`, `dedup`,
and `meta` (JSON only). Without `dedup` the same summary and details are the same alert, as there. It answers 204, or JSON
where the client accepts that; `AlertID` is then the page's code.
"""

from collections.abc import Mapping
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl

from .reading import (
    SUMMARY_LENGTH,
    Fields,
    Unreadable,
    clean_text,
    digest_key,
    is_form,
    json_answer,
    one_line,
    read_object,
    short_key,
    with_notes,
)
from .signal import Answer, Format, Json, Malformed, Parsed, Signal, Taken

MAX_BYTES = 512 * 1024
FIELDS = ("summary", "details", "action", "dedup")
MOST_FIELDS = 100


def refusal(status: int, reason: str, *headers: tuple[str, str]) -> Answer:
    """A line of text, as GoAlert's own."""
    return Answer(status, (("Content-Type", "text/plain; charset=utf-8"), *headers), f"{reason}\n".encode())


# curl and its kin, which is what sends here, call 503 a fault that passes.
OVERLOAD = refusal(503, "overloaded, send again", ("Retry-After", "2"))
TOO_LARGE = refusal(413, f"body is longer than {MAX_BYTES} bytes")
UNKNOWN_KEY = refusal(401, "unauthorized: no integration has this token")


def parse(
    body: bytes,
    content_type: str = "",
    query: Mapping[str, str] = {},  # read only
) -> Parsed:
    """One signal, and a 204 or what `accept` (the header, put into the query by the door) asks for; raises Malformed."""
    asked: dict[str, Json] = {name: clean_text(query[name]) for name in FIELDS if query.get(name)}
    given, in_form = _sent(body, content_type)
    fields = Fields({**asked, **given})
    token = fields.text("token") if in_form else ""
    summary, details = fields.line("summary", SUMMARY_LENGTH), fields.text("details")
    named, action = fields.text("dedup").strip(), fields.line("action").casefold()
    if not summary and not (action == "close" and named):
        raise Malformed(refusal(400, "invalid value for 'Summary': must not be empty"), "'summary' is empty")
    meta = fields.object("meta")
    signal = Signal(
        action="resolve" if action == "close" else "trigger",
        dedup_key=short_key(named) if named else digest_key("goalert", summary, details),
        summary=summary,
        client="GoAlert API",
    )
    told: dict[str, Json] = {"details": details, "meta": meta}
    kept = {name: held for name, held in told.items() if held}
    signal = replace(signal, details=with_notes(kept, fields))
    wants_json = query.get("accept", "").partition(";")[0].strip() == "application/json"
    return Parsed((signal,), Answer(204, (), b""), key=token or None, tell=_tell if wants_json else None)


def _sent(body: bytes, content_type: str) -> tuple[dict[str, Json], bool]:
    """The body's fields, those of JSON by their names in small letters; and whether it was a form."""
    if not body.strip():
        return {}, False
    kind = content_type.partition(";")[0].strip().casefold()
    if kind == "multipart/form-data":
        return _multipart(body, content_type), True
    if is_form(body, content_type):
        try:
            pairs = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MOST_FIELDS)
        except ValueError:
            raise Malformed(refusal(400, "too many fields"), "too many fields in a form") from None
        form: dict[str, Json] = {clean_text(name): clean_text(value) for name, value in pairs}
        return form, True
    try:
        sent = read_object(body, content_type)
    except Unreadable as why:
        raise Malformed(refusal(400, str(why)), str(why)) from None
    return {name.casefold(): value for name, value in sent.items() if value not in (None, "")}, False


def _multipart(body: bytes, content_type: str) -> dict[str, Json]:
    """The named texts of a form as `curl -F` sends it."""
    head = f"Content-Type: {one_line(content_type)}\r\n\r\n".encode("utf-8", "replace")
    fields: dict[str, Json] = {}
    parts = message_from_bytes(head + body).get_payload()
    for part in parts[:MOST_FIELDS] if isinstance(parts, list) else ():
        name = part.get_param("name", header="content-disposition") if isinstance(part, Message) else None
        held = part.get_payload(decode=True) if isinstance(part, Message) else None
        if isinstance(name, str) and isinstance(held, bytes):
            fields[clean_text(name)] = clean_text(held.decode("utf-8", "replace"))
    return fields


def _tell(taken: Taken) -> Answer:
    (effect,) = taken.effects
    # Theirs are numbers; a page's code is one.
    number = int(effect.code) if effect.code.isdecimal() else 0
    return json_answer(200, {"AlertID": number, "ServiceID": "", "IsNew": effect.is_new})


FORMAT = Format(
    "goalert",
    "GoAlert generic API",
    "/api/v2/generic/incoming?token=KEY",
    MAX_BYTES,
    OVERLOAD,
    TOO_LARGE,
    UNKNOWN_KEY,
    parse,
)
