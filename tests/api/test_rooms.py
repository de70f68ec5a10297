"""What the other rooms' operations do, beyond what the walk shows."""

from datetime import timedelta
from typing import Any

import pytest

from nightdesk.access.models import Brand, Role
from nightdesk.base.models import Promise
from nightdesk.customers.models import Customer
from nightdesk.people.models import Person
from tests.api import standing
from tests.api.conftest import START, Caller, token_for, user_with
from tests.api.test_door import problem

FILE = b"customer,customer_ref,contact_name,contact_phone\nMill,C-7,Lee,+442079460555\nMill,C-7,Sam,not a number\n"


standing_worlds, worlds, brand, other_brand, world, other_world = standing.ALL


@pytest.fixture
def manager(brand: Brand, world: dict[str, Any]) -> Caller:
    return token_for(["admin"], user=user_with(Role.MANAGER, brand))


def imported(caller: Caller, brand: Brand, dry_run: str, **headers: str) -> dict[str, Any]:
    path = f"/customers/import?brand_id={brand.pk}&dry_run={dry_run}"
    response = caller("POST", path, FILE, **{"Content-Type": "text/csv"} | headers)
    assert response.status_code == 200, response.content
    told: dict[str, Any] = response.json()
    return told


@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "k"}])
def test_a_dry_run_tells_what_an_import_would_do_and_does_nothing(
    manager: Caller, brand: Brand, key: dict[str, str]
) -> None:
    told = imported(manager, brand, "true", **key)
    assert told["dry_run"]
    assert told["counts"]["customer"] == {"new": 1, "changed": 0, "same": 0}
    assert [(error["line"], error["column"]) for error in told["errors"]] == [(3, "contact_phone")]
    assert not Customer.objects.filter(ref="C-7").exists()


def test_an_import_writes_what_its_dry_run_told_and_again_changes_nothing(manager: Caller, brand: Brand) -> None:
    told = imported(manager, brand, "true")
    assert imported(manager, brand, "false") == told | {"dry_run": False}
    assert Customer.objects.get(ref="C-7").contacts.count() == 1
    assert imported(manager, brand, "false")["counts"]["customer"] == {"new": 0, "changed": 0, "same": 1}


def test_what_is_promised_is_answered_for_the_instant_asked_about(manager: Caller, world: dict[str, Any]) -> None:
    path = f"/customers/{world['customer_id']}/promised?priority="
    assert manager.get(f"{path}P1")["reason"] == "out_of_hours_covered"
    assert manager.get(f"{path}P3")["may_page_now"] is False
    assert manager.get(f"{path}P3&at=2026-11-16T10:00:00%2B01:00")["reason"] == "in_hours"
    for at in ("2026-11-16", "2026-11-16T10:00:00", "1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z"):
        problem(manager("GET", f"{path}P3&at={at}"), 422, "invalid")


def test_who_is_on_follows_the_token(manager: Caller, brand: Brand, world: dict[str, Any]) -> None:
    al = Person.objects.create(name="Al")
    passed = manager("POST", f"/seats/{world['seat_key']}/pass", {"person_id": al.pk}).json()
    assert (passed["person_id"], passed["held"]) == (al.pk, True)
    (seat,) = manager.get("/who-is-on")["items"]
    assert seat["person_name"] == "Al"
    assert manager.get(f"/who-is-on?brand_id={brand.pk + 1000}")["items"] == []
    (before,) = manager.get(f"/who-is-on?at={(START - timedelta(minutes=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}")["items"]
    assert before["person_id"] is None
    problem(manager("POST", "/seats/nowhere/take"), 404, "not-found")


def test_a_promise_is_tried_again_or_called_off_by_a_person_and_the_journal_says_so(
    manager: Caller, world: dict[str, Any]
) -> None:
    path = f"/promises/{world['promise_id']}"
    assert manager("POST", f"{path}/retry").json()["state"] == "open"
    problem(manager("POST", f"{path}/retry"), 409, "illegal-transition")
    assert manager("POST", f"{path}/void").json()["state"] == "void"
    assert manager("POST", f"{path}/void").status_code == 200
    assert Promise.objects.get(id=world["promise_id"]).ended_as == "void"
    entries = manager.get(f"/journal?subject_kind=promise&subject_id={world['promise_id']}")["items"]
    assert sorted(entry["kind"] for entry in entries) == ["promise.retried", "promise.voided"]
    assert {entry["via"] for entry in entries} == {"api"}


def test_words_are_erased_and_the_entry_stays(brand: Brand, world: dict[str, Any]) -> None:
    admin = token_for(["admin"], user=user_with(Role.ADMIN, brand))
    path = f"/journal/{world['entry_id']}"
    assert admin.get(path)["text"] == "Looking at it"
    erased = admin("POST", f"{path}/erase").json()
    assert (erased["text"], erased["erased"], erased["kind"]) == (None, True, "page.noted")
    assert admin.get(path) == erased


def test_a_policy_says_back_what_it_was_told(manager: Caller, brand: Brand, world: dict[str, Any]) -> None:
    steps = [
        {"delay_seconds": 0, "targets": [{"kind": "person", "key": str(world["person_id"])}]},
        {"delay_seconds": 300, "targets": [{"kind": "manager", "key": ""}]},
    ]
    body = {"brand_id": brand.pk, "name": "Day", "steps": steps, "repeat": 2}
    saved = manager("PUT", "/policies", body).json()
    plain = {"in_turn": False, "when": None}
    assert saved.items() >= (body | {"steps": [step | plain for step in steps]}).items()
    assert manager("PUT", "/policies", body | {"repeat": 3}).json() == saved | {"repeat": 3}
    assert saved | {"repeat": 3} in manager.get("/policies")["items"]


@pytest.mark.parametrize("target", [("person", "bo"), ("person", ""), ("seat", ""), ("manager", "x"), ("team", "-1")])
def test_a_policy_that_could_never_ring_is_refused(manager: Caller, brand: Brand, target: tuple[str, str]) -> None:
    step = {"delay_seconds": 0, "targets": [{"kind": target[0], "key": target[1]}]}
    problem(manager("PUT", "/policies", {"brand_id": brand.pk, "name": "Day", "steps": [step]}), 422, "invalid")


def test_keys_and_tokens_are_shown_once(brand: Brand, world: dict[str, Any]) -> None:
    admin = token_for(["admin"], user=user_with(Role.ADMIN, brand))
    body = {"brand_id": brand.pk, "name": "Zabbix", "format": "generic", "policy_id": world["policy_id"]}
    key = admin("POST", "/integrations", body).json()["key"]
    assert key not in admin("GET", "/integrations").content.decode()
    secret = admin("POST", "/tokens", {"name": "x", "scopes": ["read"], "brand_id": brand.pk}).json()["secret"]
    assert secret not in admin("GET", "/tokens").content.decode()
    assert Caller(secret).get("/pages")["items"]


def test_only_what_is_given_changes(manager: Caller, world: dict[str, Any]) -> None:
    path = f"/customers/{world['customer_id']}"
    before = manager.get(path)
    assert manager("PATCH", path, {"name": "Mill"}).json() == before | {"name": "Mill"}
    person = f"/people/{world['person_id']}"
    assert manager("PATCH", person, {"zone": "Europe/Madrid"}).json()["name"] == manager.get(person)["name"]
    problem(manager("PATCH", path, {"nmae": "Mill"}), 422, "invalid")


def test_figures_of_who_is_no_number_are_refused(manager: Caller, brand: Brand) -> None:
    asked = f"brand_id={brand.pk}&first=2026-11-01&last=2026-11-07"
    for path in ("/service-figures", "/service-figures/answered_12s/trend"):
        for of in ("", "abc", "9" * 40):
            problem(manager("GET", f"{path}?{asked}&dimension=customer&of={of}"), 422, "invalid")
        assert manager("GET", f"{path}?{asked}&dimension=customer&of=7").status_code == 200


@pytest.mark.parametrize("path", ["/service-figures", "/desks", "/load", "/pay", "/line-figures"])
def test_a_day_far_from_now_is_refused(manager: Caller, brand: Brand, path: str) -> None:
    for first, last in (("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31"), ("1999-12-31", "2000-01-01")):
        problem(manager("GET", f"{path}?brand_id={brand.pk}&first={first}&last={last}"), 422, "invalid")


def test_nobody_is_sent_to_a_site_who_is_of_another_brand_nor_for_a_ticket_of_one(
    brand: Brand, world: dict[str, Any], other_world: dict[str, Any]
) -> None:
    caller = token_for(["admin"], user=user_with(Role.MANAGER, brand))
    body = {
        "site_id": world["site_id"], "person_id": world["goes_later_id"], "watcher_id": world["person_id"],
        "why": "A fan", "travel_minutes": 10, "work_minutes": 30,
    }  # fmt: skip
    problem(caller("POST", "/visits", body | {"person_id": other_world["goes_later_id"]}), 403, "forbidden")
    problem(caller("POST", "/visits", body | {"companion_id": other_world["goes_later_id"]}), 403, "forbidden")
    problem(caller("POST", "/visits", body | {"ticket_id": str(other_world["ticket_id"])}), 404, "not-found")
    assert caller("POST", "/visits", body | {"ticket_id": str(world["ticket_id"])}).status_code == 201
