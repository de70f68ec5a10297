"""What a rota costs and which rules it breaks, worked out slowly and plainly from the facts.

Nothing here knows how search represents a rota: it shares with it only what a fair share is. Every result is held against
this before it is given out, so that a fault in the fast way cannot hand out a rota that breaks a rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from nightdesk.rota.planner.eligible import about, eligible, why_not
from nightdesk.rota.planner.model import average_span
from nightdesk.rota.planner.problem import CostLine, Gap, Given, Person, Problem, Slot
from nightdesk.rota.planner.shares import MEASURES, STEPS, amount, fair_shares, unfairness


@dataclass(frozen=True, slots=True)
class Breach:
    """`rule` of `Rules` or `Limits` that `person` breaks, with the slots it is about."""

    rule: str
    person: str
    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bill:
    cost: int
    lines: tuple[CostLine, ...]
    gaps: tuple[Gap, ...]
    breaches: tuple[Breach, ...]


def make_bill(problem: Problem, given: Iterable[Given]) -> Bill:
    """What the rota costs, line by line, and what is wrong with it. Fixed slots count as held, whether given or not.

    Raises KeyError for a person or a slot that the problem does not have.
    """
    slots = {slot.id: slot for slot in problem.slots}
    people = {person.id: person for person in problem.people}
    pairs = {(each.slot, each.person) for each in given}
    pairs |= {(slot.id, slot.holder) for slot in problem.slots if slot.fixed and slot.holder in people}
    on: dict[str, list[str]] = defaultdict(list)
    held: dict[str, list[Slot]] = defaultdict(list)
    for slot_id, person_id in sorted(pairs):
        on[slot_id].append(people[person_id].id)
        held[person_id].append(slots[slot_id])
    lines: list[CostLine] = []
    gaps: list[Gap] = []
    breaches: list[Breach] = []
    for slot in problem.slots:
        _staff(problem, slot, len(on[slot.id]), lines, gaps, breaches)
    for company in problem.companies:
        there = [people[each] for slot_id in company.slots for each in on[slot_id]]
        for need in company.needs:
            if not any(
                known.skill == need.skill and known.level >= need.level for one in there for known in one.skills
            ):
                lines.append(
                    CostLine("skill_gap", company.slots[0], 1, problem.weights.skill_gap if need.hard else need.weight)
                )
                if need.hard:
                    gaps.append(Gap("skill", company.slots, 1, need.skill))
        if company.newcomers and there and all(one.newcomer for one in there):
            fixed = {slots[each].holder for each in company.slots if slots[each].fixed}
            breaches += [Breach("newcomer", one.id, company.slots) for one in there if one.id not in fixed]
    could = eligible(problem)
    shares = fair_shares(problem, could)
    for number, person in enumerate(problem.people):
        mine = sorted(held[person.id], key=lambda slot: (slot.start, slot.end, slot.id))
        breaches += find_breaches(problem, person, mine)
        for measure in MEASURES:
            weight = getattr(problem.weights, measure)
            inside = [slot for slot in mine if problem.first_day <= slot.day < problem.end_day]
            total = any(
                amount(measure, slot) for slot in problem.slots if problem.first_day <= slot.day < problem.end_day
            )
            carried = sum(amount(measure, slot) for slot in inside)
            if weight and total:
                points = unfairness(carried, shares[measure][number], STEPS[measure], weight)
                lines.append(CostLine(measure, person.id, carried - shares[measure][number], points))
        lines += _kindness(problem, person, mine, could[number])
    lines = [line for line in lines if line.points]
    return Bill(sum(line.points for line in lines), tuple(lines), tuple(gaps), tuple(breaches))


def _staff(
    problem: Problem, slot: Slot, there: int, lines: list[CostLine], gaps: list[Gap], breaches: list[Breach]
) -> None:
    price = problem.weights.gap if slot.gap is None else slot.gap
    if there < slot.need:
        lines.append(CostLine("gap", slot.id, slot.need - there, (slot.need - there) * price))
        if price:
            gaps.append(Gap("seat", (slot.id,), slot.need - there))
    elif there > slot.need:
        lines.append(CostLine("over", slot.id, there - slot.need, (there - slot.need) * slot.over))
        if not slot.fixed and there > max(slot.need, slot.need if slot.most is None else slot.most):
            breaches.append(Breach("most", "", (slot.id,)))


def _kindness(problem: Problem, person: Person, mine: list[Slot], could: list[bool]) -> list[CostLine]:
    weights, lines = problem.weights, []
    open_to = [slot for slot, able in zip(problem.slots, could, strict=True) if able and not slot.fixed]
    for wish in person.wishes:
        met = [slot for slot in mine if about(wish, slot)]
        if wish.wants == "avoid" and met:
            lines.append(CostLine("wish", person.id, len(met), len(met) * wish.weight * weights.wish))
        possible = [slot for slot in [*open_to, *mine] if about(wish, slot)]
        if wish.wants == "prefer" and possible and not met:
            lines.append(CostLine("wish", person.id, 1, wish.weight * weights.wish))
    for slot in mine:
        for need in slot.needs:
            if not need.hard and not any(
                known.skill == need.skill and known.level >= need.level for known in person.skills
            ):
                lines.append(CostLine("skill", person.id, 1, need.weight))
    changed = [slot for slot in mine if not slot.fixed and not _had_it(problem, slot, person)]
    if weights.change and changed:
        lines.append(CostLine("change", person.id, len(changed), len(changed) * weights.change))
    days = {slot.day for slot in mine} | {worked.day for worked in person.worked}
    inside = range(problem.first_day, problem.end_day)
    split = [day for day in inside if (day - 1) % 7 == 5 and day + 1 in inside and (day in days) != (day + 1 in days)]
    lone = [day for day in inside if day not in days and day - 1 in days and day + 1 in days]
    for kind, found in (("split_weekend", split), ("lone_day_off", lone)):
        if found:
            lines.append(CostLine(kind, person.id, len(found), len(found) * getattr(weights, kind)))
    return lines


def _had_it(problem: Problem, slot: Slot, person: Person) -> bool:
    """Whether the person holds the slot now, or one that is like it in all but the seat: nothing changes for them."""
    if slot.holder == person.id:
        return True
    companies = [company for company in problem.companies if slot.id in company.slots]
    return any(
        other.holder == person.id and not other.fixed and _alike(slot, other)
        for other in problem.slots
        if other.start == slot.start
        and [company for company in problem.companies if other.id in company.slots] == companies
    )


def _alike(one: Slot, other: Slot) -> bool:
    if (one.most is None or one.most == one.need) != (other.most is None or other.most == other.need):
        return False
    names = ("start", "end", "day", "site", "kind", "night", "weekend", "holiday", "counted", "visit", "needs", "may")
    return all(getattr(one, name) == getattr(other, name) for name in (*names, "gap", "over"))


def find_breaches(problem: Problem, person: Person, mine: list[Slot]) -> list[Breach]:
    """Every rule that the person breaks by holding `mine`, in order of time, that they do not break by what is fixed."""
    fixed = [slot for slot in mine if slot.fixed]
    known = _breaches(problem, person, fixed) if fixed else []
    if not fixed and person.worked:
        known = _breaches(problem, person, [])
    before = {(breach.rule, breach.slots) for breach in known if not breach.rule.endswith("at_least")}
    return [breach for breach in _breaches(problem, person, mine) if (breach.rule, breach.slots) not in before]


def _breaches(problem: Problem, person: Person, mine: list[Slot]) -> list[Breach]:
    rules, limits, found = problem.rules, person.limits, []

    def broken(rule: str, *slots: str) -> None:
        found.append(Breach(rule, person.id, slots))

    for slot in mine:
        if codes := why_not(person, slot, rules):
            broken(codes[0], slot.id)
    for number, one in enumerate(mine):
        for other in mine[number + 1 :]:
            rest = rules.rest_minutes if one.counted and other.counted else 0
            if other.start < one.end:
                broken("overlap", one.id, other.id)
            elif other.start < one.end + rest:
                broken("rest_minutes", one.id, other.id)
            if rules.one_a_day and one.day == other.day:
                broken("one_a_day", one.id, other.id)
            if other.day == one.day + 1 and (one.kind, other.kind) in rules.never_next_day:
                broken("never_next_day", one.id, other.id)
            if other.day == one.day - 1 and (other.kind, one.kind) in rules.never_next_day:
                broken("never_next_day", one.id, other.id)
    earliest = problem.first_day - 40
    starts = [(slot.day, slot.night) for slot in mine]
    starts += [(worked.day, worked.night) for worked in person.worked if worked.day >= earliest]
    days, nights = {day for day, _ in starts}, {day for day, night in starts if night}
    _running(days, rules.days_running if limits.days_running is None else limits.days_running, "days_running", broken)
    most_nights = rules.nights_running if limits.nights_running is None else limits.nights_running
    _running(nights, most_nights, "nights_running", broken)
    for night in nights:
        for ahead in range(1, rules.days_off_after_nights + 1):
            if night + 1 not in nights and night + ahead in days:
                broken("days_off_after_nights", str(night))
    _counts(problem, person, mine, days, broken)
    _minutes(problem, person, mine, broken)
    _weekly_rest(problem, person, mine, broken)
    _at_least(problem, person, mine, broken)
    return found


def _running(days: set[int], most: int | None, rule: str, broken: object) -> None:
    if most is None:
        return
    for day in days:
        if all(day + ahead in days for ahead in range(most + 1)):
            broken(rule, str(day))  # type: ignore[operator]


def _counts(problem: Problem, person: Person, mine: list[Slot], days: set[int], broken: object) -> None:
    limits = person.limits
    inside = [slot for slot in mine if problem.first_day <= slot.day < problem.end_day]
    if limits.nights is not None and sum(slot.night for slot in inside) > limits.nights:
        broken("nights", *(slot.id for slot in inside if slot.night))  # type: ignore[operator]
    for kind, most in limits.of_kind.items():
        if sum(slot.kind == kind for slot in mine) > most:
            broken("of_kind", kind)  # type: ignore[operator]
    if limits.weekends is not None:
        period = range(problem.first_day, problem.end_day)
        weekends = [day for day in period if (day - 1) % 7 == 5 and (day in days or day + 1 in days)]
        if len(weekends) > limits.weekends:
            broken("weekends", *map(str, weekends))  # type: ignore[operator]


def _minutes(problem: Problem, person: Person, mine: list[Slot], broken: object) -> None:
    rules, limits = problem.rules, person.limits
    planned = [(slot.day, slot.end - slot.start) for slot in mine if slot.counted]
    others = [(worked.day, worked.end - worked.start) for worked in person.worked if worked.counted]
    period = range(problem.first_day, problem.end_day)

    def total(first: int, last: int, of: list[tuple[int, int]]) -> int:
        return sum(minutes for day, minutes in of if first <= day <= last)

    if limits.minutes is not None and total(period[0], period[-1], planned) > limits.minutes:
        broken("minutes")  # type: ignore[operator]
    week = rules.minutes_in_7_days if limits.minutes_in_7_days is None else limits.minutes_in_7_days
    known = min([day for day, _ in others], default=problem.first_day)
    for last in period:
        if (
            week is not None
            and total(last - 6, last, planned)
            and total(last - 6, last, planned) + total(last - 6, last, others) > week
        ):
            broken("minutes_in_7_days", str(last))  # type: ignore[operator]
        if rules.average_minutes is not None and not person.opted_out:
            first, free = average_span(person, last, known)
            limit = rules.average_minutes * max(last + 1 - first - free, 7) // 7
            if total(first, last, planned) and total(first, last, planned) + total(first, last, others) > limit:
                broken("average_minutes", str(last))  # type: ignore[operator]


def _weekly_rest(problem: Problem, person: Person, mine: list[Slot], broken: object) -> None:
    rest = problem.rules.weekly_rest_minutes
    busy = [(slot.start, slot.end) for slot in mine if slot.counted]
    busy += [(worked.start, worked.end) for worked in person.worked if worked.counted]
    for window in problem.rules.rest_windows if rest else ():
        inside = sorted(each for each in busy if each[0] < window.end and each[1] > window.start)
        edges = [(window.start, window.start), *inside, (window.end, window.end)]
        reach, longest = window.start, 0
        for (_, ends), (begins, _) in pairwise(edges):
            reach = max(reach, ends)
            longest = max(longest, begins - reach)
        if longest < rest and any(
            slot.counted and slot.start < window.end and slot.end > window.start for slot in mine
        ):
            broken("weekly_rest_minutes", str(window.start))  # type: ignore[operator]


def _at_least(problem: Problem, person: Person, mine: list[Slot], broken: object) -> None:
    limits, period = person.limits, range(problem.first_day, problem.end_day)
    if limits.minutes_at_least is not None:
        minutes = sum(slot.end - slot.start for slot in mine if slot.counted)
        if minutes < limits.minutes_at_least:
            broken("minutes_at_least")  # type: ignore[operator]
    days = {slot.day for slot in mine} | {worked.day for worked in person.worked}
    on = [day in days for day in period]
    for wanted, least, rule in (
        (True, limits.days_running_at_least, "days_running_at_least"),
        (False, limits.days_off_running_at_least, "days_off_running_at_least"),
    ):
        if least is None:
            continue
        start = 0
        while start < len(on):
            end = start
            while end < len(on) and on[end] == on[start]:
                end += 1
            if on[start] == wanted and start > 0 and end < len(on) and end - start < least:
                broken(rule, str(period[start]))  # type: ignore[operator]
            start = end
