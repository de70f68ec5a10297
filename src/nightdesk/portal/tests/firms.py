"""Three customers, two of one brand and one of another; in each a manager, a member and a viewer, who all log in."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.test import Client

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions
from nightdesk.customers.models import Contact, Contract, Customer, Service
from nightdesk.customers.queries import actor_of_contact
from nightdesk.desk import actions as desk
from nightdesk.desk import customer_actions, linking_actions
from nightdesk.desk.models import Attachment, Entry, Ticket
from nightdesk.outages import actions as outages
from nightdesk.outages.models import Member, Need, Outage, Part, Work, WorkTouched
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.reports.incident_models import CustomerEdition, IncidentReport

MORNING = datetime(2026, 8, 14, 8, 30, tzinfo=UTC)
"""A Friday, half past nine on British clocks."""
WEEK = [[["09:00", "17:30"]]] * 5 + [[], []]
PASSWORD = "a loaf of rye bread"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass
class Firm:
    """A customer and whoever speaks for it. Every word of it that is nobody else's holds `mark`."""

    mark: str
    brand: Brand
    customer: Customer
    contract: Contract
    service: Service
    manager: Contact
    member: Contact
    viewer: Contact
    service_manager: Person
    tickets: "dict[str, Ticket]" = field(default_factory=dict)
    """By who opened it: "manager", "member", "viewer"; and "merged", which went into the member's."""
    file: Attachment | None = None
    outage: Outage | None = None

    @property
    def contacts(self) -> list[Contact]:
        return [self.manager, self.member, self.viewer]


class Firms:
    """See the module."""

    def __init__(self) -> None:
        self.at = MORNING
        self.quay = access.make_brand(name="Quayside Networks", slug="quay", **self.doing)
        self.pier = access.make_brand(name="Pier Hosting", slug="pier", **self.doing)
        self.bakery = self._firm(self.quay, "Bakery")
        self.grocer = self._firm(self.quay, "Grocer")
        self.books = self._firm(self.pier, "Books")

    def tell(self) -> "Firms":
        """Everybody has told us something, and we have answered some of it."""
        for brand in (self.quay, self.pier):
            desk.save_desk_rules(brand_id=brand.pk, fields={"closes_after_days": 5}, **self.doing)
        for firm in self.all:
            self._tickets(firm)
            self.told_of(firm)
            self.plans(firm)
        return self

    def plans(self, firm: Firm, *, round_: int = 1, state: str = "announced", public: bool = False) -> Work:
        """Work tomorrow night, of which the firm was told in this `round_` (0: not yet)."""
        begins = self.at + timedelta(days=1)
        made = Work.objects.create(
            brand=firm.brand, number=Work.objects.count() + 1, title=f"SECRET rack of {firm.mark}", state=state,
            texts={"en-gb": f"{firm.mark} gets new power."}, from_at=begins, until_at=begins + timedelta(hours=2),
            round=round_, public=public, public_title=f"Power at {firm.mark}", made_by="Bo", made_at=self.at,
            announced_at=self.at, changed_at=self.at,
        )  # fmt: skip
        for each in firm.customer.subscriptions.all():
            WorkTouched.objects.create(work=made, subscription=each, customer=firm.customer, effect=1)
        return made

    def told_of(self, firm: Firm, *, text: str = "", public: bool = False, **more: Any) -> Outage:
        """The part that the firm's line needs has failed, under a name of our own, and the firm was told so."""
        part = Part.objects.filter(brand=firm.brand, key=f"part-{firm.mark.lower()}").first()
        if part is None:
            part = Part.objects.create(
                brand=firm.brand, key=f"part-{firm.mark.lower()}", name=f"SECRET switch of {firm.mark}", kind="device",
            )  # fmt: skip
            need = Need.objects.create(brand=firm.brand, service=firm.service)
            Member.objects.create(need=need, part=part)
        made = outages.propose_outage(
            brand_id=firm.brand.pk, title=f"SECRET switch of {firm.mark}", parts={part.pk: 3}, **self.doing
        )
        fields = {"cause": f"SECRET cause of {firm.mark}"} | (
            {"public": True, "public_title": "All lines"} if public else {}
        )
        outages.edit_outage(outage_id=made.pk, fields=fields, **self.doing)
        outages.confirm_outage(outage_id=made.pk, **self.doing)
        said = {"en-gb": text or f"{firm.mark} lines are down."}
        outages.write_update(outage_id=made.pk, state="investigating", texts=said, **more, **self.doing)
        firm.outage = Outage.objects.get(pk=made.pk)
        return firm.outage

    def reported_on(self, firm: Firm) -> CustomerEdition:
        """The firm may read a report of its outage."""
        assert firm.outage is not None
        report = IncidentReport.objects.create(brand=firm.brand, outage=firm.outage, made_at=self.at)
        words = {"for_customers": f"What it was at {firm.mark}"}
        published_at = self.at - timedelta(minutes=1)
        return CustomerEdition.objects.create(
            report=report, outage=firm.outage, version=1, words=words, published_at=published_at
        )

    @property
    def all(self) -> list[Firm]:
        return [self.bakery, self.grocer, self.books]

    @property
    def doing(self) -> dict[str, Any]:
        return {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    def as_(self, contact: Contact) -> dict[str, Any]:
        """The contact itself does it, on its pages."""
        return {"by": actor_of_contact(contact), "via": Door.WEB, "at": self.at}

    def client(self, contact: Contact | None = None, **more: Any) -> Client:
        """A browser, signed in as the contact; as nobody without one."""
        client = Client(**more)
        if contact is not None:
            contact.refresh_from_db()
            assert contact.user is not None
            client.force_login(contact.user, backend=BACKEND)
        return client

    def contact(self, customer: Customer, name: str, standing: str, *, password: str | None = None) -> Contact:
        """Somebody of the customer who has followed their invitation."""
        email = f"{name.split()[0].lower()}@{customer.ref.lower()}.example"
        made = customers.make_contact(customer_id=customer.pk, name=name, email=email, **self.doing)
        made = contact_actions.invite_contact(contact_id=made.pk, standing=standing, **self.doing)
        joining: dict[str, Any] = self.doing | {"by": Actor("contact", str(made.pk), made.name), "via": Door.LINK}
        return contact_actions.join_portal(contact_id=made.pk, invite=made.invite, password=password, **joining)

    def ticket(self, firm: Firm, contact: Contact, title: str, **more: Any) -> Ticket:
        """What the contact told us."""
        said = more.pop("said", f"{firm.mark} words of {contact.name}")
        files = more.pop("files", ())
        wanted = {"customer_id": firm.customer.pk, "contact_id": contact.pk, "trust": "verified"} | more
        return desk.open_ticket(
            brand_id=firm.brand.pk, title=title, words=desk.Words(said, files=files), **wanted, **self.as_(contact)
        )

    def answered(self, ticket: Ticket, text: str, **more: Any) -> Entry:
        """Our desk's answer."""
        who = self.bakery.service_manager
        by = Actor("person", str(who.pk), "Dee of the desk", frozenset({(None, "desk")}))
        return desk.reply_to_customer(
            ticket_id=ticket.pk, words=desk.Words(text), **more, by=by, via=Door.WEB, at=self.at
        )

    def _tickets(self, firm: Firm) -> None:
        mark = firm.mark
        for who, contact in (("manager", firm.manager), ("member", firm.member), ("viewer", firm.viewer)):
            firm.tickets[who] = self.ticket(
                firm,
                contact,
                f"{mark} trouble of the {who}",
                service_id=firm.service.pk,
                files=[desk.File(f"{mark}-{who}.txt", "text/plain", f"{mark} file".encode())],
            )
            desk.note_ticket(ticket_id=firm.tickets[who].pk, words=desk.Words(f"{mark} SECRET note"), **self.doing)
        firm.tickets["merged"] = self.ticket(firm, firm.member, f"{mark} once more")
        linking_actions.merge_ticket(
            ticket_id=firm.tickets["merged"].pk, into_id=firm.tickets["member"].pk, **self.doing
        )
        self.answered(firm.tickets["member"], f"{mark} answer of ours")
        customer_actions.ask_for_manager(
            ticket_id=firm.tickets["manager"].pk, why=f"{mark} is fed up", **self.as_(firm.manager)
        )
        firm.file = Attachment.objects.get(entry__ticket=firm.tickets["member"], name=f"{mark}-member.txt")

    def _firm(self, brand: Brand, mark: str) -> Firm:
        slug = mark.lower()
        nation = {"nation": "GB", "subdivision": "ENG"}
        calendar: Any = {"name": f"{mark} hours", "zone": "Europe/London", "week": WEEK} | nation
        hours = customers.make_hours(brand_id=brand.pk, fields=calendar, **self.doing)
        customer = customers.make_customer(brand_id=brand.pk, name=f"The {mark} Ltd", ref=slug, **self.doing)
        helper = people.make_person(name=f"Sam {mark}-Manager", brand_id=brand.pk, **self.doing)
        customers.edit_customer(customer_id=customer.pk, changes={"service_manager_id": helper.pk}, **self.doing)
        contract = customers.make_contract(
            customer_id=customer.pk,
            name=f"{mark} contract",
            hours_id=hours.pk,
            out_of_hours="email_only",
            may_wake=["P1"],
            targets={"P1": {"respond": "PT30M", "fix": "PT4H", "clock": "wall"}, "P3": {"respond": "PT4H"}},
            valid_from=date(2026, 1, 1),
            **self.doing,
        )
        service = customers.make_service(brand_id=brand.pk, key=f"line-{slug}", name=f"{mark} line", **self.doing)
        customers.make_subscription(customer_id=customer.pk, service_id=service.pk, label=f"{mark}-0042", **self.doing)
        customer.refresh_from_db()
        return Firm(
            mark,
            brand,
            customer,
            contract,
            service,
            self.contact(customer, f"Mara {mark}-Baker", "manager"),
            self.contact(customer, f"Ben {mark}-Baker", "member"),
            self.contact(customer, f"Vera {mark}-Baker", "viewer"),
            helper,
        )
