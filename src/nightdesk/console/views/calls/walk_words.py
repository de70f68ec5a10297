"""The moments of a walk through the line in words: what happened, and what the company would have written."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.calls import flow
from nightdesk.calls.simulate import Moment
from nightdesk.lines import exchange

TIMERS = {
    "wait": gettext_lazy("No key came"),
    "hunt": gettext_lazy("It has rung for as long as the line rings"),
    "join": gettext_lazy("Time for another telephone"),
    "again": gettext_lazy("Time to try again"),
    "still": gettext_lazy("They have waited for a while"),
    "desk": gettext_lazy("Nobody at the desk took it"),
    "bureau": gettext_lazy("The bureau has let it ring"),
    "accept": gettext_lazy("Nobody pressed 1"),
    "ring": gettext_lazy("It has rung for long enough"),
    "whole": gettext_lazy("The call has lasted too long"),
}
GONE = {
    "no_answer": gettext_lazy("{name} did not answer"),
    "busy": gettext_lazy("{name} is busy"),
    "unreachable": gettext_lazy("{name} cannot be reached"),
    "hung_up": gettext_lazy("{name} rings off"),
    "failed": gettext_lazy("The line to {name} broke"),
    "ordered": gettext_lazy("{name} is let go"),
}


def event_words(one: Moment, facts: flow.Facts) -> str:
    """What happened at the moment."""
    caller = facts.caller.name or _("The caller")

    def name(leg: str) -> str:
        if leg == exchange.CALLER:
            return caller
        who = one.state.memory.get("who", {}).get(leg, {})
        return str(who.get("name") or _("The bureau"))

    match one.event:
        case exchange.Came():
            return _("{name} rings").format(name=caller)
        case exchange.Ringing(leg):
            return _("{name}'s telephone rings").format(name=name(leg))
        case exchange.PickedUp(leg):
            return _("{name} picks up").format(name=name(leg))
        case exchange.Key(leg, digit):
            if flow.keys_are_secret(one.state):
                return _("{name} keys a PIN").format(name=name(leg))
            return _("{name} presses {digit}").format(name=name(leg), digit=digit)
        case exchange.Said(leg):
            return _("{name} has heard it").format(name=name(leg))
        case exchange.Recorded(_leg, _name, _file, _seconds, sound_s):
            return _("{seconds} s were spoken").format(seconds=round(sound_s))
        case exchange.Gone(leg, why):
            return str(GONE[why]).format(name=name(leg))
        case flow.Due(timer):
            return str(TIMERS.get(timer.partition(":")[0], _("Time has passed")))
        case flow.Known(believed):
            return _("Who it is was looked up") if believed else _("The PIN was not right")
        case flow.Asked():
            return _("One of ours asks for the call")
    return ""


def write_words(write: flow.Write, facts: flow.Facts) -> str:
    """What would be written, or done by it; "" for what nobody need read."""
    names: Mapping[object, str] = {one.person_id: one.name for one in facts.candidates}
    about = write.about
    match write.what:
        case "told":
            return _("Their screen and telephone show: {text}").format(text=about["text"])
        case "answered":
            who = {"recorder": _("The recorder"), "bureau": _("The bureau"), "desk": _("The desk")}
            by = who.get(str(about["by"])) or names.get(about["person_id"], _("Somebody"))
            return _("{who} has the caller").format(who=by)
        case "woken":
            return _("{name} is woken").format(name=names.get(about["person_id"], _("Somebody")))
        case "call_out":
            return _("Their consent is recorded, for the invoice: {price}").format(price=about["price"])
        case "message":
            return _("The message is kept: a ticket, a call-back by its time, and a page where it may wake somebody")
    return str(WRITES.get(write.what, ""))


WRITES = {
    "heard_outage": gettext_lazy("It is noted that they heard of the outage"),
    "texts_wanted": gettext_lazy("Their mobile gets text messages about it"),
    "missed": gettext_lazy("A missed call is noted, to be rung back"),
    "again": gettext_lazy("It is noted on the message that they rang again"),
    "cancel_message": gettext_lazy("The message is cancelled, and nobody rings back"),
    "declined_recording": gettext_lazy("It is noted that they would not be recorded"),
    "thrown_away": gettext_lazy("What they said is thrown away"),
    "chase_update": gettext_lazy("Whoever speaks for the outage is asked for the overdue update"),
    "to_desk": gettext_lazy("Our message takers' screens offer the call"),
    "acknowledge": gettext_lazy("The page is taken"),
    "journal_note": gettext_lazy("What they said stands in the journal, to be heard there"),
    "ended": gettext_lazy("The call is over"),
    "rung_off": gettext_lazy("It is noted that they rang off unanswered"),
}
