"""What the worker does when a promise of the second site's falls due."""

from datetime import datetime

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.standby import actions


def raise_test_page(promise: Promise, at: datetime) -> str:
    """Raise and close a page that leaves nothing behind; returns what came of it."""
    del promise
    return actions.raise_test_page(by=SCHEDULER, via=Door.WORKER, at=at)


def forget_handed_back(at: datetime) -> int:
    """An hour is over; for `base.housekeeping`."""
    return actions.forget_handed_back(by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {actions.TEST_PAGE: Handler(raise_test_page, lane="page", give_up_after=None)}
"""For `wiring`. In the lane of pages, as what keeps them waits there as well."""
