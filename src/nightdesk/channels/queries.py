"""Reading the ledger: what was sent and what came of it, how each provider is doing, and what waits."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Min, Q, QuerySet

from nightdesk.base import vault
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import NotFound
from nightdesk.channels.decide import Health
from nightdesk.channels.driver import Settings
from nightdesk.channels.models import Attempt, Delivery, Message, Route
from nightdesk.channels.registry import CHANNELS
from nightdesk.customers.models import Contact
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person

UNSENT = ("queued", "sending", "failed_for_now")
ANSWERED_WITHIN = timedelta(hours=36)
"""A text without a code answers the newest message of so long: a night, and the day after it."""
MOST_UNANSWERED = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """Which deliveries; None and empty ask for nothing in particular. Instants are half-open: [`since`, `until`)."""

    brand_ids: Collection[int] | None = None
    """None: every brand's, and what belongs to none."""
    subject: tuple[str, object] | None = None
    recipient: tuple[str, object] | None = None
    states: Collection[str] = ()
    channel: str = ""
    address: str = ""
    is_open: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


def deliveries(filters: Filters) -> QuerySet[Delivery]:
    """Those rows of the ledger, newest first."""
    wanted = Delivery.objects.order_by("-created_at", "-id")
    if filters.brand_ids is not None:
        wanted = wanted.filter(brand_id__in=filters.brand_ids)
    if filters.subject is not None:
        wanted = wanted.filter(subject_kind=filters.subject[0], subject_id=str(filters.subject[1]))
    if filters.recipient is not None:
        wanted = wanted.filter(recipient_kind=filters.recipient[0], recipient_id=str(filters.recipient[1]))
    if filters.states:
        wanted = wanted.filter(state__in=filters.states)
    if filters.is_open is not None:
        wanted = wanted.filter(ended_at__isnull=filters.is_open)
    # A row is never in a partition before the month of its message, nor after that of its making.
    if filters.since is not None:
        wanted = wanted.filter(created_at__gte=filters.since)
    if filters.until is not None:
        wanted = wanted.filter(created_at__lt=filters.until)
    exact = {"channel": filters.channel, "address": filters.address}
    return wanted.filter(**{name: value for name, value in exact.items() if value})


def attempts_of(delivery_ids: Collection[UUID]) -> dict[UUID, list[Attempt]]:
    """Every try and receipt of each, oldest first; an id without any is missing."""
    found: dict[UUID, list[Attempt]] = {}
    for attempt in Attempt.objects.filter(delivery_id__in=delivery_ids).order_by("at", "id"):
        found.setdefault(attempt.delivery_id, []).append(attempt)
    return found


def messages_of(message_ids: Collection[UUID]) -> dict[UUID, Message]:
    """The messages by their id, their private words still sealed."""
    return Message.objects.in_bulk(list(message_ids))


def delivery_of(delivery_id: UUID, month: date) -> tuple[Delivery, Message]:
    """One delivery and what it says. Raises NotFound, also where its month was dropped."""
    delivery = Delivery.objects.filter(id=delivery_id, month=month).first()
    message = Message.objects.filter(id=delivery.message_id).first() if delivery else None
    if delivery is None or message is None:
        raise NotFound(
            "This message was asked for.", "It is not in the ledger any more.", "Look at its subject instead."
        )
    return delivery, message


def recipient_of(delivery: Delivery) -> Actor:
    """Who answers when this delivery is answered. Raises NotFound where that is nobody any more."""
    if delivery.recipient_kind == "person":
        return actor_of_person(int(delivery.recipient_id))
    if delivery.recipient_kind == "contact":
        contact = Contact.objects.filter(id=delivery.recipient_id).first()
        if contact is not None:
            return Actor("contact", str(contact.id), contact.name)
    raise NotFound("An answer came.", "Whom the message was for is not here any more.", "Sign in and answer there.")


def language_of(delivery: Delivery) -> str:
    """The language of whoever it goes to; the installation's own where that is nobody we know."""
    if delivery.recipient_kind == "person":
        found = Person.objects.filter(id=delivery.recipient_id).values_list("language", flat=True).first()
    elif delivery.recipient_kind == "contact":
        contact = Contact.objects.filter(id=delivery.recipient_id).select_related("customer").first()
        found = (contact.language or contact.customer.language) if contact else None
    else:
        found = None
    return found or settings.LANGUAGE_CODE


def oldest_unsent(at: datetime) -> timedelta | None:
    """How long the longest overdue delivery has waited to be handed over; None where nothing is overdue.

    What waits for a receipt has been handed over and does not count.
    """
    waiting = Delivery.objects.filter(ended_at=None, due_at__lte=at, state__in=UNSENT)
    oldest: datetime | None = waiting.aggregate(oldest=Min("due_at"))["oldest"]
    return at - oldest if oldest is not None else None


@dataclass(frozen=True, slots=True)
class RouteHealth:
    """How a route did in the last hour. `sent` and `refused` count hand-overs; None where there was nothing to go by.

    `oldest_unsent` is that of its channel and brand: what waits there has no route yet.
    """

    route_id: int
    name: str
    channel: str
    driver: str
    enabled: bool
    rests: bool
    failures: int
    sent: int
    refused: int
    median_ms: int | None
    receipt_median_ms: int | None
    oldest_unsent: timedelta | None

    @property
    def success_rate(self) -> float | None:
        """Of 1; None where nothing was tried."""
        return self.sent / (self.sent + self.refused) if self.sent + self.refused else None


def route_health(at: datetime) -> list[RouteHealth]:
    """Every route, in the order of its channel's use."""
    hour = at - timedelta(hours=1)
    figures = _figures(hour)
    waiting = {
        (channel, brand_id): at - oldest
        for channel, brand_id, oldest in Delivery.objects.filter(ended_at=None, due_at__lte=at, state__in=UNSENT)
        .values_list("channel", "brand_id")
        .annotate(oldest=Min("due_at"))
    }
    return [
        RouteHealth(
            route_id=route.id,
            name=route.name,
            channel=route.channel,
            driver=route.driver,
            enabled=route.enabled,
            rests=Health(route.failures, route.resting_until).rests(at),
            failures=route.failures,
            **figures.get(route.id, _NOTHING),
            oldest_unsent=max(
                (
                    age
                    for (channel, brand), age in waiting.items()
                    if channel == route.channel and (route.brand_id is None or route.brand_id == brand)
                ),
                default=None,
            ),
        )
        for route in Route.objects.all()
    ]


_NOTHING: dict[str, Any] = {"sent": 0, "refused": 0, "median_ms": None, "receipt_median_ms": None}


def _figures(since: datetime) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT route_id,
                   count(*) FILTER (WHERE outcome = 'accepted' OR (outcome = 'delivered' AND NOT is_receipt)),
                   count(*) FILTER (WHERE outcome IN ('failed_for_now', 'failed') AND NOT is_receipt),
                   percentile_disc(0.5) WITHIN GROUP (ORDER BY took_ms) FILTER (WHERE outcome = 'accepted'),
                   percentile_disc(0.5) WITHIN GROUP (ORDER BY took_ms) FILTER (WHERE outcome = 'delivered' AND is_receipt)
            FROM channels_attempt WHERE at >= %s AND route_id IS NOT NULL GROUP BY route_id
            """,
            [since],
        )
        return {
            route: {"sent": sent, "refused": refused, "median_ms": median, "receipt_median_ms": receipts}
            for route, sent, refused, median, receipts in cursor.fetchall()
        }


def settings_of(route: Route) -> Settings:
    """What the route was set up with, secrets opened, its driver's defaults filled in. Raises vault.Unreadable."""
    driver = CHANNELS.get(route.driver)
    defaults = {field.name: field.default for field in driver.fields if field.default is not None} if driver else {}
    secrets: Mapping[str, Any] = json.loads(vault.open_(bytes(route.secrets))) if route.secrets else {}
    return {**defaults, **route.config, **secrets}


def unanswered(route_id: int, at: datetime) -> list[str]:
    """The provider's ids of what this route has taken and is still worth an answer at `at`, the oldest first."""
    taken = Delivery.objects.filter(route_id=route_id, valid_until__gt=at, created_at__gt=at - ANSWERED_WITHIN)
    open_ = taken.exclude(provider_id="").filter(Q(ended_at=None) | Q(state__in=("delivered", "read")))
    return list(open_.order_by("created_at", "id").values_list("provider_id", flat=True)[:MOST_UNANSWERED])


def has_been_told(address: str, channel: str, since: datetime) -> Sequence[tuple[Delivery, Message]]:
    """What that address was told since then and may answer, the newest first: handed over, or on its way."""
    told = Delivery.objects.filter(address=address, channel=channel, created_at__gte=since, attempt__gt=0)
    rows = list(told.filter(Q(accepted_at__isnull=False) | Q(state="sending")).order_by("-created_at", "-id")[:50])
    messages = messages_of({row.message_id for row in rows})
    return [(row, messages[row.message_id]) for row in rows if row.message_id in messages]
