"""How often a caller may ask. Counted in this process: several web processes each allow as much."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from django.utils.translation import gettext as _

from nightdesk.base.refusals import TooMany


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` requests at once, and `per_second` of them come back each second."""

    per_second: float
    burst: int


class Bucket:
    """Counts many callers against one limit. What it keeps is one number a caller, and only while it matters."""

    def __init__(
        self, limit: Limit, *, most_callers: int = 10_000, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = limit
        self._most_callers = most_callers
        self._seconds = seconds
        self._full_again: dict[str, float] = {}
        self._lock = Lock()

    def wait(self, caller: str) -> float:
        """Count a request of `caller`: 0.0 where it is within the limit, else the seconds until one would be."""
        each = 1 / self.limit.per_second
        with self._lock:
            now = self._seconds()
            if len(self._full_again) >= self._most_callers:
                self._forget(now)
            full_again = max(self._full_again.get(caller, now), now)
            too_soon = full_again + each - now - self.limit.burst * each
            if too_soon > 1e-9:
                return too_soon
            self._full_again[caller] = full_again + each
            return 0.0

    def take(self, caller: str) -> None:
        """Count a request of `caller`. Raises TooMany with `retry_after`, in whole seconds."""
        seconds = math.ceil(self.wait(caller))
        if seconds:
            raise TooMany(
                _("Another request was made."),
                _("At most %(burst)s may come at once, and %(rate)g a second after that.")
                % {"burst": self.limit.burst, "rate": self.limit.per_second},
                _("Ask again in %(seconds)s s.") % {"seconds": seconds},
                retry_after=seconds,
            )

    def clear(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._full_again.clear()

    def _forget(self, now: float) -> None:
        """Drop those whose bucket is full anyway; if that frees nothing, everybody: it is memory that must not grow."""
        self._full_again = {caller: full for caller, full in self._full_again.items() if full > now}
        if len(self._full_again) >= self._most_callers:
            self._full_again.clear()


CALLERS = Bucket(Limit(per_second=50, burst=200))
"""By token, or by the user of a session."""
STRANGERS = Bucket(Limit(per_second=5, burst=50))
"""By address, for requests behind which nobody is known."""
