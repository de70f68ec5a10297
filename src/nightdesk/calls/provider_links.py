"""Our own addresses for a telephony provider: what it asks and tells of a leg, and what a leg is to hear.

It signs what it asks. What it plays it fetches without a signature of its own, so those addresses are signed by us.
"""

import hmac

from django.conf import settings

from nightdesk.base import vault
from nightdesk.calls.models import Call

_LENGTH = 32
_PURPOSE = "line sounds"


def leg_address(call: Call, leg: str, what: str, turn: int) -> str:
    """Where a leg asks or tells `what` (`api.WHAT`) of the document of that turn."""
    return f"{settings.PUBLIC_URL}/providers/twilio/{route_of(call)}/line/{call.pk}/{leg}/{what}?n={turn}"


def route_of(call: Call) -> int:
    """The id of the route that carries the call, 0 for none: "twiml:7" is that of 7."""
    number = call.exchange.partition(":")[2]
    return int(number) if number.isdigit() else 0


def sound_address(route_id: int, name: str) -> str:
    """The whole address, under the public URL."""
    return f"{settings.PUBLIC_URL}/providers/twilio/{route_id}/line/sound/{name}/{_token(route_id, name)}.wav"


def is_sound_link(route_id: int, name: str, token: str) -> bool:
    """Whether we made it."""
    made = [_made_with(key, route_id, name) for key in vault.keys_for(_PURPOSE)]
    return any(hmac.compare_digest(token.encode(), each.encode()) for each in made)


def _token(route_id: int, name: str) -> str:
    return _made_with(vault.key_for(_PURPOSE), route_id, name)


def _made_with(key: bytes, route_id: int, name: str) -> str:
    return hmac.digest(key, f"{route_id} {name}".encode(), "sha256").hex()[:_LENGTH]
