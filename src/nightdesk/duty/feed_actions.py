"""Calendars at secret addresses: giving one out, and taking its address away."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.duty import queries
from nightdesk.duty.feed import FeedEvent, Whose, events_of
from nightdesk.duty.models import FeedLink
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person
from nightdesk.rota.models import Rota

FEED_RENEWED = kind("duty.feed_renewed", gettext_lazy("{by} gave the calendar of {whose} a new address"))


@transaction.atomic
def give_feed(
    *, whose: Whose, id_: int, serial: int, by: Actor, via: Door, at: datetime
) -> tuple[str, list[FeedEvent]] | None:
    """Title and events of the calendar for whoever has its address; None where that is not its address any more, or there is
    no such calendar. What is given out is kept, so that what vanishes later can be called off.
    """
    del by, via  # its address is all the right that it takes
    link = FeedLink.objects.filter(**{f"{whose}_id": id_}).first()
    if serial != (link.serial if link is not None else 1):
        return None
    found = queries.feed_turns(whose, id_, at)
    if found is None:
        return None
    title, turns = found
    since = at - queries.FEED_BEHIND
    events, kept = events_of(turns, link.given if link is not None else {}, since)
    if link is None or link.given != kept:
        # Two may fetch it at once: the later goes by what the earlier has given.
        locked = _locked(whose, id_)
        events, kept = events_of(turns, locked.given, since)
        locked.given = kept
        locked.save(update_fields=["given"])
    return title, events


@transaction.atomic
def renew_feed(*, whose: Whose, id_: int, by: Actor, via: Door, at: datetime) -> FeedLink:
    """The calendar has another address from now on, and nobody reads it by the one before.

    One's own is one's own to renew; others' and rotas' are for who may change the rota. Raises NotFound, Forbidden.
    """
    asked = _("A calendar was to get a new address.")
    owner: Person | Rota | None
    if whose == "rota":
        owner = Rota.objects.filter(id=id_).first()
        brand_id = owner.brand_id if owner is not None else None
    else:
        owner = Person.objects.filter(id=id_).first()
        brand_id = None
    if owner is None:
        raise NotFound(asked, _("There is no such calendar."), _("Choose one of a person or a rota."))
    if whose == "rota" or by.person_id != id_:
        require(by, "renew_feed", brand_id)
    link = _locked(whose, id_)
    link.serial += 1
    link.renewed_at = at
    link.given = {}  # nobody has fetched anything at the new address
    link.save(update_fields=["serial", "renewed_at", "given"])
    facts = {"whose": owner.name, "of": whose, "id": id_}
    record(FEED_RENEWED, subject=(whose, id_), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return link


def _locked(whose: Whose, id_: int) -> FeedLink:
    """The calendar's row, made where there is none yet, and locked."""
    of: dict[str, Any] = {f"{whose}_id": id_}
    FeedLink.objects.get_or_create(**of)
    return FeedLink.objects.select_for_update().get(**of)
