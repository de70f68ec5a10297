"""What the worker calls for the plan."""

from datetime import datetime

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.rota import swap_actions


def lapse_swap(promise: Promise, at: datetime) -> str:
    """Keep a `rota.lapse_swap` promise."""
    return swap_actions.lapse_swap(swap_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {swap_actions.LAPSE: Handler(lapse_swap, lane="follow", give_up_after=None)}
