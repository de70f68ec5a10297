"""Which alarms a silence keeps quiet, how long one may last, and when weekly work comes again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from nightdesk.base.refusals import Invalid
from nightdesk.customers.hours import first_instant
from nightdesk.customers.priority import Priority

LONGEST = timedelta(days=7)
LONGEST_WIDE = timedelta(hours=24)
"""Of one that keeps whole systems quiet."""
LONGEST_WORK = timedelta(days=14)
FURTHEST_AHEAD = timedelta(days=400)
TELLING = 3
"""Characters that a part or words must have, stars left out, to narrow a silence."""
WAKES = (1, 2)
"""Priorities that ring."""


class BadSilence(Invalid):
    """A silence, or planned work, that cannot be: it would never end, or keep everything quiet."""

    code: ClassVar[str] = "silence-not-usable"
    title: ClassVar[str] = "That cannot be kept quiet"


@dataclass(frozen=True)
class Matcher:
    """What a silence names: an alarm fits that fits all of it. None, "" and no priorities name nothing."""

    integration: int | None = None
    service: int | None = None
    part: str = ""
    summary: str = ""
    priorities: tuple[int, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What of an alarm a silence looks at."""

    integration: int
    priority: int
    service: int | None = None
    source: str = ""
    component: str = ""
    summary: str = ""


@dataclass(frozen=True)
class Held:
    """A silence: `[from_at, until_at)` by `matcher`."""

    id: int
    matcher: Matcher
    from_at: datetime
    until_at: datetime


def matches(wanted: Matcher, alarm: Facts) -> bool:
    """Whether the alarm fits. A part is the whole name of its source or component; a summary stands anywhere in it."""
    return (
        wanted.integration in (None, alarm.integration)
        and wanted.service in (None, alarm.service)
        and (not wanted.priorities or alarm.priority in wanted.priorities)
        and (not wanted.part or like(wanted.part, alarm.source) or like(wanted.part, alarm.component))
        and (not wanted.summary or like(f"*{wanted.summary}*", alarm.summary))
    )


def silenced_by(held: Iterable[Held], alarm: Facts, at: datetime) -> Held | None:
    """The silence that keeps the alarm quiet longest from `at` on; None: it may ring."""
    fit = [one for one in held if one.from_at <= at < one.until_at and matches(one.matcher, alarm)]
    return max(fit, key=lambda one: (one.until_at, one.id), default=None)


def like(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern`, in which `*` stands for anything and case does not count. Linear, whatever is sent."""
    first, *rest = pattern.casefold().split("*")
    text = text.casefold()
    if not rest:
        return text == first
    if not text.startswith(first):
        return False
    place = len(first)
    for part in rest[:-1]:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(text) - len(rest[-1]) >= place and text.endswith(rest[-1])


def is_narrow(wanted: Matcher) -> bool:
    """Whether it names a service, a part or words; else it keeps whole systems quiet."""
    return wanted.service is not None or any(
        len(text.replace("*", "").strip()) >= TELLING for text in (wanted.part, wanted.summary)
    )


def needs_manager(wanted: Matcher) -> bool:
    """Whether it would keep quiet what wakes people, of whole systems."""
    return not is_narrow(wanted) and (not wanted.priorities or bool(set(WAKES) & set(wanted.priorities)))


def check_silence(wanted: Matcher, from_at: datetime, until_at: datetime, at: datetime) -> None:
    """Raise BadSilence unless it has an end that is to come, and near enough."""
    longest = LONGEST if is_narrow(wanted) else LONGEST_WIDE
    asked = "Alarms were to be kept quiet."
    if wanted == Matcher():
        raise BadSilence(asked, "Nothing says which.", "Name what sends them, a service, a part, words or priorities.")
    _check_span(asked, from_at, until_at, at)
    if until_at - max(from_at, at) > longest:
        so = f"The longest for {'these' if longest == LONGEST else 'whole systems'} is {_told(longest)}."
        raise BadSilence(asked, so, "Give an earlier end; it can be made anew then.")


def check_work(from_at: datetime, until_at: datetime, at: datetime) -> None:
    """Raise BadSilence unless the work ends after it begins, and is not longer than can be meant."""
    asked = "Work was to be planned."
    _check_span(asked, from_at, until_at, at)
    if until_at - from_at > LONGEST_WORK:
        raise BadSilence(asked, f"The longest is {_told(LONGEST_WORK)}.", "Plan it in parts.")


def _check_span(asked: str, from_at: datetime, until_at: datetime, at: datetime) -> None:
    if until_at <= from_at:
        raise BadSilence(asked, "It would end before it begins.", "Give an end after the beginning.")
    if until_at <= at:
        raise BadSilence(asked, "That time is past.", "Give an end to come.")
    if from_at - at > FURTHEST_AHEAD:
        raise BadSilence(asked, "It begins more than a year ahead.", "Give an earlier time.")


def _told(span: timedelta) -> str:
    return f"{span.days} days" if span.days > 1 else f"{int(span.total_seconds() // 3600)} hours"


def week_after(from_at: datetime, until_at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The same times by the clocks of `zone` a week later; one that they skip is the first instant after the gap."""
    begins, ends = (
        first_instant(at.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(days=7), zone)
        for at in (from_at, until_at)
    )
    # What would lie wholly in a gap has its length all the same: planned work takes as long as it takes.
    return begins, ends if ends > begins else begins + (until_at - from_at)


def matcher_of_page(integration: int, service: int | None, title: str, alarms: Sequence[Facts]) -> Matcher:
    """What to keep quiet where somebody silences a page: the machine or part that all of its alarms share, else its words."""
    shared = [
        name
        for name in dict.fromkeys(name for alarm in alarms for name in (alarm.source, alarm.component) if name)
        if all(name in (alarm.source, alarm.component) for alarm in alarms)
    ]
    if shared:
        return Matcher(integration, service, part=shared[0])
    return Matcher(integration, service, summary="" if service is not None else title[:200])


def priorities_named(names: Iterable[str]) -> tuple[int, ...]:
    """P1 to P5 as numbers. Raises Invalid for another word."""
    names = list(names)
    if unknown := [name for name in names if name not in Priority.__members__]:
        raise Invalid(f"Alarms of {unknown[0][:10]} were to be kept quiet.", "There are P1 to P5.", "Give these.")
    return tuple(sorted({int(name[1:]) for name in names}))
