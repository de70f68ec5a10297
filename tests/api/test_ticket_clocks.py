"""What is owed on a ticket, as programs read it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from nightdesk.access.models import Brand, Role
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.customers import actions as customers
from nightdesk.desk import actions as desk
from nightdesk.desk.actions import Words
from tests.api.conftest import START, Caller, token_for, user_with
from tests.api.test_door import problem
from tests.api.world import world_of


@pytest.fixture
def world(brand: Brand) -> dict[str, Any]:
    made = world_of(brand)
    targets = {"P3": {"respond": "PT2H"}}
    how: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": START}
    customers.edit_contract(contract_id=made["contract_id"], changes={"targets": targets}, **how)
    kim = Actor("contact", str(made["contact_id"]), "Kim")
    asked = desk.open_ticket(
        brand_id=brand.pk,
        title="The line is slow",
        words=Words("It crawls."),
        contact_id=made["contact_id"],
        **how | {"by": kim},
    )
    return made | {"asked_id": asked.pk}


@pytest.fixture
def reader(brand: Brand) -> Caller:
    return token_for(["read"], user=user_with(Role.MANAGER, brand))


def test_it_is_told_by_when_an_answer_is_owed_and_why_then(reader: Caller, world: dict[str, Any]) -> None:
    opening = datetime.fromisoformat("2026-11-16T09:00:00+00:00")
    at = (opening + timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    told = reader.get(f"/tickets/{world['asked_id']}/clocks?at={at}")
    respond = told["respond"]
    assert (respond["standing"], respond["target_seconds"], respond["elapsed_seconds"]) == ("running", 7200, 1800)
    assert datetime.fromisoformat(respond["due_at"]) == opening + timedelta(hours=2)
    stretches = [*respond["counted"], *respond["ahead"]]
    assert [one["because"] for one in stretches] == ["closed", "open", "open"]
    assert sum(one["counted_seconds"] for one in stretches) == 7200
    assert (told["update"]["missing"], told["fix"]["missing"]) == ("answer_first", "no_target")


def test_what_we_opened_ourselves_owes_no_answer(reader: Caller, world: dict[str, Any]) -> None:
    told = reader.get(f"/tickets/{world['ticket_id']}/clocks")
    assert (told["respond"]["standing"], told["respond"]["missing"]) == ("none", "not_asked")
    assert told["respond"]["due_at"] is None


def test_before_it_was_opened_nothing_can_be_told(reader: Caller, world: dict[str, Any]) -> None:
    problem(reader("GET", f"/tickets/{world['asked_id']}/clocks?at=2026-01-01T00:00:00Z"), 422, "invalid")
