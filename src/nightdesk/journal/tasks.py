"""What the worker does for the record: seal it, about a second behind."""

import logging
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db import connection, transaction

from nightdesk.base import clock
from nightdesk.base.worker import Runner, Shift, forever
from nightdesk.journal.digests import BEFORE_THE_FIRST, COLUMNS, root_of, seal_digest
from nightdesk.journal.models import Seal

log = logging.getLogger(__name__)

EVERY_S = 1.0
BATCH = 20_000
"""Entries sealed in one transaction, about: those of one transaction are never parted."""
_SEALING = 0x5345414C
"""Number of the advisory lock under which one process at a time seals."""


def seal_step(shift: Shift) -> None:
    """Seal what is finished; then a pause of `EVERY_S`, unless there is more."""
    if seal_entries(at=clock.now()) < BATCH:
        shift.stopping.wait(EVERY_S)


sealer: Runner = forever(seal_step)
"""For `worker.RUNNERS`."""


@transaction.atomic
def seal_entries(*, at: datetime) -> int:
    """Seal the entries of every transaction that has ended, one seal a month touched; returns how many entries.

    A transaction still running holds up those that began after it, so nothing can slip into a range that is sealed. 0
    while another process is at it.
    """
    if not _one("SELECT pg_try_advisory_xact_lock(%s)", _SEALING):
        return 0
    start = _one("SELECT coalesce(max(to_xid), 0) FROM journal_seal")
    end = _one("SELECT journal_xid_offset() + pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    if end < start:
        keep_xids_rising()
        return 0
    # Read with a later snapshot than `end`: whatever wrote below it has ended, and is seen.
    last_of_batch = _one(
        "SELECT xid FROM journal_entry WHERE xid >= %s AND xid < %s ORDER BY xid OFFSET %s LIMIT 1",
        start, end, BATCH - 1,
    )  # fmt: skip
    if last_of_batch is not None:
        end = last_of_batch + 1
    sealed = 0
    newest = Seal.objects.order_by("-id").first()
    previous = bytes(newest.digest) if newest else BEFORE_THE_FIRST
    for month, rows in groupby(_entries(start, end), key=lambda row: row[0]):
        root, count = root_of(row[1:] for row in rows)
        from_xid = _one("SELECT coalesce(max(to_xid), 0) FROM journal_seal WHERE month = %s", month)
        said = {"month": month, "from_xid": from_xid, "to_xid": end, "count": count, "root": root, "sealed_at": at}
        digest = seal_digest(previous=previous, **said)
        Seal.objects.create(**said, previous=previous, digest=digest)
        previous = digest
        sealed += count
    return sealed


@transaction.atomic
def keep_xids_rising() -> bool:
    """Let this database's transaction numbers go on above all that the record knows; True if that had to be done.

    They start anew where a dump was restored into another server. To be called before anything is recorded there;
    `nightdesk migrate` does, and the sealer when it notices.
    """
    _one("SELECT pg_advisory_xact_lock(%s)", _SEALING + 1)
    known = _one(
        "SELECT greatest((SELECT coalesce(max(to_xid), 0) FROM journal_seal),"
        " (SELECT coalesce(max(xid), 0) + 1 FROM journal_entry))"
    )
    following = _one("SELECT journal_xid_offset() + pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    if following >= known:
        return False
    offset = known - int(_one("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION journal_xid_offset() RETURNS bigint LANGUAGE sql STABLE "
            f"AS 'SELECT {int(offset)}::bigint'"
        )
    log.warning("This database was restored into another server: the journal's transaction numbers go on at %s", known)
    return True


def _entries(start: int, end: int) -> Iterator[tuple[Any, ...]]:
    """Month, then `COLUMNS`, of each entry written by a transaction in [start, end): by month, transaction and id."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month, {COLUMNS} FROM journal_entry "  # noqa: S608
            "WHERE xid >= %s AND xid < %s ORDER BY month, xid, id",
            [start, end],
        )
        while rows := cursor.fetchmany(2000):
            yield from rows


def _one(sql: str, *values: int | date) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    return row[0] if row else None
