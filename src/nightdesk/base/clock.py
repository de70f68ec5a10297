"""The one clock of the program: the database's, so that every process on every host means the same instant.

Nothing else in the program reads a clock. Doors call `now()` once and pass the instant down as `at`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


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
