"""The verbs of where customers' contacts are told besides mail and text: a program's address, and a browser.

One of each a contact: who is told something has one row in the ledger for each channel. A delivery's address is the id of
the row here and never the URL, which may hold secrets and is somebody's own.
"""

import secrets as chance
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy

from nightdesk.base import vault
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import Invalid
from nightdesk.base.words import gettext as _
from nightdesk.channels.actions import PushNotSetUp, make_push_key, save_route
from nightdesk.channels.drivers import push, webhook
from nightdesk.channels.models import ContactEndpoint, Route
from nightdesk.channels.queries import settings_of, shown_settings_of
from nightdesk.customers.models import Contact
from nightdesk.customers.queries import locked_contact
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

ENDPOINT_SAVED = kind("contact_endpoint.saved", gettext_lazy("{by} has {name} told by {channel}, at {host}"))
ENDPOINT_REMOVED = kind("contact_endpoint.removed", gettext_lazy("{by} has {name} told by {channel} no more"))


@transaction.atomic
def save_contact_hook(*, contact_id: int, url: str, by: Actor, via: Door, at: datetime) -> tuple[ContactEndpoint, str]:
    """A program of the contact's is told at `url`, in place of one before; and the secret that signs what it gets.

    The secret is new each time, and is told here alone. `url` is https and leads into the public network, which is looked at
    once more whenever it is called. Raises Forbidden, NotFound, Invalid.
    """
    contact = locked_contact(contact_id, by, "save_contact_hook")
    route = _hook_route(via, at)
    if wrong := webhook.address_fault(url, anywhere=bool(shown_settings_of(route).get("allow_private"))):
        raise Invalid(_("A program was to be told."), wrong, _("Give an https address that we can reach."), field="url")
    secret = chance.token_urlsafe(32)
    made = _put(contact, "webhook", url, {"sealed": vault.seal(secret.encode())}, by, via, at)
    return made, secret


@transaction.atomic
def add_contact_browser(
    *, contact_id: int, endpoint: str, p256dh: str, auth: str, label: str, by: Actor, via: Door, at: datetime
) -> ContactEndpoint:
    """The contact's browser takes our pushes, in place of one before. What is given is what its subscription says.

    Raises Forbidden, NotFound, Invalid, PushNotSetUp.
    """
    contact = locked_contact(contact_id, by, "add_contact_browser")
    asked = _("This browser was to be notified.")
    make_push_key(by=SCHEDULER, via=via, at=at)
    opened = settings_of(_push_route())
    if not push.subject_of(opened):
        raise PushNotSetUp(asked, _("We cannot notify browsers yet."), _("Choose mail or texts, or ask us for it."))
    if wrong := push.subscription_fault(endpoint, p256dh, auth, anywhere=bool(opened.get("allow_private"))):
        raise Invalid(asked, wrong, _("Take away the permission in the browser's settings, and give it again."))
    ContactEndpoint.objects.filter(url=endpoint, channel="push").delete()  # it is whoever's uses it now
    more = {"p256dh": p256dh, "auth": auth, "label": " ".join(label.split())[:40]}
    return _put(contact, "push", endpoint, more, by, via, at)


@transaction.atomic
def remove_contact_endpoint(
    *, contact_id: int, channel: Literal["push", "webhook"], by: Actor, via: Door, at: datetime
) -> bool:
    """They are told nothing there any more; whether they were. Raises Forbidden, NotFound."""
    contact = locked_contact(contact_id, by, "remove_contact_endpoint")
    gone, _rows = ContactEndpoint.objects.filter(contact=contact, channel=channel).delete()
    if gone:
        _note(ENDPOINT_REMOVED, contact, {"channel": channel}, by, via, at)
    return gone > 0


def _put(
    contact: Contact, channel: str, url: str, more: dict[str, Any], by: Actor, via: Door, at: datetime
) -> ContactEndpoint:
    """Another id each time: what was on its way to the one before does not go to this."""
    ContactEndpoint.objects.filter(contact=contact, channel=channel).delete()
    made = ContactEndpoint(id=uuid7(at), contact=contact, channel=channel, url=url, made_at=at, **more)
    made.save(force_insert=True)
    _note(ENDPOINT_SAVED, contact, {"channel": channel, "host": urlsplit(url).hostname or ""}, by, via, at)
    return made


def _push_route() -> Route:
    """The route of pushes, the first where there are several; they need none."""
    return Route.objects.filter(channel="push").first() or Route(channel="push", driver="push", name="push")


def _hook_route(via: Door, at: datetime) -> Route:
    """The route of webhooks, the first where there are several; made where there is none. Its own secret signs for our people."""
    route = Route.objects.filter(channel="webhook").first()
    if route is not None:
        return route
    secret = {"secret": chance.token_urlsafe(32)}
    name = _("Signed web hook")
    return save_route(
        channel="webhook", driver="webhook", name=name, config={}, secrets=secret, by=SCHEDULER, via=via, at=at
    )


def _note(what: str, contact: Contact, facts: dict[str, str], by: Actor, via: Door, at: datetime) -> UUID:
    given = {"name": contact.name, "contact": contact.pk} | facts
    brand_id = contact.customer.brand_id
    return record(what, subject=("contact", contact.pk), by=by, via=via, at=at, brand_id=brand_id, facts=given)
