"""Stories of heartbeats: what stops is noticed, and what is our own fault wakes nobody."""

from datetime import UTC, datetime, timedelta

from nightdesk.base.models import Promise
from nightdesk.paging import heartbeat_actions
from nightdesk.paging.models import Beat, Heartbeat, Page
from tests.world import World

MINUTE = timedelta(minutes=1)


def open_doors(world: World, minutes: float) -> None:
    """Time goes by, and a web process signs that it can be reached."""
    for _ in range(int(minutes * 4)):
        world.minutes(0.25)
        heartbeat_actions.sign_door(**world.doing)


def test_a_heartbeat_that_stops_pages_after_its_grace_and_is_over_when_it_is_heard_again(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    row, key = world.heartbeat("Billing export", every=10 * MINUTE)
    world.minutes(60)  # nothing is expected before its first beat
    world.beat(key)
    heard_at = world.at
    world.minutes(9)
    world.beat(key, "/0")
    world.minutes(10.5)
    world.minutes(1)
    assert world.phone(bo).got("Billing export has stopped") == heard_at + 20 * MINUTE
    assert Heartbeat.objects.get(id=row.pk).state == "late"
    world.minutes(2)
    world.beat(key)
    assert Heartbeat.objects.get(id=row.pk).state == "well"
    assert Page.objects.get().state == "resolved"
    world.minutes(5)


def test_a_beat_leaves_no_row_behind_it(world: World) -> None:
    world.escalate((0, world.person("Bo")))
    row, key = world.heartbeat("Chatty", every=MINUTE)
    for _ in range(60):
        world.beat(key)
        world.minutes(0.5)
    assert Promise.objects.filter(kind="beat.late").count() == 1
    assert Beat.objects.filter(heartbeat=row).count() == heartbeat_actions.SLOTS
    assert Heartbeat.objects.get(id=row.pk).beats == 60


def test_a_failure_pages_at_once_and_a_run_that_does_not_end_pages_after_the_grace(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    _, key = world.heartbeat("Backup", grace=1800, every=timedelta(days=1))
    world.beat(key)
    world.minutes(600)
    world.beat(key, "/3")
    world.phone(bo).got("Backup says that it failed")
    world.beat(key)
    world.minutes(600)
    world.beat(key, "/start")
    began_at = world.at
    world.minutes(31)
    assert world.phone(bo).got("Backup has stopped") == began_at + timedelta(minutes=30)
    world.beat(key)


def test_five_hundred_that_stop_together_are_one_page(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    keys = [world.heartbeat(f"Site {number}", every=10 * MINUTE)[1] for number in range(500)]
    for key in keys:
        heartbeat_actions.note_beat(key=key, **world.doing)
    world.minutes(11)
    world.phone(bo).got("has stopped")
    page = Page.objects.exclude(state="resolved").get()
    assert page.alarm_count == 500
    for key in keys:
        heartbeat_actions.note_beat(key=key, **world.doing)
    world.run_due()
    assert not Page.objects.exclude(state="resolved").exists()


def test_a_nightly_job_is_expected_by_local_clocks_on_the_night_when_they_change(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    world.at = datetime(2026, 3, 28, 2, 30, tzinfo=UTC)
    _, key = world.heartbeat("Night run", grace=600, cron="30 2 * * *", zone="Europe/London")
    world.beat(key)
    # On Sunday 29 March clocks in London skip from 01:00 to 02:00: half past two is half past one in UTC.
    world.minutes(24 * 60 - 50)
    assert world.at == datetime(2026, 3, 29, 1, 40, tzinfo=UTC)
    world.phone(bo).got("Night run has stopped")
    world.beat(key)
    # On Sunday 25 October clocks go back; half past one comes twice, and half past two once.
    world.at = datetime(2026, 10, 24, 1, 30, tzinfo=UTC)
    heartbeat_actions.note_beat(key=key, **world.doing)
    world.minutes(25 * 60 + 9)
    assert world.at == datetime(2026, 10, 25, 2, 39, tzinfo=UTC)
    world.minutes(1)
    world.phone(bo).got("Night run has stopped")
    world.beat(key)


def test_what_could_not_be_heard_while_we_were_away_wakes_nobody(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    keys = [world.heartbeat(f"Site {number}", grace=30, every=MINUTE)[1] for number in range(20)]
    _, nightly = world.heartbeat("Nightly", grace=600, cron="5 2 * * *")
    world.at = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
    heartbeat_actions.sign_door(**world.doing)
    for key in (*keys, nightly):
        heartbeat_actions.note_beat(key=key, **world.doing)
    open_doors(world, 0.5)
    world.at += 10 * MINUTE  # nothing runs: no worker, no web process
    world.run_due()  # the worker is back before the door is
    world.minutes(0.2)
    heartbeat_actions.sign_door(**world.doing)
    back_at = world.at
    open_doors(world, 1)
    for key in keys[1:]:
        heartbeat_actions.note_beat(key=key, **world.doing)
    open_doors(world, 0.25)
    assert not world.phone(bo).rang
    open_doors(world, 0.5)
    rang_at = world.phone(bo).got("Site 0 has stopped")  # it did not come back, and that is told all the same
    assert rang_at == back_at + timedelta(seconds=90)
    for row in Heartbeat.objects.exclude(name="Nightly"):
        heartbeat_actions.pause_heartbeat(heartbeat_id=row.pk, **world.doing)
    open_doors(world, 5)
    nightly_row = Heartbeat.objects.get(name="Nightly")
    assert nightly_row.unheard_at is not None, "its beat may have fallen into our absence"
    assert nightly_row.expected_at == datetime(2026, 3, 4, 2, 5, tzinfo=UTC)
    assert nightly_row.state == "well"


def test_a_door_that_stays_shut_while_the_worker_works_is_one_alarm_and_not_one_for_each_heartbeat(
    world: World,
) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    keys = [world.heartbeat(f"Site {number}", grace=30, every=MINUTE)[1] for number in range(20)]
    heartbeat_actions.sign_door(**world.doing)
    shut_at = world.at
    for key in keys:
        heartbeat_actions.note_beat(key=key, **world.doing)
    world.minutes(7)
    rang_at = world.phone(bo).got("own door is shut")
    assert rang_at - shut_at <= timedelta(minutes=7)
    heartbeat_actions.sign_door(**world.doing)
    for key in keys:
        heartbeat_actions.note_beat(key=key, **world.doing)
    world.minutes(1)
    heartbeat_actions.sign_door(**world.doing)
    for key in keys:
        heartbeat_actions.note_beat(key=key, **world.doing)
    world.minutes(0.5)
    heartbeat_actions.sign_door(**world.doing)
    open_doors(world, 0.5)
    assert Heartbeat.objects.filter(state="late").count() == 0
    for key in keys:
        heartbeat_actions.note_beat(key=key, **world.doing)
    open_doors(world, 1.25)
    for key in keys:
        heartbeat_actions.note_beat(key=key, **world.doing)
    assert Page.objects.get().state == "resolved"


def test_a_paused_heartbeat_pages_nobody_and_is_expected_again_when_it_is_resumed(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    row, key = world.heartbeat("Backup", every=10 * MINUTE)
    world.beat(key)
    heartbeat_actions.pause_heartbeat(heartbeat_id=row.pk, **world.doing)
    world.minutes(60)
    world.beat(key)
    assert Heartbeat.objects.get(id=row.pk).state == "paused"
    heartbeat_actions.resume_heartbeat(heartbeat_id=row.pk, **world.doing)
    resumed_at = world.at
    world.minutes(12)
    assert world.phone(bo).got("Backup has stopped") == resumed_at + 11 * MINUTE
    world.beat(key)
