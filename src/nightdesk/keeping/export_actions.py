"""Verbs that hand data out: each stands in the journal, with how much it was."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.keeping import exporting
from nightdesk.keeping.traces import Subject

COMPANY_EXPORTED = kind("keeping.company-exported", gettext_lazy("{by} exported everything"))
PERSON_EXPORTED = kind("keeping.person-exported", gettext_lazy("{by} exported what is known of one person"))


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
        whose = (subject.kind, subject.id) if subject.row is not None else (subject.kind, "")
        record(PERSON_EXPORTED, subject=whose, by=by, via=via, at=at, facts={"rows": sum(counts.values())})
    return counts
