"""Where the page of a subject (kind, id) stands."""

from uuid import UUID

from django.urls import reverse

_PAGES = {
    "page": "console:page",
    "mail": "console:mail",
    "ticket": "console:ticket",
    "call": "console:call",
    "message_left": "console:left_message",
    "outage": "console:outage",
    "visit": "console:visit",
    "update": "console:outage_update",
    "planned-work": "console:one_maintenance",
    "plan": "console:plan",
    "work-planning": "console:one_maintenance",
    "incident_report": "console:incident",
    "entry": "console:entry",
}
_NUMBERED = {
    "person": "console:person",
    "site": "console:site",
    "rota": "console:one_rota",
    "cover": "console:cover_search",
    "customer": "console:customer",
    "policy": "console:policy",
    "route": "console:route",
    "mailbox": "console:mailbox",
    "hours": "console:hours",
    "line": "console:line",
    "brand": "console:brand",
    "user": "console:user",
    "heartbeat": "console:heartbeat",
    "procedure": "console:procedure",
    "briefing": "console:briefing",
    "spare": "console:spare",
    "carrier": "console:carrier",
    "template": "console:template",
    "statement": "console:statement",
}
_LISTED = {
    "address": "console:mailboxes",
    "seat": "console:rota",
    "integration": "console:integrations",
    "telephone": "console:telephones",
    "token": "console:tokens",
    "silence": "console:quiet",
    "work": "console:quiet",
    "freeze": "console:work_settings",
    "queue": "console:desk_settings",
    "macro": "console:desk_settings",
    "team": "console:desk_settings",
    "saying": "console:sayings",
    "confirm_rule": "console:outage_rules",
}
"""Subjects without a page of their own, which stand in a list."""


def url_of(kind: str, subject_id: str) -> str:
    """The address of the subject's page; "" for what has none."""
    if kind in _PAGES:
        try:
            return reverse(_PAGES[kind], args=[UUID(subject_id)])
        except ValueError:
            return ""
    if kind in _NUMBERED and subject_id.isdecimal():
        return reverse(_NUMBERED[kind], args=[int(subject_id)])
    return reverse(_LISTED[kind]) if kind in _LISTED else ""
