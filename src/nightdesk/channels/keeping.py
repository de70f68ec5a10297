"""What the worker does when a promise of this room falls due."""

from datetime import datetime
from typing import Any
from uuid import UUID

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.channels import actions
from nightdesk.channels.driver import Receipt


def find_receipt(promise: Promise, at: datetime) -> str:
    """Look again for what a receipt means; returns what came of it."""
    kept: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in promise.facts["receipt"].items()
    }
    receipt = Receipt(**kept)
    return actions.find_receipt_again(
        inbound_id=UUID(promise.subject_id), receipt=receipt, by=SCHEDULER, via=Door.WORKER, at=at
    )


def join_pieces(promise: Promise, at: datetime) -> str:
    """Hand on a text of which a piece never came; returns what came of it."""
    return actions.join_late_pieces(inbound_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {
    actions.FIND_RECEIPT: Handler(find_receipt, lane="follow"),
    actions.JOIN_PIECES: Handler(join_pieces, lane="follow"),
}
"""For `wiring`."""
