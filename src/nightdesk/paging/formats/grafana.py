"""Grafana's webhook: of version 9 and later as Alertmanager's, and the legacy one of version 8 and before.

Legacy alerting sends one rule at a time: `state` alerting or no_data begins its alarm and ok ends it. pending and paused
are notes: the first is no alarm yet, and a paused rule says nothing any more about what it found, so that its page stays
until a person closes it.
"""

from collections.abc import Mapping
from dataclasses import replace

from . import alertmanager
from .alertmanager import MAX_BYTES, OVERLOAD, TOO_LARGE, UNKNOWN_KEY, refusal
from .reading import (
    SUMMARY_LENGTH,
    Fields,
    Unreadable,
    digest_key,
    json_answer,
    one_line,
    read_object,
    severity_of,
    text_of,
    with_notes,
)
from .signal import Action, Format, Image, Json, Link, Malformed, Parsed, Signal

STATES: Mapping[str, Action] = {"ok": "resolve", "pending": "note", "paused": "note"}


def parse(body: bytes, content_type: str = "", query: Mapping[str, str] = {}) -> Parsed:  # read only
    """A signal for each alert, or the one of the legacy rule, and a 200; raises Malformed."""
    try:
        sent = read_object(body, content_type)
    except Unreadable as why:
        raise Malformed(refusal(400, str(why)), str(why)) from None
    if isinstance(sent.get("alerts"), list):
        return alertmanager.parse(body, content_type, query)
    rule = Fields(sent)
    number, name = rule.text("ruleId").strip(), rule.line("ruleName", SUMMARY_LENGTH)
    title, message = rule.line("title", SUMMARY_LENGTH), rule.text("message")
    if not (number or name):
        reason = "neither a list 'alerts' nor a 'ruleId' or 'ruleName': not a notice of Grafana"
        raise Malformed(refusal(400, reason), reason)
    state = rule.line("state").casefold()
    action = STATES.get(state, "trigger")
    tags, matches = rule.object("tags"), rule.take("evalMatches")
    org = rule.text("orgId")
    link, picture = rule.web("ruleUrl"), rule.web("imageUrl")
    words = one_line(message)
    signal = Signal(
        action=action,
        dedup_key=digest_key("grafana", org, number or name),
        summary=name or title or f"Grafana rule {number}",
        severity=severity_of(one_line(text_of(tags.get("severity")) or "")),
        source=one_line(text_of(tags.get("host") or tags.get("instance")) or "")[:200],
        component=one_line(text_of(tags.get("service")) or "")[:200],
        class_=name[:200],
        links=(Link(link, "ruleUrl"),) if link else (),
        images=(Image(picture),) if picture.lower().startswith("https:") else (),
        client="Grafana",
        text=f"{state}: {words or name or number}" if action == "note" else "",
    )
    told: dict[str, Json] = {"message": message, "title": title, "state": state, "tags": tags, "evalMatches": matches}
    told |= {name: rule.take(name) for name in ("dashboardId", "panelId")}
    details = with_notes({name: held for name, held in told.items() if held}, rule)
    return Parsed((replace(signal, details=details),), json_answer(200, {"status": "success", "signals": 1}))


FORMAT = Format("grafana", "Grafana", "/hooks/grafana/KEY", MAX_BYTES, OVERLOAD, TOO_LARGE, UNKNOWN_KEY, parse)
