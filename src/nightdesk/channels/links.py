"""The signed link in a message: it says which delivery it came with, and that we made it. So does the key in its mail address.

An id, a month and a signature; nothing is kept for it. Opening it changes nothing: mail scanners and previews open links
too. The page behind it shows a button, and the button is what answers.

The token in the address at which a gateway without signatures reports is made alike, and signed with another key: whoever
has a link could make receipts with it else.
"""

import base64
import binascii
import hmac
from datetime import date
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from nightdesk.base import vault
from nightdesk.base.refusals import NotFound

PATH = "/a/"
UNSUBSCRIBE_PATH = "/u/"
UNSUBSCRIBE = "unsubscribe"
"""The value of a delivery that says what may be unsubscribed by its mail, as "kind:id"."""
SHOWN_INSTEAD = "..."
"""What others read in the place of that address, which is its holder's alone."""
_SIGNATURE_BYTES = 10
_LENGTH = 16 + 2 + _SIGNATURE_BYTES
_RECEIPT_LENGTH = 8 + 16 + 2 + 2
_DEVICE_BYTES = 16
_SUBJECT_BYTES = 6
"""Of the signature beside an id that has 62 random bits itself; a longer one would not fit an address of ours."""


def make_link(delivery_id: UUID, month: date) -> str:
    """The whole address, under the public URL."""
    return f"{settings.PUBLIC_URL}{PATH}{make_token(delivery_id, month)}"


def make_token(delivery_id: UUID, month: date) -> str:
    """38 characters that are safe in a URL. `month` is the first day of the delivery's month."""
    return base64.urlsafe_b64encode(_signed(delivery_id, month)).rstrip(b"=").decode()


def make_key(delivery_id: UUID, month: date) -> str:
    """45 small letters and digits for a mail address, where capitals may be lost on the way."""
    return base64.b32encode(_signed(delivery_id, month)).rstrip(b"=").decode().lower()


def make_subject_key(purpose: str, subject_id: UUID) -> str:
    """36 small letters and digits for a mail address that stands for a subject as long as it lives, for that purpose alone."""
    signature = _signature(subject_id.bytes, f"address {purpose}")[:_SUBJECT_BYTES]
    return base64.b32encode(subject_id.bytes + signature).rstrip(b"=").decode().lower()


def read_subject_key(purpose: str, key: str) -> UUID | None:
    """The subject's id, in any case of letters; None for a key that we did not make for that purpose."""
    try:
        raw = base64.b32decode(key.upper().encode("ascii") + b"=" * (-len(key) % 8))
    except (UnicodeEncodeError, binascii.Error):
        return None
    if len(raw) != 16 + _SUBJECT_BYTES:
        return None
    return UUID(bytes=raw[:16]) if _is_signed(raw[:16], raw[16:], f"address {purpose}", _SUBJECT_BYTES) else None


def make_device_token(device_id: UUID) -> str:
    """What a browser keeps to renew its subscription with, long after whoever added it was signed in."""
    return base64.urlsafe_b64encode(device_id.bytes + _of_device(device_id)).rstrip(b"=").decode()


def read_device_token(token: str) -> UUID:
    """The device's id. Raises NotFound for a token that we did not make."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise _unknown() from None
    if len(raw) != 16 + _DEVICE_BYTES or not _is_signed(raw[:16], raw[16:], "devices", _DEVICE_BYTES):
        raise _unknown()
    return UUID(bytes=raw[:16])


def _of_device(device_id: UUID) -> bytes:
    return hmac.digest(vault.key_for("devices"), device_id.bytes, "sha256")[:_DEVICE_BYTES]


def read_link(token: str) -> tuple[UUID, date]:
    """The delivery's id and month. Raises NotFound for a token that we did not make."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise _unknown() from None
    return _identity(raw)


def read_key(key: str) -> tuple[UUID, date]:
    """As `read_link`, for what `make_key` made, in any case of letters."""
    try:
        raw = base64.b32decode(key.upper().encode("ascii") + b"=" * (-len(key) % 8))
    except (UnicodeEncodeError, binascii.Error):
        raise _unknown() from None
    return _identity(raw)


def _signed(delivery_id: UUID, month: date) -> bytes:
    identity = delivery_id.bytes + (month.year * 12 + month.month - 1).to_bytes(2)
    return identity + _signature(identity)


def _identity(raw: bytes) -> tuple[UUID, date]:
    identity, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if len(raw) != _LENGTH or not _is_signed(identity, signature, "links"):
        raise _unknown()
    year, month = divmod(int.from_bytes(identity[16:]), 12)
    return UUID(bytes=identity[:16]), date(year, month + 1, 1)


def make_receipt_token(route_id: int, delivery_id: UUID, month: date, attempt: int) -> str:
    """What the provider of the route gets with that attempt, and gives back with its receipt."""
    about = (month.year * 12 + month.month - 1).to_bytes(2) + min(attempt, 0xFFFF).to_bytes(2)
    identity = route_id.to_bytes(8) + delivery_id.bytes + about
    return base64.urlsafe_b64encode(identity + _signature(identity, "receipts")).rstrip(b"=").decode()


def read_receipt_token(token: str, route_id: int) -> tuple[UUID, date, int] | None:
    """The delivery's id, month and attempt; None for a token that we did not make for that route."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return None
    identity, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if len(identity) != _RECEIPT_LENGTH or not _is_signed(identity, signature, "receipts"):
        return None
    if int.from_bytes(identity[:8]) != route_id:
        return None
    year, month = divmod(int.from_bytes(identity[24:26]), 12)
    return UUID(bytes=identity[8:24]), date(year, month + 1, 1), int.from_bytes(identity[26:])


def make_unsubscribe_link(thing: str) -> str:
    """Where whoever holds it unsubscribes from that thing ("kind:id", at most 80 characters), under the public URL."""
    raw = thing.encode()
    token = base64.urlsafe_b64encode(_signature(raw, UNSUBSCRIBE) + raw).rstrip(b"=").decode()
    return f"{settings.PUBLIC_URL}{UNSUBSCRIBE_PATH}{token}"


def read_unsubscribe(token: str) -> tuple[str, str]:
    """The thing's kind and id. Raises NotFound for a token that we did not make."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise _unknown() from None
    signature, thing = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not _is_signed(thing, signature, UNSUBSCRIBE):
        raise _unknown()
    kind, _colon, thing_id = thing.decode().partition(":")
    return kind, thing_id


def _signature(identity: bytes, purpose: str = "links") -> bytes:
    return hmac.digest(vault.key_for(purpose), identity, "sha256")[:_SIGNATURE_BYTES]


def _is_signed(identity: bytes, signature: bytes, purpose: str, length: int = _SIGNATURE_BYTES) -> bool:
    """Whether we signed it, with the master key or an older one, in the first `length` bytes of the digest."""
    made = [hmac.digest(key, identity, "sha256")[:length] for key in vault.keys_for(purpose)]
    return any(hmac.compare_digest(signature, each) for each in made)


def _unknown() -> NotFound:
    return NotFound(
        _("This link was opened."), _("It is not one of ours, or was cut."), _("Open it again from the message.")
    )
