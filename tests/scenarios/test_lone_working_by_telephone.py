"""Somebody on a site who does not answer is rung by a provider in Twilio's dialect, hears what the keys mean, and presses one."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from nightdesk.people import actions as people
from nightdesk.safety import actions, site_actions
from nightdesk.safety.models import Visit
from tests.peers.voice_provider import TAKES_IT, Callee, VoiceProvider
from tests.scenarios.test_a_voice_page import PAGER, Exchange
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def exchange(world: World) -> Iterator[Exchange]:
    with VoiceProvider(by_hand=True, numbers=(PAGER,)) as provider:
        made = Exchange(world, provider)
        provider.post = made.post
        yield made
        assert provider.problems == []
        world.hush()


def rung(exchange: Exchange) -> tuple[Visit, Any]:
    """Bo is out, was asked by text, and is rung now."""
    world = exchange.world
    bo, al = exchange.person("Bo"), world.person("Al")
    world.person("Mo", manager=True)
    for method in bo.contact_methods.filter(channel="sms"):
        people.confirm_contact_method(method_id=method.id, **world.doing)
    world.seat("front", al)
    site = site_actions.add_site(
        brand_id=world.brand.id, fields={"name": "Mill Lane", "address": "1 Mill Lane"}, **world.doing
    )
    visit = actions.declare_visit(
        site_id=site.pk,
        person_id=bo.id,
        watcher_id=al.id,
        why="A fan",
        travel_minutes=30,
        work_minutes=60,
        **world.doing,
    )
    world.minutes(40)
    return visit, bo


def test_key_one_is_a_check_in(exchange: Exchange) -> None:
    visit, bo = rung(exchange)
    call = exchange.let(bo, TAKES_IT)
    assert "Site visit Mill Lane: you have not answered. Are you well?" in call.heard[0]
    assert "In danger, ring 9 9 9 or 1 1 2." in call.heard[0]
    assert "Press 1 for: I am well; 4 for: I need help" in call.heard[0]
    assert call.heard[1].startswith("Thank you.")
    now = Visit.objects.get(id=visit.pk)
    assert (now.sign, now.asked_at, now.rang_at) == ("check_in", None, None)
    exchange.world.minutes(20)
    assert Visit.objects.get(id=visit.pk).watcher_at is None


def test_key_four_asks_for_help_and_sounds_like_a_check_in(exchange: Exchange) -> None:
    visit, bo = rung(exchange)
    call = exchange.let(bo, Callee(presses=("4",)), timedelta(seconds=5))
    assert call.heard[1].startswith("Thank you.")
    now = Visit.objects.get(id=visit.pk)
    assert now.alarm == "help"
    assert now.watcher_at is not None
    assert now.manager_at is not None
