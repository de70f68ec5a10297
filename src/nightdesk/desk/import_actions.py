"""The verb that takes over tickets of another desk. Their old numbers are still found, by mail and by search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import Invalid
from nightdesk.customers.models import Contact, Customer
from nightdesk.desk import attaching, decide, queries
from nightdesk.desk.actions import LONGEST_TEXT, _copied, _next_number, _promise_close, _promise_step, _tags
from nightdesk.desk.decide import State
from nightdesk.desk.mail_in import COPIES_AT_MOST
from nightdesk.desk.models import Attachment, Entry, OldNumber, Party, Ticket
from nightdesk.desk.moving import OldFile, OldTicket
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.mailroom import contents
from nightdesk.mailroom.addressing import Ours, meant_by
from nightdesk.mailroom.decoding import one_line
from nightdesk.mailroom.html_safe import safe_html
from nightdesk.mailroom.html_text import text_of_html
from nightdesk.mailroom.queries import ours

TICKETS_IMPORTED = kind("desk.imported", gettext_lazy("{by} took over {count} tickets of another desk"))


MOST_AT_ONCE = 2000
"""Tickets of one transaction. The command line takes more, some hundred at a time."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would do: new ones, those that were there already, and those whose customer is not known; and
    `files` of the new ones.
    """

    new: int
    there: int
    nobodys: int
    files: int = 0


@transaction.atomic
def import_tickets(
    *, brand_id: int, tickets: Sequence[OldTicket], dry_run: bool = False, by: Actor, via: Door, at: datetime
) -> Imported:
    """Each is a ticket of the brand, with its story as it was and its old number beside a new one. The bytes of its files are
    kept already; whoever was copied in is written to from now on as well, unless the address is ours.

    One whose old number is known already is left as it is, so that an import can be repeated. Nobody is told of any, and
    no clock of a contract is late by it: they run from the import, and what is open has a next step, a day from now. With
    `dry_run` nothing is written, and what would be is returned. Raises Forbidden, Invalid (more than MOST_AT_ONCE).
    """
    require(by, "import_tickets", brand_id)
    if len(tickets) > MOST_AT_ONCE:
        raise Invalid(
            _("Tickets of another desk were to be taken over."),
            _("There are {count}, and {most} are taken at once.").format(count=len(tickets), most=MOST_AT_ONCE),
            _("Divide the file, or use nightdesk take_over on the command line."),
        )
    known = queries.known_numbers(brand_id, [one.number for one in tickets])
    contacts = _contacts(brand_id, {one.email for one in tickets if one.email})
    companies = _companies(brand_id)
    fresh = [one for one in tickets if one.number.lower() not in known]
    done = Imported(
        new=len(fresh),
        there=len(tickets) - len(fresh),
        nobodys=sum(one.email not in contacts and one.customer_ref.casefold() not in companies for one in fresh),
        files=sum(one.files for one in fresh),
    )
    if dry_run:
        return done
    owner_id, addresses = queries.rules_of(brand_id).owner_id, ours()
    for old in fresh:
        contact, company_id = contacts.get(old.email), companies.get(old.customer_ref.casefold())
        ticket = _take_over(brand_id, owner_id, old, contact, company_id, by, via, at)
        Party.objects.bulk_create(_copied(ticket, _copies(old, addresses), without={old.email}))
    facts = {"count": done.new, "there": done.there}
    record(TICKETS_IMPORTED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return done


def _copies(old: OldTicket, known: Sequence[Ours]) -> list[tuple[str, str]]:
    """(address, name) of the first COPIES_AT_MOST whom the ticket was written to as well: not who asked, and no address of
    ours.
    """
    others = [(address, name) for name, address in old.copies if address != old.email]
    return [one for one in others if meant_by(one[0], known, ()) is None][:COPIES_AT_MOST]


def _contacts(brand_id: int, addresses: set[str]) -> dict[str, Contact]:
    rows = Contact.objects.filter(customer__brand_id=brand_id).exclude(email="").order_by("-id")
    return {row.email.lower(): row for row in rows if row.email.lower() in addresses}


def _companies(brand_id: int) -> dict[str, int]:
    """The brand's customers by reference and by name, in small letters; a reference comes first."""
    rows = list(Customer.objects.filter(brand=brand_id).values_list("id", "name", "ref"))
    return {name.casefold(): pk for pk, name, _ref in rows} | {ref.casefold(): pk for pk, _name, ref in rows if ref}


def _take_over(
    brand_id: int,
    owner_id: int | None,
    old: OldTicket,
    contact: Contact | None,
    company_id: int | None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Ticket:
    impact, urgency = decide.PRIORITY_CELLS[old.priority]
    over = old.state not in decide.OPEN
    ended = old.closed_at or (max((one.at for one in old.entries), default=old.opened_at) if over else None)
    theirs = [one.at for one in old.entries if one.side == "customer"]
    ours = [one.at for one in old.entries if one.side == "us"]
    ticket = Ticket(
        id=uuid7(old.opened_at),
        brand_id=brand_id,
        number=_next_number(brand_id),
        kind=old.kind,
        pending_reason=Ticket.PendingReason.AWAITING_CALLER if old.state is State.PENDING else "",
        title=old.title[:300],
        customer_id=contact.customer_id if contact is not None else company_id,
        contact=contact,
        requester_address=old.email[:320],
        requester_name=(old.name or (contact.name if contact else ""))[:200],
        trust=Ticket.Trust.UNVERIFIED,
        impact=impact,
        urgency=urgency,
        priority=old.priority,
        owner_id=owner_id,
        tags=_tags([*old.tags, "imported"]),
        next_step="" if over else _("See how it stands: it came from another desk"),
        next_step_at=None if over else at + timedelta(days=1),
        came_by=via,
        opened_at=old.opened_at,
        changed_at=max([old.opened_at, *theirs, *ours, *([ended] if ended else [])]),
        first_response_at=min(ours, default=None),
        customer_wrote_at=max(theirs, default=None),
        we_wrote_at=max(ours, default=None),
        resolved_at=ended if over and old.state is not State.CANCELLED else None,
        closed_at=ended if old.state is State.CLOSED else None,
    )
    if over and old.state is not State.CANCELLED:
        ticket.what_was_wrong, ticket.what_was_done, ticket.what_to_do = (
            old.title[:300],
            _("It was ended where it came from; its story says how."),
            _("Nothing"),
        )
    _move_imported(ticket, old.state)
    ticket.save(force_insert=True)
    entries = [
        Entry(
            id=uuid7(old.opened_at),
            ticket=ticket,
            at=old.opened_at,
            kind=Entry.Kind.MOVED,
            by_kind=by.kind,
            by_id=by.id[:40],
            by_name=by.name[:200],
            via=via,
            facts={
                "from": "",
                "to": "new",
                "priority": old.priority,
                "imported": old.number,
                "imported_at": at.isoformat(),
            },
        )
    ]
    sides = {"customer": Entry.Kind.MESSAGE_IN, "us": Entry.Kind.MESSAGE_OUT, "note": Entry.Kind.NOTE}
    files: list[Attachment] = []
    for one in old.entries:
        html = safe_html(one.html, [_as_in_a_mail(each) for each in one.files]).html if one.html else ""
        entry = Entry(
            id=uuid7(one.at),
            ticket=ticket,
            at=one.at,
            kind=sides[one.side],
            public=one.side != "note",
            by_kind="caller" if one.side == "customer" else "person",
            by_id="",
            by_name=(one.by or old.name)[:200],
            via=via,
            text=(one.text or text_of_html(one.html))[:LONGEST_TEXT],
            html=html,
            automatic=False,
        )
        entries.append(entry)
        files += [_attached(entry, each) for each in one.files]
    if old.state is not State.NEW:
        entries.append(
            Entry(
                id=uuid7(ended or ticket.changed_at),
                ticket=ticket,
                at=ended or ticket.changed_at,
                kind=Entry.Kind.MOVED,
                by_kind=by.kind,
                by_id=by.id[:40],
                by_name=by.name[:200],
                via=via,
                facts={"from": "new", "to": old.state, "reason": ticket.pending_reason, "priority": old.priority},
            )
        )
    Entry.objects.bulk_create(entries)
    Attachment.objects.bulk_create(files)
    attaching.promise_looks(files, at)
    OldNumber.objects.create(brand_id=brand_id, text=old.number[:60], ticket=ticket)
    if old.email:
        Party.objects.create(
            ticket=ticket, address=old.email[:320], name=old.name[:200], contact=contact, role=Party.Role.REQUESTER
        )
    if not over:
        _promise_step(ticket, at)
    elif old.state is State.RESOLVED:
        _promise_close(ticket, at)
    return ticket


def _attached(entry: Entry, file: OldFile) -> Attachment:
    return Attachment(
        entry=entry,
        name=one_line(file.name)[:200] or _("file"),
        media_type=file.media_type[:127] or "application/octet-stream",
        size=file.size or 0,
        digest=file.digest,
        content_id=file.content_id[:300],
        inline=file.inline,
        scan=attaching.first_scan(),
    )


def _as_in_a_mail(file: OldFile) -> contents.Attachment:
    """The file without its bytes: what an image of the HTML is found by."""
    return contents.Attachment(file.name, file.media_type, b"", file.content_id, inline=file.inline)


def _move_imported(ticket: Ticket, state: State) -> None:
    """A ticket that is taken over stands where it stood; nothing moved here."""
    ticket.state = state
