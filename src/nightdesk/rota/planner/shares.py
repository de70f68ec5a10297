"""What a fair share is: everything carried so far and to be carried now, divided in proportion to contract and freedom.

Who is barred from half the nights has half as much freedom for them, and others carry what they cannot. Freedom is counted
in days: who may work at two sites has no more of them than who may work at one. Somebody who has
carried more than their share so far is due less now, and never less than nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightdesk.rota.planner.problem import Problem, Slot

ONE = 60
"""A duty counts 60 in nights, weekends and holidays, so that shares are whole numbers; hours are counted in minutes."""

MEASURES = ("nights", "weekends", "holidays", "hours")
STEPS = {"nights": ONE, "weekends": ONE, "holidays": ONE, "hours": 480}
"""How far from the share one step is. k steps away cost k * k times the weight, and in proportion between."""


def amount(measure: str, slot: Slot) -> int:
    """What the slot adds to a measure."""
    if measure == "hours":
        return slot.end - slot.start if slot.counted else 0
    flag = {"nights": slot.night, "weekends": slot.weekend, "holidays": slot.holiday}[measure]
    return ONE if flag else 0


def fair_shares(problem: Problem, could: Sequence[Sequence[bool]]) -> dict[str, list[int]]:
    """By measure, for each person, how much they should carry in this period; `could` is `eligible(problem)`."""
    inside = [
        (number, slot) for number, slot in enumerate(problem.slots) if problem.first_day <= slot.day < problem.end_day
    ]
    shares = {}
    for measure in MEASURES:
        carries = [(number, slot) for number, slot in inside if amount(measure, slot)]
        demand = sum(amount(measure, slot) * slot.need for _, slot in carries)
        past = [
            person.load.minutes if measure == "hours" else getattr(person.load, measure) * ONE
            for person in problem.people
        ]
        freedom = [
            person.weekly_minutes * len({slot.day for number, slot in carries if row[number]})
            for person, row in zip(problem.people, could, strict=True)
        ]
        shares[measure] = _divide(demand, past, freedom)
    return shares


def _divide(demand: int, past: list[int], freedom: list[int]) -> list[int]:
    free = sum(freedom)
    if not free:
        return [0] * len(past)
    # Only those who can carry anything now settle their past among themselves.
    everything = demand + sum(load for load, each in zip(past, freedom, strict=True) if each)
    due = [
        min(demand, max(0, everything * each // free - load)) if each else 0
        for load, each in zip(past, freedom, strict=True)
    ]
    total = sum(due)
    return [each * demand // total for each in due] if total else due


def unfairness(carried: int, share: int, step: int, weight: int) -> int:
    """Points for carrying `carried` where `share` is fair: convex, 0 at the share, weight * k * k at k steps from it."""
    away = abs(carried - share)
    whole = away // step
    return -(-weight * (whole * whole * step + (2 * whole + 1) * (away - whole * step)) // step)
