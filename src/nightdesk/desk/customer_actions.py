"""The verbs by which a customer asks for more: somebody with authority, and a colleague who goes on with what one had open."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import promise
from nightdesk.base.refusals import IllegalTransition, Invalid
from nightdesk.base.words import gettext as _
from nightdesk.channels.actions import drop_recipient
from nightdesk.customers.models import Contact
from nightdesk.desk import mail_queries, queries
from nightdesk.desk.actions import Words, escalate_hierarchically, take_message
from nightdesk.desk.models import Entry, Escalation, Party, Ticket
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.paging.telling import tell_quietly

MANAGER_ASKED = kind("ticket.manager-asked", gettext_lazy("{by} asked for {to} about ticket {number}"))
MANAGER_LATE = kind("ticket.manager-late", gettext_lazy("{to} has not answered about ticket {number} in time"))
TICKETS_HANDED = kind("ticket.handed-over", gettext_lazy("{count} open tickets went from one contact to another"))

MANAGER_ANSWERS, HAND_OVER = "ticket.manager_answers", "ticket.hand_over"


@transaction.atomic
def ask_for_manager(*, ticket_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> Escalation:
    """The customer's service manager, else the manager of who has it, knows why and answers by a time that is promised.

    The words stand on the ticket as the customer's own. Raises Forbidden, NotFound, Invalid (no reason, nobody to turn to),
    and IllegalTransition where the ticket is over, or a manager's answer is still waited for.
    """
    words = why.strip()
    if not words:
        raise Invalid(_("You asked for a manager."), _("You have not said why."), _("Say in a sentence what is wrong."))
    ticket = take_message(ticket_id=ticket_id, words=Words(words), by=by, via=via, at=at)
    asked = _("You asked for a manager about ticket %d.") % ticket.number
    if not ticket.is_open:
        raise IllegalTransition(asked, _("It is over."), _("Open it again first."))
    waiting = queries.open_escalation(ticket)
    if waiting is not None:
        raise IllegalTransition(
            asked,
            _("%s was asked already, and has not answered yet.") % waiting.manager_name,
            _("Wait for that answer, or call us."),
        )
    manager, answer_by = queries.who_answers_escalated(ticket, at)
    if manager is None:
        raise Invalid(asked, _("Nobody is named for that."), _("Please call us."))
    escalate_hierarchically(ticket_id=ticket.pk, why=words, person_id=manager.pk, by=by, via=via, at=at)
    row = Escalation(
        id=uuid7(at),
        ticket=ticket,
        contact_id=int(by.id) if by.kind == "contact" else None,
        manager=manager,
        manager_name=manager.name,
        why=words[:4000],
        at=at,
        answer_by=answer_by,
    )
    row.save(force_insert=True)
    promise(
        MANAGER_ANSWERS,
        subject=("escalation", row.pk),
        due_at=row.answer_by,
        why=_("{name} answers the customer of ticket #{number}").format(name=manager.name, number=ticket.number),
        at=at,
        brand_id=ticket.brand_id,
    )
    told = {"number": ticket.number, "to": manager.name, "by_when": row.answer_by.isoformat()}
    subject = ("ticket", ticket.pk)
    record(MANAGER_ASKED, subject=subject, by=by, via=via, at=at, brand_id=ticket.brand_id, facts=told)
    return row


@transaction.atomic
def note_manager_late(*, escalation_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Where nobody has answered since, the manager, their own and the desk hear that the promise is broken; what was done."""
    rows = Escalation.objects.select_for_update(of=("self",)).select_related("ticket__merged_into")
    row = rows.filter(pk=escalation_id).first()
    require(by, "note_manager_late", row.ticket.brand_id if row else None)
    ticket = (row.ticket.merged_into or row.ticket) if row else None
    if row is None or ticket is None or not ticket.is_open or queries.is_answered(row):
        return _("It was answered in time, or is over.")
    facts = {"number": ticket.number, "to": row.manager_name}
    cause = record(
        MANAGER_LATE, subject=("ticket", ticket.pk), by=by, via=via, at=at, brand_id=ticket.brand_id, facts=facts
    )
    above = queries.manager_for(ticket)
    whom = dict.fromkeys([row.manager_id, above.pk if above else None, *queries.desk_of(ticket)])
    tell_quietly(
        [one for one in whom if one is not None],
        kind="ticket.told",
        subject=("ticket", ticket.pk),
        title=_("Ticket #%(number)d: the customer was promised an answer by %(name)s, and has none")
        % {"number": ticket.number, "name": row.manager_name},
        body=row.why,
        brand_id=ticket.brand_id,
        cause=cause,
        by=by,
        via=via,
        at=at,
    )
    return _("Those who answer for it were told.")


@transaction.atomic
def hand_over_tickets(*, contact_id: int, to_id: int | None, by: Actor, via: Door, at: datetime) -> int:
    """The contact, who left, is written to about nothing more, and what was written and has not left does not reach them.
    What they had open is the colleague's, who is written to in their place; without one it stays the company's. Returns how
    many tickets went to the colleague.

    Repeating it changes nothing. Raises Forbidden: it follows from a contact's leaving.
    """
    gone = Contact.objects.select_related("customer").filter(pk=contact_id).first()
    require(by, "hand_over_tickets", gone.customer.brand_id if gone else None)
    if gone is None:
        return 0
    heir = Contact.objects.filter(pk=to_id or 0, customer=gone.customer_id, left_at=None).first()
    rows = Ticket.objects.select_for_update().filter(contact=gone, customer=gone.customer_id, merged_into=None)
    tickets = [one for one in rows.order_by("id") if one.is_open] if heir is not None else []
    _leave_out(gone, by, via, at)
    if heir is None:
        return 0
    for ticket in tickets:
        ticket.contact, ticket.changed_at = heir, at
        ticket.requester_name, ticket.requester_address = heir.name, heir.email.lower()
        ticket.save(update_fields=["contact", "requester_name", "requester_address", "changed_at"])
        if heir.email:
            Party.objects.update_or_create(
                ticket=ticket,
                address=heir.email.lower(),
                defaults={"name": heir.name, "contact": heir, "role": Party.Role.REQUESTER},
            )
    handed = {"changes": {"contact_id": [contact_id, heir.pk]}}
    who = {"by_kind": by.kind, "by_id": by.id, "by_name": by.name, "via": via}
    Entry.objects.bulk_create(
        Entry(id=uuid7(at), ticket=ticket, at=at, kind=Entry.Kind.CHANGED, facts=handed, **who) for ticket in tickets
    )
    if tickets:
        facts = {"count": len(tickets), "from": contact_id, "to": heir.pk}
        subject = ("customer", heir.customer_id)
        record(TICKETS_HANDED, subject=subject, by=by, via=via, at=at, brand_id=gone.customer.brand_id, facts=facts)
    return len(tickets)


def _leave_out(gone: Contact, by: Actor, via: Door, at: datetime) -> None:
    """On the tickets of their company they are nobody's party any more; an address that a colleague has too stays."""
    theirs = Q(contact=gone)
    if gone.email:
        colleagues = Contact.objects.filter(customer=gone.customer_id, left_at=None).exclude(pk=gone.pk)
        if colleagues.filter(email__iexact=gone.email).exists():
            return
        theirs |= Q(address=gone.email.lower())
    rows = Party.objects.filter(theirs, ticket__customer=gone.customer_id).exclude(role=Party.Role.REMOVED)
    parties = list(rows.select_related("ticket"))
    rows.update(role=Party.Role.REMOVED)
    waiting = mail_queries.tickets_with_unsent(sorted({one.address for one in parties}))
    for one in parties:
        if one.ticket_id in waiting:
            drop_recipient(subject=("ticket", one.ticket_id), address=one.address, by=by, via=via, at=at)
