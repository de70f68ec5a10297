"""The planted faults: what must never go unnoticed. `make faults` plants each in a copy and demands a failing test.

Every safety rule of the program has at least one here: a lock removed, a half-open end made closed, a journal entry
skipped, a lease ignored. `old` must stand exactly once in the file; when the code changes and it no longer does, the
fault is STALE and has to be planted anew.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Replace `old` by `new` in `file` (from the top of the tree), and `tests` (arguments of pytest) must fail."""

    id: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    why: str


FAULTS = (
    Fault(
        id="house-passes-everything",
        file="tools/house.py",
        old="    return 1 if found else 0\n",
        new="    return 0\n",
        tests=("tools/tests/test_house.py",),
        why="a check that never fails keeps no rule",
    ),
    Fault(
        id="house-any-function-may-write-states",
        file="tools/house.py",
        old='moves = any(name.startswith("_move") for name in around)',
        new="moves = bool(around)",
        tests=("tools/tests/test_house.py",),
        why="a state that is written in two places has two sets of rules",
    ),
    Fault(
        id="skips-stay-hidden",
        file="tests/plugin.py",
        old='    report.outcome = "failed"\n',
        new="",
        tests=("tests/test_requires.py",),
        why="a system test that is skipped in CI proves nothing",
    ),
    Fault(
        id="services-start-when-installed",
        file="tools/system_parts.py",
        old="exit 101",
        new="exit 0",
        tests=("tools/tests/test_system_parts.py",),
        why="make test must not start a mail server on somebody's machine",
    ),
)
