"""A small network with customers on it, for tests of outages: a core switch, two uplinks, an access switch behind the core."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from nightdesk.access import actions as access
from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import LANES, keep
from nightdesk.channels.models import Delivery, Message
from nightdesk.channels.queries import words_to
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact, Customer, Subscription
from nightdesk.outages import actions
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Member, Need, Outage, Part, Update
from nightdesk.people import actions as people
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import actor_of_person

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
ALWAYS = [[["00:00", "24:00"]]] * 7


class Network:
    """A brand with an engineer Eve, a desk Dee and a manager Max. `at` is what the test says. `acme`, `bolt` and `fay` are there
    once a test made them.
    """

    acme: Customer
    bolt: Customer
    fay: Person

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.brand = access.make_brand(name="Quayside", slug=f"quay-{uuid4().hex[:8]}", **self.doing)
        self.eve, self.dee, self.max = (
            self.person("Eve", "engineer"),
            self.person("Dee", "desk"),
            self.person("Max", "manager"),
        )
        self.hours = customers.make_hours(
            brand_id=self.brand.pk, fields={"name": "Always", "zone": "Europe/London", "week": ALWAYS}, **self.doing
        )
        self.line = customers.make_service(brand_id=self.brand.pk, key="line", name="Internet line", **self.doing)
        self.mail = customers.make_service(brand_id=self.brand.pk, key="mail", name="Mail", **self.doing)
        self.core, self.access = self.part("core"), self.part("access-1", public_name="Dock Street")
        self.left, self.right = self.part("uplink-left", kind="upstream"), self.part("uplink-right", kind="upstream")
        self.needs(self.access, self.core)
        self.needs(self.core, self.left, self.right, at_least=1)
        self._worker = uuid4()

    @property
    def doing(self) -> dict[str, Any]:
        return {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    def doing_as(self, who: Person, via: Door = Door.WEB) -> dict[str, Any]:
        return {"by": actor_of_person(who.pk), "via": via, "at": self.at}

    def person(self, name: str, role: str) -> Person:
        user = access.make_user(email=f"{name.lower()}-{uuid4().hex[:8]}@quay.example", name=name, **self.doing)
        access.grant_role(user_id=user.pk, role=role, brand_id=self.brand.pk, **self.doing)
        somebody = people.make_person(name=name, user_id=user.pk, brand_id=self.brand.pk, **self.doing)
        number = f"+447700900{100 + somebody.pk % 900}"
        method = people.add_contact_method(person_id=somebody.pk, channel="sms", address=number, **self.doing)
        people.confirm_contact_method(method_id=method.pk, **self.doing)
        people.set_notify_rules(person_id=somebody.pk, rules=[people.RuleWanted("high", method.pk)], **self.doing)
        return somebody

    def team_of_the_desk(self) -> Team:
        """Dee and Fay, and Max who is their manager."""
        self.fay = self.person("Fay", "desk")
        team = people.make_team(brand_id=self.brand.pk, name="Desk", **self.doing)
        people.set_team_members(
            team_id=team.pk, person_ids=[self.dee.pk, self.fay.pk], manager_id=self.max.pk, **self.doing
        )
        return Team.objects.get(pk=team.pk)

    def part(self, key: str, *, kind: str = "device", public_name: str = "") -> Part:
        return Part.objects.create(
            brand=self.brand, key=key, name=key, kind=kind, public=bool(public_name), public_name=public_name
        )

    def needs(self, owner: Any, *parts: Part, at_least: int | None = None) -> None:
        kind = type(owner).__name__.lower()
        need = Need.objects.create(brand=self.brand, at_least=at_least, **{kind: owner})
        Member.objects.bulk_create(Member(need=need, part=part) for part in parts)

    def customer(self, name: str, *contacts: str, full: bool = False, **fields: Any) -> Customer:
        """One with an internet line on the access switch, and contacts who have an address and a mobile."""
        made = customers.make_customer(brand_id=self.brand.pk, name=name, ref=name.upper(), **fields, **self.doing)
        customers.make_contract(
            customer_id=made.pk,
            name="Basic",
            hours_id=self.hours.pk,
            out_of_hours="full" if full else "nothing",
            valid_from=date(2026, 1, 1),
            targets={},
            **self.doing,
        )
        for contact in contacts:
            self.contact(made, contact)
        self.needs(self.buys(made, self.line, "L-1"), self.access)
        return made

    def buys(self, customer: Customer, service: Any, label: str = "") -> Subscription:
        return customers.make_subscription(customer_id=customer.pk, service_id=service.pk, label=label, **self.doing)

    def contact(self, customer: Customer, name: str, *, mobile: bool = True, night: bool = False) -> Contact:
        email = f"{name.lower()}@{customer.ref.lower()}.example"
        made = customers.make_contact(customer_id=customer.pk, name=name, email=email, **self.doing)
        Contact.objects.filter(pk=made.pk).update(
            mobile=f"+44770091{made.pk % 10000:04d}" if mobile else "",
            mobile_verified_at=self.at if mobile else None,
            texted_at_night=night,
        )
        return Contact.objects.get(pk=made.pk)

    def outage(self, *parts: Part, by: Person | None = None, **fields: Any) -> Outage:
        """A confirmed one."""
        doing = self.doing_as(by or self.dee)
        made = actions.propose_outage(
            brand_id=self.brand.pk,
            title="Switch is down",
            parts={part.pk: int(Effect.DOWN) for part in parts or (self.access,)},
            **fields,
            **doing,
        )
        return actions.confirm_outage(outage_id=made.pk, **doing)

    def says(
        self, outage: Outage, text: str, state: str = "investigating", by: Person | None = None, **more: Any
    ) -> Update:
        """An update in the brand's language, sent as far as the ledger."""
        update = actions.write_update(
            outage_id=outage.pk, state=state, texts={"en-gb": text}, **more, **self.doing_as(by or self.dee)
        )
        self.work()
        return update

    def work(self) -> None:
        """Keep every promise that is due."""
        with clock.replaced_by(lambda: self.at):
            while rows := [
                r for lane in LANES for r in leases.claim(Promise, lane, 50, worker=self._worker, at=self.at)
            ]:
                for row in rows:
                    keep(row)

    def minutes(self, count: float) -> None:
        """Time goes by, promise by promise."""
        end = self.at + timedelta(minutes=count)
        while True:
            due = Promise.objects.filter(ended_at=None, due_at__lte=end).order_by("due_at").first()
            if due is None:
                break
            self.at = max(self.at, due.due_at)
            self.work()
        self.at = end

    def told(self, update: Update) -> dict[tuple[str, str], str]:
        """(contact's name, channel) -> what they are told of the update, filled in."""
        found = {}
        for row in Delivery.objects.filter(recipient_kind="contact", subject_id=str(update.outage_id)):
            message = Message.objects.get(pk=row.message_id)
            if message.cause != update.pk:
                continue
            text = "\n".join(words_to(row, message))
            key = Contact.objects.get(pk=int(row.recipient_id)).name, row.channel
            assert key not in found, f"{key} is told twice"
            found[key] = text
        return found

    def texts_to(self, person: Person) -> list[str]:
        """What is queued for somebody of ours."""
        ids = Delivery.objects.filter(recipient_kind="person", recipient_id=str(person.pk)).values("message_id")
        rows = Message.objects.filter(pk__in=ids).order_by("at")
        return [f"{row.title} {row.body}".strip() for row in rows]
