"""A page by the API, from waking somebody to what helped."""

from datetime import timedelta
from typing import Any

import pytest

from nightdesk.access.models import Brand, Role
from nightdesk.base import clock
from nightdesk.people.models import Person
from tests.api import standing
from tests.api.conftest import START, Caller, token_for, user_with
from tests.api.test_door import problem

standing_worlds, worlds, brand, other_brand, world, other_world = standing.ALL


def engineer(brand: Brand, name: str) -> tuple[Person, Caller]:
    """Somebody on the staff list, and their own token."""
    user = user_with(Role.ENGINEER, brand, name)
    return Person.objects.create(name=name, user=user), token_for(["read", "page"], user=user)


def test_a_page_is_taken_put_off_noted_and_resolved(brand: Brand, world: dict[str, Any]) -> None:
    bo, caller = engineer(brand, "bo")
    made = caller("POST", "/pages", {"brand_id": brand.pk, "title": "Core down", "priority": "P1"})
    assert made.status_code == 201
    page = f"/pages/{made.json()['id']}"
    taken = caller("POST", f"{page}/acknowledge").json()
    assert (taken["state"], taken["owner"]["id"]) == ("acknowledged", bo.pk)
    assert caller("POST", f"{page}/notes", {"text": "On it"}).status_code == 201
    assert (
        caller("POST", f"{page}/snooze", {"until": "2026-11-14T05:00:00+01:00"}).json()["snoozed_until"]
        == "2026-11-14T04:00:00Z"
    )
    over = caller("POST", f"{page}/resolve", {"resolution": "New fan"}).json()
    assert (over["state"], over["resolution"]) == ("resolved", "New fan")
    story = caller.get(f"{page}/story")["items"]
    assert "page.resolved" in {line["kind"] for line in story}
    assert "On it" in {line["note"] for line in story}
    still_open = [item["id"] for item in caller.get("/pages?state=open&priority=P1")["items"]]
    assert still_open == [str(world["page_id"])]


def test_who_comes_second_is_told_who_has_it(brand: Brand, world: dict[str, Any]) -> None:
    _bo, first = engineer(brand, "bo")
    _al, second = engineer(brand, "al")
    assert first("POST", f"/pages/{world['page_id']}/acknowledge").status_code == 200
    answer = second("POST", f"/pages/{world['page_id']}/acknowledge")
    assert answer.status_code == 409
    assert "bo" in answer.json()["detail"]


def test_a_machine_wakes_somebody_but_has_no_page(brand: Brand, world: dict[str, Any]) -> None:
    machine = token_for(["page"], brand=brand)
    assert machine("POST", "/pages", {"brand_id": brand.pk, "title": "x", "priority": "P2"}).status_code == 201
    problem(machine("POST", f"/pages/{world['page_id']}/acknowledge"), 422, "invalid")


@pytest.mark.parametrize("field", ["policy_id", "service_id", "customer_id", "team_id"])
def test_a_page_cannot_name_what_another_brand_has(brand: Brand, other_world: dict[str, Any], field: str) -> None:
    body = {"brand_id": brand.pk, "title": "x", "priority": "P2", field: other_world[field]}
    problem(token_for(["admin"], brand=brand)("POST", "/pages", body), 404, "not-found")


def test_a_bureau_reads_the_story_without_anybody_s_address(brand: Brand, world: dict[str, Any]) -> None:
    bureau = token_for(["read"], user=user_with(Role.BUREAU, brand))
    engineer_s = token_for(["read"], user=user_with(Role.ENGINEER, brand))
    address = "bo@acme.example.net"
    assert address in engineer_s("GET", f"/pages/{world['page_id']}/story").content.decode()
    told = bureau("GET", f"/pages/{world['page_id']}/story")
    assert address not in told.content.decode()
    assert "delivery" in {line["what"] for line in told.json()["items"]}


def test_what_helped_last_time_stands_with_the_page(brand: Brand, world: dict[str, Any]) -> None:
    _bo, caller = engineer(brand, "bo")
    body = {
        "brand_id": brand.pk,
        "title": "psu",
        "priority": "P1",
        "component": "psu 1",
        "service_id": world["service_id"],
    }
    first = caller("POST", "/pages", body).json()
    caller("POST", f"/pages/{first['id']}/resolve", {"resolution": "Swapped it"})
    assert first["last_time"] is None
    with clock.replaced_by(lambda: START + timedelta(hours=1)):
        second = caller("POST", "/pages", body).json()
    assert (second["last_time"]["id"], second["last_time"]["resolution"]) == (first["id"], "Swapped it")
