"""The hours of a week as they are typed."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.reports.week import BadLine, read_calls, read_combinations, read_hours, write_calls

KINDS = ("none", "phone", "bureau")


def test_days_and_hours_are_read():
    assert read_hours("Mon 09-11") == {9, 10}
    assert read_hours("Sunday 22-02\n") == {166, 167, 0, 1}  # into the Monday
    assert len(read_hours("Mon-Fri 08:00-18:00\nSat, Sun 10-12")) == 54
    assert len(read_hours("every day 0-24")) == 168
    assert read_hours("Sat-Mon 0-1") == {120, 144, 0}
    assert read_hours("") == frozenset()


def test_calls_are_read_and_the_later_line_is_stronger():
    week = read_calls("every day 0-24 0.5\nMon-Fri 09-17 6\nSun " + "1 " * 24)
    assert (week[0], week[9], week[17], week[6 * 24]) == (Decimal("0.5"), 6, Decimal("0.5"), 1)


@given(st.lists(st.decimals(0, 2000, places=2), min_size=168, max_size=168))
def test_a_week_that_is_written_is_read_as_it_was(week):
    assert read_calls(write_calls(week)) == tuple(week)


def test_a_combination_names_each_hour_that_is_not_covered():
    office = read_hours("Mon-Fri 08-18")
    (week,) = read_combinations("Both: every day 18-23 phone; else bureau", office, KINDS).values()
    assert (week[9], week[18], week[3], week[22], week[5 * 24 + 9]) == ("", "phone", "bureau", "phone", "bureau")
    (rest,) = read_combinations("Evenings: every day 18-23 phone", office, KINDS).values()
    assert rest[3] == "none"


@pytest.mark.parametrize(
    ("read", "text", "why"),
    [
        (read_hours, "Mon-Fri 8:30-18", "whole hours"),
        (read_hours, "Blu 8-18", "no day"),
        (read_hours, "Mon 8-25", "0 to 24"),
        (read_hours, "\nMon 8-18 x", "Line 2"),
        (read_hours, "8-18", "begin with days"),
        (read_calls, "Mon 8-18", "a number"),
        (read_calls, "Mon 8-18 many", "a number"),
        (read_calls, "Mon 8-18 -1", "0 to 2000"),
        (read_calls, "Mon 8-18 NaN", "0 to 2000"),
        (read_calls, "Mon 1 2 3", "24 numbers"),
        (lambda text: read_combinations(text, frozenset(), KINDS), "Mon-Fri 8-18 phone", "a name"),
        (lambda text: read_combinations(text, frozenset(), KINDS), "x: Mon 8-18 drums", "no approach"),
        (lambda text: read_combinations(text, frozenset(), KINDS), "x: else phone\nX: else phone", "another"),
        (lambda text: read_combinations(text, frozenset(), KINDS), "phone: else phone", "another"),
        (lambda text: read_combinations(text, frozenset(), KINDS), "x:", "what is done when"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_line(read, text, why):
    with pytest.raises(BadLine, match=why):
        read(text)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(text):
    for read in (read_hours, read_calls, lambda typed: read_combinations(typed, frozenset(), KINDS)):
        with suppress(BadLine):
            read(text)
