"""One event of a phone call, through the database: what was heard is kept, facts are read, the flow decides, all is written.

5,000 customers with a contact each, 20,000 calls of the last month, twenty engineers with telephones. Calls come one after the
other: answered in hours by the second engineer, from numbers that are known. The yardstick is what PostgreSQL needs to
commit one row, by psycopg, between them.
"""

import time
from datetime import timedelta
from typing import Any

import psycopg

from bench.figure import at_most, median, percentile
from bench.ground import database

CUSTOMERS, PAST, ENGINEERS, CALLS = 5000, 20_000, 20, 200
OURS = "+442079460100"


def main() -> None:
    with database() as url:
        from django.db import connection, transaction

        from nightdesk.access import actions as access
        from nightdesk.base import clock
        from nightdesk.base.actors import SCHEDULER, Door
        from nightdesk.base.ids import uuid7
        from nightdesk.calls import running
        from nightdesk.calls.models import Call, Line, Telephone
        from nightdesk.customers.models import Contact, Customer
        from nightdesk.lines.exchange import Came, Gone, PickedUp, Ring, Ringing, Said, Say
        from nightdesk.people import actions as people

        at = clock.now()
        how: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
        with transaction.atomic():
            brand = access.make_brand(name="Quayside", slug="quayside", **how)
            crew = [people.make_person(name=f"Engineer {n}", brand_id=brand.id, **how) for n in range(ENGINEERS)]
            team = people.make_team(brand_id=brand.id, name="Engineers", **how)
            ids = [one.id for one in crew]
            people.set_team_members(team_id=team.id, person_ids=ids, manager_id=ids[0], **how)
            for person in crew:
                people.note_sign_of_life(person.id, at)
            Telephone.objects.bulk_create(Telephone(person=one, name=f"desk-{one.id}") for one in crew)
            line = Line.objects.create(
                brand=brand, name="Support", numbers=[OURS], shown_number=OURS, pager_number="+442079460199"
            )
            made = Customer.objects.bulk_create(
                Customer(brand=brand, name=f"Customer {n}", ref=f"C-{n}") for n in range(CUSTOMERS)
            )
            Contact.objects.bulk_create(
                Contact(customer=one, name="Anna", phone=f"+4420{n:08}") for n, one in enumerate(made)
            )
            Call.objects.bulk_create(
                Call(
                    line=line,
                    exchange="bench",
                    number=f"+4420{n % CUSTOMERS:08}",
                    called=OURS,
                    came_at=at - timedelta(minutes=2 * n),
                    answered_at=at - timedelta(minutes=2 * n),
                    answered_person=crew[n % ENGINEERS],
                    ended_at=at - timedelta(minutes=2 * n),
                    ended_as="answered",
                )
                for n in range(1, PAST)
            )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        took: dict[str, list[float]] = {}
        bare: list[float] = []

        def one_call(number: int) -> None:
            call = uuid7()

            def hears(event: Any) -> list[Any]:
                start = time.perf_counter()
                if isinstance(event, Came):
                    done = running.take_call(exchange="bench", came=event, at=clock.now(), call_id=call)
                else:
                    done = running.hear_event(call_id=call, event=event, at=clock.now())
                took.setdefault(type(event).__name__, []).append((time.perf_counter() - start) * 1000)
                return list(done.orders)

            orders = hears(Came("caller", OURS, f"+4420{number:08}"))
            for _words in range(10):
                if any(isinstance(order, Ring) for order in orders):
                    break
                orders += hears(Said("caller", [order for order in orders if isinstance(order, Say)][-1].name))
            rung = next(order.leg for order in orders if isinstance(order, Ring))
            for event in (Ringing(rung), PickedUp(rung), Gone("caller", "hung_up")):
                hears(event)

        with psycopg.connect(url, autocommit=True) as db:
            db.execute("CREATE TABLE bench_bare (id serial, words text)")
            for number in range(CALLS):
                one_call(number)
                start = time.perf_counter()
                db.execute("INSERT INTO bench_bare (words) VALUES ('x')")
                bare.append((time.perf_counter() - start) * 1000)
    every = [one for some in took.values() for one in some]
    yardstick = median(bare)
    for kind, some in took.items():
        print(
            f"call_events: {kind}: p50 {median(some):.1f} ms, p99 {percentile(some, 0.99):.1f} ms, {len(some)} of them"
        )
    at_most("call_event_p50", median(every), "ms", 15, yardstick, "one row committed").keep()
    at_most("call_event_p99", percentile(every, 0.99), "ms", 60, yardstick, "one row committed").keep()


if __name__ == "__main__":
    main()
