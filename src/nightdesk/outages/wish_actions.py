"""The verbs of how customers want to hear of outages."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.base.words import gettext as _
from nightdesk.customers import standing
from nightdesk.customers.models import Contact, Customer, Service
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages.audience import CHANNELS
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Wish

WISH_SAVED = kind("wish.saved", gettext_lazy("{by} said how {whose} hears of outages: {how}"))
WISH_REMOVED = kind("wish.removed", gettext_lazy("{by} took back how {whose} hears of outages"))


@transaction.atomic
def save_wish(
    *,
    customer_id: int,
    contact_id: int | None = None,
    service_id: int | None = None,
    channels: Sequence[str],
    min_effect: int = Effect.REDUCED,
    texts_from: int | None = None,
    texts_until: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Wish:
    """So the contact, or everybody of the customer, hears of outages from now on, see `Wish`; an earlier one is replaced.

    A contact may say it for themselves; for the company who keeps its contacts. Raises Forbidden, NotFound, Invalid.
    """
    customer, contact = _whose(customer_id, contact_id, by, "save_wish")
    asked = _("It was said how %s hears of outages.") % (contact.name if contact else customer.name)
    if not set(channels) <= CHANNELS:
        raise Invalid(
            asked, _("There are email, sms, push and webhook."), _("Give some of these, or none."), field="channels"
        )
    if min_effect not in (Effect.REDUCED, Effect.DEGRADED, Effect.DOWN):
        raise Invalid(asked, _("It begins with reduced, degraded or down."), _("Give one."), field="min_effect")
    if (texts_from is None) != (texts_until is None) or not (
        0 <= (texts_from or 0) < 1440 and 0 <= (texts_until or 0) <= 1440
    ):
        raise Invalid(
            asked, _("Texts have both a first and a last minute of the day, or neither."), "", field="texts_from"
        )
    service = Service.objects.filter(pk=service_id, brand=customer.brand_id).first() if service_id is not None else None
    if service is None and service_id is not None:
        raise NotFound(asked, _("There is no such service."), _("Choose one of theirs."))
    wish, _made = Wish.objects.update_or_create(
        customer=customer,
        contact=contact,
        service=service,
        defaults={
            "channels": sorted(set(channels)),
            "min_effect": int(min_effect),
            "texts_from": texts_from,
            "texts_until": texts_until,
            "changed_at": at,
        },
    )
    facts = {
        "whose": contact.name if contact else customer.name,
        "contact": contact.pk if contact else None,
        "service": service_id,
        "how": ", ".join(wish.channels) or "never",
    }
    subject = ("customer", customer.pk)
    record(WISH_SAVED, subject=subject, by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts)
    return wish


@transaction.atomic
def remove_wish(*, wish_id: int, by: Actor, via: Door, at: datetime) -> None:
    """They hear again as everybody does who said nothing. Raises Forbidden, NotFound."""
    wish = Wish.objects.select_for_update(of=("self",)).select_related("customer", "contact").filter(pk=wish_id).first()
    if wish is None:
        if by.kind != "contact":
            require(by, "remove_wish", None)
        raise NotFound(_("A wish was to be taken back."), _("There is no such one."), "")
    customer, contact = _whose(wish.customer_id, wish.contact_id, by, "remove_wish")
    facts = {"whose": contact.name if contact else customer.name, "service": wish.service_id}
    wish.delete()
    subject = ("customer", customer.pk)
    record(WISH_REMOVED, subject=subject, by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts)


def _whose(customer_id: int, contact_id: int | None, by: Actor, verb: str) -> tuple[Customer, Contact | None]:
    """Whose wish it is, under the customer's lock, if `by` may say so."""
    asked = _("It was said how somebody hears of outages.")
    customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
    contact = Contact.objects.filter(pk=contact_id, customer=customer_id).first() if contact_id is not None else None
    if by.kind == "contact":
        me = Contact.objects.filter(pk=by.id, customer=customer_id, left_at=None).first()
        own = contact is not None and me is not None and contact.pk == me.pk
        if me is None or not standing.may(me.standing, verb, own=own):
            raise Forbidden(
                asked, _("Only those who keep your company's contacts may, beside themselves."), _("Ask one of them.")
            )
    else:
        require(by, verb, customer.brand_id if customer else None)
    if customer is None or (contact_id is not None and contact is None):
        raise NotFound(asked, _("There is no such customer or contact."), _("Look at the list."))
    return customer, contact
