"""What a phone says without a log-in: by its token alone, by POST alone, as the person it was sent to."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from nightdesk.access.actions import grant_role
from nightdesk.base.actors import Door
from nightdesk.base.browsers import device_name
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.channels.links import make_device_token, make_token
from nightdesk.channels.models import Delivery, Device, PushKey, Route
from nightdesk.console.tests.company import Company
from nightdesk.console.views import push as door
from nightdesk.journal.models import Entry
from nightdesk.paging.actions import acknowledge_page
from nightdesk.paging.models import Page
from nightdesk.people.models import ContactMethod, Person
from nightdesk.people.queries import actor_of_person
from tests.peers.push_service import Browser

ITS = Browser("https://push.example.net/send/1")


@pytest.fixture
def public(company: Company, settings: Any) -> Company:
    settings.PUBLIC_URL = "https://pager.quayside.net"
    return company


def add(client: Client, its: Browser = ITS) -> Any:
    return client.post(reverse("console:push_add"), json.dumps(its.subscription), content_type="application/json")


def client_of(company: Company, person: Person) -> Client:
    return company.client(person.user)


@pytest.fixture
def device(public: Company) -> Device:
    assert add(client_of(public, public.quay.bo)).status_code == 201
    return Device.objects.get()


@pytest.fixture
def pushed(public: Company, device: Device) -> Delivery:
    """What went to Bo's phone about Quay's page."""
    page = public.quay.page
    message = queue_message(
        kind="page.rung",
        subject=("page", page.id),
        title="P1 down",
        body="",
        to=[Recipient("person", public.quay.bo.id, "push", str(device.id), public.at)],
        brand_id=page.brand_id,
        answers={word: [f"page.{word}", "page", str(page.id)] for word in ("acknowledge", "escalate")},
        **public.doing,
    )
    return Delivery.objects.get(message_id=message.id)


def token(row: Delivery) -> str:
    return make_token(row.id, row.month)


def everything() -> list[Any]:
    return [
        list(Page.objects.order_by("id").values()),
        list(Delivery.objects.order_by("id").values()),
        list(Device.objects.values()),
        Entry.objects.count(),
    ]


def test_a_button_takes_the_page_by_the_token_alone_and_says_so(public: Company, pushed: Delivery) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("push_answer", args=[token(pushed)]), {"verb": "acknowledge"})
    assert answer.status_code == 200
    assert answer.json()["said"].startswith("You have it")
    assert answer["Cache-Control"] == "no-store"
    page = Page.objects.get(id=public.quay.page.id)
    assert (page.state, page.owner) == ("acknowledged", public.quay.bo)
    assert Entry.objects.filter(kind="page.acknowledged").latest("at").via == Door.PUSH
    pushed.refresh_from_db()
    assert pushed.state == "read"
    assert not answer.cookies


def test_a_late_button_is_told_who_has_it(public: Company, pushed: Delivery) -> None:
    reader = public.reader("engineer", name="Al")
    al = actor_of_person(Person.objects.get(user=reader).id)
    acknowledge_page(page_id=public.quay.page.id, by=al, via=Door.WEB, at=public.at)
    answer = Client().post(reverse("push_answer", args=[token(pushed)]), {"verb": "acknowledge"})
    assert answer.json()["said"] == "Al took it at 04:00."


def test_what_was_not_offered_is_refused_in_words(public: Company, pushed: Delivery) -> None:
    before = everything()[0]
    answer = Client().post(
        reverse("push_answer", args=[token(pushed)]), {"verb": "resolve"}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["so"]
    assert everything()[0] == before


@pytest.mark.parametrize("name", ["push_answer", "push_seen", "push_renew"])
def test_opening_an_address_changes_nothing(public: Company, pushed: Delivery, name: str) -> None:
    before = everything()
    url = reverse(name, args=[] if name == "push_renew" else [token(pushed)])
    for method in ("get", "head", "put", "delete"):
        assert getattr(Client(), method)(url).status_code == 405
    assert everything() == before


@pytest.mark.parametrize("name", ["push_answer", "push_seen"])
def test_a_token_that_is_not_ours_does_nothing(public: Company, pushed: Delivery, name: str) -> None:
    before = everything()
    whole = token(pushed)
    for forged in ("x", "ö", whole[:-1], whole[:10] + ("A" if whole[10] != "A" else "B") + whole[11:], "A" * 38):
        answer = Client().post(reverse(name, args=[forged]), {"verb": "acknowledge", "seen": "read"})
        assert answer.status_code == 404
    assert everything() == before


def test_receipts_are_the_ledgers_truth_and_never_go_backwards(public: Company, pushed: Delivery) -> None:
    url = reverse("push_seen", args=[token(pushed)])
    states = []
    for seen in ("delivered", "delivered", "read", "delivered"):
        assert Client().post(url, {"seen": seen}).status_code == 204
        pushed.refresh_from_db()
        states.append(pushed.state)
    assert states == ["delivered", "delivered", "read", "read"]
    assert Device.objects.get().seen_at == public.at


def test_too_many_from_one_address_are_put_off(
    public: Company, pushed: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "WORKERS_A_MINUTE", 3)
    url = reverse("push_seen", args=[token(pushed)])
    statuses = [Client().post(url, {"seen": "read"}).status_code for _ in range(4)]
    assert statuses == [204, 204, 204, 429]


def test_a_phone_of_somebody_who_left_answers_nothing(public: Company, pushed: Delivery) -> None:
    Person.objects.filter(id=public.quay.bo.id).update(active=False)
    Client().post(reverse("push_answer", args=[token(pushed)]), {"verb": "acknowledge"})
    assert Page.objects.get(id=public.quay.page.id).state == "triggered"


def test_a_phone_renews_its_subscription_long_after_the_session(public: Company, device: Device) -> None:
    fresh = Browser("https://push.example.net/send/2").subscription
    told = {"token": make_device_token(device.id), **fresh}
    answer = Client().post(reverse("push_renew"), json.dumps(told), content_type="application/json")
    assert answer.status_code == 204
    assert Device.objects.get().endpoint == "https://push.example.net/send/2"
    bad = Client().post(reverse("push_renew"), json.dumps(told | {"token": "x"}), content_type="application/json")
    assert bad.status_code == 404
    for rubbish in (b"", b"[]", b'{"token": 1}', b"\xff", b"null"):
        assert Client().post(reverse("push_renew"), rubbish, content_type="application/json").status_code == 422


def test_adding_a_phone_sends_a_test_to_it_and_the_page_knows_it_again(public: Company, device: Device) -> None:
    bo = public.quay.bo
    test = Delivery.objects.get(channel="push")
    assert test.address == str(device.id)
    client = client_of(public, bo)
    asked = {"endpoint": ITS.endpoint}
    known = client.post(reverse("console:push_look"), json.dumps(asked), content_type="application/json").json()
    assert known["known"]
    assert client.post(known["test"]).status_code == 302
    other = client_of(public, public.pier.bo)
    unknown = other.post(reverse("console:push_look"), json.dumps(asked), content_type="application/json").json()
    assert unknown == {"known": False}
    Client().post(reverse("push_answer", args=[token(test)]), {"verb": "acknowledge"})
    assert ContactMethod.objects.get(id=device.method_id).verified_at == public.at


@pytest.mark.parametrize("door", ["page", "API"])
def test_a_key_that_is_lost_is_told_by_name_at_every_door(public: Company, device: Device, door: str) -> None:
    PushKey.objects.update(sealed=b"\x02 sealed with another key")
    bo = public.quay.bo
    client = client_of(public, bo)
    if door == "page":
        answer = add(client, Browser("https://push.example.net/send/2"))
    else:
        told = {**Browser("https://push.example.net/send/2").subscription, "label": "Another"}
        answer = client.post(
            f"/api/v1/people/{bo.id}/devices", json.dumps(told), content_type="application/json",
            headers={"X-CSRFToken": client.get("/").context["csrf_token"]},
        )  # fmt: skip
    assert answer.status_code == 409, answer.content
    assert "another master key" in answer.content.decode()
    assert Device.objects.count() == 1


def test_whoever_signs_out_of_a_browser_is_not_notified_in_it_any_more(public: Company) -> None:
    client = client_of(public, public.quay.bo)
    assert add(client).status_code == 201
    client.post(reverse("account_logout"))
    assert not Device.objects.exists()
    assert not ContactMethod.objects.filter(channel="push").exists()


def test_signing_out_elsewhere_leaves_the_phone_alone(public: Company, device: Device) -> None:
    client_of(public, public.quay.bo).post(reverse("account_logout"))
    assert Device.objects.filter(id=device.id).exists()


def test_a_phone_is_removed_like_any_other_way_and_has_no_way_back_by_hand(public: Company, device: Device) -> None:
    bo = public.quay.bo
    client = client_of(public, bo)
    shown = client.get(reverse("console:me")).content.decode()
    assert str(device.id) not in shown
    client.post(reverse("console:remove_contact", args=[bo.id, device.method_id]))
    assert not Device.objects.exists()
    assert "removed-contact" not in client.session
    forged = {"contact-channel": "push", "contact-address": str(device.id), "contact-label": ""}
    assert client.post(reverse("console:add_contact", args=[bo.id]), forged).status_code == 422


def test_an_administrator_sees_it_among_the_providers_and_what_hangs_on_its_key(
    public: Company, device: Device
) -> None:
    user = public.reader("admin")
    grant_role(user_id=user.pk, role="admin", brand_id=None, **public.doing)
    client = public.client(user)
    assert "Web push" in client.get(reverse("console:routes")).content.decode()
    route = reverse("console:route", args=[Route.objects.get(channel="push").id])
    assert "1 phone hangs on it" in client.get(route).content.decode()
    assert client.post(reverse("console:replace_push_key")).status_code == 302
    assert "0 phones hang on it" in client.get(route).content.decode()
    assert ContactMethod.objects.get(id=device.method_id).broken_at == public.at


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1) AppleWebKit/605.1 Version/18.1 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"),
        ("curl/8", "A browser"),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent: str, name: str) -> None:
    assert device_name(agent) == name
