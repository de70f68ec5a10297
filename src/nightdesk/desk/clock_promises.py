"""What is promised about a ticket's clocks: that somebody is warned before a deadline, and told when it is past."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.base.promises import promise, void_promises
from nightdesk.desk import clock_queries
from nightdesk.desk.clock import Event, Telling
from nightdesk.desk.clock_wording import what_is_due
from nightdesk.desk.models import Entry, Ticket


def promise_clocks(ticket: Ticket, at: datetime, opening: Sequence[Entry] | None = None) -> None:
    """The ticket's open promises are the next warning and the next breach by its history as it is now.

    Part of every verb that writes what clocks are computed from; the caller holds the ticket's lock. What has fallen due
    already and was not told is due at once. `opening`: the whole story of a ticket that is being opened; nothing is promised
    of it yet.
    """
    events = clock_queries.clock_events(ticket, at, opening)
    there = {} if opening is not None else clock_queries.clock_promises(ticket)
    for kind, telling in ((clock_queries.WARN, Telling.WARNING), (clock_queries.BREACH, Telling.BREACH)):
        first = next((event for event in events if event.telling is telling), None)
        if first is None or there.get(kind) != (first.due_at, first.key):
            if kind in there:
                void_promises(("ticket", ticket.pk), at=at, kinds=(kind,))
            if first is not None:
                promise(
                    kind,
                    subject=("ticket", ticket.pk),
                    due_at=first.due_at,
                    why=_why(ticket, first),
                    facts={"key": first.key, "clock": first.which},
                    at=at,
                    brand_id=ticket.brand_id,
                )


def _why(ticket: Ticket, event: Event) -> str:
    said = (
        _("Ticket #{number}: {what} is late")
        if event.telling is Telling.BREACH
        else _("Ticket #{number}: {what} is nearly due")
    )
    return said.format(number=ticket.number, what=what_is_due(event.which))
