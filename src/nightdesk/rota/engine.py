"""The planner asked in a process of its own, with limits of memory and time: never in a process that answers or wakes."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, cast

from nightdesk.base import env

MEMORY_MB = env.integer(
    "NIGHTDESK_PLANNER_MEMORY_MB",
    4096,
    "Address space that making a plan may take, in megabytes.",
    least=512,
    most=65536,
)
SECONDS = env.integer(
    "NIGHTDESK_PLANNER_SECONDS",
    600,
    "Seconds after which making a rota is ended with the best so far.",
    least=5,
    most=7200,
)
GRACE_S = 20.0
"""Seconds that it has to answer once it was told to stop."""
_TICK_S = 0.3
_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
"""What it sees of our environment: no secret among it."""


class EngineLost(Exception):
    """The process ended without an answer: it was killed, or took too much. Asking again may do."""


class EngineRefused(Exception):
    """It answered that it cannot; asking again would not help."""


def ask(
    request: Mapping[str, Any],
    *,
    on_progress: Callable[[dict[str, Any]], None],
    wants_stop: Callable[[], bool],
    gives_up: Callable[[], bool],
) -> Any:
    """What the planner answers to `request` (see `rota.planner.__main__`), as JSON gave it.

    `wants_stop`, asked a few times a second, has it answer with the best so far; `gives_up` ends it. Raises EngineLost, also
    when it was given up, and EngineRefused.
    """
    with _process() as (child, errors):
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(request, separators=(",", ":")).encode() + b"\n")
            child.stdin.close()
        except BrokenPipeError:
            pass  # it died at once; what it said is read below
        stop_by = time.monotonic() + SECONDS
        told_at: float | None = None
        for line in _lines(child):
            if line is not None:
                answer = json.loads(line)
                if "progress" in answer:
                    on_progress(answer["progress"])
                elif "wrong" in answer:
                    raise EngineRefused(str(answer["wrong"])[:500])
                else:
                    return answer["result"]
            now = time.monotonic()
            if gives_up():
                raise EngineLost("It was given up.")
            if told_at is None and (now > stop_by or wants_stop()):
                told_at = now
            if told_at is not None:
                child.send_signal(signal.SIGTERM)  # again and again: it ignores it until it is ready to answer
            if told_at is not None and now - told_at > GRACE_S:
                raise EngineLost(f"It did not answer within {GRACE_S:.0f} s of being stopped.")
        status = child.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()[-300:]
        raise EngineLost(f"It ended with status {status}. {said}".strip())


@contextmanager
def _process() -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    surroundings = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # The same bytes each time, whatever Python's hashes are seeded with.
    surroundings["PYTHONHASHSEED"] = "0"
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "nightdesk.rota.limited", str(MEMORY_MB)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=surroundings,
            start_new_session=True,
        )
        try:
            yield child, errors
        finally:
            # Its own children with it.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()


def _lines(child: subprocess.Popen[bytes]) -> Iterator[bytes | None]:
    """Whole lines as they come, and None whenever there was none for a moment; until it says no more."""
    out = cast(Any, child.stdout).fileno()
    rest = b""
    while True:
        ready, _, _ = select.select([out], [], [], _TICK_S)
        if not ready:
            yield None
            continue
        some = os.read(out, 1 << 16)
        if not some:
            return
        *whole, rest = (rest + some).split(b"\n")
        yield from whole
