"""The whole program as its users run it: `nightdesk serve` on a folder and ports of its own, outside this process."""

import atexit
import contextlib
import functools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from nightdesk.base import postgres
from tests import schema

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 300.0
"""A start takes some seconds of a core; beside other tests, several times as long."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on, below those that the kernel gives to whoever calls out meanwhile."""
    while True:
        port = random.randrange(15_000, 30_000)  # not in order: others look for theirs at the same time
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(told: Callable[[], Any], seconds: float, what: str) -> Any:
    """Ask `told` again and again until it gives something true, and give that back; AssertionError long after `seconds`.

    `seconds` are what a machine with time needs; a busy one takes several times that, and how long a thing may take is no
    question for a test but for bench/.
    """
    seconds = max(60.0, 3 * seconds)
    end = time.monotonic() + seconds
    while True:
        answer = told()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def signed_in(url: str, email: str, password: str) -> tuple[urllib.request.OpenerDirector, str]:
    """A browser without scripts in which somebody has signed in, and where they arrived."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    form = browser.open(f"{url}/account/login/", timeout=20).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    values = {"csrfmiddlewaretoken": token[1], "login": email, "password": password}
    sent = urllib.request.Request(f"{url}/account/login/", urllib.parse.urlencode(values).encode(), {"Referer": url})
    return browser, str(browser.open(sent, timeout=20).url)


class Stack:
    """A running `nightdesk serve`. `url` is its address; `at(url)` talks to its database."""

    def __init__(self, state: Path, **environment: str) -> None:
        self.state = state
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
        self.environment = kept | {
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "NIGHTDESK_STATE_DIR": str(state),
            "NIGHTDESK_PORT": str(self.port),
            "NIGHTDESK_PUBLIC_URL": self.url,
            "NIGHTDESK_DEMO": "0",
            **environment,
        }
        self.command = [sys.executable, "-m", "nightdesk", "serve"]
        self.folder = ROOT
        self.outside_url = environment.get("NIGHTDESK_DATABASE_URL", "")
        self.log = (state / "serve.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None
        self.ahead = timedelta(0)

    def start(self) -> None:
        """Start `serve`, and come back when it answers that it is ready."""
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=self.folder,
            stdout=self.log,
            stderr=self.log,
        )
        until(self.ready, READY_WITHIN_S, f"{self.url}/readyz answers (see {self.state / 'serve.log'})")

    def ready(self) -> bool:
        """Whether /readyz says yes. Raises when `serve` has ended by itself."""
        assert self.process is not None
        assert self.process.poll() is None, f"serve ended:\n{self.words()}"
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def words(self) -> str:
        """The end of what `serve` said."""
        return (self.state / "serve.log").read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """Ctrl-C, as a person would."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cli(self, *words: str) -> str:
        """What `nightdesk WORDS` prints, without the last line's end. AssertionError with its error text if it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "nightdesk", *words],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=READY_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, f"nightdesk {' '.join(words)}: {done.stderr or done.stdout}"
        return done.stdout.strip()

    def stage(self, **wanted: Any) -> dict[str, Any]:
        """Set up people, routes, a rota and a policy through the verbs (see `tests.system.stage`)."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.system.stage"],
            env=self.environment | {"NIGHTDESK_DATABASE_URL": self.database_url()},
            cwd=ROOT,
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=READY_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def database_url(self) -> str:
        """The URL of the stack's own PostgreSQL, or of the outside one that it was given."""
        return self.outside_url or postgres.Server(self.state).url

    @contextlib.contextmanager
    def database(self) -> Iterator[psycopg.Connection]:
        """A connection to the stack's database."""
        with psycopg.connect(self.database_url(), autocommit=True, connect_timeout=30) as connection:
            yield connection

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What `query` finds in the stack's database."""
        with self.database() as connection:
            return connection.execute(query.encode(), values).fetchall()

    def jump(self, by: timedelta) -> None:
        """Put the clock of the whole installation on; every process follows within a beat."""
        self.ahead += by
        with self.database() as connection:
            connection.execute(
                "CREATE OR REPLACE FUNCTION nightdesk_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
                f"$$ SELECT clock_timestamp() + interval '{self.ahead.total_seconds()} seconds' $$".encode()
            )

    def pid_of(self, name: str) -> int:
        """The process id of `web`, `worker` or `postgres`."""
        if name == "postgres":
            return int(next(iter((self.state / "postgres").rglob("postmaster.pid"))).read_text().splitlines()[0])
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
                if self.process and int(parent) == self.process.pid and name.encode() in words:
                    return int(folder.name)
        raise LookupError(f"no {name} runs")

    def get(self, path: str) -> str:
        """What GET answers, as text. Raises HTTPError for anything but success."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return str(answer.read().decode())

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
        """POST `body` as JSON; the answer's status and body. OSError when nobody answers."""
        request = urllib.request.Request(
            self.url + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def demo_log_ins(running: Stack) -> dict[str, str]:
    """Password by address, as `nightdesk demo` has made them up."""
    return dict(line.split() for line in (running.state / "demo-log-ins.txt").read_text().splitlines())


def _new_state(*, on_disk: bool = False) -> Path:
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 2 << 30
    place = shm if roomy and not on_disk else Path("/var/tmp")
    state = Path(tempfile.mkdtemp(prefix="nightdesk-stack-", dir=place))
    state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return state


@functools.cache
def _migrated() -> Path:
    """A state folder with a migrated database that does not run. Half of what a first start costs is making that."""
    state = _new_state()
    atexit.register(shutil.rmtree, state, ignore_errors=True)
    if not schema.OTHER:
        server = postgres.Server(state)
        schema.read_in(server.start())
        server.stop()
    Stack(state).cli("migrate")
    return state


@contextlib.contextmanager
def stack(*, on_disk: bool = False, new: bool = False, **environment: str) -> Iterator[Stack]:
    """A started stack on a folder of its own; both are gone afterwards. In memory where there is room, unless `on_disk`.

    Its database is a copy of a migrated one, unless it is to be `new`: then it has to make it, as after an installation.
    """
    state = _new_state(on_disk=on_disk)
    if not new and "NIGHTDESK_DATABASE_URL" not in environment:
        subprocess.run(["cp", "--archive", _migrated() / "postgres", state], check=True)
    running = Stack(state, **environment)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        running.log.close()
        shutil.rmtree(state, ignore_errors=True)
