"""What may become of a ticket, and what follows from what is written on it. Pure.

States and moves are ITIL's (as ServiceNow and GLPI name them): reopening is a move, not a state; who is responsible while it
waits is the reason for waiting.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from nightdesk.customers.hours import add_open_time
from nightdesk.customers.promised import ContractFacts


class State(StrEnum):
    NEW = "new"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


OPEN = frozenset({State.NEW, State.ASSIGNED, State.IN_PROGRESS, State.PENDING})
"""States in which somebody still owes something."""


class PendingReason(StrEnum):
    """Who is responsible while it waits. The first is over once the caller writes."""

    AWAITING_CALLER = "awaiting_caller"
    AWAITING_CHANGE = "awaiting_change"
    AWAITING_PROBLEM = "awaiting_problem"
    AWAITING_SUPPLIER = "awaiting_supplier"


class Verb(StrEnum):
    """What moves a ticket."""

    ASSIGN = "assign"
    START = "start"
    WAIT = "wait"
    RESUME = "resume"
    RESOLVE = "resolve"
    CLOSE = "close"
    CANCEL = "cancel"
    REOPEN = "reopen"


TRANSITIONS: Mapping[tuple[State, Verb], State] = MappingProxyType(
    {
        (State.NEW, Verb.ASSIGN): State.ASSIGNED,
        (State.NEW, Verb.START): State.IN_PROGRESS,
        (State.NEW, Verb.RESOLVE): State.RESOLVED,
        (State.NEW, Verb.CANCEL): State.CANCELLED,
        (State.ASSIGNED, Verb.ASSIGN): State.ASSIGNED,
        (State.ASSIGNED, Verb.START): State.IN_PROGRESS,
        (State.ASSIGNED, Verb.WAIT): State.PENDING,
        (State.ASSIGNED, Verb.RESOLVE): State.RESOLVED,
        (State.ASSIGNED, Verb.CANCEL): State.CANCELLED,
        (State.IN_PROGRESS, Verb.ASSIGN): State.ASSIGNED,
        (State.IN_PROGRESS, Verb.WAIT): State.PENDING,
        (State.IN_PROGRESS, Verb.RESOLVE): State.RESOLVED,
        (State.PENDING, Verb.RESUME): State.IN_PROGRESS,
        (State.PENDING, Verb.START): State.IN_PROGRESS,
        (State.PENDING, Verb.RESOLVE): State.RESOLVED,
        (State.RESOLVED, Verb.CLOSE): State.CLOSED,
        (State.RESOLVED, Verb.REOPEN): State.IN_PROGRESS,
        (State.CLOSED, Verb.REOPEN): State.IN_PROGRESS,
    }
)
"""(state, verb) -> state. What is not here is refused; a closed ticket is reopened only within `Policy.reopens_within`."""


class ContactKind(StrEnum):
    """Why level 2 or 3 speaks to the user themselves."""

    FIRST_RESPONSE = "first_response"
    QUESTION = "question"
    SITE_VISIT = "site_visit"
    RESOLUTION = "resolution"


class Level(StrEnum):
    """Who works on it. The desk is level 1, and stays the owner whoever works on it."""

    ONE = "1"
    TWO = "2"
    THREE = "3"
    SUPPLIER = "supplier"


BEHIND_THE_DESK = frozenset({Level.TWO, Level.THREE})


@dataclass(frozen=True, slots=True)
class Policy:
    """A brand's rules. `closes_after`: a resolved ticket of which nothing is heard is closed. `asks_again_after`: how long
    a caller's answer is waited for before the desk asks again.
    """

    reopens_within: timedelta = timedelta(days=14)
    closes_after: timedelta = timedelta(days=5)
    asks_again_after: timedelta = timedelta(days=3)


def after(state: State, verb: Verb) -> State | None:
    """The state that the verb leads to; None where it is not legal."""
    return TRANSITIONS.get((state, verb))


def may_reopen(state: State, closed_at: datetime | None, at: datetime, policy: Policy) -> bool:
    """Whether the ticket itself is opened again, and not a new one that is linked to it."""
    if state is State.RESOLVED:
        return True
    return state is State.CLOSED and closed_at is not None and at - closed_at <= policy.reopens_within


class Follows(StrEnum):
    """What a message of the customer does to the ticket that it is about."""

    NOTHING = "nothing"
    RESUMES = "resumes"
    REOPENS = "reopens"
    NEW_TICKET = "new_ticket"


def on_message(
    state: State,
    reason: PendingReason | None,
    *,
    automatic: bool,
    closed_at: datetime | None,
    at: datetime,
    policy: Policy,
) -> Follows:
    """What follows from a message that came to the ticket. A machine's neither stops a pause nor reopens anything."""
    if automatic:
        return Follows.NOTHING
    if state is State.PENDING and reason is PendingReason.AWAITING_CALLER:
        return Follows.RESUMES
    if state in OPEN:
        return Follows.NOTHING
    return Follows.REOPENS if may_reopen(state, closed_at, at, policy) else Follows.NEW_TICKET


SPEAKS_ANEW_AFTER = timedelta(days=1)


def asks_anew(follows: Follows, customer_wrote_at: datetime | None, we_wrote_at: datetime | None, at: datetime) -> bool:
    """Whether what a customer says on their ticket is no answer to us: they come of themselves, as whoever opens one does.

    It was resolved; or they spoke last, or nobody has spoken for a day.
    """
    if follows is not Follows.NOTHING:
        return follows is Follows.REOPENS
    if we_wrote_at is None or at - we_wrote_at >= SPEAKS_ANEW_AFTER:
        return True
    return customer_wrote_at is not None and customer_wrote_at > we_wrote_at


def may_contact(level: Level, contact_kind: ContactKind | None, allowed: Collection[ContactKind]) -> str:
    """Why somebody of this level may not write to the user so; "" where they may. The desk needs no reason."""
    if level not in BEHIND_THE_DESK:
        return ""
    if contact_kind is None:
        return "kind_missing"
    return "" if contact_kind in allowed else "kind_not_allowed"


def lacks(what_was_wrong: str, what_was_done: str, what_to_do: str) -> tuple[str, ...]:
    """What resolving still asks for, as names of fields."""
    asked = {"what_was_wrong": what_was_wrong, "what_was_done": what_was_done, "what_to_do": what_to_do}
    return tuple(name for name, words in asked.items() if not words.strip())


# A parent's move that its children make too. Closing is each caller's own, or the timer's; a cancelled parent was none.
_CHILDREN_FOLLOW = frozenset({Verb.START, Verb.RESUME, Verb.WAIT, Verb.RESOLVE})
FOR_CHILDREN_TOO = frozenset(
    {PendingReason.AWAITING_CHANGE, PendingReason.AWAITING_PROBLEM, PendingReason.AWAITING_SUPPLIER}
)


def children_follow(verb: Verb, reason: PendingReason | None) -> bool:
    """Whether the children of a major incident make this move of their parent's too; `reason`: for whom it waits or waited.

    Source: ServiceNow's parent and child state synchronisation. One child's caller is not waited for by the others.
    """
    return verb in _CHILDREN_FOLLOW and (reason is None or reason in FOR_CHILDREN_TOO)


def childs_verb(state: State, verb: Verb) -> Verb | None:
    """By which verb a child in this state is where its parent's `verb` leads; None where it cannot be, or is."""
    wanted = [Verb.RESUME, Verb.START] if verb in (Verb.START, Verb.RESUME) else [verb]
    return next((one for one in wanted if after(state, one) is not None), None)


WITHOUT_CONTRACT = ("no_contract", "contract_not_valid")
"""Reasons of `customers.promised.Reason` for which no calendar of the customer's own tells when we are there."""


def send_at(at: datetime, *, open_now: bool, reason: str, opens_at: datetime | None, why_now: str) -> datetime:
    """When an answer leaves: at once, or at the opening for a customer to whom nothing is answered now.

    `reason` is that of `customers.promised.Reason`. Else people learn to expect at night what they have not bought.
    """
    waits = not open_now and reason in ("out_of_hours_not_covered", "not_a_night_job", *WITHOUT_CONTRACT)
    return opens_at if waits and opens_at is not None and not why_now.strip() else at


MANAGER_WITHIN = timedelta(hours=2)
"""How much of our working time a manager has to answer a customer who asked for one."""
MANAGER_WITHIN_AT_MOST = timedelta(days=1)
"""Where no contract says when we work."""


def manager_answers_by(contract: ContractFacts | None, at: datetime) -> datetime:
    """By when a customer who asked for a manager is promised to hear from one."""
    by = add_open_time(contract.hours, at, MANAGER_WITHIN) if contract is not None else None
    return by if by is not None else at + MANAGER_WITHIN_AT_MOST


def wakes(
    priority: int, *, may_page_now: bool, open_now: bool, trusted: bool, waits_for_day: bool, automatic: bool
) -> bool:
    """Whether a new ticket pages somebody: at night what the contract lets wake, by day a P1; never who is not known."""
    if automatic or waits_for_day or not trusted or not may_page_now:
        return False
    return priority == 1 if open_now else True


_WHAT_LETS_IN = (
    r"(?:pass(?:wor[dt]|code|phrase|key)s?|passwörter|kennw(?:ort|örter)|mots? de passe|mfa|2fa|totp|authenticator"
    r"|(?:two|multi|zwei|mehr)[- ]?fa[ck]tor)"
)
_WHAT_IS_WANTED = (
    r"(?:reset|change|new|forgot(?:ten)?|lost|unlock|locked|remove|disable|turn off|switch off|expired|zurück(?:zu)?setzen|ändern"
    r"|neues|vergessen|entsperren|abschalten|réinitialiser|changer|nouveau|oublié)"
)
_ASKS_FOR_ACCESS = re.compile(
    rf"\b(?:{_WHAT_IS_WANTED}\b[^.\n]{{0,40}}\b{_WHAT_LETS_IN}|{_WHAT_LETS_IN}\b[^.\n]{{0,40}}\b{_WHAT_IS_WANTED})\b",
    re.IGNORECASE,
)
_NAMES_ACCESS = re.compile(rf"\b{_WHAT_LETS_IN}\b", re.IGNORECASE)
LOOKED_THROUGH = 2000


def asks_for_access(title: str, text: str) -> str:
    """The words by which something seems to change who gets in ("reset my password"), "" where none do: what lets somebody in
    named in the title, or in the beginning of the text beside what is to become of it.
    """
    found = _NAMES_ACCESS.search(title) or _ASKS_FOR_ACCESS.search(text[:LOOKED_THROUGH])
    return " ".join(found[0].split()) if found is not None else ""


SURGE_WITHIN = timedelta(minutes=10)
SURGE_OF = 3


Thing = tuple[str, int]
"""What of ours somebody may ask about: ("service", id) or ("part", id)."""


@dataclass(frozen=True, slots=True)
class Contacted:
    """Somebody asked for help. `about` is what of ours it may be about, each with how far it lies from what they named: the
    service named, else all that they buy, at 0; the parts beneath, the further the more.
    """

    customer: int
    about: Mapping[Thing, int]
    at: datetime


def shared_thing(
    contacts: Collection[Contacted],
    at: datetime,
    *,
    kind: str = "",
    of: int = SURGE_OF,
    within: timedelta = SURGE_WITHIN,
) -> Thing | None:
    """What `of` or more different customers asked about in `(at - within, at]`; None where they share nothing. `kind`: only
    things of that kind.

    Of several the one that most ask about, then the nearest to what they named, then the lowest.
    """
    asking: dict[Thing, dict[int, int]] = {}
    for one in contacts:
        if at - within < one.at <= at:
            for thing, distance in one.about.items():
                known = asking.setdefault(thing, {})
                known[one.customer] = min(distance, known.get(one.customer, distance))
    enough = {
        thing: (-len(customers), sum(customers.values()) / len(customers), thing)
        for thing, customers in asking.items()
        if len(customers) >= of and kind in ("", thing[0])
    }
    return min(enough, key=enough.__getitem__, default=None)


def may_merge(ticket: int | str, survivor: int | str, merged_away: Collection[int | str]) -> bool:
    """Whether one ticket may go on in the other: not in itself, and neither has been merged away."""
    return ticket != survivor and not {ticket, survivor} & set(merged_away)


PRIORITY_CELLS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        1: ("high", "high"),
        2: ("high", "medium"),
        3: ("medium", "medium"),
        4: ("medium", "low"),
        5: ("low", "low"),
    }
)
"""Impact and urgency of a ticket that a page of this priority opened, until somebody has judged them."""


CHILD_WORDS = ("name", "number", "service", "title")
"""What may stand in braces in an update to all under a major incident."""
_IN_BRACES = re.compile(r"\{([^{}]*)\}")


def unknown_words(text: str) -> list[str]:
    """What stands in braces and is none of CHILD_WORDS, in its order."""
    return [word for word in _IN_BRACES.findall(text) if word not in CHILD_WORDS]


def in_their_words(text: str, **theirs: str) -> str:
    """The text with each word in braces as it is for this customer; one pass, so that nothing of theirs is read again."""
    return _IN_BRACES.sub(lambda found: theirs.get(found[1], found[0]), text)


@dataclass(frozen=True, slots=True)
class Rung:
    """Whom a supplier is chased at: their name or role, by which number or address, so long after the one before."""

    who: str
    how: str
    after: timedelta


def next_chase(ladder: Sequence[Rung], step: int, at: datetime, *, due: datetime | None) -> datetime:
    """When a supplier is chased next, at rung `step` (from 0; beyond the last one the last goes on).

    Before they owe anything (`due`, an instant to come) nobody is chased; then after each rung's own time, which is an hour
    where there is no ladder.
    """
    if due is not None and due > at:
        return due
    wait = ladder[min(step, len(ladder) - 1)].after if ladder else timedelta(hours=1)
    return at + max(wait, timedelta(minutes=5))


SURVEY_RESTS = timedelta(days=30)
"""Whoever was asked what they think is not asked again so soon."""


def asks_survey(
    *, wanted: bool, state: State, from_machine: bool, has_address: bool, last_asked_at: datetime | None, at: datetime
) -> bool:
    """Whether the requester of a closed ticket is asked what they think."""
    if not wanted or state is not State.CLOSED or from_machine or not has_address:
        return False
    return last_asked_at is None or at - last_asked_at >= SURVEY_RESTS


def use_prepaid(
    packages: Sequence[tuple[date, date | None, int]], spent: Sequence[tuple[date, int]]
) -> tuple[int, int]:
    """(minutes that are prepaid, minutes to be billed) of what was spent; every minute is one or the other.

    `packages` are (from, until, minutes), half-open; each minute is taken from the package in force on its day that ends
    first, as far as it goes. `spent` are (day, minutes).
    """
    in_order = sorted(packages, key=lambda one: (one[1] is None, one[1] or one[0], one[0]))
    left = [minutes for _start, _end, minutes in in_order]
    paid = billed = 0
    for day, minutes in sorted(spent):
        rest = minutes
        for number, (start, end, _minutes) in enumerate(in_order):
            if start <= day and (end is None or day < end):
                used = min(rest, left[number])
                left[number] -= used
                rest -= used
                paid += used
        billed += rest
    return paid, billed


CLOCKS_PAGE_TO = 2
"""The least pressing priority for which a clock that runs out pages somebody."""


def pages_for_clock(priority: int, *, may_page_now: bool, trusted: bool, waits_for_day: bool, open_page: bool) -> bool:
    """Whether somebody is paged as a deadline comes near or is past; never twice for one thing: `open_page` is one for it."""
    return priority <= CLOCKS_PAGE_TO and may_page_now and trusted and not waits_for_day and not open_page
