"""Macros and old tickets by the API: kept, done to tickets and taken back; shown before they are taken over."""

from typing import Any

import pytest

from nightdesk.access.models import Brand, Role
from nightdesk.desk.models import OldNumber, Ticket
from nightdesk.people.models import Person
from tests.api.conftest import Caller, token_for, user_with

FILE = (
    b"TicketNo,Subject,Created,Status\n"
    b"4711,Line down,2025-07-14 09:00,closed\n"
    b"4712,Mailbox,2025-07-15 10:00,open\n"
    b"4713,When,yesterday,open\n"
)


@pytest.fixture
def manager(brand: Brand) -> Caller:
    user = user_with(Role.MANAGER, brand)
    Person.objects.create(name="Max", user=user)
    return token_for(["admin"], user=user)


def done(caller: Caller, method: str, path: str, body: Any = None, **headers: str) -> Any:
    answer = caller(method, path, body, **headers)
    assert answer.status_code in (200, 201, 204), answer.content
    return answer.json() if answer.content else None


def test_a_macro_is_kept_done_to_tickets_and_taken_back(manager: Caller, brand: Brand) -> None:
    steps = [
        {"verb": "tag", "values": {"add": ["speed"]}},
        {"verb": "take"},
        {"verb": "wait", "values": {"reason": "awaiting_supplier", "next_step": "Chase them", "hours": 2}},
    ]
    made = done(manager, "POST", "/macros", {"brand_id": brand.pk, "name": "Speed", "steps": steps})
    assert manager.get("/macros")["items"][0]["steps"][2]["values"]["hours"] == 2
    assert made["steps"][1] == {"verb": "take", "values": {}}
    opened = {"brand_id": brand.pk, "title": "Slow", "text": "It crawls."}
    one, two = (done(manager, "POST", "/tickets", opened) for _ in range(2))
    change = done(manager, "POST", f"/macros/{made['id']}/apply", {"ticket_ids": [one["id"], two["id"]]})
    assert sorted(change["changed"]) == [one["number"], two["number"]]
    told = manager.get(f"/tickets/{one['id']}")
    assert (told["tags"], told["state"], told["next_step"]) == (["speed"], "pending", "Chase them")
    done(manager, "POST", f"/ticket-changes/{change['id']}/undo")
    told = manager.get(f"/tickets/{one['id']}")
    assert (told["tags"], told["state"]) == ([], "new")
    changed = done(manager, "PUT", f"/macros/{made['id']}", {"name": "Slow", "steps": steps[:1]})
    assert (changed["name"], len(changed["steps"])) == ("Slow", 1)
    done(manager, "DELETE", f"/macros/{made['id']}")
    assert manager.get("/macros")["items"] == []


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"verb": "explode"}],
        [{"verb": "tag", "values": {"person_id": 1}}],
        [{"verb": "tag", "values": {"next_step_at": "2026-11-14T03:00:00Z"}}],
    ],
)
def test_a_macro_that_could_not_be_done_is_not_kept(manager: Caller, brand: Brand, steps: list[Any]) -> None:
    answer = manager("POST", "/macros", {"brand_id": brand.pk, "name": "x", "steps": steps})
    assert answer.status_code == 422, answer.content
    assert manager.get("/macros")["items"] == []


def test_old_tickets_are_shown_by_a_dry_run_and_then_taken_over_once(manager: Caller, brand: Brand) -> None:
    path = f"/tickets/import?brand_id={brand.pk}&column=number=TicketNo&zone=Europe/Berlin"
    csv = {"Content_Type": "text/csv"}
    told = done(manager, "POST", f"{path}&dry_run=true", FILE, **csv)
    assert (told["new"], told["there"], told["nobodys"]) == (2, 0, 2)
    assert told["faults"] == [{"place": "line 4", "why": "'yesterday' is no instant"}]
    assert told["mapping"] == {"number": "TicketNo", "title": "Subject", "state": "Status", "opened": "Created"}
    assert not Ticket.objects.exists()
    assert done(manager, "POST", path, FILE, **csv) == told | {"dry_run": False}
    assert f"{OldNumber.objects.get(text='4711').ticket.opened_at:%H:%M}" == "07:00"
    assert done(manager, "POST", path, FILE, **csv)["there"] == 2
    for wrong in ("&column=TicketNo", "&zone=Mars", "&column=number=Nr"):
        answer = manager("POST", f"/tickets/import?brand_id={brand.pk}{wrong}", FILE, **csv)
        assert answer.status_code == 422, wrong


def test_how_a_desk_writes_and_counts_is_set_and_read_back(manager: Caller, brand: Brand) -> None:
    path = f"/brands/{brand.pk}/desk-rules"
    told = {
        "address": "help@acme.example", "emergency_number": "+44 20 7946 0000", "surveys": True,
        "signatures": {"de": "Ihre Nachtwache"}, "tickets_from_pages": "all",
        "clocks": {"update_every": {"P1": "PT30M"}, "pauses": {"fix": ["awaiting_caller"]}, "warn": {"percent": 80}},
    }  # fmt: skip
    assert done(manager, "PUT", path, told).items() >= told.items()
    assert manager.get(path)["closes_after_days"] == 5
    assert done(manager, "PUT", path, {"clocks": None})["clocks"] == {}
    for wrong in (
        {"address": "nobody"},
        {"clocks": {"update_every": {"P1": "soon"}}},
        {"clocks": {"pauses": {"fix": ["lunch"]}}},
        {"tickets_from_pages": "some"},
        {"surge_policy_id": 999_999},
    ):
        assert manager("PUT", path, wrong).status_code in (404, 422), wrong
    assert manager.get(path)["signatures"] == {"de": "Ihre Nachtwache"}
