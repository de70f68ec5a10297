"""Two PostgreSQL 15 servers as a provider runs them: one streams to the other, and a commit waits until both have it.

They listen on loopback, each at a port of its own. What Patroni does in a real installation (taking the old primary out,
promoting the standby) is done here by the test: `kill_primary`, `promote`.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from nightdesk.base import cluster
from nightdesk.base.binaries import Binaries, found
from tests import schema
from tests.system.stack import free_port, until

PASSWORD = "shared by both"
STANDBY = "second"
_ROLES = (
    f"CREATE ROLE nightdesk LOGIN PASSWORD '{PASSWORD}'",
    "CREATE ROLE nightdesk_customer NOLOGIN",
    "GRANT nightdesk_customer TO nightdesk",
    "CREATE DATABASE nightdesk OWNER nightdesk",
)


class TwoServers:
    """`url` names both, as every process of Nightdesk is told."""

    def __init__(self, folder: Path, programs: Binaries) -> None:
        self._programs, self._folder = programs, folder
        self.account = cluster._chosen_account()
        self.ports = {"first": free_port(), STANDBY: free_port()}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        return (
            f"postgresql://nightdesk:{PASSWORD.replace(' ', '%20')}@{hosts}/nightdesk?target_session_attrs=read-write"
        )

    def start(self) -> None:
        """Both run, and the second one has all that the first has."""
        if self.account.other:
            os.chown(self._folder, self.account.uid, self.account.gid)
        key = self._folder / "key"
        key.write_text(PASSWORD)
        key.chmod(0o644)
        self._run(
            "initdb",
            "-D",
            self._data("first"),
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "-A",
            "scram-sha-256",
            f"--pwfile={key}",
            "-N",
        )
        self._serve("first")
        self._ask(*_ROLES)
        self._fill()
        source = f"host=127.0.0.1 port={self.ports['first']} user=postgres password='{PASSWORD}'"
        self._run("pg_basebackup", "-D", self._data(STANDBY), "-R", "-X", "stream", "-c", "fast", "-d", source)
        with (self._data(STANDBY) / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{source.replace(chr(39), chr(39) * 2)} application_name={STANDBY}'\n")
        self._serve(STANDBY)
        # Of the first one only: the second must not wait for itself once it has taken over.
        self._ask(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'", "SELECT pg_reload_conf()")
        until(self.is_synchronous, 20, "the second server has what the first one has")

    def is_synchronous(self) -> bool:
        """Whether the first server waits for the second one at each commit."""
        with psycopg.connect(self.superuser_url("first")) as connection:
            return connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall() == [("sync",)]

    def superuser_url(self, which: str) -> str:
        return f"host=127.0.0.1 port={self.ports[which]} user=postgres password='{PASSWORD}' dbname=postgres connect_timeout=30"

    def kill_primary(self) -> None:
        """SIGKILL, as when the machine is gone: nothing of it answers any more."""
        self._signal("first", signal.SIGKILL)
        self._running.pop("first").wait(10)

    def promote(self) -> float:
        """The second server takes over; the instant (seconds since the epoch) at which it could be written to."""
        with psycopg.connect(self.superuser_url(STANDBY), autocommit=True) as connection:
            connection.execute("SELECT pg_promote(wait => false)")
            while connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
                time.sleep(0.002)
            return time.time()

    def stop(self) -> None:
        for which in list(self._running):
            self._signal(which, signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                self._running.pop(which).wait(10)

    def _data(self, which: str) -> Path:
        return self._folder / which

    def _fill(self) -> None:
        """The first server's database is migrated: read in, since migrating it takes a minute."""
        of_15 = schema.made().read_text().replace("SET transaction_timeout = 0;\n", "")  # which 17 brought
        address = f"postgresql://nightdesk:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.ports['first']}/nightdesk"
        how = ("--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--output", os.devnull)
        psql = [self._programs.folder / "psql", *how, address]
        subprocess.run(psql, input=of_15, text=True, check=True)

    def _ask(self, *statements: str) -> None:
        with psycopg.connect(self.superuser_url("first"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _run(self, program: str, *words: str | Path) -> None:
        done = subprocess.run(
            [self._programs.folder / program, *words],
            check=False,
            capture_output=True,
            text=True,
            **cluster.run_as(self.account),
        )
        assert done.returncode == 0, done.stderr

    def _serve(self, which: str) -> None:
        settings = (f"port={self.ports[which]}", "listen_addresses=127.0.0.1", "unix_socket_directories=")
        command = [self._programs.folder / "postgres", "-D", self._data(which)]
        command += [word for setting in settings for word in ("-c", setting)]
        with (self._folder / f"{which}.log").open("ab") as log:
            self._running[which] = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, **cluster.run_as(self.account)
            )
        until(lambda: self._answers(which), 30, f"the {which} server answers (see {self._folder / which}.log)")

    def _answers(self, which: str) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.superuser_url(which)):
            return True
        return False

    def _signal(self, which: str, what: signal.Signals) -> None:
        self._running[which].send_signal(what)


@contextmanager
def two_servers() -> Iterator[TwoServers]:
    """Debian's PostgreSQL 15, twice, on a disk. Both are gone afterwards."""
    programs = next(each for each in found() if each.wheel is None and each.major == 15)
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-two-servers-", dir="/var/tmp"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    servers = TwoServers(folder, programs)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)
