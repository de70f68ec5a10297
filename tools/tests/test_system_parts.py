"""Missing parts are installed where that is allowed, quietly and with their services stopped; else explained."""

import os
from pathlib import Path

import pytest

from tools import system_parts
from tools.system_parts import PARTS, Part, find_part, find_tests_needing, how_to_install, install, main, root_command


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of PATH, and a policy file that is not the machine's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(system_parts, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.delenv("NIGHTDESK_INSTALL", raising=False)
    return folder


def program(folder: Path, name: str, script: str = "") -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def only_telex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_parts, "PARTS", {"telex": Part("telex-server", "telexd")})


def test_a_program_is_found_by_name_or_by_full_path(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = program(bin_folder, "telexd")
    monkeypatch.setitem(PARTS, "telex", Part("telex-server", "telexd"))
    monkeypatch.setitem(PARTS, "morse", Part("morse-server", str(file)))
    monkeypatch.setitem(PARTS, "semaphore", Part("semaphore-server", str(file.parent / "semaphored")))
    assert (find_part("telex"), find_part("morse"), find_part("semaphore")) == (file, file, None)


def test_what_npm_brings_is_a_file_of_the_tree_and_no_debian_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rules.js"
    monkeypatch.setattr(
        system_parts, "PARTS", {"rules": Part("rules", str(file), npm=True), "telex": Part("telex-server", "telexd")}
    )
    assert find_part("rules") is None
    file.write_text("no program, and not executable", encoding="utf-8")
    assert find_part("rules") == file
    assert how_to_install(["rules", "telex"]) == "apt-get install telex-server; npm ci"
    assert how_to_install(["rules"]) == "npm ci"


def test_installing_forbids_services_to_start_and_leaves_no_trace(bin_folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program(bin_folder, "apt-get", f'echo "$DEBIAN_FRONTEND $*" >> {log}; cat {system_parts.POLICY} >> {log}')
    assert install(["telex-server"], as_root=[]) is None
    assert not system_parts.POLICY.exists()
    said = log.read_text(encoding="utf-8").splitlines()
    assert said[0].startswith("noninteractive ")
    assert said[0].endswith(" install --yes --no-install-recommends telex-server")
    assert said[1:] == ["#!/bin/sh", "exit 101"]


def test_a_policy_of_the_machine_stays_as_it_is(bin_folder: Path) -> None:
    program(bin_folder, "apt-get")
    system_parts.POLICY.write_text("the machine's own", encoding="utf-8")
    assert install(["telex-server"], as_root=[]) is None
    assert system_parts.POLICY.read_text(encoding="utf-8") == "the machine's own"


def test_package_lists_are_fetched_when_the_first_try_fails(bin_folder: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    program(bin_folder, "apt-get", f'case "$*" in *update) touch {lists};; *install*) test -e {lists};; esac')
    assert install(["telex-server"], as_root=[]) is None


def test_what_apt_said_comes_back_when_it_fails(bin_folder: Path) -> None:
    program(bin_folder, "apt-get", 'echo "E: Unable to locate package" >&2; exit 100')
    assert install(["telex-server"], as_root=[]) == "E: Unable to locate package"
    assert not system_parts.POLICY.exists()


def test_an_ordinary_user_installs_only_through_sudo_without_password(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(bin_folder, "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(bin_folder, "sudo", "exit 1")
    assert root_command() is None
    program(bin_folder, "sudo", "exit 0")
    assert root_command() == ["sudo", "-n"]


def test_root_installs_unless_told_not_to(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bin_folder, "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert root_command() == []
    monkeypatch.setenv("NIGHTDESK_INSTALL", "0")
    assert root_command() is None


def test_nothing_is_said_or_run_when_all_is_there(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_telex(monkeypatch)
    program(bin_folder, "telexd")
    program(bin_folder, "apt-get", "exit 100")
    assert main() == 0
    assert capsys.readouterr() == ("", "")


def test_tests_that_will_be_skipped_are_named(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_telex(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_INSTALL", "0")
    monkeypatch.setattr(system_parts, "find_tests_needing", lambda names: [f"tests/test_{n}.py" for n in names])
    assert main() == 0
    said = capsys.readouterr().err
    assert "tests/test_telex.py" in said
    assert "apt-get install telex-server" in said


def test_the_tests_of_a_part_are_found_in_every_form(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_whole.py").write_text('pytestmark = [requires("telex")]\n', encoding="utf-8")
    (tests / "test_some.py").write_text(
        '@requires("telex", "morse")\ndef test_one(): pass\n\n'
        '@requires("morse")\ndef test_two(): pass\n\n'
        'class TestThree:\n    @requires("telex")\n    def test_four(self): pass\n',
        encoding="utf-8",
    )
    assert find_tests_needing({"telex"}, tmp_path) == [
        "tests/test_some.py::test_one",
        "tests/test_some.py::TestThree::test_four",
        "tests/test_whole.py",
    ]
