"""Reading calls, what callers left, and how the line does."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from nightdesk.base.refusals import NotFound
from nightdesk.calls.models import Call, CallEvent, CallOut, Leg, Message, Recording
from nightdesk.customers.models import Subscription
from nightdesk.desk.models import Ticket

ANSWERED_SOON = timedelta(seconds=12)
"""A call that a person has within so long was answered soon."""

Brands = Collection[int] | None
"""Of which brands; None: of all."""


def calls(brand_ids: Brands) -> QuerySet[Call]:
    """The calls of the brands' lines, the newest first."""
    rows = Call.objects.select_related("line__brand", "customer", "contact", "peer", "person", "answered_person")
    rows = rows if brand_ids is None else rows.filter(line__brand__in=brand_ids)
    return rows.order_by("-came_at", "-id")


def call(call_id: UUID, brand_ids: Brands) -> Call:
    """Raises NotFound, also for another brand's."""
    found = calls(brand_ids).filter(pk=call_id).first()
    if found is None:
        raise NotFound(_("A call was asked for."), _("There is no such call."), _("Look at the list."))
    return found


def service_of(call: Call) -> int | None:
    """What it is about: the service of its ticket, else the only one that the company buys; None where nobody knows."""
    if call.ticket_id is not None:
        told = Ticket.objects.filter(pk=call.ticket_id).values_list("service_id", flat=True).first()
        if told is not None:
            return told
    if call.customer_id is None:
        return None
    bought = list(
        Subscription.objects.filter(customer=call.customer_id).values_list("service_id", flat=True).distinct()[:2]
    )
    return bought[0] if len(bought) == 1 else None


def events_of(call_id: UUID) -> Sequence[CallEvent]:
    """What was heard of the call, in order, with what was ordered and why."""
    return list(CallEvent.objects.filter(call=call_id).order_by("number"))


def legs_of(call_id: UUID) -> Sequence[Leg]:
    """The telephones that were rung for it, in the order in which they were."""
    return list(Leg.objects.filter(call=call_id).select_related("person").order_by("ordered_at", "pk"))


def ringing_now(brand_ids: Brands) -> Sequence[Leg]:
    """The telephones that ring at this moment, or are about to."""
    rows = Leg.objects.filter(call__ended_at=None, ended_at=None, picked_up_at=None)
    rows = rows if brand_ids is None else rows.filter(call__line__brand__in=brand_ids)
    return list(rows.select_related("call__line", "person").order_by("ordered_at", "pk"))


def messages(brand_ids: Brands) -> QuerySet[Message]:
    """What callers left, the newest first."""
    rows = Message.objects.select_related("line", "customer", "contact", "peer", "recording", "reached_by")
    rows = rows if brand_ids is None else rows.filter(brand__in=brand_ids)
    return rows.order_by("-taken_at", "-id")


def message(message_id: UUID, brand_ids: Brands) -> Message:
    """Raises NotFound, also for another brand's."""
    found = messages(brand_ids).filter(pk=message_id).first()
    if found is None:
        raise NotFound(_("A message was asked for."), _("There is no such message."), _("Look at the list."))
    return found


def recording(recording_id: UUID, brand_ids: Brands) -> Recording:
    """Raises NotFound, also for another brand's."""
    rows = Recording.objects.all() if brand_ids is None else Recording.objects.filter(brand__in=brand_ids)
    found = rows.filter(pk=recording_id).first()
    if found is None:
        raise NotFound(_("You asked for a recording."), _("There is no such recording."), _("Look at the message."))
    return found


def call_outs(brand_ids: Brands) -> QuerySet[CallOut]:
    """The call-outs that were ordered by a key, the newest first."""
    rows = CallOut.objects.select_related("call__line", "customer", "person")
    rows = rows if brand_ids is None else rows.filter(call__line__brand__in=brand_ids)
    return rows.order_by("-at", "-pk")


@dataclass(frozen=True, slots=True)
class Figures:
    """How the line did in the 24 hours before an instant. `ended`: by how they ended; `soon` of them a person had at once."""

    ended: Mapping[str, int]
    running: int
    soon: int
    woken: int
    waiting: int
    overdue: int
    troubled: int


def figures(at: datetime, brand_ids: Brands = None) -> Figures:
    """At `at`, which is now."""
    since = at - timedelta(days=1)
    recent = calls(brand_ids).filter(came_at__gt=since, came_at__lte=at, calls_back=None)
    over = recent.exclude(ended_at=None).order_by().values("ended_as").annotate(count=Count("pk"))
    waits = messages(brand_ids).filter(ended_at=None, reached_at=None)
    by_people = Q(answered_by__in=("engineer", "desk", "bureau"), answered_at__lte=F("came_at") + ANSWERED_SOON)
    return Figures(
        ended={row["ended_as"]: row["count"] for row in over},
        running=calls(brand_ids).filter(ended_at=None).count(),
        soon=recent.filter(by_people).count(),
        woken=recent.aggregate(all=Sum("woken"))["all"] or 0,
        waiting=waits.count(),
        overdue=waits.filter(call_back_by__lt=at).count(),
        troubled=CallEvent.objects.filter(call__in=recent.order_by()).exclude(trouble="").count(),
    )
