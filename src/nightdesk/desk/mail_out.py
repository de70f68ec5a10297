"""A public entry of a ticket as the mail that its parties get. Nothing is written here; `actions.send_to_parties` sends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation

from nightdesk.base.ids import uuid7
from nightdesk.channels.links import make_subject_key
from nightdesk.channels.mail_form import FileInMail, MailForm
from nightdesk.desk import wording
from nightdesk.desk.models import Attachment, Entry, MessageId, Party, Rules, Ticket
from nightdesk.desk.queries import with_merged
from nightdesk.mailroom import addressing
from nightdesk.mailroom.addressing import Ours
from nightdesk.mailroom.html_safe import with_images
from nightdesk.mailroom.queries import ours

CONVERSATION, AMONG_US = "ticket", "note"
"""Words of our addresses: what is written to `ticket+KEY@` goes on with the customer, to `note+KEY@` stays among ourselves."""
REFERENCES_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail to be queued: its subject, its plain text, and its form."""

    title: str
    text: str
    form: MailForm


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom it is put into words."""

    language: str
    zone: str


@dataclass(frozen=True, slots=True)
class Known:
    """What was read before, so that it is not read again: every address of ours, the ids of the ticket's mails, and whom they
    go to.
    """

    ours: Sequence[Ours] | None = None
    thread: Sequence[MessageId] | None = None
    parties: Sequence[Party] | None = None


NOTHING_KNOWN = Known()


def compose(
    ticket: Ticket, entry: Entry, parties: Sequence[Party], rules: Rules, *, known: Known, at: datetime
) -> Composed:
    """The entry as a mail to all `parties`, who each see the others. Raises ValueError for what must not leave.

    It answers the last mail of theirs, names all before it, and asks for answers at an address of this ticket alone. A
    machine quotes nothing, as it may be made to quote anything.
    """
    if not entry.public or entry.kind != Entry.Kind.MESSAGE_OUT:
        raise ValueError(f"entry {entry.id} is not public and must not leave")
    reader = reader_of(ticket, parties)
    addresses = ours() if known.ours is None else known.ours
    sender = sender_of(ticket, rules, addresses)
    thread = _ids_of(ticket) if known.thread is None else known.thread
    theirs = [one.message_id for one in thread if one.whose == MessageId.Whose.THEIRS]
    files = list(entry.attachments.all()) if not entry.automatic else []
    with translation.override(reader.language):
        quote = _quote_of(ticket, entry, reader.zone) if not entry.automatic else ""
        step = wording.next_step_line(ticket.next_step, ticket.next_step_at, reader.zone)
        signature = wording.signature_in(rules.signatures, reader.language, ticket.brand.name)
        title = wording.subject_of(ticket.tag, ticket.title, answers=bool(theirs))
        below = [step, signature]
        html = wording.page_of(entry.text, _html_of(entry, files), below, quote)
    text = "\n\n".join(part for part in (entry.text.strip(), step, signature, quote) if part)
    form = MailForm(
        sender=sender,
        to=tuple((one.name, one.address) for one in parties if one.role == Party.Role.REQUESTER),
        cc=tuple((one.name, one.address) for one in parties if one.role == Party.Role.CC),
        reply_to=reply_address(CONVERSATION, ticket, addresses),
        message_id=f"{uuid7(at)}@{sender[1].rpartition('@')[2] or 'nightdesk'}",
        in_reply_to=theirs[-1] if theirs else "",
        references=_chain([one.message_id for one in thread]),
        html=html,
        files=tuple(
            FileInMail(one.digest, one.name, one.media_type.lower(), _content_id(one), one.inline)
            for one in files
            if one.scan != Attachment.Scan.REFUSED
        ),
        submitted="auto-replied" if entry.automatic else "no",
        no_return=entry.automatic,
    )
    return Composed(title, text, form)


def reply_address(word: str, ticket: Ticket, known: Sequence[Ours] | None = None) -> str:
    """Where an answer about the ticket finds it, whatever a mail program leaves out; "" where no mail is read here."""
    one = addressing.choose(ours() if known is None else known, ticket.brand_id)
    return addressing.with_key(one, word, make_subject_key(word, ticket.pk)) if one else ""


def sender_of(ticket: Ticket, rules: Rules, known: Sequence[Ours]) -> tuple[str, str]:
    """(name, address) that a mail of the ticket comes from; an empty address is the route's own."""
    queued = ticket.queue.address if ticket.queue is not None else ""
    first = next((one.address for one in known if one.brand_id == ticket.brand_id and one.local), "")
    return ticket.brand.name, queued or rules.address or first


def reader_of(ticket: Ticket, parties: Sequence[Party]) -> Reader:
    """The requester's language and zone: their own, their company's, or the brand's."""
    contact = ticket.contact or next((one.contact for one in parties if one.contact is not None), None)
    customer = ticket.customer
    language = (contact.language if contact else "") or (customer.language if customer else "") or ticket.brand.language
    zone = (contact.zone if contact else "") or (customer.zone if customer else "") or ticket.brand.zone
    return Reader(language, zone)


def _ids_of(ticket: Ticket) -> list[MessageId]:
    known = MessageId.objects.filter(with_merged(ticket))
    return list(known.filter(whose__in=(MessageId.Whose.OURS, MessageId.Whose.THEIRS)))


def _chain(ids: Sequence[str]) -> tuple[str, ...]:
    """The first and the last of them, as RFC 5322 lets a long chain be cut."""
    known = list(dict.fromkeys(ids))
    return tuple(known if len(known) <= REFERENCES_AT_MOST else [known[0], *known[1 - REFERENCES_AT_MOST :]])


def _quote_of(ticket: Ticket, entry: Entry, zone: str) -> str:
    """What the other side said last, in public; never a note."""
    said = Entry.objects.filter(
        with_merged(ticket),
        kind=Entry.Kind.MESSAGE_IN,
        public=True,
        automatic=False,
        at__lte=entry.at,
    )
    last = said.order_by("-at", "-id").first()
    return wording.quoted(last.text, last.by_name, last.at, zone) if last is not None else ""


def _html_of(entry: Entry, files: Sequence[Attachment]) -> str:
    """The entry's safe HTML with its own images, "" where it has none."""
    if not entry.html:
        return ""
    return with_images(entry.html, lambda number: f"cid:{_content_id(files[number])}" if number < len(files) else "")


def _content_id(file: Attachment) -> str:
    """What the HTML calls the image by; "" for what is no image in the text."""
    if not file.inline:
        return ""
    return file.content_id or f"{file.pk}@nightdesk"
