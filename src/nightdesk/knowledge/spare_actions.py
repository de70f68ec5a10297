"""Verbs of spares: what lies ready at a site, taken out and put back."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.knowledge.models import Spare

SPARE_SAVED = kind("spare.saved", gettext_lazy("{by} noted the spare {what} at {site}"))
SPARE_TAKEN = kind("spare.taken", gettext_lazy("{by} took {number} of {what} out at {site}; {left} are left"))
SPARE_RETURNED = kind("spare.returned", gettext_lazy("{by} put {number} of {what} back at {site}; {left} are there"))
SPARE_COUNTED = kind("spare.counted", gettext_lazy("{by} counted {what} at {site}: {left}, where {before} were known"))
SPARE_REMOVED = kind("spare.removed", gettext_lazy("{by} took the spare {what} at {site} off the list"))

MOST = 100_000


@transaction.atomic
def save_spare(
    *,
    brand_id: int,
    site: str,
    what: str,
    place: str = "",
    contact: str = "",
    count: int = 0,
    low_at: int = 0,
    spare_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Spare:
    """What lies where. `count` is that of a new one; of one that is there (`spare_id`) it stays: take, put back or count.

    Raises Forbidden, NotFound, Invalid (also where the brand has that spare at that place already).
    """
    row = _locked(spare_id, "save_spare", by) if spare_id is not None else Spare(brand_id=brand_id)
    require(by, "save_spare", row.brand_id)
    asked = _("A spare was to be saved.")
    if not Brand.objects.filter(id=row.brand_id).exists():
        raise NotFound(asked, _("There is no such brand."), _("Choose one of the list."))
    row.site, row.what = one_line(site, 120, _("site")), one_line(what, 160, _("name of the spare"))
    row.place = one_line(place, 160, _("place"), may_be_empty=True)
    row.contact = one_line(contact, 200, _("contact"), may_be_empty=True)
    row.low_at = _number(low_at, asked, least=0)
    with unless_taken(asked, _("It stands on the list already."), _("Change that one.")):
        if row.pk is None:
            row.count = _number(count, asked, least=0)
            row.counted_at, row.counted_by = at, by.name[:120]
            row.save(force_insert=True)
        else:
            row.save(update_fields=["site", "what", "place", "contact", "low_at"])
    _record(SPARE_SAVED, row, by, via, at)
    return row


@transaction.atomic
def take_spare(*, spare_id: int, number: int = 1, why: str = "", by: Actor, via: Door, at: datetime) -> Spare:
    """So many fewer lie there; `why` is kept. Raises Forbidden, NotFound, Invalid, IllegalTransition (there are not so many)."""
    row = _locked(spare_id, "take_spare", by)
    asked = _("%(number)d of %(what)s were to be taken out.") % {"number": number, "what": row.what}
    if _number(number, asked) > row.count:
        raise IllegalTransition(
            asked, _("%d are known to be there.") % row.count, _("If more lie there, count them first.")
        )
    row.count -= number
    row.save(update_fields=["count"])
    _record(SPARE_TAKEN, row, by, via, at, text=why, number=number)
    return row


@transaction.atomic
def return_spare(*, spare_id: int, number: int = 1, why: str = "", by: Actor, via: Door, at: datetime) -> Spare:
    """So many more lie there. Raises Forbidden, NotFound, Invalid."""
    row = _locked(spare_id, "return_spare", by)
    asked = _("%(number)d of %(what)s were to be put back.") % {"number": number, "what": row.what}
    row.count = _number(row.count + _number(number, asked), asked)
    row.save(update_fields=["count"])
    _record(SPARE_RETURNED, row, by, via, at, text=why, number=number)
    return row


@transaction.atomic
def count_spare(*, spare_id: int, count: int, by: Actor, via: Door, at: datetime) -> Spare:
    """Somebody looked, and so many lie there. Raises Forbidden, NotFound, Invalid."""
    row = _locked(spare_id, "count_spare", by)
    before, row.count = row.count, _number(count, _("%s were counted.") % row.what, least=0)
    row.counted_at, row.counted_by = at, by.name[:120]
    row.save(update_fields=["count", "counted_at", "counted_by"])
    _record(SPARE_COUNTED, row, by, via, at, before=before)
    return row


@transaction.atomic
def remove_spare(*, spare_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It stands on the list no more. Raises Forbidden, NotFound."""
    row = _locked(spare_id, "remove_spare", by)
    _record(SPARE_REMOVED, row, by, via, at)
    row.delete()


def _number(number: int, asked: str, *, least: int = 1) -> int:
    if not least <= number <= MOST:
        raise Invalid(asked, _("%d is no such number.") % number, _("Give one from %d on.") % least)
    return number


def _locked(spare_id: int, verb: str, by: Actor) -> Spare:
    row = Spare.objects.select_for_update().filter(id=spare_id).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise NotFound(_("You asked for a spare."), _("It is not on the list."), _("Look at the list."))
    return row


def _record(kind_of: str, row: Spare, by: Actor, via: Door, at: datetime, *, text: str = "", **facts: Any) -> None:
    known = {"what": row.what, "site": row.site, "left": row.count, **facts}
    subject = ("spare", row.pk)
    text = " ".join(text.split())[:300]
    record(kind_of, subject=subject, by=by, via=via, at=at, brand_id=row.brand_id, facts=known, text=text)
