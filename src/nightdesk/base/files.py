"""Files by their content: kept once under the SHA-256 of their bytes, in a folder of this installation.

A file is written before the transaction that names it commits; one that nobody names in the end is no harm. On several
machines the folder must be a shared one.
"""

import hashlib
import os
from pathlib import Path
from uuid import uuid4

from django.conf import settings


def keep_file(content: bytes) -> str:
    """The bytes are on disk, once; returns their digest (64 hexadecimal digits)."""
    digest = digest_of(content)
    place = _place(digest)
    if place.exists():
        return digest
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{uuid4().hex}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    draft.replace(place)  # nobody ever reads half of one
    return digest


def digest_of(content: bytes) -> str:
    """What the bytes are kept under: their SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_file(digest: str) -> bytes:
    """The bytes kept under the digest. Raises FileNotFoundError."""
    return _place(digest).read_bytes()


def forget_file(digest: str) -> None:
    """The bytes are gone; where nothing is kept under the digest, nothing happens. Whoever asks knows that nobody names it."""
    _place(digest).unlink(missing_ok=True)


def _place(digest: str) -> Path:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise FileNotFoundError(digest[:80])
    return Path(settings.FILES_DIR) / digest[:2] / digest
