"""Whom a message to very many finds, and how fast a route lets it go. What it would cost and who was told is asked by the room
that has something to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from nightdesk.channels.models import Route
from nightdesk.channels.queries import shown_settings_of
from nightdesk.channels.registry import CHANNELS

LOST = ("failed", "expired")
"""Whoever has only these was not reached."""
PACE_OF = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Select:
    """SQL that finds whom to tell, with its parameters. Its columns are, in this order and whatever they are called:
    recipient_kind (text), recipient_id (text), channel (text), address (text), rank (smallint, the lowest goes first) and
    values (jsonb: name -> text). A queryset of `values_list` with these six will do as well.
    """

    sql: str
    parameters: Sequence[Any] = ()


def named(found: "QuerySet[Any, Any] | Select") -> tuple[str, dict[str, Any]]:
    """Its SQL as it stands within a statement that names its parameters, and those."""
    sql, parameters = (found.sql, found.parameters) if isinstance(found, Select) else found.query.sql_with_params()
    names = [f"found_{number}" for number in range(len(parameters))]
    pieces = sql.replace("%%", "\0").split("%s")
    sql = pieces[0] + "".join(f"%({name})s{piece}" for name, piece in zip(names, pieces[1:], strict=True))
    return sql.replace("\0", "%%"), dict(zip(names, parameters, strict=True))


# Everybody once for each channel: whoever has no id counts by the address, and of several rows the lowest rank does.
ONCE_EACH = """
WITH found (recipient_kind, recipient_id, channel, address, rank, "values") AS MATERIALIZED ({found}),
told AS (
    SELECT DISTINCT ON (channel, recipient_kind, coalesce(nullif(recipient_id, ''), address)) *
    FROM found ORDER BY channel, recipient_kind, coalesce(nullif(recipient_id, ''), address), rank, address
)"""


def pace_of(route: Route, at: datetime) -> float | None:
    """Messages a second that the route lets us have of those to many: what it was set up with, else by how long it took for
    each lately; None where neither is known.
    """
    settings, driver = shown_settings_of(route), CHANNELS.get(route.driver)
    if settings.get("per_second"):
        return float(settings["per_second"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms) FROM channels_attempt "
            "WHERE route_id = %s AND at > %s AND NOT is_receipt AND outcome IN ('accepted', 'delivered')",
            [route.pk, at - PACE_OF],
        )
        took_ms = cursor.fetchone()[0]
    if took_ms is None or driver is None:
        return None
    at_once = settings.get("at_once") or driver.at_once
    return float(max(1, at_once * 3 // 4) * 1000 / max(1.0, took_ms))
