"""The main site's side of a pull: which parts of its tables the second site has not got as they are, and those rows.

All of one answer is read in one transaction that sees one instant, so that no row goes over without those that it leads to.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from nightdesk.base import vault
from nightdesk.standby import queries
from nightdesk.standby.sections import SECRETS, Table, tables

log = logging.getLogger(__name__)

Marks = dict[str, dict[str, str]]
"""Section -> bucket -> what differs where a row of it does."""


def whole(have: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """{"changed": `changed_since`, "pages": `queries.open_pages`}, of one instant."""
    with transaction.atomic():
        # Inside another transaction (a test's) it is that one's instant already.
        if len(connection.savepoint_ids) == 0 and not connection.atomic_blocks[:-1]:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return {"changed": changed_since(have), "pages": queries.open_pages()}


def changed_since(have: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Section -> {"marks": of every bucket, "rows": bucket -> rows}, for the sections in which anything differs from `have`.

    A bucket of `have` that `marks` does not name is empty now.
    """
    told: dict[str, dict[str, Any]] = {}
    for label, table in tables().items():
        marks = marks_of(table)
        before = have.get(label, {})
        if marks != before:
            wanted = [int(bucket) for bucket, mark in marks.items() if before.get(bucket) != mark]
            told[label] = {"marks": marks, "rows": _rows_of(table, wanted)}
    return told


def marks_of(table: Table) -> dict[str, str]:
    """Bucket -> mark. Rows are summed up in any order, so nothing has to be sorted."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT bucket::text, to_hex(bit_xor(hashtextextended(told::text, 7))) || '-' || count(*)"  # noqa: S608
            f" FROM ({table.rows}) found GROUP BY bucket"
        )
        return dict(cursor.fetchall())


def _rows_of(table: Table, buckets: list[int]) -> dict[str, list[Any]]:
    if not buckets:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT bucket::text, jsonb_agg(to_jsonb(told))::text FROM ({table.rows}) found"  # noqa: S608 - as above
            " WHERE bucket = ANY(%s) GROUP BY bucket",
            [buckets],
        )
        found = {bucket: json.loads(rows) for bucket, rows in cursor.fetchall()}
    if column := table.section.sealed:
        for row in (row for rows in found.values() for row in rows):
            row[column] = _opened(row[column])
    return found


def _opened(held: dict[str, Any]) -> dict[str, Any]:
    """Its secrets lie open. One that no key here opens goes as it is: of no use there either, it keeps back nothing else."""
    fresh = {}
    for name in SECRETS:
        if isinstance(held.get(name), str):
            try:
                fresh[name] = vault.open_text(held[name])
            except vault.Unreadable as problem:
                log.warning("A second factor goes to the second site as it is: %s", problem)
    return held | fresh


def rows_where(table: Table, where: str, values: list[Any]) -> list[dict[str, Any]]:
    """Rows of a table as they go over; `where` is SQL over `t`."""
    names = ", ".join(f'{sent} AS "{column}"' for column, sent in zip(table.columns, table.sent, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT to_jsonb(r)::text FROM {table.name} t CROSS JOIN LATERAL (SELECT {names}) r"  # noqa: S608
            f" WHERE {where}",
            values,
        )
        return [json.loads(row) for (row,) in cursor.fetchall()]
