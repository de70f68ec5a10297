"""A sick call at 18:00 on a duty that began at 17:30, and who could step in."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bench.rota_cases import sixty_people
from nightdesk.rota.planner import (
    Barred,
    Budget,
    Company,
    Given,
    Limits,
    Person,
    Problem,
    Rules,
    explain_gaps,
    rank_people,
    replan,
    solve,
)
from nightdesk.rota.planner.replan import lose
from nightdesk.rota.planner.score import make_bill
from nightdesk.rota.planner.tests.fewest_changes import TightNight, fewest_changes
from nightdesk.rota.planner.tests.small_world import FIRST, make_problem, minute, shift

EASY = Rules(weekly_rest_minutes=0, average_minutes=None)


def nights(people: int, days: int = 14) -> Problem:
    """A night duty from 17:30 to 8:00 on each day."""
    slots = tuple(
        replace(shift(day), start=minute(day, 17.5), end=minute(day + 1, 8), counted=False) for day in range(days)
    )
    return Problem(FIRST, FIRST + days, tuple(Person(f"P{each}") for each in range(people)), slots, rules=EASY)


def test_a_duty_that_has_begun_is_open_again_from_the_moment_its_holder_drops_out():
    problem = nights(6)
    rota = solve(problem, Budget(steps=3000)).given
    sick = rota[4].person
    at = minute(4, 18)
    repaired = replan(problem, rota, person=sick, since=at, until=minute(5, 12), at=at)
    now = {each.slot: each.person for each in repaired.result.given}
    slots = {slot.id: slot for slot in repaired.problem.slots}
    assert (slots["4N1"].end, now["4N1"]) == (at, sick)
    assert (slots["4N1+"].start, slots["4N1+"].end) == (at, minute(5, 8))
    assert now["4N1+"] not in (None, sick)
    assert [(change.slot, change.was, change.lost) for change in repaired.changes] == [("4N1+", sick, True)]
    assert repaired.proved


def test_what_has_begun_otherwise_stays_and_so_does_what_lies_too_far_ahead():
    problem = nights(5)
    rota = solve(problem, Budget(steps=3000)).given
    at = minute(6, 18)
    repaired = replan(problem, rota, person=rota[7].person, since=at, until=minute(20), at=at, days=3)
    was = {each.slot: each.person for each in rota}
    now = {each.slot: each.person for each in repaired.result.given}
    for slot in problem.slots:
        if slot.start < at or slot.start >= at + 3 * 1440:
            holder = now.get(slot.id)
            assert holder == was[slot.id] or (was[slot.id] == rota[7].person and slot.start >= at)


def test_a_gap_that_is_running_is_open_from_now_on():
    problem = nights(4, 7)
    rota = [each for each in solve(problem, Budget(steps=3000)).given if each.slot != "3N1"]
    at = minute(3, 20)
    somebody = next(each.person for each in rota if each.slot == "5N1")
    repaired = replan(problem, rota, person=somebody, since=minute(5), until=minute(6), at=at)
    assert "3N1+" in {slot.id for slot in repaired.problem.slots}
    assert "3N1+" in {each.slot for each in repaired.result.given}


def test_an_unknown_person_is_refused():
    with pytest.raises(KeyError):
        replan(nights(3), (), person="nobody", since=0, until=1, at=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000_000))
def test_a_repair_never_breaks_a_rule_nor_changes_what_has_begun(number):
    problem = make_problem(number)
    problem = replace(problem, slots=tuple(replace(slot, most=None) for slot in problem.slots))
    rota = solve(problem, Budget(steps=300)).given
    at = minute(number % 6, number % 24)
    person = problem.people[0].id
    repaired = replan(problem, rota, person=person, since=at, until=at + 2000, at=at, budget=Budget(steps=300))
    was = {(each.slot, each.person) for each in rota}
    now = {(each.slot, each.person) for each in repaired.result.given}
    assert not make_bill(repaired.problem, repaired.result.given).breaches
    begun = {slot.id for slot in problem.slots if slot.start < at}
    assert {each for each in now if each[0] in begun} == {each for each in was if each[0] in begun}
    for slot in repaired.problem.slots:
        if not slot.fixed and slot.start < at + 2000 and slot.end > at:
            assert (slot.id, person) not in now


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.integers(0, 1_000_000))
def test_no_repair_changes_fewer_turns_by_trying_every_one(number):
    problem = make_problem(number)
    problem = replace(problem, slots=tuple(replace(slot, most=None) for slot in problem.slots))
    rota = solve(problem, Budget(steps=300)).given
    at = minute(number % 6, number % 24)
    sick = {"person": problem.people[0].id, "since": at, "until": at + 900, "at": at}
    left = lose(problem, rota, **sick)
    opened = sum(slot.holder is None and not slot.fixed for slot in left.slots)
    assume(opened <= 2)
    repaired = replan(problem, rota, **sick, budget=Budget(steps=300))
    assume(all(gap.kind == "seat" for gap in repaired.result.gaps))
    if repaired.proved:
        assert fewest_changes(left, len(repaired.changes)) == len(repaired.changes)
    else:
        assert fewest_changes(left, opened + 1) is None


def test_where_nobody_is_free_as_few_others_move_as_can_be_among_sixty_people():
    """At 18:00 one of the late shift drops out, and whoever could simply step in is away: a turn of tomorrow's must move."""
    problem = sixty_people()
    rota = solve(problem, Budget(steps=20_000)).given
    night = TightNight(problem, rota, "London09A1")
    simply = night.repair(problem)
    assert (len(simply.changes), simply.proved) == (1, True)
    tight = night.without_whoever_is_free()
    repaired = night.repair(tight)
    assert not [gap for gap in repaired.result.gaps if gap.kind == "seat"]
    assert repaired.proved
    assert len(repaired.changes) == fewest_changes(night.left(tight), 4) > 1


# Gaps, explained


def explained(people: tuple[Person, ...], given_: list[tuple[str, str]], *slots, companies=(), **more):
    problem = Problem(FIRST, FIRST + 7, people, slots, companies, EASY)
    return explain_gaps(problem, [Given(slot, person) for slot, person in given_], **more)


def test_each_person_is_named_with_what_keeps_them_the_closest_first():
    people = (
        Person("rests"),
        Person("away", barred=(Barred(minute(2), minute(3)),)),
        Person("busy"),
        Person("tired", limits=Limits(nights=1)),
    )
    [gap] = explained(
        people,
        [("1N1", "rests"), ("2M1", "busy"), ("4N1", "tired")],
        shift(1),
        shift(2, "A"),
        shift(2, "M"),
        shift(2, "N", holder="x", may=("away",)),
        shift(4),
        counterfactual=False,
    )[:1]
    assert gap.gap.slots == ("2A1",)
    said = {each.person: each.codes for each in gap.people}
    assert said == {
        "tired": ("free",),
        "rests": ("rest",),
        "busy": ("one_a_day",),
        "away": ("not available",),
    }
    assert [each.person for each in gap.people] == ["tired", "busy", "rests", "away"]
    assert "1N1" in next(each.words for each in gap.people if each.person == "rests")


def test_what_keeps_somebody_privately_is_only_ever_not_available():
    people = (Person("P0", barred=(Barred(minute(1), minute(9), "leave"),)),)
    [gap] = explained(people, [], shift(2))
    assert gap.people[0].words == "is not available"
    assert gap.impossible
    assert gap.candidates == ()


def test_impossible_is_not_said_where_moving_somebody_closes_the_gap():
    """One has the late shift before, the other cannot take the early one: they exchange."""
    people = (Person("one"), Person("other", barred=(Barred(minute(3), minute(4)),)))
    [gap] = explained(people, [("2A1", "one")], shift(2, "A"), shift(3, "M"))
    assert not gap.impossible
    [way] = gap.candidates
    assert (way.person, way.opens, [(each.slot, each.was, each.now) for each in way.moved]) == (
        "one",
        0,
        [("2A1", "one", "other")],
    )
    assert {(each.slot, each.person) for each in gap.closed} == {("2A1", "other"), ("3M1", "one")}


def test_impossible_is_said_when_each_way_opens_another_gap():
    [gap] = explained((Person("one"),), [("2A1", "one")], shift(2, "A"), shift(3, "M"))
    assert gap.impossible
    assert [each.opens for each in gap.candidates] == [1]


def test_a_newcomer_is_asked_only_where_somebody_else_is():
    people = (Person("new", newcomer=True), Person("old"))
    slots = (shift(1, seat=1), shift(1, seat=2))
    company = Company(("1N1", "1N2"))
    problem = Problem(FIRST, FIRST + 7, people, slots, (company,), EASY)
    assert [each.person for each in rank_people(problem, [Given("1N1", "old")], "1N2")] == ["new"]
    alone, led = rank_people(problem, [], "1N2")
    assert (alone.person, alone.moved) == ("old", ())
    assert (led.person, [each.now for each in led.moved]) == ("new", ["old"])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1_000_000))
def test_every_way_that_is_offered_keeps_the_rules_and_closes_the_gap(number):
    problem = make_problem(number)
    rota = solve(problem, Budget(steps=200)).given
    loose = [each for each in rota if not next(slot for slot in problem.slots if slot.id == each.slot).fixed]
    rota = [each for each in rota if each not in loose[::7]]
    before = make_bill(problem, rota)
    assume(not before.breaches)  # a newcomer can be alone now
    for gap in explain_gaps(problem, rota):
        assert {each.person for each in gap.people} == {person.id for person in problem.people}
        if gap.closed is not None:
            after = make_bill(problem, gap.closed)
            assert not after.breaches
            assert sum(each.missing for each in after.gaps) < sum(each.missing for each in before.gaps)
