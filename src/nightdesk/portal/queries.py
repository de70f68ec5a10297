"""What the pages and the API of a customer read. Each is asked inside the belt, and filters all the same."""

from datetime import datetime

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When

from nightdesk.access.models import Session, Token
from nightdesk.access.queries import live_sessions
from nightdesk.channels.models import ContactEndpoint
from nightdesk.customers import standing
from nightdesk.customers.models import Contact, Subscription
from nightdesk.desk.finding import Reader, find_ids
from nightdesk.desk.models import Attachment, Entry, Escalation, Party, Ticket
from nightdesk.desk.queries import with_merged
from nightdesk.outages.models import UnsubscribeRequest, Wish
from nightdesk.portal import belt
from nightdesk.portal.policies import visible

OPEN = ("new", "assigned", "in_progress", "pending")
FOUND_AT_MOST = 200
"""Tickets that a search shows, the newest; whoever wants older ones gives a word more."""


def services_of(contact: Contact) -> QuerySet[Subscription]:
    """What the contact's company buys, by name."""
    rows = visible(Subscription, "service").filter(customer=contact.customer_id)
    return rows.order_by("service__name", "label", "id")


def people_of(contact: Contact) -> QuerySet[Contact]:
    """Who speaks for the contact's company, by name; those who have left are not among them."""
    return visible(Contact).filter(customer=contact.customer_id, left_at=None).order_by("name", "id")


def unsubscribe_requests_of(contact: Contact) -> QuerySet[UnsubscribeRequest]:
    """What readers of the company's addresses asked, newest first, decided or not."""
    rows = visible(UnsubscribeRequest, "contact").filter(contact__customer=contact.customer_id)
    return rows.order_by("-asked_at", "-id")


def wishes_of(contact: Contact) -> QuerySet[Wish]:
    """How the contact hears of outages, and what holds for all of their company."""
    return visible(Wish).filter(customer=contact.customer_id).order_by("id")


def endpoints_of(contact: Contact) -> QuerySet[ContactEndpoint]:
    """Where the contact is told besides mail and text."""
    return visible(ContactEndpoint).filter(contact=contact.pk).order_by("channel")


def tokens_of(contact: Contact) -> QuerySet[Token]:
    """The contact's own tokens that still open something, newest first."""
    return visible(Token).filter(contact_id=contact.pk, revoked_at=None).order_by("-created_at", "-id")


def signed_in(user_id: int, at: datetime) -> list[Session]:
    """The browsers in which the account is signed in, last seen first. Asked with the belt off: no customer has that table."""
    return list(live_sessions(at, user_id=user_id))


def tickets_of(contact: Contact) -> QuerySet[Ticket]:
    """The tickets that the contact sees: their own, those they are copied in on, and by the company's rule their colleagues'.

    Newest first; what was merged away is found under its survivor.
    """
    rows = visible(Ticket, "service", "subscription").filter(customer=contact.customer_id)
    if not standing.sees_all(contact.customer.sees, contact.standing):
        copied = Party.objects.filter(contact=contact.pk).exclude(role=Party.Role.REMOVED).values("ticket_id")
        rows = rows.filter(Q(contact=contact.pk) | Q(id__in=copied))
    return rows.order_by("-opened_at", "-id")


def searched(rows: QuerySet[Ticket], contact: Contact, text: str) -> QuerySet[Ticket]:
    """Those of the contact's tickets that the desk's own search finds for the company, the newest FOUND_AT_MOST: by number
    (now or in an older system) first, then by words of titles and of what was said in public, without case and accents.

    What is found is named with the belt off, and looked up in `rows` with it on. Who sees only their own is searched for by
    themselves, with what they are copied in on, so that a busy company's newest do not hide them.
    """
    sees_all = standing.sees_all(contact.customer.sees, contact.standing)
    reader = Reader(
        [contact.customer.brand_id],
        customer_id=contact.customer_id,
        contact_id=None if sees_all else contact.pk,
    )
    words = text.replace(":", " ")  # filters are the desk's
    exact, newest = belt.done(find_ids, words, reader, FOUND_AT_MOST)
    by_number_first = [Case(When(id__in=exact, then=0), default=1)] if exact else []
    return rows.filter(id__in={*exact, *newest}).order_by(*by_number_first, "-opened_at", "-id")


def story_of(ticket: Ticket, at: datetime) -> list[Entry]:
    """What was said, oldest first, of the ticket and of what was merged into it; never a note, nor what is held back."""
    rows = visible(Entry).filter(with_merged(ticket))
    return list(rows.filter(public=True, kind__in=Entry.SPOKEN, at__lte=at).order_by("at", "id"))


def with_ending(rows: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """The tickets, each with `ending_told`: whether what was said as it was resolved may be read: not while it is held, nor once
    it was taken back.
    """
    told = visible(Entry).filter(ticket=OuterRef("pk"), kind=Entry.Kind.MESSAGE_OUT, at=OuterRef("resolved_at"))
    return rows.annotate(ending_told=Exists(told))


def files_of(entries: list[Entry]) -> dict[object, list[Attachment]]:
    """The files of each entry by its id, those that a scanner refused left out."""
    found: dict[object, list[Attachment]] = {}
    for file in visible(Attachment).filter(entry__in=[one.pk for one in entries]).order_by("id"):
        found.setdefault(file.entry_id, []).append(file)
    return found


def escalation_of(ticket: Ticket) -> Escalation | None:
    """The last time that they asked for a manager about it."""
    return visible(Escalation).filter(with_merged(ticket)).order_by("-at").first()
