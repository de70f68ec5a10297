"""The one clock of the program: the database's, so that every process on every host means the same instant.

Nothing else in the program reads a clock. Doors call `now()` once and pass the instant down as `at`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

DAY_YEARS = range(2000, 2101)
"""A day that somebody asks about lies in them, so that days before and after it can be counted."""


def _host_time() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _host_time
_offset = timedelta(0)
_replaced = False


def now() -> datetime:
    """The present instant, aware, in UTC: the host's time corrected to the database's."""
    return _source() + _offset


def seconds() -> float:
    """`now()` as seconds since the epoch, for what counts in them."""
    return now().timestamp()


def follow(database_time: datetime) -> timedelta:
    """Correct the host's clock to `database_time` (aware) from now on; returns the correction.

    A clock that was replaced belongs to whoever replaced it and is not corrected.
    """
    global _offset  # noqa: PLW0603 - one clock a process is the point of this module
    if not _replaced:
        _offset = database_time - _source()
    return _offset


def day_of(text: str) -> date | None:
    """The day that `text` writes as ISO 8601 does; None where it is none, or none of `DAY_YEARS`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in DAY_YEARS else None


@contextmanager
def replaced_by(source: Callable[[], datetime]) -> Iterator[None]:
    """Read the time from `source` inside the block: for tests, where only the test moves the clock."""
    global _source, _offset, _replaced
    kept = _source, _offset, _replaced
    _source, _offset, _replaced = source, timedelta(0), True
    try:
        yield
    finally:
        _source, _offset, _replaced = kept
