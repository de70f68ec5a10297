"""What monitoring programs that know Cachet write: its API v1, done by our verbs and read back in its words."""

import json
from typing import Any

import pytest
from django.test import Client

from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base.actors import Door
from nightdesk.journal.models import Entry
from nightdesk.outages import actions
from nightdesk.outages.models import Outage, Part, Update
from tests.api.conftest import START, token_for, user_with

pytestmark = pytest.mark.django_db


class Cachet:
    """A program that speaks to the brand's Cachet with one token."""

    def __init__(self, secret: str | None) -> None:
        self._named = {"X-Cachet-Token": secret} if secret else {}

    def __call__(self, method: str, path: str, expected: int = 200, /, **given: Any) -> Any:
        raw = json.dumps(given).encode() if given else b""
        client = Client(raise_request_exception=False)
        answer = client.generic(method, f"/cachet/acme/api/v1{path}", raw, "application/json", headers=self._named)
        assert answer.status_code == expected, answer.content
        return answer.json()


@pytest.fixture
def switch(brand: Brand) -> Part:
    Part.objects.create(brand=brand, key="core", name="core", kind="device")
    return Part.objects.create(
        brand=brand, key="sw2", name="sw2", kind="device", public=True, public_name="Dock Street", position=3
    )


@pytest.fixture
def cachet(brand: Brand, switch: Part) -> Cachet:
    scopes = ["read_outages", "propose_outage", "confirm_outage", "edit_outage", "set_failed_parts", "withdraw_outage"]
    caller = token_for([*scopes, "write_update", "approve_update"], user=user_with("desk", brand))
    return Cachet(caller.secret)


def state_of(outage: Outage) -> str:
    outage.refresh_from_db()
    return outage.state


def test_an_incident_begins_goes_on_and_is_fixed_by_our_own_verbs(cachet: Cachet, switch: Part) -> None:
    made = cachet(
        "POST", "/incidents", name="Fault at Dock Street", message="Lines are down.", status=1, visible=1,
        component_id=switch.pk, component_status=4,
    )["data"]  # fmt: skip
    outage = Outage.objects.get(number=made["id"])
    assert (made["human_status"], made["message"], made["component_id"]) == (
        "Investigating", "Lines are down.", switch.pk,
    )  # fmt: skip
    assert (outage.state, outage.public, outage.public_title) == ("investigating", True, "Fault at Dock Street")
    assert cachet("GET", f"/components/{switch.pk}")["data"]["status_name"] == "Major Outage"
    told = cachet("POST", f"/incidents/{made['id']}/updates", status=2, message="A power supply has failed.")["data"]
    assert (told["incident_id"], told["human_status"]) == (made["id"], "Identified")
    assert state_of(outage) == "identified"
    ended = cachet("PUT", f"/incidents/{made['id']}", status=4, message="It works again.")["data"]
    assert (ended["is_resolved"], state_of(outage)) == (True, "resolved")
    assert cachet("GET", f"/components/{switch.pk}")["data"]["status"] == 1
    texts = [one["message"] for one in cachet("GET", f"/incidents/{made['id']}/updates")["data"]]
    assert texts == ["It works again.", "A power supply has failed.", "Lines are down."]
    assert set(Entry.objects.filter(kind="outage.update").values_list("via", flat=True)) == {"api"}


def test_a_component_that_is_written_down_is_a_proposal_of_which_nobody_is_told(cachet: Cachet, switch: Part) -> None:
    assert cachet("PUT", f"/components/{switch.pk}", status=4)["data"]["status"] == 1, "nobody has confirmed it"
    outage = Outage.objects.get()
    assert (outage.state, list(outage.failed.values_list("part", "effect"))) == ("proposed", [(switch.pk, 3)])
    cachet("PUT", f"/components/{switch.pk}", status=2)
    assert list(outage.failed.values_list("part", "effect")) == [(switch.pk, 2)]
    cachet("PUT", f"/components/{switch.pk}", status=1)
    assert state_of(outage) == "withdrawn"
    assert not Update.objects.exists()


def test_a_component_of_an_outage_that_is_known_is_as_bad_as_written(cachet: Cachet, switch: Part) -> None:
    doing: dict[str, Any] = {"by": OPERATOR, "via": Door.CLI, "at": START}
    made = actions.propose_outage(brand_id=switch.brand_id, title="sw2", parts={switch.pk: 3}, **doing)
    actions.confirm_outage(outage_id=made.pk, **doing)
    assert cachet("PUT", f"/components/{switch.pk}", status=3)["data"]["status_name"] == "Performance Issues"
    assert cachet("PUT", f"/components/{switch.pk}", status=1)["data"]["status_name"] == "Operational"
    assert state_of(made) == "investigating", "only a person or an update ends what people were told of"


def test_only_what_is_public_is_a_component_and_lists_come_in_pages(cachet: Cachet, switch: Part) -> None:
    listed = cachet("GET", "/components?per_page=1")
    assert [one["name"] for one in listed["data"]] == ["Dock Street"]
    assert listed["meta"]["pagination"]["total"] == 1
    core = Part.objects.get(key="core")
    assert cachet("GET", f"/components/{core.pk}", 404)["errors"][0]["id"] == "not-found"
    assert cachet("GET", "/incidents")["data"] == []


@pytest.mark.parametrize(
    "given",
    [
        {"name": "x", "message": "x", "status": 0}, {"name": "", "message": "x", "status": 1},
        {"name": "x", "message": "x", "status": "down"}, {"name": "x", "status": 1, "component_id": True},
        {"name": "x", "message": "x" * 3000, "status": 1}, {"name": "x\0", "status": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_and_nothing_of_it_stays(cachet: Cachet, given: dict[str, Any]) -> None:
    answer = cachet("POST", "/incidents", 400 if "\0" in given["name"] else 422, **given)
    assert answer["errors"][0]["detail"]
    assert not Outage.objects.exists()


def test_without_a_token_of_ours_there_is_a_pong_and_nothing_else(brand: Brand, switch: Part) -> None:
    stranger = Cachet(None)
    assert stranger("GET", "/ping") == {"data": "Pong!"}
    for path in ("/components", f"/components/{switch.pk}", "/incidents", "/incidents/1", "/incidents/1/updates"):
        assert stranger("GET", path, 401)["errors"][0]["status"] == 401
    assert Cachet("made-up")("POST", "/incidents", 401, name="x", message="x", status=1)
    reader = Cachet(token_for(["read_outages"], user=user_with("desk", brand)).secret)
    assert reader("POST", "/incidents", 403, name="x", message="x", status=1)
    assert reader("DELETE", "/incidents", 405)
    assert not Outage.objects.exists()


def test_another_brands_is_not_there(cachet: Cachet, brand: Brand) -> None:
    Brand.objects.filter(pk=brand.pk).update(slug="other")
    Brand.objects.create(name="Stranger", slug="acme")
    assert cachet("GET", "/components", 404)
