"""What is asked about messages to very many: whom they would reach and at what price, how far they are, who was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Select:
    """SQL that finds whom to tell, with its parameters. Its columns are, in this order and whatever they are called:
    recipient_kind (text), recipient_id (text), channel (text), address (text), rank (smallint, the lowest goes first) and
    values (jsonb: name -> text). A queryset of `values_list` with these six will do as well.
    """

    sql: str
    parameters: Sequence[Any] = ()


def named(found: "QuerySet[Any, Any] | Select") -> tuple[str, dict[str, Any]]:
    """Its SQL as it stands within a statement that names its parameters, and those."""
    sql, parameters = (found.sql, found.parameters) if isinstance(found, Select) else found.query.sql_with_params()
    names = [f"found_{number}" for number in range(len(parameters))]
    pieces = sql.replace("%%", "\0").split("%s")
    sql = pieces[0] + "".join(f"%({name})s{piece}" for name, piece in zip(names, pieces[1:], strict=True))
    return sql.replace("\0", "%%"), dict(zip(names, parameters, strict=True))
