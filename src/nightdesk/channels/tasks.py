"""What the sender asks of the database: due deliveries in, what came of them out, many at once in one statement each."""

import asyncio
import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Refusal
from nightdesk.base.rows import fetch
from nightdesk.channels.decide import Came, Health, State
from nightdesk.channels.driver import Driver, RingingLine, Settings
from nightdesk.channels.models import ContactEndpoint, Delivery, Device, Message, Route
from nightdesk.channels.queries import as_id, settings_of
from nightdesk.channels.registry import CHANNELS
from nightdesk.people.actions import mark_contact_broken
from nightdesk.people.models import ContactMethod

log = logging.getLogger(__name__)

HANG_UP_WITHIN_S = 4.0


@dataclass(frozen=True, slots=True)
class Try:
    """One hand-over, or one refusal of it. `at` is when it began; `outcome` is the state that it would have led to.

    `price` is for all `parts` together; None where the route has none. `part_ids`: see `driver.Sent`.
    """

    route_id: int
    route_name: str
    at: datetime
    took_ms: int
    outcome: State
    reason: str = ""
    provider_id: str = ""
    parts: int = 0
    price: Decimal | None = None
    currency: str = ""
    part_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one lease of one delivery. `due_at` None: it has ended at `at`."""

    delivery_id: UUID
    month: date
    attempt: int
    at: datetime
    state: State
    due_at: datetime | None
    tried: dict[int, Came]
    tries: tuple[Try, ...] = ()
    reason: str = ""
    route_id: int | None = None
    provider_id: str = ""
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None
    unreachable: bool = False
    channel: str = ""
    address: str = ""
    forget: UUID | None = None
    """The message whose private words are no longer needed."""
    health: dict[int, Health] = field(default_factory=dict)
    along: tuple[UUID, ...] = ()
    """The rows that went out in the same message."""


def claim_deliveries(
    lane: str, limit: int, *, at: datetime, worker: UUID, full: Collection[tuple[str, int]] = ()
) -> list[Delivery]:
    """Lease up to `limit` rows of `lane` due at `at`, as `leases.claim` does: the longest overdue first, and in the lane
    `bulk` before that the lowest rank.

    `full` names (channel, brand id or 0) pairs whose rows are left for later, so that what waits for one provider takes
    no place from another's. What waits to be sent is then "sending"; what waits for its receipt stays accepted.
    """
    values: dict[str, Any] = {
        "lane": lane,
        "at": at,
        "channels": [channel for channel, _ in full],
        "brands": [brand for _, brand in full],
        "limit": limit,
        "worker": worker,
    }
    rows = fetch(Delivery, _CLAIM.format(due=_DUE_BULK if lane == "bulk" else _DUE), values)
    rows.sort(key=lambda row: (row.rank, row.due_at, row.id))
    return rows


_CLAIM = """
WITH RECURSIVE {due}
UPDATE channels_delivery r
SET leased_by = %(worker)s, leased_at = %(at)s, attempt = r.attempt + 1,
    state = CASE r.state WHEN 'accepted' THEN r.state ELSE 'sending' END
FROM due
WHERE r.id = due.id AND r.month = due.month
RETURNING r.*
"""
# Materialized: a plan that ran the inner query twice would lease more than the limit.
_DUE = """
due AS MATERIALIZED (
    SELECT id, month FROM channels_delivery
    WHERE lane = %(lane)s AND due_at <= %(at)s AND ended_at IS NULL AND leased_by IS NULL
      AND NOT EXISTS (
          SELECT FROM unnest(%(channels)s::text[], %(brands)s::bigint[]) AS f (channel, brand)
          WHERE f.channel = channels_delivery.channel AND f.brand = coalesce(brand_id, 0))
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
"""
# A hundred thousand may wait there for one provider, or for receipts: nothing that is not to be had now may be walked
# through. So the index `delivery_bulk`, whose condition is repeated here as it stands, is asked by steps: which channels and
# brands have anything open; of those that are not full which ranks, the lowest first; of these what is due. It goes on to the
# next rank, and to the next channel, only until there is enough.
_DUE_BULK = """
place (channel, brand) AS (
    (SELECT channel, coalesce(brand_id, 0) FROM channels_delivery WHERE lane = 'bulk' AND ended_at IS NULL
     ORDER BY channel, coalesce(brand_id, 0) LIMIT 1)
    UNION ALL
    SELECT next.* FROM place, LATERAL (
        SELECT d.channel, coalesce(d.brand_id, 0) FROM channels_delivery d
        WHERE d.lane = 'bulk' AND d.ended_at IS NULL AND (d.channel, coalesce(d.brand_id, 0)) > (place.channel, place.brand)
        ORDER BY d.channel, coalesce(d.brand_id, 0) LIMIT 1) next
), due AS MATERIALIZED (
    SELECT here.id, here.month FROM place, LATERAL (
        WITH RECURSIVE step (rank) AS (
            (SELECT d.rank FROM channels_delivery d
             WHERE d.lane = 'bulk' AND d.ended_at IS NULL
               AND d.channel = place.channel AND coalesce(d.brand_id, 0) = place.brand
             ORDER BY d.rank LIMIT 1)
            UNION ALL
            SELECT next.rank FROM step, LATERAL (
                SELECT d.rank FROM channels_delivery d
                WHERE d.lane = 'bulk' AND d.ended_at IS NULL
                  AND d.channel = place.channel AND coalesce(d.brand_id, 0) = place.brand AND d.rank > step.rank
                ORDER BY d.rank LIMIT 1) next
        )
        SELECT one.id, one.month FROM step, LATERAL (
            SELECT d.id, d.month FROM channels_delivery d
            WHERE d.lane = 'bulk' AND d.goes_with IS NULL AND d.ended_at IS NULL AND d.leased_by IS NULL AND d.due_at <= %(at)s
              AND d.channel = place.channel AND coalesce(d.brand_id, 0) = place.brand AND d.rank = step.rank
            ORDER BY d.due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED) one
    ) here
    WHERE NOT EXISTS (
        SELECT FROM unnest(%(channels)s::text[], %(brands)s::bigint[]) AS f (channel, brand)
        WHERE f.channel = place.channel AND f.brand = place.brand)
    LIMIT %(limit)s
)
"""


def take_along(rows: Sequence[Delivery]) -> dict[UUID, list[Delivery]]:
    """What goes out with the rows just claimed, by the id of the one that it goes with, in the order in which it is read; from
    now on it is on its way as well.
    """
    found = fetch(
        Delivery,
        """
        WITH along AS MATERIALIZED (
            SELECT id, month FROM channels_delivery WHERE goes_with = ANY(%s) AND ended_at IS NULL ORDER BY id FOR UPDATE
        )
        UPDATE channels_delivery d SET state = CASE d.state WHEN 'accepted' THEN d.state ELSE 'sending' END
        FROM along a WHERE d.id = a.id AND d.month = a.month RETURNING d.*
        """,
        [[row.id for row in rows]],
    )
    along: dict[UUID, list[Delivery]] = {}
    for row in sorted(found, key=lambda row: (row.rank, row.created_at, row.id)):
        along.setdefault(cast(UUID, row.goes_with), []).append(row)
    return along


def let_go_alone(rows: Sequence[Delivery], at: datetime) -> None:
    """They found no room in the message that they were to go with, and go out in one of their own."""
    mine = Delivery.objects.filter(id__in=[row.id for row in rows], state="sending", ended_at=None)
    mine.update(goes_with=None, state="queued", due_at=at)


def tell_companions(ids: Collection[UUID]) -> None:
    """What goes with these rows, which the caller has just written, is where they are. The provider's id stays theirs alone, so
    that a receipt finds one row.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE channels_delivery d
            SET state = w.state, reason = w.reason, route_id = w.route_id, due_at = w.due_at, ended_at = w.ended_at,
                accepted_at = w.accepted_at, delivered_at = w.delivered_at, read_at = w.read_at
            FROM channels_delivery w WHERE d.goes_with = ANY(%s) AND w.id = d.goes_with AND d.state <> 'superseded'
            """,
            [list(ids)],
        )


def give_back_unknown(worker: UUID, known: Collection[UUID]) -> int:
    """Free what `worker` has leased and does not know of, because the answer to its claim was lost; returns how many."""
    mine = Delivery.objects.filter(leased_by=worker, ended_at=None).exclude(id__in=known)
    return mine.update(leased_by=None, leased_at=None)


def unwanted(held: Collection[tuple[UUID, date, int]]) -> set[UUID]:
    """Those of (id, month, attempt) that are not open any more, or not at that attempt: somebody superseded or took them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT v.id FROM unnest(%s::uuid[], %s::date[], %s::int[]) AS v (id, month, attempt)
            LEFT JOIN channels_delivery d ON d.id = v.id AND d.month = v.month AND d.attempt = v.attempt AND d.ended_at IS NULL
            WHERE d.id IS NULL
            """,
            [_as_array(column) for column in zip(*held, strict=True)],
        )
        return {row[0] for row in cursor.fetchall()}


@transaction.atomic
def record_outcomes(outcomes: Sequence[Outcome], *, worker: UUID, at: datetime) -> None:
    """Write a batch: the rows that are still this worker's at that attempt, every try, the routes' health.

    A row that was ended or taken meanwhile keeps its state (superseded, delivered by a quicker receipt, another worker's);
    of it is only noted that a provider has it.

    Locks are taken in the order in which the verbs take them (people first, then deliveries by id), so that nobody's
    acknowledgement meets ours in a deadlock.
    """
    ordered = sorted(outcomes, key=lambda one: one.delivery_id)
    for one in ordered:
        if one.unreachable:
            mark_broken(one.channel, one.address, one.reason, at)
    _lock([one.delivery_id for one in ordered])
    written = _write_states(ordered, worker)
    if firsts := [one.delivery_id for one in ordered if one.along and one.delivery_id in written]:
        tell_companions(firsts)
    late = [one for one in ordered if one.delivery_id not in written and one.provider_id]
    if late:
        _note_late(late)
        _note_sent_along(late)
    _note_tries(ordered)
    health = {route: health for one in outcomes for route, health in one.health.items()}
    for route, how in sorted(health.items()):
        Route.objects.filter(id=route).update(failures=how.failures, resting_until=how.resting_until)
    forget = {one.forget for one in ordered if one.forget and one.due_at is None}
    if forget:
        Message.objects.filter(id__in=forget).update(sealed=b"")


def lock_deliveries(rows: QuerySet[Delivery]) -> list[UUID]:
    """Lock the rows until the end of the transaction, by id, as everybody does who locks several; their ids come back."""
    return list(rows.order_by("id").select_for_update().values_list("id", flat=True))


def _lock(ids: Sequence[UUID]) -> None:
    """As `lock_deliveries`, by a statement that is the same for any number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM channels_delivery WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE", [_as_array(ids)]
        )


def mark_broken(channel: str, address: str, why: str, at: datetime) -> None:
    """Show on the person's page that the carrier says nobody can be reached there. Nobody's address: nothing to show."""
    if channel == "push":
        Device.objects.filter(method__channel=channel, method__address=address, gone_at=None).update(gone_at=at)
    if (endpoint_id := as_id(address)) is not None:
        ContactEndpoint.objects.filter(id=endpoint_id, channel=channel, gone_at=None).update(gone_at=at)
    for method in ContactMethod.objects.filter(channel=channel, address=address, broken_at=None):
        try:
            with transaction.atomic():
                mark_contact_broken(method_id=method.id, why=why, by=SCHEDULER, via=Door.WORKER, at=at)
        except Refusal as refusal:
            log.warning("A dead address could not be marked: %s", refusal)


def hang_up(promise: Promise, at: datetime) -> str:
    """The promise `actions.HANG_UP`: a telephone that rings about something that is over stops. What is refused is tried
    again by the promise, until the ringing has ended by itself.
    """
    del at
    facts = promise.facts
    row = Delivery.objects.filter(id=promise.subject_id, month=facts["month"]).first()
    route = Route.objects.filter(id=facts["route"]).first()
    if row is None or route is None or row.state != "accepted" or row.provider_id != facts["call"]:
        return "It does not ring any more."
    driver = CHANNELS.get(route.driver)
    if driver is None or not driver.can_hang_up:
        return f"{route.name} cannot stop what it rings."
    stopped = asyncio.run(_hang_up(driver, settings_of(route), facts["call"]))
    return "The ringing was stopped." if stopped else "It did not ring any more."


async def _hang_up(driver: Driver, settings: Settings, call_id: str) -> bool:
    line = cast(RingingLine, driver.connect(settings))
    try:
        async with asyncio.timeout(HANG_UP_WITHIN_S):
            return await line.hang_up(call_id)
    finally:
        await line.close()


def tried_as_json(tried: dict[int, Came]) -> list[list[Any]]:
    """How `Delivery.routes_tried` keeps it."""
    return [[route, came] for route, came in tried.items()]


def _write_states(outcomes: Sequence[Outcome], worker: UUID) -> set[UUID]:
    """The ids that were still this worker's, now written."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE channels_delivery d
            SET state = v.state, reason = v.reason, routes_tried = v.tried,
                route_id = coalesce(v.route_id, d.route_id),
                provider_id = coalesce(nullif(v.provider_id, ''), d.provider_id),
                accepted_at = coalesce(d.accepted_at, v.accepted_at),
                delivered_at = coalesce(d.delivered_at, v.delivered_at),
                due_at = coalesce(v.due_at, d.due_at),
                ended_at = CASE WHEN v.due_at IS NULL THEN v.at END,
                leased_by = NULL, leased_at = NULL
            FROM jsonb_to_recordset(%s::jsonb) AS v (
                id uuid, month date, attempt int, state text, reason text, tried jsonb, route_id bigint, provider_id text,
                accepted_at timestamptz, delivered_at timestamptz, due_at timestamptz, at timestamptz)
            WHERE d.id = v.id AND d.month = v.month AND d.attempt = v.attempt AND d.leased_by = %s AND d.ended_at IS NULL
            RETURNING d.id
            """,
            [
                _as_records(
                    {
                        "id": one.delivery_id,
                        "month": one.month,
                        "attempt": one.attempt,
                        "state": one.state,
                        "reason": _kept(one.reason, 300),
                        "tried": tried_as_json(one.tried),
                        "route_id": one.route_id,
                        "provider_id": _kept(one.provider_id, 200),
                        "accepted_at": one.accepted_at,
                        "delivered_at": one.delivered_at,
                        "due_at": one.due_at,
                        "at": one.at,
                    }
                    for one in outcomes
                ),
                worker,
            ],
        )
        return {row[0] for row in cursor.fetchall()}


def _as_records(rows: Iterable[dict[str, Any]]) -> str:
    """What `jsonb_to_recordset` reads. A list for each column would be put together value by value, by Python."""
    return json.dumps(list(rows), default=str)


def _as_array(values: Iterable[Any]) -> str:
    """An array of what has neither commas nor quotes: ids, days, numbers."""
    return f"{{{','.join(map(str, values))}}}"


def _kept(text: str, most: int) -> str:
    """What a provider says, as far as a column of text can hold it: its letters may be of no alphabet."""
    return text[:most].encode(errors="replace").decode().replace("\0", "?")


def _note_late(outcomes: Sequence[Outcome]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE channels_delivery d
            SET route_id = coalesce(d.route_id, v.route_id), accepted_at = coalesce(d.accepted_at, v.accepted_at),
                provider_id = coalesce(nullif(d.provider_id, ''), v.provider_id)
            FROM jsonb_to_recordset(%s::jsonb)
                 AS v (id uuid, month date, route_id bigint, provider_id text, accepted_at timestamptz)
            WHERE d.id = v.id AND d.month = v.month
            """,
            [
                _as_records(
                    {
                        "id": one.delivery_id,
                        "month": one.month,
                        "route_id": one.route_id,
                        "provider_id": _kept(one.provider_id, 200),
                        "accepted_at": one.accepted_at,
                    }
                    for one in outcomes
                )
            ],
        )


def _note_sent_along(outcomes: Sequence[Outcome]) -> None:
    """A provider has a message that was replaced meanwhile, and with it the words of these, which nothing has replaced: they
    are not said again, where nobody has begun to.
    """
    for one in outcomes:
        waiting = Delivery.objects.filter(id__in=one.along, state="queued", leased_by=None, goes_with=None)
        waiting.update(
            goes_with=one.delivery_id,
            state=one.state,
            route_id=one.route_id,
            accepted_at=one.accepted_at,
            delivered_at=one.delivered_at,
            ended_at=one.at,
        )


def _note_tries(outcomes: Iterable[Outcome]) -> None:
    """Every try is in the ledger. One statement that is the same for any number is put together and planned once."""
    tries = [(one, each) for one in outcomes for each in one.tries]
    if not tries:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO channels_attempt (id, month, delivery_id, number, is_receipt, route_id, route_name, at, took_ms,
                                          outcome, reason, provider_id, parts, price, currency, part_ids)
            SELECT id, month, delivery, number, false, route, name, at, took_ms, outcome, reason, provider, parts, price,
                   currency, ARRAY(SELECT jsonb_array_elements_text(part_ids))
            FROM jsonb_to_recordset(%s::jsonb) AS v (
                id uuid, month date, delivery uuid, number int, route bigint, name text, at timestamptz, took_ms int,
                outcome text, reason text, provider text, parts smallint, price numeric, currency text, part_ids jsonb)
            """,
            [
                _as_records(
                    {
                        "id": uuid7(one.at),
                        "month": one.month,
                        "delivery": one.delivery_id,
                        "number": one.attempt,
                        "route": each.route_id or None,
                        "name": each.route_name,
                        "at": each.at,
                        "took_ms": each.took_ms,
                        "outcome": each.outcome,
                        "reason": _kept(each.reason, 300),
                        "provider": _kept(each.provider_id, 200),
                        "parts": each.parts,
                        "price": each.price,
                        "currency": each.currency,
                        "part_ids": each.part_ids,
                    }
                    for one, each in tries
                )
            ],
        )
