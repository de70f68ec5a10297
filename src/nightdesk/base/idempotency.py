"""Doing a thing once for an `Idempotency-Key`, however often the request comes, and giving the same answer each time."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from nightdesk.base import vault
from nightdesk.base.models import IdempotentAnswer
from nightdesk.base.refusals import KeyReused, Refusal

KEPT_FOR = timedelta(hours=24)


class KeyInUse(Refusal):
    """The first request with that key is still being worked on."""

    code = "idempotency-key-in-use"
    status = 409
    title = "The first request with that key is not done yet"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller is told. `again`: it was told before, and this time nothing was done."""

    status: int
    body: bytes
    again: bool = False


@transaction.atomic
def answer_once(*, caller: str, key: str, fingerprint: str, at: datetime, do: Callable[[], Answer]) -> Answer:
    """`do()` and what it says, or what it said the first time that `caller` came with this `key`.

    What `do` writes, and the answer kept for it, are committed together or not at all. An answer of 400 and above undoes
    what was written and is not kept: nothing has happened, so a repeat asks anew. A second request with the key waits for
    the first. Raises KeyReused where the key came with another `fingerprint`, KeyInUse where the wait is too long.
    """
    # What is past its time is cleared away by `housekeeping` some time later; until then it must not be answered with.
    IdempotentAnswer.objects.filter(caller=caller, key=key, created_at__lt=at - KEPT_FOR).delete()
    try:
        # Two at once meet at the unique constraint: the second waits there until the first has committed or undone.
        kept, first = IdempotentAnswer.objects.get_or_create(
            caller=caller, key=key, defaults={"fingerprint": fingerprint, "status": 0, "body": "", "created_at": at}
        )
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise KeyInUse(
                _("A request came with a used Idempotency-Key."), _("The first is still at work."), _("Ask again.")
            ) from error
        raise
    if not first:
        if kept.fingerprint != fingerprint:
            raise KeyReused(
                _("A request came with a used Idempotency-Key."),
                _("The key belongs to another request."),
                _("Make a new key for each new request."),
            )
        return Answer(kept.status, _opened(kept.body), again=True)
    with connection.cursor() as cursor:
        # What names something that is not there must fail before an answer is made of it, as it does without a key.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    answer = do()
    if answer.status >= 400:
        transaction.set_rollback(True)
        return answer
    kept.status, kept.body = answer.status, _sealed(answer.body)
    kept.save(update_fields=["status", "body"])
    return answer


def _sealed(body: bytes) -> str:
    """Encrypted: the answer to "make a token" holds the token, and the database must not."""
    return base64.b64encode(vault.seal(body)).decode()


def _opened(sealed: str) -> bytes:
    try:
        return vault.open_(base64.b64decode(sealed))
    except vault.Unreadable as error:
        raise KeyReused(
            _("A request came with a used Idempotency-Key."),
            _("The master key has changed since, so its answer cannot be read."),
            _("Look whether it was done, then use a new key."),
        ) from error
