"""Identifiers that two sites can make without asking each other, and that sort by time (RFC 9562, version 7)."""

import os
import threading
from datetime import datetime
from uuid import UUID

from nightdesk.base import clock

_lock = threading.Lock()
_last = 0


def uuid7(at: datetime | None = None) -> UUID:
    """A new UUIDv7 for instant `at` (now, if None). Within one process later calls sort after earlier ones.

    48 bits of milliseconds, then 12 bits that count on within the same millisecond, then 62 random bits.
    """
    global _last  # noqa: PLW0603
    moment = at if at is not None else clock.now()
    stamp = int(moment.timestamp() * 1000) << 12
    with _lock:
        # A clock that stands still (or steps back within the counter's reach) must not undo the order.
        stamp = _last + 1 if stamp <= _last < stamp + (1 << 22) else stamp
        _last = stamp
    milliseconds, count = stamp >> 12, stamp & 0xFFF
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | count << 64 | 0b10 << 62 | random)
