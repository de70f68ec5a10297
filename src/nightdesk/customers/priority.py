"""Priority: how soon something is dealt with, from how much it harms and how long that can wait.

The default table is the usual ITIL one; a brand may change cells of it, as data.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from nightdesk.base.refusals import Invalid


class Impact(StrEnum):
    """How much of the customer's work is touched."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Urgency(StrEnum):
    """How long putting it right can wait."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Priority(StrEnum):
    """P1 is the most pressing; P5 is work to plan."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"


MAY_EVER_WAKE = frozenset(Priority) - {Priority.P5}
"""What a contract or an integration may name as a reason to wake somebody. Work to plan never is."""

PriorityTable = Mapping[tuple[Impact, Urgency], Priority]

ITIL_TABLE: PriorityTable = MappingProxyType(
    {
        (Impact.HIGH, Urgency.HIGH): Priority.P1,
        (Impact.HIGH, Urgency.MEDIUM): Priority.P2,
        (Impact.HIGH, Urgency.LOW): Priority.P3,
        (Impact.MEDIUM, Urgency.HIGH): Priority.P2,
        (Impact.MEDIUM, Urgency.MEDIUM): Priority.P3,
        (Impact.MEDIUM, Urgency.LOW): Priority.P4,
        (Impact.LOW, Urgency.HIGH): Priority.P3,
        (Impact.LOW, Urgency.MEDIUM): Priority.P4,
        (Impact.LOW, Urgency.LOW): Priority.P5,
    }
)


class BadPriorityTable(Invalid):
    """A brand's changes that do not make a usable table."""

    code = "priority-table-not-usable"
    title = "Those priorities do not fit together"


def priority_of(impact: Impact, urgency: Urgency, table: PriorityTable = ITIL_TABLE) -> Priority:
    """The priority that the table gives; the table has all nine cells."""
    return table[impact, urgency]


def table_with(changes: Mapping[str, Mapping[str, str]]) -> PriorityTable:
    """The default table with a brand's `changes`, as stored: `{"low": {"low": "P4"}}`, impact before urgency.

    Raises BadPriorityTable for a word that is none of ours, and for a table in which more impact or more urgency would
    make something less pressing.
    """
    table = dict(ITIL_TABLE)
    for impact, row in changes.items():
        for urgency, priority in row.items():
            try:
                table[Impact(impact), Urgency(urgency)] = Priority(priority)
            except ValueError as unknown:
                raise BadPriorityTable(
                    f"{priority} was given for impact {impact}, urgency {urgency}.",
                    "One of these words is not known.",
                    "Give impact and urgency as high, medium or low, and the priority as P1 to P5.",
                ) from unknown
    for (impact_of, urgency_of), priority_given in table.items():
        for harder in _one_step_up(impact_of, urgency_of):
            if table[harder] > priority_given:
                raise BadPriorityTable(
                    f"{table[harder]} was given for impact {harder[0]}, urgency {harder[1]}.",
                    f"Impact {impact_of} with urgency {urgency_of} would be more pressing, at {priority_given}.",
                    f"Give it {priority_given} or higher.",
                )
    return MappingProxyType(table)


def _one_step_up(impact: Impact, urgency: Urgency) -> list[tuple[Impact, Urgency]]:
    """The cells with one step more impact or one step more urgency."""
    impacts, urgencies = list(Impact), list(Urgency)
    row, column = impacts.index(impact), urgencies.index(urgency)
    above = [(impacts[row - 1], urgency)] if row else []
    left = [(impact, urgencies[column - 1])] if column else []
    return above + left
