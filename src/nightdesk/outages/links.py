"""What stands in the secret addresses: a contact's feeds, one outage for a while, and how punctual we are for a while.

An address says by itself what it opens and until when; only a feed's can be shut before, by its serial number.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.core.signing import BadSignature, Signer

SHARED_FOR = timedelta(days=7)
"""How long a link to one outage opens it."""
ARCHIVE_FOR = timedelta(days=30)
"""How long a prospect may look at how punctual we are."""


@dataclass(frozen=True, slots=True)
class SharedOutage:
    """One outage until `until`: as `customer_id` is touched by it, or (None) as everybody is told of it."""

    outage_id: UUID
    customer_id: int | None
    until: datetime


@dataclass(frozen=True, slots=True)
class SharedArchive:
    """How punctual the brand is, without a word of what it was about, until `until`."""

    brand_id: int
    until: datetime


def feed_address(here: str, contact_id: int, serial: int, ending: str) -> str:
    """The contact's feed; `here`: where their brand is found, without a slash; `ending`: "atom" or "ics"."""
    token = _signer("feed").sign_object([contact_id, serial])
    return f"{here}/feeds/outages/{token}.{ending}"


def read_feed_token(token: str) -> tuple[int, int] | None:
    """(contact, serial) of a feed; None for a token that is not ours."""
    try:
        contact_id, serial = _signer("feed").unsign_object(token)
    except (BadSignature, ValueError):
        return None
    return int(contact_id), int(serial)


def outage_address(here: str, shared: SharedOutage) -> str:
    """Where whoever holds it reads of that one outage, without signing in."""
    until = int(shared.until.timestamp())
    token = _signer("outage").sign_object([str(shared.outage_id), shared.customer_id or 0, until])
    return f"{here}/shared/outage/{token}"


def read_outage_token(token: str) -> SharedOutage | None:
    """What a link opens, also once it has ended; None for one that is not ours."""
    try:
        outage_id, customer_id, until = _signer("outage").unsign_object(token)
        return SharedOutage(UUID(outage_id), int(customer_id) or None, datetime.fromtimestamp(int(until), UTC))
    except (BadSignature, ValueError):
        return None


def archive_address(here: str, shared: SharedArchive) -> str:
    """Where whoever holds it reads how punctual the brand is."""
    token = _signer("archive").sign_object([shared.brand_id, int(shared.until.timestamp())])
    return f"{here}/shared/punctuality/{token}"


def read_archive_token(token: str) -> SharedArchive | None:
    """What a link opens, also once it has ended; None for one that is not ours."""
    try:
        brand_id, until = _signer("archive").unsign_object(token)
        return SharedArchive(int(brand_id), datetime.fromtimestamp(int(until), UTC))
    except (BadSignature, ValueError):
        return None


def _signer(what: str) -> Signer:
    return Signer(salt=f"nightdesk.outages.{what}")
