"""What customers read is in their language, page by page; what is kept of what they did, and told to our staff, is in ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import trans_real

from nightdesk.access import actions as access
from nightdesk.access.models import Brand, User
from nightdesk.channels.models import Message
from nightdesk.customers.models import Customer
from nightdesk.desk.models import Ticket
from nightdesk.people.models import ContactMethod
from nightdesk.portal.tests import conftest as portal
from nightdesk.portal.tests.firms import MORNING, Firm, Firms
from tests.standing import made_once
from tests.test_walk import asked, every_address, text_of, things_of, told, unlimited, values_for
from tools.catalogs import LANGUAGES

firms = portal.firms
standing_firms = made_once(lambda: Firms().tell(), at=MORNING)
__all__ = ["unlimited"]  # a fixture
NAMES = frozenset({"", "Nightdesk"})


@contextmanager
def untranslated(monkeypatch: pytest.MonkeyPatch, language: str) -> Iterator[set[str]]:
    """What was looked up while the block ran, and is in no catalog of the language."""
    missing: set[str] = set()
    one, many = trans_real.DjangoTranslation.gettext, trans_real.DjangoTranslation.ngettext

    def gettext(self: trans_real.DjangoTranslation, text: str) -> str:
        if self.language() == language and self._catalog.get(text) is None:
            missing.add(text)
        return one(self, text)

    def ngettext(self: trans_real.DjangoTranslation, text: str, texts: str, count: int) -> str:
        if self.language() == language and self._catalog.plural(text, count) is None:
            missing.add(text)
        return many(self, text, texts, count)

    with monkeypatch.context() as patch:
        patch.setattr(trans_real.DjangoTranslation, "gettext", gettext)
        patch.setattr(trans_real.DjangoTranslation, "ngettext", ngettext)
        yield missing


def speaks(firm: Firm, language: str) -> None:
    Customer.objects.filter(pk=firm.customer.pk).update(language=language)
    Brand.objects.filter(pk=firm.brand.pk).update(language=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_a_customer_is_in_their_language(firms: Firms, monkeypatch: pytest.MonkeyPatch, language: str):
    told(firms)
    firm = firms.bakery
    things = things_of(firm)
    speaks(firm, language)
    read = 0
    with untranslated(monkeypatch, language) as missing:
        for contact in (firm.manager, firm.member):
            browser = firms.client(contact)
            for address in every_address():
                if address.of_a_customer and not address.route.startswith("/api/"):
                    for method in ("GET", "POST"):
                        answer = asked(browser, method, address.filled(values_for(address, things)))
                        read += answer.status_code == 200
    assert read > 40
    assert sorted(missing - NAMES) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_for_everybody_are_in_the_readers_or_the_brands_language(
    firms: Firms, monkeypatch: pytest.MonkeyPatch, language: str
):
    speaks(firms.bakery, language)
    slug = firms.bakery.brand.slug
    stranger = Client(headers={"accept-language": language})
    pages = ["/account/login/", "/account/password/reset/", "/account/login/code/", "/sign-in/"]
    pages += [
        f"/status/{slug}/",
        f"/status/{slug}/history",
        f"/status/{slug}/subscribe",
        "/survey/made-up/4",
        "/u/made-up",
    ]
    with untranslated(monkeypatch, language) as missing:
        for page in pages:
            answer = stranger.get(page)
            assert answer.status_code in (200, 404), page
    assert sorted(missing - NAMES) == []


def test_a_customers_words_are_kept_and_told_in_ours(firms: Firms):
    firm = firms.bakery
    speaks(firm, "de")
    browser = firms.client(firm.member)
    before = set(Message.objects.values_list("pk", flat=True))
    values = {"what": "broken", "title": "Die Leitung ist langsam", "text": "Seit neun Uhr."}
    answer = browser.post("/my/tickets/new", values | {"how_many": "medium", "how_soon": "medium"}, follow=True)
    assert answer.status_code == 200
    ticket = Ticket.objects.order_by("-opened_at", "-number").first()
    assert ticket is not None
    assert ticket.title == "Die Leitung ist langsam"
    with translation.override("de"):
        step = translation.gettext(ticket.next_step)
    assert step != ticket.next_step
    assert step in text_of(answer)
    Ticket.objects.filter(pk=ticket.pk).update(assignee=firm.service_manager)
    ContactMethod.objects.create(person=firm.service_manager, channel="email", address="sam@provider.example")
    browser.post(f"/my/tickets/{ticket.pk}/reply", {"text": "Noch immer."})
    staff = Message.objects.exclude(pk__in=before).filter(kind="ticket.told")
    assert any("wrote" in one.title for one in staff)
    refused = browser.post(f"/my/tickets/{ticket.pk}/reopen", {"why": "Es war nie zu."})
    assert refused.status_code == 409
    with translation.override("de"):
        assert translation.gettext("Open a new one that follows it.") in text_of(refused)
    assert "Der Stand ist neu. " in text_of(refused)


def test_staff_read_our_pages_in_the_language_in_which_they_are_written(firms: Firms):
    person = firms.bakery.service_manager
    person.language, person.user = "de", User.objects.create(email="sam@provider.example", kind=User.Kind.STAFF)
    person.save(update_fields=["language", "user"])
    access.grant_role(user_id=person.user.pk, role="engineer", brand_id=firms.bakery.brand.pk, **firms.doing)
    browser = Client(headers={"accept-language": "de"})
    browser.force_login(person.user)
    answer = browser.get("/", follow=True)
    assert answer.status_code == 200
    assert 'lang="en-gb"' in text_of(answer)


def test_programs_are_answered_in_one_language(firms: Firms):
    secrets, firm = told(firms), firms.bakery
    speaks(firm, "de")
    headers = {"authorization": f"Bearer {secrets[firm.mark]}", "accept-language": "de"}
    answer = Client(headers=headers).post(
        f"/api/v1/my/tickets/{firm.tickets['member'].pk}/reopen", {"text": "Es war nie zu."}, "application/json"
    )
    assert answer.status_code == 409
    assert answer.json()["do"] == "Open a new one that follows it."
