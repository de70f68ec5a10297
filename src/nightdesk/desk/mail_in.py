"""Mail that comes in, as tickets: who wrote, which ticket it is about, and which verb it asks for. Registered in `wiring`.

Whoever a mail comes from is believed as far as `Arrived.trust` goes. A stranger gets a ticket, and never a way into somebody
else's by quoting its number; a colleague's words reach a customer only where it is sure that they wrote them; a machine's mail
moves nothing and is not answered.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, NotFound, Refusal
from nightdesk.channels.links import read_key, read_subject_key
from nightdesk.customers.models import Contact, Peer
from nightdesk.customers.queries import actor_of_contact
from nightdesk.desk import actions, auto_reply, mail_actions, mail_queries, queries, supplier_actions, threading
from nightdesk.desk.actions import MOST_FILES, File, Words
from nightdesk.desk.auto_reply import Wrote
from nightdesk.desk.bureau_mail import TakenDown, taken_down
from nightdesk.desk.decide import ContactKind
from nightdesk.desk.forwarded import Forwarded, forwarded_in
from nightdesk.desk.mail_out import AMONG_US, CONVERSATION, Known
from nightdesk.desk.mail_queries import AnsweredBefore, Place, Pointed
from nightdesk.desk.models import MessageId, Ticket
from nightdesk.desk.threading import Belongs, Candidate, Sender
from nightdesk.mailroom.addressing import meant_by
from nightdesk.mailroom.automatic import is_machines_answer, may_be_auto_reply, why_automatic
from nightdesk.mailroom.contents import Attachment
from nightdesk.mailroom.handing import Arrived, Taken
from nightdesk.mailroom.html_safe import safe_html
from nightdesk.mailroom.letter import Letter
from nightdesk.mailroom.own_words import own_words
from nightdesk.mailroom.queries import came_before
from nightdesk.mailroom.reports import Report
from nightdesk.people.models import Person
from nightdesk.people.numbers import BadNumber, e164
from nightdesk.people.queries import actor_of_person

COPIES_AT_MOST = 20
NAMED_AT_MOST = 10
"""Ids of a mail that are kept beside its own; a longer chain is found by its nearest."""
URGENT = frozenset({"yes", "y", "urgent", "high", "emergency", "1", "p1"})


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote: a contact, a colleague or a peer, where the address is known; `name` as they write it themselves.
    `suppliers` are ids of those of ours at whose domain the address is, of nobody whom we know otherwise.

    `proven`: it is sure enough that they wrote it to do as a colleague what only colleagues do (DMARC has passed).
    `failed`: the owner of the domain says that it is none of theirs; then nobody outside is taken to be known.
    """

    address: str
    name: str
    contact: Contact | None = None
    person: Person | None = None
    peer: Peer | None = None
    suppliers: frozenset[int] = frozenset()
    verified: bool = False
    proven: bool = False
    failed: bool = False

    @property
    def trust(self) -> str:
        """How sure it is that who seems to have asked did ask."""
        return Ticket.Trust.VERIFIED if self.verified else Ticket.Trust.UNVERIFIED

    @property
    def actor(self) -> Actor:
        """The customer's side: the contact, or somebody who rang or wrote."""
        if self.contact is not None:
            return actor_of_contact(self.contact)
        return Actor("caller", self.address[:40], (self.name or self.address or _("Somebody"))[:200])

    @property
    def sender(self) -> Sender:
        """For `threading`."""
        customer_id = self.contact.customer_id if self.contact is not None else None
        suppliers = self.suppliers if self.verified else frozenset()
        return Sender(self.address, customer_id, self.person is not None, self.failed, suppliers)


def is_place(name: str) -> bool:
    """Whether a name at a domain that is ours as a whole is a place of the desk: a queue's address, or that of the rules."""
    return mail_queries.has_address(name)


def is_ticket_key(key: str) -> bool:
    """Whether `key` stands for the conversation of a ticket."""
    return read_subject_key(CONVERSATION, key) is not None


def is_note_key(key: str) -> bool:
    """Whether `key` stands for what is written among ourselves on a ticket."""
    return read_subject_key(AMONG_US, key) is not None


def take_mail(arrived: Arrived, key: str, at: datetime) -> Taken:
    """A mail to a plain address of ours; to those of several brands it is a ticket of each."""
    del key
    taken = _take(arrived, None, at)
    brands = list(dict.fromkeys(one.ours.brand_id for one in arrived.meant if not one.word and one.ours.brand_id))
    if brands[:1] != [arrived.brand_id]:
        return taken  # it came by the mailbox of a brand that is not named first: the others have their own
    told = [taken, *(_take(replace(arrived, brand_id=brand_id), None, at) for brand_id in brands[1:])]
    return replace(taken, outcome=" ".join(one.outcome for one in told))


def take_conversation(arrived: Arrived, key: str, at: datetime) -> Taken:
    """A mail to `ticket+KEY@`: it goes on with the customer."""
    return _take(arrived, read_subject_key(CONVERSATION, key), at, to_customer=True)


def take_note(arrived: Arrived, key: str, at: datetime) -> Taken:
    """A mail to `note+KEY@`: a colleague answers what only colleagues were told."""
    ticket_id = read_subject_key(AMONG_US, key)
    writer = _writer(arrived, None)
    if ticket_id is None or writer.person is None or arrived.automatic:
        why = arrived.automatic or _("it is from nobody of ours")
        return Taken("kept", _("It came to an address of our own notes: {why}.").format(why=why))
    return _note(arrived, ticket_id, writer, "" if writer.proven else _not_proven(arrived), at)


def take_report(arrived: Arrived, report: Report, key: str, at: datetime) -> Taken | None:
    """A mail server's report on a mail of a ticket: it stands there, and is neither an answer nor a new ticket."""
    delivery_id = _delivery_of(key) or _delivery_of_id(report.envelope_id)
    keys = [read_subject_key(one.word, one.key) for one in arrived.meant if one.word in (CONVERSATION, AMONG_US)]
    found = mail_queries.ticket_of_report(delivery_id, report.message_ids)
    ticket_id, recipient = found or (next((one for one in keys if one is not None), None), "contact")
    if ticket_id is None:
        return None
    about = ("ticket", ticket_id)
    said = _("{address}: {action}. {reason}").format(
        address=report.recipient, action=report.action, reason=report.reason
    )
    if recipient == "contact" and report.action in ("failed", "delayed"):
        mail_actions.note_undelivered(
            ticket_id=ticket_id,
            address=report.recipient,
            action=report.action,
            reason=report.reason,
            mail_id=arrived.mail_id,
            **_doing(SCHEDULER, at),
        )
    return Taken("done", said.strip(), about, arrived.brand_id)


def look_ahead(mails: Sequence[Arrived], at: datetime) -> None:
    """What taking each of the mails will ask is asked for all, and remembered; with numbers for those that open a ticket, as
    far as that is seen: what points nowhere.
    """
    writers = []
    opening: Counter[int] = Counter()
    for arrived in mails:
        place = mail_queries.place_of(arrived.meant, arrived.brand_id, arrived.ours)
        if place is None:
            continue
        letter, brand = arrived.letter, place.brand
        writers.append((letter.from_address, brand.pk, tuple(one[:300] for one in _ids_of(letter))))
        answers = letter.in_reply_to or letter.references or threading.own_numbers(letter.title, brand.slug)
        is_plain = all(not one.word for one in arrived.meant)
        opening[brand.pk] += bool(is_plain and not answers and not arrived.reports)
    mail_queries.look_ahead(writers, at)
    for brand_id, count in opening.items():
        if count > 1:
            queries.take_numbers_ahead(brand_id, count)


# --- Which ticket ----------------------------------------------------------------------------------------------------


def _take(arrived: Arrived, key: UUID | None, at: datetime, *, to_customer: bool = False) -> Taken:
    place = mail_queries.place_of(arrived.meant, arrived.brand_id, arrived.ours)
    if place is None:
        return Taken("kept", _("There is no brand that it could be for."))
    letter = arrived.letter
    slug = place.brand.slug
    ids = _ids_of(letter)
    writer = _writer(arrived, place.brand.pk)
    pointed = mail_queries.pointed(
        place.brand,
        key=key,
        ids=ids,
        own_id=letter.message_id,
        deliveries=[found for one in letter.thread if (found := _delivery_of_id(one)) is not None],
        numbers=threading.own_numbers(letter.title, slug),
        old=threading.old_numbers(letter.title, slug),
        supplier_ids=writer.suppliers,
        refs=threading.refs_in(letter.title) if writer.suppliers else (),
    )
    belongs = threading.belongs(pointed.pointers, pointed.candidates, writer.sender)
    is_same = pointed.is_known is not None and pointed.is_known == belongs.ticket_id
    is_same = is_same and (key is None or writer.person is None) and came_before(arrived)
    if is_same and belongs.ticket_id is not None:
        return _same_again(place, belongs.ticket_id, at)
    if belongs.ticket_id is not None:
        return _join(arrived, place, pointed, belongs, writer, at, to_customer=to_customer)
    return _open(arrived, place, belongs, writer, at)


def _ids_of(letter: Letter) -> Sequence[str]:
    return threading.ids_of(letter.message_id, letter.in_reply_to, letter.references)


def _writer(arrived: Arrived, brand_id: int | None) -> Writer:
    """Who the mail is from, as far as it may be believed."""
    letter = arrived.letter
    address, name = letter.from_address, letter.from_name
    person = mail_queries.person_at(address)
    if arrived.trust == "failed":
        return Writer(address, name, person=person, failed=True)
    verified = arrived.trust == "verified"
    checked = arrived.checked
    proven = checked.dmarc == "pass" or (checked.spf == "pass" and checked.dkim == "pass")
    contact = queries.contact_at(address, brand_id) if brand_id is not None and address else None
    peer = mail_queries.peer_at(address, brand_id) if brand_id is not None and contact is None else None
    suppliers: frozenset[int] = frozenset()
    if brand_id is not None and contact is None and person is None:
        suppliers = mail_queries.suppliers_at(address, brand_id)
    return Writer(address, name, contact, person, peer, suppliers, verified, proven)


def _same_again(place: Place, ticket_id: UUID, at: datetime) -> Taken:
    """Another copy of a mail that the ticket has, to another address of ours: no second ticket, and no second message."""
    names = [one.name for one in (place.queue, *place.others) if one is not None]
    ticket = mail_actions.note_same_mail(ticket_id=ticket_id, queue_names=names, **_doing(SCHEDULER, at))
    return _done(
        ticket, _("It is on ticket #{number} already, by another address of ours.").format(number=ticket.number)
    )


# --- It joins a ticket -----------------------------------------------------------------------------------------------


def _join(
    arrived: Arrived,
    place: Place,
    pointed: Pointed,
    belongs: Belongs,
    writer: Writer,
    at: datetime,
    *,
    to_customer: bool,
) -> Taken:
    assert belongs.ticket_id is not None
    candidate = pointed.candidates[belongs.ticket_id]
    if writer.person is not None and writer.address not in candidate.parties and writer.contact is None:
        return _of_colleague(arrived, belongs.ticket_id, writer, at, to_customer=to_customer)
    if threading.works_on(writer.sender, candidate):
        return _of_supplier(arrived, belongs, writer, at)
    by = writer.actor
    if by.kind == "contact" and (writer.contact is None or writer.contact.customer_id != candidate.customer_id):
        by = Actor("caller", writer.address[:40], writer.name or writer.address)
    is_machine = bool(arrived.automatic) or may_be_auto_reply(arrived.letter)
    known = threading.has_to_do_with(writer.sender, candidate)
    facts = {"found_by": str(belongs.how)} | ({} if known else {"stranger": writer.address[:320]}) | _doubts(writer)
    lately = mail_queries.mails_lately(belongs.ticket_id, at - auto_reply.MAILS_WITHIN)
    too_much = auto_reply.is_too_much(lately + 1)
    ticket = actions.take_message(
        ticket_id=belongs.ticket_id,
        words=_words(arrived, facts, automatic=is_machine),
        address=writer.address,
        name=writer.name,
        copies=[*_copies(arrived, place), (writer.address, writer.name)] if known and not is_machine else [],
        quiet=too_much,
        anew=_anew(arrived, place, candidate, writer, known=known),
        **_doing(by, at),
    )
    if too_much:
        mail_actions.brake_mails(ticket_id=ticket.pk, count=lately + 1, **_doing(SCHEDULER, at))
    if ticket.pk != belongs.ticket_id and ticket.opened_at == at and not mail_queries.is_acknowledged(ticket):
        _acknowledge(arrived, place, ticket, writer, at)
    said = _("Ticket #{number}: {name} wrote.") if not is_machine else _("Ticket #{number}: a machine of {name} wrote.")
    return _done(ticket, said.format(number=ticket.number, name=by.name))


def _anew(arrived: Arrived, place: Place, candidate: Candidate, writer: Writer, *, known: bool) -> dict[str, Any]:
    """What a ticket is, where the one that the mail belongs to was closed long ago: the writer's own. Whoever has nothing to
    do with the old one gets nothing of it.
    """
    contact = writer.contact
    if known:
        if contact is not None and candidate.customer_id in (None, contact.customer_id):
            return {"customer_id": contact.customer_id, "contact_id": contact.pk, "trust": writer.trust}
        sure = candidate.customer_id is None
        return {"contact_id": None, "trust": writer.trust if sure else Ticket.Trust.UNVERIFIED}
    return {
        "kind": Ticket.Kind.INCIDENT,
        "title": _title(arrived.letter.title, arrived.letter.text, place),
        "customer_id": contact.customer_id if contact is not None else None,
        "contact_id": contact.pk if contact is not None else None,
        "trust": writer.trust if contact is not None else Ticket.Trust.UNVERIFIED,
        "service_id": None,
        "subscription_id": None,
        "needs_proof": False,
        "work_type": "",
        "impact": "medium",
        "urgency": "medium",
        "queue_id": place.queue.pk if place.queue is not None else None,
        "wakes": False,
    }


def _of_colleague(arrived: Arrived, ticket_id: UUID, writer: Writer, at: datetime, *, to_customer: bool) -> Taken:
    """A colleague's mail about a ticket: it goes to the customer where they answered what the customer said, if it is sure
    that it is theirs and their team's rule lets them; else it is a note, with the reason.
    """
    assert writer.person is not None
    if arrived.automatic or may_be_auto_reply(arrived.letter):
        return Taken("kept", _("A machine of a colleague wrote it, and colleagues' machines say nothing on tickets."))
    said, word, why_now = _own(arrived.letter)
    if not to_customer or word == "note":
        return _note(arrived, ticket_id, writer, "" if writer.proven else _not_proven(arrived), at, said)
    if not writer.proven:
        return _note(arrived, ticket_id, writer, _not_proven(arrived), at, said)
    try:
        entry = actions.reply_to_customer(
            ticket_id=ticket_id,
            words=Words(
                said,
                files=_files(arrived.letter.attachments),
                mail_id=arrived.mail_id,
                message_id=arrived.letter.message_id,
            ),
            contact_kind=word,
            why_now=why_now,
            **_doing(actor_of_person(writer.person.pk), at),
        )
    except Refusal as refusal:
        return _note(arrived, ticket_id, writer, str(refusal), at, said)
    if "held_until" in entry.facts:
        mail_actions.tell_held(entry_id=entry.pk, person_id=writer.person.pk, **_doing(SCHEDULER, at))
    return _done(
        entry.ticket,
        _("Ticket #{number}: {name} answered.").format(number=entry.ticket.number, name=writer.person.name),
    )


def _of_supplier(arrived: Arrived, belongs: Belongs, writer: Writer, at: datetime) -> Taken:
    """A supplier's mail about the ticket that they have of us: a note, as nobody outside is to read it. A person's words are
    their answer; a machine's are told, and they are chased all the same.
    """
    ticket_id = belongs.ticket_id
    assert ticket_id is not None
    row = mail_queries.open_at_supplier(ticket_id, writer.suppliers, threading.refs_in(arrived.letter.title))
    name = row.supplier.name if row is not None else writer.name or writer.address
    lately = mail_queries.mails_lately(ticket_id, at - auto_reply.MAILS_WITHIN)
    too_much = auto_reply.is_too_much(lately + 1)
    words = replace(
        _words(arrived, {"found_by": str(belongs.how), "supplier": name, "address": writer.address[:320]}),
        said_by=Actor("caller", writer.address[:40], f"{writer.name or writer.address} ({name})"[:200]),
    )
    if row is None or arrived.automatic or too_much or may_be_auto_reply(arrived.letter):
        quiet = too_much or is_machines_answer(arrived.letter, arrived.sender)
        ticket = actions.note_ticket(ticket_id=ticket_id, words=words, quiet=quiet, **_doing(SCHEDULER, at)).ticket
    else:
        doing = _doing(SCHEDULER, at)
        ticket = supplier_actions.note_supplier_answer(supplier_ticket_id=row.pk, words=words, **doing).ticket
    if too_much:
        mail_actions.brake_mails(ticket_id=ticket.pk, count=lately + 1, **_doing(SCHEDULER, at))
    return _done(ticket, _("Ticket #{number}: {name} wrote.").format(number=ticket.number, name=name))


def _note(arrived: Arrived, ticket_id: UUID, writer: Writer, why: str, at: datetime, said: str | None = None) -> Taken:
    """The colleague's words stand on the ticket among ourselves; `why` they went no further, "" where they were not to."""
    assert writer.person is not None
    text = said if said is not None else _own(arrived.letter)[0]
    by = actor_of_person(writer.person.pk) if writer.proven else SCHEDULER
    try:
        entry = actions.note_ticket(
            ticket_id=ticket_id, words=_note_words(arrived, writer, text, why, by), **_doing(by, at)
        )
    except Forbidden as refusal:
        why = f"{why} {refusal}".strip()
        words = _note_words(arrived, writer, text, why, SCHEDULER)
        entry = actions.note_ticket(ticket_id=ticket_id, words=words, **_doing(SCHEDULER, at))
    outcome = _("Ticket #{number}: noted for {name}.").format(number=entry.ticket.number, name=writer.person.name)
    return _done(entry.ticket, f"{outcome} {why}".strip())


def _note_words(arrived: Arrived, writer: Writer, text: str, why: str, by: Actor) -> Words:
    assert writer.person is not None
    if by == SCHEDULER:
        text = f"{_('A mail that says it is from {name}:').format(name=writer.person.name)}\n\n{text}"
    if why:
        text = f"{text}\n\n[{_('Kept among ourselves: {why}').format(why=why)}]"
    return Words(
        text or "-",
        files=_files(arrived.letter.attachments),
        mail_id=arrived.mail_id,
        message_id=arrived.letter.message_id,
        facts={"kept_because": why[:300]} if why else {},
    )


def _own(letter: Letter) -> tuple[str, str, str]:
    """(a colleague's own words, what their first word says of them: "note", a kind of contact, or ""; why they are to go out
    at once, where a first line `now: reason` says so, else "").
    """
    words = own_words(letter.text, (letter.from_name,)) or letter.text.strip()
    why_now = ""
    if words[:4].lower() == "now:":
        line, _end, words = words.partition("\n")
        why_now, words = line[4:].strip(), words.strip()
    first, colon, rest = words.partition(":")
    word = first.strip().lower().replace(" ", "_")
    if colon and word in ("note", *ContactKind):
        return rest.strip(), word, why_now
    return words, "", why_now


# --- It opens a ticket -----------------------------------------------------------------------------------------------


def _open(arrived: Arrived, place: Place, belongs: Belongs, writer: Writer, at: datetime) -> Taken:
    letter = arrived.letter
    if arrived.automatic and is_machines_answer(letter, arrived.sender):
        return Taken("kept", _("A machine wrote it, so it is no answer: {why}.").format(why=arrived.automatic))
    before = mail_queries.answered_before(writer.address, place.brand.pk, auto_reply.MAILS_WITHIN, at)
    if before.newest is not None and auto_reply.is_too_much(before.opened + 1):
        return _one_too_many(arrived, before.newest, before.opened + 1, writer, at)
    if writer.person is not None and writer.contact is None and not arrived.automatic:
        forwarded = forwarded_in(letter) if writer.proven else None
        if forwarded is not None and (taken := _open_forwarded(arrived, place, forwarded, writer, at)) is not None:
            return taken
    told = taken_down(letter.text)
    if told is not None and writer.contact is None:
        return _open_taken_down(arrived, place, told, writer, at)
    facts = _doubts(writer) | ({"looks_like": belongs.looks_like} if belongs.looks_like else {})
    is_machine = bool(arrived.automatic)
    ticket = actions.open_ticket(
        brand_id=place.brand.pk,
        title=_title(letter.title, letter.text, place),
        words=_words(arrived, facts, automatic=is_machine),
        contact_id=writer.contact.pk if writer.contact is not None else None,
        requester_address=writer.address,
        requester_name=writer.peer.name if writer.peer is not None else writer.name,
        copies=_copies(arrived, place) if not is_machine and not writer.failed else (),
        trust=Ticket.Trust.MACHINE if is_machine else writer.trust,
        queue_id=place.queue.pk if place.queue is not None else None,
        tags=_tags(place, writer, is_machine=is_machine),
        wakes=not is_machine,
        at_once=writer.peer is not None,
        urgency="high" if writer.peer is not None else "medium",
        **_doing(writer.actor, at),
    )
    _acknowledge(arrived, place, ticket, writer, at, before=before)
    said = _("Ticket #{number} was opened for {name}.").format(number=ticket.number, name=writer.actor.name)
    if belongs.looks_like:
        said = f"{said} {_('It quotes #{number}, with which its sender has nothing to do.').format(number=belongs.looks_like)}"
    return _done(ticket, said)


def _one_too_many(arrived: Arrived, ticket_id: UUID, count: int, writer: Writer, at: datetime) -> Taken:
    """Nobody writes so many mails about so many things: it is kept on the ticket that their last one opened."""
    ticket = actions.take_message(
        ticket_id=ticket_id,
        words=_words(arrived, {"found_by": "brake"}, automatic=bool(arrived.automatic)),
        quiet=True,
        **_doing(Actor("caller", writer.address[:40], writer.name or writer.address), at),
    )
    mail_actions.brake_mails(ticket_id=ticket.pk, count=count, **_doing(SCHEDULER, at))
    return _done(
        ticket,
        _("Too many came from {address}: it is on ticket #{number}.").format(
            address=writer.address, number=ticket.number
        ),
    )


def _open_forwarded(arrived: Arrived, place: Place, inside: Forwarded, writer: Writer, at: datetime) -> Taken | None:
    """A ticket in the name of whoever wrote what a colleague forwards; None where that colleague may not open any."""
    assert writer.person is not None
    contact = queries.contact_at(inside.address, place.brand.pk)
    first = Writer(inside.address, inside.name or (contact.name if contact else ""), contact, verified=True)
    files = inside.files if inside.files is not None else arrived.letter.attachments
    by = actor_of_person(writer.person.pk)
    words = Words(
        inside.text,
        files=_files(files),
        mail_id=arrived.mail_id,
        message_id=inside.message_id,  # that of the colleague's own mail is nothing to the customer
        said_by=first.actor,
        facts={"forwarded_by": writer.person.name},
    )
    try:
        ticket = actions.open_ticket(
            brand_id=place.brand.pk,
            title=_title(inside.title, inside.text, place),
            words=words,
            contact_id=contact.pk if contact is not None else None,
            requester_address=inside.address,
            requester_name=first.name,
            trust=Ticket.Trust.STAFF,
            queue_id=place.queue.pk if place.queue is not None else None,
            **_doing(by, at),
        )
    except Forbidden:
        return None
    if inside.note:
        actions.note_ticket(ticket_id=ticket.pk, words=Words(own_words(inside.note) or inside.note), **_doing(by, at))
    machine = why_automatic(Letter(from_address=inside.address, title=inside.title, message_id="-"), None)
    _acknowledge(arrived, place, ticket, first, at, answers=inside.message_id, automatic=machine)
    said = _("Ticket #{number} was opened for {name}, forwarded by {colleague}.")
    return _done(ticket, said.format(number=ticket.number, name=first.actor.name, colleague=writer.person.name))


def _open_taken_down(arrived: Arrived, place: Place, told: TakenDown, writer: Writer, at: datetime) -> Taken:
    """What a message bureau took down, as a ticket of the caller; the bureau itself is nobody to be written to."""
    try:
        number = e164(told.number, place.brand.region)
    except BadNumber:
        number = ""
    contact = mail_queries.contact_with_number(number, place.brand.pk)
    caller = Writer("", told.name, contact, verified=writer.verified)
    facts: dict[str, Any] = {
        "caller": {"name": told.name, "number": number or told.number, **_strings(told.fields)},
        "bureau": writer.address,
    }
    ticket = actions.open_ticket(
        brand_id=place.brand.pk,
        title=told.title or _("A call"),
        words=_words(arrived, facts | _doubts(writer)),
        contact_id=contact.pk if contact is not None else None,
        requester_name=told.name,
        trust=writer.trust if contact is not None else Ticket.Trust.UNVERIFIED,
        urgency="high" if told.fields.get("urgent", "").lower() in URGENT else "medium",
        queue_id=place.queue.pk if place.queue is not None else None,
        tags=["bureau"],
        **_doing(caller.actor, at),
    )
    said = _("Ticket #{number} was opened for {name}, whose call {bureau} took.")
    return _done(ticket, said.format(number=ticket.number, name=told.name, bureau=writer.address))


def _acknowledge(
    arrived: Arrived,
    place: Place,
    ticket: Ticket,
    writer: Writer,
    at: datetime,
    *,
    answers: str | None = None,
    automatic: str = "",
    before: AnsweredBefore | None = None,
) -> None:
    """`answers`: the id of the mail that is answered, where it is not the one that came."""
    if before is None:
        before = mail_queries.answered_before(writer.address, place.brand.pk, auto_reply.MAILS_WITHIN, at)
    wrote = Wrote(
        address=writer.address,
        automatic=automatic or arrived.automatic,
        do_not_answer=arrived.do_not_answer,
        failed=writer.failed,
        is_ours=_is_ours(writer.address, place),
        in_hour=before.in_hour,
        in_day=before.in_day,
    )
    ticket.brand = place.brand  # with its rules, which are not to be read again
    own = arrived.letter.message_id if answers is None else answers
    thread = [MessageId(message_id=own, whose=MessageId.Whose.THEIRS)] if own else []
    mail_actions.acknowledge_ticket(
        ticket=ticket, wrote=wrote, braked=before.braked, known=Known(place.ours, thread), **_doing(SCHEDULER, at)
    )


# --- What a mail says ------------------------------------------------------------------------------------------------


def _words(arrived: Arrived, facts: dict[str, Any], *, automatic: bool = False) -> Words:
    letter = arrived.letter
    html = safe_html(letter.html, letter.attachments).html if letter.html else ""
    cut = len(letter.attachments) - MOST_FILES
    if cut > 0:
        facts = facts | {"files_left_out": cut}
    if letter.faults:
        facts = facts | {"faults": list(letter.faults)[:10]}
    return Words(
        letter.text,
        html=html,
        files=_files(letter.attachments),
        mail_id=arrived.mail_id,
        automatic=automatic,
        public=arrived.trust != "failed",
        message_id=letter.message_id,
        named=letter.thread[:NAMED_AT_MOST],
        facts=facts,
    )


def _files(attachments: Iterable[Attachment]) -> list[File]:
    """In their order, as the HTML counts them; what is more than a ticket takes lies in the mail."""
    first = list(attachments)[:MOST_FILES]
    return [File(one.name, one.media_type, one.content, one.content_id, one.inline) for one in first]


def _title(title: str, text: str, place: Place) -> str:
    plain = threading.title_of(title, place.brand.slug)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return plain or first[:100] or _("(no subject)")


def _copies(arrived: Arrived, place: Place) -> list[tuple[str, str]]:
    """(address, name) of those who got the mail as well: not the writer, and no address of ours."""
    others = [
        (address, name)
        for name, address in arrived.letter.addressed
        if address != arrived.letter.from_address and not _is_ours(address, place)
    ]
    return others[:COPIES_AT_MOST]


def _is_ours(address: str, place: Place) -> bool:
    """Whether mail to the address comes back to us."""
    return meant_by(address, place.ours, ()) is not None


def _tags(place: Place, writer: Writer, *, is_machine: bool) -> list[str]:
    tags = [one.name for one in place.others]
    tags += ["peer"] if writer.peer is not None else []
    tags += ["machine"] if is_machine else []
    return tags


def _doubts(writer: Writer) -> dict[str, Any]:
    """What is to be seen beside the words: that nobody knows whether the writer is who they say, or that they are not."""
    if writer.failed:
        return {"sender": "failed"}
    return {} if writer.verified else {"sender": "unverified"}


def _not_proven(arrived: Arrived) -> str:
    if arrived.trust == "failed":
        return _("the owner of its domain says that the mail is none of theirs")
    return _("it is not sure that they wrote it: DMARC has not passed at a mail server that we believe")


def _strings(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in ("name", "number", "message")}


def _delivery_of(key: str) -> UUID | None:
    """The delivery that the key in a return path stands for."""
    try:
        return read_key(key)[0] if key else None
    except NotFound:
        return None


def _delivery_of_id(text: str) -> UUID | None:
    try:
        return UUID(text.partition("@")[0])
    except ValueError:
        return None


def _doing(by: Actor, at: datetime) -> dict[str, Any]:
    return {"by": by, "via": Door.EMAIL, "at": at}


def _done(ticket: Ticket, outcome: str) -> Taken:
    return Taken("done", outcome, ("ticket", ticket.pk), ticket.brand_id)
