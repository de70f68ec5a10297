"""The planner: who takes which duty of the next period, full and feasible first, fair and kind next.

`solve` makes a rota, `explain_gaps` says person by person why something stays empty, `replan` repairs one after a sick
call with as few changes as can be, `rank_people` says who could step in and what it would cost. All take a `Problem`.
`python -m nightdesk.rota.planner` does the same as a child process: a request on its input, progress and the answer out.
"""

from nightdesk.rota.planner.explain import Candidate, Explained, Moved, Reason, explain_gaps, rank_people
from nightdesk.rota.planner.problem import (
    Barred,
    Budget,
    Company,
    CostLine,
    Gap,
    Given,
    Knows,
    Limits,
    Load,
    Person,
    Problem,
    Result,
    Rules,
    SkillNeed,
    Slot,
    Span,
    Weights,
    Wish,
    Worked,
    from_json,
    to_json,
)
from nightdesk.rota.planner.replan import Change, Replanned, replan
from nightdesk.rota.planner.solve import Progress, SolverIsMissing, WrongRota, solve

__all__ = [
    "Barred",
    "Budget",
    "Candidate",
    "Change",
    "Company",
    "CostLine",
    "Explained",
    "Gap",
    "Given",
    "Knows",
    "Limits",
    "Load",
    "Moved",
    "Person",
    "Problem",
    "Progress",
    "Reason",
    "Replanned",
    "Result",
    "Rules",
    "SkillNeed",
    "Slot",
    "SolverIsMissing",
    "Span",
    "Weights",
    "Wish",
    "Worked",
    "WrongRota",
    "explain_gaps",
    "from_json",
    "rank_people",
    "replan",
    "solve",
    "to_json",
]
