"""What every staff page shows around its content: who is on call, what is open, and the way to stay live."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from nightdesk.access.matrix import brands_for
from nightdesk.base import clock
from nightdesk.base.tickets import live_url
from nightdesk.console.views.calls.ringing import pops_of
from nightdesk.duty.queries import OnDuty, away_at, who_is_on
from nightdesk.paging.decide import policy_from_json
from nightdesk.paging.models import Policy
from nightdesk.paging.queries import counts
from nightdesk.standby.queries import is_second_site

TOPICS = ("page", "promise", "delivery", "duty", "rota", "ticket", "outage", "call", "message_left", "line", "bureau")
"""What an open page may hear of. A topic says only that something changed; the page asks again by its own door."""
HOLDERS_SHOWN = 2
OPENED_BY = {
    "coverage": "read_skills",
    "next": "read_promises",
    "journal": "read_journal",
    "people": "read_people",
    "me": "edit_own_contacts",
    "load": "edit_own_contacts",
    "service_figures": "read_figures",
    "choosing": "read_comparisons",
    "working_time": "read_rota",
    "mails": "read_mails",
    "maintenance": "read_work",
    "visits": "read_visits",
    "tickets": "read_tickets",
    "outages": "read_outages",
    "procedures": "read_procedures",
    "calls": "read_calls",
    "bureau": "read_bureau",
    "settings": "read_customers",
}
"""Entries of the navigation that not every role may open, and the verb that opens each."""


def every_page(request: HttpRequest) -> dict[str, Any]:
    """`at` for every template; for staff also `on_call`, `open_counts`, `closed_to_reader`, `closed_key`, `live_ticket_url`,
    `palette_url`, `ringing`.

    They are functions, asked only by the templates that draw them: a page of an error asks the database nothing.
    """
    at: datetime = getattr(request, "at", None) or clock.now()
    actor = getattr(request, "actor", None)
    if actor is None:
        return {"at": at}
    closed = _once(lambda: {name for name, verb in OPENED_BY.items() if brands_for(actor, verb) == set()})
    return {
        "at": at,
        "second_site_url": reverse("console:second_site") if is_second_site() else "",
        "closed_to_reader": closed,
        "closed_key": _once(lambda: " ".join(sorted(closed()))),
        "on_call": _once(lambda: _on_call(request, at)),
        "open_counts": _once(lambda: counts(brands_for(actor, "read_pages"))),
        "live_ticket_url": _once(lambda: live_url((*TOPICS, *own_topics(request)), at=at)),
        "ringing": _once(lambda: _ringing(request)),
        "palette_url": reverse("console:find"),
    }


def in_order_of_waking(duties: list[OnDuty], brands: set[int] | None) -> list[OnDuty]:
    """The seats that the brands' policies ring come first, in the order in which they do."""
    policies = Policy.objects.all() if brands is None else Policy.objects.filter(brand_id__in=brands)
    places: dict[str, int] = {}
    for stamp in policies.values_list("stamp", flat=True):
        for place, step in enumerate(policy_from_json(stamp).steps):
            for target in step.targets:
                if target.kind == "seat":
                    places[target.key] = min(place, places.get(target.key, place))
    return sorted(duties, key=lambda duty: places.get(duty.seat_key, len(places)))


def own_topics(request: Any) -> tuple[str, ...]:
    """What every page hears of beside its own topics: that the reader's telephone rings. Nothing where it never can."""
    rung = request.person is not None and brands_for(request.actor, "read_calls") != set()
    return (f"rings:{request.person.id}",) if rung else ()


def _ringing(request: Any) -> dict[str, Any] | None:
    topics = own_topics(request)
    return {"topic": topics[0], "pops": pops_of(request)} if topics else None


def _once(ask: Callable[[], Any]) -> Callable[[], Any]:
    return cache(ask)


def _on_call(request: Any, at: datetime) -> list[dict[str, Any]] | None:
    """What parts/holders.html shows; None where the reader may not know it."""
    brands = brands_for(request.actor, "read_rota")
    if brands is not None and not brands:
        return None
    me = request.person.id if request.person else None
    held = [duty for duty in who_is_on(at, brands) if duty.person_id is not None]
    held = in_order_of_waking(held, brands)
    # Whoever reads is shown in any case.
    held.sort(key=lambda duty: duty.person_id != me)
    held = held[:HOLDERS_SHOWN]
    away = away_at(at, [duty.person_id for duty in held if duty.person_id is not None])
    return [
        {
            "name": duty.person_name.split()[0] if duty.person_name else "",
            "initials": "".join(word[0] for word in duty.person_name.split()[:2]).upper(),
            "until_at": duty.until,
            "seat": duty.seat_name,
            "mine": duty.person_id == me,
            "away_until": away[duty.person_id].until_at if duty.person_id in away else None,
        }
        for duty in held
    ]
