"""Reading and writing rows where every millisecond counts: an alarm reads five and writes seven.

Django puts each statement together anew, which takes it longer than PostgreSQL needs to answer; here that is done once.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models

AT_ONCE = 1000
"""Rows in one statement, which may have 65,535 values."""

Row = TypeVar("Row", bound=models.Model)


def fetch(model: type[Row], sql: str, values: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
    """The rows of the model's table that `sql` finds; it selects every column of the table, in any order."""
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
        if not rows:
            return []
        names, places, conversions = _shape(model, tuple(column.name for column in cursor.description))
    found = []
    for row in rows:
        told = [row[place] for place in places]
        for place, convert in conversions:
            told[place] = convert(told[place], None, connection)
        found.append(model.from_db(DEFAULT_DB_ALIAS, names, told))
    return found


def insert(rows: Sequence[models.Model], *, unless_there: bool = False) -> None:
    """The new rows, of one table and with ids of their own, are in it; a clash raises IntegrityError, or with
    `unless_there` leaves the row that is there.
    """
    connection = connections[DEFAULT_DB_ALIAS]  # itself: the proxy would look for it at every value
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        statement, places, fields = _statement(type(some[0]))
        values = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in some for field in fields]
        clash = " ON CONFLICT DO NOTHING" if unless_there else ""
        with connection.cursor() as cursor:
            cursor.execute(statement + ", ".join([places] * len(some)) + clash, values)
        for row in some:
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@cache
def _shape(
    model: type[models.Model], columns: tuple[str, ...]
) -> tuple[list[str], list[int], list[tuple[int, Callable[..., Any]]]]:
    """The model's attributes, where among the columns the value of each stands, and what makes Python's of some."""
    connection, fields = connections[DEFAULT_DB_ALIAS], model._meta.concrete_fields
    conversions = [
        (place, convert)
        for place, field in enumerate(fields)
        for convert in (
            *connection.ops.get_db_converters(field.get_col(model._meta.db_table)),
            *field.get_db_converters(connection),
        )
    ]
    return [field.attname for field in fields], [columns.index(str(field.column)) for field in fields], conversions


@cache
def _statement(model: type[models.Model]) -> tuple[str, str, "tuple[models.Field[Any, Any], ...]"]:
    fields = tuple(field for field in model._meta.local_concrete_fields if not field.generated)
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    places = f"({', '.join(['%s'] * len(fields))})"
    return f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ", places, fields  # noqa: S608 - names of ours
