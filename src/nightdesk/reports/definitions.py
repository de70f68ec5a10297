"""Every service figure: its name, its unit, its formula and source in words, and the one function that counts it.

`docs/figures.md` is this table; a test compares them. A function takes one record of what happened (`facts`) and says what it
adds to the figure, None where it does not count. Adding up is `tally`'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from nightdesk.reports import facts, phone
from nightdesk.reports.tally import NOTHING, WAITS, Tally, hit, measured, merged

Count: TypeAlias = Callable[[Any], Tally | None]


class Unit(StrEnum):
    """What a figure's value is."""

    SHARE = "share"
    """hits of cases, of 1"""
    TIME = "time"
    """milliseconds: the median, beside it the 90th percentile and the mean"""
    SCORE = "score"
    """the mean of 1 to 5"""
    A_NIGHT = "a night"
    """cases by night of the period"""
    MONEY = "money"
    """the sum, by currency"""
    UPTIME = "uptime"
    """1 less the time lost, of all that could have been"""


WIDE = ("team", "shift", "customer", "supplier")


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure. `of` is the sort of record that it counts; `by` the dimensions by which it is kept; `more_is_better` None:
    neither. `variant` of another figure: the same with other terms, shown beside it.
    """

    key: str
    name: str
    unit: Unit
    of: type
    count: Count
    formula: str
    source: str
    by: tuple[str, ...] = WIDE
    more_is_better: bool | None = True
    variant_of: str = ""


def _in_time(call: phone.LineCall, by: tuple[str, ...]) -> bool:
    return call.answered_in_time and call.answered_by in by


PEOPLE = ("engineer", "desk", "bureau")
_MS = timedelta(milliseconds=1)


def _strict(fact: facts.Rang) -> Tally | None:
    return hit(_in_time(fact.call, PEOPLE)) if fact.call.asked else None


def _by_anybody(fact: facts.Rang) -> Tally | None:
    return hit(fact.call.in_time) if fact.call.asked else None


def _by_engineer(fact: facts.Rang) -> Tally | None:
    return hit(_in_time(fact.call, ("engineer",))) if fact.call.asked else None


def _patient(fact: facts.Rang) -> Tally | None:
    gave_up = fact.call.abandoned and fact.call.answered_at is None
    return None if gave_up or not fact.call.asked else hit(_in_time(fact.call, PEOPLE))


def _answer_time(fact: facts.Rang) -> Tally | None:
    call = fact.call
    if not call.asked or call.answered_at is None or call.answered_by not in PEOPLE:
        return None
    return measured(max((call.answered_at - call.came_at) // _MS, 0))


def _gave_up(fact: facts.Rang) -> Tally | None:
    return hit(fact.call.abandoned) if fact.call.asked else None


def _again(fact: facts.Rang) -> Tally | None:
    return hit(fact.again) if fact.again is not None else None


def _called_back(fact: facts.Owed) -> Tally | None:
    if not phone.counts(fact.owed, fact.at):
        return WAITS if fact.owed.called_off_at is None else None
    return hit(phone.kept(fact.owed))


def _corrected(fact: facts.Taken) -> Tally | None:
    return hit(fact.corrected)


def _responded(fact: facts.Asked) -> Tally | None:
    if fact.responded_ms is None:
        return WAITS if fact.resolved_ms is None else None
    return measured(fact.responded_ms)


def _resolved(fact: facts.Asked) -> Tally | None:
    return WAITS if fact.resolved_ms is None else measured(fact.resolved_ms)


def _first_contact(fact: facts.Asked) -> Tally | None:
    if fact.resolved_ms is None:
        return WAITS
    return hit(not (fact.functional or fact.reopened or fact.spoken_after))


def _functional(fact: facts.Asked) -> Tally | None:
    return hit(fact.functional)


def _hierarchic(fact: facts.Asked) -> Tally | None:
    return hit(fact.hierarchic)


def _reopened(fact: facts.Asked) -> Tally | None:
    return hit(fact.reopened) if fact.resolved_ms is not None or fact.reopened else WAITS


def _acknowledged(fact: facts.Paged) -> Tally | None:
    if fact.taken_ms is None:
        return None if fact.over else WAITS
    return measured(fact.taken_ms)


def _woke(_fact: facts.Woke) -> Tally | None:
    return Tally(cases=1)


def _first_word(fact: facts.Failed) -> Tally | None:
    if fact.first_word_ms is None:
        return None if fact.over else WAITS
    return measured(fact.first_word_ms)


def _updates(fact: facts.Failed) -> Tally | None:
    return Tally(cases=fact.promised, hits=fact.kept)


def _told_first(fact: facts.Noticed) -> Tally | None:
    return hit(fact.told_first)


def _down(fact: facts.Down) -> Tally | None:
    return Tally(cases=1, total=fact.down_ms)


def _down_or_planned(fact: facts.Down) -> Tally | None:
    return Tally(cases=1, total=fact.with_work_ms)


def _taken(fact: facts.Sent) -> Tally | None:
    return Tally(cases=fact.count, hits=fact.count * fact.taken)


def _arrived(fact: facts.Sent) -> Tally | None:
    return Tally(cases=fact.count, hits=fact.count * fact.arrived) if fact.arrived is not None else None


def _paid(fact: facts.Paid) -> Tally | None:
    return Tally(cases=fact.count, total=fact.micros)


def _score(fact: facts.Surveyed) -> Tally | None:
    return WAITS if fact.score is None else measured(fact.score)


def _content(fact: facts.Surveyed) -> Tally | None:
    return WAITS if fact.score is None else hit(fact.score >= 4)


CALLS, TICKETS = "calls", "tickets and their entries"
ASKED_FOR = (
    "calls of people from outside that asked for somebody (who heard of an outage, or that nobody is there, did not)"
)

DEFINITIONS: tuple[Definition, ...] = (
    Definition("answered_12s", "Answered within 12 s", Unit.SHARE, facts.Rang, _strict,
        f"{ASKED_FOR}: those whom a person (engineer, message taker here or outside) had within 12 s of ringing in, of all, who "
        "gave up too", CALLS),
    Definition("answered_12s_recorder", "… counting the recorder", Unit.SHARE, facts.Rang, _by_anybody,
        "as answered_12s, but the recorder is an answer too", CALLS, variant_of="answered_12s"),
    Definition("answered_12s_engineer", "… by an engineer", Unit.SHARE, facts.Rang, _by_engineer,
        "as answered_12s, but only an engineer is an answer", CALLS, variant_of="answered_12s"),
    Definition("answered_12s_patient", "… without who gave up", Unit.SHARE, facts.Rang, _patient,
        "as answered_12s, but who gave up before anybody answered is left out", CALLS, variant_of="answered_12s"),
    Definition("time_to_answer", "Time to answer", Unit.TIME, facts.Rang, _answer_time,
        "from ringing in to a person, of calls that a person answered and that asked for somebody", CALLS, more_is_better=False),
    Definition("gave_up", "Gave up", Unit.SHARE, facts.Rang, _gave_up,
        f"{ASKED_FOR}: those who rang off before anybody had them", CALLS, more_is_better=False),
    Definition("repeat_callers", "Repeat callers", Unit.SHARE, facts.Rang, _again,
        "calls from a number that had rung the same brand within 24 h before, of all whose number is shown", CALLS,
        more_is_better=False),
    Definition("call_backs_on_time", "Call-backs on time", Unit.SHARE, facts.Owed, _called_back,
        "call-backs made by the time told to the caller, of those made or overdue; called off before it was due does not count",
        "messages callers left"),
    Definition("messages_corrected", "Messages corrected", Unit.SHARE, facts.Taken, _corrected,
        "messages of the bureau with an answer changed after it was read back or handed on, of all saved; no tests",
        "bureau messages", more_is_better=False),
    Definition("time_to_respond", "Time to respond", Unit.TIME, facts.Asked, _responded,
        "from opening to the first words of a person to the customer; not a machine's acknowledgement", TICKETS,
        more_is_better=False),
    Definition("time_to_resolve", "Time to resolve", Unit.TIME, facts.Asked, _resolved,
        "from opening to its last being resolved, by the wall clock; not the length of a call", TICKETS, more_is_better=False),
    Definition("first_contact", "Resolved at first contact", Unit.SHARE, facts.Asked, _first_contact,
        "resolved, never escalated to another line, never reopened, and the customer had to say nothing between our first words "
        "and its end; of all resolved", TICKETS),
    Definition("escalated_functional", "Escalated to another line", Unit.SHARE, facts.Asked, _functional,
        "tickets that were ever passed to second or third line, of all", TICKETS, more_is_better=False),
    Definition("escalated_hierarchic", "Escalated to a manager", Unit.SHARE, facts.Asked, _hierarchic,
        "tickets that were ever brought before a manager, by us or by the customer, of all", TICKETS, more_is_better=False),
    Definition("reopened", "Reopened", Unit.SHARE, facts.Asked, _reopened,
        "tickets that were ever reopened, of those that were ever resolved", TICKETS, more_is_better=False),
    Definition("time_to_acknowledge", "Time to acknowledge", Unit.TIME, facts.Paged, _acknowledged,
        "from the first ring of a page to its first acknowledgement; urgent pages, none in shadow or folded into another, none "
        "that ended before anybody took it", "pages; journal `page.acknowledged`", more_is_better=False),
    Definition("woken", "Woken", Unit.A_NIGHT, facts.Woke, _woke,
        "a page that rang somebody by text or voice between 23:00 and 06:00 of their clocks, once a page, person and night; by "
        "nights of the period", "delivery ledger", ("team", "supplier", "person"), more_is_better=False),
    Definition("first_word", "First word of an outage", Unit.TIME, facts.Failed, _first_word,
        "from the alarm, else from when it was noticed, to the first published update", "outages and updates",
        more_is_better=False),
    Definition("updates_on_time", "Updates on time", Unit.SHARE, facts.Failed, _updates,
        "promises of a next update kept by one at or before its time, of those that have fallen due",
        "outages and updates"),
    Definition("told_before_asking", "Told before they asked", Unit.SHARE, facts.Noticed, _told_first,
        "customers touched by an outage to whom a notice was sent before they rang or wrote about it, of those who were told or "
        "asked", "delivery ledger, calls, tickets"),
    Definition("availability", "Availability", Unit.UPTIME, facts.Down, _down,
        "1 less the time that subscriptions were down by outages outside planned work, of all subscriptions' time",
        "what outages and planned work touched", ("customer",)),
    Definition("availability_with_work", "… planned work counted", Unit.UPTIME, facts.Down, _down_or_planned,
        "as availability, but planned work that takes a subscription down is lost time too",
        "what outages and planned work touched", ("customer",), variant_of="availability"),
    Definition("delivery_taken", "Messages taken by a provider", Unit.SHARE, facts.Sent, _taken,
        "messages that a provider took, of those that ended or were taken; replaced ones do not count", "delivery ledger",
        ("provider",)),
    Definition("delivery_arrived", "Messages that arrived", Unit.SHARE, facts.Sent, _arrived,
        "messages with a receipt that says delivered, of those with a receipt or that failed or ran out", "delivery ledger",
        ("provider",)),
    Definition("delivery_cost", "Cost of messages", Unit.MONEY, facts.Paid, _paid,
        "what hand-overs to providers cost, by provider and currency; only where a price is known", "delivery ledger: attempts",
        ("provider",), more_is_better=None),
    Definition("satisfaction", "Satisfaction", Unit.SCORE, facts.Surveyed, _score,
        "the mean of the scores 1 to 5 that were given", "surveys"),
    Definition("satisfied", "… 4 or 5 of 5", Unit.SHARE, facts.Surveyed, _content,
        "scores of 4 and 5, of all that were given", "surveys", variant_of="satisfaction"),
)  # fmt: skip
FIGURES: Mapping[str, Definition] = {one.key: one for one in DEFINITIONS}
PERSONAL = ("person",)
"""Dimensions that are staff records."""

Cell: TypeAlias = tuple[str, date, str, str]
"""(figure, day, dimension, value); dimension "" and value "": all of the brand."""


def fold(happened: Iterable[Any]) -> dict[Cell, Tally]:
    """Of each figure, day and dimension what the records add up to; cells without anything are not there."""
    by_sort: dict[type, list[Definition]] = defaultdict(list)
    for one in DEFINITIONS:
        by_sort[one.of].append(one)
    cells: dict[Cell, list[Tally]] = defaultdict(list)
    for fact in happened:
        for one in by_sort[type(fact)]:
            counted = one.count(fact)
            if counted is None:
                continue
            places = [("", "")] if one.unit is not Unit.MONEY else []
            places += [(name, value) for name in one.by if (value := getattr(fact.whose, name))]
            places += [("customer", value) for value in fact.whose.touched if "customer" in one.by]
            for dimension, value in places:
                cells[one.key, fact.day, dimension, value].append(counted)
    sums = {cell: merged(tallies) for cell, tallies in cells.items()}
    return {cell: tally for cell, tally in sums.items() if tally != NOTHING}
