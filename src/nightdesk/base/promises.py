"""A promise is a row: written with the change that made it, kept by a worker when it falls due, never forgotten."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from nightdesk.base import clock
from nightdesk.base.ids import uuid7
from nightdesk.base.memory import remembering
from nightdesk.base.models import Promise
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.base.rows import insert
from nightdesk.base.rows import together as rows_together

log = logging.getLogger(__name__)

WAKE_CHANNEL = "nightdesk_wake"
SENDER = "sender"
"""Who is woken when there are messages to send; the room channels keeps that thread."""
LANES = ("page", "follow", "plain")
"""Each lane has its own threads, so that a page never waits behind ordinary work."""


@dataclass(frozen=True, slots=True)
class Handler:
    """How one kind of promise is kept.

    `run(promise, at)` does it inside one transaction with the promise's end, so what it writes happens exactly once; it
    looks at the subject again under its lock, and returns a short sentence of what it did. `run_many`, if given, takes
    a whole batch in one transaction instead. `together`: so many at most are run one after the other in one transaction, in
    which what is `remembered` is asked once, and rows are written `rows.together`; where one fails all are undone, and each
    is run alone. `ahead(promises, at)` may ask there, before the first, what all of them will. With
    `give_up_after` None it is tried for ever (whatever wakes a person); else it lands on the dead-letter list after that
    many attempts.
    """

    run: Callable[[Promise, datetime], str]
    lane: str = "plain"
    give_up_after: int | None = 8
    run_many: Callable[[Sequence[Promise], datetime], None] | None = None
    together: int = 1
    ahead: Callable[[Sequence[Promise], datetime], None] | None = None


HANDLERS: dict[str, Handler] = {}
"""Filled by `nightdesk.wiring`."""

_gathered: ContextVar[list[Promise] | None] = ContextVar("gathered", default=None)
_being_kept: ContextVar[frozenset[UUID]] = ContextVar("being_kept", default=frozenset())


def promise(
    kind: str,
    *,
    subject: tuple[str, object],
    due_at: datetime,
    why: str,
    at: datetime,
    facts: dict[str, Any] | None = None,
    occurrence: str | None = None,
    cause: UUID | None = None,
    brand_id: int | None = None,
) -> None:
    """Write the promise in the caller's transaction; a second one of the same `kind` and `occurrence` changes nothing."""
    subject_kind, subject_id = subject
    row = Promise(
        id=uuid7(at),
        kind=kind,
        lane=HANDLERS[kind].lane,
        subject_kind=subject_kind,
        subject_id=str(subject_id),
        due_at=due_at,
        created_at=at,
        why=why,
        facts=facts or {},
        occurrence=occurrence,
        cause=cause,
        brand_id=brand_id,
    )
    together = _gathered.get()
    if together is not None:
        together.append(row)
    else:
        insert([row], unless_there=occurrence is not None)
    if due_at <= at:
        wake_workers(row.lane)


@contextmanager
def gathered() -> Iterator[None]:
    """What is promised in here is written at its end in one statement: for a verb that promises several things, and in here
    neither asks for promises nor voids any.
    """
    rows: list[Promise] = []
    token = _gathered.set(rows)
    try:
        yield
    finally:
        _gathered.reset(token)
    insert(rows, unless_there=True)


def void_promises(subject: tuple[str, object], *, at: datetime, kinds: Collection[str] | None = None) -> int:
    """End the subject's open promises (of `kinds`, or all) because they are no longer wanted; returns how many.

    A worker that holds one of them at this moment finds it ended and undoes what it did. A promise whose own handler
    calls this is left to end as kept.
    """
    subject_kind, subject_id = subject
    wanted = Promise.objects.filter(subject_kind=subject_kind, subject_id=str(subject_id), ended_at=None)
    wanted = wanted.exclude(id__in=_being_kept.get())
    if kinds is not None:
        wanted = wanted.filter(kind__in=kinds)
    return wanted.update(ended_at=at, ended_as=Promise.Ending.VOID, leased_by=None, leased_at=None)


def move_promise(kind: str, *, subject: tuple[str, object], due_at: datetime) -> bool:
    """The subject's open promise of that kind is due at `due_at` now, without a row more; False where there is none.

    One that a worker has in hand stays as it is and counts as none: write another, and void that one.
    """
    subject_kind, subject_id = subject
    free = Promise.objects.filter(
        kind=kind, subject_kind=subject_kind, subject_id=str(subject_id), ended_at=None, leased_by=None
    )
    return free.update(due_at=due_at) > 0


def back_off(attempt: int) -> timedelta:
    """How long to wait after failed attempt number `attempt` (from 1): 1 s, 2 s, 4 s ... at most 30 s."""
    return timedelta(seconds=min(30, 2 ** min(attempt - 1, 5)))


def keep(row: Promise) -> None:
    """Keep one leased promise. An error puts it back with a delay, or on the dead-letter list."""
    try:
        with transaction.atomic():
            at = clock.now()
            # A verb that voids promises holds the subject's lock first, so the promise is not locked before the subject:
            # it is only looked at here, and ended below, under the fence.
            if HANDLERS.get(row.kind) is not None and not _still_leased([row]):
                return
            _end_kept([row], {row.id: _run(row, at)}, at)
    except Overtaken as overtaken:
        log.info("Promise %s (%s): %s", row.id, row.kind, overtaken)
    except Exception as error:  # the worker loop's own: one poisonous promise must not stop the rest
        if lost_connection():
            raise
        _put_back(row, error)


def keep_many(rows: Sequence[Promise], *, go_on: Callable[[], bool] = lambda: True) -> None:
    """Keep a leased batch, each kind with a `run_many` or `together` in one transaction, the others one by one.

    `go_on` is asked before each; once it says no, the rest is left leased, for the caller to give back.
    """
    batches: dict[str, list[Promise]] = {}
    for row in rows:
        handler = HANDLERS.get(row.kind)
        if handler is not None and (handler.run_many is not None or handler.together > 1):
            batches.setdefault(row.kind, []).append(row)
        elif go_on():
            keep(row)
    for kind, batch in batches.items():
        handler = HANDLERS[kind]
        size = len(batch) if handler.run_many is not None else handler.together
        for first in range(0, len(batch), size):
            _keep_together(batch[first : first + size], handler, go_on)


def _keep_together(batch: Sequence[Promise], handler: Handler, go_on: Callable[[], bool]) -> None:
    """Keep them in one transaction; where that cannot be kept as a whole, each is tried alone."""
    try:
        with transaction.atomic():
            at = clock.now()
            if handler.run_many is None:
                told = _run_each(batch, handler, at, go_on)
            elif go_on():
                told = dict.fromkeys((row.id for row in batch), "")
                with _keeping(batch):
                    handler.run_many(batch, at)
            else:
                return
            # If one of them was voided since it was claimed, this undoes the batch, and each is tried alone.
            _end_kept([row for row in batch if row.id in told], told, at)
    except Exception as error:
        if lost_connection():
            raise
        overtaken = isinstance(error, Overtaken)
        level, reason = (logging.INFO, None) if overtaken else (logging.WARNING, error)
        log.log(level, "A batch of %s promises is undone; each is tried alone", len(batch), exc_info=reason)
        for row in batch:
            if go_on():
                keep(row)


def _run_each(batch: Sequence[Promise], handler: Handler, at: datetime, go_on: Callable[[], bool]) -> dict[UUID, str]:
    """What was done, by promise."""
    told: dict[UUID, str] = {}
    with remembering(), rows_together():
        if handler.ahead is not None and go_on():
            handler.ahead(batch, at)
        for row in batch:
            if not go_on():
                break
            told[row.id] = _run(row, at)
    return told


def _run(row: Promise, at: datetime) -> str:
    handler = HANDLERS.get(row.kind)
    if handler is None:
        raise LookupError(f"No handler is registered for promises of kind {row.kind!r}.")
    if handler.give_up_after is not None and row.attempt > handler.give_up_after:
        # Each attempt ended with the worker's death, or it would have been counted out: it may be the cause.
        raise RuntimeError(f"It was begun {row.attempt - 1} times and never came to an end.")
    with _keeping([row]):
        return handler.run(row, at)


def wake_workers(whom: str) -> None:
    """Wake a lane's threads (or the "sender") once the transaction has committed, in every worker.

    They look by themselves every 200 ms, so this may be lost. Naming one spares the others a look for nothing.
    """
    notify = _notifier(whom)
    if not connection.in_atomic_block:
        notify()
    elif notify not in (callback for _, callback, *_ in connection.run_on_commit):
        transaction.on_commit(notify, robust=True)


@cache
def _notifier(whom: str) -> Callable[[], None]:
    def notify() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [WAKE_CHANNEL, whom])

    return notify


@contextmanager
def _keeping(rows: Sequence[Promise]) -> Iterator[None]:
    token = _being_kept.set(frozenset(row.id for row in rows))
    try:
        yield
    finally:
        _being_kept.reset(token)


def _still_leased(rows: Sequence[Promise]) -> list[Promise]:
    """Those of `rows` that are open and still at the attempt in hand."""
    current = dict(Promise.objects.filter(id__in=[row.id for row in rows], ended_at=None).values_list("id", "attempt"))
    return [row for row in rows if current.get(row.id) == row.attempt]


def _end_kept(rows: Sequence[Promise], told: Mapping[UUID, str], at: datetime) -> None:
    """End `rows` as kept, with what was `told` of each; if a verb voided one meanwhile (or another attempt took it), undo
    everything done for it.
    """
    with connection.cursor() as cursor:
        # Arrays: a list of 500 ids in the statement would take longer to read than the rows take to change.
        cursor.execute(
            "UPDATE base_promise SET ended_at = %s, ended_as = %s, outcome = kept.outcome, leased_by = NULL, "
            "leased_at = NULL FROM unnest(%s::uuid[], %s::int[], %s::text[]) AS kept (id, attempt, outcome) "
            "WHERE base_promise.id = kept.id AND base_promise.attempt = kept.attempt AND ended_at IS NULL",
            [
                at,
                Promise.Ending.KEPT,
                [row.id for row in rows],
                [row.attempt for row in rows],
                [told[row.id] for row in rows],
            ],
        )
        ended = cursor.rowcount
    if ended != len(rows):
        raise Overtaken(f"{len(rows) - ended} of {len(rows)} promises were voided or taken while they were kept.")


class Overtaken(Exception):
    """While a promise was being kept it was voided, or its lease passed on; what was done for it is rolled back."""


def _put_back(row: Promise, error: Exception) -> None:
    log.error("Promise %s (%s) failed at attempt %s", row.id, row.kind, row.attempt, exc_info=error)
    at, handler = clock.now(), HANDLERS.get(row.kind)
    # A kind without a handler is a newer version's, most likely: its workers will take it.
    limit = handler.give_up_after if handler is not None else None
    # It would befall any promise, so none is given up for it, and this try does not count.
    blameless = befalls_all(error)
    gave_up = limit is not None and row.attempt >= limit and not blameless
    mine = Promise.objects.filter(id=row.id, attempt=row.attempt, ended_at=None)
    failure = f"{type(error).__name__}: {error}"[:2000]
    if gave_up:
        mine.update(ended_at=at, ended_as=Promise.Ending.DEAD, failure=failure, leased_by=None, leased_at=None)
    else:
        counted = row.attempt - blameless
        mine.update(due_at=at + back_off(row.attempt), attempt=counted, failure=failure, leased_by=None, leased_at=None)


def retry_promise(promise_id: UUID, *, at: datetime) -> Promise:
    """Open a dead promise again, due `at`, as if it had never been tried; the promise comes back.

    No permission is asked here, as access lies above this room: the door asks for the verb "retry_promise" first, and
    writes the journal. Raises NotFound, and IllegalTransition for one that is not on the dead-letter list.
    """
    with transaction.atomic():
        row = _move_from(promise_id, dead=True, asked="You asked to try a promise again.")
        row.due_at, row.attempt, row.ended_at, row.ended_as = at, 0, None, None
        row.save(update_fields=["due_at", "attempt", "ended_at", "ended_as"])
        wake_workers(row.lane)
    return row


def void_promise(promise_id: UUID, *, at: datetime) -> Promise:
    """End one promise, open or dead, as no longer wanted; the promise comes back.

    A worker that holds it at this moment undoes what it did. Repeating it changes nothing. No permission is asked here:
    see `retry_promise`; the verb is "void_promise". Raises NotFound, and IllegalTransition for one that was kept.
    """
    with transaction.atomic():
        row = _move_from(promise_id, dead=False, asked="You asked to call a promise off.")
        if row.ended_as != Promise.Ending.VOID:
            row.ended_at, row.ended_as, row.leased_by, row.leased_at = at, Promise.Ending.VOID, None, None
            row.save(update_fields=["ended_at", "ended_as", "leased_by", "leased_at"])
    return row


def _move_from(promise_id: UUID, *, dead: bool, asked: str) -> Promise:
    """The promise under its row lock, if it may be moved: from dead only, or from whatever was not kept."""
    row = Promise.objects.select_for_update().filter(id=promise_id).first()
    if row is None:
        raise NotFound(asked, "There is none with this id; ended ones are cleared away after a while.", "")
    if row.ended_as == Promise.Ending.KEPT or (dead and row.ended_as != Promise.Ending.DEAD):
        so = "It is still open." if row.ended_as is None else f"It has ended as {row.ended_as}."
        raise IllegalTransition(
            asked, so, "Nothing needs to be done." if not dead else "Only dead ones are tried again."
        )
    return row


def befalls_all(error: Exception) -> bool:
    """Whether it is the database that is not well, and not what it was asked: a full disk, a lock not had, a server that goes.

    What is too long or too deep for it (class 54), or takes too long (57014), is the fault of what was asked, though it is an
    OperationalError too.
    """
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return not state or (state[:2] in ("08", "40", "53", "55", "57", "58") and state != "57014")


def lost_connection() -> bool:
    """Whether the present database connection is unusable, so that the error in hand is the database's being away."""
    try:
        connection.ensure_connection()
        return not connection.is_usable()
    except Exception:
        return True
