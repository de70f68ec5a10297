"""What the worker keeps in this room: late call-backs, what a call left to be written, recordings that are old enough."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import Refusal
from nightdesk.calls import actions, effects, forget_actions, running
from nightdesk.calls.locking import locked_call


def chase_call_back(promise: Promise, at: datetime) -> str:
    """A call-back is owed."""
    return actions.chase_call_back(
        message_id=UUID(promise.subject_id), number=int(promise.facts["number"]), by=SCHEDULER, via=Door.WORKER, at=at
    )


def write_again(promise: Promise, at: datetime) -> str:
    """Something that a call left could not be written then."""
    del at  # it happened when it happened
    call = locked_call(UUID(promise.subject_id))
    if call is None:
        return _("The call is gone.")
    try:
        effects.do_effect(
            call, promise.facts["what"], promise.facts["about"], datetime.fromisoformat(promise.facts["at"])
        )
    except Refusal as refusal:
        return str(refusal)
    return _("It is written.")


def delete_recording(promise: Promise, at: datetime) -> str:
    """A recording was kept as long as its line says."""
    actions.delete_recording(recording_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)
    return _("It is deleted.")


def text_callers(update_id: UUID, at: datetime) -> int:
    """An update was published, and those who asked for texts by phone are texted; for `outages.registries`."""
    return actions.text_callers(update_id=update_id, by=SCHEDULER, via=Door.WORKER, at=at)


def drop_old_tries(at: datetime) -> int:
    """An hour is over; for `base.housekeeping`."""
    return actions.drop_old_tries(by=SCHEDULER, via=Door.WORKER, at=at)


def forget_old_callers(at: datetime) -> int:
    """An hour is over; for `base.housekeeping`."""
    return forget_actions.forget_old_callers(by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {
    actions.CALL_BACK_DUE: Handler(chase_call_back, lane="page", give_up_after=None),
    running.WRITE_AGAIN: Handler(write_again, lane="page", give_up_after=None),
    actions.DELETE: Handler(delete_recording),
}
