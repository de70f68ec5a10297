"""One verb, every door: who takes a page by whichever way has it once, and whoever is too late is told who has it.

A new door (phone key, push button, mail, pager, chat) joins by a line in DOORS.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client

from nightdesk.access import actions as access
from nightdesk.access.models import User
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Refusal
from nightdesk.channels.actions import receive_inbound
from nightdesk.channels.driver import Heard, Reply
from nightdesk.channels.links import make_token
from nightdesk.channels.models import Delivery, Route
from nightdesk.journal.models import Entry
from nightdesk.paging.models import Page
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from tests.world import World


def account_of(world: World, person: Person) -> User:
    """The account that the person signs in with, made where they have none."""
    if person.user is None:
        address = f"{person.name.lower()}@quay.example"
        user = access.make_user(email=address, name=person.name, **world.doing)
        access.grant_role(user_id=user.pk, role="engineer", brand_id=world.brand.id, **world.doing)
        people.edit_person(person_id=person.id, changes={"user_id": user.pk}, **world.doing)
        person.refresh_from_db()
    assert person.user is not None
    return person.user


def last_delivery(page: Page, person: Person) -> Delivery:
    rows = Delivery.objects.filter(subject_id=str(page.id), recipient_id=str(person.id), recipient_kind="person")
    return rows.latest("created_at")


def text(world: World, person: Person, words: str) -> str:
    """The person texts `words` back; what their phone then says."""
    phone = world.phone(person)
    reply = Reply(id=uuid4().hex, sender=person.contact_methods.get(channel="sms").address, to="", body=words)
    receive_inbound(
        route_id=Route.objects.get(channel="sms").id,
        channel="sms",
        heard=[Heard(words.encode(), lambda: reply)],
        genuine=True,
        by=Actor("machine", "route", "phones"),
        via=Door.SMS,
        at=world.at,
    )
    world.run_due()
    phone.heard = len(phone.rang)
    return phone.rang[-1][1]


def by_text(world: World, page: Page, person: Person) -> str:
    return text(world, person, f"ok {page.code}")


def by_link(world: World, page: Page, person: Person) -> str:
    delivery = last_delivery(page, person)
    token = make_token(delivery.id, delivery.month)
    with clock.replaced_by(lambda: world.at):
        client = Client()
        answer = client.post(f"/a/{token}", {"verb": "acknowledge"}, follow=True)
    return answer.content.decode()


def by_web(world: World, page: Page, person: Person) -> str:
    client = Client()
    client.force_login(account_of(world, person), "allauth.account.auth_backends.AuthenticationBackend")
    with clock.replaced_by(lambda: world.at):
        answer = client.post(f"/pages/{page.id}/acknowledge", follow=True)
    return answer.content.decode()


def by_pocket(world: World, page: Page, person: Person) -> str:
    client = Client()
    client.force_login(account_of(world, person), "allauth.account.auth_backends.AuthenticationBackend")
    with clock.replaced_by(lambda: world.at):
        answer = client.post(f"/pocket/{page.id}/take", follow=True)
    return answer.content.decode()


def by_api(world: World, page: Page, person: Person) -> str:
    user = account_of(world, person)
    _token, secret = access.make_token(name="test", scopes=["page"], user_id=user.pk, **world.doing)
    with clock.replaced_by(lambda: world.at):
        answer = Client().post(f"/api/v1/pages/{page.id}/acknowledge", headers={"Authorization": f"Bearer {secret}"})
    return answer.content.decode()


def by_command(world: World, page: Page, person: Person) -> str:
    account_of(world, person)
    said = io.StringIO()
    try:
        with clock.replaced_by(lambda: world.at):
            call_command("ack", page.code, "--as", f"{person.name.lower()}@quay.example", stdout=said)
    except Refusal as refusal:
        return str(refusal)
    return said.getvalue()


@dataclass(frozen=True)
class Way:
    """`take` does it as the person would, and gives what they are told; `via` stands in the journal."""

    take: Callable[[World, Page, Person], str]
    via: Door


DOORS = {
    "sms": Way(by_text, Door.SMS),
    "link": Way(by_link, Door.LINK),
    "web": Way(by_web, Door.WEB),
    "pocket": Way(by_pocket, Door.PUSH),
    "api": Way(by_api, Door.API),
    "cli": Way(by_command, Door.CLI),
}


@pytest.mark.parametrize("door", DOORS)
def test_by_every_door_the_page_is_taken_once_and_whoever_is_late_hears_who_has_it(world: World, door: str) -> None:
    way = DOORS[door]
    bo, al, cy = world.person("Bo"), world.person("Al"), world.person("Cy")
    world.escalate((0, bo), (1, al), (30, cy))
    page = world.alarm("core is down")
    world.phone(bo).got("core is down")
    world.minutes(1)
    world.phone(al).got("core is down")
    assert "core is down" in way.take(world, page, bo)
    for _ in range(2):  # said twice by who has it: no news
        way.take(world, page, bo)
    taken = Entry.objects.filter(kind="page.acknowledged", subject_id=str(page.id))
    assert [(entry.by_name, entry.via) for entry in taken] == [("Bo", way.via)]
    told = way.take(world, page, al)
    assert "Bo" in told
    assert ("02:01" in told) or ("T02:01" in told)
    assert world.page(page.id).owner == bo
    world.minutes(10)  # Cy sleeps on: leaving the test fails it otherwise


WORDS = [
    "ok",
    "OK!",
    "ack",
    "Acked",
    "1a",
    "{code}",
    "{code} ok",
    "{code}a",
    "{code}ok",
    "ok {code}",
    "on it",
    "ja",
    "👍",
]


@pytest.mark.parametrize("words", WORDS)
def test_the_words_that_people_use_take_the_page(world: World, words: str) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("core is down")
    if words == "1a":  # the code of a page that has this one
        Page.objects.filter(id=page.id).update(code="1")
        from nightdesk.channels.models import Message

        Message.objects.filter(subject_id=str(page.id)).update(code="1")
    world.phone(bo).got("core is down")
    said = text(world, bo, words.format(code=page.code))
    assert said.startswith("You have it: core is down")
    assert world.page(page.id).owner == bo


def test_1ok_takes_the_page_of_that_code_and_no_other(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    first, second = world.alarm("core is down", source="a"), world.alarm("edge is down", source="b")
    world.phone(bo).heard = 2
    assert text(world, bo, f"{first.code}ok").startswith("You have it: core is down")
    assert world.page(second.id).state == "triggered"
    assert text(world, bo, f"{second.code} ack").startswith("You have it: edge is down")


@pytest.mark.parametrize("words", ["STOP", "stop", "YES", "help", "end", "cancel", "quit"])
def test_a_carriers_word_takes_no_page(world: World, words: str) -> None:
    bo, mo = world.person("Bo"), world.person("Mo", manager=True)
    world.escalate((0, bo))
    page = world.alarm("core is down")
    world.phone(bo).got("core is down")
    text(world, bo, words)
    assert world.page(page.id).state == "triggered"
    world.acknowledge(page, by=mo)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{code} am", "It waits until Tue 3 Mar 08:00, and rings then if it is still open: disk full."),
        ("morning", "It waits until Tue 3 Mar 08:00, and rings then if it is still open: disk full."),
        ("{code} later", "You have it until 02:15, then it rings again: disk full."),
        ("l", "You have it until 02:15, then it rings again: disk full."),
        ("quiet", "Nobody has disk full yet. Reply ok {code} to take it, or next {code} to pass it on."),
        ("next", "The next is being woken for disk full."),
        ("{code} ?", "disk full: nobody has it. Reply ok {code} to take it."),
        ("{code} done", "Resolved: disk full."),
    ],
)
def test_what_else_is_texted_does_what_it_says(world: World, words: str, said: str) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("disk full", severity="error")
    world.phone(bo).got("disk full")
    assert text(world, bo, words.format(code=page.code)) == said.format(code=page.code)
    if world.page(page.id).state != "resolved":
        world.clear("disk full")
