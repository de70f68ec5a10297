"""Being heard at night: the contact card with our numbers, the page that explains it, and what a text will cost."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels.actions import save_route
from nightdesk.channels.links import make_token
from nightdesk.channels.models import Delivery, Route
from nightdesk.channels.registry import CHANNELS
from nightdesk.console.contact_card import contact_card
from nightdesk.console.contact_test import send_test
from nightdesk.console.tests.company import Company
from nightdesk.people.actions import add_contact_method
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
PAGER = "+447700900999"
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": AT}


def route(name: str, **config: Any) -> None:
    known = {"host": "smsc.example", "system_id": "nd", "source": PAGER}
    save_route(channel="sms", driver="smpp", name=name, config={**known, **config}, **DOING)


@given(st.text(min_size=1, max_size=120), st.lists(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), max_size=3))
def test_a_card_has_short_lines_and_every_number(name: str, numbers: list[str]) -> None:
    card = contact_card(name, numbers, name)
    lines = card.split("\r\n")
    assert all(len(line.encode("utf-8", "surrogatepass")) <= 75 for line in lines)
    assert (lines[0], lines[-2], lines[-1]) == ("BEGIN:VCARD", "END:VCARD", "")
    assert [line.partition(":")[2] for line in lines if line.startswith("TEL;")] == numbers
    assert "\n" not in card.replace("\r\n", "")


@pytest.mark.django_db
def test_the_page_has_our_numbers_and_the_card_has_them_all(company: Company) -> None:
    engineer = company.client(company.everything())
    page = engineer.get(reverse("console:let_through")).content.decode()
    assert "No provider with a number" in page
    route("one")
    route("two", source="+447700900998")
    route("customers", source="QUAYSIDE", ring="+442079460000")
    page = engineer.get(reverse("console:let_through")).content.decode()
    assert PAGER in page
    assert "QUAYSIDE" not in page
    card = engineer.get(reverse("console:card"))
    assert card["Content-Type"].startswith("text/vcard")
    assert card.content.decode().count("TEL;TYPE=CELL:+4477009009") == 2


@pytest.mark.parametrize("name", [one.name for one in CHANNELS.values() if one.channel in ("sms", "voice")])
def test_whatever_rings_or_texts_says_which_number_it_comes_from(name: str) -> None:
    assert CHANNELS[name].sender in {field.name for field in CHANNELS[name].fields}


@pytest.mark.django_db
def test_the_link_in_the_test_text_leads_to_the_card_without_a_log_in(company: Company) -> None:
    route("one")
    person = Person.objects.get(id=company.reader("engineer").person.id)
    method = add_contact_method(person_id=person.id, channel="sms", address="+447700900123", label="", **DOING)
    send_test(method, by=actor_of_person(person.id), via=Door.WEB, at=AT)
    row = Delivery.objects.get(address="+447700900123")
    page = Client().get(f"/a/{make_token(row.id, row.month)}").content.decode()
    assert "card.vcf" in page
    assert "Emergency Bypass" in page
    card = Client().get(f"/a/{make_token(row.id, row.month)}/card.vcf")
    assert f"TEL;TYPE=CELL:{PAGER}" in card.content.decode()
    assert Client().get("/a/" + "x" * 38 + "/card.vcf").status_code == 404


@pytest.mark.django_db
def test_whoever_pages_by_hand_sees_parts_and_price_while_typing_and_without_a_script(company: Company) -> None:
    Route.objects.update(enabled=False)
    route("one", price="0.04")
    engineer = company.client(company.everything())
    before = Delivery.objects.count()
    page = engineer.get(reverse("console:trigger")).content.decode()
    assert "0.04 EUR" in page
    live = engineer.get(reverse("console:trigger_cost"), {"title": "Power lost in rack 12. " * 7}).content.decode()
    assert "2 parts" in live or "3 parts" in live
    counted = engineer.post(reverse("console:trigger"), {"title": "Größe 日本", "priority": "P2", "count": "yes"})
    shown = counted.content.decode()
    assert counted.status_code == 200
    assert "makes every part shorter" in shown
    assert "Größe 日本" in shown
    assert Delivery.objects.count() == before
