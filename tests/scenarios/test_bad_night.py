"""After a bad night: who begins when, who covers until then, and who knows of it."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from nightdesk.access.actions import grant_role, make_user
from nightdesk.access.models import Role
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.channels.actions import receive_inbound
from nightdesk.channels.driver import Heard, Reply
from nightdesk.channels.models import Route
from nightdesk.duty import rest_actions
from nightdesk.duty.models import LateStart
from nightdesk.paging import actions as paging
from nightdesk.people import hours_actions
from nightdesk.people.models import Person
from nightdesk.reports.actions import save_pay_rates
from nightdesk.rota import actions as rota
from nightdesk.rota import queries, work_actions
from nightdesk.rota.models import Worked
from tests.world import World, world

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY_AT_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def here() -> Iterator[World]:
    with world(MONDAY_AT_NOON) as made:
        yield made


class Night:
    """Bo has standby at night and the desk by day; Al and Cy could have the desk too."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.bo, self.al, self.cy = (here.person(name) for name in ("Bo", "Al", "Cy"))
        self.mo = here.person("Mo", manager=True)
        self.mails = {who.name: here.mail(who) for who in (self.al, self.cy, self.mo)}
        seats = [{"key": "night", "name": "Night"}, {"key": "desk", "name": "Desk"}]
        rota.make_rota(brand_id=here.brand.id, name="Network", zone="Europe/London", seats=seats, **here.doing)
        for seat, counts in (("night", "called_only"), ("desk", "all")):
            work_actions.set_counting(
                seat_key=seat, counts=counts, response_minutes=30, fixed_place=False, why="agreed", **here.doing
            )
        self.plan("night", "18:00", "08:00", self.bo)
        self.plan("desk", "09:00", "17:00", self.bo)
        here.escalate((0, self.bo))

    def plan(self, seat: str, opens: str, closes: str, *members: Person, reason: str = "") -> None:
        layer: dict[str, Any] = {
            "members": [{"person": each.id} for each in members],
            "anchor": f"2026-03-02T{opens}",
            "turn": "day",
            "restrict": [{"weekdays": [0, 1, 2, 3, 4], "opens": opens, "closes": closes}],
        }
        rota.set_layers(seat_key=seat, layers=[layer], override_reason=reason, **self.here.doing)
        self.here.hush()

    def candidates(self, *people: Person) -> None:
        """They may have the desk: they are in a layer that is over."""
        layers = queries.plain_layers("desk")
        spare = {"members": [{"person": each.id} for each in people], "anchor": "2026-01-05T09:00", "turn": "day"}
        spare |= {"ends_on": "2026-01-06"}
        rota.set_layers(seat_key="desk", layers=[spare, *layers], **self.here.doing)
        self.here.hush()

    def until(self, instant: datetime) -> None:
        self.here.minutes((instant - self.here.at) / timedelta(minutes=1))

    def is_paged(self, since: datetime, until: datetime) -> None:
        """Something breaks, Bo works on it, and it is over."""
        self.until(since)
        page = self.here.alarm("router down", key=str(since), severity="error")
        self.here.phone(self.bo).got("router down")
        self.here.acknowledge(page, by=self.bo)
        self.until(until)
        paging.resolve_page(page_id=page.id, by=self.here.actor(self.bo), via=Door.SMS, at=self.here.at)
        self.here.run_due()

    def who(self, seat: str, instant: datetime) -> Any:
        return queries.scheduled(instant)[seat]


@pytest.fixture
def night(here: World) -> Night:
    return Night(here)


def test_after_a_page_until_03_40_the_engineer_starts_at_14_40_and_is_covered_from_nine(night: Night) -> None:
    night.candidates(night.al)
    night.is_paged(at(2, 10), at(3, 40))
    told = night.here.phone(night.bo).got("Start 14:40, covered from 09:00")
    assert told <= at(3, 45)
    assert "Al is Desk from 09:00 until 14:40" in night.here.phone(night.bo).rang[-1][1]
    night.mails["Al"].got("You are Desk from 09:00 until 14:40")
    night.mails["Mo"].got("Bo begins at 14:40")
    night.here.phone(night.al).is_silent()  # nobody is woken to hear that they work at nine
    assert night.who("desk", at(9)) == night.who("desk", at(14, 39)) == ("person", night.al.id)
    assert night.who("desk", at(14, 40)) == night.who("desk", at(9, day=4)) == ("person", night.bo.id)
    night.until(at(7))
    night.here.phone(night.al).got("You are Desk from 09:00 until 14:40")
    worked = Worked.objects.get(kind="page")
    assert (worked.person, worked.starts_at, worked.ends_at) == (night.bo, at(2, 10), at(3, 40))


def test_a_later_page_the_same_night_moves_the_start_and_the_cover_with_it(night: Night) -> None:
    night.candidates(night.al)
    night.is_paged(at(2, 10), at(2, 40))
    night.here.phone(night.bo).got("Start 13:40, covered from 09:00")
    night.is_paged(at(5, 0), at(5, 30))
    night.here.phone(night.bo).got("Start 16:30, covered from 09:00")
    assert night.who("desk", at(16, 29)) == ("person", night.al.id)
    assert night.who("desk", at(16, 30)) == ("person", night.bo.id)
    assert LateStart.objects.get().not_before == at(16, 30)
    night.until(at(7))
    night.here.phone(night.al).got("You are Desk from 09:00 until 16:30")
    for who in ("Al", "Mo"):
        night.mails[who].got("13:40")
        night.mails[who].got("16:30")


def test_a_page_in_the_evening_moves_nothing(night: Night) -> None:
    night.candidates(night.al)
    night.is_paged(datetime(2026, 3, 2, 20, 0, tzinfo=UTC), datetime(2026, 3, 2, 21, 0, tzinfo=UTC))
    assert not LateStart.objects.exists()


def test_who_is_away_or_has_a_duty_covers_for_nobody(night: Night) -> None:
    night.candidates(night.al, night.cy)
    hours_actions.record_absence(
        person_id=night.al.id, absence="leave", starts_at=at(0), ends_at=at(0, day=4), **night.here.doing
    )
    night.is_paged(at(2, 10), at(3, 40))
    night.here.phone(night.bo).got("Start 14:40, covered from 09:00")
    night.mails["Cy"].got("You are Desk")
    night.mails["Mo"].got("Bo begins")
    assert night.who("desk", at(9)) == ("person", night.cy.id)


def test_where_nobody_may_cover_the_manager_is_told_so(night: Night) -> None:
    night.is_paged(at(2, 10), at(3, 40))
    night.here.phone(night.bo).got("Start 14:40")
    night.mails["Mo"].got("Nobody was found who may be Desk from 09:00 until 14:40")
    assert night.who("desk", at(9)) == ("person", night.bo.id)


def test_cover_may_be_proposed_and_one_answer_confirms_it(night: Night) -> None:
    night.candidates(night.al)
    rest_actions.set_late_start_rule(brand_id=night.here.brand.id, by_rule=False, **night.here.doing)
    night.is_paged(at(2, 10), at(3, 40))
    night.here.phone(night.bo).got("Start 14:40")
    night.mails["Mo"].got("Al could be Desk from 09:00 until 14:40")
    row = LateStart.objects.get()
    assert (row.state, row.override) == (LateStart.State.PROPOSED, None)
    night.until(at(7, 30))
    rest_actions.confirm_late_start(
        late_start_id=row.id, by=night.here.actor(night.mo), via=Door.LINK, at=night.here.at
    )
    night.here.run_due()
    night.mails["Al"].got("You are Desk")
    night.here.phone(night.al).got("You are Desk")
    assert night.who("desk", at(9)) == ("person", night.al.id)
    rest_actions.decline_late_start(late_start_id=row.id, by=night.here.actor(night.mo), via=Door.WEB, at=night.here.at)
    assert night.who("desk", at(9)) == ("person", night.bo.id)
    night.here.run_due()
    night.here.phone(night.al).got("You are not on from")  # and whoever is at work after all reads that too
    night.here.phone(night.bo).got("You are on from")


def test_called_20_by_text_is_logged_counted_paid_and_seen_by_the_manager(night: Night) -> None:
    here = night.here
    night.candidates(night.al)
    night.until(at(3))
    route = Route.objects.get(driver="test-phone")

    def texts(body: str, sender: str, number: int) -> str:
        heard = Heard(body.encode(), lambda: Reply(f"in-{number}", sender, "", body))
        phones = Actor("machine", "route", "phones")
        (row,) = receive_inbound(
            route_id=route.id, channel="sms", heard=[heard], genuine=True, by=phones, via=Door.SMS, at=here.at
        )
        here.run_due()
        return row.outcome

    number = night.al.contact_methods.get(channel="sms").address
    assert "called for 20 minutes while off duty" in texts("Called 20 helped Bo", number, 1)
    here.phone(night.al).got("you were called for 20 minutes while off duty")
    worked = Worked.objects.get(kind="called")
    assert (worked.person, worked.starts_at, worked.ends_at) == (night.al, at(2, 40), at(3))
    assert (worked.off_duty, worked.note) == (True, "helped Bo")
    assert "does not say for how long" in texts("called", number, 2)
    here.phone(night.al).got("does not say for how long")
    assert "told nothing lately" in texts("called 20", "+447700900999", 3)
    assert Worked.objects.filter(kind="called").count() == 1
    save_pay_rates(brand_id=here.brand.id, rates={"called_off_hour": "42"}, **here.doing)
    here.minutes(60)
    user = make_user(email="mo@quay.example", name="Mo", **here.doing)
    grant_role(user_id=user.pk, role=Role.MANAGER, brand_id=here.brand.id, **here.doing)
    Person.objects.filter(pk=night.mo.pk).update(user=user)
    manager = Client()
    manager.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    days = {"first": "2026-03-01", "last": "2026-03-08"}
    with clock.replaced_by(lambda: here.at):
        load = manager.get(reverse("console:load_csv"), days)
        pay = manager.get(reverse("console:pay_csv"), days)
    assert ["Al", "called_off", "1"] in [row[1:4] for row in rows_of(load)]
    (paid,) = [row for row in rows_of(pay) if "Al" in row]
    assert {"20", "14.00"} <= set(paid)


def rows_of(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return list(csv.reader(StringIO(text.decode("utf-8-sig"))))
