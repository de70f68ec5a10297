"""Calls and what callers left as the screen shows them: who it is, what they hear now, how it ended, what is owed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.matrix import brands_for
from nightdesk.calls import queries
from nightdesk.calls.models import Call, Leg, Line, Message
from nightdesk.calls.stored import state_from
from nightdesk.console.templatetags.times import age_text, clock
from nightdesk.console.views.staff import StaffRequest, may, may_somewhere
from nightdesk.desk.models import Ticket
from nightdesk.people.numbers import display

STAGES = {
    "new": gettext_lazy("has just come"),
    "greeting": gettext_lazy("hears the greeting"),
    "pin": gettext_lazy("is asked for a PIN"),
    "status": gettext_lazy("hears of the outage that touches them"),
    "menu": gettext_lazy("chooses in the menu"),
    "not_covered": gettext_lazy("hears that this hour is not covered"),
    "waiting": gettext_lazy("hears where their message stands"),
    "hunt": gettext_lazy("hears a ringing tone"),
    "talk": gettext_lazy("talks"),
    "bureau": gettext_lazy("waits for a message taker"),
    "message": gettext_lazy("leaves a message"),
    "review": gettext_lazy("hears their message again"),
    "callback": gettext_lazy("is rung back"),
    "read_out": gettext_lazy("has pages read out"),
    "note": gettext_lazy("leaves a note for the journal"),
    "ending": gettext_lazy("hears goodbye"),
    "over": gettext_lazy("is gone"),
}
"""What the caller of a running call does or hears, by its stage."""
HELD = {"hold": gettext_lazy("is on hold"), "parked": gettext_lazy("is parked, and waits for somebody")}
ENDINGS = {
    "answered": (gettext_lazy("answered"), "calm"),
    "message": (gettext_lazy("left a message"), ""),
    "missed": (gettext_lazy("missed"), "fire"),
    "heard_outage": (gettext_lazy("heard of the outage"), ""),
    "cancelled": (gettext_lazy("called off"), ""),
    "abandoned": (gettext_lazy("rang off"), "accent"),
    "not_covered": (gettext_lazy("not covered"), ""),
    "refused": (gettext_lazy("refused"), ""),
    "failed": (gettext_lazy("failed"), "fire"),
    "read_out": (gettext_lazy("pages read out"), ""),
}
"""How a call ended: its words, and the tone of their tag."""
MESSAGE_STATES = {
    "waiting": (gettext_lazy("waits"), "accent"),
    "calling": (gettext_lazy("is being rung"), "accent"),
    "reached": (gettext_lazy("reached, no outcome yet"), "calm"),
    "cancelled": (gettext_lazy("called off"), ""),
    "closed": (gettext_lazy("closed"), ""),
}
TABS: tuple[tuple[str, str, Any], ...] = (
    ("calls", "read_calls", gettext_lazy("Calls")),
    ("left_messages", "read_calls", gettext_lazy("Messages")),
    ("line_figures", "read_line_figures", gettext_lazy("Figures")),
    ("bureau", "read_bureau", gettext_lazy("Message desk")),
    ("walk_line", "read_lines", gettext_lazy("Walk the line")),
    ("lines", "read_lines", gettext_lazy("Settings")),
)
"""Pages of the phone line: URL name, the verb that opens it, its name."""


def tabs_of(request: StaffRequest, here: str) -> list[dict[str, Any]]:
    """Those that there are and that the reader may open, for parts/tabs.html."""
    found = []
    for view, verb, name in TABS:
        try:
            url = reverse(f"console:{view}")
        except NoReverseMatch:
            continue
        if may_somewhere(request, verb):
            count = _waiting(request) if view == "left_messages" else None
            found.append({"url": url, "label": str(name), "here": view == here, "count": count or None})
    return found


def _waiting(request: StaffRequest) -> int:
    return queries.messages(brands_for(request.actor, "read_calls")).filter(ended_at=None, reached_at=None).count()


def number_text(number: str, line: Line | None) -> str:
    """The number as people at the line's country dial it; words for one that was withheld."""
    if not number:
        return _("number withheld")
    return display(number, line.country if line is not None else "GB")


def caller_name(row: Call | Message) -> str:
    """Who it is: the contact and their company, a network, somebody of ours, else the number."""
    person = row.person if isinstance(row, Call) else None
    if row.contact is not None and row.customer is not None:
        return f"{row.contact.name}, {row.customer.name}"
    if row.customer is not None:
        return row.customer.name
    if row.peer is not None:
        return f"{row.peer.name}, AS{row.peer.as_number}"
    return person.name if person is not None else number_text(row.number, row.line)


def call_row(call: Call) -> dict[str, Any]:
    """A call that is over, as parts/list_row.html draws it."""
    words, tone = ENDINGS.get(call.ended_as, (call.ended_as, ""))
    name = caller_name(call)
    number = number_text(call.number, call.line)
    details = [
        number if number != name else "",
        call.line.name,
        _("call-back") if call.calls_back_id else "",
        _("{name} answered after {time}").format(name=call.answered_person.name, time=seconds_text(call))
        if call.answered_person is not None and call.answered_at is not None
        else "",
        ngettext("{count} woken", "{count} woken", call.woken).format(count=call.woken) if call.woken else "",
    ]
    return {
        "at": call.came_at,
        "title": name,
        "url": reverse("console:call", args=[call.pk]),
        "detail": " · ".join(part for part in details if part),
        "tags": [{"text": str(words), "tone": tone}],
    }


def seconds_text(call: Call) -> str:
    """How long they waited for somebody: "8 s"."""
    if call.answered_at is None:
        return ""
    return _("{count} s").format(count=max(0, round((call.answered_at - call.came_at).total_seconds())))


def stage_of(call: Call) -> str:
    """What the caller of a running call hears or does, in words."""
    state = state_from(call.state)
    return str(HELD.get(state.held) or STAGES.get(state.stage, STAGES["new"]))


def waits_of(call: Call) -> bool:
    """Whether the caller of a running call waits for somebody: for the first time, parked, or rung for anew."""
    state = state_from(call.state)
    return call.answered_at is None or state.held == "parked" or state.stage in ("hunt", "bureau")


def holds_of(call: Call) -> list[tuple[str, str, str]]:
    """What can be done now so that the caller waits, or is taken: verb, its words, icon."""
    state = state_from(call.state)
    if state.stage != "talk" or call.ended_at is not None or call.calls_back_id is not None:
        return []
    if state.held == "parked":
        return [("take_parked_call", _("Take the parked caller"), "phone")]
    back = ("take_off_hold", _("Talk with the caller again"), "play")
    hold = ("hold_call", _("Put the caller on hold"), "pause")
    return [back if state.held else hold, ("park_call", _("Park the caller"), "phone-forwarded")]


def leg_row(leg: Leg, line: Line) -> dict[str, Any]:
    """A telephone of a call: whose, and how it stands."""
    name = leg.person.name if leg.person is not None else ""
    where = number_text(leg.to, line) if leg.to.startswith("+") else leg.to
    if leg.ended_at is not None:
        state = {"text": _LEG_ENDS.get(leg.why, leg.why) or _("ended"), "tone": ""}
    elif leg.accepted_at is not None or (leg.picked_up_at is not None and not leg.to.startswith("+")):
        state = {"text": _("in the call"), "tone": "calm"}
    elif leg.picked_up_at is not None:
        state = {"text": _("picked up, has to press 1"), "tone": "accent"}
    elif leg.ringing_at is not None:
        state = {"text": _("rings"), "tone": "accent"}
    else:
        state = {"text": _("is dialled"), "tone": ""}
    return {
        "at": leg.ringing_at or leg.ordered_at,
        "title": name or where,
        "url": "",
        "detail": where if name else "",
        "tags": [{"text": str(state["text"]), "tone": state["tone"]}],
    }


_LEG_ENDS: Mapping[str, Any] = {
    "hung_up": gettext_lazy("rang off"),
    "busy": gettext_lazy("busy"),
    "no_answer": gettext_lazy("did not answer"),
    "unreachable": gettext_lazy("could not be reached"),
    "ordered": gettext_lazy("no longer rung"),
    "failed": gettext_lazy("failed"),
}


def live_card(request: StaffRequest, call: Call, legs: Iterable[Leg]) -> dict[str, Any]:
    """A running call: who, what they hear, whom it rings; see console/calls_live.html."""
    state = state_from(call.state)
    names = [one.get("name", "") for leg, one in state.memory.get("who", {}).items() if state.legs.get(leg) == "up"]
    talking = state.stage == "talk" and not state.held
    return {
        "id": call.pk,
        "title": caller_name(call),
        "url": reverse("console:call", args=[call.pk]),
        "since": call.came_at,
        "tone": "calm" if talking else "accent",
        "state": _("with {name}").format(name=", ".join(filter(None, names)))
        if talking and any(names)
        else stage_of(call),
        "line": call.line.name,
        "number": number_text(call.number, call.line),
        "legs": [leg_row(leg, call.line) for leg in legs if leg.ended_at is None],
        "back": call.calls_back_id is not None,
        **links_of(request, call.ticket_id, call.outage_id, call.line.brand_id),
    }


def links_of(request: StaffRequest, ticket_id: UUID | None, outage_id: UUID | None, brand_id: int) -> dict[str, Any]:
    """`ticket` and `outage` as {"url", "label"}, or None, where the reader may open them."""
    ticket = outage = None
    if ticket_id is not None and may(request, "read_tickets", brand_id):
        row = Ticket.objects.filter(pk=ticket_id).only("id", "number", "title").first()
        if row is not None:
            ticket = {"url": reverse("console:ticket", args=[row.pk]), "label": f"#{row.number} {row.title}"}
    if outage_id is not None and may(request, "read_outages", brand_id):
        outage = {"url": reverse("console:outage", args=[outage_id]), "label": _("The outage that touches them")}
    return {"ticket": ticket, "outage": outage}


def owed_text(message: Message, at: datetime) -> tuple[str, bool]:
    """Until when they are rung back, as they were told, and whether that has passed."""
    if message.ended_at is not None or message.reached_at is not None or message.call_back_by is None:
        return "", False
    time = clock(message.call_back_by, at)
    if message.call_back_by <= at:
        late = age_text((at - message.call_back_by).total_seconds())
        return _("call-back was due {time}, {late} late").format(time=time, late=late), True
    left = age_text((message.call_back_by - at).total_seconds())
    return _("call back by {time}, {left} left").format(time=time, left=left), False


def message_row(request: StaffRequest, message: Message, *, back: str = "") -> dict[str, Any]:
    """What a caller left, as parts/list_row.html draws it, with the one press that rings them back."""
    owed, late = owed_text(message, request.at)
    words, tone = MESSAGE_STATES[message.state]
    name = caller_name(message)
    number = number_text(message.number, message.line)
    details = [
        owed,
        _("missed call") if message.kind == Message.Kind.MISSED else "",
        number if number != name else "",
        message.line.name if message.line is not None else "",
        ngettext("rang {count} time since", "rang {count} times since", message.again).format(count=message.again)
        if message.again
        else "",
        message.outcome,
    ]
    tags = [{"text": _("late"), "tone": "fire"}] if late else [{"text": str(words), "tone": tone}]
    return {
        "at": message.taken_at,
        "title": name,
        "url": reverse("console:left_message", args=[message.pk]),
        "detail": " · ".join(part for part in details if part),
        "late": late,
        "tags": tags,
        "actions": call_back_actions(request, message, back),
    }


def call_back_actions(
    request: StaffRequest, message: Message, back: str = "", *, main: bool = False
) -> list[dict[str, Any]]:
    """The one press that rings the reader and then the caller, where that can be."""
    if message.state != Message.State.WAITING or not message.number or not may(request, "call_back", message.brand_id):
        return []
    return [
        {
            "label": _("Call back now"),
            "url": reverse("console:call_back", args=[message.pk]),
            "icon": "phone-outgoing",
            "main": main,
            "key": "c",
            "fields": {"next": back} if back else {},
        }
    ]


def on_tonight(request: StaffRequest, most: int) -> dict[str, Any]:
    """Calls that wait and call-backs that are due, for the page Tonight; nothing where the reader sees no calls."""
    brands = brands_for(request.actor, "read_calls")
    if brands is not None and not brands:
        return {}
    running = list(queries.calls(brands).filter(ended_at=None, answered_at=None, calls_back=None)[:most])
    owed = list(queries.messages(brands).filter(ended_at=None, reached_at=None).order_by("call_back_by", "id")[:most])
    if not running and not owed:
        return {}
    rows = [
        {
            "at": call.came_at,
            "title": caller_name(call),
            "url": reverse("console:call", args=[call.pk]),
            "detail": f"{call.line.name} · {stage_of(call)}",
            "tags": [{"text": _("on the phone now"), "tone": "accent"}],
        }
        for call in running
    ]
    late = sum(owed_text(each, request.at)[1] for each in owed)
    return {
        "phone_rows": rows + [message_row(request, each, back="/") for each in owed],
        "phone_heading": ngettext("{count} call-back is late", "{count} call-backs are late", late).format(count=late)
        if late
        else _("On the phone line"),
        "phone_late": bool(late),
    }
