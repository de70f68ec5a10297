"""What paging reads: who stands behind a target, what may wake, the open pages, and a page's story."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.customers.hours import next_opening
from nightdesk.customers.models import Service, Subscription
from nightdesk.customers.priority import MAY_EVER_WAKE, Priority
from nightdesk.customers.promised import IntegrationRule, what_an_alarm_may_do, what_is_promised
from nightdesk.customers.queries import contract_facts, support_hours
from nightdesk.duty.queries import holder
from nightdesk.journal.kinds import KINDS
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.mailroom.letter import read_letter
from nightdesk.paging import beats, comparison, decide, silencing
from nightdesk.paging.formats import email_rules
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
    RawAlarm,
    Silence,
)
from nightdesk.people.models import ContactMethod, Person, Team
from nightdesk.people.queries import contacts_and_rules

Brands: TypeAlias = Collection[int] | None
"""Ids of the brands that the asker may see; None: all."""


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


# --- Whom a page rings -----------------------------------------------------------------------------------------------


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
        self._read(persons)
        return [decide.Candidate(str(person.id), self._reach[str(person.id)].reachable) for person in persons]

    def person(self, key: str) -> Person:
        """One of those that came out of `candidates`."""
        return self._persons[key]

    def deliveries(self, key: str) -> list[tuple[str, str, datetime]]:
        """What that person is sent: channel, address, when."""
        return [(*self._contacts[one.contact], one.due_at) for one in self._reach[key].deliveries]

    def _behind(self, target: decide.Target) -> list[Person]:
        active = Person.objects.filter(active=True)
        match target.kind:
            case "seat":
                person_id = self._holder(target.key)
                return list(active.filter(id=person_id)) if person_id is not None else []
            # A stamp that names nobody must not stop the ladder: the next rung is rung instead.
            case "person":
                return list(active.filter(id=target.key)) if target.key.isdecimal() else []
            case "team":
                return list(active.filter(teams__id=target.key)) if target.key.isdecimal() else []
            case "manager":
                return self._managers(active)
            case "everybody":
                return self._everybody(active)

    def _holder(self, seat_key: str) -> int | None:
        try:
            return holder(seat_key, self._at)
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
        for person in fresh:
            methods, rules = told.get(person.id, ([], []))
            key = str(person.id)
            self._persons[key] = person
            self._contacts |= {str(method.id): (method.channel, method.address) for method in methods}
            self._reach[key] = decide.deliveries_for(
                [decide.Rule(rule.after, str(rule.method_id), decide.Urgency(rule.urgency)) for rule in rules],
                # One that nobody has confirmed yet is used: a doubtful address is better than silence.
                [decide.Contact(str(method.id), method.channel, method.broken_at is None) for method in methods],
                decide.Urgency(self._page.urgency),
                self._at,
            )


def _teams(brand_id: int) -> QuerySet[Team]:
    return Team.objects.filter(brand_id=brand_id)


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


def notified(page_id: UUID) -> list[tuple[Person, str]]:
    """Whose phones may show a push about the page, with the push's address; ways that are gone are left out.

    Also what is under way at this moment: it may arrive after the page has ended.
    """
    pushes = Delivery.objects.filter(channel="push", attempt__gt=0, **_about(page_id))
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
    lines = [*_promised(page_id), *_delivered(page_id), *_happened(page_id)]
    return sorted(lines, key=lambda line: (line.future, line.at), reverse=True)


def _about(page_id: UUID) -> dict[str, str]:
    return {"subject_kind": "page", "subject_id": str(page_id)}


def _promised(page_id: UUID) -> list[Line]:
    still = Promise.objects.filter(ended_at=None, **_about(page_id)).order_by("due_at")
    return [Line(row.due_at, "promise", row.kind, row.why, "", future=True) for row in still]


def _delivered(page_id: UUID) -> list[Line]:
    rows = list(Delivery.objects.filter(**_about(page_id)).order_by("due_at", "id"))
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


def _happened(page_id: UUID) -> list[Line]:
    entries = list(Entry.objects.filter(**_about(page_id)).order_by("at", "id"))
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
