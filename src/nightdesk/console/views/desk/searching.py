"""Search: tickets by any word of their story, of customers, and of files; by number first, then the newest."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.refusals import Refusal
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.desk.shown import state_tone, state_words
from nightdesk.console.views.lists import as_csv, asked
from nightdesk.console.views.staff import StaffRequest, staff
from nightdesk.desk.finding import Found, Reader, find_tickets

SHOWN, EXPORTED = 25, 500
NARROWED_BY = (
    ("is:open", gettext_lazy("only what is open; also is:new, is:resolved, is:mine")),
    ("customer:acme", gettext_lazy("of that customer, by name or reference")),
    ("from:ruth", gettext_lazy("asked by somebody of that name or address")),
    ("queue:mail", gettext_lazy("in that queue")),
    ("tag:dns", gettext_lazy("with that tag")),
    ('"no dial tone"', gettext_lazy("these words, one after the other")),
)
"""What may be written beside the words, and what it does."""


@staff("read_tickets")
def search(request: StaffRequest) -> HttpResponse:
    """What is asked for, and what was found, with the words marked."""
    text = asked(request, "q")
    problem, found = None, Found([])
    try:
        found = _find(request, text, SHOWN, _after(request)) if text else found
    except Refusal as refusal:
        problem = refusal
    context: dict[str, Any] = {
        "here": "tickets",
        "q": text,
        "heading": _heading(text, found),
        "problem": problem,
        "hits": [
            {
                "url": reverse("console:ticket", args=[hit.ticket.id]),
                "number": hit.ticket.number,
                "title": hit.title,
                "pieces": hit.pieces,
                "whose": hit.ticket.customer.name if hit.ticket.customer else hit.ticket.requester_name,
                "opened": clock(hit.ticket.opened_at, request.at),
                "state": state_words(hit.ticket),
                "tone": state_tone(hit.ticket),
            }
            for hit in found.hits
        ],
        "customers": [(one.name, reverse("console:customer", args=[one.pk])) for one in found.customers],
        "cut": found.cut,
        "older_url": _older(text, found),
        "narrowed_by": NARROWED_BY,
        "csv_url": f"{reverse('console:search_csv')}?{urlencode({'q': text})}" if found.hits else "",
    }
    return render(request, "console/ticket_search.html", context, status=problem.status if problem else 200)


@staff("read_tickets")
def search_csv(request: StaffRequest) -> HttpResponse:
    """The newest that were found, as a file."""
    text = asked(request, "q")
    found = _find(request, text, EXPORTED, None) if text else Found([])
    hits = list(found.hits)
    while found.cut is not None and len(hits) < EXPORTED:
        found = _find(request, text, EXPORTED - len(hits), found.after)
        hits += found.hits
    header = ["number", "title", "customer", "state", "opened_at", "words"]
    rows = (
        (
            hit.ticket.number,
            hit.ticket.title,
            hit.ticket.customer.name if hit.ticket.customer else hit.ticket.requester_name,
            hit.ticket.state,
            hit.ticket.opened_at,
            "".join(piece.text for piece in hit.pieces),
        )
        for hit in hits
    )
    return as_csv("tickets-found", header, rows)


def _find(request: StaffRequest, text: str, most: int, after: tuple[datetime, UUID] | None) -> Found:
    person_id = request.person.id if request.person else None
    return find_tickets(text, Reader(request.brands, person_id), limit=most, after=after, typing=False)


def _heading(text: str, found: Found) -> str:
    if not text:
        return _("Search all tickets")
    if found.hits:
        return _("Found: {text}").format(text=text)
    return _("Nothing of the newest has these words") if found.cut else _("Nothing has these words")


def _after(request: StaffRequest) -> tuple[datetime, UUID] | None:
    """Where the list goes on, as its own address says; None at the beginning, and for what makes no sense."""
    try:
        at = datetime.fromisoformat(request.GET.get("at", ""))
        return (at, UUID(request.GET.get("id", ""))) if at.tzinfo is not None else None
    except ValueError:
        return None


def _older(text: str, found: Found) -> str:
    if found.after is None:
        return ""
    at, ticket_id = found.after
    return f"?{urlencode({'q': text, 'at': at.isoformat(), 'id': str(ticket_id)})}"
