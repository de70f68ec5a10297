"""The link in a message: opening it does nothing, its button answers, and it says how things stand."""

import re
from typing import Any

import pytest
from django.urls import reverse

from nightdesk.base.actors import Door
from nightdesk.channels.links import make_link, make_token
from nightdesk.channels.models import Delivery
from nightdesk.console.contact_test import send_test
from nightdesk.console.views import answer as door
from nightdesk.journal.models import Entry
from nightdesk.paging.actions import resolve_page
from nightdesk.paging.models import Page


@pytest.fixture
def link(company) -> str:
    """What Bo was sent about Quay's page."""
    delivery = company.delivery(company.quay.page, company.quay.bo)
    url = reverse("answer", args=[make_token(delivery.id, delivery.month)])
    assert make_link(delivery.id, delivery.month).endswith(url)
    return url


def words(answer: Any) -> str:
    text = answer.content.decode()
    return " ".join(
        re.sub(r"<[^>]+>", " ", text[text.find("<main") : text.find("</main>")]).replace("&#x27;", "'").split()
    )


def everything() -> list[Any]:
    return [
        list(Page.objects.order_by("id").values()),
        list(Delivery.objects.order_by("id").values()),
        Entry.objects.count(),
    ]


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_it_changes_nothing(company, link, method):
    before = everything()
    answer = getattr(company.client(), method)(link)
    assert answer.status_code == 200
    assert everything() == before
    assert not answer.cookies


def test_it_says_what_the_page_is_and_is_kept_from_search_engines_and_other_sites(company, link):
    answer = company.client().get(link)
    assert "Quay router is dark" in words(answer)
    assert "Nobody has this page yet" in words(answer)
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"


def test_its_button_answers_as_the_person_it_was_sent_to_even_without_cookies(company, link):
    answer = company.client(enforce_csrf_checks=True).post(link, {"verb": "acknowledge"})
    assert (answer.status_code, answer["Location"]) == (302, link)
    page = Page.objects.get(id=company.quay.page.id)
    assert (page.state, page.owner) == ("acknowledged", company.quay.bo)
    entry = Entry.objects.filter(kind="page.acknowledged").get()
    assert (entry.via, entry.by_name) == ("link", "Bo Quay")
    assert "You have this page" in words(company.client().get(link))


def test_when_somebody_else_has_it_it_says_who_and_offers_nothing(company, link):
    client = company.client(company.everything())
    client.post(reverse("console:acknowledge", args=[company.quay.page.id]))
    answer = company.client().get(link)
    assert "Everything has this page" in words(answer)
    assert b"<form" not in answer.content


def test_when_it_is_over_it_says_so(company, link):
    resolve_page(page_id=company.quay.page.id, by=company.actor(company.quay.bo), via=Door.WEB, at=company.at)
    answer = company.client().get(link)
    assert "It is resolved" in words(answer)
    assert b"<form" not in answer.content


def test_what_the_message_does_not_offer_is_not_done(company, link):
    answer = company.client().post(link, {"verb": "confirm"})
    assert answer.status_code == 422
    assert Page.objects.get(id=company.quay.page.id).state == "triggered"


def test_a_link_that_was_cut_or_made_up_opens_nothing(company, link):
    for forged in (link[:-1], link[:-2] + ("AA" if not link.endswith("AA") else "BB"), reverse("answer", args=["x"])):
        answer = company.client().get(forged)
        assert answer.status_code == 404
        assert answer["X-Robots-Tag"] == "noindex, nofollow"


def test_who_tries_many_is_told_to_wait(company, link, monkeypatch):
    monkeypatch.setattr(door, "TRIES_A_MINUTE", 3)
    answers = [company.client().get(link).status_code for _try in range(4)]
    assert answers == [200, 200, 200, 429]
    assert company.client().get(link)["Retry-After"] == "60"


def test_a_test_message_confirms_its_address_when_it_is_answered(company):
    number = company.quay.number
    number.verified_at = None
    number.save(update_fields=["verified_at"])
    send_test(number, by=company.actor(company.quay.bo), via=Door.WEB, at=company.at)
    delivery = Delivery.objects.get(subject_kind="person", subject_id=str(company.quay.bo.id))
    url = reverse("answer", args=[make_token(delivery.id, delivery.month)])
    assert "It arrived" in words(company.client().get(url))
    assert company.client().post(url, {"verb": "acknowledge"}).status_code == 302
    number.refresh_from_db()
    assert number.verified_at == company.at
