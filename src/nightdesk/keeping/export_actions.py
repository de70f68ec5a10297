"""Verbs that hand data out: each stands in the journal, with how much it was."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.keeping import exporting, places
from nightdesk.keeping.models import Export
from nightdesk.keeping.traces import Subject

EXPORT_ASKED = kind("keeping.export-asked", gettext_lazy("{by} asked for what is known of one person"))
EXPORT_FETCHED = kind("keeping.export-fetched", gettext_lazy("{by} took away what is known of one person"))
EXPORT_FAILED = kind("keeping.export-failed", gettext_lazy("What is known of one person could not be written"))
COMPANY_EXPORTED = kind("keeping.company-exported", gettext_lazy("{by} exported everything"))
PERSON_EXPORTED = kind("keeping.person-exported", gettext_lazy("{by} exported what is known of one person"))

KEPT_FOR = timedelta(days=1)
"""How long an export lies ready."""


@transaction.atomic
def ask_export(*, subject: Subject, by: Actor, via: Door, at: datetime) -> Export:
    """All that concerns the subject is written as soon as a worker is free to. Asking while one is on its way changes nothing.

    Raises Forbidden.
    """
    require(by, "export_person", None)
    row, is_new = Export.objects.get_or_create(
        of=subject.word, ended_at=None, defaults={"asked_at": at, "asked_by": by.name[:120]}
    )
    if is_new:
        record(EXPORT_ASKED, subject=subject.named, by=by, via=via, at=at, facts={"export": row.pk})
    return row


@transaction.atomic
def begin_export(*, by: Actor, via: Door, at: datetime) -> Export | None:
    """The export that waits longest is this process's to write; None where none waits.

    Whoever calls it is alone with the folder, so one that was begun and never ended was killed: that is written down.
    """
    for lost in Export.objects.select_for_update().filter(ended_at=None).exclude(begun_at=None):
        fail_export(export_id=lost.pk, failure=_("It was cut off. Ask again."), by=by, via=via, at=at)
    row = Export.objects.select_for_update().filter(begun_at=None, ended_at=None).order_by("asked_at", "id").first()
    if row is not None:
        row.begun_at = at
        row.save(update_fields=["begun_at"])
    return row


@transaction.atomic
def note_export(*, export_id: int, size: int, rows: int, by: Actor, via: Door, at: datetime) -> bool:
    """The zip is there, whole; that it was written is in the journal by `export_data`. False: nobody waits for it any more."""
    del by, via
    waits = Export.objects.filter(pk=export_id, ended_at=None)
    return waits.update(size=size, rows=rows, ended_at=at, done="") > 0


@transaction.atomic
def fail_export(*, export_id: int, failure: str, by: Actor, via: Door, at: datetime) -> None:
    """It could not be written; `failure` says why."""
    if Export.objects.filter(pk=export_id, ended_at=None).update(ended_at=at, done="", failure=failure[:2000]):
        record(EXPORT_FAILED, subject=("export", export_id), by=by, via=via, at=at)


@transaction.atomic
def fetch_export(*, export_id: int, by: Actor, via: Door, at: datetime) -> Path:
    """Where the zip lies, for whoever asks. Raises Forbidden, NotFound, and IllegalTransition while it is not written."""
    require(by, "export_person", None)
    asked = _("What is known of somebody was to be taken away.")
    row = Export.objects.filter(pk=export_id).first()
    if row is not None and row.ended_at is None:
        raise IllegalTransition(asked, _("It is still being written."), _("Wait until it is ready."))
    path = places.export_file(export_id)
    if row is None or row.failure or not path.is_file():
        raise NotFound(asked, _("It is not there: it lies ready for a day."), _("Ask for it again."))
    record(EXPORT_FETCHED, subject=("export", export_id), by=by, via=via, at=at, facts={"size": row.size})
    return path


@transaction.atomic
def drop_exports(*, of: str, by: Actor, via: Door, at: datetime) -> int:
    """Nothing lies ready any more of what was written `of` somebody; returns how many went."""
    del by, via, at
    keys = list(Export.objects.filter(of=of).values_list("pk", flat=True))
    Export.objects.filter(pk__in=keys).delete()
    for key in keys:
        places.export_file(key).unlink(missing_ok=True)
    return len(keys)


@transaction.atomic
def drop_old_exports(*, by: Actor, via: Door, at: datetime) -> int:
    """What has lain ready for a day is gone, and so is every file that no export has; returns how many exports went."""
    del by, via
    count, _rows = Export.objects.filter(asked_at__lt=at - KEPT_FOR).delete()
    known = {str(key) for key in Export.objects.values_list("pk", flat=True)}
    for path in places.exports().glob("*.zip*"):
        if path.name.partition(".")[0] not in known:
            path.unlink(missing_ok=True)
    return count


@transaction.atomic
def export_data(
    *,
    path: Path,
    subject: Subject | None,
    told: Callable[[str], None] = lambda _words: None,
    by: Actor,
    via: Door,
    at: datetime,
) -> dict[str, int]:
    """The zip is at `path`: all that concerns the subject, None for everything. Returns how many rows of each table; `told` hears
    which of them is next.

    Raises Forbidden, and IllegalTransition where there is a file already, or it cannot be written.
    """
    exporting.see_one_instant()
    require(by, "export_company" if subject is None else "export_person", None)
    try:
        if subject is None:
            counts = exporting.export_company(path, at=at, told=told)
        else:
            counts = exporting.export_person(path, subject, at=at, told=told)
    except OSError as error:
        raise IllegalTransition(f"{path} was to be written.", str(error), "Name another file.") from error
    if subject is None:
        record(
            COMPANY_EXPORTED, subject=("export", "company"), by=by, via=via, at=at, facts={"rows": sum(counts.values())}
        )
    else:
        record(PERSON_EXPORTED, subject=subject.named, by=by, via=via, at=at, facts={"rows": sum(counts.values())})
    return counts
