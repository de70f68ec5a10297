"""Planned work as a calendar: what a client keeps an event by, and what it is told when the event goes away."""

from datetime import timedelta

from icalendar import Calendar

from nightdesk.outages.published import PublishedWork
from nightdesk.outages.tests.pages import minutes, work
from nightdesk.outages.work_calendar import calendar_of


def events(*works: PublishedWork, at=None):
    raw = calendar_of("Quayside Networks", works, at or minutes(0))
    assert b"\r\n" in raw
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    return {str(each["uid"]): each for each in Calendar.from_ical(raw).walk("VEVENT")}


def test_an_event_keeps_its_uid_and_its_sequence_rises():
    (uid, first), *_ = events(work()).items()
    moved = events(work(sequence=3, starts_at=minutes(2000), ends_at=minutes(2100), changed_at=minutes(5)))[uid]
    assert (first["sequence"], moved["sequence"]) == (0, 3)
    assert moved.decoded("dtstart") == minutes(2000)
    assert moved["status"] == "CONFIRMED"


def test_what_was_cancelled_stays_for_a_month_and_says_so():
    gone = work(state="cancelled", sequence=1, changed_at=minutes(0))
    assert [str(each["status"]) for each in events(gone).values()] == ["CANCELLED"]
    assert events(gone, at=minutes(0) + timedelta(days=31)) == {}


def test_the_same_facts_make_the_same_bytes():
    assert calendar_of("Q", [work()], minutes(0)) == calendar_of("Q", [work()], minutes(99))
