"""By what the row of a caller's PIN is found, without the PIN's text."""

import hashlib
import hmac

from nightdesk.base.vault import keys_for


def lookup_of(pin: str) -> str:
    """What `CallerPin.lookup` of a new PIN is to hold: 64 hexadecimal digits."""
    return lookups_of(pin)[0]


def lookups_of(pin: str) -> list[str]:
    """What `CallerPin.lookup` may hold for the PIN: under the master key, and under older ones, with which it may have been set.

    Slow on purpose (scrypt, then an HMAC under the installation's key): whoever has the table alone can try nothing, and
    whoever has the key as well needs a second of a processor for a few dozen tries.
    """
    slow = hashlib.scrypt(pin.encode(), salt=b"nightdesk caller PIN", n=2**13, r=8, p=1, dklen=32)
    return [hmac.new(key, slow, "sha256").hexdigest() for key in keys_for("caller PINs")]
