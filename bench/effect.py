"""What the failure of a core switch does to 200,000 subscriptions, from a loaded graph; and to 1,000,000, measured.

Two sites with a core switch each, aggregation behind one of them or either, access switches behind that, and a circuit of its
own for each subscription; every tenth may use either of two. Said beside it: how long the graph takes to load from the
database, and how much memory it holds.
"""

import gc
import os
import statistics
import time
from typing import Any

from bench.figure import at_most
from bench.ground import database

GOAL_S = 1.0
ASKED = 200_000
MEASURED = 1_000_000
AN_ACCESS_SWITCH = 40
AN_AGGREGATION = 4000


NETWORK = """
INSERT INTO outages_part (brand_id, key, name, kind, aliases, provider, provider_ref, public, public_name, position)
SELECT %(brand)s, key, key, kind, '{}', '', '', false, '', 0 FROM (
    SELECT 'site-' || n, 'site' FROM generate_series(1, 2) n
    UNION ALL SELECT 'core-' || n, 'device' FROM generate_series(1, 2) n
    UNION ALL SELECT 'aggregation-' || n, 'device' FROM generate_series(1, %(aggregations)s) n
    UNION ALL SELECT 'switch-' || n, 'device' FROM generate_series(1, %(switches)s) n
    UNION ALL SELECT 'circuit-' || n, 'circuit' FROM generate_series(1, %(count)s) n
) wanted (key, kind);
INSERT INTO customers_service (brand_id, key, name) VALUES (%(brand)s, 'lines', 'Lines');
INSERT INTO customers_customer (brand_id, name, ref, language, zone, active)
SELECT %(brand)s, 'Customer ' || n, 'C-' || n, 'en-gb', 'Europe/London', true
FROM generate_series(1, %(count)s / 10) n;
INSERT INTO customers_subscription (customer_id, service_id, label)
SELECT c.id, s.id, 'L' || n
FROM generate_series(1, %(count)s) n
JOIN customers_customer c ON c.brand_id = %(brand)s AND c.ref = 'C-' || (n %% (%(count)s / 10) + 1)
JOIN customers_service s ON s.brand_id = %(brand)s;
CREATE TEMP TABLE wanted ON COMMIT DROP AS SELECT owner, member, any_of FROM (
    SELECT 'core-' || n, 'site-' || n, false FROM generate_series(1, 2) n
    UNION ALL SELECT 'aggregation-' || n, 'core-1', n %% 4 = 0 FROM generate_series(1, %(aggregations)s) n
    UNION ALL SELECT 'aggregation-' || n, 'core-2', true FROM generate_series(4, %(aggregations)s, 4) n
    UNION ALL SELECT 'switch-' || n, 'aggregation-' || (n %% %(aggregations)s + 1), false
    FROM generate_series(1, %(switches)s) n
    UNION ALL SELECT 'circuit-' || n, 'switch-' || (n %% %(switches)s + 1), false
    FROM generate_series(1, %(count)s) n
) wanted (owner, member, any_of);
INSERT INTO outages_need (brand_id, part_id, at_least)
SELECT DISTINCT %(brand)s, p.id, CASE WHEN any_of THEN 1 END
FROM wanted JOIN outages_part p ON p.brand_id = %(brand)s AND p.key = owner;
INSERT INTO outages_member (need_id, part_id)
SELECT need.id, member.id FROM wanted
JOIN outages_part owner ON owner.brand_id = %(brand)s AND owner.key = wanted.owner
JOIN outages_part member ON member.brand_id = %(brand)s AND member.key = wanted.member
JOIN outages_need need ON need.part_id = owner.id;
INSERT INTO outages_need (brand_id, subscription_id, at_least)
SELECT %(brand)s, s.id, CASE WHEN substr(s.label, 2)::int %% 10 = 0 THEN 1 END
FROM customers_subscription s JOIN customers_customer c ON c.id = s.customer_id WHERE c.brand_id = %(brand)s;
INSERT INTO outages_member (need_id, part_id)
SELECT need.id, member.id FROM outages_need need
JOIN customers_subscription s ON s.id = need.subscription_id
CROSS JOIN LATERAL generate_series(0, CASE WHEN need.at_least = 1 THEN 1 ELSE 0 END) second
JOIN outages_part member ON member.brand_id = %(brand)s
    AND member.key = 'circuit-' || ((substr(s.label, 2)::int + second * 7 - 1) %% %(count)s + 1)
WHERE need.brand_id = %(brand)s
"""
"""Statements, with `;` between."""


def main() -> None:
    with database():
        from django.db import connection

        from nightdesk.access.models import Brand
        from nightdesk.outages.effect import Effect, effects
        from nightdesk.outages.queries import graph_of_brand

        for count in (ASKED, MEASURED):
            brand = Brand.objects.create(name=f"Quayside {count}", slug=f"quayside-{count}")
            with connection.cursor() as cursor:
                fill(cursor, brand.pk, count)
            gc.collect()
            before, start = resident_mb(), time.perf_counter()
            graph = graph_of_brand(brand.pk)
            loaded = time.perf_counter() - start
            with connection.cursor() as cursor:
                cursor.execute("SELECT id FROM outages_part WHERE brand_id = %s AND key = 'core-1'", [brand.pk])
                core = cursor.fetchone()[0]
            times = []
            for _ in range(5):
                start = time.perf_counter()
                found = effects(graph, {core: Effect.DOWN})
                times.append(time.perf_counter() - start)
            took = statistics.median(times)
            if count == ASKED:
                at_most("effect_of_a_core_outage", took, "s", GOAL_S).keep()
            down = sum(effect is Effect.DOWN for effect in found.subscriptions.values())
            print(
                f"effect: {count:,} subscriptions, {len(found.parts):,} parts and {len(found.subscriptions):,} of them touched "
                f"({down:,} down) in {took:.3f} s (spread {max(times) - min(times):.3f} s); loaded in {loaded:.2f} s, "
                f"{resident_mb() - before:,.0f} MB"
            )
            del graph, found


def resident_mb() -> float:
    """The memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def fill(cursor: Any, brand: int, count: int) -> None:
    """A network for so many subscriptions. Not through the verbs: what is measured is the reading."""
    from django.db import transaction

    aggregations, switches = max(4, count // AN_AGGREGATION), count // AN_ACCESS_SWITCH
    sizes = {"brand": brand, "count": count, "aggregations": aggregations, "switches": switches}
    with transaction.atomic():
        for statement in NETWORK.split(";"):
            cursor.execute(statement, sizes)
    cursor.execute("ANALYZE")


if __name__ == "__main__":
    main()
