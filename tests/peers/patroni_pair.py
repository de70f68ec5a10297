"""Two PostgreSQL 15 servers under Patroni, by docs/deploy/patroni.yml; only addresses, folders and certificates are changed.

They listen on loopback, each at a port of its own, with one etcd between them.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from nightdesk.base import cluster
from tests import schema
from tests.system.stack import free_port, until
from tools.system_parts import find_part

OURS = Path(__file__).parents[2] / "docs" / "deploy" / "patroni.yml"
PASSWORD = "put-one-here"
"""As it stands in the file."""
NAMES = ("db1", "db2")
_ROLES = (
    f"CREATE ROLE nightdesk LOGIN PASSWORD '{PASSWORD}'",
    "CREATE ROLE nightdesk_customer NOLOGIN",
    "GRANT nightdesk_customer TO nightdesk",
    "CREATE DATABASE nightdesk OWNER nightdesk",
)
_READY_WITHIN_S = 120.0


class PatroniPair:
    """`url` names both, as every process of Nightdesk is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._account = cluster._chosen_account()
        self._as_account = cluster.run_as(self._account) | {"cwd": folder, "env": _PLAIN}
        self._ports = {name: free_port() for name in NAMES}
        self._doors = {name: free_port() for name in NAMES}
        self._keeper, self._keepers_peer = free_port(), free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports.values())
        return f"postgresql://nightdesk:{PASSWORD}@{hosts}/nightdesk?target_session_attrs=read-write"

    def start(self) -> None:
        """Both run, and the second one has all that the first has."""
        if self._account.other:
            os.chown(self._folder, self._account.uid, self._account.gid)
        made = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=db",
        ]
        self._run("openssl", *made, "-keyout", self._folder / "privkey.pem", "-out", self._folder / "fullchain.pem")
        door, peer = f"http://127.0.0.1:{self._keeper}", f"http://127.0.0.1:{self._keepers_peer}"
        self._serve(
            "etcd", "--data-dir", self._folder / "etcd", "--listen-client-urls", door, "--advertise-client-urls", door,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
        )  # fmt: skip
        first, second = NAMES
        self._serve("patroni", self._settings(first), name=first)
        until(lambda: self.leader() == first, _READY_WITHIN_S, f"{first} leads (see {self._folder / first}.log)")
        self._fill(first)
        self._serve("patroni", self._settings(second), name=second)
        until(self.is_synchronous, _READY_WITHIN_S, f"{second} has what {first} has (see {self._folder / second}.log)")

    def leader(self) -> str:
        """Whichever of the two leads; "" while none does."""
        return next((name for name, role in self._roles().items() if role == "leader"), "")

    def is_synchronous(self) -> bool:
        """Whether commits of the leader wait for the other one, and that one may take over. Patroni notes that some seconds after
        PostgreSQL does it.
        """
        return "sync_standby" in self._roles().values()

    def switch_over(self) -> None:
        """The other one leads, as before the work on a machine."""
        first = self.leader()
        (other,) = {*NAMES} - {first}
        asked = ["switchover", "--master", first, "--candidate", other, "--force"]
        self._run("patronictl", "-c", self._folder / f"{first}.yml", *asked)

    def kill(self, name: str) -> None:
        """SIGKILL for all of it, as when the machine is gone."""
        postmaster = int((self._folder / name / "postmaster.pid").read_text().splitlines()[0])
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        os.kill(postmaster, signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        for name in (*NAMES, "etcd"):
            process = self._running.pop(name, None)
            if process is not None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()

    def _roles(self) -> dict[str, str]:
        """Member -> leader, sync_standby or replica, by whichever Patroni answers."""
        for name in NAMES:
            address = f"http://127.0.0.1:{self._doors[name]}/cluster"
            with suppress(OSError, ValueError), urllib.request.urlopen(address, timeout=5) as answer:
                return {each["name"]: each["role"] for each in json.loads(answer.read())["members"]}
        return {}

    def _settings(self, name: str) -> Path:
        changed = {
            "name: db1": f"name: {name}",
            "0.0.0.0:8008": f"127.0.0.1:{self._doors[name]}",
            "db1.example.net:8008": f"127.0.0.1:{self._doors[name]}",
            "etcd1.example.net:2379,etcd2.example.net:2379,etcd3.example.net:2379": f"127.0.0.1:{self._keeper}",
            "0.0.0.0:5432": f"127.0.0.1:{self._ports[name]}",
            "db1.example.net:5432": f"127.0.0.1:{self._ports[name]}",
            "/var/lib/postgresql/15/nightdesk": str(self._folder / name),
            "/etc/ssl/nightdesk": str(self._folder),
            'ssl: "on"': f'ssl: "on"\n    unix_socket_directories: {self._folder}',
            "10.0.0.0/8": "127.0.0.1/32",
        }
        text = OURS.read_text(encoding="utf-8")
        for old, new in changed.items():
            assert old in text, f"{old} stands no more in {OURS.name}"
            text = text.replace(old, new)
        path = self._folder / f"{name}.yml"
        path.write_text(text)
        return path

    def _fill(self, name: str) -> None:
        """The database is there, with our tables."""
        address = f"host=127.0.0.1 port={self._ports[name]} user=postgres password={PASSWORD} dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in _ROLES:
                connection.execute(statement.encode())
        of_15 = schema.made().read_text().replace("SET transaction_timeout = 0;\n", "")  # which 17 brought
        how = ("--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--output", os.devnull)
        ours = f"postgresql://nightdesk:{PASSWORD}@127.0.0.1:{self._ports[name]}/nightdesk"
        subprocess.run(["psql", *how, ours], input=of_15, text=True, check=True)

    def _run(self, program: str, *words: str | Path) -> None:
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, check=False,
            timeout=_READY_WITHIN_S, **self._as_account,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def _serve(self, program: str, *words: str | Path, name: str = "") -> None:
        with (self._folder / f"{name or program}.log").open("ab") as log:
            self._running[name or program] = subprocess.Popen(
                [find_part(program) or program, *words], stdout=log, stderr=log,
                start_new_session=True, **self._as_account,
            )  # fmt: skip


_PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
"""Patroni is the system's, and so is its Python."""


@contextmanager
def patroni_pair() -> Iterator[PatroniPair]:
    """Debian's Patroni and PostgreSQL 15, on a disk. All of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-patroni-", dir="/var/tmp"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    pair = PatroniPair(folder)
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()
        shutil.rmtree(folder, ignore_errors=True)
