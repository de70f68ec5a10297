"""What may be asked of columns beside Django's own lookups."""

import re
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup
from django.db.models.sql.compiler import SQLCompiler

_WORD = re.compile(r"[a-z][a-z_]*")


@CharField.register_lookup
class OneOf(Lookup):
    """`state__one_of=OPEN`: as `__in`, with the words in the statement itself. A statement that is prepared with them beside it
    can use no index of just those rows (`condition=Q(state__in=[...])`), as they could be others the next time.

    For words of the program alone: raises ValueError for anything but small letters and underscores.
    """

    lookup_name = "one_of"
    prepare_rhs = False

    def __init__(self, lhs: Any, rhs: Any) -> None:
        words = tuple(sorted(map(str, rhs)))
        if not words or not all(map(_WORD.fullmatch, words)):
            raise ValueError(f"only words of the program may stand in a statement, got {words}")
        super().__init__(lhs, words)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """The condition and what is given beside it."""
        left, beside = self.process_lhs(compiler, connection)
        words = ", ".join(f"'{word}'" for word in self.rhs)
        return f"{left} IN ({words})", beside
