"""Reports of service figures over two years of ROWS journal entries: each page's questions, and the slow way beside one of them.

Sources are filled set-wise, into tables without indices that are not logged: indices come afterwards. Of twenty journal entries
one is a ticket's opening and one a call's coming, of 2,000 customers. What is added up of each day is written set-wise too, in
the shape that the worker writes; its months are the worker's own, `rolled` measures it on real days, and that it is right is
a test's to say. Which rows a report reads is counted table by table, by EXPLAIN ANALYZE: of the journal, of calls and of
tickets none, however many there are. `NIGHTDESK_BENCH_ROWS=20000000 python -m bench reports` is the full size.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench.figure import at_most
from bench.ground import database

ROWS = int(os.environ.get("NIGHTDESK_BENCH_ROWS", "1000000"))
DAYS, CUSTOMERS, TEAMS = 730, 2_000, 12
GOAL_S = 1.0
GROW = {"journal_entry", "calls_call", "desk_ticket", "paging_page", "channels_delivery"}
"""Tables that no report reads: what is counted of them lies added up."""

JOURNAL = """
INSERT INTO journal_entry
    (id, at, kind, version, by_kind, by_id, by_name, via, subject_kind, subject_id, brand_id, facts)
SELECT lpad(to_hex(n), 32, '0')::uuid, at, 'ticket.noted', 1, 'person', '1', 'Bo', 'web', 'ticket', (n % %(tickets)s)::text,
       %(brand)s, '{}'
FROM (SELECT n, %(at)s::timestamptz - interval '1 day' * (n * %(days)s::float8 / %(rows)s) AS at
      FROM generate_series(0, %(rows)s::bigint - 1) n) x
"""
CALLS = """
INSERT INTO calls_call (id, line_id, exchange, number, called, came_at, step, state, customer_id, known_by, answered_at,
                        answered_by, answered_person_id, woken, ended_at, ended_as)
SELECT lpad(to_hex(n), 32, '0')::uuid, %(line)s, 'x', '+44' || (n * 7919 % 50000), '+44', at, 1, '{}',
       %(customer)s + n % %(customers)s, '', at + interval '1 second' * (n % 20), 'engineer',
       %(person)s + n % %(teams)s, 0, at + interval '3 minutes', 'done'
FROM (SELECT n, %(at)s::timestamptz - interval '1 day' * (n * %(days)s::float8 / %(count)s) AS at
      FROM generate_series(1, %(count)s::bigint) n) x
"""
TICKETS = """
INSERT INTO desk_ticket (id, brand_id, number, kind, state, pending_reason, title, customer_id, requester_address,
                         requester_name, trust, work_type, impact, urgency, priority, level, team_id, tags, major, next_step,
                         needs_proof, came_by, opened_at, changed_at, first_response_at, resolved_at, closed_at, reopened,
                         what_was_wrong, what_was_done, what_to_do)
SELECT lpad(to_hex(n), 32, '0')::uuid, %(brand)s, 100000 + n, 'incident', 'closed', '', 'x', %(customer)s + n % %(customers)s, '',
       '', 'verified', '', 'low', 'low', 4, '1', %(team)s + n % %(teams)s, '{}', false, '',
       false, 'mail', at, at, at + interval '1 minute' * (n % 90), at + interval '1 minute' * (n % 4000),
       at + interval '3 days', (n % 17 = 0)::int, 'a', 'b', 'c'
FROM (SELECT n, %(at)s::timestamptz - interval '1 day' * (n * %(days)s::float8 / %(count)s) AS at
      FROM generate_series(1, %(count)s::bigint) n) x
"""
CELLS = """
INSERT INTO reports_figureday (brand_id, figure, dimension, value, day, cases, hits, total, waiting, bucket_at, bucket_count)
SELECT %(brand)s, f, %(dimension)s, (%(low)s + v)::text, %(today)s::date - d, least(greatest(%(each)s, 1), 500), 1, 90000, 0,
       CASE WHEN f LIKE 'time_to%%' THEN ARRAY[300 + v %% 150] ELSE '{}' END,
       CASE WHEN f LIKE 'time_to%%' THEN ARRAY[greatest(%(each)s, 1)] ELSE '{}' END
FROM unnest(%(figures)s::text[]) f, generate_series(0, %(days)s - 1) d, generate_series(0, %(values)s - 1) v
WHERE (v * 7919 + d * 104729) %% %(values)s < %(busy)s
"""
ALL = """
INSERT INTO reports_figureday (brand_id, figure, dimension, value, day, cases, hits, total, waiting, bucket_at, bucket_count)
SELECT %(brand)s, f, '', '', %(today)s::date - d, 1000, 900, 90000, 3,
       CASE WHEN f LIKE 'time_to%%' THEN (SELECT array_agg(b) FROM generate_series(250, 450) b) ELSE '{}' END,
       CASE WHEN f LIKE 'time_to%%' THEN (SELECT array_agg(5) FROM generate_series(250, 450) b) ELSE '{}' END
FROM unnest(%(figures)s::text[]) f, generate_series(0, %(days)s - 1) d
"""


def main() -> None:
    with database() as url:
        del url
        from django.db import connection

        from nightdesk.access import actions as access
        from nightdesk.base import clock, postgres
        from nightdesk.base.actors import SCHEDULER, Door
        from nightdesk.base.months import make_months
        from nightdesk.calls.models import Line
        from nightdesk.customers.models import Customer
        from nightdesk.people.models import Person, Team
        from nightdesk.reports import figure_queries
        from nightdesk.reports.definitions import DEFINITIONS, fold
        from nightdesk.reports.fact_queries import facts_of
        from nightdesk.reports.figure_actions import roll_figures
        from nightdesk.reports.models import FigureDay, Rolled

        at = clock.now()
        brand = access.make_brand(name="Quay", slug="quay", by=SCHEDULER, via=Door.CLI, at=at)
        people = Person.objects.bulk_create([Person(name=f"P{n}") for n in range(TEAMS)])
        teams = Team.objects.bulk_create([Team(brand=brand, name=f"T{n}") for n in range(TEAMS)])
        for team, person in zip(teams, people, strict=True):
            team.members.add(person)
        customers = Customer.objects.bulk_create(
            [Customer(brand=brand, name=f"C{n}", ref=str(n)) for n in range(CUSTOMERS)]
        )
        line = Line.objects.create(brand=brand, name="L", numbers=["+44"], shown_number="+44", pager_number="+44")
        today, count = at.date(), ROWS // 20
        given: dict[str, Any] = {
            "at": at, "brand": brand.pk, "days": DAYS, "rows": ROWS, "count": count, "tickets": count, "line": line.pk,
            "customer": customers[0].pk, "customers": CUSTOMERS, "person": people[0].pk, "team": teams[0].pk, "teams": TEAMS,
            "today": today,
        }  # fmt: skip
        with psycopg.connect(
            postgres.Server(Path(os.environ["NIGHTDESK_STATE_DIR"])).superuser_url, autocommit=True
        ) as all_may:
            all_may.execute("GRANT SET ON PARAMETER session_replication_role TO nightdesk")
        began = time.perf_counter()
        month = at
        while month > at - timedelta(days=DAYS + 31):
            make_months(("journal_entry",), month)
            month -= timedelta(days=28)
        with connection.cursor() as cursor, _filling(cursor):
            for sql in (CALLS, TICKETS, JOURNAL):
                cursor.execute(sql.replace(" % ", " %% "), given)
            kept = {name: [one.key for one in DEFINITIONS if name in one.by] for name in ("customer", "team", "shift")}
            cursor.execute(ALL, given | {"figures": [one.key for one in DEFINITIONS]})
            a_day = count / DAYS
            for name, values, low in (("customer", CUSTOMERS, customers[0].pk), ("team", TEAMS, teams[0].pk)):
                busy = min(values, int(a_day) + 1)
                each = max(int(a_day / values), 1)
                cursor.execute(
                    CELLS,
                    given
                    | {
                        "dimension": name,
                        "figures": kept[name],
                        "values": values,
                        "low": low,
                        "busy": busy,
                        "each": each,
                    },
                )
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE, FREEZE) reports_figureday")
            cursor.execute("ANALYZE")
            cursor.execute("SELECT count(*) FROM reports_figureday")
            cells = cursor.fetchone()[0]
        Rolled.objects.create(brand=brand, since=today - timedelta(days=DAYS - 1), rolled_at=at)
        print(f"reports: {ROWS} journal entries, {count} calls, {count} tickets, {cells} sums of days in "
              f"{time.perf_counter() - began:.0f} s", flush=True)  # fmt: skip

        summed = _timed(lambda: roll_figures(brand_id=brand.pk, days=[today - timedelta(days=DAYS + 9)], at=at))
        print(f"reports: {DAYS // 30} months are summed up in {summed:.0f} s", flush=True)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE) reports_figuremonth")
        brands, year, all_of = [brand.pk], today - timedelta(days=365), today - timedelta(days=DAYS - 1)
        weeks = [year + timedelta(days=7 * n) for n in range(52)]
        one_customer = str(customers[7].pk)

        def overview() -> None:
            figure_queries.overview(brands, weeks, today, at)
            figure_queries.readings(brands, year - timedelta(days=366), year, at)

        asked: dict[str, Callable[[], Any]] = {
            "overview, a year": overview,
            "all figures, two years": lambda: figure_queries.readings(brands, all_of, today, at),
            "by customer, a year": lambda: figure_queries.parts(brands, "time_to_resolve", "customer", year, today, at),
            "by customer, two years": lambda: figure_queries.parts(
                brands, "time_to_resolve", "customer", all_of, today, at
            ),
            "by team, two years": lambda: figure_queries.parts(brands, "answered_12s", "team", all_of, today, at),
            "desks, a year": lambda: figure_queries.desks(brands, year, today, at),
            "one customer's report": lambda: figure_queries.readings(
                brands, year, today, at, dimension="customer", value=one_customer
            ),
        }
        worst = 0.0
        for name, ask in asked.items():
            took = min(_timed(ask) for _ in range(3))
            worst = max(worst, took)
            read = rows_read(ask)
            rows = ", ".join(f"{count} of {table}" for table, count in sorted(read.items()))
            print(f"reports: {name:26} {took * 1000:7.0f} ms; rows read: {rows}", flush=True)
            if grow := GROW & read.keys():
                raise SystemExit(f"{name} reads {sorted(grow)}, which grow with every call and ticket.")
        day = today - timedelta(days=40)
        month_ago = day - timedelta(days=29)
        slow = _timed(lambda: fold(facts_of(brand, month_ago, day, at)))
        fast = min(_timed(lambda: figure_queries.readings(brands, month_ago, day, at)) for _ in range(3))
        print(f"reports: thirty days the slow way {slow:.2f} s, from the sums of days {fast:.3f} s", flush=True)
        FigureDay.objects.filter(day=day).delete()
        rolled = _timed(lambda: roll_figures(brand_id=brand.pk, days=[day], at=at))
        print(
            f"reports: a day is added up in {rolled:.2f} s ({count // DAYS} calls, {count // DAYS} tickets)", flush=True
        )
        at_most(
            "reports", worst, f"s, the slowest of {len(asked)}, {ROWS} journal entries, {cells} sums", GOAL_S
        ).keep()


@contextmanager
def _filling(cursor: Any) -> Iterator[None]:
    """While tables are filled they are not logged, no row is checked, and there are no indices but their keys."""
    cursor.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname ~ '^(journal_entry_.*|reports_figureday)$'"
    )
    tables = [name for (name,) in cursor.fetchall()]
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} SET UNLOGGED")
    cursor.execute(
        "SELECT x.indexrelid::regclass::text, pg_get_indexdef(x.indexrelid) FROM pg_index x"
        " WHERE x.indrelid = ANY(ARRAY['journal_entry', 'reports_figureday', 'calls_call', 'desk_ticket']::regclass[])"
        " AND (NOT x.indisunique OR x.indexrelid = 'one_tally_a_cell'::regclass)"
    )
    indices = cursor.fetchall()
    for name, _made in indices:
        cursor.execute(f"DROP INDEX {name}")
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET maintenance_work_mem = '1GB'")
    yield
    cursor.execute("RESET session_replication_role")
    for _name, made in indices:
        cursor.execute(made)


def rows_read(ask: Callable[[], Any]) -> Counter[str]:
    """How many rows of each table the statements of `ask` look at, those thrown away too; by EXPLAIN ANALYZE."""
    from django.db import connection

    asked: list[tuple[Any, Any]] = []

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        ask()
    read: Counter[str] = Counter()
    with connection.cursor() as cursor:
        for sql, params in asked:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            (told,) = cursor.fetchone()
            _count((json.loads(told) if isinstance(told, str) else told)[0]["Plan"], read)
    return read


def _count(node: dict[str, Any], read: Counter[str]) -> None:
    if table := node.get("Relation Name"):
        thrown = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        read[table] += round((node["Actual Rows"] + thrown) * node["Actual Loops"])
    for below in node.get("Plans", ()):
        _count(below, read)


def _timed(ask: Callable[[], Any]) -> float:
    start = time.perf_counter()
    ask()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
