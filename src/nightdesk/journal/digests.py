"""What a seal is made of: the digest of an entry, the root of many, and the digest that chains one seal to the next.

These spellings are for ever: whoever kept a digest on paper must be able to make it again. See docs/journal.md.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

BEFORE_THE_FIRST = bytes(32)
"""What the first seal names as the one before it."""

COLUMNS = (
    "id, at, kind, version, by_kind, by_id, by_name, via, subject_kind, subject_id, brand_id, cause, facts::text, "
    "commitment, xid"
)
"""What is sealed of an entry: every column; facts in the spelling of PostgreSQL's jsonb. The database's order of names."""


def entry_digest(row: Sequence[Any]) -> bytes:
    """SHA-256 over the values of `COLUMNS` as a JSON list: UTF-8, no spaces, instants in UTC, bytes in hexadecimal."""
    return hashlib.sha256(json.dumps(row, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()).digest()


def root_of(rows: Iterable[Sequence[Any]]) -> tuple[bytes, int]:
    """SHA-256 over the digests of `rows`, one after the other, and how many there were. Order: `xid`, then `id`."""
    root, count = hashlib.sha256(), 0
    for row in rows:
        root.update(entry_digest(row))
        count += 1
    return root.digest(), count


def seal_digest(
    *, previous: bytes, month: date, from_xid: int, to_xid: int, count: int, root: bytes, sealed_at: datetime
) -> bytes:
    """SHA-256 over everything that a seal says, the digest of the seal before it included."""
    said = [previous.hex(), month.isoformat(), from_xid, to_xid, count, root.hex(), _plain(sealed_at)]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).digest()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(value)
