"""The verbs of links: a contact's own feeds, one outage shown to somebody for a while, our punctuality shown to a prospect."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.base.words import gettext as _
from nightdesk.customers.models import Customer
from nightdesk.customers.queries import locked_contact, require_for
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages.links import (
    ARCHIVE_FOR,
    SHARED_FOR,
    SharedArchive,
    SharedOutage,
    archive_address,
    outage_address,
)
from nightdesk.outages.models import Affected, FeedLink, Outage, Update
from nightdesk.outages.published_queries import address_of

FEED_LINK_MADE = kind("feed_link.made", gettext_lazy("{by} made a secret address for the feeds of {name}"))
FEED_LINK_REVOKED = kind("feed_link.revoked", gettext_lazy("{by} shut the secret address of the feeds of {name}"))
OUTAGE_SHARED = kind("outage.shared", gettext_lazy("{by} made a link to {outage}, good until {until}"))
ARCHIVE_SHARED = kind("archive.shared", gettext_lazy("{by} made a link to our punctuality, good until {until}"))

LONGEST = timedelta(days=90)


@transaction.atomic
def make_feed_link(*, contact_id: int, by: Actor, via: Door, at: datetime) -> FeedLink:
    """The contact has a new secret address for their feeds; any address from before is shut.

    Raises Forbidden, NotFound.
    """
    contact = locked_contact(contact_id, by, "make_feed_link")
    link = FeedLink.objects.filter(contact=contact).first()
    serial = link.serial + 1 if link else 1
    made, _new = FeedLink.objects.update_or_create(
        contact=contact, defaults={"serial": serial, "made_at": at, "revoked_at": None}
    )
    _note(FEED_LINK_MADE, contact.pk, contact.name, contact.customer.brand_id, by, via, at)
    return made


@transaction.atomic
def revoke_feed_link(*, contact_id: int, by: Actor, via: Door, at: datetime) -> bool:
    """No address of the contact's feeds opens anything now; whether one did. Raises Forbidden, NotFound."""
    contact = locked_contact(contact_id, by, "revoke_feed_link")
    revoked = FeedLink.objects.filter(contact=contact, revoked_at=None).update(revoked_at=at)
    if revoked:
        _note(FEED_LINK_REVOKED, contact.pk, contact.name, contact.customer.brand_id, by, via, at)
    return revoked > 0


@transaction.atomic
def share_outage(
    *, outage_id: UUID, customer_id: int | None, by: Actor, via: Door, at: datetime, days: int = SHARED_FOR.days
) -> str:
    """A link that shows this outage alone, without signing in, for `days`: as it touches the customer, or as told to everybody.

    Raises Forbidden; NotFound, also where nothing was told of it or it does not touch that customer; Invalid.
    """
    asked = _("A link to an outage was to be made.")
    outage = Outage.objects.filter(pk=outage_id).first()
    if customer_id is None:
        require(by, "share_outage", outage.brand_id if outage else None)
    else:
        require_for(by, "share_outage", Customer.objects.filter(pk=customer_id).first())
    told = outage is not None and Update.objects.filter(outage=outage, published_at__isnull=False).exists()
    touched = customer_id is None or Affected.objects.filter(outage=outage_id, customer=customer_id).exists()
    if outage is None or not told or not touched:
        raise NotFound(asked, _("There is no such outage, or nothing is told of it yet."), _("Look at the list."))
    if customer_id is None and not outage.public:
        raise Invalid(asked, _("It is not on the public page."), _("Name the customer whom it is for."))
    until = at + _span(days, asked)
    facts = {"outage": outage.name, "customer": customer_id, "until": until.isoformat(timespec="minutes")}
    record(OUTAGE_SHARED, subject=("outage", outage.pk), by=by, via=via, at=at, brand_id=outage.brand_id, facts=facts)
    return outage_address(address_of(outage.brand_id), SharedOutage(outage.pk, customer_id, until))


@transaction.atomic
def share_archive(*, brand_id: int, by: Actor, via: Door, at: datetime, days: int = ARCHIVE_FOR.days) -> str:
    """A link for a prospect: when each outage was told and updated, and whether on time, without a word of what it was about.

    Raises Forbidden, NotFound, Invalid.
    """
    asked = _("A link to our punctuality was to be made.")
    require(by, "share_archive", brand_id)
    if not Brand.objects.filter(pk=brand_id).exists():
        raise NotFound(asked, _("There is no such brand."), _("Look at the list of brands."))
    until = at + _span(days, asked)
    facts = {"until": until.isoformat(timespec="minutes")}
    record(ARCHIVE_SHARED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return archive_address(address_of(brand_id), SharedArchive(brand_id, until))


def _span(days: int, asked: str) -> timedelta:
    if not 1 <= days <= LONGEST.days:
        raise Invalid(asked, _("{days} days is no span for a link.").format(days=days), _("Give 1 to 90 days."))
    return timedelta(days=days)


def _note(what: str, contact_id: int, name: str, brand_id: int, by: Actor, via: Door, at: datetime) -> None:
    record(what, subject=("contact", contact_id), by=by, via=via, at=at, brand_id=brand_id, facts={"name": name})
