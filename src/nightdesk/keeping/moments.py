"""Going back to any moment: every write of our own PostgreSQL, sealed as it happens, and what they are played upon.

In the folder of backups lie, each sealed and compressed: `wal/SEGMENT` (what PostgreSQL wrote, 16 MiB each, at least one a
minute) and `nightdesk-TIME-SEGMENT.base` (all of its files, made beside each backup). To go back, a base is unpacked beside the
database, a PostgreSQL of its own plays the segments upon it up to the moment, and of what is there then a backup is made.
"""

import gzip
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import psycopg

from nightdesk.base import postgres
from nightdesk.base.binaries import found
from nightdesk.base.cluster import SUPERUSER, CannotStart, Cluster, locate
from nightdesk.base.disk import sync_folder
from nightdesk.base.lock import Lock
from nightdesk.base.refusals import Refusal
from nightdesk.base.sealed_stream import Broken, Opener, Sealer
from nightdesk.keeping import programs, restoring
from nightdesk.keeping.archive import DumpFailed, NotABackup
from nightdesk.keeping.decide import Base, base_for, base_name, base_named, is_segment, run_of, to_forget

_PIECE = 1 << 20
_PAGE = 8192
_PATIENCE_S = 60.0
_DRAFT = ".unfinished"


class NotThatMoment(Refusal):
    """What was kept does not reach from a base to the moment that was asked for."""

    code = "moment-unreachable"
    status = 422
    title = "That moment cannot be gone back to"


def folder_of(backups: Path) -> Path:
    """Where the sealed segments lie."""
    return backups / "wal"


def seal_waiting(spool: Path, backups: Path, key: bytes) -> int:
    """Seal what PostgreSQL has handed out, the oldest first; returns how much that was. What is sealed is synced, then gone from
    `spool`; killed in between, it is sealed once more.
    """
    folder = folder_of(backups)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    waiting = waiting_in(spool)
    if not waiting:
        return 0
    with Lock(folder / "sealing.lock", wait=True):
        for segment in waiting:
            if not is_segment(segment.name):
                segment.unlink(missing_ok=True)  # a note on a base, which is known by its own name
                continue
            try:
                with segment.open("rb") as source:
                    _seal(cast("BinaryIO", source), folder / segment.name, key)
            except FileNotFoundError:
                continue  # another worker was at it
            segment.unlink(missing_ok=True)
    return len(waiting)


def waiting_in(spool: Path) -> list[Path]:
    """What was handed out and is not sealed, the oldest first."""
    return sorted(path for path in spool.glob("*") if not path.name.startswith("."))


def is_handed_out(connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    """Whether the server at the other end hands out what it writes; it may have been started before it was to."""
    row = connection.execute("SELECT current_setting('archive_mode')").fetchone()
    return row == ("on",)


def write_base(admin_url: str, backups: Path, key: bytes, *, now: Callable[[], datetime]) -> Path | None:
    """A base of the server at `admin_url`, whole and synced; None where it hands out nothing, so that a base were of no use.

    Raises DumpFailed, NoProgram, OSError; then no file of that name is there.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if not is_handed_out(connection):
            return None
        major = programs.major_of(connection)
        first = _one(connection, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    for stale in backups.glob(f"*.base{_DRAFT}"):
        stale.unlink(missing_ok=True)
    draft = backups / f"nightdesk.base{_DRAFT}"
    arguments = ["--pgdata=-", "--format=tar", "--wal-method=none", "--checkpoint=fast", "--no-manifest"]
    with tempfile.TemporaryFile() as errors, open(os.devnull, "wb") as nowhere:
        copier = programs.start(
            "pg_basebackup", arguments, admin_url, major,
            into=cast("BinaryIO", nowhere), errors=cast("BinaryIO", errors),
        )  # fmt: skip
        assert copier.stdout is not None
        try:
            _seal(cast("BinaryIO", copier.stdout), draft, key)
            status = copier.wait()
        finally:
            copier.kill()
            copier.wait()
            copier.stdout.close()
        if status:
            draft.unlink(missing_ok=True)
            errors.seek(0)
            raise DumpFailed(
                "The files of the database were to be copied.", programs.last_words(errors.read()),
                "See that it answers, and ask again.",
            )  # fmt: skip
    path = backups / base_name(now(), first)
    draft.rename(path)
    sync_folder(backups)
    return path


def bases_in(backups: Path) -> list[Base]:
    """The bases that there are."""
    return [base for path in backups.glob("*.base") if (base := base_named(path.name))]


def segments_in(backups: Path) -> list[str]:
    """The names of the segments that there are."""
    return [path.name for path in folder_of(backups).glob("*") if is_segment(path.name)]


def forget(backups: Path, kept: timedelta, at: datetime) -> int:
    """Remove what no moment of the last `kept` needs; returns how many files went."""
    bases, segments = to_forget(bases_in(backups), segments_in(backups), kept, at)
    for base in bases:
        (backups / base.name).unlink(missing_ok=True)
    for segment in segments:
        (folder_of(backups) / segment).unlink(missing_ok=True)
    return len(bases) + len(segments)


def hand_out_now(admin_url: str) -> None:
    """What was written up to now lies in the spool when this returns. Raises NotThatMoment where PostgreSQL cannot do it."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if not is_handed_out(connection):
            return
        wanted = _one(connection, "SELECT pg_walfile_name(pg_switch_wal())")
        end = time.monotonic() + _PATIENCE_S
        while _one(connection, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver") < wanted:
            if time.monotonic() >= end:
                raise NotThatMoment(
                    "What was written last was to be handed out.",
                    f"PostgreSQL does not get it into its folder within {_PATIENCE_S:.0f} s.",
                    "See postgres.log in the state folder, and whether the disk is full.",
                )
            time.sleep(0.05)


@contextmanager
def as_it_was(
    moment: datetime, *, backups: Path, key: bytes, state: Path, told: Callable[[str], None]
) -> Iterator[str]:
    """The address of a PostgreSQL that holds what was committed up to `moment` (included), gone afterwards.

    Raises NotThatMoment, NotABackup (what is kept is damaged), NoProgram, CannotStart.
    """
    asked = f"The database was to be as it was at {moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."
    bases, segments = bases_in(backups), segments_in(backups)
    base = base_for(bases, moment)
    if base is None:
        earliest = min((each.at for each in bases), default=None)
        raise NotThatMoment(
            asked,
            f"The earliest moment that can be gone back to is {earliest:%Y-%m-%d %H:%M:%S} UTC."
            if earliest
            else f"No base lies in {backups}.",
            "Ask for a later one, or restore a backup: nightdesk backup --list. See NIGHTDESK_BACKUP_WAL_DAYS.",
        )
    run, missing = run_of(segments, base.first)
    if not run:
        raise NotThatMoment(asked, f"The segment {base.first} is missing, with which it begins.", "Restore a backup.")
    with programs.ended_in_order(), restoring.place_apart(state) as place:
        cluster = locate(place)
        told(f"unpacking {base.name}")
        _unpack(backups / base.name, key, cluster)
        told(f"opening {len(run)} segments of what was written since")
        for name in run:
            _open_segment(folder_of(backups) / name, cluster.spool / name, key)
        _settle(cluster, moment)
        server = postgres.Server(place, choice=[each for each in found() if each.major == cluster.major])
        try:
            told("playing them")
            server.start()
            while _is_playing(server):
                time.sleep(0.1)
            yield server.url
        except CannotStart as error:
            if not missing and "before configured recovery target was reached" not in str(error):
                raise
            raise NotThatMoment(
                asked,
                f"The segment {missing} is missing; what was written up to it does not reach that far."
                if missing
                else "What was kept ends before it.",
                "Ask for an earlier one.",
            ) from error
        finally:
            server.stop()
            shutil.rmtree(server.cluster.home, ignore_errors=True)


def _is_playing(server: postgres.Server) -> bool:
    """Whether it is still on its way to the moment. Raises CannotStart where it ended before."""
    if not server.ready():
        return True
    try:
        with psycopg.connect(server.superuser_url, connect_timeout=5) as connection:
            return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
    except psycopg.OperationalError:
        return True


def _settle(cluster: Cluster, moment: datetime) -> None:
    """Tell the unpacked database what to play and where to stop. Only its own user and we can reach it meanwhile."""
    cluster.invent_password(SUPERUSER)  # which nobody asks for
    (cluster.data / "pg_hba.conf").write_text("local all all trust\n")
    with (cluster.data / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            f'restore_command = \'cp "../wal/%f" "%p"\'\n'
            f"recovery_target_time = '{moment.astimezone(UTC).isoformat()}'\n"
            "recovery_target_action = 'promote'\n"
        )
    (cluster.data / "recovery.signal").touch()
    for path in (cluster.home, *cluster.home.rglob("*")):
        cluster.hand_over(path)
    cluster.data.chmod(0o700)


def _unpack(path: Path, key: bytes, cluster: Cluster) -> None:
    cluster.data.mkdir(mode=0o700)
    cluster.spool.mkdir(mode=0o700)
    with _opened(path, key) as plain, tarfile.open(fileobj=plain, mode="r|", bufsize=_PIECE) as tar:
        for member in tar:
            inside = cluster.data / member.name
            if not inside.resolve().is_relative_to(cluster.data.resolve()) or not (member.isdir() or member.isfile()):
                raise Broken(f"{member.name[:80]!r} is not where it belongs.")
            if member.isdir():
                inside.mkdir(mode=0o700, parents=True, exist_ok=True)
            elif (content := tar.extractfile(member)) is not None:
                with inside.open("wb") as file:
                    shutil.copyfileobj(content, file, _PIECE)


def _open_segment(path: Path, into: Path, key: bytes) -> None:
    """Its zeros take no room: most segments were handed out before they were full."""
    with _opened(path, key) as plain, into.open("wb") as file:
        while page := plain.read(_PAGE):
            if page.count(0) == len(page):
                file.seek(len(page), os.SEEK_CUR)
            else:
                file.write(page)
        file.truncate(file.tell())


@contextmanager
def _opened(path: Path, key: bytes) -> Iterator[BinaryIO]:
    """What was sealed in the file. Leaving it raises NotABackup where that was not whole."""
    asked = f"{path.name} was to be opened."
    try:
        with path.open("rb") as file:
            opener = Opener(cast("BinaryIO", file), key)
            with gzip.GzipFile(fileobj=cast("BinaryIO", opener), mode="rb") as plain:
                yield cast("BinaryIO", plain)
                plain.read()
            opener.drain()
    except (Broken, tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise NotABackup(
            asked, f"{error or 'It is cut.'}",
            "Use the key it was sealed with (NIGHTDESK_BACKUP_KEY), an earlier moment, or a backup.",
        ) from error  # fmt: skip
    except FileNotFoundError as error:
        raise NotABackup(asked, "There is no such file.", "Ask for an earlier moment.") from error


def _seal(source: BinaryIO, path: Path, key: bytes) -> None:
    """All of `source`, compressed and sealed; the file has its name once it is whole and synced."""
    draft = path.with_name(f".{path.name}{_DRAFT}")
    draft.unlink(missing_ok=True)
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            sealer = Sealer(cast("BinaryIO", file), key)
            with gzip.GzipFile(filename="", fileobj=cast("BinaryIO", sealer), mode="wb", compresslevel=1) as packed:
                shutil.copyfileobj(source, packed, _PIECE)
            sealer.finish()
            os.fsync(file.fileno())
        draft.rename(path)
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _one(connection: "psycopg.Connection[tuple[object, ...]]", query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    return str(row[0]) if row else ""
