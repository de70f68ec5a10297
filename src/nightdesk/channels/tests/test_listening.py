"""A line that is told things: it is open before anything is sent, and its provider is answered after the commit."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import InterfaceError

from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.channels import registry, sender
from nightdesk.channels.actions import Recipient, queue_message, save_route
from nightdesk.channels.answering import ANSWER_VERBS
from nightdesk.channels.driver import Driver, Ear, Field, Heard, Outgoing, Receipt, Reply, Sent, Settings
from nightdesk.channels.models import Delivery, Inbound, Route
from nightdesk.channels.sender import Sender
from nightdesk.people import actions as people

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
PAGER = "pager-17"


@dataclass
class Network:
    """A provider with an open line: `says` makes it tell us something, `told` is what we answered it."""

    lines: list["Line"] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    faults: int = 0

    def connect(self, settings: Settings) -> Any:
        self.lines.append(Line(self, settings["name"]))
        return self.lines[-1]

    @property
    def open(self) -> list[str]:
        return [line.name for line in self.lines if line.ear is not None]


class Line:
    def __init__(self, network: Network, name: str) -> None:
        self.network, self.name = network, name
        self.ear: Ear | None = None
        self.said: asyncio.Queue[Heard] = asyncio.Queue()
        self.closed = False

    async def send(self, outgoing: Outgoing) -> Sent:
        self.network.sent.append(self.name)
        return Sent(f"tag {len(self.network.sent)}")

    async def listen(self, ear: Ear) -> None:
        if self.network.faults:
            self.network.faults -= 1
            raise ZeroDivisionError("a fault of the driver's")
        self.ear = ear
        try:
            while True:
                heard = await self.said.get()
                try:
                    self.network.told.append(await ear.hear(heard))
                except ValueError as error:
                    self.network.told.append(f"refused: {error}")
        finally:
            self.ear = None

    async def close(self) -> None:
        self.closed = True


class Night:
    def __init__(self) -> None:
        self.at = START
        self.network = Network()
        self.sender = Sender(uuid4())
        self.brand = Brand.objects.create(name="Quayside", slug=f"q-{uuid4().hex[:6]}")
        self.doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    def route(self, name: str = "network", **more: Any) -> Route:
        return save_route(channel="pager", driver="two-way", name=name, config={"name": name}, **more, **self.doing)

    def queue(self, **more: Any) -> Delivery:
        to = [Recipient("person", self.person_id, "pager", PAGER, self.at)]
        said: dict[str, Any] = {"title": "P1 db down", "body": "", "brand_id": self.brand.id, "code": "417"}
        message = queue_message(kind="page.rung", subject=("page", "7"), to=to, **{**said, **more}, **self.doing)
        return Delivery.objects.get(message_id=message.id)

    @property
    def person_id(self) -> int:
        person = people.make_person(name="Bo", brand_id=self.brand.id, **self.doing)
        team = people.make_team(brand_id=self.brand.id, name="Engineers", **self.doing)
        people.set_team_members(team_id=team.id, person_ids=[person.id], manager_id=None, **self.doing)
        return person.id

    def until(self, told: Callable[[], Any]) -> None:
        """Turn after turn until it is so."""
        for _ in range(500):
            self.sender.take_turn()
            if told():
                return
            self.sender.woken.wait(0.01)
            self.sender.woken.clear()
        raise AssertionError("it did not come to that")

    def says(self, heard: Heard) -> None:
        line = next(line for line in self.network.lines if line.ear is not None)
        self.sender._loop.call_soon_threadsafe(line.said.put_nowait, heard)


@pytest.fixture
def night(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    monkeypatch.setattr(sender, "ROUTES_EVERY", 0.0)
    monkeypatch.setattr(sender, "LISTEN_AGAIN", 0.0)
    made = Night()
    two_way = Driver(
        "two-way", "pager", "Two-way", made.network.connect, (Field("name", "Name"),), listens=True, door=Door.PAGER,
        receipt_within=timedelta(minutes=2),
    )  # fmt: skip
    monkeypatch.setitem(registry.CHANNELS, "two-way", two_way)
    with clock.replaced_by(lambda: made.at), made.sender:
        yield made


def reply(body: str, id_: str = "1") -> Heard:
    return Heard(body.encode(), lambda: Reply(id_, PAGER, "", body))


def test_the_line_is_open_before_anything_is_sent(night: Night) -> None:
    night.route()
    night.until(lambda: night.network.open == ["network"])
    assert night.network.sent == []


def test_what_is_sent_goes_by_the_line_that_listens(night: Night) -> None:
    night.route()
    night.until(lambda: night.network.open)
    row = night.queue()
    night.until(lambda: Delivery.objects.get(id=row.id).state == "accepted")
    assert len(night.network.lines) == 1


def test_a_reply_over_the_line_is_kept_and_acted_on_once_by_its_door(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Actor, Door]] = []

    def take(subject: str, text: str, by: Actor, via: Door, at: datetime) -> str:
        asked.append((subject, by, via))
        return "You have it"

    monkeypatch.setitem(ANSWER_VERBS, "page.acknowledge", take)
    night.route()
    night.queue(answers={"acknowledge": ["page.acknowledge", "page", "7"]})
    night.until(lambda: night.network.sent)
    for _ in range(2):  # the network tells it twice
        night.says(reply("417 ok"))
    night.until(lambda: len(night.network.told) == 2)
    assert [(subject, by.name, via) for subject, by, via in asked] == [("7", "Bo", Door.PAGER)]
    assert night.network.told == ["You have it", "repeated"]
    assert [bytes(row.raw) for row in Inbound.objects.all()] == [b"417 ok"] * 2


def test_a_receipt_over_the_line_is_in_the_ledger(night: Night) -> None:
    night.route()
    row = night.queue()
    night.until(lambda: night.network.sent and not night.sender.in_hand)
    night.says(Heard(b"881", lambda: Receipt("tag 1", "read")))
    night.until(lambda: night.network.told)
    assert Delivery.objects.get(id=row.id).state == "read"


def test_nothing_is_answered_while_the_database_is_away_and_nothing_is_lost(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.route()
    night.until(lambda: night.network.open)
    real, away = sender.receive_inbound, [True]

    def receive(**told: Any) -> Inbound:
        if away[0]:
            raise InterfaceError("connection is closed")
        return real(**told)

    monkeypatch.setattr(sender, "receive_inbound", receive)
    monkeypatch.setattr(sender.promises, "lost_connection", lambda: away[0])
    night.says(reply("hello"))
    with pytest.raises(InterfaceError):
        night.until(lambda: night.network.told)
    assert night.network.told == []
    away[0] = False
    night.until(lambda: night.network.told)
    assert Inbound.objects.count() == 1


def test_what_cannot_be_kept_at_all_stops_nothing(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.route()
    night.until(lambda: night.network.open)
    real = sender.receive_inbound

    def receive(**told: Any) -> Inbound:
        if told["raw"] == b"poison":
            raise ValueError("too strange")
        return real(**told)

    monkeypatch.setattr(sender, "receive_inbound", receive)
    night.says(reply("poison"))
    night.says(reply("hello", "2"))
    night.until(lambda: len(night.network.told) == 2)
    assert night.network.told[0] == "refused: too strange"
    assert Inbound.objects.count() == 1


def test_a_line_that_stumbles_is_begun_anew(night: Night) -> None:
    night.network.faults = 3
    night.route()
    night.until(lambda: night.network.open == ["network"])


def test_a_route_that_is_switched_off_or_set_up_anew_is_listened_to_no_more(night: Night) -> None:
    route = night.route()
    night.until(lambda: night.network.open == ["network"])
    save_route(
        channel="pager", driver="two-way", name="network", config={"name": "other"}, route_id=route.id, **night.doing
    )
    night.until(lambda: night.network.open == ["other"])
    night.until(lambda: night.network.lines[0].closed)
    save_route(
        channel="pager", driver="two-way", name="network", config={"name": "other"}, route_id=route.id, enabled=False,
        **night.doing,
    )  # fmt: skip
    night.until(lambda: night.network.open == [])
    night.until(lambda: all(line.closed for line in night.network.lines))


def test_what_is_still_worth_an_answer_is_told_to_the_line(night: Night) -> None:
    route = night.route()
    night.queue(valid_until=START + timedelta(minutes=10))
    night.until(lambda: night.network.sent and not night.sender.in_hand)
    found: list[Any] = []

    async def ask() -> None:
        ear = night.network.lines[0].ear
        assert ear is not None
        found.append(list(await ear.unanswered()))

    def asked() -> list[str]:
        count = len(found)
        asyncio.run_coroutine_threadsafe(ask(), night.sender._loop)
        night.until(lambda: len(found) > count)
        return found[-1]

    assert asked() == ["tag 1"]
    night.at = START + timedelta(minutes=10)
    assert asked() == []
    assert route.id
