"""A page's life on a clock that only the test moves: who is rung when, and what stops it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from nightdesk.base import leases, promises
from nightdesk.base.actors import Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.channels.models import Delivery
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.paging import actions, answering, decide, queries
from nightdesk.paging.formats import Signal
from nightdesk.paging.models import Alarm, Page, StormGate
from nightdesk.paging.tests.conftest import NIGHT, Hand, page_of, until_all_wait
from nightdesk.people.actions import note_sign_of_life
from nightdesk.people.models import ContactMethod, Person
from nightdesk.people.queries import actor_of_person
from nightdesk.rota import actions as rota

pytestmark = pytest.mark.django_db


def open_promises(page):
    return list(Promise.objects.filter(subject_kind="page", subject_id=str(page.id), ended_at=None).order_by("due_at"))


def entries(page):
    return list(Entry.objects.filter(subject_kind="page", subject_id=str(page.id)).order_by("id"))


def kinds(page):
    return [entry.kind for entry in entries(page)]


@pytest.fixture
def night(world):
    """Bo holds the night seat, Al is the backup after 5 minutes, Ines manages."""
    world.bo, world.al, world.ines = world.person("Bo"), world.person("Al"), world.person("Ines")
    world.team_made = world.team(world.ines, world.bo, world.al)
    policy = world.policy((0, world.seat("night", world.bo)), (5, world.al), repeat=0)
    world.monitoring, world.key = world.sender(policy, team_id=world.team_made.id)
    return world


def test_an_alarm_rings_the_holder_in_the_same_transaction_and_promises_the_next(night):
    page = night.alarm(night.monitoring)
    assert night.told(night.bo) == [(0, "P1 sw2 does not answer")]
    assert night.told(night.bo, "email") == [(0, "P1 sw2 does not answer")]
    assert night.rung(night.al) == []
    (ring,) = open_promises(page)
    assert (ring.kind, ring.due_at, ring.why) == (
        "page.ring",
        NIGHT + timedelta(minutes=5),
        "nobody has answered for 5 min",
    )
    assert kinds(page) == ["page.triggered"]
    assert entries(page)[0].facts["people"] == ["Bo"]


def test_rings_come_to_the_second_up_the_ladder_and_never_end(night):
    page = night.alarm(night.monitoring)
    night.minutes(60)
    assert night.rung(night.bo) == [0, 15, 25, 35, 45, 55]
    assert night.rung(night.al) == [5, 15, 25, 35, 45, 55]
    assert night.rung(night.ines) == [10]
    assert len(open_promises(page)) == 1


def test_an_acknowledged_page_wakes_nobody_else_and_its_promises_are_void_at_once(night):
    page = night.alarm(night.monitoring)
    ring = open_promises(page)[0]
    night.minutes(1)
    assert night.acknowledge(page, night.bo).owner == night.bo
    ring.refresh_from_db()
    assert ring.ended_as == "void"
    assert [promise.kind for promise in open_promises(page)] == ["page.alive"]
    night.minutes(14)
    assert night.rung(night.al) == []


def test_an_acknowledgement_that_is_rolled_back_leaves_the_rings_as_they_were(night):
    page = night.alarm(night.monitoring)

    def fails():
        with transaction.atomic():
            night.acknowledge(page, night.bo)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fails()
    night.minutes(5)
    assert night.rung(night.al) == [5]


def test_a_ring_that_a_worker_holds_when_the_page_is_taken_does_nothing(night):
    page = night.alarm(night.monitoring)
    night.minutes(4)
    night.at += timedelta(minutes=1)
    (ring,) = leases.claim(Promise, "page", 10, at=night.at, worker=night.worker)
    night.acknowledge(page, night.bo)
    promises.keep(ring)
    assert night.rung(night.al) == []
    ring.refresh_from_db()
    assert ring.ended_as == "void"


def test_a_late_ring_of_an_acknowledged_page_is_kept_without_ringing(night):
    page = night.alarm(night.monitoring)
    night.acknowledge(page, night.bo)
    number = page_of(page.id).rings
    said = actions.ring_page(page_id=page.id, number=number, **night.doing)
    assert said == "Nobody was rung: it is acknowledged."
    assert night.rung(night.al) == []


def test_a_ring_that_was_overtaken_by_another_does_not_ring_twice(night):
    page = night.alarm(night.monitoring)
    actions.escalate_page(page_id=page.id, by=actor_of_person(night.bo.id), via=Door.WEB, at=night.at)
    actions.ring_page(page_id=page.id, number=1, **night.doing)
    assert night.rung(night.al) == [0]
    assert night.rung(night.ines) == []


def test_what_waits_in_the_ledger_is_superseded_by_the_acknowledgement(night):
    method = ContactMethod.objects.create(person=night.bo, channel="voice", address="+447700900999")
    night.bo.notify_rules.create(urgency="high", method=method, after=timedelta(minutes=3))
    page = night.alarm(night.monitoring)
    assert night.told(night.bo, "voice") == [(3, "P1 sw2 does not answer")]
    night.acknowledge(page, night.bo)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"superseded"}


def test_the_same_person_twice_changes_nothing_but_is_a_sign_of_life(night):
    page = night.alarm(night.monitoring)
    night.acknowledge(page, night.bo)
    written = len(entries(page))
    night.minutes(10)
    again = night.acknowledge(page, night.bo, Door.SMS)
    assert again.acknowledged_at == NIGHT
    assert again.last_sign_at == night.at == Person.objects.get(id=night.bo.id).last_sign_at
    assert len(entries(page)) == written
    night.minutes(14)
    assert night.rung(night.bo) == [0]


def test_another_is_told_who_has_it_and_since_when(night):
    page = night.alarm(night.monitoring)
    night.minutes(2)
    night.acknowledge(page, night.bo)
    with pytest.raises(actions.TakenBy, match="Bo has had it since 03:02 UTC") as refused:
        night.acknowledge(page, night.al)
    assert refused.value.code == "page-taken"
    assert refused.value.as_problem()["owner"] == "Bo"
    assert page_of(page.id).owner == night.bo


def test_nobody_but_a_person_can_have_a_page(night):
    page = night.alarm(night.monitoring)
    robot = Actor("machine", "9", "Robot", scopes=frozenset({"page"}))
    with pytest.raises(Invalid, match="That is no person"):
        actions.acknowledge_page(page_id=page.id, by=robot, via=Door.API, at=night.at)


def test_roles_are_asked_in_the_pages_own_brand(night):
    page = night.alarm(night.monitoring)
    stranger = Actor("person", str(night.bo.id), "Bo", grants=frozenset({(night.brand.id + 1, "engineer")}))
    for verb, wanted in (
        (actions.acknowledge_page, {}),
        (actions.resolve_page, {}),
        (actions.escalate_page, {}),
        (actions.reassign_page, {"to_person_id": night.al.id}),
        (actions.snooze_page, {"until": night.at + timedelta(hours=1)}),
        (actions.note_page, {"text": "mine"}),
    ):
        with pytest.raises(Forbidden):
            verb(page_id=page.id, by=stranger, via=Door.WEB, at=night.at, **wanted)
        with pytest.raises(NotFound):
            verb(page_id=uuid4(), by=stranger, via=Door.WEB, at=night.at, **wanted)
    assert kinds(page) == ["page.triggered"]


def test_a_resolved_page_rings_nobody_closes_its_alarms_and_stays_resolved(night):
    page = night.alarm(night.monitoring)
    by = actor_of_person(night.bo.id)
    actions.resolve_page(page_id=page.id, resolution="power supply swapped", by=by, via=Door.WEB, at=night.at)
    assert not Alarm.objects.filter(resolved_at=None).exists()
    assert [each.kind for each in open_promises(page)] == ["paging.note_handled"]  # whoever worked has it on record
    with pytest.raises(IllegalTransition, match="It is resolved"):
        night.acknowledge(page, night.bo)
    with pytest.raises(IllegalTransition):
        actions.escalate_page(page_id=page.id, by=by, via=Door.WEB, at=night.at)
    again = night.alarm(night.monitoring)
    assert again.id != page.id, "the same alarm afterwards is a new page"
    assert PersonalText.objects.get().text == "power supply swapped"


def test_wake_the_backup_rings_the_next_now_and_nobody_has_it(night):
    page = night.alarm(night.monitoring)
    night.minutes(1)
    night.acknowledge(page, night.bo)
    night.minutes(1)
    moved = actions.escalate_page(page_id=page.id, by=actor_of_person(night.bo.id), via=Door.SMS, at=night.at)
    assert (moved.state, moved.owner) == ("triggered", None)
    assert night.rung(night.al) == [2]
    assert [promise.kind for promise in open_promises(page)] == ["page.ring"]
    night.minutes(5)
    assert night.rung(night.ines) == [7]


def test_a_page_passed_on_rings_that_person_first_and_then_goes_on_up_the_ladder(night):
    page = night.alarm(night.monitoring)
    actions.reassign_page(
        page_id=page.id, to_person_id=night.ines.id, by=actor_of_person(night.bo.id), via=Door.WEB, at=night.at
    )
    assert night.rung(night.ines) == [0]
    night.minutes(5)
    assert night.rung(night.al) == [5]


def test_a_snooze_ends_by_ringing_who_put_it_off_and_then_the_next(night):
    page = night.alarm(night.monitoring)
    until = night.at + timedelta(minutes=30)
    for _ in range(2):  # twice for the same time: the first end is void, the second must not be lost with it
        actions.snooze_page(page_id=page.id, until=until, by=actor_of_person(night.bo.id), via=Door.WEB, at=night.at)
    assert [(promise.kind, promise.due_at) for promise in open_promises(page)] == [("page.unsnooze", until)]
    night.minutes(29)
    assert night.rung(night.bo) == [0]
    night.minutes(1)
    assert night.rung(night.bo) == [0, 30]
    assert page_of(page.id).state == "triggered"
    night.minutes(5)
    assert night.rung(night.al) == [35]


def test_a_snooze_into_the_past_is_refused(night):
    page = night.alarm(night.monitoring)
    with pytest.raises(Invalid, match="past"):
        actions.snooze_page(page_id=page.id, until=night.at, by=actor_of_person(night.bo.id), via=Door.WEB, at=night.at)


def test_an_owner_who_falls_asleep_again_is_rung_again_and_then_the_backup(night):
    page = night.alarm(night.monitoring)
    night.minutes(1)
    night.acknowledge(page, night.bo)
    night.minutes(15)
    assert night.told(night.bo)[-1] == (16, "Are you on it? P1 sw2 does not answer")
    assert night.rung(night.al) == []
    night.minutes(5)
    assert night.rung(night.al) == [21]
    assert (page_of(page.id).state, page_of(page.id).owner) == ("triggered", None)
    assert kinds(page) == ["page.triggered", "page.acknowledged", "page.asked", "page.woken"]


def test_an_owner_who_answers_when_asked_keeps_the_page_and_is_asked_again_later(night):
    page = night.alarm(night.monitoring)
    night.acknowledge(page, night.bo)
    night.minutes(16)
    night.acknowledge(page, night.bo, Door.SMS)
    assert kinds(page)[-1] == "page.confirmed"
    night.minutes(14)
    assert night.rung(night.bo) == [0, 15]
    night.minutes(1)
    assert night.rung(night.bo) == [0, 15, 31]
    assert night.rung(night.al) == []


def test_a_sign_of_life_anywhere_counts(night):
    page = night.alarm(night.monitoring)
    night.acknowledge(page, night.bo)
    night.minutes(10)
    note_sign_of_life(person_id=night.bo.id, at=night.at)
    night.minutes(14)
    assert night.rung(night.bo) == [0]
    actions.note_page(page_id=page.id, text="at the rack", by=actor_of_person(night.bo.id), via=Door.WEB, at=night.at)
    night.minutes(14)
    assert night.rung(night.bo) == [0]
    night.minutes(1)
    assert night.rung(night.bo) == [0, 39]


def test_another_persons_note_is_no_sign_of_life_of_the_owner(night):
    page = night.alarm(night.monitoring)
    night.acknowledge(page, night.bo)
    night.minutes(10)
    actions.note_page(page_id=page.id, text="how is it?", by=actor_of_person(night.al.id), via=Door.WEB, at=night.at)
    night.minutes(5)
    assert night.rung(night.bo) == [0, 15]


def test_an_owner_who_can_no_longer_be_woken_is_not_waited_for(night):
    page = night.alarm(night.monitoring)
    night.acknowledge(page, night.bo)
    ContactMethod.objects.filter(person=night.bo).update(broken_at=night.at)
    night.minutes(15)
    assert night.rung(night.al) == [15]


def test_only_a_p1_is_watched(night):
    page = night.alarm(night.monitoring, severity="error")
    assert (page.priority, page.urgency) == (2, "high")
    night.acknowledge(page, night.bo)
    assert open_promises(page) == []


def test_an_alarm_that_grows_worse_on_a_page_that_somebody_has_is_watched_from_then_on(night):
    page = night.alarm(night.monitoring, severity="error")
    night.acknowledge(page, night.bo)
    night.alarm(night.monitoring, severity="critical")
    assert page_of(page.id).priority == 1
    assert [promise.kind for promise in open_promises(page)] == ["page.alive"]


def test_a_quiet_page_that_becomes_urgent_rings_even_if_somebody_has_it(night):
    page = night.alarm(night.monitoring, severity="warning")
    assert night.rung(night.bo) == []
    assert night.told(night.bo, "email") == [], "it waits in the digest"
    assert [line.page for line in night.bo.digest_lines.all()] == [page]
    night.acknowledge(page, night.bo)
    night.minutes(3)
    again = night.alarm(night.monitoring, severity="critical")
    assert (again.id, again.state, again.urgency, again.priority) == (page.id, "triggered", "high", 1)
    assert night.rung(night.bo) == [3]
    assert kinds(page)[-1] == "page.raised"


def test_when_nobody_at_all_can_be_woken_the_page_says_so_and_is_tried_again(night):
    ContactMethod.objects.update(broken_at=night.at)
    page = night.alarm(night.monitoring)
    assert page.unreached
    assert night.rung(night.bo) == [0], "what seems broken is tried all the same"
    assert queries.counts({night.brand.id}).unreached == 1
    ContactMethod.objects.update(broken_at=None)
    night.minutes(10)
    assert not page_of(page.id).unreached


def test_a_seat_that_nobody_holds_is_passed_at_once(night):
    seat = f"empty-{night.brand.id}"
    wanted = [{"key": seat, "name": "empty", "acceptance_required": False}]
    rota.make_rota(brand_id=night.brand.id, name="empty", zone="Europe/London", seats=wanted, **night.doing)
    policy = night.policy((0, decide.Target("seat", seat)), (5, night.al))
    monitoring, _key = night.sender(policy)
    night.alarm(monitoring)
    assert night.rung(night.al) == [0]


@pytest.mark.parametrize("key", ["", "x", "99999999", "-1"])
def test_a_policy_that_names_nobody_ends_with_everybody(night, key):
    policy = decide.Policy(steps=(decide.Step(timedelta(0), (decide.Target("person", key),)),), repeat=0)
    with pytest.raises(NotFound, match="no such person"):
        night.sender(policy)
    night.monitoring.policy.stamp = decide.policy_as_json(policy)  # as after that person is gone
    night.monitoring.policy.save(update_fields=["stamp"])
    night.alarm(night.monitoring)
    assert night.rung(night.ines) == [0], "the manager of the brand's team"


def test_a_stamp_that_cannot_be_read_rings_managers_and_everybody(night):
    night.monitoring.policy.stamp = {"steps": "?"}
    night.monitoring.policy.save(update_fields=["stamp"])
    night.alarm(night.monitoring)
    assert night.rung(night.ines) == [0]


def test_a_page_keeps_the_policy_that_it_started_with(night):
    page = night.alarm(night.monitoring)
    actions.save_policy(
        brand_id=night.brand.id,
        name=night.monitoring.policy.name,
        policy=night.policy((0, night.ines)),
        **night.doing,
    )
    night.minutes(5)
    assert night.rung(night.al) == [5]
    assert page_of(page.id).rung == 2


def test_codes_are_short_numbers_that_no_other_page_has_or_had_lately(night, monkeypatch):
    class Dice:
        def sample(self, numbers, count):
            return [number for number in (111, 999, 472, 473) if number in numbers] or [1234]

    monkeypatch.setattr(actions.random, "SystemRandom", Dice)
    codes = [actions.trigger_page(brand_id=night.brand.id, title="x", priority="P1", **night.doing) for _ in range(3)]
    assert {page.code for page in codes} == {"472", "473", "1234"}
    for page in codes:
        actions.resolve_page(page_id=page.id, **night.doing)
    night.at += timedelta(hours=25)
    page = actions.trigger_page(brand_id=night.brand.id, title="x", priority="P1", **night.doing)
    assert page.code in ("472", "473")


def test_a_page_by_hand_rings_by_the_brands_policy(night):
    page = actions.trigger_page(
        brand_id=night.brand.id, title="  The\nphone is down ", priority="P1", component="pbx", **night.doing
    )
    assert page.title == "The phone is down"
    assert night.told(night.bo) == [(0, "P1 The phone is down")]
    assert queries.page_by_code(page.code, {night.brand.id}) == page
    with pytest.raises(Invalid, match="no title"):
        actions.trigger_page(brand_id=night.brand.id, title=" ", priority="P1", **night.doing)
    with pytest.raises(Invalid, match="P1 to P5"):
        actions.trigger_page(brand_id=night.brand.id, title="x", priority="P9", **night.doing)
    with pytest.raises(NotFound, match="no such policy"):
        actions.trigger_page(brand_id=night.brand.id, title="x", priority="P1", policy_id=10**9, **night.doing)


def test_a_note_stands_in_the_story_and_its_words_can_be_erased(night):
    page = night.alarm(night.monitoring)
    actions.note_page(page_id=page.id, text=" on my way ", by=actor_of_person(night.bo.id), via=Door.SMS, at=night.at)
    line = next(line for line in queries.story(page.id) if line.kind == "page.noted")
    assert (line.who, line.via, line.text, line.note) == ("Bo", "sms", "Bo noted", "on my way")
    with pytest.raises(Invalid, match="empty"):
        actions.note_page(page_id=page.id, text=" ", by=actor_of_person(night.bo.id), via=Door.SMS, at=night.at)


def test_the_story_has_what_is_to_come_first_and_then_the_newest(night):
    page = night.alarm(night.monitoring)
    night.minutes(6)
    lines = queries.story(page.id)
    assert [line.future for line in lines] == sorted((line.future for line in lines), reverse=True)
    assert (lines[0].what, lines[0].kind, lines[0].at) == ("promise", "page.ring", NIGHT + timedelta(minutes=10))
    past = [line for line in lines if line.what == "entry"]
    assert [line.kind for line in past] == ["page.rung", "page.triggered"]
    assert past[0].text == "Nobody answered. Rung: Al"
    assert {(line.who, line.kind) for line in lines if line.what == "delivery"} == {
        (name, channel) for name in ("Bo", "Al") for channel in ("sms", "email")
    }


def test_the_last_time_this_part_failed_is_known_with_what_helped(night):
    first = night.alarm(night.monitoring)
    assert queries.last_time(first) is None
    actions.resolve_page(
        page_id=first.id,
        resolution="swapped its power supply",
        by=actor_of_person(night.bo.id),
        via=Door.WEB,
        at=night.at,
    )
    night.minutes(60)
    other = night.alarm(night.monitoring, key="other", source="mill-lane")
    assert queries.last_time(other) is None
    second = night.alarm(night.monitoring)
    found = queries.last_time(second)
    assert found == first
    assert found.resolution == "swapped its power supply"
    actions.resolve_page(page_id=second.id, **night.doing)
    night.minutes(60)
    assert queries.last_time(night.alarm(night.monitoring)) == first, "one that says what helped is worth more"


def test_pages_of_other_brands_are_not_seen(night):
    page = night.alarm(night.monitoring)
    assert queries.open_pages({night.brand.id}) == [page] == queries.open_pages(None)
    assert queries.open_pages({night.brand.id + 1}) == []
    assert queries.counts(set()) == queries.Counts(0, 0, 0)
    with pytest.raises(NotFound):
        queries.page(page.id, {night.brand.id + 1})
    with pytest.raises(NotFound):
        queries.page_by_code(page.code, set())


# --- Answers ---------------------------------------------------------------------------------------------------------


def answer(night, verb, page, person, text=""):
    return answering.ANSWERS[verb](str(page.id), text, actor_of_person(person.id), Door.SMS, night.at)


def test_answers_say_back_what_came_of_them(night):
    page = night.alarm(night.monitoring)
    code = page.code
    assert answer(night, "page.status", page, night.bo) == (
        f"sw2 does not answer: nobody has it. Reply ok {code} to take it."
    )
    night.minutes(1)
    assert answer(night, "page.acknowledge", page, night.bo) == (
        f"You have it: sw2 does not answer. Reply done {code} when it is fixed."
    )
    night.minutes(1)
    # 03:01 UTC is 04:01 where Al lives.
    assert answer(night, "page.acknowledge", page, night.al) == "Bo took it at 04:01."
    assert answer(night, "page.status", page, night.al) == "sw2 does not answer: Bo took it at 04:01."
    assert answer(night, "page.note", page, night.al, "need a hand?") == "Noted on sw2 does not answer."
    assert answer(night, "page.escalate", page, night.bo) == "The next is being woken for sw2 does not answer."
    assert night.rung(night.al) == [2]
    assert answer(night, "page.resolve", page, night.al, "new fuse") == "Resolved: sw2 does not answer."
    assert page_of(page.id).resolution == "new fuse"
    assert answer(night, "page.acknowledge", page, night.bo) == "It is resolved. If it is back, raise a new page."
    assert answer(night, "page.status", page, night.bo) == "sw2 does not answer: resolved at 04:02."


# --- Two at once -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_it_at_once_by_two_doors_one_wins_and_the_other_is_told(night):
    page = night.alarm(night.monitoring)
    night.at += timedelta(minutes=1)
    with transaction.atomic():
        night.acknowledge(page, night.bo, Door.WEB)
        other = Hand(lambda: answer(night, "page.acknowledge", page, night.al))
        until_all_wait(other)
    assert other.result() == "Bo took it at 04:01."
    assert page_of(page.id).owner == night.bo
    assert kinds(page).count("page.acknowledged") == 1


@pytest.mark.django_db(transaction=True)
def test_a_ring_that_falls_due_while_somebody_takes_the_page_rings_nobody(night):
    page = night.alarm(night.monitoring)
    night.at += timedelta(minutes=5)
    (ring,) = leases.claim(Promise, "page", 10, at=night.at, worker=night.worker)
    with transaction.atomic():
        night.acknowledge(page, night.bo)
        worker = Hand(lambda: promises.keep(ring))
        until_all_wait(worker)
    worker.result()
    assert night.rung(night.al) == []
    ring.refresh_from_db()
    assert ring.ended_as == "void"


@pytest.mark.django_db(transaction=True)
def test_two_alarms_of_one_key_at_once_are_one_page(night):
    signal = Signal("trigger", "sw2", summary="sw2 does not answer", severity="critical", source="dock-street")
    StormGate.objects.create(integration=night.monitoring, key="dock-street")
    with transaction.atomic():
        StormGate.objects.select_for_update().get(key="dock-street")
        hands = [Hand(lambda: night.receive(night.monitoring, signal)) for _ in range(2)]
        until_all_wait(*hands)
    assert [hand.result().status for hand in hands] == [202, 202]
    (page,) = Page.objects.all()
    assert Alarm.objects.get().count == 2
    assert night.rung(night.bo) == [0]
    assert kinds(page) == ["page.triggered"]


@pytest.mark.django_db(transaction=True)
def test_two_alarms_of_one_key_from_two_streams_at_once_are_one_page_too(night):
    """The gates do not part these; the database's own constraint does, and the later one counts instead."""
    signals = [
        Signal("trigger", "sw2", summary="sw2 does not answer", severity="critical", source=source)
        for source in ("dock-street", "mill-lane")
    ]
    with transaction.atomic():
        night.receive(night.monitoring, signals[0])
        other = Hand(lambda: night.receive(night.monitoring, signals[1]))
        until_all_wait(other)
    assert other.result().status == 202
    assert Page.objects.count() == 1
    assert Alarm.objects.get().count == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_alarms_at_once_the_second_knows_of_the_first_so_that_the_storm_begins_in_time(night):
    pages = [night.alarm(night.monitoring, key=f"sw{number}") for number in range(4)]
    with transaction.atomic():
        night.alarm(night.monitoring, key="sw4")
        sixth = Hand(lambda: night.alarm(night.monitoring, key="sw5"))
        until_all_wait(sixth)
    assert sixth.result().id == pages[0].id
    assert Page.objects.filter(folded_into=pages[0]).count() == 4


@pytest.mark.django_db(transaction=True)
def test_somebody_takes_a_page_just_as_the_storm_would_gather_in_it(night):
    """The storm then begins in another page: it must not hide behind somebody who took one fault."""
    pages = [night.alarm(night.monitoring, key=f"sw{number}") for number in range(5)]
    with transaction.atomic():
        night.acknowledge(pages[0], night.bo)
        sixth = Hand(lambda: night.alarm(night.monitoring, key="sw5"))
        until_all_wait(sixth)
    assert sixth.result().id == pages[1].id
    assert page_of(pages[0].id).state == "acknowledged"
    assert Page.objects.filter(folded_into=pages[1]).count() == 3
