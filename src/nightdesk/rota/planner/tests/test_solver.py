"""OR-Tools beside our own search: the same costs, the same rules, nothing better to be found, and a process with limits."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from nightdesk.rota.planner import (
    Budget,
    Person,
    Problem,
    Result,
    Rules,
    SolverIsMissing,
    child,
    from_json,
    replan,
    solve,
    to_json,
)
from nightdesk.rota.planner.child import SOURCES, Solver
from nightdesk.rota.planner.exact import Answer
from nightdesk.rota.planner.model import Model
from nightdesk.rota.planner.score import make_bill
from nightdesk.rota.planner.search import Standing, construct
from nightdesk.rota.planner.solve import Run
from nightdesk.rota.planner.tests.small_world import FIRST, make_problem, minute, shift
from tests.requires import requires

EXACT = Budget(steps=2000, solver=True, units=3.0)


def month(people: int = 6) -> Problem:
    slots = tuple(shift(day) for day in range(31))
    return Problem(FIRST, FIRST + 31, tuple(Person(f"P{each}") for each in range(people)), slots)


@requires("ortools")
def test_a_month_of_nights_is_proved_to_be_the_best_there_is_and_again_to_the_byte():
    one, other = (solve(month(), EXACT) for _ in range(2))
    assert one.bound == one.cost
    assert one.engine == "solver"
    assert one.reproducible
    assert to_json(one) == to_json(other)


@requires("ortools")
def test_on_any_problem_the_solver_counts_as_we_do_breaks_nothing_and_is_never_worse():
    """One process after the other asked about a few problems, each with all that has been made up to be difficult."""
    for number in (40, 43, 44, 47):
        problem = make_problem(number)
        core = solve(problem, Budget(steps=2000))
        exact = solve(problem, EXACT)
        assert exact.cost <= core.cost
        assert not make_bill(problem, exact.given).breaches
        if exact.bound is not None:
            assert exact.bound <= exact.cost


def test_an_answer_that_is_worse_than_what_stands_is_not_taken():
    """As a question may have that ended by its limit, whatever it was told to begin with."""
    slots = tuple(shift(day) for day in range(28))
    problem = Problem(FIRST, FIRST + 28, tuple(Person(f"P{each}") for each in range(60)), slots)
    run = Run(problem, Budget(steps=5_000, solver=True, units=0.2), 1, None, None)
    state = run.anneal(construct(run.model, run.model.masks(())))
    asked: list[list[int]] = []

    class Forgetful:
        def ask(self, masks: list[int], few: list[int], *_rest: object) -> None:
            asked.append(few)

        def answer(self, *_patience: object) -> Answer:
            return Answer("FEASIBLE", [0 for _ in asked[-1]], 10**6, 0, 0.02)

    held, points = list(state.mask), state.points
    found, bound = run._with_solvers([Forgetful()], state)  # type: ignore[list-item]
    assert asked
    assert (found.mask, found.points, bound) == (held, points, None)


@requires("ortools")
def test_what_it_answers_for_some_people_costs_what_it_says():
    problem = replace(make_problem(7), people=make_problem(7).people)
    model = Model(problem)
    rota = construct(model, model.masks(()))
    with Solver(problem) as solver:
        free = [number for number, who in enumerate(model.who) if who.allowed][:2]
        solver.ask(rota.mask, free, 2.0, 60.0)
        answer = solver.answer(60.0, lambda: False)
    masks = list(rota.mask)
    for number, mask in zip(free, answer.masks, strict=True):
        masks[number] = mask
    after = Standing(model, masks)
    assert (after.points, after.broken) == (answer.points, rota.broken)
    assert answer.bound <= answer.points <= rota.points


@requires("ortools")
def test_two_processes_beside_each_other_give_the_same_bytes_and_on_one_processor_too():
    """Too many people for one question: each process is asked about some of them, and one searched beside us before."""
    slots = tuple(shift(day, kind) for day in range(21) for kind in "MAN")
    problem = Problem(FIRST, FIRST + 21, tuple(Person(f"P{each}") for each in range(16)), slots)
    run = Run(problem, Budget(), 1)
    assert not run._is_small()
    budget = Budget(steps=3_000, solver=True, units=0.2)
    processors = os.sched_getaffinity(0)
    try:
        one = solve(problem, budget)
        os.sched_setaffinity(0, {min(processors)})
        other = solve(problem, budget)
    finally:
        os.sched_setaffinity(0, processors)
    assert one.reproducible
    assert to_json(one) == to_json(other)
    assert one.cost <= solve(problem, Budget(steps=3_000)).cost


def test_two_answers_that_each_fill_the_last_place_are_not_both_taken():
    """Both processes are asked at once, and each puts somebody onto the same empty seat."""
    problem = Problem(FIRST, FIRST + 1, (Person("one"), Person("other")), (shift(0),))
    run = Run(problem, Budget(), 1)
    state = Standing(run.model, [0, 0])
    assert run._take(state, [0], [1])
    assert not run._take(state, [1], [1])
    assert state.mask == [1, 0]
    assert state.overfills([(1, 1)])


@requires("ortools")
def test_told_to_stop_while_the_processes_are_asked_it_keeps_the_best():
    slots = tuple(shift(day, kind) for day in range(21) for kind in "MAN")
    problem = Problem(FIRST, FIRST + 21, tuple(Person(f"P{each}") for each in range(16)), slots)
    heard = []
    result = solve(
        problem,
        Budget(steps=1_000, solver=True, units=1_000.0),
        progress=lambda told: heard.append(told.phase),
        should_stop=lambda: "prove" in heard,
    )
    assert (result.stopped, result.reproducible) == (True, False)
    assert not [gap for gap in result.gaps if gap.kind == "seat"]


@requires("ortools")
def test_a_sick_call_that_needs_a_chain_is_proved_minimal():
    """Nobody can simply step in: somebody who can is moved, and another takes what they leave."""
    people = (Person("sick"), Person("early"), Person("late"))
    slots = (shift(1, "A"), shift(1, "M"), shift(2, "M"))
    problem = Problem(FIRST, FIRST + 7, people, slots, rules=Rules(weekly_rest_minutes=0))
    rota = solve(problem, Budget(steps=2000)).given
    at = minute(0, 12)
    lost = next(each for each in rota if each.slot == "2M1")
    repaired = replan(
        problem, rota, person=lost.person, since=minute(2), until=minute(3), at=at, budget=Budget(3000, None, True)
    )
    assert repaired.proved
    assert not repaired.result.gaps


def test_without_it_the_refusal_says_what_to_install(monkeypatch):
    monkeypatch.setattr(child, "solver_version", lambda: None)
    with pytest.raises(SolverIsMissing, match=r"nightdesk\[solver\]"):
        solve(month(), EXACT)


def test_a_solver_that_dies_costs_no_rota(monkeypatch):
    """A process that ends at once, as one does that runs out of memory."""
    monkeypatch.setattr(child, "solver_version", lambda: "none")
    monkeypatch.setattr(child, "MODULE", "this_module_is_not_there")
    result = solve(month(), EXACT)
    assert not [gap for gap in result.gaps if gap.kind == "seat"]
    assert result.bound is None
    assert not result.reproducible


def asked_as_child(request: dict[str, object]) -> list[dict[str, object]]:
    ran = subprocess.run(
        [sys.executable, "-m", "nightdesk.rota.planner"],
        input=json.dumps(request) + "\n",
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(SOURCES)},
        timeout=120,
        check=False,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_as_a_child_process_it_answers_as_it_does_here():
    problem = month()
    request = {"do": "solve", "problem": json.loads(to_json(problem)), "budget": {"steps": 500}, "seed": 4}
    *_, last = asked_as_child(request)
    assert from_json(Result, json.dumps(last["result"])) == solve(problem, Budget(steps=500), seed=4)
    [explained] = asked_as_child({"do": "explain", "problem": request["problem"], "given": []})
    assert len(explained["result"]) == 31
    [ranked] = asked_as_child({"do": "rank", "problem": request["problem"], "given": [], "slot_id": "3N1"})
    assert len(ranked["result"]) == 6


def test_as_a_child_process_it_says_what_is_wrong_with_a_request():
    [answer] = asked_as_child({"do": "dance", "problem": json.loads(to_json(month()))})
    assert "dance" in answer["wrong"]
    [answer] = asked_as_child({"do": "solve", "problem": {"first_day": "soon"}})
    assert "cannot be understood" in answer["wrong"]
