"""Verbs of the bureau's desk: signing in, taking a call by its script, handing the message on until somebody has it."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.calls import bureau_queries as queries
from nightdesk.calls import flow, scripts
from nightdesk.calls.actions import leave_message
from nightdesk.calls.asking_actions import NoTelephone, ask_call
from nightdesk.calls.bureau_models import (
    BureauClient,
    BureauMessage,
    LadderRung,
    RelayAttempt,
    ScriptVersion,
    TakerSession,
)
from nightdesk.calls.candidates import candidate_for
from nightdesk.calls.locking import locked_call
from nightdesk.calls.models import Call
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.customers.queries import promised_to
from nightdesk.desk import actions as desk
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.paging import actions as paging
from nightdesk.paging.queries import page as page_of
from nightdesk.people.models import Person
from nightdesk.people.numbers import display, e164

SIGNED_IN = kind("bureau.signed-in", gettext_lazy("{by} takes messages"))
PAUSED = kind("bureau.paused", gettext_lazy("{by} pauses taking messages"))
WENT_ON = kind("bureau.went-on", gettext_lazy("{by} takes messages again"))
SIGNED_OUT = kind("bureau.signed-out", gettext_lazy("{by} takes no more messages"))
TAKEN = kind("bureau.call-taken", gettext_lazy("{by} took a call for {client}: message {number}"))
CHECKED = kind(
    "bureau.caller-checked", gettext_lazy("{by} looked whether the caller of message {number} is a customer")
)
SAVED = kind("bureau.message-saved", gettext_lazy("{by} took message {number} for {client}"))
CORRECTED = kind("bureau.message-corrected", gettext_lazy("{by} corrected message {number}: {label}"))
RELAYED = kind("bureau.message-relayed", gettext_lazy("Message {number} went to {name}"))
RESENT = kind("bureau.message-resent", gettext_lazy("{by} sent message {number} again to {name}"))
STUCK = kind("bureau.message-stuck", gettext_lazy("Message {number} has reached nobody yet"))
ACKNOWLEDGED = kind("bureau.message-acknowledged", gettext_lazy("{name} has message {number}"))
SET_BACK = kind("bureau.message-set-back", gettext_lazy("{by} set message {number} back to undelivered"))
PROOF_ASKED = kind("bureau.proof-asked", gettext_lazy("A code was sent to {name}, who wants to hear message {number}"))
READ_OUT = kind("bureau.message-read-out", gettext_lazy("{by} read message {number} out to {name}, who proved it"))
NOT_PROVED = kind("bureau.not-proved", gettext_lazy("Somebody could not prove that they are {name} (message {number})"))
WRAPPED_UP = kind("bureau.wrapped-up", gettext_lazy("{by} ended the call of message {number}: {outcome}"))
CLOSED = kind("bureau.message-closed", gettext_lazy("{by} closed message {number}"))
PUT_THROUGH = kind(
    "bureau.caller-put-through", gettext_lazy("{by} puts the caller of message {number} through to {name}")
)
TESTED = kind(
    "bureau.script-tested", gettext_lazy("{by} tried version {version} of the script {script} in a test call")
)

RELAY = "bureau.relay"
"""The promise to tell the next one on a client's own ladder."""
PAGE_TAKEN = "bureau.page_taken"
"""The follow-up where somebody has taken a page: it may be about a message of ours."""
ACKNOWLEDGE = "bureau.acknowledge"
"""What an answer to a message stands for."""

CODE_LASTS = timedelta(minutes=10)
MOST_TRIES = 3
MOST_IN_HAND = 4
"""Calls that one operator may have open: one that talks, others that are parked or wait for a last word."""

State = BureauMessage.State


# --- Who takes messages ----------------------------------------------------------------------------------------------


@transaction.atomic
def sign_in_taker(*, by: Actor, via: Door, at: datetime) -> TakerSession:
    """`by` takes calls from now on, and goes on where they paused. Repeating it changes nothing.

    Raises Forbidden, Invalid (not on the staff list).
    """
    person = _taker(by, "sign_in_taker")
    row = _session(person)
    if row is None:
        row = TakerSession.objects.create(person=person, began_at=at, seen_at=at)
        _record_session(SIGNED_IN, row, by, via, at)
    elif row.paused_at is not None:
        row.paused_at, row.seen_at = None, at
        row.save(update_fields=["paused_at", "seen_at"])
        _record_session(WENT_ON, row, by, via, at)
    return row


@transaction.atomic
def pause_taker(*, by: Actor, via: Door, at: datetime) -> TakerSession:
    """`by` is given no new call until they sign in again; what they have in hand stays theirs.

    Raises Forbidden, Invalid, IllegalTransition (they do not take messages).
    """
    row = _signed_in(_taker(by, "pause_taker"))
    if row.paused_at is None:
        row.paused_at = at
        row.save(update_fields=["paused_at"])
        _record_session(PAUSED, row, by, via, at)
    return row


@transaction.atomic
def sign_out_taker(*, by: Actor, via: Door, at: datetime) -> None:
    """`by` takes no more messages. Raises Forbidden, Invalid, IllegalTransition (calls are not wrapped up yet)."""
    person = _taker(by, "sign_in_taker")
    row = _session(person)
    if row is None:
        return
    if left := queries.in_hand(person.pk):
        raise IllegalTransition(
            _("You wanted to sign out."),
            _("{count} of your calls are not wrapped up.").format(count=len(left)),
            _("Wrap them up first."),
        )
    row.ended_at = at
    row.save(update_fields=["ended_at"])
    _record_session(SIGNED_OUT, row, by, via, at)


@transaction.atomic
def note_taker_here(*, by: Actor, via: Door, at: datetime) -> None:
    """Says only that the desk of `by` is open; nothing where they do not take messages."""
    del via
    if by.person_id is not None:
        TakerSession.objects.filter(person_id=by.person_id, ended_at=None).update(seen_at=at)


# --- Taking a call ---------------------------------------------------------------------------------------------------


@transaction.atomic
def open_bureau_message(
    *,
    client_id: int,
    caller_number: str = "",
    version_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> BureauMessage:
    """A call that came by another exchange is taken down, by the script that is read now.

    `version_id`: a test call with that version, of which nothing leaves the house. Raises Forbidden, NotFound, Invalid,
    IllegalTransition (no script is approved for this hour, or too many calls are in hand).
    """
    client = _client(client_id, "open_bureau_message", by)
    asked = _("A message for {client} was to be begun.").format(client=client.brand.name)
    version = None
    if version_id is not None:
        version = ScriptVersion.objects.filter(id=version_id, script__client=client).first()
        if version is None:
            raise NotFound(asked, _("The client has no such version of a script."), _("Look at its scripts."))
    number = e164(caller_number, client.brand.region) if caller_number.strip() else ""
    return _open(client, by, via, at, asked, version=version, test=version is not None, caller_number=number)


@transaction.atomic
def take_desk_call(*, call_id: UUID, by: Actor, via: Door, at: datetime) -> BureauMessage:
    """`by` takes the caller who waits: they have the client's greeting before them, and their telephone rings.

    Repeating it as the same operator gives the same message. Raises Forbidden, NotFound, Invalid, IllegalTransition (a
    colleague has it, the caller has gone, no script is approved for this hour, or they do not take messages).
    """
    call = locked_call(call_id)
    client = BureauClient.objects.filter(brand_id=call.line.brand_id).first() if call is not None else None
    if call is None or client is None:
        raise NotFound(_("You wanted to take a call."), _("There is no such call here."), _("Look at who waits."))
    client = _client(client.pk, "take_desk_call", by)
    asked = _("The call for {client} was to be taken.").format(client=client.brand.name)
    _signed_in(_taker(by, "take_desk_call"))
    taken = BureauMessage.objects.select_related("taker").filter(call=call, ended_at=None).first()
    if taken is not None:
        if taken.taker_id == by.person_id:
            return taken
        raise IllegalTransition(
            asked, _("{name} has it already.").format(name=taken.taker.name), _("Take the next one.")
        )
    if call.ended_at is not None:
        raise IllegalTransition(asked, _("The caller has gone."), _("What they left stands under Calls."))
    row = _open(client, by, via, at, asked, call=call, caller_number=call.number)
    if not queries.has_outside_taker(call):
        ask_call(call_id=call.pk, asked=flow.Asked("desk_takes", _rung(row.taker, asked, at)), by=by, via=via, at=at)
    return row


def _rung(person: Person, asked: str, at: datetime) -> dict[str, Any]:
    """Where somebody's telephone is rung, as the flow is told."""
    candidate = candidate_for(person, at)
    if candidate is None:
        raise NoTelephone(
            asked,
            _("No telephone of {name} is known.").format(name=person.name),
            _("Have one entered, or a number for phone calls that is proved."),
        )
    return {"person_id": person.pk, "name": person.name, "to": candidate.to, "outside": candidate.outside}


@transaction.atomic
def put_caller_through(*, message_id: UUID, to: str, by: Actor, via: Door, at: datetime) -> BureauMessage:
    """Somebody of the client's list (`OnCall.key`) is rung and has the caller once they have picked up; the operator is out of
    the call then. The caller's contract must let somebody be woken for them.

    Raises Forbidden, NotFound, NoTelephone, IllegalTransition (the call is not ours, or over; the contract does not allow it).
    """
    row = _locked(message_id, "put_caller_through", by)
    asked = _("The caller of message {number} was to be put through.").format(number=row.number)
    if row.call is None or row.call.ended_at is not None or row.call.state.get("stage") not in queries.TALKING:
        raise IllegalTransition(asked, _("They do not talk to us by our own exchange."), _("Take their message."))
    cover = promised_to(row.contact, row.customer_id, queries.PRIORITY, at) if row.customer_id is not None else None
    if cover is not None and not cover.may_page_now:
        raise IllegalTransition(
            asked, _("Nobody may be woken for them at this hour."), _("Say so, and take their message.")
        )
    one = _on_call(row, to, asked, at)
    person = Person.objects.filter(id=one.person_id, active=True).first() if one.person_id is not None else None
    if person is None:
        raise IllegalTransition(asked, _("{name} has no telephone here.").format(name=one.name), _("Take a message."))
    about = _rung(person, asked, at) | {"by_person_id": row.taker_id}
    ask_call(call_id=row.call.pk, asked=flow.Asked("transfer", about), by=by, via=via, at=at)
    _record(PUT_THROUGH, row, by, via, at, name=one.name)
    return row


def _open(
    client: BureauClient,
    by: Actor,
    via: Door,
    at: datetime,
    asked: str,
    *,
    version: ScriptVersion | None = None,
    test: bool = False,
    call: Call | None = None,
    caller_number: str = "",
) -> BureauMessage:
    taker = _taker(by, "open_bureau_message")
    if not client.active and not test:
        raise IllegalTransition(asked, _("It is no client any more."), _("Say so, and take no message."))
    if len(queries.in_hand(taker.pk)) >= MOST_IN_HAND:
        raise IllegalTransition(
            asked, _("You have {count} calls in hand.").format(count=MOST_IN_HAND), _("Wrap one of them up first.")
        )
    version = version or queries.version_at(client, at)
    if version is None:
        raise IllegalTransition(
            asked,
            _("No script is approved for this hour."),
            _("Ask a manager of the client to try one in a test call and approve it."),
        )
    client.last_number += 1
    client.save(update_fields=["last_number"])
    row = BureauMessage.objects.create(
        client=client,
        number=client.last_number,
        version=version,
        test=test,
        call=call,
        taker=taker,
        began_at=at,
        caller_number=caller_number,
        customer=call.customer if call else None,
        contact=call.contact if call else None,
    )
    _record(TAKEN, row, by, via, at, test=test)
    return row


@transaction.atomic
def answer_step(
    *,
    message_id: UUID,
    key: str,
    value: str = "",
    sure: bool = False,
    skipped: bool = False,
    by: Actor,
    via: Door,
    at: datetime,
) -> BureauMessage:
    """What the caller said to a step is taken down: `sure` that it was read back, or for something to say that it was said.

    What is another answer than before has to be read back anew. Raises Forbidden, NotFound, Invalid (a number that cannot be
    rung, a choice that is none), IllegalTransition (the text is locked: it was delivered).
    """
    row = _locked(message_id, "answer_step", by)
    asked = _("An answer of message {number} was to be noted.").format(number=row.number)
    _see_unlocked(row, asked)
    step = next((one for one in queries.steps_of(row) if one.key == key), None)
    if step is None:
        raise NotFound(asked, _("The script has no such step."), _("Go on with the next one."))
    value = _fitting(row, step, value, asked)
    before = scripts.Answer(**row.answers[key]) if key in row.answers else None
    answer = scripts.Answer(value, sure or step.kind not in ("say", "number"), skipped and not value)
    changed = before is not None and before.value != value
    if changed and (before.sure or row.state != State.OPEN) and before.value:  # type: ignore[union-attr]
        row.corrected += 1
        _record(CORRECTED, row, by, via, at, label=step.label)
    row.answers = row.answers | {
        key: {"value": answer.value, "sure": answer.sure, "skipped": answer.skipped},
    }
    row.save(update_fields=["answers", "corrected"])
    if row.state != State.OPEN and changed:
        _say_anew(row, by, via, at)
    return row


def _fitting(row: BureauMessage, step: scripts.Step, value: str, asked: str) -> str:
    value = "\n".join(line.strip() for line in value.strip().splitlines())[:2000]
    if step.kind == "say":
        return ""
    if step.kind == "number" and value:
        return e164(value, row.client.brand.region)
    if step.kind == "urgency" and value and value not in (scripts.URGENT, scripts.NORMAL):
        raise Invalid(asked, _("%r is no urgency.") % value[:20], _("Give urgent or normal."), field=step.key)
    if step.kind == "choice" and value and value not in step.choices:
        raise Invalid(
            asked,
            _("%r is none of the choices.") % value[:40],
            _("Give one of: {choices}.").format(choices=", ".join(step.choices)),
            field=step.key,
        )
    return value if step.kind == "text" else " ".join(value.split())


@transaction.atomic
def check_caller(*, message_id: UUID, typed: str, by: Actor, via: Door, at: datetime) -> scripts.Seen | None:
    """The account that the caller names, as much of it as an operator needs; None where no one account is called so.

    What was typed stands in the journal, so that nobody looks around unseen. Raises Forbidden, NotFound, IllegalTransition.
    """
    row = _locked(message_id, "check_caller", by)
    asked = _("The caller of message {number} was to be looked up.").format(number=row.number)
    _see_unlocked(row, asked)
    found = queries.account_named(row.client, typed, at)
    row.customer_id = found.customer_id if found else None
    row.contact = None
    row.save(update_fields=["customer", "contact"])
    _record(CHECKED, row, by, via, at, text=typed, found=found is not None)
    return found


# --- Handing it on ---------------------------------------------------------------------------------------------------


@transaction.atomic
def save_bureau_message(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> BureauMessage:
    """The message is kept and handed on at once. Of a test call nothing leaves the house; its version has been tried.

    Repeating it changes nothing. Raises Forbidden, NotFound, Invalid (something is not asked, or not read back yet).
    """
    row = _locked(message_id, "save_bureau_message", by)
    if row.saved_at is not None:
        return row
    steps, answers = queries.steps_of(row), queries.answers_of(row)
    if left := scripts.missing(steps, answers):
        raise Invalid(
            _("Message {number} was to be kept.").format(number=row.number),
            _("It has no “{label}” yet, or it was not read back.").format(label=left[0].label),
            _("Ask for it, and read it back."),
            field=left[0].key,
        )
    row.text, row.urgent, row.saved_at = _text_of(row), scripts.is_urgent(steps, answers), at
    if not row.caller_number:
        row.caller_number = scripts.value_of("number", steps, answers)
    _move(row, "save")
    row.save(update_fields=["text", "urgent", "saved_at", "caller_number", "state"])
    if row.test:
        _note_tested(row, by, via, at)
        return row
    _record(SAVED, row, by, via, at, urgent=row.urgent, text=row.text)
    if row.client.relay == BureauClient.Relay.PAGE:
        _leave(row, by, via, at)
    else:
        _tell_next(row, at)
    return row


def _note_tested(row: BureauMessage, by: Actor, via: Door, at: datetime) -> None:
    version = row.version
    if version.tested_at is None:
        version.tested_at, version.tested_by = at, by.name[:120]
        version.save(update_fields=["tested_at", "tested_by"])
    _move(row, "close")
    row.ended_at, row.outcome = at, BureauMessage.Outcome.MESSAGE
    row.save(update_fields=["state", "ended_at", "outcome"])
    _record(TESTED, row, by, via, at, version=version.number, script=version.script.name)


def _text_of(row: BureauMessage) -> str:
    """What is handed on: one line a field, with the account that was found in it."""
    steps, answers = queries.steps_of(row), queries.answers_of(row)
    if row.customer is not None:
        known = f"{row.customer.name} ({row.customer.ref})"
        answers |= {
            step.key: replace(answers.get(step.key, scripts.Answer()), value=known)
            for step in steps
            if step.kind == "account"
        }
    return scripts.in_words(steps, answers)


def _leave(row: BureauMessage, by: Actor, via: Door, at: datetime) -> None:
    """For a client with a Nightdesk: ticket and call-back, and where it may wake somebody a page, as the phone line does it."""
    cover = promised_to(row.contact, row.customer_id, queries.PRIORITY, at) if row.customer_id is not None else None
    number = scripts.value_of("number", queries.steps_of(row), queries.answers_of(row))
    left = leave_message(
        brand_id=row.client.brand_id,
        number=number or row.caller_number,
        call_id=row.call_id,
        line_id=row.call.line_id if row.call is not None else None,
        text=row.text,
        taken_by=row.taker.name,
        customer_id=row.customer_id,
        contact_id=row.contact_id,
        wakes=row.urgent and (cover is None or cover.may_page_now),
        by=by,
        via=via,
        at=at,
    )
    row.left, row.ticket_id, row.page_id = left, left.ticket_id, left.page_id
    row.save(update_fields=["left", "ticket_id", "page_id"])
    page = page_of(row.page_id, None) if row.page_id is not None else None
    if page is not None and page.owner is not None:
        _acknowledged(row, page.owner.name, by, via, at)  # they rang before, and somebody has it already


def _name_of(row: BureauMessage) -> str:
    return scripts.value_of("name", queries.steps_of(row), queries.answers_of(row))[:120]


def _title_of(row: BureauMessage) -> str:
    number = scripts.value_of("number", queries.steps_of(row), queries.answers_of(row)) or row.caller_number
    who = _name_of(row) or _("A caller")
    shown = display(number, row.client.brand.region) if number else _("no number")
    return _("{name} rang: call back on {number}").format(name=who, number=shown)


@transaction.atomic
def tell_next(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The next one on the client's ladder is told, unless somebody has the message by now; returns what was done."""
    row = _locked(message_id, "tell_next", by)
    del via
    if row.state not in (State.RELAYED, State.UNDELIVERED) or _is_enough(row, at):
        return "Nobody else has to be told."
    return _tell_next(row, at)


def _is_enough(row: BureauMessage, at: datetime) -> bool:
    """Whether it has arrived well enough: acknowledged, or delivered where nobody is asked, or could, acknowledge it."""
    proof = queries.proof_of(row)
    if proof.acknowledged_at is not None:
        return True
    asks = row.urgent and row.client.confirm
    could = any(rung.person_id is not None for rung in queries.ladder(row.client, at, urgent=row.urgent))
    return proof.delivered_at is not None and not (asks and could)


def _tell_next(row: BureauMessage, at: datetime) -> str:
    """Tell one rung and promise the next; after the last one the ladder begins again, and the operators mind it."""
    rungs = queries.ladder(row.client, at, urgent=row.urgent)
    again = timedelta(seconds=row.client.again_s)
    if not rungs:
        _stuck(row, at)
        _promise_next(row, at + again, at)
        return "There is nobody on the client's ladder."
    place = row.rung % len(rungs)
    if row.rung >= len(rungs) and place == 0 and row.state == State.RELAYED:
        _stuck(row, at)
    rung = rungs[place]
    _send(row, rung.name, Recipient(*_whom(rung), at), SCHEDULER, Door.WORKER, at)
    row.rung += 1
    row.save(update_fields=["rung"])
    wait = timedelta(seconds=rung.wait_s)
    _promise_next(row, at + (max(wait, again) if place == len(rungs) - 1 else wait), at)
    return f"{rung.name} was told."


def _whom(rung: LadderRung) -> tuple[Any, int, str, str]:
    if rung.person_id is not None:
        return "person", rung.person_id, rung.channel, rung.address
    return "account", 0, rung.channel, rung.address


def _stuck(row: BureauMessage, at: datetime) -> None:
    if row.state != State.UNDELIVERED:
        _move(row, "fail")
        row.save(update_fields=["state"])
        _record(STUCK, row, SCHEDULER, Door.WORKER, at)


def _promise_next(row: BureauMessage, due_at: datetime, at: datetime) -> None:
    promise(
        RELAY,
        subject=("bureau_message", row.pk),
        due_at=due_at,
        why=_("Message {number} of {client} goes to the next, unless somebody has it").format(
            number=row.number, client=row.client.brand.name
        ),
        at=at,
        brand_id=row.client.brand_id,
    )


def _send(
    row: BureauMessage, name: str, to: Recipient, by: Actor, via: Door, at: datetime, *, again: bool = False
) -> None:
    words = RESENT if again else RELAYED
    cause = _record(words, row, by, via, at, name=name, channel=to.channel)
    asks = {"acknowledge": [ACKNOWLEDGE, "bureau_message", str(row.pk)]} if to.kind == "person" else {}
    if asks and row.page_id is not None:
        asks = {"acknowledge": ["page.acknowledge", "page", str(row.page_id)]}
    said = queue_message(
        kind="bureau.message",
        subject=("bureau_message", row.pk),
        title=_("{client}: {title}").format(client=row.client.brand.name, title=_title_of(row)),
        body=row.text,
        to=[to],
        brand_id=row.client.brand_id,
        code=_code_of(row) if asks else "",
        answers=asks,
        cause=cause,
        by=by,
        via=via,
        at=at,
    )
    RelayAttempt.objects.create(
        message=row, at=at, by=by.name[:120], name=name[:120], channel=to.channel, ledger_id=said.pk, again=again
    )


def _code_of(row: BureauMessage) -> str:
    """Five digits to answer by; pages have three first, and get more only when those are used up."""
    return str(10_000 + row.number % 90_000)


def _say_anew(row: BureauMessage, by: Actor, via: Door, at: datetime) -> None:
    """The words have changed after they were handed on, and before they arrived."""
    row.text = _text_of(row)
    row.save(update_fields=["text"])
    if row.page_id is not None:
        paging.note_page(page_id=row.page_id, text=row.text, by=by, via=via, at=at)
    if row.ticket_id is not None:
        desk.take_message(ticket_id=row.ticket_id, words=desk.Words(row.text), quiet=True, by=by, via=via, at=at)


@transaction.atomic
def relay_bureau_message(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> BureauMessage:
    """A message that reached nobody is handed on once more from the beginning, in the words that it has now.

    Raises Forbidden, NotFound, IllegalTransition (it is not undelivered).
    """
    row = _locked(message_id, "relay_bureau_message", by)
    asked = _("Message {number} was to be handed on again.").format(number=row.number)
    if row.state != State.UNDELIVERED:
        raise IllegalTransition(asked, _("It is not undelivered."), _("Set it back first, and say why."))
    _move(row, "relay")
    row.rung, row.text = 0, _text_of(row)
    row.save(update_fields=["state", "rung", "text"])
    void_promises(("bureau_message", row.pk), at=at, kinds=[RELAY])
    if row.client.relay == BureauClient.Relay.OWN:
        _tell_next(row, at)
        return row
    for one in queries.on_call_list(row.client, at):
        _send_to(row, one, by, via, at)
    return row


@transaction.atomic
def resend_bureau_message(*, message_id: UUID, to: str, by: Actor, via: Door, at: datetime) -> BureauMessage:
    """It goes once more to somebody of the client's list (`OnCall.key`), by their own proved ways and no other.

    So whoever asks for it gets it only where that person is known to be. Raises Forbidden, NotFound, IllegalTransition.
    """
    row = _locked(message_id, "resend_bureau_message", by)
    asked = _("Message {number} was to be sent again.").format(number=row.number)
    _see_saved(row, asked)
    _send_to(row, _on_call(row, to, asked, at), by, via, at)
    return row


def _send_to(row: BureauMessage, one: queries.OnCall, by: Actor, via: Door, at: datetime) -> None:
    for channel, address in one.ways:
        kind_of: Any = "person" if one.person_id is not None else "account"
        _send(row, one.name, Recipient(kind_of, one.person_id or 0, channel, address, at), by, via, at, again=True)


@transaction.atomic
def acknowledge_bureau_message(
    *, message_id: UUID, name: str = "", by: Actor, via: Door, at: datetime
) -> BureauMessage:
    """Somebody has it: whoever was told and says so, or whom (`name`) an operator has spoken to. Nobody else is told then.

    Repeating it changes nothing. Raises Forbidden, NotFound, IllegalTransition (it was never handed on, or is closed).
    """
    row = _locked(message_id, "acknowledge_bureau_message", by, told_may=True)
    asked = _("Message {number} was to be acknowledged.").format(number=row.number)
    _see_saved(row, asked)
    if row.acknowledged_at is not None:
        return row
    who = " ".join(name.split())[:120] or by.name
    if name.strip():
        RelayAttempt.objects.create(message=row, at=at, by=by.name[:120], name=who)
    _acknowledged(row, who, by, via, at)
    return row


def _acknowledged(row: BureauMessage, who: str, by: Actor, via: Door, at: datetime) -> None:
    _move(row, "acknowledge")
    row.acknowledged_at, row.acknowledged_by = at, who[:120]
    row.save(update_fields=["state", "acknowledged_at", "acknowledged_by"])
    void_promises(("bureau_message", row.pk), at=at, kinds=[RELAY])
    _record(ACKNOWLEDGED, row, by, via, at, name=row.acknowledged_by)


@transaction.atomic
def note_page_acknowledged(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Whoever has the page of a bureau's message has the message; returns what was done."""
    require(by, "note_page_acknowledged", None)
    rows = BureauMessage.objects.select_for_update(of=("self",)).select_related("client__brand")
    row = rows.filter(page_id=page_id, acknowledged_at=None).exclude(state=State.CLOSED).first()
    page = page_of(page_id, None) if row is not None else None
    if row is None or page is None or page.owner is None:
        return "No message of the bureau waits for it."
    _acknowledged(row, page.owner.name, by, via, at)
    return f"{page.owner.name} has message {row.number}."


@transaction.atomic
def set_back_bureau_message(*, message_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> BureauMessage:
    """What was delivered counts as undelivered again, so that its words can be put right and handed on anew; `why` is kept.

    Raises Forbidden, NotFound, Invalid (no reason), IllegalTransition.
    """
    row = _locked(message_id, "set_back_bureau_message", by)
    asked = _("Message {number} was to be set back.").format(number=row.number)
    _see_saved(row, asked)
    if not why.strip():
        raise Invalid(asked, _("No reason was given."), _("Say why it has to go again."), field="why")
    _move(row, "set_back", asked)
    row.acknowledged_at, row.acknowledged_by = None, ""
    row.save(update_fields=["state", "acknowledged_at", "acknowledged_by"])
    void_promises(("bureau_message", row.pk), at=at, kinds=[RELAY])
    _record(SET_BACK, row, by, via, at, text=why)
    return row


# --- Somebody rings in for it ----------------------------------------------------------------------------------------


@transaction.atomic
def ask_engineers_code(*, message_id: UUID, to: str, by: Actor, via: Door, at: datetime) -> BureauMessage:
    """A code goes to somebody of the client's list (`OnCall.key`), who is on the telephone and wants to hear the message.

    It holds for CODE_LASTS and MOST_TRIES tries. Raises Forbidden, NotFound, IllegalTransition (they have no proved way).
    """
    row = _locked(message_id, "read_out_bureau_message", by)
    asked = _("Message {number} was to be read out.").format(number=row.number)
    _see_saved(row, asked)
    one = _on_call(row, to, asked, at)
    row.proof, row.proof_of, row.proof_until = secrets.token_hex(16), one.name[:120], at + CODE_LASTS
    row.proof_tries = 0
    row.save(update_fields=["proof", "proof_of", "proof_until", "proof_tries"])
    cause = _record(PROOF_ASKED, row, by, via, at, name=one.name)
    channel, address = one.ways[0]
    kind_of: Any = "person" if one.person_id is not None else "account"
    queue_message(
        kind="account.bureau-code",
        subject=("bureau_message", row.pk),
        title=_("Your code for the bureau"),
        body=_("{code} is what you read to the operator of {client}.").format(
            code=queries.proof_code(row.proof), client=row.client.brand.name
        ),
        to=[Recipient(kind_of, one.person_id or 0, channel, address, at)],
        brand_id=row.client.brand_id,
        valid_until=row.proof_until,
        cause=cause,
        private=True,
        by=by,
        via=via,
        at=at,
    )
    return row


@transaction.atomic
def read_out_bureau_message(*, message_id: UUID, code: str, by: Actor, via: Door, at: datetime) -> bool:
    """Whether the code is right: then the message may be read out, and the journal says to whom. A code is good once.

    Raises Forbidden, NotFound, IllegalTransition (no code was sent, its time is over, or it was tried too often).
    """
    row = _locked(message_id, "read_out_bureau_message", by)
    asked = _("Message {number} was to be read out.").format(number=row.number)
    if not row.proof or row.proof_until is None or row.proof_until <= at or row.proof_tries >= MOST_TRIES:
        raise IllegalTransition(asked, _("No code holds for it."), _("Have a new one sent."))
    right = secrets.compare_digest(queries.proof_code(row.proof).encode(), code.strip().encode())
    row.proof_tries += 1
    if right:
        row.proof = ""
    row.save(update_fields=["proof", "proof_tries"])
    _record(READ_OUT if right else NOT_PROVED, row, by, via, at, name=row.proof_of)
    return right


# --- The end of a call -----------------------------------------------------------------------------------------------


@transaction.atomic
def wrap_up_bureau_message(
    *, message_id: UUID, outcome: str, remark: str = "", by: Actor, via: Door, at: datetime
) -> BureauMessage:
    """The operator is done with the call. One of which no message was kept is closed with it.

    Repeating it changes nothing. Raises Forbidden, NotFound, Invalid (no such outcome, or one that a kept message rules out).
    """
    row = _locked(message_id, "wrap_up_bureau_message", by)
    asked = _("The call of message {number} was to be ended.").format(number=row.number)
    if row.ended_at is not None:
        return row
    if outcome not in BureauMessage.Outcome.values or not outcome:
        raise Invalid(asked, _("%r is no outcome.") % outcome[:20], _("Choose one of the list."), field="outcome")
    if (outcome == BureauMessage.Outcome.MESSAGE) != (row.saved_at is not None):
        raise Invalid(
            asked,
            _("A message was kept.") if row.saved_at is not None else _("No message was kept."),
            _("Say “message taken” where one was kept, and only there."),
            field="outcome",
        )
    row.outcome, row.remark, row.ended_at = outcome, " ".join(remark.split())[:300], at
    if row.saved_at is None:
        _move(row, "close")
    row.save(update_fields=["outcome", "remark", "ended_at", "state"])
    _record(WRAPPED_UP, row, by, via, at, outcome=outcome, text=row.remark)
    return row


@transaction.atomic
def close_bureau_message(*, message_id: UUID, remark: str = "", by: Actor, via: Door, at: datetime) -> BureauMessage:
    """Nothing more is owed on it: the caller was rung back, or it needs no more. Nobody is told of it any more.

    Repeating it changes nothing. Raises Forbidden, NotFound, IllegalTransition (it is still being taken down).
    """
    row = _locked(message_id, "close_bureau_message", by)
    asked = _("Message {number} was to be closed.").format(number=row.number)
    if row.state == State.CLOSED:
        return row
    _see_saved(row, asked)
    _move(row, "close", asked)
    row.save(update_fields=["state"])
    void_promises(("bureau_message", row.pk), at=at, kinds=[RELAY])
    _record(CLOSED, row, by, via, at, text=" ".join(remark.split())[:300])
    return row


# --- What they have in common ----------------------------------------------------------------------------------------


def _move(row: BureauMessage, verb: str, asked: str = "") -> None:
    """The only place that changes a message's state; the caller saves it."""
    after = scripts.TRANSITIONS[row.state].get(verb)
    if after is None:
        raise IllegalTransition(
            asked or _("Message {number} was to be changed.").format(number=row.number),
            _("It is {state}.").format(state=row.get_state_display().lower()),
            _("Look at what became of it."),
        )
    row.state = after


def _locked(message_id: UUID, verb: str, by: Actor, *, told_may: bool = False) -> BureauMessage:
    rows = BureauMessage.objects.select_for_update(of=("self",))
    row = (
        rows.select_related("client__brand", "version__script", "customer", "call", "taker")
        .filter(id=message_id)
        .first()
    )
    brand_id = row.client.brand_id if row else None
    if not (told_may and row is not None and _was_told(row, by)):
        require(by, verb, brand_id)
    if row is None:
        raise NotFound(_("You asked for a message."), _("There is no such message."), _("Look at the list."))
    return row


def _was_told(row: BureauMessage, by: Actor) -> bool:
    """Whether it went to them, so that they may say that they have it, whatever their role is."""
    from_list = any(one.person_id is not None and one.person_id == by.person_id for one in row.client.ladder.all())
    return by.kind == "person" and from_list


def _client(client_id: int, verb: str, by: Actor) -> BureauClient:
    row = BureauClient.objects.select_for_update(of=("self",)).select_related("brand").filter(id=client_id).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise NotFound(
            _("You asked for a client of the bureau."), _("There is no such client."), _("Look at the list.")
        )
    return row


def _taker(by: Actor, verb: str) -> Person:
    """The person who does it. Raises Forbidden, and Invalid for somebody who is not on the staff list."""
    if brands_for(by, verb) == set():
        require(by, verb, None)
    person = Person.objects.filter(id=by.person_id, active=True).first() if by.person_id is not None else None
    if person is None:
        raise Invalid(
            _("{name} wanted to take messages.").format(name=by.name),
            _("Only somebody on the staff list can."),
            _("Have a manager put them on it."),
        )
    return person


def _session(person: Person) -> TakerSession | None:
    return TakerSession.objects.select_for_update().filter(person=person, ended_at=None).first()


def _signed_in(person: Person) -> TakerSession:
    row = _session(person)
    if row is None:
        raise IllegalTransition(
            _("{name} wanted to take a call.").format(name=person.name),
            _("They do not take messages just now."),
            _("Sign in at the bureau's desk first."),
        )
    return row


def _see_unlocked(row: BureauMessage, asked: str) -> None:
    arrived = queries.proof_of(row).is_locked if row.saved_at is not None else False
    if not scripts.may_correct(row.state, arrived=arrived):
        raise IllegalTransition(
            asked,
            _("Its text is locked: it has been delivered, or it is closed."),
            _("Set it back to undelivered first, and say why."),
        )


def _see_saved(row: BureauMessage, asked: str) -> None:
    if row.saved_at is None or row.test:
        raise IllegalTransition(asked, _("It was not kept, or it was a test."), _("Keep it first."))


def _on_call(row: BureauMessage, key: str, asked: str, at: datetime) -> queries.OnCall:
    found = next((one for one in queries.on_call_list(row.client, at) if one.key == key), None)
    if found is None:
        raise NotFound(asked, _("Nobody of that name is on the client's list now."), _("Choose one of the list."))
    if not found.ways:
        raise IllegalTransition(
            asked, _("{name} has no way that is proved.").format(name=found.name), _("Choose somebody else.")
        )
    return found


def _record(
    kind_of: str, row: BureauMessage, by: Actor, via: Door, at: datetime, *, text: str = "", **facts: Any
) -> UUID:
    known = {"client": row.client.brand.name, "number": row.number, **facts}
    subject = ("bureau_message", row.pk)
    return record(kind_of, subject=subject, by=by, via=via, at=at, brand_id=row.client.brand_id, facts=known, text=text)


def _record_session(kind_of: str, row: TakerSession, by: Actor, via: Door, at: datetime) -> None:
    record(kind_of, subject=("taker", row.person_id), by=by, via=via, at=at)
