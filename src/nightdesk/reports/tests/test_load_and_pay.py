"""Figures of load and lines of pay, from hours alone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.reports.load import Bearer, Figure, Sort, Stretch, loads
from nightdesk.reports.pay import Rates, as_plain, lines, read_rates

LONDON = "Europe/London"
MAY_DAY = date(2026, 5, 4)
RATES = Rates(
    standby_hour=Decimal(3),
    duty_hour=Decimal(20),
    call_hour=Decimal(30),
    called_off_hour=Decimal(40),
    call_minimum=60,
    night_factor=Decimal("1.5"),
    weekend_factor=Decimal("1.25"),
    holiday_factor=Decimal(2),
)


def z(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def did(sort: Sort, start: str, end: str, what: str = "") -> Stretch:
    return Stretch(z(start), z(end), sort, what)


def test_nights_weekends_and_holidays_are_counted_once_each():
    bo = Bearer(
        1,
        "Bo",
        LONDON,
        31,
        (
            did(Sort.STANDBY, "2026-05-01T17:00", "2026-05-02T07:00"),  # Friday night into Saturday
            did(Sort.DUTY, "2026-05-02T08:00", "2026-05-03T20:00"),  # the same weekend, and a night
            did(Sort.DUTY, "2026-05-04T08:00", "2026-05-04T16:00"),  # a bank holiday
        ),
    )
    figures = loads([bo], {MAY_DAY})[0].figures
    assert (figures[Figure.NIGHTS], figures[Figure.WEEKENDS], figures[Figure.HOLIDAYS]) == (2, 1, 1)


def test_only_what_happened_at_night_woke_somebody():
    bo = Bearer(
        1,
        "Bo",
        LONDON,
        7,
        (
            did(Sort.CALL, "2026-05-04T21:30", "2026-05-04T22:30"),  # 22:30 to 23:30 by their clocks
            did(Sort.CALLED_OFF, "2026-05-05T01:00", "2026-05-05T01:20"),
        ),
        (z("2026-05-05T02:00"), z("2026-05-05T12:00")),
    )
    figures = loads([bo], ())[0].figures
    assert figures[Figure.WOKEN] == 1
    assert figures[Figure.MINUTES_AWAKE] == 30 + 20
    assert figures[Figure.CALLED_OFF] == 1


def test_a_share_goes_by_the_days_that_each_was_there():
    night = did(Sort.DUTY, "2026-05-04T20:00", "2026-05-05T06:00")
    bo, al = Bearer(1, "Bo", LONDON, 20, (night,)), Bearer(2, "Al", LONDON, 10)
    shares = {load.person.name: load.shares[Figure.NIGHTS] for load in loads([bo, al], ())}
    assert shares == {"Al": pytest.approx(1 / 3), "Bo": pytest.approx(2 / 3)}


def test_what_is_switched_off_is_not_reckoned():
    (load,) = loads([Bearer(1, "Bo", LONDON, 7)], (), {Figure.WOKEN, Figure.MINUTES_AWAKE})
    assert set(load.figures) == set(load.shares) == set(Figure) - {Figure.WOKEN, Figure.MINUTES_AWAKE}


def test_a_night_of_standby_is_cut_where_its_factor_changes():
    night = did(Sort.STANDBY, "2026-01-05T18:00", "2026-01-06T08:00", "Night")
    found = [(line.minutes, line.why, line.amount) for line in lines([night], RATES, LONDON, ())]
    assert found == [
        (300, "", Decimal("15.00")),
        (420, "night", Decimal("31.50")),
        (120, "", Decimal("6.00")),
    ]


def test_the_highest_factor_counts_and_factors_are_not_multiplied():
    night = did(Sort.DUTY, "2026-05-03T22:30", "2026-05-04T00:00")  # Sunday to the bank holiday, British summer time
    found = [(line.minutes, line.why, line.factor) for line in lines([night], RATES, LONDON, {MAY_DAY})]
    assert found == [(30, "night", Decimal("1.5")), (60, "holiday", Decimal(2))]


def test_a_call_is_paid_for_a_least_time_by_the_factor_of_its_start():
    call = did(Sort.CALLED_OFF, "2026-01-06T05:50", "2026-01-06T06:10", "helped Bo")
    (line,) = lines([call], RATES, LONDON, ())
    assert (line.minutes, line.rate, line.factor, line.amount) == (60, 40, Decimal("1.5"), Decimal("60.00"))


def test_an_hour_more_on_the_night_of_the_clocks_is_paid():
    back = did(Sort.DUTY, "2026-10-24T22:00", "2026-10-25T06:00")
    assert sum(line.minutes for line in lines([back], RATES, LONDON, ())) == 8 * 60


def test_rates_are_kept_as_they_are_read_and_what_is_no_rate_is_refused():
    assert read_rates(as_plain(RATES)) == RATES
    for bad in ({"duty_hour": "-1"}, {"night_factor": "0.5"}, {"currency": "pounds"}, {"call_minimum": 5000}):
        with pytest.raises(ValueError, match=r"give|three letters"):
            read_rates(bad)


@settings(deadline=None, max_examples=50, database=None)
@given(st.integers(0, 400), st.integers(1, 96), st.sampled_from([LONDON, "America/Chicago", "Australia/Lord_Howe"]))
def test_no_minute_is_paid_twice_and_none_is_left_out(start, length, zone):
    began = datetime(2026, 3, 20, tzinfo=UTC) + start * timedelta(minutes=30)
    stretch = Stretch(began, began + length * timedelta(minutes=30), Sort.DUTY)
    found = lines([stretch], RATES, zone, {MAY_DAY})
    assert found[0].start == stretch.start
    assert found[-1].end == stretch.end
    assert all(line.end == after.start for line, after in pairwise(found))
    assert sum(line.minutes for line in found) == length * 30
