"""A stream of bytes, sealed in pieces: nothing of it can be read, changed, cut or put in another order without the key.

    16 bytes   "nightdesk sealed"
     1 byte    the version, 1
    32 bytes   salt; the key of this stream is HKDF-SHA-256 of the given key and the salt
    pieces     1 MiB each (the last one shorter), each followed by its 16-byte tag: AES-256-GCM

The nonce of a piece is its number (11 bytes) and whether it is the last (1 byte), and what is authenticated beside it is the
head. So a piece in another's place, a piece of another stream, and a stream that ends early do not open (the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). What is read was authentic; that it is whole is known at its end.
"""

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_MARK = b"nightdesk sealed\x01"
_SALT_BYTES = 32
_TAG_BYTES = 16
PIECE = 1 << 20


class Broken(ValueError):
    """It was sealed with another key, was changed or cut, or is not what `Sealer` made. The text says which, as far as known."""

    code = "sealed_stream_broken"


class Sealer(io.RawIOBase):
    """What is written here arrives sealed in `into`. `finish` writes the last piece; without it the stream counts as cut."""

    def __init__(self, into: BinaryIO, key: bytes) -> None:
        super().__init__()
        salt = os.urandom(_SALT_BYTES)
        self._into, self._head = into, _MARK + salt
        self._cipher, self._number, self._kept = _cipher(key, salt), 0, bytearray()
        into.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, content: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._kept += content
        # The last piece is never written here, as only `finish` knows that it is the last.
        while len(self._kept) > PIECE:
            self._seal(bytes(self._kept[:PIECE]), last=False)
            del self._kept[:PIECE]
        return len(content)

    def finish(self) -> None:
        """The stream is whole."""
        self._seal(bytes(self._kept), last=True)
        self._kept.clear()
        self._into.flush()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._into.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, self._head))
        self._number += 1


class Opener(io.RawIOBase):
    """What was written to a `Sealer`, read from `source`. Reading raises Broken; an empty read means: that was all, and whole."""

    def __init__(self, source: BinaryIO, key: bytes) -> None:
        super().__init__()
        self._source = source
        self._head = source.read(len(_MARK) + _SALT_BYTES)
        if not self._head.startswith(_MARK) or len(self._head) != len(_MARK) + _SALT_BYTES:
            raise Broken("This is not a file that Nightdesk has sealed, or it was cut.")
        self._cipher = _cipher(key, self._head[len(_MARK) :])
        self._number, self._ready, self._ended = 0, memoryview(b""), False
        self._next = source.read(PIECE + _TAG_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._ready and not self._ended:
            self._open_next()
        taken = min(len(buffer), len(self._ready))
        buffer[:taken] = self._ready[:taken]
        self._ready = self._ready[taken:]
        return taken

    def drain(self) -> None:
        """Read to the end. Raises Broken where it is not whole."""
        while self.read(PIECE):
            pass

    def _open_next(self) -> None:
        sealed, self._next = self._next, self._source.read(PIECE + _TAG_BYTES)
        self._ended = not self._next
        try:
            self._ready = memoryview(self._cipher.decrypt(_nonce(self._number, last=self._ended), sealed, self._head))
        except (InvalidTag, ValueError):
            raise Broken(
                f"Piece {self._number + 1} does not open: the key is another one, or the file was changed or cut."
            ) from None
        self._number += 1


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=salt, info=b"nightdesk sealed stream").derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + (b"\x01" if last else b"\x00")
