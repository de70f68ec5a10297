"""A customer writes by night, and is told the truth; nobody is woken for it, and nothing is told twice."""

from collections.abc import Iterator

import pytest

from nightdesk.base.actors import Actor, Door
from nightdesk.desk import actions as desk
from nightdesk.desk import mail_actions, mail_queries
from nightdesk.desk.models import Entry, Ticket
from nightdesk.mailroom import actions as mailroom
from nightdesk.people.models import Person
from tests.world import World

SUPPORT = "support@quay.example"


@pytest.fixture
def dee(world: World) -> Iterator[Person]:
    """Dee is the desk; its mail comes to support@."""
    somebody = world.person("Dee")
    world.mail(somebody)
    mailroom.add_address(address=SUPPORT, brand_id=world.brand.id, **world.doing)
    mailroom.save_front(way="smtp", authserv_id="mx.quay.example", **world.doing)
    rules = {"owner_id": world.team.id, "emergency_number": "+44 20 7946 0000"}
    desk.save_desk_rules(brand_id=world.brand.id, fields=rules, **world.doing)
    return somebody


def answering(world: World, person: Person) -> dict[str, object]:
    by: Actor = world.actor(person)
    return {"by": by, "via": Door.WEB, "at": world.at}


def test_she_is_told_when_we_look_at_it_and_the_answer_waits_till_then(world: World, dee: Person) -> None:
    cleo = world.customer("Cleo")
    world.writes("cleo@customer.example", SUPPORT, "The line is slow", "It crawls since nine.")
    ticket = Ticket.objects.get()
    cleo.got("We are closed now, and look at it from Tuesday 3 March, 09:00 (Europe/London).")
    assert "+44 20 7946 0000" not in cleo.rang[-1][1]
    world.minutes(30)  # nobody's telephone rings

    words = desk.Words("We found it: a bent fibre.")
    desk.reply_to_customer(ticket_id=ticket.id, words=words, **answering(world, dee))
    world.minutes(60)
    cleo.is_silent()
    (held,) = mail_queries.held_replies(world.brand.id, world.at)
    assert f"{held.until:%H:%M}" == "09:00"
    world.minutes(6 * 60)
    at = cleo.got("We found it: a bent fibre.")
    assert f"{at:%H:%M}" == "09:00"

    world.writes("cleo@customer.example", SUPPORT, f"Re: [quayside#{ticket.number}] The line is slow", "Thank you!")
    world.mail(dee).got("The next step of ticket #1001 is late")  # Dee has not said another
    world.mail(dee).got("Cleo wrote\nThank you!")
    world.minutes(60 * 24)
    assert {one.ticket_id for one in Entry.objects.filter(kind="message_in")} == {ticket.id}
    _hear_the_rest(world, dee)


def test_who_bought_the_night_is_told_the_number_that_wakes_us(world: World, dee: Person) -> None:
    cleo = world.customer("Cleo", out_of_hours="full", may_wake=["P1"])
    world.writes("cleo@customer.example", SUPPORT, "Slow", "It crawls.")
    cleo.got("ring +44 20 7946 0000: that wakes an engineer")
    world.minutes(10)
    _hear_the_rest(world, dee)


def test_what_was_written_in_anger_is_taken_back_before_it_leaves(world: World, dee: Person) -> None:
    cleo = world.customer("Cleo")
    world.writes("cleo@customer.example", SUPPORT, "Slow", "It crawls.")
    cleo.got("We are closed now")
    words = desk.Words("Read the manual.")
    entry = desk.reply_to_customer(ticket_id=Ticket.objects.get().id, words=words, **answering(world, dee))
    world.minutes(10)
    mail_actions.recall_reply(entry_id=entry.id, **answering(world, dee))
    world.minutes(12 * 60)
    cleo.is_silent()
    _hear_the_rest(world, dee)


def _hear_the_rest(world: World, dee: Person) -> None:
    """Next steps and clocks that passed meanwhile are told quietly to the desk; no telephone rang."""
    world.phone(dee).is_silent()
    mailbox = world.mail(dee)
    mailbox.heard = len(mailbox.rang)
