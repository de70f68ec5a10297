"""What the worker does when a page's promise falls due: each verb looks at the page again under its lock."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import NotFound
from nightdesk.journal.models import Entry
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


def send_digest(promise: Promise, at: datetime) -> str:
    """Send somebody's digest; returns what was done."""
    return _if_there(
        lambda: actions.send_digest(person_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    )


def hand_digest_over(promise: Promise, at: datetime) -> str:
    """Give whoever has come on duty what waited for who had it, by the entry that says so; returns what was done."""
    facts = Entry.objects.get(id=UUID(promise.facts["entry"])).facts
    before, person = facts.get("holder_id"), facts["person_id"]
    return _if_there(
        lambda: actions.hand_digest_over(
            from_person_id=before, to_person_id=person, by=SCHEDULER, via=Door.WORKER, at=at
        )
    )


def close_notices(promise: Promise, at: datetime) -> str:
    """Let phones say that nobody need answer any more; returns what was done."""
    return _if_there(lambda: actions.close_notices(page_id=_page(promise), by=SCHEDULER, via=Door.WORKER, at=at))


def _page(promise: Promise) -> UUID:
    return UUID(promise.subject_id)


def _if_there(verb: Callable[[], str]) -> str:
    try:
        return verb()
    except NotFound:
        return "It is gone."


HANDLERS = {
    actions.RING: Handler(ring_page, lane="page", give_up_after=None),
    actions.ALIVE: Handler(check_alive, lane="page", give_up_after=None),
    actions.UNSNOOZE: Handler(end_snooze, lane="page", give_up_after=None),
    actions.DIGEST: Handler(send_digest, give_up_after=None),
    actions.HANDED_OVER: Handler(hand_digest_over, lane="follow"),
    actions.CLOSE_NOTICES: Handler(close_notices),
}
"""For `wiring`: what wakes somebody is never given up, nor is a digest."""
