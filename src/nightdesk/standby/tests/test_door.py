"""The door between the sites: it opens for the pair's key, to a fresh letter of the same version, and for nothing else."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from nightdesk.base import clock
from nightdesk.base.buckets import Buckets
from nightdesk.standby import actions, api, finding, sealing
from nightdesk.standby.models import SecondSite
from nightdesk.standby.sections import shape
from tests.world import World

PULL = {"have": {}, "told": {"state": "following"}, "test": False}


@pytest.fixture
def key(world: World) -> Iterator[str]:
    _row, made = actions.pair_second_site(name="Leeds", **world.doing)
    with clock.replaced_by(lambda: world.at):
        yield made


def ask(key: str, content: dict[str, Any], path: str = "pull", **more: Any) -> tuple[int, Any]:
    letter = sealing.seal(key, "ask", {"at": clock.now().isoformat(), "shape": shape()} | content | more)
    answer = Client().post(f"/standby/v1/{path}", letter, content_type="application/octet-stream")
    if answer.status_code != 200:
        return answer.status_code, answer.content
    return 200, sealing.open_(key, "answer", answer.content, answers=letter)


def test_a_pull_brings_what_there_is_and_how_it_does(world: World, key: str) -> None:
    bo = world.person("Bo")
    status, told = ask(key, PULL)
    assert status == 200
    people = [row for rows in told["changed"]["people.Person"]["rows"].values() for row in rows]
    assert [row["id"] for row in people] == [bo.pk]
    assert told["pulse"]["overdue_s"] == 0
    row = SecondSite.objects.get()
    assert row.heard_at == world.at
    assert row.sent_bytes > 0
    have = {label: each["marks"] for label, each in told["changed"].items()}
    assert ask(key, PULL | {"have": have})[1]["changed"] == {}


def test_it_opens_to_nobody_else(world: World, key: str) -> None:
    stale = (world.at - timedelta(minutes=3)).isoformat()
    assert ask("nsb_guessed", PULL)[0] == 403
    assert ask(key, PULL, at=stale)[0] == 403
    assert ask(key, PULL, shape="another")[0] == 409
    assert Client().post("/standby/v1/pull", b"", content_type="text/plain").status_code == 403
    assert Client().get("/standby/v1/pull").status_code == 405
    actions.revoke_second_site(**world.doing)
    assert ask(key, PULL)[0] == 403
    assert SecondSite.objects.get().sealed == b""


def test_who_guesses_is_slowed_down(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "DOOR", Buckets(a_second=1, size=2))
    assert [ask("nsb_guessed", PULL)[0] for _ in range(3)] == [403, 403, 429]


def test_that_it_speaks_for_us_is_known_and_ends(world: World, key: str) -> None:
    ask(key, PULL | {"told": {"state": "alone"}})
    assert SecondSite.objects.get().alone_since == world.at
    ask(key, PULL)
    assert SecondSite.objects.get().alone_since is None


@pytest.mark.parametrize("role", finding.ROLES)
def test_doctor_fails_where_both_hang_on_one_network(world: World, key: str, settings: Any, role: str) -> None:
    settings.STANDBY_PREFIXES = "192.0.2.0/24 AS64500 ours, 198.51.100.0/24 AS64500 ours"
    ours = {"status": "203.0.113.7", "dns": "203.0.113.53", "sms": "203.0.113.9", "mail": "203.0.113.25"}
    found = list(finding.of_networks(ours | {role: "198.51.100.7"}, {"web": "192.0.2.1"}))
    assert [(each.state, role in each.said) for each in found] == [("fail", True)]
    found = list(finding.of_networks(ours, {"web": "192.0.2.1"}))
    assert [each.state for each in found] == ["ok"]
    assert next(each.state for each in finding.look(world.at)) == "fail", "it has not pulled yet"
