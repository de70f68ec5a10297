"""What Linux says about a process in /proc. Only files that root may read without CAP_SYS_PTRACE (containers lack it),
and `environment`, which a process may read of its own user's processes.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process, not just a number: `started` (ticks since boot) tells it from a later one with the same pid."""

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether it still runs. A zombie does not: it only waits for a parent that may never ask."""
        return find(self.pid) == self

    def send(self, what: signal.Signals) -> None:
        """Signal it, if it is still the same process."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, what)

    def owner(self) -> int | None:
        """Its user id; None when it has gone."""
        try:
            return (_PROC / str(self.pid)).stat().st_uid
        except OSError:
            return None

    def command(self) -> list[str]:
        """Its arguments, or the one text that it has put in their place; empty when it has gone."""
        return _fields(self.pid, "cmdline")

    def environment(self) -> list[str]:
        """NAME=value as at its start; empty when it has gone or may not be read."""
        return _fields(self.pid, "environ")


def _fields(pid: int, file: str) -> list[str]:
    try:
        raw = (_PROC / str(pid) / file).read_bytes()
    except OSError:
        return []
    return [os.fsdecode(part) for part in raw.rstrip(b"\0").split(b"\0")]


def find(pid: int) -> Process | None:
    """The process that has this pid now; None when there is none, or only a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The second field is the name in brackets and may hold anything; the third is the state, the 22nd the start.
    state, *fields = stat[stat.rindex(b")") + 2 :].split()
    return None if state in (b"Z", b"X") else Process(pid, int(fields[18]))


def processes() -> Iterable[Process]:
    """All that run now."""
    for entry in os.listdir(_PROC):
        if entry.isdigit() and (process := find(int(entry))):
            yield process


def kill(doomed: Iterable[Process], *, within_s: float = 5.0) -> list[Process]:
    """SIGKILL them and wait until they have gone; comes back with those that still run after `within_s`."""
    left = list(doomed)
    for process in left:
        process.send(signal.SIGKILL)
    end = time.monotonic() + within_s
    while (left := [process for process in left if process.alive()]) and time.monotonic() < end:
        time.sleep(0.01)
    return left
