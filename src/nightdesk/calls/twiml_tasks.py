"""What the worker does for calls that a telephony provider carries: tells the provider, fetches recordings, hears timers and
what others ask.

Each of the threads takes one leg at a time and talks to its provider outside any transaction, so that one that hangs keeps up
the legs of no other; what came of it is written under the lease's number.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base import clock, leases, vault
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.files import keep_file
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.worker import POLL_EVERY, Runner, Shift
from nightdesk.calls.models import Call
from nightdesk.calls.provider_links import leg_address
from nightdesk.calls.twiml_actions import (
    LANE,
    TIMER,
    Did,
    begin_provider_leg,
    hear_provider_asking,
    hear_provider_timer,
    note_provider_work,
)
from nightdesk.calls.twiml_models import TwimlLeg
from nightdesk.channels.driver import Settings
from nightdesk.channels.queries import settings_of
from nightdesk.lines import sound
from nightdesk.lines.leg import NotPlaced, Wanted
from nightdesk.lines.twiml import program
from nightdesk.lines.twiml.legs import TwimlLegs

log = logging.getLogger(__name__)

THREADS = 3
LONGEST_CALL_S = 4 * 3600
"""A provider ends a call by itself after that, whatever else goes wrong."""


def carry_calls(shift: Shift) -> None:
    """One leg is told at its provider what it is to do, or one thing that was asked is heard; else it waits for work."""
    bell = shift.bell(LANE)
    seen = bell.rung
    shift.begin()
    try:
        rows = leases.claim(TwimlLeg, LANE, 1, at=clock.now(), worker=shift.worker)
        for row in rows:
            tend_leg(row)
        busy = bool(rows) or hear_provider_asking(by=SCHEDULER, via=Door.WORKER, at=clock.now())
    finally:
        shift.end()
    if not busy and not shift.stopping.is_set():
        bell.wait(seen, POLL_EVERY)


THREADS_BY_NAME: dict[str, Runner] = {f"{LANE}-{number}": carry_calls for number in range(THREADS)}


def tend_leg(row: TwimlLeg) -> None:
    """Do at the provider what the leased leg wants, and note what came of it."""
    leg = program.Leg.from_json(row.program)
    route = row.route
    try:
        told = settings_of(route) if route is not None else None
    except vault.Unreadable:
        told = None
    todo = program.to_do(leg)
    did: Sequence[Did]
    if told is None:
        did = [Did(what, refused="The route is gone, or its token cannot be opened.", for_good=True) for what in todo]
    else:
        others = _others(row) if row.placing else None
        if "place" in todo and not row.placing:
            begin_provider_leg(leg_id=row.pk, by=SCHEDULER, via=Door.WORKER, at=clock.now())
        did = asyncio.run(_tend(_Work(row.call, leg, told, others), todo))
    note_provider_work(leg_id=row.pk, attempt=row.attempt, did=did, by=SCHEDULER, via=Door.WORKER, at=clock.now())


@dataclass(frozen=True, slots=True)
class _Work:
    """A leg that is tended. `others`: where somebody began to place it and was never heard of again, the provider's ids of
    all other legs; None else.
    """

    call: Call
    leg: program.Leg
    settings: Settings
    others: Collection[str] | None

    def address(self, what: str) -> str:
        return leg_address(self.call, self.leg.leg, what, self.leg.turn)


def _others(row: TwimlLeg) -> Collection[str]:
    return set(TwimlLeg.objects.filter(route=row.route).exclude(sid="").values_list("sid", flat=True))


def hear_timer(promise: Promise, at: datetime) -> str:
    """The call's timer has run out."""
    name = str(promise.facts["name"])
    hear_provider_timer(call_id=UUID(promise.subject_id), name=name, by=SCHEDULER, via=Door.WORKER, at=at)
    return _("The call went on.")


HANDLERS = {TIMER: Handler(hear_timer, lane="page", give_up_after=None)}


async def _tend(work: _Work, todo: Sequence[program.Todo]) -> Sequence[Did]:
    told = work.settings
    legs = TwimlLegs(told["account_sid"], told.get("auth_token") or "", told.get("base_url") or "")
    did: list[Did] = []
    try:
        for what in todo or ("look",):
            try:
                did += await _do(legs, work, what)
            except NotPlaced as refused:
                did.append(_refused(what, refused))
    finally:
        await legs.close()
    return did


async def _do(legs: TwimlLegs, work: _Work, what: str) -> list[Did]:
    leg = work.leg
    match what:
        case "place":
            return [Did(what, sid=await _place(legs, work))]
        case "push":
            sent = await legs.send_to(leg.sid, work.address("do"))
            return [Did(what, turn=leg.turn)] if sent else [await _looked(legs, leg)]
        case "end":
            # Ringing, it is taken back; picked up, it is ended.
            ended = leg.state != "answered" and bool(leg.to) and await legs.cancel(leg.sid)
            ended = ended or await legs.end(leg.sid)
            return [Did(what, turn=leg.turn)] if ended else [await _looked(legs, leg)]
        case "announce":
            told = await legs.announce(str(work.call.pk), leg.sid, work.address("announced"))
            return [Did(what)] if told else [Did(what, refused="They are not in the room yet.")]
        case "end_strays":
            for stray in leg.strays:
                await legs.end(stray)
            return [Did(what)]
        case "fetch":
            return [await _fetched(legs, take) for take in leg.takes if take.state == "told"]
        case "forget":
            for recording in program.to_forget(leg):
                await legs.forget(recording)
            return [Did(what)]
        case _:
            return [await _looked(legs, leg)] if leg.sid else [Did("look")]


def _refused(what: str, refused: NotPlaced, turn: int = -1) -> Did:
    for_good = refused.fault in ("number", "request")
    return Did(what, turn=turn, refused=refused.reason, for_good=for_good, again_s=refused.retry_after or 1.0)


async def _place(legs: TwimlLegs, work: _Work) -> str:
    """Let it ring once: where somebody began to place it and was never heard of again, it is looked for first."""
    leg = work.leg
    if work.others is not None:
        found = [sid for sid in await legs.find(leg.to, leg.show) if sid not in work.others]
        if found:
            return found[0]
    return await legs.place(
        Wanted(
            leg.to,
            leg.show,
            work.address("do"),
            work.address("status"),
            leg.ring_s,
            LONGEST_CALL_S,
            detect_machine=False,
        )
    )


async def _fetched(legs: TwimlLegs, take: program.Take) -> Did:
    """The piece lies with us; the provider is told to forget it once that is written down."""
    try:
        content = await legs.fetch(take.sid)
        sound.measure(content)
        file = keep_file(content)
    except NotPlaced as refused:
        return _refused("fetch", refused, take.turn)
    except sound.NoSound as wrong:
        return Did("fetch", turn=take.turn, refused=f"It is no sound of a telephone: {wrong}", for_good=True)
    return Did("fetch", turn=take.turn, file=file)


async def _looked(legs: TwimlLegs, leg: program.Leg) -> Did:
    return Did("look", event=await legs.look(leg.sid))
