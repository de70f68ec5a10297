"""A call as it runs: one transaction an event. What was heard is kept; the flow says what follows; that is written, and handed
back as orders for the line driver, which gets them after the commit. A driver that can be given orders at any time has the
caller answered first (`answer_call`), before anybody has looked who it is.

A step that fails is undone alone and tried again a little later; after `MOST_TROUBLES` the exchange's own fall-back has the
caller. What the company must know (`flow.Write`) is written in savepoints of their own: one that fails becomes a promise.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from django.db import transaction

from nightdesk.base.ids import uuid7
from nightdesk.base.promises import lost_connection, promise
from nightdesk.base.refusals import Refusal
from nightdesk.base.rows import change, insert
from nightdesk.calls import effects, facts, flow, stored
from nightdesk.calls.callers import Who, who_has_number, who_of_call
from nightdesk.calls.candidates import Reachable, everybody
from nightdesk.calls.locking import locked_call
from nightdesk.calls.models import Call, CallEvent, Leg, Message
from nightdesk.calls.pin_tries import MOST_A_CALL, try_pin
from nightdesk.lines import exchange
from nightdesk.lines.exchange import CALLER, Answer, Came, FallBack, Gone, PickedUp, Recorded, Ring, Ringing

log = logging.getLogger(__name__)

LineOrder: TypeAlias = exchange.Order
AGAIN = "again:"
"""Begins the name of a timer of ours: the event of that number is heard once more."""
AGAIN_AFTER = timedelta(seconds=2)
EARLY = timedelta(seconds=flow.EARLY_S)
MOST_TROUBLES = 3
MOST_LOOKS = 4
WRITE_AGAIN = "calls.write"
"""Promise: what a call left to be written is tried again."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an event. `orders` go to the line driver now; `timers` are all that the call waits for from now on."""

    call_id: UUID
    orders: Sequence[LineOrder] = ()
    timers: Mapping[str, datetime] = field(default_factory=dict)
    over: bool = False


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a step came to, before it is written."""

    state: flow.State
    orders: Sequence[flow.Order | FallBack]
    why: Sequence[str]


@transaction.atomic
def take_call(
    *,
    exchange: str,
    came: Came,
    at: datetime,
    call_id: UUID | None = None,
    once: str = "",
    reachable: Reachable = everybody,
) -> Done:
    """A call came: it has a row, and the flow has begun. The same call a second time changes nothing.

    A number that is no line's, and a call that cannot be begun at all, are handed back to the exchange.
    """
    call_id = call_id or uuid7(at)
    if _new_call(Call(id=call_id, exchange=exchange, came_at=at), came) is None:
        return Done(call_id, (FallBack(came.leg),), over=True)
    return hear_event(call_id=call_id, event=came, at=at, once=once or "came", reachable=reachable)


@transaction.atomic
def answer_call(*, exchange: str, came: Came, at: datetime, call_id: UUID) -> Done:
    """As `take_call`, but nothing is done yet than that the caller is answered: the flow begins at once by a timer of ours.

    A caller waits for two rows then, and not for all that is read of them and of whoever could be rung.
    """
    timers = {f"{AGAIN}1": at}
    state = stored.state_as_json(flow.State(timers=timers))
    call = _new_call(Call(id=call_id, exchange=exchange, came_at=at, step=1, state=state), came)
    if call is None:
        return Done(call_id, (FallBack(came.leg),), over=True)
    orders = (Answer(came.leg),)
    row = CallEvent(call=call, number=1, at=at, event=stored.as_json(came), once="came")
    row.orders, row.why = [stored.as_json(order) for order in orders], ["The caller is answered."]
    insert([row], unless_there=True)
    return Done(call_id, orders, timers)


def _new_call(call: Call, came: Came) -> Call | None:
    """The call is a row of the line that is rung; None where what was rung is no line's number."""
    line = facts.line_called(came.called)
    if line is None:
        log.error("A call came for %s, which is the number of no line; the exchange's fall-back has it", came.called)
        return None
    call.line, call.number, call.called = line, came.number, came.called
    insert([call], unless_there=True)
    return call


@transaction.atomic
def begin_call_back(
    *, exchange: str, call: Call, event: flow.CallBack, at: datetime, reachable: Reachable = everybody
) -> Done:
    """A call of ours begins, whose row `call` is new: an engineer is rung first, then whoever left the message."""
    call.exchange = exchange
    insert([call], unless_there=True)
    return hear_event(call_id=call.pk, event=event, at=at, once="began", reachable=reachable)


@transaction.atomic
def hear_event(
    *, call_id: UUID, event: flow.Event, at: datetime, once: str = "", reachable: Reachable = everybody
) -> Done:
    """The event is kept and acted on, under the call's lock; whoever reported it carries the orders out.

    One that was heard before (`once`: by what its reporter knows it) gives the same orders, and changes nothing: an order given
    twice does nothing twice. Of an ended call only a recording that came late counts, and a timer only once it is due.
    """
    call = locked_call(call_id)
    if call is None:
        if isinstance(event, Came):
            raise LookupError(f"Call {call_id} was never begun: take_call begins one.")
        return Done(call_id, over=True)
    if once and (heard := CallEvent.objects.filter(call=call, once=once).first()):
        return Done(
            call_id, _line_orders(map(stored.order_from, heard.orders)), _timers(call), call.ended_at is not None
        )
    state = stored.state_from(call.state)
    if call.ended_at is not None:
        if isinstance(event, Recorded):
            _keep_late_recording(call, event, at, once)
        return Done(call_id, over=True)
    if state.stage == "new" and state.timers and not isinstance(event, flow.Due):
        # The caller was answered, and then this was first: it is heard as what comes after the beginning.
        begun = hear_event(call_id=call_id, event=flow.Due(next(iter(state.timers))), at=at, reachable=reachable)
        then = hear_event(call_id=call_id, event=event, at=at, once=once, reachable=reachable)
        let_go = {order.leg for order in then.orders if isinstance(order, exchange.HangUp)}
        first = [order for order in begun.orders if not (isinstance(order, Ring) and order.leg in let_go)]
        return replace(then, orders=(*first, *then.orders))
    if isinstance(event, flow.Due):
        due_at = state.timers.get(event.name)
        if due_at is None or due_at > at + EARLY:
            return Done(call_id, timers=dict(state.timers))
        if event.name.startswith(AGAIN):
            state = replace(state, timers={name: due for name, due in state.timers.items() if name != event.name})
            kept = CallEvent.objects.get(call=call, number=int(event.name.removeprefix(AGAIN)))
            event = stored.event_from(kept.event)
    return _hear(call, state, event, at, once, reachable)


def _hear(call: Call, state: flow.State, event: flow.Event, at: datetime, once: str, reachable: Reachable) -> Done:
    """Take the step in a savepoint; write what it came to, or that it could not be taken."""
    call.step += 1
    kept = stored.as_json(event, secret=flow.keys_are_secret(state))
    row = CallEvent(call=call, number=call.step, at=at, event=kept, once=once[:80])
    try:
        with transaction.atomic():
            _note_leg(call, event, at)
            taken = _take_step(call, state, event, at, reachable)
    except Exception as error:  # one poisonous event must not stop the call; it is recorded
        if lost_connection():
            raise
        log.exception("Call %s: event %s could not be acted on", call.pk, call.step)
        row.trouble = f"{type(error).__name__}: {error}"[:300]
        taken = _after_trouble(call, state, event, at)
    _note_joined(call, state, taken.state, at)
    state = _with_timers(taken.state, taken.orders, at)
    _note_rings(call, taken.orders, state, at)
    call.state = stored.state_as_json(state)
    change(call, WRITTEN)
    why = [*taken.why, *_write_all(call, taken.orders, at)]
    row.orders, row.why = [stored.as_json(order) for order in taken.orders], why
    insert([row])
    over = call.ended_at is not None
    return Done(call.pk, _line_orders(taken.orders), {} if over else dict(state.timers), over)


WRITTEN = ("step", "state", "customer", "contact", "peer", "person", "known_by")


def _write_all(call: Call, orders: Sequence[flow.Order | FallBack], at: datetime) -> Sequence[str]:
    """What the company must know is written; why something was refused comes back."""
    refused: list[str] = []
    for order in orders:
        if isinstance(order, flow.Write) and order.what not in effects.IN_THE_STORY:
            refused += _write(call, order, at)
        elif isinstance(order, FallBack):
            refused += _write(call, flow.Write("ended", {"as": "failed"}), at)
    return refused


def _take_step(call: Call, state: flow.State, event: flow.Event, at: datetime, reachable: Reachable) -> _Taken:
    """What the flow makes of the event; what it wants looked up is looked up, and it goes on with that."""

    skill = str(state.memory.get("skill", ""))

    def known() -> flow.Facts:
        asked = facts.Asked(call.line, call.called, call.number, who_of_call(call), at, at, call, reachable, skill)
        return facts.facts_when_looked_at(asked)

    match event:
        case Came():
            _name_caller(call, who_has_number(call.line.brand_id, event.number))
            step = flow.begin(event, known())
        case flow.CallBack():
            step = flow.begin(event, known())
        case _:
            step = flow.step(state, event, known())
    orders, why = list(step.orders), list(step.why)
    for _turn in range(MOST_LOOKS):
        look = next((order for order in step.orders if isinstance(order, flow.Look)), None)
        if look is None:
            break
        found, skill = _look(call, look, at), look.skill or skill
        step = flow.step(step.state, found, known())
        orders += step.orders
        why += step.why
    if isinstance(event, Came) and call.step > 1:  # `answer_call` did
        orders = [order for order in orders if not isinstance(order, Answer)]
    return _Taken(step.state, orders, why)


def _look(call: Call, look: flow.Look, at: datetime) -> flow.Known:
    """Who it is by the PIN that was keyed; without one, by the number again."""
    if not look.pin:
        return flow.Known(believed=bool(call.known_by), tries_left=MOST_A_CALL)
    tried = try_pin(call, look.pin, at)
    if tried.pin is not None:
        contact = tried.pin.contact
        _name_caller(
            call,
            Who(contact.customer if contact is not None else None, contact, person=tried.pin.person, known_by="pin"),
        )
    return flow.Known(believed=tried.pin is not None, tries_left=tried.left)


def _name_caller(call: Call, who: Who) -> None:
    call.customer, call.contact, call.peer, call.person = who.customer, who.contact, who.peer, who.person
    call.known_by = who.known_by


def _after_trouble(call: Call, state: flow.State, event: flow.Event, at: datetime) -> _Taken:
    """The event is heard again in a moment; a call that cannot begin, or has had too much of it, is the exchange's own."""
    troubles = CallEvent.objects.filter(call=call).exclude(trouble="").count() + 1
    if isinstance(event, exchange.Key | Ringing):
        return _Taken(state, (), ("It could not be acted on.",))
    if isinstance(event, Came | flow.CallBack) or troubles >= MOST_TROUBLES:
        leg = CALLER if not isinstance(event, flow.CallBack) else "e1"
        return _Taken(replace(state, stage="over"), (FallBack(leg),), ("Nightdesk could not go on with the call.",))
    again = {**state.timers, f"{AGAIN}{call.step}": at + AGAIN_AFTER}
    return _Taken(replace(state, timers=again), (), ("It could not be acted on; it is tried again in a moment.",))


def _with_timers(state: flow.State, orders: Sequence[flow.Order | FallBack], at: datetime) -> flow.State:
    timers = dict(state.timers)
    for order in orders:
        if isinstance(order, flow.Timer):
            timers[order.name] = at + timedelta(seconds=order.seconds)
        elif isinstance(order, flow.Forget):
            timers.pop(order.name, None)
    return replace(state, timers=timers)


def _note_leg(call: Call, event: flow.Event, at: datetime) -> None:
    """What became of a telephone that was rung."""
    match event:
        case Ringing(leg):
            Leg.objects.filter(call=call, name=leg, ringing_at=None).update(ringing_at=at)
        case PickedUp(leg):
            Leg.objects.filter(call=call, name=leg, picked_up_at=None).update(picked_up_at=at)
        case Gone(leg, why):
            Leg.objects.filter(call=call, name=leg, ended_at=None).update(ended_at=at, why=why)


def _note_rings(call: Call, orders: Sequence[flow.Order | FallBack], state: flow.State, at: datetime) -> None:
    """A row for each telephone that is to be rung; `State.memory["who"]` says whose a leg is."""
    rung = [order for order in orders if isinstance(order, Ring)]
    if not rung:
        return
    people: Mapping[str, Any] = state.memory.get("who", {})
    insert(
        [
            Leg(
                call=call,
                name=order.leg,
                to=order.to[:60],
                person_id=people.get(order.leg, {}).get("person_id") or None,
                ordered_at=at,
            )
            for order in rung
        ],
        unless_there=True,
    )


def _note_joined(call: Call, before: flow.State, after: flow.State, at: datetime) -> None:
    """Whoever of ours has taken the call, or was asked into it and has come."""
    joined = [leg for leg, how in after.legs.items() if how == "up" and before.legs.get(leg) != "up" and leg != CALLER]
    if joined:
        Leg.objects.filter(call=call, name__in=joined, accepted_at=None).update(accepted_at=at)


def _write(call: Call, order: flow.Write, at: datetime) -> Sequence[str]:
    """Do what the company must know, or promise to do it again."""
    try:
        with transaction.atomic():
            effects.do_effect(call, order.what, order.about, at)
    except Refusal as refusal:  # it would be refused again: somebody else was first, or it is over
        return [str(refusal)]
    except Exception as error:  # what a call left must never be lost; it is recorded, and tried again
        if lost_connection():
            raise
        log.exception("Call %s: %s could not be written; it is tried again", call.pk, order.what)
        promise(
            WRITE_AGAIN,
            subject=("call", call.pk),
            due_at=at + AGAIN_AFTER,
            why=f"{order.what}: {type(error).__name__}"[:200],
            at=at,
            facts={"what": order.what, "about": stored.as_json(order)["about"], "at": at.isoformat()},
            brand_id=call.line.brand_id,
        )
        return [f"{order.what} is written a moment later."]
    return ()


def _keep_late_recording(call: Call, event: Recorded, at: datetime, once: str) -> None:
    """What was recorded of a call that is over by now is not lost."""
    call.step += 1
    insert([CallEvent(call=call, number=call.step, at=at, event=stored.as_json(event), once=once[:80])])
    change(call, ("step",))
    if event.file and not Message.objects.filter(call=call).exclude(recording=None).exists():
        _write(call, flow.Write("message", {"file": event.file, "seconds": event.seconds}), at)


def _timers(call: Call) -> Mapping[str, datetime]:
    return dict(stored.state_from(call.state).timers)


def _line_orders(orders: Any) -> Sequence[LineOrder]:
    """Those that are the line driver's."""
    return tuple(order for order in orders if not isinstance(order, flow.Timer | flow.Forget | flow.Look | flow.Write))
