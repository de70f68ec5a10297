from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.customers.hours import SupportHours, parse_window
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import ContractFacts, OutOfHours, Target, what_is_promised
from nightdesk.desk import auto_reply
from nightdesk.desk.auto_reply import Brake, Expect, Wrote, is_entitled, verdict, what_to_say

OFFICE = SupportHours(zone="Europe/London", week=(((parse_window("09:00-17:30")),),) * 5 + ((), ()))
NIGHT, DAY = datetime(2026, 3, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, 10, tzinfo=UTC)

wrote = st.builds(
    Wrote,
    st.sampled_from(["", "cleo@acme.example"]),
    st.sampled_from(["", "Auto-Submitted"]),
    st.sampled_from(["", "it came by a list"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 5),
    st.integers(0, 25),
)


@given(wrote)
def test_only_a_person_who_may_be_answered_is_and_not_often(mail):
    told = verdict(mail)
    may = mail.address and not (mail.automatic or mail.do_not_answer or mail.failed or mail.is_ours)
    assert told.answers == bool(may and mail.in_hour < 3 and mail.in_day < 20)
    if told.brake is not None:
        assert may
        assert told.brake is (Brake.HOUR if mail.in_hour >= 3 else Brake.DAY)


@given(st.lists(st.integers(0, 90), min_size=1, max_size=80))
def test_a_machine_that_always_writes_back_gets_three_an_hour_and_twenty_a_day(waits):
    """Each answer of ours is answered by a new mail after some minutes; the brakes see nothing but their counts."""
    at, answered = DAY, []
    for minutes in waits:
        at += timedelta(minutes=minutes)
        in_hour = sum(one > at - timedelta(hours=1) for one in answered)
        in_day = sum(one > at - timedelta(days=1) for one in answered)
        if verdict(Wrote("help@other.example", in_hour=in_hour, in_day=in_day)).answers:
            answered.append(at)
    for start in answered:
        assert sum(start <= one < start + timedelta(hours=1) for one in answered) <= auto_reply.PER_HOUR
        assert sum(start <= one < start + timedelta(days=1) for one in answered) <= auto_reply.PER_DAY


def contract(**more):
    targets = {Priority.P3: Target(timedelta(hours=4))}
    return ContractFacts(hours=OFFICE, respond_targets=targets, **{"out_of_hours": OutOfHours.NOTHING, **more})


def said(facts, at, work_type=None, **more):
    cover = what_is_promised(facts, Priority.P3, at, work_type)
    entitled = is_entitled(facts, at)
    return what_to_say(cover, **{"trusted": True, "entitled": entitled, "emergency_number": "+44207", **more})


def test_by_night_it_tells_when_we_open_and_by_when_they_have_an_answer():
    told = said(contract(), NIGHT)
    assert (told.expect, told.answer_from) == (Expect.AT_OPENING, datetime(2026, 3, 3, 9, tzinfo=UTC))
    assert told.answer_by == datetime(2026, 3, 3, 13, tzinfo=UTC)
    assert told.emergency_number == ""


def test_the_number_for_the_night_is_told_to_whom_the_contract_lets_ring_and_to_nobody_else():
    full = contract(out_of_hours=OutOfHours.FULL)
    assert said(full, NIGHT).emergency_number == "+44207"
    assert said(contract(may_wake=frozenset({Priority.P1})), NIGHT).emergency_number == "+44207"
    assert said(contract(), NIGHT).emergency_number == ""
    assert said(None, NIGHT).emergency_number == ""
    assert said(full, NIGHT, trusted=False).emergency_number == ""
    ended = contract(out_of_hours=OutOfHours.FULL, valid_until=NIGHT)
    assert said(ended, NIGHT).emergency_number == ""


def test_what_the_night_does_not_do_is_refused_politely_and_the_number_is_not_offered_for_it():
    facts = contract(out_of_hours=OutOfHours.FULL, not_at_night=frozenset({"move"}))
    told = said(facts, NIGHT, "move")
    assert (told.expect, told.emergency_number) == (Expect.NOT_A_NIGHT_JOB, "")
    assert said(facts, DAY, "move").expect is Expect.AT_WORK
    assert said(contract(), NIGHT, by_day_only=True).expect is Expect.NOT_A_NIGHT_JOB
    assert said(contract(), DAY, by_day_only=True).expect is Expect.AT_WORK


@pytest.mark.parametrize("trusted", [True, False])
def test_nothing_of_theirs_is_told_to_who_may_be_another(trusted):
    told = said(contract(), DAY, trusted=trusted, faults=["Fibre: cut"], workarounds=["Use the webmail"])
    assert bool(told.faults) is bool(told.workarounds) is trusted
