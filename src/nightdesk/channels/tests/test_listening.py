"""A line that is told things: it is open before anything is sent, and its provider is answered after the commit."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DataError, InterfaceError

from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.channels import registry, sender
from nightdesk.channels.actions import Recipient, queue_message, save_route
from nightdesk.channels.answering import ANSWER_VERBS
from nightdesk.channels.driver import Driver, Ear, Field, Heard, Outgoing, Receipt, Reply, Sent, Settings
from nightdesk.channels.models import Attempt, Delivery, Inbound, Route
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

    def sent(self, count: int) -> list[Delivery]:
        """So many pages that the network has taken, as "tag 1", "tag 2" ..."""
        self.route()
        self.until(lambda: self.network.open)
        rows = []
        for number in range(1, count + 1):
            rows.append(self.queue())
            self.until(lambda number=number: len(self.network.sent) == number and not self.sender.in_hand)
        return rows

    @property
    def person_id(self) -> int:
        person = people.make_person(name="Bo", brand_id=self.brand.id, **self.doing)
        team = people.make_team(brand_id=self.brand.id, name="Engineers", **self.doing)
        people.set_team_members(team_id=team.id, person_ids=[person.id], manager_id=None, **self.doing)
        return person.id

    def until(self, told: Callable[[], Any]) -> None:
        """Turn after turn until it is so."""
        for _ in range(3000):
            self.sender.take_turn()
            if told():
                return
            self.sender.woken.wait(0.01)
            self.sender.woken.clear()
        raise AssertionError("it did not come to that")

    def says(self, heard: Heard) -> None:
        line = next(line for line in self.network.lines if line.ear is not None)
        self.sender._loop.call_soon_threadsafe(line.said.put_nowait, heard)

    def says_at_once(self, heard: Sequence[Heard]) -> "Future[list[Any]]":
        """What each of them is answered, or the error; they wait for the database before this comes back."""
        ear = next(line.ear for line in self.network.lines if line.ear is not None)
        waiting = threading.Event()

        async def say() -> list[Any]:
            told = [asyncio.ensure_future(ear.hear(one)) for one in heard]
            await asyncio.sleep(0)
            waiting.set()
            return await asyncio.gather(*told, return_exceptions=True)

        answers = asyncio.run_coroutine_threadsafe(say(), self.sender._loop)
        assert waiting.wait(60)
        return answers


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


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many were taken in each transaction."""
    real, together = sender.receive_inbound, []

    def receive(**told: Any) -> list[Inbound]:
        rows = real(**told)
        together.append(len(rows))
        return rows

    monkeypatch.setattr(sender, "receive_inbound", receive)
    return together


def reply(body: str, id_: str = "1") -> Heard:
    return Heard(body.encode(), lambda: Reply(id_, PAGER, "", body))


def receipt(number: int, state: Any = "delivered", **more: Any) -> Heard:
    said = Receipt(more.pop("name", f"tag {number}"), state)
    return Heard(f"receipt {number}".encode(), more.pop("read", lambda: said), is_receipt=True, **more)


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


def test_receipts_that_wait_are_taken_together_and_each_counts_once(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = counted(monkeypatch)
    rows = night.sent(8)
    strange = receipt(9, read=lambda: 1 / 0)
    answers = night.says_at_once([receipt(number) for number in (*range(1, 9), 8, 3)] + [strange])
    night.until(answers.done)
    assert together == [11]
    assert answers.result() == ["delivered"] * 10 + [""]
    assert {Delivery.objects.get(id=row.id).state for row in rows} == {"delivered"}
    assert Attempt.objects.filter(is_receipt=True).count() == 8
    assert Inbound.objects.exclude(error="").get().error.startswith("ZeroDivisionError")


def test_a_poisonous_receipt_among_many_stops_none_of_them(night: Night) -> None:
    rows = night.sent(8)
    heard = [receipt(number) for number in range(1, 9)]
    heard.insert(5, receipt(0, name="no text \0 of ours"))
    heard.insert(2, receipt(0, headers={"never": "kept \0"}))
    answers = night.says_at_once(heard)
    night.until(answers.done)
    told = answers.result()
    assert isinstance(told.pop(2), DataError)
    assert told.pop(5) == ""
    assert told == ["delivered"] * 8
    assert {Delivery.objects.get(id=row.id).state for row in rows} == {"delivered"}
    assert Attempt.objects.filter(is_receipt=True).count() == 8
    assert Inbound.objects.count() == 9
    assert "NUL" in Inbound.objects.exclude(error="").get().error


def test_in_a_flood_of_receipts_a_page_and_a_reply_wait_for_one_batch_only(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = counted(monkeypatch)
    night.sent(1)
    flood = night.says_at_once([receipt(number) for number in range(6 * sender.RECEIPTS_AT_ONCE)])
    said = night.says_at_once([reply("hello")])
    page = night.queue(lane="urgent")
    night.sender.take_turn()
    assert together == [1, sender.RECEIPTS_AT_ONCE]
    assert len(said.result(60)) == 1
    assert Delivery.objects.get(id=page.id).state == "sending"
    night.until(flood.done)
    assert together == [1] + [sender.RECEIPTS_AT_ONCE] * 6
    assert Inbound.objects.count() == 6 * sender.RECEIPTS_AT_ONCE + 1


@pytest.mark.parametrize("said", ["a reply", "receipts"])
def test_nothing_is_answered_while_the_database_is_away_and_nothing_is_lost(
    night: Night, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    night.route()
    night.until(lambda: night.network.open)
    real, away = sender.receive_inbound, [True]

    def receive(**told: Any) -> list[Inbound]:
        if away[0]:
            raise InterfaceError("connection is closed")
        return real(**told)

    monkeypatch.setattr(sender, "receive_inbound", receive)
    monkeypatch.setattr(sender.promises, "lost_connection", lambda: away[0])
    heard = [reply("hello")] if said == "a reply" else [receipt(number) for number in range(5)]
    answers = night.says_at_once(heard)
    for _ in range(3):
        with pytest.raises(InterfaceError):
            night.sender.take_turn()
    assert not answers.done()
    away[0] = False
    night.until(answers.done)
    assert Inbound.objects.count() == len(heard)


def test_what_cannot_be_kept_at_all_stops_nothing(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.route()
    night.until(lambda: night.network.open)
    real = sender.receive_inbound

    def receive(**told: Any) -> list[Inbound]:
        if any(one.raw == b"poison" for one in told["heard"]):
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
