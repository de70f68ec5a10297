"""A desk of many tickets, written set-wise: for the benchmark, and small for the tests that look at plans.

Nothing here goes through the verbs, so it says nothing about them. Words follow Zipf's law over 30,000 invented ones, as
texts of people do; `word(rank)` is the one of that rank. About one ticket in a hundred is open, mostly of the newest.
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg

VOCABULARY, PARAGRAPHS = 30_000, 20_000
_RANDOM = re.compile(r"1 \+ \((b\.r|random\(\)) \* 19999\)::int")
_SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi wo zu ka le mi no pu"

FUNCTIONS = f"""
CREATE FUNCTION bench_word(rank int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(s[1 + mixed / (20 ^ d)::int % 20], '')
    FROM string_to_array('{_SYLLABLES}', ' ') s, (VALUES (rank::bigint * 7919 % 159979)) m (mixed), generate_series(0, 3) d
$$;
CREATE FUNCTION bench_id(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
          || '8' || substr(md5(random()::text), 1, 15))::uuid
$$;
"""
PARAGRAPHS_TABLE = f"""
CREATE UNLOGGED TABLE bench_paragraph AS
  SELECT n, (SELECT string_agg(bench_word(power({VOCABULARY}, random())::int), ' ') FROM generate_series(1, 12 + n * 0)) AS words
    FROM generate_series(1, {PARAGRAPHS}) n;
ALTER TABLE bench_paragraph ADD PRIMARY KEY (n);
"""

PEOPLE = (
    """
INSERT INTO customers_customer (brand_id, name, ref, language, zone, active)
  SELECT %(brand)s, initcap(bench_word(n) || ' ' || bench_word(n / 3 + 7)), 'C-' || n, 'en-gb', 'Europe/London', true
    FROM generate_series(1, %(customers)s) n
""",
    """
INSERT INTO customers_contact (customer_id, name, email, phone, role, language, zone)
  SELECT c.id, initcap(bench_word((c.id %% 900 + k)::int)),
         'p' || c.id || '.' || k || '@' || lower(split_part(c.name, ' ', 1)) || '.example',
         '', '', '', '' FROM customers_customer c, generate_series(1, 2) k WHERE c.brand_id = %(brand)s
""",
    """
INSERT INTO customers_hours (brand_id, name, zone, week, nation, subdivision, exceptions, public)
  SELECT %(brand)s, 'Weekdays', 'Europe/London', jsonb_agg(CASE WHEN d < 6 THEN '[["09:00", "17:30"]]'::jsonb ELSE '[]' END),
         '', '', '{}', false FROM generate_series(1, 7) d
""",
    """
INSERT INTO customers_contract
    (customer_id, name, hours_id, out_of_hours, may_wake, targets, not_at_night, live_answer, valid_from)
  SELECT c.id, 'Business', h.id, 'full', '["P1"]', '{"P1": {"respond": "PT1H", "fix": "PT8H"}, "P3": {"respond": "PT4H"}}', '[]',
         false, '2000-01-01' FROM customers_customer c JOIN customers_hours h USING (brand_id)
   WHERE c.brand_id = %(brand)s AND h.name = 'Weekdays' AND NOT EXISTS (SELECT FROM customers_contract WHERE customer_id = c.id)
""",
    """
INSERT INTO desk_queue (brand_id, name, address, waits_for_day)
  SELECT %(brand)s, 'Queue ' || n, '', false FROM generate_series(1, 12) n
""",
)

TICKETS = (
    """
CREATE UNLOGGED TABLE bench_ticket AS
  SELECT n, %(at)s::timestamptz - (%(tickets)s - n) * (interval '5 years' / %(tickets)s) AS at,
         c.ids[1 + (power(array_length(c.ids, 1), random()) - 1)::int] AS customer_id,
         n > %(tickets)s - %(tickets)s / 250 AND random() < 0.7 OR random() < 0.006 AS open, random() AS r, random() AS s
    FROM generate_series(1, %(tickets)s) n,
         (SELECT array_agg(id ORDER BY id) AS ids FROM customers_customer WHERE brand_id = %(brand)s) c
""",
    """
INSERT INTO desk_ticket (id, brand_id, number, kind, state, pending_reason, title, customer_id, contact_id,
    requester_address, requester_name, trust, work_type, impact, urgency, priority, level, queue_id, tags, major,
    next_step, next_step_at, needs_proof, came_by, opened_at, changed_at, resolved_at, closed_at, assignee_id, team_id, reopened,
    what_was_wrong, what_was_done, what_to_do)
  SELECT bench_id(b.at), %(brand)s, 1000 + b.n, CASE WHEN b.r < 0.3 THEN 'request' ELSE 'incident' END,
         CASE WHEN NOT b.open THEN 'closed' WHEN b.s < 0.2 THEN 'new' WHEN b.s < 0.4 THEN 'assigned'
              WHEN b.s < 0.7 THEN 'pending' ELSE 'in_progress' END,
         CASE WHEN b.open AND b.s >= 0.4 AND b.s < 0.7 THEN 'awaiting_caller' ELSE '' END,
         p.words, b.customer_id, k.id, k.email, k.name, 'verified', '', 'medium',
         'medium', 1 + (b.s * 3.99)::int %% 5, '1',
         (SELECT min(id) FROM desk_queue WHERE brand_id = %(brand)s) + (b.r * 11.99)::int %% 12,
         CASE WHEN b.s < 0.3 THEN ARRAY['tag' || (power(40, b.r))::int] ELSE ARRAY[]::varchar[] END, false,
         CASE WHEN b.open THEN 'Look at it' ELSE '' END, CASE WHEN b.open THEN b.at + interval '1 day' END, false, 'email',
         b.at, b.at + b.r * interval '3 days', CASE WHEN NOT b.open THEN b.at + b.r * interval '2 days' END,
         CASE WHEN NOT b.open THEN b.at + interval '3 days' END,
         (CASE WHEN NOT b.open OR b.s >= 0.2 THEN %(people)s::bigint[] END)
           [1 + (b.r * b.s * 1e6)::int %% array_length(%(people)s::bigint[], 1)],
         %(team)s, 0, 'It was broken', 'We mended it', 'Nothing'
    FROM bench_ticket b JOIN bench_paragraph p ON p.n = 1 + (b.r * 19999)::int
    JOIN customers_contact k ON k.customer_id = b.customer_id AND k.email LIKE '%%.1@%%'
   WHERE b.n > %(first)s AND b.n <= %(last)s ORDER BY b.n
""",
    """
INSERT INTO desk_party (ticket_id, address, name, contact_id, role)
  SELECT id, requester_address, requester_name, contact_id, 'requester' FROM desk_ticket
   WHERE brand_id = %(brand)s AND number > 1000 + %(first)s AND number <= 1000 + %(last)s
""",
)

# Five entries a ticket on average, two of them without words; one in a thousand has two hundred more.
ENTRIES = """
INSERT INTO desk_entry (id, ticket_id, at, kind, public, by_kind, by_id, by_name, via, text, html, contact_kind, automatic, facts)
  SELECT bench_id(e.at), e.ticket_id, e.at,
         CASE e.k %% 5 WHEN 0 THEN 'moved' WHEN 1 THEN 'message_in' WHEN 2 THEN 'note' WHEN 3 THEN 'moved' ELSE 'message_out' END,
         e.k %% 5 IN (1, 4), CASE e.k %% 5 WHEN 1 THEN 'contact' ELSE 'person' END, '1', 'Somebody', 'email',
         CASE WHEN e.k %% 5 IN (0, 3) THEN '' ELSE a.words || ' ' || b.words || ' ' || c.words || ' ' || e.serial END,
         '', '', false,
         CASE WHEN e.k %% 5 IN (0, 3) THEN jsonb_build_object('from', 'new', 'priority', 3, 'to',
              CASE WHEN e.k %% 5 = 0 THEN 'assigned' WHEN e.closed THEN 'resolved' ELSE 'in_progress' END) ELSE '{}' END
    FROM (SELECT t.id AS ticket_id, t.closed_at IS NOT NULL AS closed, t.opened_at + k * interval '20 minutes' AS at, k,
                 'sn' || (t.number / 10 + k * 1000003) AS serial,
                 1 + (random() * 19999)::int AS a, 1 + (random() * 19999)::int AS b, 1 + (random() * 19999)::int AS c
            FROM desk_ticket t,
                 LATERAL generate_series(0, CASE WHEN t.number %% 1000 = 0 THEN 203 ELSE 3 + (t.number %% 100 < 80)::int END) k
           WHERE t.brand_id = %(brand)s AND t.number > 1000 + %(first)s AND t.number <= 1000 + %(last)s
           ORDER BY t.number, k) e
    JOIN bench_paragraph a ON a.n = e.a JOIN bench_paragraph b ON b.n = e.b JOIN bench_paragraph c ON c.n = e.c
"""

SEARCHED = """
INSERT INTO desk_searchable (ticket_id, at, words)
  SELECT t.id, t.opened_at, desk_head(t) || said.words
    FROM desk_ticket t, LATERAL (
         SELECT desk_vector(string_agg(e.text, ' ') FILTER (WHERE e.public), 'C')
             || desk_vector(string_agg(e.text, ' ') FILTER (WHERE NOT e.public), 'D') AS words
           FROM desk_entry e WHERE e.ticket_id = t.id AND e.text <> '') said
   WHERE t.brand_id = %(brand)s AND t.number > 1000 + %(first)s AND t.number <= 1000 + %(last)s ORDER BY t.number
"""

FILLED = ("desk_ticket", "desk_party", "desk_entry", "desk_searchable")

TIDY = (
    """
DROP TABLE bench_ticket, bench_paragraph
""",
)


def word(cursor: Any, rank: int) -> str:
    """The word of that rank: 1 stands in nearly every text, 30,000 in one of some thousands."""
    cursor.execute("SELECT bench_word(%s)", [rank])
    return str(cursor.fetchone()[0])


def fill_here(
    cursor: Any, *, brand: int, team: int, people: list[int], customers: int, tickets: int, at: datetime
) -> None:
    """A small desk in the caller's own transaction, the triggers at work."""
    told = {"brand": brand, "team": team, "people": people, "customers": customers, "tickets": tickets, "at": at}
    for statement in (
        FUNCTIONS,
        PARAGRAPHS_TABLE.replace(f"generate_series(1, {PARAGRAPHS})", f"generate_series(1, {PARAGRAPHS}, 97)"),
    ):
        cursor.execute(statement)
    for statement in (*PEOPLE, *TICKETS, ENTRIES):
        # A paragraph in 97 is there; what asks for another takes the one below it.
        cursor.execute(_RANDOM.sub(r"1 + 97 * (\1 * 205)::int", statement), {**told, "first": 0, "last": tickets})
    for statement in TIDY:
        cursor.execute(statement)
    cursor.execute("ANALYZE")


def fill(url: str, *, brand: int, team: int, people: list[int], customers: int, tickets: int, at: datetime) -> None:
    """The brand has so many customers and tickets; `people` have them to work on. Two connections share the work, and the
    tables have their indexes and foreign keys, and their triggers, once all is written.
    """
    told = {"brand": brand, "team": team, "people": people, "customers": customers, "tickets": tickets, "at": at}
    halves = [(0, tickets // 2), (tickets // 2, tickets)]
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("SET synchronous_commit = off")
        for statement in (FUNCTIONS, PARAGRAPHS_TABLE, *PEOPLE, "ANALYZE"):
            _timed(db, statement, told if "%(" in statement else {})
        indexes, keys = zip(*(_undress(db, table) for table in FILLED), strict=True)
        _timed(db, TICKETS[0], told)
        _timed(db, "CREATE INDEX ON bench_ticket (n)", {})
        db.execute("ANALYZE bench_ticket")
        for statement in (*TICKETS[1:], ENTRIES, SEARCHED):
            _side_by_side(url, [(statement, {**told, "first": first, "last": last}) for first, last in halves])
            _timed(db, f"ANALYZE {statement.split()[2]}", {})
            if statement is ENTRIES:  # by these a ticket's texts are gathered
                _side_by_side(url, [(one, {}) for one in indexes[FILLED.index("desk_entry")]])
        others = [one for table, some in zip(FILLED, indexes, strict=True) if table != "desk_entry" for one in some]
        _side_by_side(url, [(one, {}) for one in sorted(others, key=lambda one: "gin" not in one)])
        for one in [one for some in keys for one in some]:
            _timed(db, one, {})
        for table in FILLED:
            db.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        for statement in TIDY:
            db.execute(statement)
        _timed(db, "VACUUM (ANALYZE)", {})


def _undress(db: psycopg.Connection[Any], table: str) -> tuple[list[str], list[str]]:
    """The table loses its triggers, foreign keys and indexes, but for its own keys; returns what makes the indexes again, and
    what makes the foreign keys.
    """
    db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    keys = db.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'",
        [table],
    ).fetchall()
    indexes = db.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i WHERE indrelid = %s::regclass "
        "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)",
        [table],
    ).fetchall()
    for name, _definition in keys:
        db.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _definition in indexes:
        db.execute(f"DROP INDEX {name}")
    again = [f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {rule} NOT VALID' for name, rule in keys]
    return [definition for _name, definition in indexes], again


def _side_by_side(url: str, statements: list[tuple[str, dict[str, Any]]]) -> None:
    """Each on a connection of its own, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(_alone, url, statement, told) for statement, told in statements]:
            done.result()


def _alone(url: str, statement: str, told: dict[str, Any]) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '64MB'")
        _timed(db, statement, told)


def _timed(db: psycopg.Connection[Any], statement: str, told: dict[str, Any]) -> None:
    start = time.perf_counter()
    db.execute(statement, told or None)
    took = time.perf_counter() - start
    if took > 5:
        print(f"desk: {took:5.0f} s for {' '.join(statement.split())[:60]}", flush=True)
