"""What is done with calls, and with what callers leave: messages, call-backs, recordings, call-outs."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base import files
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.base.rows import insert
from nightdesk.calls import decide
from nightdesk.calls.callers import priority_of, who_has_number
from nightdesk.calls.candidates import fixers
from nightdesk.calls.decide import Verb
from nightdesk.calls.locking import locked_call
from nightdesk.calls.models import Asking, Call, CallOut, Leg, Line, Message, PinTry, Recording, TextWish
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.channels.models import Delivery
from nightdesk.channels.models import Message as Sent
from nightdesk.customers.hours import is_open, next_opening
from nightdesk.customers.models import Contact, Customer, Peer
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Reason
from nightdesk.customers.queries import actor_of_contact, may_call_at_night, promised_now, promised_to, support_hours
from nightdesk.desk import actions as desk
from nightdesk.desk import time_actions
from nightdesk.desk.decide import PRIORITY_CELLS
from nightdesk.desk.models import Attachment, Ticket
from nightdesk.desk.outage_actions import join_outage
from nightdesk.duty.diary_actions import write_journal_note
from nightdesk.duty.queries import behind, who_rings
from nightdesk.duty.reaching import managers_of
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.journal.models import Entry
from nightdesk.outages import wording as outage_wording
from nightdesk.outages.models import Affected, Update
from nightdesk.outages.queries import text_in, words_in_short
from nightdesk.paging import actions as paging
from nightdesk.paging import decide as paging_decide
from nightdesk.paging.models import Page, Policy
from nightdesk.paging.telling import tell_loudly
from nightdesk.people.models import Person
from nightdesk.people.numbers import BadNumber, e164
from nightdesk.people.queries import actor_of_person
from nightdesk.rota.models import Seat

MESSAGE_LEFT = kind("calls.message-left", gettext_lazy("A caller left a message on {line}"))
CALL_MISSED = kind("calls.missed", gettext_lazy("A call on {line} was missed"))
RANG_AGAIN = kind("calls.rang-again", gettext_lazy("Who left a message rang again"))
MESSAGE_CANCELLED = kind("calls.message-cancelled", gettext_lazy("{by} called a call-back off: it is no longer wanted"))
CALLER_REACHED = kind("calls.reached", gettext_lazy("{who} reached the caller"))
OUTCOME_NOTED = kind("calls.outcome", gettext_lazy("{by} noted how a call-back ended"))
MESSAGE_CLOSED = kind("calls.message-closed", gettext_lazy("{by} closed a message"))
CALL_BACK_FAILED = kind("calls.call-back-failed", gettext_lazy("A call-back reached nobody"))
CALL_BACK_LATE = kind("calls.call-back-late", gettext_lazy("A call-back is owed: {who} was told"))
CALL_ANSWERED = kind("calls.answered", gettext_lazy("{who} answered a call on {line}"))
OUTAGE_HEARD = kind("calls.outage-heard", gettext_lazy("A caller heard of the outage that touches them"))
WOKEN = kind("calls.woken", gettext_lazy("{who} was woken by a call"))
CALL_ENDED = kind("calls.ended", gettext_lazy("A call on {line} ended: {how}"))
CALL_OUT_ORDERED = kind("calls.call-out", gettext_lazy("A caller ordered a call-out at {price}"))
TEXTS_WANTED = kind("calls.texts-wanted", gettext_lazy("A caller wants to be texted about an outage"))
TEXTS_SENT = kind("calls.texts-sent", gettext_lazy("Callers were texted about an outage"))
RECORDING_HEARD = kind("calls.recording-heard", gettext_lazy("{by} listened to a recording"))
RECORDING_DELETED = kind("calls.recording-deleted", gettext_lazy("{by} deleted a recording"))
FALLBACK_TAKEN = kind(
    "calls.fallback-taken", gettext_lazy("The exchange recorded a call on {line} while Nightdesk was away")
)

CALL_BACK_DUE, DELETE = "calls.call_back_due", "calls.delete_recording"
"""Promises: to chase a call-back that is owed; to throw a recording away."""

TRIES_KEPT = timedelta(days=1)
HEARD_ONCE = timedelta(minutes=10)
"""Players ask for a recording piece by piece: within so long that is one listening."""
SAME_MATTER = timedelta(days=7)
"""Who rings again within so long, and left a message before, rings about the ticket of then."""


@transaction.atomic
def leave_message(
    *,
    brand_id: int,
    number: str,
    call_id: UUID | None = None,
    line_id: int | None = None,
    text: str = "",
    file: str = "",
    seconds: float = 0.0,
    taken_by: str = "",
    customer_id: int | None = None,
    contact_id: int | None = None,
    peer_id: int | None = None,
    outage_id: UUID | None = None,
    name: str = "",
    wakes: bool = True,
    tell_at_once: bool = False,
    by: Actor,
    via: Door,
    at: datetime,
) -> Message:
    """What a caller left is kept: spoken (`file`, a digest, of so many `seconds`), or taken down by `taken_by` as `text`.

    It stands in their ticket; where it `wakes`, and they may call at night, the night's engineer is paged, and the call-back is
    promised as the line says.
    `name`: who they said they are, where we do not know. `tell_at_once`: nobody is paged, but somebody who fixes nothing is told.
    Whoever has one waiting joins it: nobody is paged twice. A message of a call that has one already changes nothing.
    Raises Forbidden, NotFound, Invalid (nothing was left).
    """
    require(by, "leave_message", brand_id)
    if not text.strip() and not file:
        raise Invalid(_("A message was to be taken."), _("There is nothing in it."), _("Write down what they said."))
    there = Message.objects.filter(call=call_id, kind=Message.Kind.MESSAGE).first() if call_id is not None else None
    if there is not None and file and there.recording is not None and there.recording.digest == file:
        return there
    left = _Left(
        Message.Kind.MESSAGE, text.strip(), file, seconds, taken_by, outage_id, wakes, tell_at_once=tell_at_once
    )
    who = _Caller(brand_id, number, call_id, line_id, customer_id, contact_id, peer_id, " ".join(name.split())[:120])
    return _take(left, who, MESSAGE_LEFT, by, via, at)


@transaction.atomic
def note_missed_call(
    *,
    call_id: UUID,
    number: str = "",
    outage_id: UUID | None = None,
    wakes: bool = False,
    by: Actor,
    via: Door,
    at: datetime,
) -> Message:
    """Somebody rang, and nobody of ours nor the recorder has anything of theirs: they are rung back, at `number` where they said
    so.

    Repeating it changes nothing; who has a message waiting joins it. Raises Forbidden, NotFound.
    """
    call = _call(call_id, "note_missed_call", by)
    there = Message.objects.filter(call=call).first()
    if there is not None:
        return there
    who = replace(_of_call(call), number=_dialable(number, call.line.country) or call.number)
    return _take(_Left(Message.Kind.MISSED, outage_id=outage_id, wakes=wakes), who, CALL_MISSED, by, via, at)


@transaction.atomic
def note_ring_again(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> Message:
    """Whoever left the message rang once more: it is one message all the same. Raises Forbidden, NotFound."""
    message = _message(message_id, "note_ring_again", by)
    message.again += 1
    message.save(update_fields=["again"])
    _record(message, RANG_AGAIN, {"times": message.again}, by, via, at)
    return message


@transaction.atomic
def cancel_message(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> Message:
    """The caller wants no call-back any more: nobody is chased for it.

    Raises Forbidden, NotFound, IllegalTransition (it is over).
    """
    message = _message(message_id, "cancel_message", by)
    _move(message, Verb.CANCEL, at)
    message.save(update_fields=MOVED)
    _end_chase(message, at)
    _tell_ticket(message, _("The caller needs no call-back any more."), by, via, at)
    _record(message, MESSAGE_CANCELLED, {}, by, via, at)
    return message


@transaction.atomic
def note_reached(*, message_id: UUID, person_id: int | None, by: Actor, via: Door, at: datetime) -> Message:
    """`person_id` (None: somebody whose name we do not know) speaks with whoever left the message; nobody is chased any more.

    Raises Forbidden, NotFound, IllegalTransition (it is over).
    """
    message = _message(message_id, "note_reached", by)
    _move(message, Verb.REACH, at)
    message.reached_at, message.reached_by_id = message.reached_at or at, person_id or message.reached_by_id
    message.save(update_fields=[*MOVED, "reached_at", "reached_by"])
    _end_chase(message, at)
    person = Person.objects.filter(pk=person_id).first() if person_id is not None else None
    if person is not None:
        _take_page(message, person, via, at)
        _log_call_outs(message.call_id, person, via, at)
    name = person.name if person is not None else _("Somebody")
    _record(message, CALLER_REACHED, {"who": name, "person_id": person_id}, by, via, at)
    return message


@transaction.atomic
def note_outcome(*, message_id: UUID, outcome: str, by: Actor, via: Door, at: datetime) -> Message:
    """How the call-back ended, in words; the message is over, and its page is resolved.

    Raises Forbidden, NotFound, Invalid (no words), IllegalTransition (it is over).
    """
    message = _message(message_id, "note_outcome", by)
    said = " ".join(outcome.split())[:300]
    if not said:
        raise Invalid(
            _("The outcome of a call-back was to be noted."), _("There are no words."), _("Say how it ended.")
        )
    _move(message, Verb.CLOSE, at)
    message.outcome = said
    message.save(update_fields=[*MOVED, "outcome"])
    _end_chase(message, at)
    page = Page.objects.filter(pk=message.page_id).first() if message.page_id is not None else None
    if page is not None and page.state != Page.State.RESOLVED:
        paging.resolve_page(page_id=page.pk, resolution=said, by=by, via=via, at=at)
    person = Person.objects.filter(pk=by.person_id or 0).first()
    if person is not None:
        _log_call_outs(message.call_id, person, via, at)
    _tell_ticket(message, _("Rung back: {outcome}").format(outcome=said), by, via, at)
    _record(message, OUTCOME_NOTED, {}, by, via, at, text=said)
    return message


@transaction.atomic
def close_message(*, message_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> Message:
    """Nobody is rung back for it, and that is right: it was nothing, or is answered otherwise.

    Raises Forbidden, NotFound, Invalid (no reason), IllegalTransition (it is over).
    """
    message = _message(message_id, "close_message", by)
    said = " ".join(why.split())[:300]
    if not said:
        raise Invalid(_("A message was to be closed."), _("No reason is given."), _("Say why nobody rings back."))
    _move(message, Verb.CLOSE, at)
    message.outcome = said
    message.save(update_fields=[*MOVED, "outcome"])
    _end_chase(message, at)
    _record(message, MESSAGE_CLOSED, {}, by, via, at, text=said)
    return message


@transaction.atomic
def note_call_back_failed(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> Message:
    """The call-back ended without the caller: it is owed as before. Raises Forbidden, NotFound."""
    message = _message(message_id, "note_call_back_failed", by)
    if message.state == Message.State.CALLING:
        _move(message, Verb.FAIL, at)
        message.save(update_fields=MOVED)
        _record(message, CALL_BACK_FAILED, {}, by, via, at)
    return message


@transaction.atomic
def chase_call_back(*, message_id: UUID, number: int, by: Actor, via: Door, at: datetime) -> str:
    """A call-back is owed, and chase `number` is due: whoever has it is reminded, then the backup, then the manager of the duty.

    The next chase is promised. Returns what was done.
    """
    message = _message(message_id, "chase_call_back", by)
    if message.ended_at is not None or message.reached_at is not None or message.call_back_by is None:
        return _("The caller has been reached meanwhile.")
    chase = decide.next_chase(message.taken_at, message.call_back_by, number)
    people = _chased(message, chase.who, at)
    if people:
        tell_loudly(
            [person.pk for person in people],
            kind="calls.call_back_late",
            subject=("message_left", message.pk),
            title=_("Call back owed: {who}").format(who=_name_of(message)),
            body=_owed_in_words(message, at),
            answers={},
            code="",
            brand_id=message.brand_id,
            by=by,
            via=via,
            at=at,
        )
    names = ", ".join(person.name for person in people)
    _record(message, CALL_BACK_LATE, {"who": names or _("nobody"), "as": chase.who, "number": number}, by, via, at)
    _promise_chase(message, number + 1, at)
    return _("{people} told.").format(people=names) if names else _("Nobody is there to be told.")


@transaction.atomic
def note_answered(*, call_id: UUID, how: str, person_id: int | None, by: Actor, via: Door, at: datetime) -> Call:
    """Somebody of ours, or the recorder, has the caller (`how`: engineer, bureau, desk, recorder). The first human being counts.

    A network's call has a ticket of its own from now on, and a call-out that was ordered is whoever's who answered.
    Raises Forbidden, NotFound.
    """
    call = _call(call_id, "note_answered", by)
    first = call.answered_at is None or (call.answered_by == "recorder" and how != "recorder")
    if not first and (person_id is None or call.answered_person_id is not None):
        return call
    if first:
        call.answered_at, call.answered_by = at, how
    call.answered_person_id = person_id
    person = Person.objects.filter(pk=person_id).first() if person_id is not None else None
    if call.peer is not None and call.ticket_id is None:
        words = _("{name} rang, and was put through.").format(name=call.peer.name)
        call.ticket_id = _open_ticket(_of_call(call), words, Priority.P2, outage_id=None, via=via, at=at).pk
    call.save(update_fields=["answered_at", "answered_by", "answered_person", "ticket_id"])
    if person is not None:
        _log_call_outs(call.pk, person, via, at)
    who = person.name if person is not None else how
    facts = {"who": who, "person_id": person_id, "line": call.line.name, "after_s": (at - call.came_at).total_seconds()}
    _record_call(call, CALL_ANSWERED, facts, by, via, at)
    return call


@transaction.atomic
def note_outage_heard(*, call_id: UUID, outage_ids: Sequence[UUID], by: Actor, via: Door, at: datetime) -> Call:
    """The caller hears of these open outages, in their own terms. Repeating it changes nothing. Raises Forbidden, NotFound."""
    call = _call(call_id, "note_outage_heard", by)
    if call.heard_outage_at is None and outage_ids:
        call.heard_outage_at, call.outage_id = at, outage_ids[0]
        call.save(update_fields=["heard_outage_at", "outage_id"])
        _record_call(call, OUTAGE_HEARD, {"outages": [str(each) for each in outage_ids]}, by, via, at)
    return call


@transaction.atomic
def note_woken(*, call_id: UUID, person_id: int, by: Actor, via: Door, at: datetime) -> Call:
    """A sleeper's telephone rang for the call. Raises Forbidden, NotFound."""
    call = _call(call_id, "note_woken", by)
    call.woken += 1
    call.save(update_fields=["woken"])
    person = Person.objects.filter(pk=person_id).first()
    _record_call(call, WOKEN, {"who": person.name if person is not None else "", "person_id": person_id}, by, via, at)
    return call


@transaction.atomic
def note_call_end(*, call_id: UUID, ended_as: str = "", by: Actor, via: Door, at: datetime) -> Call:
    """The call is over; without a word it says by what happened how it ended. Repeating it changes nothing.

    A call-back that reached nobody is owed as before. Raises Forbidden, NotFound.
    """
    call = _call(call_id, "note_call_end", by)
    if call.ended_at is not None:
        return call
    call.ended_at = at
    call.ended_as = ended_as or ("answered" if call.answered_at is not None else "abandoned")
    call.save(update_fields=["ended_at", "ended_as"])
    Leg.objects.filter(call=call, ended_at=None).update(ended_at=at, why="ordered")
    if call.calls_back_id is not None:
        note_call_back_failed(message_id=call.calls_back_id, by=by, via=via, at=at)
    facts = {"how": call.ended_as, "line": call.line.name, "seconds": (at - call.came_at).total_seconds()}
    _record_call(call, CALL_ENDED, {**facts, "woken": call.woken}, by, via, at)
    return call


@transaction.atomic
def record_call_out(*, call_id: UUID, said: str, price: str, by: Actor, via: Door, at: datetime) -> CallOut:
    """The caller pressed the key after they heard `said`: they want an engineer now, at `price`. Repeating it changes nothing.

    It stands in their ticket; once somebody has them it is a call-out in the time of that ticket, which goes on the invoice.
    Raises Forbidden, NotFound.
    """
    call = _call(call_id, "record_call_out", by)
    there = CallOut.objects.filter(call=call).first()
    if there is not None:
        return there
    words = _("By a key they ordered a call-out, after they had heard: {said}").format(said=said)
    call.ticket_id = call.ticket_id or _ticket(_of_call(call), words, None, Priority.P1, via, at).pk
    call.save(update_fields=["ticket_id"])
    row = CallOut.objects.create(
        call=call, customer=call.customer, number=call.number, at=at, said=said[:400], price=price[:60]
    )
    _record_call(call, CALL_OUT_ORDERED, {"price": price}, by, via, at, text=said)
    return row


# --- Texts about an outage -------------------------------------------------------------------------------------------


@transaction.atomic
def want_texts(*, call_id: UUID, outage_ids: Sequence[UUID], by: Actor, via: Door, at: datetime) -> int:
    """The number that rings is texted each update of these outages until they are over; returns of how many of them.

    Nothing is promised to a withheld number, nor to a line that takes no texts. Raises Forbidden, NotFound.
    """
    call = _call(call_id, "want_texts", by)
    if not call.number or call.customer is None:
        return 0
    contact = call.contact
    language = (contact.language if contact is not None else "") or call.customer.language
    for outage_id in outage_ids:
        TextWish.objects.get_or_create(
            outage_id=outage_id,
            number=call.number,
            defaults={
                "call": call,
                "customer": call.customer,
                "contact": contact,
                "language": language,
                "asked_at": at,
            },
        )
    _record_call(call, TEXTS_WANTED, {"outages": [str(each) for each in outage_ids]}, by, via, at)
    return len(outage_ids)


@transaction.atomic
def text_callers(*, update_id: UUID, by: Actor, via: Door, at: datetime) -> int:
    """Whoever asked by phone to be texted of the update's outage is; those whom the update itself is sent to as a text are not
    told twice. Returns how many were texted. Safe to repeat.
    """
    update = Update.objects.select_related("outage__brand").filter(pk=update_id).first()
    if update is None or update.published_at is None or update.quiet:
        return 0
    outage = update.outage
    wishes = list(TextWish.objects.filter(outage=outage, asked_at__lte=update.published_at).select_related("customer"))
    sent = Sent.objects.filter(subject_kind="outage", subject_id=str(outage.pk), at__gte=update.published_at)
    texted = Delivery.objects.filter(
        subject_kind="outage", subject_id=str(outage.pk), message_id__in=list(sent.values_list("id", flat=True))
    )
    told = set(texted.filter(channel="sms").values_list("address", flat=True))
    count = 0
    for wish in wishes:
        if wish.number in told:
            continue
        queue_message(
            kind="calls.outage_text",
            subject=("outage", outage.pk),
            title=outage.brand.name,
            body=_text_of(update, wish, at),
            to=[Recipient("contact", wish.contact_id or 0, "sms", wish.number, at)],
            brand_id=outage.brand_id,
            lane="bulk",
            by=by,
            via=via,
            at=at,
        )
        count += 1
    if count:
        subject = ("outage", outage.pk)
        record(TEXTS_SENT, subject=subject, by=by, via=via, at=at, brand_id=outage.brand_id, facts={"people": count})
    return count


def _text_of(update: Update, wish: TextWish, at: datetime) -> str:
    """The update as the customer's page has it, as a text."""
    outage = update.outage
    with outage_wording.in_language(wish.language):
        return " ".join(
            [
                f"{outage.brand.name}:",
                *words_in_short(outage, wish.customer_id, wish.language),
                text_in(update, wish.language, outage.brand.language),
                outage_wording.next_words(update.next_at, at, wish.customer.zone),
            ]
        ).strip()


# --- Recordings ------------------------------------------------------------------------------------------------------


@transaction.atomic
def leave_note(*, call_id: UUID, file: str, seconds: float, by: Actor, via: Door, at: datetime) -> Recording:
    """What `by` said in the call (`file`, a digest, of so many `seconds`) is a note in the journal, and is heard from there; it
    is kept as long as the line keeps recordings. The same sound again changes nothing. Raises Forbidden, NotFound.
    """
    call = _call(call_id, "write_journal_note", by)
    known = Recording.objects.filter(brand=call.line.brand_id, digest=file, made_at__gte=call.came_at).first()
    if known is not None:
        return known
    left = _Left(Message.Kind.MESSAGE, file=file, seconds=seconds)
    recording = _keep_recording(left, call.line.brand_id, call.line, at)
    write_journal_note(words="", brand_id=call.line.brand_id, recording=str(recording.pk), by=by, via=via, at=at)
    return recording


@transaction.atomic
def hear_recording(*, recording_id: UUID, by: Actor, via: Door, at: datetime) -> Recording:
    """Somebody listens to it, which stands in the journal. Raises Forbidden, NotFound (also one that is thrown away)."""
    recording = _recording(recording_id, "hear_recording", by)
    if recording.deleted_at is not None:
        raise NotFound(_("You asked for a recording."), _("It was deleted: recordings are kept for a while only."), "")
    subject = ("recording", str(recording.pk))
    before = Entry.objects.filter(kind=RECORDING_HEARD, subject_kind=subject[0], subject_id=subject[1], by_id=by.id)
    if not before.filter(at__gt=at - HEARD_ONCE).exists():
        record(RECORDING_HEARD, subject=subject, by=by, via=via, at=at, brand_id=recording.brand_id)
    return recording


@transaction.atomic
def delete_recording(*, recording_id: UUID, by: Actor, via: Door, at: datetime) -> Recording:
    """What was said is thrown away; that there was something stays. Repeating it changes nothing. Raises Forbidden, NotFound."""
    recording = _recording(recording_id, "delete_recording", by)
    if recording.deleted_at is not None:
        return recording
    recording.deleted_at = at
    recording.save(update_fields=["deleted_at"])
    named = Attachment.objects.filter(digest=recording.digest)
    if not Recording.objects.filter(digest=recording.digest, deleted_at=None).exists() and not named.exists():
        files.forget_file(recording.digest)
    void_promises(("recording", recording.pk), at=at, kinds=(DELETE,))
    record(
        RECORDING_DELETED, subject=("recording", recording.pk), by=by, via=via, at=at, brand_id=recording.brand_id
    )  # fmt: skip
    return recording


@transaction.atomic
def take_fallback_recording(
    *, line_id: int, number: str, file: str, seconds: float, made_at: datetime, by: Actor, via: Door, at: datetime
) -> Message | None:
    """While Nightdesk was away the exchange recorded what a caller of the line said at `made_at`: a message like any other.

    Without a `file` they said nothing, which is a missed call. The same caller of the same instant changes nothing (None).
    Raises Forbidden, NotFound.
    """
    line = Line.objects.filter(pk=line_id).first()
    require(by, "take_fallback_recording", line.brand_id if line is not None else None)
    if line is None:
        raise NotFound(_("A recording of the exchange was to be taken."), _("There is no such line."), "")
    if Message.objects.filter(line=line, call=None, number=number, taken_at=made_at).exists():
        return None
    who = who_has_number(line.brand_id, number)
    caller = _Caller(
        line.brand_id,
        number,
        None,
        line.pk,
        who.customer.pk if who.customer is not None else None,
        who.contact.pk if who.contact is not None else None,
        who.peer.pk if who.peer is not None else None,
    )
    kept_as = Message.Kind.MESSAGE if file else Message.Kind.MISSED
    left = _Left(kept_as, "", file, seconds, "", None, bool(file), Recording.Kind.FALLBACK, made_at)
    return _take(left, caller, FALLBACK_TAKEN, by, via, at)


@transaction.atomic
def drop_old_tries(*, by: Actor, via: Door, at: datetime) -> int:  # noqa: ARG001 - a verb's shape
    """Numbers from which PINs were tried, and what was asked of calls, are kept for a day; returns how many rows went."""
    tries, _of = PinTry.objects.filter(at__lt=at - TRIES_KEPT).delete()
    asked, _of = Asking.objects.filter(heard_at__lt=at - TRIES_KEPT).delete()
    return tries + asked


# --- Inner workings --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Left:
    """What was left."""

    kind: str
    text: str = ""
    file: str = ""
    seconds: float = 0.0
    taken_by: str = ""
    outage_id: UUID | None = None
    wakes: bool = False
    recorded_as: str = Recording.Kind.MESSAGE
    said_at: datetime | None = None
    tell_at_once: bool = False


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who left it, on which line (None: it came by somebody else's exchange)."""

    brand_id: int
    number: str
    call_id: UUID | None
    line_id: int | None
    customer_id: int | None
    contact_id: int | None
    peer_id: int | None
    name: str = ""


def _of_call(call: Call) -> _Caller:
    return _Caller(
        call.line.brand_id, call.number, call.pk, call.line_id, call.customer_id, call.contact_id, call.peer_id
    )


def _take(left: _Left, who: _Caller, what: str, by: Actor, via: Door, at: datetime) -> Message:
    """Keep it, with its recording, ticket, page and promise; or join the one that waits."""
    line = Line.objects.filter(pk=who.line_id).select_related("hours").first() if who.line_id is not None else None
    waits = _waiting(who)
    message = Message(
        id=uuid7(at),
        brand_id=who.brand_id,
        line=line,
        call_id=who.call_id,
        kind=left.kind,
        customer_id=who.customer_id,
        contact_id=who.contact_id,
        peer_id=who.peer_id,
        number=who.number,
        text=left.text,
        taken_at=left.said_at or at,
        taken_by=left.taken_by[:80],
        outage_id=left.outage_id,
        recording=_keep_recording(left, who.brand_id, line, at) if left.file else None,
    )
    words = _in_words(message, left.seconds)
    priority = priority_of(who.customer_id, at)
    calls_now = _may_call_now(who, line, priority, at)
    wakes = left.wakes and calls_now
    if waits is not None:
        _join(message, waits, words, via, at)
    else:
        message.ticket_id = _ticket(who, words, left.outage_id, priority, via, at).pk
        told_now = wakes or left.tell_at_once
        message.call_back_by = _call_back_by(line, who, told_now, priority, at, calls_now=calls_now)
    insert([message])
    if waits is None:
        if wakes:
            message.page_id = _page(message, line, _caller_name(who), priority, at).pk
            message.save(update_fields=["page_id"])
        _promise_chase(message, 0, at, at_once=left.tell_at_once)
    if who.call_id is not None and message.ticket_id is not None:
        Call.objects.filter(pk=who.call_id, ticket_id=None).update(ticket_id=message.ticket_id)
    name = line.name if line is not None else message.taken_by
    facts = {"line": name, "kind": left.kind, "joins": str(waits.pk) if waits is not None else "", "wakes": wakes}
    _record(message, what, facts, by, via, at, text=left.text)
    return message


def _waiting(who: _Caller) -> Message | None:
    """What the same number left before, and nobody has closed; locked."""
    if not who.number:
        return None
    rows = Message.objects.select_for_update(of=("self",)).filter(number=who.number, brand=who.brand_id, ended_at=None)
    return rows.order_by("-taken_at").first()


def _join(message: Message, waits: Message, words: str, via: Door, at: datetime) -> None:
    """It belongs to the one that waits: its ticket says so, its page and its promise stand for both."""
    waits.again += 1
    # Somebody whose missed call waits, and who speaks now, is to be heard where the first one was listed.
    if waits.recording_id is None and message.recording is not None:
        waits.recording = message.recording
        waits.kind = Message.Kind.MESSAGE
    waits.save(update_fields=["again", "recording", "kind"])
    message.ticket_id, message.page_id = waits.ticket_id, waits.page_id
    message.outcome = _("It belongs to what they left before.")
    _move(message, Verb.CLOSE, at)
    _tell_ticket(message, words, SCHEDULER, via, at)


def _keep_recording(left: _Left, brand_id: int, line: Line | None, at: datetime) -> Recording:
    keep_days = line.keep_days if line is not None else DEFAULT_KEEP_DAYS
    recording = Recording.objects.create(
        brand_id=brand_id,
        kind=left.recorded_as,
        digest=left.file,
        seconds=left.seconds,
        made_at=left.said_at or at,
        delete_at=at + timedelta(days=keep_days),
    )
    promise(
        DELETE,
        subject=("recording", recording.pk),
        due_at=at + timedelta(days=keep_days),
        why=_("Recordings of calls are kept for {days} days.").format(days=keep_days),
        at=at,
        brand_id=brand_id,
    )
    return recording


DEFAULT_KEEP_DAYS = 90
TICKET_WORDS = {
    Message.Kind.MESSAGE: gettext_lazy("Message by phone from {name}"),
    Message.Kind.MISSED: gettext_lazy("Missed call from {name}"),
}


def _in_words(message: Message, seconds: float) -> str:
    """What stands in the ticket."""
    if message.text:
        return message.text
    if message.recording_id is not None:
        return _("A spoken message of {seconds} seconds. It is kept with the call.").format(seconds=round(seconds))
    return _("A call that was missed: they rang off, or said nothing.")


def _ticket(who: _Caller, words: str, outage_id: UUID | None, priority: Priority, via: Door, at: datetime) -> Ticket:
    """The caller's open ticket, with the words in it; else a new one."""
    there = _their_ticket(who, outage_id, at)
    if there is not None:
        said = desk.Words(words, said_by=_speaker(who))
        return desk.take_message(ticket_id=there.pk, words=said, by=SCHEDULER, via=via, at=at)
    return _open_ticket(who, words, priority, outage_id=outage_id, via=via, at=at)


def _their_ticket(who: _Caller, outage_id: UUID | None, at: datetime) -> Ticket | None:
    """What they ring about, as well as that is known: this call's ticket, the outage's, or that of what they left before."""
    open_ones = Ticket.objects.filter(brand=who.brand_id).exclude(state__in=("closed", "cancelled", "resolved"))
    if who.call_id is not None:
        of_call = Call.objects.filter(pk=who.call_id).values_list("ticket_id", flat=True).first()
        if of_call is not None and (found := open_ones.filter(pk=of_call).first()):
            return found
    if outage_id is not None and who.customer_id is not None:
        number = Affected.objects.filter(outage=outage_id, customer=who.customer_id).values_list(
            "ticket_number", flat=True
        )
        if (told := number.first()) is not None and (found := open_ones.filter(number=told).first()):
            return found
    if not who.number:
        return None
    before = Message.objects.filter(
        number=who.number, brand=who.brand_id, ticket_id__isnull=False, taken_at__gt=at - SAME_MATTER
    )
    ids = [one for one in before.order_by("-taken_at").values_list("ticket_id", flat=True)[:10] if one is not None]
    return open_ones.filter(pk__in=ids, customer=who.customer_id).order_by("-opened_at").first()


def _open_ticket(
    who: _Caller, words: str, priority: Priority, *, outage_id: UUID | None, via: Door, at: datetime
) -> Ticket:
    impact, urgency = PRIORITY_CELLS[int(priority[1:])]
    name = _caller_name(who)
    contact = _contact_of(who)
    ticket = desk.open_ticket(
        brand_id=who.brand_id,
        title=_("Call from {name}").format(name=name),
        words=desk.Words(words, said_by=_speaker(who)),
        customer_id=who.customer_id,
        contact_id=who.contact_id,
        requester_name=contact.name if contact is not None else name,
        trust=Ticket.Trust.UNVERIFIED,
        impact=impact,
        urgency=urgency,
        tags=["phone"],
        wakes=False,
        by=SCHEDULER,
        via=via,
        at=at,
    )
    if outage_id is not None:
        join_outage(ticket_id=ticket.pk, outage_id=outage_id, by=SCHEDULER, via=via, at=at)
    return ticket


def _speaker(who: _Caller) -> Actor:
    """Whose words they are."""
    contact = _contact_of(who)
    return (
        actor_of_contact(contact) if contact is not None else Actor("caller", str(who.call_id or ""), _caller_name(who))
    )


def _dialable(keyed: str, country: str) -> str:
    """The number that a caller keyed, in E.164; "" for what is none."""
    try:
        return e164(keyed, country) if keyed else ""
    except BadNumber:
        return ""


def _caller_name(who: _Caller) -> str:
    """Somebody of a customer, the customer, a network; else the number."""
    if who.contact_id is not None and (contact := Contact.objects.filter(pk=who.contact_id).first()):
        return f"{contact.name}, {contact.customer.name}"
    if who.customer_id is not None:
        return str(Customer.objects.get(pk=who.customer_id).name)
    if who.peer_id is not None:
        peer = Peer.objects.get(pk=who.peer_id)
        return f"{peer.name} (AS{peer.as_number})"
    if who.name:
        return f"{who.name} ({who.number})" if who.number else who.name
    return who.number or _("a withheld number")


def _name_of(message: Message) -> str:
    return _caller_name(
        _Caller(
            message.brand_id,
            message.number,
            message.call_id,
            message.line_id,
            message.customer_id,
            message.contact_id,
            message.peer_id,
        )
    )


def _tell_ticket(message: Message, words: str, by: Actor, via: Door, at: datetime) -> None:
    """A note in its ticket, where that has not gone."""
    if message.ticket_id is None or not Ticket.objects.filter(pk=message.ticket_id).exists():
        return
    desk.note_ticket(ticket_id=message.ticket_id, words=desk.Words(words, automatic=True), by=by, via=via, at=at)


def _contact_of(who: _Caller) -> Contact | None:
    return Contact.objects.filter(pk=who.contact_id).first() if who.contact_id is not None else None


def _may_call_now(who: _Caller, line: Line | None, priority: Priority, at: datetime) -> bool:
    """Whether somebody may be paged for it now: by day for everybody, at night for whoever may call then."""
    if may_call_at_night(_contact_of(who)):
        return True
    cover = promised_now(who.customer_id, priority, at)
    return cover.open_now or (cover.reason is Reason.NO_CONTRACT and _is_open(line, at))


def _is_open(line: Line | None, at: datetime) -> bool:
    return line is not None and (line.hours is None or is_open(support_hours(line.hours), at))


def _call_back_by(
    line: Line | None, who: _Caller, told_now: bool, priority: Priority, at: datetime, *, calls_now: bool
) -> datetime | None:
    """When they are rung at the latest: within the line's time where somebody is told at once, else when somebody is there."""
    if told_now:
        return at + timedelta(seconds=line.call_back_s if line is not None else DEFAULT_CALL_BACK_S)
    cover = promised_to(_contact_of(who), who.customer_id, priority, at)
    opens = next_opening(support_hours(line.hours), at) if line is not None and line.hours is not None else None
    from_at = at if calls_now and (cover.covered_now or _is_open(line, at)) else cover.answer_from or opens
    return (
        from_at + timedelta(seconds=line.call_back_s if line is not None else DEFAULT_CALL_BACK_S) if from_at else None
    )


DEFAULT_CALL_BACK_S = 1800


def _page(message: Message, line: Line | None, name: str, priority: Priority, at: datetime) -> Page:
    """One engineer is paged, by the policy of the line's seat."""
    details: dict[str, Any] = {"ticket": str(message.ticket_id), "message_left": str(message.pk)}
    return paging.trigger_page(
        brand_id=message.brand_id,
        title=_("Ring back {name}").format(name=name),
        priority=str(priority),
        policy_id=_policy_of(line),
        customer_id=message.customer_id,
        details=details,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def _policy_of(line: Line | None) -> int | None:
    """The brand's first policy that rings one of the line's seats of the night; None: the brand's first."""
    if line is None:
        return None
    wanted = {paging_decide.Target("seat", key) for key in line.night_seats}
    for policy in Policy.objects.filter(brand=line.brand_id).order_by("id"):
        steps = paging_decide.policy_from_json(policy.stamp).steps
        if any(wanted & set(step.targets) for step in steps):
            return policy.pk
    return None


def _promise_chase(message: Message, number: int, at: datetime, *, at_once: bool = False) -> None:
    if message.call_back_by is None:
        return
    chase = decide.next_chase(message.taken_at, message.call_back_by, number)
    promise(
        CALL_BACK_DUE,
        subject=("message_left", message.pk),
        due_at=at if at_once else max(chase.at, at),
        why=_("{name} is owed a call-back.").format(name=_name_of(message)),
        at=at,
        facts={"number": number},
        occurrence=f"{message.pk}:{number}",
        brand_id=message.brand_id,
    )


def _end_chase(message: Message, at: datetime) -> None:
    void_promises(("message_left", message.pk), at=at, kinds=(CALL_BACK_DUE,))


def _chased(message: Message, who: decide.Chased, at: datetime) -> list[Person]:
    """Who is told; where there is nobody of that kind, the next that there is. Never whoever fixes an outage."""
    line = message.line
    keys = [] if line is None else [*line.night_seats, *line.day_seats]
    rows = Seat.objects.filter(key__in=keys, removed_at=None).select_related("rota")
    seats = sorted(rows, key=lambda seat: keys.index(seat.key))  # who has the night is asked first
    page = Page.objects.select_related("owner").filter(pk=message.page_id).first() if message.page_id else None
    holders = [one for seat in seats if (one := who_rings(seat.key, at)) is not None]
    has_it = [page.owner_id] if page is not None and page.owner_id is not None else []
    backups = [one for seat in seats for one in behind(seat, at) if one not in has_it]
    fixing = fixers()
    has_it, holders, backups = ([one for one in some if one not in fixing] for some in (has_it, holders, backups))
    ids = {"engineer": has_it or holders[:1], "backup": backups[:1] or holders[:1], "manager": []}[who]
    people = list(Person.objects.filter(pk__in=ids, active=True))
    if people:
        return people
    near = Person.objects.filter(pk__in=has_it or holders).first()
    managers = managers_of(near, message.brand_id) if near is not None else []
    return managers or list(Person.objects.filter(pk__in=[*backups, *holders], active=True))


def _owed_in_words(message: Message, at: datetime) -> str:
    """What whoever is told of a call-back reads."""
    del at
    zone = ZoneInfo(message.brand.zone)
    taken = message.taken_at.astimezone(zone)
    due = message.call_back_by.astimezone(zone) if message.call_back_by is not None else taken
    return _("{name} rang at {taken:%H:%M}, and was promised a call by {due:%H:%M}. Number: {number}.").format(
        name=_name_of(message), taken=taken, due=due, number=message.number or _("withheld")
    )


def _take_page(message: Message, person: Person, via: Door, at: datetime) -> None:
    """Who speaks with the caller has the page: nobody else is woken for it."""
    page = Page.objects.filter(pk=message.page_id).first() if message.page_id is not None else None
    if page is None or page.state != Page.State.TRIGGERED:
        return
    with suppress(Refusal):  # a newcomer, or somebody without a role: the page goes on, and wakes who may take it
        paging.acknowledge_page(page_id=page.pk, by=actor_of_person(person.pk), via=via, at=at)


def _log_call_outs(call_id: UUID | None, person: Person, via: Door, at: datetime) -> None:
    """What was ordered in the call is in the time of its ticket, by whoever came."""
    rows = CallOut.objects.select_for_update(of=("self",)).filter(call=call_id, logged_at=None)
    row = rows.first()
    if row is None or row.call.ticket_id is None:
        return
    row.logged_at, row.person = at, person
    row.save(update_fields=["logged_at", "person"])
    time_actions.log_time(
        ticket_id=row.call.ticket_id,
        minutes=0,
        on=row.at.astimezone(ZoneInfo(row.call.line.brand.zone)).date(),
        call_out=True,
        note=_("Call-out ordered by phone: {price}").format(price=row.price),
        person_id=person.pk,
        by=SCHEDULER,
        via=via,
        at=at,
    )


MOVED = ("state", "ended_at")
"""What `_move` writes; whoever calls it saves these."""


def _move(message: Message, verb: Verb, at: datetime) -> None:
    """The only place where a message's state changes. Raises IllegalTransition."""
    then = decide.TRANSITIONS.get((cast("decide.State", str(message.state)), verb))
    if then is None:
        raise IllegalTransition(
            _("Something was to be done with a message that a caller left."),
            _("It is over: {state}.").format(state=message.state),
            _("A caller who needs us again has a new one."),
        )
    message.state = then
    if then in ("cancelled", "closed"):
        message.ended_at = at


def _message(message_id: UUID, verb: str, by: Actor) -> Message:
    """The message under its lock. Raises NotFound, Forbidden."""
    rows = Message.objects.select_for_update(of=("self",)).select_related("line", "brand", "call")
    message = rows.filter(pk=message_id).first()
    require(by, verb, message.brand_id if message is not None else None)
    if message is None:
        raise NotFound(_("A message was asked for."), _("There is no such message."), _("Look at the list."))
    return message


def _call(call_id: UUID, verb: str, by: Actor) -> Call:
    """The call under its lock. Raises NotFound, Forbidden."""
    call = locked_call(call_id)
    require(by, verb, call.line.brand_id if call is not None else None)
    if call is None:
        raise NotFound(_("A call was asked for."), _("There is no such call."), _("Look at the list."))
    return call


def _recording(recording_id: UUID, verb: str, by: Actor) -> Recording:
    recording = Recording.objects.select_for_update().filter(pk=recording_id).first()
    require(by, verb, recording.brand_id if recording is not None else None)
    if recording is None:
        raise NotFound(_("You asked for a recording."), _("There is no such recording."), _("Look at the message."))
    return recording


def _record(
    message: Message, what: str, facts: Mapping[str, Any], by: Actor, via: Door, at: datetime, text: str = ""
) -> None:
    subject = ("message_left", message.pk)
    record(what, subject=subject, by=by, via=via, at=at, brand_id=message.brand_id, facts=dict(facts), text=text)


def _record_call(
    call: Call, what: str, facts: Mapping[str, Any], by: Actor, via: Door, at: datetime, text: str = ""
) -> None:
    subject = ("call", call.pk)
    record(what, subject=subject, by=by, via=via, at=at, brand_id=call.line.brand_id, facts=dict(facts), text=text)
