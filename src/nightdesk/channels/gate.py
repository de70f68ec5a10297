"""The way in to one provider: so many at once, so many a second, the urgent first."""

import asyncio
import heapq
import itertools
from datetime import datetime

from nightdesk.channels.pace import Pace

Order = tuple[int, int, datetime, int]
"""(0 urgent or 1 bulk, rank, due at, a number): the smallest goes first."""

_MARGIN = 1.05
"""Providers count their seconds differently from us: stay a little below what they allow."""
_CATCH_UP = 0.05
"""Seconds by which the gate may open late and still count from when it was due: else late timers would lower the rate."""


class Gate:
    """Lives in one event loop. Bulk leaves a quarter of the places free, so that something urgent finds one."""

    def __init__(self, at_once: int, per_second: float | None) -> None:
        self._places = {0: max(1, at_once), 1: max(1, at_once * 3 // 4)}
        self.pace = Pace(per_second / _MARGIN if per_second else None)
        self._open_at = 0.0
        self._inside: dict[int, float] = {}
        self._waiting: list[tuple[Order, int, asyncio.Future[int | None]]] = []
        self._numbers = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None

    async def enter(self, order: Order, patience: float) -> int | None:
        """A token for `leave`, or None when no place was free for `patience` seconds."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int | None] = loop.create_future()
        heapq.heappush(self._waiting, (order, next(self._numbers), future))
        self._let_in()
        if future.done():
            return future.result()
        enough = loop.call_later(patience, _give_up, future)
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled() and (token := future.result()) is not None:
                self.leave(token)
            raise
        finally:
            enough.cancel()

    def leave(self, token: int) -> None:
        """The message of `token` is through, whatever came of it."""
        self._inside.pop(token, None)
        self._let_in()

    def took(self, messages: int) -> None:
        """The provider has counted one entry as so many messages, none or more."""
        now = asyncio.get_running_loop().time()
        if messages:
            self.pace.taken(now, messages)
        self._open_at += self.pace.gap * max(0, messages - 1)

    def slow_down(self, token: int) -> None:
        """The provider refused the message of `token` because they come too fast."""
        now = asyncio.get_running_loop().time()
        self._open_at = max(self._open_at, self.pace.refused(self._inside.get(token, now), now))

    def hold(self, seconds: float) -> None:
        """Let nobody in for so long: the provider asked for it."""
        self._open_at = max(self._open_at, asyncio.get_running_loop().time() + seconds)

    def slowest(self) -> float:
        """Seconds that the longest of those inside has been there."""
        now = asyncio.get_running_loop().time()
        return now - min(self._inside.values(), default=now)

    def _let_in(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._waiting:
            order, number, future = self._waiting[0]
            if not future.done():
                if len(self._inside) >= self._places[order[0]]:
                    return
                if now < self._open_at:
                    self._look_again_at(self._open_at)
                    return
                due = self._open_at if now - self._open_at < _CATCH_UP else now
                self._open_at = due + self.pace.gap
                self._inside[number] = now
                future.set_result(number)
            heapq.heappop(self._waiting)

    def _look_again_at(self, when: float) -> None:
        if self._alarm is not None and not self._alarm.cancelled() and self._alarm.when() <= when:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(when, self._rung)

    def _rung(self) -> None:
        self._alarm = None
        self._let_in()


def _give_up(future: "asyncio.Future[int | None]") -> None:
    if not future.done():
        future.set_result(None)
