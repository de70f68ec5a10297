"""The worker process: threads that claim due rows and keep them, a heart that beats, an ear for wake-ups.

Whatever dies is replaced: a killed worker's leases come free after `leases.DEAD_AFTER`; a thread that hangs longer than
`HANG_LIMIT` ends the whole process, and `nightdesk serve` (or systemd) starts another. While the database is away every
thread waits and tries again.
"""

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from nightdesk.base import clock, ear, leases, promises
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Leased, Promise, Worker

log = logging.getLogger(__name__)

POLL_EVERY = 0.2
"""Seconds between looks when nothing wakes us: the bound on how late a lost wake-up can make anything."""
LEAST_WAIT = 0.01
SWITCH_S = 0.0005
"""Seconds that a thread has the interpreter while others want it (Python's own is 5 ms): whoever talks to a provider or a caller
gives it away at each answer, and must not wait so long to have it back.
"""
RETRY_AFTER = 0.3
"""Seconds that a thread waits after an error."""
HANG_LIMIT = 60.0
"""Seconds that one claim, promise or joint batch may take before the process gives itself up."""
STRUCK_OFF = 75
"""Exit status of a worker that was taken for dead, or hung: start another."""

BATCH = {"page": 20, "follow": 50, "plain": 500}
THREADS = {"page": 2, "follow": 1, "plain": 2}


class Bell:
    """Wakes whoever waits for one kind of work. Read `rung` before looking for work, and pass it to `wait`."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.rung = 0

    def ring(self) -> None:
        """Wake everybody who waits, and whoever is about to."""
        with self._condition:
            self.rung += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Wait until it has rung more than `seen` times, or `seconds`."""
        with self._condition:
            if self.rung == seen:
                self._condition.wait(seconds)


class Shift:
    """What a running thread needs to know of its process: who it is, when to stop, and how to wait for work."""

    def __init__(self, name: str) -> None:
        self.worker: UUID = uuid7()
        self.name = name
        self.stopping = threading.Event()
        self._bells: dict[str, Bell] = defaultdict(Bell)
        self._busy: dict[int, float] = {}

    def bell(self, whom: str) -> "Bell":
        """What wakes the threads of the lane `whom`, or the thread of that name."""
        return self._bells[whom]

    def wake(self, whom: str = "") -> None:
        """Let the waiting threads of `whom` look at once; without a name, all of them."""
        for bell in [self._bells[whom]] if whom else list(self._bells.values()):
            bell.ring()

    def stop(self) -> None:
        """Ask every thread to end after what it holds."""
        self.stopping.set()
        self.wake()

    def begin(self) -> None:
        """The calling thread starts something (and is done with what it did before) that must not take longer than
        `HANG_LIMIT`.
        """
        self._busy[threading.get_ident()] = time.monotonic()

    def end(self) -> None:
        """The calling thread is done with it."""
        self._busy.pop(threading.get_ident(), None)

    def hung_for(self) -> float:
        """Seconds that the longest-busy thread has been busy."""
        return max((time.monotonic() - since for since in list(self._busy.values())), default=0.0)


Runner = Callable[[Shift], None]
RUNNERS: dict[str, Runner] = {}
"""Further threads of a worker, by name: the sender of messages, the sealer. Filled by `nightdesk.wiring`."""
LEASED: list[type[Leased]] = [Promise]
"""Every table of leased rows, so that a dead worker's leases are released in all of them. Added to by wiring."""


def lane(name: str) -> Runner:
    """A thread that keeps the promises of one lane."""

    def keep_lane(shift: Shift) -> None:
        def next_one() -> bool:
            shift.begin()
            return not shift.stopping.is_set()

        bell = shift.bell(name)
        seen = bell.rung
        shift.begin()
        try:
            rows = leases.claim(Promise, name, BATCH[name], at=clock.now(), worker=shift.worker)
            promises.keep_many(rows, go_on=next_one)
        finally:
            shift.end()
        if not rows and not shift.stopping.is_set():
            due_in_s = leases.due_in(Promise, name, at=clock.now()).total_seconds()
            # Never at once: what is due and was not claimed is locked by somebody, perhaps for seconds.
            bell.wait(seen, min(POLL_EVERY, max(LEAST_WAIT, due_in_s)))

    def give_back(shift: Shift) -> None:
        freed = leases.give_back(Promise, worker=shift.worker, lane=name)
        if freed:
            log.warning("Gave back %s leases of lane %s", freed, name)

    return forever(keep_lane, recover=give_back)


def forever(step: Runner, *, recover: Runner | None = None) -> Runner:
    """Repeat `step` until the shift ends, waiting out a database that is away and outliving any error of one step.

    After an error `recover` is called before the next step, again and again until it succeeds: whoever claims rows gives
    back there what it may have leased without knowing (`leases.give_back`), as nobody else frees a living worker's leases.
    """

    def run(shift: Shift) -> None:
        stumbled = False
        while not shift.stopping.is_set():
            try:
                if stumbled and recover is not None:
                    recover(shift)
                stumbled = False
                step(shift)
            except (DatabaseError, InterfaceError) as error:
                stumbled = True
                log.warning(
                    "The database is away, or refuses: %s", " ".join(str(error).split()) or type(error).__name__
                )
                connection.close()
                shift.stopping.wait(RETRY_AFTER)
            except Exception:
                stumbled = True
                log.exception("A worker thread stumbled; it goes on")
                connection.close()
                shift.stopping.wait(RETRY_AFTER)
        connection.close()

    return run


def watch(shift: Shift) -> None:
    """End the process once a thread hangs for longer than `HANG_LIMIT`. Asks nothing of the database, which may be why."""
    while not shift.stopping.wait(1.0):
        if shift.hung_for() > HANG_LIMIT:
            log.critical("A thread has hung for %.0f s; this worker gives itself up", shift.hung_for())
            os._exit(STRUCK_OFF)


class Heart:
    """Beats, releases the dead, and keeps the clock on the database's time."""

    def __init__(self) -> None:
        self._beating_since: float | None = None
        self.registered = threading.Event()

    def __call__(self, shift: Shift) -> None:
        """One beat, then a pause of `leases.BEAT_EVERY`."""
        try:
            self._beat(shift)
        except Exception:
            self._beating_since = None
            raise
        shift.stopping.wait(leases.BEAT_EVERY.total_seconds())

    def _beat(self, shift: Shift) -> None:
        clock.follow(database_time())
        at = clock.now()
        if not self.registered.is_set():
            entry = Worker(id=shift.worker, name=shift.name, started_at=at, beat_at=at)
            # The first try may have come through without our hearing of it.
            Worker.objects.bulk_create([entry], ignore_conflicts=True)
            self.registered.set()
        elif not leases.beat(shift.worker, at=at):
            # What it has in hand may be in other hands by now; ending is the shortest way to do nothing twice.
            log.critical("This worker was taken for dead; it ends, and another starts afresh")
            os._exit(STRUCK_OFF)
        # After the database was away everybody looks silent: strike nobody off before all had time to beat again.
        pulse = time.monotonic()
        self._beating_since = pulse if self._beating_since is None else self._beating_since
        if pulse - self._beating_since >= leases.DEAD_AFTER.total_seconds():
            freed = leases.release_dead(LEASED, at=at)
            if freed:
                log.warning("Released %s leases of workers that died", freed)
                shift.wake()


def listen(shift: Shift) -> None:
    """Wake the shift whenever somebody committed work. If the ear is lost, polling goes on and the ear is made anew."""
    try:
        with psycopg.connect(**ear.address(), autocommit=True) as line:
            line.execute(f"LISTEN {promises.WAKE_CHANNEL}".encode())
            while not shift.stopping.is_set():
                for told in line.notifies(timeout=POLL_EVERY, stop_after=1):
                    shift.wake(told.payload)
    except psycopg.Error as error:
        log.warning("Nobody can wake this worker just now (%s); it looks every %s s", error, POLL_EVERY)
        shift.stopping.wait(0.5)


def database_time() -> datetime:
    """The database's own present instant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nightdesk_now()")
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def work(shift: Shift, *, patience: timedelta = timedelta(seconds=6)) -> None:
    """Run a whole worker until `shift.stop()`; then threads finish what they hold, at most `patience`.

    Nothing is claimed before this worker stands in the list. When it comes back the leases that it still had are free.
    """
    heart = Heart()
    runners: dict[str, Runner] = {"heart": forever(heart), "watch": watch, "ear": forever(listen)}
    for name, count in THREADS.items():
        runners |= {f"{name}-{number}": lane(name) for number in range(count)}
    runners |= {name: forever(runner) for name, runner in RUNNERS.items()}
    threads = [
        threading.Thread(target=runner, args=(shift,), name=name, daemon=True) for name, runner in runners.items()
    ]
    started = []
    for thread in threads:  # the heart first
        thread.start()
        started.append(thread)
        while not (heart.registered.wait(POLL_EVERY) or shift.stopping.is_set()):
            pass
        if shift.stopping.is_set():
            break
    shift.stopping.wait()
    shift.wake()
    end = time.monotonic() + patience.total_seconds()
    for thread in started:
        thread.join(max(0.0, end - time.monotonic()))
    try:
        leases.leave(LEASED, worker=shift.worker)
    except (DatabaseError, InterfaceError) as error:
        log.warning("The database is away (%s); other workers will free what this one held", error)
    finally:
        connection.close()
