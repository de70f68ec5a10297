"""What `nightdesk serve` holds up: the database and the processes beside it. Whatever dies is started again.

The children write to our own output; nothing is piped. Each leads a session of its own, so that Ctrl-C in a terminal
reaches only us and they can be ended in order, and so that what a killed child leaves behind can be ended with it.

Should the supervisor itself be killed, the kernel sends its children SIGTERM (PR_SET_PDEATHSIG: set for the thread that
starts them, hence `run` belongs into the main thread). What does not go by that is ended by the next supervisor of
the same state folder, which knows it by a variable in its environment. PostgreSQL deliberately stays and is adopted.
"""

import ctypes
import logging
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from nightdesk.base import env, procfs
from nightdesk.base.cluster import CannotStart, make_folder
from nightdesk.base.lock import Held, Lock
from nightdesk.base.postgres import Database

log = logging.getLogger("nightdesk.processes")

_MARK = "NIGHTDESK_SUPERVISED_BY"
_PR_SET_PDEATHSIG = 1
_TICK_S = 0.2
_QUICK_DEATH_S = 10.0
_PAUSES_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_STOP_S = 8.0
_TELL_EVERY_S = 10.0
_TEND_EVERY_S = 60.0


class AlreadyServed(RuntimeError):
    """Another supervisor holds the state folder."""

    code = "already_served"


class StepFailed(RuntimeError):
    """A child that had to run to its end came back with an error; nothing after it was started."""

    code = "step_failed"

    def __init__(self, name: str, status: int) -> None:
        super().__init__(f"{name} ended with status {status}; what it wrote stands above. Nothing else was started.")
        self.name, self.status = name, status


@dataclass(frozen=True)
class Child:
    """A process to hold up.

    `env` comes on top of our own environment. `ready`: a quick look whether it does its work by now, asked again and
    again before the next child is started for the first time; an OSError counts as no; None: ready once started.
    `once`: it runs to its end before the next is started (a migration), and again only if a signal killed it.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    once: bool = False


def pause_before_restart(quick_deaths: int) -> float:
    """Seconds to wait after a death, when so many in a row before it came soon after the start too. It never ends."""
    return _PAUSES_S[min(quick_deaths, len(_PAUSES_S) - 1)]


@dataclass
class _Held:
    """One child in our hands. Instants are of time.monotonic."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    quick_deaths: int = 0
    ready: bool = False
    told_at: float = 0.0

    @property
    def ended(self) -> bool:
        return self.child.once and self.ready


class Supervisor:
    """Starts the database, then the children in order, and holds them up until it is told to stop."""

    def __init__(self, children: Sequence[Child], *, state: Path, database: Database) -> None:
        self._held = [_Held(child) for child in children]
        self._state = state.resolve()
        self._database = database
        self._database_up = False
        self._database_due_at = 0.0
        self._url = ""
        self._database_deaths = 0
        self._tended_at = time.monotonic()
        self._stopping = False
        self._hurry = False
        self._wakeup: socket.socket | None = None

    def run(self) -> None:
        """Hold everything up; come back after SIGINT, SIGTERM or SIGHUP, when nothing of it runs any more.

        A second signal while stopping kills what has not ended yet. Raises AlreadyServed before anything is started;
        CannotStart (the database, the first time) and StepFailed after everything is ended.
        """
        make_folder(self._state)
        try:
            lock = Lock(self._state / "serve.lock")
        except Held as held:
            raise AlreadyServed(
                f"Nightdesk already runs on {self._state} ({f'process {held.by}' if held.by else 'another process'}). "
                "Stop that one first, or set NIGHTDESK_STATE_DIR to another folder."
            ) from None
        with lock, self._signals():
            try:
                self._end_leftovers()
                self._database.begin()
                while not self._stopping:
                    self._hold_database()
                    self._hold_children()
                    self._reap_strangers()
                    self._sleep()
            finally:
                self._stop()

    def stop(self) -> None:
        """Ask `run` to end everything and come back; a second time: to lose no time over it."""
        self._hurry = self._stopping
        self._stopping = True

    @contextmanager
    def _signals(self) -> Iterator[None]:
        ours, wakes = socket.socketpair()
        for end in (ours, wakes):
            end.setblocking(False)
        before: dict[signal.Signals, object] = {}
        told = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            told.append(signal.SIGHUP)
        for one in told:
            before[one] = signal.signal(one, lambda *_: self.stop())
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)  # only so that it wakes us
        wakeup_before = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        self._wakeup = ours
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for one, handler in before.items():
                signal.signal(one, handler)  # type: ignore[arg-type]
            ours.close()
            wakes.close()

    def _sleep(self) -> None:
        """Until a signal comes (a child's death is one), or the next thing is due, at most 0.2 s."""
        now = time.monotonic()
        due = [held.due_at - now for held in self._held if held.process is None and held.due_at > now]
        self._wait(min([_TICK_S, *due]))

    def _wait(self, timeout_s: float) -> None:
        assert self._wakeup is not None
        select.select([self._wakeup], [], [], timeout_s)
        with suppress(BlockingIOError):
            while self._wakeup.recv(512):
                pass

    # The database.

    def _hold_database(self) -> None:
        now = time.monotonic()
        if self._database_up and not self._database.alive():
            log.warning("The database died and is started again.")
            self._database_up = False
        if self._database_up:
            if now - self._tended_at >= _TEND_EVERY_S:
                self._tended_at = now
                self._database.tend()
        elif now >= self._database_due_at:
            try:
                if not self._database.alive():
                    self._database.begin()
                if self._database.ready():
                    self._database_up, self._url = True, self._database.url
            except CannotStart as error:
                if not any(held.process or held.ready for held in self._held):
                    raise  # the first time: the installation is wrong, and somebody sits in front of it
                self._database_deaths += 1
                pause_s = pause_before_restart(self._database_deaths)
                self._database_due_at = time.monotonic() + pause_s
                log.error("%s Next attempt in %.1f s.", error, pause_s)
            else:
                self._database_deaths = 0

    # The children.

    def _hold_children(self) -> None:
        for held in self._held:
            if held.ended:
                continue
            if held.process is not None:
                self._look_after_death(held)
            if held.process is None and not held.ended and time.monotonic() >= held.due_at:
                if not held.ready and not self._database_up:
                    return  # nothing is started for the first time without the database
                self._start(held)
            if not held.ready:
                self._look_whether_ready(held)
            if not held.ready:
                return  # what follows waits for it

    def _start(self, held: _Held) -> None:
        child = held.child
        surroundings = {**os.environ, "NIGHTDESK_DATABASE_URL": self._url, **child.env}
        surroundings[_MARK] = self._mark
        surroundings.pop("NIGHTDESK_DATABASE_URL_FILE", None)  # the URL itself is given
        held.started_at = held.told_at = time.monotonic()
        try:
            held.process = subprocess.Popen(  # noqa: S603
                list(child.argv),
                env=surroundings,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_bound_to_us(),  # noqa: PLW1509 - no threads here, and nothing else binds them before exec
            )
        except OSError as error:
            log.error("%s cannot be started: %s", child.name, error)
            self._plan_restart(held)
        else:
            log.info("%s runs as process %d.", child.name, held.process.pid)

    def _look_after_death(self, held: _Held) -> None:
        """If it has ended: end what it left, reap it, and plan its restart. Raises StepFailed."""
        assert held.process is not None
        process = held.process
        if not _ended(process):
            return
        _kill_group(process.pid)
        status = process.wait()
        held.process = None
        if held.child.once and status >= 0:
            if status:
                raise StepFailed(held.child.name, status)
            held.ready = True
            return
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        self._plan_restart(held)
        pause_s = max(0.0, held.due_at - time.monotonic())
        log.warning("%s %s; it is started again in %.1f s.", held.child.name, how, pause_s)

    def _plan_restart(self, held: _Held) -> None:
        now = time.monotonic()
        pause_s = pause_before_restart(held.quick_deaths)
        if now - held.started_at >= _QUICK_DEATH_S:
            held.quick_deaths, pause_s = 0, 0.0
        else:
            held.quick_deaths += 1
        held.due_at = now + pause_s

    def _look_whether_ready(self, held: _Held) -> None:
        child = held.child
        if held.process is None or child.once:
            return
        try:
            held.ready = child.ready is None or child.ready()
        except OSError:
            held.ready = False
        now = time.monotonic()
        if not held.ready and now - held.told_at >= _TELL_EVERY_S:
            held.told_at = now
            log.warning("%s is not ready after %.0f s.", child.name, now - held.started_at)

    def _reap_strangers(self) -> None:
        """As process 1 of a container we inherit orphans, and somebody must ask for their status."""
        with suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                ours = {held.process.pid for held in self._held if held.process}
                if ended.si_pid in ours or ended.si_pid == self._database.pid:
                    return  # whoever started it asks for it in the next round
                os.waitpid(ended.si_pid, 0)

    # The end.

    def _stop(self) -> None:
        running = [held for held in reversed(self._held) if held.process is not None]
        self._stopping = True
        for held in running:
            assert held.process is not None
            held.process.terminate()
        end = time.monotonic() + _STOP_S
        while any(held.process and not _ended(held.process) for held in running):
            if self._hurry or time.monotonic() >= end:
                break
            self._wait(_TICK_S)
        for held in running:
            assert held.process is not None
            if not _ended(held.process) and not self._hurry:
                log.warning("%s did not end within %.0f s and is killed.", held.child.name, _STOP_S)
            _kill_group(held.process.pid)
            held.process.wait()
            held.process = None
        self._end_leftovers()
        self._database.stop()
        self._reap_strangers()

    @property
    def _mark(self) -> str:
        return env.mark_of(self._state)

    def _end_leftovers(self) -> None:
        """End every process that carries our mark: children of a supervisor that was killed, and theirs."""
        entry = f"{_MARK}={self._mark}"
        left = [
            process
            for process in procfs.processes()
            if process.pid != os.getpid() and process.owner() == os.geteuid() and entry in process.environment()
        ]
        for process in left:
            log.warning("Process %d of an earlier run is ended.", process.pid)
        procfs.kill(left)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has; it is not reaped, so its pid, which is its group's number too, is not given away yet."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _bound_to_us() -> Callable[[], None]:
    """To be run in a new child before its program: it gets SIGTERM when we die."""
    libc = ctypes.CDLL(None)
    supervisor = os.getpid()

    def bind() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != supervisor:  # we died before the kernel knew
            os._exit(1)

    return bind
