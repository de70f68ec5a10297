"""Which backups stay, when the next one is due, and how a backup file is named."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ALL_FOR = timedelta(days=2)
DAILY_FOR = timedelta(days=31)
MONTHLY_FOR = timedelta(days=366)
AGAIN_AFTER = timedelta(hours=1)
_NAME = re.compile(r"nightdesk-(\d{8}T\d{6}Z)\.backup")


@dataclass(frozen=True, slots=True)
class Made:
    """One backup file that is there. `verified`: it was restored and compared; `failed`: it did not stand that."""

    name: str
    at: datetime
    verified: bool
    failed: bool = False

    @property
    def worth(self) -> tuple[bool, bool, datetime]:
        """Which of several is kept: one that was proved before one that was not, one that nobody tried before one that failed,
        and then the last.
        """
        return self.verified, not self.failed, self.at


def name_at(at: datetime) -> str:
    """Of the file of a backup made at `at`."""
    return f"nightdesk-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.backup"


def instant_of(name: str) -> datetime | None:
    """When the backup with that file name was made; None for a file that is none of ours."""
    matched = _NAME.fullmatch(name)
    try:
        return datetime.strptime(matched[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if matched else None
    except ValueError:
        return None


def to_remove(made: Collection[Made], at: datetime) -> list[Made]:
    """What need not be kept at `at`, oldest first.

    Kept are: all of two days, one of each day (UTC) for 31 days, one of each month for 366 days, each time the last of the most
    worth; and always the newest, and the newest that was verified, however old.
    """
    newest_first = sorted(made, key=lambda each: each.at, reverse=True)
    kept = {each.name for each in newest_first[:1]}
    kept |= {each.name for each in [each for each in newest_first if each.verified][:1]}
    kept |= {each.name for each in newest_first if at - each.at <= ALL_FOR}
    kept |= _best_of_each((each for each in newest_first if at - each.at <= DAILY_FOR), "%Y-%m-%d")
    kept |= _best_of_each((each for each in newest_first if at - each.at <= MONTHLY_FOR), "%Y-%m")
    return [each for each in reversed(newest_first) if each.name not in kept]


def _best_of_each(made: Iterable[Made], period: str) -> set[str]:
    best: dict[str, Made] = {}
    for each in made:
        key = each.at.astimezone(UTC).strftime(period)
        best[key] = max(best.get(key, each), each, key=lambda one: one.worth)
    return {each.name for each in best.values()}


def is_due(last: tuple[datetime, bool] | None, every: timedelta, at: datetime) -> bool:
    """Whether a backup is to be made by itself, `last` being when one was last asked for and whether it failed; a failed one is
    tried again within the hour. Never where `every` is nothing.
    """
    if not every or last is None:
        return bool(every)
    asked_at, failed = last
    return at - asked_at >= (min(every, AGAIN_AFTER) if failed else every)


_BASE = re.compile(r"nightdesk-(\d{8}T\d{6}Z)-([0-9A-F]{24})\.base")
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_SEGMENTS_A_LOG = 256


@dataclass(frozen=True, slots=True)
class Base:
    """The whole database as files, from which writes are played on. `at`: when it was done; `first`: the segment of the
    write-ahead log that it needs first. No moment before `at` can be reached from it.
    """

    name: str
    at: datetime
    first: str


def base_name(at: datetime, first: str) -> str:
    """Of the file of a base that was done at `at`."""
    return f"nightdesk-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{first}.base"


def base_named(name: str) -> Base | None:
    """The base with that file name; None for a file that is none."""
    matched = _BASE.fullmatch(name)
    try:
        at = datetime.strptime(matched[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if matched else None
    except ValueError:
        return None
    return Base(name, at, matched[2]) if matched and at else None


def is_segment(name: str) -> bool:
    """Whether a file of that name is a segment of the write-ahead log."""
    return bool(_SEGMENT.fullmatch(name))


def base_for(bases: Iterable[Base], moment: datetime) -> Base | None:
    """The one from which `moment` is reached with the fewest writes; None where all are later."""
    return max((each for each in bases if each.at <= moment), key=lambda each: each.at, default=None)


def run_of(segments: Collection[str], first: str) -> tuple[list[str], str]:
    """The segments that follow each other from `first` on, and the one that is missing before later ones; "" where none is.

    Sixteen hexadecimal digits behind the timeline count them, 256 to a log (segments of 16 MiB, as initdb makes them).
    """
    there = {name for name in segments if is_segment(name) and name[:8] == first[:8]}
    run = []
    name = first
    while name in there:
        run.append(name)
        name = _following(name)
    return run, name if any(later > name for later in there) else ""


def to_forget(
    bases: Collection[Base], segments: Iterable[str], kept: timedelta, at: datetime
) -> tuple[list[Base], list[str]]:
    """What no moment of the last `kept` needs any more: bases, and segments before the oldest base that stays.

    The newest base that is older than that stays, as the moments up to the next one are reached from it.
    """
    oldest = base_for(bases, at - kept)
    if oldest is None:
        return [], []
    stays = [each for each in bases if each.at >= oldest.at]
    first = min(each.first[8:] for each in stays)
    return (
        [each for each in bases if each.at < oldest.at],
        sorted(name for name in segments if is_segment(name) and name[8:] < first),
    )


def _following(segment: str) -> str:
    number = int(segment[8:16], 16) * _SEGMENTS_A_LOG + int(segment[16:], 16) + 1
    return f"{segment[:8]}{number // _SEGMENTS_A_LOG:08X}{number % _SEGMENTS_A_LOG:08X}"
