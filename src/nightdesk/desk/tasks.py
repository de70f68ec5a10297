"""What the worker does when a ticket's promise falls due: each verb looks at the ticket again under its lock."""

from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import NotFound
from nightdesk.desk import (
    actions,
    attaching,
    attachment_actions,
    chasing,
    clock_queries,
    customer_actions,
    linking_actions,
    mail_actions,
    outage_actions,
    supplier_actions,
    survey_actions,
)
from nightdesk.journal.models import Entry


def pass_next_step(promise: Promise, at: datetime) -> str:
    """Say that a next step is late; returns what was done."""
    return actions.pass_next_step(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def close_ticket(promise: Promise, at: datetime) -> str:
    """Close what was resolved; returns what was done."""
    return actions.expire_ticket(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def check_sent(promise: Promise, at: datetime) -> str:
    """Look whether a reply has left; returns what was found."""
    return mail_actions.check_sent(
        ticket_id=UUID(promise.facts["ticket"]),
        entry_id=UUID(promise.subject_id),
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def take_page(promise: Promise, at: datetime) -> str:
    """Find or open the ticket of a page that began; returns what was done."""
    return linking_actions.take_page(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def note_page_taken(promise: Promise, at: datetime) -> str:
    """Let a page's ticket know who has it; returns what was done."""
    return linking_actions.note_page_taken(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def note_page_over(promise: Promise, at: datetime) -> str:
    """Let a page's ticket know that it is over; returns what was done."""
    return linking_actions.note_page_over(page_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def gather_surge(promise: Promise, at: datetime) -> str:
    """See whether several customers ask about one thing; returns what was done."""
    return linking_actions.gather_surge(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def join_outage(promise: Promise, at: datetime) -> str:
    """See whether an open outage is what a ticket is about; returns what was done."""
    return outage_actions.join_outage(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def end_outage_tickets(promise: Promise, at: datetime) -> str:
    """Let an outage's tickets follow it; returns what was done."""
    after = promise.facts.get("after")
    return outage_actions.end_outage_tickets(
        update_id=UUID(promise.facts["update"]),
        after=UUID(after) if after else None,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def give_tickets(outage_id: UUID, at: datetime) -> int:
    """As the outages ask for it: how many of an outage's customers were given a ticket."""
    return outage_actions.give_tickets(outage_id=outage_id, by=SCHEDULER, via=Door.WORKER, at=at)


def note_update(update_id: UUID, at: datetime) -> int:
    """As the outages ask for it: in how many tickets an update now stands."""
    return outage_actions.note_update(update_id=update_id, by=SCHEDULER, via=Door.WORKER, at=at)


def note_step(subject: tuple[str, str], *, text: str, run_id: UUID, by: Actor, via: Door, at: datetime) -> object:
    """As the procedures ask for it: what became of a check-step stands in its ticket."""
    return linking_actions.note_step(subject=subject, text=text, run_id=run_id, by=by, via=via, at=at)


def pass_chase(promise: Promise, at: datetime) -> str:
    """Say that a supplier is to be chased; returns what was done."""
    return supplier_actions.pass_chase(supplier_ticket_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def ask_survey(promise: Promise, at: datetime) -> str:
    """Ask what the requester of a closed ticket thinks; returns what was done."""
    return survey_actions.ask_survey(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def tell_clocks(promise: Promise, at: datetime) -> str:
    """Tell what is nearly due or late; returns what was done."""
    try:
        return actions.tell_clocks(ticket_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    except NotFound:
        return "It is gone."


def recount_clocks(promise: Promise, at: datetime) -> str:
    """Let what is promised about clocks follow a contract or hours that changed; returns what was done."""
    after = promise.facts.get("after")
    counted = actions.recount_clocks(
        subject=(promise.subject_kind, promise.subject_id),
        after=UUID(after) if after else None,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
    return f"{counted} tickets were looked at."


def note_manager_late(promise: Promise, at: datetime) -> str:
    """Say that a manager has not answered a customer in time; returns what was done."""
    row_id = UUID(promise.subject_id)
    return customer_actions.note_manager_late(escalation_id=row_id, by=SCHEDULER, via=Door.WORKER, at=at)


def hand_over_tickets(promise: Promise, at: datetime) -> str:
    """Write to a contact who left no more, and hand what they had open to their colleague; returns what was done."""
    entry = Entry.objects.get(id=UUID(promise.facts["entry"]))
    count = customer_actions.hand_over_tickets(
        contact_id=entry.facts["contact"], to_id=entry.facts.get("hand_to"), by=SCHEDULER, via=Door.WORKER, at=at
    )
    return f"{count} tickets went on to their colleague."


def put_back_tickets(promise: Promise, at: datetime) -> str:
    """Put back what somebody who left us had; returns what was done."""
    count = actions.put_back_tickets(person_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    return f"{count} tickets were put back."


def scan_attachment(promise: Promise, at: datetime) -> str:
    """Have the scanner look at a file; returns what it said."""
    return attachment_actions.scan_attachment(
        attachment_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at
    )


def read_attachment(promise: Promise, at: datetime) -> str:
    """Read the words of a file; returns what was done."""
    return attachment_actions.read_attachment(
        attachment_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at
    )


HANDLERS = {
    customer_actions.MANAGER_ANSWERS: Handler(note_manager_late, lane="follow"),
    customer_actions.HAND_OVER: Handler(hand_over_tickets, lane="follow"),
    actions.CHECK_SENT: Handler(check_sent, lane="follow"),
    actions.NEXT_STEP: Handler(pass_next_step, lane="follow"),
    actions.CLOSE: Handler(close_ticket),
    linking_actions.FROM_PAGE: Handler(take_page),
    linking_actions.PAGE_TAKEN: Handler(note_page_taken),
    linking_actions.PAGE_OVER: Handler(note_page_over),
    chasing.CHASE: Handler(pass_chase, lane="follow"),
    survey_actions.ASK: Handler(ask_survey),
    linking_actions.LOOK_FOR_SURGE: Handler(gather_surge, lane="follow", together=20),
    outage_actions.JOIN: Handler(join_outage, lane="follow"),
    outage_actions.END: Handler(end_outage_tickets, lane="follow"),
    actions.RECOUNT: Handler(recount_clocks, lane="follow"),
    actions.PUT_BACK: Handler(put_back_tickets, lane="follow"),
    # Either may page somebody.
    clock_queries.WARN: Handler(tell_clocks, lane="page", give_up_after=None),
    clock_queries.BREACH: Handler(tell_clocks, lane="page", give_up_after=None),
    attaching.SCAN: Handler(scan_attachment, give_up_after=None),
    attaching.READ: Handler(read_attachment),
}
