"""What the desk has to say in a handover note: what was promised to customers within the turn, and who is to be rung."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from nightdesk.base.models import Promise
from nightdesk.desk.clock_queries import BREACH
from nightdesk.desk.models import Ticket
from nightdesk.desk.worklist import IS_OPEN
from nightdesk.duty.note import LINES_SHOWN, Line, Section, Shift

LOOKED_AT = LINES_SHOWN * 4
IS_TO_CALL = Q(next_step__iregex=r"\y(call|ring|phone)\y")
"""A next step says in words that somebody is to be rung."""


def promised(shift: Shift) -> Section:
    """Open tickets that somebody is owed something about before the turn is over, the first due first."""
    due: dict[UUID, datetime] = {}
    clocks = Promise.objects.filter(kind=BREACH, brand_id=shift.brand_id, ended_at=None, due_at__lt=shift.until)
    for subject_id, due_at in clocks.order_by("due_at").values_list("subject_id", "due_at")[:LOOKED_AT]:
        due.setdefault(UUID(subject_id), due_at)
    steps = Ticket.objects.filter(IS_OPEN, brand_id=shift.brand_id, next_step_at__lt=shift.until).exclude(IS_TO_CALL)
    for ticket_id, step_at in steps.order_by("next_step_at").values_list("id", "next_step_at")[:LOOKED_AT]:
        if step_at is not None:
            due[ticket_id] = min(step_at, due.get(ticket_id, step_at))
    rows = Ticket.objects.filter(IS_OPEN, id__in=list(due)).select_related("customer")
    lines = [_line(ticket, due[ticket.id]) for ticket in sorted(rows, key=lambda each: (due[each.id], each.number))]
    return Section("tickets", _("Promised to customers"), tuple(lines))


def to_call(shift: Shift) -> Section:
    """Open tickets whose next step is to ring somebody before the turn is over."""
    rows = Ticket.objects.filter(IS_OPEN, IS_TO_CALL, brand_id=shift.brand_id, next_step_at__lt=shift.until)
    rows = rows.select_related("customer").order_by("next_step_at", "number")
    lines = [_line(ticket, ticket.next_step_at) for ticket in rows[:LOOKED_AT]]
    return Section("calls", _("People to call back"), tuple(lines))


def _line(ticket: Ticket, due_at: datetime | None) -> Line:
    who = ticket.customer.name if ticket.customer else ticket.requester_name
    told = " · ".join(part for part in (f"#{ticket.number} {ticket.title}", who, ticket.next_step) if part)
    return Line(str(ticket.id), told, due_at, ("ticket", str(ticket.id)))
