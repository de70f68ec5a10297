"""Many deliveries and as many entries of the journal: a page, a claim and a ticket, beside the same at 100,000 of each.

They lie in the 24 months before now, as years of work leave them: mostly messages to customers, their ids and instants in order,
a word that may have to be erased beside one entry in twenty. Then a month of the journal is dropped as `nightdesk journal drop`
does it. `NIGHTDESK_BENCH_ROWS` says how many there are, 1,000,000 where it does not; 20,000,000 need some 30 GB of disk.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg

from bench.figure import at_most, percentile
from bench.ground import database

ROWS = int(os.environ.get("NIGHTDESK_BENCH_ROWS", "1000000"))
FEW, MONTHS, ROUNDS, CLAIMED = 100_000, 24, 100, 20
SPAN_S = (MONTHS - 1) * 30 * 86400
RATIO, DROP_S = 1.5, 1.0
QUICKEST = 0.1
"""Of a machine that others use as well, the quickest rounds tell what the work costs; kept busy throughout, it tells nothing."""
LANE = "bench"
"""Of the rows that are claimed: nobody else's."""
_PIECE = 1_000_000

FUNCTIONS = """
CREATE FUNCTION bench_id(at timestamptz, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(number::text), 1, 3)
          || '8' || substr(md5(number::text), 4, 15))::uuid
$$
"""
_NUMBERED = """
FROM (SELECT n, now() - make_interval(secs => %(span_s)s * (1 - (n - %(first)s) / %(count)s::float)) AS at
      FROM generate_series(%(from)s::bigint, %(to)s::bigint) n) made
"""
DELIVERIES = f"""
INSERT INTO channels_delivery (
    id, month, lane, due_at, created_at, ended_at, attempt, message_id, brand_id, occurrence, subject_kind, subject_id,
    recipient_kind, recipient_id, channel, address, state, provider_id, accepted_at, delivered_at
)
SELECT bench_id(at, n), date_trunc('month', at AT TIME ZONE 'UTC')::date, (ARRAY['urgent', 'plain', 'bulk', 'bulk'])[1 + n %% 4],
    at, at, at, 1, bench_id('epoch', n / 3), 1, 'bench-' || n, (ARRAY['page', 'ticket', 'outage', 'outage'])[1 + n %% 4],
    bench_id('epoch', n / 12)::text, (ARRAY['person', 'contact', 'contact', 'contact'])[1 + n %% 4], (n * 7919 %% 50000)::text,
    (ARRAY['sms', 'email', 'email'])[1 + n %% 3],
    CASE n %% 3 WHEN 0 THEN '+44770' || lpad((n * 7919 %% 50000)::text, 7, '0')
                ELSE 'c' || n * 7919 %% 50000 || '@customer.example' END,
    (ARRAY['delivered', 'delivered', 'accepted', 'delivered', 'failed'])[1 + n %% 5], 'SM' || n, at, at
{_NUMBERED}
"""
ENTRIES = f"""
INSERT INTO journal_entry (id, at, kind, version, by_kind, by_id, by_name, via, subject_kind, subject_id, brand_id, facts,
    commitment)
SELECT bench_id(at, n), at,
    (ARRAY['page.triggered', 'page.rung', 'page.acknowledged', 'page.resolved', 'ticket.opened', 'ticket.moved', 'outage.updated',
           'duty.passed', 'delivery.sent', 'delivery.sent', 'delivery.sent', 'alarm.received'])[1 + n %% 12],
    1, (ARRAY['machine', 'person', 'scheduler'])[1 + n %% 3], (n %% 200)::text, 'Bo Lindqvist',
    (ARRAY['hook', 'web', 'worker', 'worker'])[1 + n %% 4], (ARRAY['page', 'ticket', 'outage'])[1 + n %% 3],
    bench_id('epoch', n / 8)::text, 1,
    jsonb_build_object('priority', 'P' || 1 + n %% 4, 'number', n, 'what', 'router ' || n %% 5000),
    CASE n %% 20 WHEN 0 THEN sha256('saltWhat somebody said') END
{_NUMBERED}
"""
WORDS = f"""
INSERT INTO journal_personaltext (entry_id, salt, text)
SELECT bench_id(at, n), 'salt', 'What somebody said of router ' || n %% 5000 {_NUMBERED} WHERE n %% 20 = 0
"""
# Each entry's digest would be reckoned one by one: this stands for a sealer that has been here.
SEALED = """
INSERT INTO journal_seal (month, from_xid, to_xid, count, root, previous, digest, sealed_at)
SELECT date_trunc('month', now())::date, coalesce(max(to_xid), 0),
    journal_xid_offset() + pg_snapshot_xmin(pg_current_snapshot())::text::bigint + 1, 1, 'bench', 'bench', 'bench', now()
FROM journal_seal
"""
DUE = """
INSERT INTO channels_delivery (
    id, month, lane, due_at, created_at, message_id, occurrence, subject_kind, subject_id, recipient_kind, recipient_id, channel,
    address, state
)
SELECT gen_random_uuid(), date_trunc('month', now() AT TIME ZONE 'UTC')::date, %s, now(), now(), gen_random_uuid(),
    gen_random_uuid()::text, 'page', n::text, 'person', '1', 'sms', '+447700900100', 'queued'
FROM generate_series(1, %s) n
"""


def main(rows: int = ROWS) -> None:
    with database() as url:
        from django.db import connection

        from nightdesk.base import clock, months

        tables = ("channels_delivery", "channels_attempt", "journal_entry")
        months.make_months(tables, clock.now(), behind=MONTHS)
        steps = _steps()
        _fill(url, 0, FEW)
        few = {what: _measured(*step) for what, step in steps.items()}
        began = time.perf_counter()
        _fill(url, FEW, rows)
        size = _size(url)
        print(f"volume: {rows} rows in each of both tables, {size}, in {time.perf_counter() - began:.0f} s", flush=True)
        for what, step in steps.items():
            took = _measured(*step)
            print(f"volume: {what} {few[what]:.2f} ms at {FEW}, {took:.2f} ms at {rows}", flush=True)
            at_most(f"volume_{what}", took / few[what], f"times as long at {rows} as at {FEW}", RATIO).keep()
        with connection.cursor() as cursor:
            cursor.execute(SEALED)
        held, took = _drop_a_month()
        at_most("volume_drop", took, f"s to drop a month of {held} entries", DROP_S).keep()


def _steps() -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """By its name what is timed, and what is made ready before each time."""
    from django.db import connection
    from django.test import Client

    from nightdesk.access.actions import make_token
    from nightdesk.access.queries import OPERATOR
    from nightdesk.api import limits
    from nightdesk.base import clock, leases
    from nightdesk.base.actors import Door
    from nightdesk.channels.models import Delivery
    from tests.system.stage import stage

    people = [{"name": name, "email": f"{name}@x.example", "phone": f"+44770090010{n}"} for n, name in enumerate("ab")]
    staged = stage(
        {"people": people, "step_s": 60, "formats": ["generic"], "storm_limit": 10**6, "desk": "d@x.example"}
    )
    _, secret = make_token(
        name="bench", scopes=["admin"], brand_id=staged["brand"], by=OPERATOR, via=Door.CLI, at=clock.now()
    )
    limits.CALLERS.limit = limits.Limit(per_second=1e6, burst=10**6)
    client, bearer = Client(), {"Authorization": f"Bearer {secret}"}

    def post(path: str, body: dict[str, Any], status: int) -> Any:
        answer = client.post(path, body, content_type="application/json", headers=bearer)
        assert answer.status_code == status, answer.content
        return answer.json()

    def page() -> None:
        post(f"/hooks/generic/{staged['keys']['generic']}", {"summary": "router down", "dedup_key": str(uuid4())}, 202)

    def ticket() -> None:
        asked = {"brand_id": staged["brand"], "title": "The line is slow", "text": "Since nine."}
        made = post("/api/v1/tickets", asked, 201)
        read = client.get(f"/api/v1/tickets/{made['id']}/story", headers=bearer)
        assert read.status_code == 200, read.content

    def falls_due() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM channels_delivery WHERE lane = %s AND ended_at IS NULL", [LANE])
            cursor.execute(DUE, [LANE, CLAIMED])

    def claim(worker: UUID) -> None:
        found = leases.claim(Delivery, LANE, CLAIMED, at=clock.now() + timedelta(minutes=1), worker=worker)
        assert len(found) == CLAIMED

    def nothing() -> None: ...

    return {"page": (page, nothing), "claim": (partial(claim, uuid4()), falls_due), "ticket": (ticket, nothing)}


def _measured(step: Callable[[], Any], before: Callable[[], Any]) -> float:
    """Milliseconds that a round takes in the quickest tenth of them."""
    took = []
    for _ in range(ROUNDS + 5):
        before()
        start = time.perf_counter()
        step()
        took.append((time.perf_counter() - start) * 1000)
    return percentile(took[5:], QUICKEST)  # without the first ones, which prepare what is prepared once a process


def _fill(url: str, first: int, rows: int) -> None:
    """The rows from number `first` up to `rows`, in both tables, side by side."""
    with psycopg.connect(url, autocommit=True) as db:
        if not first:
            db.execute(FUNCTIONS)
        tables = {"channels_delivery": (DELIVERIES,), "journal_entry": (ENTRIES, WORDS)}
        with ThreadPoolExecutor(len(tables)) as pool:
            for done in [pool.submit(_fill_table, url, first, rows, *each) for each in tables.items()]:
                done.result()
        db.execute("VACUUM ANALYZE channels_delivery, journal_entry, journal_personaltext")


def _fill_table(url: str, first: int, rows: int, table: str, statements: tuple[str, ...]) -> None:
    """Its indexes are made anew once all is written."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET lock_timeout = 0")
        indexes = db.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i WHERE indrelid = %s::regclass "
            "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)",
            (table,),
        ).fetchall()
        for name, _definition in indexes:
            db.execute(f"DROP INDEX {name}".encode())
        for since in range(first, rows, _PIECE):
            told = {"from": since, "to": min(since + _PIECE, rows) - 1, "span_s": SPAN_S, "first": first}
            began = time.perf_counter()
            for statement in statements:
                db.execute(statement.encode(), told | {"count": rows - first})
            if rows > _PIECE:
                print(f"volume: {table} to {told['to'] + 1} in {time.perf_counter() - began:.0f} s", flush=True)
        for _name, definition in indexes:
            db.execute(definition.replace(" ON ONLY ", " ON ").encode())


def _size(url: str) -> str:
    with psycopg.connect(url) as db:
        (size,) = db.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone() or ("",)
        return str(size)


def _drop_a_month() -> tuple[int, float]:
    """How many entries a month of the middle had, and in how many seconds it was gone."""
    from django.db import connection

    from nightdesk.access.queries import OPERATOR
    from nightdesk.base import clock
    from nightdesk.base.actors import Door
    from nightdesk.base.months import month_of
    from nightdesk.journal.actions import drop_month

    month = month_of(clock.now() - timedelta(days=200))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM journal_entry_{month:%Y_%m}")
        (held,) = cursor.fetchone()
    start = time.perf_counter()
    drop_month(month=month, by=OPERATOR, via=Door.CLI, at=clock.now())
    return int(held), time.perf_counter() - start


if __name__ == "__main__":
    main()
