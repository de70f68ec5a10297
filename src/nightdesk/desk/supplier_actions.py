"""The verbs of suppliers and of their tickets inside ours: opened, answered, chased up a ladder, closed.

While one is open the next chase is promised; the promise tells whoever works on the ticket whom to ring, and where.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import email as as_email
from nightdesk.base.fields import one_line
from nightdesk.base.promises import void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.customers.hours import add_open_time
from nightdesk.customers.models import Hours
from nightdesk.customers.queries import support_hours
from nightdesk.customers.stored import duration_from
from nightdesk.desk import decide, queries
from nightdesk.desk.actions import (
    MOVED,
    Words,
    _check_words,
    _entry,
    _locked,
    _move,
    _own,
    _record,
    _record_move,
    _said,
    _set_step,
    _tell,
    _tell_staff,
    _write,
)
from nightdesk.desk.chasing import promise_chase
from nightdesk.desk.decide import Level, PendingReason, Verb
from nightdesk.desk.models import Entry, Supplier, SupplierTicket, Ticket
from nightdesk.desk.wording import own_part
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

SUPPLIER_SAVED = kind("supplier.saved", gettext_lazy("{by} changed what is known of the supplier {name}"))
SUPPLIER_ASKED = kind("ticket.supplier-asked", gettext_lazy("{by} opened a ticket at {supplier} for ticket {number}"))
SUPPLIER_ANSWERED = kind("ticket.supplier-answered", gettext_lazy("{supplier} answered about ticket {number}"))
SUPPLIER_CHASED = kind("ticket.supplier-chased", gettext_lazy("{by} chased {supplier} about ticket {number}"))
SUPPLIER_DONE = kind("ticket.supplier-done", gettext_lazy("{supplier} is done with ticket {number}"))
CHASE_DUE = kind("ticket.chase-due", gettext_lazy("{supplier} is to be chased about ticket {number}: {whom}"))

LOOK_AFTER = timedelta(hours=1)
"""When somebody sees whether it works, once a supplier says that it does."""


@transaction.atomic
def save_supplier(
    *,
    brand_id: int,
    supplier_id: int | None = None,
    name: str,
    email: str = "",
    phone: str = "",
    hours_id: int | None = None,
    care_levels: Mapping[str, Mapping[str, str | None]] | None = None,
    ladder: Sequence[Mapping[str, Any]] = (),
    active: bool = True,
    by: Actor,
    via: Door,
    at: datetime,
) -> Supplier:
    """A supplier of the brand, new or changed; columns as in `Supplier`. Raises Forbidden, NotFound, Invalid, BadTargets."""
    require(by, "save_supplier", brand_id)
    supplier = _own(Supplier, supplier_id, brand_id) if supplier_id is not None else Supplier(brand_id=brand_id)
    supplier.name = one_line(name, 120, _("name"))
    supplier.email, supplier.phone = as_email(email, may_be_empty=True), phone.strip()[:20]
    supplier.hours = _own(Hours, hours_id, brand_id) if hours_id is not None else None
    supplier.care_levels = {
        one_line(level, 60, _("care level")): {
            part: said[part] for part in ("respond", "fix") if said.get(part) and duration_from(said[part], level)
        }
        for level, said in (care_levels or {}).items()
    }
    supplier.ladder = [_rung(one) for one in ladder]
    supplier.active = active
    with unless_taken(
        _("A supplier %s was to be kept.") % supplier.name, _("There is one of this name."), _("Change that one.")
    ):
        if supplier.pk is None:
            supplier.save(force_insert=True)
        else:
            supplier.save(update_fields=["name", "email", "phone", "hours", "care_levels", "ladder", "active"])
    facts = {"name": supplier.name}
    record(SUPPLIER_SAVED, subject=("supplier", supplier.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return supplier


@transaction.atomic
def open_supplier_ticket(
    *,
    ticket_id: UUID,
    supplier_id: int,
    ref: str = "",
    care_level: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> SupplierTicket:
    """The supplier has it now, and ours waits for them: its next step is to chase them. The desk stays its owner.

    Raises Forbidden, NotFound, Invalid (no such care level), IllegalTransition (it is over).
    """
    ticket = _locked(ticket_id, "open_supplier_ticket", by)
    supplier: Supplier = _own(Supplier, supplier_id, ticket.brand_id)
    asked = _("A ticket was to be opened at {supplier}.").format(supplier=supplier.name)
    if not ticket.is_open:
        raise IllegalTransition(asked, _("Ticket %d is over.") % ticket.number, _("Reopen it first."))
    if care_level and care_level not in supplier.care_levels:
        raise Invalid(
            asked,
            _("They have no care level {level}.").format(level=care_level),
            _("Give one of {levels}.").format(levels=", ".join(supplier.care_levels) or "-"),
            field="care_level",
        )
    row = SupplierTicket(
        ticket=ticket,
        supplier=supplier,
        ref=one_line(ref, 80, _("reference"), may_be_empty=True),
        care_level=care_level,
        opened_at=at,
        respond_by=_owed(supplier, care_level, "respond", at),
        fix_by=_owed(supplier, care_level, "fix", at),
    )
    row.next_chase_at = decide.next_chase(queries.ladder_of(supplier), 0, at, due=row.respond_by or row.fix_by)
    row.save(force_insert=True)
    facts = {"supplier": supplier.name, "ref": row.ref, "care_level": care_level}
    _write([_entry(ticket, Entry.Kind.LINKED, by, via, at, facts=facts)])
    step = _step(row)
    if ticket.state == Ticket.State.NEW:
        _move(ticket, Verb.START, by, via, at)
    if ticket.state == Ticket.State.PENDING:
        _move(ticket, Verb.RESUME, by, via, at)
    why = PendingReason.AWAITING_SUPPLIER
    _move(ticket, Verb.WAIT, by, via, at, reason=why, next_step=step, next_step_at=row.next_chase_at)
    ticket.level = Level.SUPPLIER
    ticket.save(update_fields=[*MOVED, "level"])
    promise_chase(row, at)
    _record(ticket, SUPPLIER_ASKED, facts, by, via, at)
    return row


@transaction.atomic
def note_supplier_answer(
    *,
    supplier_ticket_id: int,
    words: Words,
    ref: str = "",
    next_chase_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> SupplierTicket:
    """They have spoken: what they said is on the ticket, and they are chased anew from the foot of the ladder.

    `ref`: their reference, where they had given none yet. Raises Forbidden, NotFound, Invalid, IllegalTransition (closed).
    """
    row, ticket = _open_row(supplier_ticket_id, "note_supplier_answer", by)
    _check_words(words)
    if not words.text.strip() and not words.files:
        raise Invalid(_("A supplier's answer was to be noted."), _("There are no words."), _("Write what they said."))
    row.responded_at = row.responded_at or at
    row.ref = row.ref or one_line(ref, 80, _("reference"), may_be_empty=True)
    row.step = 0
    row.next_chase_at = _later(next_chase_at, at) or decide.next_chase(
        queries.ladder_of(row.supplier), 0, at, due=row.fix_by
    )
    row.save(update_fields=["responded_at", "ref", "step", "next_chase_at"])
    facts = {"supplier": row.supplier.name, "ref": row.ref}
    entry = _said(ticket, Entry.Kind.NOTE, words, by, via, at)
    entry.facts |= facts
    _write([entry], words)
    _chase_anew(row, ticket, at)
    cause = _record(ticket, SUPPLIER_ANSWERED, facts, by, via, at)
    title = _("{supplier} answered").format(supplier=row.supplier.name)
    _tell_staff(ticket, title, own_part(words.text), cause, by, via, at)
    row.ticket = ticket
    return row


@transaction.atomic
def chase_supplier(
    *,
    supplier_ticket_id: int,
    text: str = "",
    next_chase_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> SupplierTicket:
    """Somebody has chased them; next time it is the rung above. Raises Forbidden, NotFound, Invalid, IllegalTransition."""
    row, ticket = _open_row(supplier_ticket_id, "chase_supplier", by)
    ladder = queries.ladder_of(row.supplier)
    chased = ladder[min(row.step, len(ladder) - 1)] if ladder else None
    row.step, row.chased = min(row.step + 1, max(len(ladder) - 1, 0)), row.chased + 1
    row.next_chase_at = _later(next_chase_at, at) or decide.next_chase(ladder, row.step, at, due=None)
    row.save(update_fields=["step", "chased", "next_chase_at"])
    facts = {"supplier": row.supplier.name, "chased": row.chased, "whom": chased.who if chased else ""}
    _write([_entry(ticket, Entry.Kind.NOTE, by, via, at, text=text.strip() or _("Chased them"), facts=facts)])
    _chase_anew(row, ticket, at)
    _record(ticket, SUPPLIER_CHASED, facts, by, via, at)
    return row


@transaction.atomic
def close_supplier_ticket(
    *, supplier_ticket_id: int, text: str = "", by: Actor, via: Door, at: datetime
) -> SupplierTicket:
    """They are done; ours goes on, where no other supplier has it. Raises Forbidden, NotFound, IllegalTransition (closed)."""
    row, ticket = _open_row(supplier_ticket_id, "close_supplier_ticket", by)
    row.closed_at, row.next_chase_at = at, None
    row.responded_at = row.responded_at or at
    row.save(update_fields=["closed_at", "next_chase_at", "responded_at"])
    void_promises(("supplier_ticket", row.pk), at=at)
    facts = {"supplier": row.supplier.name, "ref": row.ref, "done": True}
    _write([_entry(ticket, Entry.Kind.LINKED, by, via, at, text=text.strip(), facts=facts)])
    others = SupplierTicket.objects.filter(queries.with_merged(ticket), closed_at=None).exists()
    waits = ticket.state == Ticket.State.PENDING and ticket.pending_reason == Ticket.PendingReason.AWAITING_SUPPLIER
    if waits and not others:
        step = _("See whether it works now, and tell the customer")
        _move(ticket, Verb.RESUME, by, via, at, next_step=step, next_step_at=at + LOOK_AFTER)
        ticket.level = Level.ONE if ticket.team_id is None else queries.level_of_team(ticket.team_id)
        ticket.save(update_fields=[*MOVED, "level"])
        _record_move(ticket, by, via, at)
    _record(ticket, SUPPLIER_DONE, facts, by, via, at)
    return row


@transaction.atomic
def pass_chase(*, supplier_ticket_id: int, by: Actor, via: Door, at: datetime) -> str:
    """A supplier is to be chased now: whoever works on the ticket is told whom to ring. Returns what was done."""
    found = SupplierTicket.objects.filter(pk=supplier_ticket_id, closed_at=None).values_list("ticket_id", flat=True)
    ticket_id = found.first()
    if ticket_id is None:
        return _("Nothing was to be done.")
    ticket = _locked(ticket_id, None, by)
    row = SupplierTicket.objects.select_for_update(of=("self",)).select_related("supplier").get(pk=supplier_ticket_id)
    if row.closed_at is not None or row.next_chase_at is None or row.next_chase_at > at:
        return _("Nothing was to be done.")
    if not ticket.is_open:
        return _("Ours is over; they are chased again if it is opened again.")
    ladder = queries.ladder_of(row.supplier)
    whom = _whom(ladder, row)
    facts = {"supplier": row.supplier.name, "whom": whom}
    cause = _record(ticket, CHASE_DUE, facts, by, via, at)
    title = _("Chase {supplier} about #{number}").format(supplier=row.supplier.name, number=ticket.number)
    body = "\n".join(part for part in (row.ref, whom, queries.story_so_far(ticket)) if part)
    told = _tell(queries.who_works_on(ticket), ticket, title, body, cause, by, via, at)
    row.next_chase_at = decide.next_chase(ladder, row.step, at, due=None)
    row.save(update_fields=["next_chase_at"])
    promise_chase(row, at)
    return _("{count} people were told.").format(count=told)


def _open_row(supplier_ticket_id: int, verb: str, by: Actor) -> tuple[SupplierTicket, Ticket]:
    """Both under their rows' locks, our ticket first."""
    asked = _("A supplier's ticket was named.")
    ticket_id = SupplierTicket.objects.filter(pk=supplier_ticket_id).values_list("ticket_id", flat=True).first()
    if ticket_id is None:
        raise NotFound(asked, _("There is none with this id."), _("Look at the ticket."))
    ticket = _locked(ticket_id, verb, by)
    row = SupplierTicket.objects.select_for_update(of=("self",)).select_related("supplier").get(pk=supplier_ticket_id)
    if row.closed_at is not None:
        raise IllegalTransition(asked, _("They are done with it."), _("Open another one with them."))
    return row, ticket


def _owed(supplier: Supplier, level: str, part: str, at: datetime) -> datetime | None:
    said = supplier.care_levels.get(level, {}).get(part)
    if not said:
        return None
    lasts = duration_from(said, level)
    return add_open_time(support_hours(supplier.hours), at, lasts) if supplier.hours is not None else at + lasts


def _rung(said: Mapping[str, Any]) -> dict[str, Any]:
    minutes = said.get("after_minutes", 60)
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 5 <= minutes <= 60 * 24 * 7:
        raise Invalid(
            _("A rung of a supplier's ladder was given."),
            _("It comes after {minutes} minutes.").format(minutes=minutes),
            _("Give from 5 minutes to a week, as a whole number."),
        )
    who = one_line(str(said.get("who", "")), 80, _("name"))
    return {"who": who, "how": str(said.get("how", "")).strip()[:120], "after_minutes": minutes}


def _later(wanted: datetime | None, at: datetime) -> datetime | None:
    if wanted is not None and wanted <= at:
        raise Invalid(
            _("A next chase was named."), _("Its time is over."), _("Give one to come."), field="next_chase_at"
        )
    return wanted


def _whom(ladder: Sequence[decide.Rung], row: SupplierTicket) -> str:
    if not ladder:
        return " ".join(part for part in (row.supplier.phone, row.supplier.email) if part)
    rung = ladder[min(row.step, len(ladder) - 1)]
    return f"{rung.who} {rung.how}".strip()


def _step(row: SupplierTicket) -> str:
    whose = f"{row.supplier.name} {row.ref}".strip()
    return _("We ask {supplier} again").format(supplier=whose)


def _chase_anew(row: SupplierTicket, ticket: Ticket, at: datetime) -> None:
    promise_chase(row, at)
    if ticket.pending_reason == Ticket.PendingReason.AWAITING_SUPPLIER:
        _set_step(ticket, _step(row), row.next_chase_at, at)
    ticket.changed_at = at
    ticket.save(update_fields=["next_step", "next_step_at", "changed_at"])
