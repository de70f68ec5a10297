"""20,000,000 deliveries and as many entries of the journal: a page, a claim and a ticket, beside the same at 100,000.

Both are filled set-wise over the last 24 months, with the indexes made afterwards, on a database of the benchmark's own that is
gone at the end: 20,000,000 take some 30 GB and, on two cores, half an hour. `python -m bench.volume 1000000` takes fewer. Then
one month of the journal is dropped as `nightdesk journal drop` does it.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg

from bench.figure import at_most
from bench.ground import database

ROWS, FEW, MONTHS, ROUNDS = 20_000_000, 100_000, 24, 60
RATIO, DROP_S = 1.5, 1.0
CLAIMED = 20

DELIVERIES = """
INSERT INTO channels_delivery (
    id, month, lane, due_at, created_at, ended_at, attempt, message_id, occurrence, subject_kind, subject_id, recipient_kind,
    recipient_id, channel, address, state, provider_id, accepted_at, delivered_at
)
SELECT gen_random_uuid(), date_trunc('month', at)::date, 'plain', at, at, at, 1, gen_random_uuid(), 'bench-' || n, 'page',
    (n / 4)::text, 'person', (n % 200)::text, 'sms', '+447700' || lpad((n % 100000)::text, 6, '0'), 'delivered', 'SM' || n, at, at
FROM (SELECT n, now() - make_interval(secs => (n %% 1000003) * %(span_s)s / 1000003.0) AS at
      FROM generate_series(%(from)s::bigint, %(to)s::bigint) n) made
"""
ENTRIES = """
INSERT INTO journal_entry (id, at, kind, version, by_kind, by_id, by_name, via, subject_kind, subject_id, brand_id, facts)
SELECT gen_random_uuid(), at, 'page.triggered', 1, 'machine', '1', 'monitoring', 'api', 'page', (n / 4)::text, 1,
    jsonb_build_object('priority', 'P2', 'number', n)
FROM (SELECT n, now() - make_interval(secs => (n %% 1000003) * %(span_s)s / 1000003.0) AS at
      FROM generate_series(%(from)s::bigint, %(to)s::bigint) n) made
"""
SEALED = """
INSERT INTO journal_seal (month, from_xid, to_xid, count, root, previous, digest, sealed_at)
SELECT date_trunc('month', now())::date, coalesce(max(to_xid), 0),
    journal_xid_offset() + pg_snapshot_xmin(pg_current_snapshot())::text::bigint, 1, 'bench', 'bench', 'bench', now()
FROM journal_seal
"""
TABLES = {"channels_delivery": DELIVERIES, "journal_entry": ENTRIES}
_PIECE = 1_000_000


def fill(url: str, since: int, rows: int) -> None:
    """The rows from number `since` on up to `rows`, in both tables. Without their indexes, which are made anew afterwards."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET lock_timeout = 0")
        for table, statement in TABLES.items():
            indexes = db.execute(
                "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " WHERE i.indrelid = %s::regclass AND NOT i.indisprimary AND NOT i.indisunique",
                (table,),
            ).fetchall()
            for name, _ in indexes:
                db.execute(f"DROP INDEX {name}".encode())
            for piece in range(since, rows, _PIECE):
                values = {"from": piece, "to": min(piece + _PIECE, rows) - 1, "span_s": (MONTHS - 1) * 30 * 86400}
                db.execute(statement.replace("(n % ", "(n %% ").encode(), values)
            for _, definition in indexes:
                db.execute(definition.replace(" ON ONLY ", " ON ").encode())
            db.execute(f"VACUUM ANALYZE {table}".encode())


def main(rows: int = ROWS) -> None:
    with database() as url:
        from django.db import connection
        from django.test import Client

        from nightdesk.access.actions import make_token
        from nightdesk.access.queries import OPERATOR
        from nightdesk.api import limits
        from nightdesk.base import clock, leases, months
        from nightdesk.base.actors import Door
        from nightdesk.channels.models import Delivery
        from nightdesk.journal import actions as journal
        from tests.system import stage

        people = [
            {"name": name, "email": f"{name}@x.example", "phone": f"+44770090010{n}"} for n, name in enumerate("ab")
        ]
        staged = stage.stage(
            {"people": people, "step_s": 60, "formats": ["generic"], "storm_limit": 10**9, "desk": "d@x.example"}
        )
        doing: dict[str, Any] = {"by": OPERATOR, "via": Door.CLI}
        _, secret = make_token(name="bench", scopes=["admin"], brand_id=staged["brand"], **doing, at=clock.now())
        limits.CALLERS.limit = limits.Limit(per_second=1e6, burst=10**6)
        client, bearer = Client(), {"Authorization": f"Bearer {secret}"}
        months.make_months(("channels_delivery", "channels_attempt", "journal_entry"), clock.now(), behind=MONTHS)
        worker = uuid4()

        def page() -> None:
            words = {"summary": "router down", "dedup_key": str(uuid4())}
            answer = client.post(f"/hooks/generic/{staged['keys']['generic']}", words, content_type="application/json")
            assert answer.status_code == 202, answer.content

        def ticket() -> None:
            asked = {"brand_id": staged["brand"], "title": "The line is slow", "text": "Since nine."}
            made = client.post("/api/v1/tickets", asked, content_type="application/json", headers=bearer)
            assert made.status_code == 201, made.content
            read = client.get(f"/api/v1/tickets/{made.json()['id']}", headers=bearer)
            assert read.status_code == 200, read.content

        def claim() -> None:
            assert leases.claim(Delivery, "page", CLAIMED, at=clock.now() + timedelta(days=1), worker=worker)

        def timed(step: Callable[[], None], before: Callable[[], None]) -> float:
            took = []
            for _ in range(ROUNDS):
                before()
                start = time.perf_counter()
                step()
                took.append(time.perf_counter() - start)
            return statistics.median(took) * 1000

        def due_rows() -> None:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM channels_delivery WHERE lane = 'page'")
                cursor.execute(
                    "INSERT INTO channels_delivery (id, month, lane, due_at, created_at, message_id, occurrence, subject_kind,"
                    " subject_id, recipient_kind, recipient_id, channel, address, state) SELECT gen_random_uuid(),"
                    " date_trunc('month', now())::date, 'page', now(), now(), gen_random_uuid(), gen_random_uuid()::text, 'page',"
                    " n::text, 'person', '1', 'sms', '+447700900100', 'queued' FROM generate_series(1, %s) n",
                    [CLAIMED],
                )

        def measure() -> dict[str, float]:
            nothing = lambda: None  # noqa: E731
            for step in (page, ticket):
                step()  # what is prepared once a process
            return {"page": timed(page, nothing), "claim": timed(claim, due_rows), "ticket": timed(ticket, nothing)}

        fill(url, 0, FEW)
        few = measure()
        began = time.perf_counter()
        fill(url, FEW, rows)
        print(f"volume: {rows} rows in each of both tables, written in {time.perf_counter() - began:.0f} s", flush=True)
        many = measure()
        for what, took in many.items():
            print(f"volume: {what} {few[what]:.2f} ms at {FEW}, {took:.2f} ms at {rows}", flush=True)
            at_most(f"volume_{what}", took / few[what], f"times as long as at {FEW}", RATIO).keep()
        with connection.cursor() as cursor:  # set-wise too: each entry's digest would be reckoned one by one
            cursor.execute(SEALED)
        first = (clock.now() - timedelta(days=200)).date().replace(day=1)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM journal_entry_{first:%Y_%m}")
            held = cursor.fetchone()[0]
        start = time.perf_counter()
        journal.drop_month(month=first, **doing, at=clock.now())
        at_most("volume_drop", time.perf_counter() - start, f"s for a month of {held} entries", DROP_S).keep()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
