"""Repairing a rota after a sick call: what has begun stays, what is lost is filled, and as little as can be changes.

A duty that the sick person has begun is split where they leave it: what they did stays theirs, and the rest is open from
then on. Frozen as "started", it would stay a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from nightdesk.rota.planner.fewest import fewest_turns
from nightdesk.rota.planner.model import Model
from nightdesk.rota.planner.problem import DAY, Barred, Budget, Given, Problem, Result, Slot
from nightdesk.rota.planner.solve import Progress, Run

CHANGE = 500
"""Points of a change: more than all kindness that one change could bring, and far less than a gap."""

OVER_KINDNESS = 20
"""A gap weighs so many times what it weighs in planning, so that it is worth several changes to close it."""

REOPENED = "+"
"""What stands behind the id of a slot in that of its rest."""

QUICK = Budget(steps=8_000)
"""Enough for a repair; with few gaps nearly all of it is spent on kindness among equals."""


@dataclass(frozen=True, slots=True)
class Change:
    """A slot that somebody else holds afterwards; None for nobody. `lost`: it had to, since the sick person held it."""

    slot: str
    was: str | None
    now: str | None
    lost: bool


@dataclass(frozen=True, slots=True)
class Replanned:
    """`problem` is the one that `result` is about, with the split slots. `proved`: no repair changes less and leaves no
    more gaps, either because every way to change less was tried and no gap is left, or because the solver proved it."""

    problem: Problem
    result: Result
    changes: tuple[Change, ...]
    proved: bool


def replan(
    problem: Problem,
    given: Iterable[Given],
    *,
    person: str,
    since: int,
    until: int,
    at: int,
    budget: Budget = QUICK,
    seed: int = 1,
    days: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Replanned:
    """The rota repaired, after it was said at instant `at` that the person cannot work in `[since, until)`.

    For slots of one person each. Only those that start within `days` days after `at` may change; None for all. Raises
    KeyError for an unknown person.
    """
    given = tuple(given)
    split = lose(problem, given, person=person, since=since, until=until, at=at, days=days)
    start = tuple(Given(slot.id, slot.holder) for slot in split.slots if slot.holder is not None)
    run = Run(split, budget, seed, progress, should_stop)
    masks = run.model.masks(start)
    least = fewest_turns(run.model, masks)
    # What was open before may be beyond help; then at least what is lost is filled like that.
    begin = least or fewest_turns(run.model, masks, _posts_of(run.model, split, given, person))
    result = run.solve(start if begin is None else run.model.given(begin.masks))
    had = {each.slot: each.person for each in given}
    now = {each.slot: each.person for each in result.given}
    changes = []
    for slot in split.slots:
        was = had.get(slot.id, had.get(slot.id.removesuffix(REOPENED)))
        if was != now.get(slot.id):
            changes.append(Change(slot.id, was, now.get(slot.id), was == person))
    settled = {slot.id for slot in split.slots if slot.fixed}
    empty = any(gap.kind != "rule" and not settled.issuperset(gap.slots) for gap in result.gaps)
    fewest = least is not None and len(changes) <= least.turns
    proved = (not empty and fewest) or (result.bound is not None and result.bound >= result.cost)
    return Replanned(split, result, tuple(changes), proved)


def _posts_of(model: Model, split: Problem, given: Iterable[Given], person: str) -> int:
    """The posts that are open since the person lost them."""
    lost = {each.slot for each in given if each.person == person}
    places = [place for place, slot in enumerate(split.slots) if slot.holder is None and not slot.fixed]
    return sum({1 << model.post_of[place] for place in places if split.slots[place].id.removesuffix(REOPENED) in lost})


def lose(
    problem: Problem, given: Iterable[Given], *, person: str, since: int, until: int, at: int, days: int | None = None
) -> Problem:
    """The problem that is left: what has begun is fixed, what the person loses is open, and what changes costs."""
    if person not in {each.id for each in problem.people}:
        raise KeyError(person)
    holder = {each.slot: each.person for each in given}
    slots: list[Slot] = []
    for slot in problem.slots:
        who = slot.holder if slot.fixed else holder.get(slot.id)
        slots += _as_it_is(replace(slot, holder=who), person, since, until, at, days)
    ids = {slot.id for slot in slots}
    companies = tuple(
        replace(
            company,
            slots=tuple(each + REOPENED if each + REOPENED in ids else each for each in company.slots),
        )
        for company in problem.companies
    )
    people = tuple(
        replace(each, barred=(*each.barred, Barred(since, until, "leave"))) if each.id == person else each
        for each in problem.people
    )
    weights = replace(
        problem.weights,
        change=CHANGE,
        gap=problem.weights.gap * OVER_KINDNESS,
        skill_gap=problem.weights.skill_gap * OVER_KINDNESS,
    )
    return replace(problem, people=people, slots=tuple(slots), companies=companies, weights=weights)


def _as_it_is(slot: Slot, person: str, since: int, until: int, at: int, days: int | None) -> list[Slot]:
    lost = slot.holder == person and slot.end > max(at, since) and slot.start < until
    if slot.start < at:
        cut = max(at, since if lost else at)
        if slot.end > cut and (lost or (slot.holder is None and not slot.fixed)):
            done = replace(slot, end=cut, fixed=True)
            if slot.holder is None:
                done = replace(done, gap=0, need=0)
            return [done, replace(slot, id=slot.id + REOPENED, start=cut, holder=None, fixed=False)]
        return [replace(slot, fixed=True)]
    if lost:
        return [replace(slot, holder=None, fixed=False)]
    if days is not None and slot.start >= at + days * DAY:
        return [replace(slot, fixed=True)]
    return [slot]
