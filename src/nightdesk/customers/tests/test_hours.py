from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.customers.hours import (
    HORIZON,
    ROUND_THE_CLOCK,
    WHOLE_DAY,
    BadHours,
    BankHolidays,
    DayRange,
    SupportHours,
    add_open_time,
    describe_hours,
    first_instant,
    format_window,
    is_open,
    next_change,
    next_opening,
    open_time_between,
    open_until,
    open_windows,
    parse_window,
    unusual_days,
)

modest = settings(max_examples=40, deadline=None)

HALF_HOUR = timedelta(minutes=30)
OFFICE = (parse_window("09:00-12:30"), parse_window("13:30-17:30"))
OFFICE_WEEK = (OFFICE,) * 5 + ((), ())
IN_TWO_HALVES = ((parse_window("00:00-12:00"), parse_window("12:00-24:00")),) * 7
NEVER = ((),) * 7
LONDON = ZoneInfo("Europe/London")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# A small world: four days around a change of the clocks (or of the date line), everything on a half-hour grid.
WORLDS = [
    ("Europe/London", utc("2026-03-27")),
    ("Europe/London", utc("2026-10-23")),
    ("America/Chicago", utc("2020-03-06")),
    ("America/Chicago", utc("2020-10-30")),
    ("Australia/Lord_Howe", utc("2026-04-03")),
    ("Australia/Lord_Howe", utc("2026-10-02")),
    ("America/Santiago", utc("2026-04-03")),
    ("America/Santiago", utc("2026-09-04")),
    ("Pacific/Apia", utc("2011-12-28")),
    ("Pacific/Kwajalein", utc("1969-09-28")),
    ("Asia/Kathmandu", utc("2026-03-27")),
]
grid_times = st.integers(0, 47).map(lambda half: time(half // 2, half % 2 * 30))
windows = st.lists(st.tuples(grid_times, grid_times), max_size=3).map(tuple)
instants_in = st.integers(0, 4 * 48)


@st.composite
def worlds(draw, week=None):
    """Support hours, and a function from a step of the grid to an instant in their four days."""
    zone, start = draw(st.sampled_from(WORLDS))
    days = [start.date() + timedelta(days=number) for number in range(-1, 6)]
    hours = SupportHours(
        zone=zone,
        week=week or draw(st.tuples(*[windows] * 7)),
        holidays=draw(st.frozensets(st.sampled_from(days), max_size=2)) if week is None else frozenset(),
        on_holidays=draw(windows),
        exceptions=draw(st.dictionaries(st.sampled_from(days), windows, max_size=2)) if week is None else {},
    )
    return hours, lambda step: start + step * HALF_HOUR


def says_the_rule(hours: SupportHours, at: datetime) -> bool:
    """Open by the letter of the rule: the latest that local clocks have read so far lies within a window."""
    zone = ZoneInfo(hours.zone)
    reading = max((at - back * HALF_HOUR).astimezone(zone).replace(tzinfo=None) for back in range(60))
    for back in range(3):
        day = reading.date() - timedelta(days=back)
        if day in hours.exceptions:
            rules = hours.exceptions[day]
        elif day in hours.holidays:
            rules = hours.on_holidays
        else:
            rules = hours.week[day.weekday()]
        for opens, closes in rules:
            end = datetime.combine(day + timedelta(days=closes <= opens), closes)
            if datetime.combine(day, opens) <= reading < end:
                return True
    return False


@modest
@given(worlds(), instants_in)
def test_it_is_open_exactly_when_the_clocks_have_reached_a_window_and_not_its_end(world, step):
    hours, at = world
    assert is_open(hours, at(step)) == says_the_rule(hours, at(step))


@modest
@given(worlds())
def test_open_windows_do_not_touch_and_is_open_agrees_at_their_edges(world):
    hours, at = world
    spans = open_windows(hours, at(0), at(192))
    tick = timedelta(microseconds=1)
    assert all(opens < closes for opens, closes in spans)
    assert all(closes < opens for (_, closes), (opens, _) in pairwise(spans))
    for opens, closes in spans:
        assert is_open(hours, opens)
        assert is_open(hours, closes - tick)
        assert opens == at(0) or not is_open(hours, opens - tick)
        assert closes == at(192) or not is_open(hours, closes)


@modest
@given(worlds(), st.tuples(instants_in, instants_in).map(sorted))
def test_the_answer_does_not_hang_on_the_window_asked_for(world, part):
    hours, at = world
    start, end = (at(step) for step in part)
    whole = open_windows(hours, at(0), at(192))
    clipped = [(max(opens, start), min(closes, end)) for opens, closes in whole]
    assert open_windows(hours, start, end) == [(opens, closes) for opens, closes in clipped if opens < closes]


@modest
@given(worlds(), instants_in, instants_in, instants_in)
def test_open_time_adds_up(world, one, another, third):
    hours, at = world
    first, middle, last = sorted(map(at, (one, another, third)))
    assert open_time_between(hours, first, middle) + open_time_between(hours, middle, last) == open_time_between(
        hours, first, last
    )


@modest
@given(worlds(), instants_in, st.integers(0, 200).map(lambda quarters: quarters * timedelta(minutes=15)))
def test_adding_open_time_is_the_inverse_of_counting_it_and_gives_the_first_such_instant(world, step, duration):
    hours, at = world
    end = add_open_time(hours, at(step), duration)
    if end is None:
        assert open_time_between(hours, at(step), at(step) + HORIZON) < duration
        return
    assert end >= at(step)
    assert open_time_between(hours, at(step), end) == duration
    if duration:
        tick = timedelta(microseconds=1)
        assert open_time_between(hours, at(step), end - tick) == duration - tick


@modest
@given(worlds(), instants_in)
def test_the_next_change_is_where_the_answer_changes_and_not_before(world, step):
    hours, at = world
    start = at(step)
    change = next_change(hours, start)
    opening = next_opening(hours, start)
    now = is_open(hours, start)
    assert open_until(hours, start) == (change if now else None)
    if not now:
        assert opening == change
    if change is None:
        assert open_time_between(hours, start, start + HORIZON) == (HORIZON if now else timedelta())
        return
    assert is_open(hours, change) != now
    assert open_time_between(hours, start, change) == (change - start if now else timedelta())


@modest
@given(worlds(week=ROUND_THE_CLOCK) | worlds(week=IN_TWO_HALVES), st.tuples(instants_in, instants_in).map(sorted))
def test_round_the_clock_loses_nothing_when_clocks_change(world, part):
    hours, at = world
    start, end = (at(step) for step in part)
    assert open_windows(hours, start, end) == ([(start, end)] if start < end else [])
    assert next_change(hours, start) is None
    assert add_open_time(hours, start, timedelta(hours=50)) == start + timedelta(hours=50)


@modest
@given(st.sampled_from(WORLDS), st.integers(-48, 240), st.integers(1, 48))
def test_later_on_the_clock_is_never_earlier_in_time(world, step, more):
    zone, start = ZoneInfo(world[0]), world[1].replace(tzinfo=None)
    assert first_instant(start + step * HALF_HOUR, zone) <= first_instant(start + (step + more) * HALF_HOUR, zone)


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        ("America/Chicago", "2020-03-08T02:30", "2020-03-08T08:00"),  # skipped
        ("America/Chicago", "2020-11-01T01:30", "2020-11-01T06:30"),  # twice
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),  # a gap of half an hour
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00"),  # a day that never was
        ("Europe/London", "2026-11-22T12:00", "2026-11-22T12:00"),
    ],
)
def test_a_local_time_is_the_first_instant_at_which_clocks_have_reached_it(zone, local, expected):
    assert first_instant(datetime.fromisoformat(local), ZoneInfo(zone)) == utc(expected)


def test_lunch_is_closed():
    hours = SupportHours("Europe/London", OFFICE_WEEK)
    assert is_open(hours, utc("2026-11-23T12:29"))
    assert not is_open(hours, utc("2026-11-23T12:30"))
    assert open_until(hours, utc("2026-11-23T10:00")) == utc("2026-11-23T12:30")
    assert next_opening(hours, utc("2026-11-23T10:00")) == utc("2026-11-23T13:30")


def test_at_the_moment_of_opening_the_next_opening_is_the_one_after():
    hours = SupportHours("Europe/London", OFFICE_WEEK)
    assert next_opening(hours, utc("2026-11-23T09:00")) == utc("2026-11-23T13:30")


def test_the_whole_day_has_its_last_minute_and_is_25_hours_long_in_autumn():
    sunday_only = (*((),) * 6, (WHOLE_DAY,))
    hours = SupportHours("Europe/London", sunday_only)
    assert is_open(hours, utc("2026-11-22T23:59:59.999999"))
    assert open_windows(hours, utc("2026-10-24"), utc("2026-10-27")) == [
        (utc("2026-10-24T23:00"), utc("2026-10-26T00:00"))
    ]


def test_a_window_within_the_hour_that_clocks_skip_is_empty():
    hours = SupportHours("Europe/London", ((parse_window("01:15-01:45"),),) * 7)
    assert open_windows(hours, utc("2026-03-29"), utc("2026-03-30")) == []
    assert next_opening(hours, utc("2026-03-29T00:00")) == utc("2026-03-30T00:15")


def test_a_window_that_closes_in_the_hour_shown_twice_closes_the_first_time():
    hours = SupportHours("Europe/London", ((parse_window("00:30-01:30"),),) * 7)
    assert open_windows(hours, utc("2026-10-24T12:00"), utc("2026-10-25T12:00")) == [
        (utc("2026-10-24T23:30"), utc("2026-10-25T00:30"))
    ]


def test_a_night_that_began_before_a_bank_holiday_runs_to_its_end():
    hours = SupportHours("Europe/London", ((parse_window("22:00-06:00"),),) * 7, BankHolidays("GB", "ENG"))
    assert is_open(hours, utc("2026-12-25T05:59"))
    assert not is_open(hours, utc("2026-12-25T22:30"))
    assert next_opening(hours, utc("2026-12-25T06:00")) == utc("2026-12-27T22:00")  # the 28th is in lieu of Boxing Day


def test_bank_holidays_are_those_of_the_nation_and_an_exception_comes_before_them():
    easter_monday = utc("2026-04-06T10:00")
    assert is_open(SupportHours("Europe/London", OFFICE_WEEK, BankHolidays("GB", "SCT")), easter_monday)
    assert not is_open(SupportHours("Europe/London", OFFICE_WEEK, BankHolidays("GB", "ENG")), easter_monday)
    staffed = SupportHours(
        "Europe/London", OFFICE_WEEK, BankHolidays("GB", "ENG"), exceptions={date(2026, 4, 6): OFFICE}
    )
    assert is_open(staffed, easter_monday)


def test_bank_holidays_may_have_windows_of_their_own():
    hours = SupportHours(
        "Europe/London", OFFICE_WEEK, frozenset({date(2026, 12, 25)}), on_holidays=(parse_window("10:00-11:00"),)
    )
    assert open_windows(hours, utc("2026-12-25"), utc("2026-12-26")) == [
        (utc("2026-12-25T10:00"), utc("2026-12-25T11:00"))
    ]


def test_a_target_that_ends_at_closing_time_ends_then_and_not_next_morning():
    hours = SupportHours("Europe/London", OFFICE_WEEK)
    friday = utc("2026-11-20T16:30")
    assert add_open_time(hours, friday, timedelta(hours=1)) == utc("2026-11-20T17:30")
    assert add_open_time(hours, friday, timedelta(minutes=61)) == utc("2026-11-23T09:01")


def test_hours_that_never_open_say_so():
    hours = SupportHours("Europe/London", NEVER)
    assert next_opening(hours, utc("2026-11-22")) is None
    assert add_open_time(hours, utc("2026-11-22"), HALF_HOUR) is None
    assert add_open_time(hours, utc("2026-11-22"), timedelta()) == utc("2026-11-22")


def test_an_opening_just_within_the_horizon_is_found_and_one_beyond_is_not():
    at = utc("2026-01-01")
    for days, found in ((370, at + HORIZON), (371, None)):
        hours = SupportHours("UTC", NEVER, exceptions={(at + timedelta(days=days)).date(): (WHOLE_DAY,)})
        assert next_opening(hours, at) == found


def test_an_instant_without_a_zone_is_refused():
    hours = SupportHours("Europe/London", OFFICE_WEEK)
    with pytest.raises(ValueError, match="needs a time zone"):
        is_open(hours, datetime(2026, 11, 22))  # noqa: DTZ001


def test_open_time_cannot_be_taken_away():
    with pytest.raises(ValueError, match="negative"):
        add_open_time(SupportHours("Europe/London", OFFICE_WEEK), utc("2026-11-22"), -HALF_HOUR)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SupportHours("Europe/Londin", OFFICE_WEEK),
        lambda: SupportHours("../../etc/passwd", OFFICE_WEEK),
        lambda: SupportHours("Europe/London", OFFICE_WEEK[:6]),
        lambda: SupportHours("Europe/London", NEVER, on_holidays=((time(9), time(17, 0, 1)),)),
        lambda: SupportHours("Europe/London", NEVER, exceptions={date(2026, 1, 1): ((time(9, tzinfo=UTC), time(17)),)}),
        lambda: BankHolidays("XX"),
        lambda: BankHolidays("GB", "LND"),
        lambda: parse_window("9-17"),
        lambda: parse_window("09:00-24:30"),
        lambda: parse_window("24:00-09:00"),
        lambda: parse_window("00:00-23:59"),
    ],
)
def test_hours_that_mean_nothing_are_refused_with_what_to_do(make):
    with pytest.raises(BadHours) as refused:
        make()
    assert refused.value.do
    assert refused.value.do in str(refused.value)


@modest
@given(grid_times, grid_times)
def test_a_window_reads_back_as_it_was_written(opens, closes):
    assert parse_window(format_window((opens, closes))) == (opens, closes)


def test_the_whole_day_is_written_with_24():
    assert format_window(WHOLE_DAY) == "00:00-24:00"
    assert parse_window("00:00\u201324:00") == WHOLE_DAY


def test_a_week_is_described_by_ranges_of_days():
    assert describe_hours(SupportHours("Europe/London", OFFICE_WEEK)) == (DayRange(0, 4, OFFICE), DayRange(5, 6, ()))
    assert describe_hours(SupportHours("Europe/London", ROUND_THE_CLOCK)) == (DayRange(0, 6, (WHOLE_DAY,)),)
    assert describe_hours(SupportHours("Europe/London", NEVER)) == (DayRange(0, 6, ()),)


def test_a_range_of_days_may_pass_sunday_and_the_open_days_come_first():
    sunday_to_thursday = (OFFICE,) * 4 + ((), (), OFFICE)
    assert describe_hours(SupportHours("Asia/Riyadh", sunday_to_thursday)) == (
        DayRange(6, 3, OFFICE),
        DayRange(4, 5, ()),
    )


@modest
@given(st.tuples(*[windows] * 7))
def test_the_description_has_every_day_once_with_its_windows(week):
    hours = SupportHours("UTC", week)
    told = {}
    for first, last, its_windows in describe_hours(hours):
        for day in range(first, first + (last - first) % 7 + 1):
            assert day % 7 not in told
            told[day % 7] = its_windows
    monday = utc("2026-11-16").date()
    assert told == {day: hours.windows_on(monday + timedelta(days=day)) for day in range(7)}


def test_windows_of_a_day_that_overlap_are_told_as_one():
    overlapping = (parse_window("12:00-18:00"), parse_window("09:00-12:00"), parse_window("10:00-11:00"))
    described = describe_hours(SupportHours("UTC", (overlapping,) * 7))
    assert described == (DayRange(0, 6, (parse_window("09:00-18:00"),)),)


def test_unusual_days_are_those_on_which_the_week_does_not_hold():
    hours = SupportHours(
        "Europe/London",
        OFFICE_WEEK,
        BankHolidays("GB", "ENG"),
        exceptions={date(2026, 12, 24): (parse_window("09:00-12:00"),), date(2026, 12, 23): OFFICE},
    )
    assert unusual_days(hours, date(2026, 12, 20), date(2026, 12, 28)) == (
        (date(2026, 12, 24), (parse_window("09:00-12:00"),)),
        (date(2026, 12, 25), ()),
        (date(2026, 12, 28), ()),  # the 26th is a Saturday, closed anyway
    )
