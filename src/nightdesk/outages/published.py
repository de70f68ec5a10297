"""What has been published, as plain facts: status pages, feeds and the API of other products are made of these alone.

Times are aware, in UTC. "Due" is when the next update was promised; from that instant on, itself included, an update that
has not come is late, and everything that is made here says so by itself.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal, TypeAlias

State: TypeAlias = Literal["investigating", "identified", "monitoring", "resolved", "withdrawn"]
Severity: TypeAlias = Literal["minor", "major", "critical"]
Effect: TypeAlias = Literal["works", "reduced", "degraded", "down"]
WorkState: TypeAlias = Literal["planned", "started", "ended", "cancelled"]

SEVERITIES: tuple[Severity, ...] = ("minor", "major", "critical")
EFFECTS: tuple[Effect, ...] = ("works", "reduced", "degraded", "down")
OVER = ("resolved", "withdrawn")
RECENT = timedelta(days=7)
"""How long what is over stays on the first page; later it stands in the archive."""
BASE_36 = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class PublishedUpdate:
    """One update as it was said. `state` is the one that it moved the outage to; `kind` as in the model.

    A `quiet` one was sent to nobody; in the place of a `corrected` one stands a newer.
    """

    id: str
    kind: str
    state: State
    text: str
    published_at: datetime
    next_at: datetime | None = None
    estimate_at: datetime | None = None
    quiet: bool = False
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class PublishedOutage:
    """An outage as its readers may know it: `updates` newest first, at least one; `touches` (component's id, effect).

    `next_at`: when the next update is due; None when nothing is promised, as after the end. `words`: what stops working for
    its one reader; empty for everybody.
    """

    id: str
    number: int
    title: str
    state: State
    severity: Severity
    began_at: datetime
    resolved_at: datetime | None
    updates: tuple[PublishedUpdate, ...]
    touches: tuple[tuple[str, Effect], ...] = ()
    next_at: datetime | None = None
    estimate_at: datetime | None = None
    words: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def newest(self) -> PublishedUpdate:
        return self.updates[0]

    @property
    def told_at(self) -> datetime:
        """When it was first spoken of."""
        return self.updates[-1].published_at


@dataclass(frozen=True, slots=True)
class PublishedWork:
    """Planned work: `[starts_at, ends_at)`; `sequence` rises with each change; `said` is what is told about it."""

    id: str
    number: int
    title: str
    said: str
    state: WorkState
    starts_at: datetime
    ends_at: datetime
    sequence: int
    announced_at: datetime
    changed_at: datetime
    touches: tuple[tuple[str, Effect], ...] = ()

    @property
    def over(self) -> bool:
        return self.state in ("ended", "cancelled")


@dataclass(frozen=True, slots=True)
class PublishedComponent:
    """A part that is named on the page."""

    id: str
    name: str
    position: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Punctuality:
    """How well people were kept informed, without a word of what it was about. `first_after`: the usual (median) time."""

    outages: int
    first_after: timedelta | None
    promised: int
    kept: int


@dataclass(frozen=True, slots=True)
class PublishedPage:
    """Everything that one brand says to everybody. `url` ends with a slash; `outages` newest first, `work` soonest first."""

    id: str
    name: str
    url: str
    zone: str
    language: str
    components: tuple[PublishedComponent, ...] = ()
    outages: tuple[PublishedOutage, ...] = ()
    work: tuple[PublishedWork, ...] = ()
    punctuality: Punctuality | None = None
    last_heard_at: datetime | None = None
    """The second site shows it, which last heard the main one then; None: the main site shows it, or is well."""

    @property
    def open(self) -> tuple[PublishedOutage, ...]:
        return tuple(each for each in self.outages if not each.over)


def heard_minutes_ago(page: PublishedPage, at: datetime) -> int | None:
    """For how many whole minutes the main site has not been heard; None where it has."""
    return None if page.last_heard_at is None else max(0, int((at - page.last_heard_at).total_seconds() // 60))


def is_late(outage: PublishedOutage, at: datetime) -> bool:
    """Whether at `at` an update that was promised has not come. The instant it is due counts as late."""
    return not outage.over and outage.next_at is not None and at >= outage.next_at


def changed_at(outage: PublishedOutage, at: datetime) -> datetime:
    """When what is said of it last changed: its newest update, or the moment at which that became late."""
    said = outage.newest.published_at
    return max(said, outage.next_at) if is_late(outage, at) and outage.next_at is not None else said


def next_change(page: PublishedPage, at: datetime) -> datetime | None:
    """The first instant after `at` at which the page says something else though nothing was written; None: never."""
    known: list[datetime] = []
    for outage in page.outages:
        if outage.over:
            known.append((outage.resolved_at or outage.newest.published_at) + RECENT)
        elif outage.next_at is not None:
            known.append(outage.next_at)
    for work in page.work:
        known += [work.changed_at + RECENT] if work.over else [work.starts_at, work.ends_at]
    minutes = heard_minutes_ago(page, at)
    if page.last_heard_at is not None and minutes is not None:
        known.append(page.last_heard_at + timedelta(minutes=minutes + 1))
    return min((instant for instant in known if instant > at), default=None)


def effect_now(page: PublishedPage, component: str) -> Effect:
    """How the component does by what is published and open; what works with less in reserve works."""
    worst = max(
        (EFFECTS.index(effect) for outage in page.open for id_, effect in outage.touches if id_ == component), default=0
    )
    return EFFECTS[worst] if worst > 1 else "works"


def work_now(page: PublishedPage, at: datetime) -> tuple[PublishedWork, ...]:
    """Planned work that goes on at `at`: begun and not ended, or by its own times."""
    return tuple(
        each
        for each in page.work
        if each.state == "started" or (each.state == "planned" and each.starts_at <= at < each.ends_at)
    )


def work_ahead(page: PublishedPage, at: datetime) -> tuple[PublishedWork, ...]:
    """Planned work that has not begun at `at`."""
    return tuple(each for each in page.work if each.state == "planned" and at < each.starts_at)


def in_works(page: PublishedPage, component: str, at: datetime) -> bool:
    """Whether work that is planned touches the component at `at`."""
    return any(id_ == component for each in work_now(page, at) for id_, _effect in each.touches)


def worst_of(outages: Iterable[PublishedOutage]) -> Severity | None:
    """The worst severity among those that are open; None where none is."""
    found = [SEVERITIES.index(each.severity) for each in outages if not each.over]
    return SEVERITIES[max(found)] if found else None


def recent(page: PublishedPage, at: datetime) -> tuple[PublishedOutage, ...]:
    """What was over within the last week, newest first."""
    return tuple(
        each for each in page.outages if each.over and at < (each.resolved_at or each.newest.published_at) + RECENT
    )


def short_id(kind: str, id_: str) -> str:
    """Twelve lower-case letters and digits, the same for ever for this `kind` and id, as programs of others expect."""
    number = int.from_bytes(hashlib.sha256(f"{kind}:{id_}".encode()).digest()[:16])
    digits = []
    for _ in range(12):
        number, digit = divmod(number, 36)
        digits.append(BASE_36[digit])
    return "".join(digits)


def kept_promises(updates: Sequence[PublishedUpdate], at: datetime) -> tuple[int, int]:
    """(promises of a next update that have fallen due by `at`, those of them that were kept). `updates` newest first.

    A promise is kept by any later update at or before its instant. One that is replaced before it falls due was kept by
    what replaced it.
    """
    fallen = kept = 0
    later: datetime | None = None
    for update in updates:
        if update.next_at is not None:
            if later is not None and later <= update.next_at:
                fallen, kept = fallen + 1, kept + 1
            elif update.next_at <= at:
                fallen += 1
        later = update.published_at
    return fallen, kept


def punctuality_of(outages: Sequence[PublishedOutage], at: datetime) -> Punctuality:
    """The figures over `outages`, as known at `at`."""
    each = [kept_promises(outage.updates, at) for outage in outages]
    waits = [max(timedelta(), outage.told_at - outage.began_at) for outage in outages]
    usual = timedelta(seconds=median(wait.total_seconds() for wait in waits)) if waits else None
    return Punctuality(len(outages), usual, sum(fallen for fallen, _ in each), sum(kept for _, kept in each))
