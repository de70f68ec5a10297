"""The verbs of tickets. Each writes the ticket, its story, the journal and what is promised in one transaction.

A ticket is changed under its row's lock. One that was merged away passes what is said of it on to its survivor. The story
(`Entry`) is what people and clocks read; the journal says the same to the record.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import forbidden, require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.files import keep_file
from nightdesk.base.ids import uuid7
from nightdesk.base.memory import forget
from nightdesk.base.promises import gathered, promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.rows import change, fetch, insert
from nightdesk.base.unique import unless_taken
from nightdesk.base.words import gettext as _
from nightdesk.channels.actions import Recipient, drop_recipient, queue_message
from nightdesk.channels.mail_form import MailForm
from nightdesk.customers.models import Contact, Contract, Customer, Service, Subscription
from nightdesk.customers.priority import Impact, Priority, Urgency, priority_of, table_with
from nightdesk.customers.promised import Cover
from nightdesk.customers.queries import numbers_on_record, promised_now, promised_to
from nightdesk.desk import attaching, clock_queries, clock_wording, decide, mail_out, mail_queries, queries, scanning
from nightdesk.desk.chasing import promise_chases
from nightdesk.desk.clock import Event, Telling
from nightdesk.desk.clock_promises import promise_clocks
from nightdesk.desk.clock_rules import clock_rules_from
from nightdesk.desk.decide import ContactKind, Level, PendingReason, State, Verb
from nightdesk.desk.models import (
    Attachment,
    Entry,
    Lesson,
    Link,
    MessageId,
    Party,
    Queue,
    Rules,
    TeamRule,
    Ticket,
    TicketPage,
    Watch,
)
from nightdesk.desk.wording import clipped, own_part
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.mailroom.addressing import is_usable
from nightdesk.paging.actions import trigger_page
from nightdesk.paging.models import Policy
from nightdesk.paging.telling import tell_quietly
from nightdesk.people.models import Person, Team

TICKET_OPENED = kind("ticket.opened", gettext_lazy("{by} opened ticket {number}"))
TICKET_WRITTEN_TO = kind("ticket.written-to", gettext_lazy("{by} wrote to ticket {number}"))
TICKET_CONTACTED = kind("ticket.contacted", gettext_lazy("{by} came to us anew about ticket {number}"))
TICKET_ANSWERED = kind("ticket.answered", gettext_lazy("{by} wrote to the customer of ticket {number}"))
TICKET_NOTED = kind("ticket.noted", gettext_lazy("{by} noted on ticket {number}"))
TICKET_ASSIGNED = kind("ticket.assigned", gettext_lazy("{by} gave ticket {number} to {to}"))
TICKET_PUT_BACK = kind("ticket.put-back", gettext_lazy("{person} has left, and ticket {number} was put back"))
TICKET_MOVED = kind("ticket.moved", gettext_lazy("{by}: ticket {number} is {state} now"))
TICKET_ESCALATED = kind("ticket.escalated", gettext_lazy("{by} escalated ticket {number} to {to}: {why}"))
TICKET_RAISED = kind("ticket.raised", gettext_lazy("{by} brought ticket {number} before {to}: {why}"))
TICKET_EDITED = kind("ticket.edited", gettext_lazy("{by} changed ticket {number}: {what}"))
NEXT_STEP_SET = kind("ticket.next-step", gettext_lazy("{by} said what happens next on ticket {number}"))
CLOCK_WARNED = kind("ticket.clock-warned", gettext_lazy("On ticket {number} {what} is nearly due"))
CLOCK_BREACHED = kind("ticket.clock-breached", gettext_lazy("On ticket {number} {what} is late"))
NEXT_STEP_LATE = kind("ticket.next-step-late", gettext_lazy("The next step of ticket {number} is late"))
TICKET_WATCHED = kind("ticket.watched", gettext_lazy("{by} watches ticket {number}"))
TICKET_UNWATCHED = kind("ticket.unwatched", gettext_lazy("{by} no longer watches ticket {number}"))
PARTY_SET = kind("ticket.party-set", gettext_lazy("{by} changed who is written to about ticket {number}"))
IDENTITY_PROVED = kind("ticket.proved", gettext_lazy("{by} made sure who asked for ticket {number}: {how}"))
RULES_SAVED = kind("desk.rules-saved", gettext_lazy("{by} changed the rules of the desk"))
TEAM_RULE_SAVED = kind("desk.team-rule-saved", gettext_lazy("{by} changed what {team} may do on tickets"))
QUEUE_SAVED = kind("desk.queue-saved", gettext_lazy("{by} changed the queue {name}"))

NEXT_STEP, CLOSE, RECOUNT = "ticket.next_step", "ticket.close", "ticket.recount_clocks"
PUT_BACK = "ticket.put_back"
"""Promises: to say that a next step is late; to close what was resolved and not spoken of again; to follow a contract."""
CHECK_SENT = "ticket.check_sent"
"""Promise: to look whether what was written to a customer has left."""

RECOUNTED_TOGETHER = 200

FIRST_NUMBER = 1001
TITLE_LENGTH = 300
LONGEST_TEXT = 200_000
MOST_FILES = 50
SENT_WITHIN = timedelta(minutes=15)
"""After so long it is looked whether a reply has left."""
LONGEST_TOLD = 4000
LOOK_WITHIN = timedelta(days=1)
"""When somebody looks at a ticket of somebody to whom no contract promises anything."""

MOVED = ("state", "pending_reason", "resolved_at", "closed_at", "reopened", "next_step", "next_step_at", "changed_at")
"""What `_move` writes; whoever calls it saves these."""


class StoryMovedOn(IllegalTransition):
    """Somebody has written meanwhile; `extra` says who, and when."""

    code = "story-moved-on"
    title = "Somebody has written meanwhile"


class KindOfContactNeeded(Invalid):
    """Level 2 or 3 writes to a user only for a stated reason that the team's rule allows."""

    code = "kind-of-contact-needed"
    title = "Say why you write to them yourself"


class ProofNeeded(IllegalTransition):
    """Who gets in is only changed once it is sure who asked."""

    code = "proof-needed"
    title = "It is not sure yet who asked for this"


@dataclass(frozen=True, slots=True)
class File:
    """Something attached. `content_id`: what HTML calls it by, without angle brackets; `inline`: shown in the text."""

    name: str
    media_type: str
    content: bytes
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody says. `html` is safe already. `mail_id`: the mail that it came as. `automatic`: no person wrote it.

    Of a mail: `message_id` is its own, `named` those that it answers. `said_by`: whose words they are, where somebody else
    passes them on. `facts` go with the entry.
    """

    text: str
    html: str = ""
    files: Sequence[File] = ()
    mail_id: UUID | None = None
    automatic: bool = False
    public: bool = True
    message_id: str = ""
    named: Sequence[str] = ()
    said_by: Actor | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


# --- How the desk works ----------------------------------------------------------------------------------------------


@transaction.atomic
def save_desk_rules(*, brand_id: int, fields: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> Rules:
    """The brand's rules are those of `fields` (columns of `Rules`; what is not named stays).

    Raises Forbidden, NotFound (a team of another brand), Invalid, BadPriorityTable, BadClockRules.
    """
    require(by, "save_desk_rules", brand_id)
    known = {"owner_id", "priorities", "reopens_within_days", "closes_after_days", "asks_again_after_days"}
    known |= {"address", "emergency_number", "signatures", "tickets_from_pages", "surge_policy_id", "surveys", "clocks"}
    if unknown := sorted(set(fields) - known):
        raise Invalid(_("The rules of the desk were to change."), _("They have no %s.") % unknown[0], "")
    if "priorities" in fields:
        table_with(fields["priorities"])
    if "clocks" in fields:
        clock_rules_from(fields["clocks"])
    if fields.get("owner_id") is not None:
        _own(Team, fields["owner_id"], brand_id)
    _check_mail_rules(fields)
    if fields.get("surge_policy_id") is not None:
        _own(Policy, fields["surge_policy_id"], brand_id)
    if fields.get("tickets_from_pages", Rules.FromPages.NONE) not in Rules.FromPages:
        raise Invalid(
            _("The rules of the desk were to change."),
            _("Pages make tickets as none, urgent or all."),
            _("Give one of these."),
        )
    rules, _made = Rules.objects.select_for_update().get_or_create(brand_id=brand_id)
    for name, value in fields.items():
        setattr(rules, name, value)
    rules.save(update_fields=[*fields])
    if "clocks" in fields:
        _promise_recount(("brand", brand_id), at)
    queries.forget_desks()
    record(RULES_SAVED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=dict(fields))
    return rules


def _check_mail_rules(fields: Mapping[str, Any]) -> None:
    """Raise Invalid for an address or signatures that no mail can have."""
    asked = _("The rules of the desk were to change.")
    if (address := str(fields.get("address", ""))) and not is_usable(address.strip().lower()):
        raise Invalid(asked, _("{address} is no address.").format(address=address), _("Give one."), field="address")
    signatures = fields.get("signatures", {})
    if not isinstance(signatures, dict) or not all(isinstance(text, str) for text in signatures.values()):
        raise Invalid(
            asked, _("Signatures are texts by language."), _('Give such as {"en-gb": "..."}.'), field="signatures"
        )


@transaction.atomic
def save_team_rule(
    *, team_id: int, level: str, contact_kinds: Sequence[str], by: Actor, via: Door, at: datetime
) -> TeamRule:
    """The team works on that level, and speaks to users itself for these reasons alone. Raises Forbidden, NotFound, Invalid."""
    team = Team.objects.filter(id=team_id).first()
    require(by, "save_team_rule", team.brand_id if team else None)
    if team is None:
        raise NotFound(_("A team's rule was to change."), _("There is no such team."), _("Look at the list of teams."))
    if level not in TeamRule.Level or not set(contact_kinds) <= set(ContactKind):
        raise Invalid(
            _("A team's rule was to change."),
            _("There are levels 1 to 3, and the kinds of contact {kinds}.").format(kinds=", ".join(ContactKind)),
            _("Give one of these."),
        )
    kinds = [kind for kind in ContactKind if kind in contact_kinds]
    rule, _made = TeamRule.objects.update_or_create(team=team, defaults={"level": level, "contact_kinds": kinds})
    facts = {"team": team.name, "level": level, "contact_kinds": kinds}
    record(TEAM_RULE_SAVED, subject=("team", team.pk), by=by, via=via, at=at, brand_id=team.brand_id, facts=facts)
    return rule


@transaction.atomic
def save_queue(
    *,
    brand_id: int,
    queue_id: int | None = None,
    name: str,
    address: str = "",
    team_id: int | None = None,
    waits_for_day: bool = False,
    needs_proof: bool = False,
    work_type: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Queue:
    """A queue of the brand, new or changed. Raises Forbidden, NotFound, Invalid (its name or address is another's)."""
    require(by, "save_queue", brand_id)
    queue = Queue(brand_id=brand_id)
    if queue_id is not None:
        queue = _own(Queue, queue_id, brand_id)
    queue.name, queue.address = one_line(name, 60, _("name")), address.strip().lower()[:200]
    queue.team = _own(Team, team_id, brand_id) if team_id is not None else None
    queue.waits_for_day, queue.needs_proof = waits_for_day, needs_proof
    queue.work_type = work_type.strip()[:60]
    with unless_taken(
        _("A queue %s was to be kept.") % queue.name, _("Its name or address is another's."), _("Take another.")
    ):
        if queue.pk is None:
            queue.save(force_insert=True)
        else:
            queue.save(update_fields=["name", "address", "team", "waits_for_day", "needs_proof", "work_type"])
    record(QUEUE_SAVED, subject=("queue", queue.pk), by=by, via=via, at=at, brand_id=brand_id, facts={"name": name})
    return queue


# --- Opening, and what the customer says -----------------------------------------------------------------------------


@transaction.atomic
def open_ticket(
    *,
    brand_id: int,
    kind: str = "incident",
    title: str,
    words: Words | None = None,
    customer_id: int | None = None,
    contact_id: int | None = None,
    requester_address: str = "",
    requester_name: str = "",
    copies: Sequence[tuple[str, str]] = (),
    removed: Sequence[tuple[str, str]] = (),
    trust: str = "staff",
    service_id: int | None = None,
    subscription_id: int | None = None,
    work_type: str = "",
    impact: str = "medium",
    urgency: str = "medium",
    queue_id: int | None = None,
    tags: Sequence[str] = (),
    needs_proof: bool = False,
    next_step: str = "",
    next_step_at: datetime | None = None,
    follows_id: UUID | None = None,
    wakes: bool = True,
    at_once: bool = False,
    asked_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Ticket:
    """A new ticket, owned by the desk. `copies` are (address, name) of those who are written to as well, `removed` of those
    who are not to be. `subscription_id`: which of theirs it is about, and so its service.

    It owes an answer where a customer says the words, or somebody takes them down for a contact or requester who is named;
    `asked_at`: when the customer asked, where it was before and elsewhere.

    Without a next step somebody looks at it when the contract promises so. Where it `wakes` and the contract lets this
    priority wake somebody, and the contact may call at night, the night's engineer is paged; `at_once` without a contract
    too, as for a peer. `follows_id`: the closed ticket that it goes on from. What a customer's words or the queue say to
    change who gets in `needs_proof` too. Raises Forbidden, NotFound (something of another brand), Invalid.
    """
    contact = _own_contact(contact_id, brand_id)
    customer_id = customer_id if customer_id is not None or contact is None else contact.customer_id
    _require(by, "open_ticket", brand_id, customer_id, contact)
    title = " ".join(title.split())[:TITLE_LENGTH]
    if not title:
        raise Invalid(_("A ticket was to be opened."), _("It has no title."), _("Say in one line what it is about."))
    if kind not in Ticket.Kind:
        raise Invalid(
            _("A ticket was to be opened."), _("{kind} is no kind.").format(kind=kind), _("Give incident or request.")
        )
    if customer_id is not None and contact is None:
        _own(Customer, customer_id, brand_id)
    if contact is not None and contact.customer_id != customer_id:
        raise Invalid(
            _("A ticket was to be opened."), _("The contact is another customer's."), _("Choose one of theirs.")
        )
    if subscription_id is not None:
        service_id = _bought(subscription_id, customer_id).service_id
    elif service_id is not None:
        _own(Service, service_id, brand_id)
    queue = _own(Queue, queue_id, brand_id) if queue_id is not None else None
    work_type = work_type or (queue.work_type if queue else "")
    rules = queries.rules_of(brand_id)
    priority = _priority(rules, impact, urgency)
    cover = promised_to(contact, customer_id, priority, at, work_type or None)
    step, step_at = _first_step(next_step, next_step_at, cover, at)
    if _asks(words, by, named=bool(contact or requester_name.strip() or requester_address.strip())):
        asked_at = at
    asks_in = _asks_for_access(title, words, by)
    ticket = Ticket(
        id=uuid7(at),
        brand_id=brand_id,
        number=_next_number(brand_id),
        kind=kind,
        title=title,
        customer_id=customer_id,
        contact=contact,
        requester_address=(requester_address or (contact.email if contact else "")).strip().lower()[:320],
        requester_name=(requester_name or (contact.name if contact else "")).strip()[:200],
        trust=trust,
        service_id=service_id,
        subscription_id=subscription_id,
        work_type=work_type.strip()[:60],
        impact=impact,
        urgency=urgency,
        priority=int(priority[1:]),
        owner_id=rules.owner_id,
        team=queue.team if queue else None,
        queue=queue,
        tags=_tags(tags),
        needs_proof=needs_proof or bool(asks_in) or (queue is not None and queue.needs_proof),
        next_step=step,
        next_step_at=step_at,
        came_by=via,
        opened_at=at,
        changed_at=at,
        customer_wrote_at=asked_at,
        contacted_at=asked_at,
    )
    if contact is not None:
        ticket.customer = contact.customer
    insert([ticket])
    opened = {"from": "", "to": "new", "priority": ticket.priority, "asked": asked_at is not None}
    entries = [_entry(ticket, Entry.Kind.MOVED, by, via, at, facts=opened)]
    if asks_in and not needs_proof:
        hint = _(
            "“{words}”: it may change who gets in, so make sure first who asks. If it does not, take that off the ticket."
        )
        entries.append(
            _entry(ticket, Entry.Kind.SYSTEM, SCHEDULER, via, at, text=hint.format(words=asks_in), automatic=True)
        )
    if words is not None:
        entries.append(_said(ticket, _kind_of_words(words.said_by or by), words, by, via, at))
    with gathered():
        _write(entries, words)
        _promise_step(ticket, at)
        told = {"priority": priority, "follows": str(follows_id or "")}
        _record(ticket, TICKET_OPENED, told, by, via, at, text=title)
    _first_parties(ticket, copies, removed)
    if follows_id is not None:
        Link.objects.create(ticket=ticket, other_id=follows_id, kind=Link.Kind.FOLLOWS)
    if wakes and _wakes(ticket, queue, cover, words, at_once=at_once):
        _page(ticket, at)
    return ticket


@transaction.atomic
def take_message(
    *,
    ticket_id: UUID,
    words: Words,
    address: str = "",
    name: str = "",
    copies: Sequence[tuple[str, str]] = (),
    quiet: bool = False,
    anew: Mapping[str, Any] | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Ticket:
    """What the customer's side said is on the ticket: it goes on where it waited for them, and is open again where it was
    resolved. Returns the ticket that has it: the survivor of a merge, or the one that follows what was closed long ago, which
    is opened at their first words.

    A machine's words (`automatic`), and those that are not public, move nothing. `address` and `name` are the writer's, where
    they are no contact. `copies` are written to as well from now on, but for whoever was removed. `quiet`: nobody is told.
    `anew`: what a ticket that follows has other than the old one (arguments of `open_ticket`).
    Raises Forbidden, NotFound, Invalid.
    """
    ticket = _locked(ticket_id, "take_message", by)
    _check_words(words)
    rules = queries.rules_of(ticket.brand_id)
    follows = decide.on_message(
        State(ticket.state),
        PendingReason(ticket.pending_reason) if ticket.pending_reason else None,
        automatic=words.automatic or not words.public,
        closed_at=ticket.closed_at,
        at=at,
        policy=queries.policy_of(rules),
    )
    if follows is decide.Follows.NEW_TICKET:
        said: dict[str, Any] = {"words": words, "copies": copies, "by": by, "via": via, "at": at}
        wanted = _as_before(ticket, by) | dict(anew or {})
        if address:
            wanted |= {"requester_address": address, "requester_name": name}
        asks = wanted["requester_address"].strip().lower()
        later_id = queries.followed_by(ticket, wanted["customer_id"], asks)
        if later_id is not None:
            return take_message(ticket_id=later_id, address=address, name=name, quiet=quiet, anew=anew, **said)
        removed = [one for one in queries.removed_from(ticket) if one[0] != asks]
        return open_ticket(brand_id=ticket.brand_id, removed=removed, follows_id=ticket.id, **wanted, **said)
    author = words.said_by or by
    _write([_said(ticket, _kind_of_words(author), words, by, via, at)], words)
    _add_copies(ticket, copies)
    changed = ["changed_at"]
    ticket.changed_at = at
    if not words.automatic and words.public and _is_customer(author):
        if decide.asks_anew(follows, ticket.customer_wrote_at, ticket.we_wrote_at, at):
            ticket.contacted_at = at
            _record(ticket, TICKET_CONTACTED, {}, by, via, at)
        ticket.customer_wrote_at = at
        changed += ["customer_wrote_at", "contacted_at"]
    if follows is decide.Follows.RESUMES:
        _move(ticket, Verb.RESUME, by, via, at, next_step=_answer_step(), next_step_at=_answer_by(ticket, at))
    elif follows is decide.Follows.REOPENS:
        step, step_at = _answer_step(), _answer_by(ticket, at)
        _move(ticket, Verb.REOPEN, by, via, at, facts={"asked": True}, next_step=step, next_step_at=step_at)
    change(ticket, (*MOVED, *changed[1:]) if follows is not decide.Follows.NOTHING else tuple(changed))
    if ticket.outage_id is not None and not words.automatic:
        promise_clocks(ticket, at)  # what an outage opened is nobody's work before
    cause = _record(ticket, TICKET_WRITTEN_TO, {"follows": follows}, by, via, at)
    if not words.automatic and not quiet:
        told = _("%(name)s wrote") % {"name": author.name}
        _tell_staff(ticket, told, own_part(words.text), cause, by, via, at, answers=True)
    return ticket


# --- What we say -----------------------------------------------------------------------------------------------------


@transaction.atomic
def reply_to_customer(
    *,
    ticket_id: UUID,
    words: Words,
    contact_kind: str = "",
    by_phone: bool = False,
    then: Literal["", "wait"] = "",
    why_now: str = "",
    seen_id: UUID | None = None,
    next_step: str = "",
    next_step_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Entry:
    """The words are on the ticket and go to all its parties. Nobody had begun: it is in progress now.

    `then` "wait": it waits for their answer. Level 2 and 3 name the kind of contact, and their team's rule must allow it;
    the desk is told. `by_phone`: they have heard it already, and nothing is sent. Out of hours, to a customer whose contract
    answers nothing then, it goes out at the opening, unless `why_now` says why not. `seen_id`: the last entry that the writer
    has seen; where the customer or a colleague has written since, it is refused. Where there is a scanner nothing leaves that
    it has not seen. Raises Forbidden, NotFound, Invalid, KindOfContactNeeded, StoryMovedOn, FileNotClean, IllegalTransition.
    """
    _check_files(words)  # before the ticket is locked, as a scanner may take its time
    ticket = _locked(ticket_id, "reply_to_customer", by)
    _check_words(words)
    if not words.text.strip() and not words.files:
        raise Invalid(_("A customer was to be answered."), _("There are no words."), _("Write them."), field="text")
    if ticket.state in (Ticket.State.CLOSED, Ticket.State.CANCELLED):
        raise IllegalTransition(
            _("A customer was to be answered."),
            _("Ticket {number} is {state}.").format(number=ticket.number, state=_stands(ticket)),
            _("Reopen it first, or open a new one."),
        )
    level = _check_contact(ticket, contact_kind, by)
    _check_seen(ticket, seen_id)
    send_at, held = (at, {"by_phone": True}) if by_phone else _when_sent(ticket, why_now, at)
    facts: dict[str, Any] = {"level": level, **held}
    entry = _said(ticket, Entry.Kind.MESSAGE_OUT, words, by, via, at)
    entry.contact_kind, entry.facts = contact_kind, {**entry.facts, **facts}
    _write([entry], words)
    changed = ["changed_at", "we_wrote_at"]
    ticket.changed_at = ticket.we_wrote_at = at
    if ticket.first_response_at is None and not words.automatic and by.kind == "person":
        ticket.first_response_at = send_at
        changed.append("first_response_at")
    if State(ticket.state) in (State.NEW, State.ASSIGNED) and by.kind == "person" and not words.automatic:
        _move(ticket, Verb.START, by, via, at)
        if ticket.assignee_id is None and by.person_id is not None:
            ticket.assignee_id = by.person_id
            changed.append("assignee")
    if then == "wait" and ticket.state in (Ticket.State.ASSIGNED, Ticket.State.IN_PROGRESS):
        policy = queries.policy_of(queries.rules_of(ticket.brand_id))
        _move(
            ticket,
            Verb.WAIT,
            by,
            via,
            at,
            reason=PendingReason.AWAITING_CALLER,
            next_step=next_step or _("Ask again if there is no answer"),
            next_step_at=next_step_at or at + policy.asks_again_after,
        )
    elif next_step or next_step_at:
        _set_step(ticket, next_step or ticket.next_step, next_step_at or ticket.next_step_at, at)
    ticket.save(update_fields=list({*MOVED, *changed}))
    cause = _record(ticket, TICKET_ANSWERED, {"contact_kind": contact_kind, **facts}, by, via, at)
    if not by_phone:
        send_to_parties(ticket=ticket, entry=entry, send_at=send_at, by=by, via=via, at=at)
    _tell_desk_of_contact(ticket, level, contact_kind, words.text, cause, by, via, at)
    return entry


@transaction.atomic
def note_ticket(
    *,
    ticket_id: UUID,
    words: Words,
    mentions: Sequence[int] = (),
    quiet: bool = False,
    by: Actor,
    via: Door,
    at: datetime,
) -> Entry:
    """A note among ourselves; it never leaves. The persons in `mentions` watch the ticket now, and are told. `quiet`: nobody
    is told.

    Raises Forbidden, NotFound, Invalid.
    """
    ticket = _locked(ticket_id, "note_ticket", by)
    _check_words(words)
    if not words.text.strip() and not words.files:
        raise Invalid(_("A note was to be written."), _("There are no words."), _("Write them."), field="text")
    entry = _said(ticket, Entry.Kind.NOTE, words, by, via, at)
    entry.public = False
    entry.facts |= {"mentions": list(mentions)} if mentions else {}
    _write([entry], words)
    ticket.changed_at = at
    ticket.save(update_fields=["changed_at"])
    cause = _record(ticket, TICKET_NOTED, {}, by, via, at)
    found = set(Person.objects.filter(id__in=mentions, active=True).values_list("id", flat=True))
    Watch.objects.bulk_create(
        [Watch(ticket=ticket, person_id=one, mentioned=True) for one in sorted(found)], ignore_conflicts=True
    )
    if not quiet:
        told = _("%(name)s noted") if words.said_by is None else _("%(name)s wrote")
        _tell_staff(ticket, told % {"name": entry.by_name}, words.text, cause, by, via, at)
    return entry


@transaction.atomic(savepoint=False)  # they stand or fall with the verb that wrote it
def send_to_parties(
    *,
    ticket: Ticket,
    entry: Entry,
    send_at: datetime,
    known: mail_out.Known = mail_out.NOTHING_KNOWN,
    by: Actor,
    via: Door,
    at: datetime,
) -> int:
    """The entry goes by mail to whoever is to be written to; returns to how many. Part of the verb that wrote it.

    An automatic one goes to the requester alone. What is not public never leaves: it raises ValueError, as that is a mistake
    in the program.
    """
    if not entry.public or entry.kind != Entry.Kind.MESSAGE_OUT:
        raise ValueError(f"entry {entry.id} is not public and must not leave")
    there = known.parties
    if there is None:
        there = fetch(
            Party, "SELECT * FROM desk_party WHERE ticket_id = %s AND role <> 'removed' ORDER BY id", [ticket.pk]
        )
    parties = [one for one in there if one.address and (one.role == Party.Role.REQUESTER or not entry.automatic)]
    if not parties:
        return 0
    mail = mail_out.compose(ticket, entry, parties, queries.rules_for(ticket), known=known, at=at)
    queue_message(
        kind="ticket.acknowledged" if entry.automatic else "ticket.reply",
        subject=("ticket", ticket.id),
        title=mail.title,
        body=mail.text,
        to=[Recipient("contact", party.contact_id or 0, "email", party.address, send_at) for party in parties],
        brand_id=ticket.brand_id,
        cause=entry.id,
        mail=mail.form,
        by=by,
        via=via,
        at=at,
    )
    insert([MessageId(ticket=ticket, entry=entry, message_id=mail.form.message_id, whose=MessageId.Whose.OURS)])
    if not entry.automatic:
        _promise_check(entry, send_at + SENT_WITHIN, at)
    return len(parties)


# --- Who works on it -------------------------------------------------------------------------------------------------


@transaction.atomic
def assign_ticket(
    *,
    ticket_id: UUID,
    person_id: int | None = None,
    team_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Ticket:
    """The person, the team, or both have it to work on; the desk stays its owner. With neither it lies in its queue again.

    Whoever has it now is told the story so far. One in progress is assigned anew; one that waits goes on waiting. Raises
    Forbidden, NotFound, IllegalTransition.
    """
    ticket = _locked(ticket_id, "assign_ticket", by)
    person = _staff(person_id) if person_id is not None else None
    team = _own(Team, team_id, ticket.brand_id) if team_id is not None else None
    if ticket.assignee_id == person_id and ticket.team_id == team_id:
        return ticket
    if ticket.state == Ticket.State.PENDING:
        _change(ticket, {"assignee": [ticket.assignee_id, person_id], "team": [ticket.team_id, team_id]}, by, via, at)
    elif person is not None or team is not None:
        _move(ticket, Verb.ASSIGN, by, via, at, facts={"assignee": person_id, "team": team_id})
    elif not ticket.is_open:
        raise _illegal(ticket, Verb.ASSIGN)
    ticket.assignee, ticket.team, ticket.changed_at = person, team, at
    if team is not None:
        ticket.level = queries.level_of_team(team.pk)
    ticket.save(update_fields=list({*MOVED, "assignee", "team", "level"}))
    to = person.name if person else team.name if team else _("nobody")
    cause = _record(ticket, TICKET_ASSIGNED, {"to": to, "person": person_id, "team": team_id}, by, via, at)
    if person is not None and person.pk != by.person_id:
        words = queries.story_so_far(ticket)
        _tell([person.pk], ticket, _("Ticket #%d is yours now") % ticket.number, words, cause, by, via, at)
    elif person is None and team is not None:
        title = _("Ticket #%(number)d came to %(team)s") % {"number": ticket.number, "team": team.name}
        _tell(queries.who_works_on(ticket), ticket, title, queries.story_so_far(ticket), cause, by, via, at)
    return ticket


@transaction.atomic
def escalate_functionally(
    *,
    ticket_id: UUID,
    team_id: int,
    person_id: int | None = None,
    why: str,
    next_step: str = "",
    next_step_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Ticket:
    """A team that knows more works on it; the desk stays its owner and the one that speaks with the user.

    The team is told the story so far, so that nobody has to ask for it again. Raises Forbidden, NotFound, Invalid (no
    reason), IllegalTransition.
    """
    ticket = _locked(ticket_id, "escalate_functionally", by)
    why = _reason_given(why)
    team = _own(Team, team_id, ticket.brand_id)
    person = _staff(person_id) if person_id is not None else None
    level = queries.level_of_team(team.pk)
    before = ticket.level
    facts = {"escalation": "functional", "level": level, "team": team.pk, "assignee": person_id, "why": why[:300]}
    if ticket.first_engineer_id is None and by.person_id is not None:
        ticket.first_engineer_id = by.person_id
    if ticket.state == Ticket.State.PENDING:
        _move(ticket, Verb.RESUME, by, via, at)
    _move(ticket, Verb.ASSIGN, by, via, at, facts=facts, next_step=next_step, next_step_at=next_step_at)
    ticket.team, ticket.assignee, ticket.level = team, person, level
    ticket.save(update_fields=list({*MOVED, "team", "assignee", "level", "first_engineer"}))
    told = {"to": team.name, "why": why, "from_level": before, "level": level}
    cause = _record(ticket, TICKET_ESCALATED, told, by, via, at)
    whom = queries.who_works_on(ticket)
    title = _("Ticket #%(number)d came to %(team)s") % {"number": ticket.number, "team": team.name}
    _tell(whom, ticket, title, f"{why}\n\n{queries.story_so_far(ticket)}", cause, by, via, at)
    return ticket


@transaction.atomic
def escalate_hierarchically(
    *, ticket_id: UUID, why: str, person_id: int | None = None, by: Actor, via: Door, at: datetime
) -> Ticket:
    """Somebody with more authority knows of it and is told why; who works on it does not change.

    Without `person_id` it is the manager of the team that has it, else the owner's. Raises Forbidden, NotFound, Invalid (no
    reason, or nobody to turn to), IllegalTransition (it is over).
    """
    ticket = _locked(ticket_id, "escalate_hierarchically", by)
    why = _reason_given(why)
    if not ticket.is_open:
        raise IllegalTransition(
            _("Ticket %d was to be brought before a manager.") % ticket.number,
            _("It is over."),
            _("Reopen it first."),
        )
    manager = _staff(person_id) if person_id is not None else queries.manager_for(ticket)
    if manager is None:
        raise Invalid(
            _("Ticket %d was to be brought before a manager.") % ticket.number,
            _("Neither its team nor the desk has one."),
            _("Name a person, or give the team a manager."),
        )
    facts = {"escalation": "hierarchic", "to": manager.pk, "name": manager.name, "why": why[:300]}
    _write([_entry(ticket, Entry.Kind.CHANGED, by, via, at, facts=facts)])
    ticket.changed_at = at
    ticket.save(update_fields=["changed_at"])
    Watch.objects.get_or_create(ticket=ticket, person=manager)
    cause = _record(ticket, TICKET_RAISED, {"to": manager.name, "why": why}, by, via, at)
    title = _("Ticket #%(number)d needs you: %(title)s") % {"number": ticket.number, "title": ticket.title[:80]}
    _tell([manager.pk], ticket, title, f"{why}\n\n{queries.story_so_far(ticket)}", cause, by, via, at)
    return ticket


# --- States ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def start_ticket(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> Ticket:
    """Work has begun; whoever begins has it, where nobody had. Raises Forbidden, NotFound, IllegalTransition."""
    ticket = _locked(ticket_id, "start_ticket", by)
    if ticket.state == Ticket.State.IN_PROGRESS:
        return ticket
    _move(ticket, Verb.RESUME if ticket.state == Ticket.State.PENDING else Verb.START, by, via, at)
    if ticket.assignee_id is None and by.person_id is not None:
        ticket.assignee_id = by.person_id
    ticket.save(update_fields=[*MOVED, "assignee"])
    _record_move(ticket, by, via, at)
    return ticket


@transaction.atomic
def wait_ticket(
    *, ticket_id: UUID, reason: str, next_step: str, next_step_at: datetime, by: Actor, via: Door, at: datetime
) -> Ticket:
    """It waits for somebody else: `reason` (`PendingReason`) says for whom, and the next step when that is looked at.

    Raises Forbidden, NotFound, Invalid, IllegalTransition.
    """
    ticket = _locked(ticket_id, "wait_ticket", by)
    if reason not in Ticket.PendingReason:
        raise Invalid(
            _("Ticket %d was to wait.") % ticket.number,
            _("It was not said for whom."),
            _("Give one of {reasons}.").format(reasons=", ".join(PendingReason)),
            field="reason",
        )
    _check_step(next_step, next_step_at, at)
    why = PendingReason(reason)
    _move(ticket, Verb.WAIT, by, via, at, reason=why, next_step=next_step, next_step_at=next_step_at)
    ticket.save(update_fields=[*MOVED])
    _record_move(ticket, by, via, at)
    return ticket


@transaction.atomic
def resolve_ticket(
    *,
    ticket_id: UUID,
    what_was_wrong: str,
    what_was_done: str,
    what_to_do: str,
    contact_kind: str = "",
    why_now: str = "",
    seen_id: UUID | None = None,
    tell: bool = True,
    by: Actor,
    via: Door,
    at: datetime,
) -> Ticket:
    """It is solved, and the customer is told what was wrong, what was done, and what they should do.

    It closes by itself if nothing is heard for a while. Level 2 or 3 does it only where the team's rule lets it tell
    resolutions; else the answer goes back to the desk (`return_answer`). Out of hours what is told is held as an answer is
    (`reply_to_customer`, also for `seen_id`). Raises Forbidden, NotFound, Invalid (one of the three is missing), StoryMovedOn,
    KindOfContactNeeded, ProofNeeded, IllegalTransition.
    """
    ticket = _locked(ticket_id, "resolve_ticket", by)
    _check_seen(ticket, seen_id)
    asked = _("Ticket %d was to be resolved.") % ticket.number
    if missing := decide.lacks(what_was_wrong, what_was_done, what_to_do):
        raise Invalid(
            asked,
            _("It is not said: %s.") % ", ".join(missing).replace("_", " "),
            _("Say what was wrong, what was done, and what the customer should do, if only: nothing."),
            field=missing[0],
        )
    if ticket.needs_proof and ticket.proved_at is None:
        raise ProofNeeded(
            asked,
            _("It changes who gets in, and nobody has made sure who asked."),
            _("Call back the number that we have, or let a named approver say yes; then say so on the ticket."),
        )
    level = _check_contact(ticket, contact_kind or ContactKind.RESOLUTION, by)
    answer = (what_was_wrong.strip(), what_was_done.strip(), what_to_do.strip())
    cause = _end_with(ticket, answer, tell, {}, by, via, at, why_now=why_now)
    if tell:
        _tell_desk_of_contact(ticket, level, ContactKind.RESOLUTION, "\n\n".join(answer), cause, by, via, at)
    if ticket.first_engineer_id not in (None, by.person_id):
        Lesson.objects.create(
            ticket=ticket,
            person_id=ticket.first_engineer_id,
            answered_by=by.name[:120],
            answer="\n\n".join(answer[:2]),
            made_at=at,
        )
    for child in _children_that_follow(ticket):
        if decide.after(State(child.state), Verb.RESOLVE) is None:
            continue
        if not child.needs_proof or child.proved_at is not None:
            _end_with(child, answer, tell, _of(ticket), by, via, at, why_now=why_now)
    return ticket


@transaction.atomic
def close_ticket(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> Ticket:
    """What was resolved is over. Raises Forbidden, NotFound, IllegalTransition."""
    ticket = _locked(ticket_id, "close_ticket", by)
    if ticket.state == Ticket.State.CLOSED:
        return ticket
    _move(ticket, Verb.CLOSE, by, via, at)
    ticket.save(update_fields=[*MOVED])
    _record_move(ticket, by, via, at)
    return ticket


@transaction.atomic
def cancel_ticket(*, ticket_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> Ticket:
    """It was none: a mistake, spam, or withdrawn before anybody began. Raises Forbidden, NotFound, Invalid, IllegalTransition."""
    ticket = _locked(ticket_id, "cancel_ticket", by)
    _move(ticket, Verb.CANCEL, by, via, at, facts={"why": _reason_given(why)[:300]})
    ticket.save(update_fields=[*MOVED])
    _record_move(ticket, by, via, at)
    return ticket


@transaction.atomic
def reopen_ticket(*, ticket_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> Ticket:
    """It is in progress again. Raises Forbidden, NotFound, Invalid (no reason), IllegalTransition (closed for too long)."""
    ticket = _locked(ticket_id, "reopen_ticket", by)
    why = _reason_given(why)
    policy = queries.policy_of(queries.rules_of(ticket.brand_id))
    if not decide.may_reopen(State(ticket.state), ticket.closed_at, at, policy):
        raise IllegalTransition(
            _("Ticket %d was to be reopened.") % ticket.number,
            _("It is {state}, and only what was resolved, or closed for at most {days} days, is reopened.").format(
                state=_stands(ticket), days=policy.reopens_within.days
            ),
            _("Open a new one that follows it."),
        )
    step, step_at = _answer_step(), _answer_by(ticket, at)
    _move(ticket, Verb.REOPEN, by, via, at, facts={"why": why[:300]}, next_step=step, next_step_at=step_at)
    if _is_customer(by):
        _write([_said(ticket, Entry.Kind.MESSAGE_IN, Words(why), by, via, at)])
        ticket.customer_wrote_at = ticket.contacted_at = at
        _record(ticket, TICKET_CONTACTED, {}, by, via, at)
    ticket.save(update_fields=[*MOVED, "customer_wrote_at", "contacted_at"])
    cause = _record_move(ticket, by, via, at)
    _tell_staff(ticket, _("%(name)s reopened it") % {"name": by.name}, why, cause, by, via, at)
    return ticket


# --- What else is known of it ----------------------------------------------------------------------------------------


@transaction.atomic
def set_next_step(
    *, ticket_id: UUID, next_step: str, next_step_at: datetime, by: Actor, via: Door, at: datetime
) -> Ticket:
    """What happens next, and when; the customer sees both. Raises Forbidden, NotFound, Invalid, IllegalTransition."""
    ticket = _locked(ticket_id, "set_next_step", by)
    if not ticket.is_open:
        raise IllegalTransition(
            _("A next step was given."), _("Ticket %d is over.") % ticket.number, _("Reopen it first.")
        )
    _check_step(next_step, next_step_at, at)
    _set_step(ticket, next_step, next_step_at, at)
    _change(ticket, {"next_step": ["", ticket.next_step]}, by, via, at)
    ticket.changed_at = at
    ticket.save(update_fields=["next_step", "next_step_at", "changed_at"])
    _record(ticket, NEXT_STEP_SET, {"until": next_step_at.isoformat()}, by, via, at, text=next_step)
    return ticket


EDITABLE = ("title", "kind", "impact", "urgency", "service_id", "customer_id", "contact_id", "queue_id", "tags")
EDITABLE_TOO = ("subscription_id", "work_type", "needs_proof", "night_ok", "night_why")


@transaction.atomic
def edit_ticket(*, ticket_id: UUID, fields: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> Ticket:
    """The columns of `fields` (EDITABLE, EDITABLE_TOO) are changed, the priority with impact and urgency, and the service with
    the circuit (`subscription_id`), which is one of the customer's.

    What was there before stands in the story, so that it can be undone. Raises Forbidden, NotFound, Invalid.
    """
    ticket = _locked(ticket_id, "edit_ticket", by)
    asked = _("Ticket %d was to change.") % ticket.number
    if unknown := sorted(set(fields) - {*EDITABLE, *EDITABLE_TOO}):
        raise Invalid(asked, _("A ticket has no %s to change.") % unknown[0], "")
    wanted = dict(fields)
    if "title" in wanted:
        wanted["title"] = one_line(wanted["title"], TITLE_LENGTH, _("title"))
    if "tags" in wanted:
        wanted["tags"] = _tags(wanted["tags"])
    if wanted.get("kind", ticket.kind) not in Ticket.Kind:
        raise Invalid(asked, _("{kind} is no kind.").format(kind=wanted["kind"]), _("Give incident or request."))
    for name, model in (("service_id", Service), ("customer_id", Customer), ("queue_id", Queue)):
        if wanted.get(name) is not None:
            _own(model, wanted[name], ticket.brand_id)
    contact = _own_contact(wanted.get("contact_id"), ticket.brand_id)
    if contact is not None:
        wanted["customer_id"] = contact.customer_id
    elif "customer_id" in wanted and wanted["customer_id"] != ticket.customer_id:
        wanted["contact_id"] = None
    if "impact" in wanted or "urgency" in wanted:
        impact, urgency = wanted.get("impact", ticket.impact), wanted.get("urgency", ticket.urgency)
        wanted["priority"] = int(_priority(queries.rules_of(ticket.brand_id), impact, urgency)[1:])
    if wanted.get("subscription_id") is not None:
        bought = _bought(wanted["subscription_id"], wanted.get("customer_id", ticket.customer_id))
        wanted["service_id"] = bought.service_id
    elif ticket.subscription is not None and (
        wanted.get("service_id", ticket.service_id) != ticket.subscription.service_id
        or wanted.get("customer_id", ticket.customer_id) != ticket.subscription.customer_id
    ):
        wanted["subscription_id"] = None
    changes = {name: [getattr(ticket, name), value] for name, value in wanted.items() if getattr(ticket, name) != value}
    if not changes:
        return ticket
    if changes.get("needs_proof") == [True, False]:
        require(by, "prove_identity", ticket.brand_id)  # else whoever may change a title could do without the proof
    if {"customer_id", "contact_id"} & changes.keys() and ticket.proved_at is not None:
        changes["proved_at"] = [ticket.proved_at.isoformat(), None]  # of somebody else that was sure
    for name, (_before, value) in changes.items():
        setattr(ticket, name, value)
    ticket.changed_at = at
    _change(ticket, changes, by, via, at)
    ticket.save(update_fields=[*changes, "changed_at"])
    what = ", ".join(name.removesuffix("_id").replace("_", " ") for name in changes)
    _record(
        ticket,
        TICKET_EDITED,
        {"what": what, "changes": {k: v for k, v in changes.items() if k != "title"}},
        by,
        via,
        at,
    )
    return ticket


@transaction.atomic
def prove_identity(
    *,
    ticket_id: UUID,
    how: Literal["call_back", "approver"],
    approver_id: int | None = None,
    said: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Ticket:
    """Somebody of ours has made sure that who asked may ask: by calling back the number on record, or by an approver.

    `approver_id` is one of `queries.approvers_of`; `said` is a note. Raises Forbidden, NotFound, Invalid (no number is on
    record, or that is nobody who may approve).
    """
    ticket = _locked(ticket_id, "prove_identity", by)
    asked = _("It was to be said that whoever asked for ticket %d may ask.") % ticket.number
    if how == "call_back":
        on_record = (
            ticket.contact is not None and ticket.contact.left_at is None and numbers_on_record(ticket.contact, at)
        )
        if ticket.contact is None or not on_record:
            raise Invalid(
                asked,
                _(
                    "No number of somebody who is still there has been on record for a week, so calling back proves nothing."
                ),
                _("Ask an approver."),
            )
        whom = ticket.contact.name
    elif how == "approver":
        approver = queries.approvers_of(ticket).filter(id=approver_id or 0).first()
        if approver is None:
            raise Invalid(
                asked,
                _("That is nobody of the customer who may approve what changes who gets in."),
                _("Choose one who may, or call back the number on record."),
                field="approver_id",
            )
        whom = approver.name
    else:
        raise Invalid(asked, _("It is not said how that is known."), _("Give call_back or approver."), field="how")
    ticket.proved_at = ticket.changed_at = at
    facts = {"proved": how, "said": f"{whom}. {said.strip()}"[:300]}
    _write([_entry(ticket, Entry.Kind.CHANGED, by, via, at, facts=facts)])
    ticket.save(update_fields=["proved_at", "changed_at"])
    _record(ticket, IDENTITY_PROVED, {"how": how, "approver": approver_id}, by, via, at, text=facts["said"])
    return ticket


@transaction.atomic
def watch_ticket(*, ticket_id: UUID, person_id: int, by: Actor, via: Door, at: datetime) -> None:
    """The person hears of what happens to it. Repeating it changes nothing. Raises Forbidden, NotFound."""
    ticket = _locked(ticket_id, "watch_ticket", by)
    if Watch.objects.get_or_create(ticket=ticket, person=_staff(person_id))[1]:
        _record(ticket, TICKET_WATCHED, {"person": person_id}, by, via, at)


@transaction.atomic
def unwatch_ticket(*, ticket_id: UUID, person_id: int, by: Actor, via: Door, at: datetime) -> None:
    """They hear of it no more. Repeating it changes nothing. Raises Forbidden, NotFound."""
    ticket = _locked(ticket_id, "watch_ticket", by)
    if Watch.objects.filter(ticket=ticket, person=person_id).delete()[0]:
        _record(ticket, TICKET_UNWATCHED, {"person": person_id}, by, via, at)


@transaction.atomic
def set_party(*, ticket_id: UUID, address: str, name: str = "", role: str, by: Actor, via: Door, at: datetime) -> Party:
    """The address is written to about the ticket as `role` (requester, cc), or no more (removed), whatever mails say; then
    what was written before and is held does not reach it either.

    Raises Forbidden, NotFound, Invalid.
    """
    ticket = _locked(ticket_id, "set_party", by)
    address = address.strip().lower()
    if role not in Party.Role or "@" not in address[1:-1] or len(address) > 320:
        raise Invalid(
            _("Somebody was to be written to about ticket %d.") % ticket.number,
            _("That is no address, or no role."),
            _("Give an e-mail address, and requester, cc or removed."),
        )
    contact = queries.contact_at(address, ticket.brand_id)
    party, _made = Party.objects.update_or_create(
        ticket=ticket,
        address=address,
        defaults={"name": name.strip()[:200], "contact": contact, "role": role},
    )
    if role == Party.Role.REMOVED:
        whole = Ticket.objects.filter(Q(id=ticket.id) | Q(merged_into=ticket)).values_list("id", flat=True)
        for one in whole:
            drop_recipient(subject=("ticket", one), address=address, by=by, via=via, at=at)
    ticket.changed_at = at
    ticket.save(update_fields=["changed_at"])
    _record(ticket, PARTY_SET, {"role": role}, by, via, at, text=address)
    return party


@transaction.atomic
def pass_next_step(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The time of a next step has come and nobody has said another: whoever works on it is told. Returns what was done."""
    ticket = _locked(ticket_id, None, by)
    if not ticket.is_open or ticket.next_step_at is None or ticket.next_step_at > at:
        return _("Nothing was to be done.")
    cause = _record(ticket, NEXT_STEP_LATE, {}, by, via, at, text=ticket.next_step)
    title = _("The next step of ticket #%d is late") % ticket.number
    told = _tell(queries.who_works_on(ticket), ticket, title, ticket.next_step, cause, by, via, at)
    return _("{count} people were told.").format(count=told)


@transaction.atomic
def expire_ticket(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """What was resolved and not spoken of again is closed. Returns what was done."""
    ticket = _locked(ticket_id, None, by)
    rules = queries.policy_of(queries.rules_of(ticket.brand_id))
    if (
        ticket.state != Ticket.State.RESOLVED
        or ticket.resolved_at is None
        or ticket.resolved_at + rules.closes_after > at
    ):
        return _("Nothing was to be done.")
    _move(ticket, Verb.CLOSE, by, via, at)
    ticket.save(update_fields=[*MOVED])
    _record_move(ticket, by, via, at)
    return _("It was closed.")


@transaction.atomic
def tell_clocks(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Of what is owed to the customer, what is nearly due or late by now, and was not told, is told. Returns what was done.

    A warning goes to whoever works on it, and what is late to the desk and whoever watches as well. Where a P1 or P2 may page
    now, somebody is paged, unless a page for this ticket is open. The next warning and breach are promised.
    """
    ticket = _locked(ticket_id, None, by)
    due = [event for event in clock_queries.clock_events(ticket, at) if event.due_at <= at]
    clocks = clock_queries.clocks_of([ticket], at)[ticket.pk]
    told = [_tell_clock(ticket, event, getattr(clocks, event.which).due_at, by, via, at) for event in due]
    if due and _may_page_for_clock(ticket, at):
        _page(ticket, at, f"#{ticket.number} {told[0]}: {ticket.title}")
    promise_clocks(ticket, at)
    return ", ".join(told) or _("Nothing was to be done.")


@transaction.atomic
def recount_clocks(
    *, subject: tuple[str, object], after: UUID | None = None, by: Actor, via: Door, at: datetime
) -> int:
    """A contract, support hours or a brand's rules (`subject`) say something else now: what is promised about the open tickets
    that they touch follows. Some at a time, from behind the ticket `after`; the rest is promised. Returns how many were
    looked at.
    """
    touched = Ticket.objects.filter(state__one_of=decide.OPEN, merged_into=None)
    if subject[0] == "brand":
        touched = touched.filter(brand=int(str(subject[1])))
    else:
        contracts = Contract.objects.filter(**{"pk" if subject[0] == "contract" else "hours": subject[1]})
        touched = touched.filter(customer__in=contracts.values("customer"))
    if after is not None:
        touched = touched.filter(id__gt=after)
    tickets = list(touched.order_by("id").select_for_update()[:RECOUNTED_TOGETHER])
    for ticket in tickets:
        promise_clocks(ticket, at)
    if len(tickets) == RECOUNTED_TOGETHER:
        _promise_recount(subject, at, after=str(tickets[-1].pk))
    del by, via
    return len(tickets)


@transaction.atomic
def put_back_tickets(*, person_id: int, by: Actor, via: Door, at: datetime) -> int:
    """What somebody who has left us had lies with their team again, else in its queue; returns how many tickets.

    Those are told the story so far. Repeating it changes nothing. Raises Forbidden: it follows from their leaving.
    """
    theirs = Ticket.objects.filter(
        assignee=person_id, assignee__active=False, merged_into=None, state__one_of=decide.OPEN
    )
    tickets = list(theirs.select_related("assignee").order_by("id"))
    for ticket in tickets:
        assert ticket.assignee is not None
        require(by, "put_back_tickets", ticket.brand_id)
        moved = assign_ticket(ticket_id=ticket.id, team_id=ticket.team_id, by=by, via=via, at=at)
        title = _("Ticket #{number} is put back: {name} has left").format(
            number=moved.number, name=ticket.assignee.name
        )
        cause = _record(moved, TICKET_PUT_BACK, {"person": ticket.assignee.name}, by, via, at)
        if moved.team_id is None:  # a team was told as one that is given a ticket
            _tell(queries.who_works_on(moved), moved, title, queries.story_so_far(moved), cause, by, via, at)
    return len(tickets)


# --- Beneath the verbs -----------------------------------------------------------------------------------------------


def _locked(ticket_id: UUID, verb: str | None, by: Actor) -> Ticket:
    """The ticket under its row's lock, or where it was merged away its survivor, if `by` may do `verb` to it."""
    wanted = ticket_id
    while True:
        found = Ticket.objects.select_for_update().filter(id=wanted).first()
        if found is None:
            raise NotFound(
                _("Ticket %s was asked for.") % wanted, _("There is no such ticket."), _("Look at the list.")
            )
        if verb is not None:
            _require(by, verb, found.brand_id, found.customer_id)
        if found.merged_into_id is None:
            return found
        wanted = found.merged_into_id


CONTACTS_MAY = frozenset(
    {"open_ticket", "take_message", "close_ticket", "reopen_ticket", "escalate_hierarchically", "set_party"}
)
"""What a customer's contact does on tickets of their own company; which of those they see is for the portal to say."""


def _require(by: Actor, verb: str, brand_id: int, customer_id: int | None, contact: Contact | None = None) -> None:
    """Raise Forbidden unless `by` may do it. Whoever is known only by what they wrote may open and write. `contact`: one that
    was read before, and may be `by`.
    """
    if by.kind == "contact":
        if contact is not None and by.id == str(contact.pk):
            own: int | None = contact.customer_id
        else:
            own = Contact.objects.filter(id=int(by.id)).values_list("customer_id", flat=True).first()
        if verb not in CONTACTS_MAY or own is None or own != customer_id:
            raise forbidden(by, verb)
    elif by.kind == "caller":
        if verb not in ("open_ticket", "take_message"):
            raise forbidden(by, verb)
    else:
        require(by, verb, brand_id)


def _is_customer(by: Actor) -> bool:
    return by.kind in clock_queries.CUSTOMERS


def _asks(words: Words | None, by: Actor, *, named: bool) -> bool:
    """Whether a customer asks by a ticket's first words: they say them, or somebody takes down what one who is `named` said."""
    if words is None or words.automatic:
        return False
    return _is_customer(words.said_by or by) or (named and by.kind in ("person", "machine"))


def _move(
    ticket: Ticket,
    verb: Verb,
    by: Actor,
    via: Door,
    at: datetime,
    *,
    reason: PendingReason | None = None,
    facts: Mapping[str, Any] | None = None,
    next_step: str = "",
    next_step_at: datetime | None = None,
) -> None:
    """The only writer of `state`; the caller holds the row's lock and saves MOVED. Raises IllegalTransition."""
    before = State(ticket.state)
    state = decide.after(before, verb)
    if state is None:
        raise _illegal(ticket, verb)
    waited_for = PendingReason(ticket.pending_reason) if ticket.pending_reason else None
    ticket.state, ticket.pending_reason, ticket.changed_at = state, reason or "", at
    if verb is Verb.RESOLVE:
        ticket.resolved_at = at
    elif verb is Verb.CLOSE:
        ticket.closed_at = at
    elif verb is Verb.REOPEN:
        ticket.resolved_at = ticket.closed_at = None
        ticket.reopened += 1
    told = {"from": before, "to": state, "reason": reason or "", "priority": ticket.priority, **(facts or {})}
    _write([_entry(ticket, Entry.Kind.MOVED, by, via, at, facts=told)])
    if state in decide.OPEN:
        void_promises(("ticket", ticket.id), at=at, kinds=(CLOSE,))
        if next_step or next_step_at:
            _set_step(ticket, next_step or ticket.next_step, next_step_at or ticket.next_step_at, at)
    else:
        void_promises(("ticket", ticket.id), at=at)
        ticket.next_step, ticket.next_step_at = "", None
    if verb is Verb.REOPEN:
        promise_chases(ticket, at)
    if verb is Verb.RESOLVE:
        _promise_close(ticket, at)
    elif decide.children_follow(verb, reason or waited_for):
        for child in _children_that_follow(ticket):
            own = decide.childs_verb(State(child.state), verb)
            if own is not None:
                step, step_at = (next_step, next_step_at) if verb is Verb.WAIT else ("", None)
                facts = _of(ticket)
                _move(child, own, by, via, at, reason=reason, facts=facts, next_step=step, next_step_at=step_at)
                child.save(update_fields=[*MOVED])


def _promise_close(ticket: Ticket, at: datetime) -> None:
    """What is resolved is closed once nothing was heard of it for as long as the brand's rules say."""
    policy = queries.policy_of(queries.rules_of(ticket.brand_id))
    promise(
        CLOSE,
        subject=("ticket", ticket.id),
        due_at=max(at, (ticket.resolved_at or at) + policy.closes_after),
        why=_("It was resolved, and nothing is heard of it."),
        at=at,
        brand_id=ticket.brand_id,
    )


def _end_with(
    ticket: Ticket,
    answer: tuple[str, str, str],
    tell: bool,
    facts: Mapping[str, Any],
    by: Actor,
    via: Door,
    at: datetime,
    *,
    why_now: str = "",
) -> UUID:
    """It is resolved with what was wrong, what was done and what to do; its parties read that where they are to. Returns the
    id of the record's entry.
    """
    ticket.what_was_wrong, ticket.what_was_done, ticket.what_to_do = answer
    _move(ticket, Verb.RESOLVE, by, via, at, facts=facts)
    told = ["what_was_wrong", "what_was_done", "what_to_do"]
    if tell:
        send_at, held = _when_sent(ticket, why_now, at)
        entry = _said(ticket, Entry.Kind.MESSAGE_OUT, Words("\n\n".join(answer), facts=held), by, via, at)
        entry.contact_kind = ContactKind.RESOLUTION
        _write([entry])
        ticket.we_wrote_at = at
        told.append("we_wrote_at")
        if ticket.first_response_at is None and by.kind == "person":
            ticket.first_response_at = send_at
            told.append("first_response_at")
        send_to_parties(ticket=ticket, entry=entry, send_at=send_at, by=by, via=via, at=at)
    ticket.save(update_fields=[*MOVED, *told])
    return _record_move(ticket, by, via, at)


def _children_that_follow(parent: Ticket) -> list[Ticket]:
    """The open tickets under a major incident, locked; none under one that is only proposed."""
    if not parent.major:
        return []
    rows = Ticket.objects.select_for_update(of=("self",)).select_related("brand").filter(parent=parent).order_by("id")
    return [one for one in rows if one.is_open]


def _of(parent: Ticket) -> dict[str, Any]:
    return {"parent": parent.number}


def _stands(ticket: Ticket) -> str:
    """Its state within a sentence."""
    words = {
        State.NEW: _("new"),
        State.ASSIGNED: _("assigned"),
        State.IN_PROGRESS: _("in progress"),
        State.PENDING: _("pending"),
        State.RESOLVED: _("resolved"),
        State.CLOSED: _("closed"),
        State.CANCELLED: _("cancelled"),
    }
    return words[State(ticket.state)]


def _illegal(ticket: Ticket, verb: Verb) -> IllegalTransition:
    may = sorted(word for (state, word) in decide.TRANSITIONS if state == ticket.state)
    return IllegalTransition(
        _("Ticket {number} was to be moved: {verb}.").format(number=ticket.number, verb=verb),
        _("It is {state}.").format(state=_stands(ticket)),
        _("From there it can {verbs}.").format(verbs=", ".join(may)) if may else _("Open a new one that follows it."),
    )


def _entry(ticket: Ticket, kind: str, by: Actor, via: Door, at: datetime, **more: Any) -> Entry:
    return Entry(
        id=uuid7(at),
        ticket=ticket,
        at=at,
        kind=kind,
        by_kind=by.kind,
        by_id=by.id[:40],
        by_name=by.name[:200],
        via=via,
        **more,
    )


def _said(ticket: Ticket, kind: str, words: Words, by: Actor, via: Door, at: datetime) -> Entry:
    return _entry(
        ticket,
        kind,
        words.said_by or by,
        via,
        at,
        public=words.public and kind in (Entry.Kind.MESSAGE_IN, Entry.Kind.MESSAGE_OUT, Entry.Kind.CALL),
        text=words.text[:LONGEST_TEXT],
        html=words.html[: LONGEST_TEXT * 4],
        mail_id=words.mail_id,
        automatic=words.automatic,
        facts=dict(words.facts),
    )


def _kind_of_words(by: Actor) -> str:
    """What the first words of a ticket are: the customer's, a machine's, or what a colleague took down of a call."""
    if _is_customer(by):
        return Entry.Kind.MESSAGE_IN
    return Entry.Kind.CALL if by.kind == "person" else Entry.Kind.SYSTEM


def _write(entries: Sequence[Entry], words: Words | None = None) -> None:
    """The entries, all of one ticket, stand in the story; the files of `words` hang on the last, and by its ids mails find the
    ticket. Clocks follow.
    """
    if not entries:
        return
    insert(entries)
    # What a machine says to a customer is no answer, so no clock heeds it.
    is_opening = entries[0].kind == Entry.Kind.MOVED and entries[0].facts.get("from") == ""
    if any(one.kind in clock_queries.CLOCKED and not (one.public and one.automatic) for one in entries):
        promise_clocks(entries[0].ticket, entries[0].at, entries if is_opening else None)
    if words is not None and words.message_id:
        _keep_ids(entries[-1], words, is_new=is_opening)
    if words is not None and words.files:
        rows = [
            Attachment(
                entry=entries[-1],
                name=file.name[:200],
                media_type=file.media_type[:127],
                size=len(file.content),
                digest=keep_file(file.content),
                content_id=file.content_id[:300],
                inline=file.inline,
                scan=attaching.first_scan(),
            )
            for file in words.files
        ]
        insert(rows)
        attaching.promise_looks(rows, entries[-1].at)


def _keep_ids(entry: Entry, words: Words, *, is_new: bool) -> None:
    """The mail's own id and those that it names lead to the ticket, which has none where it `is_new`; one that was only named,
    and has come now, is whose it is.
    """
    own = MessageId.Whose.THEIRS if entry.kind == Entry.Kind.MESSAGE_IN and entry.public else MessageId.Whose.STAFF
    ids = list(dict.fromkeys(one[:300] for one in (words.message_id, *words.named) if one))
    ticket = entry.ticket
    forget(mail_queries.ids_known, where=lambda known, _brand: not set(ids).isdisjoint(known))
    whose = [own, *[MessageId.Whose.NAMED] * (len(ids) - 1)]
    rows = zip(ids, whose, strict=True)
    insert(
        [MessageId(ticket=ticket, entry=entry, message_id=one, whose=which) for one, which in rows],
        unless_there=not is_new,
    )
    if not is_new:
        named = "SELECT * FROM desk_messageid WHERE ticket_id = %s AND message_id = %s AND whose = 'named'"
        for row in fetch(MessageId, named, [ticket.pk, ids[0]]):
            row.whose, row.entry = own, entry
            change(row, ("whose", "entry"))


def _change(ticket: Ticket, changes: Mapping[str, Sequence[Any]], by: Actor, via: Door, at: datetime) -> None:
    _write([_entry(ticket, Entry.Kind.CHANGED, by, via, at, facts={"changes": dict(changes)})])


def _check_words(words: Words) -> None:
    if len(words.text) > LONGEST_TEXT or len(words.files) > MOST_FILES:
        raise Invalid(
            _("Something was to be written on a ticket."),
            _("It is longer than {text} characters, or has more than {files} files.").format(
                text=LONGEST_TEXT, files=MOST_FILES
            ),
            _("Attach it as a file, or divide it."),
        )


def _check_files(words: Words) -> None:
    """Raise FileNotClean for a file in which the scanner finds something, or while it says nothing."""
    for file in words.files if settings.SCANNER else ():
        asked = _("{name} was to be sent.").format(name=file.name)
        try:
            found = scanning.scan(file.content, settings.SCANNER)
        except scanning.ScannerAway:
            raise queries.FileNotClean(
                asked, _("The virus scanner does not answer."), _("Answer without it, or try again in a minute.")
            ) from None
        if found:
            raise queries.FileNotClean(
                asked, _("The virus scanner found {what} in it.").format(what=found), _("Leave it out.")
            )


def _check_contact(ticket: Ticket, contact_kind: str, by: Actor) -> Level:
    """On which level `by` speaks, if they may speak so."""
    if contact_kind and contact_kind not in set(ContactKind):
        raise Invalid(
            _("A user was to be written to."),
            _("{kind} is no kind of contact.").format(kind=contact_kind),
            _("Give one of {kinds}.").format(kinds=", ".join(ContactKind)),
            field="contact_kind",
        )
    if by.kind != "person":
        return Level.ONE
    level, allowed = queries.speaks_as(by, ticket)
    why = decide.may_contact(level, ContactKind(contact_kind) if contact_kind else None, allowed)
    if why:
        kinds = ", ".join(kind.replace("_", " ") for kind in allowed)
        raise KindOfContactNeeded(
            _("{name} was to write to the user of ticket {number}.").format(name=by.name, number=ticket.number),
            _("They work on level {level}, and the desk speaks with users.").format(level=level)
            if why == "kind_missing"
            else _("Their team does not speak to users for that reason."),
            _("Say which kind of contact it is: {kinds}.").format(kinds=kinds)
            if kinds
            else _("Write a note, and let the desk say it."),
            field="contact_kind",
        )
    return level


def _when_sent(ticket: Ticket, why_now: str, at: datetime) -> tuple[datetime, dict[str, Any]]:
    """When what is written to the customer now leaves, and what the story keeps of that."""
    send_at = queries.send_at(ticket, at, why_now=why_now)
    held = {"held_until": send_at.isoformat()} if send_at > at else {}
    return send_at, held | ({"why_now": why_now[:300]} if why_now else {})


def _check_seen(ticket: Ticket, seen_id: UUID | None) -> None:
    """Raise StoryMovedOn where somebody spoke after the entry that the writer had seen last."""
    if seen_id is None:
        return
    spoken = Entry.objects.filter(ticket=ticket, kind__in=Entry.SPOKEN, automatic=False)
    newer = spoken.filter(id__gt=seen_id).order_by("id").last()
    if newer is not None:
        raise StoryMovedOn(
            _("Ticket %d was to be answered.") % ticket.number,
            _("{name} wrote at {time} UTC, after you had last seen it.").format(
                name=newer.by_name, time=f"{newer.at:%H:%M}"
            ),
            _("Read that first; your words are kept."),
            entry=str(newer.id),
        )


def _first_step(step: str, step_at: datetime | None, cover: Cover, at: datetime) -> tuple[str, datetime]:
    if step_at is not None and step.strip():
        _check_step(step, step_at, at)
        return step.strip()[:300], step_at
    return step.strip()[:300] or _("Somebody looks at it"), cover.respond_by or _looked_at(cover, at)


def _looked_at(cover: Cover, at: datetime) -> datetime:
    opens = cover.answer_from
    return opens if opens is not None and opens > at else at + LOOK_WITHIN


def _answer_step() -> str:
    return _("Answer what they wrote")


def _answer_by(ticket: Ticket, at: datetime) -> datetime:
    cover = promised_now(ticket.customer_id, Priority(f"P{ticket.priority}"), at, ticket.work_type or None)
    return cover.respond_by or _looked_at(cover, at)


def _check_step(step: str, step_at: datetime, at: datetime) -> None:
    if not step.strip() or step_at <= at:
        raise Invalid(
            _("A next step was given."),
            _("It has no words, or its time is over."),
            _("Say what happens next, and when; the customer sees both."),
            field="next_step",
        )


def _set_step(ticket: Ticket, step: str, step_at: datetime | None, at: datetime) -> None:
    ticket.next_step, ticket.next_step_at = step.strip()[:300], step_at
    void_promises(("ticket", ticket.id), at=at, kinds=(NEXT_STEP,))
    _promise_step(ticket, at)


def _promise_step(ticket: Ticket, at: datetime) -> None:
    assert ticket.next_step_at is not None
    promise(
        NEXT_STEP,
        subject=("ticket", ticket.id),
        due_at=ticket.next_step_at,
        why=_("Ticket #{number}: {step}").format(number=ticket.number, step=ticket.next_step),
        at=at,
        brand_id=ticket.brand_id,
    )


def _promise_check(entry: Entry, due_at: datetime, at: datetime) -> None:
    """It is looked at `due_at` whether the entry has left."""
    promise(
        CHECK_SENT,
        subject=("entry", entry.id),
        due_at=due_at,
        why=_("A reply was written, and it is looked at whether it has left."),
        at=at,
        facts={"ticket": str(entry.ticket_id)},
        brand_id=entry.ticket.brand_id,
    )


def _as_before(ticket: Ticket, by: Actor) -> dict[str, Any]:
    """What a ticket that follows this one has of it; whoever writes as a contact is the one who asks now."""
    contact_id = int(by.id) if by.kind == "contact" else ticket.contact_id
    is_same = contact_id == ticket.contact_id
    return {
        "kind": ticket.kind,
        "title": ticket.title,
        "customer_id": ticket.customer_id,
        "contact_id": contact_id,
        "requester_address": ticket.requester_address if is_same else "",
        "requester_name": ticket.requester_name if is_same else "",
        "trust": ticket.trust,
        "needs_proof": ticket.needs_proof,
        "service_id": ticket.service_id,
        "subscription_id": ticket.subscription_id,
        "work_type": ticket.work_type,
        "impact": ticket.impact,
        "urgency": ticket.urgency,
        "queue_id": ticket.queue_id,
    }


def _first_parties(ticket: Ticket, copies: Iterable[tuple[str, str]], removed: Iterable[tuple[str, str]] = ()) -> None:
    rows = {one.address: one for one in _requester(ticket)}
    rows |= {one.address: one for one in _copied(ticket, copies, without=rows.keys())}
    for address, name in removed:
        rows[address] = Party(ticket=ticket, address=address, name=name, role=Party.Role.REMOVED)
    insert(list(rows.values()))


def _requester(ticket: Ticket) -> list[Party]:
    """Who asked, as the first party of a new ticket; nobody where there is no address."""
    if not ticket.requester_address:
        return []
    return [
        Party(
            ticket=ticket,
            address=ticket.requester_address,
            name=ticket.requester_name,
            contact=ticket.contact,
            role=Party.Role.REQUESTER,
        )
    ]


def _add_copies(ticket: Ticket, copies: Iterable[tuple[str, str]]) -> None:
    """They are written to as well, unless they are known already: whoever was removed stays so."""
    insert(_copied(ticket, copies, without={ticket.requester_address}), unless_there=True)


def _copied(ticket: Ticket, copies: Iterable[tuple[str, str]], *, without: Collection[str]) -> list[Party]:
    """Whom else the ticket is written to, each once; the customer's own contacts among them as what they are."""
    names: dict[str, str] = {}
    for address, name in copies:
        if (one := address.strip().lower()[:320]) and one not in without:
            names.setdefault(one, name[:200])
    known = queries.contacts_at(list(names), ticket.brand_id) if names and ticket.customer_id is not None else {}
    theirs = {
        one: each for one, each in known.items() if each.customer_id == ticket.customer_id and each.left_at is None
    }
    return [
        Party(ticket=ticket, address=one, name=name, contact=theirs.get(one), role=Party.Role.CC)
        for one, name in names.items()
    ]


def _asks_for_access(title: str, words: Words | None, by: Actor) -> str:
    """The words of a customer by which it seems to change who gets in; ours say so themselves."""
    if words is None or words.automatic or not _is_customer(words.said_by or by):
        return ""
    return decide.asks_for_access(title, own_part(words.text))


def _wakes(ticket: Ticket, queue: Queue | None, cover: Cover, words: Words | None, *, at_once: bool) -> bool:
    return decide.wakes(
        ticket.priority,
        may_page_now=cover.may_page_now or at_once,
        open_now=cover.open_now,
        trusted=ticket.trust in (Ticket.Trust.VERIFIED, Ticket.Trust.STAFF),
        waits_for_day=queue is not None and queue.waits_for_day,
        automatic=words is not None and words.automatic,
    )


def _promise_recount(subject: tuple[str, object], at: datetime, after: str = "") -> None:
    why = _("What was promised has changed; the clocks of open tickets follow.")
    promise(RECOUNT, subject=subject, due_at=at, why=why, facts={"after": after}, at=at)


def _tell_clock(ticket: Ticket, event: Event, due_at: datetime | None, by: Actor, via: Door, at: datetime) -> str:
    """The event is told and stands in the story; returns what was said."""
    late = event.telling is Telling.BREACH
    what = clock_wording.what_is_due(event.which)
    said = (_("{what} is late") if late else _("{what} is nearly due")).format(what=what)
    body: str = _("It was due at {time} UTC.") if late else _("It is due at {time} UTC.")
    body = body.format(time=f"{due_at:%d %b %H:%M}") if due_at is not None else ""
    _write([_entry(ticket, Entry.Kind.SYSTEM, by, via, at, text=f"{said}. {body}", facts={"clock_event": event.key})])
    facts = {"what": what, "clock": event.which, "due_at": due_at.isoformat() if due_at else ""}
    cause = _record(ticket, CLOCK_BREACHED if late else CLOCK_WARNED, facts, by, via, at)
    whom = queries.who_works_on(ticket)
    if late:
        whom += [*queries.desk_of(ticket), *Watch.objects.filter(ticket=ticket).values_list("person_id", flat=True)]
    _tell(whom, ticket, f"#{ticket.number} {ticket.title[:80]}: {said}", body, cause, by, via, at)
    return said


def _may_page_for_clock(ticket: Ticket, at: datetime) -> bool:
    if ticket.priority > decide.CLOCKS_PAGE_TO:
        return False
    priority = Priority(f"P{ticket.priority}")
    cover = promised_to(ticket.contact, ticket.customer_id, priority, at, ticket.work_type or None)
    return decide.pages_for_clock(
        ticket.priority,
        may_page_now=cover.may_page_now,
        trusted=ticket.trust in (Ticket.Trust.VERIFIED, Ticket.Trust.STAFF),
        waits_for_day=ticket.queue is not None and ticket.queue.waits_for_day,
        open_page=clock_queries.has_open_page(ticket),
    )


def _page(ticket: Ticket, at: datetime, title: str = "") -> None:
    """The night's engineer is woken for it; it is Nightdesk that decides so, by the contract."""
    page = trigger_page(
        brand_id=ticket.brand_id,
        title=title or f"#{ticket.number} {ticket.title}",
        priority=f"P{ticket.priority}",
        service_id=ticket.service_id,
        customer_id=ticket.customer_id,
        details={"ticket": str(ticket.id), "number": ticket.number},
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
    TicketPage.objects.create(ticket=ticket, page=page)


def _tell_staff(
    ticket: Ticket,
    title: str,
    body: str,
    cause: UUID,
    by: Actor,
    via: Door,
    at: datetime,
    *,
    answers: bool = False,
) -> int:
    """Whoever works on it and whoever watches it hears of it, but for the one who did it. `answers`: what they answer by
    mail goes on to the customer.
    """
    watching = Watch.objects.filter(ticket=ticket).values_list("person_id", flat=True)
    whom = {*queries.who_works_on(ticket), *watching}
    titled = f"#{ticket.number} {ticket.title[:80]}: {title}"
    return _tell(whom, ticket, titled, body, cause, by, via, at, answers=answers)


def _tell_desk_of_contact(
    ticket: Ticket, level: Level, contact_kind: str, text: str, cause: UUID, by: Actor, via: Door, at: datetime
) -> None:
    """The desk, which speaks with users, hears of it where level 2 or 3 did."""
    if level in decide.BEHIND_THE_DESK:
        kind_said = _("%(name)s (level %(level)s) wrote to the customer: %(kind)s")
        said = kind_said % {"name": by.name, "level": level, "kind": contact_kind.replace("_", " ")}
        _tell_desk(ticket, said, text, cause, by, via, at)


def _tell_desk(ticket: Ticket, title: str, body: str, cause: UUID, by: Actor, via: Door, at: datetime) -> int:
    whom = queries.desk_of(ticket)
    return _tell(whom, ticket, f"#{ticket.number} {ticket.title[:80]}: {title}", body, cause, by, via, at)


def _tell(
    whom: Iterable[int],
    ticket: Ticket,
    title: str,
    body: str,
    cause: UUID,
    by: Actor,
    via: Door,
    at: datetime,
    *,
    answers: bool = False,
) -> int:
    others = queries.still_here(one for one in dict.fromkeys(whom) if one != by.person_id)
    if not others:
        return 0
    word = mail_out.CONVERSATION if answers else mail_out.AMONG_US
    return tell_quietly(
        others,
        kind="ticket.told",
        subject=("ticket", ticket.id),
        title=title[:200],
        body=clipped(body, LONGEST_TOLD),
        mail=MailForm(reply_to=mail_out.reply_address(word, ticket)),
        brand_id=ticket.brand_id,
        cause=cause,
        by=by,
        via=via,
        at=at,
    )


def _record(
    ticket: Ticket, what: str, facts: dict[str, Any], by: Actor, via: Door, at: datetime, text: str = ""
) -> UUID:
    return record(
        what,
        subject=("ticket", ticket.id),
        by=by,
        via=via,
        at=at,
        brand_id=ticket.brand_id,
        facts={"number": ticket.number, **facts},
        text=text,
    )


def _record_move(ticket: Ticket, by: Actor, via: Door, at: datetime) -> UUID:
    facts = {"state": ticket.state.replace("_", " "), "reason": ticket.pending_reason}
    return _record(ticket, TICKET_MOVED, facts, by, via, at)


def _priority(rules: Rules, impact: str, urgency: str) -> Priority:
    try:
        cell = (Impact(impact), Urgency(urgency))
    except ValueError:
        raise Invalid(
            _("Impact {impact} and urgency {urgency} were given.").format(impact=impact, urgency=urgency),
            _("One of these words is not known."),
            _("Give each as high, medium or low."),
            field="impact" if impact not in set(Impact) else "urgency",
        ) from None
    return priority_of(*cell, table_with(rules.priorities))


def _next_number(brand_id: int) -> int:
    """The next of the brand's sequence, made at first need. Numbers of what was undone are not given out again."""
    if ahead := queries.numbers_ahead(brand_id):
        return ahead.pop()
    name = f"desk_number_{int(brand_id)}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(to_regclass(%s))", [name])
        found = cursor.fetchone()[0]
        if found is None:
            # Two at once: the second waits for the first here, and finds it made.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
            cursor.execute(f"CREATE SEQUENCE IF NOT EXISTS {name} START {FIRST_NUMBER}")
            cursor.execute("SELECT nextval(to_regclass(%s))", [name])
            found = cursor.fetchone()[0]
    return int(found)


def _reason_given(why: str) -> str:
    if not why.strip():
        raise Invalid(_("Something was to be done to a ticket."), _("No reason was given."), _("Say why."), field="why")
    return why.strip()


def _tags(tags: Sequence[str]) -> list[str]:
    return sorted({" ".join(tag.lower().split())[:40] for tag in tags if tag.strip()})


def _staff(person_id: int) -> Person:
    found = Person.objects.filter(id=person_id, active=True).first()
    if found is None:
        raise NotFound(
            _("A person was named."), _("There is nobody active with this id."), _("Look at the staff list.")
        )
    return found


def _own(model: Any, row_id: Any, brand_id: int) -> Any:
    """The row, if it is the brand's. Raises NotFound."""
    found = model.objects.filter(id=row_id, brand_id=brand_id).first()
    if found is None:
        raise NotFound(
            _("A ticket names a %s.") % model._meta.verbose_name,
            _("The brand has none with this id."),
            _("Choose one of its own."),
        )
    return found


def _bought(subscription_id: int, customer_id: int | None) -> Subscription:
    """The subscription, if the customer has or had it. Raises NotFound."""
    found = Subscription.ever.filter(id=subscription_id, customer=customer_id).first()
    if found is None:
        raise NotFound(
            _("A ticket names what a customer buys."), _("They buy nothing with this id."), _("Choose one of theirs.")
        )
    return found


def _own_contact(contact_id: int | None, brand_id: int) -> Contact | None:
    if contact_id is None:
        return None
    found = queries.contact_of(contact_id)
    if found is None or found.customer.brand_id != brand_id:
        raise NotFound(
            _("A ticket names a contact."), _("The brand has none with this id."), _("Choose one of its own.")
        )
    return found
