"""What the worker does for checks of the divert: begins each evening's, rings, fetches what was heard, gives up."""

import asyncio
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from nightdesk.base import vault
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import Invalid
from nightdesk.calls import divert_actions
from nightdesk.calls.divert_queries import outside_route
from nightdesk.calls.models import DivertCheck, Line
from nightdesk.channels.driver import Settings
from nightdesk.channels.queries import settings_of
from nightdesk.lines import melody, sound
from nightdesk.lines.leg import NotPlaced, Wanted
from nightdesk.lines.twiml.legs import TwimlLegs

RING_S, LONGEST_S = 30, 75
MOST_FETCHES = 6
DOING = {"by": SCHEDULER, "via": Door.WORKER}


def begin_check(promise: Promise, at: datetime) -> str:
    """A line's evening: it is rung, and tomorrow's check is promised."""
    line_id = int(promise.subject_id)
    try:
        divert_actions.check_divert(line_id=line_id, tells=True, **DOING, at=at)  # type: ignore[arg-type]
        told = _("It is rung.")
    except Invalid as refusal:
        told = str(refusal)
    divert_actions.plan_divert_check(line_id=line_id, **DOING, at=at)  # type: ignore[arg-type]
    return told


def ring(promise: Promise, at: datetime) -> str:
    """The line's number is rung by the second provider."""
    check = _open(promise)
    if check is None or check.sid:
        return _("It is not wanted any more.")
    told = _settings(check)
    if told is None:
        return _failed(check, _("The route of the second provider is gone, or its token cannot be opened."), at)
    try:
        sid = asyncio.run(_placed(check, told))
    except NotPlaced as refused:
        if refused.fault == "pace" and promise.attempt < MOST_FETCHES:
            raise
        return _failed(check, _("It could not be rung from outside: {why}.").format(why=refused.reason), at)
    divert_actions.note_check_placed(check_id=check.pk, sid=sid, **DOING, at=at)  # type: ignore[arg-type]
    return _("It is rung.")


def hear(promise: Promise, at: datetime) -> str:
    """What was heard outside is fetched, and searched for the sign; the provider keeps nothing of it."""
    check = _open(promise)
    told = _settings(check) if check is not None else None
    if check is None or told is None:
        return _("It is not wanted any more.")
    try:
        wav = asyncio.run(_fetched(check, told))
        heard = melody.is_heard(check.notes, wav)
    except NotPlaced as refused:
        if refused.fault != "number" and promise.attempt < MOST_FETCHES:
            raise
        return _failed(check, _("What was heard could not be fetched: {why}.").format(why=refused.reason), at)
    except sound.NoSound:
        return _failed(check, _("What was heard is no sound of a telephone."), at)
    if not heard:
        return _failed(check, _("Something answered, and it was not our greeting."), at)
    divert_actions.end_divert_check(check_id=check.pk, heard=True, **DOING, at=at)  # type: ignore[arg-type]
    return _("Our greeting was heard.")


def give_up(promise: Promise, at: datetime) -> str:
    """It has taken too long."""
    check = _open(promise)
    return _failed(check, _("Our greeting was not heard in time."), at) if check is not None else _("It has ended.")


def plan_checks(at: datetime) -> int:
    """Every line's next check is promised; returns of how many. Each hour, so that nothing set otherwise is missed."""
    lines = Line.objects.filter(active=True).exclude(divert_check_at=None).values_list("pk", flat=True)
    planned = [divert_actions.plan_divert_check(line_id=pk, **DOING, at=at) for pk in lines]  # type: ignore[arg-type]
    return len(planned)


HANDLERS = {
    divert_actions.CHECK: Handler(begin_check, lane="plain"),
    divert_actions.RING: Handler(ring, lane="follow"),
    divert_actions.HEAR: Handler(hear, lane="follow"),
    divert_actions.END: Handler(give_up, lane="follow"),
}


def _open(promise: Promise) -> DivertCheck | None:
    return DivertCheck.objects.select_related("line__brand").filter(pk=int(promise.subject_id), ended_at=None).first()


def _failed(check: DivertCheck, trouble: str, at: datetime) -> str:
    divert_actions.end_divert_check(check_id=check.pk, heard=False, trouble=trouble, **DOING, at=at)  # type: ignore[arg-type]
    return trouble


def _settings(check: DivertCheck) -> Settings | None:
    route = outside_route(check.line)
    try:
        return {**settings_of(route), "route_id": route.pk} if route is not None else None
    except vault.Unreadable:
        return None


async def _placed(check: DivertCheck, told: Settings) -> str:
    legs = _legs(told)
    base = f"{settings.PUBLIC_URL}/providers/twilio/{told['route_id']}/divert/{check.pk}"
    try:
        return await legs.place(
            Wanted(
                check.line.numbers[0], check.line.divert_from, f"{base}/do", f"{base}/status", RING_S, LONGEST_S,
                detect_machine=False,
            )
        )  # fmt: skip
    finally:
        await legs.close()


async def _fetched(check: DivertCheck, told: Settings) -> bytes:
    legs = _legs(told)
    try:
        wav = await legs.fetch(check.recorded)
        await legs.forget(check.recorded)
        return wav
    finally:
        await legs.close()


def _legs(told: Settings) -> TwimlLegs:
    return TwimlLegs(told["account_sid"], told.get("auth_token") or "", told.get("base_url") or "")
