"""Why a ticket is due then, as it stands on its page and in the file."""

import csv
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.urls import reverse

from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.console.tests.company import Company
from nightdesk.console.views.clocks import SHOWN
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contract
from nightdesk.desk import actions as desk
from nightdesk.desk.models import Ticket

MONDAY = datetime(2026, 8, 17, 8, 30, tzinfo=UTC)
"""09:30 on British clocks, two days after the company's night."""


@pytest.fixture
def ticket(company: Company) -> Ticket:
    contract = Contract.objects.get(customer=company.quay.ids["customer_id"])
    changes = {"targets": {"P3": {"respond": "PT2H"}}}
    customers.edit_contract(contract_id=contract.pk, changes=changes, **company.doing)
    contact = customers.make_contact(
        customer_id=contract.customer_id, name="Kim", email="kim@foods.example", **company.doing
    )
    return desk.open_ticket(
        brand_id=company.quay.brand.pk,
        title="The line is slow",
        words=desk.Words("It crawls."),
        contact_id=contact.pk,
        by=Actor("contact", str(contact.pk), "Kim"),
        via=Door.EMAIL,
        at=company.at,
    )


def text_of(company: Company, ticket: Ticket, at: datetime) -> str:
    with clock.replaced_by(lambda: at):
        page = company.client(company.everything()).get(reverse("console:ticket_clocks", args=[ticket.pk]))
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def test_the_page_says_by_when_and_why_then(company: Company, ticket: Ticket) -> None:
    page = text_of(company, ticket, MONDAY)
    assert "Due by 11:00; 1 h 30 min of 2 h are left." in page
    assert "Sat 15 Aug 04:00 – Mon 17 Aug 09:00" in page
    assert "outside support hours" in page
    assert "Now, 09:30: 30 min used of 2 h" in page
    assert "It begins with our first answer." in page
    assert "Nothing is agreed for this priority." in page


def test_what_is_late_says_since_when_and_what_is_done_how_much_was_used(company: Company, ticket: Ticket) -> None:
    assert "It was due 11:00, 1 h 30 min ago; the target is 2 h." in text_of(company, ticket, MONDAY.replace(hour=11))
    actor = company.actor(company.quay.bo)
    desk.reply_to_customer(ticket_id=ticket.pk, words=desk.Words("We look."), by=actor, via=Door.WEB, at=MONDAY)
    page = text_of(company, ticket, MONDAY.replace(hour=11))
    assert "Done 09:30, due 11:00; it took 30 min, the target is 2 h." in page
    assert "in time" in page


def test_what_waits_for_the_customer_says_so(company: Company, ticket: Ticket) -> None:
    actor = company.actor(company.quay.bo)
    words = desk.Words("Since when?")
    desk.reply_to_customer(ticket_id=ticket.pk, words=words, then="wait", by=actor, via=Door.WEB, at=MONDAY)
    page = text_of(company, ticket, MONDAY.replace(hour=11))
    assert "Rests: waiting for the customer; 0 min of 8 h are used, 8 h are left." in page


def test_the_file_has_every_stretch(company: Company, ticket: Ticket) -> None:
    with clock.replaced_by(lambda: MONDAY):
        answer = company.client(company.everything()).get(reverse("console:ticket_clocks_csv", args=[ticket.pk]))
    rows = list(csv.reader(StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert [row[5] for row in rows[1:]] == ["closed", "open", "open"]
    assert sum(int(row[4]) for row in rows[1:]) == 2 * 60 * 60


def test_of_a_ticket_that_lay_for_a_year_the_page_has_the_first_and_the_last(company: Company, ticket: Ticket) -> None:
    later = MONDAY + timedelta(days=400)
    page = text_of(company, ticket, later)
    left_out = re.search(r"(\d+) more, each in the CSV", page)
    assert left_out
    assert page.count('role="row"') < 3 * SHOWN
    with clock.replaced_by(lambda: later):
        answer = company.client(company.everything()).get(reverse("console:ticket_clocks_csv", args=[ticket.pk]))
    assert b"".join(answer).count(b"\n") - 1 >= int(left_out[1]) + SHOWN
