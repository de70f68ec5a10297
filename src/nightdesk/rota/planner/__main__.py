"""The planner as a child process: one request on its input, progress and one answer on its output, each a line of JSON.

A request is `{"do": ..., "problem": ..., more arguments by their names}`:

    {"do": "solve", "problem": {...}, "budget": {...}, "seed": 1, "start": [{"slot": ..., "person": ...}]}
    {"do": "explain", "problem": {...}, "given": [...], "counterfactual": true}
    {"do": "replan", "problem": {...}, "given": [...], "person": ..., "since": ..., "until": ..., "at": ...}
    {"do": "rank", "problem": {...}, "given": [...], "slot_id": ..., "days": 3}

Lines of the answer are `{"progress": {...}}`, and at the end `{"result": ...}` or `{"wrong": "..."}` with exit status 2. On
SIGTERM it stops and answers with the best that it has.
"""

import json
import signal
import sys
from typing import Any

from nightdesk.rota.planner import (
    Budget,
    Given,
    Problem,
    Progress,
    SolverIsMissing,
    explain_gaps,
    from_json,
    rank_people,
    replan,
    solve,
    to_json,
)

_told_to_stop: list[int] = []


def main() -> int:
    """Read, do, answer."""
    signal.signal(signal.SIGTERM, lambda number, _: _told_to_stop.append(number))
    try:
        asked = json.loads(sys.stdin.readline())
        if not isinstance(asked, dict):
            raise TypeError("it is no object")
        done = _do(asked)
    except SolverIsMissing as missing:
        return _wrong(str(missing))
    except (ValueError, TypeError, KeyError) as wrong:
        return _wrong(f"The request cannot be understood: {wrong!r}")
    _say(f'{{"result":{done}}}')
    return 0


def _do(asked: dict[str, Any]) -> str:
    what = asked.pop("do", None)
    problem = from_json(Problem, json.dumps(asked.pop("problem")))
    for name in ("given", "start"):
        if name in asked:
            asked[name] = tuple(Given(each["slot"], each["person"]) for each in asked[name])
    if "budget" in asked:
        asked["budget"] = from_json(Budget, json.dumps(asked["budget"]))
    match what:
        case "solve":
            return to_json(solve(problem, progress=_progress, should_stop=_should_stop, **asked))
        case "replan":
            return to_json(replan(problem, progress=_progress, should_stop=_should_stop, **asked))
        case "explain":
            return to_json(explain_gaps(problem, should_stop=_should_stop, **asked))
        case "rank":
            return to_json(rank_people(problem, **asked))
    raise ValueError(f"there is nothing called {what!r} to do")


def _progress(progress: Progress) -> None:
    _say(f'{{"progress":{to_json(progress)}}}')


def _should_stop() -> bool:
    return bool(_told_to_stop)


def _wrong(words: str) -> int:
    _say(json.dumps({"wrong": words}))
    return 2


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
