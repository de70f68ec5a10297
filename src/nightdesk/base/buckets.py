"""How often something may be done by one key: a bucket a key, in the memory of this process.

Of alarms it protects the pager from a sender gone mad, and is wide enough for a real storm, which is folded and not refused.
"""

import math
import threading
from collections import OrderedDict
from datetime import datetime

from django.http import HttpRequest
from django.utils.translation import gettext as _

from nightdesk.base.refusals import TooMany


class Buckets:
    """Buckets that hold `size` and gain `a_second`; the least used are forgotten beyond `most`, and start full."""

    def __init__(self, a_second: float, size: float, most: int = 10_000) -> None:
        self._a_second, self._size, self._most = a_second, size, most
        self._held: OrderedDict[str, tuple[float, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, at: datetime) -> bool:
        """Take one from the bucket of `key`; False where it is empty, and the request is over the limit."""
        with self._lock:
            left, since = self._held.pop(key, (self._size, at))
            # A clock that was set back gives nothing and takes nothing.
            left = min(self._size, left + max(0.0, (at - since).total_seconds()) * self._a_second)
            allowed = left >= 1
            self._held[key] = (left - 1 if allowed else left, max(at, since))
            if len(self._held) > self._most:
                self._held.popitem(last=False)
            return allowed

    def let_in(self, request: HttpRequest, at: datetime, door: object = "") -> None:
        """Take one for the address that asks, at that door. Raises TooMany where it may not just now."""
        if not self.take(f"{door}:{request.META.get('REMOTE_ADDR', '')}", at):
            raise TooMany(
                _("You asked without signing in."),
                _("Too much was asked from your address."),
                _("Wait a moment, then ask again."),
                retry_after=math.ceil(1 / self._a_second),
            )
