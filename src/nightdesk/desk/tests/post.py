"""Mail that comes and goes in tests of tickets: raw mails by the real way in, and what stands in the ledger to go out."""

from email.message import EmailMessage
from typing import Any
from uuid import uuid4

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels.mail_form import MailForm, form_of
from nightdesk.channels.models import Delivery, Message
from nightdesk.desk import actions
from nightdesk.desk.models import Ticket
from nightdesk.desk.tests.provider import Provider
from nightdesk.mailroom import actions as mailroom
from nightdesk.mailroom.models import Front, Mail

BELIEVED = "mx.quay.example"
"""Whose Authentication-Results are believed of mail that comes by SMTP."""


class Post:
    """The brand's mail: `support@` is its address; `write` brings a mail and has it read, `sent` is what went out."""

    def __init__(self, there: Provider, domain: str = "quay.example") -> None:
        self.there, self.domain = there, domain
        self.support = f"support-{uuid4().hex[:6]}@{domain}"
        mailroom.add_address(address=self.support, brand_id=there.brand.pk, **there.doing)
        Front.objects.get_or_create(way="smtp", defaults={"authserv_id": BELIEVED})

    def write(
        self,
        sender: str,
        title: str = "The line is slow",
        text: str = "It crawls since nine.",
        *,
        to: str = "",
        proven: str = "dmarc",
        returns: str | None = None,
        html: str = "",
        files: tuple[tuple[str, str, bytes], ...] = (),
        **headers: str,
    ) -> Mail:
        """A mail from `sender`; `proven`: what our mail server found ("dmarc", "fail", "" for nothing)."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, headers.pop("To", "") or to or self.support, title
        mail["Message-ID"] = headers.pop("Message_ID", f"<{uuid4()}@client.example>")
        address = sender.partition("<")[2].rstrip(">") or sender
        result = {"dmarc": "pass", "fail": "fail", "": ""}[proven]
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")
        for name, kind, content in files:
            mail.add_attachment(content, *kind.split("/"), filename=name)
        raw = mail.as_bytes()
        if result:
            domain = address.rpartition("@")[2]
            raw = f"Authentication-Results: {BELIEVED}; dmarc={result} header.from={domain}\r\n".encode() + raw
        return self.bring(raw, address if returns is None else returns, to or self.support)

    def bring(self, raw: bytes, sender: str, *recipients: str) -> Mail:
        """The bytes come by SMTP and are read."""
        kept = mailroom.receive_mail(
            way="smtp",
            raw=raw,
            sender=sender,
            recipients=recipients or [self.support],
            by=SCHEDULER,
            via=Door.EMAIL,
            at=self.there.at,
        )
        mailroom.read_mail(mail_id=kept.pk, by=SCHEDULER, via=Door.EMAIL, at=self.there.at)
        kept.refresh_from_db()
        assert not kept.error, kept.error
        return kept

    def ticket(self, mail: Mail) -> Ticket:
        """The ticket that the mail came to."""
        assert mail.subject_kind == "ticket", (mail.standing, mail.outcome)
        return Ticket.objects.select_related("brand", "queue").get(pk=mail.subject_id)

    def sent(
        self, ticket: Ticket | None = None, kind: str = "ticket.reply"
    ) -> list[tuple[Message, MailForm, list[str]]]:
        """(message, its form, the addresses it went to) of all that was written so, oldest first."""
        rows = Message.objects.filter(kind=kind, brand_id=self.there.brand.pk).order_by("at", "id")
        rows = rows.filter(subject_id=str(ticket.pk)) if ticket is not None else rows
        return [(row, form_of(row.mail), self.reached(row)) for row in rows]

    def reached(self, message: Message) -> list[str]:
        """To which addresses the message goes."""
        rows = Delivery.objects.filter(message_id=message.pk).exclude(state="superseded")
        return sorted(rows.values_list("address", flat=True))

    def told(self) -> list[str]:
        """What colleagues were told, as titles."""
        rows = Message.objects.filter(kind="ticket.told", brand_id=self.there.brand.pk).order_by("at", "id")
        return [row.title for row in rows]

    def answer(self, ticket: Ticket, text: str = "We look into it.", **more: Any) -> MailForm:
        """Dee answers the customer; the form of her mail."""
        entry = actions.reply_to_customer(
            ticket_id=ticket.pk, words=actions.Words(text), **{**self.there.doing_as(self.there.dee), **more}
        )
        return form_of(Message.objects.get(cause=entry.pk).mail)
