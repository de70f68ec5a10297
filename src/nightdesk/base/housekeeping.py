"""Chores of the worker, once an hour: months made ahead, and rows cleared away that nobody will ask for again."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from nightdesk.base import clock, worker
from nightdesk.base.ids import first_of
from nightdesk.base.models import IdempotentAnswer, Promise
from nightdesk.base.months import make_months

log = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
KEEP_ENDED = timedelta(days=30)
"""How long kept and void promises stay to be looked at. Dead ones stay until somebody has dealt with them."""
KEEP_ANSWERS = timedelta(days=2)
"""How long an API caller may repeat a request under its `Idempotency-Key`."""
BATCH = 2000


CHORES: list[Callable[[datetime], int]] = []
"""What higher rooms clear away, once an hour: told the instant, each says how much it was. Filled by `nightdesk.wiring`."""


def hourly(tables: tuple[str, ...]) -> worker.Runner:
    """The runner for `worker.RUNNERS`; `tables` are those that are kept in months."""

    def keep_house(shift: worker.Shift) -> None:
        at = clock.now()
        make_months(tables, at)
        while not shift.stopping.is_set() and (cleared := clear_away(at)):
            log.info("Cleared away %s ended promises and old answers", cleared)
        for chore in CHORES:
            if cleared := chore(at):
                log.info("Cleared away %s records by %s", cleared, chore.__name__)
        shift.stopping.wait(EVERY.total_seconds())

    return worker.forever(keep_house)


def clear_away(at: datetime) -> int:
    """Delete up to `BATCH` each of promises and answers that are past their time; returns how many rows went."""
    # What ended before the cutoff was written before it, so the primary key finds it without an index of its own.
    old = Promise.objects.filter(
        id__lt=first_of(at - KEEP_ENDED),
        ended_at__lt=at - KEEP_ENDED,
        ended_as__in=(Promise.Ending.KEPT, Promise.Ending.VOID),
    )
    answers = IdempotentAnswer.objects.filter(created_at__lt=at - KEEP_ANSWERS)
    gone, _ = Promise.objects.filter(id__in=old.order_by("id").values("id")[:BATCH]).delete()
    gone_too, _ = IdempotentAnswer.objects.filter(id__in=answers.order_by("created_at").values("id")[:BATCH]).delete()
    return gone + gone_too
