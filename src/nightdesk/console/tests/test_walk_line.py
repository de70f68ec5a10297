"""Walk the line: what is shown is what the flow decides from that instant's facts, and nothing of it is written."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from nightdesk.calls.models import Call, Line, Message, Recording
from nightdesk.console.tests.company import Company
from nightdesk.console.tests.test_views import words
from nightdesk.customers.models import Contact, Hours
from nightdesk.people.models import ContactMethod

NIGHT = "2026-08-15T03:00"


@pytest.fixture
def line(company: Company) -> Line:
    company.everything()
    week = [[["09:00", "17:00"]]] * 5 + [[], []]
    hours = Hours.objects.create(brand=company.quay.brand, name="Of the line", zone="Europe/London", week=week)
    return Line.objects.create(
        brand=company.quay.brand,
        name="Support",
        numbers=["+442079460100"],
        shown_number="+442079460100",
        pager_number="+442079460109",
        staff_number="+442079460108",
        hours=hours,
        day_seats=[company.quay.seat_key],
        night_seats=[company.quay.seat_key],
    )


def walked(company: Company, line: Line, **asked: Any) -> Any:
    client: Client = company.client(company.everything())
    return client.get(reverse("console:walk_line"), {"line": line.pk, "at": NIGHT, **asked})


def test_who_withholds_their_number_at_night_leaves_a_message_and_wakes_nobody(company: Company, line: Line) -> None:
    counted = (Call.objects.count(), Message.objects.count())
    said = words(walked(company, line))
    assert "A message is left, and nobody is rung" in said
    assert "Out of hours: a message first, so that nobody is woken to take it." in said
    assert "out of its hours" in said
    assert (Call.objects.count(), Message.objects.count()) == counted


def test_one_of_ours_reaches_the_duty_engineer_or_hears_why_not(company: Company, line: Line) -> None:
    bo = company.quay.bo
    ContactMethod.objects.create(
        person=bo, channel="voice", address="+447700900111", verified_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    said = words(walked(company, line, caller=bo.name, staff_number="on"))
    assert "one of ours" in said


def test_one_of_ours_is_shown_leaving_a_note_and_none_is_kept(company: Company, line: Line) -> None:
    bo = company.quay.bo
    ContactMethod.objects.create(
        person=bo, channel="voice", address="+447700900111", verified_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    noted = Recording.objects.count()
    said = words(walked(company, line, caller=bo.name, staff_number="on", ours="4"))
    assert "They leave a note for the journal." in said
    assert "What they said stands in the journal, to be heard there" in said
    assert Recording.objects.count() == noted


def test_a_customer_is_found_by_name_and_by_number(company: Company, line: Line) -> None:
    contact = Contact.objects.filter(customer__brand=company.quay.brand).first()
    assert contact is not None
    contact.phone = "+442079460555"
    contact.save(update_fields=["phone"])
    by_number = words(walked(company, line, caller="020 7946 0555"))
    by_name = words(walked(company, line, caller=contact.name))
    for said in (by_number, by_name):
        assert contact.customer.name in said
        assert "a customer" in said


def test_who_cannot_be_found_is_refused_with_what_to_write(company: Company, line: Line) -> None:
    assert "Nobody is called so." in words(walked(company, line, caller="Zzz"))
    assert "Nobody is called so." in words(walked(company, line, caller="AS1"))
    assert walked(company, line, caller="+44 ext 12").status_code == 200


def test_the_walk_comes_as_a_file(company: Company, line: Line) -> None:
    client: Client = company.client(company.everything())
    answer = client.get(reverse("console:walk_line_csv"), {"line": line.pk, "at": NIGHT})
    rows = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert rows[0].endswith("after_s,what,stage,heard,rung,why,written")
    assert len(rows) > 4


def test_a_line_of_another_brand_is_not_walked(company: Company, line: Line) -> None:
    line.brand = company.pier.brand
    line.save(update_fields=["brand"])
    assert "Select a valid choice" in words(walked(company, line))
