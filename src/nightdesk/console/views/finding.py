"""What the palette (Ctrl K) finds by name: tickets, people, pages, customers, rotas, procedures; and the desk's actions."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.choices import people_within
from nightdesk.console.views.desk.queue import TABS
from nightdesk.console.views.desk.shown import state_words
from nightdesk.console.views.staff import StaffRequest, staff, within
from nightdesk.customers.models import Customer
from nightdesk.desk.finding import Reader, find_tickets
from nightdesk.knowledge.folding import as_query
from nightdesk.knowledge.models import Procedure
from nightdesk.knowledge.queries import find_procedures
from nightdesk.paging.models import Page
from nightdesk.rota.models import Rota

EACH = 5


@staff("read_pages")
def find(request: StaffRequest) -> HttpResponse:
    """[{"label", "kind", "url"}] for `?q=`, of what the reader may see."""
    text = request.GET.get("q", "").strip()[:80]
    return JsonResponse(_found(request, text) if text else [], safe=False)


def _found(request: StaffRequest, text: str) -> list[dict[str, Any]]:
    rows: list[tuple[str, str, str]] = []
    seen = _brands(request, "read_tickets")
    if seen is None or seen:
        person_id = request.person.id if request.person else None
        hits = []
        with suppress(Invalid):  # a filter that is being typed says nothing yet
            hits = find_tickets(text, Reader(seen, person_id), limit=EACH).hits
        for hit in hits:
            ticket, url = hit.ticket, reverse("console:ticket", args=[hit.ticket.id])
            rows.append((f"#{ticket.number} {ticket.title}", state_words(ticket), url))
        everything = _("Search all tickets for “{text}”").format(text=text)
        rows.append((everything, _("tickets"), f"{reverse('console:search')}?{urlencode({'q': text})}"))
        rows += [(label, _("tickets"), url) for label, url in _doings(request) if text.lower() in label.lower()]
    pages = Page.objects.filter(within(request.brands)).filter(Q(code__iexact=text) | Q(title__icontains=text))
    for page in pages.order_by("-started_at")[:EACH]:
        rows.append((page.title, _("page {code}").format(code=page.code), reverse("console:page", args=[page.id])))
    for person in people_within(_brands(request, "read_people")).filter(name__icontains=text)[:EACH]:
        if _brands(request, "read_people") != set():
            rows.append((person.name, _("person"), reverse("console:person", args=[person.id])))
    customers = Customer.objects.filter(within(_brands(request, "read_customers")))
    for customer in customers.filter(Q(name__icontains=text) | Q(ref__iexact=text))[:EACH]:
        rows.append((customer.name, _("customer"), reverse("console:customer", args=[customer.id])))
    for rota in Rota.objects.filter(within(_brands(request, "read_rota")), name__icontains=text)[:EACH]:
        rows.append((rota.name, _("rota"), reverse("console:one_rota", args=[rota.id])))
    procedures = Procedure.objects.filter(within(_brands(request, "read_procedures")), retired_at=None)
    for procedure in find_procedures(procedures, text)[:EACH] if as_query(text) else []:
        rows.append((procedure.title, _("procedure"), reverse("console:procedure", args=[procedure.pk])))
    return [{"label": label, "kind": kind, "url": url} for label, kind, url in rows]


def _doings(request: StaffRequest) -> list[tuple[str, str]]:
    """What an agent may want to go to or do, from anywhere."""
    here = reverse("console:tickets")
    found = [(str(label), f"{here}?view={view}") for view, label in TABS.items()]
    if _brands(request, "open_ticket") != set():
        found.insert(0, (_("New ticket"), reverse("console:new_ticket")))
    return found


def _brands(request: StaffRequest, verb: str) -> set[int] | None:
    return brands_for(request.actor, verb)
