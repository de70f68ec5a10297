"""Verbs of backups: asking for one, and writing down what became of it and of what was restored."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.keeping.models import Backup

BACKUP_ASKED = kind("keeping.backup-asked", gettext_lazy("{by} asked for a backup"))
BACKUP_MADE = kind("keeping.backup-made", gettext_lazy("{by} made the backup {file}"))
BACKUP_VERIFIED = kind("keeping.backup-verified", gettext_lazy("{by} restored the backup {file} and compared it"))
BACKUP_FAILED = kind("keeping.backup-failed", gettext_lazy("A backup could not be made or verified"))
BACKUP_REMOVED = kind("keeping.backup-removed", gettext_lazy("{by} removed the old backup {file}"))
RESTORED = kind("keeping.restored", gettext_lazy("{by} restored the backup of {made_at}"))


@transaction.atomic
def ask_backup(*, by: Actor, via: Door, at: datetime) -> Backup:
    """A backup is made and verified as soon as a worker is free to. Asking while one waits changes nothing. Raises Forbidden."""
    require(by, "ask_backup", None)
    row, is_new = Backup.objects.get_or_create(
        begun_at=None, ended_at=None, defaults={"asked_at": at, "asked_by": by.name[:120]}
    )
    if is_new:
        record(BACKUP_ASKED, subject=("backup", row.pk), by=by, via=via, at=at)
    return row


@transaction.atomic
def begin_backup(*, by: Actor, via: Door, at: datetime) -> Backup | None:
    """The backup that waits is this process's to make; None where none waits, or another has it.

    Whoever calls it holds the folder, so one that was begun and never ended was killed: that is written down.
    """
    for lost in Backup.objects.select_for_update().filter(ended_at=None).exclude(begun_at=None):
        fail_backup(backup_id=lost.pk, failure=_("It was cut off."), by=by, via=via, at=at)
    row = Backup.objects.select_for_update(skip_locked=True).filter(begun_at=None, ended_at=None).first()
    if row is None:
        return None
    row.begun_at, row.done = at, _("begun")
    row.save(update_fields=["begun_at", "done"])
    return row


@transaction.atomic
def note_backup(
    *, backup_id: int, file: str, size: int, rows: int, files: int, by: Actor, via: Door, at: datetime
) -> None:
    """The file is there, whole and sealed."""
    about = {"file": file, "size": size, "rows": rows, "files": files}
    Backup.objects.filter(pk=backup_id).update(**about, ended_at=at, done="", failure="")
    record(BACKUP_MADE, subject=("backup", backup_id), by=by, via=via, at=at, facts=about)


@transaction.atomic
def note_verified(*, backup_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It was restored, and everything in it was as it should be."""
    row = Backup.objects.get(pk=backup_id)
    Backup.objects.filter(pk=backup_id).update(verified_at=at, done="", failure="")
    record(BACKUP_VERIFIED, subject=("backup", backup_id), by=by, via=via, at=at, facts={"file": row.file})


@transaction.atomic
def fail_backup(*, backup_id: int, failure: str, by: Actor, via: Door, at: datetime) -> None:
    """It could not be made, or did not stand the test; `failure` says why."""
    Backup.objects.filter(pk=backup_id).update(ended_at=at, done="", failure=failure[:2000])
    record(BACKUP_FAILED, subject=("backup", backup_id), by=by, via=via, at=at, text=failure[:2000])


@transaction.atomic
def note_removed(*, file: str, by: Actor, via: Door, at: datetime) -> None:
    """The file is gone, as later ones do for it."""
    Backup.objects.filter(file=file, removed_at=None).update(removed_at=at)
    record(BACKUP_REMOVED, subject=("backup", file), by=by, via=via, at=at, facts={"file": file})


@transaction.atomic
def note_restored(*, made_at: str, file: str, aside: str, by: Actor, via: Door, at: datetime) -> None:
    """The first entry after a restore: from here on the record goes on from the backup's time. `aside`: the database that was
    there before, "" where there was none.
    """
    facts = {"made_at": made_at, "file": file, "aside": aside}
    record(RESTORED, subject=("backup", file), by=by, via=via, at=at, facts=facts)
