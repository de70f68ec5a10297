"""Reading the ledger: what was sent and what came of it, how each provider is doing, and what waits."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Min, Q, QuerySet

from nightdesk.base import vault
from nightdesk.base.actors import Actor
from nightdesk.base.months import month_of
from nightdesk.base.refusals import NotFound
from nightdesk.channels import decide, smpp_text, wording
from nightdesk.channels.cost import Cost, Estimate, estimate
from nightdesk.channels.decide import Health, Way
from nightdesk.channels.driver import Endpoint, Receipt, Said, Settings
from nightdesk.channels.links import SHOWN_INSTEAD, UNSUBSCRIBE, make_link
from nightdesk.channels.models import Attempt, ContactEndpoint, Delivery, Device, Message, PushKey, Route
from nightdesk.channels.registry import CHANNELS, NEED_NO_ROUTE
from nightdesk.customers.models import Contact
from nightdesk.knowledge.phrases import put_in
from nightdesk.people.models import ContactMethod, Person
from nightdesk.people.queries import actor_of_person

log = logging.getLogger(__name__)

UNSENT = ("queued", "sending", "failed_for_now")
ANSWERED_WITHIN = timedelta(hours=36)
"""A text without a code answers the newest message of so long: a night, and the day after it."""
MOST_UNANSWERED = 500
MOST_PARTS = 3
"""Of a text, where the route says nothing else."""


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
    route_id: int | None = None
    """The route that has it, or had it last."""
    kept: bool = False
    """Only what no provider has sent: it stays in the outbox."""
    words: str = ""
    """Part of the title or of the address, or the whole code."""
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
    if filters.kept:
        in_the_house = Q(route_id__in=Route.objects.filter(driver="outbox").values("id"))
        wanted = wanted.exclude(channel__in=NEED_NO_ROUTE).filter(
            in_the_house | Q(route_id=None, accepted_at__isnull=False)
        )
    if filters.words:
        said = Message.objects.filter(Q(title__icontains=filters.words) | Q(code=filters.words.strip().upper()))
        wanted = wanted.filter(Q(address__icontains=filters.words) | Q(message_id__in=said.values("id")))
    exact = {"channel": filters.channel, "address": filters.address, "route_id": filters.route_id}
    return wanted.filter(**{name: value for name, value in exact.items() if value})


def tries_of(row: Delivery) -> list[Attempt]:
    """Every try and receipt of the message in which the row goes out, its own or that of the row it goes with, oldest first."""
    return list(Attempt.objects.filter(delivery_id=row.goes_with or row.id).order_by("at", "id"))


def messages_of(message_ids: Collection[UUID]) -> dict[UUID, Message]:
    """The messages by their id, their private words still sealed."""
    return Message.objects.in_bulk(list(message_ids))


def words_to(row: Delivery, message: Message) -> tuple[str, str]:
    """(title, body) as they are said to the recipient of that delivery; private words are still sealed."""
    values = row.values | {UNSUBSCRIBE: SHOWN_INSTEAD} if row.values else row.values
    return put_in(message.title, values), put_in(message.body, values)


def delivery_of(delivery_id: UUID, month: date) -> tuple[Delivery, Message]:
    """One delivery and what it says. Raises NotFound, also where its month was dropped."""
    delivery = Delivery.objects.filter(id=delivery_id, month=month).first()
    message = Message.objects.filter(id=delivery.message_id).first() if delivery else None
    if delivery is None or message is None:
        raise NotFound(
            "This message was asked for.", "It is not in the ledger any more.", "Look at its subject instead."
        )
    return delivery, message


def text_estimate(
    *,
    title: str,
    body: str = "",
    brand_id: int | None,
    route: Route | None = None,
    answerable: bool = False,
    recipients: int = 1,
) -> Estimate:
    """What a text that says so will be, by `route` (None: the one that would be taken first), before it is sent.

    `answerable`: it says how to answer and has a link, as the text of a page.
    """
    route = route or first_route("sms", brand_id)
    settings = shown_settings_of(route) if route is not None else {}
    said = Said(
        message_id=UUID(int=0),
        at=datetime(2000, 1, 1, tzinfo=UTC),
        kind="",
        subject_kind="",
        subject_id="",
        title=title,
        body=body,
        code="000" if answerable else "",
        verbs=("acknowledge",) if answerable else (),
    )
    link = make_link(UUID(int=0), date(2000, 1, 1)) if answerable else ""
    coding = smpp_text.coding_in(settings.get("alphabet") or "gsm7")
    text = wording.text_of(said, link, settings.get("parts") or MOST_PARTS, coding)
    return estimate(text, settings, recipients)


def first_route(channel: str, brand_id: int | None) -> Route | None:
    """The route that a brand's message would take by that channel while all of them are well; None where none is set up."""
    known = {one.id: one for one in Route.objects.filter(channel=channel, enabled=True)}
    way = decide.choose_way([Way(one.id, one.brand_id, one.position) for one in known.values()], {}, brand_id)
    return known[way.route_id] if way is not None else None


def pager_numbers(brand_ids: Collection[int] | None) -> list[str]:
    """The numbers from which people of these brands (None: of every one) are texted and rung, in the order of use."""
    mine = Q() if brand_ids is None else Q(brand_id__in=brand_ids) | Q(brand=None)
    found: dict[str, None] = {}
    for route in Route.objects.filter(mine, enabled=True):
        driver = CHANNELS.get(route.driver)
        number = str(route.config.get(driver.sender, "")) if driver is not None and driver.sender else ""
        if number.removeprefix("+").isdigit():  # a name, or a messaging service, is nothing to save
            found.setdefault(number)
    return list(found)


def deliveries_meant(route_id: int, receipts: Sequence[Receipt]) -> list[tuple[Delivery | None, Receipt]]:
    """For each (the delivery that it means, the receipt with our spelling of its id and with the ids of all parts).

    By the id as it is given, then by its other spellings where the number fits as well; of several the newest.
    """
    if not receipts:
        return []
    wanted = list({name for receipt in receipts for name in (receipt.provider_id, *receipt.spellings)})
    most = 20 * len(receipts)
    texts = Attempt.objects.filter(route_id=route_id, parts__gt=1, part_ids__overlap=wanted).order_by("-at")[:most]
    tries = {(one.delivery_id, tuple(one.part_ids)): None for one in texts}
    in_parts = Delivery.objects.in_bulk({delivery for delivery, _ids in tries}) if tries else {}
    named: dict[str, dict[UUID, tuple[Delivery, tuple[str, ...]]]] = {}
    for delivery, ids in tries:
        for name in ids if delivery in in_parts else ():
            named.setdefault(name, {}).setdefault(delivery, (in_parts[delivery], ids))
    for row in Delivery.objects.filter(route_id=route_id, provider_id__in=wanted).order_by("-created_at")[:most]:
        named.setdefault(row.provider_id, {}).setdefault(row.id, (row, ()))
    return [_meant_by(receipt, named) for receipt in receipts]


def _meant_by(
    receipt: Receipt, named: Mapping[str, Mapping[UUID, tuple[Delivery, tuple[str, ...]]]]
) -> tuple[Delivery | None, Receipt]:
    for name in (receipt.provider_id, *receipt.spellings):
        for row, ids in named.get(name, {}).values():
            digits = row.address.removeprefix("+")
            if name == receipt.provider_id or not receipt.address_digits or digits in receipt.address_digits:
                return row, replace(receipt, provider_id=name, part_ids=ids)
    return None, receipt


def recipient_of(delivery: Delivery) -> Actor:
    """Who answers when this delivery is answered. Raises NotFound where that is nobody any more."""
    if delivery.recipient_kind == "person":
        return actor_of_person(int(delivery.recipient_id))
    if delivery.recipient_kind == "contact":
        contact = Contact.objects.filter(id=delivery.recipient_id).first()
        if contact is not None:
            return Actor("contact", str(contact.id), contact.name)
    raise NotFound("An answer came.", "Whom the message was for is not here any more.", "Sign in and answer there.")


def person_at(channel: str, address: str) -> Person | None:
    """The one active person of ours whose proved address of that channel it is; None for nobody, and for several."""
    rows = ContactMethod.objects.filter(channel=channel, address=address, person__active=True)
    found = {row.person for row in rows.filter(verified_at__isnull=False).select_related("person")}
    return found.pop() if len(found) == 1 else None


def is_recipients_own(delivery: Delivery, address: str) -> bool:
    """Whether a mail from `address` may be the recipient's: it went there, or it is another mail address of theirs."""
    wanted = address.strip().lower()
    if not wanted or wanted == delivery.address.lower():
        return bool(wanted)
    if delivery.recipient_kind == "person":
        own = ContactMethod.objects.filter(person_id=delivery.recipient_id, channel="email", address__iexact=wanted)
        return own.exists()
    if delivery.recipient_kind == "contact":
        return Contact.objects.filter(id=delivery.recipient_id, email__iexact=wanted).exists()
    return False


def delivery_by_id(delivery_id: UUID) -> Delivery | None:
    """The delivery whose month nobody told; None where there is none."""
    return Delivery.objects.filter(id=delivery_id).first()


def asked_by_mail(delivery_ids: Sequence[UUID]) -> Delivery | None:
    """The first of these deliveries whose message asked for an answer; None for none."""
    found = {row.id: row for row in Delivery.objects.filter(id__in=delivery_ids)} if delivery_ids else {}
    if not found:
        return None
    messages = Message.objects.filter(id__in={row.message_id for row in found.values()}).exclude(answers={})
    asking = set(messages.values_list("id", flat=True))
    return next((found[one] for one in delivery_ids if one in found and found[one].message_id in asking), None)


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
    """How a route did in the last hour. `sent` and `refused` count hand-overs, `undelivered` receipts that say it did not
    arrive; None where there was nothing to go by. `trouble` is the last thing that went wrong, of those.

    `oldest_unsent` is that of its channel and brand: what waits there has no route yet. `parts` and `costs`, one a currency,
    are what was paid for since the month began (UTC); a route without a price has parts and no costs.
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
    undelivered: int
    median_ms: int | None
    receipt_median_ms: int | None
    oldest_unsent: timedelta | None
    trouble: str
    trouble_at: datetime | None
    parts: int
    costs: tuple[Cost, ...]

    @property
    def success_rate(self) -> float | None:
        """Of 1; None where nothing was tried."""
        return self.sent / (self.sent + self.refused) if self.sent + self.refused else None


def route_health(at: datetime) -> list[RouteHealth]:
    """Every route, in the order of its channel's use."""
    hour = at - timedelta(hours=1)
    figures, paid = _figures(hour), _paid(at)
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
            **paid.get(route.id, _UNPAID),
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


_NOTHING: dict[str, Any] = {
    "sent": 0,
    "refused": 0,
    "undelivered": 0,
    "median_ms": None,
    "receipt_median_ms": None,
    "trouble": "",
    "trouble_at": None,
}


_UNPAID: dict[str, Any] = {"parts": 0, "costs": ()}


def _paid(at: datetime) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT route_id, currency, sum(parts), sum(price) FROM channels_attempt
            WHERE month = %s AND parts > 0 AND NOT is_receipt AND route_id IS NOT NULL
            GROUP BY route_id, currency ORDER BY route_id, currency
            """,
            [month_of(at)],
        )
        found: dict[int, dict[str, Any]] = {}
        for route, currency, parts, price in cursor.fetchall():
            paid = found.setdefault(route, dict(_UNPAID))
            paid["parts"] += parts
            if price is not None:
                paid["costs"] += (Cost(price, currency),)
        return found


def _figures(since: datetime) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT route_id,
                   count(*) FILTER (WHERE outcome = 'accepted' OR (outcome = 'delivered' AND NOT is_receipt)),
                   count(*) FILTER (WHERE outcome IN ('failed_for_now', 'failed') AND NOT is_receipt),
                   count(*) FILTER (WHERE outcome IN ('failed', 'expired') AND is_receipt),
                   percentile_disc(0.5) WITHIN GROUP (ORDER BY took_ms) FILTER (WHERE outcome = 'accepted'),
                   percentile_disc(0.5) WITHIN GROUP (ORDER BY took_ms) FILTER (WHERE outcome = 'delivered' AND is_receipt),
                   (array_agg(reason ORDER BY at DESC) FILTER (WHERE outcome IN ('failed_for_now', 'failed', 'expired')))[1],
                   max(at) FILTER (WHERE outcome IN ('failed_for_now', 'failed', 'expired'))
            FROM channels_attempt WHERE at >= %s AND route_id IS NOT NULL GROUP BY route_id
            """,
            [since],
        )
        names = list(_NOTHING)
        return {
            route: dict(zip(names, [*figures, trouble or "", trouble_at], strict=True))
            for route, *figures, trouble, trouble_at in cursor.fetchall()
        }


def settings_of(route: Route) -> Settings:
    """What the route was set up with, secrets opened, its driver's defaults filled in. Raises vault.Unreadable."""
    secrets: Mapping[str, Any] = json.loads(vault.open_(bytes(route.secrets))) if route.secrets else {}
    return {**shown_settings_of(route), **secrets, **_made_by_us(route.driver)}


def shown_settings_of(route: Route) -> Settings:
    """The same without its secrets."""
    driver = CHANNELS.get(route.driver)
    defaults = {field.name: field.default for field in driver.fields if field.default is not None} if driver else {}
    return {**defaults, **route.config}


def _made_by_us(driver: str) -> Settings:
    """What a driver needs that nobody enters: of push the private key. Raises vault.Unreadable."""
    key = push_key() if driver == "push" else None
    return {"private_key": vault.open_(bytes(key.sealed)).decode()} if key is not None else {}


def push_key() -> PushKey | None:
    """The key pair that signs our pushes now; None until the first browser asks for it."""
    return PushKey.objects.filter(replaced_at=None).first()


def endpoints_of(rows: Sequence[Delivery]) -> dict[UUID, Endpoint]:
    """By delivery id, what its address stands for. Missing: whose address says itself where it goes, and where the device or
    program is gone or not theirs.
    """
    return _of_persons(rows) | _of_contacts(rows)


def _of_persons(rows: Sequence[Delivery]) -> dict[UUID, Endpoint]:
    pushes = {row.address for row in rows if row.channel == "push" and row.recipient_kind == "person"}
    if not pushes:
        return {}
    devices = Device.objects.filter(method__address__in=pushes, method__channel="push", method__person__active=True)
    known = {str(device.id): device for device in devices.select_related("method").filter(gone_at=None)}
    return {
        row.id: Endpoint(device.endpoint, device.p256dh, device.auth)
        for row in rows
        if row.channel == "push"
        and (device := known.get(row.address)) is not None
        and (row.recipient_kind, row.recipient_id) == ("person", str(device.method.person_id))
    }


def _of_contacts(rows: Sequence[Delivery]) -> dict[UUID, Endpoint]:
    """Of a contact who has left nothing is found. A secret that cannot be opened is as if the program were gone."""
    wanted = [row for row in rows if row.recipient_kind == "contact" and row.channel in ("push", "webhook")]
    ids = [named for row in wanted if (named := as_id(row.address)) is not None]
    if not ids:
        return {}
    rows_there = ContactEndpoint.objects.filter(id__in=ids, gone_at=None, contact__left_at=None)
    known = {(str(one.id), one.channel, str(one.contact_id)): one for one in rows_there}
    found: dict[UUID, Endpoint] = {}
    for row in wanted:
        one = known.get((row.address, row.channel, row.recipient_id))
        if one is None:
            continue
        try:
            secret = vault.open_(bytes(one.sealed)) if one.sealed else b""
        except vault.Unreadable as error:
            log.warning("The secret of a customer's program cannot be opened: %s", error)
            continue
        found[row.id] = Endpoint(one.url, one.p256dh, one.auth, secret)
    return found


def as_id(address: str) -> UUID | None:
    """The id that stands in place of an address; None where it is an address."""
    try:
        return UUID(address)
    except ValueError:
        return None


def devices_of(person_id: int) -> list[Device]:
    """The person's browsers, the newest first; those that are gone too."""
    return list(Device.objects.filter(method__person_id=person_id).select_related("method").order_by("-made_at", "-id"))


def unanswered(route_id: int, at: datetime) -> list[str]:
    """The provider's ids of what this route has taken and is still worth an answer at `at`, the oldest first.

    Also of what it was given up for, because no receipt came in time; not of what was superseded before it arrived.
    """
    taken = Delivery.objects.filter(route_id=route_id, valid_until__gt=at, created_at__gt=at - ANSWERED_WITHIN)
    given_up = Q(state="accepted") & ~Q(reason="")
    open_ = taken.exclude(provider_id="").filter(Q(ended_at=None) | Q(state__in=("delivered", "read")) | given_up)
    return list(open_.order_by("created_at", "id").values_list("provider_id", flat=True)[:MOST_UNANSWERED])


def was_told_as(provider_id: str, route_id: int | None) -> Sequence[tuple[Delivery, Message]]:
    """The one message that the route's provider knows by this id, and what it says; empty where there is none."""
    known = Delivery.objects.filter(provider_id=provider_id, route_id=route_id).order_by("-created_at")[:1]
    messages = messages_of({row.message_id for row in known})
    return [(row, messages[row.message_id]) for row in known if row.message_id in messages]


def has_been_told(address: str, channel: str, since: datetime) -> Sequence[tuple[Delivery, Message]]:
    """What that address was told since then and may answer, the newest first: handed over, or on its way."""
    told = Delivery.objects.filter(address=address, channel=channel, created_at__gte=since, attempt__gt=0)
    rows = list(told.filter(Q(accepted_at__isnull=False) | Q(state="sending")).order_by("-created_at", "-id")[:50])
    messages = messages_of({row.message_id for row in rows})
    return [(row, messages[row.message_id]) for row in rows if row.message_id in messages]
