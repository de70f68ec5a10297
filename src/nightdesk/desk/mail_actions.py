"""The verbs of tickets' mail beside its words: the automatic answer, what could not be delivered, a reply taken back."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.memory import forget
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.base.rows import insert
from nightdesk.channels.actions import hasten_message, recall_message
from nightdesk.channels.models import Delivery
from nightdesk.customers.priority import Priority
from nightdesk.customers.queries import contract_facts, may_call_at_night, promised_to
from nightdesk.desk import auto_reply, mail_out, mail_queries, queries, wording
from nightdesk.desk.actions import (
    Words,
    _entry,
    _locked,
    _promise_check,
    _reason_given,
    _record,
    _requester,
    _said,
    _tell,
    _tell_desk,
    _tell_staff,
    _write,
    send_to_parties,
)
from nightdesk.desk.auto_reply import Brake, Wrote
from nightdesk.desk.models import Acknowledgement, Entry, Ticket
from nightdesk.journal.kinds import kind
from nightdesk.knowledge.models import Template
from nightdesk.knowledge.phrases import render_what_is_known
from nightdesk.knowledge.queries import template_for, workarounds_for
from nightdesk.outages.queries import faults_of, has_open

ACKNOWLEDGED = kind("ticket.acknowledged", gettext_lazy("Ticket {number} was acknowledged by an automatic reply"))
BRAKED = kind("ticket.braked", gettext_lazy("A brake engaged on ticket {number}: {why}"))
UNDELIVERED = kind("ticket.undelivered", gettext_lazy("A mail of ticket {number} could not be delivered"))
CAME_TO = kind("ticket.came-to", gettext_lazy("The mail of ticket {number} came to {place} too"))
REPLY_RECALLED = kind("ticket.reply-recalled", gettext_lazy("{by} took a reply on ticket {number} back before it left"))
REPLY_HASTENED = kind("ticket.reply-hastened", gettext_lazy("{by} sent a reply on ticket {number} at once: {why}"))

LOOKED_AGAIN_AFTER = timedelta(hours=4)


@transaction.atomic(savepoint=False)  # part of taking a mail: they stand or fall together
def acknowledge_ticket(
    *, ticket: Ticket, wrote: Wrote, braked: bool, known: mail_out.Known, by: Actor, via: Door, at: datetime
) -> Acknowledgement:
    """The mail that has just opened the ticket is answered by a machine, or it is written down why not. What is said follows
    from the contract. A brake that engages for the first time in a day is told to the desk.

    `braked`: it has been told today already. `known`: what was read before.
    """
    verdict = auto_reply.verdict(wrote)
    row = Acknowledgement(
        ticket=ticket,
        address=wrote.address[:320],
        at=at,
        answered=verdict.answers,
        why=verdict.why[:200],
        brake=verdict.brake or "",
    )
    insert([row])
    forget(mail_queries.acknowledged, where=lambda address, _at: address == row.address)
    if verdict.answers:
        entry = _said(ticket, Entry.Kind.MESSAGE_OUT, Words(_words_for(ticket, at), automatic=True), SCHEDULER, via, at)
        _write([entry])
        _record(ticket, ACKNOWLEDGED, {}, by, via, at)
        known = replace(known, parties=_requester(ticket))
        send_to_parties(ticket=ticket, entry=entry, send_at=at, known=known, by=by, via=via, at=at)
    elif verdict.brake is not None and not braked:
        _tell_brake(ticket, verdict.why, by, via, at)
    return row


@transaction.atomic
def brake_mails(*, ticket_id: UUID, count: int, by: Actor, via: Door, at: datetime) -> None:
    """So many mails came that nobody is told of them any more; the desk is told of that, once. Raises NotFound."""
    ticket = _locked(ticket_id, None, by)
    minutes = int(auto_reply.MAILS_WITHIN.total_seconds() // 60)
    why = _("{count} mails came within {minutes} minutes; they are kept, and nobody is told of each").format(
        count=count, minutes=minutes
    )
    since = at - auto_reply.MAILS_WITHIN
    if not Entry.objects.filter(ticket=ticket, kind=Entry.Kind.SYSTEM, at__gt=since, facts__brake=Brake.MAILS).exists():
        _tell_brake(ticket, why, by, via, at, brake=Brake.MAILS)


@transaction.atomic
def note_same_mail(*, ticket_id: UUID, queue_names: Collection[str], by: Actor, via: Door, at: datetime) -> Ticket:
    """The mail that the ticket has came by another address of ours too: the ticket carries those queues' names as tags."""
    ticket = _locked(ticket_id, None, by)
    own = ticket.queue.name if ticket.queue is not None else ""
    tags = sorted({*ticket.tags, *(name.lower()[:40] for name in queue_names if name != own)})
    if tags == ticket.tags:
        return ticket
    place = ", ".join(queue_names)
    _write(
        [
            _entry(
                ticket, Entry.Kind.SYSTEM, by, via, at, text=_("The same mail came to {place} too.").format(place=place)
            )
        ]
    )
    ticket.tags, ticket.changed_at = tags, at
    ticket.save(update_fields=["tags", "changed_at"])
    _record(ticket, CAME_TO, {"place": place}, by, via, at)
    return ticket


@transaction.atomic
def note_undelivered(
    *,
    ticket_id: UUID,
    address: str,
    action: str,
    reason: str,
    mail_id: UUID | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> bool:
    """A mail of the ticket did not reach `address` (`action` failed), or has not yet (delayed): it stands in the story, and
    of a failure whoever works on it is told. Never a reply, never a new ticket; False where it was known. Raises NotFound.
    """
    ticket = _locked(ticket_id, None, by)
    facts = {"undelivered": address[:320], "action": action}
    known = Entry.objects.filter(ticket=ticket, kind=Entry.Kind.SYSTEM, at__gt=at - timedelta(days=1))
    if known.filter(facts__contains=facts).exists():
        return False
    said = (
        _("It could not be delivered to {address}: {reason}")
        if action == "failed"
        else _("It has not reached {address} yet, and is still tried: {reason}")
    ).format(address=address, reason=reason or _("no reason was given"))
    entry = _entry(ticket, Entry.Kind.SYSTEM, by, via, at, text=said, facts=facts, mail_id=mail_id, automatic=True)
    _write([entry])
    ticket.changed_at = at
    ticket.save(update_fields=["changed_at"])
    cause = _record(ticket, UNDELIVERED, {"action": action}, by, via, at, text=said)
    if action == "failed":
        _tell_staff(ticket, _("a mail could not be delivered"), said, cause, by, via, at)
    return True


@transaction.atomic
def check_sent(*, ticket_id: UUID, entry_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """What was written to the customer has left, or it is told that it could not; while it is still tried it is looked at
    again. Returns what was found. Raises NotFound.
    """
    entry = Entry.objects.filter(id=entry_id, ticket=ticket_id).first()
    message = mail_queries.message_of(entry) if entry is not None else None
    if entry is None or message is None:
        return _("It went to nobody.")
    rows = list(Delivery.objects.filter(message_id=message.id, recipient_kind="contact"))
    failed = [one for one in rows if one.state in (Delivery.State.FAILED, Delivery.State.EXPIRED)]
    for one in failed:
        note_undelivered(
            ticket_id=ticket_id, address=one.address, action="failed", reason=one.reason, by=by, via=via, at=at
        )
    unsent = [one for one in rows if one.state in ("queued", "sending", "failed_for_now")]
    if unsent:
        _promise_check(entry, max(at, *(one.due_at for one in unsent)) + LOOKED_AGAIN_AFTER, at)
    return _("{failed} of {count} could not be delivered, {unsent} are still tried.").format(
        failed=len(failed), count=len(rows), unsent=len(unsent)
    )


@transaction.atomic
def recall_reply(*, entry_id: UUID, by: Actor, via: Door, at: datetime) -> Entry:
    """A reply that is held goes to nobody, and the customer never sees it; its words stay in the story, for us.

    Whoever wrote it may, and whoever may answer. Repeating it changes nothing. Raises NotFound, Forbidden,
    IllegalTransition (it has left).
    """
    entry, ticket = _held(entry_id, "recall_reply", by, _("A reply was to be taken back."))
    if "recalled_at" in entry.facts:
        return entry
    message = mail_queries.message_of(entry)
    if message is None or not recall_message(message_id=message.id, by=by, via=via, at=at):
        raise IllegalTransition(
            _("A reply was to be taken back."),
            _("It has left, or is just leaving."),
            _("Write to them what is different now."),
        )
    held_until = datetime.fromisoformat(entry.facts["held_until"]) if "held_until" in entry.facts else None
    entry.public, entry.facts = False, {**entry.facts, "recalled_at": at.isoformat(), "recalled_by": by.name[:120]}
    entry.save(update_fields=["public", "facts"])
    if held_until is not None and ticket.first_response_at == held_until:
        ticket.first_response_at = None
    ticket.changed_at = at
    ticket.save(update_fields=["first_response_at", "changed_at"])
    _record(ticket, REPLY_RECALLED, {}, by, via, at)
    return entry


@transaction.atomic
def tell_held(*, entry_id: UUID, person_id: int, by: Actor, via: Door, at: datetime) -> None:
    """Whoever answered by mail hears until when their answer is held, and how the next goes out at once. Raises NotFound."""
    entry, ticket = _held(entry_id, None, by, _("An answer is held."))
    until = f"{datetime.fromisoformat(entry.facts['held_until']):%d %b %H:%M}"
    title = _("#{number} {title}: your answer is held until {time} UTC")
    told = title.format(number=ticket.number, title=ticket.title[:80], time=until)
    body = _(
        "Their contract answers nothing at this hour. On the ticket's page it can go out at once, or be taken back; "
        "an answer by mail whose first line is “now: why” is not held."
    )
    _tell([person_id], ticket, told, body, entry.pk, by, via, at)


@transaction.atomic
def send_reply_now(*, entry_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> Entry:
    """A reply that is held goes out now, and it is written down why. Raises NotFound, Forbidden, Invalid (no reason),
    IllegalTransition (it has left, or was taken back).
    """
    why = _reason_given(why)
    asked = _("A reply was to go out at once.")
    entry, ticket = _held(entry_id, "send_reply_now", by, asked)
    message = mail_queries.message_of(entry)
    if (
        message is None
        or "recalled_at" in entry.facts
        or not hasten_message(message_id=message.id, by=by, via=via, at=at)
    ):
        raise IllegalTransition(asked, _("It has left, or was taken back."), _("Look at the story."))
    held_until = datetime.fromisoformat(entry.facts["held_until"]) if "held_until" in entry.facts else None
    entry.facts = {**{k: v for k, v in entry.facts.items() if k != "held_until"}, "why_now": why[:300]}
    entry.save(update_fields=["facts"])
    if held_until is not None and ticket.first_response_at == held_until:
        ticket.first_response_at = at
        ticket.save(update_fields=["first_response_at"])
    _record(ticket, REPLY_HASTENED, {"why": why}, by, via, at)
    return entry


def _held(entry_id: UUID, verb: str | None, by: Actor, asked: str) -> tuple[Entry, Ticket]:
    """The reply, and its ticket locked, if `by` may answer there."""
    entry = Entry.objects.filter(id=entry_id, kind=Entry.Kind.MESSAGE_OUT).first()
    if entry is None:
        raise NotFound(asked, _("There is none with this id."), _("Look at the story."))
    ticket = _locked(entry.ticket_id, verb, by)
    entry.refresh_from_db()  # another may have done it while the lock was waited for
    return entry, ticket


def _words_for(ticket: Ticket, at: datetime) -> str:
    """The automatic answer to the ticket's requester: in the brand's own words where it has some in their language."""
    rules = queries.rules_for(ticket)
    contract = contract_facts(ticket.customer_id, at) if ticket.customer_id is not None else None
    priority = Priority(f"P{ticket.priority}")
    cover = promised_to(ticket.contact, ticket.customer_id, priority, at, ticket.work_type or None)
    trusted = ticket.trust in (Ticket.Trust.VERIFIED, Ticket.Trust.STAFF)
    reader = mail_out.reader_of(ticket, ())
    taken = cover.open_now or cover.may_page_now
    says = auto_reply.what_to_say(
        cover,
        trusted=trusted,
        entitled=may_call_at_night(ticket.contact) and auto_reply.is_entitled(contract, at),
        by_day_only=ticket.queue is not None and ticket.queue.waits_for_day,
        emergency_number=rules.emergency_number,
        faults=faults_of(ticket.customer_id, reader.language, reader.zone, at)
        if trusted and ticket.customer_id is not None and has_open(ticket.brand_id)
        else (),
        workarounds=workarounds_for(ticket.customer, reader.language)
        if trusted and ticket.customer is not None and not taken
        else (),
    )
    number = f"{ticket.brand.slug}#{ticket.number}"
    own = template_for(ticket.brand_id, Template.Use.AUTO_REPLY, reader.language)
    with translation.override(reader.language):
        hours = wording.hours_line(contract.hours) if contract is not None and says.answer_from is not None else ""
        zone = reader.zone
        values = {
            "brand": ticket.brand.name,
            "customer": ticket.customer.name if trusted and ticket.customer is not None else "",
            "contact": ticket.requester_name,
            "ticket": number,
            "title": ticket.title,
            "priority": f"P{ticket.priority}",
            "service": ticket.service.name if ticket.service is not None else "",
            "next_step": wording.step_text(ticket.next_step),
            "next_step_at": wording.moment(ticket.next_step_at, zone) if ticket.next_step_at is not None else "",
            "expectation": wording.expectation(says, zone),
            "answer_by": wording.moment(says.answer_by, zone) if says.answer_by is not None else "",
            "support_hours": hours,
            "opens_at": wording.moment(says.answer_from, zone) if says.answer_from is not None else "",
            "night_number": says.emergency_number,
            "outages": "\n".join(says.faults),
            "workaround": "\n".join(says.workarounds),
        }
        told = render_what_is_known(own.body, values) if own is not None else ""
        return told or wording.acknowledgement(number, says, hours=hours, zone=zone)


def _tell_brake(ticket: Ticket, why: str, by: Actor, via: Door, at: datetime, *, brake: str = "") -> None:
    facts: dict[str, Any] = {"brake": brake} if brake else {}
    text = _("A brake engaged: {why}.").format(why=why)
    _write([_entry(ticket, Entry.Kind.SYSTEM, by, via, at, text=text, facts=facts, automatic=True)])
    cause = _record(ticket, BRAKED, {"why": why}, by, via, at)
    _tell_desk(ticket, _("a brake on mails engaged"), text, cause, by, via, at)
