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

BEAT_EVERY = timedelta(seconds=2)
DEAD_AFTER = timedelta(seconds=6)

Row = TypeVar("Row", bound=Leased)


def claim(model: type[Row], lane: str, limit: int, *, at: datetime, worker: UUID) -> list[Row]:
    """Lease up to `limit` rows of `lane` that are due at `at`, the longest overdue first; they come back as leased.

    Commits by itself when called outside a transaction. Rows that another worker is claiming are skipped, not waited for.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    same_row = " AND ".join(f"r.{column} = due.{column}" for column in model.CLAIM_KEY)
    sql = (
        f"UPDATE {table} r SET leased_by = %s, leased_at = %s, attempt = r.attempt + 1 "  # noqa: S608 - own names only
        f"FROM (SELECT {', '.join(model.CLAIM_KEY)} FROM {table} WHERE lane = %s AND due_at <= %s "
        f"AND ended_at IS NULL AND leased_by IS NULL ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) due "
        f"WHERE {same_row} RETURNING r.*"
    )
    rows = list(model._default_manager.raw(sql, [worker, at, lane, at, limit]))
    # Within one instant the order of ids is the order in which rows were written.
    rows.sort(key=lambda row: (row.due_at, row.id))
    return rows


def due_in(model: type[Leased], lane: str, *, at: datetime) -> timedelta:
    """How long from `at` until the next row of `lane` falls due; nothing when one is due, a day when there is none."""
    open_rows = model._default_manager.filter(lane=lane, ended_at=None, leased_by=None)
    next_due = open_rows.order_by("due_at").values_list("due_at", flat=True).first()
    return timedelta(days=1) if next_due is None else max(timedelta(0), next_due - at)


def release_dead(models: Iterable[type[Leased]], *, at: datetime) -> int:
    """Strike off workers silent for `DEAD_AFTER` and free every due row leased by no known worker; returns how many."""
    with transaction.atomic():
        Worker.objects.filter(beat_at__lt=at - DEAD_AFTER).delete()
        # Asking for "no known worker" instead of "one of those" also frees what a worker claimed while it was struck off.
        known = Worker.objects.values("id")
        return sum(
            model._default_manager.filter(ended_at=None, due_at__lte=at, leased_by__isnull=False)
            .exclude(leased_by__in=known)
            .update(leased_by=None, leased_at=None)
            for model in models
        )


def beat(worker: UUID, *, at: datetime) -> bool:
    """Say that `worker` is alive. False when it was already struck off: it must then stop and start afresh."""
    return bool(Worker.objects.filter(id=worker).update(beat_at=at))
