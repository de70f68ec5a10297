"""How each provider does: what waits for it, what it takes and how fast, what went wrong last."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.channels.models import Route
from nightdesk.channels.queries import RouteHealth, route_health
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import as_csv
from nightdesk.console.views.people import CHANNEL_NAMES
from nightdesk.console.views.staff import StaffRequest, may, staff, within

LATE_AFTER = timedelta(seconds=30)


def _health(request: StaffRequest) -> list[tuple[Route, RouteHealth]]:
    routes = Route.objects.filter(within(request.brands, or_none=True)).in_bulk()
    return [(routes[each.route_id], each) for each in route_health(request.at) if each.route_id in routes]


@staff("read_deliveries")
def providers(request: StaffRequest) -> HttpResponse:
    """Each provider in the order of its use, with the last hour's figures."""
    known = _health(request)
    resting = sum(how.rests for _route, how in known)
    late = max((how.oldest_unsent for _route, how in known if how.oldest_unsent), default=None)
    heading = (
        ngettext("{count} provider rests", "{count} providers rest", resting).format(count=resting)
        if resting
        else (_("Every provider works") if known else _("No provider is set"))
    )
    context = {
        "here": "messages",
        "heading": heading,
        "waiting": _("The oldest message has waited {time}.").format(time=_span(late))
        if late is not None and late > LATE_AFTER
        else "",
        "providers": [_shown(request, route, how) for route, how in known],
        "csv_url": reverse("console:providers_csv"),
    }
    return page_or_part(request, "providers", {"list"}, context)


def _shown(request: StaffRequest, route: Route, how: RouteHealth) -> dict[str, Any]:
    brand = route.brand.name if route.brand else _("every brand")
    return {
        "name": how.name,
        "url": reverse("console:route", args=[route.id]) if may(request, "save_route", route.brand_id) else "",
        "channel": " · ".join([str(CHANNEL_NAMES.get(how.channel, how.channel)), how.driver, brand]),
        "tag": _tag(route, how),
        "figures": _figures(how),
        "trouble": how.trouble,
        "trouble_at": how.trouble_at,
        "messages_url": f"{reverse('console:messages')}?route={route.id}",
    }


def _tag(route: Route, how: RouteHealth) -> dict[str, str]:
    if not how.enabled:
        return {"text": _("off"), "tone": ""}
    if how.rests:
        until = localtime(route.resting_until)
        return {"text": _("rests until {time}").format(time=f"{until:%H:%M:%S}"), "tone": "fire"}
    if how.failures:
        return {"text": _("stumbles"), "tone": "accent"}
    return {"text": _("in use"), "tone": "calm"}


def _figures(how: RouteHealth) -> list[tuple[str, str]]:
    rate = how.success_rate
    return [
        (_("Oldest unsent"), _span(how.oldest_unsent) if how.oldest_unsent is not None else _("nothing waits")),
        (_("Taken in the last hour"), f"{how.sent}" if rate is None else f"{how.sent} ({round(100 * rate)} %)"),
        (_("Did not arrive"), f"{how.undelivered}"),
        (_("Hand-over takes"), _ms(how.median_ms)),
        (_("Receipt takes"), _ms(how.receipt_median_ms)),
        *_cost(how),
    ]


def _cost(how: RouteHealth) -> list[tuple[str, str]]:
    """What was paid for this month; nothing where nothing is paid by the part."""
    if not how.parts:
        return []
    parts = ngettext("{count} part", "{count} parts", how.parts).format(count=how.parts)
    costs = " + ".join(map(str, how.costs)) or _("no price set")
    return [(_("This month, ex VAT"), f"{parts}, {costs}")]


def _ms(value: int | None) -> str:
    if value is None:
        return "–"
    return _("{seconds} s").format(seconds=f"{value / 1000:.1f}") if value >= 1000 else _("{ms} ms").format(ms=value)


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return _("{count} s").format(count=seconds) if seconds < 120 else _("{count} min").format(count=seconds // 60)


@staff("read_deliveries")
def providers_csv(request: StaffRequest) -> HttpResponse:
    """The same figures as a file."""
    header = [
        "route", "channel", "driver", "brand", "enabled", "rests", "failures", "oldest_unsent_s", "sent", "refused",
        "undelivered", "success_rate", "median_ms", "receipt_median_ms", "trouble", "trouble_at", "parts_this_month",
        "cost_this_month",
    ]  # fmt: skip
    rows = (
        [
            how.name, how.channel, how.driver, route.brand, how.enabled, how.rests, how.failures,
            int(how.oldest_unsent.total_seconds()) if how.oldest_unsent is not None else None, how.sent, how.refused,
            how.undelivered, how.success_rate, how.median_ms, how.receipt_median_ms, how.trouble, how.trouble_at,
            how.parts, " + ".join(map(str, how.costs)),
        ]
        for route, how in _health(request)
    )  # fmt: skip
    return as_csv("providers", header, rows)
