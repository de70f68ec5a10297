"""Mail that the account pages send (log-in codes, links to a new password) goes through the ledger as all else does.

Its words let somebody in, so they are private: sealed until the mail was handed over, erased then, and in any case after
`actions.PRIVATE_KEPT`. The ledger keeps that it was sent, to whom, and under which subject.
"""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels.actions import PRIVATE_KEPT, Recipient, forget_private_words, queue_message


class LedgerBackend(BaseEmailBackend):
    """Django's mail backend. Attachments and alternatives are left out: account mail has none that matter."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many of the mails were queued: those that name anybody."""
        at = clock.now()
        forget_private_words(by=SCHEDULER, via=Door.WEB, at=at)
        queued = 0
        for mail in email_messages:
            recipients = [Recipient("account", 0, "email", address, at) for address in mail.recipients()]
            if not recipients:
                continue
            queue_message(
                kind="account",
                subject=("account", ""),
                title=str(mail.subject),
                body=str(mail.body),
                to=recipients,
                brand_id=None,
                valid_until=at + PRIVATE_KEPT,
                private=True,
                by=SCHEDULER,
                via=Door.WEB,
                at=at,
            )
            queued += 1
        return queued
