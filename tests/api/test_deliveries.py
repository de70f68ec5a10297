"""The delivery ledger by the API."""

from typing import Any
from uuid import uuid4

from nightdesk.access.models import Brand
from nightdesk.channels.models import Attempt, Delivery
from tests.api.conftest import token_for
from tests.api.world import world_of


def test_what_went_with_another_says_with_which_and_has_its_tries(brand: Brand) -> None:
    world: dict[str, Any] = world_of(brand)
    first = Delivery.objects.get(id=world["delivery_id"])
    Attempt.objects.create(
        month=first.month, delivery_id=first.id, number=1, route_name="mail", at=first.due_at, took_ms=9,
        outcome="accepted",
    )  # fmt: skip
    along = Delivery.objects.get(id=first.id)
    along.id, along.occurrence, along.goes_with = uuid4(), "another word", first.id
    along.save(force_insert=True)
    caller = token_for(["read"], brand=brand)
    alone = caller.get(f"/deliveries/{first.id}")
    assert (alone["goes_with"], [each["route_name"] for each in alone["tries"]]) == (None, ["mail"])
    told = caller.get(f"/deliveries/{along.id}")
    assert (told["goes_with"], told["tries"]) == (str(first.id), alone["tries"])
    listed = {item["id"]: item["goes_with"] for item in caller.get("/deliveries")["items"]}
    assert listed[str(along.id)] == str(first.id)
