"""What a page says: one text for a phone, a few lines for a mail, and the sentence back to whoever answers.

`{link}` stands in these texts for the address that belongs to each delivery; `channels` puts it in when it sends.
"""

from bisect import bisect_right
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.channels.sms_text import count
from nightdesk.paging.models import Page

LINK = "{link}"
LINK_PATH_LENGTH = 48
"""Characters of a link behind the public address, at most; so much room is kept in a text."""
SHORTEST_TITLE = 40
"""A title is cut to make one text of it, but not below this."""


def headline(page: Page) -> str:
    """The page in one line: priority, title, and how many alarms stand behind it where it is more than one."""
    line = f"P{page.priority} {page.title}"
    others = page.alarm_count - 1
    return line if others < 1 else f"{line} ({ngettext('+%d more', '+%d more', others) % others})"


def phone_text(page: Page) -> str:
    """What a phone shows: what is wrong, and how to take it. One part where that is possible, else two."""
    tail = _(". Reply ok %(code)s to take it, or open %(link)s") % {"code": page.code, "link": LINK}
    return _fitted(headline(page), tail)


def asking_phone_text(page: Page) -> str:
    """What its owner is sent who gave no sign of life."""
    tail = _(". Are you on it? Reply ok %(code)s, or open %(link)s") % {"code": page.code, "link": LINK}
    return _fitted(headline(page), tail)


def mail_body(page: Page, zone: str) -> str:
    """The page in a few lines, times in `zone`."""
    lines = [headline(page), ""]
    if page.component:
        lines.append(_("Where: %(part)s") % {"part": page.component})
    lines.append(_("Since: %(time)s") % {"time": local_time(page.started_at, zone)})
    lines += ["", _("Take it, or see more: %(link)s") % {"link": LINK}]
    lines.append(_("Or reply ok %(code)s.") % {"code": page.code})
    return "\n".join(lines)


def asking_mail_body(page: Page, zone: str) -> str:
    """The same for its owner who gave no sign of life."""
    since = local_time(page.acknowledged_at or page.started_at, zone)
    asked = _("You took this at %(time)s, and there has been no sign of you for a while. Are you on it?")
    return f"{asked % {'time': since}}\n\n{mail_body(page, zone)}"


def short_time(at: datetime, zone: str) -> str:
    """The time of day in `zone`: 04:13."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def local_time(at: datetime, zone: str) -> str:
    """Day, time and the zone's own name: Sat 15 Aug 04:13 BST."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M %Z}"


def minutes(seconds: float) -> str:
    """A wait as people say it: 5 min, 90 s."""
    whole, rest = divmod(round(seconds), 60)
    return _("%d s") % round(seconds) if rest else _("%d min") % whole


def _fitted(head: str, tail: str) -> str:
    """`head` and `tail` in one text part, `head` cut where it must be; two parts where it would be cut to nothing."""
    spare = "x" * max(0, len(settings.PUBLIC_URL) + LINK_PATH_LENGTH - len(LINK))
    for parts in (1, 2):
        if count(head + tail + spare).parts <= parts:
            return head + tail
        # What fits grows shorter with every character, so the longest that fits is found by halving.
        fits = bisect_right(range(len(head)), parts, key=lambda length: count(_cut(head, length) + tail + spare).parts)
        if fits - 1 >= SHORTEST_TITLE:
            return _cut(head, fits - 1) + tail
    return _cut(head, SHORTEST_TITLE) + tail


def _cut(text: str, length: int) -> str:
    return text[:length].rstrip() + "..."
