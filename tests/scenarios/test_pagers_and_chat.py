"""Stories of a page that goes to a pager or a chat, over a real network's protocol, and is answered there."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from django.test import Client

from nightdesk.access import actions as access
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.channels import actions as channels
from nightdesk.channels import sender
from nightdesk.channels.drivers import snpp
from nightdesk.channels.models import Attempt, Delivery, Inbound, Message, Route
from nightdesk.console.contact_test import send_test
from nightdesk.journal.models import Entry
from nightdesk.paging.models import Page
from nightdesk.people import actions as people
from nightdesk.people.models import ContactMethod, Person
from tests.peers.chat_server import ChatServer
from tests.peers.snpp_network import Page as PagerPage
from tests.peers.snpp_network import SnppNetwork
from tests.peers.tap_terminal import TapTerminal
from tests.world import World

PAGER = "5551212"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "ROUTES_EVERY", 0.0)
    monkeypatch.setattr(snpp, "ASK_SOON_S", 0.02)
    monkeypatch.setattr(snpp, "ASK_LATER_S", 0.02)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def reached_by(world: World, person: Person, channel: str, address: str) -> ContactMethod:
    """From now on `person` is rung by this, and by their telephone only because a page makes a noise somewhere."""
    method = people.add_contact_method(person_id=person.id, channel=channel, address=address, **world.doing)
    people.set_notify_rules(person_id=person.id, rules=[people.RuleWanted("high", method.id)], **world.doing)
    return method


def route(world: World, channel: str, driver: str, name: str = "", **config: Any) -> Route:
    secrets = {key: config.pop(key) for key in ("url", "password") if key in config}
    return channels.save_route(
        channel=channel, driver=driver, name=name or driver, config=config, secrets=secrets, **world.doing
    )


def alarm(world: World, rung: Person, words: str) -> Page:
    """The page; `rung`'s telephone, which nobody touches, has rung too."""
    page = world.alarm(words)
    world.phone(rung).got(words)
    return page


def until(world: World, told: Callable[[], Any]) -> None:
    """What comes in is heard until it is so; the clock stands."""
    give_up = time.monotonic() + 60
    while not told():
        assert time.monotonic() < give_up, "it did not come to that"
        world.run_due()
        world._sender.woken.wait(0.01)
        world._sender.woken.clear()


def taken_by(page: Page) -> str:
    page.refresh_from_db()
    return page.owner.name if page.owner else ""


def test_a_page_is_taken_by_the_button_of_a_pager_and_nobody_else_is_woken(world: World, stack: ExitStack) -> None:
    network = stack.enter_context(SnppNetwork())
    bo, al = world.person("Bo"), world.person("Al")
    reached_by(world, bo, "pager", PAGER)
    route(world, "pager", "snpp", host=network.host, port=network.port)
    world.escalate((0, bo), (10, al))
    page = alarm(world, bo, "db down")
    rung = network.pages.one()
    assert (rung.pager, rung.text) == (PAGER, f"P1 db down monitoring Reply {page.code} to take it.")
    network.reach(rung)
    delivery = Delivery.objects.get(channel="pager")
    until(world, lambda: Delivery.objects.get(id=delivery.id).state == "delivered")
    world.minutes(3)
    network.press(rung, "01")
    until(world, lambda: taken_by(page) == "Bo")
    assert Entry.objects.get(kind="page.acknowledged").via == Door.PAGER
    said_back = network.pages.wait(2)[1]
    assert said_back.pager == PAGER
    assert said_back.text.startswith("You have it: db down")
    inbound = Inbound.objects.get(sender=PAGER)
    assert b"888" in bytes(inbound.raw)
    world.minutes(7)  # leaving the test fails it if Al's phone rang


def test_the_other_buttons_and_words_of_a_pager(world: World, stack: ExitStack) -> None:
    network = stack.enter_context(SnppNetwork())
    bo, al = world.person("Bo"), world.person("Al")
    reached_by(world, bo, "pager", PAGER)
    route(world, "pager", "snpp", host=network.host, port=network.port)
    world.escalate((0, bo), (10, al))
    alarm(world, bo, "db down")
    network.press(network.pages.one(), "02")
    until(world, lambda: world.phone(al).rang)
    world.phone(al).got("db down")
    other = alarm(world, bo, "disk full")
    rung = next(one for one in network.pages.all() if "disk full" in one.text)
    network.type_(rung, "ok")
    until(world, lambda: taken_by(other) == "Bo")


def test_whoever_is_too_late_with_their_pager_is_told_who_has_it(world: World, stack: ExitStack) -> None:
    network = stack.enter_context(SnppNetwork())
    bo, al = world.person("Bo"), world.person("Al")
    reached_by(world, bo, "pager", PAGER)
    route(world, "pager", "snpp", host=network.host, port=network.port)
    world.escalate((0, bo), (10, al))
    page = alarm(world, bo, "db down")
    rung = network.pages.one()
    network.reach(rung)
    until(world, lambda: Delivery.objects.get(channel="pager").state == "delivered")
    world.acknowledge(page, by=al)
    network.press(rung, "01")
    until(world, lambda: len(network.pages.all()) == 2)
    assert network.pages.all()[1].text.startswith("Al took it at ")


def test_a_page_that_no_pager_has_shown_in_time_goes_by_the_next_network(world: World, stack: ExitStack) -> None:
    silent, other = stack.enter_context(SnppNetwork()), stack.enter_context(TapTerminal())
    bo = world.person("Bo")
    reached_by(world, bo, "pager", PAGER)
    route(world, "pager", "snpp", host=silent.host, port=silent.port)
    route(world, "pager", "tap", host=other.host, port=other.port)
    Route.objects.filter(driver="tap").update(position=1)
    world.escalate((0, bo))
    page = alarm(world, bo, "db down")
    queued_at = world.at
    world.minutes(1.9)
    assert other.pages.all() == []
    world.minutes(0.2)
    assert other.pages.one().fields == (PAGER, f"P1 db down monitoring Code {page.code}")
    tries = Attempt.objects.filter(outcome="accepted", is_receipt=False).order_by("at")
    assert [(one.route_name, one.at - queued_at) for one in tries] == [
        ("snpp", timedelta(0)),
        ("tap", timedelta(minutes=2)),
    ]
    row = Delivery.objects.get(channel="pager")
    assert (row.state, row.delivered_at) == ("accepted", None), "of TAP nothing more is ever known"
    world.acknowledge(page, by=bo)


def test_a_page_of_which_nothing_more_can_be_known_is_not_sent_again(world: World, stack: ExitStack) -> None:
    one_way, other = stack.enter_context(SnppNetwork(two_way=False)), stack.enter_context(TapTerminal())
    bo = world.person("Bo")
    reached_by(world, bo, "pager", PAGER)
    route(world, "pager", "snpp", host=one_way.host, port=one_way.port)
    route(world, "pager", "tap", host=other.host, port=other.port)
    Route.objects.filter(driver="tap").update(position=1)
    world.escalate((0, bo))
    page = alarm(world, bo, "db down")
    one_way.pages.one()
    world.minutes(4)
    assert (len(one_way.pages.all()), other.pages.all()) == (1, [])
    assert Delivery.objects.get(channel="pager").state == "accepted"
    world.acknowledge(page, by=bo)


def test_a_queued_page_that_is_over_rings_no_pager_later(world: World, stack: ExitStack) -> None:
    network = stack.enter_context(SnppNetwork())
    bo, al = world.person("Bo"), world.person("Al")
    reached_by(world, bo, "pager", PAGER)
    route(world, "pager", "snpp", host=network.host, port=network.port)
    world.escalate((0, bo), (10, al))
    page = alarm(world, bo, "db down")
    rung: PagerPage = network.pages.one()
    until(world, lambda: [line for line in network.asked.all() if line.startswith("MSTA")])
    world.acknowledge(page, by=al)
    until(world, lambda: rung.killed)


def test_a_pager_proves_itself_by_its_answer_to_a_test(world: World, stack: ExitStack) -> None:
    network = stack.enter_context(SnppNetwork())
    bo = world.person("Bo")
    method = reached_by(world, bo, "pager", "555-1212")
    route(world, "pager", "snpp", host=network.host, port=network.port)
    send_test(method, **world.doing)
    world.run_due()
    rung = network.pages.one()
    assert rung.pager == PAGER
    assert "link" not in rung.text
    network.press(rung, "01")
    until(world, lambda: ContactMethod.objects.get(id=method.id).verified_at is not None)
    test = Delivery.objects.order_by("created_at", "id").first()
    assert test is not None
    assert (test.state, test.reason) == ("read", ""), "whoever answers it has read it"


def test_a_pager_that_nobody_knows_is_shown_as_broken(world: World, stack: ExitStack) -> None:
    network = stack.enter_context(SnppNetwork(unknown_pagers=(PAGER,)))
    bo = world.person("Bo")
    method = reached_by(world, bo, "pager", PAGER)
    route(world, "pager", "snpp", host=network.host, port=network.port)
    world.escalate((0, bo))
    page = alarm(world, bo, "db down")
    broken = ContactMethod.objects.get(id=method.id)
    assert "550" in broken.broken_why
    world.acknowledge(page, by=bo)


# Chat


def test_a_page_in_a_chat_is_taken_by_its_link_and_looking_changes_nothing(
    world: World, stack: ExitStack, settings: Any
) -> None:
    settings.PUBLIC_URL = "http://testserver"
    chat = stack.enter_context(ChatServer())
    bo, al = world.person("Bo"), world.person("Al")
    reached_by(world, bo, "chat", "ops-ntfy:bo-night")
    route(
        world, "chat", "apprise", service="ops-ntfy", allow_private=True,
        url=f"ntfy://{chat.token}@127.0.0.1:{chat.port}/{{target}}",
    )  # fmt: skip
    world.escalate((0, bo), (10, al))
    page = alarm(world, bo, "db down")
    told = chat.messages.one()
    assert (told.room, told.title) == ("bo-night", f"[{page.code}] P1 db down")
    link = told.text.rpartition("Answer here: ")[2]
    path = link.removeprefix("http://testserver")
    assert path.startswith("/a/")
    with clock.replaced_by(lambda: world.at):
        browser = Client()
        for _ in range(2):  # the chat's own preview, and then Bo
            assert "Nobody has this page yet" in browser.get(path).content.decode()
            assert taken_by(page) == ""
        browser.post(path, {"verb": "acknowledge"})
    assert taken_by(page) == "Bo"
    assert Entry.objects.get(kind="page.acknowledged").via == Door.LINK
    world.minutes(14)


def test_what_a_chat_route_keeps_secret_is_nowhere_to_be_read(world: World, stack: ExitStack) -> None:
    chat = stack.enter_context(ChatServer())
    bo = world.person("Bo")
    reached_by(world, bo, "chat", "ops:noc")
    url = f"ntfy://{chat.token}@127.0.0.1:{chat.port}/{{target}}"
    route(world, "chat", "apprise", service="ops", allow_private=True, url=url)
    route(world, "chat", "apprise", name="second", service="ops", allow_private=True, url=url)
    chat.answers += [(401, {}), (500, {})]
    world.escalate((0, bo))
    page = alarm(world, bo, "db down")
    world.minutes(1)
    assert chat.messages.all()
    rows = [
        *Route.objects.all(),
        *Delivery.objects.all(),
        *Attempt.objects.all(),
        *Message.objects.all(),
        *Inbound.objects.all(),
    ]
    rows += [*Entry.objects.all(), *ContactMethod.objects.all()]
    told = "".join(json.dumps(serializers.serialize("python", [row]), default=str) for row in rows)
    account = access.make_user(
        email="ada@quayside.example", name="Ada", password="correct horse battery", **world.doing
    )
    access.grant_role(user_id=account.id, role="admin", brand_id=None, **world.doing)
    with clock.replaced_by(lambda: world.at):
        browser = Client()
        browser.force_login(account)
        paths = [
            f"/pages/{page.id}",
            f"/people/{bo.id}",
            "/next/",
            "/next.csv",
            "/pages.csv",
            "/journal/",
            "/journal.csv",
        ]
        paths += ["/settings/routes/", f"/settings/routes/{Route.objects.get(name='second').id}", "/messages/"]
        row = Delivery.objects.get(channel="chat")
        paths += ["/messages.csv", f"/messages/{row.id}", "/providers/"]
        for path in paths:
            answer = browser.get(path)
            assert answer.status_code == 200, path
            told += (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
    assert "ops:noc" in told
    assert chat.token not in told
    world.acknowledge(page, by=bo)
