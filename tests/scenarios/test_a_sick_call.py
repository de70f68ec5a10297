"""A published month, and the night on which somebody on duty falls sick: who is told, who is asked, and who has it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from nightdesk.base import clock, leases
from nightdesk.base.actors import Door
from nightdesk.base.ids import uuid7
from nightdesk.channels.links import make_token
from nightdesk.channels.models import Delivery, Message
from nightdesk.duty.models import CoverSearch, Hold
from nightdesk.duty.queries import who_is_on
from nightdesk.journal.models import Entry
from nightdesk.people import actions as people
from nightdesk.people import hours_actions
from nightdesk.people.models import Person
from nightdesk.rota import plan_actions, tasks
from nightdesk.rota.models import Drafting, Plan, PlannedShift, Seat
from tests.world import World, world

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SIX = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
NIGHTS = [{"weekdays": list(range(7)), "opens": "17:30", "closes": "08:00"}]
QUICK = plan_actions.Effort(steps=2_000)


class Fortnight:
    """Five people share the nights from 3 to 16 March, Mo manages them, and nobody has had a duty yet but Mo."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.mo = here.person("Mo", manager=True)
        here.seat("night", self.mo)
        self.staff = {name: here.person(name) for name in ("Al", "Bo", "Cy", "Di", "Ed")}
        self.mails = {name: here.mail(person) for name, person in self.staff.items()}
        team = people.make_team(brand_id=here.brand.id, name="Nights", **here.doing)
        ids = [person.id for person in self.staff.values()]
        people.set_team_members(team_id=team.id, person_ids=ids, manager_id=self.mo.id, **here.doing)
        plan_actions.set_shifts(seat_key="night", team_id=team.id, shifts=NIGHTS, **here.doing)
        here.hush()

    def made(self, plan: Plan) -> Plan:
        """The draft, when the worker has made it; then it is published."""
        with clock.replaced_by(lambda: self.here.at):
            (row,) = leases.claim(Drafting, Drafting.LANE, 1, at=self.here.at, worker=uuid7())
            tasks.run_drafting(row)
        plan.refresh_from_db()
        assert (plan.state, plan.gaps) == ("draft", [])
        plan_actions.publish_plan(plan_id=plan.id, **self.here.doing)
        self.here.run_due()
        return plan

    @property
    def rota_id(self) -> int:
        return Seat.objects.get(key="night").rota_id

    def on(self) -> str:
        with clock.replaced_by(lambda: self.here.at):
            [seat] = who_is_on(self.here.at)
        return seat.person_name

    def planned(self, day: int) -> str:
        """Who is planned for the night of that day in March."""
        at = datetime(2026, 3, day, 17, 30, tzinfo=UTC)
        return PlannedShift.objects.get(published=True, starts_at=at).person.name

    def opens_the_link(self, person: Person, verb: str = "") -> str:
        """The person opens the link of the question that they were sent, and presses that button; what the page says."""
        questions = Message.objects.filter(kind="cover.ask").values("id")
        asked = Delivery.objects.get(message_id__in=questions, recipient_kind="person", recipient_id=str(person.id))
        path = f"/a/{make_token(asked.id, asked.month)}"
        with clock.replaced_by(lambda: self.here.at):
            browser = Client()
            said = browser.post(path, {"verb": verb}, follow=True) if verb else browser.get(path)
        self.here.run_due()
        return said.content.decode()


@pytest.fixture
def fortnight() -> Any:
    with world(NOON) as here:
        yield Fortnight(here)


def test_a_plan_is_told_a_sick_call_is_covered_by_the_first_yes_and_the_rest_is_planned_anew(
    fortnight: Fortnight,
) -> None:
    here, staff, mails = fortnight.here, fortnight.staff, fortnight.mails

    # The plan: each whom it gives a duty reads which, quietly; the tokens follow it.
    asked = {"rota_id": fortnight.rota_id, "effort": QUICK}
    plan = fortnight.made(
        plan_actions.make_draft(starts_on=date(2026, 3, 3), ends_on=date(2026, 3, 17), **asked, **here.doing)
    )
    for name, mail in mails.items():
        mail.got("Night: your duties have changed")
        assert mail.rang[-1][1].count("–") == plan.shifts.filter(person=staff[name]).count()
        here.phone(staff[name]).is_silent()
    here.minutes(29 * 60 + 45)  # to 17:45 on Tuesday
    sick = fortnight.on()
    assert sick == fortnight.planned(3)
    here.hush()

    # At six, on the duty that began at half past five, they fall sick for three days.
    here.minutes(15)
    assert here.at == SIX
    ill_until = SIX + timedelta(days=3)
    doing = {"by": here.actor(staff[sick]), "via": Door.WEB, "at": here.at}
    hours_actions.record_absence(
        person_id=staff[sick].id, absence="sickness", starts_at=SIX, ends_at=ill_until, note="a fever", **doing
    )
    here.run_due()
    search = CoverSearch.objects.get()
    first, second, *others = [ask.person for ask in search.asks.order_by("position").select_related("person")]
    here.phone(first).got("Can you cover Night, Tue 3 Mar 18:00–Wed 08:00?")
    here.phone(second).is_silent()
    here.minutes(5)
    here.phone(second).got("Can you cover Night, Tue 3 Mar 18:00–Wed 08:00?")
    assert fortnight.on() == sick, "until somebody says yes it falls between nobody"

    # To look is no answer; the first yes has it, and the link is used up.
    for person in (first, second):
        assert "I take it" in fortnight.opens_the_link(person)
    assert fortnight.on() == sick
    assert "You cover Night until Wed 08:00" in fortnight.opens_the_link(second, "acknowledge")
    assert fortnight.on() == second.name
    here.phone(first).got(f"{second.name} covers Night")
    for person in (second, staff[sick]):
        here.phone(person).got("Your duty as Night has changed")
    holds = Hold.objects.count()
    for person in (second, first, second):
        assert "I take it" not in fortnight.opens_the_link(person)
        fortnight.opens_the_link(person, "acknowledge")
    assert "was first" in fortnight.opens_the_link(first, "acknowledge")
    fortnight.opens_the_link(second, "escalate")
    assert (Hold.objects.count(), fortnight.on()) == (holds, second.name)
    assert Entry.objects.filter(kind="cover.taken").count() == 1
    for person in (first, second, *others):
        here.phone(person).is_silent()

    # The days after are planned anew: whoever is touched is told, and tonight stays as it was settled.
    for mail in mails.values():
        mail.heard = len(mail.rang)
    repair = fortnight.made(
        plan_actions.draft_repair(person_id=staff[sick].id, since_at=SIX, until_at=ill_until, **asked, **here.doing)
    )
    lost = plan.shifts.filter(person=staff[sick], starts_at__gt=SIX, starts_at__lt=ill_until)
    told = {name for name, mail in mails.items() if mail.heard < len(mail.rang)}
    gets = {fortnight.planned(shift.starts_at.day) for shift in lost}
    assert sick not in gets
    assert told >= gets | ({sick} if gets else set())
    assert fortnight.on() == second.name
    assert repair.number == plan.number + 1
    assert not any("fever" in words or "sick" in words for phone in here.phones.values() for _at, words in phone.rang)
    here.hush()
