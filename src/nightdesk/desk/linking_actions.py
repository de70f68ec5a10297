"""The verbs by which tickets belong together: link, merge, split, and the major incident that gathers many.

A merge moves nothing: the ticket points to its survivor, and its story is read as part of it, so that undoing it takes the
pointer away. A split moves entries, and writes down which, so that it can be undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Lower
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.promises import void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.rows import fetch, one_at_a_time
from nightdesk.customers.models import Service
from nightdesk.desk import clock_queries, decide, queries
from nightdesk.desk.actions import (
    MOVED,
    Words,
    _entry,
    _locked,
    _move,
    _promise_close,
    _promise_step,
    _reason_given,
    _record,
    _record_move,
    _require,
    _said,
    _tell,
    _write,
    open_ticket,
    send_to_parties,
)
from nightdesk.desk.clock_promises import promise_clocks
from nightdesk.desk.decide import Verb
from nightdesk.desk.models import (
    Entry,
    Lesson,
    Link,
    MessageId,
    Party,
    Rules,
    Surge,
    Ticket,
    TicketPage,
    Watch,
)
from nightdesk.journal.kinds import kind
from nightdesk.knowledge.actions import propose_change
from nightdesk.knowledge.models import Proposal
from nightdesk.outages.actions import propose_outage
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Outage, Part
from nightdesk.paging.actions import trigger_page
from nightdesk.paging.models import Page
from nightdesk.people.models import Person

TICKET_LINKED = kind("ticket.linked", gettext_lazy("{by} linked ticket {number} with {other}"))
TICKET_UNLINKED = kind("ticket.unlinked", gettext_lazy("{by} took ticket {number} and {other} apart"))
TICKET_MERGED = kind("ticket.merged", gettext_lazy("{by} merged ticket {number} into {other}"))
TICKET_UNMERGED = kind("ticket.unmerged", gettext_lazy("{by} took ticket {number} out of {other} again"))
TICKET_SPLIT = kind("ticket.split", gettext_lazy("{by} split ticket {other} from {number}"))
TICKET_REJOINED = kind("ticket.rejoined", gettext_lazy("{by} put what was split from ticket {number} back"))
MAJOR_PROPOSED = kind("ticket.major-proposed", gettext_lazy("{by} says that ticket {number} may be a major incident"))
MAJOR_ACCEPTED = kind("ticket.major", gettext_lazy("{by} made ticket {number} a major incident"))
MAJOR_ENDED = kind("ticket.major-ended", gettext_lazy("{by} says that ticket {number} is no major incident"))
CHILD_ADDED = kind("ticket.child-added", gettext_lazy("{by} put ticket {number} under the major incident {other}"))
CHILD_REMOVED = kind("ticket.child-removed", gettext_lazy("{by} took ticket {number} from the major incident {other}"))
CHILDREN_TOLD = kind("ticket.children-told", gettext_lazy("{by} wrote to all {count} under ticket {number}"))
ANSWER_RETURNED = kind("ticket.answer-returned", gettext_lazy("{by} gave the answer to ticket {number} back to {to}"))
LESSON_CONFIRMED = kind("ticket.lesson-confirmed", gettext_lazy("{by} has learned what ticket {number} was"))
TICKET_OF_PAGE = kind("ticket.of-page", gettext_lazy("Page {code} belongs to ticket {number}"))
SURGE_SEEN = kind(
    "ticket.surge", gettext_lazy("{count} customers asked about {service} within minutes; ticket {number} gathers them")
)

FROM_PAGE, PAGE_TAKEN, PAGE_OVER = "desk.page_triggered", "desk.page_acknowledged", "desk.page_resolved"
LOOK_FOR_SURGE = "desk.look_for_surge"
"""Follow-ups: of a page's beginning, of somebody having it, of its end; of a customer's first words."""

MOST_MERGED = 200
TAKEN_OVER = ("customer_id", "contact_id", "requester_name", "requester_address", "service_id")
"""What the survivor of a merge has from the other where it knows no customer itself."""


# --- Links -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def link_tickets(*, ticket_id: UUID, other_id: UUID, kind: str, by: Actor, via: Door, at: datetime) -> Link:
    """`ticket_id` is of that kind (`Link.Kind`) to the other. Repeating it changes nothing.

    Raises Forbidden, NotFound, Invalid (with itself, or another brand's).
    """
    ticket, other = _both(ticket_id, other_id, "link_tickets", by)
    if kind not in Link.Kind:
        raise Invalid(_("Tickets were to be linked."), _("{kind} is no kind of link.").format(kind=kind), "")
    link, made = Link.objects.get_or_create(ticket=ticket, other=other, kind=kind)
    if made:
        facts = {"link": kind, "other": other.number}
        _write([_entry(ticket, Entry.Kind.LINKED, by, via, at, facts=facts)])
        _record(ticket, TICKET_LINKED, {"other": other.number, "kind": kind}, by, via, at)
    return link


@transaction.atomic
def unlink_tickets(*, ticket_id: UUID, other_id: UUID, kind: str, by: Actor, via: Door, at: datetime) -> None:
    """They are linked so no more. Repeating it changes nothing. Raises Forbidden, NotFound."""
    ticket, other = _both(ticket_id, other_id, "link_tickets", by)
    if Link.objects.filter(ticket=ticket, other=other, kind=kind).delete()[0]:
        _record(ticket, TICKET_UNLINKED, {"other": other.number, "kind": kind}, by, via, at)


# --- Merge and split -------------------------------------------------------------------------------------------------


@transaction.atomic
def merge_ticket(*, ticket_id: UUID, into_id: UUID, by: Actor, via: Door, at: datetime) -> Ticket:
    """The ticket goes on in the other, which is told so; mail to either lands there. Returns the survivor.

    Whoever was written to about the one, or watches it, is so about the other, but for those who were removed there. A survivor
    without a customer is the other's customer's now, and whoever asks for what changes who gets in is still to be made sure of.
    Raises Forbidden, NotFound, Invalid (with itself, another brand's or another customer's, or a major incident),
    IllegalTransition (merged already, or what is open into what is over).
    """
    ticket, survivor = _both(ticket_id, into_id, "merge_ticket", by)
    asked = _("Ticket {one} was to be merged into {other}.").format(one=ticket.number, other=survivor.number)
    if ticket.merged_into_id is not None or survivor.merged_into_id is not None:
        raise IllegalTransition(asked, _("One of them was merged away already."), _("Look at where it went."))
    if None not in (ticket.customer_id, survivor.customer_id) and ticket.customer_id != survivor.customer_id:
        raise Invalid(
            asked,
            _("They are of different customers, who must not read each other's words."),
            _("Put both under one major incident instead."),
        )
    if ticket.major or ticket.major_proposed:
        raise Invalid(asked, _("It is a major incident, and others stand under it."), _("Merge the other one into it."))
    if (survivor.major or survivor.major_proposed) and ticket.customer_id is not None:
        raise Invalid(
            asked, _("A major incident is no single customer's, and this is."), _("Put it under the major incident.")
        )
    if ticket.is_open and not survivor.is_open:
        raise IllegalTransition(
            asked,
            _("Ticket {number} is {state}, and nobody would see that this one is open.").format(
                number=survivor.number, state=survivor.state
            ),
            _("Reopen it first, or merge it into this one."),
        )
    inner = Ticket.objects.filter(merged_into=ticket)
    if inner.count() >= MOST_MERGED:
        raise Invalid(asked, _("Too many went into it already."), _("Link them instead."))
    moved = [str(one) for one in inner.values_list("id", flat=True)]
    inner.update(merged_into=survivor)
    added, watching = _join_parties(ticket, survivor), _join_watchers(ticket, survivor)
    taken = _take_over(ticket, survivor)
    facts = {"merged": ticket.number, "ticket": str(ticket.pk), "also": moved, "parties": added}
    facts |= {"watchers": watching, "taken": taken}
    _write(
        [
            _entry(survivor, Entry.Kind.LINKED, by, via, at, facts=facts),
            _entry(ticket, Entry.Kind.LINKED, by, via, at, facts={"merged_into": survivor.number}),
        ]
    )
    ticket.merged_into, ticket.changed_at = survivor, at
    ticket.save(update_fields=["merged_into", "changed_at"])
    for name in ("customer_wrote_at", "contacted_at"):
        setattr(survivor, name, max(filter(None, (getattr(ticket, name), getattr(survivor, name))), default=None))
    survivor.changed_at = at
    survivor.save(update_fields=["customer_wrote_at", "contacted_at", "changed_at", "proved_at", *taken])
    void_promises(("ticket", ticket.pk), at=at)
    promise_clocks(survivor, at)
    _record(ticket, TICKET_MERGED, {"other": survivor.number}, by, via, at)
    return survivor


@transaction.atomic
def unmerge_ticket(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> Ticket:
    """The ticket is one of its own again, as it was; what was said since stays with the survivor. Returns it.

    Raises Forbidden, NotFound, IllegalTransition (it was not merged).
    """
    ticket = _row(ticket_id, "merge_ticket", by)
    if ticket.merged_into_id is None:
        raise IllegalTransition(
            _("Ticket %d was to be one of its own again.") % ticket.number, _("It is one."), _("Nothing need be done.")
        )
    survivor = _row(ticket.merged_into_id, None, by)
    entry = (
        Entry.objects.filter(ticket=survivor, kind=Entry.Kind.LINKED, facts__ticket=str(ticket.pk))
        .order_by("id")
        .last()
    )
    told: dict[str, Any] = entry.facts if entry is not None else {}
    Ticket.objects.filter(pk__in=told.get("also", []), merged_into=survivor).update(merged_into=ticket)
    there = Party.objects.filter(ticket=survivor, address__in=told.get("parties", []))
    there.exclude(role=Party.Role.REMOVED).delete()
    Watch.objects.filter(ticket=survivor, person__in=told.get("watchers", [])).delete()
    for name, (before, after) in told.get("taken", {}).items():
        if getattr(survivor, name) == after:
            setattr(survivor, name, before)
    survivor.save(update_fields=[*told.get("taken", {}), "changed_at"])
    ticket.merged_into, ticket.changed_at = None, at
    ticket.save(update_fields=["merged_into", "changed_at"])
    if ticket.is_open:
        _promise_step(ticket, at)
    elif ticket.state == Ticket.State.RESOLVED:
        _promise_close(ticket, at)
    _write(
        [
            _entry(survivor, Entry.Kind.LINKED, by, via, at, facts={"unmerged": ticket.number}),
            _entry(ticket, Entry.Kind.LINKED, by, via, at, facts={"unmerged_from": survivor.number}),
        ]
    )
    promise_clocks(ticket, at)
    promise_clocks(survivor, at)
    _record(ticket, TICKET_UNMERGED, {"other": survivor.number}, by, via, at)
    return ticket


@transaction.atomic
def split_ticket(
    *, ticket_id: UUID, entry_ids: Sequence[UUID], title: str, by: Actor, via: Door, at: datetime
) -> Ticket:
    """A new ticket of the same customer has those entries of the story (what was said), which leave this one.

    Raises Forbidden, NotFound, Invalid (nothing, all that was said, or what happened and was not said).
    """
    ticket = _locked(ticket_id, "split_ticket", by)
    own = Entry.objects.filter(ticket=ticket, kind__in=Entry.SAID)
    wanted = list(own.filter(pk__in=entry_ids).order_by("id"))
    asked = _("Ticket %d was to be split.") % ticket.number
    if not wanted or len(wanted) != len(set(entry_ids)):
        raise Invalid(asked, _("It names nothing that was said on it."), _("Choose messages or notes of it."))
    if len(wanted) == own.count():
        raise Invalid(asked, _("Nothing would be left of it."), _("Leave something, or change its title."))
    last = [one for one in wanted if one.kind != Entry.Kind.NOTE and not one.automatic][-1:]
    new = open_ticket(
        brand_id=ticket.brand_id,
        kind=ticket.kind,
        title=title,
        customer_id=ticket.customer_id,
        contact_id=ticket.contact_id,
        requester_address=ticket.requester_address,
        requester_name=ticket.requester_name,
        copies=list(
            Party.objects.filter(ticket=ticket, role=Party.Role.CC).values_list("address", "name").order_by("id")
        ),
        removed=queries.removed_from(ticket),
        trust=ticket.trust,
        service_id=ticket.service_id,
        subscription_id=ticket.subscription_id,
        impact=ticket.impact,
        urgency=ticket.urgency,
        queue_id=ticket.queue_id,
        work_type=ticket.work_type,
        tags=ticket.tags,
        needs_proof=ticket.needs_proof,
        wakes=False,
        asked_at=last[0].at if last and last[0].kind != Entry.Kind.MESSAGE_OUT else None,
        by=SCHEDULER if by.kind == "contact" else by,
        via=via,
        at=at,
    )
    _move_entries([one.pk for one in wanted], ticket, new)
    new.split_from, new.proved_at = ticket, ticket.proved_at
    new.save(update_fields=["split_from", "proved_at"])
    told = [str(one.pk) for one in wanted]
    _write(
        [
            _entry(ticket, Entry.Kind.LINKED, by, via, at, facts={"split_into": new.number, "entries": told}),
            _entry(new, Entry.Kind.LINKED, by, via, at, facts={"split_from": ticket.number}),
        ]
    )
    ticket.changed_at = at
    ticket.save(update_fields=["changed_at"])
    promise_clocks(ticket, at)
    promise_clocks(new, at)
    _record(ticket, TICKET_SPLIT, {"other": new.number, "entries": len(told)}, by, via, at)
    return new


@transaction.atomic
def rejoin_ticket(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> Ticket:
    """What was split off is where it came from again, with all that was said since; the new number leads there too.

    Returns the ticket that has it. Raises Forbidden, NotFound, IllegalTransition (it was not split off).
    """
    new = _row(ticket_id, "split_ticket", by)
    if new.split_from_id is None or new.merged_into_id is not None:
        raise IllegalTransition(
            _("Ticket %d was to be put back.") % new.number,
            _("It was not split off, or it went elsewhere since."),
            _("Merge it instead."),
        )
    old = merge_ticket(ticket_id=new.pk, into_id=new.split_from_id, by=by, via=via, at=at)
    before = (
        Entry.objects.filter(ticket=old, kind=Entry.Kind.LINKED, facts__split_into=new.number).order_by("id").last()
    )
    if before is not None:
        _move_entries(before.facts["entries"], new, old)
    promise_clocks(old, at)
    _record(old, TICKET_REJOINED, {"other": new.number}, by, via, at)
    return old


# --- Major incidents -------------------------------------------------------------------------------------------------


@transaction.atomic
def propose_major(*, ticket_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> Ticket:
    """It may be a major incident; the desk and its manager are told. Repeating it changes nothing.

    Raises Forbidden, NotFound, Invalid (no reason), IllegalTransition (it is over, or part of another).
    """
    ticket = _locked(ticket_id, "propose_major", by)
    why = _reason_given(why)
    _check_may_be_major(ticket)
    if ticket.major or ticket.major_proposed:
        return ticket
    ticket.major_proposed, ticket.changed_at = True, at
    ticket.save(update_fields=["major_proposed", "changed_at"])
    _write([_entry(ticket, Entry.Kind.CHANGED, by, via, at, facts={"major": "proposed", "why": why[:300]})])
    cause = _record(ticket, MAJOR_PROPOSED, {"why": why[:300]}, by, via, at)
    manager = queries.manager_for(ticket)
    whom = [*queries.desk_of(ticket), *([manager.pk] if manager else [])]
    title = _("Is ticket #%d a major incident?") % ticket.number
    _tell(whom, ticket, title, f"{why}\n\n{queries.story_so_far(ticket)}", cause, by, via, at)
    return ticket


@transaction.atomic
def accept_major(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> Ticket:
    """It is a major incident: tickets can be put under it, and what becomes of it becomes of them.

    Raises Forbidden, NotFound, IllegalTransition (it is over, or part of another).
    """
    ticket = _locked(ticket_id, "accept_major", by)
    _check_may_be_major(ticket)
    if ticket.major:
        return ticket
    ticket.major, ticket.major_proposed, ticket.changed_at = True, False, at
    ticket.save(update_fields=["major", "major_proposed", "changed_at"])
    _write([_entry(ticket, Entry.Kind.CHANGED, by, via, at, facts={"major": "accepted"})])
    _record(ticket, MAJOR_ACCEPTED, {}, by, via, at)
    return ticket


@transaction.atomic
def reject_major(*, ticket_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> Ticket:
    """It is none, or no more; the tickets under it are on their own again. Raises Forbidden, NotFound, Invalid (no reason)."""
    ticket = _locked(ticket_id, "accept_major", by)
    why = _reason_given(why)
    if not (ticket.major or ticket.major_proposed):
        return ticket
    children = list(Ticket.objects.select_for_update().filter(parent=ticket).order_by("id"))
    _write([_entry(one, Entry.Kind.LINKED, by, via, at, facts={"left": ticket.number}) for one in children])
    Ticket.objects.filter(pk__in=[one.pk for one in children]).update(parent=None, changed_at=at)
    ticket.major = ticket.major_proposed = False
    ticket.changed_at = at
    ticket.save(update_fields=["major", "major_proposed", "changed_at"])
    _write([_entry(ticket, Entry.Kind.CHANGED, by, via, at, facts={"major": "rejected", "why": why[:300]})])
    _record(ticket, MAJOR_ENDED, {"why": why[:300], "children": len(children)}, by, via, at)
    return ticket


@transaction.atomic
def add_child(*, ticket_id: UUID, parent_id: UUID, by: Actor, via: Door, at: datetime) -> Ticket:
    """The ticket is part of that major incident, proposed or not. Repeating it changes nothing.

    Raises Forbidden, NotFound, Invalid (the parent is none, or the ticket is one itself), IllegalTransition (either is over).
    """
    ticket, parent = _both(ticket_id, parent_id, "add_child", by)
    asked = _("Ticket {one} was to be put under {other}.").format(one=ticket.number, other=parent.number)
    if not (parent.major or parent.major_proposed) or ticket.major or ticket.major_proposed:
        raise Invalid(
            asked, _("Only under a major incident, and none under another."), _("Make the other one major first.")
        )
    if not (ticket.is_open and parent.is_open):
        raise IllegalTransition(asked, _("One of them is over."), _("Reopen it first."))
    if ticket.parent_id == parent.pk:
        return ticket
    _put_under(ticket, parent, by, via, at)
    return ticket


@transaction.atomic
def remove_child(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> Ticket:
    """It is about something else. Repeating it changes nothing. Raises Forbidden, NotFound."""
    ticket = _locked(ticket_id, "add_child", by)
    if ticket.parent_id is None:
        return ticket
    number = Ticket.objects.values_list("number", flat=True).get(pk=ticket.parent_id)
    ticket.parent, ticket.changed_at = None, at
    ticket.save(update_fields=["parent", "changed_at"])
    _write([_entry(ticket, Entry.Kind.LINKED, by, via, at, facts={"left": number})])
    _record(ticket, CHILD_REMOVED, {"other": number}, by, via, at)
    return ticket


@transaction.atomic
def tell_children(*, ticket_id: UUID, text: str, by: Actor, via: Door, at: datetime) -> int:
    """Everybody under the major incident has one private update on their own ticket, in their own words; returns how many.

    `{name}`, `{number}`, `{service}` and `{title}` stand for what each one is called, has and asked; who writes it is seen
    by nobody else's customer. Raises Forbidden, NotFound, Invalid (no words, an unknown word in braces, no children).
    """
    parent = _locked(ticket_id, "tell_children", by)
    asked = _("All under ticket %d were to be written to.") % parent.number
    if not text.strip():
        raise Invalid(asked, _("There are no words."), _("Write them."), field="text")
    if unknown := decide.unknown_words(text):
        raise Invalid(
            asked,
            _("{{{word}}} stands for nothing.").format(word=unknown[0]),
            _("Use {words}.").format(words=", ".join(f"{{{word}}}" for word in decide.CHILD_WORDS)),
            field="text",
        )
    rows = Ticket.objects.select_for_update(of=("self",)).select_related("brand", "service", "contact", "customer")
    children = [one for one in rows.filter(parent=parent).order_by("id") if one.is_open]
    if not children or not (parent.major or parent.major_proposed):
        raise Invalid(asked, _("There is nobody."), _("Make it a major incident, and put tickets under it."))
    for child in children:
        said = decide.in_their_words(
            text,
            name=child.requester_name,
            number=f"#{child.number}",
            service=child.service.name if child.service else _your_services(child),
            title=child.title,
        )
        entry = _said(child, Entry.Kind.MESSAGE_OUT, Words(said), by, via, at)
        entry.facts = {"parent": parent.number}
        _write([entry])
        child.we_wrote_at = child.changed_at = at
        child.first_response_at = child.first_response_at or at
        child.save(update_fields=["we_wrote_at", "changed_at", "first_response_at"])
        send_to_parties(ticket=child, entry=entry, send_at=at, by=by, via=via, at=at)
    _write([_entry(parent, Entry.Kind.SYSTEM, by, via, at, text=text, facts={"told": len(children)})])
    _record(parent, CHILDREN_TOLD, {"count": len(children)}, by, via, at)
    return len(children)


# --- What was found out comes back -----------------------------------------------------------------------------------


@transaction.atomic
def return_answer(*, ticket_id: UUID, answer: str, by: Actor, via: Door, at: datetime) -> Ticket:
    """What level 2 or 3 found goes back to the engineer who had escalated it, who tells the user, and learns it; where they
    have left us, to the desk.

    Raises Forbidden, NotFound, Invalid (no words), IllegalTransition (it was not escalated, or is over).
    """
    ticket = _locked(ticket_id, "return_answer", by)
    if not answer.strip():
        raise Invalid(_("An answer was to go back."), _("There are no words."), _("Write them."), field="answer")
    if ticket.first_engineer_id is None or not ticket.is_open:
        raise IllegalTransition(
            _("The answer to ticket %d was to go back.") % ticket.number,
            _("It was not escalated by anybody, or it is over."),
            _("Write a note, or resolve it."),
        )
    first = Person.objects.get(pk=ticket.first_engineer_id)
    if ticket.state == Ticket.State.PENDING:
        _move(ticket, Verb.RESUME, by, via, at)
    step = _("Tell the user, and see that it works")
    to = first if first.active else None
    facts = {"returned": True, "assignee": to.pk if to else None, "level": "1"}
    if ticket.next_step_at is None or ticket.next_step_at <= at:
        _move(ticket, Verb.ASSIGN, by, via, at, facts=facts, next_step=step, next_step_at=at + timedelta(hours=4))
    else:
        _move(ticket, Verb.ASSIGN, by, via, at, facts=facts, next_step=step, next_step_at=ticket.next_step_at)
    ticket.assignee, ticket.team, ticket.level = to, None, Ticket.Level.ONE
    ticket.save(update_fields=[*MOVED, "assignee", "team", "level"])
    note = _said(ticket, Entry.Kind.NOTE, Words(answer), by, via, at)
    note.public = False
    _write([note])
    if to is not None:
        Lesson.objects.create(ticket=ticket, person=to, answered_by=by.name[:120], answer=answer.strip(), made_at=at)
    cause = _record(ticket, ANSWER_RETURNED, {"to": to.name if to else _("the desk")}, by, via, at)
    title = _("The answer to ticket #%d is here") % ticket.number
    _tell(queries.who_works_on(ticket), ticket, title, answer, cause, by, via, at)
    return ticket


@dataclass(frozen=True, slots=True)
class Change:
    """Other words for a procedure, written over its version `over`, and why; see `propose_change`."""

    procedure_id: int
    body: str
    why: str
    over: int


@transaction.atomic
def confirm_lesson(*, lesson_id: int, change: Change | None = None, by: Actor, via: Door, at: datetime) -> Lesson:
    """Whoever had escalated it has learned the answer, and where they propose a `change` of a procedure by it, its owner
    decides.

    Repeating it changes nothing. Raises NotFound (it is not theirs, or no such procedure or version), Forbidden, Invalid.
    """
    lesson = Lesson.objects.select_for_update().filter(pk=lesson_id, person=by.person_id).first()
    if lesson is None or by.person_id is None:
        raise NotFound(_("An answer was to be confirmed."), _("There is none of yours with this id."), "")
    proposes = change if not lesson.proposed else None
    if lesson.confirmed_at is None or proposes is not None:
        ticket = _locked(lesson.ticket_id, "note_ticket", by)
        if proposes is not None:
            lesson.proposed = str(_propose(proposes, ticket, by, via, at).pk)
        lesson.confirmed_at = lesson.confirmed_at or at
        lesson.save(update_fields=["confirmed_at", "proposed"])
        _record(ticket, LESSON_CONFIRMED, {"proposed": lesson.proposed}, by, via, at)
    return lesson


def _propose(change: Change, ticket: Ticket, by: Actor, via: Door, at: datetime) -> Proposal:
    return propose_change(
        procedure_id=change.procedure_id,
        body=change.body,
        why=change.why,
        over=change.over,
        subject=("ticket", str(ticket.pk)),
        by=by,
        via=via,
        at=at,
    )


# --- Alarms, and many who ask at once --------------------------------------------------------------------------------


@transaction.atomic
def take_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The page that began belongs to a ticket: to that which it was raised for, to an open one of the same part, or to a
    new one, as the brand's rules say. Repeating it changes nothing. Returns what was done.
    """
    page = Page.objects.filter(pk=page_id).first()
    if page is None or page.shadow or page.folded_into_id is not None or TicketPage.objects.filter(page=page).exists():
        return _("Nothing was to be done.")
    raised_for = page.details.get("ticket") if isinstance(page.details, dict) else None
    found = Ticket.objects.filter(pk=raised_for, brand=page.brand_id).first() if raised_for else None
    if found is None:
        rules = Rules.objects.filter(brand=page.brand_id).first()
        if rules is None or not _becomes_ticket(rules, page):
            return _("The brand's rules make no ticket of it.")
        one_at_a_time(f"desk_part_{page.integration_id}_{page.service_id}_{page.component}")
        found = queries.open_ticket_of_part(page)
        if found is not None:
            said = _("It happened again: {title} (page {code}).").format(title=page.title, code=page.code)
            _write([_entry(found, Entry.Kind.SYSTEM, by, via, at, text=said, automatic=True)])
        else:
            impact, urgency = decide.PRIORITY_CELLS[page.priority]
            found = open_ticket(
                brand_id=page.brand_id,
                title=page.title,
                words=Words(_("Page {code}: {title}").format(code=page.code, title=page.title), automatic=True),
                customer_id=page.customer_id,
                trust=Ticket.Trust.MACHINE,
                service_id=page.service_id,
                impact=impact,
                urgency=urgency,
                tags=["alarm"],
                next_step=_("See what it touches, and who must be told"),
                next_step_at=at + timedelta(minutes=30),
                wakes=False,
                by=by,
                via=via,
                at=at,
            )
    TicketPage.objects.create(ticket=found, page=page)
    _record(found, TICKET_OF_PAGE, {"code": page.code, "page": str(page.pk)}, by, via, at)
    return _("It belongs to ticket #{number}.").format(number=found.number)


@transaction.atomic
def note_page_taken(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Whoever took the page works on its ticket, where nobody did. Returns what was done."""
    page = Page.objects.select_related("owner").filter(pk=page_id).first()
    ticket = _ticket_of(page_id, by)
    if page is None or page.owner is None or ticket is None or not ticket.is_open:
        return _("Nothing was to be done.")
    if ticket.state in (Ticket.State.NEW, Ticket.State.ASSIGNED):
        _move(ticket, Verb.START, by, via, at, facts={"page": page.code, "assignee": page.owner.pk})
    if ticket.assignee_id is None:
        ticket.assignee = page.owner
    ticket.save(update_fields=[*MOVED, "assignee"])
    _record_move(ticket, by, via, at)
    return _("{name} works on ticket #{number}.").format(name=page.owner.name, number=ticket.number)


@transaction.atomic
def note_page_over(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The page is over: its ticket says so, and where no person ever touched it and no customer asked, it is resolved."""
    page = Page.objects.filter(pk=page_id).first()
    ticket = _ticket_of(page_id, by)
    if page is None or ticket is None or not ticket.is_open or page.state != Page.State.RESOLVED:
        return _("Nothing was to be done.")
    if clock_queries.has_open_page(ticket):
        return _("Another page of its ticket is open.")
    helped = page.resolution or _("The alarm ended by itself.")
    said = _("Page {code} is over: {what}").format(code=page.code, what=helped)
    _write([_entry(ticket, Entry.Kind.SYSTEM, by, via, at, text=said, automatic=True)])
    ticket.changed_at = at
    if ticket.trust != Ticket.Trust.MACHINE or ticket.assignee_id is not None or ticket.customer_wrote_at is not None:
        ticket.save(update_fields=["changed_at"])
        _record(ticket, TICKET_OF_PAGE, {"code": page.code, "over": True}, by, via, at)
        return _("Its ticket says so.")
    ticket.what_was_wrong, ticket.what_was_done, ticket.what_to_do = ticket.title, helped, _("Nothing")
    _move(ticket, Verb.RESOLVE, by, via, at)
    ticket.save(update_fields=[*MOVED, "what_was_wrong", "what_was_done", "what_to_do"])
    _record_move(ticket, by, via, at)
    return _("Its ticket is resolved.")


@transaction.atomic
def note_step(*, subject: tuple[str, str], text: str, run_id: UUID, by: Actor, via: Door, at: datetime) -> Entry | None:
    """What became of a check-step stands in the ticket that it was done for, or in that of the page; None where there is none.

    Whoever takes the ticket over reads it among the rest (`queries.story_so_far`).
    """
    kind_of, subject_id = subject
    if kind_of == "page":
        ticket = _ticket_of(UUID(subject_id), by)
    else:
        ticket = _locked(UUID(subject_id), None, by) if kind_of == "ticket" else None
    if ticket is None:
        return None
    entry = _entry(ticket, Entry.Kind.SYSTEM, by, via, at, text=text, facts={"run": str(run_id)})
    _write([entry])
    ticket.changed_at = at
    ticket.save(update_fields=["changed_at"])
    return entry


@transaction.atomic
def gather_surge(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Where several customers asked within minutes about one service, a major incident is proposed that gathers their
    tickets, and somebody is paged; while that is open, who asks joins it. Returns what was done.
    """
    ticket = next(iter(fetch(Ticket, "SELECT * FROM desk_ticket WHERE id = %s", [ticket_id])), None)
    if ticket is None or ticket.contacted_at is None or ticket.parent_id is not None or not ticket.is_open:
        return _("Nothing was to be done.")
    if ticket.customer_id is None or not queries.services_of(ticket):
        return _("Nobody else asks about it.")
    contacts, rows = queries.contacts_lately(ticket, decide.SURGE_WITHIN)
    if ticket.pk not in contacts:
        return _("An open outage explains it.")
    mine = contacts[ticket.pk].about
    gathers = queries.surge_about(ticket.brand_id, mine)
    thing = decide.shared_thing(contacts.values(), ticket.contacted_at)
    if gathers is None and (thing is None or thing not in mine):
        return _("Nobody else asks about it.")
    if gathers is None:
        one_at_a_time(f"desk_surge_{ticket.brand_id}")
        gathers = queries.surge_about(ticket.brand_id, mine)
    if gathers is not None:
        locked, parent = _locked(ticket.pk, None, by), gathers.ticket
        if locked.is_open and locked.parent_id is None and not locked.major:
            _put_under(locked, parent, by, via, at)
        return _("It is part of #{number}.").format(number=parent.number)
    assert thing is not None
    asking = [rows[pk] for pk, one in contacts.items() if thing in one.about]
    count = len({one.customer_id for one in asking})
    service = Service.objects.filter(pk=thing[1]).first() if thing[0] == "service" else None
    part = Part.objects.filter(pk=thing[1]).first() if thing[0] == "part" else None
    name = (service or part or ticket).__str__()
    title = _("{count} customers at once: {service}").format(count=count, service=name)
    parent = open_ticket(
        brand_id=ticket.brand_id,
        title=title,
        words=Words("\n".join(f"#{one.number} {one.title}" for one in asking), automatic=True),
        trust=Ticket.Trust.MACHINE,
        service_id=service.pk if service is not None else None,
        impact="high",
        urgency="medium",
        next_step=_("Say whether it is an outage"),
        next_step_at=at + timedelta(minutes=15),
        wakes=False,
        by=by,
        via=via,
        at=at,
    )
    parent.major_proposed = True
    parent.save(update_fields=["major_proposed"])
    Surge.objects.create(brand_id=ticket.brand_id, service=service, part=part, ticket=parent, at=at)
    for one in asking:
        locked = _locked(one.pk, None, by)
        if locked.is_open and locked.parent_id is None and not locked.major:
            _put_under(locked, parent, by, via, at)
    rules = queries.rules_of(ticket.brand_id)
    page = trigger_page(
        brand_id=ticket.brand_id,
        title=title,
        priority="P2",
        policy_id=rules.surge_policy_id,
        service_id=service.pk if service is not None else None,
        details={"ticket": str(parent.pk), "number": parent.number},
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
    some = [contacts[one.pk] for one in asking]
    failed = thing if part is not None else decide.shared_thing(some, ticket.contacted_at, kind="part")
    if failed is not None:
        outage = propose_outage(
            brand_id=ticket.brand_id,
            title=title,
            parts={failed[1]: int(Effect.DOWN)},
            origin=Outage.Origin.CONTACTS,
            page_id=page.pk,
            began_at=min(one.at for one in some),
            by=SCHEDULER,
            via=Door.WORKER,
            at=at,
        )
        parent.outage = outage
        parent.save(update_fields=["outage"])
    facts = {"count": count, "service": name, "page": str(page.pk), "outage": str(parent.outage_id or "")}
    _record(parent, SURGE_SEEN, facts, by, via, at)
    return _("#{number} gathers {count} customers.").format(number=parent.number, count=count)


# --- Beneath ---------------------------------------------------------------------------------------------------------


def _row(ticket_id: UUID, verb: str | None, by: Actor) -> Ticket:
    """The ticket itself under its row's lock, also one that was merged away; `_locked` would give its survivor."""
    found = Ticket.objects.select_for_update().filter(pk=ticket_id).first()
    if found is None:
        raise NotFound(_("Ticket %s was asked for.") % ticket_id, _("There is no such ticket."), _("Look at the list."))
    if verb is not None:
        _require(by, verb, found.brand_id, found.customer_id)
    return found


def _both(ticket_id: UUID, other_id: UUID, verb: str, by: Actor) -> tuple[Ticket, Ticket]:
    """Both under their rows' locks, taken in the order of their ids, so that two who do it at once do not wait in a circle."""
    if ticket_id == other_id:
        raise Invalid(_("Two tickets were named."), _("They are the same one."), _("Name another one."))
    rows = {one: _row(one, verb, by) for one in sorted((ticket_id, other_id))}
    ticket, other = rows[ticket_id], rows[other_id]
    if ticket.brand_id != other.brand_id:
        raise Invalid(
            _("Two tickets were named."), _("They are of different brands."), _("Name one of the same brand.")
        )
    return ticket, other


def _join_parties(ticket: Ticket, survivor: Ticket) -> list[str]:
    """Those of the one who are now written to about the other as well, who asked for it too where nobody did; addresses."""
    there = dict(Party.objects.filter(ticket=survivor).values_list(Lower("address"), "role"))
    is_asked = Party.Role.REQUESTER in there.values()
    fresh = [
        one
        for one in Party.objects.filter(ticket=ticket).exclude(role=Party.Role.REMOVED)
        if one.address.lower() not in there
    ]
    Party.objects.bulk_create(
        [
            Party(
                ticket=survivor,
                address=one.address,
                name=one.name,
                contact=one.contact,
                role=Party.Role.CC if is_asked else one.role,
            )
            for one in fresh
        ]
    )
    return [one.address for one in fresh]


def _join_watchers(ticket: Ticket, survivor: Ticket) -> list[int]:
    """Those who watch the one and now watch the other as well; ids of persons."""
    there = Watch.objects.filter(ticket=survivor).values("person")
    fresh = list(Watch.objects.filter(ticket=ticket).exclude(person__in=there).values_list("person", "mentioned"))
    Watch.objects.bulk_create([Watch(ticket=survivor, person_id=one, mentioned=named) for one, named in fresh])
    return [one for one, _named in fresh]


def _take_over(ticket: Ticket, survivor: Ticket) -> dict[str, list[Any]]:
    """What the survivor, which the caller saves, has of the one now: {column: [before, after]}."""
    wanted: dict[str, Any] = {}
    if survivor.customer_id is None and ticket.customer_id is not None:
        wanted = {name: getattr(ticket, name) for name in TAKEN_OVER if not getattr(survivor, name)}
    if ticket.needs_proof:
        if ticket.proved_at is None or not survivor.needs_proof:
            survivor.proved_at = ticket.proved_at
        wanted["needs_proof"] = True
    taken = {name: [getattr(survivor, name), value] for name, value in wanted.items() if value}
    for name, (_before, value) in taken.items():
        setattr(survivor, name, value)
    return {name: both for name, both in taken.items() if both[0] != both[1]}


def _move_entries(entry_ids: Sequence[Any], ticket: Ticket, to: Ticket) -> None:
    """What was said goes to the other ticket, and with it the ids by which answers to it find their ticket."""
    Entry.objects.filter(pk__in=entry_ids, ticket=ticket).update(ticket=to)
    ids = MessageId.objects.filter(entry__in=entry_ids, ticket=ticket)
    ids.exclude(message_id__in=MessageId.objects.filter(ticket=to).values("message_id")).update(ticket=to)


def _your_services(ticket: Ticket) -> str:
    """What stands for the service of a ticket that names none, in its customer's language."""
    with translation.override(ticket.customer.language if ticket.customer else ticket.brand.language):
        return _("your services")


def _check_may_be_major(ticket: Ticket) -> None:
    if not ticket.is_open or ticket.parent_id is not None:
        raise IllegalTransition(
            _("Ticket %d was to be a major incident.") % ticket.number,
            _("It is over, or part of another one."),
            _("Reopen it, or take it from the other one first."),
        )


def _put_under(ticket: Ticket, parent: Ticket, by: Actor, via: Door, at: datetime) -> None:
    ticket.parent, ticket.changed_at = parent, at
    ticket.save(update_fields=["parent", "changed_at"])
    _write([_entry(ticket, Entry.Kind.LINKED, by, via, at, facts={"parent": parent.number})])
    _record(ticket, CHILD_ADDED, {"other": parent.number}, by, via, at)


def _ticket_of(page_id: UUID, by: Actor) -> Ticket | None:
    found = TicketPage.objects.filter(page=page_id).values_list("ticket_id", flat=True).first()
    return _locked(found, None, by) if found is not None else None


def _becomes_ticket(rules: Rules, page: Page) -> bool:
    if page.integration_id is None or rules.tickets_from_pages == Rules.FromPages.NONE:
        return False
    return rules.tickets_from_pages == Rules.FromPages.ALL or page.priority <= 3
