"""The verbs of the ledger: queue a message and end it, set up routes, take receipts and answers.

`queue_message` and what comes in from providers ask no role: the verb that has something to say, or that an answer stands
for, has asked already or asks itself. Receipts and tries lie in the ledger and not in the journal.
"""

import base64
import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, forbidden, require
from nightdesk.base import promises, vault
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.months import month_of
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.base.rows import insert, one_at_a_time
from nightdesk.base.unique import unless_taken
from nightdesk.channels import decide, wording
from nightdesk.channels.answering import ANSWER_VERBS, NOTED, SAID, SAYS, Spoken, heard_first, offered
from nightdesk.channels.answers import Answer, carrier_word, command_of, meant_among, parse_answer
from nightdesk.channels.decide import Came, State
from nightdesk.channels.driver import Driver, Field, Heard, Key, Receipt, Reply
from nightdesk.channels.drivers import push
from nightdesk.channels.mail_form import NOTICE, MailForm, as_json
from nightdesk.channels.models import Attempt, Delivery, Device, Inbound, Message, PushKey, Route
from nightdesk.channels.queries import (
    ANSWERED_WITHIN,
    deliveries_meant,
    delivery_of,
    has_been_told,
    is_recipients_own,
    person_at,
    push_key,
    recipient_of,
    settings_of,
    shown_settings_of,
    was_told_as,
)
from nightdesk.channels.registry import CHANNELS
from nightdesk.channels.tasks import lock_deliveries, mark_broken, tell_companions, tried_as_json
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.actions import (
    add_contact_method,
    add_notify_rules,
    confirm_contact_method,
    remove_contact_method,
)
from nightdesk.people.models import ContactMethod, Person
from nightdesk.people.queries import actor_of_person

log = logging.getLogger(__name__)

MESSAGE_QUEUED = kind("message.queued", gettext_lazy("{by} had {count} messages sent"))
MESSAGE_RESENT = kind("message.resent", gettext_lazy("{by} had {title} sent again by {channel}"))
ROUTE_SAVED = kind("route.saved", gettext_lazy("{by} set up the route {name}"))
ROUTE_REMOVED = kind("route.removed", gettext_lazy("{by} removed the route {name}"))
MESSAGE_ANSWERED = kind("message.answered", gettext_lazy("{by} answered: {verb}"))
DEVICE_ADDED = kind("device.added", gettext_lazy("{by} had a phone notified: {device}"))
DEVICE_RENEWED = kind("device.renewed", gettext_lazy("{by} renewed the notifications of a phone: {device}"))
PUSH_KEY_MADE = kind("push.key_made", gettext_lazy("{by} made the key that signs notifications"))
PUSH_KEY_REPLACED = kind(
    "push.key_replaced", gettext_lazy("{by} replaced the key that signs notifications; {count} phones are cut off")
)
STOP_TEXTED = kind("contact.stopped", gettext_lazy("{word} was texted to {name}: our texts to that number are {state}"))

KEEP_TRYING = timedelta(days=2)
"""How long a message without an end of its own is tried."""
RESENT_FOR = timedelta(minutes=10)
"""How long a message that somebody had sent again is tried."""
PRIVATE_KEPT = timedelta(hours=1)
"""The longest that the words of a private message are kept, if it was not sent."""
COMMANDS_A_MINUTE = 30
HELPS_IN_TEN_MINUTES = 3
ANSWERS_IN_TEN_MINUTES = 10
"""Mails of answers to one address: whoever gets more is a machine that answers us."""
FORGERIES_KEPT_A_MINUTE = 20
DEVICES_EACH = 10
"""Phones and browsers of one person that are notified."""

LOOK_AGAIN_AFTER = timedelta(seconds=3)
PIECES_WITHIN = timedelta(minutes=1)
"""How long a piece of a longer text waits for the others."""
HANG_UP = "call.hang_up"
"""The promise to stop a telephone that rings about something that is over; `tasks.hang_up` keeps it."""

FORGED, REPEATED, TOO_MANY = "forged", "repeated", "too many"
WAITS_FOR_THE_REST, JOINED = "waits for the rest", "joined"

FIND_RECEIPT, JOIN_PIECES = "channels.find_receipt", "channels.join_pieces"


class PushNotSetUp(Refusal):
    """Push services would refuse what this installation sends, so no phone can be notified yet."""

    code = "push-not-set-up"
    status = 409
    title = "Notifications are not set up yet"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address of somebody: `id` is that of the Person or Contact, 0 where only the address is known."""

    kind: Literal["person", "contact", "account"]
    id: int
    channel: str
    address: str
    due_at: datetime


@transaction.atomic(savepoint=False)  # part of the verb that has something to say: they stand or fall together
def queue_message(
    *,
    kind: str,
    subject: tuple[str, object],
    title: str,
    body: str,
    to: Sequence[Recipient],
    brand_id: int | None,
    code: str = "",
    answers: Mapping[str, Sequence[str]] | None = None,
    valid_until: datetime | None = None,
    cause: UUID | None = None,
    lane: Literal["urgent", "bulk"] = "urgent",
    private: bool = False,
    mail: MailForm = NOTICE,
    by: Actor,
    via: Door,
    at: datetime,
) -> Message:
    """The message is in the ledger, once a recipient, and goes out when each is due.

    The same address twice by one channel at one instant is one delivery. Without `valid_until` it is tried for KEEP_TRYING.
    `answers`: see `answering.offered`. `{link}` in the body becomes each delivery's own link; a text message with it is
    the body alone. The words of a `private` message lie sealed until it was sent. `cause` is the journal entry of the verb
    that has something to say; without one the message has an entry of its own. `mail` is how it looks as a mail.

    Raises Invalid for a chat's URL in place of its address: it holds secrets, and the ledger is shown.
    """
    if any(one.channel == "chat" and "://" in one.address for one in to):
        raise Invalid(
            _("A message was to go to a chat's URL."),
            _("It holds secrets, and what is sent where is shown to others."),
            _("Set up a route with it, and give service:target, such as slack:#noc."),
        )
    message = Message(
        id=uuid7(at),
        at=at,
        brand_id=brand_id,
        kind=kind,
        subject_kind=subject[0],
        subject_id=str(subject[1]),
        title=" ".join(title.split())[:200],
        body="" if private else body,
        sealed=vault.seal(body.encode()) if private else b"",
        code=code,
        answers={word: [str(part) for part in entry] for word, entry in (answers or {}).items()},
        valid_until=valid_until,
        cause=cause,
        mail=as_json(mail),
    )
    insert([message])
    rows = [_row(message, one, lane, valid_until or at + KEEP_TRYING) for one in to]
    insert(rows, unless_there=True)
    if cause is None:
        record(
            MESSAGE_QUEUED,
            subject=("message", message.id),
            by=by,
            via=via,
            at=at,
            brand_id=brand_id,
            facts={"kind": kind, "about": [subject[0], str(subject[1])], "count": len(rows), "channels": _counts(to)},
        )
    if any(one.due_at <= at for one in to):
        promises.wake_workers(promises.SENDER)
    return message


@transaction.atomic
def forget_private_words(*, by: Actor, via: Door, at: datetime) -> int:
    """The words of private messages older than PRIVATE_KEPT that are of no use any more are gone; returns of how many.

    The rows stay.
    """
    del by, via
    old = Message.objects.filter(kind__startswith="account", at__lt=at - PRIVATE_KEPT).exclude(valid_until__gt=at)
    return old.exclude(sealed=b"").update(sealed=b"")


def _row(message: Message, to: Recipient, lane: str, valid_until: datetime) -> Delivery:
    where = to.address or f"{to.kind} {to.id}"  # a pocket has no address of its own
    occurrence = f"{message.id}:{to.channel}:{where}:{to.due_at.isoformat()}"
    if len(occurrence) > 200:
        occurrence = f"{message.id}:{to.channel}:{hashlib.sha256(occurrence.encode()).hexdigest()}"
    return Delivery(
        id=uuid7(message.at),
        month=month_of(message.at),
        lane=lane,
        due_at=to.due_at,
        created_at=message.at,
        message_id=message.id,
        brand_id=message.brand_id,
        occurrence=occurrence,
        subject_kind=message.subject_kind,
        subject_id=message.subject_id,
        recipient_kind=to.kind,
        recipient_id=str(to.id or ""),
        channel=to.channel,
        address=to.address,
        valid_until=valid_until,
    )


def _counts(to: Sequence[Recipient]) -> dict[str, int]:
    channels = [one.channel for one in to]
    return {channel: channels.count(channel) for channel in sorted(set(channels))}


@transaction.atomic
def resend_message(
    *, delivery_id: UUID, month: date, channel: str = "", address: str = "", by: Actor, via: Door, at: datetime
) -> Delivery:
    """What that delivery said goes out once more, to the same address or to another of the same person's; the new row.

    It is tried for RESENT_FOR. Raises NotFound, Forbidden, IllegalTransition (its words were private and are gone), and
    Invalid for an address that is not the recipient's.
    """
    old, message = delivery_of(delivery_id, month)
    require(by, "resend_message", old.brand_id)
    asked = _("A message was to be sent again.")
    if message.kind.startswith("account") or message.sealed:
        raise IllegalTransition(
            asked, _("It let somebody sign in, and its words are kept no longer."), _("Let them ask for a new one.")
        )
    to = Recipient(
        cast(Any, old.recipient_kind),
        int(old.recipient_id or 0),
        channel or old.channel,
        address or old.address,
        at,
    )
    if (to.channel, to.address) != (old.channel, old.address) and not _is_theirs(to):
        raise Invalid(
            asked,
            _("{address} is no way to reach whom it was for.").format(address=to.address[:80]),
            _("Choose one of their own."),
            field="address",
        )
    row = _row(message, to, "urgent", at + RESENT_FOR)
    row.id, row.created_at = uuid7(at), at  # the month stays its message's
    row.values = old.values
    row.occurrence = f"{message.id}:again:{row.id}"  # asked for twice it is sent twice: a person wants it
    row.save(force_insert=True)
    record(
        MESSAGE_RESENT,
        subject=(message.subject_kind, message.subject_id),
        by=by,
        via=via,
        at=at,
        brand_id=message.brand_id,
        facts={"title": message.title, "channel": to.channel, "delivery": str(row.id), "of": str(old.id)},
        cause=message.id,
    )
    promises.wake_workers(promises.SENDER)
    return row


def _is_theirs(to: Recipient) -> bool:
    own = ContactMethod.objects.filter(person=to.id, channel=to.channel, address=to.address)
    return to.kind == "person" and own.exists()


@transaction.atomic
def supersede_deliveries(*, subject: tuple[str, object], by: Actor, via: Door, at: datetime) -> int:
    """Nothing more goes out about the subject; returns how many messages that spares somebody.

    What is on its way at this moment may still arrive, and its row then tells so. What was accepted and waits for its
    receipt goes to no other route. The journal entry is that of the verb that ended the subject.
    """
    del by, via
    rows = Delivery.objects.filter(subject_kind=subject[0], subject_id=str(subject[1]), ended_at=None)
    lock_deliveries(rows)
    _promise_hang_ups(rows, at)
    rows.filter(state="accepted").update(ended_at=at, leased_by=None, leased_at=None)
    ended = _move_all(rows, "superseded", at)
    if ended:
        promises.wake_workers(promises.SENDER)  # a sender that holds one of them looks again
    return ended


@transaction.atomic
def hold_deliveries(*, subject_kind: str, until_at: datetime, by: Actor, via: Door, at: datetime) -> int:
    """What waits to be sent about subjects of that kind waits at least until `until_at`; how many messages. The journal entry
    is that of the verb that has them wait.
    """
    del by, via, at
    return Delivery.objects.filter(subject_kind=subject_kind, ended_at=None, due_at__lt=until_at).update(
        due_at=until_at
    )


@transaction.atomic
def recall_message(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> bool:
    """The message goes to nobody; False where it has begun to leave, and then nothing changes. The journal entry is that of
    the verb that takes it back.
    """
    del by, via
    rows = Delivery.objects.filter(message_id=message_id)
    lock_deliveries(rows)
    if not _has_not_left(rows):
        return False
    _move_all(rows, "superseded", at)
    return True


@transaction.atomic
def drop_recipient(*, subject: tuple[str, object], address: str, by: Actor, via: Door, at: datetime) -> int:
    """No mail about the subject that has not left goes to that outsider's address, and those of others that wait name it no
    more; returns how many it is spared. The journal entry is that of the verb that leaves them out.
    """
    del by, via
    about = Delivery.objects.filter(subject_kind=subject[0], subject_id=str(subject[1]), channel="email", ended_at=None)
    unsent = about.filter(recipient_kind="contact", state__in=("queued", "failed_for_now"))
    lock_deliveries(unsent)
    messages = Message.objects.select_for_update().filter(id__in=list(unsent.values_list("message_id", flat=True)))
    for message in messages.order_by("id"):
        named = {name: message.mail.get(name, []) for name in ("to", "cc")}
        kept = {name: [one for one in pairs if one[1].lower() != address.lower()] for name, pairs in named.items()}
        if kept != named:
            message.mail = message.mail | kept
            message.save(update_fields=["mail"])
    return _move_all(unsent.filter(address__iexact=address), "superseded", at)


@transaction.atomic
def hasten_message(*, message_id: UUID, by: Actor, via: Door, at: datetime) -> bool:
    """What was to go out later goes out now; False where it has begun to leave already."""
    del by, via
    rows = Delivery.objects.filter(message_id=message_id)
    lock_deliveries(rows)
    if not _has_not_left(rows):
        return False
    rows.update(due_at=at)
    promises.wake_workers(promises.SENDER)
    return True


def _has_not_left(rows: Any) -> bool:
    """Whether nobody has any of them in hand, or had: the rows are locked."""
    return bool(rows) and all(row.state == "queued" and row.leased_by is None and row.attempt == 0 for row in rows)


def _promise_hang_ups(rows: Any, at: datetime) -> None:
    """The telephones that ring about it at this moment are stopped by a promise; those picked up hear who has it."""
    ringing = rows.filter(channel="voice", state="accepted").exclude(provider_id="")
    for delivery_id, month, call_id, route_id, brand_id in ringing.values_list(
        "id", "month", "provider_id", "route_id", "brand_id"
    ):
        promises.promise(
            HANG_UP,
            subject=("delivery", delivery_id),
            due_at=at,
            why=_("it is no longer needed that this telephone rings"),
            at=at,
            facts={"month": month.isoformat(), "call": call_id, "route": route_id},
            occurrence=f"{route_id}:{call_id}",
            brand_id=brand_id,
        )


@transaction.atomic
def mark_delivery_seen(
    *, delivery_id: UUID, month: date, seen: Literal["delivered", "read"], by: Actor, via: Door, at: datetime
) -> None:
    """The recipient's own page or phone has shown the message, or they have opened it. Repeating it changes nothing.

    Raises NotFound, Forbidden for anybody but the person it was sent to.
    """
    del via
    row = Delivery.objects.select_for_update().filter(id=delivery_id, month=month).first()
    if row is None:
        raise NotFound(_("A message was seen."), _("It is not in the ledger."), "")
    if (row.recipient_kind, row.recipient_id) != (by.kind, by.id):
        raise Forbidden(_("A message was seen."), _("It was sent to somebody else."), "")
    if decide.is_news(cast(State, row.state), seen):
        _move(row, seen, "", at)
        _save_moved([row])
        _written_receipt(row, row.channel, row.route_id, seen, "", "", at).save(force_insert=True)
    if row.channel == "push":
        Device.objects.filter(method__channel="push", method__address=row.address).update(seen_at=at)


# Receipts


@transaction.atomic
def note_receipt(
    *,
    route_id: int | None,
    receipt: Receipt,
    delivery_id: UUID | None = None,
    month: date | None = None,
    attempt: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> bool:
    """What the provider said is in the ledger; False where it means no delivery of ours.

    Found by `delivery_id` and `month` where the provider repeats them, else by its own id (`queries.delivery_meant`). A
    text of several parts has arrived when all of them have. Good news always counts, and never goes backwards. Bad news
    counts for the route and attempt that the delivery is at: the next route gets it at once, or it has failed. Where it is
    not said which route it was (`route_id` None, as in a bounce), it was the one that the delivery is at. A dead address
    is marked at its person.
    """
    del by, via
    about = (delivery_id, month, attempt) if delivery_id is not None and month is not None else None
    return _note_receipts(route_id, [(receipt, about)], at)[0]


@dataclass(frozen=True, slots=True)
class _Noting:
    """Receipts of one route that are taken together. `told`: those in the ledger, where they matter, and those to be written."""

    route_id: int | None
    route_name: str
    at: datetime
    told: list[Attempt]


def _note_receipts(
    route_id: int | None, news: Sequence[tuple[Receipt, tuple[UUID, date, int | None] | None]], at: datetime
) -> list[bool]:
    """`note_receipt` for many, in their order, inside the caller's transaction. Each with (id, month, attempt) or None.

    People are locked before deliveries, and these by id, here as everywhere.
    """
    found = iter(deliveries_meant(route_id or 0, [receipt for receipt, about in news if about is None]))
    meant: list[tuple[tuple[UUID, date] | None, int | None, Receipt]] = []
    for receipt, about in news:
        if about is not None:
            meant.append((about[:2], about[2], receipt))
            continue
        row, spelled = next(found)
        meant.append(((row.id, row.month) if row is not None else None, None, spelled))
    dead = {key[0]: receipt.reason for key, _attempt, receipt in meant if key is not None and receipt.unreachable}
    if dead:
        for row in Delivery.objects.filter(id__in=dead).order_by("id"):
            mark_broken(row.channel, row.address, dead[row.id], at)
    keys = {key for key, _attempt, _receipt in meant if key is not None}
    wanted = Delivery.objects.filter(id__in=[id_ for id_, _month in keys], month__in={month for _id, month in keys})
    rows = {(row.id, row.month): row for row in wanted.order_by("id").select_for_update()} if keys else {}
    before = {key: _movable(row) for key, row in rows.items()}
    counted = {key[0] for key, _attempt, one in meant if key is not None and (len(one.part_ids) > 1 or one.redial)}
    mine = Attempt.objects.filter(delivery_id__in=counted, route_id=route_id, is_receipt=True)
    route = Route.objects.filter(id=route_id or 0).first() if rows else None
    noting = _Noting(route_id, route.name if route else "", at, list(mine) if counted else [])
    known = len(noting.told)
    for key, attempt, receipt in meant:
        if key in rows:
            _take_receipt(noting, rows[key], attempt, receipt)
    moved = [row for key, row in rows.items() if _movable(row) != before[key]]
    _save_moved(moved)
    if moved:
        tell_companions([row.id for row in moved])
    Attempt.objects.bulk_create(noting.told[known:])
    return [key in rows for key, _attempt, _receipt in meant]


def _take_receipt(noting: _Noting, row: Delivery, attempt: int | None, receipt: Receipt) -> None:
    """What it changes in the row, which is locked and saved by the caller."""
    route_id, at = noting.route_id or row.route_id, noting.at
    state, bad = cast(State, row.state), receipt.state in ("failed", "expired")
    # Whatever is said of how it began, after it has failed there, was only slower on its way.
    overtaken = (receipt.state, state, receipt.provider_id) == ("accepted", "failed_for_now", row.provider_id)
    row.provider_id = row.provider_id or receipt.provider_id
    row.route_id = row.route_id or route_id
    if bad and not _still_concerns(row, route_id, attempt, receipt):
        return
    if receipt.more_time is not None:
        _give_time(row, attempt, receipt.more_time, at)
    if bad or (decide.is_news(state, receipt.state) and not overtaken):
        part = _part_delivered(noting, row, receipt)
        noting.told.append(
            _written_receipt(
                row, noting.route_name, route_id, receipt.state, part or receipt.reason, receipt.provider_id, at
            )
        )
        if part:
            return
    if bad:
        _take_bad_news(noting, row, receipt)
    elif decide.is_news(state, receipt.state) and receipt.state != "accepted":
        _move(row, receipt.state, "", at)


def _part_delivered(noting: _Noting, row: Delivery, receipt: Receipt) -> str:
    """ "" unless the receipt tells of one part while others are still to come: then the words for that."""
    if receipt.state != "delivered" or len(receipt.part_ids) < 2:
        return ""
    told = {one.provider_id for one in noting.told if (one.delivery_id, one.outcome) == (row.id, "delivered")}
    arrived = {receipt.provider_id, *told} & set(receipt.part_ids)
    if len(arrived) >= len(receipt.part_ids):
        return ""
    return _("{number} of {total} parts have arrived.").format(number=len(arrived), total=len(receipt.part_ids))


def _still_concerns(row: Delivery, route_id: int | None, attempt: int | None, receipt: Receipt) -> bool:
    """Whether bad news of that route and attempt changes anything: the delivery is open there, and has not arrived.

    That a telephone was not answered is news once: voicemail, then the end of that very call. One that ended at this
    attempt was superseded: nobody wants it sent again.
    """
    known = decide.RANK[cast(State, row.state)] >= decide.RANK["expired"]
    told = receipt.redial is not None and row.state == "failed_for_now"
    over = row.ended_at is not None and attempt == row.attempt
    return not (known or told or over) and row.route_id == route_id and attempt in (None, row.attempt)


def _give_time(row: Delivery, attempt: int | None, more: timedelta, at: datetime) -> None:
    """Its receipt is missed only after `more`, if that call is what it waits for."""
    if row.state == "accepted" and row.ended_at is None and attempt == row.attempt and row.due_at < at + more:
        row.due_at = at + more


def _take_bad_news(noting: _Noting, row: Delivery, receipt: Receipt) -> None:
    route_id, at = noting.route_id or row.route_id or 0, noting.at
    if receipt.unreachable or receipt.state == "expired":
        _move(row, receipt.state, receipt.reason, at)
        return
    tried: dict[int, Came] = dict(row.routes_tried)
    if receipt.redial is not None and not receipt.permanent:
        failed = sum((one.delivery_id, one.outcome) == (row.id, "failed") for one in noting.told)
        turn = decide.when_nobody_was_there(
            tried, route_id, failed=failed, after=receipt.redial.after, times=receipt.redial.times, at=at
        )
    else:
        came: Came = "permanent" if receipt.permanent else "temporary"
        turn = decide.Turn("failed_for_now", at, {**tried, route_id: came})
    row.routes_tried = tried_as_json(dict(turn.tried))
    _move(row, turn.state, receipt.reason, at, due_at=turn.due_at)
    promises.wake_workers(promises.SENDER)


def _written_receipt(
    row: Delivery, route_name: str, route_id: int | None, state: str, reason: str, provider_id: str, at: datetime
) -> Attempt:
    """How the ledger keeps what was said; not saved yet."""
    took = at - (_dialled_at(row) or row.accepted_at or at)
    return Attempt(
        id=uuid7(at),
        month=row.month,
        delivery_id=row.id,
        number=row.attempt,
        is_receipt=True,
        route_id=route_id,
        route_name=route_name,
        at=at,
        took_ms=max(0, int(took.total_seconds() * 1000)),
        outcome=state,
        reason=reason[:300],
        provider_id=provider_id[:200],
    )


def _dialled_at(row: Delivery) -> datetime | None:
    """When the telephone began to ring this time; None for what does not ring again and again."""
    if row.channel != "voice":
        return None
    calls = Attempt.objects.filter(delivery_id=row.id, number=row.attempt, is_receipt=False, outcome="accepted")
    return calls.order_by("-at").values_list("at", flat=True).first() or row.leased_at


def _move(row: Delivery, state: State, reason: str, at: datetime, *, due_at: datetime | None = None) -> None:
    """The row, locked and saved by the caller, is in `state`: open again from `due_at` on, else ended. Whoever leased it
    is late.
    """
    row.state = state
    row.reason = reason[:300]
    row.leased_by, row.leased_at = None, None
    row.due_at, row.ended_at = due_at or row.due_at, None if due_at else row.ended_at or at
    if state in ("delivered", "read"):
        row.accepted_at = row.accepted_at or at
        row.delivered_at = row.delivered_at or at
    if state == "read":
        row.read_at = row.read_at or at


def _movable(row: Delivery) -> dict[str, Any]:
    """The values of what `_move` and a receipt may change."""
    return {
        "state": row.state,
        "reason": row.reason,
        "leased_by": row.leased_by,
        "leased_at": row.leased_at,
        "due_at": row.due_at,
        "ended_at": row.ended_at,
        "accepted_at": row.accepted_at,
        "delivered_at": row.delivered_at,
        "read_at": row.read_at,
        "routes_tried": json.dumps(row.routes_tried),
        "provider_id": row.provider_id,
        "route_id": row.route_id,
    }


def _save_moved(rows: Sequence[Delivery]) -> None:
    """Write those values; the rows are locked by the caller."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            UPDATE channels_delivery
            SET state = %(state)s, reason = %(reason)s, leased_by = %(leased_by)s, leased_at = %(leased_at)s,
                due_at = %(due_at)s, ended_at = %(ended_at)s, accepted_at = %(accepted_at)s,
                delivered_at = %(delivered_at)s, read_at = %(read_at)s, routes_tried = %(routes_tried)s,
                provider_id = %(provider_id)s, route_id = %(route_id)s
            WHERE id = %(id)s AND month = %(month)s
            """,
            [{**_movable(row), "id": row.id, "month": row.month} for row in rows],
        )


def _move_all(rows: Any, state: State, at: datetime) -> int:
    """All of the open `rows` that nobody has accepted yet end in `state`; returns how many."""
    unsent = rows.filter(state__in=("queued", "sending", "failed_for_now"))
    return int(unsent.update(state=state, ended_at=at, leased_by=None, leased_at=None))


# What comes in


@transaction.atomic
def receive_inbound(
    *, route_id: int, channel: str, heard: Sequence[Heard], genuine: bool, by: Actor, via: Door, at: datetime
) -> list[Inbound]:
    """What a provider told us is kept as it came, and then read and acted on; what cannot be read stays with its error.

    `genuine`: the provider's signature fitted. A request that is not (outcome FORGED) is acted on by nobody, and only
    FORGERIES_KEPT_A_MINUTE are kept. A reply told twice (outcome REPEATED) is acted on once; so is a key, whose outcome
    is the sentence to say back each time. Whatever goes wrong in acting on one undoes only the acting. Only receipts may
    be told several at once: should one of them spoil it all, nothing is kept, and it raises; tell fewer at once then.
    """
    rows = keep_inbound(route_id=route_id, channel=channel, heard=heard, genuine=genuine, by=by, via=via, at=at)
    if not genuine:
        return rows
    try:
        with transaction.atomic():
            _act_on(rows, heard, by, via, at)
    except Exception as error:  # one poisonous request must not stop the door; it is kept with what was wrong
        if len(rows) > 1 or promises.lost_connection():
            raise
        _set_aside(rows[0], error)
    alike: dict[tuple[str, str, str], list[UUID]] = {}
    for row in rows:
        alike.setdefault((row.sender, row.outcome, row.error), []).append(row.id)
    for (sender, outcome, error_), ids in alike.items():
        Inbound.objects.filter(id__in=ids).update(sender=sender, outcome=outcome, error=error_)
    return rows


@transaction.atomic
def keep_inbound(
    *, route_id: int, channel: str, heard: Sequence[Heard], genuine: bool, by: Actor, via: Door, at: datetime
) -> list[Inbound]:
    """What a provider told us is kept as it came; of what is not `genuine` (outcome FORGED) FORGERIES_KEPT_A_MINUTE only."""
    del by, via
    rows = [
        Inbound(
            id=uuid7(at),
            at=at,
            channel=channel,
            route_id=route_id,
            raw=one.raw,
            headers=dict(one.headers),
            outcome="" if genuine else FORGED,
            error="" if genuine else _("The signature does not fit. Is the auth token right, and the public URL?"),
        )
        for one in heard
    ]
    kept = len(rows)
    if not genuine:
        recent = Inbound.objects.filter(route_id=route_id, outcome=FORGED, at__gt=at - timedelta(minutes=1)).count()
        kept = max(0, FORGERIES_KEPT_A_MINUTE - recent)
    Inbound.objects.bulk_create(rows[:kept])
    return rows


@transaction.atomic
def note_inbound(
    *, inbound_id: UUID, outcome: str = "", error: str = "", sender: str = "", by: Actor, via: Door, at: datetime
) -> None:
    """What came of something that a provider told us, or what was wrong with it."""
    del by, via, at
    told = {"outcome": outcome[:200], "error": error[:2000], "sender": sender[:320]}
    Inbound.objects.filter(id=inbound_id).update(**told)


def _act_on(rows: Sequence[Inbound], heard: Sequence[Heard], by: Actor, via: Door, at: datetime) -> None:
    route_id = rows[0].route_id or 0
    receipts: list[tuple[Inbound, Receipt, tuple[UUID, date, int] | None]] = []
    for row, one in zip(rows, heard, strict=True):
        said = _read(row, one)
        if isinstance(said, Receipt):
            receipts.append((row, said, one.about))
        elif said is not None and len(rows) > 1:
            raise ValueError("Only receipts are taken together: what people say locks more than deliveries.")
        elif isinstance(said, Key):
            row.outcome = _take_key(row, said, one.about, by, via, at)[:200]
        elif said is not None:
            row.sender = said.sender
            row.outcome = _take_reply(row, said, via, at)[:200]
            if said.to_message:  # whoever answers it has read it; after the verb, which locks its subject first
                _note_receipts(route_id, [(Receipt(said.to_message, "read"), None)], at)
    known = _note_receipts(route_id, [(receipt, about) for _row, receipt, about in receipts], at)
    for (row, receipt, about), is_ours in zip(receipts, known, strict=True):
        row.outcome = receipt.state if is_ours else _("This is no message of ours.")
        if not is_ours and about is None:
            _look_again(row, receipt, at)


def _read(row: Inbound, heard: Heard) -> Receipt | Reply | Key | None:
    """What it says; None where it cannot be read, which the row then tells."""
    try:
        return heard.read()
    except Exception as error:  # the octets are kept, and the rest goes on
        _set_aside(row, error)
        return None


def _set_aside(row: Inbound, error: Exception) -> None:
    log.error("What a provider told us could not be read (inbound %s)", row.id, exc_info=error)
    row.outcome, row.error = "", f"{type(error).__name__}: {error}"[:2000]


def _look_again(row: Inbound, receipt: Receipt, at: datetime) -> None:
    """Another worker may have sent what the receipt is about, and not have recorded it yet."""
    promises.promise(
        FIND_RECEIPT,
        subject=("inbound", row.id),
        due_at=at + LOOK_AGAIN_AFTER,
        why=_("A receipt came for a message that the ledger does not know yet."),
        at=at,
        facts={"receipt": asdict(receipt)},
    )


@transaction.atomic
def find_receipt_again(*, inbound_id: UUID, receipt: Receipt, by: Actor, via: Door, at: datetime) -> str:
    """What came of a receipt that meant no delivery when it came; nothing where its row or its route is gone."""
    row = Inbound.objects.select_for_update().filter(id=inbound_id).first()
    if row is None or row.route_id is None:
        return _("It is not kept any more.")
    if note_receipt(route_id=row.route_id, receipt=receipt, by=by, via=via, at=at):
        row.outcome = receipt.state
        row.save(update_fields=["outcome"])
    return row.outcome


def _wait_for_the_rest(row: Inbound, reply: Reply, via: Door, at: datetime) -> str | None:
    """Keep a piece of a longer text. None where it was the last: `row` then stands for the whole, see `_joined`."""
    assert reply.part is not None
    part = reply.part
    one_at_a_time(f"{row.route_id} {part.key}")  # two pieces at once: the second must see the first
    occurrence = f"{row.route_id}:{reply.id}"
    pieces = _pieces(row.route, reply.sender, part.key, at)
    again = any(piece.part["number"] == part.number for piece in pieces)
    if again or Inbound.objects.filter(occurrence=occurrence).exists():
        return REPEATED
    row.occurrence, row.part = occurrence, {**asdict(part), "text": reply.body, "to": reply.to, "via": via.value}
    row.save(update_fields=["occurrence", "part", "sender"])
    if len(pieces) + 1 == part.total:
        return None
    if not pieces:
        promises.promise(
            JOIN_PIECES,
            subject=("inbound", row.id),
            due_at=at + PIECES_WITHIN,
            why=_("A piece of a longer text came, and the rest is awaited."),
            at=at,
        )
    return WAITS_FOR_THE_REST


def _pieces(route: Route | None, sender: str, key: str, at: datetime) -> list[Inbound]:
    """The pieces of one text that wait, locked; older ones of the same key were another text."""
    waiting = Inbound.objects.select_for_update().filter(
        route=route, sender=sender, at__gt=at - 2 * PIECES_WITHIN, outcome=WAITS_FOR_THE_REST, part__key=key
    )
    return list(waiting.order_by("id"))


def _joined(pieces: Sequence[Inbound], as_: Inbound) -> Reply:
    """The text that the pieces make, in their order. They wait no longer: `as_`, one of them, stands for the whole.

    What is missing is said in words: "ok" without its second half, which may say "but", must not be taken for a command.
    """
    missing = _(" (a piece is missing) ")
    ordered = sorted((piece.part for piece in pieces), key=lambda part: part["number"])
    texts, number = [], 0
    for part in ordered:
        texts += [missing] * (part["number"] > number + 1) + [part["text"]]
        number = part["number"]
    texts += [missing] * (number < ordered[0]["total"])
    Inbound.objects.filter(id__in=[piece.id for piece in pieces]).update(outcome=JOINED, part={})
    as_.part = {}
    name = (as_.occurrence or "").partition(":")[2]
    return Reply(name, as_.sender, ordered[0]["to"], "".join(texts))


@transaction.atomic
def join_late_pieces(*, inbound_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """A text of which a piece never came is acted on as far as it is there; returns what came of it."""
    del by, via
    first = Inbound.objects.select_for_update().filter(id=inbound_id, outcome=WAITS_FOR_THE_REST).first()
    if first is None:
        return _("It was whole in time.")
    pieces = _pieces(first.route, first.sender, first.part["key"], first.at + PIECES_WITHIN) or [first]
    came_by = Door(first.part["via"])
    reply = _joined(pieces, first)
    first.outcome = _take_reply(first, reply, came_by, at)[:200]
    first.save(update_fields=["outcome"])
    return first.outcome


def _take_key(row: Inbound, key: Key, about: tuple[UUID, date, int] | None, by: Actor, via: Door, at: datetime) -> str:
    """Act on it once; returns the sentence to say back, "" where the message has no such key.

    Of a message that offers nothing, the first key says that it was heard.

    A key that was understood is the proof that a person was reached; that somebody, or something, picked up is none.
    """
    if about is None:
        raise Invalid(_("A key was pressed."), _("It is not said about which message."), "")
    try:
        with transaction.atomic():
            row.occurrence = f"{row.route_id}:{key.id}"
            row.save(update_fields=["occurrence"])
    except IntegrityError:
        said = Inbound.objects.get(occurrence=row.occurrence).outcome
        row.occurrence = None
        return said
    delivery_id, month, attempt = about
    delivery, message = delivery_of(delivery_id, month)
    row.sender = delivery.address
    verbs = offered(message.answers)
    if key.verb not in (verbs or ("acknowledge",)):
        return ""
    sentence = _ask_verb(delivery, Answer(cast(Any, key.verb)), via, at) if verbs else _("Thank you.")
    arrived = Receipt(key.call_id, "delivered", reason=_("key {digits}").format(digits=key.digits))
    note_receipt(
        route_id=row.route_id or 0,
        receipt=arrived,
        delivery_id=delivery_id,
        month=month,
        attempt=attempt,
        by=by,
        via=via,
        at=at,
    )
    return sentence


def _take_reply(row: Inbound, reply: Reply, via: Door, at: datetime) -> str:
    """Act on it once; returns what came of it."""
    meant = was_told_as(reply.to_message, row.route_id) if reply.to_message else []
    if meant and not reply.sender:
        reply = replace(reply, sender=meant[0][0].address)
    if reply.part is not None:
        row.sender = reply.sender
        waits = _wait_for_the_rest(row, reply, via, at)
        if waits is not None:
            return waits
        reply = _joined([*_pieces(row.route, reply.sender, reply.part.key, at), row], row)
    try:
        with transaction.atomic():
            # Two of the same at once: the second waits here until the first has committed.
            row.occurrence, row.sender = f"{row.route_id}:{reply.id}", reply.sender
            row.save(update_fields=["occurrence", "sender"])
    except IntegrityError:
        row.occurrence = None
        return REPEATED
    recent = Inbound.objects.filter(sender=reply.sender, at__gt=at - timedelta(minutes=1)).exclude(id=row.id)
    if recent.count() >= COMMANDS_A_MINUTE:
        return TOO_MANY
    word = carrier_word(reply.body) if row.channel == "sms" else None
    if word in ("stop", "start"):
        return _take_carrier_word(row, reply, word, via, at)
    told = meant or has_been_told(reply.sender, row.channel, at - ANSWERED_WITHIN)
    person = person_at(row.channel, reply.sender)
    who = person.pk if person is not None else recipient_of(told[0][0]).person_id if told else None
    if who is not None and (heard := heard_first(who, reply.body, via, at)) is not None:
        return _say_to(who, row, reply, heard, via, at)
    if word is not None:  # "help" is the carrier's only where nobody who listens made more of it
        return _take_carrier_word(row, reply, word, via, at)
    if (spoken := command_of(reply.body, SAID)) is not None and person is not None:
        said, rest = spoken
        return _take_command(row, reply, SAID[said], rest, person, via, at)
    if (noted := _note_of_its_own(row, reply, told)) is not None:
        return _take_command(row, reply, NOTED[0], *noted, via, at)
    if not told:
        return _("This number was told nothing lately.")
    command = parse_answer(reply.body)
    open_ = [(delivery, message) for delivery, message in told if message.answers]
    yes_or_no = wording.yes_or_no(command)
    if yes_or_no is not None and not any(message.code == command.code for _one, message in open_ if command):
        # 1 and 0 answer a question that has no code of its own; where a page has that code, they are the page's.
        uncoded = [(delivery, message) for delivery, message in open_ if not message.code]
        if uncoded:
            command, open_ = yes_or_no, uncoded
    if command is not None and command.code:
        open_ = [(delivery, message) for delivery, message in open_ if message.code == command.code]
    if not open_:
        delivery, message = told[0]
        sentence = (
            _("Nothing with the code {code} was sent to this number.").format(code=command.code)
            if command is not None and command.code
            else wording.what_is_understood((), "")
        )
        return _help(row, delivery, message, sentence, via, at)
    delivery, message = open_[0]
    verbs = offered(message.answers)
    command = meant_among(command, verbs)
    if command is None or command.verb not in verbs:
        if command is None and "note" in verbs:
            _ask_verb(delivery, Answer("note", text=reply.body), via, at)
        return _help(
            row, delivery, message, wording.what_is_understood(verbs, message.code, SAYS.get(message.kind)), via, at
        )
    sentence = _ask_verb(delivery, command, via, at)
    _say_back(delivery, message, sentence, via, at)
    return sentence


def _note_of_its_own(row: Inbound, reply: Reply, told: Sequence[tuple[Delivery, Message]]) -> tuple[str, Person] | None:
    """The words of a note, and whose it is, where one of ours texted one that no message they were told takes. None else."""
    answer = parse_answer(reply.body)
    if answer is None or answer.verb != "note" or answer.code or not NOTED:
        return None
    if any("note" in offered(message.answers) for _delivery, message in told):
        return None
    person = person_at(row.channel, reply.sender)
    return (answer.text, person) if person is not None else None


def _take_command(row: Inbound, reply: Reply, does: Spoken, rest: str, person: Person, via: Door, at: datetime) -> str:
    """Do what somebody of ours texted without having been asked, and say back to them what came of it."""
    try:
        with transaction.atomic():
            sentence = does(rest, actor_of_person(person.pk), via, at)
    except Refusal as refusal:
        sentence = str(refusal)
    return _say_to(person.pk, row, reply, sentence, via, at)


def _say_to(person_id: int, row: Inbound, reply: Reply, sentence: str, via: Door, at: datetime) -> str:
    queue_message(
        kind="answer",
        subject=("person", person_id),
        title=sentence,
        body="",
        to=[Recipient("person", person_id, row.channel, reply.sender, at)],
        brand_id=None,
        valid_until=at + timedelta(minutes=10),
        by=_NIGHTDESK,
        via=via,
        at=at,
    )
    return sentence


def _ask_verb(delivery: Delivery, answer: Answer, via: Door, at: datetime) -> str:
    """The sentence that the verb says, or why it would not."""
    try:
        return take_answer(
            delivery_id=delivery.id,
            month=delivery.month,
            verb=answer.verb,
            text=answer.text,
            by=recipient_of(delivery),
            via=via,
            at=at,
        )
    except Refusal as refusal:
        return str(refusal)


@transaction.atomic
def take_answer(
    *, delivery_id: UUID, month: date, verb: str, text: str = "", by: Actor, via: Door, at: datetime
) -> str:
    """What the message offered as `verb` ("acknowledge") is done by `by`; returns the sentence to say back.

    One function for a text, a link, a mail and a push. `by` is whom the message went to (`queries.recipient_of`), or who
    is signed in. Raises NotFound, Invalid where the message offers no such answer, and whatever the verb refuses.
    """
    delivery, message = delivery_of(delivery_id, month)
    verbs = offered(message.answers)
    if verb not in verbs or verbs[verb][0] not in ANSWER_VERBS:
        raise Invalid(
            _("An answer came: {verb}.").format(verb=verb),
            _("This message does not offer that."),
            wording.what_is_understood(verbs, message.code, SAYS.get(message.kind)),
        )
    name, subject_id = verbs[verb]
    with transaction.atomic():
        sentence = ANSWER_VERBS[name](subject_id, text, by, via, at)
    record(
        MESSAGE_ANSWERED,
        subject=("message", message.id),
        by=by,
        via=via,
        at=at,
        brand_id=message.brand_id,
        facts={"verb": verb, "delivery": str(delivery.id), "asked": name},
    )
    return sentence


@transaction.atomic
def take_mail_answer(
    *, delivery_id: UUID, month: date, words: str, sender: str, by: Actor, via: Door, at: datetime
) -> str:
    """What somebody wrote back to a mail is done, and said back to them by mail; returns the sentence.

    `words` are their own, without quote and signature; `sender` is the address that they wrote from: it must be the
    delivery's, or another of that person's, for a mail's sender proves nothing and the key in its address is only as
    secret as the mail was. Words that mean nothing become a note where one may be left, and what is understood is said
    once. To one address at most ANSWERS_IN_TEN_MINUTES go. Raises NotFound, Forbidden (somebody else's address).
    """
    delivery, message = delivery_of(delivery_id, month)
    if not is_recipients_own(delivery, sender):
        raise Forbidden(
            _("A mail answered a message to {name}.").format(name=by.name),
            _("It came from {sender}, which is none of their addresses.").format(sender=sender),
            _("Answer from an address that stands under how you are reached."),
        )
    if (heard := heard_first(by.person_id, words, via, at)) is not None:
        return _say_by_mail(delivery, message, sender, heard, "answer", via, at)
    command = parse_answer(words)
    if not message.code:
        command = wording.yes_or_no(command) or command
    if command is not None and command.code and command.code != message.code:
        told = has_been_told(delivery.address, delivery.channel, at - ANSWERED_WITHIN)
        same = [(other, said) for other, said in told if said.answers and said.code == command.code]
        if not same:
            sentence = _("Nothing with the code {code} was sent to this address.").format(code=command.code)
            return _say_by_mail(delivery, message, sender, sentence, "answer", via, at)
        delivery, message = same[0]
    verbs = offered(message.answers)
    command = meant_among(command, verbs)
    if command is not None and command.verb in verbs:
        return _say_by_mail(delivery, message, sender, _ask_verb(delivery, command, via, at), "answer", via, at)
    if command is None and words.strip() and "note" in verbs:
        _ask_verb(delivery, Answer("note", text=words[:2000]), via, at)
    sentence = wording.what_is_understood(verbs, message.code, SAYS.get(message.kind))
    if Message.objects.filter(kind="answer.help", subject_kind="message", subject_id=str(message.id)).exists():
        return sentence
    return _say_by_mail(delivery, message, sender, sentence, "answer.help", via, at)


def _say_by_mail(
    delivery: Delivery, message: Message, address: str, sentence: str, kind: str, via: Door, at: datetime
) -> str:
    """The sentence goes to the address that was written from, unless so much went there that it looks like a loop."""
    recent = Delivery.objects.filter(address=address, channel="email", created_at__gt=at - timedelta(minutes=10))
    answers = Message.objects.filter(kind__startswith="answer", at__gt=at - timedelta(minutes=10)).values("id")
    if recent.filter(message_id__in=answers).count() >= ANSWERS_IN_TEN_MINUTES:
        return _("{sentence} (Not said: too many mails went to that address.)").format(sentence=sentence)
    to = Delivery(
        recipient_kind=delivery.recipient_kind, recipient_id=delivery.recipient_id, channel="email", address=address
    )
    _say_back(to, message, sentence, via, at, kind=kind)
    return sentence


def _help(row: Inbound, delivery: Delivery, message: Message, sentence: str, via: Door, at: datetime) -> str:
    """Say what is understood, but not for ever: the other end may be a machine that answers too."""
    since = at - timedelta(minutes=10)
    said = Message.objects.filter(kind="answer.help", at__gt=since, subject_id=_answering(row.sender)).count()
    if said >= HELPS_IN_TEN_MINUTES:
        return TOO_MANY
    _say_back(delivery, message, sentence, via, at, kind="answer.help", subject=("address", _answering(row.sender)))
    return sentence


def _answering(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:40]


def _say_back(
    delivery: Delivery,
    message: Message,
    sentence: str,
    via: Door,
    at: datetime,
    *,
    kind: str = "answer",
    subject: tuple[str, object] | None = None,
) -> None:
    """The sentence goes to where the answer came from. Its subject is the message, so that ending a page lets it go out."""
    queue_message(
        kind=kind,
        subject=subject or ("message", message.id),
        title=sentence,
        body="",
        to=[
            Recipient(
                cast(Any, delivery.recipient_kind),
                int(delivery.recipient_id or 0),
                delivery.channel,
                delivery.address,
                at,
            )
        ],
        brand_id=message.brand_id,
        valid_until=at + timedelta(minutes=10),
        cause=message.id,
        by=_NIGHTDESK,
        via=via,
        at=at,
    )


def _take_carrier_word(row: Inbound, reply: Reply, word: str, via: Door, at: datetime) -> str:
    """STOP and its kin: the carrier lets nothing more through to that number, so its person must see that."""
    if word == "help":
        return _("The carrier answers this word.")
    if word == "stop":
        why = _("{word} was texted from this number: the carrier stops our texts.").format(
            word=reply.body.strip().upper()
        )
        mark_broken(row.channel, reply.sender, why, at)
    record(
        STOP_TEXTED,
        subject=("route", row.route_id),
        by=_NIGHTDESK,
        via=via,
        at=at,
        facts={
            "word": word,
            "name": row.route.name if row.route else "",
            "state": "off" if word == "stop" else "on",
            "inbound": str(row.id),
        },
        text=reply.sender,
    )
    return _("Texts to this number are off.") if word == "stop" else _("Texts to this number are on again.")


_NIGHTDESK = Actor("scheduler", "scheduler", "Nightdesk")


# Phones that take pushes


@transaction.atomic
def add_device(
    *, person_id: int, endpoint: str, p256dh: str, auth: str, label: str, by: Actor, via: Door, at: datetime
) -> Device:
    """The person's browser takes our pushes: it is one more way to reach them, used at once when they are rung.

    `endpoint`, `p256dh` and `auth` are what the browser's subscription says (keys in base64url). Only one's own browser can
    be added. A browser that is known already keeps its rules, and so does one of the same `label` whose subscription has
    ended; one that was somebody else's is theirs no more. Raises Forbidden, PushNotSetUp, and Invalid for an endpoint or
    keys that are none, and for more than DEVICES_EACH.
    """
    if by.person_id != person_id or brands_for(by, "add_device") == set():
        raise forbidden(by, "add_device")
    asked = _("This phone was to be notified.")
    key, route = make_push_key(by=_NIGHTDESK, via=via, at=at), _push_route(via, at)
    opened = settings_of(route)
    if not push.subject_of(opened):
        raise PushNotSetUp(
            asked,
            _("Push services want a public address of ours, and neither our URL nor the sender of our mail has one."),
            _("Set a contact at the provider “{name}”, or NIGHTDESK_PUBLIC_URL to an https address.").format(
                name=route.name
            ),
        )
    _check_subscription(endpoint, p256dh, auth, bool(opened.get("allow_private")), asked)
    label = " ".join(label.split())[:40] or _("A browser")
    Person.objects.select_for_update().get(id=person_id)
    devices = list(Device.objects.filter(method__person_id=person_id).select_related("method"))
    known = Device.objects.filter(endpoint=endpoint).select_related("method").first()
    if known is not None and known.method.person_id != person_id:
        remove_contact_method(method_id=known.method_id, by=_NIGHTDESK, via=via, at=at)
        known = None
    known = known or next((one for one in devices if one.gone_at is not None and one.method.label == label), None)
    if known is not None:
        return _renewed(known, endpoint, p256dh, auth, by, via, at)
    if len(devices) >= DEVICES_EACH:
        raise Invalid(
            asked,
            _("There are {count} phones and browsers of yours already.").format(count=len(devices)),
            _("Remove one that you no longer use from your ways to be reached."),
        )
    device = Device(id=uuid7(at), endpoint=endpoint, p256dh=p256dh, auth=auth, made_at=at)
    device.method = add_contact_method(
        person_id=person_id, channel="push", address=str(device.id), label=label, by=by, via=via, at=at
    )
    with unless_taken(asked, _("Somebody else is adding it at this moment."), _("Try again.")):
        device.save(force_insert=True)
    add_notify_rules(person_id=person_id, method_id=device.method_id, by=by, via=via, at=at)
    record(
        DEVICE_ADDED,
        subject=("person", person_id),
        by=by,
        via=via,
        at=at,
        facts={"device": label, "key": key.public[:12], "service": urlsplit(endpoint).hostname or ""},
    )
    return device


@transaction.atomic
def renew_device(
    *, device_id: UUID, endpoint: str, p256dh: str, auth: str, by: Actor, via: Door, at: datetime
) -> Device:
    """The browser has a new subscription in place of its old one; rules and label stay. Repeating it changes nothing.

    It is the browser that asks, by the token that it was given when it was added (`links.read_device_token`). Raises
    NotFound where it is not one of ours any more, and Invalid as `add_device` does.
    """
    asked = _("A phone renewed its notifications.")
    device = Device.objects.select_related("method").filter(id=device_id, method__person__active=True).first()
    if device is None:
        raise NotFound(asked, _("It was removed."), _("Press “Notify this phone” on it once more."))
    allowed = bool(shown_settings_of(_push_route(via, at)).get("allow_private"))
    _check_subscription(endpoint, p256dh, auth, allowed, asked)
    if Device.objects.filter(endpoint=endpoint).exclude(id=device.id).exists():
        raise Invalid(asked, _("That subscription is another phone's."), _("Subscribe anew."))
    return _renewed(device, endpoint, p256dh, auth, by, via, at)


@transaction.atomic
def make_push_key(*, by: Actor, via: Door, at: datetime) -> PushKey:
    """The key pair that signs our pushes: the one there is, else a new one. It never changes by itself."""
    if (key := push_key()) is not None:
        return key
    private = ec.generate_private_key(ec.SECP256R1())
    raw = private.private_numbers().private_value.to_bytes(32)
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    fresh = PushKey(public=_base64url(public), sealed=vault.seal(_base64url(raw).encode()), made_at=at)
    try:
        with transaction.atomic():
            fresh.save(force_insert=True)
    except IntegrityError:  # somebody else's first need came at the same moment
        return PushKey.objects.get(replaced_at=None)
    record(PUSH_KEY_MADE, subject=("push_key", fresh.pk), by=by, via=via, at=at, facts={"key": fresh.public[:12]})
    return fresh


@transaction.atomic
def replace_push_key(*, by: Actor, via: Door, at: datetime) -> PushKey:
    """A new key pair signs our pushes, because the old one was lost or seen. Every phone has to be added once more: its
    subscription hangs on the old key, so it counts as gone, and its owner sees that. Raises Forbidden.
    """
    require(by, "replace_push_key", None)
    PushKey.objects.filter(replaced_at=None).update(replaced_at=at)
    cut_off = list(Device.objects.filter(gone_at=None).select_related("method"))
    for device in cut_off:
        mark_broken("push", device.method.address, _("The key of our notifications was replaced."), at)
    record(PUSH_KEY_REPLACED, subject=("push_key", 0), by=by, via=via, at=at, facts={"count": len(cut_off)})
    return make_push_key(by=by, via=via, at=at)


def _push_route(via: Door, at: datetime) -> Route:
    """The route of push, the first where there are several; made where there is none, so that an administrator sees it."""
    route = Route.objects.filter(channel="push").first()
    if route is not None:
        return route
    return save_route(channel="push", driver="push", name=_("Web push"), config={}, by=_NIGHTDESK, via=via, at=at)


def _renewed(device: Device, endpoint: str, p256dh: str, auth: str, by: Actor, via: Door, at: datetime) -> Device:
    now, before = (endpoint, p256dh, auth), (device.endpoint, device.p256dh, device.auth)
    if now == before and device.gone_at is None:
        return device
    device.endpoint, device.p256dh, device.auth, device.gone_at = *now, None
    device.save(update_fields=["endpoint", "p256dh", "auth", "gone_at"])
    if device.method.broken_at is not None:
        confirm_contact_method(method_id=device.method_id, by=_NIGHTDESK, via=via, at=at)
    facts = {"device": device.method.label, "service": urlsplit(endpoint).hostname or ""}
    record(DEVICE_RENEWED, subject=("person", device.method.person_id), by=by, via=via, at=at, facts=facts)
    return device


def _check_subscription(endpoint: str, p256dh: str, auth: str, anywhere: bool, asked: str) -> None:
    if wrong := push.subscription_fault(endpoint, p256dh, auth, anywhere=anywhere):
        raise Invalid(asked, wrong, _("Take away the permission in the browser's settings, and give it again."))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# Routes


@transaction.atomic
def save_route(
    *,
    channel: str,
    driver: str,
    name: str,
    config: Mapping[str, Any],
    secrets: Mapping[str, Any] | None = None,
    route_id: int | None = None,
    brand_id: int | None = None,
    position: int = 0,
    enabled: bool = True,
    by: Actor,
    via: Door,
    at: datetime,
) -> Route:
    """The route is set up so, and starts afresh without any failures; a new one where `route_id` is None.

    `config` and `secrets` are the driver's fields (which is which the driver knows); a secret that is empty or missing
    stays as it was. Raises NotFound, Forbidden,
    Invalid (unknown driver or field, a required one missing, a value that does not fit, a name that is taken).
    """
    require(by, "save_route", brand_id)
    asked = _("The route {name} was to be set up.").format(name=name)
    known = CHANNELS.get(driver)
    if known is None or (known.channel and known.channel != channel) or not name.strip():
        raise Invalid(
            asked,
            _("There is no driver {driver} for {channel}, or the name is empty.").format(
                driver=driver, channel=channel
            ),
            _("Choose one of {drivers}.").format(drivers=", ".join(CHANNELS)),
        )
    route = (
        Route(channel=channel) if route_id is None else Route.objects.select_for_update().filter(id=route_id).first()
    )
    if route is None:
        raise NotFound(asked, _("It does not exist."), _("Make a new one."))
    if route_id is not None:
        require(by, "save_route", route.brand_id)  # nobody takes another brand's route
    if Route.objects.filter(channel=channel, name=name.strip()).exclude(id=route.id or 0).exists():
        raise Invalid(asked, _("There is a route of that name already."), _("Choose another name."), field="name")
    given = {**config, **(secrets or {})}
    open_, secret = _sorted_settings(known, given, route, asked)
    before = {"driver": route.driver, "enabled": route.enabled, "position": route.position, "config": route.config}
    route.channel, route.driver, route.name, route.brand_id = channel, driver, name.strip()[:60], brand_id
    route.position, route.enabled, route.config = position, enabled, open_
    route.secrets = vault.seal(json.dumps(secret).encode()) if secret else b""
    route.failures, route.resting_until = 0, None
    if route_id is None:
        route.save(force_insert=True)
    else:
        fields = ["channel", "driver", "name", "brand", "position", "enabled", "config", "secrets", "failures"]
        route.save(update_fields=[*fields, "resting_until"])
    after = {"driver": driver, "enabled": enabled, "position": position, "config": open_}
    record(
        ROUTE_SAVED,
        subject=("route", route.id),
        by=by,
        via=via,
        at=at,
        brand_id=brand_id,
        facts={
            "name": route.name,
            "channel": channel,
            "changed": {key: after[key] for key in after if route_id is None or before[key] != after[key]},
            "secrets": sorted(field.name for field in known.fields if field.secret and given.get(field.name)),
        },
    )
    promises.wake_workers(promises.SENDER)
    return route


@transaction.atomic
def remove_route(*, route_id: int, by: Actor, via: Door, at: datetime) -> None:
    """The route is gone, and its secrets with it; what it has sent stays in the ledger. Raises NotFound, Forbidden."""
    route = Route.objects.select_for_update().filter(id=route_id).first()
    if route is None:
        require(by, "remove_route", None)
        raise NotFound(_("A route was to be removed."), _("It does not exist."), "")
    require(by, "remove_route", route.brand_id)
    record(
        ROUTE_REMOVED,
        subject=("route", route.id),
        by=by,
        via=via,
        at=at,
        brand_id=route.brand_id,
        facts={"name": route.name, "channel": route.channel, "driver": route.driver},
    )
    route.delete()


def _sorted_settings(
    driver: Driver, given: Mapping[str, Any], route: Route, asked: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what may be shown, what is secret) of the driver's fields. Raises Invalid."""
    unknown = given.keys() - {field.name for field in driver.fields}
    if unknown:
        raise Invalid(
            asked,
            _("{driver} has no {fields}.").format(driver=driver.name, fields=", ".join(sorted(unknown))),
            _("Leave that out."),
        )
    kept: dict[str, Any] = {}
    if route.secrets and route.driver == driver.name:
        try:
            kept = json.loads(vault.open_(bytes(route.secrets)))
        except vault.Unreadable:
            log.warning("The secrets of route %s cannot be read; they must be given anew", route.name)
    open_: dict[str, Any] = {}
    secret: dict[str, Any] = {}
    for field in driver.fields:
        value = _fitting(field, given.get(field.name), asked)
        if value is None and field.secret:
            value = kept.get(field.name)
        if value is None and field.required:
            raise Invalid(asked, _("{field} is missing.").format(field=field.label), _("Give it."), field=field.name)
        if value is not None:
            (secret if field.secret else open_)[field.name] = value
    if driver.check is not None and (wrong := driver.check({**open_, **secret})):
        raise Invalid(asked, wrong, _("Change that, and save it again."))
    return open_, secret


_PRICE = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?")


def _fitting(field: Field, value: Any, asked: str) -> Any:
    """`value` as the field keeps it; None for nothing. Raises Invalid."""
    if isinstance(value, str):
        value = value.strip()
    if value is None or value == "":
        return None
    fits: Any = None
    match field.kind:
        case "integer" if str(value).isascii() and str(value).isdigit():
            fits = int(value)
        case "price" if _PRICE.fullmatch(str(value)):
            fits = str(value)
        case "flag":
            fits = value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
        case "choice" if value in field.choices:
            fits = value
        case "pattern" if isinstance(value, str) and _is_pattern(value):
            fits = value
        case "text" | "long" if isinstance(value, str) and len(value) <= 20_000:
            fits = value
    if fits is None:
        expected = ", ".join(field.choices) or field.kind
        raise Invalid(
            asked,
            _("{field} does not take {value}.").format(field=field.label, value=repr(value)[:60]),
            _("Expected: {expected}.").format(expected=expected),
            field=field.name,
        )
    if field.check is not None and (problem := field.check(fits)):
        raise Invalid(asked, problem, _("Give another one."), field=field.name)
    return fits


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return len(text) <= 500
