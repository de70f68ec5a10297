"""Each list and search of the desk names its index, so that a million tickets cost no more than a thousand.

Without the way through the whole table (`enable_seqscan`) the planner shows what it has: where it walks a table all the
same, there is no index for that.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench.desk_filling import fill_here
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.desk import clock_queries
from nightdesk.desk.finding import Reader, find_tickets
from nightdesk.desk.models import Queue, Ticket
from nightdesk.people.models import Person, Team
from tests.api.conftest import START, Caller, token_for


class Desk:
    """Some hundred tickets of one brand, and a caller who reads them."""

    def __init__(self, brand: Brand) -> None:
        person = Person.objects.create(name="Bo")
        team = Team.objects.create(brand=brand, name="Desk")
        with connection.cursor() as cursor:
            fill_here(cursor, brand=brand.pk, team=team.pk, people=[person.pk], customers=20, tickets=400, at=START)
            cursor.execute("SET LOCAL enable_seqscan = off")
        self.caller: Caller = token_for(["read"], brand=brand)
        self.ticket = Ticket.objects.filter(assignee=person, state="new").last() or Ticket.objects.latest("number")
        self.named = {
            "ticket": self.ticket.pk, "number": self.ticket.number, "customer": self.ticket.customer_id, "team": team.pk,
            "contact": self.ticket.contact_id, "person": person.pk, "queue": Queue.objects.latest("id").pk,
        }  # fmt: skip

    def plans(self, ask: Callable[[], Any]) -> str:
        """The plans of all that was read of tickets meanwhile."""
        return plans_of(ask, of="desk_")


def plans_of(ask: Callable[[], Any], *, of: str = "") -> str:
    """The plans of all that was read meanwhile, of tables that are called so."""
    with CaptureQueriesContext(connection) as told:
        ask()
    plans = []
    for query in told.captured_queries:
        if (
            query["sql"].lstrip().startswith(("SELECT", "WITH"))
            and of in query["sql"]
            and "set_config" not in query["sql"]
        ):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {query['sql'].replace('%', '%%')}", [])
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    assert plans
    return "\n".join(plans)


@pytest.fixture
def desk(brand: Brand) -> Iterator[Desk]:
    with clock.replaced_by(lambda: START):
        yield Desk(brand)


LISTS = {
    "/tickets": "ticket_newest",
    "/tickets?state=open": "ticket_",
    "/tickets?state=open&queue_id={queue}": "ticket_",
    "/tickets?state=open&team_id={team}": "ticket_",
    "/tickets?state=open&assignee_id={person}": "ticket_",
    "/tickets?state=cancelled": "ticket_state",
    "/tickets?priority=P5": "ticket_priority",
    "/tickets?customer_id={customer}": "ticket_of_customer",
    "/tickets?state=open&customer_id={customer}": "ticket_",
    "/tickets?contact_id={contact}": "ticket_contact",
    "/tickets?number={number}": "ticket_number|one_ticket_a_number",
    "/tickets?tag=tag40": "ticket_tags|ticket_newest",
    "/tickets/{ticket}": "desk_ticket_pkey",
    "/tickets/{ticket}/story": "entry_story",
}


@pytest.mark.parametrize(("path", "index"), LISTS.items())
def test_every_list_has_its_index(desk: Desk, path: str, index: str) -> None:
    plans = desk.plans(lambda: desk.caller.get(path.format(**desk.named)))
    assert "Seq Scan on desk_" not in plans, plans
    assert re.search(index, plans), plans


def test_a_list_goes_on_from_where_it_was_without_walking_there(desk: Desk) -> None:
    following = desk.caller.get("/tickets?limit=20")["next"]
    plans = desk.plans(lambda: desk.caller.get(following))
    assert re.search(r"Index Cond: .*opened_at <= ", plans), plans


def test_clocks_are_computed_from_the_story_s_own_index(desk: Desk) -> None:
    """Of one ticket and of a list of many, with what was merged into them."""
    some = list(Ticket.objects.order_by("-number")[:50])
    plans = desk.plans(lambda: clock_queries.clocks_of(some, START))
    assert "Seq Scan on desk_" not in plans, plans
    assert "entry_story" in plans, plans


@pytest.mark.parametrize("asked", ["slow", "is:mine slow", "customer:C-1 slow", '"two words"', "from:p1"])
@pytest.mark.parametrize("customer", [False, True])
def test_a_search_walks_no_table(desk: Desk, asked: str, customer: bool) -> None:
    if customer and (":" in asked and not asked.startswith("from:")):
        return
    reader = Reader(None, desk.named["person"], customer_id=desk.named["customer"] if customer else None)
    plans = desk.plans(lambda: find_tickets(asked, reader, count=True))
    assert "Seq Scan on desk_" not in plans, plans
    assert "Seq Scan on customers_customer" not in plans, plans


def test_many_hits_are_read_with_as_many_questions_as_one(desk: Desk) -> None:
    def questions(limit: int) -> int:
        with CaptureQueriesContext(connection) as told:
            assert len(desk.caller.get(f"/search?q={word}&limit={limit}")["items"]) == limit
        return len(told)

    word = desk.ticket.title.split()[0]
    desk.caller.get(f"/search?q={word}&limit=1")
    # Twice each: now and then an answer also writes down when the token was last used. Which way into the index is taken
    # may add one; a question per hit would add six.
    assert min(questions(8), questions(8)) <= min(questions(2), questions(2)) + 1


@pytest.mark.parametrize("name", ["desk_found", "desk_found_newest"])
def test_what_a_search_asks_the_index_of_words(desk: Desk, name: str) -> None:
    """The functions' own settings leave the planner nothing else; the same settings here show what it does then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc, proconfig FROM pg_proc WHERE proname = %s", [name])
        body, settings = cursor.fetchone()
        assert {"enable_seqscan=off", "enable_indexscan=off", "plan_cache_mode=force_custom_plan"} <= set(settings)
        for setting in settings:
            cursor.execute("SELECT set_config(%s, %s, true)", setting.split("=", 1))
        query = re.search(r"RETURN QUERY (.*?);", body, re.DOTALL)
        assert query is not None
        given = {"wanted": "'slow'::tsquery", "before": "now()", "before_id": "gen_random_uuid()", "most": "5"}
        asked = re.sub(r"\b(wanted|before_id|before|most)\b", lambda word: given[word[0]], query[1])
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Bitmap Index Scan on searchable_words" in plan, plan
    assert "searchable_at" not in plan, plan


def test_rows_of_the_filling_are_what_verbs_would_write(desk: Desk) -> None:
    """Numbers, next steps and states hold the table's own rules; words are searched as those of people are."""
    assert Ticket.objects.count() == 400
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM desk_searchable s JOIN desk_ticket t ON t.id = s.ticket_id")
        assert cursor.fetchone()[0] == 400
    title = desk.ticket.title.split()[0]
    assert find_tickets(f"{title} ", Reader(None)).hits
