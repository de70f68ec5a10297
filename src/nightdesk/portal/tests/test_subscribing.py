"""Following a public page by mail: nobody is sent anything before they have said twice that they want it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from nightdesk.channels.models import Delivery, Message
from nightdesk.outages import subscriber_actions
from nightdesk.outages.models import Subscriber
from nightdesk.portal.tests.firms import Firms
from nightdesk.portal.views import status

ASK = "/status/quay/subscribe"


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (status.TRIES, status.ASKS):
        monkeypatch.setattr(limit, "_held", type(limit._held)())


@pytest.fixture
def firms(firms: Firms) -> Firms:
    firms.told_of(firms.bakery, public=True)
    return firms


def shown(answer: Any, code: int = 200) -> str:
    assert answer.status_code == code
    return " ".join(strip_tags(answer.content.decode()).split())


def mails() -> list[Message]:
    return list(Message.objects.filter(kind="subscriber.confirm").order_by("at"))


def link() -> str:
    body = mails()[-1].body
    return body[body.index("/status/") :].split()[0]


def following() -> list[str]:
    rows = Subscriber.objects.filter(confirmed_at__isnull=False, ended_at=None)
    return list(rows.values_list("email", flat=True))


def test_an_address_counts_once_the_button_behind_its_link_was_pressed(firms: Firms):
    client = Client()
    assert "Your email address" in shown(client.get(ASK))
    assert "kim@example.net" in shown(client.post(ASK, {"email": "kim@example.net"}))
    assert Delivery.objects.get(message_id=mails()[0].pk).address == "kim@example.net"
    assert following() == []
    assert "Do you want our updates?" in shown(client.get(link())), "a scanner that opens the link confirms nothing"
    assert following() == []
    assert "You will hear from us" in shown(client.post(link()))
    assert "You will hear from us" in shown(client.post(link()))
    assert following() == ["kim@example.net"]


def test_a_link_that_is_too_old_or_made_up_confirms_nothing(firms: Firms):
    client = Client()
    client.post(ASK, {"email": "kim@example.net"})
    firms.at += timedelta(days=2)
    assert "too old" in shown(client.post(link()), 404)
    assert "too old" in shown(client.get("/status/quay/confirm/none"), 404)
    assert following() == []


def test_whether_an_address_follows_is_told_to_nobody_and_it_is_not_mailed_again_and_again(firms: Firms):
    client = Client()
    first = shown(client.post(ASK, {"email": "kim@example.net"}))
    assert shown(client.post(ASK, {"email": "KIM@example.net"})).replace("KIM", "kim") == first
    assert len(mails()) == 1
    client.post(link())
    firms.at += timedelta(hours=1)
    assert shown(client.post(ASK, {"email": "kim@example.net"})) == first
    assert len(mails()) == 1
    subscriber_actions.end_subscriber(subscriber_id=Subscriber.objects.get().pk, why="no more", **firms.doing)
    assert following() == []
    client.post(ASK, {"email": "kim@example.net"})
    client.post(link())
    assert following() == ["kim@example.net"]


def test_one_visitor_cannot_have_many_strangers_mailed(firms: Firms):
    client = Client()
    codes = [client.post(ASK, {"email": f"somebody{n}@example.net"}).status_code for n in range(7)]
    assert codes == [200] * 5 + [429] * 2
    assert len(mails()) == 5


def test_what_is_no_address_is_refused_in_the_form_and_a_brand_without_a_page_takes_none(firms: Firms):
    assert "Enter a valid email address" in shown(Client().post(ASK, {"email": "kim"}))
    assert Client().get("/status/pier/subscribe").status_code == 404
    assert mails() == []


def test_ending_is_safe_to_repeat(firms: Firms):
    Client().post(ASK, {"email": "kim@example.net"})
    row = Subscriber.objects.get()
    given = {"subscriber_id": row.pk, "why": "unsubscribed by its own mail", **firms.doing}
    assert [subscriber_actions.end_subscriber(**given) for _ in range(2)] == [True, False]


def test_the_page_is_there_before_it_is_in_memory(firms: Firms):
    assert "Bakery lines are down." in shown(Client().get("/status/quay/"))
    answer = Client().get("/status/quay/api/v2/summary.json")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["incidents"][0]["name"] == "All lines"
    for path in ("/status/pier/", "/status/quay/nothing", "/status/none/"):
        assert Client().get(path).status_code == 404
