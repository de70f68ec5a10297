"""The verbs of paging: the only writers of pages, alarms, integrations and policies.

Locks are taken in one order, so that nothing waits in a circle: the gates of an alarm's streams (by id), then pages,
then alarms. A person's verb takes one page. What voids a ring voids it in its own transaction.
"""

import logging
import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, ClassVar, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import forbidden, may, require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.base.rows import fetch, insert
from nightdesk.channels.actions import Recipient, hold_deliveries, queue_message, supersede_deliveries
from nightdesk.customers.models import Customer, Hours, Service
from nightdesk.customers.priority import Priority
from nightdesk.duty import pairings
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.paging import decide, queries, silencing, wording
from nightdesk.paging.decide import State, Urgency, Verb
from nightdesk.paging.formats import (
    FORMATS,
    Answer,
    Effect,
    Image,
    Link,
    Malformed,
    Parsed,
    Signal,
    Taken,
    email_rules,
)
from nightdesk.paging.formats.mapping import PayloadMapping, Unusable, parser_of
from nightdesk.paging.models import (
    Alarm,
    DigestLine,
    Integration,
    MailRules,
    OldPage,
    Page,
    PaperRing,
    Policy,
    RawAlarm,
    StormGate,
    TurnTaking,
)
from nightdesk.people.actions import note_sign_of_life
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import brands_of

log = logging.getLogger(__name__)

PAGE_TRIGGERED = kind("page.triggered", gettext_lazy("{by}: {priority} {title}. Rung: {people}"))
PAGE_RUNG = kind("page.rung", gettext_lazy("Nobody answered. Rung: {people}"))
PAGE_ACKNOWLEDGED = kind("page.acknowledged", gettext_lazy("{by} took it"))
PAGE_CONFIRMED = kind("page.confirmed", gettext_lazy("{by} is still on it"))
PAGE_ASKED = kind("page.asked", gettext_lazy("{person} gave no sign of life and was rung again"))
PAGE_WOKEN = kind("page.woken", gettext_lazy("Nobody has it any more ({why}). Rung: {people}"))
PAGE_RESOLVED = kind("page.resolved", gettext_lazy("{by} resolved it"))
PAGE_ESCALATED = kind("page.escalated", gettext_lazy("{by} had the next woken. Rung: {people}"))
PAGE_REASSIGNED = kind("page.reassigned", gettext_lazy("{by} passed it to {person}. Rung: {people}"))
PAGE_SNOOZED = kind("page.snoozed", gettext_lazy("{by} put it off until {until}"))
PAGE_DEFERRED = kind("page.deferred", gettext_lazy("{by} left it until {opens_at}"))
PAGE_DIGESTED = kind("page.digested", gettext_lazy("{by}: {priority} {title}. In the digest of: {people}"))
DIGEST_SENT = kind("digest.sent", gettext_lazy("{person} was sent a digest of {count} pages"))
PAGE_NOTED = kind("page.noted", gettext_lazy("{by} noted"))
PAGE_RAISED = kind("page.raised", gettext_lazy("{by} calls it urgent now. Rung: {people}"))
PAGE_GATHERED = kind("page.gathered", gettext_lazy("{by} sent many alarms at once; they are one page from here on"))
PAGE_FOLDED = kind("page.folded", gettext_lazy("It became part of page {code}"))
PAGE_NOTED_THERE = kind("page.noted-there", gettext_lazy("{by} noted"))
PAGE_UPDATED_THERE = kind("page.updated-there", gettext_lazy("{by} says of {alarm} now: {summary}"))
PAGE_ACKNOWLEDGED_THERE = kind(
    "page.acknowledged-there", gettext_lazy("{by} says it was acknowledged there; here nobody has taken it by that")
)
POLICY_SAVED = kind("policy.saved", gettext_lazy("{by} saved the policy {name}"))
INTEGRATION_MADE = kind("integration.made", gettext_lazy("{by} made a key for {name}"))
INTEGRATION_REVOKED = kind("integration.revoked", gettext_lazy("{by} revoked the key of {name}"))
INTEGRATION_NOTED = kind("integration.noted", gettext_lazy("{by} noted: {summary}"))
MAPPING_SAVED = kind("integration.mapping-saved", gettext_lazy("{by} said how the alarms of {name} are read"))
ALARM_RETRIED = kind("integration.alarm-retried", gettext_lazy("{by} had an alarm taken in again that had failed"))

MAIL_RULES_SAVED = kind("integration.rules_saved", gettext_lazy("{by} said what mails to {name} mean"))
PAGE_LIVE = kind("page.live", gettext_lazy("{by} let it wake people. Rung: {people}"))
PAGE_CARRIED_ON = kind("page.carried-on", gettext_lazy("{by} rings on for it where the other site left it"))
RINGS_HELD = kind("page.rings-held", gettext_lazy("{by} waits with {count} rings for what the second site did"))
PAGE_SILENCED = kind("page.silenced", gettext_lazy("{by} had its alarms kept quiet until {until}"))

RING, ALIVE, UNSNOOZE = "page.ring", "page.alive", "page.unsnooze"
MOVES = frozenset({
    PAGE_TRIGGERED, PAGE_ACKNOWLEDGED, PAGE_RESOLVED, PAGE_WOKEN, PAGE_ESCALATED, PAGE_REASSIGNED, PAGE_SNOOZED,
    PAGE_DEFERRED, PAGE_DIGESTED, PAGE_RAISED, PAGE_FOLDED, PAGE_LIVE, PAGE_SILENCED,
})  # fmt: skip
"""Kinds of entries by which a page's state changes, or its ladder begins anew."""
CLOSE_NOTICES = "page.close_notices"
PROMISES = (RING, ALIVE, UNSNOOZE)
DIGEST, HANDED_OVER = "digest.send", "digest.hand_over"
"""Promises to send somebody's digest (its subject is the person), and to see to it that what waits goes with a duty."""

TITLE_LENGTH = 300
DIGEST_AGAIN = timedelta(hours=24)
"""How long a page of low urgency that nobody took rests before the next rung has it in their digests too."""
PART_LENGTH = 200
EFFECTS_KEPT = 50
"""Of how many signals of one request what became of them is kept."""
STALE_AFTER = timedelta(hours=1)
"""A message of a ring that is not out by then is not sent any more: the ladder has rung others meanwhile."""
HEARD_EVERY = timedelta(minutes=1)
"""How exactly an integration's `last_heard_at` is kept; finer would make all its alarms wait for one row."""
CODE_RESTS = timedelta(days=1)
"""A page's code is not given out again so soon: an answer that comes late must not take another page."""
NEVER_A_CODE = frozenset({"100", "101", "110", "111", "112", "118", "123", "911", "999"})
"""Numbers that mean help, or something else, wherever they are seen."""
ANSWERED_BY = ("acknowledge", "resolve", "escalate", "note", "later", "quiet", "status")
"""What may be answered to any page's message; `answering` does it. To all but a P1 also "morning"."""

# A sender that gives no severity may mean the worst, so it counts as that.
PRIORITIES: Mapping[str | None, int] = {None: 1, "critical": 1, "error": 2, "warning": 3, "info": 4}

# What stands for "the same service" in alarms that name none of ours: Alertmanager's component is the label `service`
# or `job`, and its source only one instance of it; with the others the source is the machine, the component a part.
STREAMS: Mapping[str, tuple[str, ...]] = {
    "alertmanager": ("component", "source"),
    "grafana": ("component", "source"),
    "opsgenie": ("component", "source"),
    "heartbeat": ("class_",),  # those that stop together have one cause more often than not
}
ANY_STREAM = ("source", "component")

Made = TypeVar("Made")


class TakenBy(IllegalTransition):
    """Somebody else has the page; `extra` says who, and since when."""

    code: ClassVar[str] = "page-taken"
    title: ClassVar[str] = "Somebody else has it"

    def __init__(self, page: Page) -> None:
        assert page.owner is not None  # a constraint: what is acknowledged has an owner
        assert page.acknowledged_at is not None
        self.name, self.since = page.owner.name, page.acknowledged_at
        super().__init__(
            f"Page {page.code} was to be acknowledged.",
            f"{self.name} has had it since {self.since:%H:%M} UTC.",
            "Leave it to them, or have it passed to you.",
            owner=self.name,
            owner_id=page.owner_id,
            since=self.since.isoformat(),
        )


class OnlyACopy(Refusal):
    """A newcomer who is not on duty was to have a page."""

    code = "only-a-copy"
    status = 409
    title = "A newcomer answers no page by themselves"

    def __init__(self, page: Page, person: str) -> None:
        super().__init__(
            f"Page {page.code} was to be {person}'s.",
            "They are new, and not on duty: they have a copy at most.",
            "Leave it to those who were rung, or have a manager sign them off.",
        )


class MappingNotUsable(Invalid):
    """A mapping that cannot be kept; `faults` says why, by field."""

    code: ClassVar[str] = "mapping-not-usable"
    title: ClassVar[str] = "The mapping cannot be used"

    def __init__(self, unusable: Unusable) -> None:
        super().__init__(
            _("A mapping was given."), f"{unusable}.", _("Mend what is named."), faults=dict(unusable.faults)
        )


@dataclass(frozen=True)
class Raw:
    """A request as it came in at the door; `headers` without secrets."""

    format: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


# --- Alarms in -------------------------------------------------------------------------------------------------------


@transaction.atomic
def receive_alarm(*, integration: Integration, raw: Raw, parsed: Parsed, by: Actor, via: Door, at: datetime) -> Answer:
    """The request is kept and its signals have taken effect; returns what to answer once this has committed.

    Where they cannot take effect the request is kept all the same, with the reason, and the answer asks the sender to
    repeat it. A sender's own acknowledgement is noted and stops nothing: no person of ours has said that they are
    awake. A resolve of an alarm that is not open changes nothing.
    """
    require(by, "receive_alarm", integration.brand_id)
    if parsed.once is not None and (before := _taken_before(integration, parsed.once)):
        return _answer(parsed, before, [])
    row = RawAlarm(
        at=at,
        integration=integration,
        format=raw.format,
        headers=raw.headers,
        query=raw.query,
        body=raw.body,
        status=parsed.answer.status,
    )
    if parsed.once is not None and not RawAlarm.objects.filter(id=parsed.once).exists():
        row.id = parsed.once
    # It is written after what it brought about, in the same transaction, so that one statement says both.
    try:
        effects = _unless_taken(lambda: _take_in(integration, raw.format, parsed.signals, by, via, at))
    except Exception as error:
        log.exception("An alarm from %s could not be taken in; its sender is asked to repeat it", integration.name)
        row.id = uuid7()  # the sender's own id stays free for its repeat
        row.error, row.status = f"{type(error).__name__}: {error}"[:2000], 503
        insert([row])
        return Answer(503, (("Content-Type", "application/json"), ("Retry-After", "1")), b'{"status":"error"}')
    _note_effects(row, parsed, effects)
    insert([row])
    return _answer(parsed, row.id, effects)


def _taken_before(integration: Integration, once: UUID) -> UUID | None:
    """The row of the same request, where it was taken in already."""
    return (
        RawAlarm.objects.filter(id=once, integration=integration, status__lt=300).values_list("id", flat=True).first()
    )


def _answer(parsed: Parsed, row_id: UUID, effects: Sequence[Effect]) -> Answer:
    told = effects or [Effect(signal.action, signal.dedup_key) for signal in parsed.signals]
    return parsed.tell(Taken(row_id, tuple(told))) if parsed.tell is not None else parsed.answer


def _note_effects(row: RawAlarm, parsed: Parsed, effects: Sequence[Effect]) -> None:
    row.signal_count = len(parsed.signals)
    row.marks = list(parsed.marks)
    row.effects = [
        {
            "action": effect.action,
            "dedup_key": effect.dedup_key,
            "page": str(effect.page_id) if effect.page_id else None,
            "code": effect.code,
            "is_new": effect.is_new,
        }
        for effect in effects[:EFFECTS_KEPT]
    ]


@transaction.atomic
def retry_alarm(*, raw_id: UUID, by: Actor, via: Door, at: datetime) -> RawAlarm:
    """A request that was kept and not taken in is read again, by what its integration's format and mapping say now.

    What it brings about has the time of now. Raises NotFound (also where it came with no key of ours), Forbidden,
    IllegalTransition (it was taken in already), Invalid (it still cannot be read).
    """
    row = RawAlarm.objects.select_for_update().filter(id=raw_id).first()
    asked = _("An alarm was to be taken in again.")
    if row is None or row.integration_id is None:
        raise NotFound(asked, _("There is none with a known sender."), _("Have its sender send it with a good key."))
    integration = Integration.objects.select_related("policy", "service", "hours", "team").get(id=row.integration_id)
    require(by, "retry_alarm", integration.brand_id)
    if row.status < 300 or row.retried_at is not None:
        raise IllegalTransition(asked, _("It was taken in already."), _("Look at the page that it led to."))
    dialect = FORMATS.get(row.format)
    if dialect is None:
        raise Invalid(asked, _("Its format %(name)s is not read here.") % {"name": row.format}, _("Raise a page."))
    try:
        parsed = parser_of(dialect, integration.mapping)(
            bytes(row.body), row.headers.get("Content-Type", ""), row.query
        )
    except Malformed as malformed:
        raise Invalid(
            asked, _("It still cannot be read: %(why)s.") % {"why": malformed.reason}, _("Raise a page by hand.")
        ) from malformed
    effects = _unless_taken(lambda: _take_in(integration, row.format, parsed.signals, by, via, at))
    _note_effects(row, parsed, effects)
    row.retried_at = at
    row.save(update_fields=["effects", "marks", "signal_count", "retried_at"])
    record(
        ALARM_RETRIED,
        subject=("integration", integration.id),
        by=by,
        via=via,
        at=at,
        brand_id=integration.brand_id,
        facts={"raw": str(row.id)},
    )
    return row


@transaction.atomic
def take_signals(
    *, integration: Integration, format: str, signals: Sequence[Signal], by: Actor, via: Door, at: datetime
) -> None:
    """What Nightdesk itself found out takes effect as an alarm of `integration` does; there is no request to keep."""
    _unless_taken(lambda: _take_in(integration, format, signals, by, via, at))


@transaction.atomic
def page_silenced_alarms(*, silence_id: int, most: int, by: Actor, via: Door, at: datetime) -> int:
    """Up to `most` alarms that the silence, which has ended, kept quiet and that still fire are as if they came now.

    They page, or another silence keeps them. Returns how many there were; ask again until it is none.
    """
    quiet = Alarm.objects.filter(silence_id=silence_id, page=None, resolved_at=None).order_by("id")
    firing = list(quiet.select_related("integration__policy", "integration__service", "integration__team")[:most])
    for integration_id, group in groupby(
        sorted(firing, key=lambda alarm: alarm.integration_id), key=lambda alarm: alarm.integration_id
    ):
        alarms = list(group)
        integration = alarms[0].integration
        signals = [_signal_of(alarm) for alarm in alarms]
        form = alarms[0].integration.format
        assert integration.id == integration_id
        _unless_taken(lambda: _take_in(integration, form, signals, by, via, at, again=True))  # noqa: B023 - called here
    return len(firing)


@transaction.atomic
def keep_refused_alarm(
    *,
    integration: Integration | None,
    raw: Raw,
    answer: Answer,
    reason: str,
    by: Actor,
    via: Door,  # noqa: ARG001  # verbs all take it; there is no journal entry, for the row itself is the record
    at: datetime,
) -> None:
    """A request that could not be read, or whose key nobody has, is kept for whoever looks for the fault."""
    if integration is not None:  # whoever has no key has no brand, and may do nothing else
        require(by, "receive_alarm", integration.brand_id)
    RawAlarm.objects.create(
        at=at,
        integration=integration,
        format=raw.format,
        headers=raw.headers,
        query=raw.query,
        body=raw.body,
        status=answer.status,
        error=reason[:2000],
    )


def _unless_taken(make: Callable[[], Made]) -> Made:
    """`make` in a savepoint, again where another transaction took the same code or opened the same alarm just before."""
    for left in (3, 2, 1, 0):
        try:
            with transaction.atomic():
                return make()
        except IntegrityError:
            if not left:
                raise
    raise AssertionError("left is 0 in the last round")


def _take_in(
    integration: Integration,
    format_name: str,
    signals: Sequence[Signal],
    by: Actor,
    via: Door,
    at: datetime,
    *,
    again: bool = False,
) -> list[Effect]:
    """The signals have taken effect; returns what became of each, in no order that matters.

    `again`: these are no news, but alarms that a silence had kept quiet; they count no further.
    """
    signals = _by_key(integration, signals)
    if len({signal.dedup_key for signal in signals}) == len(signals):
        # Where each key is told once the order says nothing, and like with like needs fewer queries.
        signals = sorted(signals, key=lambda signal: signal.action)
    services = _services(integration, signals)
    streams = {id(signal): _stream(format_name, signal, services[id(signal)]) for signal in signals}
    gates = _locked_gates(integration, signals, streams.values())
    intake = _Intake(integration, by, via, at, again=again)
    effects: list[Effect] = []
    for action, run in groupby(signals, key=lambda signal: signal.action):
        batch = list(run)
        known = _open_alarms(integration, batch)
        before = set(known)
        match action:
            case "trigger":
                for signal in batch:
                    intake.trigger(signal, known, gates[streams[id(signal)]], services[id(signal)])
                intake.write()
            case "resolve":
                _note_texts(batch, known, by, via, at)
                _close_alarms(list(known.values()), by, via, at)
            case "acknowledge":
                for alarm in known.values():
                    if alarm.page is None:
                        continue
                    if alarm.page.shadow:
                        _note_old_pager(alarm, alarm.page, at)
                    _record(alarm.page, PAGE_ACKNOWLEDGED_THERE, {"alarm": alarm.dedup_key}, by, via, at)
            case "update":
                intake.update(batch, known)
            case "escalate":
                intake.escalate({alarm.page_id for alarm in known.values() if alarm.page_id is not None})
            case "note":
                _note_on_integration(integration, [one for one in batch if one.dedup_key not in known], by, via, at)
        if action != "resolve":
            _note_texts(batch, known, by, via, at)
        effects += [_effect(signal, known.get(signal.dedup_key), before) for signal in batch]
    if not again and (integration.last_heard_at is None or at - integration.last_heard_at >= HEARD_EVERY):
        # Last, as it locks the row that other alarms of this integration may want too.
        Integration.objects.filter(id=integration.id).update(last_heard_at=at)
        integration.last_heard_at = at
    return effects


def _by_key(integration: Integration, signals: Sequence[Signal]) -> Sequence[Signal]:
    """The signals with each alarm under its dedup_key, where they name it by its id or its page's code."""
    if all(signal.named == "key" for signal in signals):
        return signals
    return [
        signal if signal.named == "key" else replace(signal, dedup_key=_key_of(integration, signal), named="key")
        for signal in signals
    ]


def _key_of(integration: Integration, signal: Signal) -> str:
    alarm = queries.alarm_named(integration.id, signal.named, signal.dedup_key)
    return alarm.dedup_key if alarm is not None else signal.dedup_key


def _effect(signal: Signal, alarm: Alarm | None, before: set[str]) -> Effect:
    if alarm is None:
        return Effect(signal.action, signal.dedup_key)
    is_new = signal.action == "trigger" and signal.dedup_key not in before
    code = alarm.page.code if alarm.page is not None else ""
    return Effect(signal.action, signal.dedup_key, alarm.page_id, code, is_new)


def _note_texts(signals: Sequence[Signal], known: Mapping[str, Alarm], by: Actor, via: Door, at: datetime) -> None:
    """What the signals have to say stands in the stories of their pages."""
    for signal in signals:
        alarm = known.get(signal.dedup_key)
        if signal.text and alarm is not None and alarm.page is not None:
            _record(alarm.page, PAGE_NOTED_THERE, {"alarm": alarm.dedup_key}, by, via, at, text=signal.text)


def _note_on_integration(
    integration: Integration, signals: Sequence[Signal], by: Actor, via: Door, at: datetime
) -> None:
    """Notes that are about no open alarm."""
    for signal in signals:
        record(
            INTEGRATION_NOTED,
            subject=("integration", integration.id),
            by=by,
            via=via,
            at=at,
            brand_id=integration.brand_id,
            facts={
                "summary": signal.summary or signal.text[:PART_LENGTH],
                "source": signal.source,
                "links": [link.href for link in signal.links],
            },
        )


def _services(integration: Integration, signals: Sequence[Signal]) -> dict[int, Service | None]:
    """The service that each signal is about: the integration's, else the brand's that its component names."""
    named: dict[str, Service] = {}
    if integration.service is None:
        keys = {signal.component.casefold() for signal in signals if signal.component and signal.action == "trigger"}
        named = queries.services_named(integration.brand_id, keys) if keys else {}
    return {id(signal): integration.service or named.get(signal.component.casefold()) for signal in signals}


def _stream(format_name: str, signal: Signal, service: Service | None) -> str:
    """What a storm is counted by: the service, or what the sender calls it."""
    if service is not None:
        return f"service {service.key}"
    told = (str(getattr(signal, name)) for name in STREAMS.get(format_name, ANY_STREAM))
    return next((name for name in told if name), "")[:PART_LENGTH]


# The reads of every alarm are SQL by hand: Django needs several times as long to put these together as PostgreSQL to
# answer them, and a hundred alarms a second have one core.
GATES = """
SELECT id, integration_id, key FROM paging_stormgate WHERE id IN (
    SELECT id FROM paging_stormgate WHERE integration_id = %(integration)s AND key = ANY(%(streams)s)
    UNION
    SELECT page.gate_id FROM paging_alarm alarm JOIN paging_page page ON page.id = alarm.page_id
    WHERE alarm.integration_id = %(integration)s AND alarm.dedup_key = ANY(%(keys)s) AND alarm.resolved_at IS NULL
) ORDER BY id FOR UPDATE
"""
OPEN_ALARMS = "SELECT * FROM paging_alarm WHERE integration_id = %s AND dedup_key = ANY(%s) AND resolved_at IS NULL"
FITTING = """
SELECT id, urgency, state, started_at, folded_at FROM paging_page
WHERE gate_id = %s AND state <> 'resolved' AND shadow = %s AND (started_at > %s OR folded_at > %s)
"""
# Whoever ends a silence waits for those who rely on it, so that nothing comes under it unseen.
IN_FORCE = "SELECT 1 FROM paging_silence WHERE id = %s AND ended_at IS NULL FOR SHARE"
STILL_QUIET = "SELECT id FROM paging_alarm WHERE id = %s AND page_id IS NULL AND resolved_at IS NULL FOR UPDATE"
CODES = "SELECT code FROM paging_page WHERE code = ANY(%s) AND (resolved_at IS NULL OR resolved_at > %s)"


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _locked_gates(integration: Integration, signals: Sequence[Signal], streams: Iterable[str]) -> dict[str, StormGate]:
    """The gates of these streams, and of the pages that the signals' open alarms belong to, locked in one order."""
    triggers = sorted({stream for signal, stream in zip(signals, streams, strict=True) if signal.action == "trigger"})
    wanted = {
        "integration": integration.id,
        "streams": triggers,
        "keys": [signal.dedup_key for signal in signals],
    }
    gates = {gate.key: gate for gate in fetch(StormGate, GATES, wanted)}
    if missing := [key for key in triggers if key not in gates]:
        StormGate.objects.bulk_create(
            [StormGate(integration=integration, key=key) for key in missing], ignore_conflicts=True
        )
        gates |= {gate.key: gate for gate in fetch(StormGate, GATES, wanted | {"streams": missing, "keys": []})}
    return gates


def _open_alarms(integration: Integration, signals: Sequence[Signal]) -> dict[str, Alarm]:
    """The open alarms that have the signals' keys, by key, each with its page."""
    keys = [signal.dedup_key for signal in signals]
    found = {alarm.dedup_key: alarm for alarm in fetch(Alarm, OPEN_ALARMS, [integration.id, keys])}
    if found:
        pages = Page.objects.in_bulk({alarm.page_id for alarm in found.values() if alarm.page_id is not None})
        for alarm in found.values():
            if alarm.page_id is not None:
                alarm.page = pages[alarm.page_id]
    return found


class _Intake:
    """One request's triggers, under the locks of their gates. Alarms and counts are written together by `write`."""

    def __init__(self, integration: Integration, by: Actor, via: Door, at: datetime, *, again: bool) -> None:
        self._integration, self._by, self._via, self._at = integration, by, via, at
        self._is_again = again
        self._silences = queries.silences_of(integration.brand_id, at)
        self._relied_on: dict[int, bool] = {}
        self._storm = decide.Storm(limit=integration.storm_limit)
        self._locked: dict[UUID, Page] = {}
        self._open: dict[int, dict[UUID, decide.OpenPage]] = {}
        self._new: list[Alarm] = []
        self._again: Counter[UUID] = Counter()
        self._changed: dict[UUID, Page] = {}
        self._loud: list[Alarm] = []

    def trigger(self, signal: Signal, known: dict[str, Alarm], gate: StormGate, service: Service | None) -> None:
        """The signal is counted on the page that has its key, joins a storm's page, or starts one; or a silence keeps it
        quiet. `known` learns it.
        """
        priority, urgency = _weigh(self._integration, signal.severity)
        alarm = known.get(signal.dedup_key)
        if alarm is not None and alarm.page is not None and self._repeat(alarm, priority, urgency):
            return
        if self._silence(signal, priority, service, alarm, known):
            return
        page = self._join(urgency, gate, known)
        if page is None:
            page = self._start(signal, priority, urgency, gate, service)
        else:
            page.folded_at = self._at
            page.alarm_count += 1
            self._open[gate.id][page.id] = _told(page)
            self._changed[page.id] = page
            self._worsen(page, priority, urgent=False)
        if alarm is not None and alarm.page is None and self._is_still_quiet(alarm):
            self._count(alarm)
            alarm.page, alarm.last_at = page, self._at
            self._loud.append(alarm)
            return
        known[signal.dedup_key] = self._alarm(signal, page)
        self._new.append(known[signal.dedup_key])

    def _silence(
        self, signal: Signal, priority: int, service: Service | None, alarm: Alarm | None, known: dict[str, Alarm]
    ) -> bool:
        """Whether a silence keeps the signal quiet, which is then counted on its alarm, or is a new one without a page."""
        if not self._silences:
            return False
        facts = silencing.Facts(
            integration=self._integration.id,
            priority=priority,
            service=service.id if service is not None else None,
            source=signal.source,
            component=signal.component,
            summary=signal.summary,
        )
        while True:
            silence = silencing.silenced_by(self._silences, facts, self._at)
            if silence is None:
                return False
            if self._is_in_force(silence.id):
                break
            self._silences = [one for one in self._silences if one != silence]  # ended since they were read
        if alarm is None or alarm.page is not None:
            known[signal.dedup_key] = self._alarm(signal, None, silence.id)
            self._new.append(known[signal.dedup_key])
            return True
        self._count(alarm)
        if alarm.silence_id != silence.id and not alarm._state.adding:
            Alarm.objects.filter(id=alarm.id).update(silence_id=silence.id)
        alarm.silence_id = silence.id
        return True

    def _is_in_force(self, silence_id: int) -> bool:
        if silence_id not in self._relied_on:
            self._relied_on[silence_id] = bool(_rows(IN_FORCE, silence_id))
        return self._relied_on[silence_id]

    def _is_still_quiet(self, alarm: Alarm) -> bool:
        """Whether the alarm, now locked, is still the open one without a page that it was when it was read."""
        return alarm._state.adding or bool(_rows(STILL_QUIET, alarm.id))

    def update(self, signals: Sequence[Signal], known: Mapping[str, Alarm]) -> None:
        """Open alarms say what their sender says now; a page follows its only alarm's words, and whatever is worse."""
        for signal in signals:
            alarm = known.get(signal.dedup_key)
            if alarm is None:
                continue
            page = self._lock([alarm.page_id])[0] if alarm.page_id is not None else None
            if page is not None and signal.summary and page.alarm_count == 1:
                page.title = signal.summary[:TITLE_LENGTH]
                page.save(update_fields=["title"])
            alarm.summary = signal.summary or alarm.summary
            alarm.severity = signal.severity or alarm.severity
            alarm.details = _changed(alarm.details, signal)
            alarm.last_at = self._at
            alarm.save(update_fields=["summary", "severity", "details", "last_at"])
            if page is None:
                continue  # a silence keeps it quiet; whether it still does is for its next alarm to ask
            if signal.severity is not None:
                self._repeat(alarm, *_weigh(self._integration, signal.severity))
            told = [*signal.details.items(), *(("not", f"{name} {one}".strip()) for name, one in signal.removed)]
            said = signal.summary or ", ".join(f"{name} {value}" for name, value in told)
            facts = {"alarm": alarm.dedup_key, "summary": said[:TITLE_LENGTH]}
            _record(page, PAGE_UPDATED_THERE, facts, self._by, self._via, self._at)
        self._again.clear()  # an update is no repeat
        self.write()

    def escalate(self, page_ids: set[UUID]) -> None:
        """The next is woken for each of these pages that is not over."""
        for page in self._lock(sorted(page_ids)):
            if page.state != Page.State.RESOLVED:
                _move(page, Verb.ESCALATE, self._by, self._via, self._at)
                _ring(page, PAGE_ESCALATED, {}, self._by, self._via, self._at)
                page.save(update_fields=[*MOVED, *RANG])

    def write(self) -> None:
        """Everything that was counted is in the database."""
        insert(self._new)
        self._new = []
        by_times: dict[int, list[UUID]] = defaultdict(list)
        for alarm_id, times in self._again.items():
            by_times[times].append(alarm_id)
        for times, ids in by_times.items():
            Alarm.objects.filter(id__in=ids).update(count=F("count") + times, last_at=self._at)
        self._again.clear()
        for alarm in self._loud:
            Alarm.objects.filter(id=alarm.id).update(page=alarm.page)
        self._loud = []
        for page in self._changed.values():
            page.save(update_fields=["alarm_count", "folded_at", "priority"])
        self._changed = {}

    def _repeat(self, alarm: Alarm, priority: int, urgency: Urgency) -> bool:
        """Count it on its alarm; the page is locked only where it grows worse by it. False: somebody has just resolved
        that page, so it is no repeat any more.
        """
        assert alarm.page is not None  # who asks has looked
        page = self._locked.get(alarm.page.id, alarm.page)
        verdict = decide.fold(_told(page), urgency, (), self._at, self._storm)
        if verdict.verdict == "raise" or priority < page.priority:
            page = self._lock([page.id])[0]
            if page.state == Page.State.RESOLVED:
                return False
            self._worsen(page, priority, urgent=urgency is Urgency.HIGH and page.urgency == Urgency.LOW)
        self._count(alarm)
        return True

    def _count(self, alarm: Alarm) -> None:
        if self._is_again:
            return
        if alarm._state.adding:
            alarm.count += 1
        else:
            self._again[alarm.id] += 1

    def _join(self, urgency: Urgency, gate: StormGate, known: Mapping[str, Alarm]) -> Page | None:
        """The page that the storm rule gives a new alarm, locked and with all that it absorbs; None: one of its own."""
        fit = self._fitting(gate)
        while True:
            verdict = decide.fold(None, urgency, list(fit.values()), self._at, self._storm)
            if verdict.into is None:
                return None
            # Which pages are the stream's, the gate's lock keeps as it is; but a person may have taken one meanwhile.
            into, *absorbed = self._lock([verdict.into, *verdict.absorbs])
            stale = [page for page in (into, *absorbed) if fit[page.id] != _told(page)]
            for page in stale:
                fit[page.id] = _told(page)
                if page.state == Page.State.RESOLVED:
                    del fit[page.id]
            if stale:
                continue
            if absorbed:
                self._gather(into, absorbed, known)
                for page in absorbed:
                    del fit[page.id]
            return into

    def _fitting(self, gate: StormGate) -> dict[UUID, decide.OpenPage]:
        """The stream's open pages that a new alarm may fold into."""
        if gate.id not in self._open:
            since = self._at - self._storm.window
            found = [
                decide.OpenPage(page_id, Urgency(urgency), State(state), started_at, folded_at)
                for page_id, urgency, state, started_at, folded_at in _rows(
                    FITTING, gate.id, self._integration.shadow_since is not None, since, since
                )
            ]
            self._open[gate.id] = {
                page.id: _told(self._locked[page.id]) if page.id in self._locked else page for page in found
            }
        return self._open[gate.id]

    def _lock(self, ids: Sequence[UUID]) -> list[Page]:
        """Pages as they are now, locked until the end; in the order asked for."""
        missing = [page_id for page_id in ids if page_id not in self._locked]
        if missing:
            found = Page.objects.filter(id__in=missing).order_by("id").select_for_update()
            self._locked |= {page.id: page for page in found}
        return [self._locked[page_id] for page_id in ids]

    def _start(self, signal: Signal, priority: int, urgency: Urgency, gate: StormGate, service: Service | None) -> Page:
        customer_id = queries.only_customer(service.id) if service is not None else None
        cover = queries.cover(self._integration, customer_id, priority, self._at)
        page = Page(
            brand_id=self._integration.brand_id,
            priority=priority,
            urgency=urgency,
            title=signal.summary[:TITLE_LENGTH],
            details=_details(signal),
            integration=self._integration,
            service=service,
            customer_id=customer_id,
            team=self._integration.team,
            component=_part(signal),
            gate=gate,
            policy=queries.stamp_of(self._integration.policy),
            rings_from=decide.ring_from(urgency, cover, self._at),
            alarm_count=1,
            shadow=self._integration.shadow_since is not None,
        )
        _start_page(page, self._by, self._via, self._at)
        self._locked[page.id] = page
        self._open[gate.id][page.id] = _told(page)
        return page

    def _gather(self, into: Page, absorbed: list[Page], known: Mapping[str, Alarm]) -> None:
        """A storm begins: `into` takes over the alarms of `absorbed`, which are over."""
        by, via, at = self._by, self._via, self._at
        gone = {page.id for page in absorbed}
        Alarm.objects.filter(page_id__in=gone, resolved_at=None).update(page=into)
        for alarm in known.values():
            if alarm.page_id in gone:
                alarm.page = into
        for page in absorbed:
            into.alarm_count += page.alarm_count
            _move(page, Verb.FOLD, by, via, at)
            page.folded_into, page.folded_at = into, at
            page.save(update_fields=[*MOVED, "folded_into", "folded_at"])
            self._changed.pop(page.id, None)
            facts = {"code": into.code, "into": str(into.id)}
            record(PAGE_FOLDED, subject=("page", page.id), by=by, via=via, at=at, brand_id=page.brand_id, facts=facts)
        gathered = {"pages": [str(page.id) for page in absorbed]}
        record(PAGE_GATHERED, subject=("page", into.id), by=by, via=via, at=at, brand_id=into.brand_id, facts=gathered)

    def _worsen(self, page: Page, priority: int, urgent: bool) -> None:
        """The page is as pressing as the worst of its alarms; one that was quiet and is `urgent` now rings."""
        by, via, at = self._by, self._via, self._at
        worse = priority < page.priority
        if worse:
            page.priority = priority
            self._changed[page.id] = page
        waits = worse and page.state == Page.State.TRIGGERED and page.rings_from > at and page.urgency == Urgency.HIGH
        rings_from = page.rings_from
        if urgent or waits:
            cover = queries.cover(self._integration, page.customer_id, page.priority, at)
            rings_from = decide.ring_from(Urgency.HIGH, cover, at)
        # What waits for the opening, or was left till morning, does so no longer where it has become too bad for that.
        if urgent or (waits and rings_from < page.rings_from):
            _move(page, Verb.RAISE, by, via, at)
            page.urgency, page.rung = Urgency.HIGH, 0
            page.rings_from = rings_from
            _ring_or_wait(page, PAGE_RAISED, {}, by, via, at)
            page.save(update_fields=[*MOVED, *RANG, "priority", "urgency", "rings_from"])
            if page.gate_id in self._open and page.id in self._open[page.gate_id]:
                self._open[page.gate_id][page.id] = _told(page)
        elif worse and page.state == Page.State.ACKNOWLEDGED and page.priority == decide.WATCHED_PRIORITY:
            _watch(page, at)

    def _alarm(self, signal: Signal, page: Page | None, silence_id: int | None = None) -> Alarm:
        return Alarm(
            integration=self._integration,
            dedup_key=signal.dedup_key,
            page=page,
            silence_id=silence_id,
            signal=_rest_of(signal),
            summary=signal.summary,
            severity=signal.severity or "",
            source=signal.source[:TITLE_LENGTH],
            details=dict(signal.details),
            links=[asdict(link) for link in signal.links],
            opened_at=self._at,
            last_at=self._at,
        )


def _close_alarms(alarms: Sequence[Alarm], by: Actor, via: Door, at: datetime) -> None:
    """The alarms are over, and with them each page that has none left."""
    if not alarms:
        return
    quiet = [alarm.id for alarm in alarms if alarm.page_id is None]
    # What is quiet may be about to page: wait for that, and see the page.
    found = list(Alarm.objects.select_for_update().filter(id__in=quiet).order_by("id")) if quiet else []
    alarms = [*(alarm for alarm in alarms if alarm.page_id is not None), *found]
    touched = sorted({alarm.page_id for alarm in alarms if alarm.page_id is not None})
    pages = list(Page.objects.filter(id__in=touched).order_by("id").select_for_update())
    Alarm.objects.filter(id__in=[alarm.id for alarm in alarms]).update(resolved_at=at, last_at=at)
    burning = set(Alarm.objects.filter(page_id__in=touched, resolved_at=None).values_list("page_id", flat=True))
    for page in pages:
        if page.id not in burning and page.state != Page.State.RESOLVED:
            _move(page, Verb.RESOLVE, by, via, at)
            page.save(update_fields=MOVED)
            record(PAGE_RESOLVED, subject=("page", page.id), by=by, via=via, at=at, brand_id=page.brand_id)


def _changed(details: Mapping[str, Any], signal: Signal) -> dict[str, Any]:
    """An alarm's details after an update: what is named is set, a list grows by what is new in it."""
    after = dict(details)
    for name, value in signal.details.items():
        before = after.get(name)
        if isinstance(before, list) and isinstance(value, list):
            value = [*before, *(one for one in value if one not in before)]  # noqa: PLW2901
        after[name] = value
    for name, element in signal.removed:
        held = after.get(name)
        if not element:
            after.pop(name, None)
        elif isinstance(held, list):
            after[name] = [one for one in held if one != element]
    return after


def _weigh(integration: Integration, severity: str | None) -> tuple[int, Urgency]:
    """Priority and urgency: as the integration maps the sender's word, else as the word says.

    A word that is mapped is as urgent as its priority: P1 and P2 wake, the rest do not.
    """
    mapped = str(integration.priorities.get(severity or "", ""))
    if mapped in Priority.__members__:
        priority = int(mapped[1:])
        return priority, _urgency_of(priority)
    return PRIORITIES.get(severity, 1), decide.urgency_of(severity)


def _urgency_of(priority: int) -> Urgency:
    return Urgency.HIGH if priority <= 2 else Urgency.LOW


def _part(signal: Signal) -> str:
    """What failed, as its sender names it: the machine, and which part of it."""
    return " ".join(dict.fromkeys(name for name in (signal.source, signal.component) if name))[:PART_LENGTH]


def _details(signal: Signal) -> dict[str, Any]:
    told = {
        "severity": signal.severity,
        "source": signal.source,
        "component": signal.component,
        "group": signal.group,
        "class": signal.class_,
        "started_at": signal.started_at.isoformat() if signal.started_at else None,
        "client": signal.client,
        "client_url": signal.client_url,
        "links": [asdict(link) for link in signal.links],
        "images": [asdict(image) for image in signal.images],
        "details": dict(signal.details),
    }
    return {name: value for name, value in told.items() if value}


def _rest_of(signal: Signal) -> dict[str, Any]:
    """What of a signal an alarm's columns do not keep, for the page that may come of it later."""
    told = _details(signal)
    kept = ("component", "group", "class", "client", "client_url", "started_at", "images")
    return {name: told[name] for name in kept if name in told}


def _signal_of(alarm: Alarm) -> Signal:
    """The signal that an alarm without a page came of."""
    rest = alarm.signal
    return Signal(
        "trigger",
        alarm.dedup_key,
        summary=alarm.summary,
        severity=alarm.severity or None,  # type: ignore[arg-type]
        source=alarm.source,
        component=rest.get("component", ""),
        group=rest.get("group", ""),
        class_=rest.get("class", ""),
        started_at=datetime.fromisoformat(rest["started_at"]) if "started_at" in rest else None,
        links=tuple(Link(**link) for link in alarm.links),
        images=tuple(Image(**image) for image in rest.get("images", ())),
        details=alarm.details,
        client=rest.get("client", ""),
        client_url=rest.get("client_url", ""),
    )


def _note_old_pager(alarm: Alarm, page: Page, at: datetime) -> None:
    """The old pager's people have it, so that here, on paper, the ladder ends as well."""
    old = OldPage(
        integration_id=alarm.integration_id, at=alarm.opened_at, alarm=alarm.dedup_key, acknowledged_at=at, person=""
    )
    OldPage.objects.bulk_create([old], ignore_conflicts=True)
    page.rings += 1
    page.save(update_fields=["rings"])
    void_promises(("page", page.id), at=at, kinds=PROMISES)


def _told(page: Page) -> decide.OpenPage:
    return decide.OpenPage(page.id, Urgency(page.urgency), State(page.state), page.started_at, page.folded_at)


# --- People's verbs --------------------------------------------------------------------------------------------------


@transaction.atomic
def trigger_page(
    *,
    brand_id: int,
    title: str,
    priority: str,
    policy_id: int | None = None,
    service_id: int | None = None,
    customer_id: int | None = None,
    team_id: int | None = None,
    component: str = "",
    details: dict[str, Any] | None = None,
    first_person_id: int | None = None,
    ladder: decide.Policy | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Page:
    """A new page by hand: it rings at once, as somebody has decided that it should; P3 to P5 wait in digests.

    `details` may name the caller whom the page is about, as {"caller": {"name", "channel", "address"}}: they are told where
    it is left till morning.

    `priority` is one of P1 to P5. `first_person_id` is rung before the policy's first step. Without `policy_id` the
    brand's first policy is taken; where there is none the managers are rung, then everybody. `ladder` is one of its own in
    place of any policy. Raises Forbidden, Invalid, NotFound.
    """
    require(by, "trigger_page", brand_id)
    title = " ".join(title.split())
    if not title:
        raise Invalid("A page was to be raised.", "It has no title.", "Say in one line what is wrong.")
    if priority not in Priority.__members__:
        raise Invalid(f"A page of priority {priority} was to be raised.", "There are P1 to P5.", "Give one of these.")
    level = int(priority[1:])
    policies = Policy.objects.filter(brand_id=brand_id).order_by("id")
    policy = (policies.filter(id=policy_id) if policy_id is not None else policies).first()
    if policy is None and policy_id is not None:
        raise NotFound("A page was to be raised.", "The brand has no such policy.", "Choose one of its policies.")
    named = ((Service, service_id), (Customer, customer_id), (Team, team_id))
    _check_brands_own(brand_id, named, asked="A page was to be raised.")
    if service_id is not None and customer_id is None:
        customer_id = queries.only_customer(service_id)

    stamp = queries.stamp_of(policy) if policy and not ladder else decide.policy_as_json(ladder or decide.LAST_RESORT)

    def start() -> Page:
        page = Page(
            brand_id=brand_id,
            priority=level,
            urgency=_urgency_of(level),
            title=title[:TITLE_LENGTH],
            details=details or {},
            service_id=service_id,
            customer_id=customer_id,
            team_id=team_id,
            component=component[:PART_LENGTH],
            policy=stamp,
            rings_from=at,
        )
        _start_page(page, by, via, at, (decide.Target("person", str(first_person_id)),) if first_person_id else ())
        return page

    return _unless_taken(start)


@transaction.atomic
def acknowledge_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> Page:
    """`by` now owns the page and its promises are void. By the same person again it is a sign of life, no more.

    A page that became part of a storm's page gives that one. Raises NotFound, Forbidden, TakenBy (somebody else has
    it), OnlyACopy (they are new), IllegalTransition (it is over), Invalid (only a person can have a page).
    """
    page = _locked(page_id, "acknowledge_page", by)
    person_id = _person_of(by, page)
    owner = str(page.owner_id) if page.owner_id is not None else None
    match decide.acknowledgement(State(page.state), owner, str(person_id)):
        case "over":
            raise IllegalTransition(
                f"Page {page.code} was to be acknowledged.", "It is resolved.", "If it is back, raise a new page."
            )
        case "taken":
            raise TakenBy(page)
        case "has_it":
            _still_there(page, by, via, at)
        case "takes":
            _move(page, Verb.ACKNOWLEDGE, by, via, at)
            _own(page, person_id, at)
            page.save(update_fields=MOVED)
            _record(page, PAGE_ACKNOWLEDGED, {}, by, via, at)
            _watch(page, at)
    note_sign_of_life(person_id=person_id, at=at)
    return page


@transaction.atomic
def resolve_page(*, page_id: UUID, resolution: str = "", by: Actor, via: Door, at: datetime) -> Page:
    """The page and its alarms are over. `resolution` says what helped, for whoever sees this part fail next.

    Where it is resolved already, what helped can still be said. Raises NotFound, Forbidden.
    """
    page = _locked(page_id, "resolve_page", by, follow=False)
    resolution = resolution.strip()
    if page.state == Page.State.RESOLVED:
        if resolution and resolution != page.resolution:
            page.resolution = resolution
            page.save(update_fields=["resolution"])
            _record(page, PAGE_NOTED, {}, by, via, at, text=resolution)
    else:
        _move(page, Verb.RESOLVE, by, via, at)
        page.resolution = resolution
        page.save(update_fields=[*MOVED, "resolution"])
        Alarm.objects.filter(page=page, resolved_at=None).update(resolved_at=at)
        _record(page, PAGE_RESOLVED, {}, by, via, at, text=resolution)
    _sign(by, at)
    return page


@transaction.atomic
def escalate_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> Page:
    """Wake the backup: the next rung is rung now, and nobody has the page until somebody takes it.

    Raises NotFound, Forbidden, IllegalTransition (it is over).
    """
    page = _locked(page_id, "escalate_page", by)
    _move(page, Verb.ESCALATE, by, via, at)
    _ring(page, PAGE_ESCALATED, {}, by, via, at)
    page.save(update_fields=[*MOVED, *RANG])
    _sign(by, at)
    return page


@transaction.atomic
def reassign_page(*, page_id: UUID, to_person_id: int, by: Actor, via: Door, at: datetime) -> Page:
    """The person is rung now in place of the next rung; the page is theirs when they take it.

    Raises NotFound (also for somebody who is not active), Forbidden, OnlyACopy, IllegalTransition (it is over).
    """
    page = _locked(page_id, "reassign_page", by)
    person = Person.objects.filter(id=to_person_id, active=True).first()
    if person is None:
        raise NotFound(
            f"Page {page.code} was to be passed on.", "There is no such active person.", "Choose somebody else."
        )
    if pairings.only_watches(person.pk):
        raise OnlyACopy(page, person.name)
    _move(page, Verb.REASSIGN, by, via, at)
    facts = {"person": person.name, "person_id": person.id}
    _ring(page, PAGE_REASSIGNED, facts, by, via, at, first=(decide.Target("person", str(person.id)),))
    page.save(update_fields=[*MOVED, *RANG])
    _sign(by, at)
    return page


@transaction.atomic
def snooze_page(*, page_id: UUID, until: datetime, by: Actor, via: Door, at: datetime) -> Page:
    """The page is quiet until `until`, at most a day ahead, and rings again then. Who snoozes what nobody has, has it.

    Raises NotFound, Forbidden, IllegalTransition (it is over), Invalid (a time that is past, or no person).
    """
    page = _locked(page_id, "snooze_page", by)
    person_id = _person_of(by, page)
    if until <= at:
        raise Invalid(f"Page {page.code} was to be put off.", "That time is past.", "Give a time to come.")
    waits_until = _move(page, Verb.SNOOZE, by, via, at, until=until).ring_at
    assert waits_until is not None  # decide: a snooze always ends
    if page.owner_id is None:
        _own(page, person_id, at)
    page.snoozed_until = waits_until
    page.save(update_fields=MOVED)
    entry = _record(page, PAGE_SNOOZED, {"until": waits_until.isoformat(timespec="minutes")}, by, via, at)
    why = _("%(name)s put it off until then") % {"name": by.name}
    promise(
        UNSNOOZE,
        subject=("page", page.id),
        due_at=waits_until,
        why=why,
        at=at,
        cause=entry,
        brand_id=page.brand_id,
    )
    _sign(by, at)
    return page


@transaction.atomic
def defer_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> Page:
    """It can wait: nobody is rung or has the page until the opening, when it rings from its policy's beginning.

    The opening is that of the customer's support hours, else of the integration's, else the next morning by the clocks of
    `by`, or of the brand. The caller, where the page knows one, is told that time. Repeating it before then changes
    nothing. Raises NotFound, Forbidden, IllegalTransition (it is over, or a P1).
    """
    page = _locked(page_id, "defer_page", by)
    if page.priority == decide.WATCHED_PRIORITY and page.state != Page.State.RESOLVED:
        raise IllegalTransition(
            f"Page {page.code} was to be left till morning.",
            _("It is a P1: that cannot wait."),
            _("Take it, or have the next woken."),
        )
    if page.deferred_at is not None and page.state == Page.State.TRIGGERED and page.rings_from > at:
        return page
    person = Person.objects.filter(id=by.person_id).first() if by.person_id is not None else None
    zone = person.zone if person is not None else Brand.objects.get(id=page.brand_id).zone
    opens_at = decide.opening_after(queries.hours_of_page(page, at), zone, at)
    _move(page, Verb.DEFER, by, via, at, until=opens_at)
    page.rung, page.rings_from, page.deferred_at, page.unreached = 0, opens_at, at, False
    page.everybody_at = None
    facts = {"opens_at": opens_at.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")}
    entry = _record(page, PAGE_DEFERRED, facts, by, via, at)
    why = _("%(name)s left it until the opening") % {"name": by.name}
    _promise_ring(page, decide.first_ring_at(queries.ladder_of(page), opens_at), why, at, entry)
    page.save(update_fields=[*MOVED, *RANG, "rings_from", "deferred_at"])
    _tell_caller(page, opens_at, entry, by, via, at)
    _sign(by, at)
    return page


def _tell_caller(page: Page, opens_at: datetime, cause: UUID, by: Actor, via: Door, at: datetime) -> None:
    """Tell whoever called, where the page knows how, when somebody will see to it."""
    caller = queries.caller_of(page)
    if caller is None:
        return
    brand = Brand.objects.get(id=page.brand_id)
    with translation.override(brand.language):
        when = wording.day_and_time(opens_at, brand.zone)
        title = _("%(brand)s: we have what you reported and will see to it from %(when)s.") % {
            "brand": brand.name,
            "when": when,
        }
    queue_message(
        kind="page.deferred",
        # The message is the subject's that ends with it: resolving the page must not keep it from the caller.
        subject=("caller", page.id),
        title=title,
        body="",
        to=[Recipient(kind="contact", id=0, channel=caller.channel, address=caller.address, due_at=at)],
        brand_id=page.brand_id,
        valid_until=opens_at,
        cause=cause,
        by=by,
        via=via,
        at=at,
    )


@transaction.atomic
def note_page(*, page_id: UUID, text: str, by: Actor, via: Door, at: datetime) -> Page:
    """The note stands in the page's story, and is a sign of life. Raises NotFound, Forbidden, Invalid (an empty one)."""
    page = _locked(page_id, "note_page", by)
    if not text.strip():
        raise Invalid(f"A note on page {page.code} was to be written.", "It is empty.", "Write something.")
    _move(page, Verb.NOTE, by, via, at)
    if by.person_id is not None and by.person_id == page.owner_id:
        page.last_sign_at = at
        page.save(update_fields=["last_sign_at"])
    _record(page, PAGE_NOTED, {}, by, via, at, text=text.strip())
    _sign(by, at)
    return page


@transaction.atomic
def quiet_page(*, page_id: UUID, silence_id: int, until_at: datetime, by: Actor, via: Door, at: datetime) -> Page:
    """The page is over, and its alarms are the silence's: what still fires when that ends is a new page.

    Raises NotFound, IllegalTransition (it is over).
    """
    page = _locked(page_id, None, by)
    if page.state == Page.State.RESOLVED:
        raise IllegalTransition(
            f"Page {page.code} was to be kept quiet.", "It is resolved.", "Make a silence for what it is about."
        )
    _move(page, Verb.RESOLVE, by, via, at)
    page.save(update_fields=MOVED)
    Alarm.objects.filter(page=page, resolved_at=None).update(page=None, silence_id=silence_id)
    _record(page, PAGE_SILENCED, {"until": until_at.isoformat(timespec="minutes")}, by, via, at)
    _sign(by, at)
    return page


@transaction.atomic
def ring_shadow_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> Page | None:
    """The page is on paper no longer, and rings from the start of its ladder, if nobody has it and it may ring now.

    None: it was on paper no more, or is over.
    """
    page = _locked(page_id, None, by, follow=False)
    if not page.shadow or page.state == Page.State.RESOLVED:
        return None
    page.shadow = False
    page.save(update_fields=["shadow"])
    if page.state == Page.State.TRIGGERED:
        void_promises(("page", page.id), at=at, kinds=PROMISES)
        page.rung = 0
        page.rings_from = max(page.rings_from, at)
        _ring_or_wait(page, PAGE_LIVE, {}, by, via, at)
        page.save(update_fields=[*RANG, "rings_from"])
    return page


# --- What the worker does when a promise falls due -------------------------------------------------------------------


@transaction.atomic
def ring_page(*, page_id: UUID, number: int, by: Actor, via: Door, at: datetime) -> str:
    """Ring number `number` of the page, if it is still the one that is wanted; returns what was done, in a sentence."""
    page = _locked(page_id, None, by, follow=False)
    if page.state != Page.State.TRIGGERED:
        return _("Nobody was rung: it is %(state)s.") % {"state": page.state}
    if number != page.rings:
        return _("Nobody was rung: it has rung since this was promised.")
    ring = _ring(page, PAGE_RUNG, {}, by, via, at)
    page.save(update_fields=RANG)
    return _("Rang %(count)d.") % {"count": len(ring.people)}


@transaction.atomic
def wake_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """A snooze that is over ends: nobody has the page any more, and who put it off is rung first."""
    page = _locked(page_id, None, by, follow=False)
    if page.state != Page.State.ACKNOWLEDGED or page.snoozed_until is None or page.snoozed_until > at:
        return _("Nothing was to be done: it is %(state)s.") % {"state": page.state}
    _wake(page, _("it was put off until now"), _owner_of(page), by, via, at)
    return _("It rings again.")


@transaction.atomic
def check_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Look whether whoever has the page is awake: ring them again, or then the next; or promise to look later."""
    page = _locked(page_id, None, by, follow=False)
    if page.state != Page.State.ACKNOWLEDGED or page.owner is None:
        return _("Nothing was to be done: it is %(state)s.") % {"state": page.state}
    name, verdict = page.owner.name, _alive(page, at)
    if verdict.action == "wake_again" or (verdict.action == "ask_owner" and not _ask_owner(page, by, via, at)):
        _wake(page, _("%(name)s gives no sign of life") % {"name": name}, (), by, via, at)
        return _("%(name)s gave no sign of life; the next was rung.") % {"name": name}
    if verdict.check_at is not None:
        _promise_check(page, verdict.check_at, at)
    if verdict.action == "ask_owner":
        return _("%(name)s was rung again.") % {"name": name}
    return _("%(name)s is there.") % {"name": name}


@transaction.atomic
def close_notices(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Phones that were notified of the page no longer ask for it: they say who has it, or that it is over.

    Nothing is sent where it rings again.
    """
    page = _locked(page_id, None, by, follow=False)
    if page.state == Page.State.TRIGGERED:
        return _("Nothing was to be done: it is %(state)s.") % {"state": page.state}
    told: dict[tuple[str, str], list[Recipient]] = defaultdict(list)
    for person, address in queries.notified(page.id):
        with translation.override(person.language):
            words = wording.over(page, person)
        told[words].append(Recipient("person", person.id, "push", address, at))
    for (title, body), recipients in told.items():
        queue_message(
            kind="page.over",
            subject=("page", page.id),
            title=title,
            body=body,
            to=recipients,
            brand_id=page.brand_id,
            valid_until=at + STALE_AFTER,
            lane="bulk",
            by=by,
            via=via,
            at=at,
        )
    return _("%(count)d phones were told.") % {"count": sum(map(len, told.values()))}


# --- Integrations and policies ---------------------------------------------------------------------------------------


@transaction.atomic
def save_policy(*, brand_id: int, name: str, policy: decide.Policy, by: Actor, via: Door, at: datetime) -> Policy:
    """The brand's policy of that name is this one from now on; pages keep the stamp they started with.

    Raises Forbidden, NotFound (a seat, team, person or support hours that are none of the brand's), Invalid (no name, or a
    step that rings nobody).
    """
    require(by, "save_policy", brand_id)
    asked = f"The policy {name} was to be saved."
    if not name.strip():
        raise Invalid("A policy was to be saved.", "It has no name.", "Give it one.")
    if not all(step.targets for step in policy.steps):
        raise Invalid(asked, "A step of it rings nobody.", "Say whom it rings, or leave it out.")
    hours = [(Hours, step.when.source) for step in policy.steps if step.when is not None]
    _check_brands_own(brand_id, hours, asked=asked)
    if unknown := queries.targets_not_there(brand_id, [target for step in policy.steps for target in step.targets]):
        raise NotFound(
            asked,
            f"The brand has no such {unknown.kind}: {unknown.key or 'none is named'}.",
            "Choose one of its own seats, teams and active people.",
        )
    stamp = decide.policy_as_json(policy)
    saved, _made = Policy.objects.update_or_create(brand_id=brand_id, name=name.strip(), defaults={"stamp": stamp})
    facts = {"name": saved.name, "stamp": stamp}
    record(POLICY_SAVED, subject=("policy", saved.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return saved


@transaction.atomic
def make_integration(
    *,
    brand_id: int,
    name: str,
    format: str,  # the trade's word, and the column's
    policy_id: int,
    team_id: int | None = None,
    service_id: int | None = None,
    hours_id: int | None = None,
    may_wake: Sequence[str] = (),
    priorities: Mapping[str, str] | None = None,
    storm_limit: int = 5,
    by: Actor,
    via: Door,
    at: datetime,
) -> tuple[Integration, str]:
    """A new sender of alarms, and its key of 32 characters, which is told this once and kept only as a digest.

    Raises Forbidden, NotFound (no such policy of the brand).
    """
    require(by, "make_integration", brand_id)
    if not Policy.objects.filter(id=policy_id, brand_id=brand_id).exists():
        raise NotFound(f"A key for {name} was to be made.", "The brand has no such policy.", "Save a policy first.")
    named = ((Service, service_id), (Team, team_id), (Hours, hours_id))
    _check_brands_own(brand_id, named, asked=f"A key for {name} was to be made.")
    key = secrets.token_hex(16)
    made = Integration(
        brand_id=brand_id,
        name=name,
        format=format,
        hint=key[:6],
        digest=queries.digest_of(key),
        policy_id=policy_id,
        team_id=team_id,
        service_id=service_id,
        hours_id=hours_id,
        may_wake=list(may_wake),
        priorities=dict(priorities or {}),
        storm_limit=storm_limit,
        created_at=at,
    )
    made.save(force_insert=True)
    facts = {"name": name, "format": format, "hint": made.hint}
    record(INTEGRATION_MADE, subject=("integration", made.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return made, key


@transaction.atomic
def save_mapping(
    *, integration_id: int, mapping: PayloadMapping | None, by: Actor, via: Door, at: datetime
) -> Integration:
    """What comes to the generic hook with this integration's key is read by `mapping` from now on; None: as the hook says.

    Raises NotFound, Forbidden, Invalid (its senders speak another format).
    """
    integration = Integration.objects.select_for_update().filter(id=integration_id).first()
    asked = _("A mapping was to be saved.")
    if integration is None:
        raise NotFound(asked, _("There is no such integration."), _("Look at the list of them."))
    require(by, "save_mapping", integration.brand_id)
    if integration.format != "generic":
        raise Invalid(
            asked,
            _("%(name)s speaks a format of its own, which needs none.") % {"name": integration.name},
            _("Make an integration for JSON."),
        )
    integration.mapping = mapping.as_json() if mapping is not None else None
    integration.save(update_fields=["mapping"])
    facts = {"name": integration.name, "mapping": integration.mapping}
    subject, brand_id = ("integration", integration.id), integration.brand_id
    record(MAPPING_SAVED, subject=subject, by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return integration


@transaction.atomic
def save_mail_rules(
    *, integration_id: int, rules: Sequence[email_rules.Rule], by: Actor, via: Door, at: datetime
) -> Integration:
    """Mails to the integration mean this from now on. Saving the same again changes nothing.

    Raises NotFound, Forbidden, Invalid (a rule that could never fit, or an expression that could run away).
    """
    integration = Integration.objects.select_for_update().filter(id=integration_id).first()
    if integration is None:
        raise NotFound("Rules were to be saved.", "There is no such integration.", "Look at the list of them.")
    require(by, "save_mail_rules", integration.brand_id)
    problems = email_rules.problems_of(rules)
    if problems:
        raise Invalid(f"Rules for mails to {integration.name} were to be saved.", " ".join(problems), "Put that right.")
    kept = email_rules.rules_as_json(rules)
    row, made = MailRules.objects.get_or_create(integration=integration, defaults={"rules": kept})
    if not made and row.rules == kept:
        return integration
    row.rules = kept
    row.save(update_fields=["rules"])
    facts = {"name": integration.name, "count": len(kept)}
    subject = ("integration", integration.id)
    record(MAIL_RULES_SAVED, subject=subject, by=by, via=via, at=at, brand_id=integration.brand_id, facts=facts)
    return integration


@transaction.atomic
def revoke_integration(*, integration_id: int, by: Actor, via: Door, at: datetime) -> Integration:
    """Its key opens nothing any more; its pages stay. Repeating it changes nothing. Raises NotFound, Forbidden."""
    integration = Integration.objects.select_for_update().filter(id=integration_id).first()
    if integration is None:
        raise NotFound("A key was to be revoked.", "There is no such integration.", "Look at the list of them.")
    require(by, "revoke_integration", integration.brand_id)
    if integration.revoked_at is None:
        integration.revoked_at = at
        integration.save(update_fields=["revoked_at"])
        facts = {"name": integration.name}
        subject = ("integration", integration.id)
        brand_id = integration.brand_id
        record(INTEGRATION_REVOKED, subject=subject, by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return integration


def _check_brands_own(
    brand_id: int, named: Iterable[tuple[type[Service | Customer | Team | Hours], int | None]], *, asked: str
) -> None:
    """Raise NotFound unless there is the brand, and all that is named is its own: a number must not tell of another's."""
    if not Brand.objects.filter(id=brand_id).exists():
        raise NotFound(asked, "There is no such brand.", "Look at the list of brands.")
    for model, number in named:
        if number is not None and not model._default_manager.filter(id=number, brand_id=brand_id).exists():
            raise NotFound(asked, f"The brand has no such {model._meta.verbose_name}.", "Choose one of its own.")


# --- Two sites -------------------------------------------------------------------------------------------------------


@transaction.atomic
def hold_rings(*, until_at: datetime, by: Actor, via: Door, at: datetime) -> int:
    """Nothing rings for an open page before `until_at`: the second site may have rung meanwhile, and is about to say so. What
    is due later stays as it is. How many promises and messages wait.
    """
    waiting = Promise.objects.filter(kind__in=PROMISES, subject_kind="page", ended_at=None, due_at__lt=until_at)
    held = waiting.update(due_at=until_at)
    held += hold_deliveries(subject_kind="page", until_at=until_at, by=by, via=via, at=at)
    if held:
        facts = {"until": until_at.isoformat(), "count": held}
        record(RINGS_HELD, subject=("site", "main"), by=by, via=via, at=at, facts=facts)
    return held


@transaction.atomic
def carry_on_page(
    *, page_id: UUID, rung: int, rings: int, due_at: datetime, woken: bool = False, by: Actor, via: Door, at: datetime
) -> bool:
    """Rung `rung` of the page is rung at `due_at`, here, and what was promised or queued here before is void: the other site
    has told those already. One that somebody has is watched on, or its snooze ends when it should; with `woken` it is theirs
    no more. False where it is over.
    """
    page = _locked(page_id, None, by, follow=False)
    if page.state == Page.State.RESOLVED or page.shadow or page.folded_into_id is not None:
        return False
    if page.state == Page.State.ACKNOWLEDGED and woken:
        _move(page, Verb.WAKE_AGAIN, by, via, at)
        page.save(update_fields=MOVED)
    void_promises(("page", page.id), at=at, kinds=PROMISES)
    if page.state == Page.State.ACKNOWLEDGED:
        if page.snoozed_until is not None:
            why = _("it was put off until now")
            promise(
                UNSNOOZE,
                subject=("page", page.id),
                due_at=page.snoozed_until,
                why=why,
                at=at,
                brand_id=page.brand_id,
            )
        else:
            _watch(page, at)
        return True
    supersede_deliveries(subject=("page", page.id), by=by, via=via, at=at)
    page.rung, page.rings = max(rung, page.rung), max(rings, page.rings)
    facts = {"rung": page.rung, "rings_at": due_at.isoformat()}
    entry = _record(page, PAGE_CARRIED_ON, facts, by, via, at)
    _promise_ring(page, max(due_at, at), _("the other site is away, or has handed it on"), at, entry)
    page.save(update_fields=RANG)
    return True


@transaction.atomic
def let_go_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> None:
    """The other site rings for the page from here on: nothing more is promised here, and what waits is not sent."""
    del via
    page = _locked(page_id, None, by, follow=False)
    void_promises(("page", page.id), at=at, kinds=PROMISES)
    supersede_deliveries(subject=("page", page.id), by=by, via=Door.STANDBY, at=at)


def code_for(page_id: UUID, code: str, at: datetime) -> str:
    """`code`, unless another open page has it; then one that is free."""
    taken = Page.objects.filter(code=code).exclude(id=page_id).exclude(state=Page.State.RESOLVED).exists()
    return _free_code(at) if taken else code


# --- A page's moves --------------------------------------------------------------------------------------------------

MOVED = [
    "state", "owner", "acknowledged_at", "asked_at", "last_sign_at", "snoozed_until", "resolved_at", "everybody_at",
]  # fmt: skip
"""The columns that `_move`, and who takes the page after it, may have changed."""
RANG = ["rung", "rings", "unreached", "everybody_at"]
"""The columns that `_ring` has changed."""


def _locked(page_id: UUID, verb: str | None, by: Actor, *, follow: bool = True) -> Page:
    """The page under its row's lock, if `by` may do `verb` to it (None: a promise that is kept asks nobody).

    With `follow` it is the storm's page, where one took it over. Raises NotFound, Forbidden.
    """
    wanted = page_id
    while True:
        # Nothing is joined: whoever had to wait for the lock would see the page as it is and its owner as it was.
        found = Page.objects.select_for_update().filter(id=wanted).first()
        if found is None:
            raise NotFound(f"Page {page_id} was to change.", "There is no such page.", "Look at the open pages.")
        if verb is not None:
            require(by, verb, found.brand_id)
        if found.folded_into_id is None or not follow:
            return found
        wanted = found.folded_into_id


def _move(page: Page, verb: Verb, by: Actor, via: Door, at: datetime, until: datetime | None = None) -> decide.After:
    """The only writer of `state`; the caller holds the row's lock, and saves `MOVED`.

    What is void with it is void in this transaction: promised rings, and messages not yet handed over. Raises
    IllegalTransition.
    """
    after = decide.after(State(page.state), verb, at, until)
    if after is None:
        raise IllegalTransition(
            f"Page {page.code} was to be moved: {verb}.",
            f"It is {page.state}.",
            "Look at its story; if the fault is back, raise a new page.",
        )
    if page.state != after.state:
        page.state = after.state
        page.resolved_at = at if after.state is State.RESOLVED else None
        page.everybody_at = None
        if after.state is State.TRIGGERED:
            page.owner = page.acknowledged_at = None
    if after.voids:
        page.asked_at = page.snoozed_until = None
        void_promises(("page", page.id), at=at, kinds=PROMISES)
        supersede_deliveries(subject=("page", page.id), by=by, via=via, at=at)
    if after.voids and after.state is not State.TRIGGERED and queries.notified(page.id):
        why = _("phones still ask for an answer")
        promise(CLOSE_NOTICES, subject=("page", page.id), due_at=at, why=why, at=at, brand_id=page.brand_id)
    return after


def _own(page: Page, person_id: int, at: datetime) -> None:
    person = Person.objects.get(id=person_id)
    if pairings.only_watches(person.pk) and not queries.was_rung(page, person.pk):
        raise OnlyACopy(page, person.name)
    page.owner = person
    page.acknowledged_at = page.last_sign_at = at


def _person_of(by: Actor, page: Page) -> int:
    if by.person_id is None:
        raise Invalid(
            f"{by.name} was to have page {page.code}.",
            "That is no person.",
            "Say which person has it (--as, or log in).",
        )
    return by.person_id


def _sign(by: Actor, at: datetime) -> None:
    if by.person_id is not None:
        note_sign_of_life(person_id=by.person_id, at=at)


def _record(page: Page, what: str, facts: dict[str, Any], by: Actor, via: Door, at: datetime, text: str = "") -> UUID:
    return record(
        what, subject=("page", page.id), by=by, via=via, at=at, brand_id=page.brand_id, facts=facts, text=text
    )


# --- Rings -----------------------------------------------------------------------------------------------------------


def _start_page(page: Page, by: Actor, via: Door, at: datetime, first: Sequence[decide.Target] = ()) -> None:
    """The page gets its code, begins, and rings if it is to ring now. Every way to a new page goes through here."""
    page.code = _free_code(at)
    page.started_at = at
    facts = {"title": page.title, "code": page.code, "priority": f"P{page.priority}"}
    _ring_or_wait(page, PAGE_TRIGGERED, facts, by, via, at, first)
    insert([page])


def _free_code(at: datetime) -> str:
    """Digits that no open page has and none has had lately: as few as there is room for, at least three."""
    dice = random.SystemRandom()
    for digits in (3, 4, 5, 6):
        offered = {str(number) for number in dice.sample(range(10 ** (digits - 1), 10**digits), 20)} - NEVER_A_CODE
        taken = {code for (code,) in _rows(CODES, sorted(offered), at - CODE_RESTS)}
        if free := offered - taken:
            return free.pop()
    raise IllegalTransition(
        "A page was to be raised.", "Every code is taken by an open page.", "Resolve pages that are over."
    )


def _ring_or_wait(
    page: Page,
    what: str,
    facts: dict[str, Any],
    by: Actor,
    via: Door,
    at: datetime,
    first: Sequence[decide.Target] = (),
) -> None:
    """Ring now where rung 0 is due, else promise it; records `what` either way."""
    due_at = page.rings_from if first else decide.first_ring_at(queries.ladder_of(page), page.rings_from)
    if due_at <= at:
        _ring(page, what, facts, by, via, at, first)
        return
    waits = page.rings_from > at
    why = _("it waits for the opening") if waits else _("its policy waits so long before the first ring")
    entry = _record(page, what, facts | {"people": [why], "rings_at": due_at.isoformat()}, by, via, at)
    _promise_ring(page, due_at, why, at, entry)


def _ring(
    page: Page,
    what: str,
    facts: dict[str, Any],
    by: Actor,
    via: Door,
    at: datetime,
    first: Sequence[decide.Target] = (),
) -> decide.Ring:
    """Ring the page's rung (`first` in place of it), record `what`, and promise the next. The caller saves `RANG`."""
    roll = queries.Roll(page, at)
    policy = queries.ladder_of(page)
    turns = _locked_turns(page.brand_id, policy)
    taken = {key: row.instants() for key, row in turns.items()}
    ring = decide.plan_next(policy, page.rung, at, roll.candidates, first, taken)
    for key, person in ring.turns:
        turns[key].taken[person] = at.isoformat()
        turns[key].save(update_fields=["taken"])
    people = [roll.person(key).name for key in ring.people] + [
        _("not %(name)s, who is left alone until %(time)s")
        % {"name": person.name, "time": wording.time_of_day(person.quiet_until, person.zone)}
        for person in roll.left_alone(ring.people)
        if person.quiet_until is not None
    ]
    told = {"people": people or [_("nobody")], "reached": ring.reached, "rung": page.rung}
    low = page.urgency == Urgency.LOW
    entry = _record(page, PAGE_DIGESTED if low and what == PAGE_TRIGGERED else what, facts | told, by, via, at)
    page.rung, page.unreached = ring.next_rung, not ring.reached
    if ring.next_rung > decide.everybody_from(policy) and page.everybody_at is None and not low:
        page.everybody_at = at
    next_at = max(ring.next_at, at + DIGEST_AGAIN) if low else ring.next_at
    if low and not page.shadow:
        _put_in_digests(page.id, [roll.person(key) for key in ring.people], page.brand_id, entry, at)
    else:
        _tell(page, roll, ring.people, entry, by, via, at)
    if page.shadow and decide.EVERYBODY in decide.rung(policy, max(0, page.rung - 1)).targets:
        return ring  # on paper the ladder has an end: everybody would have been rung
    why = _("nobody has answered for %(wait)s") % {"wait": wording.wait((next_at - at).total_seconds())}
    if not ring.reached:
        why = _("nobody could be woken; it is tried again")
    _promise_ring(page, next_at, why, at, entry)
    return ring


def _locked_turns(brand_id: int, policy: decide.Policy) -> dict[str, TurnTaking]:
    """Whose turn it is in each list that the policy rings in turn; locked in one order, after the page."""
    keys = sorted({step.turn_key for step in policy.steps if step.in_turn})
    if not keys:
        return {}
    TurnTaking.objects.bulk_create([TurnTaking(brand_id=brand_id, key=key) for key in keys], ignore_conflicts=True)
    rows = TurnTaking.objects.select_for_update().filter(brand_id=brand_id, key__in=keys).order_by("key")
    return {row.key: row for row in rows}


def _promise_ring(page: Page, due_at: datetime, why: str, at: datetime, cause: UUID) -> None:
    # The number is new with every promise, so that a void one never stands in the way of the next.
    page.rings += 1
    promise(
        RING,
        subject=("page", page.id),
        due_at=due_at,
        why=why,
        at=at,
        facts={"number": page.rings},
        occurrence=f"{page.id}:{page.rung}:{page.rings}",
        cause=cause,
        brand_id=page.brand_id,
    )


def _tell(
    page: Page,
    roll: queries.Roll,
    people: Sequence[str],
    cause: UUID,
    by: Actor,
    via: Door,
    at: datetime,
    *,
    asking: bool = False,
) -> None:
    """Queue what each of `people` is sent: one message for all who read the same language. In shadow mode it is written
    on paper: no message is made, so that none can leave.
    """
    if page.shadow:
        PaperRing.objects.bulk_create(
            PaperRing(page=page, person=roll.person(key), channel=channel, due_at=due_at, asking=asking)
            for key in people
            for channel, _address, due_at in roll.deliveries(key)
        )
        return
    by_language: dict[str, list[Recipient]] = defaultdict(list)
    for key in people:
        person = roll.person(key)
        by_language[person.language] += [
            Recipient(kind="person", id=person.id, channel=channel, address=address, due_at=due_at)
            for channel, address, due_at in roll.deliveries(key)
        ]
    for language, recipients in by_language.items():
        if not recipients:
            continue
        with translation.override(language):
            title, body = wording.asking_headline(page) if asking else wording.headline(page), wording.where(page)
        queue_message(
            kind="page.asked" if asking else "page.rung",
            subject=("page", page.id),
            title=title,
            body=body,
            to=recipients,
            brand_id=page.brand_id,
            code=page.code,
            answers={word: [f"page.{word}", "page", str(page.id)] for word in _answers_to(page)},
            valid_until=max(one.due_at for one in recipients) + STALE_AFTER,
            cause=cause,
            lane="urgent",
            by=by,
            via=via,
            at=at,
        )


def _answers_to(page: Page) -> tuple[str, ...]:
    return ANSWERED_BY if page.priority == decide.WATCHED_PRIORITY else (*ANSWERED_BY, "morning")


# --- Digests ---------------------------------------------------------------------------------------------------------


def _put_in_digests(page_id: UUID, people: Iterable[Person], brand_id: int, cause: UUID | None, at: datetime) -> None:
    """The page waits in the digest of each, which is promised for the next of their times."""
    people = list(people)
    DigestLine.objects.bulk_create(
        [DigestLine(person=person, page_id=page_id, added_at=at) for person in people], ignore_conflicts=True
    )
    for person in people:
        _promise_digest(person, brand_id, cause, at)


def _promise_digest(person: Person, brand_id: int | None, cause: UUID | None, at: datetime) -> None:
    due_at = decide.next_digest(person.zone, queries.digest_times(person), at)
    promise(
        DIGEST,
        subject=("person", person.id),
        due_at=due_at,
        why=_("what was not urgent is sent to %(name)s at once") % {"name": person.name},
        at=at,
        occurrence=f"{person.id}:{due_at.isoformat()}",
        cause=cause,
        brand_id=brand_id,
    )


@transaction.atomic
def send_digest(*, person_id: int, by: Actor, via: Door, at: datetime) -> str:
    """One message with every page that waits in the person's digest, by their quiet ways; says what was done.

    Pages that a storm took over stand as the storm's page, once. Those that are resolved are listed as that, or left out
    where the person wants so. Where nothing quiet reaches them it goes on waiting, and stands on their digest page.
    Repeating it sends nothing again. Raises NotFound, and Forbidden for anybody but the person and who may for them.
    """
    person = Person.objects.select_for_update().filter(id=person_id).first()
    if person is None:
        raise NotFound("A digest was to be sent.", "There is no such person.", "Look at the staff list.")
    if by.person_id != person_id and not any(may(by, "send_digest", brand) for brand in brands_of(person) or {None}):
        raise forbidden(by, "send_digest")
    lines = list(DigestLine.objects.filter(person=person, sent_at=None).order_by("added_at", "id"))
    pages = queries.pages_of_digest([line.page_id for line in lines], resolved=person.digest_resolved)
    brand_id = pages[0].brand_id if pages else None
    if pages and person.active:
        to = queries.quiet_ways(person, at)
        if not to:
            _promise_digest(person, brand_id, None, at)
            return _("Nothing quiet reaches %(name)s; it waits on.") % {"name": person.name}
        with translation.override(person.language):
            title, body = wording.digest(pages, person.zone)
        facts = {"person": person.name, "count": len(pages), "pages": [str(page.id) for page in pages]}
        entry = record(
            DIGEST_SENT, subject=("person", person.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts
        )
        queue_message(
            kind="page.digest",
            subject=("person", person.id),
            title=title,
            body=body,
            to=[Recipient("person", person.id, channel, address, due_at) for channel, address, due_at in to],
            brand_id=brand_id,
            cause=entry,
            lane="bulk",
            by=by,
            via=via,
            at=at,
        )
    DigestLine.objects.filter(id__in=[line.id for line in lines]).update(sent_at=at)
    if not pages or not person.active:
        return _("Nothing waited in the digest.")
    return _("A digest of %(count)d pages was sent.") % {"count": len(pages)}


@transaction.atomic
def hand_digest_over(*, from_person_id: int | None, to_person_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Whoever comes on duty is sent what still waited in the digest of who had it, with their own; says what was done."""
    if from_person_id is not None and from_person_id != to_person_id:
        person = Person.objects.filter(id=to_person_id, active=True).first()
        waiting = DigestLine.objects.filter(person_id=from_person_id, sent_at=None).exclude(
            page__state=Page.State.RESOLVED
        )
        if person is not None:
            DigestLine.objects.bulk_create(
                [DigestLine(person=person, page_id=line.page_id, added_at=at) for line in waiting],
                ignore_conflicts=True,
            )
    return send_digest(person_id=to_person_id, by=by, via=via, at=at)


# --- Signs of life ---------------------------------------------------------------------------------------------------


def _alive(page: Page, at: datetime) -> decide.Alive:
    """What to do about whoever has the page: a sign anywhere counts, as does one on the page."""
    assert page.owner is not None  # asked only about pages that somebody has
    assert page.acknowledged_at is not None
    signs = [sign for sign in (page.owner.last_sign_at, page.last_sign_at) if sign is not None]
    owned = decide.Owned(State(page.state), page.priority, page.acknowledged_at, page.snoozed_until, page.asked_at)
    return decide.alive_check(owned, max(signs, default=None), at)


def _watch(page: Page, at: datetime) -> None:
    """Promise to look after whoever has just taken the page, if it is one to watch."""
    check_at = _alive(page, at).check_at
    if check_at is not None:
        _promise_check(page, check_at, at)


def _promise_check(page: Page, check_at: datetime, at: datetime) -> None:
    assert page.owner is not None
    why = _("to see that %(name)s is awake") % {"name": page.owner.name}
    promise(ALIVE, subject=("page", page.id), due_at=check_at, why=why, at=at, brand_id=page.brand_id)


def _ask_owner(page: Page, by: Actor, via: Door, at: datetime) -> bool:
    """Ring whoever has the page again; False where they cannot be woken."""
    roll = queries.Roll(page, at)
    candidates = [person for target in _owner_of(page) for person in roll.candidates(target)]
    if not any(person.reachable for person in candidates):
        return False
    assert page.owner is not None
    entry = _record(page, PAGE_ASKED, {"person": page.owner.name}, by, via, at)
    _tell(page, roll, [person.person for person in candidates], entry, by, via, at, asking=True)
    page.asked_at = at
    page.save(update_fields=["asked_at"])
    return True


def _still_there(page: Page, by: Actor, via: Door, at: datetime) -> None:
    """The owner's sign of life; where they had been asked for it, what asks them further is not sent."""
    if page.asked_at is not None and (page.last_sign_at is None or page.last_sign_at < page.asked_at):
        supersede_deliveries(subject=("page", page.id), by=by, via=via, at=at)
        _record(page, PAGE_CONFIRMED, {}, by, via, at)
    page.last_sign_at = at
    page.save(update_fields=["last_sign_at"])


def _owner_of(page: Page) -> tuple[decide.Target, ...]:
    return (decide.Target("person", str(page.owner_id)),) if page.owner_id is not None else ()


def _wake(page: Page, why: str, first: tuple[decide.Target, ...], by: Actor, via: Door, at: datetime) -> None:
    """Nobody has the page any more, and it rings."""
    _move(page, Verb.WAKE_AGAIN, by, via, at)
    _ring(page, PAGE_WOKEN, {"why": why}, by, via, at, first=first)
    page.save(update_fields=[*MOVED, *RANG])
