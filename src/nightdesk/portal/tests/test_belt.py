"""The belt without the braces: raw SQL under the role, and no filter of ours in it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from nightdesk.access.models import User
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels.models import ContactEndpoint
from nightdesk.customers import contact_actions
from nightdesk.customers.models import Contact, Customer
from nightdesk.desk import actions as desk
from nightdesk.desk.models import Attachment, Entry, Escalation
from nightdesk.knowledge.models import Phrase
from nightdesk.outages import actions as outages
from nightdesk.outages import link_actions
from nightdesk.outages.models import FeedLink, Part, Touched, UnsubscribeRequest, Update, Wish
from nightdesk.portal import belt, policies
from nightdesk.portal.outage_queries import open_outages
from nightdesk.portal.policies import VISIBLE, lay_belt, visible, why_bare
from nightdesk.portal.queries import tickets_of
from nightdesk.portal.tests.firms import MORNING, Firm, Firms
from nightdesk.reports.incident_models import CustomerEdition
from nightdesk.reports.models import FigureDay, FigureMonth, Rolled
from tests.standing import made_once

standing_firms = made_once(lambda: Firms().tell(), at=MORNING)


def seen(contact: Contact, query: str) -> list[tuple[Any, ...]]:
    """What the query gives under the belt, no filter in it."""
    with belt.worn_for(contact, MORNING), connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def fresh(contact: Contact) -> Contact:
    return belt.done(Contact.objects.select_related("customer__brand").get, pk=contact.pk)


def refused(contact: Contact, statement: str) -> str:
    with pytest.raises(DatabaseError) as denied, belt.worn_for(contact, MORNING), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(denied.value)


def test_raw_sql_without_a_filter_shows_each_customer_its_own_rows_and_nobody_elses(firms: Firms):
    for firm in firms.all:
        for contact in firm.contacts:
            contact_actions.make_contact_token(contact_id=contact.pk, name=f"{firm.mark} token", **firms.as_(contact))
            link_actions.make_feed_link(contact_id=contact.pk, **firms.as_(contact))
        Phrase.objects.create(
            brand=firm.brand, service=firm.service, effect="down", text=f"{firm.mark} is down", edited_by="Bo",
            edited_at=firms.at,
        )  # fmt: skip
        for contact in firm.contacts:
            Wish.objects.create(customer=firm.customer, contact=contact, channels=["email"], changed_at=firms.at)
            ContactEndpoint.objects.create(
                contact=contact, channel="webhook", url=f"https://{firm.mark}.example/", sealed=b"x", made_at=firms.at
            )
        UnsubscribeRequest.objects.create(contact=firm.member, address=f"noc@{firm.mark}.example", asked_at=firms.at)
        firms.reported_on(firm)
        Rolled.objects.get_or_create(brand=firm.brand, defaults={"rolled_at": firms.at})
        cell = {"brand": firm.brand, "figure": "reopened", "dimension": "customer", "value": str(firm.customer.pk)}
        FigureDay.objects.create(**cell, day=firms.at.date())
        FigureMonth.objects.create(**cell, month=firms.at.date().replace(day=1))
    for each in VISIBLE:
        columns = ", ".join(each.columns)
        told = {firm.mark: str(seen(firm.manager, f"SELECT {columns} FROM {each.table}")) for firm in firms.all}
        ids = {firm.mark: set(seen(firm.manager, f"SELECT id FROM {each.table}")) for firm in firms.all}
        for firm in firms.all:
            others = [other.mark for other in firms.all if other is not firm]
            assert ids[firm.mark], each.table
            assert not [other for other in others if other in told[firm.mark]], each.table
        assert ids["Bakery"].isdisjoint(ids["Books"]), each.table
        if each.table not in ("access_brand", "desk_rules", "reports_rolled"):  # theirs is one brand
            assert ids["Bakery"].isdisjoint(ids["Grocer"]), each.table


def test_a_customer_sees_the_brand_that_it_buys_from_and_no_other(firms: Firms):
    assert seen(firms.bakery.member, "SELECT name FROM access_brand") == [("Quayside Networks",)]
    assert seen(firms.books.member, "SELECT name FROM access_brand") == [("Pier Hosting",)]


def test_tokens_are_ones_own_and_not_ones_colleagues(firms: Firms):
    ours = firms.bakery
    contact_actions.make_contact_token(contact_id=ours.member.pk, name="till", **firms.as_(ours.member))
    assert seen(ours.member, "SELECT name FROM access_token") == [("till",)]
    assert seen(ours.manager, "SELECT name FROM access_token") == []


def ids_of(contact: Contact, query: str) -> set[Any]:
    return {row[0] for row in seen(contact, query)}


@pytest.mark.parametrize(
    ("rule", "standing", "whole"),
    [
        ("own", "viewer", False),
        ("own", "manager", False),
        ("managers_all", "member", False),
        ("managers_all", "manager", True),
        ("all", "viewer", True),
    ],
)
def test_the_database_keeps_the_companys_rule_about_colleagues_tickets(firms: Firms, rule, standing, whole):
    ours = firms.bakery
    contact_actions.set_company_rule(customer_id=ours.customer.pk, sees=rule, **firms.doing)
    reader = getattr(ours, standing)
    reader.refresh_from_db()
    every = {ticket.pk for ticket in ours.tickets.values()}
    own = {ticket.pk for ticket in ours.tickets.values() if ticket.contact_id == reader.pk}
    assert ids_of(reader, "SELECT id FROM desk_ticket") == (every if whole else own)
    assert ids_of(reader, "SELECT ticket_id FROM desk_entry") == (every if whole else own)
    with belt.worn_for(reader, MORNING):
        assert {ticket.pk for ticket in tickets_of(fresh(reader))} == (every if whole else own)


def test_who_is_copied_in_on_a_colleagues_ticket_sees_that_one_and_no_longer_once_removed(firms: Firms):
    ours = firms.bakery
    theirs = ours.tickets["manager"]
    party = {"ticket_id": theirs.pk, "address": ours.viewer.email, **firms.doing}
    desk.set_party(role="cc", **party)
    assert theirs.pk in ids_of(ours.viewer, "SELECT id FROM desk_ticket")
    desk.set_party(role="removed", **party)
    assert theirs.pk not in ids_of(ours.viewer, "SELECT id FROM desk_ticket")


def test_notes_moves_and_what_is_held_back_cannot_be_read_by_any_sql(firms: Firms):
    ours = firms.bakery
    words = str(seen(ours.manager, "SELECT text, html FROM desk_entry"))
    assert "answer of ours" in words
    assert "SECRET" not in words
    assert ids_of(ours.manager, "SELECT kind FROM desk_entry") == {"message_in", "message_out"}
    late = firms.at.replace(hour=20)
    held = {"held_until": (late + timedelta(hours=12)).isoformat()}
    Entry.objects.filter(text__contains="answer of ours").update(facts=held)
    assert "answer of ours" not in str(seen(ours.manager, "SELECT text FROM desk_entry"))
    with belt.worn_for(ours.manager, late + timedelta(hours=12)), connection.cursor() as cursor:
        cursor.execute("SELECT text FROM desk_entry")
        assert "answer of ours" in str(cursor.fetchall())


def test_a_file_that_a_scanner_refused_or_has_not_seen_cannot_be_read(firms: Firms):
    ours = firms.bakery
    before = ids_of(ours.member, "SELECT id FROM desk_attachment")
    assert ours.file is not None
    for scan, seen_by_them in (("refused", False), ("waiting", False), ("clean", True)):
        Attachment.objects.filter(pk=ours.file.pk).update(scan=scan)
        assert (ours.file.pk in ids_of(ours.member, "SELECT id FROM desk_attachment")) == seen_by_them
    assert ours.file.pk in before


def test_of_an_outage_they_read_what_was_told_and_never_our_own_name_a_cause_or_a_suspicion(firms: Firms):
    ours = firms.bakery
    suspected = outages.propose_outage(
        brand_id=ours.brand.pk,
        title="SECRET suspicion",
        parts={Part.objects.get(key="part-bakery").pk: 3},
        **firms.doing,
    )
    assert Touched.objects.filter(outage=suspected, customer=ours.customer).exists()
    Update.objects.create(
        outage=ours.outage, number=9, kind="update", state="identified", texts={"en-gb": "SECRET draft"},
        written_at=firms.at, written_by="Bo", written_by_id="7",
    )  # fmt: skip
    assert ours.outage is not None
    for table in ("outages_outage", "outages_touched"):
        column = "id" if table == "outages_outage" else "outage_id"
        assert ids_of(ours.viewer, f"SELECT {column} FROM {table}") == {ours.outage.pk}
    with belt.worn_for(ours.viewer, firms.at):
        mine = open_outages(ours.customer.pk, "en-gb", firms.at)
        assert [each.outage.title for each in mine] == ["Bakery line Bakery-0042"]
        assert "Bakery lines are down." in str(mine)
        assert "SECRET" not in str(mine)
    for column in ("title", "cause", "lead_id", "page_id"):
        assert "permission denied" in refused(ours.manager, f"SELECT {column} FROM outages_outage")
    for table in ("outages_part", "outages_failedpart", "outages_need", "outages_subscriber", "outages_reach"):
        assert "permission denied" in refused(ours.manager, f"SELECT * FROM {table}")


def test_an_update_is_not_read_before_its_instant(firms: Firms):
    ours = firms.bakery
    Update.objects.update(published_at=firms.at + timedelta(minutes=1))
    assert seen(ours.manager, "SELECT id FROM outages_update") == []
    assert seen(ours.manager, "SELECT id FROM outages_outage") == []


def test_whoever_holds_a_link_reads_the_companys_outages_and_nobodys_own_things(firms: Firms):
    ours = firms.bakery
    with belt.worn_for_company(ours.customer.pk, firms.at), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM outages_outage")
        assert {row[0] for row in cursor.fetchall()} == {ours.outage.pk}
        for table in ("access_token", "outages_feedlink", "desk_ticket"):
            cursor.execute(f"SELECT id FROM {table}")
            assert cursor.fetchall() == [], table


SECRETS = (
    "SELECT tags FROM desk_ticket",
    "SELECT trust FROM desk_ticket",
    "SELECT assignee_id FROM desk_ticket",
    "SELECT facts FROM desk_entry",
    "SELECT text FROM desk_attachment",
    "SELECT * FROM desk_watch",
    "SELECT * FROM desk_link",
    "SELECT manager_id FROM desk_escalation",
    "SELECT password FROM access_user",
    "SELECT digest FROM access_token",
    "SELECT invite FROM customers_contact",
    "SELECT mobile_check FROM customers_contact",
    "SELECT session_data FROM django_session",
    "SELECT * FROM journal_entry",
    "SELECT * FROM people_contactmethod",
    "SELECT user_id FROM people_person",
    "SELECT * FROM paging_page",
    "SELECT * FROM mailroom_mail",
    "SELECT * FROM channels_delivery",
    "SELECT * FROM customers_contact",
)


def test_what_a_customer_has_no_need_of_cannot_even_be_asked_for(firms: Firms):
    for query in SECRETS:
        assert "permission denied" in refused(firms.bakery.manager, query), query


def test_nothing_can_be_written_under_the_belt(firms: Firms):
    for each in VISIBLE:
        for statement in (f"DELETE FROM {each.table}", f"UPDATE {each.table} SET id = id"):
            assert "permission denied" in refused(firms.bakery.manager, statement), statement


def test_the_role_may_read_what_is_said_here_and_not_a_column_more(firms: Firms):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0"
            " AND NOT a.attisdropped AND has_column_privilege('nightdesk_customer', c.oid, a.attnum, 'SELECT')"
        )
        assert set(cursor.fetchall()) == {(each.table, column) for each in VISIBLE for column in each.columns}


def test_without_the_settings_of_a_request_nobody_sees_a_row(firms: Firms):
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL ROLE nightdesk_customer")
        for each in VISIBLE:
            cursor.execute(f"SELECT count(*) FROM {each.table}")
            assert cursor.fetchone() == (0,), each.table
        transaction.set_rollback(True)


def test_the_belt_is_off_again_after_a_page_whatever_became_of_it(firms: Firms):
    def counted() -> int:
        return Customer.objects.count()

    assert counted() == 3
    with belt.worn_for(firms.bakery.member, MORNING):
        assert visible(Customer).count() == 1
    assert counted() == 3
    with pytest.raises(DatabaseError), belt.worn_for(firms.bakery.member, MORNING):
        User.objects.count()
    assert counted() == 3
    with pytest.raises(ZeroDivisionError), belt.worn_for(firms.bakery.member, MORNING):
        raise ZeroDivisionError
    assert (counted(), belt.is_worn()) == (3, False)


def test_a_verb_is_done_as_the_program_and_the_belt_is_on_again_behind_it(firms: Firms):
    ours = firms.bakery
    with belt.worn_for(ours.member, MORNING):
        assert belt.done(Customer.objects.count) == 3
        assert visible(Customer).count() == 1
        with pytest.raises(ZeroDivisionError):
            belt.done(divmod, 1, 0)
        assert visible(Customer).count() == 1
        changes: Any = {"role": "Head baker"}
        edited = belt.done(
            contact_actions.set_contact_standing,
            contact_id=ours.member.pk,
            changes={"may_call": False},
            by=SCHEDULER,
            via=Door.WEB,
            at=firms.at,
        )
        assert (edited.may_call, changes) == (False, {"role": "Head baker"})
        assert visible(Customer).count() == 1


def test_a_verb_that_breaks_the_transaction_leaves_nothing_open_to_the_page(firms: Firms):
    def break_it() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    with pytest.raises(DatabaseError), belt.worn_for(firms.bakery.member, MORNING):
        belt.done(break_it)
    assert Customer.objects.count() == 3


def test_laying_it_again_changes_nothing_and_a_hole_is_found_and_mended(firms: Firms):
    assert (lay_belt(), why_bare()) == ("", "")
    for hole in (
        "GRANT SELECT ON access_user TO nightdesk_customer",
        "ALTER TABLE customers_contact DISABLE ROW LEVEL SECURITY",
        "DROP POLICY customer_reads ON customers_customer",
    ):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(hole)
        assert why_bare() != ""
        assert (lay_belt(), why_bare()) == ("", "")


def test_where_the_program_may_not_make_the_role_it_says_what_an_administrator_has_to_run(
    firms: Firms, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(policies, "CUSTOMER_ROLE", "somebody_else")
    monkeypatch.setattr(belt, "CUSTOMER_ROLE", "somebody_else")
    assert "permission denied to create role" in lay_belt()
    assert "has no role somebody_else" in why_bare()
    assert policies.by_hand().startswith("CREATE ROLE nightdesk_customer NOLOGIN;\nGRANT nightdesk_customer TO ")
    with pytest.raises(belt.NotSetUp), belt.worn_for(firms.bakery.member, MORNING):
        pass
    assert Customer.objects.count() == 3


NOT_FILLED = (
    Escalation, FeedLink, FigureDay, FigureMonth, Phrase, Rolled, CustomerEdition, UnsubscribeRequest, Wish, ContactEndpoint,
)  # fmt: skip
"""Tables of which the firms have no rows here."""


def test_a_query_of_the_pages_keeps_to_the_columns_that_may_be_read(firms: Firms):
    ours: Firm = firms.bakery
    contact_actions.make_contact_token(contact_id=ours.viewer.pk, name="till", **firms.as_(ours.viewer))
    with belt.worn_for(ours.viewer, MORNING):
        for each in VISIBLE:
            assert each.model in NOT_FILLED or list(visible(each.model)), each.table
        (contract,) = visible(ours.contract.__class__, "hours", "customer")
        assert (contract.hours.name, contract.customer.name) == ("Bakery hours", "The Bakery Ltd")
