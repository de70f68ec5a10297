"""What an outage does to tickets: each customer whom it touches has one, every update stands in it, and its end ends it.

Nobody is mailed by any of this: the outage tells people itself, and a ticket only keeps what was told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import promise
from nightdesk.desk import decide, queries
from nightdesk.desk.actions import (
    MOVED,
    RECOUNTED_TOGETHER,
    _end_with,
    _entry,
    _locked,
    _move,
    _next_number,
    _priority,
    _record,
    _record_move,
    _set_step,
    _write,
)
from nightdesk.desk.decide import State, Verb
from nightdesk.desk.models import Entry, Ticket
from nightdesk.journal.kinds import kind
from nightdesk.outages import queries as outage_queries
from nightdesk.outages.decide import OVER
from nightdesk.outages.models import Affected, Outage, Touched, Update

TICKET_OF_OUTAGE = kind("ticket.of-outage", gettext_lazy("Ticket {number} belongs to outage {name}"))

JOIN, END = "desk.join_outage", "desk.end_outage"
TICKETS_AT_MOST = 5000
"""With more customers than these, an outage gives nobody a ticket of their own: the desk could not look through them."""
ASKED_BEFORE = timedelta(hours=1)
"""A ticket about one of the services that was opened no longer than this before the outage began is about it."""


@transaction.atomic
def give_tickets(*, outage_id: UUID, by: Actor, via: Door, at: datetime) -> int:
    """Every customer whom the outage touches has a ticket, whose number they are told: one that they opened about it, else a
    new one. Returns how many were given one now. Safe to repeat.
    """
    outage = Outage.objects.select_related("brand").get(pk=outage_id)
    waiting = Affected.objects.filter(outage=outage, ticket_number=None, effect__gt=0)
    if not queries.has_desk(outage.brand_id) or Affected.objects.filter(outage=outage).count() > TICKETS_AT_MOST:
        return 0
    given = _take_those_opened(outage)
    rows = list(waiting.select_related("customer").order_by("-worst", "customer"))
    if rows:
        _open_for(outage, rows, by, via, at)
    return given + len(rows)


@transaction.atomic
def note_update(*, update_id: UUID, by: Actor, via: Door, at: datetime) -> int:
    """What the update says stands in the tickets of its outage, each in its customer's language; their next step is the next
    update. Returns in how many. Safe to repeat.
    """
    update = Update.objects.select_related("outage", "outage__brand").get(pk=update_id)
    outage = update.outage
    rows = Ticket.objects.filter(outage=outage, merged_into=None, customer__isnull=False).select_related("customer")
    told = Entry.objects.filter(ticket__outage=outage, facts__update=str(update.pk)).values("ticket")
    tickets = list(rows.exclude(id__in=told).select_for_update(of=("self",)).order_by("id"))
    entries = []
    for ticket in tickets:
        language = ticket.customer.language if ticket.customer is not None else outage.brand.language
        text = outage_queries.text_in(update, language, outage.brand.language)
        facts = {"outage": str(outage.pk), "name": outage.name, "update": str(update.pk)}
        entries.append(
            _entry(ticket, Entry.Kind.MESSAGE_OUT, by, via, at, public=True, text=text, automatic=True, facts=facts)
        )
    Entry.objects.bulk_create(entries)
    Ticket.objects.filter(id__in=[one.pk for one in tickets]).update(we_wrote_at=at, changed_at=at)
    if update.next_at is not None:
        still_open = Ticket.objects.filter(id__in=[one.pk for one in tickets], state__in=decide.OPEN)
        still_open.filter(customer_wrote_at=None).update(next_step_at=update.next_at)
    if update.state in OVER or any(one.state == State.RESOLVED for one in tickets):
        promise(
            END,
            subject=("outage", outage.pk),
            due_at=at,
            why=_("Outage {name} is {state}; its tickets follow.").format(name=outage.name, state=update.state),
            facts={"update": str(update.pk)},
            at=at,
            brand_id=outage.brand_id,
            occurrence=f"{update.pk}:end",
        )
    return len(tickets)


@transaction.atomic
def end_outage_tickets(*, update_id: UUID, after: UUID | None = None, by: Actor, via: Door, at: datetime) -> str:
    """The tickets of an outage follow it: those in which no customer ever wrote are resolved with it, and open again where it has
    come back; of the others somebody asks whether theirs works. Some at a time; the rest is promised. Returns what was done.
    """
    update = Update.objects.select_related("outage", "outage__brand").get(pk=update_id)
    outage = update.outage
    over = outage.state in OVER
    rows = Ticket.objects.filter(outage=outage, merged_into=None)
    rows = rows.filter(state__in=decide.OPEN) if over else rows.filter(state=State.RESOLVED)
    if after is not None:
        rows = rows.filter(id__gt=after)
    ids = list(rows.order_by("id").values_list("id", flat=True)[:RECOUNTED_TOGETHER])
    for ticket_id in ids:
        ticket = _locked(ticket_id, None, by)
        if over and ticket.is_open:
            _follow_end(ticket, update, by, via, at)
        elif not over and ticket.state == State.RESOLVED:
            step, step_at = _("The next word about the outage"), outage.next_update_at or at + timedelta(minutes=30)
            _move(ticket, Verb.REOPEN, by, via, at, facts=_of(outage), next_step=step, next_step_at=step_at)
            ticket.save(update_fields=[*MOVED, "next_step", "next_step_at"])
            _record_move(ticket, by, via, at)
    if len(ids) == RECOUNTED_TOGETHER:
        why = _("The rest of the tickets of {name}.").format(name=outage.name)
        facts = {"update": str(update.pk), "after": str(ids[-1])}
        promise(END, subject=("outage", outage.pk), due_at=at, why=why, facts=facts, at=at, brand_id=outage.brand_id)
    return _("{count} tickets follow outage {name}.").format(count=len(ids), name=outage.name)


@transaction.atomic
def join_outage(*, ticket_id: UUID, outage_id: UUID | None = None, by: Actor, via: Door, at: datetime) -> str:
    """A ticket about a service that an open outage takes from its customer belongs to it. Returns what was done.

    `outage_id`: the one that they were told of; its service then need not be known.
    """
    ticket = Ticket.objects.filter(pk=ticket_id).first()
    if ticket is None or ticket.customer_id is None or ticket.outage_id is not None:
        return _("Nothing was to be done.")
    touched = Touched.objects.filter(
        customer=ticket.customer_id, effect__gt=0, outage__confirmed_at__isnull=False, subscription__ended_at=None
    )
    if outage_id is not None:
        touched = touched.filter(outage=outage_id)
    elif ticket.subscription_id is not None:
        touched = touched.filter(subscription=ticket.subscription_id)
    elif ticket.service_id is not None:
        touched = touched.filter(service=ticket.service_id)
    else:
        return _("Nothing was to be done.")
    found = touched.exclude(outage__state__in=OVER).select_related("outage").order_by("-effect", "since").first()
    if found is None:
        return _("No outage touches it.")
    ticket = _locked(ticket_id, None, by)
    if not ticket.is_open:
        return _("It is over.")
    ticket.outage = found.outage
    ticket.save(update_fields=["outage"])
    latest = outage_queries.latest_update(found.outage_id)
    said = outage_queries.text_in(latest, ticket.brand.language, ticket.brand.language) if latest is not None else ""
    text = _("Outage {name} touches this. {said}").format(name=found.outage.name, said=said).strip()
    _write([_entry(ticket, Entry.Kind.SYSTEM, by, via, at, text=text, facts=_of(found.outage), automatic=True)])
    Affected.objects.filter(outage=found.outage, customer=ticket.customer_id, ticket_number=None).update(
        ticket_number=ticket.number
    )
    _record(ticket, TICKET_OF_OUTAGE, {"name": found.outage.name, "outage": str(found.outage_id)}, by, via, at)
    return _("It belongs to {name}.").format(name=found.outage.name)


def _take_those_opened(outage: Outage) -> int:
    """Tickets that customers opened about it before it was one are theirs."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH theirs AS (
                SELECT DISTINCT ON (t.customer_id) t.id, t.customer_id, t.number
                FROM desk_ticket t JOIN outages_affected a ON a.customer_id = t.customer_id AND a.outage_id = %(outage)s
                WHERE a.ticket_number IS NULL AND a.effect > 0 AND t.outage_id IS NULL AND t.merged_into_id IS NULL
                  AND t.state = ANY (%(open)s) AND t.opened_at >= %(since)s AND EXISTS (
                      SELECT FROM outages_touched h
                      WHERE h.outage_id = a.outage_id AND h.customer_id = t.customer_id AND h.service_id = t.service_id
                        AND (t.subscription_id IS NULL OR h.subscription_id = t.subscription_id))
                ORDER BY t.customer_id, t.opened_at
            ), linked AS (
                UPDATE desk_ticket t SET outage_id = %(outage)s FROM theirs WHERE theirs.id = t.id
            )
            UPDATE outages_affected a SET ticket_number = theirs.number
            FROM theirs WHERE a.outage_id = %(outage)s AND a.customer_id = theirs.customer_id
            """,
            {
                "outage": outage.pk,
                "open": [str(state) for state in decide.OPEN],
                "since": outage.began_at - ASKED_BEFORE,
            },
        )
        return int(cursor.rowcount)


def _open_for(outage: Outage, rows: Sequence[Affected], by: Actor, via: Door, at: datetime) -> None:
    """A ticket for each of these customers, in few statements, however many they are."""
    rules = queries.rules_of(outage.brand_id)
    tickets, entries = [], []
    for affected, number in zip(rows, _numbers(outage.brand_id, len(rows)), strict=True):
        customer = affected.customer
        impact, urgency = IMPACT[affected.worst]
        with translation.override(customer.language):
            title = outage.public_title or _("A fault in your services")
            step = _("The next word about the outage")
        ticket = Ticket(
            id=uuid7(at),
            brand_id=outage.brand_id,
            number=number,
            kind=Ticket.Kind.INCIDENT,
            state=State.IN_PROGRESS,
            title=title,
            customer=customer,
            trust=Ticket.Trust.MACHINE,
            impact=impact,
            urgency=urgency,
            priority=int(_priority(rules, impact, urgency)[1:]),
            owner_id=rules.owner_id,
            tags=["outage"],
            outage=outage,
            next_step=step,
            next_step_at=outage.next_update_at or at + timedelta(minutes=30),
            came_by=via,
            opened_at=at,
            changed_at=at,
        )
        affected.ticket_number = number
        tickets.append(ticket)
        moved = {"from": "", "to": State.IN_PROGRESS, "priority": ticket.priority, **_of(outage)}
        entries.append(_entry(ticket, Entry.Kind.MOVED, by, via, at, facts=moved))
    Ticket.objects.bulk_create(tickets, batch_size=500)
    Entry.objects.bulk_create(entries, batch_size=500)
    Affected.objects.bulk_update(rows, ["ticket_number"], batch_size=500)
    for ticket in tickets:
        _record(ticket, TICKET_OF_OUTAGE, {"name": outage.name, "outage": str(outage.pk)}, by, via, at)


IMPACT: Mapping[int, tuple[str, str]] = {1: ("low", "low"), 2: ("medium", "medium"), 3: ("high", "medium")}
"""Impact and urgency of the ticket of a customer by the worst effect on theirs."""


def _numbers(brand_id: int, count: int) -> Sequence[int]:
    first = _next_number(brand_id)  # which makes the sequence, where there is none
    if count == 1:
        return [first]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(to_regclass(%s)) FROM generate_series(2, %s)", [f"desk_number_{int(brand_id)}", count]
        )
        return [first, *(int(number) for (number,) in cursor.fetchall())]


def _follow_end(ticket: Ticket, update: Update, by: Actor, via: Door, at: datetime) -> None:
    """Nobody asked in it: it is resolved, as its customer is told by the outage. Else somebody asks them."""
    outage = update.outage
    if ticket.customer_wrote_at is not None:
        _set_step(ticket, _("Ask whether theirs works again: the outage is over"), at + timedelta(hours=1), at)
        ticket.save(update_fields=["next_step", "next_step_at"])
        return
    language = ticket.customer.language if ticket.customer is not None else outage.brand.language
    said = outage_queries.text_in(update, language, outage.brand.language)
    with translation.override(language):
        answer = (ticket.title, said, _("Nothing: it works again by itself"))
    _end_with(ticket, answer, False, _of(outage), by, via, at)


def _of(outage: Outage) -> dict[str, str]:
    return {"outage": str(outage.pk), "name": outage.name}
