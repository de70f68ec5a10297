"""`nightdesk serve` as an operator meets it: it starts, heals what dies, refuses by name, and leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from nightdesk.base import procfs
from nightdesk.base.tests.places import processes_of, supervised
from tests.system.stack import Stack, stack, until


@pytest.fixture(scope="module")
def served():
    with stack(new=True) as running:
        yield running


def status(running: Stack, path: str) -> int:
    with contextlib.suppress(OSError):
        try:
            with urllib.request.urlopen(running.url + path, timeout=2) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
    return 0


def workers(running: Stack) -> set[str]:
    return {str(name) for (name,) in running.rows("SELECT id FROM base_worker")}


def again(running: Stack, name: str, killed: int) -> bool:
    with contextlib.suppress(LookupError, OSError, StopIteration):
        return running.pid_of(name) not in (killed, 0) and procfs.find(running.pid_of(name)) is not None
    return False


def run(running: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*running.command[:-1], *words],
        env=running.environment,
        cwd=running.folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def test_it_says_where_it_is_and_that_it_is_well(served: Stack) -> None:
    until(lambda: f"Nightdesk answers at {served.url}" in served.words(), 5, "the address is printed")
    assert (status(served, "/healthz"), status(served, "/readyz")) == (200, 200)
    text = served.get("/metrics")
    assert "\nnightdesk_workers_alive 1\n" in text or until(
        lambda: "workers_alive 1" in served.get("/metrics"), 5, "alive"
    )
    assert 'nightdesk_overdue_seconds{of="promise"}' in text


@pytest.mark.parametrize("name", ["web", "worker", "postgres"])
def test_what_is_killed_is_back(served: Stack, name: str) -> None:
    before = workers(served)
    killed = served.pid_of(name)
    os.kill(killed, signal.SIGKILL)
    until(lambda: again(served, name, killed), 10, f"another {name} runs")
    until(lambda: status(served, "/readyz") == 200, 10, "it is ready again")
    if name == "worker":
        until(lambda: workers(served) - before, 10, "the new worker is at work")
    assert served.process is not None
    assert served.process.poll() is None


def test_commands_find_the_running_database(served: Stack) -> None:
    told = run(served, "doctor")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "ok    database: PostgreSQL" in told.stdout
    assert "ok    worker:" in told.stdout


def test_a_second_one_on_the_same_folder_is_refused_by_name(served: Stack) -> None:
    second = run(served, "serve")
    assert second.returncode == 1
    assert "Nightdesk already runs on" in second.stderr
    assert "Traceback" not in second.stderr
    assert status(served, "/readyz") == 200


def test_a_port_that_is_taken_is_refused_before_anything_is_started(served: Stack, tmp_path) -> None:
    other = Stack(served.state)
    other.environment = served.environment | {"NIGHTDESK_STATE_DIR": str(tmp_path / "other")}
    refused = run(other, "serve")
    other.log.close()
    assert refused.returncode == 1
    assert "is in use by another program" in refused.stderr
    assert "NIGHTDESK_PORT" in refused.stderr
    assert not (tmp_path / "other" / "postgres").exists()


def test_ctrl_c_leaves_nothing_running(served: Stack) -> None:
    """The last in this file: it ends the one that the others share."""
    assert supervised(served.state)
    served.stop()
    assert served.process is not None
    assert served.process.returncode == 0
    assert [*processes_of(served.state), *supervised(served.state)] == []
    assert (
        "Traceback" not in (served.state / "serve.log").read_text().split("answers at")[-1].rsplit("killed by", 1)[-1]
    )
