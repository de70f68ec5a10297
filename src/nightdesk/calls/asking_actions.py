"""What people of ours want of a call: a colleague in it, a newcomer beside them, an end; and to ring somebody back.

Whoever asks is seldom the process that runs the call. So what is asked is a row (`Asking`), heard there by NOTIFY; of a call that
no process holds it is heard here, at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import may, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import wake_workers
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.rows import insert
from nightdesk.calls import flow, stored
from nightdesk.calls.actions import MOVED, _move, _name_of, _take_page
from nightdesk.calls.adopting import wakes
from nightdesk.calls.candidates import candidate_for
from nightdesk.calls.decide import Verb
from nightdesk.calls.models import Asking, Call, Line, Message
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person

CALLED_BACK = kind("calls.called-back", gettext_lazy("{who} rings back"))
COLLEAGUE_ADDED = kind("calls.added", gettext_lazy("{by} brought {who} into a call"))
LISTENER_LET_IN = kind("calls.listens", gettext_lazy("{by} let {who} listen in a call; everybody in it was told"))
CALL_TRANSFERRED = kind("calls.transferred", gettext_lazy("{by} passed a call to {who}"))
CALL_LEFT = kind("calls.left", gettext_lazy("{by} left a call"))
CALL_HELD = kind("calls.held", gettext_lazy("{by} put a caller on hold"))
CALL_OFF_HOLD = kind("calls.off-hold", gettext_lazy("{by} took a caller off hold"))
CALL_PARKED = kind("calls.parked", gettext_lazy("{by} parked a caller"))
PARKED_TAKEN = kind("calls.parked-taken", gettext_lazy("{who} takes a parked caller"))
RECORDING_PAUSED = kind("calls.recording-paused", gettext_lazy("{by} paused a recording, or let it go on"))
HUNG_UP = kind("calls.hung-up", gettext_lazy("{by} ended a call"))

USUAL_EXCHANGE = "asterisk"
"""Which exchange rings back where the line has had no call yet."""


class NoTelephone(Invalid):
    """Somebody is to be rung for a call, and there is no telephone that rings."""

    code = "no-telephone"
    title = "No telephone of theirs rings"


@transaction.atomic
def ask_call(*, call_id: UUID, asked: flow.Asked, by: Actor, via: Door, at: datetime) -> Call:  # noqa: ARG001 - a verb's shape
    """The call hears of it, in whichever process it runs. Part of the verbs that want something of a call.

    Raises NotFound, IllegalTransition (the call is over).
    """
    call = Call.objects.select_related("line").filter(pk=call_id).first()
    if call is None:
        raise NotFound(_("Something was wanted of a call."), _("There is no such call."), _("Look at the list."))
    if call.ended_at is not None:
        raise IllegalTransition(_("Something was wanted of a call."), _("It is over."), _("Ring back instead."))
    _tell(call, asked, at)
    return call


@transaction.atomic
def add_to_call(*, call_id: UUID, person_id: int, by: Actor, via: Door, at: datetime) -> Call:
    """The colleague is rung, and joins the call once they have picked up; everybody in it is told.

    Raises Forbidden, NotFound, NoTelephone, IllegalTransition.
    """
    return _bring("add", "add_to_call", COLLEAGUE_ADDED, call_id, person_id, by, via, at)


@transaction.atomic
def let_listen(*, call_id: UUID, person_id: int, by: Actor, via: Door, at: datetime) -> Call:
    """The person is rung, and hears the call without being heard; everybody in it is told. Raises as `add_to_call`."""
    return _bring("listen", "let_listen", LISTENER_LET_IN, call_id, person_id, by, via, at)


@transaction.atomic
def transfer_call(*, call_id: UUID, person_id: int, by: Actor, via: Door, at: datetime) -> Call:
    """The colleague is rung; once they have the caller, whoever passes the call is out of it. Raises as `add_to_call`."""
    return _bring("transfer", "transfer_call", CALL_TRANSFERRED, call_id, person_id, by, via, at)


@transaction.atomic
def leave_call(*, call_id: UUID, by: Actor, via: Door, at: datetime) -> Call:
    """Whoever asks is out of the call; the others talk on. Raises Forbidden, NotFound, IllegalTransition."""
    call = _of_ours(call_id, "leave_call", by)
    ask_call(call_id=call.pk, asked=flow.Asked("leave", {"person_id": by.person_id}), by=by, via=via, at=at)
    _record(call, CALL_LEFT, {}, by, via, at)
    return call


@transaction.atomic
def hold_call(*, call_id: UUID, by: Actor, via: Door, at: datetime) -> Call:
    """The caller hears music; ours talk among themselves, and are told now and then that somebody waits.

    Raises Forbidden, NotFound, IllegalTransition (it is over, nobody talks with the caller, or they are on hold already).
    """
    return _hold("hold", "hold_call", CALL_HELD, ("",), call_id, by, via, at)


@transaction.atomic
def take_off_hold(*, call_id: UUID, by: Actor, via: Door, at: datetime) -> Call:
    """The caller is back in the talk. Raises as `hold_call`."""
    return _hold("off_hold", "take_off_hold", CALL_OFF_HOLD, ("hold",), call_id, by, via, at)


@transaction.atomic
def park_call(*, call_id: UUID, by: Actor, via: Door, at: datetime) -> Call:
    """Ours are out of the call, and the caller hears music until somebody takes them; two minutes later we ring again.

    Raises as `hold_call`.
    """
    return _hold("park", "park_call", CALL_PARKED, ("", "hold"), call_id, by, via, at)


@transaction.atomic
def take_parked_call(*, call_id: UUID, by: Actor, via: Door, at: datetime) -> Call:
    """The telephone of whoever asks rings; picked up, they have the parked caller. Raises as `hold_call`, and NoTelephone."""
    _refuse_unless(_of_ours(call_id, "take_parked_call", by), ("parked",))
    return _bring("take_parked", "take_parked_call", PARKED_TAKEN, call_id, by.person_id or 0, by, via, at)


def _hold(
    what: str, verb: str, entry: str, held: Sequence[str], call_id: UUID, by: Actor, via: Door, at: datetime
) -> Call:
    call = _of_ours(call_id, verb, by)
    is_theirs = by.person_id in stored.state_from(call.state).talkers
    if not is_theirs and not may(by, "read_calls", call.line.brand_id):
        # Whoever only takes messages may hold their own calls, and nobody else's.
        raise IllegalTransition(str(HELD_ASKED), _("You are not in that call."), _("Ask whoever has the caller."))
    _refuse_unless(call, held)
    ask_call(call_id=call.pk, asked=flow.Asked(what), by=by, via=via, at=at)
    _record(call, entry, {}, by, via, at)
    return call


HELD_ASKED = gettext_lazy("A caller was to be put on hold, parked, or taken.")
NOT_SO = {
    "": gettext_lazy("Somebody of ours talks with the caller, who is not on hold."),
    "hold": gettext_lazy("The caller is on hold."),
    "parked": gettext_lazy("The caller is parked."),
}


def _refuse_unless(call: Call, held: Sequence[str]) -> None:
    """Raises IllegalTransition where the caller does not stand so: "" talked with, "hold", "parked"."""
    if call.ended_at is not None:
        return  # `ask_call` says so
    state = stored.state_from(call.state)
    asked = str(HELD_ASKED)
    if call.calls_back_id is not None:
        raise IllegalTransition(asked, _("It is a call-back."), _("Ask them to wait for a moment."))
    if state.stage != "talk":
        raise IllegalTransition(asked, _("Nobody talks with them at this moment."), _("Wait until somebody has them."))
    if state.held not in held:
        raise IllegalTransition(asked, str(NOT_SO[state.held]), _("Look at the call again."))


@transaction.atomic
def pause_recording(*, call_id: UUID, go_on: bool = False, by: Actor, via: Door, at: datetime) -> Call:
    """Nothing is kept of what is said now (a card number is read out), until it goes on. Raises as `leave_call`."""
    call = _of_ours(call_id, "pause_recording", by)
    asked = flow.Asked("go_on_recording" if go_on else "pause_recording")
    ask_call(call_id=call.pk, asked=asked, by=by, via=via, at=at)
    _record(call, RECORDING_PAUSED, {"goes_on": go_on}, by, via, at)
    return call


@transaction.atomic
def hang_up_call(*, call_id: UUID, by: Actor, via: Door, at: datetime) -> Call:
    """The call ends for everybody in it. Raises as `leave_call`."""
    call = _of_ours(call_id, "hang_up_call", by)
    ask_call(call_id=call.pk, asked=flow.Asked("hang_up"), by=by, via=via, at=at)
    _record(call, HUNG_UP, {}, by, via, at)
    return call


@transaction.atomic
def call_back(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> Call:
    """Whoever asks is rung, then the caller who left the message; the two are joined. Their page is theirs from now on.

    Raises Forbidden, NotFound, NoTelephone, Invalid (the number was withheld), IllegalTransition (it is over, or a colleague
    rings at this moment).
    """
    rows = Message.objects.select_for_update(of=("self",)).select_related("line__brand", "call", "customer", "contact")
    message = rows.filter(pk=message_id).first()
    require(by, "call_back", message.brand_id if message is not None else None)
    asked = _("A caller was to be rung back.")
    if message is None:
        raise NotFound(asked, _("There is no such message."), _("Look at the list."))
    if not message.number:
        raise Invalid(asked, _("Their number was withheld."), _("Find it on their contract, and ring it yourself."))
    line = message.line or Line.objects.filter(brand=message.brand_id, active=True).order_by("pk").first()
    if line is None:
        raise Invalid(
            asked, _("The brand has no line to ring from."), _("Ring {number} yourself.").format(number=message.number)
        )
    running_one = Call.objects.filter(calls_back=message, ended_at=None).first()
    if message.state == Message.State.CALLING and running_one is not None:
        raise IllegalTransition(asked, _("Somebody rings them at this moment."), _("Look at the call."))
    person = Person.objects.filter(pk=by.person_id or 0).first()
    candidate = candidate_for(person, at) if person is not None else None
    if person is None or candidate is None:
        raise NoTelephone(asked, _("No telephone of yours is known."), _("Add one on your own page, and confirm it."))
    call = Call.objects.create(
        id=uuid7(at),
        line=line,
        exchange=_exchange_of(message, line),
        number=message.number,
        called=line.shown_number,
        came_at=at,
        customer=message.customer,
        contact=message.contact,
        peer_id=message.peer_id,
        ticket_id=message.ticket_id,
        outage_id=message.outage_id,
        calls_back=message,
    )
    _move(message, Verb.CALL, at)
    message.save(update_fields=MOVED)
    _take_page(message, person, via, at)
    event = flow.CallBack(str(message.pk), message.number, candidate, _name_of(message))
    _tell(call, event, at)
    subject = ("message_left", message.pk)
    facts = {"who": person.name, "person_id": person.pk, "call": str(call.pk)}
    record(CALLED_BACK, subject=subject, by=by, via=via, at=at, brand_id=message.brand_id, facts=facts)
    return call


def _bring(what: str, verb: str, entry: str, call_id: UUID, person_id: int, by: Actor, via: Door, at: datetime) -> Call:
    call = _of_ours(call_id, verb, by)
    asked = _("Somebody was to be brought into a call.")
    person = Person.objects.filter(pk=person_id, active=True).first()
    if person is None:
        raise NotFound(asked, _("There is no such active person."), _("Choose somebody else."))
    candidate = candidate_for(person, at)
    if candidate is None:
        raise NoTelephone(
            asked, _("No telephone of {name} is known.").format(name=person.name), _("Choose somebody else.")
        )
    about: dict[str, Any] = {
        "person_id": person.pk,
        "name": person.name,
        "to": candidate.to,
        "outside": candidate.outside,
        "by_person_id": by.person_id,
    }
    ask_call(call_id=call.pk, asked=flow.Asked(what, about), by=by, via=via, at=at)
    _record(call, entry, {"who": person.name, "person_id": person.pk}, by, via, at)
    return call


def _of_ours(call_id: UUID, verb: str, by: Actor) -> Call:
    """The call, if `by` may do that with it. Raises NotFound, Forbidden."""
    call = Call.objects.select_related("line").filter(pk=call_id).first()
    require(by, verb, call.line.brand_id if call is not None else None)
    if call is None:
        raise NotFound(_("Something was wanted of a call."), _("There is no such call."), _("Look at the list."))
    return call


def _exchange_of(message: Message, line: Line) -> str:
    """The exchange by which they rang, else that of the line's last call."""
    if message.call is not None:
        return message.call.exchange
    last = Call.objects.filter(line=line).order_by("-came_at").values_list("exchange", flat=True).first()
    return last or USUAL_EXCHANGE


def _tell(call: Call, event: flow.Asked | flow.CallBack, at: datetime) -> None:
    insert([Asking(id=uuid7(at), exchange=call.exchange, call_id=call.pk, event=stored.as_json(event), asked_at=at)])
    wake_workers(wakes(call.exchange))


def _record(call: Call, what: str, facts: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> None:
    subject = ("call", call.pk)
    record(what, subject=subject, by=by, via=via, at=at, brand_id=call.line.brand_id, facts=dict(facts))
