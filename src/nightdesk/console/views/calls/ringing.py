"""Who rings the reader's telephone, on every page of theirs, before they pick up: name, contract, tickets, outage, history."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.access.matrix import brands_for
from nightdesk.calls import queries
from nightdesk.calls.models import Call, Leg
from nightdesk.console.views.calls.shown import caller_name, links_of, number_text
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.staff import StaffRequest, may, staff
from nightdesk.customers.models import Contract, Customer
from nightdesk.desk.models import Ticket
from nightdesk.desk.worklist import Wanted, chosen
from nightdesk.outages.queries import told_to

TICKETS_SHOWN = 3


@staff("read_calls")
def ringing(request: StaffRequest) -> HttpResponse:
    """The strip itself; it draws nothing while nobody rings."""
    context = {"pops": pops_of(request)}
    return page_or_part(request, "ringing", {"strip"}, context)


def pops_of(request: StaffRequest) -> list[dict[str, Any]]:
    """A card for each call that rings the reader, or that they are in."""
    if request.person is None:
        return []
    brands = brands_for(request.actor, "read_calls")
    legs = list(Leg.objects.filter(person=request.person, ended_at=None, call__ended_at=None).order_by("ordered_at"))
    if not legs:
        return []  # as on nearly every page: what a call is takes ten tables
    calls = {call.pk: call for call in queries.calls(brands).filter(pk__in=[leg.call_id for leg in legs])}
    return [_pop(request, calls[leg.call_id], leg) for leg in legs if leg.call_id in calls]


def _pop(request: StaffRequest, call: Call, leg: Leg) -> dict[str, Any]:
    talking = leg.picked_up_at is not None
    number = number_text(call.number, call.line)
    brand_id = call.line.brand_id
    customer = call.customer
    return {
        "id": call.pk,
        "url": reverse("console:call", args=[call.pk]),
        "state": _("You have them") if talking else _("Rings you"),
        "talking": talking,
        "name": caller_name(call),
        "number": number if number != caller_name(call) else "",
        "line": call.line.name,
        "since": call.came_at,
        "contract": _contract(request, customer) if customer is not None else "",
        "customer_url": reverse("console:customer", args=[customer.pk])
        if customer is not None and may(request, "read_customers", brand_id)
        else "",
        "tickets": _tickets(request, customer)
        if customer is not None and may(request, "read_tickets", brand_id)
        else [],
        "outages": _outages(customer) if customer is not None else [],
        "before": _before(request, call),
        "new_ticket_url": f"{reverse('console:new_ticket')}?customer={customer.pk}"
        if customer is not None and may(request, "open_ticket", brand_id)
        else "",
        **links_of(request, call.ticket_id, call.outage_id, brand_id),
    }


def _contract(request: StaffRequest, customer: Customer) -> str:
    """ "Gold, may wake P1 and P2"."""
    today = request.at.date()
    rows = Contract.objects.filter(customer=customer, valid_from__lte=today).order_by("-valid_from")
    row = next((each for each in rows if each.valid_until is None or each.valid_until > today), None)
    if row is None:
        return _("no contract")
    wakes = _("may wake {priorities}").format(priorities=", ".join(row.may_wake)) if row.may_wake else _("wakes nobody")
    live = _("live answer") if row.live_answer else ""
    return ", ".join(part for part in (row.name, wakes, live) if part)


def _tickets(request: StaffRequest, customer: Customer) -> list[dict[str, str]]:
    rows: list[Ticket] = list(
        chosen(Wanted(customer=str(customer.pk)), brands_for(request.actor, "read_tickets"))[:TICKETS_SHOWN]
    )
    return [
        {"url": reverse("console:ticket", args=[each.pk]), "label": f"#{each.number} P{each.priority} {each.title}"}
        for each in rows
    ]


def _outages(customer: Customer) -> list[dict[str, str]]:
    rows = [outage for outage, _update in told_to(customer.pk)]
    return [
        {"url": reverse("console:outage", args=[each.pk]), "label": each.public_title or each.title} for each in rows
    ]


def _before(request: StaffRequest, call: Call) -> str:
    """How often they rang before."""
    rows = queries.calls(brands_for(request.actor, "read_calls")).filter(came_at__lt=call.came_at)
    if call.customer_id is not None:
        rows = rows.filter(customer=call.customer_id)
    elif call.number:
        rows = rows.filter(number=call.number)
    else:
        return ""
    count = rows[:100].count()
    if not count:
        return _("rings for the first time")
    return ngettext("{count} call before", "{count} calls before", count).format(count=count)
