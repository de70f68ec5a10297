"""What the worker does when a page's promise falls due: each verb looks at the page again under its lock."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import NotFound
from nightdesk.paging import actions


def ring_page(promise: Promise, at: datetime) -> str:
    """Ring the rung that is due; returns what was done."""
    number = int(promise.facts["number"])
    return _if_there(
        lambda: actions.ring_page(page_id=_page(promise), number=number, by=SCHEDULER, via=Door.WORKER, at=at)
    )


def check_alive(promise: Promise, at: datetime) -> str:
    """See whether a P1's owner is awake; returns what was done."""
    return _if_there(lambda: actions.check_page(page_id=_page(promise), by=SCHEDULER, via=Door.WORKER, at=at))


def end_snooze(promise: Promise, at: datetime) -> str:
    """Let a page ring again that was put off; returns what was done."""
    return _if_there(lambda: actions.wake_page(page_id=_page(promise), by=SCHEDULER, via=Door.WORKER, at=at))


def close_notices(promise: Promise, at: datetime) -> str:
    """Let phones say that nobody need answer any more; returns what was done."""
    return _if_there(lambda: actions.close_notices(page_id=_page(promise), by=SCHEDULER, via=Door.WORKER, at=at))


def _page(promise: Promise) -> UUID:
    return UUID(promise.subject_id)


def _if_there(verb: Callable[[], str]) -> str:
    try:
        return verb()
    except NotFound:
        return "The page is gone."


HANDLERS = {
    actions.RING: Handler(ring_page, lane="page", give_up_after=None),
    actions.ALIVE: Handler(check_alive, lane="page", give_up_after=None),
    actions.UNSNOOZE: Handler(end_snooze, lane="page", give_up_after=None),
    actions.CLOSE_NOTICES: Handler(close_notices),
}
"""For `wiring`: what wakes somebody is never given up."""
