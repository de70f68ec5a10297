"""Who rings, by their number or by the PIN that they keyed, and what they are told of what they buy. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from nightdesk.calls import flow
from nightdesk.calls.models import Call, Line, Message
from nightdesk.channels.spoken import spoken, voice_language
from nightdesk.customers.models import Contact, Customer, Peer
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import ContractFacts
from nightdesk.customers.queries import contract_facts, may_call_at_night, promised_to
from nightdesk.desk.wording import hours_line
from nightdesk.knowledge.queries import phrase_book, phrase_for, workarounds_for
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Affected, Outage, Touched, Update
from nightdesk.outages.queries import text_in, told_to, words_in_short
from nightdesk.people.models import ContactMethod, Person


@dataclass(frozen=True, slots=True)
class Who:
    """Who a caller is; all None for somebody whom nobody knows."""

    customer: Customer | None = None
    contact: Contact | None = None
    peer: Peer | None = None
    person: Person | None = None
    known_by: Literal["", "number", "pin"] = ""


def who_has_number(brand_id: int, number: str) -> Who:
    """Whose number it is: one of ours, a network's, a customer's. Nobody where it is withheld, or several companies' at once."""
    if not number:
        return Who()
    voice = ContactMethod.objects.filter(address=number, channel__in=("voice", "sms"), person__active=True)
    method = voice.exclude(verified_at=None).select_related("person").first()
    if method is not None:
        return Who(person=method.person, known_by="number")
    peer = Peer.objects.filter(brand=brand_id, noc_phones__contains=[number]).first()
    if peer is not None:
        return Who(peer=peer, known_by="number")
    contacts = list(_contacts_with(brand_id, number).select_related("customer")[:20])
    customers = {contact.customer_id: contact.customer for contact in contacts}
    if len(customers) != 1:
        return Who()
    one = contacts[0] if len(contacts) == 1 else None
    return Who(customer=next(iter(customers.values())), contact=one, known_by="number")


def _contacts_with(brand_id: int, number: str) -> QuerySet[Contact]:
    named = Q(phone=number) | (Q(mobile=number) & Q(mobile_verified_at__isnull=False))
    return Contact.objects.filter(named, customer__brand=brand_id, customer__active=True, left_at=None)


def who_of_call(call: Call) -> Who:
    """As the call's row says."""
    return Who(call.customer, call.contact, call.peer, call.person, call.known_by)  # type: ignore[arg-type]


def language_of(who: Who, line: Line) -> str:
    """In which a caller is spoken to, as voices name it ("de-AT")."""
    if who.person is not None:
        return voice_language(who.person.language)
    own = (who.contact.language if who.contact is not None else "") or (who.customer.language if who.customer else "")
    return voice_language(own or line.language)


def caller_facts(line: Line, who: Who, number: str, at: datetime, now: datetime, *, open_now: bool) -> flow.CallerFacts:
    """What the flow knows of the caller at `at`; `open_now`: the line is within its hours, for whom no contract says more."""
    waiting = _waiting(line, who, number)
    if who.person is not None:
        return flow.CallerFacts(
            kind="staff",
            name=who.person.name,
            known_by=who.known_by,
            person_id=who.person.pk,
            language=voice_language(who.person.language),
            covered=True,
            waiting=waiting,
        )
    if who.peer is not None:
        name = f"{who.peer.name}, AS{who.peer.as_number}"
        return flow.CallerFacts(
            kind="peer", name=name, known_by=who.known_by, peer_id=who.peer.pk, covered=True, may_wake=True, waiting=waiting
        )  # fmt: skip
    if who.customer is None:
        return flow.CallerFacts(waiting=waiting)
    return _customer_facts(who, who.customer, at, now, waiting, open_now=open_now)


def call_priority(contract: ContractFacts | None) -> Priority:
    """How urgent a call is before anybody has heard what it is about: P1 where nothing milder wakes anybody, else P2."""
    wakes = contract.may_wake if contract is not None else frozenset()
    return Priority.P1 if Priority.P1 in wakes and Priority.P2 not in wakes else Priority.P2


def priority_of(customer_id: int | None, at: datetime) -> Priority:
    """As `call_priority`, by the customer's contract at `at`."""
    return call_priority(contract_facts(customer_id, at) if customer_id is not None else None)


def _customer_facts(
    who: Who,
    customer: Customer,
    at: datetime,
    now: datetime,
    waiting: flow.WaitingMessage | None,
    *,
    open_now: bool,
) -> flow.CallerFacts:
    contract = contract_facts(customer.pk, at)
    cover = promised_to(who.contact, customer.pk, call_priority(contract), at)
    may_call = may_call_at_night(who.contact)
    language = (who.contact.language if who.contact is not None else "") or customer.language
    covered = cover.covered_now if may_call else cover.open_now
    taken = covered or (contract is None and open_now)
    live = (
        may_call and contract is not None and contract.live_answer and contract.is_valid(at) and bool(contract.may_wake)
    )
    return flow.CallerFacts(
        kind="customer",
        name=f"{who.contact.name}, {customer.name}" if who.contact is not None else customer.name,
        known_by=who.known_by,
        customer_id=customer.pk,
        contact_id=who.contact.pk if who.contact is not None else None,
        language=voice_language(language),
        covered=taken,
        may_wake=cover.may_page_now and not cover.open_now,
        live=live,
        may_call=may_call,
        answer_from=cover.answer_from,
        hours_in_words="" if taken or contract is None else _hours(contract, language),
        workarounds=() if taken else workarounds_for(customer, language),
        outages=_outages(customer, language, at, now),
        waiting=waiting,
    )


def _outages(customer: Customer, language: str, at: datetime, now: datetime) -> Sequence[flow.KnownOutage]:
    if at >= now:
        told = [
            (outage, update, words_in_short(outage, customer.pk, language)) for outage, update in told_to(customer.pk)
        ]
    else:
        told = _outages_then(customer, language, at)
    return tuple(known_outage(outage, update, words, language, at) for outage, update, words in told)


def known_outage(outage: Outage, update: Update, words: Sequence[str], language: str, at: datetime) -> flow.KnownOutage:
    """What a caller whom it touches hears of it at `at`, all of it: `words` of what stops working, and the update's statement."""
    text = text_in(update, language, outage.brand.language)
    return flow.KnownOutage(
        outage_id=str(outage.pk),
        words=" ".join(spoken(each, whole=True) for each in [*words, text]).strip(),
        said_at=update.published_at or at,
        next_at=update.next_at,
        late=update.next_at is not None and update.next_at <= at,
    )


def _outages_then(customer: Customer, language: str, at: datetime) -> list[tuple[Outage, Update, Sequence[str]]]:
    """What they would have heard at a past instant; what stops working, in today's words."""
    rows = Affected.objects.filter(customer=customer, outage__confirmed_at__lte=at, since__lte=at)
    rows = rows.filter(Q(outage__resolved_at=None) | Q(outage__resolved_at__gt=at)).select_related("outage__brand")
    found: list[tuple[Outage, Update, Sequence[str]]] = []
    for row in rows.order_by("-worst", "outage__began_at"):
        update = row.outage.updates.filter(published_at__lte=at).order_by("-published_at").first()
        touched = Touched.objects.filter(
            outage=row.outage_id, customer=customer, since__lte=at, subscription__ended_at=None
        )
        touched = touched.filter(Q(until=None) | Q(until__gt=at)).select_related("service", "subscription")
        if update is None or not touched:
            continue
        book = phrase_book(customer.brand_id)
        words = [
            phrase_for(book, one.service_id, Effect(one.worst).name.lower(), language).text.replace(
                "{{ service }}", f"{one.service.name} {one.subscription.label}".strip()
            )
            for one in touched
        ]
        found.append((row.outage, update, words))
    return found


def _hours(contract: ContractFacts, language: str) -> str:
    """The week's hours, as they are told."""
    with translation.override(language):
        return hours_line(contract.hours)


def _waiting(line: Line, who: Who, number: str) -> flow.WaitingMessage | None:
    """What this number left on a line of the brand and nobody has closed; not to another company that has the same number."""
    if not number:
        return None
    rows = Message.objects.filter(number=number, ended_at=None, brand=line.brand_id).select_related("reached_by")
    row = rows.order_by("-taken_at").first()
    if row is None:
        return None
    theirs = row.customer_id is None or (who.customer is not None and row.customer_id == who.customer.pk)
    if not theirs and _contacts_with(line.brand_id, number).exclude(customer=row.customer_id).exists():
        return None
    return flow.WaitingMessage(str(row.pk), row.taken_at, row.call_back_by, where_it_stands(row))


def where_it_stands(row: Message) -> str:
    """What whoever left the message is told of it."""
    match row.state:
        case Message.State.CALLING:
            return _("An engineer is about to ring you back.")
        case Message.State.REACHED:
            return _("We rang you back, and are still working on it.")
        case _ if row.page_id is not None:
            return _("It is with the engineer on duty.")
        case _:
            return _("It is with our desk.")
