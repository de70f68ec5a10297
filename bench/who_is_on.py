"""Who is on, for each of 1,000 rotas of two seats: cold from the database, and resolved from what is in memory.

Cold: nothing kept in the process, every rota read and resolved. The yardstick for both is the bare look at who holds the
2,000 seats, one query in psycopg, shared out over the rotas.
"""

import time
from datetime import timedelta
from typing import Any

import psycopg

from bench.figure import at_most, median
from bench.ground import database

ROTAS = 1000


def main() -> None:
    with database() as url:
        from django.db import connection, transaction

        from nightdesk.access import actions as access
        from nightdesk.base import clock
        from nightdesk.base.actors import SCHEDULER, Door
        from nightdesk.duty import queries as duty
        from nightdesk.people import actions as people
        from nightdesk.rota import actions as rota
        from nightdesk.rota import queries as plans
        from nightdesk.rota import resolve

        at = clock.now()
        how: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
        monday = (at - timedelta(days=at.weekday() + 700)).date()
        with transaction.atomic():
            brand = access.make_brand(name="Quayside", slug="quayside", **how)
            crew = [people.make_person(name=f"Engineer {n}", brand_id=brand.id, **how).id for n in range(20)]
            for number in range(ROTAS):
                keys = (f"first-{number}", f"second-{number}")
                rota.make_rota(
                    brand_id=brand.id, name=f"Rota {number}", zone="Europe/London",
                    seats=[{"key": key, "name": key} for key in keys], **how,
                )  # fmt: skip
                for place, key in enumerate(keys):
                    rota.set_layers(
                        seat_key=key,
                        layers=[
                            {
                                "members": [{"person": crew[(number + place + turn) % 20]} for turn in range(5)],
                                "anchor": f"{monday}T08:00",
                                "turn": "week",
                            }
                        ],
                        **how,
                    )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        cold, warm, resolved, bare = [], [], [], []
        future = at + timedelta(days=30)
        rotas = list(plans.load_rotas().values())
        with psycopg.connect(url) as db:
            for _ in range(5):
                plans._kept.clear()
                cold.append(timed(lambda: duty.who_is_on(future)))
                warm.append(timed(lambda: duty.who_is_on(future)))
                resolved.append(timed(lambda: [resolve.scheduled(one, future) for one in rotas]))
                bare.append(
                    timed(
                        lambda: db.execute("SELECT seat_id, person_id FROM duty_hold WHERE until_at IS NULL").fetchall()
                    )
                )
    yardstick = median(bare)
    at_most("who_is_on_cold", median(cold), "ms a rota", 5, yardstick, "one bare query of all holders").keep()
    at_most("who_is_on_resolved", median(resolved), "ms a rota", 1, yardstick, "one bare query of all holders").keep()
    print(f"who_is_on: {median(warm):.3f} ms a rota with every plan in memory and the database asked")


def timed(ask: Any) -> float:
    """Milliseconds a rota that `ask` takes for all of them."""
    start = time.perf_counter()
    ask()
    return (time.perf_counter() - start) * 1000 / ROTAS


if __name__ == "__main__":
    main()
