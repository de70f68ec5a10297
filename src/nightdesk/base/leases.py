"""Claiming due rows of any `Leased` table, so that each is done by one worker at a time and by another if that one dies.

A worker beats every 2 s; after 6 s of silence it counts as dead and its leases are released. The two numbers bound how
long a killed worker can hold anything up.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db import connection, transaction

from nightdesk.base.models import Leased, Worker
from nightdesk.base.rows import fetch

BEAT_EVERY = timedelta(seconds=2)
DEAD_AFTER = timedelta(seconds=6)

Row = TypeVar("Row", bound=Leased)

_SWEEPING = 0x4E49474854
"""Number of the advisory lock under which one process at a time strikes off the dead."""


def claim(model: type[Row], lane: str, limit: int, *, at: datetime, worker: UUID) -> list[Row]:
    """Lease up to `limit` rows of `lane` that are due at `at`, the longest overdue first; they come back as leased.

    Commits by itself when called outside a transaction. Rows that another worker is claiming are skipped, not waited for.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    same_row = " AND ".join(f"r.{column} = due.{column}" for column in model.CLAIM_KEY)
    # Materialized: a plan that ran the inner query twice would lease more than `limit`.
    sql = (
        f"WITH due AS MATERIALIZED (SELECT {', '.join(model.CLAIM_KEY)} FROM {table} "  # noqa: S608 - own names only
        f"WHERE lane = %s AND due_at <= %s AND ended_at IS NULL AND leased_by IS NULL "
        f"ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) "
        f"UPDATE {table} r SET leased_by = %s, leased_at = %s, attempt = r.attempt + 1 "
        f"FROM due WHERE {same_row} RETURNING r.*"
    )
    rows = fetch(model, sql, [lane, at, limit, worker, at])
    # Within one instant the order of ids is the order in which rows were written.
    rows.sort(key=lambda row: (row.due_at, row.id))
    return rows


def due_in(model: type[Leased], lane: str, *, at: datetime) -> timedelta:
    """How long from `at` until the next row of `lane` falls due; nothing when one is due, a day when there is none."""
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT due_at FROM {table} WHERE lane = %s AND ended_at IS NULL AND leased_by IS NULL "  # noqa: S608 - own names only
            "ORDER BY due_at LIMIT 1",
            [lane],
        )
        row = cursor.fetchone()
    return timedelta(days=1) if row is None else max(timedelta(0), row[0] - at)


def release_dead(models: Iterable[type[Leased]], *, at: datetime) -> int:
    """Strike off workers silent for `DEAD_AFTER` and free every due row leased by no known worker; returns how many.

    0 while another process is at it. To be called only when every living worker has had `DEAD_AFTER` to beat since the
    database was last away.
    """
    with transaction.atomic():
        # Two at once could free what a third has claimed meanwhile, or wait for each other.
        if not _locked(_SWEEPING):
            return 0
        Worker.objects.filter(beat_at__lt=at - DEAD_AFTER).delete()
        # Asking for "no known worker" instead of "one of those" also frees what a worker claimed while it was struck off.
        known = Worker.objects.values("id")
        return sum(
            model._default_manager.filter(ended_at=None, due_at__lte=at, leased_by__isnull=False)
            .exclude(leased_by__in=known)
            .update(leased_by=None, leased_at=None)
            for model in models
        )


def give_back(model: type[Leased], *, worker: UUID, lane: str | None = None) -> int:
    """Free what `worker` has leased (in `lane`, if given) and not ended; returns how many rows.

    For a thread that lost its connection: it may hold leases that it does not know of, and no one else would free those
    of a living worker. What another thread has in hand at this moment is fenced by its attempt.
    """
    mine = model._default_manager.filter(leased_by=worker, ended_at=None)
    if lane is not None:
        mine = mine.filter(lane=lane)
    return mine.update(leased_by=None, leased_at=None)


def leave(models: Iterable[type[Leased]], *, worker: UUID) -> None:
    """Take `worker` off the list and free all its leases at once, instead of after `DEAD_AFTER`."""
    with transaction.atomic():
        Worker.objects.filter(id=worker).delete()
        for model in models:
            give_back(model, worker=worker)


def _locked(number: int) -> bool:
    """Take the advisory lock until the end of the transaction; False, at once, where somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def beat(worker: UUID, *, at: datetime) -> bool:
    """Say that `worker` is alive. False when it was already struck off: it must then stop and start afresh."""
    return bool(Worker.objects.filter(id=worker).update(beat_at=at))
