"""A backup as a file: one snapshot of the database, the files that it names, and the keys, in one sealed stream.

Inside the seal (`base.sealed_stream`) lies a tar: `manifest.json` first, then `secret.key`, `files/DIGEST`, `database/000000`
and so on (pieces of what pg_dump wrote in its custom format), and `closing.json`, without which the rest is not whole. Nothing
of it lies on a disk unsealed. The file has its name only once it is whole and synced; before, it is a draft that the next
backup removes.
"""

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import psycopg
from psycopg import sql

from nightdesk.base.disk import sync_folder
from nightdesk.base.lock import Held, Lock
from nightdesk.base.refusals import Refusal
from nightdesk.base.sealed_stream import Broken, Opener, Sealer
from nightdesk.keeping import programs

_DRAFT = ".unfinished"
_PIECE = 4 << 20
_LARGEST_NOTE = 64 << 20
_FORMAT = 1


class NotABackup(Refusal):
    """A file that cannot be used as a backup: damaged, cut, sealed with another key, or none at all."""

    code = "backup-unusable"
    status = 422
    title = "That file is no backup that can be used"


class BackupRuns(Refusal):
    """Another backup is being made right now."""

    code = "backup-runs"
    status = 409
    title = "A backup is being made already"


class DumpFailed(Refusal):
    """PostgreSQL's own program could not read everything, or play it back."""

    code = "dump-failed"
    status = 503
    title = "The database could not be dumped or played back"


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `counts`: rows of each table in the snapshot; `key_marks`: of the master keys in use."""

    made_at: str
    version: str
    server_major: int
    migrations: list[str]
    counts: dict[str, int]
    format: int = _FORMAT
    key_marks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """What was written."""

    path: Path
    size: int
    rows: int
    files: int


def write_backup(
    *,
    url: str,
    folder: Path,
    name: str,
    key: bytes,
    files_dir: Path,
    master_keys: str,
    key_marks: list[str],
    version: str,
    at: datetime,
    told: Callable[[str], None],
) -> Written:
    """Make the backup `name` in `folder`, of the database at `url` and all files in `files_dir`.

    `master_keys` is the text of the key file; "" where the keys are not ours to keep. `told` hears in a few words what is done.
    Whoever calls it holds the folder (`alone_in`). Raises DumpFailed, NoProgram, OSError (no room); then no file of that name
    is there.
    """
    for stale in folder.glob(f"*{_DRAFT}"):
        stale.unlink(missing_ok=True)
    draft, path = folder / f"{name}{_DRAFT}", folder / name
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            sealer = Sealer(cast("BinaryIO", file), key)
            with _snapshot(url) as (connection, snapshot):
                manifest = _manifest(connection, version, key_marks, at)
                with tarfile.open(fileobj=sealer, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_PIECE) as tar:
                    _add(tar, "manifest.json", json.dumps(asdict(manifest)).encode())
                    if master_keys:
                        _add(tar, "secret.key", master_keys.encode())
                    files = _add_files(tar, files_dir, told)
                    _add_dump(tar, url, snapshot, manifest.server_major, told)
                    _add(tar, "closing.json", json.dumps({"files": files}).encode())
            sealer.finish()
            os.fsync(file.fileno())
        draft.rename(path)
        sync_folder(folder)
    finally:
        draft.unlink(missing_ok=True)
    return Written(path, path.stat().st_size, sum(manifest.counts.values()), files)


@contextmanager
def read_backup(path: Path, key: bytes) -> "Iterator[Reading]":
    """The backup, to be read once from its beginning. Raises NotABackup, also while it is read."""
    asked = f"The backup {path} was to be read."
    try:
        with path.open("rb") as file:
            opener = Opener(cast("BinaryIO", file), key)
            with tarfile.open(fileobj=opener, mode="r|", bufsize=_PIECE) as tar:
                yield Reading(tar, opener)
    except FileNotFoundError as error:
        raise NotABackup(asked, "There is no such file.", "Look at: nightdesk backup --list") from error
    except (Broken, tarfile.TarError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise NotABackup(
            asked, f"{error or 'It is cut.'}", "Use the key it was made with (NIGHTDESK_BACKUP_KEY), or another backup."
        ) from error


class Reading:
    """One pass through a backup: `manifest` and `master_keys` are there at once, `play` gives the rest."""

    def __init__(self, tar: tarfile.TarFile, opener: Opener) -> None:
        self._tar, self._opener = tar, opener
        first = tar.next()
        if first is None or first.name != "manifest.json":
            raise Broken("It does not begin as a backup does.")
        told = json.loads(self._note(first))
        if told.get("format") != _FORMAT:
            raise Broken(f"It is of format {told.get('format')}, and this version of Nightdesk reads {_FORMAT}.")
        try:
            self.manifest = Manifest(**{each.name: told[each.name] for each in fields(Manifest)})
        except KeyError:
            raise Broken("It does not say of itself what a backup says.") from None
        self.master_keys = ""

    def play(self, on_file: Callable[[str, bytes], None], on_dump: Callable[[bytes], None]) -> int:
        """Hand on each file (its digest and bytes) and each piece of the dump, in order; returns how many files there were.

        Raises Broken where it is not whole, which is known at the very end: until this has returned, nothing of it counts.
        """
        closing: dict[str, Any] = {}
        files = pieces = 0
        while (member := self._tar.next()) is not None:
            kind, _slash, name = member.name.partition("/")
            if member.name == "secret.key":
                self.master_keys = self._note(member).decode()
            elif member.name == "closing.json":
                closing = json.loads(self._note(member))
            elif kind == "files":
                on_file(name, self._content(member))
                files += 1
            elif kind == "database" and int(name) == pieces:
                on_dump(self._content(member))
                pieces += 1
            else:
                raise Broken(f"{member.name[:80]!r} is not where it belongs.")
        self._opener.drain()
        if closing.get("files") != files or not pieces:
            raise Broken("It is not whole.")
        return files

    def _note(self, member: tarfile.TarInfo) -> bytes:
        if member.size > _LARGEST_NOTE:
            raise Broken(f"{member.name[:80]!r} is far too large.")
        return self._content(member)

    def _content(self, member: tarfile.TarInfo) -> bytes:
        read = self._tar.extractfile(member)
        if read is None:
            raise Broken(f"{member.name[:80]!r} is no file.")
        return read.read()


def tables_counted(connection: "psycopg.Connection[Any]") -> dict[str, int]:
    """How many rows each table has, partitions each for itself."""
    names = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
    ).fetchall()
    counts = {}
    for (name,) in names:
        row = connection.execute(sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(name))).fetchone()
        counts[name] = row[0] if row else 0
    return counts


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else makes a backup in the folder meanwhile. Raises BackupRuns where somebody does."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with Lock(folder / "backup.lock"):
            yield
    except Held as held:
        raise BackupRuns("A backup was asked for.", str(held), "Wait until it is done.") from held


@contextmanager
def _snapshot(url: str) -> "Iterator[tuple[psycopg.Connection[Any], str]]":
    """A transaction that sees the database as it is now, and the name by which pg_dump sees the same."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        yield connection, row[0]
        connection.execute("ROLLBACK")


def _manifest(connection: "psycopg.Connection[Any]", version: str, key_marks: list[str], at: datetime) -> Manifest:
    applied = connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1").fetchall()
    return Manifest(
        made_at=at.isoformat(),
        version=version,
        server_major=programs.major_of(connection),
        migrations=[name for (name,) in applied],
        counts=tables_counted(connection),
        key_marks=key_marks,
    )


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), 0o600
    tar.addfile(about, io.BytesIO(content))


def _add_files(tar: tarfile.TarFile, files_dir: Path, told: Callable[[str], None]) -> int:
    """Every file kept by its content. All that the snapshot names was written before it, so it is among them."""
    count = 0
    for path in sorted(files_dir.glob("??/*")):
        if path.name.startswith("."):
            continue  # somebody is writing it, for rows that the snapshot does not have
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # it was erased since the snapshot, and what is erased is in no backup from now on
        _add(tar, f"files/{path.name}", content)
        count += 1
        if count % 100 == 0:
            told(f"{count} files sealed")
    return count


def _add_dump(tar: tarfile.TarFile, url: str, snapshot: str, major: int, told: Callable[[str], None]) -> None:
    arguments = ["--format=custom", "--compress=1", "--no-owner", f"--snapshot={snapshot}", "--lock-wait-timeout=30000"]
    with tempfile.TemporaryFile() as errors, open(os.devnull, "wb") as nowhere:
        dump = programs.start(
            "pg_dump", arguments, url, major, into=cast("BinaryIO", nowhere), errors=cast("BinaryIO", errors)
        )
        assert dump.stdout is not None
        try:
            number = 0
            while piece := dump.stdout.read(_PIECE):
                _add(tar, f"database/{number:06d}", piece)
                number += 1
                told(f"{number * _PIECE >> 20} MB of the database sealed")
            status = dump.wait()
        finally:
            dump.kill()
            dump.wait()
            dump.stdout.close()
        if status:
            errors.seek(0)
            raise DumpFailed(
                "The database was to be dumped.",
                programs.last_words(errors.read()),
                "See that it answers, and ask again.",
            )
