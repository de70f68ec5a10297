"""A planted fault is reported as what it is, and the tree that it was planted for is never touched."""

import os
import re
import time
from pathlib import Path

import pytest

from tools.faults import FAULTS, Fault
from tools.mutate import ROOT, Verdict, main, try_all

RULE = "def is_on(hour: int) -> bool:\n    return 8 <= hour < 17\n"
TESTS = """
from rule import is_on

def test_it_begins_at_eight():
    assert is_on(8) and not is_on(7)

def test_noon():
    assert is_on(12)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with one tested and one untested edge."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    root = tmp_path / "project"
    root.mkdir()
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (root / "rule.py").write_text(RULE)
    (root / "test_rule.py").write_text(TESTS)
    (root / "test_red.py").write_text("def test_red():\n    assert False\n")
    return root


def fault(old: str, new: str, *tests: str, id: str = "a-fault", file: str = "rule.py") -> Fault:
    return Fault(id, file, old, new, tests or ("test_rule.py",), "the edge is a promise")


CASES = [
    (fault("8 <= hour", "8 < hour"), Verdict.KILLED),
    (fault("hour < 17", "hour <= 17"), Verdict.LIVED),
    (fault("9 <= hour", "8 < hour"), Verdict.STALE),
    (fault("hour", "minute"), Verdict.STALE),
    (fault("8 <= hour", "8 <= hour"), Verdict.STALE),
    (fault("8", "9", file="gone.py"), Verdict.STALE),
    (fault("8 <= hour", "8 < hour", "test_red.py"), Verdict.BROKEN),
    (fault("8 <= hour", "8 < hour", "test_gone.py"), Verdict.BROKEN),
    (fault("8 <= hour", "8 < hour", "test_rule.py", "-k", "nothing_is_called_this"), Verdict.BROKEN),
    (fault("def is_on", "def is_off"), Verdict.BROKEN),
]


def test_every_fault_gets_its_verdict_and_the_tree_stays_as_it_was(project: Path) -> None:
    faults = [case for case, _ in CASES]
    results = list(try_all(faults, project, jobs=2))
    assert [result.fault for result in results] == faults
    assert [(result.verdict, result.note) for result in results if result.verdict is Verdict.KILLED] == [("killed", "")]
    assert [result.verdict for result in results] == [verdict for _, verdict in CASES], "\n".join(map(str, results))
    assert (project / "rule.py").read_text() == RULE


def test_tests_that_hang_prove_nothing_and_are_ended_with_all_that_they_started(project: Path, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    (project / "test_slow.py").write_text(
        "import subprocess, rule\n"
        "def test_slow():\n"
        "    if not rule.is_on(8):\n"
        "        child = subprocess.Popen(['sleep', '60'])\n"
        f"        open({str(pid_file)!r}, 'w').write(str(child.pid))\n"
        "        child.wait()\n"
    )
    (result,) = try_all([fault("8 <= hour", "8 < hour", "test_slow.py")], project, time_limit=2.0)
    assert result.verdict is Verdict.HUNG
    child = int(pid_file.read_text())
    for _ in range(50):  # the kernel takes a moment, and an orphan stays a zombie until its new parent looks
        if not os.path.exists(f"/proc/{child}") or f"{child} (sleep) Z" in Path(f"/proc/{child}/stat").read_text():
            break
        time.sleep(0.02)
    else:
        pytest.fail("what the test had started is still running")


def test_the_command_succeeds_only_when_every_fault_is_killed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = [fault("8 <= hour", "8 < hour", id="begin"), fault("hour < 17", "hour <= 17", id="end")]
    assert main(["--only", "begin"], faults, project) == 0
    assert main([], faults, project) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["killed", "killed", "LIVED"]
    assert said[2].endswith("end: the edge is a promise, and test_rule.py passed with it")


def test_the_command_refuses_a_name_that_no_fault_has(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "middle"], [fault("8", "9", id="begin")], project) == 2
    assert "There are: begin." in capsys.readouterr().err


def test_the_command_refuses_two_faults_of_one_name(project: Path) -> None:
    assert main([], [fault("8", "9"), fault("17", "18")], project) == 2


def test_the_table_names_its_faults_apart() -> None:
    assert len({fault.id for fault in FAULTS}) == len(FAULTS)


def test_every_fault_of_the_table_can_still_be_planted() -> None:
    stale = [fault.id for fault in FAULTS if (ROOT / fault.file).read_text(encoding="utf-8").count(fault.old) != 1]
    assert stale == []


def test_every_fault_of_the_table_names_tests_that_there_are() -> None:
    unknown = []
    for fault in FAULTS:
        chosen, told = [test for test in fault.tests if not test.startswith("-")], ""
        words = chosen.pop().split() if "-k" in fault.tests else []
        for test in chosen:
            file, *names = test.split("::")
            told += (ROOT / file).read_text(encoding="utf-8")
            unknown += [
                (fault.id, name) for name in names if not re.search(rf"(def|class) {name.split('[')[0]}\b", told)
            ]
        unknown += [(fault.id, word) for word in words if word not in ("and", "or", "not") and word not in told]
    assert unknown == []
