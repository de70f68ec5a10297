"""Two brands that share an installation, each with people, a rota, pages and customers; and one user for each role."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from nightdesk.access import actions as access
from nightdesk.access.models import Brand, Role, Session, User
from nightdesk.access.session_actions import note_session
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.files import keep_file
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from nightdesk.calls import bureau_actions, client_actions, line_actions
from nightdesk.calls.bureau_models import ScriptVersion
from nightdesk.calls.models import Call, CallEvent, Leg, Recording
from nightdesk.calls.models import Message as LeftMessage
from nightdesk.calls.stored import state_as_json
from nightdesk.calls.terms import State
from nightdesk.channels import actions as channels
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact, Customer
from nightdesk.customers.need_actions import set_skill_needs
from nightdesk.desk import actions as desk
from nightdesk.desk import agent_actions, bulk_actions, supplier_actions, time_actions
from nightdesk.desk import models as desk_models
from nightdesk.duty import actions as duty
from nightdesk.duty import cover_actions
from nightdesk.duty import handover_actions as handover
from nightdesk.duty.models import Hold, LateStart, Note
from nightdesk.duty.pairing_actions import pair_newcomer
from nightdesk.knowledge import actions as procedures
from nightdesk.knowledge import briefing_actions, run_actions, spare_actions, wording_actions
from nightdesk.mailroom import actions as mailroom
from nightdesk.outages import actions as outages
from nightdesk.outages import carrier_actions, part_actions, work_actions, work_rule_actions
from nightdesk.outages.effect import SERVICE, SUBSCRIPTION, Effect
from nightdesk.outages.models import Member, Need, Part, UnsubscribeRequest, Work, WorkNotice
from nightdesk.outages.needs_text import read_needs
from nightdesk.outages.part_import_actions import apply_parts_import
from nightdesk.outages.part_list import plan_parts
from nightdesk.paging import actions as paging
from nightdesk.paging import heartbeat_actions, silence_actions
from nightdesk.paging.beats import Expectation
from nightdesk.paging.decide import Policy as Ladder
from nightdesk.paging.decide import Step, Target
from nightdesk.paging.formats import Answer
from nightdesk.paging.models import Page, RawAlarm, Silence
from nightdesk.people import actions as people
from nightdesk.people import hours_actions, skill_actions
from nightdesk.people.models import ContactMethod, Person
from nightdesk.people.queries import actor_of_person
from nightdesk.reports import incident_actions
from nightdesk.reports.choosing_actions import save_comparison
from nightdesk.reports.models import FigureMail
from nightdesk.rota import actions as rota
from nightdesk.rota import drafts, plan_actions, planning
from nightdesk.rota.models import Override, RestOwed, Rota, Seat, Swap
from nightdesk.rota.work_actions import note_hours
from nightdesk.safety import actions as safety
from nightdesk.safety import site_actions

NIGHT = datetime(2026, 8, 15, 3, 0, tzinfo=UTC)
"""A Saturday, 04:00 on British clocks."""
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c4890000000d49444154789c6360000002000100ffff03000006000557"
    "bfabd40000000049454e44ae426082".replace(" ", "")
)
"""A PNG of one point."""
WEEK = [[["09:00", "17:30"]]] * 5 + [[], []]


@dataclass
class House:
    """A brand and one of everything in it."""

    brand: Brand
    bo: Person
    number: ContactMethod
    seat_key: str
    rota: Rota
    override: Override
    page: Page
    ids: dict[str, Any]


class Company:
    """What a test of the pages starts from. Brand "Quay" is the reader's own, brand "Pier" another's."""

    def __init__(self) -> None:
        self.at = NIGHT
        self.quay = self._house("Quay")
        self.pier = self._house("Pier")

    @property
    def doing(self) -> dict[str, Any]:
        return {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    def reader(self, *roles: str, brand: Brand | None = None, name: str = "") -> User:
        """Somebody on the staff list with these roles in the brand, by default in Quay."""
        where = brand or self.quay.brand
        name = name or " ".join(roles) or "nobody"
        user = access.make_user(
            email=f"{uuid7().hex}@quay.example", name=name, password="a quiet harbour", **self.doing
        )
        for role in roles:
            access.grant_role(user_id=user.pk, role=role, brand_id=where.pk, **self.doing)
        people.make_person(name=name, user_id=user.pk, brand_id=where.pk, **self.doing)
        return user

    def everything(self) -> User:
        """A reader with every role in Quay and none elsewhere."""
        return self.reader(*Role.values, name="Everything")

    def client(self, user: User | None = None, **more: Any) -> Client:
        client = Client(**more)
        if user is not None:
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    def actor(self, person: Person) -> Actor:
        return actor_of_person(person.id)

    def delivery(self, page: Page, person: Person) -> Delivery:
        """What the person was sent about the page."""
        return Delivery.objects.filter(subject_id=str(page.id), recipient_id=str(person.id), channel="sms").get()

    def _skilled(self, brand: Brand, name: str, seat_key: str, bo: Person) -> dict[str, Any]:
        """A skill that a service needs, and a newcomer beside whoever has the seat."""
        skill = skill_actions.save_skill(brand_id=brand.id, key="mpls", name=f"{name} MPLS", **self.doing)
        skill_actions.set_person_skill(person_id=bo.id, skill_id=skill.pk, level=2, **self.doing)
        service = customers.make_service(brand_id=brand.id, key="radio", name=f"{name} radio", **self.doing)
        set_skill_needs(of=("service", service.pk), needs={skill.pk: 3}, **self.doing)
        new = people.make_person(name=f"Ny {name}", brand_id=brand.id, **self.doing)
        team = people.make_team(brand_id=brand.id, name=f"New at {name}", **self.doing)
        people.set_team_members(team_id=team.id, person_ids=[new.id], manager_id=bo.id, **self.doing)
        skill_actions.begin_as_newcomer(person_id=new.id, **self.doing)
        pairing = pair_newcomer(
            newcomer_id=new.id, seat_key=seat_key, starts_at=self.at, ends_at=self.at + timedelta(days=9), **self.doing
        )
        return {"skill_id": skill.pk, "pairing_id": pairing.pk, "need_kind": "service", "need_id": service.pk}

    def _phone(self, name: str, brand: Brand, bo: Person, contact: Contact) -> dict[str, Any]:
        """A line with a greeting of its own, a telephone, a caller who rings Bo, and one whom we owe a call."""
        number = "+442079460100" if name == "Quay" else "+442079460200"
        wanted = line_actions.LineWanted(
            name=f"{name} support", numbers=[number], shown_number=number, pager_number=number
        )
        line = line_actions.save_line(brand_id=brand.pk, wanted=wanted, **self.doing)
        spoken = Recording.objects.create(
            brand=brand, kind="prompt", digest=keep_file(b"RIFF of " + name.encode()), seconds=2.0, made_at=self.at
        )
        line.prompts = {"greeting": str(spoken.pk)}
        line.save(update_fields=["prompts"])
        phone = line_actions.save_telephone(
            brand_id=brand.pk, name=f"{name.lower()}-desk", person_id=bo.pk, **self.doing
        )
        line_actions.set_pin(contact_id=contact.pk, **self.doing)
        came: dict[str, Any] = {"line": line, "exchange": "test", "called": number, "customer": contact.customer}
        came |= {"number": "+447700900777", "contact": contact, "known_by": "number"}
        call = Call.objects.create(
            came_at=self.at - timedelta(seconds=20), state=state_as_json(State("hunt")), step=2, **came
        )
        why = [f"{name} is known by its number.", "The queue is rung."]
        CallEvent.objects.create(call=call, number=1, at=self.at, event={}, why=why)
        Leg.objects.create(call=call, name="e1", to=phone.name, person=bo, ordered_at=self.at, ringing_at=self.at)
        said = Recording.objects.create(
            brand=brand, kind="message", digest=spoken.digest, seconds=7.0, made_at=self.at - timedelta(minutes=50)
        )
        before = Call.objects.create(
            came_at=self.at - timedelta(hours=1), ended_at=self.at - timedelta(minutes=50), ended_as="message", **came
        )
        message = LeftMessage.objects.create(
            brand=brand, line=line, call=before, kind="message", customer=contact.customer, contact=contact,
            number="+447700900777", recording=said, text=f"The {name} line is dead.",
            taken_at=self.at - timedelta(minutes=50), call_back_by=self.at - timedelta(minutes=20),
        )  # fmt: skip
        return {
            "line_id": line.pk,
            "prompt": "greeting",
            "telephone_id": phone.pk,
            "call_id": call.pk,
            "message_id": message.pk,
            "recording_id": said.pk,
        }

    def _bureau(self, brand: Brand, bo: Person) -> dict[str, Any]:
        """The brand is a client of the bureau, with an approved script; a message is being taken down."""
        client = client_actions.save_bureau_client(brand_id=brand.pk, **self.doing)
        script = client.scripts.get()
        ScriptVersion.objects.filter(script=script).update(tested_at=self.at, approved_at=self.at)
        taker = self.doing | {"by": actor_of_person(bo.pk)}
        message = bureau_actions.open_bureau_message(client_id=client.pk, **taker)
        return {
            "bureau_client_id": client.pk,
            "script_id": script.pk,
            "bureau_message_id": message.pk,
            "bureau_key": "name",
        }

    def _house(self, name: str) -> House:
        key = name.lower()
        brand = access.make_brand(name=name, slug=key, **self.doing)
        user = access.make_user(email=f"bo@{key}.example", name=f"Bo {name}", password="a quiet harbour", **self.doing)
        access.grant_role(user_id=user.pk, role="engineer", brand_id=brand.id, **self.doing)
        bo = people.make_person(name=f"Bo {name}", user_id=user.pk, brand_id=brand.id, **self.doing)
        phone = "+447700900001" if name == "Quay" else "+447700900002"
        number = people.add_contact_method(person_id=bo.id, channel="sms", address=phone, **self.doing)
        people.confirm_contact_method(method_id=number.id, **self.doing)
        pocket = people.add_contact_method(person_id=bo.id, channel="pocket", address="", **self.doing)
        people.set_notify_rules(
            person_id=bo.id,
            rules=[people.RuleWanted("high", number.id), people.RuleWanted("high", pocket.id)],
            **self.doing,
        )
        team = people.make_team(brand_id=brand.id, name=f"{name} engineers", **self.doing)
        people.set_team_members(team_id=team.id, person_ids=[bo.id], manager_id=bo.id, **self.doing)
        seat_key = f"{key}-night"
        plan = rota.make_rota(
            brand_id=brand.id,
            name=f"{name} nights",
            zone="Europe/London",
            seats=[{"key": seat_key, "name": f"{name} duty", "acceptance_required": True}],
            **self.doing,
        )
        layer = {"members": [{"person": bo.id}], "anchor": "2026-08-01T18:00", "turn": "day", "every": 1}
        rota.set_layers(seat_key=seat_key, layers=[layer], **self.doing)
        duty.set_first_holder(seat_key=seat_key, person_id=bo.id, **self.doing)
        watched = handover.add_watch_item(seat_key=seat_key, words=f"{name} fan, it is loud", **self.doing)
        handed = Note.objects.create(
            seat=watched.seat, opened_at=self.at, closed_at=self.at, hold=Hold.objects.get(seat=watched.seat)
        )
        override = rota.add_override(
            seat_key=seat_key,
            kind="remove",
            starts_at=self.at + timedelta(days=1),
            ends_at=self.at + timedelta(days=2),
            instead_of_id=bo.id,
            **self.doing,
        )
        # Of nobody but Bo: whom it asks is no matter at the doors.
        swap = Swap.objects.create(
            seat=override.seat,
            starts_at=self.at + timedelta(days=3),
            ends_at=self.at + timedelta(days=4),
            asked_by=bo,
            asked=bo,
            asked_at=self.at,
        )
        planned = self._planned_month(bo, team.id, seat_key)
        policy = paging.save_policy(
            brand_id=brand.id,
            name=f"{name} ladder",
            policy=Ladder((Step(timedelta(0), (Target("seat", seat_key),)),)),
            **self.doing,
        )
        integration, _key = paging.make_integration(
            brand_id=brand.id, name=f"{name} monitor", format="generic", policy_id=policy.id, **self.doing
        )
        paging.keep_refused_alarm(
            integration=integration,
            raw=paging.Raw("generic", json.dumps({"msg": f"{name} door is open"}).encode()),
            answer=Answer(400, (), b""),
            reason=f"'summary' of {name} is missing",
            **self.doing,
        )
        page = paging.trigger_page(
            brand_id=brand.id,
            title=f"{name} router is dark",
            priority="P1",
            policy_id=policy.id,
            component=f"{key}-r1",
            **self.doing,
        )
        calendar: Any = {"name": f"{name} hours", "zone": "Europe/London", "week": WEEK, "public": True}
        england = {"nation": "GB", "subdivision": "ENG"}
        hours = customers.make_hours(brand_id=brand.id, fields=calendar | england, **self.doing)
        customer = customers.make_customer(brand_id=brand.id, name=f"{name} Foods", ref=f"{key}-1", **self.doing)
        contact = customers.make_contact(
            customer_id=customer.id, name=f"Kim {name}", email=f"kim@{key}.example", **self.doing
        )
        customers.make_contract(
            customer_id=customer.id,
            name="Office",
            hours_id=hours.id,
            may_wake=["P1"],
            valid_from=date(2026, 1, 1),
            **self.doing,
        )
        route = channels.save_route(
            channel="sms", driver="outbox", name=f"{name} outbox", config={}, brand_id=brand.id, **self.doing
        )
        token, _secret = access.make_token(name=f"{name} token", scopes=["read"], brand_id=brand.id, **self.doing)
        dead = Promise.objects.create(
            lane="plain",
            due_at=self.at,
            created_at=self.at,
            ended_at=self.at,
            ended_as=Promise.Ending.DEAD,
            kind="duty.turn",
            subject_kind="page",
            subject_id=str(page.id),
            brand_id=brand.id,
            why=f"{name} duty passes",
        )
        mailbox = mailroom.save_mailbox(
            name=f"{name} mailbox", host="mail.example", user=key, brand_id=brand.id, **self.doing
        )
        address = mailroom.add_address(address=f"noc@{key}.example", brand_id=brand.id, **self.doing)
        head = f"From: a@b.example\nSubject: A letter about {name}\nContent-Type: multipart/mixed; boundary=b\n\n"
        file = "--b\nContent-Type: text/html; name=plan.html\n\n<script>alert(1)</script>\n--b--\n"
        raw = f"{head}--b\n\nHello, {name} <script>alert(1)</script>\n{file}"
        mail = mailroom.receive_mail(way="imap", raw=raw.encode(), mailbox=mailbox, **self.doing)
        mailroom.read_mail(mail_id=mail.id, **self.doing)
        Promise.objects.filter(subject_id=str(mail.id)).delete()
        site = site_actions.add_site(
            brand_id=brand.id, fields={"name": f"{name} hut", "address": f"1 {name} Road"}, **self.doing
        )
        walker = people.make_person(name=f"{name} walker", brand_id=brand.id, **self.doing)
        team.members.add(walker.id)
        visit = safety.declare_visit(
            site_id=site.pk,
            person_id=walker.id,
            watcher_id=bo.id,
            why=f"{name} fan",
            travel_minutes=10,
            work_minutes=30,
            **self.doing,
        )
        Promise.objects.filter(subject_id=str(visit.pk)).delete()
        heartbeat, _key = heartbeat_actions.make_heartbeat(
            brand_id=brand.id,
            name=f"{name} backup",
            expectation=Expectation(timedelta(minutes=5), timedelta(days=1)),
            integration_id=integration.id,
            **self.doing,
        )
        work = silence_actions.plan_work(
            brand_id=brand.id,
            title=f"{name} router swap",
            parts=[f"{key}-router"],
            from_at=self.at + timedelta(days=20),
            until_at=self.at + timedelta(days=20, hours=2),
            **self.doing,
        )
        contact = customers.make_contact(
            customer_id=customer.id, name=f"Cleo {name}", email=f"cleo@{key}.example", phone=phone, **self.doing
        )
        desk.save_desk_rules(brand_id=brand.id, fields={"owner_id": team.id}, **self.doing)
        queue = desk.save_queue(brand_id=brand.id, name=f"{name} support", team_id=team.id, **self.doing)
        steps = [{"verb": "tag", "values": {"add": [key]}}]
        macro = bulk_actions.save_macro(brand_id=brand.id, name=f"{name} macro", steps=steps, **self.doing)
        picture = desk.File(f"{name}.png", "image/png", PICTURE, content_id="one", inline=True)
        ticket = desk.open_ticket(
            brand_id=brand.id,
            title=f"{name} line is slow",
            words=desk.Words(
                f"It crawls at {name}.", html='<p>It crawls <img data-part="0" alt=""></p>', files=[picture]
            ),
            contact_id=contact.id,
            trust="verified",
            queue_id=queue.pk,
            tags=[key],
            wakes=False,
            by=Actor("contact", str(contact.id), contact.name),
            via=Door.EMAIL,
            at=self.at,
        )
        on_the_phone = self._phone(name, brand, bo, contact)
        carrier = supplier_actions.save_supplier(brand_id=brand.pk, name=f"{name} carrier", **self.doing)
        waits = desk.open_ticket(brand_id=brand.id, title=f"{name} cable", wakes=False, **self.doing)
        supplied = supplier_actions.open_supplier_ticket(ticket_id=waits.pk, supplier_id=carrier.pk, **self.doing)
        spent = time_actions.log_time(ticket_id=ticket.pk, minutes=5, on=self.at.date(), person_id=bo.id, **self.doing)
        said = desk_models.Entry.objects.get(ticket=ticket, kind="message_in")
        by_bo: dict[str, Any] = {"by": actor_of_person(bo.id), "via": Door.WEB, "at": self.at}
        view = agent_actions.save_view(name=f"{name} view", filters={"tag": key}, team_id=team.id, **by_bo)
        values = {"add": ["seen"]}
        bulk = bulk_actions.change_tickets(ticket_ids=[ticket.id], verb="tag", values=values, **by_bo)
        lesson = desk_models.Lesson.objects.create(
            ticket=ticket, person=bo, answered_by="Eve", answer=f"{name} fibre", made_at=self.at
        )
        Promise.objects.filter(subject_id=str(ticket.pk)).delete()
        known = self._known(name, brand, bo, page)
        ids = (
            known
            | planned
            | self._parts(name, brand, customer, contact)
            | self._planned(name, brand, customer.pk)
            | self._outage(name, brand, bo, customer)
            | self._hours(bo, seat_key)
            | on_the_phone
            | self._bureau(brand, bo)
            | {
                "ticket_id": ticket.id,
                "said_id": said.id,
                "attachment_id": said.attachments.get().id,
                "queue_id": queue.pk,
                "figure_mail_id": FigureMail.objects.create(brand=brand, name=f"{name} week", every="week").pk,
                "figure": "time_to_resolve",
                "team_id": team.id,
                "macro_id": macro.pk,
                "view_id": view.pk,
                "lesson_id": lesson.pk,
                "bulk_id": bulk.id,
                "mailbox_id": mailbox.id,
                "address_id": address.id,
                "mail_id": mail.id,
                "file_number": 0,
                "way": "lmtp",
                "heartbeat_id": heartbeat.pk,
                "site_id": site.pk,
                "visit_id": visit.pk,
                "supplier_id": carrier.pk,
                "supplier_ticket_id": supplied.pk,
                "time_id": spent.pk,
                "work_id": work.pk,
                "silence_id": work.silences.get().pk,
                "page_id": page.id,
                "delivery_id": Delivery.objects.filter(subject_id=str(page.id)).earliest("id").id,
                "promise_id": dead.id,
                "person_id": bo.id,
                **self._skilled(brand, name, seat_key, bo),
                "method_id": number.id,
                "rota_id": plan.id,
                "override_id": override.id,
                "item_id": watched.pk,
                "note_id": handed.pk,
                "turn_at": self.at.isoformat(),
                "swap_id": swap.pk,
                "seat_key": seat_key,
                "integration_id": integration.id,
                "raw_id": RawAlarm.objects.get(integration=integration).id,
                "policy_id": policy.id,
                "route_id": route.id,
                "token_id": token.pk,
                "session_id": _session_of(user, self.at),
                "brand_id": brand.id,
                "user_id": user.pk,
                "customer_id": customer.id,
                "contact_id": contact.pk,
                "hours_id": hours.id,
                "driver": "outbox",
            }
        )
        ids["comparison_id"] = save_comparison(
            brand_id=brand.pk, name=f"Nights of {brand.name}", inputs={}, **self.doing
        ).pk
        return House(brand, bo, number, seat_key, plan, override, page, ids)

    def _hours(self, bo: Person, seat_key: str) -> dict[str, Any]:
        """An absence of Bo's, something that they cannot do, rest that they are owed, and a late start."""
        then = self.at + timedelta(days=200)
        absence = hours_actions.record_absence(
            person_id=bo.id,
            absence="leave",
            starts_at=then,
            ends_at=then + timedelta(days=1),
            note="At sea",
            **self.doing,
        )
        restriction = hours_actions.record_restriction(
            person_id=bo.id, restriction="no_site_visits", starts_on=then.date(), note="A knee", **self.doing
        )
        hour = timedelta(hours=1)
        note_hours(person_id=bo.id, starts_at=self.at - 9 * hour, ends_at=self.at - hour, **self.doing)
        owed = RestOwed.objects.create(
            person=bo,
            rule="daily_rest",
            starts_at=self.at - hour,
            ends_at=self.at,
            minutes=60,
            due_at=then,
            noted_at=self.at,
        )
        late = LateStart.objects.create(
            person=bo,
            seat=Seat.objects.get(key=seat_key),
            worked_until=self.at,
            not_before=self.at + 11 * hour,
            starts_at=self.at + 2 * hour,
            ends_at=self.at + 11 * hour,
            cover=bo,
            state=LateStart.State.COVERED,
            made_at=self.at,
        )
        return {
            "absence_id": absence.pk,
            "restriction_id": restriction.pk,
            "rest_id": owed.pk,
            "late_start_id": late.pk,
        }

    def _planned_month(self, bo: Person, team_id: int, seat_key: str) -> dict[str, Any]:
        """A draft with a gap, a wish, and a search for cover."""
        nights = [{"weekdays": list(range(7)), "opens": "18:00", "closes": "08:00"}]
        seat = plan_actions.set_shifts(seat_key=seat_key, team_id=team_id, shifts=nights, **self.doing)
        first = self.at.date() + timedelta(days=10)
        days = {"starts_on": first, "ends_on": first + timedelta(days=7)}
        plan = plan_actions.make_draft(rota_id=seat.rota_id, **days, **self.doing)
        starts_at = planning.places_of(seat.rota, [seat], **{"first": first, "end": days["ends_on"]})[0].shift
        shift = drafts.MadeShift(seat.pk, bo.pk, starts_at.start, starts_at.end)
        made = drafts.Made((shift,), {"engine": "core", "version": "1"}, True, 0, None, [], [])
        plan_actions.finish_draft(drafting_id=plan.drafting.pk, attempt=0, made=made, **self.doing)
        wish = plan_actions.note_wish(
            person_id=bo.pk, starts_at=self.at, ends_at=self.at + timedelta(days=1), wants="avoid", **self.doing
        )
        search = cover_actions.seek_cover(
            seat_key=seat_key,
            starts_at=self.at + timedelta(days=3),
            ends_at=self.at + timedelta(days=3, hours=8),
            candidates=[],
            **self.doing,
        )
        Promise.objects.filter(subject_kind="cover", subject_id=str(search.pk)).delete()
        return {
            "plan_id": plan.pk,
            "plan_wish_id": wish.pk,
            "search_id": search.pk,
            "minute": planning.minute(starts_at.start),
        }

    def _outage(self, name: str, brand: Brand, bo: Person, customer: Customer) -> dict[str, Any]:
        """A confirmed one that touches the brand's customer, with an update that was told."""
        line = customers.make_service(brand_id=brand.id, key="line", name=f"{name} line", **self.doing)
        bought = customers.make_subscription(customer_id=customer.pk, service_id=line.pk, **self.doing)
        part = Part.objects.create(brand=brand, key=f"{name.lower()}-sw", name=f"{name} switch", kind="device")
        need = Need.objects.create(brand=brand, subscription=bought)
        Member.objects.create(need=need, part=part)
        by_bo: dict[str, Any] = {"by": actor_of_person(bo.pk), "via": Door.WEB, "at": self.at}
        template = outages.save_statement_template(
            brand_id=brand.id,
            name=f"{name} holds",
            goes_to="investigating",
            texts={"en-gb": f"{name} looks into {{{{ what }}}}."},
            holding=True,
            **self.doing,
        )
        rule = outages.save_confirm_rule(brand_id=brand.id, part_ids=[part.pk], template_id=template.pk, **self.doing)
        outage = outages.propose_outage(
            brand_id=brand.id, title=f"{name} switch is dark", parts={part.pk: 3}, severity="minor", **by_bo
        )
        outages.confirm_outage(outage_id=outage.pk, **by_bo)
        update = outages.write_update(
            outage_id=outage.pk, state="identified", texts={"en-gb": f"{name} found a fuse."}, **by_bo
        )
        ended = outages.propose_outage(
            brand_id=brand.id, title=f"{name} fibre was cut", parts={part.pk: 3}, severity="minor", **by_bo
        )
        outages.confirm_outage(outage_id=ended.pk, **by_bo)
        outages.write_update(outage_id=ended.pk, state="resolved", texts={"en-gb": f"{name} works again."}, **by_bo)
        pack = {"key": "own", "name": f"{name} licence", "to": f"{name} regulator", "law": "Licence 4"}
        pack["steps"] = [{"key": "first", "name": "First word", "hours": 24}]  # type: ignore[assignment]
        rules = {"packs": ["own", "data-protection"], "own_packs": [pack]}
        incident_actions.save_incident_rules(brand_id=brand.id, fields=rules, **self.doing)
        report = incident_actions.draft_incident_report(outage_id=ended.pk, **self.doing)
        assert report is not None
        Promise.objects.filter(subject_kind__in=("outage", "update", "incident_report"), brand_id=brand.id).delete()
        return {
            "contract_id": customer.contracts.get().pk,
            "report_id": report.pk,
            "duty_id": report.duties.get().pk,
            "form": "markdown",
            "outage_id": outage.pk,
            "update_id": update.pk,
            "statement_id": template.pk,
            "rule_id": rule.pk,
        }

    def _planned(self, name: str, brand: Brand, customer_id: int) -> dict[str, Any]:
        """Announced work that its carrier has said something new of, and what is agreed about such work."""
        key = name.lower()
        service = customers.make_service(brand_id=brand.pk, key=f"{key}-fibre", name=f"{name} fibre", **self.doing)
        bought = customers.make_subscription(
            customer_id=customer_id, service_id=service.pk, label=f"{name} line 1", **self.doing
        )
        part = Part.objects.create(brand=brand, key=f"{key}-fibre", name=f"{name} fibre 1", kind="circuit")
        need = Need.objects.create(brand=brand, subscription=bought)
        Member.objects.create(need=need, part=part)
        mailroom.add_address(address=f"noc@{key}.example", brand_id=brand.pk, **self.doing)
        wants = customers.make_contact(
            customer_id=customer_id, name=f"Lee {name}", email=f"lee@{key}.example", **self.doing
        )
        work_rule_actions.set_maintnote_wish(contact_id=wants.pk, wanted=True, **self.doing)
        freeze = work_rule_actions.save_freeze(
            brand_id=brand.pk, name=f"{name} move", first_day=date(2027, 1, 1), last_day=date(2027, 1, 2), **self.doing
        )
        carrier = carrier_actions.save_carrier(brand_id=brand.pk, name=f"{name} carrier", **self.doing)
        from_at = self.at + timedelta(days=30)
        work = work_actions.draft_work(
            brand_id=brand.pk, title=f"{name} splice", from_at=from_at, until_at=from_at + timedelta(hours=2),
            parts={part.pk: Effect.DOWN}, texts={"en-gb": f"The fibre of {name} is moved."}, **self.doing,
        )  # fmt: skip
        work_actions.announce_work(work_id=work.pk, **self.doing)
        work_actions.tell_touched(work_id=work.pk, round_=1, kind_="announce", note="", entry=work.pk, **self.doing)
        said = work_actions.object_to_work(
            work_id=work.pk, customer_id=customer_id, name=f"Cleo {name}", words="Not that night!", **self.doing
        )
        change = {
            "status": "CONFIRMED",
            "from_at": from_at.isoformat(),
            "until_at": work.until_at.isoformat(),
            "parts": [],
        }
        Work.objects.filter(pk=work.pk).update(change=change)
        for subject in (work.pk, work.planned_id or work.pk):
            Promise.objects.filter(subject_id=str(subject)).delete()
        for silence in Silence.objects.filter(work=work.planned_id):
            Promise.objects.filter(subject_id=str(silence.pk)).delete()
        return {
            "maintenance_id": work.pk,
            "notice_id": WorkNotice.objects.get(work=work).pk,
            "objection_id": said.pk,
            "carrier_id": carrier.pk,
            "freeze_id": freeze.pk,
        }

    def _parts(self, name: str, brand: Brand, customer: Customer, contact: Contact) -> dict[str, Any]:
        """A switch at a site, what customers buy of it, what they are told of it, and how they are reached."""
        listed = f"key,name,kind,needs\n{name}-1,{name} Street,site,\n{name}-2,{name} switch,device,{name}-1\n"
        apply_parts_import(brand_id=brand.id, plan=plan_parts(listed.encode()), **self.doing)
        service = customers.make_service(
            brand_id=brand.id, key=f"{name}-lines".lower(), name=f"{name} lines", **self.doing
        )
        bought = customers.make_subscription(
            customer_id=customer.id, service_id=service.pk, label=f"{name} 7", **self.doing
        )
        needs = read_needs(f"{name}-2")
        for owner in ((SERVICE, service.pk), (SUBSCRIPTION, bought.pk)):
            part_actions.save_needs(owner=owner, needs=needs, **self.doing)
        part_actions.save_reach(
            customer_id=customer.id, channel="email", subscription_ids=[bought.pk], contact_id=contact.pk, **self.doing
        )
        phrase = wording_actions.save_phrase(
            brand_id=brand.id, service_id=service.pk, effect="down", text=f"{name} is dark.", **self.doing
        )
        part = Part.objects.get(brand=brand, name=f"{name} switch")
        asked = UnsubscribeRequest.objects.create(contact=contact, address="noc@lock.example", asked_at=self.at)
        return {
            "request_id": asked.pk,
            "service_id": service.pk,
            "subscription_id": bought.pk,
            "part_id": part.pk,
            "phrase_id": phrase.pk,
        }

    def _known(self, name: str, brand: Brand, bo: Person, page: Page) -> dict[str, Any]:
        """One of everything that is known, whose owner nobody is in particular."""
        doing: dict[str, Any] = {"brand_id": brand.id, **self.doing}
        body = f"Ring {name} first.\n\n- [ ] Ring {name}\n- [ ] Look <script>alert(1)</script>\n"
        row = procedures.make_procedure(title=f"{name} is dark", body=body, **doing)
        procedures.publish_procedure(procedure_id=row.pk, number=1, **self.doing)
        run = run_actions.open_procedure(procedure_id=row.pk, subject=("page", str(page.id)), **self.doing)
        proposal = procedures.propose_change(
            procedure_id=row.pk, body=f"Do not ring {name}.", why=f"{name} rings back", over=1, **self.doing
        )
        saying = wording_actions.save_saying(title=f"{name} lines", text=f"{name} knows of it.", **doing)
        wording_actions.approve_saying(saying_id=saying.pk, **self.doing)
        template = wording_actions.save_template(use="reply", name=f"{name} hello", body="Dear {{ contact }},", **doing)
        spare = spare_actions.save_spare(site=f"{name} Street", what="SFP+", count=2, low_at=2, **doing)
        briefing = briefing_actions.make_briefing(
            title=f"{name} voice",
            body=f"New at {name}.",
            due_at=self.at + timedelta(days=5),
            person_ids=[bo.id],
            **doing,
        )
        Promise.objects.filter(subject_kind__in=("procedure", "briefing"), brand_id=brand.id).delete()
        return {
            "procedure_id": row.pk,
            "number": 1,
            "run_id": run.id,
            "proposal_id": proposal.pk,
            "saying_id": saying.pk,
            "template_id": template.pk,
            "spare_id": spare.pk,
            "briefing_id": briefing.pk,
        }


def _session_of(user: User, at: datetime) -> int:
    """A browser in which the user is signed in."""
    store = SessionStore()
    store.create()
    note_session(user_id=user.pk, key=str(store.session_key), agent="Firefox", address="192.0.2.7", at=at)
    return Session.objects.get(session_key=store.session_key).pk


def message_of(delivery: Delivery) -> Message:
    return Message.objects.get(id=delivery.message_id)
