"""A night as it is read: cut into shifts, and machines' rows folded where many say the same, so that people's are found. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

FOLDED_FROM = 4
"""So many of one kind in a row, written by nobody, become one line."""


class Told(Protocol):
    """What of an entry matters here; `by` is kind and id of who did it."""

    @property
    def at(self) -> datetime: ...
    @property
    def kind(self) -> str: ...
    @property
    def by(self) -> tuple[str, str]: ...


Line = TypeVar("Line", bound=Told)


@dataclass(frozen=True, slots=True)
class Strand(Generic[Line]):
    """One line of the page: `lines` are one entry, or many of a kind that machines wrote one after the other, oldest first."""

    lines: tuple[Line, ...]

    @property
    def first(self) -> Line:
        return self.lines[0]

    @property
    def folded(self) -> bool:
        return len(self.lines) > 1


@dataclass(frozen=True, slots=True)
class Shift(Generic[Line]):
    """[`start`, `end`), in which the same people were on, and what happened in it, oldest first."""

    start: datetime
    end: datetime
    strands: tuple[Strand[Line], ...]


def shifts(lines: Iterable[Line], start: datetime, end: datetime, changes: Iterable[datetime]) -> list[Shift[Line]]:
    """[`start`, `end`) cut at every change within it, each shift with its lines; lines outside it are left out."""
    cuts = sorted({start, *(at for at in changes if start < at < end)})
    ordered = sorted((line for line in lines if start <= line.at < end), key=lambda line: line.at)
    found = []
    for since, until in zip(cuts, [*cuts[1:], end], strict=True):
        found.append(Shift(since, until, fold([line for line in ordered if since <= line.at < until])))
    return found


def fold(lines: Sequence[Line]) -> tuple[Strand[Line], ...]:
    """The lines in their order; FOLDED_FROM or more of one kind in a row that no person wrote are one."""
    runs: list[list[Line]] = []
    for line in lines:
        if runs and runs[-1][-1].kind == line.kind and not _a_persons(line) and not _a_persons(runs[-1][-1]):
            runs[-1].append(line)
        else:
            runs.append([line])
    strands: list[Strand[Line]] = []
    for run in runs:
        strands += [Strand(tuple(run))] if len(run) >= FOLDED_FROM else [Strand((line,)) for line in run]
    return tuple(strands)


def _a_persons(line: Told) -> bool:
    return line.by[0] in ("person", "contact", "caller")
