"""Reading and writing rows where every millisecond counts: an alarm reads five and writes seven, a mail more of both.

Django puts each statement together anew, which takes it longer than PostgreSQL needs to answer; here that is done once. A
batch of work writes its rows `together`: one statement a table, however many verbs there were.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from datetime import time as dtime
from functools import cache, reduce
from itertools import accumulate
from operator import attrgetter
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models

AT_ONCE, FEW = 1000, 3
"""Rows in one statement; of more than a few it holds one value, as a thousand places take longer to read than the rows."""

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
    if not rows:
        return
    model = type(rows[0])
    if (waiting := _waiting.get()) is not None:
        waiting.add(model, rows, unless_there=unless_there)
    else:
        _insert(model, rows, unless_there=unless_there)
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def change(row: models.Model, names: tuple[str, ...]) -> None:
    """Those columns of the row are as it has them; `names` are fields, as `save(update_fields=...)` takes them."""
    if (waiting := _waiting.get()) is not None:
        waiting.alter(row, names)
        return
    connection = connections[DEFAULT_DB_ALIAS]
    statement, fields = _change(type(row), names)
    values = [field.get_db_prep_save(field.pre_save(row, False), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, row.pk])


def one_at_a_time(name: str) -> None:
    """Whoever says the same name at once waits here until the transaction of the first has ended."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


@contextmanager
def together() -> Iterator[None]:
    """What `insert` and `change` write in here is written with more of its table, at the end, or before: whatever else asks
    for one of those tables, or writes anything, finds it done.

    A clash is told only then. There are no savepoints in here: what fails inside a nested `atomic` spoils the transaction, as
    what was to be written is not known to belong to it; so whoever works like this does it all again, one by one.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    waiting = _Waiting()
    token = _waiting.set(waiting)
    connection.features.uses_savepoints = False  # of this connection, so of this thread
    try:
        with connection.execute_wrapper(waiting.first):
            yield
            waiting.write()
    finally:
        del connection.features.uses_savepoints
        _waiting.reset(token)


class _Waiting:
    """Rows that are written together: values by table, those that others point at first."""

    def __init__(self) -> None:
        self._new: dict[tuple[type[models.Model], bool], list[tuple[Any, ...]]] = {}
        self._changed: dict[tuple[type[models.Model], tuple[str, ...]], list[tuple[Any, ...]]] = {}
        self._tables: dict[str, type[models.Model]] = {}

    def add(self, model: type[models.Model], rows: Sequence[models.Model], *, unless_there: bool) -> None:
        """New rows."""
        self._new.setdefault((model, unless_there), []).extend(map(_taker_of_new(model), rows))
        self._tables[model._meta.db_table] = model

    def alter(self, row: models.Model, names: tuple[str, ...]) -> None:
        """Other values of those columns. Those of one row are written in their order."""
        model = type(row)
        if any(
            of is model and others != names and any(values[-1] == row.pk for values in changes)
            for (of, others), changes in self._changed.items()
        ):
            self.write({model})
        self._changed.setdefault((model, names), []).append(_taker_of_changed(model, names)(row))
        self._tables[model._meta.db_table] = model

    def first(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Write what waits for the tables that the statement reads; for all, where it does more than read."""
        if not sql.lstrip().startswith("SELECT"):
            self.write()
        elif asked_for := {model for table, model in self._tables.items() if table in sql}:
            self.write(asked_for)
        return execute(sql, params, many, context)

    def write(self, wanted: Set[type[models.Model]] | None = None) -> None:
        """Write what waits for the tables of these models (None: all), and for those that they point at."""
        there = set(self._tables.values())
        if not there:
            return
        self._tables = {}  # what is written here asks for nothing
        wanted = there if wanted is None else set(wanted)
        new = [
            ((model, unless_there), self._new.pop((model, unless_there)))
            for model in _pointed_at_first(_pointed_at(wanted, there))
            for unless_there in (False, True)
            if (model, unless_there) in self._new
        ]
        changed = [(key, self._changed.pop(key)) for key in list(self._changed) if key[0] in wanted]
        for (model, unless_there), values in new:
            _insert_many(model, values, unless_there=unless_there)
        for (model, names), values in changed:
            _change_many(model, names, values)
        self._tables = {model._meta.db_table: model for model, _how in (*self._new, *self._changed)}


_waiting: ContextVar[_Waiting | None] = ContextVar("waiting", default=None)


def _pointed_at_first(wanted: set[type[models.Model]]) -> list[type[models.Model]]:
    """The models, each behind those of them that it points at: triggers look there."""
    ordered: list[type[models.Model]] = []

    def take(model: type[models.Model], on_the_way: frozenset[type[models.Model]]) -> None:
        for other in sorted(_points_at(model) & wanted - on_the_way, key=lambda one: one._meta.db_table):
            take(other, on_the_way | {other})
        if model not in ordered:
            ordered.append(model)

    for model in sorted(wanted, key=lambda one: one._meta.db_table):
        take(model, frozenset({model}))
    return ordered


def _pointed_at(wanted: set[type[models.Model]], there: Set[type[models.Model]]) -> set[type[models.Model]]:
    """The models `wanted`, and of those `there` whatever they point at, and so on."""
    found, fresh = wanted, wanted
    while fresh := {other for model in fresh for other in _points_at(model) if other in there} - found:
        found = found | fresh
    return found


@cache
def _points_at(model: type[models.Model]) -> frozenset[type[models.Model]]:
    found = (field.related_model for field in model._meta.local_concrete_fields)
    return frozenset(one for one in found if isinstance(one, type) and one is not model)


def _insert(model: type[models.Model], rows: Sequence[models.Model], *, unless_there: bool) -> None:
    if len(rows) > FEW:
        _insert_many(model, list(map(_taker_of_new(model), rows)), unless_there=unless_there)
        return
    connection = connections[DEFAULT_DB_ALIAS]  # itself: the proxy would look for it at every value
    statement, places = _statement(model)
    told = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in rows for field in _written(model)]
    with connection.cursor() as cursor:
        cursor.execute(statement + ", ".join([places] * len(rows)) + _unless(there=unless_there), told)


def _insert_many(model: type[models.Model], values: Sequence[tuple[Any, ...]], *, unless_there: bool) -> None:
    statement, names = _statement_of_many(model)
    for first in range(0, len(values), AT_ONCE):
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            told = [_as_json(names, values[first : first + AT_ONCE])]
            cursor.execute(statement + _unless(there=unless_there), told)


def _unless(*, there: bool) -> str:
    return " ON CONFLICT DO NOTHING" if there else ""


def _as_json(names: Sequence[str], values: Sequence[Sequence[Any]]) -> str:
    """The rows as PostgreSQL reads them of JSON."""
    return json.dumps([dict(zip(names, row, strict=True)) for row in values], default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """What JSON has for a value that is written to a column."""
    match value:
        case bytes() | bytearray() | memoryview():
            return "\\x" + value.hex()
        case datetime() | date() | dtime():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds():f} seconds"
    return str(value)


def _change_many(model: type[models.Model], names: tuple[str, ...], values: Sequence[Sequence[Any]]) -> None:
    """Each row of `values` is other values of those columns, and behind them the row's key; of one row the last count."""
    latest = {row[-1]: row for row in values}
    statement, columns = _change_of_many(model, names)
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(statement, [_as_json(columns, list(latest.values()))])


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
def _written(model: type[models.Model]) -> "tuple[models.Field[Any, Any], ...]":
    """The columns that a new row is given."""
    return tuple(
        field
        for field in model._meta.local_concrete_fields
        if not field.generated and not isinstance(field, models.AutoField | models.BigAutoField)
    )


@cache
def _taker_of_new(model: type[models.Model]) -> Callable[[models.Model], tuple[Any, ...]]:
    """What takes the values of the columns `_written` from a row, as they are: PostgreSQL makes its own of them."""
    return _taker(_written(model))


@cache
def _taker_of_changed(model: type[models.Model], names: tuple[str, ...]) -> Callable[[models.Model], tuple[Any, ...]]:
    """The same of those columns, and behind them of the key."""
    _sql, fields = _change(model, names)
    return _taker((*fields, model._meta.pk))


def _taker(fields: "Sequence[models.Field[Any, Any]]") -> Callable[[models.Model], tuple[Any, ...]]:
    assert not any(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False) for field in fields)
    return attrgetter(*(field.attname for field in fields))


@cache
def _statement(model: type[models.Model]) -> tuple[str, str]:
    fields = _written(model)
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    places = f"({', '.join(['%s'] * len(fields))})"
    return f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ", places  # noqa: S608 - names of ours


@cache
def _change(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, "tuple[models.Field[Any, Any], ...]"]:
    by_name = {field.name: field for field in model._meta.local_concrete_fields}
    fields = tuple(by_name[name] for name in names)
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    places = ", ".join(f"{quote(str(field.column))} = %s" for field in fields)
    key = quote(str(by_name[model._meta.pk.name].column))
    return f"UPDATE {quote(model._meta.db_table)} SET {places} WHERE {key} = %s", fields  # noqa: S608 - names of ours


@cache
def _statement_of_many(model: type[models.Model]) -> tuple[str, tuple[str, ...]]:
    """Of any number of rows one statement, which neither psycopg nor PostgreSQL has to read anew each time; and its columns."""
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = tuple(str(field.column) for field in _written(model))
    table, names = quote(model._meta.db_table), ", ".join(map(quote, columns))
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{table}, %s::json)",  # noqa: S608
        columns,
    )


@cache
def _change_of_many(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    _one, fields = _change(model, names)
    columns, key = [str(field.column) for field in fields], str(model._meta.pk.column)
    table, places = quote(model._meta.db_table), ", ".join(f"{quote(one)} = new.{quote(one)}" for one in columns)
    return (
        f"UPDATE {table} SET {places} FROM json_populate_recordset(NULL::{table}, %s::json) AS new "  # noqa: S608
        f"WHERE {table}.{quote(key)} = new.{quote(key)}",
        (*columns, key),
    )
