"""An invitation in a mail (RFC 5545, 5546) as a text that says when, where and who. Pure."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import icalendar

from nightdesk.mailroom.decoding import clean, one_line

MOST_EVENTS = 20
MOST_PEOPLE = 40
LONGEST_NOTE = 20_000
_METHODS = {
    "REQUEST": "Invitation",
    "CANCEL": "Cancelled",
    "REPLY": "Answer to an invitation",
    "COUNTER": "Another time is proposed",
    "DECLINECOUNTER": "The other time is declined",
    "PUBLISH": "Calendar entry",
    "ADD": "One more date",
    "REFRESH": "The newest version is asked for",
}
_ANSWERS = {"ACCEPTED": "accepts", "DECLINED": "declines", "TENTATIVE": "may come", "DELEGATED": "sends somebody else"}


def invite_text(content: str) -> str:
    """`content` (text/calendar) in lines that people read; "" where it is no calendar. Times are in the zone it names."""
    try:
        calendars = icalendar.Calendar.from_ical(content, multiple=True)
        told = [
            _event(event, _METHODS.get(str(one.get("method", "")).upper(), "")) for one, event in _events(calendars)
        ]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, LookupError, RecursionError):
        return ""
    return clean("\n\n".join(one for one in told if one))


def _events(calendars: list[Any]) -> Iterator[tuple[Any, Any]]:
    count = 0
    for one in calendars:
        for event in one.walk():
            if event.name in ("VEVENT", "VTODO", "VJOURNAL") and count < MOST_EVENTS:
                count += 1
                yield one, event


def _event(event: Any, method: str) -> str:
    answers = method == _METHODS["REPLY"]
    lines = [f"{method or 'Calendar entry'}: {_line(event, 'summary') or 'without a title'}"]
    if event.get("dtstart") is not None:
        lines.append(f"When: {_when(event)}")
    if event.get("due") is not None:
        lines.append(f"Due: {_instant(event.decoded('due'), _zone(event, 'due'))}")
    if event.get("rrule") is not None:
        lines.append(f"Repeats: {one_line(event['rrule'].to_ical().decode('utf-8', 'replace'))[:300]}")
    if where := _line(event, "location"):
        lines.append(f"Where: {where}")
    if organizer := _person(event.get("organizer")):
        lines.append(f"Organizer: {organizer}")
    people = event.get("attendee") or []
    named = [_attendee(one, answers) for one in (people if isinstance(people, list) else [people])]
    named = [one for one in named if one]
    if named:
        more = f" and {len(named) - MOST_PEOPLE} more" if len(named) > MOST_PEOPLE else ""
        lines.append(f"{'Answer' if answers else 'With'}: {'; '.join(named[:MOST_PEOPLE])}{more}")
    note = str(event.get("description") or event.get("comment") or "").strip()[:LONGEST_NOTE]
    return "\n".join([*lines, *(["", note] if note else [])])


def _line(event: Any, name: str) -> str:
    value = event.get(name)
    return one_line(str(value[0] if isinstance(value, list) else value))[:500] if value is not None else ""


def _when(event: Any) -> str:
    begins = event.decoded("dtstart")
    ends = event.decoded("dtend") if event.get("dtend") is not None else None
    if ends is None and event.get("duration") is not None:
        ends = begins + event.decoded("duration")
    zone = _zone(event, "dtstart")
    if not isinstance(begins, datetime):
        last = ends if ends is not None and not isinstance(ends, datetime) else None
        return (
            f"{_day(begins)}, all day"
            if last is None or (last - begins).days <= 1
            else f"{_day(begins)} to {_day(last)}"
        )
    if not isinstance(ends, datetime):
        return _instant(begins, zone)
    if ends.tzinfo is not None and begins.tzinfo is not None:
        ends = ends.astimezone(begins.tzinfo)
    until = f"{ends:%H:%M}" if ends.date() == begins.date() else f"{_day(ends)} {ends:%H:%M}"
    return f"{_day(begins)} {begins:%H:%M} to {until}{_named(begins, zone)}"


def _zone(event: Any, name: str) -> str:
    value = event.get(name)
    parameters = getattr(value, "params", {})
    return one_line(str(parameters.get("TZID", "")))[:80]


def _instant(at: date, zone: str) -> str:
    return f"{_day(at)} {at:%H:%M}{_named(at, zone)}" if isinstance(at, datetime) else _day(at)


def _named(at: datetime, zone: str) -> str:
    """The zone as it calls itself, and how far from UTC that is: "(Europe/Berlin, UTC+01:00)"."""
    if at.tzinfo is None:
        return f" ({zone or 'no zone is named'})"
    offset = at.strftime("%z")
    far = f"UTC{offset[:3]}:{offset[3:5]}" if offset not in ("", "+0000") else "UTC"
    return f" ({zone}, {far})" if zone and zone.upper() != "UTC" else f" ({far})"


def _day(at: date) -> str:
    return f"{at:%a} {at.day} {at:%b %Y}"


def _person(value: Any) -> str:
    """ "Bo Lindqvist <bo@example.net>" of an organizer or attendee."""
    if value is None:
        return ""
    address = one_line(str(value)).removeprefix("mailto:").removeprefix("MAILTO:")[:200]
    name = one_line(str(getattr(value, "params", {}).get("CN", "")))[:120]
    return f"{name} <{address}>" if name and name != address else address


def _attendee(value: Any, answers: bool) -> str:
    person = _person(value)
    stands = str(getattr(value, "params", {}).get("PARTSTAT", "")).upper()
    word = _ANSWERS.get(stands, "")
    return f"{person} {word}" if person and word and answers else person
