"""What is owed to a customer, and who hears of it before it is late: by day the desk by mail, at night the engineer."""

from datetime import date, timedelta
from typing import Any

import pytest

from nightdesk.base.actors import Actor, Door
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact
from nightdesk.desk import actions as desk
from nightdesk.desk import clock_queries
from nightdesk.desk.actions import Words
from nightdesk.desk.models import Ticket
from nightdesk.people.models import Person
from tests.world import Phone, World

pytestmark = pytest.mark.django_db

OFFICE = [[["09:00", "17:30"]]] * 5 + [[], []]
TARGETS = {"P2": {"respond": "PT1H", "fix": "PT8H"}, "P3": {"respond": "PT4H", "fix": "PT16H"}}


def contact(world: World, **contract: Any) -> Contact:
    hours = customers.make_hours(
        brand_id=world.brand.id,
        fields={"name": "Office", "zone": "Europe/London", "week": OFFICE},
        **world.doing,
    )
    customer = customers.make_customer(brand_id=world.brand.id, name="Acme", ref="ACME", **world.doing)
    customers.make_contract(
        customer_id=customer.pk,
        name="Gold",
        hours_id=hours.pk,
        valid_from=date(2026, 1, 1),
        targets=TARGETS,
        **contract,
        **world.doing,
    )
    return customers.make_contact(customer_id=customer.pk, name="Cleo", email="cleo@acme.example", **world.doing)


def asks(world: World, cleo: Contact, title: str, urgency: str = "medium") -> Ticket:
    """A mail of hers, whose priority the desk would give by hand; by itself it wakes nobody."""
    return desk.open_ticket(
        brand_id=world.brand.id,
        title=title,
        words=Words("It crawls."),
        contact_id=cleo.pk,
        trust="verified",
        impact="medium",
        urgency=urgency,
        wakes=False,
        next_step="Look at it",
        next_step_at=world.at + timedelta(days=5),
        by=Actor("contact", str(cleo.pk), cleo.name),
        via=Door.EMAIL,
        at=world.at,
    )


def gives_to(world: World, ticket: Ticket, person: Person) -> None:
    desk.assign_ticket(ticket_id=ticket.pk, person_id=person.pk, **world.doing)


def test_at_night_the_engineer_is_woken_before_the_answer_is_late(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    cleo = contact(world, may_wake=["P2"])
    ticket = asks(world, cleo, "The line is slow", urgency="high")
    world.minutes(44)
    world.phone(bo).is_silent()
    world.minutes(1)
    rang_at = world.phone(bo).got("The line is slow")
    assert rang_at == ticket.opened_at + timedelta(minutes=45)


def test_what_may_wake_nobody_is_told_by_mail_while_somebody_is_there(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    mail = world.mail(bo)
    ticket = asks(world, contact(world), "The line is slow")
    gives_to(world, ticket, bo)
    world.minutes(60 * 6)  # eight in the morning
    mail.got("The line is slow")  # that it is theirs now
    mail.is_silent()
    world.minutes(60 * 4)
    assert f"{mail.got('nearly due'):%H:%M}" == "12:00"
    world.minutes(60)
    assert f"{mail.got('is late'):%H:%M}" == "13:00"
    world.phone(bo).is_silent()


def test_an_answer_in_time_silences_the_clock_and_news_is_owed_from_then_on(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    mail = world.mail(bo)
    ticket = asks(world, contact(world), "The line is slow")
    gives_to(world, ticket, bo)
    world.minutes(60 * 8)
    mail.got("The line is slow")
    world.phones["cleo@acme.example"] = Phone("Cleo")
    desk.reply_to_customer(ticket_id=ticket.pk, words=Words("We look."), **{**world.doing, "by": world.actor(bo)})
    world.minutes(60 * 7)
    world.phones["cleo@acme.example"].got("We look.")
    assert f"{mail.got('news for the customer is nearly due'):%H:%M}" == "16:00"
    clocks = clock_queries.clocks_of([ticket], world.at)[ticket.pk]
    assert f"{clocks.update.due_at:%a %H:%M}" == "Wed 09:30"
    world.minutes(60 * 16)
    mail.is_silent()  # and nobody is told in the evening of what is due at half past nine
    world.minutes(60)
    assert f"{mail.got('news for the customer is late'):%a %H:%M}" == "Wed 09:30"
