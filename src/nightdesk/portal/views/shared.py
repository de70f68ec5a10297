"""What stands behind links that need no signing in: a contact's feeds, one outage, and how punctual we are."""

import csv
import hashlib
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone, translation
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from nightdesk.access.models import Brand
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import NotFound, Refusal, TooMany
from nightdesk.customers.models import Contact, Customer
from nightdesk.outages import feeds, saying, wording
from nightdesk.outages.links import read_archive_token, read_feed_token, read_outage_token
from nightdesk.outages.models import FeedLink, Outage
from nightdesk.outages.published import PublishedOutage, PublishedPage, kept_promises, punctuality_of
from nightdesk.outages.published_queries import address_of, published_outage, updates_of
from nightdesk.outages.work_calendar import calendar_of
from nightdesk.portal import belt
from nightdesk.portal.door import alone
from nightdesk.portal.outage_queries import outages_of, told, works_of
from nightdesk.portal.status_page import outage_card
from nightdesk.portal.views.people import as_file

TRIES = Buckets(a_second=1, size=60)
"""Of one address."""
FEED_ENTRIES = 50
ARCHIVED_FOR = timedelta(days=730)
MOST_ARCHIVED = 500


@require_safe
def feed(request: HttpRequest, token: str, ending: str) -> HttpResponseBase:
    """The contact's outages as Atom, or planned work as a calendar; 304 where the reader has it already."""
    at: datetime = request.at  # type: ignore[attr-defined]
    whose = read_feed_token(token) if _may_try(request, at) else None
    contact = _reader(*whose) if whose is not None else None
    if contact is None:
        text = _("There is no such feed, or its owner has shut it.")
        return HttpResponse(text, status=404, content_type="text/plain; charset=utf-8")
    page = _page_of(contact, at)
    if ending == "ics":
        body, kind = calendar_of(page.name, page.work, at), "text/calendar; charset=utf-8"
    else:
        here = address_of(contact.customer.brand_id)
        body = feeds.atom(page, at, self_url=f"{here}{request.path}", where=partial(_where, here))
        kind = "application/atom+xml; charset=utf-8"
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    answer = get_conditional_response(request, etag=etag) or HttpResponse(body, content_type=kind)
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, max-age=60"
    return answer


def _reader(contact_id: int, serial: int) -> Contact | None:
    """Whose feed it is, if it is open and they still belong there."""
    links = FeedLink.objects.filter(contact=contact_id, serial=serial, revoked_at=None)
    links = links.filter(contact__left_at=None, contact__customer__active=True).exclude(contact__standing="")
    link = links.select_related("contact__customer__brand").first()
    return link.contact if link is not None else None


def _page_of(contact: Contact, at: datetime) -> PublishedPage:
    customer = contact.customer
    language = contact.language or customer.language
    with translation.override(language):
        with belt.worn_for(contact, at):
            mine = told(outages_of(customer.pk)[:FEED_ENTRIES], customer.pk, language, at)
            work = works_of(customer.pk, language, at)
        return PublishedPage(
            id=f"contact {contact.pk}",
            name=_("{brand}: outages of {company}").format(brand=customer.brand.name, company=customer.name),
            url=f"{address_of(customer.brand_id)}{resolve_url('portal:outages')}",
            zone=contact.zone or customer.zone,
            language=language,
            outages=tuple(each.outage for each in mine),
            work=tuple(work),
        )


def _where(here: str, outage: PublishedOutage) -> str:
    return f"{here}{resolve_url('portal:outage', outage.id)}"


@require_safe
def shared_outage(request: HttpRequest, token: str) -> HttpResponse:
    """One outage for whoever was sent its link, and nothing else."""
    at: datetime = request.at  # type: ignore[attr-defined]
    shared = read_outage_token(token) if _may_try(request, at) else None
    if shared is None or at >= shared.until:
        return _refused(request, _gone())
    rows = Outage.objects.filter(pk=shared.outage_id)
    customer = Customer.objects.select_related("brand").filter(pk=shared.customer_id or 0, active=True).first()
    brand, zone, language = _for_everybody(rows)
    found: PublishedOutage | None = None
    if shared.customer_id is None:
        outage = rows.filter(public=True).exclude(state=Outage.State.PROPOSED).first()
        said = updates_of([outage.pk], language)[outage.pk] if outage is not None else ()
        found = published_outage(outage, outage.public_title, said) if outage is not None and said else None
    elif customer is not None:
        zone, language = customer.zone, customer.language
        with translation.override(language), belt.worn_for_company(customer.pk, at):
            mine = told(outages_of(customer.pk).filter(pk=shared.outage_id), customer.pk, language, at)
        found = mine[0].outage if mine else None
    if found is None:
        return _refused(request, _gone())
    with timezone.override(ZoneInfo(zone)), translation.override(language):
        card = outage_card(found, ZoneInfo(zone), at)
        until = saying.day_text(shared.until, ZoneInfo(zone))
        return alone(request, "portal/shared_outage.html", {"card": card, "brand": brand, "until": until})


def _for_everybody(rows: Any) -> tuple[Brand | None, str, str]:
    outage = rows.select_related("brand").first()
    return (outage.brand, outage.brand.zone, outage.brand.language) if outage is not None else (None, "UTC", "en-gb")


@require_safe
def shared_archive(request: HttpRequest, token: str, ending: str = "") -> HttpResponse:
    """When each outage was told and updated, and whether on time; not a word of what it was about, nor whom it touched."""
    at: datetime = request.at  # type: ignore[attr-defined]
    shared = read_archive_token(token) if _may_try(request, at) else None
    brand = Brand.objects.filter(pk=shared.brand_id).first() if shared is not None and at < shared.until else None
    if shared is None or brand is None:
        return _refused(request, _gone())
    zone = ZoneInfo(brand.zone)
    rows = Outage.objects.filter(brand=brand, began_at__gt=at - ARCHIVED_FOR)
    rows = rows.exclude(state__in=[Outage.State.PROPOSED, Outage.State.WITHDRAWN]).order_by("-began_at")
    outages = list(rows[:MOST_ARCHIVED])
    said = updates_of([each.pk for each in outages], brand.language)
    published = [published_outage(each, "", said[each.pk]) for each in outages if said[each.pk]]
    with timezone.override(zone), translation.override(brand.language):
        lines = [_line(each, zone, at) for each in published]
        if ending == "csv":
            return _as_csv(lines)
        context = {
            "brand": brand,
            "lines": lines,
            "figures": saying.punctuality_text(punctuality_of(published, at)),
            "until": saying.day_text(shared.until, zone),
            "token": token,
        }
        return alone(request, "portal/shared_archive.html", context)


def _line(outage: PublishedOutage, zone: ZoneInfo, at: datetime) -> dict[str, Any]:
    promised, kept = kept_promises(outage.updates, at)
    return {
        "outage": outage,
        "began": saying.day_text(outage.began_at, zone),
        "severity": saying.SEVERITIES[outage.severity],
        "lasted": saying.minutes_text(outage.resolved_at - outage.began_at) if outage.resolved_at else "",
        "told_after": saying.minutes_text(max(timedelta(), outage.told_at - outage.began_at)),
        "promised": promised,
        "kept": kept,
        "times": [wording.when(each.published_at, outage.began_at, zone.key) for each in reversed(outage.updates)],
    }


def _as_csv(lines: list[dict[str, Any]]) -> HttpResponse:
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow(["began", "severity", "lasted", "first_update_after", "updates", "promised", "on_time"])
    for line in lines:
        outage = line["outage"]
        told_at = [outage.began_at.isoformat(timespec="minutes"), outage.severity, line["lasted"], line["told_after"]]
        rows.writerow([*told_at, len(outage.updates), line["promised"], line["kept"]])
    answer = as_file(text.getvalue(), "punctuality")
    answer["Cache-Control"] = "private, no-store"
    return answer


def _may_try(request: HttpRequest, at: datetime) -> bool:
    if TRIES.take(request.META.get("REMOTE_ADDR", ""), at):
        return True
    raise TooMany(
        _("You followed a link."), _("Too many were tried from where you are."), _("Wait a minute."), retry_after=60
    )


def _refused(request: HttpRequest, problem: Refusal) -> HttpResponse:
    return alone(request, "portal/refusal_alone.html", {"problem": problem}, status=problem.status)


def _gone() -> NotFound:
    return NotFound(
        _("You followed a link."),
        _("It has ended, or is none of ours."),
        _("Ask whoever sent it to you for a new one."),
    )
