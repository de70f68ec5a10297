"""What the company has with us, whether it works, and what we promise."""

from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.customers.priority import Priority
from nightdesk.customers.queries import contract_facts, promised_now
from nightdesk.portal import wording
from nightdesk.portal.door import CustomerRequest, draw, page
from nightdesk.portal.queries import services_of


@page()
def home(request: CustomerRequest) -> HttpResponse:
    """Does mine work, what happened, when do I hear more?"""
    services = list(services_of(request.contact))
    contract = contract_facts(request.customer.pk, request.at)
    cover = promised_now(request.customer.pk, Priority.P3, request.at)
    zone = contract.hours.zone if contract else request.customer.zone
    context = {
        "heading": _heading(len(services)),
        "services": services,
        "now": wording.now_text(cover, contract, ZoneInfo(zone)),
        "open_now": cover.open_now,
    }
    return draw(request, "portal/home.html", context, here="services")


def _heading(count: int) -> str:
    if not count:
        return _("You have no services with us yet")
    return ngettext("Your service", "Your {count} services", count).format(count=count)


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
