"""A supervisor in a process of its own, with real children and real kills. `serve` ends whatever a test has started."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from nightdesk.base import procfs
from nightdesk.base.lock import Lock
from nightdesk.base.postgres import Server
from nightdesk.base.processes import pause_before_restart
from nightdesk.base.tests.places import open_folder, supervised

DRIVER = """
import json, logging, sys
from pathlib import Path
from nightdesk.base.postgres import Server, CannotStart
from nightdesk.base.processes import AlreadyServed, Child, StepFailed, Supervisor

class Standing:
    url = "postgresql:///standing"
    pid = None
    def begin(self): print("database begun", flush=True)
    def ready(self): return True
    def alive(self): return True
    def tend(self): pass
    def stop(self): print("database stopped", flush=True)

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
state, real, children = Path(sys.argv[1]), sys.argv[2] == "real", json.loads(sys.argv[3])
held = []
for name, script, ready, once in children:
    look = None if ready is None else Path(ready).exists
    held.append(Child(name, ["/bin/sh", "-c", script], {"WHO": name}, look, once))
try:
    Supervisor(held, state=state, database=Server(state) if real else Standing()).run()
except (AlreadyServed, StepFailed, CannotStart) as refused:
    sys.exit(f"{refused.code}: {refused}")
print("all ended", flush=True)
"""


@pytest.fixture
def state(monkeypatch):
    for name in ("NIGHTDESK_DATABASE_URL", "NIGHTDESK_DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    with open_folder() as folder:
        yield folder


@pytest.fixture
def serve(state):
    """serve(child, ...) starts a supervisor; its output goes to `state/output`. Children may use $state."""
    started = []

    def start(*children, database="standing"):
        with (state / "output").open("ab") as output:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-c", DRIVER, str(state), database, json.dumps(children)],
                    stdout=output,
                    stderr=output,
                    env={**os.environ, "state": str(state)},
                    start_new_session=True,
                    # Whoever runs the tests may do so under nohup, and that is inherited.
                    preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
                )
            )
        return started[-1]

    yield start
    for supervisor in started:
        if supervisor.poll() is None:
            supervisor.terminate()
            try:
                supervisor.wait(60)
            except subprocess.TimeoutExpired:
                supervisor.kill()
        supervisor.wait()


def child(name, script="echo $$ >> $state/$WHO; exec sleep 300", *, ready=None, once=False):
    return name, script, ready and str(ready), once


def pids(state, name):
    file = state / name
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def until(true, within_s=60.0):
    end = time.monotonic() + within_s
    while not (value := true()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return value


def said(state):
    return (state / "output").read_text()


def children_of(supervisor):
    """Zombies too."""
    return Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text().split()


def test_the_pause_grows_with_quick_deaths_to_five_seconds_and_never_ends():
    assert [pause_before_restart(n) for n in range(6)] == [0.0, 0.2, 0.5, 1.0, 2.0, 5.0]
    assert pause_before_restart(10**9) == 5.0


def test_a_killed_child_is_back_and_leaves_no_zombie(state, serve):
    supervisor = serve(child("web"), child("worker"))
    first = until(lambda: pids(state, "worker"))[0]
    web = until(lambda: pids(state, "web"))
    os.kill(first, signal.SIGKILL)
    until(lambda: len(pids(state, "worker")) == 2)
    assert sorted(children_of(supervisor)) == sorted(map(str, [web[0], pids(state, "worker")[1]]))
    assert pids(state, "web") == web
    assert "worker was killed by SIGKILL" in said(state)


def test_a_child_that_ends_well_is_started_again_too(state, serve):
    serve(child("worker", "echo $$ >> $state/worker; exit 0"))
    until(lambda: len(pids(state, "worker")) >= 3)
    assert "worker ended with status 0" in said(state)


def test_a_child_that_dies_at_once_is_tried_again_ever_more_slowly(state, serve):
    serve(child("broken", "date +%s.%N >> $state/times; exit 3"))
    times = until(
        lambda: (lines := (state / "times").read_text().split() if (state / "times").exists() else [])[4:] and lines
    )
    gaps = [float(later) - float(sooner) for sooner, later in pairwise(times)]
    assert gaps[0] < 0.2
    for gap, pause in zip(gaps, (0.0, 0.2, 0.5, 1.0), strict=False):
        assert pause <= gap < pause + 0.4


def test_what_a_killed_child_has_started_is_ended_with_it(state, serve):
    serve(child("web", "echo $$ >> $state/web; sleep 301 & echo $! >> $state/below; wait"))
    below = until(lambda: pids(state, "below"))[0]
    os.kill(pids(state, "web")[0], signal.SIGKILL)
    until(lambda: len(pids(state, "web")) == 2)
    until(lambda: procfs.find(below) is None)


def test_a_child_waits_until_the_one_before_is_ready_but_only_the_first_time(state, serve):
    serve(child("web", ready=state / "go"), child("worker"))
    web = until(lambda: pids(state, "web"))[0]
    os.kill(web, signal.SIGKILL)  # healed though it never was ready
    until(lambda: len(pids(state, "web")) == 2)
    assert pids(state, "worker") == []
    (state / "go").touch()
    worker = until(lambda: pids(state, "worker"))[0]
    (state / "go").unlink()
    os.kill(worker, signal.SIGKILL)
    until(lambda: len(pids(state, "worker")) == 2)


def test_a_step_runs_once_to_its_end_before_the_next_child(state, serve):
    serve(
        child("migrate", "sleep 0.2; echo $$ >> $state/migrate", once=True),
        child("web", "cp $state/migrate $state/seen; exec sleep 300"),
    )
    until((state / "seen").exists)
    assert len(pids(state, "migrate")) == 1


def test_a_step_that_fails_ends_all_and_one_that_is_killed_runs_again(state, serve):
    script = "echo $$ >> $state/migrate; [ -e $state/twice ] && exit 4; touch $state/twice; kill -9 $$"
    supervisor = serve(child("web"), child("migrate", script, once=True), child("worker"))
    assert supervisor.wait(60) == 1
    assert len(pids(state, "migrate")) == 2
    assert "step_failed: migrate ended with status 4" in said(state)
    assert pids(state, "worker") == []
    assert supervised(state) == []
    assert "database stopped" in said(state)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_in_reverse_order_and_the_database_last(state, serve, how):
    script = "trap 'echo $WHO ends; exit 0' TERM; echo $$ >> $state/$WHO; while :; do sleep 0.05; done"
    supervisor = serve(child("web", script), child("worker", script))
    until(lambda: pids(state, "worker") and pids(state, "web"))
    supervisor.send_signal(how)
    assert supervisor.wait(60) == 0
    lines = [
        line
        for line in said(state).splitlines()
        if line in ("web ends", "worker ends", "database stopped", "all ended")
    ]
    assert sorted(lines[:2]) == ["web ends", "worker ends"]
    assert lines[2:] == ["database stopped", "all ended"]
    assert supervised(state) == []


def test_ctrl_c_at_the_terminal_reaches_the_supervisor_alone(state, serve):
    script = "trap 'touch $state/interrupted' INT; trap 'exit 0' TERM; echo $$ >> $state/web; sleep 300 & wait"
    supervisor = serve(child("web", script))
    until(lambda: pids(state, "web"))
    os.killpg(supervisor.pid, signal.SIGINT)  # what a terminal does
    assert supervisor.wait(60) == 0
    assert not (state / "interrupted").exists()


def test_a_child_that_will_not_end_is_killed_and_a_second_signal_does_not_wait_for_it(state, serve):
    supervisor = serve(child("deaf", "trap '' TERM; echo $$ >> $state/deaf; while :; do sleep 0.1; done"))
    until(lambda: pids(state, "deaf"))
    supervisor.terminate()
    time.sleep(0.5)
    assert supervisor.poll() is None
    supervisor.terminate()
    assert supervisor.wait(60) == 0
    assert supervised(state) == []


def test_children_end_when_the_supervisor_is_killed_and_deaf_ones_when_the_next_starts(state, serve):
    deaf = "trap '' TERM; echo $$ >> $state/deaf; while :; do sleep 0.1; done"
    supervisor = serve(child("web"), child("deaf", deaf))
    until(lambda: pids(state, "web") and pids(state, "deaf"))
    supervisor.kill()
    supervisor.wait()
    until(lambda: procfs.find(pids(state, "web")[0]) is None)
    assert procfs.find(pids(state, "deaf")[0])
    serve(child("web"))
    until(lambda: len(pids(state, "web")) == 2)
    assert procfs.find(pids(state, "deaf")[0]) is None


def test_a_second_serve_on_the_same_folder_is_refused_by_name_and_disturbs_nothing(state, serve):
    first = serve(child("web"))
    web = until(lambda: pids(state, "web"))[0]
    second = serve(child("web"))
    assert second.wait(60) == 1
    assert f"already_served: Nightdesk already runs on {state} (process {first.pid})" in said(state)
    assert procfs.find(web)
    assert pids(state, "web") == [web]


def test_a_program_that_is_not_there_does_not_end_the_others(state, serve):
    supervisor = serve(child("web"), child("gone", "exec /no/such/program"))
    until(lambda: said(state).count("gone ended with status 127") >= 2)
    assert supervisor.poll() is None
    assert len(pids(state, "web")) == 1


def test_waiting_costs_next_to_nothing(state, serve):
    supervisor = serve(child("web"), child("worker"))
    until(lambda: pids(state, "worker"))

    def ticks():
        return sum(map(int, Path(f"/proc/{supervisor.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))

    before = ticks()
    time.sleep(1.0)
    assert ticks() - before <= 3  # of a hundred in the second


def test_postgresql_is_healed_beside_the_children_and_ends_with_them(state, serve):
    script = 'echo "$NIGHTDESK_DATABASE_URL" > $state/url; echo $$ >> $state/web; exec sleep 300'
    supervisor = serve(child("web", script), database="real")
    until(lambda: pids(state, "web"), 10)
    url = (state / "url").read_text().strip()
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 7 as what")
    postmaster = Server(state).cluster.data / "postmaster.pid"
    first = int(postmaster.read_text().split()[0])
    os.kill(first, signal.SIGKILL)
    os.kill(pids(state, "web")[0], signal.SIGKILL)
    until(lambda: len(pids(state, "web")) == 2)

    def row():
        try:
            with psycopg.connect(url) as connection:
                return connection.execute("select what from kept").fetchone()
        except psycopg.OperationalError:
            return None

    assert until(row, 10) == (7,)
    second = int(postmaster.read_text().split()[0])
    assert second != first
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(60) == 0
    assert procfs.find(second) is None
    assert supervised(state) == []


def test_a_killed_supervisors_postgresql_stays_and_is_adopted_by_the_next(state, serve):
    supervisor = serve(child("web"), database="real")
    until(lambda: pids(state, "web"), 10)
    postmaster = Server(state).cluster.data / "postmaster.pid"
    pid = int(postmaster.read_text().split()[0])
    supervisor.kill()
    supervisor.wait()
    until(lambda: procfs.find(pids(state, "web")[0]) is None)
    assert procfs.find(pid)
    following = serve(child("web"), database="real")
    until(lambda: len(pids(state, "web")) == 2)
    assert f"PostgreSQL runs already (process {pid}) and is adopted" in said(state)
    os.kill(pid, signal.SIGKILL)  # not our child, and still missed
    until(lambda: said(state).count("PostgreSQL answers") == 3, 10)
    following.terminate()
    assert following.wait(60) == 0
    assert procfs.find(pid) is None
    Lock(state / "serve.lock").free()  # nobody holds it any more


def test_a_database_that_cannot_start_ends_serve_with_the_reason(state, serve):
    server = Server(state)
    server.start()
    server.stop()
    (server.cluster.data / "postgresql.conf").write_text("no_such_option = 1\n")
    supervisor = serve(child("web"), database="real")
    assert supervisor.wait(60) == 1
    assert "database_cannot_start" in said(state)
    assert "no_such_option" in said(state)
    assert pids(state, "web") == []
