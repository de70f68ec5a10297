"""Plants the faults of tools/faults.py, one at a time, and demands that the tests named beside each one fail.

    python -m tools.mutate [--only TEXT] [--jobs N]

The tree is never touched: each job works in a copy of its own. Per fault:

    killed   the tests passed without the fault and failed with it
    LIVED    they passed with it: nothing notices
    HUNG     they did not end in time, which a slow machine does too, so it proves nothing
    STALE    `old` does not stand exactly once in the file
    BROKEN   the tests fail without the fault, or pytest could not run them

Exit status 1 if any fault is not killed, 2 if there is none of that name.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue

from tools.clean_tree import files_of
from tools.faults import FAULTS, Fault

ROOT = Path(__file__).parent.parent
TIME_LIMIT = 300.0
"""Seconds that the tests of one fault may take."""

PYTEST_PASSED, PYTEST_FAILED = 0, 1


class Verdict(StrEnum):
    KILLED = "killed"
    LIVED = "LIVED"
    HUNG = "HUNG"
    STALE = "STALE"
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Result:
    """What became of a fault, in how many seconds, and what a reader needs to know beside that."""

    fault: Fault
    verdict: Verdict
    seconds: float
    note: str = ""

    def __str__(self) -> str:
        line = f"{self.verdict:<7} {self.seconds:6.1f} s  {self.fault.id}"
        return line if self.verdict is Verdict.KILLED else f"{line}: {self.note}"


class Copy:
    """A copy of the tree to plant faults in. One job at a time uses it."""

    def __init__(self, root: Path, folder: Path, time_limit: float) -> None:
        self.folder = folder
        self.time_limit = time_limit
        self._sound: dict[tuple[str, ...], str] = {}
        for file in files_of(root):
            target = folder / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
        brought = root / "node_modules"  # what npm brought is driven by tests, which would be skipped without it
        if brought.exists():
            (folder / brought.name).symlink_to(brought.resolve())

    def try_fault(self, fault: Fault) -> Result:
        """Plant it, run its tests, and take it out again."""
        started = time.monotonic()

        def result(verdict: Verdict, note: str = "") -> Result:
            return Result(fault, verdict, time.monotonic() - started, note)

        file = self.folder / fault.file
        if not file.is_file():
            return result(Verdict.STALE, f"there is no file {fault.file}")
        text = file.read_text(encoding="utf-8")
        if (count := text.count(fault.old)) != 1 or fault.new == fault.old:
            return result(Verdict.STALE, f"the old text stands {count} times in {fault.file}, or is no different")
        if unsound := self._why_unsound(fault.tests):
            return result(Verdict.BROKEN, unsound)
        file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
        try:
            status, output = self._run(fault.tests)
        finally:
            file.write_text(text, encoding="utf-8")
        if status is None:
            return result(Verdict.HUNG, f"still running after {self.time_limit:.0f} s")
        if status == PYTEST_FAILED:
            return result(Verdict.KILLED)
        if status == PYTEST_PASSED:
            return result(Verdict.LIVED, f"{fault.why}, and {' '.join(fault.tests)} passed with it")
        return result(Verdict.BROKEN, f"pytest ended with status {status}: {_last_line(output)}")

    def _why_unsound(self, tests: tuple[str, ...]) -> str:
        """Why these tests prove nothing, since they do not pass without a fault either; "" where they do."""
        if tests not in self._sound:
            status, output = self._run(tests)
            passed = status == PYTEST_PASSED
            self._sound[tests] = "" if passed else f"{' '.join(tests)} without the fault: {_last_line(output)}"
        return self._sound[tests]

    def _run(self, tests: Sequence[str]) -> tuple[int | None, str]:
        """Pytest's exit status (None: out of time) and what it printed."""
        # Without compiled files, as one that is as long and as old as the next would be taken for it.
        settings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=self.folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=self.time_limit)
        except subprocess.TimeoutExpired:
            output = ""
            return None, output
        finally:
            # What the tests started (servers, browsers) goes with them; the group may be empty by now.
            _end_group(process)
        return process.returncode, output


def _end_group(process: "subprocess.Popen[str]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def try_all(faults: Sequence[Fault], root: Path, jobs: int = 1, time_limit: float = TIME_LIMIT) -> Iterator[Result]:
    """Each fault's result, in the order of `faults`, as soon as it is known."""
    with tempfile.TemporaryDirectory(prefix="nightdesk-faults-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(jobs):
            copies.put(Copy(root, Path(folder) / str(number), time_limit))

        def try_one(fault: Fault) -> Result:
            copy = copies.get()
            try:
                return copy.try_fault(fault)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(try_one, faults)


def main(arguments: Sequence[str], faults: Sequence[Fault] = FAULTS, root: Path = ROOT) -> int:
    """Plant what was asked for and print a line each."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutate", description="Plant faults that the tests must catch."
    )
    parser.add_argument("--only", default="", help="only faults with this in their id or file")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once (default 1)")
    parser.add_argument("--time-limit", type=float, default=TIME_LIMIT, help="seconds for the tests of one fault")
    asked = parser.parse_args(arguments)
    ids = [fault.id for fault in faults]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        print(f"Two faults have one id: {', '.join(twice)}. Give each its own.", file=sys.stderr)
        return 2
    chosen = [fault for fault in faults if asked.only in fault.id or asked.only in fault.file]
    if not chosen:
        print(f"No fault has {asked.only!r} in its id or file. There are: {', '.join(ids)}.", file=sys.stderr)
        return 2
    alive = 0
    for result in try_all(chosen, root, max(1, asked.jobs), asked.time_limit):
        print(result, flush=True)
        alive += result.verdict is not Verdict.KILLED
    print(f"{len(chosen)} faults planted, {len(chosen) - alive} killed.", file=sys.stderr)
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
