"""Alertmanager's webhook (version "4"), and Grafana's, which has the same shape with more in it.

What is one alarm: each entry of `alerts`, under its fingerprint. Not the group: a group changes its members while it is
open, so one that grows from a warm disk to a dead router would stay one quiet page; and not group and fingerprint
together: a route with `continue` sends the same alert in two groups. The group's key is kept as `group`, and many
alarms of one service at once are folded by the storm rule, which knows all formats. A resolved entry resolves its own.
A group that names no alert is an alarm itself.

`truncatedAlerts` (Alertmanager's max_alerts) is noted on each signal: what was cut off never reached us, and keeps its
page open until a person or the group's next notice closes it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .reading import (
    LINE_LENGTH,
    SUMMARY_LENGTH,
    Fields,
    Unreadable,
    cut,
    digest_key,
    is_web,
    json_answer,
    one_line,
    read_object,
    severity_of,
    short_key,
    text_of,
    with_notes,
)
from .signal import Action, Answer, Format, Image, Json, Link, Malformed, Parsed, Signal

# A group may hold thousands of alerts, and Alertmanager takes a refusal as final: all of them would be lost.
MAX_BYTES = 16 * 1024 * 1024
MOST_ALERTS = 20_000

# Fields of a notice that each alert repeats, or that say nothing of their own.
KNOWN = ("version", "groupLabels", "commonLabels", "commonAnnotations", "truncatedAlerts", "title", "state", "message")

SUMMARY_ANNOTATIONS = ("summary", "description", "message", "title")
SEVERITY_LABELS = ("severity", "priority", "level")
SOURCE_LABELS = ("instance", "host", "hostname", "node", "pod", "target")
COMPONENT_LABELS = ("service", "component", "job", "container")
LINK_FIELDS = ("generatorURL", "dashboardURL", "panelURL", "silenceURL")
LINK_ANNOTATIONS = ("runbook_url", "runbook", "dashboard_url")


def refusal(status: int, reason: str, *headers: tuple[str, str]) -> Answer:
    """Alertmanager logs the first bytes of the body, so they say what is wrong."""
    return json_answer(status, {"status": "error", "error": reason}, *headers)


# Alertmanager repeats a 5xx within the flush; a 429 or any other 4xx is final until its next group_interval, by default
# five minutes later (measured against 0.25).
OVERLOAD = refusal(503, "overloaded, send again", ("Retry-After", "1"))
TOO_LARGE = refusal(413, f"body is longer than {MAX_BYTES} bytes; set max_alerts")
UNKNOWN_KEY = refusal(401, "unknown integration key", ("WWW-Authenticate", "Bearer"))


def parse(
    body: bytes,
    content_type: str = "",
    query: Mapping[str, str] = {},  # noqa: ARG001  # all formats are called alike
) -> Parsed:
    """A signal for each alert in the order sent, and a 200; raises Malformed. `query` is not used.

    An entry that makes no sense becomes an alarm of its own rather than losing its neighbours.
    """
    try:
        sent = read_object(body, content_type)
    except Unreadable as why:
        raise Malformed(refusal(400, str(why)), str(why)) from None
    notice = Fields(sent, "notice.")
    alerts, group_key = notice.take("alerts"), one_line(notice.text("groupKey"))
    if not isinstance(alerts, list) or not (alerts or group_key):
        reason = "neither a list 'alerts' with anything in it nor a 'groupKey': not an Alertmanager notice"
        raise Malformed(refusal(400, reason), reason)
    missing = sent.get("truncatedAlerts")
    missing = missing if isinstance(missing, int) else 0
    group = _Group(
        key=group_key,
        status=notice.text("status"),
        receiver=notice.line("receiver"),
        client="Grafana" if "orgId" in sent else "Alertmanager",
        client_url=notice.web("externalURL"),
        missing=missing + max(0, len(alerts) - MOST_ALERTS),
    )
    for name in KNOWN:
        notice.take(name)
    nameless: Json = {
        "labels": sent.get("commonLabels"),
        "annotations": sent.get("commonAnnotations"),
        "fingerprint": digest_key("group", group_key),
    }
    first, *rest = alerts[:MOST_ALERTS] or [nameless]
    # What the notice says beyond its alerts stands on the first: on each of thousands it would be the same again.
    signals = [_signal(first, group, notice), *(_signal(entry, group) for entry in rest)]
    return Parsed(tuple(signals), json_answer(200, {"status": "success", "signals": len(signals)}))


@dataclass(frozen=True)
class _Group:
    """What a notice says of all its alerts; `missing` are alerts of the group that are not in the notice."""

    key: str
    status: str
    receiver: str
    client: str
    client_url: str
    missing: int


def _signal(entry: Json, group: _Group, *read: Fields) -> Signal:
    alert = Fields(entry if isinstance(entry, dict) else {"alert": entry})
    labels, annotations = alert.object("labels"), alert.object("annotations")
    fingerprint = alert.text("fingerprint").strip()
    summary = _first(annotations, SUMMARY_ANNOTATIONS) or _named(labels)
    image = alert.web("imageURL")
    links = [Link(href, field) for field in LINK_FIELDS if (href := alert.web(field))]
    links += [Link(href, name) for name in LINK_ANNOTATIONS if is_web(href := _first(annotations, (name,)))]
    signal = Signal(
        action=_action(alert.text("status") or group.status),
        dedup_key=short_key(fingerprint) or _identity(labels, entry),
        summary=cut(summary, SUMMARY_LENGTH),
        severity=severity_of(_first(labels, SEVERITY_LABELS)),
        source=cut(_first(labels, SOURCE_LABELS), LINE_LENGTH),
        component=cut(_first(labels, COMPONENT_LABELS), LINE_LENGTH),
        group=cut(group.key, LINE_LENGTH),
        class_=cut(_first(labels, ("alertname",)), LINE_LENGTH),
        started_at=alert.instant("startsAt"),
        links=tuple(links),
        images=(Image(image),) if image.lower().startswith("https:") else (),
        client=group.client,
        client_url=group.client_url,
    )
    alert.instant("endsAt")
    told: dict[str, Json] = {
        "labels": labels,
        "annotations": annotations,
        "receiver": group.receiver,
        "truncated_alerts": group.missing,
        "values": alert.take("values"),
        "value_string": alert.take("valueString"),
    }
    return replace(signal, details=with_notes({name: held for name, held in told.items() if held}, alert, *read))


def _action(status: str) -> Action:
    # Anything but a clear end is an alarm: an unknown word must not silence one.
    return "resolve" if status.casefold() in ("resolved", "ok") else "trigger"


def _first(held: Mapping[str, Json], names: tuple[str, ...]) -> str:
    """The first of `names` that holds words, as one line; "" where none does."""
    return next((line for name in names if (line := one_line(text_of(held.get(name)) or ""))), "")


def _named(labels: Mapping[str, Json]) -> str:
    """A summary for an alert that came without one: its name and the labels that tell it from its neighbours."""
    told = ("alertname", *SEVERITY_LABELS)
    others = ", ".join(f"{name}={_first(labels, (name,))}" for name in sorted(labels) if name not in told)
    name = _first(labels, ("alertname",)) or "Alert without a name"
    return one_line(f"{name} ({others})" if others else name)


def _identity(labels: Mapping[str, Json], entry: Json) -> str:
    # Without a fingerprint the labels are the alert's identity; without labels, only its own text is left.
    return digest_key(json.dumps(labels or entry, sort_keys=True))


FORMAT = Format(
    "alertmanager", "Alertmanager", "/hooks/alertmanager/KEY", MAX_BYTES, OVERLOAD, TOO_LARGE, UNKNOWN_KEY, parse
)
