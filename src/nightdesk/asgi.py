"""The web process: Django behind the front, and the announcer that tells open pages what has changed.

The announcer looks every 0.3 s while anybody listens (a worker's wake-up makes it sooner), by queries that find only new
rows. It says which topics changed, never what; what it misses costs a page one refresh.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from nightdesk.base import clock, ear
from nightdesk.base.front import Background, Front
from nightdesk.base.ids import first_of
from nightdesk.base.promises import WAKE_CHANNEL
from nightdesk.base.tickets import live_key
from nightdesk.paging.beat_door import sign_door
from nightdesk.paging.formats import FORMATS
from nightdesk.portal.hot_status import keep_hot
from nightdesk.standby.api import MOST_HANDED_BYTES

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.3
LOOK_IDLY_EVERY_S = 2.0
"""While no page is open."""
BREATH_S = 0.05
"""Least pause between two looks, however often we are woken."""
LATE_COMMIT = timedelta(seconds=5)
"""How long after its id was made a row may become visible and still be announced."""
_MOST = 2000

JOURNAL = (
    "SELECT id, kind, subject_kind, subject_id, by_kind, by_id FROM journal_entry"
    " WHERE xid >= %s ORDER BY xid DESC LIMIT %s"
)
PROMISES = "SELECT id, subject_kind, subject_id FROM base_promise WHERE id >= %s ORDER BY id DESC LIMIT %s"
DELIVERIES = (
    "SELECT id, subject_kind, subject_id, recipient_kind, recipient_id FROM channels_delivery"
    " WHERE id >= %s AND lane <> 'bulk' ORDER BY id DESC LIMIT %s"
)
ATTEMPTS = (
    "SELECT a.id, d.subject_kind, d.subject_id, d.recipient_kind, d.recipient_id FROM channels_attempt a"
    " JOIN channels_delivery d ON d.id = a.delivery_id WHERE a.id >= %s AND d.lane <> 'bulk' ORDER BY a.id DESC LIMIT %s"
)
# Receipts change a delivery and make no new row. Few pages are open at a time, and each has few deliveries.
RECEIPTS = (
    "SELECT d.subject_id, count(*), max(greatest(d.accepted_at, d.delivered_at, d.read_at, d.ended_at, d.leased_at))"
    " FROM paging_page p JOIN channels_delivery d ON d.subject_kind = 'page' AND d.subject_id = p.id::text"
    " WHERE p.state <> 'resolved' GROUP BY d.subject_id"
)
# Who has which ticket open, and types: a small table, whose rows soon mean nothing.
PRESENCE = (
    "SELECT ticket_id::text, array_agg(person_id ORDER BY person_id),"
    " array_agg(coalesce(typed_at > nightdesk_now() - interval '20 seconds', false) ORDER BY person_id)"
    " FROM desk_presence WHERE seen_at > nightdesk_now() - interval '30 seconds' GROUP BY ticket_id"
)
# A call goes on by a step an event, and whoever it rings sees who it is: few rows, by an index of their own.
RUNNING = (
    "SELECT call.id::text, call.step, ARRAY(SELECT leg.person_id FROM calls_leg leg WHERE leg.call_id = call.id"
    " AND leg.ended_at IS NULL AND leg.person_id IS NOT NULL ORDER BY leg.person_id)"
    " FROM calls_call call WHERE call.ended_at IS NULL"
)
DEAD = "SELECT count(*), max(ended_at) FROM base_promise WHERE ended_as = 'dead'"


LARGER_BODIES = {
    "/hooks/": max(dialect.max_bytes for dialect in FORMATS.values()),
    "/api/v1/customers/import": 2 * 1024 * 1024,
    "/api/v1/parts/import": 16 * 1024 * 1024,
    "/settings/parts/import": 16 * 1024 * 1024,
    "/api/v1/lines/": 8 * 1024 * 1024,
    "/settings/lines/": 9 * 1024 * 1024,
    "/my/tickets/": 25 * 1024 * 1024,
    "/tickets/": 24 * 1024 * 1024,
    "/standby/v1/hand-back": MOST_HANDED_BYTES,
}
"""Where more than the usual 1 MiB may be sent: a great outage makes one great request, and customers attach files."""


def build() -> Front:
    """The program's ASGI application, for `base.front.serve`."""
    return Front(
        WSGIHandler(),
        key=live_key(),
        background=[announcer(ear.address()), sign_door, keep_hot],
        larger_bodies=LARGER_BODIES,
        trusted_proxies=settings.TRUSTED_PROXIES,
    )


def announcer(address: dict[str, Any]) -> Background:
    """What announces changes for as long as the process runs, through any absence of the database."""

    async def announce(front: Front) -> None:
        news = News()
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**address, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {WAKE_CHANNEL}".encode())
                    while True:
                        front.hub.publish(await news.topics(connection))
                        await _pause(connection, lambda: front.hub.streams > 0)
            except psycopg.Error as error:
                log.warning("Changes are not announced just now: %s", " ".join(str(error).split()))
                await asyncio.sleep(0.5)

    return announce


async def _pause(connection: psycopg.AsyncConnection[Any], listened_to: Callable[[], bool]) -> None:
    if not listened_to():
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_IDLY_EVERY_S):
                while not listened_to():
                    await asyncio.sleep(LOOK_EVERY_S)
        return
    await asyncio.sleep(BREATH_S)
    async for _ in connection.notifies(timeout=LOOK_EVERY_S - BREATH_S, stop_after=1):
        pass


class News:
    """What has changed since the last look. The first look finds out where we stand, and announces nothing."""

    def __init__(self) -> None:
        self._xid: int | None = None
        self._seen: dict[str, set[Any]] = {}
        self._receipts: dict[str, Any] = {}
        self._present: dict[str, Any] = {}
        self._running: dict[str, Any] = {}
        self._dead: Any = None
        self._first = True

    async def topics(self, connection: psycopg.AsyncConnection[Any]) -> set[str]:
        """Topics with news. Follows the database's clock on the way."""
        (time, xid), *_ = await _rows(
            connection,
            "SELECT nightdesk_now(), journal_xid_offset() + pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        )
        clock.follow(time)
        if self._xid is None or self._xid > xid:
            self._xid = xid
        told: set[str] = set()
        for row in await self._new(connection, JOURNAL, self._xid):
            told.update(_of_entry(*row[1:]))
        floor = first_of(time - LATE_COMMIT)
        for _, subject_kind, subject_id in await self._new(connection, PROMISES, floor):
            told |= {"promise", f"{subject_kind}:{subject_id}"}
        for query in (DELIVERIES, ATTEMPTS):
            for _, subject_kind, subject_id, recipient_kind, recipient_id in await self._new(connection, query, floor):
                told |= {"delivery", f"{subject_kind}:{subject_id}", f"{recipient_kind}:{recipient_id}"}
        receipts = {page: rest for page, *rest in await _rows(connection, RECEIPTS)}
        changed = {page for page in receipts if receipts[page] != self._receipts.get(page)}
        if changed:
            told |= {"delivery", *(f"page:{page}" for page in changed)}
        present = {ticket: rest for ticket, *rest in await _rows(connection, PRESENCE)}
        for ticket in present.keys() | self._present.keys():
            if present.get(ticket) != self._present.get(ticket):
                told.add(f"presence:{ticket}")
        running = {call: rest for call, *rest in await _rows(connection, RUNNING)}
        for call in running.keys() | self._running.keys():
            (_, rung), (_, rung_before) = running.get(call, (0, [])), self._running.get(call, (0, []))
            if running.get(call) != self._running.get(call):
                told |= {"call", f"call:{call}", *(f"rings:{person}" for person in {*rung, *rung_before})}
        dead = await _rows(connection, DEAD)
        if dead != self._dead:
            told.add("promise")
        # What was still running at this look is looked at again; what it had written already is known by its id.
        self._xid, self._receipts, self._present, self._dead = xid, receipts, present, dead
        self._running = running
        told, self._first = (set() if self._first else told), False
        return told

    async def _new(self, connection: psycopg.AsyncConnection[Any], query: str, since: object) -> list[Any]:
        """Rows since `since` that were not there at the last look."""
        rows = await _rows(connection, query, since, _MOST)
        before = self._seen.get(query, set())
        self._seen[query] = {row[0] for row in rows}
        return [row for row in rows if row[0] not in before]


def _of_entry(kind: str, subject_kind: str, subject_id: str, by_kind: str, by_id: str) -> Iterator[str]:
    """An entry touches its room, its subject, whoever did it, the journal, and (nearly always) what happens next."""
    yield from (kind.partition(".")[0], subject_kind, f"{subject_kind}:{subject_id}", f"{by_kind}:{by_id}")
    yield from ("journal", "promise")


async def _rows(connection: psycopg.AsyncConnection[Any], query: str, *values: object) -> list[Any]:
    cursor = await connection.execute(query.encode(), values)
    rows: Iterable[Any] = await cursor.fetchall()
    return list(rows)
