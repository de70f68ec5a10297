"""The process that runs calls: one exchange's events in, orders out, timers between, and calls adopted after a restart.

Each call has a queue of its own; what was heard is written in a thread, never in the driver's reader; orders go out after the
commit, before the next event of the call is taken. Callers are answered by a thread of its own, so that nobody who rings waits
behind what others have keyed. What other processes ask of a call lies in a table (`Asking`), and is heard
by NOTIFY, or at the next look.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from nightdesk.base import clock, ear, promises
from nightdesk.calls import adopting, flow, running
from nightdesk.lines.exchange import Alive, Came, Exchange, Gone

log = logging.getLogger(__name__)

THREADS = 2
"""Python runs one at a time: with more of them, whoever rings waits longer for their answer (measured: `bench calls`)."""
LOOK_EVERY = 2.0
"""Seconds between looks at what others ask of our calls, where nothing wakes us."""
TRY_AGAIN_AFTER = (0.1, 0.3, 1.0, 3.0)
"""Seconds; the last one again and again: an event is never dropped because the database is away."""

Result = TypeVar("Result")


@dataclass(slots=True)
class _Running:
    """What this process has of a call."""

    queue: "asyncio.Queue[tuple[flow.Event, str, asyncio.Future[None] | None]]" = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None
    timers: dict[str, tuple[datetime, asyncio.TimerHandle]] = field(default_factory=dict)


class Runner:
    """Runs the calls of one exchange, whose name (`Call.exchange`) is `name`."""

    def __init__(self, name: str, exchange: Exchange) -> None:
        self.name = name
        self.exchange = exchange
        self._calls: dict[UUID, _Running] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="call")
        self._answering = ThreadPoolExecutor(1, thread_name_prefix="answer")
        self._adopted = asyncio.Event()

    async def run(self) -> None:
        """Until it is cancelled. Calls that were running are adopted before the first event is heard."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.exchange.run(self.heard))
            group.create_task(self._adopt_and_listen())

    async def heard(self, call_id: UUID, event: flow.Event, once: str = "") -> None:
        """An event of a call, as a driver reports it: returns once it is written down and its orders are carried out.

        What a driver reports while it carries out orders of the same call waits behind them, and is not waited for.
        """
        done = asyncio.get_running_loop().create_future()
        if self._put(call_id, event, once, done).task is not asyncio.current_task():
            await done

    async def _adopt_and_listen(self) -> None:
        await self.adopt(await self.exchange.alive())
        await self._listen()

    async def adopt(self, alive: Sequence[Alive]) -> None:
        """Go on with every call that ran; `alive` are those that the exchange still has. Events that came before wait for it."""
        found = {each.call: each for each in alive}
        for left in await self._in_thread(adopting.left_behind, self.name, found):
            if left.orders:
                await self.exchange.carry_out(left.call_id, left.orders)
            self._arm(left.call_id, left.timers)
            for leg in left.gone:
                self._put(left.call_id, Gone(leg, "failed", "while Nightdesk was away"), "", None)
        self._adopted.set()

    def _put(self, call_id: UUID, event: flow.Event, once: str, done: "asyncio.Future[None] | None") -> _Running:
        call = self._calls.setdefault(call_id, _Running())
        call.queue.put_nowait((event, once or uuid4().hex, done))
        if call.task is None or call.task.done():
            call.task = asyncio.create_task(self._work(call_id, call))
        return call

    async def _work(self, call_id: UUID, call: _Running) -> None:
        """What waits in the call's queue, one after the other."""
        await self._adopted.wait()
        while not call.queue.empty():
            event, once, done = call.queue.get_nowait()
            result = await self._hear(call_id, event, once)
            if result.orders:
                await self.exchange.carry_out(call_id, result.orders)
            if result.over:
                self._forget(call_id)
            else:
                self._arm(call_id, result.timers)
            if done is not None and not done.done():
                done.set_result(None)

    async def _hear(self, call_id: UUID, event: flow.Event, once: str) -> running.Done:
        """As often as it takes until the database has it."""
        tries = 0
        while True:
            try:
                if isinstance(event, Came):
                    return await self._in_thread(self._answer, call_id, event, threads=self._answering)
                return await self._in_thread(self._hear_once, call_id, event, once)
            except (DatabaseError, InterfaceError) as error:
                wait_s = TRY_AGAIN_AFTER[min(tries, len(TRY_AGAIN_AFTER) - 1)]
                log.warning("Call %s: the database is away, or refuses (%s); again in %s s", call_id, error, wait_s)
                tries += 1
                await asyncio.sleep(wait_s)

    def _hear_once(self, call_id: UUID, event: flow.Event, once: str) -> running.Done:
        reachable = self.exchange.reachable
        return running.hear_event(call_id=call_id, event=event, at=clock.now(), once=once, reachable=reachable)

    def _answer(self, call_id: UUID, came: Came) -> running.Done:
        return running.answer_call(exchange=self.name, came=came, at=clock.now(), call_id=call_id)

    async def _in_thread(
        self, work: Callable[..., Result], *args: object, threads: ThreadPoolExecutor | None = None
    ) -> Result:
        return await asyncio.get_running_loop().run_in_executor(
            threads or self._threads, partial(_with_connection, work, *args)
        )

    # --- Timers ---

    def _arm(self, call_id: UUID, timers: Mapping[str, datetime]) -> None:
        """Exactly these are armed for the call."""
        call = self._calls.setdefault(call_id, _Running())
        for name in [name for name, (due_at, _handle) in call.timers.items() if timers.get(name) != due_at]:
            call.timers.pop(name)[1].cancel()
        loop, now = asyncio.get_running_loop(), clock.now()
        for name, due_at in timers.items():
            if name not in call.timers:
                wait_s = max(0.0, (due_at - now).total_seconds())
                call.timers[name] = (due_at, loop.call_later(wait_s, self._fall_due, call_id, name))

    def _fall_due(self, call_id: UUID, name: str) -> None:
        call = self._calls.get(call_id)
        if call is not None:
            call.timers.pop(name, None)
            self._put(call_id, flow.Due(name), "", None)

    def _forget(self, call_id: UUID) -> None:
        call = self._calls.pop(call_id, None)
        for _due_at, handle in call.timers.values() if call is not None else ():
            handle.cancel()

    # --- What others ask ---

    async def _listen(self) -> None:
        """Hear what the web, the API and the worker want of our calls; when we are not woken, look all the same."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**ear.address(), autocommit=True) as line:
                    await line.execute(f"LISTEN {promises.WAKE_CHANNEL}".encode())
                    while True:
                        await self._hear_asked()
                        await self._until_woken(line)
            except (psycopg.Error, DatabaseError, InterfaceError) as error:
                log.warning("Nobody can ask anything of calls for a moment: %s", error)
                await asyncio.sleep(LOOK_EVERY)

    async def _hear_asked(self) -> None:
        for asked in await self._in_thread(adopting.asked_of, self.name):
            await self.heard(asked.call_id, asked.event, once=f"asked:{asked.asking_id}")
            await self._in_thread(adopting.note_heard, asked.asking_id)

    async def _until_woken(self, line: "psycopg.AsyncConnection[Any]") -> None:
        """Until somebody wakes us, or it is time to look."""
        ours = adopting.wakes(self.name)
        until = asyncio.get_running_loop().time() + LOOK_EVERY
        while (left := until - asyncio.get_running_loop().time()) > 0:
            async for word in line.notifies(timeout=left, stop_after=1):
                if word.payload == ours:
                    return


def _with_connection(work: Callable[..., Result], *args: object) -> Result:
    """In a thread of ours: a connection that broke is not used again."""
    try:
        return work(*args)
    except (DatabaseError, InterfaceError):
        connection.close()
        raise
