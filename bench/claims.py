"""Leasing due promises: how many rows a second one process claims in batches of 500.

The yardstick is the same statement by psycopg alone, on a table of the same columns and indexes, in the same run.
"""

import statistics
import time
from datetime import timedelta

import psycopg

from bench.figure import at_least
from bench.ground import database

ROWS, BATCH, ROUNDS = 20_000, 500, 5


def main() -> None:
    with database() as url:
        from nightdesk.base import clock, leases
        from nightdesk.base.ids import uuid7
        from nightdesk.base.models import Promise

        at = clock.now()
        made = [
            Promise(id=uuid7(), kind="bench", lane="plain", subject_kind="bench", subject_id=str(n), due_at=at,
                    created_at=at, why="a benchmark")
            for n in range(ROWS)
        ]  # fmt: skip
        Promise.objects.bulk_create(made, batch_size=2000)
        worker = uuid7()
        claim = (
            "UPDATE base_promise r SET leased_by = %s, leased_at = now(), attempt = r.attempt + 1 FROM (SELECT id FROM "
            "base_promise WHERE lane = 'plain' AND due_at <= %s AND ended_at IS NULL AND leased_by IS NULL "
            "ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) due WHERE r.id = due.id RETURNING r.id"
        )
        ours, bare = [], []
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("ANALYZE base_promise")
            for _ in range(ROUNDS):
                for rates, step in (
                    (ours, lambda: leases.claim(Promise, "plain", BATCH, at=clock.now(), worker=worker)),
                    (bare, lambda: db.execute(claim, [worker, at + timedelta(hours=1), BATCH]).fetchall()),
                ):
                    start, count = time.perf_counter(), 0
                    while found := step():
                        count += len(found)
                    rates.append(count / (time.perf_counter() - start))
                    db.execute("UPDATE base_promise SET leased_by = NULL")
                    db.execute("VACUUM base_promise")
        ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    at_least(
        "claims", statistics.median(ours), "rows/s claimed", 10_000, statistics.median(bare), "psycopg alone"
    ).keep()
    print(f"claims: {ratio:.2f} of psycopg alone, median of {ROUNDS} pairs")


if __name__ == "__main__":
    main()
