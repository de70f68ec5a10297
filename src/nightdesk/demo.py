"""Quayside Networks, a small provider that does not exist: something to look at, and to be paged by.

Everything is made through the verbs, as an operator would. Numbers are from the ranges that Ofcom and the Bundesnetzagentur
keep free for stories, AS numbers and addresses from those kept free for documentation.
"""

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django.db import transaction

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.months import month_of
from nightdesk.base.promises import void_promises
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.customers import actions as customers
from nightdesk.demo_approaches import compare_approaches
from nightdesk.demo_bureau import OPERATOR, open_bureau
from nightdesk.demo_desk import open_desk
from nightdesk.demo_figures import count_up
from nightdesk.demo_network import build_network
from nightdesk.demo_outages import tell_outages
from nightdesk.demo_phone import ring_up
from nightdesk.demo_plans import plan_next_month
from nightdesk.demo_rota_pony import hand_over
from nightdesk.demo_rota_skills import teach_company
from nightdesk.demo_safety import go_to_a_site
from nightdesk.duty import actions as duty
from nightdesk.duty.models import Hold
from nightdesk.knowledge import actions as procedures
from nightdesk.knowledge import briefing_actions, spare_actions, wording_actions
from nightdesk.paging import actions as paging
from nightdesk.paging import decide
from nightdesk.paging.models import Integration, Page
from nightdesk.people import actions as people
from nightdesk.people import hours_actions
from nightdesk.people.queries import actor_of_person
from nightdesk.rota import actions as rota
from nightdesk.rota import work_actions

SLUG = "quayside"
NIGHTS_AGO = 6
"""So many past nights stand in the journal."""


@dataclass(frozen=True)
class Member:
    """Somebody of the demo company; `phone` is E.164."""

    name: str
    email: str
    phone: str
    zone: str
    roles: tuple[str, ...]


AMARA = Member("Amara Okafor", "amara@quayside.example", "+447700900101", "Europe/London", ("engineer",))
JONAS = Member("Jonas Weber", "jonas@quayside.example", "+4915200000102", "Europe/Berlin", ("engineer",))
PRIYA = Member("Priya Nair", "priya@quayside.example", "+447700900103", "Europe/London", ("engineer",))
MIKAEL = Member("Mikael Lind", "mikael@quayside.example", "+447700900104", "Europe/London", ("engineer", "desk"))
INES = Member("Ines Duarte", "ines@quayside.example", "+447700900105", "Europe/London", ("manager", "admin"))
STAFF = (AMARA, JONAS, PRIYA, MIKAEL, INES)
ENGINEERS = (AMARA, JONAS, PRIYA, MIKAEL)

OFFICE_WEEK = [[["09:00", "12:30"], ["13:30", "17:30"]]] * 5 + [[], []]
LONG_WEEK = [[["08:00", "20:00"]]] * 5 + [[["09:00", "13:00"]], []]
SERVICES = {
    "lines": "Internet lines",
    "dock-street": "Dock Street network",
    "mail": "Mail",
    "voice": "Office phones",
    "dns": "DNS",
}
TARGETS = {
    "P1": {"respond": "PT30M", "fix": "PT4H", "clock": "wall"},
    "P2": {"respond": "PT1H", "fix": "PT8H", "clock": "open"},
    "P3": {"respond": "PT4H", "fix": "PT24H", "clock": "open"},
}
CUSTOMERS: tuple[dict[str, Any], ...] = (
    {"name": "Harbour Foods", "ref": "HF-100", "cover": "full", "may_wake": ["P1", "P2"], "buys": ("lines", "voice")},
    {"name": "Mill Lane Surgery", "ref": "ML-101", "cover": "full", "may_wake": ["P1"], "buys": ("lines", "mail")},
    {"name": "Tidewater Books", "ref": "TB-102", "cover": "email_only", "may_wake": [], "buys": ("mail", "dns")},
    {"name": "Cobbler & Sons", "ref": "CS-103", "cover": "nothing", "may_wake": [], "buys": ("lines",)},
    {
        "name": "Nordkai Logistik",
        "ref": "NL-104",
        "cover": "full",
        "may_wake": ["P1"],
        "buys": ("dock-street", "voice"),
    },
)
PAST_NIGHTS = (
    ("Circuit LON-1187 flaps", "dock-street", "error", 7, "The carrier replaced an optic at Dock Street."),
    ("Mail queue grows on mx3", "mail", "error", 3, "One sender was looping; blocked, and the queue ran empty."),
    ("Core switch sw2 at Dock Street does not answer", "dock-street", "critical", 2, "Power supply swapped by Mikael."),
    ("Resolver ns2 answers slowly", "dns", "critical", 5, "A zone transfer went round in circles; fixed the serial."),
    ("SIP trunk 3 rejects calls", "voice", "error", 11, "Certificate had run out; renewed, and put on the watch list."),
    ("Circuit LON-1187 flaps", "dock-street", "error", 4, "Same optic again: moved to the spare port."),
)

SWITCH_DARK = """\
Everything behind a dark switch is down for all its customers. **Do not restart it before you know that it has power.**

- [ ] Is it alone? Look whether its neighbours answer: `sw1` and `sw3` hang on the same supply.
- [ ] Ring the site (020 7946 0112, Dock Street reception) and have somebody look at the lamps.
- [ ] Power there, lamps dark: swap the supply. Two lie in cage 2, shelf 3.
- [ ] No power: ring the landlord's night number, and note their reference here.
- [ ] Back? Check the first three ports, then say what fixed it.

### If you cannot get in

The key safe is left of the door; the code is in the vault under *Dock Street*. Never go in alone at night without a
check-in.
"""
LINE_FLAPS = """\
A line that comes and goes is nearly always the carrier's optic or ours.

- [ ] Compare light levels with yesterday's: below -14 dBm it is the optic.
- [ ] Open a ticket with the carrier; note their reference and the care level.
- [ ] Move the customer to the spare port if it flaps more than ten times in an hour.

| carrier | night number | ask for |
| --- | --- | --- |
| Estuary | 020 7946 0199 | the NOC, *care level 4* |
| Downland | 020 7946 0177 | faults, then option 2 |
"""
MAIL_QUEUE = """\
1. `mailq | tail` on the machine that the alarm names.
2. One sender with thousands of mails is a loop or a stolen password:
   - [ ] block the sender
   - [ ] tell the desk who it is
3. Many senders, one destination: they refuse us. Let it stand, and look again in an hour.
"""
CALL_BACK = """\
Whoever asks for a password, a second factor or a way past either is called back.

- [ ] Call back at the number that **we** have of them, never at one that they give.
- [ ] No answer, or no number: a named approver of the customer has to say yes in writing.
- [ ] Note who proved it, and how.
"""
PROCEDURES: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...], str, Member], ...] = (
    ("A switch at Dock Street is dark", SWITCH_DARK, ("dock-street",), ("alarm",), "sw*", MIKAEL),
    ("A line flaps", LINE_FLAPS, ("lines", "dock-street"), ("alarm", "incident", "call"), "", AMARA),
    ("The mail queue grows", MAIL_QUEUE, ("mail",), ("alarm", "incident"), "", PRIYA),
    ("Somebody asks for a password", CALL_BACK, (), ("access", "call", "request"), "", INES),
)
SAYINGS = (
    (
        "A fault that we know of",
        "We know that it is not working, and an engineer is on it. May I text you when it is?",
        (),
    ),
    (
        "A line is down",
        "I am sorry. Is the small lamp on the white box red? I open a ticket, and you hear from us.",
        ("lines",),
    ),
    ("Mail is late", "Mails wait in a queue and none is lost. They arrive on their own.", ("mail",)),
)
ACK = """\
Dear {{ contact }},

we have your message, and its number is {{ ticket }}. {{ expectation }}

If it cannot wait, ring {{ night_number }}: that wakes an engineer.

What we know to be wrong now: {{ outages }}

What helps meanwhile: {{ workaround }}

{{ brand }}"""
ACK_IN_GERMAN = """\
Guten Tag {{ contact }},

Ihre Nachricht ist da und hat die Nummer {{ ticket }}. {{ expectation }}

Wenn es nicht warten kann, rufen Sie {{ night_number }} an: dann wird jemand geweckt.

Was zur Zeit gestört ist: {{ outages }}

Was bis dahin hilft: {{ workaround }}

{{ brand }}"""
FIXED = """\
Dear {{ contact }},

{{ what_was_wrong }}. {{ what_was_done }}. {{ what_to_do }}.

{{ agent }}, {{ brand }}"""
LAMPS = """\
Dear {{ contact }},

which lamps are lit on the white box, and in which colour? That tells us whose fault it is.

{{ agent }}"""
TEMPLATES = (
    ("auto_reply", "It has come", "en-gb", "We have your message: {{ ticket }}", ACK),
    ("auto_reply", "It has come", "de", "Ihre Nachricht ist da: {{ ticket }}", ACK_IN_GERMAN),
    ("closing", "It is fixed", "en-gb", "Fixed: {{ title }}", FIXED),
    ("reply", "Light on the box", "en-gb", "", LAMPS),
)
SPARES = (
    ("Dock Street", "Power supply for sw1 to sw4", "cage 2, shelf 3", "Reception, 020 7946 0112, day and night", 2, 1),
    ("Dock Street", "Optic SFP+ LR, 10 km", "cage 2, drawer A", "Reception, 020 7946 0112, day and night", 1, 2),
    ("Harbour House", "Customer router, configured", "comms room, left", "Caretaker Mr Bell, 020 7946 0131", 4, 1),
)
VOICE_BRIEFING = """\
From Monday on new customers' phones run on the **second voice platform**.

- Its alarms come as *Voice B*; the procedures are the same.
- The SIP trunks are monitored every minute; a rejected call pages as P2.
- Numbers are moved on Tuesdays and Thursdays before 08:00 only.

Questions: ask Priya before the weekend.
"""


def is_loaded() -> bool:
    """Whether the demo company is there."""
    return Brand.objects.filter(slug=SLUG).exists()


@transaction.atomic
def load(at: datetime) -> dict[str, str]:
    """Make the company as of `at`, with its past nights; e-mail address -> password of everybody who can log in."""
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    brand = access.make_brand(name="Quayside Networks", slug=SLUG, zone="Europe/London", region="GB", **doing)
    # Made up anew each time: a demo that somebody leaves running must not open with a password from a manual.
    password = f"quay-{secrets.token_hex(3)}-{secrets.token_hex(2)}"
    ids = {member: _hire(member, brand, password, doing) for member in STAFF}
    team = people.make_team(brand_id=brand.id, name="Night engineers", manager_id=ids[INES], **doing)
    people.set_team_members(
        team_id=team.id, person_ids=[ids[member] for member in ENGINEERS], manager_id=ids[INES], **doing
    )
    _plan(brand, ids, at, doing)
    hours = _customers(brand, at, doing)
    integrations = _paging(brand, team.id, hours, doing)
    _known(brand, team.id, ids, hours["services"], at, doing)
    build_network(brand, doing)
    teach_company(brand, at, doing)
    _past_nights(integrations, at)
    for ticket in open_desk(brand, at):
        _as_if_sent("ticket", ticket.id, at)
    tell_outages(brand, at, _as_if_sent)
    hand_over(at, doing)
    ring_up(brand, at, _as_if_sent)
    plan_next_month(brand, at, doing)
    go_to_a_site(brand, at, doing)
    compare_approaches(brand, at, doing)
    open_bureau(brand, at, password, _as_if_sent)
    count_up(brand, at, doing)
    for kind, subject_id in Delivery.objects.filter(ended_at=None, due_at__lte=at).values_list(
        "subject_kind", "subject_id"
    ):
        _as_if_sent(kind, subject_id, at)
    return dict.fromkeys((*(member.email for member in STAFF), OPERATOR[1]), password)


def alarm(at: datetime, title: str = "Core switch sw2 at Dock Street does not answer") -> Page:
    """A page as monitoring would raise it now."""
    brand = Brand.objects.get(slug=SLUG)
    integration = Integration.objects.get(brand=brand, name="Network monitoring")
    return paging.trigger_page(
        brand_id=brand.id,
        title=title,
        priority="P1",
        policy_id=integration.policy_id,
        team_id=integration.team_id,
        service_id=integration.service_id,
        component="sw2",
        by=SCHEDULER,
        via=Door.CLI,
        at=at,
    )


def _hire(member: Member, brand: Brand, password: str, doing: dict[str, Any]) -> int:
    user = access.make_user(email=member.email, name=member.name, password=password, brand_id=brand.id, **doing)
    for role in member.roles:
        access.grant_role(user_id=user.id, role=role, brand_id=None if role == "admin" else brand.id, **doing)
    person = people.make_person(name=member.name, zone=member.zone, user_id=user.id, brand_id=brand.id, **doing)
    text = people.add_contact_method(person_id=person.id, channel="sms", address=member.phone, label="mobile", **doing)
    mail = people.add_contact_method(person_id=person.id, channel="email", address=member.email, label="work", **doing)
    pocket = people.add_contact_method(person_id=person.id, channel="pocket", address="", label="Pocket", **doing)
    for method in (text, mail, pocket):
        people.confirm_contact_method(method_id=method.id, **doing)
    people.set_notify_rules(
        person_id=person.id,
        rules=[
            people.RuleWanted("high", text.id),
            people.RuleWanted("high", pocket.id),
            people.RuleWanted("high", mail.id, timedelta(minutes=1)),
            people.RuleWanted("low", mail.id),
        ],
        **doing,
    )
    return person.id


def _plan(brand: Brand, ids: dict[Member, int], at: datetime, doing: dict[str, Any]) -> None:
    """Night duty by the week with a backup half a round behind, and a desk by the working day."""
    rota.make_rota(
        brand_id=brand.id,
        name="Out of hours",
        zone="Europe/London",
        seats=[
            {"key": "night", "name": "Night duty", "acceptance_required": False},
            {"key": "backup", "name": "Backup", "acceptance_required": False},
        ],
        **doing,
    )
    rota.make_rota(
        brand_id=brand.id,
        name="Desk",
        zone="Europe/London",
        seats=[{"key": "desk", "name": "Desk queue", "acceptance_required": True}],
        **doing,
    )
    # Turns begin on a Monday some weeks ago, so that the month's picture is full on both sides.
    monday = (at - timedelta(days=at.weekday() + 28)).date()
    night = {"anchor": f"{monday}T08:00", "turn": "week", "every": 1}
    first = [AMARA, JONAS, PRIYA, MIKAEL]
    second = [JONAS, PRIYA, MIKAEL, AMARA]
    rota.set_layers(seat_key="night", layers=[{**night, "members": [{"person": ids[m]} for m in first]}], **doing)
    rota.set_layers(seat_key="backup", layers=[{**night, "members": [{"person": ids[m]} for m in second]}], **doing)
    rota.set_layers(
        seat_key="desk",
        layers=[
            {
                "anchor": f"{monday}T09:00",
                "turn": "working_day",
                "members": [{"person": ids[m]} for m in (MIKAEL, INES, PRIYA)],
                "restrict": [{"weekdays": [0, 1, 2, 3, 4], "opens": "09:00", "closes": "17:30"}],
                "nation": "GB",
            }
        ],
        **doing,
    )
    for seat, who in (("night", AMARA), ("backup", JONAS), ("desk", MIKAEL)):
        duty.set_first_holder(seat_key=seat, person_id=ids[who], **doing)
    _hours(ids, at, doing)


def _hours(ids: dict[Member, int], at: datetime, doing: dict[str, Any]) -> None:
    """How the seats count, and what limits some of the people."""
    for seat, counts, minutes in (("night", "called_only", 30), ("backup", "called_only", 60), ("desk", "all", None)):
        counting: dict[str, Any] = {"counts": counts, "response_minutes": minutes, "fixed_place": False}
        work_actions.set_counting(seat_key=seat, why="Agreed with the team in March.", **counting, **doing)
    since = (at - timedelta(weeks=30)).date()
    terms: hours_actions.TermsWanted = {"weekly_hours": Decimal("37.5"), "employed_on": since}
    for member in ENGINEERS:
        hours_actions.set_terms(person_id=ids[member], terms=terms, **doing)
    first = at + timedelta(days=40)
    hours_actions.record_absence(
        person_id=ids[INES], absence="leave", starts_at=first, ends_at=first + timedelta(days=5), **doing
    )
    hours_actions.record_restriction(
        person_id=ids[PRIYA],
        restriction="no_site_visits",
        starts_on=at.date(),
        ends_on=(at + timedelta(days=60)).date(),
        **doing,
    )
    for days, minutes in ((9, 50), (5, 25), (2, 40)):
        called_at = (at - timedelta(days=days)).replace(hour=2, minute=30)
        work_actions.note_called(
            person_id=ids[JONAS],
            minutes=minutes,
            off_duty=days == 5,
            note="a line was down",
            **doing | {"at": called_at},
        )


def _customers(brand: Brand, at: datetime, doing: dict[str, Any]) -> dict[str, Any]:
    common: dict[str, Any] = {"zone": "Europe/London", "nation": "GB", "subdivision": "ENG", "public": True}
    office = customers.make_hours(
        brand_id=brand.id,
        fields=cast("customers.HoursFields", {"name": "Office hours", "week": OFFICE_WEEK, **common}),
        **doing,
    )
    long = customers.make_hours(
        brand_id=brand.id,
        fields=cast("customers.HoursFields", {"name": "Extended hours", "week": LONG_WEEK, **common}),
        **doing,
    )
    services = {
        key: customers.make_service(brand_id=brand.id, key=key, name=name, **doing) for key, name in SERVICES.items()
    }
    for number, wanted in enumerate(CUSTOMERS):
        customer = customers.make_customer(brand_id=brand.id, name=wanted["name"], ref=wanted["ref"], **doing)
        customers.make_contract(
            customer_id=customer.id,
            name={"full": "24-hour cover", "email_only": "Office hours and e-mail", "nothing": "Office hours"}[
                wanted["cover"]
            ],
            hours_id=(long if wanted["cover"] == "full" else office).id,
            out_of_hours=wanted["cover"],
            may_wake=wanted["may_wake"],
            targets=TARGETS,
            not_at_night=["install", "move"],
            valid_from=date(at.year - 1, 1, 1),
            **doing,
        )
        word = wanted["name"].split()[0].lower()
        customers.make_contact(
            customer_id=customer.id,
            name=f"{wanted['name']} office",
            email=f"it@{word}.example",
            phone=f"+4420794601{number:02d}",
            role="IT",
            **doing,
        )
        for key in wanted["buys"]:
            customers.make_subscription(
                customer_id=customer.id, service_id=services[key].id, label=f"{wanted['ref']}-{key}", **doing
            )
    customers.make_peer(
        brand_id=brand.id,
        name="Estuary Exchange",
        as_number=64496,
        noc_email="noc@estuary.example",
        noc_phones=["+442079460199"],
        **doing,
    )
    return {"hours": long, "services": services}


def _paging(brand: Brand, team_id: int, made: dict[str, Any], doing: dict[str, Any]) -> dict[str, Integration]:
    ladder = decide.Policy(
        steps=(
            decide.Step(timedelta(0), (decide.Target("seat", "night"),)),
            decide.Step(timedelta(minutes=2), (decide.Target("seat", "backup"),)),
            decide.Step(timedelta(minutes=5), (decide.Target("team", str(team_id)),)),
        ),
        repeat=1,
    )
    policy = paging.save_policy(brand_id=brand.id, name="Night ladder", policy=ladder, **doing)
    integrations = {}
    for key, name, kind in (
        ("dock-street", "Network monitoring", "alertmanager"),
        ("mail", "Server monitoring", "pagerduty_v2"),
    ):
        integrations[key], _secret = paging.make_integration(
            brand_id=brand.id,
            name=name,
            format=kind,
            policy_id=policy.id,
            team_id=team_id,
            service_id=made["services"][key].id,
            hours_id=made["hours"].id,
            may_wake=["P1", "P2"],
            **doing,
        )
    return integrations


def _known(
    brand: Brand, team_id: int, ids: dict[Member, int], services: dict[str, Any], at: datetime, doing: dict[str, Any]
) -> None:
    """Procedures, what to say, texts, spares, and a briefing of a week ago that one has not confirmed."""
    for title, body, keys, calls, part, owner in PROCEDURES:
        where: procedures.ProcedureChanges = {
            "service_ids": [services[key].id for key in keys],
            "calls": calls,
            "part": part,
            "owner_id": ids[owner],
        }
        theirs = doing | {"by": actor_of_person(ids[owner])}
        row = procedures.make_procedure(brand_id=brand.id, title=title, body=body, where=where, **theirs)
        procedures.publish_procedure(procedure_id=row.pk, number=1, **theirs)
    for title, text, keys in SAYINGS:
        said = wording_actions.save_saying(
            brand_id=brand.id, title=title, text=text, service_ids=[services[key].id for key in keys], **doing
        )
        wording_actions.approve_saying(saying_id=said.pk, **doing)
    for use, name, language, subject, body in TEMPLATES:
        wording_actions.save_template(
            brand_id=brand.id, use=use, name=name, language=language, subject=subject, body=body, **doing
        )
    for site, what, place, contact, count, low_at in SPARES:
        spare_actions.save_spare(
            brand_id=brand.id,
            site=site,
            what=what,
            place=place,
            contact=contact,
            count=count,
            low_at=low_at,
            **doing,
        )
    briefing = briefing_actions.make_briefing(
        brand_id=brand.id,
        title="The second voice platform",
        body=VOICE_BRIEFING,
        service_id=services["voice"].id,
        team_ids=[team_id],
        due_at=at + timedelta(days=4),
        remind_days=0,
        **doing,
    )
    # Nobody is told of it now: they were, when it was written.
    void_promises(("briefing", briefing.pk), at=at)
    for member in (PRIYA, JONAS):
        briefing_actions.confirm_briefing(briefing_id=briefing.pk, by=actor_of_person(ids[member]), via=Door.WEB, at=at)


def _past_nights(integrations: dict[str, Integration], at: datetime) -> None:
    """Pages of the last nights as they were: told, taken, fixed, and written up."""
    at_two = at.replace(hour=2, minute=13, second=0, microsecond=0)
    nights = [at_two - timedelta(days=ago) for ago in range(NIGHTS_AGO, 0, -1)]
    for began_at, (title, key, severity, minutes, fixed_by) in zip(nights, PAST_NIGHTS, strict=True):
        integration = integrations.get(key, integrations["dock-street"])
        page = paging.trigger_page(
            brand_id=integration.brand_id,
            title=title,
            priority="P1" if severity == "critical" else "P2",
            policy_id=integration.policy_id,
            team_id=integration.team_id,
            service_id=integration.service_id,
            component=title.split()[1],
            by=SCHEDULER,
            via=Door.HOOK,
            at=began_at,
        )
        _as_if_sent("page", page.id, began_at)
        holder = Hold.objects.get(seat__key="night", until_at=None).person_id
        engineer = actor_of_person(holder)
        taken_at = began_at + timedelta(minutes=minutes)
        paging.acknowledge_page(page_id=page.id, by=engineer, via=Door.SMS, at=taken_at)
        paging.note_page(page_id=page.id, text="On it.", by=engineer, via=Door.WEB, at=taken_at + timedelta(minutes=2))
        paging.resolve_page(
            page_id=page.id, resolution=fixed_by, by=engineer, via=Door.WEB, at=taken_at + timedelta(minutes=35)
        )


def _as_if_sent(kind: str, subject_id: UUID | str, at: datetime) -> None:
    """The ledger as it would read had the first texts gone out; nothing of the past is sent now."""
    rows = list(Delivery.objects.filter(subject_kind=kind, subject_id=str(subject_id), ended_at=None, due_at__lte=at))
    for number, row in enumerate(rows):
        sent_at = at + timedelta(milliseconds=380 + 90 * number)
        delivered_at = sent_at + timedelta(milliseconds=1300)
        Delivery.objects.filter(id=row.id, month=row.month).update(
            state=Delivery.State.DELIVERED,
            attempt=1,
            provider_id=f"demo-{row.id.hex[-8:]}",
            accepted_at=sent_at,
            delivered_at=delivered_at,
            ended_at=delivered_at,
        )
        Attempt.objects.create(
            month=month_of(at),
            delivery_id=row.id,
            number=1,
            route_name="demo provider",
            at=sent_at,
            took_ms=380 + 90 * number,
            outcome="accepted",
            provider_id=f"demo-{row.id.hex[-8:]}",
        )
