"""Folders for real servers: every user may enter them (pytest's own are closed), and what runs in them can be ended."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightdesk.base import env, procfs

_MEMORY = Path("/dev/shm")
_ENOUGH = 2**30


def _fastest() -> Path:
    """Memory where there is plenty (a container may have 64 MB) and programs may run; the tests' rows need no disk."""
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK):
        return Path("/tmp")
    room = os.statvfs(_MEMORY)
    fits = room.f_bavail * room.f_frsize >= _ENOUGH and not room.f_flag & os.ST_NOEXEC
    return _MEMORY if fits else Path("/tmp")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder (0755); at the end whatever still runs in it is killed, and it is removed."""
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-test-", dir=_fastest())).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        procfs.kill([*processes_of(folder), *supervised(folder)])
        shutil.rmtree(folder)


def processes_of(folder: Path) -> list[procfs.Process]:
    """Everything that carries the folder, or the name of a cluster in it, in its command line."""
    names = {str(folder), *(f"nightdesk-{env.mark_of(home)}:" for home in folder.rglob("postgres"))}
    return [
        process
        for process in procfs.processes()
        if process.pid != os.getpid() and any(name in " ".join(process.command()) for name in names)
    ]


def supervised(state: Path) -> list[procfs.Process]:
    """Everything that a supervisor of this state folder has started, and what that has started."""
    mark = f"NIGHTDESK_SUPERVISED_BY={env.mark_of(state)}"
    return [process for process in procfs.processes() if mark in process.environment()]
