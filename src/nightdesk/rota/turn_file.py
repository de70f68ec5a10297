"""Turns in a file, iCalendar (RFC 5545) or CSV, read into who should have which seat from when until when.

Nothing here touches the database, and nothing raises for what a file holds: an entry that cannot be used is named with its
line, what is wrong with it and the remedy, and the next one is read.

Repeated events are expanded by `recurring_ical_events` (RRULE, RDATE, EXDATE, RECURRENCE-ID); zones may be IANA names,
Windows names or a VTIMEZONE of the file. A time without a zone is one by the rota's clocks.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

from nightdesk.base.csv_table import BadField, RowError, cleaned, read_table
from nightdesk.rota.resolve import instant_of

MAX_BYTES = 4 * 1024 * 1024
MOST_TURNS = 20_000
LONGEST_TURN = timedelta(days=62)
STEP = timedelta(days=31)
"""Recurring events are expanded so much at a time, so that a rule without measure is stopped early."""

COLUMNS = ("seat", "person", "email", "starts_at", "ends_at")
WORDS = {
    "seat": "seat", "seat_key": "seat", "role": "seat", "duty": "seat", "schedule": "seat",
    "person": "person", "name": "person", "who": "person", "on_call": "person", "engineer": "person",
    "email": "email", "e_mail": "email", "mail": "email",
    "starts_at": "starts_at", "start": "starts_at", "starts": "starts_at", "from": "starts_at", "begin": "starts_at",
    "ends_at": "ends_at", "end": "ends_at", "ends": "ends_at", "until": "ends_at", "to": "ends_at",
}  # fmt: skip
"""What headers of columns mean."""

SEAT_PROPERTY, PERSON_PROPERTY = "X-NIGHTDESK-SEAT", "X-NIGHTDESK-PERSON"
"""What our own calendars say besides, so that they are read back without guessing."""

Event: TypeAlias = Any
"""An `icalendar.Event`: what its properties hold depends on the file."""

_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M")


@dataclass(frozen=True, slots=True)
class Written:
    """A turn as the file has it over `[start, end)`, in UTC: its line, the words for seat and person, and their address.

    `name` is what is certain about the person ("" for nothing); where it is empty they are looked for in `words`.
    """

    line: int
    start: datetime
    end: datetime
    seat: str = ""
    name: str = ""
    email: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """Who shall have a seat over `[start, end)`."""

    line: int
    seat_key: str
    person_id: int
    start: datetime
    end: datetime


@dataclass
class Reading:
    """What a file holds. `read_as` says how it was read; `skipped` counts turns that are over."""

    read_as: str
    written: list[Written] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)
    ignored: tuple[str, ...] = ()


@dataclass
class Matched:
    """Turns whose seat and person are known, by seat and start; what could not be matched; how many were over."""

    planned: list[Planned] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)
    over: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """Who and what a rota's file may name. `people`: id -> (name, e-mail addresses); `seats`: key -> name.

    `aliases` are words of the file for people: folded word -> id. `only_seat`: the seat of every turn, or "".
    """

    people: Mapping[int, tuple[str, Collection[str]]]
    seats: Mapping[str, str]
    aliases: Mapping[str, int] = field(default_factory=dict)
    only_seat: str = ""


def read_turns(content: bytes, zone: ZoneInfo, start: datetime, end: datetime) -> Reading:
    """The turns of the file that lie somewhere in [`start`, `end`); iCalendar where it begins as one, else CSV."""
    if len(content) > MAX_BYTES:
        so = f"It has more than {MAX_BYTES // 1024 // 1024} MB."
        return Reading("", problems=[RowError(1, None, "a file of this size", so, "Split it.")])
    if content.lstrip(b"\xef\xbb\xbf \r\n\t")[:15].upper() == b"BEGIN:VCALENDAR":
        return _read_calendar(content, zone, start, end)
    return _read_csv(content, zone, start, end)


def match_turns(reading: Reading, known: Known, at: datetime) -> Matched:
    """Put seats and people to what was read. What has begun is taken from `at` on, what is over is left out.

    Of turns that overlap in one seat the first stands, and the later one is a problem.
    """
    matched = Matched(problems=list(reading.problems))
    names = _Names(known)
    for each in sorted(reading.written, key=lambda each: (each.start, each.end, each.line)):
        if each.end <= at:
            matched.over += 1
            continue
        try:
            seat_key, person_id = names.seat(each), names.person(each)
        except BadField as bad:
            matched.problems.append(RowError(each.line, None, bad.what, bad.so, bad.do))
            continue
        matched.planned.append(Planned(each.line, seat_key, person_id, max(each.start, at), each.end))
    matched.planned.sort(key=lambda each: (each.seat_key, each.start, each.end, each.line))
    _without_overlaps(matched)
    matched.problems.sort(key=lambda problem: problem.line)
    return matched


def span_of(planned: Sequence[Planned]) -> tuple[datetime, datetime]:
    """From the first turn's beginning until the last one's end."""
    return min(each.start for each in planned), max(each.end for each in planned)


def read_aliases(lines: Iterable[str], people: Mapping[str, int]) -> dict[str, int]:
    """Lines of "their name = ours" as `Known.aliases` has them. `people`: name -> id. Raises BadField."""
    by_name = {folded(name): id_ for name, id_ in people.items()}
    found: dict[str, int] = {}
    for line in lines:
        theirs, sign, ours = line.partition("=")
        person = by_name.get(folded(ours))
        if not sign or not folded(theirs) or person is None:
            raise BadField(line[:60], "It names nobody who may be on.", "Write: their name for it = ours.")
        found[folded(theirs)] = person
    return found


def _without_overlaps(matched: Matched) -> None:
    kept: list[Planned] = []
    for each in matched.planned:
        last = kept[-1] if kept else None
        if last is None or last.seat_key != each.seat_key or last.end <= each.start:
            kept.append(each)
        elif (last.person_id, last.start, last.end) != (each.person_id, each.start, each.end):
            matched.problems.append(
                RowError(
                    each.line,
                    None,
                    f"{each.seat_key}, {each.start:%Y-%m-%d %H:%M} UTC",
                    f"Somebody has the seat then by line {last.line}.",
                    "Let one begin when the other ends.",
                )
            )
    matched.planned = kept


class _Names:
    """Words of a file -> seats and people."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._by_name: dict[str, list[int]] = {}
        self._by_email: dict[str, list[int]] = {}
        for person_id, (name, emails) in known.people.items():
            self._by_name.setdefault(folded(name), []).append(person_id)
            for email in emails:
                self._by_email.setdefault(email.strip().casefold(), []).append(person_id)
        self._seats = {folded(word): key for key, name in known.seats.items() for word in (name, key)}

    def seat(self, each: Written) -> str:
        """The key. Raises BadField."""
        if self._known.only_seat:
            return self._known.only_seat
        if each.seat:
            if (key := self._seats.get(folded(each.seat))) is not None:
                return key
            raise BadField(each.seat[:60], "The rota has no such seat.", f"Name one of {self._seat_names()}.")
        if len(self._known.seats) == 1:
            return next(iter(self._known.seats))
        found = {key for word, key in self._seats.items() if _stands_in(word, folded(each.words))}
        if len(found) == 1:
            return found.pop()
        so = "It names several seats." if found else "It does not say for which seat."
        raise BadField(
            each.words[:60] or "a turn", so, f"Choose the seat for all, or name one of {self._seat_names()}."
        )

    def person(self, each: Written) -> int:
        """The id. Raises BadField."""
        if each.email and (by_email := self._by_email.get(each.email.casefold())):
            return self._one(by_email, each.email)
        if each.name:
            certain = self._known.aliases.get(folded(each.name))
            return certain if certain is not None else self._one(self._by_name.get(folded(each.name), []), each.name)
        text = folded(each.words)
        found: dict[int, int] = {}
        for word, person_id in self._known.aliases.items():
            if _stands_in(word, text):
                found[person_id] = max(found.get(person_id, 0), len(word))
        for word, ids in self._by_name.items():
            if _stands_in(word, text):
                for person_id in ids:
                    found[person_id] = max(found.get(person_id, 0), len(word))
        longest = max(found.values(), default=0)  # "Anna Berg" is not also "Anna"
        return self._one([person_id for person_id, size in found.items() if size == longest], each.words or each.email)

    def _one(self, ids: Sequence[int], words: str) -> int:
        if len(ids) == 1:
            return ids[0]
        so = "Several people are called so." if ids else "Nobody who may be on is called so."
        raise BadField(words[:60] or "nobody", so, "Say who is meant: their name for it = ours.")

    def _seat_names(self) -> str:
        return ", ".join(self._known.seats.values())


def folded(text: str) -> str:
    """Words without case, signs and doubled spaces, to be compared."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _stands_in(word: str, text: str) -> bool:
    return bool(word) and f" {word} " in f" {text} "


# --- CSV -------------------------------------------------------------------------------------------------------------


def _read_csv(content: bytes, zone: ZoneInfo, start: datetime, end: datetime) -> Reading:
    table = read_table(content, WORDS, COLUMNS, ("starts_at",), MAX_BYTES)
    if isinstance(table, RowError):
        return Reading("CSV", problems=[table])
    reading = Reading(f"CSV, {table.encoding}, {table.delimiter!r}", ignored=table.ignored_columns)
    for line, fields in table.records():
        try:
            if isinstance(fields, BadField):
                raise fields
            given = {column: cleaned(text) for column, text in fields.items()}
            written = _checked(
                Written(
                    line,
                    _instant(given.get("starts_at", ""), zone),
                    _instant(given.get("ends_at", ""), zone),
                    seat=given.get("seat", ""),
                    name=given.get("person", ""),
                    email=given.get("email", ""),
                )
            )
        except BadField as bad:
            reading.problems.append(RowError(line, None, bad.what, bad.so, bad.do))
            continue
        if written.start < end and written.end > start:
            reading.written.append(written)
        if len(reading.written) > MOST_TURNS:
            return _too_many(reading, line)
    return reading


def _instant(text: str, zone: ZoneInfo) -> datetime:
    """ISO 8601 with an offset, or a local time of the rota; one that clocks show twice is the first. Raises BadField."""
    if not text:
        raise BadField("a turn", "It does not say when.", "Give starts_at and ends_at, such as 2026-03-01 18:00.")
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    for form in _FORMS if read is None else ():
        try:
            read = datetime.strptime(text, form)  # noqa: DTZ007 - local by intent
            break
        except ValueError:
            continue
    if read is None or not 1900 < read.year < 2199:
        raise BadField(text[:40], "It is no date and time.", "Write it as 2026-03-01 18:00 or 2026-03-01T18:00+00:00.")
    if read.tzinfo is not None:
        return read.astimezone(UTC)
    return instant_of(read.replace(microsecond=0), zone)


def _checked(written: Written) -> Written:
    if written.end <= written.start:
        raise BadField(f"{written.start:%Y-%m-%d %H:%M} UTC", "It ends before it begins.", "Let it end later.")
    if written.end - written.start > LONGEST_TURN:
        so = f"It lasts {(written.end - written.start).days} days."
        raise BadField(f"{written.start:%Y-%m-%d %H:%M} UTC", so, f"Give turns of {LONGEST_TURN.days} days at most.")
    return written


def _too_many(reading: Reading, line: int) -> Reading:
    so, do = f"It holds more than {MOST_TURNS} turns.", "Give a shorter time, or split it."
    return Reading(reading.read_as, problems=[RowError(line, None, "a file", so, do)])


# --- iCalendar -------------------------------------------------------------------------------------------------------


def _read_calendar(content: bytes, zone: ZoneInfo, start: datetime, end: datetime) -> Reading:
    reading = Reading("iCalendar")
    try:
        calendar: Any = Calendar.from_ical(content.decode("utf-8-sig", "replace"))
    except (ValueError, IndexError, KeyError, TypeError) as bad:
        so, do = "It is no calendar that can be read.", "Export it again as iCalendar (.ics)."
        return Reading("iCalendar", problems=[RowError(1, None, str(bad)[:80] or "a file", so, do)])
    lines = _lines_of_events(content)
    zones = calendar.walk("VTIMEZONE")
    for events in _by_uid(calendar, lines).values():
        line = events[0][1]
        try:
            found = list(_expanded([event for event, _line in events], zones, start, end))
        except BadField as bad:
            reading.problems.append(RowError(line, None, bad.what, bad.so, bad.do))
            continue
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError, IndexError) as bad:
            so, do = f"Its times cannot be read: {str(bad)[:80]}.", "Mend the event, or leave it out."
            reading.problems.append(RowError(line, None, _summary(events[0][0]), so, do))
            continue
        for event in found:
            try:
                written = _written(event, line, zone)
            except (BadField, ValueError, TypeError, KeyError, AttributeError, OverflowError) as bad:
                so = bad.so if isinstance(bad, BadField) else "Its times cannot be read."
                reading.problems.append(RowError(line, None, _summary(event), so, "Mend the event."))
                continue
            if written.start < end and written.end > start:
                reading.written.append(written)
        if len(reading.written) > MOST_TURNS:
            return _too_many(reading, line)
    return reading


def _lines_of_events(content: bytes) -> list[int]:
    """The line at which each event begins, in their order."""
    return [
        number for number, line in enumerate(content.splitlines(), start=1) if line.strip().upper() == b"BEGIN:VEVENT"
    ]


def _by_uid(calendar: Any, lines: list[int]) -> dict[str, list[tuple[Event, int]]]:
    """Events with the line of each, together with those that change one of their repeats."""
    found: dict[str, list[tuple[Event, int]]] = {}
    for number, event in enumerate(calendar.walk("VEVENT")):
        line = lines[number] if number < len(lines) else 1
        uid = str(event.get("UID") or f"line {line}")
        found.setdefault(uid, []).append((event, line))
    return found


def _expanded(events: list[Event], zones: list[Any], start: datetime, end: datetime) -> Iterator[Event]:
    """Each repeat of the events in [`start`, `end`). Raises BadField for a rule without measure."""
    for event in events:
        _check_rule(event, start)
    calendar = Calendar()
    for part in (*zones, *events):
        calendar.add_component(part)
    query = recurring_ical_events.of(calendar, skip_bad_series=False)
    seen: set[tuple[str, str]] = set()
    begin = start
    while begin < end:
        stop = min(begin + STEP, end)
        for event in query.between(begin, stop):
            mark = (str(event.get("DTSTART").to_ical()), str(event.get("RECURRENCE-ID", "")))
            if mark not in seen and str(event.get("STATUS", "")).upper() != "CANCELLED":
                seen.add(mark)
                yield event
        if len(seen) > MOST_TURNS:
            raise BadField(_summary(events[0]), "It repeats too often.", "Let it end, or repeat more rarely.")
        begin = stop


def _check_rule(event: Event, start: datetime) -> None:
    if event.get("DTSTART") is None:
        raise BadField(_summary(event), "It does not say when it begins.", "Mend the event, or leave it out.")
    begins = event.get("DTSTART").dt
    long_ago = date(begins.year, begins.month, begins.day) < (start - timedelta(days=3653)).date()
    rules = event.get("RRULE") or []
    for rule in rules if isinstance(rules, list) else [rules]:
        often = {str(each).upper() for each in rule.get("FREQ", [])} & {"SECONDLY", "MINUTELY"}
        hourly = "HOURLY" in {str(each).upper() for each in rule.get("FREQ", [])}
        parts = len(rule.get("BYHOUR", [])) * len(rule.get("BYMINUTE", [])) > 24 or len(rule.get("BYMINUTE", [])) > 4
        if often or rule.get("BYSECOND") or parts or ((hourly or len(rule.get("BYHOUR", [])) > 6) and long_ago):
            raise BadField(_summary(event), "It repeats too often.", "Give turns of half an hour or longer.")
        if begins.year < 1990:
            raise BadField(_summary(event), f"It repeats since {begins.year}.", "Let it begin later.")


def _written(event: Event, line: int, zone: ZoneInfo) -> Written:
    begin, finish = _span(event)
    start, end = _to_utc(begin, zone), _to_utc(finish, zone)
    attendees = event.get("ATTENDEE") or []
    attendees = attendees if isinstance(attendees, list) else [attendees]
    emails = [text[7:] for each in attendees if (text := str(each)).lower().startswith("mailto:")]
    names = [str(each.params["CN"]) for each in attendees if "CN" in getattr(each, "params", {})]
    words = " ".join([str(event.get("SUMMARY", "")), *(names if len(names) == 1 else ())])
    return _checked(
        Written(
            line,
            start,
            end,
            seat=str(event.get(SEAT_PROPERTY, "")),
            name=str(event.get(PERSON_PROPERTY, "")),
            email=emails[0] if len(emails) == 1 else "",
            words=words.strip(),
        )
    )


def _span(event: Event) -> tuple[Any, Any]:
    """Start and end as they are written, dates or times; RFC 5545's defaults where there is no end."""
    begin = event["DTSTART"].dt
    if event.get("DTEND") is not None:
        return begin, event["DTEND"].dt
    if event.get("DURATION") is not None:
        return begin, begin + event["DURATION"].dt
    return begin, begin + timedelta(days=1) if not isinstance(begin, datetime) else begin


def _to_utc(when: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(when, datetime):
        return instant_of(datetime.combine(when, time()), zone)
    if when.tzinfo is None:
        return instant_of(when.replace(microsecond=0, fold=0), zone)
    return when.astimezone(UTC)


def _summary(event: Event) -> str:
    return str(event.get("SUMMARY", "") or event.get("UID", "") or "an event")[:60]
