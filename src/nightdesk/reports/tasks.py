"""What falls due in this room: reports of incidents, the days that figures are added up from, and their letters."""

import logging
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler, lost_connection
from nightdesk.reports import figure_actions, incident_actions
from nightdesk.reports.figure_queries import finished_xid, first_day, stale_days
from nightdesk.reports.models import Rolled

log = logging.getLogger(__name__)

AT_ONCE = 14
"""Days in one transaction."""


def roll_changed(at: datetime) -> int:
    """Every brand's days that are new or changed are added up; returns how many. The first time that is all of them."""
    count = 0
    for brand in Brand.objects.order_by("pk"):
        try:
            count += roll_brand(brand, at)
        except Exception:  # one brand's figures must not stop the others'; it is recorded, and tried again in an hour
            if lost_connection():
                raise
            log.exception("The figures of %s could not be added up", brand.slug)
    return count


def roll_brand(brand: Brand, at: datetime, *, anew: bool = False) -> int:
    """The brand's days that are new or changed are added up, or `anew` all of them; returns how many."""
    row = Rolled.objects.filter(brand=brand).first()
    # Read before the rows are: what is journalled meanwhile is looked at again next time.
    to_xid = finished_xid()
    first = first_day(brand)
    if first is None:
        return 0
    if row is None or row.since is None or anew or first < row.since:
        today = at.astimezone(ZoneInfo(brand.zone)).date()
        # A night belongs to the evening on which it began, which may be the day before the first.
        days = {first + timedelta(days=n) for n in range(-1, (today - first).days + 1)}
    else:
        days = stale_days(brand, row, to_xid, at)
    ordered = sorted(days)
    for start in range(0, len(ordered), AT_ONCE):
        figure_actions.roll_figures(brand_id=brand.pk, days=ordered[start : start + AT_ONCE], at=at)
    figure_actions.note_rolled(brand_id=brand.pk, since=first, to_xid=to_xid, at=at)
    return len(ordered)


def send_mail(promise: Promise, at: datetime) -> str:
    """A report goes out."""
    return figure_actions.send_figure_mail(mail_id=int(promise.subject_id), at=at)


def draft_report(promise: Promise, at: datetime) -> str:
    """An outage has moved: over, its report is drafted."""
    outage_id = UUID(promise.subject_id)
    report = incident_actions.draft_incident_report(outage_id=outage_id, by=SCHEDULER, via=Door.WORKER, at=at)
    return _("Nothing was to be drafted.") if report is None else _("The report is drafted.")


def measure_incident(promise: Promise, at: datetime) -> str:
    """An outage goes on."""
    return incident_actions.measure_incident(outage_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def stand_report(promise: Promise, at: datetime) -> str:
    """A report is to stand."""
    return incident_actions.stand_incident_report(
        report_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at
    )


def chase_report(promise: Promise, at: datetime) -> str:
    """What a report owes is due."""
    return incident_actions.chase_incident(
        report_id=UUID(promise.subject_id),
        what=str(promise.facts["what"]),
        number=int(promise.facts["number"]),
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


HANDLERS = {
    incident_actions.DRAFT: Handler(draft_report, lane="plain", give_up_after=None),
    incident_actions.MEASURE: Handler(measure_incident, lane="plain"),
    incident_actions.STAND: Handler(stand_report, lane="plain", give_up_after=None),
    incident_actions.CHASE: Handler(chase_report, lane="plain", give_up_after=None),
    figure_actions.MAIL: Handler(send_mail, lane="plain"),
}
