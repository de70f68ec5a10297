"""What a rule of working time blocks is refused at each door of a plan, and stands with a reason and a name."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from nightdesk.access.models import Brand, Role
from nightdesk.base.refusals import Refusal
from nightdesk.people.models import Absence, Person, Skill
from nightdesk.rota.models import Exemption, Override, Seat, Swap
from tests.api import standing
from tests.api.conftest import START, Caller, token_for, user_with

WHY = "She offered"
FROM, UNTIL = START + timedelta(days=20), START + timedelta(days=20, hours=8)


standing_worlds, worlds, brand, other_brand, world, other_world = standing.ALL


@pytest.fixture
def manager(brand: Brand) -> Caller:
    return token_for(["admin"], user=user_with(Role.MANAGER, brand))


@pytest.fixture
def ill(db: None) -> Person:
    """Somebody who must not be on for a month."""
    person = Person.objects.create(name="Ivy")
    Absence.objects.create(
        person=person, kind="sickness", starts_at=START, ends_at=START + timedelta(days=40), recorded_at=START
    )
    return person


def a_turn_from_a_file(world: dict[str, Any]) -> str:
    return f"seat,person,starts_at,ends_at\n{world['seat_key']},Ivy,{FROM.isoformat()},{UNTIL.isoformat()}\n"


def asked(door: str, world: dict[str, Any], ill: Person) -> tuple[str, str, dict[str, Any]]:
    """Method, path and body of what puts them on."""
    match door:
        case "override":
            body = {"kind": "add", "starts_at": FROM.isoformat(), "ends_at": UNTIL.isoformat(), "member_id": ill.pk}
            return "POST", f"/seats/{world['seat_key']}/overrides", body
        case "layers":
            layer = {"members": [{"person": ill.pk}], "anchor": "2026-11-02T18:00", "turn": "week"}
            return "PUT", f"/seats/{world['seat_key']}/layers", {"layers": [layer]}
        case "file":
            return "POST", f"/rotas/{world['rota_id']}/import", {"content": a_turn_from_a_file(world)}
        case _:
            Swap.objects.filter(pk=world["swap_id"]).update(asked=ill, state=Swap.State.ACCEPTED)
            return "POST", f"/swaps/{world['swap_id']}/approve", {}


@pytest.mark.parametrize("door", ["override", "layers", "file", "swap"])
def test_by_the_api(manager: Caller, world: dict[str, Any], ill: Person, door: str) -> None:
    method, path, body = asked(door, world, ill)
    refused = manager(method, path, body)
    assert (refused.status_code, refused.json().get("code")) == (409, "rule-blocks"), refused.content
    assert not Exemption.objects.exists()
    done = manager(method, path, body | {"override_reason": WHY})
    assert done.status_code in (200, 201), done.content
    (exemption,) = Exemption.objects.all()
    assert (exemption.person, exemption.reason) == (ill, WHY)


@pytest.mark.parametrize("door", ["override", "layers", "file", "swap"])
def test_by_command(world: dict[str, Any], ill: Person, tmp_path: Path, door: str) -> None:
    asked("swap" if door == "swap" else "override", world, ill)
    (tmp_path / "turns.csv").write_text(a_turn_from_a_file(world))
    (tmp_path / "layers.json").write_text(json.dumps(asked("layers", world, ill)[2]["layers"]))
    span = ("--starts", f"{FROM:%Y-%m-%dT%H:%M}", "--ends", f"{UNTIL:%Y-%m-%dT%H:%M}")
    words = {
        "override": ("override", world["seat_key"], "--on", "Ivy", *span),
        "layers": ("layers", world["seat_key"], "--set", str(tmp_path / "layers.json")),
        "file": ("import", str(world["rota_id"]), str(tmp_path / "turns.csv"), "--yes"),
        "swap": ("settle", str(world["swap_id"]), "approve"),
    }[door]
    with pytest.raises(Refusal, match="Ivy is not available"):
        call_command("rota", *words, stdout=StringIO())
    call_command("rota", *words, "--reason", WHY, stdout=StringIO())
    assert Exemption.objects.get().reason == WHY


def test_nobody_lets_it_stand_who_has_not_the_right(brand: Brand, world: dict[str, Any], ill: Person) -> None:
    desk = token_for(["admin"], user=user_with(Role.ENGINEER, brand))
    method, path, body = asked("override", world, ill)
    before = Override.objects.count()
    assert desk(method, path, body | {"override_reason": WHY}).status_code == 403
    assert (Override.objects.count(), Exemption.objects.count()) == (before, 0)


def test_what_one_must_know_for_a_seat_is_set_shown_and_kept(
    brand: Brand, manager: Caller, world: dict[str, Any], ill: Person
) -> None:
    bgp = Skill.objects.create(brand=brand, key="bgp", name="BGP")
    path = f"/seats/{world['seat_key']}"
    wanted = [{"skill_id": bgp.pk, "level": 3, "hard": True}]
    assert manager("PATCH", path, {"skills": wanted}).json()["skills"] == wanted
    assert manager("PATCH", path, {"name": "Night"}).json()["skills"] == wanted, "what is left out stays"
    able = Person.objects.create(name="Abe")
    body = {"kind": "add", "starts_at": FROM.isoformat(), "ends_at": UNTIL.isoformat(), "member_id": able.pk}
    assert manager("POST", f"{path}/overrides", body).json()["code"] == "rule-blocks"
    assert manager("PATCH", path, {"skills": []}).json()["skills"] == []
    assert manager("POST", f"{path}/overrides", body).status_code == 201
    assert Seat.objects.get(key=world["seat_key"]).name == "Night"
