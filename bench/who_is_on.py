"""Who is on, for each of 1,000 rotas of two seats: cold from the database, and resolved from what is in memory; and again
while all of them are resolved and exported over two years beside it, which must not slow it.

Cold: nothing kept in the process, every rota read and resolved. The yardstick for both is the bare look at who holds the
2,000 seats, one query in psycopg, shared out over the rotas.
"""

import time
from datetime import timedelta
from multiprocessing import Process
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
        from nightdesk.rota.models import Layer, LayerMember, Seat

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
            # Straight into the tables: nobody could have a hundred duties at once, and the verb would say so.
            seats = list(Seat.objects.order_by("id"))
            layers = Layer.objects.bulk_create(
                Layer(seat=seat, anchor=f"{monday}T08:00", turn="week", weekdays=[0, 1, 2, 3, 4]) for seat in seats
            )
            LayerMember.objects.bulk_create(
                LayerMember(layer=layer, position=turn, person_id=crew[(number + turn) % 20])
                for number, layer in enumerate(layers)
                for turn in range(5)
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
        two_years(rotas, at)
        beside = Process(target=two_years, args=(rotas, at))
        beside.start()
        busy = []
        while beside.is_alive() and len(busy) < 200:
            busy.append(timed(lambda: duty.who_is_on(future)))
            busy.append(timed(lambda: duty.who_is_on(future)))
        beside.terminate()
        beside.join()
    yardstick = median(bare)
    at_most("who_is_on_cold", median(cold), "ms a rota", 5, yardstick, "one bare query of all holders").keep()
    at_most("who_is_on_resolved", median(resolved), "ms a rota", 1, yardstick, "one bare query of all holders").keep()
    at_most("who_is_on_beside_export", median(busy), "ms a rota", 5, yardstick, "one bare query of all holders").keep()
    print(f"who_is_on: {median(warm):.3f} ms a rota with every plan in memory and the database asked")


def two_years(rotas: list[Any], at: Any) -> None:
    """Every turn of every rota for two years, and the calendar that says so; says how long it took."""
    from nightdesk.duty.feed import FeedEvent, FeedTurn, build_feed
    from nightdesk.rota import resolve

    start, turns, size = time.perf_counter(), 0, 0
    for rota in rotas:
        events = [
            FeedEvent(FeedTurn(seat.key, seat.name, "Rota", str(turn.member), turn.start, turn.end, held=False))
            for seat in rota.seats
            for turn in resolve.turns(rota, seat.key, at, at + timedelta(days=731))
        ]
        turns += len(events)
        size += len(build_feed("Rota", events, at))
    took = time.perf_counter() - start
    print(f"who_is_on: {len(rotas)} rotas over two years: {turns} turns, {size // 1024} KB of calendars, {took:.1f} s")


def timed(ask: Any) -> float:
    """Milliseconds a rota that `ask` takes for all of them."""
    start = time.perf_counter()
    ask()
    return (time.perf_counter() - start) * 1000 / ROTAS


if __name__ == "__main__":
    main()
