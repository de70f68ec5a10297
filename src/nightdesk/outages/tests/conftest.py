"""Quayside's network in a database: parts, services, customers that buy them, and people who may change it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Customer, Service, Subscription
from nightdesk.journal.models import Entry
from nightdesk.outages import part_actions
from nightdesk.outages.models import Part
from nightdesk.outages.needs_text import read_needs
from nightdesk.people import actions as people
from nightdesk.people.queries import actor_of_person

START = datetime(2026, 11, 14, 3, 0, tzinfo=UTC)


@dataclass
class Network:
    """`bo` is an engineer, `mo` a manager. `acme` buys lines as L1 and L2, `mill` as L3; both buy mail."""

    brand: Brand
    lines: Service
    mail: Service
    acme: Customer
    mill: Customer
    bo: Actor
    mo: Actor
    at: datetime = START

    def doing(self, by: Actor = SCHEDULER) -> dict[str, Any]:
        return {"by": by, "via": Door.WEB, "at": self.at}

    def part(self, key: str, kind: str = "device", *, needs: str = "", brand: Brand | None = None, **more: Any) -> Part:
        """A part, with what it needs."""
        row = part_actions.save_part(
            brand_id=(brand or self.brand).pk, key=key, name=more.pop("name", key.upper()), kind=kind, **more,
            **self.doing(),
        )  # fmt: skip
        if needs:
            self.needs("part", row.pk, needs)
        return row

    def needs(self, kind: str, number: int, text: str, by: Actor = SCHEDULER) -> Any:
        return part_actions.save_needs(owner=(kind, number), needs=read_needs(text), **self.doing(by))

    def bought(self, label: str) -> Subscription:
        return Subscription.objects.get(customer__brand=self.brand, label=label)

    def kinds(self) -> list[str]:
        """What the journal says of parts, oldest first."""
        rows = Entry.objects.filter(kind__regex=r"^(parts?|needs|reach)\.").order_by("at", "id")
        return list(rows.values_list("kind", flat=True))


@pytest.fixture
def network(db: None) -> Network:
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": START}
    brand = access.make_brand(name="Quayside", slug="quayside", **doing)

    def person(name: str, role: str) -> Actor:
        user = access.make_user(email=f"{name}@quayside.example", name=name, brand_id=brand.pk, **doing)
        access.grant_role(user_id=user.pk, role=role, brand_id=brand.pk, **doing)
        return actor_of_person(people.make_person(name=name, user_id=user.pk, brand_id=brand.pk, **doing).pk)

    lines = customers.make_service(brand_id=brand.pk, key="lines", name="Internet lines", **doing)
    mail = customers.make_service(brand_id=brand.pk, key="mail", name="Mail", **doing)
    acme = customers.make_customer(brand_id=brand.pk, name="Acme", ref="C-1", **doing)
    mill = customers.make_customer(brand_id=brand.pk, name="Mill", ref="C-2", **doing)
    for customer, service, label in (
        (acme, lines, "L1"), (acme, lines, "L2"), (mill, lines, "L3"), (acme, mail, ""), (mill, mail, ""),
    ):  # fmt: skip
        customers.make_subscription(customer_id=customer.pk, service_id=service.pk, label=label, **doing)
    return Network(brand, lines, mail, acme, mill, person("Bo", "engineer"), person("Mo", "manager"))
