"""How long somebody was at work with a page, put on record when it is over; after a bad night they begin later for it."""

from datetime import datetime, timedelta

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.duty.rest_actions import plan_late_start
from nightdesk.paging.models import Page
from nightdesk.rota.models import Worked
from nightdesk.rota.work_actions import note_worked

NOTE_HANDLED = "paging.note_handled"
"""Promise to put on record who worked on a page that is over. Its subject is the page."""

AT_WORK_AFTER_A_SIGN = timedelta(minutes=30)
"""Whoever has a page and gives no sign of life is taken to be at work on it so long, and then asleep."""
LATE_BY = timedelta(hours=11)


def note_handled(promise: Promise, at: datetime) -> str:
    """Keep a `paging.note_handled` promise."""
    page = Page.objects.select_related("owner").filter(pk=promise.subject_id).first()
    if page is None or page.shadow or page.owner is None or page.acknowledged_at is None or page.resolved_at is None:
        return "Nobody had it."
    last_sign = max(page.last_sign_at or page.acknowledged_at, page.acknowledged_at)
    if page.owner.last_sign_at is not None and page.acknowledged_at <= page.owner.last_sign_at <= page.resolved_at:
        last_sign = max(last_sign, page.owner.last_sign_at)
    ends_at = min(page.resolved_at, last_sign + AT_WORK_AFTER_A_SIGN)
    row = note_worked(
        person_id=page.owner.pk,
        worked=Worked.Kind.PAGE,
        starts_at=page.acknowledged_at,
        ends_at=ends_at,
        source=f"page:{page.pk}",
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
    if row is None:
        return "It took no time."
    # What is put on record late, after a stop of the worker, changes no morning that is over.
    if at < ends_at + LATE_BY:
        plan_late_start(person_id=page.owner.pk, worked_until=ends_at, by=SCHEDULER, via=Door.WORKER, at=at)
    return "The hours are on record."
