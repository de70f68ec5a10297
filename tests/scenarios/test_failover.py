"""Providers that refuse, hang, swallow, repeat and go down: who was told what, and at which second."""

from datetime import datetime, timedelta

import pytest

from nightdesk.channels.models import Delivery
from nightdesk.paging.models import Page
from nightdesk.people.models import Person
from tests.world import World


@pytest.fixture
def bo(world: World) -> Person:
    return world.person("Bo")


@pytest.fixture
def al(world: World, bo: Person) -> Person:
    somebody = world.person("Al")
    world.escalate((0, bo), (5, somebody))
    return somebody


def seconds(world: World, instants: list[datetime], start: datetime) -> list[float]:
    return [(at - start).total_seconds() for at in instants]


def states_of(page: Page, person: Person) -> list[str]:
    rows = Delivery.objects.filter(subject_id=str(page.id), recipient_id=str(person.id)).order_by("due_at", "id")
    return list(rows.values_list("state", flat=True))


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
def test_what_the_first_provider_does_not_take_the_second_has_in_the_same_second(
    world: World, bo: Person, al: Person, trouble: str
) -> None:
    first, second = world.provider("relay", trouble), world.provider("backup", "delivers", position=1)
    start = world.at
    page = world.alarm("db down")
    assert world.phone(bo).got("db down") == start
    assert (len(first.asked_at), len(second.asked_at)) == (1, 1)
    world.minutes(4)
    assert states_of(page, bo) == ["delivered"]
    world.acknowledge(page, by=bo)
    world.minutes(14)


def test_what_is_accepted_and_never_delivered_goes_to_the_second_provider_after_sixty_seconds(
    world: World, bo: Person, al: Person
) -> None:
    first, second = world.provider("relay", "swallows"), world.provider("backup", "delivers", position=1)
    start = world.at
    page = world.alarm("db down")
    world.minutes(1)
    assert world.phone(bo).got("db down") == start + timedelta(seconds=60)
    assert (seconds(world, first.asked_at, start), seconds(world, second.asked_at, start)) == ([0], [60])
    world.minutes(1)
    assert states_of(page, bo) == ["delivered"]
    world.acknowledge(page, by=bo)
    world.minutes(14)


def test_what_is_reported_as_undelivered_goes_to_the_second_provider_at_once(
    world: World, bo: Person, al: Person
) -> None:
    world.provider("relay", "fails later")
    world.provider("backup", "delivers", position=1)
    start = world.at
    page = world.alarm("db down")
    world.minutes(1)
    assert world.phone(bo).got("db down") == start + timedelta(seconds=3)
    world.acknowledge(page, by=bo)
    world.minutes(14)


def test_a_provider_that_delivers_twice_rings_one_phone_twice_and_nobody_else(
    world: World, bo: Person, al: Person
) -> None:
    world.provider("relay", "twice")
    backup = world.provider("backup", "delivers", position=1)
    page = world.alarm("db down")
    assert world.phone(bo).got("db down") == world.phone(bo).got("db down") == world.at
    world.minutes(4)
    assert states_of(page, bo) == ["delivered"]
    assert backup.asked_at == []
    world.acknowledge(page, by=bo)
    world.acknowledge(page, by=bo)
    world.minutes(14)


def test_where_receipts_are_lost_the_second_provider_repeats_it_after_sixty_seconds_under_the_same_code(
    world: World, bo: Person, al: Person
) -> None:
    world.provider("relay", "loses receipts")
    world.provider("backup", "loses receipts", position=1)
    start = world.at
    page = world.alarm("db down")
    assert world.phone(bo).got(page.code) == start
    world.minutes(4)
    assert world.phone(bo).got(page.code) == start + timedelta(seconds=60)
    assert states_of(page, bo) == ["accepted"]
    world.acknowledge(page, by=bo)
    world.minutes(14)


def test_taken_before_the_receipt_is_due_the_second_provider_stays_quiet(world: World, bo: Person, al: Person) -> None:
    world.provider("relay", "loses receipts")
    backup = world.provider("backup", "delivers", position=1)
    page = world.alarm("db down")
    world.phone(bo).got("db down")
    world.minutes(0.5)
    world.acknowledge(page, by=bo)
    world.minutes(14)
    assert backup.asked_at == []


def test_with_both_providers_down_it_is_tried_for_as_long_as_it_is_of_use_and_arrives_when_one_is_back(
    world: World, bo: Person, al: Person
) -> None:
    first, second = world.provider("relay", "refuses"), world.provider("backup", "refuses", position=1)
    start = world.at
    page = world.alarm("db down")
    world.minutes(6)
    tried = seconds(world, first.asked_at, start)
    assert tried[:7] == [0, 2, 6, 14, 30, 60, 90], "2, 4, 8, 16, then every 30 seconds"
    assert len(second.asked_at) == len(tried)
    assert 300 in tried, "Al, the next, was to be told after five minutes"
    world.phone(bo).is_silent()
    world.phone(al).is_silent()
    assert states_of(page, bo) == states_of(page, al) == ["failed_for_now"]
    second.does = "delivers"
    world.minutes(0.5)
    told_bo, told_al = world.phone(bo).got("db down"), world.phone(al).got("db down")
    assert start + timedelta(minutes=6) < told_bo <= start + timedelta(minutes=6, seconds=30)
    assert start + timedelta(minutes=6) < told_al <= start + timedelta(minutes=6, seconds=30)
    world.acknowledge(page, by=al)
    world.minutes(14)


def test_a_provider_that_failed_three_times_rests_and_is_probed_by_one_message(
    world: World, bo: Person, al: Person
) -> None:
    first, _second = world.provider("relay", "refuses"), world.provider("backup", "delivers", position=1)
    start = world.at
    pages = []
    for number in range(4):
        pages.append(world.alarm(f"disk {number} is full"))
        world.phone(bo).got(f"disk {number}")
        world.minutes(1 / 60)
    assert seconds(world, first.asked_at, start) == [0, 1, 2], "the fourth did not go there"
    first.does = "delivers"
    world.minutes(0.5)
    pages.append(world.alarm("disk 5 is full"))
    world.phone(bo).got("disk 5")
    assert len(first.asked_at) == 4
    for page in pages:
        world.acknowledge(page, by=bo)
    world.minutes(14)
