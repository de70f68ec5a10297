"""Tables kept in one partition a month: the months are made ahead, and a month that is over can be dropped in a second."""

from datetime import date, datetime

from django.db import connection

AHEAD = 3
"""Months made ahead. Whatever falls outside them lands in the default partition, so nothing is refused."""

MAKE_FUNCTION = """
CREATE FUNCTION nightdesk_make_month(parent regclass, month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := parent::text || '_' || to_char(month, 'YYYY_MM');
    upper date := (month + interval '1 month')::date;
BEGIN
    IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', name, parent, month, upper);
    END IF;
END $$;
"""


def month_of(at: datetime) -> date:
    """The first day of the month of `at`, an aware UTC instant: the partition that a row with this cause lives in."""
    return date(at.year, at.month, 1)


def make_months(tables: tuple[str, ...], at: datetime, *, behind: int = 0) -> None:
    """Make sure that each of `tables` has partitions from `behind` months before `at` to `AHEAD` after it."""
    with connection.cursor() as cursor:
        for step in range(-behind, AHEAD + 1):
            year, month = divmod(at.year * 12 + at.month - 1 + step, 12)
            for table in tables:
                cursor.execute("SELECT nightdesk_make_month(%s, %s)", [table, date(year, month + 1, 1)])
