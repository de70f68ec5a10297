"""The worker with its threads, on a real database: lanes, wake-ups, a database that goes away, hanging, and the end."""

import logging
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import OperationalError, connection, connections

from nightdesk.base import clock, leases, promises, worker
from nightdesk.base.models import Promise, Worker
from nightdesk.base.promises import HANDLERS, Handler, promise
from nightdesk.base.tests.other_hands import another_connection, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def handler(monkeypatch):
    def register(kind, run, **how):
        monkeypatch.setitem(HANDLERS, kind, Handler(run, **how))

    return register


@pytest.fixture
def shift():
    """A worker at work in threads of this process; it has gone when the test ends."""
    shift = worker.Shift("test")
    working = threading.Thread(target=worker.work, args=(shift,), daemon=True)
    working.start()
    until(lambda: Worker.objects.filter(id=shift.worker).exists())
    yield shift
    shift.stop()
    working.join(60)
    assert not working.is_alive()


def due(kind, **fields):
    at = clock.now()
    promise(kind, **({"subject": ("test", 1), "due_at": at, "why": "a test wants it", "at": at} | fields))


def kept(**wanted):
    return Promise.objects.filter(ended_as="kept", **wanted).count()


def end_every_other_session():
    with another_connection() as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid NOT IN (pg_backend_pid(), %s)",
            [connection.connection.info.backend_pid],
        )


def test_a_due_promise_is_kept_within_the_poll_even_when_nobody_is_woken(handler, shift, monkeypatch):
    monkeypatch.setattr(promises, "_notifier", lambda whom: lambda: None)
    handler("test.a", lambda row, at: "done")
    due("test.a")
    until(lambda: kept() == 1)
    assert worker.POLL_EVERY == 0.2


def test_a_commit_wakes_the_worker_at_once(handler, shift, monkeypatch):
    wait = worker.Bell.wait
    monkeypatch.setattr(worker.Bell, "wait", lambda self, seen, seconds: wait(self, seen, 60.0))
    handler("test.a", lambda row, at: "done")
    time.sleep(0.3)  # every thread has begun its long wait
    due("test.a")
    until(lambda: kept() == 1, within_s=30.0)


def test_a_page_does_not_wait_behind_plain_work(handler, shift):
    go_on = threading.Event()
    handler("test.slow", lambda row, at: go_on.wait(60) and "slow")
    handler("test.page", lambda row, at: "rang", lane="page")
    due("test.slow")
    until(lambda: Promise.objects.filter(kind="test.slow", leased_by=shift.worker).exists())
    due("test.page")
    until(lambda: kept(kind="test.page") == 1)
    assert kept(kind="test.slow") == 0
    go_on.set()
    until(lambda: kept(kind="test.slow") == 1)


def test_a_row_that_somebody_holds_locked_is_not_asked_for_without_pause(handler, shift, monkeypatch):
    claims, claim = [], leases.claim
    handler("test.a", lambda row, at: "done")
    with another_connection() as other:
        due("test.a", due_at=clock.now() + timedelta(seconds=0.2))
        other.execute("SELECT 1 FROM base_promise FOR UPDATE")
        monkeypatch.setattr(leases, "claim", lambda *args, **how: claims.append(args) or claim(*args, **how))
        time.sleep(0.5)
        other.rollback()
    until(lambda: kept() == 1)
    threads, seconds = worker.THREADS["plain"], 0.5
    assert len([args for args in claims if args[1] == "plain"]) <= threads * seconds / worker.LEAST_WAIT


def test_a_worker_goes_on_when_all_its_sessions_were_cut(handler, shift):
    handler("test.a", lambda row, at: "done")
    due("test.a")
    until(lambda: kept() == 1)
    end_every_other_session()
    due("test.a")
    until(lambda: kept() == 2)
    assert Worker.objects.filter(id=shift.worker).exists()


def test_rows_leased_when_the_connection_was_lost_are_taken_up_again(handler, shift, monkeypatch):
    """The claim has committed, and the thread never hears of it; nobody strikes off a worker that is alive."""
    claim, lost = leases.claim, threading.Event()

    def claim_unheard(*args, **how):
        rows = claim(*args, **how)
        if rows and not lost.is_set():
            lost.set()
            raise OperationalError("the connection went away")
        return rows

    monkeypatch.setattr(leases, "claim", claim_unheard)
    handler("test.a", lambda row, at: "done")
    due("test.a")
    until(lambda: kept() == 1)
    assert lost.is_set()
    assert Promise.objects.get().attempt == 2


def test_a_step_that_fails_in_an_unforeseen_way_is_tried_again(caplog):
    steps = []

    def stumbles(shift):
        steps.append("step")
        if len(steps) == 1:
            raise KeyError("unforeseen")
        shift.stop()

    with caplog.at_level(logging.ERROR):
        worker.forever(stumbles, recover=lambda shift: steps.append("recover"))(worker.Shift("test"))
    assert steps == ["step", "recover", "step"]
    assert "stumbled" in caplog.text


def test_recovering_is_repeated_until_it_succeeds(monkeypatch):
    monkeypatch.setattr(worker, "RETRY_AFTER", 0.01)
    steps = []

    def step(shift):
        steps.append("step")
        if steps == ["step"]:
            raise OperationalError("away")
        shift.stop()

    def recover(shift):
        steps.append("recover")
        if steps.count("recover") < 3:
            raise OperationalError("still away")

    worker.forever(step, recover=recover)(worker.Shift("test"))
    assert steps == ["step", "recover", "recover", "recover", "step"]


def test_a_clean_stop_finishes_what_is_in_hand_and_leaves_no_lease(handler, monkeypatch):
    monkeypatch.setitem(worker.THREADS, "plain", 1)
    begun, go_on = threading.Event(), threading.Event()

    def run(row, at):
        begun.set()
        go_on.wait(60)
        return "done"

    handler("test.a", run)
    for _ in range(5):
        due("test.a")
    shift = worker.Shift("test")
    working = threading.Thread(target=worker.work, args=(shift,), daemon=True)
    working.start()
    assert begun.wait(60)
    shift.stop()
    go_on.set()
    working.join(60)
    assert not working.is_alive()
    assert kept() == 1
    assert Promise.objects.filter(leased_by__isnull=False).count() == 0
    assert Promise.objects.filter(ended_as=None).count() == 4
    assert Worker.objects.count() == 0


def test_a_handler_that_does_not_come_back_is_not_waited_for_for_ever(handler):
    go_on = threading.Event()
    handler("test.a", lambda row, at: str(go_on.wait(90)))
    due("test.a")
    shift = worker.Shift("test")
    working = threading.Thread(
        target=worker.work, args=(shift,), kwargs={"patience": timedelta(seconds=0.3)}, daemon=True
    )
    working.start()
    until(lambda: Promise.objects.filter(attempt=1).exists())
    shift.stop()
    working.join(60)
    assert not working.is_alive()
    assert Promise.objects.get().leased_by is None
    go_on.set()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("plain-")])


def test_a_dead_workers_promise_is_done_by_another_but_not_before_everybody_had_time_to_beat(handler, monkeypatch):
    handler("test.a", lambda row, at: "done")
    dead = UUID(int=0xDEAD)
    at = clock.now()
    Worker.objects.create(id=dead, name="dead", started_at=at, beat_at=at - timedelta(hours=1))
    due("test.a")
    leases.claim(Promise, "plain", 1, at=clock.now(), worker=dead)
    pulse = iter([0.0, 2.0, 4.0, 5.9, 6.0])
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: next(pulse)))
    heart, shift = worker.Heart(), worker.Shift("test")
    for _ in range(4):
        heart._beat(shift)
        assert Promise.objects.get().leased_by == dead
    heart._beat(shift)
    assert Promise.objects.get().leased_by is None
    assert [row.name for row in Worker.objects.all()] == ["test"]


def test_the_heart_begins_to_count_anew_when_the_database_was_away(monkeypatch):
    heart, shift = worker.Heart(), worker.Shift("test")
    shift.stop()  # no pauses
    heart(shift)
    assert heart._beating_since is not None
    monkeypatch.setattr(worker, "database_time", lambda: (_ for _ in ()).throw(OperationalError("away")))
    with pytest.raises(OperationalError):
        heart(shift)
    assert heart._beating_since is None


def test_a_first_beat_that_came_through_unheard_can_be_repeated():
    shift = worker.Shift("test")
    worker.Heart()._beat(shift)
    worker.Heart()._beat(shift)
    assert Worker.objects.get().id == shift.worker


PROCESS = """
import sys, threading, time
import django
django.setup()
from nightdesk.base import worker
from nightdesk.base.promises import HANDLERS, Handler
worker.RUNNERS.clear()
HANDLERS["test.hang"] = Handler(lambda row, at: time.sleep(60) or "", give_up_after=None)
worker.HANG_LIMIT = 0.2
worker.work(worker.Shift("process"))
"""


@pytest.fixture
def process():
    """A real worker process at the test's database; killed at the end."""
    settings = connections["default"].settings_dict
    where = f"host={settings['HOST']} port={settings['PORT']}".replace("host= ", "")
    url = f"postgresql://{settings['USER']}@/{settings['NAME']}?" + "&".join(
        part for part in where.split() if not part.endswith("=")
    )
    env = {
        **os.environ,
        "NIGHTDESK_DATABASE_URL": url,
        "PGPASSWORD": settings["PASSWORD"],
        "DJANGO_SETTINGS_MODULE": "nightdesk.settings",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    started = subprocess.Popen([sys.executable, "-c", PROCESS], env=env, stderr=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.communicate()


def test_a_worker_whose_thread_hangs_gives_itself_up(handler, process):
    handler("test.hang", lambda row, at: "")
    due("test.hang")
    assert process.wait(60) == worker.STRUCK_OFF
    assert Promise.objects.get().leased_by is not None  # until it is struck off


def test_a_worker_that_was_taken_for_dead_ends(process):
    until(lambda: Worker.objects.filter(name="process").exists(), within_s=60)
    Worker.objects.all().delete()
    assert process.wait(60) == worker.STRUCK_OFF
