"""What visits say in a handover note: who is out, and who watches."""

from django.utils.translation import gettext as _

from nightdesk.duty.note import Line, Section, Shift
from nightdesk.safety import queries, wording
from nightdesk.safety.models import Visit


def out_on_site(shift: Shift) -> Section:
    """Visits of the brand that nobody has said to be over, with who watches and when they should be back."""
    lines = []
    for row in queries.open_visits({shift.brand_id}):
        if row.leaves_at > shift.until:
            continue
        told = _("{name} at {site}, watched by {watcher}: {stands}").format(
            name=wording.names(row),
            site=row.site.name,
            watcher=row.watcher.name,
            # The visitor's own account may read the note: what the word means stands on the visit's page, for all but them.
            stands=_("see its page") if row.alarm == Visit.Alarm.DURESS else wording.state_in_words(row),
        )
        lines.append(Line(str(row.pk), told, row.back_by_at, ("visit", str(row.pk))))
    return Section("visits", _("Out on site"), tuple(lines))
