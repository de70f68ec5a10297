"""Engineers' home lines and mobile networks are parts that fail: who is cut off is known, told, and rung by another way."""

from datetime import timedelta

import pytest

from nightdesk.channels.models import Message
from nightdesk.duty.models import ReachWarning
from nightdesk.journal.models import Entry
from nightdesk.outages import actions as outages
from nightdesk.outages import part_actions, work_actions
from nightdesk.outages.effect import PART, Effect
from nightdesk.outages.models import Outage, Part, WayWarning
from nightdesk.outages.needs_text import Wanted
from nightdesk.outages.way_actions import save_way_parts
from nightdesk.outages.way_queries import cut_off
from nightdesk.people import actions as people
from nightdesk.people.models import ContactMethod
from tests.world import Phone, World


class Home:
    """Bo has the night; Bo's mobile number runs over an operator, and a second one over a line that needs a switch of ours.
    Mo leads the team, and reads mail.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.mo = world.person("Mo", manager=True)
        self.mail = world.mail(self.mo)
        self.bo = world.person("Bo")
        self.bo_mail = world.mail(self.bo)
        self.al = world.person("Al")
        self.mobile = self.bo.contact_methods.get(channel="sms")
        self.phone = world.phones[self.mobile.address]
        self.operator = self.part("operator", "Mobile operator")
        self.switch = self.part("sw9", "Access switch 9")
        self.line = self.part("bo-home", "Bo's home line")
        part_actions.save_needs(owner=(PART, self.line.pk), needs=[Wanted(("sw9",))], **world.doing)
        save_way_parts(method_id=self.mobile.pk, part_ids=[self.operator.pk], **world.doing)
        world.seat("night", self.bo)
        world.escalate((0, "night"), (10, self.al))
        world.run_due()

    def part(self, key: str, name: str) -> Part:
        return part_actions.save_part(
            brand_id=self.world.brand.id, key=key, name=name, kind="shared", **self.world.doing
        )

    def second_number(self) -> Phone:
        """One more number of Bo's, by the line at home."""
        number = "+447700900999"
        method = people.add_contact_method(person_id=self.bo.id, channel="sms", address=number, **self.world.doing)
        people.confirm_contact_method(method_id=method.pk, **self.world.doing)
        save_way_parts(method_id=method.pk, part_ids=[self.line.pk], **self.world.doing)
        self.world.phones[number] = Phone("Bo at home")
        return self.world.phones[number]

    def fails(self, part: Part) -> Outage:
        made = outages.propose_outage(
            brand_id=self.world.brand.id, title=part.name, parts={part.pk: Effect.DOWN}, **self.world.doing
        )
        outages.confirm_outage(outage_id=made.pk, lead_id=self.mo.id, voice_id=self.mo.id, **self.world.doing)
        self.world.run_due()
        return made


@pytest.fixture
def home(world: World) -> Home:
    return Home(world)


def test_a_cut_way_is_not_used_another_one_is_and_the_manager_knows(world: World, home: Home) -> None:
    at_home = home.second_number()
    outage = home.fails(home.operator)
    home.mail.got("Bo, Night, cannot be reached by sms")
    home.bo_mail.got("You cannot be reached by sms")
    page = world.alarm("db down")
    at_home.got("db down")
    home.phone.is_silent()
    world.acknowledge(page, by=home.bo)
    outages.withdraw_outage(outage_id=outage.pk, **world.doing)
    world.run_due()
    assert not WayWarning.objects.filter(withdrawn_at=None).exists()
    page = world.alarm("disk full")
    home.phone.got("disk full")
    world.acknowledge(page, by=home.bo)


def test_what_needs_a_failed_part_is_cut_too(world: World, home: Home) -> None:
    at_home = home.second_number()
    home.fails(home.switch)
    home.mail.got("Bo, Night, cannot be reached by sms +447700900999")
    assert list(cut_off([home.bo.id], world.at)) == [ContactMethod.objects.get(address="+447700900999").pk]
    home.bo_mail.got("You cannot be reached by sms +447700900999")
    page = world.alarm("db down")
    home.phone.got("db down")
    at_home.is_silent()
    world.acknowledge(page, by=home.bo)


def test_where_nothing_else_is_left_the_next_one_is_rung_and_everybody_is_warned(world: World, home: Home) -> None:
    home.fails(home.operator)
    assert ReachWarning.objects.get(withdrawn_at=None).person == home.bo
    _heard(world)
    page = world.alarm("db down")
    world.phone(home.al).got("db down")
    home.bo_mail.got("db down")  # nobody is woken by it, but nothing else is left
    home.phone.is_silent()
    world.acknowledge(page, by=home.al)


def test_planned_work_warns_a_day_before_once_and_is_withdrawn_when_called_off(world: World, home: Home) -> None:
    home.second_number()
    begins = world.at + timedelta(days=3)
    work = work_actions.draft_work(
        brand_id=world.brand.id,
        title="Operator's mast",
        from_at=begins,
        until_at=begins + timedelta(hours=2),
        parts={home.operator.pk: Effect.DOWN},
        person_id=home.mo.id,
        **world.doing,
    )
    work_actions.announce_work(work_id=work.pk, **world.doing)
    world.run_due()
    home.mail.is_silent()
    world.minutes(2 * 24 * 60 + 1)
    _heard(world)
    assert [row.cause_kind for row in WayWarning.objects.filter(withdrawn_at=None)] == ["work"]
    assert Message.objects.filter(kind="way.cut").count() == 2, "Bo, and Mo"
    work_actions.call_off_work(work_id=work.pk, **world.doing)
    world.run_due()
    assert not WayWarning.objects.filter(withdrawn_at=None).exists()
    assert Entry.objects.filter(kind="person.way_back").count() == 1
    _heard(world)


def test_who_is_not_on_duty_is_not_warned_of_and_still_not_rung_that_way(world: World, home: Home) -> None:
    method = home.al.contact_methods.get(channel="sms")
    save_way_parts(method_id=method.pk, part_ids=[home.switch.pk], **world.doing)
    home.fails(home.switch)
    assert not WayWarning.objects.exists()
    home.mail.is_silent()
    assert list(cut_off([home.al.id, home.bo.id], world.at)) == [method.pk]


def test_a_proposed_outage_cuts_nobody_off(world: World, home: Home) -> None:
    outages.propose_outage(
        brand_id=world.brand.id, title="Perhaps", parts={home.operator.pk: Effect.DOWN}, **world.doing
    )
    assert cut_off([home.bo.id], world.at) == {}
    degraded = outages.propose_outage(
        brand_id=world.brand.id, title="Slow", parts={home.operator.pk: Effect.DEGRADED}, **world.doing
    )
    outages.confirm_outage(outage_id=degraded.pk, **world.doing)
    assert cut_off([home.bo.id], world.at) == {}, "what is slow still rings"
    world.run_due()


def _heard(world: World) -> None:
    """Whatever was said so far."""
    for phone in world.phones.values():
        phone.heard = len(phone.rang)
