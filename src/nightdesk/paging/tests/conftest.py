"""A small provider for paging's tests, and a clock that only the test moves."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from nightdesk.access import actions as access
from nightdesk.base import clock, leases, promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.models import Promise
from nightdesk.channels.models import Delivery, Message
from nightdesk.duty import actions as duty
from nightdesk.paging import actions, api, decide
from nightdesk.paging.formats import Answer, Parsed, Signal
from nightdesk.paging.models import Integration, Page
from nightdesk.people import actions as people
from nightdesk.people.models import ContactMethod, Person, Team
from nightdesk.people.queries import actor_of_person
from nightdesk.rota import actions as rota

# A Saturday night, when clocks stand on British Summer Time.
NIGHT = datetime(2026, 8, 15, 3, 0, tzinfo=UTC)


class World:
    """A brand with people on duty, whose clock only the test moves; what falls due meanwhile is kept on the second."""

    def __init__(self) -> None:
        self.at = NIGHT
        self.brand = access.make_brand(name="Quayside", slug=f"quay-{uuid4().hex[:8]}", **self.doing)
        self.worker = uuid4()

    @property
    def doing(self) -> dict[str, Any]:
        return {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    def person(self, name: str, *channels: str) -> Person:
        """Somebody who is told at once by each of `channels`, by default a text and a mail."""
        user = access.make_user(email=f"{name.lower()}-{uuid4().hex[:6]}@quay.example", name=name, **self.doing)
        access.grant_role(user_id=user.pk, role="engineer", brand_id=self.brand.id, **self.doing)
        person = people.make_person(name=name, user_id=user.pk, **self.doing)
        for channel in channels or ("sms", "email"):
            self.reach(person, channel)
        return person

    def reach(self, person: Person, channel: str) -> None:
        address = f"+4477009{person.id % 100_000:05d}" if channel == "sms" else f"{person.name}{person.id}@quay.example"
        method = ContactMethod.objects.create(person=person, channel=channel, address=address, proved_at=self.at)
        rules = list(person.notify_rules.all())
        wanted = [people.RuleWanted(rule.urgency, rule.method_id, rule.after) for rule in rules]
        wanted.append(people.RuleWanted("high", method.id))
        if channel == "email":
            wanted.append(people.RuleWanted("low", method.id))
        people.set_notify_rules(person_id=person.id, rules=wanted, **self.doing)

    def team(self, manager: Person, *members: Person) -> Team:
        team = people.make_team(brand_id=self.brand.id, name="Engineers", **self.doing)
        ids = [member.id for member in members]
        people.set_team_members(team_id=team.id, person_ids=ids, manager_id=manager.id, **self.doing)
        return team

    def seat(self, key: str, holder: Person) -> decide.Target:
        seat = f"{key}-{self.brand.id}"
        wanted = [{"key": seat, "name": key, "acceptance_required": False}]
        rota.make_rota(brand_id=self.brand.id, name=key, zone="Europe/London", seats=wanted, **self.doing)
        duty.set_first_holder(seat_key=seat, person_id=holder.id, **self.doing)
        return decide.Target("seat", seat)

    def policy(self, *steps: tuple[float, Person | decide.Target], **rest: Any) -> decide.Policy:
        """(minutes, whom) for each step."""
        return decide.Policy(
            steps=tuple(decide.Step(timedelta(minutes=wait), (self.target(whom),)) for wait, whom in steps), **rest
        )

    @staticmethod
    def target(whom: Person | decide.Target) -> decide.Target:
        return whom if isinstance(whom, decide.Target) else decide.Target("person", str(whom.id))

    def sender(self, policy: decide.Policy, dialect: str = "pagerduty_v2", **wanted: Any) -> tuple[Integration, str]:
        name = f"Monitoring {uuid4().hex[:6]}"
        saved = actions.save_policy(brand_id=self.brand.id, name=name, policy=policy, **self.doing)
        return actions.make_integration(
            brand_id=self.brand.id, name=name, format=dialect, policy_id=saved.id, **(wanted | self.doing)
        )

    def receive(self, integration: Integration, *signals: Signal) -> Answer:
        """As the door does it, without HTTP."""
        parsed = Parsed(signals, Answer(202, (), b"{}"))
        raw = actions.Raw("generic", b"{}")
        integration = Integration.objects.select_related("policy", "service", "hours", "team").get(id=integration.id)
        by = Actor("machine", str(integration.id), integration.name, scopes=frozenset({"receive_alarm"}))
        return actions.receive_alarm(integration=integration, raw=raw, parsed=parsed, by=by, via=Door.HOOK, at=self.at)

    def alarm(self, integration: Integration, key: str = "sw2", **rest: Any) -> Page:
        """The page that stands after this alarm."""
        told = {"summary": f"{key} does not answer", "severity": "critical", "source": "dock-street"} | rest
        self.receive(integration, Signal("trigger", key, **told))
        return Page.objects.get(alarms__dedup_key=key, alarms__resolved_at=None, integration=integration)

    def acknowledge(self, page: Page, by: Person, via: Door = Door.WEB) -> Page:
        return actions.acknowledge_page(page_id=page.id, by=actor_of_person(by.id), via=via, at=self.at)

    def minutes(self, count: float) -> None:
        """Let time pass, and keep each promise at the instant when it falls due."""
        end = self.at + timedelta(minutes=count)
        while True:
            due = Promise.objects.filter(ended_at=None, due_at__lte=end).order_by("due_at").first()
            if due is None:
                break
            self.at = max(self.at, due.due_at)
            lanes = promises.LANES
            rows = [row for lane in lanes for row in leases.claim(Promise, lane, 10, at=self.at, worker=self.worker)]
            assert rows, f"nobody can claim {due.kind}"
            for row in rows:
                promises.keep(row)
                row.refresh_from_db()
                assert row.ended_at is not None, row.failure
        self.at = end

    def told(self, person: Person, channel: str = "sms") -> list[tuple[float, str]]:
        """(minutes after NIGHT, title) of all that was or will be sent to the person, superseded or not."""
        rows = Delivery.objects.filter(recipient_kind="person", recipient_id=str(person.id), channel=channel)
        titles = dict(Message.objects.values_list("id", "title"))
        return [
            ((row.due_at - NIGHT) / timedelta(minutes=1), titles[row.message_id]) for row in rows.order_by("due_at")
        ]

    def rung(self, person: Person) -> list[float]:
        """Minutes after NIGHT at which the person's phone was or will be rung."""
        return [minute for minute, _title in self.told(person)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Needs the database: mark the test with django_db."""
    monkeypatch.setattr(api, "KEYS", Buckets(a_second=300, size=6_000))
    monkeypatch.setattr(api, "_known", {})
    monkeypatch.setattr(api, "STRANGERS", Buckets(a_second=0.2, size=100))
    made: list[World] = []
    with clock.replaced_by(lambda: made[0].at if made else NIGHT):
        made.append(World())
        yield made[0]


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def post(client: Client, settings: Any) -> Callable[..., Any]:
    """POST `body` to one of paging's doors."""
    settings.ROOT_URLCONF = api

    def send(path: str, body: Any, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(path, content, content_type="application/json", headers=headers)

    return send


def pagerduty(key: str, action: str = "trigger", dedup_key: str = "sw2", **payload: Any) -> dict[str, Any]:
    told = {"summary": "sw2 does not answer", "source": "dock-street", "severity": "critical"} | payload
    return {"routing_key": key, "event_action": action, "dedup_key": dedup_key, "payload": told}


def alertmanager(*alerts: tuple[str, str], **labels: str) -> dict[str, Any]:
    """A notice of (fingerprint, status)."""
    told = {"alertname": "SwitchDown", "severity": "critical", "instance": "sw2"} | labels
    entries = [
        {
            "status": status,
            "fingerprint": fingerprint,
            "labels": told,
            "annotations": {"summary": f"{fingerprint} does not answer"},
            "startsAt": "2026-08-15T02:59:00Z",
        }
        for fingerprint, status in alerts
    ]
    return {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "nightdesk", "alerts": entries}


class Hand(threading.Thread):
    """`work` in a thread with a database connection of its own; `result` gives its value, or raises what it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work, self._value, self._error = work, None, None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:
            self._error = error
        finally:
            connection.close()

    def result(self) -> Any:
        self.join(30)
        assert not self.is_alive(), "it did not end in time"
        if self._error:
            raise self._error
        return self._value


def until_all_wait(*hands: Hand) -> None:
    """Return as soon as each of them waits for a lock; raises what one raised instead."""
    end = time.monotonic() + 30
    while True:
        for hand in hands:
            if not hand.is_alive():
                hand.result()
                raise AssertionError("it ended without having to wait")
        with connection.cursor() as cursor:
            # Not pg_stat_activity: what it says stays the same for the whole of a transaction.
            cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0] >= len(hands):
                return
        assert time.monotonic() < end, "somebody does not wait"
        time.sleep(0.01)


def page_of(page_id: UUID) -> Page:
    return Page.objects.get(id=page_id)
