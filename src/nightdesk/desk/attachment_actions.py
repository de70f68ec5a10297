"""What becomes of a file once it hangs on a ticket: it is scanned where there is a scanner, and then read for search."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Actor, Door
from nightdesk.base.files import read_file
from nightdesk.desk import file_text, scanning
from nightdesk.desk.attaching import promise_looks
from nightdesk.desk.models import Attachment
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

ATTACHMENT_SCANNED = kind("attachment.scanned", gettext_lazy("{name} of ticket {number} was scanned: {verdict}"))


@transaction.atomic
def scan_attachment(*, attachment_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The scanner's verdict stands on the file; a clean one is read next. Returns what was done.

    Raises ScannerAway, whereupon the promise is tried again; until then nobody gets the file.
    """
    file = Attachment.objects.select_for_update(of=("self",)).select_related("entry__ticket").get(id=attachment_id)
    if file.scan != Attachment.Scan.WAITING:
        return _("It was scanned already.")
    if not settings.SCANNER:
        file.scan = Attachment.Scan.UNSCANNED
        file.save(update_fields=["scan"])
        promise_looks([file], at)
        return _("There is no scanner any more.")
    found = scanning.scan(read_file(file.digest), settings.SCANNER)
    file.scan, file.scanned_as = (Attachment.Scan.REFUSED if found else Attachment.Scan.CLEAN), found
    file.save(update_fields=["scan", "scanned_as"])
    ticket = file.entry.ticket
    facts = {"number": ticket.number, "name": file.name, "verdict": found or "clean"}
    record(
        ATTACHMENT_SCANNED, subject=("ticket", ticket.id), by=by, via=via, at=at, brand_id=ticket.brand_id, facts=facts
    )
    if not found:
        promise_looks([file], at)
    return _("Found: {what}.").format(what=found) if found else _("Nothing was found.")


@transaction.atomic
def read_attachment(*, attachment_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The file's words can be searched for. Returns what was done."""
    del by, via, at
    file = Attachment.objects.select_for_update().get(id=attachment_id)
    if file.scan not in (Attachment.Scan.CLEAN, Attachment.Scan.UNSCANNED):
        return _("It is not to be opened.")
    text = file_text.text_of(read_file(file.digest), file.media_type)
    if text and text != file.text:
        file.text = text
        file.save(update_fields=["text"])
    return _("{count} characters were read.").format(count=len(text))
