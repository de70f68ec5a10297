"""Stories of the hour: who is rung by day and by night, in turn, after a page, in the morning, and by whom nobody comes."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest

from nightdesk.base.actors import Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import IllegalTransition
from nightdesk.channels.models import Delivery, Message
from nightdesk.duty import actions as duty
from nightdesk.duty.queries import open_warnings
from nightdesk.journal.models import Entry
from nightdesk.paging import actions as paging
from nightdesk.paging import answering
from nightdesk.paging.decide import Step, Target, When, hours_of
from nightdesk.paging.models import DigestLine, Page
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.rota import actions as rota
from tests.world import World
from tests.world import world as world_at

OFFICE = hours_of("Europe/London", range(5), time(9), time(17))
OFFICE_WEEK = {"name": "Office", "zone": "Europe/London", "week": [[["09:00", "17:00"]]] * 5 + [[], []]}


@pytest.fixture
def friday(db: None) -> Iterator[World]:
    """Ten on a Friday evening in London, two days before clocks go forward."""
    with world_at(datetime(2026, 3, 27, 22, 0, tzinfo=UTC)) as here:
        yield here


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def day_and_night(world: World) -> tuple[Person, Person, Person]:
    """By day the whole team at once, by night who holds the seat and then the backup."""
    bo, al, cy = world.person("Bo"), world.person("Al"), world.person("Cy")
    world.seat("night", bo)
    world.run_due()
    world.ladder(
        Step(timedelta(0), (world.team_target(),), When(OFFICE)),
        Step(timedelta(0), (Target("seat", "night"),), When(OFFICE, inside=False)),
        Step(timedelta(minutes=10), (Target("person", str(al.id)),), When(OFFICE, inside=False)),
    )
    return bo, al, cy


def test_by_night_only_the_holder_is_rung_and_by_day_the_whole_team_is_each_told_apart(world: World) -> None:
    bo, al, cy = day_and_night(world)
    page = world.alarm("core is down")
    world.phone(bo).got("core is down")
    world.acknowledge(page, by=bo)
    world.clear("core is down")
    world.minutes(10 * 60)
    page = world.alarm("edge is down")
    for person in (bo, al, cy):
        world.phone(person).got("edge is down")
    message = Message.objects.get(kind="page.rung", subject_id=str(page.id))
    assert Delivery.objects.filter(message_id=message.id).count() == 3, "one message, three receivers"
    story = [(line.who, line.state) for line in paging.queries.story(page.id) if line.what == "delivery"]
    assert sorted(story) == [("Al", "delivered"), ("Bo", "delivered"), ("Cy", "delivered")]
    world.acknowledge(page, by=cy)


def test_a_page_that_begins_before_opening_goes_on_with_the_day_team(world: World) -> None:
    bo, al, cy = day_and_night(world)
    world.minutes(6 * 60 + 55)
    page = world.alarm("core is down")
    assert world.phone(bo).got("core is down") == world.at
    world.minutes(10)
    # Al's rung was of the night; at 09:05 the steps begin anew with the day's, but this ladder has one round: the manager
    # (nobody) and so everybody.
    for person in (bo, al, cy):
        assert world.phone(person).got("core is down").isoformat() == "2026-03-03T09:05:00+00:00"
    world.acknowledge(page, by=al)


def test_a_step_in_turn_rings_another_each_night_and_skips_who_cannot_be_woken(world: World) -> None:
    bo, al, cy = world.person("Bo"), world.person("Al"), world.person("Cy")
    world.ladder(Step(timedelta(0), (world.team_target(),), None, True))
    broken = al.contact_methods.get()
    rung = []
    for night in range(4):
        if night == 1:
            people.mark_contact_broken(method_id=broken.id, why="unknown number", **world.doing)
        if night == 2:
            people.confirm_contact_method(method_id=broken.id, **world.doing)
        world.run_due()
        page = world.alarm(f"night {night}")
        (who,) = [person for person in (bo, al, cy) if len(world.phone(person).rang) > world.phone(person).heard]
        world.phone(who).got(f"night {night}")
        rung.append(who.name)
        world.acknowledge(page, by=who)
        paging.resolve_page(page_id=page.id, by=world.actor(who), via=Door.WEB, at=world.at)
        world.minutes(24 * 60)
    assert rung == ["Bo", "Cy", "Al", "Bo"]


def test_after_a_page_only_a_new_p1_rings_until_the_time_chosen(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (10, al))
    first = world.alarm("disk full", severity="error")
    world.phone(bo).got("disk full")
    world.acknowledge(first, by=bo)
    said = answering.answer_quiet(str(first.id), "", world.actor(bo), Door.SMS, world.at)
    assert said == "Only a P1 rings you until 08:00."
    assert Promise.objects.get(kind="person.end_quiet", ended_at=None).due_at.isoformat() == "2026-03-03T08:00:00+00:00"
    second = world.alarm("fan broken", severity="error", source="elsewhere")
    world.phone(al).got("fan broken")  # at once, not after ten minutes
    told = Entry.objects.get(kind="page.triggered", subject_id=str(second.id)).facts["people"]
    assert told == ["Al", "not Bo, who is left alone until 08:00"]
    world.acknowledge(second, by=al)
    third = world.alarm("core is down", severity="critical", source="core")
    world.phone(bo).got("core is down")
    world.acknowledge(third, by=bo)
    for page in (first, second, third):
        paging.resolve_page(page_id=page.id, by=world.actor(bo), via=Door.WEB, at=world.at)
    world.minutes(6 * 60)
    assert Entry.objects.filter(kind="person.quiet_ended").count() == 1
    last = world.alarm("fan broken again", severity="error", source="there")
    world.phone(bo).got("fan broken again")
    world.acknowledge(last, by=bo)


def test_where_only_people_who_want_quiet_are_left_they_are_rung(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    people.set_quiet(person_id=bo.id, until=world.at + timedelta(hours=2), **world.doing)
    page = world.alarm("disk full", severity="error")
    assert world.phone(bo).got("disk full") == world.at
    world.acknowledge(page, by=bo)


def test_a_page_left_till_morning_waits_over_the_weekend_and_the_change_of_clocks(friday: World) -> None:
    world = friday
    bo = world.person("Bo")
    world.waits_for_opening(hours=OFFICE_WEEK, may_wake=["P1", "P2"])
    world.escalate((0, bo))
    page = world.alarm("printer on fire", severity="error")
    world.phone(bo).got("printer on fire")
    said = answering.answer_morning(str(page.id), "", world.actor(bo), Door.SMS, world.at)
    assert said == "It waits until Mon 30 Mar 09:00, and rings then if it is still open: printer on fire."
    assert world.page(page.id).state == "triggered"
    assert answering.answer_morning(str(page.id), "", world.actor(bo), Door.SMS, world.at) == said, "said twice"
    assert Entry.objects.filter(kind="page.deferred").count() == 1
    world.minutes(57 * 60)
    world.phone(bo).is_silent()
    world.minutes(60)
    assert world.phone(bo).got("printer on fire") == at(30, 8), "nine o'clock of summer time"
    world.acknowledge(page, by=bo)


def test_the_caller_of_a_page_that_is_left_till_morning_is_told_when(friday: World) -> None:
    world = friday
    bo = world.person("Bo")
    world.phones["+447700900999"] = caller = type(world.phone(bo))("the caller")
    page = paging.trigger_page(
        brand_id=world.brand.id,
        title="No mail since noon",
        priority="P2",
        team_id=world.team.id,
        details={"caller": {"name": "Ann Lee", "channel": "sms", "address": "+447700900999"}},
        by=world.actor(bo),
        via=Door.WEB,
        at=world.at,
    )
    world.run_due()
    world.minutes(5)
    world.phone(bo).got("No mail since noon")
    paging.defer_page(page_id=page.id, by=world.actor(bo), via=Door.PHONE, at=world.at)
    world.run_due()
    caller.got("Quayside: we have what you reported and will see to it from Sat 28 Mar 08:00.")
    world.acknowledge(page, by=bo)


def test_a_p1_cannot_wait_for_the_morning(friday: World) -> None:
    bo = friday.person("Bo")
    friday.escalate((0, bo))
    page = friday.alarm("core is down")
    friday.phone(bo).got("core is down")
    with pytest.raises(IllegalTransition, match="P1"):
        paging.defer_page(page_id=page.id, by=friday.actor(bo), via=Door.WEB, at=friday.at)
    said = answering.answer_morning(str(page.id), "", friday.actor(bo), Door.SMS, friday.at)
    assert said == "It is a P1: that cannot wait. Take it, or have the next woken."
    friday.acknowledge(page, by=bo)


def test_a_page_left_till_morning_that_becomes_a_p1_rings_at_once(friday: World) -> None:
    world = friday
    bo = world.person("Bo")
    world.waits_for_opening(hours=OFFICE_WEEK, may_wake=["P1", "P2"])
    world.escalate((0, bo))
    page = world.alarm("disk is slow", key="disk", severity="error")
    world.phone(bo).got("disk is slow")
    paging.defer_page(page_id=page.id, by=world.actor(bo), via=Door.WEB, at=world.at)
    world.minutes(30)
    world.alarm("disk is slow", key="disk", severity="error")
    world.phone(bo).is_silent()
    world.alarm("disk is gone", key="disk", severity="critical")
    assert world.phone(bo).got("P1 disk is slow") == world.at
    world.acknowledge(page, by=bo)
    paging.resolve_page(page_id=page.id, by=world.actor(bo), via=Door.WEB, at=world.at)


def test_what_is_not_urgent_waits_in_one_digest_across_midnight_and_the_change_of_clocks(friday: World) -> None:
    world = friday
    bo = world.person("Bo")
    mail = world.mail(bo)
    people.set_digest(person_id=bo.id, times=[time(8, 30)], **world.doing)
    world.escalate((0, bo))
    world.alarm("disk 81%", severity="warning", source="a")
    world.minutes(12 * 60)
    assert "nobody has it" in mail.rang[0][1]
    assert mail.got("Digest: 1 pages that could wait, 1 still open") == at(28, 8, 30)
    world.clear("disk 81%")
    world.minutes(11 * 60)  # Saturday, nine in the evening
    world.alarm("disk 82%", severity="warning", source="b")
    world.alarm("disk 82%", severity="warning", source="b")
    world.alarm("fan slow", severity="info", source="c")
    world.clear("fan slow")
    world.minutes(12 * 60)
    words = mail.rang[-1][1]
    assert mail.got("Digest: 2 pages that could wait, 1 still open") == at(29, 7, 30), "half past eight of summer time"
    assert words.count("disk 82%") == 1
    assert "fan slow" in words
    assert "resolved Sat 28 Mar" in words
    assert not DigestLine.objects.filter(sent_at=None).exists()
    world.clear("disk 82%")


def test_a_digest_may_leave_out_what_is_over_and_then_says_nothing_of_nothing(friday: World) -> None:
    bo = friday.person("Bo")
    friday.mail(bo)
    people.set_digest(person_id=bo.id, times=[time(8, 30)], resolved=False, **friday.doing)
    friday.escalate((0, bo))
    friday.alarm("fan slow", severity="info")
    friday.clear("fan slow")
    friday.minutes(12 * 60)
    assert DigestLine.objects.get().sent_at == at(28, 8, 30)


def test_what_waits_in_a_digest_goes_with_the_duty(friday: World) -> None:
    world = friday
    bo, al = world.person("Bo"), world.person("Al")
    world.mail(bo)
    mail = world.mail(al)
    world.seat("night", bo)
    world.escalate((0, "night"))
    world.run_due()
    page = world.alarm("disk 81%", severity="warning")
    duty.pass_duty(seat_key="night", to_person_id=al.id, **world.doing)
    world.run_due()
    while mail.heard < len(mail.rang) and "Digest" not in mail.rang[mail.heard][1]:
        mail.heard += 1  # that the duty is theirs now
    assert mail.got("disk 81%") == world.at
    world.phone(al).heard = len(world.phone(al).rang)
    paging.resolve_page(page_id=page.id, by=world.actor(al), via=Door.WEB, at=world.at)
    people.set_digest(person_id=bo.id, times=[time(8, 30)], resolved=False, **world.doing)


def test_a_page_that_nobody_takes_for_three_hours_rings_everybody_every_ten_minutes_and_says_since_when(
    world: World,
) -> None:
    bo, al, mo = world.person("Bo"), world.person("Al"), world.person("Mo", manager=True)
    world.escalate((0, bo), (10, al))
    began = world.at
    page = world.alarm("core is down")
    world.minutes(3 * 60)

    def rang(person: Person) -> list[int]:
        phone = world.phone(person)
        phone.heard = len(phone.rang)
        return [(when - began) // timedelta(minutes=1) for when, _text in phone.rang]

    everybody = list(range(20, 181, 10))
    assert rang(bo) == [0, *everybody]
    assert rang(al) == [10, *everybody]
    assert rang(mo) == [15, *everybody]
    stands = world.page(page.id)
    assert (stands.state, stands.unreached) == ("triggered", False)
    assert stands.everybody_at == began + timedelta(minutes=20)
    taken = world.acknowledge(page, by=mo)
    assert Page.objects.get(id=taken.id).everybody_at is None


def nights_of(world: World, key: str, who: Person, first: str) -> None:
    """From `first` on the night seat is `who`'s every day."""
    rota.set_layers(
        seat_key=key,
        layers=[{"members": [{"person": who.id}], "anchor": first, "turn": "day", "starts_on": first[:10]}],
        **world.doing,
    )


def test_whoever_cannot_be_woken_is_warned_before_their_turn_and_so_is_the_manager(world: World) -> None:
    bo, al, mo = world.person("Bo"), world.person("Al"), world.person("Mo", manager=True)
    mail, manager_mail = world.mail(al), world.mail(mo)
    world.seat("night", bo)
    nights_of(world, "night", al, "2026-03-05T20:00")
    method = al.contact_methods.get(channel="sms")
    people.mark_contact_broken(method_id=method.id, why="STOP", **world.doing)
    world.run_due()
    assert not open_warnings(), "three days ahead nobody is told yet"
    turn = at(5, 20)
    world.minutes((turn - timedelta(hours=24) - world.at) / timedelta(minutes=1))
    for box in (mail, manager_mail):
        assert box.got("Nothing is known to wake") == turn - timedelta(hours=24)
    (warning,) = open_warnings([world.brand.id])
    assert (warning.person, warning.turn_at) == (al, turn)
    world.minutes(22 * 60)
    for box in (mail, manager_mail):
        assert box.got("Nothing is known to wake") == turn - timedelta(hours=2)
    people.confirm_contact_method(method_id=method.id, **world.doing)
    world.run_due()
    assert not open_warnings()
    assert Entry.objects.get(kind="duty.silent_no_more").facts["why"] == "they can be woken"
    world.minutes(3 * 60)
    mail.got("The note of Night")
    for person in (bo, al, mo):
        world.phone(person).is_silent()


def test_a_phone_that_breaks_while_its_owner_is_on_duty_warns_at_once_and_loudly(world: World) -> None:
    bo, mo = world.person("Bo"), world.person("Mo", manager=True)
    mail = world.mail(bo)
    world.seat("night", bo)
    world.run_due()
    people.mark_contact_broken(method_id=bo.contact_methods.get(channel="sms").id, why="unknown number", **world.doing)
    world.run_due()
    assert mail.got("Nothing is known to wake you, and you are Night now") == world.at
    assert world.phone(mo).got("Nothing is known to wake Bo, Night now") == world.at
    people.mark_contact_broken(method_id=bo.contact_methods.get(channel="sms").id, why="unknown number", **world.doing)
    world.minutes(60)
    duty.pass_duty(seat_key="night", to_person_id=mo.id, **world.doing)
    world.run_due()
    assert world.phone(mo).got("You are on duty as Night")
    assert Entry.objects.get(kind="duty.silent_no_more").facts["why"] == "they are not on any more"


def test_a_test_that_is_too_long_ago_counts_no_more(world: World, settings: object) -> None:
    bo, mo = world.person("Bo"), world.person("Mo", manager=True)
    world.seat("night", bo)
    world.run_due()
    assert not open_warnings()
    settings.TESTED_WITHIN = timedelta(minutes=90)  # type: ignore[attr-defined]
    people.confirm_contact_method(method_id=bo.contact_methods.get().id, **world.doing)
    # A manager vouches again, and that says so at the door of the same instant.
    people.note_contact_tested(method_id=bo.contact_methods.get().id, **world.doing)
    people.confirm_contact_method(method_id=bo.contact_methods.get().id, **world.doing)
    world.run_due()
    world.minutes(100)
    (warning,) = open_warnings()
    assert warning.raised_at == world.at - timedelta(minutes=10)
    world.phone(bo).got("Nothing is known to wake you")
    world.phone(mo).got("Nothing is known to wake Bo")
