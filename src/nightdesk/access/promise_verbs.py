"""What people may do to a promise. The rows stand in `base`, which knows nothing of roles and of the journal."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base import promises
from nightdesk.base.actors import Actor, Door
from nightdesk.base.models import Promise
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

PROMISE_RETRIED = kind("promise.retried", gettext_lazy("{by} had this tried again: {why}"))
PROMISE_VOIDED = kind("promise.voided", gettext_lazy("{by} called this off: {why}"))


@transaction.atomic
def retry_promise(*, promise_id: UUID, by: Actor, via: Door, at: datetime) -> Promise:
    """A promise that was given up is open again and due `at`.

    Raises Forbidden, NotFound, and IllegalTransition for one that is not on the dead-letter list.
    """
    require(by, "retry_promise", _brand_of(promise_id))
    promise = promises.retry_promise(promise_id, at=at)
    _record(PROMISE_RETRIED, promise, by, via, at)
    return promise


@transaction.atomic
def void_promise(*, promise_id: UUID, by: Actor, via: Door, at: datetime) -> Promise:
    """A promise, open or dead, is no longer wanted. Repeating it changes nothing.

    Raises Forbidden, NotFound, and IllegalTransition for one that was kept.
    """
    require(by, "void_promise", _brand_of(promise_id))
    void_already = Promise.objects.select_for_update().filter(id=promise_id, ended_as=Promise.Ending.VOID).exists()
    promise = promises.void_promise(promise_id, at=at)
    if not void_already:
        _record(PROMISE_VOIDED, promise, by, via, at)
    return promise


def _brand_of(promise_id: UUID) -> int | None:
    """The brand whose roles count; None, every brand, for a promise of no brand and for one that is gone."""
    return Promise.objects.filter(id=promise_id).values_list("brand_id", flat=True).first()


def _record(kind_of_entry: str, promise: Promise, by: Actor, via: Door, at: datetime) -> None:
    facts = {"kind": promise.kind, "why": promise.why, "due_at": promise.due_at.isoformat()}
    record(
        kind_of_entry, subject=("promise", promise.id), by=by, via=via, at=at, brand_id=promise.brand_id, facts=facts
    )
