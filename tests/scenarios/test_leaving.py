"""An engineer leaves: one step, and nothing of theirs opens anything, and nothing rings them."""

from django.test import Client

from nightdesk.access import actions as access
from nightdesk.people import actions as people
from tests.world import World


def test_an_engineer_who_leaves_is_let_in_no_more_by_any_door_and_rung_no_more(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.escalate((0, bo), (10, al))
    user = access.make_user(email="bo@quay.example", name="Bo", **world.doing)
    access.grant_role(user_id=user.pk, role="engineer", brand_id=world.brand.pk, **world.doing)
    people.edit_person(person_id=bo.pk, changes={"user_id": user.pk}, **world.doing)
    browser = Client()
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    _, secret = access.make_token(name="laptop", scopes=["read"], user_id=user.pk, **world.doing)
    mine = {"authorization": f"Bearer {secret}"}

    def let_in() -> list[int]:
        return [browser.get("/pages/").status_code, Client().get("/api/v1/pages", headers=mine).status_code]

    page = world.alarm("core1 is down", key="core1")
    world.phone(bo).got("core1 is down")
    world.acknowledge(page, by=bo)
    world.clear("core1")
    assert let_in() == [200, 200]

    people.deactivate_person(person_id=bo.pk, **world.doing)
    assert let_in() == [302, 401]
    page = world.alarm("edge2 is down", key="edge2")
    assert world.phone(al).got("edge2 is down") == world.at, "nobody waits for whoever is not there"
    world.acknowledge(page, by=al)
    world.minutes(14)  # leaving the test fails it if Bo's telephone rang
