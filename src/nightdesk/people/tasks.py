"""What the worker does when a person's promise falls due."""

from datetime import datetime

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import NotFound
from nightdesk.people import actions


def end_quiet(promise: Promise, at: datetime) -> str:
    """Let everything ring somebody again who asked for quiet; returns what was done."""
    try:
        actions.end_quiet(person_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    except NotFound:
        return "The person is gone."
    return "Everything rings them again."


HANDLERS = {actions.END_QUIET: Handler(end_quiet, lane="follow", give_up_after=None)}
"""For `wiring`."""
