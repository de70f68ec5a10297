"""Which backups stay: a rule that can be said in a sentence, and that never removes the last one that was proved."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.keeping.decide import (
    AGAIN_AFTER,
    ALL_FOR,
    DAILY_FOR,
    MONTHLY_FOR,
    Made,
    base_for,
    base_name,
    base_named,
    instant_of,
    is_due,
    name_at,
    run_of,
    to_forget,
    to_remove,
)

NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
hours_ago = st.integers(0, 24 * 500)
STANDS = [(True, False), (False, False), (False, True)]
"""Proved, not tried, and tried in vain."""


@st.composite
def folders(draw):
    """Some backups, some of them proved."""
    ages = draw(st.lists(hours_ago, max_size=40, unique=True))
    instants = [NOW - timedelta(hours=age) for age in ages]
    return [Made(name_at(at), at, *draw(st.sampled_from(STANDS))) for at in instants]


def does_for(kept, other):
    """One that was proved is not given up for one that was not, nor one that nobody tried for one that failed."""
    if kept.verified != other.verified:
        return kept.verified
    if kept.failed != other.failed:
        return other.failed
    return kept.at >= other.at


@given(folders())
def test_what_stays_is_what_the_rule_says(made):
    gone = set(to_remove(made, NOW))
    stay = [each for each in made if each not in gone]
    if made:
        assert max(made, key=lambda each: each.at) in stay
    proved = [each for each in made if each.verified]
    if proved:
        assert max(proved, key=lambda each: each.at) in stay
    for each in made:
        if NOW - each.at <= ALL_FOR:
            assert each in stay
        if NOW - each.at <= DAILY_FOR:
            assert any(kept.at.date() == each.at.date() and does_for(kept, each) for kept in stay)
        if NOW - each.at <= MONTHLY_FOR:
            month = (each.at.year, each.at.month)
            assert any((kept.at.year, kept.at.month) == month and does_for(kept, each) for kept in stay)
    assert len(stay) <= 2 * 24 + 32 + 13 + 2


@given(folders())
def test_thinning_again_removes_nothing_more(made):
    gone = set(to_remove(made, NOW))
    assert to_remove([each for each in made if each not in gone], NOW) == []


@given(st.integers(0, 10**9))
def test_a_name_tells_its_instant(seconds):
    at = NOW + timedelta(seconds=seconds)
    assert instant_of(name_at(at)) == at


def test_other_files_are_not_ours():
    assert instant_of("holiday.jpg") is None
    assert instant_of("nightdesk-20261301T000000Z.backup") is None


@given(hours_ago, st.booleans(), st.integers(0, 168))
def test_one_is_due_when_the_last_is_old_or_failed_an_hour_ago(age, failed, hours):
    every = timedelta(hours=hours)
    due = is_due((NOW - timedelta(hours=age), failed), every, NOW)
    if not hours:
        assert not due
    elif failed:
        assert due == (timedelta(hours=age) >= min(every, AGAIN_AFTER))
    else:
        assert due == (age >= hours)
    assert is_due(None, every, NOW) == bool(hours)


def segment(number):
    return f"00000001{number // 256:08X}{number % 256:08X}"


@given(st.integers(0, 2000), st.sets(st.integers(0, 2300)))
def test_writes_are_played_from_the_first_to_the_last_before_a_gap(first, there):
    run, missing = run_of({segment(number) for number in there}, segment(first))
    assert run == [segment(number) for number in range(first, first + len(run))]
    assert set(run) <= {segment(number) for number in there}
    assert first + len(run) not in there
    later = [number for number in there if number > first + len(run)]
    assert missing == (segment(first + len(run)) if later else "")


@given(st.lists(st.integers(0, 24 * 20), min_size=1, max_size=20, unique=True), st.integers(1, 14))
def test_every_moment_of_the_days_that_are_kept_can_still_be_reached(ages, days):
    """A base an hour at most, each ten segments after the one before."""
    bases = []
    for number, age in enumerate(sorted(ages, reverse=True)):
        at, first = NOW - timedelta(hours=age), segment(number * 10)
        bases.append(base_named(base_name(at, first)))
        assert (bases[-1].at, bases[-1].first) == (at, first)
    segments = [segment(number) for number in range(len(ages) * 10 + 5)]
    gone, gone_segments = to_forget(bases, segments, timedelta(days=days), NOW)
    stay = [base for base in bases if base not in gone]
    left = set(segments) - set(gone_segments)
    assert stay
    for hours in range(days * 24 + 1):
        moment = NOW - timedelta(hours=hours)
        assert base_for(stay, moment) == base_for(bases, moment)
    for base in stay:
        assert run_of(left, base.first) == (segments[segments.index(base.first) :], "")
    assert sum(NOW - base.at >= timedelta(days=days) for base in stay) <= 1


def test_what_is_no_base_is_taken_for_none():
    assert base_named("nightdesk-20261399T000000Z-000000010000000000000002.base") is None
    assert base_named("nightdesk-20261126T000000Z.backup") is None
