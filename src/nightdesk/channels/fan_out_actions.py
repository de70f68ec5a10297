"""The verbs of messages to very many: one statement writes all their rows; what comes later replaces what is not sent yet.

As `queue_message` they ask no role: the verb that has something to say has asked.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from nightdesk.base import promises
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import first_of
from nightdesk.base.months import month_of
from nightdesk.base.refusals import Invalid
from nightdesk.base.rows import insert
from nightdesk.channels import together
from nightdesk.channels.actions import KEEP_TRYING, MESSAGE_QUEUED
from nightdesk.channels.fan_out_queries import ONCE_EACH, Select, named
from nightdesk.channels.mail_form import NOTICE, MailForm, as_json
from nightdesk.channels.models import Message
from nightdesk.journal.actions import record
from nightdesk.knowledge.phrases import placeholders_in

MAY_BE_OUT = timedelta(seconds=10)
"""How long word is waited for of a message that was replaced in somebody's hands, before what went with it goes by itself."""


@dataclass(frozen=True, slots=True)
class Queued:
    """`written`: by channel, how many rows are new. `message_id` is the same each time."""

    message_id: UUID
    written: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many rows are new, in all."""
        return sum(self.written.values())


@transaction.atomic(savepoint=False)  # part of the verb that has something to say: they stand or fall together
def queue_from(
    *,
    found: "QuerySet[Any, Any] | Select",
    once: str,
    variant: str = "",
    kind: str,
    subject: tuple[str, object],
    title: str,
    body: str,
    brand_id: int | None,
    said_at: datetime,
    valid_until: datetime | None = None,
    cause: UUID | None = None,
    lane: Literal["urgent", "bulk"] = "bulk",
    mail: MailForm = NOTICE,
    by: Actor,
    via: Door,
    at: datetime,
) -> Queued:
    """Everybody who is found has one row in the ledger, written by one statement, and it goes out now.

    `once` names what is told ("update 0199..."): whoever is told it, in whatever `variant` (language, effect), has one row
    for each channel, however often this is called; of several addresses the one of the lowest rank counts. Who has no id
    counts by the address. `said_at` is the instant of what is told, and the same each time: the message's id and the month
    of its rows come from it.

    `{{ name }}` in title, body and mail becomes the row's value of that name, and nothing in a value is looked at again.
    The value "unsubscribe" is what may be unsubscribed, as "kind:id" (see `answering.UNSUBSCRIBE`), and becomes its address.
    Without `valid_until` it is tried for KEEP_TRYING. One entry in the journal says how many rows a call has written; none
    where it wrote none.

    Raises Invalid where a place has no value for somebody, and for a chat's URL in place of its address.
    """
    title = " ".join(title.split())
    message = Message(
        id=_id_of(once, variant, said_at),
        at=said_at,
        brand_id=brand_id,
        kind=kind,
        subject_kind=subject[0],
        subject_id=str(subject[1]),
        title=title[:200],
        body=body,
        valid_until=valid_until,
        cause=cause,
        mail=as_json(mail),
    )
    insert([message], unless_there=True)
    places = placeholders_in(f"{title}\n{body}\n{mail.html}")
    written = _write(found, message, once, sorted(places), lane, valid_until or said_at + KEEP_TRYING, at)
    if written:
        record(
            MESSAGE_QUEUED,
            subject=("message", message.id),
            by=by,
            via=via,
            at=at,
            brand_id=brand_id,
            facts={
                "kind": kind,
                "about": [subject[0], str(subject[1])],
                "count": sum(written.values()),
                "channels": written,
            },
            cause=cause,
        )
        promises.wake_workers(promises.SENDER)
    return Queued(message.id, written)


@transaction.atomic
def supersede_queued(*, subject: tuple[str, object], before: datetime, by: Actor, via: Door, at: datetime) -> int:
    """What was said about the subject before that instant, and has not been handed over, is sent no more to those for whom
    something newer about it lies in the ledger by the same channel; returns how many messages that replaces.

    Whoever has nothing newer still gets it. What is on its way at this moment may still arrive, and its row then tells so.
    The journal entry is that of the verb that says the newer thing.
    """
    del by, via
    replaced = _move_replaced(subject, before, at)
    if replaced:
        promises.wake_workers(promises.SENDER)  # a sender that holds one of them looks again
    return replaced


@transaction.atomic
def gather_queued(
    *,
    kind: str,
    subject: tuple[str, object],
    among: Collection[object],
    said_at: datetime,
    waiting: Select | None,
    by: Actor,
    via: Door,
    at: datetime,
) -> int:
    """Whoever is to get what was said of the subject at `said_at`, and has not been sent something about others of the same kind
    (`among`, their ids), gets all of it in one message by each channel of `together.CHANNELS`; and how many more rows go along.

    Each row stays what it is; the others go with the one that goes first, and at the earliest time that one of them has.
    `waiting` (recipient_kind, recipient_id, channel, until): what was said just now waits so long, for something to go with. What
    has begun to leave is left alone. The journal entry is that of the verb that says it.
    """
    del by, via
    given: dict[str, Any] = {
        "kind": subject[0],
        "id": str(subject[1]),
        "said_at": said_at,
        "message_kind": kind,
        "ids": [str(subject[1]), *(str(one) for one in among)],
        "channels": list(together.CHANNELS),
    }
    with connection.cursor() as cursor:
        if waiting is not None:
            sql, parameters = named(waiting)
            cursor.execute(_WAIT.format(waiting=sql), parameters | given | {"at": at})
        cursor.execute(_GATHER, given)
        return int(cursor.rowcount)


_HAS_NOT_LEFT = (
    "d.ended_at IS NULL AND d.state = 'queued' AND d.attempt = 0 AND d.leased_by IS NULL AND d.lane = 'bulk'"
)
_WAIT = f"""
UPDATE channels_delivery d SET due_at = greatest(d.due_at, w.until)
FROM ({{waiting}}) AS w (recipient_kind, recipient_id, channel, until)
WHERE d.subject_kind = %(kind)s AND d.subject_id = %(id)s AND d.created_at = %(said_at)s AND {_HAS_NOT_LEFT}
  AND d.recipient_kind = w.recipient_kind AND d.recipient_id = w.recipient_id AND d.channel = w.channel
  AND d.channel = ANY(%(channels)s)
"""  # noqa: S608 - the text above
# Rows are locked by id, as everywhere. What goes with one that has begun to leave is on its way, and is none of these.
_GATHER = f"""
WITH unsent AS MATERIALIZED (
    SELECT d.id, d.month, d.goes_with, d.recipient_kind, d.recipient_id, d.channel, d.address, d.brand_id, d.rank, d.created_at,
           d.due_at, d.subject_id = %(id)s AND d.created_at = %(said_at)s AS is_new
    FROM channels_delivery d
    WHERE d.subject_kind = %(kind)s AND d.subject_id = ANY(%(ids)s::text[]) AND d.recipient_id <> ''
      AND d.channel = ANY(%(channels)s) AND {_HAS_NOT_LEFT}
      AND EXISTS (SELECT FROM channels_message m WHERE m.id = d.message_id AND m.kind = %(message_kind)s AND m.sealed = '')
    ORDER BY d.id FOR UPDATE OF d
), free AS (
    SELECT u.* FROM unsent u LEFT JOIN unsent w ON w.id = u.goes_with WHERE u.goes_with IS NULL OR w.id IS NOT NULL
), placed AS (
    SELECT id, month, count(*) OVER same AS n, bool_or(is_new) OVER same AS is_news, min(due_at) OVER same AS due_at,
           first_value(id) OVER (same ORDER BY rank, created_at, id) AS first
    FROM free WINDOW same AS (PARTITION BY recipient_kind, recipient_id, channel, address, brand_id)
), gathered AS (
    UPDATE channels_delivery d
    SET goes_with = nullif(p.first, p.id), due_at = p.due_at
    FROM placed p WHERE d.id = p.id AND d.month = p.month AND p.n > 1 AND p.is_news
      AND (d.goes_with IS DISTINCT FROM nullif(p.first, p.id) OR d.due_at <> p.due_at)
    RETURNING d.goes_with
)
SELECT FROM gathered WHERE goes_with IS NOT NULL
"""  # noqa: S608 - the text above


def _move_replaced(subject: tuple[str, object], before: datetime, at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH replaced AS MATERIALIZED (
                SELECT d.id, d.month, d.leased_by IS NOT NULL AS in_hand FROM channels_delivery d
                WHERE d.subject_kind = %(kind)s AND d.subject_id = %(id)s AND d.created_at < %(before)s
                  AND d.ended_at IS NULL AND d.state IN ('queued', 'sending', 'failed_for_now')
                  AND EXISTS (
                      SELECT FROM channels_delivery n
                      WHERE n.subject_kind = %(kind)s AND n.subject_id = %(id)s AND n.created_at >= %(before)s
                        AND n.channel = d.channel AND n.recipient_kind = d.recipient_kind
                        AND n.recipient_id = d.recipient_id AND (d.recipient_id <> '' OR n.address = d.address)
                        AND n.state <> 'superseded')
                ORDER BY d.id FOR UPDATE
            )
            UPDATE channels_delivery d
            SET state = 'superseded', ended_at = %(at)s, leased_by = NULL, leased_at = NULL, goes_with = NULL
            FROM replaced r WHERE d.id = r.id AND d.month = r.month
            RETURNING d.id, r.in_hand
            """,
            {"kind": subject[0], "id": str(subject[1]), "before": before, "at": at},
        )
        replaced = cursor.fetchall()
        # What was to go out with one of them is something else, and goes by itself; where that one is in somebody's hands it
        # may just be out with it, which is known in a moment.
        for due_at, attempt, firsts in (
            (at, 0, [one for one, in_hand in replaced if not in_hand]),
            (at + MAY_BE_OUT, 1, [one for one, in_hand in replaced if in_hand]),
        ):
            cursor.execute(
                "UPDATE channels_delivery SET goes_with = NULL, state = 'queued', due_at = %s, attempt = attempt + %s "
                "WHERE goes_with = ANY(%s) AND ended_at IS NULL",
                [due_at, attempt, firsts],
            )
    return len(replaced)


_WRITE = """, named AS (
    SELECT *, %(once)s::text || ':' || channel || ':' || recipient_kind || ' '
        || coalesce(nullif(recipient_id, ''), address) AS occurrence FROM told
), written AS (
    INSERT INTO channels_delivery (
        id, month, lane, due_at, created_at, message_id, brand_id, occurrence, subject_kind, subject_id,
        recipient_kind, recipient_id, channel, address, state, valid_until, rank, "values")
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(%(ms)s::bigint) FROM 3)
               FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid,
           %(month)s::date, %(lane)s, %(at)s::timestamptz, %(said_at)s::timestamptz, %(message)s::uuid, %(brand)s::bigint,
           CASE WHEN length(occurrence) <= 200 THEN occurrence
                ELSE left(%(once)s::text, 100) || ':' || encode(sha256(convert_to(occurrence, 'UTF8')), 'hex') END,
           %(kind)s, %(subject)s, recipient_kind, recipient_id, channel, address, 'queued', %(until)s::timestamptz,
           rank, "values"
    FROM named ORDER BY rank
    ON CONFLICT (occurrence, month) DO NOTHING
    RETURNING channel
)
SELECT channel, count(*) FROM written GROUP BY channel
UNION ALL
SELECT 'no value', count(*) FROM found WHERE NOT coalesce(jsonb_exists_all("values", %(places)s::text[]), false)
UNION ALL
SELECT 'url', count(*) FROM found WHERE channel = 'chat' AND address LIKE '%%://%%'
"""


def _write(
    found: "QuerySet[Any, Any] | Select",
    message: Message,
    once: str,
    places: Sequence[str],
    lane: str,
    valid_until: datetime,
    at: datetime,
) -> dict[str, int]:
    """By channel, how many rows are new."""
    sql, parameters = named(found)
    with connection.cursor() as cursor:
        cursor.execute(
            ONCE_EACH.format(found=sql) + _WRITE,
            parameters
            | {
                "once": once,
                "ms": message.id.int >> 80,
                "month": month_of(message.at),
                "lane": lane,
                "at": at,
                "said_at": message.at,
                "message": message.id,
                "brand": message.brand_id,
                "kind": message.subject_kind,
                "subject": message.subject_id,
                "until": valid_until,
                "places": list(places),
            },
        )
        counted = dict(cursor.fetchall())
    asked = _("A message to many was to be sent.")
    if lacking := counted.pop("no value"):
        raise Invalid(
            asked,
            _("For {count} of them something is missing that it says: it has the places {places}.").format(
                count=lacking, places=", ".join(places)
            ),
            _("Give each of them all values, or leave the place out."),
        )
    if counted.pop("url"):
        raise Invalid(
            asked,
            _("One of them would go to a chat's URL, which holds secrets; what is sent where is shown to others."),
            _("Set up a route with it, and give service:target, such as slack:#noc."),
        )
    return counted


def _id_of(once: str, variant: str, said_at: datetime) -> UUID:
    """A UUIDv7 of that instant that is the same each time."""
    chance = int.from_bytes(hashlib.sha256(f"{once}\0{variant}".encode()).digest()[:10])
    return UUID(int=first_of(said_at).int | chance & ~(0xF << 76 | 0b11 << 62))
