"""The oldest policy, which is none of `calls.flow`: everybody who rings is put through to one telephone, and that is all.

It has the flow's form (`begin`, `step`), so that the same world plays it.
"""

from nightdesk.calls import flow
from nightdesk.lines import exchange

_PHONE = "e1"


class OnePhone:
    """A divert to whoever is on: no message, no queue. A mobile's voicemail takes what nobody answers."""

    @staticmethod
    def begin(event: exchange.Came, facts: flow.Facts) -> flow.Step:
        """The one telephone rings at once."""
        first = min(facts.candidates, key=lambda one: one.person_id)
        ring = exchange.Ring(_PHONE, first.to, event.number, 30)
        return flow.Step(flow.State("hunt", {event.leg: "up", _PHONE: "ordered"}), [ring])

    @staticmethod
    def step(state: flow.State, event: flow.Event, facts: flow.Facts) -> flow.Step:
        """Answered, or not."""
        del facts
        match event:
            case exchange.PickedUp():
                return flow.Step(
                    flow.State("talk", {**state.legs, _PHONE: "up"}), [exchange.Join([exchange.CALLER, _PHONE])]
                )
            case exchange.Gone(leg):
                ended = "answered" if state.stage == "talk" else "abandoned"
                other = exchange.CALLER if leg == _PHONE else _PHONE
                return flow.Step(flow.State("over"), [exchange.HangUp(other), flow.Write("ended", {"as": ended})])
        return flow.Step(state)
