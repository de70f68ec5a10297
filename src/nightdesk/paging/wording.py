"""What a page says. How to answer, and each recipient's own link, are added by `channels` when it sends."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from nightdesk.paging.models import Page
from nightdesk.people.models import Person

TITLE_LENGTH = 200
"""Characters that the ledger keeps of a message's title."""


def headline(page: Page) -> str:
    """The page in one line: priority, title, and how many alarms stand behind it where it is more than one."""
    line = f"P{page.priority} {page.title}"
    if page.alarm_count < 2:
        return line[:TITLE_LENGTH]
    more = _(" (and %(count)d more alarms)") % {"count": page.alarm_count - 1}
    return line[: TITLE_LENGTH - len(more)] + more


def asking_headline(page: Page) -> str:
    """The same for its owner who gave no sign of life."""
    return (_("Are you on it? %(page)s") % {"page": headline(page)})[:TITLE_LENGTH]


def over(page: Page, reader: Person) -> tuple[str, str]:
    """Title and body of what `reader` is told once they need not answer any more: who has it, or that it is over."""
    if page.state == Page.State.RESOLVED or page.owner is None or page.acknowledged_at is None:
        return _("It is resolved"), headline(page)
    if page.owner_id == reader.id:
        return _("You have it"), headline(page)
    facts = {"name": page.owner.name, "time": time_of_day(page.acknowledged_at, reader.zone)}
    return _("%(name)s took it at %(time)s") % facts, headline(page)


def where(page: Page) -> str:
    """The part that failed, in one line; "" where the title names it already, for a text has little room."""
    return "" if page.component.casefold() in page.title.casefold() else page.component


def wait(seconds: float) -> str:
    """A wait as people say it: 5 min, 90 s."""
    minutes, rest = divmod(round(seconds), 60)
    return _("%d s") % round(seconds) if rest else _("%d min") % minutes


def every(seconds: float) -> str:
    """A period as people say it: every day, every 6 hours, every 15 min."""
    for size, one, many in (
        (86400, _("every day"), _("every %d days")),
        (3600, _("every hour"), _("every %d hours")),
    ):
        if seconds % size == 0:
            count = round(seconds / size)
            return one if count == 1 else many % count
    return _("every %s") % wait(seconds)


def time_of_day(at: datetime, zone: str) -> str:
    """The time of day in `zone`: 04:13."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"
