"""What a silence keeps quiet, how long it may last, and when weekly work comes again."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.paging.silencing import (
    LONGEST,
    LONGEST_WIDE,
    BadSilence,
    Facts,
    Held,
    Matcher,
    check_silence,
    like,
    matcher_of_page,
    matches,
    needs_manager,
    silenced_by,
    week_after,
)

AT = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
words = st.text("ab*", max_size=6)
facts = st.builds(
    Facts,
    integration=st.integers(1, 2),
    priority=st.integers(1, 5),
    service=st.sampled_from([None, 1, 2]),
    source=st.text("ab", max_size=4),
    component=st.text("ab", max_size=4),
    summary=st.text("ab", max_size=6),
)
matchers = st.builds(
    Matcher,
    integration=st.sampled_from([None, 1, 2]),
    service=st.sampled_from([None, 1, 2]),
    part=words,
    summary=words,
    priorities=st.lists(st.integers(1, 5), unique=True).map(tuple),
)


@given(words, st.text("abAB", max_size=8))
def test_a_star_stands_for_anything_and_case_does_not_count(pattern: str, text: str) -> None:
    expected = re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text, re.IGNORECASE | re.DOTALL)
    assert like(pattern, text) == (expected is not None)


@given(matchers, matchers, facts)
def test_what_names_more_fits_less(wanted: Matcher, other: Matcher, alarm: Facts) -> None:
    for name in ("integration", "service", "part", "summary", "priorities"):
        nothing = getattr(Matcher(), name)
        without = Matcher(**{**wanted.__dict__, name: nothing})
        assert matches(without, alarm) or not matches(wanted, alarm)
    assert matches(Matcher(), alarm)


@given(st.lists(st.builds(Held, st.integers(), matchers, st.just(AT), st.sampled_from(
    [AT, AT + timedelta(hours=1), AT + timedelta(hours=2)])), max_size=4), facts)  # fmt: skip
def test_the_silence_that_holds_longest_is_the_one(held: list[Held], alarm: Facts) -> None:
    found = silenced_by(held, alarm, AT)
    fit = [one for one in held if one.until_at > AT and matches(one.matcher, alarm)]
    assert (found is None) == (not fit)
    assert found is None or all(one.until_at <= found.until_at for one in fit)


@given(matchers, st.integers(-100, 2000), st.integers(-100, 2000))
def test_nothing_is_quiet_for_ever(wanted: Matcher, begins: int, lasts: int) -> None:
    from_at = AT + timedelta(hours=begins)
    until_at = from_at + timedelta(hours=lasts)
    try:
        check_silence(wanted, from_at, until_at, AT)
    except BadSilence:
        return
    assert until_at > AT
    assert until_at - max(AT, from_at) <= LONGEST
    narrow = wanted.service is not None or len(wanted.part.strip("*")) > 2 or len(wanted.summary.strip("*")) > 2
    assert narrow or until_at - max(AT, from_at) <= LONGEST_WIDE


@pytest.mark.parametrize(
    ("wanted", "wide"),
    [
        (Matcher(integration=1), True),
        (Matcher(part="*"), True),
        (Matcher(part="s*"), True),
        (Matcher(summary="a b"), False),
        (Matcher(priorities=(1,)), True),
        (Matcher(integration=1, priorities=(3, 4)), False),
        (Matcher(part="sw2"), False),
        (Matcher(service=1), False),
    ],
)
def test_only_a_manager_keeps_quiet_what_wakes_people_of_whole_systems(wanted: Matcher, wide: bool) -> None:
    assert needs_manager(wanted) == wide


@given(st.lists(facts, min_size=1, max_size=4), st.sampled_from([None, 7]))
def test_what_is_taken_from_a_page_fits_each_of_its_alarms(alarms: list[Facts], service: int | None) -> None:
    alarms = [Facts(**{**alarm.__dict__, "integration": 1, "service": service}) for alarm in alarms]
    wanted = matcher_of_page(1, service, alarms[0].summary, alarms)
    fitting = [alarm for alarm in alarms if matches(wanted, alarm)]
    assert alarms[0] in fitting
    assert len(fitting) == len(alarms) or wanted.summary


@given(
    st.sampled_from(["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe"]),
    st.integers(0, 4 * 48),
    st.integers(1, 8),
    st.sampled_from([(3, 20), (10, 16), (2, 26), (3, 31), (9, 28)]),
)
def test_a_week_later_clocks_read_the_same_or_have_skipped_it(
    zone: str, half: int, lasts: int, day: tuple[int, int]
) -> None:
    here = ZoneInfo(zone)
    from_at = datetime(2026, *day, tzinfo=UTC) + timedelta(minutes=30 * half)
    until_at = from_at + timedelta(minutes=30 * lasts)
    begins, ends = week_after(from_at, until_at, here)
    assert begins < ends
    assert abs((begins - from_at) - timedelta(days=7)) <= timedelta(hours=1)
    read, then = from_at.astimezone(here), begins.astimezone(here)
    assert (read.hour, read.minute, read.weekday()) == (then.hour, then.minute, then.weekday()) or (
        then.utcoffset() != (then - timedelta(hours=2)).astimezone(UTC).astimezone(here).utcoffset()
    )
