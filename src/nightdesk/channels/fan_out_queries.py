"""What is asked about messages to very many: whom they would reach and at what price, how far they are, who was told."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from nightdesk.channels import smpp_text, sms_text, wording
from nightdesk.channels.cost import Cost, cost_of
from nightdesk.channels.driver import Said
from nightdesk.channels.models import Message, Route
from nightdesk.channels.queries import MOST_PARTS, UNSENT, first_route, shown_settings_of
from nightdesk.channels.registry import CHANNELS
from nightdesk.knowledge.phrases import placeholders_in, put_in

UNDER_WAY = (*UNSENT, "sending")
LOST = ("failed", "expired")
"""Whoever has only these was not reached."""
LATELY = timedelta(minutes=1)
PACE_OF = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Select:
    """SQL that finds whom to tell, with its parameters. Its columns are, in this order and whatever they are called:
    recipient_kind (text), recipient_id (text), channel (text), address (text), rank (smallint, the lowest goes first) and
    values (jsonb: name -> text). A queryset of `values_list` with these six will do as well.
    """

    sql: str
    parameters: Sequence[Any] = ()


def named(found: "QuerySet[Any, Any] | Select") -> tuple[str, dict[str, Any]]:
    """Its SQL as it stands within a statement that names its parameters, and those."""
    sql, parameters = (found.sql, found.parameters) if isinstance(found, Select) else found.query.sql_with_params()
    names = [f"found_{number}" for number in range(len(parameters))]
    pieces = sql.replace("%%", "\0").split("%s")
    sql = pieces[0] + "".join(f"%({name})s{piece}" for name, piece in zip(names, pieces[1:], strict=True))
    return sql.replace("\0", "%%"), dict(zip(names, parameters, strict=True))


# Everybody once for each channel: whoever has no id counts by the address, and of several rows the lowest rank does.
ONCE_EACH = """
WITH found (recipient_kind, recipient_id, channel, address, rank, "values") AS MATERIALIZED ({found}),
told AS (
    SELECT DISTINCT ON (channel, recipient_kind, coalesce(nullif(recipient_id, ''), address)) *
    FROM found ORDER BY channel, recipient_kind, coalesce(nullif(recipient_id, ''), address), rank, address
)"""


# Before it is sent


@dataclass(frozen=True, slots=True)
class Reach:
    """What goes out by one channel. `parts`: what one text takes at most, as its route codes it, and 0 where nothing is paid by
    the part; `is_cut`: the longest has more to say than the route lets it. `cost` is the most for all, without tax; None:
    nobody knows. `minutes` is how long its route takes; None: nothing is known of its pace. `route` is "" where none is set up.
    """

    channel: str
    messages: int
    parts: int
    is_cut: bool
    cost: Cost | None
    minutes: float | None
    route: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a message would reach: so many people, by these channels. All channels go at the same time."""

    people: int
    reach: tuple[Reach, ...]


def audience_of(
    *, found: "QuerySet[Any, Any] | Select", title: str, body: str, brand_id: int | None, at: datetime
) -> Audience:
    """What `queue_from` would do with the same `found` and words, and what it would cost; nothing is written.

    Texts are counted on the longest of them, and where any has a letter outside the GSM alphabet on the longest of those.
    """
    words = f"{title}\n{body}"
    places = sorted(placeholders_in(words))
    sql, parameters = named(found)
    with connection.cursor() as cursor:
        cursor.execute(
            ONCE_EACH.format(found=sql)  # noqa: S608 - whom it finds is the caller's own
            + """, said AS (
                SELECT channel, "values", (SELECT coalesce(string_agg("values" ->> p, ''), '')
                                           FROM unnest(%(places)s::text[]) p) AS put_in FROM told
            ), measured AS (
                SELECT *, 2 * length(put_in) - length(translate(put_in, %(extension)s, '')) AS units,
                       translate(put_in, %(gsm)s, '') <> '' AS is_wide FROM said
            )
            SELECT channel, count(*), (array_agg("values" ORDER BY units DESC))[1],
                   (array_agg("values" ORDER BY units DESC) FILTER (WHERE is_wide))[1]
            FROM measured GROUP BY channel ORDER BY channel
            """,
            parameters
            | {
                "places": places,
                "extension": "".join(sorted(sms_text.EXTENSION)),
                "gsm": "".join(sorted(sms_text.BASIC | sms_text.EXTENSION)),
            },
        )
        rows = cursor.fetchall()
        cursor.execute(
            ONCE_EACH.format(found=sql)  # noqa: S608 - whom it finds is the caller's own
            + " SELECT count(DISTINCT (recipient_kind, coalesce(nullif(recipient_id, ''), address))) FROM told",
            parameters,
        )
        people = cursor.fetchone()[0]
    return Audience(
        people,
        tuple(
            _reach(channel, count, [longest, wide or longest], title, body, brand_id, at)
            for channel, count, longest, wide in rows
        ),
    )


def _reach(
    channel: str, count: int, values: Sequence[Any], title: str, body: str, brand_id: int | None, at: datetime
) -> Reach:
    route = first_route(channel, brand_id)
    settings = shown_settings_of(route) if route is not None else {}
    parts, is_cut = 0, False
    if channel == "sms":
        coding = smpp_text.coding_in(settings.get("alphabet") or "gsm7")
        most = settings.get("parts") or MOST_PARTS
        texts = [_text(put_in(title, _strings(one)), put_in(body, _strings(one)), coding) for one in values]
        whole = max(sms_text.count(text, coding).parts for text in texts)
        parts, is_cut = min(whole, most), whole > most
    a_second = pace_of(route, at) if route is not None else None
    minutes = count * max(1, parts) / a_second / 60 if a_second else None
    cost = cost_of(settings, parts * count)
    return Reach(channel, count, parts, is_cut, cost, minutes, route.name if route is not None else "")


def _text(title: str, body: str, coding: sms_text.CodingOf) -> str:
    """The whole of a text, however many parts that takes."""
    said = Said(UUID(int=0), datetime(2000, 1, 1, tzinfo=UTC), "", "", "", title, body)
    return wording.text_of(said, "", 255, coding)


def _strings(kept: Any) -> dict[str, str]:
    """Values as a statement of our own gives them: Django leaves JSON to its fields."""
    values: Mapping[str, Any] = json.loads(kept) if isinstance(kept, str) else kept
    return {name: str(value) for name, value in values.items()}


def pace_of(route: Route, at: datetime) -> float | None:
    """Messages a second that the route lets us have of those to many: what it was set up with, else by how long it took for
    each lately; None where neither is known.
    """
    settings, driver = shown_settings_of(route), CHANNELS.get(route.driver)
    if settings.get("per_second"):
        return float(settings["per_second"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms) FROM channels_attempt "
            "WHERE route_id = %s AND at > %s AND NOT is_receipt AND outcome IN ('accepted', 'delivered')",
            [route.pk, at - PACE_OF],
        )
        took_ms = cursor.fetchone()[0]
    if took_ms is None or driver is None:
        return None
    at_once = settings.get("at_once") or driver.at_once
    return float(max(1, at_once * 3 // 4) * 1000 / max(1.0, took_ms))


# While it is sent


@dataclass(frozen=True, slots=True)
class Progress:
    """How far messages about one thing are: by channel how many are in which state. `parts` and `costs`, one a currency, are what
    was paid for so far. `left` have not been handed over yet, which takes `minutes_left`; None: nobody knows.
    """

    states: Mapping[str, Mapping[str, int]]
    parts: int
    costs: tuple[Cost, ...]
    left: int
    minutes_left: float | None


def progress_of(subject: tuple[str, object], at: datetime, *, message_ids: Collection[UUID] | None = None) -> Progress:
    """Of everything said about the subject, or of these messages alone.

    How long it takes is told by how much was handed over within the last minute, else by the route's pace.
    """
    about = {
        "kind": subject[0],
        "id": str(subject[1]),
        "ids": list(message_ids) if message_ids is not None else None,
        "since": at - LATELY,
    }
    which = """d.subject_kind = %(kind)s AND d.subject_id = %(id)s
               AND (%(ids)s::uuid[] IS NULL OR d.message_id = ANY(%(ids)s::uuid[]))"""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT d.channel, d.brand_id, d.state, count(*), count(*) FILTER (WHERE d.accepted_at > %(since)s),
                   min(d.accepted_at) FILTER (WHERE d.accepted_at > %(since)s)
            FROM channels_delivery d WHERE {which} GROUP BY d.channel, d.brand_id, d.state
            """,  # noqa: S608 - the text above
            about,
        )
        rows = cursor.fetchall()
        cursor.execute(
            f"""
            SELECT a.currency, sum(a.parts), sum(a.price) FROM channels_attempt a
            JOIN channels_delivery d ON d.id = a.delivery_id AND d.month = a.month
            WHERE {which} AND a.parts > 0 AND NOT a.is_receipt GROUP BY a.currency ORDER BY a.currency
            """,  # noqa: S608 - the text above
            about,
        )
        paid = cursor.fetchall()
    states: dict[str, Counter[str]] = {}
    left: Counter[tuple[str, int | None]] = Counter()
    lately: Counter[str] = Counter()
    began: dict[str, datetime] = {}
    for channel, brand_id, state, count, recent, first in rows:
        states.setdefault(channel, Counter())[state] += count
        lately[channel] += recent
        if first is not None:
            began[channel] = min(first, began.get(channel, first))
        if state in UNDER_WAY:
            left[channel, brand_id] += count
    minutes: list[float | None] = []
    for (channel, brand_id), count in left.items():
        seconds = (at - began[channel]).total_seconds() if channel in began else 0.0
        a_second = lately[channel] / seconds if seconds >= 1 else None
        if a_second is None and (route := first_route(channel, brand_id)) is not None:
            a_second = pace_of(route, at)
        minutes.append(count / a_second / 60 if a_second else None)
    known = [one for one in minutes if one is not None]
    return Progress(
        states,
        sum(parts for _, parts, _ in paid),
        tuple(Cost(price, currency) for currency, _, price in paid if price is not None),
        left.total(),
        max(known, default=0.0) if len(known) == len(minutes) else None,
    )


# Afterwards


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the report: who was told what, when, by which route, and what came of it. `name` and `company` are "" where
    only the address is known. `at`: when it was handed over, or given up; None: it is still to be sent.
    """

    delivery_id: UUID
    title: str
    recipient_kind: str
    recipient_id: str
    name: str
    company: str
    channel: str
    address: str
    state: str
    at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    route: str
    reason: str


def message_ids_of(subject: tuple[str, object], cause: UUID) -> list[UUID]:
    """The messages about the subject that this cause (an update) has led to, the oldest first."""
    found = Message.objects.filter(subject_kind=subject[0], subject_id=str(subject[1]), cause=cause)
    return list(found.order_by("id").values_list("id", flat=True))


def told_by(
    message_ids: Collection[UUID], *, after: UUID | None = None, limit: int = 500, states: Collection[str] = ()
) -> list[Told]:
    """Some lines of the report on these messages, by the delivery's id, from the one that follows `after`; `states`: only of
    these, such as LOST.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.id, m.title, d.recipient_kind, d.recipient_id,
                   coalesce(c.name, p.name, ''), coalesce(k.name, ''), d.channel, d.address, d.state,
                   coalesce(d.accepted_at, d.ended_at), d.delivered_at, d.read_at, coalesce(r.name, ''), d.reason, d."values"
            FROM (
                SELECT * FROM channels_delivery
                WHERE message_id = ANY(%(ids)s) AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
                  AND (cardinality(%(states)s::text[]) = 0 OR state = ANY(%(states)s::text[]))
                ORDER BY id LIMIT %(limit)s
            ) d
            JOIN channels_message m ON m.id = d.message_id
            LEFT JOIN customers_contact c ON c.id = CASE d.recipient_kind WHEN 'contact' THEN d.recipient_id::bigint END
            LEFT JOIN customers_customer k ON k.id = c.customer_id
            LEFT JOIN people_person p ON p.id = CASE d.recipient_kind WHEN 'person' THEN d.recipient_id::bigint END
            LEFT JOIN channels_route r ON r.id = d.route_id
            ORDER BY d.id
            """,
            {"ids": list(message_ids), "after": after, "states": list(states), "limit": limit},
        )
        return [
            Told(delivery_id, put_in(title, _strings(values)), *others)
            for delivery_id, title, *others, values in cursor.fetchall()
        ]
