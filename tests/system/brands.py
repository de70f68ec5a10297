"""Fill a stack for the faces: beside the demo company a brand with nothing in it, and one whose every word is too long.

Run as `python -m tests.system.brands` with the stack's environment, after the demo company was loaded. Standard output
has, as JSON, who signs in for each content and the ids that its addresses need.
"""

import json
import os
from datetime import date, datetime, timedelta
from typing import Any

PASSWORD = "correct horse battery"
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
"""One German word of 80 letters; names of most things may be that long."""
NAME = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz Grundstücksverkehrsgenehmigungszuständigkeit"
TITLE = (
    "Kraftfahrzeughaftpflichtversicherungsdatenverarbeitungsanlage antwortet nicht; betroffen sind auch die "
    f"Straßenentwässerungsinvestitionskostenschuldendienstumlageberechnung, {WORD} und "
    "sw2.verteilerschrank.untergeschoss.rechenzentrum.betriebsgebaeude.beispiel.example"
)
ADDRESS = f"{'bereitschaftsdienstleiterin' * 2}@verkehrsinfrastrukturfinanzierungsgesellschaft.example"


def fill() -> dict[str, dict[str, Any]]:
    """Make both brands; by content the signing-in address, the password, and ids by what they are of."""
    from nightdesk.access import actions as access
    from nightdesk.base import clock
    from nightdesk.base.actors import SCHEDULER, Door

    at = clock.now()
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    nothing = access.make_brand(name="Stillwater", slug="stillwater", **doing)
    user = _account("nobody@stillwater.example", "Nobody", nothing.id, doing)
    return {
        "nothing": {"email": user.email, "brand": nothing.id, "user": user.id, "slug": "stillwater"},
        "demo": _demo(doing),
        "long": _long(at, doing),
    }


def _account(email: str, name: str, brand_id: int, doing: dict[str, Any]) -> Any:
    from nightdesk.access import actions as access

    user = access.make_user(email=email, name=name, password=PASSWORD, brand_id=brand_id, **doing)
    for role in ("engineer", "manager", "admin"):
        access.grant_role(user_id=user.id, role=role, brand_id=brand_id, **doing)
    return user


def _demo(doing: dict[str, Any]) -> dict[str, Any]:
    """The demo company as it is, with one page unanswered and one taken, and somebody who may see all of it."""
    from nightdesk import demo
    from nightdesk.access.models import Brand
    from nightdesk.base.actors import Door
    from nightdesk.paging import actions as paging
    from nightdesk.paging.models import Integration
    from nightdesk.people.models import Person
    from nightdesk.people.queries import actor_of_person

    brand = Brand.objects.get(slug=demo.SLUG)
    user = _account("head@quayside.example", "Head of nights", brand.id, doing)
    amara = Person.objects.get(name="Amara Okafor")
    page = demo.alarm(doing["at"])
    taken = demo.alarm(doing["at"], "Mail queue grows on mx3")
    paging.acknowledge_page(
        page_id=taken.id, by=actor_of_person(amara.id), via=Door.SMS, at=doing["at"] + timedelta(seconds=1)
    )
    monitoring = Integration.objects.get(brand=brand, name="Network monitoring")
    _came_in(brand, "Door", doing)
    of_watch = _watched(brand.id, monitoring.pk, ("Billing export", "sw2*", "Swap the core router"), doing)
    known = _known(brand.id, amara.id, str(page.id), ("Fan is loud", "Ring the carrier", "Cold aisle"), doing)
    more = {**of_watch, **known, **_desk_ids(brand), **_bureau_ids(brand)}
    more["comparison"] = str(brand.comparisons.get(name="This winter").pk)
    return {"email": user.email, "user": user.id, "person": amara.id, **more, **_ids(brand, page)}


def _bureau_ids(brand: Any) -> dict[str, Any]:
    """A message that is being taken down for the demo company by its script."""
    from nightdesk.base import clock
    from nightdesk.base.actors import Door
    from nightdesk.calls import bureau_actions
    from nightdesk.calls.bureau_models import BureauClient
    from nightdesk.people.models import Person
    from nightdesk.people.queries import actor_of_person

    client = BureauClient.objects.get(brand=brand)
    operator = actor_of_person(Person.objects.get(name="Ola Brandt").pk)
    row = bureau_actions.open_bureau_message(
        client_id=client.pk, caller_number="020 7946 0110", by=operator, via=Door.WEB, at=clock.now()
    )
    script = client.scripts.order_by("id").first()
    return {"bureau_client": client.pk, "bureau_message": str(row.pk), "script": script.pk if script else 0}


def _watched(brand_id: int, integration_id: int, words: tuple[str, str, str], doing: dict[str, Any]) -> dict[str, Any]:
    """Heartbeats that are late, well and paused; a silence with an alarm under it, planned work, a night in the shadow."""
    from nightdesk.paging import actions as paging
    from nightdesk.paging import heartbeat_actions, shadow_actions, silence_actions
    from nightdesk.paging.beats import Expectation
    from nightdesk.paging.formats import Signal
    from nightdesk.paging.models import Integration
    from nightdesk.paging.silencing import Matcher

    at, (name, part, title) = doing["at"], words
    when = Expectation(timedelta(minutes=30), timedelta(days=1))
    shadow, _key = paging.make_integration(
        brand_id=brand_id,
        name=f"{name} 2"[:80],
        format="generic",
        policy_id=Integration.objects.get(id=integration_id).policy_id,
        **doing,
    )
    shadow_actions.start_shadow(integration_id=shadow.pk, **doing)
    rows = []
    for number, what in enumerate(("fail", "ok", "pause", "")):
        row, key = heartbeat_actions.make_heartbeat(
            brand_id=brand_id,
            name=f"{name[:70]} {number}",
            expectation=when if number else Expectation(timedelta(minutes=30), None, "30 2 * * 1-5", "Europe/London"),
            integration_id=shadow.pk,  # wakes nobody
            **doing,
        )
        rows.append(row)
        if what in ("ok", "fail"):
            heartbeat_actions.note_beat(key=key, what=what, body=f"{title} {title}", sender="curl/8.5.0", **doing)
        elif what == "pause":
            heartbeat_actions.pause_heartbeat(heartbeat_id=row.pk, **doing)
    silence_actions.make_silence(
        brand_id=brand_id, matcher=Matcher(part=part), until_at=at + timedelta(hours=5), reason=title, **doing
    )
    alarm = Signal("trigger", "quiet", summary=title, severity="critical", source=part.replace("*", "-port7"))
    integration = Integration.objects.get(id=integration_id)
    paging.take_signals(integration=integration, format="generic", signals=[alarm], **doing)
    for hours, attended in ((0, True), (48, False)):
        silence_actions.plan_work(
            brand_id=brand_id,
            title=title[:200],
            from_at=at + timedelta(hours=hours),
            until_at=at + timedelta(hours=hours + 2),
            parts=[f"core-1 {part}"[:200]],
            attended=attended,
            weekly=not attended,
            zone="Europe/London",
            **doing,
        )
    csv = f"time,alarm,person\n{at.isoformat()},{name},Bo\n{at.isoformat()},heartbeat-{rows[0].pk},{name}\n"
    shadow_actions.import_old_pager(integration_id=shadow.pk, text=csv, **doing)
    return {"heartbeat": rows[0].pk, "integration": shadow.pk}


def _known(
    brand_id: int, person_id: int, page_id: str, words: tuple[str, str, str], doing: dict[str, Any]
) -> dict[str, Any]:
    """A procedure with a draft, half worked through for the page, a proposal over it, and one of everything else."""
    from nightdesk.knowledge import actions, briefing_actions, run_actions, spare_actions, wording_actions

    title, step, what = words
    of_brand: dict[str, Any] = {"brand_id": brand_id, **doing}
    body = f"# {step}\n\n{step} **{what}**\n\n- [ ] {step}\n- [ ] {what}\n\n| {what} | b |\n| --- | --- |\n| `{step}` | 1 |\n"
    row = actions.make_procedure(title=title[:200], body=body, why=step[:300], **of_brand)
    actions.publish_procedure(procedure_id=row.pk, number=1, **doing)
    run = run_actions.open_procedure(procedure_id=row.pk, subject=("page", page_id), **doing)
    run_actions.settle_step(run_id=run.id, number=1, outcome="done", note=what, **doing)
    actions.save_procedure(procedure_id=row.pk, title=title[:200], body=f"{body}\n{what}", over=1, **doing)
    proposal = actions.propose_change(
        procedure_id=row.pk, body=f"{step}\n\n{what}", why=step[:300], over=1, subject=("page", page_id), **doing
    )
    saying = wording_actions.save_saying(title=what[:120], text=step[:600], **of_brand)
    wording_actions.approve_saying(saying_id=saying.pk, **doing)
    wording_actions.save_saying(title=title[:120], text=step[:600], **of_brand)
    template = wording_actions.save_template(
        use="reply", name=what[:80], language="de", subject=step[:200], body=f"{{{{ contact }}}} {step}", **of_brand
    )
    spare = spare_actions.save_spare(
        site=what[:120], what=step[:160], place=what[:160], contact=step[:200], count=3, low_at=2, **of_brand
    )
    spare_actions.take_spare(spare_id=spare.pk, number=1, why=step[:300], **doing)
    briefing = briefing_actions.make_briefing(
        title=title[:160], body=body, person_ids=[person_id], due_at=doing["at"] + timedelta(days=2), **of_brand
    )
    phrase = wording_actions.save_phrase(effect="down", text=step[:300], workaround=what[:300], **of_brand)
    return _parts(brand_id, words, doing) | {
        "phrase": phrase.pk,
        "procedure": row.pk,
        "proposal": proposal.pk,
        "saying": saying.pk,
        "template": template.pk,
        "spare": spare.pk,
        "briefing": briefing.pk,
    }


def _parts(brand_id: int, words: tuple[str, str, str], doing: dict[str, Any]) -> dict[str, Any]:
    """Parts with long names that need one another, and a service that needs them."""
    from nightdesk.customers.models import Service
    from nightdesk.outages import part_actions
    from nightdesk.outages.needs_text import read_needs

    title, _step, what = words
    keys = [f"part-{number}-{'x' * 60}" for number in range(4)]
    rows = [
        part_actions.save_part(
            brand_id=brand_id, key=key, name=f"{what} {title}"[:200], kind="device", aliases=[f"alias-{key}"],
            provider=what[:120], provider_ref="R" * 60, public_name=title[:120], **doing,
        )
        for key in keys
    ]  # fmt: skip
    needs = read_needs(f"{keys[1]}; any of {keys[2]} {keys[3]}")
    part_actions.save_needs(owner=("part", rows[0].pk), needs=needs, **doing)
    service = Service.objects.filter(brand=brand_id).earliest("id")
    part_actions.save_needs(owner=("service", service.pk), needs=read_needs(keys[0]), **doing)
    return {"part": rows[0].pk, "service": service.pk} | _outage(brand_id, rows[3].pk, words, doing)


def _outage(brand_id: int, part_id: int, words: tuple[str, str, str], doing: dict[str, Any]) -> dict[str, Any]:
    """An open outage that is told and has an update to be approved, with a statement; nothing of it is sent by the worker."""
    from nightdesk.base.promises import void_promises
    from nightdesk.outages import actions
    from nightdesk.reports import incident_actions

    title, step, what = words
    statement = actions.save_statement_template(
        brand_id=brand_id, name=what[:80], goes_to="investigating", texts={"en-gb": step[:1500]}, holding=True, **doing
    )
    outage = actions.propose_outage(
        brand_id=brand_id, title=title[:200], parts={part_id: 2}, severity="critical", **doing
    )
    actions.confirm_outage(outage_id=outage.pk, **doing)
    actions.edit_outage(outage_id=outage.pk, fields={"cause": step[:1500]}, **doing)
    update = actions.write_update(outage_id=outage.pk, state="identified", texts={"en-gb": step[:1500]}, **doing)
    ended = actions.propose_outage(brand_id=brand_id, title=title[:200], parts={part_id: 3}, severity="minor", **doing)
    actions.confirm_outage(outage_id=ended.pk, **doing)
    over = actions.write_update(outage_id=ended.pk, state="resolved", texts={"en-gb": step[:1500]}, **doing)
    report = incident_actions.draft_incident_report(outage_id=ended.pk, **doing)
    assert report is not None
    incident_actions.edit_incident_report(report_id=report.pk, seen=1, words={"cause": step[:1500]}, **doing)
    ours = (("outage", outage.pk), ("update", update.pk), ("outage", ended.pk), ("update", over.pk))
    for subject in (*ours, ("incident_report", report.pk)):
        void_promises(subject, at=doing["at"])
    return {"outage": str(outage.pk), "statement": statement.pk, "incident": str(report.pk)}


def _came_in(brand: Any, words: str, doing: dict[str, Any]) -> None:
    """A sender of JSON with a mapping, and one request of it that could not be read."""
    from nightdesk.paging import actions as paging
    from nightdesk.paging.formats import Answer
    from nightdesk.paging.formats.mapping import PayloadMapping
    from nightdesk.paging.models import Policy

    policy = Policy.objects.filter(brand=brand).earliest("id")
    made, _key = paging.make_integration(
        brand_id=brand.id, name=f"{words[:70]} JSON", format="generic", policy_id=policy.id, **doing
    )
    mapping = PayloadMapping(summary="{device}: {what}", dedup_key="{id}", links={"Graph": "{url}"})
    paging.save_mapping(integration_id=made.id, mapping=mapping, **doing)
    body = json.dumps({"device": words, "what": words, "text": [words] * 30}).encode()
    raw = paging.Raw("generic", body, {"Content-Type": "application/json"})
    answer = Answer(503, (), b"")
    paging.keep_refused_alarm(integration=made, raw=raw, answer=answer, reason=f"{words} {words}", **doing)


def _ids(brand: Any, page: Any) -> dict[str, Any]:
    """Ids of something of each kind in the brand, and the token of an answer link."""
    from nightdesk.calls.models import Call, Line, Message, Telephone
    from nightdesk.channels import links
    from nightdesk.channels.models import Delivery
    from nightdesk.customers.models import Customer, Hours
    from nightdesk.journal.models import Entry
    from nightdesk.paging.models import Integration, Policy, RawAlarm
    from nightdesk.rota.models import Rota, Seat

    sent = Delivery.objects.filter(subject_id=str(page.id)).earliest("id")
    line = Line.objects.get(brand=brand)
    return {
        "line": line.pk,
        "telephone": Telephone.objects.filter(brand=brand).earliest("id").pk,
        "call": str(Call.objects.filter(line=line).latest("came_at").pk),
        "left": str(Message.objects.filter(brand=brand, ended_at=None).latest("taken_at").pk),
        "brand": brand.id,
        "slug": brand.slug,
        "token": links.make_token(sent.id, sent.month),
        "seat": Seat.objects.filter(rota__brand=brand).earliest("id").key,
        "page": str(page.id),
        "json": Integration.objects.filter(brand=brand, format="generic").latest("id").id,
        "raw": str(RawAlarm.objects.filter(integration__brand=brand).latest("at").id),
        "delivery": str(sent.id),
        "entry": str(Entry.objects.filter(subject_id=str(page.id)).earliest("id").id),
        **{
            kind: model.objects.filter(brand=brand).earliest("id").id
            for kind, model in {"customer": Customer, "hours": Hours, "policy": Policy, "rota": Rota}.items()
        },
    }


def _desk_ids(brand: Any) -> dict[str, Any]:
    """Ids of a ticket with a story, of one that changes who gets in, and of what the desk is set up with."""
    from nightdesk.desk.models import Macro, Queue, Ticket
    from nightdesk.people.models import Team

    tickets = Ticket.objects.filter(brand=brand)
    return {
        "ticket": str(tickets.filter(entries__kind="note", needs_proof=False).earliest("number").id),
        "access": str(tickets.filter(needs_proof=True).earliest("number").id),
        "team": Team.objects.filter(brand=brand).earliest("id").pk,
        "queue": Queue.objects.filter(brand=brand).earliest("id").pk,
        "macro": Macro.objects.filter(brand=brand).earliest("id").pk,
    }


def _on_the_phone(brand: Any, customer: Any, person: Any, at: datetime, doing: dict[str, Any]) -> None:
    """A line with a long name, a caller who rings the person at this moment, and one whom we owe a call for hours."""
    from nightdesk.calls import line_actions
    from nightdesk.calls.models import Call, CallEvent, Leg, Message
    from nightdesk.calls.stored import state_as_json
    from nightdesk.calls.terms import State

    number = "+493023125900"
    wanted = line_actions.LineWanted(
        name=f"{WORD[:60]} 1", numbers=[number], shown_number=number, pager_number=number, country="DE", consent="asked"
    )
    line = line_actions.save_line(brand_id=brand.id, wanted=wanted, **doing)
    phone = line_actions.save_telephone(
        brand_id=brand.id, name="bereitschaftsdienstleiterinnentelefon-1", label=WORD[:60], person_id=person.id, **doing
    )
    contact = customer.contacts.get()
    came: dict[str, Any] = {"line": line, "exchange": "faces", "number": contact.phone, "called": number}
    came |= {"customer": customer, "contact": contact, "known_by": "number", "state": state_as_json(State("hunt"))}
    call = Call.objects.create(came_at=at, step=2, **came)
    CallEvent.objects.create(call=call, number=1, at=at, event={}, why=[TITLE, TITLE])
    Leg.objects.create(call=call, name="e1", to=phone.name, person=person, ordered_at=at, ringing_at=at)
    Message.objects.create(
        brand=brand, line=line, call=call, kind="message", customer=customer, contact=contact, number=contact.phone,
        text=TITLE, taken_at=at - timedelta(hours=9), call_back_by=at - timedelta(hours=8), again=12,
    )  # fmt: skip


def _long_desk(
    brand: Any, team: Any, customer: Any, service: Any, person: Any, doing: dict[str, Any]
) -> dict[str, Any]:
    """Tickets of words that are too long, in each state that looks another way."""
    from nightdesk.base.actors import Door
    from nightdesk.customers.models import Contact
    from nightdesk.desk import actions as desk
    from nightdesk.desk import agent_actions, bulk_actions, linking_actions
    from nightdesk.people.queries import actor_of_person

    of_brand: dict[str, Any] = {"brand_id": brand.id, **doing}
    desk.save_desk_rules(fields={"owner_id": team.id}, **of_brand)
    queue = desk.save_queue(
        name=WORD[:60], address=f"a@{WORD.lower()[:40].encode('ascii', 'ignore').decode()}.example", **of_brand
    )
    steps = [{"verb": "tag", "values": {"add": [WORD[:40]]}}, {"verb": "note", "values": {"text": TITLE}}]
    macro = bulk_actions.save_macro(name=WORD[:60], steps=steps, **of_brand)
    contact = Contact.objects.filter(customer=customer).earliest("id")
    said = desk.Words(f"{TITLE}\n{WORD * 3}\n" + f"{NAME} " * 60, html=f"<p>{TITLE}</p>")
    tickets = [
        desk.open_ticket(
            title=TITLE,
            words=said,
            contact_id=contact.pk,
            requester_name=NAME,
            trust="unverified",
            service_id=service.id,
            work_type=WORD[:60],
            queue_id=queue.pk,
            tags=[WORD[:40], WORD[40:]],
            needs_proof=proof,
            next_step=TITLE[:300],
            next_step_at=doing["at"] + timedelta(seconds=1),
            copies=[(ADDRESS, NAME)],
            impact="high",
            urgency="high",
            wakes=False,
            **of_brand,
        )
        for proof in (False, True, False)
    ]
    by_them: dict[str, Any] = {
        "by": actor_of_person(person.id),
        "via": Door.WEB,
        "at": doing["at"] + timedelta(seconds=2),
    }
    files = [desk.File(f"{WORD}.txt", "text/plain", b"x" * 2000)]
    first = tickets[0].id
    desk.note_ticket(ticket_id=first, words=desk.Words(TITLE, files=files, public=False), **by_them)
    desk.reply_to_customer(ticket_id=first, words=desk.Words(TITLE), why_now=TITLE[:300], **by_them)
    linking_actions.link_tickets(ticket_id=first, other_id=tickets[1].id, kind="related", **by_them)
    linking_actions.propose_major(ticket_id=tickets[2].id, why=TITLE[:300], **by_them)
    linking_actions.add_child(ticket_id=tickets[1].id, parent_id=tickets[2].id, **by_them)
    agent_actions.keep_draft(ticket_id=first, kind="reply", text=TITLE, **by_them)
    agent_actions.save_view(name=WORD[:60], filters={"view": "all"}, **by_them)
    return {"ticket": str(first), "access": str(tickets[1].id), "team": team.id, "queue": queue.pk, "macro": macro.pk}


def _long(at: datetime, doing: dict[str, Any]) -> dict[str, Any]:
    from nightdesk.access import actions as access
    from nightdesk.base.actors import Door
    from nightdesk.channels import actions as channels
    from nightdesk.customers import actions as customers
    from nightdesk.duty import actions as duty
    from nightdesk.mailroom import actions as mailroom
    from nightdesk.paging import actions as paging
    from nightdesk.paging import decide
    from nightdesk.people import actions as people
    from nightdesk.people.queries import actor_of_person
    from nightdesk.reports.choosing_actions import save_comparison
    from nightdesk.rota import actions as rota

    brand = access.make_brand(name=WORD, slug="lang", zone="Europe/Berlin", region="DE", **doing)
    of_brand: dict[str, Any] = {"brand_id": brand.id, **doing}
    user = _account(ADDRESS, NAME, brand.id, doing)
    person = people.make_person(name=NAME, zone="America/Argentina/ComodRivadavia", user_id=user.id, **of_brand)
    other = people.make_person(name=f"{WORD} Meyer", **of_brand)
    for each, number in ((person, "1"), (other, "2")):
        methods = [
            people.add_contact_method(person_id=each.id, channel=channel, address=address, label=WORD[:40], **doing)
            for channel, address in (("sms", f"+491520000020{number}"), ("email", f"{number}{ADDRESS}"), ("pocket", ""))
        ]
        for method in methods:
            people.confirm_contact_method(method_id=method.id, **doing)
        people.set_notify_rules(
            person_id=each.id, rules=[people.RuleWanted("high", method.id) for method in methods], **doing
        )
    people.mark_contact_broken(method_id=methods[1].id, why=f"550 5.1.1 {WORD}", **doing)
    team = people.make_team(name=WORD, manager_id=other.id, **of_brand)
    people.set_team_members(team_id=team.id, person_ids=[person.id, other.id], manager_id=other.id, **doing)
    rota.make_rota(
        name=WORD,
        zone="Europe/Berlin",
        seats=[{"key": "lang", "name": WORD, "acceptance_required": True}],
        **of_brand,
    )
    layer = {"anchor": f"{(at - timedelta(days=20)).date()}T08:00", "turn": "day", "every": 1}
    rota.set_layers(
        seat_key="lang", layers=[{**layer, "members": [{"person": person.id}, {"person": other.id}]}], **doing
    )
    duty.set_first_holder(seat_key="lang", person_id=person.id, **doing)
    rota.add_override(
        seat_key="lang",
        kind="replace",
        starts_at=at + timedelta(days=1),
        ends_at=at + timedelta(days=2),
        member_id=other.id,
        instead_of_id=person.id,
        **doing,
    )
    service = customers.make_service(key="langer-dienst", name=NAME, **of_brand)
    week = [[["00:15", "06:45"], ["07:15", "12:30"], ["13:15", "17:45"], ["18:15", "23:45"]]] * 7
    hours = customers.make_hours(
        fields={"name": WORD, "week": week, "zone": "Europe/Berlin", "nation": "DE", "public": True}, **of_brand
    )
    customer = customers.make_customer(name=f"{NAME} mbH", ref="VERKEHRSINFRASTRUKTURFINANZIERUNG-100023", **of_brand)
    customers.make_contact(
        customer_id=customer.id, name=NAME, email=ADDRESS, phone="+493023125000", role=WORD[:40], **doing
    )
    customers.make_contract(
        customer_id=customer.id,
        name=WORD,
        hours_id=hours.id,
        out_of_hours="full",
        may_wake=["P1", "P2", "P3"],
        valid_from=date(at.year - 1, 1, 1),
        **doing,
    )
    customers.make_subscription(customer_id=customer.id, service_id=service.id, label=WORD, **doing)
    steps = (
        decide.Step(timedelta(0), (decide.Target("seat", "lang"),)),
        decide.Step(
            timedelta(minutes=90), (decide.Target("person", str(other.id)), decide.Target("team", str(team.id)))
        ),
    )
    policy = paging.save_policy(name=WORD, policy=decide.Policy(steps=steps), **of_brand)
    integration, _key = paging.make_integration(
        name=WORD, format="alertmanager", policy_id=policy.id, team_id=team.id, may_wake=["P1"], **of_brand
    )
    channels.save_route(
        channel="webhook",
        driver="webhook",
        name=WORD,
        config={},
        secrets={"secret": "s" * 32},
        **of_brand,
    )
    access.make_token(name=WORD, scopes=["read", "page"], **of_brand)
    mailbox = mailroom.save_mailbox(name=WORD[:60], host="127.0.0.1", port=1, user=ADDRESS, **of_brand)
    mailroom.note_mailbox(mailbox_id=mailbox.id, problem=f"{WORD} {NAME}", **doing)
    plain = WORD.lower().encode("ascii", "ignore").decode()[:60]
    mailroom.add_address(address=f"@{plain}.example", **of_brand)
    raw = f"From: {WORD} <{ADDRESS}>\nSubject: {TITLE}\nX-Long: {WORD * 5}\n\n{TITLE}\n{WORD * 4}\n".encode()
    mail = mailroom.receive_mail(way="imap", raw=raw, mailbox=mailbox, **doing)
    mailroom.read_mail(mail_id=mail.id, **doing)
    pages = [
        paging.trigger_page(
            title=title,
            priority=priority,
            policy_id=policy.id,
            team_id=team.id,
            service_id=service.id,
            customer_id=customer.id,
            component=f"{WORD}.{WORD}",
            **of_brand,
        )
        for title, priority in ((TITLE, "P1"), (f"{WORD} 2", "P2"), (f"{WORD} 3", "P1"), (f"{WORD} 4", "P1"))
    ]
    by = actor_of_person(person.id)
    soon = at + timedelta(seconds=1)
    paging.note_page(page_id=pages[0].id, text=f"{TITLE} {TITLE}", by=by, via=Door.WEB, at=soon)
    paging.acknowledge_page(page_id=pages[1].id, by=by, via=Door.WEB, at=soon)
    paging.acknowledge_page(page_id=pages[2].id, by=by, via=Door.WEB, at=soon)
    paging.resolve_page(page_id=pages[2].id, resolution=TITLE, by=by, via=Door.WEB, at=soon)
    _came_in(brand, WORD, doing)
    more = {"mailbox": mailbox.id, "mail": str(mail.id), "integration": integration.id}
    _on_the_phone(brand, customer, person, at, doing)
    more |= _long_desk(brand, team, customer, service, person, doing)
    more |= _watched(brand.id, integration.pk, (WORD, f"{WORD}*", TITLE), doing)
    more |= _known(brand.id, person.id, str(pages[0].id), (NAME, TITLE[:150], WORD), doing)
    combined = f"{WORD[:60]}: every day 18-23 shift; else outsourced"
    compared = save_comparison(
        brand_id=brand.id, name=f"{WORD} {NAME}"[:120], inputs={"combinations": combined}, **doing
    )
    return {
        "comparison": str(compared.pk),
        "email": user.email,
        "user": user.id,
        "person": person.id,
        **more,
        **_ids(brand, pages[0]),
    }


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
    django.setup()
    from django.db import transaction

    with transaction.atomic():
        filled = fill()
    print(json.dumps(filled))
