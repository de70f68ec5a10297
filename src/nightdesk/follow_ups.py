"""What follows from what: kinds of journal entries, and the promises that each leads to a moment later."""

from nightdesk.journal.actions import FOLLOW_UPS
from nightdesk.rota import actions as rota

TABLE: dict[str, tuple[str, ...]] = {
    rota.LAYERS_SET: ("duty.replan",),
    rota.OVERRIDE_ADDED: ("duty.replan",),
    rota.OVERRIDE_CANCELLED: ("duty.replan",),
}


def connect() -> None:
    """Hand the table to the journal."""
    FOLLOW_UPS.update(TABLE)
