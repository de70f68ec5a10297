"""People told something that is no page: by their own quiet ways, and by mail where a report goes out; or by their loud ones."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from nightdesk.base.actors import Actor, Door
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.channels.mail_form import NOTICE, MailForm
from nightdesk.paging import decide
from nightdesk.people.queries import contacts_and_rules, cut_off


def tell_quietly(
    person_ids: Collection[int],
    *,
    kind: str,
    subject: tuple[str, object],
    title: str,
    body: str,
    brand_id: int,
    cause: UUID | None = None,
    only: str = "",
    mail: MailForm = NOTICE,
    by: Actor,
    via: Door,
    at: datetime,
) -> int:
    """Queue it for each by the rules of low urgency, or where `only` names a channel by that one; returns to how many."""
    to = _ways(person_ids, decide.Urgency.LOW, at, only=only)
    if to:
        queue_message(
            kind=kind,
            subject=subject,
            title=title,
            body=body,
            to=to,
            brand_id=brand_id,
            cause=cause,
            lane="bulk",
            mail=mail,
            by=by,
            via=via,
            at=at,
        )
    return len({one.id for one in to})


def tell_loudly(
    person_ids: Collection[int],
    *,
    kind: str,
    subject: tuple[str, object],
    title: str,
    body: str,
    answers: Mapping[str, Sequence[str]],
    code: str,
    brand_id: int,
    cause: UUID | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> int:
    """Queue it for each by the rules of high urgency, to be answered as `answers` says; returns to how many."""
    to = _ways(person_ids, decide.Urgency.HIGH, at)
    if to:
        queue_message(
            kind=kind,
            subject=subject,
            title=title,
            body=body,
            to=to,
            brand_id=brand_id,
            code=code,
            answers=answers,
            cause=cause,
            by=by,
            via=via,
            at=at,
        )
    return len({one.id for one in to})


def _ways(person_ids: Collection[int], urgency: decide.Urgency, at: datetime, *, only: str = "") -> list[Recipient]:
    to = []
    cut = {str(method_id) for method_id in cut_off(person_ids, at)}
    for person_id, (methods, rules) in contacts_and_rules(person_ids).items():
        by_key = {str(method.pk): method for method in methods if not only or method.channel == only}
        reach = decide.deliveries_for(
            [decide.Rule(rule.after, str(rule.method_id), decide.Urgency(rule.urgency)) for rule in rules],
            [decide.Contact(key, method.channel, method.broken_at is None) for key, method in by_key.items()],
            urgency,
            at,
            out_of_reach=cut,
        )
        to += [
            Recipient("person", person_id, by_key[one.contact].channel, by_key[one.contact].address, one.due_at)
            for one in reach.deliveries
        ]
    return to
