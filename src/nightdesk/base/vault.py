"""Secrets that lie in the database are sealed here; the key never is there.

Every key is derived (HKDF, RFC 5869) from the installation's master key, one for each purpose, so that a signature of one
kind is never of use for another. Whoever changes the master key can no longer open what was sealed before.
"""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_VERSION = b"\x01"
_NONCE_BYTES = 12


class Unreadable(ValueError):
    """It was sealed with another master key, or is not what `seal` made."""


def key_for(purpose: str) -> bytes:
    """32 bytes for one purpose, the same for as long as the master key is."""
    return _derived(settings.SECRET_KEY, purpose)


def seal(plain: bytes) -> bytes:
    """`plain`, encrypted and authenticated (AES-256-GCM). Twice the same gives two different results."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key_for("vault")).encrypt(nonce, plain, _VERSION)


def open_(sealed: bytes) -> bytes:
    """What was given to `seal`. Raises Unreadable."""
    if sealed[:1] != _VERSION:
        raise Unreadable("This was not sealed by this version of Nightdesk.")
    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key_for("vault")).decrypt(nonce, rest, _VERSION)
    except (InvalidTag, ValueError):
        raise Unreadable(
            "This was sealed with another master key. Set that key again, or enter the secret anew."
        ) from None


@lru_cache(maxsize=16)
def _derived(master: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"nightdesk {purpose}".encode()).derive(master.encode())
