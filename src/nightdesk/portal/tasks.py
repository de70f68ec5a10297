"""What the worker does when a promise to a customer's contact falls due: send a link or a code, or ask their company."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.customers import contact_actions
from nightdesk.customers.models import Contact
from nightdesk.customers.queries import mobile_code
from nightdesk.customers.standing import Standing
from nightdesk.desk.queries import desk_of_brand
from nightdesk.outages.published_queries import address_of
from nightdesk.paging.telling import tell_quietly


def send_invitation(promise: Promise, at: datetime) -> str:
    """Mail the contact the link of their invitation; returns what was done."""
    contact = _contact(promise)
    if contact is None or contact.user_id is not None or not contact.invite or contact.invited_at is None:
        return "The invitation is no longer open."
    ends_at = contact.invited_at + contact_actions.INVITED_FOR
    link = f"{address_of(contact.customer.brand_id)}{reverse('portal:join', args=[contact.pk, contact.invite])}"
    brand, company = contact.customer.brand.name, contact.customer.name
    with translation.override(contact.language or contact.customer.language):
        title = _("{brand}: see your services and reports").format(brand=brand)
        body = _(
            "Hello {name},\n\nyou can now see the services of {company} at {brand}, report something and follow what becomes "
            "of it.\n\nOpen this link to begin. It works once, for a week:\n{link}\n\nIf you did not expect this, leave it: "
            "nothing happens."
        ).format(name=contact.name, company=company, brand=brand, link=link)
    _send(contact, "account.invitation", "email", contact.email, title, body, ends_at, at)
    return "The invitation was queued."


def send_mobile_code(promise: Promise, at: datetime) -> str:
    """Text the code that proves that the contact has the number; returns what was done."""
    contact = _contact(promise)
    if contact is None or not contact.mobile_check or contact.mobile_check_until is None:
        return "No code is waited for."
    with translation.override(contact.language or contact.customer.language):
        title = _("{brand}: your code is {code}").format(
            brand=contact.customer.brand.name, code=mobile_code(contact.mobile_check)
        )
    _send(contact, "account.code", "sms", contact.mobile_asked, "", title, contact.mobile_check_until, at)
    return "The code was queued."


def ask_for_review(promise: Promise, at: datetime) -> str:
    """Ask those who keep the company's contacts whether a viewer still belongs there; returns what was done.

    Where none of them signs in, our desk is asked, and the viewer knows.
    """
    contact = _contact(promise)
    if contact is None or contact.standing != Standing.VIEWER or contact.confirmed_at is None:
        return "They read no longer."
    ends_at = contact.confirmed_at + contact_actions.CONFIRMED_FOR
    managers = Contact.objects.select_related("customer").filter(
        customer=contact.customer_id, standing=Standing.MANAGER, left_at=None, user__isnull=False
    )
    for manager in managers:
        with translation.override(manager.language or contact.customer.language):
            title = _("Does {name} still work with you?").format(name=contact.name)
            body = _(
                "{name} can read what {company} has at {brand}. Please confirm that this is still right by {day}; without a "
                "word from you they can read nothing from then on.\n\n{link}"
            ).format(
                name=contact.name,
                company=contact.customer.name,
                brand=contact.customer.brand.name,
                day=_day(manager, ends_at),
                link=f"{address_of(contact.customer.brand_id)}{reverse('portal:person', args=[contact.pk])}",
            )
        _send(manager, "contact.review", "email", manager.email, title, body, ends_at, at)
    if not managers:
        return _ask_our_desk(contact, ends_at, at)
    return f"{len(managers)} of their company were asked."


def _ask_our_desk(contact: Contact, ends_at: datetime, at: datetime) -> str:
    company, brand = contact.customer, contact.customer.brand
    with translation.override(contact.language or company.language):
        title = _("{brand}: please have it confirmed that you still read here").format(brand=brand.name)
        body = _(
            "You can read what {company} has at {brand} until {day}. Somebody has to say each year that this is still right, and "
            "nobody of your company keeps its people here. Please have our desk told by then."
        ).format(company=company.name, brand=brand.name, day=_day(contact, ends_at))
    if contact.email:
        _send(contact, "contact.review", "email", contact.email, title, body, ends_at, at)
    told = tell_quietly(
        desk_of_brand(brand.pk),
        kind="contact.review",
        subject=("customer", company.pk),
        title=_("Does {name} still work at {company}?").format(name=contact.name, company=company.name),
        body=_(
            "Nobody of the company can confirm it; without a word they read nothing from {day} on.\n\n{link}"
        ).format(day=_day(contact, ends_at), link=f"{settings.PUBLIC_URL}/settings/customers/{company.pk}"),
        brand_id=brand.pk,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
    return f"Nobody of their company signs in: {told} of our desk were asked."


def _day(reader: Contact, instant: datetime) -> str:
    return date_format(localtime(instant, ZoneInfo(reader.zone or reader.customer.zone)), _("j F Y"))


def let_lapse(promise: Promise, at: datetime) -> str:
    """Let a viewer in no more whom nobody confirmed; returns what was done."""
    if _contact(promise) is None:
        return "The contact is gone."
    lapsed = contact_actions.lapse_contact(contact_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    return "Nobody confirmed them: they are let in no more." if lapsed else "They were confirmed, or read no longer."


def _contact(promise: Promise) -> Contact | None:
    rows = Contact.objects.filter(pk=int(promise.subject_id), left_at=None, customer__active=True)
    return rows.select_related("customer__brand").first()


def _send(
    contact: Contact, kind: str, channel: str, address: str, title: str, body: str, valid_until: datetime, at: datetime
) -> None:
    if valid_until <= at:
        return
    queue_message(
        kind=kind,
        subject=("contact", contact.pk),
        title=title,
        body=body,
        to=[Recipient("contact", contact.pk, channel, address, at)],
        brand_id=contact.customer.brand_id,
        valid_until=valid_until,
        private=kind.startswith("account"),
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


HANDLERS = {
    contact_actions.INVITE: Handler(send_invitation, lane="follow"),
    contact_actions.MOBILE_CODE: Handler(send_mobile_code, lane="follow"),
    contact_actions.REVIEW: Handler(ask_for_review, lane="plain"),
    contact_actions.LAPSE: Handler(let_lapse, lane="plain"),
}
"""For `wiring`."""
