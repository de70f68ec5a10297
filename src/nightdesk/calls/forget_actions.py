"""Verbs that forget who rang: after a while by themselves, and one number when it is asked for."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.calls.actions import delete_recording
from nightdesk.calls.models import Call, CallEvent, Leg, Message, PinTry, TextWish
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

CALLERS_FORGOTTEN = kind("calls.callers-forgotten", gettext_lazy("{by} forgot who rang in {calls} calls"))
BATCH = 1000


@transaction.atomic
def forget_old_callers(*, by: Actor, via: Door, at: datetime) -> int:
    """Of calls older than `settings.CALLERS_KEPT` the number and all that was heard and ordered is gone.

    That there was a call, when, on which line, how it was answered and by whom stays for the figures. Returns how many calls
    it was, at most `BATCH`.
    """
    require(by, "forget_old_callers", None)
    if not settings.CALLERS_KEPT:
        return 0
    before = at - settings.CALLERS_KEPT
    old = Call.objects.filter(came_at__lt=before).exclude(ended_at=None).filter(~Q(number="") | ~Q(state={}))
    calls = list(old.order_by("came_at").values_list("pk", flat=True)[:BATCH])
    count = _forget(Call.objects.filter(pk__in=calls))
    left = Message.objects.filter(taken_at__lt=before).exclude(ended_at=None).exclude(number="", text="")
    _forget_words(left, by, via, at)
    if count:
        record(CALLERS_FORGOTTEN, subject=("calls", "old"), by=by, via=via, at=at, facts={"calls": count})
    return count


@transaction.atomic
def forget_number(*, number: str, by: Actor, via: Door, at: datetime) -> int:
    """The same of all calls from this number (E.164) that have ended, whenever; and what it left is gone, recordings too.

    Returns how many calls it was. Raises Forbidden.
    """
    require(by, "forget_number", None)
    count = _forget(Call.objects.filter(number=number).exclude(ended_at=None))
    Leg.objects.filter(to=number).exclude(ended_at=None).update(to="")
    _forget_words(Message.objects.filter(number=number).exclude(ended_at=None), by, via, at)
    TextWish.objects.filter(number=number).delete()
    PinTry.objects.filter(number=number).delete()
    record(CALLERS_FORGOTTEN, subject=("calls", "number"), by=by, via=via, at=at, facts={"calls": count})
    return count


def _forget(calls: QuerySet[Call]) -> int:
    """Who rang, and by which the call could be played again: its events hold the number and what was keyed."""
    keys = list(calls.values_list("pk", flat=True))
    CallEvent.objects.filter(call__in=keys).delete()
    PinTry.objects.filter(call__in=keys).delete()
    return Call.objects.filter(pk__in=keys).update(number="", state={})


def _forget_words(left: QuerySet[Message], by: Actor, via: Door, at: datetime) -> None:
    recordings = [key for key in left.values_list("recording", flat=True)[:BATCH] if key is not None]
    for recording_id in recordings:
        delete_recording(recording_id=recording_id, by=by, via=via, at=at)
    left.update(number="", text="")
