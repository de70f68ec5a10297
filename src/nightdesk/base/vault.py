"""Secrets that lie in the database are sealed here; the keys never are there.

There is one master key that seals and signs, and there may be older ones that still open and are still believed: that is
what makes a key change without a stop. `settings.SECRET_KEY` is the first, `settings.SECRET_KEY_FALLBACKS` are the rest. Where
they lie in a file of this installation (`settings.SECRET_KEY_PLACE`), every process notices that it has changed, at the next
secret that it seals or opens. Every key is derived (HKDF, RFC 5869) from a master key, one for each purpose, so that a
signature of one kind is never of use for another.

    sealed:  1 byte version 2, 4 bytes mark of the master key, 12 bytes nonce, then AES-256-GCM; version 1 had no mark
"""

import base64
import logging
import os
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _

from nightdesk.base.refusals import Refusal

log = logging.getLogger(__name__)

_OLD_VERSION, _VERSION = b"\x01", b"\x02"
SEALED_TEXT = "sealed:"
"""How a sealed secret begins that lies as text, in base64."""
_MARK_BYTES, _NONCE_BYTES = 4, 12
_read: dict[Path, tuple[int, int, int, int]] = {}


class Unreadable(Refusal):
    """It was sealed with another master key, or is not what `seal` made.

    Whoever can go on without the secret catches it; to whom it is left, a person, a program or a command, it is told by name.
    """

    code = "key-lost"
    status = 409
    title = "The key to a secret is lost"

    def __init__(self, so: str) -> None:
        super().__init__(
            _("A secret that is kept here was to be opened."), so, _("Set that key again, or enter the secret anew.")
        )


def key_for(purpose: str) -> bytes:
    """32 bytes for one purpose, the same for as long as the master key is."""
    return keys_for(purpose)[0]


def keys_for(purpose: str) -> tuple[bytes, ...]:
    """As `key_for`, for the master key and each older one that is still believed, newest first."""
    return tuple(_derived(master, purpose) for master in master_keys())


def master_keys() -> tuple[str, ...]:
    """The one that seals, then those that still open, newest first."""
    _notice_change()
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def key_marks() -> list[str]:
    """What tells the master keys apart without telling them, newest first: eight hexadecimal digits each."""
    return [_mark(master).hex() for master in master_keys()]


def keys_text() -> str:
    """The master keys as their file has them, one a line; "" where they come from the environment."""
    return "\n".join(master_keys()) + "\n" if settings.SECRET_KEY_PLACE else ""


def seal(plain: bytes) -> bytes:
    """`plain`, encrypted and authenticated (AES-256-GCM). Twice the same gives two different results."""
    nonce, master = os.urandom(_NONCE_BYTES), master_keys()[0]
    head = _VERSION + _mark(master)
    return head + nonce + AESGCM(_derived(master, "vault")).encrypt(nonce, plain, head)


def open_(sealed: bytes) -> bytes:
    """What was given to `seal`. Raises Unreadable."""
    head, rest = sealed[: 1 + _MARK_BYTES], sealed[1 + _MARK_BYTES :]
    if sealed[:1] == _OLD_VERSION:
        head, rest = sealed[:1], sealed[1:]
    elif sealed[:1] != _VERSION:
        raise Unreadable(_("It was not sealed by this version of Nightdesk."))
    for master in master_keys():
        if head[1:] in (b"", _mark(master)):
            try:
                return AESGCM(_derived(master, "vault")).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head)
            except (InvalidTag, ValueError):
                continue
    raise Unreadable(_("It was sealed with another master key.")) from None


def seal_text(text: str) -> str:
    """What is kept for `text` in a column of text."""
    return SEALED_TEXT + base64.b64encode(seal(text.encode())).decode()


def open_text(kept: str) -> str:
    """What was given to `seal_text`; what lies open is as it is. Raises Unreadable."""
    if not kept.startswith(SEALED_TEXT):
        return kept
    return open_(base64.b64decode(kept.removeprefix(SEALED_TEXT))).decode()


def is_current(sealed: bytes) -> bool:
    """Whether it was sealed with the newest master key; what is not is sealed anew when keys change."""
    return sealed[: 1 + _MARK_BYTES] == _VERSION + _mark(master_keys()[0])


def read_keys(text: str) -> list[str]:
    """The master keys that a file holds: one a line, newest first."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _notice_change() -> None:
    """Where the file of the keys is another one than was read, read it again, for Django too."""
    place: Path | None = settings.SECRET_KEY_PLACE
    if place is None:
        return
    try:
        about = place.stat()
    except OSError:
        return  # what was read at the start still holds
    seen = (about.st_mtime_ns, about.st_size, about.st_ino, about.st_ctime_ns)
    if _read.get(place) != seen:
        try:
            keys = read_keys(place.read_text())
        except OSError as error:
            log.warning("The file of the master keys cannot be read; those that were read still hold: %s", error)
            _read[place] = seen  # told once; it is read again when it changes, its owner and mode included
            return
        if keys:
            # The old ones first: at no moment is a key unknown that was known before.
            settings.SECRET_KEY_FALLBACKS = keys
            settings.SECRET_KEY = keys[0]
            settings.SECRET_KEY_FALLBACKS = keys[1:]
        _read[place] = seen


def _mark(master: str) -> bytes:
    return _derived(master, "mark of the key")[:_MARK_BYTES]


@lru_cache(maxsize=128)
def _derived(master: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"nightdesk {purpose}".encode()).derive(master.encode())
