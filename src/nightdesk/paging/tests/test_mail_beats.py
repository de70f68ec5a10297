"""A heartbeat that is heard by mail."""

from datetime import timedelta
from typing import Any

import pytest

from nightdesk.mailroom.actions import add_address, read_mail, receive_mail
from nightdesk.mailroom.models import Mail
from nightdesk.paging import heartbeat_actions
from nightdesk.paging.beats import Expectation
from nightdesk.paging.mail_beats import what_it_says
from nightdesk.paging.models import Heartbeat
from nightdesk.paging.tests.conftest import World

HOURLY = Expectation(timedelta(minutes=5), timedelta(hours=1))


@pytest.fixture
def beat(world: World) -> tuple[Heartbeat, str]:
    world.sender(world.policy((0, world.person("Bo"))))
    add_address(address="@night.example", **world.doing)
    return heartbeat_actions.make_heartbeat(brand_id=world.brand.id, name="Backup", expectation=HOURLY, **world.doing)


def mail_to(world: World, key: str, subject: str, number: int = 1) -> Mail:
    head = (
        f"From: root@db1.example\r\nSubject: {subject}\r\nMessage-ID: <{number}@db1>\r\nAuto-Submitted: auto-generated"
    )
    doing: dict[str, Any] = world.doing
    to = [f"beat+{key}@night.example"]
    row = receive_mail(way="smtp", raw=f"{head}\r\n\r\n41 GB\r\n".encode(), sender="", recipients=to, **doing)
    read_mail(mail_id=row.id, **doing)
    row.refresh_from_db()
    return row


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("subject", "state"), [("Backup of db1", "well"), ("FAILED: backup of db1", "late"), ("[error] db1", "late")]
)
def test_a_mail_is_a_beat_and_says_what_it_says(
    world: World, beat: tuple[Heartbeat, str], subject: str, state: str
) -> None:
    row, key = beat
    mail = mail_to(world, key, subject)
    row.refresh_from_db()
    assert (mail.standing, mail.subject_kind, row.state) == ("done", "heartbeat", state)
    assert row.last_beat_at == world.at


@pytest.mark.django_db
def test_the_same_mail_twice_is_one_beat(world: World, beat: tuple[Heartbeat, str]) -> None:
    row, key = beat
    assert [mail_to(world, key, "Backup").standing for _ in range(2)] == ["done", "copy"]
    row.refresh_from_db()
    assert row.beats == 1


@pytest.mark.django_db
def test_a_mail_with_a_key_that_nobody_has_is_kept(world: World, beat: tuple[Heartbeat, str]) -> None:
    assert mail_to(world, "f" * 32, "Backup").standing == "kept"
    beat[0].refresh_from_db()
    assert beat[0].state == "new"


@pytest.mark.parametrize(
    ("title", "means"),
    [("Failed", "fail"), ("*** PROBLEM *** db1", "fail"), ("started: db1", "start"), ("0 failures", "ok"), ("", "ok")],
)
def test_only_the_first_word_says_what(title: str, means: str) -> None:
    assert what_it_says(title) == means
