"""Who should be on: the vectors of the rota rules, and properties in a small world where clocks change."""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightdesk.rota.resolve import (
    LOOK_AHEAD,
    Layer,
    Override,
    OverrideKind,
    Rota,
    Seat,
    Shift,
    Turn,
    TurnKind,
    Window,
    next_change,
    next_turns,
    scheduled,
    turns,
)

ADD, REMOVE, REPLACE = OverrideKind.ADD, OverrideKind.REMOVE, OverrideKind.REPLACE
HOUR, DAY, WEEK, MONTH, WORKING_DAY = TurnKind
EVERY_DAY = frozenset(range(7))
WEEKDAYS = frozenset(range(5))
TICK = datetime.resolution
MINUTE, HALF_HOUR, ONE_DAY = timedelta(minutes=1), timedelta(minutes=30), timedelta(days=1)

quick = settings(deadline=None, max_examples=50, database=None)


def z(text: str) -> datetime:
    """An instant from `2020-03-06T08:30`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def one_seat(
    *layers: Layer,
    zone: str = "Europe/London",
    overrides: tuple[Override, ...] = (),
    shifts: tuple[Shift, ...] = (),
) -> Rota:
    return Rota(zone, (Seat("first", "First line", layers, shifts),), overrides)


def handovers(rota: Rota, after: str, count: int) -> list[datetime]:
    return [turn.start for turn in next_turns(rota, "first", z(after), count)]


def held(rota: Rota, start: str, end: str) -> list[tuple[object, datetime, datetime]]:
    return [(turn.member, turn.start, turn.end) for turn in turns(rota, "first", z(start), z(end))]


def on(rota: Rota, at: datetime | str) -> object:
    return scheduled(rota, z(at) if isinstance(at, str) else at)["first"]


# --- Handovers where clocks change

CLOCK_CHANGES = {
    "Chicago forward": ("America/Chicago", "2020-03-06T02:30", "03-06T08:30 03-07T08:30 03-08T08:00 03-09T07:30"),
    "Chicago back": ("America/Chicago", "2020-10-31T01:30", "10-31T06:30 11-01T06:30 11-02T07:30"),
    "London forward": ("Europe/London", "2020-03-28T01:30", "03-28T01:30 03-29T01:00 03-30T00:30"),
    "London back": ("Europe/London", "2020-10-24T01:30", "10-24T00:30 10-25T00:30 10-26T01:30"),
    "Lord Howe forward": ("Australia/Lord_Howe", "2020-10-03T02:15", "10-02T15:45 10-03T15:30 10-04T15:15"),
    "Lord Howe back": ("Australia/Lord_Howe", "2020-04-04T01:45", "04-03T14:45 04-04T14:45 04-05T15:15"),
    "Sydney forward": ("Australia/Sydney", "2020-10-03T02:30", "10-02T16:30 10-03T16:00 10-04T15:30"),
    "Sydney back": ("Australia/Sydney", "2020-04-04T02:30", "04-03T15:30 04-04T15:30 04-05T16:30"),
}


@pytest.mark.parametrize(("zone", "anchor", "instants"), CLOCK_CHANGES.values(), ids=CLOCK_CHANGES.keys())
@pytest.mark.parametrize("days_before", [0, 14, 3640])
def test_a_daily_handover_keeps_its_wall_clock_time(zone, anchor, instants, days_before):
    expected = [z(f"2020-{instant}") for instant in instants.split()]
    since = local(anchor) - days_before * ONE_DAY
    rota = one_seat(Layer(("Al", "Bo"), since, DAY), zone=zone)
    found = next_turns(rota, "first", expected[0], len(expected))
    assert [turn.start for turn in found] == expected
    for day, start in enumerate(expected):
        member = ("Al", "Bo")[(days_before + day) % 2]
        assert found[day].member == member
        for quarters in range(8):  # nor is it handed back when the hour is shown again
            assert on(rota, start + quarters * timedelta(minutes=15)) == member


def test_hours_that_the_clocks_skip_share_the_hour_after_them():
    rota = one_seat(Layer(("Al", "Bo", "Cy", "Di", "Ed"), local("2020-03-08T00:00"), HOUR), zone="America/Chicago")
    assert held(rota, "2020-03-08T06:00", "2020-03-08T10:00") == [
        ("Al", z("2020-03-08T06:00"), z("2020-03-08T07:00")),
        ("Bo", z("2020-03-08T07:00"), z("2020-03-08T08:00")),
        ("Cy", z("2020-03-08T08:00"), z("2020-03-08T08:30")),
        ("Di", z("2020-03-08T08:30"), z("2020-03-08T09:00")),
        ("Ed", z("2020-03-08T09:00"), z("2020-03-08T10:00")),
    ]


def test_the_first_turn_of_all_shares_with_nobody_before_it():
    rota = one_seat(Layer(("Al", "Bo"), local("2020-03-08T03:00"), HOUR), zone="America/Chicago")
    assert handovers(rota, "2020-03-08T00:00", 2) == [z("2020-03-08T08:00"), z("2020-03-08T09:00")]


def test_an_hour_that_the_clocks_repeat_belongs_to_one_member():
    rota = one_seat(Layer(("Al", "Bo", "Cy"), local("2020-11-01T00:00"), HOUR), zone="America/Chicago")
    assert held(rota, "2020-11-01T05:00", "2020-11-01T09:00") == [
        ("Al", z("2020-11-01T05:00"), z("2020-11-01T06:00")),
        ("Bo", z("2020-11-01T06:00"), z("2020-11-01T08:00")),
        ("Cy", z("2020-11-01T08:00"), z("2020-11-01T09:00")),
    ]


def test_lord_howe_has_one_hour_of_half_its_length():
    rota = one_seat(Layer(("Al", "Bo", "Cy"), local("2020-10-04T01:00"), HOUR), zone="Australia/Lord_Howe")
    starts = handovers(rota, "2020-10-03T14:30", 4)
    assert [later - earlier for earlier, later in pairwise(starts)] == [
        2 * HALF_HOUR,
        HALF_HOUR,
        2 * HALF_HOUR,
    ]


def test_turns_of_twelve_hours_hand_over_at_the_same_local_time_all_year():
    rota = one_seat(Layer(("Al", "Bo"), local("2020-01-01T08:00"), HOUR, every=12))
    year = turns(rota, "first", z("2020-01-01T08:00"), z("2021-01-01T08:00"))
    london = ZoneInfo("Europe/London")
    assert {turn.start.astimezone(london).time() for turn in year} == {time(8), time(20)}
    assert Counter(turn.end - turn.start for turn in year).keys() == {timedelta(hours=hours) for hours in (11, 12, 13)}


def test_a_day_that_a_country_skipped_loses_nobody_a_turn():
    rota = one_seat(Layer(("Al", "Bo", "Cy"), local("2011-12-29T00:00"), DAY), zone="Pacific/Apia")
    assert held(rota, "2011-12-29T10:00", "2011-12-31T10:00") == [
        ("Al", z("2011-12-29T10:00"), z("2011-12-30T10:00")),
        ("Bo", z("2011-12-30T10:00"), z("2011-12-30T22:00")),
        ("Cy", z("2011-12-30T22:00"), z("2011-12-31T10:00")),
    ]


@pytest.mark.parametrize(("evening", "hours"), [("2020-03-28", 7), ("2020-03-29", 8), ("2020-10-24", 9)])
def test_a_night_counts_in_real_hours(evening, hours):
    night = Window(EVERY_DAY, time(22), time(6))
    rota = one_seat(Layer(("Al",), local("2020-01-01T22:00"), DAY, restrict=(night,)))
    [turn] = next_turns(rota, "first", z(f"{evening}T12:00"), 1)
    assert turn.end - turn.start == timedelta(hours=hours)


@pytest.mark.parametrize(("day", "hours"), [("2020-03-29", 23), ("2020-03-30", 24), ("2020-10-25", 25)])
def test_a_window_that_closes_when_it_opens_is_the_whole_local_day(day, hours):
    that_day = Window(frozenset({date.fromisoformat(day).weekday()}), time(0), time(0))
    rota = one_seat(Layer(("Al",), local("2020-01-06T00:00"), WEEK, restrict=(that_day,)))
    [turn] = next_turns(rota, "first", z(f"{day}T00:00") - timedelta(hours=1), 1)
    assert turn.end - turn.start == timedelta(hours=hours)


def test_a_window_that_the_clocks_skip_does_not_open():
    early = Window(EVERY_DAY, time(1, 10), time(1, 50))
    rota = one_seat(Layer(("Al",), local("2020-03-01T00:00"), DAY, restrict=(early,)))
    assert handovers(rota, "2020-03-28T00:00", 2) == [z("2020-03-28T01:10"), z("2020-03-30T00:10")]


def test_a_window_stays_open_when_clocks_go_back_to_the_day_before():
    sunday = Window(frozenset({6}), time(0), time(6))
    rota = one_seat(Layer(("Al",), local("2010-11-01T00:00"), WEEK, restrict=(sunday,)), zone="America/St_Johns")
    assert held(rota, "2010-11-07T02:30", "2010-11-07T09:30") == [("Al", z("2010-11-07T02:30"), z("2010-11-07T09:30"))]
    assert on(rota, "2010-11-07T03:00") == "Al"  # clocks show 23:30 on Saturday


def test_an_instant_is_the_same_whatever_zone_it_is_written_in():
    chicago = ZoneInfo("America/Chicago")
    rota = one_seat(Layer(("Al", "Bo"), local("2020-11-01T00:00"), HOUR, every=2), zone="America/Chicago")
    once = datetime(2020, 11, 1, 1, 45, tzinfo=chicago)
    again = once.replace(fold=1)
    covered = replace(rota, overrides=(Override("first", REPLACE, once, again, 1, "Cy", "Al"),))
    assert [turn.member for turn in turns(covered, "first", once, again)] == ["Cy"]
    assert on(covered, once) == "Cy"
    assert on(covered, again) == "Al"


# --- Months


def test_months_from_the_31st_are_clamped_and_counted_from_the_anchor():
    rota = one_seat(Layer(("Al", "Bo"), local("2020-12-31T09:00"), MONTH), zone="UTC")
    assert [start.date().isoformat() for start in handovers(rota, "2020-12-31T09:00", 5)] == [
        "2020-12-31",
        "2021-01-31",
        "2021-02-28",
        "2021-03-31",
        "2021-04-30",
    ]


def test_a_yearly_turn_from_a_leap_day_comes_back_to_it():
    rota = one_seat(Layer(("Al", "Bo"), local("2020-02-29T09:00"), MONTH, every=12), zone="UTC")
    assert [start.day for start in handovers(rota, "2020-02-29T09:00", 5)] == [29, 28, 28, 28, 29]


@quick
@given(st.dates(date(2019, 1, 1), date(2024, 12, 31)), st.integers(1, 14), st.integers(0, 120))
def test_the_nth_month_ends_on_the_day_of_the_anchor_or_the_last(day, every, number):
    rota = one_seat(Layer(tuple(range(5)), datetime.combine(day, time(9)), MONTH, every), zone="UTC")
    year, month = divmod(day.year * 12 + day.month - 1 + number * every, 12)
    start = datetime(year, month + 1, min(day.day, monthrange(year, month + 1)[1]), 9, tzinfo=UTC)
    [turn] = turns(rota, "first", start, start + TICK)
    assert (turn.number, turn.member) == (number, number % 5)
    assert on(rota, start - TICK) == (None if number == 0 else (number - 1) % 5)


# --- Working days

OFFICE = (Window(WEEKDAYS, time(9), time(17)),)
BANK_HOLIDAYS = frozenset({date(2020, 4, 10), date(2020, 4, 13), date(2020, 5, 8), date(2020, 5, 25)})


def served(layer: Layer) -> Counter[object]:
    """How many windows each member has in 2020, from the layer's anchor on."""
    return Counter(member for member, *_ in held(one_seat(layer), "2020-01-01T00:00", "2021-01-01T00:00"))


def test_a_rota_of_working_days_starves_nobody():
    team = tuple(range(14))
    counts = served(Layer(team, local("2020-01-06T09:00"), WORKING_DAY, restrict=OFFICE, days_off=BANK_HOLIDAYS))
    counts.pop(None)
    assert set(counts) == set(team)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_by_calendar_period_the_turn_passes_whether_or_not_a_window_is_in_it():
    counts = served(Layer(tuple(range(14)), local("2020-01-06T09:00"), DAY, restrict=OFFICE))
    assert {member for member in range(14) if member not in counts} == {5, 6, 12, 13}


def test_a_bank_holiday_passes_the_turn_to_nobody_and_opens_no_window():
    team = ("Al", "Bo", "Cy")
    rota = one_seat(Layer(team, local("2020-04-08T09:00"), WORKING_DAY, restrict=OFFICE, days_off=BANK_HOLIDAYS))
    assert [(turn.member, turn.start) for turn in next_turns(rota, "first", z("2020-04-08T00:00"), 4)] == [
        ("Al", z("2020-04-08T08:00")),
        ("Bo", z("2020-04-09T08:00")),
        ("Cy", z("2020-04-14T08:00")),
        ("Al", z("2020-04-15T08:00")),
    ]


def test_without_windows_the_last_holder_keeps_the_days_that_do_not_count():
    rota = one_seat(Layer(("Al", "Bo"), local("2020-04-09T09:00"), WORKING_DAY, days_off=BANK_HOLIDAYS))
    assert held(rota, "2020-04-09T08:00", "2020-04-15T08:00") == [
        ("Al", z("2020-04-09T08:00"), z("2020-04-14T08:00")),
        ("Bo", z("2020-04-14T08:00"), z("2020-04-15T08:00")),
    ]


def test_a_first_turn_from_a_saturday_includes_the_monday():
    rota = one_seat(Layer(("Al", "Bo"), local("2020-01-04T09:00"), WORKING_DAY))
    assert handovers(rota, "2020-01-04T09:00", 2) == [z("2020-01-04T09:00"), z("2020-01-07T09:00")]


@quick
@given(
    st.dates(date(2020, 1, 1), date(2020, 1, 14)),
    st.sets(st.integers(0, 6), min_size=1),
    st.sets(st.integers(-3, 40)),
    st.integers(1, 4),
)
@example(date(2020, 1, 6), set(range(5)), {0, 1, 4}, 1)
def test_working_days_come_to_what_counting_them_one_by_one_gives(first, weekdays, off, every):
    days_off = {first + offset * ONE_DAY for offset in off}
    layer = Layer(
        tuple(range(5)),
        datetime.combine(first, time(9)),
        WORKING_DAY,
        every,
        weekdays=frozenset(weekdays),
        days_off=frozenset(days_off),
    )
    rota = one_seat(layer, zone="UTC")
    counted = 0
    for offset in range(120):
        day = first + offset * ONE_DAY
        counted += day.weekday() in weekdays and day not in days_off
        number = max(0, counted - 1) // every
        [turn] = turns(rota, "first", at := datetime.combine(day, time(9), UTC), at + TICK)
        assert (turn.number, turn.member) == (number, number % 5)


# --- Layers, and when they begin and end


def test_before_the_anchor_nobody_holds():
    rota = one_seat(Layer(("Al",), local("2020-01-06T09:00"), DAY))
    assert on(rota, z("2020-01-06T09:00") - TICK) is None
    assert on(rota, "2020-01-06T09:00") == "Al"
    assert on(rota, "1999-01-01T00:00") is None


def test_a_layer_that_may_start_before_its_anchor_does_not():
    rota = one_seat(Layer(("Al",), local("2020-01-06T09:00"), DAY, starts_on=date(2020, 1, 1)))
    assert handovers(rota, "2019-12-01T00:00", 1) == [z("2020-01-06T09:00")]
    assert on(rota, "2020-01-03T00:00") is None


def test_a_layer_is_valid_until_its_last_handover_and_moves_no_turn():
    layer = Layer(("Al", "Bo"), local("2020-01-01T09:00"), DAY, starts_on=date(2020, 1, 4), ends_on=date(2020, 1, 6))
    assert held(one_seat(layer), "2020-01-03T00:00", "2020-01-07T00:00") == [
        (None, z("2020-01-03T00:00"), z("2020-01-04T09:00")),
        ("Bo", z("2020-01-04T09:00"), z("2020-01-05T09:00")),
        ("Al", z("2020-01-05T09:00"), z("2020-01-06T09:00")),
        (None, z("2020-01-06T09:00"), z("2020-01-07T00:00")),
    ]


def test_the_higher_layer_wins_where_it_has_somebody():
    nights = Layer(("Al", "Bo"), local("2020-01-06T09:00"), DAY)
    office = Layer(("Cy",), local("2020-01-06T09:00"), WEEK, restrict=(Window(frozenset({1}), time(8), time(17)),))
    found = turns(one_seat(nights, office), "first", z("2020-01-06T09:00"), z("2020-01-08T09:00"))
    assert [(turn.member, turn.layer, turn.number, turn.end) for turn in found] == [
        ("Al", 0, 0, z("2020-01-07T08:00")),
        ("Cy", 1, 0, z("2020-01-07T17:00")),
        ("Bo", 0, 1, z("2020-01-08T09:00")),
    ]


NINE = local("2020-01-06T09:00")  # a Monday
EDGES = {
    "turn": (Layer(("Al", "Bo"), NINE, DAY), (), "2020-01-07T09:00", ("Al", "Bo")),
    "window": (
        Layer(("Al",), NINE, DAY, restrict=(Window(EVERY_DAY, time(9), time(17)),)),
        (),
        "2020-01-06T17:00",
        ("Al", None),
    ),
    "layer": (Layer(("Al",), NINE, DAY, ends_on=date(2020, 1, 8)), (), "2020-01-08T09:00", ("Al", None)),
    "override": (
        Layer(("Al",), NINE, DAY),
        (Override("first", ADD, z("2020-01-06T12:00"), z("2020-01-06T13:00"), 1, "Cy"),),
        "2020-01-06T13:00",
        ("Cy", "Al"),
    ),
}


@pytest.mark.parametrize(("layer", "overrides", "end", "expected"), EDGES.values(), ids=EDGES.keys())
def test_what_ends_is_over_at_its_instant_and_not_before(layer, overrides, end, expected):
    rota = one_seat(layer, overrides=overrides)
    assert (on(rota, z(end) - TICK), on(rota, z(end))) == expected


def test_windows_that_meet_make_one_turn():
    meeting = (Window(EVERY_DAY, time(9), time(12)), Window(EVERY_DAY, time(11), time(17)))
    rota = one_seat(Layer(("Al",), local("2020-01-06T09:00"), DAY, restrict=meeting))
    [turn] = next_turns(rota, "first", z("2020-01-07T00:00"), 1)
    assert (turn.start, turn.end) == (z("2020-01-07T09:00"), z("2020-01-07T17:00"))


def test_a_layer_or_seat_without_members_holds_nobody_and_ends():
    for rota in (one_seat(), one_seat(Layer((), local("2020-01-06T09:00"), DAY))):
        assert turns(rota, "first", MONDAY, MONDAY + 400 * ONE_DAY) == [Turn(None, MONDAY, MONDAY + 400 * ONE_DAY)]
        assert next_turns(rota, "first", MONDAY) == []
        assert next_change(rota, "first", MONDAY) is None


# --- Overrides

MONDAY = z("2020-01-06T09:00")
DAILY = Layer(("Al", "Bo"), local("2020-01-06T09:00"), DAY)


def override(kind, order, member=None, instead_of=None, start=MONDAY, end=MONDAY + 2 * ONE_DAY) -> Override:
    return Override("first", kind, start, end, order, member, instead_of)


OVERRIDES = {
    "an add takes an occupied seat": ([(ADD, 1, "Cy")], ["Cy", "Cy"]),
    "the later add wins": ([(ADD, 2, "Di"), (ADD, 1, "Cy")], ["Di", "Di"]),
    "a removal empties the seat": ([(REMOVE, 1, None, "Al")], [None, "Bo"]),
    "a removal of someone who is not on removes nobody": ([(REMOVE, 1, None, "Cy")], ["Al", "Bo"]),
    "a replacement takes the other's turns": ([(REPLACE, 1, "Cy", "Bo")], ["Al", "Cy"]),
    "a replacement of someone who is not on replaces nobody": ([(REPLACE, 1, "Di", "Cy")], ["Al", "Bo"]),
    "replacements do not chain": ([(REPLACE, 1, "Bo", "Al"), (REPLACE, 2, "Cy", "Bo")], ["Bo", "Cy"]),
    "nor do they the other way round": ([(REPLACE, 2, "Bo", "Al"), (REPLACE, 1, "Cy", "Bo")], ["Bo", "Cy"]),
    "two may swap": ([(REPLACE, 1, "Bo", "Al"), (REPLACE, 2, "Al", "Bo")], ["Bo", "Al"]),
    "the later replacement wins": ([(REPLACE, 1, "Cy", "Al"), (REPLACE, 2, "Di", "Al")], ["Di", "Bo"]),
    "a later removal wins": ([(REPLACE, 1, "Cy", "Al"), (REMOVE, 2, None, "Al")], [None, "Bo"]),
    "a removal does not reach a replacement": ([(REPLACE, 1, "Cy", "Al"), (REMOVE, 2, None, "Cy")], ["Cy", "Bo"]),
    "someone added can be replaced": ([(ADD, 1, "Cy"), (REPLACE, 2, "Di", "Cy")], ["Di", "Di"]),
    "someone added can be removed": ([(ADD, 1, "Cy"), (REMOVE, 2, None, "Cy")], [None, None]),
    "an add outdoes earlier replacements": ([(REPLACE, 1, "Di", "Cy"), (ADD, 2, "Cy")], ["Cy", "Cy"]),
    "who lost the seat to an add is not replaced": ([(ADD, 1, "Cy"), (REPLACE, 2, "Di", "Al")], ["Cy", "Cy"]),
    "equal orders rank as they stand": ([(ADD, 1, "Cy"), (ADD, 1, "Di")], ["Di", "Di"]),
}


@pytest.mark.parametrize(("made", "expected"), OVERRIDES.values(), ids=OVERRIDES.keys())
def test_overrides(made, expected):
    rota = one_seat(DAILY, overrides=tuple(override(*each) for each in made))
    assert [on(rota, MONDAY), on(rota, MONDAY + ONE_DAY)] == expected


def test_an_add_fills_an_empty_seat_for_exactly_its_time():
    start, end = z("2020-01-01T10:00"), z("2020-01-01T12:00")
    rota = one_seat(DAILY, overrides=(override(ADD, 1, "Cy", start=start, end=end),))
    assert held(rota, "2020-01-01T00:00", "2020-01-02T00:00") == [
        (None, z("2020-01-01T00:00"), start),
        ("Cy", start, end),
        (None, end, z("2020-01-02T00:00")),
    ]


def test_a_turn_names_the_override_it_comes_from():
    replaced, removed = override(REPLACE, 1, "Cy", "Al"), override(REMOVE, 2, None, "Bo")
    added = override(ADD, 3, "Di", start=MONDAY + 2 * ONE_DAY, end=MONDAY + 3 * ONE_DAY)
    rota = one_seat(DAILY, overrides=(replaced, removed, added))
    at = [MONDAY + day * ONE_DAY for day in range(5)]
    assert turns(rota, "first", at[0], at[4]) == [
        Turn("Cy", at[0], at[1], layer=0, number=0, override=replaced),
        Turn(None, at[1], at[2], override=removed),
        Turn("Di", at[2], at[3], override=added),
        Turn("Bo", at[3], at[4], layer=0, number=3),
    ]


def test_an_override_touches_its_own_seat_only():
    seats = (Seat("first", "First line", (DAILY,)), Seat("second", "Second line", (DAILY,)))
    rota = Rota("Europe/London", seats, (override(REPLACE, 1, "Cy", "Al"),))
    assert scheduled(rota, MONDAY) == {"first": "Cy", "second": "Al"}


# --- Looking ahead


def test_eight_turns_come_next_and_gaps_are_not_among_them():
    rota = one_seat(Layer(("Al", "Bo"), local("2020-01-06T09:00"), WORKING_DAY, restrict=OFFICE))
    found = next_turns(rota, "first", MONDAY)
    assert [turn.start.day for turn in found] == [6, 7, 8, 9, 10, 13, 14, 15]
    assert {turn.end - turn.start for turn in found} == {timedelta(hours=8)}


def test_a_turn_in_progress_is_not_next():
    rota = one_seat(DAILY)
    assert handovers(rota, "2020-01-06T09:00", 1) == [MONDAY]
    assert handovers(rota, "2020-01-06T09:01", 1) == [MONDAY + ONE_DAY]


def test_ones_own_next_turn_is_no_change():
    rota = one_seat(Layer(("Al", "Al", "Bo"), local("2020-01-06T09:00"), DAY))
    assert next_change(rota, "first", MONDAY) == MONDAY + 2 * ONE_DAY
    assert next_change(rota, "first", MONDAY + 2 * ONE_DAY) == MONDAY + 3 * ONE_DAY


def test_a_seat_that_one_member_always_has_never_changes():
    always = Layer(("Al",), local("2020-01-06T09:00"), HOUR)
    assert next_change(one_seat(always), "first", MONDAY) is None
    ending = replace(always, ends_on=date(2029, 1, 1))
    assert next_change(one_seat(ending), "first", MONDAY) == z("2029-01-01T09:00")


def test_the_search_ends_when_it_has_looked_far_enough():
    rota = one_seat(Layer(("Al", "Bo"), local("2020-01-06T09:00"), MONTH, every=121))
    assert next_change(rota, "first", MONDAY) is None
    assert next_change(rota, "first", MONDAY + ONE_DAY * 60) == z("2030-02-06T09:00")
    assert next_turns(rota, "first", MONDAY) == []
    assert z("2030-02-06T09:00") > MONDAY + LOOK_AHEAD


# --- Refusals

REFUSED = {
    "an aware anchor": lambda: replace(DAILY, anchor=MONDAY),
    "an anchor with fold": lambda: replace(DAILY, anchor=DAILY.anchor.replace(fold=1)),
    "an anchor out of the years": lambda: replace(DAILY, anchor=local("9000-01-01")),
    "an end out of the years": lambda: replace(DAILY, ends_on=date.max),
    "a turn of nothing": lambda: replace(DAILY, every=0),
    "a turn without end": lambda: replace(DAILY, every=10**9),
    "no working day": lambda: replace(DAILY, weekdays=frozenset()),
    "a member who is None": lambda: replace(DAILY, members=("Al", None)),
    "an eighth weekday": lambda: Window(frozenset({7}), time(9), time(17)),
    "a window with a zone": lambda: Window(WEEKDAYS, time(9, tzinfo=UTC), time(17)),
    "an override that ends as it starts": lambda: override(ADD, 1, "Cy", end=MONDAY),
    "an override without a zone": lambda: override(ADD, 1, "Cy", start=local("2020-01-06T09:00")),
    "an add of nobody": lambda: override(ADD, 1),
    "an add instead of somebody": lambda: override(ADD, 1, "Cy", "Al"),
    "a removal of nobody": lambda: override(REMOVE, 1),
    "a replacement by nobody": lambda: override(REPLACE, 1, None, "Al"),
    "an override of no seat": lambda: Rota("UTC", (), (override(ADD, 1, "Cy"),)),
    "a shift that ends as it starts": lambda: Shift(MONDAY, MONDAY, "Al"),
    "a shift of nobody": lambda: Shift(MONDAY, MONDAY + ONE_DAY, None),
    "two shifts at once": lambda: one_seat(
        shifts=(Shift(MONDAY, MONDAY + ONE_DAY, "Al"), Shift(MONDAY + HALF_HOUR, MONDAY + ONE_DAY, "Bo"))
    ),
    "two seats of one key": lambda: Rota("UTC", (Seat("first", "One"), Seat("first", "Other"))),
    "a naive instant": lambda: scheduled(one_seat(DAILY), local("2020-01-06T09:00")),
    "an instant out of the years": lambda: scheduled(one_seat(DAILY), datetime.max.replace(tzinfo=UTC)),
    "a window that ends before it starts": lambda: turns(one_seat(DAILY), "first", MONDAY, MONDAY - TICK),
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_meant_is_refused(asked):
    with pytest.raises(ValueError, match=r"[.;]"):
        asked()


def test_an_unknown_seat_is_a_key_error():
    for ask in (next_turns, next_change):
        with pytest.raises(KeyError, match="third"):
            ask(one_seat(DAILY), "third", MONDAY)


def test_a_published_shift_goes_before_the_layers_and_an_override_before_the_shift():
    shift = Shift(MONDAY, MONDAY + ONE_DAY, "Cy")
    swapped = override(REPLACE, 1, "Bo", "Cy", start=MONDAY + HALF_HOUR, end=MONDAY + 2 * HALF_HOUR)
    rota = one_seat(DAILY, shifts=(shift,), overrides=(swapped,))
    found = turns(rota, "first", MONDAY, MONDAY + ONE_DAY)
    assert [(turn.member, turn.shift, turn.layer) for turn in found] == [
        ("Cy", shift, None),
        ("Bo", shift, None),
        ("Cy", shift, None),
    ]
    (after,) = next_turns(rota, "first", MONDAY + ONE_DAY, 1)
    assert (after.shift, after.layer) == (None, 0)


def test_a_rota_is_a_value():
    built = [one_seat(DAILY, overrides=(override(ADD, 1, "Cy"),)) for _ in range(2)]
    assert len(set(built)) == 1


# --- A small world: a week about a clock change, on a half-hour grid, and an answer worked out the slow way

WEEKS = [
    ("America/Chicago", date(2020, 3, 5)),
    ("America/Chicago", date(2020, 10, 29)),
    ("Europe/London", date(2020, 3, 26)),
    ("Europe/London", date(2020, 10, 22)),
    ("Australia/Lord_Howe", date(2020, 10, 1)),
    ("Australia/Lord_Howe", date(2020, 4, 2)),
    ("Australia/Sydney", date(2020, 10, 1)),
    ("Australia/Sydney", date(2020, 4, 2)),
    ("America/St_Johns", date(2010, 11, 4)),  # back at 00:01, so that yesterday is shown again
    ("America/Havana", date(2020, 3, 5)),  # forward at midnight
    ("Pacific/Apia", date(2011, 12, 27)),  # 30 December does not exist
]
DAYS = 7


@cache
def first_shown(zone: str, first: date) -> tuple[datetime, list[datetime]]:
    """An instant, and for each minute from it on the latest that a wall clock has shown."""
    start = datetime.combine(first, time(0), UTC) - 2 * ONE_DAY
    latest: list[datetime] = []
    for minute in range((DAYS + 6) * 1440):
        shown = (start + minute * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        latest.append(max(shown, latest[-1]) if latest else shown)
    return start, latest


class SlowAnswer:
    """The holder by enumeration: no arithmetic on turn numbers, no offsets from UTC."""

    def __init__(self, rota: Rota, first: date) -> None:
        self.rota = rota
        self.first = first
        self.days = [first + offset * ONE_DAY for offset in range(-1, DAYS + 3)]
        self.starts = [self.turn_starts(layer) for layer in rota.seats[0].layers]

    def instant(self, day: date, at: time) -> datetime:
        start, latest = first_shown(self.rota.zone, self.first)
        return start + bisect_left(latest, datetime.combine(day, at)) * MINUTE

    def turn_starts(self, layer: Layer) -> list[datetime]:
        nominal = [layer.anchor]
        if layer.turn is WORKING_DAY:
            days = [day for day in self.days if day >= layer.anchor.date()]
            counted = [day for day in days if day.weekday() in layer.weekdays and day not in layer.days_off]
            nominal += [datetime.combine(day, layer.anchor.time()) for day in counted[layer.every :: layer.every]]
        else:
            step = layer.every * {HOUR: timedelta(hours=1), DAY: ONE_DAY, WEEK: 7 * ONE_DAY}[layer.turn]
            while nominal[-1].date() < self.days[-1]:
                nominal.append(nominal[-1] + step)
        groups = Counter(self.instant(each.date(), each.time()) for each in nominal)
        starts: list[datetime] = []
        for (here, sharing), following in zip(groups.items(), [*groups][1:], strict=False):
            starts += [here + (following - here) * index // sharing for index in range(sharing)]
        return [*starts, [*groups][-1]]

    def in_layer(self, layer: Layer, starts: list[datetime], at: datetime) -> object:
        passed = [start for start in starts if start <= at]
        windows = [
            (self.instant(day, each.opens), self.instant(day + (each.closes <= each.opens) * ONE_DAY, each.closes))
            for each in layer.restrict
            for day in self.days
            if day.weekday() in each.weekdays and day not in layer.days_off
        ]
        valid = not (layer.starts_on and at < self.instant(layer.starts_on, layer.anchor.time())) and not (
            layer.ends_on and at >= self.instant(layer.ends_on, layer.anchor.time())
        )
        if not layer.members or not passed or not valid:
            return None
        if layer.restrict and not any(opens <= at < closes for opens, closes in windows):
            return None
        return layer.members[(len(passed) - 1) % len(layer.members)]

    def at(self, at: datetime) -> object:
        holders = [self.in_layer(*each, at) for each in zip(self.rota.seats[0].layers, self.starts, strict=True)]
        published = (each.member for each in self.rota.seats[0].shifts if each.start <= at < each.end)
        by_plan = [*published, *(holder for holder in reversed(holders) if holder is not None)]
        standing = next(iter(by_plan), None)
        named: object = standing
        for each in sorted(self.rota.overrides, key=lambda each: each.order):
            if not each.start <= at < each.end:
                continue
            if each.kind is ADD:
                standing = named = each.member
            elif each.instead_of == standing:
                named = each.member
        return named


people = st.sampled_from(["Al", "Bo", "Cy"])
half_hours = st.integers(0, 47).map(lambda count: time(count // 2, count % 2 * 30))
some_weekdays = st.frozensets(st.integers(0, 6), min_size=1)
hours = st.sampled_from([(HOUR, 1), (HOUR, 5), (HOUR, 12)])
kinds = hours | st.sampled_from([(DAY, 1), (DAY, 2), (WEEK, 1), (WORKING_DAY, 1), (WORKING_DAY, 2)])


@st.composite
def layers(draw, first: date, always: bool) -> Layer:
    days = st.integers(0, DAYS - 1).map(lambda offset: first + offset * ONE_DAY)
    turn, every = draw(kinds)
    layer = Layer(
        members=tuple(draw(st.lists(people, min_size=1, max_size=4))),
        anchor=datetime.combine(first + draw(st.integers(0, 3)) * ONE_DAY, draw(half_hours)),
        turn=turn,
        every=every,
        weekdays=draw(some_weekdays),
        days_off=draw(st.frozensets(days, max_size=2)),
    )
    if always:
        return layer
    return replace(
        layer,
        restrict=tuple(draw(st.lists(st.builds(Window, some_weekdays, half_hours, half_hours), max_size=2))),
        starts_on=draw(st.none() | days),
        ends_on=draw(st.none() | days),
    )


@st.composite
def worlds(draw, always: bool = False) -> tuple[Rota, date, datetime, datetime]:
    """A rota of one seat, the week's first day, and the week as instants. `always`: the rota itself makes no gap."""
    zone, first = draw(st.sampled_from(WEEKS))
    start = datetime.combine(first, time(0), UTC)
    instants = st.integers(0, DAYS * 48).map(lambda count: start + count * HALF_HOUR)
    overrides = []
    for order in draw(st.permutations(range(draw(st.integers(0, 4))))):
        kind = draw(st.sampled_from([ADD, REPLACE] if always else [ADD, REMOVE, REPLACE]))
        begins, ends = sorted(draw(st.lists(instants, min_size=2, max_size=2, unique=True)))
        member = None if kind is REMOVE else draw(people)
        instead_of = None if kind is ADD else draw(people)
        overrides.append(Override("first", kind, begins, ends, order, member, instead_of))
    chosen = draw(st.lists(layers(first, always), min_size=1, max_size=3))
    edges = sorted(draw(st.lists(instants, max_size=6, unique=True)))
    published = zip(edges[::2], edges[1::2], strict=False)
    shifts = tuple(draw(st.permutations([Shift(begins, ends, draw(people)) for begins, ends in published])))
    rota = one_seat(*chosen, zone=zone, overrides=tuple(overrides), shifts=shifts)
    return rota, first, start, start + DAYS * ONE_DAY


@quick
@given(worlds())
def test_turns_tile_time_and_agree_with_who_is_scheduled(world):
    rota, first, start, end = world
    slow = SlowAnswer(rota, first)
    tiles = turns(rota, "first", start, end)
    assert [start, *(turn.end for turn in tiles)] == [*(turn.start for turn in tiles), end]
    for turn in tiles:
        assert turn.start < turn.end
        for at in (turn.start, turn.start + (turn.end - turn.start) // 2, turn.end - TICK):
            assert turn.member == on(rota, at) == slow.at(at), at


@quick
@given(worlds(), st.data())
def test_a_smaller_window_gives_the_same_turns_cut_to_it(world, data):
    rota, _, start, end = world
    tiles = turns(rota, "first", start, end)
    edges = sorted({turn.start for turn in tiles} | {start + each * HALF_HOUR for each in range(DAYS * 48)} | {end})
    low, high = sorted(data.draw(st.lists(st.sampled_from(edges), min_size=2, max_size=2, unique=True)))
    assert turns(rota, "first", low, high) == [
        replace(turn, start=max(turn.start, low), end=min(turn.end, high))
        for turn in tiles
        if turn.start < high and turn.end > low
    ]


@quick
@given(worlds(), st.integers(0, DAYS * 48))
def test_what_comes_next_is_what_the_turns_say(world, offset):
    rota, _, start, end = world
    at = start + offset * HALF_HOUR
    whole = turns(rota, "first", start - ONE_DAY, end + 60 * ONE_DAY)
    coming = [turn for turn in whole if turn.start >= at and turn.member is not None and turn.end < whole[-1].end]
    found = next_turns(rota, "first", at, 5)
    assert found[: len(coming)] == coming[:5]
    changes = [later.start for earlier, later in pairwise(whole) if earlier.member != later.member and later.start > at]
    change = next_change(rota, "first", at)
    if changes:
        assert change == changes[0]
    else:
        assert change is None or change >= whole[-1].end
        assert change is None or on(rota, change) != on(rota, change - TICK)


@quick
@given(worlds(always=True))
def test_there_is_no_gap_unless_the_rota_says_so(world):
    rota, first, start, end = world
    slow = SlowAnswer(rota, first)
    covered_from = min(starts[0] for starts in slow.starts)
    assert None not in {turn.member for turn in turns(rota, "first", max(start, covered_from), end)}


@quick
@given(worlds(always=True))
def test_nobody_loses_a_turn(world):
    rota, _, start, end = world
    alone = replace(rota, seats=(replace(rota.seats[0], layers=rota.seats[0].layers[:1], shifts=()),), overrides=())
    numbers = [turn.number for turn in turns(alone, "first", start, end) if turn.member is not None]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@quick
@given(worlds(), st.integers(2, 10_000))
def test_the_distance_from_the_anchor_changes_nothing(world, rounds):
    rota, _, start, end = world
    layer = replace(rota.seats[0].layers[0], turn=DAY, every=1, starts_on=None)

    def held_since(rounds: int) -> list[Turn]:
        earlier = replace(layer, anchor=layer.anchor - rounds * len(layer.members) * ONE_DAY)
        found = turns(one_seat(earlier, zone=rota.zone), "first", start + 4 * ONE_DAY, end)
        return [replace(turn, number=None) for turn in found]

    assert held_since(rounds) == held_since(1)
