"""Which services, customers and brands nobody on a shift knows: facts about who is on and what is needed in, holes out.

Those who are on at one instant, and the standby behind them, are one shift: together they know what any of them knows.
Where no shift is, nothing is asked of it: that hours have nobody planned at all is a gap of the rota, and seen there.

Instants are aware, and every span is half-open `[start, end)`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple, TypeAlias

Subject: TypeAlias = tuple[str, int]
"""("brand" | "customer" | "service", id): what needs somebody who knows it. ("newcomer", id of a person): who is new, and
needs anybody experienced beside them.
"""

NEWCOMER = "newcomer"

Span: TypeAlias = tuple[datetime, datetime]

ALONE = 2
"""The level from which on somebody manages alone."""


class Lacking(NamedTuple):
    """Nobody has `skill` at `level` or better."""

    skill: int
    level: int


@dataclass(frozen=True, slots=True)
class Shift:
    """`people` are on over [start, end) in one seat, any of them. Without people: somebody should be, and nobody is."""

    start: datetime
    end: datetime
    people: frozenset[int]


@dataclass(frozen=True, slots=True)
class Need:
    """`subject` needs somebody who has `skill` at `level` or better."""

    subject: Subject
    skill: int
    level: int = ALONE


@dataclass(frozen=True, slots=True)
class Facts:
    """`levels`: person -> skill -> level, of those only who count: no newcomer, nobody who has left. `away`: person -> when
    they are not there, whatever is planned.
    """

    shifts: Sequence[Shift] = ()
    needs: Sequence[Need] = ()
    levels: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    away: Mapping[int, Sequence[Span]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hole:
    """Over [start, end) nobody on the shift knows `subject`: `lacking` are the skills that none has. `on` are those who are
    there at some time of it; none of them where nobody is. A newcomer lacks no skill, but somebody experienced beside them.
    """

    subject: Subject
    lacking: tuple[Lacking, ...]
    start: datetime
    end: datetime
    on: frozenset[int] = frozenset()


def holes(facts: Facts, start: datetime, end: datetime) -> list[Hole]:
    """Every hole in [start, end), each as long as the same is lacking, by start and subject."""
    known: dict[frozenset[int], dict[Subject, tuple[Lacking, ...]]] = {}
    open_: dict[tuple[Subject, tuple[Lacking, ...]], Hole] = {}
    found: list[Hole] = []
    for piece_start, piece_end, people in _pieces(facts, start, end):
        if people not in known:
            known[people] = _lacking(facts, people)
        now = {(subject, lacking) for subject, lacking in known[people].items()}
        for key in open_.keys() - now:
            found.append(open_.pop(key))
        for key in now:
            before = open_.get(key)
            if before is not None and before.end == piece_start:
                open_[key] = Hole(*key, before.start, piece_end, before.on | people)
                continue
            if before is not None:
                found.append(before)
            open_[key] = Hole(*key, piece_start, piece_end, people)
    return in_order((*found, *open_.values()))


def in_order(found: Iterable[Hole]) -> list[Hole]:
    """By start and subject."""
    return sorted(found, key=lambda hole: (hole.start, hole.subject, hole.end))


def alone(stretches: Iterable[tuple[int, datetime, datetime]]) -> list[Hole]:
    """(newcomer, start, end) in which they are on with nobody experienced, as holes; what meets or overlaps is one."""
    found: list[Hole] = []
    for person, start, end in sorted(stretches):
        last = found[-1] if found else None
        if last is not None and last.subject == (NEWCOMER, person) and start <= last.end:
            found[-1] = Hole(last.subject, (), last.start, max(last.end, end), last.on)
        else:
            found.append(Hole((NEWCOMER, person), (), start, end, frozenset({person})))
    return in_order(found)


def who_could(hole: Hole, facts: Facts) -> list[int]:
    """Those who have all that is lacking and are there all through the hole, whoever knows most of it first."""

    def level(person: int) -> int:
        return sum(facts.levels[person].get(one.skill, 0) for one in hole.lacking)

    able = [
        person
        for person, has in facts.levels.items()
        if all(has.get(one.skill, 0) >= one.level for one in hole.lacking)
        and not any(begins < hole.end and hole.start < ends for begins, ends in facts.away.get(person, ()))
    ]
    return sorted(able, key=lambda person: (-level(person), person))


@dataclass(frozen=True, slots=True)
class Scarce:
    """`skill` is known well enough, at `level`, by one `person` alone (None: by nobody), and `subjects` hang on it."""

    skill: int
    level: int
    person: int | None
    subjects: tuple[Subject, ...]


def scarce(skills: Iterable[int], needs: Iterable[Need], levels: Mapping[int, Mapping[int, int]]) -> list[Scarce]:
    """The skills that one person alone has at the highest level that anything needs (where nothing does: ALONE), and those
    that are needed and nobody has; what most hangs on first.
    """
    needed: dict[int, list[Need]] = defaultdict(list)
    for need in needs:
        needed[need.skill].append(need)
    found = []
    for skill in dict.fromkeys((*skills, *needed)):
        level = max((need.level for need in needed[skill]), default=ALONE)
        who = [person for person, has in levels.items() if has.get(skill, 0) >= level]
        if len(who) == 1 or (not who and needed[skill]):
            subjects = tuple(sorted({need.subject for need in needed[skill]}))
            found.append(Scarce(skill, level, who[0] if who else None, subjects))
    return sorted(found, key=lambda one: (one.person is not None, -len(one.subjects), one.skill))


# --- What is new about it --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A hole that was told under `id`; `skills` were lacking."""

    id: int
    subject: Subject
    skills: frozenset[int]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """`new` are to be told. `kept`: told hole -> what has become of it, which is nothing new. `rest` are no news either: pieces
    of told holes that were torn apart, and more of the same that has only now come into sight. `gone` are the told ones that
    are no more: mended, or over.
    """

    new: tuple[Hole, ...]
    kept: Mapping[int, Hole]
    rest: tuple[Hole, ...]
    gone: tuple[int, ...]


def changes(told: Iterable[Told], found: Iterable[Hole], looked_until: datetime | None) -> Changes:
    """What is news of `found`, where `told` was said already and the rota had been looked at until `looked_until`.

    A hole that was told is told again only where it has grown into time that was covered when it was looked at: that it
    goes on for longer than could be seen then is none, nor that the same comes again there.
    """
    by_subject: dict[Subject, list[Told]] = defaultdict(list)
    for one in told:
        by_subject[one.subject].append(one)
    new: list[Hole] = []
    kept: dict[int, Hole] = {}
    rest: list[Hole] = []
    for hole in found:
        skills = {one.skill for one in hole.lacking}
        before = [
            one
            for one in by_subject[hole.subject]
            if one.start <= hole.end and hole.start <= one.end and skills <= one.skills
        ]
        in_sight_now = looked_until is not None and hole.start >= looked_until
        if not before and in_sight_now and any(skills <= one.skills for one in by_subject[hole.subject]):
            rest.append(hole)
            continue
        if not before or _grown(hole, before, looked_until):
            new.append(hole)
            continue
        free = next((one.id for one in before if one.id not in kept), None)
        if free is None:
            rest.append(hole)
        else:
            kept[free] = hole
    gone = tuple(one.id for all_ in by_subject.values() for one in all_ if one.id not in kept)
    return Changes(tuple(new), kept, tuple(rest), gone)


def _grown(hole: Hole, before: Sequence[Told], looked_until: datetime | None) -> bool:
    """Whether the hole reaches into time before `looked_until` that none of `before` covers."""
    until = hole.end if looked_until is None else min(hole.end, looked_until)
    at = hole.start
    for one in sorted(before, key=lambda each: each.start):
        if one.start > at:
            break
        at = max(at, one.end)
    return at < until


def _pieces(facts: Facts, start: datetime, end: datetime) -> Iterable[tuple[datetime, datetime, frozenset[int]]]:
    """[start, end) in pieces in which the same people are there, without those in which no shift is."""
    shifts: dict[datetime, list[tuple[int, Collection[int]]]] = defaultdict(list)
    for shift in facts.shifts:
        if max(shift.start, start) < min(shift.end, end):
            shifts[max(shift.start, start)].append((1, shift.people))
            shifts[min(shift.end, end)].append((-1, shift.people))
    everybody = {person for shift in facts.shifts for person in shift.people}
    leaves: dict[datetime, list[tuple[int, int]]] = defaultdict(list)
    for person in everybody & facts.away.keys():
        for begins, ends in facts.away[person]:
            if max(begins, start) < min(ends, end):
                leaves[max(begins, start)].append((1, person))
                leaves[min(ends, end)].append((-1, person))
    on: Counter[int] = Counter()
    away: Counter[int] = Counter()
    count = 0
    edges = sorted(shifts.keys() | leaves.keys())
    for here, there in pairwise(edges):
        for sign, people in shifts.get(here, ()):
            count += sign
            for person in people:
                on[person] += sign
        for sign, person in leaves.get(here, ()):
            away[person] += sign
        if count:
            yield here, there, frozenset(person for person, times in on.items() if times and not away[person])


def _lacking(facts: Facts, people: Collection[int]) -> dict[Subject, tuple[Lacking, ...]]:
    best: dict[int, int] = {}
    for person in people:
        for skill, level in facts.levels.get(person, {}).items():
            best[skill] = max(best.get(skill, 0), level)
    found: dict[Subject, set[Lacking]] = defaultdict(set)
    for need in facts.needs:
        if best.get(need.skill, 0) < need.level:
            found[need.subject].add(Lacking(need.skill, need.level))
    return {subject: tuple(sorted(lacking)) for subject, lacking in found.items()}
