"""What runs in the solver's process: a problem on the first line, then a question a line; an answer a line.

`python -m nightdesk.rota.planner.solver_process`. Only `child` starts it.
"""

import json
import resource
import sys

from nightdesk.rota.planner.child import MEMORY
from nightdesk.rota.planner.exact import Question
from nightdesk.rota.planner.model import Model
from nightdesk.rota.planner.problem import Problem, from_json


def main() -> None:
    """Answer until nobody asks any more."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    model: Model | None = None
    for line in sys.stdin:
        if model is None:
            model = Model(from_json(Problem, line))
            continue
        asked = json.loads(line)
        masks = [int(mask, 16) for mask in asked["masks"]]
        posts = None if asked["posts"] is None else int(asked["posts"], 16)
        answer = Question(model, masks, asked["free"], posts).ask(asked["units"], asked["seconds"])
        said = {
            "status": answer.status,
            "masks": None if answer.masks is None else [f"{mask:x}" for mask in answer.masks],
            "points": answer.points,
            "bound": answer.bound,
            "units": answer.units,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
