"""One person's data from the pages and the API: looked at, taken away, erased; by admins of every brand alone."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from nightdesk.access.actions import grant_role, make_brand, make_token, make_user
from nightdesk.access.queries import OPERATOR
from nightdesk.base.actors import Door
from nightdesk.customers.actions import make_contact, make_customer
from nightdesk.journal.models import Entry
from nightdesk.keeping import places
from nightdesk.keeping.tasks import erase_waiting, write_waiting
from nightdesk.people.actions import add_contact_method, deactivate_person, make_person
from nightdesk.people.models import ContactMethod, Person

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
HERE = {"by": OPERATOR, "via": Door.CLI, "at": AT}


def admin(email: str, brand_id: int | None) -> tuple[Client, dict[str, str]]:
    """Their browser, and what their program sends along."""
    user = make_user(email=email, name=email, **HERE)
    grant_role(user_id=user.pk, role="admin", brand_id=brand_id, **HERE)
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    _token, secret = make_token(name="x", scopes=["admin"], user_id=user.pk, **HERE)
    return client, {"Authorization": f"Bearer {secret}"}


def names_in(answer: object) -> str:
    content = b"".join(answer)  # type: ignore[call-overload]
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return " ".join(opened.namelist()) + opened.read("rows/people_contactmethod.json").decode()


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    settings.FILES_DIR = tmp_path / "files"


def test_a_person_who_left_is_taken_away_and_erased_by_page_and_by_api():
    brand = make_brand(name="North", slug="north", **HERE)
    client, token = admin("ada@north.example", None)
    bo = make_person(name="Bo", brand_id=brand.pk, **HERE)
    add_contact_method(person_id=bo.id, channel="sms", address="+447700900123", **HERE)
    word = f"person:{bo.id}"
    page, erase = reverse("console:personal"), reverse("console:erase_personal")
    shown = client.get(page, {"of": word}).content.decode()
    assert "What is known of Bo" in shown
    assert "They are on the staff list" in shown
    assert "That names nobody" in client.get(page, {"of": "nobody of that name"}).content.decode()
    asked = client.post(reverse("console:export_personal"), {"of": word}, follow=True)
    assert "The zip waits for a worker." in asked.content.decode()
    again = Client().post("/api/v1/personal-data/exports", {"of": word}, content_type="application/json", headers=token)
    export = f"/api/v1/personal-data/exports/{again.json()['id']}"
    assert (again.status_code, again.json()["ended_at"]) == (202, None)
    assert Client().get(f"{export}/zip", headers=token).status_code == 409
    assert write_waiting() == 1, "whoever asks again is given the one that is on its way"
    told = client.get(page, {"of": word, "part": "export"}).content.decode()
    assert "lies ready until" in told
    assert "every 1s" not in told
    assert Client().get(export, headers=token).json()["rows"] > 0
    assert "+447700900123" in names_in(client.post(reverse("console:fetch_personal"), {"export": again.json()["id"]}))
    assert "+447700900123" in names_in(Client().get(f"{export}/zip", headers=token))
    assert [each["id"] for each in Client().get("/api/v1/personal-data/exports", headers=token).json()["items"]] == [
        again.json()["id"]
    ]
    about_bo = Entry.objects.filter(subject_kind="person", subject_id=str(bo.id))
    asked_or_written = about_bo.filter(kind__startswith="keeping.").order_by("id")
    assert list(asked_or_written.values_list("kind", "by_name")) == [
        ("keeping.export-asked", "ada@north.example"),
        ("keeping.person-exported", "Nightdesk"),
    ]
    assert Entry.objects.filter(kind="keeping.export-fetched", by_name="ada@north.example").count() == 2
    assert client.post(erase, {"of": word, "again": word}).status_code == 409  # may be rung tonight
    deactivate_person(person_id=bo.id, **HERE)
    client.post(erase, {"of": word, "again": "person"})
    assert Person.objects.get(pk=bo.id).name == "Bo"
    looked = Client().get("/api/v1/personal-data", {"of": word}, headers=token).json()
    assert sum(each["count"] for each in looked["goes"]) > 0
    asked = client.post(erase, {"of": word, "again": word}, follow=True).content.decode()
    assert f"{word} waits for a worker." in asked
    assert "every 1s" in asked
    program = {"content_type": "application/json", "headers": token}
    again = Client().post("/api/v1/personal-data/erasures", {"of": word}, **program)
    erasure = f"/api/v1/personal-data/erasures/{again.json()['id']}"
    assert (again.status_code, again.json()["ended_at"]) == (202, None)
    assert erase_waiting() == 1, "whoever asks again is given the one that is on its way"
    told = client.get(page, {"part": "erasures"}).content.decode()
    assert "Erased: " in told
    assert "every 1s" not in told
    ended = Client().get(erasure, headers=token).json()
    assert (ended["of"], ended["failure"], ended["rows"] > 0) == ("", "", True)
    (listed,) = Client().get("/api/v1/personal-data/erasures", headers=token).json()["items"]
    assert listed == ended
    assert Client().get(f"{export}/zip", headers=token).status_code == 404
    assert not list(places.exports().glob("*.zip"))
    assert Person.objects.get(pk=bo.id).name.startswith("Former colleague")
    assert not ContactMethod.objects.filter(person_id=bo.id).exists()
    of_erasing = about_bo.filter(kind__in=("keeping.erasure-asked", "keeping.person-erased")).order_by("id")
    assert list(of_erasing.values_list("by_name", flat=True)) == ["ada@north.example", "Nightdesk"]


def test_whoever_is_asked_for_by_name_is_chosen_from_those_who_may_be_meant():
    brand = make_brand(name="North", slug="north", **HERE)
    client, _token = admin("ada@north.example", None)
    bo = make_person(name="Bo Lind", brand_id=brand.pk, **HERE)
    add_contact_method(person_id=bo.id, channel="sms", address="+447700900123", **HERE)
    customer = make_customer(brand_id=brand.pk, name="Lindqvist Ltd", ref="L1", **HERE)
    contact = make_contact(customer_id=customer.pk, name="Maja", email="maja@lind.example", **HERE)
    page = reverse("console:personal")
    shown = client.get(page, {"of": "lind"}).content.decode()
    assert [word for word in (f"person%3A{bo.id}", f"contact%3A{contact.pk}") if f"?of={word}" in shown] == [
        f"person%3A{bo.id}",
        f"contact%3A{contact.pk}",
    ]
    assert "Lindqvist Ltd · maja@lind.example" in shown
    by_number = client.get(page, {"of": "7700900123"}).content.decode()
    assert (by_number.count("?of=person"), by_number.count("?of=contact")) == (1, 0)


def test_an_admin_of_one_brand_takes_and_erases_nothing():
    brand = make_brand(name="North", slug="north", **HERE)
    client, token = admin("eve@north.example", brand.pk)
    body = {"of": "number:+441632960001"}
    for view in ("export_personal", "fetch_personal", "erase_personal"):
        assert client.post(reverse(f"console:{view}"), body).status_code == 403
    assert client.get(reverse("console:personal")).status_code == 403
    for what in ("exports", "erasures"):
        asked = Client().post(f"/api/v1/personal-data/{what}", body, content_type="application/json", headers=token)
        assert asked.status_code == 403
