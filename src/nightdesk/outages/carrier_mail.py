"""Mails of carriers: a MAINTNOTE in a mail, or a carrier's own format, becomes planned work. Registered in `wiring`.

Whatever else a carrier writes goes on as any mail does. So does what nobody can read: a person sees it.
"""

from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.mailroom.handing import Arrived, Taken
from nightdesk.outages import work_queries as queries
from nightdesk.outages.carrier_actions import ask_parser, take_carrier_note
from nightdesk.outages.foreign_formats import notes_of
from nightdesk.outages.maintnote import Maintnote, notes_in_letter
from nightdesk.outages.models import Part
from nightdesk.outages.work_actions import SUBJECT


def take_carrier_mail(arrived: Arrived, at: datetime) -> Taken | None:
    """The mail as notes of a carrier, None where it holds none, or its sender is none that we know and it is about nothing of
    ours. It says "kept" while another program reads it.
    """
    if arrived.trust == "failed":
        return None
    carrier = queries.carrier_of(arrived.letter.from_address, arrived.brand_id)
    notes = notes_in_letter(arrived.letter)
    if not notes and carrier is not None and carrier.parser:
        asked = queries.carrier_mail(arrived.mail_id)
        if asked is None:
            ask_parser(mail_id=arrived.mail_id, carrier_id=carrier.pk, by=SCHEDULER, via=Door.EMAIL, at=at)
            return Taken("kept", _("Its carrier's own format is being read."), brand_id=carrier.brand_id)
        notes = tuple(notes_of(asked.parsed or ()))
    brand_id = carrier.brand_id if carrier is not None else _brand_of(arrived, notes)
    if carrier is None and brand_id is not None:
        # Of a stranger's only what is about circuits of ours.
        notes = tuple(note for note in notes if queries.meant_by_note(brand_id, None, note).parts)
    if not notes or brand_id is None:
        return None
    doubts = [] if arrived.trust == "verified" else [_("It is not proven that the mail is from its sender.")]
    if carrier is None:
        doubts.append(_("Its sender {sender} is no carrier that is set up.").format(sender=arrived.letter.from_address))
    rows = [
        take_carrier_note(
            brand_id=brand_id,
            carrier_id=carrier.pk if carrier is not None else None,
            note=note,
            mail_id=arrived.mail_id,
            doubts=doubts,
            by=SCHEDULER,
            via=Door.EMAIL,
            at=at,
        )
        for note in notes
    ]
    work = next((row.work for row in rows if row.work is not None), None)
    if carrier is None and work is None:
        return None
    outcome = " ".join(dict.fromkeys(row.outcome for row in rows))
    return Taken("done", outcome, (SUBJECT, work.pk) if work is not None else ("", ""), brand_id)


def _brand_of(arrived: Arrived, notes: tuple[Maintnote, ...]) -> int | None:
    """The brand that a note of an unknown sender is for: that of its mailbox, or the only one that has circuits of carriers."""
    if not notes or arrived.brand_id is not None:
        return arrived.brand_id
    brands = list(Part.objects.exclude(provider_ref="").values_list("brand", flat=True).distinct()[:2])
    return brands[0] if len(brands) == 1 else None
