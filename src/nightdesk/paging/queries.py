"""What paging reads: who stands behind a target, what may wake, the open pages, and a page's story."""

import contextlib
import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.base.rows import fetch
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.customers.hours import SupportHours, next_opening
from nightdesk.customers.models import Hours, Service, Subscription
from nightdesk.customers.priority import MAY_EVER_WAKE, Priority
from nightdesk.customers.promised import IntegrationRule, what_an_alarm_may_do, what_is_promised
from nightdesk.customers.queries import contract_facts, support_hours
from nightdesk.duty.pairings import only_watches
from nightdesk.duty.queries import who_rings
from nightdesk.journal.kinds import KINDS
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.mailroom.letter import read_letter
from nightdesk.paging import beats, comparison, decide, silencing
from nightdesk.paging.formats import FORMATS, Malformed, email_rules
from nightdesk.paging.formats.mapping import PayloadMapping, parser_of
from nightdesk.paging.formats.signal import Named, Signal
from nightdesk.paging.models import (
    Absence,
    Alarm,
    Heartbeat,
    Integration,
    MailRules,
    OldPage,
    OpenDoor,
    Page,
    PaperRing,
    PlannedWork,
    Policy,
    RawAlarm,
    Silence,
    TurnTaking,
)
from nightdesk.people.models import ContactMethod, NotifyRule, Person, Team
from nightdesk.people.queries import brands_of, contacts_and_rules, cut_off
from nightdesk.people.skill_queries import newcomers
from nightdesk.rota.models import Seat

log = logging.getLogger(__name__)

Brands: TypeAlias = Collection[int] | None
"""Ids of the brands that the asker may see; None: all."""

KEYLIKE = re.compile(r"[0-9a-f]{32}")
"""What may be the key of an integration."""


def integration_by_key(key: str) -> Integration | None:
    """The integration whose key this is, with all that an alarm needs of it; None for a wrong or revoked key."""
    found = Integration.objects.select_related("policy", "service", "hours", "team")
    return found.filter(digest=digest_of(key), revoked_at=None).first()


def mail_rules(integration_id: int) -> tuple[email_rules.Rule, ...]:
    """What mails to the integration mean, in the order in which the rules are tried."""
    kept = MailRules.objects.filter(integration_id=integration_id).values_list("rules", flat=True).first()
    return email_rules.rules_from_json(kept or [])


@dataclass(frozen=True, slots=True)
class Tried:
    """A mail that came, and what rules would make of it."""

    at: datetime
    from_address: str
    subject: str
    verdict: email_rules.Verdict


def try_mail_rules(integration_id: int, rules: Sequence[email_rules.Rule], count: int = 20) -> list[Tried]:
    """What `rules` would make of the last mails to the integration, the newest first; changes nothing."""
    raws = RawAlarm.objects.filter(integration_id=integration_id, format=email_rules.FORMAT.name)
    tried = []
    for raw in raws.order_by("-at", "-id")[:count]:
        mail = email_rules.mail_of(read_letter(bytes(raw.body)))
        tried.append(Tried(raw.at, mail.from_address, mail.subject, email_rules.judge(rules, mail)))
    return tried


def digest_of(key: str) -> str:
    """What is kept of a key: keys are long and random, so a plain SHA-256 cannot be turned back."""
    return hashlib.sha256(key.encode()).hexdigest()


# --- What is kept quiet ----------------------------------------------------------------------------------------------

SILENCES_KNOWN_FOR = timedelta(seconds=1)
"""So long the silences of a brand are taken as they were read; before one is relied on it is looked at again."""
_silences: dict[int, tuple[list[silencing.Held], datetime]] = {}


def silences_of(brand_id: int, at: datetime) -> list[silencing.Held]:
    """The brand's silences that hold at `at` or a moment later, read at most `SILENCES_KNOWN_FOR` ago."""
    held, read_at = _silences.get(brand_id, ([], None))
    if read_at is None or not timedelta(0) <= at - read_at < SILENCES_KNOWN_FOR:
        rows = Silence.objects.filter(brand_id=brand_id, ended_at=None, until_at__gt=at)
        held = [held_by(row) for row in rows.filter(from_at__lte=at + SILENCES_KNOWN_FOR)]
        _silences[brand_id] = held, at
    return held


def forget_silences(brand_id: int) -> None:
    """They have changed: this process reads them again. The others do so within `SILENCES_KNOWN_FOR`."""
    _silences.pop(brand_id, None)


def held_by(row: Silence) -> silencing.Held:
    """The silence as `silencing` takes it."""
    return silencing.Held(row.pk, matcher_of(row), row.from_at, row.until_at)


def matcher_of(row: Silence) -> silencing.Matcher:
    """What it names."""
    return silencing.Matcher(
        row.integration_id, row.service_id, row.part, row.summary, tuple(int(level) for level in row.priorities)
    )


def told_of(row: Silence) -> str:
    """What a silence names, in a line."""
    names = [
        row.integration.name if row.integration else "",
        row.service.name if row.service else "",
        row.part,
        f"“{row.summary}”" if row.summary else "",
        ", ".join(f"P{level}" for level in row.priorities),
    ]
    return " · ".join(name for name in names if name)


def facts_of_alarms(page: Page) -> list[silencing.Facts]:
    """What a silence looks at, of each open alarm of the page."""
    return [
        silencing.Facts(
            integration=alarm.integration_id,
            priority=page.priority,
            service=page.service_id,
            source=alarm.source,
            component=str(alarm.signal.get("component", "")),
            summary=alarm.summary,
        )
        for alarm in Alarm.objects.filter(page=page, resolved_at=None).order_by("id")
    ]


@dataclass(frozen=True)
class Kept:
    """What a silence has kept quiet: `alarms` that came `times` in all, of which `firing` still are."""

    alarms: int = 0
    times: int = 0
    firing: int = 0


def kept_quiet(silence_ids: Collection[int]) -> dict[int, Kept]:
    """By silence, those without an alarm too."""
    rows = Alarm.objects.filter(silence_id__in=silence_ids).values("silence_id").order_by("silence_id")
    counted = rows.annotate(
        alarms=Count("id"), times=Sum("count"), firing=Count("id", filter=Q(page=None, resolved_at=None))
    )
    found = {row["silence_id"]: Kept(row["alarms"], row["times"], row["firing"]) for row in counted}
    return {silence_id: found.get(silence_id, Kept()) for silence_id in silence_ids}


def silences_now(brand_ids: Brands, at: datetime) -> list[Silence]:
    """Those that hold at `at`, the first to end first."""
    rows = Silence.objects.filter(ended_at=None, from_at__lte=at, until_at__gt=at)
    rows = rows if brand_ids is None else rows.filter(brand_id__in=brand_ids)
    return list(rows.select_related("work", "integration", "service").order_by("until_at", "id"))


def work_now(brand_ids: Brands, at: datetime, ahead: timedelta = timedelta(0)) -> list[PlannedWork]:
    """Planned work that has not ended and begins by `at` + `ahead`."""
    rows = PlannedWork.objects.filter(ended_at=None, from_at__lte=at + ahead)
    rows = rows if brand_ids is None else rows.filter(brand_id__in=brand_ids)
    return list(rows.select_related("person", "page").prefetch_related("services").order_by("from_at"))


# --- Heartbeats ------------------------------------------------------------------------------------------------------

DOOR_SHUT_AFTER = timedelta(seconds=30)
"""A door that nobody has signed for so long is shut; a restart takes a few seconds."""
ABSENCES_KEPT = timedelta(days=400)
"""As long as the longest period of a heartbeat, so that none is forgotten that could excuse one."""


def heartbeat_by_key(key: str) -> int | None:
    """The number of the heartbeat whose key this is; None for a wrong key, and for one that was removed."""
    return Heartbeat.objects.filter(digest=digest_of(key), removed_at=None).values_list("id", flat=True).first()


def heartbeat_named(name: str, brand_id: int | None) -> Heartbeat:
    """The heartbeat of that name, whatever its case. Raises NotFound, also where several brands have one."""
    rows = Heartbeat.objects.filter(name__iexact=name.strip(), removed_at=None)
    found = list((rows if brand_id is None else rows.filter(brand_id=brand_id))[:2])
    if len(found) != 1:
        so = "Several brands have one." if found else "There is none of that name."
        raise NotFound(f"The heartbeat {name[:80]} was asked for.", so, "Look at the list of heartbeats.")
    return found[0]


def expectation_of(row: Heartbeat) -> beats.Expectation:
    """When it is expected, as `beats` takes it."""
    return beats.Expectation(row.grace, row.every, row.cron, row.zone)


def absences(since: datetime, at: datetime) -> list[beats.Away]:
    """When nobody could reach us after `since`; one that goes on at `at` ends there."""
    rows = Absence.objects.filter(ended_at__gt=since).order_by("began_at").values_list("began_at", "ended_at")
    found = [beats.Away(*row) for row in rows]
    shut_since = door_shut_since(at)
    return [*found, beats.Away(shut_since, at)] if shut_since is not None else found


def door_shut_since(at: datetime) -> datetime | None:
    """Since when no web process has signed that it can be reached; None: one did lately, or none ever has."""
    seen_at = OpenDoor.objects.values_list("seen_at", flat=True).first()
    return seen_at if seen_at is not None and at - seen_at > DOOR_SHUT_AFTER else None


def heartbeat_counts(brand_ids: Brands) -> dict[str, int]:
    """How many there are in each state."""
    rows = Heartbeat.objects.filter(removed_at=None)
    rows = rows if brand_ids is None else rows.filter(brand_id__in=brand_ids)
    found = dict(rows.order_by().values_list("state").annotate(Count("id")))
    return {state: found.get(state, 0) for state in Heartbeat.State.values}


# --- Shadow mode -----------------------------------------------------------------------------------------------------


def would_ring_now(integration_id: int) -> list[Page]:
    """The open pages that ring as soon as the integration is out of the shadow."""
    rows = Page.objects.filter(integration_id=integration_id, shadow=True, state=Page.State.TRIGGERED)
    return list(rows.order_by("priority", "started_at"))


def compared(integration_id: int, since: datetime, until: datetime) -> list[comparison.Row]:
    """The old pager beside this one for alarms of `[since, until)`."""
    pages = Page.objects.filter(
        integration_id=integration_id, shadow=True, started_at__gte=since, started_at__lt=until, folded_into=None
    )
    rung: dict[UUID, list[tuple[datetime, str]]] = defaultdict(list)
    for ring in (
        PaperRing.objects.filter(page__in=pages, asking=False).select_related("person").order_by("due_at", "id")
    ):
        rung[ring.page_id].append((ring.due_at, ring.person.name))
    keys: dict[UUID, list[str]] = defaultdict(list)
    for page_id, *names in Alarm.objects.filter(page__in=pages).values_list("page_id", "dedup_key", "summary"):
        keys[page_id] += names
    here = [
        comparison.Here(one.title, (one.title, *keys[one.id]), one.started_at, tuple(rung[one.id])) for one in pages
    ]
    edge = comparison.SAME_ALARM
    old = OldPage.objects.filter(integration_id=integration_id, at__gte=since - edge, at__lt=until + edge)
    there = [comparison.Paged(one.alarm, one.at, one.person, one.acknowledged_at) for one in old]
    return [row for row in comparison.compare(here, there) if since <= row.at < until]


# --- What came in ----------------------------------------------------------------------------------------------------


def alarm_named(integration_id: int, named: Named, name: str) -> Alarm | None:
    """The integration's alarm of that dedup_key, own id or page's code, with its page: the open one, else the newest."""
    rows = Alarm.objects.filter(integration_id=integration_id).select_related("page__owner")
    if named == "id":
        # Who gave no alias was told an id that is the alarm's key.
        match = Q(dedup_key=name)
        with contextlib.suppress(ValueError):
            match |= Q(id=UUID(name))
    else:
        match = Q(page__code=name) if named == "code" else Q(dedup_key=name)
    found = rows.filter(match)
    return found.filter(resolved_at=None).order_by("-opened_at").first() or found.order_by("-opened_at").first()


def raw_alarms(brand_ids: Brands) -> QuerySet[RawAlarm]:
    """What came in, newest first; what strangers sent is everybody's who may see every brand."""
    rows = RawAlarm.objects.select_related("integration__brand").order_by("-at", "-id")
    return rows if brand_ids is None else rows.filter(integration__brand_id__in=brand_ids)


NOT_TAKEN = Q(status__gte=300, retried_at=None)
"""Requests that nothing came of: refused, or failed and not taken in again."""


def raw_alarms_in(state: str, rows: QuerySet[RawAlarm]) -> QuerySet[RawAlarm]:
    """Those of `rows` that are `taken`, `not-taken` or `marked`; all for any other word."""
    match state:
        case "taken":
            return rows.exclude(NOT_TAKEN)
        case "not-taken":
            return rows.filter(NOT_TAKEN)
        case "marked":
            return rows.exclude(marks=[])
    return rows


def last_payloads(integration_id: int, count: int = 10) -> list[RawAlarm]:
    """What really came from the integration of late, newest first, read or not."""
    found = RawAlarm.objects.filter(integration_id=integration_id, format="generic")
    return list(found.select_related("integration").order_by("-at", "-id")[:count])


BODY_SHOWN = 4_000
"""Characters of a payload that are shown beside what would become of it."""


@dataclass(frozen=True)
class TriedPayload:
    """What would become of one payload: its beginning, its signals; `marks` what could not be read, `refused` why none
    came of it.
    """

    raw_id: UUID
    at: datetime
    body: str
    signals: tuple[Signal, ...]
    marks: tuple[str, ...]
    refused: str


def tried(integration_id: int, mapping: PayloadMapping | None) -> list[TriedPayload]:
    """The last payloads that came to the JSON hook, as `mapping` would read them; newest first."""
    dialect = FORMATS["generic"]
    parse = parser_of(dialect, mapping.as_json() if mapping is not None else None)
    found = []
    for row in last_payloads(integration_id):
        try:
            parsed = parse(bytes(row.body), row.headers.get("Content-Type", ""), row.query)
        except Malformed as malformed:
            found.append(TriedPayload(row.id, row.at, shown(row)[:BODY_SHOWN], (), (), malformed.reason))
        else:
            found.append(TriedPayload(row.id, row.at, shown(row)[:BODY_SHOWN], parsed.signals, parsed.marks, ""))
    return found


def found_pages(row: RawAlarm) -> dict[str, str]:
    """The titles of the pages that the request reached, by their ids."""
    ids = {effect["page"] for effect in row.effects if effect["page"]}
    return {str(page_id): title for page_id, title in Page.objects.filter(id__in=ids).values_list("id", "title")}


def shown(row: RawAlarm) -> str:
    """The body as text, without the key that opens the door: bodies of some formats hold it."""
    text = bytes(row.body).decode("utf-8", "replace")
    if row.integration is None:
        return text
    digest = row.integration.digest
    return KEYLIKE.sub(lambda found: found.group() if digest_of(found.group()) != digest else "*" * 8, text)


# --- Whom a page rings -----------------------------------------------------------------------------------------------


# What every alarm reads is SQL by hand; see GATES in actions.
ACTIVE = "SELECT * FROM people_person WHERE active AND id = %s::bigint"


class Roll:
    """Who stands behind the targets of `page` at one instant, and what each would be sent; read once a ring."""

    def __init__(self, page: Page, at: datetime) -> None:
        self._page, self._at = page, at
        self._persons: dict[str, Person] = {}
        self._reach: dict[str, decide.Reach] = {}
        self._contacts: dict[str, tuple[str, str]] = {}

    def candidates(self, target: decide.Target) -> list[decide.Candidate]:
        """The active people behind `target` now; for `decide.plan_next`."""
        persons = self._behind(target)
        if target.kind in ("person", "team", "everybody"):
            persons = self._without_newcomers(persons, target.kind)
        self._read(persons)
        return [
            decide.Candidate(str(person.id), self._reach[str(person.id)].reachable, self._quiet(person))
            for person in persons
        ]

    def person(self, key: str) -> Person:
        """One of those that came out of `candidates`."""
        return self._persons[key]

    def left_alone(self, rung: Collection[str]) -> list[Person]:
        """Who stood behind a target, can be woken, and is not: they asked for quiet. `rung` are those who are."""
        return [
            person
            for key, person in self._persons.items()
            if key not in rung and self._reach[key].reachable and self._quiet(person)
        ]

    def _quiet(self, person: Person) -> bool:
        """Whether the person's wish for quiet holds for this page: it does for all but a P1."""
        urgent = self._page.priority == decide.WATCHED_PRIORITY or self._page.urgency == decide.Urgency.LOW
        return not urgent and person.quiet_until is not None and person.quiet_until > self._at

    def deliveries(self, key: str) -> list[tuple[str, str, datetime]]:
        """What that person is sent: channel, address, when."""
        return [(*self._contacts[one.contact], one.due_at) for one in self._reach[key].deliveries]

    def _behind(self, target: decide.Target) -> list[Person]:
        active = Person.objects.filter(active=True)
        match target.kind:
            case "seat":
                person_id = self._holder(target.key)
                return fetch(Person, ACTIVE, [person_id]) if person_id is not None else []
            # A stamp that names nobody must not stop the ladder: the next rung is rung instead.
            case "person":
                return fetch(Person, ACTIVE, [target.key]) if target.key.isdecimal() else []
            case "team":
                return list(active.filter(teams__id=target.key).order_by("id")) if target.key.isdecimal() else []
            case "manager":
                return self._managers(active)
            case "everybody":
                return self._everybody(active)

    def _without_newcomers(self, persons: list[Person], kind: str) -> list[Person]:
        """Those of them who answer pages; where everybody is rung and there are none such, all of them."""
        new = newcomers([person.id for person in persons])
        answering = [person for person in persons if person.id not in new or not only_watches(person.id)]
        return persons if kind == "everybody" and not answering else answering

    def _holder(self, seat_key: str) -> int | None:
        try:
            return who_rings(seat_key, self._at)
        except NotFound:
            return None

    def _managers(self, active: QuerySet[Person]) -> list[Person]:
        team = self._page.team
        if team is not None and team.manager_id is not None:
            return list(active.filter(id=team.manager_id))
        managed = _teams(self._page.brand_id).exclude(manager=None)
        return list(active.filter(id__in=managed.values("manager")))

    def _everybody(self, active: QuerySet[Person]) -> list[Person]:
        """The team's members; where it has none who is active the brand's, and else everybody there is."""
        if self._page.team_id is not None and (members := list(active.filter(teams=self._page.team_id))):
            return members
        return list(active.filter(teams__in=_teams(self._page.brand_id)).distinct()) or list(active)

    def _read(self, persons: Sequence[Person]) -> None:
        fresh = [person for person in persons if str(person.id) not in self._persons]
        if not fresh:
            return
        told = contacts_and_rules([person.id for person in fresh])
        cut = cut_off([person.id for person in fresh], self._at)
        for person in fresh:
            methods, rules = told.get(person.id, ([], []))
            key = str(person.id)
            self._persons[key] = person
            self._contacts |= {str(method.id): (method.channel, method.address) for method in methods}
            urgency = decide.Urgency(self._page.urgency)
            self._reach[key] = reach(person, methods, rules, urgency, self._at, cut)


def reach(
    person: Person,
    methods: Sequence[ContactMethod],
    rules: Sequence[NotifyRule],
    urgency: decide.Urgency,
    at: datetime,
    cut: Collection[int] = (),
) -> decide.Reach:
    """What the person is sent for a page of that urgency at `at`, and whether it can wake them. `cut`: methods that a fault
    has cut off.
    """
    return decide.deliveries_for(
        [
            decide.Rule(rule.after, str(rule.method_id), decide.Urgency(rule.urgency), rule_hours(person.zone, rule))
            for rule in rules
        ],
        # One that nobody has confirmed yet is used: a doubtful address is better than silence.
        [decide.Contact(str(method.id), method.channel, method.broken_at is None) for method in methods],
        urgency,
        at,
        out_of_reach={str(method_id) for method_id in cut},
    )


def rule_hours(zone: str, rule: NotifyRule) -> SupportHours | None:
    """The hours in which the rule counts, by the person's clocks; None for at any hour."""
    if rule.opens is None or rule.closes is None:
        if len(rule.weekdays) == 7:
            return None
        return decide.hours_of(zone, rule.weekdays, time(), time())
    return decide.hours_of(zone, rule.weekdays, rule.opens, rule.closes)


def _teams(brand_id: int) -> QuerySet[Team]:
    return Team.objects.filter(brand_id=brand_id)


def policies_that_ring(seat_key: str) -> list[str]:
    """The policies with a step that rings whoever has the seat, in words."""
    seat = decide.Target("seat", seat_key)
    return [
        _("the policy %s") % policy.name
        for policy in Policy.objects.order_by("name")
        if any(seat in step.targets for step in decide.policy_from_json(policy.stamp).steps)
    ]


def stamp_of(policy: Policy) -> dict[str, Any]:
    """The policy as a page that starts now keeps it: steps that follow support hours have them as they are today."""
    stamp: dict[str, Any] = policy.stamp
    try:
        ladder = decide.policy_from_json(stamp)
    except ValueError:
        return stamp  # whoever rings by it says so, and rings the last resort
    sources = {step.when.source for step in ladder.steps if step.when is not None} - {None}
    if not sources:
        return stamp
    rows = Hours.objects.in_bulk(sources)
    steps = tuple(
        replace(step, when=replace(step.when, hours=support_hours(rows[step.when.source])))
        if step.when is not None and step.when.source in rows
        else step
        for step in ladder.steps
    )
    return decide.policy_as_json(replace(ladder, steps=steps))


def ladder_of(page: Page) -> decide.Policy:
    """The page's own policy; the last resort where its stamp cannot be read."""
    try:
        return decide.policy_from_json(page.policy)
    except ValueError:
        log.error("The policy of page %s cannot be read; managers and then everybody are rung", page.id)
        return decide.LAST_RESORT


def targets_not_there(brand_id: int, targets: Collection[decide.Target]) -> decide.Target | None:
    """The first target that names a seat or team which is not the brand's, or a person who is not active; None: all are.

    A person is the brand's who is in a team of it or has a role in it, and whoever is nobody's yet.
    """
    keys = {
        kind: {target.key for target in targets if target.kind == kind and target.key}
        for kind in ("seat", "team", "person")
    }
    teams = {int(key) for key in keys["team"] if key.isdecimal()}
    people = Person.objects.filter(id__in=[key for key in keys["person"] if key.isdecimal()], active=True)
    there = {
        "seat": set(Seat.objects.filter(key__in=keys["seat"], rota__brand=brand_id).values_list("key", flat=True)),
        "team": {str(id_) for id_ in Team.objects.filter(id__in=teams, brand=brand_id).values_list("id", flat=True)},
        "person": {
            str(person.id) for person in people if brands_of(person) & {brand_id, None} or not brands_of(person)
        },
    }
    return next((one for one in targets if one.kind in there and one.key not in there[one.kind]), None)


# --- What would happen -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Foreseen:
    """One ring of a page that nobody takes: who, and "step" number from 1, "manager" or "everybody"."""

    at: datetime
    what: str
    people: tuple[Person, ...]
    reached: bool


def foresee(
    ladder: decide.Policy, brand_id: int, priority: int, at: datetime, team: Team | None = None
) -> list[Foreseen]:
    """What a page by this policy that began at `at` would ring if nobody took it, until everybody is rung.

    By the plan, the rules, and whom quiet and turns leave out as they are now.
    """
    urgency = decide.Urgency.HIGH if priority <= 2 else decide.Urgency.LOW
    page = Page(brand_id=brand_id, priority=priority, urgency=urgency, team=team)
    keys = [step.turn_key for step in ladder.steps if step.in_turn]
    taken = {row.key: row.instants() for row in TurnTaking.objects.filter(brand=brand_id, key__in=keys)}
    found: list[Foreseen] = []
    number, due_at = 0, decide.first_ring_at(ladder, at)
    while number <= decide.everybody_from(ladder):
        roll = Roll(page, due_at)
        ring = decide.plan_next(ladder, number, due_at, roll.candidates, taken=taken)
        for key, person in ring.turns:
            taken.setdefault(key, {})[person] = due_at
        last = ring.next_rung - 1
        ordered = decide.everybody_from(ladder) - 1
        what = str(last % len(ladder.steps) + 1) if last < ordered else "manager" if last == ordered else "everybody"
        found.append(Foreseen(due_at, what, tuple(roll.person(key) for key in ring.people), ring.reached))
        number, due_at = ring.next_rung, ring.next_at
    return found


def would_be_sent(person: Person, urgency: decide.Urgency, at: datetime) -> list[tuple[ContactMethod, datetime]]:
    """What the person would be sent, and when, if they were rung at `at`; by their rules of that hour."""
    methods, rules = contacts_and_rules([person.id])[person.id]
    by_id = {str(method.id): method for method in methods}
    told = reach(person, methods, rules, urgency, at, cut_off([person.id], at))
    return [(by_id[one.contact], one.due_at) for one in told.deliveries]


# --- Left till morning, and digests ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """Whom a page is about, as `details["caller"]` names them."""

    name: str
    channel: str
    address: str


def caller_of(page: Page) -> Caller | None:
    """The caller, where the page knows how to tell them something."""
    told = page.details.get("caller")
    if not isinstance(told, dict) or told.get("channel") not in ("sms", "email") or not told.get("address"):
        return None
    return Caller(str(told.get("name", "")), str(told["channel"]), str(told["address"]))


def hours_of_page(page: Page, at: datetime) -> SupportHours | None:
    """The support hours that the page goes by: its customer's contract's, else its integration's; None: none are known."""
    facts = contract_facts(page.customer_id, at) if page.customer_id is not None else None
    if facts is not None:
        return facts.hours
    integration = page.integration
    return support_hours(integration.hours) if integration is not None and integration.hours is not None else None


def digest_times(person: Person) -> list[time]:
    """At which local times the person's digest is sent."""
    return [time.fromisoformat(moment) for moment in person.digest_at]


def pages_of_digest(page_ids: Collection[UUID], *, resolved: bool) -> list[Page]:
    """The pages of a digest, each once and a storm as its own page: those that nobody has first, then by priority.

    `resolved`: those that are over too, last.
    """
    found = {page.folded_into or page for page in _pages(None).filter(id__in=page_ids)}
    order = {Page.State.TRIGGERED: 0, Page.State.ACKNOWLEDGED: 1, Page.State.RESOLVED: 2}
    kept = [page for page in found if resolved or page.state != Page.State.RESOLVED]
    return sorted(kept, key=lambda page: (order[Page.State(page.state)], page.priority, page.started_at))


def quiet_ways(person: Person, at: datetime) -> list[tuple[str, str, datetime]]:
    """Channel, address and instant of each way by which what is not urgent goes to the person."""
    due = would_be_sent(person, decide.Urgency.LOW, at)
    return [(method.channel, method.address, due_at) for method, due_at in due]


# --- May it wake -----------------------------------------------------------------------------------------------------


def cover(integration: Integration, customer_id: int | None, priority: int, at: datetime) -> decide.Cover:
    """What may be done about a machine's alarm now: by the customer's contract where one is touched and in force, else
    by the integration's own rule. An integration without hours may always page.
    """
    level = Priority(f"P{priority}")
    facts = contract_facts(customer_id, at) if customer_id is not None else None
    if facts is not None:
        promised, hours = what_is_promised(facts, level, at), facts.hours
    elif integration.hours is not None:
        hours = support_hours(integration.hours)
        may_wake = frozenset(Priority(name) for name in integration.may_wake if name in MAY_EVER_WAKE)
        promised = what_an_alarm_may_do(IntegrationRule(hours, may_wake), level, at)
    else:
        return decide.Cover(may_wake=True)
    opens_at = None if promised.open_now else next_opening(hours, at)
    return decide.Cover(may_wake=promised.may_page_now, opens_at=opens_at)


def only_customer(service_id: int) -> int | None:
    """The one active customer who buys the service; None where nobody does, or several."""
    buyers = Subscription.objects.filter(service_id=service_id, customer__active=True)
    found = list(buyers.values_list("customer_id", flat=True).distinct()[:2])
    return found[0] if len(found) == 1 else None


def services_named(brand_id: int, keys: Collection[str]) -> dict[str, Service]:
    """The brand's services that have one of these keys, by key."""
    return {service.key: service for service in Service.objects.filter(brand_id=brand_id, key__in=keys)}


def was_rung(page: Page, person_id: int) -> bool:
    """Whether something was, or will be, sent to the person as to one of those who may answer the page."""
    rows = Delivery.objects.filter(subject_kind="page", subject_id=str(page.pk), recipient_kind="person")
    return rows.filter(recipient_id=str(person_id)).exists()


def notified(page_id: UUID) -> list[tuple[Person, str]]:
    """Whose phones may show a push about the page, with the push's address; ways that are gone are left out.

    Also what is under way at this moment: it may arrive after the page has ended.
    """
    pushes = Delivery.objects.filter(channel="push", attempt__gt=0, subject_kind="page", subject_id=str(page_id))
    ways = ContactMethod.objects.filter(channel="push", broken_at=None, address__in=pushes.values("address"))
    return [(way.person, way.address) for way in ways.select_related("person").order_by("id")]


# --- Pages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """How the night stands. `unreached` of the unanswered could wake nobody."""

    unanswered: int
    held: int
    unreached: int


def open_pages(brand_ids: Brands) -> list[Page]:
    """Pages that are not resolved, none of shadow mode: those nobody has first, then by priority, the oldest first."""
    found = list(_pages(brand_ids).filter(shadow=False).exclude(state=Page.State.RESOLVED))
    return sorted(found, key=lambda page: (page.state != Page.State.TRIGGERED, page.priority, page.started_at))


def page(page_id: UUID, brand_ids: Brands) -> Page:
    """Raises NotFound where there is none, or it is another brand's."""
    found = _pages(brand_ids).filter(id=page_id).first()
    if found is None:
        raise NotFound(f"Page {page_id} was asked for.", "There is no such page.", "Look at the open pages.")
    return found


def page_by_code(code: str, brand_ids: Brands) -> Page:
    """The open page of that code, or the last one that had it. Raises NotFound."""
    had = _pages(brand_ids).filter(code=code)
    found = had.exclude(state=Page.State.RESOLVED).first() or had.first()
    if found is None:
        raise NotFound(f"Page {code} was asked for.", "No page has this code.", "Look at the open pages.")
    return found


def last_time(page: Page) -> Page | None:
    """The last page before this one about the same part of the same service, resolved; its `resolution` says what
    helped. None for a page that names no part.
    """
    if not page.component:
        return None
    same = Page.objects.filter(brand_id=page.brand_id, service=page.service, component=page.component)
    over = same.filter(state=Page.State.RESOLVED, folded_into=None, started_at__lt=page.started_at).exclude(id=page.id)
    # One that says what helped is worth more than a newer one that does not.
    return over.exclude(resolution="").order_by("-resolved_at").first() or over.order_by("-resolved_at").first()


def who_is_ours() -> tuple[int | None, int | None]:
    """(brand, policy) that are rung for what is wrong with Nightdesk itself: those of the first brand that has a policy, else
    the first brand; None where there is none.
    """
    policy = Policy.objects.order_by("brand_id", "id").first()
    if policy is not None:
        return policy.brand_id, policy.pk
    return Brand.objects.order_by("id").values_list("id", flat=True).first(), None


def counts(brand_ids: Brands) -> Counts:
    """For Tonight's heading."""
    found = (
        _in(brand_ids)
        .filter(shadow=False)
        .exclude(state=Page.State.RESOLVED)
        .aggregate(
            unanswered=Count("id", filter=Q(state=Page.State.TRIGGERED)),
            held=Count("id", filter=Q(state=Page.State.ACKNOWLEDGED)),
            unreached=Count("id", filter=Q(state=Page.State.TRIGGERED, unreached=True)),
        )
    )
    return Counts(**found)


def _in(brand_ids: Brands) -> QuerySet[Page]:
    return Page.objects.all() if brand_ids is None else Page.objects.filter(brand_id__in=brand_ids)


def _pages(brand_ids: Brands) -> QuerySet[Page]:
    return _in(brand_ids).select_related("brand", "owner", "service", "customer", "integration", "team", "folded_into")


# --- A page's story --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """One attempt at one delivery."""

    at: datetime
    route: str
    outcome: str
    reason: str
    took_ms: int


@dataclass(frozen=True)
class Line:
    """One line of a page's story. `future`: not yet happened, due at `at`.

    `what` is the table it comes from, `kind` the entry's or promise's kind, for a delivery its channel. `text` is the
    sentence, for a delivery the address; `note` what a person wrote, `who` the actor or recipient, `state` the
    delivery's state.
    """

    at: datetime
    what: str
    kind: str
    text: str
    who: str
    future: bool = False
    via: str = ""
    note: str = ""
    state: str = ""
    reason: str = ""
    tries: tuple[Try, ...] = ()


def story(page_id: UUID) -> list[Line]:
    """All that happened to the page and all that is promised: what is still to come first, then the newest first."""
    return in_order([*story_of("page", page_id), *_delivered(page_id)])


def story_of(kind: str, subject_id: object) -> list[Line]:
    """What the journal tells of the subject, and what is promised about it, without the messages; in no order."""
    about = {"subject_kind": kind, "subject_id": str(subject_id)}
    return [*_promised(about), *_happened(about)]


def in_order(lines: Iterable[Line]) -> list[Line]:
    """What is still to come first, then the newest first."""
    return sorted(lines, key=lambda line: (line.future, line.at), reverse=True)


def _promised(about: Mapping[str, str]) -> list[Line]:
    still = Promise.objects.filter(ended_at=None, **about).order_by("due_at")
    return [Line(row.due_at, "promise", row.kind, row.why, "", future=True) for row in still]


def _delivered(page_id: UUID) -> list[Line]:
    rows = list(Delivery.objects.filter(subject_kind="page", subject_id=str(page_id)).order_by("due_at", "id"))
    tries: dict[UUID, list[Try]] = defaultdict(list)
    for tried in Attempt.objects.filter(delivery_id__in=[row.id for row in rows]).order_by("at", "number"):
        tries[tried.delivery_id].append(Try(tried.at, tried.route_name, tried.outcome, tried.reason, tried.took_ms))
    told = [int(row.recipient_id) for row in rows if row.recipient_kind == "person"]
    names = dict(Person.objects.filter(id__in=told).values_list("id", "name"))
    return [
        Line(
            at=row.due_at,
            what="delivery",
            kind=row.channel,
            text=row.address,
            who=names.get(int(row.recipient_id), "") if row.recipient_kind == "person" else "",
            future=row.ended_at is None and not tries[row.id],
            state=row.state,
            reason=row.reason,
            tries=tuple(tries[row.id]),
        )
        for row in rows
    ]


def _happened(about: Mapping[str, str]) -> list[Line]:
    entries = list(Entry.objects.filter(**about).order_by("at", "id"))
    wrote = [entry.id for entry in entries if entry.commitment is not None]
    notes = dict(PersonalText.objects.filter(entry_id__in=wrote).values_list("entry_id", "text"))
    return [
        Line(
            at=entry.at,
            what="entry",
            kind=entry.kind,
            text=_sentence(entry),
            who=entry.by_name,
            via=entry.via,
            note=notes.get(entry.id, ""),
        )
        for entry in entries
    ]


def _sentence(entry: Entry) -> str:
    """The entry's sentence with its facts put in; a fact that an old version did not have is left out."""
    known = KINDS.get(entry.kind)
    if known is None:
        return entry.kind
    facts = {name: _told(value) for name, value in entry.facts.items()}
    return str(known.sentence).format_map(defaultdict(str, facts | {"by": entry.by_name}))


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
