"""10,000 promises that fall due at one instant while 100,000 others are pending: how late is each taken in hand?

Late is the time from `due_at` to the call of the promise's handler, in a real worker process beside this one. The
yardstick is a bare loop in the same run: a table of nothing but id and due_at, claimed in batches of 500 by psycopg.
"""

import os
import subprocess
import sys
import time
from datetime import timedelta

import psycopg

from bench.figure import at_most, percentile
from bench.ground import database

DUE, PENDING, BATCH = 10_000, 100_000, 500


def late_of_worker(url: str) -> list[float]:
    """Seconds late of each promise, kept by a worker of the product with a handler that takes batches."""
    from django.db import connection

    from nightdesk.base import clock
    from nightdesk.base.ids import uuid7
    from nightdesk.base.models import Promise

    at = clock.now()
    due_at = at + timedelta(seconds=6)

    def rows(count: int, due: object) -> None:
        Promise.objects.bulk_create(
            [
                Promise(id=uuid7(), kind="bench.timer", lane="plain", subject_kind="bench", subject_id=str(n), due_at=due,
                        created_at=at, why="a benchmark")
                for n in range(count)
            ],
            batch_size=2000,
        )  # fmt: skip

    rows(PENDING, at + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_late (late double precision)")
        cursor.execute("ANALYZE base_promise")
    due_at = clock.now() + timedelta(seconds=5)
    rows(DUE, due_at)
    worker = subprocess.Popen([sys.executable, "-m", "bench.timers", "worker"], env=os.environ | {"X": url})
    try:
        for _ in range(240):
            with connection.cursor() as cursor:
                cursor.execute("SELECT late FROM bench_late")
                late = [row[0] for row in cursor.fetchall()]
            if len(late) >= DUE:
                return late
            time.sleep(0.25)
        raise SystemExit(f"only {len(late)} of {DUE} promises were kept")
    finally:
        worker.terminate()
        worker.wait(20)


def work() -> None:
    """A worker whose handler notes how late it was called."""
    import django

    django.setup()
    from django.db import connection

    from nightdesk.base import clock, promises, worker

    def note(rows: object, at: object) -> None:  # noqa: ARG001
        called_at = clock.now()
        late = [(called_at - row.due_at).total_seconds() for row in rows]  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO bench_late SELECT unnest(%s::double precision[])", [late])

    promises.HANDLERS["bench.timer"] = promises.Handler(run=lambda _row, _at: "", run_many=note)
    shift = worker.Shift("bench")
    import signal

    signal.signal(signal.SIGTERM, lambda *_: shift.stop())
    worker.work(shift)


def late_of_bare_loop(url: str) -> list[float]:
    """The same by the least code there can be."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, due_at timestamptz, done boolean DEFAULT false)")
        db.execute("CREATE INDEX ON bare (due_at) WHERE NOT done")
        db.execute("INSERT INTO bare (due_at) SELECT now() + interval '1 day' FROM generate_series(1, %s)", [PENDING])
        db.execute("INSERT INTO bare (due_at) SELECT now() + interval '2 s' FROM generate_series(1, %s)", [DUE])
        late: list[float] = []
        while len(late) < DUE:
            found = db.execute(
                "UPDATE bare SET done = true FROM (SELECT id FROM bare WHERE NOT done AND due_at <= clock_timestamp() "
                "ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) due WHERE bare.id = due.id "
                "RETURNING extract(epoch FROM clock_timestamp() - bare.due_at)::float8",
                [BATCH],
            ).fetchall()
            late += [row[0] for row in found]
            if not found:
                time.sleep(0.01)
        return late


def main() -> None:
    with database() as url:
        bare = late_of_bare_loop(url)
        ours = late_of_worker(url)
    at_most("timers", percentile(ours, 0.99), "s late, p99 of 10,000", 0.3, percentile(bare, 0.99), "bare loop").keep()


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        work()
    else:
        main()
