"""Planned work as a calendar that people subscribe to (RFC 5545): one event a piece of work, with the same UID for life.

What was cancelled stays for a month as CANCELLED, as clients that find it gone keep the old event.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from nightdesk.outages.published import PublishedWork, short_id

REFRESH_EVERY = timedelta(minutes=15)
KEPT_CANCELLED = timedelta(days=30)
STATUS = {"planned": "CONFIRMED", "started": "CONFIRMED", "ended": "CONFIRMED", "cancelled": "CANCELLED"}


def calendar_of(title: str, works: Iterable[PublishedWork], at: datetime) -> bytes:
    """The calendar as it is at `at`, in UTC, CRLF, folded. It says the same bytes for the same facts."""
    calendar = Calendar()
    calendar.add("prodid", "-//Nightdesk//Planned work//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", title)
    calendar.add("refresh-interval", REFRESH_EVERY, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", REFRESH_EVERY)
    for work in works:
        if work.state == "cancelled" and at >= work.changed_at + KEPT_CANCELLED:
            continue
        event = Event()
        event.add("uid", f"{short_id('work', work.id)}@nightdesk")
        event.add("sequence", work.sequence)
        event.add("dtstamp", work.changed_at)
        event.add("dtstart", work.starts_at)
        event.add("dtend", work.ends_at)
        event.add("summary", work.title)
        event.add("description", work.said)
        event.add("status", STATUS[work.state])
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return bytes(calendar.to_ical())
