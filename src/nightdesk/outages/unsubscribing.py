"""What one click in a mail to a public subscriber ends: that subscription, and nothing that a contract promises."""

from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.channels.answering import Unsubscriber
from nightdesk.outages.models import Subscriber
from nightdesk.outages.subscriber_actions import end_subscriber


def _what(subscriber_id: str) -> str:
    """It names the brand and nobody: programs open links too."""
    return _("The status updates of {brand}. Notices about services that you buy go on.").format(
        brand=_found(subscriber_id).brand.name
    )


def _end(subscriber_id: str, by: Actor, via: Door, at: datetime) -> str:
    row = _found(subscriber_id)
    end_subscriber(subscriber_id=row.pk, why="unsubscribed by its own mail", by=by, via=via, at=at)
    return _("No more status updates of {brand} go to your address.").format(brand=row.brand.name)


def _found(subscriber_id: str) -> Subscriber:
    given = int(subscriber_id) if subscriber_id.isascii() and subscriber_id.isdigit() else 0
    row = Subscriber.objects.select_related("brand").filter(pk=given).first()
    if row is None:
        raise NotFound(_("A subscription was to end."), _("There is none."), _("You hear nothing from it."))
    return row


UNSUBSCRIBER = Unsubscriber(_what, _end)
"""For `wiring`, under "subscriber"."""
