"""The desk's own words: states, reasons, levels and kinds of contact as people say them."""

from django.utils.translation import gettext_lazy

STATE_WORDS = {
    "new": gettext_lazy("New"),
    "assigned": gettext_lazy("Assigned"),
    "in_progress": gettext_lazy("In progress"),
    "pending": gettext_lazy("Waiting"),
    "resolved": gettext_lazy("Resolved"),
    "closed": gettext_lazy("Closed"),
    "cancelled": gettext_lazy("Cancelled"),
}
WAITING_WORDS = {
    "awaiting_caller": gettext_lazy("Waiting on the customer"),
    "awaiting_change": gettext_lazy("Waiting on a change"),
    "awaiting_problem": gettext_lazy("Waiting on a problem"),
    "awaiting_supplier": gettext_lazy("Waiting on a supplier"),
}
LEVEL_WORDS = {
    "1": gettext_lazy("level 1, the desk"),
    "2": gettext_lazy("level 2"),
    "3": gettext_lazy("level 3"),
    "supplier": gettext_lazy("a supplier"),
}
CONTACT_WORDS = {
    "first_response": gettext_lazy("First response"),
    "question": gettext_lazy("Question"),
    "site_visit": gettext_lazy("Site visit"),
    "resolution": gettext_lazy("Resolution"),
}
GRADES = [
    ("high", gettext_lazy("High")),
    ("medium", gettext_lazy("Medium")),
    ("low", gettext_lazy("Low")),
]
"""Of impact and of urgency."""
KINDS = [("incident", gettext_lazy("Incident")), ("request", gettext_lazy("Request"))]
TRUST_WORDS = {
    "verified": gettext_lazy("their own address, checked"),
    "unverified": gettext_lazy("nobody has made sure that they are who they say"),
    "staff": gettext_lazy("taken down by us"),
    "machine": gettext_lazy("a machine"),
}
