"""What the company has with us, whether it works, and what we promise."""

from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.customers.models import Subscription
from nightdesk.customers.priority import Priority
from nightdesk.customers.queries import contract_facts, promised_now
from nightdesk.desk.models import Ticket
from nightdesk.portal import wording
from nightdesk.portal.door import CustomerRequest, draw, may, page
from nightdesk.portal.queries import OPEN, KnownFault, known_faults, services_of, tickets_of

LOOKED_AT = 500


@page()
def home(request: CustomerRequest) -> HttpResponse:
    """Does mine work, what happened, when do I hear more?"""
    services = list(services_of(request.contact))
    faults = known_faults()
    reported: dict[int | None, Ticket] = {
        each.service_id: each
        for each in tickets_of(request.contact).filter(state__in=OPEN, kind="incident", merged_into=None)[:LOOKED_AT]
    }
    contract = contract_facts(request.customer.pk, request.at)
    cover = promised_now(request.customer.pk, Priority.P3, request.at)
    zone = contract.hours.zone if contract else request.customer.zone
    context = {
        "heading": _heading(len(services), sum(each.service_id in faults for each in services)),
        "services": [(each, faults.get(each.service_id), reported.get(each.service_id)) for each in services],
        "faults": _by_service(services, faults),
        "may_open": may(request, "open_ticket"),
        "now": wording.now_text(cover, contract, ZoneInfo(zone)),
        "open_now": cover.open_now,
    }
    return draw(request, "portal/home.html", context, here="services")


def _by_service(services: list[Subscription], faults: dict[int, KnownFault]) -> list[tuple[str, KnownFault]]:
    names = {each.service_id: each.service.name for each in services}
    return [(names[key], fault) for key, fault in faults.items() if key in names]


def _heading(count: int, faulty: int) -> str:
    if not count:
        return _("You have no services with us yet")
    if faulty:
        return ngettext(
            "{faulty} of your {count} services has a fault", "{faulty} of your {count} services have a fault", faulty
        ).format(faulty=faulty, count=count)
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
