"""The planner as a child process: a request on its input, progress and the answer on its output, a line of JSON each.

A request is {"do": "solve", "explain" or "replan", "problem": {...}, "budget": {...}, "seed": 1, ...}, with the keyword
arguments of the function of that name. SIGTERM: answer with the best so far.
"""

import json
import signal
import sys
from typing import Any

from nightdesk.rota.planner.explain import explain_gaps
from nightdesk.rota.planner.problem import Budget, Given, Problem, from_json, to_json
from nightdesk.rota.planner.replan import replan
from nightdesk.rota.planner.solve import Progress, solve


def main() -> None:
    """Answer one request."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    asked = json.loads(sys.stdin.readline())

    def say(**what: Any) -> None:
        sys.stdout.write(json.dumps(what, separators=(",", ":")) + "\n")
        sys.stdout.flush()

    def progress(made: Progress) -> None:
        say(progress=_plain(made))

    def should_stop() -> bool:
        return bool(stopped)

    try:
        problem = from_json(Problem, json.dumps(asked["problem"]))
        budget = from_json(Budget, json.dumps(asked.get("budget", {})))
        given = tuple(from_json(Given, json.dumps(each)) for each in asked.get("given", ()))
        match asked["do"]:
            case "solve":
                seed = asked.get("seed", 1)
                result = solve(problem, budget, seed=seed, progress=progress, should_stop=should_stop)
                say(result=_plain(result))
            case "explain":
                say(result=[_plain(each) for each in explain_gaps(problem, given, should_stop=should_stop)])
            case "replan":
                told = {name: asked[name] for name in ("person", "since", "until", "at")}
                repaired = replan(problem, given, **told, budget=budget, progress=progress, should_stop=should_stop)
                say(result=_plain(repaired))
            case other:
                say(wrong=f"There is no {other!r}.")
    except (ValueError, KeyError) as wrong:
        say(wrong=f"The request cannot be read: {wrong}")


def _plain(value: Any) -> Any:
    return json.loads(to_json(value))


if __name__ == "__main__":
    main()
