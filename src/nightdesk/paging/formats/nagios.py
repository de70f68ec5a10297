"""Nagios' and Icinga's notifications, as `nightdesk-notify` sends them: `POST /hooks/nagios/KEY`.

The body is a JSON object: `fields` are the monitor's own macros by name, from Nagios (`SERVICEDESC`) or Icinga
(`SERVICENAME`), with or without `NAGIOS_` before them, and `INCIDENTKEY` where the alarm is to have a key of its own; or
`plain`, the fields of the generic hook. `id` is the notification's own: a second one with it changes nothing. A body
without `fields` is taken as the fields themselves.

PROBLEM begins an alarm, RECOVERY ends it, ACKNOWLEDGEMENT is noted, and so is all that asks nobody to act: flapping,
downtime, custom notifications, and states that are only SOFT. A word that nobody knows is an alarm.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from . import generic
from .generic import OVERLOAD, TOO_LARGE, UNKNOWN_KEY, problem
from .reading import (
    LINE_LENGTH,
    SUMMARY_LENGTH,
    Fields,
    Unreadable,
    cut,
    is_web,
    json_answer,
    one_line,
    read_object,
    short_key,
    text_of,
    with_notes,
)
from .signal import Action, Format, Json, Link, Malformed, Parsed, Severity, Signal

MAX_BYTES = 512 * 1024
TYPES: Mapping[str, Action] = {"recovery": "resolve", "acknowledgement": "acknowledge", "custom": "note"}
QUIET = ("flapping", "downtime")
SEVERITIES: Mapping[str, Severity] = {
    "critical": "critical",
    "down": "critical",
    "unreachable": "error",
    "unknown": "error",
    "warning": "warning",
}
SAME: Mapping[str, str] = {
    "SERVICENAME": "SERVICEDESC",
    "HOSTDISPLAYNAME": "HOSTALIAS",
    "NOTIFICATIONAUTHORNAME": "NOTIFICATIONAUTHOR",
}
"""Icinga's words for what Nagios calls otherwise."""


def parse(
    body: bytes,
    content_type: str = "",
    query: Mapping[str, str] = {},  # read only
) -> Parsed:
    """One signal, and a 202 that carries its dedup_key; raises Malformed."""
    try:
        sent = read_object(body, content_type)
    except Unreadable as why:
        raise _malformed(f"The body should be one JSON object, and it is not: {why}.") from None
    once = _uuid(sent.get("id"))
    plain = sent.get("plain")
    if isinstance(plain, dict):
        return replace(generic.parse(json.dumps(plain).encode(), "application/json", query), once=once)
    held = sent.get("fields")
    macros = Fields(_under_nagios_names(held if isinstance(held, dict) else sent))
    host, service = macros.line("HOSTNAME"), macros.line("SERVICEDESC")
    key = macros.text("INCIDENTKEY").strip()
    if not (host or key):
        raise _malformed("'HOSTNAME' should say which host it is about, and it is missing or blank.")
    word = macros.line("NOTIFICATIONTYPE")
    kind = macros.line("SERVICESTATETYPE" if service else "HOSTSTATETYPE").casefold()
    state = macros.line("SERVICESTATE" if service else "HOSTSTATE")
    output = macros.line("SERVICEOUTPUT" if service else "HOSTOUTPUT", SUMMARY_LENGTH)
    what = f"{service} on {host}" if service else host or key
    action = _action(word, kind)
    told = f"{what} is {state}" if state else what
    summary = cut(f"{told}: {output}" if output else told, SUMMARY_LENGTH)
    author, comment = macros.line("NOTIFICATIONAUTHOR"), macros.line("NOTIFICATIONCOMMENT")
    words = " ".join(part for part in (f"{author}:" if author and comment else author, comment) if part)
    links = [(name, macros.text(name).strip()) for name in ("SERVICENOTESURL", "HOSTNOTESURL", "SERVICEACTIONURL")]
    links.append(("ICINGAWEB", macros.text("ICINGAWEB").strip()))
    signal = Signal(
        action=action,
        dedup_key=short_key(key or _key(host, service)),
        summary=summary,
        severity=SEVERITIES.get(state.casefold()),
        source=cut(host, LINE_LENGTH),
        component=cut(service, LINE_LENGTH),
        class_="service" if service else "host",
        links=tuple(Link(href, name) for name, href in links if is_web(href)),
        client="Nagios",
        text=one_line(f"{word} {words}") if action == "note" else words,
    )
    signal = replace(signal, details=with_notes(macros.rest(), macros))
    return Parsed((signal,), json_answer(202, {"status": "accepted", "dedup_key": signal.dedup_key}), once=once)


def _under_nagios_names(sent: Mapping[str, Json]) -> dict[str, Json]:
    """The macros by Nagios' names; what is empty, or still stands there as `$MACRO$`, says nothing."""
    found: dict[str, Json] = {}
    for written, value in sent.items():
        text = text_of(value)
        name = written.upper().removeprefix("NAGIOS_")
        if text is not None and text.strip() and text.strip() != f"${name}$" and name != "ID":
            found.setdefault(SAME.get(name, name), text)
    return found


def _action(word: str, kind: str) -> Action:
    plain = word.casefold()
    if plain.startswith(QUIET):
        return "note"
    action = TYPES.get(plain, "trigger")
    return "note" if action == "trigger" and kind == "soft" else action


def _key(host: str, service: str) -> str:
    """As PagerDuty's plugin makes it, so that a move leaves open alarms what they were."""
    if service:
        return f"event_source=service;host_name={host};service_desc={service}"
    return f"event_source=host;host_name={host}"


def _uuid(value: Json) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _malformed(detail: str) -> Malformed:
    return Malformed(problem(400, "malformed_alarm", "The notification could not be read", detail), detail)


FORMAT = Format(
    "nagios",
    "Nagios and Icinga (nightdesk-notify)",
    "/hooks/nagios/KEY",
    MAX_BYTES,
    OVERLOAD,
    TOO_LARGE,
    UNKNOWN_KEY,
    parse,
)
