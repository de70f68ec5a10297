"""MAINTNOTE: planned work as a calendar entry, read from carriers and written for customers. Pure.

The format is NANOG's draft BCOP "Maintenance Notification" 0.1; the later IETF draft (gunter-calext-maintenance-notifications)
adds RE-SCHEDULED and an impact for each object. Reading forgives whatever carriers do and says of it in `problems`; writing
keeps every rule. One file tells one customer of their own objects only, and keeps its UID for life.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from nightdesk.mailroom.decoding import decoded, one_line
from nightdesk.mailroom.letter import Letter
from nightdesk.outages.calendar_lines import (
    Event,
    Line,
    escaped,
    quoted,
    read_duration,
    read_events,
    read_instant,
    written,
)

Kind: TypeAlias = Literal["missing", "unreadable", "assumed", "contradiction"]

PREFIX = "X-MAINTNOTE-"
LONGEST_WINDOW = timedelta(days=31)
"""A longer one was hardly meant."""
MOST_OBJECTS = 2_000
MOST_PROBLEMS = 50
_CALENDARS = ("text/calendar", "application/ics", "text/x-vcalendar")
_ADDRESS = re.compile(r"[^\s:<>\"]{1,64}@[^\s<>\"]{1,255}")


class Status(StrEnum):
    """How the work stands. The BCOP knows all but RE-SCHEDULED."""

    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    IN_PROCESS = "IN-PROCESS"
    COMPLETED = "COMPLETED"
    RE_SCHEDULED = "RE-SCHEDULED"


class Impact(StrEnum):
    """What becomes of an object meanwhile."""

    NO_IMPACT = "NO-IMPACT"
    REDUCED_REDUNDANCY = "REDUCED-REDUNDANCY"
    DEGRADED = "DEGRADED"
    OUTAGE = "OUTAGE"


WORSE: tuple[Impact, ...] = tuple(Impact)
"""From the least to the worst."""

_STATUSES = {re.sub(r"[^A-Z]", "", one): one for one in Status} | {
    "CANCELED": Status.CANCELLED, "CANCEL": Status.CANCELLED, "CANCELLATION": Status.CANCELLED,
    "INPROGRESS": Status.IN_PROCESS, "STARTED": Status.IN_PROCESS, "OPEN": Status.IN_PROCESS,
    "COMPLETE": Status.COMPLETED, "CLOSED": Status.COMPLETED, "FINISHED": Status.COMPLETED,
    "PLANNED": Status.CONFIRMED, "SCHEDULED": Status.CONFIRMED, "POSTPONED": Status.RE_SCHEDULED,
}  # fmt: skip
_IMPACTS = {re.sub(r"[^A-Z]", "", one): one for one in Impact} | {
    "NONE": Impact.NO_IMPACT, "REDUNDANCYREDUCED": Impact.REDUCED_REDUNDANCY, "LOSSOFREDUNDANCY": Impact.REDUCED_REDUNDANCY,
    "ATRISK": Impact.REDUCED_REDUNDANCY, "DEGRADATION": Impact.DEGRADED, "DOWN": Impact.OUTAGE,
    "HARDDOWN": Impact.OUTAGE, "SERVICEAFFECTING": Impact.OUTAGE,
}  # fmt: skip
_IN_A_TITLE = {
    Status.CANCELLED: re.compile(r"\bcancell?ed\b", re.I),
    Status.COMPLETED: re.compile(r"\b(completed|closed|finished)\b", re.I),
    Status.RE_SCHEDULED: re.compile(r"\b(re-?scheduled|postponed)\b", re.I),
    Status.IN_PROCESS: re.compile(r"\b(started|in progress|in process)\b", re.I),
}
_ITS_OWN = {"CANCELLED": Status.CANCELLED, "TENTATIVE": Status.TENTATIVE, "CONFIRMED": Status.CONFIRMED}
"""STATUS of any calendar entry (RFC 5545 3.8.1.11)."""
_OVER = (Status.CANCELLED, Status.COMPLETED)


class NotWritable(ValueError):
    """What a file must say is missing, so that none may be written."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a note, in a sentence. `kind`: "missing" or "unreadable" there, "assumed" by us, or two things that
    cannot both be true ("contradiction").
    """

    kind: Kind
    words: str


@dataclass(frozen=True, slots=True)
class NoteObject:
    """An object of the customer: a circuit, a port. `impact` is its own, None where only the note's holds."""

    id: str
    impact: Impact | None = None
    more_at: str = ""


@dataclass(frozen=True, slots=True)
class Maintnote:
    """One message about one piece of work. "" and None: not said. Times are in UTC, `[starts_at, ends_at)`.

    `maintenance_ids` begin with the primary one. `impact` is the worst over all objects; `impact_words` is what was written
    where it is a word of the carrier's own.
    """

    provider: str = ""
    account: str = ""
    maintenance_ids: tuple[str, ...] = ()
    status: Status | None = None
    impact: Impact | None = None
    impact_words: str = ""
    objects: tuple[NoteObject, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    uid: str = ""
    sequence: int | None = None
    stamped_at: datetime | None = None
    organizer: str = ""
    organizer_name: str = ""
    summary: str = ""
    description: str = ""
    method: str = ""
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    @property
    def maintenance_id(self) -> str:
        """The primary one, "" for none."""
        return self.maintenance_ids[0] if self.maintenance_ids else ""

    @property
    def is_usable(self) -> bool:
        """Whether work can be planned by it: it has a window that begins before it ends, and says which work it is."""
        return bool(
            (self.uid or self.maintenance_ids) and self.starts_at and self.ends_at and self.starts_at < self.ends_at
        )

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What cannot be true, in sentences."""
        return tuple(one.words for one in self.problems if one.kind == "contradiction")

    def impact_on(self, touched: NoteObject) -> Impact:
        """What becomes of the object. Where nothing was said, or a word that nobody knows, the worst is to be expected."""
        return touched.impact or self.impact or Impact.OUTAGE


# --- Reading ---------------------------------------------------------------------------------------------------------


def notes_in_letter(letter: Letter) -> tuple[Maintnote, ...]:
    """The notes in a mail: in its calendar files, and where a calendar stands in its text. Each says it once."""
    texts = [
        decoded(one.content, "utf-8")
        for one in letter.attachments
        if one.media_type in _CALENDARS or one.name.lower().endswith(".ics") or b"BEGIN:VCALENDAR" in one.content[:200]
    ]
    if "BEGIN:VCALENDAR" in letter.text:
        texts.append(letter.text[letter.text.index("BEGIN:VCALENDAR") :])
    return tuple(dict.fromkeys(note for text in texts for note in read_maintnotes(text)))


def read_maintnotes(text: str) -> list[Maintnote]:
    """A note of each event in `text` that has any X-MAINTNOTE line; [] where none has."""
    return [
        _Reading(event).note()
        for event in read_events(text)
        if any(line.name.startswith(PREFIX) for line in event.lines)
    ]


class _Reading:
    """One event, and what was found wrong with it."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.problems = [Problem("unreadable", words) for words in event.faults]

    def say(self, kind: Kind, words: str) -> None:
        problem = Problem(kind, words)
        if problem not in self.problems and len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def note(self) -> Maintnote:
        ids = self._maintenance_ids()
        starts_at, ends_at = self._instant("DTSTART"), self._instant("DTEND")
        if ends_at is None and starts_at is not None:
            ends_at = self._end_by_duration(starts_at)
        stamped_at = self._instant("DTSTAMP")
        for name, at in (("DTSTART", starts_at), ("DTEND", ends_at), ("DTSTAMP", stamped_at)):
            if at is None and self.event.first(name) is None:
                self.say("missing", f"It has no {name}.")
        summary = self._text("SUMMARY")
        objects, impact, words = self._objects(), *self._impact(self._text(f"{PREFIX}IMPACT"), "The work")
        status, (organizer, organizer_name) = self._status(summary), self._organizer()
        if impact is None and not words and status not in _OVER:
            self.say("missing", "It does not say what becomes of the objects: an outage is assumed.")
        if not objects:
            self.say("missing", "It names no object.")
        note = Maintnote(
            provider=self._one("PROVIDER"),
            account=self._one("ACCOUNT"),
            maintenance_ids=ids,
            status=status,
            impact=impact,
            impact_words=words,
            objects=objects,
            starts_at=starts_at,
            ends_at=ends_at,
            uid=self._uid(ids),
            sequence=self._sequence(),
            stamped_at=stamped_at,
            organizer=organizer,
            organizer_name=organizer_name,
            summary=summary,
            description=self._text("DESCRIPTION", lines=True),
            method=one_line(self.event.method)[:20],
        )
        self._contradictions(note)
        return replace(note, problems=tuple(self.problems))

    def _text(self, name: str, *, lines: bool = False) -> str:
        """The first of that name; a second that says something else cannot be true as well."""
        said = [line.text.strip() if lines else one_line(line.text) for line in self.event.all_of(name)]
        said = [one for one in said if one]
        if len(set(said)) > 1 and name.startswith(PREFIX):
            self.say("contradiction", f"{name} says {said[0][:60]!r}, and {said[1][:60]!r} as well.")
        return said[0][: 20_000 if lines else 500] if said else ""

    def _one(self, name: str) -> str:
        said = self._text(PREFIX + name)
        if not said:
            self.say("missing", f"It has no {PREFIX}{name}.")
        return said

    def _maintenance_ids(self) -> tuple[str, ...]:
        lines = self.event.all_of(f"{PREFIX}MAINTENANCE-ID")
        found = [(line, one_line(line.text)[:200]) for line in lines]
        found = [(line, said) for line, said in found if said]
        first = [said for line, said in found if _precedence(line) == "PRIMARY"]
        if len(set(first)) > 1:
            self.say("contradiction", f"{first[0]!r} and {first[1]!r} are both its primary id.")
        ids = tuple(dict.fromkeys((*first, *(said for _line, said in found))))[:20]
        if ids:
            return ids
        # A name that swallowed its own value: X-MAINTNOTE-MAINTENANCE-090234.
        swallowed = f"{PREFIX}MAINTENANCE-"
        for line in self.event.lines:
            if line.name.startswith(swallowed) and line.name != f"{swallowed}ID" and not line.value:
                said = line.name.removeprefix(swallowed)
                self.say("assumed", f"{said!r} is taken for its id.")
                return (said[:200],)
        self.say("missing", f"It has no {PREFIX}MAINTENANCE-ID.")
        return ()

    def _instant(self, name: str) -> datetime | None:
        lines = [line for line in self.event.all_of(name) if line.value.strip()]
        if not lines:
            return None
        read = [read_instant(line, self.event.zones) for line in lines]
        if len({one.at for one in read}) > 1:
            self.say("contradiction", f"It has more than one {name}.")
        if read[0].at is None:
            self.say("unreadable", f"{name} is {one_line(lines[0].value)[:60]!r}, which is no time.")
        elif read[0].assumed:
            self.say("assumed", f"{name} {one_line(lines[0].value)[:40]!r} {read[0].assumed}.")
        return read[0].at

    def _end_by_duration(self, starts_at: datetime) -> datetime | None:
        line = self.event.first("DURATION")
        span = read_duration(line.value) if line is not None else None
        if line is not None and span is None:
            self.say("unreadable", f"DURATION is {one_line(line.value)[:60]!r}, which is no span of time.")
        try:
            return starts_at + span if span is not None else None
        except OverflowError:
            return None

    def _uid(self, ids: Sequence[str]) -> str:
        uid = self._text("UID")
        if not uid:
            self.say("missing", "It has no UID." + (" Its id tells it from others." if ids else ""))
        return uid

    def _sequence(self) -> int | None:
        said = self._text("SEQUENCE")
        if not said:
            self.say("missing", "It has no SEQUENCE: which message is newer is told by its DTSTAMP.")
            return None
        if not re.fullmatch(r"\d{1,9}", said):
            self.say("unreadable", f"SEQUENCE is {said[:20]!r}, which is no number.")
            return None
        return int(said)

    def _organizer(self) -> tuple[str, str]:
        line = self.event.first("ORGANIZER")
        if line is None:
            self.say("missing", "It has no ORGANIZER.")
            return "", ""
        found = _ADDRESS.search(line.value)
        if found is None:
            self.say("unreadable", f"ORGANIZER is {one_line(line.value)[:60]!r}, which is no address.")
        name = one_line(line.parameters.get("CN", ""))[:120]
        return (found[0][:320] if found else ""), name

    def _objects(self) -> tuple[NoteObject, ...]:
        found: dict[str, NoteObject] = {}
        for line in self.event.all_of(f"{PREFIX}OBJECT-ID"):
            said = one_line(line.text)[:200]
            if not said:
                self.say("unreadable", "An object has no name.")
                continue
            own, words = self._impact(line.parameters.get(f"{PREFIX}OBJECT-IMPACT", ""), f"Object {said}")
            if words:
                own = Impact.OUTAGE
            same = found.get(said)
            if same is not None and own is not None and same.impact not in (None, own):
                self.say("contradiction", f"Object {said} is said to be {same.impact}, and {own} as well.")
            if same is None or (own is not None and same.impact is None):
                found[said] = NoteObject(said, own, line.parameters.get("ALTREP", "")[:500])
            if len(found) > MOST_OBJECTS:
                self.say("unreadable", f"It names more than {MOST_OBJECTS} objects; only these are looked at.")
                break
        return tuple(found.values())[:MOST_OBJECTS]

    def _impact(self, said: str, what: str) -> tuple[Impact | None, str]:
        """(impact, word of the carrier's own): one of them at most."""
        said = one_line(said)
        if not said:
            return None, ""
        known = _IMPACTS.get(re.sub(r"[^A-Z]", "", said.upper()))
        if known is None:
            self.say("assumed", f"{what} has the impact {said[:40]!r}, which nobody but the carrier knows: an outage.")
            return None, said[:60]
        return known, ""

    def _status(self, summary: str) -> Status | None:
        said = self._text(f"{PREFIX}STATUS")
        its_own = _ITS_OWN.get(self._text("STATUS").upper())
        if self.event.method == "CANCEL":
            its_own = Status.CANCELLED
        if said:
            status = _STATUSES.get(re.sub(r"[^A-Z]", "", said.upper()))
            if status is None:
                self.say("unreadable", f"Its status is {said[:40]!r}, which nobody knows.")
            elif its_own is not None and (status == Status.CANCELLED) != (its_own == Status.CANCELLED):
                self.say("contradiction", f"Its status is {status}, and as a calendar entry it is {its_own}.")
            return status or its_own
        self.say("missing", f"It has no {PREFIX}STATUS.")
        if its_own is not None:
            self.say("assumed", f"It is {its_own}, as the calendar entry is.")
            return its_own
        told = _told_by(summary)
        if told is not None:
            self.say("assumed", f"It is {told}, as its title says.")
        return told

    def _contradictions(self, note: Maintnote) -> None:
        starts_at, ends_at, stamped_at = note.starts_at, note.ends_at, note.stamped_at
        if starts_at and ends_at:
            if ends_at <= starts_at:
                so = "when" if ends_at == starts_at else "before"
                self.say("contradiction", f"It ends {so} it begins: {_told(starts_at)}.")
            elif ends_at - starts_at > LONGEST_WINDOW:
                self.say("contradiction", f"It would last {(ends_at - starts_at).days} days.")
        if ends_at and stamped_at and stamped_at > ends_at and note.status not in (*_OVER, None):
            self.say("contradiction", f"It is {note.status}, and was written after its end ({_told(stamped_at)}).")
        if starts_at and stamped_at and stamped_at < starts_at and note.status == Status.COMPLETED:
            self.say("contradiction", f"It is completed, and was written before it begins ({_told(stamped_at)}).")
        for one in note.objects:
            if note.impact and one.impact and WORSE.index(one.impact) > WORSE.index(note.impact):
                self.say("contradiction", f"Its impact is {note.impact}, and that on {one.id} is {one.impact}.")
        told = _told_by(note.summary)
        if note.status and told and told != note.status and Status.CANCELLED in (told, note.status):
            self.say("contradiction", f"Its status is {note.status}, and its title says {told}.")


def _told_by(summary: str) -> Status | None:
    """The status that the words of a title mean; None where they say none, or several."""
    told = [status for status, words in _IN_A_TITLE.items() if words.search(summary)]
    return told[0] if len(told) == 1 else None


def _precedence(line: Line) -> str:
    return line.parameters.get(f"{PREFIX}PRECEDENCE", "").strip().upper()


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


# --- Writing ---------------------------------------------------------------------------------------------------------


def write_maintnote(note: Maintnote, *, method: str = "") -> bytes:
    """The note as a file: CRLF, folded, in UTC. `method` (PUBLISH, REQUEST, CANCEL) makes calendars take it by themselves; the
    BCOP would rather have none. Raises NotWritable for what the BCOP demands and the note lacks.
    """
    demanded = {
        "a provider": note.provider, "an account": note.account, "a maintenance id": note.maintenance_ids,
        "an impact": note.impact, "a status": note.status, "objects": note.objects, "a UID": note.uid,
        "an organizer": note.organizer, "a summary": note.summary, "its beginning": note.starts_at,
        "its end": note.ends_at, "when it was written": note.stamped_at,
    }  # fmt: skip
    if missing := [what for what, given in demanded.items() if not given]:
        raise NotWritable(f"A note has no {', '.join(missing)}.")
    assert note.starts_at
    assert note.ends_at
    assert note.stamped_at
    assert note.status
    if note.sequence is None or note.sequence < 0 or note.ends_at <= note.starts_at:
        raise NotWritable("A note ends before it begins, or has no number.")
    many = len(note.maintenance_ids) > 1
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Nightdesk//Planned work//EN"]
    lines += [f"METHOD:{method}"] if method else []
    lines += [
        "BEGIN:VEVENT",
        f"SUMMARY:{escaped(note.summary)}",
        f"DTSTART;VALUE=DATE-TIME:{_utc(note.starts_at)}",
        f"DTEND;VALUE=DATE-TIME:{_utc(note.ends_at)}",
        f"DTSTAMP;VALUE=DATE-TIME:{_utc(note.stamped_at)}",
        f"UID:{escaped(note.uid)}",
        f"SEQUENCE:{note.sequence}",
        f"{PREFIX}PROVIDER:{escaped(note.provider)}",
        f"{PREFIX}ACCOUNT:{escaped(note.account)}",
    ]
    for place, one in enumerate(note.maintenance_ids):
        rank = f";{PREFIX}PRECEDENCE={'NON-PRIMARY' if place else 'PRIMARY'}" if many else ""
        lines.append(f"{PREFIX}MAINTENANCE-ID{rank}:{escaped(one)}")
    for touched in note.objects:
        own = f";{PREFIX}OBJECT-IMPACT={touched.impact}" if touched.impact else ""
        more = f";ALTREP={quoted(touched.more_at)}" if touched.more_at else ""
        lines.append(f"{PREFIX}OBJECT-ID{more}{own}:{escaped(touched.id)}")
    lines += [f"{PREFIX}IMPACT:{note.impact}", f"{PREFIX}STATUS:{note.status}"]
    name = f";CN={quoted(note.organizer_name)}" if note.organizer_name else ""
    lines.append(f"ORGANIZER{name}:mailto:{note.organizer}")
    lines += [f"DESCRIPTION:{escaped(note.description)}"] if note.description else []
    lines += [f"STATUS:{_as_entry(note.status)}", "TRANSP:TRANSPARENT", "END:VEVENT", "END:VCALENDAR"]
    return written(lines)


def worst(impacts: Iterable[Impact]) -> Impact:
    """The worst of them; no impact where there are none."""
    return max(impacts, key=WORSE.index, default=Impact.NO_IMPACT)


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _as_entry(status: Status) -> str:
    return {Status.CANCELLED: "CANCELLED", Status.TENTATIVE: "TENTATIVE"}.get(status, "CONFIRMED")
