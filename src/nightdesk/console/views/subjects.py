"""Where the page of a subject (kind, id) stands."""

from uuid import UUID

from django.urls import reverse

_PAGES = {"page": "console:page"}
_NUMBERED = {
    "person": "console:person",
    "rota": "console:one_rota",
    "customer": "console:customer",
    "integration": "console:integration",
    "policy": "console:policy",
    "route": "console:route",
    "hours": "console:hours",
    "brand": "console:brand",
    "user": "console:user",
}


def url_of(kind: str, subject_id: str) -> str:
    """The address of the subject's page; "" for what has none."""
    if kind in _PAGES:
        try:
            return reverse(_PAGES[kind], args=[UUID(subject_id)])
        except ValueError:
            return ""
    if kind in _NUMBERED and subject_id.isdecimal():
        return reverse(_NUMBERED[kind], args=[int(subject_id)])
    if kind == "seat":
        return reverse("console:rota")
    return ""
