"""How tickets' clocks stand, read from their stories and their customers' contracts for many tickets at once."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from nightdesk.base.memory import remembered
from nightdesk.base.models import Promise
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import ContractFacts
from nightdesk.customers.queries import contracts_of, contracts_with
from nightdesk.desk.clock import ClockRules, Clocks, Event, History, Missing, Move, clocks_at, none_run, to_tell
from nightdesk.desk.clock_rules import clock_rules_from
from nightdesk.desk.decide import OPEN, PendingReason, State
from nightdesk.desk.models import Entry, Rules, Ticket, TicketPage
from nightdesk.desk.queries import with_merged
from nightdesk.paging.models import Page

WARN, BREACH = "ticket.warn_clock", "ticket.breach"
"""Promises: to say that an answer, news or a fix is nearly due, and that it is late."""

CLOCKED = (Entry.Kind.MOVED, Entry.Kind.CHANGED, Entry.Kind.MESSAGE_OUT)
"""Entries that clocks are computed from. Calls are not among them: a message that was taken is no answer."""

CUSTOMERS = ("contact", "caller")
"""Kinds of actors that are the customer's side."""


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
    contracts = contracts_with(ticket.customer_id) if ticket.customer_id is not None else ()
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
    pages = TicketPage.objects.filter(with_merged(ticket))
    return pages.exclude(page__state=Page.State.RESOLVED).exists()


def _clock_rules_of(brand_ids: Collection[int]) -> dict[int, ClockRules]:
    return {brand_id: _clock_rules(brand_id) for brand_id in brand_ids}


@remembered
def _clock_rules(brand_id: int) -> ClockRules:
    stored = Rules.objects.filter(brand=brand_id).values_list("clocks", flat=True).first()
    return clock_rules_from(stored or {})


def _contracts_for(tickets: Collection[Ticket]) -> dict[int, list[ContractFacts]]:
    customers = {ticket.customer_id for ticket in tickets if ticket.customer_id is not None}
    return contracts_of(customers) if customers else {}


def _lines_of(tickets: Collection[Ticket], kinds: Collection[str]) -> dict[UUID, list[_Line]]:
    """By ticket, the entries of these kinds, of what was merged into it too, in order; one query."""
    ids = [ticket.pk for ticket in tickets]
    lines: dict[UUID, list[_Line]] = {one: [] for one in ids}
    rows = (
        Entry.objects.filter(with_merged(*tickets), kind__in=kinds)
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
    """The ticket's moves as its story tells them, and when the customer heard from us.

    What it did at another desk, from which it was imported, it did at the import: nothing was owed by us before.
    """
    own = [line for line in lines if line.ticket == ticket.pk]
    imported = next((line.facts["imported_at"] for line in own if "imported_at" in line.facts), None)
    ours_since = datetime.fromisoformat(imported) if imported else ticket.opened_at
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
                at=max(line.at, ours_since),
                state=state,
                priority=Priority(f"P{priority}"),
                pending_reason=PendingReason(reason) if reason else None,
                work_type=work_type or None,
                asked=line.kind == Entry.Kind.MOVED and _asked(line),
            )
        )
    if not moves:
        # Nothing is told of how it came to be what it is.
        moves = [Move(ticket.opened_at, State(ticket.state), Priority(f"P{priority}"), None, work_type or None)]
    words = [line for line in lines if line.kind == Entry.Kind.MESSAGE_OUT and line.public and _is_news(line)]
    merged = [line for line in lines if line.kind == Entry.Kind.MOVED and line.ticket != ticket.pk]
    return History(
        moves=tuple(moves),
        asked_beside=tuple(line.at for line in merged if line.facts.get("from") not in OPEN and _asked(line)),
        replies=tuple(_heard_at(line) for line in words if line.by_kind == "person"),
        updates=tuple(_heard_at(line) for line in words if line.by_kind != "person"),
    )


def _asked(line: _Line) -> bool:
    """Whether it is a customer who opened it, or opened it again, who may have had somebody of ours take down their words."""
    return bool(line.facts.get("asked", line.by_kind in CUSTOMERS))


def _is_news(line: _Line) -> bool:
    """Whether the customer hears something by it: of an outage's update as by words of ours, of an automatic answer not."""
    return not line.automatic or "update" in line.facts


def _at_first(changes: Iterable[dict[str, Any]], name: str, now: Any) -> Any:
    """What the column was before it was changed for the first time."""
    return next((change[name][0] for change in changes if name in change), now)


def _heard_at(line: _Line) -> datetime:
    """When the words went out: what is held till the opening is heard then."""
    held = line.facts.get("held_until")
    return max(line.at, datetime.fromisoformat(held)) if held else line.at
