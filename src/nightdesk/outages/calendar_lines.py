"""An iCalendar text (RFC 5545) as events of named lines, however badly it was written, and lines written as they should be.

Carriers send lines that are not folded, values that are no values and times of zones that only Windows knows. Nothing
that is read here makes it fail; what had to be guessed is said.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import icalendar
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

LONGEST = 2_000_000
"""Characters of a calendar that are looked at."""
MOST_EVENTS = 100
MOST_LINES = 20_000
MOST_ZONE_LINES = 200
FOLDED_AT = 75
"""Octets of a line, its end left out (RFC 5545 3.1)."""

_NAMES = frozenset((
    "BEGIN", "END", "VERSION", "PRODID", "METHOD", "CALSCALE", "SUMMARY", "DESCRIPTION", "COMMENT", "LOCATION", "GEO", "URL",
    "CLASS", "CATEGORIES", "RESOURCES", "DTSTART", "DTEND", "DTSTAMP", "DURATION", "DUE", "COMPLETED", "CREATED",
    "LAST-MODIFIED", "UID", "SEQUENCE", "PRIORITY", "STATUS", "TRANSP", "ORGANIZER", "ATTENDEE", "CONTACT", "RELATED-TO",
    "ATTACH", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "REQUEST-STATUS", "TZID", "TZNAME", "TZOFFSETFROM", "TZOFFSETTO",
    "TZURL", "ACTION", "TRIGGER", "REPEAT", "FREEBUSY", "NAME", "COLOR", "IMAGE", "CONFERENCE", "REFRESH-INTERVAL", "SOURCE",
))  # fmt: skip
"""What a line may be named beside X-...; another word with a colon is the text of the line before."""
_OFTEN = re.compile(r"FREQ=(?!YEARLY)", re.IGNORECASE)
_BEGINS = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,80})\s*([;:])")
_NO_VALUE = re.compile(r"X-MAINTNOTE-[A-Z0-9-]{1,80}", re.IGNORECASE)
_INSTANT = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d))?(?:\.\d+)?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?", re.IGNORECASE
)
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Line:
    """`NAME;PARAMETER=...:value`. Names are in capitals; the value is as it came, without what it was folded with."""

    name: str
    value: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The value as people read it: the marks before commas and line ends are gone."""
        return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], self.value, flags=re.S)


@dataclass(frozen=True, slots=True)
class Event:
    """One VEVENT. `method` is its calendar's, "" for none; `faults` say what of its lines could not be read."""

    lines: tuple[Line, ...]
    method: str = ""
    zones: Mapping[str, tzinfo] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def all_of(self, name: str) -> list[Line]:
        """Every line of that name, in their order."""
        return [line for line in self.lines if line.name == name]

    def first(self, name: str) -> Line | None:
        """The first of that name that says anything."""
        return next((line for line in self.lines if line.name == name and line.value.strip()), None)


def read_events(text: str) -> list[Event]:
    """The events of all calendars in `text`, in their order; [] where there are none."""
    events: list[Event] = []
    lines: list[Line] = []
    faults: list[str] = []
    inside: list[str] = []
    zone_lines: list[str] = []
    method = ""
    zones: dict[str, tzinfo] = {}
    for written, line in _lines(text[:LONGEST]):
        if line is None:
            if "VEVENT" in inside:
                faults.append(f"The line {written[:80]!r} has no value.")
                lines.append(Line(written.strip().upper(), ""))
            continue
        what = line.value.strip().upper()
        if line.name == "BEGIN":
            inside.append(what)
            if what == "VEVENT":
                lines, faults = [], []
            elif what == "VTIMEZONE":
                zone_lines = []
            elif what == "VCALENDAR":
                method, zones = "", {}
        if "VTIMEZONE" in inside:
            zone_lines.append(written)
        if line.name == "END":
            if what == "VTIMEZONE":
                zones |= _zones_of(zone_lines)
            if what == "VEVENT" and "VEVENT" in inside and len(events) < MOST_EVENTS:
                events.append(Event(tuple(lines), method, zones, tuple(faults)))
            if what in inside:
                del inside[len(inside) - 1 - inside[::-1].index(what) :]
        elif line.name == "METHOD" and "VEVENT" not in inside:
            method = what
        elif inside and inside[-1] == "VEVENT" and line.name != "BEGIN":
            lines.append(line)
    if "VEVENT" in inside and len(events) < MOST_EVENTS:
        events.append(Event(tuple(lines), method, zones, (*faults, "It breaks off before its end.")))
    return events


def _lines(text: str) -> Iterator[tuple[str, Line | None]]:
    """(as it was written, read) of each line; None where its name has no value.

    What begins with a blank, or with no name that a calendar has, goes on with the line before (RFC 5545 3.1, and writers
    that do not know of it).
    """
    held = ""
    count = 0
    for row in (
        _UNSTORABLE.sub("\ufffd", text.removeprefix("\ufeff")).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ):
        begins = _BEGINS.match(row)
        name = begins[1].upper() if begins else ""
        named = name in _NAMES or name.startswith("X-")
        if row[:1] in (" ", "\t"):
            held += row[1:]
        elif named or _NO_VALUE.fullmatch(row.strip()):
            if held:
                yield held, _line_of(held)
            held = row
            count += 1
            if count > MOST_LINES:
                return
        elif row and held:
            held += f"\\n{row}"
    if held:
        yield held, _line_of(held)


def _line_of(row: str) -> Line | None:
    begins = _BEGINS.match(row)
    if begins is None:
        return None
    name = begins[1].upper()
    parameters: dict[str, str] = {}
    if begins[2] == ":":
        return Line(name, row[begins.end() :])
    value = _end_of_parameters(row, begins.end())
    if value is None:  # a quotation mark that never ends: what stands before the first colon, then
        value = row.find(":", begins.end())
        if value < 0:
            return None
    for one in _cut(row[begins.end() : value], ";"):
        key, _equals, said = one.partition("=")
        parameters.setdefault(key.strip().upper(), said.strip().strip('"'))
    rest = row[value + 1 :]
    last = next(reversed(parameters.values()), "")
    if rest.startswith("//") and last.lower() in ("http", "https") and ":" in rest[2:]:
        # An address that should stand in quotation marks; the value is behind the last colon.
        address, _colon, rest = rest.rpartition(":")
        parameters[next(reversed(parameters))] = f"{last}:{address}"
    return Line(name, rest, parameters)


def _end_of_parameters(row: str, start: int) -> int | None:
    quoted = False
    for place in range(start, len(row)):
        if row[place] == '"':
            quoted = not quoted
        elif row[place] == ":" and not quoted:
            return place
    return None


def _cut(text: str, sign: str) -> Iterator[str]:
    """`text` cut at each `sign` that stands outside quotation marks."""
    quoted, start = False, 0
    for place, one in enumerate(text):
        if one == '"':
            quoted = not quoted
        elif one == sign and not quoted:
            yield text[start:place]
            start = place + 1
    yield text[start:]


# --- Times -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """An instant in UTC, None where none could be read; `assumed` says in words what was not written there, "" for nothing."""

    at: datetime | None
    assumed: str = ""


def read_instant(line: Line, zones: Mapping[str, tzinfo]) -> Read:
    """The instant that a line names. A time without a zone is taken as UTC, a day without a time as its first instant."""
    found = _INSTANT.match(line.value.strip())
    if found is None:
        return Read(None)
    year, month, day, hour, minute, second, offset = found.groups()
    try:
        at = datetime(  # noqa: DTZ001 - its zone follows
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(int(second or 0), 59)
        )
        zone, assumed = _zone_of(line.parameters.get("TZID", ""), offset or "", zones)
        instant = at.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return Read(None)
    if hour is None:
        assumed = "names no time of the day: its first instant is assumed" + (f", and {assumed}" if assumed else "")
    return Read(instant, assumed)


def _zone_of(name: str, offset: str, zones: Mapping[str, tzinfo]) -> tuple[tzinfo, str]:
    """The zone, and what had to be assumed of it."""
    if offset:
        if offset.upper() in ("Z", "UTC", "GMT"):
            return UTC, ""
        far = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
        return timezone(-far if offset[0] == "-" else far), ""
    name = name.strip().strip('"')
    if not name:
        return UTC, "names no zone: UTC is assumed"
    if name in zones:
        return zones[name], ""
    known = _zone_named(name)
    return (known, "") if known else (UTC, f"names the zone {name[:60]!r}, which nobody knows: UTC is assumed")


@lru_cache(maxsize=512)
def _zone_named(name: str) -> tzinfo | None:
    """The zone by its IANA name, by Windows' name, or by an old library's ("/citadel.org/20190914_1/Europe/Berlin")."""
    parts = name.split("/")
    if name.upper() in ("UTC", "GMT", "Z", "ETC/UTC", "COORDINATED UNIVERSAL TIME"):
        return UTC
    for one in (name, WINDOWS_TO_OLSON.get(name, ""), "/".join(parts[-2:]), "/".join(parts[-3:])):
        try:
            if one and not one.startswith(("/", ".")):
                return ZoneInfo(one)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None


def _zones_of(lines: Iterable[str]) -> dict[str, tzinfo]:
    """The zone that a VTIMEZONE describes, by its TZID; {} where it cannot be read. What it is named for comes first."""
    rows = list(lines)
    name = next((line.value.strip() for line in map(_line_of, rows) if line is not None and line.name == "TZID"), "")
    if not name:
        return {}
    known = _zone_named(name)
    if known is not None:
        return {name: known}
    # A rule that comes every second would be reckoned until the end of the calendar.
    if len(rows) > MOST_ZONE_LINES or any(_OFTEN.search(row) for row in rows):
        return {}
    try:
        described = icalendar.Timezone.from_ical("\r\n".join(rows) + "\r\n")
        if not isinstance(described, icalendar.Timezone):
            return {}
        zone: tzinfo = described.to_tz(lookup_tzid=False)
        datetime(2026, 1, 1, tzinfo=zone).utcoffset()
        return {name: zone}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, LookupError, RecursionError):
        return {}


def read_duration(text: str) -> timedelta | None:
    """A span as "PT2H30M" or "P1DT2H"; None where it is none, or goes backwards."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or found[1] == "-" or not any(found.groups()[1:]):
        return None
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in found.groups()[1:])
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


# --- Writing ---------------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """`text` as the value of a line that holds text (RFC 5545 3.3.11)."""
    plain = _UNSTORABLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def quoted(text: str) -> str:
    """`text` as the value of a parameter: in quotation marks, and with none in it."""
    return '"' + " ".join(_UNSTORABLE.sub("", text).replace('"', "'").split()) + '"'


def written(lines: Iterable[str]) -> bytes:
    """The lines as a file: UTF-8, folded at 75 octets and never within a character, each with CRLF."""
    return b"".join(row + b"\r\n" for line in lines for row in _folded(line))


def _folded(line: str) -> Iterator[bytes]:
    row = b""
    for sign in line:
        octets = sign.encode()
        if len(row) + len(octets) > FOLDED_AT:
            yield row
            row = b" "
        row += octets
    yield row
