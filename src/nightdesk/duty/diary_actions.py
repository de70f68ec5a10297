"""What people note in the journal themselves: one verb, whichever door they come by."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid
from nightdesk.duty.queries import held_by
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.rota.models import Seat

NOTED = kind("journal.note", gettext_lazy("{by} noted"))
LONGEST = 4000


@transaction.atomic
def write_journal_note(
    *,
    words: str,
    brand_id: int | None = None,
    about: tuple[str, str] | None = None,
    recording: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> UUID:
    """The words stand in the journal, about what `about` names, else about the seat that `by` has, else about themselves; returns
    the entry's id. Without a brand it is that of their seat, else the one that they work for. `recording` is the id of what they
    said on the phone, which the entry leads to. Raises Forbidden, Invalid.
    """
    seats = held_by(by.person_id) if by.person_id is not None else []
    seat = next((one for one in seats if brand_id in (None, one.rota.brand_id)), None)
    brand_id = brand_id if brand_id is not None else _brand(by, seat)
    require(by, "write_journal_note", brand_id)
    text = "\n".join(line.rstrip() for line in words.replace("\x00", "").splitlines()).strip()
    asked = _("A note was to be written in the journal.")
    if not text and not recording:
        raise Invalid(asked, _("It has no words."), _("Write some."), field="words")
    if len(text) > LONGEST:
        raise Invalid(asked, _("It has more than %d characters.") % LONGEST, _("Shorten it."), field="words")
    subject = about or (("seat", seat.key) if seat is not None else ("person", by.id))
    facts = {"recording": recording} if recording else {}
    return record(NOTED, subject=subject, by=by, via=via, at=at, brand_id=brand_id, facts=facts, text=text)


def _brand(by: Actor, seat: Seat | None) -> int | None:
    """The brand that a note is of where nobody says; None where it may be several, for which one needs the right in all."""
    if seat is not None:
        return seat.rota.brand_id
    brands = brands_for(by, "write_journal_note")
    return next(iter(brands)) if brands is not None and len(brands) == 1 else None
