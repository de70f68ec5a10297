"""Reading and writing rows where every millisecond counts: an alarm reads five and writes seven, a mail more of both.

Django puts each statement together anew, which takes it longer than PostgreSQL needs to answer; here that is done once.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from itertools import accumulate
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models

AT_ONCE = 1000
"""Rows in one statement, which may have 65,535 values."""

Row = TypeVar("Row", bound=models.Model)


def fetch(model: type[Row], sql: str, values: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
    """The rows of the model's table that `sql` finds; it selects every column of the table, in any order."""
    rows, columns = _selected(sql, values)
    return _made(model, columns, rows) if rows else []


def fetch_with(model: type[Row], paths: Sequence[str], sql: str, values: Sequence[Any]) -> list[Row]:
    """As `fetch`, each row with what foreign keys of `paths` lead to in hand ("line", then "line__brand"), None for none.

    `sql` calls the table `own`, each other by its path, and selects `{columns}`: those that the models know, so that a table
    which a later migration has given one more is read as before.
    """
    there = [_led_to(model, path) for path in paths]
    columns = [_columns(model, "own"), *map(_columns, there, paths)]
    rows, names = _selected(sql.replace("{columns}", ", ".join(columns)), values)
    if not rows:
        return []
    widths = [len(one._meta.concrete_fields) for one in there]
    ends = list(accumulate(widths, initial=len(model._meta.concrete_fields)))
    found = _made(model, names[: ends[0]], [row[: ends[0]] for row in rows])
    for one, row in zip(found, rows, strict=True):
        for path, other, begin, end in zip(paths, there, ends, ends[1:], strict=False):
            *on_the_way, name = path.split("__")
            holder: Any = reduce(getattr, on_the_way, one)
            if holder is not None:
                known = getattr(holder, holder._meta.get_field(name).attname) is not None
                setattr(holder, name, _made(other, names[begin:end], [row[begin:end]])[0] if known else None)
    return found


@cache
def _columns(model: type[models.Model], alias: str) -> str:
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    return ", ".join(f"{alias}.{quote(str(field.column))}" for field in model._meta.concrete_fields)


@cache
def _led_to(model: type[models.Model], path: str) -> type[models.Model]:
    """The model at the end of the path of foreign keys."""
    for name in path.split("__"):
        found: Any = model._meta.get_field(name).related_model
        model = found
    return model


def _selected(sql: str, values: Sequence[Any] | Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], tuple[str, ...]]:
    """The rows, and the names of their columns."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
        return rows, tuple(column.name for column in cursor.description) if rows else ()


def _made(model: type[Row], columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> list[Row]:
    """The rows as Django has them."""
    connection = connections[DEFAULT_DB_ALIAS]
    names, places, conversions = _shape(model, columns)
    found = []
    for row in rows:
        told = [row[place] for place in places]
        for place, convert in conversions:
            told[place] = convert(told[place], None, connection)
        found.append(model.from_db(DEFAULT_DB_ALIAS, names, told))
    return found


def insert(rows: Sequence[models.Model], *, unless_there: bool = False) -> None:
    """The new rows, of one table, are in it; a clash raises IntegrityError, or with `unless_there` leaves the row that is
    there. Where the table numbers its rows, theirs are not read back: they are of no use but to be found later.
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


def change(row: models.Model, names: tuple[str, ...]) -> None:
    """Those columns of the row are as it has them; `names` are fields, as `save(update_fields=...)` takes them."""
    connection = connections[DEFAULT_DB_ALIAS]
    statement, fields = _change(type(row), names)
    values = [field.get_db_prep_save(field.pre_save(row, False), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, row.pk])


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
    fields = tuple(
        field
        for field in model._meta.local_concrete_fields
        if not field.generated and not isinstance(field, models.AutoField | models.BigAutoField)
    )
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    places = f"({', '.join(['%s'] * len(fields))})"
    return f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ", places, fields  # noqa: S608 - names of ours


@cache
def _change(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, "tuple[models.Field[Any, Any], ...]"]:
    by_name = {field.name: field for field in model._meta.local_concrete_fields}
    fields = tuple(by_name[name] for name in names)
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    places = ", ".join(f"{quote(str(field.column))} = %s" for field in fields)
    key = quote(str(by_name[model._meta.pk.name].column))
    return f"UPDATE {quote(model._meta.db_table)} SET {places} WHERE {key} = %s", fields  # noqa: S608 - names of ours
