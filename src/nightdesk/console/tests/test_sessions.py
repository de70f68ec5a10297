"""Browsers in which accounts are signed in: listed, and ended so that they open nothing from that moment."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session as Stored
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from nightdesk.access.actions import grant_role, make_brand, make_user, revoke_role
from nightdesk.access.models import Session, User
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.journal.models import Entry
from nightdesk.people.actions import deactivate_person, make_person, reactivate_person

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
HERE = {"by": OPERATOR, "via": Door.CLI, "at": AT}
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
PASSWORD = "a quiet harbour"


class House:
    """Ada is admin of every brand, Bo an engineer of one; both may be signed in in several browsers."""

    def __init__(self) -> None:
        self.brand = make_brand(name="North", slug="north", **HERE)
        self.bo = self.account("Bo", "engineer", self.brand.pk)
        self.ada = self.account("Ada", "admin", None)
        self.person = make_person(name="Bo", user_id=self.bo.pk, brand_id=self.brand.pk, **HERE)

    def account(self, name: str, role: str, brand_id: int | None) -> User:
        user = make_user(email=f"{name.lower()}@north.example", name=name, password=PASSWORD, **HERE)
        grant_role(user_id=user.pk, role=role, brand_id=brand_id, **HERE)
        return user

    def browser(self, user: User, agent: str = LAPTOP, address: str = "192.0.2.1") -> Client:
        """One in which the user has just signed in, by the page for it."""
        client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
        answer = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
        assert answer.status_code == 302, answer.content
        return client


@pytest.fixture
def house() -> House:
    return House()


def is_in(client: Client) -> bool:
    return client.get(reverse("console:my_sessions")).status_code == 200


def test_one_s_own_page_names_each_browser_and_signs_out_the_others(house):
    laptop, phone, old = (house.browser(house.bo, *how) for how in ((LAPTOP,), (PHONE, "198.51.100.7"), (PHONE,)))
    strange = house.browser(house.ada)
    page = laptop.get(reverse("console:my_sessions")).content.decode()
    assert "Signed in in 3 browsers" in page
    assert "Firefox on Linux" in page
    assert "Chrome on Android" in page
    assert "198.51.100.7" in page
    lost = Session.objects.get(address="198.51.100.7")
    laptop.post(reverse("console:end_my_session", args=[lost.pk]))
    assert [is_in(each) for each in (laptop, phone, old, strange)] == [True, False, True, True]
    laptop.post(reverse("console:end_my_other_sessions"))
    assert [is_in(each) for each in (laptop, phone, old, strange)] == [True, False, False, True]
    ended = Entry.objects.filter(kind="session.ended").order_by("id")
    assert [(each.by_name, each.facts["device"]) for each in ended] == [("Bo", "Chrome on Android")] * 2


def test_nobody_but_an_administrator_ends_another_s(house):
    bo, ada = house.browser(house.bo), house.browser(house.ada)
    of_ada = Session.objects.get(user=house.ada)
    for view in ("end_my_session", "end_session"):
        assert bo.post(reverse(f"console:{view}", args=[of_ada.pk])).status_code in (403, 404)
    assert is_in(ada)
    assert "Bo" in ada.get(reverse("console:sessions"), {"q": "bo@north"}).content.decode()
    ada.post(reverse("console:end_session", args=[Session.objects.get(user=house.bo).pk]))
    assert not is_in(bo)
    assert is_in(ada)


def test_whoever_loses_a_role_or_leaves_is_signed_out_and_coming_back_opens_no_old_session(house):
    bo = house.browser(house.bo)
    grant_role(user_id=house.bo.pk, role="desk", brand_id=house.brand.pk, **HERE)
    assert is_in(bo)
    revoke_role(user_id=house.bo.pk, role="desk", brand_id=house.brand.pk, **HERE)
    assert not is_in(bo)
    bo = house.browser(house.bo)
    deactivate_person(person_id=house.person.pk, **HERE)
    reactivate_person(person_id=house.person.pk, **HERE)
    assert not is_in(bo)


def test_a_request_that_is_under_way_does_not_bring_an_ended_session_back(house, monkeypatch):
    bo = house.browser(house.bo)
    with monkeypatch.context() as during:
        ended = lambda *_args, **_more: call_command("sessions", "--end-all", "--of", house.bo.email, stdout=StringIO())  # noqa: E731
        during.setattr(
            "nightdesk.console.views.sessions.live_sessions", lambda *a, **m: (ended(), Session.objects.all())[1]
        )
        bo.get(reverse("console:my_sessions"))
    assert not is_in(bo)
    assert "[]" in told("--of", house.bo.email)


def told(*words: str) -> str:
    out = StringIO()
    call_command("sessions", "--json", *words, stdout=out)
    return out.getvalue()


def test_the_command_lists_and_ends(house):
    bo = house.browser(house.bo, PHONE)
    (known,) = json.loads(told("--of", "Bo@north.example"))
    assert (known["account"], known["device"]) == (house.bo.email, "Chrome on Android")
    call_command("sessions", "--end", str(known["id"]), stdout=StringIO())
    assert not is_in(bo)
    with pytest.raises(NotFound):
        call_command("sessions", "--end", str(known["id"]), stdout=StringIO())


def test_it_is_noted_once_a_minute_and_what_expired_is_forgotten(house):
    now = clock.now()
    with clock.replaced_by(lambda: now):
        bo = house.browser(house.bo)
    for seconds, noted in ((59, 0), (61, 61), (90, 61)):
        with clock.replaced_by(lambda later=now + timedelta(seconds=seconds): later):
            bo.get(reverse("console:my_sessions"))
        assert Session.objects.get().seen_at == now + timedelta(seconds=noted)
    Stored.objects.update(expire_date=now - timedelta(days=1))
    house.browser(house.ada)
    assert [each.user for each in Session.objects.all()] == [house.ada]
    assert Stored.objects.filter(expire_date__lt=now).count() == 0
