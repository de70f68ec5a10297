"""The way in: make a rota for a problem within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from random import Random

from nightdesk.rota.planner.child import Solver, SolverIsMissing
from nightdesk.rota.planner.exact import LATE
from nightdesk.rota.planner.model import Model
from nightdesk.rota.planner.problem import Budget, Gap, Given, Problem, Result
from nightdesk.rota.planner.score import make_bill
from nightdesk.rota.planner.search import HARD, Search, Standing, construct, fill

VERSION = "5"
"""Of the engine: raised with every change that could change an outcome."""

WARM, COLD = 0.25, 0.5
"""How warm it is when all that matters is kindness: at first, as a share of the greatest weight of one step away from a fair
share, and in the end, in points."""

SMALL = 800
"""Of so many pairs of person and post the solver is asked to prove that a rota is the best; of more that is hopeless. Half as
many it is asked about in one question: those are mostly answered at once, and larger ones seldom in time."""

QUESTION = 0.3
"""Counted time that one of those questions may take."""

BESIDE = 1_000_000
"""What is added to the seed for the search that the solver's process runs beside ours."""

FRUITLESS = 10
"""After so many questions about a few people that brought nothing, the whole is asked about."""

PATIENCE = 60.0
"""Wall seconds that the solver may take for each counted unit before it is stopped for safety."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is. `phase` is "fill", "improve" or "prove"; `share` (0 to 1) of it is done."""

    phase: str
    share: float
    steps: int
    cost: int
    gaps: int


class WrongRota(Exception):
    """The planner made a rota that breaks a rule. A fault in it, found before anybody saw the rota."""


def solve(
    problem: Problem,
    budget: Budget = Budget(),  # noqa: B008 - frozen
    *,
    seed: int = 1,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    start: Iterable[Given] = (),
) -> Result:
    """The best rota found within the budget; `start` is a rota to begin with, of which what is not allowed is left out.

    The same problem, budget, seed, start and version give the same result, unless `reproducible` is False: a wall clock or
    `should_stop` ended it early. Raises SolverIsMissing when the budget asks for the solver and it is not installed.
    """
    return Run(problem, budget, seed, progress, should_stop).solve(start)


class Run:
    """One search, with what it may use up and whom it tells."""

    def __init__(
        self,
        problem: Problem,
        budget: Budget,
        seed: int,
        progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.problem, self.budget, self.seed = problem, budget, seed
        self.progress, self.should_stop = progress, should_stop
        self.began = time.monotonic()
        self.told = self.began
        self.stopped = self.late = self.by_clock = False
        self.steps = 0
        self.model = Model(problem)
        self.random = Random(seed)  # noqa: S311 - chance that can be had again is what is wanted

    def solve(self, start: Iterable[Given]) -> Result:
        state = construct(self.model, self.model.masks(start))
        if not self.budget.solver:
            return self.result(self.anneal(state).mask, "core", VERSION, None)
        with ExitStack() as stack:
            solvers = [stack.enter_context(Solver(self.problem)) for _ in range(1 if self._is_small() else 2)]
            version = f"{VERSION}, ortools {solvers[0].version}"
            state, bound = self._with_solvers(solvers, self._anneal_beside(solvers[0], state))
        return self.result(state.mask, "solver", version, bound)

    def _pairs(self) -> int:
        return sum(who.allowed.bit_count() for who in self.model.who)

    def _is_small(self) -> bool:
        """Whether everybody fits into one question, so that there is no second one to ask at the same time."""
        return self._pairs() <= SMALL // 2

    def _left(self) -> float | None:
        """Wall seconds that are left; None where they do not count."""
        return None if self.budget.seconds is None else max(self.began + self.budget.seconds - time.monotonic(), 0.1)

    def _patience(self, units: float) -> float:
        """Wall seconds that a question may take."""
        return min(units * PATIENCE, self._left() or inf)

    def _told_to_stop(self) -> bool:
        if self.should_stop is not None and self.should_stop():
            self.stopped = True
        return self.stopped

    def _ended(self) -> bool:
        """Whether somebody or the clock says stop."""
        self._told_to_stop()
        seconds = self.budget.seconds
        if seconds is not None and time.monotonic() - self.began >= seconds:
            self.late = True
        return self.stopped or self.late

    def _tell(self, phase: str, share: float, state: Standing) -> None:
        now = time.monotonic()
        if self.progress is not None and now - self.told > 0.3:
            self.told = now
            gaps = sum(state.model.need[post] - state.on[post].bit_count() for post in state.short())
            self.progress(Progress(phase, round(share, 3), self.steps, state.points, gaps))

    def anneal(self, state: Standing) -> Standing:
        """First everything is allowed to give way to a gap, then little."""
        steps = max(self.budget.steps, 1)
        weights = self.problem.weights
        kind = max(weights.nights, weights.weekends, weights.holidays, weights.hours, weights.wish, 1)
        gap = max([post.gap for post in self.model.posts], default=0)
        search = Search(state, self.random, self._hard(gap))
        wrong = bool(search.gaps) or any(self.model.accompany(n, people)[1] for n, people in enumerate(state.made))
        warm = max(kind * WARM, COLD)
        phases = [("fill", steps // 10, max(gap, weights.skill_gap) * 0.3, warm)] if wrong else []
        phases.append(("improve", steps - sum(each[1] for each in phases), warm, COLD))
        if self._has_least():
            phases = [("improve", steps, float(max(gap, kind)), 0.5)]
        for phase, many, hot, cold in phases:
            done_before = self.steps

            def far(done: int, phase: str = phase, many: int = many, before: int = done_before) -> float | None:
                if self._ended():
                    return None
                self.steps = before + done
                self._tell(phase, done / max(many, 1), search.stand)
                return done / max(many, 1)

            search.run(many, max(hot, cold), cold, far)
            self.steps = search.steps
        best = Standing(self.model, search.best_masks)
        if not self._has_least():
            fill(best)
        return best

    def _hard(self, gap: int) -> int:
        """Rules that say "at least" are broken on the way from one rota to the next, so they must not weigh too much."""
        return gap * 3 if self._has_least() else HARD

    def _has_least(self) -> bool:
        return any(who.least for who in self.model.who)

    # With the solver

    def _anneal_beside(self, solver: Solver, state: Standing) -> Standing:
        """The better of two searches from there: ours, and one that the solver's process runs at the same time."""
        solver.anneal(state.mask, self.budget.steps, self._left(), self.seed + BESIDE)
        began = time.monotonic()
        ours = self.anneal(state)
        taken = time.monotonic() - began
        left = self._left()
        found = solver.annealed(taken * 10 if left is None else left, self._ended)
        if found is None:
            self.by_clock = True
            return ours
        theirs = Standing(self.model, found[0])
        self.by_clock |= found[1]
        return theirs if (theirs.broken, theirs.points) < (ours.broken, ours.points) else ours

    def _with_solvers(self, solvers: list[Solver], state: Standing) -> tuple[Standing, int | None]:
        """Free a few people at a time and let the solver do its best for them; prove the whole where it is small.

        Each of `solvers` is asked at the same time about others, and what they answer is taken in their order.
        """
        everybody = [number for number, who in enumerate(self.model.who) if who.allowed]
        units = self.budget.units
        if self._is_small():
            return self._whole(solvers[0], state, everybody, units)
        prove = units * 0.6 if self._pairs() <= SMALL else 0.0
        fruitless = 0
        while units - prove > 0.05 and not self._ended() and len(everybody) > 1:
            if prove and fruitless >= FRUITLESS:
                break
            asked = [(solver, self._choose(state, everybody)) for solver in solvers]
            patience = self._patience(QUESTION)
            for solver, few in asked:
                solver.ask(state.mask, few, QUESTION, patience)
            for solver, few in asked:
                answer = solver.answer(patience, self._told_to_stop)
                if answer is None:
                    self.by_clock = True
                    return state, None
                units -= max(answer.units, 0.005)
                self.by_clock |= answer.status == LATE
                if answer.masks is not None:
                    fruitless = 0 if self._take(state, few, answer.masks) else fruitless + 1
            self._tell("prove", 1 - max(units, 0) / self.budget.units, state)
        if prove and not self._ended():
            return self._whole(solvers[0], state, everybody, units)
        return state, None

    def _take(self, state: Standing, few: list[int], masks: list[int]) -> bool:
        """Give the few people what was answered, unless that is worse than what stands now; whether it was better."""
        changes = [(number, mask) for number, mask in zip(few, masks, strict=True) if mask != state.mask[number]]
        weighed = state.weigh(changes)
        if weighed > (0, 0) or state.overfills(changes):  # it ended by its limit, or another answer was taken before
            return False
        state.apply(changes, *weighed)
        return weighed < (0, 0)

    def _whole(
        self, solver: Solver, state: Standing, everybody: list[int], units: float
    ) -> tuple[Standing, int | None]:
        patience = self._patience(units)
        solver.ask(state.mask, everybody, units, patience)
        answer = solver.answer(patience, self._told_to_stop)
        self.by_clock |= answer is None or answer.status == LATE
        if answer is None or answer.masks is None:
            return state, None
        found = state.mask
        if answer.points is not None and answer.points <= state.points:
            found = list(state.mask)
            for number, mask in zip(everybody, answer.masks, strict=True):
                found[number] = mask
        already = any(who.already or who.tired for who in self.model.who)
        return Standing(self.model, found), None if already else answer.bound

    def _choose(self, state: Standing, everybody: list[int]) -> list[int]:
        """Whom to free next."""
        model = self.model
        few: list[int] = []
        pairs = 0
        order = self._by_regret(state, everybody)
        gaps = state.short()
        if gaps:  # whoever may close one first
            first = self.random.choice(gaps)
            order.sort(key=lambda number: not model.who[number].allowed >> first & 1)
        for number in order:
            pairs += model.who[number].allowed.bit_count()
            if few and (pairs > SMALL // 2 or len(few) >= 7):
                break
            few.append(number)
        return sorted(few)

    def _by_regret(self, state: Standing, everybody: list[int]) -> list[int]:
        """Everybody by chance, mostly first who has most to regret beside what they carry."""
        regrets = {n: state.judged[n][1] - self.model.unfair(n, state.mask[n]) for n in everybody}
        drawn = {number: self.random.random() ** (1 / (1 + max(regret, 0))) for number, regret in regrets.items()}
        return sorted(everybody, key=lambda number: -drawn[number])

    # The answer

    def result(self, masks: list[int], engine: str, version: str, bound: int | None) -> Result:
        """Raises WrongRota when the slow and plain way to count finds anything wrong."""
        given = self.model.given(masks)
        bill = make_bill(self.problem, given)
        state = Standing(self.model, masks)
        if bill.cost != state.points or (bool(bill.breaches) != bool(state.broken)):
            raise WrongRota(
                f"counted {state.points} and {state.broken} wrong; it is {bill.cost} and {bill.breaches[:3]}"
            )
        if bill.breaches and not self._has_least():
            raise WrongRota(f"the rota breaks {bill.breaches[:3]}")
        already = tuple(
            Gap("rule", person=who.person.id, missing=who.already + who.tired.bit_count())
            for who in self.model.who
            if who.already or who.tired
        )
        return Result(
            given=given,
            cost=bill.cost,
            gaps=(*bill.gaps, *already),
            lines=bill.lines,
            reproducible=not (self.stopped or self.late or self.by_clock),
            engine=engine,
            version=version,
            seed=self.seed,
            steps=self.steps,
            stopped=self.stopped,
            bound=bound,
        )


__all__ = ["Progress", "SolverIsMissing", "WrongRota", "solve"]
