"""The desk of the demo company: a team, queues, macros, and a working day's tickets, all made through the verbs."""

from datetime import datetime, timedelta
from typing import Any

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions as contacts
from nightdesk.customers.models import Contact, Customer, Service
from nightdesk.desk import actions as desk
from nightdesk.desk import bulk_actions
from nightdesk.desk.actions import Words
from nightdesk.desk.models import Queue, Ticket
from nightdesk.people import actions as people
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import actor_of_person

CALLERS = (
    ("Harbour Foods", "Sara Lindgren", "sara@harbour.example", "+442079460110", "Operations"),
    ("Harbour Foods", "Dev Patel", "dev@harbour.example", "+442079460111", "Approver"),
    ("Mill Lane Surgery", "Ruth Abbott", "ruth@mill.example", "+442079460112", "Practice manager"),
    ("Tidewater Books", "Tom Hale", "tom@tidewater.example", "+442079460113", "Owner"),
    ("Cobbler & Sons", "Iris Cobb", "iris@cobbler.example", "+442079460114", "Owner"),
    ("Nordkai Logistik", "Henrike Voss", "henrike@nordkai.example", "+494023456115", "IT"),
)


class Day:
    """The people of the story and the hour that it is told to; `ago` gives an instant before it."""

    def __init__(self, brand: Brand, at: datetime) -> None:
        self.brand, self.at = brand, at
        self.staff = {person.name.split()[0]: person for person in Person.objects.filter(user__email__contains="quays")}
        self.contacts = {contact.name.split()[0]: contact for contact in Contact.objects.filter(customer__brand=brand)}
        self.services = {service.key: service for service in Service.objects.filter(brand=brand)}
        self.queues: dict[str, Queue] = {}
        self.teams: dict[str, Team] = {}

    def ago(self, **before: float) -> datetime:
        """So long before now."""
        return self.at - timedelta(**before)

    def doing(self, name: str, at: datetime, via: Door = Door.WEB) -> dict[str, Any]:
        """By, via and at of somebody of ours or of a customer's."""
        if name in self.staff:
            return {"by": actor_of_person(self.staff[name].pk), "via": via, "at": at}
        contact = self.contacts[name]
        return {"by": Actor("contact", str(contact.pk), contact.name), "via": via, "at": at}

    def wrote(self, name: str, at: datetime, title: str, text: str, service: str, **more: Any) -> Ticket:
        """A customer's mail became a ticket."""
        contact = self.contacts[name]
        return desk.open_ticket(
            brand_id=self.brand.pk,
            title=title,
            words=Words(text),
            contact_id=contact.pk,
            trust=Ticket.Trust.VERIFIED,
            service_id=self.services[service].pk,
            **{"queue_id": self.queues["Support"].pk, "wakes": False, **more},
            **self.doing(name, at, Door.EMAIL),
        )

    def rang(self, agent: str, name: str, at: datetime, title: str, text: str, service: str, **more: Any) -> Ticket:
        """A colleague took down what a caller said."""
        return desk.open_ticket(
            brand_id=self.brand.pk,
            title=title,
            words=Words(text),
            contact_id=self.contacts[name].pk,
            service_id=self.services[service].pk,
            **{"queue_id": self.queues["Support"].pk, "wakes": False, **more},
            **self.doing(agent, at, Door.WEB),
        )


def open_desk(brand: Brand, at: datetime) -> list[Ticket]:
    """The desk as it stands at `at`; its tickets."""
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    for company, name, address, phone, role in CALLERS:
        customer = Customer.objects.get(brand=brand, name=company)
        made = customers.make_contact(
            customer_id=customer.pk, name=name, email=address, phone=phone, role=role, **doing
        )
        if role == "Approver":
            contacts.set_contact_standing(contact_id=made.pk, changes={"may_authorise": True}, **doing)
    day = Day(brand, at)
    _set_up(day, doing)
    _macros(day, doing)
    return [*_this_morning(day), *_behind_the_desk(day), *_waiting(day), *_over(day)]


def _set_up(day: Day, doing: dict[str, Any]) -> None:
    brand_id, manager = day.brand.pk, day.staff["Ines"].pk
    team = people.make_team(brand_id=brand_id, name="Desk", manager_id=manager, **doing)
    members = [day.staff["Mikael"].pk, manager]
    people.set_team_members(team_id=team.pk, person_ids=members, manager_id=manager, **doing)
    day.teams = {each.name: each for each in Team.objects.filter(brand=brand_id)}
    engineers = day.teams["Night engineers"]
    desk.save_desk_rules(brand_id=brand_id, fields={"owner_id": team.pk}, **doing)
    desk.save_team_rule(team_id=team.pk, level="1", contact_kinds=[], **doing)
    desk.save_team_rule(team_id=engineers.pk, level="2", contact_kinds=["question", "site_visit"], **doing)
    for name, address, waits in (
        ("Support", "support@quayside.example", False),
        ("Accounts", "accounts@quayside.example", True),
        ("Installs and moves", "", True),
    ):
        day.queues[name] = desk.save_queue(
            brand_id=brand_id, name=name, address=address, team_id=team.pk, waits_for_day=waits, **doing
        )


def _macros(day: Day, doing: dict[str, Any]) -> None:
    speed = (
        "Hello {name},\n\nso that we see the same as you: please run https://speed.quayside.example twice, once by cable, "
        "and send us both results and the times.\n\n{me}, Quayside Networks"
    )
    sales = [
        {"verb": "edit", "values": {"queue_id": day.queues["Accounts"].pk}},
        {"verb": "tag", "values": {"add": ["invoice"]}},
    ]
    reply = {"verb": "reply", "values": {"text": speed, "then": "wait"}}
    bulk_actions.save_macro(brand_id=day.brand.pk, name="Ask for a speed test", steps=[reply], **doing)
    bulk_actions.save_macro(brand_id=day.brand.pk, name="To Accounts", steps=sales, **doing)


def _this_morning(day: Day) -> list[Ticket]:
    """New, or the desk's own."""
    slow = day.wrote(
        "Sara",
        day.ago(minutes=52),
        "Internet at the cold store crawls since this morning",
        "Good morning,\n\nsince about seven the line at the cold store is very slow, and the scanners lose their connection "
        "again and again. The office upstairs is fine. We load the first lorry at noon, so it would be good to know soon.\n\n"
        "Sara Lindgren\nHarbour Foods",
        "lines",
        impact="high",
        urgency="medium",
    )
    bounce = day.wrote(
        "Tom",
        day.ago(minutes=34),
        "Order confirmations do not arrive at gmail.com",
        "Customers with a Gmail address tell me that they get no confirmation of their order. Others do. I have changed "
        "nothing. One bounce is below:\n\n550-5.7.26 This mail has been blocked because the sender is unauthenticated.",
        "mail",
    )
    phones = day.rang(
        "Mikael",
        "Ruth",
        day.ago(minutes=95),
        "Reception hears callers, callers do not hear reception",
        "Ruth rang from her mobile: since the weekend callers on the main number do not hear reception. Internal calls are "
        "fine. She has restarted the phone twice.",
        "mail",
        impact="high",
        urgency="high",
        next_step="Ring Ruth back with what the trace shows",
        next_step_at=day.ago(minutes=20),
    )
    desk.start_ticket(ticket_id=phones.id, **day.doing("Mikael", day.ago(minutes=94)))
    desk.reply_to_customer(
        ticket_id=phones.id,
        words=Words(
            "Hello Ruth,\n\nsorry for this. We see your calls leave without sound on the way out; an engineer is reading a "
            "trace. I ring you at the latest in an hour.\n\nMikael Lind, Quayside Networks"
        ),
        why_now="The surgery is open",
        **day.doing("Mikael", day.ago(minutes=88)),
    )
    desk.note_ticket(
        ticket_id=phones.id,
        words=Words(
            "Trace is on the file share. @Priya can you look at the SDP? Looks like the new firewall.", public=False
        ),
        mentions=[day.staff["Priya"].pk],
        **day.doing("Mikael", day.ago(minutes=70)),
    )
    password = day.rang(
        "Mikael",
        "Sara",
        day.ago(minutes=12),
        "New password for the firewall’s portal",
        "Sara says that the colleague who kept it has left, and asks for a new password and for their account to be closed.",
        "lines",
        kind="request",
        needs_proof=True,
        tags=["access"],
    )
    desk.start_ticket(ticket_id=password.id, **day.doing("Mikael", day.ago(minutes=11)))
    return [slow, bounce, phones, password]


def _behind_the_desk(day: Day) -> list[Ticket]:
    """With the second line; the desk owns them."""
    engineers = day.teams["Night engineers"].pk
    flap = day.wrote(
        "Henrike",
        day.ago(hours=20),
        "LON-1187 drops for a minute, four times a day",
        "Guten Tag,\n\nour line LON-1187 is gone for about a minute, four times yesterday (09:12, 11:40, 15:02, 16:31). "
        "The tunnels need five more minutes each time. Can you look at your side?\n\nHenrike Voss",
        "dock-street",
        impact="medium",
        urgency="high",
        tags=["lon-1187"],
    )
    desk.start_ticket(ticket_id=flap.id, **day.doing("Mikael", day.ago(hours=19.5)))
    desk.escalate_functionally(
        ticket_id=flap.id,
        team_id=engineers,
        why="The optic was swapped twice this week and it still drops. Is it the patch, or the carrier’s side?",
        next_step="Priya says whether it is our patch or the carrier",
        next_step_at=day.at + timedelta(hours=2),
        **day.doing("Mikael", day.ago(hours=19)),
    )
    desk.assign_ticket(
        ticket_id=flap.id,
        person_id=day.staff["Priya"].pk,
        team_id=engineers,
        **day.doing("Priya", day.ago(hours=3)),
    )
    desk.start_ticket(ticket_id=flap.id, **day.doing("Priya", day.ago(hours=2.9)))
    zone = day.wrote(
        "Tom",
        day.ago(days=1, hours=3),
        "Please set an SPF and a DMARC record for tidewater.example",
        "As discussed on the phone: SPF with your servers only, DMARC with p=none and reports to me.",
        "dns",
        kind="request",
        impact="low",
        urgency="medium",
    )
    desk.edit_ticket(
        ticket_id=zone.id,
        fields={"night_ok": True, "night_why": "Ten minutes, touches nobody, and has no hurry"},
        **day.doing("Ines", day.ago(hours=22)),
    )
    desk.set_next_step(
        ticket_id=zone.id,
        next_step="Set both records and send Tom the test result",
        next_step_at=day.at + timedelta(hours=26),
        **day.doing("Ines", day.ago(hours=22)),
    )
    return [flap, zone]


def _waiting(day: Day) -> list[Ticket]:
    """Waiting for somebody else."""
    fax = day.wrote(
        "Iris",
        day.ago(days=2),
        "Fax number after the move",
        "Can we keep the fax number when we move to the new shop in March?",
        "lines",
        kind="request",
        impact="low",
        urgency="low",
    )
    desk.reply_to_customer(
        ticket_id=fax.id,
        words=Words(
            "Hello Iris,\n\nyes. Which day do you move, and who signs for it?\n\nInes Duarte, Quayside Networks"
        ),
        then="wait",
        why_now="In time for the owner’s reply",
        next_step_at=day.at + timedelta(days=1),
        **day.doing("Ines", day.ago(days=1, hours=20)),
    )
    move = day.rang(
        "Ines",
        "Iris",
        day.ago(days=3),
        "Move of the line to 14 Canal Row",
        "Iris wants the line moved on a Saturday. The contract says that moves are not done at night or at the weekend.",
        "lines",
        kind="request",
        work_type="move",
        impact="low",
        urgency="medium",
        queue_id=day.queues["Installs and moves"].pk,
    )
    desk.assign_ticket(ticket_id=move.id, person_id=day.staff["Ines"].pk, **day.doing("Ines", day.ago(days=3)))
    desk.wait_ticket(
        ticket_id=move.id,
        reason="awaiting_supplier",
        next_step="Ask the carrier for the date of the new tail",
        next_step_at=day.at + timedelta(hours=5),
        **day.doing("Ines", day.ago(days=2, hours=22)),
    )
    change = day.wrote(
        "Sara",
        day.ago(days=4),
        "Second line for the new warehouse",
        "We would like a second, separate line at the new warehouse before Easter.",
        "lines",
        kind="request",
        work_type="install",
        impact="medium",
        urgency="low",
        queue_id=day.queues["Installs and moves"].pk,
        tags=["project"],
    )
    desk.assign_ticket(ticket_id=change.id, person_id=day.staff["Ines"].pk, **day.doing("Ines", day.ago(days=4)))
    desk.wait_ticket(
        ticket_id=change.id,
        reason="awaiting_change",
        next_step="Survey of the route comes back",
        next_step_at=day.at + timedelta(days=3),
        **day.doing("Ines", day.ago(days=3, hours=20)),
    )
    invoice = day.wrote(
        "Henrike",
        day.ago(hours=6),
        "Invoice 2214: the second port is on it twice",
        "Please correct invoice 2214, the second port is charged twice.",
        "dock-street",
        kind="request",
        impact="low",
        urgency="low",
        queue_id=day.queues["Accounts"].pk,
        tags=["invoice"],
    )
    return [fax, move, change, invoice]


def _over(day: Day) -> list[Ticket]:
    """Solved, closed, and one that was none."""
    full = day.wrote(
        "Ruth",
        day.ago(days=1, hours=5),
        "Mailbox full, no mail comes in",
        "The mailbox reception@ says it is full and new mail is refused.",
        "mail",
        impact="medium",
        urgency="high",
    )
    desk.start_ticket(ticket_id=full.id, **day.doing("Mikael", day.ago(days=1, hours=4.8)))
    desk.resolve_ticket(
        ticket_id=full.id,
        what_was_wrong="The mailbox had reached its 10 GB: ten years of scanned faxes.",
        what_was_done="It has 25 GB now, and mail that was refused is being sent again by its senders.",
        what_to_do="Nothing. Scans of more than a year may be moved to the archive folder.",
        **day.doing("Mikael", day.ago(days=1, hours=4)),
    )
    router = day.wrote(
        "Sara",
        day.ago(days=6),
        "Office line down",
        "The office has had no internet since 10:15.",
        "lines",
        impact="high",
        urgency="high",
    )
    desk.start_ticket(ticket_id=router.id, **day.doing("Mikael", day.ago(days=5, hours=23.9)))
    desk.resolve_ticket(
        ticket_id=router.id,
        what_was_wrong="The router’s power supply had failed.",
        what_was_done="A new one was brought and fitted at 11:40.",
        what_to_do="Nothing.",
        **day.doing("Mikael", day.ago(days=5, hours=22)),
    )
    desk.close_ticket(ticket_id=router.id, **day.doing("Mikael", day.ago(days=2)))
    spam = day.wrote(
        "Tom",
        day.ago(hours=9),
        "Fwd: Your domain expires today!!",
        "Is this real?",
        "dns",
        impact="low",
        urgency="low",
    )
    desk.note_ticket(
        ticket_id=spam.id,
        words=Words("A well-known fraud; told Tom on the phone that ours come from accounts@ only.", public=False),
        **day.doing("Mikael", day.ago(hours=8.5)),
    )
    desk.cancel_ticket(ticket_id=spam.id, why="Somebody else’s spam", **day.doing("Mikael", day.ago(hours=8.4)))
    return [full, router, spam]
