"""The verbs of sign-in by a customer's own identity provider: which one it is, and whom it lets in."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator
from django.db import transaction
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import User
from nightdesk.base import vault
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import Invalid, NotFound, Refusal
from nightdesk.base.words import gettext as _
from nightdesk.customers.contact_actions import begin_portal
from nightdesk.customers.identity import Claimed, Known, No, whom_to_admit
from nightdesk.customers.models import Contact, Customer, IdentityLink, IdentityProvider
from nightdesk.customers.queries import provider_of
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

PROVIDER_SET = kind(
    "identity_provider.set", gettext_lazy("{by} set where the contacts of {customer} sign in: {issuer}")
)
PROVIDER_REMOVED = kind(
    "identity_provider.removed", gettext_lazy("{by} said that {customer} has no sign-in of its own any more")
)
ADMITTED = kind("contact.admitted", gettext_lazy("{by} let a contact of {customer} in"))
NOT_ADMITTED = kind(
    "contact.not_admitted", gettext_lazy("{by} was to let somebody of {customer} in, and did not: {why}")
)

DOMAINS_AT_MOST = 50

WHY = {
    No.ISSUER: gettext_lazy("Your company's sign-in speaks for another provider than ours."),
    No.AUDIENCE: gettext_lazy("What your company's sign-in said was meant for somebody else."),
    No.NONCE: gettext_lazy("What your company's sign-in said does not belong to this visit."),
    No.EXPIRED: gettext_lazy("What your company's sign-in said is too old, or not true yet."),
    No.SUBJECT: gettext_lazy("Your company's sign-in did not say who you are."),
    No.UNVERIFIED: gettext_lazy("Your company's sign-in does not vouch for your e-mail address."),
    No.DOMAIN: gettext_lazy("Your company's sign-in may not speak for addresses of that domain."),
    No.UNKNOWN: gettext_lazy("Nobody with your address may sign in for your company here."),
    No.TAKEN: gettext_lazy("Somebody else of your company already signs in with that address."),
}
"""What the company's own people need to know to put it right; it tells nothing that their provider did not say."""


class NotAdmitted(Refusal):
    """The customer's identity provider vouched for nobody whom we know."""

    code = "not-admitted"
    status = 403
    title = "That sign-in does not let you in"


@transaction.atomic
def set_identity_provider(
    *,
    customer_id: int,
    issuer: str,
    client_id: str,
    client_secret: str = "",
    domains: Sequence[str],
    allow_private: bool = False,
    by: Actor,
    via: Door,
    at: datetime,
) -> IdentityProvider:
    """The customer's contacts may sign in there from now on. Without a `client_secret` the one that is known stays.

    With another issuer everybody's first time comes again, as its accounts are others, and who came in by the one before
    is signed out. Raises Forbidden, NotFound, Invalid.
    """
    customer = _customer(customer_id, by, "set_identity_provider")
    row = IdentityProvider.objects.select_for_update().filter(customer=customer).first()
    asked = _("A sign-in of their own was to be set for %s.") % customer.name
    issuer = _issuer(issuer, asked, allow_private=allow_private)
    client_id = one_line(client_id, 255, _("client id"))
    named = _domains(domains, asked)
    secret = client_secret.strip()
    if not secret and (row is None or row.issuer != issuer):
        raise Invalid(asked, _("There is no client secret."), _("Copy it from the provider's page of our client."))
    fields = {"issuer": issuer, "client_id": client_id, "domains": named, "allow_private": allow_private}
    if row is None:
        row = IdentityProvider(customer=customer)
    elif row.issuer != issuer:
        row.links.all().delete()
    elif not secret and all(getattr(row, name) == value for name, value in fields.items()):
        return row
    for name, value in fields.items():
        setattr(row, name, value)
    if secret:
        row.client_secret = vault.seal(secret.encode())
    row.set_at = at
    if row.pk is None:
        row.save(force_insert=True)
    else:
        row.save(update_fields=[*fields, "client_secret", "set_at"])
    facts = {"customer": customer.name, "issuer": issuer, "client": client_id, "domains": named}
    subject = ("customer", customer.pk)
    record(PROVIDER_SET, subject=subject, by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts)
    return row


@transaction.atomic
def remove_identity_provider(*, customer_id: int, by: Actor, via: Door, at: datetime) -> None:
    """Nobody signs in there any more, and whoever came in by it is out at this moment; other ways in stay.

    Repeating it changes nothing. Raises Forbidden, NotFound.
    """
    customer = _customer(customer_id, by, "remove_identity_provider")
    gone, _rows = IdentityProvider.objects.filter(customer=customer).delete()
    if gone:
        subject, facts = ("customer", customer.pk), {"customer": customer.name}
        record(PROVIDER_REMOVED, subject=subject, by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts)


@transaction.atomic
def admit_contact(*, provider_id: int, who: Claimed, by: Actor, via: Door, at: datetime) -> IdentityLink:
    """The contact of the provider's customer that `who` is, let in: the first time by the address, then by `who.sub`.

    Somebody who was invited and never came has joined with that. Raises NotAdmitted, NotFound where there is no such
    provider any more, and IllegalTransition for the address of one of our staff.
    """
    provider = provider_of(provider_id, lock=True)
    known = _who_may_come(provider)
    found = whom_to_admit(who, provider.domains, known)
    if isinstance(found, No):
        raise _not_admitted(provider, found)
    contact = Contact.objects.select_for_update(of=("self",)).select_related("customer__brand", "user").get(pk=found)
    if contact.user is None:
        begin_portal(contact=contact, by=by, via=via, at=at)
    link, _made = IdentityLink.objects.get_or_create(
        provider=provider, contact=contact, defaults={"sub": who.sub, "linked_at": at, "signed_in_at": at}
    )
    IdentityLink.objects.filter(pk=link.pk).update(signed_in_at=at)
    _note(ADMITTED, provider, by, via, at, contact=contact.pk)
    return link


@transaction.atomic
def note_not_admitted(*, provider_id: int, why: str, by: Actor, via: Door, at: datetime) -> None:
    """It is known that somebody was not let in, and why, for whoever helps the customer with it."""
    _note(NOT_ADMITTED, provider_of(provider_id), by, via, at, why=why)


def _not_admitted(provider: IdentityProvider, why: No) -> NotAdmitted:
    """The refusal; in `extra` why, by its name."""
    return NotAdmitted(
        _("You came from the sign-in of %s.") % provider.customer.name,
        str(WHY[why]),
        _("Ask whoever keeps your company's contacts, or sign in by another way."),
        why=why.value,
    )


def _who_may_come(provider: IdentityProvider) -> list[Known]:
    """The customer's contacts who may sign in. Who does already has the address of their account, which was proved once."""
    rows = (
        Contact.objects.filter(customer=provider.customer_id, left_at=None).exclude(standing="").select_related("user")
    )
    subs = dict(provider.links.values_list("contact_id", "sub"))
    return [
        Known(each.pk, each.user.email if each.user else each.email, subs.get(each.pk, ""))
        for each in rows
        if each.user is None or (each.user.is_active and each.user.kind == User.Kind.CUSTOMER)
    ]


def _customer(customer_id: int, by: Actor, verb: str) -> Customer:
    customer = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).first()
    require(by, verb, customer.brand_id if customer else None)
    if customer is None:
        raise NotFound(_("The customer %s was asked for.") % customer_id, _("There is none."), _("Look at the list."))
    return customer


def _issuer(given: str, asked: str, *, allow_private: bool) -> str:
    kept = one_line(given, 300, _("issuer"))
    try:
        parts = urlsplit(kept)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    fits = parts.scheme == "https" or (allow_private and parts.scheme == "http")
    if not fits or not host or parts.query or parts.fragment or "@" in parts.netloc or not kept.isascii():
        raise Invalid(
            asked,
            _("%s is no issuer: that is an address that begins with https://.") % kept[:80],
            _("Copy it from the provider, as it stands in its /.well-known/openid-configuration."),
        )
    return kept


def _domains(given: Sequence[str], asked: str) -> list[str]:
    kept = sorted({each.strip().lower().removeprefix("@") for each in given if each.strip()})
    if not 0 < len(kept) <= DOMAINS_AT_MOST:
        raise Invalid(
            asked, _("It must speak for 1 to %d domains.") % DOMAINS_AT_MOST, _("Give those of their e-mail addresses.")
        )
    for each in kept:
        try:
            DomainNameValidator()(each)
        except ValidationError:
            raise Invalid(asked, _("%s is no domain.") % each[:80], _("Give one such as acme.example.")) from None
    return kept


def _note(kind_of_entry: str, provider: IdentityProvider, by: Actor, via: Door, at: datetime, **facts: object) -> None:
    customer = provider.customer
    facts = {"customer": customer.name, "issuer": provider.issuer, **facts}
    subject = ("customer", customer.pk)
    record(kind_of_entry, subject=subject, by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts)
