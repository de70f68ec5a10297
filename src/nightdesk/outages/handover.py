"""What outages have to say in a handover note: those that are open, with when customers are next owed a word."""

from django.utils.translation import gettext as _

from nightdesk.duty.note import Line, Section, Shift
from nightdesk.outages import queries


def open_outages(shift: Shift) -> Section:
    """Outages that are not over, with when the next update is due."""
    lines = [
        Line(
            str(each.id),
            f"{each.name} {each.title} · {each.get_state_display()}",
            each.next_update_at,
            ("outage", str(each.id)),
        )
        for each in queries.open_outages({shift.brand_id})
    ]
    return Section("outages", _("Open outages"), tuple(lines))
