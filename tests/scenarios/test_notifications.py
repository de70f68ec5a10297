"""Stories of phones that are notified: what stands on them, and that nobody counts on it."""

from collections.abc import Iterator
from typing import Any

import pytest

from nightdesk.base.actors import Door
from nightdesk.base.models import Promise
from nightdesk.channels.actions import add_device, save_route
from nightdesk.paging import actions as paging
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from tests.peers.push_service import Browser, PushService
from tests.world import World


@pytest.fixture
def service(world: World) -> Iterator[PushService]:
    save_route(channel="push", driver="push", name="push", config={"allow_private": True}, **world.doing)
    with PushService() as running:
        yield running


def notified(world: World, service: PushService, person: Person, name: str = "") -> Browser:
    """A phone of the person's that takes notifications."""
    browser = service.browser(name or person.name.lower())
    by = world.actor(person)
    add_device(
        person_id=person.id, label=browser.endpoint[-8:], **browser.subscription, by=by, via=Door.WEB, at=world.at
    )
    return browser


def shown(service: PushService, browser: Browser) -> list[dict[str, Any]]:
    """What the phone was pushed, the oldest first."""
    mine = service.pushes.all(lambda push: browser.endpoint.endswith(push.path))
    return [push.told(browser) for push in mine]


def test_every_phone_that_was_asked_is_told_who_has_it_and_then_that_it_is_over(
    world: World, service: PushService
) -> None:
    bo, al, mo = world.person("Bo"), world.person("Al"), world.person("Mo")
    bos, als, mos = (notified(world, service, person) for person in (bo, al, mo))
    tablet = notified(world, service, bo, "tablet")
    world.escalate((0, bo), (3, al))
    page = world.alarm("db down")
    world.phone(bo).got("db down")
    world.minutes(3)
    world.phone(al).got("db down")
    assert [told["kind"] for told in shown(service, als)] == ["page.rung"]
    world.acknowledge(page, by=al)
    for browser in (bos, tablet):
        asked, over = shown(service, browser)
        assert (asked["kind"], over["kind"]) == ("page.rung", "page.over")
        assert (over["title"], over["body"]) == ("Al took it at 02:03", "P1 db down")
        assert (over["tag"], over["verbs"]) == (asked["tag"], [])
    assert [told["title"] for told in shown(service, als)] == ["P1 db down", "You have it"]
    world.minutes(5)
    paging.resolve_page(page_id=page.id, by=world.actor(al), via=Door.WEB, at=world.at)
    world.run_due()
    assert [shown(service, browser)[-1]["title"] for browser in (bos, tablet, als)] == ["It is resolved"] * 3
    assert shown(service, mos) == [], "whoever was not asked is told nothing"


def test_a_page_that_rings_again_is_not_called_over(world: World, service: PushService) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    bos = notified(world, service, bo)
    world.escalate((0, bo), (10, al))
    page = world.alarm("db down")
    world.phone(bo).got("db down")
    taken = paging.acknowledge_page(page_id=page.id, by=world.actor(bo), via=Door.WEB, at=world.at)
    paging.escalate_page(page_id=taken.id, by=world.actor(bo), via=Door.WEB, at=world.at)
    world.run_due()
    world.phone(al).got("db down")
    assert [told["kind"] for told in shown(service, bos)] == ["page.rung"]


def test_a_phone_in_silent_mode_is_not_counted_on_and_the_next_is_rung_at_once(
    world: World, service: PushService
) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    bos = notified(world, service, bo)
    text = bo.contact_methods.get(channel="sms")
    people.mark_contact_broken(method_id=text.id, why="STOP", **world.doing)
    world.escalate((0, bo), (10, al))
    began_at = world.at
    world.alarm("db down")
    assert [told["kind"] for told in shown(service, bos)] == ["page.rung"]
    assert world.phone(al).got("db down") == began_at
    assert world.phone(bo).got("db down") == began_at, "what seems broken is tried too"


def test_a_page_that_nobody_was_notified_of_leaves_no_promise_behind(world: World, service: PushService) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("db down", severity="error")
    world.phone(bo).got("db down")
    world.acknowledge(page, by=bo)
    assert not Promise.objects.filter(kind="page.close_notices").exists()
