"""The coverage check against a reading minute by minute, in a world of one day on a half-hour grid."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import perf_counter

from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.rota import coverage
from nightdesk.rota.coverage import Facts, Hole, Lacking, Need, Shift, Told

DAY = datetime(2026, 3, 28, tzinfo=UTC)
PEOPLE, SKILLS, SLOTS = range(4), range(3), 12
HALF_HOUR = timedelta(minutes=30)


def at(slot: int) -> datetime:
    return DAY + slot * HALF_HOUR


def spans() -> st.SearchStrategy[tuple[datetime, datetime]]:
    slots = st.tuples(st.integers(0, SLOTS - 1), st.integers(1, 6))
    return slots.map(lambda pair: (at(pair[0]), at(pair[0] + pair[1])))


SHIFTS = st.lists(
    st.builds(lambda span, people: Shift(*span, people), spans(), st.frozensets(st.sampled_from(PEOPLE), max_size=2)),
    max_size=5,
)
NEEDS = st.lists(
    st.builds(
        Need,
        st.sampled_from([("service", 1), ("service", 2), ("customer", 1)]),
        st.sampled_from(SKILLS),
        st.integers(1, 3),
    ),
    max_size=4,
)
LEVELS = st.dictionaries(
    st.sampled_from(PEOPLE), st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 3), max_size=3), max_size=4
)
AWAY = st.dictionaries(st.sampled_from(PEOPLE), st.lists(spans(), max_size=2), max_size=2)
FACTS = st.builds(Facts, SHIFTS, NEEDS, LEVELS, AWAY)


def _naive(facts: Facts, minute: datetime) -> dict[coverage.Subject, set[Lacking]]:
    """What is lacking in this minute, read as the words of the issue say it."""
    shifts = [shift for shift in facts.shifts if shift.start <= minute < shift.end]
    if not shifts:
        return {}
    there = {
        person
        for shift in shifts
        for person in shift.people
        if not any(begins <= minute < ends for begins, ends in facts.away.get(person, ()))
    }
    lacking: dict[coverage.Subject, set[Lacking]] = {}
    for need in facts.needs:
        if not any(facts.levels.get(person, {}).get(need.skill, 0) >= need.level for person in there):
            lacking.setdefault(need.subject, set()).add(Lacking(need.skill, need.level))
    return lacking


@settings(max_examples=100, deadline=None)
@given(FACTS)
def test_every_minute_says_what_a_naive_reading_says(facts: Facts) -> None:
    found = coverage.holes(facts, at(1), at(SLOTS))
    for minutes in range(30, SLOTS * 30, 10):
        minute = DAY + timedelta(minutes=minutes)
        here = [hole for hole in found if hole.start <= minute < hole.end]
        said: dict[coverage.Subject, set[Lacking]] = {hole.subject: set(hole.lacking) for hole in here}
        assert len(said) == len(here), "a subject has one hole at a time"
        assert said == _naive(facts, minute)


@settings(max_examples=100, deadline=None)
@given(FACTS)
def test_holes_are_as_long_as_they_can_be_and_lie_in_the_window(facts: Facts) -> None:
    found = coverage.holes(facts, at(1), at(SLOTS))
    ends = {(hole.subject, hole.lacking, hole.end) for hole in found}
    for hole in found:
        assert at(1) <= hole.start < hole.end <= at(SLOTS)
        assert (hole.subject, hole.lacking, hole.start) not in ends, "two that meet are one"
        for person in coverage.who_could(hole, facts):
            closed = [*facts.shifts, Shift(hole.start, hole.end, frozenset({person}))]
            mended = coverage.holes(Facts(closed, facts.needs, facts.levels, facts.away), hole.start, hole.end)
            assert hole.subject not in {one.subject for one in mended if set(one.lacking) & set(hole.lacking)}


@settings(max_examples=100, deadline=None)
@given(FACTS, st.integers(2, SLOTS), st.integers(2, SLOTS))
def test_the_same_holes_are_told_once_however_far_one_looks(facts: Facts, near: int, far: int) -> None:
    before = coverage.holes(facts, at(1), at(min(near, far)))
    told = [_told(number, hole) for number, hole in enumerate(before)]
    again = coverage.changes(told, before, at(min(near, far)))
    assert not again.new
    assert not again.gone
    later = coverage.holes(facts, at(1), at(max(near, far)))
    farther = coverage.changes(told, later, at(min(near, far)))
    assert all(hole.start >= at(min(near, far)) for hole in farther.new), "what could be seen before was told before"


@settings(max_examples=100, deadline=None)
@given(FACTS, FACTS)
def test_nothing_is_lost_between_what_was_told_and_what_is(before: Facts, now: Facts) -> None:
    told = [_told(number, hole) for number, hole in enumerate(coverage.holes(before, at(0), at(SLOTS)))]
    found = coverage.holes(now, at(0), at(SLOTS))
    changed = coverage.changes(told, found, at(SLOTS))
    assert sorted([*changed.new, *changed.kept.values(), *changed.rest], key=repr) == sorted(found, key=repr)
    assert {one.id for one in told} == set(changed.kept) | set(changed.gone)
    for hole in found:
        minutes = [hole.start + step * HALF_HOUR for step in range(int((hole.end - hole.start) / HALF_HOUR))]
        seen = all(any(one.start <= minute < one.end for one in told if _same(one, hole)) for minute in minutes)
        assert (hole in changed.new) is not seen


def _told(number: int, hole: Hole) -> Told:
    return Told(number, hole.subject, frozenset(one.skill for one in hole.lacking), hole.start, hole.end)


def _same(told: Told, hole: Hole) -> bool:
    return told.subject == hole.subject and {one.skill for one in hole.lacking} <= told.skills


def test_the_standby_behind_a_shift_knows_for_it() -> None:
    night, standby = Shift(at(0), at(10), frozenset({1})), Shift(at(4), at(10), frozenset({2}))
    facts = Facts([night, standby], [Need(("service", 7), 3)], {1: {3: 1}, 2: {3: 2}})
    assert coverage.holes(facts, at(0), at(12)) == [
        Hole(("service", 7), (Lacking(3, 2),), at(0), at(4), frozenset({1}))
    ]
    assert coverage.who_could(coverage.holes(facts, at(0), at(12))[0], facts) == [2]


def test_who_falls_sick_leaves_a_hole_and_is_not_among_those_who_could() -> None:
    facts = Facts([Shift(at(0), at(10), frozenset({1}))], [Need(("service", 7), 3)], {1: {3: 3}, 2: {3: 2}})
    assert coverage.holes(facts, at(0), at(10)) == []
    sick = Facts(facts.shifts, facts.needs, facts.levels, {1: [(at(2), at(4))]})
    (hole,) = coverage.holes(sick, at(0), at(10))
    assert (hole.start, hole.end, hole.on) == (at(2), at(4), frozenset())
    assert coverage.who_could(hole, sick) == [2]


def test_what_one_person_alone_knows_is_listed_with_what_hangs_on_it() -> None:
    needs = [Need(("service", 7), 1, 3), Need(("service", 8), 1, 1), Need(("customer", 5), 2, 2)]
    levels = {10: {1: 3, 2: 1, 3: 2}, 11: {1: 2, 3: 1}}
    assert coverage.scarce([1, 2, 3, 4], needs, levels) == [
        coverage.Scarce(2, 2, None, (("customer", 5),)),
        coverage.Scarce(1, 3, 10, (("service", 7), ("service", 8))),
        coverage.Scarce(3, 2, 10, ()),
    ]


def test_sixty_people_and_a_hundred_services_over_four_weeks_are_not_read_minute_by_minute() -> None:
    people, services = 60, 100
    shifts = [
        Shift(
            DAY + timedelta(hours=8 * turn),
            DAY + timedelta(hours=8 * turn + 8),
            frozenset({(turn * 7 + seat * 11) % people}),
        )
        for turn in range(28 * 3)
        for seat in range(9)
    ]
    needs = [Need(("service", service), service % 24, 1 + service % 3) for service in range(services)]
    levels = {
        person: {skill: 1 + (person + skill) % 3 for skill in range(person % 5, 24, 3)} for person in range(people)
    }
    began = perf_counter()
    found = coverage.holes(Facts(shifts, needs, levels), DAY, DAY + timedelta(days=28))
    took = perf_counter() - began
    assert found
    assert took < 10, "it is about 20 ms: a minute-by-minute reading takes minutes"


@given(st.lists(st.builds(lambda person, span: (person, *span), st.sampled_from(PEOPLE), spans()), max_size=6))
def test_newcomers_are_alone_when_a_stretch_says_so_and_each_hole_is_as_long_as_can_be(
    stretches: list[tuple[int, datetime, datetime]],
) -> None:
    found = coverage.alone(stretches)
    for person in PEOPLE:
        mine = [hole for hole in found if hole.subject == (coverage.NEWCOMER, person)]
        for slot in range(SLOTS + 6):
            alone = any(who == person and start <= at(slot) < end for who, start, end in stretches)
            assert [hole.start <= at(slot) < hole.end for hole in mine].count(True) == alone
        assert all(one.end < other.start for one, other in pairwise(mine))
        assert all((hole.lacking, hole.on) == ((), {person}) for hole in mine)
    assert found == coverage.in_order(found)
