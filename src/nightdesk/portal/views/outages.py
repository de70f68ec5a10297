"""Outages that touch the company: each with its story, all that were, and the ways to hear of them elsewhere."""

import csv
from io import StringIO
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.translation import gettext as _

from nightdesk.base.refusals import NotFound
from nightdesk.outages import link_actions, saying
from nightdesk.outages.links import SHARED_FOR, feed_address
from nightdesk.outages.published import PublishedUpdate
from nightdesk.outages.published_queries import address_of
from nightdesk.portal import belt
from nightdesk.portal.door import CustomerRequest, doing, draw, found, gone_to, may, page, posting
from nightdesk.portal.outage_queries import MyOutage, edition_of, feed_link_of, outages_of, past_year, report_for, told
from nightdesk.portal.status_page import outage_card
from nightdesk.portal.views.people import as_file, cell
from nightdesk.reports.incident_document import Document, as_html
from nightdesk.reports.incident_writing import FORMS, for_customer

PAGE_ROWS = 25
EXPORTED = 1000


def language_of(request: CustomerRequest) -> str:
    """The reader's own language."""
    return request.contact.language or request.customer.language


def zone_of(request: CustomerRequest) -> ZoneInfo:
    """The reader's own zone."""
    return ZoneInfo(request.contact.zone or request.customer.zone)


def card_of(mine: MyOutage, request: CustomerRequest) -> dict[str, Any]:
    """What parts/outage.html shows."""
    return outage_card(mine.outage, zone_of(request), request.at) | {"mine": mine}


@page()
def outages(request: CustomerRequest) -> HttpResponse:
    """Every outage that touched the company, with the time of each update."""
    text = request.GET.get("page", "")
    number = max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 6 else 1
    start = (number - 1) * PAGE_ROWS
    rows = outages_of(request.customer.pk)[start : start + PAGE_ROWS + 1]
    here = told(rows[:PAGE_ROWS], request.customer.pk, language_of(request), request.at)
    months: dict[str, list[dict[str, Any]]] = {}
    for each in here:
        month = f"{each.outage.began_at.astimezone(zone_of(request)):%Y-%m}"
        months.setdefault(month, []).append(card_of(each, request))
    context = {
        "heading": _("Past outages"),
        "figures": saying.punctuality_text(past_year(request.customer.pk, request.at)),
        "months": [(cards[0]["outage"].began_at, cards) for cards in months.values()],
        "newer": f"?page={number - 1}" if number > 1 else "",
        "older": f"?page={number + 1}" if len(rows) > PAGE_ROWS else "",
    }
    return draw(request, "portal/outages.html", context, here="outages")


@page()
def outages_csv(request: CustomerRequest) -> HttpResponse:
    """The same as a file: a line an update, with what it promised and whether the promise was kept."""
    text = StringIO()
    lines = csv.writer(text)
    lines.writerow(
        ["outage", "title", "began", "over", "update", "state", "text", "next_update_by", "next_update_on_time"]
    )
    rows = outages_of(request.customer.pk)[:EXPORTED]
    for mine in told(rows, request.customer.pk, language_of(request), request.at):
        outage = mine.outage
        around = [f"O-{outage.number}", cell(outage.title), _moment(outage.began_at, request)]
        later: PublishedUpdate | None = None
        lines_of = []
        for update in outage.updates:
            kept = update.next_at and ((later.published_at if later else request.at) <= update.next_at)
            said = [_moment(update.published_at, request), update.state, cell(update.text)]
            promised = [_moment(update.next_at, request), "" if kept is None else "yes" if kept else "no"]
            lines_of.append([*around, _moment(outage.resolved_at, request), *said, *promised])
            later = update
        lines.writerows(reversed(lines_of))
    return as_file(text.getvalue(), "outages")


def _moment(instant: Any, request: CustomerRequest) -> str:
    return instant.astimezone(zone_of(request)).isoformat(timespec="minutes") if instant is not None else ""


@page()
def outage(request: CustomerRequest, outage_id: UUID) -> HttpResponse:
    """One outage with all that was said of it."""
    mine = _mine(request, outage_id)
    context = {
        "heading": mine.outage.title,
        "card": card_of(mine, request),
        "may_open": may(request, "open_ticket"),
        "days": SHARED_FOR.days,
        "has_report": edition_of(outage_id) is not None,
    }
    return draw(request, "portal/outage.html", context, here="outages")


@page()
def report(request: CustomerRequest, outage_id: UUID) -> HttpResponse:
    """What we say of an outage afterwards: their services and what they were told, and nothing of anybody else."""
    mine, document = _report(request, outage_id)
    context = {"heading": document.title, "mine": mine, "document": as_html(document)}
    return draw(request, "portal/report.html", context, here="outages")


@page()
def report_file(request: CustomerRequest, outage_id: UUID, form: str) -> HttpResponse:
    """The same as a file: Markdown, HTML or PDF."""
    mine, document = _report(request, outage_id)
    make, kind, ending = FORMS[form]
    answer = HttpResponse(make(document), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="O-{mine.outage.number}.{ending}"'
    return answer


def _report(request: CustomerRequest, outage_id: UUID) -> tuple[MyOutage, Document]:
    """Raises NotFound, also before it is published."""
    mine = _mine(request, outage_id)
    edition = edition_of(outage_id)
    if edition is None:
        raise NotFound(_("A report was asked for."), _("There is none yet."), _("Look at the outage itself."))
    zone = request.contact.zone or request.customer.zone
    return mine, for_customer(report_for(mine, edition, language_of(request)), zone=zone)


@posting("share_outage")
def share(request: CustomerRequest, outage_id: UUID) -> HttpResponse:
    """A link to this outage alone, and a paragraph to send with it."""
    mine = _mine(request, outage_id)
    address = belt.done(
        link_actions.share_outage, outage_id=outage_id, customer_id=request.customer.pk, **doing(request)
    )
    card = card_of(mine, request)
    parts = [*mine.outage.words, mine.outage.newest.text, card["due"], card["estimate"]]
    paragraph = " ".join(part for part in parts if part)
    context = {
        "heading": _("Send this on"),
        "mine": mine,
        "paragraph": f"{paragraph}\n{address}",
        "address": address,
        "days": SHARED_FOR.days,
    }
    return draw(request, "portal/outage_shared.html", context, here="outages")


@page()
def feeds(request: CustomerRequest) -> HttpResponse:
    """The reader's secret addresses for a feed reader and a calendar."""
    link = feed_link_of(request.contact)
    here = belt.done(address_of, request.customer.brand_id)
    addresses = {
        ending: feed_address(here, request.contact.pk, link.serial, ending)
        for ending in ("atom", "ics")
        if link is not None
    }
    context = {"heading": _("Follow your outages elsewhere"), "link": link, "addresses": addresses}
    return draw(request, "portal/outage_feeds.html", context, here="outages")


@posting()
def make_feeds(request: CustomerRequest) -> HttpResponse:
    """New addresses; the old ones are shut."""
    belt.done(link_actions.make_feed_link, contact_id=request.contact.pk, **doing(request))
    return gone_to(request, _("Here are your addresses. Any from before are shut."), "portal:outage_feeds")


@posting()
def revoke_feeds(request: CustomerRequest) -> HttpResponse:
    """The addresses open nothing any more."""
    belt.done(link_actions.revoke_feed_link, contact_id=request.contact.pk, **doing(request))
    return gone_to(request, _("Those addresses open nothing any more."), "portal:outage_feeds")


def _mine(request: CustomerRequest, outage_id: UUID) -> MyOutage:
    """The outage as it touches them. Raises NotFound, also where nothing of it was told to them."""
    row = found(outages_of(request.customer.pk).filter(pk=outage_id))
    return told([row], request.customer.pk, language_of(request), request.at)[0]
