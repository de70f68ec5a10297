"""Who hears of an outage, as one statement: what `audience.audience` says, for the ledger.

The statement is put together from two halves. `_LINES` gives (contact, channel, address, effect) and what their order and
words hang on; what stands around it makes them messages.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from nightdesk.channels.fan_out_queries import Select
from nightdesk.outages.audience import DAY_FROM, DAY_UNTIL, Line
from nightdesk.outages.effect import Effect

_LINES = """
WITH hit AS MATERIALIZED (
    SELECT t.customer_id, t.subscription_id, t.service_id, t.effect, t.worst, t.since
    FROM outages_touched t JOIN customers_subscription b ON b.id = t.subscription_id AND b.ended_at IS NULL
    WHERE t.outage_id = %(outage)s
),
told AS MATERIALIZED (
    SELECT DISTINCT ON (d.recipient_id, d.channel) d.recipient_id::bigint AS contact_id, d.channel, d.address
    FROM channels_delivery d
    WHERE d.subject_kind = 'outage' AND d.subject_id = %(outage)s::text AND d.recipient_kind = 'contact'
      AND d.state <> 'superseded' AND (d.channel IN ('email', 'sms') OR d.channel IN ('push', 'webhook') AND EXISTS (
          SELECT FROM channels_contactendpoint e WHERE e.id::text = d.address AND e.gone_at IS NULL))
      AND (%(update)s::uuid IS NULL OR d.message_id NOT IN (SELECT m.id FROM channels_message m WHERE m.cause = %(update)s))
    ORDER BY d.recipient_id, d.channel, d.created_at DESC
),
company AS MATERIALIZED (
    SELECT h.customer_id, max(h.effect) AS now, max(h.worst) AS worst, count(*) AS services,
           coalesce(max(a.effect_told), 0) AS effect_told, max(a.ticket_number) AS ticket
    FROM hit h LEFT JOIN outages_affected a ON a.outage_id = %(outage)s AND a.customer_id = h.customer_id
    GROUP BY h.customer_id
),
who AS MATERIALIZED (
    SELECT k.id, k.customer_id, k.email, CASE WHEN k.mobile_verified_at IS NULL THEN '' ELSE k.mobile END AS mobile,
           k.left_at IS NOT NULL AS gone, k.texted_at_night, c.name AS customer_name,
           coalesce(push.id::text, '') AS push, coalesce(hook.id::text, '') AS webhook,
           coalesce(nullif(k.zone, ''), c.zone) AS zone, coalesce(nullif(k.language, ''), c.language) AS language,
           co.now, co.worst, co.services, co.ticket,
           %(ending)s OR (co.now = 0 AND co.effect_told > 0) AS ended,
           extract(hour FROM %(at)s AT TIME ZONE coalesce(nullif(k.zone, ''), c.zone)) * 60
             + extract(minute FROM %(at)s AT TIME ZONE coalesce(nullif(k.zone, ''), c.zone)) AS minute,
           EXISTS (SELECT FROM told WHERE told.contact_id = k.id) AS was_told
    FROM company co JOIN customers_customer c ON c.id = co.customer_id JOIN customers_contact k ON k.customer_id = c.id
    LEFT JOIN channels_contactendpoint push ON push.contact_id = k.id AND push.channel = 'push' AND push.gone_at IS NULL
    LEFT JOIN channels_contactendpoint hook ON hook.contact_id = k.id AND hook.channel = 'webhook' AND hook.gone_at IS NULL
),
wanted AS (
    SELECT who.id, e.effect, w.texts_from IS NOT NULL AS said,
           CASE WHEN w.id IS NULL THEN true ELSE 'email' = ANY(w.channels) END AS email,
           CASE WHEN w.id IS NULL THEN e.effect = 3 ELSE 'sms' = ANY(w.channels) END AS sms,
           CASE WHEN w.id IS NULL THEN who.push <> '' ELSE 'push' = ANY(w.channels) END AS push,
           CASE WHEN w.id IS NULL THEN who.webhook <> '' ELSE 'webhook' = ANY(w.channels) END AS webhook,
           CASE WHEN w.texts_from IS NULL OR w.texts_until IS NULL
                THEN who.texted_at_night OR (who.minute >= %(day_from)s AND who.minute < %(day_until)s)
                WHEN w.texts_from = w.texts_until THEN true
                WHEN w.texts_from < w.texts_until THEN who.minute >= w.texts_from AND who.minute < w.texts_until
                ELSE who.minute >= w.texts_from OR who.minute < w.texts_until END AS may_text
    FROM who JOIN hit ON hit.customer_id = who.customer_id
    CROSS JOIN LATERAL (SELECT CASE WHEN who.ended THEN hit.worst ELSE hit.effect END AS effect) e
    LEFT JOIN LATERAL (
        SELECT * FROM outages_wish w
        WHERE w.customer_id = who.customer_id AND (w.contact_id IS NULL OR w.contact_id = who.id)
          AND (w.service_id IS NULL OR w.service_id = hit.service_id)
        ORDER BY (w.contact_id IS NOT NULL) DESC, (w.service_id IS NOT NULL) DESC LIMIT 1
    ) w ON true
    WHERE NOT who.gone AND e.effect > 0
      AND (w.id IS NULL OR (cardinality(w.channels) > 0 AND e.effect >= w.min_effect))
),
summed AS (
    SELECT id, max(effect) AS effect, bool_or(email OR (sms AND NOT may_text)) AS email, bool_or(sms AND may_text) AS sms,
           bool_or(push) AS push, bool_or(webhook) AS webhook, bool_or(sms AND NOT may_text AND said) AS strict
    FROM wanted GROUP BY id
),
chosen AS (
    SELECT s.id, s.effect, s.sms, s.push, s.webhook, s.strict,
           s.email OR (s.push AND who.push = '') OR (s.webhook AND who.webhook = '') AS email
    FROM summed s JOIN who USING (id)
),
cut AS (
    SELECT who.id, bool_or(r.channel = 'email') AS email, bool_or(r.channel = 'sms') AS sms
    FROM who JOIN outages_reach r ON r.customer_id = who.customer_id AND (r.contact_id IS NULL OR r.contact_id = who.id)
    JOIN hit ON hit.subscription_id = r.subscription_id AND hit.effect = 3
    WHERE NOT who.ended GROUP BY who.id
),
ways AS (
    SELECT chosen.id, chosen.effect, chosen.push, chosen.webhook,
           chosen.email OR chosen.sms AND (who.mobile = '' OR coalesce(cut.sms, false)) AS email,
           chosen.sms OR chosen.email AND NOT chosen.strict AND (who.email = '' OR coalesce(cut.email, false)) AS sms,
           coalesce(cut.email, false) AS email_cut, coalesce(cut.sms, false) AS sms_cut
    FROM chosen JOIN who USING (id) LEFT JOIN cut USING (id)
),
lines AS (
    SELECT told.contact_id AS id, told.channel, told.address, 0 AS effect, false AS is_cut
    FROM told JOIN who ON who.id = told.contact_id WHERE who.ended
  UNION ALL
    SELECT ways.id, w.channel, w.address, CASE WHEN who.ended THEN 0 ELSE ways.effect END, w.is_cut
    FROM ways JOIN who USING (id)
    CROSS JOIN LATERAL (
        VALUES ('email', who.email, ways.email, ways.email_cut), ('sms', who.mobile, ways.sms, ways.sms_cut),
               -- These come on top, and nobody counts as told by them alone.
               ('push', who.push, ways.push, true), ('webhook', who.webhook, ways.webhook, true)
    ) AS w (channel, address, chosen, is_cut)
    WHERE w.chosen AND w.address <> '' AND (NOT who.ended OR (%(ending)s AND NOT who.was_told))
)
"""

_MESSAGES = """,
contract AS (
    SELECT DISTINCT ON (k.customer_id) k.customer_id,
           CASE k.out_of_hours WHEN 'full' THEN 0 WHEN 'email_only' THEN 1 ELSE 2 END AS place
    FROM customers_contract k JOIN company co USING (customer_id)
    WHERE k.valid_from <= %(at)s::date AND (k.valid_until IS NULL OR k.valid_until > %(at)s::date)
    ORDER BY k.customer_id, k.valid_from DESC
),
spoken AS (
    SELECT hit.customer_id, l.language,
           string_agg(
               replace(
                   coalesce(%(phrases)s::jsonb -> l.language ->> (hit.service_id || ':' || hit.effect), ''),
                   '{{ service }}',
                   CASE WHEN s.label = '' THEN v.name ELSE v.name || ' ' || s.label END
               ), ' ' ORDER BY hit.effect DESC, v.name, s.label
           ) AS each,
           count(*) AS affected, max(hit.effect) AS effect
    FROM hit JOIN customers_subscription s ON s.id = hit.subscription_id JOIN customers_service v ON v.id = hit.service_id
    CROSS JOIN jsonb_array_elements_text(%(languages)s::jsonb) AS l (language)
    WHERE hit.effect > 0 GROUP BY hit.customer_id, l.language
)
SELECT x.language || ':' || lines.effect || ':' || lines.channel AS key, 'contact' AS recipient_kind,
       lines.id::text AS recipient_id, lines.channel, lines.address,
       ((3 - who.worst) * 3000 + coalesce(contract.place, 2) * 1000 + 999 - least(who.services, 999))::smallint AS rank,
       jsonb_build_object(
           'words', CASE WHEN spoken.affected IS NULL THEN '' WHEN spoken.affected <= %(named)s THEN spoken.each
                    ELSE replace(replace(coalesce(%(counted)s::jsonb -> x.language ->> spoken.effect::text, ''),
                        '{{ count }}', spoken.affected::text), '{{ all }}', bought.n::text) END,
           'customer', who.customer_name,  -- names the reader of a preview
           'ticket', CASE WHEN who.ticket IS NULL THEN '' ELSE replace(
               coalesce(%(tickets)s::jsonb ->> x.language, ''), '{{ number }}', '#' || who.ticket) END,
           'next', coalesce(%(next)s::jsonb ->> (x.language || ' ' || who.zone), ''),
           'estimate', coalesce(%(estimate)s::jsonb ->> (x.language || ' ' || who.zone), '')
       ) || CASE lines.channel WHEN 'email' THEN jsonb_build_object('unsubscribe', 'contact:' || lines.id)
            ELSE '{}' END AS "values"
FROM lines JOIN who USING (id)
CROSS JOIN LATERAL (SELECT coalesce(%(spoken_as)s::jsonb ->> who.language, %(language)s) AS language) x
LEFT JOIN contract ON contract.customer_id = who.customer_id
LEFT JOIN spoken ON spoken.customer_id = who.customer_id AND spoken.language = x.language
LEFT JOIN LATERAL (
    SELECT count(*) AS n FROM customers_subscription s
    WHERE s.customer_id = who.customer_id AND s.ended_at IS NULL AND spoken.affected > %(named)s
) bought ON true
"""

_SUBSCRIBERS = """
UNION ALL
SELECT coalesce(%(spoken_as)s::jsonb ->> s.language, %(language)s) || ':public:email', 'subscriber', s.id::text, 'email', s.email,
       20000::smallint, jsonb_build_object('unsubscribe', 'subscriber:' || s.id, 'secret', s.secret, 'next',
           coalesce(%(next)s::jsonb ->> (coalesce(%(spoken_as)s::jsonb ->> s.language, %(language)s) || ' ' || b.zone), ''))
FROM outages_subscriber s JOIN access_brand b ON b.id = s.brand_id
WHERE %(public)s AND s.brand_id = %(brand)s AND s.confirmed_at IS NOT NULL AND s.ended_at IS NULL
"""

# Whoever has heard of this outage and of the others by the same channel, whom both still touch, and this one not worse than
# they know: contact, channel, and the latest instant at which one of the others' words is worth waiting for.
_WAITING = """
SELECT 'contact', d.recipient_id, d.channel, max(o.until)
FROM unnest(%s::text[], %s::timestamptz[]) AS o (id, until)
JOIN channels_delivery d ON d.subject_kind = 'outage' AND d.subject_id = o.id AND d.recipient_kind = 'contact'
    AND d.state <> 'superseded'
JOIN customers_contact k ON k.id = d.recipient_id::bigint
JOIN outages_affected theirs ON theirs.outage_id = o.id::uuid AND theirs.customer_id = k.customer_id AND theirs.effect > 0
JOIN outages_affected mine ON mine.outage_id = %s::uuid AND mine.customer_id = k.customer_id AND mine.effect > 0
    AND mine.effect <= mine.effect_told
WHERE EXISTS (
    SELECT FROM channels_delivery b
    WHERE b.subject_kind = 'outage' AND b.subject_id = %s AND b.recipient_kind = 'contact' AND b.recipient_id = d.recipient_id
      AND b.channel = d.channel AND b.created_at < %s AND b.state <> 'superseded')
GROUP BY d.recipient_id, d.channel
"""


def waiting(outage_id: UUID, said_at: datetime, until: Mapping[UUID, datetime]) -> Select:
    """Whose messages of what was said at `said_at` wait for another outage's word: kind, id, channel, until. `until`: the other
    outage -> how long it is worth it.
    """
    others = [str(one) for one in until]
    return Select(_WAITING, [others, list(until.values()), outage_id, str(outage_id), said_at])


NAMED = 3
"""With more services than these touched, a message says how many of them and does not name each."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What the statement puts into messages, made beforehand for every language and zone that occurs.

    `language`: the brand's own. `spoken_as`: a reader's language -> the one they are written to in. `phrases`: language ->
    {"service:effect": phrase}; `counted`: language -> {effect: sentence}; `tickets`: language -> sentence; `next` and
    `estimate`: "language zone" -> words for that instant there.
    """

    language: str
    spoken_as: Mapping[str, str]
    phrases: Mapping[str, Mapping[str, str]]
    counted: Mapping[str, Mapping[str, str]]
    tickets: Mapping[str, str]
    next: Mapping[str, str]
    estimate: Mapping[str, str]


def select_for(
    *, outage_id: UUID, update_id: UUID, brand_id: int, public: bool, ending: bool, wording: Wording, at: datetime
) -> tuple[str, Mapping[str, Any]]:
    """SQL and its values: one row a message. Its first column names the draft ("en-gb:3:sms"), the others are those that
    `channels.fan_out_actions.queue_from` takes.
    """
    given = {
        **_about(outage_id, update_id, ending, at),
        "language": wording.language,
        "languages": json.dumps(sorted({wording.language, *wording.spoken_as.values()})),
        "spoken_as": json.dumps(dict(wording.spoken_as)),
        "phrases": json.dumps(wording.phrases),
        "counted": json.dumps(wording.counted),
        "tickets": json.dumps(wording.tickets),
        "next": json.dumps(wording.next),
        "estimate": json.dumps(wording.estimate),
        "named": NAMED,
        "public": public,
        "brand": brand_id,
    }
    return _LINES + _MESSAGES + _SUBSCRIBERS, given


def lines_of(outage_id: UUID, *, ending: bool, at: datetime, update_id: UUID | None = None) -> Sequence[Line]:
    """Whom an update that went out at `at` would reach."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_LINES} SELECT id, channel, address, effect FROM lines ORDER BY 1, 2",  # noqa: S608 - the text above
            _about(outage_id, update_id, ending, at),
        )
        return [Line(one, channel, address, Effect(effect)) for one, channel, address, effect in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Count:
    """How many people are told, by channel how many messages, and of how many nobody can be told just now: whatever runs to
    them is cut, or is not known. `diverted`: people who are texted because their mail runs over the fault.
    """

    people: int
    messages: Mapping[str, int]
    customers: int
    untold_customers: int
    diverted: int


def count_of(outage_id: UUID, *, ending: bool, at: datetime, update_id: UUID | None = None) -> Count:
    """How many would hear of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""{_LINES}
            SELECT (SELECT count(DISTINCT id) FROM lines), (SELECT count(*) FROM lines WHERE channel = 'email'),
                   (SELECT count(*) FROM lines WHERE channel = 'sms'), (SELECT count(*) FROM lines WHERE channel = 'push'),
                   (SELECT count(*) FROM lines WHERE channel = 'webhook'), (SELECT count(*) FROM company),
                   (SELECT count(*) FROM company co WHERE NOT EXISTS (
                       SELECT FROM lines JOIN who USING (id) WHERE who.customer_id = co.customer_id AND NOT lines.is_cut)),
                   (SELECT count(DISTINCT ways.id) FROM ways JOIN lines USING (id)
                    WHERE ways.email_cut AND lines.channel = 'sms')
            """,  # noqa: S608 - the text above
            _about(outage_id, update_id, ending, at),
        )
        people, mails, texts, pushes, hooks, customers, untold, diverted = cursor.fetchone()
    counted = {"email": mails, "sms": texts, "push": pushes, "webhook": hooks}
    return Count(people, counted, customers, untold, diverted)


def untold(outage_id: UUID, *, ending: bool, at: datetime) -> Sequence[int]:
    """Customers of whom nobody can be told by any channel that works now; somebody should ring them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""{_LINES}
            SELECT co.customer_id FROM company co WHERE NOT EXISTS (
                SELECT FROM lines JOIN who USING (id) WHERE who.customer_id = co.customer_id AND NOT lines.is_cut)
            ORDER BY co.worst DESC, co.services DESC, co.customer_id
            """,  # noqa: S608 - the text above
            _about(outage_id, None, ending, at),
        )
        return [customer for (customer,) in cursor.fetchall()]


def _about(outage_id: UUID, update_id: UUID | None, ending: bool, at: datetime) -> dict[str, Any]:
    return {
        "outage": outage_id,
        "update": update_id,
        "ending": ending,
        "at": at,
        "day_from": DAY_FROM,
        "day_until": DAY_UNTIL,
    }
