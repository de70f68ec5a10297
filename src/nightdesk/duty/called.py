"""`called 20`: somebody off duty says that they were rung for help."""

import re
from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid
from nightdesk.duty.queries import held_by
from nightdesk.duty.rest_actions import plan_late_start
from nightdesk.rota.models import Worked
from nightdesk.rota.work_actions import note_called

_CALLED = re.compile(
    r"\s*(?P<minutes>[0-9]{1,4})\s*(?:min(?:ute)?s?\.?|m)?[\s,:;-]*(?P<note>.*)", re.IGNORECASE | re.DOTALL
)


def log_call(*, person_id: int, minutes: int, note: str = "", by: Actor, via: Door, at: datetime) -> Worked:
    """The call is on record, as off duty where they hold no seat; whoever was called at night begins later for it.

    Refuses as `note_called`.
    """
    row = note_called(
        person_id=person_id,
        minutes=minutes,
        off_duty=not held_by(person_id),
        note=note,
        by=by,
        via=via,
        at=at,
    )
    plan_late_start(person_id=person_id, worked_until=row.ends_at, by=by, via=via, at=at)
    return row


def called_by_text(text: str, by: Actor, via: Door, at: datetime) -> str:
    """What "called" does when it is texted: `20`, `20 min`, `20 helped Bo`; the sentence to say back."""
    told = _CALLED.fullmatch(text)
    if told is None or by.person_id is None:
        raise Invalid(
            _("You texted that you were called."), _("It does not say for how long."), _("Text for example: called 20")
        )
    minutes = int(told["minutes"])
    row = log_call(
        person_id=by.person_id,
        minutes=minutes,
        note=" ".join(told["note"].split())[:200],
        by=by,
        via=via,
        at=at,
    )
    if row.off_duty:
        return _("Noted: you were called for %d minutes while off duty. Your manager sees it.") % minutes
    return _("Noted: you were called for %d minutes.") % minutes
