"""Reading tickets; what several doors ask."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.models import Role
from nightdesk.base.actors import Actor
from nightdesk.base.models import Promise
from nightdesk.customers.models import Contact
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import ContractFacts
from nightdesk.customers.queries import contracts_of
from nightdesk.desk.clock import ClockRules, Clocks, Event, History, Missing, Move, clocks_at, none_run, to_tell
from nightdesk.desk.clock_rules import clock_rules_from
from nightdesk.desk.decide import ContactKind, Level, PendingReason, Policy, State
from nightdesk.desk.models import Entry, Rules, TeamRule, Ticket
from nightdesk.paging.models import Page
from nightdesk.people.models import Person, Team

STORY_SHOWN = 12
"""Of how many things that were said the story so far tells."""


def rules_of(brand_id: int) -> Rules:
    """The brand's rules; the usual ones, not kept, where nobody has said any."""
    return Rules.objects.filter(brand_id=brand_id).first() or Rules(brand_id=brand_id)


def policy_of(rules: Rules) -> Policy:
    """What the rules say to `decide`."""
    return Policy(
        reopens_within=timedelta(days=rules.reopens_within_days),
        closes_after=timedelta(days=rules.closes_after_days),
        asks_again_after=timedelta(days=rules.asks_again_after_days),
    )


def level_of_team(team_id: int) -> str:
    """The level that the team works on; a team of which nothing is said stands behind the desk, on level 2."""
    found = TeamRule.objects.filter(team=team_id).values_list("level", flat=True).first()
    return found or Level.TWO


def speaks_as(by: Actor, ticket: Ticket) -> tuple[Level, Collection[ContactKind]]:
    """On which level they speak to the ticket's user, and for which reasons.

    Whoever has the desk's, a manager's or an admin's role here, or is in a team of level 1, is the desk. An engineer is of
    their team's level, the lowest of several; where no team of theirs has a rule, the brand does not tell levels apart.
    """
    at_desk = {Role.DESK, Role.MANAGER, Role.ADMIN}
    if any(brand in (None, ticket.brand_id) and role in at_desk for brand, role in by.grants):
        return Level.ONE, tuple(ContactKind)
    rules = TeamRule.objects.filter(team__members=by.person_id, team__brand=ticket.brand_id).order_by("level")
    first = rules.first()
    if first is None or first.level == Level.ONE:
        return Level.ONE, tuple(ContactKind)
    allowed = {ContactKind(kind) for rule in rules for kind in rule.contact_kinds}
    return Level(first.level), tuple(kind for kind in ContactKind if kind in allowed)


def contact_at(address: str, brand_id: int) -> Contact | None:
    """The brand's contact with this e-mail address, whatever its case; of several the one known longest."""
    found = Contact.objects.filter(email__iexact=address, customer__brand_id=brand_id, customer__active=True)
    return found.select_related("customer").order_by("id").first()


def who_works_on(ticket: Ticket) -> list[int]:
    """Ids of the persons who are to act: the assignee, else the team that has it, else the desk."""
    if ticket.assignee_id is not None:
        return [ticket.assignee_id]
    if ticket.team_id is not None:
        return list(Person.objects.filter(teams=ticket.team_id, active=True).values_list("id", flat=True))
    return desk_of(ticket)


def desk_of(ticket: Ticket) -> list[int]:
    """Ids of the persons of the team that owns it."""
    if ticket.owner_id is None:
        return []
    return list(Person.objects.filter(teams=ticket.owner_id, active=True).values_list("id", flat=True))


def manager_for(ticket: Ticket) -> Person | None:
    """Whom a hierarchic escalation reaches: the manager of the team that has it, else of the desk."""
    for team_id in (ticket.team_id, ticket.owner_id):
        team = Team.objects.select_related("manager").filter(id=team_id).first() if team_id else None
        if team is not None and team.manager is not None and team.manager.active:
            return team.manager
    return None


def story_of(ticket: Ticket) -> QuerySet[Entry]:
    """All that was said and done, in order, of the ticket and of those that were merged into it."""
    return (
        Entry.objects.filter(Q(ticket=ticket) | Q(ticket__merged_into=ticket))
        .select_related("ticket")
        .prefetch_related("attachments")
        .order_by("at", "id")
    )


def story_so_far(ticket: Ticket) -> str:
    """What whoever takes it over must know, in plain text: what it is, whose, what was said, what is promised."""
    spoken = (Entry.Kind.MESSAGE_IN, Entry.Kind.MESSAGE_OUT, Entry.Kind.CALL, Entry.Kind.NOTE)
    said = list(story_of(ticket).filter(kind__in=spoken).order_by("-at", "-id")[:STORY_SHOWN])
    lines = [f"#{ticket.number} P{ticket.priority} {ticket.title}"]
    if ticket.customer is not None:
        lines.append(_("For {customer}, {name}").format(customer=ticket.customer.name, name=ticket.requester_name))
    elif ticket.requester_name or ticket.requester_address:
        lines.append(_("For {name}").format(name=ticket.requester_name or ticket.requester_address))
    if ticket.next_step_at is not None:
        lines.append(
            _("Next: {step}, by {time} UTC").format(step=ticket.next_step, time=f"{ticket.next_step_at:%d %b %H:%M}")
        )
    lines += [f"{entry.at:%d %b %H:%M} {entry.by_name}: {' '.join(entry.text.split())[:600]}" for entry in said[::-1]]
    return "\n".join(lines)


# --- Clocks ----------------------------------------------------------------------------------------------------------


WARN, BREACH = "ticket.warn_clock", "ticket.breach"
"""Promises: to say that an answer, news or a fix is nearly due, and that it is late."""

CLOCKED = (Entry.Kind.MOVED, Entry.Kind.CHANGED, Entry.Kind.MESSAGE_OUT)
"""Entries that clocks are computed from. Calls are not among them: a message that was taken is no answer."""


class _Line(NamedTuple):
    """What clocks read of an entry."""

    ticket: UUID
    survivor: UUID | None
    at: datetime
    kind: str
    by_kind: str
    public: bool
    automatic: bool
    facts: dict[str, Any]


def clocks_of(tickets: Collection[Ticket], at: datetime) -> dict[UUID, Clocks]:
    """By ticket, how its clocks stand at `at`; three queries, however many tickets.

    The words of what was merged into a ticket count as spoken on it. A ticket that was merged away owes nothing itself.
    """
    lines, contracts = _lines_of(tickets, CLOCKED), _contracts_for(tickets)
    rules = _clock_rules_of({ticket.brand_id for ticket in tickets})
    found = {}
    for ticket in tickets:
        if ticket.merged_into_id is not None:
            found[ticket.pk] = none_run(Missing.MERGED)
            continue
        theirs = contracts.get(ticket.customer_id or 0, ())
        found[ticket.pk] = clocks_at(_history(ticket, lines[ticket.pk]), theirs, at, rules[ticket.brand_id])
    return found


def clock_events(ticket: Ticket, at: datetime, story: Sequence[Entry] | None = None) -> list[Event]:
    """What is to be told of its clocks from `at` on, see `clock.to_tell`; nothing of what is over.

    `story`: all that stands in its story, where the caller has it in hand.
    """
    if not ticket.is_open:
        return []
    contracts = _contracts_for([ticket]).get(ticket.customer_id or 0, ())
    if not contracts:
        return []
    if story is None:
        lines = _lines_of([ticket], (*CLOCKED, Entry.Kind.SYSTEM))[ticket.pk]
    else:
        lines = [_Line(one.ticket_id, None, *(getattr(one, name) for name in _Line._fields[2:])) for one in story]
    told = {line.facts["clock_event"] for line in lines if "clock_event" in line.facts}
    rules = _clock_rules_of([ticket.brand_id])[ticket.brand_id]
    return to_tell(_history(ticket, lines), contracts, at, told, rules)


def clock_promises(ticket: Ticket) -> dict[str, tuple[datetime, str]]:
    """By kind (WARN, BREACH), when the ticket's open promise is due and the key that it is for; none in a worker's hand."""
    rows = Promise.objects.filter(
        subject_kind="ticket", subject_id=str(ticket.pk), kind__in=(WARN, BREACH), ended_at=None, leased_by=None
    )
    return {row.kind: (row.due_at, row.facts["key"]) for row in rows}


def has_open_page(ticket: Ticket) -> bool:
    """Whether somebody is being paged for it, or has taken such a page and not ended it."""
    open_pages = Page.objects.filter(brand=ticket.brand_id).exclude(state=Page.State.RESOLVED)
    return open_pages.filter(details__ticket=str(ticket.pk)).exists()


def _clock_rules_of(brand_ids: Collection[int]) -> dict[int, ClockRules]:
    stored = dict(Rules.objects.filter(brand__in=brand_ids).values_list("brand_id", "clocks"))
    return {brand_id: clock_rules_from(stored.get(brand_id, {})) for brand_id in brand_ids}


def _contracts_for(tickets: Collection[Ticket]) -> dict[int, list[ContractFacts]]:
    customers = {ticket.customer_id for ticket in tickets if ticket.customer_id is not None}
    return contracts_of(customers) if customers else {}


def _lines_of(tickets: Collection[Ticket], kinds: Collection[str]) -> dict[UUID, list[_Line]]:
    """By ticket, the entries of these kinds, of what was merged into it too, in order; one query."""
    ids = [ticket.pk for ticket in tickets]
    lines: dict[UUID, list[_Line]] = {one: [] for one in ids}
    rows = (
        Entry.objects.filter(Q(ticket__in=ids) | Q(ticket__merged_into__in=ids), kind__in=kinds)
        .order_by("at", "id")
        .values_list("ticket_id", "ticket__merged_into_id", "at", "kind", "by_kind", "public", "automatic", "facts")
    )
    for row in rows:
        line = _Line(*row)
        for one in (line.ticket, line.survivor):
            if one in lines:
                lines[one].append(line)
    return lines


def _history(ticket: Ticket, lines: Sequence[_Line]) -> History:
    """The ticket's moves as its story tells them, and when the customer heard from us."""
    own = [line for line in lines if line.ticket == ticket.pk]
    changes = [line.facts.get("changes", {}) for line in own if line.kind == Entry.Kind.CHANGED]
    priority = _at_first(changes, "priority", ticket.priority)
    work_type = _at_first(changes, "work_type", ticket.work_type)
    moves: list[Move] = []
    for line in own:
        if line.kind == Entry.Kind.MOVED:
            state, reason = State(line.facts["to"]), line.facts.get("reason")
            priority = line.facts.get("priority", priority)
        elif (
            line.kind == Entry.Kind.CHANGED and moves and {"priority", "work_type"} & set(line.facts.get("changes", ()))
        ):
            state, reason = moves[-1].state, moves[-1].pending_reason
            _before, priority = line.facts["changes"].get("priority", (None, priority))
            _before, work_type = line.facts["changes"].get("work_type", (None, work_type))
        else:
            continue
        moves.append(
            Move(
                at=line.at,
                state=state,
                priority=Priority(f"P{priority}"),
                pending_reason=PendingReason(reason) if reason else None,
                work_type=work_type or None,
                asked=line.kind == Entry.Kind.MOVED and line.by_kind in ("contact", "caller"),
            )
        )
    if not moves:
        # Nothing is told of how it came to be what it is.
        moves = [Move(ticket.opened_at, State(ticket.state), Priority(f"P{priority}"), None, work_type or None)]
    words = [line for line in lines if line.kind == Entry.Kind.MESSAGE_OUT and line.public and not line.automatic]
    return History(
        moves=tuple(moves),
        replies=tuple(_heard_at(line) for line in words if line.by_kind == "person"),
        updates=tuple(_heard_at(line) for line in words if line.by_kind != "person"),
    )


def _at_first(changes: Iterable[dict[str, Any]], name: str, now: Any) -> Any:
    """What the column was before it was changed for the first time."""
    return next((change[name][0] for change in changes if name in change), now)


def _heard_at(line: _Line) -> datetime:
    """When the words went out: what is held till the opening is heard then."""
    held = line.facts.get("held_until")
    return max(line.at, datetime.fromisoformat(held)) if held else line.at
