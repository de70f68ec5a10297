"""What comes back by mail: answers to messages of ours, and reports of mail servers on them. Registered in `wiring`.

An answer is found by the key in the address that it came to, so that it is found even where a mail program leaves out what
it answers; else by the ids that it answers, which are deliveries' ids. A report likewise, or by its envelope id.
"""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import NotFound, Refusal
from nightdesk.channels import answering
from nightdesk.channels.actions import note_receipt, take_mail_answer
from nightdesk.channels.driver import Receipt
from nightdesk.channels.links import UNSUBSCRIBE, read_key
from nightdesk.channels.models import Delivery
from nightdesk.channels.queries import asked_by_mail, delivery_by_id, recipient_of
from nightdesk.mailroom.automatic import may_be_auto_reply
from nightdesk.mailroom.handing import Arrived, Taken
from nightdesk.mailroom.own_words import own_words
from nightdesk.mailroom.reports import Report


def is_key(key: str) -> bool:
    """Whether we made it."""
    try:
        read_key(key)
    except NotFound:
        return False
    return True


def take_answer_mail(arrived: Arrived, key: str, at: datetime) -> Taken:
    """A mail to `page+KEY@...`: the answer of whoever the delivery went to."""
    delivery = _by_key(key)
    if delivery is None:
        return Taken("kept", _("The key in its address is none of ours, or its message is gone."))
    return _take(arrived, delivery, at)


def take_threaded_mail(arrived: Arrived, at: datetime) -> Taken | None:
    """A mail that answers one of ours of which an answer was asked; the nearest that it names counts."""
    delivery = asked_by_mail([one for one in map(_id_in, arrived.letter.thread) if one is not None])
    return _take(arrived, delivery, at) if delivery is not None else None


def take_report(_arrived: Arrived, report: Report, key: str, at: datetime) -> Taken | None:
    """A mail server's report on a delivery: what failed goes another way, a dead address is marked at its person, and whoever
    complains is told no more by it.
    """
    found = [_by_key(key)] if key else []
    found += [_by_mail_id(one) for one in (report.envelope_id, *report.message_ids) if one]
    delivery = next((one for one in found if one is not None and one.channel == "email"), None)
    if delivery is None:
        return None
    said = _receipt(delivery, report)
    outcome = _("{address}: {action}. {reason}").format(
        address=report.recipient or delivery.address, action=report.action, reason=report.reason
    )
    if report.action == "complained":
        outcome = f"{outcome.strip()} {_no_more_of(delivery, at)}"
    if said is None:
        return Taken("done", outcome.strip(), ("delivery", delivery.id), delivery.brand_id)
    # Not the route that was read above: a bounce may be here before the sending itself is written down.
    note_receipt(
        route_id=None,
        receipt=said,
        delivery_id=delivery.id,
        month=delivery.month,
        by=SCHEDULER,
        via=Door.EMAIL,
        at=at,
    )
    return Taken("done", outcome.strip(), ("delivery", delivery.id), delivery.brand_id)


def _no_more_of(delivery: Delivery, at: datetime) -> str:
    """Whoever marks a mail of ours as junk wants no more of it: it is as the click that it offers. What came of it."""
    kind, _colon, thing_id = str(delivery.values.get(UNSUBSCRIBE, "")).partition(":")
    unsubscriber = answering.UNSUBSCRIBE.get(kind)
    if unsubscriber is None:
        return _("The mail has nothing to unsubscribe from.")
    reader = Actor("caller", f"{kind}:{thing_id}"[:60], _("A reader of our mail"))
    try:
        return unsubscriber.end(thing_id, reader, Door.EMAIL, at)
    except Refusal as refusal:
        return str(refusal.so)


def _receipt(delivery: Delivery, report: Report) -> Receipt | None:
    """What the report means for the ledger. Of "delayed" nothing: the server still tries. "relayed" has not arrived."""
    reason = report.reason or _("A mail server says that it cannot be delivered.")
    if report.action == "failed":
        return Receipt(delivery.provider_id, "failed", reason, permanent=True, unreachable=report.unreachable)
    if report.action == "delivered":
        return Receipt(delivery.provider_id, "delivered")
    return None


def _take(arrived: Arrived, delivery: Delivery, at: datetime) -> Taken:
    about = ("delivery", delivery.id)
    if may_be_auto_reply(arrived.letter):
        return Taken("kept", _("It may be an automatic reply, so it is no answer."), about, delivery.brand_id)
    try:
        by = recipient_of(delivery)
        words = own_words(arrived.letter.text, (arrived.letter.from_name, by.name))
        sentence = take_mail_answer(
            delivery_id=delivery.id,
            month=delivery.month,
            words=words,
            sender=arrived.letter.from_address,
            by=by,
            via=Door.EMAIL,
            at=at,
        )
    except Refusal as refusal:
        return Taken("kept", str(refusal), about, delivery.brand_id)
    return Taken("done", sentence, about, delivery.brand_id)


def _by_key(key: str) -> Delivery | None:
    try:
        delivery_id, month = read_key(key)
    except NotFound:
        return None
    return Delivery.objects.filter(id=delivery_id, month=month).first()


def _by_mail_id(text: str) -> Delivery | None:
    """The delivery whose id stands before the @ of a Message-ID."""
    delivery_id = _id_in(text)
    return delivery_by_id(delivery_id) if delivery_id is not None else None


def _id_in(text: str) -> UUID | None:
    try:
        return UUID(text.partition("@")[0])
    except ValueError:
        return None
