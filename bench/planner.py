"""What the planner does on this machine: how soon a rota is full, how near the best, repairs, explanations, memory.

Each line says whether our own search ("core") gave it or OR-Tools beside it ("[solver]"), in seconds by the wall and, in
its name, of the processor: where other things run, only the latter means anything. The cases are in `rota_cases`.
"""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from bench.figure import at_most
from bench.rota_bound import proved
from bench.rota_cases import fourteen_people, six_engineers, sixty_people
from nightdesk.rota.planner import Budget, Gap, Problem, Result, explain_gaps, solve
from nightdesk.rota.planner.child import solver_version
from nightdesk.rota.planner.score import make_bill
from nightdesk.rota.planner.tests.fewest_changes import TightNight, fewest_changes

SEEDS = (1, 2, 3, 4)
SHIFTS = "14 people x 3 shifts x 2 seats x 28 days"
MEGABYTE = 1024
T = TypeVar("T")


class Watch:
    """Seconds by the wall, and of the processor, this process's and its children's."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __str__(self) -> str:
        return f"{self.cpu:.2f} s of the processor"


@contextmanager
def timed() -> Iterator[Watch]:
    watch, wall, cpu = Watch(), time.monotonic(), _cpu()
    yield watch
    watch.wall, watch.cpu = time.monotonic() - wall, _cpu() - cpu


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def empty(result: Result) -> list[Gap]:
    return [gap for gap in result.gaps if gap.kind != "rule"]


def main() -> None:
    """Print and keep every figure. Raises AssertionError where a rota breaks a rule or has a gap."""
    solver = solver_version() is not None
    _six(solver)
    _fourteen(solver)
    _sixty()
    at_most("planner_memory_core", _memory(of_children=0), "MB", 400).keep()
    if not solver:
        print("OR-Tools is not installed: nothing was measured with it.")


def _soonest(work: Callable[[], T]) -> tuple[T, Watch]:
    """What short work gave, and the quickest of three times: something else runs beside it now and then."""
    times = []
    for _ in range(3):
        with timed() as watch:
            answer = work()
        times.append(watch)
    return answer, min(times, key=lambda each: each.wall)


def _full(problem: Problem, name: str, goal: float, steps: int) -> Result:
    with timed() as watch:
        result = solve(problem, Budget(steps=steps))
    _check(problem, result)
    print(f"{name}: core, {len(result.given)} slots, cost {result.cost}, {watch}")
    at_most(name, watch.wall, "s", goal).keep()
    return result


def _check(problem: Problem, result: Result) -> None:
    assert not make_bill(problem, result.given).breaches
    assert not empty(result), empty(result)


def _six(solver: bool) -> None:
    problem = six_engineers()
    _full(problem, "planner_6_people_31_nights_full", 1, 5_000)
    if solver:
        with timed() as watch:
            result = solve(problem, Budget(steps=5_000, solver=True))
        _check(problem, result)
        assert result.bound == result.cost, "not proved"
        print(f"6 people x 31 nights: [solver] proved {result.cost} the best there is; {watch}")
        at_most("planner_6_people_proved_with_solver", watch.wall, "s", 10).keep()


def _fourteen(solver: bool) -> None:
    """By the planner's own weights, and held against what no rota can cost less than: see `rota_bound`."""
    problem = fourteen_people()
    _full(problem, "planner_14_people_full", 3, 8_000)
    steps = _steps_in(10, lambda steps: solve(problem, Budget(steps=steps)))
    with timed() as watch:
        ten = solve(problem, Budget(steps=steps))
    _check(problem, ten)
    costs = [_ten_seconds_with_solver(problem, seed) for seed in SEEDS] if solver else []
    if solver:
        at_most("planner_memory_with_solver", _memory(of_children=2), "MB", 400).keep()
    least = proved(problem)
    print(f"{SHIFTS}: core, cost {ten.cost} after {ten.steps} steps, {watch}; none below {least}")
    above = (ten.cost - least) * 100 / least
    at_most("planner_14_people_core_10_s_above_proved_bound", above, "%", 5).keep()
    if solver:
        print(f"{SHIFTS}: [solver], costs {costs} of seeds {SEEDS} after ten seconds; none below {least}")
        above = (max(costs) - least) * 100 / least
        at_most("planner_14_people_solver_10_s_above_proved_bound", above, "%", 5).keep()


def _memory(of_children: int) -> float:
    """Megabytes that this process has held at most, and so many times what its largest child has."""
    own, largest = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (own + of_children * largest) / MEGABYTE


def _ten_seconds_with_solver(problem: Problem, seed: int) -> int:
    """What the rota costs after ten seconds of two processors: more by the wall, where something else runs beside it."""
    with timed() as watch:
        solve(problem, Budget(steps=20_000))
    budget = Budget(steps=150_000, solver=True, units=20, seconds=10 * max(watch.wall / watch.cpu, 1.0))
    with timed() as watch:
        result = solve(problem, budget, seed=seed)
    _check(problem, result)
    print(f"{SHIFTS}: [solver], seed {seed}: cost {result.cost} in {watch.wall:.1f} s, {watch}")
    return result.cost


def _steps_in(seconds: float, run: Callable[[int], object]) -> int:
    """How many steps fit into so many seconds of the processor, as it looks now: beside other work the wall says little."""
    with timed() as watch:
        run(20_000)
    return int(20_000 * seconds * 0.9 / watch.cpu)


def _sixty() -> None:
    problem = sixty_people()
    rota = _full(problem, "planner_60_people_without_gap", 30, 150_000)
    _tonight(problem, rota)
    fewer = [each for each in rota.given if not each.slot.endswith("A2")]
    explained, watch = _soonest(lambda: explain_gaps(problem, fewer, counterfactual=False))
    print(f"{len(explained)} gaps explained, each for 60 people: core, {watch}")
    at_most("planner_explanation_of_a_gap", watch.wall * 1000 / len(explained), "ms", 50).keep()
    with timed() as watch:
        one = [each for each in rota.given if each.slot != "Leeds12N2"]
        tried = explain_gaps(problem, one)
    print(f"everybody put onto the slot of {len(tried)} gaps for trial: core, {watch}")
    at_most("planner_counterfactual_of_a_gap", watch.wall / len(tried), "s", 5).keep()


def _tonight(problem: Problem, rota: Result) -> None:
    """At six in the evening somebody of the late shift drops out; each of them, one after the other.

    Once as things are, and once when whoever could simply step in is away, so that a turn of somebody else's has to move as
    well. Each time it is tried, by the plain reading of the rules, whether fewer changes would do.
    """
    slowest = {"planner_60_people_tonight_anew": 0.0, "planner_60_people_nobody_free_tonight_anew": 0.0}
    changed: list[list[int]] = [[], []]
    gaps_left: list[str] = []
    for slot in [each.slot for each in rota.given if each.slot[-4:-1] == "09A"]:
        night = TightNight(problem, rota.given, slot)
        for name, case, lengths in zip(slowest, (problem, night.without_whoever_is_free()), changed, strict=True):
            repaired, watch = _soonest(partial(night.repair, case))
            slowest[name] = max(slowest[name], watch.wall)
            if case is not problem and empty(repaired.result):
                gaps_left.append(slot)  # with those who are away went whoever knew what is needed
                continue
            _check(repaired.problem, repaired.result)
            assert repaired.proved
            lengths.append(len(repaired.changes))
            assert fewest_changes(night.left(case), lengths[-1]) == lengths[-1], "fewer would do"
    for name, lengths in zip(slowest, changed, strict=True):
        counts = ", ".join(f"{lengths.count(each)} by {each}" for each in sorted(set(lengths)))
        print(f"tonight planned anew: core, {counts} changes; no fewer would do, everything was tried")
        at_most(name, slowest[name], "s", 1).keep()
    if gaps_left:
        print(f"with nobody free a gap was left at {gaps_left}")


if __name__ == "__main__":
    main()
