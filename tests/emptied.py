"""Emptying what Django's own flush leaves: the partitioned tables, which it does not manage, and which refuse it.

A test that commits (`django_db(transaction=True)`) and records anything asks for `emptied_ledgers`.
"""

from collections.abc import Iterator

import pytest
from django.db import connection

LEDGERS = ("journal_entry", "journal_seal", "channels_delivery", "channels_attempt")


@pytest.fixture
def emptied_ledgers(transactional_db: None) -> Iterator[None]:
    """The journal, its seals and the delivery ledger are empty, before and after."""
    empty_ledgers()
    yield
    empty_ledgers()


def empty_ledgers() -> None:
    """As the tables' owner, with the triggers that refuse it taken off for the moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relid::regclass::text FROM unnest(%s::text[]) AS t, pg_partition_tree(t::regclass)", [list(LEDGERS)]
        )
        tables = sorted({name for (name,) in cursor.fetchall()} | set(LEDGERS))
        refusing = [table for table in tables if table.startswith("journal_")]
        for how in ("DISABLE", "ENABLE"):
            for table in refusing:
                cursor.execute(f"ALTER TABLE {table} {how} TRIGGER USER")
            if how == "DISABLE":
                cursor.execute(f"TRUNCATE {', '.join(LEDGERS)}")
