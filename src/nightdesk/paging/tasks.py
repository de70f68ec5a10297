"""What the worker does when a page's promise falls due: each verb looks at the page again under its lock."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import NotFound
from nightdesk.journal.models import Entry
from nightdesk.paging import (
    actions,
    copy_actions,
    handling,
    heartbeat_actions,
    mailbox_actions,
    shadow_actions,
    silence_actions,
)


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


def copy_page(promise: Promise, at: datetime) -> str:
    """Copy a page that has rung somebody to the newcomers beside them; returns what was done."""
    return copy_actions.copy_page(page_id=_page(promise), by=SCHEDULER, via=Door.WORKER, at=at)


def look_for_beat(promise: Promise, at: datetime) -> str:
    """Page if the heartbeat is late; returns what was done."""
    late = heartbeat_actions.page_late_heartbeats(
        heartbeat_ids=[int(promise.subject_id)], by=SCHEDULER, via=Door.WORKER, at=at
    )
    return "It is late." if late else "It was heard, or is looked after again."


def look_for_beats(promises: Sequence[Promise], at: datetime) -> None:
    """The same for many at once: those that stopped together are one storm."""
    ids = sorted({int(promise.subject_id) for promise in promises})
    heartbeat_actions.page_late_heartbeats(heartbeat_ids=ids, by=SCHEDULER, via=Door.WORKER, at=at)


def expire_silence(promise: Promise, at: datetime) -> str:
    """End a silence whose time is over; returns what was done."""
    return silence_actions.expire_silence(silence_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def release_silence(promise: Promise, at: datetime) -> str:
    """Let what still fires page; returns what was done."""
    return silence_actions.release_silence(silence_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def warn_of_silence(promise: Promise, at: datetime) -> str:
    """Tell its maker that it ends; returns what was done."""
    return silence_actions.warn_of_silence(silence_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def begin_work(promise: Promise, at: datetime) -> str:
    """Planned work begins; returns what was done."""
    return silence_actions.begin_work(work_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def check_work(promise: Promise, at: datetime) -> str:
    """See whether planned work is done; returns what was done."""
    return silence_actions.check_work(work_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def compare_shadow(promise: Promise, at: datetime) -> str:
    """Compare the day with the old pager; returns what was done."""
    return shadow_actions.compare_shadow(integration_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def sweep_shadow(promise: Promise, at: datetime) -> str:
    """Ring what was left on paper; returns what was done."""
    return shadow_actions.sweep_shadow(integration_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def follow_mailbox(promise: Promise, at: datetime) -> str:
    """Page for a mailbox that is not read, or end that page; returns what was done."""
    return mailbox_actions.follow_mailbox(mailbox_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


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
    handling.NOTE_HANDLED: Handler(handling.note_handled, lane="follow"),
    copy_actions.COPY: Handler(copy_page, lane="follow"),
    mailbox_actions.FOLLOW: Handler(follow_mailbox, lane="follow", give_up_after=None),
    heartbeat_actions.LATE: Handler(look_for_beat, lane="page", give_up_after=None, run_many=look_for_beats),
    silence_actions.END: Handler(expire_silence, lane="page", give_up_after=None),
    silence_actions.RELEASE: Handler(release_silence, lane="page", give_up_after=None),
    silence_actions.BEGIN: Handler(begin_work, lane="page", give_up_after=None),
    silence_actions.OVERRUN: Handler(check_work, lane="page", give_up_after=None),
    shadow_actions.SWEEP: Handler(sweep_shadow, lane="page", give_up_after=None),
    silence_actions.SOON: Handler(warn_of_silence),
    shadow_actions.COMPARE: Handler(compare_shadow),
}
"""For `wiring`: what has the lane of pages is never given up, for each of these wakes somebody; nor is a digest."""
