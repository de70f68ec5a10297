"""Stories of shadow mode: a night beside the old pager, in which nobody's phone rings here, and the step out of it."""

from datetime import timedelta

from nightdesk.base import clock
from nightdesk.channels.models import Attempt, Delivery, Message
from nightdesk.paging import queries, shadow_actions
from nightdesk.paging.models import OldPage, Page, PaperRing
from nightdesk.people import actions as people
from tests.world import World


def test_a_night_in_the_shadow_wakes_nobody_and_is_compared_in_the_morning(world: World) -> None:
    bo, al, mo = world.person("Bo"), world.person("Al"), world.person("Mo", manager=True)
    people.add_contact_method(person_id=mo.id, channel="email", address="mo@quay.example", **world.doing)
    world.escalate((0, bo), (10, al))
    shadow_actions.start_shadow(integration_id=world.integration.pk, hour=8, **world.doing)
    began_at = world.at
    page = world.alarm("db down")
    world.minutes(180)  # the whole ladder, down to everybody
    told = [(ring.due_at - began_at, ring.person.name) for ring in PaperRing.objects.all()]
    minute = timedelta(minutes=1)
    assert told[:3] == [(0 * minute, "Bo"), (10 * minute, "Al"), (15 * minute, "Mo")]
    assert {name for after, name in told if after == 20 * minute} == {"Bo", "Al", "Mo"}
    assert len(told) == 6, "on paper the ladder has an end"
    assert not Delivery.objects.exists()
    assert not Attempt.objects.exists()
    assert not queries.open_pages(None)
    assert page.shadow
    text = (
        f"time,alarm,person,acknowledged_at\n{began_at.isoformat()},db down,Al,\n2026-03-03T03:00:00+00:00,disk,Bo,\n"
    )
    shadow_actions.import_old_pager(integration_id=world.integration.pk, text=text, **world.doing)
    shadow_actions.import_old_pager(integration_id=world.integration.pk, text=text, **world.doing)
    assert OldPage.objects.count() == 2
    world.minutes(4 * 60)
    report = Message.objects.get()
    assert (report.kind, report.at.isoformat()) == ("shadow.compared", "2026-03-03T08:00:00+00:00")
    assert "other person: db down. Old pager: 02:00 Al. Nightdesk: 02:00 Bo." in report.body
    assert "missed here: disk. Old pager: 03:00 Bo. Nightdesk: nobody." in report.body
    assert {row.channel for row in Delivery.objects.all()} == {"email"}


def test_an_acknowledgement_of_the_old_pager_ends_the_ladder_on_paper_and_stands_in_the_comparison(
    world: World,
) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (10, al))
    shadow_actions.start_shadow(integration_id=world.integration.pk, **world.doing)
    began_at = world.at
    world.alarm("db down")
    world.minutes(4)
    told = {"dedup_key": "db down", "action": "acknowledge"}
    with clock.replaced_by(lambda: world.at):
        world.client.post(f"/hooks/generic/{world._key}", told, "application/json")
    world.minutes(60)
    assert [ring.person.name for ring in PaperRing.objects.all()] == ["Bo"]
    (row,) = queries.compared(world.integration.pk, began_at, world.at)
    assert (row.difference, row.acknowledged_at) == ("same", began_at + timedelta(minutes=4))


def test_out_of_the_shadow_what_is_open_rings_at_once_and_what_comes_then_wakes(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (10, al))
    shadow_actions.start_shadow(integration_id=world.integration.pk, **world.doing)
    world.alarm("db down")
    world.alarm("disk full")
    world.clear("disk full")
    world.minutes(30)
    page = Page.objects.get(title="db down")
    assert [one.title for one in queries.would_ring_now(world.integration.pk)] == ["db down"]
    # A process that still takes the integration as it was makes a page on paper just after: the sweep finds it.
    shadow_actions.end_shadow(integration_id=world.integration.pk, **world.doing)
    Page.objects.filter(id=page.id).update(shadow=True)
    world.run_due()
    live_at = world.at
    assert world.phone(bo).got("db down") == live_at
    world.minutes(0.1)
    world.phone(bo).got("db down")
    world.minutes(10)
    assert world.phone(al).got("db down") >= live_at + timedelta(minutes=10)
    world.clear("db down")
    world.alarm("new one")
    world.phone(bo).got("new one")
    world.clear("new one")
    shadow_actions.start_shadow(integration_id=world.integration.pk, **world.doing)
    world.at += timedelta(seconds=3)  # as long as the door takes an integration as it was
    world.alarm("on paper again")
    world.minutes(60)
