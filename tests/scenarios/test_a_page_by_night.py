"""Stories of a page: who is woken, when, and who sleeps on."""

from datetime import timedelta

import pytest

from nightdesk.base.actors import Door
from nightdesk.base.models import Promise
from nightdesk.journal.models import Entry
from nightdesk.paging import actions as paging
from tests.world import World


def test_an_acknowledged_page_wakes_nobody_else(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (10, al))
    page = world.alarm("db down")
    world.phone(bo).got("db down")
    world.acknowledge(page, by=bo)
    paging.note_page(page_id=page.id, text="on it", by=world.actor(bo), via=Door.WEB, at=world.at)
    world.minutes(14)  # leaving the test fails it if Al's phone rang


def test_the_next_person_is_woken_at_the_step_and_then_the_manager_and_then_everybody(world: World) -> None:
    bo, al, mo = world.person("Bo"), world.person("Al"), world.person("Mo", manager=True)
    world.escalate((0, bo), (10, al))
    began_at = world.at
    world.alarm("core is down")
    assert world.phone(bo).got("core is down") == began_at
    world.minutes(10)
    assert world.phone(al).got("core is down") == began_at + timedelta(minutes=10)
    world.minutes(5)
    assert world.phone(mo).got("core is down") == began_at + timedelta(minutes=15)
    world.minutes(5)
    for person in (bo, al, mo):
        assert world.phone(person).got("core is down") == began_at + timedelta(minutes=20)
    world.minutes(10)
    for person in (bo, al, mo):
        world.phone(person).got("core is down")


def test_a_page_follows_the_token_and_not_the_plan(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.seat("night", bo)
    world.escalate((0, "night"))
    from nightdesk.duty import actions as duty

    duty.pass_duty(seat_key="night", to_person_id=al.id, **world.doing)
    world.run_due()
    heard = len(world.phone(al).rang)
    page = world.alarm("disk full")
    assert "disk full" in world.phone(al).rang[-1][1]
    world.phone(al).heard = heard + 1
    world.phone(bo).heard = len(world.phone(bo).rang)
    assert all("disk full" not in text for _, text in world.phone(bo).rang)
    world.acknowledge(page, by=al)


def test_an_owner_without_a_sign_of_life_is_rung_again_and_then_the_backup(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (10, al))
    page = world.alarm("core is down")
    world.phone(bo).got("core is down")
    world.minutes(2)
    world.acknowledge(page, by=bo)
    taken_at = world.at
    world.minutes(16)
    assert world.phone(bo).got("Are you on it?") == taken_at + timedelta(minutes=15)
    world.minutes(5)
    assert world.phone(al).got("core is down") == taken_at + timedelta(minutes=20)
    assert world.page(page.id).state == "triggered"
    world.acknowledge(page, by=al)


def test_a_note_is_a_sign_of_life(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("core is down")
    world.phone(bo).got("core is down")
    world.acknowledge(page, by=bo)
    for _ in range(4):
        world.minutes(14)
        paging.note_page(page_id=page.id, text="still at it", by=world.actor(bo), via=Door.WEB, at=world.at)
    paging.resolve_page(page_id=page.id, resolution="fixed", by=world.actor(bo), via=Door.WEB, at=world.at)
    world.minutes(120)


def test_a_storm_of_one_source_is_one_page_that_counts(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    for number in range(40):
        page = world.alarm(f"port {number} is down", source="sw2")
    rang = len(world.phone(bo).rang)
    assert rang <= 6, "five may stand alone, the sixth makes it a storm"
    world.phone(bo).heard = rang
    from nightdesk.paging.models import Page

    still_open = Page.objects.exclude(state="resolved")
    assert [one.alarm_count for one in still_open] == [40]
    world.acknowledge(page.folded_into or page, by=bo)


def test_alarms_that_clear_close_the_page_and_wake_nobody_more(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (10, al))
    page = world.alarm("link flaps", key="link")
    world.phone(bo).got("link flaps")
    world.clear("link")
    assert world.page(page.id).state == "resolved"
    world.minutes(60)


def test_what_may_not_wake_waits_for_the_opening_and_says_so(world: World) -> None:
    bo = world.person("Bo")
    office = {"name": "Office", "zone": "Europe/London", "week": [[["09:00", "17:00"]]] * 5 + [[], []]}
    world.waits_for_opening(hours=office, may_wake=["P1"])
    world.escalate((0, bo))
    world.alarm("raid degraded", severity="error")
    waiting = Promise.objects.get(kind="page.ring", ended_at=None)
    assert waiting.due_at.isoformat() == "2026-03-03T09:00:00+00:00"
    world.minutes(6 * 60)
    world.phone(bo).is_silent()
    world.minutes(60)
    assert world.phone(bo).got("raid degraded").hour == 9


def test_a_snoozed_page_rings_again_when_its_time_is_over(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("backup late")
    world.phone(bo).got("backup late")
    until = world.at + timedelta(minutes=30)
    paging.snooze_page(page_id=page.id, until=until, by=world.actor(bo), via=Door.WEB, at=world.at)
    world.minutes(29)
    world.phone(bo).is_silent()
    world.minutes(2)
    assert world.phone(bo).got("backup late") == until
    world.acknowledge(page, by=bo)


def test_whoever_is_too_late_is_told_who_has_it(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (10, al))
    page = world.alarm("db down")
    world.phone(bo).got("db down")
    world.minutes(10)
    world.phone(al).got("db down")
    world.acknowledge(page, by=al)
    with pytest.raises(paging.TakenBy, match="Al"):
        world.acknowledge(page, by=bo)


def test_everything_that_happened_stands_in_the_journal_with_its_door(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("db down")
    world.phone(bo).got("db down")
    world.acknowledge(page, by=bo, via=Door.LINK)
    paging.resolve_page(page_id=page.id, resolution="index rebuilt", by=world.actor(bo), via=Door.WEB, at=world.at)
    told = Entry.objects.filter(subject_kind="page", subject_id=str(page.id)).order_by("id")
    assert [(entry.kind, entry.by_name, entry.via) for entry in told] == [
        ("page.triggered", "monitoring", "hook"),
        ("page.acknowledged", "Bo", "link"),
        ("page.resolved", "Bo", "web"),
    ]
