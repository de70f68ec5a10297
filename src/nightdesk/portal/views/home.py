"""What the company has with us, whether it works, and what we promise."""

from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.customers.models import Subscription
from nightdesk.customers.priority import Priority
from nightdesk.customers.queries import contract_facts, promised_now
from nightdesk.desk.models import Ticket
from nightdesk.outages import saying
from nightdesk.outages.effect import Effect
from nightdesk.portal import wording
from nightdesk.portal.door import CustomerRequest, draw, may, page
from nightdesk.portal.outage_queries import availability, effects_now, name_of, open_outages, past_year, works_of
from nightdesk.portal.queries import OPEN, services_of, tickets_of
from nightdesk.portal.views.outages import card_of, language_of, zone_of

LOOKED_AT = 500


@page()
def home(request: CustomerRequest) -> HttpResponse:
    """Does mine work, what happened, when do I hear more?"""
    services = list(services_of(request.contact))
    company = request.customer.pk
    outages = open_outages(company, language_of(request), request.at)
    touched = effects_now(outages)
    reported = _reported(request, services)
    contract = contract_facts(company, request.at)
    cover = promised_now(company, Priority.P3, request.at)
    zone = contract.hours.zone if contract else request.customer.zone
    shares = availability(company, request.at)
    context = {
        "heading": _heading(len(services), [service.effect for service, _outage in touched.values()]),
        "services": [
            {
                "each": each,
                "name": name_of(each),
                "touch": touched.get(each.pk, (None, None))[0],
                "told": reported.get(each.pk),
                "share": shares.get(each.pk, "100") if outages or shares else "",
            }
            for each in services
        ],
        "cards": [card_of(outage, request) for outage in outages],
        "works": [
            (each, saying.span_text(each.starts_at, each.ends_at, zone_of(request)), saying.WORK_STATES[each.state])
            for each in works_of(company, language_of(request), request.at)
            if not each.over
        ],
        "figures": saying.punctuality_text(past_year(company, request.at)),
        "may_open": may(request, "open_ticket"),
        "now": wording.now_text(cover, contract, ZoneInfo(zone)),
        "open_now": cover.open_now,
    }
    return draw(request, "portal/home.html", context, here="services")


def _reported(request: CustomerRequest, services: list[Subscription]) -> dict[int, Ticket]:
    """Subscription -> the open ticket that they opened about it; of a ticket that names the service alone, where they buy one."""
    of_service: dict[int, list[int]] = {}
    for each in services:
        of_service.setdefault(each.service_id, []).append(each.pk)
    found: dict[int, Ticket] = {}
    for ticket in tickets_of(request.contact).filter(state__one_of=OPEN, kind="incident", merged_into=None)[:LOOKED_AT]:
        if ticket.subscription_id is not None:
            found[ticket.subscription_id] = ticket
        elif len(bought := of_service.get(ticket.service_id or 0, [])) == 1:
            found[bought[0]] = ticket
    return found


def _heading(count: int, effects: list[Effect]) -> str:
    """How their services stand, in one line."""
    if not count:
        return _("You have no services with us yet")
    down = sum(effect is Effect.DOWN for effect in effects)
    if down:
        return ngettext(
            "{down} of your {count} services is not working", "{down} of your {count} services are not working", down
        ).format(down=down, count=count)
    poor = sum(effect is Effect.DEGRADED for effect in effects)
    if poor:
        return ngettext(
            "{poor} of your {count} services does not work as it should",
            "{poor} of your {count} services do not work as they should",
            poor,
        ).format(poor=poor, count=count)
    return ngettext("No fault is known of your service", "No fault is known of your {count} services", count).format(
        count=count
    )


@page()
def contract(request: CustomerRequest) -> HttpResponse:
    """What we promise them, in plain words."""
    facts = contract_facts(request.customer.pk, request.at)
    cover = promised_now(request.customer.pk, Priority.P3, request.at)
    context: dict[str, object] = {"facts": facts}
    if facts is not None:
        zone = ZoneInfo(facts.hours.zone)
        valid = (facts.valid_from is None or facts.valid_from <= request.at) and (
            facts.valid_until is None or request.at < facts.valid_until
        )
        context |= {
            "valid": valid,
            "zone": wording.zone_name(zone.key),
            "own_zone": zone.key == (request.contact.zone or request.customer.zone),
            "week": wording.week_of(facts),
            "unusual": wording.unusual_of(facts, request.at.astimezone(zone).date()),
            "outside": wording.OUTSIDE[facts.out_of_hours],
            "promises": list(wording.promises_of(facts)),
            "not_at_night": sorted(facts.not_at_night),
            "until": facts.valid_until.astimezone(zone) if facts.valid_until else None,
            "now": wording.now_text(cover, facts, zone),
            "open_now": cover.open_now,
        }
    return draw(request, "portal/contract.html", context, here="contract")
