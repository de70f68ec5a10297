"""The note that is handed over with a seat, as values: sections of lines, as one text and back. What stands in it comes
from the registry in `sections`; this module knows only its shape.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

LINES_SHOWN = 30
"""Of one section: a night with more has a list of its own, and nobody reads on."""
HEAD, ITEM = "# ", "- "


@dataclass(frozen=True, slots=True)
class Line:
    """`key` names what the line is about within its section; `due_at` is when something about it is promised."""

    key: str
    text: str
    due_at: datetime | None = None
    about: tuple[str, str] | None = None
    """Kind and id of what it is about, where that has a page of its own."""


@dataclass(frozen=True, slots=True)
class Section:
    """One room's part. `more`: so many lines are not shown."""

    key: str
    title: str
    lines: tuple[Line, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Shift:
    """What a section may ask about: the seat, who has it (`holder_id`) since when, and the turn that comes,
    `[turn_at, until)`, as it is at `at`. `until` is never None: where the plan knows no end it is a day later.
    """

    seat_id: int
    seat_key: str
    brand_id: int
    holder_id: int | None
    since: datetime
    turn_at: datetime
    until: datetime
    at: datetime


def put_together(sections: Iterable[Section], left_out: Collection[str]) -> tuple[Section, ...]:
    """The sections that have something to say, without the lines that the holder left out ("section/line")."""
    kept = []
    for section in sections:
        lines = tuple(line for line in section.lines if name_of(section, line) not in left_out)
        if lines:
            kept.append(replace(section, lines=lines[:LINES_SHOWN], more=section.more + len(lines[LINES_SHOWN:])))
    return tuple(kept)


def name_of(section: Section, line: Line) -> str:
    """What names the line within the whole note."""
    return f"{section.key}/{line.key}"


def as_text(sections: Iterable[Section], say: Callable[[datetime], str]) -> str:
    """The note as one text, a head line for each section and a line for each of its lines; `say` words an instant."""
    told = []
    for section in sections:
        told.append(HEAD + _flat(section.title))
        for line in section.lines:
            due = f" ({say(line.due_at)})" if line.due_at is not None else ""
            told.append(ITEM + _flat(line.text) + due)
        if section.more:
            told.append(f"{ITEM}+{section.more}")
    return "\n".join(told)


def read_text(text: str) -> list[tuple[str, list[str]]]:
    """Title and lines of each section of what `as_text` made; words before the first head line have an empty title."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith(HEAD):
            found.append((line.removeprefix(HEAD), []))
        elif line.strip():
            if not found:
                found.append(("", []))
            found[-1][1].append(line.removeprefix(ITEM))
    return found


def counted(sections: Iterable[Section]) -> str:
    """The note in one short line: "Open pages: 2, To watch: 1"; "" where it is empty."""
    return ", ".join(f"{section.title}: {len(section.lines) + section.more}" for section in sections)


def _flat(text: str) -> str:
    return " ".join(text.split())
