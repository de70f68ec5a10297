"""The token of a seat: it passes on time or stays where it is, and what was so stays so."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.channels.models import Delivery, Message
from nightdesk.duty import actions, handover_actions, queries, tasks
from nightdesk.duty.models import Acceptance, Hold
from nightdesk.duty.tests.nights import DAY, HOUR, MINUTE, Nights, wired
from nightdesk.journal.models import Entry
from nightdesk.people import actions as staff
from nightdesk.people.models import Person, Team
from nightdesk.rota import queries as plan
from nightdesk.rota import resolve
from nightdesk.rota.actions import cancel_override, set_layers
from nightdesk.rota.models import Seat

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""Monday. Daily turns are handed over at 18:00: Al has it since Sunday, then Bo."""
SIX = NOON + 6 * HOUR


@pytest.fixture(autouse=True)
def wiring() -> Iterator[None]:
    with wired():
        yield


@pytest.fixture
def nights() -> Nights:
    """Al holds the seat since eleven, and Al and Bo take turns by themselves."""
    return _al_and_bo(required=False)


@pytest.fixture
def asked() -> Nights:
    """The same, but a turn has to be accepted."""
    return _al_and_bo(required=True)


def _al_and_bo(*, required: bool) -> Nights:
    nights = Nights(NOON - HOUR)
    nights.rota(required=required)
    nights.first("Al")
    nights.layers(nights.daily("Al", "Bo"))
    nights.at = NOON
    return nights


# --- by itself ------------------------------------------------------------------------------------------------------


def test_the_token_passes_at_the_turns_own_instant_however_late_the_worker_is(nights: Nights) -> None:
    nights.until(SIX + HOUR, late=7 * MINUTE)
    assert (nights.holder(SIX - MINUTE), nights.holder(SIX), nights.holder()) == ("Al", "Bo", "Bo")
    assert Hold.objects.get(until_at=None).from_at == SIX
    assert nights.journal() == ["duty.set", "duty.began"]
    assert nights.mail() == []


def test_a_seat_that_nobody_holds_goes_to_whoever_is_planned() -> None:
    nights = Nights(NOON)
    nights.rota()
    nights.layers(nights.daily("Al", "Bo"))
    assert nights.holder() == "Al"


def test_each_turn_is_promised_when_the_one_before_begins(nights: Nights) -> None:
    for day in range(5):
        (row,) = Promise.objects.filter(kind="duty.turn", ended_at=None)
        assert row.due_at == SIX + day * DAY
        nights.until(SIX + day * DAY)
        assert nights.holder() == ("Bo", "Al")[day % 2]


def test_after_an_outage_of_days_every_handover_is_where_it_should_have_been(nights: Nights) -> None:
    nights.at = SIX + 3 * DAY + HOUR
    nights.work()
    assert [nights.holder(SIX + day * DAY - MINUTE) for day in range(5)] == ["Al", "Bo", "Al", "Bo", "Al"]


def test_in_a_gap_the_holder_keeps_it_and_the_journal_says_so() -> None:
    nights = Nights(NOON)
    nights.rota()
    office = {"weekdays": list(range(7)), "opens": "09:00", "closes": "17:00"}
    nights.layers(nights.daily("Al", "Bo", anchor="2026-03-02T09:00", restrict=[office]))
    nights.until(NOON + 8 * HOUR)
    assert nights.holder() == "Al"
    assert nights.journal() == ["duty.began", "duty.gap"]
    assert (nights.on().person_name, nights.on().next_person_name) == ("Al", "Bo")
    assert nights.on().until == datetime(2026, 3, 3, 9, tzinfo=UTC)
    nights.until(NOON + DAY)
    assert nights.holder() == "Bo"


@pytest.mark.parametrize(
    ("zone", "anchor", "handovers"),
    [
        # A time that clocks skip, or show twice, in the night between the first two: half an hour of it on Lord Howe.
        ("America/Chicago", "2020-03-06T02:30", "03-07T08:30 03-08T08:00 03-09T07:30"),
        ("America/Chicago", "2020-10-30T01:30", "10-31T06:30 11-01T06:30 11-02T07:30"),
        ("Europe/London", "2020-03-27T01:30", "03-28T01:30 03-29T01:00 03-30T00:30"),
        ("Europe/London", "2020-10-23T01:30", "10-24T00:30 10-25T00:30 10-26T01:30"),
        ("Australia/Lord_Howe", "2020-10-02T02:15", "10-02T15:45 10-03T15:30 10-04T15:15"),
        ("Australia/Lord_Howe", "2020-04-03T01:45", "04-03T14:45 04-04T14:45 04-05T15:15"),
        ("Australia/Sydney", "2020-10-02T02:30", "10-02T16:30 10-03T16:00 10-04T15:30"),
        ("Australia/Sydney", "2020-04-03T02:30", "04-03T15:30 04-04T15:30 04-05T16:30"),
        ("Europe/London", "2020-02-27T18:00", "02-28T18:00 02-29T18:00 03-01T18:00"),
        ("Europe/London", "2021-02-26T18:00", "02-27T18:00 02-28T18:00 03-01T18:00"),
    ],
)
def test_on_the_nights_when_clocks_change_and_on_leap_days_the_token_passes_once_and_on_time(
    zone: str, anchor: str, handovers: str
) -> None:
    first = datetime.fromisoformat(f"{anchor[:4]}-{handovers.split()[0]}").replace(tzinfo=UTC)
    nights = Nights(first - 12 * HOUR)
    nights.rota(zone=zone)
    nights.layers(nights.daily("Al", "Bo", "Cy", anchor=anchor))
    nights.until(first + 2 * DAY + 12 * HOUR)
    began = [hold.from_at.strftime("%m-%dT%H:%M") for hold in Hold.objects.order_by("from_at")[1:]]
    assert began == handovers.split()


def test_an_inactive_person_never_gets_the_token(nights: Nights) -> None:
    Person.objects.filter(name="Bo").update(active=False)
    nights.until(SIX + HOUR)
    assert nights.holder() == "Al"
    assert nights.mail() == [("duty.told", "Al")]


# --- accepting ------------------------------------------------------------------------------------------------------


def test_a_missed_acceptance_leaves_the_token_and_tells_both_once(asked: Nights) -> None:
    asked.until(SIX + 5 * HOUR)
    assert asked.holder() == "Al"
    assert asked.journal() == ["duty.set", "duty.not_taken", "duty.asked"]
    ahead, afterwards = asked.mail()[:2], asked.mail()[2:]
    assert ahead == [("duty.note", "Al"), ("duty.ask", "Bo")]
    assert afterwards == [("duty.ask", "Bo"), ("duty.told", "Al")]
    on = asked.on()
    assert (on.person_name, on.until, on.next_person_name, on.next_accepted) == ("Al", None, "Bo", False)


def test_accepted_ahead_it_passes_at_the_hour(asked: Nights) -> None:
    asked.accept("Bo", SIX)
    assert asked.holder() == "Al"
    assert (asked.on().until, asked.on().next_person_name, asked.on().next_accepted) == (SIX, "Bo", True)
    asked.until(SIX + HOUR, late=MINUTE)
    assert (asked.holder(SIX - MINUTE), asked.holder(SIX)) == ("Al", "Bo")
    assert asked.mail() == [("duty.note", "Al"), ("duty.note", "Bo")]


def test_accepted_late_it_passes_at_once(asked: Nights) -> None:
    asked.until(SIX + HOUR)
    asked.accept("Bo", SIX)
    assert (asked.holder(SIX + HOUR - MINUTE), asked.holder()) == ("Al", "Bo")
    assert not Delivery.objects.filter(state=Delivery.State.QUEUED).exists()


def test_the_answer_to_the_question_accepts(asked: Nights) -> None:
    asked.until(SIX + MINUTE)
    verb, kind, subject = Message.objects.get(kind="duty.ask").answers["acknowledge"]
    assert (verb, kind) == (actions.ACCEPT, "seat")
    by = asked.by("Bo")
    said = tasks.accept_by_answer(subject, "ok", by["by"], by["via"], asked.at)
    assert asked.holder() == "Bo"
    assert "Night" in said


def test_accepting_again_changes_nothing(asked: Nights) -> None:
    asked.accept("Bo", SIX)
    asked.accept("Bo", SIX)
    asked.until(SIX + HOUR)
    asked.accept("Bo", SIX)
    assert asked.journal() == ["duty.set", "duty.accepted", "duty.began"]
    assert asked.mail() == [("duty.note", "Al"), ("duty.note", "Bo")]
    actions.pass_duty(seat_key="night", to_person_id=asked.person("Al"), **asked.by("Bo"))
    handover_actions.accept_offer(seat_key="night", **asked.by("Al"))
    asked.accept("Bo", SIX)
    assert asked.holder() == "Al"


def test_an_acceptance_that_comes_while_the_turn_begins_is_not_lost(asked: Nights) -> None:
    before = asked.by("Bo") | {"at": SIX - timedelta(milliseconds=1)}
    asked.until(SIX)
    actions.accept_duty(seat_key="night", turn_at=SIX, **before)
    asked.work()
    assert asked.holder(SIX) == "Bo"


@pytest.mark.parametrize(
    ("turn_at", "refusal"),
    [
        (SIX + DAY, IllegalTransition),  # Al's, and more than a day ahead
        (SIX + 2 * DAY, IllegalTransition),
        (SIX + HOUR, Invalid),
        (NOON - DAY, IllegalTransition),  # over
        (NOON - HOUR, IllegalTransition),  # Al's, and on
    ],
)
def test_what_cannot_be_accepted_is_refused(asked: Nights, turn_at: datetime, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        asked.accept("Bo", turn_at)
    assert not Acceptance.objects.exists()


def test_a_day_ahead_is_soon_enough_to_accept_and_a_second_more_is_not(asked: Nights) -> None:
    asked.until(SIX - timedelta(seconds=1))
    with pytest.raises(IllegalTransition):
        asked.accept("Al", SIX + DAY)
    asked.until(SIX)
    asked.accept("Al", SIX + DAY)


def test_somebody_elses_turn_is_named_in_the_refusal(asked: Nights) -> None:
    with pytest.raises(IllegalTransition, match="It is the turn of Bo"):
        asked.accept("Cy", SIX)


def test_only_a_manager_accepts_for_somebody_else(asked: Nights) -> None:
    with pytest.raises(Forbidden):
        actions.accept_duty(seat_key="night", turn_at=SIX, person_id=asked.person("Bo"), **asked.by("Al"))
    with pytest.raises(Invalid):
        actions.accept_duty(seat_key="night", turn_at=SIX, **asked.doing)
    actions.accept_duty(seat_key="night", turn_at=SIX, person_id=asked.person("Bo"), **asked.by("Al", "manager"))
    asked.until(SIX)
    assert asked.holder() == "Bo"


def test_of_a_team_the_first_to_accept_has_it_and_the_other_is_told_who() -> None:
    nights = Nights(NOON)
    nights.rota(required=True)
    team = Team.objects.create(brand=nights.brand, name="Desk")
    team.members.set([nights.person("Bo"), nights.person("Cy")])
    nights.first("Al")
    teams_turn = {"members": [{"person": nights.person("Al")}, {"team": team.id}], "anchor": "2026-03-01T18:00"}
    nights.layers(teams_turn | {"turn": "day"})
    nights.accept("Cy", SIX)
    with pytest.raises(IllegalTransition, match="Cy has accepted it already") as refused:
        nights.accept("Bo", SIX)
    assert refused.value.extra == {"holder": nights.person("Cy")}
    assert (nights.on().next_person_name, nights.on(SIX + HOUR).person_name) == ("Cy", "Cy")
    nights.until(SIX)
    assert nights.holder() == "Cy"
    nights.at += HOUR
    with pytest.raises(IllegalTransition, match="Cy has accepted it already"):
        nights.accept("Bo", SIX)


def test_a_team_is_asked_whole_when_nobody_of_it_has_accepted() -> None:
    nights = Nights(NOON)
    nights.rota()
    team = Team.objects.create(brand=nights.brand, name="Desk")
    team.members.set([nights.person("Bo"), nights.person("Cy")])
    nights.first("Al")
    nights.layers({"members": [{"team": team.id}], "anchor": "2026-03-02T18:00", "turn": "day"})
    assert (nights.on(SIX).person_id, nights.on(SIX).person_name) == (None, "Desk")
    nights.until(SIX)
    assert (nights.holder(), nights.mail()) == ("Al", [("duty.ask", "Bo"), ("duty.ask", "Cy")])
    nights.until(SIX + 10 * MINUTE)
    again = nights.mail()[2:]
    assert again == [("duty.ask", "Bo"), ("duty.ask", "Cy"), ("duty.told", "Al")]


def test_an_acceptance_of_a_turn_that_became_somebody_elses_does_not_count(asked: Nights) -> None:
    asked.accept("Bo", SIX)
    asked.override("replace", SIX, SIX + DAY, member_id=asked.person("Cy"), instead_of_id=asked.person("Bo"))
    asked.work()
    assert (asked.on().next_person_name, asked.on().next_accepted) == ("Cy", False)
    asked.accept("Cy", SIX)
    asked.until(SIX)
    assert asked.holder() == "Cy"


# --- by hand --------------------------------------------------------------------------------------------------------


def test_the_holder_passes_it_and_the_receiver_is_told(nights: Nights) -> None:
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Cy"), **nights.by("Al"))
    assert (nights.holder(), nights.mail()) == ("Cy", [("duty.told", "Cy")])
    assert (nights.on().until, nights.on().next_person_name) == (SIX, "Bo")
    nights.until(SIX)
    assert nights.holder() == "Bo"


def test_nobody_passes_what_another_has_and_nobody_gets_it_who_is_gone(nights: Nights) -> None:
    with pytest.raises(IllegalTransition, match="Al has Night since"):
        actions.pass_duty(seat_key="night", to_person_id=nights.person("Bo"), **nights.by("Bo"))
    Person.objects.filter(id=nights.person("Cy")).update(active=False)
    with pytest.raises(Invalid):
        actions.pass_duty(seat_key="night", to_person_id=nights.person("Cy"), **nights.by("Al"))
    with pytest.raises(NotFound):
        actions.pass_duty(seat_key="night", to_person_id=99999999, **nights.by("Al"))
    assert nights.holder() == "Al"
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Bo"), **nights.by("Dee", "manager"))
    assert nights.holder() == "Bo"


def test_whose_turn_it_is_or_a_manager_takes_it_at_once(asked: Nights) -> None:
    with pytest.raises(IllegalTransition, match="Al has it"):
        actions.take_duty(seat_key="night", **asked.by("Bo"))
    asked.until(SIX + HOUR)
    actions.take_duty(seat_key="night", **asked.by("Bo"))
    assert asked.holder() == "Bo"
    asked.at += HOUR
    actions.take_duty(seat_key="night", **asked.by("Dee", "manager"))
    actions.take_duty(seat_key="night", **asked.by("Dee", "manager"))
    assert asked.holder() == "Dee"
    assert asked.journal()[-2:] == ["duty.taken", "duty.taken"]
    with pytest.raises(Invalid):
        actions.take_duty(seat_key="night", **asked.doing)


def test_a_manager_sets_the_first_holder_and_only_the_first(nights: Nights) -> None:
    nights.first("Al")
    with pytest.raises(IllegalTransition, match="Al has Night since 2026-03-02T11:00"):
        nights.first("Bo")
    with pytest.raises(Forbidden):
        actions.set_first_holder(seat_key="night", person_id=nights.person("Bo"), **nights.by("Bo"))
    assert nights.journal() == ["duty.set"]


@pytest.mark.parametrize("after", [timedelta(0), 5 * MINUTE])
def test_what_was_done_by_hand_from_the_hour_on_stands_when_the_worker_comes_late(
    nights: Nights, after: timedelta
) -> None:
    nights.at = SIX + after
    actions.take_duty(seat_key="night", **nights.by("Dee", "manager"))
    nights.work(late=MINUTE)
    assert (nights.holder(nights.at - MINUTE), nights.holder()) == ("Al", "Dee")
    assert Promise.objects.get(kind="duty.turn", ended_at=None).due_at == SIX + DAY


def test_a_holder_cannot_be_deactivated_before_passing_it(nights: Nights) -> None:
    assert "Night" in queries.may_deactivate(nights.person("Al"), nights.at)
    assert queries.may_deactivate(nights.person("Bo"), nights.at) == ""
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Bo"), **nights.by("Al"))
    assert queries.may_deactivate(nights.person("Al"), nights.at) == ""


# --- when the plan changes ------------------------------------------------------------------------------------------


def test_an_override_in_the_middle_of_a_turn_moves_the_token_at_its_instants(nights: Nights) -> None:
    nights.override("add", NOON + 2 * HOUR, NOON + 4 * HOUR, member_id=nights.person("Cy"))
    nights.until(SIX, late=MINUTE)
    held = [nights.holder(NOON + half * HOUR / 2) for half in range(3, 10)]
    assert held == ["Al", "Cy", "Cy", "Cy", "Cy", "Al", "Al"]


def test_an_override_from_now_on_moves_the_token_now_and_its_end_moves_it_back(nights: Nights) -> None:
    made = nights.override("add", NOON, NOON + 4 * HOUR, member_id=nights.person("Cy"))
    nights.work(late=MINUTE)
    assert nights.holder(NOON) == "Cy"
    nights.at = NOON + HOUR
    cancel_override(override_id=made, **nights.doing)
    nights.work()
    assert (nights.holder(NOON + HOUR - MINUTE), nights.holder()) == ("Cy", "Al")


def test_two_changes_before_the_worker_comes_leave_the_token_where_the_last_wants_it(nights: Nights) -> None:
    made = nights.override("add", NOON, NOON + 4 * HOUR, member_id=nights.person("Cy"))
    nights.at += MINUTE
    cancel_override(override_id=made, **nights.doing)
    nights.at += MINUTE
    nights.work()
    assert (nights.holder(NOON), nights.holder(NOON + MINUTE), nights.holder()) == ("Cy", "Al", "Al")
    assert Promise.objects.get(kind="duty.turn", ended_at=None).due_at == SIX


def test_new_turns_that_bring_somebody_else_on_begin_when_they_are_set(nights: Nights) -> None:
    nights.layers(nights.daily("Cy"))
    assert (nights.holder(NOON), nights.journal()[-1]) == ("Cy", "duty.began")
    assert not Promise.objects.filter(kind="duty.turn", ended_at=None).exists()


def test_where_acceptance_is_needed_new_turns_are_asked_for_and_can_be_accepted(asked: Nights) -> None:
    asked.at += MINUTE
    asked.layers(asked.daily("Cy"))
    assert (asked.holder(), asked.mail()) == ("Al", [("duty.ask", "Cy")])
    subject = Message.objects.get(kind="duty.ask").answers["acknowledge"][2]
    asked.at += MINUTE
    by = asked.by("Cy")
    tasks.accept_by_answer(subject, "ok", by["by"], by["via"], asked.at)
    assert asked.holder() == "Cy"


def test_a_change_of_another_day_leaves_what_was_passed_by_hand(nights: Nights) -> None:
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Cy"), **nights.by("Al"))
    nights.override("add", SIX + 3 * DAY, SIX + 4 * DAY, member_id=nights.person("Cy"))
    nights.work()
    assert nights.holder() == "Cy"


def test_a_handover_that_is_due_while_the_plan_changes_is_not_lost(nights: Nights) -> None:
    nights.at = SIX + MINUTE
    nights.override("add", SIX + 3 * DAY, SIX + 4 * DAY, member_id=nights.person("Cy"))
    nights.work()
    assert nights.holder(SIX) == "Bo"


def test_a_turn_that_was_planned_away_passes_nothing(nights: Nights) -> None:
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Cy"), **nights.by("Al"))
    set_layers(seat_key="night", layers=[nights.daily("Al", "Al", "Bo")], **nights.doing)
    stale = Promise.objects.get(kind="duty.turn", ended_at=None)
    assert tasks.begin_turn(stale, SIX) == "The plan has changed: no turn begins then."
    assert nights.holder() == "Cy"


def test_planning_the_same_again_keeps_one_promise(nights: Nights) -> None:
    for _ in range(3):
        nights.layers(nights.daily("Al", "Bo"))
    row = Promise.objects.get(kind="duty.replan", occurrence__isnull=False, id__in=_last_replans(1))
    tasks.replan_seat(row, nights.at)
    tasks.replan_seat(row, nights.at)
    assert Promise.objects.get(kind="duty.turn", ended_at=None).due_at == SIX
    nights.until(SIX)
    assert nights.holder() == "Bo"


def _last_replans(count: int) -> list[Any]:
    return list(Promise.objects.filter(kind="duty.replan").order_by("-id").values_list("id", flat=True)[:count])


def test_beginning_a_turn_twice_is_beginning_it_once(asked: Nights) -> None:
    asked.accept("Bo", SIX)
    row = Promise.objects.get(kind="duty.turn", ended_at=None)
    asked.at = SIX
    tasks.begin_turn(row, SIX)
    tasks.begin_turn(row, SIX)
    assert asked.journal().count("duty.began") == 1
    assert Promise.objects.filter(kind="duty.turn", ended_at=None).exclude(id=row.id).count() == 1


# --- what is told ---------------------------------------------------------------------------------------------------


def test_who_was_on_stays_as_it_was_whatever_is_planned_later(nights: Nights) -> None:
    nights.until(SIX + 3 * DAY)
    instants = [NOON + step * 5 * HOUR for step in range(15)]
    before = [(nights.on(at).person_name, nights.on(at).since, nights.on(at).held) for at in instants]
    nights.layers(nights.daily("Cy", "Bo", anchor="2026-02-01T03:00"))
    nights.until(nights.at + DAY)
    assert [(nights.on(at).person_name, nights.on(at).since, nights.on(at).held) for at in instants] == before


def test_of_the_past_the_next_is_who_really_came_next(nights: Nights) -> None:
    nights.until(SIX - HOUR)
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Cy"), **nights.by("Al"))
    nights.until(SIX + DAY)
    on = nights.on(NOON)
    assert (on.person_name, on.until, on.next_person_name) == ("Al", SIX - HOUR, "Cy")


def test_of_the_future_the_plan_is_told_and_until_it_changes_the_holder(nights: Nights) -> None:
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Cy"), **nights.by("Al"))
    soon, tomorrow = nights.on(NOON + HOUR), nights.on(SIX + HOUR)
    assert (soon.person_name, soon.held, soon.until) == ("Cy", False, SIX)
    assert (tomorrow.person_name, tomorrow.held, tomorrow.next_person_name) == ("Bo", False, "Al")
    assert queries.holder("night", NOON + HOUR, now=NOON) == nights.person("Cy")
    assert queries.holder("night", SIX + HOUR, now=NOON) == nights.person("Bo")
    assert queries.holder("night", NOON, now=NOON) == nights.person("Cy")
    assert queries.holder("night", NOON - 2 * HOUR, now=NOON) is None


def test_a_seat_that_nobody_has_is_told_as_such() -> None:
    nights = Nights(NOON)
    nights.rota()
    assert nights.on() == queries.OnDuty(
        seat_key="night",
        seat_name="Night",
        rota_name="Nights",
        brand_id=nights.brand.id,
        person_id=None,
        person_name="",
        since=None,
        until=None,
        next_person_id=None,
        next_person_name="",
        next_accepted=False,
        held=False,
    )
    assert queries.who_is_on(NOON, set(), now=NOON) == []


def test_the_number_of_queries_does_not_grow_with_the_seats() -> None:
    nights = Nights(NOON)
    seats = [f"night-{number}" for number in range(6)]

    def ask(*keys: str) -> list[int]:
        nights.rota(*keys)
        for key in keys:
            nights.layers(nights.daily("Al", "Bo"), seat=key, reason="Two people are enough to count queries.")
        counts = []
        for at in (nights.at, SIX + DAY):
            queries.who_is_on(at, {nights.brand.id}, now=nights.at)
            with CaptureQueriesContext(connection) as few:
                queries.who_is_on(at, {nights.brand.id}, now=nights.at)
            counts.append(len(few))
        return counts

    assert ask(*seats[:2]) == ask(*seats[2:])


def test_the_plain_entry_says_who_and_where(nights: Nights) -> None:
    nights.until(SIX)
    entry = Entry.objects.get(kind="duty.began")
    wanted = {"seat": "Night", "person": "Bo", "person_id": nights.person("Bo"), "holder": "Al"}
    assert entry.facts.items() >= wanted.items()
    assert (entry.subject_kind, entry.subject_id) == ("seat", str(Seat.objects.get().id))


# --- the database holds too -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "second",
    [
        {"from_at": NOON + HOUR, "until_at": NOON + 2 * HOUR},
        {"from_at": NOON - 2 * HOUR, "until_at": NOON - HOUR + timedelta(microseconds=1)},
        {"from_at": NOON + DAY, "until_at": None},
    ],
)
def test_the_database_refuses_two_holders_of_one_seat(nights: Nights, second: dict[str, Any]) -> None:
    seat = Seat.objects.get()
    bo = nights.person("Bo")
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.create(seat=seat, person_id=bo, how=Hold.How.TAKEN, **second)
    Hold.objects.create(seat=seat, person_id=bo, how=Hold.How.TAKEN, from_at=NOON - 2 * HOUR, until_at=NOON - HOUR)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_has_it_and_the_other_is_told_who() -> None:
    nights = Nights(NOON)
    nights.rota(required=True)
    team = Team.objects.create(brand=nights.brand, name="Desk")
    team.members.set([nights.person("Bo"), nights.person("Cy")])
    nights.layers({"members": [{"team": team.id}], "anchor": "2026-03-02T18:00", "turn": "day"})
    told: list[Refusal] = []

    def accept() -> None:
        try:
            nights.accept("Cy", SIX)
        except Refusal as refusal:
            told.append(refusal)
        finally:
            connection.close()

    with transaction.atomic():
        nights.accept("Bo", SIX)
        other = threading.Thread(target=accept)
        other.start()
        _until(_somebody_waits)
    other.join(60)
    assert [(refusal.code, refusal.extra) for refusal in told] == [
        ("illegal-transition", {"holder": nights.person("Bo")})
    ]
    assert Acceptance.objects.get().person_id == nights.person("Bo")


@pytest.mark.django_db(transaction=True)
def test_a_turn_that_begins_while_its_acceptance_waits_still_passes_to_them() -> None:
    nights = Nights(NOON)
    nights.rota(required=True)
    nights.first("Al")
    nights.layers(nights.daily("Al", "Bo"))
    ahead = nights.by("Bo") | {"at": SIX - MINUTE}

    def accept() -> None:
        try:
            actions.accept_duty(seat_key="night", turn_at=SIX, **ahead)
        finally:
            connection.close()

    row = Promise.objects.get(kind="duty.turn", ended_at=None)
    with transaction.atomic():
        tasks.begin_turn(row, SIX)
        Promise.objects.filter(id=row.id).update(ended_at=SIX, ended_as="kept")
        other = threading.Thread(target=accept)
        other.start()
        _until(_somebody_waits)
    other.join(60)
    nights.until(SIX + MINUTE)
    assert nights.holder(SIX) == "Bo"


@pytest.mark.django_db(transaction=True)
def test_nobody_is_deactivated_while_the_token_is_on_its_way_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff, "MAY_DEACTIVATE", [queries.may_deactivate])
    nights = Nights(NOON)
    nights.rota()
    nights.first("Al")
    cy = nights.person("Cy")
    told: list[Refusal] = []

    def deactivate() -> None:
        try:
            staff.deactivate_person(person_id=cy, **nights.doing)
        except Refusal as refusal:
            told.append(refusal)
        finally:
            connection.close()

    with transaction.atomic():
        actions.pass_duty(seat_key="night", to_person_id=cy, **nights.by("Al"))
        other = threading.Thread(target=deactivate)
        other.start()
        _until(_somebody_waits)
    other.join(60)
    assert [refusal.so for refusal in told] == ["They are on duty: Night."]
    assert Person.objects.get(id=cy).active


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        (count,) = cursor.fetchone() or (0,)
    return bool(count)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "Nobody came to wait for the lock."
        time.sleep(0.01)


# --- calendar and pager ---------------------------------------------------------------------------------------------

ZONES = ["UTC", "Europe/London", "Australia/Lord_Howe"]
WEEK_OF_CLOCKS = {
    "UTC": datetime(2026, 3, 2, tzinfo=UTC),
    "Europe/London": datetime(2026, 3, 28, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, tzinfo=UTC),
}
DAYS = 3
half_hours = st.integers(0, 2 * 24 * DAYS)
names = st.sampled_from(["Al", "Bo", "Cy"])


@st.composite
def layers_of(draw: st.DrawFn) -> dict[str, Any]:
    windows = st.tuples(st.integers(0, 23), st.integers(0, 23)).map(
        lambda hours: {"weekdays": list(range(7)), "opens": f"{hours[0]:02}:00", "closes": f"{hours[1]:02}:30"}
    )
    return {
        "members": draw(st.lists(names, min_size=1, max_size=3)),
        "hour": draw(st.integers(0, 47)),
        "turn": draw(st.sampled_from(["hour", "day"])),
        "every": draw(st.integers(6, 13)),
        "restrict": draw(st.lists(windows, max_size=1)),
    }


@st.composite
def overrides_of(draw: st.DrawFn) -> tuple[str, int, int, str, str, int]:
    made, start = draw(half_hours), draw(half_hours)
    return (
        draw(st.sampled_from(["add", "remove", "replace"])),
        max(made, start),
        max(made, start) + draw(st.integers(1, 24)),
        draw(names),
        draw(names),
        made,
    )


@settings(deadline=None, max_examples=10, database=None)
@given(
    zone=st.sampled_from(ZONES),
    layers=st.lists(layers_of(), min_size=1, max_size=2),
    overrides=st.lists(overrides_of(), max_size=3),
)
@example(  # an override made at the instant of a handover that has just been seen to
    zone="UTC",
    layers=[{"members": ["Al", "Bo"], "hour": 0, "turn": "hour", "every": 6, "restrict": []}],
    overrides=[("add", 12, 20, "Cy", "Cy", 12)],
)
@example(
    zone="Europe/London",
    layers=[{"members": ["Al", "Bo"], "hour": 3, "turn": "hour", "every": 6, "restrict": []}],
    overrides=[("replace", 30, 40, "Cy", "Al", 29), ("add", 35, 44, "Bo", "Al", 36)],
)
def test_calendar_and_pager_agree_whenever_handovers_are_on_time(
    zone: str, layers: list[dict[str, Any]], overrides: list[tuple[str, int, int, str, str, int]]
) -> None:
    """At each half-hour of three days with a change of clocks: who holds it is who is planned, and in a gap who was last."""
    with transaction.atomic():
        nights = Nights(WEEK_OF_CLOCKS[zone])
        start = nights.at
        rota = nights.rota(zone=zone)
        local = start.astimezone(ZoneInfo(zone))
        nights.layers(
            *(
                {
                    "members": [{"person": nights.person(name)} for name in layer["members"]],
                    "anchor": (local - DAY).strftime(f"%Y-%m-%dT{layer['hour'] // 2:02}:{layer['hour'] % 2 * 30:02}"),
                    "turn": layer["turn"],
                    "every": layer["every"] if layer["turn"] == "hour" else 1,
                    "restrict": layer["restrict"],
                }
                for layer in layers
            )
        )
        for kind, begins, ends, on, off, made in sorted(overrides, key=lambda override: override[-1]):
            nights.until(start + made * HOUR / 2)
            if kind == "replace" and on == off:
                continue
            who = {
                "member_id": nights.person(on) if kind != "remove" else None,
                "instead_of_id": nights.person(off) if kind != "add" else None,
            }
            nights.override(kind, start + begins * HOUR / 2, start + ends * HOUR / 2, **who)
            nights.work()
        nights.until(start + DAYS * DAY)
        calendar = plan.load_rota(rota)
        holds = list(Hold.objects.order_by("from_at"))
        last = None
        for step in range(2 * 24 * DAYS):
            at = start + step * HOUR / 2
            last = resolve.scheduled(calendar, at)["night"] or last
            held = [
                ("person", hold.person_id)
                for hold in holds
                if hold.from_at <= at and (hold.until_at is None or at < hold.until_at)
            ]
            assert held == ([last] if last else [])
        transaction.set_rollback(True)
