"""Who hears of an outage: the rule as examples, and that the statement of SQL says what the rule says."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightdesk.base.ids import uuid7
from nightdesk.base.months import month_of
from nightdesk.channels.models import ContactEndpoint, Delivery
from nightdesk.customers.models import Contact as ContactRow
from nightdesk.outages import audience_query
from nightdesk.outages.audience import Contact, Facts, Hit, Reach, Told, Wish, audience
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Affected, Outage, Touched
from nightdesk.outages.models import Reach as ReachRow
from nightdesk.outages.models import Wish as WishRow
from nightdesk.outages.tests.company import NIGHT, NOON, Network

CLEO = Contact(1, customer=1, email="cleo@acme.example", mobile="+447700900001", zone="Europe/London")
DOWN = Hit(1, customer=1, service=1, effect=Effect.DOWN, worst=Effect.DOWN)
MAIL, TEXT = ("email", "cleo@acme.example"), ("sms", "+447700900001")


def heard(at: datetime = NOON, *, contact: Contact = CLEO, hit: Hit = DOWN, **facts: object) -> set[tuple[str, str]]:
    lines = audience(Facts(at, [hit], [contact], **facts))  # type: ignore[arg-type]
    return {(line.channel, line.address) for line in lines}


def test_whoever_said_nothing_is_mailed_and_texted_by_day_and_only_mailed_at_night() -> None:
    assert heard(NOON) == {MAIL, TEXT}
    assert heard(NIGHT) == {MAIL}


def test_a_milder_effect_texts_nobody_who_did_not_ask_for_it() -> None:
    assert heard(hit=Hit(1, 1, 1, Effect.DEGRADED, Effect.DEGRADED)) == {MAIL}


def test_their_mail_runs_over_the_dead_line_so_they_are_texted_even_at_night() -> None:
    assert heard(NIGHT, reaches=[Reach(1, None, "email", 1)]) == {MAIL, TEXT}


def test_who_said_not_at_night_is_not_texted_for_a_cut_mail() -> None:
    day = Wish(1, 1, None, frozenset({"email", "sms"}), texts_from=480, texts_until=1200)
    assert heard(NIGHT, wishes=[day], reaches=[Reach(1, None, "email", 1)]) == {MAIL}


def test_a_wish_without_hours_leaves_the_night_to_the_switch() -> None:
    text = [Wish(1, 1, None, frozenset({"sms"}))]
    assert heard(NIGHT, wishes=text) == {MAIL}
    assert heard(NIGHT, contact=replace(CLEO, texted_at_night=True), wishes=text) == {TEXT}
    assert heard(NIGHT, wishes=text, reaches=[Reach(1, None, "email", 1)]) == {MAIL, TEXT}


def test_a_wish_of_their_own_stands_before_that_of_their_company_and_one_of_the_service_before_both() -> None:
    company = Wish(1, None, 1, frozenset({"sms"}))
    own = Wish(1, 1, None, frozenset({"email"}))
    of_service = Wish(1, 1, 1, frozenset())
    assert heard(wishes=[company]) == {TEXT}
    assert heard(wishes=[company, own]) == {MAIL}
    assert heard(wishes=[company, own, of_service]) == set()


def test_the_end_is_told_to_whoever_was_told_the_beginning_though_their_wishes_changed() -> None:
    never = Wish(1, 1, None, frozenset())
    over = Hit(1, 1, 1, Effect.WORKS, Effect.DOWN)
    told = [Told(1, "sms", "+447700900777")]
    assert heard(hit=over, wishes=[never], told=told, ending=True) == {("sms", "+447700900777")}
    assert heard(hit=over, wishes=[never], ending=True) == set()


def test_whose_services_work_again_is_told_so_once() -> None:
    over = Hit(1, 1, 1, Effect.WORKS, Effect.DOWN)
    told = [Told(1, *MAIL)]
    assert heard(hit=over, told=told, effect_told={1: Effect.DOWN}) == {MAIL}
    assert heard(hit=over, told=told, effect_told={1: Effect.WORKS}) == set()


def test_without_an_address_the_other_way_is_taken() -> None:
    assert heard(NIGHT, contact=Contact(1, 1, mobile="+447700900001", zone="Europe/London")) == {TEXT}
    assert heard(contact=Contact(1, 1, email="cleo@acme.example")) == {MAIL}


def test_who_left_hears_nothing_but_the_end_of_what_they_were_told() -> None:
    gone = Contact(1, 1, email="cleo@acme.example", left=True)
    assert heard(contact=gone) == set()
    assert heard(contact=gone, told=[Told(1, *MAIL)], ending=True) == {MAIL}


def test_who_set_up_a_browser_or_a_program_is_told_there_on_top() -> None:
    cleo = replace(CLEO, push="b-1", webhook="h-1")
    assert heard(NIGHT, contact=cleo) == {MAIL, ("push", "b-1"), ("webhook", "h-1")}
    assert heard(NIGHT, contact=cleo, wishes=[Wish(1, 1, None, frozenset({"webhook"}))]) == {("webhook", "h-1")}
    assert heard(NIGHT, contact=cleo, wishes=[Wish(1, 1, None, frozenset({"email"}))]) == {MAIL}


def test_mail_takes_the_place_of_a_browser_that_is_gone_and_a_text_that_of_mail_which_is_cut() -> None:
    only_push = [Wish(1, 1, None, frozenset({"push"}))]
    assert heard(wishes=only_push) == {MAIL}
    assert heard(NIGHT, wishes=only_push, reaches=[Reach(1, None, "email", 1)]) == {MAIL, TEXT}


# --- The statement says what the rule says ---------------------------------------------------------------------------


@pytest.fixture
def network(db: None) -> Network:
    return Network(NOON)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), ending=st.booleans(), hour=st.integers(0, 23), minute=st.sampled_from([0, 30]))
def test_the_statement_finds_whom_the_rule_finds(
    network: Network, seed: int, ending: bool, hour: int, minute: int
) -> None:
    at = datetime(2026, 3, 29, hour, minute, tzinfo=UTC)  # the clocks change in Europe
    with transaction.atomic():
        outage, facts = some_facts(network, random.Random(seed), at, ending)
        found = audience_query.lines_of(outage.pk, ending=ending, at=at)
        count = audience_query.count_of(outage.pk, ending=ending, at=at)
        transaction.set_rollback(True)
    assert sorted(found, key=repr) == sorted(audience(facts), key=repr)
    assert count.people == len({line.contact for line in audience(facts)})
    assert sum(count.messages.values()) == len(audience(facts))


def some_facts(network: Network, chance: random.Random, at: datetime, ending: bool) -> tuple[Outage, Facts]:
    """Rows of a random small outage, and the same as facts."""
    outage = Outage.objects.create(
        brand=network.brand,
        number=1,
        title="It",
        state="investigating",
        severity="major",
        origin="person",
        began_at=at,
        proposed_at=at,
        confirmed_at=at,
        changed_at=at,
    )
    hits, contacts, wishes, reaches, told = [], [], [], [], []
    effect_told = {}
    for number in range(chance.randint(1, 3)):
        customer = network.customer(f"C{number}")
        subscriptions = [network.buys(customer, network.line, "a"), network.buys(customer, network.mail, "b")]
        mine = [_contact(network, customer, chance, index) for index in range(chance.randint(0, 3))]
        contacts += mine
        for one in subscriptions:
            worst, effect = Effect(chance.randint(1, 3)), Effect(0 if ending else chance.randint(0, 3))
            worst = max(worst, effect)
            if chance.random() < 0.8:
                hits.append(Hit(one.pk, customer.pk, one.service_id, effect, worst))
                until = None if effect else at
                Touched.objects.create(
                    outage=outage, subscription=one, customer=customer, service=one.service, effect=effect, worst=worst,
                    since=at, until=until,
                )  # fmt: skip
        if chance.random() < 0.7:
            effect_told[customer.pk] = Effect(chance.randint(0, 3))
            Affected.objects.create(
                outage=outage, customer=customer, effect=0, worst=3, services=1, since=at,
                effect_told=effect_told[customer.pk],
            )  # fmt: skip
        whose = [None, *(one.id for one in mine)]
        for contact in whose:
            for service in (None, network.line.pk, network.mail.pk):
                if chance.random() < 0.3:
                    wishes.append(_wish(customer.pk, contact, service, chance, at))
            for channel in ("email", "sms"):
                if chance.random() < 0.2:
                    over = chance.choice(subscriptions).pk
                    reaches.append(Reach(customer.pk, contact, channel, over))
                    ReachRow.objects.create(
                        customer=customer, contact_id=contact, channel=channel, subscription_id=over
                    )
        for one in mine:
            places = {"email": f"old-{one.id}", "sms": f"old-{one.id}", "push": one.push, "webhook": one.webhook}
            for channel, place in places.items():
                if chance.random() < 0.3:
                    was = Told(one.id, channel, place or "01900000-0000-7000-8000-000000000000")
                    _delivery(outage, was, at - timedelta(minutes=5))
                    told += [was] if place else []  # a browser or program that is gone is told no end
    return outage, Facts(at, hits, contacts, wishes, reaches, told, effect_told, ending)


def _contact(network: Network, customer: object, chance: random.Random, index: int) -> Contact:
    row = network.contact(customer, f"P{index}", mobile=chance.random() < 0.7, night=chance.random() < 0.5)  # type: ignore[arg-type]
    zone = chance.choice(["", "America/New_York", "Asia/Kolkata"])
    email = row.email if chance.random() < 0.8 else ""
    gone = chance.random() < 0.15
    ContactRow.objects.filter(pk=row.pk).update(zone=zone, email=email, left_at=network.at if gone else None)
    ends = {channel: _endpoint(row, channel, chance, network.at) for channel in ("push", "webhook")}
    zone = zone or row.customer.zone
    return Contact(row.pk, row.customer_id, email, row.mobile, zone, row.texted_at_night, gone, **ends)


def _endpoint(contact: ContactRow, channel: str, chance: random.Random, at: datetime) -> str:
    """Where they are told besides, as far as it is there and takes anything."""
    if chance.random() < 0.5:
        return ""
    gone = chance.random() < 0.3
    made = ContactEndpoint.objects.create(
        contact=contact, channel=channel, url="https://x.example/", sealed=b"x" if channel == "webhook" else b"",
        made_at=at, gone_at=at if gone else None,
    )  # fmt: skip
    return "" if gone else str(made.pk)


def _wish(customer: int, contact: int | None, service: int | None, chance: random.Random, at: datetime) -> Wish:
    hours = chance.choice([(None, None), (480, 1200), (1320, 360), (600, 600)])
    made = Wish(
        customer,
        contact,
        service,
        frozenset(
            chance.choice(
                [(), ("email",), ("sms",), ("email", "sms"), ("push",), ("webhook", "sms"), ("email", "push")]
            )
        ),
        Effect(chance.randint(1, 3)),
        *hours,
    )
    WishRow.objects.create(
        customer_id=customer, contact_id=contact, service_id=service, channels=sorted(made.channels),
        min_effect=made.min_effect, texts_from=hours[0], texts_until=hours[1], changed_at=at,
    )  # fmt: skip
    return made


def _delivery(outage: Outage, told: Told, at: datetime) -> None:
    row = uuid7(at)
    Delivery.objects.create(
        id=row, month=month_of(at), lane="bulk", due_at=at, created_at=at, message_id=row, occurrence=str(row),
        subject_kind="outage", subject_id=str(outage.pk), recipient_kind="contact", recipient_id=str(told.contact),
        channel=told.channel, address=told.address, state="delivered", ended_at=at,
    )  # fmt: skip
