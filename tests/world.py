"""A small company on real PostgreSQL, with a clock that only the test moves and telephones that remember.

Everything is done through the doors and the verbs; the worker's threads are replaced by `minutes`, which keeps every
promise and sends every message at the instant at which it falls due. Whoever leaves the world with a telephone that rang
and was not asked about fails the test: nobody is woken by mistake.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from django.test import Client

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from nightdesk.base.promises import LANES, keep
from nightdesk.channels import actions as channels
from nightdesk.channels.driver import Driver, Outgoing, Receipt, Sent, Settings, Temporary
from nightdesk.channels.models import Delivery, Route
from nightdesk.channels.registry import CHANNELS
from nightdesk.channels.sender import Sender
from nightdesk.channels.wording import text_of
from nightdesk.customers import actions as customers
from nightdesk.duty import actions as duty
from nightdesk.mailroom import actions as mailroom
from nightdesk.mailroom.models import Mail
from nightdesk.paging import actions as paging
from nightdesk.paging import beats, decide, heartbeat_actions, queries
from nightdesk.paging.models import Heartbeat, Integration, Page
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person
from nightdesk.rota import actions as rota

TUESDAY_AT_TWO = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)


@dataclass
class Phone:
    """What a person's telephone got, oldest first, as (instant, text)."""

    owner: str
    rang: list[tuple[datetime, str]] = field(default_factory=list)
    heard: int = 0

    def got(self, words: str) -> datetime:
        """The next message not yet asked about holds `words`; the instant at which it came."""
        assert self.heard < len(self.rang), f"{self.owner}'s phone is silent; expected {words!r}"
        at, text = self.rang[self.heard]
        assert words in text, f"{self.owner}'s phone said {text!r}; expected {words!r}"
        self.heard += 1
        return at

    def is_silent(self) -> None:
        """Nothing came that was not asked about."""
        assert self.heard == len(self.rang), f"{self.owner}'s phone rang: {self.rang[self.heard :]}"


@dataclass
class Provider:
    """A provider of texts beside the world's own: `does` says what becomes of each message from now on.

    "delivers": the phone rings at once, the receipt comes after `receipt_after`; "twice": both do so twice; "loses
    receipts": it rings, and no receipt ever comes; "swallows": accepted, and never heard of again; "fails later": a
    receipt says undelivered; "refuses" and "hangs": it takes nothing.
    """

    world: "World"
    name: str
    route: Any = None
    does: str = "delivers"
    receipt_after: timedelta = timedelta(seconds=3)
    asked_at: list[datetime] = field(default_factory=list)

    def take(self, outgoing: Outgoing) -> Sent:
        self.asked_at.append(clock.now())
        if self.does == "refuses":
            raise Temporary("503 not now")
        times = {"delivers": 1, "twice": 2, "loses receipts": 1}.get(self.does, 0)
        for _ in range(times):
            text = text_of(outgoing.said, outgoing.link, 2)
            self.world.phones[outgoing.address].rang.append((outgoing.sent_at, text))
        said = {"delivers": "delivered", "twice": "delivered", "fails later": "failed"}.get(self.does)
        for _ in range(max(1, times) if said else 0):
            self.world.later(self.receipt_after, lambda: self._receipt(outgoing, said))
        return Sent(f"{self.name}-{len(self.asked_at)}")

    def _receipt(self, outgoing: Outgoing, said: Any) -> None:
        channels.note_receipt(
            route_id=self.route.id,
            receipt=Receipt("", said, "undelivered" if said == "failed" else ""),
            delivery_id=outgoing.delivery_id,
            month=outgoing.month,
            attempt=outgoing.attempt,
            **self.world.doing,
        )


class World:
    """See the module. `at` is the present instant."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.phones: dict[str, Phone] = {}
        self.brand: Brand = access.make_brand(name="Quayside", slug="quayside", **self.doing)
        self.team = people.make_team(brand_id=self.brand.id, name="Engineers", **self.doing)
        self.steps: list[tuple[float, str, str]] = []
        self.client = Client()
        self._sender = Sender(uuid7())
        self._worker = uuid7()
        self._agenda: list[tuple[datetime, Callable[[], None]]] = []
        self._key = ""
        self._integration: dict[str, Any] = {"may_wake": ["P1", "P2", "P3", "P4"]}

    @property
    def doing(self) -> dict[str, Any]:
        """By whom, via which door and when the test itself does things."""
        return {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    # --- Who there is ---

    def person(self, name: str, *, manager: bool = False) -> Person:
        """Somebody of the team with a telephone."""
        number = f"+4477009001{len(self.phones):02d}"
        somebody = people.make_person(name=name, brand_id=self.brand.id, **self.doing)
        method = people.add_contact_method(person_id=somebody.id, channel="sms", address=number, **self.doing)
        people.confirm_contact_method(method_id=method.id, **self.doing)
        people.set_notify_rules(person_id=somebody.id, rules=[people.RuleWanted("high", method.id)], **self.doing)
        self.phones[number] = Phone(name)
        members = [*self.team.members.values_list("id", flat=True), somebody.id]
        manager_id = somebody.id if manager else self.team.manager_id
        people.set_team_members(team_id=self.team.id, person_ids=members, manager_id=manager_id, **self.doing)
        self.team.refresh_from_db()
        return somebody

    def mail(self, person: Person) -> Phone:
        """A mailbox of that person's, which remembers too; what is not urgent goes there."""
        address = f"{person.name.lower()}@quay.example"
        if address not in self.phones:
            method = people.add_contact_method(person_id=person.id, channel="email", address=address, **self.doing)
            rules = [*map(people.RuleWanted.of, person.notify_rules.all()), people.RuleWanted("low", method.id)]
            people.set_notify_rules(person_id=person.id, rules=rules, **self.doing)
            self.phones[address] = Phone(f"{person.name} (mail)")
        return self.phones[address]

    def customer(self, name: str, **contract: Any) -> Phone:
        """A contact who writes by mail, of a company of that name under this contract; their mailbox. Hours are nine to five."""
        made = customers.make_customer(brand_id=self.brand.id, name=name, ref=name.upper(), **self.doing)
        office = {"name": f"Hours of {name}", "zone": "Europe/London", "week": [[["09:00", "17:00"]]] * 5 + [[], []]}
        hours = customers.make_hours(brand_id=self.brand.id, fields=office, **self.doing)  # type: ignore[arg-type]
        wanted: dict[str, Any] = {"hours_id": hours.pk, "valid_from": date(2020, 1, 1), "targets": {}, **contract}
        customers.make_contract(customer_id=made.pk, name="Contract", **wanted, **self.doing)
        address = f"{name.lower()}@customer.example"
        customers.make_contact(customer_id=made.pk, name=name, email=address, **self.doing)
        self.phones[address] = Phone(address)
        return self.phones[address]

    def writes(self, sender: str, to: str, title: str, words: str, **headers: str) -> Mail:
        """A mail comes by the mail server in front, which says that it is from its sender; it is read and acted on."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = sender, to, title, f"<{uuid7()}@client.example>"
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(words)
        proof = f"Authentication-Results: mx.quay.example; dmarc=pass header.from={sender.rpartition('@')[2]}\r\n"
        kept = mailroom.receive_mail(
            way="smtp", raw=proof.encode() + mail.as_bytes(), sender=sender, recipients=[to], **self.doing
        )
        self.run_due()
        kept.refresh_from_db()
        return kept

    def phone(self, person: Person) -> Phone:
        """That person's telephone."""
        return self.phones[person.contact_methods.get(channel="sms").address]

    def seat(self, key: str, first: Person, *, acceptance_required: bool = False) -> None:
        """A seat that `first` holds."""
        rota.make_rota(
            brand_id=self.brand.id,
            name=key.title(),
            zone="Europe/London",
            seats=[{"key": key, "name": key.title(), "acceptance_required": acceptance_required}],
            **self.doing,
        )
        duty.set_first_holder(seat_key=key, person_id=first.id, **self.doing)

    def escalate(self, *steps: tuple[float, Person | str]) -> None:
        """The ladder for alarms from now on: (minutes after the step before, a person or a seat's key)."""
        wanted = [
            decide.Step(
                timedelta(minutes=minutes),
                (decide.Target("seat", who) if isinstance(who, str) else decide.Target("person", str(who.id)),),
            )
            for minutes, who in steps
        ]
        self._save(decide.Policy(steps=tuple(wanted), repeat=0))

    def _save(self, ladder: decide.Policy) -> None:
        policy = paging.save_policy(brand_id=self.brand.id, name="Ladder", policy=ladder, **self.doing)
        if not self._key:
            _integration, self._key = paging.make_integration(
                brand_id=self.brand.id,
                name="monitoring",
                format="generic",
                policy_id=policy.id,
                team_id=self.team.id,
                **self._integration,
                **self.doing,
            )

    def ladder(self, *steps: decide.Step, repeat: int = 0) -> None:
        """The policy for alarms from now on, step by step; see `escalate` for the plain one."""
        self._save(decide.Policy(steps=steps, repeat=repeat))

    def team_target(self) -> decide.Target:
        """All engineers, as a step names them."""
        return decide.Target("team", str(self.team.id))

    def waits_for_opening(self, *, hours: dict[str, Any], may_wake: list[str]) -> None:
        """Alarms from now on ring outside these hours only where their priority is in `may_wake`."""
        made = customers.make_hours(brand_id=self.brand.id, fields=hours, **self.doing)  # type: ignore[arg-type]
        self._integration = {"may_wake": may_wake, "hours_id": made.id}

    def provider(self, name: str, does: str, *, position: int = 0) -> Provider:
        """A provider of texts in place of the world's own; several are tried by their position."""
        Route.objects.filter(driver="test-phone").update(enabled=False)
        made = Provider(self, name, does=does)

        class Line:
            async def send(self, outgoing: Outgoing) -> Sent:
                if made.does == "hangs":
                    made.asked_at.append(clock.now())
                    await asyncio.Event().wait()
                return made.take(outgoing)

            async def close(self) -> None: ...

        CHANNELS[f"test-{name}"] = Driver(
            name=f"test-{name}",
            channel="sms",
            label=name,
            connect=lambda _settings: Line(),
            loud=True,
            timeout_s=0.2,
            patience_s=0.05,
            receipt_within=timedelta(seconds=60),
        )
        made.route = channels.save_route(
            channel="sms", driver=f"test-{name}", name=name, config={}, position=position, **self.doing
        )
        return made

    def later(self, after: timedelta, what: Callable[[], None]) -> None:
        """`what` happens outside, so long from now."""
        self._agenda.append((self.at + after, what))

    # --- What happens ---

    def alarm(self, words: str, *, key: str = "", severity: str = "critical", **more: Any) -> Page:
        """Monitoring says so at the generic door; the page that it is about."""
        body = {"summary": words, "dedup_key": key or words, "severity": severity, "source": "monitoring", **more}
        with clock.replaced_by(lambda: self.at):
            answer = self.client.post(f"/hooks/generic/{self._key}", body, content_type="application/json")
        assert answer.status_code // 100 == 2, answer.content
        self.run_due()
        return Page.objects.filter(alarms__dedup_key=key or words).latest("started_at")

    def clear(self, key: str) -> None:
        """Monitoring says that it is over."""
        with clock.replaced_by(lambda: self.at):
            answer = self.client.post(
                f"/hooks/generic/{self._key}",
                {"summary": key, "dedup_key": key, "action": "resolve"},
                content_type="application/json",
            )
        assert answer.status_code // 100 == 2, answer.content
        self.run_due()

    @property
    def integration(self) -> Integration:
        """What `alarm` comes from."""
        return Integration.objects.get(digest=queries.digest_of(self._key))

    def quiet_alarm(self, words: str, key: str = "", **more: Any) -> int:
        """Monitoring says so, and nobody need be told: how many pages there are then."""
        body = {"summary": words, "dedup_key": key or words, "severity": "critical", "source": "monitoring", **more}
        with clock.replaced_by(lambda: self.at):
            answer = self.client.post(f"/hooks/generic/{self._key}", body, content_type="application/json")
        assert answer.status_code // 100 == 2, answer.content
        self.run_due()
        return Page.objects.count()

    def heartbeat(self, name: str, grace: float = 60, **when: Any) -> tuple[Heartbeat, str]:
        """A heartbeat that pages as monitoring's alarms do; `grace` in seconds, `every` or `cron` and `zone`."""
        wanted = beats.Expectation(grace=timedelta(seconds=grace), **when)
        return heartbeat_actions.make_heartbeat(
            brand_id=self.brand.id, name=name, expectation=wanted, integration_id=self.integration.pk, **self.doing
        )

    def beat(self, key: str, what: str = "") -> None:
        """That heartbeat is heard at its address."""
        with clock.replaced_by(lambda: self.at):
            answer = self.client.get(f"/beat/{key}{what}")
        assert (answer.status_code, answer.content) == (200, b"ok\n")
        self.run_due()

    def acknowledge(self, page: Page, *, by: Person, via: Door = Door.SMS) -> Page:
        """`by` takes the page."""
        taken = paging.acknowledge_page(page_id=page.id, by=self.actor(by), via=via, at=self.at)
        self.run_due()
        return taken

    def actor(self, person: Person) -> Actor:
        """That person, as a verb's `by`."""
        return actor_of_person(person.id)

    def page(self, page_id: UUID) -> Page:
        """The page as it stands."""
        return Page.objects.get(id=page_id)

    def minutes(self, count: float) -> None:
        """Time goes by, and every promise and message is kept at its own instant."""
        end = self.at + timedelta(minutes=count)
        while (due := self._next_due()) is not None and due <= end:
            self.at = max(self.at, due)
            self._keep_agenda()
            self.run_due()
        self.at = end

    def hush(self) -> None:
        """What was sent while the story was set up is nobody's question."""
        self.run_due()
        for phone in self.phones.values():
            phone.heard = len(phone.rang)

    def run_due(self) -> None:
        """Everything that is due now, until nothing is."""
        with clock.replaced_by(lambda: self.at):
            while self._keep_promises() + self._send():
                pass

    # --- Machinery ---

    def _next_due(self) -> datetime | None:
        dues = [
            model._default_manager.filter(ended_at=None).order_by("due_at").values_list("due_at", flat=True).first()
            for model in (Promise, Delivery)
        ]
        dues += [at for at, _what in self._agenda]
        return min((due for due in dues if due is not None), default=None)

    def _keep_agenda(self) -> None:
        now = [what for at, what in self._agenda if at <= self.at]
        self._agenda = [(at, what) for at, what in self._agenda if at > self.at]
        with clock.replaced_by(lambda: self.at):
            for what in now:
                what()

    def _keep_promises(self) -> int:
        rows = [row for lane in LANES for row in leases.claim(Promise, lane, 100, at=self.at, worker=self._worker)]
        for row in rows:
            keep(row)
        return len(rows)

    def _send(self) -> int:
        sent = 0
        while self._sender.take_turn() or self._sender.in_hand:
            sent += 1
            give_up = time.monotonic() + 60
            while not self._sender.record() and self._sender.in_hand:
                assert time.monotonic() < give_up, "a message hangs"
                self._sender.woken.wait(0.01)
                self._sender.woken.clear()
        return sent


@contextmanager
def world(at: datetime = TUESDAY_AT_TWO) -> Iterator[World]:
    """A new world at `at`; needs the test's database."""

    class ToPhone:
        def __init__(self, settings: Settings) -> None: ...

        async def send(self, outgoing: Outgoing) -> Sent:
            here.phones[outgoing.address].rang.append((outgoing.sent_at, text_of(outgoing.said, outgoing.link, 2)))
            return Sent(provider_id=str(outgoing.delivery_id), state="delivered")

        async def close(self) -> None: ...

    class ToMailbox(ToPhone):
        async def send(self, outgoing: Outgoing) -> Sent:
            words = f"{outgoing.said.title}\n{outgoing.said.body}"
            here.phones[outgoing.address].rang.append((outgoing.sent_at, words))
            return Sent(provider_id=str(outgoing.delivery_id), state="delivered")

    CHANNELS["test-phone"] = Driver(name="test-phone", channel="sms", label="Test", connect=ToPhone, loud=True)
    CHANNELS["test-mail"] = Driver(name="test-mail", channel="email", label="Test", connect=ToMailbox)
    try:
        with clock.replaced_by(lambda: here.at if "here" in locals() else at):
            here = World(at)
            channels.save_route(channel="sms", driver="test-phone", name="phones", config={}, **here.doing)
            channels.save_route(channel="email", driver="test-mail", name="mailboxes", config={}, **here.doing)
        with here._sender:
            yield here
            for phone in here.phones.values():
                phone.is_silent()
    finally:
        for name in [name for name in CHANNELS if name.startswith("test-")]:
            del CHANNELS[name]
