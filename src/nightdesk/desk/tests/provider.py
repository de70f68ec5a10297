"""A small provider with a desk, a second line and one customer, for tests of tickets."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import connection

from nightdesk.access import actions as access
from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import LANES, keep
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact, Customer
from nightdesk.desk import actions
from nightdesk.desk.models import Entry, Ticket
from nightdesk.people import actions as people
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import actor_of_person, actor_of_user

MORNING = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
"""A Tuesday, within office hours."""
NIGHT = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
WORKER = uuid4()
WEEK = [[["09:00", "17:30"]]] * 5 + [[], []]


class Provider:
    """A brand whose desk is Dee (role desk), whose second line is Eve (an engineer), and whose customer Acme is open
    from nine to half past five; Cleo is its contact. `at` is what the test says.
    """

    def __init__(self, at: datetime = MORNING, **contract: Any) -> None:
        self.at = at
        self.brand = access.make_brand(name="Quayside", slug=f"quay-{uuid4().hex[:8]}", **self.doing)
        self.dee, self.eve, self.max = (
            self.person("Dee", "desk"),
            self.person("Eve", "engineer"),
            self.person("Max", "manager"),
        )
        self.desk = self.team("Desk", self.dee, manager=self.max)
        self.network = self.team("Network", self.eve)
        actions.save_desk_rules(brand_id=self.brand.pk, fields={"owner_id": self.desk.pk}, **self.doing)
        actions.save_team_rule(team_id=self.desk.pk, level="1", contact_kinds=[], **self.doing)
        actions.save_team_rule(team_id=self.network.pk, level="2", contact_kinds=["question"], **self.doing)
        self.service = customers.make_service(brand_id=self.brand.pk, key="fibre", name="Fibre", **self.doing)
        self.hours = customers.make_hours(
            brand_id=self.brand.pk, fields={"name": "Office", "zone": "Europe/London", "week": WEEK}, **self.doing
        )
        self.acme, self.cleo = self.customer("Acme", "cleo@acme.example", **contract)

    @property
    def doing(self) -> dict[str, Any]:
        return {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    def doing_as(self, who: Person | Contact, via: Door = Door.WEB) -> dict[str, Any]:
        """By, via and at of that person or contact."""
        by = actor_of_person(who.pk) if isinstance(who, Person) else Actor("contact", str(who.pk), who.name)
        return {"by": by, "via": via, "at": self.at}

    def person(self, name: str, role: str) -> Person:
        user = access.make_user(email=f"{name.lower()}-{uuid4().hex[:8]}@quay.example", name=name, **self.doing)
        access.grant_role(user_id=user.pk, role=role, brand_id=self.brand.pk, **self.doing)
        somebody = people.make_person(name=name, user_id=user.pk, brand_id=self.brand.pk, **self.doing)
        method = people.add_contact_method(person_id=somebody.pk, channel="email", address=user.email, **self.doing)
        people.confirm_contact_method(method_id=method.pk, **self.doing)
        people.set_notify_rules(person_id=somebody.pk, rules=[people.RuleWanted("low", method.pk)], **self.doing)
        assert actor_of_user(user).person_id == somebody.pk
        return somebody

    def team(self, name: str, *members: Person, manager: Person | None = None) -> Team:
        team = people.make_team(brand_id=self.brand.pk, name=name, **self.doing)
        ids = [one.pk for one in members]
        people.set_team_members(
            team_id=team.pk, person_ids=ids, manager_id=manager.pk if manager else None, **self.doing
        )
        return Team.objects.get(pk=team.pk)

    def customer(self, name: str, email: str, **contract: Any) -> tuple[Customer, Contact]:
        made = customers.make_customer(brand_id=self.brand.pk, name=name, ref=name.upper(), **self.doing)
        wanted = {"hours_id": self.hours.pk, "valid_from": date(2026, 1, 1), "targets": {}, **contract}
        customers.make_contract(customer_id=made.pk, name="Basic", **wanted, **self.doing)
        first = email.partition("@")[0].title()
        contact = customers.make_contact(
            customer_id=made.pk, name=first, email=email, phone="+442079460199", **self.doing
        )
        return made, contact

    def ticket(self, title: str = "The line is slow", said: str = "It crawls since nine.", **more: Any) -> Ticket:
        """What Cleo wrote."""
        wanted = {
            "brand_id": self.brand.pk,
            "title": title,
            "words": actions.Words(said),
            "contact_id": self.cleo.pk,
            "trust": "verified",
            **more,
        }
        return actions.open_ticket(**{**wanted, **self.doing_as(self.cleo, Door.EMAIL), **more})

    def work(self) -> None:
        """Every promise that is due is kept, by a worker."""
        with clock.replaced_by(lambda: self.at):
            while rows := [row for lane in LANES for row in leases.claim(Promise, lane, 50, worker=WORKER, at=self.at)]:
                for row in rows:
                    keep(row)

    def minutes(self, count: float) -> None:
        """Time goes by; nothing is kept meanwhile."""
        self.at += timedelta(minutes=count)

    def story(self, ticket: Ticket) -> list[tuple[str, str]]:
        """(kind, text) of all that stands in it."""
        return list(Entry.objects.filter(ticket=ticket).values_list("kind", "text"))


def leave_only_the_index(name: str) -> None:
    """The tickets' other indexes are gone until the test is over: with few rows each of them finds one as cheaply."""
    others = [index.name for index in Ticket._meta.indexes if index.name != name]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the end holds the table
        cursor.execute(f"DROP INDEX {', '.join(others)}; ALTER TABLE desk_ticket DROP CONSTRAINT one_ticket_a_number")
