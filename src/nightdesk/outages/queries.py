"""What stands: the graph of parts, open outages, and what was told of them."""

from collections.abc import Mapping
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import NotFound
from nightdesk.outages.effect import PART, SERVICE, SUBSCRIPTION, Effect, Graph, Need, graph_of
from nightdesk.outages.models import FailedPart, Outage, Rules, Update


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
