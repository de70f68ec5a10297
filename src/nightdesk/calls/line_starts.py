"""Phone lines to start from, as most companies have them, to be changed afterwards. Plain values out; no numbers in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy


@dataclass(frozen=True, slots=True)
class StartingLine:
    """`fields` are those of a line that differ from what a new one has anyway."""

    label: Any
    words: Any
    fields: Mapping[str, Any] = field(default_factory=dict)


STARTING_LINES: Mapping[str, StartingLine] = {
    "message": StartingLine(
        gettext_lazy("A message at night"),
        gettext_lazy(
            "In hours the next engineer is rung. At night callers leave a message, one engineer is paged, and rings them back "
            "within 30 minutes."
        ),
    ),
    "desk": StartingLine(
        gettext_lazy("A message desk"),
        gettext_lazy("As that, and people at your own message desk answer when nobody else is awake."),
        {"own_desk": True},
    ),
    "live": StartingLine(
        gettext_lazy("Always an engineer"),
        gettext_lazy("At night one engineer at a time is rung for 30 seconds each. It wakes people for every caller."),
        {"night": "live", "ring_s": 30},
    ),
    "small": StartingLine(
        gettext_lazy("Two or three people"),
        gettext_lazy(
            "All telephones ring at once in hours. At night callers leave a message, and are rung back within an hour."
        ),
        {"joins_s": [0], "call_back_s": 3600},
    ),
}
