"""Locks that end with their holder, however it ends: flock(2) on a file that stays."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType


class Held(RuntimeError):
    """Somebody else has the lock. `by` is the pid that it wrote there; None when it wrote none."""

    code = "held"

    def __init__(self, path: Path, by: int | None) -> None:
        super().__init__(f"{path} is held by {f'process {by}' if by else 'another process'}.")
        self.path, self.by = path, by


class Lock:
    """A lock file, held from the moment it is made until `free` or the end of the process.

    `shared`: many may hold it so at once. `wait`: stay until it is free, else raise Held. Children do not inherit it.
    """

    def __init__(self, path: Path, *, shared: bool = False, wait: bool = False) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            written = os.read(self._file, 20)
            os.close(self._file)
            raise Held(path, int(written) if written.strip().isdigit() else None) from None
        if not shared:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    @property
    def descriptor(self) -> int:
        """To hand on to a child process: then the lock is held until the child has ended too, and all of its own."""
        return self._file

    def alone(self) -> bool:
        """Turn a shared lock into an exclusive one if nobody else shares it. False: others do, and it stays shared."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # The kernel gives the old lock up before it asks for the new one.
            fcntl.flock(self._file, fcntl.LOCK_SH)
            return False
        return True

    def free(self) -> None:
        """Let go; doing it twice is harmless."""
        with suppress(OSError):
            os.close(self._file)
        self._file = -1

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()
