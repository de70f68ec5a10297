"""What no rota of 14 people can cost less than, by the planner's default weights: a proof that takes a second to check.

Each shift gets a price (a multiplier). Then each person is offered the month by itself: what is the least that their own
rules, wishes and fair share let it cost, when every shift that they take earns its price? The sum of these, and of the
prices of all that has to be held, is less than the cost of any rota, whatever the prices are (Lagrange's relaxation).
`multipliers.json` holds good prices. `python -m bench.rota_bound` finds them anew, in some minutes, by column generation.

Of the rules the weekly rest and the average of 48 hours are left out, which only lowers the bound.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from nightdesk.rota.planner import Budget, Given, Person, Problem, Slot, solve
from nightdesk.rota.planner.eligible import about, eligible
from nightdesk.rota.planner.shares import STEPS, fair_shares, unfairness

KEPT = Path(__file__).with_name("multipliers.json")
KINDS = ("M", "A", "N")
M, A, N = 0, 1, 2
RUNNING, NIGHTS_RUNNING = 6, 3
FREE, OFF, OFF_AFTER_NIGHT = 0, 1, 2
"""Two days off or more; one; one after a night, to which a second belongs."""
MORNING = 3
LATE = MORNING + RUNNING
NIGHT = LATE + RUNNING
NIGHTS = [(nights, days) for nights in range(1, NIGHTS_RUNNING + 1) for days in range(nights, RUNNING + 1)]
STATES = NIGHT + len(NIGHTS)
CAPS = (9, 7, 17)
"""Nights, weekend shifts and shifts are counted up to these; more cost as much, which is less than they do."""
SCALE = 64
"""Prices are whole numbers of so many parts of a point, so that the file holds them exactly."""

RANGE = 24
"""Prices are looked for up to so many points."""

Prices = np.ndarray[Any, np.dtype[np.float64]]
"""By day, kind, and 0 for who counts as experienced or 1 for newcomers."""


@dataclass
class Month:
    """One person's month, offered by itself: the cheapest for given prices."""

    problem: Problem
    number: int
    could: list[list[bool]]
    shares: dict[str, list[int]]

    def __post_init__(self) -> None:
        problem, person = self.problem, self.problem.people[self.number]
        self.days = problem.end_day - problem.first_day
        self.new = int(person.newcomer)
        self.cost = np.full((self.days, len(KINDS)), np.inf)
        self.wanted = np.zeros((self.days, len(KINDS)))
        self.base = 0.0
        for slot, able in zip(problem.slots, self.could[self.number], strict=True):
            if able:
                self.cost[slot.day - problem.first_day, KINDS.index(slot.kind)] = self._avoided(person, slot)
        self._wishes(person)
        self.end = self._unfair()
        self.weekend = [(day + problem.first_day - 1) % 7 >= 5 for day in range(self.days)]

    def _avoided(self, person: Person, slot: Slot) -> float:
        wishes = [wish for wish in person.wishes if wish.wants == "avoid" and about(wish, slot)]
        return float(sum(wish.weight for wish in wishes) * self.problem.weights.wish)

    def _wishes(self, person: Person) -> None:
        """What is wished for and not met is paid; who takes the first shift that meets it has it back."""
        for wish in person.wishes:
            meets = {
                (slot.day - self.problem.first_day, KINDS.index(slot.kind))
                for slot, able in zip(self.problem.slots, self.could[self.number], strict=True)
                if able and about(wish, slot)
            }
            if wish.wants == "prefer" and meets:
                self.base += wish.weight * self.problem.weights.wish
                for each in meets:
                    self.wanted[each] += wish.weight * self.problem.weights.wish

    def _unfair(self) -> Any:
        weights = self.problem.weights
        rows = [
            [
                unfairness(each * step, self.shares[measure][self.number], STEPS[measure], weight)
                for each in range(cap + 1)
            ]
            for measure, cap, step, weight in (
                ("nights", CAPS[0], STEPS["nights"], weights.nights),
                ("weekends", CAPS[1], STEPS["weekends"], weights.weekends),
                ("hours", CAPS[2], STEPS["hours"], weights.hours),
            )
        ]
        for measure, cap in zip(("nights", "weekends", "hours"), CAPS, strict=True):
            assert self.shares[measure][self.number] <= cap * STEPS[measure], "beyond the cap it must cost more"
        nights, weekends, hours = (np.array(row, float) for row in rows)
        return nights[:, None, None] + weekends[None, :, None] + hours[None, None, :]

    def cheapest(self, prices: Prices) -> tuple[float, float, list[tuple[int, int]]]:
        """(its cost less the prices, its cost, the shifts as (day, kind)) of the month that is best for these prices."""
        stages = [np.full((STATES, *(cap + 1 for cap in CAPS)), np.inf)]
        stages[0][FREE, 0, 0, 0] = 0.0
        for day in range(self.days):
            stages.append(self._next(day, stages[-1], prices))
        last = stages[-1] + self.end[None]
        at = tuple(int(each) for each in np.unravel_index(int(last.argmin()), last.shape))
        least = float(last[at]) + self.base
        taken = self._back(stages, at, prices)
        return least, least + sum(float(prices[day, kind, self.new]) for day, kind in taken), taken

    def taken_of(self, rota: Sequence[Given]) -> list[tuple[int, int]]:
        """What the person has in the rota, as (day, kind)."""
        mine = {each.slot for each in rota if each.person == self.problem.people[self.number].id}
        slots = [slot for slot in self.problem.slots if slot.id in mine]
        return sorted((slot.day - self.problem.first_day, KINDS.index(slot.kind)) for slot in slots)

    def cost_of(self, taken: list[tuple[int, int]]) -> float:
        """What the month costs in which just that is taken."""
        on, state, price = dict(taken), FREE, self.base
        counts = [0, 0, 0]
        nothing = np.zeros((self.days, len(KINDS), 2))
        for day in range(self.days):
            action = on.get(day)
            [then] = [to for was, done, to in STEPS_OF_A_DAY if (was, done) == (state, action)]
            price += self._price(day, state, action, nothing)
            if action is not None:
                counts = [counts[0] + (action == N), counts[1] + self.weekend[day], counts[2] + 1]
            state = then
        return float(price + self.end[tuple(counts)])

    def _next(self, day: int, before: Any, prices: Prices) -> Any:
        after = np.full_like(before, np.inf)
        shift, night = (_counted(before, each, self.weekend[day]) for each in (False, True))
        moved = {None: before, M: shift, A: shift, N: night}
        for state, action, then in STEPS_OF_A_DAY:
            price = self._price(day, state, action, prices)
            if price < np.inf:
                np.minimum(after[then], moved[action][state] + price, out=after[then])
        return after

    def _price(self, day: int, state: int, action: int | None, prices: Prices) -> float:
        weights, price = self.problem.weights, 0.0
        if self._is_sunday(day) and (state >= MORNING) != (action is not None):
            price += weights.split_weekend
        if action is None:
            return price
        if state == OFF:
            price += weights.lone_day_off
        price += self.cost[day, action] - prices[day, action, self.new]
        # A night reaches into the next day: of two in a row the first has met what is wished for that day.
        if self.wanted[day, action] and not (state >= NIGHT and day and self.wanted[day - 1, N]):
            price -= self.wanted[day, action]
        return float(price)

    def _is_sunday(self, day: int) -> bool:
        return day > 0 and (day + self.problem.first_day - 1) % 7 == 6

    def _back(self, stages: list[Any], at: tuple[int, ...], prices: Prices) -> list[tuple[int, int]]:
        """The way that led there."""
        taken = []
        for day in range(self.days - 1, -1, -1):
            then, counts = at[0], at[1:]
            value = stages[day + 1][at]
            for state, action, to in STEPS_OF_A_DAY:
                if to != then or (price := self._price(day, state, action, prices)) == np.inf:
                    continue
                found = [
                    was
                    for was in _before(counts, action, self.weekend[day])
                    if abs(stages[day][(state, *was)] + price - value) < 1e-7
                ]
                if found:
                    at = (state, *found[0])
                    if action is not None:
                        taken.append((day, action))
                    break
            else:
                raise AssertionError("no way back")
        return taken[::-1]


def _steps() -> Iterator[tuple[int, int | None, int]]:
    """(state in the evening before, what is done, state afterwards), as rest, runs and days off after nights allow."""
    for state in (FREE, OFF, OFF_AFTER_NIGHT):
        yield state, None, FREE
    for state in range(MORNING, NIGHT):
        yield state, None, OFF
    for state in range(NIGHT, STATES):
        yield state, None, OFF_AFTER_NIGHT
    night = {each: NIGHT + place for place, each in enumerate(NIGHTS)}
    for state in (FREE, OFF):
        yield state, M, MORNING
        yield state, A, LATE
        yield state, N, night[1, 1]
    for days in range(1, RUNNING):
        yield MORNING + days - 1, M, MORNING + days
        yield MORNING + days - 1, A, LATE + days
        yield LATE + days - 1, A, LATE + days
        for state in (MORNING + days - 1, LATE + days - 1):
            yield state, N, night[1, days + 1]
    for nights, days in NIGHTS:
        if (nights + 1, days + 1) in night:
            yield night[nights, days], N, night[nights + 1, days + 1]


STEPS_OF_A_DAY = tuple(_steps())


def _counted(values: Any, night: bool, weekend: bool) -> Any:
    """`values` by state, nights, weekend shifts and shifts so far, with one shift more."""
    for axis, counts in enumerate((False, night, weekend, True)):
        if counts:
            moved = np.full_like(values, np.inf)
            one, less, top = ([slice(None)] * 4 for _ in range(3))
            one[axis], less[axis], top[axis] = slice(1, None), slice(None, -1), slice(-1, None)
            moved[tuple(one)] = values[tuple(less)]
            moved[tuple(top)] = np.minimum(moved[tuple(top)], values[tuple(top)])
            values = moved
    return values


def _before(counts: tuple[int, ...], action: int | None, weekend: bool) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for place, adds in enumerate((action == N, weekend, True)):
        here = counts[place]
        if action is None or not adds:
            choices = [here]
        else:
            choices = [each for each in (here - 1, here if here == CAPS[place] else -1) if each >= 0]
        found = [(*each, choice) for each in found for choice in choices]
    return found


def months(problem: Problem) -> list[Month]:
    """Each person's. Raises AssertionError for a problem of which this would prove nothing."""
    rules = problem.rules
    assert (rules.days_running, rules.nights_running, rules.days_off_after_nights) == (RUNNING, NIGHTS_RUNNING, 2)
    assert rules.one_a_day
    assert all(slot.need == 1 and slot.counted and slot.end - slot.start == 480 for slot in problem.slots)
    assert all(worked.day < problem.first_day - 2 for person in problem.people for worked in person.worked)
    could = eligible(problem)
    shares = fair_shares(problem, could)
    return [Month(problem, number, could, shares) for number in range(len(problem.people))]


def bound(problem: Problem, held: Any, experienced: Any) -> float:
    """No rota of the problem, two people a shift of whom one is no newcomer, costs less.

    `held` and `experienced` are prices by day and kind: of a place, and (not below 0) of there being somebody
    experienced. Neither may be more than what its lack costs.
    """
    assert held.max() <= problem.weights.gap
    assert experienced.min() >= 0
    assert experienced.max() <= problem.weights.skill_gap
    prices = _prices(held, experienced)
    least = sum(month.cheapest(prices)[0] for month in months(problem))
    return float(2 * held.sum() + experienced.sum() + least)


def _prices(held: Any, experienced: Any) -> Prices:
    return np.stack([held + experienced, held], axis=2)


def proved(problem: Problem) -> int:
    """What no rota costs less than, by the prices that are kept."""
    kept = json.loads(KEPT.read_text())
    held, experienced = (np.array(kept[name], float) / SCALE for name in ("held", "experienced"))
    return ceil(bound(problem, held, experienced) - 1e-6)


def find(problem: Problem, patience: float) -> None:
    """Find prices by column generation, and keep the best each time; until the bound is within `patience` of the least
    that mixtures of months cost, beyond which no prices go."""
    from ortools.linear_solver import pywraplp

    everybody = months(problem)
    days = everybody[0].days
    solver = pywraplp.Solver.CreateSolver("GLOP")
    infinity = solver.infinity()
    one = [solver.Constraint(1, 1) for _ in everybody]
    places = [[solver.Constraint(2, 2) for _ in KINDS] for _ in range(days)]
    leads = [[solver.Constraint(1, infinity) for _ in KINDS] for _ in range(days)]
    objective = solver.Objective()
    objective.SetMinimization()
    for rows, signs in ((places, (1, -1)), (leads, (1,))):
        for row, sign in ((row, sign) for line in rows for row in line for sign in signs):
            off = solver.NumVar(0, infinity, "")
            row.SetCoefficient(off, sign)
            objective.SetCoefficient(off, RANGE)

    def offer(number: int, cost: float, taken: list[tuple[int, int]]) -> None:
        column = solver.NumVar(0, infinity, "")
        objective.SetCoefficient(column, cost)
        one[number].SetCoefficient(column, 1)
        for day, kind in taken:
            places[day][kind].SetCoefficient(column, 1)
            if not everybody[number].new:
                leads[day][kind].SetCoefficient(column, 1)

    for seed in range(1, 4):  # rotas of the planner's own, to begin with
        rota = solve(problem, Budget(steps=100_000), seed=seed).given
        for number, month in enumerate(everybody):
            taken = month.taken_of(rota)
            offer(number, month.cost_of(taken), taken)
    best, centre = -np.inf, (np.zeros((days, 3)), np.zeros((days, 3)))
    for turn in count(1):
        assert solver.Solve() == pywraplp.Solver.OPTIMAL
        mixed = objective.Value()
        held = np.array([[row.dual_value() for row in line] for line in places])
        experienced = np.array([[row.dual_value() for row in line] for line in leads])
        apart = (
            0.0 if best == -np.inf else (0.8, 0.4, 0.0)[turn % 3]
        )  # between the best so far and what is asked for now
        held, experienced = (
            np.round((apart * old + (1 - apart) * new) * SCALE) / SCALE
            for old, new in zip(centre, (held, experienced), strict=True)
        )
        held, experienced = held.clip(max=problem.weights.gap), experienced.clip(0, problem.weights.skill_gap)
        prices, total = _prices(held, experienced), 2 * held.sum() + experienced.sum()
        for number, month in enumerate(everybody):
            least, cost, taken = month.cheapest(prices)
            total += least
            offer(number, cost, taken)
        if total > best:
            best, centre = total, (held, experienced)
            kept = {"held": held, "experienced": experienced}
            KEPT.write_text(
                json.dumps({name: (each * SCALE).astype(int).tolist() for name, each in kept.items()}) + "\n"
            )
        print(f"{turn}: none below {best:.3f}; mixtures cost {mixed:.3f}", flush=True)
        if mixed - best < patience:
            return


def main() -> None:
    """Find the prices of the benchmark's rota anew."""
    from bench.rota_cases import fourteen_people

    find(fourteen_people(), 0.05)


if __name__ == "__main__":
    main()
