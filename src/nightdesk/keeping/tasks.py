"""Making, verifying and thinning backups, writing exports and erasing; and the worker's threads that have it done."""

import logging
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from nightdesk import __version__
from nightdesk.base import clock, postgres, vault, wal, worker
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.lock import Held, Lock
from nightdesk.base.postgres import CannotStart
from nightdesk.base.refusals import Refusal
from nightdesk.keeping import actions, erasing_actions, export_actions, moments, places, programs, queries, restoring
from nightdesk.keeping.archive import Written, alone_in, write_backup
from nightdesk.keeping.decide import Made, instant_of, is_due, name_at, to_remove
from nightdesk.keeping.models import Backup, Erasure, Export
from nightdesk.keeping.traces import subject_of

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
_PASSED_ON = ("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs")
QUIET_AFTER_START_S = 600.0
"""What a start has to do first: a backup that comes due by itself waits as long as this."""


def database_url() -> str:
    """The address of the database that Django uses, for PostgreSQL's own programs."""
    given = connection.settings_dict
    parts = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "password": given["PASSWORD"]}
    kept = {name: value for name, value in given["OPTIONS"].items() if name in _PASSED_ON}
    return make_conninfo(
        dbname=str(given["NAME"]), **{name: str(value) for name, value in (parts | kept).items() if value}
    )


def make_backup(*, by: Actor, via: Door, verified: bool, told: Callable[[str], None]) -> Backup | None:
    """Make the backup that waits, and verify it if asked; None where none waits. Then old ones are thinned out.

    Raises what it failed by, which is written down; and BackupRuns, where nothing was begun.
    """
    with alone_in(places.FOLDER):
        row = actions.begin_backup(by=by, via=via, at=clock.now())
        if row is None:
            return None

        def say(words: str) -> None:
            Backup.objects.filter(pk=row.pk).update(done=words[:200])
            told(words)

        try:
            _write(row, say, by, via)
            _write_base(say)
            row.refresh_from_db()
            if verified:
                verify_backup(row, by=by, via=via, told=say)
        except (Refusal, OSError, CannotStart, psycopg.Error) as error:
            actions.fail_backup(backup_id=row.pk, failure=str(error), by=by, via=via, at=clock.now())
            raise
        thin_out(by=by, via=via, at=clock.now())
        if wal.KEPT_DAYS:
            moments.forget(places.FOLDER, timedelta(days=wal.KEPT_DAYS), clock.now())
    row.refresh_from_db()
    return row


def _write(row: Backup, say: Callable[[str], None], by: Actor, via: Door) -> None:
    written = _written(row.begun_at or clock.now(), say)
    about: dict[str, Any] = {
        "file": written.path.name,
        "size": written.size,
        "rows": written.rows,
        "files": written.files,
    }
    actions.note_backup(backup_id=row.pk, **about, by=by, via=via, at=clock.now())


def _write_base(say: Callable[[str], None]) -> None:
    """Beside each backup, where this installation is to go back to any moment, and the PostgreSQL is our own."""
    admin_url = restoring.admin_url_of(Path(settings.STATE_DIR), database_url()) if wal.KEPT_DAYS else None
    if admin_url is not None:
        say("copying the database's files")
        moments.write_base(admin_url, places.FOLDER, places.backup_key(), now=clock.now)


def make_backup_of(moment: datetime, told: Callable[[str], None]) -> Path:
    """A backup of the database as it was at `moment`, with the files as they are.

    Raises as `moments.as_it_was` and `write_backup`.
    """
    state, key = Path(settings.STATE_DIR), places.backup_key()
    admin_url = restoring.admin_url_of(state, database_url())
    if admin_url is not None:
        moments.hand_out_now(admin_url)
        moments.seal_waiting(postgres.Server(state).cluster.spool, places.FOLDER, key)
    with (
        alone_in(places.FOLDER),
        moments.as_it_was(moment, backups=places.FOLDER, key=key, state=state, told=told) as url,
    ):
        return _written(moment, told, url).path


def make_unrecorded(told: Callable[[str], None]) -> str:
    """Make and verify a backup of a database whose tables may be of an earlier version, so that nothing is written down in them;
    returns the file's name. Raises as `make_backup`.
    """
    with alone_in(places.FOLDER):
        path = _written(clock.now(), told).path
        restoring.verify(path, places.backup_key(), Path(settings.STATE_DIR), told)
        return path.name


def _written(at: datetime, say: Callable[[str], None], url: str = "") -> Written:
    return write_backup(
        url=url or database_url(),
        folder=places.FOLDER,
        name=name_at(at),
        key=places.backup_key(),
        files_dir=Path(settings.FILES_DIR),
        master_keys=vault.keys_text(),
        key_marks=vault.key_marks(),
        version=__version__,
        at=at,
        told=say,
    )


def verify_backup(row: Backup, *, by: Actor, via: Door, told: Callable[[str], None]) -> None:
    """Restore it into a PostgreSQL of its own and compare. Raises as `restoring.verify`."""
    restoring.verify(places.FOLDER / row.file, places.backup_key(), Path(settings.STATE_DIR), told)
    actions.note_verified(backup_id=row.pk, by=by, via=via, at=clock.now())


def files_there() -> list[Made]:
    """The backups in the folder, and which of them were verified, as far as our rows know."""
    proved = set(Backup.objects.exclude(verified_at=None).values_list("file", flat=True))
    failed = set(Backup.objects.exclude(failure="").values_list("file", flat=True))
    found = [(path.name, instant_of(path.name)) for path in sorted(places.FOLDER.glob("*.backup"))]
    return [Made(name, at, name in proved, name in failed) for name, at in found if at is not None]


def thin_out(*, by: Actor, via: Door, at: datetime) -> list[str]:
    """Remove what later backups do for, by `decide.to_remove`; returns the names of the files that went."""
    gone = [each.name for each in to_remove(files_there(), at)]
    for name in gone:
        (places.FOLDER / name).unlink(missing_ok=True)
        actions.note_removed(file=name, by=by, via=via, at=at)
    return gone


def keeper() -> worker.Runner:
    """The worker's thread that asks for a backup when one is due, and has it made by a process of its own."""
    since: list[datetime] = []

    def keep(shift: worker.Shift) -> None:
        at = clock.now()
        since[:] = since or [at]
        if (at - since[0]).total_seconds() >= QUIET_AFTER_START_S and is_due(_last(), places.EVERY, at):
            actions.ask_backup(by=SCHEDULER, via=Door.WORKER, at=at)
        if Backup.objects.filter(begun_at=None, ended_at=None).exists():
            _have_it_made(shift, "backup", "The backup failed (status %s); Settings, Safe-keeping says why.")
        shift.stopping.wait(LOOK_EVERY_S)

    return worker.forever(keep)


def carry_out_asked(shift: worker.Shift) -> None:
    """A step of the worker's thread that has erased and written out what was asked for, each by one worker at a time."""
    for rows, command in ((Erasure, "erase"), (Export, "export")):
        if rows._default_manager.filter(ended_at=None).exists():
            try:
                with Lock(places.exports() / f"{command}.lock"):
                    _have_it_made(shift, command, f"nightdesk {command} --waiting failed (status %s).")
            except Held:
                pass  # another worker is at it
    shift.stopping.wait(LOOK_EVERY_S)


def erase_waiting() -> int:
    """Carry out every erasure that waits; returns how many were tried. Whoever calls it is alone at that."""
    count = 0
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER}
    while (row := erasing_actions.begin_erasure(at=clock.now(), **doing)) is not None:
        count += 1
        # Nobody else sees what is under way, so how far it is has to be said beside it.
        with programs.ended_in_order(), psycopg.connect(database_url(), autocommit=True) as beside:
            say = _saying(beside, Erasure, row.pk)
            try:
                erasing_actions.carry_out_erasure(erasure_id=row.pk, told=say, at=clock.now(), **doing)
            except Refusal as refusal:
                erasing_actions.fail_erasure(erasure_id=row.pk, failure=str(refusal), at=clock.now(), **doing)
    return count


def write_waiting() -> int:
    """Write every export that waits; returns how many were tried. Whoever calls it is alone with the folder of exports."""
    count = 0
    while (row := export_actions.begin_export(by=SCHEDULER, via=Door.WORKER, at=clock.now())) is not None:
        count += 1
        path = places.export_file(row.pk)
        path.unlink(missing_ok=True)  # of the database before a backup was restored, which counted the same
        doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER}
        # What is being written sees one instant, so how far it is has to be said beside it.
        with programs.ended_in_order(), psycopg.connect(database_url(), autocommit=True) as beside:
            say = _saying(beside, Export, row.pk)
            try:
                counts = export_actions.export_data(
                    path=path, subject=subject_of(row.of), told=say, at=clock.now(), **doing
                )
            except Refusal as refusal:
                export_actions.fail_export(export_id=row.pk, failure=str(refusal), at=clock.now(), **doing)
                continue
        size = path.stat().st_size
        if not export_actions.note_export(
            export_id=row.pk, size=size, rows=sum(counts.values()), at=clock.now(), **doing
        ):
            path.unlink()  # they were erased meanwhile
    return count


def _saying(beside: "psycopg.Connection[Any]", rows: type[Export] | type[Erasure], key: int) -> Callable[[str], None]:
    put = sql.SQL("UPDATE {} SET done = %s WHERE id = %s").format(sql.Identifier(rows._meta.db_table))

    def say(words: str) -> None:
        beside.execute(put, (words[:200], key))

    return say


def drop_old_asked(at: datetime) -> int:
    """An hour is over; for `base.housekeeping`."""
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER, "at": at}
    return export_actions.drop_old_exports(**doing) + erasing_actions.drop_old_erasures(**doing)


@cache
def _spool() -> Path | None:
    """Where our own PostgreSQL hands out what it writes; None where it is somebody else's."""
    state = Path(settings.STATE_DIR)
    is_own = restoring.admin_url_of(state, database_url()) is not None
    return postgres.Server(state).cluster.spool if is_own else None


def seal_writes(shift: worker.Shift) -> None:
    """A step of the worker's thread that seals what our own PostgreSQL hands out, every other second."""
    spool = _spool() if wal.KEPT_DAYS else None
    if spool is not None:
        moments.seal_waiting(spool, places.FOLDER, places.backup_key())
    shift.stopping.wait(LOOK_EVERY_S)


def _last() -> tuple[datetime, bool] | None:
    row = queries.backups().first()
    return (row.asked_at.astimezone(UTC), bool(row.failure)) if row else None


def _have_it_made(shift: worker.Shift, command: str, failed: str) -> None:
    """By a process of its own: it may take long and much memory, and can be ended when the worker is to stop."""
    maker = subprocess.Popen(**programs.ourselves(command, "--waiting"), stdout=subprocess.DEVNULL)
    try:
        while maker.poll() is None and not shift.stopping.wait(0.2):
            pass
    finally:
        maker.terminate()
        maker.wait()
    if maker.returncode not in (0, -signal.SIGTERM, programs.ENDED):
        log.error(failed, maker.returncode)
        # It may have failed before it took the request up: then the next look must not be at once.
        shift.stopping.wait(30.0)
