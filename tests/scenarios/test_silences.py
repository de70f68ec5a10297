"""Stories of what is kept quiet, and of planned work: nothing that still burns is lost when the quiet ends."""

from datetime import timedelta
from typing import Any

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.paging import queries, silence_actions
from nightdesk.paging.models import Alarm, Page, PlannedWork, Silence
from nightdesk.paging.silencing import Matcher
from tests.world import World


def silence(world: World, minutes: float, **wanted: Any) -> Silence:
    until_at = world.at + timedelta(minutes=minutes)
    return silence_actions.make_silence(
        brand_id=world.brand.id, matcher=Matcher(**wanted), until_at=until_at, reason="known", **world.doing
    )


def plan(world: World, begins: float, minutes: float, **more: Any) -> PlannedWork:
    """Work that begins so many minutes from now and lasts so many."""
    from_at = world.at + timedelta(minutes=begins)
    return silence_actions.plan_work(
        brand_id=world.brand.id,
        title="Swap the core router",
        from_at=from_at,
        until_at=from_at + timedelta(minutes=minutes),
        **({"parts": ["core-*"]} | more | world.doing),
    )


def test_what_still_fires_when_a_silence_ends_pages_then_and_what_is_over_does_not(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    made = silence(world, 60, part="sw2")
    for _ in range(3):
        assert world.quiet_alarm("port down", "port", source="sw2") == 0
        world.minutes(5)
    assert world.quiet_alarm("fan stopped", "fan", source="sw2") == 0
    assert queries.kept_quiet([made.pk])[made.pk] == queries.Kept(alarms=2, times=4, firing=2)
    world.clear("fan")
    world.minutes(45)
    assert world.phone(bo).got("port down") == made.until_at
    assert Page.objects.get().alarms.get().count == 3, "the end of the quiet is no alarm of its own"
    world.clear("port")


def test_a_silence_that_is_ended_early_rings_at_once(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    made = silence(world, 60, part="sw2")
    world.quiet_alarm("port down", source="sw2")
    world.minutes(10)
    silence_actions.end_silence(silence_id=made.pk, **world.doing)
    world.run_due()
    assert world.phone(bo).got("port down") == world.at
    world.clear("port down")


def test_an_alarm_that_grows_beyond_its_silence_rings(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    silence(world, 60, part="sw2", priorities=(3, 4))
    world.quiet_alarm("port flaps", "port", source="sw2", severity="warning")
    world.alarm("port down", key="port", source="sw2")
    world.phone(bo).got("port down")
    assert Alarm.objects.get().count == 2
    world.clear("port")


def test_what_another_silence_still_keeps_stays_quiet(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    silence(world, 30, part="sw2")
    world.quiet_alarm("port down", source="sw2")
    world.minutes(10)
    longer = silence(world, 60, summary="port")
    world.minutes(30)
    assert not Page.objects.exists()
    world.minutes(30)
    assert world.phone(bo).got("port down") == longer.until_at
    world.clear("port down")


def test_a_silence_keeps_only_its_own_quiet(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    silence(world, 60, part="sw2")
    world.alarm("disk full", source="db1")
    world.phone(bo).got("disk full")
    world.clear("disk full")


def test_a_page_that_is_silenced_is_quiet_at_once_and_pages_again_if_it_still_fires(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (5, al))
    page = world.alarm("link flaps", source="sw2")
    world.phone(bo).got("link flaps")
    until_at = world.at + timedelta(hours=1)
    made, quiet = silence_actions.silence_page(
        page_id=page.id, until_at=until_at, by=world.actor(bo), via=Door.SMS, at=world.at
    )
    assert (quiet.state, made.part) == ("resolved", "sw2")
    world.minutes(30)  # Al sleeps on
    world.quiet_alarm("link flaps", source="sw2")
    world.minutes(31)
    assert world.phone(bo).got("link flaps") == until_at
    world.clear("link flaps")


def test_whoever_made_a_silence_is_told_quietly_that_it_ends_soon(world: World) -> None:
    from nightdesk.channels.models import Message
    from nightdesk.people import actions as people

    bo = world.person("Bo")
    people.add_contact_method(person_id=bo.id, channel="email", address="bo@quay.example", **world.doing)
    world.escalate((0, bo))
    silence_actions.make_silence(
        brand_id=world.brand.id,
        matcher=Matcher(part="sw2"),
        until_at=world.at + timedelta(hours=2),
        reason="known",
        by=world.actor(bo),
        via=Door.WEB,
        at=world.at,
    )
    world.quiet_alarm("port down", source="sw2")
    world.minutes(106)
    message = Message.objects.get(kind="silence.ending")
    assert "sw2" in message.title
    assert message.at == world.at - timedelta(minutes=1)
    world.clear("port down")
    world.minutes(20)


def test_planned_work_keeps_its_own_parts_quiet_and_only_while_it_lasts(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo))
    work = plan(world, 30, 60, person_id=al.id)
    world.alarm("before", source="core-1")
    world.phone(bo).got("before")
    world.clear("before")
    world.minutes(31)
    assert PlannedWork.objects.get(id=work.pk).state == "in_progress"
    pages = Page.objects.count()
    assert world.quiet_alarm("core is down", source="core-1") == pages
    world.alarm("disk full", source="db1")
    world.phone(bo).got("disk full")
    world.clear("disk full")
    world.clear("core is down")
    silence_actions.complete_work(work_id=work.pk, **world.doing)
    world.alarm("after", source="core-1")
    world.phone(bo).got("after")
    world.clear("after")
    world.minutes(60)


def test_work_that_overruns_pages_who_does_it_and_what_still_fires_pages_as_well(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo))
    work = plan(world, 0, 60, person_id=al.id)
    world.minutes(10)
    world.quiet_alarm("core is down", source="core-1")
    world.minutes(50)
    ended_at = work.until_at
    assert world.phone(al).got("Planned work has overrun: Swap the core router") == ended_at
    assert world.phone(bo).got("core is down") == ended_at
    world.clear("core is down")
    # It is extended: the page is over, and its parts are quiet again.
    silence_actions.extend_work(work_id=work.pk, until_at=world.at + timedelta(minutes=30), **world.doing)
    pages = Page.objects.count()
    assert not Page.objects.exclude(state="resolved").exists()
    assert world.quiet_alarm("core is down", source="core-1") == pages
    world.minutes(10)
    world.clear("core is down")
    silence_actions.complete_work(work_id=work.pk, **world.doing)
    world.minutes(60)


def test_a_weekly_window_comes_again_at_the_same_time_by_local_clocks_and_ends_by_itself(world: World) -> None:
    world.escalate((0, world.person("Bo")))
    first = plan(world, 0, 120, attended=False, weekly=True, zone="Europe/London")
    assert first.from_at.isoformat() == "2026-03-03T02:00:00+00:00"
    world.minutes(4 * 7 * 24 * 60 + 10)
    begins = [work.from_at.isoformat() for work in PlannedWork.objects.order_by("from_at")]
    assert begins[-1] == "2026-04-07T01:00:00+00:00", "clocks went forward on 29 March"
    assert (begins[3], len(begins)) == ("2026-03-24T02:00:00+00:00", 6)
    latest = PlannedWork.objects.order_by("-from_at").first()
    assert latest is not None
    silence_actions.cancel_work(work_id=latest.pk, series=True, by=SCHEDULER, via=Door.CLI, at=world.at)
    world.minutes(14 * 24 * 60)
    assert not PlannedWork.objects.filter(ended_at=None).exists()
