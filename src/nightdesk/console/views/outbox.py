"""The outbox: what would have been sent where no provider is set."""

from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.channels.links import make_link
from nightdesk.channels.models import Delivery, Message, Route
from nightdesk.channels.queries import messages_of
from nightdesk.channels.registry import NEED_NO_ROUTE
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import asked, one_page, select
from nightdesk.console.views.people import CHANNEL_NAMES
from nightdesk.console.views.staff import StaffRequest, staff, within
from nightdesk.console.views.subjects import url_of
from nightdesk.people.models import Person


@staff("read_deliveries")
def outbox(request: StaffRequest) -> HttpResponse:
    """Messages that stayed in the house, newest first, as their recipients would have read them."""
    kept = Route.objects.filter(driver="outbox").values("id")
    rows = Delivery.objects.filter(within(request.brands), attempt__gt=0).exclude(channel__in=NEED_NO_ROUTE)
    rows = rows.filter(Q(route_id__in=kept) | Q(route_id=None, accepted_at__isnull=False))
    channel = asked(request, "channel", CHANNEL_NAMES)
    if channel:
        rows = rows.filter(channel=channel)
    here, pager = one_page(request, rows.order_by("-created_at", "-id"))
    messages = messages_of({row.message_id for row in here})
    count = len(here)
    context = {
        "here": "outbox",
        "heading": ngettext(
            "{count} message was not really sent", "{count} messages were not really sent", count
        ).format(count=count)
        if count
        else _("Everything is really sent"),
        "letters": [_letter(row, messages.get(row.message_id), request.person) for row in here],
        "filters": [
            select(
                "channel", _("How"), channel, {name: str(text) for name, text in CHANNEL_NAMES.items()}, _("Every way")
            )
        ],
        "pager": pager,
    }
    return page_or_part(request, "outbox", {"list"}, context)


def _letter(row: Delivery, message: Message | None, reader: Person | None) -> dict[str, Any]:
    """One message; with its link only for its own recipient, since whoever has the link answers as they would."""
    theirs = reader is not None and (row.recipient_kind, row.recipient_id) == ("person", str(reader.id))
    return {
        "at": row.accepted_at or row.due_at,
        "to": row.address,
        "how": str(CHANNEL_NAMES.get(row.channel, row.channel)),
        "title": message.title if message else "",
        "body": message.body if message else "",
        "url": url_of(row.subject_kind, row.subject_id),
        "link": make_link(row.id, row.month) if message and message.answers and theirs else "",
    }
