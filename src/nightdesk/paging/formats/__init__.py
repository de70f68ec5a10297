"""Alarms of other people's systems, read into signals: one file a format, all of the same shape.

A format is `FORMAT` in its module: `parse(body, content_type, query) -> Parsed`, which raises `Malformed` and nothing
else, and the answers that its senders understand for "too much", "too large" and "who are you".
"""

from collections.abc import Mapping

from . import (
    alertmanager,
    email_rules,
    generic,
    goalert,
    grafana,
    nagios,
    opsgenie,
    pagerduty_change,
    pagerduty_v1,
    pagerduty_v2,
)
from .signal import Action, Answer, Effect, Format, Image, Link, Malformed, Parsed, Severity, Signal, Taken

FORMATS: Mapping[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        pagerduty_v2,
        alertmanager,
        generic,
        opsgenie,
        pagerduty_v1,
        pagerduty_change,
        grafana,
        goalert,
        nagios,
        email_rules,
    )
}

OFFERED = tuple(name for name in FORMATS if name != "pagerduty_change")
"""What a key may be made for. A key opens every door; that of change events pages nobody, so nobody has one only for it."""

__all__ = [
    "FORMATS",
    "OFFERED",
    "Action",
    "Answer",
    "Effect",
    "Format",
    "Image",
    "Link",
    "Malformed",
    "Parsed",
    "Severity",
    "Signal",
    "Taken",
]
