"""Staff and the ways to reach them."""

from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.models import Grant
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Id, Instant, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.console.contact_test import send_test
from nightdesk.duty.models import ReachWarning
from nightdesk.duty.queries import open_warnings
from nightdesk.paging import actions as paging
from nightdesk.paging import decide
from nightdesk.paging.models import DigestLine, Page
from nightdesk.paging.queries import would_be_sent
from nightdesk.people import actions
from nightdesk.people.models import ContactMethod, NotifyRule, Person, Team

router = Router(tags=["people"])


class PersonOut(Schema):
    """`zone` is an IANA name. `last_sign_at`: the last sign of life."""

    id: int
    name: str
    initials: str
    zone: str
    language: str
    active: bool
    user_id: int | None
    last_sign_at: datetime | None
    teams: list[Named]


class ContactMethodOut(Schema):
    """`verified_at` null: not confirmed yet. `broken_at`: the carrier said that nobody is reached by it. `tested_at`: when a
    test was last sent to it; `proved_at`: when it was last known to work.
    """

    id: int
    channel: str
    address: str
    label: str
    verified_at: datetime | None
    broken_at: datetime | None
    broken_why: str
    tested_at: datetime | None
    proved_at: datetime | None


class NotifyRuleOut(Schema):
    """For pages of this urgency, use this method so many seconds after the person is first rung; where they are rung from
    `opens` to `closes` by their clocks on `weekdays` (0 is Monday), or without times at any hour of these.
    """

    urgency: NotifyRule.Urgency
    method_id: int
    after_seconds: int
    weekdays: list[int]
    opens: time | None
    closes: time | None

    @staticmethod
    def resolve_after_seconds(rule: NotifyRule) -> int:
        """The wait in whole seconds."""
        return int(rule.after.total_seconds())


class PersonWhole(PersonOut):
    """With the ways to reach them, and in which order they are used. Until `quiet_until` only a P1 rings them; at the local
    times `digest_at` they are sent what was not urgent.
    """

    quiet_until: datetime | None
    digest_at: list[str]
    digest_resolved: bool

    contact_methods: list[ContactMethodOut]
    notify_rules: list[NotifyRuleOut]


class PersonIn(Schema):
    """`brand_id` is the brand whose manager you are; `user_id` the account they log in with."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Bo Berg", "zone": "Europe/Stockholm", "brand_id": 1}]}
    )
    name: str = Field(min_length=1, max_length=120)
    zone: str = Field("Europe/London", max_length=50)
    language: str = Field("en-gb", max_length=10)
    user_id: Id | None = None
    brand_id: Id | None = None


class PersonChanges(Schema):
    """What is not given stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"zone": "Europe/Madrid"}]})
    name: str = Field("", min_length=1, max_length=120)
    zone: str = Field("", max_length=50)
    language: str = Field("", max_length=10)
    user_id: Id | None = None


class Channel(StrEnum):
    """How people are reached."""

    SMS = "sms"
    VOICE = "voice"
    EMAIL = "email"
    WEBHOOK = "webhook"
    POCKET = "pocket"
    PAGER = "pager"
    CHAT = "chat"


class ContactMethodIn(Schema):
    """`address`: a phone number, an e-mail address, an http or https URL, a pager's number or name, a chat's `service:target`
    (never a URL, which would hold secrets); of pocket, nothing.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channel": "sms", "address": "+447700900123"}]}
    )
    channel: Channel
    address: str = Field("", max_length=320)
    label: str = Field("", max_length=40)


class NotifyRuleIn(Schema):
    """For pages of this urgency, use this method so many seconds after the person is first rung."""

    urgency: NotifyRule.Urgency = NotifyRule.Urgency.HIGH
    method_id: Id
    after_seconds: int = Field(0, ge=0, le=86400)
    weekdays: list[int] = Field(list(range(7)), max_length=7)
    opens: time | None = None
    closes: time | None = None


class QuietUntil(Schema):
    """Until when only a P1 rings them; 14 hours ahead at most."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"until": "2026-11-14T08:00:00Z"}]})
    until: Instant


class DigestIn(Schema):
    """Local times at which what was not urgent is sent; `resolved`: with what is over by then."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"times": ["08:30", "16:30"]}]})
    times: list[time] = Field(min_length=1, max_length=6)
    resolved: bool = True


class DigestLineOut(Schema):
    """A page in somebody's digest; `sent_at` null: it waits."""

    page_id: UUID
    added_at: datetime
    sent_at: datetime | None


class Done(Schema):
    """What came of it, in a sentence."""

    said: str


class SentOut(Schema):
    """One message that they would be sent, by which method and when."""

    method_id: int
    channel: str
    at: datetime


class Reach(Schema):
    """What somebody would be sent, the soonest first."""

    items: list[SentOut]


class ReachWarningOut(Schema):
    """Nothing loud is known to wake `person`, who has the seat, or from `turn_at` on."""

    id: int
    person: Named
    seat_key: str
    turn_at: datetime | None
    raised_at: datetime

    @staticmethod
    def resolve_seat_key(row: ReachWarning) -> str:
        """The seat's key."""
        return row.seat.key


class ReachWarnings(Schema):
    """The nearest first."""

    items: list[ReachWarningOut]


class NotifyRulesIn(Schema):
    """All rules of the person; others go."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"rules": [{"urgency": "high", "method_id": 1, "after_seconds": 0}]}]},
    )
    rules: list[NotifyRuleIn] = Field(max_length=50)


class TeamOut(Schema):
    """People who answer together. An unanswered page ends with the manager."""

    id: int
    brand_id: int
    name: str
    manager: Named | None
    members: list[Named]


@router.get("/people", response=Listing[PersonOut])
def list_people(request: HttpRequest, cut: Query[Cut], active: bool | None = None) -> Any:
    """The staff of your brands."""
    rows = readable_people(request)
    return list_rows(request, rows if active is None else rows.filter(active=active), PersonOut, cut)


@router.post("/people", response={201: PersonWhole})
def make_person(request: HttpRequest, body: PersonIn) -> Any:
    """Put somebody on the staff list; of no team yet."""
    return actions.make_person(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/people/{person_id}", response=PersonWhole)
def read_person(request: HttpRequest, person_id: Id) -> Any:
    """One person, and how they are reached."""
    return one(readable_people(request), id=person_id)


@router.patch("/people/{person_id}", response=PersonWhole)
def edit_person(request: HttpRequest, person_id: Id, body: PersonChanges) -> Any:
    """Change what is known of somebody."""
    changes = cast(actions.PersonChanges, body.dict(exclude_unset=True))
    return actions.edit_person(person_id=person_id, changes=changes, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/people/{person_id}/deactivate", response=PersonWhole)
def deactivate_person(request: HttpRequest, person_id: Id) -> Any:
    """They are rung no more. Refused while they hold a duty."""
    return actions.deactivate_person(person_id=person_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/people/{person_id}/reactivate", response=PersonWhole)
def reactivate_person(request: HttpRequest, person_id: Id) -> Any:
    """They are on the staff list again."""
    return actions.reactivate_person(person_id=person_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/people/{person_id}/contact-methods", response={201: ContactMethodOut})
def add_contact_method(request: HttpRequest, person_id: Id, body: ContactMethodIn) -> Any:
    """One more way to reach somebody; your own need no role that manages people."""
    return actions.add_contact_method(
        person_id=person_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.delete("/contact-methods/{method_id}", response={204: None})
def remove_contact_method(request: HttpRequest, method_id: Id) -> None:
    """Remove a way to reach somebody, and the rules that use it."""
    actions.remove_contact_method(method_id=method_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.put("/people/{person_id}/notify-rules", response=list[NotifyRuleOut])
def set_notify_rules(request: HttpRequest, person_id: Id, body: NotifyRulesIn) -> Any:
    """Say in which order somebody is reached."""
    rules = [
        actions.RuleWanted(
            rule.urgency.value,
            rule.method_id,
            timedelta(seconds=rule.after_seconds),
            tuple(sorted(rule.weekdays)),
            rule.opens,
            rule.closes,
        )
        for rule in body.rules
    ]
    return actions.set_notify_rules(
        person_id=person_id, rules=rules, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/people/{person_id}/reach", response=Reach)
def read_reach(
    request: HttpRequest,
    person_id: Id,
    urgency: NotifyRule.Urgency = NotifyRule.Urgency.HIGH,
    at: Instant | None = None,
) -> Any:
    """What somebody would be sent, by the rules of the hour, if they were rung now, or `at` that instant."""
    person = one(readable_people(request), id=person_id)
    sent = would_be_sent(person, decide.Urgency(urgency.value), at or clock.now())
    return {"items": [{"method_id": method.pk, "channel": method.channel, "at": due} for method, due in sent]}


@router.post("/contact-methods/{method_id}/test", response=ContactMethodOut)
def test_contact_method(request: HttpRequest, method_id: Id) -> Any:
    """Send a test there; answering it proves that it works."""
    method = ContactMethod.objects.select_related("person").filter(id=method_id).first()
    if method is None:
        raise NotFound(
            _("A way to reach somebody was to be tested."), _("There is none."), _("Look at the person's list.")
        )
    send_test(method, by=actor_of(request), via=Door.API, at=clock.now())
    method.refresh_from_db()
    return method


@router.put("/people/{person_id}/quiet", response=PersonWhole)
def set_quiet(request: HttpRequest, person_id: Id, body: QuietUntil) -> Any:
    """Only a P1 rings them until then; other pages go to whoever is next."""
    return actions.set_quiet(person_id=person_id, until=body.until, by=actor_of(request), via=Door.API, at=clock.now())


@router.delete("/people/{person_id}/quiet", response=PersonWhole)
def end_quiet(request: HttpRequest, person_id: Id) -> Any:
    """Everything rings them again."""
    return actions.end_quiet(person_id=person_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.put("/people/{person_id}/digest", response=PersonWhole)
def set_digest(request: HttpRequest, person_id: Id, body: DigestIn) -> Any:
    """Say when they are sent what was not urgent."""
    return actions.set_digest(person_id=person_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/people/{person_id}/digest", response=Listing[DigestLineOut])
def list_digest(request: HttpRequest, person_id: Id, cut: Query[Cut]) -> Any:
    """What waits in their digest, and what was sent, the newest first."""
    person = one(readable_people(request), id=person_id)
    rows = DigestLine.objects.filter(person=person, page__in=readable(request, "read_pages", Page.objects.all()))
    return list_rows(request, rows, DigestLineOut, cut, order=("added_at", "id"), newest_first=True)


@router.post("/people/{person_id}/digest/send", response=Done)
def send_digest(request: HttpRequest, person_id: Id) -> Any:
    """Send what waits in their digest now."""
    return {"said": paging.send_digest(person_id=person_id, by=actor_of(request), via=Door.API, at=clock.now())}


@router.get("/reach-warnings", response=ReachWarnings)
def list_reach_warnings(request: HttpRequest) -> Any:
    """Whoever has a seat, or is about to, and nothing loud is known to wake."""
    return {"items": open_warnings(readable_brands(request, "read_people"))}


@router.get("/teams", response=Listing[TeamOut])
def list_teams(request: HttpRequest, cut: Query[Cut]) -> Any:
    """The teams of your brands."""
    brands = readable_brands(request, "read_people")
    rows = Team.objects.select_related("manager").prefetch_related("members")
    return list_rows(request, rows if brands is None else rows.filter(brand__in=brands), TeamOut, cut)


def readable_people(request: HttpRequest) -> QuerySet[Person]:
    """Staff of the caller's brands: who is in a team of one, or has a role in one or in all; and the caller."""
    brands = readable_brands(request, "read_people")
    rows = Person.objects.prefetch_related(
        "teams", Prefetch("contact_methods", ContactMethod.objects.order_by("id")), "notify_rules"
    )
    if brands is None:
        return rows
    in_team = Team.members.through.objects.filter(team__brand__in=brands).values("person_id")
    has_role = Q(brand__in=brands) | Q(brand=None)
    granted = Grant.objects.filter(has_role).values("user_id")
    return rows.filter(Q(id__in=in_team) | Q(user_id__in=granted) | Q(id=actor_of(request).person_id))
