"""Texts by SMPP from the ledger to a real SMSC and back: parts, prices, receipts that find their delivery, replies, pace."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from nightdesk.base import clock, promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Invalid
from nightdesk.channels import actions, sender
from nightdesk.channels.actions import Recipient, note_receipt, queue_message, receive_inbound, save_route
from nightdesk.channels.answering import ANSWER_VERBS
from nightdesk.channels.driver import Heard, Part, Receipt, Reply
from nightdesk.channels.models import Attempt, Delivery, Inbound, Route
from nightdesk.channels.sender import Sender
from nightdesk.people.models import ContactMethod, Person
from tests.peers.smpp_provider import SmppProvider
from tests.requires import requires

pytestmark = [pytest.mark.django_db, requires("smpp")]

BO = "+447700900123"
LONG = "The database of the billing cluster does not answer. " * 6


class Night:
    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI}
        self.bo = Person.objects.create(name="Bo")
        ContactMethod.objects.create(person=self.bo, channel="sms", address=BO)
        self.running = stack.enter_context(ExitStack())
        self.sender = self.running.enter_context(Sender(uuid4()))
        self.asked: list[tuple[str, str, Door]] = []

    def provider(self, name: str = "one", position: int = 0, **settings: Any) -> tuple[SmppProvider, Route]:
        smsc = self.stack.enter_context(SmppProvider(**settings))
        return smsc, self.route(smsc, name, position)

    def route(self, smsc: SmppProvider, name: str = "one", position: int = 0, **more: Any) -> Route:
        config = {**smsc.route_settings, "price": "0.04", **more}
        secrets = {"password": config.pop("password")}
        return save_route(
            channel="sms", driver="smpp", name=name, position=position, config=config, secrets=secrets,
            at=clock.now(), **self.doing,
        )  # fmt: skip

    def queue(self, title: str = "P1 db down", **more: Any) -> Delivery:
        at = clock.now()
        to = [Recipient("person", self.bo.id, "sms", more.pop("to", BO), at)]
        defaults: dict[str, Any] = {"kind": "page.rung", "subject": ("page", "7"), "body": "", "brand_id": None}
        message = queue_message(to=to, at=at, **{**defaults, "title": title, **more}, **self.doing)
        return Delivery.objects.get(message_id=message.id)

    def until(self, told: Callable[[], Any], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not told():
            assert time.monotonic() < end, "it did not come to that"
            if not self.sender.take_turn():
                self.sender.woken.wait(0.02)
            self.sender.woken.clear()

    def restart(self) -> None:
        self.running.close()
        self.sender = self.running.enter_context(Sender(uuid4()))

    def verb(self, subject: str, text: str, by: Actor, via: Door, at: datetime) -> str:
        self.asked.append((subject, by.name, via))
        return "You have it."


def state(row: Delivery) -> str:
    return str(Delivery.objects.get(id=row.id).state)


@pytest.fixture
def night(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    monkeypatch.setattr(sender, "ROUTES_EVERY", 0.0)
    with ExitStack() as stack:
        made = Night(stack)
        monkeypatch.setitem(ANSWER_VERBS, "page.acknowledge", made.verb)
        yield made


def test_a_long_text_has_arrived_when_all_its_parts_have_and_costs_what_they_cost(night: Night) -> None:
    smsc, _ = night.provider(receipts="none")
    row = night.queue(LONG[:200], body=LONG)
    night.until(lambda: state(row) == "accepted")
    (try_,) = Attempt.objects.filter(delivery_id=row.id)
    assert (try_.parts, try_.price, try_.currency) == (3, Decimal("0.12"), "EUR")
    assert len(try_.part_ids) == 3
    for number, part in enumerate(reversed(try_.part_ids), 1):
        for _ in range(2):  # told twice
            smsc.say(BO, f"id:{part} stat:DELIVRD", esm=4)
        night.until(lambda number=number: len(smsc.events.all(lambda e: e["event"] == "answered")) == 2 * number)
        assert state(row) == ("delivered" if number == 3 else "accepted")


def test_a_long_text_has_failed_when_one_part_has_and_the_next_provider_gets_it(night: Night) -> None:
    one, _ = night.provider("one", 0, receipts="none")
    two, _ = night.provider("two", 1)
    row = night.queue(LONG[:200], body=LONG)
    night.until(lambda: state(row) == "accepted")
    part = Attempt.objects.get(delivery_id=row.id).part_ids[1]
    one.say(BO, f"id:{part} stat:UNDELIV err:027", esm=4)
    night.until(lambda: state(row) == "delivered")
    assert [len(smsc.submits()) for smsc in (one, two)] == [3, 3]
    told = Attempt.objects.filter(delivery_id=row.id, is_receipt=True, outcome="failed").get()
    assert told.reason == "UNDELIV 027"


@pytest.mark.parametrize("ids", ["hex", "hex then decimal", "decimal then hex"])
@pytest.mark.parametrize("text", ["P1 db down", LONG])
def test_after_a_restart_a_receipt_finds_its_delivery_in_the_ledger(night: Night, ids: str, text: str) -> None:
    smsc, _ = night.provider(ids=ids, receipts="none")
    row = night.queue(text[:200], body=text[200:])
    night.until(lambda: state(row) == "accepted")
    taken = smsc.submits()
    night.restart()
    night.until(lambda: len(smsc.events.all(lambda event: event["event"] == "bind")) == 2)
    for one in taken:
        number = one["number"]
        told = f"{number:X}" if ids.endswith("hex") else str(number)
        smsc.say(BO, f"id:{told} stat:DELIVRD", esm=4)
    night.until(lambda: state(row) == "delivered")


def test_another_number_of_the_same_spelling_is_not_meant(night: Night) -> None:
    _, route = night.provider(receipts="none")
    row = night.queue()
    night.until(lambda: state(row) == "accepted")
    told = Receipt("beef", "delivered", spellings=(Delivery.objects.get(id=row.id).provider_id,))
    for digits, meant in ((("447700900999",), False), ((BO[1:],), True)):
        receipt = Receipt(told.provider_id, "delivered", spellings=told.spellings, address_digits=digits)
        assert note_receipt(route_id=route.id, receipt=receipt, at=clock.now(), **night.doing) is meant
        assert (state(row) == "delivered") is meant


def test_a_receipt_that_comes_before_another_worker_has_recorded_its_message_is_looked_at_again(night: Night) -> None:
    _, route = night.provider(receipts="none")
    row = night.queue()
    night.until(lambda: state(row) == "accepted")
    Delivery.objects.filter(id=row.id).update(provider_id="")
    inbound = night_hears(route, Receipt("id-1", "delivered"))
    assert state(row) == "accepted"
    Delivery.objects.filter(id=row.id).update(provider_id="id-1")
    promise = Promise.objects.get(kind=actions.FIND_RECEIPT, subject_id=str(inbound.id))
    promises.HANDLERS[promise.kind].run(promise, clock.now())
    assert state(row) == "delivered"
    assert Inbound.objects.get(id=inbound.id).outcome == "delivered"


def test_the_parts_of_a_text_whose_receipts_come_together_are_counted_as_if_they_came_alone(night: Night) -> None:
    _, route = night.provider(receipts="none")
    row, other = night.queue(LONG[:200], body=LONG), night.queue("short", to="+447700900124")
    night.until(lambda: state(row) == state(other) == "accepted")
    one, two, three = (Receipt(part, "delivered") for part in Attempt.objects.get(delivery_id=row.id).part_ids)
    short = Receipt(Delivery.objects.get(id=other.id).provider_id, "delivered")
    assert [kept.outcome for kept in night_hears_all(route, one, short, three, one)] == ["delivered"] * 4
    assert (state(row), state(other)) == ("accepted", "delivered")
    night_hears_all(route, two, short, two, three)
    assert state(row) == "delivered"
    told = Attempt.objects.filter(is_receipt=True).order_by("id").values_list("delivery_id", "reason")
    assert [reason for delivery, reason in told if delivery == other.id] == [""]
    assert [reason for delivery, reason in told if delivery == row.id] == [
        "1 of 3 parts have arrived.", "2 of 3 parts have arrived.", "2 of 3 parts have arrived.", "",
    ]  # fmt: skip


def test_good_and_bad_news_of_several_texts_that_come_together_move_each_as_it_should(night: Night) -> None:
    _, route = night.provider(receipts="none")
    rows = [night.queue(f"page {number}", to=f"+44770090012{number}") for number in range(3)]
    night.until(lambda: [state(row) for row in rows] == ["accepted"] * 3)
    first, second, third = (Delivery.objects.get(id=row.id).provider_id for row in rows)
    kept = night_hears_all(
        route, Receipt(third, "delivered"), Receipt(second, "failed", "UNDELIV 001", permanent=True),
        Receipt("nobody's", "delivered"), Receipt(first, "expired", "EXPIRED"), Receipt(first, "delivered"),
    )  # fmt: skip
    assert [one.outcome for one in kept] == ["delivered", "failed", kept[2].outcome, "expired", "delivered"]
    assert "no message of ours" in kept[2].outcome
    assert [state(row) for row in rows] == ["delivered", "failed_for_now", "delivered"]
    assert Delivery.objects.get(id=rows[1].id).routes_tried == [[route.id, "permanent"]]
    assert Promise.objects.get(kind=actions.FIND_RECEIPT).subject_id == str(kept[2].id)


def night_hears_all(route: Route, *said: Receipt | Reply, at: datetime | None = None) -> list[Inbound]:
    return receive_inbound(
        route_id=route.id, channel="sms", heard=[Heard(b"raw", partial(_same, one)) for one in said], genuine=True,
        by=Actor("machine", str(route.id), route.name), via=Door.SMS, at=at or clock.now(),
    )  # fmt: skip


def _same(said: Receipt | Reply) -> Receipt | Reply:
    return said


def night_hears(route: Route, said: Receipt | Reply, at: datetime | None = None) -> Inbound:
    (row,) = night_hears_all(route, said, at=at)
    return row


ANSWERS = {"acknowledge": ["page.acknowledge", "page", "7"]}


def test_a_reply_takes_the_page_and_is_answered(night: Night) -> None:
    smsc, _ = night.provider()
    row = night.queue(answers=ANSWERS, code="417")
    night.until(lambda: state(row) == "delivered")
    smsc.say(BO, "417 ok")
    night.until(lambda: any(one["text"] == "You have it." for one in smsc.submits()))
    assert night.asked == [("7", "Bo", Door.SMS)]


@pytest.mark.parametrize("word", ["STOP", "Yes", "HELP", "unsubscribe"])
def test_the_carriers_own_words_take_no_page(night: Night, word: str) -> None:
    smsc, _ = night.provider()
    row = night.queue(answers=ANSWERS, code="417")
    night.until(lambda: state(row) == "delivered")
    smsc.say(BO, word)
    night.until(lambda: Inbound.objects.filter(sender=BO).exclude(outcome="").exists())
    assert night.asked == []
    method = ContactMethod.objects.get(address=BO)
    assert (method.broken_at is not None) is (word in ("STOP", "unsubscribe"))


def test_the_pieces_of_a_reply_come_together_in_any_order(night: Night) -> None:
    smsc, _ = night.provider()
    row = night.queue(answers=ANSWERS, code="417")
    night.until(lambda: state(row) == "delivered")
    smsc.say(BO, bytes.fromhex("0500032a0202") + b"7 ok", esm=0x40)
    night.until(lambda: Inbound.objects.filter(outcome=actions.WAITS_FOR_THE_REST).exists())
    assert night.asked == []
    smsc.say(BO, bytes.fromhex("0500032a0201") + b"41", esm=0x40)
    night.until(lambda: night.asked)
    assert night.asked == [("7", "Bo", Door.SMS)]
    assert sorted(Inbound.objects.filter(sender=BO).values_list("outcome", flat=True)) == ["You have it.", "joined"]


def piece(number: int, text: str, total: int = 2) -> Reply:
    return Reply(f"{number}-{text}", BO, "", text, part=Part("key", number, total))


def test_a_piece_that_is_told_twice_counts_once_and_one_that_never_comes_is_not_waited_for(night: Night) -> None:
    _, route = night.provider()
    row = night.queue(answers=ANSWERS, code="417")
    night.until(lambda: state(row) == "delivered")
    first = night_hears(route, piece(1, "417 ok"))
    assert night_hears(route, piece(1, "417 ok")).outcome == actions.REPEATED
    promise = Promise.objects.get(kind=actions.JOIN_PIECES)
    assert promise.due_at - first.at == actions.PIECES_WITHIN
    promises.HANDLERS[promise.kind].run(promise, promise.due_at)
    kept = Inbound.objects.get(id=first.id)
    assert kept.part == {}
    assert night.asked == [], "what is missing may have said: but"
    assert "kept, but not understood" in kept.outcome


def test_a_piece_of_an_older_text_is_no_piece_of_this_one(night: Night) -> None:
    _, route = night.provider()
    night_hears(route, piece(1, "old"), clock.now() - timedelta(minutes=10))
    now = night_hears(route, piece(2, "new"))
    assert now.outcome == actions.WAITS_FOR_THE_REST


def test_throttling_slows_that_provider_only_and_loses_nothing_and_urgent_ones_go_first(night: Night) -> None:
    smsc, _ = night.provider(per_second=20, receipts="none")
    bulk = [night.queue(f"news {number}", lane="bulk", to=f"+44770091{number:04}") for number in range(60)]
    urgent = [night.queue(f"page {number}", to=f"+44770092{number:04}") for number in range(20)]
    wanted = {row.id for row in bulk + urgent}
    night.until(lambda: not Delivery.objects.filter(id__in=wanted).exclude(state="accepted").exists())
    order = [one["text"].split()[0] for one in smsc.submits()]
    assert len(order) == 80
    assert len({one["to"] for one in smsc.submits()}) == 80, "each was taken once"
    assert order.index("page") <= 20
    assert order[:60].count("page") == 20
    refused = smsc.events.all(lambda event: event["event"] == "submit" and event["status"] == 0x58)
    assert 0 < len(refused) <= 40
    assert Route.objects.get().failures == 0


def test_with_a_second_provider_what_the_first_is_too_slow_for_goes_there(night: Night) -> None:
    one, _ = night.provider("one", 0, per_second=5, receipts="none")
    two, _ = night.provider("two", 1, receipts="none")
    rows = [night.queue(f"page {number}", to=f"+44770092{number:04}") for number in range(30)]
    wanted = {row.id for row in rows}
    night.until(lambda: not Delivery.objects.filter(id__in=wanted).exclude(state="accepted").exists(), 15)
    assert len(one.submits()) + len(two.submits()) == 30
    assert len(two.submits()) > 0


def test_a_text_whose_time_is_over_while_the_provider_is_away_is_never_sent(night: Night) -> None:
    smsc, _ = night.provider(bind_status=0x0D)
    row = night.queue(valid_until=clock.now() + timedelta(seconds=1))
    night.until(lambda: state(row) == "expired")
    assert smsc.submits() == []
    reasons = set(Attempt.objects.filter(delivery_id=row.id).values_list("reason", flat=True))
    assert any("does not let us bind" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"source": "QUAYSIDE"}, "A name cannot be answered"),
        ({"source": "A MUCH TOO LONG NAME", "ring": "+442079460000"}, "at most 11"),
        ({"price": "cheap"}, "does not take"),
        ({"certificate": "nonsense"}, "certificate cannot be read"),
    ],
)
def test_settings_that_cannot_work_are_refused(night: Night, config: dict[str, Any], words: str) -> None:
    known = {"host": "h", "system_id": "s", "source": BO}
    with pytest.raises(Invalid, match=words):
        save_route(channel="sms", driver="smpp", name="x", config={**known, **config}, at=clock.now(), **night.doing)


def test_an_attempt_without_a_price_has_none(night: Night) -> None:
    smsc = night.stack.enter_context(SmppProvider())
    night.route(smsc, price="")
    row = night.queue()
    night.until(lambda: state(row) == "delivered")
    try_ = Attempt.objects.get(delivery_id=row.id, is_receipt=False)
    assert (try_.parts, try_.price, try_.currency) == (1, None, "")
