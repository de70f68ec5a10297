"""What one click in a mail of ours begins: for the list of a public page, and for notices about what a company buys."""

from datetime import datetime

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.base.words import gettext as _
from nightdesk.channels.answering import Unsubscriber
from nightdesk.customers.models import Contact
from nightdesk.outages.models import Subscriber
from nightdesk.outages.unsubscribe_actions import leave_list, leave_notices


def _what(subscriber_id: str) -> str:
    """It names the brand and nobody: programs open links too."""
    return _("The status updates of {brand}. Notices about services that you buy go on.").format(
        brand=_found(subscriber_id).brand.name
    )


def _end(subscriber_id: str, by: Actor, via: Door, at: datetime) -> str:
    row = _found(subscriber_id)
    if leave_list(subscriber_id=row.pk, by=by, via=via, at=at) == "asked":
        return _asked()
    return _("No more status updates of {brand} go to your address.").format(brand=row.brand.name)


def _what_notices(contact_id: str) -> str:
    return _(
        "Notices of {brand} about faults and planned work that touch your company's services, by mail and by text. Where many "
        "read this address, or nobody else of your company is told, whoever keeps your contacts is asked first."
    ).format(brand=_contact(contact_id).customer.brand.name)


def _end_notices(contact_id: str, by: Actor, via: Door, at: datetime) -> str:
    contact = _contact(contact_id)
    if leave_notices(contact_id=contact.pk, by=by, via=via, at=at) == "asked":
        return _asked()
    return _(
        "No more notices of {brand} go to you; others of your company still get them. Of what you were told already, you hear "
        "the end."
    ).format(brand=contact.customer.brand.name)


def _asked() -> str:
    return _(
        "Those who keep your company's contacts with us are asked whether this address may stop. Until they agree it still gets "
        "them, as others read it, or nobody else is told."
    )


def _found(subscriber_id: str) -> Subscriber:
    row = Subscriber.objects.select_related("brand").filter(pk=_number(subscriber_id)).first()
    if row is None:
        raise NotFound(_("A subscription was to end."), _("There is none."), _("You hear nothing from it."))
    return row


def _contact(contact_id: str) -> Contact:
    row = Contact.objects.select_related("customer__brand").filter(pk=_number(contact_id), left_at=None).first()
    if row is None:
        raise NotFound(_("Notices were to end."), _("Nobody gets them there any more."), _("You hear nothing from us."))
    return row


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


UNSUBSCRIBER = Unsubscriber(_what, _end)
"""For `wiring`, under "subscriber"."""
OF_NOTICES = Unsubscriber(_what_notices, _end_notices)
"""For `wiring`, under "contact"."""
