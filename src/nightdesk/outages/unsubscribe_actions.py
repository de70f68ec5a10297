"""The verbs of a reader who wants no more of our notices: their own end at once, a role's when its owner says so.

Notices about what a company buys are part of its contract. One of many readers does not end them for the others, and the last
of a company who is told does not end them for it: those who keep the company's contacts are asked, and until they agree
nothing changes.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.base.words import gettext as _
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.customers.models import Contact
from nightdesk.customers.queries import require_for
from nightdesk.customers.standing import Standing
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages import queries
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Subscriber, UnsubscribeRequest, Wish
from nightdesk.outages.published_queries import address_of
from nightdesk.outages.role_address import is_role_address
from nightdesk.outages.subscriber_actions import end_subscriber
from nightdesk.paging.telling import tell_quietly

UNSUBSCRIBE_ASKED = kind("unsubscribe.asked", gettext_lazy("A reader of {whose} asked for no more notices there"))
UNSUBSCRIBE_AGREED = kind("unsubscribe.agreed", gettext_lazy("{by} agreed that {whose} gets no more notices"))
UNSUBSCRIBE_REFUSED = kind("unsubscribe.refused", gettext_lazy("{by} decided that {whose} goes on getting notices"))
UNSUBSCRIBE_ENDED = kind("unsubscribe.ended", gettext_lazy("{whose} gets no more notices, by their own click"))

Came = Literal["ended", "asked", "already"]
"""What came of a click: it is over, its owner is asked (or was before), or it was over already."""


@transaction.atomic
def leave_notices(*, contact_id: int, by: Actor, via: Door, at: datetime) -> Came:
    """The contact hears no more of outages and planned work, or its company's keepers of contacts are asked whether it may.

    Asked are they for a role's address, for one that several contacts share, and for the last contact of the company who is
    told. Whoever has the link of one of its mails may. Raises NotFound.
    """
    contact = _locked_contact(contact_id)
    if _hears_nothing(contact):
        return "already"
    if is_role_address(contact.email) or _is_shared(contact) or not _others_hear(contact):
        _ask(contact, None, contact.email, by, via, at)
        return "asked"
    _end_notices(contact, at)
    _note(UNSUBSCRIBE_ENDED, contact, contact.name, by, via, at)
    return "ended"


@transaction.atomic
def leave_list(*, subscriber_id: int, by: Actor, via: Door, at: datetime) -> Came:
    """The public subscription is over; or, where its address is a role's of one of our customers, its owner is asked.

    A role's address that no customer has given us has no owner but its readers, and what it gets is public: it ends. Whoever
    has the link of one of its mails may. Raises NotFound.
    """
    row = Subscriber.objects.select_for_update(of=("self",)).filter(pk=subscriber_id).first()
    if row is None:
        raise NotFound(_("A subscription was to end."), _("There is none."), _("You hear nothing from it."))
    if row.ended_at is not None:
        return "already"
    owner = _owner_of(row)
    if owner is None:
        end_subscriber(subscriber_id=row.pk, why="unsubscribed by its own mail", by=by, via=via, at=at)
        return "ended"
    _ask(owner, row, row.email, by, via, at)
    return "asked"


@transaction.atomic
def decide_unsubscribe(*, request_id: int, agreed: bool, by: Actor, via: Door, at: datetime) -> UnsubscribeRequest:
    """The address hears no more, or goes on as before; repeating it changes nothing.

    Whoever keeps the company's contacts may, and our own people who do. Raises Forbidden, NotFound, IllegalTransition (it
    was decided otherwise).
    """
    rows = UnsubscribeRequest.objects.select_for_update(of=("self",)).select_related("contact__customer__brand")
    row = rows.filter(pk=request_id).first()
    require_for(by, "decide_unsubscribe", row.contact.customer if row else None)
    asked = _("It was decided whether an address hears no more.")
    if row is None:
        raise NotFound(asked, _("Nobody asked for that."), _("Look at the list."))
    if row.decided_at is not None:
        if row.agreed is not agreed:
            was = _("{name} agreed to it.") if row.agreed else _("{name} was against it.")
            raise IllegalTransition(asked, was.format(name=row.decided_by), _("Change its preferences instead."))
        return row
    row.decided_at, row.decided_by, row.agreed = at, by.name[:120], agreed
    row.save(update_fields=["decided_at", "decided_by", "agreed"])
    if agreed and row.subscriber_id is not None:
        end_subscriber(subscriber_id=row.subscriber_id, why="its owner agreed", by=by, via=via, at=at)
    elif agreed:
        _end_notices(row.contact, at)
    _note(UNSUBSCRIBE_AGREED if agreed else UNSUBSCRIBE_REFUSED, row.contact, row.contact.name, by, via, at)
    return row


def _locked_contact(contact_id: int) -> Contact:
    rows = Contact.objects.select_for_update(of=("self",)).select_related("customer__brand")
    contact = rows.filter(pk=contact_id, left_at=None).first()
    if contact is None:
        raise NotFound(_("Notices were to end."), _("Nobody gets them there any more."), _("You hear nothing from us."))
    return contact


def _hears_nothing(contact: Contact) -> bool:
    """Whether they have said already that they want nothing, of any service."""
    said = [wish.channels for wish in Wish.objects.filter(contact=contact)]
    return Wish.objects.filter(contact=contact, service=None).exists() and not any(said)


def _is_shared(contact: Contact) -> bool:
    return Contact.objects.filter(email__iexact=contact.email, left_at=None).exclude(pk=contact.pk).exists()


def _others_hear(contact: Contact) -> bool:
    """Whether somebody else of the company is told, as far as they have said."""
    others = Contact.objects.filter(customer=contact.customer_id, left_at=None).exclude(pk=contact.pk).exclude(email="")
    return any(not _hears_nothing(each) for each in others)


def _owner_of(row: Subscriber) -> Contact | None:
    """The contact whose role's address it is; None where it is nobody's, or one person's own."""
    if not is_role_address(row.email):
        return None
    rows = Contact.objects.select_related("customer__brand").filter(email__iexact=row.email, left_at=None)
    return rows.filter(customer__brand=row.brand_id, customer__active=True).order_by("id").first()


def _end_notices(contact: Contact, at: datetime) -> None:
    Wish.objects.filter(contact=contact).exclude(service=None).delete()
    never = {"channels": [], "min_effect": Effect.REDUCED, "texts_from": None, "texts_until": None, "changed_at": at}
    Wish.objects.update_or_create(customer=contact.customer, contact=contact, service=None, defaults=never)


def _ask(contact: Contact, subscriber: Subscriber | None, address: str, by: Actor, via: Door, at: datetime) -> None:
    """One question for as long as nobody has answered it, however often somebody clicks."""
    row, made = UnsubscribeRequest.objects.get_or_create(
        contact=contact, subscriber=subscriber, decided_at=None, defaults={"address": address, "asked_at": at}
    )
    if not made:
        return
    _note(UNSUBSCRIBE_ASKED, contact, contact.name, by, via, at)
    keepers = Contact.objects.filter(
        customer=contact.customer_id, standing=Standing.MANAGER, left_at=None, user__isnull=False
    ).exclude(email="")
    for keeper in keepers:
        _mail(keeper, row, contact, by, via, at)
    if not keepers:
        _tell_our_desk(row, contact, by, via, at)


def _mail(keeper: Contact, row: UnsubscribeRequest, contact: Contact, by: Actor, via: Door, at: datetime) -> None:
    brand = contact.customer.brand
    with translation.override(keeper.language or contact.customer.language):
        title = _("{brand}: shall {address} get no more notices?").format(brand=brand.name, address=row.address)
        body = _(
            "Somebody who reads {address} asked {brand} to send no more notices about faults and planned work there. As others "
            "of {company} may need them, they go on until one of you who keep its contacts agrees.\n\nSay yes or no here:\n{link}"
        ).format(
            address=row.address,
            brand=brand.name,
            company=contact.customer.name,
            link=f"{address_of(brand.pk)}/my/people/",
        )
    to = [Recipient("contact", keeper.pk, "email", keeper.email, at)]
    queue_message(
        kind="unsubscribe.asked", subject=("unsubscribe", row.pk), title=title, body=body, to=to, brand_id=brand.pk,
        by=by, via=via, at=at,
    )  # fmt: skip


def _tell_our_desk(row: UnsubscribeRequest, contact: Contact, by: Actor, via: Door, at: datetime) -> None:
    """Nobody of the company keeps its contacts, so whoever does so for it decides."""
    customer = contact.customer
    tell_quietly(
        _our_desk(customer.brand_id),
        kind="unsubscribe.asked",
        subject=("unsubscribe", row.pk),
        title=_("Shall {address} of {company} get no more notices?").format(address=row.address, company=customer.name),
        body=_(
            "A reader asked, and nobody there keeps their contacts. Ask them, then decide on their page: {link}"
        ).format(link=f"{settings.PUBLIC_URL}/settings/customers/{customer.pk}"),
        brand_id=customer.brand_id,
        by=by,
        via=via,
        at=at,
    )


def _our_desk(brand_id: int) -> Collection[int]:
    desk = queries.rules_of(brand_id).desk
    return list(desk.members.filter(active=True).values_list("id", flat=True)) if desk is not None else []


def _note(what: str, contact: Contact, whose: str, by: Actor, via: Door, at: datetime) -> None:
    """The journal names the contact, and never the address."""
    facts = {"whose": whose, "contact": contact.pk}
    subject = ("customer", contact.customer_id)
    record(what, subject=subject, by=by, via=via, at=at, brand_id=contact.customer.brand_id, facts=facts)
