"""The belt: while it is worn, the database shows the customer's own rows and no others, whatever a query forgets.

A page and an operation of the customer's API run inside `worn_for`, a transaction of their own. What changes something is
a verb of a room below; it runs with the belt off, by `done`, and asks for itself who may do it to what. The belt holds what
is forgotten; it is no wall against SQL that somebody else writes, who could take it off as we do.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _
from psycopg.pq import TransactionStatus

from nightdesk.base.postgres import CUSTOMER_ROLE
from nightdesk.base.refusals import Refusal
from nightdesk.base.words import in_our_language
from nightdesk.customers.models import Contact

P = ParamSpec("P")
R = TypeVar("R")

_worn: ContextVar[tuple[int, int, datetime] | None] = ContextVar("belt", default=None)


class NotSetUp(Refusal):
    """The database cannot keep customers apart by itself, so that their pages stay shut."""

    code = "portal-not-set-up"
    status = 503
    title = "These pages are not open yet"


def worn_for(contact: Contact, at: datetime) -> AbstractContextManager[None]:
    """Inside the block everything read is the contact's to see at `at`. Raises NotSetUp where the role is missing."""
    return _worn_by((contact.customer_id, contact.pk, at))


def worn_for_company(customer_id: int, at: datetime) -> AbstractContextManager[None]:
    """Likewise for the company, and nobody of it in particular: for whoever holds a link. No contact's own rows are seen."""
    return _worn_by((customer_id, 0, at))


@contextmanager
def _worn_by(wearer: tuple[int, int, datetime]) -> Iterator[None]:
    with transaction.atomic():
        _put_on(wearer)
        token = _worn.set(wearer)
        try:
            yield
        finally:
            _worn.reset(token)
            _take_off()


def is_worn() -> bool:
    """Whether the belt is on here and now."""
    return _worn.get() is not None


def done(verb: Callable[P, R], *args: P.args, **given: P.kwargs) -> R:
    """What the verb returns: it is done as the program itself, and the belt is on again when this returns or raises.

    What it keeps, and tells our staff, is in the program's language, whatever the reader's; a refusal is in theirs.
    """
    wearer = _worn.get()
    if wearer is None:
        return in_our_language(verb, *args, **given)
    _take_off()
    token = _worn.set(None)
    try:
        return in_our_language(verb, *args, **given)
    finally:
        _worn.reset(token)
        if not _is_broken():
            _put_on(wearer)


def _put_on(wearer: tuple[int, int, datetime]) -> None:
    customer, contact, at = wearer
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('nightdesk.customer', %s, true), set_config('nightdesk.contact', %s, true),"
                " set_config('nightdesk.at', %s, true), set_config('role', %s, true)",
                [str(customer), str(contact), at.isoformat(), CUSTOMER_ROLE],
            )
    except DatabaseError as error:
        raise NotSetUp(
            _("Your pages were asked for."), _("We cannot show them just now."), _("Please call or write to us.")
        ) from error


def _take_off() -> None:
    if _is_broken():
        transaction.set_rollback(True)  # which takes it off, with all else that was done
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('role', 'none', true), set_config('nightdesk.customer', '', true),"
            " set_config('nightdesk.contact', '', true), set_config('nightdesk.at', '', true)"
        )


def _is_broken() -> bool:
    """Whether the transaction takes no statement any more."""
    link = connection.connection
    return connection.needs_rollback or link is None or link.info.transaction_status == TransactionStatus.INERROR
