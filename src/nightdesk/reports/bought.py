"""How long all that customers bought ran together, of any period: the whole of which availability is a share. Pure.

Each is a stretch; how much of all of them lies before an instant is a line that bends where one begins or ends, so that a period
costs two look-ups however many there are.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

MS = timedelta(milliseconds=1)


class Stretch(NamedTuple):
    """`many` subscriptions over [`since`, `until`); None: from before anything is counted, and without an end."""

    since: datetime | None
    until: datetime | None
    many: int = 1


class Bought:
    """Stretches, added up."""

    def __init__(self, stretches: Iterable[Stretch]) -> None:
        self._always = 0
        bends: defaultdict[datetime, int] = defaultdict(int)
        for since, until, many in stretches:
            if since is not None and until is not None and until <= since:
                continue
            if since is None:
                self._always += many
            else:
                bends[since] += many
            if until is not None:
                bends[until] -= many
        self._bends = sorted(bends)
        self._running: list[int] = []
        self._before: list[timedelta] = []
        running, before = 0, timedelta(0)
        for number, bend in enumerate(self._bends):
            before += running * (bend - self._bends[max(number - 1, 0)])
            running += bends[bend]
            self._running.append(running)
            self._before.append(before)

    def ms(self, start: datetime, end: datetime) -> int:
        """How long they ran over [`start`, `end`), all together; 0 where that is no time. Periods that meet add up."""
        if end <= start:
            return 0
        return self._always * ((end - start) // MS) + self._until(end) - self._until(start)

    def _until(self, at: datetime) -> int:
        place = bisect_right(self._bends, at) - 1
        if place < 0:
            return 0
        return (self._before[place] + self._running[place] * (at - self._bends[place])) // MS
