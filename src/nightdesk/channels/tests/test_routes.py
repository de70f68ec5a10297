"""Setting up a provider: what may be shown is shown, what is secret is not, and nonsense is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.channels.actions import remove_route, save_route
from nightdesk.channels.models import Route
from nightdesk.channels.queries import settings_of
from nightdesk.channels.registry import CHANNELS
from nightdesk.journal.models import Entry

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": START}
MAIL = {"host": "mail.example", "port": "2525", "security": "starttls", "user": "pager", "password": "hunter2"}


def save(**more: Any) -> Route:
    defaults: dict[str, Any] = {"channel": "email", "driver": "email", "name": "mail", "config": MAIL}
    return save_route(**{**defaults, **DOING, **more})


def test_a_secret_is_neither_in_the_row_nor_in_the_journal() -> None:
    route = save()
    route.refresh_from_db()
    assert "hunter2" not in str(route.config)
    assert b"hunter2" not in bytes(route.secrets)
    assert settings_of(route)["password"] == "hunter2"
    entry = Entry.objects.get(kind="route.saved")
    assert "hunter2" not in str(entry.facts)
    assert entry.facts["secrets"] == ["password"]


def test_a_secret_that_is_left_empty_stays_and_a_number_is_a_number() -> None:
    route = save()
    save(route_id=route.id, config={**MAIL, "password": "", "port": "25"})
    route.refresh_from_db()
    assert settings_of(route)["password"] == "hunter2"
    assert settings_of(route)["port"] == 25


def test_a_saved_route_starts_afresh() -> None:
    route = save()
    Route.objects.filter(id=route.id).update(failures=7, resting_until=START)
    save(route_id=route.id)
    route.refresh_from_db()
    assert (route.failures, route.resting_until) == (0, None)


@pytest.mark.parametrize(
    "more",
    [
        {"driver": "pigeon"},
        {"channel": "sms"},
        {"name": " "},
        {"config": {}},
        {"config": {**MAIL, "port": "many"}},
        {"config": {**MAIL, "security": "maybe"}},
        {"config": {**MAIL, "colour": "blue"}},
    ],
)
def test_nonsense_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        save(**more)
    assert not Route.objects.exists()


def test_a_name_stands_for_one_route() -> None:
    save()
    with pytest.raises(Invalid):
        save()


def test_only_an_admin_of_the_brand_sets_up_its_routes() -> None:
    ours, theirs = (Brand.objects.create(name=name, slug=name) for name in ("ours", "theirs"))
    admin = Actor("person", "1", "Bo", grants=frozenset({(ours.id, "admin")}))
    engineer = Actor("person", "2", "Al", grants=frozenset({(ours.id, "engineer")}))
    route = save(brand_id=theirs.id)
    for by, brand_id, route_id in ((engineer, ours.id, None), (admin, None, None), (admin, ours.id, route.id)):
        with pytest.raises(Forbidden):
            save(by=by, brand_id=brand_id, route_id=route_id, name="other")
    with pytest.raises(Forbidden):
        remove_route(route_id=route.id, by=admin, via=Door.WEB, at=START)
    assert save(by=admin, brand_id=ours.id, name="other").brand_id == ours.id


def test_a_removed_route_is_gone_with_its_secrets() -> None:
    route = save()
    remove_route(route_id=route.id, **DOING)
    assert not Route.objects.exists()
    with pytest.raises(NotFound):
        remove_route(route_id=route.id, **DOING)


def test_every_drivers_form_can_be_made() -> None:
    for driver in CHANNELS.values():
        names = [field.name for field in driver.fields]
        assert len(names) == len(set(names))
        assert all(str(field.label) for field in driver.fields)
        assert all(field.choices for field in driver.fields if field.kind == "choice")
