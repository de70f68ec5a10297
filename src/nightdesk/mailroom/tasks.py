"""What the worker does when a mail is to be read, or a mailbox could not be."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.mailroom import actions, waiting


def read_mail(promise: Promise, at: datetime) -> str:
    """Read it and hand it on; returns what became of it."""
    mail_id = UUID(promise.subject_id)
    as_persons = bool(promise.facts.get("as_persons"))
    return actions.read_mail(
        mail_id=mail_id, attempt=promise.attempt, as_persons=as_persons, by=SCHEDULER, via=Door.EMAIL, at=at
    )


def look_ahead(promises: Sequence[Promise], at: datetime) -> None:
    """Ask at once what reading each of the mails will ask."""
    waiting.look_ahead([UUID(one.subject_id) for one in promises], at)


def check_mailbox(promise: Promise, at: datetime) -> str:
    """See whether a mailbox is still not read; returns how it stands."""
    return actions.check_mailbox(mailbox_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {
    actions.READ: Handler(read_mail, lane="follow", give_up_after=None, together=25, ahead=look_ahead),
    actions.CHECK: Handler(check_mailbox, lane="follow", give_up_after=None),
}
"""For `wiring`. A mail may be an alarm, so it is never given up here: `read_mail` itself ends what cannot be read.
Not in the lane of pages, since reports on a fan-out come by the ten thousand. Of twenty-five in one transaction others wait a
fifth of a second, for a ticket that one of them is about, or for an alarm among them.
"""
