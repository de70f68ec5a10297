"""An update is due, and its voice has no time to write one."""

from datetime import timedelta
from uuid import uuid4

import pytest

from nightdesk.base.actors import Actor, Door
from nightdesk.channels.actions import receive_inbound
from nightdesk.channels.driver import Heard, Reply
from nightdesk.channels.models import Route
from nightdesk.outages import actions, part_actions
from nightdesk.outages.models import Outage, Update
from nightdesk.people.models import Person
from tests.world import World


@pytest.fixture
def voice(world: World) -> Person:
    return world.person("Vera", manager=True)


@pytest.fixture
def outage(world: World, voice: Person) -> Outage:
    """It was told of; more is promised in half an hour."""
    part = part_actions.save_part(brand_id=world.brand.id, key="sw2", name="Switch", kind="device", **world.doing)
    made = actions.propose_outage(brand_id=world.brand.id, title="Switch is dark", parts={part.pk: 3}, **world.doing)
    actions.confirm_outage(outage_id=made.pk, voice_id=voice.pk, **world.doing)
    first = {"state": "investigating", "texts": {"en-gb": "We know of it."}}
    actions.write_update(outage_id=made.pk, next_at=world.at + timedelta(minutes=30), **first, **world.doing)  # type: ignore[arg-type]
    world.hush()
    return made


def texts(world: World, person: Person, words: str) -> None:
    """The person texts `words` to the number that asked them."""
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


def said(outage: Outage) -> list[str]:
    return [row.texts["en-gb"] for row in Update.objects.filter(outage=outage).order_by("number")]


def test_1_in_a_text_sends_what_the_draft_said_and_when_more_comes(world: World, outage: Outage, voice: Person) -> None:
    world.minutes(25)
    draft = 'Reply 1 to send: "No change: we are still working on it. Next update by 02:55 GMT."'
    world.phone(voice).got(draft)
    texts(world, voice, "1")
    assert said(outage) == ["We know of it.", "No change: we are still working on it."]
    latest = Update.objects.latest("number")
    assert f"{latest.next_at:%H:%M}" == "02:55"
    assert latest.written_by == "Vera"
    world.phone(voice).got(f"Sent for {outage.name}.")
    texts(world, voice, "1")
    assert len(said(outage)) == 2, "once more says nothing more"
    world.hush()


def test_whoever_is_not_the_voice_sends_nothing_by_it(world: World, outage: Outage, voice: Person) -> None:
    other = world.person("Olga")
    world.minutes(25)
    world.phone(voice).got("Reply 1 to send")
    texts(world, other, "1")
    assert said(outage) == ["We know of it."]
    world.hush()
