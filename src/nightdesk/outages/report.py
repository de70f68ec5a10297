"""Who was told what of an outage, when and by which route; how far that is; and who could not be told."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from nightdesk.channels.fan_out_queries import LOST
from nightdesk.outages import audience_query
from nightdesk.outages.models import Affected, Outage

ARRIVED = ("delivered", "read")
ON_THE_WAY = ("queued", "sending", "failed_for_now")
BATCH = 2000


@dataclass(frozen=True, slots=True)
class Told:
    """One message to one contact about one update. `route` took it last; `said_at`: it was published, `accepted_at`: a
    provider took it, `ended_at`: nothing more comes of it.
    """

    delivery_id: UUID
    update: int
    kind: str
    recipient: str
    customer: str
    customer_id: int | None
    channel: str
    address: str
    state: str
    route: str
    reason: str
    said_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the messages of one update, how many still go, went, arrived, were lost, or were replaced by a later one."""

    waiting: int = 0
    accepted: int = 0
    arrived: int = 0
    lost: int = 0
    replaced: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.waiting + self.accepted + self.arrived + self.lost + self.replaced

    @property
    def done(self) -> int:
        """Those that wait no more."""
        return self.count - self.waiting


_FROM = """
FROM channels_delivery d JOIN channels_message m ON m.id = d.message_id JOIN outages_update u ON u.id = m.cause
"""
_ABOUT = """
WHERE d.subject_kind = 'outage' AND d.subject_id = %(outage)s::text AND d.recipient_kind IN ('contact', 'subscriber')
"""
_WHO = """
LEFT JOIN customers_contact k ON k.id = CASE WHEN d.recipient_kind = 'contact' THEN d.recipient_id::bigint END
LEFT JOIN customers_customer c ON c.id = k.customer_id
LEFT JOIN LATERAL (
    SELECT route_name FROM channels_attempt t
    WHERE t.delivery_id = coalesce(d.goes_with, d.id) AND (t.month = d.month OR d.goes_with IS NOT NULL)
    ORDER BY t.at DESC, t.number DESC LIMIT 1
) a ON true
"""


def progress_of(outage_id: UUID) -> Mapping[UUID, Progress]:
    """Update -> how far it is; nothing of one that was sent to nobody."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT u.id, count(*) FILTER (WHERE d.state = ANY(%(way)s)),
                   count(*) FILTER (WHERE d.state = 'accepted'), count(*) FILTER (WHERE d.state = ANY(%(arrived)s)),
                   count(*) FILTER (WHERE d.state = ANY(%(lost)s)), count(*) FILTER (WHERE d.state = 'superseded')
            {_FROM} {_ABOUT} GROUP BY u.id
            """,
            {"outage": outage_id, "way": list(ON_THE_WAY), "arrived": list(ARRIVED), "lost": list(LOST)},
        )
        return {update: Progress(*counts) for update, *counts in cursor.fetchall()}


_FITS = """
  AND (%(states)s::text[] IS NULL OR d.state = ANY(%(states)s::text[]))
  AND (%(ids)s::uuid[] IS NULL OR d.id = ANY(%(ids)s::uuid[]))
  AND (%(words)s = '' OR k.name ILIKE %(words)s OR c.name ILIKE %(words)s OR d.address ILIKE %(words)s)
"""


def _given(outage_id: UUID, words: str, how: str, ids: Collection[UUID] | None = None) -> dict[str, Any]:
    states = {"waiting": ON_THE_WAY, "arrived": ARRIVED, "lost": LOST}.get(how)
    plain = words.replace("\\", "").replace("%", "").replace("_", "\\_")
    return {
        "outage": outage_id,
        "words": f"%{plain}%" if plain else "",
        "states": list(states) if states else None,
        "ids": list(ids) if ids is not None else None,
    }


def count_told(outage_id: UUID, *, words: str = "", how: str = "") -> int:
    """How many rows `told` gives in all."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_FROM} {_WHO} {_ABOUT} {_FITS}", _given(outage_id, words, how))
        return int(cursor.fetchone()[0])


def people_told(outage_id: UUID) -> int:
    """How many people were sent anything."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(DISTINCT (d.recipient_kind, d.recipient_id)) {_FROM} {_ABOUT}",
            {"outage": outage_id},
        )
        return int(cursor.fetchone()[0])


def told(
    outage_id: UUID,
    *,
    words: str = "",
    how: str = "",
    ids: Collection[UUID] | None = None,
    start: int = 0,
    most: int | None = None,
) -> Iterator[Told]:
    """Everybody who was sent anything, the latest update first, then by customer. `words` stand in a name or an address; `how`:
    "waiting", "arrived" or "lost" alone; `ids`: of these deliveries alone.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT d.id, u.number, u.kind, coalesce(k.name, ''), coalesce(c.name, ''), c.id, d.channel, d.address, d.state,
                   coalesce(a.route_name, ''), d.reason, u.published_at, d.accepted_at, d.ended_at
            {_FROM} {_WHO} {_ABOUT} {_FITS}
            ORDER BY u.number DESC, c.name, k.name, d.channel, d.id OFFSET %(start)s LIMIT %(most)s
            """,
            {**_given(outage_id, words, how, ids), "start": start, "most": most},
        )
        while rows := cursor.fetchmany(BATCH):
            yield from (Told(*row) for row in rows)


def untold(outage: Outage, at: datetime) -> Sequence[Affected]:
    """Customers of whom nobody can be told by any channel that works now, the worst hit first: somebody should ring them."""
    ids = audience_query.untold(outage.pk, ending=not outage.is_open, at=at)
    rows = Affected.objects.filter(outage=outage, customer__in=ids).select_related("customer")
    return list(rows.order_by("-worst", "-services", "customer__name"))
