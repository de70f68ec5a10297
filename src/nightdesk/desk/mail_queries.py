"""What taking and answering a mail asks of the database, few questions each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models.functions import Lower

from nightdesk.access.models import Brand
from nightdesk.base.memory import remember, remembered
from nightdesk.base.rows import fetch
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers.models import Contact, Peer
from nightdesk.customers.queries import contracts_of, contracts_with
from nightdesk.desk import queries
from nightdesk.desk.models import (
    Acknowledgement,
    Entry,
    MessageId,
    OldNumber,
    Queue,
    Rules,
    Supplier,
    SupplierTicket,
    Ticket,
)
from nightdesk.desk.threading import Candidate, Pointers
from nightdesk.mailroom.addressing import Meant, Ours
from nightdesk.people.models import Person

OPEN_STATES = (Ticket.State.NEW, Ticket.State.ASSIGNED, Ticket.State.IN_PROGRESS, Ticket.State.PENDING)
FAULTS_TOLD = 3
MOST_LOOKED_AT = 500
"""Tickets of one address in a day that are counted; it has had its twenty answers long before."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail came to: the brand, the queue of the first of its addresses that has one, and other queues beside it;
    `ours` is every address of ours.
    """

    brand: Brand
    ours: tuple[Ours, ...]
    queue: Queue | None = None
    others: tuple[Queue, ...] = ()


@dataclass(frozen=True, slots=True)
class Pointed:
    """To which tickets a mail points; `candidates` are those that exist. `is_known`: the mail itself has come before, to
    that ticket.
    """

    pointers: Pointers
    candidates: dict[UUID, Candidate] = field(default_factory=dict)
    is_known: UUID | None = None


def place_of(meant: Sequence[Meant], brand_id: int | None, known: tuple[Ours, ...]) -> Place | None:
    """None where there is no brand at all. An address of every brand's belongs to the queue's, else to the first."""
    addresses = [f"{one.ours.local or one.key}@{one.ours.domain}" for one in meant if not one.word]
    queues = list(_queues_at(tuple(addresses)))
    queues.sort(key=lambda one: addresses.index(one.address.lower()))
    first = next((one for one in queues if brand_id in (None, one.brand_id)), None)
    wanted = first.brand_id if first is not None else brand_id
    brand = _brand_with_rules(wanted)
    if brand is None:
        return None
    return Place(brand, known, first, tuple(one for one in queues if one is not first and one.brand_id == brand.pk))


@remembered
def _queues_at(addresses: tuple[str, ...]) -> list[Queue]:
    return list(Queue.objects.annotate(lowered=Lower("address")).filter(lowered__in=addresses)) if addresses else []


@remembered
def _brand_with_rules(brand_id: int | None) -> Brand | None:
    """The brand, or the first of all."""
    brands = Brand.objects.select_related("desk_rules").order_by("id")
    return (brands.filter(id=brand_id) if brand_id is not None else brands).first()


def has_address(name: str) -> bool:
    """Whether a queue, or a brand's desk, has an address with this name before the @."""
    wanted = f"{name}@"
    queues = Queue.objects.filter(address__istartswith=wanted)
    return bool(name) and (queues.exists() or Rules.objects.filter(address__istartswith=wanted).exists())


@remembered
def person_at(address: str) -> Person | None:
    """Who of our staff, and still there, writes from this address."""
    return persons_at([address]).get(address) if address else None


def persons_at(addresses: Sequence[str]) -> dict[str, Person]:
    """By address, who of our staff, and still there, writes from it; of several the one known longest."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, a FROM unnest(%(wanted)s::text[]) a JOIN access_user u ON lower(u.email) = lower(a) "
            "JOIN people_person p ON p.user_id = u.id WHERE p.active UNION "
            "SELECT p.id, a FROM unnest(%(wanted)s::text[]) a JOIN people_contactmethod m ON lower(m.address) = lower(a) "
            "JOIN people_person p ON p.id = m.person_id WHERE p.active AND m.channel = 'email' ORDER BY 1",
            {"wanted": list(addresses)},
        )
        found = cursor.fetchall()
    known = {row.pk: row for row in Person.objects.filter(pk__in={pk for pk, _address in found})} if found else {}
    return {address: known[pk] for pk, address in reversed(found) if pk in known}


@remembered
def peer_at(address: str, brand_id: int) -> Peer | None:
    """The network whose NOC writes from this address."""
    return peers_at([address], brand_id).get(address.lower()) if address else None


def peers_at(addresses: Sequence[str], brand_id: int) -> dict[str, Peer]:
    """By address in small letters; as `peer_at`."""
    rows = fetch(
        Peer,
        "SELECT * FROM customers_peer WHERE brand_id = %s "
        "AND lower(noc_email) = ANY(ARRAY(SELECT lower(a) FROM unnest(%s::text[]) a)) ORDER BY id DESC",
        [brand_id, list(addresses)],
    )
    return {one.noc_email.lower(): one for one in rows}


def suppliers_at(address: str, brand_id: int) -> frozenset[int]:
    """Ids of the brand's suppliers at whose domain, or below it, the address is: their machines write from many."""
    domain = address.rpartition("@")[2].lower()
    return frozenset(pk for pk, theirs in _domains(brand_id) if domain == theirs or domain.endswith(f".{theirs}"))


@remembered
def _domains(brand_id: int) -> list[tuple[int, str]]:
    """(supplier, domain of their address in small letters) of those of the brand that we buy from today."""
    rows = Supplier.objects.filter(brand=brand_id, active=True).exclude(email="").values_list("id", "email")
    return [(pk, email.rpartition("@")[2].lower()) for pk, email in rows]


def open_at_supplier(ticket_id: UUID, supplier_ids: Collection[int], refs: Sequence[str]) -> SupplierTicket | None:
    """The open ticket that one of these suppliers has for ours: that of a reference among `refs`, else the newest."""
    rows = SupplierTicket.objects.filter(
        queries.with_merged(Ticket(pk=ticket_id)), supplier__in=supplier_ids, closed_at=None
    )
    found = list(rows.select_related("supplier").order_by("-opened_at", "-id"))
    return next((one for one in found if one.ref.lower() in refs), found[0] if found else None)


def contact_with_number(number: str, brand_id: int) -> Contact | None:
    """The brand's contact with this number (E.164), known longest; None for "" and where nobody has it who is still there."""
    found = Contact.objects.filter(phone=number, customer__brand=brand_id, customer__active=True, left_at=None)
    return found.select_related("customer").order_by("id").first() if number else None


def pointed(
    brand: Brand,
    *,
    key: UUID | None,
    ids: Sequence[str],
    own_id: str,
    deliveries: Sequence[UUID],
    numbers: Sequence[int],
    old: Sequence[str],
    supplier_ids: Collection[int] = (),
    refs: Sequence[str] = (),
) -> Pointed:
    """To which tickets a mail points: the key in its address, ids (the nearest first), numbers in its subject.

    `deliveries`: ids that may be those of notices that we sent to colleagues. `refs`: what may be references of the suppliers
    that the mail may be from.
    """
    by_ours: list[UUID] = []
    by_theirs: list[UUID] = []
    is_known = None
    if ids:
        rows = ids_known(tuple(one[:300] for one in ids), brand.pk)
        by_id: dict[str, list[MessageId]] = {}
        for row in rows:
            by_id.setdefault(row.message_id, []).append(row)
        for one in ids:
            for row in by_id.get(one[:300], ()):
                (by_ours if row.whose == MessageId.Whose.OURS else by_theirs).append(row.ticket_id)
                if one == own_id and row.whose in (MessageId.Whose.THEIRS, MessageId.Whose.STAFF):
                    is_known = row.ticket_id
    if deliveries and not by_ours:
        told = Delivery.objects.filter(id__in=deliveries, subject_kind="ticket").values_list("id", "subject_id")
        by_delivery = dict(told)
        by_ours += [UUID(by_delivery[one]) for one in deliveries if one in by_delivery]
    tags: list[UUID] = []
    if numbers:
        found = dict(Ticket.objects.filter(brand=brand, number__in=numbers).values_list("number", "id"))
        tags += [found[number] for number in numbers if number in found]
    if old:
        kept = OldNumber.objects.annotate(lowered=Lower("text")).filter(brand=brand, lowered__in=old)
        former = dict(kept.values_list("lowered", "ticket_id"))
        tags += [former[text] for text in old if text in former]
    at_supplier: list[UUID] = []
    if supplier_ids and refs:
        theirs = SupplierTicket.objects.annotate(lowered=Lower("ref")).filter(
            lowered__in=refs, supplier__in=supplier_ids
        )
        at_supplier += theirs.order_by("-opened_at", "-id").values_list("ticket_id", flat=True)[:MOST_LOOKED_AT]
    wanted = {*([key] if key is not None else []), *by_ours, *by_theirs, *tags, *at_supplier}
    pointers = Pointers(key, tuple(by_ours), tuple(by_theirs), tuple(tags), tuple(at_supplier))
    return Pointed(pointers, _candidates(wanted), is_known)


@remembered
def ids_known(ids: tuple[str, ...], brand_id: int) -> list[MessageId]:
    """Of these ids of mails those that lead to tickets of the brand, in the order in which they came."""
    return fetch(
        MessageId,
        "SELECT m.* FROM desk_messageid m JOIN desk_ticket t ON t.id = m.ticket_id "
        "WHERE m.message_id = ANY(%s) AND t.brand_id = %s ORDER BY m.id",
        [list(ids), brand_id],
    )


def _candidates(ticket_ids: set[UUID]) -> dict[UUID, Candidate]:
    if not ticket_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id, t.number, t.customer_id, ARRAY(SELECT p.address FROM desk_party p "
            "WHERE p.ticket_id = t.id AND p.role <> 'removed'), ARRAY(SELECT s.supplier_id FROM desk_supplierticket s "
            "WHERE s.ticket_id = t.id OR s.ticket_id IN (SELECT m.id FROM desk_ticket m WHERE m.merged_into_id = t.id)) "
            "FROM desk_ticket t WHERE t.id = ANY(%s)",
            [list(ticket_ids)],
        )
        return {
            pk: Candidate(number, customer_id, frozenset(one.lower() for one in parties), frozenset(suppliers))
            for pk, number, customer_id, parties, suppliers in cursor.fetchall()
        }


def mails_lately(ticket_id: UUID, since: datetime) -> int:
    """How many mails came from `since` on to the ticket, or where it goes on: in its survivor, or in what follows it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE place (id) AS (SELECT %s::uuid UNION SELECT next.id FROM place, LATERAL ("
            "SELECT t.merged_into_id FROM desk_ticket t WHERE t.id = place.id AND t.merged_into_id IS NOT NULL UNION ALL "
            "SELECT l.ticket_id FROM desk_link l WHERE l.other_id = place.id AND l.kind = 'follows') next (id)) "
            "SELECT count(*) FROM desk_entry e JOIN place ON e.ticket_id = place.id "
            "WHERE (e.kind = 'message_in' OR (e.kind = 'note' AND e.by_kind = 'caller')) AND e.at >= %s AND e.via = 'email'",
            [ticket_id, since],
        )
        return int(cursor.fetchone()[0])


def is_acknowledged(ticket: Ticket) -> bool:
    """Whether a machine's answer was thought of when its first mail came."""
    return Acknowledgement.objects.filter(ticket=ticket).exists()


@dataclass(frozen=True, slots=True)
class AnsweredBefore:
    """How often an address was answered by a machine; `braked`: a brake has engaged for it within a day, and was told of.

    `opened` counts tickets of one brand that its mails opened lately, and `newest` is the last of them.
    """

    in_hour: int = 0
    in_day: int = 0
    braked: bool = False
    opened: int = 0
    newest: UUID | None = None


def answered_before(address: str, brand_id: int, within: timedelta, at: datetime) -> AnsweredBefore:
    """Answers count whoever's brand they were of, as the address does not care who keeps it busy."""
    rows = acknowledged(address, at)
    lately = [
        ticket_id for ticket_id, brand, when, _answered, _brake in rows if brand == brand_id and when > at - within
    ]
    answered = [when for _ticket, _brand, when, was_answered, _brake in rows if was_answered]
    return AnsweredBefore(
        in_hour=sum(when > at - timedelta(hours=1) for when in answered),
        in_day=len(answered),
        braked=any(brake for *_rest, brake in rows),
        opened=len(lately),
        newest=lately[0] if lately else None,
    )


Answered = tuple[UUID, int, datetime, bool, str]
"""(ticket, its brand, when, whether it was answered, the brake that kept it from that or "")."""


@remembered
def acknowledged(address: str, at: datetime) -> list[Answered]:
    """What the address' mails opened in the day before `at`, the newest first."""
    return acknowledged_of([address], at).get(address, [])


def acknowledged_of(addresses: Sequence[str], at: datetime) -> dict[str, list[Answered]]:
    """The same by address."""
    found: dict[str, list[Answered]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.address, a.* FROM unnest(%s::text[]) AS wanted (address), LATERAL ("
            "SELECT a.ticket_id, t.brand_id, a.at, a.answered, a.brake FROM desk_acknowledgement a "
            "JOIN desk_ticket t ON t.id = a.ticket_id WHERE a.address = wanted.address AND a.at > %s AND a.at <= %s "
            "ORDER BY a.at DESC, a.id DESC LIMIT %s) a",
            [list(addresses), at - timedelta(days=1), at, MOST_LOOKED_AT],
        )
        for address, *answered in cursor.fetchall():
            found.setdefault(address, []).append(tuple(answered))
    return found


def look_ahead(writers: Collection[tuple[str, int, tuple[str, ...]]], at: datetime) -> None:
    """What taking a mail from each (address, brand, ids that it names) will ask is asked for all, and remembered."""
    addresses = sorted({address for address, _brand, _ids in writers if address})
    persons, answered = persons_at(addresses), acknowledged_of(addresses, at)
    for address in addresses:
        remember(person_at, persons.get(address), address)
        remember(acknowledged, answered.get(address, []), address, at)
    for brand_id in {brand for _address, brand, _ids in writers}:
        here = [(address, ids) for address, brand, ids in writers if brand == brand_id]
        contacts = queries.contacts_at([address for address, _ids in here if address], brand_id)
        peers = peers_at([address for address, _ids in here if address], brand_id)
        contracts = contracts_of({one.customer_id for one in contacts.values()})
        rows: dict[str, list[MessageId]] = {}
        for row in ids_known(tuple(sorted({one for _address, ids in here for one in ids})), brand_id):
            rows.setdefault(row.message_id, []).append(row)
        for address, ids in here:
            contact = contacts.get(address.lower())
            remember(queries.contact_at, contact, address, brand_id)
            remember(peer_at, peers.get(address.lower()), address, brand_id)
            if contact is not None:
                remember(queries.contact_of, contact, contact.pk)
                remember(contracts_with, contracts.get(contact.customer_id, []), contact.customer_id)
            named = {row.pk: row for one in ids for row in rows.get(one, ())}
            remember(ids_known, [named[pk] for pk in sorted(named)], ids, brand_id)


def ticket_of_report(delivery_id: UUID | None, message_ids: Sequence[str]) -> tuple[UUID, str] | None:
    """(ticket, kind of recipient) of the mail that a report is about: by its delivery, else by the ids that it repeats."""
    if delivery_id is not None:
        rows = Delivery.objects.filter(id=delivery_id, subject_kind="ticket")
        found = rows.values_list("subject_id", "recipient_kind").first()
        if found is not None:
            return UUID(found[0]), found[1]
    if message_ids:
        sent = MessageId.objects.filter(message_id__in=message_ids, whose=MessageId.Whose.OURS)
        ticket_id = sent.values_list("ticket_id", flat=True).first()
        return (ticket_id, "contact") if ticket_id is not None else None
    return None


def message_of(entry: Entry) -> Message | None:
    """The message by which the entry was sent; None where it went to nobody."""
    about = Message.objects.filter(subject_kind="ticket", subject_id__in=_written_on(entry.ticket_id), cause=entry.id)
    return about.filter(kind__in=("ticket.reply", "ticket.acknowledged")).order_by("-at").first()


def _written_on(ticket_id: UUID) -> list[str]:
    """The tickets on which what stands on this one may have been written: itself, and those that it was split from."""
    found: list[str] = []
    split_from: UUID | None = ticket_id
    while split_from is not None and str(split_from) not in found:
        found.append(str(split_from))
        split_from = Ticket.objects.filter(id=split_from).values_list("split_from", flat=True).first()
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """A reply that waits for the opening: who wrote it, and until when it can be called back."""

    entry: Entry
    until: datetime


def held_replies(brand_id: int, at: datetime, ticket_id: UUID | None = None) -> list[Held]:
    """The replies of the brand (of one ticket) that wait and have not begun to leave, the first to leave first."""
    rows = Delivery.objects.filter(
        ended_at=None, due_at__gt=at, state="queued", attempt=0, subject_kind="ticket", recipient_kind="contact"
    ).filter(brand_id=brand_id)
    if ticket_id is not None:
        rows = rows.filter(subject_id__in=_written_on(ticket_id))
    due: dict[UUID, datetime] = dict(rows.order_by("due_at").values_list("message_id", "due_at"))
    causes = dict(Message.objects.filter(id__in=due).values_list("cause", "id"))
    entries = Entry.objects.filter(id__in=[one for one in causes if one]).select_related("ticket")
    if ticket_id is not None:
        entries = entries.filter(ticket=ticket_id)
    return sorted((Held(one, due[causes[one.pk]]) for one in entries), key=lambda one: one.until)


def tickets_with_unsent(addresses: Collection[str]) -> set[UUID]:
    """The tickets of which something waits to go to one of these addresses."""
    rows = Delivery.objects.filter(
        ended_at=None, subject_kind="ticket", recipient_kind="contact", channel="email", address__in=addresses
    )
    return {UUID(one) for one in rows.values_list("subject_id", flat=True)}
