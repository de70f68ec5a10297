"""What an outage does to tickets, and what three who ask at once say about a part."""

from datetime import timedelta

import pytest

from nightdesk.base.actors import Door
from nightdesk.base.models import Promise
from nightdesk.channels.models import Message
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact
from nightdesk.customers.queries import actor_of_contact
from nightdesk.desk import actions, linking_actions, outage_actions
from nightdesk.desk.clock_queries import clocks_of
from nightdesk.desk.models import Entry, Ticket
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import NIGHT, Provider
from nightdesk.desk.worklist import Wanted, chosen
from nightdesk.knowledge.wording_actions import save_phrase
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Affected, Outage, Touched
from nightdesk.outages.tests.company import Network
from nightdesk.paging.models import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def network(db: None) -> Network:
    made = Network()
    actions.save_desk_rules(brand_id=made.brand.pk, fields={"owner_id": made.team_of_the_desk().pk}, **made.doing)
    made.acme, made.bolt = made.customer("Acme", "Cleo"), made.customer("Bolt", "Ben")
    return made


def asks(network: Network, contact: str, *, service: bool = True) -> Ticket:
    who = Contact.objects.get(name=contact)
    return actions.open_ticket(
        brand_id=network.brand.pk,
        title="No internet",
        words=actions.Words("No internet"),
        contact_id=who.pk,
        service_id=network.line.pk if service else None,
        by=actor_of_contact(who),
        via=network.doing["via"],
        at=network.at,
    )


def test_each_customer_is_told_their_tickets_number_in_the_first_text(network: Network) -> None:
    told = network.told(network.says(network.outage(), "We know of it."))
    numbers = dict(Affected.objects.values_list("customer__name", "ticket_number"))
    assert f"Your ticket is #{numbers['Acme']}." in told["Cleo", "sms"]
    assert f"Your ticket is #{numbers['Bolt']}." in told["Ben", "email"]
    ticket = Ticket.objects.get(number=numbers["Acme"])
    assert (ticket.customer, ticket.state, ticket.title) == (network.acme, "in_progress", "A fault in your services")
    assert ticket.next_step_at == Outage.objects.get().next_update_at


def test_who_asked_before_it_was_one_keeps_their_ticket_and_nobody_gets_two(network: Network) -> None:
    before = asks(network, "Cleo")
    network.minutes(5)
    outage = network.outage()
    network.says(outage, "We know of it.")
    network.says(outage, "Still.")
    before.refresh_from_db()
    assert before.outage == outage
    assert Affected.objects.get(customer=network.acme).ticket_number == before.number
    assert Ticket.objects.filter(customer=network.acme).count() == 1
    assert Ticket.objects.filter(outage=outage).count() == 2


def test_what_an_outage_opened_is_nobodys_work_until_somebody_writes(network: Network) -> None:
    outage = network.outage()
    network.says(outage, "We know of it.")
    wanted = Wanted(view="unassigned")
    assert not chosen(wanted, [network.brand.pk]).exists()
    theirs = Ticket.objects.get(outage=outage, customer=network.acme)
    cleo = actor_of_contact(Contact.objects.get(name="Cleo"))
    actions.take_message(ticket_id=theirs.pk, words=actions.Words("Hello?"), **{**network.doing, "by": cleo})
    assert [one.customer for one in chosen(wanted, [network.brand.pk])] == [network.acme]


def test_every_update_stands_in_every_ticket_and_nobody_is_mailed_twice(network: Network) -> None:
    outage = network.outage()
    network.says(outage, "We know of it.")
    network.says(outage, "A spare is on its way.", quiet=True)
    for ticket in Ticket.objects.filter(outage=outage):
        said = Entry.objects.filter(ticket=ticket, kind="message_out").order_by("at", "id")
        assert [(one.text, one.public) for one in said] == [("We know of it.", True), ("A spare is on its way.", True)]
    update = outage.updates.first()
    assert outage_actions.note_update(update_id=update.pk, **network.doing) == 0


def test_an_outages_updates_are_news_to_the_customer_and_what_they_write_starts_the_clocks(network: Network) -> None:
    network.work()  # the clocks of open tickets follow a new contract
    outage = network.outage()
    network.says(outage, "We know of it.")
    ticket = Ticket.objects.get(outage=outage, customer=network.acme)
    clocks = Promise.objects.filter(kind__startswith="ticket.warn", subject_id=str(ticket.pk), ended_at=None)
    assert not clocks.exists(), "it is nobody's work yet"
    network.minutes(20)
    cleo = Contact.objects.get(name="Cleo")
    actions.take_message(
        ticket_id=ticket.pk, words=actions.Words("And?"), by=actor_of_contact(cleo), via=Door.WEB, at=network.at
    )
    assert clocks.exists()
    network.minutes(10)
    network.says(outage, "A spare is on its way.", quiet=True)
    ticket.refresh_from_db()
    assert clocks_of([ticket], network.at)[ticket.pk].update.since == network.at


def test_the_end_resolves_what_nobody_asked_in_and_of_the_others_somebody_asks(network: Network) -> None:
    asked = asks(network, "Cleo")
    outage = network.outage()
    network.says(outage, "We know of it.")
    network.says(outage, "A fuse was replaced.", "resolved")
    asked.refresh_from_db()
    theirs = Ticket.objects.get(customer=network.bolt)
    assert (theirs.state, theirs.what_was_done) == ("resolved", "A fuse was replaced.")
    assert (asked.state, asked.next_step) == ("new", "Ask whether theirs works again: the outage is over")
    network.says(outage, "It is back.", "investigating")
    theirs.refresh_from_db()
    assert theirs.state == "in_progress"


def test_a_ticket_about_what_is_down_joins_the_outage_and_says_what_was_told(network: Network) -> None:
    outage = network.outage()
    network.says(outage, "We know of it.")
    late = asks(network, "Cleo")
    vague = asks(network, "Ben", service=False)
    network.work()
    late.refresh_from_db()
    vague.refresh_from_db()
    assert (late.outage, vague.outage) == (outage, None)
    assert Entry.objects.filter(ticket=late, text="Outage O-1001 touches this. We know of it.").exists()


def acknowledged(brand_id: int) -> str:
    """The newest automatic answer."""
    return Message.objects.filter(kind="ticket.acknowledged", brand_id=brand_id).latest("at", "id").body


def test_the_automatic_answer_tells_of_the_outage_with_what_helps_meanwhile_and_a_stranger_nothing(
    network: Network,
) -> None:
    post = Post(network)  # type: ignore[arg-type]
    text = "{{ service }} does not work."
    words = {"text": text, "workaround": "Your telephones work.", "service_id": network.line.pk}
    save_phrase(brand_id=network.brand.pk, effect="down", **words, **network.doing)
    post.write("Cleo <cleo@acme.example>")
    assert "telephones" not in acknowledged(network.brand.pk), "somebody is there, and nothing is known to be wrong"
    network.says(network.outage(), "We know of it.")
    network.minutes(5)
    post.write("Cleo <cleo@acme.example>", "Again")
    said = acknowledged(network.brand.pk)
    assert "What we know to be wrong now:" in said
    assert "Internet line L-1 does not work. Your telephones work. We know of it." in said
    post.write("Cleo <cleo@acme.example>", "Not proven", proven="")
    assert "does not work" not in acknowledged(network.brand.pk)


def test_while_nobody_is_there_the_automatic_answer_says_what_helps_until_then() -> None:
    there = Provider(NIGHT)
    post = Post(there)
    mail = customers.make_service(brand_id=there.brand.pk, key="mail", name="Mail", **there.doing)
    for service, helps in ((mail, "Webmail works while {{ service }} does not."), (there.service, "")):
        customers.make_subscription(customer_id=there.acme.pk, service_id=service.pk, **there.doing)
        words = {"text": "{{ service }} is down.", "workaround": helps, "service_id": service.pk}
        save_phrase(brand_id=there.brand.pk, effect="down", **words, **there.doing)
    post.write("Cleo <cleo@acme.example>")
    assert "What helps meanwhile:\n- Webmail works while Mail does not." in acknowledged(there.brand.pk)
    post.write("Mal <mal@elsewhere.example>", proven="")
    assert "What helps" not in acknowledged(there.brand.pk)
    there.at += timedelta(hours=8)
    post.write("Cleo <cleo@acme.example>", "By day")
    assert "What helps" not in acknowledged(there.brand.pk)


def test_what_a_caller_left_who_was_told_of_an_outage_belongs_to_it(network: Network) -> None:
    """The service need not be known: they heard of the outage, and left a message all the same."""
    outage = network.outage()
    asked = [asks(network, name, service=False) for name in ("Cleo", "Ben")]
    told = outage_actions.join_outage(ticket_id=asked[0].pk, outage_id=outage.pk, **network.doing)
    assert told == f"It belongs to {outage.name}."
    outage_actions.join_outage(ticket_id=asked[1].pk, **network.doing)
    for ticket in asked:
        ticket.refresh_from_db()
    assert [ticket.outage for ticket in asked] == [outage, None]
    assert Affected.objects.get(customer=network.acme).ticket_number == asked[0].number
    untouched = network.customer("Cask", "Cid")
    Affected.objects.filter(customer=untouched).delete()
    Touched.objects.filter(customer=untouched).delete()
    other = asks(network, "Cid", service=False)
    told = outage_actions.join_outage(ticket_id=other.pk, outage_id=outage.pk, **network.doing)
    assert told == "No outage touches it."


@pytest.mark.parametrize("service", [True, False])
def test_customers_who_ask_about_a_known_outage_are_no_new_one_and_page_nobody(network: Network, service: bool) -> None:
    network.customer("Cask", "Cid")
    outage = network.outage()
    network.says(outage, "We know of it.")
    for name in ("Cleo", "Ben", "Cid"):
        ticket = asks(network, name, service=service)
        linking_actions.gather_surge(ticket_id=ticket.pk, **network.doing)
    network.work()
    assert not Page.objects.exists()
    assert Outage.objects.get() == outage


def test_three_customers_with_different_services_behind_one_switch_propose_an_outage_of_it(network: Network) -> None:
    network.customer("Cask", "Cid")
    dell = network.customer("Dell")
    network.contact(dell, "Dan")
    network.needs(network.buys(dell, network.mail), network.access)
    for name in ("Cleo", "Ben"):
        asks(network, name)
        network.minutes(2)
    dans = Contact.objects.get(name="Dan")
    ticket = actions.open_ticket(
        brand_id=network.brand.pk, title="No mail", words=actions.Words("No mail"), contact_id=dans.pk,
        service_id=network.mail.pk, by=actor_of_contact(dans), via=network.doing["via"], at=network.at,
    )  # fmt: skip
    linking_actions.gather_surge(ticket_id=ticket.pk, **network.doing)
    outage = Outage.objects.get()
    assert outage.state == "proposed"
    assert outage.origin == "contacts"
    assert [(one.part, one.effect) for one in outage.failed.all()] == [(network.access, Effect.DOWN)]
    assert Page.objects.get().title == "3 customers at once: access-1"
    ticket.refresh_from_db()
    assert ticket.parent is not None
    assert ticket.parent.outage == outage
    assert outage.began_at == network.at - timedelta(minutes=4)
