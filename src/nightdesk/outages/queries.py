"""What stands: the graph of parts, open outages, and what was told of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import NotFound
from nightdesk.knowledge.models import Phrase
from nightdesk.knowledge.phrases import languages_to_try
from nightdesk.outages import wording
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


def graph_of_brand(brand_id: int) -> Graph:
    """What needs what in the brand, read whole in two statements. Subscriptions of customers who left are no part of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT n.part_id, n.service_id, n.subscription_id, n.at_least, array_agg(m.part_id)
            FROM outages_need n JOIN outages_member m ON m.need_id = n.id
            WHERE n.brand_id = %s GROUP BY n.id
            """,
            [brand_id],
        )
        needs = [
            Need(_owner(part, service, subscription), tuple(members), at_least)
            for part, service, subscription, at_least, members in cursor.fetchall()
        ]
        cursor.execute(
            """
            SELECT s.id, s.service_id FROM customers_subscription s JOIN customers_customer c ON c.id = s.customer_id
            WHERE c.brand_id = %s AND c.active
            """,
            [brand_id],
        )
        bought = dict(cursor.fetchall())
    kept = (one for one in needs if one.owner[0] != SUBSCRIPTION or one.owner[1] in bought)
    return graph_of(kept, bought)


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
    rows = Phrase.objects.filter(brand=brand_id).values_list("service_id", "effect", "language", "text", "workaround")
    known: dict[tuple[int | None, str, str], str] = {
        (service, effect, language): f"{text} {more}".strip() for service, effect, language, text, more in rows
    }
    found: dict[str, dict[str, str]] = {}
    for language in languages:
        with wording.in_language(language):
            found[language] = {
                f"{service}:{int(effect)}": _phrase(known, service, effect, language) for service, effect in touched
            }
    return found


def _phrase(known: Mapping[tuple[int | None, str, str], str], service: int, effect: Effect, language: str) -> str:
    for owner in (service, None):
        for tried in languages_to_try(language):
            if (owner, effect.name.lower(), tried) in known:
                return known[owner, effect.name.lower(), tried]
    return wording.phrase(effect)


def public_names(outage: Outage) -> str:
    """What fails, as anybody may read it: the public names of its failed parts; "" where none has one."""
    rows = FailedPart.objects.filter(outage=outage, part__public=True).order_by("part__position", "part__key")
    return ", ".join(rows.values_list("part__public_name", flat=True))


# --- From alarms -----------------------------------------------------------------------------------------------------


def parts_named(page: Page) -> Sequence[Part]:
    """The brand's parts that the page's alarm is about: by key, name or alias, whatever the case."""
    if not page.component:
        return ()
    named = page.component.lower()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM outages_part
            WHERE brand_id = %(brand)s AND retired_at IS NULL
              AND (lower(key) = %(named)s OR lower(name) = %(named)s OR aliases @> ARRAY[%(named)s]::varchar[])
            """,
            {"brand": page.brand_id, "named": named},
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(Part.objects.filter(pk__in=ids).order_by("key")) if ids else ()


def has_parts(brand_id: int | None) -> bool:
    """Whether the brand has any part that an alarm could be about."""
    return Part.objects.filter(brand=brand_id, retired_at=None).exists()


def has_outages_of_pages(brand_id: int | None) -> bool:
    """Whether any open outage of the brand came from a page."""
    return Outage.objects.filter(brand=brand_id, state__in=OPEN, page__isnull=False).exists()


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


def said_now(customers: Collection[int]) -> Mapping[int, Sequence[Update]]:
    """Customer -> what was published last about each open outage that touches them now, the worst for them first."""
    rows = Affected.objects.filter(
        customer__in=customers, effect__gt=0, outage__state__in=OPEN, outage__confirmed_at__isnull=False
    ).order_by("-effect", "outage__began_at")
    latest = latest_updates({row.outage_id for row in rows})
    found: dict[int, list[Update]] = {}
    for row in rows:
        if row.outage_id in latest:
            found.setdefault(row.customer_id, []).append(latest[row.outage_id])
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
