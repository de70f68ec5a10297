"""Files that came with words: whether they wait for a scanner, and what is promised of them."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from nightdesk.base.promises import promise
from nightdesk.base.words import gettext as _
from nightdesk.desk import file_text
from nightdesk.desk.models import Attachment

SCAN, READ = "attachment.scan", "attachment.read"
"""Promises: to have the scanner look at a file; to read its words."""


def promise_looks(files: Iterable[Attachment], at: datetime) -> None:
    """The files, just kept, are looked at a moment later: part of the verb that kept them.

    With a scanner each waits for its verdict, and nobody gets it before.
    """
    for file in files:
        if file.scan == Attachment.Scan.WAITING:
            _promise(SCAN, file, _("A file is scanned before anybody gets it."), at)
        elif file_text.is_readable(file.media_type, file.size):
            _promise(READ, file, _("A file is read, so that it can be searched for."), at)


def first_scan() -> str:
    """How a new file stands: waiting, where there is a scanner."""
    return Attachment.Scan.WAITING if settings.SCANNER else Attachment.Scan.UNSCANNED


def _promise(what: str, file: Attachment, why: str, at: datetime) -> None:
    promise(what, subject=("attachment", file.id), due_at=at, why=why, at=at, brand_id=file.entry.ticket.brand_id)
