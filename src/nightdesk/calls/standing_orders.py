"""What is still to be done for a call that somebody else ran until they died: the orders of which nobody knows the end. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from nightdesk.calls import flow
from nightdesk.lines import exchange
from nightdesk.lines.exchange import Gone, Hold, Join, Key, PickedUp, Record, Recorded, Ring, Said, Say


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of a call, and what was ordered then."""

    event: flow.Event
    orders: Sequence[flow.Order | exchange.FallBack]


def standing_orders(story: Sequence[Heard], alive: Sequence[str]) -> Sequence[exchange.Order]:
    """The exchange's orders to give again, of the whole `story`; `alive` are the legs that the exchange has.

    Those of the last event may not have been carried out at all. Before it, what a leg was to hear, or what was recorded of it,
    may have ended unheard; a leg that was rung may have answered.
    """
    hears: dict[str, Say | Hold | Record | Join] = {}
    rung: dict[str, Ring] = {}
    for number, heard in enumerate(story, start=1):
        match heard.event:
            case Said(leg, name) if isinstance(said := hears.get(leg), Say) and said.name == name:
                del hears[leg]
            case Recorded(leg, name) if isinstance(kept := hears.get(leg), Record) and kept.name == name:
                del hears[leg]
            case Key(leg, digit) if isinstance(said := hears.get(leg), Say) and digit in said.stop:
                del hears[leg]
            case PickedUp(leg) | Gone(leg):
                rung.pop(leg, None)
                if isinstance(heard.event, Gone):
                    hears.pop(leg, None)
        if number == len(story):
            break
        for order in heard.orders:
            match order:
                case Say() | Hold() | Record():
                    hears[order.leg] = order
                case Join():
                    hears |= dict.fromkeys([*order.legs, *order.listening], order)
                case Ring():
                    rung[order.leg] = order
                case exchange.StopRecording(leg) | exchange.HangUp(leg):
                    hears.pop(leg, None)
                    rung.pop(leg, None)
    last = [
        order
        for order in (story[-1].orders if story else ())
        if not isinstance(order, flow.Timer | flow.Forget | flow.Look | flow.Write)
    ]
    told = {leg for order in last for leg in _legs(order) if not isinstance(order, exchange.PauseRecording)}
    before: list[exchange.Order] = [order for leg, order in rung.items() if leg not in told]
    for leg, order in hears.items():
        if leg in alive and leg not in told and order not in before:
            before.append(order)
    return [*before, *last]


def _legs(order: exchange.Order) -> Sequence[str]:
    return [*order.legs, *order.listening] if isinstance(order, Join) else [order.leg]
