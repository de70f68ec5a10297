"""One brand with something of every kind in it, made by the rooms' own verbs."""

from datetime import date, timedelta
from typing import Any

from django.contrib.sessions.backends.db import SessionStore

from nightdesk.access.actions import grant_role, make_brand, make_user
from nightdesk.access.models import Brand, Session
from nightdesk.access.queries import OPERATOR
from nightdesk.access.session_actions import note_session
from nightdesk.base import files
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.calls import actions as calls
from nightdesk.calls import bureau_actions, line_actions, stored
from nightdesk.calls import client_actions as bureau_clients
from nightdesk.calls.bureau_models import ScriptVersion
from nightdesk.calls.models import Call, Line, Recording
from nightdesk.calls.stored import state_as_json
from nightdesk.calls.terms import State
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.channels.models import Delivery
from nightdesk.customers import actions as customers
from nightdesk.customers import identity_actions
from nightdesk.customers.models import Contact
from nightdesk.customers.need_actions import set_skill_needs
from nightdesk.desk import actions as desk
from nightdesk.desk import bulk_actions, supplier_actions, time_actions
from nightdesk.desk.models import Attachment, Bulk, Lesson
from nightdesk.duty import cover_actions
from nightdesk.duty.actions import set_first_holder
from nightdesk.duty.handover_actions import add_watch_item
from nightdesk.duty.models import CoverAsk, CoverSearch, Hold, LateStart, Note
from nightdesk.duty.pairing_actions import pair_newcomer
from nightdesk.journal.models import Entry
from nightdesk.keeping.erasing_actions import ask_erasure
from nightdesk.keeping.export_actions import ask_export
from nightdesk.keeping.traces import subject_of
from nightdesk.knowledge import actions as procedures
from nightdesk.knowledge import briefing_actions, run_actions, spare_actions, wording_actions
from nightdesk.mailroom import actions as mailroom
from nightdesk.outages import actions as outages
from nightdesk.outages import carrier_actions, part_actions, wish_actions, work_actions, work_rule_actions
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Member, Need, Part, UnsubscribeRequest, Work, WorkNotice
from nightdesk.paging import actions as paging
from nightdesk.paging import heartbeat_actions as heartbeats
from nightdesk.paging import silence_actions as silences
from nightdesk.paging.beats import Expectation
from nightdesk.paging.decide import Policy, Step, Target
from nightdesk.paging.formats import Answer
from nightdesk.paging.models import RawAlarm
from nightdesk.paging.silencing import Matcher
from nightdesk.people import actions as people
from nightdesk.people import hours_actions, skill_actions
from nightdesk.people.queries import actor_of_person
from nightdesk.reports import incident_actions as incidents
from nightdesk.reports.choosing_actions import save_comparison
from nightdesk.reports.models import FigureMail
from nightdesk.rota import drafts, plan_actions
from nightdesk.rota import work_actions as work_hours
from nightdesk.rota.actions import add_override, make_rota, set_layers
from nightdesk.rota.models import Drafting, RestOwed, Seat
from nightdesk.rota.swap_actions import ask_swap
from nightdesk.safety import actions as safety
from nightdesk.safety import site_actions as safety_sites
from tests.api.conftest import START, token_for
from tests.api.promised import promise_due

WEEK = [[["09:00", "17:30"]]] * 5 + [[], []]
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": START}


def _bureau(brand: Brand, person_id: int, how: dict[str, Any]) -> dict[str, Any]:
    """The brand is a client of the bureau: one caller waits, another is being taken down by an approved script."""
    client = bureau_clients.save_bureau_client(brand_id=brand.pk, **how)
    script = client.scripts.get()
    ScriptVersion.objects.filter(script=script).update(tested_at=START, approved_at=START)
    line = Line.objects.create(brand=brand, name="Night", numbers=[], shown_number="", pager_number="", own_desk=True)
    call = Call.objects.create(
        line=line, exchange="test", called="", came_at=START, state=state_as_json(State("bureau"))
    )
    taker = how | {"by": actor_of_person(person_id)}
    message = bureau_actions.open_bureau_message(client_id=client.pk, **taker)
    return {
        "bureau_client_id": client.pk,
        "script_id": script.pk,
        "call_id": call.pk,
        "bureau_message_id": message.pk,
        "step_key": "name",
    }


def _changed_for_a_while(slug: str, person_id: int, how: dict[str, Any]) -> dict[str, Any]:
    """An override, and a swap that waits."""
    key = f"first-{slug}"
    soon = {"starts_at": START + timedelta(days=20), "ends_at": START + timedelta(days=21)}
    override = add_override(seat_key=key, kind="remove", instead_of_id=person_id, **soon, **how)
    other = people.make_person(name=f"Cy {slug}", brand_id=override.seat.rota.brand_id, **how)
    later = {"starts_at": START + timedelta(days=2), "ends_at": START + timedelta(days=3)}
    swap = ask_swap(seat_key=key, asked_id=other.pk, asked_by_id=person_id, **later, **how)
    changed = Entry.objects.get(kind="rota.layers_set", subject_id=str(override.seat_id))
    return {"override_id": override.pk, "swap_id": swap.pk, "change_id": changed.pk}


def world_of(brand: Brand) -> dict[str, Any]:
    """Ids and keys of one of each, by the name of the path parameter or field that means them."""
    how = DOING
    slug = brand.slug
    person = people.make_person(name=f"Bo {slug}", brand_id=brand.pk, **how)
    team = people.make_team(brand_id=brand.pk, name=f"Network {slug}", manager_id=person.pk, **how)
    people.set_team_members(team_id=team.pk, person_ids=[person.pk], manager_id=person.pk, **how)
    method = people.add_contact_method(person_id=person.pk, channel="email", address=f"bo@{slug}.example.net", **how)
    rota = make_rota(
        brand_id=brand.pk, name="Night", zone="UTC", seats=[{"key": f"first-{slug}", "name": "First"}], **how
    )
    layer = {"members": [{"person": person.pk}], "anchor": "2026-11-01T00:00", "turn": "week"}
    set_layers(seat_key=f"first-{slug}", layers=[layer], **how)
    set_first_holder(seat_key=f"first-{slug}", person_id=person.pk, **how)
    watched = add_watch_item(seat_key=f"first-{slug}", words="A fan", **how)
    handed = Note.objects.create(
        seat=watched.seat, opened_at=START, closed_at=START, hold=Hold.objects.get(seat=watched.seat)
    )
    planned = _changed_for_a_while(slug, person.pk, how) | {"rota_id": rota.pk} | _bureau(brand, person.pk, how)
    planned["export_id"] = ask_export(subject=subject_of(f"person:{person.pk}"), **how).pk
    planned["erasure_id"] = ask_erasure(subject=subject_of("number:+441632960002"), **how).pk
    hours = customers.make_hours(brand_id=brand.pk, fields={"name": "Office", "zone": "UTC", "week": WEEK}, **how)
    customer = customers.make_customer(brand_id=brand.pk, name=f"Bakery {slug}", ref="C-1", **how)
    contact = customers.make_contact(customer_id=customer.pk, name="Kim", phone="+442079460123", **how)
    identity_actions.set_identity_provider(
        customer_id=customer.pk,
        issuer=f"https://login.{slug}.example",
        client_id="nightdesk",
        client_secret="a secret",
        domains=[f"{slug}.example"],
        **how,
    )
    contract = customers.make_contract(
        customer_id=customer.pk, name="Gold", hours_id=hours.pk, valid_from=date(2026, 1, 1), may_wake=["P1"], **how
    )
    service = customers.make_service(brand_id=brand.pk, key="mail", name="Mail", **how)
    subscription = customers.make_subscription(customer_id=customer.pk, service_id=service.pk, **how)
    customers.make_peer(brand_id=brand.pk, name="Transit", as_number=64500, **how)
    steps = (Step(timedelta(0), (Target("seat", f"first-{slug}"),)),)
    policy = paging.save_policy(brand_id=brand.pk, name="Night", policy=Policy(steps), **how)
    integration, _key = paging.make_integration(
        brand_id=brand.pk, name="Door watch", format="generic", policy_id=policy.pk, **how
    )
    raw = paging.Raw("generic", b'{"summary": "Door open"}')
    failed = Answer(503, (), b"")
    paging.keep_refused_alarm(integration=integration, raw=raw, answer=failed, reason="a fault of ours", **how)
    page = paging.trigger_page(brand_id=brand.pk, title="Core is down", priority="P1", service_id=service.pk, **how)
    paging.note_page(page_id=page.pk, text="Looking at it", **how)
    heartbeat, _key = heartbeats.make_heartbeat(
        brand_id=brand.pk, name="Nightly", expectation=Expectation(timedelta(hours=1), timedelta(days=1)), **how
    )
    silence = silences.make_silence(
        brand_id=brand.pk,
        matcher=Matcher(part="sw3"),
        until_at=START + timedelta(days=2),
        reason="New line card",
        **how,
    )
    work = silences.plan_work(
        brand_id=brand.pk,
        title="Swap the core",
        from_at=START + timedelta(hours=1),
        until_at=START + timedelta(hours=3),
        parts=["core-1"],
        **how,
    )
    known = _known(brand, person.pk, str(page.pk), how) | _planned(brand, customer.pk, subscription.pk, how)
    known |= _hours(person.pk, f"first-{slug}", how)
    known["comparison_id"] = save_comparison(brand_id=brand.pk, name=f"Nights of {slug}", inputs={}, **how).pk
    dead = promise_due(0, brand_id=brand.pk, ended_at=START, ended_as="dead")
    message = queue_message(
        kind="test",
        subject=("page", page.pk),
        title="Core is down",
        body="",
        to=[Recipient("person", person.pk, "email", f"bo@{slug}.example.net", START)],
        brand_id=brand.pk,
        **how,
    )
    mailbox = mailroom.save_mailbox(name=f"NOC {slug}", host="mail.example.net", user=slug, brand_id=brand.pk, **how)
    address = mailroom.add_address(address=f"@{slug}.example.net", brand_id=brand.pk, **how)
    parts = b"--b\n\nHello.\n--b\nContent-Type: image/png\n\nPNG\n--b--\n"
    raw = b"Subject: Hello\nContent-Type: multipart/mixed; boundary=b\n\n" + parts
    mail = mailroom.receive_mail(way="imap", raw=raw, mailbox=mailbox, **how)
    mailroom.read_mail(mail_id=mail.pk, **how)
    queue = desk.save_queue(brand_id=brand.pk, name="NOC", **how)
    macro = bulk_actions.save_macro(
        brand_id=brand.pk, name="NOC", steps=[{"verb": "tag", "values": {"add": ["noc"]}}], **how
    )
    desk.save_desk_rules(brand_id=brand.pk, fields={"owner_id": team.pk}, **how)
    desk.save_team_rule(team_id=team.pk, level="1", contact_kinds=[], **how)
    file = desk.File("trace.txt", "text/plain", b"loss at hop 3")
    ticket = desk.open_ticket(
        brand_id=brand.pk,
        title="The line is slow",
        words=desk.Words("It crawls.", files=[file]),
        contact_id=contact.pk,
        wakes=False,
        **how,
    )
    desk.watch_ticket(ticket_id=ticket.pk, person_id=person.pk, **how)
    phone_line = _line(brand, contact.pk, person.pk, how)
    supplier = supplier_actions.save_supplier(brand_id=brand.pk, name="Carrier", **how)
    waited_for = desk.open_ticket(brand_id=brand.pk, title="A cut cable", wakes=False, **how)
    supplied = supplier_actions.open_supplier_ticket(ticket_id=waited_for.pk, supplier_id=supplier.pk, **how)
    spent = time_actions.log_time(ticket_id=ticket.pk, minutes=5, on=START.date(), person_id=person.pk, **how)
    desk.note_ticket(ticket_id=ticket.pk, words=desk.Words("They rang."), **how)
    said = desk.note_ticket(ticket_id=ticket.pk, words=desk.Words("The telephones, too."), **how)
    lesson = Lesson.objects.create(ticket=ticket, person=person, answered_by="Al", answer="Clean it.", made_at=START)
    change = Bulk.objects.create(person=person, at=START, what="tagged dig")
    prepaid = time_actions.save_prepaid(customer_id=customer.pk, minutes=60, valid_from=START.date(), **how)
    token_for(["read"], brand=brand)
    known["session_id"] = signed_in(brand)
    known |= _planned_month(brand, person.pk, team.pk, f"first-{slug}", how)
    known |= _outage(brand, customer.pk, subscription, how)
    known |= _called(brand, customer.pk, how)
    known |= _visited(brand, person.pk, how)
    known |= _skilled(brand, person.pk, service.pk, f"first-{slug}", how)
    return (
        known
        | planned
        | phone_line
        | {
            "supplier_id": supplier.pk,
            "figure_mail_id": FigureMail.objects.create(brand=brand, name="Week", every="week").pk,
            "figure": "answered_12s",
            "supplier_ticket_id": supplied.pk,
            "time_id": spent.pk,
            "prepaid_id": prepaid.pk,
            "brand_id": brand.pk,
            "person_id": person.pk,
            "team_id": team.pk,
            "method_id": method.pk,
            "seat_key": f"first-{slug}",
            "item_id": watched.pk,
            "note_id": handed.pk,
            "hours_id": hours.pk,
            "customer_id": customer.pk,
            "contact_id": contact.pk,
            "contract_id": contract.pk,
            "service_id": service.pk,
            "subscription_id": subscription.pk,
            "policy_id": policy.pk,
            "integration_id": integration.pk,
            "raw_id": RawAlarm.objects.get(integration=integration).pk,
            "page_id": page.pk,
            "promise_id": dead.pk,
            "delivery_id": Delivery.objects.get(message_id=message.pk).pk,
            "entry_id": Entry.objects.filter(subject_kind="page", kind="page.noted", brand_id=brand.pk).get().pk,
            "mailbox_id": mailbox.pk,
            "address_id": address.pk,
            "mail_id": mail.pk,
            "file_number": 0,
            "way": "lmtp",
            "heartbeat_id": heartbeat.pk,
            "silence_id": silence.pk,
            "work_id": work.pk,
            "ticket_id": ticket.pk,
            "other_ticket_id": waited_for.pk,
            "other_id": waited_for.pk,
            "kind": "related",
            "said_id": said.pk,
            "lesson_id": lesson.pk,
            "ticket_change_id": change.pk,
            "queue_id": queue.pk,
            "macro_id": macro.pk,
            "attachment_id": Attachment.objects.get(entry__ticket=ticket).pk,
            "token_id": brand.token_set.get().pk,
        }
    )


def signed_in(brand: Brand) -> int:
    """Somebody with a role in the brand is signed in in a browser; the session's id."""
    user = make_user(email=f"in-{brand.slug}@example.net", name="Signed in", by=OPERATOR, via=Door.CLI, at=START)
    grant_role(user_id=user.pk, role="engineer", brand_id=brand.pk, by=OPERATOR, via=Door.CLI, at=START)
    store = SessionStore()
    store.create()
    key = str(store.session_key)
    note_session(user_id=user.pk, key=key, agent="Mozilla/5.0 Firefox", address="192.0.2.7", at=START)
    return Session.objects.get(session_key=key).pk


def _called(brand: Brand, customer_id: int, how: dict[str, Any]) -> dict[str, Any]:
    """A call that goes on, and one that left a message."""
    line = Line.objects.create(
        brand=brand, name="Called", numbers=[], shown_number="+442079460100", pager_number="+442079460199"
    )
    of_line: dict[str, Any] = {"line": line, "exchange": "asterisk", "came_at": START, "called": "+442079460100"}
    running = Call.objects.create(customer_id=customer_id, state=stored.state_as_json(State(stage="talk")), **of_line)
    over = Call.objects.create(number="+442079460777", ended_at=START, ended_as="message", **of_line)
    left = calls.leave_message(
        brand_id=brand.pk,
        number=over.number,
        call_id=over.pk,
        line_id=line.pk,
        file=keep_spoken(brand),
        seconds=4,
        wakes=False,
        **how,
    )
    return {"call_id": running.pk, "message_id": left.pk, "recording_id": left.recording_id}


def _visited(brand: Brand, watcher_id: int, how: dict[str, Any]) -> dict[str, Any]:
    """A site, somebody who is there, and one who may go."""
    site = safety_sites.add_site(brand_id=brand.pk, fields={"name": "Mill Lane", "address": "1 Mill Lane"}, **how)
    goes, later = (people.make_person(name=f"{name} {brand.slug}", brand_id=brand.pk, **how) for name in ("Di", "Ed"))
    team = people.make_team(brand_id=brand.pk, name=f"Field {brand.slug}", **how)
    people.set_team_members(team_id=team.pk, person_ids=[goes.pk, later.pk], manager_id=None, **how)
    visit = safety.declare_visit(
        site_id=site.pk,
        person_id=goes.pk,
        watcher_id=watcher_id,
        why="A fan",
        travel_minutes=10,
        work_minutes=30,
        **how,
    )
    Promise.objects.filter(kind=safety.WATCH).delete()
    return {"site_id": site.pk, "visit_id": visit.pk, "goes_later_id": later.pk}


def _skilled(brand: Brand, person_id: int, service_id: int, seat_key: str, how: dict[str, Any]) -> dict[str, Any]:
    """A skill that somebody has and a service needs, and a newcomer beside whoever has the seat."""
    skill = skill_actions.save_skill(brand_id=brand.pk, key="mpls", name="MPLS", **how)
    skill_actions.set_person_skill(person_id=person_id, skill_id=skill.pk, level=2, **how)
    set_skill_needs(of=("service", service_id), needs={skill.pk: 3}, **how)
    new = people.make_person(name=f"Ny {brand.slug}", brand_id=brand.pk, **how)
    team = people.make_team(brand_id=brand.pk, name=f"New {brand.slug}", **how)
    people.set_team_members(team_id=team.pk, person_ids=[new.pk], manager_id=None, **how)
    skill_actions.begin_as_newcomer(person_id=new.pk, **how)
    pairing = pair_newcomer(
        newcomer_id=new.pk, seat_key=seat_key, starts_at=START, ends_at=START + timedelta(days=9), **how
    )
    Promise.objects.filter(kind__in=("duty.coverage", "outages.ways"), ended_at=None).delete()
    return {"skill_id": skill.pk, "pairing_id": pairing.pk}


def _planned_month(brand: Brand, person_id: int, team_id: int, seat_key: str, how: dict[str, Any]) -> dict[str, Any]:
    """A draft of a week in December, a wish, and a search for cover that asks the person."""
    nights = [{"weekdays": list(range(7)), "opens": "20:00", "closes": "08:00"}]
    seat = plan_actions.set_shifts(seat_key=seat_key, team_id=team_id, shifts=nights, **how)
    days = {"starts_on": date(2026, 12, 1), "ends_on": date(2026, 12, 8)}
    plan = plan_actions.make_draft(rota_id=seat.rota_id, **days, **how)
    run = Drafting.objects.get(plan=plan)
    made = drafts.Made((), {"engine": "core", "version": "1"}, True, 0, None, [], [])
    plan_actions.finish_draft(drafting_id=run.pk, attempt=0, made=made, **how)
    wish = plan_actions.note_wish(
        person_id=person_id, starts_at=START, ends_at=START + timedelta(days=1), wants="avoid", **how
    )
    search = cover_actions.seek_cover(
        seat_key=seat_key,
        starts_at=START + timedelta(days=3),
        ends_at=START + timedelta(days=3, hours=8),
        instead_of_id=None,
        candidates=[cover_actions.Candidate(person_id)],
        **how,
    )
    CoverSearch.objects.filter(pk=search.pk).update(instead_of=None)
    CoverAsk.objects.get_or_create(search=search, person_id=person_id, defaults={"position": 0})
    Promise.objects.filter(subject_kind="cover", brand_id=brand.pk).delete()
    return {"rota_id": seat.rota_id, "plan_id": plan.pk, "plan_wish_id": wish.pk, "search_id": search.pk}


def _outage(brand: Brand, customer_id: int, subscription: Any, how: dict[str, Any]) -> dict[str, Any]:
    """An open one with an update that waits for a manager, and one of everything around it."""
    part = Part.objects.create(brand=brand, key="dock-sw", name="Dock switch", kind="device")
    Member.objects.create(need=Need.objects.create(brand=brand, subscription=subscription), part=part)
    words = {"goes_to": "investigating", "texts": {"en-gb": "We look into it."}, "holding": True}
    sent = outages.save_statement_template(brand_id=brand.pk, name="Hold", **words, **how)
    spare = outages.save_statement_template(brand_id=brand.pk, name="Hold on", **words, **how)
    rule = outages.save_confirm_rule(brand_id=brand.pk, part_ids=[part.pk], template_id=sent.pk, **how)
    outage = outages.propose_outage(
        brand_id=brand.pk, title="Dock is dark", parts={part.pk: 3}, severity="minor", **how
    )
    outages.edit_outage(outage_id=outage.pk, fields={"public": True, "public_title": "Fault"}, **how)
    outages.confirm_outage(outage_id=outage.pk, **how)
    update = outages.write_update(
        outage_id=outage.pk, state="identified", texts={"en-gb": "A fuse."}, quiet=True, **how
    )
    wish = wish_actions.save_wish(customer_id=customer_id, channels=["email"], **how)
    contact = Contact.objects.filter(customer=customer_id).order_by("id")[0]
    asked = UnsubscribeRequest.objects.create(contact=contact, address="noc@lock.example", asked_at=how["at"])
    ended = outages.propose_outage(brand_id=brand.pk, title="It was dark", parts={part.pk: 3}, severity="minor", **how)
    outages.confirm_outage(outage_id=ended.pk, **how)
    outages.write_update(outage_id=ended.pk, state="resolved", texts={"en-gb": "It works."}, **how)
    pack = {"key": "own", "name": "Licence", "to": "The regulator", "law": "Licence 4"}
    steps = [{"key": "first", "name": "First word", "hours": 24}, {"key": "last", "name": "Last word", "hours": 72}]
    rules = {"packs": ["own", "data-protection"], "own_packs": [pack | {"steps": steps}]}
    incidents.save_incident_rules(brand_id=brand.pk, fields=rules, **how)
    report = incidents.draft_incident_report(outage_id=ended.pk, **how)
    assert report is not None
    Promise.objects.filter(subject_kind__in=("outage", "update", "incident_report"), brand_id=brand.pk).delete()
    return {
        "report_id": report.pk,
        "duty_id": report.duties.order_by("due_at")[0].pk,
        "outage_id": outage.pk,
        "update_id": update.pk,
        "statement_id": spare.pk,
        "rule_id": rule.pk,
        "wish_id": wish.pk,
        "unsubscribe_id": asked.pk,
    }


def _known(brand: Brand, person_id: int, page_id: str, how: dict[str, Any]) -> dict[str, Any]:
    """One of everything that is known; the procedure has a published version and a draft, and no owner."""
    here = {"brand_id": brand.pk, **how}
    row = procedures.make_procedure(title="Line is down", body="- [ ] Ring the carrier", **here)
    procedures.publish_procedure(procedure_id=row.pk, number=1, **how)
    run = run_actions.open_procedure(procedure_id=row.pk, subject=("page", page_id), **how)
    procedures.save_procedure(procedure_id=row.pk, title="Line is down", body="Ring them.", over=1, **how)
    proposal = procedures.propose_change(procedure_id=row.pk, body="Look first.", why="Quicker", over=2, **how)
    saying = wording_actions.save_saying(title="Lines", text="We know of it.", **here)
    template = wording_actions.save_template(use="reply", name="Hello", body="Dear {{ contact }},", **here)
    phrase = wording_actions.save_phrase(effect="down", text="{{ service }} is down.", **here)
    part = part_actions.save_part(key="sw2", name="Switch 2", kind="device", **here)
    spare = spare_actions.save_spare(site="Dock Street", what="SFP+", count=3, low_at=1, **here)
    due_at = START + timedelta(days=5)
    briefing = briefing_actions.make_briefing(
        title="Voice", body="It is new.", due_at=due_at, person_ids=[person_id], **here
    )
    return {
        "procedure_id": row.pk,
        "run_id": run.pk,
        "number": 1,
        "proposal_id": proposal.pk,
        "saying_id": saying.pk,
        "template_id": template.pk,
        "spare_id": spare.pk,
        "phrase_id": phrase.pk,
        "part_id": part.pk,
        "briefing_id": briefing.pk,
    }


def _line(brand: Brand, contact_id: int, person_id: int, how: dict[str, Any]) -> dict[str, Any]:
    """A phone line with a greeting of the operator's own, a telephone, and two who have a PIN."""
    number = f"+44207946{1000 + brand.pk % 8000}"
    wanted = line_actions.LineWanted(name="Support", numbers=[number], shown_number=number, pager_number=number)
    line = line_actions.save_line(brand_id=brand.pk, wanted=wanted, **how)
    kept = Recording.objects.create(brand=brand, kind="prompt", digest="0" * 64, seconds=2.0, made_at=START)
    line.prompts = {"greeting": str(kept.pk)}
    line.save(update_fields=["prompts"])
    phone = line_actions.save_telephone(brand_id=brand.pk, name=f"desk-{brand.slug}", **how)
    line_actions.set_pin(contact_id=contact_id, **how)
    line_actions.set_pin(person_id=person_id, **how)
    return {"line_id": line.pk, "line_number": number, "telephone_id": phone.pk, "prompt": "greeting"}


def _hours(person_id: int, seat_key: str, how: dict[str, Any]) -> dict[str, Any]:
    """What limits somebody's hours, what they worked, what they are owed."""
    seat = Seat.objects.get(key=seat_key)
    then = START + timedelta(days=30)
    absence = hours_actions.record_absence(
        person_id=person_id, absence="leave", starts_at=then, ends_at=then + timedelta(days=2), **how
    )
    restriction = hours_actions.record_restriction(
        person_id=person_id, restriction="no_site_visits", starts_on=date(2026, 11, 1), **how
    )
    worked = work_hours.note_hours(
        person_id=person_id, starts_at=START - timedelta(hours=9), ends_at=START - timedelta(hours=1), **how
    )
    owed = RestOwed.objects.create(
        person_id=person_id,
        rule="daily_rest",
        starts_at=START - timedelta(hours=9),
        ends_at=START,
        minutes=60,
        due_at=then,
        noted_at=START,
    )
    late = LateStart.objects.create(
        person_id=person_id,
        seat=seat,
        worked_until=START,
        not_before=START + timedelta(hours=11),
        cover_id=person_id,
        state=LateStart.State.COVERED,
        made_at=START,
    )
    return {
        "absence_id": absence.pk,
        "restriction_id": restriction.pk,
        "worked_id": worked.pk,
        "rest_id": owed.pk,
        "late_start_id": late.pk,
    }


def _planned(brand: Brand, customer_id: int, subscription_id: int, how: dict[str, Any]) -> dict[str, Any]:
    """Announced work that a carrier has said something new of, and what is agreed about such work."""
    part = Part.objects.create(brand=brand, key="fibre-1", name="Fibre 1", kind="circuit", provider_ref="IC-1")
    need = Need.objects.create(brand=brand, subscription_id=subscription_id)
    Member.objects.create(need=need, part=part)
    mailroom.add_address(address=f"noc@{brand.slug}.example.net", brand_id=brand.pk, **how)
    wants = customers.make_contact(customer_id=customer_id, name="Lee", email=f"lee@{brand.slug}.example.net", **how)
    work_rule_actions.save_work_rules(brand_id=brand.pk, notice_days=0, **how)
    work_rule_actions.set_maintnote_wish(contact_id=wants.pk, wanted=True, **how)
    freeze = work_rule_actions.save_freeze(
        brand_id=brand.pk, name="Move", first_day=date(2027, 1, 1), last_day=date(2027, 1, 2), **how
    )
    carrier = carrier_actions.save_carrier(brand_id=brand.pk, name="Northline", senders=["@northline.example"], **how)
    from_at = START + timedelta(hours=5)
    until_at = from_at + timedelta(hours=2)
    work = work_actions.draft_work(
        brand_id=brand.pk, title="Splice", from_at=from_at, until_at=until_at, parts={part.pk: Effect.DOWN}, **how
    )
    work_actions.announce_work(work_id=work.pk, **how)
    work_actions.tell_touched(work_id=work.pk, round_=1, kind_="announce", note="", entry=work.pk, **how)
    objection = work_actions.object_to_work(work_id=work.pk, customer_id=customer_id, name="Kim", words="No!", **how)
    change = {"status": "CONFIRMED", "from_at": from_at.isoformat(), "until_at": until_at.isoformat(), "parts": []}
    Work.objects.filter(pk=work.pk).update(change=change)
    return {
        "maintenance_id": work.pk,
        "notice_id": WorkNotice.objects.get(work=work).pk,
        "objection_id": objection.pk,
        "carrier_id": carrier.pk,
        "freeze_id": freeze.pk,
        "part_key": part.key,
    }


def keep_spoken(brand: Brand) -> str:
    """What the recording of its world holds; again, where a test had it deleted: files do not come back with the rows."""
    return files.keep_file(f"RIFF {brand.slug}".encode())


def two_worlds() -> dict[str, Any]:
    """The brands Acme and Other, and what is of each: "brand", "other_brand", "world", "other_world"."""
    brand, other = (make_brand(name=name, slug=name.lower(), **DOING) for name in ("Acme", "Other"))
    return {"brand": brand, "other_brand": other, "world": world_of(brand), "other_world": world_of(other)}
