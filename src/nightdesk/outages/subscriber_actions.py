"""The verbs of those who follow a public page by mail: they ask, they say once more that they mean it, and they end it."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext_lazy

from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.base.words import gettext as _
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages.models import Subscriber
from nightdesk.outages.published_queries import address_of

SUBSCRIBER_ASKED = kind("subscriber.asked", gettext_lazy("Somebody asked to follow the status page of {brand} by mail"))
SUBSCRIBER_CONFIRMED = kind("subscriber.confirmed", gettext_lazy("A subscriber of {brand} confirmed their address"))
SUBSCRIBER_ENDED = kind("subscriber.ended", gettext_lazy("A subscriber of {brand} wants no more: {why}"))

ASKED_AGAIN_AFTER = timedelta(minutes=10)
"""Within it no second mail goes to one address, whoever asks."""
CONFIRMED_WITHIN = timedelta(days=2)


@transaction.atomic
def ask_to_subscribe(*, brand_id: int, email: str, language: str, by: Actor, via: Door, at: datetime) -> bool:
    """A mail goes to the address, whose link confirms it; nothing else is sent there before. Whether one went.

    None goes where the address gets our news already, or was asked within ASKED_AGAIN_AFTER; the asker is not told
    which, or they could try out who reads us. Whoever reads the public page may. Raises Invalid for what is no address.
    """
    asked = _("Updates by email were asked for.")
    try:
        validate_email(email)
    except ValidationError as problem:
        raise Invalid(asked, _("That is no email address."), _("Look at it once more.")) from problem
    brand = Brand.objects.select_for_update(of=("self",)).get(
        pk=brand_id
    )  # so that two who ask at once are one after the other
    found = Subscriber.objects.filter(brand=brand, email__iexact=email).first()
    following = found is not None and found.confirmed_at is not None and found.ended_at is None
    if found is not None and (following or at < found.asked_at + ASKED_AGAIN_AFTER):
        return False
    row = found or Subscriber(brand=brand, email=email)
    row.language, row.secret, row.asked_at = language, secrets.token_urlsafe(24), at
    row.confirmed_at = row.ended_at = None
    row.ended_why = ""
    if found is None:
        row.save(force_insert=True)
    else:
        row.save(update_fields=["language", "secret", "asked_at", "confirmed_at", "ended_at", "ended_why"])
    entry = _note(SUBSCRIBER_ASKED, row, {}, by, via, at)
    with translation.override(language):
        title = _("{brand}: confirm that you want our updates").format(brand=brand.name)
        body = _(
            "Somebody, we hope you, asked to get the status updates of {brand} at this address.\n\nTo confirm it, open this "
            "link and press the button, within two days:\n{link}\n\nIf it was not you, leave it: you hear nothing more."
        ).format(brand=brand.name, link=f"{address_of(brand.pk)}/status/{brand.slug}/confirm/{row.secret}")
    to = [Recipient("account", 0, "email", email, at)]
    queue_message(
        kind="subscriber.confirm", subject=("subscriber", row.pk), title=title, body=body, to=to, brand_id=brand.pk,
        valid_until=at + CONFIRMED_WITHIN, cause=entry, by=by, via=via, at=at,
    )  # fmt: skip
    return True


@transaction.atomic
def confirm_subscriber(*, secret: str, by: Actor, via: Door, at: datetime) -> Subscriber:
    """From now on they hear what stands on the public page; repeating it changes nothing. Whoever has the link may.

    Raises NotFound, also for a link that is too old.
    """
    row = Subscriber.objects.select_for_update(of=("self",)).select_related("brand").filter(secret=secret).first()
    if row is None or row.ended_at is not None or (row.confirmed_at is None and at >= row.asked_at + CONFIRMED_WITHIN):
        raise NotFound(
            _("A subscription was to be confirmed."),
            _("The link is none of ours, or too old."),
            _("Ask for our updates once more, on the status page."),
        )
    if row.confirmed_at is None:
        row.confirmed_at = at
        row.save(update_fields=["confirmed_at"])
        _note(SUBSCRIBER_CONFIRMED, row, {}, by, via, at)
    return row


@transaction.atomic
def end_subscriber(*, subscriber_id: int, why: str, by: Actor, via: Door, at: datetime) -> bool:
    """They get no more; whether they did until now. Whoever has the link of one of their mails may. Raises NotFound."""
    row = Subscriber.objects.select_for_update(of=("self",)).select_related("brand").filter(pk=subscriber_id).first()
    if row is None:
        raise NotFound(_("A subscription was to end."), _("There is none."), _("You hear nothing from it."))
    if row.ended_at is not None:
        return False
    row.ended_at, row.ended_why = at, why[:120]
    row.save(update_fields=["ended_at", "ended_why"])
    _note(SUBSCRIBER_ENDED, row, {"why": row.ended_why}, by, via, at)
    return True


def _note(what: str, row: Subscriber, facts: dict[str, str], by: Actor, via: Door, at: datetime) -> UUID:
    """The journal names the row and never the address, which is somebody's own."""
    given = {"brand": row.brand.name} | facts
    return record(what, subject=("subscriber", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=given)
