"""`nightdesk-notify` as monitors run it: what it understands, and that nothing is lost, out of order or in the way.

The server here is only a door that says what it is told to say; tests/system/test_nagios.py has the real one.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nightdesk.paging.formats import FORMATS, Signal
from tests.system.stack import free_port, until

COMMAND = Path(__file__).parent.parent / "src" / "nightdesk" / "notify.py"
PLAIN = ("--summary", "disk full")


class Door:
    """A web server on loopback. `says` is the status of its next answers; `got` the bodies that it said 2xx to."""

    def __init__(self) -> None:
        self.says, self.got, self.asked = 202, list[dict[str, Any]](), 0
        self.keys = list[str]()
        self.hold = threading.Event()
        self.hold.set()
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                door.asked += 1
                door.hold.wait(60)
                if 200 <= door.says < 300:
                    door.got.append(body)
                    door.keys.append(self.headers["X-Routing-Key"])
                self.send_response(door.says)
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"said")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.hold.set()
    made.server.shutdown()
    made.server.server_close()


class Monitor:
    """A monitoring host with its spool and key."""

    def __init__(self, folder: Path, url: str) -> None:
        self.spool = folder / "spool"
        self.key_file = folder / "key"
        self.key_file.write_text("a-secret-key\n")
        self.base = ["--spool", str(self.spool)]
        self.to = ["--url", url, "--key-file", str(self.key_file)]

    def start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        # Isolated (-I): nothing of ours can be imported, as on a host that has only this file.
        command = [sys.executable, "-I", str(COMMAND), *self.base, *words]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __call__(self, *words: str, status: int = 0, **environment: str) -> str:
        """What it said on standard error."""
        process = self.start(*self.to, *words, **environment)
        _out, said = process.communicate(timeout=60)
        assert process.returncode == status, said
        return said.decode()

    def waiting(self) -> list[Path]:
        return sorted(self.spool.glob("*.json"))


@pytest.fixture
def monitor(tmp_path: Path, door: Door) -> Monitor:
    return Monitor(tmp_path, door.url)


def read(body: dict[str, Any]) -> Signal:
    (signal,) = FORMATS["nagios"].parse(json.dumps(body).encode()).signals
    return signal


def test_the_plain_form_reaches_the_server_and_leaves_nothing_behind(door: Door, monitor: Monitor) -> None:
    monitor(*PLAIN, "--severity", "warning", "--source", "nas", "--dedup-key", "d", "--detail", "free=1%=0.9G")
    (body,) = door.got
    signal = read(body)
    assert (signal.summary, signal.severity, signal.source, signal.dedup_key) == ("disk full", "warning", "nas", "d")
    assert signal.details == {"free": "1%=0.9G"}
    assert door.keys == ["a-secret-key"]
    assert monitor.waiting() == []


def test_pd_nagios_options_are_understood_and_values_keep_their_equal_signs(door: Door, monitor: Monitor) -> None:
    macros = {"SERVICEDESC": "HTTP", "HOSTNAME": "srv01", "SERVICESTATE": "CRITICAL", "SERVICEOUTPUT": "a=b=c, d=e"}
    fields = [word for name, value in macros.items() for word in ("-f", f"{name}={value}")]
    monitor("-n", "service", "-t", "PROBLEM", *fields)
    monitor("-n", "host", "-k", "another-key", "-t", "RECOVERY", *fields, "-i", "mine")
    problem, recovery = map(read, door.got)
    assert problem.summary == "HTTP on srv01 is CRITICAL: a=b=c, d=e"
    assert (problem.action, recovery.action, recovery.dedup_key, recovery.component) == (
        "trigger",
        "resolve",
        "mine",
        "",
    )
    assert door.keys == ["a-secret-key", "another-key"]


def test_nagios_macros_come_from_the_environment_too(door: Door, monitor: Monitor) -> None:
    monitor(NAGIOS_NOTIFICATIONTYPE="PROBLEM", NAGIOS_HOSTNAME="srv01", NAGIOS_HOSTSTATE="DOWN", HOSTNAME="this-host")
    assert read(door.got[0]).summary == "srv01 is DOWN"


def test_icingas_options_and_environment_mean_the_same_alarm(door: Door, monitor: Monitor) -> None:
    options = ("-d", "2026-11-14", "-l", "srv01", "-n", "Server 1", "-o", "-5 = low", "-s", "CRITICAL", "-t", "PROBLEM")
    mail = (
        "-r",
        "noc@example.net",
        "-f",
        "icinga@example.net",
        "-v",
        "true",
        "-4",
        "192.0.2.1",
        "-i",
        "https://i.example",
    )
    monitor(*options, *mail, "-e", "http", "-u", "Web", "-b", "", "-c", "")
    environment = {"NOTIFICATIONTYPE": "RECOVERY", "HOSTNAME": "srv01", "SERVICENAME": "http", "SERVICESTATE": "OK"}
    monitor(**environment)
    by_options, by_environment = map(read, door.got)
    assert by_options.summary == "http on srv01 is CRITICAL: -5 = low"
    assert by_options.dedup_key == by_environment.dedup_key == "event_source=service;host_name=srv01;service_desc=http"
    assert (by_options.action, by_environment.action) == ("trigger", "resolve")
    assert [link.href for link in by_options.links] == ["https://i.example"]


def test_a_hosts_shell_is_no_notification(door: Door, monitor: Monitor) -> None:
    assert "nothing to tell" in monitor(status=2, HOSTNAME="this-host")
    assert "MACRO=VALUE" in monitor("-n", "host", "-f", "HOSTNAME", status=2)
    assert door.asked == 0


@pytest.mark.parametrize("status", [500, 503, 429, 404, 401, 403])
def test_what_is_not_taken_stays_on_disk_and_goes_in_order_once(door: Door, monitor: Monitor, status: int) -> None:
    door.says = status
    for number in range(4):
        said = monitor("--summary", f"number {number}")
        assert f"{status} said" in said
    assert len(monitor.waiting()) == 4
    assert door.asked == 4, "one that cannot go now is not followed by those behind it"
    door.says = 202
    monitor("--flush")
    assert [body["plain"]["summary"] for body in door.got] == [f"number {number}" for number in range(4)]
    assert len({body["id"] for body in door.got}) == 4
    assert monitor.waiting() == []


def test_a_server_that_is_away_holds_nobody_up_and_the_next_call_brings_all(tmp_path: Path, door: Door) -> None:
    away = Monitor(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert "kept in" in away("--summary", "first")
    (file,) = away.waiting()
    assert (file.stat().st_mode & 0o777, away.spool.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "a-secret-key" not in file.read_text(), "the key stays in its own file"
    # The server has moved: what names no server of its own goes to the new one. This one names the old.
    away("--flush")
    assert len(away.waiting()) == 1
    item = json.loads(file.read_bytes())
    file.write_text(json.dumps(item | {"url": door.url}))
    away("--flush")
    assert [body["plain"]["summary"] for body in door.got] == ["first"]


def test_a_server_that_hangs_holds_nobody_up(door: Door, monitor: Monitor) -> None:
    door.hold.clear()
    began = time.monotonic()
    monitor(*PLAIN, "--time", "1")
    assert time.monotonic() - began < 20, "a second, and what starting Python takes on a busy machine"
    assert len(monitor.waiting()) == 1
    door.hold.set()
    monitor("--flush")
    assert {body["id"] for body in door.got} == {door.got[0]["id"]}, "if both came they are the same notification"


def test_what_the_server_cannot_read_is_put_aside_and_stops_nothing(door: Door, monitor: Monitor) -> None:
    door.says = 503
    monitor("--summary", "poison")
    monitor("--summary", "sound")
    bad, _sound = monitor.waiting()
    bad.write_bytes(b"{")
    door.says = 202
    monitor("--flush")
    assert [body["plain"]["summary"] for body in door.got] == ["sound"]
    door.says = 400
    said = monitor("--summary", "refused")
    assert "cannot read" in said
    assert monitor.waiting() == []
    kept = sorted(path.name for path in (monitor.spool / "refused").iterdir())
    assert len(kept) == 4, "both are there, each with the reason"


def test_one_wrong_key_stops_only_its_own(door: Door, monitor: Monitor, tmp_path: Path) -> None:
    missing = ("--key-file", str(tmp_path / "gone"))
    assert "cannot be read" in monitor(*missing, "--summary", "waits for its key")
    monitor("--summary", "goes")
    assert [body["plain"]["summary"] for body in door.got] == ["goes"]
    (tmp_path / "gone").write_text("found")
    monitor("--flush")
    assert door.keys == ["a-secret-key", "found"]


def test_without_any_configuration_it_is_kept_until_there_is_one(door: Door, monitor: Monitor, tmp_path: Path) -> None:
    process = monitor.start(*PLAIN)
    _out, said = process.communicate(timeout=60)
    assert (process.returncode, b"no server" in said) == (0, True)
    config = tmp_path / "notify.conf"
    config.write_text(f"# Nightdesk\nURL = {door.url}\nKEY_FILE = {monitor.key_file}\n")
    process = monitor.start("--flush", "--config", str(config))
    process.communicate(timeout=60)
    assert [body["plain"]["summary"] for body in door.got] == ["disk full"]


def test_many_at_once_all_arrive_each_once(door: Door, monitor: Monitor) -> None:
    calls = [monitor.start(*monitor.to, "--summary", f"number {number}", "--time", "20") for number in range(12)]
    for call in calls:
        call.communicate(timeout=60)
        assert call.returncode == 0
    until(lambda: monitor.waiting() == [], 5, "the spool is empty")
    assert sorted(body["plain"]["summary"] for body in door.got) == sorted(f"number {number}" for number in range(12))


def test_order_holds_when_the_clock_is_set_back(door: Door, monitor: Monitor) -> None:
    door.says = 503
    monitor("--summary", "problem")
    (first,) = monitor.waiting()
    # As if it had been written by a clock an hour ahead.
    first.rename(monitor.spool / f"{time.time_ns() + 3_600_000_000_000:020d}-1.json")
    monitor("--summary", "recovery")
    door.says = 202
    monitor("--flush")
    assert [body["plain"]["summary"] for body in door.got] == ["problem", "recovery"]


def test_killed_in_the_middle_nothing_is_lost(door: Door, monitor: Monitor) -> None:
    door.hold.clear()
    call = monitor.start(*monitor.to, *PLAIN)
    until(lambda: door.asked == 1, 10, "it is being sent")
    call.kill()
    call.communicate()
    assert len(monitor.waiting()) == 1
    door.hold.set()
    monitor("--flush")
    assert {body["plain"]["summary"] for body in door.got} == {"disk full"}
    assert len({body["id"] for body in door.got}) == 1


def test_a_spool_that_cannot_be_written_is_sent_past(door: Door, monitor: Monitor, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = monitor(*PLAIN, "--spool", str(tmp_path / "file"))
    assert "could not be kept" in said
    assert len(door.got) == 1
    door.says = 503
    assert "NOT KEPT" in monitor(*PLAIN, "--spool", str(tmp_path / "file"), status=1)


def test_it_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", str(COMMAND), "--help"], capture_output=True, check=True)
    assert b"usage: nightdesk-notify" in done.stdout
