"""A mailbox that is not read is an alarm, once, and ends with its trouble."""

import pytest

from nightdesk.mailroom.actions import note_mailbox, save_mailbox
from nightdesk.mailroom.models import Mailbox
from nightdesk.paging.models import Page
from nightdesk.paging.tests.conftest import World, page_of

pytestmark = pytest.mark.django_db

EXPIRED = "The sign-in has expired: sign in anew."


def mailbox(world: World, *, of_all: bool = False) -> Mailbox:
    brand_id = None if of_all else world.brand.id
    return save_mailbox(name="support", host="imap.example", user="u", password="p", brand_id=brand_id, **world.doing)


def test_whoever_is_on_duty_is_rung_for_a_sign_in_that_expired_and_once_it_is_read_again_that_is_over(
    world: World,
) -> None:
    bo = world.person("Bo")
    world.sender(world.policy((0, bo)))
    box = mailbox(world)
    note_mailbox(mailbox_id=box.pk, problem=EXPIRED, **world.doing)
    world.minutes(9)
    note_mailbox(mailbox_id=box.pk, problem=EXPIRED, **world.doing)
    assert world.told(bo) == []
    world.minutes(2)
    ((when, words),) = world.told(bo)
    assert when == pytest.approx(10, abs=0.2)
    assert "support is not read" in words
    note_mailbox(mailbox_id=box.pk, problem=EXPIRED, **world.doing)
    note_mailbox(mailbox_id=box.pk, problem="", **world.doing)
    world.minutes(1)
    assert Page.objects.get().state == "resolved"


def test_an_alarm_that_claims_to_be_of_a_mailbox_neither_hides_its_page_nor_ends_with_it(world: World) -> None:
    integration, _key = world.sender(world.policy((0, world.person("Bo"))))
    box = mailbox(world)
    claims = world.alarm(integration, details={"mailbox": box.pk})
    note_mailbox(mailbox_id=box.pk, problem=EXPIRED, **world.doing)
    world.minutes(11)
    ours = Page.objects.exclude(pk=claims.pk).get()
    note_mailbox(mailbox_id=box.pk, problem="", **world.doing)
    world.minutes(1)
    assert [page_of(page.pk).state for page in (ours, claims)] == ["resolved", "triggered"]


def test_a_server_that_is_restarted_wakes_nobody(world: World) -> None:
    bo = world.person("Bo")
    world.sender(world.policy((0, bo)))
    box = mailbox(world)
    for problem in ("connection refused", "", "connection refused", ""):
        note_mailbox(mailbox_id=box.pk, problem=problem, **world.doing)
        world.minutes(6)
    assert world.told(bo) == []


def test_that_of_every_brand_rings_whoever_is_rung_for_us_and_setting_it_up_anew_ends_it(world: World) -> None:
    bo = world.person("Bo")
    world.sender(world.policy((0, bo)))
    box = mailbox(world, of_all=True)
    note_mailbox(mailbox_id=box.pk, problem=EXPIRED, **world.doing)
    world.minutes(11)
    assert len(world.told(bo)) == 1
    save_mailbox(mailbox_id=box.pk, name="support", host="imap.example", user="u", password="another", **world.doing)
    world.minutes(20)
    assert Page.objects.get().state == "resolved"
