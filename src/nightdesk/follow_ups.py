"""What follows from what: kinds of journal entries, and the promises that each leads to a moment later."""

from nightdesk.journal.actions import FOLLOW_UPS

TABLE: dict[str, tuple[str, ...]] = {}


def connect() -> None:
    """Hand the table to the journal."""
    FOLLOW_UPS.update(TABLE)
