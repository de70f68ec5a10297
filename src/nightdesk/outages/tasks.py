"""What the worker keeps in this room, and what answers to its messages do."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.outages import actions, way_actions


def send_update(promise: Promise, at: datetime) -> str:
    """An update was published."""
    return actions.send_update(update_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def hold_update(promise: Promise, at: datetime) -> str:
    """Nobody has approved an update."""
    return actions.hold_update(update_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def chase_update(promise: Promise, at: datetime) -> str:
    """An update is due."""
    return actions.chase_update(
        outage_id=UUID(promise.subject_id),
        due_at=datetime.fromisoformat(promise.facts["due_at"]),
        number=int(promise.facts["number"]),
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def confirm_by_rule(promise: Promise, at: datetime) -> str:
    """An alarm may have stood long enough."""
    return actions.confirm_by_rule(
        outage_id=UUID(promise.subject_id), rule_id=int(promise.facts["rule"]), by=SCHEDULER, via=Door.WORKER, at=at
    )


def propose_from_page(promise: Promise, at: datetime) -> str:
    """A page began."""
    return actions.propose_from_page(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def note_fixer(promise: Promise, at: datetime) -> str:
    """Somebody has taken a page."""
    return actions.note_fixer(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def note_alarm_over(promise: Promise, at: datetime) -> str:
    """A page is over."""
    return actions.note_alarm_over(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def let_go_of_ended(promise: Promise, at: datetime) -> str:
    """A customer buys something no more."""
    return actions.let_go_of_ended(customer_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def check_ways(promise: Promise, at: datetime) -> str:  # noqa: ARG001 - whatever it follows from, all ways are looked at
    """A fault, planned work or a duty may have changed."""
    return way_actions.check_ways(by=SCHEDULER, via=Door.WORKER, at=at)


def answer_no_change(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """Nothing has changed ("<outage>@<when the update was due>"); the sentence to say back. Refuses as the verb."""
    outage_id, _sign, due_at = subject_id.partition("@")
    outage = actions.say_no_change(
        outage_id=UUID(outage_id), due_at=datetime.fromisoformat(due_at), by=by, via=via, at=at
    )
    return _("Sent for {name}.").format(name=outage.name)


HANDLERS = {
    actions.TELL: Handler(send_update, lane="page", give_up_after=None),
    actions.HOLD: Handler(hold_update, lane="page", give_up_after=None),
    actions.CHASE: Handler(chase_update, lane="page", give_up_after=None),
    actions.BY_RULE: Handler(confirm_by_rule, lane="page", give_up_after=None),
    actions.FROM_PAGE: Handler(propose_from_page, lane="follow", give_up_after=None),
    actions.BOUGHT_NO_MORE: Handler(let_go_of_ended, lane="follow", give_up_after=None),
    way_actions.CHECK: Handler(check_ways, lane="follow", give_up_after=None),
    actions.PAGE_TAKEN: Handler(note_fixer, lane="follow"),
    actions.PAGE_OVER: Handler(note_alarm_over, lane="follow"),
}
