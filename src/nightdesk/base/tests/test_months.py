"""Tables kept in months: which month a row is of, and the partitions that are made ahead."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from django.db import connection

from nightdesk.base.months import AHEAD, make_months, month_of
from nightdesk.base.tests.other_hands import Hand, another_connection, somebody_waits_for, until

AT = datetime(2041, 11, 30, 23, 30, tzinfo=UTC)


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def table(db):
    run("CREATE TABLE thing (at timestamptz, PRIMARY KEY (at)) PARTITION BY RANGE (at)")
    run("CREATE TABLE thing_default PARTITION OF thing DEFAULT")
    return "thing"


def partitions():
    rows = run("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'thing'::regclass ORDER BY 1")
    return [name for (name,) in rows]


def test_the_month_is_utcs_whatever_zone_the_instant_is_told_in():
    assert month_of(AT) == date(2041, 11, 1)
    assert month_of(AT.astimezone(timezone(timedelta(hours=1)))) == date(2041, 11, 1)
    assert month_of(AT + timedelta(minutes=30)) == date(2041, 12, 1)


def test_months_are_made_ahead_over_the_turn_of_the_year_and_again_without_harm(table):
    make_months((table,), AT, behind=1)
    make_months((table,), AT, behind=1)
    assert AHEAD == 3
    assert partitions() == [
        "thing_2041_10", "thing_2041_11", "thing_2041_12", "thing_2042_01", "thing_2042_02", "thing_default",
    ]  # fmt: skip


def test_months_begin_and_end_in_utc_when_the_session_does_not_speak_it(table):
    run("SET LOCAL timezone = 'Pacific/Auckland'")
    make_months((table,), AT)
    run("INSERT INTO thing VALUES ('2041-11-30T23:59:59.999999Z'), ('2041-12-01T00:00Z')")
    assert run("SELECT tableoid::regclass::text FROM thing ORDER BY at") == [("thing_2041_11",), ("thing_2041_12",)]


def test_a_row_of_a_month_that_was_not_made_is_kept_and_its_month_stays_where_it_is(table):
    run("INSERT INTO thing VALUES (%s)", AT)
    make_months((table,), AT)
    assert "thing_2041_11" not in partitions()
    assert "thing_2041_12" in partitions()
    assert run("SELECT count(*) FROM thing") == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_two_that_make_the_same_month_at_once_do_not_trip_over_each_other():
    try:
        run("CREATE TABLE thing (at timestamptz) PARTITION BY RANGE (at)")
        with another_connection() as other:
            other.execute("SELECT nightdesk_make_month('thing', '2041-11-01')")
            second = Hand(lambda: run("SELECT nightdesk_make_month('thing', '2041-11-01')"))
            until(lambda: somebody_waits_for(other))
            other.commit()
            second.result()
        assert partitions() == ["thing_2041_11"]
    finally:
        run("DROP TABLE thing")
