from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.customers.hours import HORIZON, ROUND_THE_CLOCK, SupportHours, add_open_time, parse_window
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import (
    Channels,
    Clock,
    ContractFacts,
    Cover,
    IntegrationRule,
    OutOfHours,
    Reason,
    Target,
    what_an_alarm_may_do,
    what_is_promised,
)

modest = settings(max_examples=40, deadline=None)

P1, P2, P3, P4, P5 = Priority
OFFICE = SupportHours("Europe/London", ((parse_window("09:00-17:30"),),) * 5 + ((), ()))
HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


FRIDAY_NOON = utc("2026-11-20T12:00")
FRIDAY_NIGHT = utc("2026-11-20T23:00")
MONDAY_MORNING = utc("2026-11-23T09:00")


def contract(**facts) -> ContractFacts:
    return ContractFacts(**{"hours": OFFICE, "out_of_hours": OutOfHours.NOTHING} | facts)


def kind(cover: Cover) -> tuple[object, ...]:
    return cover.reason, cover.open_now, cover.covered_now, cover.may_page_now, cover.channels


starts = st.integers(0, 6 * 48).map(lambda step: utc("2026-10-23") + step * timedelta(minutes=30))
priorities = st.sampled_from(Priority)
work_types = st.sampled_from([None, "fault", "install"])
weeks = st.sampled_from(
    [
        OFFICE.week,
        ROUND_THE_CLOCK,
        ((),) * 7,
        ((parse_window("22:00-06:00"),),) * 7,
        ((parse_window("08:00-12:00"), parse_window("13:00-18:00")),) * 7,
    ]
)


@st.composite
def contracts(draw):
    valid = sorted(draw(st.lists(starts, min_size=2, max_size=2, unique=True)))
    targets = st.builds(Target, st.integers(1, 30).map(lambda hours: hours * HOUR), st.sampled_from(Clock))
    return contract(
        hours=SupportHours("Europe/London", draw(weeks), holidays=frozenset({date(2026, 10, 26)})),
        out_of_hours=draw(st.sampled_from(OutOfHours)),
        may_wake=draw(st.frozensets(st.sampled_from([P1, P2, P3, P4]))),
        respond_targets=draw(st.dictionaries(priorities, targets)),
        fix_targets=draw(st.dictionaries(priorities, targets)),
        not_at_night=frozenset({"install"}),
        valid_from=draw(st.sampled_from([None, valid[0]])),
        valid_until=draw(st.sampled_from([None, valid[1]])),
    )


@modest
@given(contracts(), priorities, work_types, starts, st.integers(0, 999))
def test_the_answer_holds_until_it_says_and_changes_then(facts, priority, work_type, at, part):
    cover = what_is_promised(facts, priority, at, work_type)
    if cover.holds_until is None:
        later = what_is_promised(facts, priority, at + part * HORIZON / 1000, work_type)
        assert kind(later) == kind(cover)
        return
    assert cover.holds_until > at
    between = what_is_promised(facts, priority, at + part * (cover.holds_until - at) / 1000, work_type)
    assert kind(between) == kind(cover)
    assert between.holds_until == cover.holds_until
    assert kind(what_is_promised(facts, priority, cover.holds_until, work_type)) != kind(cover)


@modest
@given(contracts(), priorities, work_types, starts)
def test_somebody_looks_now_exactly_if_a_page_may_go_out_now(facts, priority, work_type, at):
    cover = what_is_promised(facts, priority, at, work_type)
    assert (cover.answer_from == at) == cover.may_page_now
    assert cover.covered_now or not cover.may_page_now
    if cover.answer_from is not None:
        then = what_is_promised(
            replace(facts, valid_from=None, valid_until=None), priority, cover.answer_from, work_type
        )
        assert then.may_page_now


@modest
@given(contracts(), priorities, work_types, starts)
def test_out_of_hours_nothing_pages_that_the_contract_does_not_name(facts, priority, work_type, at):
    cover = what_is_promised(facts, priority, at, work_type)
    if cover.may_page_now and not cover.open_now:
        assert priority in facts.may_wake
        assert work_type != "install"


@modest
@given(contracts(), priorities, work_types, starts, starts)
def test_what_arrives_later_is_never_due_earlier(facts, priority, work_type, one, another):
    first, second = sorted((one, another))
    sooner, later = (what_is_promised(facts, priority, at, work_type) for at in (first, second))
    for name in ("respond_by", "fix_by"):
        if getattr(sooner, name) is not None and getattr(later, name) is not None:
            assert first < getattr(sooner, name) <= getattr(later, name)


@modest
@given(contracts(), priorities, starts)
def test_an_alarm_and_a_customer_with_the_same_hours_and_may_wake_page_alike(facts, priority, at):
    facts = replace(facts, valid_from=None, valid_until=None)
    alarm = what_an_alarm_may_do(IntegrationRule(facts.hours, facts.may_wake), priority, at)
    customer = what_is_promised(facts, priority, at)
    assert (alarm.may_page_now, alarm.open_now, alarm.answer_from, alarm.holds_until) == (
        customer.may_page_now,
        customer.open_now,
        customer.answer_from,
        customer.holds_until,
    )
    assert alarm.respond_by is None
    assert alarm.fix_by is None


@pytest.mark.parametrize(
    ("facts", "priority", "at", "work_type", "expected"),
    [
        ({}, P4, FRIDAY_NOON, None, (Reason.IN_HOURS, True, True, True, Channels.EVERY)),
        ({}, P5, FRIDAY_NOON, "install", (Reason.IN_HOURS, True, True, True, Channels.EVERY)),
        ({}, P1, FRIDAY_NIGHT, None, (Reason.OUT_OF_HOURS_NOT_COVERED, False, False, False, Channels.NONE)),
        (
            {"out_of_hours": OutOfHours.EMAIL_ONLY},
            P1,
            FRIDAY_NIGHT,
            None,
            (Reason.OUT_OF_HOURS_EMAIL_ONLY, False, False, False, Channels.EMAIL_ONLY),
        ),
        (
            {"out_of_hours": OutOfHours.FULL, "may_wake": frozenset({P1, P2})},
            P2,
            FRIDAY_NIGHT,
            None,
            (Reason.OUT_OF_HOURS_COVERED, False, True, True, Channels.EVERY),
        ),
        (
            {"out_of_hours": OutOfHours.FULL, "may_wake": frozenset({P1, P2})},
            P3,
            FRIDAY_NIGHT,
            None,
            (Reason.OUT_OF_HOURS_PRIORITY_WAITS, False, True, False, Channels.EVERY),
        ),
        (
            {"may_wake": frozenset({P1})},
            P1,
            FRIDAY_NIGHT,
            None,
            (Reason.OUT_OF_HOURS_COVERED, False, True, True, Channels.EVERY),
        ),
        (
            {"out_of_hours": OutOfHours.FULL, "may_wake": frozenset({P1}), "not_at_night": frozenset({"install"})},
            P1,
            FRIDAY_NIGHT,
            "install",
            (Reason.NOT_A_NIGHT_JOB, False, False, False, Channels.EVERY),
        ),
        (
            {"valid_until": FRIDAY_NOON, "may_wake": frozenset({P1})},
            P1,
            FRIDAY_NOON,
            None,
            (Reason.CONTRACT_NOT_VALID, True, False, False, Channels.NONE),
        ),
    ],
)
def test_what_is_promised(facts, priority, at, work_type, expected):
    assert kind(what_is_promised(contract(**facts), priority, at, work_type)) == expected


def test_on_a_friday_night_without_cover_the_answer_comes_on_monday_and_is_due_from_then():
    facts = contract(respond_targets={P1: Target(HOUR)}, fix_targets={P1: Target(8 * HOUR)})
    cover = what_is_promised(facts, P1, FRIDAY_NIGHT)
    assert cover.answer_from == cover.holds_until == MONDAY_MORNING
    assert cover.respond_by == utc("2026-11-23T10:00")
    assert cover.fix_by == utc("2026-11-23T17:00")


def test_where_the_night_is_covered_its_minutes_count_also_for_what_came_before_closing_time():
    facts = contract(may_wake=frozenset({P1}), fix_targets={P1: Target(4 * HOUR), P2: Target(4 * HOUR)})
    before_closing = utc("2026-11-20T17:00")
    assert what_is_promised(facts, P1, before_closing).fix_by == utc("2026-11-20T21:00")
    assert what_is_promised(facts, P2, before_closing).fix_by == add_open_time(OFFICE, before_closing, 4 * HOUR)


def test_work_that_the_night_does_not_take_on_is_counted_in_hours_whatever_its_priority():
    facts = contract(may_wake=frozenset({P1}), not_at_night=frozenset({"move"}), respond_targets={P1: Target(HOUR)})
    assert what_is_promised(facts, P1, FRIDAY_NIGHT, "move").respond_by == utc("2026-11-23T10:00")


def test_a_target_in_every_minute_runs_through_the_weekend():
    facts = contract(respond_targets={P3: Target(24 * HOUR, Clock.EVERY_MINUTE)})
    assert what_is_promised(facts, P3, FRIDAY_NIGHT).respond_by == FRIDAY_NIGHT + 24 * HOUR


def test_what_arrived_under_a_contract_is_owed_although_it_ends_before_the_morning():
    cover = what_is_promised(contract(valid_until=utc("2026-11-21")), P3, FRIDAY_NIGHT)
    assert cover.answer_from == MONDAY_MORNING
    assert cover.holds_until == utc("2026-11-21")


def test_outside_its_validity_a_contract_owes_nothing():
    for facts in (contract(valid_from=utc("2027-01-01")), contract(valid_until=utc("2026-01-01"))):
        cover = what_is_promised(facts, P1, FRIDAY_NOON)
        assert cover.reason is Reason.CONTRACT_NOT_VALID
        assert (cover.answer_from, cover.respond_by, cover.fix_by) == (None, None, None)


def test_a_contract_begins_with_its_first_instant():
    cover = what_is_promised(contract(valid_from=FRIDAY_NOON), P1, FRIDAY_NOON)
    assert cover.reason is Reason.IN_HOURS
    assert cover.holds_until == utc("2026-11-20T17:30")


def test_without_a_contract_nothing_is_promised_and_nobody_is_paged():
    cover = what_is_promised(None, P1, FRIDAY_NOON)
    assert kind(cover) == (Reason.NO_CONTRACT, False, False, False, Channels.NONE)
    assert cover.answer_from is None


def test_an_end_of_contract_beyond_the_horizon_is_not_told_as_if_the_hours_held_till_then():
    hours = SupportHours("UTC", ROUND_THE_CLOCK, exceptions={date(2028, 1, 1): ()})
    assert what_is_promised(contract(hours=hours, valid_until=utc("2029-01-01")), P1, FRIDAY_NOON).holds_until is None


def test_work_to_plan_can_never_be_made_to_wake_somebody():
    with pytest.raises(ValueError, match="never wakes"):
        contract(may_wake=frozenset({P1, P5}))
    with pytest.raises(ValueError, match="never wakes"):
        IntegrationRule(OFFICE, frozenset({P5}))


def test_a_contract_cannot_end_before_it_begins():
    with pytest.raises(ValueError, match="must end after"):
        contract(valid_from=FRIDAY_NOON, valid_until=FRIDAY_NOON)


def test_a_target_of_no_time_is_refused():
    with pytest.raises(ValueError, match="longer than nothing"):
        Target(timedelta())


def test_an_instant_without_a_zone_is_refused_even_without_a_contract():
    with pytest.raises(ValueError, match="needs a time zone"):
        what_is_promised(None, P1, datetime(2026, 11, 20))  # noqa: DTZ001


def test_reason_codes_are_stable():
    assert {str(reason) for reason in Reason} == {
        "in_hours",
        "out_of_hours_covered",
        "out_of_hours_priority_waits",
        "out_of_hours_email_only",
        "out_of_hours_not_covered",
        "not_a_night_job",
        "contract_not_valid",
        "no_contract",
    }
