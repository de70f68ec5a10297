"""The solver as a process of its own, with limits of memory and time: nothing of OR-Tools is loaded into ours.

It reads one question a line on its input and writes one answer a line; meanwhile whoever asked may do something else. When
it dies, runs out of memory or does not answer in time, the answer is None, and search goes on without it. It belongs to our
group of processes, so that whoever ends ours with its group ends it too.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nightdesk.rota.planner.exact import Answer
from nightdesk.rota.planner.problem import Problem, to_json

MODULE = "nightdesk.rota.planner.solver_process"

MEMORY = 3 * 2**30
"""Bytes of address space that the process may have. What it really holds is about a tenth of that."""

STARTS_WITHIN = 60.0
"""Wall seconds until it has loaded OR-Tools and read the problem, on a busy machine."""

SOURCES = Path(__file__).parents[3]
"""Where the package is found, wherever the parent was started from."""


class SolverIsMissing(Exception):
    """OR-Tools is not installed."""

    def __init__(self) -> None:
        super().__init__("The solver is not installed. Install nightdesk[solver], or plan without it.")


def solver_version() -> str | None:
    """The version of OR-Tools that is installed; None where it is not."""
    if importlib.util.find_spec("ortools") is None:
        return None
    return importlib.metadata.version("ortools")


class Solver:
    """The process, for one problem. Raises SolverIsMissing when it is entered and OR-Tools is not there."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        version = solver_version()
        if version is None:
            raise SolverIsMissing
        self.version = version
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
            [sys.executable, "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_surroundings(os.environ),
        )
        self._write(to_json(self.problem))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # what it did not read before it died
                        pipe.close()

    def ask(self, masks: list[int], free: list[int], units: float, seconds: float) -> None:
        """Put a question (see `exact.Question`) that may take `seconds`; `answer` says what came of it."""
        question = {"do": "ask", "masks": _written(masks), "free": free, "units": units, "seconds": seconds}
        self._write(json.dumps(question))

    def answer(self, seconds: float, should_stop: Callable[[], bool]) -> Answer | None:
        """What the question came to; None when it is not said within `seconds` (and what it takes to start), or on stop."""
        said = self._said(seconds, should_stop)
        if said is None:
            return None
        masks = None if said["masks"] is None else _read(said["masks"])
        return Answer(said["status"], masks, said["points"], said["bound"], said["units"])

    def anneal(self, masks: list[int], steps: int, seconds: float | None, seed: int) -> None:
        """Have it search from `masks` on, as we do, by a chance of its own; `annealed` says what it found."""
        wanted = {"do": "anneal", "masks": _written(masks), "steps": steps, "seconds": seconds, "seed": seed}
        self._write(json.dumps(wanted))

    def annealed(self, seconds: float, should_stop: Callable[[], bool]) -> tuple[list[int], bool] | None:
        """What everybody holds in the best rota that it found, and whether the clock ended it. None as in `answer`."""
        said = self._said(seconds, should_stop)
        return None if said is None else (_read(said["masks"]), said["late"])

    def _write(self, line: str) -> None:
        if self.process is not None and self.process.stdin is not None:
            with suppress(BrokenPipeError, ValueError):  # it is dead: there will be no answer
                self.process.stdin.write(line + "\n")
                self.process.stdin.flush()

    def _said(self, seconds: float, should_stop: Callable[[], bool]) -> dict[str, Any] | None:
        if self.process is None or self.process.stdout is None:
            return None
        until = time.monotonic() + seconds + STARTS_WITHIN
        while time.monotonic() < until and not should_stop():
            ready, _, _ = select.select([self.process.stdout], [], [], 0.1)
            if ready:
                line = self.process.stdout.readline()  # it writes whole lines, and nothing between them
                said: dict[str, Any] | None = json.loads(line) if line else None
                return said
        return None


def _written(masks: list[int]) -> list[str]:
    return [f"{mask:x}" for mask in masks]


def _read(masks: list[str]) -> list[int]:
    return [int(mask, 16) for mask in masks]


def _surroundings(environ: Mapping[str, str]) -> dict[str, Any]:
    kept = {name: value for name, value in environ.items() if name in ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**kept, **threads, "PYTHONPATH": str(SOURCES), "PYTHONHASHSEED": "0"}
