"""How a call's state, its events and its orders lie in JSON: each as its name (`what`) beside its fields. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from nightdesk.calls import flow
from nightdesk.lines import exchange
from nightdesk.lines.exchange import Words

_EVENTS: Mapping[str, type] = {
    each.__name__: each
    for each in (
        *(exchange.Came, exchange.Ringing, exchange.PickedUp, exchange.Key, exchange.Said, exchange.Recorded, exchange.Gone),
        *(flow.CallBack, flow.Due, flow.Known, flow.Asked),
    )
}  # fmt: skip
_ORDERS: Mapping[str, type] = {
    each.__name__: each
    for each in (
        *(exchange.Answer, exchange.Say, exchange.Hold, exchange.Ring, exchange.Join, exchange.Record),
        *(exchange.StopRecording, exchange.PauseRecording, exchange.HangUp, exchange.FallBack),
        *(flow.Timer, flow.Forget, flow.Look, flow.Write),
    )
}


def as_json(told: flow.Event | flow.Order | exchange.FallBack, *, secret: bool = False) -> dict[str, Any]:
    """The event or order; a PIN that was keyed is not in it, nor a key that is part of one (`secret`)."""
    found: dict[str, Any] = {"is": type(told).__name__}
    for field in fields(told):
        found[field.name] = _plain(getattr(told, field.name))
    if isinstance(told, flow.Look):
        found["pin"] = "*" * len(told.pin)
    if isinstance(told, exchange.Key) and secret:
        found["digit"] = "?"
    return found


def event_from(kept: Mapping[str, Any]) -> flow.Event:
    """What `as_json` made of an event. Raises KeyError, TypeError for what is none."""
    given = {name: value for name, value in kept.items() if name != "is"}
    if kept["is"] == "CallBack":
        given["engineer"] = flow.Candidate(**given["engineer"])
    made: flow.Event = _EVENTS[kept["is"]](**given)
    return made


def order_from(kept: Mapping[str, Any]) -> flow.Order | exchange.FallBack:
    """What `as_json` made of an order. Raises KeyError, TypeError for what is none."""
    given = {name: value for name, value in kept.items() if name != "is"}
    if kept["is"] == "Say":
        given["words"] = tuple(Words(**each) for each in given["words"])
    made: flow.Order | exchange.FallBack = _ORDERS[kept["is"]](**given)
    return made


def state_as_json(state: flow.State) -> dict[str, Any]:
    """The state; its timers as instants in ISO 8601."""
    return {
        "stage": state.stage,
        "legs": dict(state.legs),
        "memory": _plain(state.memory),
        "timers": {name: at.isoformat() for name, at in state.timers.items()},
    }


def state_from(kept: Mapping[str, Any]) -> flow.State:
    """What `state_as_json` made of a state; {} is that of a call that has not begun."""
    if not kept:
        return flow.State()
    timers = {name: datetime.fromisoformat(at) for name, at in kept["timers"].items()}
    return flow.State(kept["stage"], kept["legs"], kept["memory"], timers)


def _plain(value: Any) -> Any:
    if isinstance(value, Words | flow.Candidate):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value
