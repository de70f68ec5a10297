"""What a line's callers met with is what its figures say, on the page, in the files and through the API."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from nightdesk.calls.models import Call, Line
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact
from nightdesk.people import actions as people
from nightdesk.reports.phone_queries import Reported, reports_of
from tests.phone_calls import Exchange
from tests.world import World

OURS, STRANGER, ANNA = "+442079460100", "+442079460777", "+442079460555"
AL = "+447700900200"
TUESDAY = date(2026, 3, 3)


@pytest.fixture
def exchange(world: World) -> Exchange:
    """Al has the day and the night; the line answers from nine to five."""
    al = world.person("Al")
    world.seat("primary", al)
    world.escalate((0, "primary"))
    method = people.add_contact_method(person_id=al.id, channel="voice", address=AL, **world.doing)
    people.confirm_contact_method(method_id=method.id, **world.doing)
    week = {"name": "Line", "zone": "Europe/London", "week": [[["09:00", "17:00"]]] * 5 + [[], []]}
    hours = customers.make_hours(brand_id=world.brand.id, fields=week, **world.doing)  # type: ignore[arg-type]
    Line.objects.create(
        brand=world.brand,
        name="Support",
        numbers=[OURS],
        shown_number=OURS,
        pager_number="+442079460199",
        hours=hours,
        day_seats=["primary"],
        night_seats=["primary"],
        call_out_price="180 pounds",
    )
    made = Exchange(world)
    made.telephone(AL, 1)
    world.hush()
    return made


def anna(world: World, **contract: Any) -> None:
    world.customer("Anna", **contract)
    Contact.objects.filter(name="Anna").update(phone=ANNA)


def report(world: World) -> Reported:
    (found,) = reports_of([world.brand.pk], TUESDAY, TUESDAY, world.at)
    return found


def by_day(world: World) -> None:
    world.minutes((datetime(2026, 3, 3, 10, 0, tzinfo=UTC) - world.at).total_seconds() / 60)


def test_an_engineer_who_answers_in_time_and_a_caller_who_gives_up(world: World, exchange: Exchange) -> None:
    by_day(world)
    answered = exchange.rings(STRANGER, OURS)
    exchange.seconds(20)
    exchange.rings_off(answered)
    exchange.telephone(AL)
    gives_up = exchange.rings(STRANGER, OURS)
    exchange.seconds(6)
    exchange.rings_off(gives_up)
    figures = report(world).figures
    assert (figures.calls, figures.asked, figures.in_time, figures.in_time_engineer) == (2, 2, 1, 1)
    assert (figures.abandoned, figures.out_of_hours, figures.woken) == (1, 0, 0)
    ten = [hour for hour in report(world).hours if hour.calls]
    assert [(hour.weekday, hour.hour, hour.calls, hour.in_time) for hour in ten] == [(1, 10, 2, 1)]


def test_a_message_at_night_wakes_one_and_its_call_back_is_counted_when_it_was_made(
    world: World, exchange: Exchange
) -> None:
    anna(world, out_of_hours="full", may_wake=["P1", "P2"])
    caller = exchange.rings(ANNA, OURS)
    exchange.will_say(caller, 6)
    exchange.seconds(60)
    exchange.presses(caller, "1")
    exchange.seconds(30)
    world.phone(world.team.members.get(name="Al")).got("Ring back Anna")
    figures = report(world).figures
    assert (figures.in_time, figures.in_time_engineer) == (1, 0)
    assert (figures.out_of_hours, figures.woken, figures.most_woken, figures.nights) == (1, 1, 1, 1)
    assert (figures.call_backs, figures.call_backs_in_time) == (0, 0)
    reached = exchange.rings(ANNA, OURS)
    exchange.rings_off(reached)
    world.minutes(31)
    world.hush()
    late = report(world).figures
    assert (late.call_backs, late.call_backs_in_time) == (1, 0)


def test_whom_nobody_is_there_for_did_not_ask_for_somebody_though_they_leave_a_message(
    world: World, exchange: Exchange
) -> None:
    anna(world, out_of_hours="nothing")
    caller = exchange.rings(ANNA, OURS)
    exchange.seconds(30)
    exchange.will_say(caller, 6)
    exchange.presses(caller, "2")
    exchange.seconds(60)
    exchange.rings_off(caller)
    figures = report(world).figures
    assert (figures.calls, figures.asked, figures.not_covered, figures.woken) == (1, 0, 1, 0)


def test_calls_of_our_own_people_and_calls_that_go_on_are_left_out(world: World, exchange: Exchange) -> None:
    exchange.rings(AL, OURS)
    exchange.seconds(1)
    by_day(world)
    exchange.telephone(AL)
    exchange.rings(STRANGER, OURS)
    exchange.seconds(1)
    assert Call.objects.count() == 2
    assert report(world).figures.calls == 0
