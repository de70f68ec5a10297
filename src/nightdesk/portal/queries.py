"""What the pages and the API of a customer read. Each is asked inside the belt, and filters all the same."""

from django.db.models import QuerySet

from nightdesk.access.models import Token
from nightdesk.customers.models import Contact, Subscription
from nightdesk.portal.policies import visible


def services_of(contact: Contact) -> QuerySet[Subscription]:
    """What the contact's company buys, by name."""
    rows = visible(Subscription, "service").filter(customer=contact.customer_id)
    return rows.order_by("service__name", "label", "id")


def people_of(contact: Contact) -> QuerySet[Contact]:
    """Who speaks for the contact's company, by name; those who have left are not among them."""
    return visible(Contact).filter(customer=contact.customer_id, left_at=None).order_by("name", "id")


def tokens_of(contact: Contact) -> QuerySet[Token]:
    """The contact's own tokens that still open something, newest first."""
    return visible(Token).filter(contact_id=contact.pk, revoked_at=None).order_by("-created_at", "-id")
