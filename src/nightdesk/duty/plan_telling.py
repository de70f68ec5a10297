"""Telling whoever a published plan touches what changes for them, in one message each: quiet, unless it begins soon."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.base.actors import Actor, Door
from nightdesk.channels.actions import queue_message
from nightdesk.duty.plan_actions import AT_ONCE
from nightdesk.duty.reaching import all_ways, recipients
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person
from nightdesk.rota.comparing import Change, ForOne, by_person
from nightdesk.rota.models import Seat

LINES = 40
"""Changes that one message lists."""


@transaction.atomic
def tell_of_plan(*, entry_id: UUID, by: Actor, via: Door, at: datetime) -> int:
    """Everybody whom the published plan of that journal entry gives or takes a duty reads which; returns how many."""
    entry = Entry.objects.get(id=entry_id)
    found = [
        Change(
            one["seat"],
            datetime.fromisoformat(one["starts_at"]),
            datetime.fromisoformat(one["ends_at"]),
            tuple(one["was"]) if one["was"] else None,
            tuple(one["now"]) if one["now"] else None,
        )
        for one in entry.facts["changes"]
    ]
    names = dict(Seat.objects.filter(key__in={one.seat for one in found}).values_list("key", "name"))
    touched = by_person(found)
    told = 0
    for person in Person.objects.filter(id__in=touched, active=True).order_by("id"):
        soon = any(one.start <= at + AT_ONCE for one in (*touched[person.id].gets, *touched[person.id].loses))
        to = recipients(person, at) if soon else all_ways(person, at, loud=False)
        if not to:
            continue
        with translation.override(person.language):
            title = _("%(rota)s: your duties have changed") % {"rota": entry.facts["rota"]}
            queue_message(
                kind="duty.plan",
                subject=("plan", entry.subject_id),
                title=title,
                body=_body(touched[person.id], person, names),
                to=to,
                brand_id=entry.brand_id,
                cause=entry.id,
                lane="bulk",
                by=by,
                via=via,
                at=at,
            )
        told += 1
    return told


def _body(change: ForOne, person: Person, names: dict[str, str]) -> str:
    zone = ZoneInfo(person.zone)

    def line(one: Change) -> str:
        first, last = one.start.astimezone(zone), one.end.astimezone(zone)
        until = f"{last:%H:%M}" if first.date() == last.date() else date_format(last, "D H:i")
        return f"{date_format(first, 'D j M H:i')}–{until} {names.get(one.seat, one.seat)}"

    parts = []
    for title, rows in ((_("New:"), change.gets), (_("No longer yours:"), change.loses)):
        if rows:
            shown = [line(one) for one in rows[:LINES]]
            more = len(rows) - len(shown)
            if more:
                shown.append(ngettext("and %d more", "and %d more", more) % more)
            parts.append("\n".join([title, *shown]))
    parts.append(_("Your calendar and %s/rota/ have all of it.") % settings.PUBLIC_URL)
    return "\n\n".join(parts)
