"""The verbs of time spent: minutes and call-outs on tickets, and hours that customers have paid for beforehand."""

from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import may, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.customers.models import Customer
from nightdesk.desk.actions import _entry, _locked, _record, _staff, _write
from nightdesk.desk.models import Entry, Prepaid, TimeSpent
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

TIME_LOGGED = kind("ticket.time", gettext_lazy("{by} noted {minutes} minutes on ticket {number}"))
TIME_WITHDRAWN = kind("ticket.time-withdrawn", gettext_lazy("{by} took {minutes} minutes back on ticket {number}"))
PREPAID_ADDED = kind("customer.prepaid", gettext_lazy("{by} noted that {customer} has paid for {minutes} minutes"))
PREPAID_REMOVED = kind("customer.prepaid-removed", gettext_lazy("{by} took back that {customer} had paid for time"))

MOST_MINUTES = 24 * 60


@transaction.atomic
def log_time(
    *,
    ticket_id: UUID,
    minutes: int,
    on: date,
    call_out: bool = False,
    billable: bool = True,
    note: str = "",
    person_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> TimeSpent:
    """So many minutes of that day were worked on it, by whoever says so or by `person_id`. A call-out may have none.

    Raises Forbidden, NotFound, Invalid (more than a day, nothing, or a day to come where that person is).
    """
    ticket = _locked(ticket_id, "log_time", by)
    asked = _("{minutes} minutes were to be noted on ticket {number}.").format(minutes=minutes, number=ticket.number)
    who = person_id if person_id is not None else by.person_id
    if who is None:
        raise Invalid(asked, _("It is not said whose they are."), _("Name a person."), field="person_id")
    if not 0 <= minutes <= MOST_MINUTES or (minutes == 0 and not call_out):
        raise Invalid(asked, _("A day has from 1 to 1,440."), _("Give the minutes of one day."), field="minutes")
    person = _staff(who)
    if on > at.astimezone(ZoneInfo(person.zone)).date():
        raise Invalid(asked, _("That day is to come."), _("Note it when it is over."), field="on")
    row = TimeSpent.objects.create(
        ticket=ticket,
        person=person,
        on=on,
        minutes=minutes,
        call_out=call_out,
        billable=billable,
        note=note.strip()[:300],
        made_at=at,
    )
    facts = {"minutes": minutes, "call_out": call_out, "person": who, "on": on.isoformat()}
    _write([_entry(ticket, Entry.Kind.CHANGED, by, via, at, text=row.note, facts={"time": facts})])
    _record(ticket, TIME_LOGGED, facts, by, via, at)
    return row


@transaction.atomic
def withdraw_time(*, time_id: int, by: Actor, via: Door, at: datetime) -> TimeSpent:
    """It counts no more; the row stays. One's own, or a manager anybody's. Raises Forbidden, NotFound."""
    row = TimeSpent.objects.filter(pk=time_id).first()
    asked = _("Time was to be taken back.")
    if row is None:
        raise NotFound(asked, _("There is none with this id."), _("Look at the ticket."))
    ticket = _locked(row.ticket_id, "log_time", by)
    if row.person_id != by.person_id and not may(by, "save_prepaid", ticket.brand_id):
        raise Forbidden(asked, _("It is somebody else's."), _("Ask them, or a manager."))
    row = TimeSpent.objects.select_for_update().get(pk=time_id)
    if row.withdrawn_at is None:
        row.withdrawn_at = at
        row.save(update_fields=["withdrawn_at"])
        _record(ticket, TIME_WITHDRAWN, {"minutes": row.minutes, "time": row.pk}, by, via, at)
    return row


@transaction.atomic
def save_prepaid(
    *,
    customer_id: int,
    minutes: int,
    valid_from: date,
    valid_until: date | None = None,
    note: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Prepaid:
    """The customer has paid for so many minutes. Raises Forbidden, NotFound, Invalid."""
    customer = Customer.objects.filter(pk=customer_id).first()
    require(by, "save_prepaid", customer.brand_id if customer else None)
    asked = _("Time was to be noted as paid for.")
    if customer is None:
        raise NotFound(asked, _("There is no such customer."), _("Look at the list."))
    if not 0 < minutes <= 1_000_000 or (valid_until is not None and valid_until <= valid_from):
        raise Invalid(asked, _("It is nothing, or its end is not after its beginning."), _("Give minutes and a span."))
    row = Prepaid.objects.create(
        customer=customer, minutes=minutes, valid_from=valid_from, valid_until=valid_until, note=note.strip()[:120]
    )
    facts = {"customer": customer.name, "minutes": minutes}
    record(
        PREPAID_ADDED, subject=("customer", customer.pk), by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts
    )
    return row


@transaction.atomic
def remove_prepaid(*, prepaid_id: int, by: Actor, via: Door, at: datetime) -> None:
    """They have not paid for it. Raises Forbidden, NotFound."""
    row = Prepaid.objects.select_related("customer").filter(pk=prepaid_id).first()
    require(by, "save_prepaid", row.customer.brand_id if row else None)
    if row is None:
        raise NotFound(_("Paid time was named."), _("There is none with this id."), _("Look at the customer."))
    facts = {"customer": row.customer.name, "minutes": row.minutes}
    row.delete()
    subject, brand = ("customer", row.customer_id), row.customer.brand_id
    record(PREPAID_REMOVED, subject=subject, by=by, via=via, at=at, brand_id=brand, facts=facts)
