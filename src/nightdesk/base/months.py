"""Tables kept in one partition a month: the months are made ahead, and a month that is over can be dropped in a second."""

from datetime import UTC, date, datetime, timedelta

from django.db import connection

AHEAD = 3
"""Months made ahead. Whatever falls outside them lands in the default partition, so nothing is refused."""

# Months are UTC's, whatever zone the session is in. A row trigger comes with the parent, a statement trigger (TRUNCATE) does
# not, and is copied. Rows that came while no worker made months lie in the default partition; their month stays there.
MAKE_FUNCTION = """
CREATE FUNCTION nightdesk_make_month(parent regclass, month date) RETURNS void LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    name text := parent::text || '_' || to_char(month, 'YYYY_MM');
    upper date := (month + interval '1 month')::date;
    definition text;
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', name, parent, month, upper);
    EXCEPTION WHEN duplicate_table OR unique_violation THEN  -- another process was first
        RETURN;
    WHEN check_violation THEN
        RAISE WARNING '% stays in the default partition, which has rows of it.', name;
        RETURN;
    END;
    FOR definition IN
        SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = parent AND NOT tgisinternal AND tgtype & 1 = 0
    LOOP
        EXECUTE regexp_replace(definition, ' ON \\S+ ', format(' ON %I ', name));
    END LOOP;
END $$;
"""


def month_of(at: datetime) -> date:
    """The first day of the month in which `at` (aware) lies in UTC: the partition that a row with this cause lives in."""
    return at.astimezone(UTC).date().replace(day=1)


def is_whole(first: date, last: date) -> bool:
    """Whether these days are a month, from its first to its last."""
    return first.day == 1 and (last + timedelta(days=1)).day == 1 and (last - first).days < 31


def make_months(tables: tuple[str, ...], at: datetime, *, behind: int = 0) -> None:
    """Make sure that each of `tables` has partitions from `behind` months before `at` to `AHEAD` after it."""
    first = month_of(at)
    with connection.cursor() as cursor:
        for step in range(-behind, AHEAD + 1):
            year, month = divmod(first.year * 12 + first.month - 1 + step, 12)
            for table in tables:
                cursor.execute("SELECT nightdesk_make_month(%s, %s)", [table, date(year, month + 1, 1)])


def make_index(table: str, name: str, definition: str) -> None:
    """An index of a table by months, built beside the running program, one partition after the other: for a migration that is not
    atomic. Nothing is locked for longer than it takes to note it; done again after it was broken off, it goes on.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {definition}")
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass "
            "AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_inherits a ON a.inhrelid = i.indexrelid "
            "WHERE i.indrelid = pg_inherits.inhrelid AND a.inhparent = %s::regclass)",
            [table, name],
        )
        for (partition,) in cursor.fetchall():
            index = f"{partition}_{name}"
            cursor.execute(f"DROP INDEX IF EXISTS {index}")  # of a run that was broken off
            cursor.execute(f"CREATE INDEX CONCURRENTLY {index} ON {partition} {definition}")
            cursor.execute(f"ALTER INDEX {name} ATTACH PARTITION {index}")
