"""What a benchmark says: a figure, its goal, and what a yardstick gave in the same run."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Figure:
    """`met` is None where there is no goal. `yardstick` is the other party's figure in `unit`, with its name."""

    name: str
    figure: float
    unit: str
    goal: str
    yardstick: float | None
    yardstick_is: str
    met: bool | None

    def line(self) -> str:
        """One line for people."""
        beside = "" if self.yardstick is None else f"; {self.yardstick_is}: {self.yardstick:g} {self.unit}"
        verdict = {True: "met", False: "NOT MET", None: "no goal"}[self.met]
        return f"{self.name}: {self.figure:g} {self.unit} (goal {self.goal}{beside}) {verdict}"

    def keep(self) -> None:
        """Print the line, and write the same fields to bench/out/NAME.json."""
        OUT.mkdir(exist_ok=True)
        (OUT / f"{self.name}.json").write_text(json.dumps(asdict(self), indent=2) + "\n")
        print(self.line(), flush=True)


def at_most(
    name: str, figure: float, unit: str, goal: float, yardstick: float | None = None, yardstick_is: str = ""
) -> Figure:
    """A figure that should be no more than `goal`."""
    return Figure(name, _short(figure), unit, f"<= {goal:g}", _short(yardstick), yardstick_is, figure <= goal)


def at_least(
    name: str, figure: float, unit: str, goal: float, yardstick: float | None = None, yardstick_is: str = ""
) -> Figure:
    """A figure that should be no less than `goal`."""
    return Figure(name, _short(figure), unit, f">= {goal:g}", _short(yardstick), yardstick_is, figure >= goal)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of `values` do not exceed, by the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def _short(value: float | None) -> float:
    return None if value is None else float(f"{value:.4g}")  # type: ignore[return-value]
