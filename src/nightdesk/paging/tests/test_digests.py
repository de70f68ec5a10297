"""Digests: nothing is lost, nothing is sent twice, and whose turn it is when two pages come at once."""

from datetime import timedelta

import pytest

from nightdesk.base.actors import Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers.models import Hours
from nightdesk.paging import actions, decide, queries
from nightdesk.paging.models import DigestLine, TurnTaking
from nightdesk.paging.tests.conftest import NIGHT, Hand, page_of, until_all_wait
from nightdesk.people import actions as people
from nightdesk.people.models import ContactMethod
from nightdesk.people.queries import actor_of_person

HALF_PAST_EIGHT = NIGHT.replace(hour=7, minute=30)


@pytest.fixture
def night(world):
    world.bo, world.al, world.ines = world.person("Bo"), world.person("Al"), world.person("Ines")
    world.crew = world.team(world.ines, world.bo, world.al)
    world.monitoring, _key = world.sender(world.policy((0, world.bo), (5, world.al)), team_id=world.crew.id)
    return world


@pytest.mark.django_db
def test_a_page_that_is_not_urgent_goes_into_the_digest_and_rings_nobody(night):
    page = night.alarm(night.monitoring, severity="warning")
    assert Delivery.objects.count() == 0
    assert [line.page for line in night.bo.digest_lines.all()] == [page]
    due = Promise.objects.get(kind="digest.send", ended_at=None)
    assert (due.subject_id, due.due_at) == (str(night.bo.id), HALF_PAST_EIGHT)
    night.minutes(5 * 60)
    assert night.told(night.bo, "email") == [(270, "Digest: 1 pages that could wait, 1 still open")]
    assert night.rung(night.bo) == []
    night.minutes(24 * 60)
    assert [line.page for line in night.al.digest_lines.all()] == [page], "after a day the next has it too"


@pytest.mark.django_db
def test_what_nothing_quiet_reaches_goes_on_waiting(night):
    page = night.alarm(night.monitoring, severity="warning")
    ContactMethod.objects.filter(person=night.bo, channel="email").update(broken_at=night.at)
    night.minutes(5 * 60)
    assert DigestLine.objects.get(person=night.bo, page=page).sent_at is None
    assert Promise.objects.filter(kind="digest.send", subject_id=str(night.bo.id), ended_at=None).count() == 1
    ContactMethod.objects.filter(person=night.bo, channel="email").update(broken_at=None)
    night.minutes(9 * 60)
    assert len(night.told(night.bo, "email")) == 1


@pytest.mark.django_db
def test_a_digest_sent_by_hand_is_not_sent_again_at_its_time(night):
    night.alarm(night.monitoring, severity="warning")
    bo = actor_of_person(night.bo.id)
    said = actions.send_digest(person_id=night.bo.id, by=bo, via=Door.WEB, at=night.at)
    assert said == "A digest of 1 pages was sent."
    assert actions.send_digest(person_id=night.bo.id, by=bo, via=Door.WEB, at=night.at) == (
        "Nothing waited in the digest."
    )
    with pytest.raises(Forbidden):
        actions.send_digest(person_id=night.al.id, by=bo, via=Door.WEB, at=night.at)
    with pytest.raises(NotFound):
        actions.send_digest(person_id=0, by=bo, via=Door.WEB, at=night.at)
    night.minutes(6 * 60)
    assert len(night.told(night.bo, "email")) == 1


@pytest.mark.django_db
def test_the_times_of_a_digest_are_read_with_care(night):
    bo = actor_of_person(night.bo.id)
    for times in ([], [HALF_PAST_EIGHT.time().replace(second=1)]):
        with pytest.raises(Invalid):
            people.set_digest(person_id=night.bo.id, times=times, by=bo, via=Door.WEB, at=night.at)


@pytest.mark.django_db
def test_a_policy_follows_the_support_hours_that_it_names_as_they_are_when_a_page_begins(night):
    week = [[["09:00", "17:00"]]] * 7
    hours = Hours.objects.create(brand=night.brand, name="Office", zone="Europe/London", week=week)
    when = decide.When(decide.hours_of("Europe/London", range(7), decide.MORNING, decide.EVENING), True, hours.id)
    target = decide.Target("person", str(night.bo.id))
    policy = decide.Policy((decide.Step(timedelta(0), (target,), when),))
    monitoring, _key = night.sender(policy)
    kept = decide.policy_from_json(night.alarm(monitoring).policy)
    assert kept.steps[0].when == decide.When(queries.support_hours(hours), True, hours.id)
    hours.week = [[["00:00", "24:00"]]] * 7
    hours.save(update_fields=["week"])
    page = night.alarm(monitoring, key="later", source="elsewhere")
    assert decide.policy_from_json(page.policy).steps[0].holds(NIGHT)
    assert night.rung(night.bo) == [0]


@pytest.mark.django_db
def test_a_policy_names_only_what_the_brand_has(night):
    def step(kind, key, when=None):
        return decide.Policy((decide.Step(timedelta(0), (decide.Target(kind, key),), when),))

    for kind, key in (("seat", "none"), ("team", "0"), ("team", "x"), ("person", "0")):
        with pytest.raises(NotFound, match=f"no such {kind}"):
            night.sender(step(kind, key))
    week = decide.hours_of("Europe/London", range(7), decide.MORNING, decide.EVENING)
    with pytest.raises(NotFound, match="hours"):
        night.sender(step("manager", "", decide.When(week, True, 0)))
    with pytest.raises(Invalid, match="rings nobody"):
        night.sender(decide.Policy((decide.Step(timedelta(0), ()),)))
    people.deactivate_person(person_id=night.al.id, **night.doing)
    with pytest.raises(NotFound):
        night.sender(step("person", str(night.al.id)))


@pytest.mark.django_db(transaction=True)
def test_two_pages_at_once_ring_two_people_in_turn(night):
    team = decide.Target("team", str(night.crew.id))
    policy = decide.Policy((decide.Step(timedelta(0), (team,), None, True),))
    saved = actions.save_policy(brand_id=night.brand.id, name="In turn", policy=policy, **night.doing)
    key = policy.steps[0].turn_key
    TurnTaking.objects.create(brand=night.brand, key=key)

    def page(title):
        return actions.trigger_page(
            brand_id=night.brand.id, title=title, priority="P1", policy_id=saved.id, **night.doing
        )

    from django.db import transaction

    with transaction.atomic():
        TurnTaking.objects.select_for_update().get(key=key)
        hands = [Hand(lambda title=title: page(title)) for title in ("one", "two")]
        until_all_wait(*hands)
    pages = [hand.result() for hand in hands]
    assert {page_of(each.id).state for each in pages} == {"triggered"}
    told = {
        Delivery.objects.filter(subject_id=str(each.id), channel="sms").values_list("recipient_id", flat=True)[0]
        for each in pages
    }
    assert told == {str(night.bo.id), str(night.al.id)}
    assert Message.objects.filter(kind="page.rung").count() == 2
