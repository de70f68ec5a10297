"""Every list of the desk's pages and of customers' names its index (those of the API are in `api/test_plans.py`).

Without the way through the whole table the planner shows what it has. A customer's lists are asked under the belt, so that
what the database adds by its own policies counts too.
"""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from bench.desk_filling import fill_here
from nightdesk.base import clock
from nightdesk.customers import contact_actions
from nightdesk.desk import time_actions
from nightdesk.desk.finding import Reader, find_ids
from nightdesk.desk.models import Queue, Ticket
from nightdesk.desk.tests.provider import Provider
from nightdesk.desk.worklist import ORDERS, VIEWS, Wanted, chosen
from nightdesk.mailroom.models import Mail
from nightdesk.portal import belt, outage_queries, queries
from nightdesk.portal.tests import conftest as portal
from nightdesk.portal.tests.firms import MORNING, Firms
from tests.api.test_plans import plans_of
from tests.standing import made_once

pytestmark = pytest.mark.django_db
firms = portal.firms
standing_firms = made_once(lambda: Firms().tell(), at=MORNING)

NARROWED: list[dict[str, str]] = [
    {"state": "resolved"},
    {"priority": "2"},
    {"queue": "{queue}"},
    {"team": "{team}"},
    {"customer": "{customer}"},
    {"tag": "tag40"},
    {"q": "#1042"},
    {"q": "slow"},
]


@pytest.fixture
def asked() -> Any:
    """The plan of what a list asks."""
    there = Provider()
    person, team, brand = there.dee.pk, there.desk.pk, there.brand.pk
    with connection.cursor() as cursor:
        fill_here(cursor, brand=brand, team=team, people=[person], customers=20, tickets=200, at=there.at)
        cursor.execute("SET LOCAL enable_seqscan = off")
    ticket = Ticket.objects.exclude(customer=None).latest("number")
    known = {"queue": Queue.objects.latest("id").pk, "team": team, "customer": ticket.customer_id}

    def plan(**wanted: str) -> str:
        filters = {name: value.format_map(known) for name, value in wanted.items()}
        rows = chosen(Wanted(**filters, person_id=person), [brand])
        return rows[:51].explain() + rows.order_by()[:10_001].explain()

    return plan


def test_every_view_in_every_order_has_its_index(asked: Any) -> None:
    for view in VIEWS:
        for order in ORDERS:
            plan = asked(view=view, order=order)
            assert "Seq Scan" not in plan, (view, order, plan)
            assert "ticket_" in plan or "desk_ticket_pkey" in plan, (view, order, plan)


def test_what_is_narrowed_has_its_index(asked: Any) -> None:
    for wanted in NARROWED:
        for view in ("open", "all"):
            plan = asked(view=view, **wanted)
            assert "Seq Scan" not in plan, (view, wanted, plan)


PAGES = {
    "/tickets/": {"desk_ticket": "ticket_"},
    "/tickets/?view=all&order=oldest": {"desk_ticket": "ticket_"},
    "/tickets/{ticket}": {"desk_ticket": "desk_ticket_pkey", "desk_entry": "entry_story"},
    "/tickets/{ticket}/clocks": {"desk_ticket": "desk_ticket_pkey", "desk_entry": "entry_story"},
    "/tickets/search?q={word}": {"desk_ticket": "desk_ticket_pkey"},
    "/tickets/new?contact={contact}": {"desk_ticket": "ticket_"},
    "/settings/customers/{customer}": {"desk_ticket": "ticket_of_customer"},
    "/worked/": {"desk_timespent": "time_by_day"},
    "/surveys/": {"desk_survey": "survey_newest"},
    "/mail/": {"mailroom_mail": "mail_newest|mail_standing"},
    "/mail/?standing=failed": {"mailroom_mail": "mail_standing"},
    "/mail/?since=2026-03-01&until=2026-03-02": {"mailroom_mail": "mail_newest"},
}
"""Page of the staff -> table -> the index of it that is named."""
GROWING = (
    "desk_ticket", "desk_entry", "desk_party", "desk_attachment", "desk_watch", "desk_link", "desk_draft", "desk_presence",
    "desk_lesson", "desk_supplierticket", "desk_timespent", "desk_survey", "desk_escalation", "desk_ticketpage",
    "desk_searchable", "mailroom_mail",
)  # fmt: skip


def came(there: Provider, count: int) -> None:
    """So many mails, most of them read."""
    rows = [
        Mail(
            at=there.at - timedelta(minutes=number),
            way="smtp",
            brand=there.brand,
            standing="done" if number % 100 else "failed",
            raw=b"x",
            size=1,
        )
        for number in range(count)
    ]
    Mail.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mailroom_mail")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_the_desk_has_its_indexes(path: str) -> None:
    there = Provider()
    with connection.cursor() as cursor:
        fill_here(
            cursor,
            brand=there.brand.pk,
            team=there.desk.pk,
            people=[there.dee.pk],
            customers=20,
            tickets=200,
            at=there.at,
        )
        cursor.execute("SET LOCAL enable_seqscan = off")
    ticket = Ticket.objects.exclude(contact=None).latest("number")
    time_actions.log_time(ticket_id=ticket.pk, minutes=5, on=there.at.date(), **there.doing_as(there.dee))
    client = Client()
    client.force_login(there.max.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    came(there, 300)
    word = ticket.title.split()[0]
    address = path.format(ticket=ticket.pk, customer=ticket.customer_id, contact=ticket.contact_id, word=word)
    with clock.replaced_by(lambda: there.at):
        client.get(address)  # what is asked once and then remembered

        def ask() -> None:
            assert client.get(address).status_code == 200

        for table, index in PAGES[path].items():
            plans = plans_of(ask, of=table)
            assert re.search(index, plans), plans
        plans = plans_of(ask)
    walked = {table for table in GROWING if re.search(rf"Seq Scan on {table}\b", plans)}
    assert not walked, plans


@pytest.mark.parametrize("rule", ["own", "all"])
def test_every_list_of_a_customer_has_its_index(firms: Firms, rule: str) -> None:
    ours = firms.bakery
    contact_actions.set_company_rule(customer_id=ours.customer.pk, sees=rule, **firms.doing)
    ours.member.refresh_from_db()
    me, company = ours.member, ours.customer.pk
    with belt.worn_for(me, firms.at):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        tickets = queries.tickets_of(me).filter(merged_into=None)
        lists = {
            "tickets": tickets[:26],
            "open tickets": tickets.filter(state__in=queries.OPEN)[:26],
            "what is over": tickets.exclude(state__in=queries.OPEN)[:26],
            "found tickets": queries.searched(tickets, me, "trouble")[:26],
            "services": queries.services_of(me),
            "people": queries.people_of(me),
            "wishes": queries.wishes_of(me),
            "outages": outage_queries.outages_of(company)[:26],
        }
        plans = {name: rows.explain() for name, rows in lists.items()}
        plans["story"] = plans_of(lambda: queries.story_of(ours.tickets["member"], firms.at))
        plans["works"] = plans_of(lambda: outage_queries.works_of(company, "en-gb", firms.at))
    big = ("desk_ticket", "desk_entry", "desk_party", "customers_contact", "customers_subscription", "outages_touched")
    for name, plan in plans.items():
        assert not [table for table in big if f"Seq Scan on {table}" in plan], (name, plan)
        assert "Index" in plan, (name, plan)


def test_a_customers_search_walks_no_table_wherever_they_are_copied_in(firms: Firms) -> None:
    ours = firms.bakery
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    reader = Reader([ours.brand.pk], customer_id=ours.customer.pk, contact_id=ours.member.pk)
    plan = plans_of(lambda: find_ids("trouble", reader, 1000))
    assert "Seq Scan on desk_" not in plan, plan
    assert "desk_party_contact" in plan, plan
