"""The way in for beats, and the verbs behind it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from nightdesk.base.actors import Actor
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.paging import beat_door, heartbeat_actions
from nightdesk.paging.beats import Expectation
from nightdesk.paging.models import Absence, Beat, Heartbeat, Integration
from nightdesk.paging.tests.conftest import World

pytestmark = pytest.mark.django_db
HOURLY = Expectation(timedelta(minutes=5), timedelta(hours=1))
Get = Callable[..., Any]


@pytest.fixture
def get(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Get:
    settings.ROOT_URLCONF = beat_door
    monkeypatch.setattr(beat_door, "KEYS", Buckets(a_second=1, size=60))
    monkeypatch.setattr(beat_door, "STRANGERS", Buckets(a_second=5, size=200))
    return lambda path, method="get", **more: getattr(client, method)(path, **more)


def made(world: World, name: str = "Backup", **more: Any) -> tuple[Heartbeat, str]:
    world.sender(world.policy((0, world.person("Bo"))))
    return heartbeat_actions.make_heartbeat(
        brand_id=world.brand.id, name=name, expectation=HOURLY, **(world.doing | more)
    )


@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_a_beat_is_ok_by_every_method(world: World, get: Get, method: str) -> None:
    row, key = made(world)
    assert get(f"/beat/{key}", method).status_code == 200
    row.refresh_from_db()
    assert (row.state, row.last_beat_at, row.late_at) == ("well", world.at, world.at + timedelta(minutes=65))


@pytest.mark.parametrize(
    ("what", "state", "failed"),
    [("", "well", False), ("/0", "well", False), ("/fail", "late", True), ("/1", "late", True), ("/255", "late", True)],
)
def test_what_it_says_is_what_it_is(world: World, get: Get, what: str, state: str, failed: bool) -> None:
    row, key = made(world)
    assert get(f"/beat/{key}{what}").status_code == 200
    row.refresh_from_db()
    assert (row.state, row.failed) == (state, failed)


@pytest.mark.parametrize("what", ["/stop", "/256", "/-1", "/1.5", "/٣", "/OK"])
def test_another_word_is_refused_and_changes_nothing(world: World, get: Get, what: str) -> None:
    row, key = made(world)
    assert get(f"/beat/{key}{what}").status_code == 404
    assert not Beat.objects.exists()
    row.refresh_from_db()
    assert row.state == "new"


def test_what_came_with_it_is_kept_and_cut(world: World, get: Get) -> None:
    _, key = made(world)
    body = "disk full\0 " + "x" * 20_000
    get(f"/beat/{key}/7", "post", data=body, content_type="text/plain", headers={"User-Agent": "curl/8 " * 100})
    beat = Beat.objects.get()
    assert beat.body.startswith("exit status 7\ndisk full x")
    assert (len(beat.body), len(beat.sender)) == (heartbeat_actions.BODY_KEPT, heartbeat_actions.AGENT_KEPT)


def test_a_wrong_key_is_not_found_and_so_is_a_removed_or_an_old_one(world: World, get: Get) -> None:
    row, key = made(world)
    assert get("/beat/no-such-key").status_code == 404
    _, fresh = heartbeat_actions.rotate_heartbeat(heartbeat_id=row.pk, **world.doing)
    assert (get(f"/beat/{key}").status_code, get(f"/beat/{fresh}").status_code) == (404, 200)
    heartbeat_actions.remove_heartbeat(heartbeat_id=row.pk, **world.doing)
    assert get(f"/beat/{fresh}").status_code == 404
    assert Heartbeat.objects.get().digest not in (key, fresh), "the key itself is kept nowhere"


def test_beats_and_wrong_keys_are_limited(world: World, get: Get) -> None:
    _, key = made(world)
    answers = [get(f"/beat/{key}").status_code for _ in range(62)]
    assert answers == [200] * 60 + [429] * 2
    strangers = [get(f"/beat/wrong-{number}").status_code for number in range(202)]
    assert strangers == [404] * 200 + [429] * 2


def test_without_its_key_only_somebody_of_ours_may_say_that_it_was_heard(world: World) -> None:
    row, _ = made(world)
    stranger = Actor("person", "1", "Nobody")
    with pytest.raises(Forbidden):
        heartbeat_actions.note_beat(heartbeat_id=row.pk, **(world.doing | {"by": stranger}))
    for wrong in ({"key": "wrong"}, {"heartbeat_id": 0}, {}):
        with pytest.raises(NotFound):
            heartbeat_actions.note_beat(**wrong, **world.doing)
    with pytest.raises(Invalid):
        heartbeat_actions.note_beat(heartbeat_id=row.pk, what="maybe", **world.doing)
    assert heartbeat_actions.note_beat(heartbeat_id=row.pk, **world.doing).state == "well"


def test_heartbeats_of_one_policy_share_a_sender_that_nobody_has_the_key_of(world: World) -> None:
    first, _ = made(world, "One")
    second, _ = heartbeat_actions.make_heartbeat(brand_id=world.brand.id, name="Two", expectation=HOURLY, **world.doing)
    assert first.integration_id == second.integration_id
    assert Integration.objects.get(id=first.integration_id).format == "heartbeat"
    with pytest.raises(Invalid, match="Another heartbeat has that name"):
        heartbeat_actions.make_heartbeat(brand_id=world.brand.id, name="Two", expectation=HOURLY, **world.doing)
    with pytest.raises(NotFound):
        heartbeat_actions.make_heartbeat(
            brand_id=world.brand.id, name="Three", expectation=HOURLY, integration_id=0, **world.doing
        )


def test_the_command_says_that_one_was_heard_by_its_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    row, _ = made(world)
    call_command("beat", "backup")
    call_command("beat", "BACKUP", "--fail", "--json")
    assert "Backup is well" in capsys.readouterr().out
    row.refresh_from_db()
    assert row.failed


def test_a_gap_in_the_signatures_is_an_absence_and_a_short_one_is_none(world: World) -> None:
    assert not heartbeat_actions.sign_door(**world.doing)
    world.at += timedelta(seconds=30)
    assert not heartbeat_actions.sign_door(**world.doing)
    began_at, world.at = world.at, world.at + timedelta(seconds=31)
    assert heartbeat_actions.sign_door(**world.doing)
    gap = Absence.objects.get()
    assert (gap.began_at, gap.ended_at) == (began_at, world.at)
    world.at -= timedelta(seconds=10)  # another process, whose clock is behind
    assert not heartbeat_actions.sign_door(**world.doing)


def test_an_edit_counts_from_the_last_beat(world: World) -> None:
    row, key = made(world)
    heartbeat_actions.note_beat(key=key, **world.doing)
    heard_at, world.at = world.at, world.at + timedelta(minutes=2)
    sooner = Expectation(timedelta(minutes=1), timedelta(minutes=10))
    row = heartbeat_actions.edit_heartbeat(
        heartbeat_id=row.pk, name="Backup", expectation=sooner, priority="P1", **world.doing
    )
    assert (row.late_at, row.priority) == (heard_at + timedelta(minutes=11), 1)
    with pytest.raises(Invalid, match="P1 to P4"):
        heartbeat_actions.edit_heartbeat(
            heartbeat_id=row.pk, name="Backup", expectation=sooner, priority="P5", **world.doing
        )
