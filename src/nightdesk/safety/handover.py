"""What visits say in a handover note: who is out, and who watches."""

from django.utils.translation import gettext as _

from nightdesk.duty.note import Line, Section, Shift
from nightdesk.safety import queries, wording


def out_on_site(shift: Shift) -> Section:
    """Visits of the brand that nobody has said to be over, with who watches and when they should be back."""
    lines = []
    for row in queries.open_visits({shift.brand_id}):
        if row.leaves_at > shift.until:
            continue
        visit = queries.as_seen_by(row, shift.holder_id)
        told = _("{name} at {site}, watched by {watcher}: {stands}").format(
            name=wording.names(visit),
            site=visit.site.name,
            watcher=visit.watcher.name,
            stands=wording.state_in_words(visit),
        )
        lines.append(Line(str(visit.pk), told, visit.back_by_at, ("visit", str(visit.pk))))
    return Section("visits", _("Out on site"), tuple(lines))
