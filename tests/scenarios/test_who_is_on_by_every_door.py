"""Who is on, as what, until when and who after: web, API, command, calendar and telephone say the same, now and of the past."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client
from icalendar import Calendar

from nightdesk.access.actions import grant_role, make_token, make_user
from nightdesk.access.models import User
from nightdesk.base import clock
from nightdesk.calls import facts, wording
from nightdesk.calls.callers import Who
from nightdesk.calls.models import CallerPin, Line
from nightdesk.calls.pins import lookup_of
from nightdesk.duty import actions as duty
from nightdesk.duty.feed import feed_token
from nightdesk.people.models import Person
from nightdesk.rota.actions import set_layers
from nightdesk.rota.models import Rota
from tests.phone_calls import Exchange
from tests.world import World

STAFF_NUMBER = "+442079460198"
ANYWHERE = "+442079460777"
PIN = "271828"
HERE = ZoneInfo("Europe/London")

Answer = tuple[str, str, datetime | None, str]
"""(seat, person, until when, who comes after)"""


@pytest.fixture
def people(world: World) -> dict[str, Person]:
    """Al and Bo have the night in turn, a day each from 18:00; Mia manages, and reads what she likes."""
    people = {name: world.person(name, manager=name == "Mia") for name in ("Al", "Bo", "Mia")}
    world.seat("night", people["Al"])
    days = [{"person": people[name].id} for name in ("Bo", "Al")]
    layer = {"members": days, "anchor": "2026-03-01T18:00", "turn": "day"}
    set_layers(seat_key="night", layers=[layer], **world.doing)
    Line.objects.create(
        brand=world.brand,
        name="Support",
        numbers=["+442079460100"],
        shown_number="+442079460100",
        pager_number="+442079460199",
        staff_number=STAFF_NUMBER,
        day_seats=["night"],
        night_seats=["night"],
    )
    world.hush()
    return people


@pytest.fixture
def reader(world: World) -> User:
    """A manager's account."""
    user = make_user(email="mia@quay.example", name="Mia", password="a long enough word", **world.doing)
    grant_role(user_id=user.pk, role="manager", brand_id=world.brand.id, **world.doing)
    return user


def by_the_api(world: World, reader: User, at: datetime) -> Answer:
    _token, secret = make_token(name="who", scopes=["read"], user_id=reader.pk, brand_id=world.brand.id, **world.doing)
    asked = Client().get("/api/v1/who-is-on", {"at": at.isoformat()}, headers={"Authorization": f"Bearer {secret}"})
    (row,) = asked.json()["items"]
    return _row(row)


def by_the_command(world: World, reader: User, at: datetime) -> Answer:
    out = StringIO()
    call_command("who", "--json", "--at", at.isoformat(), stdout=out)
    (row,) = json.loads(out.getvalue())
    return _row(row)


def _row(row: dict[str, Any]) -> Answer:
    until = datetime.fromisoformat(row["until"]) if row["until"] else None
    return row["seat_name"], row["person_name"], until, row["next_person_name"]


def on_the_web(world: World, reader: User, at: datetime) -> Answer:
    browser = Client()
    browser.force_login(reader)
    asked = {"at": at.isoformat()}
    assert f"{at.astimezone(HERE):%H:%M}" in browser.get("/rota/", asked).content.decode()
    (row,) = csv.DictReader(StringIO(browser.get("/rota/who.csv", asked).getvalue().decode().lstrip("\ufeff")))
    return row["seat"], row["person"], datetime.fromisoformat(row["until"]), row["then"]


def in_the_calendar(world: World, reader: User, at: datetime) -> Answer:
    raw = Client().get(f"/feeds/duty/{feed_token('rota', Rota.objects.get().pk)}.ics").content
    calendar: Any = Calendar.from_ical(raw)
    (event,) = [each for each in calendar.walk("VEVENT") if each["dtstart"].dt <= at < each["dtend"].dt]
    seat, _, person = str(event["summary"]).partition(": ")
    _, _, then = str(event["description"]).rstrip(".").partition("Then ")
    return seat, person, event["dtend"].dt, then


DOORS = [by_the_api, by_the_command, on_the_web, in_the_calendar]


def on_the_telephone(world: World, exchange: Exchange, number: str = ANYWHERE) -> str:
    """What whoever has the PIN hears of the duty when they ring the staff number."""
    caller = exchange.rings(number, STAFF_NUMBER)
    exchange.seconds(6)
    exchange.presses(caller, f"{PIN}#")
    exchange.seconds(30)
    exchange.rings_off(caller)
    (said,) = [words for words in caller.heard if words.startswith("Night: ")] or [str(caller.heard)]
    return said


def spoken(answer: Answer) -> str:
    seat, person, until, then = answer
    assert until is not None
    return f"{seat}: {person}, until {until.astimezone(HERE):%H:%M}, then {then}."


def test_every_door_says_the_same_and_the_past_stays_as_it_was(
    world: World, people: dict[str, Person], reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = Exchange(world)
    CallerPin.objects.create(brand=world.brand, person=people["Al"], lookup=lookup_of(PIN), set_at=world.at)
    with clock.replaced_by(lambda: world.at):
        first = world.at
        on_then: Answer = ("Night", "Al", datetime(2026, 3, 3, 18, tzinfo=UTC), "Bo")
        assert [door(world, reader, first) for door in DOORS] == [on_then] * len(DOORS)
        assert on_the_telephone(world, exchange) == spoken(on_then)

        world.minutes((datetime(2026, 3, 4, 3, tzinfo=UTC) - world.at) / timedelta(minutes=1))
        second = world.at
        duty.pass_duty(seat_key="night", to_person_id=people["Mia"].id, **world.doing)
        layer = {"members": [{"person": people["Mia"].id}], "anchor": "2026-03-01T18:00", "turn": "week"}
        set_layers(seat_key="night", layers=[layer], **world.doing)
        world.hush()

        assert [door(world, reader, first) for door in DOORS] == [on_then] * len(DOORS), "whatever the plan says today"
        held: Answer = ("Night", "Bo", second, "Mia")
        before = second - timedelta(minutes=1)
        assert [door(world, reader, before) for door in DOORS] == [held] * len(DOORS)
        for at, answer in ((first, on_then), (before, held)):
            heard = facts.facts_at(
                Line.objects.get().pk,
                ANYWHERE,
                at,
                now=world.at,
                called=STAFF_NUMBER,
                who=Who(person=people["Al"], known_by="pin"),
            )
            (row,) = heard.on_duty
            assert (row.seat, row.name, row.until, row.then) == answer
            assert wording.on_duty(row, heard).text == spoken(answer)
    world.hush()
