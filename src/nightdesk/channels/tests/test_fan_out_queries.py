"""What a message to many would cost, how far it is, and who was told: counted in the ledger as it is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels import fan_out_queries
from nightdesk.channels.actions import save_route
from nightdesk.channels.cost import Cost
from nightdesk.channels.fan_out_actions import queue_from
from nightdesk.channels.fan_out_queries import Select, audience_of, progress_of, told_by
from nightdesk.channels.models import Delivery
from nightdesk.channels.tasks import Outcome, Try, claim_deliveries, record_outcomes
from nightdesk.customers.models import Contact, Customer

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
ANN = UUID(int=0xA)
TEXTS = Select(
    "SELECT 'contact', n::text, 'sms', '+4477009' || n, 0::smallint, jsonb_build_object('service', %s::text) "
    "FROM generate_series(10001, 10001 + %s::int - 1) n",
)
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER}


def texts(count: int, service: str = "line") -> Select:
    return Select(TEXTS.sql, [service, count])


def sms_route(**config: Any) -> Any:
    known = {"host": "127.0.0.1", "port": 2775, "system_id": "x", "source": "+447700900999"}
    return save_route(
        channel="sms", driver="smpp", name="carrier", config=known | config, secrets={"password": "x"}, at=AT, **DOING
    )


def would(found: Select, title: str = "{{ service }} is down", body: str = "") -> Any:
    return audience_of(found=found, title=title, body=body, brand_id=None, at=AT)


def tell(found: Select, **more: Any) -> UUID:
    told = queue_from(
        found=found, once="update 1", kind="outage.update", subject=("outage", "7"), title="{{ service }} is down",
        body="", brand_id=None, said_at=AT, at=AT, **DOING, **more,
    )  # fmt: skip
    return told.message_id


def sent(rows: list[Delivery], at: datetime, route: Any, *, parts: int = 1, price: str = "0.04") -> None:
    record_outcomes(
        [
            Outcome(
                row.id, row.month, row.attempt, at, "accepted", None, {}, route_id=route.pk, accepted_at=at,
                tries=(Try(route.pk, route.name, at, 40, "accepted", parts=parts, price=Decimal(price), currency="EUR"),),
            )
            for row in rows
        ],
        worker=ANN,
        at=at,
    )  # fmt: skip


def test_what_it_costs_and_how_long_it_takes_is_known_before_it_is_sent() -> None:
    sms_route(price="0.04", per_second=50)
    (reach,) = would(texts(3000)).reach
    assert (reach.channel, reach.messages, reach.parts, reach.is_cut, reach.route) == ("sms", 3000, 1, False, "carrier")
    assert reach.cost == Cost(Decimal("120.00"), "EUR")
    assert reach.minutes == pytest.approx(1.0)


def test_parts_are_counted_on_the_longest_text() -> None:
    sms_route(price="0.04", per_second=50)
    some = texts(1, "x" * 200)
    both = Select(f"{TEXTS.sql} UNION ALL SELECT 'contact', '1', 'sms', '+44', 0::smallint, "
                  "jsonb_build_object('service', %s::text)", ["line", 9, "x" * 200])  # fmt: skip
    assert would(some).reach[0].parts == would(both).reach[0].parts == 2
    assert would(both).reach[0].cost == Cost(Decimal("0.80"), "EUR"), "the most that ten can cost"


def test_one_letter_outside_the_gsm_alphabet_counts() -> None:
    sms_route()
    wide = Select(f"{TEXTS.sql} UNION ALL SELECT 'contact', '1', 'sms', '+44', 0::smallint, "
                  "jsonb_build_object('service', %s::text)", ["x" * 120, 9, "ж" * 100])  # fmt: skip
    assert would(texts(9, "x" * 120)).reach[0].parts == 1
    assert would(wide).reach[0].parts == 2
    assert would(texts(9, "{" * 80)).reach[0].parts == 2, "a brace takes two"


def test_what_the_route_would_cut_is_said() -> None:
    sms_route(parts=2)
    reach = would(texts(1, "x" * 600)).reach[0]
    assert (reach.parts, reach.is_cut, reach.cost) == (2, True, None)


def test_people_are_counted_once_however_many_ways_they_are_told() -> None:
    both = Select(f"{TEXTS.sql} UNION ALL {TEXTS.sql.replace('sms', 'email')}", ["line", 4, "line", 6])
    audience = would(both)
    assert audience.people == 6
    assert [(one.channel, one.messages, one.parts) for one in audience.reach] == [("email", 6, 0), ("sms", 4, 1)]
    assert [one.minutes for one in audience.reach] == [None, None], "no route, so nobody knows"


def test_an_estimate_writes_nothing() -> None:
    would(texts(5))
    assert not Delivery.objects.exists()


def test_the_pace_of_a_route_without_a_limit_is_learnt_from_what_it_took() -> None:
    route = sms_route(at_once=20)
    assert fan_out_queries.pace_of(route, AT) is None
    tell(texts(4))
    sent(claim_deliveries("bulk", 4, at=AT, worker=ANN), AT, route)
    assert fan_out_queries.pace_of(route, AT + timedelta(seconds=1)) == pytest.approx(15 / 0.040)


def test_how_far_it_is() -> None:
    route = sms_route(price="0.04", per_second=50)
    message = tell(texts(100))
    start = progress_of(("outage", "7"), AT)
    assert (start.states, start.left) == ({"sms": {"queued": 100}}, 100)
    assert start.minutes_left == pytest.approx(100 / 50 / 60)
    rows = claim_deliveries("bulk", 30, at=AT, worker=ANN)
    sent(rows[:10], AT + timedelta(seconds=1), route, parts=2, price="0.08")
    sent(rows[10:20], AT + timedelta(seconds=5), route)
    later = progress_of(("outage", "7"), AT + timedelta(seconds=11))
    assert later.states == {"sms": {"queued": 70, "sending": 10, "accepted": 20}}
    assert (later.parts, later.costs, later.left) == (30, (Cost(Decimal("1.20"), "EUR"),), 80)
    assert later.minutes_left == pytest.approx(80 / (20 / 10) / 60), "by how many went within the last ten seconds"
    assert progress_of(("outage", "7"), AT, message_ids=[message]).left == 80
    assert progress_of(("outage", "7"), AT, message_ids=[]).left == 0
    assert progress_of(("outage", "8"), AT) == fan_out_queries.Progress({}, 0, (), 0, 0.0)


def test_the_report_says_who_was_told_and_who_was_not() -> None:
    route = sms_route()
    brand = Brand.objects.create(name="Quayside", slug=f"q-{uuid4().hex[:6]}")
    customer = Customer.objects.create(brand=brand, name="Harbour Foods", ref="H1")
    kim = Contact.objects.create(customer=customer, name="Kim", email="kim@harbour.example")
    found = Select(
        "SELECT 'contact', %s::text, 'sms', '+447700900001', 0::smallint, '{\"service\": \"Line 4\"}'::jsonb UNION ALL "
        "SELECT '', '', 'sms', '+447700900002', 1::smallint, '{\"service\": \"Line 5\"}'::jsonb",
        [str(kim.pk)],
    )
    message = tell(found)
    first, second = claim_deliveries("bulk", 2, at=AT, worker=ANN)
    sent([first], AT + timedelta(seconds=1), route)
    failed = Outcome(second.id, second.month, second.attempt, AT, "failed", None, {}, reason="no such number")
    record_outcomes([failed], worker=ANN, at=AT)
    lines = {line.address: line for line in told_by([message])}
    told, lost = lines["+447700900001"], lines["+447700900002"]
    assert (told.name, told.company, told.title) == ("Kim", "Harbour Foods", "Line 4 is down")
    assert (told.state, told.at, told.route) == ("accepted", AT + timedelta(seconds=1), "carrier")
    assert (lost.name, lost.state, lost.reason, lost.route) == ("", "failed", "no such number", "")
    assert [line.address for line in told_by([message], states=fan_out_queries.LOST)] == ["+447700900002"]


def test_the_report_comes_in_pages_that_together_are_all_of_it() -> None:
    message = tell(texts(25))
    seen: list[UUID] = []
    while some := told_by([message], after=seen[-1] if seen else None, limit=10):
        seen += [line.delivery_id for line in some]
    assert seen == sorted(seen)
    assert len(set(seen)) == 25


def test_the_messages_of_one_update_are_found_by_their_cause() -> None:
    cause = uuid4()
    message = tell(texts(2), cause=cause)
    assert fan_out_queries.message_ids_of(("outage", "7"), cause) == [message]
    assert fan_out_queries.message_ids_of(("outage", "7"), uuid4()) == []
