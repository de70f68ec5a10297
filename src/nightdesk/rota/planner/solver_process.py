"""What runs in the solver's process: a problem on the first line, then something to do a line; an answer a line.

`python -m nightdesk.rota.planner.solver_process`. Only `child` starts it.
"""

import json
import resource
import sys
from typing import Any

from nightdesk.rota.planner.child import MEMORY
from nightdesk.rota.planner.exact import Question
from nightdesk.rota.planner.model import Model
from nightdesk.rota.planner.problem import Budget, Problem, from_json
from nightdesk.rota.planner.search import Standing
from nightdesk.rota.planner.solve import Run


def main() -> None:
    """Answer until nobody asks any more."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    problem = from_json(Problem, sys.stdin.readline())
    model = Model(problem)
    for line in sys.stdin:
        asked = json.loads(line)
        masks = [int(mask, 16) for mask in asked["masks"]]
        said = _solve(model, masks, asked) if asked["do"] == "ask" else _anneal(problem, masks, asked)
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def _solve(model: Model, masks: list[int], asked: dict[str, Any]) -> dict[str, Any]:
    answer = Question(model, masks, asked["free"]).ask(asked["units"], asked["seconds"])
    return {
        "status": answer.status,
        "masks": None if answer.masks is None else [f"{mask:x}" for mask in answer.masks],
        "points": answer.points,
        "bound": answer.bound,
        "units": answer.units,
    }


def _anneal(problem: Problem, masks: list[int], asked: dict[str, Any]) -> dict[str, Any]:
    run = Run(problem, Budget(asked["steps"], asked["seconds"]), asked["seed"])
    found = run.anneal(Standing(run.model, masks))
    return {"masks": [f"{mask:x}" for mask in found.mask], "late": run.late}


if __name__ == "__main__":
    main()
