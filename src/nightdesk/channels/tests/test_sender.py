"""From a queued message to one that somebody has, on a clock that only the test moves, through providers that fail."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from nightdesk.access.models import Brand
from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels import queries, registry
from nightdesk.channels.actions import Recipient, note_receipt, queue_message, save_route, supersede_deliveries
from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Receipt, Sent, Settings, Temporary
from nightdesk.channels.fan_out_actions import gather_queued, queue_from, supersede_queued
from nightdesk.channels.fan_out_queries import Select
from nightdesk.channels.models import Attempt, Delivery, Message, Route
from nightdesk.channels.sender import Sender
from nightdesk.people.models import ContactMethod, Person

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
ADDRESS = "+447700900123"


@dataclass
class Provider:
    """What a fake provider does next ("ok", "temporary", "permanent", "dead", "hang", "slow down"); the last word stays."""

    does: list[str] = field(default_factory=lambda: ["ok"])
    got: list[tuple[Outgoing, datetime]] = field(default_factory=list)
    swallows: str = ""
    """An address at which it never answers, until it is let go."""
    swallowed: list[asyncio.Event] = field(default_factory=list)

    def let_go(self, sender: Sender) -> None:
        self.swallows = ""
        for event in self.swallowed:
            sender._loop.call_soon_threadsafe(event.set)

    async def take(self, outgoing: Outgoing) -> Sent:
        self.got.append((outgoing, clock.now()))
        if outgoing.address == self.swallows:
            self.swallowed.append(asyncio.Event())
            await self.swallowed[-1].wait()
            return Sent(f"late-{len(self.got)}-{outgoing.delivery_id}")
        match self.does.pop(0) if len(self.does) > 1 else self.does[0]:
            case "ok":
                return Sent(f"id-{len(self.got)}-{outgoing.delivery_id}")
            case "temporary":
                raise Temporary("not now")
            case "slow down":
                raise Temporary("too fast", 1.0, of_route=False)
            case "permanent":
                raise Permanent("filtered")
            case "dead":
                raise Permanent("no such number", unreachable=True)
            case "fault":
                raise ZeroDivisionError("a fault of ours")
        await asyncio.Event().wait()
        raise AssertionError


class Night:
    """The ledger, a sender and a clock."""

    def __init__(self) -> None:
        self.at = START
        self.providers: dict[str, Provider] = {}
        self.worker = uuid4()
        self.sender = Sender(self.worker)
        self.brand = Brand.objects.create(name="Quayside", slug=f"q-{uuid4().hex[:6]}")

    def connect(self, settings: Settings) -> Any:
        provider = self.providers[settings["name"]]

        class Line:
            async def send(self, outgoing: Outgoing) -> Sent:
                return await provider.take(outgoing)

            async def close(self) -> None:
                return

        return Line()

    def route(self, name: str, *does: str, position: int = 0, channel: str = "sms", **more: Any) -> Route:
        self.providers[name] = Provider(list(does) or ["ok"])
        config = {"name": name, **more.pop("config", {})}
        driver = "fake"
        if limits := {limit: more.pop(limit) for limit in ("timeout_s", "patience_s") if limit in more}:
            driver = f"fake-{name}"
            registry.CHANNELS[driver] = replace(registry.CHANNELS["fake"], name=driver, **limits)
        return save_route(
            channel=channel, driver=driver, name=name, config=config, position=position,
            by=SCHEDULER, via=Door.CLI, at=self.at, **more,
        )  # fmt: skip

    def queue(self, address: str = ADDRESS, *, channel: str = "sms", after: float = 0, **more: Any) -> Delivery:
        defaults: dict[str, Any] = {
            "kind": "page.rung", "subject": ("page", "7"), "title": "P1 db down", "body": "", "brand_id": self.brand.id,
        }  # fmt: skip
        to = [Recipient("person", 1, channel, address, self.at + timedelta(seconds=after))]
        message = queue_message(**{**defaults, "to": to, **more}, by=SCHEDULER, via=Door.WORKER, at=self.at)
        return Delivery.objects.get(message_id=message.id)

    def settle(self, seconds: float = 60) -> None:
        """Until nothing is due and nothing is in flight."""
        for _ in range(int(seconds / 0.02)):
            if not self.sender.take_turn() and not self.sender.in_hand:
                return
            self.sender.woken.wait(0.02)
            self.sender.woken.clear()
        raise AssertionError(f"{self.sender.in_hand} deliveries are still in hand")

    def in_turn(self, told: Callable[[], bool]) -> bool:
        """Whether it comes to that while the sender takes its turns, and the clock stands still."""
        for _ in range(3000):
            self.sender.take_turn()
            if told():
                return True
            self.sender.woken.wait(0.02)
            self.sender.woken.clear()
        return False

    def pass_(self, seconds: float) -> None:
        """Second by second, as due rows are claimed at their own instant."""
        until = self.at + timedelta(seconds=seconds)
        while self.at < until:
            self.at = min(self.at + timedelta(seconds=1), until)
            self.settle()

    def times(self, name: str) -> list[float]:
        """Seconds from the start at which the provider was asked."""
        return [(at - START).total_seconds() for _, at in self.providers[name].got]

    def receipt(self, route: Route, row: Delivery, state: Any, **more: Any) -> bool:
        row.refresh_from_db()
        return note_receipt(
            route_id=route.id,
            receipt=Receipt(row.provider_id or "early", state, **more),
            delivery_id=row.id,
            month=row.month,
            attempt=row.attempt,
            by=SCHEDULER,
            via=Door.HOOK,
            at=self.at,
        )


def now(row: Delivery) -> Delivery:
    row.refresh_from_db()
    return row


@pytest.fixture
def night(db: None) -> Iterator[Night]:
    made = Night()
    fields = (
        Field("name", "Name"),
        Field("at_once", "", kind="integer"),
        Field("receipts", "", kind="flag", default=False),
    )
    fake = Driver("fake", "", "Fake", made.connect, fields, timeout_s=0.15, receipt_within=timedelta(seconds=60))
    known = dict(registry.CHANNELS)
    registry.CHANNELS["fake"] = fake
    with clock.replaced_by(lambda: made.at), made.sender:
        yield made
    for name in registry.CHANNELS.keys() - known:
        del registry.CHANNELS[name]


def test_a_message_goes_out_once_by_the_first_route(night: Night) -> None:
    night.route("first")
    night.route("second", position=1)
    row = night.queue()
    night.settle()
    assert (night.times("first"), night.times("second")) == ([0], [])
    assert now(row).state == "accepted"
    assert row.ended_at == row.accepted_at == START
    assert row.provider_id.endswith(str(row.id))
    assert [one.outcome for one in Attempt.objects.filter(delivery_id=row.id)] == ["accepted"]


def test_nothing_goes_out_before_it_is_due(night: Night) -> None:
    night.route("first")
    night.queue(after=5)
    night.pass_(4)
    assert night.times("first") == []
    night.pass_(1)
    assert night.times("first") == [5]


@pytest.mark.parametrize("trouble", ["temporary", "hang", "permanent", "slow down", "fault"])
def test_whatever_is_wrong_with_the_first_the_second_has_it_at_once(night: Night, trouble: str) -> None:
    night.route("first", trouble)
    second = night.route("second", position=1)
    row = night.queue()
    night.settle()
    assert night.times("second") == [0]
    assert (now(row).state, row.route_id) == ("accepted", second.id)
    tries = list(Attempt.objects.filter(delivery_id=row.id).order_by("at", "id"))
    assert [one.route_name for one in tries] == ["first", "second"]
    assert tries[0].reason


def test_with_all_down_it_is_tried_again_after_2_4_8_16_30_seconds_until_it_expires(night: Night) -> None:
    night.route("first", "temporary")
    night.route("second", "temporary", position=1)
    row = night.queue(valid_until=START + timedelta(seconds=100))
    night.settle()
    assert now(row).state == "failed_for_now"
    night.pass_(120)
    assert night.times("first") == night.times("second") == [0, 2, 6, 14, 30, 60, 90]
    assert (now(row).state, row.ended_at) == ("expired", START + timedelta(seconds=100))


def test_as_soon_as_a_route_works_again_it_arrives(night: Night) -> None:
    night.route("only", "temporary", "temporary", "ok")
    row = night.queue()
    night.settle()
    night.pass_(10)
    assert night.times("only") == [0, 2, 6]
    assert now(row).state == "accepted"


def test_what_no_route_will_ever_take_has_failed(night: Night) -> None:
    night.route("first", "permanent")
    night.route("second", "permanent", position=1)
    row = night.queue()
    night.settle()
    assert (now(row).state, row.reason) == ("failed", "filtered")
    night.pass_(60)
    assert night.times("first") == [0]


def test_a_dead_number_is_tried_by_nobody_else_and_shown_at_its_person(night: Night) -> None:
    night.route("first", "dead")
    night.route("second", position=1)
    method = ContactMethod.objects.create(person=Person.objects.create(name="Bo"), channel="sms", address=ADDRESS)
    row = night.queue()
    night.settle()
    assert (now(row).state, night.times("second")) == ("failed", [])
    method.refresh_from_db()
    assert method.broken_at == START
    assert "no such number" in method.broken_why


def test_a_route_that_accepts_and_never_delivers_is_followed_by_the_next_at_the_second(night: Night) -> None:
    night.route("first", config={"receipts": True})
    night.route("second", position=1, config={"receipts": True})
    row = night.queue()
    night.settle()
    night.pass_(59)
    assert (now(row).state, row.ended_at) == ("accepted", None)
    assert night.times("second") == []
    night.pass_(1)
    assert night.times("second") == [60]
    night.pass_(240)
    assert (night.times("first"), night.times("second")) == ([0], [60]), "never twice by the same route"
    assert (now(row).state, row.reason) == ("accepted", "No receipt came.")
    assert row.ended_at == START + timedelta(seconds=120)


def test_a_receipt_in_time_keeps_the_next_route_quiet(night: Night) -> None:
    first = night.route("first", config={"receipts": True})
    night.route("second", position=1)
    row = night.queue()
    night.settle()
    night.pass_(30)
    assert night.receipt(first, row, "delivered")
    night.pass_(60)
    assert night.times("second") == []
    assert (now(row).state, row.delivered_at) == ("delivered", START + timedelta(seconds=30))


def test_not_delivered_goes_to_the_next_route_at_once_and_to_the_same_one_again_only_after_a_pause(
    night: Night,
) -> None:
    first = night.route("first", config={"receipts": True})
    second = night.route("second", position=1, config={"receipts": True})
    row = night.queue()
    night.settle()
    night.receipt(first, row, "failed", reason="30003")
    night.settle()
    assert night.times("second") == [0]
    night.receipt(second, row, "failed", reason="30003")
    night.settle()
    assert (now(row).state, row.reason) == ("failed_for_now", "30003")
    night.pass_(20)
    assert len(night.times("first")) == 2, "what was not delivered may be sent again by the same route"


def test_a_receipt_that_comes_before_the_answer_is_not_undone_by_it(night: Night) -> None:
    first = night.route("first")
    row = night.queue()
    night.sender.take_turn()  # claimed, and on its way
    assert night.receipt(first, row, "delivered")
    night.settle()
    assert now(row).state == "delivered"
    assert row.provider_id


@pytest.mark.parametrize(
    "orders", [["delivered", "accepted"], ["delivered", "delivered"], ["read", "delivered", "failed"]]
)
def test_receipts_out_of_order_or_twice_never_go_backwards(night: Night, orders: list[str]) -> None:
    first = night.route("first", config={"receipts": True})
    row = night.queue()
    night.settle()
    for state in orders:
        assert night.receipt(first, row, state)
    assert now(row).state == orders[0]
    assert Attempt.objects.filter(delivery_id=row.id, is_receipt=True).count() == 1


def test_bad_news_of_an_earlier_route_does_not_disturb_the_one_that_has_it_now(night: Night) -> None:
    first = night.route("first", config={"receipts": True})
    night.route("second", position=1, config={"receipts": True})
    row = night.queue()
    night.settle()
    night.pass_(60)
    assert night.receipt(first, row, "failed")
    assert now(row).state == "accepted"
    assert row.due_at == START + timedelta(seconds=120)


@pytest.mark.parametrize("when", ["before it is written that it was sent", "after"])
def test_a_bounce_that_names_no_route_is_of_the_one_that_has_it(night: Night, when: str) -> None:
    night.route("first")
    row = night.queue()
    night.sender.take_turn()
    if when == "after":
        night.settle()
    said = Receipt("", "failed", "no such user", permanent=True, unreachable=True)
    note_receipt(
        route_id=None, receipt=said, delivery_id=row.id, month=row.month, by=SCHEDULER, via=Door.EMAIL, at=night.at
    )
    night.settle()
    assert now(row).state == "failed"


def test_what_is_superseded_before_it_was_sent_goes_nowhere(night: Night) -> None:
    night.route("first")
    row = night.queue(after=30)
    assert supersede_deliveries(subject=("page", "7"), by=SCHEDULER, via=Door.WEB, at=night.at) == 1
    night.pass_(60)
    assert night.times("first") == []
    assert now(row).state == "superseded"


def test_what_waits_for_its_receipt_is_not_sent_again_once_superseded(night: Night) -> None:
    night.route("first", config={"receipts": True})
    night.route("second", position=1)
    row = night.queue()
    night.settle()
    assert supersede_deliveries(subject=("page", "7"), by=SCHEDULER, via=Door.WEB, at=night.at) == 0
    night.pass_(120)
    assert night.times("second") == []
    assert now(row).state == "accepted"


def test_superseded_in_flight_it_goes_to_no_second_route(night: Night) -> None:
    night.route("first", "hang")
    night.route("second", position=1)
    row = night.queue()
    night.sender.take_turn()
    assert supersede_deliveries(subject=("page", "7"), by=SCHEDULER, via=Door.WEB, at=night.at) == 1
    night.settle()
    assert night.times("second") == []
    assert now(row).state == "superseded"
    assert Attempt.objects.filter(delivery_id=row.id).count() == 1, "that it was tried is told all the same"


def test_what_waits_for_a_place_is_dropped_when_it_is_superseded(night: Night) -> None:
    night.route("only", "hang", config={"at_once": 1})
    night.queue("+447700900001")
    waiting = night.queue("+447700900002", subject=("page", "8"))
    night.sender.take_turn()
    supersede_deliveries(subject=("page", "8"), by=SCHEDULER, via=Door.WEB, at=night.at)
    night.settle()
    assert [one.address for one, _ in night.providers["only"].got] == ["+447700900001"]
    assert now(waiting).state == "superseded"


def test_after_three_failures_the_route_rests_and_one_message_probes_it(night: Night) -> None:
    route = night.route("first", "temporary")
    night.route("second", position=1)
    for number in range(3):
        night.queue(f"+44770090000{number}")
        night.settle()
    assert len(night.times("first")) == 3
    night.queue("+447700900009")
    night.settle()
    assert len(night.times("first")) == 3, "it rests"
    route.refresh_from_db()
    assert (route.failures, route.resting_until) == (3, START + timedelta(seconds=30))
    night.at += timedelta(seconds=30)
    night.providers["first"].does = ["hang", "ok"]
    for number in range(4):
        night.queue(f"+44770090001{number}")
    night.settle()
    assert len(night.times("first")) == 4, "one alone goes first"
    night.at += timedelta(seconds=30)
    night.queue("+447700900020")
    night.settle()
    route.refresh_from_db()
    assert (len(night.times("first")), route.failures) == (5, 0)


def test_a_resting_route_is_still_better_than_none(night: Night) -> None:
    night.route("only", "temporary", "temporary", "temporary", "ok")
    for number in range(4):
        night.queue(f"+44770090000{number}")
        night.settle()
    assert len(night.times("only")) == 4
    assert Delivery.objects.filter(state="accepted").count() == 1


def test_a_provider_that_hangs_holds_no_other_channel_up(night: Night) -> None:
    night.route("hangs", "hang", config={"at_once": 2})
    night.route("works", channel="email")
    for number in range(300):
        night.queue(f"+4477009{number:05}", subject=("page", "8"))
    night.queue("bo@night.example", channel="email", lane="bulk")
    for _ in range(3):
        night.sender.take_turn()
        night.sender.woken.wait(0.1)
    assert len(night.providers["works"].got) == 1
    supersede_deliveries(subject=("page", "8"), by=SCHEDULER, via=Door.WEB, at=night.at)
    night.settle()


def test_an_address_that_swallows_everything_holds_nobody_else_up(night: Night) -> None:
    night.route("only", config={"at_once": 8}, timeout_s=60)
    poisoned, sound = "+447700900666", "+447700900001"
    night.providers["only"].swallows = poisoned
    for number in range(300):
        night.queue(poisoned, subject=("page", str(number)))
    night.at += timedelta(seconds=1)
    row = night.queue(sound)
    assert night.in_turn(lambda: now(row).state == "accepted"), "it does not wait for those that hang"
    to_poisoned = [one for one, _ in night.providers["only"].got if one.address == poisoned]
    assert len(to_poisoned) == 2


def test_what_waits_behind_its_own_address_is_sent_when_that_answers_again(night: Night) -> None:
    night.route("only", "ok", timeout_s=60)
    night.providers["only"].swallows = ADDRESS
    rows = [night.queue(subject=("page", str(number))) for number in range(5)]
    assert night.in_turn(lambda: sum(now(row).state == "failed_for_now" for row in rows) == 3)
    night.providers["only"].let_go(night.sender)
    night.pass_(4)
    assert [now(row).state for row in rows] == ["accepted"] * 5
    assert len(night.times("only")) == 5, "each went out once"


def test_what_waits_behind_its_own_address_expires_in_time(night: Night) -> None:
    night.route("only", "ok", timeout_s=60)
    night.providers["only"].swallows = ADDRESS
    rows = [night.queue(subject=("page", str(n)), valid_until=START + timedelta(seconds=3)) for n in range(3)]
    assert night.in_turn(lambda: any(now(row).state == "failed_for_now" for row in rows))
    night.at += timedelta(seconds=3)
    assert night.in_turn(lambda: any(now(row).state == "expired" for row in rows))


def test_of_a_provider_that_hangs_nobody_urgent_waits_for_the_time_out_where_another_is_there(night: Night) -> None:
    night.route("hangs", "hang", timeout_s=60, patience_s=0.05)
    night.route("works", position=1)
    rows = [night.queue(f"+4477009000{number:02}") for number in range(12)]
    assert night.in_turn(lambda: all(now(row).state == "accepted" for row in rows))
    tries = Attempt.objects.filter(delivery_id=rows[0].id).order_by("at", "id")
    assert [one.route_name for one in tries] == ["hangs", "works"]
    assert "No answer within 0.05 s" in tries[0].reason


def test_bulk_and_whoever_has_no_other_route_wait_for_the_answer(night: Night) -> None:
    night.route("slow", "hang", "ok", timeout_s=0.4, patience_s=0.01)
    row = night.queue()
    night.settle()
    assert "No answer within 0.4 s" in Attempt.objects.get(delivery_id=row.id).reason
    night.route("works", position=1)
    night.providers["slow"].does = ["hang"]
    bulk = night.queue("+447700900055", lane="bulk")
    night.settle()
    assert "0.4 s" in Attempt.objects.get(delivery_id=bulk.id, route_name="slow").reason


def test_another_brands_routes_are_not_used(night: Night) -> None:
    other = Brand.objects.create(name="Other", slug="other")
    night.route("theirs", brand_id=other.id)
    night.route("ours", brand_id=night.brand.id, position=5)
    night.route("shared", position=1)
    night.queue()
    night.settle()
    assert [len(night.times(name)) for name in ("theirs", "ours", "shared")] == [0, 1, 0]


def test_without_any_route_it_is_kept_in_the_outbox_and_with_one_switched_off_it_waits(night: Night) -> None:
    kept = night.queue()
    night.settle()
    assert now(kept).state == "accepted"
    assert "outbox" in kept.reason
    night.route("off", enabled=False)
    waits = night.queue()
    night.settle()
    assert now(waits).state == "failed_for_now"
    assert waits.due_at == START + timedelta(seconds=2)


def test_the_pocket_needs_no_route(night: Night) -> None:
    row = night.queue("", channel="pocket")
    night.settle()
    assert (now(row).state, row.reason) == ("accepted", "")


def test_a_killed_workers_message_is_sent_again_by_another_with_the_same_id(night: Night) -> None:
    night.route("first", "hang", "ok")
    row = night.queue()
    night.sender.take_turn()
    for _ in range(3000):  # it is in flight when the process dies
        if night.providers["first"].got:
            break
        night.sender.woken.wait(0.01)
    assert now(row).leased_by == night.worker
    assert leases.release_dead([Delivery], at=night.at) == 1
    with Sender(uuid4()) as second:
        night.sender, first = second, night.sender
        night.settle()
        assert now(row).state == "accepted"
        while first.in_hand:  # the first one was not dead after all, and its result comes late
            first.woken.wait(0.05)
            first.record()
        night.sender = first
    assert now(row).state == "accepted"
    sent = [outgoing for outgoing, _ in night.providers["first"].got]
    assert [(one.delivery_id, one.attempt) for one in sent] == [(row.id, 1), (row.id, 2)]


def test_what_was_leased_without_our_hearing_of_it_comes_free(night: Night) -> None:
    night.route("first")
    row = night.queue()
    Delivery.objects.filter(id=row.id).update(leased_by=night.worker, leased_at=night.at)
    night.settle()
    assert night.times("first") == []
    night.sender.recover()
    night.settle()
    assert night.times("first") == [0]


def test_results_are_kept_while_the_database_is_away(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.route("first")
    row = night.queue()
    night.sender.take_turn()

    def away(*_: object, **__: object) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr("nightdesk.channels.sender.record_outcomes", away)
        for _ in range(3000):
            if night.providers["first"].got and night.sender._outcomes:
                break
            night.sender.woken.wait(0.01)
        with pytest.raises(OperationalError):
            night.sender.take_turn()
    night.settle()
    assert now(row).state == "accepted"
    assert night.times("first") == [0]


def test_a_driver_that_blocks_everything_is_noticed(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightdesk.channels.sender.LOOP_LIMIT", 0.02)
    blocked = threading.Event()
    assert night.sender.loop_answers()
    night.sender._loop.call_soon_threadsafe(blocked.wait, 5)
    assert eventually(lambda: not night.sender.loop_answers())
    blocked.set()
    assert eventually(night.sender.loop_answers)


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so."""
    pause = threading.Event()
    return any(is_so() or pause.wait(0.01) for _ in range(3000))


def test_urgent_messages_go_before_bulk_that_was_there_first(night: Night) -> None:
    night.route("only", config={"at_once": 1})
    night.queue("+447700900001", lane="bulk")
    night.queue("+447700900002", lane="bulk")
    night.queue("+447700900003", lane="urgent")
    night.settle()
    assert night.providers["only"].got[0][0].address == "+447700900003"


def test_the_same_address_twice_in_one_message_is_one_delivery(night: Night) -> None:
    to = [Recipient("person", 1, "sms", ADDRESS, night.at)] * 2
    pockets = [Recipient("person", number, "pocket", "", night.at) for number in (1, 2)]
    message = queue_message(
        kind="x", subject=("page", "7"), title="t", body="", to=[*to, *pockets], brand_id=None,
        by=SCHEDULER, via=Door.WORKER, at=night.at,
    )  # fmt: skip
    assert Delivery.objects.filter(message_id=message.id).count() == 3


def test_private_words_lie_sealed_until_they_were_sent_and_are_gone_then(night: Night) -> None:
    night.route("mail", "temporary", "ok", channel="email")
    row = night.queue("bo@night.example", channel="email", body="your code is 123456", private=True)
    message = Message.objects.get(id=row.message_id)
    assert b"123456" not in bytes(message.sealed) + message.body.encode()
    night.settle()
    message.refresh_from_db()
    assert message.sealed
    night.pass_(2)
    assert night.providers["mail"].got[-1][0].said.body == "your code is 123456"
    message.refresh_from_db()
    assert bytes(message.sealed) == b""


def test_a_route_set_up_anew_is_used_as_it_is_now(night: Night) -> None:
    route = night.route("first", "temporary")
    night.queue(valid_until=START + timedelta(seconds=1))
    night.settle()
    night.providers["renewed"] = Provider()
    save_route(
        channel="sms", driver="fake", name="first", config={"name": "renewed"}, route_id=route.id,
        by=SCHEDULER, via=Door.CLI, at=night.at,
    )  # fmt: skip
    night.queue("+447700900002")
    night.settle()
    assert night.times("renewed") == [0]


def test_the_figures_tell_how_a_route_does_and_what_waits(night: Night) -> None:
    night.route("first", "ok", "temporary")
    night.queue("+447700900001")
    night.settle()
    night.queue("+447700900002")
    night.settle()
    assert queries.oldest_unsent(night.at) is None
    night.at += timedelta(seconds=12)
    assert queries.oldest_unsent(night.at) == timedelta(seconds=10)
    (health,) = queries.route_health(night.at)
    assert (health.sent, health.refused, health.success_rate) == (1, 1, 0.5)
    assert health.oldest_unsent == timedelta(seconds=10)
    assert queries.deliveries(queries.Filters(states=["accepted"], address="+447700900001")).count() == 1
    assert queries.deliveries(queries.Filters(brand_ids=[])).count() == 0


def test_two_thousand_mails_leave_none_behind(night: Night) -> None:
    night.route("mail", channel="email")
    to = [Recipient("contact", number, "email", f"c{number}@x.example", night.at) for number in range(2000)]
    queue_message(
        kind="x", subject=("page", "7"), title="t", body="", to=to, brand_id=None,
        by=SCHEDULER, via=Door.WORKER, at=night.at,
    )  # fmt: skip
    night.settle(60)
    assert len({outgoing.delivery_id for outgoing, _ in night.providers["mail"].got}) == 2000
    assert Delivery.objects.filter(state="accepted").count() == 2000
    assert Attempt.objects.count() == 2000


def test_what_a_route_has_cost_this_month_is_told_by_currency(night: Night) -> None:
    route = night.route("first")
    november, october = START.date().replace(day=1), START.date().replace(month=10, day=1)
    for month, parts, price, currency in (
        (november, 2, "0.08", "EUR"), (november, 1, "0.04", "EUR"), (november, 1, "0.05", "GBP"),
        (november, 3, None, ""), (october, 9, "9.99", "EUR"),
    ):  # fmt: skip
        Attempt.objects.create(
            month=month, delivery_id=uuid4(), number=1, route_id=route.id, route_name="first", at=START, took_ms=1,
            outcome="accepted", parts=parts, price=price, currency=currency,
        )  # fmt: skip
    (health,) = queries.route_health(night.at)
    assert health.parts == 7
    assert [str(cost) for cost in health.costs] == ["0.12 EUR", "0.05 GBP"]


# To very many


def test_each_is_told_their_own_values_and_the_worst_hit_first(night: Night) -> None:
    night.route("carrier")
    found = Select(
        "SELECT 'contact', n::text, 'sms', '+4477009' || n, (10003 - n)::smallint, jsonb_build_object('name', '{{ all }} ' || n) "
        "FROM generate_series(10001, 10003) n"
    )
    queue_from(
        found=found, once="update 1", kind="outage.update", subject=("outage", "7"), title="Dear {{ name }}", body="",
        brand_id=night.brand.id, said_at=START, by=SCHEDULER, via=Door.WORKER, at=START,
    )  # fmt: skip
    night.settle()
    told = [outgoing.said.title for outgoing, _ in night.providers["carrier"].got]
    assert told == ["Dear {{ all }} 10003", "Dear {{ all }} 10002", "Dear {{ all }} 10001"]


def test_a_page_with_braces_in_it_is_said_as_it_came(night: Night) -> None:
    night.route("carrier")
    night.queue(title="{{ name }} is down")
    night.settle()
    assert night.providers["carrier"].got[0][0].said.title == "{{ name }} is down"


# Several in one


def of_outage(night: Night, number: str, body: str) -> Delivery:
    """A word about that outage to the one reader there is, gathered with what has not left of others."""
    found = Select(
        "SELECT 'contact', '1', 'sms', %s::text, %s::smallint, jsonb_build_object('name', '{{ all }}')",
        [ADDRESS, int(number)],
    )
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER, "at": night.at}
    about: dict[str, Any] = {"kind": "outage.update", "subject": ("outage", number), "said_at": night.at}
    made = queue_from(
        found=found, once=f"{number} {night.at}", title="", body=body, brand_id=night.brand.id, **about, **doing
    )
    gather_queued(among=[one for one in "789" if one != number], waiting=None, **about, **doing)
    return Delivery.objects.get(message_id=made.message_id)


def test_what_goes_together_is_one_text_and_its_receipt_is_that_of_all(night: Night) -> None:
    carrier = night.route("carrier", config={"receipts": True})
    mail = of_outage(night, "7", "Quayside: Mail of {{ name }} is down.")
    line = of_outage(night, "8", "Quayside: The line is down.")
    night.settle()
    ((outgoing, _at),) = night.providers["carrier"].got
    assert outgoing.said.body == "Quayside: Mail of {{ all }} is down.\nThe line is down."
    assert (now(mail).state, now(line).state, line.provider_id) == ("accepted", "accepted", "")
    assert night.receipt(carrier, mail, "delivered")
    assert (now(mail).state, now(line).state) == ("delivered", "delivered")
    assert line.delivered_at == mail.delivered_at
    assert list(Attempt.objects.filter(is_receipt=False).values_list("delivery_id", flat=True)) == [mail.id]


def test_without_a_receipt_all_of_it_goes_by_the_next_route(night: Night) -> None:
    night.route("first", config={"receipts": True})
    night.route("second", position=1, config={"receipts": True})
    of_outage(night, "7", "Quayside: Mail is down.")
    line = of_outage(night, "8", "Quayside: The line is down.")
    night.pass_(61)
    texts = [provider.got[0][0].said.body for provider in night.providers.values()]
    assert texts == ["Quayside: Mail is down.\nThe line is down."] * 2
    assert len(night.providers["first"].got) == len(night.providers["second"].got) == 1
    assert now(line).state == "accepted"


def test_a_text_that_has_no_room_left_is_followed_by_another(night: Night) -> None:
    night.route("carrier")
    for number, words in (("7", "Mail is down. " * 20), ("8", "The line is down. " * 20), ("9", "Short.")):
        of_outage(night, number, f"Quayside: {words}".strip())
    night.settle()
    texts = [outgoing.said.body for outgoing, _ in night.providers["carrier"].got]
    assert len(texts) == 3
    assert [text[:15] for text in texts] == ["Quayside: Mail ", "Quayside: The l", "Quayside: Short"]
    assert {row.state for row in Delivery.objects.all()} == {"accepted"}


def test_what_was_to_go_with_something_that_is_replaced_goes_by_itself(night: Night) -> None:
    night.route("carrier", "temporary", "ok")
    mail = of_outage(night, "7", "Quayside: Mail is down.")
    line = of_outage(night, "8", "Quayside: The line is down.")
    night.settle()
    assert (now(mail).state, now(line).state) == ("failed_for_now", "failed_for_now")
    night.at += timedelta(seconds=1)
    of_outage(night, "7", "Quayside: Mail works again.")
    supersede_queued(subject=("outage", "7"), before=night.at, by=SCHEDULER, via=Door.WORKER, at=night.at)
    night.settle()
    assert (now(mail).state, now(line).state) == ("superseded", "accepted")
    said = {outgoing.said.body for outgoing, _ in night.providers["carrier"].got[1:]}
    assert said == {"Quayside: Mail works again.", "Quayside: The line is down."}
