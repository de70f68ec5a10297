"""What a process that runs calls finds when it comes up: calls that ran, and what others ask of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from nightdesk.base import clock
from nightdesk.calls import flow, stored
from nightdesk.calls.models import Asking, Call, CallEvent
from nightdesk.calls.standing_orders import Heard, standing_orders
from nightdesk.lines import exchange
from nightdesk.lines.exchange import Alive, Ring

AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A call that ran when its process died. `gone` are its legs that the exchange no longer has; `orders` are given again."""

    call_id: UUID
    orders: Sequence[exchange.Order] = ()
    timers: Mapping[str, datetime] = field(default_factory=dict)
    gone: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AskedOf:
    """What somebody of ours wants of a call."""

    asking_id: UUID
    call_id: UUID
    event: flow.Event


def left_behind(exchange_name: str, alive: Mapping[UUID, Alive]) -> list[LeftBehind]:
    """The calls of the exchange that have not ended, the oldest first; and those that have, and of which it still has a leg."""
    ours = Call.objects.filter(exchange=exchange_name).filter(Q(ended_at=None) | Q(pk__in=list(alive)))
    calls = list(ours.order_by("came_at", "id"))
    stories: dict[UUID, list[Heard]] = {call.pk: [] for call in calls}
    for row in CallEvent.objects.filter(call__in=calls).order_by("call_id", "number"):
        stories[row.call_id].append(Heard(stored.event_from(row.event), [*map(stored.order_from, row.orders)]))
    return [_left(call, stories[call.pk], alive.get(call.pk)) for call in calls]


def _left(call: Call, story: Sequence[Heard], alive: Alive | None) -> LeftBehind:
    state = stored.state_from(call.state)
    if call.ended_at is not None:
        handed = {order.leg for heard in story for order in heard.orders if isinstance(order, exchange.FallBack)}
        legs = alive.legs if alive is not None else ()
        return LeftBehind(call.pk, [exchange.FallBack(leg) if leg in handed else exchange.HangUp(leg) for leg in legs])
    if alive is None:
        return LeftBehind(call.pk, gone=[*state.legs] or [exchange.CALLER])
    again = standing_orders(story, alive.legs)
    to_ring = {order.leg for order in again if isinstance(order, Ring)}
    gone = [leg for leg in state.legs if leg not in alive.legs and leg not in to_ring]
    return LeftBehind(call.pk, again, dict(state.timers), gone)


def asked_of(exchange_name: str) -> list[AskedOf]:
    """What others ask of the exchange's calls and nobody has heard yet, in the order in which it was asked."""
    rows = Asking.objects.filter(exchange=exchange_name, heard_at=None).order_by("id")[:AT_ONCE]
    return [AskedOf(row.pk, row.call_id, stored.event_from(row.event)) for row in rows]


def wakes(exchange_name: str) -> str:
    """The word by which the process that runs the exchange's calls is woken, as `promises.wake_workers` takes it."""
    return f"calls {exchange_name}"


def note_heard(asking_id: UUID) -> None:
    """It was heard; heard again it would change nothing, as the call knows it."""
    Asking.objects.filter(pk=asking_id).update(heard_at=clock.now())
