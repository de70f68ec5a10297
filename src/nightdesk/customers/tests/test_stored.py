from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.customers.hours import BadHours
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Clock, Target
from nightdesk.customers.stored import (
    BadTargets,
    duration_from,
    exceptions_as_json,
    hours_from,
    may_wake_from,
    targets_from,
    week_as_json,
)

WORKDAYS = [[["09:00", "17:30"]]] * 5 + [[], []]
modest = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("text", "minutes"), [("PT30M", 30), ("PT4H", 240), ("PT1H30M", 90), ("PT0H5M", 5), ("PT90M", 90)]
)
def test_a_duration_is_hours_and_minutes(text, minutes):
    assert duration_from(text, "") == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "PT", "PT0M", "P1D", "P1DT2H", "4H", "PT1.5H", "PT-4H", "pt4h", "PT9000H", 4, None]
)
def test_what_may_be_meant_in_two_ways_or_none_is_no_duration(text):
    with pytest.raises(BadTargets):
        duration_from(text, "to fix P1")


def test_targets_are_read_for_response_and_fix_with_their_clock():
    respond, fix = targets_from(
        {"P1": {"respond": "PT30M", "fix": "PT4H", "clock": "wall"}, "P2": {"fix": "PT8H"}, "P3": {}}
    )
    assert respond == {Priority.P1: Target(timedelta(minutes=30), Clock.EVERY_MINUTE)}
    assert fix == {
        Priority.P1: Target(timedelta(hours=4), Clock.EVERY_MINUTE),
        Priority.P2: Target(timedelta(hours=8), Clock.COVERED_TIME),
    }


@pytest.mark.parametrize(
    "stored",
    [
        [],
        {"P6": {"fix": "PT4H"}},
        {"P1": "PT4H"},
        {"P1": {"repair": "PT4H"}},
        {"P1": {"fix": "PT4H", "clock": "sand"}},
        {"P1": {"fix": "PT1H", "respond": "PT2H"}},
    ],
)
def test_targets_that_make_no_sense_are_refused(stored):
    with pytest.raises(BadTargets) as refused:
        targets_from(stored)
    assert refused.value.do


def test_work_to_plan_may_wake_nobody():
    assert may_wake_from(["P2", "P1"]) == {Priority.P1, Priority.P2}
    with pytest.raises(BadTargets, match="P5 may wake"):
        may_wake_from(["P1", "P5"])


@pytest.mark.parametrize(
    ("columns", "so"),
    [
        ({"zone": "Europe/Atlantis"}, "no zone"),
        ({"week": WORKDAYS[:6]}, "6 days"),
        ({"week": "always"}, "no list of days"),
        ({"week": [[["09:00"]], *WORKDAYS[1:]]}, r"for Monday.*opening and a closing"),
        ({"week": ["09:00-17:30", *WORKDAYS[1:]]}, "Monday"),
        ({"week": [[["09:00", "25:00"]], *WORKDAYS[1:]]}, "cannot be read"),
        ({"week": [[["00:00", "23:59"]], *WORKDAYS[1:]]}, "last minute"),
        ({"nation": "XX"}, "No such nation"),
        ({"nation": "GB", "subdivision": "BAVARIA"}, "No such nation or subdivision"),
        ({"subdivision": "ENG"}, "No nation"),
        ({"exceptions": {"Christmas": []}}, "no date"),
        ({"exceptions": {"2026-12-24": [["09:00"]]}}, "opening and a closing"),
        ({"exceptions": ["2026-12-24"]}, "no table"),
    ],
)
def test_hours_that_cannot_be_kept_are_refused_with_what_is_wrong(columns, so):
    given_ = {"zone": "Europe/London", "week": WORKDAYS, "nation": "", "subdivision": "", "exceptions": {}, **columns}
    with pytest.raises(BadHours, match=so) as refused:
        hours_from(**given_)
    assert refused.value.do


clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
windows = st.lists(st.tuples(clock, clock).map(list), max_size=3)
dates = st.dates().map(lambda day: day.isoformat())


@modest
@given(st.lists(windows, min_size=7, max_size=7), st.dictionaries(dates, windows, max_size=3))
def test_what_is_stored_is_read_as_the_same_hours_for_ever(week, exceptions):
    once = hours_from("Europe/London", week, "GB", "ENG", exceptions)
    stored_week, stored_exceptions = week_as_json(once.week), exceptions_as_json(once.exceptions)
    again = hours_from("Europe/London", stored_week, "GB", "ENG", stored_exceptions)
    assert (week_as_json(again.week), exceptions_as_json(again.exceptions)) == (stored_week, stored_exceptions)
    assert [set(day) for day in again.week] == [set(day) for day in once.week]
