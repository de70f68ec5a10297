"""How fast a provider lets us go, learnt from what it takes and what it refuses.

Nothing is known at first, and nothing is held back. The first refusal tells the rate: providers count what they took within
a second, so what this one took within the last one is what it allows. From then on we stay just below that, and try a little
more all the time: slowly at first, faster when it has refused nothing for a while.

Instants are seconds of any clock that only goes forwards. Nothing here reads one.
"""

from collections import deque

SECOND = 1.0
BELOW = 0.96
"""Of the rate that was seen to be allowed."""
CREEP, STRIDE = 1.01, 1.25
"""Growth in a second without a refusal: at first, and after CALM seconds."""
CALM = 8.0
SLOWEST = 0.5
"""Messages a second below which no refusal brings us."""
FORGET_ABOVE = 1000.0


class Pace:
    """`limit`: messages a second that are never exceeded, where the provider has told us. `rate`: what was learnt, or None."""

    def __init__(self, limit: float | None = None) -> None:
        self.rate: float | None = None
        self._limit = limit
        self._taken: deque[float] = deque()
        self._refused_at = self._grown_at = 0.0

    @property
    def gap(self) -> float:
        """Seconds between two messages now; 0 where nothing holds them back."""
        rates = [rate for rate in (self.rate, self._limit) if rate]
        return 1.0 / min(rates) if rates else 0.0

    def taken(self, at: float, messages: int = 1) -> None:
        """The provider took them at `at`."""
        self._forget(at)
        self._taken.extend([at] * messages)
        if self.rate is None:
            return
        passed = min(SECOND, max(0.0, at - self._grown_at))
        self._grown_at = max(at, self._grown_at)
        self.rate *= (STRIDE if at - self._refused_at > CALM else CREEP) ** passed
        if self.rate > FORGET_ABOVE:
            self.rate = None

    def refused(self, begun: float, at: float) -> float:
        """It refused at `at`, as too much, what was sent at `begun`; returns the instant before which it takes no more.

        What was sent before the last change tells nothing new about the rate.
        """
        self._forget(at)
        allowed = len(self._taken) / SECOND
        if self.rate is None or begun >= self._refused_at:
            known = self.rate if self.rate is not None else max(allowed, SLOWEST)
            seen = allowed if allowed else known / 2
            self.rate = max(SLOWEST, min(known, seen) * BELOW)
            self._refused_at = self._grown_at = at
        # Until the oldest of the last second is none of it any more, the provider's count is full.
        return max(at + self.gap, self._taken[0] + SECOND if self._taken else at + SECOND)

    def _forget(self, at: float) -> None:
        while self._taken and self._taken[0] <= at - SECOND:
            self._taken.popleft()
