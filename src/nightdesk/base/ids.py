"""Identifiers that two sites can make without asking each other, and that sort by time (RFC 9562, version 7)."""

import os
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

from nightdesk.base import clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REACH = 1 << 22
"""How far back a clock may step and still be counted on from, in 1/4096 ms: about a second."""

_lock = threading.Lock()
_newest = 0
_in_the_past = 0


def uuid7(at: datetime | None = None) -> UUID:
    """A new UUIDv7 for instant `at` (aware; None: now). Within one process a later call's id sorts after an earlier
    one's, unless its instant is more than about a second earlier.

    48 bits of milliseconds, then 12 bits that count on within the same millisecond, then 62 random bits. Where the count
    is full, or the clock has stepped back, it runs on into the next milliseconds.
    """
    global _newest, _in_the_past  # noqa: PLW0603
    moment = at if at is not None else clock.now()
    stamp = (moment - _EPOCH) // timedelta(milliseconds=1) << 12
    with _lock:
        # Rows written for a past night count by themselves, so that they do not disturb the order of the present.
        if stamp + _REACH > _newest:
            stamp = _newest = max(stamp, _newest + 1)
        else:
            stamp = _in_the_past + 1 if stamp <= _in_the_past < stamp + _REACH else stamp
            _in_the_past = stamp
    milliseconds, count = stamp >> 12, stamp & 0xFFF
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | count << 64 | 0b10 << 62 | random)


def first_of(at: datetime) -> UUID:
    """The lowest UUIDv7 that `uuid7` could make for instant `at` (aware): what is below it was made earlier."""
    return UUID(int=((at - _EPOCH) // timedelta(milliseconds=1)) << 80 | 0x7 << 76 | 0b10 << 62)
