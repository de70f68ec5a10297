"""The bureau as the screen shows it: its tabs, a client, a message and what is proved of it."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.calls import bureau_queries as queries
from nightdesk.calls.bureau_models import BureauClient, BureauMessage
from nightdesk.console.views.staff import StaffRequest, found, may, may_somewhere
from nightdesk.people.numbers import display

TABS = (
    ("bureau", gettext_lazy("Desk")),
    ("bureau_messages", gettext_lazy("Messages")),
    ("bureau_clients", gettext_lazy("Clients")),
    ("bureau_counts", gettext_lazy("By month")),
)
STATES = {
    "queued": gettext_lazy("waits to be sent"),
    "sending": gettext_lazy("is being sent"),
    "accepted": gettext_lazy("sent, not arrived yet"),
    "delivered": gettext_lazy("arrived"),
    "read": gettext_lazy("was opened"),
    "expired": gettext_lazy("came too late"),
    "failed_for_now": gettext_lazy("is tried again"),
    "failed": gettext_lazy("did not arrive"),
    "spoken": gettext_lazy("was told by an operator"),
}
CHANNELS = {
    "sms": gettext_lazy("text"),
    "voice": gettext_lazy("phone"),
    "email": gettext_lazy("email"),
    "push": gettext_lazy("notification"),
    "pocket": gettext_lazy("pocket page"),
    "pager": gettext_lazy("pager"),
    "chat": gettext_lazy("chat"),
    "webhook": gettext_lazy("webhook"),
    "": gettext_lazy("by word of mouth"),
}
OUTCOMES = {
    "message": gettext_lazy("Message taken"),
    "told": gettext_lazy("Told what is known"),
    "patched": gettext_lazy("Put through"),
    "wrong_number": gettext_lazy("Wrong number"),
    "hung_up": gettext_lazy("Hung up"),
    "nuisance": gettext_lazy("Nuisance"),
}
TEST = {"text": gettext_lazy("test call"), "tone": "sky"}


def tabs(request: StaffRequest, here: str) -> list[dict[str, Any]]:
    """The bureau's pages, for parts/tabs.html."""
    return [
        {
            "url": reverse(f"console:{view}"),
            "label": str(label),
            "here": view == here,
            "count": len(queries.minders(request.brands, request.at)) or None if view == "bureau" else None,
        }
        for view, label in TABS
    ]


def takes_messages(request: StaffRequest) -> bool:
    """Whether the reader may sit at the desk, and does not only read what was taken for them."""
    return may_somewhere(request, "take_desk_call")


def sees_addresses(request: StaffRequest, client: BureauClient) -> bool:
    """Whether the reader is shown by which address somebody of the client's is reached; an operator is not."""
    return may(request, "read_people", client.brand_id)


def one_client(request: StaffRequest, client_id: int) -> BureauClient:
    """The client, if its brand is the reader's. Raises NotFound."""
    return found(queries.clients(request.brands).filter(id=client_id), _("You asked for a client of the bureau."))


def one_message(request: StaffRequest, message_id: Any) -> BureauMessage:
    """The message, if its client's brand is the reader's. Raises NotFound."""
    return found(messages_of(request).filter(id=message_id), _("You asked for a message."))


def messages_of(request: StaffRequest) -> QuerySet[BureauMessage]:
    """Those that the reader may see."""
    return queries.messages(request.brands)


def number_of(message: BureauMessage) -> str:
    """The caller's number as it is dialled there; "" where none is known."""
    return display(message.caller_number, message.client.brand.region) if message.caller_number else ""


def title_of(message: BureauMessage) -> str:
    """The caller's name, or what else is known of them."""
    answers = message.answers
    name = next((answers[key]["value"] for key in ("name", "caller") if key in answers), "")
    return name or number_of(message) or _("A caller")


def message_row(message: BureauMessage, proof: queries.Proof) -> dict[str, Any]:
    """The message for parts/list_row.html."""
    text, tone = queries.state_in_words(message, proof)
    detail = [f"{message.client.brand.name} {message.number}", message.taker.name]
    if message.outcome not in ("", "message"):
        detail.append(str(OUTCOMES[message.outcome]))
    what = next((line for line in reversed(message.text.splitlines()) if len(line) > 30), "")
    return {
        "at": message.began_at,
        "title": title_of(message),
        "url": reverse("console:bureau_message", args=[message.pk]),
        "detail": " · ".join(part for part in (*detail, what[:120]) if part),
        "tags": [{"text": text, "tone": tone}],
    }


def proof_events(message: BureauMessage, proof: queries.Proof, *, addresses: bool) -> list[dict[str, Any]]:
    """To whom it went and what came of it, for parts/rail.html, the newest first."""
    events = [
        {
            "at": one.delivered_at or one.ended_at or one.at,
            "text": _("{name}: {state}").format(name=one.name or _("Somebody"), state=STATES[one.state]),
            "detail": " · ".join(
                part
                for part in (str(CHANNELS.get(one.channel, one.channel)), one.address if addresses else "", one.reason)
                if part
            ),
            "tone": _tone(one.state),
            "future": False,
            "late": False,
        }
        for one in proof.told
    ]
    if message.saved_at is not None:
        events.append(_event(message.saved_at, _("{name} took it down").format(name=message.taker.name)))
    if proof.acknowledged_at is not None:
        who = _("{name} has it").format(name=proof.acknowledged_by)
        events.append(_event(proof.acknowledged_at, who, "calm"))
    return sorted(events, key=lambda each: each["at"], reverse=True)


def _event(at: datetime, text: str, tone: str = "") -> dict[str, Any]:
    return {"at": at, "text": text, "detail": "", "tone": tone, "future": False, "late": False}


def _tone(state: str) -> str:
    if state in ("delivered", "read", "spoken"):
        return "calm"
    return "fire" if state in ("failed", "expired") else ""
