"""What an update would say, to how many and at what price, before it is sent: by the same statement that will fill the ledger."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from django.db import connection
from django.utils.translation import gettext as _

from nightdesk.base.ids import uuid7
from nightdesk.channels import smpp_text, sms_text
from nightdesk.channels.cost import Cost, cost_of
from nightdesk.channels.driver import Settings
from nightdesk.channels.fan_out_queries import pace_of
from nightdesk.channels.links import SHOWN_INSTEAD, UNSUBSCRIBE
from nightdesk.channels.queries import MOST_PARTS, first_route, shown_settings_of
from nightdesk.knowledge.phrases import put_in
from nightdesk.outages import audience_query, decide, queries, statements, wording
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Outage, Update
from nightdesk.outages.registries import MAY_GIVE_TICKETS

COUNTED_TEXTS = 2000
"""So many texts are put together and counted in parts; of more the rest is taken to be like them."""
NUMBER_TO_COME = "0000"
"""Stands for the number of a ticket that is made when the update is published."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody is about to tell; as the arguments of `actions.write_update`."""

    state: str
    texts: Mapping[str, str]
    next_at: datetime | None = None
    estimate_at: datetime | None = None
    quiet: bool = False
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the messages that it becomes, as the first of its `count` readers gets it: `reader` is their company, "" for the
    public. `effect` is None for the public. `parts`: of a text; `is_cut`: it is longer than a text may be.
    """

    language: str
    effect: Effect | None
    channel: str
    count: int
    reader: str
    title: str
    text: str
    parts: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What happens on sending. `samples`: worst effect first. `browsers` and `programs` are told besides mails and texts.
    `text_parts` of all texts together, `is_counted`: to the last one. `cost` without VAT, None where nobody knows the price.
    `seconds` that providers take, None where none has a limit.
    `update`: as it would stand, unsaved; `unsupported`: what somebody has to vouch for, see `statements.unsupported`.
    """

    samples: tuple[Sample, ...]
    people: int
    customers: int
    mails: int
    texts: int
    browsers: int
    programs: int
    text_parts: int
    is_counted: bool
    cost: Cost | None
    seconds: int | None
    diverted: int
    untold_customers: int
    update: Update
    unsupported: tuple[str, ...]


def preview_of(outage: Outage, draft: Draft, at: datetime) -> Preview:
    """What the draft would become if it were published at `at`. Raises Invalid for texts that cannot be told."""
    over = draft.state in decide.OVER
    update = Update(
        id=uuid7(at),
        outage=outage,
        kind=statements.kind_of(outage, draft.state, corrects=draft.corrects),
        state=draft.state,
        texts=statements.filled(outage, statements.checked(_asked(outage), draft.texts, outage.brand.language)),
        next_at=None if over else draft.next_at,
        estimate_at=None if over else draft.estimate_at,
        published_at=at,
    )
    rows, people, made = _rows(outage, update, at, ending=over)
    route = first_route("sms", outage.brand_id)
    settings = shown_settings_of(route) if route is not None else {}
    samples, parts, counted = [], 0, 0
    for key, place, count, language, effect, channel, values in rows:
        sample = _sample(made.drafts[key], language, effect, channel, count, values, settings)
        if place == 1:
            samples.append(sample)
        if channel == "sms":
            parts, counted = parts + sample.parts, counted + 1
    mails = sum(one.count for one in samples if one.channel == "email")
    texts = sum(one.count for one in samples if one.channel == "sms")
    counts = audience_query.count_of(outage.pk, ending=over, at=at)
    if counted < texts:
        parts = ceil(parts * texts / counted)
    samples.sort(
        key=lambda one: (one.effect is None, -(one.effect or 0), one.language != outage.brand.language, one.channel)
    )
    return Preview(
        samples=tuple(samples),
        people=0 if draft.quiet else people,
        customers=counts.customers,
        mails=0 if draft.quiet else mails,
        texts=0 if draft.quiet else texts,
        browsers=0 if draft.quiet else counts.messages["push"],
        programs=0 if draft.quiet else counts.messages["webhook"],
        text_parts=0 if draft.quiet else parts,
        is_counted=counted == texts,
        cost=None if draft.quiet else cost_of(settings, parts),
        seconds=None if draft.quiet else _seconds(outage.brand_id, {"email": mails, "sms": parts}, at),
        diverted=0 if draft.quiet else counts.diverted,
        untold_customers=counts.untold_customers,
        update=update,
        unsupported=statements.unsupported(outage, update.texts, draft.state),
    )


def preview_of_holding(outage: Outage, at: datetime) -> Preview:
    """What the holding statement would become: how many a proposed outage would tell first, and at what price."""
    template = queries.holding_template(outage.brand_id)
    texts = (
        template.texts
        if template is not None
        else statements.in_every_language(queries.languages_of(outage), wording.holding)
    )
    return preview_of(outage, Draft(decide.State.INVESTIGATING, texts, queries.usual_next(outage, at)), at)


_Row = tuple[str, int, int, str, Effect | None, str, Mapping[str, str]]
"""(key of the draft, place among those of the key, how many of the key, language, effect, channel, values)."""


def _rows(outage: Outage, update: Update, at: datetime, *, ending: bool) -> tuple[list[_Row], int, statements.Made]:
    """The first of every key, and the first texts of each; how many people there are in all."""
    made = statements.made(outage, update)
    sql, given = audience_query.select_for(
        outage_id=outage.pk,
        update_id=update.pk,
        brand_id=outage.brand_id,
        public=outage.public,
        ending=ending,
        wording=made.wording,
        at=at,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH hearers AS MATERIALIZED ({sql}),
            placed AS (
                SELECT key, channel, "values", rank, recipient_id, count(*) OVER (PARTITION BY key) AS count,
                       row_number() OVER (PARTITION BY key ORDER BY rank, recipient_id) AS place
                FROM hearers
            )
            SELECT key, place, count, channel, "values"::text,
                   (SELECT count(DISTINCT (recipient_kind, recipient_id)) FROM hearers)
            FROM placed WHERE place = 1 OR (channel = 'sms' AND place <= %(most_texts)s) ORDER BY rank, recipient_id, key
            """,  # noqa: S608 - the statement that fills the ledger
            {**given, "most_texts": COUNTED_TEXTS},
        )
        found = cursor.fetchall()
    rows: list[_Row] = []
    tickets = any(may_give(outage.brand_id) for may_give in MAY_GIVE_TICKETS)
    for key, place, count, channel, values, _people in found:
        language, effect, _channel = key.split(":")
        known = None if effect == statements.PUBLIC else Effect(int(effect))
        filled = {**_loads(values), UNSUBSCRIBE: SHOWN_INSTEAD}
        rows.append(
            (key, place, count, language, known, channel, _with_ticket(language, filled) if tickets else filled)
        )
    return rows, found[0][5] if found else 0, made


def _loads(values: str) -> dict[str, str]:
    return dict(json.loads(values))


def _with_ticket(language: str, values: dict[str, str]) -> dict[str, str]:
    """A ticket that is made when the update is published has no number yet; its room is counted all the same."""
    if "ticket" in values and not values["ticket"]:
        with wording.in_language(language):
            values["ticket"] = put_in(wording.ticket_words(), {"number": f"#{NUMBER_TO_COME}"})
    return values


def _sample(
    draft: wording.Draft,
    language: str,
    effect: Effect | None,
    channel: str,
    count: int,
    values: Mapping[str, str],
    settings: Settings,
) -> Sample:
    """As the channels put it together: a text on one line, a mail as it stands."""
    text = put_in(draft.body, values)
    parts, is_cut = 0, False
    if channel == "sms":
        coding = smpp_text.coding_in(settings.get("alphabet") or "gsm7")
        whole = text.strip()
        text = sms_text.fit(whole, settings.get("parts") or MOST_PARTS, coding)
        parts, is_cut = sms_text.count(text, coding).parts, text != whole
    return Sample(
        language=language,
        effect=effect,
        channel=channel,
        count=count,
        reader=values.get("customer", ""),
        title=put_in(draft.title, values),
        text=text.strip(),
        parts=parts,
        is_cut=is_cut,
    )


def _seconds(brand_id: int, counts: Mapping[str, int], at: datetime) -> int | None:
    """How long the slowest channel takes; None where nothing is known of the pace of any."""
    each = []
    for channel, count in counts.items():
        route = first_route(channel, brand_id) if count else None
        a_second = pace_of(route, at) if route is not None else None
        if a_second:
            each.append(ceil(count / a_second))
    return max(each, default=None)


def _asked(outage: Outage) -> str:
    return _("An update of outage {name} was to be looked at.").format(name=outage.name)
