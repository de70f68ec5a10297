"""What a contact reads of outages: those that touch what their company buys, in their own words. Asked inside the belt.

Every query filters by the company all the same. Nothing here knows why something failed, or what we call it among ourselves.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.customers.models import Contact, Subscription
from nightdesk.knowledge import phrases
from nightdesk.outages.effect import Effect, stretches_down
from nightdesk.outages.models import Affected, FeedLink, Outage, Touched, Update, WorkTouched
from nightdesk.outages.published import OVER, PublishedOutage, PublishedWork, Punctuality, punctuality_of
from nightdesk.outages.published_queries import A_YEAR, published_outage, published_updates, published_work, told_works
from nightdesk.outages.queries import phrases_of
from nightdesk.portal.policies import visible
from nightdesk.reports.fact_queries import joined
from nightdesk.reports.figure_wording import floor
from nightdesk.reports.incident_models import CustomerEdition
from nightdesk.reports.incident_writing import ForOne

MOST_OPEN = 50
MOST_COUNTED = 500
SHARE_OF = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class MyService:
    """What an outage does to one of their services, and what helps meanwhile. `until`: when that was over."""

    subscription: Subscription
    effect: Effect
    since: datetime
    until: datetime | None
    words: str

    @property
    def name(self) -> str:
        return name_of(self.subscription)


@dataclass(frozen=True, slots=True)
class MyOutage:
    """An outage as it touches one customer: `services` worst first; `ticket_number` None where there is no ticket."""

    outage: PublishedOutage
    services: tuple[MyService, ...]
    ticket_number: int | None

    @property
    def id(self) -> UUID:
        return UUID(self.outage.id)


def name_of(subscription: Subscription) -> str:
    """What they call it: the service, and which of them."""
    return f"{subscription.service.name} {subscription.label}".strip()


def outages_of(customer_id: int) -> QuerySet[Outage]:
    """What was told to the customer, newest first; what was only suspected is not among it."""
    mine = Touched.objects.filter(outage=OuterRef("pk"), customer=customer_id)
    told = Update.objects.filter(outage=OuterRef("pk"), published_at__isnull=False)
    rows = visible(Outage).filter(Exists(mine), Exists(told))
    return rows.exclude(state=Outage.State.PROPOSED).order_by("-began_at", "-id")


def open_outages(customer_id: int, language: str, at: datetime) -> list[MyOutage]:
    """What is going on, the worst for them first."""
    rows = outages_of(customer_id).exclude(state__in=OVER)[:MOST_OPEN]
    return sorted(told(rows, customer_id, language, at), key=_how_bad)


def told(rows: Iterable[Outage], customer_id: int, language: str, at: datetime) -> list[MyOutage]:
    """The outages with what was said of them by `at` and what they do to the customer's services, in the rows' order."""
    outages = list(rows)
    ids = [outage.pk for outage in outages]
    fields = (
        "id",
        "outage_id",
        "kind",
        "state",
        "texts",
        "published_at",
        "next_at",
        "estimate_at",
        "quiet",
        "corrects_id",
    )
    said = Update.objects.filter(outage__in=ids, published_at__lte=at).order_by("-published_at", "-number")
    updates = published_updates(said.values(*fields), language)
    touched = _services(ids, customer_id, language)
    tickets = dict(
        Affected.objects.filter(outage__in=ids, customer=customer_id).values_list("outage_id", "ticket_number")
    )
    return [
        MyOutage(
            replace(
                published_outage(outage, title_for(outage, touched[outage.pk]), updates[outage.pk]),
                words=tuple(each.words for each in touched[outage.pk]),
            ),
            tuple(touched[outage.pk]),
            tickets.get(outage.pk),
        )
        for outage in outages
        if updates[outage.pk]
    ]


def title_for(outage: Outage, services: Sequence[MyService]) -> str:
    """What the outage is called to them: its public name, else what of theirs it touches. Never our own name for it."""
    if outage.public and outage.public_title:
        return outage.public_title
    if not services:
        return _("Outage %s") % outage.name
    more = len(services) - 1
    if not more:
        return services[0].name
    return ngettext("{service} and one more", "{service} and {count} more", more).format(
        service=services[0].name, count=more
    )


def effects_now(outages: Iterable[MyOutage]) -> dict[int, tuple[MyService, MyOutage]]:
    """Of each subscription that is touched now by one of them: how, by the worst."""
    found: dict[int, tuple[MyService, MyOutage]] = {}
    for outage in outages:
        for service in outage.services:
            known = found.get(service.subscription.pk)
            if service.until is None and (known is None or service.effect > known[0].effect):
                found[service.subscription.pk] = (service, outage)
    return found


def works_of(customer_id: int, language: str, at: datetime) -> list[PublishedWork]:
    """Planned work that touches what the customer buys, soonest first; its title names what of theirs it touches."""
    mine = WorkTouched.objects.filter(work=OuterRef("pk"), customer=customer_id)
    fields = (
        "id",
        "brand",
        "number",
        "texts",
        "state",
        "from_at",
        "until_at",
        "public",
        "public_title",
        "round",
        "announced_at",
        "changed_at",
    )
    works = list(told_works(at).filter(Exists(mine)).only(*fields)[:MOST_COUNTED])
    names: dict[UUID, list[str]] = defaultdict(list)
    rows = visible(WorkTouched).filter(work__in=[each.pk for each in works], customer=customer_id)
    touched = list(rows.values_list("work_id", "subscription_id"))
    bought = visible(Subscription, "service").in_bulk({subscription for _work, subscription in touched})
    for work, subscription in touched:
        names[work].append(name_of(bought[subscription]))
    return [
        published_work(each, _("Planned work: {services}").format(services=", ".join(sorted(names[each.pk]))), language)
        for each in works
    ]


def availability(customer_id: int, at: datetime) -> dict[int, str]:
    """Of each subscription that was down within SHARE_OF: the share of that time in which it was not, as "99.93".

    It is cut off, so that only all of it is 100; two outages at once count once.
    """
    since = at - SHARE_OF
    down: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    rows = visible(Touched).filter(customer=customer_id, worst=Effect.DOWN)
    rows = rows.filter(Q(until=None) | Q(until__gt=since))
    for row in rows:
        down[row.subscription_id] += [(max(start, since), end) for start, end in stretches_down(row.down_at, at)]
    gone = {
        subscription: sum((end - start for start, end in joined(each)), timedelta(0))
        for subscription, each in down.items()
    }
    return {subscription: f"{floor(100 * (1 - lost / SHARE_OF), 2):.2f}" for subscription, lost in gone.items() if lost}


def past_year(customer_id: int, at: datetime) -> Punctuality:
    """How punctual we were to the customer."""
    rows = outages_of(customer_id).filter(began_at__gt=at - A_YEAR).exclude(state=Outage.State.WITHDRAWN)
    return punctuality_of([each.outage for each in told(rows[:MOST_COUNTED], customer_id, "", at)], at)


def edition_of(outage_id: UUID) -> CustomerEdition | None:
    """What we say of the outage afterwards; None before that is published."""
    return visible(CustomerEdition).filter(outage_id=outage_id).first()


def report_for(mine: MyOutage, edition: CustomerEdition, language: str) -> ForOne:
    """What the customer's own version of the report is made of: their services, what they were told, and our words."""
    updates = sorted(mine.outage.updates, key=lambda update: update.published_at)
    return ForOne(
        name=f"O-{mine.outage.number}",
        began_at=mine.outage.began_at,
        ended_at=mine.outage.resolved_at,
        services=[(service.name, service.since, service.until) for service in mine.services],
        told=[(update.published_at, update.text) for update in updates if update.kind != Update.Kind.POST_INCIDENT],
        words=edition.words,
        language=language,
    )


def feed_link_of(contact: Contact) -> FeedLink | None:
    """The contact's own secret address, where one is open."""
    return visible(FeedLink).filter(contact_id=contact.pk, revoked_at=None).first()


def _services(outages: Sequence[UUID], customer_id: int, language: str) -> dict[UUID, list[MyService]]:
    found: dict[UUID, list[MyService]] = defaultdict(list)
    rows = list(visible(Touched).filter(outage__in=outages, customer=customer_id))
    bought = {
        each.pk: each for each in visible(Subscription, "service").filter(pk__in={row.subscription_id for row in rows})
    }
    if not bought:
        return found
    brand_id = next(iter(bought.values())).service.brand_id
    pairs = {(row.service_id, _effect_of(row)) for row in rows}
    words = phrases_of(brand_id, pairs, [language])[language]
    for row in rows:
        subscription, effect = bought[row.subscription_id], _effect_of(row)
        text = phrases.render(words[f"{row.service_id}:{int(effect)}"], {"service": name_of(subscription)})
        found[row.outage_id].append(MyService(subscription, effect, row.since, row.until, text))
    for services in found.values():
        services.sort(key=lambda each: (-each.effect, each.name))
    return found


def _effect_of(row: Touched) -> Effect:
    """How it is; the worst that it was, once it is over."""
    return Effect(row.effect if row.until is None else row.worst)


def _how_bad(outage: MyOutage) -> tuple[int, float]:
    worst = max((each.effect for each in outage.services if each.until is None), default=Effect.WORKS)
    return -worst, -outage.outage.began_at.timestamp()
