"""What may become of a ticket, and what follows from what is written on it. Pure.

States and moves are ITIL's (as ServiceNow and GLPI name them): reopening is a move, not a state; who is responsible while it
waits is the reason for waiting.
"""

from enum import StrEnum


class State(StrEnum):
    NEW = "new"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


OPEN = frozenset({State.NEW, State.ASSIGNED, State.IN_PROGRESS, State.PENDING})
"""States in which somebody still owes something."""


class PendingReason(StrEnum):
    """Who is responsible while it waits. The first is over once the caller writes."""

    AWAITING_CALLER = "awaiting_caller"
    AWAITING_CHANGE = "awaiting_change"
    AWAITING_PROBLEM = "awaiting_problem"
    AWAITING_SUPPLIER = "awaiting_supplier"
