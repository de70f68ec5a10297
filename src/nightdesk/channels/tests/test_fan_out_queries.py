"""What a message to many would cost, how far it is, and who was told: counted in the ledger as it is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels import fan_out_queries
from nightdesk.channels.actions import save_route
from nightdesk.channels.fan_out_actions import queue_from
from nightdesk.channels.fan_out_queries import Select
from nightdesk.channels.models import Delivery
from nightdesk.channels.tasks import Outcome, Try, claim_deliveries, record_outcomes

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


def test_the_pace_of_a_route_without_a_limit_is_learnt_from_what_it_took() -> None:
    route = sms_route(at_once=20)
    assert fan_out_queries.pace_of(route, AT) is None
    tell(texts(4))
    sent(claim_deliveries("bulk", 4, at=AT, worker=ANN), AT, route)
    assert fan_out_queries.pace_of(route, AT + timedelta(seconds=1)) == pytest.approx(15 / 0.040)
