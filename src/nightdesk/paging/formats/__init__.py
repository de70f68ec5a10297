"""Alarms of other people's systems, read into signals: one file a format, all of the same shape.

A format is `FORMAT` in its module: `parse(body, content_type, query) -> Parsed`, which raises `Malformed` and nothing
else, and the answers that its senders understand for "too much", "too large" and "who are you".
"""

from collections.abc import Mapping

from . import alertmanager, email_rules, generic, pagerduty_v2
from .signal import Action, Answer, Format, Image, Link, Malformed, Parsed, Severity, Signal

FORMATS: Mapping[str, Format] = {
    module.FORMAT.name: module.FORMAT for module in (pagerduty_v2, alertmanager, generic, email_rules)
}

__all__ = [
    "FORMATS",
    "Action",
    "Answer",
    "Format",
    "Image",
    "Link",
    "Malformed",
    "Parsed",
    "Severity",
    "Signal",
]
