"""What stands: the graph of parts, open outages, and what was told of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for
from nightdesk.base.actors import Actor
from nightdesk.base.memory import remembered
from nightdesk.base.refusals import NotFound
from nightdesk.base.rows import fetch_with
from nightdesk.customers.models import Subscription
from nightdesk.knowledge.phrases import languages_to_try, put_in
from nightdesk.knowledge.queries import phrase_book, phrase_for
from nightdesk.outages import wording
from nightdesk.outages.audience_query import NAMED
from nightdesk.outages.decide import OPEN, next_mark
from nightdesk.outages.effect import PART, SERVICE, SUBSCRIPTION, Effect, Graph, Need, graph_of
from nightdesk.outages.models import (
    Affected,
    ConfirmRule,
    FailedPart,
    Outage,
    Part,
    Rules,
    StatementTemplate,
    Touched,
    Update,
)
from nightdesk.paging.models import Page

_OPEN = sorted(str(each) for each in OPEN)
_HAS_OPEN = f"SELECT EXISTS (SELECT FROM outages_outage WHERE brand_id = %s AND state IN ({str(_OPEN)[1:-1]}))"  # noqa: S608
"""The states stand in the statement itself and not as values, so that the index of open ones answers."""


def graph_of_brand(brand_id: int) -> Graph:
    """What needs what in the brand, read whole in two statements. Subscriptions that ended, and those of customers who left, are
    no part of it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.id, s.service_id FROM customers_subscription s JOIN customers_customer c ON c.id = s.customer_id
            WHERE c.brand_id = %s AND c.active AND s.ended_at IS NULL
            """,
            [brand_id],
        )
        bought = dict(cursor.fetchall())
    needs = _needs(brand_id)
    return graph_of((one for one in needs if one.owner[0] != SUBSCRIPTION or one.owner[1] in bought), bought)


def graph_of_parts(brand_id: int) -> Graph:
    """What parts of the brand need of one another, and nothing of services: enough to find a circle."""
    return graph_of(_needs(brand_id, of_parts=True), {})


def graph_above(brand_id: int, parts: Collection[int]) -> Graph:
    """As much of what needs what as these parts can take with them: what their failure does is the same as in the whole.

    A core switch takes nearly all with it; anything further out is read in a fraction of the time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE above (id) AS (
                SELECT unnest(%s::bigint[])
                UNION
                SELECT n.part_id FROM above a
                JOIN outages_member m ON m.part_id = a.id JOIN outages_need n ON n.id = m.need_id
                WHERE n.part_id IS NOT NULL
            )
            SELECT n.id, n.part_id, n.service_id, n.subscription_id, n.at_least, m.part_id
            FROM outages_need n JOIN outages_member m ON m.need_id = n.id
            WHERE n.id IN (SELECT m.need_id FROM above a JOIN outages_member m ON m.part_id = a.id) ORDER BY n.id
            """,
            [list(parts)],
        )
        needs = list(_as_needs(cursor.fetchall()))
        owners = {kind: [one.owner[1] for one in needs if one.owner[0] == kind] for kind in (SERVICE, SUBSCRIPTION)}
        cursor.execute(
            """
            SELECT s.id, s.service_id FROM customers_subscription s JOIN customers_customer c ON c.id = s.customer_id
            WHERE c.brand_id = %s AND c.active AND s.ended_at IS NULL AND (s.service_id = ANY (%s) OR s.id = ANY (%s))
            """,
            [brand_id, owners[SERVICE], owners[SUBSCRIPTION]],
        )
        bought = dict(cursor.fetchall())
    return graph_of((one for one in needs if one.owner[0] != SUBSCRIPTION or one.owner[1] in bought), bought)


def _needs(brand_id: int, *, of_parts: bool = False) -> Iterator[Need]:
    """The brand's needs, or only those that parts have."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT n.id, n.part_id, n.service_id, n.subscription_id, n.at_least, m.part_id
            FROM outages_need n JOIN outages_member m ON m.need_id = n.id
            WHERE n.brand_id = %s AND (n.part_id IS NOT NULL OR NOT %s) ORDER BY n.id
            """,
            [brand_id, of_parts],
        )
        return _as_needs(cursor.fetchall())


def _as_needs(rows: Iterable[Sequence[Any]]) -> Iterator[Need]:
    """One need of the rows of each, which have one of its members."""
    for _number, group in groupby(rows, key=itemgetter(0)):
        members = list(group)
        _need, part, service, subscription, at_least, _member = members[0]
        yield Need(_owner(part, service, subscription), tuple(row[5] for row in members), at_least)


def _owner(part: int | None, service: int | None, subscription: int | None) -> tuple[str, int]:
    if part is not None:
        return PART, part
    return (SERVICE, service) if service is not None else (SUBSCRIPTION, subscription or 0)


def failed_parts(outage_id: UUID) -> Mapping[int, Effect]:
    """Part -> how badly it fails, of an outage."""
    rows = FailedPart.objects.filter(outage=outage_id).values_list("part_id", "effect")
    return {part: Effect(effect) for part, effect in rows}


def rules_of(brand_id: int) -> Rules:
    """How the brand speaks of outages; the defaults, unsaved, where nobody has said."""
    return Rules.objects.filter(brand=brand_id).first() or Rules(brand_id=brand_id)


def holding_template(brand_id: int) -> StatementTemplate | None:
    """The statement that goes where nobody approves one; None for the built-in words."""
    return StatementTemplate.objects.filter(brand=brand_id, holding=True, removed_at=None).first()


def usual_next(outage: Outage, at: datetime) -> datetime:
    """When the next word is due where nobody says: as the rules have it, on a five-minute mark."""
    return next_mark(at, timedelta(minutes=rules_of(outage.brand_id).update_every_minutes))


def outage(outage_id: UUID, by: Actor | None = None) -> Outage:
    """The outage, if `by` may read it (None: no reader is asked). Raises NotFound."""
    found = Outage.objects.select_related("brand", "lead", "fixer", "voice").filter(pk=outage_id).first()
    brands = None if by is None else brands_for(by, "read_outages")
    if found is None or (brands is not None and found.brand_id not in brands):
        raise NotFound(
            _("Outage %s was asked for.") % outage_id, _("There is no such outage."), _("Look at the list of outages.")
        )
    return found


def latest_update(outage_id: UUID) -> Update | None:
    """What was published last about it; None while nothing was."""
    rows = Update.objects.filter(outage=outage_id, published_at__isnull=False)
    return rows.order_by("-published_at", "-number").first()


# --- Whom, in what words ---------------------------------------------------------------------------------------------


def languages_and_zones(outage: Outage) -> tuple[Sequence[str], Sequence[str]]:
    """The languages and the zones of everybody who may be told of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH those AS (
                SELECT coalesce(nullif(k.language, ''), c.language) AS language, coalesce(nullif(k.zone, ''), c.zone) AS zone
                FROM outages_affected a JOIN customers_customer c ON c.id = a.customer_id
                JOIN customers_contact k ON k.customer_id = c.id WHERE a.outage_id = %(outage)s
              UNION ALL
                SELECT s.language, b.zone FROM outages_subscriber s JOIN access_brand b ON b.id = s.brand_id
                WHERE %(public)s AND s.brand_id = %(brand)s AND s.confirmed_at IS NOT NULL AND s.ended_at IS NULL
            )
            SELECT (SELECT array_agg(DISTINCT language) FROM those), (SELECT array_agg(DISTINCT zone) FROM those)
            """,
            {"outage": outage.pk, "public": outage.public, "brand": outage.brand_id},
        )
        languages, zones = cursor.fetchone()
    return sorted(languages or []), sorted({outage.brand.zone, *(zones or [])})


def languages_of(outage: Outage) -> Sequence[str]:
    """The languages that what we say ourselves is made in: the brand's, and those of everybody who may be told."""
    return sorted({outage.brand.language, *languages_and_zones(outage)[0]})


def services_touched(outage_id: UUID) -> Sequence[tuple[int, Effect]]:
    """Each service that it touches now, with each effect that occurs."""
    rows = Touched.objects.filter(outage=outage_id, effect__gt=0).values_list("service_id", "effect").distinct()
    return [(service, Effect(effect)) for service, effect in rows.order_by("service_id", "effect")]


def phrases_of(
    brand_id: int, touched: Collection[tuple[int, Effect]], languages: Collection[str]
) -> Mapping[str, Mapping[str, str]]:
    """Language -> {"service:effect": what customers are told of it, with its workaround}: the service's own phrase, else the
    brand's, else what is built in; of each the best language.
    """
    book = phrase_book(brand_id)
    return {
        language: {
            f"{service}:{int(effect)}": f"{words.text} {words.workaround}".strip()
            for service, effect in touched
            for words in [phrase_for(book, service, effect.name.lower(), language)]
        }
        for language in languages
    }


def public_names(outage: Outage) -> str:
    """What fails, as anybody may read it: the public names of its failed parts; "" where none has one."""
    rows = FailedPart.objects.filter(outage=outage, part__public=True).order_by("part__position", "part__key")
    return ", ".join(rows.values_list("part__public_name", flat=True))


# --- From alarms -----------------------------------------------------------------------------------------------------


def parts_named(page: Page) -> Sequence[Part]:
    """The brand's parts that the page's alarm is about: by key, name or alias, whatever the case. A machine that the alarm names
    with a port is meant without it too.
    """
    told = (page.component, page.details.get("source", ""), page.details.get("component", ""))
    named = {name.lower() for name in told if isinstance(name, str) and name}
    named |= {name.rpartition(":")[0] for name in named if name.rpartition(":")[2].isdecimal()} - {""}
    if not named:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM outages_part
            WHERE brand_id = %(brand)s AND retired_at IS NULL
              AND (key = ANY (%(named)s) OR lower(name) = ANY (%(named)s) OR aliases && %(named)s::varchar[])
            """,
            {"brand": page.brand_id, "named": sorted(named)},
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(Part.objects.filter(pk__in=ids).order_by("key")) if ids else ()


def has_parts(brand_id: int | None) -> bool:
    """Whether the brand has any part that an alarm could be about."""
    return Part.objects.filter(brand=brand_id, retired_at=None).exists()


def has_outages_of_pages(brand_id: int | None) -> bool:
    """Whether any open outage of the brand came from a page."""
    return Outage.objects.filter(brand=brand_id, state__in=OPEN, page__isnull=False).exists()


@remembered
def has_open(brand_id: int | None) -> bool:
    """Whether any outage of the brand is open."""
    with connection.cursor() as cursor:
        # Asked at every ticket that is opened: Django would take longer over it than PostgreSQL.
        cursor.execute(_HAS_OPEN, [brand_id])
        row = cursor.fetchone()
    return bool(row and row[0])


def open_about(brand_id: int, part_ids: Collection[int]) -> Outage | None:
    """The oldest open outage in which one of these parts fails; None where there is none."""
    rows = Outage.objects.filter(brand=brand_id, state__in=OPEN, failed__part__in=part_ids)
    return rows.order_by("began_at", "id").first()


def confirm_rule_for(brand_id: int, part_ids: Collection[int]) -> ConfirmRule | None:
    """The rule by which an alarm about one of these parts confirms an outage; None where a person has to."""
    rows = ConfirmRule.objects.filter(brand=brand_id, removed_at=None, parts__in=part_ids)
    return rows.order_by("after_s", "id").first()


# --- What stands -----------------------------------------------------------------------------------------------------


def open_outages(brands: Collection[int] | None) -> Sequence[Outage]:
    """What is not over in these brands (None: all of them), proposed ones too, the oldest first."""
    rows = Outage.objects.filter(state__in=OPEN).select_related("brand", "lead", "fixer", "voice")
    rows = rows if brands is None else rows.filter(brand__in=brands)
    return list(rows.order_by("began_at", "id"))


def owed_before(update: Update) -> datetime | None:
    """When the word that this update is was promised; None where nobody promised it."""
    before = Update.objects.filter(outage=update.outage_id, published_at__isnull=False, number__lt=update.number)
    return before.order_by("-number").values_list("next_at", flat=True).first()


def others_beside(outage: Outage, since: datetime) -> Sequence[Outage]:
    """The brand's other outages that touch a customer whom this one touches: those that are open, or were told of since then."""
    customers = Affected.objects.filter(outage=outage).values("customer")
    rows = Outage.objects.filter(brand=outage.brand_id, confirmed_at__isnull=False).exclude(pk=outage.pk)
    rows = rows.filter(Q(resolved_at=None) | Q(resolved_at__gt=since), affected__customer__in=customers)
    return list(rows.distinct())


def names_told_to(customers: Collection[int]) -> Mapping[int, Sequence[str]]:
    """Customer -> the open outages that touch them now and of which something was published: O-1042, the worst first."""
    rows = Affected.objects.filter(customer__in=customers, effect__gt=0, outage__state__in=OPEN)
    rows = rows.filter(outage__updates__published_at__isnull=False).select_related("outage").distinct()
    found: dict[int, list[str]] = {}
    for row in rows.order_by("-effect", "outage__began_at"):
        found.setdefault(row.customer_id, []).append(row.outage.name)
    return found


def latest_updates(outages: Collection[UUID]) -> Mapping[UUID, Update]:
    """Outage -> what was published last about it; nothing of one of which nothing was."""
    rows = Update.objects.filter(outage__in=outages, published_at__isnull=False).select_related("outage__brand")
    return {row.outage_id: row for row in rows.order_by("published_at", "number")}


def updates_of(outage_id: UUID) -> Sequence[Update]:
    """Everything written about it, published or not, newest first."""
    return list(Update.objects.filter(outage=outage_id).select_related("template", "corrects").order_by("-number"))


def affected_count(outage_id: UUID) -> int:
    """How many customers it touches now."""
    return Affected.objects.filter(outage=outage_id, effect__gt=0).count()


# --- Of one customer -------------------------------------------------------------------------------------------------


def words_for(outage: Outage, customer_id: int, language: str) -> Sequence[str]:
    """What stops working for the customer in the outage, each of their services in a sentence, the worst first."""
    rows = Touched.objects.filter(
        outage=outage, customer=customer_id, effect__gt=0, subscription__ended_at=None
    ).select_related("subscription", "service")
    touched = list(rows.order_by("-effect", "service__name", "subscription__label"))
    said = phrases_of(outage.brand_id, {(one.service_id, Effect(one.effect)) for one in touched}, [language])[language]
    return [
        said[f"{one.service_id}:{one.effect}"].replace(
            "{{ service }}", f"{one.service.name} {one.subscription.label}".strip()
        )
        for one in touched
    ]


def words_in_short(outage: Outage, customer_id: int, language: str) -> Sequence[str]:
    """As `words_for`, in no more room than a message has: of more than NAMED services one sentence says how many."""
    words = words_for(outage, customer_id, language)
    if len(words) <= NAMED:
        return words
    worst = Touched.objects.filter(outage=outage, customer=customer_id, subscription__ended_at=None).aggregate(
        Max("effect")
    )
    bought = Subscription.objects.filter(customer=customer_id).count()
    with wording.in_language(language):
        said = wording.counted(Effect(worst["effect__max"]))
    return [put_in(said, {"count": str(len(words)), "all": str(bought)})]


def told_to(customer_id: int) -> Sequence[tuple[Outage, Update]]:
    """The open outages that touch the customer and of which something was published, the worst first, with the latest word."""
    rows = fetch_with(
        Affected,
        ["outage", "outage__brand"],
        "SELECT {columns} FROM outages_affected own JOIN outages_outage outage ON outage.id = own.outage_id "
        "JOIN access_brand outage__brand ON outage__brand.id = outage.brand_id "
        "WHERE own.customer_id = %s AND own.effect > 0 AND outage.state = ANY(%s) "
        "ORDER BY own.effect DESC, outage.began_at",
        [customer_id, _OPEN],
    )
    found = []
    for affected in rows:
        update = latest_update(affected.outage_id)
        if update is not None:
            found.append((affected.outage, update))
    return found


def faults_of(customer_id: int, language: str, zone: str, at: datetime) -> Sequence[str]:
    """What is known to be wrong with what the customer buys, as they were told it: one text an outage.

    What an update promised and has not come is said too, so that nothing old is told as news.
    """
    found = []
    for outage, update in told_to(customer_id):
        text = text_in(update, language, outage.brand.language)
        with wording.in_language(language):
            if update.next_at is not None and update.next_at <= at:
                more = wording.late_words(update.next_at, at, zone)
            else:
                more = wording.next_words(update.next_at, at, zone)
            found.append(" ".join([*words_for(outage, customer_id, language), text, more]).strip())
    return found


def text_in(update: Update, language: str, own: str) -> str:
    """The update's statement in the best language for a reader of `language`; `own` is the brand's."""
    found = next((one for one in languages_to_try(language) if one in update.texts), own)
    return str(update.texts[found])


def parts_beneath(asked: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], Mapping[int, int]]:
    """(customer, service) -> each part that what they buy of it needs, in whatever depth, with how deep it lies (from 1)."""
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE asked (customer_id, service_id) AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[])),
            first (customer_id, service_id, part_id) AS (
                SELECT a.customer_id, a.service_id, m.part_id FROM asked a
                JOIN outages_need n ON n.service_id = a.service_id JOIN outages_member m ON m.need_id = n.id
              UNION
                SELECT a.customer_id, a.service_id, m.part_id FROM asked a
                JOIN customers_subscription s ON s.customer_id = a.customer_id AND s.service_id = a.service_id
                     AND s.ended_at IS NULL
                JOIN outages_need n ON n.subscription_id = s.id JOIN outages_member m ON m.need_id = n.id
            ),
            beneath (customer_id, service_id, part_id, depth) AS (
                SELECT customer_id, service_id, part_id, 1 FROM first
              UNION
                SELECT b.customer_id, b.service_id, m.part_id, b.depth + 1 FROM beneath b
                JOIN outages_need n ON n.part_id = b.part_id JOIN outages_member m ON m.need_id = n.id
                WHERE b.depth < %s
            )
            SELECT customer_id, service_id, part_id, min(depth) FROM beneath GROUP BY 1, 2, 3
            """,
            [[customer for customer, _service in asked], [service for _customer, service in asked], DEEPEST],
        )
        found: dict[tuple[int, int], dict[int, int]] = {}
        for customer, service, part, depth in cursor.fetchall():
            found.setdefault((customer, service), {})[part] = depth
    return found


DEEPEST = 20
"""How deep it is looked for parts beneath a service."""
