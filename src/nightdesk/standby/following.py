"""The second site's side of a pull: the main site's rows become its own. The only reader of what `snapshot` writes.

Everything of one answer becomes true in one transaction. Rows made here meanwhile stay: their ids lie beyond all of the main
site's (`OWN_IDS_FROM`), or are UUIDs that no snapshot has named yet.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import connection, transaction

from nightdesk.base import vault
from nightdesk.standby.models import Copied
from nightdesk.standby.sections import SECRETS, Table, leading_here, tables

OWN_IDS_FROM = 1 << 40
"""Numbers of rows made at the second site begin here, so that they never meet the main site's."""


def marks() -> dict[str, dict[str, str]]:
    """Section -> bucket -> mark, of what was taken over last."""
    told: dict[str, dict[str, str]] = {}
    for section, bucket, mark in Copied.objects.values_list("section", "bucket", "mark"):
        told.setdefault(section, {})[bucket] = mark
    return told


@transaction.atomic
def apply_changes(changed: Mapping[str, Mapping[str, Any]], *, whole: bool, kept: Mapping[str, Collection[str]]) -> int:
    """The sections are as the main site has them; how many rows came. `whole`: what was made here and does not come back goes
    as well (after a time alone). Of each section the ids in `kept` stay as they are here, and are looked at again next time.

    Raises django.db.Error where it does not fit together, and then changes nothing.
    """
    _number_from_here()
    count = 0
    going: list[tuple[Table, list[str]]] = []
    for label, told in changed.items():
        table = tables()[label]
        known = {row.bucket: row for row in Copied.objects.filter(section=label)}
        now = {str(row["id"]) for rows in told["rows"].values() for row in rows}
        stays = set(kept.get(label, ()))
        stale = {bucket: row for bucket, row in known.items() if told["marks"].get(bucket) != row.mark}
        going.append((table, sorted({one for row in stale.values() for one in row.ids} - now - stays)))
        _delete(table, now - stays)
    if whole:
        going += [(table, _made_here(table)) for table in tables().values() if not table.section.comes_back]
    order = {table.name: place for place, table in enumerate(tables().values())}
    # Children first; what something still leads to stays until that has gone.
    for table, ids in sorted(going, key=lambda each: -order[each[0].name]):
        _delete_unused(table, ids)
    for label, table in tables().items():
        if label in changed:
            stays = set(kept.get(label, ()))
            for rows in changed[label]["rows"].values():
                count += insert_rows(table, [row for row in rows if str(row["id"]) not in stays])
            _note(label, changed[label], stays)
    return count


def insert_rows(table: Table, rows: Iterable[Mapping[str, Any]], *, unless_there: bool = False) -> int:
    """The rows are in the table, each value read as its column's kind; how many of them are new."""
    names = ", ".join(f'"{column}"' for column in table.columns)
    if column := table.section.sealed:
        rows = [{**row, column: _sealed(row[column])} for row in rows]
    clash = " ON CONFLICT DO NOTHING" if unless_there else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table.name} ({names}) SELECT {names}"  # noqa: S608 - names of ours
            f" FROM jsonb_populate_recordset(NULL::{table.name}, %s::jsonb){clash}",
            [json.dumps(list(rows))],
        )
        return int(cursor.rowcount)


def _sealed(held: Mapping[str, Any]) -> dict[str, Any]:
    """Its secrets lie sealed with this site's own master key."""
    open_ones = {name: held[name] for name in SECRETS if isinstance(held.get(name), str)}
    return {
        **held,
        **{name: vault.seal_text(text) for name, text in open_ones.items() if not text.startswith(vault.SEALED_TEXT)},
    }


def _delete(table: Table, ids: Iterable[str]) -> None:
    """Foreign keys are looked at when the transaction ends: the rows come again in it."""
    with connection.cursor() as cursor:
        kind = "bigint" if table.numbered else "uuid"
        cursor.execute(f"DELETE FROM {table.name} WHERE id = ANY(%s::{kind}[])", [list(ids)])  # noqa: S608


def _delete_unused(table: Table, ids: list[str]) -> None:
    if not ids:
        return
    used = "".join(
        f' AND NOT EXISTS (SELECT FROM {other} o WHERE o."{column}" = t.id)'
        for other, column in leading_here(table.section.model)
    )
    kind = "bigint" if table.numbered else "uuid"
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table.name} t WHERE t.id = ANY(%s::{kind}[]){used}", [ids])  # noqa: S608


def _made_here(table: Table) -> list[str]:
    if not table.numbered:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id::text FROM {table.name} WHERE id >= %s", [OWN_IDS_FROM])  # noqa: S608
        return [one for (one,) in cursor.fetchall()]


def _note(label: str, told: Mapping[str, Any], stays: Collection[str]) -> None:
    """What was taken over, so that the next pull need not bring it again, and what has gone is known."""
    gone = Copied.objects.filter(section=label).exclude(bucket__in=list(told["marks"]))
    left = {row.bucket: sorted(set(row.ids) & set(stays)) for row in gone}
    gone.delete()
    ids = {bucket: {str(row["id"]) for row in rows} for bucket, rows in told["rows"].items()}
    rows = [
        # Where something stays as it is here, no mark of the main site's fits.
        Copied(
            section=label, bucket=bucket, mark="" if found & set(stays) else told["marks"][bucket], ids=sorted(found)
        )
        for bucket, found in ids.items()
    ] + [Copied(section=label, bucket=bucket, mark="", ids=found) for bucket, found in left.items() if found]
    Copied.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["section", "bucket"], update_fields=["mark", "ids"]
    )


def _number_from_here() -> None:
    """Every numbered table counts on from `OWN_IDS_FROM`, if it does not yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, %s, false) FROM pg_sequences"
            " WHERE schemaname = current_schema() AND max_value > %s AND coalesce(last_value, 0) < %s",
            [OWN_IDS_FROM, OWN_IDS_FROM, OWN_IDS_FROM],
        )
