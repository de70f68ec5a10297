"""What goes between the two sites: compressed, then encrypted and signed in one (AES-256-GCM) under the pairing key.

The pairing key itself never travels: whoever can make a letter that opens has it. Keys are derived for each direction, so that no
letter can be sent back to whoever wrote it; an answer is bound to the letter that it answers, so that an old one is of no use.
"""

import json
import os
import zlib
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Direction = Literal["ask", "answer"]
_VERSION = b"\x01"
_NONCE = 12
MOST_BYTES = 512 * 1024 * 1024
"""Of an opened letter: one that says more is refused before it fills the memory."""


class Forged(ValueError):
    """It was not sealed with this key, for this direction, or in answer to this letter."""


def seal(key: str, direction: Direction, content: Any, *, answers: bytes = b"") -> bytes:
    """`content` (what JSON can say) as a letter; `answers` is the letter that it answers."""
    nonce = os.urandom(_NONCE)
    plain = zlib.compress(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(), 6)
    return _VERSION + nonce + AESGCM(_key(key, direction)).encrypt(nonce, plain, _VERSION + _bound(answers))


def open_(key: str, direction: Direction, letter: bytes, *, answers: bytes = b"") -> Any:
    """What was given to `seal`. Raises Forged."""
    nonce, rest = letter[1 : 1 + _NONCE], letter[1 + _NONCE :]
    try:
        if letter[:1] != _VERSION or len(nonce) < _NONCE:
            raise Forged("This is no letter between two sites.")
        packed = AESGCM(_key(key, direction)).decrypt(nonce, rest, _VERSION + _bound(answers))
    except InvalidTag:
        raise Forged("It was not sealed with the key of this pairing.") from None
    unpacking = zlib.decompressobj()
    plain = unpacking.decompress(packed, MOST_BYTES)
    if unpacking.unconsumed_tail:
        raise Forged(f"It says more than {MOST_BYTES} bytes.")
    return json.loads(plain)


def _bound(answers: bytes) -> bytes:
    return answers[1 : 1 + _NONCE]


def _key(key: str, direction: Direction) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"nightdesk second site {direction}".encode()).derive(key.encode())
