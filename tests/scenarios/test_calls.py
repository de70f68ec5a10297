"""Somebody rings: who is rung for them, what they leave, and who is told until they were rung back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightdesk.base import files
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.calls import actions, asking_actions, effects, running
from nightdesk.calls.line_actions import set_pin
from nightdesk.calls.line_preview import outage_heard
from nightdesk.calls.models import Call, CallerPin, CallEvent, CallOut, Line, Message, Recording
from nightdesk.calls.pin_tries import MOST_WRONG_OVERALL, WITHIN, try_pin
from nightdesk.calls.pins import lookup_of
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact, Customer, Hours
from nightdesk.desk.models import Ticket
from nightdesk.journal.models import Entry
from nightdesk.lines.exchange import Came, Key
from nightdesk.outages import actions as outages
from nightdesk.outages import part_actions
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Outage
from nightdesk.outages.needs_text import read_needs
from nightdesk.outages.preview import Draft, preview_of
from nightdesk.paging.models import Page
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from tests.phone_calls import Exchange
from tests.world import Phone, World

OURS = "+442079460100"
ANNA = "+442079460555"
STRANGER = "+442079460777"


@pytest.fixture
def office(world: World) -> dict[str, Any]:
    """Al has the night, Bo stands behind, Mia manages; the line answers from nine to five."""
    al, bo, mia = world.person("Al"), world.person("Bo"), world.person("Mia", manager=True)
    world.seat("primary", al)
    world.seat("backup", bo)
    world.escalate((0, "primary"), (10, "backup"))
    for number, somebody in enumerate((al, bo)):
        method = people.add_contact_method(
            person_id=somebody.id, channel="voice", address=f"+44770090020{number}", **world.doing
        )
        people.confirm_contact_method(method_id=method.id, **world.doing)
    week = {"name": "Line", "zone": "Europe/London", "week": [[["09:00", "17:00"]]] * 5 + [[], []]}
    hours = customers.make_hours(brand_id=world.brand.id, fields=week, **world.doing)  # type: ignore[arg-type]
    line = Line.objects.create(
        brand=world.brand,
        name="Support",
        numbers=[OURS],
        shown_number=OURS,
        pager_number="+442079460199",
        staff_number="+442079460198",
        hours=hours,
        day_seats=["primary", "backup"],
        night_seats=["primary"],
        call_out_price="180 pounds an hour",
    )
    world.hush()
    return {"line": line, "al": al, "bo": bo, "mia": mia}


@pytest.fixture
def exchange(world: World, office: dict[str, Any]) -> Exchange:
    return Exchange(world)


def customer(world: World, **contract: Any) -> Contact:
    world.customer("Anna", **contract)
    contact = Contact.objects.get(name="Anna")
    contact.phone = ANNA
    contact.save(update_fields=["phone"])
    return contact


def by_day(world: World) -> None:
    world.minutes((datetime(2026, 3, 3, 10, 0, tzinfo=UTC) - world.at).total_seconds() / 60)


def test_in_hours_whoever_answered_longest_ago_is_rung_first(world: World, office: Any, exchange: Exchange) -> None:
    by_day(world)
    first, second = exchange.telephone("+447700900200", 1), exchange.telephone("+447700900201", 1)
    for _call in range(2):
        caller = exchange.rings(STRANGER, OURS)
        exchange.seconds(30)
        assert exchange.joined.get(caller.call_id), caller.heard
        exchange.rings_off(caller)
        exchange.seconds(5)
    assert len(first.rang) >= 1
    assert len(second.rang) >= 1
    answered = list(Call.objects.order_by("came_at").values_list("answered_person__name", "ended_as"))
    assert answered == [("Al", "answered"), ("Bo", "answered")]


def night_message(world: World, exchange: Exchange, number: str = STRANGER, seconds: float = 12) -> Message:
    """Somebody rings by night, and leaves a message so long."""
    caller = exchange.rings(number, OURS)
    exchange.will_say(caller, seconds)
    exchange.seconds(90)
    exchange.presses(caller, "1")
    exchange.seconds(30)
    assert not caller.here, caller.heard
    return Message.objects.latest("taken_at")


def an_outage(world: World, contact: Contact, *, fixer: Person) -> Outage:
    """A cable that the customer's line needs is cut; the first word of it is said."""
    fibre = customers.make_service(brand_id=world.brand.id, key="fibre", name="Fibre", **world.doing)
    bought = customers.make_subscription(
        customer_id=contact.customer_id, service_id=fibre.pk, label="LON-1", **world.doing
    )
    cable = part_actions.save_part(brand_id=world.brand.id, key="cable", name="Cable", kind="circuit", **world.doing)
    part_actions.save_needs(owner=("subscription", bought.pk), needs=read_needs("cable"), **world.doing)
    outage = outages.propose_outage(
        brand_id=world.brand.id, title="Cable cut", parts={cable.pk: int(Effect.DOWN)}, **world.doing
    )
    outages.confirm_outage(outage_id=outage.pk, lead_id=fixer.id, fixer_id=fixer.id, voice_id=fixer.id, **world.doing)
    update(world, outage, "A cable is cut. A crew is on the way.")
    world.hush()
    return outage


def update(world: World, outage: Outage, text: str, next_at: datetime | None = None) -> None:
    outages.write_update(outage_id=outage.pk, state="identified", texts={"en-gb": text}, next_at=next_at, **world.doing)
    world.run_due()


def test_a_caller_hears_a_long_statement_to_its_last_word_as_its_writer_was_shown(
    world: World, office: Any, exchange: Exchange
) -> None:
    contact = customer(world)
    outage = an_outage(world, contact, fixer=office["al"])
    text = "A digger has cut the cable at Dock Street, and the spare one that runs beside it. " * 5 + "It is the heron."
    next_at = world.at + timedelta(minutes=45)
    shown = outage_heard(preview_of(outage, Draft("identified", {"en-gb": text}, next_at), world.at).update, world.at)
    update(world, outage, text, next_at)
    caller = exchange.rings(ANNA, OURS)
    exchange.seconds(1)
    heard = " ".join(caller.heard)
    assert "Fibre LON 1 does not work." in heard
    assert heard.count("A digger has cut the cable") == 5
    assert "It is the heron. This was said" in heard
    assert heard == shown
    world.hush()


def test_from_a_strangers_telephone_a_pin_opens_ones_own_outage_and_nothing_opens_anothers(
    world: World, office: Any, exchange: Exchange
) -> None:
    contact = customer(world)
    outage = an_outage(world, contact, fixer=office["al"])
    set_pin(contact_id=contact.pk, pin="483019", **world.doing)
    world.customer("Otto")
    otto = Contact.objects.get(name="Otto")
    otto.phone = "+442079460666"
    otto.save(update_fields=["phone"])
    for number in (STRANGER, otto.phone):
        caller = exchange.rings(number, OURS)
        exchange.seconds(10)
        assert not caller.heard_that("cable"), caller.heard
        if number == STRANGER:
            exchange.presses(caller, "*")
            exchange.seconds(10)
            exchange.presses(caller, "483019#")
            exchange.seconds(10)
            assert caller.heard_that("Fibre LON 1 does not work. A cable is cut."), caller.heard
            call = exchange.call(caller)
            assert (call.known_by, call.customer_id, call.outage_id) == ("pin", contact.customer_id, outage.pk)
        exchange.rings_off(caller)
        exchange.seconds(5)
    world.hush()


def test_nobody_hears_by_telephone_of_what_is_over_or_touches_nobody_and_without_a_line(
    world: World, office: Any
) -> None:
    outage = an_outage(world, customer(world), fixer=office["al"])

    def heard(state: str) -> str:
        return outage_heard(preview_of(outage, Draft(state, {"en-gb": "All is well."}), world.at).update, world.at)

    assert heard("resolved") == ""
    assert "All is well." in heard("monitoring")
    Line.objects.update(active=False)
    assert heard("monitoring") == ""
    world.hush()


def by(world: World, person: Person) -> dict[str, Any]:
    return {"by": world.actor(person), "via": Door.WEB, "at": world.at}


def test_by_night_a_stranger_s_message_wakes_one_and_is_rung_back(
    world: World, office: Any, exchange: Exchange
) -> None:
    al = exchange.telephone("+447700900200", 1)
    message = night_message(world, exchange)
    assert (message.kind, message.state, message.call_back_by is not None) == ("message", "waiting", True)
    assert al.rang == [], "nobody is rung by the line itself"
    world.phone(office["al"]).got("Ring back")
    ticket = Ticket.objects.get(pk=message.ticket_id)
    assert ticket.title == f"Call from {STRANGER}"
    assert message.call is not None
    assert message.call.ticket_id == ticket.pk

    back = asking_actions.call_back(message_id=message.pk, **by(world, office["al"]))
    assert Page.objects.get().owner == office["al"], "whoever rings back has the page"
    customer = exchange.telephone(STRANGER, 3, presses="")
    exchange.heeds_askings()
    exchange.seconds(20)
    assert (len(al.rang), len(customer.rang)) == (1, 1)
    assert exchange.shown[STRANGER] == [OURS], "the number that is shown comes back to us"
    assert exchange.shown["+447700900200"] == ["+442079460199"]
    message.refresh_from_db()
    assert (message.state, message.reached_by) == ("reached", office["al"])
    exchange.rings_off_leg(back.pk, "out")
    exchange.seconds(3)
    exchange.key(back.pk, "e1", "1")
    exchange.seconds(10)
    message.refresh_from_db()
    assert (message.state, message.outcome) == ("closed", "It is solved.")
    assert Page.objects.get().state == "resolved"
    world.minutes(120)
    assert not Promise.objects.filter(kind=actions.CALL_BACK_DUE, ended_at=None).exists()


def test_a_call_back_that_nobody_makes_is_chased_and_escalated(world: World, office: Any, exchange: Exchange) -> None:
    message = night_message(world, exchange)
    al, bo, mia = (world.phone(office[name]) for name in ("al", "bo", "mia"))
    al.got("Ring back")
    world.acknowledge(Page.objects.get(), by=office["al"])
    taken = message.taken_at
    world.minutes(20)
    assert al.got("Call back owed") - taken == timedelta(minutes=20)
    world.minutes(10)
    assert bo.got("Call back owed") - taken == timedelta(minutes=30)
    world.minutes(10)
    assert mia.got("Call back owed") - taken == timedelta(minutes=40)
    world.minutes(30)
    mia.got("Call back owed")
    actions.close_message(message_id=message.pk, why="Bo met them in the street", **by(world, office["bo"]))
    world.minutes(240)


def test_who_rings_again_joins_the_same_message_and_may_cancel_it(
    world: World, office: Any, exchange: Exchange
) -> None:
    message = night_message(world, exchange)
    world.phone(office["al"]).got("Ring back")
    again = exchange.rings(STRANGER, OURS)
    exchange.seconds(20)
    assert again.heard_that("You left a message at"), again.heard
    exchange.presses(again, "2")
    exchange.seconds(20)
    message.refresh_from_db()
    assert (message.state, message.again) == ("cancelled", 1)
    assert exchange.call(again).ended_as == "cancelled"
    assert (Page.objects.count(), Ticket.objects.count()) == (1, 1), "nobody is paged twice for one matter"
    assert not Promise.objects.filter(kind=actions.CALL_BACK_DUE, ended_at=None).exists()


def test_a_second_message_of_the_same_caller_belongs_to_the_first(
    world: World, office: Any, exchange: Exchange
) -> None:
    first = night_message(world, exchange)
    world.phone(office["al"]).got("Ring back")
    again = exchange.rings(STRANGER, OURS)
    exchange.will_say(again, 7)
    exchange.seconds(20)
    exchange.presses(again, "1")
    exchange.seconds(60)
    exchange.presses(again, "1")
    exchange.seconds(20)
    first.refresh_from_db()
    second = Message.objects.exclude(pk=first.pk).get()
    assert (second.state, second.ticket_id, second.recording is not None) == ("closed", first.ticket_id, True)
    assert first.state == "waiting"
    assert Page.objects.count() == 1


def test_a_silent_recording_is_a_missed_call_and_wakes_nobody(world: World, office: Any, exchange: Exchange) -> None:
    caller = exchange.rings(STRANGER, OURS)
    exchange.seconds(180)
    message = Message.objects.get()
    assert (message.kind, exchange.call(caller).ended_as) == ("missed", "missed")
    assert not Page.objects.exists()
    assert message.call_back_by is not None
    assert message.call_back_by.hour == 9, "it is rung back once somebody is there"
    actions.close_message(message_id=message.pk, why="A robot", **by(world, office["al"]))


def test_a_call_out_is_a_recorded_consent_and_lands_in_the_time_of_the_ticket(
    world: World, office: Any, exchange: Exchange
) -> None:
    customer(world)
    exchange.telephone("+447700900200", 1)
    caller = exchange.rings(ANNA, OURS)
    exchange.seconds(45)
    assert caller.heard_that("180 pounds an hour"), caller.heard
    assert not exchange.telephones["+447700900200"].rang
    exchange.presses(caller, "1")
    exchange.will_say(caller, 9)
    exchange.seconds(90)
    exchange.presses(caller, "1")
    exchange.seconds(30)
    row = CallOut.objects.get()
    assert (row.price, row.customer, row.logged_at) == ("180 pounds an hour", Customer.objects.get(name="Anna"), None)
    assert "180 pounds" in row.said
    world.phone(office["al"]).got("Ring back Anna, Anna")
    message = Message.objects.get()
    actions.note_outcome(message_id=message.pk, outcome="Router swapped", **by(world, office["al"]))
    row.refresh_from_db()
    assert row.person == office["al"]
    spent = Ticket.objects.get(pk=message.ticket_id).time_spent.get()
    assert (spent.call_out, spent.person, spent.billable) == (True, office["al"], True)


def test_recordings_go_when_their_line_says_and_each_listening_is_on_record(
    world: World, office: Any, exchange: Exchange
) -> None:
    message = night_message(world, exchange)
    world.phone(office["al"]).got("Ring back")
    actions.close_message(message_id=message.pk, why="Told by mail", **by(world, office["al"]))
    world.acknowledge(Page.objects.get(), by=office["al"])
    recording = Recording.objects.get()
    actions.hear_recording(recording_id=recording.pk, **by(world, office["al"]))
    actions.hear_recording(recording_id=recording.pk, **by(world, office["al"]))
    assert Entry.objects.filter(kind=actions.RECORDING_HEARD).count() == 1
    promised = Promise.objects.get(kind=actions.DELETE, ended_at=None)
    assert promised.due_at - recording.made_at >= timedelta(days=office["line"].keep_days - 1)
    actions.delete_recording(recording_id=recording.pk, **{**by(world, office["mia"]), "by": SCHEDULER})
    with pytest.raises(NotFound):
        actions.hear_recording(recording_id=recording.pk, **by(world, office["al"]))
    with pytest.raises(FileNotFoundError):
        files.read_file(recording.digest)


def test_a_wrong_pin_is_tried_a_few_times_only_and_never_believed_after(
    world: World, office: Any, exchange: Exchange
) -> None:
    contact = customer(world)
    CallerPin.objects.create(brand=world.brand, contact=contact, lookup=lookup_of("271828"), set_at=world.at)
    call = exchange.call(exchange.rings(STRANGER, OURS))
    for left in (2, 1, 0):
        assert try_pin(call, "000000", world.at).left == left
    assert try_pin(call, "271828", world.at).pin is None, "this call has had its tries"
    other = exchange.call(exchange.rings(STRANGER, OURS))
    assert try_pin(other, "271828", world.at).pin is not None, "another call of the number may"
    for _more in range(2):
        try_pin(other, "111111", world.at)
    third = exchange.call(exchange.rings(STRANGER, OURS))
    assert try_pin(third, "271828", world.at).pin is None, "the number has had its tries for an hour"
    elsewhere = exchange.call(exchange.rings(ANNA, OURS))
    assert try_pin(elsewhere, "271828", world.at).pin is not None
    for number in range(MOST_WRONG_OVERALL):
        try_pin(exchange.call(exchange.rings(f"+44207946{number:04}", OURS)), "333333", world.at)
    assert try_pin(exchange.call(exchange.rings(ANNA, OURS)), "271828", world.at).pin is None, "somebody tries them all"
    assert try_pin(exchange.call(exchange.rings(ANNA, OURS)), "271828", world.at + WITHIN).pin is not None


def test_a_pin_never_stands_in_the_call_s_story(world: World, office: Any, exchange: Exchange) -> None:
    contact = customer(world)
    CallerPin.objects.create(brand=world.brand, contact=contact, lookup=lookup_of("271828"), set_at=world.at)
    caller = exchange.rings(STRANGER, OURS)
    exchange.seconds(1)
    exchange.presses(caller, "*")
    exchange.seconds(6)
    exchange.presses(caller, "271828#")
    call = exchange.call(caller)
    assert (call.contact, call.known_by) == (contact, "pin"), caller.heard
    story = str(list(CallEvent.objects.filter(call=call).values_list("event", "orders", "why"))) + str(call.state)
    assert "271828" not in story
    assert not all(digit in story for digit in ("'digit': '2'", "'digit': '7'"))
    exchange.rings_off(caller)
    world.hush()


def test_one_poisonous_event_never_stops_the_call(
    world: World, office: Any, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be understood is kept with its trouble, and heard again; what a call left is written later."""
    caller = exchange.rings(STRANGER, OURS)
    hours = office["line"].hours
    good = hours.week
    Hours.objects.filter(pk=hours.pk).update(week=[["broken"]])
    troubled = CallEvent.objects.exclude(trouble="")
    for _second in range(60):
        if not troubled.exists():
            exchange.seconds(1)
    assert troubled.exists()
    Hours.objects.filter(pk=hours.pk).update(week=good)
    assert caller.here
    exchange.will_say(caller, 12)
    wrote = effects.EFFECTS["message"]

    def refuses(*_args: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setitem(effects.EFFECTS, "message", refuses)
    exchange.seconds(80)
    exchange.presses(caller, "1")
    assert Promise.objects.filter(kind=running.WRITE_AGAIN, ended_at=None).exists(), caller.heard
    monkeypatch.setitem(effects.EFFECTS, "message", wrote)
    exchange.seconds(40)
    assert Message.objects.get().kind == "message"
    world.phone(office["al"]).got("Ring back")
    actions.close_message(message_id=Message.objects.get().pk, why="Tried", **by(world, office["al"]))
    world.acknowledge(Page.objects.get(), by=office["al"])


def test_a_call_that_cannot_be_begun_is_the_exchange_s_own(world: World, office: Any, exchange: Exchange) -> None:
    Hours.objects.filter(pk=office["line"].hours_id).update(week=[["broken"]])
    caller = exchange.rings(STRANGER, OURS)
    assert caller.fell_back
    assert exchange.call(caller).ended_as == "failed"
    assert exchange.rings(STRANGER, "+442079469999").fell_back, "a number that is no line's"


def test_an_event_that_comes_twice_is_heard_once(world: World, office: Any, exchange: Exchange) -> None:
    caller = exchange.rings(STRANGER, OURS)
    once = exchange.hear(caller.call_id, Key("caller", "5"), once="report 7")
    steps = exchange.call(caller).step
    twice = exchange.hear(caller.call_id, Key("caller", "5"), once="report 7")
    assert (twice.orders, exchange.call(caller).step) == (once.orders, steps)
    again = running.take_call(exchange="test", came=Came("caller", OURS, STRANGER), at=world.at, call_id=caller.call_id)
    assert exchange.call(caller).step == steps
    assert again.call_id == caller.call_id
    exchange.rings_off(caller)


def test_whoever_hears_of_an_outage_may_be_texted_of_it(world: World, office: Any, exchange: Exchange) -> None:
    """They hear their own service; nobody is rung; each update comes by text until it is over."""
    contact = customer(world, out_of_hours="full", may_wake=["P1", "P2"])
    outage = an_outage(world, contact, fixer=office["al"])
    al = exchange.telephone("+447700900200", 1)
    caller = exchange.rings(ANNA, OURS)
    exchange.seconds(25)
    assert caller.heard_that("Fibre LON 1 does not work"), caller.heard
    exchange.presses(caller, "1")
    exchange.seconds(15)
    call = exchange.call(caller)
    assert (call.ended_as, call.outage_id, al.rang) == ("heard_outage", outage.pk, [])
    world.phones[ANNA] = Phone("Anna's telephone")
    update(world, outage, "The splice is done.")
    text = world.phones[ANNA]
    text.got("The splice is done.")
    text.is_silent()
    world.hush()


def test_a_message_about_a_known_outage_never_wakes_who_is_fixing_it(
    world: World, office: Any, exchange: Exchange
) -> None:
    contact = customer(world, out_of_hours="full", may_wake=["P1", "P2"])
    outage = an_outage(world, contact, fixer=office["al"])
    caller = exchange.rings(ANNA, OURS)
    exchange.seconds(25)
    exchange.presses(caller, "3")
    exchange.will_say(caller, 8)
    exchange.seconds(60)
    exchange.presses(caller, "1")
    exchange.seconds(20)
    message = Message.objects.get()
    assert (message.page_id, message.outage_id) == (None, outage.pk)
    assert Ticket.objects.get(pk=message.ticket_id).outage_id == outage.pk, "it follows the outage"
    world.minutes(60)
    world.phone(office["bo"]).got("Call back owed")
    told = [text for _at, text in world.phone(office["al"]).rang if "back" in text]
    assert told == [], "nor is who fixes it reminded of the call-back"
    actions.close_message(message_id=message.pk, why="It works again", **by(world, office["bo"]))
    world.hush()


def test_in_hours_a_customer_without_a_contract_is_put_through_like_anybody(
    world: World, office: Any, exchange: Exchange
) -> None:
    made = customers.make_customer(brand_id=world.brand.id, name="Old", ref="OLD", **world.doing)
    contact = customers.make_contact(customer_id=made.pk, name="Olga", email="olga@customer.example", **world.doing)
    Contact.objects.filter(pk=contact.pk).update(phone=ANNA)
    by_day(world)
    exchange.telephone("+447700900200", 1)
    caller = exchange.rings(ANNA, OURS)
    exchange.seconds(30)
    assert exchange.joined.get(caller.call_id), caller.heard
    exchange.rings_off(caller)


def test_what_other_companies_rang_about_is_not_theirs_to_see(world: World, office: Any, exchange: Exchange) -> None:
    """A number that two companies have says nothing: neither hears the other's outage, or message."""
    anna = customer(world)
    left = night_message(world, exchange)
    Message.objects.filter(pk=left.pk).update(number=ANNA, customer=anna.customer_id)
    other = customers.make_customer(brand_id=world.brand.id, name="Other", ref="OTHER", **world.doing)
    contact = customers.make_contact(customer_id=other.pk, name="Otto", email="otto@customer.example", **world.doing)
    Contact.objects.filter(pk=contact.pk).update(phone=ANNA)
    caller = exchange.rings(ANNA, OURS)
    exchange.seconds(20)
    assert not caller.heard_that("You left a message"), caller.heard
    call = exchange.call(caller)
    assert (call.customer, call.contact, call.known_by) == (None, None, "")
    world.hush()
