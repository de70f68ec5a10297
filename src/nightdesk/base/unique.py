"""Turning what the database's unique constraints say into a refusal, so that the later of two at once gets an answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from psycopg.errors import ExclusionViolation, UniqueViolation

from nightdesk.base.refusals import Invalid


@contextmanager
def unless_taken(asked: str, so: str, do: str) -> Iterator[None]:
    """Write inside the block, in a savepoint; a unique or exclusion constraint that stands against it raises Invalid.

    Looking first would not do: between the look and the write somebody else may write.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation | ExclusionViolation):
            raise Invalid(asked, so, do) from error
        raise
