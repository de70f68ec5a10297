"""What a customer may read at all, in PostgreSQL's own words: the belt under the filters of the pages.

`migrate` lays it: the role `nightdesk_customer`, who can log in nowhere, sees of each table here the columns named and the
rows that `rows` lets through, and of every other table nothing. The program itself owns the tables and is not bound by it.
Settings of the transaction say who reads, and when: `nightdesk.customer`, `nightdesk.contact` and `nightdesk.at`; without
them nobody sees a row.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import DatabaseError, connection, models, transaction
from psycopg import sql

from nightdesk.access.models import Brand, Token
from nightdesk.base.postgres import CUSTOMER_ROLE
from nightdesk.channels.models import ContactEndpoint
from nightdesk.customers.models import Contact, Contract, Customer, Hours, Service, Subscription
from nightdesk.desk.models import Attachment, Entry, Escalation, Party, Rules, Ticket
from nightdesk.knowledge.models import Phrase
from nightdesk.outages.models import (
    Affected,
    FeedLink,
    Outage,
    Touched,
    UnsubscribeRequest,
    Update,
    Wish,
    Work,
    WorkTouched,
)
from nightdesk.people.models import Person
from nightdesk.reports.incident_models import CustomerEdition
from nightdesk.reports.models import FigureDay, FigureMonth, Rolled

POLICY = "customer_reads"
MINE = "nullif(current_setting('nightdesk.customer', true), '')::bigint"
"""The company that reads."""
ME = "nullif(current_setting('nightdesk.contact', true), '')::bigint"
"""The contact that reads."""
AT = "nullif(current_setting('nightdesk.at', true), '')::timestamptz"
"""The instant of the page."""
SEES_ALL = f"""(SELECT c.sees = 'all' OR (c.sees = 'managers_all' AND k.standing = 'manager')
 FROM customers_customer c JOIN customers_contact k ON k.customer_id = c.id WHERE c.id = {MINE} AND k.id = {ME})"""  # noqa: S608
"""Whether they see their colleagues' tickets: the same rule as `standing.sees_all`, in the database's words."""
OF_MY_BRAND = "brand_id IN (SELECT c.brand_id FROM customers_customer c)"
"""Of customers they see their own alone."""
BUY = "(SELECT s.service_id FROM customers_subscription s WHERE s.ended_at IS NULL)"
"""The services that they buy."""
_BOUGHT = "subscription_id IN (SELECT s.id FROM customers_subscription s WHERE s.ended_at IS NULL)"
"""Of what they buy; of what has ended they see nothing."""
SPOKEN = "public AND kind IN ('message_in', 'message_out', 'call')"
"""What of a ticket's story is a customer's to read at all; notes are never public, by a constraint."""

BY_HAND = f"""CREATE ROLE {CUSTOMER_ROLE} NOLOGIN;
GRANT {CUSTOMER_ROLE} TO {{app}};"""
"""What somebody with the right to make roles runs where the program itself may not."""

Model = TypeVar("Model", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Visible:
    """Of `model` the fields `fields` can be seen, of the rows that the SQL condition `rows` lets through."""

    model: type[models.Model]
    fields: tuple[str, ...]
    rows: str

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def columns(self) -> tuple[str, ...]:
        fields: Any = [self.model._meta.get_field(name) for name in self.fields]
        return tuple(field.column for field in fields)

    @property
    def mark(self) -> str:
        """Changes with what it says; the policy's comment holds it, so that nothing is locked where nothing changed."""
        return hashlib.sha256(repr((self.columns, self.rows)).encode()).hexdigest()[:16]


VISIBLE: tuple[Visible, ...] = (
    Visible(
        Customer,
        ("id", "brand", "name", "ref", "language", "zone", "active", "left_at", "sees", "service_manager"),
        f"id = {MINE}",
    ),
    Visible(
        Brand,
        ("id", "name", "slug", "zone", "language", "region"),
        "id IN (SELECT c.brand_id FROM customers_customer c)",
    ),
    Visible(
        Contact,
        (
            "id", "customer", "name", "email", "phone", "role", "language", "zone", "standing", "may_call",
            "may_authorise", "texted_at_night", "mobile", "mobile_verified_at", "invited_at", "joined_at",
            "confirmed_at", "left_at",
        ),
        f"customer_id = {MINE}",
    ),
    Visible(
        Contract,
        (
            "id", "customer", "name", "hours", "out_of_hours", "may_wake", "targets", "not_at_night",
            "live_answer", "valid_from", "valid_until",
        ),
        f"customer_id = {MINE}",
    ),
    Visible(
        Hours,
        ("id", "brand", "name", "zone", "week", "nation", "subdivision", "exceptions", "public"),
        "EXISTS (SELECT FROM customers_contract c WHERE c.hours_id = customers_hours.id)",
    ),
    # With those that have ended, which their own figures count until then; `objects` leaves them out everywhere else.
    Visible(Subscription, ("id", "customer", "service", "label", "made_at", "ended_at"), f"customer_id = {MINE}"),
    Visible(
        Service,
        ("id", "brand", "key", "name"),
        "EXISTS (SELECT FROM customers_subscription s WHERE s.service_id = customers_service.id)",
    ),
    Visible(
        Person,
        ("id", "name"),
        f"id = (SELECT c.service_manager_id FROM customers_customer c WHERE c.id = {MINE})",  # noqa: S608
    ),
    Visible(
        Token,
        ("id", "name", "hint", "contact_id", "created_at", "last_used_at", "expires_at", "revoked_at"),
        f"contact_id = {ME}",
    ),
    Visible(Rules, ("id", "brand", "reopens_within_days", "closes_after_days"), OF_MY_BRAND),
    Visible(Party, ("id", "ticket", "contact", "role"), f"contact_id = {ME} AND role <> 'removed'"),
    Visible(
        Ticket,
        (
            "id", "brand", "number", "kind", "state", "pending_reason", "title", "customer", "contact",
            "requester_name", "service", "subscription", "impact", "urgency", "priority", "merged_into", "next_step",
            "next_step_at", "needs_proof", "proved_at", "opened_at", "changed_at", "customer_wrote_at", "we_wrote_at",
            "resolved_at", "closed_at", "what_was_wrong", "what_was_done", "what_to_do",
        ),
        f"customer_id = {MINE} AND (contact_id = {ME} OR {SEES_ALL}"  # noqa: S608
        " OR id IN (SELECT p.ticket_id FROM desk_party p))",
    ),
    Visible(
        Entry,
        ("id", "ticket", "at", "kind", "public", "by_kind", "by_id", "by_name", "text", "html", "automatic"),
        f"{SPOKEN} AND coalesce((facts->>'held_until')::timestamptz <= {AT}, facts->>'held_until' IS NULL)"
        " AND EXISTS (SELECT FROM desk_ticket t WHERE t.id = desk_entry.ticket_id)",
    ),
    Visible(
        Attachment,
        ("id", "entry", "name", "media_type", "size", "digest", "content_id", "inline", "scan"),
        "scan IN ('unscanned', 'clean') AND EXISTS (SELECT FROM desk_entry e WHERE e.id = desk_attachment.entry_id)",
    ),
    Visible(
        Escalation,
        ("id", "ticket", "at", "why", "manager_name", "answer_by"),
        "EXISTS (SELECT FROM desk_ticket t WHERE t.id = desk_escalation.ticket_id)",
    ),
    # Outages, each policy asking the one before and never back: two that ask each other never end. Of whom it touches only
    # themselves and their ticket; what they are told once it was published; the rest once they were told something.
    Visible(Affected, ("id", "outage", "customer", "ticket_number"), f"customer_id = {MINE}"),
    Visible(
        Update,
        ("id", "outage", "number", "kind", "state", "texts", "quiet", "next_at", "estimate_at", "corrects", "published_at"),
        f"published_at <= {AT} AND outage_id IN (SELECT a.outage_id FROM outages_affected a)",  # noqa: S608
    ),
    Visible(
        Outage,
        (
            "id", "brand", "number", "state", "severity", "public", "public_title", "began_at", "resolved_at", "estimate_at",
            "next_update_at",
        ),
        "EXISTS (SELECT FROM outages_update u WHERE u.outage_id = outages_outage.id)",
    ),
    Visible(
        Touched,
        ("id", "outage", "subscription", "customer", "service", "effect", "worst", "since", "until", "down_at"),
        f"customer_id = {MINE} AND EXISTS (SELECT FROM outages_update u WHERE u.outage_id = outages_touched.outage_id)"
        f" AND {_BOUGHT}",
    ),
    # What we said of it afterwards, once that was published.
    Visible(
        CustomerEdition,
        ("id", "outage", "version", "words", "published_at"),
        f"outage_id IN (SELECT a.outage_id FROM outages_affected a) AND published_at <= {AT}",  # noqa: S608
    ),
    # Of planned work likewise, once something of it was told.
    Visible(WorkTouched, ("id", "work", "subscription", "customer"), f"customer_id = {MINE} AND {_BOUGHT}"),
    Visible(
        Work,
        (
            "id", "brand", "number", "texts", "state", "from_at", "until_at", "public", "public_title", "round",
            "announced_at", "changed_at",
        ),
        "round > 0 AND state NOT IN ('proposed', 'dismissed')"
        " AND EXISTS (SELECT FROM outages_worktouched t WHERE t.work_id = outages_work.id)",
    ),
    # How they hear of all this: what they said themselves, and what holds for the company.
    Visible(
        Wish,
        ("id", "customer", "contact", "service", "channels", "min_effect", "texts_from", "texts_until", "changed_at"),
        f"customer_id = {MINE} AND (contact_id IS NULL OR contact_id = {ME})",
    ),
    Visible(ContactEndpoint, ("id", "contact", "channel", "url", "label", "made_at", "gone_at"), f"contact_id = {ME}"),
    Visible(
        UnsubscribeRequest,
        ("id", "contact", "address", "asked_at", "decided_at", "decided_by", "agreed"),
        "contact_id IN (SELECT k.id FROM customers_contact k)",
    ),
    Visible(FeedLink, ("id", "contact", "serial", "made_at", "revoked_at"), f"contact_id = {ME}"),
    # What was counted of them, added up by day: their own rows, and how far their brand's days are counted.
    Visible(
        FigureDay,
        (
            "id", "brand", "figure", "dimension", "value", "day", "cases", "hits", "total", "waiting", "bucket_at",
            "bucket_count",
        ),
        f"dimension = 'customer' AND value = ({MINE})::text",
    ),
    Visible(
        FigureMonth,
        (
            "id", "brand", "figure", "dimension", "value", "month", "cases", "hits", "total", "waiting", "bucket_at",
            "bucket_count",
        ),
        f"dimension = 'customer' AND value = ({MINE})::text",
    ),
    Visible(Rolled, ("id", "brand", "since", "months_until", "rolled_at"), OF_MY_BRAND),
    Visible(
        Phrase,
        ("id", "brand", "service", "effect", "language", "text", "workaround"),
        f"{OF_MY_BRAND} AND (service_id IS NULL OR service_id IN {BUY})",
    ),
)  # fmt: skip


def visible(model: type[Model], *joined: str) -> models.QuerySet[Model]:
    """The model's rows with the columns that a customer may read, and no others: for every query inside the belt.

    `joined` are foreign keys whose rows are read with it, likewise.
    """
    fields = list(_fields_of(model))
    for name in joined:
        other = model._meta.get_field(name).related_model
        fields += [f"{name}__{field}" for field in _fields_of(other)]
    rows = model._default_manager.only(*fields)
    return rows.select_related(*joined) if joined else rows


def _fields_of(model: Any) -> tuple[str, ...]:
    return next(each.fields for each in VISIBLE if each.model is model)


def lay_belt() -> str:
    """Make role, rights and policies what is said here; changes nothing where they are. "" or why it could not be done."""
    with connection.cursor() as cursor:
        if problem := _make_role(cursor):
            return problem
        laid = _laid(cursor)
        for each in VISIBLE:
            if laid.get(each.table) != each.mark:
                with transaction.atomic():  # one table at a time, so that none is locked while another is waited for
                    _lay(cursor, each)
        _run(cursor, "DROP FUNCTION IF EXISTS customer_known_faults()")  # of earlier versions
        for table in _granted(cursor) - {each.table for each in VISIBLE}:
            _run(cursor, "REVOKE ALL ON TABLE {} FROM {}", table, CUSTOMER_ROLE)
    return ""


def why_bare() -> str:
    """Why customers could not be shown their pages now; "" where the belt is whole. Locks nothing."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not _may_become(cursor):
            return f"This database has no role {CUSTOMER_ROLE} that we may take on."
        laid = _laid(cursor)
        wrong = sorted(each.table for each in VISIBLE if laid.get(each.table) != each.mark)
        if wrong:
            return f"What customers may read is not set for {', '.join(wrong)}."
        beyond = sorted(_granted(cursor) - {each.table for each in VISIBLE})
        if beyond:
            return f"Customers may read {', '.join(beyond)}, which they must not."
        cursor.execute("SELECT bool_or(row_security_active(t)) FROM unnest(%s::text[]) t", [[v.table for v in VISIBLE]])
        if cursor.fetchone()[0]:
            return "The program is not the owner of its tables, and so sees none of its customers' rows."
    return ""


def by_hand() -> str:
    """The SQL that somebody with the right to make roles has to run, where we may not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_user)")
        return BY_HAND.format(app=cursor.fetchone()[0])


def _make_role(cursor: Any) -> str:
    if _may_become(cursor):
        return ""
    try:
        with transaction.atomic():
            cursor.execute("SELECT exists (SELECT FROM pg_roles WHERE rolname = %s)", [CUSTOMER_ROLE])
            if not cursor.fetchone()[0]:
                _run(cursor, "CREATE ROLE {} NOLOGIN", CUSTOMER_ROLE)
            cursor.execute("SELECT current_user")
            _run(cursor, "GRANT {} TO {}", CUSTOMER_ROLE, cursor.fetchone()[0])
    except DatabaseError as error:
        return " ".join(str(error).split())
    return "" if _may_become(cursor) else f"We are a member of {CUSTOMER_ROLE}, and may not take that role on."


def _may_become(cursor: Any) -> bool:
    """Tried and not asked: what membership allows differs between PostgreSQL's versions."""
    try:
        with transaction.atomic():
            cursor.execute("SELECT set_config('role', %s, true)", [CUSTOMER_ROLE])
            cursor.execute("SELECT set_config('role', 'none', true)")
    except DatabaseError:
        return False
    return True


def _laid(cursor: Any) -> dict[str, str]:
    """Of each table with our policy in force its mark."""
    cursor.execute(
        "SELECT c.relname, obj_description(p.oid, 'pg_policy') FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
        " WHERE p.polname = %s AND c.relrowsecurity AND c.relnamespace = current_schema()::regnamespace",
        [POLICY],
    )
    return {name: mark or "" for name, mark in cursor.fetchall()}


def _granted(cursor: Any) -> set[str]:
    """Tables and views of which the role may read something."""
    cursor.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm')"
        " AND c.relnamespace = current_schema()::regnamespace"
        " AND has_any_column_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')",
        [CUSTOMER_ROLE],
    )
    return {table for (table,) in cursor.fetchall()}


def _lay(cursor: Any, each: Visible) -> None:
    cursor.execute("SELECT current_schema()")
    _run(cursor, "GRANT USAGE ON SCHEMA {} TO {}", cursor.fetchone()[0], CUSTOMER_ROLE)
    _run(cursor, "ALTER TABLE {} ENABLE ROW LEVEL SECURITY", each.table)
    _run(cursor, "DROP POLICY IF EXISTS {} ON {}", POLICY, each.table)
    words = sql.SQL(f"CREATE POLICY {{}} ON {{}} FOR SELECT TO {{}} USING ({each.rows})")
    _execute(cursor, words.format(*_names(POLICY, each.table, CUSTOMER_ROLE)))
    _run(cursor, "REVOKE ALL ON TABLE {} FROM {}", each.table, CUSTOMER_ROLE)
    columns = sql.SQL(", ").join(_names(*each.columns))
    table, role = _names(each.table, CUSTOMER_ROLE)
    _execute(cursor, sql.SQL("GRANT SELECT ({}) ON TABLE {} TO {}").format(columns, table, role))
    policy, table = _names(POLICY, each.table)
    _execute(cursor, sql.SQL("COMMENT ON POLICY {} ON {} IS {}").format(policy, table, sql.Literal(each.mark)))


def _names(*names: str) -> Iterator[sql.Identifier]:
    return map(sql.Identifier, names)


def _run(cursor: Any, words: str, *names: str) -> None:
    _execute(cursor, sql.SQL(words).format(*_names(*names)))


def _execute(cursor: Any, statement: sql.Composed) -> None:
    cursor.execute(statement.as_string(cursor.connection))
